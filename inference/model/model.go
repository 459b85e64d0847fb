// Package model reads XGBoost models as data and scores rows with them, bit
// for bit as XGBoost does.
//
// It reads what save_model writes: JSON, UBJSON and the binary format of 0.90
// to 3.0, with trees (gbtree), numeric splits and objective binary:logistic.
// It never executes anything: a Python pickle is recognised and refused. It
// does not train, does not know what a feature means, fetches nothing and
// keeps no state besides the immutable Model.
//
// Each format is read into trees (tree), trees are checked and laid out for
// walking (builder), and a forest walks them. A further format ends in
// builder.add; a faster evaluator is another form of forest.
package model

import "math"

// The bounds of a model. Together with the rule that a claimed length must be
// backed by bytes, they keep the memory of Parse in proportion to the file.
const (
	MaxBytes    = 1 << 30
	MaxTrees    = 10_000
	MaxLeaves   = 4_096 // of one tree
	MaxDepth    = 256
	MaxFeatures = 65_536
)

// Model is a trained ensemble of trees. It never changes, so that any number
// of goroutines may share it.
type Model struct {
	format    string
	objective string
	names     []string
	features  int
	base      float32 // margin of a row before any tree
	baseLast  bool    // XGBoost before 1.3 sums the leaves first and adds the base to the sum
	forest    forest
}

// Parse reads a model and recognises its format by content. Every error is a
// Refusal. The model does not alias b.
func Parse(b []byte) (*Model, error) {
	if len(b) > MaxBytes {
		return nil, refuse(TooLarge, "the model has %d bytes, at most %d are read; train fewer or shallower trees", len(b), MaxBytes)
	}
	read, err := recognise(b)
	if err != nil {
		return nil, err
	}
	var trees builder
	h, err := read(b, &trees)
	if err != nil {
		return nil, err
	}
	return h.model(&trees)
}

// NumFeature returns the length of a row.
func (m *Model) NumFeature() int { return m.features }

// FeatureNames returns the names that the model carries, one per feature, or
// nil where it carries none. The caller must not change them.
func (m *Model) FeatureNames() []string { return m.names }

// Objective returns XGBoost's name of what the model was trained for.
func (m *Model) Objective() string { return m.objective }

// Format returns xgboost-json, xgboost-ubjson or xgboost-binary.
func (m *Model) Format() string { return m.format }

// Trees returns the number of trees.
func (m *Model) Trees() int { return len(m.forest.roots) }

// MemoryBytes returns what the model occupies while it is loaded.
func (m *Model) MemoryBytes() int64 {
	n := m.forest.bytes() + 256
	for _, name := range m.names {
		n += int64(len(name)) + 16
	}
	return n
}

// Margin returns the sum of the leaves that x falls into and of the base
// margin, in XGBoost's order of float32 additions. A missing feature is NaN.
// It does not allocate. A row that does not have NumFeature numbers gives NaN,
// never a guess.
func (m *Model) Margin(x []float32) float32 {
	if len(x) != m.features {
		return float32(math.NaN())
	}
	if m.baseLast {
		return m.base + m.forest.sum(x, 0)
	}
	return m.forest.sum(x, m.base)
}

// Score returns the probability of x: the margin through the logistic
// function. It equals XGBoost's within one unit in the last place, which is
// how far the exponential functions of two C libraries differ. It does not
// allocate.
func (m *Model) Score(x []float32) float32 { return sigmoid(m.Margin(x)) }

// BaseMargin returns the margin of a row before any tree.
func (m *Model) BaseMargin() float32 { return m.base }

// WithBaseMargin returns the same model with another base margin; the trees
// are shared. A file holds the base score as a probability, and the logarithm
// that turns it into a margin is rounded differently by different C libraries:
// in one of 200 base scores the last bit is another one than here. Whoever
// knows what the trainer's XGBoost answered can set it right.
func (m *Model) WithBaseMargin(base float32) *Model {
	other := *m
	other.base = base
	return &other
}

// sigmoid is XGBoost's: the exponent is capped so that no score is exactly 0.
func sigmoid(margin float32) float32 {
	const most = 88.7
	exponent := -margin
	if exponent > most {
		exponent = most
	}
	return 1 / (1 + float32(math.Exp(float64(exponent))))
}

// logit is the inverse of sigmoid, as XGBoost rounds it.
func logit(p float32) float32 {
	odds := 1/p - 1
	return -float32(math.Log(float64(odds)))
}

// header is what a file says besides its trees, not yet checked.
type header struct {
	format       string
	major, minor int // of the XGBoost that wrote the file; 0 and 0 before 1.0
	objective    string
	booster      string
	base         float32
	baseIsMargin bool // else it is a probability
	features     int64
	outputs      int64 // values per row
	names        []string
}

// model checks the header against the trees and puts both together.
func (h *header) model(trees *builder) (*Model, error) {
	if err := h.supported(); err != nil {
		return nil, err
	}
	if h.features < 1 || h.features > MaxFeatures {
		return nil, refuse(TooLarge, "the model reads %d features, 1 to %d are allowed; train it on fewer", h.features, MaxFeatures)
	}
	if trees.features > int(h.features) {
		return nil, refuse(Format, "a tree reads feature %d, but the model says it has %d; save it again", trees.features-1, h.features)
	}
	if len(h.names) > 0 && len(h.names) != int(h.features) {
		return nil, refuse(Format, "the model names %d features and reads %d; save it again", len(h.names), h.features)
	}
	base, err := h.baseMargin()
	if err != nil {
		return nil, err
	}
	m := &Model{
		format: h.format, objective: h.objective, features: int(h.features), base: base,
		baseLast: h.major < 1 || h.major == 1 && h.minor < 3,
		forest:   trees.forest(),
	}
	if len(h.names) > 0 {
		m.names = h.names
	}
	return m, nil
}

// supported tells whether models of this kind are scored here at all.
func (h *header) supported() error {
	if h.booster != "gbtree" {
		return refuse(Booster, "the booster is %.40q, only gbtree is scored here; train with booster=gbtree", h.booster)
	}
	if h.objective != "binary:logistic" {
		return refuse(Objective, "the objective is %.40q, only binary:logistic is scored here; train with objective=binary:logistic", h.objective)
	}
	if h.outputs > 1 {
		return refuse(Objective, "the model gives %d numbers per row, only one is read; train it for one target", h.outputs)
	}
	return nil
}

func (h *header) baseMargin() (float32, error) {
	if h.baseIsMargin {
		if !finite(h.base) {
			return 0, refuse(Format, "the base margin is %v; save the model again", h.base)
		}
		return h.base, nil
	}
	if !(h.base > 0 && h.base < 1) {
		return 0, refuse(Format, "the base score is %v, which is not between 0 and 1; set base_score when training", h.base)
	}
	return logit(h.base), nil
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }
