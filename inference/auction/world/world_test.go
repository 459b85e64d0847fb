package world

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/inference/feature"
)

// sample is a log of the market in memory.
func sample(w *World, count uint64) []Auction {
	list := make([]Auction, count)
	for i := range list {
		n := uint64(i)
		list[i] = w.Auction(n, Moment(n))
	}
	return list
}

// Every partner bids on 2 to 5 % of what it is asked, whatever the seed.
func TestBidRates(t *testing.T) {
	for seed := range uint64(4) {
		w := New(seed)
		asked, bids := map[string]float64{}, map[string]float64{}
		for _, a := range sample(w, 12000) {
			for _, p := range a.Partners {
				asked[p]++
			}
			for i, p := range a.Bidders {
				bids[p]++
				if price := a.Prices[i]; !(price >= .01 && price < 1000) {
					t.Errorf("seed %d: %s bids %v", seed, p, price)
				}
			}
			if len(a.Prices) != len(a.Bidders) {
				t.Fatalf("%d prices of %d bids", len(a.Prices), len(a.Bidders))
			}
		}
		for _, p := range w.Partners() {
			rate := bids[p] / asked[p]
			if rate < .02 || rate > .05 {
				t.Errorf("seed %d: %s bids on %.2f %%", seed, p, 100*rate)
			}
			if share := asked[p] / 12000; math.Abs(share-2./3) > .03 {
				t.Errorf("seed %d: %s is asked in %.1f %% of auctions", seed, p, 100*share)
			}
		}
	}
}

// What BidProbability says is what happens: within every band of probability,
// bids come as often as it promises.
func TestTruthIsWhatHappens(t *testing.T) {
	w := New(1)
	type band struct{ pairs, promised, variance, bids float64 }
	bands := map[string]*band{}
	for _, a := range sample(w, 20000) {
		for _, name := range a.Partners {
			p := w.BidProbability(&a.Request, name)
			for _, key := range []string{name, fmt.Sprintf("1e%d", int(math.Floor(math.Log10(p)*2)))} {
				b := bands[key]
				if b == nil {
					b = &band{}
					bands[key] = b
				}
				b.pairs++
				b.promised += p
				b.variance += p * (1 - p)
				if slices.Contains(a.Bidders, name) {
					b.bids++
				}
			}
		}
	}
	for key, b := range bands {
		if z := (b.bids - b.promised) / math.Sqrt(b.variance+1); math.Abs(z) > 4 {
			t.Errorf("%s: %v bids in %v pairs, promised %.1f (z %.1f)", key, b.bids, b.pairs, b.promised, z)
		}
	}
	r := feature.Absent()
	if w.BidProbability(&r, "nobody") != 0 {
		t.Error("a partner that does not exist would bid")
	}
	if p := w.BidProbability(&r, "almera"); !(p > 0 && p < 1) {
		t.Errorf("about a request that says nothing: %v", p)
	}
}

// Perfect knowledge would filter 60 % of the pairs of every partner and lose
// hardly a bid: there is something to learn here.
func TestThereIsSomethingToLearn(t *testing.T) {
	w := New(1)
	chances := map[string][]float64{}
	for _, a := range sample(w, 10000) {
		for _, name := range a.Partners {
			chances[name] = append(chances[name], w.BidProbability(&a.Request, name))
		}
	}
	for name, list := range chances {
		slices.Sort(list)
		lost, all := 0.0, 0.0
		for i, p := range list {
			all += p
			if i < len(list)*60/100 {
				lost += p
			}
		}
		t.Logf("%s: bids on %.2f %%, filtering 60 %% loses %.2f %% of bids", name, 100*all/float64(len(list)), 100*lost/all)
		if lost/all > .015 {
			t.Errorf("%s: filtering 60 %% loses %.2f %% of bids at best", name, 100*lost/all)
		}
	}
}

