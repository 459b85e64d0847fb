package judge

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// between is a difference of rates between two arms of n units and g clusters
// each, whose variance is effect times the binomial one.
func between(rates [Arms]float64, n float64, g int, effect float64) Difference {
	d := Difference{Windows: 20, Q: n / 2, D: n / 2 * (rates[CandidateArm] - rates[ControlArm])}
	for a, p := range rates {
		d.N[a], d.X[a], d.G[a] = n, n*p, g
		d.NN[a] = n * n / float64(g)
		binomial := d.Q * d.Q * p * (1 - p) / n
		d.Binomial += binomial
		d.U2[a] = effect * binomial * float64(g-1) / float64(g)
	}
	return d
}

// pairsOf are pairs in g clusters of which ten and one of n differ.
func pairsOf(n, ten, one float64, g int) PairSums {
	f, d := ten+one, (ten-one)/n
	each := n / float64(g)
	return PairSums{
		N: n, Ten: ten, One: one, NN: n * each, SN: d * n * each, G: float64(g),
		SS: d*d*n*each + f, FF: f * f / n,
	}
}

// soundStep is the statistics of a canary step in which nothing is wrong: three
// partners, eight tasks of each arm.
func soundStep(at time.Time, scale float64) Statistics {
	s := Statistics{
		At: at, Served: true, Step: 1, Counted: true, Fresh: 10, Shadowed: int64(1000 * scale), PairsStep: 4000,
		Answered: [Arms]int64{int64(40000 * scale), int64(40000 * scale)},
		Latency:  Exceedance{Edge: 50, Of: between([Arms]float64{.01, .01}, 40000*scale, 8, 1)},
		Recent:   [Arms]Recent{{Requests: 900, Pairs: 3000}, {Requests: 900, Pairs: 3000}},
	}
	s.Streams = append(s.Streams, stream(90000*scale, .4), stream(20000*scale, .4))
	for k, share := range []float64{.5, .3, .2} {
		s.Partners = append(s.Partners, Partner{Name: planned(k), Tail: k == 2, Traffic: int64(90000 * scale * share)})
		s.Streams = append(s.Streams, stream(90000*scale*share, .4))
	}
	for m, n := range [Ratios]float64{40000 * scale, 90000 * scale, 1000 * scale} {
		for a := range Arms {
			x := math.Round(n * .0002)
			s.Ratios[m].N[a], s.Ratios[m].X[a] = n, x
			c := ClusterSums{N: n, X: x, NN: n * n / 400, XN: n * x / 400, XX: x * x / 400, FF: x*x/n + 399*x/n, G: 400}
			s.Ratios[m].ByCluster[a], s.Ratios[m].ByTask[a] = c, c
		}
		s.Ratios[m].Requests = n
	}
	for a := range Arms {
		s.Load[a] = Load{Tasks: 8, Connections: 800, Squares: 80000, Requests: s.Answered[a]}
		for i := range s.Scores[a] {
			s.Scores[a][i] = int64(1000 * scale)
		}
	}
	return s
}

// stream is one whose stable release filters 40 %.
func stream(n, candidate float64) Stream {
	const stable = .4
	return Stream{
		Served: between([Arms]float64{candidate, stable}, n, 400, 1.5),
		Pairs:  pairsOf(n/5, n/5*.015, n/5*.015, 400),
		Bids:   pairsOf(n*25, n*25*.01, n*25*.01, 200), BidsSeen: int64(n / 2), BidsFlips: int64(n / 2 * .02),
		Scored:   [Arms]int64{int64(n), int64(n)},
		Filtered: [Arms]int64{int64(n * candidate), int64(n * stable)},
	}
}

func findingOf(v Verdict, g Gate) Finding {
	i := slices.IndexFunc(v.Findings, func(f Finding) bool { return f.Gate == g })
	if i < 0 {
		return Finding{}
	}
	return v.Findings[i]
}

// Counts that were lost on the way are told, and hold up nothing.
func TestLostCountsAreTold(t *testing.T) {
	var s State
	seen := soundStep(time.Unix(1e9, 0), 1)
	seen.LostRows = 1200
	f := findingOf(s.Judge(seen, Policy{}), GateData)
	if f.Outcome != Acceptable || !strings.Contains(f.Sentence, "a part of 1,200 reports was lost on the way") {
		t.Errorf("%s: %s", f.Outcome, f.Sentence)
	}
}

