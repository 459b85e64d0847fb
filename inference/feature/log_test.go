package feature

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// When an auction was, in whichever unit somebody logs it. 1795350772846 is a
// Sunday, 12:32:52.846.
func TestMoments(t *testing.T) {
	for ts, want := range map[string]int64{
		`1795350772846`: 1795350772846, `"1795350772846"`: 1795350772846, `1795350772846.0`: 1795350772846,
		`1795350772`: 1795350772000, `1795350772.846`: 1795350772846, `"1795350772"`: 1795350772000,
		`1795350772846123`: 1795350772846, `1795350772846123456`: 1795350772846,
		`"2026-11-22T12:32:52Z"`: 1795350772000, `"2026-11-22T14:32:52.846+02:00"`: 1795350772846,
		`null`: 0, `0`: 0, `"1970-01-01T00:00:00Z"`: 0, `"5138-11-16T09:46:39.999Z"`: 99999999999999, `100000000`: 100000000000, `100000000000`: 100000000000,
	} {
		l, err := ParseLine([]byte(`{"ts":` + ts + `,"request":{},"partners":["a"]}`))
		if err != nil || l.TS != want {
			t.Errorf("%s: got %d, %v, want %d", ts, l.TS, err, want)
		}
		if again, err := milliseconds(fmt.Append(nil, l.TS)); err != nil || again != want {
			t.Errorf("%s: read again it is %d, %v, want %d", ts, again, err, want)
		}
	}
	if l, err := ParseLine([]byte(`{"request":{},"partners":["a"]}`)); err != nil || l.TS != 0 {
		t.Errorf("no ts: %+v, %v", l, err)
	}
	for _, ts := range []string{
		`-1`, `99999999`, `1e30`, `"yesterday"`, `true`, `{}`, `[1795350772846]`, `"NaN"`, `""`,
		`"0001-01-01T00:00:00Z"`, `"1970-01-01T00:00:00.5Z"`, `"1971-06-01T05:00:00Z"`, `"9999-12-31T23:00:00Z"`,
	} {
		if l, err := ParseLine([]byte(`{"ts":` + ts + `,"request":{},"partners":["a"]}`)); err == nil || !strings.Contains(err.Error(), "its ts is "+ts) {
			t.Errorf("%s: got %d, %v", ts, l.TS, err)
		}
	}
}

// OpenRTB 3.0 is refused by its name, wherever it stands.
func TestRefusesOpenRTB3(t *testing.T) {
	const inner = `{"id":"1","item":[{"id":"1"}],"context":{"site":{}}}`
	for _, line := range []string{
		`{"openrtb":{"ver":"3.0","domainspec":"adcom","request":` + inner + `}}`,
		`{"ts":0,"request":{"openrtb":{"ver":"3.0"}},"partners":["a"]}`,
		inner, `{"request":` + inner + `,"partners":["a"]}`,
		`{"request":"{\"openrtb\":{}}","partners":["a"]}`,
	} {
		if _, err := ParseLine([]byte(line)); err == nil || !strings.Contains(err.Error(), "OpenRTB 3.0") {
			t.Errorf("%s: %v", line, err)
		}
	}
	if _, err := ParseLine([]byte(`{"id":"1","imp":[],"item":[]}`)); err != nil {
		t.Errorf("2.6 with an attribute of its own: %v", err)
	}
}

// A bare request asks its seats, each once.
func TestSeats(t *testing.T) {
	l, err := ParseLine([]byte(`{"id":"1","WSeat":["a","","b"],"wseat":["b","c","b"],"imp":[{"pmp":{"deals":{"wseat":"d"}}},7,{"pmp":[{"deals":[{"wseat":[1,"c"]}]}]}]}`))
	if err != nil || !slices.Equal(l.Partners, []string{"b", "c", "d", "1"}) {
		t.Errorf("got %q, %v", l.Partners, err)
	}
}

