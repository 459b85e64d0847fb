package simulation

import (
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// panel is what looks at counts: the tally and the judge of one rollout, used
// as the controller uses them.
type panel struct {
	generation int64
	tally      tally.State
	judge      judge.State
}

func (p *panel) look(l tally.Look, policy judge.Policy, generation int64) (judge.Statistics, judge.Verdict) {
	if p.generation != generation {
		p.tally.Step()
		p.generation = generation
	}
	stats := p.tally.Look(l, policy)
	return stats, p.judge.Judge(stats, policy)
}