func TestSoundStepIsAcceptable(t *testing.T) {
	var s State
	v := s.Judge(soundStep(time.Unix(1e9, 0), 1), Policy{Reference: evenReference(), Predicted: Interval{Low: .38, High: .42}})
	if v.Outcome != Acceptable {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
	for _, f := range v.Findings {
		if f.Outcome != Acceptable && f.Required > 0 || f.Sentence == "" {
			t.Errorf("%s is %s: %s", f.Gate, f.Outcome, f.Sentence)
		}
	}
	total := 0.0
	for _, one := range v.Spent {
		total += one.Alpha
	}
	if total > .05 || total < .048 || len(v.Spent) != 9 {
		t.Errorf("%v is spent on %d gates", total, len(v.Spent))
	}
	if b := findingOf(v, GateBreaker); b.Outcome != Acceptable {
		t.Errorf("breaker: %+v", b)
	}
}

// While one task alone fails grossly nothing goes on, whatever was proven before.
func TestSuspectIsNotAcceptable(t *testing.T) {
	var s State
	look := soundStep(time.Unix(1e9, 0), 1)
	look.Stretch = 1
	if v := s.Judge(look, Policy{}); v.Outcome != Acceptable {
		t.Fatalf("before: %s: %s", v.Outcome, v.Sentence)
	}
	look.At = look.At.Add(10 * time.Second)
	fine := look.Recent[CandidateArm]
	look.Recent[CandidateArm] = Recent{Requests: 900, Errors: 270, Pairs: 3000, Tasks: 8, Failing: []string{"a"}}
	v := s.Judge(look, Policy{})
	want := "UNSURE: breaker: 30.0 % of the candidate's latest requests are answered degraded (270 of 900), 0.0 % of stable's (0 of 900); " +
		"task a alone fails, so it may be its own fault"
	if v.Outcome != Unsure || v.Suspect != "a" || v.Gate != GateBreaker || v.Sentence != want || v.Progress >= 1 {
		t.Errorf("%s by %s, suspect %q, %v of the way: %s", v.Outcome, v.Gate, v.Suspect, v.Progress, v.Sentence)
	}
	suspected := look.At
	look.At, look.Recent[CandidateArm] = suspected.Add(suspectFor-1), fine
	want = "UNSURE: breaker: no gross harm; task a alone failed at 01:46:50, and until 01:48:50 UTC it is seen whether another does"
	if v := s.Judge(look, Policy{}); v.Outcome != Unsure || v.Suspect != "" || v.Sentence != want {
		t.Errorf("a moment later: %s, suspect %q: %s", v.Outcome, v.Suspect, v.Sentence)
	}
	look.At = suspected.Add(suspectFor)
	if v := s.Judge(look, Policy{}); v.Outcome != Acceptable {
		t.Errorf("after: %s: %s", v.Outcome, v.Sentence)
	}
}

// Nothing spends more than five in a hundred, whatever the policy.
func TestAlphaAddsUp(t *testing.T) {
	gates := []Gate{
		GateData, GateFilterRatePaired, GateFilterRateServed, GatePartnersPaired, GatePartnersServed, GateErrors,
		GateInvalidScores, GateLatency, GateDrift, GateMissedBids, GateMissedValue, GateSampleRatio, GatePrediction, GateBreaker,
	}
	sum := 0.0
	for _, g := range gates {
		sum += g.alpha(Policy{Drift: DriftRollBack}.Sane())
	}
	near(t, "alpha", sum, .05, 1e-12)
}

// A gateCase is something wrong, or not, and what comes of it.
type gateCase struct {
	name    string
	set     func(s *Statistics)
	policy  Policy
	outcome Outcome
	gate    Gate
	says    string
}

func gateCases() []gateCase {
	return []gateCase{
		{"slow", func(s *Statistics) { s.Latency.Of = between([Arms]float64{.03, .01}, 40000, 8, 1) }, Policy{}, Worse, GateLatency, "take 5.79 ms or more"},
		{"slow, not judged", func(s *Statistics) { s.Latency.Of = between([Arms]float64{.03, .01}, 40000, 8, 1) }, Policy{Latency: Off}, Acceptable, "", ""},
		{"beyond what was promised", func(s *Statistics) {
			s.SLO = Exceedance{Edge: 60, Of: between([Arms]float64{.03, .001}, 40000, 8, 1)}
		}, Policy{LatencySLO: 30 * time.Millisecond}, Worse, GateLatency, "32.8 ms"},
		{"latency dead", func(s *Statistics) { s.Latency.Of = Difference{} }, Policy{}, Unsure, GateLatency, "dead metric"},
		{"latency not required", func(s *Statistics) { s.Latency.Of = Difference{} }, Policy{Latency: Guard}, Acceptable, "", ""},
		{"few tasks", func(s *Statistics) {
			s.Latency.Of = Difference{}
			for a := range s.Load {
				s.Load[a].Tasks = 1
			}
		}, Policy{}, Acceptable, "", ""},
		{"bids missed", func(s *Statistics) {
			s.Streams[Overall].Bids = pairsOf(90000*25, 90000*25*.04, 90000*25*.01, 200)
			s.Streams[Overall].BidsFlips = 2250
		}, Policy{}, Worse, GateMissedBids, "missed_bids: of 45,000 bids"},
		{"served counts dead", func(s *Statistics) { s.Streams[Overall].Served = Difference{} }, Policy{}, Unsure, GateFilterRateServed, "nothing to compare"},
		{"served counts not required", func(s *Statistics) { s.Streams[Overall].Served = Difference{} }, Policy{Served: Guard}, Acceptable, "", ""},
		{"neither served counts nor pairs", func(s *Statistics) {
			for i := range s.Streams {
				s.Streams[i].Served, s.Streams[i].Pairs = Difference{}, PairSums{}
			}
		}, Policy{Served: Guard}, Unsure, GateFilterRateServed, "nothing to compare"},
		{"few bids", func(s *Statistics) { s.Streams[Overall].BidsSeen, s.Streams[Overall].BidsFlips = 50, 1 }, Policy{}, Unsure, GateMissedBids, ""},
		{"few bids, not required", func(s *Statistics) { s.Streams[Overall].BidsSeen, s.Streams[Overall].BidsFlips = 50, 1 }, Policy{MissedBids: Guard}, Acceptable, "", ""},
		{"drift", drifted, Policy{Reference: evenReference()}, Unsure, GateDrift, "HOLD score_drift"},
		{"drift rolls back", drifted, Policy{Reference: evenReference(), Drift: DriftRollBack}, Worse, GateDrift, "PSI"},
		{"drift off", drifted, Policy{Reference: evenReference(), Drift: DriftOff}, Acceptable, "", ""},
		{"more errors", func(s *Statistics) {
			r := &s.Ratios[ServedErrors]
			c := &r.ByCluster[CandidateArm]
			r.X[CandidateArm], c.X = 800, 800
			c.FF = 800*800/c.N + 399*800/c.N
		}, Policy{}, Worse, GateErrors, "error_rate"},
		{"uneven", func(s *Statistics) { s.Load[CandidateArm].Connections, s.Load[CandidateArm].Squares = 80, 800 }, Policy{}, Invalid, GateSampleRatio, "connections"},
		{"clocks", func(s *Statistics) { s.MaxSkew = time.Minute }, Policy{}, Invalid, GateData, "max_clock_skew"},
		{"otherwise than predicted", func(*Statistics) {}, Policy{Predicted: Interval{Low: .1, High: .2}}, Unsure, GatePrediction, "HOLD prediction"},
		{
			"stable was wrong all along", func(s *Statistics) { s.Streams[Overall].Served = between([Arms]float64{.4, .2}, 90000, 400, 1.5) },
			Policy{Predicted: Interval{Low: .39, High: .41}},
			Worse, GateFilterRateServed, "stable may have been wrong all along",
		},
		{"intended", func(s *Statistics) {
			for i := range s.Streams {
				s.Streams[i] = stream(s.Streams[i].Served.N[0], .45)
				s.Streams[i].Pairs = pairsOf(s.Streams[i].Pairs.N, s.Streams[i].Pairs.N*.06, s.Streams[i].Pairs.N*.01, 400)
			}
		}, Policy{Intended: .05}, Acceptable, "", ""},
		{"a crash", func(s *Statistics) { s.Crashes[CandidateArm], s.Crashed = 1, []string{"task-9"} }, Policy{}, Worse, GateBreaker, "task-9"},
		{"gross errors", func(s *Statistics) { s.Recent[CandidateArm].Errors = 300 }, Policy{}, Worse, GateBreaker, "300 of 900"},
		{"nothing fresh", func(s *Statistics) { s.Fresh = 0 }, Policy{}, Unsure, "", "too little has been counted"},
		{"no traffic", func(s *Statistics) { s.Answered = [Arms]int64{} }, Policy{}, NoData, "", "neither arm"},
		{"one side", func(s *Statistics) { s.Answered[CandidateArm] = 0 }, Policy{}, NoData, "", "the candidate has not answered"},
		{"damaged", func(s *Statistics) { s.Streams[3].Served.U2[0] = math.NaN() }, Policy{}, Invalid, GateData, "statistics of dsp-01 are damaged"},
		{"problems", func(s *Statistics) { s.Problems = []string{"task a: counts twice"} }, Policy{}, Invalid, GateData, "counts twice"},
	}
}

// What each gate makes of what is wrong, and how the verdict names it.
func TestGates(t *testing.T) {
	for _, tt := range gateCases() {
		var s State
		stats := soundStep(time.Unix(1e9, 0), 1)
		tt.set(&stats)
		v := s.Judge(stats, tt.policy)
		if v.Outcome != tt.outcome || v.Gate != tt.gate || !strings.Contains(v.Sentence, tt.says) {
			t.Errorf("%s: %s by %q: %s\nwant %s by %q saying %q", tt.name, v.Outcome, v.Gate, v.Sentence, tt.outcome, tt.gate, tt.says)
		}
		if f := findingOf(v, tt.gate); v.Outcome == Worse && !v.Breaker && !strings.HasPrefix(f.Otherwise, "at this look not worse, had") {
			t.Errorf("%s: otherwise %q", tt.name, f.Otherwise)
		}
		if v.Breaker != (tt.gate == GateBreaker) {
			t.Errorf("%s: breaker %v", tt.name, v.Breaker)
		}
		checkVerdict(t, v)
	}
}

func drifted(s *Statistics) {
	for i := range 16 {
		s.Scores[CandidateArm][i] *= 3
	}
	s.Drift = scoredBy(s.Scores[CandidateArm], 100, 0).Drift
}

// checkVerdict looks for what must never be.
func checkVerdict(t *testing.T, v Verdict) {
	t.Helper()
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("%v", err)
	}
	numbers := []float64{v.Progress, v.Detectable}
	for _, f := range v.Findings {
		numbers = append(numbers, f.CandidateRate, f.StableRate, f.Difference, f.Low, f.High, f.BandLow, f.BandHigh,
			f.Evidence, f.Threshold, f.Proof, f.Required, f.Alpha, f.Detectable)
		numbers = append(numbers, f.Growth...)
		for _, d := range f.Drivers {
			numbers = append(numbers, d.Share)
		}
		if f.Sentence == "" || f.Requests < 0 || f.Needed < 0 || len(f.Growth) > maxGrowth || len(f.Drivers) > maxDrivers {
			t.Errorf("%+v", f)
		}
	}
	for _, n := range numbers {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			t.Errorf("a number is %v in %+v", n, v)
		}
	}
	if v.Sentence == "" || (v.Class != "") != (v.Outcome == Inconclusive) || strings.Contains(v.Sentence, "NaN") {
		t.Errorf("%s, class %q: %q", v.Outcome, v.Class, v.Sentence)
	}
}

func TestBreakerIsLatched(t *testing.T) {
	var s State
	bad := soundStep(time.Unix(1e9, 0), 1)
	bad.Recent[CandidateArm].Errors = 300
	first := s.Judge(bad, Policy{})
	v := s.Judge(soundStep(time.Unix(1e9+5, 0), 2), Policy{})
	if v.Outcome != Worse || !v.Breaker || v.Sentence != first.Sentence {
		t.Errorf("%+v", v)
	}
}

// Drift and predictions hold for as long as they are wrong, and no longer.
func TestHoldIsNotLatched(t *testing.T) {
	var s State
	p := Policy{Reference: evenReference()}
	bad := soundStep(time.Unix(1e9, 0), 1)
	drifted(&bad)
	v := s.Judge(bad, p)
	if v.Outcome != Unsure || v.Gate != GateDrift {
		t.Fatalf("%s: %s", v.Outcome, v.Sentence)
	}
	if f := findingOf(v, GateDrift); !strings.HasPrefix(f.Otherwise, "at this look not held, had drift_margin been 2") {
		t.Errorf("otherwise %q", f.Otherwise)
	}
	if v := s.Judge(soundStep(time.Unix(1e9+5, 0), 2), p); v.Outcome != Acceptable {
		t.Errorf("%s: %s", v.Outcome, v.Sentence)
	}
}

