package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// shelf is where artifacts are hard to come by.
type shelf struct {
	Artifacts
	asked int
	pin   func(ctx context.Context, key string) error
	fetch func(ctx context.Context, key string) error
}

func (s *shelf) Pin(ctx context.Context, source release.Source) (release.Source, int64, error) {
	s.asked++
	if s.pin != nil {
		if err := s.pin(ctx, source.Key); err != nil {
			return source, 0, err
		}
	}
	return s.Artifacts.Pin(ctx, source)
}

func (s *shelf) Fetch(ctx context.Context, source release.Source, limit int64) ([]byte, error) {
	if s.fetch != nil {
		if err := s.fetch(ctx, source.Key); err != nil {
			return nil, err
		}
	}
	return s.Artifacts.Fetch(ctx, source, limit)
}

func denied(_ context.Context, key string) error {
	if strings.HasPrefix(key, "denied") {
		return errors.New("access is denied: allow kms:Decrypt")
	}
	return nil
}

// passes reconciles for a while, at the loop's pace.
func passes(t *testing.T, r *Reconciler, n int) {
	t.Helper()
	for range n {
		_, _ = r.Pass(t.Context())
		time.Sleep(time.Second)
	}
}

// TestUnreadableArtifact gives a fleet an artifact that can be found and never
// be read, or not even be found: it is waited for as long as for one that is
// not there, gives way to a newer model, and says why.
func TestUnreadableArtifact(t *testing.T) {
	first := scenes(t)[1]
	for _, at := range []string{"pin", "fetch"} {
		for _, newer := range []bool{false, true} {
			t.Run(fmt.Sprint(at, newer), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := first.stage()
					r := w.reconciler(1)
					s := &shelf{Artifacts: w, pin: denied}
					if at == "fetch" {
						s.pin, s.fetch = nil, denied
					}
					r.Artifacts = s
					r.Fleet.Policies.Default.ArtifactWait = 5 * time.Minute
					w.complete("denied", testArtifact("denied"), 0)
					passes(t, r, 60)
					if a := w.state(t).Active; a == nil || a.Phase != rollout.Admitting || a.Reason != rollout.AwaitArtifact || !strings.Contains(a.Sentence, "kms:Decrypt") {
						t.Fatalf("it is %+v", a)
					}
					why := rollout.ArtifactTimeout
					if newer {
						why = rollout.Newer
						w.complete("good", testArtifact("good"), 0.001)
						passes(t, r, 60)
					}
					passes(t, r, 300)
					ended := w.ended(t)
					if got := ended["denied"]; got.Reason != why || !newer && !strings.Contains(got.Sentence, "kms:Decrypt") {
						t.Errorf("it ended %s: %s (%s)", got.Phase, got.Reason, got.Sentence)
					}
					if newer && ended["good"].Phase != rollout.Live {
						t.Errorf("the one behind it is %+v", ended["good"])
					}
				})
			})
		}
	}
}

// TestArtifactIsAllowed allows what was denied while it is awaited: the rollout
// goes on by itself.
func TestArtifactIsAllowed(t *testing.T) {
	first := scenes(t)[1]
	synctest.Test(t, func(t *testing.T) {
		w := first.stage()
		r := w.reconciler(1)
		s := &shelf{Artifacts: w, pin: denied}
		r.Artifacts = s
		w.complete("denied", testArtifact("denied"), 0.001)
		passes(t, r, 60)
		if a := w.state(t).Active; a == nil || a.Reason != rollout.AwaitArtifact {
			t.Fatalf("it is %+v", a)
		}
		s.pin = nil
		passes(t, r, 300)
		if got := w.ended(t)["denied"]; got.Phase != rollout.Live {
			t.Errorf("it ended %s: %s (%s)", got.Phase, got.Reason, got.Sentence)
		}
	})
}

// TestLookOutlivesPass lets an artifact take ten minutes to fetch. Passes say
// so and go on: what a person asks is done within one of them, which calls the
// look off.
func TestLookOutlivesPass(t *testing.T) {
	first := scenes(t)[1]
	for _, verb := range []rollout.Verb{"", rollout.VerbAbort} {
		t.Run(string(verb), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := first.stage()
				r := w.reconciler(1)
				looks, calledOff := 0, false
				r.Artifacts = &shelf{Artifacts: w, fetch: func(ctx context.Context, _ string) error {
					looks++
					select {
					case <-time.After(9 * time.Minute):
						return nil
					case <-ctx.Done():
						calledOff = true
						return ctx.Err()
					}
				}}
				w.complete("good", testArtifact("good"), 0.001)
				for range 60 {
					began := time.Now()
					_, _ = r.Pass(t.Context())
					if took := time.Since(began); took > time.Second {
						t.Fatalf("a pass took %v", took)
					}
					time.Sleep(time.Second)
				}
				if a := w.state(t).Active; a == nil || a.Phase != rollout.Admitting || !strings.HasPrefix(a.Sentence, "still looking at s3://training/good") || looks != 1 {
					t.Fatalf("after %d looks it is %+v", looks, a)
				}
				if verb == "" { // a newer one waits for it
					w.complete("bad", testArtifact("bad"), 0.3)
					passes(t, r, 700)
					if got := w.ended(t)["good"]; got.Phase != rollout.Live || looks != 2 {
						t.Errorf("after %d looks it ended %s: %s", looks, got.Reason, got.Sentence)
					}
					r.stopLooking()
					return
				}
				q := rollout.Request{ID: "1", Verb: verb, By: "ann", At: time.Now()}
				if _, err := (Store{Documents: w, Names: []string{"ads"}}).Request(t.Context(), "ads", q); err != nil {
					t.Fatal(err)
				}
				passes(t, r, 4)
				if !calledOff || w.state(t).Active != nil || r.memo.examination != nil {
					t.Errorf("called off %v, and %+v goes on", calledOff, w.state(t).Active)
				}
			})
		})
	}
}

// TestLookEndsWithLeadership ends the loop in the middle of a look: it is
// called off, and the loop is not over before it is. An artifact that is not
// there is asked for at the loop's pace, though the end of a look wakes it.
func TestLookEndsWithLeadership(t *testing.T) {
	first := scenes(t)[1]
	synctest.Test(t, func(t *testing.T) {
		w := first.stage()
		r := w.reconciler(1)
		over := false
		s := &shelf{Artifacts: w, fetch: func(ctx context.Context, _ string) error {
			<-ctx.Done()
			time.Sleep(3 * time.Second) // until it notices
			over = true
			return ctx.Err()
		}}
		r.Artifacts = s
		w.complete("good", testArtifact("good"), 0.001)
		artifact := w.artifacts["good"]
		delete(w.artifacts, "good")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			r.run(ctx)
			close(ended)
		}()
		time.Sleep(time.Minute)
		if s.asked < 40 || s.asked > 90 {
			t.Errorf("an artifact that is not there is asked for %d times in a minute", s.asked)
		}
		w.mu.Lock()
		w.artifacts["good"] = artifact
		w.mu.Unlock()
		time.Sleep(time.Minute)
		stop()
		<-ended
		if !over {
			t.Error("the loop is over before its look is")
		}
	})
}
