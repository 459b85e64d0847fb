package nights

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// world is everything that there is. It is used on one goroutine, the one that
// plays the night, but for what says otherwise.
type world struct {
	*schedule
	t     *testing.T
	life  context.Context // of everything in it
	story *story
	sky   sky

	bucket    *bucket
	artifacts map[string]artifact
	jobs      []rollout.Job
	trained   int
	truth     map[string]truth // by digest
	ecs       service
	tasks     map[string]*task
	changed   map[string]bool // tasks
	eye       *fleet.Control  // sees what tasks do
	procs     []*process
	lessee    string // who wrote the lease last
	restarts  int
	people    sync.WaitGroup // everybody who lives in it
	plans     []plan
	planned   int

	checks
	steps int
	ghost bool // nobody waits for the call that is being made
	calm  bool // nothing goes wrong by itself any more

	mu    sync.Mutex // guards tasks against readers of other goroutines, and marks
	marks int
}

// plan is something that happens at a moment.
type plan struct {
	at time.Time
	n  int
	do func()
}

// newWorld is a fleet at peace, at nightfall: one release serves, one served
// before it, and three controllers are about to start.
func newWorld(t *testing.T, life context.Context, seed uint64) *world {
	w := &world{
		schedule: newSchedule(seed), t: t, life: life, story: newStory(),
		bucket: newBucket(), artifacts: map[string]artifact{}, truth: map[string]truth{}, tasks: map[string]*task{}, changed: map[string]bool{},
	}
	w.eye = fleet.New(fleet.Options{Dial: w.dial})
	w.sky = newSky(w.schedule)
	before, stable := w.keepRelease("before"), w.keepRelease("stable")
	state := rollout.State{Fleet: fleetName, Epoch: 1, Generation: 3, Stable: stable, Previous: before, Default: stable, JobsSince: time.Now().Add(-time.Hour)}
	body, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	w.checks = newChecks(state)
	w.bucket.write(nil, stateKey(), body, "")
	w.bucket.write(nil, "lease.json", []byte(`{"holder":"","epoch":1,"renewal":1,"at":"2000-01-01T00:00:00Z"}`), "")
	w.bucket.wrote = w.wrote
	w.ecs.desired = 4
	for range w.ecs.desired {
		w.ecs.newest++
		w.boot(fmt.Sprintf("t%d", w.ecs.newest))
	}
	for i := range 3 {
		w.procs = append(w.procs, w.launch(fmt.Sprintf("c%d", i+1)))
	}
	return w
}

// keepRelease stores a release as an earlier rollout has.
func (w *world) keepRelease(name string) (digest string) {
	digest = w.train(truth{name: name}, name, 0)
	source := release.Source{Job: name, Bucket: "training", Key: name}
	report := admit.Check(w.artifacts[name].body, source, admit.Policy{}, "", time.Now())
	passport, err := json.Marshal(report.Passport)
	if err != nil || report.Digest != digest {
		w.t.Fatalf("admit %s: %+v, %v", name, report, err)
	}
	w.bucket.write(nil, release.ArchiveKey(digest), report.Archive, "")
	w.bucket.write(nil, release.PassportKey(digest), passport, "")
	return digest
}

// in lets something happen after a while.
func (w *world) in(d time.Duration, do func()) {
	w.planned++
	w.plans = append(w.plans, plan{time.Now().Add(d), w.planned, do})
}

// due lets happen what has come to its time.
func (w *world) due() {
	for {
		at := -1
		for i, p := range w.plans {
			if !p.at.After(time.Now()) && (at < 0 || p.at.Before(w.plans[at].at) || p.at.Equal(w.plans[at].at) && p.n < w.plans[at].n) {
				at = i
			}
		}
		if at < 0 {
			return
		}
		do := w.plans[at].do
		w.plans = slices.Delete(w.plans, at, at+1)
		do()
		synctest.Wait()
	}
}

// idle lets time pass until something is new.
func (w *world) idle() {
	wait := 500 * time.Millisecond
	for _, p := range w.plans {
		wait = min(wait, time.Until(p.at))
	}
	select {
	case <-w.bell:
	case <-time.After(max(wait, 1)):
	}
}

