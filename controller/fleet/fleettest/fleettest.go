// Package fleettest holds control ports of tasks that are not there, for tests of
// fleets that are larger than this machine.
package fleettest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/control"
)

// Crowd listens at port 9091 of each address of a loopback network that nobody else
// uses, a thousand and more, as tasks that obey at once. It stops with the test.
func Crowd(t testing.TB) netip.Prefix {
	t.Helper()
	network, all := listen(t)
	var serving sync.WaitGroup
	var open sync.Map
	for i, l := range all {
		s := &standIn{name: fmt.Sprintf("stand-in-%d", i), since: time.Now()}
		serving.Go(func() {
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				open.Store(c, nil)
				serving.Go(func() { s.serve(c) })
			}
		})
	}
	t.Cleanup(func() {
		for _, l := range all {
			_ = l.Close()
		}
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true }) // the other side may have gone
		serving.Wait()
	})
	return network
}

// standIn is the control port of a task that is not there: it obeys at once, and
// answers as many auctions a second as it says.
type standIn struct {
	name  string
	since time.Time

	mu  sync.Mutex
	now control.Assignment
}

// standInRate is how many auctions each of them answers in a second.
const standInRate = 20

// Status implements control.Control.
func (s *standIn) Status(context.Context) (*control.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answered, none, deadline := int64(standInRate*time.Since(s.since).Seconds()), int64(0), int64(50_000)
	return &control.Status{
		Task: s.name, Boot: s.name, Ready: true, Release: s.now.Release, Shadow: s.now.Shadow, Sample: s.now.Sample, Explore: s.now.Explore,
		Epoch: s.now.Epoch, Generation: s.now.Generation, Buckets: s.now.Buckets, MemoryBytes: 40 << 20, StartedMs: s.since.UnixMilli(), Connections: 10,
		Answered: &answered, Degraded: &none, Failed: &none, DeadlineUs: &deadline,
	}, nil
}

// Assign implements control.Control.
func (s *standIn) Assign(ctx context.Context, a *control.Assignment) (*control.Status, error) {
	s.mu.Lock()
	s.now = *a
	s.mu.Unlock()
	return s.Status(ctx)
}

// Counted implements control.Control. It tells nothing: nothing is judged by what stand-ins count.
func (s *standIn) Counted(_ context.Context, p *control.Position) (*control.Counted, error) {
	return &control.Counted{Task: s.name, Boot: s.name, Generation: p.Generation, After: p.After, Upto: p.After, AtMs: time.Now().UnixMilli(), Connections: 10, Buckets: 64}, nil
}

// serve answers one controller until it goes.
func (s *standIn) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	protocol := thrift.NewTBinaryProtocolConf(thrift.NewTFramedTransportConf(thrift.NewStreamTransportRW(c), nil), nil)
	for p := control.NewControlProcessor(s); ; {
		if ok, err := p.Process(context.Background(), protocol, protocol); err != nil || !ok {
			return
		}
	}
}

// listen takes the first network of a few whose ports are all free.
func listen(t testing.TB) (network netip.Prefix, all []net.Listener) {
	t.Helper()
	var in error
	for range 10 {
		network, all, in = netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(80 + rand.IntN(170)), 0, 0}), 22), nil, nil
		for at := network.Addr().Next(); network.Contains(at) && in == nil; at = at.Next() {
			var l net.Listener
			if l, in = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, 9091))); in == nil {
				all = append(all, l)
			}
		}
		if in == nil {
			return network, all
		}
		for _, l := range all {
			in = errors.Join(in, l.Close())
		}
	}
	t.Fatal(in)
	return network, nil
}
