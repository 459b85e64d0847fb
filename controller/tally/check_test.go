package tally

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
)

// What a report says beside its counts may be as much as its bound, and no more.
func TestBoundsOfReports(t *testing.T) {
	bins := func(n int, last int64) []int64 {
		list := make([]int64, n)
		list[n-1] = last
		return list
	}
	partners := func(n int) map[string]Columns {
		all := make(map[string]Columns, n)
		for i := range n {
			all[fmt.Sprint(i)] = Columns{}
		}
		return all
	}
	for _, tt := range []struct {
		what    string
		change  func(r *Report)
		refused string
	}{
		{"nothing", func(*Report) {}, ""},
		{"a stratum's name", func(r *Report) { r.Stratum = strings.Repeat("x", maxStratum) }, ""},
		{"a longer one", func(r *Report) { r.Stratum = strings.Repeat("x", maxStratum+1) }, "has 1537 bytes, at most 1536"},
		{"no position passed", func(r *Report) { r.After, r.Upto = 5, 5 }, ""},
		{"positions below none", func(r *Report) { r.After = -1 }, "from position -1 to 0"},
		{"partners", func(r *Report) { r.Partners = partners(judge.MaxPartners) }, ""},
		{"one partner more", func(r *Report) { r.Partners = partners(judge.MaxPartners + 1) }, "counts 4097 partners"},
		{"some packed", func(r *Report) {
			r.Partners, r.packed.names = partners(judge.MaxPartners-1), []string{"a", "b"}
		}, "counts 4097 partners"},
		{"all bins", func(r *Report) { r.Latency, r.Scores = bins(judge.LatencyBins, maxCount-1), bins(judge.ScoreBins, 1) }, ""},
		{"one bin more", func(r *Report) { r.Scores = bins(judge.ScoreBins+1, 0) }, "scores in 65 bins"},
		{"one request too many", func(r *Report) { r.Latency = bins(3, maxCount) }, "of latency in bin 2 is outside 0 to 2147483647"},
		{"the least explored", func(r *Report) { r.Explore = minExplore }, ""},
		{"all explored", func(r *Report) { r.Explore = 1 }, ""},
		{"less than the least", func(r *Report) { r.Explore = minExplore / 2 }, "explores a share of 5e-07"},
		{"more than all", func(r *Report) { r.Explore = math.Nextafter(1, 2) }, "explores a share"},
		{"less than nothing", func(r *Report) { r.Explore = -.5 }, "explores a share of -0.5"},
		{"connections", func(r *Report) { r.Connections = maxCount }, ""},
		{"one more", func(r *Report) { r.Connections = maxCount + 1 }, "has 2147483649 connections"},
		{"less than none", func(r *Report) { r.Connections = -1 }, "has -1 connections"},
		{"ten thousand bids of USD 0.5 in millionths", func(r *Report) { r.Money.Capped = 10_000 * (500_000 - 100) * 1_000_000 }, ""},
		{"money", func(r *Report) { r.Money.Capped = maxMoney }, ""},
		{"a millionth more", func(r *Report) { r.Money.Capped = maxMoney + 1 }, "money 1152921504606846977 is outside"},
	} {
		r := Report{Arm: judge.Control}
		tt.change(&r)
		if err := check(&r, MaxBuckets, true); (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.refused)
		}
	}
	if err := check(&Report{Arm: judge.Control}, MaxBuckets+1, true); err == nil || !strings.Contains(err.Error(), "counts 65 buckets") {
		t.Errorf("65 buckets: %v", err)
	}
}

