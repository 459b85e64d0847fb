package rollout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// cohorts are the tasks that are compared. Canaries and controls are matched:
// they come from the same strata in the same proportion, since zones have
// clients of their own, and machines a pace of their own. Where no stratum has
// two tasks left, those of one zone are matched.
type cohorts struct{ canary, control []string }

// sizes are how many of each there are to be. Canaries that are late wait until
// others have left: never do more tasks answer with the candidate than should.
type sizes struct{ canary, control, late int }

// stand is how one stratum, or one zone, stands.
type stand struct{ all, free, canary, control int }

// of returns the count of an arm, and that of the other.
func (n stand) of(canary bool) (own, other int) {
	if canary {
		return n.canary, n.control
	}
	return n.control, n.canary
}

func (w sizes) of(canary bool) (own, other int) {
	if canary {
		return w.canary, w.control
	}
	return w.control, w.canary
}

// kin are the tasks of one stratum that can join, the preferred ones first.
type kin struct {
	stratum Stratum
	free    []string
	liked   int // of free, that are preferred
	taken   int // of free
}

// pick is a task more of an arm, whichever it will be of its stratum.
type pick struct {
	canary bool
	of     *kin
}

// matching is how cohorts are being filled.
type matching struct {
	cohorts
	stable string
	want   sizes
	build  Stratum            // of which tasks are chosen
	tasks  []Task             // that run, by id
	kins   []*kin             // by the name of their stratum
	kinds  map[Stratum]*stand // by stratum
	zones  map[Stratum]*stand // by zone and build
	picks  []pick
	more   sizes // of picks
}

// match keeps the members that still run and adds tasks that obey and answer
// with stable, the preferred ones first, until there are as many as wanted. A
// canary stays where it is; a control makes room where the match wants it
// elsewhere.
func (s State) match(c cohorts, want sizes, prefer []string, tasks []Task) cohorts {
	c = cohorts{running(c.canary, tasks), running(c.control, tasks)}
	if len(c.canary)+len(c.control) == 0 && want == (sizes{}) {
		return c
	}
	m := s.matching(c, want, prefer, tasks)
	m.trim(true)
	m.trim(false)
	for m.add() {
	}
	m.name()
	for want.late == 0 && m.mend() {
	}
	return m.cohorts
}

// running are the members that ECS still runs.
func running(members []string, tasks []Task) []string {
	return slices.DeleteFunc(slices.Clone(members), func(id string) bool {
		_, runs := find(tasks, id)
		return !runs
	})
}

func (s State) matching(c cohorts, want sizes, prefer []string, tasks []Task) *matching {
	m := &matching{cohorts: c, stable: s.Stable, want: want, tasks: tasks, kinds: map[Stratum]*stand{}, zones: map[Stratum]*stand{}}
	m.build, _ = commonBuild(c, tasks)
	rank := make(map[string]int, len(prefer))
	for i, id := range slices.Backward(prefer) { // the first time that one is named counts
		rank[id] = i - len(prefer)
	}
	arms := Rollout{CanaryTasks: c.canary, ControlTasks: c.control}.Arms()
	by := map[Stratum]*kin{}
	var k *kin
	for i := range tasks {
		t := &tasks[i]
		if k == nil || k.stratum != t.Stratum { // neighbours are often alike
			k = m.kinOf(by, t.Stratum)
		}
		kind, zone := m.kinds[t.Stratum], m.zones[t.Stratum.wide()]
		kind.all++
		zone.all++
		if _, is := arms[t.ID]; !is && t.Reachable && t.Ready && !t.Idle && t.Serving == s.Stable && !s.Poisoned(*t) {
			k.free = append(k.free, t.ID)
			if rank[t.ID] < 0 {
				k.liked++
			}
			kind.free++
			zone.free++
		}
	}
	for _, k := range m.kins {
		slices.SortStableFunc(k.free, func(a, b string) int { return cmp.Compare(rank[a], rank[b]) })
	}
	slices.SortFunc(m.kins, func(a, b *kin) int { return cmp.Compare(a.stratum.String(), b.stratum.String()) })
	for _, id := range c.canary {
		m.count(id, m.join(true, 1))
	}
	for _, id := range c.control {
		m.count(id, m.join(false, 1))
	}
	return m
}

// kinOf are the tasks of a stratum, which may be the first of it.
func (m *matching) kinOf(by map[Stratum]*kin, at Stratum) *kin {
	k := by[at]
	if k == nil {
		k = &kin{stratum: at}
		by[at], m.kinds[at] = k, &stand{}
		m.kins = append(m.kins, k)
		if m.zones[at.wide()] == nil {
			m.zones[at.wide()] = &stand{}
		}
	}
	return k
}

// task is one that runs.
func (m *matching) task(id string) *Task {
	i, _ := find(m.tasks, id)
	return &m.tasks[i]
}

// place is the stratum of a running task.
func (m *matching) place(task string) Stratum { return m.task(task).Stratum }

