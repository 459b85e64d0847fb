package tally

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// A count takes as few bytes as it can, and every number keeps its bits.
func TestNumbersOfACheckpoint(t *testing.T) {
	for _, tt := range []struct {
		v     float64
		bytes int
	}{
		{0, 1}, {126, 1}, {127, 2}, {1<<52 - 1, 8}, {1 << 52, 9}, {-1, 9}, {.5, 9}, {math.Copysign(0, -1), 9}, {-math.MaxFloat64, 9},
	} {
		w, got := codec{}, 7.
		w.number(&tt.v)
		r := codec{buf: w.buf, reading: true}
		r.number(&got)
		if len(w.buf) != tt.bytes || r.err != nil || len(r.buf) != 0 || math.Float64bits(got) != math.Float64bits(tt.v) {
			t.Errorf("%v takes %d bytes, want %d, and comes back as %v: %v", tt.v, len(w.buf), tt.bytes, got, r.err)
		}
	}
	for want, buf := range map[string][]byte{
		"a count is too large":              {0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08}, // 2^52 + 1
		"a number is not finite":            {0, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f},
		"a list is longer than the rest of": {0, 0, 0, 0, 0, 0, 0, 0xf0},
	} {
		r, v := codec{buf: buf, reading: true}, 0.
		if r.number(&v); r.err == nil || !strings.Contains(r.err.Error(), want) {
			t.Errorf("%v: %v, want %q", buf, r.err, want)
		}
	}
}

// A list may be the last of a checkpoint, to the byte.
func TestListsOfACheckpoint(t *testing.T) {
	w, cells, names := codec{}, []float64{0, 3, 0}, []string{"", "a", ""}
	w.cells(&cells, 3)
	some := len(w.buf)
	elements(&w, &names, w.string)
	for n := range len(w.buf) + 1 {
		r := codec{buf: slices.Clone(w.buf[:n]), reading: true}
		var gotCells []float64
		var gotNames []string
		r.cells(&gotCells, 3)
		if (r.err == nil) != (n >= some) {
			t.Errorf("cells from %d of %d bytes: %v", n, some, r.err)
		}
		elements(&r, &gotNames, r.string)
		if whole := n == len(w.buf); (r.err == nil) != whole || whole && (!slices.Equal(gotCells, cells) || !slices.Equal(gotNames, names)) {
			t.Errorf("%v and %q from %d of %d bytes: %v", gotCells, gotNames, n, len(w.buf), r.err)
		}
	}
	var end codec
	bare := []float64{0, 0, 0}
	end.cells(&bare, 3)
	r := codec{buf: end.buf, reading: true}
	if r.cells(&bare, 3); r.err != nil {
		t.Errorf("cells to the last byte: %v", r.err)
	}
}

// A checkpoint that was cut off is refused wherever that was, and so is one
// with something behind it.
func TestRestoreCutOff(t *testing.T) {
	var s State
	for i := range 3 {
		l := Look{At: time.Unix(int64(i), 0), Served: true, Crashed: map[judge.Arm][]string{judge.Control: {"a"}}}
		for k, task := range []string{"a", "b"} {
			n := []int64{50, 50}
			l.Reports = append(l.Reports, Report{
				Task: task, Arm: []judge.Arm{judge.Candidate, judge.Control}[k], After: int64(i), Upto: int64(i + 1),
				Requests: n, Errors: []int64{0, 1}, Partners: map[string]Columns{"acme": {Scored: n}},
			})
		}
		s.Look(l, judge.Policy{WindowRequests: 10, WindowBuckets: 2})
	}
	body, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := range body {
		if err := new(State).UnmarshalBinary(body[:n]); err == nil {
			t.Fatalf("%d of %d bytes are restored", n, len(body))
		}
	}
	if err := new(State).UnmarshalBinary(append(body, 0)); err == nil || !strings.Contains(err.Error(), "1 bytes too many") {
		t.Errorf("one byte more: %v", err)
	}
}

