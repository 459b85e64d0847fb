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
		if got := sameDigits(tt.v, tt.written, digits{}, 1); got != tt.want {
			t.Errorf("%v is written %s: %v", tt.v, tt.written, got)
		}
	}
}

// Zeros at the end are left out by most who write numbers: what stands beside a
// number tells how many digits it has.
func TestSameDigitsWithoutZeros(t *testing.T) {
	for _, tt := range []struct {
		v       float32
		written string
		beside  string // the file's other answers
		want    bool
	}{
		{-0.048109952, "-0.04811", "0.123456 -1.41234", true}, // %.6g
		{1.4159969, "1.416", "0.123456 -0.00141234", true},
		{1.4159939, "1.416", "0.123456 -0.00141234", false},
		{0.2107004, "0.2107", "0.123456 0.001412", true}, // %.6f, or round(6)
		{0.2107006, "0.2107", "0.123456 0.001412", false},
		{0.5000004, "0.5", "0.123456", true},
		{0.5000006, "0.5", "0.123456", false},
		{0.5000004, "0.5", "0.1 0.9", false},        // nothing tells that it is more than one digit
		{0.0000124, "0.000012", "0.123456", false},  // two digits
		{0.00001239, "1.24e-05", "0.123456", false}, // by either %.6g or %.6f
		{0.00001240001, "1.24e-05", "0.123456 1.23456e-05", true},
		{0.6449565, "0.644956", "0.123456", true}, // np.round of a float32
		{0.6449567, "0.644956", "0.123456", false},
		{0, "0", "0.123456", true},
		{1e-7, "0", "0.123456", false},
		{3, "0e10", "0.123456", false},
		{0.49999997, "0.5", "0.123456789012345", true}, // one unit in the last place
		{0.4999999, "0.5", "0.123456789012345", false},
	} {
		list := []Prediction{{Answer: tt.written}}
		for _, other := range strings.Fields(tt.beside) {
			list = append(list, Prediction{Answer: other})
		}
		if got := sameDigits(tt.v, tt.written, digitsIn(list), 1); got != tt.want {
			t.Errorf("%v is written %s beside %s: %v", tt.v, tt.written, tt.beside, got)
		}
	}
}

// manyTrees is a model of so many trees, all of which answer 0.
func manyTrees(n int) []byte {
	const one = `{"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[0],"default_left":[0]}`
	trees := strings.TrimSuffix(strings.Repeat(one+",", n), ",")
	return fmt.Appendf(nil, `{"learner":{"gradient_booster":{"name":"gbtree","model":{"trees":[%s]}},"learner_model_param":{"base_score":"5E-1","num_feature":"1"},"objective":{"name":"binary:logistic"}},"version":[3,0,0]}`, trees)
}
