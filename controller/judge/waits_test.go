package judge_test

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// The partner that a verdict names is the one that its sentence waits for.
func TestWaitsForOnePartner(t *testing.T) {
	told := 0
	for seed := range uint64(6) {
		var c tallytest.Case
		w := tallytest.New(seed)
		for range 25 {
			v := c.Look(w.Next(), judge.Policy{})
			_, waits, found := strings.Cut(v.Sentence, " proofs stand, waiting for ")
			if v.Outcome != judge.Unsure || v.Gate != judge.GatePartnersServed || !found || strings.HasPrefix(waits, "the small partners") {
				continue
			}
			if told++; !strings.HasPrefix(waits, v.Partner+";") {
				t.Errorf("of %s: %s", v.Partner, v.Sentence)
			}
		}
	}
	if told < 20 {
		t.Errorf("only %d verdicts wait for a partner", told)
	}
}
