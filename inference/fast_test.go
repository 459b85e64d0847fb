package inference

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

func dialects() []Dialect {
	return []Dialect{FramedBinary, FramedCompact, FramedOld, UnframedBinary, UnframedCompact, UnframedOld}
}

// encodeAs is encode for one call, in the old dialects too.
func encodeAs(t testing.TB, d Dialect, write func(ctx context.Context, c *adfilter.AdFilterClient)) []byte {
	t.Helper()
	if !d.old() {
		return encode(t, d, write)
	}
	b := encode(t, UnframedBinary, write)
	name := 4 + 4 + int(binary.BigEndian.Uint32(b[4:]))
	old := append(append(bytes.Clone(b[4:name]), b[3]), b[name:]...)
	if d == FramedOld {
		old = append(binary.BigEndian.AppendUint32(nil, uint32(len(old))), old...)
	}
	return old
}

// scribble fills a generated struct with anything a client may send.
func scribble(rng *rand.Rand, v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // Thrift has no others
	case reflect.Pointer:
		if rng.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			scribble(rng, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scribble(rng, v.Field(i))
		}
	case reflect.Uint8:
		v.SetUint(uint64(rng.Uint32() & 0xff))
	case reflect.Slice:
		for range rng.IntN(4) {
			one := reflect.New(v.Type().Elem()).Elem()
			if one.Kind() == reflect.Pointer { // Thrift has no nil in a list
				one.Set(reflect.New(one.Type().Elem()))
				scribble(rng, one.Elem())
			} else {
				scribble(rng, one)
			}
			v.Set(reflect.Append(v, one))
		}
	case reflect.String:
		v.SetString(strings.Repeat("x", rng.IntN(20)))
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(int32(rng.Uint32())) >> rng.IntN(32))
	case reflect.Float64:
		v.SetFloat(rng.NormFloat64())
	default:
		panic(v.Kind())
	}
}

func scribbled(seed uint64) (*openrtb.AuctionRequest, []string, *adfilter.BidRequest) {
	rng := rand.New(rand.NewPCG(seed, 2))
	request, published := &openrtb.AuctionRequest{}, &adfilter.BidRequest{}
	scribble(rng, reflect.ValueOf(request).Elem())
	scribble(rng, reflect.ValueOf(published).Elem())
	published.Hour = []string{"", "7", "23", "24", "7.5", "noon", "007"}[rng.IntN(7)]
	return request, twenty()[:rng.IntN(20)], published
}

const messageLimit = 256 << 10

func usualLimits() wireLimits {
	return wireLimits{message: messageLimit, elements: 16384, idle: time.Hour, read: time.Hour, write: time.Hour}
}

// byGenerated is parse as the generated code would do it.
func byGenerated(t testing.TB, b []byte, d Dialect) (s *session, in incoming, n int, err error) {
	source := bytes.NewReader(b)
	w := newWire(bytesConn{in: source}, usualLimits())
	w.dialect, w.left = d, messageLimit
	s = &session{}
	from, _ := w.protocols()
	name, kind, seq, err := from.ReadMessageBegin(t.Context())
	if err != nil {
		return s, in, 0, err
	}
	in.seq, in.silent = seq, kind == thrift.ONEWAY
	switch name {
	case "decide":
		var args adfilter.AdFilterDecideArgs
		if err = args.Read(t.Context(), from); err == nil && args.Request != nil {
			in.method = decideMethod
			openRTB(args.Request, &s.d.request)
			s.d.asked = asked{generated: args.Request}
			s.d.partners, s.d.tmax = args.Partners, args.Request.GetTmax()
		}
	case "filter":
		var args adfilter.BidRequestFilterFilterArgs
		if err = args.Read(t.Context(), from); err == nil && args.Request != nil {
			in.method = filterMethod
			published(args.Request, fieldsOf(from), &s.d.request)
			s.d.partners = []string{args.Request.AdvertiserId}
		}
	case "report":
		var args adfilter.AdFilterReportArgs
		if err = args.Read(t.Context(), from); err == nil {
			in.method = reportMethod
			for _, o := range args.Outcomes {
				s.reports.outcomes = append(s.reports.outcomes, outcomeOf(o))
			}
		}
	}
	return s, in, len(b) - source.Len() - w.buffered(), err
}

