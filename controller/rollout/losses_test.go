package rollout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// TestLossesAreFair lets chance take tasks of both cohorts, alone or with a
// host full of them, for as long as no rollout lasts: the evidence is wrong as
// seldom as it says. Losses that are the candidate's are seen after a dozen.
func TestLossesAreFair(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	for _, tt := range []struct{ canaries, controls, together int }{{1, 1, 1}, {8, 8, 1}, {2, 8, 1}, {8, 8, 6}} {
		const rollouts = 5000
		wrong := 0
		for range rollouts {
			wrong += falseAlarm(rng, tt.canaries, tt.controls, tt.together)
		}
		if most := 3 * lossAlpha * rollouts; float64(wrong) > most { // 15, where 5 are allowed: four deviations more
			t.Errorf("%+v: %d of %d rollouts of fine candidates end, want %v at most", tt, wrong, rollouts, most)
		}
	}
	l, n := Losses{}, 0
	for ; l.Evidence < math.Log(1/lossAlpha); n++ {
		l = l.with([]Loss{{Task: "a", Arm: judge.Candidate}}, 1, 1, start.Add(time.Duration(n)*time.Minute))
	}
	if n != 12 {
		t.Errorf("a canary is lost %d times before that is evidence, want 12", n)
	}
}

// falseAlarm is 1 if chance alone makes evidence.
func falseAlarm(rng *rand.Rand, canaries, controls, together int) int {
	l, now := Losses{}, start
	for range 100 {
		now = now.Add(time.Minute)
		names := rng.Perm(canaries + controls) // of tasks, as random as those of ECS
		var lost []Loss
		for _, i := range rng.Perm(canaries + controls)[:together] {
			arm := judge.Candidate
			if i >= canaries {
				arm = judge.Control
			}
			lost = append(lost, Loss{Task: fmt.Sprint(names[i]), Arm: arm})
		}
		if l = l.with(lost, canaries, controls, now); l.Evidence >= math.Log(1/lossAlpha) {
			return 1
		}
	}
	return 0
}

