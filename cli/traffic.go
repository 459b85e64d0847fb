package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/sorting"
)

// traffic is what is known of a fleet's traffic, for a forecast.
type traffic struct {
	judge.Traffic     // but for its tasks
	Tasks         int `json:"tasks"` // of the whole fleet

	// Strata are where and as what those tasks run; none where nobody knows.
	Strata []strataTasks `json:"strata,omitempty"`
}

// strataTasks is how many tasks run alike.
type strataTasks struct {
	rollout.Stratum

	Tasks int `json:"tasks"`
}

// fleet is where each task runs; nil where nobody knows.
func (t traffic) fleet() (all []rollout.Stratum) {
	for _, s := range t.Strata {
		all = append(all, slices.Repeat([]rollout.Stratum{s.Stratum}, s.Tasks)...)
	}
	return all
}

// checkStrata says whether the strata are those of the fleet's tasks.
func (t traffic) checkStrata() error {
	sum := 0
	for _, s := range t.Strata {
		if s.Tasks < 1 || s.Tasks > t.Tasks {
			return fmt.Errorf("strata: %q has %d tasks of %d", s.Stratum, s.Tasks, t.Tasks)
		}
		sum += s.Tasks
	}
	if len(t.Strata) > 0 && sum != t.Tasks {
		return fmt.Errorf("strata: they have %d tasks, and the fleet has %d", sum, t.Tasks)
	}
	return nil
}

// readTraffic reads a file that describes a fleet's traffic, in YAML.
func readTraffic(file string) (t traffic, err error) {
	body, err := readSettings(file)
	if err != nil {
		return t, fmt.Errorf("read the traffic: %w", err)
	}
	err = plainly(func() error {
		asJSON, err := yaml.YAMLToJSON(body)
		if err != nil {
			return errors.New(yaml.FormatError(err, false, true))
		}
		d := json.NewDecoder(bytes.NewReader(asJSON))
		d.DisallowUnknownFields()
		if err := d.Decode(&t); err != nil {
			return err
		}
		return t.checkStrata()
	})
	if err != nil {
		return t, fmt.Errorf("read the traffic %s: %w", file, err)
	}
	return t, nil
}

// seenTraffic describes a fleet's traffic: tasks, auctions and connections as
// the controller sees them now, partners and rates as they were in the newest
// rollout that was judged. What nobody has counted yet is zero.
func seenTraffic(ctx context.Context, c api.Client, fleet string) (t traffic, err error) {
	f, err := c.Fleet(ctx, fleet)
	if err != nil {
		return t, err
	}
	tasks, err := c.Tasks(ctx, fleet, api.MostTasks)
	if err != nil {
		return t, err
	}
	t.Tasks = max(f.Tasks.Total, f.Tasks.Desired)
	if f.Loop != nil {
		t.Requests = f.Loop.Pace
	}
	connections, rates, counted := 0, 0.0, 0
	strata := map[rollout.Stratum]int{}
	for _, k := range tasks.Tasks {
		strata[rollout.Stratum(k.Stratum)]++
		connections += k.Connections
		if k.FilterRate != nil {
			rates += *k.FilterRate
			counted++
		}
	}
	if n := len(tasks.Tasks); n > 0 {
		t.Connections = float64(connections) / float64(n)
	}
	if len(tasks.Tasks) == t.Tasks {
		t.Strata = listStrata(strata)
	}
	if counted > 0 {
		t.FilterRate = rates / float64(counted)
	}
	return t, t.fromLog(ctx, c, fleet)
}

// listStrata lists what is known, by name.
func listStrata(strata map[rollout.Stratum]int) (list []strataTasks) {
	if strata[rollout.Stratum{}] > 0 {
		return nil
	}
	for at, n := range strata {
		list = append(list, strataTasks{at, n})
	}
	sorting.By(list, func(a, b *strataTasks) int { return cmp.Compare(a.String(), b.String()) })
	return list
}

// logsTried bounds how many rollouts are asked for their log.
const logsTried = 20

// fromLog takes from the newest log of looks what only the judge counts.
func (t *traffic) fromLog(ctx context.Context, c api.Client, fleet string) error {
	list, err := c.Rollouts(ctx, fleet, logsTried)
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Verdict == nil && !r.Gathering {
			continue
		}
		l, err := c.Looks(ctx, fleet, r.ID)
		if errors.Is(err, api.ErrNotFound) || err == nil && len(l.Chunks) == 0 {
			continue
		}
		if err != nil {
			return err
		}
		last := l.Chunks[len(l.Chunks)-1]
		chunk, err := c.Chunk(ctx, fleet, r.ID, last)
		if err != nil {
			return err
		}
		s, err := lastLook(history.Key(fleet, r.ID, last), chunk.Body)
		if err != nil {
			return fmt.Errorf("take the traffic of %s: %w; say it with --traffic", r.ID, err)
		}
		if len(s.Streams) >= judge.FirstPartner && s.Answered[judge.ControlArm] > 0 {
			t.take(s)
			return nil
		}
	}
	return nil
}

func lastLook(name string, chunk []byte) (s judge.Statistics, err error) {
	c, err := history.Open(name, chunk)
	if err != nil {
		return s, err
	}
	for look, err := range c.Looks() {
		if err != nil {
			return s, err
		}
		s = look.Statistics
	}
	return s, nil
}

// take reads rates of stable, and the partners' parts, out of statistics.
func (t *traffic) take(s judge.Statistics) {
	all := s.Streams[judge.Overall]
	scored := all.Scored[judge.CandidateArm] + all.Scored[judge.ControlArm]
	if pairs := all.Pairs; pairs.N > 0 {
		t.FlipRate = (pairs.Ten + pairs.One) / pairs.N
	}
	if all.Bids.N > 0 && all.Pairs.N > 0 {
		t.BidRate = min(1, all.Bids.N/all.Pairs.N)
	}
	failed := s.Ratios[judge.ServedErrors].ByCluster
	if stable := failed[judge.ControlArm]; stable.N > 0 {
		t.ErrorRate = stable.X / stable.N
	}
	// Pairs of the overall stream are also those of shadow tasks, whose requests are none of these.
	unscored := s.Ratios[judge.ServedInvalid].ByCluster
	if requests := failed[judge.CandidateArm].N + failed[judge.ControlArm].N; requests > 0 {
		t.PerRequest = (unscored[judge.CandidateArm].N + unscored[judge.ControlArm].N) / requests
	}
	for i, p := range s.Partners {
		k := judge.PartnerTraffic{Name: p.Name}
		if i+judge.FirstPartner >= len(s.Streams) || scored == 0 {
			break
		}
		own := s.Streams[judge.FirstPartner+i]
		k.Share = float64(own.Scored[judge.CandidateArm]+own.Scored[judge.ControlArm]) / float64(scored)
		if own.Scored[judge.ControlArm] > 0 {
			k.FilterRate = float64(own.Filtered[judge.ControlArm]) / float64(own.Scored[judge.ControlArm])
		}
		if own.Pairs.N > 0 {
			k.FlipRate = (own.Pairs.Ten + own.Pairs.One) / own.Pairs.N
		}
		t.Partners = append(t.Partners, k)
	}
}
