package fleet_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/idl/packed"
)

func pack(numbers ...int64) []byte {
	var w packed.Writer
	w.Write(numbers...)
	return w.Bytes
}

// columns are n of two buckets, whose numbers tell them apart.
func columns(from, n int64) []byte {
	var numbers []int64
	for i := range n {
		numbers = append(numbers, from+i+1, from+i+101)
	}
	return pack(numbers...)
}

func two(n int64) []int64 { return []int64{n, n + 100} }

func twice(n int64) []int64 { return []int64{2 * n, 2 * (n + 100)} }

// entry is what a task counted under a release beside a shadow.
func entry(release, shadow string) *control.CountedRelease {
	return &control.CountedRelease{
		Release: release, Shadow: shadow, Columns: columns(0, 5), Scores: pack(0, 7), Latency: pack(0, 0, 9),
		Partners: []*control.CountedPartner{{Partner: "acme", Columns: columns(5, 8)}},
	}
}

func counted(entries ...*control.CountedRelease) *control.Counted {
	return &control.Counted{
		Task: "arn:aws:ecs:r:1:task/main/t1", Boot: "boot", Generation: 7, After: 3, Upto: 5, Explore: 0.25, Connections: 12,
		AtMs: time.Now().UnixMilli(), Buckets: 2, Releases: entries,
	}
}

func side(arm judge.Arm) controller.Comparison {
	return controller.Comparison{Candidate: digestA, Stable: digestB, Generation: 7, Arm: arm, Boot: "boot", After: 3}
}

func ask(t *testing.T, c *control.Counted, arm judge.Arm) ([]tally.Report, error) {
	t.Helper()
	address, _ := listen(t, &task{counted: c})
	got, err := newControl(t, fleet.Options{}).Counts(t.Context(), address, side(arm))
	for i := range got {
		got[i] = got[i].Unpack()
	}
	return got, err
}

func report(arm judge.Arm) tally.Report {
	columns := tally.Columns{
		Scored: two(6), Filtered: two(7), Pairs: two(8), CandidateOnly: two(9), StableOnly: two(10),
		Bids: two(11), BidsCandidateOnly: two(12), BidsStableOnly: two(13),
	}
	if arm == judge.Control {
		columns.CandidateOnly, columns.StableOnly = two(10), two(9)
		columns.BidsCandidateOnly, columns.BidsStableOnly = two(13), two(12)
	}
	scores, latency := make([]int64, judge.ScoreBins), make([]int64, judge.LatencyBins)
	scores[1], latency[2] = 7, 9
	return tally.Report{
		Task: "t1", Boot: "boot", Generation: 7, Arm: arm, After: 3, Upto: 5, Explore: 0.25, Connections: 12,
		Requests: two(1), Errors: two(2), Invalid: two(3), ShadowInvalid: two(4), ShadowRequests: two(5),
		Scores: scores, Latency: latency, Partners: map[string]tally.Columns{"acme": columns},
	}
}

// unpaired is r as it is without the other release in the shadow.
func unpaired(r tally.Report) tally.Report {
	r.ShadowInvalid, r.ShadowRequests = nil, nil
	r.Partners = map[string]tally.Columns{"acme": {Scored: two(6), Filtered: two(7)}}
	return r
}

