package inference

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/idl/packed"
)

// whole is everything that counts hold, or that answers came to.
type whole struct {
	requests        [requestColumns]column
	scores, latency [LatencyBins]int64
	partners        map[string]*[pairColumns]column
	outcomes        [outcomeColumns]column
	prices          [PriceBins]int64
	money           [moneyKinds]int64
	values          map[string]*[valueColumns]column
}

type countedBy map[countsKey]*whole

func (c countedBy) under(key countsKey) *whole {
	if c[key] == nil {
		c[key] = &whole{partners: map[string]*[pairColumns]column{}, values: map[string]*[valueColumns]column{}}
	}
	return c[key]
}

// truth is what there is to tell.
func truth(all ...*counts) countedBy {
	by := countedBy{}
	add := func(to *column, numbers []int64) {
		for g, n := range numbers {
			to[g] += n
		}
	}
	for _, c := range all {
		to, is := by.under(c.key), c.tally(MaxBuckets)
		for i, n := range is.scores {
			to.scores[i] += n
		}
		for i, n := range is.latency {
			to.latency[i] += n
		}
		for i, list := range [][]int64{is.requests, is.errors, is.invalid, is.shadowInvalid, is.shadowRequests} {
			add(&to.requests[i], list)
		}
		for _, p := range is.partners {
			for i, list := range [][]int64{
				p.scored, p.filtered, p.pairs, p.servedOnly, p.shadowOnly, p.bids, p.bidsServedOnly, p.bidsShadowOnly,
			} {
				add(&to.partner(p.name)[i], list)
			}
		}
		to.addMoney(c)
	}
	return by
}

// addMoney adds what counts hold of it.
func (c *whole) addMoney(from *counts) {
	for g := range from.outcomes {
		cell := &from.outcomes[g]
		for i, n := range []*atomic.Int64{&cell.outcomes, &cell.calls, &cell.callsServedOnly, &cell.callsShadowOnly, &cell.callsBoth} {
			c.outcomes[i][g] += n.Load()
		}
	}
	for i := range c.prices {
		c.prices[i] += from.prices[i].Load()
	}
	for i := range c.money {
		c.money[i] += from.money[i].Load()
	}
	for name, p := range *from.partners.Load() {
		cells := p.value.Load()
		for g := range MaxBuckets {
			if cells == nil {
				break
			}
			for i, n := range []*atomic.Int64{&cells[g].value, &cells[g].servedOnly, &cells[g].shadowOnly, &cells[g].both} {
				c.value(name)[i][g] += n.Load()
			}
		}
	}
}

func (c *whole) value(name string) *[valueColumns]column {
	if c.values[name] == nil {
		c.values[name] = &[valueColumns]column{}
	}
	return c.values[name]
}

func (c *whole) partner(name string) *[pairColumns]column {
	if c.partners[name] == nil {
		c.partners[name] = &[pairColumns]column{}
	}
	return c.partners[name]
}

// add adds an answer that was taken.
func (c countedBy) add(t *testing.T, a *control.Counted) {
	t.Helper()
	width := int(a.Buckets)
	columns := func(b []byte, to []column) {
		numbers := make([]int64, len(to)*width)
		if err := packed.Read(b, numbers); err != nil {
			t.Fatal(err)
		}
		for i, n := range numbers {
			to[i/width][i%width] += n
		}
	}
	bins := func(b []byte, to []int64) {
		numbers := make([]int64, len(to))
		if err := packed.Read(b, numbers); err != nil {
			t.Fatal(err)
		}
		for i, n := range numbers {
			to[i] += n
		}
	}
	for _, r := range a.Releases {
		to := c.under(countsKey{r.Release, r.Shadow, a.Generation})
		columns(r.Columns, to.requests[:])
		bins(r.Scores, to.scores[:ScoreBins])
		bins(r.Latency, to.latency[:])
		columns(r.Outcomes, to.outcomes[:])
		bins(r.Prices, to.prices[:])
		bins(r.Money, to.money[:])
		for _, p := range r.Partners {
			columns(p.Columns, to.partner(p.Partner)[:])
			columns(p.Value, to.value(p.Partner)[:])
		}
	}
}

