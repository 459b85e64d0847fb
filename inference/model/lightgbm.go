package model

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// LightGBM's own format is text: a head of lines "name=value", then every tree
// as such lines with lists in them, then "end of trees". Numbers in it are of
// double precision and so are its sums; rows are float32 here as everywhere.
//
// The nodes of a tree with n leaves are its n-1 splits, then its leaves. Child
// c is split c, or leaf ^c where c is negative.

const lightgbmMagic = "tree\nversion="

// What decision_type holds: two flags, then how a missing number is told.
const (
	byCategory   = 1
	defaultsLeft = 2

	missingNever = 0 // NaN counts as zero
	missingZero  = 1 // zero and NaN
	missingNaN   = 2
)

// zeroEnd is how far from zero LightGBM's zero goes, to both sides.
const zeroEnd = float32(1e-35)

// lightgbm is a file while it is read.
type lightgbm struct {
	*cursor
	facts   map[string]string // of the head
	average bool              // the sum is divided by the number of trees
	rough   int               // splits beyond what a float32 holds exactly
	unknown unknownKey
}

// readLightGBM reads a file of which the first best trees answer, or all where
// best is no number of trees or somebody wants all.
func readLightGBM(c *cursor, trees *builder, best int64) (*Model, error) {
	l := lightgbm{cursor: c, facts: map[string]string{}}
	if err := l.readHead(); err != nil {
		return nil, err
	}
	for {
		l.begin()
		if l.err == nil && l.ends(len(trees.roots)) {
			break
		}
		line, err := l.line()
		if err != nil {
			return nil, err
		}
		if line == "end of trees" {
			break
		}
		if !strings.HasPrefix(line, "Tree=") {
			return nil, refuse(Format, "there is %.40q where a tree should begin; save the model again", line)
		}
		t, err := l.tree(len(trees.roots))
		if err != nil {
			return nil, err
		}
		if err := trees.add(t); err != nil {
			return nil, err
		}
	}
	return l.model(trees, best)
}

// ends tells whether a file without "end of trees" is whole, as LightGBM takes
// it: its head tells the sizes of so many trees, and no other begins.
func (l *lightgbm) ends(trees int) bool {
	for l.blank() {
		l.rawLine()
	}
	if next := string(l.head(len("Tree="))); next == "Tree=" || next == "end o" { // before each tree, so that the list is read once
		return false
	}
	return trees > 0 && trees == len(strings.Fields(l.facts["tree_sizes"]))
}

// line returns the next line.
func (l *lightgbm) line() (string, error) {
	line, ended := l.rawLine()
	if !ended && string(line) != "end of trees" {
		l.fail(torn(l.size))
	}
	return string(bytes.TrimRight(line, "\r")), l.err
}

// rawLine takes bytes up to the end of a line, or all that is left.
func (l *lightgbm) rawLine() (line []byte, ended bool) {
	for l.left() > 0 && l.err == nil {
		part := l.some(windowBytes)
		end := bytes.IndexByte(part, '\n')
		if ended = end >= 0; ended {
			part = part[:end+1]
		}
		line = append(line, part...)
		l.skip(uint64(len(part)))
		if ended {
			return line[:len(line)-1], true
		}
	}
	return line, false
}

// blank tells whether an empty line comes next.
func (l *lightgbm) blank() bool {
	next := l.head(2)
	return bytes.HasPrefix(next, []byte("\n")) || bytes.HasPrefix(next, []byte("\r\n"))
}

// readHead reads up to the empty line before the trees.
func (l *lightgbm) readHead() error {
	const most = 64 // lines
	for range most {
		if l.blank() {
			return nil
		}
		line, err := l.line()
		if err != nil {
			return err
		}
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "tree", "label_index", "feature_infos", "monotone_constraints": // of training
		case "version", "num_class", "num_tree_per_iteration", "max_feature_idx", "objective", "feature_names", "tree_sizes":
			l.facts[name] = value
		case "average_output":
			l.average = true
		default:
			l.unknown.note("", name)
		}
	}
	return refuse(Format, "its head does not end after %d lines; save the model again", most)
}

