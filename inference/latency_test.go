package inference

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A task tells what every request since boot took, however many releases have
// answered: none is lost when old counts are, and no bin ever shrinks.
func TestLatencySinceBoot(t *testing.T) {
	task := newToyTask(t, newToyShop(low, high))
	var asked int64
	before := make([]int64, LatencyBins)
	for generation := range int64(3 * keptCounts) {
		release := []toy{low, high}[generation%2]
		force(t, task, assignment{release: release.digest(), buckets: 2, generation: generation})
		for connection := range uint64(5) {
			s := &session{t: task, id: connection}
			s.d.request.ID, s.d.partners = fmt.Sprint(connection), []string{"a"}
			read := time.Now()
			s.decide(t.Context(), false, read)
			s.afterReply(t.Context(), read.Add(time.Duration(generation)*time.Millisecond))
			asked++
		}
		now := task.status().Latency
		for bin, n := range now {
			if n < before[bin] {
				t.Fatalf("generation %d: bin %d went from %d to %d", generation, bin, before[bin], n)
			}
		}
		if got := sum(now); got != asked {
			t.Fatalf("generation %d: it tells of %d requests, want %d", generation, got, asked)
		}
		if took := latencyBin(time.Duration(generation) * time.Millisecond); now[took] == before[took] {
			t.Fatalf("generation %d: nothing took bin %d", generation, took)
		}
		before = now
	}
}

// How long a processor lets requests wait is sampled whether there are any or
// not, and told with the rest.
func TestWaitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop(low))
		r := start(t, task)
		defer r.end()
		time.Sleep(time.Second + lagPause/2)
		if got, want := sum(r.status().Waits), int64(time.Second/lagPause); got != want {
			t.Errorf("%d samples in a second, want %d", got, want)
		}
	})
}

// A pause of the whole process is one that every request of the time waits in.
func TestLateCountsEverybody(t *testing.T) {
	for _, tt := range []struct {
		late  time.Duration
		waits []time.Duration
	}{
		{0, []time.Duration{0}},
		{-time.Millisecond, nil}, // it cannot be
		{800 * time.Microsecond, []time.Duration{800 * time.Microsecond}},
		{12 * time.Millisecond, []time.Duration{12 * time.Millisecond, 7 * time.Millisecond, 2 * time.Millisecond}},
	} {
		var l lag
		l.late(tt.late)
		want := make([]int64, LatencyBins)
		for _, w := range tt.waits {
			want[latencyBin(w)]++
		}
		if got := l.sampled(); !slices.Equal(got, want) {
			t.Errorf("late by %v: counted %v, want %v", tt.late, got, want)
		}
	}
	var l lag
	l.late(time.Hour)
	if got, want := sum(l.sampled()), int64(maxLag/lagPause)+1; got != want {
		t.Errorf("an hour counts %d times, want %d", got, want)
	}
}
