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
	if text := rangeText(a.Slots); text != "" {
		p.field("", text)
	}
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

// rangeText tells between what all auctions went over the last minutes; nothing
// while those are too few to tell.
func rangeText(s api.Slots) string {
	c := s.All
	if c == nil || len(c.Rate)*int(s.EverySeconds) < 120 {
		return ""
	}
	low, high := between(c.Rate)
	fewest, most := between(c.Filtered)
	_, degraded := between(c.Degraded)
	_, failed := between(c.Failed)
	_, p99 := between(c.P99)
	return fmt.Sprintf("in %s %s to %s/s, %s to %s filtered; at most %s degraded, %s failed, p99 %s",
		span(time.Duration(float64(len(c.Rate))*s.EverySeconds)*time.Second), rateText(numberOf(low)), rateText(numberOf(high)),
		shareText(fewest), shareText(most), shareText(degraded), shareText(failed), tookText(p99))
}

// between is the least and the greatest of what is known; nil where nothing is.
func between(column []*float64) (least, greatest *float64) {
	for _, v := range column {
		if v == nil {
			continue
		}
		if least == nil || *v < *least {
			least = v
		}
		if greatest == nil || *v > *greatest {
			greatest = v
		}
	}
	return least, greatest
}

func numberOf(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
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
