package rollout

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
)

// Bounds on what a state remembers.
const (
	maxEvents  = 200
	maxHistory = 200
	maxQueue   = 16
)

// JobsKept is how long a training job counts as new, and how long it is
// remembered as taken up after that: a listing may show it again for a while.
const JobsKept = 72 * time.Hour

// clone returns a copy of s that shares nothing with it that Decide changes.
func (s State) clone() State {
	s.Queue, s.Finished = cloneRollouts(s.Queue), cloneRollouts(s.Finished)
	s.Requests, s.Events = slices.Clone(s.Requests), slices.Clone(s.Events)
	s.Wishes, s.Seen, s.Unseen = slices.Clone(s.Wishes), maps.Clone(s.Seen), slices.Clone(s.Unseen)
	s.Unaudited, s.Tunings, s.Guards = slices.Clone(s.Unaudited), slices.Clone(s.Tunings), maps.Clone(s.Guards)
	if s.Active != nil {
		active := s.Active.clone()
		s.Active = &active
	}
	return s
}

func (r Rollout) clone() Rollout {
	r.CanaryTasks, r.ControlTasks, r.PastTasks = slices.Clone(r.CanaryTasks), slices.Clone(r.ControlTasks), slices.Clone(r.PastTasks)
	r.Swapped, r.Leaving = slices.Clone(r.Swapped), slices.Clone(r.Leaving)
	r.History, r.Losses.Latest = slices.Clone(r.History), slices.Clone(r.Losses.Latest)
	return r
}

func cloneRollouts(rs []Rollout) []Rollout {
	rs = slices.Clone(rs)
	for i := range rs {
		rs[i] = rs[i].clone()
	}
	return rs
}

// takeUp puts newly completed training jobs into the queue.
func (s *State) takeUp(jobs []Job, p Policies, now time.Time) {
	if s.JobsSince.IsZero() {
		s.JobsSince = now.Add(-JobsKept)
	}
	for _, j := range jobs {
		if _, seen := s.Seen[j.Source.Job]; seen || j.Tuning != nil || s.old(j, now) || len(s.Queue) >= maxQueue {
			continue
		}
		s.see(j.Source.Job, j.CompletedAt)
		s.enqueue(Rollout{
			ID: s.free(j.Source.Job), Source: j.Source, CompletedAt: j.CompletedAt, Reason: Found,
			Sentence: "training job " + j.Source.Job + " completed",
		}, p, now)
	}
	s.takeUpChildren(jobs, p, now)
}

// see remembers that a job has been taken up.
func (s *State) see(job string, completed time.Time) {
	if s.Seen == nil {
		s.Seen = map[string]time.Time{}
	}
	s.Seen[job] = completed
}

// free is a name that no rollout has: somebody may have tried something under
// the job's.
func (s State) free(name string) string {
	for s.holds(name) {
		name += "-job"
	}
	return name
}

func (s *State) enqueue(r Rollout, p Policies, now time.Time) {
	governs := p.For(r.ID)
	r.Phase, r.Since, r.FoundAt = Queued, now, now
	r.Policy, r.Steps, r.SecondPerson = governs.Name, len(governs.Steps), governs.SecondPerson
	s.note(&r, "", now, nil)
	r.Asked = nil
	s.Queue = append(s.Queue, r)
}

// forget drops what the archive and the listing no longer need.
func (s *State) forget(archived []string, now time.Time) {
	s.Finished = slices.DeleteFunc(s.Finished, func(r Rollout) bool { return slices.Contains(archived, r.ID) })
	for job, at := range s.Seen {
		if now.Sub(at) > 2*JobsKept {
			delete(s.Seen, job)
		}
	}
	s.ageWishes(now)
}

// coalesce leaves of the waiting candidates the newest, those that people
// asked for, and one that has given way to nobody often enough.
func (s *State) coalesce(p Policies, now time.Time) {
	var kept []Rollout
	for i, r := range s.Queue {
		if r.Asked != nil && r.Asked.Verb == VerbAbort {
			s.drop(r, Refused, Aborted, r.Asked.told(), now)
			continue
		}
		newer := slices.IndexFunc(s.Queue[i+1:], func(o Rollout) bool { return o.By == "" })
		if r.By != "" || newer < 0 || r.Coalesced >= p.For(r.ID).MaxCoalesced {
			kept = append(kept, r)
			continue
		}
		heir := &s.Queue[i+1+newer]
		heir.Coalesced = max(heir.Coalesced, r.Coalesced+1)
		s.drop(r, Superseded, Newer, heir.ID+" is newer", now)
	}
	s.Queue = kept
}

// drop ends a rollout that never became active.
func (s *State) drop(r Rollout, to Phase, why Reason, say string, now time.Time) {
	from := r.Phase
	checkArrow(from, to)
	r.Phase, r.Reason, r.Sentence, r.Since = to, why, say, now
	s.note(&r, from, now, nil)
	r.Asked = nil
	s.Finished = append(s.Finished, r)
}

// start makes the oldest waiting candidate the active one, once it has waited
// for newer ones.
func (s *State) start(p Policies, now time.Time) {
	i := slices.IndexFunc(s.Queue, func(r Rollout) bool { _, _, stopped := s.stopped(r); return !stopped })
	if s.Active != nil || i < 0 {
		return
	}
	first := s.Queue[i]
	if first.By == "" && now.Sub(first.FoundAt) < p.For(first.ID).Settle {
		return
	}
	governs := p.For(first.ID)
	first.Policy, first.Steps, first.SecondPerson = governs.Name, len(governs.Steps), governs.SecondPerson
	s.Active, s.Queue = &first, slices.Delete(s.Queue, i, i+1)
}

