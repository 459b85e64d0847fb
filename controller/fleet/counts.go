package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/idl/gen/control"
)

const (
	maxEntries = 1000    // releases x shadows x generations that a task may tell of
	maxCount   = 1 << 53 // beyond it sums would lose digits
)

// compare picks what was counted while one of the two releases answered under
// the generation, and names its columns by candidate and stable. What was
// counted under one release beside different shadows is one report.
func compare(c *control.Counts, of controller.Comparison) ([]tally.Report, error) {
	if c == nil {
		return nil, errors.New("it says nothing")
	}
	task := lastPart(c.Task)
	if task == "" || len(task) > maxNameBytes || c.Boot == "" || len(c.Boot) > maxNameBytes {
		return nil, fmt.Errorf("it calls itself %q, boot %q", plain(c.Task), plain(c.Boot))
	}
	if len(c.Releases) > maxEntries {
		return nil, fmt.Errorf("it counts under %d releases, more than %d", len(c.Releases), maxEntries)
	}
	var first judge.Arm
	arms := map[judge.Arm]*tally.Report{}
	for _, r := range c.Releases {
		if r == nil || r.Generation != of.Generation || r.Release != of.Candidate && r.Release != of.Stable {
			continue
		}
		arm, other := judge.Candidate, of.Stable
		if r.Release == of.Stable {
			arm, other = judge.Control, of.Candidate
		}
		if arms[arm] == nil {
			first = cmp.Or(first, arm)
			arms[arm] = &tally.Report{
				Task: task, Boot: c.Boot, Generation: r.Generation, Arm: arm, Partners: map[string]tally.Columns{},
			}
		}
		if err := (adder{int(r.Buckets)}).add(arms[arm], r, r.Shadow == other); err != nil {
			return nil, fmt.Errorf("counts of %s: %w", plain(r.Release), err)
		}
	}
	return reports(arms, first), nil
}

// reports are those of the arms that answered. A task knows bids on what
// others answered, too; those counts hold no requests and are no report. A
// task that has answered nothing yet tells first what it serves.
func reports(arms map[judge.Arm]*tally.Report, first judge.Arm) []tally.Report {
	var answered []tally.Report
	for _, arm := range []judge.Arm{judge.Candidate, judge.Control} {
		if r := arms[arm]; r != nil && slices.Max(append(r.Requests, 0)) > 0 {
			answered = append(answered, *r)
		}
	}
	if r := arms[first]; r != nil && len(answered) == 0 {
		answered = append(answered, *r)
	}
	return answered
}

// adder adds columns of so many buckets.
type adder struct{ buckets int }

func (a adder) add(to *tally.Report, r *control.ReleaseCounts, paired bool) error {
	if a.buckets < 1 || a.buckets > maxBuckets {
		return fmt.Errorf("%d buckets: want 1 to %d", a.buckets, maxBuckets)
	}
	if n := len(to.Requests); n != 0 && n != a.buckets {
		return fmt.Errorf("%d buckets here and %d there under one generation", n, a.buckets)
	}
	err := errors.Join(
		a.column("requests", &to.Requests, r.Requests),
		a.column("errors", &to.Errors, r.Errors),
		a.column("invalid", &to.Invalid, r.Invalid),
	)
	if paired {
		err = errors.Join(err,
			a.column("shadow requests", &to.ShadowRequests, r.ShadowRequests),
			a.column("shadow invalid", &to.ShadowInvalid, r.ShadowInvalid),
		)
	}
	seen := make(map[string]bool, len(r.Partners))
	for _, p := range r.Partners {
		if err != nil {
			break
		}
		if p == nil || p.Partner == "" || len(p.Partner) > maxNameBytes || seen[p.Partner] {
			return fmt.Errorf("partner %q: nameless, too long or there twice", plain(p.GetPartner()))
		}
		seen[p.Partner] = true
		columns := to.Partners[p.Partner]
		err = a.partner(&columns, p, paired, to.Arm)
		to.Partners[p.Partner] = columns
	}
	return err
}

// partner turns "served" and "shadow" into candidate and stable.
func (a adder) partner(to *tally.Columns, p *control.PartnerCounts, paired bool, arm judge.Arm) error {
	err := errors.Join(
		a.column("scored", &to.Scored, p.Scored),
		a.column("filtered", &to.Filtered, p.Filtered),
	)
	if paired {
		served, shadow := &to.CandidateOnly, &to.StableOnly
		if arm == judge.Control {
			served, shadow = shadow, served
		}
		err = errors.Join(err,
			a.column("pairs", &to.Pairs, p.Pairs),
			a.column("served only", served, p.ServedOnly),
			a.column("shadow only", shadow, p.ShadowOnly),
		)
	}
	if err != nil {
		return fmt.Errorf("partner %q: %w", plain(p.Partner), err)
	}
	return nil
}

// column adds a list, which has one number per bucket or is empty.
func (a adder) column(name string, to *[]int64, list []int64) error {
	if len(list) == 0 {
		return nil
	}
	if len(list) != a.buckets {
		return fmt.Errorf("%s: %d numbers for %d buckets", name, len(list), a.buckets)
	}
	if *to == nil {
		*to = make([]int64, a.buckets)
	}
	if len(*to) != a.buckets {
		return fmt.Errorf("%s: %d buckets here and %d there under one generation", name, len(*to), a.buckets)
	}
	for i, n := range list {
		if n < 0 || n > maxCount || (*to)[i]+n > maxCount {
			return fmt.Errorf("%s: %d is no count", name, n)
		}
		(*to)[i] += n
	}
	return nil
}
