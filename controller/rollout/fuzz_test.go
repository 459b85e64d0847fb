package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
)

// history is what a fuzzed fleet has lived through so far.
type history struct {
	t        *testing.T
	w        *world
	s        State
	p        Policies
	now      time.Time
	promoted map[string]bool // releases that have been stable, and were not rolled back by hand
	releases int
	newest   int                  // name of the newest task
	stale    time.Time            // while set, the verdict is an old one, of that moment
	missing  int64                // auctions per bid that the candidate alone filters
	few      time.Time            // since when a canary step has too few tasks
	lost     map[string]judge.Arm // members of its cohorts that are gone
	lostOf   string               // the rollout that they were of
	lenient  bool                 // spares the checks of decide, which are slow
	asked    []wished             // that were taken, in order
	deployed int                  // deployments so far
	foreign  map[string]time.Time // until when somebody else protects tasks
}

// wished is a wish that was taken: as it was asked, and what was answered.
type wished struct{ asked, answer Request }

func newHistory(t *testing.T) *history {
	p := storyPolicies()
	third := p.Default // its steps are never a whole number of tasks
	third.Name, third.Jobs = "third", []string{"third-*"}
	third.Steps = []Step{{Percent: 33, Soak: time.Minute}, {Percent: 45, Soak: time.Minute}}
	p.Special = append(p.Special, third)
	w := newWorld("a", "b", "c", "d", "e")
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		w.tasks[id].Stratum = strange(byte(i))
	}
	return &history{t: t, w: w, s: State{Fleet: "f"}, p: p, now: start, missing: 1000, promoted: map[string]bool{"": true}, foreign: map[string]time.Time{}}
}

// strange is one of a few strata, among them the unknown one.
func strange(how byte) Stratum {
	return Stratum{Zone: []string{"z1", "z2", "z1", "z3", ""}[how%5], InstanceType: []string{"", "large"}[how>>3&1], Revision: []string{"", "", "", "f:2"}[how>>4&3]}
}

// FuzzDecide drives a fleet through arbitrary histories - jobs, verdicts,
// people's wishes, tasks that die, get lost or cannot load, and controllers
// that crash between any two actions - and checks what must never happen.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{0, 40, 1, 40, 2, 41, 12, 41, 12, 42})
	f.Add([]byte{0, 40, 0, 40, 22, 90, 8, 41, 9, 44, 16, 1, 12, 41, 3, 41})
	f.Add([]byte{0, 40, 1, 40, 12, 45, 12, 45, 12, 45, 12, 45, 200, 12, 45})
	f.Add([]byte{0, 40, 1, 40, 34, 42, 12, 45, 12, 45, 32, 46, 24, 46, 22, 49, 35, 46})
	f.Add([]byte{0, 40, 0, 193, 0, 193, 0, 197, 0, 245, 0, 201, 12, 45})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		h := newHistory(t)
		for len(bytes) >= 2 && len(bytes) < 400 {
			h.happen(bytes[0], bytes[1])
			h.pass(int(bytes[1] >> 4))
			bytes = bytes[2:]
		}
		h.restores()
		h.ends()
	})
}

