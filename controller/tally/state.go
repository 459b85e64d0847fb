package tally

import (
	"cmp"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Bounds of a State. A report that would go beyond them is refused, and the
// statistics say so among their problems.
const (
	MaxBuckets = 64
	maxRows    = 16384
	maxCount   = 1 << 31 // of one bucket in one report

	// Clusters of one table, and those times the streams that each has a cell
	// for. Where there would be more, neighbours are counted as one.
	maxClusters = 1024
	maxCells    = 1 << 17

	maxStrata = 16 // the last stands for all further ones
)

// State is what has been counted in one rollout. A zero State has counted
// nothing. It is not safe for concurrent use; [State.MarshalJSON] checkpoints
// it bit for bit.
type State struct {
	looks int
	last  time.Time // of the last look
	step  int

	partners []string       // by index, in the order in which they appeared
	index    map[string]int // the inverse; rebuilt, never stored
	inTail   []bool         // by partner
	tiered   bool           // tiers hold until the next step
	traffic  []int64        // pairs seen, by partner

	strata  []string // of tasks; the first is that of tasks of which nothing is known
	rows    []row    // one per task and boot, sorted by both
	tables  [tables]table
	streams []stream

	shadowed int64                 // requests scored by both
	exposed  [judge.Ratios]float64 // requests in which the candidate's part of a ratio was counted
	moments  moments

	// Requests of the other arm since this one last counted any.
	dry [judge.Arms]int64
	// Since the last step.
	answered  [judge.Arms]int64 // requests
	pairsStep int64
	fresh     int // closed windows of the overall stream
	stretch   stretch
	recent    []recent

	latency  [judge.LatencyBins]int64 // of stable, until its p99 is frozen
	slow     [slows]judge.Exceedance
	slowOpen [slows][judge.Arms]int64
	sides    []string // tasks that served the candidate and serve stable since
	lately   lately
	scores   [judge.Arms][judge.ScoreBins]int64
	drift    drift
	crashes  [judge.Arms]int
	crashed  []string // the last few
	lost     int      // reports of which a part was lost
	worth    worth

	liveBids, liveFlips int64 // bids on requests that the candidate answered, unweighted

	// Of the last look's policy: a step closes windows by it.
	windowRequests, windowBuckets int
}

// The tables of clusters. Pairs are of a task, whichever arm it was in.
const (
	pairsTable = judge.Arms
	tables     = judge.Arms + 1
)

type key struct{ Task, Boot string }

// A row is one process of a task.
type row struct {
	key
	arm        int
	generation int64
	upto       int64 // position up to which its counts are in
	buckets    int   // 0 until it counts anything
	seen       int   // look in which it last reported
	slots      [tables]int
	moment     [judge.Ratios][judge.Arms]trials // the open one
	edge       int                              // its own p99 before it was compared; 0 for none
	before     [slows]trials                    // requests beyond the edges then

	// Since its generation began, to see counters that say different things.
	told [toldKinds]int64

	stratum     int
	gathers     bool // it is compared with nobody yet: what it counts is its past
	connections int64
	skew        time.Duration
	explore     float64 // last share that it told
}

// What a row has told.
const (
	toldRequests = iota
	toldErrors
	toldPairs   // scored, or without a score
	toldOrphans // of those, since a request was last counted
	toldBoth    // pairs scored by both since such a request was last counted
	toldKinds
)

// noSlot is where a row is that has no clusters in a table.
const noSlot = -1

// A stream is what is known of one filter rate beside its clusters.
type stream struct {
	// Closed windows. The sums over clusters in it are those of the last look,
	// stale when a window was closed or clusters were folded since.
	served judge.Difference
	stale  bool

	// The open window: its units (requests for the overall stream, pairs for
	// the others) by arm.
	open [judge.Arms]int64

	usual, lately usual // stable's rate of late, and what this look adds to it

	scored, filtered [judge.Arms]int64 // all pairs, whether or not compared
	bids, flips      int64             // unweighted
}

// recent is what a look counted.
type recent struct {
	at     time.Time
	counts [judge.Arms]judge.Recent
	faults []fault
}

// A fault is what a task counted that failed at anything.
type fault struct {
	task   string
	arm    int
	counts judge.Recent
}

// maxFaults bounds how many tasks' faults of a look are told apart.
const maxFaults = 64

func armIndex(a judge.Arm) int {
	if a == judge.Candidate {
		return judge.CandidateArm
	}
	return judge.ControlArm
}

func armName(a int) judge.Arm {
	if a == judge.CandidateArm {
		return judge.Candidate
	}
	return judge.Control
}

// Look adds what a look shows and returns what all looks come to under a
// policy. The same look twice changes nothing but that the second adds
// nothing.
func (s *State) Look(l Look, p judge.Policy) judge.Statistics {
	p = p.Sane()
	if len(s.streams) == 0 {
		s.learn(nil) // nothing may ever be counted
	}
	l.At = l.At.Round(0).UTC()
	if again := s.looks > 0 && l.At.Equal(s.last); !again {
		s.looks++
		s.last = l.At
		s.noteCrashes(l.Crashed)
	}
	s.windowRequests, s.windowBuckets = p.WindowRequests, p.WindowBuckets
	s.aim(p)
	s.turn(l.At, p)
	var bad problems
	l.Past = checkPast(l.Past, &bad)
	s.freezeBefore(l.Past)
	day := s.take(l, p, &bad)
	s.closeMoments(l.At)
	s.noteUsual()
	s.setTiers(p)
	s.remember(l.At, day)
	if l.Served {
		s.closeReady(int64(p.WindowRequests), p.WindowBuckets)
		s.closeSlow(int64(p.WindowRequests))
		s.checkSides(p, &bad)
	}
	s.closeDrift(l.At)
	s.freeze()
	return s.statistics(l, p, bad, day)
}

// Step says that the arms change: a ramp step, or another cohort. It closes
// the open windows, since a window must hold one share between the arms; what
// is too little for a window of its own is dropped rather than mixed into the
// next one.
func (s *State) Step() {
	s.closeAtStep()
	s.dry, s.answered = [judge.Arms]int64{}, [judge.Arms]int64{}
	s.pairsStep, s.fresh = 0, 0
	s.recent = nil
	s.stretch.since = time.Time{} // what was the present is another release's, or another traffic's
	s.tiered = false
	s.step++
}

// Last returns where a task's newest process has been counted up to, which is
// what to ask it for the rest of; found is false when it has never told
// anything.
func (s *State) Last(task string) (boot string, generation, upto int64, found bool) {
	i, _ := s.find(key{task, ""})
	best := -1
	for ; i < len(s.rows) && s.rows[i].Task == task; i++ {
		if best < 0 || s.rows[i].seen >= s.rows[best].seen {
			best = i
		}
	}
	if best < 0 {
		return "", 0, 0, false
	}
	r := s.rows[best]
	return r.Boot, r.generation, r.upto, true
}

// learn gives new partners their places: in the order of their names, so that
// the same counts make the same state.
func (s *State) learn(names []string) {
	if s.index == nil {
		s.index = make(map[string]int, len(names))
		for i, name := range s.partners {
			s.index[name] = i
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		s.index[name] = len(s.partners)
		s.partners = append(s.partners, name)
		s.inTail = append(s.inTail, s.tiered) // the tail until the next step
		s.traffic = append(s.traffic, 0)
	}
	if len(s.strata) == 0 {
		s.strata = []string{""}
	}
	s.streams = extend(s.streams, judge.FirstPartner+len(s.partners))
	for t := range s.tables {
		s.fit(t)
	}
}

// find returns the row of a process, or where it would be.
func (s *State) find(k key) (int, bool) {
	return slices.BinarySearchFunc(s.rows, row{key: k}, compareRows)
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Boot, b.Boot))
}

