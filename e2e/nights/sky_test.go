package nights

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// sky is what a night is like: which faults and which events there are in it,
// and how often. Each seed leaves most of them out, so that the others are not
// drowned.
type sky struct {
	latency time.Duration
	faults  map[fault]float64 // share of the calls that they can happen to
	torn    bool              // what tasks fetch may be torn
	events  []event
	storm   time.Time // until then faults are frequent
}

// event is something that happens now and then.
type event struct {
	name  string
	every time.Duration // about
	do    func(*world)
}

func allEvents() []event {
	return []event{
		{"train", 30 * time.Second, trainOne},
		{"train late", 60 * time.Second, trainLate},
		{"wish", 30 * time.Second, wishOne},
		{"contradict", 40 * time.Second, contradict},
		{"try", 40 * time.Second, tryOne},
		{"try again", 60 * time.Second, tryAgain},
		{"replace a task", 25 * time.Second, replaceOne},
		{"crash a task", 40 * time.Second, crashOne},
		{"lose the hosts", 45 * time.Second, loseHosts},
		{"hang a task", 60 * time.Second, hangOne},
		{"scale", 45 * time.Second, scale},
		{"freeze", 12 * time.Second, freezeOne},
		{"kill a controller", 45 * time.Second, func(w *world) { w.end(w.murder) }},
		{"stop a controller", 60 * time.Second, func(w *world) { w.end(w.quit) }},
		{"storm", 30 * time.Second, func(w *world) { w.sky.storm = time.Now().Add(w.between(time.Second, 10*time.Second)) }},
		{"restore the state", 60 * time.Second, restoreState},
		{"damage the lease", 60 * time.Second, damageLease},
		{"a stranger", 90 * time.Second, stranger},
	}
}

func newSky(s *schedule) sky {
	k := sky{latency: s.between(time.Millisecond, 12*time.Millisecond), faults: map[fault]float64{}, torn: s.maybe(.3)}
	for _, f := range []fault{lostRequest, lostReply, lateReply, delayed, silent, conflict, busy} {
		if s.maybe(.5) {
			k.faults[f] = math.Exp(s.chance.Float64()*math.Log(20)) / 1000 // .1 % to 2 %
		}
	}
	for _, e := range allEvents() {
		often := map[string]float64{"train": .9, "wish": .6}[e.name]
		if s.maybe(max(often, .4)) {
			e.every = time.Duration(float64(e.every) * (.5 + s.chance.Float64()))
			k.events = append(k.events, e)
		}
	}
	return k
}

// rise begins the events.
func (w *world) rise() {
	for _, e := range w.sky.events {
		var next func()
		next = func() {
			if w.calm {
				return
			}
			e.do(w)
			w.in(w.about(e.every), next)
		}
		w.in(w.about(e.every), next)
	}
}

// fault is what happens to a call that could go on.
func (k sky) fault(w *world, c *call) fault {
	if w.calm || len(c.menu) == 0 {
		return fine
	}
	worse := 1.
	if time.Now().Before(k.storm) {
		worse = 15
	}
	if strings.Contains(c.who, " for ") { // of the few that note a wish
		worse *= 5
	}
	at := w.chance.Float64()
	for _, f := range c.menu {
		if at -= min(.3, k.faults[f]*worse); at < 0 {
			return f
		}
	}
	return fine
}

func trainOne(w *world)  { w.complete(pick(w.schedule, kinds()), 0) }
func trainLate(w *world) { w.complete(pick(w.schedule, kinds()), w.between(0, 40*time.Second)) }

// some returns a task that runs, if any does.
func (w *world) some(do func(*task)) {
	if alive := w.running(); len(alive) > 0 {
		do(pick(w.schedule, alive))
	}
}

func replaceOne(w *world) { w.some(func(t *task) { w.lose(t, "is replaced") }) }
func hangOne(w *world)    { w.some(w.hang) }

// crashOne lets a task crash. It likes to be one that is about to be asked for
// the candidate.
func crashOne(w *world) {
	strike := func() { w.some(func(t *task) { w.crash(t, 1, "crashes by itself") }) }
	w.onceIn(rollout.Canary, func() {
		w.in(w.about(20*time.Millisecond), func() {
			for _, t := range w.running() {
				if r := w.state0.Active; r != nil && slices.Contains(r.CanaryTasks, t.id) {
					w.crash(t, 1, "crashes by itself")
					return
				}
			}
		})
	}, strike)
}

