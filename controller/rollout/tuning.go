package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Tuning is a job of SageMaker that trains many models to find the best of them:
// a hyperparameter tuning job, or an AutoML job. All of them are one candidate.
type Tuning struct {
	Name   string
	AutoML bool
	Status TuningStatus
	Ended  time.Time // zero until it has

	Trained int // of its training jobs, how many have ended
	Of      int // how many there are to be at most; 0 where nobody tells

	// Best is the training job that SageMaker calls the best, empty where it calls
	// none; Score its objective. A job that was started from earlier ones may find
	// none better than one of theirs: then Earlier is the tuning job of that.
	Best, Score, Earlier string
	Deleted              bool // Best was deleted before it could be looked at

	Why string // it failed, or cannot be asked
}

// TuningStatus is how a tuning job stands.
type TuningStatus string

// The statuses. Of the last four nothing more will come.
const (
	TuningUnknown   TuningStatus = "" // it could not be asked yet
	TuningRuns      TuningStatus = "runs"
	TuningCompleted TuningStatus = "completed"
	TuningStopped   TuningStatus = "stopped"
	TuningFailed    TuningStatus = "failed"
	TuningGone      TuningStatus = "gone" // it was deleted
)

// Over reports whether nothing more will come of it.
func (t Tuning) Over() bool { return t.Status != TuningUnknown && t.Status != TuningRuns }

// AwaitedTuning is a tuning job whose training jobs wait for its end.
type AwaitedTuning struct {
	Name     string    `json:"name"`
	AutoML   bool      `json:"automl,omitempty"`
	Since    time.Time `json:"since"`    // when the first of those that wait completed
	Heard    time.Time `json:"heard"`    // when SageMaker told of it last, to the hour
	Sentence string    `json:"sentence"` // how far it is
}

// Bounds on tuning jobs.
const (
	maxTunings    = 32                  // that are remembered to be awaited; more wait all the same
	maxPassedOver = 16                  // training jobs that are told in one look not to be the best
	maxUnstored   = 64                  // finished rollouts that wait for the archive, beyond which none is told
	tuningKept    = 31 * 24 * time.Hour // a tuning job takes 30 days at most
	tuningSilent  = 24 * time.Hour      // one that nobody told of for so long is not awaited any more
)

// JobsFrom is since when completed training jobs matter: the children of a
// tuning job do until it ends.
func (s State) JobsFrom(now time.Time) time.Time {
	from := s.JobsSince
	if oldest := now.Add(-JobsKept); from.Before(oldest) {
		from = oldest
	}
	for _, t := range s.Tunings {
		if since := t.Since.Add(-time.Second); since.Before(from) {
			from = since
		}
	}
	return from
}

// due is when a job counts as completed: a child with its tuning job.
func (j Job) due() time.Time {
	if t := j.Tuning; t != nil && t.Ended.After(j.CompletedAt) {
		return t.Ended
	}
	return j.CompletedAt
}

// old reports whether a job may have been seen and forgotten, or is from before
// the fleet. One that waits for its tuning job is not.
func (s State) old(j Job, now time.Time) bool {
	if j.Tuning != nil && !j.Tuning.Over() {
		return false
	}
	return j.due().Before(s.JobsSince) || j.due().Before(now.Add(-JobsKept))
}

// takeUpChildren puts the best child of every tuning job that is over into the
// queue, and passes the others over. Those of one that is not over wait.
func (s *State) takeUpChildren(jobs []Job, p Policies, now time.Time) {
	passed := 0
	for _, j := range jobs {
		if _, seen := s.Seen[j.Source.Job]; seen || j.Tuning == nil || !j.Tuning.Over() || s.old(j, now) {
			continue
		}
		best, say := s.chosen(*j.Tuning, jobs)
		s.tellTuned(*j.Tuning, say, now)
		switch {
		case best == j.Source.Job && len(s.Queue) < maxQueue:
			s.see(j.Source.Job, j.due())
			s.enqueue(Rollout{ID: s.free(j.Source.Job), Source: j.Source, CompletedAt: j.CompletedAt, Reason: Found, Sentence: say}, p, now)
		case best != j.Source.Job && passed < maxPassedOver && len(s.Finished) < maxUnstored:
			passed++
			s.see(j.Source.Job, j.due())
			s.passOver(j, say, p, now)
		}
	}
	s.awaitTunings(jobs, now)
}

// chosen is the child of a tuning job that is tried, with the sentence that says
// so; empty where none is.
func (s State) chosen(t Tuning, jobs []Job) (best, say string) {
	const none = ": none of its training jobs is tried"
	is := func(j Job) bool { return j.Source.Job == t.Best }
	_, tried := s.Seen[t.Best]
	switch {
	case t.Status == TuningGone:
		return "", t.String() + " was deleted, and nobody can tell any more which of its training jobs was the best" + none
	case t.Status == TuningFailed:
		return "", because(t.String()+" failed", t.Why) + none
	case t.Best == "":
		return "", t.ended() + " and names no best" + none
	case t.Earlier != "":
		return "", fmt.Sprintf("%s, and %s of the earlier tuning job %s is still the best%s", t.ended(), t.best(), t.Earlier, none)
	case t.Deleted:
		return "", fmt.Sprintf("%s, and its best, %s, was deleted%s", t.ended(), t.best(), none)
	case !tried && !slices.ContainsFunc(jobs, is):
		return "", fmt.Sprintf("%s, and its best, %s, is none of the jobs of this fleet%s", t.ended(), t.best(), none)
	}
	if t.Trained > 1 {
		return t.Best, fmt.Sprintf("%s: %s is the best of the %d that it trained", t.ended(), t.best(), t.Trained)
	}
	return t.Best, fmt.Sprintf("%s: %s is the best that it trained", t.ended(), t.best())
}

