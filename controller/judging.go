package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/watch"
	"github.com/sluicehq/sluice/sorting"
)

// judging is what is remembered of one rollout that is being judged: what is
// checkpointed. Whoever takes over from the checkpoint comes to the same
// verdicts at the same looks.
type judging struct {
	rollout string
	etag    string
	pasts   map[string][]int64 // what tasks' requests took before the rollout; nil until that is looked for

	Generation int64                `json:"generation"` // of the cohorts being compared
	Tally      tally.State          `json:"tally"`
	Judge      judge.State          `json:"judge"`
	Verdict    *judge.Verdict       `json:"verdict"` // of the last look
	Exposure   watch.Exposure       `json:"exposure"`
	Arms       map[string]judge.Arm `json:"arms"`               // of tasks that could crash on either side's account
	Served     map[string]bool      `json:"served"`             // tasks that were seen to answer with the candidate
	Shadowed   map[string]bool      `json:"shadowed,omitempty"` // those of Arms that are there from the shadow phase only
	Crashed    []string             `json:"crashed"`            // tasks whose crash has been ruled on
	Restored   time.Time            `json:"restored,omitzero"`  // when the state went back that Arms is of
	HostLost   time.Time            `json:"host_lost,omitzero"`
	Log        chronicle            `json:"log"`

	// Prices are in which money the rollout's bids are counted: what the fleet file
	// says later on would be mixed with it.
	Prices *rollout.Prices `json:"prices,omitempty"`
}

// judge looks at what the compared tasks have counted and leaves in seen what
// it comes to. There is no verdict when nothing is being compared, or nobody
// could be asked.
func (f *Reconciler) judge(ctx context.Context, s rollout.State, seen *rollout.Observation, now time.Time) error {
	r, taken := s.Active, f.memo.tookUp()
	if !judged(r) {
		return nil
	}
	j, err := f.judging(ctx, r.ID)
	if err != nil {
		return err
	}
	if err := f.recall(ctx, j); err != nil {
		return err
	}
	j.begin(s.RestoredAt)
	j.join(r, taken, seen.Tasks)
	if f.early(j, r, now) || r.Comparing() == rollout.Promoting && len(j.open(seen.Crashed, now)) == 0 {
		j.tell(r, seen)
		return nil
	}
	look, silent := f.lookAtCounts(ctx, s, j, seen.Tasks, now)
	if gathering(r, look) && len(j.open(seen.Crashed, now)) == 0 {
		if j.tellExposure(seen); j.Verdict != nil && j.Verdict.Outcome == judge.Worse {
			j.tell(r, seen) // whoever ruled so may have died before acting on it
		}
		return nil
	}
	silent = errors.Join(silent, f.rule(s, j, look, seen))
	if err := f.checkpoint(ctx, j); err != nil {
		f.memo.judging = nil // what is stored is the truth
		if j.Verdict.Outcome == judge.Worse {
			j.tell(r, seen) // harm is not forgotten for want of a memory
		}
		return errors.Join(err, silent)
	}
	j.tell(r, seen)
	return silent
}

// judged reports whether tasks serve a candidate at whose fault something may
// happen, held or not.
func judged(r *rollout.Rollout) bool {
	return r != nil && slices.Contains([]rollout.Phase{rollout.Shadow, rollout.Canary, rollout.Promoting}, r.Comparing())
}

// early reports whether the last look was only just made: passes that hurry
// after a change, or begin anew after a crash, go by its verdict. A new cohort
// is looked at at once, but no moment has two looks.
func (f *Reconciler) early(j *judging, r *rollout.Rollout, now time.Time) bool {
	if j.Verdict == nil {
		return false
	}
	gap := now.Sub(j.Verdict.At)
	return gap == 0 || gap > 0 && gap < f.Fleet.LookEvery/2 && j.Generation == r.Generation
}

