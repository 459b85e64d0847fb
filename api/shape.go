package api

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/sorting"
)

// Here the controller's words become the words of the interface. The two are
// kept apart so that the loop may change how it remembers things.

func shapeRelease(p release.Passport) Release {
	r := Release{Digest: p.Digest, Job: p.Source.Job, Source: place(p.Source), By: p.Source.By, Notes: p.Notes}
	if !p.AdmittedAt.IsZero() {
		r.Admitted = moment(p.AdmittedAt)
	}
	return r
}

func shapePassport(p release.Passport) Passport {
	return Passport{
		Release: shapeRelease(p),
		JobARN:  p.Source.JobARN, Image: p.Source.Image, VersionID: p.Source.VersionID, ETag: p.Source.ETag,
		Metrics: p.Source.Metrics, Bytes: p.Bytes, Format: p.Format, Version: p.Version, Objective: p.Objective, Evaluator: p.Evaluator,
		Trees: p.Trees, Trained: p.Trained, Features: p.Features, MemoryBytes: p.MemoryBytes, Golden: p.Golden, Answers: p.Answers,
		Predicted: shapeInterval(p.Predicted), Intended: shapeChange(p.Intended),
	}
}

func shapeInterval(p release.Predicted) *Interval {
	if p.FilterRate == (release.Interval{}) {
		return nil
	}
	i := Interval(p.FilterRate)
	return &i
}

func shapeChange(c *release.Change) *Change {
	if c == nil {
		return nil
	}
	return &Change{FilterRate: c.FilterRate, Partners: c.Partners, Why: c.Why}
}

// shapeRollout tells a rollout as in lists, as it stands at a moment. Its policy
// is zero where it is not known.
func shapeRollout(r rollout.Rollout, p rollout.Policy, at time.Time) Rollout {
	said := r.Headline(p, at)
	out := Rollout{
		ID: r.ID, Job: r.Source.Job, Source: place(r.Source), Candidate: r.Candidate, Against: r.Against,
		Policy: r.Policy, By: r.By, SecondPerson: r.SecondPerson, Tried: r.Tried, Phase: string(r.Phase), Reason: string(r.Reason), Headline: said.Text, WayOut: said.WayOut, Sentence: r.Sentence,
		Since: r.Since.UTC(), Final: r.Phase.Final(), Step: stepOf(r), Steps: r.Steps, FoundAt: r.FoundAt.UTC(),
		CompletedAt: moment(r.CompletedAt), Coalesced: r.Coalesced, Exposed: r.Exposed, Missed: r.MissedBids,
		Predicted: shapeInterval(r.Predicted), Intended: shapeChange(r.Intended),
	}
	if r.Phase == rollout.Held {
		out.HeldFrom, out.HeldUntil = string(r.HeldFrom), moment(r.HeldUntil)
	}
	if r.Verdict != nil {
		out.Verdict = shapeVerdict(r.Verdict, false)
	}
	out.Gathering = r.Gathering(p)
	return out
}

// shapeWhole tells all there is to tell of a rollout.
func shapeWhole(r rollout.Rollout, p rollout.Policy, at time.Time) Rollout {
	out := shapeRollout(r, p, at)
	out.CanaryTasks, out.ControlTasks = r.CanaryTasks, r.ControlTasks
	if r.Verdict != nil {
		out.Verdict = shapeVerdict(r.Verdict, true)
	}
	for _, e := range r.History {
		out.History = append(out.History, shapeEvent(e, &r, p))
	}
	return out
}

// shapeBudget is nil where nothing is bounded.
func shapeBudget(b rollout.Budget, sized int) *Budget {
	if b == (rollout.Budget{}) {
		return nil
	}
	return &Budget{Auctions: b.Auctions, MissedBids: b.MissedBids, Sized: sized}
}

// stepOf counts canary steps from 1, as people do; 0 before the first.
func stepOf(r rollout.Rollout) int {
	came := r.Phase == rollout.Canary || slices.ContainsFunc(r.History, func(e rollout.Event) bool { return e.To == rollout.Canary })
	if !came {
		return 0
	}
	return r.Step + 1
}

