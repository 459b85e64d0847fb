package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// TestFrozenLeader stops a leader after each of its writes, for longer than its
// lease lasts. Meanwhile another one leads and gives the rollout up. When the
// first one wakes, it sends nothing; and were its clock to say that it still
// may, no task would obey.
func TestFrozenLeader(t *testing.T) {
	good := scenes(t)[1]
	for at := 1; at <= good.changes; at++ {
		for _, asleep := range []bool{false, true} {
			t.Run(fmt.Sprint(at, asleep), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { good.frozenAt(t, at, asleep) })
			})
		}
	}
}

// frozenAt freezes the leader at a change, if that is a write. Where its
// machine was asleep and its clocks stood still, it does not know.
func (s scene) frozenAt(t *testing.T, at int, asleep bool) {
	w := s.stage()
	frozen, other := w.reconciler(1), w.reconciler(2)
	var until atomic.Pointer[time.Time]
	till := func(d time.Duration) { at := time.Now().Add(d); until.Store(&at) }
	till(time.Hour)
	frozen.until = func() time.Time { return *until.Load() }
	seen, done := 0, false
	var left map[string]rollout.Task
	w.after = func(what string) error {
		if seen++; seen != at {
			return nil
		}
		if done = true; !strings.HasPrefix(what, "put ") && !strings.HasPrefix(what, "replace ") {
			return nil
		}
		w.unhooked(func() {
			if !asleep {
				till(10 * time.Second)
				time.Sleep(20 * time.Second)
			}
			q := rollout.Request{ID: "1", Verb: rollout.VerbAbort, By: "ann", At: time.Now()}
			_, _ = other.store.Request(t.Context(), "ads", q) // there may be nothing to give up
			for range 3 {
				_, _ = other.Pass(t.Context())
			}
			left = w.present()
		})
		w.before = func(what string) error {
			if !asleep {
				t.Errorf("frozen after change %d, and %s is sent after the lease's end", at, what)
			}
			return nil
		}
		return nil
	}
	w.complete(s.job, testArtifact(s.job), 0)
	for pass := 0; !done && pass < 600; pass++ {
		_, _ = frozen.Pass(t.Context())
		time.Sleep(time.Second)
	}
	if left == nil {
		return // no write
	}
	for id, now := range w.present() {
		now.Tag, now.Protected = left[id].Tag, left[id].Protected // nobody is fenced off from those
		if now != left[id] {
			t.Errorf("frozen after change %d: a dead leader moved task %s from %+v to %+v", at, id, left[id], now)
		}
		if now.Serving != "" && w.tasks[id].epoch != 2 {
			t.Errorf("frozen after change %d: task %s has not heard of the new leader, but of epoch %d", at, id, w.tasks[id].epoch)
		}
	}
}

// present is what every task does now.
func (w *world) present() map[string]rollout.Task {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := map[string]rollout.Task{}
	for id, t := range w.tasks {
		now[id] = t.Task
	}
	return now
}

// TestStateRestored restores every earlier version of the state under a leader
// that runs, and under one that begins: the fleet goes back at once when it is
// asked to, no message is refused, and no event has the number of another.
func TestStateRestored(t *testing.T) {
	good := scenes(t)[1]
	versions := 0
	synctest.Test(t, func(t *testing.T) { versions = len(good.versions(t, good.stage())) })
	if versions < 6 {
		t.Fatalf("the state has %d versions only", versions)
	}
	for i := range versions {
		for _, anew := range []bool{false, true} {
			t.Run(fmt.Sprint(i, anew), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { good.restored(t, i, anew) })
			})
		}
	}
}

// versions plays the scene to its end and returns all states that were stored.
func (s scene) versions(t *testing.T, w *world) (bodies [][]byte) {
	key := release.FleetKey("ads")
	bodies = append(bodies, w.documents[key].body)
	w.after = func(what string) error {
		if what == "put "+key {
			w.mu.Lock()
			bodies = append(bodies, w.documents[key].body)
			w.mu.Unlock()
		}
		return nil
	}
	r := w.reconciler(1)
	playJob(t, w, s.job, func() error { _, err := r.Pass(t.Context()); return err })
	w.after, w.last = nil, r
	return bodies
}

