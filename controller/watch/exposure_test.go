package watch

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// TestExposure counts what a candidate has answered through repeated, lost and
// foreign reports, silence, restarts and another cohort; the checkpoint keeps
// all of it.
func TestExposure(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	report := func(boot string, generation, after, upto, requests, missed int64) tally.Report {
		return tally.Report{
			Task: "a", Boot: boot, Generation: generation, Arm: judge.Candidate, After: after, Upto: upto, Explore: 0.02,
			Requests: []int64{requests - 1, 1}, Partners: map[string]tally.Columns{"acme": {BidsCandidateOnly: []int64{missed}, BidsStableOnly: []int64{9}}},
		}
	}
	control := report("1", 7, 0, 1, 500, 5)
	control.Arm = judge.Control
	unexplored := report("2", 8, 30, 31, 10, 4)
	unexplored.Explore = 0
	var e Exposure
	for _, step := range []struct {
		why              string
		after            time.Duration
		generation       int64
		reports          []tally.Report
		silent           []string
		auctions, missed int64
	}{
		{"the first report", 0, 7, []tally.Report{report("1", 7, 0, 10, 100, 1)}, nil, 100, 50},
		{"told again", 1, 7, []tally.Report{report("1", 7, 0, 10, 100, 1)}, nil, 100, 50},
		{"what came since", 2, 7, []tally.Report{report("1", 7, 10, 11, 25, 1)}, nil, 125, 100},
		{"the same and more, as it was not stored", 2, 7, []tally.Report{report("1", 7, 10, 13, 40, 0)}, nil, 140, 50},
		{"a part was lost", 3, 7, []tally.Report{report("1", 7, 15, 16, 10, 0)}, nil, 150, 50},
		{"what stable answers", 4, 7, []tally.Report{control}, nil, 150, 50},
		{"of an earlier cohort", 5, 7, []tally.Report{report("1", 6, 0, 90, 1000, 0)}, nil, 150, 50},
		{"silence of two tasks", 15, 7, nil, []string{"a", "b"}, 150 + 10*50 + 10*20, 50}, // one as before, one at the pace
		{"one tells, the other does not", 20, 7, []tally.Report{report("1", 7, 16, 30, 250, 0)}, []string{"b"}, 400 + 200 + 100, 50},
		{"a restarted process", 21, 7, []tally.Report{report("2", 7, 0, 5, 30, 0)}, nil, 430 + 300, 50},
		{"another cohort", 22, 8, []tally.Report{report("2", 8, 0, 30, 20, 2)}, nil, 450 + 300, 150},
		{"bids on what was not explored", 23, 8, []tally.Report{unexplored}, nil, 460 + 300, 150},
		{"the clock jumps back", 1, 8, nil, []string{"a"}, 460 + 300, 150},
	} {
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		e = Exposure{}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatal(err)
		}
		look := tally.Look{At: begin.Add(step.after * time.Second), Reports: step.reports}
		e.Take(look, step.generation, step.silent, 20)
		if auctions, missed := e.Total(); auctions != step.auctions || int64(missed) != step.missed {
			t.Fatalf("%s: %d auctions and %v missed bids, want %d and %d", step.why, auctions, missed, step.auctions, step.missed)
		}
	}
}

// TestExposedOnce exposes the candidate to what a task tells again, with more,
// once.
func TestExposedOnce(t *testing.T) {
	var e Exposure
	for _, step := range []struct{ after, upto, requests, auctions int64 }{
		{0, 3, 100, 100},
		{0, 5, 150, 150}, // what was told up to 3 was not taken for good
		{0, 5, 150, 150},
		{5, 7, 10, 160},
		{5, 8, 15, 165},
		{0, 9, 180, 165}, // whoever this is for
		{6, 9, 180, 165},
		{8, 9, 5, 170},
	} {
		look := tally.Look{Reports: []tally.Report{{
			Task: "a", Boot: "1", Generation: 7, Arm: judge.Candidate, After: step.after, Upto: step.upto, Requests: []int64{step.requests},
		}}}
		e.Take(look, 7, nil, 20)
		if auctions, _ := e.Total(); auctions != step.auctions {
			t.Errorf("after %d up to %d: %d auctions, want %d", step.after, step.upto, auctions, step.auctions)
		}
	}
}
