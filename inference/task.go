package inference

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/identity"
)

// Options are what a task is started with. Zero values of limits take the
// defaults of DefaultOptions.
type Options struct {
	Name  string // ECS task ARN, or any name
	Zone  string // availability zone; empty where it is not known
	Fleet string
	Fetch Fetcher
	Log   *slog.Logger

	Control *identity.Keeper // who may use the control port; nil for everybody who reaches it
	Data    *identity.Keeper // certificates of the data port; nil for none

	ProxyProtocol bool // connections to the data port begin with its header, of version 1 or 2

	MaxConnections  int           // on the data port
	MaxInHand       int           // requests scored at once
	MaxWait         time.Duration // of a request for its turn; then it is forwarded
	Deadline        time.Duration // of a request from its arrival, where its tmax is not less; then it is forwarded
	MaxMessageBytes int           // of one Thrift message or frame
	MaxElements     int           // of containers of one message, all levels together
	MaxPartners     int           // that one decide asks about; with more it is forwarded
	MaxArchiveBytes int64         // of one release
	MemoryBytes     int64         // that loading a release must not exceed; 0 for no limit
	ConnectionAge   time.Duration // after which a connection ends between messages, give or take a quarter; 0 for never
	IdleTimeout     time.Duration // of a connection between messages
	ReadTimeout     time.Duration // of one message, once begun
	WriteTimeout    time.Duration // of one reply
	ReceiptAge      time.Duration // after which a receipt no longer counts

	DrainDelay   time.Duration // not ready but accepting, so that load balancers learn of it
	DrainLinger  time.Duration // then, for idle connections: to send one more request
	DrainTimeout time.Duration // then, for everything
}

// DefaultOptions are the limits of a task that was told nothing else.
func DefaultOptions() Options {
	return Options{
		MaxConnections: 10_000, MaxInHand: 64, MaxWait: 20 * time.Millisecond, Deadline: 50 * time.Millisecond,
		ConnectionAge:   10 * time.Minute,
		MaxMessageBytes: 256 << 10, MaxElements: 16384, MaxPartners: MaxPartnersPerRequest, MaxArchiveBytes: 256 << 20,
		IdleTimeout: 10 * time.Minute, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		ReceiptAge: 10 * time.Minute,
		DrainDelay: 5 * time.Second, DrainLinger: 2 * time.Second, DrainTimeout: 20 * time.Second,
	}
}

// Check says what is wrong with the options, naming the flag that would help.
func (o Options) Check() error {
	switch {
	case o.Fleet == "":
		return errors.New("no fleet is named; set --fleet")
	case o.Name == "":
		return errors.New("the task has no name; set --task (on ECS it is found by itself)")
	case o.Fetch == nil:
		return errors.New("nothing fetches releases")
	}
	return o.checkLimits()
}

func (o Options) checkLimits() error {
	positive := []struct {
		flag  string
		value int64
	}{
		{"max-connections", int64(o.MaxConnections)},
		{"max-in-hand", int64(o.MaxInHand)},
		{"max-wait", int64(o.MaxWait)},
		{"deadline", int64(o.Deadline)},
		{"max-message", int64(o.MaxMessageBytes)},
		{"max-elements", int64(o.MaxElements)},
		{"max-partners", int64(o.MaxPartners)},
		{"max-archive", o.MaxArchiveBytes},
		{"idle-timeout", int64(o.IdleTimeout)},
		{"read-timeout", int64(o.ReadTimeout)},
		{"write-timeout", int64(o.WriteTimeout)},
		{"receipt-age", int64(o.ReceiptAge)},
		{"drain-timeout", int64(o.DrainTimeout)},
	}
	for _, p := range positive {
		if p.value <= 0 {
			return fmt.Errorf("--%s must be more than zero", p.flag)
		}
	}
	switch {
	case o.MaxMessageBytes > maxFrameLimit:
		return fmt.Errorf("--max-message may be %d at most", maxFrameLimit)
	case o.MaxElements > maxFrameLimit:
		return fmt.Errorf("--max-elements may be %d at most", maxFrameLimit)
	case o.MaxPartners > MaxPartnersPerRequest:
		return fmt.Errorf("--max-partners may be %d at most", MaxPartnersPerRequest)
	case o.MemoryBytes < 0:
		return errors.New("--memory must not be negative")
	case o.ConnectionAge < 0:
		return errors.New("--connection-age must not be negative")
	case o.DrainDelay < 0, o.DrainLinger < 0:
		return errors.New("--drain-delay must not be negative")
	}
	return nil
}

