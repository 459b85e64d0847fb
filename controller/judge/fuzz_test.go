package judge_test

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// A script reads decisions from fuzzed bytes; when they run out all are zero.
type script struct{ data []byte }

func (s *script) next(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	v := int(s.data[0])
	s.data = s.data[1:]
	return v % n
}

// fuzzed is a fleet whose tasks count whatever the script says.
type fuzzed struct {
	script
	reports []tally.Report
	past    map[string][]int64
	served  bool
	calm    bool              // no contradictions, and no difference between the releases
	counted [judge.Arms]int64 // requests that sound reports can have shown, by arm
	seen    [judge.Arms]int64 // of those, in the last look
	before  [judge.Arms]int64 // of those, seen before the last step

	pairs, pairsSeen, pairsBefore int64 // the same of pairs
}

func (f *fuzzed) arm() judge.Arm { return []judge.Arm{judge.Candidate, judge.Control}[f.next(2)] }

// act changes the fleet by one step of the script.
func (f *fuzzed) act() {
	if !f.calm && (len(f.reports) == 0 || f.next(16) == 0 && len(f.reports) < 6) {
		name := string(rune('a' + f.next(4)))
		f.reports = append(f.reports, tallytest.Blank(name, f.arm(), []int{64, 20, 1, 0, 65}[f.next(5)]))
		return
	}
	r := &f.reports[f.next(len(f.reports))]
	if f.calm {
		f.count(r)
		return
	}
	switch f.next(12) {
	default:
		f.count(r)
	case 6:
		f.recall(r.Task)
	case 8:
		*r = tallytest.Blank(r.Task, r.Arm, 64)
		r.Boot = string(rune('p' + f.next(4)))
	case 9:
		generation := r.Generation + int64(f.next(3)) - 1
		*r = tallytest.Blank(r.Task, f.arm(), 64)
		r.Generation = generation
	case 10:
		if len(r.Requests) > 0 {
			r.Requests[0] = []int64{-1, math.MaxInt64, math.MinInt64, 1 << 31, 0}[f.next(5)]
		}
	case 11:
		r.Errors, r.ShadowInvalid = nil, nil
	case 7:
		r.After += int64(f.next(3)) - 1
		r.Explore = float64(f.next(4)) / 3
		r.Connections, r.Skew = int64(f.next(9)), time.Duration(f.next(5))*time.Second
	}
}

// recall gives a task a past, or what cannot be one.
func (f *fuzzed) recall(task string) {
	took := make([]int64, []int{judge.LatencyBins, 60, 0, judge.LatencyBins + 1}[f.next(4)])
	for range f.next(5) {
		if len(took) > 90 {
			took[10*f.next(9)] = []int64{0, 3, 5000, 1 << 30, -1}[f.next(5)]
		}
	}
	f.past = maps.Clone(f.past) // the last look has the old one
	if f.past == nil {
		f.past = map[string][]int64{}
	}
	f.past[task] = took
}

// count adds to all buckets at once, in any proportion.
func (f *fuzzed) count(r *tally.Report) {
	name := string(rune('k' + f.next(3)))
	c, known := r.Partners[name]
	if !known {
		c = tallytest.BlankColumns(len(r.Requests))
		r.Partners[name] = c
	}
	scale := []int64{0, 1, 7, 300, 1 << 20}[f.next(5)]
	kind := f.next(8)
	if f.calm {
		scale, kind = 2*(scale%1000), kind&^5
	}
	for g := range r.Requests {
		n := scale * int64(1+g%3)
		part := n / 2
		if !f.calm {
			part = n * int64(f.next(5)) / 4
		}
		r.Requests[g] += n
		switch kind {
		default:
			c.Scored[g] += n
			c.Filtered[g] += part
		case 4:
			addTo(r.Errors, g, part)
		case 5:
			addTo(r.Invalid, g, n*3)
		case 6, 7:
			c.Scored[g] += n
			c.Pairs[g] += n
			c.Filtered[g] += part
			if !f.calm {
				c.CandidateOnly[g] += part
			}
			addTo(r.ShadowRequests, g, n)
			f.pairs += n
		}
		f.counted[armIndex(r.Arm)] += n
	}
	f.whole(r, scale)
}

// whole adds what is not counted by bucket, and bids.
func (f *fuzzed) whole(r *tally.Report, n int64) {
	if r.Latency == nil {
		r.Latency, r.Scores = make([]int64, judge.LatencyBins), make([]int64, judge.ScoreBins)
	}
	r.Latency[10*f.next(9)] += n
	r.Scores[7*f.next(9)] += n
	r.Scores[5] += n // never all alike
	r.Scores[50] += n
	if !f.calm && f.next(4) == 0 {
		bids := tallytest.BlankColumns(len(r.Requests))
		for g := range r.Requests {
			bids.Scored[g], bids.Filtered[g] = n, n*int64(f.next(5))/8
		}
		r.Partners["z"] = tally.Columns{Bids: bids.Scored, BidsCandidateOnly: bids.Filtered, BidsStableOnly: bids.Filtered, Value: bids.Scored, ValueStableOnly: bids.Filtered, ValueBoth: bids.Filtered}
	}
}

// goOn begins the next reports, where those that were looked at end.
func (f *fuzzed) goOn() {
	for i, r := range f.reports {
		f.reports[i] = tallytest.After(r, len(r.Requests))
	}
}

func armIndex(a judge.Arm) int {
	if a == judge.Candidate {
		return judge.CandidateArm
	}
	return judge.ControlArm
}

func addTo(column []int64, g int, n int64) {
	if g < len(column) {
		column[g] += n
	}
}

// finite says whether every number of a verdict is.
func finite(v judge.Verdict) bool {
	_, err := json.Marshal(v)
	return err == nil && v.Progress >= 0 && v.Progress <= 1 && v.ETA >= 0
}

// checkVerdict holds what must never happen.
func (f *fuzzed) checkVerdict(t *testing.T, v, last judge.Verdict, window int) {
	if !finite(v) {
		t.Fatalf("a number is not finite: %+v", v)
	}
	if last.Outcome == judge.Worse && (v.Outcome != judge.Worse || v.Sentence != last.Sentence) {
		t.Fatalf("worse became %s: %s", v.Outcome, v.Sentence)
	}
	if v.Outcome == judge.Acceptable && f.served && min(f.counted[judge.CandidateArm], f.counted[judge.ControlArm]) < 400 {
		t.Fatalf("acceptable after %v requests", f.counted)
	}
	fresh := min(f.counted[judge.CandidateArm]-f.before[judge.CandidateArm], f.counted[judge.ControlArm]-f.before[judge.ControlArm])
	if v.Outcome == judge.Acceptable && f.served && fresh < int64(window) {
		t.Fatalf("acceptable after %d requests since the step", fresh)
	}
	if fresh := f.pairs - f.pairsBefore; v.Outcome == judge.Acceptable && !f.served && fresh < int64(window) {
		t.Fatalf("acceptable after %d pairs since the step", fresh)
	}
	if v.Outcome == judge.Acceptable && v.Findings[0].Outcome != judge.Acceptable {
		t.Fatalf("acceptable on data that are %s: %s", v.Findings[0].Outcome, v.Findings[0].Sentence)
	}
	for _, finding := range v.Findings {
		if v.Outcome == judge.Acceptable && finding.Required > 0 && finding.Proof < finding.Required {
			t.Fatalf("acceptable without proof: %+v", finding)
		}
	}
	if v.Outcome == judge.Acceptable && !f.served && f.pairs < 100 {
		t.Fatalf("acceptable after %d pairs", f.pairs)
	}
	if f.calm && v.Outcome == judge.Worse {
		t.Fatalf("no difference, but worse: %s", v.Sentence)
	}
	if v.Sentence == "" {
		t.Fatalf("%s without a sentence", v.Outcome)
	}
}

func FuzzLook(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 1, 1, 1, 1, 3, 3, 3})
	long := make([]byte, 2000)
	for i := range long {
		long[i] = byte(i * i / 7)
	}
	f.Add(long)
	f.Fuzz(playOnce)
}

// The same with long scripts from fixed seeds, which fuzzing takes long to
// grow.
func TestRandomScripts(t *testing.T) {
	outcomes := map[judge.Outcome]int{}
	for seed := range uint64(80) {
		rng := rand.New(rand.NewPCG(seed, 3))
		data := make([]byte, 1500)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		outcomes[playScript(t, data)]++
	}
	t.Log(outcomes)
}

// Most scripts contradict themselves sooner or later. Here two equal releases
// count in step, much, little or nothing at a time, so that many a look finds
// the candidate acceptable - and must not, just after a step.
func TestRandomSteps(t *testing.T) {
	accepted := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		fleet := &fuzzed{calm: true, served: seed%2 == 0, reports: []tally.Report{tallytest.Blank("a", judge.Control, 64), tallytest.Blank("b", judge.Control, 64)}}
		if fleet.served {
			fleet.reports[0].Arm = judge.Candidate
		}
		var s tallytest.Case
		var last judge.Verdict
		policy := judge.Policy{WindowRequests: 100 + rng.IntN(400)}
		for i := range 60 {
			amount := []byte{0, 0, 1, 2, 3, 3}[rng.IntN(6)]
			for r := range fleet.reports {
				fleet.data = []byte{0, amount, 6}
				if fleet.served {
					fleet.data[2] = 0
				}
				fleet.count(&fleet.reports[r])
			}
			if last.Outcome == judge.Acceptable && rng.IntN(2) == 0 {
				s.Step()
				fleet.before, fleet.pairsBefore = fleet.seen, fleet.pairsSeen
			}
			last = fleet.look(t, &s, time.Unix(int64(i), 0), policy, last)
			if last.Outcome == judge.Acceptable {
				accepted++
			}
		}
	}
	if accepted < 100 {
		t.Fatalf("acceptable %d times: too seldom to show anything", accepted)
	}
}

// look lets the judge look at the fleet, and checks the verdict.
func (f *fuzzed) look(t *testing.T, s *tallytest.Case, at time.Time, p judge.Policy, last judge.Verdict) judge.Verdict {
	v := s.Look(tally.Look{At: at, Served: f.served, Reports: f.reports}, p)
	f.seen, f.pairsSeen = f.counted, f.pairs
	f.checkVerdict(t, v, last, p.WindowRequests)
	f.goOn()
	return v
}

func playOnce(t *testing.T, data []byte) { playScript(t, data) }

// playScript looks at what a script counts, and returns how it ends.
func playScript(t *testing.T, data []byte) judge.Outcome {
	fleet := &fuzzed{script: script{data}}
	if fleet.calm = fleet.next(2) == 1; fleet.calm {
		fleet.reports = []tally.Report{tallytest.Blank("a", judge.Candidate, 64), tallytest.Blank("b", judge.Control, 64)}
		fleet.served = true
	}
	var s tallytest.Case
	var last judge.Verdict
	policy := judge.Policy{WindowRequests: 20 + fleet.next(400), ErrorFloor: float64(fleet.next(3)) / 100}
	if !fleet.calm {
		policy.Intended = float64(fleet.next(3)-1) / 10
	}
	for i := 0; i < 60 && len(fleet.data) > 0; i++ {
		for range 1 + fleet.next(6) {
			fleet.act()
		}
		if fleet.next(10) == 0 {
			s.Step()
			fleet.before, fleet.pairsBefore = fleet.seen, fleet.pairsSeen
		}
		if fleet.next(8) == 0 && !fleet.calm {
			fleet.served = !fleet.served
		}
		l := tally.Look{At: time.Unix(int64(i), 0), Served: fleet.served, Reports: fleet.reports, Past: fleet.past}
		twin := roundTrip(t, s)
		v := s.Look(l, policy)
		fleet.seen, fleet.pairsSeen = fleet.counted, fleet.pairs
		fleet.checkVerdict(t, v, last, policy.WindowRequests)
		if other := twin.Look(l, policy); !reflect.DeepEqual(v, other) {
			t.Fatalf("restored judge differs:\n%+v\n%+v", v, other)
		}
		// A contradiction between two generations is told of once; whatever
		// was counted must be the same.
		again := s.Look(l, policy)
		sound := v.Findings[0].Outcome != judge.Invalid
		if !reflect.DeepEqual(v.Findings[1:], again.Findings[1:]) || sound && !reflect.DeepEqual(v, again) {
			t.Fatalf("the same look twice:\n%+v\n%+v", v, again)
		}
		last = v
		fleet.goOn()
	}
	return last.Outcome
}

func roundTrip(t *testing.T, s tallytest.Case) (back tallytest.Case) {
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// Damaged checkpoints are errors, neither panics nor states that panic later.
func FuzzRestore(f *testing.F) {
	w := tallytest.New(1)
	w.PerLook = 20
	var s tallytest.Case
	for range 3 {
		s.Look(w.Next(), judge.Policy{WindowRequests: 10, WindowBuckets: 2})
	}
	data, err := json.Marshal(s.Judge)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var back judge.State
		if json.Unmarshal(data, &back) != nil {
			return
		}
		back.Judge(s.Seen, judge.Policy{})
		if _, err := json.Marshal(back); err != nil {
			t.Fatal(err)
		}
	})
}