func (s scene) restored(t *testing.T, version int, anew bool) {
	w := s.stage()
	bodies := s.versions(t, w)
	r, before := w.last, w.state(t)
	if anew {
		r = w.reconciler(2)
	}
	w.put(release.FleetKey("ads"), bodies[version])
	went := w.state(t).Counters().Behind(before.Counters())
	_, err := r.Pass(t.Context())
	refused := func(err error) {
		if err != nil && strings.Contains(err.Error(), "stale") {
			t.Errorf("version %d: a task refuses: %v", version, err)
		}
	}
	refused(err)
	after := w.state(t)
	said := slices.ContainsFunc(after.Events, func(e rollout.Event) bool { return e.Reason == rollout.Restored })
	if !anew && (said != went || went && (after.LastEvent <= before.LastEvent || after.Generation <= before.Generation)) {
		t.Errorf("version %d: after event %d and generation %d come %d and %d; it is said %v", version,
			before.LastEvent, before.Generation, after.LastEvent, after.Generation, said)
	}
	q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, Release: release.Digest(testArtifact("first")), By: "ann", At: time.Now()}
	if _, err := r.store.Request(t.Context(), "ads", q); err != nil && after.Stable != q.Release {
		t.Fatalf("version %d: %v", version, err)
	}
	for range 3 {
		_, err := r.Pass(t.Context())
		refused(err)
	}
	for id, task := range w.present() {
		if now := w.state(t); now.Active == nil && (task.Serving != q.Release || task.Shadow != "") {
			t.Errorf("version %d: task %s serves %.12s after a rollback to %.12s", version, id, task.Serving, q.Release)
		}
	}
	if len(w.lapses) > 0 && !anew { // nobody remembers the events of before
		t.Errorf("version %d: %v", version, w.lapses)
	}
}

// put stores a document as a person does.
func (w *world) put(key string, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	w.documents[key] = document{body, fmt.Sprint("by hand ", w.writes), w.writes}
}

// remove takes a document away as a person does.
func (w *world) remove(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.documents, key)
}

