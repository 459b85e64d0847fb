package nights

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
)

// violation is a sentence of docs/safety.md that did not hold.
type violation struct{ kind, text string }

// checks is what the world has seen, to hold it against what must never
// happen.
type checks struct {
	found  *violation
	state0 rollout.State // as it was stored last

	trusted map[string]bool // releases that have been stable, or were promoted
	byHand  map[string]bool // rollouts that a person promoted
	ended   []string        // rollouts that have, by id
	came    map[string]int  // how rollouts ended, and how often
	hands   map[string]bool // rollouts that a person asked for
	limit   int             // tasks that may answer with something unpromoted
	fed     map[string]int  // tasks that answered with the candidate and were ended by health checks, by rollout
	deaths  []death

	reached map[string]int64 // the newest epoch that a task was reached under, by a leader that ended its pass
	missed  map[string]time.Time
	orders  map[string]*order  // taken last, by task
	reigns  map[int64]*process // who led, by epoch
	tardy   *order             // begun after its controller's lease was over

	wishes  map[string]*wish // by id
	wished  int
	stirred time.Time // when any wish was noted or taken last
	onPhase []hook
	ending  [3]string
}

// death is the end of a task by itself, and what it did then.
type death struct {
	task            string
	serving, shadow string
	preparing       []string // release and shadow that it took up
}

// order is an assignment on its way.
type order struct {
	rollout.Assign
	by    *process
	epoch int64
	at    time.Time // when it was begun
	stray bool      // nobody waited for it when it came
}

func newChecks(s rollout.State) checks {
	return checks{
		state0: s, trusted: map[string]bool{s.Stable: true, s.Previous: true}, byHand: map[string]bool{}, hands: map[string]bool{}, fed: map[string]int{}, came: map[string]int{},
		reached: map[string]int64{}, missed: map[string]time.Time{}, orders: map[string]*order{}, reigns: map[int64]*process{}, wishes: map[string]*wish{},
	}
}

// fail notes the first thing that must never happen.
func (w *world) fail(kind, format string, args ...any) {
	if w.found != nil || *only != "" && *only != kind {
		return
	}
	w.found = &violation{kind, fmt.Sprintf(format, args...)}
	w.say("VIOLATION", kind, w.found.text)
}

// wrote looks at everything that is stored.
func (w *world) wrote(by *process, key string, old, body []byte) {
	w.story.note(key, string(body))
	switch {
	case key == stateKey():
		w.wroteState(by, body)
	case key == "lease.json" && by != nil:
		w.wroteLease(by, body)
	case path.Base(key) == "look.json":
		w.wroteLook(body)
	case strings.Contains(key, "/rollouts/") && old != nil && !slices.Equal(old, body):
		w.fail("archive", "%s was archived, and is written over with something else: sentence 7", path.Base(key))
	}
}

func (w *world) wroteLease(by *process, body []byte) {
	var l struct {
		Holder string    `json:"holder"`
		At     time.Time `json:"at"`
	}
	if json.Unmarshal(body, &l) == nil && l.Holder != "" {
		w.lessee = by.name
		if end := l.At.Add(leaseTTL); end.After(by.leased) {
			by.leased = end
		}
	}
}

// wroteLook learns which tasks a leader has reached: those that answered it in
// a pass that it ended, unless an order to them got lost in it.
func (w *world) wroteLook(body []byte) {
	var l rollout.Look
	if json.Unmarshal(body, &l) != nil {
		return
	}
	for _, t := range l.Seen.Tasks {
		lost := w.missed[fmt.Sprint(l.Epoch, t.ID)]
		if t.Reachable && lost.Before(l.At) {
			w.reached[t.ID] = max(w.reached[t.ID], l.Epoch)
		}
	}
}

// ordered notes an order that is being sent.
func (w *world) ordered(o *order) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missed[fmt.Sprint(o.epoch, o.Task)] = o.at // until it is seen to arrive
	if !o.by.leased.IsZero() && o.at.After(o.by.leased) && (w.tardy == nil || o.Task < w.tardy.Task) {
		w.tardy = o // one of several that are begun at once
	}
}

