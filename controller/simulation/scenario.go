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

// Scenario is what a candidate does, or what befalls the fleet meanwhile. A
// zero Scenario is a candidate that behaves like stable but for decisions that
// fall the other way as often one way as the other.
type Scenario struct {
	Name  string
	Truth Truth

	Shift   float64       // candidate's filter rate less stable's
	Partner int           // the shift is this partner's alone, counted from 1; 0: everybody's
	After   time.Duration // of trying, before which the candidate behaves; noise and the peak begin then too

	Slower       float64 // candidate's latency is longer by this share
	ErrorRatio   float64 // candidate's error rate against stable's; 0 means 1
	InvalidRatio float64 // share of pairs that the candidate leaves without a score against stable's; 0: neither leaves any
	Crashes      bool    // one task that serves the candidate ends by itself
	Nearer       float64 // candidate's scores lie nearer to the threshold by this share than its manifest tells; it filters the same

	Unpaired bool // nothing is scored by both releases: what is served decides alone

	Guarded bool // what the arms show may end the rollout, and need not be proven (judge.served, judge.latency: guard)

	Bursts   bool // now and then some task fails 3 % of its requests for half a minute, whatever it serves
	Noisy    bool // one task that will be a canary takes 1.5 times as long, whatever it serves
	Peak     bool // all tasks take twice as long, whatever they serve
	Shunned  bool // tasks that will be canaries get half the connections and requests, whatever they serve
	Exchange bool // 40 % of the traffic comes over 64 connections in all
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
		{Name: "error bursts on any task", Truth: Fine, Bursts: true},
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
