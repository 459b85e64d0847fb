package inference

import (
	"slices"
	"sync"

	"github.com/sluicehq/sluice/idl/packed"
)

// Counts are told as what came after a position, and idl/control.thrift says
// what a position is. For that the task remembers what it has told: for each
// position that it still knows, one copy of the counts as they stood there.
// Copies share what did not change between them, and there are at most
// keptPositions of each of keptGenerations: at 64 buckets, 4 KiB for each
// position and partner that bid in between, 400 KiB for a hundred busy ones.
const (
	maxCountedBytes = 256 << 10 // of an answer, with all that is around it
	keptPositions   = 3         // what was acknowledged last, what was told last, and one for another asker
	keptGenerations = 2

	maxNumberBytes = 8 // packed
	envelopeBytes  = 512
	entryBytes     = 256 + maxNumberBytes*((requestColumns+outcomeColumns)*MaxBuckets+ScoreBins+LatencyBins+PriceBins+int(moneyKinds))
	pairBytes      = 16 // around a partner's name and numbers
)

// The columns of a request and of a pair, in the order in which they are told.
const (
	requestsColumn = iota
	errorsColumn
	invalidColumn
	shadowInvalidColumn
	shadowRequestsColumn
	requestColumns
)

const (
	scoredColumn = iota
	filteredColumn
	pairsColumn
	servedOnlyColumn
	shadowOnlyColumn
	bidsColumn
	bidsServedOnlyColumn
	bidsShadowOnlyColumn
	pairColumns
)

type column = [MaxBuckets]int64

// told is how much of some counts was told up to a position.
type told struct {
	requests [requestColumns]column
	scores   [ScoreBins]int64
	latency  [LatencyBins]int64
	partners []*[pairColumns]column // by index; nil for nothing; shared between positions, never changed
	money    toldMoney
}

// position is how much was told of all counts of a generation.
type position struct {
	at   int64
	told map[*counts]*told
}

// dialogue is about one generation.
type dialogue struct {
	generation int64
	known      []position // oldest first
	turn       int        // of the partner that comes first in the next answer
}

// teller tells what was counted since a position, and remembers.
type teller struct {
	mu    sync.Mutex
	last  int64 // position given, whatever the generation
	about []*dialogue
	w     packed.Writer
}

// answer is what was counted after one position and up to another.
type answer struct {
	after, upto int64
	entries     []entry
	waiting     int // partners that found no room
}

// entry is what was counted under one key, packed.
type entry struct {
	key                       countsKey
	requests, scores, latency []byte
	outcomes, prices, money   []byte
	partners                  []packedPartner
}

type packedPartner struct {
	name           string
	columns, value []byte
}

