package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

func header() Header {
	return Header{Program: "v1", Rollout: "ads-7", Chunk: 3, Policy: judge.Policy{Margin: .02, Intended: .1 + .2}}
}

func begin(t testing.TB) *Writer {
	t.Helper()
	w, err := New(header())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func written(t testing.TB, w *Writer) []byte {
	t.Helper()
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read returns all looks of a chunk.
func read(chunk []byte) (found []Look, err error) {
	c, err := Open("chunk", chunk)
	if err != nil {
		return nil, err
	}
	for look, err := range c.Looks() {
		if err != nil {
			return found, err
		}
		found = append(found, look)
	}
	return found, nil
}

// looks of a small rollout, in which partners come and lists shrink.
func looks(n int) []Look {
	var found []Look
	t := newTraffic(3, 7)
	for i := range n {
		s := t.look()
		switch i {
		case 1:
			s.Streams, s.Partners = s.Streams[:3], s.Partners[:1]
		case 2:
			s.Problems, s.Loudest = []string{"task a counts backwards", ""}, []judge.Cluster{}
		case 3:
			s.Streams[1].Served.D, s.Streams[1].Served.Q = math.Inf(-1), math.Copysign(0, -1)
			s.Streams[2].Pairs.FF, s.Streams[2].Served.D = math.NaN(), 1<<52
			s.At = time.Date(1, 1, 1, 0, 0, 0, 1, time.FixedZone("", -3600))
		case 4:
			s.Streams, s.Partners, s.Answered[0] = nil, []judge.Partner{}, math.MinInt64
		}
		found = append(found, Look{Number: i + 5, Digest: Digest{Outcome: judge.Unsure, SHA256: strings.Repeat("ab", 32)}, Statistics: s})
	}
	return found
}

// same compares bit for bit: NaN with NaN, and 0 not with -0.
func same(a, b any) bool {
	return fmt.Sprintf("%#v", bitsOf(reflect.ValueOf(a))) == fmt.Sprintf("%#v", bitsOf(reflect.ValueOf(b)))
}

// bitsOf flattens a value to what is comparable in it.
func bitsOf(v reflect.Value) any {
	if t, ok := v.Interface().(time.Time); ok {
		return t.Format(time.RFC3339Nano)
	}
	var parts []any
	switch v.Kind() { //nolint:exhaustive // all others are compared as they are
	case reflect.Float64:
		return math.Float64bits(v.Float())
	case reflect.Struct:
		for i := range v.NumField() {
			parts = append(parts, bitsOf(v.Field(i)))
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			return "nil"
		}
		for i := range v.Len() {
			parts = append(parts, bitsOf(v.Index(i)))
		}
	default:
		return v.Interface()
	}
	return parts
}

func TestLooksComeBackBitForBit(t *testing.T) {
	w := begin(t)
	want := looks(9)
	for _, l := range want {
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	chunk := written(t, w)
	got, err := read(chunk)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d looks came back, not %d", len(got), len(want))
	}
	for i := range want {
		if !same(got[i], want[i]) {
			t.Errorf("look %d came back as\n%+v, not\n%+v", i, got[i], want[i])
		}
	}
	c, err := Open("chunk", chunk)
	h := header()
	h.Format, h.First, h.Count = Format, 5, 9
	if err != nil || !reflect.DeepEqual(c.Header, h) {
		t.Errorf("header %+v, %v; want %+v", c.Header, err, h)
	}
}

// TestTimesComeBack keeps every moment and every zone that there can be.
func TestTimesComeBack(t *testing.T) {
	w := begin(t)
	var want []Look
	for i, at := range []time.Time{
		time.Unix(-1, 999_999_999).UTC(),
		time.Unix(1, 0).In(time.FixedZone("", 86400)),
		time.Unix(1e9, 999_999_999).In(time.FixedZone("", -86400)),
	} {
		want = append(want, Look{Number: 1 + i, Statistics: judge.Statistics{At: at}})
		if err := w.Append(want[i]); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := read(written(t, w)); err != nil || !same(got, want) {
		t.Errorf("%+v came back, %v; want %+v", got, err, want)
	}
}

// TestResume continues a chunk as if nothing had happened, without looks that
// were noted and never acted on.
func TestResume(t *testing.T) {
	all := looks(9)
	straight, broken := begin(t), begin(t)
	for _, l := range all {
		if err := straight.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range all[:6] {
		if err := broken.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	resumed, err := Resume("chunk", written(t, broken), all[3].Number)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all[4:] {
		if err := resumed.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(written(t, straight), written(t, resumed)) {
		t.Error("a chunk that was continued differs from one that was written at once")
	}
}

func TestAppendRefuses(t *testing.T) {
	w := begin(t)
	all := looks(2)
	if err := w.Append(all[0]); err != nil {
		t.Fatal(err)
	}
	before := written(t, w)
	if err := w.Append(all[0]); err == nil || err.Error() != "note look 5: the last one noted is 5" {
		t.Errorf("the same look is noted twice: %v", err)
	}
	long := all[1]
	long.Statistics.Problems = []string{strings.Repeat("x", maxText+1)}
	if err := w.Append(long); err == nil {
		t.Error("a text without bound is noted")
	}
	if !bytes.Equal(before, written(t, w)) {
		t.Error("what was refused has changed the chunk")
	}
	good := begin(t)
	for _, l := range all {
		if err := good.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	after := *w
	if err := after.Append(all[1]); err != nil || !bytes.Equal(written(t, good), written(t, &after)) {
		t.Errorf("what was refused has changed what comes after it: %v", err)
	}
	for i := 0; ; i++ {
		l := all[1]
		l.Number += i
		err := w.Append(l)
		if errors.Is(err, ErrFull) && i == maxLooks-1 && !w.Takes("v1", header().Policy) {
			if found, err := read(written(t, w)); err != nil || len(found) != maxLooks {
				t.Errorf("%d looks come out of a full chunk: %v", len(found), err)
			}
			return
		}
		if err != nil || i >= maxLooks {
			t.Fatalf("look %d: %v", i, err)
		}
	}
}

// TestAsMuchAsFits notes and reads a look that is as large as one may be.
func TestAsMuchAsFits(t *testing.T) {
	w, l := begin(t), Look{Number: 1}
	if err := w.Append(l); err != nil {
		t.Fatal(err)
	}
	l.Number = 2
	l.Statistics.Problems = make([]string, maxLeaves-w.encoder.leaves)
	l.Statistics.Problems[7] = strings.Repeat("x", maxText)
	if err := w.Append(l); err != nil {
		t.Fatal(err)
	}
	got, err := read(written(t, w))
	if err != nil || len(got) != 2 || !slices.Equal(got[1].Statistics.Problems, l.Statistics.Problems) {
		t.Fatalf("%d looks came back: %v", len(got), err)
	}
	l.Number, l.Statistics.Problems = 3, append(l.Statistics.Problems, "")
	if err := w.Append(l); err == nil || !strings.Contains(err.Error(), "the look holds more than 1048576 numbers") {
		t.Errorf("one number more is noted: %v", err)
	}
}

// A chunk is full at so many bytes, however few looks they are, and not before.
func TestFullOfBytes(t *testing.T) {
	w := begin(t)
	for i := 0; ; i++ {
		unpacked, look := w.bytes, Look{Number: 1 + i}
		for range 8 {
			look.Statistics.Problems = append(look.Statistics.Problems, fmt.Sprint(i, strings.Repeat("x", maxText-10)))
		}
		err := w.Append(look)
		if errors.Is(err, ErrFull) != (unpacked >= fullBytes) || err != nil && !errors.Is(err, ErrFull) {
			t.Fatalf("look %d after %d bytes: %v", i, unpacked, err)
		}
		if w.Takes("v1", header().Policy) != (w.bytes < fullBytes) {
			t.Fatalf("%d bytes, takes another look %v", w.bytes, w.Takes("v1", header().Policy))
		}
		if err != nil {
			return
		}
		if held := (i + 1) * 8 * (maxText - 10); w.bytes < held {
			t.Fatalf("%d bytes are told of at least %d", w.bytes, held)
		}
	}
}

// A chunk that holds all the bytes that it may, and not one more, is full.
func TestFullToTheByte(t *testing.T) {
	w, look := begin(t), Look{Number: 1}
	for w.bytes+maxText < fullBytes {
		look.Statistics.Problems = []string{fmt.Sprint(look.Number, strings.Repeat("x", maxText/2))}
		if err := w.Append(look); err != nil {
			t.Fatal(err)
		}
		look.Number++
	}
	trial := *w
	look.Statistics.Problems = []string{strings.Repeat("y", maxText/2)} // as many bytes tell its length as of any below
	if err := trial.Append(look); err != nil {
		t.Fatal(err)
	}
	look.Statistics.Problems[0] += strings.Repeat("y", fullBytes-trial.bytes)
	if err := w.Append(look); err != nil {
		t.Fatal(err)
	}
	look.Number++
	if err := w.Append(look); w.bytes != fullBytes || w.Takes("v1", header().Policy) || !errors.Is(err, ErrFull) {
		t.Errorf("with %d bytes of %d it takes another look: %v", w.bytes, fullBytes, err)
	}
}

// Floats that are not whole take their eight bytes, and whole ones as few as
// they change by.
func TestBytesOfFloats(t *testing.T) {
	w := begin(t)
	append := func(n int, d float64) (grown int) {
		l, before := Look{Number: n}, w.bytes
		l.Statistics.Streams = make([]judge.Stream, 1)
		l.Statistics.Streams[0].Served.D = d
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
		return w.bytes - before
	}
	append(1, 1e6)
	quiet := append(2, 1e6)
	if got := append(3, 1e6+30); got != quiet {
		t.Errorf("30 more take %d bytes, nothing %d", got, quiet)
	}
	if got := append(4, 1e6+.5); got != quiet+8 {
		t.Errorf("a half more takes %d bytes, nothing %d", got, quiet)
	}
}

func TestTakes(t *testing.T) {
	w, p := begin(t), header().Policy
	if !w.Takes("v1", p) {
		t.Error("a fresh chunk takes no look")
	}
	if w.Takes("v2", p) {
		t.Error("a chunk takes looks of two programs")
	}
	p.IntendedPartners = map[string]float64{}
	if !w.Takes("v1", p) {
		t.Error("no partners are other than none")
	}
	if p.Margin = .03; w.Takes("v1", p) {
		t.Error("a chunk takes looks of two policies")
	}
	if p.Margin = math.NaN(); w.Takes("v1", p) {
		t.Error("a chunk takes looks of no policy")
	}
}

// TestDamage cuts a chunk off everywhere, and turns every byte around: that is
// seen, or does no harm.
func TestDamage(t *testing.T) {
	w := begin(t)
	whole := looks(3)
	for _, l := range whole {
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	chunk := written(t, w)
	for i := range chunk {
		if _, err := read(chunk[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut off after %d of %d bytes: %v", i, len(chunk), err)
		}
		if i < 10 {
			continue // gzip does not protect the name and time in its header
		}
		bad := bytes.Clone(chunk)
		bad[i] ^= 0x5a
		if found, err := read(bad); !errors.Is(err, ErrDamaged) && (err != nil || !same(found, whole)) {
			t.Fatalf("byte %d turned around: %v", i, err)
		}
	}
	_, err := Open("fleets/ads/looks/ads-7/000003", chunk[:len(chunk)-9])
	want := "read fleets/ads/looks/ads-7/000003, with looks 5 to 7 of ads-7,: the chunk is damaged: restore an earlier version of the object, or do without its looks: unexpected EOF"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestShort packs a chunk anew without its end, as a program would that stops in
// the middle: its checksum is right, and that it is not whole is told, with what
// it was to hold.
func TestShort(t *testing.T) {
	w := begin(t)
	for _, l := range looks(3) {
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	whole := unpack(t, written(t, w))
	for n := 0; n < len(whole); n += 1 + (len(whole)-n)/50 { // closer and closer to the end
		_, err := Open("chunk", pack(t, whole[:n]))
		if !errors.Is(err, ErrDamaged) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(whole), err)
		}
		if header := bytes.IndexByte(whole, '\n'); n > header && !strings.HasPrefix(err.Error(), "read chunk, with looks 5 to 7 of ads-7,: ") {
			t.Fatalf("the first %d of %d bytes: %v", n, len(whole), err)
		}
		if n == 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("nothing at all: %v", err)
		}
	}
}

// TestNotWhole reads chunks whose checksum is right and that hold something else
// than their header says.
func TestNotWhole(t *testing.T) {
	empty := written(t, begin(t))
	w := begin(t)
	for _, l := range looks(2) {
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	two := written(t, w)
	line, _, _ := bytes.Cut(unpack(t, two), []byte{'\n'})
	list := []byte(`{"format":1,"looks":1,"schema":{"kind":"record","parts":[{"kind":"list","parts":[{"kind":"bool"}]}]}}` + "\n" +
		"\x00\x00" + "\x03\x81\x80\x40\x00" + "\x80\x80\x40") // of 2^20 elements
	for _, tt := range []struct {
		what  string
		chunk []byte
		want  string // the error's end
	}{
		{"nothing, whole", empty, ""},
		{"nothing, cut off", empty[:len(empty)-1], "read chunk: " + ErrDamaged.Error() + ": unexpected EOF"},
		{"fewer looks", rewrite(t, two, func(f map[string]any) { f["looks"] = 3 }), "a column is too short"},
		{"looks below none", rewrite(t, two, func(f map[string]any) { f["looks"] = -1 }), "it cannot hold -1 looks"},
		{"other looks", rewrite(t, two, func(f map[string]any) { f["first"] = 6 }), "look 6 has the number 5"},
		{"more", pack(t, unpack(t, two), []byte{0}), "there is more in it than its schema says"},
		{"much more", pack(t, line, []byte{'\n'}, make([]byte, maxBytes-maxHeader)), "it unpacks to more than 66060288 bytes"},
		{"one number too many in a look", pack(t, list, make([]byte, maxLeaves), []byte{0}), "a look holds more than 1048576 numbers"},
		{"a line without end", pack(t, bytes.Repeat([]byte{' '}, maxHeader+8192)), "its header does not end"},
	} {
		_, err := read(tt.chunk)
		if (err == nil) != (tt.want == "") || err != nil && (!errors.Is(err, ErrDamaged) || !strings.HasSuffix(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.want)
		}
	}
}

// rewrite changes the JSON that a chunk begins with.
func rewrite(t testing.TB, chunk []byte, change func(f map[string]any)) []byte {
	t.Helper()
	line, rest, _ := bytes.Cut(unpack(t, chunk), []byte("\n"))
	var f map[string]any
	if err := json.Unmarshal(line, &f); err != nil {
		t.Fatal(err)
	}
	change(f)
	line, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return pack(t, line, []byte{'\n'}, rest)
}

func pack(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if _, err := z.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unpack(t testing.TB, chunk []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(chunk))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// TestOtherFields reads what a program with other fields has written.
func TestOtherFields(t *testing.T) {
	w := begin(t)
	want := looks(1)[0]
	if err := w.Append(want); err != nil {
		t.Fatal(err)
	}
	renamed := rewrite(t, written(t, w), func(f map[string]any) {
		for _, part := range f["schema"].(map[string]any)["parts"].([]any) {
			if p := part.(map[string]any); p["name"] == "statistics" {
				for _, part := range p["parts"].([]any) {
					p := part.(map[string]any)
					if p["name"] == "streams" || p["name"] == "answered" {
						p["name"] = "old_" + p["name"].(string)
					}
					if p["name"] == "served" {
						p["kind"] = "int"
					}
					if p["name"] == "problems" {
						p["parts"] = []any{map[string]any{"kind": "bool"}}
					}
				}
			}
		}
	})
	c, err := Open("chunk", renamed)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Strange, " "); got != "statistics.served statistics.problems statistics.old_streams statistics.old_answered" {
		t.Errorf("strange fields: %s", got)
	}
	got, err := read(renamed)
	want.Statistics.Served, want.Statistics.Problems, want.Statistics.Streams, want.Statistics.Answered = false, nil, nil, [judge.Arms]int64{}
	if err != nil || len(got) != 1 || !same(got[0], want) {
		t.Errorf("read %+v, %v", got, err)
	}
	if _, err := Resume("chunk", renamed, 100); err == nil {
		t.Error("a chunk with other fields is continued")
	}
	newer := rewrite(t, renamed, func(f map[string]any) { f["format"] = Format + 1 })
	if _, err := Open("chunk", newer); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("a newer format: %v", err)
	}
}

// TestSize keeps an hour's looks at a hundred partners, every one of which
// counts something in every look. The goal is 5 MB.
func TestSize(t *testing.T) {
	const hour = 720
	traffic, stored, chunks := newTraffic(100, 1), 0, 0
	w := begin(t)
	var took time.Duration
	for i := range hour {
		l := Look{Number: i + 1, Statistics: traffic.look()}
		var err error
		if l.Digest, err = DigestOf(judge.Verdict{Outcome: judge.Unsure, Looks: i + 1}); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		if !w.Takes("v1", header().Policy) {
			stored, chunks = stored+len(written(t, w)), chunks+1
			w = begin(t)
		}
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
		took += time.Since(before)
	}
	stored, chunks = stored+len(written(t, w)), chunks+1
	t.Logf("%d looks at 100 partners: %d bytes in %d chunks, %d a look; noted in %v each", hour, stored, chunks, stored/hour, took/hour)
	if stored > 5_000_000 {
		t.Errorf("an hour takes %d bytes: want at most 5,000,000", stored)
	}
}

// TestQuietCostsNothing notes looks in which nothing but the clock moves.
func TestQuietCostsNothing(t *testing.T) {
	s := newTraffic(100, 1).look()
	size := func(n int) int {
		w := begin(t)
		for i := range n {
			s.At = s.At.Add(5 * time.Second)
			if err := w.Append(Look{Number: i + 1, Statistics: s}); err != nil {
				t.Fatal(err)
			}
		}
		return len(written(t, w))
	}
	if each := (size(101) - size(1)) / 100; each > 32 {
		t.Errorf("a look without news takes %d bytes", each)
	}
}

func FuzzOpen(f *testing.F) {
	w := begin(f)
	for _, l := range looks(4) {
		if err := w.Append(l); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(unpack(f, written(f, w)))
	f.Add([]byte(`{"format":1,"looks":1,"schema":{"kind":"record","parts":[{"kind":"list","parts":[{"kind":"time"}]}]}}` + "\n\x01\x00\x00\x04\xff\xff\xff\x7f\x00"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		found, err := read(pack(t, plain))
		if err != nil {
			return
		}
		again := begin(t)
		for _, l := range found {
			if err := again.Append(l); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
		got, err := read(written(t, again))
		if err != nil || len(got) != len(found) {
			t.Fatalf("%d looks, then %d: %v", len(found), len(got), err)
		}
		for i := range got {
			if !same(got[i], found[i]) {
				t.Fatalf("look %d was %+v, is %+v", i, found[i], got[i])
			}
		}
	})
}

// FuzzLooks keeps whatever numbers there are.
func FuzzLooks(f *testing.F) {
	f.Add(1., int64(5), "a", 2., int64(-5), "b", true)
	f.Add(math.NaN(), int64(math.MaxInt64), "", math.Inf(1), int64(math.MinInt64), "x", false)
	f.Add(math.Copysign(0, -1), int64(0), "", 0., int64(0), "", false)
	f.Add(float64(1<<52), int64(1), "a", float64(-1<<52), int64(1), "b", true)
	f.Add(float64(1<<53), int64(1), "a", float64(1<<54), int64(1), "b", true)
	f.Add(math.Copysign(0, -1), int64(1), "a", 3., int64(1), "b", true)
	f.Add(1e15, int64(1), "a", 4503599627370495., int64(1), "b", true)
	f.Add(-4503599627370495., int64(1), "a", 4503599627370495., int64(1), "b", true)
	f.Fuzz(func(t *testing.T, a float64, i int64, s string, b float64, j int64, r string, swap bool) {
		one := judge.Statistics{At: time.Unix(i%1e10, 0), Partners: []judge.Partner{{Name: s, Traffic: i}}, Streams: make([]judge.Stream, 2)}
		one.Streams[1].Pairs.FF, one.Streams[0].Served.D, one.Load[0].Tasks = a, b, int(j)
		two := judge.Statistics{At: time.Unix(j%1e10, i&0xffff), Served: swap, Problems: []string{r, s}, Partners: []judge.Partner{{Name: r, Traffic: j}, {Tail: swap}}}
		two.Streams = []judge.Stream{{Served: judge.Difference{D: a, Q: a + b, Binomial: a * b}}}
		w := begin(t)
		want := []Look{{Number: 1, Statistics: one}, {Number: 2, Statistics: two}, {Number: 3, Statistics: one}}
		for _, l := range want {
			if err := w.Append(l); err != nil {
				t.Fatal(err)
			}
		}
		got, err := read(written(t, w))
		if err != nil || len(got) != len(want) {
			t.Fatalf("read %d looks: %v", len(got), err)
		}
		for i := range want {
			want[i].Statistics.At = want[i].Statistics.At.UTC()
			if got[i].Statistics.At = got[i].Statistics.At.UTC(); !same(got[i], want[i]) {
				t.Errorf("look %d was %+v, is %+v", i, want[i], got[i])
			}
		}
	})
}
