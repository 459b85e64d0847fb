package judge

import (
	"math"
	"strings"
	"testing"
	"time"
)

// An early step is content with the proof of a wider margin for errors and
// bids; what is harm is the same in every step, and the last one asks for all.
func TestEarlyStepsProveLess(t *testing.T) {
	at := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	bids := func(ten, one float64) func(*Statistics) {
		return func(s *Statistics) { s.Streams[Overall].Bids = pairsOf(2_250_000, ten*2_250_000, one*2_250_000, 200) }
	}
	value := func(ten, one float64) func(*Statistics) {
		return func(s *Statistics) {
			s.Worth = Worth{Prices: make([]int64, PriceBins)}
			s.Worth.Prices[40] = s.Streams[Overall].BidsSeen
			s.Values = make([]ValueSums, len(s.Streams))
			for range 1000 {
				s.Values[Overall].Add(50, 50*ten, 50*one)
			}
		}
	}
	errors := func(candidate float64) func(*Statistics) {
		return func(s *Statistics) {
			for a, rate := range [Arms]float64{candidate, candidate / 1.2} {
				r := &s.Ratios[ServedErrors]
				n := r.N[a]
				x := math.Round(n * rate)
				r.X[a] = x
				r.ByCluster[a] = ClusterSums{N: n, X: x, NN: n * n / 400, XN: n * x / 400, XX: x * x / 400, FF: x*x/n + 399*x/n, G: 400}
			}
		}
	}
	for _, tt := range []struct {
		name        string
		gate        Gate
		count       func(*Statistics)
		early, last Outcome
		says        string
	}{
		{"bids near the margin", GateMissedBids, bids(.012, .0085), Acceptable, Unsure, "allowed up to +0.50 pt (in this step a proof of +1.25 pt will do)"},
		{"bids that are fine", GateMissedBids, bids(.01, .01), Acceptable, Acceptable, ""},
		{"bids beyond it", GateMissedBids, bids(.03, .01), Worse, Worse, "allowed up to +0.50 pt"},
		{"value near the margin", GateMissedValue, value(.012, .003), Acceptable, Unsure, "allowed up to +1.00 pt (in this step a proof of +2.50 pt will do)"},
		{"no prices", GateMissedValue, func(*Statistics) {}, NoData, NoData, "no bid came with a price"},
		{"errors near the floor", GateErrors, errors(.0009), Acceptable, Unsure, "or 0.10 % (in this step a proof of 0.25 % will do)"},
		{"errors that are few", GateErrors, errors(.0001), Acceptable, Acceptable, ""},
		{"errors beyond it", GateErrors, errors(.01), Unsure, Unsure, ""}, // 1.2 times stable's
	} {
		for name, want := range map[string]Outcome{"early": tt.early, "last": tt.last} {
			var s State
			p := Policy{}
			if name == "early" {
				p = Policy{Early: true, Wider: 2.5, Margin: .05}
			}
			counted := soundStep(at, 1)
			tt.count(&counted)
			f := findingOf(s.Judge(counted, p), tt.gate)
			if f.Outcome != want {
				t.Errorf("%s, %s step: %s, want %s: %s", tt.name, name, f.Outcome, want, f.Sentence)
			}
			if want == Worse && f.BandHigh != .005 {
				t.Errorf("%s, %s step: worse than %v", tt.name, name, f.BandHigh)
			}
			if name == "early" && !strings.Contains(f.Sentence, tt.says) {
				t.Errorf("%s: %q, want it to say %q", tt.name, f.Sentence, tt.says)
			}
			if strings.Contains(f.Otherwise, "acceptable already") && name == "early" {
				t.Errorf("%s: %q counts by another margin than the setting's", tt.name, f.Otherwise)
			}
		}
	}
}

// What was proven by a wider margin is not proven by the usual one.
func TestLastStepProvesAnew(t *testing.T) {
	at := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	counted := soundStep(at, 1)
	counted.Streams[Overall].Bids = pairsOf(2_250_000, .012*2_250_000, .0085*2_250_000, 200)
	var s State
	first := findingOf(s.Judge(counted, Policy{Early: true, Wider: 2.5}), GateMissedBids)
	counted.At, counted.Step = at.Add(time.Minute), 2
	last := findingOf(s.Judge(counted, Policy{}), GateMissedBids)
	if first.Outcome != Acceptable || last.Outcome != Unsure || first.BandHigh != .0125 || last.BandHigh != .005 {
		t.Errorf("first %s up to %v, then %s up to %v", first.Outcome, first.BandHigh, last.Outcome, last.BandHigh)
	}
}

// A proof in full that once stood goes on to stand after an early step that
// asked for less, as long as the counts agree.
func TestProofsInFullOutliveEarlySteps(t *testing.T) {
	at := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	for _, gate := range []Gate{GateMissedBids, GateErrors} {
		var s State
		for i, p := range []Policy{{}, {Early: true, Wider: 2.5}, {}} {
			counted := soundStep(at.Add(time.Duration(i)*time.Minute), 1)
			counted.Step = i + 1
			if i > 0 { // less certain than before
				counted.Streams[Overall].Bids = pairsOf(2_250_000, .012*2_250_000, .0085*2_250_000, 200)
				r := &counted.Ratios[ServedErrors]
				r.N, r.X = [Arms]float64{}, [Arms]float64{}
				r.ByCluster[CandidateArm].FF *= 400
			}
			if f := findingOf(s.Judge(counted, p), gate); f.Outcome != Acceptable {
				t.Errorf("%s, step %d: %s", gate, i+1, f.Sentence)
			}
		}
	}
}
