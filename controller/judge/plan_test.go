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

// slowTraffic is so little that seconds are many, and numbers by hand are few.
func slowTraffic() Traffic {
	return Traffic{
		Requests: 1, Tasks: [Arms]int{4, 12}, PerRequest: 2, Effect: 3, FilterRate: .4, FlipRate: .04, ErrorRate: .0005, InvalidRate: .002,
		Sample: .1, Explore: .05, BidRate: .2,
		Partners: []PartnerTraffic{{Name: "c", Share: .1}, {Name: "a", Share: .7}, {Name: "b", Share: .2, FilterRate: .3, FlipRate: .1}},
	}
}

// aSecond is what times are rounded to, and at least.
func aSecond(t *testing.T, what string, got time.Duration, want float64) {
	t.Helper()
	if math.Abs(got.Seconds()-max(1, want)) > .5+1e-6 {
		t.Errorf("%s: %v, want %v s", what, got, want)
	}
}

// Each forecast is what the constants make of the arms' 8 and 24 pairs a second.
func TestPlanByHand(t *testing.T) {
	alone := slowTraffic()
	alone.Sample = 0
	var b, wide Policy
	b.Latency, wide.LatencyMargin = Guard, .6
	for _, tt := range []struct {
		what      string
		traffic   Traffic
		policy    Policy
		gate      Gate
		partner   string
		required  bool
		margin    float64
		perHour   float64
		perSecond float64 // information
	}{
		{"served", slowTraffic(), Policy{}, GateFilterRateServed, "", true, .02, 28800, 1 / (.24 * (1./8 + 1./24) * 3)},
		{"paired", slowTraffic(), Policy{}, GateFilterRatePaired, "", true, .02, 11520, 3.2 / .04},
		{"a", slowTraffic(), Policy{}, GatePartnersPaired, "a", true, .03, 11520 * .7, 3.2 * .7 / .04},
		{"b", slowTraffic(), Policy{}, GatePartnersPaired, "b", true, .03, 11520 * .2, 3.2 * .2 / .1},
		{"c", slowTraffic(), Policy{}, GatePartnersPaired, "c", false, .05, 1152, 3.2 * .1 / .04},
		{"the rest", slowTraffic(), Policy{}, GatePartnersPaired, smallPartners, true, .05, 1152, 3.2 * .1 / .04},
		{"a without pairs", alone, Policy{}, GatePartnersServed, "a", true, .03, 28800 * .7, 1 / (.24 * (1/5.6 + 1/16.8) * 2.4)},
		{"b without pairs", alone, Policy{}, GatePartnersServed, "b", true, .03, 28800 * .2, 1 / (.21 * (1/1.6 + 1/4.8) * 2)},
		{"latency of few tasks", slowTraffic(), Policy{}, GateLatency, "", true, .01, 14400, 1 / (.0099 * (1./4 + 1./12) * 3)},
		{"latency not required", slowTraffic(), b, GateLatency, "", false, .01, 14400, 1 / (.0099 * (1./4 + 1./12) * 3)},
		{"latency of any kind", slowTraffic(), wide, GateLatency, "", true, 1, 14400, 1 / (.0099 * (1./4 + 1./12) * 3)},
		{"bids", slowTraffic(), Policy{}, GateMissedBids, "", true, .005, 3600 * .32, .32 / .04},
	} {
		g := findGate(Plan(tt.traffic, tt.policy), tt.gate, tt.partner)
		near(t, tt.what+" per hour", g.PerHour, tt.perHour, 1e-9)
		near(t, tt.what+" margin", g.Margin, tt.margin, 1e-12)
		m2 := tt.margin * tt.margin
		aSecond(t, tt.what+" mean", g.Mean, 12/m2/tt.perSecond)
		aSecond(t, tt.what+" p80", g.P80, 15/m2/tt.perSecond)
		aSecond(t, tt.what+" p90", g.P90, 17.5/m2/tt.perSecond)
		near(t, tt.what+" detectable", g.Detectable, min(1, math.Sqrt(19/(tt.perSecond*7200))), 1e-9)
		if g.Required != tt.required || g.Never != "" {
			t.Errorf("%s: %+v", tt.what, g)
		}
	}
}

