package api_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// proxy is one that people put before a controller, as deploy/proxy has it.
type proxy struct {
	name, program, file string
	without             string // line that is left out
}

// As nginx is by itself, it speaks HTTP/1.0 to whom it asks, and holds back what
// does not fill a buffer.
var proxies = []proxy{
	{name: "nginx", program: "nginx", file: "nginx.conf"},
	{name: "nginx by itself", program: "nginx", file: "nginx.conf", without: "proxy_http_version 1.1;"},
	{name: "haproxy", program: "haproxy", file: "haproxy.cfg"},
}

func (x proxy) args(conf, dir string) []string {
	if x.program == "nginx" {
		return []string{"-p", dir, "-c", conf, "-g", "daemon off;"}
	}
	return []string{"-db", "-f", conf}
}

// proxied is a real proxy in front of a server.
type proxied struct {
	t       *testing.T
	program string
	args    []string
	address string
	process *exec.Cmd
}

// behind starts that proxy before a server of f; the test skips where the proxy
// is not installed.
func behind(t *testing.T, x proxy, f api.Fleets, o api.Options) (*proxied, api.Client) {
	t.Helper()
	program, err := exec.LookPath(x.program)
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/" + x.program); err != nil {
			t.Skipf("SKIPPED: %s is not installed, so that nobody knows whether streams go through it: apt-get install %s", x.program, x.program)
		}
	}
	o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	c := apitest.Serve(t, f, o)
	text, err := os.ReadFile("../deploy/proxy/" + x.file)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	p := &proxied{t: t, program: program, address: l.Addr().String()}
	l.Close()
	dir := t.TempDir()
	conf := filepath.Join(dir, x.file)
	told := strings.NewReplacer("127.0.0.1:8080", strings.TrimPrefix(c.Base, "http://"), "127.0.0.1:8000", p.address, cmp.Or(x.without, "\n\n\n"), "").Replace(string(text))
	if err := os.WriteFile(conf, []byte(told), 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = x.args(conf, dir)
	p.start()
	t.Cleanup(p.stop)
	return p, api.Client{Base: "http://" + p.address}
}

func (p *proxied) start() {
	p.t.Helper()
	p.process = exec.Command(p.program, p.args...)
	p.process.Stderr = os.Stderr
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	for tries := 0; ; tries++ { // until it listens
		c, err := net.Dial("tcp", p.address)
		if err == nil {
			c.Close()
			return
		}
		if tries == 600 {
			p.t.Fatalf("%s does not listen: %v", p.program, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *proxied) stop() {
	_ = p.process.Process.Signal(os.Interrupt)
	_ = p.process.Wait()
}

// News goes through a proxy one by one: each thing happens only after the one
// before was heard, which takes many seconds where a proxy holds back the little
// that there is to say.
func TestStreamGoesThroughProxies(t *testing.T) {
	for _, x := range proxies {
		t.Run(x.name, func(t *testing.T) {
			f := &apitest.Fake{Saved: rollout.State{Fleet: "demo"}}
			_, c := behind(t, x, f, api.Options{})
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			heard := 0
			err := c.Follow(ctx, "demo", 0, func(n api.News) bool {
				if n.Look == nil && n.Event == nil {
					t.Errorf("heard %+v", n)
				}
				if n.Event != nil {
					heard++
				}
				if n.Event != nil || heard == 0 {
					f.Tell(rollout.Event{At: noon, Reason: rollout.Found, Sentence: "and one more"})
				}
				return heard < 30
			})
			if err != nil {
				t.Errorf("after %d events: %v", heard, err)
			}
		})
	}
}

// Where the proxy begins anew in the middle of it, a client that comes back gets
// what it missed, each once.
func TestStreamResumesThroughProxies(t *testing.T) {
	for _, x := range proxies {
		t.Run(x.name, func(t *testing.T) {
			f := &apitest.Fake{Saved: rollout.State{Fleet: "demo"}}
			tell := func() { f.Tell(rollout.Event{At: noon, Reason: rollout.Found, Sentence: "something"}) }
			tell()
			p, c := behind(t, x, f, api.Options{})
			var last int64
			err := c.Follow(t.Context(), "demo", 0, func(n api.News) bool {
				if n.Event != nil {
					last = n.Event.Seq
					p.stop()
				}
				return true
			})
			if err == nil || last != 1 {
				t.Fatalf("the stream outlived its proxy after %d: %v", last, err)
			}
			tell()
			tell()
			p.start()
			if seqs, gaps := follow(t, c, last, 2); gaps != 0 || fmt.Sprint(seqs) != "[2 3]" {
				t.Errorf("after 1 come %v with %d gaps, want 2 and 3", seqs, gaps)
			}
		})
	}
}

// Behind a proxy, too, no client takes the streams of all, whatever it says of
// itself; and the proxy tells methods and refusals as they are.
func TestClientsAreToldApartBehindProxies(t *testing.T) {
	for _, x := range proxies {
		t.Run(x.name, func(t *testing.T) {
			_, c := behind(t, x, apitest.Scene("canary", noon), api.Options{Streams: 8})
			for _, tt := range []struct {
				from string
				code int
			}{{"127.0.0.2", 200}, {"127.0.0.2", 200}, {"127.0.0.2", 429}, {"127.0.0.3", 200}} {
				if code, says := streamFrom(t, c.Base, tt.from); code != tt.code || code == 429 && !strings.Contains(says, tt.from+" has 2 streams") {
					t.Errorf("from %s: %d %s, want %d", tt.from, code, says, tt.code)
				}
			}
			c.HTTP = http.DefaultClient
			if got := send(t, c, http.MethodDelete, "/v1/fleets/demo"); got.status != http.StatusMethodNotAllowed || got.allow != "GET, HEAD" {
				t.Errorf("DELETE: %+v", got)
			}
			if got := send(t, c, http.MethodHead, "/v1/fleets/demo"); got.status != http.StatusOK || got.kind != "application/json" {
				t.Errorf("HEAD: %+v", got)
			}
			if _, err := c.Fleet(t.Context(), "nope"); !errors.Is(err, api.ErrNotFound) {
				t.Errorf("a fleet that is not there: %v", err)
			}
		})
	}
}
