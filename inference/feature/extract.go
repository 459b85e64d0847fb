package feature

import "slices"

// Extractor reads rows by one contract. It never changes after Compile, so
// that any number of goroutines may share it. Nothing here allocates.
//
// A row has three parts: what only the request decides, what only the partner
// decides, and what both do. An auction asks many partners about one request,
// so the first part is worth filling once; and it asks the same partners again
// and again, of whom a contract can tell only so many apart (see Partners).
type Extractor struct {
	columns   int
	plan      *Plan     // nil where Request is all that is read
	rules     *Contract // the contract without its features
	readers   []reader
	partner   int   // the reader of the partner; -1 where no feature reads it
	lookups   []int // readers of the request whose values steps look up
	ofRequest []step
	ofPartner []step
	ofBoth    []step
	hashes    bool // some of ofBoth are of kind hash
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

	hash *hashing // of kind hash; else nil
}

// maxReaders bounds the scratch of one auction; there are fewer sources.
const maxReaders = 256

// maxHashes bounds what is kept of hashes that read the partner, too.
const maxHashes = 64

func (b *builder) extractor() *Extractor {
	e := &Extractor{columns: len(b.steps), readers: b.used, rules: b.rules}
	if len(b.plan.root.Nodes) > 0 {
		e.plan = b.plan
	}
	e.partner = slices.IndexFunc(b.used, func(r reader) bool { return r.name == partnerSource })
	for _, s := range b.steps {
		reads := [2]bool{e.partner >= 0 && s.first == e.partner, e.partner >= 0 && s.second == e.partner}
		switch {
		case !reads[0] && !reads[1]:
			e.ofRequest = append(e.ofRequest, s)
		case s.second < 0:
			e.ofPartner = append(e.ofPartner, s)
		default:
			e.ofBoth = append(e.ofBoth, s)
			e.hashes = e.hashes || s.hash != nil
		}
		for _, at := range [2]int{s.first, s.second} {
			if at >= 0 && !s.plain && s.hash == nil {
				e.lookUp(at)
			}
		}
	}
	return e
}

// lookUp notes that steps look up a reader's value: after those that it joins.
func (e *Extractor) lookUp(at int) {
	if at == e.partner || slices.Contains(e.lookups, at) {
		return
	}
	if r := &e.readers[at]; r.pairs != nil {
		e.lookUp(r.left)
		e.lookUp(r.right)
	}
	e.lookups = append(e.lookups, at)
}

// Plan returns what a request's More must hold; nil for nothing.
func (e *Extractor) Plan() *Plan { return e.plan }

// ParseJSON is ParseJSON with all that the contract reads.
func (e *Extractor) ParseJSON(b []byte) (Request, error) { return e.parse(b, served) }

// ParseLoosely is ParseLoosely with all that the contract reads.
func (e *Extractor) ParseLoosely(b []byte) (Request, error) { return e.parse(b, loosely) }

func (e *Extractor) parse(b []byte, how reading) (Request, error) {
	if call := callOf(b); call != nil {
		return parseFilter(call), nil
	}
	return e.parseRequest(b, how)
}

func (e *Extractor) parseRequest(b []byte, how reading) (Request, error) {
	r, err := parse(b, how)
	if err == nil && e.plan != nil {
		r.More = &More{}
		e.plan.ReadJSON(r.More, trimmed(b))
	}
	return r, err
}

// Len returns the number of features of a row.
func (e *Extractor) Len() int { return e.columns }

// Extract fills dst[:Len()] with the row of r and partner; missing is NaN. It
// panics if dst is shorter.
func (e *Extractor) Extract(dst []float32, r *Request, partner string) {
	e.ExtractPartners(dst[:e.columns], r, partner)
}

// Dependence tells which of request and partner decide a feature; it may be
// both.
func (e *Extractor) Dependence(column int) (request, partner bool) {
	of := func(s step) bool { return s.column == column }
	switch {
	case slices.ContainsFunc(e.ofPartner, of):
		return false, true
	case slices.ContainsFunc(e.ofBoth, of):
		return true, true
	}
	return true, false
}

