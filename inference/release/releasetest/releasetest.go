// Package releasetest makes small releases for tests. It trains nothing: the
// booster is written out by hand, and its golden vectors hold what the model
// package says.
package releasetest

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

// Partners are those whom the release knows; "p2" gets the highest scores.
func Partners() []string { return []string{"p0", "p1", "p2"} }

// Archive packs a good release. Other biases give other scores and thereby
// other digests: the bias is added to every margin.
func Archive(bias float32) []byte {
	return Pack(Manifest(bias), Booster(bias))
}

// Pack packs a manifest and a booster, whatever they hold.
func Pack(m release.Manifest, booster []byte) []byte {
	written, err := json.Marshal(m)
	if err != nil {
		panic("releasetest: " + err.Error())
	}
	archive, err := release.Pack(map[string][]byte{release.ManifestName: written, release.DefaultModel: booster})
	if err != nil {
		panic("releasetest: " + err.Error())
	}
	return archive
}

// Booster returns a model with the features hour, floor and partner in
// XGBoost's JSON.
func Booster(bias float32) []byte {
	trees := []string{
		`{"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[` + fmt.Sprint(bias) + `],"default_left":[0]}`,
		`{"left_children":[1,-1,3,-1,-1],"right_children":[2,-1,4,-1,-1],"split_indices":[2,0,2,0,0],"split_conditions":[1,-1.5,2,0.25,1.5],"default_left":[1,0,0,0,0]}`,
		`{"left_children":[1,3,-1,-1,-1],"right_children":[2,4,-1,-1,-1],"split_indices":[1,0,0,0,0],"split_conditions":[0.5,12,-0.75,0.125,0.5],"default_left":[0,1,0,0,0]}`,
	}
	return []byte(`{"learner":{"feature_names":["hour","floor","partner"],"gradient_booster":{"model":{"trees":[` + strings.Join(trees, ",") +
		`]},"name":"gbtree"},"learner_model_param":{"base_score":"[5E-1]","num_class":"0","num_feature":"3","num_target":"1"},` +
		`"objective":{"name":"binary:logistic"}},"version":[3,2,0]}`)
}

// Manifest returns what belongs to Booster.
func Manifest(bias float32) release.Manifest {
	m := release.Manifest{
		Format: release.ManifestFormat,
		Model:  release.DefaultModel,
		Contract: feature.Contract{Features: []feature.Feature{
			{Name: "hour", Kind: feature.Number, Source: []string{"hour"}},
			{Name: "floor", Kind: feature.Number, Source: []string{"imp.bidfloor"}},
			{Name: "partner", Kind: feature.Index, Source: []string{"partner"}, Vocabulary: Partners()},
		}},
		Thresholds:       map[string]float32{"p0": 0.25, "p1": 0.5},
		DefaultThreshold: 0.125,
		Predicted: release.Predicted{
			FilterRate: release.Interval{Estimate: 0.2, Low: 0.19, High: 0.21},
			Partners:   map[string]release.Interval{"p0": {Estimate: 0.9, Low: 0.8, High: 1}},
		},
		TrainedOn: "by hand",
	}
	m.Golden = golden(bias, m.Contract)
	return m
}

// golden returns 12 vectors, all from auctions; every fourth has no floor.
func golden(bias float32, c feature.Contract) []release.Golden {
	booster, err := model.Parse(Booster(bias))
	if err != nil {
		panic("releasetest: " + err.Error())
	}
	made, err := c.Compile()
	if err != nil {
		panic("releasetest: " + err.Error())
	}
	var vectors []release.Golden
	for i := range 12 {
		r := feature.Absent()
		ts := (24 + 2*int64(i)) * 3600 * 1000
		r.Hour, r.DayOfWeek = float32(2*i), 5 // the second day of 1970 was a Friday
		if i%4 != 3 {
			r.ImpBidfloor = float32(i) / 8
		}
		partner := []string{"p0", "p1", "p2", "stranger"}[i%4]
		row := make([]float32, made.Len())
		made.Extract(row, &r, partner)
		vectors = append(vectors, release.Golden{
			Features: pointers(row), Margin: booster.Margin(row), Score: booster.Score(row),
			Auction: feature.MarshalOpenRTB(r), Partner: partner, TS: ts,
		})
	}
	return vectors
}

func pointers(row []float32) []*float32 {
	list := make([]*float32, len(row))
	for i, v := range row {
		if !math.IsNaN(float64(v)) {
			list[i] = &v
		}
	}
	return list
}