// sensible fails where a part is greater than its whole.
func (c countedBy) sensible(t *testing.T) {
	t.Helper()
	for _, c := range c {
		for g := range c.requests[0] {
			if c.requests[1][g] > c.requests[0][g] {
				t.Fatalf("%d errors in %d requests", c.requests[1][g], c.requests[0][g])
			}
			for name, p := range c.partners {
				if p[1][g] > p[0][g] || p[3][g]+p[4][g] > p[2][g] || p[6][g]+p[7][g] > p[5][g] {
					t.Fatalf("%s: a part is more than its whole: %v", name, p)
				}
			}
			for name, v := range c.values {
				if v[1][g]+v[2][g]+v[3][g] > v[0][g] {
					t.Fatalf("%s: a part is worth more than its whole: %v", name, v)
				}
			}
			if o := c.outcomes; o[2][g]+o[3][g]+o[4][g] > o[1][g] {
				t.Fatalf("more calls saved than made: %v", o)
			}
		}
	}
}

// holds fails where c is not what want is; partners without any counts do not
// matter.
func (c countedBy) holds(t *testing.T, want countedBy) {
	t.Helper()
	for key, w := range want {
		got := c.under(key)
		if got.requests != w.requests || got.scores != w.scores || got.latency != w.latency {
			t.Fatalf("requests %v, scores %v, latency %v\nwant %v, %v, %v", got.requests, got.scores, got.latency, w.requests, w.scores, w.latency)
		}
		for name, p := range w.partners {
			if *got.partner(name) != *p {
				t.Fatalf("%s: %v, want %v", name, *got.partner(name), *p)
			}
		}
		if got.outcomes != w.outcomes || got.prices != w.prices || got.money != w.money {
			t.Fatalf("outcomes %v, prices %v, money %v\nwant %v, %v, %v", got.outcomes, got.prices, got.money, w.outcomes, w.prices, w.money)
		}
		for name, v := range w.values {
			if *got.value(name) != *v {
				t.Fatalf("%s: value %v, want %v", name, *got.value(name), *v)
			}
		}
	}
	c.within(t, want)
}

// within fails where c is more than most.
func (c countedBy) within(t *testing.T, most countedBy) {
	t.Helper()
	for key, got := range c {
		w := most.under(key)
		for i, column := range got.requests {
			for g, n := range column {
				if n > w.requests[i][g] {
					t.Fatalf("column %d: told of %d of %d requests", i, n, w.requests[i][g])
				}
			}
		}
		for name, v := range got.values {
			for i, column := range v {
				for g, n := range column {
					if n > w.value(name)[i][g] {
						t.Fatalf("%s, column %d: told of a value of %d of %d", name, i, n, w.value(name)[i][g])
					}
				}
			}
		}
		for name, p := range got.partners {
			for i, column := range p {
				for g, n := range column {
					if n > w.partner(name)[i][g] {
						t.Fatalf("%s, column %d: told of %d of %d pairs", name, i, n, w.partner(name)[i][g])
					}
				}
			}
		}
	}
}

// asker adds up answers as idl/control.thrift says, and stores what it has now
// and then.
type asker struct {
	upto, stored int64
	got, safe    countedBy
	gaps         int
}

func newAsker() *asker { return &asker{got: countedBy{}, safe: countedBy{}} }

func (a *asker) take(t *testing.T, c *control.Counted) {
	t.Helper()
	if c.After < a.upto {
		return
	}
	if c.After > a.upto {
		a.gaps++
	}
	a.got.add(t, c)
	a.upto = c.Upto
}

func (a *asker) store() { a.stored, a.safe = a.upto, a.got.clone() }

func (a *asker) crash() { a.upto, a.got = a.stored, a.safe.clone() }

