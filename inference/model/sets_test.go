package model

import (
	"math"
	"slices"
	"testing"
)

// A set says of every number what its categories say.
func TestCategorySet(t *testing.T) {
	categories := []int32{5, 0, 6, 9, 31, 16777215}
	xgboost := &forest{}
	xgboost.borders = categorySet(slices.Clone(categories), false)
	xgboost.sets = []cutSet{{0, uint32(len(xgboost.borders))}}
	lightgbm := &forest{}
	lightgbm.borders = complement(categorySet(slices.Clone(categories), true))
	lightgbm.sets = []cutSet{{0, uint32(len(lightgbm.borders))}}
	for _, v := range []float32{
		0, -0.5, -1, -0.99999994, float32(math.Copysign(0, -1)), 0.5, 1, 4.9999995, 5, 5.5, 6, 6.999, 7, 9, 10, 30.9, 31, 32,
		16777214, 16777215, 16777216, 3e9, float32(math.Inf(1)), float32(math.Inf(-1)), 1e-45,
	} {
		n := &node{slot: 0}
		in := v > -1 && v < 1<<24 && slices.Contains(categories, int32(v))
		if got := lightgbm.side(n, v) == 0; got != in {
			t.Errorf("%v is in the set of LightGBM: %v, want %v", v, got, in)
		}
		if got := xgboost.side(n, v) == 1; got != (in && v >= 0) {
			t.Errorf("%v is in the set of XGBoost: %v, want %v", v, got, in && v >= 0)
		}
	}
}

func TestZeroCuts(t *testing.T) {
	for _, threshold := range []float64{-3, -1e-35, 0, 1e-35, 2, 1e300, math.Inf(1), math.Inf(-1)} {
		for _, zeroLeft := range []bool{true, false} {
			f := &forest{borders: zeroCuts(beyond(threshold), zeroLeft)}
			f.sets = []cutSet{{0, uint32(len(f.borders))}}
			for _, v := range []float32{-4, -3, -2, -1.1e-35, -1e-35, -1e-45, 0, 1e-45, 1e-35, 1.1e-35, 1, 2, 3, float32(math.Inf(1)), float32(math.Inf(-1))} {
				left := float64(v) <= threshold
				if math.Abs(float64(v)) <= float64(zeroEnd) {
					left = zeroLeft
				}
				if got := f.side(&node{}, v) == 0; got != left {
					t.Errorf("threshold %v, zero left %v: %v goes left: %v", threshold, zeroLeft, v, got)
				}
			}
		}
	}
}

// All that LightGBM takes for zero is on one side of any threshold.
func TestBeyond(t *testing.T) {
	for _, threshold := range []float64{0, 1e-40, 0.5e-35, 1e-35, math.Copysign(0, -1), -1e-40, -0.5e-35, -1e-35, 3} {
		for _, v := range []float32{-1e-35, -1e-45, 0, 1e-45, 1e-35} {
			if got := v < beyond(threshold); got != (threshold >= 0) {
				t.Errorf("%v is at or below %v: %v", v, threshold, got)
			}
		}
	}
}

// The features that are split by category, in the order of columns: not those
// whose sets say what is missing, and those of all folds.
func TestCategories(t *testing.T) {
	onehot, cats := parse(t, "testdata/v3.4.1-onehot.json"), parse(t, "testdata/vlightgbm4.6.0-cats.txt")
	folds, err := Ensemble([]*Model{parse(t, "testdata/v3.4.1-partition.ubj"), onehot})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		m    *Model
		want []int
	}{
		"XGBoost":                    {onehot, []int{0, 1, 2, 3}},
		"one of which 0 is missing":  {onehot.WithMissing(0), []int{0, 1, 2, 3}},
		"LightGBM":                   {cats, []int{0, 1}},
		"folds":                      {folds, []int{0, 1, 2, 3}},
		"LightGBM, zero for missing": {parse(t, "testdata/vlightgbm4.6.0-zero.txt"), nil},
		"numbers":                    {parse(t, "testdata/v3.2.0-farmissing.pkl"), nil},
	} {
		if got := tt.m.Categories(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
