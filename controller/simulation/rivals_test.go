package simulation

import (
	"math"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
)

func TestRankSumQuantile(t *testing.T) {
	for _, tt := range []struct {
		q    float64
		m, n int
		want int
	}{ // R: qwilcox(q, m, n)
		{.025, 10, 10, 24},
		{.025, 5, 5, 3},
		{.01, 5, 5, 2},
		{.025, 7, 9, 13},
		{.5, 4, 4, 8},
		{.005, 3, 3, 0},
	} {
		if got := rankSumQuantile(tt.q, tt.m, tt.n); got != tt.want {
			t.Errorf("quantile %v of U(%d, %d) is %d, want %d", tt.q, tt.m, tt.n, got, tt.want)
		}
	}
}

// R: wilcox.test(a, b, conf.int = TRUE) with the data of its help page.
func TestShift(t *testing.T) {
	a := []float64{.80, .83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, .73, 1.46}
	b := []float64{1.15, .88, .90, .74, 1.21}
	low, high, estimate := shift(a, b, .05)
	if math.Abs(low+.15) > 1e-9 || math.Abs(high-.76) > 1e-9 || math.Abs(estimate-.305) > 1e-9 {
		t.Errorf("shift is %v [%v, %v], want .305 [-.15, .76]", estimate, low, high)
	}
}

func TestTwoShares(t *testing.T) {
	var v interval
	v.n[judge.CandidateArm][filtering], v.x[judge.CandidateArm][filtering] = 100, 60
	v.n[judge.ControlArm][filtering], v.x[judge.ControlArm][filtering] = 200, 100
	want := .1 / math.Sqrt(160./300*140./300*(1./100+1./200))
	if got := twoShares(v, filtering); math.Abs(got-want) > 1e-12 {
		t.Errorf("z is %v, want %v", got, want)
	}
	if got := twoShares(interval{}, failing); got != 0 {
		t.Errorf("z of nothing is %v", got)
	}
}

func even(candidate, stable float64) interval {
	var v interval
	for a, rate := range []float64{candidate, stable} {
		v.n[a] = [metrics]float64{20000, 4000, 4000}
		v.x[a] = [metrics]float64{20000 * rate, 2, 40}
	}
	return v
}

// What every rival says of arms that are exactly alike, and of arms that
// differ by ten points.
func TestRivals(t *testing.T) {
	for name, fresh := range rivals() {
		for _, tt := range []struct {
			candidate float64
			want      Ending
			by        int
		}{{.4, Promoted, rivalLooks}, {.5, RolledBack, 30}, {.3, RolledBack, 30}} {
			r, looks, got := fresh(), 0, Undecided
			for ; got == Undecided && looks < 1000; looks++ {
				wobble := .001 * float64(looks%7) // no ties
				got = r.look(even(tt.candidate+wobble, .4+wobble))
			}
			if got != tt.want || looks > tt.by {
				t.Errorf("%s on %v against .4: %s after %d looks, want %s by %d", name, tt.candidate, got, looks, tt.want, tt.by)
			}
		}
	}
}