// treeKeys are those that LightGBM has written of a tree. Those of linear leaves
// stand where is_linear does.
const treeKeys = " num_leaves num_cat split_feature split_gain threshold decision_type left_child right_child leaf_value leaf_weight leaf_count" +
	" internal_value internal_weight internal_count cat_boundaries cat_threshold is_linear leaf_const num_features leaf_features leaf_coeff shrinkage "

// tree reads a tree after its first line.
func (l *lightgbm) tree(number int) (*tree, error) {
	values := map[string]string{}
	for !l.blank() {
		line, err := l.line()
		if err != nil {
			return nil, err
		}
		name, value, _ := strings.Cut(line, "=")
		if len(values) < 64 {
			values[name] = value
		}
		if !strings.Contains(treeKeys, " "+name+" ") {
			l.unknown.note("Tree", name)
		}
	}
	if linear := values["is_linear"]; linear != "" && linear != "0" {
		return nil, refuse(Booster, "tree %d has linear models in its leaves, which are not scored here; train with linear_tree=false", number)
	}
	in := lists{number: number, of: values}
	p := lightgbmTree{
		feature: in.ints("split_feature"), kind: in.ints("decision_type"), left: in.ints("left_child"), right: in.ints("right_child"),
		threshold: in.floats("threshold"), leaf: in.floats("leaf_value"),
	}
	if len(p.feature) > 0 && values["num_cat"] != "0" {
		p.bounds, p.words = in.ints("cat_boundaries"), in.words("cat_threshold")
	}
	if in.err != nil {
		return nil, in.err
	}
	for i, threshold := range p.threshold {
		const exact = 1 << 24
		if math.Abs(threshold) > exact && !math.IsInf(threshold, 0) && math.Abs(threshold) < math.MaxFloat32 && i < len(p.kind) && p.kind[i]&byCategory == 0 {
			l.rough++
		}
	}
	return p.tree(number)
}

// lists reads lists of numbers with spaces between them.
type lists struct {
	number int
	of     map[string]string
	err    error
}

func (l *lists) each(name string, item func(text string) error) {
	for text := range strings.FieldsSeq(l.of[name]) {
		if err := item(text); err != nil && l.err == nil {
			l.err = refuse(Format, "tree %d has %.30q in %s; save the model again", l.number, text, name)
		}
	}
}

func (l *lists) ints(name string) (list []int32) {
	l.each(name, func(text string) error {
		v, err := strconv.ParseInt(text, 10, 32)
		list = append(list, int32(v))
		return err
	})
	return list
}

func (l *lists) words(name string) (list []uint32) {
	l.each(name, func(text string) error {
		v, err := strconv.ParseUint(text, 10, 32)
		list = append(list, uint32(v))
		return err
	})
	return list
}

func (l *lists) floats(name string) (list []float64) {
	l.each(name, func(text string) error {
		v, err := strconv.ParseFloat(text, 64)
		if math.IsNaN(v) {
			err = strconv.ErrRange
		}
		list = append(list, v)
		return err
	})
	return list
}

// lightgbmTree is a tree as the file holds it.
type lightgbmTree struct {
	feature, kind, left, right []int32
	threshold, leaf            []float64
	bounds                     []int32 // of set i among words: bounds[i] to bounds[i+1]
	words                      []uint32
}

func (p *lightgbmTree) tree(number int) (*tree, error) {
	splits, leaves := len(p.feature), len(p.leaf)
	if leaves != splits+1 || len(p.kind) != splits || len(p.left) != splits || len(p.right) != splits || len(p.threshold) != splits {
		return nil, refuse(Format, "tree %d has lists of different lengths, or none; save the model again", number)
	}
	n := splits + leaves
	t := &tree{
		Left: make([]int32, n), Right: make([]int32, n), Feature: make([]int32, n),
		Value: make([]float32, n), DefaultLeft: make(flags, n), wide: make([]float64, n),
	}
	copy(t.Feature, p.feature)
	for i := range splits {
		t.Left[i], t.Right[i] = p.child(p.left[i]), p.child(p.right[i])
		var err error
		if p.kind[i]&byCategory != 0 {
			err = p.category(t, i, number)
		} else {
			err = p.numeric(t, i, number)
		}
		if err != nil {
			return nil, err
		}
	}
	for i, value := range p.leaf {
		at := splits + i
		if math.IsInf(value, 0) {
			return nil, refuse(Format, "tree %d has an infinite leaf; save the model again", number)
		}
		t.Left[at], t.Right[at], t.wide[at] = leaf, leaf, value
	}
	return t, nil
}

