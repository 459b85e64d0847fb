package fleet

import (
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/idl/packed"
)

// money reads what explored requests that both releases scored say of prices.
// Older tasks say nothing.
func (r *reader) money(e *control.CountedRelease) error {
	to := &r.report
	columns, err := r.columns(e.Outcomes, outcomeColumns)
	if err != nil {
		return fmt.Errorf("outcomes: %w", err)
	}
	into := []*[]int64{&to.Outcomes, &to.Calls, &to.CallsCandidateOnly, &to.CallsStableOnly, &to.CallsBoth}
	if e.Release != r.of.Candidate {
		into[2], into[3] = into[3], into[2]
	}
	for i, list := range into {
		err = errors.Join(err, add(list, columns(i), r.keep))
	}
	prices := r.numbers[:tally.PriceBins]
	if wrong := packed.Read(e.Prices, prices); wrong != nil {
		return errors.Join(err, fmt.Errorf("prices: %w", wrong))
	}
	err = errors.Join(err, add(&to.Prices, prices, r.keep))
	money := r.numbers[:moneyKinds]
	if wrong := packed.Read(e.Money, money); wrong != nil {
		return errors.Join(err, fmt.Errorf("money: %w", wrong))
	}
	m := &to.Money
	all := []*int64{&m.Unpriced, &m.Foreign, &m.Bad, &m.Capped, &m.Wins, &m.Cleared, &m.ClearedCandidateOnly, &m.ClearedStableOnly}
	if e.Release != r.of.Candidate {
		all[6], all[7] = all[7], all[6]
	}
	for i, n := range money {
		*all[i] += n
	}
	return err
}

// value turns what "served" and "shadow" would lose into what candidate and
// stable would.
func (r *reader) value(b []byte, to *tally.Columns, byCandidate bool) error {
	columns, err := r.columns(b, valueColumns)
	if err != nil {
		return fmt.Errorf("value: %w", err)
	}
	into := []*[]int64{&to.Value, &to.ValueCandidateOnly, &to.ValueStableOnly, &to.ValueBoth}
	if !byCandidate {
		into[1], into[2] = into[2], into[1]
	}
	for i, list := range into {
		err = errors.Join(err, add(list, columns(i), r.list))
	}
	return err
}

// pricesOf says in which money to count; nil for nothing.
func pricesOf(p *rollout.Prices) *control.Prices {
	if p == nil {
		return nil
	}
	return &control.Prices{Currency: p.Currency, Cap: p.Cap, Rates: p.Rates}
}
