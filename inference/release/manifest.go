// Package release is the format in which a model travels from a training job
// to the tasks: an archive with a booster and a manifest, named by its
// SHA-256. Here it is opened, checked and proven; nothing is fetched, and
// nothing inside an archive is ever executed.
package release

import "github.com/sluicehq/sluice/inference/feature"

// Manifest is manifest.json of an artifact: what the training job promises.
type Manifest struct {
	Format   int              `json:"format"` // 1
	Model    string           `json:"model"`  // file name of the booster, "xgboost-model"
	Contract feature.Contract `json:"contract"`

	// A (request, partner) pair is filtered when its score is below the
	// partner's threshold.
	Thresholds       map[string]float32 `json:"thresholds"`
	DefaultThreshold float32            `json:"default_threshold"` // for partners not listed

	Golden []Golden `json:"golden"` // at least MinGolden

	ReferenceScores []float64 `json:"reference_scores"` // shares of 64 equal bins of [0, 1] on held-out data
	Predicted       Predicted `json:"predicted"`
	IntendedChange  *Change   `json:"intended_change,omitempty"` // nil: the filter rate is meant to stay as it is
	TrainedOn       string    `json:"trained_on,omitempty"`      // for people
}

// Golden is one row and what the training library itself answered for it.
type Golden struct {
	Features []*float32 `json:"features"` // null is missing
	Margin   float32    `json:"margin"`   // before the link function
	Score    float32    `json:"score"`
}

// Predicted is what held-out traffic says about filter rates.
type Predicted struct {
	FilterRate Interval            `json:"filter_rate"`
	Partners   map[string]Interval `json:"partners"`
}

// Interval is an estimate with its 95 % confidence interval; rates in [0, 1].
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// Change is a difference that whoever trained the model wants to see.
type Change struct {
	FilterRate float64            `json:"filter_rate"` // added to the rate, e.g. 0.05 for +5 points
	Partners   map[string]float64 `json:"partners,omitempty"`
	Why        string             `json:"why"`
}

// MinGolden is the least number of golden vectors a release must carry.
const MinGolden = 8
