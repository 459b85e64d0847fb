package inference

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// A connection that asks about other partners than before, under another
// release than before, is answered by the right thresholds and counted where
// it belongs.
func TestSeatsFollowPartnersAndReleases(t *testing.T) {
	even, odd := toy{Seed: 7, Threshold: 0.3}, toy{Seed: 8, Threshold: 0.6}
	task := newToyTask(t, newToyShop(even, odd))
	s := &session{t: task}
	lists := [][]string{{"a", "b"}, {"b", "a"}, {"b"}, {}, {"a", "b", "c"}, {"", string(make([]byte, maxPartnerBytes+1)), "a"}, {"a", "b"}}
	for n := range 4 * len(lists) {
		is := []toy{even, odd}[n/len(lists)%2]
		if n%len(lists) == 0 {
			force(t, task, assignment{release: is.digest(), buckets: 1, generation: int64(n)})
		}
		s.d.request.ID, s.d.partners = fmt.Sprint(n), lists[n%len(lists)]
		s.decide(t.Context(), false, time.Now())
		for i, name := range s.d.partners {
			want := is.rate(s.d.request.ID, name)
			if math.Float32bits(s.d.scores[i]) != math.Float32bits(want) || s.d.filtered[i] != (want < is.Threshold) {
				t.Errorf("request %d, partner %.9q: %v %v, want %v", n, name, s.d.scores[i], s.d.filtered[i], want)
			}
		}
		s.afterReply(t.Context(), time.Now())
	}
	for _, c := range task.ledger.own {
		got := map[string]int64{}
		for _, p := range c.tally(1).partners {
			got[p.name] = p.scored[0]
		}
		want := map[string]int64{"a": 5, "b": 5, "c": 1, noPartner: 1, otherPartners: 1}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("generation %d: scored %v, want %v", c.key.generation, got, want)
		}
	}
}

// Names that nobody will ask for again do not fill the memory.
func TestSeatsAreBounded(t *testing.T) {
	task := newToyTask(t, newToyShop(low))
	force(t, task, assignment{release: low.digest(), buckets: 1})
	now := task.serving.Load()
	for i := range 2 * maxPartners {
		if got := now.seat(fmt.Sprint("partner ", i)); got.terms[serves].threshold != low.Threshold {
			t.Fatalf("partner %d: %+v", i, got)
		}
	}
	if n := len(*now.seats.known.Load()); n >= maxPartners {
		t.Errorf("%d seats", n)
	}
}
