package inference

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/identity"
)

const (
	firstAcceptPause = 5 * time.Millisecond
	maxAcceptPause   = time.Second
)

// door lets connections in through one port, gives limit of them a seat, and
// knows who is inside.
type door struct {
	name    string
	limit   int
	serve   func(ctx context.Context, w *wire)
	porch   *porch // nil where everybody gets a seat at once
	sizes   wireLimits
	proxied bool             // connections begin with a PROXY protocol header
	known   *identity.Keeper // with certificates where connections are encrypted; nil for none
	log     *slog.Logger
	m       *metrics

	inside    sync.WaitGroup
	mu        sync.Mutex
	open      map[*wire]struct{} // with a seat
	strangers []*wire            // without one, the oldest first
	ending    time.Time          // set once the door is closing: when idle connections end
}

// porch is where connections wait until it is known whose they are. They take
// no seat meanwhile, so that silence cannot keep anybody out: they have little
// time, and where they are too many the oldest goes, since whoever is known
// says so at once.
type porch struct {
	limit    int
	time     time.Duration // from the accept on, with the handshake
	known    func(w *wire) bool
	turnAway func(ctx context.Context, w *wire) // tells somebody known that there is no seat
}

// accept lets connections in until l is closed. An accept that fails, as with
// too many open files, is tried again after a growing pause. Every connection
// ends when ctx does.
func (d *door) accept(ctx context.Context, l net.Listener) {
	pause := firstAcceptPause
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = firstAcceptPause
			d.enter(ctx, conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		d.m.acceptErrors.WithLabelValues(d.name).Inc()
		d.log.WarnContext(ctx, "accept paused", "port", d.name, "err", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, maxAcceptPause)
	}
}

func (d *door) enter(ctx context.Context, conn net.Conn) {
	if d.known.WantsTLS() {
		conn = tls.Server(conn, d.known.Server())
	}
	w := newWire(conn, d.sizes)
	d.mu.Lock()
	ending := d.ending
	full, oldest := d.porch == nil && len(d.open) >= d.limit, (*wire)(nil)
	switch {
	case full:
	case d.porch == nil:
		d.open[w] = struct{}{}
	default:
		oldest = d.wait(w)
	}
	if !full {
		d.inside.Add(1)
	}
	d.mu.Unlock()
	if oldest != nil {
		d.m.refused.WithLabelValues("crowded").Inc()
		_ = oldest.Close() // nothing was promised to it
	}
	if full {
		d.m.rejected.WithLabelValues(d.name).Inc()
		d.m.health.failed.Add(1) // only the data port is full at its door
		d.m.hit("max_connections")
		_ = conn.Close() // nor to this one
		return
	}
	if !ending.IsZero() {
		w.closeBy(ending)
	}
	go d.host(ctx, w)
}

// wait lets w wait on the porch, and returns who must go for it.
func (d *door) wait(w *wire) (oldest *wire) {
	if len(d.strangers) >= d.porch.limit {
		oldest = d.strangers[0]
		d.strangers = slices.Delete(d.strangers, 0, 1)
	}
	d.strangers = append(d.strangers, w)
	return oldest
}

// host runs one connection to its end. Whatever breaks in there ends this
// connection and nothing else.
func (d *door) host(ctx context.Context, w *wire) {
	defer d.inside.Done()
	defer d.leave(w)
	defer func() {
		if broken := recover(); broken != nil {
			d.m.panics.WithLabelValues(d.name).Inc()
			d.log.ErrorContext(ctx, "connection broke", "port", d.name, "err", broken, "stack", string(debug.Stack()))
		}
	}()
	most := d.sizes.read
	if d.porch != nil {
		most = d.porch.time
		w.beHeard(time.Now().Add(most))
	}
	switch {
	case !d.passProxy(w.conn, most), !d.shakeHands(ctx, w.conn, most), d.porch != nil && !d.porch.known(w):
	case d.porch == nil, d.seat(w):
		d.serve(ctx, w)
	default:
		d.m.rejected.WithLabelValues(d.name).Inc()
		d.porch.turnAway(ctx, w)
	}
}

// seat gives somebody known a seat, where one is free.
func (d *door) seat(w *wire) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.open) >= d.limit {
		return false
	}
	d.strangers = slices.DeleteFunc(d.strangers, func(s *wire) bool { return s == w })
	d.open[w] = struct{}{}
	return true
}

// shakeHands reports whether the other side is who it should be, where
// certificates say so.
func (d *door) shakeHands(ctx context.Context, conn net.Conn, most time.Duration) bool {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := secure.HandshakeContext(ctx)
	if err == nil {
		return true
	}
	if d.name == "control" {
		d.m.refused.WithLabelValues("tls").Inc()
	} else {
		d.m.connections.WithLabelValues(string(NoTLS)).Inc()
	}
	return false
}

func (d *door) leave(w *wire) {
	d.mu.Lock()
	delete(d.open, w)
	d.strangers = slices.DeleteFunc(d.strangers, func(s *wire) bool { return s == w })
	d.mu.Unlock()
	_ = w.Close() // it may be closed already
}

// count returns how many connections have a seat.
func (d *door) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open)
}

// empty asks every connection to end after its next reply, idle ones at the
// latest by last, and closes those that have not ended when ctx does. The
// listener must be closed already.
func (d *door) empty(ctx context.Context, last time.Time) {
	d.each(func(w *wire) { w.closeBy(last) }, last)
	gone := make(chan struct{})
	go func() {
		d.inside.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
		d.each(func(w *wire) { _ = w.Close() }, last)
		<-gone
	}
}

func (d *door) each(do func(*wire), ending time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ending = ending
	for w := range d.open {
		do(w)
	}
	for _, w := range d.strangers {
		do(w)
	}
}
