package feature

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// read is what a trainer does: map the rows, trust nothing else.
func read(t *testing.T, file []byte) (features []string, partners []string, rows [][]float32, keys [][3]float64) {
	t.Helper()
	var head struct{ Features []string }
	var tail struct {
		Rows     int
		Partners []string
	}
	start := bytes.IndexByte(file, '\n') + 1
	end := int(binary.LittleEndian.Uint64(file[len(file)-8:]))
	if err := errors.Join(json.Unmarshal(file[:start], &head), json.Unmarshal(file[end:len(file)-8], &tail)); err != nil {
		t.Fatal(err)
	}
	size := 16 + 4*len(head.Features)
	if start%64 != 0 || end-start != tail.Rows*size {
		t.Fatalf("header of %d bytes, %d bytes of rows, %d rows of %d", start, end-start, tail.Rows, size)
	}
	for b := file[start:end]; len(b) > 0; b = b[size:] {
		auction := int64(binary.LittleEndian.Uint64(b))
		partner := binary.LittleEndian.Uint32(b[8:])
		label := math.Float32frombits(binary.LittleEndian.Uint32(b[12:]))
		keys = append(keys, [3]float64{float64(auction), float64(partner), float64(label)})
		row := make([]float32, len(head.Features))
		for i := range row {
			row[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[16+4*i:]))
		}
		rows = append(rows, row)
	}
	return head.Features, tail.Partners, rows, keys
}

func TestRows(t *testing.T) {
	c := Contract{Features: []Feature{
		{Name: "hour", Kind: Number, Source: []string{"hour"}},
		{Name: "day", Kind: Number, Source: []string{"dayofweek"}},
		{Name: "floor", Kind: Number, Source: []string{"imp.bidfloor"}},
		{Name: "partner", Kind: Index, Source: []string{"partner"}, Vocabulary: []string{"b"}},
	}}
	at := time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC).UnixMilli() // a Saturday
	var log bytes.Buffer
	for _, l := range []Line{
		{TS: at, Request: json.RawMessage(`{"imp":[{"bidfloor":0.1}]}`), Partners: []string{"a", "b"}, Bidders: []string{"b"}},
		{TS: 0, Request: json.RawMessage(`{}`), Partners: []string{"b", "c"}, Bidders: []string{}},
		{TS: 0, Request: json.RawMessage(`{}`), Partners: []string{"c"}},
	} {
		b, _ := json.Marshal(l)
		log.Write(append(b, '\n'))
	}
	var out bytes.Buffer
	did, err := Rows(&out, &log, c, Reading{})
	if err != nil || did.Rows != 5 || did.Taken != 3 || did.Timeless != 2 {
		t.Fatal(did, err)
	}
	features, partners, rows, keys := read(t, out.Bytes())
	if !slices.Equal(features, []string{"hour", "day", "floor", "partner"}) || !slices.Equal(partners, []string{"a", "b", "c"}) {
		t.Errorf("features %q, partners %q", features, partners)
	}
	nan := nan()
	want := [][]float32{{23, 6, .1, 1}, {23, 6, .1, 0}, {nan, nan, nan, 0}, {nan, nan, nan, 1}, {nan, nan, nan, 1}}
	for i := range want {
		if !sameRow(rows[i], want[i]) {
			t.Errorf("row %d is %v, want %v", i, rows[i], want[i])
		}
	}
	if !slices.Equal(keys[:4], [][3]float64{{0, 0, 0}, {0, 1, 1}, {1, 1, 0}, {1, 2, 0}}) || !math.IsNaN(keys[4][2]) {
		t.Errorf("keys %v", keys)
	}
}

func TestRowsRefuses(t *testing.T) {
	c := Contract{Features: []Feature{{Name: "hour", Kind: Number, Source: []string{"hour"}}}}
	good := `{"request":{},"partners":["a"],"bidders":[]}` + "\n"
	for _, tt := range []struct{ in, want string }{
		{good + "x\n", `line 2 of the log: "x" is no JSON object`},
		{good + "{\n", "line 2 of the log: it is no valid JSON"},
		{good + `{"request":{},"partners":["a"],"bidders":["b"]}`, `line 2 of the log: bidder "b" is not among its partners`},
		{`{"partners":["a"]}`, "neither id nor imp"},
		{good + strings.Repeat(" ", MaxLineBytes+1), "line 2 of the log: it has more than"},
		{`{"request":{},"partners":["a"` + strings.Repeat(`,"a"`, MaxAuctionPartners) + `]}`, "1025 partners, at most 1024"},
	} {
		if _, err := Rows(&bytes.Buffer{}, strings.NewReader(tt.in), c, Reading{Strict: true}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.50s: got %v, want %q", tt.in, err, tt.want)
		}
	}
	if _, err := Rows(full{}, strings.NewReader(good), c, Reading{}); err == nil || err.Error() != "write rows: disk full" {
		t.Errorf("a full disk: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// Whatever the log, Rows either says which line it cannot read or writes a file
// whose parts fit together; and of its one form the same rows come.
func FuzzRows(f *testing.F) {
	f.Add([]byte(`{"ts":1,"request":{"imp":[{"bidfloor":1}]},"partners":["a","b"],"bidders":["b"]}` + "\n"))
	f.Add([]byte(`{"request":{},"partners":["a","a",""],"bidders":null}` + "\n{}\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		var out bytes.Buffer
		did, err := Rows(&out, bytes.NewReader(log), example(), Reading{})
		if err != nil {
			if !strings.Contains(err.Error(), "the log") {
				t.Fatal(err)
			}
			return
		}
		if _, _, rows, _ := read(t, out.Bytes()); int64(len(rows)) != did.Rows || did.Lines != did.Taken+did.Skipped {
			t.Fatalf("%d rows: %+v", len(rows), did)
		}
		var one, again bytes.Buffer
		if listed, err := Auctions(&one, bytes.NewReader(log), Listing{}); err != nil || listed.Taken != did.Taken {
			t.Fatalf("%+v, %v, where rows were made of %d", listed, err, did.Taken)
		}
		if same, err := Rows(&again, &one, example(), Reading{}); err != nil || same.Rows != did.Rows || same.Skipped != 0 {
			t.Fatalf("%+v, %v, where %d rows were made", same, err, did.Rows)
		}
	})
}