// What is restored is within its bounds.
func TestRestoreWithinBounds(t *testing.T) {
	for _, tt := range []struct {
		what  string
		spoil func(s *State)
		sound bool
	}{
		{"all", func(*State) {}, true},
		{"the last edge", func(s *State) { s.slow[ofPromise].Edge, s.slow[ofStable].Edge = judge.LatencyBins-1, 0 }, true},
		{"an edge beyond", func(s *State) { s.slow[ofPromise].Edge = judge.LatencyBins }, false},
		{"an edge below", func(s *State) { s.slow[ofPromise].Edge = -1 }, false},
		{"all edges moved", func(s *State) {
			s.slow[ofStable].Shift, s.slow[ofPromise].Shift = judge.LatencyBins-1, 1-judge.LatencyBins
		}, true},
		{"moved too far up", func(s *State) { s.slow[ofStable].Shift = judge.LatencyBins }, false},
		{"moved too far down", func(s *State) { s.slow[ofStable].Shift = -judge.LatencyBins }, false},
		{"the last score", func(s *State) { s.drift.edges[0] = judge.ScoreBins }, true},
		{"a score beyond", func(s *State) { s.drift.edges[0] = judge.ScoreBins + 1 }, false},
		{"a score below", func(s *State) { s.drift.edges[0] = -1 }, false},
		{"all strata", func(s *State) { s.strata = make([]string, maxStrata) }, true},
		{"one more", func(s *State) { s.strata = make([]string, maxStrata+1) }, false},
		{"no stratum", func(s *State) { s.strata = nil }, false},
		{"a task of the last stratum", func(s *State) { s.rows[0].stratum, s.tables[0].blocks[0].stratum = 1, 1 }, true},
		{"a task of one beyond", func(s *State) { s.rows[0].stratum = 2 }, false},
		{"a task of none", func(s *State) { s.rows[0].stratum = -1 }, false},
		{"clusters of one beyond", func(s *State) { s.tables[0].blocks[0].stratum = 2 }, false},
		{"clusters of none", func(s *State) { s.tables[0].blocks[0].stratum = -1 }, false},
		{"a task without a place", func(s *State) { s.rows[0].slots[0] = noSlot }, true},
		{"a place beyond", func(s *State) { s.rows[0].slots[0] = 1 }, false},
		{"a place below", func(s *State) { s.rows[0].slots[0] = -2 }, false},
		{"a task's last edge", func(s *State) { s.rows[0].edge = judge.LatencyBins - 1 }, true},
		{"a task's edge beyond", func(s *State) { s.rows[0].edge = judge.LatencyBins }, false},
		{"a task's edge below", func(s *State) { s.rows[0].edge = -1 }, false},
		{"the last arm", func(s *State) { s.rows[0].arm = judge.Arms - 1 }, true},
		{"an arm beyond", func(s *State) { s.rows[0].arm = judge.Arms }, false},
		{"an arm below", func(s *State) { s.rows[0].arm = -1 }, false},
		{"all buckets", func(s *State) { s.rows[0].buckets = MaxBuckets }, true},
		{"a bucket beyond", func(s *State) { s.rows[0].buckets = MaxBuckets + 1 }, false},
		{"buckets below none", func(s *State) { s.rows[0].buckets = -1 }, false},
		{"a fault of the last arm", func(s *State) { s.recent[0].faults = []fault{{arm: judge.Arms - 1}} }, true},
		{"a fault of one beyond", func(s *State) { s.recent[0].faults = []fault{{arm: judge.Arms}} }, false},
		{"a fault of none", func(s *State) { s.recent[0].faults = []fault{{arm: -1}} }, false},
		{"a table of too many buckets", func(s *State) { s.tables[1] = table{buckets: MaxBuckets + 1} }, false},
		{"a table of the most", func(s *State) { s.tables[1] = table{buckets: MaxBuckets, shift: 6} }, true},
		{"a table folded too often", func(s *State) { s.tables[1] = table{buckets: MaxBuckets, shift: 7} }, false},
		{"a table unfolded", func(s *State) { s.tables[1] = table{buckets: MaxBuckets, shift: -1} }, false},
		{"a table of less than nothing", func(s *State) { s.tables[1] = table{buckets: -1} }, false},
		{"a partner's tier is missing", func(s *State) { s.inTail = nil }, false},
		{"a partner's traffic is missing", func(s *State) { s.traffic = nil }, false},
		{"a stream is missing", func(s *State) { s.streams = s.streams[1:] }, false},
	} {
		var s State
		s.Look(Look{At: time.Unix(1, 0), Served: true, Reports: []Report{{
			Task: "a", Arm: judge.Candidate, Upto: 1, Stratum: "z",
			Requests: []int64{5}, Partners: map[string]Columns{"acme": {Scored: []int64{5}}},
		}}}, judge.Policy{})
		for i := range s.tables {
			if i != judge.CandidateArm {
				s.tables[i].blocks, s.rows[0].slots[i] = nil, noSlot
			}
		}
		tt.spoil(&s)
		body, err := s.MarshalBinary()
		if len(body) == 0 && !tt.sound {
			continue // it is not even written
		}
		var back State
		if restored := back.UnmarshalBinary(body); err != nil && tt.sound || (restored == nil) != tt.sound {
			t.Errorf("%s: written %v, restored %v", tt.what, err, restored)
		}
	}
}
