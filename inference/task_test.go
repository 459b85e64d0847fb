package inference

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

var (
	low  = toy{Score: 0.25, Threshold: 0.5}   // filters everything
	high = toy{Score: 0.75, Threshold: 0.125} // filters nothing
	hash = toy{Seed: 7, Threshold: 0.5}       // filters half
	rash = toy{Seed: 8, Threshold: 0.625}     // filters another five eighths
)

func TestTaskBoots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low)
		r := start(t, newToyTask(t, shop))
		defer r.end()
		if code, body := r.get("/readyz"); code != 503 || !strings.Contains(body, "no_release") {
			t.Errorf("readyz without a release: %d %s", code, body)
		}
		time.Sleep(time.Minute) // of the bubble: it keeps asking
		if s := r.status(); s.Ready || s.Failure == nil || s.Failure.Reason != "download" {
			t.Errorf("without a default: %v", s)
		}
		shop.setDefault(low.digest())
		time.Sleep(2 * maxBootPause)
		s := r.status()
		if !s.Ready || s.Release != low.digest() || s.Generation != 0 || s.Failure != nil {
			t.Errorf("with a default: %v", s)
		}
		if code, _ := r.get("/readyz"); code != 200 {
			t.Errorf("readyz: %d", code)
		}
		asked := shop.fetches("") + len(shop.fetched)
		time.Sleep(time.Hour)
		if now := shop.fetches("") + len(shop.fetched); now != asked {
			t.Error("a task that serves asks for the default still")
		}
	})
}

func TestAssignmentBeforeDefaultWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low, high)
		shop.setDefault(low.digest())
		shop.hold = make(chan struct{})
		r := start(t, newToyTask(t, shop)) // the default hangs in its download
		defer r.end()
		if s := r.status(); s.Preparing != low.digest() {
			t.Fatalf("preparing %q", s.Preparing)
		}
		r.assign(assigned(high, 3))
		close(shop.hold)
		synctest.Wait()
		if s := r.status(); s.Release != high.digest() || s.Generation != 3 || !s.Ready {
			t.Errorf("after the assignment: %v", s)
		}
	})
}

func TestDefaultServesWhileTheAssignmentFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low)
		r := start(t, newToyTask(t, shop))
		defer r.end()
		r.assign(assigned(high, 3)) // not in the bucket
		shop.setDefault(low.digest())
		time.Sleep(time.Minute)
		s := r.status()
		if !s.Ready || s.Release != low.digest() || s.Failure == nil || s.Failure.Release != high.digest() || s.Failure.Generation != 3 {
			t.Errorf("status %v", s)
		}
	})
}

func TestFailedLoadsKeepServing(t *testing.T) {
	torn := toy{Score: 0.1, Pad: "torn"}
	huge := toy{Score: 0.1, Pad: strings.Repeat("x", 2000)}
	tests := []struct {
		reason string
		a      toy
		wants  func(*Task)
	}{
		{"download", toy{Pad: "absent"}, nil},
		{"download", huge, func(task *Task) { task.loader.archiveBytes = 1000 }},
		{"digest", torn, nil},
		{"golden", toy{Breaks: "golden"}, nil},
		{"format", toy{Breaks: "format"}, nil},
		{"memory", toy{Score: 0.3}, func(task *Task) { task.loader.memoryBytes = 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shop := newToyShop(low, huge, tests[3].a, tests[4].a, tests[5].a)
				shop.put("releases/sha256/"+torn.digest()+"/model.tar.gz", torn.archive()[:5])
				task := newToyTask(t, shop)
				r := start(t, task)
				defer r.end()
				r.assign(assigned(low, 1))
				if tt.wants != nil {
					tt.wants(task)
				}
				for _, a := range []*control.Assignment{
					assigned(tt.a, 2),
					{Release: low.digest(), Shadow: tt.a.digest(), Sample: 1, Buckets: 16, Epoch: 1, Generation: 3},
				} {
					r.assign(a)
					time.Sleep(time.Minute)
					s := r.status()
					if s.Release != low.digest() || s.Generation != 1 || !s.Ready || s.Preparing != "" {
						t.Errorf("does not go on as before: %v", s)
					}
					if f := s.Failure; f == nil || f.Reason != tt.reason || f.Release != tt.a.digest() || f.Generation != a.Generation || f.Detail == "" {
						t.Errorf("failure %v, want %s", f, tt.reason)
					}
				}
				task.loader.memoryBytes = 0
				if s := r.assign(assigned(low, 4)); s.Failure != nil || s.Generation != 4 {
					t.Errorf("a good assignment does not heal it: %v", s)
				}
			})
		})
	}
}

func TestFailedDownloadIsTriedAgainWhenAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low)
		r := start(t, newToyTask(t, shop))
		defer r.end()
		r.assign(assigned(high, 1))
		time.Sleep(time.Minute)
		shop.put("releases/sha256/"+high.digest()+"/model.tar.gz", high.archive())
		if s := r.assign(assigned(high, 1)); s.Release != high.digest() || s.Failure != nil {
			t.Errorf("status %v", s)
		}
		before := shop.opened.Load()
		broken := toy{Breaks: "golden"}
		shop.put("releases/sha256/"+broken.digest()+"/model.tar.gz", broken.archive())
		r.assign(assigned(broken, 2))
		r.assign(assigned(broken, 2))
		if n := shop.opened.Load() - before; n != 1 {
			t.Errorf("a release that cannot be proven was opened %d times", n)
		}
	})
}

func TestSwaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low, high)
		task := newToyTask(t, shop)
		r := start(t, task)
		defer r.end()
		serve := func(a *control.Assignment, opened int64) {
			t.Helper()
			before := shop.opened.Load()
			s := r.assign(a)
			if s.Release != a.Release || s.Shadow != a.Shadow || s.Generation != a.Generation {
				t.Fatalf("asked for %v, got %v", a, s)
			}
			if n := shop.opened.Load() - before; n != opened {
				t.Errorf("generation %d opened %d releases, want %d", a.Generation, n, opened)
			}
		}
		serve(assigned(low, 1), 1)
		first := task.serving.Load()
		serve(assigned(low, 1), 0) // the same again: nothing happens
		if task.serving.Load() != first {
			t.Error("the same assignment swapped")
		}
		serve(assigned(low, 2), 1) // a new generation alone: as cold as a canary
		if now := task.serving.Load(); now.active == first.active || now.counts == first.counts {
			t.Error("a new generation did not start afresh")
		}
		beside := assigned(low, 2)
		beside.Shadow, beside.Sample = high.digest(), 0.5
		serve(beside, 1)
		sampled := assigned(low, 2)
		sampled.Shadow, sampled.Sample = high.digest(), 0.25
		counts := task.serving.Load().counts
		serve(sampled, 0) // other contents under the same generation: counts go on
		if task.serving.Load().counts != counts {
			t.Error("a change of the sample lost the counts")
		}
		for _, buckets := range []int32{1, 64, 24} {
			sampled.Buckets = buckets
			serve(sampled, 0)
			if task.serving.Load().counts != counts || r.status().Buckets != buckets {
				t.Error("another number of buckets lost the counts")
			}
			if c, err := r.counted(1, 0, false); err != nil || c.Buckets != buckets { // of an older generation, too
				t.Errorf("%v: told %v, want %d buckets", err, c, buckets)
			}
		}
		serve(assigned(high, 3), 1) // loaded as shadow only, so opened again
		high := task.serving.Load().active
		serve(assigned(low, 3), 0) // back: at once
		serve(assigned(toy{Score: 0.75, Threshold: 0.125}, 4), 0)
		if task.serving.Load().active != high {
			t.Error("the way back was not instant")
		}
		if n := shop.fetches(low.digest()); n != 1 {
			t.Errorf("fetched %d times", n)
		}
	})
}