// rule counts what a look shows, judges it, and notes what it came to.
func (f *Reconciler) rule(s rollout.State, j *judging, look tally.Look, seen *rollout.Observation) error {
	if j.Generation != s.Active.Generation {
		j.Tally.Step()
		j.Generation = s.Active.Generation
	}
	look.Crashed = j.crashes(s.Active, seen.Crashed, look.At)
	policy := s.JudgePolicy(f.Fleet.Policies)
	policy.Currency, policy.PriceCap = j.Prices.Currency, j.Prices.Cap
	statistics := j.Tally.Look(look, policy)
	verdict := j.Judge.Judge(statistics, policy)
	j.Verdict = &verdict
	j.Exposure.Take(look, j.Generation, exposing(s.Active, look.Silent, seen.Tasks), seen.Pace)
	digest, err := history.DigestOf(verdict)
	if err != nil {
		return err
	}
	return j.Log.note(noted{Policy: policy, Look: history.Look{
		Number: verdict.Looks, Digest: digest, Statistics: statistics, Latency: latencyOf(seen.Auctions),
	}})
}

// latencyOf is what the page shows beside the verdict.
func latencyOf(a *rollout.Auctions) (l history.Latency) {
	if a == nil {
		return l
	}
	for _, arm := range []struct {
		to *history.Percentiles
		of *rollout.Traffic
	}{{&l.Canary, a.Canary}, {&l.Control, a.Control}, {&l.Stable, a.Rest}} {
		if arm.of != nil {
			*arm.to = history.Percentiles{P50: arm.of.P50, P99: arm.of.P99}
		}
	}
	return l
}

// gathering reports whether nobody serves yet, in one of the arms, what is to be
// compared. Tasks may take their time to make a release ready: that contradicts
// nothing.
func gathering(r *rollout.Rollout, look tally.Look) bool {
	return r.Comparing() != rollout.Promoting && len(look.Silent) == 0 &&
		(look.Expected[judge.Control] == 0 || look.Served && look.Expected[judge.Candidate] == 0)
}

// exposing are the tasks that nobody can ask and that answer with the candidate,
// or may do so still.
func exposing(r *rollout.Rollout, silent []string, tasks []rollout.Task) (all []string) {
	for _, id := range silent {
		if slices.Contains(r.CanaryTasks, id) {
			all = append(all, id)
		}
	}
	for _, t := range tasks {
		if !t.Reachable && slices.Contains(r.Leaving, t.ID) {
			all = append(all, t.ID)
		}
	}
	return all
}

// tell leaves in seen what the last look came to. While tasks move over,
// nothing is compared any more, and only gross harm is told.
func (j *judging) tell(r *rollout.Rollout, seen *rollout.Observation) {
	j.tellExposure(seen)
	v := j.Verdict
	switch {
	case v == nil:
	case v.Breaker, r.Comparing() != rollout.Promoting && j.Generation == r.Generation:
		seen.Verdict = v
	}
}

func (j *judging) tellExposure(seen *rollout.Observation) {
	auctions, missed := j.Exposure.Total()
	seen.Exposed, seen.MissedBids = auctions, int64(missed)
}

// judging returns what is remembered of a rollout, from the checkpoint if this
// process has nothing.
func (f *Reconciler) judging(ctx context.Context, id string) (*judging, error) {
	if j := f.memo.judging; j != nil && j.rollout == id {
		return j, nil
	}
	j := &judging{rollout: id}
	body, etag, err := f.Documents.Get(ctx, checkpointKey(f.Fleet.Name, id))
	if err == nil {
		err = unpack(body, j)
		j.etag = etag
	} else if errors.Is(err, ErrNotFound) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("load the judge's checkpoint: %w", err)
	}
	if j.Arms == nil {
		j.Arms = map[string]judge.Arm{}
	}
	if j.Served == nil {
		j.Served = map[string]bool{}
	}
	if j.Shadowed == nil {
		j.Shadowed = map[string]bool{}
	}
	if j.Prices == nil {
		j.Prices = &f.Fleet.Prices
	}
	f.memo.judging = j
	return j, nil
}

// prices are in which money tasks count: that of the rollout which is judged, or
// else what the fleet file says.
func (f *Reconciler) prices() rollout.Prices {
	if j := f.memo.judging; j != nil {
		return *j.Prices
	}
	return f.Fleet.Prices
}