// happen changes the world.
func (h *history) happen(what, how byte) {
	passes := []time.Duration{time.Second, 40 * time.Second, 10 * time.Minute, 3 * time.Hour}[how&3]
	h.now = h.now.Add(passes)
	h.w.auctions(h.s.Active, passes, h.missing)
	ids := slices.Sorted(maps.Keys(h.w.tasks))
	task := func() string { return ids[int(how>>2)%len(ids)] }
	switch what % 48 {
	case 0, 1, 2, 3, 33, 34:
		h.releases++
		id := map[byte]string{1: "quick-", 2: "careful-", 3: "third-", 33: "strict-", 34: "thrifty-"}[what%48] + fmt.Sprint("job", h.releases)
		h.w.jobs = append(h.w.jobs, Job{Source: release.Source{Job: id, Bucket: "b", Key: id}, CompletedAt: h.now, Tuning: h.tuned(id, how)})
		outcome := []AdmissionOutcome{AdmissionOK, AdmissionOK, AdmissionOK, AdmissionWait, AdmissionRefused}[how%5]
		h.w.admission[id] = &Admission{Rollout: id, Outcome: outcome, Reason: "torn", Sentence: "s", Digest: fmt.Sprint("v", h.releases%7)}
	case 4:
		for _, a := range h.w.admission { // what was torn is complete now
			a.Outcome = AdmissionOK
		}
	case 5, 6:
		if len(ids) > 1 {
			delete(h.w.tasks, task())
		}
	case 7, 8:
		h.newest++
		h.w.fresh = h.s.Default
		id := fmt.Sprintf("%c%d", 'a'+how%5, h.newest) // may sort anywhere
		h.w.start(id)
		h.w.tasks[id].Stratum = strange(how >> 2)
	case 9:
		h.w.tasks[task()].Reachable = false
	case 10:
		h.w.tasks[task()].Reachable = true
	case 11:
		h.w.failing[task()] = []string{"golden", "download"}[how&1]
	case 16:
		h.w.swaps = [][]SwapCost{
			nil,
			{{Task: task(), Before: time.Millisecond, During: 90 * time.Millisecond, RequestsBefore: 5000, RequestsDuring: 1000}}, // hurts
			{{Before: 10 * time.Millisecond, During: 31 * time.Millisecond, RequestsBefore: 1000, RequestsDuring: 5000}},          // hurts
			{{Before: 10 * time.Millisecond, During: 30 * time.Millisecond, RequestsBefore: 5000, RequestsDuring: 5000}},
			{{Before: time.Millisecond, During: 20 * time.Millisecond, RequestsBefore: 5000, RequestsDuring: 5000}},
			{{Before: time.Millisecond, During: time.Second, RequestsBefore: 999, RequestsDuring: 5000}},
			{{Before: time.Millisecond, During: time.Second, RequestsBefore: 5000, RequestsDuring: 999}},
			{{Candidate: "another", Before: time.Millisecond, During: time.Second, RequestsBefore: 5000, RequestsDuring: 5000}},
		}[how>>2&7]
	case 12, 13, 14, 15:
		h.w.verdict = judge.Acceptable
	case 17, 35:
		h.w.verdict, h.w.breaker = judge.Worse, what%48 == 35
	case 32, 36, 37:
		h.w.verdict, h.w.class = judge.Inconclusive, []judge.Class{judge.Floor, judge.Borderline, judge.Starved, "unheard of"}[how>>2&3]
	case 38:
		h.w.pace = []float64{0, 10, 1, 500}[how>>2&3]
		h.w.stop = nil
		if how>>6 > 0 { // all fleets are frozen, for a while or not
			h.w.stop = &Stop{By: "eve", Why: "w", At: h.now, Until: h.now.Add(time.Duration(how>>6-1) * 5 * time.Minute)}
		}
		h.w.stopUnknown = how>>4&3 == 3
	case 39:
		h.missing = []int64{10, 60, 1000}[int(how>>2)%3]
	case 40: // a member of a cohort is ended for its health checks
		if r := h.s.Active; r != nil && len(h.w.tasks) > 1 {
			for _, id := range [][]string{r.CanaryTasks, r.CanaryTasks, r.CanaryTasks, r.ControlTasks}[how>>2&3] {
				h.unhealthy(id)
				break
			}
		}
	case 41, 42:
		h.w.desired = []int{5, 1, 0, 2}[how>>2&3]
	case 43: // the service is deployed, one way or the other
		h.deployed++
		h.w.deployment = &Deployment{ID: fmt.Sprint("ecs-svc/", h.deployed), Revision: fmt.Sprint("f:", h.deployed), Since: h.now}
		h.p.Deployments = []Yield{"", FreeCanaries, KeepCanaries, KeepCanaries}[how>>2&3]
	case 44:
		h.w.deployment = nil
	case 45: // nobody can tell, or a task gets no auctions
		h.w.deployUnknown = how>>2&7 == 7
		h.w.tasks[task()].Idle = how>>5&1 == 1
	case 46: // somebody else protects a task
		id := task()
		h.w.tasks[id].ProtectedUntil = h.now.Add([]time.Duration{11*time.Minute + 7*time.Second, 48 * time.Hour}[how>>7])
		h.foreign[id] = h.w.tasks[id].ProtectedUntil
	case 47: // ECS ends a member of a cohort for a reason of its own
		if r := h.s.Active; r != nil && len(h.w.tasks) > 1 {
			for _, id := range [][]string{r.CanaryTasks, r.ControlTasks}[how>>2&1] {
				h.ended(id, Crash{Task: id, Ended: []Reason{ScaledIn, Rebalanced, Deploying}[int(how>>3)%3]})
				break
			}
		}
	case 18:
		h.w.verdict = judge.NoData
	case 19:
		h.w.verdict = judge.Invalid
	case 20, 21:
		h.w.verdict, h.w.holds = judge.Unsure, what%48 == 21
		if h.w.suspect = ""; how&4 != 0 {
			h.w.suspect = task()
		}
	case 22, 23, 24, 25, 26, 27:
		verbs := []Verb{VerbPause, VerbResume, VerbAbort, VerbPromote, VerbRollback, VerbTry}
		h.ask(verbs[what%48-22], how, "ann")
		for n := int(how >> 6); n > 0; n-- { // more within the same look
			h.ask(verbs[(int(what)+int(how>>2)*n)%len(verbs)], how>>uint(n), []string{"ann", "bob"}[n&1])
		}
		h.askAgain(int(how))
	case 28:
		clear(h.w.failing)
	case 31:
		h.w.lost = []string{"", "the artifact was overwritten"}[how&1]
	case 29: // the judge is silent for a while: its last word grows old
		h.stale = h.now
	case 30:
		h.stale = time.Time{}
	}
}