// child returns the number of a node; of one that does not exist, a number
// that is refused later.
func (p *lightgbmTree) child(c int32) int32 {
	if c < 0 {
		return int32(min(len(p.feature)+int(^c), math.MaxInt32))
	}
	if int(c) >= len(p.feature) {
		return 0 // no split but a leaf's number, which leaves do not have here
	}
	return c
}

// numeric fills in a split by a threshold, which is taken by what is at or
// below it.
func (p *lightgbmTree) numeric(t *tree, i, number int) error {
	left := p.kind[i]&defaultsLeft != 0
	threshold := beyond(p.threshold[i])
	t.Value[i], t.DefaultLeft[i] = threshold, left
	if threshold != threshold { // everything is below
		t.setCuts(int32(i), []float32{})
	}
	switch p.kind[i] >> 2 {
	case missingNever:
		t.DefaultLeft[i] = p.threshold[i] >= 0
	case missingZero:
		t.setCuts(int32(i), zeroCuts(threshold, left))
	case missingNaN:
	default:
		return refuse(Format, "tree %d has decision_type %d at node %d, which is not known; save the model again", number, p.kind[i], i)
	}
	return nil
}

// beyond returns the lowest number that is not at or below a threshold, or NaN
// where there is none. All that LightGBM takes for zero is on one side.
func beyond(threshold float64) float32 {
	switch v := above(threshold); {
	case math.IsInf(threshold, 1):
		return float32(math.NaN())
	case threshold >= 0:
		return max(v, math.Nextafter32(zeroEnd, 1))
	default:
		return min(v, -zeroEnd)
	}
}

// zeroCuts is the set of a split that sends what is not below the threshold to
// the right, but zero where missing numbers go.
func zeroCuts(threshold float32, zeroLeft bool) []float32 {
	end := math.Nextafter32(zeroEnd, 1)
	begins := []float32{float32(math.Inf(-1)), -zeroEnd, end}
	switch {
	case threshold < -zeroEnd:
		begins = []float32{begins[0], threshold, -zeroEnd, end}
	case threshold > end:
		begins = append(begins, threshold)
	}
	cuts, right := []float32{}, false
	for _, begin := range begins {
		now := begin >= threshold
		if begin >= -zeroEnd && begin < end {
			now = !zeroLeft
		}
		if now != right {
			cuts, right = append(cuts, begin), now
		}
	}
	return cuts
}

// category fills in a split by a set of categories, which go left; whatever
// else goes right, as does a missing one.
func (p *lightgbmTree) category(t *tree, i, number int) error {
	set := p.threshold[i]
	if !(set >= 0 && set+1 < float64(len(p.bounds))) || set != math.Trunc(set) {
		return refuse(Format, "tree %d has no categories for node %d; save the model again", number, i)
	}
	from, to := p.bounds[int(set)], p.bounds[int(set)+1]
	if from < 0 || to < from || int(to) > len(p.words) {
		return refuse(Format, "tree %d has a broken list of categories for node %d; save the model again", number, i)
	}
	var categories []int32
	for w := from; w < to; w++ {
		for bit := range 32 {
			if p.words[w]>>bit&1 != 0 {
				categories = append(categories, (w-from)*32+int32(bit))
			}
		}
		p.words[w] = 0 // so that no other node claims them, too
	}
	if t.Kind == nil {
		t.Kind = make([]int32, len(t.Left))
	}
	t.Kind[i] = 1
	t.setCuts(int32(i), complement(categorySet(categories, true)))
	return nil
}