func (c countedBy) clone() countedBy {
	all := countedBy{}
	for key, from := range c {
		to := all.under(key)
		partners, values := to.partners, to.values
		*to = *from
		to.partners, to.values = partners, values
		for name, v := range from.values {
			columns := *v
			to.values[name] = &columns
		}
		for name, p := range from.partners {
			columns := *p
			to.partners[name] = &columns
		}
	}
	return all
}

// counting counts at random.
type counting struct {
	chance *rand.Rand
	ledger *ledger
	own    *counts
}

func (c *counting) some() {
	from := c.own
	if c.chance.IntN(4) == 0 {
		r := receipt{release: [32]byte{byte(c.chance.IntN(2))}, generation: 7, bucket: c.chance.IntN(MaxBuckets)}
		if from = c.ledger.forReceipt(&r, time.Unix(1, 0), time.Hour); from == nil {
			return
		}
		bits := uint8(c.chance.IntN(int(pairBoth)))
		r.pairs = []receiptPair{{bits: bits | pairBoth}}
		from.addOutcome(&r)
		p, in := from.partner(c.name()), &prices{cap: 10}
		p.cells[r.bucket].bids.Add(1)
		from.addBid(p, r.bucket, bits, in, price{amount: 20 * c.chance.Float64(), said: c.chance.IntN(5) > 0})
		from.addWin(bits, in, price{amount: c.chance.Float64(), said: true})
		return
	}
	for range c.chance.IntN(20) {
		id := uint64(c.chance.IntN(300))
		from.cell(id).requests.Add(1)
		from.shards[id%countShards].latency[c.chance.IntN(LatencyBins)].Add(1)
		from.shards[id%countShards].scores[c.chance.IntN(ScoreBins)].Add(1)
		if c.chance.IntN(3) == 0 {
			from.cell(id).errors.Add(1)
			from.cell(id).invalid.Add(3)
		}
		for range c.chance.IntN(6) {
			cell := &from.partner(c.name()).cells[bucketOf(id)]
			for _, n := range [][3]*atomic.Int64{
				{&cell.scored, &cell.filtered, &cell.filtered},
				{&cell.pairs, &cell.servedOnly, &cell.shadowOnly},
				{&cell.bids, &cell.bidsServedOnly, &cell.bidsShadowOnly},
			} {
				whole := c.chance.IntN(1000)
				n[0].Add(int64(whole))
				n[1+c.chance.IntN(2)].Add(int64(c.chance.IntN(whole + 1)))
			}
		}
	}
}

func (c *counting) name() string { return fmt.Sprint("partner ", c.chance.IntN(40)) }

func (c *counting) ask(after int64, room int) *control.Counted {
	return c.ledger.asked(after, room)
}

// asked is the answer to who asks about generation 7.
func (l *ledger) asked(after int64, room int) *control.Counted {
	told := &control.Counted{Generation: 7, Buckets: MaxBuckets}
	l.since(7, after, MaxBuckets, room).tell(told)
	return told
}

