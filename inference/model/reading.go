package model

import (
	"fmt"
	"slices"
	"strings"
)

// Reading says how a file is taken where it can be taken in more than one way.
// Its zero value is the newest way.
type Reading struct {
	Rules Rules
	Trees Choice
}

// Rules is a version of the rules by which files are read. A release keeps
// those by which it was admitted, so that what it scores never changes: whoever
// changes what a file comes to adds a version, and leaves the others as they are.
type Rules int

const (
	// FirstRules pass over every key that they do not know. Weights count
	// beside the trees of a booster named dart. The best iteration counts in
	// files from 1.4 on and in pickles.
	FirstRules Rules = 1

	// SecondRules refuse keys that they do not know, and a model without trees.
	// Weights count wherever they stand. The best iteration counts where
	// SageMaker's server goes by it: in files of 1.4 to 1.7 and in pickles
	// before 2.0. Estimators and LightGBM's pickles go by their own by all rules.
	SecondRules Rules = 2

	// NewestRules are those of admission.
	NewestRules = SecondRules
)

// Choice names the trees that answer.
type Choice string

// The choices.
const (
	ByRules Choice = ""     // what the rules say
	All     Choice = "all"  // as XGBoost's Booster.predict
	Best    Choice = "best" // up to the best iteration, as scikit-learn's wrappers and LightGBM
)

// readings returns those that are as wanted.
func readings(wanted func(Reading) bool) (list []Reading) {
	for rules := FirstRules; rules <= NewestRules; rules++ {
		for _, choice := range []Choice{ByRules, All, Best} {
			if one := (Reading{rules, choice}); wanted(one) {
				list = append(list, one)
			}
		}
	}
	return list
}

// rules returns the rules, for there are always some.
func (r Reading) rules() Rules {
	if r.Rules == 0 {
		return NewestRules
	}
	return r.Rules
}

// The newest XGBoost of which fixtures prove that its files are read as it reads
// them.
const (
	newestMajor = 3
	newestMinor = 4
)

// NewestProven returns that version.
func NewestProven() string { return fmt.Sprintf("%d.%d", newestMajor, newestMinor) }

// Unproven names what wrote the model, and the newest that is proven, where it is
// newer; else it returns nothing.
func (m *Model) Unproven() string {
	for _, member := range m.members {
		if what := member.Unproven(); what != "" {
			return what
		}
	}
	switch {
	case !m.unproven:
		return ""
	case strings.HasPrefix(m.format, "lightgbm"):
		return fmt.Sprintf("a LightGBM whose files have version %.20q wrote it, and the newest that is proven here is \"v%d\"", m.Version(), newestText)
	}
	return fmt.Sprintf("XGBoost %s wrote it, and the newest that is proven here is %s", m.Version(), NewestProven())
}

// IsProven tells whether the file is of no newer version of its library than
// the fixtures are.
func (m *Model) IsProven() bool {
	for _, member := range m.members {
		if !member.IsProven() {
			return false
		}
	}
	return !m.unproven
}

// IsAlike tells whether the file comes to this very model by another reading,
// too.
func (m *Model) IsAlike(by Reading) bool {
	for _, member := range m.members {
		if !member.IsAlike(by) {
			return false
		}
	}
	by.Rules = by.rules()
	return m.alike == nil || slices.Contains(m.alike, by)
}

// Best returns the number of trees up to the best iteration that the file
// names, or 0 where it names none but the last. Trees tells whether those
// answer, or all.
func (m *Model) Best() int {
	n := m.best
	for _, member := range m.members {
		n += member.Best()
	}
	return n
}
