package feature

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// What a bound names is taken still; one more is refused.
func TestBounds(t *testing.T) {
	hours := func(n int) (c Contract) {
		for i := range n {
			c.Features = append(c.Features, Feature{Name: fmt.Sprint(i), Kind: Number, Source: []string{"hour"}})
		}
		return c
	}
	keys := make([]string, MaxEntries+1)
	for i := range keys {
		keys[i] = strconv.Itoa(i)
	}
	table := map[string]float32{"a": 1, "b": 1}
	entries := func(n int) Contract { // two of them in a table
		return Contract{Features: []Feature{
			{Name: "t", Kind: Table, Source: []string{"partner"}, Table: table},
			{Name: "i", Kind: Index, Source: []string{"site.domain"}, Vocabulary: keys[:n-len(table)]},
		}}
	}
	hashes := func(n, buckets int) (c Contract) {
		for i := range n {
			c.Features = append(c.Features, Feature{Name: fmt.Sprint(i), Kind: Hash, Source: []string{"hour", "partner"}, Vocabulary: keys[:1], Buckets: buckets})
		}
		return c
	}
	compile := func(c Contract) error { _, err := c.Compile(); return err }
	request := func(body string) error { _, err := ParseJSON([]byte(body)); return err }
	for _, tt := range []struct {
		name string
		most int
		read func(n int) error
	}{
		{"features", MaxFeatures, func(n int) error { return compile(hours(n)) }},
		{"entries", MaxEntries, func(n int) error { return compile(entries(n)) }},
		{"buckets", MaxBuckets, func(n int) error { return compile(hashes(1, n)) }},
		{"hashes of the partner", maxHashes, func(n int) error { return compile(hashes(n, 2)) }},
		{"rates", MaxRates, func(n int) error {
			c := hours(1)
			c.Rates = map[string]float64{}
			for i := range n {
				c.Rates["A"+string([]byte{'A' + byte(i/26), 'A' + byte(i%26)})] = 1
			}
			return compile(c)
		}},
		{"bytes of a name", MaxNameBytes, func(n int) error {
			return compile(Contract{Features: []Feature{{Name: strings.Repeat("x", n), Kind: Number, Source: []string{"hour"}}}})
		}},
		{"bytes of a key", MaxKeyBytes, func(n int) error {
			return compile(Contract{Features: []Feature{{Name: "f", Kind: Index, Source: []string{"partner"}, Vocabulary: []string{strings.Repeat("x", n)}}}})
		}},
		{"bytes of a request", MaxRequestBytes, func(n int) error { return request("{" + strings.Repeat(" ", n-2) + "}") }},
		{"impressions", MaxImps, func(n int) error { return request(`{"imp": [{}` + strings.Repeat(", {}", n-1) + "]}") }},
		{"partners", MaxAuctionPartners, func(n int) error {
			_, err := ParseLine([]byte(`{"request": {}, "partners": ["a"` + strings.Repeat(`, "a"`, n-1) + "]}"))
			return err
		}},
	} {
		if err := tt.read(tt.most); err != nil {
			t.Errorf("%d %s: %v", tt.most, tt.name, err)
		}
		if tt.read(tt.most+1) == nil {
			t.Errorf("%d %s are taken", tt.most+1, tt.name)
		}
	}
}

// A table that holds few of its pairs is not laid out as a matrix.
func TestSparsePairs(t *testing.T) {
	f := Feature{Name: "f", Kind: Table, Source: []string{"partner", "site.domain"}, Table: map[string]float32{}}
	for i := range 4000 {
		f.Table[fmt.Sprintf("p%d|d%d", i, i)] = float32(i)
	}
	e, err := Contract{Features: []Feature{f}}.Compile() // 16 million cells as a matrix
	if err != nil {
		t.Fatal(err)
	}
	r, row := Absent(), make([]float32, 1)
	r.SiteDomain = "d3999"
	if e.Extract(row, &r, "p3999"); row[0] != 3999 {
		t.Errorf("the last pair reads %v", row[0])
	}
}

