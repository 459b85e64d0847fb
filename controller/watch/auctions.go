package watch

import (
	"math"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	// slotTime is how long a slot of auctions is, and slotsKept how many there
	// are: the last ten minutes.
	slotTime  = 15 * time.Second
	slotsKept = 40

	// lately are the slots that the figures of now are of, the one that is being
	// filled included: from 45 s to a minute.
	lately = 4

	// mostCounted bounds what one task may have counted between two looks: whoever
	// tells more contradicts itself, and a sum of all tasks stays a number.
	mostCounted = 1 << 40
)

// The arms whose auctions are told apart.
const (
	armAll = iota
	armCanary
	armControl
	armRest
	armsTold
)

// Auctions measures how auctions fare, look after look, arm by arm. It can be
// lost: it is measured anew. It keeps some 250 bytes per task, and 40 slots
// however many there are.
type Auctions struct {
	candidate string    // that the canaries' slots are of
	since, at time.Time // of the first and the last look
	short     time.Time // fewer tasks than there should be are ready since; zero: there are enough
	deadline  time.Duration
	tasks     each[fared]
	slots     []slot // oldest first, the last is being filled
}

// fared is what one task told when it was last reached.
type fared struct {
	at                         time.Time
	boot, serving              string
	generation                 int64
	answered, scored, filtered int64
	health                     *rollout.Health
	times                      *rollout.Times
}

// slot is what was counted in slotTime, by arm.
type slot struct {
	begin time.Time
	arms  [armsTold]*sums // nil: nothing
}

// sums are what the tasks of an arm counted.
type sums struct {
	at       time.Time // of the last look that added to it
	looks    int       // that did
	tasks    int       // that told, over all looks
	seconds  float64   // of tasks
	answered int64

	scored, filtered int64
	known            int64 // of answered, by tasks that tell what became of them
	degraded, failed int64

	spread *pool // nil once the slot is told by its percentiles alone
	p50    time.Duration
	p99    time.Duration
}

// Look takes in what the tasks say while the fleet is in s, and tells how its
// auctions fare.
func (a *Auctions) Look(s rollout.State, tasks []rollout.Task, desired int, now time.Time) *rollout.Auctions {
	if gap := now.Sub(a.at); gap < 0 || gap > slotsKept*slotTime {
		*a = Auctions{since: now}
	}
	a.at = now
	a.turn(now)
	a.tryAnother(s.Active)
	a.count(tasks, desired, now)
	arms := armsOf(s)
	tasks = a.tasks.meet(tasks)
	a.deadline = 0
	for i, was := range a.tasks.kept {
		if t := &tasks[i]; t.Reachable {
			a.take(was, t, arms(t), now)
		}
	}
	return a.told(tasks, arms)
}

// turn begins another slot where its time has come, and drops what is old.
func (a *Auctions) turn(now time.Time) {
	begin := now.Truncate(slotTime)
	if n := len(a.slots); n > 0 && !begin.After(a.slots[n-1].begin) {
		return
	}
	a.slots = append(a.slots, slot{begin: begin})
	for len(a.slots) > 0 && begin.Sub(a.slots[0].begin) >= slotsKept*slotTime {
		a.slots = a.slots[1:]
	}
	a.slots = append([]slot(nil), a.slots...) // the array must not grow for ever
	for i := range a.slots {
		if begin.Sub(a.slots[i].begin) >= lately*slotTime {
			a.slots[i].close()
		}
	}
}

// close keeps the percentiles of a slot and drops what they are of.
func (s *slot) close() {
	for _, c := range s.arms {
		if c != nil && c.spread != nil {
			c.p50, c.p99 = c.spread.percentiles()
			c.spread = nil
		}
	}
}

// tryAnother forgets canaries and controls where they are another rollout's.
func (a *Auctions) tryAnother(r *rollout.Rollout) {
	candidate := ""
	if r != nil {
		candidate = r.Candidate
	}
	if candidate == a.candidate {
		return
	}
	a.candidate = candidate
	for i := range a.slots {
		a.slots[i].arms[armCanary], a.slots[i].arms[armControl] = nil, nil
	}
}

// count remembers since when tasks are missing.
func (a *Auctions) count(tasks []rollout.Task, desired int, now time.Time) {
	ready := 0
	for i := range tasks {
		if tasks[i].Reachable && tasks[i].Ready {
			ready++
		}
	}
	switch {
	case ready >= desired:
		a.short = time.Time{}
	case a.short.IsZero():
		a.short = now
	}
}

