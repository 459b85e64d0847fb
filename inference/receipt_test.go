package inference

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"
)

func explored(at time.Time) receipt {
	return receipt{
		at: time.UnixMilli(at.UnixMilli()), explored: true, bucket: 3, generation: 9, hasShadow: true,
		release: [32]byte{1, 2, 3}, shadow: [32]byte{4, 5},
		pairs: []receiptPair{{partnerHash("a"), pairServing | pairBoth}, {partnerHash("b"), pairShadow | pairBoth}},
	}
}

func TestReceiptsComeBack(t *testing.T) {
	f := newReceipts("fleet", time.Minute)
	now := time.UnixMilli(1_800_000_000_000)
	alone := explored(now)
	alone.hasShadow, alone.shadow = false, [32]byte{}
	for _, want := range []receipt{{at: now}, explored(now), alone} {
		b := f.append([]byte("before"), &want)[len("before"):]
		var got receipt
		if err := f.read(b, &got, now.Add(59*time.Second)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		for _, late := range []time.Duration{61 * time.Second, -61 * time.Second} {
			if err := f.read(b, &got, now.Add(late)); !errors.Is(err, errOld) {
				t.Errorf("%v later: %v", late, err)
			}
		}
		if other := newReceipts("other fleet", time.Minute); !errors.Is(other.read(b, &got, now), errDamaged) {
			t.Error("another fleet took it")
		}
		for i := range b {
			if f.read(b[:i], &got, now) == nil {
				t.Errorf("the first %d bytes were taken", i)
			}
			damaged := bytes.Clone(b)
			damaged[i] ^= 0x10
			if f.read(damaged, &got, now) == nil {
				t.Errorf("byte %d damaged, and it was taken", i)
			}
		}
	}
}

// Whatever is taken is written again as it was.
func FuzzReceipt(f *testing.F) {
	factory := newReceipts("fleet", time.Hour)
	now := time.UnixMilli(1_800_000_000_000)
	for _, r := range []receipt{{at: now}, explored(now)} {
		b := factory.append(nil, &r)
		f.Add(b[:len(b)-4])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var r receipt
		_ = factory.read(body, &r, now) // must not panic
		sealed := factory.seal(bytes.Clone(body))
		if factory.read(sealed, &r, now) != nil {
			return
		}
		if r.bucket >= MaxBuckets || len(r.pairs) > len(body) {
			t.Fatalf("impossible %+v", r)
		}
		again := factory.append(nil, &r)
		var twice receipt
		if err := factory.read(again, &twice, now); err != nil || !reflect.DeepEqual(r, twice) {
			t.Fatalf("%v: %+v became %+v", err, r, twice)
		}
	})
}

func TestOutcomesThatDoNotCountAreCounted(t *testing.T) {
	task := newToyTask(t, newToyShop(low))
	force(t, task, assignment{release: low.digest(), buckets: 16})
	s := &session{t: task}
	now := time.Now()
	give := func(r receipt, bidders ...string) {
		s.outcome(reported{receipt: task.receipts.append(nil, &r), bidders: bidders}, now)
	}
	s.outcome(reported{receipt: []byte("nonsense")}, now)
	give(explored(now.Add(-time.Hour)))
	give(receipt{at: now})
	give(explored(now), "a", "nobody", "a") // counted, unknown, twice
	one := explored(now)
	c := task.ledger.under(one.generation)
	if len(c) != 1 || c[0].tally(MaxBuckets).partners[0].bidsServedOnly[one.bucket] != 1 {
		t.Error("the bid is not where its auction was counted")
	}
	for i := range foreignCounts {
		one := explored(now)
		one.generation = int64(100 + i)
		give(one, "a")
	}
	for reason, want := range map[string]float64{"damaged": 1, "too_old": 1, "unknown_partner": 2, "unknown_release": 1} {
		if n := counterOf(t, task, "sluice_outcomes_dropped_total", reason); n != want {
			t.Errorf("%s: %v, want %v", reason, n, want)
		}
	}
	if n := counterOf(t, task, "sluice_explored_bids_total", ""); n != foreignCounts {
		t.Errorf("%v bids", n)
	}
	// Room comes back once nobody reports on the oldest any more.
	now = now.Add(2 * task.o.ReceiptAge)
	give(explored(now), "b")
	if n := counterOf(t, task, "sluice_outcomes_dropped_total", "unknown_release"); n != 1 {
		t.Errorf("%v dropped", n)
	}
}
