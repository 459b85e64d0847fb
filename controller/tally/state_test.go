package tally

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Tier 1 are the partners that cover so much of the traffic, largest first, from
// 200 pairs a partner on until the next step.
func TestTiers(t *testing.T) {
	for _, tt := range []struct {
		traffic []int64
		tail    []bool
		known   bool
	}{
		{[]int64{100, 500, 400, 0}, []bool{true, false, false, true}, true},
		{[]int64{300, 100, 200, 200}, []bool{false, true, false, false}, true}, // 100 of 800 begin at 700
		{[]int64{160, 40}, []bool{false, true}, false},                         // 40 begin at 80 %, and so are beyond
		{[]int64{320, 79}, []bool{false, true}, false},
		{[]int64{320, 81}, []bool{false, false}, true},
		{[]int64{200, 200}, []bool{false, false}, true},
		{[]int64{0, 0}, []bool{false, false}, false},
	} {
		var s State
		var names []string
		for i := range tt.traffic {
			names = append(names, fmt.Sprint(i))
		}
		s.learn(names)
		copy(s.traffic, tt.traffic)
		s.setTiers(judge.Policy{TierOneShare: .8})
		if !slices.Equal(s.inTail, tt.tail) || s.tiered != tt.known {
			t.Errorf("%v: %v, settled %v", tt.traffic, s.inTail, s.tiered)
		}
		was := slices.Clone(s.inTail)
		s.traffic[0] = 1e6
		if s.setTiers(judge.Policy{TierOneShare: .8}); s.tiered && tt.known && !slices.Equal(s.inTail, was) {
			t.Errorf("%v: settled tiers have moved", tt.traffic)
		}
	}
}

// What is less than ten seconds old is recent; looks that come too thick are
// told as one.
func TestRecent(t *testing.T) {
	var s State
	at := func(d time.Duration) time.Time { return time.Unix(1e9, 0).Add(d) }
	day := increments{requests: [judge.Arms]int64{1, 2}, tasks: [judge.Arms]int{1, 1}}
	day.faults = []fault{{task: "a", counts: judge.Recent{Requests: 1, Errors: 1}}}
	count := func() int64 { return s.sumRecent(.1)[judge.ControlArm].Requests }
	for _, tt := range []struct {
		at    time.Duration
		count int64
		looks int
	}{{0, 2, 1}, {0, 4, 1}, {10*time.Second - 1, 6, 2}, {10 * time.Second, 4, 2}, {25 * time.Second, 2, 1}} {
		s.remember(at(tt.at), day)
		if got := count(); got != tt.count || len(s.recent) != tt.looks {
			t.Errorf("at %v: %d requests of %d looks, want %d of %d", tt.at, got, len(s.recent), tt.count, tt.looks)
		}
	}
	for i := range 100 {
		s.remember(at(30*time.Second+time.Duration(i)), day)
	}
	if got := count(); got != 202 || len(s.recent) != maxRecent {
		t.Errorf("%d requests of %d looks", got, len(s.recent))
	}
	if last := s.recent[len(s.recent)-1]; !last.at.Equal(at(30*time.Second+99)) || len(last.faults) != 100-maxRecent+2 {
		t.Errorf("%d faults are told of a look at %v", len(last.faults), last.at)
	}
	for range 100 {
		s.remember(at(31*time.Second), day)
	}
	if last := s.recent[len(s.recent)-1]; len(last.faults) != maxFaults {
		t.Errorf("%d faults are told of one look", len(last.faults))
	}
}

// Named as failing are eight tasks at most, those by the share of what they
// failed at.
func TestFailing(t *testing.T) {
	var s State
	day := increments{faults: []fault{
		{"a", 0, judge.Recent{Requests: 100, Errors: 10}},
		{"b", 1, judge.Recent{Requests: 101, Errors: 10}},
		{"c", 1, judge.Recent{Pairs: 50, Invalid: 5}},
		{"d", 0, judge.Recent{Pairs: 51, Invalid: 5, Requests: 9}},
		{"e", 0, judge.Recent{}},
	}}
	s.remember(time.Unix(1, 0), day)
	all := s.sumRecent(.1)
	if !slices.Equal(all[0].Failing, []string{"a"}) || !slices.Equal(all[1].Failing, []string{"c"}) {
		t.Errorf("%q and %q", all[0].Failing, all[1].Failing)
	}
	for i := range 20 {
		s.remember(time.Unix(2, 0), increments{faults: []fault{{fmt.Sprintf("f%02d", i), 0, judge.Recent{Requests: 1, Errors: 1}}}})
	}
	if got := s.sumRecent(.1)[0].Failing; len(got) != maxCrashed || got[7] != "f06" {
		t.Errorf("%q", got)
	}
}

// The newest process is the one that was seen last, and of two the later by name.
func TestLast(t *testing.T) {
	s := State{rows: []row{
		{key: key{"a", "1"}, seen: 9},
		{key: key{"b", "1"}, seen: 0, upto: 1},
		{key: key{"b", "2"}, seen: 3, upto: 2},
		{key: key{"b", "3"}, seen: 3, upto: 3},
		{key: key{"b", "4"}, seen: 2, upto: 4},
		{key: key{"c", "1"}, seen: 9},
	}}
	if boot, _, upto, found := s.Last("b"); !found || boot != "3" || upto != 3 {
		t.Errorf("%q at %d, found %v", boot, upto, found)
	}
	s.rows = s.rows[3:]
	if boot, _, _, found := s.Last("b"); !found || boot != "3" {
		t.Errorf("the first of all: %q, found %v", boot, found)
	}
	s.rows = s.rows[:1]
	s.rows[0].Boot = "1"
	if boot, _, _, found := s.Last("b"); !found || boot != "1" {
		t.Errorf("%q, found %v", boot, found)
	}
}