// FuzzCounted lets two askers ask in between counting, lose answers, and crash
// after they took an answer and before they stored it. Nobody is ever told
// more than there is. Whoever asks alone is told everything, whatever is lost.
func FuzzCounted(f *testing.F) {
	f.Add(uint64(1), []byte("c0c0c0"))
	f.Add(uint64(2), []byte("c0c1c2c2c0"))
	f.Add(uint64(3), []byte("c0c1c2c0cc0c2c2c2c2c1"))
	f.Add(uint64(4), []byte("c0a0aacaacaa0c0c0"))
	f.Add(uint64(5), []byte("cr0cr1fc0c0fc0"))
	f.Fuzz(func(t *testing.T, seed uint64, moves []byte) {
		if len(moves) > 200 {
			return
		}
		c := &counting{chance: rand.New(rand.NewPCG(seed, 1)), ledger: &ledger{}}
		c.own = c.ledger.open(countsKey{"release 0", "release 1", 7})
		first, second := newAsker(), newAsker()
		rivals, forgotten, room := false, false, maxCountedBytes
		for _, move := range moves {
			switch move {
			case 'c':
				c.some()
			case '0', '1': // answered; stored, or the asker crashes before
				first.take(t, c.ask(first.stored, room))
				first.got.sensible(t)
				if move == '0' {
					first.store()
				} else {
					first.crash()
				}
			case '2':
				c.ask(first.stored, room) // lost
			case 'a':
				rivals = true
				second.take(t, c.ask(second.stored, room))
				second.store()
			case 'r': // room for few partners
				room = envelopeBytes + 3*entryBytes + (pairColumns+valueColumns)*MaxBuckets*maxNumberBytes + 200
			case 'f':
				forgotten = true
				c.ledger.told.forget(8)
			}
		}
		for asked := 0; ; asked++ {
			answer := c.ask(first.stored, room)
			first.take(t, answer)
			first.store()
			if answer.Waiting == 0 {
				break
			}
			if asked > 100 {
				t.Fatal("it never tells everything")
			}
		}
		all := truth(c.ledger.under(7)...)
		first.got.within(t, all)
		second.got.within(t, all)
		if !rivals && !forgotten {
			first.got.holds(t, all)
			if first.gaps > 0 {
				t.Errorf("%d gaps", first.gaps)
			}
		}
	})
}

// Two askers in turn, as when a deposed leader does not know it yet, are both
// told everything.
func TestTwoAskers(t *testing.T) {
	c := &counting{chance: rand.New(rand.NewPCG(1, 2)), ledger: &ledger{}}
	c.own = c.ledger.open(countsKey{"release 0", "release 1", 7})
	old, successor := newAsker(), newAsker()
	for range 20 {
		for _, a := range []*asker{old, successor} {
			c.some()
			a.take(t, c.ask(a.stored, maxCountedBytes))
			a.store()
			a.got.holds(t, truth(c.ledger.under(7)...))
		}
	}
	// Where one asks so often that the task forgets the other's position, the
	// other is told of what comes from then on, and sees the gap.
	for range 5 {
		c.some()
		old.take(t, c.ask(old.stored, maxCountedBytes))
		old.store()
	}
	c.some()
	successor.take(t, c.ask(successor.stored, maxCountedBytes))
	if all := truth(c.ledger.under(7)...); successor.gaps != 1 || old.gaps != 0 {
		t.Errorf("%d and %d gaps", successor.gaps, old.gaps)
	} else {
		successor.got.within(t, all)
	}
}

// An asker whose position was forgotten, while an older one is still known, is
// told something that it can use.
func TestForgottenInBetween(t *testing.T) {
	c := &counting{chance: rand.New(rand.NewPCG(1, 2)), ledger: &ledger{}}
	c.own = c.ledger.open(countsKey{"release 0", "release 1", 7})
	deaf, other := newAsker(), newAsker()
	for _, a := range []*asker{deaf, other, other} {
		c.some()
		told := c.ask(deaf.stored, maxCountedBytes)
		a.take(t, told)
		a.store()
	}
	for range 5 {
		c.some()
		c.ask(deaf.stored, maxCountedBytes) // lost
	}
	before := other.upto
	other.take(t, c.ask(other.stored, maxCountedBytes))
	if other.upto == before {
		t.Errorf("it is not told anything that comes after %d", before)
	}
	other.got.within(t, truth(c.ledger.under(7)...))
}

// A part whose whole was told of before it waits for the next whole.
func TestPartsWaitForTheirWholes(t *testing.T) {
	l := &ledger{}
	c := l.open(countsKey{"a", "b", 7})
	p, first := c.partner("p"), newAsker()
	cell, requests := &p.cells[3], &c.requests[3]
	wholes := []*atomic.Int64{&cell.scored, &cell.pairs, &cell.bids, &requests.requests}
	parts := []*atomic.Int64{&cell.filtered, &cell.servedOnly, &cell.bidsShadowOnly, &requests.errors}
	tell := func() {
		a := l.asked(first.stored, maxCountedBytes)
		alone := countedBy{}
		alone.add(t, a)
		alone.sensible(t)
		first.take(t, a)
		first.store()
	}
	for range 3 {
		for _, numbers := range [][]*atomic.Int64{wholes, parts} {
			for _, n := range numbers {
				n.Add(1)
			}
			tell()
		}
	}
	for _, n := range wholes {
		n.Add(1)
	}
	tell()
	first.got.holds(t, truth(c))
}

