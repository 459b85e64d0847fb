package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

// document is a model as JSON holds it; what is not named is skipped. UBJSON
// is read into the same shape.
type document struct {
	Learner struct {
		Names   []string `json:"feature_names"`
		Early   early    `json:"attributes"`
		Booster struct {
			Name   string    `json:"name"`
			Model  trees     `json:"model"`
			Weight []float32 `json:"weight_drop"`
			Inner  struct {
				Model trees `json:"model"`
			} `json:"gbtree"` // of dart
		} `json:"gradient_booster"`
		Param     learnerParam `json:"learner_model_param"`
		Objective struct {
			Name string `json:"name"`
		} `json:"objective"`
	} `json:"learner"`
	Version []int32 `json:"version"`
}

type trees struct {
	List  treeList `json:"trees"`
	Param struct {
		Parallel string `json:"num_parallel_tree"`
	} `json:"gbtree_model_param"`
}

// learnerParam holds numbers as strings, as XGBoost writes them.
type learnerParam struct {
	BaseScore string `json:"base_score"`
	Classes   string `json:"num_class"`
	Features  string `json:"num_feature"`
	Targets   string `json:"num_target"`
}

// snapshotDocument is how a pickled Booster holds its model from 1.5 on.
type snapshotDocument struct {
	document
	Model document
}

func (d *document) to(trees *builder) {
	d.Learner.Booster.Model.List.to = trees
	d.Learner.Booster.Inner.Model.List.to = trees
}

// whole returns the document that was filled in.
func (d *snapshotDocument) whole() *document {
	if d.Learner.Booster.Name == "" {
		return &d.Model
	}
	return &d.document
}

func readJSON(b []byte, trees *builder) (header, error) {
	var d snapshotDocument
	d.to(trees)
	d.Model.to(trees)
	b = withoutNaN(b)
	in := json.NewDecoder(bytes.NewReader(b))
	err := in.Decode(&d)
	var refusal Refusal
	switch {
	case errors.As(err, &refusal):
		return header{}, refusal
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return header{}, torn(len(b))
	case err != nil:
		return header{}, refuse(Format, "the model is broken JSON (%v); save it again, as UBJSON if it holds Infinity, for which JSON has no word", err)
	}
	if rest := bytes.TrimSpace(b[in.InputOffset():]); len(rest) > 0 {
		return header{}, refuse(Format, "%d bytes follow the model; save it again", len(rest))
	}
	return d.whole().header("xgboost-json")
}

// header turns the strings of the document into numbers.
func (d *document) header(format string) (header, error) {
	l := &d.Learner
	if l.Booster.Name == "" || l.Objective.Name == "" || l.Param.Features == "" {
		return header{}, refuse(Format, "the document has no learner with booster, objective and parameters; save an XGBoost model")
	}
	h := header{
		format: format, objective: l.Objective.Name, booster: l.Booster.Name, names: l.Names,
		early: l.Early, weights: l.Booster.Weight,
	}
	for _, count := range []string{l.Booster.Model.Param.Parallel, l.Booster.Inner.Model.Param.Parallel} {
		n, _ := strconv.ParseInt(count, 10, 32) // 0 is as good as none
		h.parallel = max(h.parallel, n)
	}
	if len(d.Version) >= 2 {
		h.major, h.minor = int(d.Version[0]), int(d.Version[1])
	}
	var err error
	if h.features, err = strconv.ParseInt(l.Param.Features, 10, 64); err != nil {
		return header{}, refuse(Format, "num_feature is %.40q; save the model again", l.Param.Features)
	}
	for _, count := range []string{l.Param.Classes, l.Param.Targets} {
		n, err := strconv.ParseInt(count, 10, 64)
		if count != "" && err != nil {
			return header{}, refuse(Format, "num_class or num_target is %.40q; save the model again", count)
		}
		h.outputs = max(h.outputs, n)
	}
	if err := h.supported(); err != nil {
		return header{}, err
	}
	// From 3.1 on it is a list in a string: "[5E-1]".
	text := strings.TrimSuffix(strings.TrimPrefix(l.Param.BaseScore, "["), "]")
	base, err := strconv.ParseFloat(text, 32)
	if err != nil {
		return header{}, refuse(Format, "base_score is %.40q, not one number; save the model again", l.Param.BaseScore)
	}
	h.base = float32(base)
	return h, nil
}

// treeList hands each tree on as soon as it is read, so that only one is held
// in this shape.
type treeList struct{ to *builder }

// UnmarshalJSON reads an array of trees.
func (l *treeList) UnmarshalJSON(b []byte) error {
	in := json.NewDecoder(bytes.NewReader(b))
	if start, err := in.Token(); err != nil || start != json.Delim('[') {
		return refuse(Format, "the trees are not a list; save the model again")
	}
	for in.More() {
		var t tree
		if err := in.Decode(&t); err != nil {
			return refuse(Format, "tree %d is broken JSON (%v); save the model again", len(l.to.roots), err)
		}
		if err := l.to.add(&t); err != nil {
			return err
		}
	}
	return nil
}

// flags are written as true and false up to 1.5, then as 1 and 0.
type flags []bool

// UnmarshalJSON reads an array of either spelling.
func (f *flags) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) < 2 || b[0] != '[' {
		return refuse(Format, "default_left is not a list; save the model again")
	}
	inner := bytes.TrimSpace(b[1 : len(b)-1])
	if len(inner) == 0 {
		return nil
	}
	*f = make(flags, 0, bytes.Count(inner, []byte(","))+1)
	for item := range bytes.SplitSeq(inner, []byte(",")) {
		switch string(bytes.TrimSpace(item)) {
		case "true", "1":
			*f = append(*f, true)
		case "false", "0":
			*f = append(*f, false)
		default:
			return refuse(Format, "default_left holds %.20q; save the model again", item)
		}
	}
	return nil
}

// numbers are float32, with null for those that are none.
type numbers []float32

// UnmarshalJSON reads an array.
func (n *numbers) UnmarshalJSON(b []byte) error {
	var list []*float32
	if !bytes.Contains(b, []byte("null")) {
		return json.Unmarshal(b, (*[]float32)(n))
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, v := range list {
		if v == nil {
			*n = append(*n, float32(math.NaN()))
		} else {
			*n = append(*n, *v)
		}
	}
	return nil
}

// withoutNaN writes null for the NaN that XGBoost has in place of thresholds
// of categorical splits.
func withoutNaN(b []byte) []byte {
	word := []byte("NaN")
	if !bytes.Contains(b, word) {
		return b
	}
	plain := make([]byte, 0, len(b)+len(b)/8)
	for quoted := false; len(b) > 0; {
		switch {
		case quoted && b[0] == '\\' && len(b) > 1:
			plain, b = append(plain, b[0]), b[1:]
		case b[0] == '"':
			quoted = !quoted
		case !quoted && bytes.HasPrefix(b, word):
			plain, b = append(plain, "null"...), b[len(word):]
			continue
		}
		plain, b = append(plain, b[0]), b[1:]
	}
	return plain
}
