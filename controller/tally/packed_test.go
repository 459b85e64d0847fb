package tally_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

func lists(c *tally.Columns) []*[]int64 {
	return []*[]int64{
		&c.Scored, &c.Filtered, &c.Pairs, &c.CandidateOnly, &c.StableOnly, &c.Bids, &c.BidsCandidateOnly, &c.BidsStableOnly,
		&c.Value, &c.ValueCandidateOnly, &c.ValueStableOnly, &c.ValueBoth,
	}
}

// withoutZeros is a report without lists of zeros, which say nothing.
func withoutZeros(r tally.Report) tally.Report {
	r.Partners = maps.Clone(r.Partners)
	for name, c := range r.Partners {
		for _, list := range lists(&c) {
			if !slices.ContainsFunc(*list, func(v int64) bool { return v != 0 }) {
				*list = nil
			}
		}
		r.Partners[name] = c
	}
	return r
}

// packed is a look whose reports are packed, and come in another order.
func packed(l tally.Look, rng *rand.Rand) tally.Look {
	l.Reports = slices.Clone(l.Reports)
	for i, r := range l.Reports {
		l.Reports[i] = r.Pack()
	}
	rng.Shuffle(len(l.Reports), func(i, j int) { l.Reports[i], l.Reports[j] = l.Reports[j], l.Reports[i] })
	return l
}

// twins are two tallies of the same looks, one of them of packed reports.
type twins struct {
	plain, packed tally.State
	rng           *rand.Rand
}

func (w *twins) look(t *testing.T, l tally.Look, p judge.Policy) judge.Statistics {
	t.Helper()
	a, b := w.plain.Look(l, p), w.packed.Look(packed(l, w.rng), p)
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("plain:\n%+v\npacked:\n%+v", a, b)
	}
	x, err := w.plain.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	y, err := w.packed.MarshalBinary()
	if err != nil || !bytes.Equal(x, y) {
		t.Fatalf("states differ (%v)", err)
	}
	return a
}

// Packed reports come to the same bit for bit, however many bytes a number
// takes and however many buckets are one cluster.
func TestPackedReportsComeToTheSame(t *testing.T) {
	w := tallytest.New(3)
	w.Sample, w.Zipf, w.Partners = .3, true, 20
	both := twins{rng: rand.New(rand.NewPCG(3, 3))}
	missed := int64(0)
	for i := range 24 {
		l := w.Next()
		l.Reports = slices.Clone(l.Reports)
		for k := range l.Reports {
			r := &l.Reports[k]
			r.Explore = 1 / float64(1+k)
			for _, list := range []*[]int64{&r.Requests, &r.Errors, &r.Invalid, &r.ShadowRequests, &r.ShadowInvalid} {
				scale(*list, i)
			}
			for name, c := range r.Partners {
				c.Bids, c.BidsCandidateOnly = slices.Clone(c.Pairs), slices.Clone(c.CandidateOnly)
				if k%2 == 0 {
					c.Value, c.ValueCandidateOnly = slices.Clone(c.Pairs), slices.Clone(c.CandidateOnly)
					r.Outcomes, r.Calls, r.CallsBoth = slices.Clone(r.Requests), slices.Clone(r.Requests), slices.Clone(r.Requests)
				}
				for _, list := range lists(&c) {
					scale(*list, i)
				}
				scale(c.Value, 43)
				scale(c.ValueCandidateOnly, 43)
				r.Partners[name] = c
			}
			if plain, back := withoutZeros(*r), r.Pack().Unpack(); !reflect.DeepEqual(plain, back) {
				t.Fatalf("%+v became %+v", plain, back)
			}
			if p := r.Pack(); p.Partners != nil || p.MissedBids() != r.MissedBids() {
				t.Fatalf("%d bids missed, packed %d; partners %v", r.MissedBids(), p.MissedBids(), p.Partners)
			}
			missed += r.MissedBids()
		}
		if seen := both.look(t, l, judge.Policy{WindowRequests: 2000}); len(seen.Problems) > 0 || seen.Streams[judge.Overall].Bids.N == 0 || seen.Values[judge.Overall].N == 0 {
			t.Fatalf("look %d: %q, %v bids", i, seen.Problems, seen.Streams[judge.Overall].Bids.N)
		}
		if i%3 == 2 && i < 21 {
			both.plain.Coarsen()
			both.packed.Coarsen()
		}
	}
	if width := both.packed.Width(); width != 1 || missed == 0 {
		t.Errorf("%d clusters a task at the end, %d bids missed", width, missed)
	}
}

// scale makes numbers so large that they take one to four bytes.
func scale(list []int64, i int) {
	for g := range list {
		list[g] *= []int64{1, 251, 65_000, 5_000_000}[i%4]
	}
}

