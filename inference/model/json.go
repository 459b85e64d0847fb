package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// document is a model as JSON holds it; what is not named is skipped. UBJSON
// is read into the same shape.
type document struct {
	Learner struct {
		Names   []string `json:"feature_names"`
		Booster struct {
			Name  string `json:"name"`
			Model struct {
				Trees treeList `json:"trees"`
			} `json:"model"`
		} `json:"gradient_booster"`
		Param     learnerParam `json:"learner_model_param"`
		Objective struct {
			Name string `json:"name"`
		} `json:"objective"`
	} `json:"learner"`
	Version []int32 `json:"version"`
}

// learnerParam holds numbers as strings, as XGBoost writes them.
type learnerParam struct {
	BaseScore string `json:"base_score"`
	Classes   string `json:"num_class"`
	Features  string `json:"num_feature"`
	Targets   string `json:"num_target"`
}

func readJSON(b []byte, trees *builder) (header, error) {
	var d document
	d.Learner.Booster.Model.Trees.to = trees
	in := json.NewDecoder(bytes.NewReader(b))
	err := in.Decode(&d)
	var refusal Refusal
	switch {
	case errors.As(err, &refusal):
		return header{}, refusal
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return header{}, torn(len(b))
	case err != nil:
		return header{}, refuse(Format, "the model is broken JSON (%v); save it again, as UBJSON if it holds NaN or Infinity, for which JSON has no word", err)
	}
	if rest := bytes.TrimSpace(b[in.InputOffset():]); len(rest) > 0 {
		return header{}, refuse(Format, "%d bytes follow the model; save it again", len(rest))
	}
	return d.header("xgboost-json")
}

// header turns the strings of the document into numbers.
func (d *document) header(format string) (header, error) {
	l := &d.Learner
	if l.Booster.Name == "" || l.Objective.Name == "" || l.Param.Features == "" {
		return header{}, refuse(Format, "the document has no learner with booster, objective and parameters; save an XGBoost model")
	}
	h := header{format: format, objective: l.Objective.Name, booster: l.Booster.Name, names: l.Names}
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
