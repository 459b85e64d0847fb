package auction

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
)

// byServer reads the arguments of filter as generated code does.
func byServer(t *testing.T, d dialect, args []byte) *adfilter.BidRequest {
	t.Helper()
	var all adfilter.BidRequestFilterFilterArgs
	if err := all.Read(t.Context(), generated(d, memory(args))); err != nil {
		t.Fatal(err)
	}
	return all.Request
}

// Either client's numbers are those of the table of docs/auction.md; what is
// absent is left out, which generated code reads as 0.
func TestPublishedNumbers(t *testing.T) {
	full := feature.Absent()
	full.ID, full.DayOfWeek, full.Hour, full.DeviceType, full.ImpBidfloor = "7", 6, 13, 4, 1.254
	full.GeoRegion, full.GeoCity, full.SiteDomain, full.DeviceUA = "216", "217", "a.example", "Mozilla"
	tv := full
	tv.DayOfWeek, tv.Hour, tv.DeviceType, tv.ImpBidfloor = 0, 0, 3, float32(math.NaN())
	empty := feature.Absent()
	for _, tt := range []struct {
		call    Call
		request feature.Request
		want    adfilter.BidRequest
	}{
		{Filter, full, adfilter.BidRequest{BidId: "7", DayOfWeek: 6, Hour: "13", DeviceTypeId: 4, BiddingPrice: 1, RegionId: "216", CityId: "217", DomainId: "a.example", UserAgent: "Mozilla"}},
		{Kit, full, adfilter.BidRequest{BidId: "7", DayOfWeek: 7, Hour: "13", DeviceTypeId: 0, BiddingPrice: 125, RegionId: "216", CityId: "217", DomainId: "a.example", UserAgent: "Mozilla"}},
		{Filter, tv, adfilter.BidRequest{BidId: "7", Hour: "0", DeviceTypeId: 3, RegionId: "216", CityId: "217", DomainId: "a.example", UserAgent: "Mozilla"}},
		{Kit, tv, adfilter.BidRequest{BidId: "7", DayOfWeek: 1, Hour: "0", DeviceTypeId: 5, RegionId: "216", CityId: "217", DomainId: "a.example", UserAgent: "Mozilla"}},
		{Filter, empty, adfilter.BidRequest{}},
		{Kit, empty, adfilter.BidRequest{}},
	} {
		tt.want.AdvertiserId = "acme"
		for _, d := range []dialect{plain, packed} {
			if got := byServer(t, d, appendPublished(nil, d, tt.call.published(&tt.request, "acme"))); *got != tt.want {
				t.Errorf("%s, packed %v: got\n%+v, want\n%+v", tt.call, d, *got, tt.want)
			}
		}
	}
}

// A call of a log is sent as it stands, numbers of any size and spelling, under
// another id in each pass.
func TestReadsCall(t *testing.T) {
	line := `{"filter":{"bidId":"b","dayOfWeek":7,"hour":13,"deviceTypeId":"3","biddingPrice":-9007199254740993,"payingPrice":2.9,"regionId":1,"userAgent":null},"partners":["acme"],"bidders":["acme"]}`
	for _, protocol := range []Protocol{Binary, Compact} {
		c := Config{Call: Kit, Protocol: protocol, Partners: 9, Replay: &Replay{}}
		l, err := newLineReader(c).read([]byte(line), 42)
		if err != nil {
			t.Fatal(err)
		}
		want := adfilter.BidRequest{BidId: "b~3", DayOfWeek: 7, Hour: "13", DeviceTypeId: 3, BiddingPrice: -9007199254740993, PayingPrice: 2, RegionId: "1", AdvertiserId: "acme"}
		if got := byServer(t, protocol.dialect(), l.appendTo(nil, protocol.dialect(), 3)); *got != want || len(l.bidders) != 1 {
			t.Errorf("%s: got %+v, want %+v", protocol, *got, want)
		}
	}
}