// A few publishers, countries and devices carry most of the traffic, many
// others the rest, and exchanges leave things out.
func TestSkew(t *testing.T) {
	counts := map[string]map[string]float64{}
	hours := [24]int{}
	const n = 20000
	for _, a := range sample(New(1), n) {
		r := &a.Request
		hours[int(r.Hour)]++
		for name, value := range map[string]string{
			"publisher": r.PublisherID, "country": r.GeoCountry, "format": r.Format, "category": r.SiteCat, "user": r.UserID, "city": r.GeoCity,
			"device": fmt.Sprint(r.DeviceType), "floor": fmt.Sprint(r.ImpBidfloor), "carrier": r.DeviceCarrier,
		} {
			if counts[name] == nil {
				counts[name] = map[string]float64{}
			}
			counts[name][value]++
		}
	}
	for _, tt := range []struct {
		name           string
		values         int     // at least
		top, topAtMost float64 // share of the commonest value
		empty          float64 // at least this share is absent
	}{
		{"publisher", 1500, .05, .3, 0},
		{"country", 35, .15, .4, 0},
		{"city", 300, 0, .2, .05},
		{"format", 4, .45, .75, 0},
		{"device", 6, .35, .7, 0},
		{"category", 16, .06, .3, 0},
		{"user", 10000, 0, .6, .3},
		{"carrier", 30, 0, .9, .3},
		{"floor", 300, 0, .2, 0},
	} {
		top := 0.0
		for _, c := range counts[tt.name] {
			top = max(top, c/n)
		}
		if got := len(counts[tt.name]); got < tt.values || top < tt.top || top > tt.topAtMost || counts[tt.name][""]/n < tt.empty {
			t.Errorf("%s: %d values, the commonest on %.2f, absent on %.2f", tt.name, got, top, counts[tt.name][""]/n)
		}
	}
	if missing := counts["floor"]["NaN"] / n; missing < .05 || missing > .2 {
		t.Errorf("no floor on %.2f of requests", missing)
	}
	if slices.Min(hours[:])*2 > slices.Max(hours[:])*3/2 || slices.Min(hours[:]) == 0 {
		t.Errorf("hours %v", hours)
	}
}

// Auction n is the same whoever asks, whenever, in whatever order, and another
// one in another market.
func TestDeterminism(t *testing.T) {
	one, two, other := New(5), New(5), New(6)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	want := make([]Auction, 200)
	for n := range want {
		want[n] = one.Auction(uint64(n), at)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := len(want) - 1; n >= 0; n-- {
				if got := two.Auction(uint64(n), at); !equal(got, want[n]) {
					t.Errorf("auction %d: %+v, then %+v", n, want[n], got)
				}
			}
		})
	}
	all.Wait()
	same := 0
	for n := range want {
		if equal(other.Auction(uint64(n), at), want[n]) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d auctions of two markets are the same", same)
	}
}

func equal(a, b Auction) bool {
	return reflect.DeepEqual(feature.MarshalOpenRTB(a.Request), feature.MarshalOpenRTB(b.Request)) &&
		a.Request.Hour == b.Request.Hour && slices.Equal(a.Partners, b.Partners) && slices.Equal(a.Bidders, b.Bidders) && slices.Equal(a.Prices, b.Prices)
}

// A change of the market changes what every committed model was trained on:
// whoever makes one runs make models, and then writes the new sum down here.
func TestMarketIsTheOneTheModelsKnow(t *testing.T) {
	h := fnv.New64a()
	for _, a := range sample(New(1), 500) {
		fmt.Fprintln(h, a.Request.PublisherID, a.Request.GeoCountry, a.Request.Format, a.Request.DeviceType, a.Partners, a.Bidders)
	}
	if got := h.Sum64(); got != marketSum {
		t.Errorf("the first auctions of market 1 add up to %#x, not %#x", got, uint64(marketSum))
	}
}

const marketSum = 0xb98e0e4bcf621e01

func TestWriteLog(t *testing.T) {
	var log bytes.Buffer
	if err := New(1).WriteLog(&log, 0, 50); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "\n"); n != 50 {
		t.Errorf("%d lines", n)
	}
	var rows bytes.Buffer
	c := feature.Contract{Features: []feature.Feature{{Name: "floor", Kind: feature.Number, Source: []string{"imp.bidfloor"}}}}
	if did, err := feature.Rows(&rows, &log, c, feature.Reading{Strict: true}); err != nil || did.Rows != 50*PartnersPerAuction {
		t.Errorf("%+v, %v", did, err)
	}
}

func BenchmarkAuction(b *testing.B) {
	w := New(1)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		w.Auction(n, at)
		n++
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(1)
	}
}
