package tally

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

func TestClusterSums(t *testing.T) {
	var c judge.ClusterSums
	addCluster(&c, 4, 2)
	addCluster(&c, 0, 0)
	addCluster(&c, 8, 6)
	if want := (judge.ClusterSums{N: 12, X: 8, XX: 40, XN: 56, NN: 80, FF: 1 + 4.5, G: 2}); c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}

// A moment lasts for half a minute, and the worst is the one with most events.
func TestMoments(t *testing.T) {
	var s State
	s.rows = make([]row, 3)
	count := func(n0, x0, n1, x1 int64) {
		s.rows[0].moment[judge.ServedErrors][judge.CandidateArm] = trials{n0, x0}
		s.rows[2].moment[judge.ServedErrors][judge.CandidateArm] = trials{n1, x1}
	}
	start := time.Unix(1e9, 0)
	s.closeMoments(start)
	for _, tt := range []struct {
		after  time.Duration
		closed float64 // trials of closed moments
		worst  judge.Moment
	}{
		{30*time.Second - 1, 0, judge.Moment{}},
		{30 * time.Second, 30, judge.Moment{N: 10, X: 3}},
		{60*time.Second - 1, 30, judge.Moment{N: 10, X: 3}},
		{60 * time.Second, 60, judge.Moment{N: 10, X: 3}},
		{59 * time.Second, 60, judge.Moment{N: 10, X: 3}}, // a clock that went back begins anew
		{89 * time.Second, 90, judge.Moment{N: 10, X: 3}},
	} {
		count(10, 3, 20, 3)
		s.closeMoments(start.Add(tt.after))
		if got := s.moments.closed[judge.ServedErrors][judge.CandidateArm].N; got != tt.closed || s.moments.worst[judge.ServedErrors][judge.CandidateArm] != tt.worst {
			t.Errorf("after %v: %v trials, worst %+v; want %v, %+v", tt.after, got, s.moments.worst[judge.ServedErrors][judge.CandidateArm], tt.closed, tt.worst)
		}
	}
	count(10, 3, 20, 4)
	all, worst := s.sumMoments()
	if c := all[judge.ServedErrors][judge.CandidateArm]; c.N != 120 || c.G != 8 || worst[judge.ServedErrors][judge.CandidateArm] != (judge.Moment{N: 20, X: 4}) {
		t.Errorf("with those that are open: %+v, worst %+v", c, worst[judge.ServedErrors][judge.CandidateArm])
	}
}

// A window of drift lasts for 15 s, and counts tasks with 50 scores.
func TestDriftWindows(t *testing.T) {
	s := State{drift: drift{known: true}}
	s.drift.edges[0], s.drift.edges[1] = 2, 5
	s.tables[judge.CandidateArm].blocks = make([]block, 2)
	start := time.Unix(1e9, 0)
	s.closeDrift(start)
	for _, tt := range []struct {
		after time.Duration
		want  judge.ClusterSums // below the second edge
	}{
		{15*time.Second - 1, judge.ClusterSums{}},
		{15 * time.Second, judge.ClusterSums{N: 50, X: 15, XX: 225, XN: 750, NN: 2500, FF: 4.5, G: 1}},
	} {
		for i, n := range []float64{50, 49} {
			scores := make([]float64, judge.ScoreBins)
			scores[1], scores[2], scores[4], scores[5] = 4, 5, 6, n-15
			s.tables[judge.CandidateArm].blocks[i].scores = scores
		}
		s.closeDrift(start.Add(tt.after))
		if s.drift.sums[1] != tt.want || s.drift.sums[0].X != 4*tt.want.G {
			t.Errorf("after %v: %+v and %+v, want %+v", tt.after, s.drift.sums[0], s.drift.sums[1], tt.want)
		}
	}
	if b := s.tables[judge.CandidateArm].blocks; sumFloats(b[0].scores) != 0 || sumFloats(b[1].scores) != 49 {
		t.Errorf("%v scores are open of the one that was counted, %v of the other", sumFloats(b[0].scores), sumFloats(b[1].scores))
	}
}

func sumFloats(all []float64) (total float64) {
	for _, v := range all {
		total += v
	}
	return total
}
