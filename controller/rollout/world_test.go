package rollout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
)

// world is what a controller sees and moves: tasks, a store, training jobs.
type world struct {
	tasks     map[string]*Task
	fresh     string // what a new task loads: the saved default
	published map[string]bool
	archived  map[string]bool
	over      map[string]Rollout // all that have ended
	last      Request            // that was asked
	jobs      []Job
	tunings   map[string]*Tuning
	admission map[string]*Admission // by rollout
	verdict   judge.Outcome
	suspect   string      // the task that alone does harm while it serves the candidate
	class     judge.Class // of an inconclusive verdict
	breaker   bool        // of one that is worse
	holds     bool        // of one that is unsure
	counted   string      // the rollout that the counts below are of
	exposed   int64       // auctions that the candidate has answered
	missed    int64       // bids that it alone has filtered
	pace      float64
	failing   map[string]string // task -> why it can load nothing
	lost      string            // why what is not stored yet never will be
	swaps     []SwapCost        // of whatever is the candidate
	desired   int
	crashed   []Crash
	watch     []func(State, time.Time) // sees every decision of a story

	stop        *Stop
	stopUnknown bool

	now           time.Time
	deployment    *Deployment
	builds        *judge.BuildsVerdict
	deployUnknown bool
}

func newWorld(tasks ...string) *world {
	w := &world{
		tasks: map[string]*Task{}, published: map[string]bool{}, archived: map[string]bool{}, over: map[string]Rollout{}, admission: map[string]*Admission{},
		tunings: map[string]*Tuning{}, failing: map[string]string{}, desired: len(tasks),
	}
	for _, id := range tasks {
		w.start(id)
	}
	return w
}

func (w *world) start(id string) {
	t := &Task{ID: id, Reachable: true, Buckets: 1}
	if d := w.deployment; d != nil {
		t.Stratum.Revision, t.Stratum.Deployment = d.Revision, d.ID
	}
	if w.published[w.fresh] {
		t.Serving, t.Ready = w.fresh, true
	}
	w.tasks[id] = t
}

func (w *world) observe(s State, now time.Time) Observation {
	w.now = now
	seen := Observation{Deployment: w.deployment, Builds: w.builds, DeploymentKnown: !w.deployUnknown, Pace: w.pace, Jobs: w.jobs, Desired: w.desired, Crashed: w.crashed, Published: slices.Sorted(maps.Keys(w.published)), Archived: slices.Sorted(maps.Keys(w.archived)), Audited: audited(s), Stop: w.stop, StopKnown: !w.stopUnknown}
	if w.stopUnknown {
		seen.Stop = nil
	}
	if w.deployUnknown {
		seen.Deployment = nil
	}
	for _, r := range s.Finished {
		w.over[r.ID] = r
	}
	for _, id := range slices.Sorted(maps.Keys(w.tasks)) {
		t := *w.tasks[id]
		if !t.Reachable { // nothing is known of it
			t = Task{ID: t.ID, ProtectedUntil: t.ProtectedUntil, Tag: t.Tag, Stratum: t.Stratum, Idle: t.Idle}
		}
		if !t.ProtectedUntil.After(now) {
			t.ProtectedUntil = time.Time{}
		}
		t.Protected = t.ProtectedUntil.Sub(now) >= GuardFor/2
		seen.Tasks = append(seen.Tasks, t)
	}
	if s.Active != nil {
		if a := w.admission[s.Active.ID]; a != nil {
			seen.Admission = a
		}
		if c := s.Active.Candidate; c != "" && !w.published[c] {
			seen.Lost = w.lost
		}
		for _, c := range w.swaps {
			c.Candidate = cmp.Or(c.Candidate, s.Active.Candidate)
			seen.Swaps = append(seen.Swaps, c)
		}
		if c := s.Active.Comparing(); w.verdict != "" && (c == Shadow || c == Canary) {
			seen.Verdict = w.said(now)
		}
		if w.breaker && w.verdict == judge.Worse && s.Active.Comparing() == Promoting { // of crashes
			seen.Verdict = w.said(now)
		}
		seen.Exposed, seen.MissedBids = w.exposed, w.missed
	}
	return seen
}

