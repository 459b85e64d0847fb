package tally

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// So many processes are known at most: one that is new takes the place of one
// that has been silent for two looks, and else is refused.
func TestProcessesAreBounded(t *testing.T) {
	s := State{looks: 9, rows: make([]row, maxRows-1)}
	for i := range s.rows {
		s.rows[i].Task, s.rows[i].seen = fmt.Sprintf("t%05d", i), 8
	}
	if i, err := s.rowOf(&Report{Task: "t00005x", Arm: judge.Control}); err != nil || i != 6 || len(s.rows) != maxRows {
		t.Fatalf("the last that has room: row %d, %v", i, err)
	}
	s.rows[6].seen = 9
	if _, err := s.rowOf(&Report{Task: "zzz"}); err == nil || !strings.Contains(err.Error(), "at most 16384 tasks") {
		t.Errorf("one too many: %v", err)
	}
	s.rows[2].seen = 7
	if i, err := s.rowOf(&Report{Task: "zzz"}); err != nil || i != maxRows-1 || s.rows[2].Task == "t00002" || len(s.rows) != maxRows {
		t.Errorf("in another's place: row %d, %v", i, err)
	}
}

// The last stratum stands for all further ones.
func TestStrataAreBounded(t *testing.T) {
	s := State{strata: []string{""}}
	for i := range 20 {
		if got, want := s.stratumOf(fmt.Sprint(i)), min(i+1, maxStrata-1); got != want {
			t.Errorf("stratum %d is number %d, want %d", i, got, want)
		}
	}
	if len(s.strata) != maxStrata || s.stratumOf("") != 0 || s.stratumOf("3") != 4 {
		t.Errorf("%q", s.strata)
	}
}

// A report may bring the partners to as many as can be judged.
func TestPartnersAreBounded(t *testing.T) {
	var s State
	var names []string
	for i := range judge.MaxPartners - 1 {
		names = append(names, fmt.Sprint(i))
	}
	s.learn(names)
	report := []partnerReading{{name: "7"}, {name: "last"}}
	for _, known := range []bool{false, true} {
		if got, err := s.meet(report); err != nil || got != known || known && report[1].index != judge.MaxPartners-1 {
			t.Errorf("%+v: known %v, %v", report, got, err)
		}
	}
	if _, err := s.meet([]partnerReading{{name: "7"}, {name: "one more"}}); err == nil || !strings.Contains(err.Error(), "to 4097, at most 4096") || len(s.partners) != judge.MaxPartners {
		t.Errorf("%d partners: %v", len(s.partners), err)
	}
}

// A table takes a task for as long as it has room, then folds what it has, and
// at last lets tasks share.
func TestSlots(t *testing.T) {
	for _, tt := range []struct{ buckets, blocks, slot, width int }{
		{64, 15, 15, 64}, {64, 16, 16, 32}, {64, 31, 31, 32}, {1, 1023, 1023, 1}, {1, 1024, 0xe40c292c % 1024, 1},
	} {
		s := State{rows: []row{{key: key{Task: "a"}, slots: [tables]int{noSlot, noSlot, noSlot}}}}
		s.learn(nil)
		s.widen(tt.buckets)
		for range tt.blocks {
			s.tables[pairsTable].blocks = append(s.tables[pairsTable].blocks, s.newBlock(pairsTable, ""))
		}
		for i := range tt.blocks { // nobody is silent
			s.rows = append(s.rows, row{key: key{Task: fmt.Sprint("b", i)}, slots: [tables]int{noSlot, noSlot, i}})
		}
		if got := s.place(0, pairsTable); got != tt.slot || s.tables[pairsTable].width() != tt.width || s.tables[pairsTable].blocks[got].task != "a" {
			t.Errorf("%+v: slot %d of %d clusters", tt, got, s.tables[pairsTable].width())
		}
	}
	for text, want := range map[string]uint32{"": 0x811c9dc5, "a": 0xe40c292c, "foobar": 0xbf9cf968} { // by its authors
		if got := hash(text); got != want {
			t.Errorf("%q: %x, want %x", text, got, want)
		}
	}
}

// A process that is restarted keeps its task's clusters.
func TestSlotOfATask(t *testing.T) {
	none := [tables]int{noSlot, noSlot, noSlot}
	s := State{rows: []row{{key: key{"a", "1"}, slots: none}, {key: key{"a", "2"}, slots: [tables]int{1, noSlot, noSlot}}, {key: key{"b", "1"}, slots: [tables]int{0, noSlot, noSlot}}}}
	s.learn(nil)
	s.tables[0].blocks = make([]block, 2)
	if got := s.slot(0, 0); got != 1 {
		t.Errorf("slot %d", got)
	}
	s.rows[1].slots = none
	if got := s.slot(0, 0); got != 2 {
		t.Errorf("slot %d of a task that had none", got)
	}
}

