package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/inference/release"
)

// TestMain lets garbage lie longer: hundreds of whole rollouts are played, each
// of which is soon forgotten, and half of the time went into clearing up.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// faults stands between a controller and the world: ask is called before
// every question that can fail, and may answer it with an error. What tasks
// are asked for themselves goes through.
type faults struct {
	*world
	ask func(what string) error
}

func (f faults) ports() Ports {
	return Ports{f, f, f, faultyTasks{fakeTasks{f.world}, f}, faultyControl{fakeControl{f.world}, f}, nil}
}

func (f faults) Get(ctx context.Context, key string) ([]byte, string, error) {
	if err := f.ask("get " + key); err != nil {
		return nil, "", err
	}
	return f.world.Get(ctx, key)
}

func (f faults) Put(ctx context.Context, key string, body []byte, etag string) (string, error) {
	if err := f.ask("put " + key); err != nil {
		return "", err
	}
	return f.world.Put(ctx, key, body, etag)
}

func (f faults) Replace(ctx context.Context, key string, body []byte) error {
	if err := f.ask("put " + key); err != nil {
		return err
	}
	return f.world.Replace(ctx, key, body)
}

func (f faults) Pin(ctx context.Context, s release.Source) (release.Source, int64, error) {
	if err := f.ask("pin"); err != nil {
		return s, 0, err
	}
	return f.world.Pin(ctx, s)
}

func (f faults) Fetch(ctx context.Context, s release.Source, limit int64) ([]byte, error) {
	if err := f.ask("fetch"); err != nil {
		return nil, err
	}
	return f.world.Fetch(ctx, s, limit)
}

func (f faults) Completed(ctx context.Context, patterns []string, since time.Time) ([]rollout.Job, error) {
	if err := f.ask("jobs"); err != nil {
		return nil, err
	}
	return f.world.Completed(ctx, patterns, since)
}

type faultyTasks struct {
	fakeTasks
	f faults
}

func (t faultyTasks) List(ctx context.Context) ([]rollout.Task, int, error) {
	if err := t.f.ask("ecs list"); err != nil {
		return nil, 0, err
	}
	return t.fakeTasks.List(ctx)
}

func (t faultyTasks) Gone(ctx context.Context, silent []string) ([]string, error) {
	if err := t.f.ask("ecs gone"); err != nil {
		return nil, err
	}
	return t.fakeTasks.Gone(ctx, silent)
}

func (t faultyTasks) Crashed(ctx context.Context) ([]rollout.Crash, error) {
	if err := t.f.ask("ecs crashed"); err != nil {
		return nil, err
	}
	return t.fakeTasks.Crashed(ctx)
}

func (t faultyTasks) Tag(ctx context.Context, task, digest string) error {
	if err := t.f.ask("ecs tag"); err != nil {
		return err
	}
	return t.fakeTasks.Tag(ctx, task, digest)
}

func (t faultyTasks) Protect(ctx context.Context, tasks []string, on bool) error {
	if err := t.f.ask("ecs protect"); err != nil {
		return err
	}
	return t.fakeTasks.Protect(ctx, tasks, on)
}

type faultyControl struct {
	fakeControl
	f faults
}

func (c faultyControl) Counts(ctx context.Context, address string, q Comparison) ([]tally.Report, error) {
	if err := c.f.ask("counts"); err != nil {
		return nil, err
	}
	return c.fakeControl.Counts(ctx, address, q)
}

func (f faults) reconciler() *Reconciler {
	r := f.world.reconciler(1)
	r.Ports = f.ports()
	r.store.Documents = f
	return r
}

var errDown = errors.New("as the test wants it")

// state is the truth as it is stored.
func (w *world) state(t *testing.T) rollout.State {
	t.Helper()
	s, err := Store{Documents: w, Names: []string{"ads"}}.State(t.Context(), "ads")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// services are what a fleet may have to do without.
func services() []string {
	return []string{
		"ecs list", "ecs crashed", "ecs tag", "ecs protect", "counts", "jobs", "pin", "fetch", "get fleets/ads/judge/", "put fleets/ads/judge/", "put fleets/ads/look.json",
		"get fleets/ads/looks/", "put fleets/ads/looks/",
		"get releases/", "put releases/", "put fleets/ads/rollouts/",
	}
}

// TestRestoredWhateverIsDown asks for stable in every phase in which a
// candidate may be with tasks, while services are down, each alone, all at
// once, and at random: one pass brings it back.
func TestRestoredWhateverIsDown(t *testing.T) {
	good := scenes(t)[1]
	var outages [][]string
	for _, one := range services() {
		outages = append(outages, []string{one})
	}
	outages = append(outages, services())
	rng := rand.New(rand.NewPCG(4, 4))
	for range 3 {
		all := services()
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		outages = append(outages, all[:2+rng.IntN(len(all)-3)])
	}
	for _, phase := range []rollout.Phase{rollout.Shadow, rollout.Canary, rollout.Promoting} {
		for i, down := range outages {
			t.Run(fmt.Sprint(phase, i), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { good.restoredWithout(t, phase, down) })
			})
		}
	}
}