// model puts head and trees together.
func (l *lightgbm) model(trees *builder, best int64) (*Model, error) {
	if n := l.facts["num_tree_per_iteration"]; n != "1" || l.facts["num_class"] != "1" {
		return nil, refuse(Objective, "the model gives %.10s numbers per row, only one is read; train it for one target, e.g. with objective=binary", n)
	}
	highest, err := strconv.Atoi(l.facts["max_feature_idx"])
	if err != nil || highest < 0 || highest >= MaxFeatures {
		return nil, refuse(TooLarge, "max_feature_idx is %.20q, 0 to %d are allowed; hash what it reads into fewer columns, or leave rare ones out", l.facts["max_feature_idx"], MaxFeatures-1)
	}
	m := &Model{
		format: "lightgbm-text", version: l.facts["version"], features: highest + 1,
		trained: len(trees.roots), rough: l.rough, slope: 1, divisor: 1,
	}
	if trees.features > m.features {
		return nil, refuse(Format, "a tree reads feature %d, but the model says it has %d; save it again", trees.features-1, m.features)
	}
	if err := l.names(m); err != nil {
		return nil, err
	}
	if m.trained == 0 {
		return nil, refuse(Format, "the model has no trees; train it longer")
	}
	if err := l.understood(m); err != nil {
		return nil, err
	}
	all := l.bounds.Reading.Trees == All
	if best > 0 && best < int64(m.trained) {
		if m.best = int(best); !all {
			trees.keep(m.best)
		}
	}
	if m.best > 0 || l.unknown != "" {
		m.alike = readings(func(r Reading) bool {
			return (m.best == 0 || (r.Trees == All) == all) && (l.unknown == "" || r.Rules == FirstRules)
		})
	}
	if l.average {
		m.divisor = float64(len(trees.roots))
	}
	m.forest, m.categories = trees.forest(), trees.categories()
	return m, m.lightgbmObjective(l.facts["objective"])
}

// newestText is the newest version of LightGBM's text that is proven. It says
// what its files hold, and is not the library's own version, which they do not tell.
const newestText = 4

// understood refuses what would be scored without having been understood, and
// notes what is newer than what is proven.
func (l *lightgbm) understood(m *Model) error {
	version, err := strconv.Atoi(strings.TrimPrefix(m.version, "v"))
	if m.unproven = err != nil || version > newestText; l.bounds.rules() == FirstRules || l.unknown == "" {
		return nil
	}
	return refuse(Format, "the model has the key %.120q, which is not known here and may change what its trees say; save it with a LightGBM whose files say version=v%d, or ask for a newer Sluice", string(l.unknown), newestText)
}

// names keeps the names of the features, but for those that LightGBM gave.
func (l *lightgbm) names(m *Model) error {
	named, own := 0, false
	for name := range strings.FieldsFuncSeq(l.facts["feature_names"], isSpace) {
		own = own || name != "Column_"+strconv.Itoa(named)
		named++
	}
	if named != m.features {
		return refuse(Format, "the model names %d features and reads %d; save it again", named, m.features)
	}
	if l.begin(); own && l.spend(int64(len(l.facts["feature_names"])+nameBytes*named)) {
		m.names = strings.FieldsFunc(l.facts["feature_names"], isSpace)
	}
	return l.err
}

// isSpace tells what separates names; other spaces stand in them.
func isSpace(r rune) bool { return r == ' ' }

// lightgbmObjective reads an objective and what follows it, such as
// "binary sigmoid:1".
func (m *Model) lightgbmObjective(text string) error {
	name, options, _ := strings.Cut(text, " ")
	m.objective = name
	switch name {
	case "binary":
		m.link = logistic
		slope, err := strconv.ParseFloat(strings.TrimPrefix(options, "sigmoid:"), 64)
		if err != nil || !(slope > 0) || math.IsInf(slope, 0) {
			return refuse(Objective, "the objective is %.60q, whose sigmoid is not known; train with objective=binary", text)
		}
		m.slope = slope
	case "cross_entropy", "xentropy": // which is its name in files of before 2.3
		m.link = logistic
	case "poisson", "gamma", "tweedie":
		m.link = exponential
	case "cross_entropy_lambda", "xentlambda":
		m.link = softplus
	case "": // a custom objective leaves no word, and its scores are margins
		m.objective, m.link = "custom", identity
	case "regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg", "custom":
		if m.link = identity; options == "sqrt" {
			m.link = square
		}
	default:
		return refuse(Objective, "the objective is %.60q, which is not scored here; train with objective=binary, or another that gives one number per row", text)
	}
	return nil
}