// step lets one call go on, or time pass where there is none.
func (w *world) step() {
	synctest.Wait()
	w.look()
	w.due()
	w.giveUp()
	if len(w.waiting(w.ready)) == 0 {
		w.idle()
		return
	}
	time.Sleep(w.about(w.sky.latency))
	synctest.Wait()
	w.due()
	w.giveUp()
	if ready := w.waiting(w.ready); len(ready) > 0 {
		w.steps++
		w.story.step.Store(int64(w.steps))
		w.turn(pick(w.schedule, ready))
		synctest.Wait()
		w.look()
	}
}

// ready reports whether a call may go on now.
func (w *world) ready(c *call) bool {
	return !c.mute && !c.proc.iced() && !time.Now().Before(c.after)
}

// giveUp answers calls that their callers do not wait for any more. Those of a
// frozen process go on first when it wakes: it does not know how late it is.
func (w *world) giveUp() {
	over := func(c *call) bool { return c.ctx.Err() != nil && !c.proc.iced() && (!c.thawed || c.mute) }
	for {
		gone := w.waiting(over)
		if len(gone) == 0 {
			return
		}
		c := gone[0]
		became := "given up"
		if !c.arrived && !c.mute && !w.calm && w.maybe(.2) {
			_ = c.do()
			became = "given up, and done all the same"
		}
		w.tell(c, became, nil)
		w.finish(c, c.ctx.Err())
		synctest.Wait()
	}
}

// turn lets one call go on.
func (w *world) turn(c *call) {
	if c.arrived {
		w.tell(c, "the reply is here", c.held)
		w.finish(c, c.held)
		return
	}
	if t := w.tasks[c.task]; c.task != "" && t.hung {
		c.mute = true
		return
	}
	if w.freezes(c) {
		return
	}
	if c.thawed && c.ctx.Err() != nil {
		w.overdue(c)
		return
	}
	w.ghost = c.late
	f := w.sky.fault(w, c)
	became := string(f)
	var err error
	switch f {
	case fine, lostReply, lateReply:
		err = c.do()
	case lostRequest:
		err = errLost
	case busy:
		err = errBusy
	case conflict:
		err = errConflict
	case delayed:
		err = errLost
		w.delay(*c)
	case silent:
		c.mute = true
	}
	w.tell(c, became, err)
	switch f {
	case lostReply:
		err = errLost
	case lateReply:
		c.arrived, c.held, c.after = true, err, time.Now().Add(w.about(time.Second))
		return
	case silent:
		return
	case fine, lostRequest, busy, conflict, delayed:
	}
	w.finish(c, err)
}

// overdue lets a call go on that its process was frozen in, and whose time is
// up by now.
func (w *world) overdue(c *call) {
	became := "too late, and not made"
	if w.maybe(.6) {
		_ = c.do()
		became = "made too late"
	}
	w.tell(c, became, nil)
	w.finish(c, c.ctx.Err())
}

// delay lets a message arrive when nobody waits for it any more.
func (w *world) delay(c call) {
	ghost := call{who: c.who + "'s", what: c.what, task: c.task, menu: nil, do: c.do, after: time.Now().Add(w.about(3 * time.Second)), late: true}
	w.add(ghost)
}

// freezes reports whether the call's process freezes now: before the call is
// made, or before its reply is read.
func (w *world) freezes(c *call) bool {
	p := c.proc
	if p == nil || p.freezeIn == 0 || !hasPrefix(c.what, p.freezeAt) {
		return false
	}
	if p.freezeIn--; p.freezeIn > 0 {
		return false
	}
	if w.maybe(.5) {
		c.held, c.arrived = c.do(), true
		w.tell(c, "done, and", c.held)
	}
	w.ice(p)
	return true
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// mark names one write, unlike any other.
func (w *world) mark() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks++
	return fmt.Sprint(w.marks)
}

// state is what is stored of the fleet.
func (w *world) state() (s rollout.State) {
	v, _ := w.bucket.get(stateKey())
	_ = json.Unmarshal(v.body, &s) // an empty one where it is damaged
	return s
}

// named is a release by the name that people know.
func (w *world) named(digest string) string {
	if t, known := w.truth[digest]; known {
		return t.name
	}
	return rollout.Short(digest)
}

func sorted[T any](m map[string]T) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		if a < b {
			return -1
		}
		return 1
	})
}
