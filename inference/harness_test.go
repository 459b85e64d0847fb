package inference

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

// toy is a release whose behaviour is written in its archive.
type toy struct {
	Score     float32 // of every row, where Seed is 0
	Seed      uint64  // else the score is a hash of row and seed
	Threshold float32
	Breaks    string // panic, nan, golden, format
	Spin      int    // times something useless for every partner
	Pad       string
}

func (a toy) archive() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return b
}

func (a toy) digest() string {
	sum := sha256.Sum256(a.archive())
	return hex.EncodeToString(sum[:])
}

// rate is what the toy's model answers; the oracle calls it too.
func (a toy) rate(id, partner string) float32 { return a.likelihood(id, partnerHash(partner)) }

func (a toy) likelihood(id string, partner uint32) float32 {
	switch {
	case a.Breaks == "nan":
		return float32(math.NaN())
	case a.Seed == 0:
		return a.Score
	}
	return float32(mix(hashID(id)^uint64(partner), a.Seed)>>40) / (1 << 24)
}

type toyModel struct{ is toy }

func (toyModel) Partner(name string) uint32 { return partnerHash(name) }

func (m toyModel) Score(_ *release.Scratch, r *feature.Request, partners []uint32, scores []float32) {
	spin := uint64(0)
	for range m.is.Spin * len(partners) {
		spin = mix(spin, m.is.Seed)
	}
	if m.is.Breaks == "panic" {
		panic("toy model breaks")
	}
	for i, p := range partners {
		scores[i] = m.is.likelihood(r.ID, p)
	}
	if spin == 1 { // never, but that is not known before
		scores[0] = 0
	}
}

// toyShop is the bucket and the opener of toys.
type toyShop struct {
	mu      sync.Mutex
	objects map[string][]byte
	fetched map[string]int
	opened  atomic.Int64
	hold    chan struct{} // when set, archives wait for it
}

func newToyShop(toys ...toy) *toyShop {
	s := &toyShop{objects: map[string][]byte{}, fetched: map[string]int{}}
	for _, a := range toys {
		s.put(release.ArchiveKey(a.digest()), a.archive())
	}
	return s
}

func (s *toyShop) put(key string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = b
}

func (s *toyShop) setDefault(digest string) {
	s.put(release.FleetKey("toys"), fmt.Appendf(nil, `{"fleet":"toys","default":%q}`, digest))
}

func (s *toyShop) fetches(digest string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetched[release.ArchiveKey(digest)]
}

func (s *toyShop) Fetch(ctx context.Context, key string, limit int64) ([]byte, error) {
	s.mu.Lock()
	s.fetched[key]++
	b, ok := s.objects[key]
	hold := s.hold
	s.mu.Unlock()
	if hold != nil && key != release.FleetKey("toys") {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch {
	case !ok:
		return nil, ErrNotFound
	case int64(len(b)) > limit:
		return nil, ErrTooLarge
	}
	return b, nil
}

func (s *toyShop) open(digest string, archive []byte) (*arm, error) {
	s.opened.Add(1)
	var a toy
	if err := json.Unmarshal(archive, &a); err != nil {
		return nil, err
	}
	switch a.Breaks {
	case "golden", "format":
		return nil, &loadError{digest, a.Breaks, true, errors.New("as the test wants it")}
	}
	return newArm(digest, toyModel{a}, func(string) float32 { return a.Threshold }), nil
}

func toyOptions(shop *toyShop) Options {
	o := DefaultOptions()
	o.Name, o.Fleet, o.Fetch, o.Log = "task-1", "toys", shop, slog.New(slog.DiscardHandler)
	return o
}

func newToyTask(t testing.TB, shop *toyShop) *Task {
	t.Helper()
	task, err := New(toyOptions(shop))
	if err != nil {
		t.Fatal(err)
	}
	task.loader.open = shop.open
	return task
}

// force brings an assignment into force without ports or goroutines.
func force(t testing.TB, task *Task, a assignment) {
	t.Helper()
	if err := task.orders.take(a, 1, time.Now()); err != nil {
		t.Fatal(err)
	}
	<-task.orders.wake
	task.prepare(t.Context(), a, time.Now(), false)
	if now := task.serving.Load(); now == nil || now.assignment != a {
		t.Fatalf("in force is %+v, want %+v: %+v", now, a, task.orders.failure)
	}
}

// pipes is a listener whose connections are net.Pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// running is a task under test with its ports.
type running struct {
	t                   *testing.T
	task                *Task
	data, control, http *pipes
	stop                context.CancelFunc
	done                chan error
	boot                string // that positions are of
}

// start runs a task in the bubble of synctest; it is drained at the end.
func start(t *testing.T, task *Task) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{t: t, task: task, data: newPipes(), control: newPipes(), http: newPipes(), stop: stop, done: make(chan error, 1)}
	go func() { r.done <- task.Run(ctx, Listeners{r.data, r.control, r.http}) }()
	synctest.Wait()
	return r
}

