package inference

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
)

func keeper(t *testing.T, f identity.Files) *identity.Keeper {
	t.Helper()
	k, err := identity.Open(f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func tokenFile(t *testing.T, token string) identity.Files {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return identity.Files{Token: path}
}

// dialDoor opens a connection through a door, over TCP since TLS may block on
// pipes.
func dialDoor(t *testing.T, d *door) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	near.SetDeadline(time.Now().Add(10 * time.Second))
	d.enter(t.Context(), far)
	return near
}

const token = "a token of the test"

// The control port obeys who has a token of its file, and nobody else.
func TestControlPortWantsItsToken(t *testing.T) {
	tests := []struct {
		name     string
		wants    bool
		greeting string
		ok       bool
	}{
		{"the token", true, "sluice " + token + "\n", true},
		{"none", true, "", false},
		{"another one", true, "sluice another token of the test\n", false},
		{"its beginning", true, "sluice a token of the te\n", false},
		{"an empty one", true, "sluice \n", false},
		{"no greeting", true, token + "\n", false},
		{"a long line", true, "sluice " + strings.Repeat("x", 300) + "\n", false},
		{"http", true, "GET / HTTP/1.1\r\n\r\n", false},
		{"not wanted, none", false, "", true},
		{"not wanted, one", false, "sluice " + token + "\n", true},
		{"not wanted, noise", false, "GET / HTTP/1.1\r\n\r\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			task := newToyTask(t, newToyShop())
			if tt.wants {
				task.o.Control = keeper(t, tokenFile(t, token))
			}
			task.control.porch.time = time.Minute // however slow this machine is
			conn := dialDoor(t, task.control)
			if _, err := conn.Write([]byte(tt.greeting)); err != nil {
				t.Fatal(err)
			}
			c := control.NewControlClient(thriftClient(conn, FramedBinary))
			for range 2 { // once per connection is enough
				s, err := c.Status(t.Context())
				if (err == nil) != tt.ok || tt.ok && s.Task != "task-1" {
					t.Fatalf("%v, %v", s, err)
				}
				if !tt.ok {
					break
				}
			}
			conn.Close()
			task.control.inside.Wait()
			if n := counterOf(t, task, "sluice_control_refused_total", "token"); (n == 1) == tt.ok {
				t.Errorf("%v refusals counted", n)
			}
		})
	}
}

// Both ports speak TLS where they have a certificate, and the control port only
// with who has one, too.
func TestPortsOverTLS(t *testing.T) {
	pki, other := identitytest.New(t), identitytest.New(t)
	task := newToyTask(t, newToyShop(low))
	force(t, task, assignment{release: low.digest(), buckets: 1})
	task.control.known, task.control.porch.time = keeper(t, pki.Server), time.Minute
	task.data.known = keeper(t, identity.Files{Cert: pki.Server.Cert, Key: pki.Server.Key})

	status := func(conn net.Conn) error {
		_, err := control.NewControlClient(thriftClient(conn, FramedBinary)).Status(t.Context())
		conn.Close()
		return err
	}
	if err := status(tls.Client(dialDoor(t, task.control), keeper(t, pki.Client).Client())); err != nil {
		t.Errorf("the controller: %v", err)
	}
	for name, conn := range map[string]net.Conn{
		"without TLS":           dialDoor(t, task.control),
		"without a certificate": tls.Client(dialDoor(t, task.control), &tls.Config{InsecureSkipVerify: true}),
		"of another CA":         tls.Client(dialDoor(t, task.control), keeper(t, other.Client).Client()),
		"as a task":             tls.Client(dialDoor(t, task.control), keeper(t, pki.Server).Client()),
	} {
		if status(conn) == nil {
			t.Errorf("somebody %s is let in", name)
		}
	}
	task.control.inside.Wait()
	if n := counterOf(t, task, "sluice_control_refused_total", "tls"); n != 4 {
		t.Errorf("%v refusals counted", n)
	}

	for _, d := range []Dialect{FramedBinary, UnframedCompact} {
		conn := tls.Client(dialDoor(t, task.data), &tls.Config{InsecureSkipVerify: true})
		for range 3 {
			got, err := client(conn, d).Decide(t.Context(), &openrtb.AuctionRequest{}, twenty())
			if err != nil || len(got.Partners) != 20 {
				t.Fatalf("%s: %v, %v", d, got, err)
			}
		}
		conn.Close()
	}
	if _, err := client(dialDoor(t, task.data), FramedBinary).Decide(context.Background(), usual(), nil); err == nil {
		t.Error("the data port answers without TLS")
	}
}