// enter is the one place where the phase of an active rollout changes.
func (s *State) enter(m move, seen Observation, p Policy, now time.Time) {
	r := s.Active
	from := r.Phase
	checkArrow(from, m.to)
	if a := seen.Admission; from == Admitting && a != nil && (a.Outcome == AdmissionOK || a.Outcome == AdmissionRefused) {
		r.Source, r.Candidate, r.Against = a.Source, a.Digest, s.Stable
		r.Predicted, r.Reference = a.Predicted, a.Reference
		if r.Intended == nil { // else a person has said it
			r.Intended = a.Intended
		}
	}
	if r.Asked != nil && r.Asked.BreakGlass {
		r.BrokeGlass = true
	}
	if from == Held && m.why == Resumed && r.Reason == Approval {
		r.Approved = r.Step + 1
	}
	anew := from != Held && (m.to != from || m.step != r.Step) // else it is held, extended or let go on
	switch m.to {
	case Shadow, Canary:
		switch {
		case anew:
			s.reform(r, m.to)
		case m.why == ChangeSides:
			s.changeSides(seen)
		}
	case Held:
		r.HeldFrom, r.HeldUntil = from, now.Add(p.HoldFor)
	case Promoting:
		s.Default = r.Candidate
		s.reform(r, m.to)
	case RollingBack:
		if m.why == RollbackByHand {
			s.WentBack = r.ID
			if r.Asked.Release != s.Stable {
				s.Previous, s.Stable = s.Stable, r.Asked.Release
			}
		}
		s.Default = s.Stable
		s.reform(r, m.to)
	case Live:
		if m.why != AlreadyLive {
			s.Previous, s.Stable, s.WentBack = s.Stable, r.Candidate, ""
		}
	case Queued, Admitting, RolledBack, Refused, Superseded:
	}
	if m.to != from || m.step != r.Step {
		r.Since = now
	}
	if seen.Verdict != nil {
		r.Verdict = seen.Verdict
	}
	r.Exposed, r.MissedBids = max(r.Exposed, seen.Exposed), max(r.MissedBids, seen.MissedBids)
	if m.to == Canary && anew {
		r.Sized = r.sized(m.step, seen, p)
		m.say += r.shrunk(m.step, len(InTraffic(seen.Tasks)), p) + s.mismatched(m.step, seen, p)
	}
	r.Phase, r.Step, r.Reason, r.Sentence = m.to, m.step, m.why, m.say
	s.note(r, from, now, seen.Verdict)
	r.Asked = nil
	if m.to.Final() {
		s.Finished = append(s.Finished, *r)
		s.Active = nil
	}
}

// reform dissolves the cohorts: whatever is formed next starts together,
// under a new generation. The shadow tasks have a past by now, and the first
// canary step takes its cohorts from them.
func (s *State) reform(r *Rollout, to Phase) {
	s.Generation++
	r.Generation, r.StepSince, r.InvalidSince = s.Generation, time.Time{}, time.Time{}
	r.TooFewSince = time.Time{}
	if to == Canary {
		r.PastTasks = slices.Concat(r.ControlTasks, r.PastTasks)
	} else {
		r.PastTasks = nil
	}
	if r.Phase != Canary {
		r.CanaryTasks, r.ControlTasks = nil, nil
	}
}

// watchData remembers since when the data gate has been failing.
func (r *Rollout) watchData(v *judge.Verdict, now time.Time) {
	switch {
	case v == nil:
	case v.Outcome != judge.Invalid:
		r.InvalidSince, r.InvalidWhy = time.Time{}, ""
	case r.InvalidSince.IsZero():
		r.InvalidSince, r.InvalidWhy = now, v.Sentence
	}
}

// note adds to the rollout's history and to the fleet's events what has become
// of r, and that with it the wish that it was asked has ended.
func (s *State) note(r *Rollout, from Phase, now time.Time, v *judge.Verdict) {
	wish := ""
	if r.Asked != nil {
		wish = r.Asked.ID
	}
	e := s.tell(Event{
		At: now, Wish: wish, Rollout: r.ID, Candidate: r.Candidate, From: from, To: r.Phase, Step: r.Step,
		Reason: r.Reason, Sentence: r.Sentence, By: r.By,
	})
	e.Verdict = v // kept with the rollout only
	if len(r.History) < maxHistory || r.Phase.Final() {
		r.History = append(r.History, e)
	}
}

func (s *State) tell(e Event) Event {
	s.LastEvent++
	e.Seq = s.LastEvent
	s.Events = append(s.Events, e)
	s.became(e)
	if extra := len(s.Events) - maxEvents; extra > 0 {
		s.Events = slices.Delete(s.Events, 0, extra)
	}
	return e
}

// place is where an artifact lies, as people write it.
func place(source release.Source) string { return fmt.Sprintf("s3://%s/%s", source.Bucket, source.Key) }

// Check returns what is wrong with a state that was read from outside.
func (s State) Check() error {
	if err := s.checkCounters(); err != nil {
		return err
	}
	for _, r := range slices.Concat(s.Queue, s.Finished) {
		if !r.Phase.known() {
			return fmt.Errorf("rollout %s is in a phase %q that this version does not know: run the version that wrote it", r.ID, r.Phase)
		}
	}
	if s.Active != nil && (!s.Active.Phase.known() || s.Active.Phase.Final()) {
		return fmt.Errorf("the active rollout %s is in phase %q: run the version that wrote it", s.Active.ID, s.Active.Phase)
	}
	return nil
}

func (p Phase) known() bool {
	return p.Final() || slices.Contains([]Phase{Queued, Admitting, Shadow, Canary, Held, Promoting, RollingBack}, p)
}
