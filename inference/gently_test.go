package inference

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A release is prepared by a thread that gives way to all others, however nice
// they are themselves, and only it does.
func TestPreparesGently(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("threads have no priority of their own here")
	}
	var during, thread int
	if err := gently(func() { during, thread = nice(t), syscall.Gettid() }); err != nil {
		t.Fatal(err)
	}
	if before := nice(t); during != min(before+10, 19) {
		t.Errorf("niceness %d, and %d while preparing", before, during)
	}
	for range 100 { // nobody runs on that thread again
		if syscall.Gettid() == thread {
			t.Fatal("the thread is used again")
		}
		runtime.Gosched()
	}
	if err := gently(func() { panic("a bug") }); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("a panic comes to %v", err)
	}
}

// nice is the niceness of this thread.
func nice(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/stat")
	if err != nil {
		t.Skip("no /proc")
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	n, err := strconv.Atoi(fields[16])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The memory of forgotten releases goes back to the system, but not for every
// one of them.
func TestGivesMemoryBackNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var toys []toy
		for i := range 12 {
			toys = append(toys, toy{Seed: uint64(i + 1)})
		}
		task := newToyTask(t, newToyShop(toys...))
		var at []time.Duration
		began := time.Now()
		task.loader.giveBack = func() { at = append(at, time.Since(began)) }
		r := start(t, task)
		for i, a := range toys {
			r.assign(assigned(a, int64(i+1)))
			time.Sleep(time.Second)
		}
		time.Sleep(5 * time.Minute)
		r.end()
		if len(at) != 2 || at[0] > 5*time.Second || at[1] != at[0]+giveBackEvery {
			t.Errorf("given back after %v", at)
		}
	})
}

// A release that breaks while it is opened is refused, and the task serves on.
func TestReleaseThatBreaksWhileItIsOpened(t *testing.T) {
	task := newToyTask(t, newToyShop(low, high))
	force(t, task, assignment{release: low.digest(), buckets: 1})
	task.loader.open = func(string, []byte) (*arm, error) { panic("a bug") }
	if err := task.orders.take(assignment{release: high.digest(), buckets: 1, generation: 1}, 1, time.Now()); err != nil {
		t.Fatal(err)
	}
	<-task.orders.wake
	task.prepare(t.Context(), task.orders.wanted, time.Now(), false)
	if f := task.orders.failure; f == nil || f.reason != "format" || task.serving.Load().release != low.digest() {
		t.Errorf("failure %+v, serves %s", f, task.serving.Load().release)
	}
}
