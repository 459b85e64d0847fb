package feature

import (
	"math"
	"strings"
	"testing"
)

func same(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b }

func sameRow(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// bound are the sources within a plan of all of them.
func bound() (all []source) {
	p := &Plan{}
	for _, s := range sources(&Contract{}) {
		all = append(all, s.within(p))
	}
	return all
}

func ptr(v float32) *float32 { return &v }

// example uses every kind, and pairs in both orders, dense and sparse.
func example() Contract {
	wide := map[string]float32{}
	for i := range 200 {
		wide["p"+strings.Repeat("x", i)+"|"+strings.Repeat("y", i)] = float32(i)
	}
	return Contract{Features: []Feature{
		{Name: "floor", Kind: Number, Source: []string{"imp.bidfloor"}},
		{Name: "country", Kind: Index, Source: []string{"device.geo.country"}, Vocabulary: []string{"DEU", "USA"}},
		{Name: "type", Kind: Index, Source: []string{"device.devicetype"}, Vocabulary: []string{"4", "2.0"}},
		{Name: "rate", Kind: Table, Source: []string{"partner"}, Table: map[string]float32{"acme": .25}, Default: ptr(.5)},
		{Name: "rate country", Kind: Table, Source: []string{"partner", "device.geo.country"}, Table: map[string]float32{"acme|FRA": .125, "acme|": 7}},
		{Name: "rate type", Kind: Table, Source: []string{"device.devicetype", "partner"}, Table: map[string]float32{"2|acme": .75}, Default: ptr(-1)},
		{Name: "by country", Kind: Table, Source: []string{"device.geo.country"}, Table: map[string]float32{"USA": 3, "": 9}},
		{Name: "wide", Kind: Table, Source: []string{"partner", "site.domain"}, Table: wide, Default: ptr(-7)},
	}}
}

func TestExtract(t *testing.T) {
	e, err := example().Compile()
	if err != nil {
		t.Fatal(err)
	}
	missing := nan()
	for _, tt := range []struct {
		name    string
		change  func(*Request)
		partner string
		want    []float32
	}{
		{"nothing known", func(*Request) {}, "", []float32{missing, missing, missing, .5, missing, -1, 9, -7}},
		{"partner only", func(*Request) {}, "acme", []float32{missing, missing, missing, .25, 7, -1, 9, -7}},
		{"known", func(r *Request) { r.GeoCountry, r.DeviceType, r.ImpBidfloor = "USA", 2, 1.5 }, "acme", []float32{1.5, 1, 1, .25, missing, .75, 3, -7}},
		{"learned by another feature", func(r *Request) { r.GeoCountry = "FRA" }, "acme", []float32{missing, 2, missing, .25, .125, -1, missing, -7}},
		{"never seen", func(r *Request) { r.GeoCountry, r.DeviceType = "AUT", 9 }, "other", []float32{missing, 2, 2, .5, missing, -1, missing, -7}},
		{"sparse pair", func(r *Request) { r.SiteDomain = "yy" }, "pxx", []float32{missing, missing, missing, .5, missing, -1, 9, 2}},
	} {
		r := Absent()
		tt.change(&r)
		got := make([]float32, e.Len())
		e.Extract(got, &r, tt.partner)
		if !sameRow(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAbsentIsAllMissing(t *testing.T) {
	r := Absent()
	for _, s := range bound() {
		if s.text != nil && s.text(&r) != "" || s.number != nil && s.number(&r) == s.number(&r) {
			t.Errorf("%s is not absent", s.name)
		}
	}
}

func TestExtractDoesNotAllocate(t *testing.T) {
	e, err := example().Compile()
	if err != nil {
		t.Fatal(err)
	}
	r := Absent()
	r.GeoCountry = "USA"
	partners := []string{"acme", "other", "pxx"}
	dst := make([]float32, len(partners)*e.Len())
	if n := testing.AllocsPerRun(100, func() {
		e.Extract(dst, &r, "acme")
		var a Auction
		e.Begin(&a, dst, &r)
		e.ExtractPartner(dst, e.Partner("acme"))
		e.ExtractBoth(&a, dst, e.Partner("acme"))
		e.ExtractPartners(dst, &r, partners...)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
