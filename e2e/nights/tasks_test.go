package nights

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/inference"
)

var errNoSuchObject = inference.ErrNotFound

// task is one inference task: the real one, but for its auctions.
type task struct {
	id     string
	born   time.Time
	stop   context.CancelFunc
	port   *pipes
	hung   bool // answers nobody
	hungAt time.Time
	dead   bool
	tag    string
	spared bool // protected from scale-in
	told   rollout.Task
	past   []stint // what it has served
	since  time.Time
}

// stint is a time in which a task served one release under one generation.
type stint struct {
	release, shadow string
	sample          float64
	buckets         int
	generation      int64
	seconds         float64
}

func (t *task) stints(now time.Time) []stint {
	s := t.told
	return append(t.past[:len(t.past):len(t.past)], stint{s.Serving, s.Shadow, s.Sample, s.Buckets, s.Generation, now.Sub(t.since).Seconds()})
}

// boot starts a task.
func (w *world) boot(id string) {
	ctx, stop := context.WithCancel(w.life)
	t := &task{id: id, born: time.Now(), since: time.Now(), stop: stop, port: newPipes()}
	o := inference.DefaultOptions()
	o.Name, o.Fleet, o.Fetch, o.Log = id, fleetName, fetcher{w, t}, slog.New(slog.DiscardHandler)
	real, err := inference.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.tasks[id] = t
	w.mu.Unlock()
	w.people.Go(func() { real.Steer(ctx, t.port) })
	w.touch(id)
}

// kill ends a task's process at once.
func (w *world) kill(t *task) {
	w.schedule.mu.Lock()
	t.dead = true
	w.schedule.mu.Unlock()
	for _, c := range w.waiting(func(c *call) bool { return c.by == t }) {
		w.finish(c, errDead)
	}
	t.stop()
}

// touch notes that a task may have changed.
func (w *world) touch(id string) { w.changed[id] = true }

// look asks the tasks that may have changed what they do, without anybody's
// leave: the world knows all.
func (w *world) look() {
	for _, id := range sorted(w.changed) {
		delete(w.changed, id)
		t := w.tasks[id]
		if t == nil || t.dead {
			continue
		}
		told, err := w.eye.Status(w.life, rollout.Task{ID: id, Address: id})
		if err != nil {
			w.t.Fatalf("look at %s: %v", id, err)
		}
		was := t.told
		if was.Boot != "" && (was.Serving != told.Serving || was.Generation != told.Generation || was.Shadow != told.Shadow || was.Sample != told.Sample || was.Buckets != told.Buckets) {
			t.past = t.stints(time.Now())
			t.since = time.Now()
		}
		t.told = told
		if was.Serving != told.Serving {
			w.serves(t)
		}
		w.checkTask(t, was)
	}
}

// dial opens a connection to a task's control port.
func (w *world) dial(_ context.Context, address string) (net.Conn, error) {
	t := w.tasks[address]
	if t == nil || t.dead {
		return nil, errors.New("connection refused")
	}
	return t.port.dial()
}

// line is the way from one controller to the control ports. What a task
// answers is its own, what it has counted is made up by what it served.
type line struct {
	w    *world
	proc *process
	real *fleet.Control
}

var _ controller.Control = line{}

// answerTakes is how long a call to a task may take, as that of fleet.Control.
const answerTakes = 2 * time.Second

func (l line) wait(ctx context.Context, id, what string, menu []fault, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTakes)
	defer cancel()
	return l.w.wait(call{proc: l.proc, who: l.proc.name, what: what, task: id, ctx: ctx, menu: menu, do: func() error { return do(l.w.life) }})
}

func (l line) known(id string) error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.w.tasks[id] == nil {
		return fmt.Errorf("there is no task at %q", id)
	}
	return nil
}

func (l line) Status(ctx context.Context, t rollout.Task) (rollout.Task, error) {
	if err := l.known(t.Address); err != nil {
		return t, err
	}
	said := t
	err := l.wait(ctx, t.Address, "status "+t.ID, []fault{lostRequest, lateReply, silent}, func(ctx context.Context) (err error) {
		said, err = l.real.Status(ctx, t)
		said.MemoryBytes = 0 // of this process, which is not of this world
		return err
	})
	if err != nil {
		t.Reachable, t.Ready, t.Error = false, false, err.Error()
		return t, err
	}
	return said, nil
}

func (l line) Assign(ctx context.Context, address string, a rollout.Assign, epoch int64) error {
	if err := l.known(address); err != nil {
		return err
	}
	o := &order{by: l.proc, epoch: epoch, Assign: a, at: time.Now()}
	l.w.ordered(o)
	menu := []fault{lostRequest, lostReply, lateReply, delayed, silent}
	return l.wait(ctx, address, fmt.Sprintf("assign %v epoch %d", a, epoch), menu, func(ctx context.Context) error {
		l.w.touch(address)
		err := l.real.Assign(ctx, address, a, epoch)
		l.w.delivered(o, err)
		return err
	})
}

func (l line) Counts(ctx context.Context, address string, c controller.Comparison) (reports []tally.Report, err error) {
	if err := l.known(address); err != nil {
		return nil, err
	}
	var made []tally.Report
	err = l.wait(ctx, address, "counts "+address, []fault{lostRequest, lateReply, silent}, func(context.Context) error {
		made = l.w.count(l.w.tasks[address], c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
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
