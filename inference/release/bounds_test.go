package release

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// Nobody vouches for an archive yet that is to be admitted: what it may cost
// grows with what it holds.
func TestAdmissionLimits(t *testing.T) {
	const mib = 1 << 20
	strict, loading, own := AdmissionLimits(), DefaultLimits(), AdmissionLimits()
	own.MemoryBytes = 5 * mib
	for _, tt := range []struct {
		what      string
		got, want int64 // MiB
	}{
		{"a piece of a model", strict.bounds(mib).Piece, 9},
		{"a pickle", strict.bounds(mib).Pickle, 24},
		{"trees", strict.bounds(mib).Trees, 8},
		{"trees of an own bound", own.bounds(mib).Trees, 5},
		{"trees of a small archive and an own bound", own.bounds(0).Trees, 4},
		{"a manifest", strict.manifestBytes(mib), 16},
		{"the manifest of a large archive", strict.manifestBytes(100 * mib), 64},
		{"what is kept unpacked", strict.keptBytes(mib), 32},
		{"all that is unpacked", strict.unpackedBytes(mib), 116},
		{"all that is unpacked in loading", loading.unpackedBytes(mib), 216},
		{"all that is unpacked of a large archive", loading.unpackedBytes(100 * mib), 2048},
		{"a manifest in loading", loading.manifestBytes(0), 64},
		{"trees in loading, which have none", loading.bounds(mib).Trees, 0},
	} {
		if tt.got != tt.want*mib {
			t.Errorf("%s: %d bytes, want %d MiB", tt.what, tt.got, tt.want)
		}
	}
}

// To look for what explains answers takes no longer than is allowed, and it is
// said where that is not enough.
func TestCausesAreBounded(t *testing.T) {
	m, err := ReadModel(manyTrees(3000))
	if err != nil {
		t.Fatal(err)
	}
	list := []Prediction{{Features: []*float32{nil}, Margin: true, Answer: "0"}, {Features: []*float32{nil}, Margin: true, Answer: "0"}}
	for left, want := range map[int]bool{2 * 3000: true, 2*3000 - 1: false} {
		s := search{list: list, left: left}
		if s.explains(m, nil) != want {
			t.Errorf("with %d trees to ask: %v", left, !want)
		}
	}
	for range MaxGolden - len(list) - 1 {
		list = append(list, list[0])
	}
	list = append(list, Prediction{Features: list[0].Features, Margin: true, Answer: "1"})
	if cause := likely(list, m, nil, nil); !strings.Contains(cause, "not all were tried") || !strings.Contains(cause, "keep fewer rows") {
		t.Errorf("%d rows of %d trees: %q", len(list), m.Trees(), cause)
	}
	if cause := likely(list[len(list)-2:], m, nil, nil); cause != "" {
		t.Errorf("two rows: %q", cause)
	}
}

// Numbers are the same where they would be written so: of five digits at least,
// unless they are exact, and a half is written either way.
func TestSameDigits(t *testing.T) {
	for _, tt := range []struct {
		v       float32
		written string
		want    bool
	}{
		{0.5, "0.5", true},
		{math.Nextafter32(0.5, 1), "0.5", true},
		{0.5 + 3e-7, "0.5", false},
		{12345.5, "12345", true},
		{12345.5, "12346", true},
		{12345.5, "12344", false},
		{12345.5, "12347", false},
		{1234.5, "1234", false},
		{12345.5, "1.2345e4", true},
		{12345.5, "1.2345E+04", true},
		{-12345.5, "-1.2345e+4", true},
		{12345.5, "1.234e4", false},
		{0.000123454, "0.00012345", true},
		{0.000123454, "1.2345e-04", true},
		{0.00012344, "0.0001234", false},
		{0.000123456, "0.00012345", false},
	} {
		if got := sameDigits(tt.v, tt.written); got != tt.want {
			t.Errorf("%v is written %s: %v", tt.v, tt.written, got)
		}
	}
}

// manyTrees is a model of so many trees, all of which answer 0.
func manyTrees(n int) []byte {
	const one = `{"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[0],"default_left":[0]}`
	trees := strings.TrimSuffix(strings.Repeat(one+",", n), ",")
	return fmt.Appendf(nil, `{"learner":{"gradient_booster":{"name":"gbtree","model":{"trees":[%s]}},"learner_model_param":{"base_score":"5E-1","num_feature":"1"},"objective":{"name":"binary:logistic"}},"version":[3,0,0]}`, trees)
}
