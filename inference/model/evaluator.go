package model

import "math"

// Evaluator is the name of a way to score rows. All of them give the same bits
// as Model.Margin.
type Evaluator string

// The evaluators, from the one that takes any model to the fastest.
const (
	Walk  Evaluator = "walk"  // from node to node, as the model itself does
	Flat  Evaluator = "flat"  // eight trees at once, comparing ranks instead of numbers
	Masks Evaluator = "masks" // the leaves that are still possible as bits; the request's part once per request
	Memo  Evaluator = "memo"  // masks, with the parts of known partners made beforehand
	Lanes Evaluator = "lanes" // the same for many partners at once, in the processor's wide registers
)

// mostColumns is how many columns a model may read that is not walked: the other
// evaluators keep something for each, whether a tree asks it or not.
const mostColumns = 1 << 16

// Dependence says what decides a feature.
type Dependence uint8

// What a feature may depend on.
const (
	OnBoth    Dependence = iota // the request and the partner
	OnRequest                   // the same for all partners of one request
	OnPartner                   // the same in all requests
)

// Auctions says how rows come about, which is what makes them cheap to score:
// many partners are asked about one request, and the same partners again and
// again. The zero value knows nothing, and each feature is then OnBoth.
type Auctions struct {
	Dependence []Dependence // nil, or one per feature

	// Partners are known beforehand, with keys from 0 on, and Partner fills the
	// features OnPartner of the row of one. Those beyond a bound are not kept.
	Partners int
	Partner  func(row []float32, key uint32)
}

// Stranger is the key of a partner that is not known beforehand.
const Stranger = math.MaxUint32

// Scorer scores the rows of auctions. It never changes, so that any number of
// goroutines may share it. Unless it walks, it keeps nothing of the model that
// it was prepared from.
type Scorer struct {
	evaluator Evaluator
	allowed   Evaluator
	vectors   Vectors
	features  int
	known     int
	tables    tables
}

// tables are one evaluator. begin leaves in the scratch what the request
// decides; fill makes scores, or else margins, for rows of that request.
type tables interface {
	begin(s *Scratch, row []float32)
	fill(s *Scratch, b Batch, scores bool)
	bytes() int64
}

// Batch is some partners of one request and where their margins or scores go.
type Batch struct {
	Keys []uint32  // one per partner: its key, or Stranger
	Rows []float32 // one after another; features OnRequest are not read, nor those OnPartner where the key is kept
	Out  []float32 // one per partner
}

// Scratch is the working memory for one request at a time. Its zero value is
// ready. It grows to what the scorer needs, 40 bytes per tree and 4 per
// feature, with lanes 40 KiB, and 512 bytes per tree where partners are not
// known beforehand, and belongs to one goroutine.
type Scratch struct {
	row   []float32
	words []uint64
	ranks ranks
	team  []Scratch // of the members of an ensemble
	sums  []float32
	lanes *laneScratch
}

// Prepare makes the fastest scorer that takes the model. It panics where the
// dependence has not one entry per feature.
func (m *Model) Prepare(a Auctions) *Scorer { return m.PrepareFor(HasVectors(), a) }

// PrepareFor is Prepare for a processor with other vectors, of which this one
// must have those that are used.
func (m *Model) PrepareFor(v Vectors, a Auctions) *Scorer {
	e, parts := m.Evaluator(), m.parts(a)
	lanes := m.members == nil && m.features <= mostColumns && a.Partners > 0 && len(m.forest.roots) >= fewestTrees && takenByLanes(&m.forest, m.features, parts)
	if lanes && v != NoVectors {
		e = Lanes
	}
	s := m.prepare(e, v, a)
	if lanes {
		s.allowed = Lanes
	}
	return s
}

// prepare makes a scorer with an evaluator that takes the model.
func (m *Model) prepare(e Evaluator, v Vectors, a Auctions) *Scorer {
	s := &Scorer{evaluator: e, vectors: NoVectors, features: m.features}
	parts := m.parts(a)
	switch {
	case e == Walk:
		s.tables = &walk{model: *m, perRow: parts.perRow()}
	case m.members != nil:
		s.team(m, v, a)
	case e == Flat:
		s.tables = newFlat(&m.forest, m.features, parts, m.ending())
	case e == Lanes:
		t := newLanes(&m.forest, m.features, parts, m.ending(), v)
		s.known, s.vectors = t.remember(a), v
		s.tables = t
	default:
		t := newMasks(&m.forest, m.features, parts, m.ending())
		if s.known = t.remember(a); s.known > 0 {
			s.evaluator = Memo
		}
		s.tables = t
	}
	if s.allowed == "" {
		s.allowed = s.evaluator
	}
	return s
}

// Evaluator names what Prepare chooses where no partner is known beforehand;
// of an ensemble, what it chooses for the slowest member.
func (m *Model) Evaluator() Evaluator {
	switch {
	case m.members != nil:
		slowest := Masks
		for _, member := range m.members {
			slowest = slower(slowest, member.Evaluator())
		}
		return slowest
	case m.features > mostColumns:
		return Walk
	case takenByMasks(&m.forest, m.features):
		return Masks
	case takenByFlat(&m.forest, m.features):
		return Flat
	}
	return Walk
}