// agree fails where the hot path takes what the generated code refuses or
// reads otherwise.
func agree(t testing.TB, b []byte, d Dialect) outcome {
	t.Helper()
	var s session
	in, n, o := s.parse(b, d, usualLimits())
	if o != parsed {
		return o
	}
	want, wantIn, wantN, err := byGenerated(t, b, d)
	if err != nil {
		t.Fatalf("%s: taken, but generated code says: %v", d, err)
	}
	if in != wantIn || n != wantN || s.d.tmax != want.d.tmax || fmt.Sprintf("%q", s.d.partners) != fmt.Sprintf("%q", want.d.partners) {
		t.Fatalf("%s: got %+v %d %d %q\nwant %+v %d %d %q", d, in, n, s.d.tmax, s.d.partners, wantIn, wantN, want.d.tmax, want.d.partners)
	}
	if got, want := spelled(&s.d.request), spelled(&want.d.request); got != want {
		t.Fatalf("%s: got %s\nwant %s", d, got, want)
	}
	if in.method == decideMethod {
		if got, want := everythingOf(t, &s), everythingOf(t, want); got != want {
			t.Fatalf("%s: a contract of everything reads\n%s, want\n%s", d, got, want)
		}
	}
	if got, want := fmt.Sprintf("%+v", s.reports.outcomes), fmt.Sprintf("%+v", want.reports.outcomes); got != want {
		t.Fatalf("%s: got %s\nwant %s", d, got, want)
	}
	return o
}

// compiled is everything, compiled once.
var compiled = sync.OnceValues(func() (*feature.Extractor, error) { return everything().Compile() })

// everythingOf is the row of a contract that names every source.
func everythingOf(t testing.TB, s *session) string {
	t.Helper()
	e, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, e.Len())
	s.fill(e.Plan())
	e.Extract(row, &s.d.request, "a")
	return fmt.Sprint(row)
}

// scribbledOutcomes are a report with anything in it.
func scribbledOutcomes(seed uint64) (all []*adfilter.Outcome) {
	scribble(rand.New(rand.NewPCG(seed, 5)), reflect.ValueOf(&all).Elem())
	return all
}

func spelled(r *feature.Request) string { return fmt.Sprintf("%#v", *r) }

// Whatever an ordinary client sends, in whatever dialect, is read on the hot
// path, and cut short anywhere it is not.
func TestHotPathReadsWhatClientsSend(t *testing.T) {
	for seed := range uint64(400) {
		request, partners, published := scribbled(seed)
		for _, d := range []Dialect{UnframedBinary, UnframedCompact, UnframedOld} {
			decide := encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, request, partners) })
			filter := encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Filter(ctx, published) })
			report := encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Report(ctx, scribbledOutcomes(seed)) })
			for _, b := range [][]byte{decide, filter, report} {
				if o := agree(t, b, d); o != parsed {
					t.Fatalf("%s, seed %d: outcome %d", d, seed, o)
				}
				cut := int(seed) % len(b)
				if o := agree(t, b[:cut:cut], d); o != unfinished {
					t.Fatalf("%s, seed %d: outcome %d of a message cut short", d, seed, o)
				}
			}
		}
	}
}

// FuzzParse looks for bytes on which the hot path and the generated code
// differ.
func FuzzParse(f *testing.F) {
	for seed := range uint64(4) {
		request, partners, published := scribbled(seed)
		for i, d := range []Dialect{UnframedBinary, UnframedCompact, UnframedOld} {
			f.Add(byte(i), encodeAs(f, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, request, partners) }))
			f.Add(byte(i), encodeAs(f, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Filter(ctx, published) }))
			f.Add(byte(i), encodeAs(f, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Report(ctx, scribbledOutcomes(seed)) }))
		}
	}
	f.Fuzz(func(t *testing.T, d byte, b []byte) {
		agree(t, b, []Dialect{UnframedBinary, UnframedCompact, UnframedOld}[d%3])
	})
}