func TestCountsByCandidateAndStable(t *testing.T) {
	candidate, stable := judge.Candidate, judge.Control
	double := unpaired(report(candidate))
	double.Requests, double.Errors, double.Invalid = twice(1), twice(2), twice(3)
	double.Partners = map[string]tally.Columns{"acme": {Scored: twice(6), Filtered: twice(7)}}
	double.Scores, double.Latency = slices.Clone(double.Scores), slices.Clone(double.Latency)
	double.Scores[1], double.Latency[2] = 14, 18
	both := report(candidate)
	columns := both.Partners["acme"]
	columns.Bids, columns.BidsCandidateOnly, columns.BidsStableOnly = twice(11), []int64{25, 225}, []int64{25, 225}
	both.Partners = map[string]tally.Columns{"acme": columns}
	for _, tt := range []struct {
		name    string
		arm     judge.Arm
		entries []*control.CountedRelease
		want    []tally.Report
	}{
		{"nothing", candidate, nil, nil},
		{"candidate answers", candidate, []*control.CountedRelease{entry(digestA, digestB)}, []tally.Report{report(candidate)}},
		{"stable answers", stable, []*control.CountedRelease{entry(digestB, digestA)}, []tally.Report{report(stable)}},
		{"the other arm", stable, []*control.CountedRelease{entry(digestA, digestB)}, nil},
		{"no shadow", candidate, []*control.CountedRelease{entry(digestA, "")}, []tally.Report{unpaired(report(candidate))}},
		{"another shadow", stable, []*control.CountedRelease{entry(digestB, digestC)}, []tally.Report{unpaired(report(stable))}},
		{"its own shadow", stable, []*control.CountedRelease{entry(digestB, digestB)}, []tally.Report{unpaired(report(stable))}},
		{"others left out", candidate, []*control.CountedRelease{nil, entry(digestC, digestB), entry(digestA, digestB), entry("", "")}, []tally.Report{report(candidate)}},
		{"two shadows are one report", candidate, []*control.CountedRelease{entry(digestA, ""), entry(digestA, digestC)}, []tally.Report{double}},
		{"bids on what others answered", candidate, []*control.CountedRelease{entry(digestA, digestB), entry(digestB, digestA)}, []tally.Report{both}},
		{"bids that only one would have filtered", candidate, []*control.CountedRelease{entry(digestA, digestB), entry(digestB, "")}, []tally.Report{report(candidate)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ask(t, counted(tt.entries...), tt.arm)
			for i := range got {
				got[i].Skew = 0
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v\n%+v\n%+v", err, got, tt.want)
			}
		})
	}
}

// A task that has answered nothing yet, or nothing since, still reports.
func TestCountsOfAnIdleTask(t *testing.T) {
	idle := &control.CountedRelease{Release: digestA, Shadow: digestB, Partners: []*control.CountedPartner{{Partner: "acme"}}}
	got, err := ask(t, counted(idle), judge.Candidate)
	if err != nil || len(got) != 1 || !slices.Equal(got[0].Requests, []int64{0, 0}) || len(got[0].Partners) != 0 || got[0].Upto != 5 {
		t.Errorf("%+v, %v", got, err)
	}
}

// One report has nothing of another, whether it could be packed or not.
func TestReportsShareNothing(t *testing.T) {
	huge := entry(digestA, digestB)
	huge.Partners[0].Columns = pack(1<<40, 1<<41)
	other := entry(digestA, "")
	other.Partners = []*control.CountedPartner{{Partner: "zeta", Columns: columns(50, 2)}}
	answers := []*control.CountedRelease{huge, entry(digestA, digestB), other, {Release: digestA}, huge, other}
	var first, again []tally.Report
	f := &task{}
	address, _ := listen(t, f)
	c := newControl(t, fleet.Options{})
	for _, got := range []*[]tally.Report{&first, &again} {
		for _, e := range answers {
			f.counted = counted(e)
			reports, err := c.Counts(t.Context(), address, side(judge.Candidate))
			if err != nil || len(reports) != 1 {
				t.Fatalf("%+v, %v", reports, err)
			}
			reports[0].Skew = 0
			*got = append(*got, reports[0])
		}
	}
	for i := range first {
		if a, b := first[i].Unpack(), again[i].Unpack(); !reflect.DeepEqual(a, b) {
			t.Errorf("answer %d: %+v, then %+v", i, a, b)
		}
	}
	if got := first[0].Partners["acme"].Scored; !slices.Equal(got, []int64{1 << 40, 1 << 41}) || len(first[2].Unpack().Partners) != 1 {
		t.Errorf("%v, %v", got, first[2].Unpack().Partners)
	}
}

