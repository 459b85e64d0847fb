package rollout

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// randomFleet are tasks that serve stable, in up to so many zones and kinds.
func randomFleet(d *rand.Rand, n, zones, kinds int) (tasks []Task) {
	for i := range n {
		at := Stratum{Zone: fmt.Sprint("z", d.IntN(zones)), InstanceType: fmt.Sprint("k", d.IntN(kinds))}
		tasks = append(tasks, Task{ID: fmt.Sprintf("t%03d", i), Reachable: true, Ready: true, Serving: "v1", Stratum: at})
	}
	return tasks
}

// standing counts tasks, canaries and controls by what a name makes of them.
func standing(c cohorts, tasks []Task, name func(Stratum) string) map[string]*stand {
	all := map[string]*stand{}
	for _, t := range tasks {
		at := name(t.Stratum)
		if all[at] == nil {
			all[at] = &stand{}
		}
		all[at].all++
		switch {
		case slices.Contains(c.canary, t.ID):
			all[at].canary++
		case slices.Contains(c.control, t.ID):
			all[at].control++
		}
	}
	return all
}

func zoneOf(s Stratum) string { return s.Zone }
func wideOf(s Stratum) string { return s.wide().String() }

// pairs is how many canaries have a control of their own, and how many could.
func pairs(all map[string]*stand) (have, most int) {
	for n := range maps.Values(all) {
		have += min(n.canary, n.control)
		most += n.all / 2
	}
	return have, most
}

// Cohorts that form at once are matched as well as a fleet allows: pair by pair
// of one stratum, else of one zone.
func TestCohortsAreMatched(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	s := State{Stable: "v1"}
	for range 1000 {
		tasks := randomFleet(d, 2+d.IntN(40), 1+d.IntN(4), 1+d.IntN(4))
		each := 1 + d.IntN(len(tasks)/2)
		c := s.match(cohorts{}, sizes{canary: each, control: each}, nil, tasks)
		if len(c.canary) != each || len(c.control) != each {
			t.Fatalf("%d canaries and %d controls, want %d each of %d", len(c.canary), len(c.control), each, len(tasks))
		}
		for _, name := range []func(Stratum) string{Stratum.String, zoneOf} {
			if have, most := pairs(standing(c, tasks, name)); have != min(each, most) {
				t.Fatalf("%d of %d pairs are matched, %d could be: %+v of %+v", have, each, most, c, tasks)
			}
		}
		if again := s.match(c, sizes{canary: each, control: each}, nil, tasks); !slices.Equal(again.canary, c.canary) || !slices.Equal(again.control, c.control) {
			t.Fatalf("nothing has changed, and %+v became %+v", c, again)
		}
		if said := c.unmatched(tasks); (said == "") != (len(lonely(c, tasks, Stratum.String)) == 0) {
			t.Fatalf("%q is said of %+v of %+v", said, c, tasks)
		}
	}
}

// lonely are the strata in which canaries have too few controls.
func lonely(c cohorts, tasks []Task, name func(Stratum) string) (where []string) {
	for at, n := range standing(c, tasks, name) {
		if n.canary > n.control {
			where = append(where, at)
		}
	}
	return where
}

// With 20 tasks over two zones, and one canary, it always shares its zone.
func TestOneCanaryOfTwentySharesItsZone(t *testing.T) {
	d := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		tasks := randomFleet(d, 20, 2, 1)
		c := State{Stable: "v1"}.match(cohorts{}, sizes{canary: 1, control: 1}, nil, tasks)
		if where := lonely(c, tasks, zoneOf); len(where) > 0 {
			t.Fatalf("%+v of %+v", c, tasks)
		}
	}
}

// Zones get their part of the canaries by the tasks that they have.
func TestZonesGetTheirPart(t *testing.T) {
	var tasks []Task
	for i, zone := range slices.Concat(slices.Repeat([]string{"z1"}, 24), slices.Repeat([]string{"z2"}, 12), slices.Repeat([]string{"z3"}, 12)) {
		tasks = append(tasks, Task{ID: fmt.Sprintf("t%03d", i), Reachable: true, Ready: true, Serving: "v1", Stratum: Stratum{Zone: zone}})
	}
	for _, tt := range []struct {
		want            sizes
		canary, control map[string]int
	}{
		{sizes{canary: 12, control: 12}, map[string]int{"z1": 6, "z2": 3, "z3": 3}, map[string]int{"z1": 6, "z2": 3, "z3": 3}},
		{sizes{canary: 4, control: 12}, map[string]int{"z1": 2, "z2": 1, "z3": 1}, map[string]int{"z1": 6, "z2": 3, "z3": 3}}, // sized by a budget
		{sizes{canary: 0, control: 8}, map[string]int{}, map[string]int{"z1": 4, "z2": 2, "z3": 2}},                           // in the shadow
	} {
		c := State{Stable: "v1"}.match(cohorts{}, tt.want, nil, tasks)
		for zone, n := range standing(c, tasks, zoneOf) {
			if n.canary != tt.canary[zone] || n.control != tt.control[zone] {
				t.Errorf("%+v: %s has %d canaries and %d controls, want %d and %d", tt.want, zone, n.canary, n.control, tt.canary[zone], tt.control[zone])
			}
		}
	}
}

