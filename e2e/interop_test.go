package e2e

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/identity/identitytest"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

var interop = flag.Bool("interop", false, "call a task from clients in other languages, which are installed from their registries")

// missing is the status of a client whose tools are missing.
const missing = 77

// clientLanguages are those that deploy/clients has a client of.
var clientLanguages = []string{"python", "thriftpy2", "java", "node", "rust", "cpp", "c_glib", "ruby", "php", "go"}

// TestInterop lets clients in other languages call a task with code generated
// from the published IDL: the old libraries in their default settings, and the
// newest ones in clients that close a connection after a time-out, ask once
// more where it was closed, stay within the limits, and speak TLS.
func TestInterop(t *testing.T) {
	if !*interop {
		t.Skip("installs packages: make interop, or go test -run TestInterop ./e2e -interop")
	}
	b := newBare(t, 1, "baseline")
	task := b.tasks[0]
	for _, script := range []string{"python.sh", "java.sh"} {
		t.Run(script, func(t *testing.T) {
			outside(t, exec.CommandContext(t.Context(), filepath.Join("..", "deploy", "interop", script), task.data, b.digests[0]))
		})
	}
	pki := identitytest.New(t)
	secure := b.startTask("secure", "--cert", pki.Server.Cert, "--key", pki.Server.Key)
	known := []string{
		"ADDRESS=" + task.data, "RELEASE=" + b.digests[0], "TLS=" + strings.Replace(secure.data, "127.0.0.1", "localhost", 1), "CA=" + pki.Server.CA,
		"SCORE=" + knownScore(t, publishedKnown, "almera"), "OTHER=" + knownScore(t, publishedKnown, "bidello"), "DECIDED=" + knownScore(t, auctionKnown, "almera"),
	}
	for _, language := range clientLanguages {
		t.Run(language, func(t *testing.T) {
			outside(t, clientOf(t, language, task.data, known))
			other := clientOf(t, language, task.data, append(slices.Clone(known), "TLS="+secure.data)) // which the certificate does not name
			if said, err := other.CombinedOutput(); err == nil {
				t.Errorf("takes another host's certificate: %s", said)
			}
			if language == "c_glib" {
				return // its library shows nobody the socket before the handshake is over
			}
			mute := clientOf(t, language, task.data, append(slices.Clone(known), "TLS="+silent(t)))
			if said, ended := endsBy(t, mute, 5*time.Minute); !ended {
				t.Errorf("waits for ever for TLS to begin: %s", said)
			}
		})
	}
	for _, one := range []bareTask{task, secure} {
		if err := one.process.stop(); err != nil {
			t.Error(err)
		}
	}
}

// clientOf is a client that is about to be run, with a network that fails it.
func clientOf(t *testing.T, language, task string, known []string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join("..", "deploy", "clients", "run.sh"), language)
	c.Env = append(append(c.Environ(), known...), "CUTS="+between(t, task, cuts), "STALLS="+between(t, task, stalls))
	return c
}

// outside runs a client.
func outside(t *testing.T, c *exec.Cmd) {
	t.Helper()
	said, err := c.CombinedOutput()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.ExitCode() == missing:
		t.Skipf("%s", said)
	case err != nil:
		t.Fatalf("%v\n%s", err, said)
	}
	t.Logf("%s", said)
}

// endsBy runs a client, and ends it where it takes longer.
func endsBy(t *testing.T, c *exec.Cmd, most time.Duration) (said string, ended bool) {
	t.Helper()
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // run.sh and what it runs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	over := time.AfterFunc(most, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	_ = c.Wait() // it fails either way
	return out.String(), over.Stop()
}

// silent takes connections and never says a word.
func silent(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1)
}

// What every client asks, as the auction that it comes to.
const (
	publishedKnown = `{"id":"bid-1","imp":[{"bidfloor":1}],"site":{"domain":"example.com"},"device":{"ua":"Mozilla/5.0","devicetype":2,"geo":{"region":"CA","city":"Zürich"}}}`
	auctionKnown   = `{"id":"auction-1","imp":[{"id":"1","bidfloor":0.5,"banner":{"w":300,"h":250}}],"site":{"domain":"example.com","cat":["IAB7"]},` +
		`"device":{"ua":"Mozilla/5.0","devicetype":2,"lmt":0,"geo":{"country":"DEU"}}}`
)

// knownScore is what the baseline says of a request, without a task.
func knownScore(t *testing.T, request, partner string) string {
	t.Helper()
	body, err := model("baseline")
	if err != nil {
		t.Fatal(err)
	}
	r, err := release.Open(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Manifest.Contract.Features {
		if slices.Contains(f.Source, "hour") || slices.Contains(f.Source, "dow") {
			t.Fatalf("%s depends on when it is asked", f.Name)
		}
	}
	q, err := feature.ParseJSON([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, r.Features.Len())
	r.Features.Extract(row, &q, partner)
	return strconv.FormatFloat(float64(r.Model.Score(row)), 'g', -1, 64)
}

// between listens before a task, and lets play deal with the first connection.
// Later ones it only passes on.
func between(t *testing.T, task string, play func(client, task net.Conn) error) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var inside sync.WaitGroup
	t.Cleanup(inside.Wait)
	t.Cleanup(func() { l.Close() })
	inside.Go(func() {
		for first := true; ; first = false {
			client, err := l.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("tcp", task)
			if err != nil {
				t.Error(err)
				client.Close()
				return
			}
			inside.Go(func() {
				if !first {
					passOn(client, behind)
				} else if err := play(client, behind); err != nil {
					t.Error(err)
				}
				client.Close()
				behind.Close()
			})
		}
	})
	return l.Addr().String()
}

func passOn(client, task net.Conn) {
	go func() {
		_, _ = io.Copy(client, task)
		client.Close()
	}()
	_, _ = io.Copy(task, client) // the client ends it
}

// cuts ends a connection after its first answer, as a task does with old ones.
func cuts(client, task net.Conn) error {
	answer, err := oneCall(client, task)
	if err == nil {
		_, err = client.Write(answer)
	}
	return err
}

// stalls keeps an answer back until the client has gone, or asks again: then
// that call gets the first one's answer.
func stalls(client, task net.Conn) error {
	answer, err := oneCall(client, task)
	if err != nil {
		return err
	}
	if n, _ := client.Read(make([]byte, 1)); n > 0 {
		_, err = client.Write(answer)
	}
	return err
}

// oneCall takes a call to the task, however many pieces it comes in, and
// returns its answer, which tasks write in one.
func oneCall(client, task net.Conn) (answer []byte, err error) {
	taken := make(chan struct{})
	go func() {
		_, _ = io.Copy(task, client) // until there is an answer
		close(taken)
	}()
	answer = make([]byte, 4096)
	n, err := task.Read(answer)
	if e := client.SetReadDeadline(time.Now()); err == nil {
		err = e
	}
	<-taken
	return answer[:n], errors.Join(err, client.SetReadDeadline(time.Time{}))
}
