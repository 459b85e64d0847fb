package world

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/sluicehq/sluice/inference/feature"
)

// Moment returns when auction n of a log happens: auctions are spread evenly
// over one week of November 2026, with fewer of them by night (UTC).
func Moment(n uint64) time.Time {
	monday := time.Date(2026, time.November, 16, 0, 0, 0, 0, time.UTC)
	d := newDice(0x6d6f6d656e74, n)
	day := time.Duration(d.below(7)) * 24 * time.Hour
	for { // three in four draws are kept, so this ends
		hour := d.between(0, 24)
		if d.float() < .75-.25*math.Cos((hour-3)*math.Pi/12) {
			return monday.Add(day + time.Duration(hour*float64(time.Hour)).Truncate(time.Millisecond))
		}
	}
}

// WriteLog writes count auctions from number from on, one feature.Line each,
// as feature.Rows reads them.
func (w *World) WriteLog(to io.Writer, from, count uint64) error {
	out := bufio.NewWriterSize(to, 1<<16)
	lines := json.NewEncoder(out)
	for n := from; n != from+count; n++ {
		at := Moment(n)
		a := w.Auction(n, at)
		line := feature.Line{TS: at.UnixMilli(), Request: feature.MarshalOpenRTB(a.Request), Partners: a.Partners, Bidders: a.Bidders, Prices: a.Prices}
		if err := lines.Encode(line); err != nil {
			return fmt.Errorf("write auction %d: %w", n, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write auctions: %w", err)
	}
	return nil
}