// Partners returns how many partners the contract tells apart: every name has
// a key below it, and those with the same key have the same rows. It is 0
// where no feature reads the partner.
func (e *Extractor) Partners() int {
	if e.partner < 0 {
		return 0
	}
	return e.readers[e.partner].size()
}

// Partner returns the key of a partner.
func (e *Extractor) Partner(name string) uint32 {
	if e.partner < 0 {
		return 0
	}
	return e.readers[e.partner].textID(name)
}

// Auction is what Begin found in a request. It is large: keep one to use again.
type Auction struct {
	ids    [maxReaders]uint32
	hashes [maxHashes]uint64
}

// Begin fills those columns of dst[:Len()] that only the request decides, and
// looks up once what ExtractBoth will ask for.
func (e *Extractor) Begin(a *Auction, dst []float32, r *Request) {
	dst = dst[:e.columns]
	for _, at := range e.lookups {
		if from := &e.readers[at]; from.pairs == nil {
			a.ids[at] = from.id(r)
		} else {
			a.ids[at] = from.join(a.ids[from.left], a.ids[from.right])
		}
	}
	for i := range e.ofRequest {
		switch s := &e.ofRequest[i]; {
		case s.plain:
			dst[s.column] = e.readers[s.first].number(r)
		case s.hash != nil:
			dst[s.column] = s.hash.bucket(e.hashOf(s.hash, r))
		default:
			dst[s.column] = s.value(a)
		}
	}
	if e.hashes {
		e.beginHashes(a, r)
	}
}

// ExtractPartner fills those columns of dst[:Len()] that only the partner
// with that key decides.
func (e *Extractor) ExtractPartner(dst []float32, key uint32) {
	dst = dst[:e.columns]
	for i := range e.ofPartner {
		s := &e.ofPartner[i]
		dst[s.column] = s.one(key)
	}
}

// ExtractBoth fills those columns of dst[:Len()] that the request of a and the
// partner with that key decide together.
func (e *Extractor) ExtractBoth(a *Auction, dst []float32, key uint32) {
	if len(e.ofBoth) == 0 {
		return
	}
	dst = dst[:e.columns]
	a.ids[e.partner] = key
	for i := range e.ofBoth {
		s := &e.ofBoth[i]
		dst[s.column] = s.value(a)
	}
}

// ExtractPartners fills one row after another, len(partners)*Len() numbers in
// all. It panics if dst is shorter.
func (e *Extractor) ExtractPartners(dst []float32, r *Request, partners ...string) {
	dst = dst[:len(partners)*e.columns]
	if len(partners) == 0 {
		return
	}
	var a Auction
	e.Begin(&a, dst, r)
	for i, name := range partners {
		row := dst[i*e.columns : (i+1)*e.columns]
		if i > 0 {
			copy(row, dst)
		}
		key := e.Partner(name)
		e.ExtractPartner(row, key)
		e.ExtractBoth(&a, row, key)
	}
}

func (s *step) value(a *Auction) float32 {
	if s.hash != nil {
		return s.hash.bucket(a.hashes[s.hash.slot] ^ s.hash.partner(a.ids[s.second]))
	}
	if s.second < 0 {
		return s.one(a.ids[s.first])
	}
	return s.both(a.ids[s.first], a.ids[s.second])
}

func (s *step) one(id uint32) float32 {
	if s.hash != nil {
		return s.hash.bucket(s.hash.partner(id))
	}
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

// id looks up what a request says.
func (r *reader) id(from *Request) uint32 {
	if r.text != nil {
		return r.textID(r.text(from))
	}
	v := r.number(from)
	if v != v { // NaN
		return absentID
	}
	if id, ok := r.numbers[v]; ok {
		return id
	}
	return unknownID
}

// join looks up two values together.
func (r *reader) join(left, right uint32) uint32 {
	if id, ok := r.pairs[pair(left, right)]; ok {
		return id
	}
	return unknownID
}

// textID looks up a value that is a text.
func (r *reader) textID(v string) uint32 {
	if v == "" {
		return absentID
	}
	if id, ok := r.ids[v]; ok {
		return id
	}
	return unknownID
}