// TestDamagedCalls does so for damage from fixed seeds.
func TestDamagedCalls(t *testing.T) {
	for seed := range uint64(4000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		request, partners, published := scribbled(seed % 50)
		d := []Dialect{UnframedBinary, UnframedCompact, UnframedOld}[rng.IntN(3)]
		b := encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) {
			switch rng.IntN(3) {
			case 0:
				c.Decide(ctx, request, partners)
			case 1:
				c.Filter(ctx, published)
			default:
				c.Report(ctx, scribbledOutcomes(seed%50))
			}
		})
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] = byte(rng.Uint32()) >> rng.IntN(8)
		}
		agree(t, b, d)
	}
}

// taped is a client that says this and hears what is answered.
type taped struct {
	bytesConn
	heard  bytes.Buffer
	writes int
}

func (c *taped) Write(p []byte) (int, error) {
	c.writes++
	return c.heard.Write(p)
}

// twins are a task, and one that reads everything by generated code.
func twins(t testing.TB) [2]*Task {
	var tasks [2]*Task
	for i := range tasks {
		tasks[i] = newToyTask(t, newToyShop(hash, rash))
		tasks[i].salt = 7
		force(t, tasks[i], assignment{release: hash.digest(), shadow: rash.digest(), sample: 0.5, explore: 0.5, buckets: 16})
	}
	tasks[1].fastTries = 0
	return tasks
}

// portsAgree plays the same bytes to both at the same moment, as receipts tell
// the millisecond.
func portsAgree(t *testing.T, tasks [2]*Task, sent []byte) {
	t.Helper()
	var heard [2][]byte
	synctest.Test(t, func(t *testing.T) {
		for i, task := range tasks {
			conn := &taped{bytesConn: bytesConn{in: bytes.NewReader(sent)}}
			task.serveData(t.Context(), newWire(conn, task.data.sizes))
			heard[i] = conn.heard.Bytes()
		}
	})
	if !bytes.Equal(heard[0], heard[1]) {
		t.Fatalf("sent %x\ngot  %x\nwant %x", sent, heard[0], heard[1])
	}
	var tallies [2]tally
	for i, task := range tasks {
		tallies[i] = task.serving.Load().counts.tally(1)
		tallies[i].latency = nil
	}
	if !reflect.DeepEqual(tallies[0], tallies[1]) {
		t.Fatalf("sent %x\ncounted %+v\nwant    %+v", sent, tallies[0], tallies[1])
	}
}

func conversation(t testing.TB, d Dialect, seed uint64) []byte {
	var sent []byte
	for i := range seed % 5 {
		request, partners, published := scribbled(seed + i)
		sent = append(sent, encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, request, partners) })...)
		sent = append(sent, encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Filter(ctx, published) })...)
		sent = append(sent, encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) {
			c.Report(ctx, []*adfilter.Outcome{{Receipt: []byte("r"), Bidders: partners}})
		})...)
	}
	return sent
}

// FuzzPortsAgree looks for bytes that our own codec answers otherwise than
// generated code, byte for byte.
func FuzzPortsAgree(f *testing.F) {
	for i, d := range dialects() {
		f.Add(conversation(f, d, uint64(i+1)))
	}
	tasks := twins(f)
	f.Fuzz(func(t *testing.T, sent []byte) { portsAgree(t, tasks, sent) })
}

