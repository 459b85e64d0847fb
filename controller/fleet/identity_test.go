package fleet

import (
	"bufio"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
)

// A connection begins with TLS and the token, and a task that hangs up is told
// from one that is not there.
func TestIntroducesItself(t *testing.T) {
	pki := identitytest.New(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a token of the test\nan older one to come\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known := func(f identity.Files) *identity.Keeper {
		k, err := identity.Open(f, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := make(chan string, 1)
	task := known(pki.Server).Server()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(10 * time.Second))
			line, err := bufio.NewReader(tls.Server(c, task)).ReadString('\n')
			if err != nil {
				line = err.Error()
			}
			heard <- line
			c.Close()
		}
	}()
	files := pki.Client
	files.Token = token
	c := New(Options{Credentials: known(files), Timeout: 10 * time.Second})
	defer c.Close()
	_, err = c.Status(context.Background(), rollout.Task{ID: "t", Address: l.Addr().String()})
	if got := <-heard; got != "sluice a token of the test\n" {
		t.Errorf("heard %q", got)
	}
	if err == nil || !strings.Contains(err.Error(), "--control-token-file") {
		t.Errorf("hung up on: %v", err)
	}
	stranger := New(Options{Credentials: known(identitytest.New(t).Client), Timeout: 10 * time.Second})
	defer stranger.Close()
	if _, err = stranger.Status(context.Background(), rollout.Task{ID: "t", Address: l.Addr().String()}); err == nil || !strings.Contains(err.Error(), "certificates") {
		t.Errorf("a stranger: %v", err)
	}
	<-heard
}

// A task with no room for strangers may end the handshake: that is no proof
// that certificates do not fit.
func TestHangsUpInTheHandshake(t *testing.T) {
	pki := identitytest.New(t)
	known, err := identity.Open(pki.Client, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{Credentials: known, Dial: func(context.Context, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			_, _ = far.Read(make([]byte, 1<<16))
			_ = far.Close()
		}()
		return near, nil
	}})
	defer c.Close()
	_, err = c.Status(t.Context(), rollout.Task{ID: "t", Address: "a"})
	if err == nil || !strings.Contains(err.Error(), "a hangs up: ") || strings.Contains(err.Error(), "do the certificates") {
		t.Error(err)
	}
}
