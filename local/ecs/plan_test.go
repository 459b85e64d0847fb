package ecs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// parse reads members such as "a:new b:old:pending c:new:protected".
func parse(t *testing.T, text string) []member {
	t.Helper()
	var members []member
	for i, word := range strings.Fields(text) {
		parts := strings.Split(word, ":")
		m := member{id: parts[0], deployment: parts[1], healthy: true, created: time.Unix(int64(i), 0)}
		for _, flag := range parts[2:] {
			switch flag {
			case "pending":
				m.healthy = false
			case "failing":
				m.healthy, m.failing = false, true
			case "protected":
				m.protected = true
			default:
				t.Fatalf("flag %q", flag)
			}
		}
		members = append(members, m)
	}
	return members
}

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		name      string
		desired   int
		low, high int
		members   string
		start     int
		stop      string
	}{
		{"nothing yet", 3, 100, 200, "", 3, ""},
		{"as wanted", 2, 100, 200, "a:new b:new", 0, ""},
		{"one died", 3, 100, 200, "a:new b:new", 1, ""},
		{"scale-in takes the newest", 1, 100, 200, "a:new b:new c:new", 0, "c b"},
		{"scale-in takes the unready first", 2, 100, 200, "a:new:pending b:new c:new", 0, "a"},
		{"scale-in spares the protected", 1, 100, 200, "a:new b:new c:new:protected", 0, "b a"},
		{"all protected: stay above", 0, 100, 200, "a:new:protected", 0, ""},
		{"a failing one goes, protected or not", 2, 100, 200, "a:new b:new:failing:protected", 1, "b"},
		{"roll: new ones first", 2, 100, 200, "a:old b:old", 2, ""},
		{"roll: old ones wait for health", 2, 100, 200, "a:old b:old c:new:pending d:new:pending", 0, ""},
		{"roll: one old may go per healthy new", 2, 100, 200, "a:old b:old c:new d:new:pending", 0, "b"},
		{"roll: an unready old goes at once", 2, 100, 200, "a:old b:old:pending c:new:pending", 1, "b"},
		{"roll in place: old ones first", 2, 50, 100, "a:old b:old", 0, "b"},
		{"roll in place: then a new one", 2, 50, 100, "a:old", 1, ""},
		{"roll by one and a half, rounded down", 3, 100, 150, "a:old b:old c:old", 1, ""},
		{"roll: a protected old one stays", 1, 100, 200, "a:old:protected b:new", 0, ""},
		{"down to none", 0, 100, 200, "a:old b:new", 0, "b a"},
	} {
		start, stop := plan(goal{tt.desired, "new", tt.low, tt.high, false}, parse(t, tt.members))
		if start != tt.start || strings.Join(stop, " ") != tt.stop {
			t.Errorf("%s: start %d, stop %v; want %d, %s", tt.name, start, stop, tt.start, tt.stop)
		}
	}
}

// From any mix of tasks, whatever happens on the way, the plan reaches the
// goal; it never has more tasks than allowed through its own starting, never
// stops a healthy task below the floor, and never a protected one.
func FuzzPlan(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(0))
	f.Add(uint64(2), uint8(8), uint8(1))
	f.Add(uint64(3), uint8(0), uint8(2))
	f.Fuzz(func(t *testing.T, seed uint64, desired, room uint8) {
		random := rand.New(rand.NewPCG(seed, 0))
		g := goal{desired: int(desired % 20), deployment: "new", minHealthy: []int{100, 50, 0}[room%3], maxLive: []int{200, 150, 100}[room%3]}
		if g.minHealthy == 50 && g.desired < 2 {
			g.minHealthy = 0 // no room at all otherwise, as on AWS
		}
		var members []member
		for i := range random.IntN(30) {
			members = append(members, member{
				id: fmt.Sprint("m", i), deployment: []string{"old", "new"}[random.IntN(2)],
				healthy: random.IntN(2) == 0, protected: random.IntN(5) == 0,
			})
		}
		for step := range 200 {
			start, stop := plan(g, slices.Clone(members))
			checkPlan(t, g, members, start, stop)
			if start == 0 && len(stop) == 0 && step > 100 {
				break
			}
			members = slices.DeleteFunc(members, func(m member) bool { return slices.Contains(stop, m.id) })
			for i := range start {
				members = append(members, member{id: fmt.Sprint("s", step, ".", i), deployment: "new"})
			}
			for i := range members {
				members[i].healthy = members[i].healthy || step > 20 || random.IntN(2) == 0
				members[i].protected = members[i].protected && step < 40
			}
		}
		if len(members) != g.desired || slices.ContainsFunc(members, func(m member) bool { return m.deployment != "new" }) {
			t.Fatalf("goal %+v ended as %+v", g, members)
		}
	})
}

func checkPlan(t *testing.T, g goal, members []member, start int, stop []string) {
	t.Helper()
	if start > 0 && len(members)+start > g.desired*g.maxLive/100 {
		t.Fatalf("goal %+v: %d started beside %d", g, start, len(members))
	}
	healthy, stoppedOld := 0, 0
	for _, m := range members {
		stopping := slices.Contains(stop, m.id)
		if stopping && m.protected {
			t.Fatalf("goal %+v: protected %s is stopped", g, m.id)
		}
		if m.healthy && !stopping {
			healthy++
		}
		if m.healthy && stopping && m.deployment == "old" {
			stoppedOld++
		}
	}
	if floor := (g.desired*g.minHealthy + 99) / 100; stoppedOld > 0 && healthy < floor {
		t.Fatalf("goal %+v: %d healthy ones are left of %d", g, healthy, floor)
	}
}
