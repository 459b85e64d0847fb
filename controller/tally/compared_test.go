package tally_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// A task that gathers its past is compared with nobody, whatever it counts.
func TestPastIsComparedWithNobody(t *testing.T) {
	var with, without tallytest.Case
	w := tallytest.New(3)
	for range 12 {
		l := w.Next()
		want := without.Look(l, judge.Policy{})
		own := tallytest.Uniform("gathers", judge.Control, 64, 5000, 0, map[string][2]int64{tallytest.PartnerName(0): {5000, 4999}})
		own.Past = true
		l.Reports = append(l.Reports, own)
		if got := with.Look(l, judge.Policy{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("with it %s, without %s", got.Sentence, want.Sentence)
		}
	}
}

// A task that is taken into an arm in the middle of a step counts there from
// its second report on: the first is partly of what it did before.
func TestJoiningInTheMiddle(t *testing.T) {
	acme := map[string][2]int64{"acme": {100, 40}}
	report := func(task string, arm judge.Arm) tally.Report { return tallytest.Uniform(task, arm, 64, 100, 0, acme) }
	var c tallytest.Case
	for i := range 5 {
		joins := report("joins", judge.Control)
		if joins.Past = i < 2; !joins.Past {
			joins.Arm = judge.Candidate
		}
		c.Look(tallytest.Served(i, report("a", judge.Candidate), report("b", judge.Control), joins), judge.Policy{})
		want := int64(100 * 64 * (i + 1 + max(0, i-2)))
		if got := c.Seen.Answered[judge.CandidateArm]; got != want || len(c.Seen.Problems) > 0 {
			t.Errorf("look %d: the candidate answered %d requests, want %d: %q", i, got, want, c.Seen.Problems)
		}
	}
}

// What a candidate served is nobody's past, and a stratum's name has a bound.
func TestStrangeReports(t *testing.T) {
	for says, spoil := range map[string]func(r *tally.Report){
		"cannot be its past":                 func(r *tally.Report) { r.Past = true },
		"whose name has 2000 bytes, at most": func(r *tally.Report) { r.Stratum = strings.Repeat("x", 2000) },
	} {
		acme := map[string][2]int64{"acme": {100, 40}}
		r := tallytest.Uniform("a", judge.Candidate, 64, 100, 0, acme)
		spoil(&r)
		var s tallytest.Case
		v := s.Look(tallytest.Served(0, r, tallytest.Uniform("b", judge.Control, 64, 100, 0, acme)), judge.Policy{})
		if v.Outcome != judge.Invalid || !strings.Contains(v.Sentence, says) {
			t.Errorf("%s: %s, want %q", v.Outcome, v.Sentence, says)
		}
	}
}
