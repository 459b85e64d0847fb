package auction

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/inference/feature"
)

func generated(d dialect, b *thrift.TMemoryBuffer) thrift.TProtocol {
	if d == packed {
		return thrift.NewTCompactProtocolConf(b, nil)
	}
	return thrift.NewTBinaryProtocolConf(b, nil)
}

func memory(in []byte) *thrift.TMemoryBuffer {
	b := thrift.NewTMemoryBuffer()
	b.Write(in)
	return b
}

// oracleCall is a call of decide as generated code writes it.
func oracleCall(t testing.TB, d dialect, seq int32, r feature.Request, partners []string, tmax time.Duration) []byte {
	t.Helper()
	b := thrift.NewTMemoryBuffer()
	p := generated(d, b)
	args := adfilter.AdFilterDecideArgs{Request: oracle(r, tmax), Partners: partners}
	err := errors.Join(p.WriteMessageBegin(t.Context(), "decide", thrift.CALL, seq), args.Write(t.Context(), p),
		p.WriteMessageEnd(t.Context()), p.Flush(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ourCall(d dialect, seq int32, r feature.Request, partners []string, tmax time.Duration) []byte {
	e := encoder{dialect: d}
	e.head("decide", callMessage, seq)
	return appendArguments(e.out, d, &r, partners, int32(tmax.Milliseconds()))
}

// A call is written as generated code writes it, to the byte.
func TestEncodesAsGenerated(t *testing.T) {
	all := requests()
	many := feature.Absent()
	many.ImpCount, many.ImpBidfloor, many.ImpTagID = 300, float32(math.Inf(1)), strings.Repeat("x", 300)
	all["many impressions"] = many
	none := feature.Absent()
	none.ImpCount, none.At = 0, -5
	all["no impression"] = none
	kind := reflect.TypeFor[feature.Request]()
	for i := range kind.NumField() { // each field alone
		r := feature.Absent()
		switch f := reflect.ValueOf(&r).Elem().Field(i); f.Kind() { //nolint:exhaustive // there are no others
		case reflect.String:
			f.SetString("banner")
		case reflect.Float32:
			f.SetFloat(-7)
		}
		all[kind.Field(i).Name] = r
	}
	for name, r := range all {
		for _, d := range []dialect{plain, packed} {
			for _, partners := range [][]string{{}, {"a"}, twenty()} {
				want := oracleCall(t, d, 70_000, r, partners, 100*time.Millisecond)
				if got := ourCall(d, 70_000, r, partners, 100*time.Millisecond); !bytes.Equal(got, want) {
					t.Errorf("%s, packed %v, %d partners:\n got %q\nwant %q", name, d, len(partners), got, want)
				}
			}
		}
	}
}

func twenty() []string {
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("partner-%02d", i)
	}
	return names
}

func reply(t testing.TB, d dialect, seq int32, m thrift.TMessageType, body thrift.TStruct) []byte {
	t.Helper()
	b := thrift.NewTMemoryBuffer()
	p := generated(d, b)
	err := errors.Join(p.WriteMessageBegin(t.Context(), "decide", m, seq), body.Write(t.Context(), p), p.Flush(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func answers(t testing.TB, d dialect) [][]byte {
	reason := "busy"
	all := [][]byte{
		reply(t, d, 7, thrift.EXCEPTION, thrift.NewTApplicationException(thrift.INTERNAL_ERROR, "out of order")),
		reply(t, d, 7, thrift.EXCEPTION, thrift.NewTApplicationException(thrift.PROTOCOL_ERROR, "what?")),
		reply(t, d, 7, thrift.REPLY, &adfilter.AdFilterDecideResult{}),
		reply(t, d, 8, thrift.REPLY, &adfilter.AdFilterDecideResult{Success: &adfilter.Decision{}}),
	}
	for _, partners := range [][]string{{}, {"a"}, twenty()} {
		one := decided(1, "r1", partners, partners...)
		one.Explored, one.Reason = true, &reason
		other := decided(1, "", partners)
		other.Degraded = true
		for _, x := range []*adfilter.Decision{one, other} {
			all = append(all, reply(t, d, 7, thrift.REPLY, &adfilter.AdFilterDecideResult{Success: x}))
		}
	}
	return all
}

// byGenerated reads an answer as the generated client does.
func byGenerated(d dialect, in []byte) (*adfilter.Decision, error) {
	b := memory(in)
	strict := true
	conf := &thrift.TConfiguration{MaxMessageSize: maxAnswerBytes, TBinaryStrictRead: &strict}
	p := generated(d, b)
	thrift.PropagateTConfiguration(p, conf)
	c := thrift.NewTStandardClient(p, generated(d, thrift.NewTMemoryBuffer()))
	var result adfilter.AdFilterDecideResult
	if err := c.Recv(context.Background(), p, 7, "decide", &result); err != nil {
		return nil, err
	}
	if result.Success == nil {
		return nil, badAnswer("nothing")
	}
	return result.Success, nil
}

// compare holds our reading of an answer to that of generated code.
func compare(t *testing.T, d dialect, in []byte) {
	t.Helper()
	want, wantErr := byGenerated(d, in)
	r := decoder{in: in, dialect: d}
	var got decision
	n, err := r.answer(Decide, 7, &got)
	if (err == nil) != (wantErr == nil) || usable(err) != usable(wantErr) {
		t.Fatalf("packed %v %q:\n got %v\nwant %v", d, in, err, wantErr)
	}
	if err != nil {
		return
	}
	if n > len(in) || string(got.release) != want.Release || got.explored != want.Explored || got.degraded != want.Degraded ||
		!bytes.Equal(got.receipt, want.Receipt) || len(got.partners) != len(want.Partners) {
		t.Fatalf("packed %v %q:\n got %+v\nwant %+v", d, in, got, want)
	}
	for i, p := range got.partners {
		if string(p.name) != want.Partners[i].Partner || p.filtered != want.Partners[i].Filtered {
			t.Fatalf("packed %v %q: partner %d is %+v, want %+v", d, in, i, p, want.Partners[i])
		}
	}
}

func TestDecodesAsGenerated(t *testing.T) {
	for _, d := range []dialect{plain, packed} {
		for _, in := range answers(t, d) {
			compare(t, d, in)
			for i := range in { // cut short anywhere
				r := decoder{in: in[:i], dialect: d}
				if _, err := r.answer(Decide, 7, new(decision)); err == nil || !errors.Is(err, errShort) && i > 20 && slices.Contains(in[:20], 7) && !usable(err) {
					t.Fatalf("packed %v, %d bytes of %q: %v", d, i, in, err)
				}
			}
		}
	}
}

// Whatever the generated client reads, ours reads alike, and what the one
// refuses, so does the other.
func FuzzAnswer(f *testing.F) {
	for _, d := range []dialect{plain, packed} {
		for _, in := range answers(f, d) {
			f.Add(bool(d), in)
		}
	}
	f.Fuzz(func(t *testing.T, isPacked bool, in []byte) {
		if len(in) <= 4096 {
			compare(t, dialect(isPacked), in)
		}
	})
}

// A steady load allocates nothing per call beyond what the world does.
func TestWireAllocatesNothing(t *testing.T) {
	r, partners := requests()["banner"], twenty()
	in := answers(t, plain)[4+4]
	out := make([]byte, 0, 4096)
	var d decision
	allocations := testing.AllocsPerRun(100, func() {
		e := encoder{out: out}
		e.head("decide", callMessage, 7)
		out = appendArguments(e.out, plain, &r, partners, 100)[:0]
		read := decoder{in: in}
		if _, err := read.answer(Decide, 7, &d); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkWire(b *testing.B) {
	r, partners := requests()["banner"], twenty()
	in := answers(b, plain)[4+4]
	var d decision
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			e := encoder{out: out}
			e.head("decide", callMessage, 7)
			out = appendArguments(e.out, plain, &r, partners, 100)[:0]
		}
	})
	b.Run("encode generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			oracleCall(b, plain, 7, r, partners, 100*time.Millisecond)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			read := decoder{in: in}
			if _, err := read.answer(Decide, 7, &d); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := byGenerated(plain, in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