// A task that starts learns from its fleet's document who is in charge, and
// tells it.
func TestFreshTaskKnowsTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low, high)
		shop.put(release.FleetKey("toys"), fmt.Appendf(nil, `{"fleet":"toys","epoch":%d,"generation":7,"default":%q}`, int64(1)<<40, low.digest()))
		r := start(t, newToyTask(t, shop))
		defer r.end()
		if s := r.status(); s.Release != low.digest() || s.Epoch != 1<<40 || s.Generation != 0 {
			t.Fatalf("status %v", s)
		}
		c, hangUp := r.controller()
		defer hangUp()
		ask := func(epoch int64) error {
			a := assigned(high, 8)
			a.Epoch = epoch
			_, err := c.Assign(t.Context(), a)
			return err
		}
		var refused *control.Refused
		if err := ask(1<<40 - 1); !errors.As(err, &refused) || refused.Reason != "stale_epoch" || refused.Epoch != 1<<40 {
			t.Errorf("somebody deposed: %v", err)
		}
		if err := ask(math.MaxInt64); !errors.As(err, &refused) || refused.Reason != "far_epoch" || refused.Epoch != 1<<40 {
			t.Errorf("nobody of this fleet: %v", err)
		}
		if err := ask(1<<40 + 1); err != nil {
			t.Errorf("the next leader: %v", err)
		}
	})
}

// A new leader makes itself known by repeating what a task does already. That
// swaps nothing, and from then on the task obeys the old leader no more.
func TestReachedTaskNeverObeysTheOldLeader(t *testing.T) {
	for _, tt := range []struct {
		name string
		boot func(r *running, shop *toyShop) *control.Assignment // returns what the task does then
	}{
		{"assigned", func(r *running, _ *toyShop) *control.Assignment {
			a := assigned(low, 2)
			a.Shadow, a.Sample = high.digest(), 0.5
			r.assign(a)
			return a
		}},
		{"on its default", func(r *running, shop *toyShop) *control.Assignment {
			shop.setDefault(low.digest())
			time.Sleep(2 * maxBootPause)
			return assigned(low, 0)
		}},
		{"after a failure", func(r *running, _ *toyShop) *control.Assignment {
			r.assign(assigned(low, 1))
			r.assign(assigned(toy{Breaks: "golden"}, 1))
			return assigned(low, 1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shop := newToyShop(low, high, toy{Breaks: "golden"})
				task := newToyTask(t, shop)
				r := start(t, task)
				defer r.end()
				does := tt.boot(r, shop)
				serving, opened, swaps := task.serving.Load(), shop.opened.Load(), counterOf(t, task, "sluice_swaps_total", "")
				if serving == nil || serving.release != does.Release {
					t.Fatalf("serves %+v", serving)
				}
				for does.Epoch = 5; does.Epoch < 8; does.Epoch++ {
					if s := r.assign(does); s.Epoch != does.Epoch || s.Release != does.Release || s.Generation != does.Generation || s.Failure != nil {
						t.Errorf("status %v", s)
					}
				}
				if now := counterOf(t, task, "sluice_swaps_total", ""); task.serving.Load() != serving || shop.opened.Load() != opened || now != swaps {
					t.Errorf("it swapped: %v swaps after %v, %d opened after %d", now, swaps, shop.opened.Load(), opened)
				}
				c, hangUp := r.controller()
				defer hangUp()
				for epoch := range int64(7) {
					old := assigned(high, 9)
					old.Epoch = epoch
					_, err := c.Assign(t.Context(), old)
					var refused *control.Refused
					if !errors.As(err, &refused) || refused.Reason != "stale_epoch" || refused.Epoch != 7 {
						t.Errorf("epoch %d: %v", epoch, err)
					}
				}
				if task.serving.Load() != serving {
					t.Error("the old leader was obeyed")
				}
			})
		})
	}
}

func TestNewestAssignmentWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low, high, hash)
		r := start(t, newToyTask(t, shop))
		defer r.end()
		r.assign(assigned(low, 1))
		shop.mu.Lock()
		shop.hold = make(chan struct{})
		shop.mu.Unlock()
		if s := r.assign(assigned(high, 2)); s.Preparing != high.digest() || s.Release != low.digest() {
			t.Errorf("while it loads: %v", s)
		}
		if s := r.assign(assigned(hash, 3)); s.Preparing != hash.digest() {
			t.Errorf("the older download was not given up: %v", s)
		}
		close(shop.hold)
		synctest.Wait()
		if s := r.status(); s.Release != hash.digest() || s.Generation != 3 || s.Failure != nil {
			t.Errorf("status %v", s)
		}
	})
}