// A partner that the first feature reads is one like any other.
func TestPartnerFirst(t *testing.T) {
	e, err := Contract{Features: []Feature{
		{Name: "rate", Kind: Table, Source: []string{"partner"}, Table: map[string]float32{"acme": .25}},
		{Name: "hour", Kind: Number, Source: []string{"hour"}},
		{Name: "pairs", Kind: Table, Source: []string{"hour", "partner"}, Table: map[string]float32{"7|acme": 5}},
	}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if request, partner := e.Dependence(0); request || !partner {
		t.Errorf("the rate depends on the request: %v, on the partner: %v", request, partner)
	}
	if n := e.Partners(); n != 3 { // acme, others, and none
		t.Errorf("%d partners, want 3", n)
	}
	if request, partner := e.Dependence(2); !request || !partner {
		t.Errorf("pairs depend on the request: %v, on the partner: %v", request, partner)
	}
	rows, r := make([]float32, 6), Absent()
	r.Hour = 7
	e.ExtractPartners(rows, &r, "other", "acme")
	if want := []float32{nan(), 7, nan(), .25, 7, 5}; !sameRow(rows, want) {
		t.Errorf("got %v, want %v", rows, want)
	}
}

// Values that only later features know are in no cell of a matrix, nor in that
// of another row.
func TestMatrixOfEarlierValues(t *testing.T) {
	e, err := Contract{Features: []Feature{
		{Name: "pairs", Kind: Table, Source: []string{"partner", "device.geo.country"}, Table: map[string]float32{"acme|": 7, "beta|": 7, "acme|FRA": 1}},
		{Name: "country", Kind: Index, Source: []string{"device.geo.country"}, Vocabulary: []string{"USA"}},
		{Name: "partner", Kind: Index, Source: []string{"partner"}, Vocabulary: []string{"gamma"}},
	}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		partner, country string
		want             float32
	}{
		{"acme", "USA", nan()}, {"beta", "USA", nan()}, {"gamma", "", nan()}, {"acme", "FRA", 1}, {"acme", "", 7}, {"beta", "", 7},
	} {
		r, row := Absent(), make([]float32, 3)
		r.GeoCountry = tt.country
		if e.Extract(row, &r, tt.partner); !same(row[0], tt.want) {
			t.Errorf("%s in %q reads %v, want %v", tt.partner, tt.country, row[0], tt.want)
		}
	}
}

// Whole numbers are cut off, and absent beyond their type, to the last one that
// it holds.
func TestWholeNumbers(t *testing.T) {
	for text, want := range map[string]struct{ whole, wide string }{
		"7.9": {"7", "7"}, "-7.9": {"-7", "-7"}, `" 7 "`: {"7", "7"}, "true": {"1", "1"}, "1.5e3": {"1500", "1500"}, "{}": {"", ""},
		"2147483647.9": {"2147483647", "2147483647"}, "2147483648": {"", "2147483648"},
		"-2147483648.9": {"-2147483648", "-2147483648"}, "-2147483649": {"", "-2147483649"},
		"9223372036854775807": {"", "9223372036854775807"}, "9223372036854775808": {"", ""}, "-9.223372036854775808e18": {"", "-9223372036854775808"}, "-9.3e18": {"", ""},
	} {
		whole, long := "", ""
		if n, ok := Whole([]byte(text)); ok {
			whole = fmt.Sprint(n)
		}
		if v, ok := Wide([]byte(text)); ok {
			long = fmt.Sprint(v)
		}
		if whole != want.whole || long != want.wide {
			t.Errorf("%s: %q and %q, want %q and %q", text, whole, long, want.whole, want.wide)
		}
	}
}

// Hours are numbers from 0 up to 24, however they are written.
func TestHourOf(t *testing.T) {
	for text, want := range map[string]float32{
		"0": 0, "9": 9, "00": 0, "09": 9, "23": 23, "0.0": 0, "23.5": 23.5, "1e1": 10,
		"": nan(), "24": nan(), "24.0": nan(), "-1": nan(), "/": nan(), ":": nan(), "1:": nan(), "/1": nan(), "noon": nan(),
	} {
		if got := HourOf(text); !same(got, want) {
			t.Errorf("%q is the hour %v, want %v", text, got, want)
		}
	}
}

// Identifiers may be numbers, whatever they begin with.
func TestNumbersAreTexts(t *testing.T) {
	for _, id := range []string{"0", "9", "-1", "10"} {
		r, err := ParseJSON([]byte(`{"app": {"id": ` + id + `}}`))
		if err != nil || r.AppID != id {
			t.Errorf("app %s reads %q, %v", id, r.AppID, err)
		}
	}
}

// Impressions have identifiers that are unique, as OpenRTB wants them: from 1.
func TestImpressionsAreNumbered(t *testing.T) {
	r := Absent()
	r.ImpCount = 3
	if got, want := string(MarshalOpenRTB(r)), `"imp":[{"id":"1"},{"id":"2"},{"id":"3"}]`; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
