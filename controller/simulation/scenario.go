package simulation

import "time"

// Kind is how requests come to a task.
type Kind string

// The kinds of traffic, from the textbook's to that of a network load balancer
// in front of auction servers.
const (
	Independent Kind = "independent"            // every request for itself
	Short       Kind = "short connections"      // about 50 requests that have something in common
	Persistent  Kind = "persistent connections" // 200 per task that never end
)

// Kinds returns all kinds of traffic.
func Kinds() []Kind { return []Kind{Independent, Short, Persistent} }

// Truth is what a candidate deserves.
type Truth string

// The truths.
const (
	Fine    Truth = "fine"    // inside every band: a rollback is false
	OnEdge  Truth = "edge"    // on the edge of a band: a promotion is false
	Harmful Truth = "harmful" // outside a band: a promotion is false
)

// Plan is by which policy a rollout goes.
type Plan string

// The plans.
const (
	Usual     Plan = ""           // an operator's: shadow on 8 tasks, 2 canary tasks, 8
	Default   Plan = "default"    // that of a fleet whose file says nothing of steps: 5 %, 25 %
	ByPercent Plan = "by percent" // 25 %, 50 % of the tasks that there are
	Patient   Plan = "patient"    // the usual one, whose last step soaks for half an hour
	Broad     Plan = "broad"      // the usual one on as many tasks as there are: shadow on 23, 2 canary tasks, 12
)

// Scenario is what a candidate does, or what befalls the fleet meanwhile. A
// zero Scenario is a candidate that behaves like stable but for decisions that
// fall the other way as often one way as the other.
type Scenario struct {
	Name  string
	Truth Truth
	Plan  Plan

	Shift    float64       // candidate's filter rate less stable's
	Partner  int           // the shift is this partner's alone, counted from 1; 0: everybody's
	LiveOnly bool          // it shows only where the candidate serves: what stable scores beside it knows nothing of it
	BidsOn   float64       // how many of the pairs that only the candidate filters, where it serves, get a bid; 0: as few as of any that is filtered
	Whole    bool          // the shift is the share of connections whose every pair the candidate filters; no other decision differs
	Grows    float64       // the shift grows by so much a minute
	After    time.Duration // of trying, before which the candidate behaves; noise, the peak and the failure begin then too

	Slower       float64 // candidate's latency is longer by this share
	ErrorRatio   float64 // candidate's error rate against stable's; 0 means 1
	InvalidRatio float64 // share of pairs that the candidate leaves without a score against stable's; 0: neither leaves any
	Crashes      bool    // one task that serves the candidate ends by itself
	Nearer       float64 // candidate's scores lie nearer to the threshold by this share than its manifest tells; it filters the same
	Dearest      float64 // share of all bids that the candidate filters and stable does not: those of the highest price; 0: bids tell no price

	Unpaired bool // nothing is scored by both releases: what is served decides alone

	Guarded bool // what the arms show may end the rollout, and need not be proven (judge.served, judge.latency: guard)

	Burst    Burst // that befalls any task now and then, whatever it serves
	Fails    bool  // a task of the candidate fails 30 % of its requests for ten seconds, once
	Noisy    bool  // one task that will be a canary takes 1.5 times as long, whatever it serves
	Bound    bool  // the noisy task takes that long only while it serves the candidate
	Peak     bool  // all tasks take twice as long, whatever they serve
	Shunned  bool  // tasks that will be canaries get half the connections and requests, whatever they serve
	Exchange bool  // 40 % of the traffic comes over 64 connections in all

	Small   bool    // 12 partners instead of 100, and half the requests: takes a third of the time
	Lasting int     // connections of a task, where they last, instead of 200
	Tailed  bool    // some of them bring far more requests than others: Pareto's distribution
	Repeats bool    // a connection asks one request again and again
	Renewed bool    // connections that last end after ten minutes, as tasks see to, and another takes the place of each
	Unlike  float64 // standard deviation of what all clients of a task have in common
	Scales  bool    // 8 tasks become 30 after eight minutes
	Churns  bool    // every few minutes another task takes the place of one
	Zones   Zones
}

// Burst is when a task fails much of what it is asked.
type Burst struct {
	Share  float64 // of requests
	Chance float64 // that a task begins one in a look
	Looks  int     // that it lasts
}

// Zones are two, of which each has half the tasks and clients of its own.
type Zones struct {
	Gap     float64 // between the filter rates of the zones' clients
	Partner float64 // standard deviation of what a partner adds to that gap
}

// Scenarios returns what the whole controller is tried on.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "no change", Truth: Fine},
		{Name: "inside the band: +1 pt", Truth: Fine, Shift: .01},
		{Name: "on its edge: +2 pt", Truth: OnEdge, Shift: .02},
		{Name: "outside: +4 pt", Truth: Harmful, Shift: .04},
		{Name: "outside: -4 pt", Truth: Harmful, Shift: -.04},
		{Name: "one bad partner of 100: +8 pt", Truth: Harmful, Shift: .08, Partner: 8},
		{Name: "slow harm: +6 pt after 10 min", Truth: Harmful, Shift: .06, After: 10 * time.Minute},
		{Name: "errors x 4", Truth: Harmful, ErrorRatio: 4},
		{Name: "error bursts on any task", Truth: Fine, Burst: Burst{Share: .03, Chance: .01, Looks: 3}},
		{Name: "latency +10 %", Truth: Harmful, Slower: .10},
		{Name: "a canary task with a noisy neighbour", Truth: Fine, Noisy: true},
		{Name: "no change, served counts alone", Truth: Fine, Unpaired: true},
		{Name: "on its edge: +2 pt, served counts alone", Truth: OnEdge, Shift: .02, Unpaired: true},
		{Name: "outside: +4 pt, served counts alone", Truth: Harmful, Shift: .04, Unpaired: true},
		{Name: "an exchange: 40 % over 64 connections", Truth: Fine, Exchange: true},
		{Name: "the same exchange, the arms only guard", Truth: Fine, Exchange: true, Guarded: true},
		{Name: "invalid scores x 4", Truth: Harmful, InvalidRatio: 4},
		{Name: "a task of the candidate crashes after 5 min", Truth: Harmful, Crashes: true, After: 5 * time.Minute},
		{Name: "gross errors: 30 % from the start", Truth: Harmful, ErrorRatio: .3 / errorRate},
		{Name: "half the connections for canary tasks", Truth: Fine, Shunned: true},
		{Name: "scores that drift from their reference", Truth: Fine, Nearer: .6},
		{Name: "a neighbour that gets noisy after 12 min", Truth: Fine, Noisy: true, After: 12 * time.Minute},
		{Name: "latency x 2 on all tasks after 10 min", Truth: Fine, Peak: true, After: 10 * time.Minute},
	}
}

// active reports whether the candidate misbehaves, or its tasks are befallen,
// so long after it was first tried.
func (s Scenario) active(since time.Duration) bool { return since >= s.After }

// shift is what the candidate adds to the filter rate of those it harms, so
// long after it was first tried.
func (s Scenario) shift(since time.Duration) float64 {
	if !s.active(since) {
		return 0
	}
	return s.Shift + s.Grows*(since-s.After).Minutes()
}

// failing reports whether this is the look in which a task of the candidate
// fails.
func (s Scenario) failing(since time.Duration) bool {
	return s.Fails && since >= s.After && since < s.After+lookEvery
}