// Tasks that are preferred are taken first, wherever the match allows it.
func TestPreferredTasksAreTakenFirst(t *testing.T) {
	d := rand.New(rand.NewPCG(5, 6))
	s := State{Stable: "v1"}
	for range 500 {
		tasks := randomFleet(d, 24, 3, 2)
		first := s.match(cohorts{}, sizes{canary: 2, control: 2}, nil, tasks)
		next := s.match(first, sizes{canary: 5, control: 5}, nil, tasks)
		chosen := slices.Concat(next.canary, next.control)
		for i := range 6 { // others start, whose names sort before
			tasks = append(tasks, Task{ID: fmt.Sprintf("a%d", i), Reachable: true, Ready: true, Serving: "v1", Stratum: tasks[i].Stratum})
		}
		tasks = ByID(tasks)
		got := s.match(first, sizes{canary: 5, control: 5}, chosen, tasks)
		for _, id := range slices.Concat(got.canary, got.control) {
			if !slices.Contains(chosen, id) {
				t.Fatalf("%s is taken, and %v were preferred", id, chosen)
			}
		}
	}
}

// Who is preferred twice counts where it is named first.
func TestPreferredTwice(t *testing.T) {
	tasks := ByID([]Task{{ID: "a"}, {ID: "b"}, {ID: "c"}})
	for i := range tasks {
		tasks[i].Reachable, tasks[i].Ready, tasks[i].Serving = true, true, "v1"
	}
	if c := (State{Stable: "v1"}).match(cohorts{}, sizes{canary: 1, control: 1}, []string{"c", "a", "c"}, tasks); fmt.Sprint(c.canary) != "[c]" {
		t.Errorf("%+v", c)
	}
}

// A preferred task that nobody can be matched with is left where it is.
func TestPreferredTaskWithoutPartner(t *testing.T) {
	var tasks []Task
	for i, at := range []Stratum{{Zone: "z1"}, {Zone: "z2", InstanceType: "large"}, {Zone: "z2", InstanceType: "small"}} {
		tasks = append(tasks, Task{ID: fmt.Sprint(i), Reachable: true, Ready: true, Serving: "v1", Stratum: at})
	}
	c := State{Stable: "v1"}.match(cohorts{}, sizes{canary: 1, control: 1}, []string{"0"}, tasks)
	if !slices.Equal(c.canary, []string{"1"}) || !slices.Equal(c.control, []string{"2"}) {
		t.Errorf("%+v", c)
	}
}

// A zone gets its part however many kinds of tasks it has.
func TestKindsDoNotTakeFromTheirZone(t *testing.T) {
	var tasks []Task
	for i := range 24 {
		at := Stratum{Zone: "z1", InstanceType: fmt.Sprint("k", i/2)}
		if i >= 12 {
			at = Stratum{Zone: "z2"}
		}
		tasks = append(tasks, Task{ID: fmt.Sprintf("%02d", i), Reachable: true, Ready: true, Serving: "v1", Stratum: at})
	}
	c := State{Stable: "v1"}.match(cohorts{}, sizes{canary: 4, control: 4}, nil, tasks)
	for zone, n := range standing(c, tasks, zoneOf) {
		if n.canary != 2 || n.control != 2 {
			t.Errorf("%s has %d canaries and %d controls, want 2 of each", zone, n.canary, n.control)
		}
	}
}

// Of members that are too many, those go that have no match.
func TestTheUnmatchedGoFirst(t *testing.T) {
	var tasks []Task
	for i, zone := range []string{"z1", "z1", "z2", "z2"} {
		tasks = append(tasks, Task{ID: fmt.Sprint(i), Reachable: true, Ready: true, Serving: "v1", Stratum: Stratum{Zone: zone}})
	}
	c := State{Stable: "v1"}.match(cohorts{[]string{"0", "2"}, []string{"3", "1"}}, sizes{canary: 1, control: 1}, nil, tasks)
	if !slices.Equal(c.canary, []string{"0"}) || !slices.Equal(c.control, []string{"1"}) {
		t.Errorf("%+v", c)
	}
}

