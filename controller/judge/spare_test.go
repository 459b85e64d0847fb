package judge_test

import (
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// One half minute in which one canary fails keeps nobody from being proven;
// errors that come in every half minute do.
func TestOneMisfortune(t *testing.T) {
	for name, fails := range map[string]struct {
		often int // looks from one burst to the next
		want  judge.Outcome
	}{
		"once":         {1000, judge.Acceptable},
		"every minute": {6, judge.Worse},
	} {
		w := newWild(7, .1)
		hosts := w.arms(2, .03)
		var c tallytest.Case
		var v judge.Verdict
		for i := range 60 {
			hosts[0].fails, hosts[1].fails = 0, 0
			if i%fails.often == 10%fails.often {
				hosts[0].fails = .3
			}
			if fails.often < 1000 && i%fails.often == 3 {
				hosts[1].fails = .3
			}
			v = c.Look(w.look(true, hosts...), judge.Policy{})
		}
		for _, f := range v.Findings {
			if f.Gate == judge.GateErrors && f.Outcome != fails.want {
				t.Errorf("%s: %s: %s", name, f.Outcome, f.Sentence)
			}
		}
	}
}