// auctions lets time pass in which each task answers ten auctions a second.
// The candidate alone filters one bid in so many of its own.
func (w *world) auctions(r *Rollout, pass time.Duration, missing int64) {
	if r == nil || r.ID != w.counted {
		w.exposed, w.missed, w.counted = 0, 0, ""
	}
	if r == nil || r.Candidate == "" {
		return
	}
	w.counted = r.ID
	for _, t := range w.tasks {
		if t.Serving == r.Candidate {
			n := int64(10 * pass.Seconds())
			w.exposed += n
			w.missed += n / missing
		}
	}
}

// said is what the judge says now.
func (w *world) said(now time.Time) *judge.Verdict {
	v := &judge.Verdict{Outcome: w.verdict, At: now, Suspect: w.suspect, Sentence: "the judge says " + string(w.verdict)}
	of := judge.Finding{Outcome: w.verdict, CandidateRate: .961, StableRate: .689, Difference: .272, BandLow: -.05, BandHigh: .05}
	switch w.verdict { //nolint:exhaustive // the others say no more
	case judge.Inconclusive:
		v.Class, v.Gate, v.Partner = w.class, judge.GatePartnersServed, "solvane"
	case judge.Unsure:
		v.Gate, v.Requests, v.Needed, v.ETA = judge.GateFilterRateServed, 8_220, 16_440, 40*time.Second
		if v.Holds = w.holds; w.holds {
			v.Gate, of.CandidateRate, of.StableRate = judge.GateDrift, .412, .25
		}
	case judge.Worse:
		v.Gate, v.Partner, v.Culprits = judge.GatePartnersServed, "solvane", []string{"solvane"}
		if v.Breaker = w.breaker; w.breaker {
			v.Gate, v.Partner, v.Culprits, of.Sentence = judge.GateBreaker, "", nil, "a task crashed while it served the candidate; 0 of stable's did"
		}
	case judge.Invalid:
		v.Gate, of.CandidateRate, of.StableRate = judge.GateSampleRatio, .087, .5
	}
	of.Gate, of.Partner = v.Gate, v.Partner
	v.Findings = []judge.Finding{of}
	return v
}

func (w *world) apply(a Action) {
	switch a := a.(type) {
	case Publish:
		w.published[a.Digest] = w.published[a.Digest] || w.lost == ""
	case Archive:
		w.archived[a.Rollout] = true
	case Tag:
		if t := w.tasks[a.Task]; t != nil {
			t.Tag = a.Release
		}
	case Protect:
		if t := w.tasks[a.Task]; t != nil {
			if t.ProtectedUntil = (time.Time{}); a.On {
				t.ProtectedUntil = w.now.Add(GuardFor)
			}
		}
	case Assign:
		w.assign(a)
	case Answer:
		if w.deployment != nil {
			d := *w.deployment
			d.Hook, w.deployment = nil, &d
		}
	}
}

func (w *world) assign(a Assign) {
	t := w.tasks[a.Task]
	switch {
	case t == nil || !t.Reachable || a.Generation < t.Generation || !w.published[a.Release]:
	case w.failing[a.Task] != "":
		t.FailedRelease, t.FailureReason, t.Failure = a.Release, w.failing[a.Task], "it says "+w.failing[a.Task]
	default:
		t.Serving, t.Shadow, t.Sample, t.Explore, t.Buckets, t.Generation, t.Ready = a.Release, a.Shadow, a.Sample, a.Explore, a.Buckets, a.Generation, true
		t.FailedRelease, t.FailureReason, t.Failure = "", "", ""
	}
}

// kept is what the store holds under the names of a request.
func (w *world) kept(q Request) Kept {
	k := Kept{Release: w.published[q.Release]}
	id := q.Rollout
	if q.Verb == VerbRollback {
		id = "rollback-" + q.ID
	}
	if r, is := w.over[id]; is && w.archived[id] {
		k.Rollout = &r
	}
	return k
}