// count changes how a task's stratum and zone stand.
func (m *matching) count(task string, change func(n *stand)) {
	at := m.place(task)
	change(m.kinds[at])
	change(m.zones[at.wide()])
}

// members are those of an arm.
func (m *matching) members(canary bool) *[]string {
	if canary {
		return &m.canary
	}
	return &m.control
}

// room is how many members an arm may have now.
func (m *matching) room(canary bool) int {
	if canary {
		return max(0, m.want.canary-m.want.late)
	}
	return m.want.control
}

// size is how many members an arm has with those that are picked.
func (m *matching) size(canary bool) int {
	picked, _ := m.more.of(canary)
	return len(*m.members(canary)) + picked
}

func (m *matching) join(canary bool, by int) func(n *stand) {
	return func(n *stand) {
		if canary {
			n.canary += by
		} else {
			n.control += by
		}
	}
}

// excess is by how much an arm has more than its part, compared with the other.
func (m *matching) excess(canary bool, n *stand) int {
	own, other := n.of(canary)
	wantOwn, wantOther := m.want.of(canary)
	return own*wantOther - other*wantOwn
}

// trim lets members go that are too many. A canary that answers with the
// candidate already makes no room for those that are late: that would only make
// one more of them.
func (m *matching) trim(canary bool) {
	members := m.members(canary)
	most := m.room(canary)
	if canary {
		begun := 0
		for _, id := range *members {
			if !m.pending(id) {
				begun++
			}
		}
		most = min(m.want.canary, max(most, begun))
	}
	for len(*members) > most {
		m.leave(canary, m.spare(canary))
	}
}

// spare is the member that is missed least: one that must wait for those that
// are late, one without a match, else the last.
func (m *matching) spare(canary bool) (at int) {
	most := -1
	for i, id := range slices.Backward(*m.members(canary)) {
		how := 0
		if m.excess(canary, m.kinds[m.place(id)]) > 0 {
			how = 1
		}
		if canary && m.want.late > 0 && m.pending(id) {
			how += 2
		}
		if how > most {
			at, most = i, how
		}
	}
	return at
}

// pending reports whether a canary still answers with stable, and has not begun
// to take the candidate.
func (m *matching) pending(id string) bool {
	t := m.task(id)
	return t.Reachable && t.Serving == m.stable && (t.Preparing == "" || t.Preparing == m.stable)
}

// leave takes a member out. It does not come back in this pass, since it still
// does what members do.
func (m *matching) leave(canary bool, i int) {
	members := m.members(canary)
	m.count((*members)[i], m.join(canary, -1))
	*members = slices.Delete(*members, i, i+1)
}

// add adds one task to the arm that has the smaller part of what is wanted; it
// reports whether there was one to add.
func (m *matching) add() bool {
	canaries, controls := m.size(true), m.size(false)
	canary := controls >= m.want.control || canaries < m.room(true) && canaries*m.want.control <= controls*m.want.canary
	if canary && canaries >= m.room(true) {
		return false
	}
	k := m.best(canary)
	if k == nil {
		return false
	}
	m.picks = append(m.picks, pick{canary, k})
	if canary {
		m.more.canary++
	} else {
		m.more.control++
	}
	m.take(canary, k)
	return true
}

// take counts one more of a stratum in.
func (m *matching) take(canary bool, k *kin) {
	k.taken++
	for _, n := range []*stand{m.kinds[k.stratum], m.zones[k.stratum.wide()]} {
		n.free--
		m.join(canary, 1)(n)
	}
}

// name says which tasks were picked: of each stratum the first are canaries.
func (m *matching) name() {
	canaries, named := map[*kin]int{}, map[pick]int{}
	for _, p := range m.picks {
		if p.canary {
			canaries[p.of]++
		}
	}
	for _, p := range m.picks {
		i := named[p]
		if named[p]++; !p.canary {
			i += canaries[p.of]
		}
		members := m.members(p.canary)
		*members = append(*members, p.of.free[i])
	}
}

// best is the stratum from which the next task of an arm comes: one that the
// other arm has more of; else one where a pair can follow; of those the
// preferred ones, and those with the smallest part of their tasks in the arm.
func (m *matching) best(canary bool) (best *kin) {
	for _, k := range m.kins {
		if k.taken < len(k.free) && m.mayPick(canary, k) && (best == nil || m.before(canary, k, best) < 0) {
			best = k
		}
	}
	return best
}

// mayPick keeps to tasks of one build, since those of different ones are never
// compared; a control may also join canaries of another.
func (m *matching) mayPick(canary bool, k *kin) bool {
	return k.stratum.build() == m.build || !canary && m.excess(false, m.zones[k.stratum.wide()]) < 0
}

func (m *matching) before(canary bool, a, b *kin) int {
	disliked := func(k *kin) int { return -min(max(0, k.liked-k.taken), 1) }
	load := func(n *stand) float64 {
		own, _ := n.of(canary)
		return float64(own+1) / float64(n.all)
	}
	return cmp.Or(
		cmp.Compare(m.fit(canary, a), m.fit(canary, b)),
		cmp.Compare(disliked(a), disliked(b)),
		cmp.Compare(load(m.zones[a.stratum.wide()]), load(m.zones[b.stratum.wide()])),
		cmp.Compare(load(m.kinds[a.stratum]), load(m.kinds[b.stratum])),
	)
}