func shapeVerdict(v *judge.Verdict, findings bool) *Verdict {
	if v == nil {
		return nil
	}
	requests, needed := v.Units()
	out := &Verdict{
		Outcome: string(v.Outcome), Class: string(v.Class), Breaker: v.Breaker, Holds: v.Holds, Gate: string(v.Gate), Partner: v.Partner, Culprits: v.Culprits,
		Sentence: v.Sentence, Otherwise: otherwise(v), Looks: v.Looks, At: v.At.UTC(), Progress: finite(v.Progress), ETASeconds: v.ETA.Seconds(),
		Requests: requests, Needed: needed, Detectable: finite(v.Detectable), Money: shapeMoney(v.Money),
	}
	for _, f := range v.Findings {
		if f.Gate == v.Gate && f.Partner == v.Partner && !tellable(v.Detectable, f) {
			out.Detectable = 0
		}
	}
	if findings {
		for _, s := range v.Spent {
			out.Spent = append(out.Spent, Spent{Gate: string(s.Gate), Alpha: finite(s.Alpha), Evidence: finite(s.Evidence), Threshold: finite(s.Threshold)})
		}
		for _, f := range v.Findings {
			out.Findings = append(out.Findings, shapeFinding(f))
		}
	}
	return out
}

// otherwise is what would have changed the verdict: what its gate says.
func otherwise(v *judge.Verdict) string {
	for _, f := range v.Findings {
		if f.Gate == v.Gate {
			return f.Otherwise
		}
	}
	return ""
}

// tellable reports whether a finding could tell a shift that its variance
// promises. Before there are events enough it could not, and its interval, as a
// rule somewhat less to either side than that shift, is far wider.
func tellable(shift float64, f judge.Finding) bool { return shift >= (f.High-f.Low)/4 }

func shapeFinding(f judge.Finding) Finding {
	out := Finding{
		Gate: string(f.Gate), Partner: f.Partner, Outcome: string(f.Outcome),
		CandidateRate: finite(f.CandidateRate), StableRate: finite(f.StableRate), Difference: finite(f.Difference), SincePast: f.SincePast,
		Low: finite(f.Low), High: finite(f.High), BandLow: finite(f.BandLow), BandHigh: finite(f.BandHigh),
		Evidence: finite(f.Evidence), Threshold: finite(f.Threshold), Proof: finite(f.Proof), Required: finite(f.Required),
		Requests: f.Requests, Clusters: f.Clusters, Windows: f.Windows, Sentence: f.Sentence,
		Alpha: finite(f.Alpha), Needed: f.Needed, Detectable: finite(f.Detectable), Otherwise: f.Otherwise,
	}
	if !tellable(f.Detectable, f) {
		out.Detectable = 0
	}
	for _, g := range f.Growth {
		out.Growth = append(out.Growth, finite(g))
	}
	for _, d := range f.Drivers {
		out.Drivers = append(out.Drivers, Driver{Name: d.Name, Share: finite(d.Share)})
	}
	return out
}

// finite makes a number fit for JSON, which knows neither NaN nor infinity:
// evidence may grow beyond all bounds.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return max(-1e300, min(1e300, v))
}

// shapeEvent tells an event of a rollout, which is nil where it is not known any
// more.
func shapeEvent(e rollout.Event, r *rollout.Rollout, p rollout.Policy) Event {
	said := e.Headline(r, p)
	out := Event{
		Seq: e.Seq, At: e.At.UTC(), Rollout: e.Rollout, Candidate: e.Candidate, From: string(e.From), To: string(e.To),
		Reason: string(e.Reason), Headline: said.Text, WayOut: said.WayOut, Sentence: e.Sentence, By: e.By, Wish: e.Wish, Verdict: shapeVerdict(e.Verdict, true),
	}
	if e.To == rollout.Canary {
		out.Step = e.Step + 1
	}
	return out
}

func shapeRequest(r rollout.Request) Request {
	out := Request{ID: r.ID, Verb: string(r.Verb), By: r.By, How: r.How, Why: r.Why, At: r.At.UTC(), Rollout: r.Rollout, Release: r.Release, Intended: shapeChange(r.Intended), Revision: r.Revision}
	if r.Source != nil {
		out.Source = place(*r.Source)
	}
	return out
}

func shapeTunings(all []rollout.AwaitedTuning) []Tuning {
	out := []Tuning{}
	for _, t := range all {
		out = append(out, Tuning{Name: t.Name, AutoML: t.AutoML, Since: t.Since.UTC(), Sentence: t.Sentence})
	}
	return out
}

