package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

func TestThreeJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		ended := play(t, w, func() error { _, err := r.Pass(t.Context()); return err })
		checkEnd(t, w, ended, "undisturbed")
		if len(ended) != 3 {
			t.Errorf("%d of 3 rollouts have ended", len(ended))
		}
		if first := ended["first"]; first.Reason != rollout.FirstRelease {
			t.Errorf("the first release went live for %s: %s", first.Reason, first.Sentence)
		}
		if good := ended["good"]; good.Exposed == 0 {
			t.Error("nobody counted the auctions that the good one answered as a canary")
		}
		if bad := ended["bad"]; bad.Exposed != 0 {
			t.Errorf("the bad one was seen in the shadow phase, but answered %d auctions", bad.Exposed)
		}
	})
}

// TestHeadlinesAreLogged holds that the log tells every event in the words in
// which everybody reads it later, from what the archive keeps.
func TestHeadlinesAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, said := newWorld(), &bytes.Buffer{}
		r := w.reconciler(1)
		r.Log = slog.New(slog.NewJSONHandler(said, nil))
		ended := play(t, w, func() error { _, err := r.Pass(t.Context()); return err })
		logged := map[string]bool{}
		for lines := json.NewDecoder(said); ; {
			var line struct {
				Rollout, Headline, Sentence string
				WayOut                      string `json:"way_out"`
			}
			if err := lines.Decode(&line); err != nil {
				break
			}
			logged[line.Rollout+": "+line.Headline+" "+line.WayOut+" "+line.Sentence] = true
		}
		for _, one := range ended {
			for _, e := range one.History {
				h := e.Headline(&one, r.Fleet.Policies.For(one.ID))
				if now := one.ID + ": " + h.Text + " " + h.WayOut + " " + e.Sentence; !logged[now] {
					t.Errorf("the log does not say %q", now)
				}
			}
		}
		bad := ended["bad"]
		if h := bad.Headline(rollout.Policy{}, time.Now()); !strings.Contains(h.Text, "points more than today; ") || !strings.HasSuffix(h.Text, "no auction saw it.") {
			t.Errorf("of the judge's own verdict one reads %q", h.Text)
		}
	})
}

var errKilled = errors.New("killed")

// TestKilledAnywhere kills the controller before and after every single thing
// that it writes or sends; the next one, under a new lease, comes to the same
// end. After a kill that follows the change, the reply is lost.
func TestKilledAnywhere(t *testing.T) {
	for _, s := range scenes(t) {
		for at := 1; at <= s.changes; at++ {
			t.Run(fmt.Sprint(s.job, at), func(t *testing.T) {
				t.Parallel()
				for _, lost := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) { s.killedAt(t, at, lost) })
				}
			})
		}
	}
}

func (s scene) killedAt(t *testing.T, at int, lost bool) {
	w := s.stage()
	epoch, seen, dead, reached := int64(1), 0, false, false
	r := w.reconciler(epoch)
	die := func(here bool) error {
		if here && !dead {
			if seen++; seen == at {
				dead, reached = true, true
			}
		}
		if dead {
			return errKilled
		}
		return nil
	}
	w.before = func(string) error { return die(!lost) }
	w.after = func(string) error { return die(lost) }
	playJob(t, w, s.job, func() error {
		if dead { // a new one takes over
			epoch++
			r, dead = w.reconciler(epoch), false
		}
		_, err := r.Pass(t.Context())
		return err
	})
	how := fmt.Sprintf("killed at change %d, reply lost %v", at, lost)
	if !reached {
		t.Errorf("%s: it was never that far", how)
	}
	checkEnd(t, w, w.ended(t), how)
	w.looks(t, s.job, how)
}

// TestEverythingTwice repeats every message and every write.
func TestEverythingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.twice = true
		r := w.reconciler(1)
		checkEnd(t, w, play(t, w, func() error { _, err := r.Pass(t.Context()); return err }), "everything twice")
	})
}

// TestTwoControllers lets a second one take over in the middle of a pass of
// the first, at every change it makes; the first goes on as if nothing had
// happened, and can do no harm.
func TestTwoControllers(t *testing.T) {
	for _, s := range scenes(t) {
		for at := 1; at <= s.changes; at++ {
			t.Run(fmt.Sprint(s.job, at), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { s.deposedAt(t, at) })
			})
		}
	}
}

func (s scene) deposedAt(t *testing.T, at int) {
	w := s.stage()
	deposed, leader := w.reconciler(1), (*Reconciler)(nil)
	seen := 0
	w.before = func(string) error {
		if seen++; seen == at {
			leader = w.reconciler(2)
			w.unhooked(func() {
				for range 3 {
					_, _ = leader.Pass(t.Context())
				}
			})
		}
		return nil
	}
	playJob(t, w, s.job, func() error {
		_, err := deposed.Pass(t.Context())
		if leader != nil {
			_, err = leader.Pass(t.Context())
		}
		return err
	})
	checkEnd(t, w, w.ended(t), fmt.Sprintf("deposed at change %d", at))
	w.looks(t, s.job, fmt.Sprintf("deposed at change %d", at))
}

// TestTasksReplaced lets ECS replace a task every few seconds.
func TestTasksReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		store := Store{Documents: w, Names: []string{"ads"}}
		passes := 0
		ended := play(t, w, func() error {
			if passes++; passes%6 == 0 && passes < 60 {
				state, err := store.State(t.Context(), "ads")
				if err != nil {
					return err
				}
				w.mu.Lock()
				for id := range w.tasks {
					delete(w.tasks, id)
					break
				}
				w.start(fmt.Sprint("n", passes))
				fresh := w.tasks[fmt.Sprint("n", passes)]
				fresh.Serving, fresh.Ready = state.Default, state.Default != ""
				w.mu.Unlock()
			}
			_, err := r.Pass(t.Context())
			return err
		})
		checkEnd(t, w, ended, "tasks replaced")
	})
}

// TestECSDown shows that stable is restored while ECS cannot be asked.
func TestECSDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		ended := play(t, w, func() error { _, err := r.Pass(t.Context()); return err })
		checkEnd(t, w, ended, "before")
		w.ecsDown = true
		store := Store{Documents: w, Names: []string{"ads"}}
		q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, By: "ann", At: time.Now()}
		if _, err := store.Request(t.Context(), "ads", q); err != nil {
			t.Fatal(err)
		}
		_, _ = r.Pass(t.Context()) // asks nobody who is not needed
		if _, err := r.Pass(t.Context()); err == nil {
			t.Error("nobody says that ECS cannot be asked")
		}
		first := release.Digest(testArtifact("first"))
		for id, task := range w.tasks {
			if task.Serving != first {
				t.Errorf("task %s serves %s after a rollback to %s", id, task.Serving, first)
			}
		}
	})
}
