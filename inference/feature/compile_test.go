package feature

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestCompileRefuses(t *testing.T) {
	hour := Feature{Name: "hour", Kind: Number, Source: []string{"hour"}}
	of := func(change func(*Feature)) Contract {
		f := Feature{Name: "f", Kind: Table, Source: []string{"partner"}, Table: map[string]float32{"a": 1}}
		change(&f)
		return Contract{Features: []Feature{hour, f}}
	}
	index := func(source string, vocabulary ...string) Contract {
		return Contract{Features: []Feature{{Name: "f", Kind: Index, Source: []string{source}, Vocabulary: vocabulary}}}
	}
	many := make([]string, MaxEntries+1)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	var crowd, greedy Contract
	for i := range MaxFeatures + 1 {
		crowd.Features = append(crowd.Features, Feature{Name: fmt.Sprint(i), Kind: Number, Source: []string{"hour"}})
	}
	greedy.Features = index("site.domain", many[:MaxEntries/2]...).Features
	for i := range 20 {
		greedy.Features = append(greedy.Features, Feature{Name: fmt.Sprint("g", i), Kind: Index, Source: []string{"site.domain"}, Vocabulary: []string{"1"}})
	}
	for _, tt := range []struct {
		c    Contract
		want string
	}{
		{Contract{}, "no features; list at least one"},
		{crowd, "513 features, at most 512"},
		{Contract{Features: []Feature{hour, hour}}, `"hour": the name is used twice; rename one`},
		{of(func(f *Feature) { f.Name = "" }), "feature 1: it has no name"},
		{of(func(f *Feature) { f.Name = strings.Repeat("x", 129) }), "feature 1: its name has 129 bytes"},
		{of(func(f *Feature) { f.Kind = "onehot" }), `feature "f": kind "onehot" is unknown; use "number", "index", "table" or "hash"`},
		{of(func(f *Feature) { f.Source = []string{"device.geo"} }), `source "device.geo" is unknown; use one of allimps, app.bundle, app.id,`},
		{of(func(f *Feature) { f.Source = nil }), "names 0 sources"},
		{of(func(f *Feature) { f.Source = Sources()[:MaxParts+1] }), "names 11 sources"},
		{of(func(f *Feature) { f.Source = []string{"hour", "hour"} }), `names source "hour" twice`},
		{of(func(f *Feature) { f.Kind = Number }), `kind "number" takes no vocabulary`},
		{of(func(f *Feature) { f.Kind, f.Table = Number, nil }), `source "partner" is a text`},
		{of(func(f *Feature) { f.Kind, f.Table = Index, nil }), `kind "index" takes a vocabulary`},
		{of(func(f *Feature) { f.Vocabulary = []string{"a"} }), `kind "table" takes a table and no vocabulary`},
		{of(func(f *Feature) { f.Table = nil }), `kind "table" takes a table`},
		{of(func(f *Feature) { f.Kind, f.Table, f.Buckets = Hash, nil, 1 }), `kind "hash" takes 2 to 16777216 buckets`},
		{of(func(f *Feature) { f.Default = ptr(float32(math.Inf(1))) }), "default is not a finite number"},
		{of(func(f *Feature) { f.Table["b"] = nan() }), `gives "b" a value that is not a finite number`},
		{of(func(f *Feature) { f.Source = []string{"partner", "hour"} }), `key "a"; two sources are joined by "|"`},
		{of(func(f *Feature) { f.Source, f.Table = []string{"hour"}, map[string]float32{"noon": 1} }), `value "noon", but source "hour" is a number`},
		{of(func(f *Feature) { f.Source, f.Table = []string{"hour"}, map[string]float32{"1": 1, "1.0": 1} }), "in two spellings"},
		{of(func(f *Feature) { f.Table[strings.Repeat("x", MaxKeyBytes+1)] = 1 }), "value of 1025 bytes"},
		{index("partner", "a", "b", "a"), `vocabulary holds "a" twice`},
		{index("hour", "1", "1e0"), `vocabulary holds "1e0" twice`},
		{index("partner", "a", ""), "holds an empty value"},
		{index("hour", "NaN"), `value "NaN", but source`},
		{index("site.domain", many...), "1048577 entries in vocabularies and tables"},
		{greedy, `feature "g6": the lookups need more than 4194304 numbers`},
	} {
		if _, err := tt.c.Compile(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

func TestSourcesFitTheScratch(t *testing.T) {
	names := Sources()
	if len(names) > maxReaders || !slices.IsSorted(names) || len(slices.Compact(names)) != len(names) {
		t.Errorf("%d sources, room for %d: %q", len(names), maxReaders, names)
	}
	for _, s := range bound() {
		if s.text != nil == (s.number != nil) && s.name != partnerSource {
			t.Errorf("%s is neither text nor number", s.name)
		}
	}
}

// plainly is the contract as its comment says it, in the slowest way.
func plainly(f Feature, r *Request, partner string) float32 {
	read := func(name string) (string, float32) {
		for _, s := range bound() {
			switch {
			case s.name != name:
			case s.number != nil:
				v := s.number(r)
				if v != v {
					return "", v
				}
				return strconv.FormatFloat(float64(v), 'g', -1, 32), v
			case s.text != nil:
				return s.text(r), 0
			}
		}
		return partner, 0
	}
	value, number := read(f.Source[0])
	switch f.Kind { //nolint:exhaustive // FuzzCrosses has hashes
	case Number:
		return number
	case Index:
		if value == "" {
			return nan()
		}
		if i := slices.Index(f.Vocabulary, value); i >= 0 {
			return float32(i)
		}
		return float32(len(f.Vocabulary))
	case Table:
		if len(f.Source) == 2 {
			second, _ := read(f.Source[1])
			value += "|" + second
		}
		if v, ok := f.Table[value]; ok {
			return v
		}
	}
	return orMissing(f.Default)
}

// Whatever the contract and whatever the request, all ways of reading a row
// give what the contract says.
func FuzzExtract(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(2))
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		c := randomContract(rng)
		e, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		partners := []string{randomText(rng), randomText(rng), randomText(rng)}
		r := randomRequest(rng)
		n := e.Len()
		all, one, parts := make([]float32, n*len(partners)), make([]float32, n), make([]float32, n)
		e.ExtractPartners(all, &r, partners...)
		var a Auction
		e.Begin(&a, parts, &r)
		for i, p := range partners {
			e.Extract(one, &r, p)
			key := e.Partner(p)
			if n := e.Partners(); n > 0 && int(key) >= n {
				t.Fatalf("partner %q has key %d of %d", p, key, n)
			}
			e.ExtractPartner(parts, key)
			e.ExtractBoth(&a, parts, key)
			for j, feature := range c.Features {
				want := plainly(feature, &r, p)
				if !same(one[j], want) || !same(parts[j], want) || !same(all[i*n+j], want) {
					b, _ := json.Marshal(feature)
					t.Fatalf("%s of %+v and %q: Extract %v, parts %v, partners %v, want %v", b, r, p, one[j], parts[j], all[i*n+j], want)
				}
			}
		}
	})
}

