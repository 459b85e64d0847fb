package release

import (
	"slices"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
)

// Scorer scores auctions as the release that it was prepared from. It never
// changes, so that any number of goroutines may share it, and keeps neither
// the release's manifest nor its trees as they were read.
type Scorer struct {
	features *feature.Extractor
	model    *model.Scorer
}

// Scratch is the working memory of one auction at a time, used again for the
// next one. Its zero value is ready.
type Scratch struct {
	auction feature.Auction
	model   model.Scratch
	rows    []float32
}

// rowsAtOnce bounds a scratch: some rows, not a request, are held.
const rowsAtOnce = 64

// prepare makes the scorer that suits contract and booster.
func prepare(features *feature.Extractor, m *model.Model) *Scorer {
	of := model.Auctions{
		Dependence: make([]model.Dependence, features.Len()),
		Partners:   features.Partners(),
		Partner:    features.ExtractPartner,
	}
	for column := range of.Dependence {
		switch request, partner := features.Dependence(column); {
		case !partner:
			of.Dependence[column] = model.OnRequest
		case !request:
			of.Dependence[column] = model.OnPartner
		}
	}
	return &Scorer{features: features, model: m.Prepare(of)}
}

// Evaluator names the way in which rows are scored.
func (s *Scorer) Evaluator() model.Evaluator { return s.model.Evaluator() }

// Allowed names the way in which they would be on a processor with vectors.
func (s *Scorer) Allowed() model.Evaluator { return s.model.Allowed() }

// Way names the way in which rows are scored and, where it has lanes, what in:
// "lanes avx512", "memo".
func (s *Scorer) Way() string {
	way := string(s.model.Evaluator())
	if v := s.model.Vectors(); v != model.NoVectors {
		way += " " + string(v)
	}
	return way
}

// Plan returns what Score reads of a request's More; nil for nothing.
func (s *Scorer) Plan() *feature.Plan { return s.features.Plan() }

// Strays returns which numbers of a call of filter are out of their range.
func (s *Scorer) Strays(r *feature.Request) feature.Stray { return s.features.Strays(r) }

// Partner returns the key by which Score knows a partner. It stays the same.
func (s *Scorer) Partner(name string) uint32 { return s.features.Partner(name) }

// Score fills scores[:len(partners)] with how likely each partner, given by its
// key, is to bid. It does not allocate once the scratch has grown.
func (s *Scorer) Score(scratch *Scratch, r *feature.Request, partners []uint32, scores []float32) {
	width := s.features.Len()
	if n := width * (1 + rowsAtOnce); len(scratch.rows) < n {
		scratch.rows = make([]float32, n)
	}
	request, rows := scratch.rows[:width], scratch.rows[width:]
	s.features.Begin(&scratch.auction, request, r)
	s.model.Begin(&scratch.model, request)
	for len(partners) > 0 {
		n := min(rowsAtOnce, len(partners))
		for i, key := range partners[:n] {
			s.fill(scratch, rows[i*width:(i+1)*width], key)
		}
		s.model.Scores(&scratch.model, model.Batch{Keys: partners[:n], Rows: rows[:n*width], Out: scores[:n]})
		partners, scores = partners[n:], scores[n:]
	}
}

// fill fills what the model will read of a partner's row.
func (s *Scorer) fill(scratch *Scratch, row []float32, key uint32) {
	if int(key) >= s.model.Known() {
		s.features.ExtractPartner(row, key)
	}
	s.features.ExtractBoth(&scratch.auction, row, key)
}

// whole is a whole row for some partners. Of those that are not known
// beforehand, the row's own features are read.
func whole(row []float32, keys ...uint32) model.Batch {
	return model.Batch{Keys: keys, Rows: slices.Repeat(row, len(keys)), Out: make([]float32, len(keys))}
}

// margins fills in and returns the margins of a whole row.
func (s *Scorer) margins(scratch *Scratch, row []float32, b model.Batch) []float32 {
	s.model.Begin(&scratch.model, row)
	s.model.Margins(&scratch.model, b)
	return b.Out
}
