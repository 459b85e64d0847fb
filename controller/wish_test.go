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

// retrying is the store as a server has it whose reply to a write is lost, and
// whose client then writes again: by then the leader may have written, so that
// the retry finds another document than it was to replace.
type retrying struct {
	*world
	meanwhile func() // before the retry
}

func (d *retrying) Put(ctx context.Context, key string, body []byte, etag string) (string, error) {
	written, err := d.world.Put(ctx, key, body, etag)
	if meanwhile := d.meanwhile; err == nil && meanwhile != nil && key == release.FleetKey("ads") {
		d.meanwhile = nil
		meanwhile()
		if _, now, _ := d.Get(ctx, key); now != written {
			return "", fmt.Errorf("put %s: %w", key, ErrStale)
		}
	}
	return written, err
}

// A rollback that is asked once, on a server that does not lead, goes back once:
// its write is acted on, its reply lost, and it is written again.
func TestWishHasOneEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		leader := w.reconciler(1)
		pass := func() { _, _ = leader.Pass(t.Context()); time.Sleep(time.Second) }
		for _, name := range []string{"first", "good"} {
			playJob(t, w, name, func() error { _, err := leader.Pass(t.Context()); return err })
		}
		w.complete("greedy", testArtifact("greedy"), 0)
		for w.state(t).Active == nil || w.state(t).Active.Phase != rollout.Shadow {
			pass()
		}
		server := Store{Documents: &retrying{w, func() { // the wish takes effect before the retry
			for range 6 {
				pass()
			}
		}}, Names: []string{"ads"}}
		q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, By: "ann", At: time.Now()}
		answer, err := server.Request(t.Context(), "ads", q)
		if good := release.Digest(testArtifact("good")); err != nil || answer.Release != good || answer.Rollout != "greedy" {
			t.Errorf("answered %+v, %v, want to go from greedy to %.12s", answer, err, good)
		}
		for range 6 {
			pass()
		}
		checkServes(t, w, "good")
		if again, err := server.Request(t.Context(), "ads", q); err != nil || again.Release != answer.Release || !again.At.Equal(answer.At) {
			t.Errorf("asked again: %+v, %v, want %+v", again, err, answer)
		}
		for range 6 {
			pass()
		}
		checkServes(t, w, "good")
		if greedy := w.ended(t)["greedy"]; greedy.Phase != rollout.RolledBack || greedy.By != "ann" {
			t.Errorf("greedy ended %+v", greedy)
		}
	})
}

func checkServes(t *testing.T, w *world, job string) {
	t.Helper()
	digest := release.Digest(testArtifact(job))
	if s := w.state(t); s.Stable != digest || s.Active != nil || len(s.Requests) > 0 {
		t.Errorf("stable is %.12s with %+v active, want %s", s.Stable, s.Active, job)
	}
	for id, task := range w.tasks {
		if task.Serving != digest {
			t.Errorf("task %s serves %.12s, want %s", id, task.Serving, job)
		}
	}
}

// A rollout is tried under a name once, also when the first is in the archive
// alone; its evidence stays.
func TestNameIsTakenForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		playJob(t, w, "first", func() error { _, err := r.Pass(t.Context()); return err })
		if held := w.state(t).Finished; len(held) > 0 {
			t.Fatalf("still in the state: %+v", held)
		}
		store := Store{Documents: w, Names: []string{"ads"}}
		q := rollout.Request{ID: "1", Verb: rollout.VerbTry, By: "ann", At: time.Now(), Rollout: "first", Source: &release.Source{Bucket: "b", Key: "first"}}
		if _, err := store.Request(t.Context(), "ads", q); !errors.Is(err, rollout.ErrConflict) {
			t.Errorf("tried again: %v", err)
		}
		q = rollout.Request{ID: "2", Verb: rollout.VerbAbort, By: "ann", At: time.Now(), Rollout: "first"}
		if _, err := store.Request(t.Context(), "ads", q); err == nil || !errors.Is(err, rollout.ErrConflict) || !strings.Contains(err.Error(), "first is over since") {
			t.Errorf("aborted after its end: %v", err)
		}
	})
}

// What cannot be looked up now is not missing.
func TestArchiveThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		for _, name := range []string{"first", "good"} {
			playJob(t, w, name, func() error { _, err := r.Pass(t.Context()); return err })
		}
		f := faults{world: w, ask: func(what string) error {
			return map[bool]error{true: errDown}[what != "get fleets/ads/state.json" && what != "put fleets/ads/state.json"]
		}}
		store := Store{Documents: f, Names: []string{"ads"}}
		for _, q := range []rollout.Request{
			{ID: "1", Verb: rollout.VerbTry, Rollout: "x", Source: &release.Source{Bucket: "b", Key: "k"}},
			{ID: "2", Verb: rollout.VerbRollback, Release: release.Digest(testArtifact("bad"))},
		} {
			q.By, q.At = "ann", time.Now()
			if _, err := store.Request(t.Context(), "ads", q); !errors.Is(err, rollout.ErrUnavailable) {
				t.Errorf("%s: %v, want ErrUnavailable", q.Verb, err)
			}
		}
		for id, named := range []string{"", release.Digest(testArtifact("first"))} {
			back := rollout.Request{ID: fmt.Sprint("back", id), Verb: rollout.VerbRollback, By: "ann", At: time.Now(), Release: named}
			if _, err := store.Request(t.Context(), "ads", back); err != nil {
				t.Errorf("the way back waits for the archive: %v", err)
			}
		}
	})
}

// Before its first write a wish is surely not stored, and the error says so;
// after one it is open.
func TestWishSurelyNotStored(t *testing.T) {
	const state = "fleets/ads/state.json"
	for _, tt := range []struct {
		name   string
		ask    func(what string, writes int) error
		surely bool
	}{
		{"the state cannot be read", func(what string, _ int) error { return map[bool]error{true: errDown}[what == "get "+state] }, true},
		{"the archive cannot be read", func(what string, _ int) error {
			return map[bool]error{true: errDown}[strings.Contains(what, "/rollouts/")]
		}, true},
		{"the state cannot be written", func(what string, _ int) error { return map[bool]error{true: errDown}[what == "put "+state] }, false},
		{"nor read again after a write that came to nothing", func(what string, writes int) error {
			switch {
			case what == "put "+state:
				return ErrStale
			case writes > 0:
				return errDown
			}
			return nil
		}, false},
	} {
		w, writes := newWorld(), 0
		w.documents[state] = document{[]byte(`{"fleet":"ads"}`), "1", 0}
		f := faults{world: w, ask: func(what string) error {
			err := tt.ask(what, writes)
			if what == "put "+state {
				writes++
			}
			return err
		}}
		q := rollout.Request{ID: "1", Verb: rollout.VerbTry, Rollout: "x", Source: &release.Source{Bucket: "b", Key: "k"}, By: "ann"}
		_, err := Store{Documents: f, Names: []string{"ads"}}.Request(t.Context(), "ads", q)
		if err == nil || errors.Is(err, rollout.ErrNotStored) != tt.surely {
			t.Errorf("%s: %v, want surely not stored %v", tt.name, err, tt.surely)
		}
	}
}