func TestInconclusive(t *testing.T) {
	borderline := func(s *Statistics) { s.Streams[Overall].Served = between([Arms]float64{.4199, .4}, 400000, 400, 1.5) }
	soon := func(s *Statistics) { s.Streams[Overall].Served = between([Arms]float64{.4199, .4}, 45000, 400, 1.5) }
	halfWay := func(s *Statistics) { s.Streams[Overall].Served = between([Arms]float64{.414, .4}, 45000, 400, 1.5) }
	lasting := func(s *Statistics) { // twelve heavy connections
		s.Streams[Overall].Served = between([Arms]float64{.4, .4}, 400000, 12, 3)
	}
	floor := func(s *Statistics) { // grows no more, whatever is counted
		d := &s.Streams[Overall].Served
		*d = between([Arms]float64{.4, .4}, 400000*float64(s.Fresh), 60, 1)
		d.U2 = [Arms]float64{.0004 * d.Q * d.Q, .0004 * d.Q * d.Q}
	}
	starved := func(s *Statistics) {
		s.Streams[FirstPartner].Served = Difference{}
		s.Streams[FirstPartner].Pairs = pairsOf(300, 6, 6, 40)
	}
	for _, tt := range []struct {
		name  string
		set   func(s *Statistics)
		looks int
		every time.Duration
		class Class
		gate  Gate
	}{
		{"borderline", borderline, 1, time.Minute, Borderline, GateFilterRateServed},
		{"on the edge, soon", soon, 1, time.Minute, Borderline, GateFilterRateServed},
		{"half way to the edge", halfWay, 1, time.Minute, "", GateFilterRateServed},
		{"few connections", lasting, 20, time.Minute, Floor, GateFilterRateServed},
		{"few connections, others may come", lasting, 9, time.Minute, "", GateFilterRateServed},
		{"connections that last", floor, 40, time.Minute, Floor, GateFilterRateServed},
		{"connections that last, not yet", floor, 9, time.Minute, "", GateFilterRateServed},
		{"a small partner", starved, 200, time.Minute, Starved, GatePartnersPaired},
		{"a small partner, not yet", starved, 15, 3 * time.Second, "", GatePartnersPaired},
	} {
		var s State
		var v Verdict
		for i := range tt.looks {
			stats := soundStep(time.Unix(1e9, 0).Add(time.Duration(i)*tt.every), 1)
			stats.Fresh = i + 1
			tt.set(&stats)
			v = s.Judge(stats, Policy{})
			checkVerdict(t, v)
		}
		if v.Class != tt.class || v.Gate != tt.gate || (v.Outcome == Inconclusive) != (tt.class != "") {
			t.Errorf("%s: %s %s by %s: %s", tt.name, v.Outcome, v.Class, v.Gate, v.Sentence)
		}
		if v.Detectable <= 0 || v.Requests <= 0 || v.Needed <= 0 {
			t.Errorf("%s: %d of %d, %v", tt.name, v.Requests, v.Needed, v.Detectable)
		}
	}
}

