package judge

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Bounds of a State. A report that would go beyond them is refused, and the
// data gate says so.
const (
	MaxBuckets  = 64
	MaxPartners = 4096
	maxRows     = 4096
	maxCells    = 8 << 20 // rows x partners x buckets
	maxCount    = 1 << 31 // of one bucket's counter
)

// The two streams that come before one stream per partner.
const (
	overall = iota // all partners
	tail           // partners outside tier 1, as one stratum
	firstPartner
)

// The two arms as indices, and the sign of their share in a difference.
const (
	candidate = iota
	control
	arms
)

func armIndex(a Arm) int {
	if a == Candidate {
		return candidate
	}
	return control
}

// The metrics of which only a ratio of rates is judged.
const (
	servedErrors  = iota // degraded requests
	servedInvalid        // pairs without a score, by who served them
	shadowInvalid        // the candidate's in the shadow of stable, against stable's of the same tasks
	ratios
)

// State is what the judge remembers of one rollout: sufficient statistics, the
// counters that it last saw, and a latch. Every e-value is a function of it. A
// zero State is a judge that has seen nothing. It is not safe for concurrent
// use; [State.MarshalJSON] checkpoints it bit for bit.
type State struct {
	looks int
	last  time.Time // of the last look
	since time.Time // of the first look that counted anything

	partners []string       // by index, in the order in which they appeared
	index    map[string]int // the inverse; rebuilt, never stored
	inTail   []bool         // by partner
	tiered   bool           // tiers hold until the next step
	traffic  []int64        // pairs seen, by partner

	rows    []row // one per task and boot, sorted by both
	gone    []key // rows that were folded away, oldest first
	streams []stream
	ratios  [ratios]ratio

	shadowed int64 // requests scored by both

	// Requests of the other arm since this one last counted any.
	dry [arms]int64
	// Since the last step.
	answered     [arms]int64 // requests
	pairsStep    int64
	fresh        int // closed windows of the overall stream
	stepped      bool
	stepAt       time.Time
	stepProgress float64

	// Of the last look's policy: a step closes windows by it.
	windowRequests, windowBuckets int

	evidence [gates]float64 // largest logarithm so far, by gate
	worse    *Verdict       // latched
}

type key struct{ Task, Boot string }

// A row is one process of a task: the clusters that its buckets are, and the
// counters it last showed. Slices over streams or partners are stream-major
// with one cell per bucket.
type row struct {
	key
	arm        int
	generation int64
	buckets    int
	seen       int // look in which it last reported

	totals [totalColumns][]uint32   // last seen; one cell per bucket
	last   [partnerColumns][]uint32 // last seen; partners x buckets

	n, x   []uint32        // open windows; streams x buckets
	u      [arms][]float64 // closed windows' influence on D; streams x buckets
	active [arms][]uint64  // bit per bucket that a closed window has seen; by stream
	pairs  [3][]uint32     // over all generations: pairs, candidate only, stable only
	ratio  [ratios][arms]exposure
}

// An exposure is events in trials, by bucket.
type exposure struct{ n, x []uint64 }

// The columns of a report.
const (
	requests = iota
	failures
	invalid
	shadowRequests
	shadowFailures
	totalColumns
)

const (
	scored = iota
	filtered
	paired
	candidateOnly
	stableOnly
	partnerColumns
)

// A stream is what is known of one filter rate: overall, of the tail, or of
// one partner.
type stream struct {
	// Closed windows: d = D/Q, with the binomial variance of D beside the
	// clusters' own.
	D, Q, Binomial float64
	Windows        int
	N, X           [arms]float64
	// Clusters of folded rows: sum of squared u, and how many.
	FoldedU2 [arms]float64
	FoldedG  [arms]int

	// The open window: its units (requests for the overall stream, pairs for
	// the others) by arm.
	Open [arms]int64

	// All pairs, whether or not compared, for display: filtered of scored.
	Scored, Filtered [arms]int64

	// Paired: sums over clusters, complete with folded rows.
	folded       pairSums
	Paired, Solo proof
}

// pairSums are a paired difference's sufficient statistics: s = n10 - n01 and
// n = pairs by cluster, f = n10 + n01.
type pairSums struct{ N, Ten, One, SS, SN, NN, FF, FN, G float64 }

// A proof is the best evidence so far that a difference lies below the upper
// and above the lower edge of a band. It holds for that band only.
type proof struct{ Up, Down, Low, High float64 }

// note keeps the best evidence for a band, and forgets what was found for
// another.
func (p *proof) note(low, high, down, up float64) {
	if p.Low != low || p.High != high {
		*p = proof{Low: low, High: high, Up: up, Down: down}
		return
	}
	p.Up, p.Down = math.Max(p.Up, up), math.Max(p.Down, down)
}

func (p proof) worst() float64 { return math.Min(p.Up, p.Down) }

// A ratio compares two rates of rare events.
type ratio struct {
	Logs     [7]float64 // against the candidate, by multiple of the tolerated ratio
	Proofs   [3]float64 // for it
	N, X     [arms]float64
	Requests float64        // in which the candidate's N were counted
	Folded   [arms]pairSums // N, FF, FN, NN, G of folded clusters, f being events
	Proof    proof
}

// partner returns the index of a partner, which must be known.
func (s *State) partner(name string) int { return s.index[name] }

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
	s.streams = extend(s.streams, firstPartner+len(s.partners))
	for i := range s.rows {
		s.rows[i].fit(len(s.partners))
	}
}

// find returns the row of a process, or where it would be.
func (s *State) find(k key) (int, bool) {
	return slices.BinarySearchFunc(s.rows, row{key: k}, compareRows)
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Boot, b.Boot))
}

// fit makes room in a row for every partner and stream.
func (r *row) fit(partners int) {
	cells := partners * r.buckets
	for c := range r.last {
		r.last[c] = extend(r.last[c], cells)
	}
	for c := range r.pairs {
		r.pairs[c] = extend(r.pairs[c], cells)
	}
	streams := firstPartner + partners
	r.n = extend(r.n, streams*r.buckets)
	r.x = extend(r.x, streams*r.buckets)
	for a := range r.u {
		if r.u[a] != nil {
			r.u[a] = extend(r.u[a], streams*r.buckets)
			r.active[a] = extend(r.active[a], streams)
		}
	}
}

func extend[T any](s []T, n int) []T {
	if len(s) >= n {
		return s
	}
	return append(slices.Grow(s, n-len(s)), make([]T, n-len(s))...)
}

// newRow returns an empty row with room for the totals.
func newRow(k key, buckets int) row {
	r := row{key: k, buckets: buckets}
	for c := range r.totals {
		r.totals[c] = make([]uint32, buckets)
	}
	for m := range r.ratio {
		for a := range r.ratio[m] {
			r.ratio[m][a] = exposure{n: make([]uint64, buckets), x: make([]uint64, buckets)}
		}
	}
	return r
}

// Step says that the arms change: a ramp step, or another cohort. It closes
// the open windows, since a window must hold one share between the arms; what
// is too little for a window of its own is dropped rather than mixed into the
// next one.
func (s *State) Step() {
	s.closeAtStep()
	s.dry, s.answered = [arms]int64{}, [arms]int64{}
	s.pairsStep, s.fresh = 0, 0
	s.stepped, s.tiered = false, false
}
