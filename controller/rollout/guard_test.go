package rollout

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// guarded is a fleet whose canary is task a.
func guarded(guards map[string]Guard) State {
	return State{Stable: "v1", Guards: guards, Active: &Rollout{ID: "r", Phase: Canary, CanaryTasks: []string{"a"}}}
}

// TestGuard says what becomes of one task that is protected until then, as a
// canary and as none.
func TestGuard(t *testing.T) {
	ours := map[string]Guard{"a": {Until: start.Add(50 * time.Minute)}, "b": {Until: start.Add(50 * time.Minute)}}
	for _, tt := range []struct {
		name   string
		task   string // a is a canary, b is none
		guards map[string]Guard
		until  time.Duration // 0: it is not protected
		want   string
		told   bool
	}{
		{"a canary without", "a", nil, 0, "[protect a]", false},
		{"ours, fresh", "a", ours, 50 * time.Minute, "[]", false},
		{"ours, as ECS's clock has it", "a", ours, 49 * time.Minute, "[]", false},
		{"ours, old", "a", map[string]Guard{"a": {Until: start.Add(20 * time.Minute)}}, 20 * time.Minute, "[protect a]", false},
		{"ours, and the renewal failed", "a", map[string]Guard{"a": {Until: start.Add(time.Hour), Before: start.Add(20 * time.Minute)}}, 20 * time.Minute, "[protect a]", false},
		{"theirs, longer", "a", ours, 10 * time.Hour, "[]", false},
		{"theirs, shorter", "a", ours, 7 * time.Minute, "[]", false},
		{"let go", "b", ours, 50 * time.Minute, "[unprotect b]", false},
		{"let go, though old", "b", map[string]Guard{"b": {Until: start.Add(7 * time.Minute)}}, 7 * time.Minute, "[unprotect b]", false},
		{"theirs, when it is let go", "b", ours, 10 * time.Hour, "[]", true},
		{"theirs, and never ours", "b", map[string]Guard{}, 10 * time.Hour, "[]", false},
		{"of an earlier version", "a", nil, 40 * time.Minute, "[]", false},
		{"theirs, before this version", "b", nil, 40 * time.Minute, "[]", false},
	} {
		s := guarded(tt.guards)
		task := Task{ID: tt.task, Protected: tt.until >= GuardFor/2}
		if tt.until > 0 {
			task.ProtectedUntil = start.Add(tt.until)
		}
		if got := fmt.Sprint(s.guard([]Task{task}, start)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if told := len(s.Events) > 0; told != tt.told {
			t.Errorf("%s: told %v", tt.name, s.Events)
		}
		if s.Guards == nil {
			t.Errorf("%s: nothing is remembered, as by an earlier version", tt.name)
		}
	}
}

// What a version has protected that remembered nothing is ours, and let go as
// that; a state that this version has written is none of theirs.
func TestGuardsOfAnEarlierVersion(t *testing.T) {
	var s State
	if err := json.Unmarshal([]byte(`{"stable":"v1","active":{"id":"r","phase":"canary","canary_tasks":["a"]}}`), &s); err != nil {
		t.Fatal(err)
	}
	a := Task{ID: "a", Protected: true, ProtectedUntil: start.Add(40 * time.Minute)}
	s.guard([]Task{a}, start)
	s.Active = nil
	if got := fmt.Sprint(s.guard([]Task{a}, start)); got != "[unprotect a]" {
		t.Errorf("let go: %s", got)
	}
	s = State{}
	s.guard(nil, start)
	written, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var read State
	if err := json.Unmarshal(written, &read); err != nil || read.Guards == nil {
		t.Errorf("%s reads as one of an earlier version: %v", written, err)
	}
}
