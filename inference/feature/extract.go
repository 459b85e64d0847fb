package feature

import "slices"

// Extractor reads rows by one contract. It never changes after Compile, so
// that any number of goroutines may share it. Nothing here allocates.
//
// A row has two parts: what only the request decides, and what the partner has
// a say in. An auction asks many partners about one request, so the first part
// is worth filling once.
type Extractor struct {
	columns   int
	readers   []reader
	partner   int // the reader of the partner; -1 where no feature reads it
	ofRequest []step
	ofPartner []step
}

// step fills one column of a row.
type step struct {
	column        int
	first, second int // readers; second is -1 for all but tables of two sources

	plain  bool               // the number as it is
	cells  []float32          // by identifier, or a matrix of the second's width
	width  int                // of the matrix
	sparse map[uint64]float32 // instead of cells, where a matrix would be mostly empty
	other  float32            // what is not in cells or sparse
}

// maxReaders bounds the scratch of one auction; there are fewer sources.
const maxReaders = 48

func (b *builder) extractor() *Extractor {
	e := &Extractor{columns: len(b.steps), readers: b.used}
	e.partner = slices.IndexFunc(b.used, func(r reader) bool { return r.name == partnerSource })
	for _, s := range b.steps {
		if e.partner >= 0 && (s.first == e.partner || s.second == e.partner) {
			e.ofPartner = append(e.ofPartner, s)
		} else {
			e.ofRequest = append(e.ofRequest, s)
		}
	}
	return e
}

// Len returns the number of features of a row.
func (e *Extractor) Len() int { return e.columns }

// Extract fills dst[:Len()] with the row of r and partner; missing is NaN. It
// panics if dst is shorter.
func (e *Extractor) Extract(dst []float32, r *Request, partner string) {
	e.ExtractPartners(dst[:e.columns], r, partner)
}

// ExtractRequest fills those columns of dst[:Len()] that only the request
// decides and leaves the others as they are.
func (e *Extractor) ExtractRequest(dst []float32, r *Request) {
	dst = dst[:e.columns]
	for i := range e.ofRequest {
		s := &e.ofRequest[i]
		dst[s.column] = e.value(s, r, "")
	}
}

// ExtractPartner fills the columns that ExtractRequest leaves: both together
// are Extract.
func (e *Extractor) ExtractPartner(dst []float32, r *Request, partner string) {
	dst = dst[:e.columns]
	for i := range e.ofPartner {
		s := &e.ofPartner[i]
		dst[s.column] = e.value(s, r, partner)
	}
}

// ExtractPartners fills one row after another, len(partners)*Len() numbers in
// all, and looks every value of the request up once only. It panics if dst is
// shorter.
func (e *Extractor) ExtractPartners(dst []float32, r *Request, partners ...string) {
	dst = dst[:len(partners)*e.columns]
	if len(partners) == 0 {
		return
	}
	e.ExtractRequest(dst, r)
	for i := 1; i < len(partners); i++ {
		copy(dst[i*e.columns:(i+1)*e.columns], dst)
	}
	if e.partner < 0 {
		return
	}
	var ids [maxReaders]uint32
	for i := range e.ofPartner {
		s := &e.ofPartner[i]
		ids[s.first] = e.readers[s.first].id(r, "")
		if s.second >= 0 {
			ids[s.second] = e.readers[s.second].id(r, "")
		}
	}
	for i, partner := range partners {
		row := dst[i*e.columns : (i+1)*e.columns]
		ids[e.partner] = e.readers[e.partner].id(r, partner)
		for j := range e.ofPartner {
			s := &e.ofPartner[j]
			if s.second < 0 {
				row[s.column] = s.one(ids[s.first])
			} else {
				row[s.column] = s.both(ids[s.first], ids[s.second])
			}
		}
	}
}

func (e *Extractor) value(s *step, r *Request, partner string) float32 {
	from := &e.readers[s.first]
	if s.plain {
		return from.number(r)
	}
	if s.second < 0 {
		return s.one(from.id(r, partner))
	}
	return s.both(from.id(r, partner), e.readers[s.second].id(r, partner))
}

func (s *step) one(id uint32) float32 {
	if int(id) < len(s.cells) {
		return s.cells[id]
	}
	return s.other
}

func (s *step) both(i, j uint32) float32 {
	if s.sparse != nil {
		if v, ok := s.sparse[pair(i, j)]; ok {
			return v
		}
		return s.other
	}
	at := int(i)*s.width + int(j)
	if int(j) < s.width && at < len(s.cells) {
		return s.cells[at]
	}
	return s.other
}

// id looks the source's value up.
func (r *reader) id(from *Request, partner string) uint32 {
	if r.number != nil {
		v := r.number(from)
		if v != v { // NaN
			return absentID
		}
		if id, ok := r.numbers[v]; ok {
			return id
		}
		return unknownID
	}
	v := partner
	if r.text != nil {
		v = r.text(from)
	}
	if v == "" {
		return absentID
	}
	if id, ok := r.ids[v]; ok {
		return id
	}
	return unknownID
}