// What makes no sense is refused for the same reason, packed or not.
func TestPackedReportsThatMakeNoSense(t *testing.T) {
	for name, spoil := range map[string]func(*tally.Columns){
		"nothing":          func(*tally.Columns) {},
		"below zero":       func(c *tally.Columns) { c.Pairs[5] = -1 },
		"zero in all":      func(c *tally.Columns) { c.Scored[5], c.Scored[6] = -1<<63, -1<<63 },
		"absurd":           func(c *tally.Columns) { c.Scored[63] = 1 << 31 },
		"absurd beyond":    func(c *tally.Columns) { c.Bids = make([]int64, 64); c.Bids[0] = 1 << 62 },
		"short":            func(c *tally.Columns) { c.Filtered = c.Filtered[:63] },
		"long":             func(c *tally.Columns) { c.StableOnly = append(c.StableOnly, 0) },
		"filtered":         func(c *tally.Columns) { c.Filtered[9] += 1000 },
		"differ":           func(c *tally.Columns) { c.CandidateOnly[9] += 1000 },
		"differ in a bid":  func(c *tally.Columns) { c.BidsStableOnly = make([]int64, 64); c.BidsStableOnly[63] = 1000 },
		"as many as might": func(c *tally.Columns) { c.Filtered[0] = c.Scored[0] + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			w := tallytest.New(5)
			both := twins{rng: rand.New(rand.NewPCG(5, 5))}
			both.look(t, w.Next(), judge.Policy{})
			l := w.Next()
			for partner, c := range l.Reports[1].Partners {
				if partner == tallytest.PartnerName(3) {
					spoil(&c)
					l.Reports[1].Partners[partner] = c
				}
			}
			seen := both.look(t, l, judge.Policy{})
			if sound := name == "nothing" || name == "as many as might"; sound != (len(seen.Problems) == 0) {
				t.Errorf("%q", seen.Problems)
			}
		})
	}
	most := tallytest.Blank("a", judge.Control, 1)
	for n, packs := range map[int64]bool{1<<31 - 1: true, 1 << 31: false} { // of which nobody can count more
		most.Partners["acme"] = tally.Columns{Scored: []int64{n}}
		if got := most.Pack(); (got.Partners == nil) != packs {
			t.Errorf("%d is packed: %v", n, !packs)
		}
	}
	long := tallytest.Blank("a", judge.Control, 65)
	long.Partners["acme"] = tallytest.BlankColumns(65)
	long.Partners["acme"].Scored[64] = 1
	if got := long.Pack(); !reflect.DeepEqual(got, long) {
		t.Errorf("65 buckets became %+v", got)
	}
	(&twins{rng: rand.New(rand.NewPCG(5, 5))}).look(t, tally.Look{At: time.Unix(1, 0), Served: true, Reports: []tally.Report{long}}, judge.Policy{})
}

// Partners may be added to a packed report.
func TestPackedAndOthers(t *testing.T) {
	both := twins{rng: rand.New(rand.NewPCG(5, 5))}
	l := tallytest.New(5).Next()
	r := withoutZeros(l.Reports[0])
	half := r
	half.Partners = maps.Clone(r.Partners)
	name := tallytest.PartnerName(2)
	delete(half.Partners, name)
	half = half.Pack()
	half.Partners = map[string]tally.Columns{name: r.Partners[name]}
	if got := half.Pack().Unpack(); !reflect.DeepEqual(got, r) {
		t.Errorf("%+v became %+v", r, got)
	}
	both.plain.Look(l, judge.Policy{})
	l.Reports = slices.Clone(l.Reports)
	l.Reports[0] = half
	both.packed.Look(l, judge.Policy{})
	both.look(t, l, judge.Policy{})
}

// JSON does not tell whether a report was packed, and neither do reports that
// are packed twice.
func TestPackedReportsAsJSON(t *testing.T) {
	r := withoutZeros(tallytest.New(5).Next().Reports[0])
	plain, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r.Pack().Pack())
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%s, %v, want %s", got, err, plain)
	}
	var back tally.Report
	if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("%+v, %v", back, err)
	}
}

// FuzzPack packs whatever may be counted.
func FuzzPack(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 0, 9, 255}, uint8(3), uint8(2))
	f.Add(bytes.Repeat([]byte{0, 200}, 99), uint8(64), uint8(31))
	f.Fuzz(func(t *testing.T, data []byte, buckets, shift uint8) {
		r := tallytest.Blank("a", judge.Control, int(buckets))
		for k := 0; len(data) > 0 && k < 5 && buckets > 0; k++ {
			var c tally.Columns
			for _, list := range lists(&c) {
				if len(data) == 0 || data[0]%4 == 0 {
					data = data[min(1, len(data)):]
					continue
				}
				*list = make([]int64, buckets)
				for g := range min(len(data), int(buckets)) {
					(*list)[g] = int64(data[g]) << (shift % 64)
				}
				data = data[min(len(data), int(buckets)):]
			}
			r.Partners[tallytest.PartnerName(k)] = c
		}
		p := r.Pack()
		if back := p.Unpack(); p.Partners == nil && !reflect.DeepEqual(back, withoutZeros(r)) || p.Partners != nil && !reflect.DeepEqual(back, r) {
			t.Fatalf("%+v became %+v", r, back)
		}
		if p.Partners == nil && p.MissedBids() != r.MissedBids() {
			t.Fatalf("%d bids missed, packed %d", r.MissedBids(), p.MissedBids())
		}
		both := twins{rng: rand.New(rand.NewPCG(1, 1))}
		both.look(t, tally.Look{At: time.Unix(1, 0), Served: true, Reports: []tally.Report{r}}, judge.Policy{})
	})
}
