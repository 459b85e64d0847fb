package inference

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/inference/auction"
	"github.com/sluicehq/sluice/inference/auction/world"
)

// balancer spreads connections over the tasks that are ready, as a network load
// balancer does.
type balancer struct {
	t     *testing.T
	front net.Listener
	all   sync.WaitGroup

	mu    sync.Mutex
	tasks []*onLoopback
	next  int
}

// onLoopback is a task with real ports.
type onLoopback struct {
	task               *Task
	data, control, web string
	stop               context.CancelFunc
	done               chan error
}

func startOnLoopback(t *testing.T) *onLoopback {
	t.Helper()
	task := newToyTask(t, newToyShop(hash))
	o := &task.o
	o.DrainDelay, o.DrainLinger, o.DrainTimeout = 50*time.Millisecond, 100*time.Millisecond, 5*time.Second
	o.ConnectionAge, o.MaxWait, o.Deadline = 200*time.Millisecond, time.Minute, time.Minute
	force(t, task, assignment{release: hash.digest(), buckets: 1})
	return onPorts(t, task)
}

// onPorts runs a task on ports of this machine.
func onPorts(t *testing.T, task *Task) *onLoopback {
	t.Helper()
	var ports [3]net.Listener
	for i := range ports {
		var err error
		if ports[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	l := &onLoopback{
		task: task, data: ports[0].Addr().String(), control: ports[1].Addr().String(), web: ports[2].Addr().String(),
		stop: stop, done: make(chan error, 1),
	}
	go func() { l.done <- task.Run(ctx, Listeners{ports[0], ports[1], ports[2]}) }()
	return l
}

// pick is the next task that is ready.
func (b *balancer) pick() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.tasks {
		b.next++
		if one := b.tasks[b.next%len(b.tasks)]; one.task.unready() == "" {
			return one.data
		}
	}
	return ""
}

func (b *balancer) run() {
	for {
		near, err := b.front.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", b.pick())
		if err != nil {
			near.Close()
			continue
		}
		b.all.Go(func() { io.Copy(far, near); far.(*net.TCPConn).CloseWrite() })
		b.all.Go(func() { io.Copy(near, far); near.Close(); far.Close() })
	}
}

// replace puts a new task in the place of an old one, which drains.
func (b *balancer) replace(i int) {
	fresh := startOnLoopback(b.t)
	b.mu.Lock()
	old := b.tasks[i]
	b.tasks[i] = fresh
	b.mu.Unlock()
	old.stop()
	if err := <-old.done; err != nil {
		b.t.Errorf("drain: %v", err)
	}
	if n := old.task.data.count(); n != 0 {
		b.t.Errorf("%d connections are left", n)
	}
}

// Every task is replaced under load, while connections grow old and go: no
// auction fails.
func TestRollingRestartLosesNothing(t *testing.T) {
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{t: t, front: front}
	for range 3 {
		b.tasks = append(b.tasks, startOnLoopback(t))
	}
	b.all.Go(b.run)
	load, err := auction.New(auction.Config{
		Targets: []string{front.Addr().String()}, World: world.New(1), Rate: 400, Connections: 16, Depth: 2,
		Deadline: 30 * time.Second, ConnectionAge: -1, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := load.Run(ctx); ended <- err }()
	for i := range b.tasks {
		b.replace(i)
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, one := range b.tasks {
		one.stop()
		<-one.done
	}
	front.Close()
	b.all.Wait()
	if a := load.Snapshot().Auctions; a.Sent < 50 || a.Failed != 0 || a.Degraded != 0 {
		t.Errorf("%+v, failed by %+v", a, load.Snapshot().FailedBy)
	}
	t.Logf("%+v", load.Snapshot().Auctions)
}