// A log as it comes: bad lines cost nobody else anything, and none is lost
// without a word.
func TestRowsSkips(t *testing.T) {
	c := Contract{Features: []Feature{{Name: "floor", Kind: Number, Source: []string{"imp.bidfloor"}}, {Name: "hour", Kind: Number, Source: []string{"hour"}}}}
	log := "\ufeff" + `{"ts":1795350772,"request":{"imp":{"bidfloor":1}},"partners":["a","b","a"],"bidders":["b"]}` + "\r\n\n" +
		"nothing\n" +
		`{"id":"bare","imp":[{"bidfloor":2}],"wseat":["c"]}` + "\n" +
		`{"id":"nobody","imp":[]}` + "\n" +
		strings.Repeat("x", MaxLineBytes+1) + "\n" +
		`{"openrtb":{}}` + "\n" +
		`{"request":"{\"imp\":[{\"bidfloor\":3}]}","partners":"a"}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, log)
	_ = z.Close()
	for name, in := range map[string]io.Reader{"plain": strings.NewReader(log), "gzip": &zipped} {
		var out bytes.Buffer
		did, err := Rows(&out, in, c, Reading{})
		if err != nil || did.Lines != 7 || did.Taken != 3 || did.Skipped != 4 || did.Rows != 4 || did.Timeless != 2 {
			t.Fatalf("%s: %+v, %v", name, did, err)
		}
		var named []string
		for _, n := range did.Named {
			named = append(named, fmt.Sprint(n.Line, " ", n.Reason))
		}
		for i, want := range []string{`3 "nothing" is no JSON`, "5 it names no partners", "6 it has more than 2097152 bytes", "7 it is OpenRTB 3.0"} {
			if !strings.HasPrefix(named[i], want) {
				t.Errorf("%s: %q, want %q", name, named[i], want)
			}
		}
		_, partners, rows, keys := read(t, out.Bytes())
		want := [][]float32{{1, 12}, {1, 12}, {2, nan()}, {3, nan()}}
		for i := range want {
			if !sameRow(rows[i], want[i]) {
				t.Errorf("%s: row %d is %v, want %v", name, i, rows[i], want[i])
			}
		}
		if !slices.Equal(partners, []string{"a", "b", "c"}) || keys[0][0] != 0 || keys[2][0] != 3 || keys[3][0] != 7 || keys[0][2] != 0 || keys[1][2] != 1 || keys[2][2] == keys[2][2] {
			t.Errorf("%s: partners %q, keys %v", name, partners, keys)
		}
	}
}

// Names of one's own take the place of those in the log.
func TestRowsOfPartnerNames(t *testing.T) {
	c := Contract{Features: []Feature{{Name: "floor", Kind: Number, Source: []string{"imp.bidfloor"}}}}
	var out bytes.Buffer
	did, err := Rows(&out, strings.NewReader(`{"request":{},"partners":["a"],"bidders":["a","x"]}`+"\n"+`{"id":"1"}`), c, Reading{PartnerNames: []string{"x", "y", "x"}})
	if err != nil || did.Rows != 4 {
		t.Fatal(did, err)
	}
	if _, partners, _, keys := read(t, out.Bytes()); !slices.Equal(partners, []string{"x", "y"}) || keys[0][2] != 1 || keys[1][2] != 0 {
		t.Errorf("partners %q, keys %v", partners, keys)
	}
}

// What would take a time that nobody has is refused by its number.
func TestRowsBounds(t *testing.T) {
	c := Contract{Features: []Feature{{Name: "floor", Kind: Number, Source: []string{"imp.bidfloor"}}}}
	list := func(n int) string { return `["a"` + strings.Repeat(`,"a"`, n-1) + `]` }
	for line, want := range map[string]string{
		`{"request":{},"partners":["a"],"bidders":` + list(MaxAuctionPartners) + `}`:   "",
		`{"request":{},"partners":["a"],"bidders":` + list(MaxAuctionPartners+1) + `}`: "it names 1025 bidders, at most 1024 are read",
		`{"request":{},"partners":` + list(MaxAuctionPartners+1) + `}`:                 "it asks 1025 partners, at most 1024 are read",
	} {
		if _, err := ParseLine([]byte(line)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, n := range []int{MaxAuctionPartners, MaxAuctionPartners + 1} {
		_, err := Rows(io.Discard, strings.NewReader(`{"request":{}}`), c, Reading{PartnerNames: slices.Repeat([]string{"a"}, n)})
		if refused := err != nil && strings.Contains(err.Error(), "--partner-names holds 1025 names"); refused != (n > MaxAuctionPartners) || !refused && err != nil {
			t.Errorf("%d names: %v", n, err)
		}
	}
	const line = `{"request":{},"partners":["a"]}`
	for n, taken := range map[int]int64{MaxLineBytes: 1, MaxLineBytes + 1: 0} {
		did, _ := Rows(io.Discard, strings.NewReader(line+strings.Repeat(" ", n-len(line)-1)+"\n"), c, Reading{}) // an error where none is taken
		if did.Taken != taken {
			t.Errorf("of a line of %d bytes: %+v", n, did)
		}
	}
	did, err := Rows(io.Discard, strings.NewReader(line+strings.Repeat("\nnothing", maxNamed+1)), c, Reading{})
	if err != nil || did.Skipped != maxNamed+1 || len(did.Named) != maxNamed {
		t.Errorf("%d of %d lines are named, %v", len(did.Named), did.Skipped, err)
	}
}