// tuned makes one job in four the child of a tuning job, which then stands
// anyhow: it may end and begin again, and call this or any other job its best.
func (h *history) tuned(job string, how byte) *Tuning {
	if how>>6 != 3 {
		return nil
	}
	t := h.w.tuning(fmt.Sprint("tune", h.releases/4))
	t.Status = []TuningStatus{TuningRuns, TuningCompleted, TuningUnknown, TuningStopped}[how>>2&3]
	if t.Ended = h.now; !t.Over() {
		t.Ended = time.Time{}
	}
	t.Best = []string{job, t.Best, "", fmt.Sprint("job", h.releases-1)}[how>>4&3]
	t.Trained++
	return t
}

// checkChildren holds that of the children of a tuning job only its best is
// taken up unasked.
func (h *history) checkChildren(next State) {
	for _, r := range next.Queue {
		i := slices.IndexFunc(h.w.jobs, func(j Job) bool { return j.Source.Job == r.Source.Job })
		if r.By != "" || i < 0 || h.w.jobs[i].Tuning == nil || slices.ContainsFunc(h.s.Queue, func(o Rollout) bool { return o.ID == r.ID }) {
			continue
		}
		if t := h.w.jobs[i].Tuning; !t.Over() || t.Best != r.Source.Job {
			h.t.Fatalf("%s is taken up, of %+v", r.ID, *t)
		}
	}
}

// unhealthy lets ECS replace a task for its health checks.
func (h *history) unhealthy(id string) { h.ended(id, Crash{Task: id, Unhealthy: true}) }

// ended lets ECS replace a task.
func (h *history) ended(id string, why Crash) {
	if h.w.tasks[id] == nil {
		return
	}
	delete(h.w.tasks, id)
	h.w.crashed = append(h.w.crashed, why)
	h.newest++
	h.w.fresh = h.s.Default
	next := fmt.Sprintf("z%d", h.newest)
	h.w.start(next)
	h.w.tasks[next].Stratum = strange(byte(h.newest))
}

func (h *history) ask(v Verb, how byte, by string) {
	q := Request{ID: fmt.Sprint("q", h.s.LastEvent, ".", len(h.s.Requests)), Verb: v, By: by, At: h.now}
	if v == VerbRollback && how&4 != 0 {
		q.Release = fmt.Sprint("v", how%4)
	}
	if v == VerbAbort && how&4 != 0 && len(h.s.Queue) > 0 {
		q.Rollout = h.s.Queue[0].ID
	}
	if v == VerbTry {
		h.releases++
		q.Rollout, q.Source = fmt.Sprint("try", h.releases), &release.Source{Bucket: "b", Key: "k"}
		h.w.admission[q.Rollout] = &Admission{Rollout: q.Rollout, Outcome: AdmissionOK, Sentence: "s", Digest: fmt.Sprint("v", how%4)}
	}
	next, answer, err := Accept(h.s, q, h.w.kept(q))
	if err == nil {
		h.s = next
		h.asked = append(h.asked, wished{q, answer})
		if answer.Verb == VerbRollback && answer.Release == "" || answer.Verb != VerbPause && answer.Rollout == "" && h.s.Pause == nil {
			h.t.Fatalf("nobody knows what it is about: %+v", answer)
		}
	}
	q.ID, q.By = "nobody's", ""
	if _, _, err := Accept(h.s, q, h.w.kept(q)); err == nil {
		h.t.Fatalf("took the wish of nobody: %+v", q)
	}
}

// askAgain asks one of the last wishes again, which changes nothing, and
// something else under its id, which is turned away.
func (h *history) askAgain(which int) {
	if len(h.asked) == 0 {
		return
	}
	w := h.asked[max(0, len(h.asked)-1-which%8)]
	if h.now.Sub(w.asked.At) >= WishKept {
		return
	}
	before, _ := json.Marshal(h.s)
	w.asked.At = h.now
	next, answer, err := Accept(h.s, w.asked, h.w.kept(w.asked))
	after, _ := json.Marshal(next)
	if string(before) != string(after) || fmt.Sprint(answer) != fmt.Sprint(w.answer) || err != nil {
		h.t.Fatalf("%+v was answered %+v, and asked again %+v, %v\n%s\n%s", w.asked, w.answer, answer, err, before, after)
	}
	w.asked.Why = "because"
	if _, _, err := Accept(h.s, w.asked, h.w.kept(w.asked)); !errors.Is(err, ErrConflict) {
		h.t.Fatalf("another wish under the id %s: %v", w.asked.ID, err)
	}
}

