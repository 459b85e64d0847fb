package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
)

// judging is the judge's memory of one rollout: what is checkpointed.
type judging struct {
	rollout string
	etag    string

	Generation int64            `json:"generation"` // of the cohorts being compared
	Tally      tally.State      `json:"tally"`
	Judge      judge.State      `json:"judge"`
	Exposed    map[string]int64 `json:"exposed"` // auctions answered by the candidate, by task, boot and generation

	// What tasks have told in all, by task, boot and generation: the tally
	// takes what came since. To go when tasks answer with that.
	Told map[string]tally.Report `json:"told"`
}

// judge looks at what the compared tasks have counted. The verdict is nil when
// nothing is being compared, or nobody could be asked.
func (f *Reconciler) judge(ctx context.Context, s rollout.State, tasks []rollout.Task, now time.Time) (*judge.Verdict, int64, error) {
	r := s.Active
	if r == nil || r.Candidate == "" || !slices.Contains([]rollout.Phase{rollout.Shadow, rollout.Canary}, r.Comparing()) {
		f.memo.judging = nil
		return nil, 0, nil
	}
	j, err := f.judging(ctx, r.ID)
	if err != nil {
		return nil, 0, err
	}
	if j.Generation != r.Generation {
		j.Tally.Step()
		j.Generation = r.Generation
	}
	look, silent := f.lookAtCounts(ctx, s, tasks, now)
	exposed := j.expose(look.Reports)
	look.Reports = j.since(look.Reports)
	policy := s.JudgePolicy(f.Fleet.Policies)
	verdict := j.Judge.Judge(j.Tally.Look(look, policy), policy)
	if err := f.checkpoint(ctx, j); err != nil {
		f.memo.judging = nil // what is stored is the truth
		return nil, 0, err
	}
	return &verdict, exposed, silent
}

// judging returns the judge's memory of a rollout, from the checkpoint if this
// process has none.
func (f *Reconciler) judging(ctx context.Context, id string) (*judging, error) {
	if j := f.memo.judging; j != nil && j.rollout == id {
		return j, nil
	}
	j := &judging{rollout: id, Exposed: map[string]int64{}, Told: map[string]tally.Report{}}
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
	f.memo.judging = j
	return j, nil
}

func (f *Reconciler) checkpoint(ctx context.Context, j *judging) error {
	body, err := pack(j)
	if err != nil {
		return fmt.Errorf("encode the judge's checkpoint: %w", err)
	}
	if j.etag, err = f.Documents.Put(ctx, checkpointKey(f.Fleet.Name, j.rollout), body, j.etag); err != nil {
		return fmt.Errorf("save the judge's checkpoint: %w", err)
	}
	return nil
}

// lookAtCounts asks the compared tasks for their counts. A task that has not
// taken its assignment yet is not expected to have any; one that cannot be
// asked is silent.
func (f *Reconciler) lookAtCounts(ctx context.Context, s rollout.State, tasks []rollout.Task, now time.Time) (tally.Look, error) {
	r := s.Active
	sides := Comparison{Candidate: r.Candidate, Stable: s.Stable, Generation: r.Generation}
	look := tally.Look{At: now, Served: r.Comparing() == rollout.Canary, Expected: map[judge.Arm]int{}}
	var mu sync.Mutex
	var silent []error
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, t := range tasks {
		arm, compared := r.Arm(t.ID)
		due := s.Stable
		if arm == judge.Candidate {
			due = r.Candidate
		}
		if !compared || t.Reachable && (t.Generation != r.Generation || t.Serving != due) {
			continue
		}
		look.Expected[arm]++
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, taskTimeout)
			defer cancel()
			reports, err := f.Control.Counts(ctx, t.Address, sides)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				look.Silent = append(look.Silent, t.ID)
				silent = append(silent, fmt.Errorf("ask task %s for its counts: %w", t.ID, err))
			}
			for _, report := range reports {
				if report.Arm == arm { // what it answered before it joined its cohort is nobody's
					look.Reports = append(look.Reports, report)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // who cannot be asked is in Silent
	slices.Sort(look.Silent)
	slices.SortFunc(look.Reports, func(a, b tally.Report) int { return compareReports(a, b) })
	return look, several(silent)
}

func compareReports(a, b tally.Report) int {
	if a.Task != b.Task {
		if a.Task < b.Task {
			return -1
		}
		return 1
	}
	return int(a.Generation - b.Generation)
}

func source(r tally.Report) string { return fmt.Sprintf("%s %s %d", r.Task, r.Boot, r.Generation) }

// since returns what the tasks count beyond what they told before. A position
// is how often they have told of anything new.
func (j *judging) since(told []tally.Report) []tally.Report {
	reports := make([]tally.Report, len(told))
	for i, r := range told {
		was := j.Told[source(r)]
		r.After, r.Upto = was.Upto, was.Upto+1
		reports[i] = r
		reports[i].Partners = make(map[string]tally.Columns, len(r.Partners))
		for _, c := range []struct {
			to        *[]int64
			now, then []int64
		}{
			{&reports[i].Requests, r.Requests, was.Requests},
			{&reports[i].Errors, r.Errors, was.Errors},
			{&reports[i].Invalid, r.Invalid, was.Invalid},
			{&reports[i].ShadowRequests, r.ShadowRequests, was.ShadowRequests},
			{&reports[i].ShadowInvalid, r.ShadowInvalid, was.ShadowInvalid},
		} {
			*c.to = less(c.now, c.then)
		}
		for name, c := range r.Partners {
			then := was.Partners[name]
			reports[i].Partners[name] = tally.Columns{
				Scored: less(c.Scored, then.Scored), Filtered: less(c.Filtered, then.Filtered), Pairs: less(c.Pairs, then.Pairs),
				CandidateOnly: less(c.CandidateOnly, then.CandidateOnly), StableOnly: less(c.StableOnly, then.StableOnly),
			}
		}
		if sound(reports[i]) { // what goes backwards is no new beginning
			j.Told[source(r)] = r
		}
	}
	return reports
}

// sound says whether no counter went backwards.
func sound(r tally.Report) bool {
	columns := [][]int64{r.Requests, r.Errors, r.Invalid, r.ShadowRequests, r.ShadowInvalid}
	for _, c := range r.Partners {
		columns = append(columns, c.Scored, c.Filtered, c.Pairs, c.CandidateOnly, c.StableOnly)
	}
	return !slices.ContainsFunc(columns, func(c []int64) bool { return len(c) > 0 && (slices.Min(c) < 0 || slices.Max(c) > 1<<31) })
}

// less is now - then, where either may be empty.
func less(now, then []int64) []int64 {
	since := make([]int64, max(len(now), len(then)))
	copy(since, now)
	for i, n := range then {
		since[i] -= n
	}
	return since
}

// expose adds up the auctions that the candidate has answered, whoever counted
// them and however often tasks were replaced.
func (j *judging) expose(reports []tally.Report) (total int64) {
	for _, r := range reports {
		if r.Arm != judge.Candidate {
			continue
		}
		var n int64
		for _, requests := range r.Requests {
			n += requests
		}
		key := source(r)
		j.Exposed[key] = max(j.Exposed[key], n)
	}
	for _, n := range j.Exposed {
		total += n
	}
	return total
}
