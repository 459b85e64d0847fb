package judge

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func usualTraffic() Traffic {
	t := Traffic{
		Requests: 2000, Tasks: [Arms]int{8, 8}, PerRequest: 20, Connections: 100, Effect: 2, Sample: .02,
		FilterRate: .4, FlipRate: .04, ErrorRate: .001, InvalidRate: .0001, Explore: .02, BidRate: .1,
	}
	for k := range 100 {
		t.Partners = append(t.Partners, PartnerTraffic{Name: planned(k), Share: 1 / float64(k+1) / 5.187})
	}
	return t
}

func findGate(f Forecast, gate Gate, partner string) GateForecast {
	for _, g := range f.Gates {
		if g.Gate == gate && g.Partner == partner {
			return g
		}
	}
	return GateForecast{}
}

// The planning constants: n = 12 sigma^2/m^2 per equal arm on average, 15 in 80
// and 17.5 in 90 of 100 cases; on pairs sigma^2 is the share that differs.
func TestPlanConstants(t *testing.T) {
	traffic := usualTraffic()
	traffic.PerRequest = 1
	f := Plan(traffic, Policy{})
	served := findGate(f, GateFilterRateServed, "")
	n := 12 * 2 * .4 * .6 * 2 / (.02 * .02)
	near(t, "served mean", served.Mean.Seconds(), math.Max(1, n/16000), .5)
	paired := findGate(f, GateFilterRatePaired, "")
	near(t, "paired mean", paired.Mean.Seconds(), 12*.04/.0004/(.02*32000), .5)
	near(t, "p90/mean", float64(findGate(f, GatePartnersPaired, planned(5)).P90)/
		float64(findGate(f, GatePartnersPaired, planned(5)).Mean), 17.5/12, .2)
	near(t, "detectable", served.Detectable, math.Sqrt(19*2*.24*2/(16000*7200)), 1e-9)
	near(t, "detectable of pairs", paired.Detectable, math.Sqrt(19*.04/(640*7200)), 1e-9)
}

// Persistent connections: n = 12 * 2 * ICC * p(1-p)/m^2 of them per arm are
// needed, 720 for 2 points, ICC .05 and p = .4; with fewer no time is enough.
func TestPlanPersistentConnections(t *testing.T) {
	for _, tt := range []struct {
		perTask float64
		never   bool
	}{{80, true}, {200, false}} {
		traffic := usualTraffic()
		traffic.Lasting, traffic.Connections = .05, tt.perTask
		g := findGate(Plan(traffic, Policy{}), GateFilterRateServed, "")
		if (g.Never != "") != tt.never || (g.P90 == 0) != tt.never {
			t.Errorf("%v connections per task: %+v", tt.perTask, g)
		}
	}
}

func TestPlanOrderAndWarnings(t *testing.T) {
	traffic := usualTraffic()
	f := Plan(traffic, Policy{})
	for i, g := range f.Gates[1:] {
		if was := f.Gates[i]; !was.Required && g.Required || was.Required == g.Required && was.slowness() < g.slowness() {
			t.Fatalf("%+v before %+v", was, g)
		}
	}
	if f.P80 <= 0 || f.Gate != f.Gates[0].Gate || f.Mean > f.P80 || f.P80 > f.P90 {
		t.Errorf("%+v", f)
	}
	var policy Policy
	for name, change := range map[string]func(){
		"clusters":          func() { traffic.Tasks, traffic.Connections = [Arms]int{1, 1}, 3 },
		"phase_wait":        func() { traffic.Wait = time.Second },
		"never":             func() { traffic.Requests = 0 },
		"judged together":   func() { traffic.Sample, traffic.Requests = .0001, 10 },
		"judge.error_ratio": func() { traffic.ErrorRate, policy.ErrorRatio = .2, 1 },
	} {
		traffic, policy = usualTraffic(), Policy{}
		change()
		f := Plan(traffic, policy)
		if all := strings.Join(f.Warnings, "\n"); !strings.Contains(all, name) {
			t.Errorf("%s is not in:\n%s", name, all)
		}
	}
}

// A partner that is small needs longer, and one that is tiny goes with others.
func TestPlanPartners(t *testing.T) {
	f := Plan(usualTraffic(), Policy{})
	first, small := findGate(f, GatePartnersPaired, planned(0)), findGate(f, GatePartnersPaired, planned(99))
	if !first.Required || small.Required || !(first.Detectable < small.Detectable) || !(first.P80 < small.P80) {
		t.Errorf("first %+v, last %+v", first, small)
	}
	if all := findGate(f, GatePartnersPaired, smallPartners); !all.Required || all.P80 == 0 {
		t.Errorf("%+v", all)
	}
}

func FuzzPlan(f *testing.F) {
	f.Add(100., 1, 8, 20., 50., .05, 3., .4, .04, .001, .02, .02, .1, .3)
	f.Add(math.NaN(), -1, 0, math.Inf(1), -1., 2., 0., 1., 0., 1., 1., 1., 1., 1.)
	f.Fuzz(func(t *testing.T, requests float64, c, s int, per, connections, lasting, effect, rate, flip, errors, sample, explore, bids, share float64) {
		traffic := Traffic{
			Requests: requests, Tasks: [Arms]int{c, s}, PerRequest: per, Connections: connections, Lasting: lasting, Effect: effect,
			FilterRate: rate, FlipRate: flip, ErrorRate: errors, InvalidRate: errors, Sample: sample, Explore: explore, BidRate: bids,
			Partners: []PartnerTraffic{{Name: "a", Share: share}, {Name: "b", Share: 1 - share, FilterRate: rate, FlipRate: flip}},
		}
		for _, g := range Plan(traffic, Policy{}).Gates {
			if math.IsNaN(g.Detectable) || g.Detectable < 0 || g.Detectable > 1 || math.IsNaN(g.PerHour) || math.IsNaN(g.Margin) ||
				g.Mean < 0 || g.Mean > g.P80 && g.P80 > 0 || g.P80 > g.P90 && g.P90 > 0 || g.P90 > maxForecast {
				t.Errorf("%+v", g)
			}
		}
	})
}

func planned(k int) string { return fmt.Sprintf("dsp-%02d", k) }