// A position that the task forgot, or never gave, is not taken for another.
func TestUnknownPositions(t *testing.T) {
	c := &counting{chance: rand.New(rand.NewPCG(1, 3)), ledger: &ledger{}}
	c.own = c.ledger.open(countsKey{"release 0", "release 1", 7})
	for len(truth(c.own).under(c.own.key).partners) < 5 {
		c.some()
	}
	if a := c.ask(5, maxCountedBytes); a.After <= 0 || a.Upto <= a.After || len(a.Releases[0].Partners) != 0 || len(a.Releases[0].Columns) != 0 {
		t.Errorf("the first answer ever comes after 5, and it is %v", a)
	}
	if a := c.ask(0, maxCountedBytes); a.After != 0 || len(a.Releases[0].Partners) < 5 {
		t.Errorf("everything is %v", a)
	}
	if a := c.ledger.since(8, 5, 64, maxCountedBytes); a.after != 5 || a.upto != 5 || len(a.entries) != 0 {
		t.Errorf("of a generation that there is not: %+v", a)
	}
	for generation := int64(8); generation < 8+keptCounts; generation++ {
		c.ledger.open(countsKey{"release 0", "", generation})
	}
	for generation := int64(8); generation < 8+keptCounts; generation++ {
		c.ledger.since(generation, 0, 64, maxCountedBytes)
	}
	if n := len(c.ledger.told.about); n > keptGenerations {
		t.Errorf("positions of %d generations are kept", n)
	}
	c.ledger.open(countsKey{"release 1", "", 100})
	if n := len(c.ledger.told.about); n != 0 {
		t.Errorf("positions of %d generations are kept that are over", n)
	}
}

// What is answered stays below 256 KiB whatever was counted, and in the end
// everything was told, to everyone in turn.
func TestAnswersStaySmall(t *testing.T) {
	l := &ledger{}
	c := l.open(countsKey{hash.digest(), rash.digest(), 7})
	names := make([]string, maxPartners)
	for i := range names {
		names[i] = fmt.Sprintf("%0*d", maxPartnerBytes, i)
	}
	count := func(by int64) {
		for _, name := range names {
			p := c.partner(name)
			for g := range p.cells {
				p.cells[g].scored.Add(2*by + int64(g))
				p.cells[g].filtered.Add(by)
				p.cells[g].pairs.Add(3 * by)
				p.cells[g].servedOnly.Add(by)
				p.cells[g].shadowOnly.Add(by)
			}
		}
		for g := range c.requests {
			c.requests[g].requests.Add(3 * by)
		}
		for i := range c.shards {
			for j := range c.shards[i].latency {
				c.shards[i].latency[j].Add(by)
			}
		}
	}
	first := newAsker()
	told := map[string]int{}
	answers := 0
	for _, by := range []int64{1, 200, 1 << 40} {
		for more := range 12 {
			if count(by); more == 11 {
				more = 100
			}
			a := l.asked(first.stored, maxCountedBytes)
			if size := encoded(t, a); size > maxCountedBytes || size < maxCountedBytes*9/10 {
				t.Fatalf("%d bytes for %d partners, %d wait", size, len(a.Releases[0].Partners), a.Waiting)
			}
			for _, p := range a.Releases[0].Partners {
				told[p.Partner]++
			}
			first.take(t, a)
			first.store()
			first.got.sensible(t)
			answers++
		}
	}
	if len(told) != maxPartners || slices.Max(slices.Collect(maps.Values(told)))-slices.Min(slices.Collect(maps.Values(told))) > 1 {
		t.Errorf("of %d partners some were told of more often than others", len(told))
	}
	for waiting := true; waiting && answers < 200; answers++ {
		a := l.asked(first.stored, maxCountedBytes)
		first.take(t, a)
		first.store()
		waiting = a.Waiting > 0
	}
	first.got.holds(t, truth(c))
}