// A part may be ahead of its whole by a sixteenth and by eight.
func TestPartsOfWholes(t *testing.T) {
	for _, tt := range []struct{ a, b, whole, greater int64 }{
		{8, 0, 0, -1},
		{9, 0, 0, 1},
		{60, 48, 95, -1},
		{60, 49, 95, 1},
		{114, 0, 100, -1},
		{115, 0, 100, 1},
	} {
		a, b, whole := []int64{0, tt.a}, []int64{0, tt.b}, []int64{0, tt.whole}
		if got := greater(a, b, whole); got != int(tt.greater) {
			t.Errorf("%d and %d of %d: bucket %d, want %d", tt.a, tt.b, tt.whole, got, tt.greater)
		}
		// So says what is read as well, of one bucket and of two that are one cluster.
		for shift := range 2 {
			d, to := reading{buckets: 2}, make([]line, 3)
			place(to, make([]float64, 6), 2>>shift)
			slack := int64(shift) * ahead // each of its buckets may be ahead by eight
			if sound := d.part(shape{2 >> shift, shift}, to, whole, []int64{0, tt.a + slack}, b); sound != (tt.greater < 0) {
				t.Errorf("%d and %d of %d, %d in one: sound %v", tt.a, tt.b, tt.whole, 1<<shift, sound)
			}
		}
	}
	for i, bad := range [][]int64{{-1, 0}, {0, maxCount}, {1}, {1, 2, 3}} {
		want := []string{"in bucket 0 is outside 0 to 2147483647", "in bucket 1 is outside", "1 in one list, 2 in another", "3 in one list"}[i]
		if err := checkColumns([][]int64{{0, maxCount - 1}, nil, bad}, 2, "acme", maxCount); err == nil || !strings.Contains(err.Error(), "of partner acme") || !strings.Contains(err.Error(), want) {
			t.Errorf("list %d: %v", i, err)
		}
		if counts(bad, 2) {
			t.Errorf("list %d counts", i)
		}
	}
	if good := []int64{0, maxCount - 1}; !counts(good, 2) || !counts(nil, 2) || checkColumns([][]int64{good, nil}, 2, "", maxCount) != nil {
		t.Error("what are counts are none")
	}
}

// Of 200 requests in which a counter does not move yet, it may be about to.
func TestCountersThatDisagree(t *testing.T) {
	for _, tt := range []struct {
		what                                    string
		requests, failures, pairs, shadow, both int64
		want                                    string
	}{
		{"pairs ahead of requests", 0, 0, 200, 0, 0, ""},
		{"too far", 0, 0, 201, 0, 0, "201 pairs are scored but no request"},
		{"requests ahead of pairs", 230, 30, 0, 0, 0, ""},
		{"too many", 231, 30, 0, 0, 0, "231 requests are answered but no partner"},
		{"one pair of them", 1e6, 0, 1, 0, 0, ""},
		{"compared", 1, 0, 1, 0, 200, ""},
		{"too many compared", 1, 0, 1, 0, 201, "201 pairs are compared but no shadow"},
		{"not without a shadow", 1, 0, 1, 1, 201, ""},
	} {
		var r row
		r.tell(tt.requests, tt.failures, tt.pairs, tt.shadow, tt.both)
		if err := r.checkTold(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.want)
		}
	}
	var r row
	for i := range 300 { // in turn they are never far apart
		r.tell(int64(i%2), 0, int64(1-i%2), int64(i%2), int64(1-i%2))
	}
	if err := r.checkTold(); err != nil || r.told[toldRequests] != 150 || r.told[toldPairs] != 150 {
		t.Errorf("%v: %v", r.told, err)
	}
}

// A look tells of five contradictions.
func TestProblemsAreBounded(t *testing.T) {
	var bad problems
	for i := range 7 {
		bad.add("%d", i)
	}
	if len(bad) != maxProblems || bad[4] != "4" {
		t.Errorf("%q", bad)
	}
}

// Money is kept up to its bound.
func TestMoneyIsBounded(t *testing.T) {
	m := Money{Wins: 7, Cleared: maxMoney - 5}
	m.add(Money{Wins: 3, Cleared: 4})
	if m.Wins != 10 || m.Cleared != maxMoney-1 {
		t.Errorf("%+v", m)
	}
	if m.add(Money{Cleared: 9}); m.Cleared != maxMoney {
		t.Errorf("%+v", m)
	}
}