// lead runs two controllers, each a process of its own, until the test is over.
func (w *world) lead(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	for _, name := range []string{"one", "two"} {
		r := w.reconciler(0)
		r.Name = name
		c := &Controller{Elector: Elector{Documents: w, Name: name, TTL: 15 * time.Second}, Fleets: []*Reconciler{r}, Log: slog.New(slog.DiscardHandler)}
		go func() { done <- c.Run(ctx) }()
	}
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestRepairs does to the lease and the state what hands do, while two
// controllers run: before three times the lease has passed, one leads under an
// epoch above all others, and a rollback is done.
func TestRepairs(t *testing.T) {
	good := scenes(t)[2]
	for name, damage := range map[string]func(w *world){
		"lease removed":  func(w *world) { w.remove(leaseKey) },
		"lease damaged":  func(w *world) { w.put(leaseKey, []byte(`{"holder":"one","epo`)) },
		"lease emptied":  func(w *world) { w.put(leaseKey, nil) },
		"lease restored": func(w *world) { w.put(leaseKey, []byte(`{"holder":"two","epoch":1,"renewal":3}`)) },
		"lease senseless": func(w *world) {
			w.put(leaseKey, fmt.Appendf(nil, `{"holder":"two","epoch":%d,"renewal":3}`, int64(math.MaxInt64)))
		},
		"state of a later leader": func(w *world) {
			key := release.FleetKey("ads")
			body, _, _ := w.Get(context.Background(), key) // it is there
			w.put(key, []byte(strings.Replace(string(body), `"epoch":7`, `"epoch":70`, 1)))
		},
		"task of a later leader": func(w *world) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.tasks["b"].epoch = 1 << 32
		},
		"lease removed, begun anew": func(w *world) {
			w.remove(leaseKey)
			w.put(release.FleetKey("ads"), []byte(`{"fleet":"ads"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := good.stage()
				w.put(leaseKey, []byte(`{"holder":"","epoch":6,"renewal":9}`))
				w.lead(t)
				time.Sleep(20 * time.Second)
				before := w.state(t)
				if before.Epoch != 7 {
					t.Fatalf("the first leader has epoch %d", before.Epoch)
				}
				damage(w)
				w.mu.Lock()
				highest := w.tasks["b"].epoch
				w.mu.Unlock()
				highest = max(highest, before.Epoch, w.state(t).Epoch)
				time.Sleep(45 * time.Second)
				first := release.Digest(testArtifact("first"))
				q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, Release: first, By: "ann", At: time.Now()}
				store := Store{Documents: w, Names: []string{"ads"}}
				if _, err := store.Request(t.Context(), "ads", q); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				after := w.state(t)
				if after.Epoch <= highest {
					t.Errorf("the leader has epoch %d, after %d", after.Epoch, highest)
				}
				for id, task := range w.present() {
					if task.Serving != first {
						t.Errorf("task %s serves %.12s after a rollback to %.12s", id, task.Serving, first)
					}
				}
				look, err := store.Look(t.Context(), "ads")
				if err != nil || time.Since(look.At) > 2*time.Second || len(look.Errors) > 0 || look.Epoch != after.Epoch {
					t.Errorf("the last look is of %v ago, epoch %d, with errors %q (%v)", time.Since(look.At), look.Epoch, look.Errors, err)
				}
			})
		})
	}
}

// TestUnableLeaderSaysSo wants the reason where people look when a leader
// cannot act. It leaves the state as it is, for whoever can make sense of it,
// and goes on once an earlier version is restored.
func TestUnableLeaderSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(3)
		for what, state := range map[string]string{
			"another lease":                 `{"fleet":"ads","epoch":4}`,
			"is damaged":                    `{"fleet":"ads","ep`,
			"cannot be":                     `{"fleet":"ads","epoch":9223372036854775807}`,
			"run the version that wrote it": `{"fleet":"ads","active":{"id":"a","phase":"dreaming"}}`,
			"does not know: run the version that wrote": `{"fleet":"ads","queue":[{"id":"a","phase":"dreaming"}]}`,
			`it is the state of fleet "toys"`:           `{"fleet":"toys","epoch":1}`,
			`it is the state of fleet ""`:               `{}`,
		} {
			w.put(release.FleetKey("ads"), []byte(state))
			if _, err := r.Pass(t.Context()); err == nil {
				t.Errorf("a pass over %s is fine", state)
			}
			look, err := r.store.Look(t.Context(), "ads")
			if err != nil || !strings.Contains(strings.Join(look.Errors, " "), what) {
				t.Errorf("over %s, people are told %q (%v), want %q", state, look.Errors, err, what)
			}
			if now := string(w.documents[release.FleetKey("ads")].body); now != state {
				t.Errorf("the leader made %s of %s", now, state)
			}
			w.put(release.FleetKey("ads"), []byte(`{"fleet":"ads","epoch":1}`))
			if _, err := r.Pass(t.Context()); err != nil {
				t.Errorf("after %s, a pass over a sound version: %v", state, err)
			}
		}
	})
}

// TestNobodysEpoch lets a new leader find its own epoch in the state, or with a
// task: somebody else has had it, and another one is asked for.
func TestNobodysEpoch(t *testing.T) {
	for name, found := range map[string]func(w *world){
		"state": func(w *world) { w.put(release.FleetKey("ads"), []byte(`{"fleet":"ads","epoch":3}`)) },
		"task":  func(w *world) { w.tasks["b"].epoch = 3 },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			found(w)
			r := w.reconciler(3)
			r.own = false
			used := int64(0)
			r.raise = func(u int64) { used = u }
			_, _ = r.Pass(t.Context())
			if used != 3 {
				t.Errorf("%s of epoch 3: later ones than %d are asked for", name, used)
			}
			r.epoch, used = 4, 0
			for range 2 {
				if _, err := r.Pass(t.Context()); err != nil || used != 0 {
					t.Errorf("%s: under epoch 4: %v, asked for one beyond %d", name, err, used)
				}
			}
		})
	}
}