// Task is one inference task.
type Task struct {
	o       Options
	log     *slog.Logger
	m       *metrics
	boot    string
	salt    uint64
	started time.Time

	serving        atomic.Pointer[serving] // nil before the first release
	draining       atomic.Bool
	lastConnection atomic.Uint64
	fastTries      int // of the hot path at one message; none where tests want it all generated

	slots    slots
	lag      lag
	ledger   ledger
	receipts receipts
	prices   atomic.Pointer[prices] // nil where no bid has a value
	orders   *orders
	loader   loader

	data, control *door
}

// New returns a task that serves nothing yet.
func New(o Options) (*Task, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	var random [16]byte
	if _, err := crand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("draw the boot salt: %w", err)
	}
	t := &Task{
		o: o, m: newMetrics(), started: time.Now(), fastTries: fastTries,
		boot: hex.EncodeToString(random[:8]), salt: binary.BigEndian.Uint64(random[8:]),
		slots: newSlots(o.MaxInHand), receipts: newReceipts(o.Fleet, o.ReceiptAge), orders: newOrders(),
		loader: loader{fetch: o.Fetch, open: openRelease, giveBack: debug.FreeOSMemory, archiveBytes: o.MaxArchiveBytes, memoryBytes: o.MemoryBytes},
	}
	t.log = o.Log.With("fleet", o.Fleet, "task", o.Name)
	sizes := wireLimits{message: o.MaxMessageBytes, elements: o.MaxElements, idle: o.IdleTimeout, read: o.ReadTimeout, write: o.WriteTimeout}
	t.data = t.door("data", o.MaxConnections, sizes, o.Data, t.serveData)
	t.data.proxied = o.ProxyProtocol
	sizes.message, sizes.idle = maxControlMessageBytes, min(o.IdleTimeout, controlIdle)
	t.control = t.door("control", maxControlConnections, sizes, o.Control, t.serveControl)
	t.control.porch = &porch{limit: maxStrangers, time: introduction, known: t.introduced, turnAway: t.turnAway}
	t.m.watch(t)
	return t, nil
}

func (t *Task) door(name string, limit int, sizes wireLimits, known *identity.Keeper, serve func(context.Context, *wire)) *door {
	return &door{name: name, limit: limit, sizes: sizes, known: known, serve: serve, log: t.log, m: t.m, open: map[*wire]struct{}{}}
}

// unready says in one word why the task takes no auctions; "" when it does.
func (t *Task) unready() string {
	switch {
	case t.draining.Load():
		return "draining"
	case t.serving.Load() == nil:
		return "no_release"
	}
	return ""
}

// Listeners are the three ports. Run closes them.
type Listeners struct{ Data, Control, HTTP net.Listener }

// Run serves until ctx ends, then drains: not ready, but accepting for
// DrainDelay; then no new connections, one more request for idle ones, and
// after DrainTimeout the end of whatever is left. It returns nil when it could
// serve, and only once everything it started has ended.
func (t *Task) Run(ctx context.Context, l Listeners) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	loading, stopLoading := context.WithCancel(life)
	defer stopLoading()

	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	all.Go(func() { t.load(loading) })
	all.Go(func() { t.lag.watch(life) })
	all.Go(func() { t.data.accept(life, l.Data) })
	all.Go(func() { t.control.accept(life, l.Control) })
	web := t.httpServer()
	broken := make(chan error, 1)
	all.Go(func() { broken <- web.Serve(l.HTTP) })

	var err error
	select {
	case <-ctx.Done():
	case err = <-broken:
		err = fmt.Errorf("serve http: %w", err)
	}
	t.drain(life, l, web, stopLoading)
	return err
}

// Steer answers on the control port and does what is ordered there until ctx
// ends, as Run does, but takes no auctions and listens on nothing else.
func (t *Task) Steer(ctx context.Context, control net.Listener) {
	var all sync.WaitGroup
	all.Go(func() { t.load(ctx) })
	all.Go(func() { t.control.accept(ctx, control) })
	<-ctx.Done()
	_ = control.Close() // a listener that fails to close lets nobody in either
	t.control.empty(ctx, time.Now())
	all.Wait()
}

// drain ends everything in order, each within its time. While auctions are let
// in, what is assigned still comes into force: a rollback means those, too.
func (t *Task) drain(ctx context.Context, l Listeners, web *http.Server, stopLoading func()) {
	t.draining.Store(true)
	t.log.InfoContext(ctx, "draining", "connections", t.data.count())
	pause(ctx, t.o.DrainDelay)
	stopLoading()
	limit, cancel := context.WithTimeout(ctx, t.o.DrainTimeout)
	defer cancel()
	_ = l.Data.Close() // a listener that fails to close lets nobody in either
	t.data.empty(limit, time.Now().Add(min(t.o.DrainLinger, t.o.DrainTimeout)))
	_ = l.Control.Close()
	t.control.empty(limit, time.Now())
	if err := web.Shutdown(limit); err != nil {
		_ = web.Close()
	}
	t.log.InfoContext(ctx, "drained", "clean", limit.Err() == nil)
}
