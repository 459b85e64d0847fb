package inference

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/inference/feature"
)

// call is a call of filter of which some fields are not there.
func partialCall(t *testing.T, rng *rand.Rand, d Dialect) (sent, asJSON []byte) {
	t.Helper()
	ctx, b := t.Context(), thrift.NewTMemoryBuffer()
	p, says := protocolOf(d, b), map[string]any{}
	field := func(id int16, kind thrift.TType, name string, value any, write func() error) {
		if rng.IntN(3) == 0 {
			return
		}
		says[name] = value
		if err := p.WriteFieldBegin(ctx, name, kind, id); err != nil {
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	whole := func(id int16, name string) {
		v := int32(rng.IntN(12)) - 2
		field(id, thrift.I32, name, v, func() error { return p.WriteI32(ctx, v) })
	}
	text := func(id int16, name string, values ...string) {
		v := values[rng.IntN(len(values))]
		field(id, thrift.STRING, name, v, func() error { return p.WriteString(ctx, v) })
	}
	p.WriteMessageBegin(ctx, "filter", thrift.CALL, 7)
	p.WriteFieldBegin(ctx, "request", thrift.STRUCT, 1)
	if d.compact() {
		p.WriteStructBegin(ctx, "request") // it counts fields from the last one's number on
	}
	text(1, "bidId", "", "b")
	whole(2, "dayOfWeek")
	text(3, "hour", "", "7", "23", "24", "7.5", "noon", "007")
	text(4, "regionId", "", "216")
	text(5, "cityId", "0", "217")
	text(6, "domainId", "d")
	text(7, "advertiserId", "1458")
	price := int64(rng.Uint64()) >> rng.IntN(64)
	field(8, thrift.I64, "biddingPrice", price, func() error { return p.WriteI64(ctx, price) })
	text(10, "userAgent", "Chrome/1")
	whole(11, "deviceTypeId")
	p.WriteFieldStop(ctx)
	if d.compact() {
		p.WriteStructEnd(ctx)
	}
	if rng.IntN(3) == 0 {
		p.WriteFieldBegin(ctx, "later", thrift.STRUCT, 2) // an argument of a contract to come
		(&adfilter.BidRequest{DayOfWeek: 3, DeviceTypeId: 1}).Write(ctx, p)
	}
	p.WriteFieldStop(ctx)
	asJSON, err := json.Marshal(map[string]any{"filter": says})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), asJSON
}

// A call that leaves fields out is read alike on the hot path, by generated
// code, and from a log.
func TestPartialCallsReadAlike(t *testing.T) {
	e, err := feature.Contract{Features: []feature.Feature{{Name: "hour", Kind: feature.Number, Source: []string{"hour"}}}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(2000) {
		d := []Dialect{UnframedBinary, UnframedCompact}[seed%2]
		sent, asJSON := partialCall(t, rand.New(rand.NewPCG(seed, 9)), d)
		if o := agree(t, sent, d); o != parsed { // the hot path and generated code
			t.Fatalf("seed %d: outcome %d", seed, o)
		}
		var s session
		s.parse(sent, d, usualLimits())
		logged, err := e.ParseJSON(asJSON)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := spelled(&logged), spelled(&s.d.request); got != want {
			t.Fatalf("%s:\n in a log %s\non the wire %s", asJSON, got, want)
		}
	}
}

// Of two requests the last one counts, with what it says and no more.
func TestLastOfTwoRequestsCounts(t *testing.T) {
	ctx, b := t.Context(), thrift.NewTMemoryBuffer()
	p := protocolOf(UnframedBinary, b)
	p.WriteMessageBegin(ctx, "filter", thrift.CALL, 7)
	p.WriteFieldBegin(ctx, "request", thrift.STRUCT, 1)
	(&adfilter.BidRequest{DayOfWeek: 3, DeviceTypeId: 1}).Write(ctx, p)
	p.WriteFieldBegin(ctx, "request", thrift.STRUCT, 1)
	p.WriteFieldStop(ctx)
	p.WriteFieldStop(ctx)
	s, _, _, err := byGenerated(t, b.Bytes(), UnframedBinary)
	if err != nil || s.d.request.Filter != (feature.FilterCall{Asked: true}) {
		t.Errorf("read %+v, %v", s.d.request.Filter, err)
	}
}

// What is out of the range of the contract's dialect is counted, by its name.
func TestStraysAreCounted(t *testing.T) {
	task := newToyTask(t, newToyShop(hash))
	c := feature.Contract{Version: 2, Filter: feature.Kit, Features: []feature.Feature{{Name: "day", Kind: feature.Number, Source: []string{"dayofweek"}}}}
	task.loader.open = func(digest string, _ []byte) (*arm, error) {
		e, err := c.Compile()
		return newArm(digest, &kitReader{reader{features: e, row: make([]float32, 1)}}, func(string) float32 { return 0 }), err
	}
	force(t, task, assignment{release: hash.digest(), buckets: 1})
	for _, call := range []*adfilter.BidRequest{
		{DayOfWeek: 7, Hour: "1", DeviceTypeId: 3, BiddingPrice: 300},
		{DayOfWeek: 8, Hour: "1", DeviceTypeId: 5, BiddingPrice: 300},
		{DayOfWeek: 0, Hour: "25", DeviceTypeId: 6, BiddingPrice: -1},
	} {
		sent := encodeAs(t, FramedBinary, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Filter(ctx, call) })
		task.serveData(t.Context(), newWire(bytesConn{in: bytes.NewReader(sent)}, task.data.sizes))
	}
	for field, want := range map[string]float64{"dayOfWeek": 2, "hour": 1, "deviceTypeId": 1, "biddingPrice": 1} {
		if n := counterOf(t, task, "sluice_filter_out_of_range_total", field); fmt.Sprint(n) != fmt.Sprint(want) {
			t.Errorf("%s was out of range %v times, want %v", field, n, want)
		}
	}
}

// kitReader is a reader that knows strays.
type kitReader struct{ reader }

func (r *kitReader) Strays(q *feature.Request) feature.Stray { return r.features.Strays(q) }