// TestPortsAgree does so for conversations from fixed seeds, damaged and whole.
func TestPortsAgree(t *testing.T) {
	tasks := twins(t)
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 4))
		sent := conversation(t, dialects()[seed%6], seed)
		for range rng.IntN(4) {
			if len(sent) > 0 {
				sent[rng.IntN(len(sent))] = byte(rng.Uint32()) >> rng.IntN(8)
			}
		}
		portsAgree(t, tasks, sent)
	}
}

func TestDegradedRepliesAgree(t *testing.T) {
	for _, d := range dialects() {
		synctest.Test(t, func(t *testing.T) {
			var heard [2][]byte
			for i := range heard {
				task := newToyTask(t, newToyShop()) // not ready
				if i == 1 {
					task.fastTries = 0
				}
				conn := &taped{bytesConn: bytesConn{in: bytes.NewReader(conversation(t, d, 4))}}
				task.serveData(t.Context(), newWire(conn, task.data.sizes))
				heard[i] = conn.heard.Bytes()
			}
			if !bytes.Equal(heard[0], heard[1]) || len(heard[0]) == 0 {
				t.Errorf("%s: got  %x\nwant %x", d, heard[0], heard[1])
			}
		})
	}
}

// endless is a client that says the same for ever.
type endless struct {
	net.Conn
	says []byte
	at   int
}

func (c *endless) Read(p []byte) (int, error) {
	n := copy(p, c.says[c.at:])
	c.at = (c.at + n) % len(c.says)
	return n, nil
}

func (c *endless) Write(p []byte) (int, error)      { return len(p), nil }
func (c *endless) SetReadDeadline(time.Time) error  { return nil }
func (c *endless) SetWriteDeadline(time.Time) error { return nil }

// A request costs no allocation: read, scored, counted, drawn for exploration
// and for the shadow release, given a receipt and answered.
func TestRequestsAllocateNothing(t *testing.T) {
	allocateNothing(t, newToyTask(t, newToyShop(hash, rash)))
}

// Nor where both releases read everything that there is, each by a contract of
// its own.
func TestEverythingAllocatesNothing(t *testing.T) {
	task := newToyTask(t, newToyShop(hash, rash))
	task.loader.open = func(digest string, _ []byte) (*arm, error) {
		e, err := everything().Compile()
		if err != nil {
			return nil, err
		}
		return newArm(digest, &reader{features: e, row: make([]float32, e.Len())}, func(string) float32 { return 0 }), nil
	}
	allocateNothing(t, task)
}

// reader is a release that reads a row and scores nothing.
type reader struct {
	features *feature.Extractor
	auction  feature.Auction
	row      []float32
}

func (r *reader) Plan() *feature.Plan { return r.features.Plan() }

func (r *reader) Partner(name string) uint32 { return r.features.Partner(name) }

func (r *reader) Score(_ *release.Scratch, q *feature.Request, _ []uint32, scores []float32) {
	r.features.Begin(&r.auction, r.row, q)
	clear(scores)
}

