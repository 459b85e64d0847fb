package inference

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/openrtb"
)

func twenty() []string {
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("partner-%02d", i)
	}
	return names
}

// BenchmarkDecide is what a decide of 20 partners costs beside the model and
// the wire: drawing, counting, the reply's structs and the receipt.
func BenchmarkDecide(b *testing.B) {
	task := newToyTask(b, newToyShop(hash, rash))
	force(b, task, assignment{release: hash.digest(), shadow: rash.digest(), sample: 0.02, explore: 0.02, buckets: 64})
	partners := twenty()
	ctx := b.Context()
	b.RunParallel(func(p *testing.PB) {
		s := &session{t: task, id: task.lastConnection.Add(1)}
		ids := []string{"one", "two", "three", "four", "five"}
		for i := 0; p.Next(); i++ {
			s.d.request.ID, s.d.partners = ids[i%len(ids)], partners
			s.decide(ctx, true, time.Now())
			s.decisionReply()
			s.afterReply(ctx, time.Now())
		}
	})
}

// BenchmarkWire is a decide of 20 partners over a socket, client included.
func BenchmarkWire(b *testing.B) {
	task := newToyTask(b, newToyShop(hash))
	force(b, task, assignment{release: hash.digest(), buckets: 64})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go task.data.accept(b.Context(), l)
	partners := twenty()
	s, i := thrift.StringPtr, thrift.Int32Ptr
	request := &openrtb.AuctionRequest{
		ID: s("0123456789abcdef"), Imp: []*openrtb.Imp{{Tagid: s("top"), Banner: &openrtb.Banner{W: i(300), H: i(250)}}},
		Site:   &openrtb.Site{Domain: s("news.example"), Cat: []string{"IAB12"}},
		Device: &openrtb.Device{Ua: s("Mozilla/5.0 (Linux; Android 14)"), Os: s("android"), Geo: &openrtb.Geo{Country: s("DEU")}},
	}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		c := client(struct {
			io.Reader
			io.Writer
		}{conn, conn}, FramedBinary)
		for p.Next() {
			if _, err := c.Decide(b.Context(), request, partners); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