// A request under way is answered by one release from start to end, whatever
// happens to the assignment meanwhile.
func TestSwapNeverMixes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low, high)
		r := start(t, newToyTask(t, shop))
		defer r.end()
		r.assign(assigned(low, 1))
		partners := []string{"a", "b", "c"}
		var wait sync.WaitGroup
		stop := make(chan struct{})
		served := [2]int{}
		var mu sync.Mutex
		for i := range 8 {
			c, conn := r.dial([]Dialect{FramedBinary, UnframedCompact}[i%2])
			wait.Go(func() {
				defer conn.Close()
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					d, err := c.Decide(t.Context(), ask(fmt.Sprint(i, n)), partners)
					if err != nil {
						t.Errorf("decide: %v", err)
						return
					}
					mu.Lock()
					served[which(t, d)]++
					mu.Unlock()
				}
			})
		}
		c, hangUp := r.controller()
		for g := int64(2); g < 100; g++ {
			a := assigned([]toy{low, high}[g%2], g)
			a.Shadow, a.Sample, a.Explore = []toy{high, low}[g%2].digest(), 0.5, 0.25
			if _, err := c.Assign(t.Context(), a); err != nil {
				t.Error(err)
			}
			for s, _ := c.Status(t.Context()); (s.Generation != g || s.Requests == 0) && !t.Failed(); s, _ = c.Status(t.Context()) {
			}
		}
		hangUp()
		close(stop)
		wait.Wait()
		if served[0] == 0 || served[1] == 0 {
			t.Errorf("both releases should have answered: %v", served)
		}
	})
}

// which tells whose answer d is, and fails when it is nobody's alone.
func which(t *testing.T, d *adfilter.Decision) int {
	t.Helper()
	i, a := 0, low
	if d.Release == high.digest() {
		i, a = 1, high
	}
	for _, p := range d.Partners {
		if p.Score != float64(a.Score) || p.Filtered != (a.Score < a.Threshold && !d.Explored) {
			t.Errorf("release %s, explored %v: %v", short(d.Release), d.Explored, p)
		}
	}
	if d.Degraded {
		t.Errorf("degraded: %v", d)
	}
	return i
}

// scoring is a model that lets the test act in the middle of a request.
type scoring struct {
	then  func()
	score float32
}

func (scoring) Partner(string) uint32 { return 0 }

func (m scoring) Score(_ *release.Scratch, _ *feature.Request, _ []uint32, scores []float32) {
	m.then()
	for i := range scores {
		scores[i] = m.score
	}
}

func TestSwapInMidRequest(t *testing.T) {
	task := newToyTask(t, newToyShop(low, high))
	force(t, task, assignment{release: high.digest(), shadow: low.digest(), sample: 1, explore: 1, buckets: 1, generation: 2})
	after := task.serving.Load()
	force(t, task, assignment{release: low.digest(), shadow: high.digest(), sample: 1, explore: 1, buckets: 1, generation: 3})
	before := *task.serving.Load()
	swap := func() { task.serving.Store(after) }
	before.active = newArm(low.digest(), scoring{swap, 0.25}, func(string) float32 { return 0.5 })
	task.serving.Store(&before)
	s := &session{t: task}
	s.d.request.ID, s.d.partners = "x", []string{"a", "b"}
	s.decide(t.Context(), true, time.Now())
	d := s.decisionReply()
	if which(t, d) != 0 {
		t.Error("answered by the other release")
	}
	var r receipt
	if err := task.receipts.read(d.Receipt, &r, time.Now()); err != nil || r.key() != (countsKey{low.digest(), high.digest(), 3}) {
		t.Errorf("the receipt is of %+v, %v", r.key(), err)
	}
	s.afterReply(t.Context(), time.Now())
	old, now := before.counts.tally(1), after.counts.tally(1)
	if old.requests[0] != 1 || old.shadowRequests[0] != 1 || old.partners[0].filtered[0] != 1 || old.partners[0].servedOnly[0] != 1 {
		t.Errorf("counted %+v", old)
	}
	if now.requests[0] != 0 || len(now.partners) != 0 || sum(now.latency) != 0 {
		t.Errorf("counted under the wrong release: %+v", now)
	}
}

func TestOldReleasesAreForgotten(t *testing.T) {
	var toys []toy
	for i := range 2 * keptReleases {
		toys = append(toys, toy{Seed: uint64(i + 1), Threshold: 0.5})
	}
	task := newToyTask(t, newToyShop(toys...))
	for i := range toys {
		// The shadow stays the same, so that it is the oldest of all.
		force(t, task, assignment{release: toys[i].digest(), shadow: toys[0].digest(), buckets: 1, generation: int64(i)})
		now := task.serving.Load()
		held := map[*arm]bool{}
		for _, one := range task.loader.shelf {
			held[one.arm] = true
		}
		if !held[now.active] || !held[now.beside] || len(held) > keptReleases {
			t.Fatalf("generation %d: holds %d releases, in force %v %v", i, len(held), held[now.active], held[now.beside])
		}
	}
	if n := len(task.ledger.own); n != keptCounts {
		t.Errorf("counts of %d generations", n)
	}
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low))
		r := start(t, task)
		r.assign(assigned(low, 1))
		busy, busyConn := r.dial(FramedBinary)
		idle, idleConn := r.dial(UnframedBinary)
		decide := func(c *adfilter.AdFilterClient) error {
			_, err := c.Decide(t.Context(), ask("x"), []string{"a"})
			return err
		}
		for _, c := range []*adfilter.AdFilterClient{busy, idle} {
			if err := decide(c); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		r.stop()
		synctest.Wait()
		if code, body := r.get("/readyz"); code != 503 || !strings.Contains(body, "draining") {
			t.Errorf("readyz while draining: %d %s", code, body)
		}
		time.Sleep(4 * time.Second) // within the delay everything goes on
		late, lateConn := r.dial(FramedCompact)
		for _, c := range []*adfilter.AdFilterClient{busy, late} {
			if err := decide(c); err != nil {
				t.Errorf("during the delay: %v", err)
			}
		}
		time.Sleep(1500 * time.Millisecond)
		if _, err := r.data.dial(); err == nil {
			t.Error("connections are let in after the delay")
		}
		if err := decide(busy); err != nil { // one more, then the end
			t.Errorf("while lingering: %v", err)
		}
		answered := time.Now()
		if n, err := busyConn.Read(make([]byte, 1)); err == nil || time.Since(answered) != 0 {
			t.Errorf("%d bytes, %v after the last reply", n, time.Since(answered))
		}
		if err := <-r.done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("draining took %v, want the delay of 5s and the linger of 2s", took)
		}
		idleConn.Close()
		lateConn.Close()
	})
}

// A task that drains does what is assigned while it lets auctions in, as a
// rollback means those, too; later it gives up what it prepares, and says why.
func TestDrainAndAssignments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop, log := newToyShop(low, high), new(bytes.Buffer)
		o := toyOptions(shop)
		o.Log = slog.New(slog.NewTextHandler(log, nil))
		task, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		task.loader.open = shop.open
		r := start(t, task)
		r.assign(assigned(low, 1))
		c, conn := r.dial(FramedBinary)
		began := time.Now()
		r.stop()
		if s := r.assign(assigned(high, 2)); s.Release != high.digest() || s.Ready {
			t.Errorf("while it lets auctions in: %v", s)
		}
		shop.mu.Lock()
		shop.hold = make(chan struct{}) // for ever
		shop.mu.Unlock()
		if s := r.assign(assigned(hash, 3)); s.Preparing != hash.digest() {
			t.Errorf("it does not prepare: %v", s)
		}
		time.Sleep(task.o.DrainDelay)
		synctest.Wait()
		if d, err := c.Decide(t.Context(), ask("x"), []string{"a"}); err != nil || which(t, d) != 1 {
			t.Errorf("in the middle of a preparation: %v, %v", d, err)
		}
		conn.Close()
		if err := <-r.done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(began); took != task.o.DrainDelay {
			t.Errorf("draining took %v", took)
		}
		if !strings.Contains(log.String(), "preparation given up") || !strings.Contains(log.String(), "reason=draining") {
			t.Errorf("logged %s", log)
		}
	})
}

func TestDrainHasAHardEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(low)
		task := newToyTask(t, shop)
		task.o.DrainDelay, task.o.ReadTimeout = 0, time.Hour
		task.data.sizes.read = time.Hour
		r := start(t, task)
		r.assign(assigned(low, 1))
		conn, err := r.data.dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte{0x80, 1, 0, 1, 0, 0}); err != nil { // begins, and never ends
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		r.end()
		if took := time.Since(began); took != task.o.DrainTimeout {
			t.Errorf("draining took %v, want %v", took, task.o.DrainTimeout)
		}
	})
}
