package cli

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/api"
)

// auctions tells how auctions fare: all of them, and arm by arm while there are
// some to compare.
func (p *page) auctions(f api.Fleet) {
	a := f.Auctions
	switch {
	case f.Loop == nil:
		return
	case a == nil:
		p.field("auctions", "not known: the controller that looked last does not measure them")
		return
	case a.All == nil:
		p.field("auctions", "not known yet: no task has told twice what it answered")
		return
	}
	p.field("auctions", trafficText(*a.All)+", over "+span(time.Duration(a.OverSeconds*float64(time.Second))))
	if a.Canary == nil && a.Control == nil {
		return
	}
	for _, arm := range []struct {
		name string
		of   *api.Traffic
	}{{"canary", a.Canary}, {"control", a.Control}, {"rest", a.Rest}} {
		if arm.of != nil {
			p.field("  "+arm.name, trafficText(*arm.of))
		}
	}
}

func trafficText(t api.Traffic) string {
	return fmt.Sprintf("%s/s, %s filtered, %s degraded, %s failed, p50 %s, p99 %s",
		rateText(t.Rate), shareText(t.Filtered), shareText(t.Degraded), shareText(t.Failed), tookText(t.P50), tookText(t.P99))
}

func rateText(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'g', 2, 64)
	}
	return thousands(int64(math.Round(rate)))
}

// shareText tells a share in as few digits as it takes; what is not known is
// not zero.
func shareText(share *float64) string {
	switch {
	case share == nil:
		return "? %"
	case *share >= .1:
		return fmt.Sprintf("%.0f %%", 100**share)
	}
	return strconv.FormatFloat(100**share, 'g', 2, 64) + " %"
}

func tookText(seconds *float64) string {
	if seconds == nil {
		return "?"
	}
	return strconv.FormatFloat(1000**seconds, 'g', 3, 64) + " ms"
}