// Errors are proven to be few by whichever evidence grows fastest, and harm is
// found from that rate on at which both kinds of it suffice.
func TestPlanRareEvents(t *testing.T) {
	p := Policy{}.Sane()
	for _, tt := range []struct {
		gate          Gate
		c, s          float64
		rate, margin  float64
		threshold     float64
		perHour, much float64
	}{
		{GateErrors, 4, 12, .0005, .0005, 1 / errorsAlpha, 14400, .0005},
		{GateInvalidScores, 8, 24, .002, .001, 1 / invalidAlpha, 28800, .001},
	} {
		g := findGate(Plan(slowTraffic(), Policy{}), tt.gate, "")
		growth := 0.0
		for _, a := range ratioProofs() {
			growth = max(growth, ratioLog(tt.rate*tt.c, tt.c, tt.rate*tt.s, tt.s, 1.5, a))
		}
		for _, a := range []float64{.5, .2, .05} {
			growth = max(growth, bernoulliLog(tt.rate*tt.c, tt.c, .001, a))
		}
		mean := math.Log(20*6) * 3 / growth
		near(t, "margin", g.Margin, tt.margin, 1e-9)
		near(t, "per hour", g.PerHour, tt.perHour, 1e-9)
		aSecond(t, "mean", g.Mean, mean)
		aSecond(t, "p80", g.P80, mean*1.25)
		aSecond(t, "p90", g.P90, mean*17.5/12)
		if !g.Required {
			t.Errorf("%+v", g)
		}
		evidence := func(harm float64) float64 { // within two hours, of what is needed
			ratio, floor := 0.0, 0.0
			for _, a := range ratioSteps() {
				ratio = max(ratio, ratioLog(harm*tt.c, tt.c, tt.rate*tt.s, tt.s, p.ErrorRatio, a))
				floor = max(floor, bernoulliLog(harm*tt.c, tt.c, p.ErrorFloor, a))
			}
			return min(ratio, floor) * 7200 / (math.Log(7*tt.threshold) * 3 * 1.5)
		}
		near(t, "harm that is found", evidence(tt.rate+tt.margin+g.Detectable), 1, 1e-6)
	}
	hopeless := slowTraffic()
	hopeless.Wait = time.Second
	if g := findGate(Plan(hopeless, Policy{}), GateErrors, ""); g.Detectable != 1 {
		t.Errorf("within a second: %+v", g)
	}
}

// While connections last there is an end to what they tell.
func TestPlanCeiling(t *testing.T) {
	traffic := slowTraffic()
	traffic.Lasting, traffic.Connections = .05, 100
	pace, ceiling := 1/(.24*(1./8+1./24)*3), 1/(.05*.24*(1./400+1./1200))
	within := func(n float64) float64 { return n / (1 - n/ceiling) / pace }
	g := findGate(Plan(traffic, Policy{Margin: .03}), GateFilterRateServed, "")
	aSecond(t, "mean", g.Mean, within(12/.0009))
	aSecond(t, "p90", g.P90, within(17.5/.0009))
	near(t, "detectable", g.Detectable, math.Sqrt(19*(1/(pace*7200)+1/ceiling)), 1e-9)
	if g := findGate(Plan(traffic, Policy{Margin: .025}), GateFilterRateServed, ""); g.Mean == 0 || g.P80 == 0 || g.P90 != 0 || !strings.Contains(g.Never, "connections last too long") {
		t.Errorf("19,200 and 24,000 of 25,000 are reached, 28,000 are not: %+v", g)
	}
	if g := findGate(Plan(traffic, Policy{}), GateLatency, ""); g.Never != "" {
		t.Errorf("latency is no matter of connections: %+v", g)
	}
	unknown := traffic
	if unknown.Connections = 0; findGate(Plan(unknown, Policy{}), GateFilterRateServed, "").Never != "" {
		t.Error("of connections of which nothing is known there are enough")
	}
	near(t, "clusters", traffic.usual().clusters(), 4*64*(1-math.Pow(63./64, 100)), 1e-9)
	traffic.Connections = 0
	near(t, "clusters of enough connections", traffic.usual().clusters(), 256, 0)
	traffic.Tasks, traffic.Buckets = [Arms]int{9, 1}, 4
	near(t, "at least", traffic.usual().clusters(), 16, 0)
}

// A partner is of tier 1 as long as those before it do not cover the share.
func TestPlanTiers(t *testing.T) {
	traffic := slowTraffic()
	traffic.Partners = []PartnerTraffic{{Name: "a", Share: .5}, {Name: "b", Share: .25}, {Name: "c", Share: .25}, {Name: "d"}}
	idle := traffic
	if idle.Partners = []PartnerTraffic{{Name: "idle"}}; len(idle.usual().byPartner(Policy{}.Sane())) != 1 || idle.usual().byPartner(Policy{}.Sane())[0].Required {
		t.Errorf("a partner without traffic is waited for: %+v", idle.usual().byPartner(Policy{}.Sane()))
	}
	for share, want := range map[float64]string{.5: "a", .51: "a b", .75: "a b", .76: "a b c"} {
		var got []string
		for _, g := range traffic.usual().byPartner(Policy{TierOneShare: share}.Sane()) {
			if g.Required && g.Partner != smallPartners {
				got = append(got, g.Partner)
			}
		}
		if all := strings.Join(got, " "); all != want {
			t.Errorf("%v: %s, want %s", share, all, want)
		}
	}
}

