package tally

import (
	"fmt"
	"strings"
	"testing"

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
