package tally_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// Bids on requests that the candidate answers are counted by themselves, those
// of all partners as one: not what was told in shadow, nor what control tasks
// tell. A restored state goes on with them, and coarser clusters hold as many.
func TestLiveBids(t *testing.T) {
	var s tally.State
	report := func(task string, arm judge.Arm, look int64) tally.Report {
		r := tallytest.Uniform(task, arm, 4, 10, 0, map[string][2]int64{"acme": {10, 4}, "zeta": {10, 4}})
		r.After, r.Upto, r.Explore = look, look+1, .01
		for name, c := range r.Partners {
			c.Bids, c.BidsCandidateOnly, c.BidsStableOnly = []int64{10, 10, 0, 0}, []int64{1, 2, 0, 0}, []int64{0, 1, 0, 0}
			if name == "acme" {
				c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth = []int64{5e9, 1e9, 0, 0}, []int64{2e9, 0, 0, 0}, []int64{1e9, 0, 0, 0}, make([]int64, 4)
			}
			r.Partners[name] = c
		}
		return r
	}
	look := func(s *tally.State, i int64, served bool) judge.Statistics {
		arm := judge.Control
		if served {
			arm = judge.Candidate
		}
		l := tally.Look{At: time.Unix(i, 0), Served: served, Reports: []tally.Report{report("a", arm, i), report("b", judge.Control, i)}}
		return s.Look(l, judge.Policy{})
	}
	if seen := look(&s, 0, false); seen.LiveBids.Told {
		t.Errorf("in shadow: %+v", seen.LiveBids)
	}
	s.Step()
	look(&s, 1, true) // changes its arm, so that this counts nowhere
	look(&s, 2, true)
	back := again(t, &s)
	seen, restored := look(&s, 3, true), look(&back, 3, true)
	if !reflect.DeepEqual(seen, restored) {
		t.Errorf("%+v, restored %+v", seen.LiveBids, restored.LiveBids)
	}
	live := seen.LiveBids
	if !live.Told || live.Seen != 80 || live.Flips != 16 || live.Bids.G != 2 || live.Bids.M != 4 || live.Value.G != 2 {
		t.Fatalf("%+v", live)
	}
	near(t, "bids", live.Bids.N, 80*100, 1e-12)
	near(t, "candidate only", live.Bids.Ten, 2*2*3*100, 1e-12)
	near(t, "stable only", live.Bids.One, 2*2*100, 1e-12)
	near(t, "squares", live.Bids.SS, 2*400*400, 1e-12)
	near(t, "value", live.Value.N, 2*6e9*100, 1e-12)
	near(t, "value that the candidate loses", live.Value.Ten, 2*2e9*100, 1e-12)
	near(t, "value that stable loses", live.Value.One, 2*1e9*100, 1e-12)
}