func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run: %v", err)
	}
}

// client speaks one dialect over a connection.
func client(conn io.ReadWriter, d Dialect) *adfilter.AdFilterClient {
	return adfilter.NewAdFilterClient(thriftClient(conn, d))
}

func thriftClient(conn io.ReadWriter, d Dialect) thrift.TClient {
	conf := &thrift.TConfiguration{}
	var transport thrift.TTransport = thrift.NewStreamTransportRW(conn)
	if d == FramedBinary || d == FramedCompact {
		transport = thrift.NewTFramedTransportConf(transport, conf)
	}
	var factory thrift.TProtocolFactory = thrift.NewTBinaryProtocolFactoryConf(conf)
	if d == FramedCompact || d == UnframedCompact {
		factory = thrift.NewTCompactProtocolFactoryConf(conf)
	}
	return thrift.NewTStandardClient(factory.GetProtocol(transport), factory.GetProtocol(transport))
}

func (r *running) dial(d Dialect) (*adfilter.AdFilterClient, net.Conn) {
	r.t.Helper()
	conn, err := r.data.dial()
	if err != nil {
		r.t.Fatal(err)
	}
	return client(conn, d), conn
}

// controller returns a client of the control port; hang up when done.
func (r *running) controller() (*control.ControlClient, func()) {
	r.t.Helper()
	conn, err := r.control.dial()
	if err != nil {
		r.t.Fatal(err)
	}
	return control.NewControlClient(thriftClient(conn, FramedBinary)), func() { conn.Close() }
}

// assign asks for a and waits until the task has nothing left to do.
func (r *running) assign(a *control.Assignment) *control.Status {
	r.t.Helper()
	c, hangUp := r.controller()
	defer hangUp()
	if _, err := c.Assign(r.t.Context(), a); err != nil {
		r.t.Fatalf("assign: %v", err)
	}
	synctest.Wait()
	return r.status()
}

func (r *running) status() *control.Status {
	r.t.Helper()
	c, hangUp := r.controller()
	defer hangUp()
	s, err := c.Status(r.t.Context())
	if err != nil {
		r.t.Fatalf("status: %v", err)
	}
	return s
}

// counted asks what was counted under a generation, of the boot that is known
// from the time before; lose loses the answer.
func (r *running) counted(generation, after int64, lose bool) (*control.Counted, error) {
	r.t.Helper()
	conn, err := r.control.dial()
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	c := control.NewControlClient(thriftClient(&muffled{conn, lose}, FramedBinary))
	if r.boot == "" {
		r.boot = r.task.boot
	}
	return c.Counted(r.t.Context(), &control.Position{Generation: generation, Boot: r.boot, After: after})
}

// get asks the HTTP port.
func (r *running) get(path string) (int, string) {
	r.t.Helper()
	web := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return r.http.dial() },
	}}
	answer, err := web.Get("http://task" + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func ask(id string) *openrtb.AuctionRequest { return &openrtb.AuctionRequest{ID: &id} }

func assigned(a toy, generation int64) *control.Assignment {
	return &control.Assignment{Release: a.digest(), Buckets: 16, Epoch: 1, Generation: generation}
}