func place(s release.Source) string {
	if s.Bucket == "" {
		return ""
	}
	return "s3://" + s.Bucket + "/" + s.Key
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// shapeTask tells what a task does in the light of what it is asked to do.
func shapeTask(t rollout.Task, s rollout.State, cohort string) Task {
	out := Task{
		ID: t.ID, Address: t.Address, State: taskState(t, s), Ready: t.Reachable && t.Ready, Cohort: cohort,
		Serving: t.Serving, Serves: serves(t, s), Evaluator: t.Evaluator, Shadow: t.Shadow, Preparing: t.Preparing,
		Failure: t.Failure, Error: cmp.Or(t.Error, s.Doubt(t)), Tag: t.Tag, Idle: t.Idle, Protected: t.Protected || !t.ProtectedUntil.IsZero(), Stratum: Stratum(t.Stratum),
		Requests: t.Requests, MemoryBytes: t.MemoryBytes, Connections: t.Connections, StartedAt: t.StartedAt.UTC(),
	}
	out.ProtectedUntil, out.ProtectedElsewhere = moment(t.ProtectedUntil), s.Foreign(t)
	if t.Scored > 0 {
		rate := float64(t.Filtered) / float64(t.Scored)
		out.FilterRate = &rate
	}
	return out
}

// What a task's state is called.
const (
	taskReady       = "ready"
	taskNotReady    = "not_ready"
	taskPreparing   = "preparing"
	taskFailed      = "failed"
	taskUnreachable = "unreachable"
)

// The cohorts, and what tasks may serve.
const (
	cohortCanary    = "canary"
	cohortControl   = "control"
	cohortRest      = "rest"
	servesStable    = "stable"
	servesCandidate = "candidate"
	servesOther     = "other"
	servesNothing   = "nothing"
)

func taskState(t rollout.Task, s rollout.State) string {
	switch {
	case !t.Reachable:
		return taskUnreachable
	case t.Failure != "", s.Poisoned(t):
		return taskFailed
	case t.Preparing != "":
		return taskPreparing
	case !t.Ready:
		return taskNotReady
	}
	return taskReady
}

func serves(t rollout.Task, s rollout.State) string {
	switch {
	case t.Serving == "":
		return servesNothing
	case t.Serving == s.Stable:
		return servesStable
	case s.Active != nil && t.Serving == s.Active.Candidate:
		return servesCandidate
	}
	return servesOther
}

// cohorts says to which side of the comparison tasks belong; the others are
// the rest. In the shadow phase no task is compared with another, so there is
// no side to be on.
func cohorts(active *rollout.Rollout) map[string]string {
	of := map[string]string{}
	if active == nil || len(active.CanaryTasks) == 0 {
		return of
	}
	for task, arm := range active.Arms() {
		of[task] = cohortControl
		if arm == judge.Candidate {
			of[task] = cohortCanary
		}
	}
	return of
}

// shapeTasks tells all tasks, those one wants to see first first.
func shapeTasks(l rollout.Look, s rollout.State) []Task {
	tasks := make([]Task, 0, len(l.Seen.Tasks))
	sides := cohorts(s.Active)
	for _, t := range l.Seen.Tasks {
		tasks = append(tasks, shapeTask(t, s, cmp.Or(sides[t.ID], cohortRest)))
	}
	order := []string{cohortCanary, cohortControl, cohortRest}
	states := []string{taskUnreachable, taskFailed, taskNotReady, taskPreparing, taskReady}
	sorting.By(tasks, func(a, b *Task) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Cohort), slices.Index(order, b.Cohort)),
			cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State)),
			cmp.Compare(a.ID, b.ID))
	})
	return tasks
}

func countTasks(tasks []Task, desired int) TaskCounts {
	c := TaskCounts{Total: len(tasks), Desired: desired}
	for _, t := range tasks {
		if t.Ready {
			c.Ready++
		}
		switch t.State {
		case taskPreparing:
			c.Preparing++
		case taskFailed:
			c.Failed++
		case taskUnreachable:
			c.Unreachable++
		}
		switch t.Cohort {
		case cohortCanary:
			c.Canary++
		case cohortControl:
			c.Control++
		}
		if t.State == taskUnreachable { // what it answers with is not known
			continue
		}
		switch t.Serves {
		case servesStable:
			c.OnStable++
		case servesCandidate:
			c.OnCandidate++
		default:
			c.OnOther++
		}
	}
	return c
}

func shapeLoop(l rollout.Look, age time.Duration) *Loop {
	return &Loop{
		At: l.At.UTC(), AgeSeconds: age.Seconds(), Leader: l.Leader, Epoch: l.Epoch, TookSeconds: l.Took.Seconds(), EverySeconds: l.Every.Seconds(),
		Pace:   finite(l.Seen.Pace),
		Wanted: firstOf(l.Wanted, 20), Errors: firstOf(l.Errors, 20),
	}
}

// firstOf returns up to n entries, never nil.
func firstOf(list []string, n int) []string {
	return append([]string{}, list[:min(n, len(list))]...)
}
