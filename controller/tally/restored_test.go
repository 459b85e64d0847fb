package tally_test

import (
	"reflect"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// A tally that is restored before every look comes to the same, to the bit, as
// one that goes on: also where tasks have a past, clusters are folded, and
// stable filters more and more.
func TestRestoredKnowsThePast(t *testing.T) {
	var kept, back tally.State
	p := judge.Policy{WindowRequests: 10, WindowBuckets: 2}
	arms := [2]judge.Arm{judge.Control, judge.Control}
	for i := range 24 {
		if i == 8 {
			arms[0] = judge.Candidate
			kept.Step()
			back.Step()
		}
		if i == 16 {
			kept.Coarsen()
			back.Coarsen()
		}
		var reports []tally.Report
		for task, name := range []string{"a", "b", "c", "d"} {
			r := tallytest.Uniform(name, arms[task/2], 64, 20, 0, map[string][2]int64{"acme": {20, 4}, "zeta": {10, 3}})
			r.Generation = int64(1 + i/8)
			for _, c := range r.Partners {
				for g := range c.Filtered {
					c.Filtered[g] = (c.Filtered[g] + int64(g*(task+3)%5) + int64(i/3)) % c.Scored[g]
				}
			}
			reports = append(reports, r)
		}
		l := tallytest.Served(i, reports...)
		l.Served = i >= 8
		back = again(t, &back)
		want, got := kept.Look(l, p), back.Look(l, p)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("look %d: restored it comes to %+v, and else to %+v", i, got.Streams[0].Served, want.Streams[0].Served)
		}
		if d := want.Streams[judge.Overall].Served; i == 23 && (d.Windows == 0 || d.VV == [judge.Arms]float64{}) {
			t.Errorf("nothing was foretold: %+v", d)
		}
	}
}

// A checkpoint of which a part is missing is refused, whichever part it is.
func TestRestoreWantsAll(t *testing.T) {
	begun := func() (s tally.State) {
		for i := range 6 {
			a, b := tallytest.Uniform("a", judge.Candidate, 64, 20, 0, nil), tallytest.Uniform("b", judge.Control, 64, 20, 0, nil)
			for _, r := range []*tally.Report{&a, &b} {
				if r.Explore = .5; i < 3 {
					r.Arm = judge.Control
				}
				c := tallytest.BlankColumns(64)
				c.Bids, c.BidsCandidateOnly, c.BidsStableOnly = make([]int64, 64), make([]int64, 64), make([]int64, 64)
				c.Value = make([]int64, 64)
				for g := range 64 {
					c.Scored[g], c.Pairs[g], c.Bids[g], c.Value[g], r.ShadowRequests[g] = 20, 20, 5, 1e6, 20
				}
				r.Partners["acme"], r.Generation = c, int64(1+i/3)
			}
			l := tallytest.Served(i, a, b)
			if l.Served = i >= 3; i == 3 {
				s.Step()
			}
			s.Look(l, judge.Policy{})
		}
		return s
	}
	lost := 0
	for table := range 3 {
		for column := range 22 {
			s := begun()
			if !s.Lose(table, column) {
				continue
			}
			lost++
			body, err := s.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.UnmarshalBinary(body); err == nil {
				t.Errorf("table %d is restored without its column %d", table, column)
			}
		}
	}
	for column := range 6 {
		s := begun()
		if !s.LoseLive(column) {
			t.Fatalf("no live bids in column %d", column)
		}
		if body, err := s.MarshalBinary(); err != nil || s.UnmarshalBinary(body) == nil {
			t.Errorf("pairs are restored without column %d of live bids, or %v", column, err)
		}
	}
	if lost < 25 {
		t.Errorf("only %d columns are there", lost)
	}
	s := begun()
	s.Misplace()
	if body, err := s.MarshalBinary(); err != nil || s.UnmarshalBinary(body) == nil {
		t.Errorf("clusters without a stratum are restored: %v", err)
	}
}