// The last eight tasks that crashed are named.
func TestCrashedAreNamed(t *testing.T) {
	var s State
	for i := range 10 {
		s.noteCrashes(map[judge.Arm][]string{judge.Candidate: {fmt.Sprint(i)}})
	}
	if got := strings.Join(s.crashed, " "); got != "2 3 4 5 6 7 8 9" || s.crashes != [judge.Arms]int{10, 0} {
		t.Errorf("%s of %v", got, s.crashes)
	}
}

// The present goes back to the start of the stretch before the last one.
func TestStretches(t *testing.T) {
	var s State
	s.tables[pairsTable].blocks = []block{{}}
	columns := &s.tables[pairsTable].blocks[0].columns
	add := func(v float64) {
		for k := range 3 {
			columns[present+k] = addAll([]float64{v}, columns[present+k])
			columns[coming+k] = addAll([]float64{v}, columns[coming+k])
		}
	}
	p := judge.Policy{Present: 3 * time.Minute}
	for _, tt := range []struct {
		at              time.Duration
		present, coming int
		counted         float64 // of the present, a look each
	}{
		{time.Hour, 1, 1, 1},
		{time.Hour + 3*time.Minute - 1, 1, 1, 2},
		{time.Hour + 3*time.Minute, 1, 2, 3},
		{time.Hour + 4*time.Minute, 1, 2, 4},
		{time.Hour + 6*time.Minute, 2, 3, 3},
		{time.Hour + 9*time.Minute, 3, 4, 2},
		{time.Hour + 9*time.Minute - 1, 5, 5, 1}, // a clock that went back begins anew
	} {
		s.turn(time.Unix(0, 0).Add(tt.at), p)
		add(1)
		if at := s.stretch; at.present != tt.present || at.coming != tt.coming || columns[present+2][0] != tt.counted {
			t.Errorf("at %v: %+v, %v counted; want %d, %d, %v", tt.at, at, columns[present+2][0], tt.present, tt.coming, tt.counted)
		}
	}
}

// The arms' tables and that of pairs hold as many clusters as there is room for.
func TestLimits(t *testing.T) {
	for partners, want := range map[int]int{0: 1024, 126: 1024, 127: 1016, judge.MaxPartners: 31} {
		s := State{partners: make([]string, partners)}
		if got := s.limit(); got != want {
			t.Errorf("%d partners: %d clusters, want %d", partners, got, want)
		}
	}
	for _, tt := range []struct {
		t    table
		want int
	}{
		{table{}, 1},
		{table{buckets: 1}, 1},
		{table{buckets: 2}, 2},
		{table{buckets: 64}, 64},
		{table{buckets: 64, shift: 1}, 32},
		{table{buckets: 65, shift: 1}, 33},
		{table{buckets: 64, shift: 6}, 1},
	} {
		if got := tt.t.width(); got != tt.want {
			t.Errorf("%+v: %d clusters a task, want %d", tt.t, got, tt.want)
		}
	}
	if got := reshaped([]float64{1, 2, 3, 4, 5, 6}, 3, 2, 1); !reflect.DeepEqual(got, []float64{3, 3, 9, 6}) {
		t.Errorf("folded: %v", got)
	}
	if got := reshaped([]float64{1, 2, 3, 4}, 2, 3, 0); !reflect.DeepEqual(got, []float64{1, 2, 0, 3, 4, 0}) {
		t.Errorf("widened: %v", got)
	}
}

// The slot of the task that has been silent for longest, and for two looks at
// least, is free.
func TestSilentSlots(t *testing.T) {
	s := State{looks: 9, rows: []row{{seen: 8}, {seen: 3}, {seen: 7}, {seen: 9}, {seen: 3}, {seen: 9}}}
	s.tables[0].blocks = make([]block, 4)
	for i, at := range []int{0, 1, 2, 1, 3, noSlot} { // the second slot has two processes
		s.rows[i].slots[0] = at
	}
	if got := s.silentSlot(0); got != 3 {
		t.Errorf("slot %d", got)
	}
	s.rows[4].seen = 9
	if got := s.silentSlot(0); got != 2 {
		t.Errorf("slot %d", got)
	}
	s.rows[2].seen = 8
	if got := s.silentSlot(0); got != noSlot {
		t.Errorf("slot %d", got)
	}
	s.rows[0].seen, s.rows[5].seen = 5, 6 // two more are silent, and not for as long
	for i, left := range []int{5, 4, 3} {
		if !s.forgetOldest() || len(s.rows) != left || slices.ContainsFunc(s.rows, func(r row) bool { return r.seen < 5+i }) {
			t.Errorf("%+v", s.rows)
		}
	}
	if s.forgetOldest() {
		t.Errorf("a process that is there is forgotten: %+v", s.rows)
	}
}