// delivered looks at what a task made of an order.
func (w *world) delivered(o *order, err error) {
	if errors.Is(err, controller.ErrStaleEpoch) {
		return
	}
	w.mu.Lock()
	delete(w.missed, fmt.Sprint(o.epoch, o.Task))
	w.mu.Unlock()
	if err != nil {
		return
	}
	o.stray = w.ghost
	w.orders[o.Task] = o
	if other := w.reigns[o.epoch]; other != nil && other != o.by {
		w.fail("shared epoch", "%s obeys %s under epoch %d, under which %s has led: sentence 6", o.Task, o.by.name, o.epoch, other.name)
	}
	w.reigns[o.epoch] = o.by
	if newest := w.reached[o.Task]; newest > o.epoch {
		w.fail("deposed", "%s obeys %s under epoch %d, though a leader of epoch %d has reached it: sentence 6", o.Task, o.by.name, o.epoch, newest)
	}
}

// wroteState compares a state with the one before it.
func (w *world) wroteState(by *process, body []byte) {
	old := w.state0
	var s rollout.State
	if err := json.Unmarshal(body, &s); err != nil {
		w.fail("state", "state.json is damaged: %v", err)
		return
	}
	w.state0 = s
	if by == nil { // restored, while a leader may do what it has just saved
		w.trust(s)
		saved := w.limit
		w.allow(s)
		w.limit = max(w.limit, saved)
		return
	}
	if s.Epoch < old.Epoch || s.LastEvent < old.LastEvent || s.Generation < old.Generation {
		w.fail("state", "epoch %d, event %d, generation %d were written over by %d, %d, %d: sentence 7", old.Epoch, old.LastEvent, old.Generation, s.Epoch, s.LastEvent, s.Generation)
	}
	w.trust(s)
	w.allow(s)
	for _, e := range s.Events {
		if e.Seq > old.LastEvent {
			w.happened(e)
		}
	}
	w.heard(old, s)
	w.meet(old, s)
}

func (w *world) trust(s rollout.State) {
	w.trusted[s.Stable] = true
	if s.Active != nil && s.Active.Phase == rollout.Promoting {
		w.trusted[s.Active.Candidate] = true
	}
}

// allow is how many tasks may answer with something unpromoted now. It shrinks
// only once the tasks were seen back.
func (w *world) allow(s rollout.State) {
	r := s.Active
	switch {
	case r == nil:
		w.limit = 0
	case r.Comparing() == rollout.Canary:
		w.limit = max(w.limit, []int{1, 2}[min(r.Step, 1)])
	}
}

// happened looks at one event.
func (w *world) happened(e rollout.Event) {
	if e.Reason == "" || e.Sentence == "" {
		w.fail("reason", "event %d has no reason: sentence 8", e.Seq)
	}
	switch e.Reason { //nolint:exhaustive // those that say more than that something happened
	case rollout.PromotedByHand:
		w.byHand[e.Rollout] = true
	case rollout.Asked:
		w.hands[e.Rollout] = true
	case rollout.Breaker:
		if strings.Contains(e.Sentence, "crash") {
			w.blame(e)
		}
	}
	if e.To.Final() {
		w.ended = append(w.ended, e.Rollout)
		w.came[fmt.Sprintf("%s: %s", e.To, e.Reason)]++
	}
	t := w.truth[e.Candidate]
	switch {
	case e.To == rollout.Live && t.excess > .1 && !w.byHand[e.Rollout]:
		w.fail("worse", "%s went live by itself: sentence 3", t.name)
	case e.To == rollout.Superseded && w.hands[e.Rollout]:
		w.fail("gave way", "%s gave way, though a person asked for it: ARCHITECTURE.md", e.Rollout)
	}
	if e.To != "" && e.To != e.From {
		w.enters(e.To)
	}
	w.mentions(e)
}

// enters runs what waits for a phase.
func (w *world) enters(phase rollout.Phase) {
	var rest []hook
	for _, h := range w.onPhase {
		if h.phase == phase {
			h.do()
			continue
		}
		rest = append(rest, h)
	}
	w.onPhase = rest
}

var crashed = regexp.MustCompile(`(\d+|a) tasks? crashed while (?:it|they) served the candidate`)

