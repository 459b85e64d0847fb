package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/controller/rollout"
)

// job is one training job of the story and what must become of it.
type job struct {
	name   string
	what   string
	want   rollout.Phase
	reason rollout.Reason
	check  func(r rollout.Rollout) error // more that must be true; may be nil
}

// scene is a set of jobs that complete together.
type scene struct {
	name  string // by which it can be chosen; scenes of the same name are chosen together
	jobs  []job
	make  func(s *stage, name string) ([]byte, error) // artifact of a job; nil for the trained model of that name
	torn  bool                                        // the artifact is what serves, uploaded in two halves
	again bool                                        // the artifact is what serves, packed anew
	tuned bool                                        // the jobs are the children of a tuning job
}

// blindTo is the partner whose good traffic the partner-blind model filters.
const blindTo = "solvane"

// story is the demo's table of jobs.
func story() []scene {
	return []scene{
		{name: opening, jobs: []job{{"baseline", "the first model", rollout.Live, rollout.FirstRelease, nil}}},
		{name: "better", jobs: []job{{"better", "trained on more data", rollout.Live, rollout.Accepted, allTheWay}}},
		{name: "partner-blind", jobs: []job{{"partner-blind", "filters one partner's good traffic", rollout.RolledBack, rollout.CandidateWorse, namesPartner}}},
		{name: "greedy", jobs: []job{{"greedy", "filters far too much", rollout.RolledBack, rollout.CandidateWorse, touchedNobody}}},
		{name: "skewed", jobs: []job{{"skewed", "features in another order than it says", rollout.Refused, "golden", nil}}},
		{name: "torn", jobs: []job{{"torn", "half-uploaded copy of what serves", rollout.Live, rollout.AlreadyLive, waited}}, torn: true},
		{name: "burst", jobs: []job{
			{"burst-1", "good, but soon replaced", rollout.Superseded, rollout.Newer, nil},
			{"burst-2", "good, but soon replaced", rollout.Superseded, rollout.Newer, nil},
			{"burst-3", "the newest of three", rollout.Live, rollout.Accepted, nil},
		}},
		maintained(),
		tuned(),
		hostile("hostile-pickle", "a pickle that would run code", "pickle", func(s *stage, _ string) ([]byte, error) { return pickle(s.proof()) }),
		hostile("hostile-path", "a tar with ../", "unsafe_path", func(*stage, string) ([]byte, error) { return escape() }),
		hostile("hostile-bomb", "10 GB claimed in 1 kB", "too_large", func(*stage, string) ([]byte, error) { return bomb() }),
	}
}

func hostile(name, what string, reason rollout.Reason, with func(*stage, string) ([]byte, error)) scene {
	return scene{name: "hostile", jobs: []job{{name, what, rollout.Refused, reason, nil}}, make: with}
}

// opening is the scene that every other one needs.
const opening = "baseline"

// Scenes are the names of those that can be chosen, in the order of the day.
func Scenes() (names []string) {
	for _, s := range story() {
		if s.name != opening && !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	return names
}

// chosen is the story as far as somebody wants to see it: all of it where no
// scene is named.
func chosen(names []string) []scene {
	return slices.DeleteFunc(story(), func(s scene) bool {
		return len(names) > 0 && s.name != opening && !slices.Contains(names, s.name)
	})
}

// plays reports whether a scene is part of what is played.
func (o Options) plays(name string) bool {
	return slices.ContainsFunc(chosen(o.Scenes), func(s scene) bool { return s.name == name })
}

// through checks that a rollout went through all of the phases.
func through(phases ...rollout.Phase) func(rollout.Rollout) error {
	return func(r rollout.Rollout) error {
		for _, p := range phases {
			if !slices.ContainsFunc(r.History, func(e rollout.Event) bool { return e.To == p }) {
				return fmt.Errorf("it never was in phase %s", p)
			}
		}
		return nil
	}
}

// allTheWay checks that a rollout left no phase out.
func allTheWay(r rollout.Rollout) error {
	return through(rollout.Shadow, rollout.Canary, rollout.Promoting)(r)
}

// namesPartner checks that served counts alone found the harm in a canary step,
// and that the sentence says whom it hurt.
func namesPartner(r rollout.Rollout) error {
	if through(rollout.Shadow)(r) == nil {
		return fmt.Errorf("it was in the shadow phase, which its policy leaves out")
	}
	if !strings.Contains(r.Sentence, blindTo) {
		return fmt.Errorf("its sentence does not name %s", blindTo)
	}
	return through(rollout.Canary)(r)
}

// touchedNobody checks that a rollout ended in its shadow phase.
func touchedNobody(r rollout.Rollout) error {
	if through(rollout.Canary)(r) == nil || r.Exposed > 0 {
		return fmt.Errorf("it was found only after %d auctions", r.Exposed)
	}
	return through(rollout.Shadow)(r)
}

// waited checks that a torn artifact was waited for.
func waited(r rollout.Rollout) error {
	if !slices.ContainsFunc(r.History, func(e rollout.Event) bool { return e.To == rollout.Admitting && e.Reason != rollout.Turn }) {
		return fmt.Errorf("nobody waited for the rest of it")
	}
	return nil
}