// Evidence grows look by look, and the settings that would have changed the
// outcome are found.
func TestExplanations(t *testing.T) {
	var s State
	var v Verdict
	for i := range 40 {
		stats := soundStep(time.Unix(1e9, 0).Add(time.Duration(i)*time.Minute), 1)
		stats.Streams[Overall].Served = between([Arms]float64{.44, .4}, 1000*float64(i+1), 400, 1.5)
		stats.Streams[FirstPartner+1] = stream(30000, .42)
		stats.Loudest = []Cluster{{Task: "task-2", Bucket: 5, Arm: Candidate, Influence: .01}}
		v = s.Judge(stats, Policy{})
	}
	f := findingOf(v, GateFilterRateServed)
	if v.Outcome != Worse || len(f.Growth) != maxGrowth || !slices.IsSorted(f.Growth) {
		t.Errorf("%s: %v", v.Outcome, f.Growth)
	}
	if !strings.HasPrefix(f.Otherwise, "at this look not worse, had margin been 2.") {
		t.Errorf("otherwise %q", f.Otherwise)
	}
	if len(f.Drivers) != 2 || f.Drivers[0].Name != "connections 5 of task-2" || f.Drivers[1].Name != planned(1) {
		t.Errorf("drivers %v", f.Drivers)
	}
	ok := findingOf(v, GateFilterRatePaired)
	if !strings.HasPrefix(ok.Otherwise, "at this look not proven yet, had margin been less than") || ok.Detectable <= 0 || ok.Alpha != .005 {
		t.Errorf("%+v", ok)
	}
}

