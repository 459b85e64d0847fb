package auction

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
)

// errHangUp, returned by a decider, closes the connection without an answer.
var errHangUp = thrift.ErrAbandonRequest

// decider answers auction n, which the world below writes into its id.
type decider func(n uint64, partners []string) (*adfilter.Decision, error)

// fleet is a server on the generated processor.
type fleet struct {
	decide   decider
	protocol Protocol
	hear     func(*openrtb.AuctionRequest, []string) // sees each request, where set
	filter   func(*adfilter.BidRequest) *adfilter.BidResponse

	calls     atomic.Int64
	now, most atomic.Int64 // calls being decided, and the most there ever were

	mu       sync.Mutex
	outcomes []*adfilter.Outcome
	conns    map[net.Conn]bool
	serving  sync.WaitGroup
}

func (f *fleet) Filter(_ context.Context, r *adfilter.BidRequest) (*adfilter.BidResponse, error) {
	if f.filter == nil {
		return nil, errors.New("not here")
	}
	return f.filter(r), nil
}

func (f *fleet) Decide(_ context.Context, r *openrtb.AuctionRequest, partners []string) (*adfilter.Decision, error) {
	defer f.now.Add(-1)
	now := f.now.Add(1)
	for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
	}
	if f.hear != nil {
		f.hear(r, partners)
	}
	n, err := strconv.ParseUint(r.GetID(), 10, 64)
	if err != nil { // another world's
		n = uint64(f.calls.Add(1))
	}
	return f.decide(n, partners)
}

func (f *fleet) Report(_ context.Context, outcomes []*adfilter.Outcome) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outcomes = append(f.outcomes, outcomes...)
	return nil
}

// serve answers one connection until it ends.
func (f *fleet) serve(c net.Conn) {
	f.mu.Lock()
	if f.conns == nil {
		f.conns = map[net.Conn]bool{}
	}
	f.conns[c] = true
	f.mu.Unlock()
	f.serving.Go(func() {
		defer c.Close()
		conf := &thrift.TConfiguration{}
		var t thrift.TTransport = thrift.NewStreamTransportRW(c)
		if f.protocol == "" || f.protocol == FramedBinary || f.protocol == FramedCompact {
			t = thrift.NewTFramedTransportConf(t, conf)
		}
		var p thrift.TProtocol = thrift.NewTBinaryProtocolConf(t, conf)
		if f.protocol == Compact || f.protocol == FramedCompact {
			p = thrift.NewTCompactProtocolConf(t, conf)
		}
		processor := adfilter.NewAdFilterProcessor(f)
		for {
			if more, _ := processor.Process(context.Background(), p, p); !more {
				return
			}
		}
	})
}

// listen serves over a real socket until the test ends, and returns its address
// and what kills it: all connections are reset and no new ones are taken.
func (f *fleet) listen(t testing.TB) (addr string, kill func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.serve(c)
		}
	})
	kill = func() {
		l.Close()
		f.hangUp()
	}
	t.Cleanup(func() {
		kill()
		accepting.Wait()
		f.serving.Wait()
	})
	return l.Addr().String(), kill
}

// reported waits until the connections have ended and returns what came in.
func (f *fleet) reported() []*adfilter.Outcome {
	f.serving.Wait()
	return f.outcomes
}

// hangUp closes all connections, as the kernel does for a killed process.
func (f *fleet) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
		delete(f.conns, c)
	}
}

// pipe is a dial for a fleet in the same bubble of time.
func (f *fleet) pipe(context.Context, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	f.serve(theirs)
	return ours, nil
}

// plainWorld asks four partners; "north" bids always, "south" in every second
// auction, "west" is never asked but would bid.
type plainWorld struct{}

func (plainWorld) Auction(n uint64, _ time.Time) world.Auction {
	a := world.Auction{
		Request:  feature.Absent(),
		Partners: []string{"east", "north", "south", "void"},
		Bidders:  []string{"north", "west"},
	}
	a.Request.ID = strconv.FormatUint(n, 10)
	if n%2 == 0 {
		a.Bidders = append(a.Bidders, "south")
	}
	return a
}

// decided is a decision that filters some partners.
func decided(n uint64, release string, partners []string, filtered ...string) *adfilter.Decision {
	d := &adfilter.Decision{Release: release, Receipt: []byte(strconv.FormatUint(n, 10))}
	for _, p := range partners {
		one := &adfilter.PartnerDecision{Partner: p, Score: 0.5}
		for _, f := range filtered {
			one.Filtered = one.Filtered || f == p
		}
		d.Partners = append(d.Partners, one)
	}
	return d
}

func forwardAll(n uint64, partners []string) (*adfilter.Decision, error) {
	return decided(n, "r1", partners), nil
}

// small is a config that tests start from.
func small() Config {
	return Config{
		Targets: []string{"fleet:9090"}, World: plainWorld{}, Rate: 100, Arrivals: Uniform, Connections: 4,
		Duration: time.Second, Deadline: time.Second, ConnectionAge: -1, Partners: 4,
	}
}

// inBubble makes a load over pipes that runs on a bubble's clock.
func inBubble(t *testing.T, c Config, f *fleet) *Load {
	t.Helper()
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	l.dial = f.pipe
	l.pause = func(ctx context.Context, until time.Time) bool { return sleep(ctx, time.Until(until)) }
	return l
}

func run(t *testing.T, l *Load) Summary {
	t.Helper()
	s, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.InHand != 0 || s.Auctions.Sent != s.Auctions.Answered+s.Auctions.Degraded+s.Auctions.Failed {
		t.Errorf("auctions %+v, %d in hand: they do not add up", s.Auctions, s.InHand)
	}
	return s
}

// slower counts auctions that took longer, to the histogram's three digits.
func slower(l *Load, d time.Duration) int64 {
	var n int64
	for _, bar := range l.tally.latency.Distribution() {
		if bar.From > d.Microseconds() {
			n += bar.Count
		}
	}
	return n
}