func (f *Reconciler) checkpoint(ctx context.Context, j *judging) error {
	written, err := j.document()
	if err != nil {
		return fmt.Errorf("encode the judge's checkpoint: %w", err)
	}
	body, err := pack(written)
	if err != nil {
		return fmt.Errorf("encode the judge's checkpoint: %w", err)
	}
	if j.etag, err = f.Documents.Put(ctx, checkpointKey(f.Fleet.Name, j.rollout), body, j.etag); err != nil {
		return fmt.Errorf("save the judge's checkpoint: %w", err)
	}
	return nil
}

// lookAtCounts asks the compared tasks for what they have counted since the
// last look. A task that has not taken its assignment yet is not expected to
// have counted; one that cannot be asked is silent. Tasks that gather their
// past tell it too, but nothing is expected of them.
func (f *Reconciler) lookAtCounts(ctx context.Context, s rollout.State, j *judging, tasks []rollout.Task, now time.Time) (tally.Look, error) {
	r := s.Active
	look := tally.Look{At: now, Served: r.Comparing() == rollout.Canary, Expected: map[judge.Arm]int{}, Past: map[string][]int64{}}
	var mu sync.Mutex
	var silent []error
	var g errgroup.Group
	g.SetLimit(atOnce)
	arms, gathers := r.Arms(), r.Gathers()
	for i := range tasks {
		t := &tasks[i] // a copy of each would outlive its turn
		arm, compared := arms[t.ID]
		if !compared && gathers[t.ID] && t.Reachable {
			arm = judge.Control
		}
		due := s.Stable
		if arm == judge.Candidate {
			due = r.Candidate
		}
		if arm == "" || t.Reachable && (t.Generation != r.Generation || t.Serving != due || t.Buckets == 1) {
			continue // in one bucket it counts for nobody yet, whatever its generation
		}
		if compared {
			look.Expected[arm]++
		}
		if took, known := j.pasts[t.ID]; known && compared {
			look.Past[t.ID] = took
		}
		since := j.since(s, t.ID, arm)
		g.Go(func() error {
			reports, err := f.Control.Counts(ctx, t.Address, since)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && compared {
				look.Silent = append(look.Silent, t.ID)
			}
			if err != nil {
				silent = append(silent, fmt.Errorf("ask task %s for its counts: %w", t.ID, err))
			}
			for _, told := range reports {
				told.Stratum, told.Past = t.Stratum.String(), !compared
				look.Reports = append(look.Reports, told)
			}
			return nil
		})
	}
	_ = g.Wait() // who cannot be asked is in Silent
	slices.Sort(look.Silent)
	sorting.By(look.Reports, func(a, b *tally.Report) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Generation, b.Generation))
	})
	return look, several(silent)
}

// since asks a task for what it has counted beyond what is counted here.
func (j *judging) since(s rollout.State, task string, arm judge.Arm) Comparison {
	r := s.Active
	c := Comparison{Candidate: r.Candidate, Stable: s.Stable, Generation: r.Generation, Arm: arm}
	if boot, generation, upto, found := j.Tally.Last(task); found && generation == r.Generation {
		c.Boot, c.After = boot, upto
	}
	return c
}

// document is the checkpoint as it is written, which UnmarshalJSON reads.
func (j *judging) document() (any, error) {
	type plain judging
	counted, err := j.Tally.Document()
	return struct {
		*plain
		Tally tally.Document `json:"tally"`
	}{(*plain)(j), counted}, err
}

// UnmarshalJSON reads a checkpoint. One of a tally or judge that this program
// does not know is begun anew; what the candidate was exposed to is not lost.
func (j *judging) UnmarshalJSON(data []byte) error {
	type plain judging
	var d struct {
		*plain
		Tally json.RawMessage `json:"tally"`
		Judge json.RawMessage `json:"judge"`
	}
	d.plain = (*plain)(j)
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	if err := errors.Join(json.Unmarshal(d.Tally, &j.Tally), json.Unmarshal(d.Judge, &j.Judge)); err != nil {
		j.Tally, j.Judge, j.Verdict, j.Generation = tally.State{}, judge.State{}, nil, 0
		j.Log.Chunk++ // looks are numbered anew
	}
	return nil
}