func (s scene) restoredWithout(t *testing.T, phase rollout.Phase, down []string) {
	f := faults{world: s.stage()}
	out := false
	f.ask = func(what string) error {
		for _, d := range down {
			if out && strings.HasPrefix(what, d) {
				return fmt.Errorf("%s: %w", what, errDown)
			}
		}
		return nil
	}
	r := f.reconciler()
	f.complete(s.job, testArtifact(s.job), 0)
	for moved := 0; moved < 2; { // one pass to enter the phase, one in it
		_, _ = r.Pass(t.Context())
		if a := f.state(t).Active; a != nil && a.Phase == phase {
			moved++
		}
		time.Sleep(time.Second / 4)
	}
	out = true
	q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, By: "ann", At: time.Now()}
	if _, err := (Store{Documents: f.world, Names: []string{"ads"}}).Request(t.Context(), "ads", q); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Pass(t.Context())
	stable := release.Digest(testArtifact("first"))
	for id, task := range f.tasks {
		if task.Serving != stable || task.Shadow != "" {
			t.Errorf("in %s without %v: task %s serves %.12s with %.12s in its shadow after a rollback to %.12s", phase, down, id, task.Serving, task.Shadow, stable)
		}
	}
}

// TestDeadMetrics lets the counts of all tasks die in one of several ways, at
// any look: no phase that began after that is ever accepted, and the rollout
// ends without having gone live on it.
func TestDeadMetrics(t *testing.T) {
	good := scenes(t)[1]
	for _, death := range []string{"errors", "nothing", "zeros", "frozen", "garbage"} {
		for after := range 8 {
			t.Run(fmt.Sprint(death, after), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { good.withoutMetrics(t, death, after) })
			})
		}
	}
}

// dyingControl answers for its counts only for a while.
type dyingControl struct {
	Control
	mu    *sync.Mutex
	how   string
	left  *int // looks
	last  map[string][]tally.Report
	since *time.Time
}

func (c dyingControl) Counts(ctx context.Context, address string, q Comparison) ([]tally.Report, error) {
	reports, err := c.Control.Counts(ctx, address, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	if *c.left--; *c.left >= 0 {
		c.last[address] = reports
		return reports, err
	}
	if c.since.IsZero() {
		*c.since = time.Now()
	}
	switch c.how {
	case "errors":
		return nil, errDown
	case "nothing":
		return nil, nil
	case "frozen":
		return c.last[address], nil
	case "zeros":
		for i := range reports {
			clear(reports[i].Requests)
			clear(reports[i].ShadowRequests)
			clear(reports[i].Partners)
		}
	case "garbage":
		for i := range reports {
			for k := range reports[i].Requests {
				reports[i].Requests[k] = -1 << 63 // NaN as an integer
			}
		}
	}
	return reports, nil
}

func (s scene) withoutMetrics(t *testing.T, death string, after int) {
	w := s.stage()
	r := w.reconciler(1)
	left, died := 7*after, time.Time{}
	r.Control = dyingControl{r.Control, &sync.Mutex{}, death, &left, map[string][]tally.Report{}, &died}
	playJob(t, w, s.job, func() error {
		if !died.IsZero() {
			time.Sleep(time.Hour)
		}
		_, err := r.Pass(t.Context())
		return err
	})
	ended := w.ended(t)[s.job]
	entered := map[rollout.Phase]time.Time{}
	for _, e := range ended.History {
		began := entered[e.From]
		if e.Reason == rollout.Accepted && e.To != rollout.Live && !died.IsZero() && began.After(died) {
			t.Errorf("%s since %v: a phase that began at %v was accepted: %+v", death, died, began, e)
		}
		entered[e.To] = e.At
	}
	if after == 0 && ended.Phase != rollout.RolledBack {
		t.Errorf("%s from the start, and it ended %s: %s", death, ended.Phase, ended.Sentence)
	}
}

// TestOverwrittenAnywhere overwrites the artifact, or leaves half of it, at
// every question about it and at every write: what is stored as a release is
// always whole and what its name says, and tasks serve nothing else.
func TestOverwrittenAnywhere(t *testing.T) {
	good := scenes(t)[1]
	for _, with := range []string{"other", "half", "nothing"} {
		for at := 1; at <= 10; at++ {
			t.Run(fmt.Sprint(with, at), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { good.overwrittenAt(t, with, at) })
			})
		}
	}
}

func (s scene) overwrittenAt(t *testing.T, with string, at int) {
	f := faults{world: s.stage()}
	seen := 0
	f.ask = func(what string) error {
		if what != "pin" && what != "fetch" && !strings.HasPrefix(what, "put releases/sha256/") {
			return nil
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		switch seen++; {
		case seen == at && with == "other":
			f.artifacts[s.job] = testArtifact("quite another")
		case seen == at && with == "half":
			f.artifacts[s.job] = testArtifact(s.job)[:400]
		case seen == at:
			delete(f.artifacts, s.job)
		case seen == at+3: // uploaded again, and the controller dies
			f.artifacts[s.job] = testArtifact(s.job)
			return errDown
		}
		return nil
	}
	r := f.reconciler()
	passes := 0
	playJob(t, f.world, s.job, func() error {
		if passes++; passes > 60 { // it cannot be stored any more, and is held
			time.Sleep(time.Hour)
		}
		_, err := r.Pass(t.Context())
		if errors.Is(err, errDown) {
			r = f.reconciler()
		}
		return err
	})
	whole := map[string]bool{}
	for _, name := range []string{"first", s.job, "quite another"} {
		whole[release.Digest(testArtifact(name))] = true
	}
	for key, d := range f.documents {
		digest := strings.TrimSuffix(strings.TrimPrefix(key, "releases/sha256/"), "/model.tar.gz")
		if strings.HasSuffix(key, "/model.tar.gz") && (release.Digest(d.body) != digest || !whole[digest]) {
			t.Errorf("%s at %d: %s is stored, and has the digest %s", with, at, key, release.Digest(d.body))
		}
	}
	for id, task := range f.tasks {
		if !whole[task.Serving] || bytes.Equal(f.documents[release.ArchiveKey(task.Serving)].body, nil) {
			t.Errorf("%s at %d: task %s serves %s", with, at, id, task.Serving)
		}
	}
}

// TestReplacedAnywhere lets ECS replace one task in every pass of a rollout: it
// comes to the same end. Tasks a and b are those that are chosen first.
func TestReplacedAnywhere(t *testing.T) {
	for _, s := range scenes(t)[1:] {
		for at := range 24 {
			victim := []string{"a", "b"}[at%2]
			t.Run(fmt.Sprint(s.job, at), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { s.replacedAt(t, at, victim) })
			})
		}
	}
}

func (s scene) replacedAt(t *testing.T, at int, victim string) {
	w := s.stage()
	r := w.reconciler(1)
	passes := 0
	playJob(t, w, s.job, func() error {
		if passes == at {
			def := w.state(t).Default
			w.mu.Lock()
			delete(w.tasks, victim)
			w.start("n")
			w.tasks["n"].Serving, w.tasks["n"].Ready = def, true
			w.mu.Unlock()
		}
		passes++
		_, err := r.Pass(t.Context())
		return err
	})
	checkEnd(t, w, w.ended(t), fmt.Sprintf("task %s replaced in pass %d", victim, at))
}

// TestWishesSurvive lets a person give the rollout up at every change that the
// controller makes, between its look and its write among them. A wish that was
// taken is met, and is in the history with the name of who asked.
func TestWishesSurvive(t *testing.T) {
	good := scenes(t)[1]
	for at := 1; at <= good.changes; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { good.wishedAt(t, at) })
		})
	}
}

func (s scene) wishedAt(t *testing.T, at int) {
	w := s.stage()
	r := w.reconciler(1)
	seen, taken := 0, false
	w.before = func(string) error {
		if seen++; seen == at {
			w.unhooked(func() {
				q := rollout.Request{ID: "1", Verb: rollout.VerbAbort, By: "ann", At: time.Now()}
				_, err := (Store{Documents: w, Names: []string{"ads"}}).Request(t.Context(), "ads", q)
				taken = err == nil
			})
		}
		return nil
	}
	playJob(t, w, s.job, func() error { _, err := r.Pass(t.Context()); return err })
	ended := w.ended(t)[s.job]
	if met := ended.Reason == rollout.Aborted && ended.By == "ann"; met != taken {
		t.Errorf("a wish at change %d was taken (%v), and the rollout ended %s for %s, asked by %q", at, taken, ended.Phase, ended.Reason, ended.By)
	}
	if len(w.lapses) > 0 {
		t.Errorf("a wish at change %d: the state was lost: %v", at, w.lapses)
	}
}

// TestRandomLeases lets three processes, whose clocks differ, look after one
// lease; they stall, their replies get lost, and hands remove, damage and
// restore it. Never do two of them believe that they may act, and never does an
// epoch have two holders: what has acted is in the state, as in Pass.
func TestRandomLeases(t *testing.T) {
	for seed := range uint64(60) {
		for _, hands := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { leases(t, rand.New(rand.NewPCG(seed, 6)), hands) })
		}
	}
}

