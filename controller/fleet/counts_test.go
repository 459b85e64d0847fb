package fleet_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/idl/gen/control"
)

// entry is what a task counted; numbers tell the columns apart.
func entry(release, shadow string, generation, from int64) *control.ReleaseCounts {
	column := func(n int64) []int64 { return []int64{from + n, from + n + 100} }
	return &control.ReleaseCounts{
		Release: release, Shadow: shadow, Generation: generation, Buckets: 2,
		Requests: column(1), Errors: column(2), Invalid: column(3), ShadowInvalid: column(4), ShadowRequests: column(5),
		Partners: []*control.PartnerCounts{{
			Partner: "acme", Scored: column(6), Filtered: column(7), Pairs: column(8), ServedOnly: column(9), ShadowOnly: column(10),
		}},
	}
}

func counts(entries ...*control.ReleaseCounts) *control.Counts {
	return &control.Counts{Task: "arn:aws:ecs:r:1:task/main/t1", Boot: "boot", Releases: entries}
}

func ask(t *testing.T, c *control.Counts) ([]tally.Report, error) {
	t.Helper()
	address, _ := listen(t, &task{counts: c})
	return newControl(t, fleet.Options{}).Counts(t.Context(), address, controller.Comparison{Candidate: digestA, Stable: digestB, Generation: 7})
}

func two(n int64) []int64 { return []int64{n, n + 100} }

func report(arm judge.Arm) tally.Report {
	r := tally.Report{
		Task: "t1", Boot: "boot", Generation: 7, Arm: arm,
		Requests: two(1), Errors: two(2), Invalid: two(3), ShadowInvalid: two(4), ShadowRequests: two(5),
	}
	columns := tally.Columns{Scored: two(6), Filtered: two(7), Pairs: two(8), CandidateOnly: two(9), StableOnly: two(10)}
	if arm == judge.Control {
		columns.CandidateOnly, columns.StableOnly = two(10), two(9)
	}
	r.Partners = map[string]tally.Columns{"acme": columns}
	return r
}

// unpaired is r as it is without the other release in the shadow.
func unpaired(r tally.Report) tally.Report {
	r.ShadowInvalid, r.ShadowRequests = nil, nil
	r.Partners = map[string]tally.Columns{"acme": {Scored: two(6), Filtered: two(7)}}
	return r
}

func TestCountsByCandidateAndStable(t *testing.T) {
	idle := entry(digestB, digestA, 7, 0)
	idle.Requests = []int64{0, 0}
	both := unpaired(report(judge.Candidate))
	both.Requests, both.Errors, both.Invalid = []int64{2, 202}, []int64{4, 204}, []int64{6, 206}
	both.Partners = map[string]tally.Columns{"acme": {Scored: []int64{12, 212}, Filtered: []int64{14, 214}}}
	for _, tt := range []struct {
		name    string
		entries []*control.ReleaseCounts
		want    []tally.Report
	}{
		{"nothing", nil, nil},
		{"candidate answers", []*control.ReleaseCounts{entry(digestA, digestB, 7, 0)}, []tally.Report{report(judge.Candidate)}},
		{"stable answers", []*control.ReleaseCounts{entry(digestB, digestA, 7, 0)}, []tally.Report{report(judge.Control)}},
		{"no shadow", []*control.ReleaseCounts{entry(digestA, "", 7, 0)}, []tally.Report{unpaired(report(judge.Candidate))}},
		{"another shadow", []*control.ReleaseCounts{entry(digestB, digestC, 7, 0)}, []tally.Report{unpaired(report(judge.Control))}},
		{"its own shadow", []*control.ReleaseCounts{entry(digestB, digestB, 7, 0)}, []tally.Report{unpaired(report(judge.Control))}},
		{"others left out", []*control.ReleaseCounts{
			entry(digestA, digestB, 6, 50), entry(digestC, digestB, 7, 50), entry(digestA, digestB, 7, 0), entry(digestB, digestA, 8, 50), entry("", "", 7, 50),
		}, []tally.Report{report(judge.Candidate)}},
		{"two shadows are one report", []*control.ReleaseCounts{entry(digestA, "", 7, 0), entry(digestA, digestC, 7, 0)}, []tally.Report{both}},
		{"bids on what others answered", []*control.ReleaseCounts{entry(digestA, digestB, 7, 0), idle}, []tally.Report{report(judge.Candidate)}},
		{"both answered", []*control.ReleaseCounts{entry(digestB, digestA, 7, 0), entry(digestA, digestB, 7, 0)}, []tally.Report{report(judge.Candidate), report(judge.Control)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ask(t, counts(tt.entries...))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v\n%+v\n%+v", err, got, tt.want)
			}
		})
	}
}

