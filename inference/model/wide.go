package model

import "math"

// Models whose leaves are of double precision sum in double precision. Their
// margins and scores are rounded to float32 at the very end.

// isWide tells whether m is one.
func (m *Model) isWide() bool { return len(m.forest.wide) > 0 }

// wideMargin is the sum of the leaves. LightGBM gives the sum even where scores
// are made of the mean, as in its random forests.
func (m *Model) wideMargin(x []float32) float64 { return m.forest.sumWide(x) }

func (m *Model) wideScore(x []float32) float32 { return m.ending().wideScore(m.wideMargin(x)) }

func (e ending) wideScore(sum float64) float32 {
	margin := sum / e.divisor
	switch e.link {
	case logistic:
		return float32(1 / (1 + math.Exp(-e.slope*margin)))
	case exponential:
		return float32(math.Exp(margin))
	case softplus:
		return float32(math.Log1p(math.Exp(margin)))
	case square:
		return float32(math.Copysign(margin*margin, margin))
	case identity, step:
	}
	return float32(margin)
}