// TestPoisonedTask gives one task the last epoch there is, once: the others are
// promoted, people are told what to do, and a controller that may do so
// replaces it, and nothing else.
func TestPoisonedTask(t *testing.T) {
	good := scenes(t)[1]
	for _, replaces := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := good.stage()
			w.tasks["a"].epoch = math.MaxInt64
			r := w.reconciler(1)
			raised := int64(0)
			r.raise = func(used int64) { raised = used }
			r.Fleet.Policies.ReplacePoisoned = replaces
			r.Fleet.Policies.Default.PromoteBatch = 1
			var stopped []string
			w.after = func(what string) error {
				if what == "stop" {
					stopped = append(stopped, what)
					w.mu.Lock()
					w.start("n")
					w.tasks["n"].Serving, w.tasks["n"].Ready = w.wrote.Default, true
					w.mu.Unlock()
				}
				return nil
			}
			w.complete(good.job, testArtifact(good.job), 0)
			told := false
			candidate := release.Digest(testArtifact(good.job))
			moved := func() (n int) {
				for id, task := range w.present() {
					if id != "a" && task.Serving == candidate && task.Shadow == "" {
						n++
					}
				}
				return n
			}
			for pass := 0; pass < 300 && !(moved() >= 3 && (w.tasks["a"] == nil) == replaces); pass++ {
				_, _ = r.Pass(t.Context())
				look, _ := r.store.Look(t.Context(), "ads")
				told = told || strings.Contains(strings.Join(look.Errors, " "), "task a: poisoned") && strings.Contains(strings.Join(look.Errors, " "), "Stop it in ECS")
				time.Sleep(time.Second)
			}
			if moved() < 3 || !told || raised != 0 || replaces != (len(stopped) == 1) || replaces != (w.tasks["a"] == nil) {
				t.Errorf("replaces %v: %d others have moved, people are told %v, the epoch is raised above %d, stopped %v, tasks %v",
					replaces, moved(), told, raised, stopped, slices.Sorted(maps.Keys(w.tasks)))
			}
		})
	}
}

// TestFence wants nothing through it once either clock says that the lease has
// run out, and nothing to outlast it.
func TestFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		until := time.Now().Add(time.Second)
		p := fence(func() time.Time { return until }).ports(Ports{w, w, w, fakeTasks{w}, fakeControl{w}, nil})
		sends := map[string]func() error{
			"put":     func() error { _, err := p.Documents.Put(t.Context(), "k", nil, ""); return err },
			"replace": func() error { return p.Documents.Replace(t.Context(), "another", nil) },
			"tag":     func() error { return p.Tasks.Tag(t.Context(), "a", "r") },
			"protect": func() error { return p.Tasks.Protect(t.Context(), []string{"a"}, true) },
			"assign":  func() error { return p.Control.Assign(t.Context(), "a", rollout.Assign{Task: "a"}, 1) },
			"stop":    func() error { return p.Tasks.Stop(t.Context(), "a", "why") },
		}
		for what, send := range sends {
			if err := send(); err != nil && what != "assign" {
				t.Errorf("%s within the lease: %v", what, err)
			}
		}
		time.Sleep(time.Second)
		w.before = func(what string) error { t.Errorf("%s is sent after the lease's end", what); return nil }
		for what, send := range sends {
			if err := send(); !errors.Is(err, errExpired) {
				t.Errorf("%s after the lease's end: %v", what, err)
			}
		}
		now := time.Now()
		asleep := now.Round(0).Add(time.Minute) // the wall clock after a sleep of the machine
		if before(asleep, now.Add(time.Second)) {
			t.Error("a lease lasts for as long as the machine sleeps")
		}
		until = now.Add(time.Second)
		err := fence(func() time.Time { return until }).send(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if took := time.Since(now); err == nil || took != time.Second {
			t.Errorf("what hangs was let go after %v (%v), want the end of the lease", took, err)
		}
	})
}