// blame counts the tasks that crashed with the candidate in them, in whatever
// role, or while they took it up, and holds that against what the breaker says.
func (w *world) blame(e rollout.Event) {
	said := crashed.FindStringSubmatch(e.Sentence)
	if said == nil {
		w.t.Fatalf("the breaker says something about crashes that this test does not understand: %s", e.Sentence)
	}
	claimed, err := strconv.Atoi(said[1])
	if err != nil {
		claimed = 1
	}
	guilty := 0
	for _, d := range w.deaths {
		if slices.Contains(append(d.preparing, d.serving, d.shadow), e.Candidate) {
			guilty++
		}
	}
	if claimed > guilty {
		w.fail("blame", "%d tasks are said to have crashed with %s, %d did: sentence 8", claimed, w.named(e.Candidate), guilty)
	}
}

// died notes what a task did when it ended.
func (w *world) died(t *task, crashed bool) {
	if !crashed {
		return
	}
	d := death{task: t.id, serving: t.told.Serving, shadow: t.told.Shadow}
	if o := w.orders[t.id]; t.told.Preparing != "" && o != nil { // it names the one that is first
		d.preparing = []string{o.Release, o.Shadow}
	}
	w.deaths = append(w.deaths, d)
}

// maxEaten is how many canary tasks one rollout may cost before it ends: six,
// where chance ends a control task as well, and those that go before ECS tells.
const maxEaten = 9

// eaten counts canary tasks that health checks end.
func (w *world) eaten(t *task) {
	r := w.state0.Active
	if r == nil || r.Candidate == "" || t.told.Serving != r.Candidate || !slices.Contains(r.CanaryTasks, t.id) {
		return
	}
	if w.fed[r.ID]++; w.fed[r.ID] > maxEaten {
		w.fail("eaten", "%s has cost %d canary tasks by their health checks, and goes on: sentence 10", r.ID, w.fed[r.ID])
	}
}

// checkTask looks at a task that has changed.
func (w *world) checkTask(t *task, was rollout.Task) {
	s := t.told
	if s.Epoch > 1<<60 {
		w.fail("poisoned", "%s has taken epoch %d from a stranger, and obeys no controller any more: sentence 4", t.id, s.Epoch)
	}
	if _, known := w.truth[s.Serving]; s.Serving != "" && !known {
		w.fail("unproven", "%s serves %s, which nobody has made: sentence 2", t.id, rollout.Short(s.Serving))
	}
	if s.Serving == was.Serving || s.Serving == "" || w.trusted[s.Serving] {
		return
	}
	n := 0
	for _, other := range w.running() {
		if other.told.Serving != "" && !w.trusted[other.told.Serving] {
			n++
		}
	}
	if n <= w.limit {
		return
	}
	kind := "unpromoted"
	if o := w.orders[t.id]; o != nil && o.stray && o.Release == s.Serving {
		kind = "stray order"
	}
	w.fail(kind, "%d tasks answer with something unpromoted, %d may; the last is %s with %s: sentence 1", n, w.limit, t.id, w.named(s.Serving))
}

// soon is how long what was only just asked for may take.
const soon = 15 * time.Second

// atDawn looks at what is left at dawn: somebody leads, and every task that can
// be reached answers with stable.
func (w *world) atDawn() {
	s := w.state0
	for _, q := range s.Requests {
		if time.Since(q.At) > soon {
			w.fail("leaderless", "%s asked by %s waits for ever: nobody leads: sentence 4", q.Verb, q.By)
			return
		}
	}
	for _, t := range w.running() {
		if !w.calmly(t, s) {
			w.fail("not restored", "%s answers with %s, stable is %s: sentence 4", t.id, w.named(t.told.Serving), w.named(s.Stable))
			return
		}
	}
	for _, id := range sorted(w.wishes) {
		w.wishes[id].atDawn(w)
	}
}

// calmly reports whether a task does what it should while nothing is tried, or
// until something is.
func (w *world) calmly(t *task, s rollout.State) bool {
	switch {
	case t.hung || time.Since(t.born) < soon:
		return true
	case t.told.Serving == s.Stable:
		return true
	case s.Active == nil:
		return false
	}
	return t.told.Serving == s.Active.Candidate && (s.Active.Phase != rollout.RollingBack || time.Since(s.Active.Since) < soon)
}

// describe is a state in a line.
func describe(s rollout.State) string {
	say := fmt.Sprintf("epoch %d, generation %d, event %d, ", s.Epoch, s.Generation, s.LastEvent)
	if s.Active == nil {
		return say + "idle"
	}
	return say + fmt.Sprintf("%s %s", s.Active.ID, s.Active.Phase)
}