func TestRefusesOtherCalls(t *testing.T) {
	for _, tt := range []struct {
		call       Call
		line, want string
	}{
		{Decide, `{"filter":{"advertiserId":"a"}}`, "--dialect filter"},
		{Filter, `{"id":"r","wseat":["a"]}`, "--dialect decide"},
		{Kit, `{"filter":{"hour":"1"}}`, "no advertiserId"},
		{Kit, `{"filter":{},"partners":["a","b"]}`, "asks 2 partners"},
	} {
		r := newLineReader(Config{Call: tt.call, Partners: 9, Replay: &Replay{}})
		if _, err := r.read([]byte(tt.line), 1); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s as %s: %v, want %s", tt.line, tt.call, err, tt.want)
		}
	}
}

// Calls of filter ask about the partners of auctions in turn, and what is
// answered counts as decisions do: by release, filtered or not, degraded.
func TestHoldsCalls(t *testing.T) {
	for _, protocol := range []Protocol{FramedBinary, FramedCompact, Binary, Compact} {
		synctest.Test(t, func(t *testing.T) {
			yes, release := true, "r1"
			var calls atomic.Int64
			asked := map[string]int{}
			f := &fleet{protocol: protocol, filter: func(r *adfilter.BidRequest) *adfilter.BidResponse {
				asked[r.AdvertiserId]++ // over one connection
				switch calls.Add(1) {
				case 1:
					return &adfilter.BidResponse{LikelihoodToBid: 1, Degraded: &yes}
				case 2:
					return &adfilter.BidResponse{LikelihoodToBid: .1, Release: &release} // says no more
				}
				return &adfilter.BidResponse{LikelihoodToBid: .1, Release: &release, Filtered: &yes}
			}}
			c := small()
			c.Protocol, c.Call, c.Connections = protocol, Kit, 1
			s := run(t, inBubble(t, c, f))
			if s.Auctions.Degraded != 1 || s.Auctions.Answered != 98 || s.Worth.Pairs != 98 || s.Worth.Filtered != 97 || s.Call != Kit ||
				len(s.Releases) != 1 || s.Releases[0].Release != release || s.Reports.Outcomes != 0 {
				t.Errorf("%s: %+v", protocol, s)
			}
			if want := map[string]int{"east": 25, "north": 25, "south": 25, "void": 24}; !maps.Equal(asked, want) {
				t.Errorf("%s: asked %v, want %v", protocol, asked, want)
			}
		})
	}
}

// A task reads out of a call what it reads out of the auction, as far as the
// call can say it: a price in whole units or hundredths, the device types that
// the kit has, and the rest of the day.
func TestCallsSayWhatAuctionsDo(t *testing.T) {
	sources := []string{"dayofweek", "hour", "imp.bidfloor", "device.devicetype"}
	market, steps := world.New(1), map[Call]float64{Filter: 1, Kit: .01}
	for call, by := range map[Call]feature.Dialect{Filter: feature.OpenRTB, Kit: feature.Kit} {
		contract := feature.Contract{Version: 2, Filter: by}
		for _, name := range sources {
			contract.Features = append(contract.Features, feature.Feature{Name: name, Kind: feature.Number, Source: []string{name}})
		}
		e, err := contract.Compile()
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(200) {
			auction := market.Auction(n, time.Unix(1_000_000, 0)).Request
			p := call.published(&auction, "acme")
			asked := feature.Absent()
			asked.Filter = feature.FilterCall{Asked: true, Day: p.day.known, Hour: p.hour != "", Device: p.device.known, Price: p.bidding.known}
			asked.DayOfWeek, asked.Hour = float32(p.day.is), feature.HourOf(p.hour)
			asked.DeviceType, asked.ImpBidfloor = float32(p.device.is), float32(p.bidding.is)
			var want, got [4]float32
			e.Extract(want[:], &auction, "acme")
			e.Extract(got[:], &asked, "acme")
			if call == Kit && !slices.Contains([]float32{1, 2, 4, 6}, want[3]) {
				want[3], got[3] = 0, float32(oneIf(!isAbsent(got[3]))) // other: missing
			}
			if got[0] != want[0] || got[1] != want[1] || math.Abs(float64(got[2]-want[2])) > steps[call]/2+1e-6 || got[3] != want[3] {
				t.Errorf("%s, auction %d: day, hour, floor and device are %v, and of the auction %v", call, n, got, want)
			}
		}
	}
}
