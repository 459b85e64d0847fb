package inference

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/control"
)

// What bids are worth is counted in the fleet's currency, up to the cap, under
// those releases that would have lost them; what has no price is told apart.
func TestBidsCountByTheirWorth(t *testing.T) {
	task := newToyTask(t, newToyShop(low))
	task.prices.Store(&prices{currency: "USD", cap: 4, rates: []rate{{"EUR", 1.25}}})
	s := &session{t: task}
	now := time.Now()
	auction := explored(now) // a is filtered by the serving release, b by the shadow
	auction.pairs = append(auction.pairs, receiptPair{partnerHash("c"), pairBoth | pairServing | pairShadow}, receiptPair{partnerHash("d"), pairBoth}, receiptPair{partnerHash("e"), pairServing})
	worth := func(amount float64, currency string) price { return price{amount, currency, true} }
	say := func(winner string, cleared price, bids map[string]price) {
		o := reported{receipt: task.receipts.append(nil, &auction), winner: winner, cleared: cleared}
		for partner, bid := range bids {
			o.bidders, o.prices = append(o.bidders, partner), append(o.prices, bid)
		}
		s.outcome(o, now)
	}
	say("", price{}, map[string]price{"a": worth(1, "USD"), "b": worth(2, "EUR"), "c": worth(3, ""), "d": worth(10, "USD"), "e": worth(1, "USD")})
	say("", price{}, map[string]price{"a": worth(1, "JPY"), "b": worth(-1, "USD"), "c": worth(math.NaN(), ""), "d": worth(math.Inf(1), "EUR")})
	say("", price{}, map[string]price{"a": {}, "d": worth(2e6, "USD")})
	say("a", worth(0.5, "EUR"), nil)
	say("d", price{}, nil)

	c := task.ledger.under(auction.generation)[0]
	got := &whole{values: map[string]*[valueColumns]column{}}
	got.addMoney(c)
	at := auction.bucket
	for partner, want := range map[string][valueColumns]int64{
		"a": {1e6, 1e6, 0, 0}, "b": {2.5e6, 0, 2.5e6, 0}, "c": {3e6, 0, 0, 3e6}, "d": {4e6, 0, 0, 0}, "e": {},
	} {
		for i, n := range want {
			if got.value(partner)[i][at] != n {
				t.Errorf("%s, column %d: %d, want %d", partner, i, got.value(partner)[i][at], n)
			}
		}
	}
	for i, n := range [outcomeColumns]int64{3, 12, 3, 3, 3} { // a win alone is no second outcome
		if got.outcomes[i][at] != n {
			t.Errorf("outcomes, column %d: %d, want %d", i, got.outcomes[i][at], n)
		}
	}
	if want := [moneyKinds]int64{1, 1, 4, 6e6, 1, 625000, 625000, 0}; got.money != want {
		t.Errorf("money %v, want %v", got.money, want)
	}
	if got.prices[priceBin(1)] != 1 || got.prices[priceBin(10)] != 1 || sum(got.prices[:]) != 4 {
		t.Errorf("prices %v", got.prices)
	}
}

// Without a word of the controller's on money, a price says nothing.
func TestNoCurrencyIsNoValue(t *testing.T) {
	task := newToyTask(t, newToyShop(low))
	r := explored(time.Now())
	(&session{t: task}).outcome(reported{receipt: task.receipts.append(nil, &r), bidders: []string{"a"}, prices: []price{{1, "USD", true}}}, time.Now())
	c := task.ledger.under(r.generation)[0]
	if n := c.money[foreignMoney].Load(); n != 1 || c.partner("a").value.Load() != nil || c.partner("a").cells[r.bucket].bids.Load() != 1 {
		t.Errorf("%d foreign bids, %v", n, c.partner("a").value.Load())
	}
}

func TestPricesThatMakeNoSense(t *testing.T) {
	for want, p := range map[string]*control.Prices{
		"cap 0":           {Currency: "USD"},
		"cap NaN":         {Currency: "USD", Cap: math.NaN()},
		"cap 1e+06":       {Currency: "USD", Cap: 1e6},
		`rate 0 of "EUR"`: {Currency: "USD", Cap: 1, Rates: map[string]float64{"EUR": 0}},
		"rate +Inf":       {Currency: "USD", Cap: 1, Rates: map[string]float64{"EUR": math.Inf(1)}},
	} {
		if _, err := readPrices(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if p, err := readPrices(nil); p != nil || err != nil {
		t.Errorf("nothing said: %v, %v", p, err)
	}
}

// BenchmarkReport is a call with the outcomes of 64 auctions, four of them
// explored, as an auction server sends them.
func BenchmarkReport(b *testing.B) {
	for _, prices := range []bool{false, true} {
		b.Run(fmt.Sprint("prices=", prices), func(b *testing.B) {
			task := newToyTask(b, newToyShop(hash, rash))
			force(b, task, assignment{release: hash.digest(), shadow: rash.digest(), explore: 0.5, buckets: 64})
			one := reportedBy(task, prices)
			says := encode(b, FramedBinary, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Report(ctx, one) })
			w := newWire(&endless{says: says}, task.data.sizes)
			if _, err := w.recognise(); err != nil {
				b.Fatal(err)
			}
			s := &session{t: task, w: w, id: 1}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.next(); err != nil {
					b.Fatal(err)
				}
				if _, err := s.call(b.Context(), w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func reportedBy(task *Task, prices bool) (all []*adfilter.Outcome) {
	now, worth, usd := time.Now(), 1.5, "USD"
	auction := explored(now)
	for i := range 18 {
		auction.pairs = append(auction.pairs, receiptPair{partnerHash(fmt.Sprint("partner-", i)), pairBoth})
	}
	if prices {
		all = worthSomething(task)
	}
	for i := range 64 - len(all) {
		o := &adfilter.Outcome{Receipt: task.receipts.append(nil, &receipt{at: now}), Bidders: []string{"a"}}
		if i%16 == 0 {
			o.Receipt = task.receipts.append(nil, &auction)
		}
		if prices {
			o.Prices = []*adfilter.Price{{Price: &worth, Cur: &usd}}
		}
		all = append(all, o)
	}
	return all
}

// A receipt is for the counts of its own generation, release and shadow alone.
func TestReceiptsFindTheirCounts(t *testing.T) {
	var l ledger
	digest := func(b byte) string { return hex.EncodeToString(append([]byte{b}, make([]byte, 31)...)) }
	own := l.open(countsKey{digest(1), digest(2), 7})
	alone := l.open(countsKey{digest(1), "", 7})
	r := receipt{generation: 7, release: [32]byte{1}, shadow: [32]byte{2}, hasShadow: true}
	for want, change := range map[*counts]func(*receipt){
		own:   func(*receipt) {},
		alone: func(r *receipt) { r.hasShadow, r.shadow = false, [32]byte{} },
	} {
		one := r
		change(&one)
		if got := l.forReceipt(&one, time.Unix(1, 0), time.Hour); got != want {
			t.Errorf("%+v is counted under %+v", one, got.key)
		}
	}
	for _, change := range []func(*receipt){
		func(r *receipt) { r.generation = 8 }, func(r *receipt) { r.release[0] = 3 }, func(r *receipt) { r.shadow[0] = 3 },
	} {
		one := r
		change(&one)
		if got := l.forReceipt(&one, time.Unix(1, 0), time.Hour); got == own || got == alone || got.key != one.key() {
			t.Errorf("%+v is counted under %+v", one, got.key)
		}
	}
}