func allocateNothing(t *testing.T, task *Task) {
	t.Helper()
	force(t, task, assignment{release: hash.digest(), shadow: rash.digest(), sample: 0.5, explore: 0.5, buckets: 16})
	for _, d := range dialects() {
		says := encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, usual(), twenty()) })
		says = append(says, encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) {
			c.Filter(ctx, &adfilter.BidRequest{BidId: "b", Hour: "17", AdvertiserId: "partner-01"})
		})...)
		says = append(says, encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Report(ctx, worthSomething(task)) })...)
		w := newWire(&endless{says: says}, task.data.sizes)
		if got, err := w.recognise(); got != d || err != nil {
			t.Fatalf("recognised %s, %v, want %s", got, err, d)
		}
		s := &session{t: task, w: w, id: 1}
		one := func() {
			if err := w.next(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.call(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		for range 50 {
			one() // everything grows to its size
		}
		if n := testing.AllocsPerRun(500, one); n != 0 {
			t.Errorf("%s: %v allocations per request", d, n)
		}
		if s.in != nil {
			t.Errorf("%s: not on the hot path", d)
		}
	}
}

// worthSomething is a report with prices, one of them in another currency, and
// a win.
func worthSomething(task *Task) []*adfilter.Outcome {
	task.prices.Store(&prices{currency: "USD", cap: 2, rates: []rate{{"EUR", 1.1}}})
	r := explored(time.Now())
	price := func(amount float64, cur string) *adfilter.Price { return &adfilter.Price{Price: &amount, Cur: &cur} }
	return []*adfilter.Outcome{
		{Receipt: task.receipts.append(nil, &receipt{at: time.Now()}), Bidders: []string{"a"}},
		{
			Receipt: task.receipts.append(nil, &r), Bidders: []string{"a", "b"},
			Prices: []*adfilter.Price{price(1.5, "USD"), price(2.5, "EUR")}, Win: &adfilter.Win{Partner: "b", Cleared: price(2, "EUR")},
		},
	}
}

// Requests that came together are answered together.
func TestOneWritePerBatch(t *testing.T) {
	for _, d := range dialects() {
		task := newToyTask(t, newToyShop(low))
		force(t, task, assignment{release: low.digest(), buckets: 1})
		one := encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, ask("x"), []string{"a"}) })
		conn := &taped{bytesConn: bytesConn{in: bytes.NewReader(bytes.Repeat(one, 20))}}
		task.serveData(t.Context(), newWire(conn, task.data.sizes))
		if conn.writes != 1 {
			t.Errorf("%s: %d writes", d, conn.writes)
		}
		if n := task.serving.Load().counts.tally(1).requests[0]; n != 20 {
			t.Errorf("%s: %d requests", d, n)
		}
	}
}

