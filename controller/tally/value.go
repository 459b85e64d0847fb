package tally

import (
	"fmt"

	"github.com/sluicehq/sluice/controller/judge"
)

// Bids by their value: what they came with a price of, in millionths of the
// fleet's currency per mille, as idl/control.thrift says. Value is weighted as
// bids are, and so is what it is held against: outcomes and calls.

// maxValue bounds what one bucket of one report is worth; beyond it, sums
// would lose digits.
const maxValue = 1 << 52

// maxMoney bounds what is counted of money in all, and so in one report: who has
// prices wrong by a factor of a million comes far, and is no reason to take
// nothing of what a task has counted.
const maxMoney = 1 << 60

// PriceBins is how many bins prices are counted in.
const PriceBins = judge.PriceBins

// Money is what a task counts of prices in all.
type Money struct {
	Unpriced int64 `json:"unpriced,omitempty"` // bids without a price
	Foreign  int64 `json:"foreign,omitempty"`  // bids in a currency that has no rate
	Bad      int64 `json:"bad,omitempty"`      // bids whose price is none
	Capped   int64 `json:"capped,omitempty"`   // value above the cap

	Wins                 int64 `json:"wins,omitempty"`    // that came with a clearing price
	Cleared              int64 `json:"cleared,omitempty"` // value of those
	ClearedCandidateOnly int64 `json:"cleared_candidate_only,omitempty"`
	ClearedStableOnly    int64 `json:"cleared_stable_only,omitempty"`
}

func (m *Money) all() [8]*int64 {
	return [...]*int64{
		&m.Unpriced, &m.Foreign, &m.Bad, &m.Capped, &m.Wins, &m.Cleared, &m.ClearedCandidateOnly, &m.ClearedStableOnly,
	}
}

func (m *Money) add(other Money) {
	from := other.all()
	for i, to := range m.all() {
		*to = min(*to+*from[i], maxMoney)
	}
}

// check says what is no count of money.
func (m Money) check() error {
	for _, v := range m.all() {
		if *v < 0 || *v > maxMoney {
			return fmt.Errorf("money %d is outside 0 to %d", *v, int64(maxMoney))
		}
	}
	return nil
}

// worth is what was counted in all of prices.
type worth struct {
	prices [PriceBins]int64
	money  Money
}

func (w *worth) walk(c *codec) {
	integers(c, w.prices[:])
	for _, v := range w.money.all() {
		integer(c, v)
	}
}

// The columns of a block that hold outcomes, by cluster: how many, the calls of
// those, and the calls saved by the candidate only, stable only, and both.
const (
	outcomes = iota
	calls
	callsTen
	callsOne
	callsBoth
	outcomeColumns
)

// valued reports whether partners count any value.
func (r *Report) valued() bool {
	if r.packed.valued || len(r.Outcomes)+len(r.Calls)+len(r.CallsCandidateOnly)+len(r.CallsStableOnly)+len(r.CallsBoth) > 0 {
		return true
	}
	for _, c := range r.Partners {
		if len(c.Value) > 0 {
			return true
		}
	}
	return false
}

// complainValue finds out what is wrong with a partner's value.
func complainValue(c *Columns, buckets int, partner string) error {
	if err := checkColumns([][]int64{c.Value, c.ValueCandidateOnly, c.ValueStableOnly, c.ValueBoth}, buckets, partner, maxValue); err != nil {
		return err
	}
	if g := greater(both(c.ValueCandidateOnly, c.ValueStableOnly, buckets), c.ValueBoth, c.Value); g >= 0 {
		return fmt.Errorf("more value lost than there is of partner %s in bucket %d", partner, g)
	}
	return nil
}

// both is the sum of two columns.
func both(a, b []int64, buckets int) []int64 {
	sums := make([]int64, buckets)
	for g := range sums {
		sums[g] = at(a, g) + at(b, g)
	}
	return sums
}

// countValue adds what a partner's bids are worth.
func (s *State) countValue(t *taking, p *partnerReading, base int) {
	if !t.valued || p.value[0].sum == 0 || !(t.weight > 0) {
		return
	}
	for i := range p.value {
		t.both.add(value+i, base, len(s.partners)*t.pair.width, p.value[i].cells, t.weight)
	}
}

// countOutcomes adds what a report tells of outcomes, and of money in all.
func (s *State) countOutcomes(t *taking) {
	if t.valued && t.weight > 0 {
		for i := range t.outcomes {
			if t.both.outcomes[i] == nil {
				t.both.outcomes[i] = make([]float64, t.pair.width)
			}
			for g, v := range t.outcomes[i].cells {
				t.both.outcomes[i][g] += t.weight * v
			}
		}
	}
	s.worth.money.add(t.report.Money)
	for i, n := range t.report.Prices {
		s.worth.prices[i] += n
	}
}

// sumValue fills in what bids are worth; nothing where none had a price.
func (s *State) sumValue(t *judge.Statistics) {
	m := s.worth.money
	t.Worth = judge.Worth{
		Unpriced: m.Unpriced, Foreign: m.Foreign, Bad: m.Bad, Capped: m.Capped,
		Wins: m.Wins, Cleared: m.Cleared, ClearedTen: m.ClearedCandidateOnly, ClearedOne: m.ClearedStableOnly,
	}
	if s.worth.prices != [PriceBins]int64{} {
		t.Worth.Prices = append([]int64(nil), s.worth.prices[:]...)
	}
	width := s.tables[pairsTable].width()
	for i := range s.tables[pairsTable].blocks {
		b := &s.tables[pairsTable].blocks[i]
		if b.columns[value] == nil {
			continue
		}
		if t.Values == nil {
			t.Values = make([]judge.ValueSums, len(s.streams))
		}
		var all, rest [4][MaxBuckets]float64
		for k := range s.partners {
			s.addValue(b, k, width, &t.Values[judge.FirstPartner+k], &all, &rest)
		}
		for g := range width {
			t.Values[judge.Overall].Add(all[0][g], all[1][g], all[2][g])
			t.Values[judge.Tail].Add(rest[0][g], rest[1][g], rest[2][g])
		}
		b.addEarnings(&t.Worth, &all, width)
	}
}

// addValue adds one partner's clusters of one block.
func (s *State) addValue(b *block, k, width int, sums *judge.ValueSums, all, rest *[4][MaxBuckets]float64) {
	for g := range width {
		at := k*width + g
		if b.columns[value][at] == 0 {
			continue
		}
		sums.Add(b.columns[value][at], b.columns[valueTen][at], b.columns[valueOne][at])
		for i := range all {
			v := b.columns[value+i][at]
			all[i][g] += v
			if s.inTail[k] {
				rest[i][g] += v
			}
		}
	}
}

// addEarnings adds a block's clusters to what either release keeps and saves.
func (b *block) addEarnings(w *judge.Worth, cells *[4][MaxBuckets]float64, width int) {
	if b.outcomes[outcomes] == nil {
		return
	}
	for g := range width {
		n := b.outcomes[outcomes][g]
		if n == 0 {
			continue
		}
		for a := range judge.Arms {
			lost := cells[1+a][g] + cells[3][g]
			saved := b.outcomes[callsTen+a][g] + b.outcomes[callsBoth][g]
			e := &w.Earned[a]
			e.Kept.Add(n, cells[0][g]-lost)
			e.Saved.Add(n, saved)
			e.Lost.Add(saved, lost)
		}
	}
}