// A checkpoint in between changes nothing.
func TestCheckpointOfAJudge(t *testing.T) {
	var kept, restored State
	for i := range 40 {
		stats := soundStep(time.Unix(1e9, 0).Add(time.Duration(i)*time.Minute), .05*float64(i+1))
		a := kept.Judge(stats, Policy{Reference: evenReference()})
		data, err := json.Marshal(restored)
		if err != nil {
			t.Fatal(err)
		}
		restored = State{}
		if err := json.Unmarshal(data, &restored); err != nil {
			t.Fatal(err)
		}
		if b := restored.Judge(stats, Policy{Reference: evenReference()}); !reflect.DeepEqual(a, b) {
			t.Fatalf("look %d:\n%+v\n%+v", i, a, b)
		}
	}
}

// No statistics give a number that is none, a panic, or acceptance of nothing.
func FuzzStatistics(f *testing.F) {
	f.Add(uint64(1), 3, 1.0)
	f.Add(uint64(2), 9, math.Inf(1))
	f.Add(uint64(77), 4, -5.)
	f.Fuzz(func(t *testing.T, seed uint64, looks int, odd float64) {
		var s State
		rng := newMess(seed, odd)
		for i := range max(1, min(looks, 12)) {
			stats := soundStep(time.Unix(1e9, 0).Add(time.Duration(rng.IntN(1+i*40))*time.Second), rng.scale())
			empty := rng.spoil(&stats)
			v := s.Judge(stats, rng.policy())
			checkVerdict(t, v)
			if empty && v.Outcome == Acceptable {
				t.Fatalf("accepts nothing: %+v", stats)
			}
			if t.Failed() {
				t.Fatalf("%+v", stats)
			}
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	stats := soundStep(time.Unix(1e9, 0), 1)
	for k := 3; k < 100; k++ {
		stats.Partners = append(stats.Partners, Partner{Name: planned(k), Traffic: 900})
		stats.Streams = append(stats.Streams, stream(900, .4))
	}
	p := Policy{Reference: evenReference(), Predicted: Interval{Low: .3, High: .5}}
	drifted(&stats)
	var s State
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		stats.At = stats.At.Add(time.Second)
		s.Judge(stats, p)
	}
}

// Where served counts cannot tell, since they come over too few connections,
// pairs prove instead: in an early step at once, in the last one only those of
// the requests that the candidate answers, and once it is sure that more traffic
// brings nothing. Against the candidate served counts are heard all the same.
func TestPairsInsteadOfServed(t *testing.T) {
	at := time.Unix(1e9, 0)
	few := func(i int, live bool) Statistics {
		s := soundStep(at.Add(time.Duration(i)*time.Minute), 2)
		s.Stretch = 1
		for k := range s.Streams {
			st := &s.Streams[k]
			st.Served = between([Arms]float64{.4, .4}, 90000, 6, 1.5)
			if st.Present = st.Pairs; live {
				st.Live = st.Pairs
			} else {
				st.Live = pairsOf(1000, 15, 15, 3)
			}
		}
		return s
	}
	for _, tt := range []struct {
		name        string
		early, live bool
		after       int // looks until it is acceptable; 0: never
	}{
		{"an early step", true, false, 1},
		{"the last step", false, true, 16},
		{"the last step, without live pairs that prove anything", false, false, 0},
	} {
		var s State
		p, accepted := Policy{Early: tt.early}, 0
		for i := 1; i <= 40 && accepted == 0; i++ {
			if v := s.Judge(few(i, tt.live), p); v.Outcome == Acceptable {
				accepted = i
				if f := findingOf(v, GateFilterRateServed); f.Required != 0 || !strings.HasPrefix(f.Sentence, "served counts cannot tell, but pairs") {
					t.Errorf("%s: %+v", tt.name, f)
				}
			}
		}
		if accepted != tt.after {
			t.Errorf("%s: acceptable at look %d, want %d", tt.name, accepted, tt.after)
		}
	}
	var s State
	worse := few(1, true)
	worse.Streams[Overall].Served = between([Arms]float64{.47, .4}, 90000, 400, 1.5)
	if v := s.Judge(worse, Policy{Early: true}); v.Outcome == Acceptable {
		t.Errorf("served counts that accuse the candidate are passed over: %s", v.Sentence)
	}
}