// checkWishes checks that each wish that was taken ends in one event of this
// very decision, which says who asked; and that no other event claims one.
func (h *history) checkWishes(next State) {
	ended := map[string]Event{}
	for _, e := range next.Events {
		if e.Seq <= h.s.LastEvent || e.Wish == "" {
			continue
		}
		if was, twice := ended[e.Wish]; twice {
			h.t.Fatalf("%s ended twice: %+v and %+v", e.Wish, was, e)
		}
		ended[e.Wish] = e
	}
	met := map[string]Request{}
	for _, q := range h.s.Requests {
		e, told := ended[q.ID]
		if !told || e.By != q.By {
			h.t.Fatalf("what became of %+v? %+v", q, e)
		}
		if e.Reason != Overruled && e.Reason != TooLate && e.Reason != Seconded {
			met[string(q.Verb)+" "+q.Rollout] = q
		}
		delete(ended, q.ID)
	}
	for id, e := range ended {
		h.t.Fatalf("nobody asked %s: %+v", id, e)
	}
	h.checkOrder(met)
	if len(next.Requests) > 0 || next.Active != nil && next.Active.Asked != nil {
		h.t.Fatalf("put off: %+v, %+v", next.Requests, next.Active)
	}
}

// checkOrder checks that nothing happened against danger that was told in the
// same look.
func (h *history) checkOrder(met map[string]Request) {
	for _, q := range h.s.Requests {
		for _, m := range met {
			against := m.Verb == VerbPromote || m.Verb == VerbResume
			if against && (q.Verb == VerbPause || (q.Verb == VerbRollback || q.Verb == VerbAbort) && q.Rollout == m.Rollout) {
				h.t.Fatalf("%+v was met against %+v", m, q)
			}
			if q.Verb == VerbRollback && m.Verb == VerbAbort && q.Rollout == m.Rollout {
				h.t.Fatalf("%+v was met against %+v", m, q)
			}
		}
	}
}

// pass decides and acts, as far as the controller lives.
func (h *history) pass(dieAfter int) {
	seen := h.w.observe(h.s, h.now)
	if seen.Verdict != nil && !h.stale.IsZero() {
		seen.Verdict.At = h.stale
	}
	next, actions := h.decide(seen)
	h.checkStep(next, seen)
	h.checkChildren(next)
	h.checkGuards(next, seen, actions)
	if was := h.s.Stable; was != "" && next.Stable != was && next.Active != nil && next.Active.Phase == RollingBack {
		delete(h.promoted, was)
	}
	h.promoted[next.Stable] = true
	if next.Stable == "" { // a first release that is given up: there is nothing to go back to
		h.promoted[next.Default] = true
	}
	h.s = next
	for i, a := range actions {
		if i == dieAfter {
			break
		}
		before := h.exposed()
		h.w.apply(a)
		h.w.apply(a) // a repeated message changes nothing
		h.checkExposure(before, len(seen.Tasks))
	}
}

// exposed counts the tasks that answer with a release that is not promoted,
// whether they can be reached or not.
func (h *history) exposed() (n int) {
	for _, t := range h.w.tasks {
		if !h.promoted[t.Serving] && t.Serving != h.s.Default {
			n++
		}
	}
	return n
}

// allowed is how many tasks of n the step lets answer with its candidate.
func (h *history) allowed(n int) int {
	r := h.s.Active
	if r == nil || r.Comparing() != Canary {
		return 0
	}
	step := h.p.For(r.ID).Steps[r.Step]
	k := step.Tasks
	if step.Percent > 0 {
		for k = 1; float64(100*(k+1)) <= step.Percent*float64(n); {
			k++
		}
	}
	if k >= n { // one stays stable
		k = n - 1
	}
	return k
}

// decide checks that Decide keeps its hands off what it is given, and that it
// gives the same answer twice.
func (h *history) decide(seen Observation) (State, []Action) {
	if h.lenient {
		return Decide(h.s, seen, h.p, h.now)
	}
	before, _ := json.Marshal(h.s)
	next, actions := Decide(h.s, seen, h.p, h.now)
	if after, _ := json.Marshal(h.s); string(before) != string(after) {
		h.t.Fatalf("changed the state it was given\n%s\n%s", before, after)
	}
	var restored State
	if err := json.Unmarshal(before, &restored); err != nil {
		h.t.Fatal(err)
	}
	again, same := Decide(restored, seen, h.p, h.now)
	a, _ := json.Marshal(next)
	b, _ := json.Marshal(again)
	if string(a) != string(b) || fmt.Sprint(actions) != fmt.Sprint(same) {
		h.t.Fatalf("a controller that starts anew decides otherwise\n%s\n%s", a, b)
	}
	return next, actions
}