// What two tasks count comes to these sums: requests and pairs without a score
// by who served them, and in the shadow of stable.
func TestWhatALookAdds(t *testing.T) {
	one := func(n int64) []int64 { return []int64{n} }
	candidate := Report{
		Task: "a", Arm: judge.Candidate, Upto: 1, Requests: one(100), Errors: one(1), Invalid: one(2), ShadowRequests: one(2),
		Partners: map[string]Columns{"acme": {Scored: one(20), Filtered: one(5), Pairs: one(5)}},
	}
	control := Report{
		Task: "b", Arm: judge.Control, Upto: 1, Requests: one(300), Errors: one(3), Invalid: one(4), ShadowRequests: one(3), ShadowInvalid: one(1),
		Partners: map[string]Columns{"acme": {Scored: one(50), Filtered: one(6), Pairs: one(6), CandidateOnly: one(1)}},
	}
	var s State
	l := Look{At: time.Unix(1, 0), Served: true, Reports: []Report{candidate, control}}
	seen := s.Look(l, judge.Policy{})
	for m, want := range [judge.Ratios]judge.Ratio{
		judge.ServedErrors:  {N: [judge.Arms]float64{100, 300}, X: [judge.Arms]float64{1, 3}, Requests: 100},
		judge.ServedInvalid: {N: [judge.Arms]float64{22, 54}, X: [judge.Arms]float64{2, 4}, Requests: 100},
		judge.ShadowInvalid: {N: [judge.Arms]float64{7, 54}, X: [judge.Arms]float64{1, 4}, Requests: 3},
	} {
		got := seen.Ratios[m]
		for a := range judge.Arms {
			n, x := want.N[a], want.X[a]
			sums := judge.ClusterSums{N: n, X: x, XX: x * x, XN: x * n, NN: n * n, FF: x * x / n, G: 1}
			if got.N[a] != n || got.X[a] != x || got.Requests != want.Requests || got.ByCluster[a] != sums || got.ByTask[a] != sums || got.ByMoment[a] != sums {
				t.Errorf("ratio %d, arm %d: %+v, want %+v", m, a, got, sums)
			}
		}
	}
	recent := [judge.Arms]judge.Recent{{Requests: 100, Errors: 1, Pairs: 20, Invalid: 2, Tasks: 1}, {Requests: 300, Errors: 3, Pairs: 50, Invalid: 4, Tasks: 1}}
	if !reflect.DeepEqual(seen.Recent, recent) || seen.Shadowed != 5 || seen.PairsStep != 11 || seen.Answered != [judge.Arms]int64{100, 300} || !seen.Counted {
		t.Errorf("%+v, shadowed %d, %d pairs, %v answered, counted %v", seen.Recent, seen.Shadowed, seen.PairsStep, seen.Answered, seen.Counted)
	}
	if faults := s.recent[0].faults; len(faults) != 2 || !reflect.DeepEqual(faults[0].counts, judge.Recent{Requests: 100, Errors: 1, Pairs: 22, Invalid: 2}) {
		t.Errorf("%+v", faults)
	}
	if told := s.rows[1].told; told != [toldKinds]int64{toldRequests: 300, toldErrors: 3, toldPairs: 54} {
		t.Errorf("told %v", told)
	}
	control.After, control.Upto, control.ShadowRequests = 1, 2, nil
	s.Look(Look{At: time.Unix(2, 0), Served: true, Reports: []Report{control}}, judge.Policy{})
	if told := s.rows[1].told; told[toldBoth] != 7 {
		t.Errorf("told %v", told)
	}
	idle := Report{Task: "a", Arm: judge.Candidate, After: 1, Upto: 2, Requests: one(0)}
	if seen := s.Look(Look{At: time.Unix(3, 0), Served: true, Reports: []Report{idle}}, judge.Policy{}); seen.Counted || seen.Recent[judge.CandidateArm].Tasks != 1 {
		t.Errorf("a look at nothing counts: %+v", seen.Recent)
	}
}

// A look counts that has as many requests as pairs, and a part that is read
// before its whole is there when that comes.
func TestPartsBeforeWholes(t *testing.T) {
	one := func(n int64) []int64 { return []int64{n} }
	var s State
	r := Report{
		Task: "b", Arm: judge.Control, Upto: 1, Requests: one(5), ShadowRequests: one(5),
		Partners: map[string]Columns{"acme": {Scored: one(5), CandidateOnly: one(1)}},
	}
	if seen := s.Look(Look{At: time.Unix(1, 0), Reports: []Report{r}}, judge.Policy{}); !seen.Counted || len(seen.Problems) > 0 {
		t.Errorf("counted %v: %q", seen.Counted, seen.Problems)
	}
	r.After, r.Upto, r.Partners = 1, 2, map[string]Columns{"acme": {Scored: one(5), Pairs: one(4)}}
	if p := s.Look(Look{At: time.Unix(2, 0), Reports: []Report{r}}, judge.Policy{}).Streams[judge.FirstPartner].Pairs; p.N != 4 || p.Ten != 1 {
		t.Errorf("%+v", p)
	}
}

// A report tells of value by any of its lists.
func TestValued(t *testing.T) {
	some := []int64{0}
	for i, r := range []Report{
		{Outcomes: some},
		{Calls: some},
		{CallsCandidateOnly: some},
		{CallsStableOnly: some},
		{CallsBoth: some},
		{Partners: map[string]Columns{"acme": {Scored: some}, "zeta": {Value: some}}},
		{packed: packed{valued: true}},
	} {
		if !r.valued() {
			t.Errorf("report %d tells of no value", i)
		}
	}
	if r := (&Report{Requests: some, Partners: map[string]Columns{"acme": {Scored: some}}}); r.valued() {
		t.Error("counts are worth something")
	}
	if got := both([]int64{1, 2}, []int64{3}, 2); !reflect.DeepEqual(got, []int64{4, 2}) {
		t.Errorf("both: %v", got)
	}
}