// The position is asked for that the caller has, and clocks are compared.
func TestCountsSinceAPosition(t *testing.T) {
	f := &task{counted: counted(entry(digestA, digestB))}
	f.counted.AtMs = time.Now().Add(time.Hour).UnixMilli()
	address, _ := listen(t, f)
	got, err := newControl(t, fleet.Options{}).Counts(t.Context(), address, side(judge.Candidate))
	if err != nil || len(got) != 1 || got[0].Skew < 59*time.Minute || got[0].Skew > time.Hour {
		t.Errorf("%+v, %v", got, err)
	}
	if want := (&control.Position{Generation: 7, Boot: "boot", After: 3}); !reflect.DeepEqual(f.asked, []*control.Position{want}) {
		t.Errorf("asked for %v", f.asked)
	}
}

func TestCountsThatMakeNoSense(t *testing.T) {
	spoilt := func(spoil func(*control.Counted, *control.CountedRelease)) *control.Counted {
		e := entry(digestA, digestB)
		c := counted(e)
		spoil(c, e)
		return c
	}
	for name, tt := range map[string]struct {
		counted *control.Counted
		says    string
	}{
		"no name":            {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Task = "" }), "it calls itself"},
		"no boot":            {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Boot = "" }), "it calls itself"},
		"long boot":          {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Boot = strings.Repeat("b", 300) }), "it calls itself"},
		"another generation": {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Generation = 8 }), "generation 8, not 7"},
		"before the start":   {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.After = -1 }), "from position -1"},
		"backwards":          {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Upto = 2 }), "from position 3 to 2"},
		"no buckets":         {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Buckets = 0 }), "0 buckets: want 1 to 64"},
		"many buckets":       {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Buckets = 65 }), "65 buckets"},
		"explores NaN":       {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Explore = math.NaN() }), "a share of NaN"},
		"no connections":     {spoilt(func(c *control.Counted, _ *control.CountedRelease) { c.Connections = -1 }), "-1 connections"},
		"many releases":      {counted(slices.Repeat([]*control.CountedRelease{entry(digestC, "")}, 65)...), "under 65 releases"},
		"long column":        {spoilt(func(_ *control.Counted, e *control.CountedRelease) { e.Columns = columns(0, 6) }), "more numbers than expected"},
		"long pairs": {
			spoilt(func(_ *control.Counted, e *control.CountedRelease) { e.Partners[0].Columns = columns(0, 9) }),
			`partner "acme": there are more numbers`,
		},
		"cut off":         {spoilt(func(_ *control.Counted, e *control.CountedRelease) { e.Columns = []byte{0x80} }), "no end"},
		"cut off latency": {spoilt(func(_ *control.Counted, e *control.CountedRelease) { e.Latency = []byte{0x80} }), "latency: the last number"},
		"many scores":     {spoilt(func(_ *control.Counted, e *control.CountedRelease) { e.Scores = pack(append(make([]int64, 64), 1)...) }), "scores: there are more"},
		"absurd": {spoilt(func(_ *control.Counted, e *control.CountedRelease) {
			e.Columns = []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
		}), "too large"},
		"absurd together":    {counted(&control.CountedRelease{Release: digestA, Columns: pack(packed.Max)}, entry(digestA, "")), "is no count"},
		"nameless partner":   {spoilt(func(_ *control.Counted, e *control.CountedRelease) { e.Partners[0].Partner = "" }), "nameless"},
		"long partner":       {spoilt(func(_ *control.Counted, e *control.CountedRelease) { e.Partners[0].Partner = strings.Repeat("p", 300) }), "too long"},
		"partner twice":      {spoilt(func(_ *control.Counted, e *control.CountedRelease) { e.Partners = append(e.Partners, e.Partners[0]) }), "there twice"},
		"spoilt, not wanted": {counted(&control.CountedRelease{Release: digestC, Columns: []byte{0x80}}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t, tt.counted, judge.Candidate)
			check(t, err, tt.says)
			if err != nil && got != nil {
				t.Errorf("reports beside an error: %+v", got)
			}
		})
	}
}

