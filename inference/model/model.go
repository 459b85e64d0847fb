// Package model reads XGBoost's and LightGBM's models as data and scores rows
// with them, bit for bit as those libraries do.
//
// It reads what save_model writes: JSON, UBJSON and the binary format of 0.90
// to 3.0, with trees (gbtree, dart), numeric and categorical splits, and
// objectives that give one number per row; LightGBM's text; and both from inside
// a Python pickle of a Booster or of an estimator around one, of which nothing is
// executed. It does not train, does not know what a feature means, fetches
// nothing and keeps no state besides the immutable Model and Scorer.
//
// Each format is read from front to back (cursor) into trees (tree), trees are
// checked and laid out for walking (builder), and a forest walks them: that is a
// Model, the reference. A Scorer is made of a Model for many partners of one
// request (evaluator.go). A further format ends in builder.add; a faster
// evaluator implements tables.
//
// A napkin sum, on one core of an EPYC, 200 complete trees of depth 6 and 20
// partners: one node after the other takes 6.7 us a row, a Model 2.4, ranks
// 1.1, masks 0.7 and masks of known partners 0.23, so 4.6 us a request.
package model

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// The bounds of a model. Together with the rule that a claimed length must be
// backed by bytes, they keep the memory of Parse in proportion to the file.
const (
	MaxBytes    = 1 << 30
	MaxTrees    = 10_000
	MaxLeaves   = 4_096 // of one tree
	MaxDepth    = 256
	MaxFeatures = 1 << 24 // as many buckets as anybody hashes into
)

// Model is a trained ensemble of trees. It never changes, so that any number
// of goroutines may share it.
type Model struct {
	format    string
	objective string
	names     []string
	features  int
	base      float32 // margin of a row before any tree
	baseLast  bool    // XGBoost before 1.3 sums the leaves first and adds the base to the sum, its dart before 1.4
	link      link
	version   string
	trained   int       // trees in the file, of which fewer may answer
	best      int       // trees up to the best iteration that the file names, 0 where it names none but the last
	alike     []Reading // by which the file comes to the same; nil for all
	unproven  bool      // a newer XGBoost wrote it than any that is proven
	forest    forest

	categories []int // features that are split by category, ascending

	rough   int // splits at thresholds that rows of float32 hold only roughly
	missing missing

	slope, divisor float64  // of the margin on its way to the score, where leaves are wide
	members        []*Model // of an ensemble, which has no forest of its own
}

// Parse reads a model and recognises its format by content. Every error is a
// Refusal. The model does not alias b.
func Parse(b []byte) (*Model, error) { return Bounds{}.Read(bytes.NewReader(b), int64(len(b))) }

// Read reads a model of so many bytes as Parse does, from front to back, and
// holds no more of it than it must. Every error is a Refusal, or one of r.
func (b Bounds) Read(r io.Reader, size int64) (*Model, error) {
	if size > MaxBytes {
		return nil, refuse(TooLarge, "the model has %d bytes, at most %d are read; train fewer or shallower trees", size, MaxBytes)
	}
	c := newCursor(r, size, b)
	head := c.head(Recognisable)
	if c.err != nil {
		return nil, c.err
	}
	if bytes.HasPrefix(head, []byte(byteOrderMark)) && !IsBinary(head) { // which editors put in front of texts
		c.skip(uint64(len(byteOrderMark)))
		head = c.head(Recognisable)
	}
	trees := builder{most: b.Trees, mostOf: b.TreesOf}
	if isLightGBM(head) {
		return readLightGBM(c, &trees, 0)
	}
	read, err := recognise(head)
	if err != nil {
		return nil, err
	}
	h, err := read(c, &trees)
	if err != nil {
		return nil, err
	}
	if h.whole != nil {
		return h.whole, nil
	}
	m, err := h.model(&trees, b.Reading)
	if err != nil || !h.pickled {
		return m, err
	}
	m = m.WithMissing(h.missing)
	return m, b.holds(m)
}