// checkStep checks what a decision must never be.
func (h *history) checkStep(next State, seen Observation) {
	h.checkWishes(next)
	told := false // of the phase that is entered
	for _, e := range next.Events {
		if e.Seq <= h.s.LastEvent {
			continue
		}
		h.checkReason(e)
		checkHeadline(h.t, fmt.Sprintf("%+v", e), e.Headline(next.Find(e.Rollout), h.p.For(e.Rollout)))
		h.checkSuccess(e, seen)
		h.checkSwaps(e, seen)
		h.checkTooFew(e, seen)
		h.checkInconclusive(e, seen)
		if r := next.Active; r != nil && e.Rollout == r.ID && e.To == r.Phase && e.Step == r.Step {
			told = true
		}
	}
	h.checkFrozen(next)
	h.checkDeployment(next)
	h.checkBuilds(next, seen)
	h.checkBreaker(next, seen)
	h.checkBudget(next, seen)
	h.checkLosses(next, seen)
	was := h.s.Active
	if r := next.Active; r != nil && was != nil && r.ID == was.ID && (r.Phase != was.Phase || r.Step != was.Step) {
		last := r.History[len(r.History)-1]
		if !told || last.To != r.Phase || last.Reason != r.Reason {
			h.t.Fatalf("nobody is told why %s went from %s to %s %d: %+v", r.ID, was.Phase, r.Phase, r.Step, last)
		}
	}
	if r := next.Active; r != nil {
		for _, id := range r.ControlTasks {
			if slices.Contains(r.CanaryTasks, id) {
				h.t.Fatalf("task %s is in both cohorts", id)
			}
		}
		h.checkMatched(next, seen)
	}
	switch r := next.Active; {
	case r == nil || r.Phase != Canary || seen.Desired > 1 || was == nil || was.ID != r.ID || was.Phase != Canary || was.Step != r.Step:
		h.few = time.Time{}
	case h.few.IsZero():
		h.few = h.now
	case h.now.Sub(h.few) > time.Minute:
		h.t.Fatalf("ECS is to keep %d tasks since %v, and a canary step goes on at %v: %+v", seen.Desired, h.few, h.now, r)
	}
	if next.Generation < h.s.Generation || next.LastEvent < h.s.LastEvent {
		h.t.Fatal("time runs backwards")
	}
}

// checkGuards checks that nobody's protection is touched but ours, and that
// nothing is protected while the service is deployed.
func (h *history) checkGuards(next State, seen Observation, actions []Action) {
	for _, a := range actions {
		p, is := a.(Protect)
		if !is {
			continue
		}
		if p.On && next.Deployment != nil {
			h.t.Fatalf("%v in a deployment", a)
		}
		at, _ := find(seen.Tasks, p.Task)
		if until := seen.Tasks[at].ProtectedUntil; !until.IsZero() && until.Equal(h.foreign[p.Task]) && !h.s.Guards[p.Task].of(until) {
			h.t.Fatalf("%v, and somebody else protects it until %v: %+v", a, until, h.s.Guards)
		}
	}
}

// checkDeployment checks that nothing starts or advances while the service is
// deployed, and that canaries make room.
func (h *history) checkDeployment(next State) {
	if next.Deployment == nil || next.Stable == "" || h.s.Stable == "" {
		return
	}
	h.checkStands(next, next.Deployment.Sentence())
	r := next.Active
	if r == nil || r.BrokeGlass || r.Comparing() != Canary && r.Comparing() != Shadow {
		return
	}
	if h.p.Deployments != KeepCanaries && len(r.CanaryTasks)+len(r.ControlTasks) > 0 {
		h.t.Fatalf("deployed, and yet compared: %+v", r)
	}
	was := h.s.Active
	for _, id := range r.CanaryTasks {
		if was == nil || was.ID != r.ID || !slices.Contains(was.CanaryTasks, id) {
			h.t.Fatalf("deployed, and yet %s became a canary: %+v", id, r)
		}
	}
}

// checkBuilds checks that cohorts which are formed anew are of one build, and
// that none of their tasks is without auctions.
func (h *history) checkBuilds(next State, seen Observation) {
	r, was := next.Active, h.s.Active
	if r == nil || r.Comparing() != Canary || was == nil || was.ID == r.ID && len(was.CanaryTasks)+len(was.ControlTasks)+len(was.PastTasks) > 0 {
		return
	}
	builds := map[Stratum]bool{}
	for _, id := range slices.Concat(r.CanaryTasks, r.ControlTasks) {
		at, _ := find(seen.Tasks, id)
		if builds[seen.Tasks[at].Stratum.build()] = true; seen.Tasks[at].Idle {
			h.t.Fatalf("%s gets no auctions and is compared: %+v", id, r)
		}
	}
	if len(builds) > 1 {
		h.t.Fatalf("tasks of %v are compared: %+v", builds, r)
	}
}

// checkFrozen checks that nothing starts or advances in a freeze whose glass
// nobody has broken for it.
func (h *history) checkFrozen(next State) {
	if next.Frozen != nil {
		h.checkStands(next, next.Frozen.Sentence())
	}
}

func (h *history) checkStands(next State, why string) {
	for _, e := range next.Events {
		if e.Seq <= h.s.LastEvent {
			continue
		}
		broke := h.s.Active != nil && h.s.Active.ID == e.Rollout && h.s.Active.BrokeGlass || next.Active != nil && next.Active.ID == e.Rollout && next.Active.BrokeGlass
		switch e.To {
		case Shadow, Canary, Promoting, Live:
			if !broke && e.Reason != AlreadyLive && !(e.From == e.To && e.Reason != Accepted) {
				h.t.Fatalf("it stands (%s), and yet: %+v", why, e)
			}
		case "", Queued, Admitting, Held, RollingBack, RolledBack, Refused, Superseded:
		}
	}
}

// checkMatched checks that a step has no more canaries than it says, and that
// no control stands where there are too many while a zone with a task to spare
// lacks one: within one everywhere, wherever the fleet allows.
func (h *history) checkMatched(next State, seen Observation) {
	r := next.Active
	if r.Comparing() != Canary {
		return
	}
	canary, _ := h.p.For(r.ID).Steps[r.Step].Cohorts(len(seen.Tasks))
	if len(r.CanaryTasks) > canary {
		h.t.Fatalf("%d canaries of %d tasks, and the step says %d", len(r.CanaryTasks), len(seen.Tasks), canary)
	}
	h.checkStays(*r, seen)
	tasks := slices.Clone(seen.Tasks)
	for i := range tasks { // as checkMended knows them
		tasks[i].Serving = map[bool]string{true: "v1"}[tasks[i].Serving == next.Stable && !next.Poisoned(tasks[i]) && !tasks[i].Idle]
	}
	if next.waitsForDeployment(*r) {
		return // nobody is chosen
	}
	checkMended(h.t, cohorts{r.CanaryTasks, r.ControlTasks}, tasks)
}

// checkStays checks that a canary which runs stays one, from step to step,
// unless there are too many.
func (h *history) checkStays(r Rollout, seen Observation) {
	was := h.s.Active
	if was == nil || was.ID != r.ID || was.Comparing() != Canary {
		return
	}
	stay := slices.DeleteFunc(slices.Clone(was.CanaryTasks), func(id string) bool {
		return !slices.ContainsFunc(seen.Tasks, func(t Task) bool { return t.ID == id })
	})
	want := r.sizes(r.Step, len(InTraffic(seen.Tasks)), h.p.For(r.ID)).within(cohorts{was.CanaryTasks, was.ControlTasks}, seen.Tasks).canary
	if len(stay) > want || len(r.CanaryTasks)+len(r.ControlTasks) == 0 {
		return // too many, or the service is deployed
	}
	changed := r.Swapped[min(len(was.Swapped), len(r.Swapped)):]
	if len(r.Swapped) > mostSwapped || len(changed) > 1 {
		h.t.Fatalf("too many change sides: %v, then %v", was.Swapped, r.Swapped)
	}
	for _, id := range stay {
		if slices.ContainsFunc(changed, func(c Swapped) bool { return c.Task == id }) {
			if r.Generation == was.Generation || !slices.Contains(r.ControlTasks, id) {
				h.t.Fatalf("suspect %s is compared as one of %v under generation %d, before %d", id, r.ControlTasks, r.Generation, was.Generation)
			}
			continue
		}
		if !slices.Contains(r.CanaryTasks, id) {
			h.t.Fatalf("canary %s wandered: %v, then %v", id, was.CanaryTasks, r.CanaryTasks)
		}
	}
}

// checkReason checks that a person can read why, and who asked.
func (h *history) checkReason(e Event) {
	if e.Reason == "" || e.Sentence == "" || e.At.IsZero() {
		h.t.Fatalf("a decision without a reason: %+v", e)
	}
	switch e.Reason { //nolint:exhaustive // what people ask
	case Aborted, PromotedByHand, RollbackByHand, Asked:
		if e.By != "ann" && e.By != "bob" {
			h.t.Fatalf("nobody knows who asked: %+v", e)
		}
	case Paused, Resumed:
		if e.Rollout == "" && e.By != "ann" && e.By != "bob" {
			h.t.Fatalf("nobody knows who asked: %+v", e)
		}
	}
}

// checkSuccess checks that only a good verdict of this very step leads on.
func (h *history) checkSuccess(e Event, seen Observation) {
	v := seen.Verdict
	good := v != nil && v.Outcome == judge.Acceptable
	if e.Reason == Accepted && e.To != Live && !good {
		h.t.Fatalf("accepted without a good verdict: %+v after %+v", e, v)
	}
	if r := h.s.Active; e.Reason == Accepted && e.To != Live && e.From != Held && !v.At.After(r.StepSince) {
		h.t.Fatalf("accepted by a verdict of %v, but the step began at %v: %+v", v.At, r.StepSince, e)
	}
	if e.To == Promoting && e.Reason != Accepted && e.Reason != PromotedByHand && e.Reason != FirstRelease && e.From != Held {
		h.t.Fatalf("promoted for no good reason: %+v", e)
	}
}

// checkInconclusive checks that nothing is promoted, and no step follows,
// because nobody knows; and that who goes back for it is told so.
func (h *history) checkInconclusive(e Event, seen Observation) {
	v := seen.Verdict
	if v == nil || v.Outcome != judge.Inconclusive {
		return
	}
	byHand := e.Reason == PromotedByHand || e.Reason == Resumed
	on := e.To == Promoting || e.To == Canary && e.From == Shadow || e.To == Canary && e.From == Canary && e.Step != h.s.Active.Step
	if on && !byHand && e.From != Admitting {
		h.t.Fatalf("it went on without a verdict: %+v after %+v", e, v)
	}
	if labelled := strings.Contains(e.Sentence, "inconclusive, not harmful"); e.Reason == Inconclusive && e.To == RollingBack && !labelled {
		h.t.Fatalf("nobody is told that nothing spoke against it: %+v", e)
	}
}

