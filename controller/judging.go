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
)

// judging is the judge's memory of one rollout: what is checkpointed.
type judging struct {
	rollout string
	etag    string

	Generation int64            `json:"generation"` // of the cohorts being compared
	Judge      judge.State      `json:"judge"`
	Exposed    map[string]int64 `json:"exposed"` // auctions answered by the candidate, by task, boot and generation
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
		j.Judge.Step()
		j.Generation = r.Generation
	}
	look, silent := f.lookAtCounts(ctx, s, tasks, now)
	verdict := j.Judge.Look(look, s.JudgePolicy(f.Fleet.Policies))
	exposed := j.expose(look.Reports)
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
	j := &judging{rollout: id, Exposed: map[string]int64{}}
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
func (f *Reconciler) lookAtCounts(ctx context.Context, s rollout.State, tasks []rollout.Task, now time.Time) (judge.Look, error) {
	r := s.Active
	sides := Comparison{Candidate: r.Candidate, Stable: s.Stable, Generation: r.Generation}
	look := judge.Look{At: now, Served: r.Comparing() == rollout.Canary, Expected: map[judge.Arm]int{}}
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
	slices.SortFunc(look.Reports, func(a, b judge.Report) int { return compareReports(a, b) })
	return look, several(silent)
}

func compareReports(a, b judge.Report) int {
	if a.Task != b.Task {
		if a.Task < b.Task {
			return -1
		}
		return 1
	}
	return int(a.Generation - b.Generation)
}

// expose adds up the auctions that the candidate has answered, whoever counted
// them and however often tasks were replaced.
func (j *judging) expose(reports []judge.Report) (total int64) {
	for _, r := range reports {
		if r.Arm != judge.Candidate {
			continue
		}
		var n int64
		for _, requests := range r.Requests {
			n += requests
		}
		key := fmt.Sprintf("%s %s %d", r.Task, r.Boot, r.Generation)
		j.Exposed[key] = max(j.Exposed[key], n)
	}
	for _, n := range j.Exposed {
		total += n
	}
	return total
}
