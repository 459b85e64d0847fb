package rollout

import (
	"fmt"
	"slices"
	"testing"
)

// Who gives way hands on how often that has happened to the next that a job
// brought, over those that people asked for; who did so often enough stays.
func TestGivingWayIsHandedOn(t *testing.T) {
	p := Policies{Default: Policy{MaxCoalesced: 3}}
	for _, tt := range []struct {
		queue []Rollout
		want  []string // id and how often
	}{
		{[]Rollout{{ID: "a"}, {ID: "b"}, {ID: "c"}}, []string{"c 2"}},
		{[]Rollout{{ID: "a", Coalesced: 1}, {ID: "asked", By: "ann"}, {ID: "b"}}, []string{"asked 0", "b 2"}},
		{[]Rollout{{ID: "a", Coalesced: 1}, {ID: "b", Coalesced: 9}}, []string{"b 9"}},
		{[]Rollout{{ID: "a", Coalesced: 2}, {ID: "b"}, {ID: "c"}}, []string{"b 3", "c 0"}},
		{[]Rollout{{ID: "a", Coalesced: 3}, {ID: "b"}}, []string{"a 3", "b 0"}},
		{[]Rollout{{ID: "a"}, {ID: "asked", By: "ann"}}, []string{"a 0", "asked 0"}},
	} {
		s := State{Queue: slices.Clone(tt.queue)}
		for i := range s.Queue {
			s.Queue[i].Phase = Queued
		}
		s.coalesce(p, start)
		var got []string
		for _, r := range s.Queue {
			got = append(got, fmt.Sprint(r.ID, " ", r.Coalesced))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v are left, want %v", got, tt.want)
		}
	}
}