// fit is how well the next task of an arm would be matched, 0 best.
func (m *matching) fit(canary bool, k *kin) int {
	kind, zone := m.kinds[k.stratum], m.zones[k.stratum.wide()]
	_, wantOther := m.want.of(canary)
	open := m.size(!canary) < wantOther
	switch {
	case m.excess(canary, kind) < 0:
		return 0
	case m.excess(canary, zone) < 0:
		return 1
	case open && kind.free > 1:
		return 2
	case open && zone.free > 1:
		return 3
	}
	return 4
}

// mend moves one control to where the canaries are, if that brings the arms
// closer together: from zone to zone, or within a zone.
func (m *matching) mend() bool {
	for i, id := range slices.Backward(m.control) {
		from := m.place(id)
		for _, k := range m.kins {
			closer := m.closer(m.zones[from.wide()], m.zones[k.stratum.wide()])
			if from.wide() == k.stratum.wide() {
				closer = m.closer(m.kinds[from], m.kinds[k.stratum])
			}
			if k.taken < len(k.free) && closer {
				m.leave(false, i)
				m.control = append(m.control, k.free[k.taken])
				m.take(false, k)
				return true
			}
		}
	}
	return false
}

// closer reports whether a control is better off elsewhere.
func (m *matching) closer(from, to *stand) bool {
	if from == to {
		return false
	}
	a, b, one := m.excess(false, from), m.excess(false, to), m.want.canary
	return abs(a-one)+abs(b+one) < abs(a)+abs(b)
}

func abs(n int) int { return max(n, -n) }

// Unmatched says of every canary step how its canaries would differ from its
// controls if the fleet's tasks were these; empty where they would not.
func Unmatched(steps []Step, fleet []Stratum) []string {
	const stable = "stable"
	tasks := make([]Task, len(fleet))
	for i, at := range fleet {
		tasks[i] = Task{ID: fmt.Sprintf("%06d", i), Reachable: true, Ready: true, Serving: stable, Stratum: at}
	}
	var c cohorts
	said := make([]string, len(steps))
	for i, step := range steps {
		var want sizes
		want.canary, want.control = step.Cohorts(len(tasks))
		want = want.within(c, tasks)
		c = State{Stable: stable}.match(c, want, nil, tasks)
		said[i] = c.unmatched(tasks)
	}
	return said
}

// mismatched says how the canaries of a step that begins now will differ from
// its controls, if they do.
func (s State) mismatched(step int, seen Observation, p Policy) string {
	r := s.Active
	was := cohorts{r.CanaryTasks, r.ControlTasks}
	c := s.match(was, r.sizes(step, len(InTraffic(seen.Tasks)), p).within(was, seen.Tasks), r.PastTasks, seen.Tasks)
	if say := c.unmatched(seen.Tasks); say != "" {
		return "; " + say
	}
	return ""
}

// unmatched says how canaries differ from controls; empty where they do not.
func (c cohorts) unmatched(tasks []Task) string {
	if len(c.canary) == 0 || len(c.control) == 0 {
		return "" // nothing is compared
	}
	place := make(map[string]Stratum, len(tasks))
	for _, t := range tasks {
		place[t.ID] = t.Stratum
	}
	count := func(members []string, name func(Stratum) string) map[string]int {
		n := map[string]int{}
		for _, id := range members {
			n[name(place[id])]++
		}
		return n
	}
	lone := func(name func(Stratum) string) (n int, where []string) {
		canaries, controls := count(c.canary, name), count(c.control, name)
		for at, has := range canaries {
			more := has - controls[at]
			if len(c.canary) > len(c.control) && controls[at] > 0 { // then in proportion
				more = 0
			}
			if more > 0 {
				n, where = n+more, append(where, at)
			}
		}
		slices.Sort(where)
		return n, where
	}
	zone := func(s Stratum) string { return cmp.Or(s.Zone, "an unknown zone") }
	if n, where := lone(zone); n == len(c.canary) && len(count(c.control, zone)) > 0 {
		return fmt.Sprintf("canary and control share no zone (canary in %s, control in %s): a difference between their clients would look like one between the releases",
			listed(where), listed(slices.Sorted(maps.Keys(count(c.control, zone)))))
	} else if n > 0 {
		return fmt.Sprintf("no control task of the same zone is left for %d of %d canary tasks (%s)", n, len(c.canary), listed(where))
	}
	if n, where := lone(Stratum.String); n > 0 {
		return fmt.Sprintf("no control task of the same zone and kind is left for %d of %d canary tasks (%s)", n, len(c.canary), listed(where))
	}
	return ""
}

// listed names a few.
func listed(names []string) string {
	const few = 3
	if more := len(names) - few; more > 0 {
		return strings.Join(names[:few], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}