// checkBreaker checks that gross harm leads back in one step, whatever the
// phase in which tasks serve the candidate, and whatever somebody wishes.
func (h *history) checkBreaker(next State, seen Observation) {
	r, v := h.s.Active, seen.Verdict
	if r == nil || v == nil || !v.Breaker || h.s.Stable == "" || r.Phase == Queued || r.Phase == Admitting {
		return
	}
	if next.Active == nil && r.Phase == RollingBack {
		return
	}
	told := []Reason{Breaker, Aborted, RollbackByHand}
	if r.Phase == RollingBack {
		told = append(told, r.Reason)
	}
	if next.Active == nil || next.Active.ID != r.ID || next.Active.Phase != RollingBack || !slices.Contains(told, next.Active.Reason) {
		h.t.Fatalf("gross harm, and it went from %s to %+v", r.Phase, next.Active)
	}
}

// checkBudget checks that the look which shows that the budget is spent is the
// last one at which the candidate answers, unless every proof is there, or a
// person promotes it.
func (h *history) checkBudget(next State, seen Observation) {
	r := h.s.Active
	if r == nil || r.Comparing() != Canary {
		return
	}
	p := h.p.For(r.ID)
	spent := p.Budget.Auctions > 0 && seen.Exposed >= p.Budget.Auctions || p.Budget.MissedBids > 0 && seen.MissedBids >= p.Budget.MissedBids
	good := r.Step == len(p.Steps)-1 && seen.Verdict != nil && seen.Verdict.Outcome == judge.Acceptable
	if !spent || good || next.Active.Phase == RollingBack || next.Active.Phase == Promoting && next.Active.Reason == PromotedByHand {
		return
	}
	h.t.Fatalf("%d auctions and %d missed bids of %+v are spent, and it went from %s to %+v", seen.Exposed, seen.MissedBids, p.Budget, r.Phase, next.Active)
}

// checkLosses counts for itself which members of the cohorts are gone, and
// checks that canaries which were ended for their health checks end the
// rollout, three where no control task was and six at any rate, and that
// nothing else is ended for a loss.
func (h *history) checkLosses(next State, seen Observation) {
	r := h.s.Active
	if r == nil || r.Comparing() != Canary {
		return
	}
	if h.lost == nil || h.lostOf != r.ID {
		h.lost, h.lostOf = map[string]judge.Arm{}, r.ID
	}
	for _, id := range slices.Concat(r.CanaryTasks, r.ControlTasks) {
		if !slices.ContainsFunc(seen.Tasks, func(t Task) bool { return t.ID == id }) {
			h.lost[id], _ = r.Arm(id)
		}
	}
	lost, unhealthy := map[judge.Arm]int{}, map[judge.Arm]int{}
	for id, arm := range h.lost {
		lost[arm]++
		if slices.ContainsFunc(h.w.crashed, func(c Crash) bool { return c.Task == id && c.Unhealthy }) {
			unhealthy[arm]++
		}
	}
	why := next.Finished
	if next.Active != nil {
		why = []Rollout{*next.Active}
	}
	ended := slices.ContainsFunc(why, func(o Rollout) bool { return o.ID == r.ID && o.Phase == RollingBack })
	told := ended && next.Active.Reason == CanariesLost
	if told && unhealthy[judge.Candidate] < 3 && lost[judge.Candidate] < 12 {
		h.t.Fatalf("ended for losses of %v, of them unhealthy %v", lost, unhealthy)
	}
	byHand := next.Active != nil && next.Active.Reason == PromotedByHand
	enough := unhealthy[judge.Candidate] >= 3 && unhealthy[judge.Control] == 0 || unhealthy[judge.Candidate] >= 6
	if enough && !ended && !byHand && h.s.Active.Asked == nil && len(h.s.Requests) == 0 {
		h.t.Fatalf("canaries are ended one after the other, %v of %v, and it goes on: %+v", unhealthy, lost, next.Active)
	}
}

// checkTooFew checks that a rollout ends for want of tasks only while ECS is to
// keep too few, and that no canary step outlasts that.
func (h *history) checkTooFew(e Event, seen Observation) {
	if e.Reason == TooFewTasks && e.To == RollingBack && (seen.Desired > 1 || e.From != Canary) {
		h.t.Fatalf("too few tasks, and ECS is to keep %d: %+v", seen.Desired, e)
	}
}

