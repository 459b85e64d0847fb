package feature

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The bounds of a contract. A contract travels inside an artifact, so nothing
// it claims is believed.
const (
	MaxFeatures  = 512
	MaxEntries   = 1 << 20 // of all vocabularies and tables together
	MaxNameBytes = 128     // of a feature
	MaxKeyBytes  = 1024    // of one entry of a vocabulary or table
	MaxParts     = 10      // sources of one table or hash
	MaxBuckets   = 1 << 24 // of a hash: a float32 counts so far

	maxCells = 1 << 22 // numbers in the lookups of all features together: 16 MB
)

var errTooManyReaders = fmt.Errorf("the contract looks up more than %d sources and joins of them; use tables of fewer sources", maxReaders)

// Compile checks the contract and returns what reads rows by it. The error
// names the feature and says what would help.
func (c Contract) Compile() (*Extractor, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	rules := &Contract{Version: c.Version, Filter: c.Filter, Currency: c.Currency, Rates: maps.Clone(c.Rates)}
	b := builder{known: sources(rules), plan: &Plan{}, rules: rules}
	for i := range c.Features {
		if err := b.add(i, &c.Features[i]); err != nil {
			return nil, fmt.Errorf("compile feature %q: %w", c.Features[i].Name, err)
		}
	}
	return b.extractor(), nil
}

// check holds what can be said without building anything.
func (c Contract) check() error {
	if len(c.Features) == 0 {
		return errors.New("compile contract: it has no features; list at least one")
	}
	if len(c.Features) > MaxFeatures {
		return fmt.Errorf("compile contract: %d features, at most %d are read; drop the least important", len(c.Features), MaxFeatures)
	}
	entries := 0
	seen := make(map[string]bool, len(c.Features))
	for i, f := range c.Features {
		switch {
		case f.Name == "":
			return fmt.Errorf("compile feature %d: it has no name; give it one", i)
		case len(f.Name) > MaxNameBytes:
			return fmt.Errorf("compile feature %d: its name has %d bytes, at most %d are allowed; shorten it", i, len(f.Name), MaxNameBytes)
		case seen[f.Name]:
			return fmt.Errorf("compile feature %q: the name is used twice; rename one", f.Name)
		}
		seen[f.Name] = true
		entries += len(f.Vocabulary) + len(f.Table)
	}
	if err := c.checkRules(); err != nil {
		return err
	}
	if entries > MaxEntries {
		return fmt.Errorf("compile contract: %d entries in vocabularies and tables, at most %d are held; keep only frequent values", entries, MaxEntries)
	}
	return nil
}

// checkRules holds what is said of all features together.
func (c Contract) checkRules() error {
	if c.Version < 0 || c.Version > LatestVersion {
		return fmt.Errorf("compile contract: version %d is unknown; use %d, or a newer release of Sluice", c.Version, LatestVersion)
	}
	if c.Filter != "" && c.Filter != OpenRTB && c.Filter != Kit {
		return fmt.Errorf("compile contract: filter %.40q is no dialect; use %q or %q", c.Filter, OpenRTB, Kit)
	}
	if c.Filter != "" && c.Version < 2 {
		return fmt.Errorf("compile contract: filter %q needs \"version\": 2, by whose rules its numbers are converted", c.Filter)
	}
	if len(c.Rates) > MaxRates {
		return fmt.Errorf("compile contract: %d rates, at most %d are held; keep those of the currencies that are asked in", len(c.Rates), MaxRates)
	}
	for cur, rate := range c.Rates {
		if !isCurrency(cur) || !(rate > 0) || !finite(float32(rate)) {
			return fmt.Errorf("compile contract: the rate of %.10q is %v; name currencies as in ISO 4217, and what one unit is worth in %s", cur, rate, c.currency())
		}
	}
	if !isCurrency(c.currency()) {
		return fmt.Errorf("compile contract: currency %.10q is none of ISO 4217; write it as EUR", c.Currency)
	}
	return nil
}

func isCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// builder gathers the features of a contract and one dictionary per source
// that is looked up.
type builder struct {
	known []source
	plan  *Plan

	rules *Contract // the contract without its features
	used  []reader
	steps []step
	cells int

	hashes int // of hash features that read the partner, too
}

