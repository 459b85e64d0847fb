package auction

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// WriteHistogram writes the latency of all auctions so far in the text format
// of HdrHistogram (".hgrm"), in milliseconds, as its plotters read it.
func (l *Load) WriteHistogram(to io.Writer) error {
	if err := writePercentiles(to, l.tally.latencies()); err != nil {
		return fmt.Errorf("write histogram: %w", err)
	}
	return nil
}

const (
	stepsPerHalf = 5 // lines for each halving of the distance to 100 %
	usPerMS      = 1000.0
)

// writePercentiles writes what HdrHistogram for Java does, to the column. The
// library's own printer has fewer digits of the percentile: from 99.9999 % on
// its lines are all alike.
func writePercentiles(to io.Writer, h *hdrhistogram.Histogram) error {
	w := bufio.NewWriter(to) // it keeps the first error until Flush
	_, _ = fmt.Fprintf(w, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	for _, b := range h.CumulativeDistributionWithTicks(stepsPerHalf) {
		share := b.Quantile / 100
		_, _ = fmt.Fprintf(w, "%12.3f %2.12f %10d", float64(b.ValueAt)/usPerMS, share, b.Count)
		if share < 1 {
			_, _ = fmt.Fprintf(w, " %14.2f", 1/(1-share))
		}
		_, _ = fmt.Fprintln(w)
	}
	_, _ = fmt.Fprintf(w, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", h.Mean()/usPerMS, h.StdDev()/usPerMS)
	_, _ = fmt.Fprintf(w, "#[Max     = %12.3f, Total count    = %12d]\n", float64(h.Max())/usPerMS, h.TotalCount())
	_, _ = fmt.Fprintf(w, "#[Buckets = %12d, SubBuckets     = %12d]\n", buckets(h), subBuckets)
	return w.Flush()
}

// subBuckets is what three significant digits take.
const subBuckets = 2048

// buckets is how often the sub-buckets are doubled to reach the histogram's
// highest value.
func buckets(h *hdrhistogram.Histogram) int {
	n := 1
	for reach := int64(subBuckets); reach <= h.HighestTrackableValue(); reach *= 2 {
		n++
	}
	return n
}

// intervals writes one histogram a second in HdrHistogram's log format, whose
// values are nanoseconds as its tools expect.
type intervals struct {
	log  *hdrhistogram.HistogramLogWriter
	last time.Time
}

// newIntervals writes the beginning. Whether to took it, its owner will know.
func newIntervals(to io.Writer, now time.Time) *intervals {
	i := &intervals{log: hdrhistogram.NewHistogramLogWriter(to), last: now}
	_ = i.log.OutputComment("[Latency of auctions, from the moment they were meant to begin, in nanoseconds]")
	_ = i.log.OutputLogFormatVersion()
	_ = i.log.OutputStartTime(now.UnixMilli())
	_ = i.log.OutputLegend()
	return i
}

// write writes the interval that ends now.
func (i *intervals) write(us *hdrhistogram.Histogram, now time.Time) {
	const ns = 1000
	h := hdrhistogram.New(ns, maxMicroseconds*ns, 3)
	for _, b := range us.Distribution() {
		if b.Count > 0 {
			_ = h.RecordValues(min(b.To, maxMicroseconds)*ns, b.Count) // within its bounds
		}
	}
	h.SetStartTimeMs(i.last.UnixMilli())
	h.SetEndTimeMs(now.UnixMilli())
	i.last = now
	_ = i.log.OutputIntervalHistogram(h)
}