// A task that has answered nothing yet still reports, for what it serves.
func TestCountsOfAFreshTask(t *testing.T) {
	fresh := func(release string) *control.ReleaseCounts {
		return &control.ReleaseCounts{Release: release, Generation: 7, Buckets: 2, Requests: []int64{0, 0}}
	}
	for arm, entries := range map[judge.Arm][]*control.ReleaseCounts{
		judge.Candidate: {fresh(digestA), fresh(digestB)},
		judge.Control:   {fresh(digestB), fresh(digestA)},
	} {
		got, err := ask(t, counts(entries...))
		if err != nil || len(got) != 1 || got[0].Arm != arm || !reflect.DeepEqual(got[0].Requests, []int64{0, 0}) {
			t.Errorf("%s: %+v, %v", arm, got, err)
		}
	}
}

func TestCountsThatMakeNoSense(t *testing.T) {
	spoilt := func(spoil func(*control.ReleaseCounts)) *control.Counts {
		e := entry(digestA, digestB, 7, 0)
		spoil(e)
		return counts(e)
	}
	for name, tt := range map[string]struct {
		counts *control.Counts
		says   string
	}{
		"no name":          {&control.Counts{Boot: "b"}, "it calls itself"},
		"no boot":          {&control.Counts{Task: "t"}, "it calls itself"},
		"long boot":        {&control.Counts{Task: "t", Boot: strings.Repeat("b", 300)}, "it calls itself"},
		"many releases":    {counts(slices.Repeat([]*control.ReleaseCounts{entry(digestC, "", 1, 0)}, 1001)...), "under 1001 releases"},
		"no buckets":       {spoilt(func(e *control.ReleaseCounts) { e.Buckets = 0 }), "0 buckets: want 1 to 64"},
		"many buckets":     {spoilt(func(e *control.ReleaseCounts) { e.Buckets = 65 }), "65 buckets"},
		"short list":       {spoilt(func(e *control.ReleaseCounts) { e.Errors = []int64{1} }), "errors: 1 numbers for 2 buckets"},
		"long list":        {spoilt(func(e *control.ReleaseCounts) { e.Partners[0].Pairs = make([]int64, 1000) }), `partner "acme": pairs: 1000 numbers for 2 buckets`},
		"empty list":       {spoilt(func(e *control.ReleaseCounts) { e.Errors = nil }), ""},
		"negative":         {spoilt(func(e *control.ReleaseCounts) { e.Partners[0].Filtered[1] = -4 }), "filtered: -4 is no count"},
		"absurd":           {spoilt(func(e *control.ReleaseCounts) { e.Requests[0] = 1 << 60 }), "is no count"},
		"absurd together":  {counts(spoilt(func(e *control.ReleaseCounts) { e.Requests[0] = 1 << 53 }).Releases[0], entry(digestA, "", 7, 0)), "is no count"},
		"nameless partner": {spoilt(func(e *control.ReleaseCounts) { e.Partners[0].Partner = "" }), "nameless"},
		"long partner":     {spoilt(func(e *control.ReleaseCounts) { e.Partners[0].Partner = strings.Repeat("p", 300) }), "too long"},
		"partner twice":    {spoilt(func(e *control.ReleaseCounts) { e.Partners = append(e.Partners, e.Partners[0]) }), "there twice"},
		"other buckets": {counts(entry(digestA, digestB, 7, 0), func() *control.ReleaseCounts {
			return &control.ReleaseCounts{Release: digestA, Generation: 7, Buckets: 3, Requests: make([]int64, 3)}
		}()), "2 buckets here and 3 there"},
		"spoilt but not asked for": {spoilt(func(e *control.ReleaseCounts) { e.Generation, e.Buckets = 1, 1000 }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t, tt.counts)
			check(t, err, tt.says)
			if err != nil && got != nil {
				t.Errorf("reports beside an error: %+v", got)
			}
		})
	}
}

func TestCountsOfNoPair(t *testing.T) {
	for _, of := range []controller.Comparison{{}, {Stable: digestA}, {Candidate: digestA, Stable: digestA}} {
		_, err := newControl(t, fleet.Options{}).Counts(t.Context(), "127.0.0.1:1", of)
		check(t, err, "no two releases")
	}
}

func TestCountsBeyondTheLimit(t *testing.T) {
	e := entry(digestA, digestB, 7, 0)
	for i := range 5000 {
		e.Partners = append(e.Partners, &control.PartnerCounts{Partner: fmt.Sprint(i), Scored: two(1), Filtered: two(0)})
	}
	address, _ := listen(t, &task{counts: counts(e)})
	of := controller.Comparison{Candidate: digestA, Stable: digestB, Generation: 7}
	got, err := newControl(t, fleet.Options{}).Counts(t.Context(), address, of)
	if err != nil || len(got) != 1 || len(got[0].Partners) != 5001 {
		t.Errorf("%d reports, %v", len(got), err)
	}
	_, err = newControl(t, fleet.Options{MaxReplyBytes: 10_000}).Counts(t.Context(), address, of)
	check(t, err, "more than 10000")
}