// What a forecast cannot say it says why, and what nobody may wait for.
func TestPlanNever(t *testing.T) {
	three, four, seven, eight, off, deaf := slowTraffic(), slowTraffic(), slowTraffic(), slowTraffic(), Policy{Latency: Off}, Policy{MissedBids: Off}
	three.Tasks[0], four.Tasks[0], seven.Tasks[0], eight.Tasks[0] = 3, 4, 7, 8
	one, unexplored, quiet := slowTraffic(), slowTraffic(), slowTraffic()
	one.Tasks[1], unexplored.Explore, quiet.BidRate = 0, 0, 0
	for _, tt := range []struct {
		what    string
		traffic Traffic
		policy  Policy
		gate    Gate
		never   string
		margin  float64
	}{
		{"three tasks", three, Policy{}, GateLatency, "fewer than 4 tasks", .01},
		{"four tasks", four, Policy{}, GateLatency, "", .01},
		{"seven tasks", seven, Policy{}, GateLatency, "", .01},
		{"eight tasks", eight, Policy{}, GateLatency, "", .005},
		{"off", eight, off, GateLatency, "switched off", .005},
		{"no stable", one, Policy{}, GateErrors, "one arm gets no traffic", .0005},
		{"no stable to filter", one, Policy{}, GateFilterRateServed, "one arm gets no traffic", .02},
		{"unexplored", unexplored, Policy{}, GateMissedBids, "nothing is explored", .005},
		{"quiet", quiet, Policy{}, GateMissedBids, "nothing is explored", .005},
		{"not heard", eight, deaf, GateMissedBids, "nothing is explored", .005},
	} {
		g := findGate(Plan(tt.traffic, tt.policy), tt.gate, "")
		never := tt.never != ""
		if (g.Never != "") != never || !strings.Contains(g.Never, tt.never) || never && (g.Detectable != 1 || g.P90 != 0) || math.Abs(g.Margin-tt.margin) > 1e-12 {
			t.Errorf("%s: %+v", tt.what, g)
		}
		if waits := !never || tt.what == "no stable" || tt.what == "no stable to filter"; g.Required != waits {
			t.Errorf("%s: required %v", tt.what, g.Required)
		}
	}
	if s := (GateForecast{}).slowness(); s != math.MaxInt64 {
		t.Errorf("what never ends takes %v", s)
	}
	for v, want := range map[float64]time.Duration{0: time.Second, 1.4: time.Second, 1.6: 2 * time.Second, 1e300: maxForecast, math.NaN(): maxForecast} {
		if got := seconds(v); got != want {
			t.Errorf("%v seconds are %v", v, got)
		}
	}
	if order(true, true) != 0 || order(true, false) != 1 || order(false, true) != -1 {
		t.Error("order")
	}
}

// Warnings tell what takes longer than there is time, and how large harm to a
// small partner may be.
func TestPlanWarns(t *testing.T) {
	traffic := slowTraffic()
	g := findGate(Plan(traffic, Policy{}), GateMissedBids, "")
	count := func(wait time.Duration, with string) (n int) {
		traffic.Wait = wait
		for _, w := range Plan(traffic, Policy{}).Warnings {
			if strings.Contains(w, with) {
				n++
			}
		}
		return n
	}
	if count(g.P80, string(GateMissedBids)) != 0 || count(g.P80-1, string(GateMissedBids)+" takes about") != 1 {
		t.Errorf("missed bids take %v: %q", g.P80, Plan(traffic, Policy{}).Warnings)
	}
	least := slowTraffic()
	least.Tasks, least.Buckets = [Arms]int{1, 1}, 16
	if all := strings.Join(Plan(least, Policy{}).Warnings, "; "); strings.Contains(all, "connections reach") {
		t.Errorf("sixteen clusters are enough: %s", all)
	}
	small := findGate(Plan(slowTraffic(), Policy{}), GatePartnersPaired, "c")
	if all := strings.Join(Plan(slowTraffic(), Policy{TailMargin: .1}).Warnings, "; "); !strings.Contains(all, fmt.Sprintf("(up to %.0f pt)", 100*(small.Detectable+.1))) || !strings.Contains(all, "1 small partners") {
		t.Errorf("%v beyond a margin of .1: %s", small.Detectable, all)
	}
	if all := strings.Join(Plan(slowTraffic(), Policy{}).Warnings, "; "); strings.Contains(all, "small partners get") {
		t.Errorf("%v beyond a margin of .05: %s", small.Detectable, all)
	}
}