// What is said to be decided by one side does not change with the other.
func FuzzDependence(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(2))
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		c := randomContract(rng)
		e, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		first, second := randomRequest(rng), randomRequest(rng)
		names := []string{randomText(rng), randomText(rng)}
		rows := make([][]float32, 4) // of both partners for the first request, then for the second
		for i := range rows {
			rows[i] = make([]float32, e.Len())
			e.Extract(rows[i], []*Request{&first, &second}[i/2], names[i%2])
		}
		for column := range c.Features {
			request, partner := e.Dependence(column)
			if !request && !same(rows[0][column], rows[2][column]) || !partner && !same(rows[0][column], rows[1][column]) {
				t.Fatalf("%+v depends on %v and %v: %v", c.Features[column], request, partner, rows)
			}
			reads := slices.Contains(c.Features[column].Source, partnerSource)
			if partner != reads || request != (len(c.Features[column].Source) > 1 || !reads) {
				t.Fatalf("%+v depends on %v and %v", c.Features[column], request, partner)
			}
		}
		if e.Partner(names[0]) == e.Partner(names[1]) && !sameRow(rows[0], rows[1]) {
			t.Fatalf("partners of one key differ: %v", rows)
		}
	})
}

func randomText(rng *rand.Rand) string { return strings.Repeat("x", rng.IntN(40)) }

func randomNumber(rng *rand.Rand) float32 {
	if rng.IntN(4) == 0 {
		return nan()
	}
	return float32(rng.IntN(9)) / 2
}

func randomRequest(rng *rand.Rand) Request {
	r := Absent()
	r.GeoCountry, r.SiteDomain = randomText(rng), randomText(rng)
	r.Hour, r.DeviceType = randomNumber(rng), randomNumber(rng)
	return r
}

func randomContract(rng *rand.Rand) Contract {
	names := []string{"partner", "device.geo.country", "site.domain", "hour", "device.devicetype"}
	value := func(source string) string {
		if source != "hour" && source != "device.devicetype" {
			return randomText(rng)
		}
		if v := randomNumber(rng); v == v {
			return strconv.FormatFloat(float64(v), 'g', -1, 32)
		}
		return ""
	}
	var c Contract
	for i := range 1 + rng.IntN(12) {
		rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		f := Feature{Name: fmt.Sprint(i), Kind: Table, Source: slices.Clone(names[:1+rng.IntN(2)]), Table: map[string]float32{}}
		switch rng.IntN(4) {
		case 0:
			f = Feature{Name: f.Name, Kind: Number, Source: []string{[]string{"hour", "device.devicetype"}[rng.IntN(2)]}}
		case 1:
			f = Feature{Name: f.Name, Kind: Index, Source: f.Source[:1]}
			for range 1 + rng.IntN(20) {
				if v := value(f.Source[0]); v != "" && !slices.Contains(f.Vocabulary, v) {
					f.Vocabulary = append(f.Vocabulary, v)
				}
			}
			if f.Vocabulary == nil {
				f.Vocabulary = []string{"3"}
			}
		default:
			for range 1 + rng.IntN(1000) {
				key := value(f.Source[0])
				if len(f.Source) == 2 {
					key += "|" + value(f.Source[1])
				}
				f.Table[key] = rng.Float32()
			}
			if rng.IntN(2) == 0 {
				f.Default = ptr(rng.Float32())
			}
		}
		c.Features = append(c.Features, f)
	}
	return c
}

func BenchmarkExtractPartners(b *testing.B) {
	e, err := example().Compile()
	if err != nil {
		b.Fatal(err)
	}
	r := wholeRequest()
	partners := make([]string, 20)
	for i := range partners {
		partners[i] = fmt.Sprintf("dsp-%02d", i)
	}
	dst := make([]float32, len(partners)*e.Len())
	for b.Loop() {
		e.ExtractPartners(dst, &r, partners...)
	}
}