// A client that sends byte by byte is answered, and costs no more than a few
// looks at what it sent.
func TestByteByByte(t *testing.T) {
	for _, d := range dialects() {
		synctest.Test(t, func(t *testing.T) {
			task := newToyTask(t, newToyShop(low))
			force(t, task, assignment{release: low.digest(), buckets: 1})
			conn := serveOn(t, task)
			sent := encodeAs(t, d, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Decide(ctx, usual(), twenty()) })
			go func() {
				for i := range sent {
					conn.Write(sent[i : i+1])
				}
			}()
			asked := map[Dialect]Dialect{FramedOld: FramedBinary, UnframedOld: UnframedBinary}[d] // replies always have a version
			if asked == "" {
				asked = d
			}
			got, err := client(struct {
				io.Reader
				io.Writer
			}{conn, io.Discard}, asked).Decide(t.Context(), usual(), twenty())
			if err != nil || len(got.Partners) != 20 {
				t.Errorf("%s: %v, %v", d, got, err)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, d := range []Dialect{UnframedBinary, UnframedCompact} {
		call := usualCall(b, d)
		b.Run("ours/"+string(d), func(b *testing.B) {
			var s session
			limits := usualLimits()
			for b.Loop() {
				if _, _, o := s.parse(call, d, limits); o != parsed {
					b.Fatal(o)
				}
			}
		})
		b.Run("generated/"+string(d), func(b *testing.B) {
			memory := thrift.NewTMemoryBuffer()
			from := protocolOf(d, memory)
			var to feature.Request
			for b.Loop() {
				memory.Reset()
				memory.Write(call)
				var args adfilter.AdFilterDecideArgs
				if _, _, _, err := from.ReadMessageBegin(b.Context()); err != nil {
					b.Fatal(err)
				}
				if err := args.Read(b.Context(), from); err != nil {
					b.Fatal(err)
				}
				openRTB(args.Request, &to)
			}
		})
	}
}

// BenchmarkMore is what a request costs, read and its features extracted, where
// the contract names nothing beyond feature.Request, some of it, and all.
func BenchmarkMore(b *testing.B) {
	all := everything()
	only := func(names ...string) (c feature.Contract) {
		for _, f := range all.Features {
			if slices.Contains(names, f.Name) {
				c.Features = append(c.Features, f)
			}
		}
		return c
	}
	core := []string{"imp.bidfloor", "imp.w", "imp.h", "site.domain", "device.geo.country", "device.devicetype", "at", "imp.count"}
	for _, tt := range []struct {
		name string
		c    feature.Contract
	}{
		{"none", only(core...)},
		{"some", only(append(core, "channel", "geo.country", "imp.deals", "page.domain", "regs.gdpr")...)},
		{"agent", only(append(core, "ua.browser", "ua.os")...)},
		{"all", all},
	} {
		b.Run(tt.name, func(b *testing.B) {
			e, err := tt.c.Compile()
			if err != nil {
				b.Fatal(err)
			}
			var s session
			call, limits := usualCall(b, UnframedBinary), usualLimits()
			r := reader{features: e, row: make([]float32, e.Len())}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, o := s.parse(call, UnframedBinary, limits); o != parsed {
					b.Fatal(o)
				}
				s.d.planned = nil
				s.fill(e.Plan())
				r.Score(nil, &s.d.request, nil, nil)
			}
		})
	}
}

func BenchmarkPrint(b *testing.B) {
	task := newToyTask(b, newToyShop(hash))
	force(b, task, assignment{release: hash.digest(), buckets: 64})
	for _, d := range []Dialect{UnframedBinary, UnframedCompact} {
		s := &session{t: task}
		s.d.request.ID, s.d.partners = "x", twenty()
		s.decide(b.Context(), true, time.Now())
		b.Run("ours/"+string(d), func(b *testing.B) {
			p := printer{compact: d.compact()}
			for b.Loop() {
				p.out = p.out[:0]
				s.printDecision(&p, 7)
			}
		})
		b.Run("generated/"+string(d), func(b *testing.B) {
			memory := thrift.NewTMemoryBuffer()
			to := protocolOf(d, memory)
			for b.Loop() {
				memory.Reset()
				to.WriteMessageBegin(b.Context(), "decide", thrift.REPLY, 7)
				result := adfilter.AdFilterDecideResult{Success: s.decisionReply()}
				if err := result.Write(b.Context(), to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func protocolOf(d Dialect, over thrift.TTransport) thrift.TProtocol {
	if d.compact() {
		return thrift.NewTCompactProtocolConf(over, nil)
	}
	return thrift.NewTBinaryProtocolConf(over, nil)
}

// The hot path knows which fields are lists and structs, as the generated types
// say.
func TestShapesAreThoseOfTheIDL(t *testing.T) {
	checked := 0
	var check func(s shape, of reflect.Type)
	check = func(s shape, of reflect.Type) {
		known := map[int16]reflect.Type{}
		for i := range of.NumField() {
			var id int16
			fmt.Sscanf(strings.Split(of.Field(i).Tag.Get("thrift"), ",")[1], "%d", &id)
			known[id] = of.Field(i).Type
		}
		for id := int16(-1); id < 64; id++ {
			elem, child := s.field(id)
			wantElem, wantStruct := thrift.TType(thrift.STOP), reflect.Type(nil)
			is := known[id]
			if is != nil && is.Kind() == reflect.Slice {
				is = is.Elem()
				wantElem = map[reflect.Kind]thrift.TType{reflect.String: thrift.STRING, reflect.Int32: thrift.I32, reflect.Pointer: thrift.STRUCT}[is.Kind()]
			}
			if is != nil && is.Kind() == reflect.Pointer && is.Elem().Kind() == reflect.Struct {
				wantStruct = is.Elem()
			}
			if elem != wantElem || (child != unknownShape) != (wantStruct != nil) {
				t.Errorf("%v field %d: %v, shape %d", of, id, elem, child)
			}
			checked++
			if wantStruct != nil {
				check(child, wantStruct)
			}
		}
	}
	check(requestShape, reflect.TypeOf(openrtb.AuctionRequest{}))
	if checked < 1000 {
		t.Errorf("checked %d fields only", checked)
	}
}