func extend[T any](s []T, n int) []T {
	if len(s) >= n {
		return s
	}
	return append(slices.Grow(s, n-len(s)), make([]T, n-len(s))...)
}

// setTiers puts the partners that cover most traffic into tier 1, once there
// is enough traffic to tell; until the next step the tiers stay.
func (s *State) setTiers(p judge.Policy) {
	total := sum(s.traffic)
	if s.tiered || total == 0 {
		return
	}
	s.tiered = total >= 200*int64(len(s.partners))
	order := make([]int, len(s.partners))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.traffic[b], s.traffic[a]) })
	covered := int64(0)
	for _, k := range order {
		s.inTail[k] = s.traffic[k] == 0 || float64(covered) >= p.TierOneShare*float64(total)
		covered += s.traffic[k]
	}
	s.sumTail()
}

// maxCrashed bounds how many crashed tasks are named.
const maxCrashed = 8

func (s *State) noteCrashes(crashed map[judge.Arm][]string) {
	for a := range s.crashes {
		for _, task := range crashed[armName(a)] {
			s.crashes[a]++
			s.crashed = append(s.crashed, task)
		}
	}
	s.crashed = s.crashed[max(0, len(s.crashed)-maxCrashed):]
}

// recentFor is how long counts are recent, and maxRecent how many looks of
// that time are told apart.
const (
	recentFor = 10 * time.Second
	maxRecent = 64
)

// remember keeps what a look counted for as long as it is recent.
func (s *State) remember(at time.Time, day increments) {
	if n := len(s.recent); n == 0 || !s.recent[n-1].at.Equal(at) && n < maxRecent {
		s.recent = append(s.recent, recent{at: at})
	}
	newest := &s.recent[len(s.recent)-1]
	newest.at = at
	for a := range newest.counts {
		c := &newest.counts[a]
		c.Requests += day.requests[a]
		c.Errors += day.errors[a]
		c.Pairs += day.pairs[a]
		c.Invalid += day.invalid[a]
		c.Tasks = max(c.Tasks, day.tasks[a])
	}
	newest.faults = append(newest.faults, day.faults...)
	newest.faults = newest.faults[:min(maxFaults, len(newest.faults))]
	s.recent = slices.DeleteFunc(s.recent, func(r recent) bool { return at.Sub(r.at) >= recentFor })
}
