package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
)

// Manifest is manifest.json of an artifact: what the training job promises.
type Manifest struct {
	Format   int              `json:"format"` // 1
	Model    string           `json:"model"`  // file name of the booster, "xgboost-model"
	Contract feature.Contract `json:"contract"`

	// A (request, partner) pair is filtered when its score is below the
	// partner's threshold: between 0 and 1 where scores are, else any number.
	Thresholds       map[string]float32 `json:"thresholds"`
	DefaultThreshold float32            `json:"default_threshold"` // for partners not listed

	Golden []Golden `json:"golden"` // at least MinGolden

	ReferenceScores []float64 `json:"reference_scores"` // shares of 64 equal bins of [0, 1] on held-out data
	Predicted       Predicted `json:"predicted"`
	IntendedChange  *Change   `json:"intended_change,omitempty"` // nil: the filter rate is meant to stay as it is
	TrainedOn       string    `json:"trained_on,omitempty"`      // for people

	// How the model is read (see model.Reading). Admission writes what a task
	// would otherwise take in another way than was proven; Trees a training
	// script may write, too.
	Reading model.Rules  `json:"reading,omitempty"` // 0 stands for the first rules
	Trees   model.Choice `json:"trees,omitempty"`   // all, best, or nothing for what the rules say
}

// Golden is one row and what the training library itself answered for it.
type Golden struct {
	Features []*float32 `json:"features"` // in the order of the contract; null is missing
	Margin   float32    `json:"margin"`   // before the link function
	Score    float32    `json:"score"`

	// The auction that the row was made from, so that the way from request to
	// row is proven as well; without it only the booster is. A booster whose
	// columns are in another order than the contract says can agree with rows
	// of its own making, never with auctions.
	Auction json.RawMessage `json:"auction,omitempty"` // OpenRTB 2.6 BidRequest
	Partner string          `json:"partner,omitempty"`
	TS      int64           `json:"ts,omitempty"` // milliseconds since 1970, UTC; without it nobody knows the time
}

// request reads the auction as tasks read what they are asked.
func (g *Golden) request(e *feature.Extractor) (feature.Request, error) {
	r, err := e.ParseJSON(g.Auction)
	if g.TS != 0 {
		r.SetTime(time.UnixMilli(g.TS))
	}
	return r, err
}

// requestLoosely reads it as once it was read.
func (g *Golden) requestLoosely(e *feature.Extractor) (feature.Request, error) {
	r, err := e.ParseLoosely(g.Auction)
	r.SetTime(time.UnixMilli(g.TS))
	return r, err
}

// row returns the features with NaN for missing.
func (g *Golden) row() []float32 {
	row := make([]float32, len(g.Features))
	for i, v := range g.Features {
		row[i] = float32(math.NaN())
		if v != nil {
			row[i] = *v
		}
	}
	return row
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

// Bounds of a manifest.
const (
	ManifestFormat = 1    // the only format that is read
	MinGolden      = 8    // the least number of golden vectors a release must carry
	MaxGolden      = 1024 // the most, since every task proves them all
	ScoreBins      = 64   // of ReferenceScores
	MaxPartners    = 10_000
)

// readManifest reads manifest.json as strictly as the limits want it.
func (l Limits) readManifest(b []byte) (Manifest, error) {
	if l.Admission {
		return strictly(b)
	}
	return parseManifest(b)
}

// checkFormat refuses a manifest of another format, whatever else it holds.
func checkFormat(b []byte) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err == nil && head.Format != ManifestFormat {
		return refuse(BadManifest, "manifest.json has format %d, only %d is read; write it with the training script of this version", head.Format, ManifestFormat)
	}
	return nil
}

// parseManifest reads manifest.json and checks all that can be said of it
// without the booster. A field that is not known is an error: it may change
// what the others mean.
func parseManifest(b []byte) (Manifest, error) {
	if err := checkFormat(b); err != nil {
		return Manifest{}, err
	}
	var m Manifest
	in := json.NewDecoder(bytes.NewReader(b))
	in.DisallowUnknownFields()
	if err := in.Decode(&m); err != nil {
		return Manifest{}, refuse(BadManifest, "manifest.json cannot be read (%v); write it with the training script of this version", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, refuse(BadManifest, "manifest.json holds more than one value; write it once")
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	if m.Model == "" {
		return refuse(BadManifest, "manifest.json does not name the file of the model; write \"model\": %q", DefaultModel)
	}
	if n := len(m.Golden); n < MinGolden || n > MaxGolden {
		return refuse(BadGolden, "manifest.json holds %d golden vectors, %d to %d are needed; let the training script write them", n, MinGolden, MaxGolden)
	}
	if max(len(m.Thresholds), len(m.Predicted.Partners)) > MaxPartners {
		return refuse(TooLarge, "manifest.json names more than %d partners; train for fewer", MaxPartners)
	}
	if err := m.checkReading(); err != nil {
		return err
	}
	if err := m.checkScores(); err != nil {
		return err
	}
	return m.checkPredicted()
}

// missing returns the model as the contract says what is missing, which an
// estimator says itself.
func (m *Manifest) missing(booster *model.Model) (*model.Model, error) {
	said := m.Contract.Missing
	switch own, told := booster.Missing(); {
	case said == nil, told && own == *said:
		return booster, nil
	case told:
		return nil, refuse(BadContract, "the contract says that %v stands for missing, and the estimator was trained with missing=%v; leave \"missing\" out of the contract, or let it say %v, too", *said, own, own)
	}
	return booster.WithMissing(*said), nil
}

// checkThresholds holds thresholds to what scores can be.
func (m *Manifest) checkThresholds(booster *model.Model) error {
	if !booster.ScoresShares() {
		return nil
	}
	if !isShare(float64(m.DefaultThreshold)) {
		return refuse(BadManifest, "the default threshold is %v, not between 0 and 1, as all scores of %s are", m.DefaultThreshold, booster.Objective())
	}
	for partner, v := range m.Thresholds {
		if !isShare(float64(v)) {
			return refuse(BadManifest, "the threshold of partner %.60q is %v, not between 0 and 1, as all scores of %s are", partner, v, booster.Objective())
		}
	}
	return nil
}

// checkScores holds the reference scores to being a distribution.
func (m *Manifest) checkScores() error {
	if len(m.ReferenceScores) == 0 {
		return nil
	}
	sum := 0.0
	for _, share := range m.ReferenceScores {
		if !isShare(share) {
			return refuse(BadManifest, "reference_scores holds %v, not a share between 0 and 1", share)
		}
		sum += share
	}
	if len(m.ReferenceScores) != ScoreBins || math.Abs(sum-1) > 1e-3 {
		return refuse(BadManifest, "reference_scores has %d bins that add up to %v; write %d bins that add up to 1", len(m.ReferenceScores), sum, ScoreBins)
	}
	return nil
}

func (m *Manifest) checkPredicted() error {
	if !m.Predicted.FilterRate.isOrdered() {
		return refuse(BadManifest, "the predicted filter rate %+v is not an estimate within its interval in [0, 1]", m.Predicted.FilterRate)
	}
	for partner, rate := range m.Predicted.Partners {
		if !rate.isOrdered() {
			return refuse(BadManifest, "the predicted filter rate of partner %.60q, %+v, is not an estimate within its interval in [0, 1]", partner, rate)
		}
	}
	if m.IntendedChange == nil {
		return nil
	}
	changes := []float64{m.IntendedChange.FilterRate}
	for _, change := range m.IntendedChange.Partners {
		changes = append(changes, change)
	}
	if slices.ContainsFunc(changes, func(v float64) bool { return !isShare(math.Abs(v)) }) {
		return refuse(BadManifest, "the intended change of a filter rate is beyond -1 to 1; 0.05 stands for 5 points more")
	}
	return nil
}

// tellsRate reports whether a manifest tells a filter rate: zero is one.
func tellsRate(manifest []byte) bool {
	var m struct {
		Predicted struct {
			FilterRate json.RawMessage `json:"filter_rate"`
		} `json:"predicted"`
	}
	err := json.Unmarshal(manifest, &m)
	return err == nil && len(m.Predicted.FilterRate) > 0 && string(m.Predicted.FilterRate) != "null"
}

func (i Interval) isOrdered() bool {
	return i.Low >= 0 && i.Low <= i.Estimate && i.Estimate <= i.High && i.High <= 1
}

// isShare is false for NaN, too.
func isShare(v float64) bool { return v >= 0 && v <= 1 }