// slower returns the one of two evaluators that takes more models.
func slower(a, b Evaluator) Evaluator {
	for _, e := range [...]Evaluator{Walk, Flat, Masks, Memo} {
		if a == e || b == e {
			return e
		}
	}
	return Lanes
}

// Evaluator names what was chosen.
func (s *Scorer) Evaluator() Evaluator { return s.evaluator }

// Allowed names what would be chosen on a processor with vectors.
func (s *Scorer) Allowed() Evaluator { return s.allowed }

// Vectors names the registers that lanes are in, NoVectors where there are none.
func (s *Scorer) Vectors() Vectors { return s.vectors }

// NumFeature returns the length of a row.
func (s *Scorer) NumFeature() int { return s.features }

// Known returns how many partners are kept: those with keys below it need no
// features OnPartner in their rows.
func (s *Scorer) Known() int { return s.known }

// MemoryBytes returns what the scorer occupies.
func (s *Scorer) MemoryBytes() int64 { return s.tables.bytes() + 256 }

// Begin takes in a request: of row, only the features OnRequest are read. The
// rows of all batches until the next Begin belong to it.
func (s *Scorer) Begin(scratch *Scratch, row []float32) {
	s.tables.begin(scratch, row[:s.features:s.features])
}

// Margins fills b.Out with what Model.Margin gives for the same rows. It does
// not allocate. It panics where the lengths of b differ.
func (s *Scorer) Margins(scratch *Scratch, b Batch) { s.fill(scratch, b, false) }

// Scores fills b.Out with what Model.Score gives for the same rows, as Margins.
func (s *Scorer) Scores(scratch *Scratch, b Batch) { s.fill(scratch, b, true) }

func (s *Scorer) fill(scratch *Scratch, b Batch, scores bool) {
	n := len(b.Keys)
	s.tables.fill(scratch, Batch{Keys: b.Keys, Rows: b.Rows[:n*s.features], Out: b.Out[:n]}, scores)
}

// ending is what a model makes of the sum of its leaves.
type ending struct {
	base           float32
	last           bool // the base is added after the leaves, not before
	link           link
	slope, divisor float64 // where leaves are wide, see wide.go
}

func (m *Model) ending() ending {
	return ending{base: m.base, last: m.baseLast, link: m.link, slope: m.slope, divisor: m.divisor}
}

// start is what leaves are added to.
func (e ending) start() float32 {
	if e.last {
		return 0
	}
	return e.base
}

func (e ending) end(sum float32, score bool) float32 {
	if e.last {
		sum += e.base
	}
	if score {
		return e.link.score(sum)
	}
	return sum
}

func (e ending) endWide(sum float64, score bool) float32 {
	if score {
		return e.wideScore(sum)
	}
	return float32(sum)
}

// parts are the features that any tree splits, by what decides them.
type parts struct{ request, partner, both []int }

func (m *Model) parts(a Auctions) parts {
	if a.Dependence == nil {
		a.Dependence = make([]Dependence, m.features)
	}
	if len(a.Dependence) != m.features {
		panic("model: the dependence has not one entry per feature")
	}
	split := m.split()
	var p parts
	for f, d := range a.Dependence {
		if !split[f] {
			continue
		}
		switch d {
		case OnRequest:
			p.request = append(p.request, f)
		case OnPartner:
			p.partner = append(p.partner, f)
		case OnBoth:
			p.both = append(p.both, f)
		}
	}
	return p
}

// perRow returns the features that a request does not decide alone.
func (p parts) perRow() []int { return append(p.partner[:len(p.partner):len(p.partner)], p.both...) }

// walk is the model itself, which takes any shape.
type walk struct {
	model  Model
	perRow []int
}

func (w *walk) begin(s *Scratch, row []float32) { s.row = append(s.row[:0], row...) }

func (w *walk) fill(s *Scratch, b Batch, scores bool) {
	for i := range b.Out {
		row := b.Rows[i*len(s.row) : (i+1)*len(s.row)]
		for _, f := range w.perRow {
			s.row[f] = row[f]
		}
		if scores {
			b.Out[i] = w.model.Score(s.row)
		} else {
			b.Out[i] = w.model.Margin(s.row)
		}
	}
}

func (w *walk) bytes() int64 { return w.model.MemoryBytes() }

// split tells which features any tree splits.
func (m *Model) split() []bool {
	split := make([]bool, m.features)
	for i := range m.forest.nodes {
		if n := &m.forest.nodes[i]; n.left != uint32(i) {
			split[n.slot>>1] = true
		}
	}
	for _, member := range m.members {
		for f, is := range member.split() {
			split[f] = split[f] || is
		}
	}
	return split
}

// tree returns the positions of a tree's nodes: from the first on, up to end.
func (f *forest) tree(i int) (root, end uint32) {
	if i+1 < len(f.roots) {
		return f.roots[i], f.roots[i+1]
	}
	return f.roots[i], uint32(len(f.nodes))
}