func leases(t *testing.T, rng *rand.Rand, hands bool) {
	w := newWorld()
	fate := 0 // of the next write
	w.before = func(string) error { return map[bool]error{true: errDown}[fate == 1] }
	w.after = func(string) error { return map[bool]error{true: errDown}[fate == 2] }
	type process struct {
		e     *Elector
		skew  time.Duration
		epoch int64 // under which it acts
	}
	holders, led := map[int64]int{}, 0
	var all []*process
	for i := range 3 {
		skew := time.Duration(rng.IntN(7200)-3600) * time.Second
		all = append(all, &process{e: &Elector{Documents: w, Name: fmt.Sprint(i), TTL: 15 * time.Second, Traces: []string{"trace"}}, skew: skew})
	}
	newest := int64(0) // that has acted
	acts := func(p *process) bool { return p.epoch != 0 && time.Now().Add(p.skew).Before(p.e.Until()) }
	for range 400 {
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
		switch tampered := rng.IntN(80); {
		case !hands:
		case tampered == 0:
			w.remove(leaseKey)
		case tampered == 1:
			w.put(leaseKey, []byte("{"))
		case tampered == 2:
			w.put(leaseKey, fmt.Appendf(nil, `{"holder":"long gone","epoch":%d}`, rng.Int64N(newest+1)))
		}
		i := rng.IntN(len(all))
		p := all[i]
		fate = max(0, rng.IntN(8)-5)
		p.epoch, _ = p.e.Hold(t.Context(), time.Now().Add(p.skew))
		if p.epoch == 0 {
			continue
		}
		w.put("trace", nil)
		if holder, held := holders[p.epoch]; hands && (p.epoch < newest || held && holder != i) {
			p.epoch = 0
			p.e.Raise(newest)
			continue
		}
		led++
		newest = p.epoch
		if other, held := holders[p.epoch]; held && other != i {
			t.Fatalf("epoch %d belongs to %d and to %d", p.epoch, other, i)
		}
		holders[p.epoch] = i
		for k, other := range all {
			if k != i && acts(other) && acts(p) {
				t.Fatalf("%d acts under epoch %d and %d under %d", i, p.epoch, k, other.epoch)
			}
			if k != i && other.epoch > p.epoch && acts(p) {
				t.Fatalf("%d acts under epoch %d after %d had %d", i, p.epoch, k, other.epoch)
			}
		}
	}
	if led < 20 {
		t.Fatalf("somebody led %d times of 400: too seldom to show anything", led)
	}
}

// TestHungLease lets the lease's store hang together with ECS: the
// pass that was under way is broken off before another process may lead.
func TestHungLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		hung, stuck := &hanging{world: w}, &stuckTasks{Tasks: fakeTasks{w}}
		r := w.reconciler(0)
		r.Tasks = stuck
		c := &Controller{Elector: Elector{Documents: hung, Name: "first", TTL: 15 * time.Second}, Fleets: []*Reconciler{r}, Log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		for range 20 { // whatever the lease has left when the store hangs
			time.Sleep(20*time.Second + 700*time.Millisecond)
			hung.hang(true)
			stuck.hang(true)
			time.Sleep(time.Minute)
			if took := stuck.until().Sub(hung.renewed()); took <= 0 || took >= c.Elector.TTL {
				t.Errorf("a pass went on for %v after the lease was renewed last", took)
			}
			hung.hang(false)
			stuck.hang(false)
		}
		stop()
		<-done
	})
}

// stuckTasks does not list tasks while it hangs, and tells when the last one
// that waited was let go.
type stuckTasks struct {
	Tasks
	mu    sync.Mutex
	hangs bool
	end   time.Time
}

func (s *stuckTasks) hang(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangs = yes
}

func (s *stuckTasks) until() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

func (s *stuckTasks) List(ctx context.Context) ([]rollout.Task, int, error) {
	s.mu.Lock()
	hangs := s.hangs
	s.mu.Unlock()
	if !hangs {
		return s.Tasks.List(ctx)
	}
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = time.Now()
	return nil, 0, ctx.Err()
}

// hanging stops answering about the lease.
type hanging struct {
	*world
	mu  sync.Mutex
	dry bool
	at  time.Time // of the last write of the lease
}

func (h *hanging) hang(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dry = yes
}

func (h *hanging) renewed() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hanging) Put(ctx context.Context, key string, body []byte, etag string) (string, error) {
	if key != leaseKey {
		return h.world.Put(ctx, key, body, etag)
	}
	h.mu.Lock()
	dry := h.dry
	if !dry {
		h.at = time.Now()
	}
	h.mu.Unlock()
	if dry {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return h.world.Put(ctx, key, body, etag)
}