// loseHosts kills all tasks, or some of them, as a host does whose memory is
// full: what ECS tells of it looks like crashes. It likes to happen when a
// canary has just begun.
func loseHosts(w *world) {
	strike := func() {
		share := pick(w.schedule, []float64{.5, 1, 1})
		for _, t := range w.running() {
			if w.maybe(share) {
				w.crash(t, 137, "is killed with its host")
			}
		}
	}
	w.onceIn(rollout.Canary, func() { w.in(w.about(300*time.Millisecond), strike) }, strike)
}

// onceIn waits for a phase to begin for a while, and else does something else.
func (w *world) onceIn(phase rollout.Phase, do, otherwise func()) {
	if w.maybe(.3) {
		otherwise()
		return
	}
	w.onPhase = append(w.onPhase, hook{phase, do})
}

// hook is something that happens once a rollout enters a phase.
type hook struct {
	phase rollout.Phase
	do    func()
}

func scale(w *world) {
	w.ecs.desired = 3 + w.chance.IntN(3)
	w.say("operator", "change the desired count", "")
	w.keep()
}

// freezeOne lets a controller freeze at one of its next calls.
func freezeOne(w *world) {
	at := w.chance.IntN(len(w.procs))
	if leads, known := w.leader(); known && w.maybe(.8) {
		at = leads
	}
	p := w.procs[at]
	if p.dead || p.iced() {
		return
	}
	p.freeze = w.between(leaseTTL/2, 5*leaseTTL)
	p.freezeIn, p.freezeAt = 1+w.chance.IntN(25), ""
	if w.maybe(.5) {
		p.freezeIn, p.freezeAt = 1, pick(w.schedule, []string{"put " + stateKey(), "put " + stateKey(), "assign", "put lease", "replace"})
	}
	p.missed = w.maybe(.5)
}

func (w *world) end(how func(at int)) {
	at := w.chance.IntN(len(w.procs))
	if p := w.procs[at]; !p.dead && !p.iced() && p.name != w.ending[at] {
		w.ending[at] = p.name
		how(at)
	}
}

// restoreState makes an earlier version of the state the newest again, as the
// documentation tells operators to do with a damaged one.
func restoreState(w *world) {
	o := w.bucket.objects[stateKey()]
	if len(o.versions) < 3 {
		return
	}
	old := o.versions[w.chance.IntN(len(o.versions)-1)]
	for _, v := range o.versions { // rather one that shows
		if w.maybe(.3) && w.older(v.body) {
			old = v
		}
	}
	w.restoring(old.body)
	w.say("operator", "restore an earlier version of state.json", describe(w.state()))
	clear(w.fed) // and of what it cost, nobody knows any more
	w.bucket.write(nil, stateKey(), old.body, "")
}

// older reports whether a state is of before the cohorts were formed last.
func (w *world) older(body []byte) bool {
	var s rollout.State
	return json.Unmarshal(body, &s) == nil && s.Generation < w.state().Generation
}

// damageLease garbles the lease; somebody removes it, as the log says.
func damageLease(w *world) {
	w.bucket.write(nil, "lease.json", []byte("\x00\x00"), "")
	w.say("operator", "lease.json is damaged", "")
	w.in(w.between(leaseTTL, 3*leaseTTL), func() {
		if v, _ := w.bucket.get("lease.json"); !strings.HasPrefix(string(v.body), "{") {
			w.bucket.objects["lease.json"].gone = true
			w.say("operator", "lease.json is removed, as the log advises", "")
		}
	})
}

// stranger asks a task for what it does already, under the largest of epochs.
func stranger(w *world) {
	w.some(func(t *task) {
		if t.hung || t.told.Serving == "" {
			return
		}
		s := t.told
		a := rollout.Assign{Task: t.id, Release: s.Serving, Shadow: s.Shadow, Sample: s.Sample, Explore: s.Explore, Buckets: s.Buckets, Generation: s.Generation}
		err := w.eye.Assign(w.life, t.id, a, math.MaxInt64)
		w.touch(t.id)
		became := "taken"
		if err != nil {
			became = brief(err)
		}
		w.say("stranger", "assigns to "+t.id+" under epoch 2^63-1", became)
	})
}

// quieten ends all that goes wrong, and heals what is ill.
func (w *world) quieten() {
	w.calm, w.onPhase = true, nil
	w.say("dawn", "nothing goes wrong any more", "")
	for _, p := range w.procs {
		p.freezeIn = 0
	}
	if v, there := w.bucket.get("lease.json"); there && !slices.Contains([]byte(v.body), '{') {
		w.bucket.objects["lease.json"].gone = true
		w.say("operator", "lease.json is removed, as the log advises", "")
	}
}
