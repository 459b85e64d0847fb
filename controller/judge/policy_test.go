package judge

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The defaults, as the documentation gives them.
func TestDefaults(t *testing.T) {
	want := Policy{
		Margin: .02, PartnerMargin: .03, TailMargin: .05, TierOneShare: .8, ErrorRatio: 1.5, ErrorFloor: .001,
		MinTasks: 1, WindowRequests: 400, WindowBuckets: 20,
		LatencyMargin: .005, MissedBidsMargin: .005, DriftMargin: .1, Drift: DriftPause,
		Latency: Require, Served: Require, Traffic: TrafficHolds, MissedBids: Require, MissedValue: Require, MissedValueMargin: .01,
		Present:     3 * time.Minute,
		SampleRatio: 1.5, MaxClockSkew: 10 * time.Second, MaxInformation: 20, MaxWait: 24 * time.Hour,
		Breaker: Breaker{ErrorRatio: 5, ErrorShare: .1, Requests: 200, Crashes: 1},
	}
	if got := (Policy{}).Sane(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if p := (Policy{MissedBids: Guard}).Sane(); p.MissedValue != Guard { // who asks no proof of bids asks none of their value
		t.Errorf("missed value is %q", p.MissedValue)
	}
	if got := want.Sane(); !reflect.DeepEqual(got, want) {
		t.Errorf("twice: %+v", got)
	}
	if err := want.Check(); err != nil {
		t.Error(err)
	}
	if err := (Policy{}).Check(); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesTheSetting(t *testing.T) {
	for says, p := range map[string]Policy{
		"judge.margin is 7: want 0 to 1":                       {Margin: 7},
		"judge.latency_margin is -1":                           {LatencyMargin: -1},
		"judge.missed_bids_margin is NaN":                      {MissedBidsMargin: math.NaN()},
		"judge.drift_margin is 2":                              {DriftMargin: 2},
		"judge.sample_ratio is 0.5: want 1 to 1000":            {SampleRatio: .5},
		"judge.max_information is 0.1: want 1 to":              {MaxInformation: .1},
		`judge.drift is "stop": want pause, roll_back, off`:    {Drift: "stop"},
		`judge.latency is "on": want require, guard, off`:      {Latency: "on"},
		`judge.served is "off": want require, guard`:           {Served: Off},
		`judge.missed_bids is "no": want require, guard, off`:  {MissedBids: "no"},
		`judge.missed_value is "no": want require, guard, off`: {MissedValue: "no"},
		"judge.missed_value_margin is 2":                       {MissedValueMargin: 2},
		"judge.latency_slo is -1s: want a positive duration":   {LatencySLO: -time.Second},
		"judge.max_wait is -1s":                                {MaxWait: -time.Second},
		"judge.max_clock_skew is -1s":                          {MaxClockSkew: -time.Second},
		"judge.breaker.error_ratio is 0.5":                     {Breaker: Breaker{ErrorRatio: .5}},
		"judge.breaker.error_share is 3":                       {Breaker: Breaker{ErrorShare: 3}},
		"judge.breaker.requests is -4":                         {Breaker: Breaker{Requests: -4}},
		"judge.breaker.crashes is -2: want 1 or more, or -1":   {Breaker: Breaker{Crashes: -2}},
	} {
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}

// Every number may be as small and as large as its bounds, and what is beyond
// them is refused where it is written and does no harm where it is not.
func TestBoundsOfSettings(t *testing.T) {
	for _, tt := range []struct {
		name        string
		of          func(p *Policy) any
		least, most float64
		normal      float64
	}{
		{"margin", func(p *Policy) any { return &p.Margin }, 0, 1, .02},
		{"partner_margin", func(p *Policy) any { return &p.PartnerMargin }, 0, 1, .03},
		{"tail_margin", func(p *Policy) any { return &p.TailMargin }, 0, 1, .05},
		{"tier_one_share", func(p *Policy) any { return &p.TierOneShare }, 0, 1, .8},
		{"error_ratio", func(p *Policy) any { return &p.ErrorRatio }, 1, 1000, 1.5},
		{"error_floor", func(p *Policy) any { return &p.ErrorFloor }, 0, .5, .001},
		{"latency_margin", func(p *Policy) any { return &p.LatencyMargin }, 0, 1, .005},
		{"missed_bids_margin", func(p *Policy) any { return &p.MissedBidsMargin }, 0, 1, .005},
		{"missed_value_margin", func(p *Policy) any { return &p.MissedValueMargin }, 0, 1, .01},
		{"drift_margin", func(p *Policy) any { return &p.DriftMargin }, 0, 1, .1},
		{"sample_ratio", func(p *Policy) any { return &p.SampleRatio }, 1, 1000, 1.5},
		{"max_information", func(p *Policy) any { return &p.MaxInformation }, 1, 1e6, 20},
		{"breaker.error_ratio", func(p *Policy) any { return &p.Breaker.ErrorRatio }, 1, 1e6, 5},
		{"breaker.error_share", func(p *Policy) any { return &p.Breaker.ErrorShare }, 0, 1, .1},
		{"breaker.requests", func(p *Policy) any { return &p.Breaker.Requests }, 1, 1 << 30, 200},
		{"min_tasks", func(p *Policy) any { return &p.MinTasks }, 1, 1 << 30, 1},
		{"window_requests", func(p *Policy) any { return &p.WindowRequests }, 1, 1 << 30, 400},
		{"window_buckets", func(p *Policy) any { return &p.WindowBuckets }, 1, 1 << 30, 20},
	} {
		with := func(v float64) (p Policy, whole bool) {
			switch to := tt.of(&p).(type) {
			case *float64:
				*to = v
			case *int:
				*to, whole = int(v), true
			}
			return p, whole
		}
		sane := func(p Policy) float64 {
			p = p.Sane()
			if n, whole := tt.of(&p).(*int); whole {
				return float64(*n)
			}
			return *tt.of(&p).(*float64)
		}
		for _, v := range []float64{tt.least, tt.most} {
			p, _ := with(v)
			want := v
			if v == 0 || tt.name == "sample_ratio" && v == 1 { // one would call every split uneven
				want = tt.normal
			}
			if err := p.Check(); err != nil || sane(p) != want {
				t.Errorf("%s %v: %v, becomes %v", tt.name, v, err, sane(p))
			}
		}
		_, whole := with(0)
		below, above := math.Nextafter(tt.least, -1), math.Nextafter(tt.most, 2*tt.most)
		if whole {
			below, above = -1, tt.most+1
		}
		for _, v := range []float64{below, above} {
			p, _ := with(v)
			want := tt.normal
			if tt.name == "error_floor" && v > 0 {
				want = .5
			}
			if tt.name == "max_information" && v == below {
				want = v // no sensible number of a file, and none that does harm
			}
			if err := p.Check(); err == nil || !strings.Contains(err.Error(), "judge."+tt.name+" is ") || sane(p) != want {
				t.Errorf("%s %v: %v, becomes %v", tt.name, v, err, sane(p))
			}
		}
	}
}

// What files do not say and verdicts hang on is taken for nothing where it makes
// no sense.
func TestSaneOfTheRest(t *testing.T) {
	for _, tt := range []struct {
		what      string
		give, get Policy
	}{
		{"a whole shift", Policy{Intended: 1}, Policy{}},
		{"the other way", Policy{Intended: -1}, Policy{}},
		{"nearly", Policy{Intended: -.999}, Policy{Intended: -.999}},
		{"a cap", Policy{PriceCap: 3}, Policy{PriceCap: 3}},
		{"a cap below zero", Policy{PriceCap: -3}, Policy{}},
		{"no cap", Policy{PriceCap: math.Inf(1)}, Policy{}},
		{"a point", Policy{Predicted: Interval{.2, .2}}, Policy{Predicted: Interval{.2, .2}}},
		{"all that there is", Policy{Predicted: Interval{0, 1}}, Policy{Predicted: Interval{0, 1}}},
		{"below zero", Policy{Predicted: Interval{-.1, .2}}, Policy{}},
		{"above one", Policy{Predicted: Interval{.1, 1.2}}, Policy{}},
		{"upside down", Policy{Predicted: Interval{.3, .2}}, Policy{}},
		{"times below zero", Policy{LatencySLO: -1, MaxClockSkew: -1, Present: -1, MaxWait: -1}, Policy{}},
		{"times", Policy{LatencySLO: 1, MaxClockSkew: 1, Present: 1, MaxWait: 1}, Policy{LatencySLO: 1, MaxClockSkew: 1, Present: 1, MaxWait: 1}},
		{"crashes let pass", Policy{Breaker: Breaker{Crashes: -1}}, Policy{Breaker: Breaker{Crashes: -1}}},
	} {
		if got, want := tt.give.Sane(), tt.get.Sane(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", tt.what, got)
		}
	}
	if p := (Policy{LatencySLO: 1, MaxClockSkew: 1, Present: 1, MaxWait: 1, PriceCap: 3, Intended: .999}).Sane(); p.LatencySLO != 1 || p.MaxClockSkew != 1 || p.Present != 1 || p.MaxWait != 1 || p.PriceCap != 3 || p.Intended != .999 {
		t.Errorf("%+v", p)
	}
	for _, i := range []Interval{{.2, .2}, {0, 1}} {
		if p := (Policy{Predicted: i}).Sane(); p.Predicted != i {
			t.Errorf("%+v becomes %+v", i, p.Predicted)
		}
	}
	for _, name := range []string{Require, Guard, Off} {
		if p := (Policy{Latency: name, MissedBids: name, MissedValue: name}).Sane(); p.Latency != name || p.MissedBids != name || p.MissedValue != name {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