// String is what people call it.
func (t Tuning) String() string {
	if t.AutoML {
		return "AutoML job " + t.Name
	}
	return "tuning job " + t.Name
}

func (t Tuning) ended() string {
	if t.Status == TuningStopped {
		return t.String() + " was stopped"
	}
	return t.String() + " completed"
}

// best is its best training job with its objective, as far as it is known.
func (t Tuning) best() string {
	if t.Score == "" {
		return t.Best
	}
	return t.Best + " (" + t.Score + ")"
}

// tellTuned tells once what came of a tuning job. It is remembered among the
// jobs, none of whose names has a space.
func (s *State) tellTuned(t Tuning, say string, now time.Time) {
	ended := t.Ended
	if ended.IsZero() {
		ended = now
	}
	if at, told := s.Seen[t.String()]; told && (t.Ended.IsZero() || at.Equal(ended)) {
		return
	}
	s.see(t.String(), ended)
	s.tell(Event{At: now, Reason: Tuned, Sentence: say})
}

// passOver ends a training job that another of its tuning job is better than.
func (s *State) passOver(j Job, say string, p Policies, now time.Time) {
	s.drop(Rollout{
		ID: s.free(j.Source.Job), Source: j.Source, CompletedAt: j.CompletedAt, FoundAt: now,
		Policy: p.For(j.Source.Job).Name, Phase: Queued,
	}, Superseded, NotBest, say, now)
}

// awaitTunings remembers the tuning jobs that are not over, and tells of new ones.
// Where jobs could not be listed whole, one that is missing may still run.
func (s *State) awaitTunings(jobs []Job, now time.Time) {
	heard := s.awaited(jobs)
	s.Tunings = slices.DeleteFunc(s.Tunings, func(t AwaitedTuning) bool {
		told := slices.IndexFunc(jobs, func(j Job) bool { return j.Tuning != nil && t.is(*j.Tuning) })
		if told >= 0 {
			return jobs[told].Tuning.Over()
		}
		return now.Sub(t.Heard) > tuningSilent || now.Sub(t.Since) > tuningKept
	})
	for _, h := range heard {
		h.Heard = now
		i := slices.IndexFunc(s.Tunings, func(t AwaitedTuning) bool { return t.Name == h.Name && t.AutoML == h.AutoML })
		switch {
		case i >= 0:
			if known := s.Tunings[i]; now.Sub(known.Heard) < time.Hour { // else every look would be a write
				h.Heard = known.Heard
			}
			s.Tunings[i] = h
		case len(s.Tunings) < maxTunings:
			s.Tunings = append(s.Tunings, h)
			s.tell(Event{At: now, Reason: TuningAwaited, Sentence: h.Sentence})
		}
	}
}

// awaited are the tuning jobs that jobs wait for.
func (s State) awaited(jobs []Job) (tunings []AwaitedTuning) {
	waiting := map[string]int{}
	for _, j := range jobs {
		if _, seen := s.Seen[j.Source.Job]; seen || j.Tuning == nil || j.Tuning.Over() {
			continue
		}
		name := j.Tuning.String()
		if waiting[name]++; waiting[name] == 1 {
			tunings = append(tunings, AwaitedTuning{Name: j.Tuning.Name, AutoML: j.Tuning.AutoML, Since: j.CompletedAt})
		}
		t := &tunings[slices.IndexFunc(tunings, func(t AwaitedTuning) bool { return t.is(*j.Tuning) })]
		t.Sentence = j.Tuning.progress(waiting[name])
		if j.CompletedAt.Before(t.Since) {
			t.Since = j.CompletedAt
		}
	}
	return tunings
}

func (a AwaitedTuning) is(t Tuning) bool { return a.Name == t.Name && a.AutoML == t.AutoML }

// progress says how many of its training jobs wait, and for how much more.
func (t Tuning) progress(waiting int) string {
	say := fmt.Sprintf("%d training jobs wait for %v", waiting, t)
	if waiting == 1 {
		say = fmt.Sprintf("a training job waits for %v", t)
	}
	switch {
	case t.Status == TuningUnknown:
		return because(say, cmp.Or(t.Why, "it has not been asked yet"))
	case t.Of > 0:
		return fmt.Sprintf("%s: %d of %d done", say, t.Trained, t.Of)
	case t.Trained > 0:
		return fmt.Sprintf("%s: %d done", say, t.Trained)
	}
	return say + " to end"
}
