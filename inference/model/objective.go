package model

import "math"

// link turns a margin into a score.
type link uint8

const (
	identity    link = iota // the margin itself
	logistic                // a probability
	exponential             // a rate
	step                    // 1 above 0, else 0
	softplus                // the logarithm of 1 and the margin's exponential, of LightGBM
	square                  // the margin's, with the margin's sign, of LightGBM
)

// objective is what a model was trained for, as far as scoring cares.
type objective struct {
	link link
	base link // the inverse of which turns the base score into a margin
}

// objectiveOf knows XGBoost's objectives with one number per row.
func objectiveOf(name string) (objective, bool) {
	switch name {
	case "binary:logistic", "reg:logistic":
		return objective{link: logistic, base: logistic}, true
	case "binary:logitraw":
		return objective{link: identity, base: logistic}, true
	case "binary:hinge":
		return objective{link: step, base: identity}, true
	case "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror", "reg:expectileerror",
		"rank:pairwise", "rank:ndcg", "rank:map":
		return objective{link: identity, base: identity}, true
	case "count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft":
		return objective{link: exponential, base: exponential}, true
	}
	return objective{}, false
}

// margin returns the margin of a base score.
func (l link) margin(score float32) (float32, error) {
	switch l {
	case logistic:
		if !(score > 0 && score < 1) {
			return 0, refuse(Format, "the base score is %v, which is not between 0 and 1: were all labels of its training alike? Train on both, or set base_score", score)
		}
		return logit(score), nil
	case exponential:
		if !(score > 0 && finite(score)) {
			return 0, refuse(Format, "the base score is %v, which has no logarithm; set base_score when training", score)
		}
		return logf(score), nil
	case identity, step, softplus, square:
	}
	if !finite(score) {
		return 0, refuse(Format, "the base score is %v; set base_score when training", score)
	}
	return score, nil
}

// score returns the score of a margin.
func (l link) score(margin float32) float32 {
	switch l {
	case logistic:
		return sigmoid(margin)
	case exponential:
		return float32(math.Exp(float64(margin)))
	case step:
		switch {
		case margin > 0:
			return 1
		case margin <= 0:
			return 0
		}
		return margin // NaN: there was no row
	case identity, softplus, square: // of which the last two are of wide sums
	}
	return margin
}