// Members that go are replaced, and the others stay: canaries always, controls
// unless the match wants one elsewhere.
func TestMatchIsRepairedWithoutChurn(t *testing.T) {
	d := rand.New(rand.NewPCG(7, 8))
	s := State{Stable: "v1"}
	for range 500 {
		tasks := randomFleet(d, 10+d.IntN(30), 1+d.IntN(3), 1+d.IntN(2))
		each := 1 + d.IntN(len(tasks)/4)
		c := s.match(cohorts{}, sizes{canary: each, control: each}, nil, tasks)
		for range 5 {
			for _, id := range c.canary {
				tasks[slices.IndexFunc(tasks, func(t Task) bool { return t.ID == id })].Serving = "v2"
			}
			gone := tasks[d.IntN(len(tasks))]
			tasks = slices.DeleteFunc(tasks, func(t Task) bool { return t.ID == gone.ID })
			if len(tasks) < 2*each {
				break
			}
			was := c
			c = s.match(was, sizes{canary: each, control: each}, nil, tasks)
			for _, id := range was.canary {
				if id != gone.ID && !slices.Contains(c.canary, id) {
					t.Fatalf("canary %s wandered when %s went: %+v, %+v", id, gone.ID, was, c)
				}
			}
			moved := 0
			for _, id := range was.control {
				if id != gone.ID && !slices.Contains(c.control, id) {
					moved++
				}
			}
			if moved > 1 {
				t.Fatalf("%d controls wandered when %s went: %+v, %+v", moved, gone.ID, was, c)
			}
			checkMended(t, c, tasks)
		}
	}
}

// checkMended checks that no control would be better off elsewhere: in a zone
// that lacks one and has a task to spare, while another has too many.
func checkMended(t *testing.T, c cohorts, tasks []Task) {
	t.Helper()
	if len(c.canary) != len(c.control) {
		return
	}
	zones := standing(c, tasks, wideOf)
	free := map[string]int{}
	for _, task := range tasks {
		obeys := task.Reachable && task.Ready && task.Serving == "v1"
		if member := slices.Contains(c.canary, task.ID) || slices.Contains(c.control, task.ID); obeys && !member {
			free[wideOf(task.Stratum)]++
		}
	}
	for from, a := range zones {
		for to, b := range zones {
			if a.control > a.canary && b.canary > b.control && free[to] > 0 {
				t.Fatalf("zone %s has a control too many and %s lacks one: %+v", from, to, c)
			}
		}
	}
}

// A step that cannot be matched is foretold, with what differs.
func TestUnmatchedIsForetold(t *testing.T) {
	in := func(zones ...string) (fleet []Stratum) {
		for _, z := range zones {
			zone, kind, _ := strings.Cut(z, "/")
			fleet = append(fleet, Stratum{Zone: zone, InstanceType: kind})
		}
		return fleet
	}
	one, half := Step{Tasks: 1}, Step{Percent: 50}
	for _, tt := range []struct {
		fleet []Stratum
		step  Step
		want  string
	}{
		{in("z1", "z2", "z1", "z2"), one, ""},
		{in("z1", "z2", "z1", "z2"), half, ""},
		{in("", "", ""), one, ""},
		{in("z1", "z2", "z3"), one, "canary and control share no zone (canary in z1, control in z2): a difference between their clients would look like one between the releases"},
		{in("z1", ""), one, "canary and control share no zone (canary in an unknown zone, control in z1): a difference between their clients would look like one between the releases"},
		{in("z1", "z1", "z1", "z2"), half, "no control task of the same zone is left for 1 of 2 canary tasks (z1)"},
		{in("z1/large", "z1/small", "z2/large", "z2/small"), half, "no control task of the same zone and kind is left for 2 of 2 canary tasks (z1 large, z2 large)"},
		{in("z1"), one, ""}, // there is nothing to compare
	} {
		if got := Unmatched([]Step{tt.step}, tt.fleet)[0]; got != tt.want {
			t.Errorf("%v: %q, want %q", tt.fleet, got, tt.want)
		}
	}
}

// Of strata that match alike the one comes first of which the smallest part is
// taken: of nine alike the loss of one is the least.
func TestLargerStratumGoesFirst(t *testing.T) {
	var tasks []Task
	for i := range 12 {
		s := Stratum{Zone: "z", InstanceType: "a"}
		if i >= 3 {
			s.InstanceType = "b"
		}
		tasks = append(tasks, Task{ID: fmt.Sprintf("%02d", i), Stratum: s, Serving: "v1", Reachable: true, Ready: true})
	}
	if c := (State{Stable: "v1"}).match(cohorts{}, sizes{canary: 1, control: 1}, nil, tasks); len(c.canary) != 1 || c.canary[0] < "03" || len(c.control) != 1 || c.control[0] < "03" {
		t.Errorf("%+v", c)
	}
}

// Where canaries outnumber controls, a zone with any control is matched in
// proportion.
func TestMoreCanariesThanControls(t *testing.T) {
	in := func(id, zone string) Task { return Task{ID: id, Stratum: Stratum{Zone: zone}} }
	tasks := []Task{in("a", "z1"), in("b", "z1"), in("c", "z2"), in("d", "z1")}
	want := "no control task of the same zone is left for 1 of 3 canary tasks (z2)"
	if got := (cohorts{canary: []string{"a", "b", "c"}, control: []string{"d"}}).unmatched(tasks); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
