package model

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestLightGBMTornEverywhere(t *testing.T) {
	whole := read(t, "testdata/vlightgbm4.6.0-cats.txt")
	end := strings.Index(string(whole), "end of trees")
	trees := len(strings.TrimRight(string(whole[:end]), "\n")) + len("\n\n") // which is where all of them are told
	for n := range end + len("end of trees") {
		want := Torn
		if n >= trees && n < end+len("end o") {
			want = "" // as LightGBM takes it
		}
		if got := reason(t, whole[:n]); got != want && n > 4 {
			t.Fatalf("its first %d of %d bytes are refused as %q", n, len(whole), got)
		}
	}
	m, err := Parse(whole[:end+len("end of trees")])
	if err != nil || m.Format() != "lightgbm-text" || m.Version() != "v4" || m.Objective() != "binary" || m.FeatureNames() != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

// What LightGBM has never written may change what its trees say.
func TestRefusesUnknownKeysOfLightGBM(t *testing.T) {
	good := string(read(t, "testdata/vlightgbm4.7.0-lambda.txt"))
	for _, tt := range []struct{ old, new, says string }{
		{"label_index=", "leaf_offset=3\nlabel_index=", `"leaf_offset"`},
		{"label_index=", "sum_in_double\nlabel_index=", `"sum_in_double"`},
		{"shrinkage=", "leaf_scale=2 2\nshrinkage=", `"Tree.leaf_scale"`},
		{"num_cat=", "num_cats=", `"Tree.num_cats"`},
	} {
		b := strings.Replace(good, tt.old, tt.new, 1)
		if _, err := Parse([]byte(b)); b == good || err == nil || !strings.Contains(err.Error(), "the model has the key "+tt.says) || !strings.Contains(err.Error(), "version=v4") {
			t.Errorf("%s: %v", tt.says, err)
		}
		m, err := Bounds{Reading: Reading{Rules: FirstRules}}.Read(strings.NewReader(b), int64(len(b)))
		if err != nil || m.IsAlike(Reading{}) || !m.IsAlike(Reading{Rules: FirstRules}) {
			t.Errorf("%s by the first rules: %v", tt.says, err)
		}
	}
	if m := parse(t, "testdata/vlightgbm4.7.0-lambda.txt"); !m.IsAlike(Reading{}) || !m.IsAlike(Reading{Rules: FirstRules}) {
		t.Error("the rules differ on a file of which all is known")
	}
}

// The file tells the version of its text, not that of its library.
func TestVersionsOfLightGBM(t *testing.T) {
	good := string(read(t, "testdata/vlightgbm4.7.0-lambda.txt"))
	for version, want := range map[string]bool{"v2": true, "v3": true, "v4": true, "v5": false, "v10": false, "next": false, "": false} {
		m, err := Parse([]byte(strings.Replace(good, "version=v4", "version="+version, 1)))
		if err != nil || m.IsProven() != want || (m.Unproven() == "") != want || !want && !strings.Contains(m.Unproven(), strconv.Quote(version)+` wrote it, and the newest that is proven here is "v4"`) {
			t.Errorf("%s: %q, %v", version, m.Unproven(), err)
		}
	}
	old := *parse(t, "testdata/vlightgbm4.7.0-lambda.txt")
	old.unproven = true
	team, err := Ensemble([]*Model{parse(t, "testdata/vlightgbm4.7.0-lambda.txt"), &old})
	if err != nil || team.IsProven() || team.Unproven() == "" {
		t.Errorf("a fold of a newer version: %q, %v", team.Unproven(), err)
	}
}

// Names are separated by plain spaces, which alone LightGBM keeps out of them.
func TestLightGBMNamesWithOtherSpaces(t *testing.T) {
	const head = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=binary sigmoid:1\nfeature_names="
	const trees = "\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=1\nthreshold=0\ndecision_type=8\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n\nend of trees\n"
	for _, names := range [][]string{{"prix\u00a0net", "b"}, {"幅\u3000高さ", "b\tc"}} {
		m, err := Parse([]byte(head + strings.Join(names, " ") + trees))
		if err != nil || !slices.Equal(m.FeatureNames(), names) {
			t.Errorf("%q: %v", names, err)
		}
	}
}

func TestRefusesImpossibleLightGBM(t *testing.T) {
	const head = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=binary sigmoid:1\nfeature_names=a b\n\n"
	const good = head + "Tree=0\nnum_leaves=2\nnum_cat=1\nsplit_feature=1\nthreshold=0\ndecision_type=1\nleft_child=-1\nright_child=-2\nleaf_value=1 2\ncat_boundaries=0 1\ncat_threshold=5\n\nend of trees\n"
	if got := reason(t, []byte(good)); got != "" {
		t.Fatalf("refused as %q", got)
	}
	for _, tt := range []struct {
		old, new string
		want     Reason
	}{
		{"num_class=1", "num_class=3", Objective},
		{"num_tree_per_iteration=1", "num_tree_per_iteration=3", Objective},
		{"binary sigmoid:1", "binary sigmoid:0", Objective},
		{"binary sigmoid:1", "binary sigmoid:NaN", Objective},
		{"binary sigmoid:1", "binary", Objective},
		{"binary sigmoid:1", "multiclass num_class:3", Objective},
		{"max_feature_idx=1", "max_feature_idx=0", Format},
		{"max_feature_idx=1", "max_feature_idx=99999999", TooLarge},
		{"feature_names=a b", "feature_names=a", Format},
		{"split_feature=1", "split_feature=2", Format},
		{"split_feature=1", "split_feature=-1", Format},
		{"split_feature=1", "split_feature=x", Format},
		{"threshold=0", "threshold=1", Format},
		{"threshold=0", "threshold=0.5", Format},
		{"threshold=0", "threshold=nan", Format},
		{"threshold=0", "threshold=0 99999999", Format},
		{"decision_type=1", "decision_type=12", Format},
		{"left_child=-1", "left_child=0", Format},
		{"left_child=-1", "left_child=-2", Format},
		{"left_child=-1", "left_child=-2147483648", Format},
		{"left_child=-1", "left_child=1", Format},
		{"leaf_value=1 2", "leaf_value=1", Format},
		{"leaf_value=1 2", "leaf_value=1 inf", Format},
		{"cat_boundaries=0 1", "cat_boundaries=0 2", Format},
		{"cat_boundaries=0 1", "cat_boundaries=-1 1", Format},
		{"cat_threshold=5", "cat_threshold=-5", Format},
		{"num_leaves=2", "is_linear=1", Booster},
		{"Tree=0", "Trees=0", Format},
		{"\nend of trees\n", "\n", Torn},
		{head, strings.TrimSuffix(head, "\n") + strings.Repeat("a=b\n", 100) + "\n", Format},
	} {
		if got := reason(t, []byte(strings.Replace(good, tt.old, tt.new, 1))); got != tt.want {
			t.Errorf("%q: refused as %q, want %q", tt.new, got, tt.want)
		}
	}
}

// Bounds are told as people count.
func TestLightGBMTellsItsFeatures(t *testing.T) {
	b := strings.Replace(string(read(t, "testdata/vlightgbm4.6.0-nan.txt")), "split_feature=2 ", "split_feature=9 ", 1)
	if _, err := Parse([]byte(b)); err == nil || !strings.Contains(err.Error(), "reads feature 9, but") || !strings.Contains(err.Error(), "it has 6") {
		t.Error(err)
	}
}

// Numbers beyond 2^24 are told, since rows hold them rounded.
func TestLightGBMTellsRoughSplits(t *testing.T) {
	plain := string(read(t, "testdata/vlightgbm4.6.0-nan.txt"))
	at := strings.Index(plain, "threshold=") + len("threshold=")
	end := at + strings.IndexAny(plain[at:], " \n")
	for threshold, want := range map[string]int{"16777216": 0, "1764374400000.5": 1, "-1764374400000": 1, "inf": 0, "1.7976931348623157e+308": 0} {
		m, err := Parse([]byte(plain[:at] + threshold + plain[end:]))
		if err != nil || m.Rough() != want {
			t.Errorf("%s: %d, %v", threshold, m.Rough(), err)
		}
	}
}
