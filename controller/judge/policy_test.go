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
