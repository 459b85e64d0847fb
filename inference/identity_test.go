package inference

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/identity/identitytest"
	"github.com/sluicehq/sluice/idl/gen/adfilter"
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

// page is what the HTTP port answers.
func (l *onLoopback) page(t *testing.T, path string) string {
	t.Helper()
	answer, err := http.Get("http://" + l.web + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shaken opens an encrypted connection, and says whose certificate it saw.
func shaken(address string, as *tls.Config) (conn *tls.Conn, leaf []byte, err error) {
	if conn, err = tls.Dial("tcp", address, as); err != nil {
		return nil, nil, err
	}
	return conn, conn.ConnectionState().PeerCertificates[0].Raw, nil
}

const (
	notInOrder = "credentials are not in order, what was read before serves on"
	readAgain  = "credentials read again"
)

// Files of both ports are replaced while auctions are held over connections
// that stay and over new ones: no call fails, what is wrong is told where
// people look, and what is right is in force at once.
func TestCredentialsRotateUnderLoad(t *testing.T) {
	before, after, trusted := identitytest.New(t), identitytest.New(t), identitytest.New(t)
	log := &lines{out: make(chan map[string]any, 1000)}
	o := toyOptions(newToyShop(hash))
	o.Log = slog.New(slog.NewJSONHandler(log, nil))
	o.DrainDelay, o.MaxWait, o.Deadline = 0, time.Minute, time.Minute
	files := identity.Files{Cert: before.Server.Cert, Key: before.Server.Key}
	steering := trusted.Server
	steering.Token = tokenFile(t, token).Token
	var err error
	if o.Data, err = identity.Open(files, o.Log); err != nil {
		t.Fatal(err)
	}
	if o.Control, err = identity.Open(steering, o.Log); err != nil {
		t.Fatal(err)
	}
	task, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	task.loader.open = o.Fetch.(*toyShop).open
	task.control.porch.time = time.Minute
	force(t, task, assignment{release: hash.digest(), buckets: 1})
	l := onPorts(t, task)
	load := auctionsOver(t, l.data)

	leaf := func() []byte {
		t.Helper()
		conn, leaf, err := shaken(l.data, anyHost)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		return leaf
	}
	bad := func(data, control int) {
		t.Helper()
		said := l.page(t, "/metrics")
		for port, n := range map[string]int{"data": data, "control": control} {
			if line := fmt.Sprintf("sluice_credentials_bad{port=%q} %d\n", port, n); !strings.Contains(said, line) {
				t.Errorf("metrics do not say %q", line)
			}
		}
	}
	was := leaf()
	identitytest.Put(t, files.Cert, identitytest.Bytes(t, after.Server.Cert)) // its key is not there yet
	if line := log.await(t, notInOrder); !strings.Contains(line["err"].(string), files.Key) {
		t.Errorf("logged %v", line)
	}
	bad(1, 0)
	if ready := l.page(t, "/readyz"); !strings.Contains(ready, `"ready":true`) || !strings.Contains(ready, "private key does not match") {
		t.Errorf("readyz says %s", ready)
	}
	if !bytes.Equal(leaf(), was) {
		t.Error("a certificate without its key is shown")
	}
	identitytest.Put(t, files.Key, identitytest.Bytes(t, after.Server.Key))
	log.await(t, readAgain)
	bad(0, 0)
	if bytes.Equal(leaf(), was) || strings.Contains(l.page(t, "/readyz"), "warning") {
		t.Error("the newer certificate is not in force")
	}
	expires := fmt.Sprintf(`sluice_certificate_expires_seconds{port="data"} %v`, float64(o.Data.Expires().Unix()))
	if said := l.page(t, "/metrics"); !strings.Contains(said, expires) {
		t.Errorf("metrics do not say %s", expires)
	}

	// status asks over a connection of its own, by a token.
	status := func(token string) error {
		mine := trusted.Client
		mine.Token = tokenFile(t, token).Token
		known := keeper(t, mine)
		conn, _, err := shaken(l.control, known.Client())
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.Write(known.Greeting())
		_, err = control.NewControlClient(thriftClient(conn, FramedBinary)).Status(t.Context())
		return err
	}
	const newer = "a newer token of the test"
	identitytest.Put(t, steering.Token, []byte(newer[:5])) // half written
	until(t, "the task to look", func() bool { return status(token) != nil || task.o.Control.Trouble() != nil })
	bad(0, 1)
	if err := status(token); err != nil {
		t.Errorf("by the token that was read before: %v", err)
	}
	identitytest.Put(t, steering.Token, []byte(newer))
	until(t, "the task to accept the newer token", func() bool { return status(newer) == nil })
	if status(token) == nil {
		t.Error("the older token is still good")
	}
	other := identitytest.New(t)
	identitytest.Put(t, steering.CA, identitytest.Bytes(t, other.Server.CA))
	until(t, "the task to refuse the older CA's", func() bool { return status(newer) != nil })
	bad(0, 0)
	if n := counterOf(t, task, "sluice_control_refused_total", "tls"); n == 0 {
		t.Error("refusals are not counted")
	}
	load()
	l.stop()
	if err := <-l.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// anyHost takes any certificate.
var anyHost = &tls.Config{InsecureSkipVerify: true}

// until waits for something that the task does in its own time.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for by := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(by) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// auctionsOver holds auctions over encrypted connections that stay and over new
// ones until end is called; all must be answered.
func auctionsOver(t *testing.T, address string) (end func()) {
	var all sync.WaitGroup
	over := make(chan struct{})
	hold := func(c *adfilter.AdFilterClient) {
		switch got, err := c.Decide(t.Context(), ask("x"), twenty()); { // however long it takes
		case err != nil:
			t.Errorf("an auction is lost: %v", err)
		case got.Degraded || len(got.Partners) != 20:
			t.Errorf("answered %v", got)
		}
	}
	for _, d := range []Dialect{FramedBinary, UnframedCompact, FramedCompact, UnframedBinary} {
		all.Go(func() {
			stays, _, err := shaken(address, anyHost)
			if err != nil {
				t.Error(err)
				return
			}
			defer stays.Close()
			for c := client(stays, d); ; {
				hold(c)
				fresh, _, err := shaken(address, anyHost)
				if err != nil {
					t.Errorf("nobody is let in: %v", err)
					return
				}
				hold(client(fresh, d))
				fresh.Close()
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	return func() { close(over); all.Wait() }
}