// checkSwaps checks that a swap which hurts ends the rollout that it is of, and
// that nothing else is ended by it: not the way back, not the first release.
func (h *history) checkSwaps(e Event, seen Observation) {
	hurts := func(c SwapCost) bool { // by the limits of storyPolicies
		return c.Candidate == e.Candidate && c.RequestsBefore >= 1000 && c.RequestsDuring >= 1000 && c.During > max(20*time.Millisecond, 3*c.Before)
	}
	hurt := slices.ContainsFunc(seen.Swaps, hurts) && h.s.Stable != ""
	if e.Reason == SwapHurts && e.To == RollingBack && (!hurt || e.From == RollingBack || e.From == Queued || e.From == Admitting) {
		h.t.Fatalf("swaps that hurt nobody ended it: %+v after %+v", e, seen.Swaps)
	}
	if wished := e.Reason == PromotedByHand || e.Reason == Resumed; hurt && !wished && e.From != Admitting && (e.To == Canary || e.To == Promoting || e.To == Live) {
		h.t.Fatalf("it goes on though its swaps hurt: %+v after %+v", e, seen.Swaps)
	}
}

// checkExposure checks what an action has led to: no more tasks than the step
// allows answer with a release that is not promoted, unless there were as many
// before, as tasks died or the step ended.
func (h *history) checkExposure(before, tasks int) {
	if now := h.exposed(); now > before && now > h.allowed(tasks) {
		h.t.Fatalf("%d of %d tasks answer with something that is not promoted, want %d at most: %+v", now, tasks, h.allowed(tasks), h.s.Active)
	}
	for id, t := range h.w.tasks {
		if !h.w.published[t.Serving] && t.Serving != "" {
			h.t.Fatalf("task %s serves %s, which is not stored", id, t.Serving)
		}
	}
}

// restores checks that stable is back after one pass, once a person asks.
func (h *history) restores() {
	clear(h.w.failing)
	for _, t := range h.w.tasks {
		t.Reachable = true
	}
	h.s.Requests = nil
	last := Request{ID: "last", Verb: VerbRollback, By: "ann", At: h.now}
	asked, _, err := Accept(h.s, last, h.w.kept(last))
	if err != nil {
		return // there is nothing to go back to
	}
	h.s = asked
	want := h.s.Back()
	h.pass(1 << 30)
	for id, t := range h.w.tasks {
		if t.Serving != want || t.Shadow != "" {
			h.t.Fatalf("asked to go back to %q, task %s serves %q with %q in its shadow", want, id, t.Serving, t.Shadow)
		}
	}
	if h.s.Stable != want || h.s.Default != want {
		h.t.Fatalf("asked to go back to %q, but stable is %q and the default %q", want, h.s.Stable, h.s.Default)
	}
}

// ends checks that a rollout left alone ends, that the world is then as the
// state says, and that nothing is left to do.
func (h *history) ends() {
	h.s.Pause = nil
	h.w.verdict = []judge.Outcome{judge.Unsure, judge.Inconclusive}[h.releases%2]
	h.w.deployment, h.w.deployUnknown = nil, false
	for range 3000 { // each of a full queue may be held for a day
		h.now = h.now.Add(time.Hour)
		h.w.auctions(h.s.Active, time.Hour, h.missing)
		h.pass(1 << 30)
		if h.s.Active == nil && len(h.s.Queue) == 0 {
			break
		}
	}
	if h.s.Active != nil || len(h.s.Queue) > 0 {
		h.t.Fatalf("stuck in %+v", h.s.Active)
	}
	h.pass(1 << 30)
	h.pass(1 << 30)
	seen := h.w.observe(h.s, h.now)
	if _, actions := h.decide(seen); len(actions) > 0 {
		h.t.Fatalf("still wants %v", actions)
	}
	for id, t := range h.w.tasks {
		if h.s.Stable != "" && t.Serving != h.s.Stable {
			h.t.Fatalf("all is done, but task %s serves %q and stable is %q", id, t.Serving, h.s.Stable)
		}
	}
	if len(h.s.Finished) > 0 || h.s.Default != h.s.Stable {
		h.t.Fatalf("left behind: %+v, default %q, stable %q", h.s.Finished, h.s.Default, h.s.Stable)
	}
}

// TestRandomHistories lives through random histories under the checks of
// FuzzDecide, and checks that every arrow that may be taken is taken by one.
func TestRandomHistories(t *testing.T) {
	walked := map[Arrow]bool{}
	seed := uint64(1)
	random := func() byte {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		return byte(seed >> 32)
	}
	for range 1500 {
		h := newHistory(t)
		h.lenient = true
		for range 10 + random()%60 {
			before := h.s.LastEvent
			how := random()
			h.happen(random(), how)
			h.pass(int(random() % 16))
			for _, e := range h.s.Events {
				if e.Seq > before && e.From != "" {
					walked[Arrow{e.From, e.To}] = true
				}
			}
		}
		h.restores()
		h.ends()
	}
	for _, a := range Arrows() { // of all that was lived through
		if !walked[a] {
			t.Errorf("nothing ever leads from %s to %s", a.From, a.To)
		}
	}
}