// armsOf says to which arm what a task counts belongs: by what it answers with,
// since a cohort is named before its tasks have taken the candidate up.
func armsOf(s rollout.State) func(*rollout.Task) int {
	r := s.Active
	if r == nil || r.Candidate == "" || r.Candidate == s.Stable {
		return func(*rollout.Task) int { return armRest }
	}
	compared := map[string]judge.Arm{}
	if len(r.CanaryTasks) > 0 {
		compared = r.Arms()
	}
	return func(t *rollout.Task) int {
		switch {
		case t.Serving == r.Candidate:
			return armCanary
		case compared[t.ID] == judge.Control && t.Serving == s.Stable:
			return armControl
		}
		return armRest
	}
}

// take adds what a task has counted since it was reached last. What it counted
// while it changed releases belongs to no arm.
func (a *Auctions) take(was *fared, t *rollout.Task, arm int, now time.Time) {
	is := fared{
		at: now, boot: t.Boot, serving: t.Serving, generation: t.Generation,
		answered: sinceBoot(*t), scored: t.Scored, filtered: t.Filtered, health: t.Health, times: t.Times,
	}
	if t.Health != nil {
		is.answered = t.Health.Answered
		if a.deadline == 0 || t.Health.Deadline < a.deadline {
			a.deadline = t.Health.Deadline
		}
	}
	before := *was
	*was = is
	if d, ok := is.since(before); ok {
		current := &a.slots[len(a.slots)-1]
		current.add(armAll, d, now)
		if d.same {
			current.add(arm, d, now)
		}
	}
}

// counted is what one task has counted between two looks.
type counted struct {
	sums
	same       bool // it answered with one release all the while
	took       *rollout.Times
	tookBefore *rollout.Times
}

// since is what was counted between two looks; not where they are of two
// processes, too far apart, or contradict each other.
func (f *fared) since(was fared) (d counted, ok bool) {
	gap := f.at.Sub(was.at)
	if was.boot == "" || was.boot != f.boot || gap <= 0 || gap > slotsKept*slotTime {
		return d, false
	}
	d.seconds, d.answered = gap.Seconds(), f.answered-was.answered
	d.same = was.serving == f.serving && was.generation == f.generation
	if d.same {
		d.scored, d.filtered = f.scored-was.scored, f.filtered-was.filtered
	}
	if f.health != nil && was.health != nil {
		d.known, d.degraded, d.failed = d.answered, f.health.Degraded-was.health.Degraded, f.health.Failed-was.health.Failed
	}
	if f.times != nil && was.times != nil {
		d.took, d.tookBefore = f.times, was.times
	}
	for _, n := range []int64{d.answered, d.scored, d.filtered, d.degraded, d.failed} {
		if n < 0 || n > mostCounted {
			return d, false
		}
	}
	return d, (f.health == nil) == (was.health == nil) && (f.times == nil) == (was.times == nil)
}

func (s *slot) add(arm int, d counted, now time.Time) {
	c := s.arms[arm]
	if c == nil {
		c = &sums{spread: &pool{}}
		s.arms[arm] = c
	}
	if !c.at.Equal(now) {
		c.at = now
		c.looks++
	}
	c.tasks++
	c.merge(&d.sums)
	if d.took != nil {
		c.spread.grow(d.tookBefore, d.took)
	}
}

// merge adds counts, but for who counted them.
func (c *sums) merge(o *sums) {
	c.seconds, c.answered = c.seconds+o.seconds, c.answered+o.answered
	c.scored, c.filtered = c.scored+o.scored, c.filtered+o.filtered
	c.known, c.degraded, c.failed = c.known+o.known, c.degraded+o.degraded, c.failed+o.failed
}

// grow adds what was counted from one moment to another, where that can have
// been.
func (p *pool) grow(from, to *rollout.Times) {
	add := func(into *[judge.LatencyBins]uint64, from, to []int64) {
		if len(from) != len(into) || len(to) != len(into) {
			return // not told
		}
		for i := range into {
			if n := to[i] - from[i]; n > 0 && n < mostCounted {
				into[i] += uint64(n)
			}
		}
	}
	add(&p.took, from.Took, to.Took)
	add(&p.waited, from.Waited, to.Waited)
}

// percentiles are what half of all auctions took at most, and 99 of a hundred,
// with the wait for a processor; 0 where there were none.
func (p *pool) percentiles() (p50, p99 time.Duration) {
	half, n := percentile(&p.took, 2)
	most, _ := percentile(&p.took, 100)
	if n == 0 {
		return 0, 0
	}
	halfWaited, _ := percentile(&p.waited, 2)
	mostWaited, _ := percentile(&p.waited, 100)
	return half + halfWaited, most + mostWaited
}