// encoded is how many bytes an answer is on the wire.
func encoded(t testing.TB, a *control.Counted) int {
	t.Helper()
	a.Task, a.Boot = "arn:aws:ecs:eu-central-1:123456789012:task/cluster/0123456789abcdef0123456789abcdef", "0123456789abcdef"
	b := thrift.NewTMemoryBuffer()
	framed := thrift.NewTFramedTransportConf(b, nil)
	result := control.ControlCountedResult{Success: a}
	out := thrift.NewTBinaryProtocolConf(framed, nil)
	if err := out.WriteMessageBegin(t.Context(), "counted", thrift.REPLY, 1); err != nil {
		t.Fatal(err)
	}
	if err := result.Write(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if err := out.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// While requests go on, no answer tells more of a part than of the whole, and
// the wholes come out exactly.
func TestCountedInTheMiddleOfEverything(t *testing.T) {
	task := newToyTask(t, newToyShop(low, high))
	force(t, task, assignment{release: low.digest(), shadow: high.digest(), sample: 1, buckets: 2, generation: 7})
	var wait sync.WaitGroup
	for i := range 2 {
		wait.Go(func() {
			s := &session{t: task, id: uint64(i)}
			for n := range 3000 {
				s.d.request.ID, s.d.partners = fmt.Sprint(n), []string{"a"}
				s.decide(t.Context(), true, time.Now())
				s.afterReply(t.Context(), time.Now())
			}
		})
	}
	first := newAsker()
	once := func() {
		a := task.ledger.asked(first.stored, maxCountedBytes)
		alone := countedBy{}
		alone.add(t, a)
		alone.sensible(t)
		first.take(t, a)
		first.store()
	}
	for range 3000 {
		once()
	}
	wait.Wait()
	once()
	c := task.serving.Load().counts
	got, want := first.got.under(c.key), truth(c).under(c.key)
	if got.requests != want.requests || got.partner("a")[0] != want.partner("a")[0] || got.partner("a")[2] != want.partner("a")[2] {
		t.Errorf("%v, want %v", got, want)
	}
	first.got.within(t, truth(c))
}

// muffled loses what the task says, once it is told to.
type muffled struct {
	net.Conn
	lose bool
}

func (m *muffled) Read(b []byte) (int, error) {
	if m.lose {
		_, _ = m.Conn.Read(make([]byte, 1<<20))
		return 0, io.ErrUnexpectedEOF
	}
	return m.Conn.Read(b)
}

// A real task, whose answers are lost now and then, whose asker crashes before
// it has stored one, and that starts afresh in the end.
func TestCountedByATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop(hash, rash)
		r := start(t, newToyTask(t, shop))
		a := assigned(hash, 7)
		a.Shadow, a.Sample, a.Explore, a.Buckets = rash.digest(), 0.5, 0.25, 8
		a.Prices = &control.Prices{Currency: "USD", Cap: 3}
		r.assign(a)
		data, conn := r.dial(FramedBinary)
		first := newAsker()
		for round := range 30 {
			for n := range 5 {
				d, err := data.Decide(t.Context(), ask(fmt.Sprint(round, n)), []string{"a", "b"})
				if err != nil {
					t.Fatal(err)
				}
				worth := float64(n)
				one := &adfilter.Outcome{Receipt: d.Receipt, Bidders: []string{"a"}, Prices: []*adfilter.Price{{Price: &worth}}}
				if err := data.Report(t.Context(), []*adfilter.Outcome{one}); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			told, err := r.counted(7, first.stored, round%3 == 1)
			if (err != nil) != (round%3 == 1) {
				t.Fatalf("round %d: %v", round, err)
			}
			if err != nil {
				continue
			}
			if first.take(t, told); round%3 == 2 {
				first.crash()
				continue
			}
			first.store()
			if told.Connections != 1 || told.Explore != 0.25 || told.AtMs != time.Now().UnixMilli() {
				t.Errorf("%v", told)
			}
		}
		last, err := r.counted(7, first.stored, false)
		if err != nil {
			t.Fatal(err)
		}
		first.take(t, last)
		all := truth(r.task.serving.Load().counts)
		folded := countedBy{}
		for key, c := range all {
			for i := range c.requests {
				c.requests[i] = fold(c.requests[i])
			}
			for i := range c.outcomes {
				c.outcomes[i] = fold(c.outcomes[i])
			}
			for _, p := range c.values {
				for i := range p {
					p[i] = fold(p[i])
				}
			}
			for _, p := range c.partners {
				for i := range p {
					p[i] = fold(p[i])
				}
			}
			folded[key] = c
		}
		first.got.holds(t, folded)
		n := first.got.under(r.task.serving.Load().counts.key)
		if got := sum(n.requests[0][:]); got != 150 || sum(n.partner("a")[5][:]) == 0 || sum(n.value("a")[0][:]) == 0 || first.gaps != 0 {
			t.Errorf("%d requests, %d gaps: %v", got, first.gaps, n.partner("a"))
		}
		_ = conn.Close()
		r.end()
		again := start(t, newToyTask(t, shop))
		again.boot = r.boot
		defer again.end()
		again.assign(a)
		if told, err := again.counted(7, last.Upto, false); err != nil || told.After != 0 || told.Boot == last.Boot {
			t.Errorf("after a restart: %v, %v", told, err)
		}
	})
}

