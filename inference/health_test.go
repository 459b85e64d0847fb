package inference

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/control"
)

// A task tells what became of every auction since boot: with a release and
// without, through a swap, and of calls that got no answer at all.
func TestStatusTellsWhatBecameOfAuctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := toy{Breaks: "panic"}
		task := newToyTask(t, newToyShop(low, broken))
		r := start(t, task)
		defer r.end()
		told := func(why string, answered, degraded, failed int64) {
			t.Helper()
			synctest.Wait()
			s := r.status()
			if s.GetAnswered() != answered || s.GetDegraded() != degraded || s.GetFailed() != failed || s.GetDeadlineUs() != 50_000 {
				t.Errorf("%s: %d answered, %d of them degraded, %d failed, deadline %d us; want %d, %d, %d and 50000",
					why, s.GetAnswered(), s.GetDegraded(), s.GetFailed(), s.GetDeadlineUs(), answered, degraded, failed)
			}
		}
		told("nothing yet", 0, 0, 0)
		c, conn := r.dial(FramedBinary)
		defer conn.Close()
		filter := func(n int) {
			t.Helper()
			for range n {
				if _, err := c.Filter(t.Context(), &adfilter.BidRequest{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		filter(2)
		told("no release", 2, 2, 0)
		r.assign(&control.Assignment{Release: low.digest(), Buckets: 1, Epoch: 1, Generation: 1})
		filter(3)
		told("scored", 5, 2, 0)
		r.assign(&control.Assignment{Release: broken.digest(), Buckets: 1, Epoch: 1, Generation: 2})
		filter(4)
		told("a release that breaks", 9, 6, 0)

		if _, err := thriftClient(conn, FramedBinary).Call(t.Context(), "who", adfilter.NewBidRequestFilterFilterArgs(), adfilter.NewBidRequestFilterFilterResult()); err == nil {
			t.Error("it knows who")
		}
		told("a call of nothing", 9, 6, 1)
		_, torn := r.dial(FramedBinary)
		go torn.Write([]byte{0xff, 0, 0, 1, 0x80, 1, 0, 1})
		told("noise", 9, 6, 1)
		torn.Close()
		long, lost := r.dial(FramedBinary)
		_, _ = long.Filter(t.Context(), &adfilter.BidRequest{})
		go io.Copy(io.Discard, lost)
		go lost.Write([]byte{0, 0x50, 0, 0, 0x80, 1, 0, 1, 0, 0, 0, 6, 'f', 'i', 'l', 't', 'e', 'r', 0, 0, 0, 9})
		told("a message beyond the limit", 10, 7, 2)
		lost.Close()
	})
}