// told puts together what is known.
func (a *Auctions) told(tasks []rollout.Task, arms func(*rollout.Task) int) *rollout.Auctions {
	var now [armsTold]int // tasks of each arm
	for i := range tasks {
		if tasks[i].Reachable {
			now[armAll]++
			now[arms(&tasks[i])]++
		}
	}
	out := &rollout.Auctions{Deadline: a.deadline, ShortSince: a.short, Slots: a.columns()}
	recent := len(a.slots)
	for recent > 0 && a.at.Sub(a.slots[recent-1].begin) < lately*slotTime {
		recent--
	}
	if from := a.slots[recent].begin; from.After(a.since) {
		out.Over = a.at.Sub(from)
	} else {
		out.Over = a.at.Sub(a.since)
	}
	for arm, to := range []**rollout.Traffic{&out.All, &out.Canary, &out.Control, &out.Rest} {
		if now[arm] > 0 {
			*to = traffic(a.slots[recent:], arm, now[arm])
		}
	}
	out.Before = meanRate(a.slots[:recent])
	return out
}

// traffic is what an arm's slots come to; nil where they hold nothing. Its rate is
// that of the tasks which are in the arm now, at what each answered on average:
// so the arms add up, though tasks have moved from one to another since.
func traffic(slots []slot, arm, tasks int) *rollout.Traffic {
	total, spread := sums{}, pool{}
	for _, s := range slots {
		if c := s.arms[arm]; c != nil {
			total.merge(c)
			total.looks, total.tasks = total.looks+c.looks, total.tasks+c.tasks
			for i := range spread.took {
				spread.took[i] += c.spread.took[i]
				spread.waited[i] += c.spread.waited[i]
			}
		}
	}
	if total.looks == 0 {
		return nil
	}
	t := &rollout.Traffic{
		Tasks: tasks, Rate: round(total.each() * float64(tasks)), Answered: total.answered, DegradedCount: total.degraded, FailedCount: total.failed,
		Filtered: share(total.filtered, total.scored), Degraded: share(total.degraded, total.known), Failed: share(total.failed, total.known+total.failed),
	}
	t.P50, t.P99 = spread.percentiles()
	return t
}

// each is how many auctions a second a task answered on average.
func (c *sums) each() float64 {
	if c.seconds <= 0 {
		return 0
	}
	return float64(c.answered) / c.seconds
}

// rate is how many they answered together, as many as they were on average.
func (c *sums) rate() float64 {
	if c.looks == 0 {
		return 0
	}
	return c.each() * float64(c.tasks) / float64(c.looks)
}

// meanRate is the average of what all tasks answered in a second.
func meanRate(slots []slot) float64 {
	total := sums{}
	for _, s := range slots {
		if c := s.arms[armAll]; c != nil {
			total.merge(c)
			total.looks, total.tasks = total.looks+c.looks, total.tasks+c.tasks
		}
	}
	return round(total.rate())
}

// columns tells the slots, of which the one that is being filled counts once it
// has been looked at.
func (a *Auctions) columns() rollout.Slots {
	first := a.slots[0].begin
	out := rollout.Slots{Begin: first, Every: slotTime}
	n := int(a.slots[len(a.slots)-1].begin.Sub(first)/slotTime) + 1
	for arm, to := range []**rollout.Columns{&out.All, &out.Canary, &out.Control, &out.Rest} {
		var c rollout.Columns
		columns := []*[]*float64{&c.Rate, &c.Filtered, &c.Degraded, &c.Failed, &c.P50, &c.P99}
		for _, s := range a.slots {
			counted := s.arms[arm]
			if counted == nil {
				continue
			}
			at := int(s.begin.Sub(first) / slotTime)
			for i, v := range counted.figures() {
				if *columns[i] == nil {
					*columns[i] = make([]*float64, n)
				}
				(*columns[i])[at] = v
			}
		}
		if c.Rate != nil {
			*to = &c
		}
	}
	return out
}

// figures are a slot's, in the order of rollout.Columns.
func (c *sums) figures() [6]*float64 {
	p50, p99 := c.p50, c.p99
	if c.spread != nil {
		p50, p99 = c.spread.percentiles()
	}
	rate := round(c.rate())
	return [6]*float64{&rate, share(c.filtered, c.scored), share(c.degraded, c.known), share(c.failed, c.known+c.failed), seconds(p50), seconds(p99)}
}

func seconds(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	s := round(d.Seconds())
	return &s
}

// share is nil where there is no whole. A part may be ahead of it by what is
// under way.
func share(part, whole int64) *float64 {
	if whole <= 0 {
		return nil
	}
	s := round(min(1, float64(part)/float64(whole)))
	return &s
}

// round leaves four digits, which are more than anybody reads.
func round(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-3)
	if unit < 1 { // 1/unit is a whole number, and so exact
		per := math.Round(1 / unit)
		return math.Round(v*per) / per
	}
	return math.Round(v/unit) * unit
}