// fold is what eight buckets show of all.
func fold(c column) (folded column) {
	for g, n := range c {
		folded[g%8] += n
	}
	return folded
}

// BenchmarkCounted is one answer about ten seconds of 2,000 requests a second
// for 20 partners each, a tenth scored by both releases, in 64 buckets.
func BenchmarkCounted(b *testing.B) {
	for _, partners := range []int{30, 100, maxPartners} {
		b.Run(fmt.Sprint("partners=", partners), func(b *testing.B) {
			l := &ledger{}
			c := l.open(countsKey{hash.digest(), rash.digest(), 7})
			for i := range partners {
				c.partner(fmt.Sprint("partner-", i))
			}
			chance := rand.New(rand.NewPCG(1, 1))
			after, bytes, most := int64(0), 0, 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				busy(c, 20_000*20/(partners*MaxBuckets), chance)
				b.StartTimer()
				a := l.asked(after, maxCountedBytes)
				b.StopTimer()
				size := encoded(b, a)
				after, bytes, most = a.Upto, bytes+size, max(most, size)
				b.StartTimer()
			}
			b.ReportMetric(float64(bytes)/float64(b.N)/1024, "KiB/answer")
			b.ReportMetric(float64(most)/1024, "KiB-most")
		})
	}
}

// busy counts about so many pairs in every bucket of every partner.
func busy(c *counts, pairs int, chance *rand.Rand) {
	for _, p := range c.inOrder() {
		for g := range p.cells {
			cell, n := &p.cells[g], int64(chance.IntN(2*pairs+2))
			cell.scored.Add(n)
			cell.filtered.Add(n * 2 / 5)
			cell.pairs.Add(n / 10)
			cell.servedOnly.Add(n / 100)
			cell.shadowOnly.Add(n / 100)
			cell.bids.Add(n / 200)
		}
	}
	for g := range c.requests {
		c.requests[g].requests.Add(int64(chance.IntN(625)))
		c.requests[g].shadowRequests.Add(int64(chance.IntN(62)))
	}
	for i := range c.shards {
		for j := range 30 {
			c.shards[i].latency[20+j].Add(int64(chance.IntN(150)))
			c.shards[i].scores[j].Add(int64(chance.IntN(1000)))
		}
	}
}
