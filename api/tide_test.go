package api_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// However many watch a fleet, it is looked at once a round, and not at all when
// nobody does any more.
func TestStreamsShareTheirLooks(t *testing.T) {
	f := apitest.Scene("canary", noon)
	c := apitest.Serve(t, f, api.Options{Every: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	heard, last := make(chan struct{}, 16), f.Saved.LastEvent
	for range 16 {
		all.Go(func() {
			_ = c.Follow(ctx, "demo", last, func(n api.News) bool {
				if n.Event != nil {
					heard <- struct{}{}
				}
				return true
			})
		})
	}
	reads := func() int {
		f.Mu.Lock()
		defer f.Mu.Unlock()
		return f.Reads
	}
	began, before := time.Now(), reads()
	for range 10 {
		f.Tell(rollout.Event{At: noon, Reason: rollout.Found, Sentence: "news"})
		for range 16 {
			<-heard
		}
	}
	if most := 2*int(time.Since(began)/(20*time.Millisecond)) + 40; reads()-before > most {
		t.Errorf("16 streams read the fleet %d times, want %d at most", reads()-before, most)
	}
	cancel()
	all.Wait()
	for settled := 0; ; { // the server hears of it a little later
		was := reads()
		time.Sleep(50 * time.Millisecond)
		if settled++; reads() == was {
			return
		}
		if settled > 200 {
			t.Fatal("it is looked at still, and nobody watches")
		}
	}
}
