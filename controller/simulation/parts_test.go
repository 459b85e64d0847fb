package simulation

import (
	"slices"
	"testing"
)

func TestPartsOf(t *testing.T) {
	for names, want := range map[string][]Part{"": Parts(), "speed": {Speed}, "worlds,rollouts": {Uneven, Rollouts}} {
		if got, err := PartsOf(names); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", names, got, err, want)
		}
	}
	for _, names := range []string{"tables", "speed,", ","} {
		if got, err := PartsOf(names); err == nil {
			t.Errorf("%q is %v", names, got)
		}
	}
}

// Each part that was played is a page with its own goals, and no other one is.
func TestTables(t *testing.T) {
	r := Report{Worlds: []Row{{Scenario: Worlds()[0], Kind: Persistent, Results: map[string][]Result{Sluice: many(1, 0, 0)}}}}
	if pages := r.Tables(); len(pages) != 1 || pages[Uneven] == "" {
		t.Errorf("%v", pages)
	}
	if got := r.Goals(Rollouts); len(got) != 0 {
		t.Errorf("goals of what was not played: %v", got)
	}
}