// since tells what was counted under a generation after a position, in so many
// buckets and about so many bytes. all are the counts of that generation.
func (t *teller) since(generation, after int64, all []*counts, width, room int) answer {
	if len(all) == 0 {
		return answer{after: after, upto: after}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.dialogue(generation)
	from, ok := d.from(after)
	if !ok { // nobody knows what was told: tell nothing twice
		t.last++
		from = position{at: t.last, told: make(map[*counts]*told, len(all))}
		for _, counted := range all {
			from.told[counted] = counted.all()
		}
	}
	t.last++
	a := answer{after: from.at, upto: t.last, entries: make([]entry, len(all))}
	next := position{at: t.last, told: make(map[*counts]*told, len(all))}
	for _, counted := range all {
		next.told[counted] = from.told[counted].copy()
	}
	room -= envelopeBytes + entryBytes*len(all)
	t.tellPartners(d, &a, next, all, width, room)
	for i, counted := range all {
		t.tellRequests(&a.entries[i], counted, next.told[counted], width)
	}
	d.keep(from.at, next)
	return a
}

// dialogue returns the one about a generation. Those about older ones are
// forgotten first.
func (t *teller) dialogue(generation int64) *dialogue {
	at := slices.IndexFunc(t.about, func(d *dialogue) bool { return d.generation == generation })
	if at >= 0 {
		return t.about[at]
	}
	d := &dialogue{generation: generation}
	t.about = append(t.about, d)
	if len(t.about) > keptGenerations {
		oldest := slices.MinFunc(t.about, func(a, b *dialogue) int { return int(min(max(a.generation-b.generation, -1), 1)) })
		t.about = slices.DeleteFunc(t.about, func(d *dialogue) bool { return d == oldest })
	}
	return d
}

// forget ends dialogues about generations that are over. It waits for
// nobody: one that is under way ends next time.
func (t *teller) forget(before int64) {
	if t.mu.TryLock() {
		t.about = slices.DeleteFunc(t.about, func(d *dialogue) bool { return d.generation < before })
		t.mu.Unlock()
	}
}

// from returns a position, or the newest known in place of an unknown one. It
// reports whether there is any.
func (d *dialogue) from(after int64) (position, bool) {
	if after == 0 {
		return position{}, true
	}
	for _, p := range d.known {
		if p.at == after {
			return p, true
		}
	}
	if len(d.known) == 0 {
		return position{}, false
	}
	return d.known[len(d.known)-1], true
}

// keep remembers a position, and still the one that it came after.
func (d *dialogue) keep(from int64, next position) {
	d.known = append(d.known, next)
	if len(d.known) > keptPositions {
		oldest := 0
		if d.known[0].at == from {
			oldest = 1
		}
		d.known = slices.Delete(d.known, oldest, oldest+1)
	}
}

// due is a partner whose turn it is at some time.
type due struct {
	entry   int
	partner *partnerCounts
}

// tellPartners tells of partners in turn until the room is full. What is not
// told stays as it was told before.
func (t *teller) tellPartners(d *dialogue, a *answer, next position, all []*counts, width, room int) {
	var partners []due
	for i, counted := range all {
		for _, p := range counted.inOrder() {
			partners = append(partners, due{i, p})
		}
	}
	for i := range partners {
		at := (d.turn + i) % len(partners)
		p, now := partners[at].partner, next.told[all[partners[at].entry]]
		delta, after := p.since(now.partner(p.index))
		value, worth := p.sinceValue(now.money.partner(p.index))
		if after == nil && worth == nil {
			continue
		}
		told := packedPartner{p.name, t.packed(delta[:], width), t.packed(value[:], width)}
		if room -= len(told.columns) + len(told.value) + len(p.name) + pairBytes; room < 0 {
			d.turn, a.waiting = at, len(partners)-i
			return
		}
		now.tell(p.index, after, worth)
		e := &a.entries[partners[at].entry]
		e.partners = append(e.partners, told)
	}
}

// tellRequests tells what is counted by bucket or task only, of which there is
// always room for all. It comes after the partners: they are the parts.
func (t *teller) tellRequests(e *entry, c *counts, now *told, width int) {
	e.key = c.key
	var scores [ScoreBins]int64
	var latency [LatencyBins]int64
	c.addScores(scores[:])
	c.addLatency(latency[:])
	e.scores = t.numbers(grown(now.scores[:], scores[:]))
	e.latency = t.numbers(grown(now.latency[:], latency[:]))
	delta := c.sinceRequests(&now.requests)
	e.requests = t.packed(delta[:], width)
	outcomes := c.sinceOutcomes(&now.money.outcomes)
	e.outcomes = t.packed(outcomes[:], width)
	prices, money := c.sinceMoney(&now.money)
	e.prices, e.money = t.numbers(prices[:]), t.numbers(money[:])
}

// tell takes for told what a partner counts.
func (t *told) tell(index int, pairs *[pairColumns]column, value *[valueColumns]column) {
	if pairs != nil {
		t.partners[index] = pairs
	}
	if value != nil {
		t.money.partners[index] = value
	}
}

// grown returns by how much numbers have grown, and takes them for told.
func grown(told, now []int64) []int64 {
	for i := range now {
		now[i] -= told[i]
		told[i] += now[i]
	}
	return now
}

func (t *teller) numbers(list []int64) []byte {
	t.w.Reset()
	t.w.Write(list...)
	return slices.Clone(t.w.Bytes)
}

// packed packs columns, folded to so many buckets; nil where nothing came.
func (t *teller) packed(columns []column, width int) []byte {
	t.w.Reset()
	for i := range columns {
		if width == MaxBuckets {
			t.w.Write(columns[i][:]...)
			continue
		}
		var folded column
		for g, n := range columns[i] {
			folded[g%width] += n
		}
		t.w.Write(folded[:width]...)
	}
	return slices.Clone(t.w.Bytes)
}

// copy returns what is as good as t, without what partners count; nil is
// nothing told.
func (t *told) copy() *told {
	if t == nil {
		return &told{}
	}
	c := *t
	c.partners, c.money.partners = slices.Clone(t.partners), slices.Clone(t.money.partners)
	return &c
}

// partner returns what was told of one, and makes room to tell of it.
func (t *told) partner(index int) *[pairColumns]column {
	for len(t.partners) <= index {
		t.partners = append(t.partners, nil)
	}
	return t.partners[index]
}

// all is everything in c, as if it had been told.
func (c *counts) all() *told {
	t := &told{}
	for _, p := range c.inOrder() {
		t.partner(p.index)
		_, t.partners[p.index] = p.since(nil)
		t.money.partner(p.index)
		_, t.money.partners[p.index] = p.sinceValue(nil)
	}
	c.addScores(t.scores[:])
	c.addLatency(t.latency[:])
	c.sinceRequests(&t.requests)
	c.sinceOutcomes(&t.money.outcomes)
	c.sinceMoney(&t.money)
	return t
}

// inOrder returns the partners in the order in which they were first seen.
func (c *counts) inOrder() []*partnerCounts {
	known := *c.partners.Load()
	all := make([]*partnerCounts, len(known))
	for _, p := range known {
		all[p.index] = p
	}
	return all
}

// since returns what came to a partner's counts after what was told, and what
// is told then; nil where nothing came. Each part is read before its whole, and
// what it is ahead all the same, since its whole was told of before it, waits:
// a part is never more than its whole, neither in sum nor in between.
func (p *partnerCounts) since(told *[pairColumns]column) (delta [pairColumns]column, now *[pairColumns]column) {
	if told == nil {
		told = &[pairColumns]column{}
	}
	any := int64(0)
	for g := range p.cells {
		cell := &p.cells[g]
		delta[bidsShadowOnlyColumn][g] = cell.bidsShadowOnly.Load() - told[bidsShadowOnlyColumn][g]
		delta[bidsServedOnlyColumn][g] = cell.bidsServedOnly.Load() - told[bidsServedOnlyColumn][g]
		delta[bidsColumn][g] = cell.bids.Load() - told[bidsColumn][g]
		delta[shadowOnlyColumn][g] = cell.shadowOnly.Load() - told[shadowOnlyColumn][g]
		delta[servedOnlyColumn][g] = cell.servedOnly.Load() - told[servedOnlyColumn][g]
		delta[pairsColumn][g] = cell.pairs.Load() - told[pairsColumn][g]
		delta[filteredColumn][g] = cell.filtered.Load() - told[filteredColumn][g]
		delta[scoredColumn][g] = cell.scored.Load() - told[scoredColumn][g]
		within(&delta[scoredColumn][g], &delta[filteredColumn][g])
		within(&delta[pairsColumn][g], &delta[servedOnlyColumn][g], &delta[shadowOnlyColumn][g])
		within(&delta[bidsColumn][g], &delta[bidsServedOnlyColumn][g], &delta[bidsShadowOnlyColumn][g])
		any |= delta[scoredColumn][g] | delta[pairsColumn][g] | delta[bidsColumn][g]
	}
	if any == 0 { // then no part may be told either
		return delta, nil
	}
	now = new([pairColumns]column)
	for i := range now {
		for g := range now[i] {
			now[i][g] = told[i][g] + delta[i][g]
		}
	}
	return delta, now
}

// within keeps the parts within the whole.
func within(whole *int64, parts ...*int64) {
	left := *whole
	for _, part := range parts {
		*part = min(*part, left)
		left -= *part
	}
}

// sinceRequests returns what came to the counts by bucket, and takes it for
// told.
func (c *counts) sinceRequests(told *[requestColumns]column) (delta [requestColumns]column) {
	for g := range c.requests {
		cell := &c.requests[g]
		for i, n := range [requestColumns]int64{
			errorsColumn: cell.errors.Load(), invalidColumn: cell.invalid.Load(), shadowInvalidColumn: cell.shadowInvalid.Load(),
			shadowRequestsColumn: cell.shadowRequests.Load(), requestsColumn: cell.requests.Load(),
		} {
			delta[i][g] = n - told[i][g]
		}
		within(&delta[requestsColumn][g], &delta[errorsColumn][g])
		for i := range told {
			told[i][g] += delta[i][g]
		}
	}
	return delta
}
