package inference

import (
	"bufio"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
)

// A request waits for its turn no longer than its auction does, and no longer
// than the task allows.
func TestDeadlinesForward(t *testing.T) {
	tests := []struct {
		name   string
		tmax   int32
		flag   time.Duration
		lag    time.Duration
		reason Degraded
		after  time.Duration
	}{
		{"the auction's own", 5, time.Second, 0, Deadline, 5 * time.Millisecond},
		{"the task's", 120, 8 * time.Millisecond, 0, Deadline, 8 * time.Millisecond},
		{"none of the auction", 0, 8 * time.Millisecond, 0, Deadline, 8 * time.Millisecond},
		{"nonsense of the auction", -3, 8 * time.Millisecond, 0, Deadline, 8 * time.Millisecond},
		{"the longest wait", 120, time.Second, 0, Busy, 20 * time.Millisecond},
		{"over before it is seen", 5, time.Second, 6 * time.Millisecond, Deadline, 0},
		{"everybody waits", 0, time.Second, 600 * time.Millisecond, Busy, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				task := newToyTask(t, newToyShop(low))
				task.o.Deadline = tt.flag
				task.slots = newSlots(1)
				task.slots.tryTake()
				task.lag.recent.Store(int64(tt.lag))
				force(t, task, assignment{release: low.digest(), buckets: 1})
				request := &openrtb.AuctionRequest{Tmax: &tt.tmax}
				if tt.tmax == 0 {
					request.Tmax = nil
				}
				began := time.Now()
				d, err := client(serveOn(t, task), FramedBinary).Decide(t.Context(), request, []string{"a"})
				if err != nil {
					t.Fatal(err)
				}
				forwarded(t, d, tt.reason, 1)
				if took := time.Since(began); took != tt.after {
					t.Errorf("answered after %v", took)
				}
				if counterOf(t, task, "sluice_degraded_total", string(tt.reason)) != 1 {
					t.Error("not counted")
				}
			})
		})
	}
}

// The longer requests wait for a processor, the more of them are forwarded.
func TestShedsByLag(t *testing.T) {
	task := newToyTask(t, newToyShop(low))
	force(t, task, assignment{release: low.digest(), buckets: 1})
	for _, tt := range []struct {
		lag       time.Duration // of a deadline of 50 ms
		low, high float64
	}{{0, 0, 0}, {12 * time.Millisecond, 0, 0}, {18750 * time.Microsecond, 0.45, 0.55}, {25 * time.Millisecond, 1, 1}} {
		task.lag.recent.Store(int64(tt.lag))
		s := &session{t: task, id: 5}
		const draws = 10_000
		shed := 0
		for range draws {
			if s.shed() {
				shed++
			}
		}
		if share := float64(shed) / draws; share < tt.low || share > tt.high {
			t.Errorf("at %v: %v are forwarded", tt.lag, share)
		}
	}
}

// Replies that are ready do not wait with a request that waits.
func TestReadyRepliesDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low))
		task.slots = newSlots(1)
		force(t, task, assignment{release: low.digest(), buckets: 1})
		conn := serveOn(t, task)
		filter := encodeAs(t, FramedBinary, func(ctx context.Context, c *adfilter.AdFilterClient) { c.Filter(ctx, &adfilter.BidRequest{}) })
		unknown := append(append([]byte{0, 0, 0, 16, 0x80, 1, 0, 1, 0, 0, 0, 3}, "who"...), 0, 0, 0, 1, 0)
		task.slots.tryTake()
		replies := bufio.NewReader(conn)
		began := time.Now()
		go conn.Write(append(unknown, filter...))
		if err := discardFrame(replies); err != nil || time.Since(began) != 0 {
			t.Errorf("the first reply came after %v, %v", time.Since(began), err)
		}
		if err := discardFrame(replies); err != nil || time.Since(began) != task.o.MaxWait {
			t.Errorf("the second one after %v, %v", time.Since(began), err)
		}
	})
}