// TestLookTellsOfEpochs leads under an epoch of which lease and state tell that
// it is the newest, as both were put back, while the last look was another's:
// nothing is done before there is a later epoch. A look that nobody can have had
// tells nothing.
func TestLookTellsOfEpochs(t *testing.T) {
	for _, tt := range []struct{ look, raised int64 }{{4, 0}, {5, 5}, {9, 9}, {maxEpoch + 1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			first := w.reconciler(4)
			playJob(t, w, "first", func() error { _, err := first.Pass(t.Context()); return err })
			look := w.look(t)
			look.Epoch = tt.look
			body, err := json.Marshal(look)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Replace(t.Context(), lookKey("ads"), body); err != nil {
				t.Fatal(err)
			}
			r, raised := w.reconciler(5), int64(0)
			r.own, r.raise = false, func(used int64) { raised = used }
			_, err = r.Pass(t.Context())
			if raised != tt.raised || errors.Is(err, errDeposed) != (tt.raised > 0) || r.own != (tt.raised == 0) {
				t.Errorf("a look of epoch %d: raised to %d, want %d: %v", tt.look, raised, tt.raised, err)
			}
		})
	}
}

// wayFunc is a way that takes everything.
type wayFunc func(Notice)

func (f wayFunc) Deliver(_ context.Context, n Notice) error {
	f(n)
	return nil
}

// TestFleetsAreExchanged gives a leader other fleets while another controller
// waits for the lease: nobody else ever leads, the new loops begin under an epoch
// of their own, and the fleet that is gone is neither looked at nor told of.
func TestFleetsAreExchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log, metrics := newWorld(), slog.New(slog.DiscardHandler), NewMetrics("v1")
		instead := make(chan []*Reconciler)
		var told []string
		run := func(name string, instead chan []*Reconciler, m *Metrics) (*Controller, func(fleet string) *Reconciler) {
			loop := func(fleet string) *Reconciler {
				f := testFleet()
				f.Name = fleet
				r := NewReconciler(f, Ports{w, w, w, fakeTasks{w}, fakeControl{w}, nil}, name, log)
				r.Metrics = m
				r.Receivers = []Receiver{{Name: "oncall", Kinds: []Kind{KindControllerSilent}, Way: wayFunc(func(n Notice) { told = append(told, n.Headline) })}}
				return r
			}
			c := &Controller{Elector: Elector{Documents: w, Name: name, TTL: 15 * time.Second}, Fleets: []*Reconciler{loop("ads")}, Instead: instead, Log: log, Metrics: m}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- c.Run(ctx) }()
			t.Cleanup(func() {
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
			return c, loop
		}
		leader, loop := run("one", instead, metrics)
		time.Sleep(time.Second)
		others := make(chan []*Reconciler)
		waits, second := run("two", others, NewMetrics("v1"))
		time.Sleep(20 * time.Second)
		before := leader.Standing().Epoch
		looked := func(fleet string) string {
			_, etag, _ := w.Get(t.Context(), lookKey(fleet)) // empty where there is none
			return etag
		}
		if before == 0 || looked("ads") == "" || gathered(t, metrics)["sluice_passes_total{fleet=ads,result=ok}"] == 0 {
			t.Fatalf("it leads under %d: %v", before, gathered(t, metrics))
		}
		leader.Elector.silent = "three" // of which people were told when it began to lead
		instead <- []*Reconciler{loop("native"), loop("video")}
		time.Sleep(10 * time.Second) // the other one sees the change later
		others <- []*Reconciler{second("native"), second("video")}
		for range 300 {
			time.Sleep(time.Second)
			if waits.Standing().Epoch != 0 {
				t.Fatal("another controller leads meanwhile")
			}
		}
		last := looked("ads")
		time.Sleep(20 * time.Second)
		if now := leader.Standing().Epoch; now != before+1 || looked("native") == "" || looked("video") == "" || looked("ads") != last {
			t.Errorf("it leads under %d after %d, and looks are %q, %q, and of the fleet that is gone %q after %q", now, before, looked("native"), looked("video"), looked("ads"), last)
		}
		for name := range gathered(t, metrics) {
			if strings.Contains(name, "fleet=ads") {
				t.Errorf("it tells of a fleet that is gone: %s", name)
			}
		}
		if len(told) > 0 {
			t.Errorf("people are called: %v", told)
		}
		if err := errors.Join(leader.Healthy(time.Now()), leader.Ready(time.Now())); err != nil {
			t.Error(err)
		}
	})
}
