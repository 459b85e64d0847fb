package feature

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

// What a call of filter says to contracts of each dialect: day, hour, device
// type, price, region. The rows are missing where it is no number.
func TestFilterDialects(t *testing.T) {
	sources := []string{"dayofweek", "hour", "device.devicetype", "imp.bidfloor"}
	compile := func(version int, dialect Dialect) *Extractor {
		c := Contract{Version: version, Filter: dialect}
		for _, name := range sources {
			c.Features = append(c.Features, Feature{Name: name, Kind: Number, Source: []string{name}})
		}
		e, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	before, plain, kit := compile(0, ""), compile(2, ""), compile(2, Kit)
	const all = StrayDay | StrayHour | StrayDevice | StrayPrice
	for _, tt := range []struct {
		call               string
		before, plain, kit string
		strays, kitStrays  Stray
	}{
		{`{"dayOfWeek":7,"hour":"13","deviceTypeId":3,"biddingPrice":300}`, "[7 13 3 300]", "[NaN 13 3 300]", "[6 13 2 3]", StrayDay, 0},
		{`{"dayOfWeek":1,"hour":"0","deviceTypeId":0,"biddingPrice":0}`, "[1 0 0 0]", "[1 0 NaN 0]", "[0 0 4 0]", StrayDevice, 0},
		{`{"dayOfWeek":0,"hour":"7.5","deviceTypeId":1,"biddingPrice":-1}`, "[0 7.5 1 -1]", "[0 NaN 1 NaN]", "[NaN NaN 1 NaN]", StrayHour | StrayPrice, StrayDay | StrayHour | StrayPrice},
		{`{"deviceTypeId":2,"dayOfWeek":"6"}`, "[6 NaN 2 0]", "[6 NaN 2 NaN]", "[5 NaN 6 NaN]", 0, 0},
		{`{"deviceTypeId":4,"hour":""}`, "[0 NaN 4 0]", "[NaN NaN 4 NaN]", "[NaN NaN NaN NaN]", 0, 0},
		{`{"deviceTypeId":5,"hour":7}`, "[0 7 5 0]", "[NaN 7 5 NaN]", "[NaN 7 NaN NaN]", 0, 0},
		{`{}`, "[0 NaN 0 0]", "[NaN NaN NaN NaN]", "[NaN NaN NaN NaN]", 0, 0},
		{`{"dayOfWeek":8,"hour":"24","deviceTypeId":9,"biddingPrice":-9223372036854775808}`, "[8 NaN 9 -9.223372e+18]", "[NaN NaN NaN NaN]", "[NaN NaN NaN NaN]", all, all},
		{`{"dayOfWeek":3e9,"deviceTypeId":{},"biddingPrice":1e30}`, "[0 NaN 0 0]", "[NaN NaN NaN NaN]", "[NaN NaN NaN NaN]", 0, 0},
	} {
		for name, by := range map[string]struct {
			e      *Extractor
			want   string
			strays Stray
		}{"no version": {before, tt.before, 0}, "openrtb": {plain, tt.plain, tt.strays}, "kit": {kit, tt.kit, tt.kitStrays}} {
			r, err := by.e.ParseJSON([]byte(`{"filter":` + tt.call + `}`))
			if err != nil {
				t.Fatal(err)
			}
			row := make([]float32, len(sources))
			by.e.Extract(row, &r, "")
			if got := fmt.Sprint(row); got != by.want || by.e.Strays(&r) != by.strays {
				t.Errorf("%s, %s: %s, strays %b, want %s, %b", name, tt.call, got, by.e.Strays(&r), by.want, by.strays)
			}
		}
	}
}

// A log of calls of filter is trained on as one of auctions: each asks its
// advertiser, and says itself when it was.
func TestRowsOfFilter(t *testing.T) {
	c := Contract{Version: 2, Filter: Kit, Features: []Feature{
		{Name: "day", Kind: Number, Source: []string{"dayofweek"}},
		{Name: "region", Kind: Index, Source: []string{"device.geo.region"}, Vocabulary: []string{"216"}},
		{Name: "browser", Kind: Index, Source: []string{"ua.browser"}, Vocabulary: []string{"chrome"}},
	}}
	log := `{"ts":1795350772846,"filter":{"dayOfWeek":7,"regionId":216,"advertiserId":"1458","userAgent":"Chrome/1"},"bidders":["1458"]}` + "\n" +
		`{"filter":{"dayOfWeek":1,"advertiserId":3358},"partners":["3358","x"]}` + "\n" +
		`{"filter":7,"partners":["a"]}` + "\n" + `{"filter":{}}`
	var out bytes.Buffer
	did, err := Rows(&out, strings.NewReader(log), c, Reading{})
	if err != nil || did.Rows != 3 || did.Skipped != 2 || did.Timeless != 0 {
		t.Fatalf("%+v, %v", did, err)
	}
	_, partners, rows, _ := read(t, out.Bytes())
	for i, want := range [][]float32{{6, 0, 0}, {0, nan(), nan()}, {0, nan(), nan()}} {
		if !sameRow(rows[i], want) {
			t.Errorf("row %d is %v, want %v", i, rows[i], want)
		}
	}
	if fmt.Sprint(partners) != "[1458 3358 x]" {
		t.Errorf("partners %q", partners)
	}
}

// Calls read by another dialect than theirs are counted: a smartphone and a
// Saturday of the kit are nothing of OpenRTB's.
func TestRowsCountsStrays(t *testing.T) {
	const log = `{"filter":{"dayOfWeek":7,"deviceTypeId":0,"advertiserId":"a"}}` + "\n" + `{"filter":{"dayOfWeek":6,"deviceTypeId":4,"advertiserId":"a"}}` + "\n" + `{"request":{},"partners":["a"]}`
	for dialect, want := range map[Dialect]int64{OpenRTB: 1, Kit: 0} {
		c := Contract{Version: 2, Filter: dialect, Features: []Feature{{Name: "day", Kind: Number, Source: []string{"dayofweek"}}}}
		if did, err := Rows(io.Discard, strings.NewReader(log), c, Reading{}); err != nil || did.Taken != 3 || did.Strays != want {
			t.Errorf("%s: %+v, %v", dialect, did, err)
		}
	}
}

// A request may have an attribute of its own that is called filter: it stays a
// request, to training as to those who send it.
func TestRequestsWithAFilter(t *testing.T) {
	c := Contract{Features: []Feature{{Name: "floor", Kind: Number, Source: []string{"imp.bidfloor"}}, {Name: "hour", Kind: Number, Source: []string{"hour"}}}}
	const own = `{"id":"1","imp":[{"bidfloor":2}],"filter":{"level":3},"wseat":["a"]}`
	log := own + "\n" + `{"ts":1795350772,"request":` + own + `,"filter":null,"partners":["a"]}` + "\n" +
		`{"request":{"filter":{}},"partners":["a"]}` + "\n" +
		`{"request":null,"filter":{"hour":"7","biddingPrice":1,"advertiserId":"a"}}` + "\n" +
		`{"filter":{"advertiserId":"a"},"request":{"imp":[]},"partners":["a"]}`
	var out bytes.Buffer
	did, err := Rows(&out, strings.NewReader(log), c, Reading{})
	if err != nil || did.Taken != 4 || did.Timeless != 2 || len(did.Named) != 1 || !strings.Contains(did.Named[0].Reason, "a request and a call of filter") {
		t.Fatalf("%+v, %v", did, err)
	}
	_, _, rows, _ := read(t, out.Bytes())
	for i, want := range [][]float32{{2, nan()}, {2, 12}, {nan(), nan()}, {1, 7}} {
		if !sameRow(rows[i], want) {
			t.Errorf("row %d is %v, want %v", i, rows[i], want)
		}
	}
	e, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{own, `{"imp":{"bidfloor":2},"ext":{"filter":{}}}`} {
		if r, err := e.ParseJSON([]byte(request)); err != nil || r.Filter.Asked || r.ImpBidfloor != 2 {
			t.Errorf("%s: %+v, %v", request, r, err)
		}
	}
}

func TestRulesRefuses(t *testing.T) {
	hour := []Feature{{Name: "hour", Kind: Number, Source: []string{"hour"}}}
	for _, tt := range []struct {
		c    Contract
		want string
	}{
		{Contract{Version: 3}, "version 3 is unknown; use 2"},
		{Contract{Version: -1}, "version -1 is unknown"},
		{Contract{Filter: Kit}, `filter "kit" needs "version": 2`},
		{Contract{Version: 2, Filter: "spark"}, `filter "spark" is no dialect; use "openrtb" or "kit"`},
		{Contract{Currency: "euro"}, `currency "euro" is none of ISO 4217`},
		{Contract{Rates: map[string]float64{"EUR": 0}}, `the rate of "EUR" is 0`},
		{Contract{Rates: map[string]float64{"eur": 1}}, `the rate of "eur" is 1`},
		{Contract{Rates: map[string]float64{"EUR": 1e300}}, `the rate of "EUR" is 1e+300`},
	} {
		tt.c.Features = hour
		if _, err := tt.c.Compile(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// An infinite floor, which only a Thrift client can send, is what it was to
// contracts of before, and missing to others.
func TestVersionsOfInfinity(t *testing.T) {
	for version, want := range []float32{float32(math.Inf(1)), float32(math.Inf(1)), nan()} {
		e, err := Contract{Version: version, Features: []Feature{{Name: "f", Kind: Number, Source: []string{"imp.bidfloor"}}}}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		r, row := Absent(), make([]float32, 1)
		r.ImpBidfloor = float32(math.Inf(1))
		if e.Extract(row, &r, ""); !same(row[0], want) {
			t.Errorf("version %d reads %v, want %v", version, row[0], want)
		}
	}
}
