package auction

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// The file is what HdrHistogram's plotters split: four columns, the first and
// the last of them drawn; the last line has three, comments follow.
func TestWritesPercentiles(t *testing.T) {
	h := newHistogram()
	for i := range 100_000 {
		record(h, time.Duration(i+1)*time.Microsecond)
	}
	var b bytes.Buffer
	if err := writePercentiles(&b, h); err != nil {
		t.Fatal(err)
	}
	var value, share float64
	var drawn, full int
	lines := bufio.NewScanner(&b)
	for n := 0; lines.Scan(); n++ {
		columns := strings.Fields(lines.Text())
		if n < 2 || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		v, _ := strconv.ParseFloat(columns[0], 64)
		p, _ := strconv.ParseFloat(columns[1], 64)
		if v < value || p < share || v < 99.9*p || v > 100.2*p+.01 {
			t.Errorf("%q: after %v at %v, and of 0.001 to 100 ms", lines.Text(), value, share)
		}
		value, share = v, p
		if len(columns) == 4 {
			drawn++
		} else if full++; len(columns) != 3 || p != 1 || columns[2] != "100000" {
			t.Errorf("last line %q", lines.Text())
		}
	}
	if drawn < 50 || full != 1 {
		t.Errorf("%d lines, %d at 100 %%", drawn, full)
	}
}

// The log is read back by HdrHistogram's own reader, second by second.
func TestWritesLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			time.Sleep(time.Duration(1+n/100) * time.Millisecond)
			return forwardAll(n, partners)
		}}
		var log bytes.Buffer
		c := small()
		c.Duration, c.HistogramLog = 2505*time.Millisecond, &log
		s := run(t, inBubble(t, c, f))
		r := hdrhistogram.NewHistogramLogReader(&log)
		var total int64
		for i := range 3 {
			h, err := r.NextIntervalHistogram()
			if err != nil || h == nil {
				t.Fatalf("interval %d: %v, %v", i, h, err)
			}
			total += h.TotalCount()
			if ms := float64(h.ValueAtQuantile(50)) / 1e6; ms < .99*float64(1+i) || ms > 1.01*float64(1+i) {
				t.Errorf("interval %d: %v ms, want %d", i, ms, 1+i)
			}
			if d := h.EndTimeMs() - h.StartTimeMs(); i < 2 && d != 1000 || d < 400 {
				t.Errorf("interval %d lasts %d ms", i, d)
			}
		}
		if h, _ := r.NextIntervalHistogram(); h != nil || total != s.Auctions.Sent {
			t.Errorf("%d latencies, sent %d; more: %v", total, s.Auctions.Sent, h)
		}
	})
}

// Each release has latencies of its own.
func TestLatencyByRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			if n%3 == 0 {
				time.Sleep(50 * time.Millisecond)
				return decided(n, "slow", partners), nil
			}
			return decided(n, "fast", partners), nil
		}}
		s := run(t, inBubble(t, small(), f))
		if fast, slow := s.Releases[0].Latency, s.Releases[1].Latency; fast.Max > 1 || slow.P50 < 49_900 || slow.P50 > 50_100 {
			t.Errorf("fast %+v, slow %+v", fast, slow)
		}
	})
}