func TestCountsOfNoPair(t *testing.T) {
	for _, of := range []controller.Comparison{
		{Arm: judge.Control}, {Stable: digestA, Arm: judge.Control}, {Candidate: digestA, Stable: digestA, Arm: judge.Control}, {Candidate: digestA, Stable: digestB},
	} {
		_, err := newControl(t, fleet.Options{}).Counts(t.Context(), "127.0.0.1:1", of)
		check(t, err, "are no comparison")
	}
}

func TestCountsBeyondTheLimit(t *testing.T) {
	e := crowded(5000, 2)
	address, _ := listen(t, &task{counted: counted(e)})
	got, err := newControl(t, fleet.Options{}).Counts(t.Context(), address, side(judge.Candidate))
	if err != nil || len(got) != 1 || got[0].Partners != nil || len(got[0].Unpack().Partners) != 5000 {
		t.Fatalf("%d reports, %v", len(got), err)
	}
	for i, all := int64(0), got[0].Unpack().Partners; i < 5000; i++ {
		c := all[fmt.Sprint("partner-", i)]
		if n := i % 7; !slices.Equal(c.Scored, []int64{60 + n, 60 + n}) || !slices.Equal(c.BidsStableOnly, []int64{7 + n, 7 + n}) {
			t.Fatalf("partner %d: %+v", i, c)
		}
	}
	_, err = newControl(t, fleet.Options{MaxReplyBytes: 10_000}).Counts(t.Context(), address, side(judge.Candidate))
	check(t, err, "more than 10000")
}

// crowded is what a task counts of many partners.
func crowded(partners, buckets int64) *control.CountedRelease {
	e := entry(digestA, digestB)
	e.Partners = nil
	for i := range partners {
		var numbers []int64
		for n := range 8 * buckets {
			numbers = append(numbers, 60/(1+n/buckets)+i%7)
		}
		e.Partners = append(e.Partners, &control.CountedPartner{Partner: fmt.Sprint("partner-", i), Columns: pack(numbers...)})
	}
	return e
}

// FuzzCounts lets a task answer whatever it likes: there is an error or a
// report that makes sense.
func FuzzCounts(f *testing.F) {
	f.Add(columns(0, 5), columns(5, 8), pack(1), pack(2), int32(2), "acme")
	f.Add([]byte{0xff}, []byte{}, []byte{1}, []byte{0}, int32(64), "")
	f.Fuzz(func(t *testing.T, requests, pairs, scores, latency []byte, buckets int32, name string) {
		e := &control.CountedRelease{Release: digestA, Shadow: digestB, Columns: requests, Scores: scores, Latency: latency}
		e.Partners = []*control.CountedPartner{{Partner: name, Columns: pairs}, {Partner: "other", Columns: requests}}
		c := counted(e, entry(digestA, ""))
		c.Buckets = buckets
		got, err := ask(t, c, judge.Candidate)
		if err != nil {
			return
		}
		r := got[0]
		lists := [][]int64{r.Requests, r.Errors, r.Invalid, r.ShadowRequests, r.ShadowInvalid}
		for name, p := range r.Partners {
			if name == "" {
				t.Error("a partner without a name")
			}
			lists = append(lists, p.Scored, p.Filtered, p.Pairs, p.CandidateOnly, p.StableOnly, p.Bids, p.BidsCandidateOnly, p.BidsStableOnly)
		}
		for _, list := range lists {
			if list != nil && (len(list) != int(buckets) || slices.Min(list) < 0 || slices.Max(list) > packed.Max) {
				t.Errorf("%v in %d buckets", list, buckets)
			}
		}
	})
}
