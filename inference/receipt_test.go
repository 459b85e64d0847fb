package inference

import (
	"bytes"
	"errors"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
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

// reporting sends reports over a connection of its own, and waits until they
// are taken.
func (l *onLoopback) reporting(t *testing.T, d Dialect, outcomes ...*adfilter.Outcome) {
	t.Helper()
	conn, err := net.Dial("tcp", l.data)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := client(conn, d)
	if err := c.Report(t.Context(), outcomes); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Filter(t.Context(), &adfilter.BidRequest{}); err != nil { // which comes after it
		t.Fatalf("after a report: %v", err)
	}
}

// Receipts that are late, of elsewhere, damaged or huge, and partners that
// nobody asked about, are counted by reason and nowhere else; a receipt that
// comes back after its release has gone, or to another process, counts for that
// release alone.
func TestStrangeReceiptsOverTheWire(t *testing.T) {
	for _, d := range []Dialect{FramedBinary, FramedCompact, UnframedBinary, UnframedCompact} {
		task := newToyTask(t, newToyShop(low, high))
		task.o.DrainDelay, task.o.MaxWait, task.o.Deadline = 0, time.Minute, time.Minute
		task.o.DrainLinger = 0
		begin := assignment{release: low.digest(), shadow: high.digest(), sample: 1, explore: 1, buckets: 1, generation: 1}
		force(t, task, begin)
		l := onPorts(t, task)
		conn, err := net.Dial("tcp", l.data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := client(conn, d).Decide(t.Context(), ask("x"), []string{"a", "b"})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		begin.release, begin.shadow, begin.generation = high.digest(), low.digest(), 2
		if err := task.orders.take(begin, 1, time.Now()); err != nil {
			t.Fatal(err)
		}
		until(t, "the next release", func() bool { return task.serving.Load().assignment == begin }) // the receipt is late now
		was := residentBytes()
		dropped := func(reason string) int { return int(counterOf(t, task, "sluice_outcomes_dropped_total", reason)) }
		outcome := func(receipt []byte, bidders ...string) *adfilter.Outcome {
			return &adfilter.Outcome{Receipt: receipt, Bidders: bidders}
		}
		l.reporting(t, d, outcome(got.Receipt, "a"))
		l.reporting(t, d, outcome(got.Receipt, "a")) // receipts do not tell auctions apart, so it counts again
		flipped := bytes.Clone(got.Receipt)
		flipped[len(flipped)/2] ^= 1
		foreign := explored(time.Now())
		l.reporting(t, d,
			outcome(nil, "a"), outcome(got.Receipt[:20], "a"), outcome(flipped, "a"), outcome(make([]byte, 100_000), "a"),
			outcome(newReceipts("other fleet", time.Minute).append(nil, &foreign), "a"))
		if n := dropped("damaged"); n != 5 {
			t.Errorf("%s: %d are damaged, want 5", d, n)
		}
		old := explored(time.Now().Add(-time.Hour))
		l.reporting(t, d, outcome(task.receipts.append(nil, &old), "a"))
		if n := dropped("too_old"); n != 1 {
			t.Errorf("%s: %d are too old", d, n)
		}
		won := outcome(got.Receipt)
		won.Win = &adfilter.Win{Partner: "nobody"}
		l.reporting(t, d, outcome(got.Receipt, "nobody"), won)
		if n := dropped("unknown_partner"); n != 2 {
			t.Errorf("%s: %d partners are unknown, want a bidder and a winner", d, n)
		}
		for g := range 50 { // of tasks that nobody heard of
			one := explored(time.Now())
			one.generation = int64(1000 + g)
			l.reporting(t, d, outcome(task.receipts.append(nil, &one), "a"))
		}
		if n := dropped("unknown_release"); n != 50-foreignCounts {
			t.Errorf("%s: %d are of unknown releases", d, n)
		}
		if grown := residentBytes() - was; grown > 64<<20 {
			t.Errorf("%s: %d bytes more", d, grown)
		}
		for _, c := range task.ledger.under(1) {
			if in := c.tally(1); c.key.release != low.digest() || in.partners[0].bids[0] != 2 || in.partners[0].name != "a" {
				t.Errorf("%s: the late bids are counted under %+v: %+v", d, c.key, in.partners[0])
			}
		}
		for _, c := range task.ledger.under(2) {
			for _, p := range c.tally(1).partners {
				if p.bids[0] != 0 {
					t.Errorf("%s: a bid is counted under another release: %+v", d, p)
				}
			}
		}
		again := newToyTask(t, newToyShop(low, high)) // the next process, before it serves that
		s := &session{t: again}
		s.outcome(reported{receipt: got.Receipt, bidders: []string{"a"}}, time.Now())
		if c := again.ledger.under(1); len(c) != 1 || c[0].key != (countsKey{low.digest(), high.digest(), 1}) || c[0].tally(1).partners[0].bids[0] != 1 {
			t.Errorf("%s: after a restart: %v", d, c)
		}
		l.stop()
		if err := <-l.done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}
