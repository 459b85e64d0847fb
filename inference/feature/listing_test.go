package feature

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
)

// A log of every kind of line, and the one form of those that are taken.
func TestAuctions(t *testing.T) {
	log := "\ufeff" + `{"ts":1795350772,"request":{"id":1,"imp":{"banner":{}}},"partners":["a","b","a"],"bidders":["b"],"prices":["x"],"cur":"EUR"}` + "\r\n\n" +
		"nothing\n" +
		`{"id":"bare` + "\xff" + `","imp":[{"bidfloor":2}],"wseat":["c"]}` + "\n" +
		`{"openrtb":{}}` + "\n" +
		"{\"request\":\"{\\\"id\\\":\\\"<\\\"}\",\"partners\":\"a\xff\"}\n" +
		`{"id":"nobody","imp":[]}` + "\n" +
		`{"request":{"imp":[` + strings.Repeat("{},", MaxImps) + `{}]},"partners":["a"]}` + "\n" +
		`{"filter":{"advertiserId":"a","deviceTypeId":0},"bidders":[]}`
	var out bytes.Buffer
	did, err := Auctions(&out, strings.NewReader(log), Listing{Values: []string{"imp.format", "partner", "device.devicetype", "dayofweek"}, Filter: Kit})
	if err != nil || did.Lines != 8 || did.Taken != 4 || did.Skipped != 4 || did.Timeless != 2 || did.Calls != 1 {
		t.Fatalf("%+v, %v", did, err)
	}
	want := `{"ts":1795350772000,"request":{"id":1,"imp":{"banner":{}}},"partners":["a","b"],"bidders":["b"]}
{"ts":0,"request":{"id":"bare` + "\ufffd" + `","imp":[{"bidfloor":2}],"wseat":["c"]},"partners":["c"],"bidders":null}
{"ts":0,"request":{"id":"<"},"partners":["a` + "\ufffd" + `"],"bidders":null}
{"ts":0,"request":null,"partners":["a"],"bidders":[],"filter":{"advertiserId":"a","deviceTypeId":0}}
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	values := "map[dayofweek:map[0:1] device.devicetype:map[4:1] imp.format:map[banner:1] partner:map[a:2 a\ufffd:1 b:1 c:1]]"
	if got := fmt.Sprint(did.Values); got != values {
		t.Errorf("got  %s\nwant %s", got, values)
	}
	named := fmt.Sprint(did.Named)
	for _, part := range []string{`{3 "nothing" is no JSON object}`, "{5 it is OpenRTB 3.0", "{7 it names no partners", "{8 parse bid request: it holds 257 impressions"} {
		if !strings.Contains(named, part) {
			t.Errorf("%q is not in %s", part, named)
		}
	}
}

// Rows of the one form are those of the log, and it is its own form.
func TestAuctionsMakeTheSameRows(t *testing.T) {
	var log strings.Builder
	for _, doc := range []string{rich, `{"imp":{"bidfloor":"1.5","secure":true,"banner":[{"w":300.7,"format":{"w":1}}]},"APP":{"Bundle":7}}`, `{"id":"1","id":2,"device":{"geo":[{"country":"de"}]}}`, `"{}"`} {
		doc = strings.ReplaceAll(doc, "\n", "")
		fmt.Fprintf(&log, "{\"ts\":\"2026-11-22T12:32:52Z\",\"request\":%s,\"partners\":\"a\",\"bidders\":[\"a\"]}\n", doc)
	}
	log.WriteString("{\"filter\":{\"hour\":\"3\",\"advertiserId\":\"b\",\"biddingPrice\":7}}\n{\"id\":\"\xff\",\"imp\":[{\"tagid\":\"\xff\xff\"}],\"wseat\":\"b\"}\n")
	c := Contract{Version: 2}
	for _, s := range Vocabulary() {
		f := Feature{Name: s.Name, Kind: Number, Source: []string{s.Name}}
		if s.Text {
			f.Kind, f.Buckets = Hash, MaxBuckets
		}
		if s.Name == partnerSource {
			f.Vocabulary = []string{"a"}
		}
		c.Features = append(c.Features, f)
	}
	rows := func(log string) []byte {
		var out bytes.Buffer
		if _, err := Rows(&out, strings.NewReader(log), c, Reading{}); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	form := func(log string) string {
		var out strings.Builder
		if did, err := Auctions(&out, strings.NewReader(log), Listing{}); err != nil || did.Skipped > 0 {
			t.Fatalf("%+v, %v", did, err)
		}
		return out.String()
	}
	one := form(log.String())
	if one == log.String() || form(one) != one {
		t.Error("the form of the form is another")
	}
	if !bytes.Equal(rows(one), rows(log.String())) {
		t.Error("the form makes other rows")
	}
}

// Values stay what they are when the next line is read.
func TestAuctionsKeepValues(t *testing.T) {
	log := `{"request":{"imp":[{"banner":{"w":300,"h":250}}],"site":{"page":"https://WWW.one.example/"}},"partners":"a"}
{"request":{"imp":[{"banner":{"w":728,"h":90}}],"site":{"page":"https://two.example/"}},"partners":"a"}
`
	did, err := Auctions(&bytes.Buffer{}, strings.NewReader(log), Listing{Values: []string{"imp.size", "page.domain"}})
	if got := fmt.Sprint(did.Values, err); got != "map[imp.size:map[300x250:1 728x90:1] page.domain:map[one.example:1 two.example:1]] <nil>" {
		t.Error(got)
	}
}

// What is counted can be a vocabulary: no number stands there in two spellings.
func TestAuctionsCountVocabularies(t *testing.T) {
	var log strings.Builder
	for _, floor := range []string{"-0.0", "0", `"-0"`, "1e-3", "0.001", "1"} {
		fmt.Fprintf(&log, "{\"imp\":{\"bidfloor\":%s},\"wseat\":\"a\"}\n", floor)
	}
	did, err := Auctions(io.Discard, strings.NewReader(log.String()), Listing{Values: []string{"imp.bidfloor"}})
	if err != nil || fmt.Sprint(did.Values) != "map[imp.bidfloor:map[0:3 0.001:2 1:1]]" {
		t.Fatal(did.Values, err)
	}
	f := Feature{Name: "floor", Kind: Index, Source: []string{"imp.bidfloor"}}
	for value := range did.Values["imp.bidfloor"] {
		f.Vocabulary = append(f.Vocabulary, value)
	}
	if _, err := (Contract{Version: 2, Features: []Feature{f}}).Compile(); err != nil {
		t.Error(err)
	}
}

// What is counted is bounded, and its names are checked.
func TestAuctionsRefuses(t *testing.T) {
	user := Listing{Values: []string{"user.id"}, People: true}
	full := lister{to: bufio.NewWriter(io.Discard), values: MaxValues - 1, listed: Listed{Values: map[string]map[string]int64{}}}
	if err := full.open(user); err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, nil, errTooManyValues} {
		line := fmt.Sprintf(`{"request":{"user":{"id":"%d"}},"partners":"a"}`, i/2)
		if err := full.line([]byte(line)); !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), "than 262144 with source user.id; leave it out, or hash it") {
			t.Errorf("line %d: %v, want %v", i, err, want)
		}
	}
	long := fmt.Sprintf(`{"request":{"user":{"id":"%s"}},"partners":"a"}`, strings.Repeat("x", MaxKeyBytes+1))
	if did, err := Auctions(&bytes.Buffer{}, strings.NewReader(long), user); err != nil || !maps.Equal(did.Values["user.id"], map[string]int64{}) {
		t.Errorf("a long value: %v, %v", did.Values, err)
	}
	for want, o := range map[string]Listing{
		`source "user.ids" is unknown`: {Values: []string{"user.ids"}},
		`filter "spark" is no dialect`: {Filter: "spark"},
	} {
		if _, err := Auctions(&bytes.Buffer{}, strings.NewReader(long), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, empty := range []string{"", "\n", "x\n"} {
		if _, err := Auctions(&bytes.Buffer{}, strings.NewReader(empty), Listing{}); err == nil {
			t.Errorf("%q is a log", empty)
		}
	}
}
