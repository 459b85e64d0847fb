package judge

import (
	"strings"
	"testing"
	"time"
)

// Bids on requests that the candidate answers are half of all. What is lost
// there alone holds up the last step and ends the rollout, and is shown by
// those bids; an early step, and a log without them, go by all.
func TestLiveBids(t *testing.T) {
	at := time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC)
	const n = 10_000
	live := func(lost, kept float64, bids int64) LiveBids {
		w := 50 * float64(bids)
		l := LiveBids{Told: true, Bids: pairsOf(w, w*lost, w*kept, 400), Seen: bids, Flips: int64((lost + kept) * float64(bids))}
		l.Bids.F2, l.Bids.M = l.Bids.Ten*50*2, 400
		return l
	}
	for _, tt := range []struct {
		name        string
		live        LiveBids
		early, last Outcome
		says        string
	}{
		{"counted without them", LiveBids{}, Acceptable, Acceptable, ""},
		{"as all", live(.01, .01, n), Acceptable, Acceptable, ""},
		{"somewhat more", live(.0125, .01, n), Acceptable, Acceptable, ""},
		{"more than the margin", live(.0185, .01, n), Acceptable, Unsure, "on requests that the candidate answers +0.85 pt"},
		{"the same, in too few to tell", live(.0185, .01, 400), Acceptable, Acceptable, ""},
		{"far more", live(.04, .01, n), Worse, Worse, "bids on explored requests that the candidate answers only the candidate would miss 400 and only stable 100 (+3.00 pt"},
		{"fewer", live(.01, .04, n), Acceptable, Acceptable, ""},
	} {
		for name, want := range map[string]Outcome{"early": tt.early, "last": tt.last} {
			var s State
			p := Policy{}
			if name == "early" {
				p = Policy{Early: true, Wider: 2.5, Margin: .05}
			}
			counted := soundStep(at, 1)
			counted.LiveBids = tt.live
			f := findingOf(s.Judge(counted, p), GateMissedBids)
			if f.Outcome != want {
				t.Errorf("%s, %s step: %s, want %s: %s", tt.name, name, f.Outcome, want, f.Sentence)
			}
			if want != Acceptable && !strings.Contains(f.Sentence, tt.says) {
				t.Errorf("%s, %s step: %q, want it to say %q", tt.name, name, f.Sentence, tt.says)
			}
			if want == Worse && f.Low <= f.BandHigh {
				t.Errorf("%s: worse than %v, and shown as from %v on", tt.name, f.BandHigh, f.Low)
			}
		}
	}
}

// The value of bids is heard in the same way.
func TestLiveValue(t *testing.T) {
	for name, tt := range map[string]struct {
		clusters int
		lost     float64
		want     Outcome
		says     string
	}{
		"as all":               {400, 0, Acceptable, ""},
		"more than the margin": {60, .013, Unsure, "what all bids prove does not hold there"},
		"far more":             {400, .2, Worse, "of the value of 50,000 bids on explored requests that the candidate answers"},
	} {
		s := priced(0)
		s.LiveBids = LiveBids{Told: true, Bids: s.Streams[Overall].Bids, Seen: 50_000, Flips: 1000, Value: worthClusters(tt.clusters, tt.clusters/2, tt.lost)}
		var state State
		if f := findingOf(state.Judge(s, Policy{}), GateMissedValue); f.Outcome != tt.want || !strings.Contains(f.Sentence, tt.says) {
			t.Errorf("%s: %s, want %s: %s", name, f.Outcome, tt.want, f.Sentence)
		}
	}
}