func (b *builder) add(column int, f *Feature) error {
	if err := checkShape(f); err != nil {
		return err
	}
	var at []int
	for _, name := range f.Source {
		i, err := b.reader(name)
		if err != nil {
			return err
		}
		at = append(at, i)
	}
	s := step{column: column, first: at[0], second: -1}
	var err error
	switch f.Kind {
	case Number:
		if b.used[s.first].number == nil {
			return fmt.Errorf("source %q is a text; use kind %q or %q", f.Source[0], Index, Table)
		}
		s.plain = true
	case Index:
		err = b.index(&s, f)
	case Table:
		switch len(at) {
		case 1:
			err = b.table(&s, f)
		case 2:
			s.second = at[1]
			err = b.pairs(&s, f)
		default:
			err = b.tuples(&s, f, at)
		}
	case Hash:
		err = b.hash(&s, f, at)
	}
	b.steps = append(b.steps, s)
	return err
}

// checkShape tells apart the fields that a kind needs from those it must not
// have: a table in a number would be a mistake that changes scores silently.
func checkShape(f *Feature) error {
	switch f.Kind {
	case Number:
		if len(f.Vocabulary) > 0 || len(f.Table) > 0 || f.Default != nil {
			return fmt.Errorf("kind %q takes no vocabulary, table or default; remove them", Number)
		}
	case Index:
		if len(f.Vocabulary) == 0 || len(f.Table) > 0 || f.Default != nil {
			return fmt.Errorf("kind %q takes a vocabulary and neither table nor default", Index)
		}
	case Table:
		if len(f.Table) == 0 || len(f.Vocabulary) > 0 {
			return fmt.Errorf("kind %q takes a table and no vocabulary", Table)
		}
	case Hash:
		if len(f.Table) > 0 || f.Default != nil || f.Buckets < 2 || f.Buckets > MaxBuckets {
			return fmt.Errorf("kind %q takes 2 to %d buckets and neither table nor default", Hash, MaxBuckets)
		}
		if names := slices.Contains(f.Source, partnerSource); names != (len(f.Vocabulary) > 0) {
			return fmt.Errorf("kind %q takes a vocabulary where it reads the partner, of the partners to tell apart, and else none", Hash)
		}
	default:
		return fmt.Errorf("kind %q is unknown; use %q, %q, %q or %q", f.Kind, Number, Index, Table, Hash)
	}
	if f.Kind != Hash && f.Buckets != 0 {
		return fmt.Errorf("kind %q takes no buckets; remove them", f.Kind)
	}
	most := 1
	if f.Kind == Table || f.Kind == Hash {
		most = MaxParts
	}
	if len(f.Source) == 0 || len(f.Source) > most {
		return fmt.Errorf("it names %d sources; kind %q takes 1 to %d", len(f.Source), f.Kind, most)
	}
	for i, name := range f.Source {
		if slices.Contains(f.Source[:i], name) {
			return fmt.Errorf("it names source %q twice; name different ones", name)
		}
	}
	if f.Default != nil && !finite(*f.Default) {
		return errors.New("its default is not a finite number; leave it out for missing")
	}
	return nil
}

// reader returns where the source of that name is kept among those in use.
func (b *builder) reader(name string) (int, error) {
	for i := range b.used {
		if b.used[i].name == name {
			return i, nil
		}
	}
	for _, s := range b.known {
		if s.name == name {
			if len(b.used) == maxReaders {
				return 0, errTooManyReaders
			}
			b.used = append(b.used, newReader(s.within(b.plan)))
			return len(b.used) - 1, nil
		}
	}
	return 0, fmt.Errorf("source %q is unknown; use one of %s", name, strings.Join(Sources(), ", "))
}

func (b *builder) index(s *step, f *Feature) error {
	ids := make([]uint32, len(f.Vocabulary))
	seen := make(map[uint32]bool, len(ids))
	for i, key := range f.Vocabulary {
		id, err := b.used[s.first].learn(key)
		if err != nil {
			return err
		}
		if id == absentID {
			return errors.New("its vocabulary holds an empty value; absent is always missing, remove it")
		}
		if seen[id] {
			return fmt.Errorf("its vocabulary holds %q twice; remove one", key)
		}
		seen[id] = true
		ids[i] = id
	}
	s.other = float32(len(ids))
	if err := b.grow(s, b.used[s.first].size()); err != nil {
		return err
	}
	s.cells[absentID] = nan()
	for i, id := range ids {
		s.cells[id] = float32(i)
	}
	return nil
}

func (b *builder) table(s *step, f *Feature) error {
	values := make(map[uint32]float32, len(f.Table))
	for key, v := range f.Table {
		id, err := b.used[s.first].learn(key)
		if err != nil {
			return err
		}
		if err := set(values, id, key, v); err != nil {
			return err
		}
	}
	s.other = orMissing(f.Default)
	return b.lay(s, values)
}

// lay gives the step a cell for each value of its source.
func (b *builder) lay(s *step, values map[uint32]float32) error {
	if err := b.grow(s, b.used[s.first].size()); err != nil {
		return err
	}
	for id, v := range values {
		s.cells[id] = v
	}
	return nil
}

// pairs builds a table of two sources, laid out as a matrix where that is not
// much larger than the table itself, else as a map.
func (b *builder) pairs(s *step, f *Feature) error {
	values := make(map[uint64]float32, len(f.Table))
	for key, v := range f.Table {
		one, two, found := strings.Cut(key, "|")
		if !found {
			return fmt.Errorf("its table holds the key %q; two sources are joined by %q", key, "|")
		}
		i, err := b.used[s.first].learn(one)
		if err != nil {
			return err
		}
		j, err := b.used[s.second].learn(two)
		if err != nil {
			return err
		}
		if err := set(values, pair(i, j), key, v); err != nil {
			return err
		}
	}
	s.other = orMissing(f.Default)
	return b.layPairs(s, values)
}

// layPairs gives the step a cell for each pair of values.
func (b *builder) layPairs(s *step, values map[uint64]float32) error {
	s.width = b.used[s.second].size()
	if area := s.width * b.used[s.first].size(); area > 1<<12 && area > 8*len(values) {
		s.sparse = values
		return b.spend(8 * len(values))
	}
	if err := b.grow(s, s.width*b.used[s.first].size()); err != nil {
		return err
	}
	for id, v := range values {
		s.cells[int(id>>32)*s.width+int(uint32(id))] = v
	}
	return nil
}

// tuples builds a table of more sources. All but the partner are joined one
// after another into one, whose values are the tuples that the table knows.
func (b *builder) tuples(s *step, f *Feature, at []int) error {
	partner := slices.Index(f.Source, partnerSource)
	chain, err := b.joins(at, partner)
	if err != nil {
		return err
	}
	alone, paired := map[uint32]float32{}, map[uint64]float32{}
	for key, v := range f.Table {
		parts := strings.SplitN(key, "|", len(at))
		if len(parts) != len(at) {
			return fmt.Errorf("its table holds the key %q; %d sources are joined by %q", key, len(at), "|")
		}
		tuple, of, err := b.learnTuple(chain, at, partner, parts)
		if err != nil {
			return err
		}
		if partner < 0 {
			err = set(alone, tuple, key, v)
		} else {
			err = set(paired, pair(tuple, of), key, v)
		}
		if err != nil {
			return err
		}
	}
	s.first, s.other = chain[len(chain)-1], orMissing(f.Default)
	if partner < 0 {
		return b.lay(s, alone)
	}
	s.second = at[partner]
	return b.layPairs(s, paired)
}

// joins makes the readers that join all sources but the partner.
func (b *builder) joins(at []int, partner int) (chain []int, err error) {
	left := -1
	for i, reader := range at {
		switch {
		case i == partner:
		case left < 0:
			left = reader
		case len(b.used) == maxReaders:
			return nil, errTooManyReaders
		default:
			b.used = append(b.used, newJoin(left, reader))
			left = len(b.used) - 1
			chain = append(chain, left)
		}
	}
	return chain, nil
}

// learnTuple returns the identifier of a key's parts without the partner's, and
// the partner's.
func (b *builder) learnTuple(chain, at []int, partner int, parts []string) (tuple, of uint32, err error) {
	n := 0
	for i, part := range parts {
		id, err := b.used[at[i]].learn(part)
		switch {
		case err != nil:
			return 0, 0, err
		case i == partner:
			of = id
			continue
		case n == 0:
			tuple = id
		default:
			tuple = b.used[chain[n-1]].learnPair(tuple, id)
		}
		n++
	}
	return tuple, of, nil
}

// hash builds a crossing of sources into buckets. A partner is one of those in
// the vocabulary, or any other.
func (b *builder) hash(s *step, f *Feature, at []int) error {
	h := &hashing{buckets: uint64(f.Buckets)}
	partner := -1
	for i, reader := range at {
		if f.Source[i] == partnerSource {
			partner = reader
			continue
		}
		h.parts = append(h.parts, reader)
	}
	for _, name := range f.Vocabulary {
		if _, err := b.used[partner].learn(name); err != nil {
			return err
		}
	}
	if partner >= 0 {
		h.partners = make([]uint64, b.used[partner].size())
		h.partners[unknownID] = mixHash(unknownID)
		for _, name := range f.Vocabulary {
			h.partners[b.used[partner].ids[name]] = hashText(hashBasis, name)
		}
		for id := range h.partners { // those that other features know
			if h.partners[id] == 0 && id != absentID {
				h.partners[id] = h.partners[unknownID]
			}
		}
	}
	s.hash = h
	switch {
	case partner < 0:
		s.first = h.parts[0]
	case len(h.parts) == 0:
		s.first = partner
	default:
		s.first, s.second = h.parts[0], partner
		h.slot = b.hashes
		if b.hashes++; b.hashes > maxHashes {
			return fmt.Errorf("it is one of more than %d of kind %q that read the partner; keep the most useful", maxHashes, Hash)
		}
	}
	return b.spend(len(h.partners))
}

// set adds one entry of a table and refuses what would be ambiguous.
func set[K comparable](values map[K]float32, id K, key string, v float32) error {
	if !finite(v) {
		return fmt.Errorf("its table gives %q a value that is not a finite number; leave the key out for missing", key)
	}
	if _, twice := values[id]; twice {
		return fmt.Errorf("its table holds %q in two spellings; keep one", key)
	}
	values[id] = v
	return nil
}

// grow gives the step cells for every identifier known so far. A dictionary
// may grow later; identifiers beyond the cells read as not there.
func (b *builder) grow(s *step, cells int) error {
	if err := b.spend(cells); err != nil {
		return err
	}
	s.cells = slices.Repeat([]float32{s.other}, cells)
	return nil
}

func (b *builder) spend(cells int) error {
	if b.cells += cells; b.cells > maxCells {
		return fmt.Errorf("the lookups need more than %d numbers; put the features with the fewest values first, or keep only frequent values", maxCells)
	}
	return nil
}

func orMissing(v *float32) float32 {
	if v == nil {
		return nan()
	}
	return *v
}

func nan() float32 { return float32(math.NaN()) }

func absent(v float32) bool { return v != v }

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

func pair(i, j uint32) uint64 { return uint64(i)<<32 | uint64(j) }

// reader is a source together with the dictionary of the values that any
// feature looks up in it.
type reader struct {
	source
	ids     map[string]uint32
	numbers map[float32]uint32

	// Of one that joins two others: those, and the pairs that it knows.
	left, right int
	pairs       map[uint64]uint32
}

// Identifiers of the values that are in no dictionary.
const (
	absentID  = 0
	unknownID = 1
	firstID   = 2
)

func newReader(s source) reader {
	if s.number != nil {
		return reader{source: s, numbers: map[float32]uint32{}}
	}
	return reader{source: s, ids: map[string]uint32{}}
}

func newJoin(left, right int) reader {
	return reader{left: left, right: right, pairs: map[uint64]uint32{}}
}

// learnPair returns the identifier of two values together.
func (r *reader) learnPair(left, right uint32) uint32 {
	id, known := r.pairs[pair(left, right)]
	if !known {
		id = uint32(r.size())
		r.pairs[pair(left, right)] = id
	}
	return id
}

func (r *reader) size() int { return firstID + len(r.ids) + len(r.numbers) + len(r.pairs) }

// learn returns the identifier of a value as a contract spells it.
func (r *reader) learn(key string) (uint32, error) {
	if key == "" {
		return absentID, nil
	}
	if len(key) > MaxKeyBytes {
		return 0, fmt.Errorf("it holds a value of %d bytes, at most %d are allowed; drop it", len(key), MaxKeyBytes)
	}
	next := uint32(r.size())
	if r.number == nil {
		if id, ok := r.ids[key]; ok {
			return id, nil
		}
		r.ids[key] = next
		return next, nil
	}
	wide, err := strconv.ParseFloat(key, 32)
	v := float32(wide)
	if err != nil || !finite(v) {
		return 0, fmt.Errorf("it holds the value %q, but source %q is a number; write numbers only", key, r.name)
	}
	if id, ok := r.numbers[v]; ok {
		return id, nil
	}
	r.numbers[v] = next
	return next, nil
}