// hear changes the world as a word of a story says, or returns the request in
// it.
func (w *world) hear(word string, s State, now time.Time) (_ *Request, err error) {
	verb, arg, _ := strings.Cut(word, "=")
	name, rest, _ := strings.Cut(arg, ":")
	switch verb {
	case "job":
		w.jobs = append(w.jobs, Job{Source: release.Source{Job: name, Bucket: "b", Key: name}, CompletedAt: now})
	case "child": // child=JOB:TUNING
		w.jobs = append(w.jobs, Job{Source: release.Source{Job: name, Bucket: "b", Key: name}, CompletedAt: now, Tuning: w.tuning(rest)})
	case "tuning", "automl": // tuning=NAME:runs:DONE:OF, :completed:BEST:SCORE, :stopped:BEST:SCORE, :failed:WHY, :gone, :unknown:WHY
		w.tune(verb == "automl", name, strings.SplitN(rest, ":", 3), now)
	case "warm": // warm=TUNING:EARLIER: its best is one of an earlier tuning job
		w.tuning(name).Earlier = rest
	case "deleted": // deleted=TUNING: its best
		best := w.tuning(name).Best
		w.tuning(name).Deleted = true
		w.jobs = slices.DeleteFunc(w.jobs, func(j Job) bool { return j.Source.Job == best })
	case "artifact": // artifact=ROLLOUT:ok:DIGEST, :wait:REASON, :refused:REASON
		outcome, detail, _ := strings.Cut(rest, ":")
		a := &Admission{Rollout: name, Outcome: AdmissionOutcome(outcome), Sentence: "admission says " + detail}
		if a.Outcome == AdmissionOK {
			a.Digest = detail
		} else {
			a.Reason = Reason(detail)
		}
		w.admission[name] = a
	case "overwritten": // what is not stored yet
		w.lost = "the artifact was overwritten"
	case "verdict": // verdict=OUTCOME, =inconclusive:CLASS, =worse:breaker, =unsure:holds
		w.suspect = ""
		w.verdict, w.class, w.breaker, w.holds = judge.Outcome(name), judge.Class(rest), rest == "breaker", rest == "holds"
	case "suspect": // the judge's, until the next verdict
		w.suspect = name
	case "exposed":
		w.exposed, err = strconv.ParseInt(name, 10, 64)
	case "missed":
		w.missed, err = strconv.ParseInt(name, 10, 64)
	case "pace":
		w.pace, err = strconv.ParseFloat(name, 64)
	case "swap": // swap=TASK:BEFORE:DURING:REQUESTS; no task: its neighbours
		c := SwapCost{Task: name}
		before, rest, _ := strings.Cut(rest, ":")
		during, requests, _ := strings.Cut(rest, ":")
		c.Before, _ = time.ParseDuration(before)
		c.During, _ = time.ParseDuration(during)
		c.RequestsDuring, _ = strconv.ParseInt(requests, 10, 64)
		c.RequestsBefore = 60_000
		w.swaps = append(w.swaps, c)
	case "swapped":
		w.swaps = nil
	case "die":
		delete(w.tasks, name)
	case "unhealthy": // ECS ends it for its health checks
		delete(w.tasks, name)
		w.crashed = append(w.crashed, Crash{Task: name, Unhealthy: true})
	case "desired":
		w.desired, err = strconv.Atoi(name)
	case "start": // start=TASK or =TASK:ZONE
		w.fresh = s.Default
		w.start(name)
		w.tasks[name].Stratum.Zone = rest
	case "deploy": // deploy=REVISION or =REVISION,STRATEGY; what starts from now on is of it
		revision, strategy, _ := strings.Cut(arg, ",")
		w.deployment = &Deployment{ID: "ecs-svc/" + revision, Revision: revision, Strategy: cmp.Or(strategy, "ROLLING"), Since: now}
	case "hook": // hook=ID, at which the deployment waits
		d := *w.deployment
		d.Hook, w.deployment = &Hook{ID: name, Of: "arn"}, &d
	case "builds": // builds=OUTCOME, of auctions on the deployment's tasks against the others
		w.builds = &judge.BuildsVerdict{Outcome: judge.Outcome(name), Sentence: "of the auctions on its tasks so many went wrong"}
	case "deployed":
		w.deployment, w.builds = nil, nil
	case "deploy?": // nobody can tell
		w.deployUnknown = name != "over"
	case "scaled", "rebalanced", "replaced": // ECS ends it, for that
		delete(w.tasks, name)
		w.crashed = append(w.crashed, Crash{Task: name, Ended: map[string]Reason{"scaled": ScaledIn, "rebalanced": Rebalanced, "replaced": Deploying}[verb]})
	case "guard": // guard=TASK:DURATION, by somebody else
		d, bad := time.ParseDuration(rest)
		w.tasks[name].ProtectedUntil, err = now.Add(d), bad
	case "idle":
		w.tasks[name].Idle = true
	case "traffic":
		w.tasks[name].Idle = false
	case "zone": // zone=TASK:ZONE
		w.tasks[name].Stratum.Zone = rest
	case "lose":
		w.tasks[name].Reachable = false
	case "find":
		w.tasks[name].Reachable = true
	case "break":
		w.failing[name] = rest
	case "mend":
		delete(w.failing, name)
	case "stop": // all fleets, until stop=over
		w.stop = &Stop{By: "eve", Why: "an outage", At: now}
		if name == "over" {
			w.stop = nil
		}
	case "stop?": // nobody can tell
		w.stopUnknown = name != "over"
	case "again": // what was asked last, with the same id, or something else with it: again=VERB
		if name != "" {
			w.last = Request{ID: w.last.ID, Verb: Verb(name), By: w.last.By}
		}
		q := w.last
		q.At = now
		return &q, nil
	case "ask", "bob", "glass": // by ann, by bob, or by ann who breaks the glass
		q := Request{ID: "q" + fmt.Sprint(s.LastEvent), Verb: Verb(name), By: map[string]string{"ask": "ann", "bob": "bob", "glass": "ann"}[verb], At: now}
		if verb == "glass" {
			q.BreakGlass, q.Why = true, "it cannot wait"
		}
		if n := len(s.Requests); n > 0 {
			q.ID += fmt.Sprint(".", n)
		}
		switch q.Verb { //nolint:exhaustive // the others are about a rollout, or the fleet
		case VerbTry:
			id, points, meant := strings.Cut(rest, ":") // try:ROLLOUT:POINTS
			q.Rollout, q.Source = id, &release.Source{Bucket: "b", Key: id}
			if meant {
				p, _ := strconv.ParseFloat(points, 64)
				q.Intended = &release.Change{FilterRate: p / 100, Why: "a stricter floor"}
			}
		case VerbRollback:
			q.Release = rest
		default:
			q.Rollout = rest
		}
		w.last = q
		return &q, nil
	default:
		err = fmt.Errorf("no such word: %s", word)
	}
	return nil, err
}

// tuning is the tuning job of a name, whose children share it.
func (w *world) tuning(name string) *Tuning {
	if w.tunings[name] == nil {
		w.tunings[name] = &Tuning{Name: name}
	}
	return w.tunings[name]
}

func (w *world) tune(automl bool, name string, words []string, now time.Time) {
	t := w.tuning(name)
	why := strings.ReplaceAll(strings.Join(words[1:], ":"), "~", " ")
	words = append(words, "", "", "")
	t.AutoML, t.Status, t.Why = automl, TuningStatus(words[0]), ""
	switch t.Status {
	case TuningRuns:
		t.Trained, _ = strconv.Atoi(words[1])
		t.Of, _ = strconv.Atoi(words[2])
	case TuningCompleted, TuningStopped:
		t.Ended, t.Best, t.Score = now, words[1], strings.ReplaceAll(words[2], "~", " ")
	case TuningFailed:
		t.Ended, t.Why = now, why
	case TuningGone:
	case TuningUnknown:
	default:
		t.Status, t.Why = TuningUnknown, why
	}
}

// audited are the keys of all entries that wait: a controller has stored them.
func audited(s State) (keys []string) {
	for _, e := range s.Unaudited {
		keys = append(keys, e.Key())
	}
	return keys
}
