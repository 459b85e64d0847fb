package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

const stateObject = "fleets/ads/state.json"

// TestStateMended damages the state under a leader and restores versions of it
// through S3, as docs/operating.md says: people are told what to do, the fleet
// goes on from there and obeys, and no auction fails.
func TestStateMended(t *testing.T) {
	t.Parallel()
	const tasks = 4
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	s.must(s.cloud.Version(t.Context(), "sluice"))
	s.startController()
	s.try("baseline")
	first := s.serves("baseline", tasks).Stable.Digest
	early, err := s.cloud.Newest(t.Context(), "sluice", stateObject)
	s.must(err)
	auctions := s.auctions()
	s.ask(rollout.VerbPromote, api.Ask{Rollout: s.try("better")})
	better := s.serves("better", tasks).Stable.Digest
	sound, err := s.cloud.Newest(t.Context(), "sluice", stateObject)
	s.must(err)

	for what, mend := range map[string]func() error{
		"a copy of the earlier version": func() error { return s.cloud.Restore(t.Context(), "sluice", stateObject, sound) },
		"the damaged version removed": func() error {
			damaged, err := s.cloud.Newest(t.Context(), "sluice", stateObject)
			s.must(err)
			return s.cloud.Remove(t.Context(), "sluice", stateObject, damaged)
		},
	} {
		s.toldToRestore(func() {
			s.must(s.cloud.Upload(t.Context(), "sluice", stateObject, []byte(`{"fleet":"ads","ep`)))
		})
		s.must(mend())
		s.serves("better", tasks)
		sound, err = s.cloud.Newest(t.Context(), "sluice", stateObject)
		s.must(err)
		t.Logf("mended by %s", what)
	}

	before := s.serves("better", tasks)
	s.must(s.cloud.Restore(t.Context(), "sluice", stateObject, early))
	s.serves("baseline", tasks)
	if e := s.next(before.LastEvent); e.Reason != string(rollout.Restored) || e.Seq <= before.LastEvent {
		t.Errorf("after event %d comes %+v, want %s", before.LastEvent, e, rollout.Restored)
	}
	s.ask(rollout.VerbRollback, api.Ask{Release: better, Why: "the restored state has the wrong one"})
	s.serves("better", tasks)
	s.ask(rollout.VerbRollback, api.Ask{Release: first, Why: "it goes on"})
	s.serves("baseline", tasks)
	s.failed(auctions, 0)
}

// toldToRestore wants the way out of a damaged state wherever people look.
func (s *stack) toldToRestore(damage func()) {
	s.Helper()
	const want = "restore an earlier version of the object"
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	open, told := make(chan struct{}), make(chan error, 1)
	go func() { // as the dashboard does
		first := sync.OnceFunc(func() { close(open) })
		told <- s.api.Follow(ctx, "ads", -1, func(n api.News) bool { first(); return !strings.Contains(n.Trouble, want) })
	}()
	select {
	case <-open:
	case err := <-told:
		s.Fatal(err)
	}
	damage()
	if err := <-told; err != nil {
		s.Errorf("the dashboard is not told to %s: %v", want, err)
	}
	until(s, "status to say what to do", func() (bool, string) {
		_, err := s.api.Fleet(s.Context(), "ads")
		return err != nil && strings.Contains(err.Error(), want), fmt.Sprint(err)
	})
	if _, err := s.api.Ask(s.Context(), "ads", rollout.VerbRollback, api.Ask{By: "test"}); err == nil || !strings.Contains(err.Error(), want) {
		s.Errorf("who asks to go back is told %v, want %q", err, want)
	}
	_, err := s.controller.await(want)
	s.must(err)
}

// auctions are asked of all tasks until failed is called.
func (s *stack) auctions() *process {
	s.Helper()
	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	return s.launch("auction", "auction", "--target", target, "--rate", "200", "--connections", "20", "--tmax", "5s", "--json")
}

// failed ends the auctions, and wants so many of them to have failed.
func (s *stack) failed(auctions *process, want int) {
	s.Helper()
	s.must(auctions.stop())
	if said := strings.ReplaceAll(auctions.printed(), " ", ""); !strings.Contains(said, fmt.Sprintf(`"failed":%d,`, want)) {
		s.Errorf("not %d auctions failed:\n%s", want, said)
	}
}

// next is the first event after one.
func (s *stack) next(after int64) (e api.Event) {
	s.Helper()
	s.must(s.api.Follow(s.Context(), "ads", after, func(n api.News) bool {
		if n.Event != nil {
			e = *n.Event
		}
		return n.Event == nil
	}))
	return e
}
