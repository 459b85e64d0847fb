package inference

import (
	"sync/atomic"
)

// What explored auctions that both releases scored say of money; the words of
// idl/control.thrift. It is counted from receipts alone, by the bucket of the
// connection that asked.

// valueCell is one partner's bids in one bucket.
type valueCell struct {
	value, servedOnly, shadowOnly, both atomic.Int64
}

// outcomeCell is what was reported of one bucket, whoever bid.
type outcomeCell struct {
	outcomes, calls, callsServedOnly, callsShadowOnly, callsBoth atomic.Int64
}

// The columns of value and of outcomes, in the order in which they are told.
const (
	valueColumn = iota
	valueServedOnlyColumn
	valueShadowOnlyColumn
	valueBothColumn
	valueColumns
)

const (
	outcomesColumn = iota
	callsColumn
	callsServedOnlyColumn
	callsShadowOnlyColumn
	callsBothColumn
	outcomeColumns
)

// moneyKind is a number that a task counts in all.
type moneyKind int

// In the order in which they are told.
const (
	unpricedMoney moneyKind = iota
	foreignMoney
	badMoney
	cappedMoney
	winsMoney
	clearedMoney
	clearedServedOnlyMoney
	clearedShadowOnlyMoney
	moneyKinds
)

// PriceBins is how many bins prices are counted in.
const PriceBins = LatencyBins

// valueCells returns a partner's, from its first priced bid on.
func (p *partnerCounts) valueCells() *[MaxBuckets]valueCell {
	if cells := p.value.Load(); cells != nil {
		return cells
	}
	p.value.CompareAndSwap(nil, new([MaxBuckets]valueCell))
	return p.value.Load()
}

// addOutcome counts what both releases would have made of an auction's calls.
func (c *counts) addOutcome(r *receipt) {
	var calls [pairBoth]int64 // by who filters
	all := int64(0)
	for i := range r.pairs {
		if bits := r.pairs[i].bits; bits&pairBoth != 0 {
			calls[bits&(pairServing|pairShadow)]++
			all++
		}
	}
	if all == 0 {
		return
	}
	cell := &c.outcomes[r.bucket]
	cell.outcomes.Add(1)
	cell.calls.Add(all)
	cell.callsServedOnly.Add(calls[pairServing])
	cell.callsShadowOnly.Add(calls[pairShadow])
	cell.callsBoth.Add(calls[pairServing|pairShadow])
}

// addBid counts what a bid was worth.
func (c *counts) addBid(p *partnerCounts, bucket int, bits uint8, in *prices, bid price) {
	amount, unpriced, known := in.worth(bid)
	if !known {
		c.money[unpriced].Add(1)
		return
	}
	c.prices[priceBin(amount)].Add(1)
	if amount > in.cap {
		c.money[cappedMoney].Add(micro(amount - in.cap))
		amount = in.cap
	}
	v, cell := micro(amount), &p.valueCells()[bucket]
	cell.value.Add(v)
	switch bits & (pairServing | pairShadow) {
	case pairServing:
		cell.servedOnly.Add(v)
	case pairShadow:
		cell.shadowOnly.Add(v)
	case pairServing | pairShadow:
		cell.both.Add(v)
	}
}

// addWin counts what a win cleared at. One without a price that can be taken
// says nothing.
func (c *counts) addWin(bits uint8, in *prices, cleared price) {
	amount, _, known := in.worth(cleared)
	if !known {
		return
	}
	v := micro(amount)
	c.money[winsMoney].Add(1)
	c.money[clearedMoney].Add(v)
	switch bits & (pairServing | pairShadow) {
	case pairServing:
		c.money[clearedServedOnlyMoney].Add(v)
	case pairShadow:
		c.money[clearedShadowOnlyMoney].Add(v)
	}
}

// toldMoney is how much of it was told up to a position.
type toldMoney struct {
	outcomes [outcomeColumns]column
	prices   [PriceBins]int64
	money    [moneyKinds]int64
	partners []*[valueColumns]column // as in told
}

// partner returns what was told of one, and makes room to tell of it.
func (t *toldMoney) partner(index int) *[valueColumns]column {
	for len(t.partners) <= index {
		t.partners = append(t.partners, nil)
	}
	return t.partners[index]
}

// sinceValue returns what came to a partner's value, as since does.
func (p *partnerCounts) sinceValue(told *[valueColumns]column) (delta [valueColumns]column, now *[valueColumns]column) {
	cells := p.value.Load()
	if cells == nil {
		return delta, nil
	}
	if told == nil {
		told = &[valueColumns]column{}
	}
	any := int64(0)
	for g := range cells {
		cell := &cells[g]
		delta[valueBothColumn][g] = cell.both.Load() - told[valueBothColumn][g]
		delta[valueShadowOnlyColumn][g] = cell.shadowOnly.Load() - told[valueShadowOnlyColumn][g]
		delta[valueServedOnlyColumn][g] = cell.servedOnly.Load() - told[valueServedOnlyColumn][g]
		delta[valueColumn][g] = cell.value.Load() - told[valueColumn][g]
		within(&delta[valueColumn][g], &delta[valueServedOnlyColumn][g], &delta[valueShadowOnlyColumn][g], &delta[valueBothColumn][g])
		any |= delta[valueColumn][g]
	}
	if any == 0 {
		return delta, nil
	}
	now = new([valueColumns]column)
	for i := range now {
		for g := range now[i] {
			now[i][g] = told[i][g] + delta[i][g]
		}
	}
	return delta, now
}

// sinceOutcomes returns what came to the outcomes, and takes it for told.
func (c *counts) sinceOutcomes(told *[outcomeColumns]column) (delta [outcomeColumns]column) {
	for g := range c.outcomes {
		cell := &c.outcomes[g]
		for i, n := range [outcomeColumns]int64{
			callsBothColumn: cell.callsBoth.Load(), callsShadowOnlyColumn: cell.callsShadowOnly.Load(),
			callsServedOnlyColumn: cell.callsServedOnly.Load(), callsColumn: cell.calls.Load(), outcomesColumn: cell.outcomes.Load(),
		} {
			delta[i][g] = n - told[i][g]
		}
		within(&delta[callsColumn][g], &delta[callsServedOnlyColumn][g], &delta[callsShadowOnlyColumn][g], &delta[callsBothColumn][g])
		for i := range told {
			told[i][g] += delta[i][g]
		}
	}
	return delta
}

// sinceMoney returns what came to prices and money, and takes it for told.
func (c *counts) sinceMoney(told *toldMoney) (bins [PriceBins]int64, money [moneyKinds]int64) {
	for i := range bins {
		bins[i] = c.prices[i].Load()
	}
	for i := range money {
		money[i] = c.money[i].Load()
	}
	grown(told.prices[:], bins[:])
	grown(told.money[:], money[:])
	return bins, money
}