// A loss counts for or against the candidate by the odds that were bet, and once
// in half a minute: with a canary and a control task, for each of them by ten to
// one where the odds are even.
func TestLossesAreBets(t *testing.T) {
	canary, control := Loss{Task: "a", Arm: judge.Candidate}, Loss{Task: "b", Arm: judge.Control}
	for _, tt := range []struct {
		name               string
		canaries, controls int
		lost               []Loss
		after              time.Duration // of the second after the first
		want               float64       // evidence of both
	}{
		{"two canaries", 1, 1, []Loss{canary, canary}, lossApart, 20. / 11 * 20 / 11},
		{"at once", 1, 1, []Loss{canary, canary}, lossApart - 1, 20. / 11},
		{"of either", 1, 1, []Loss{canary, control}, lossApart, 20. / 11 * 2 / 11},
		{"of few canaries", 1, 4, []Loss{canary, control}, lossApart, 50. / 14 * 5 / 14},
		{"nothing to hold it against", 1, 0, []Loss{canary, canary}, lossApart, 1},
		{"nobody else to lose", 0, 1, []Loss{control, control}, lossApart, 1},
	} {
		var l Losses
		for i, one := range tt.lost {
			l = l.with([]Loss{one}, tt.canaries, tt.controls, start.Add(time.Duration(i)*tt.after))
		}
		if got := math.Exp(l.Evidence); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: evidence %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestLossesAreBounded loses tasks without end.
func TestLossesAreBounded(t *testing.T) {
	r := Rollout{Phase: Canary}
	for i := range 5000 {
		r.CanaryTasks = []string{fmt.Sprint(i)}
		(&State{Active: &r}).watchLosses(Observation{}, start.Add(time.Duration(i)*time.Second))
	}
	if n := len(r.Losses.Latest); n != maxLosses || r.Losses.Canary != 5000 {
		t.Errorf("%d are remembered of %d", n, r.Losses.Canary)
	}
}

// A loss is counted on its side; it is evidence only where there are both, and
// once in half a minute.
func TestWhatALossSays(t *testing.T) {
	canary, control := Loss{Task: "b", Arm: judge.Candidate}, Loss{Task: "a", Arm: judge.Control}
	bet := math.Log(10. / (10*.25 + .75)) // one canary of four tasks
	for _, tt := range []struct {
		what               string
		lost               []Loss
		canaries, controls int
		after              time.Duration
		evidence           float64
	}{
		{"a canary", []Loss{canary}, 1, 3, lossApart, bet},
		{"a control", []Loss{control}, 1, 3, lossApart, math.Log(1 / (10*.25 + .75))},
		{"both, the control first by name", []Loss{canary, control}, 1, 3, lossApart, math.Log(1 / (10*.25 + .75))},
		{"too soon", []Loss{canary}, 1, 3, lossApart - 1, 0},
		{"no controls", []Loss{canary}, 1, 0, lossApart, 0},
		{"no canaries", []Loss{control}, 0, 3, lossApart, 0},
		{"nothing", nil, 1, 3, lossApart, 0},
	} {
		l := Losses{At: start, Canary: 5, Control: 7}.with(tt.lost, tt.canaries, tt.controls, start.Add(tt.after))
		canaries, controls := 5, 7
		for _, one := range tt.lost {
			if one.Arm == judge.Candidate {
				canaries++
			} else {
				controls++
			}
		}
		if l.At.After(start) != (tt.evidence != 0) { // else the next one would be too soon
			t.Errorf("%s: counted at %v", tt.what, l.At.Sub(start))
		}
		if math.Abs(l.Evidence-tt.evidence) > 1e-12 || l.Canary != canaries || l.Control != controls || len(l.Latest) != len(tt.lost) {
			t.Errorf("%s: %+v, want %v", tt.what, l, tt.evidence)
		}
	}
}

// TestScheduledLossesAreNone takes back what was made of tasks that ECS has ended
// for reasons of its own, and lets those count that go while it deploys.
func TestScheduledLossesAreNone(t *testing.T) {
	for _, why := range []Reason{ScaledIn, Rebalanced, Deploying} {
		s := State{Active: &Rollout{ID: "r", Phase: Canary, CanaryTasks: []string{"a"}, ControlTasks: []string{"b"}}}
		s.watchLosses(Observation{Tasks: []Task{{ID: "b"}}}, start)
		if l := s.Active.Losses; l.Canary != 1 || l.Evidence <= 0 {
			t.Fatalf("a lost canary is no evidence: %+v", l)
		}
		s.Active.CanaryTasks = []string{"c"}
		seen := Observation{Tasks: []Task{{ID: "b"}, {ID: "c"}}, Crashed: []Crash{{Task: "a", Ended: why}, {Task: "never met", Ended: why}}}
		for range 2 {
			s.watchLosses(seen, start)
		}
		if l := s.Active.Losses; l.Canary != 0 || math.Abs(l.Evidence) > 1e-12 || l.Latest[0].Ended != why || l.Scheduled > 1 {
			t.Errorf("%s: %+v", why, l)
		}
		if told := len(s.Events); told != map[bool]int{true: 0, false: 1}[why == Deploying] {
			t.Errorf("%s is told %d times", why, told)
		}
	}
	s := State{Deployment: &Deployment{ID: "d"}, Active: &Rollout{ID: "r", Phase: Canary, CanaryTasks: []string{"a"}, ControlTasks: []string{"b"}}}
	if s.watchLosses(Observation{Tasks: []Task{{ID: "b"}}}, start); s.Active.Losses.Evidence != 0 {
		t.Errorf("a canary that a deployment replaces is evidence: %+v", s.Active.Losses)
	}
}

// TestShadowLossesCountForNothing loses tasks of the shadow phase: people are told
// why ECS ended them, and neither arm of the canary steps has them.
func TestShadowLossesCountForNothing(t *testing.T) {
	for _, phase := range []Phase{Shadow, Held} {
		s := State{Active: &Rollout{ID: "r", Phase: phase, HeldFrom: Shadow, ControlTasks: []string{"a", "b"}}}
		s.watchLosses(Observation{}, start)
		s.Active.ControlTasks = []string{"c"}
		seen := Observation{Tasks: []Task{{ID: "c"}}, Crashed: []Crash{{Task: "a", Ended: ScaledIn}, {Task: "b", Unhealthy: true}}}
		for range 2 {
			s.watchLosses(seen, start)
		}
		if len(s.Events) != 1 || s.Events[0].Reason != ScaledIn || s.Events[0].Rollout != "r" {
			t.Errorf("%s: told is %+v", phase, s.Events)
		}
		if l := s.Active.Losses; l.Canary != 0 || l.Control != 0 || l.Evidence != 0 || l.Scheduled != 1 || !s.Lost("a") {
			t.Errorf("%s: %+v", phase, l)
		}
		s.Active.Phase = Canary
		for i := range 3 {
			canary := fmt.Sprint("canary-", i)
			s.Active.CanaryTasks = []string{canary}
			s.watchLosses(Observation{Tasks: seen.Tasks, Crashed: []Crash{{Task: canary, Unhealthy: true}}}, start)
		}
		if _, gone := s.Active.losing(LossPolicy{Unhealthy: 3}); !gone {
			t.Errorf("%s: a task that was ended in the shadow phase keeps three lost canaries from being held against the candidate: %+v", phase, s.Active.Losses)
		}
	}
}