// holds refuses a model that takes more than all its trees may.
func (b Bounds) holds(m *Model) error {
	if b.Trees > 0 && m.forest.bytes() > b.Trees {
		return refuse(TooLarge, "its trees take more than %d bytes in memory, which is all that %s allows; train fewer or shallower trees", b.Trees, b.TreesOf)
	}
	return nil
}

// NumFeature returns the length of a row.
func (m *Model) NumFeature() int { return m.features }

// FeatureNames returns the names that the model carries, one per feature, or
// nil where it carries none. The caller must not change them.
func (m *Model) FeatureNames() []string { return m.names }

// Categories returns the features that trees split by category, ascending.
func (m *Model) Categories() []int {
	list := slices.Clone(m.categories)
	for _, member := range m.members {
		list = append(list, member.categories...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Objective returns the library's name of what the model was trained for.
func (m *Model) Objective() string { return m.objective }

// Format returns xgboost-json, xgboost-ubjson, xgboost-binary, xgboost-pickle,
// lightgbm-text or lightgbm-pickle.
func (m *Model) Format() string { return m.format }

// Version returns the version of the library that wrote the file, or nothing
// where the file does not tell.
func (m *Model) Version() string { return m.version }

// Trees returns the number of trees that score.
func (m *Model) Trees() int {
	n := len(m.forest.roots)
	for _, member := range m.members {
		n += member.Trees()
	}
	return n
}

// Trained returns the number of trees in the file. It may be more than Trees,
// where only those up to the best iteration answer.
func (m *Model) Trained() int { return m.trained }

// First returns the model of the first n trees, with which it shares them. It
// has no parts of a model that is an ensemble or has wide leaves: those are
// returned as they are.
func (m *Model) First(n int) *Model {
	if !m.isPlain() || n < 0 || n >= len(m.forest.roots) {
		return m
	}
	other := *m
	f := &other.forest
	f.nodes, f.roots, f.depths = f.nodes[:f.roots[n]], f.roots[:n], f.depths[:n/abreast]
	return &other
}

// MemoryBytes returns what the model occupies while it is loaded.
func (m *Model) MemoryBytes() int64 {
	n := m.forest.bytes() + 256
	for _, member := range m.members {
		n += member.MemoryBytes()
	}
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
	switch {
	case m.isPlain():
	case m.members != nil:
		return m.mean((*Model).Margin, x)
	default:
		return float32(m.wideMargin(x))
	}
	if m.baseLast {
		return m.base + m.forest.sum(x, 0)
	}
	return m.forest.sum(x, m.base)
}

// isPlain tells whether the margin is the base and a sum of leaves, all in
// float32, and the score follows from the margin.
func (m *Model) isPlain() bool { return m.members == nil && !m.isWide() }

// Score returns the margin of x through the link of the objective: for most a
// probability. It equals XGBoost's within two units in the last place: the
// exponential functions of two C libraries differ by one, and to divide may make
// two of it. It does not allocate.
func (m *Model) Score(x []float32) float32 {
	switch {
	case m.isPlain():
		return m.link.score(m.Margin(x))
	case len(x) != m.features:
		return float32(math.NaN())
	case m.members != nil:
		return m.ensembleScore(x)
	}
	return m.wideScore(x)
}

// Rough returns the number of LightGBM's splits that compare numbers beyond
// 2^24: rows of float32 hold such numbers rounded, and training may not have.
func (m *Model) Rough() int {
	n := m.rough
	for _, member := range m.members {
		n += member.Rough()
	}
	return n
}

// Missing returns the number that counts as missing besides NaN, if one does.
func (m *Model) Missing() (float32, bool) {
	return m.missing.value, m.missing.told
}

// ScoresShares tells whether scores lie between 0 and 1. Those of other
// objectives may be any number: ranks, rates, risks or margins.
func (m *Model) ScoresShares() bool { return m.link == logistic || m.link == step }

// BaseMargin returns the margin of a row before any tree.
func (m *Model) BaseMargin() float32 { return m.base }

// WithBaseMargin returns the same model with another base margin; the trees
// are shared. A file holds the base score as the objective's own number, and
// the logarithm that turns it into a margin is that of Linux here (see logf);
// elsewhere its last bit may be another one. Whoever knows what the trainer's
// XGBoost answered can set it right.
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
	return -logf(odds)
}

// header is what a file says besides its trees, not yet checked.
type header struct {
	format       string
	major, minor int // of the XGBoost that wrote the file; 0 and 0 before 1.0
	objective    string
	booster      string
	base         float32
	baseIsMargin bool // else it is a score
	features     int64
	outputs      int64 // values per row
	names        []string
	weights      weights
	unknown      string // the first key that is not known, with the keys that it stands under
	parallel     int64  // trees per iteration; 0 where the file does not tell
	early        early
	pickled      bool
	wrapped      bool    // pickled inside an estimator
	missing      float32 // of a pickled estimator: what counts as missing besides NaN, or NaN
	whole        *Model  // where the file is not XGBoost's
}

// weights are those of trees, one each, by the places where they may stand.
type weights struct{ beside, inside []float32 }

// early is where training stopped early: the number of an iteration from 0 on,
// or of trees, as the file has it.
type early struct {
	BestIteration string `json:"best_iteration"`
	BestTrees     string `json:"best_ntree_limit"`
}

// bestOf returns how many of the first trees the file names as the best. What
// makes no sense is as good as nothing, as it is to XGBoost.
func (h *header) bestOf(trained int) int {
	n, err := strconv.Atoi(h.early.BestTrees)
	if err != nil {
		if n, err = strconv.Atoi(h.early.BestIteration); err != nil || n >= trained {
			return trained
		}
		n = (n + 1) * int(max(1, min(h.parallel, MaxTrees)))
	}
	if n < 1 || n > trained {
		return trained
	}
	return n
}

// stopsEarly tells whether only the best trees answer. Later training leaves
// the mark of an earlier one where it stands, so that it is believed only where
// SageMaker's server does: that one forgets it when it loads a file before 1.4,
// and asks from 2.0 on by a name that is gone. An estimator always goes by it.
func (h *header) stopsEarly(r Reading) bool {
	switch r.Trees {
	case All:
		return false
	case Best:
		return true
	case ByRules:
	}
	if h.wrapped {
		return true
	}
	if h.before(1, 4) && !h.pickled {
		return false
	}
	return r.rules() == FirstRules || h.before(2, 0)
}

// weighing says where the weights of the trees stand.
type weighing uint8

const (
	unweighed weighing = iota
	beside             // the trees
	inside             // of what holds the trees, as files from 3.4 on have them
)

func (h *header) weighing(rules Rules) weighing {
	switch {
	case rules > FirstRules && len(h.weights.inside) > 0:
		return inside
	case h.booster == "dart", rules > FirstRules && len(h.weights.beside) > 0:
		return beside
	}
	return unweighed
}

// weigh weighs the trees.
func (h *header) weigh(trees *builder, rules Rules) error {
	switch h.weighing(rules) {
	case beside:
		return trees.weigh(h.weights.beside)
	case inside:
		return trees.weigh(h.weights.inside)
	case unweighed:
	}
	return nil
}

// alike returns all readings by which the file comes to the same as by one.
func (h *header) alike(trained int, by Reading) []Reading {
	type outcome struct {
		weighing
		best, refused bool
	}
	of := func(r Reading) outcome {
		return outcome{h.weighing(r.rules()), h.stopsEarly(r) && h.bestOf(trained) < trained, h.understood(trained, r.rules()) != nil}
	}
	return readings(func(r Reading) bool { return of(r) == of(by) })
}

// model checks the header against the trees and puts both together.
func (h *header) model(trees *builder, by Reading) (*Model, error) {
	if err := h.supported(); err != nil {
		return nil, err
	}
	if err := h.understood(len(trees.roots), by.rules()); err != nil {
		return nil, err
	}
	if h.features < 1 || h.features > MaxFeatures {
		return nil, refuse(TooLarge, "the model reads %d features, 1 to %d are allowed; hash what it reads into fewer columns, or leave rare ones out", h.features, MaxFeatures)
	}
	if trees.features > int(h.features) {
		return nil, refuse(Format, "a tree reads feature %d, but the model says it has %d; save it again", trees.features-1, h.features)
	}
	if len(h.names) > 0 && len(h.names) != int(h.features) {
		return nil, refuse(Format, "the model names %d features and reads %d; save it again", len(h.names), h.features)
	}
	objective, _ := objectiveOf(h.objective)
	base, err := h.baseMargin(objective)
	if err != nil {
		return nil, err
	}
	if err := h.weigh(trees, by.rules()); err != nil {
		return nil, err
	}
	m := &Model{
		format: h.format, version: h.version(), objective: h.objective, link: objective.link,
		features: int(h.features), base: base, baseLast: h.baseLast(), trained: len(trees.roots),
		alike: h.alike(len(trees.roots), by), unproven: !h.before(newestMajor, newestMinor+1),
	}
	if n := h.bestOf(m.trained); n < m.trained {
		if m.best = n; h.stopsEarly(by) {
			trees.keep(n)
		}
	}
	m.forest, m.categories = trees.forest(), trees.categories()
	m.names = given(h.names, "f")
	return m, nil
}

// understood refuses what would be scored without having been understood.
func (h *header) understood(trees int, rules Rules) error {
	switch {
	case rules == FirstRules:
		return nil
	case trees == 0:
		return refuse(Format, "the model has no trees where they should stand, so that every row would score the same; it is a configuration (save_config), or was trained for 0 rounds. Save the trained booster with save_model")
	case h.unknown != "":
		return refuse(Format, "the model has the key %.120q, which is not known here and may change what its trees say; save it with XGBoost %s or older, or ask for a newer Sluice", h.unknown, NewestProven())
	case len(h.weights.beside) > 0 && len(h.weights.inside) > 0:
		return refuse(Format, "the model has weights of its trees in two places; save it again")
	}
	return nil
}

// given returns the names that somebody gave to features, or nil where the
// library numbered them.
func given(names []string, prefix string) []string {
	for i, name := range names {
		if name != prefix+strconv.Itoa(i) {
			return names
		}
	}
	return nil
}

// baseLast tells whether the leaves are summed before the base is added.
func (h *header) baseLast() bool {
	return h.before(1, 3) || h.before(1, 4) && h.booster == "dart"
}

// before tells whether an older XGBoost wrote the file.
func (h *header) before(major, minor int) bool {
	return h.major < major || h.major == major && h.minor < minor
}

func (h *header) version() string {
	if h.major == 0 && h.minor == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", h.major, h.minor)
}

// supported tells whether models of this kind are scored here at all.
func (h *header) supported() error {
	if h.booster != "gbtree" && h.booster != "dart" {
		return refuse(Booster, "the booster is %.40q, only gbtree and dart are scored here; train with booster=gbtree", h.booster)
	}
	if h.outputs > 1 {
		way := "train it for one target, e.g. with objective=binary:logistic"
		if name, several := map[string]string{"reg:quantileerror": "quantile_alpha", "reg:expectileerror": "expectile_alpha"}[h.objective]; several {
			way = "train a model for each " + name
		}
		return refuse(Objective, "the model gives %d numbers per row, only one is read; %s", h.outputs, way)
	}
	if _, known := objectiveOf(h.objective); !known {
		return refuse(Objective, "the objective is %.40q, which is not scored here; train with objective=binary:logistic, or another that gives one number per row", h.objective)
	}
	return nil
}

func (h *header) baseMargin(o objective) (float32, error) {
	if h.baseIsMargin || h.objective == "binary:logitraw" && !h.before(1, 3) {
		return identity.margin(h.base)
	}
	return o.base.margin(h.base)
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }
