package feature

import (
	"errors"
	"fmt"
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

	maxCells = 1 << 22 // numbers in the lookups of all features together: 16 MB
)

// Compile checks the contract and returns what reads rows by it. The error
// names the feature and says what would help.
func (c Contract) Compile() (*Extractor, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	b := builder{known: sources()}
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
	if entries > MaxEntries {
		return fmt.Errorf("compile contract: %d entries in vocabularies and tables, at most %d are held; keep only frequent values", entries, MaxEntries)
	}
	return nil
}

// builder gathers the features of a contract and one dictionary per source
// that is looked up.
type builder struct {
	known []source
	used  []reader
	steps []step
	cells int
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
		if len(at) == 2 {
			s.second = at[1]
			err = b.pairs(&s, f)
		} else {
			err = b.table(&s, f)
		}
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
	default:
		return fmt.Errorf("kind %q is unknown; use %q, %q or %q", f.Kind, Number, Index, Table)
	}
	most := 1
	if f.Kind == Table {
		most = 2
	}
	if len(f.Source) == 0 || len(f.Source) > most {
		return fmt.Errorf("it names %d sources; kind %q takes 1 to %d", len(f.Source), f.Kind, most)
	}
	if len(f.Source) == 2 && f.Source[0] == f.Source[1] {
		return fmt.Errorf("it names source %q twice; name two different ones", f.Source[0])
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
			b.used = append(b.used, newReader(s))
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
	if err := b.grow(s, b.used[s.first].size()); err != nil {
		return err
	}
	for id, v := range values {
		s.cells[id] = v
	}
	return nil
}

// pairs builds a table of two sources: a matrix where that is not much larger
// than the table itself, else a map.
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

func (r *reader) size() int { return firstID + len(r.ids) + len(r.numbers) }

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
