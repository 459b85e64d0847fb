package controller

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// A damaged document costs what it tells, and nothing else: lists have the
// others, and people go back whatever is damaged but the state.
func TestDamagedDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		for _, name := range []string{"first", "good"} {
			playJob(t, w, name, func() error { _, err := r.Pass(t.Context()); return err })
		}
		first := release.Digest(testArtifact("first"))
		earlier := w.documents[finishedKey("ads", "first")]
		for _, key := range []string{finishedKey("ads", "first"), release.PassportKey(first), lookKey("ads")} {
			w.documents[key] = document{[]byte(`{"id":`), "torn", w.writes}
		}
		store := Store{Documents: w, Names: []string{"ads"}}
		if over, err := store.Finished(t.Context(), "ads", 10); err != nil || len(over) != 1 || over[0].ID != "good" {
			t.Errorf("finished are %+v, %v, want good alone", over, err)
		}
		if list, err := store.Releases(t.Context(), 10); err != nil || len(list) != 1 || list[0].Source.Job != "good" {
			t.Errorf("releases are %+v, %v, want good alone", list, err)
		}
		_, overErr := store.Rollout(t.Context(), "ads", "first")
		_, passportErr := store.Release(t.Context(), first)
		_, lookErr := store.Look(t.Context(), "ads")
		for _, err := range []error{overErr, passportErr, lookErr} {
			if !errors.Is(err, rollout.ErrDamaged) || !strings.Contains(err.Error(), "restore an earlier version of the object") {
				t.Errorf("asked for what is damaged: %v", err)
			}
		}
		for _, q := range []rollout.Request{
			{ID: "1", Verb: rollout.VerbRollback, Release: first}, // where the way back leads
			{ID: "2", Verb: rollout.VerbRollback},
		} {
			q.By, q.At = "ann", time.Now()
			if answer, err := store.Request(t.Context(), "ads", q); err != nil || answer.Release != first {
				t.Errorf("rollback: %+v, %v, want to go back to first", answer, err)
			}
		}
		for range 6 {
			_, _ = r.Pass(t.Context()) // what it cannot do now, it does later
			time.Sleep(time.Second)
		}
		checkServes(t, w, "first")
		w.documents[finishedKey("ads", "first")] = earlier
		if restored := w.ended(t)["first"]; restored.Phase != rollout.Live {
			t.Errorf("restored: %+v", restored)
		}
	})
}

// People may go to any release that is stored, also without what its passport
// says.
func TestDamagedPassportOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		for _, name := range []string{"first", "good", "bad"} {
			playJob(t, w, name, func() error { _, err := r.Pass(t.Context()); return err })
		}
		bad := release.Digest(testArtifact("bad"))
		w.documents[release.PassportKey(bad)] = document{nil, "torn", w.writes}
		q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, Release: bad, By: "ann", At: time.Now()}
		if _, err := (Store{Documents: w, Names: []string{"ads"}}).Request(t.Context(), "ads", q); err != nil {
			t.Error(err)
		}
		for range 6 {
			_, _ = r.Pass(t.Context())
			time.Sleep(time.Second)
		}
		checkServes(t, w, "bad")
	})
}

// A state that is gone is no fleet that begins: the first model that comes
// would serve without proof, while tasks serve one that has it.
func TestStateGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(1)
		for _, name := range []string{"first", "good"} {
			playJob(t, w, name, func() error { _, err := r.Pass(t.Context()); return err })
		}
		key := release.FleetKey("ads")
		kept := w.documents[key]
		w.remove(key)
		w.complete("bad", testArtifact("bad"), 0.3)
		r = w.reconciler(1) // it has not seen what is gone
		store := Store{Documents: w, Names: []string{"ads"}}
		for range 60 {
			if _, err := r.Pass(t.Context()); !errors.Is(err, rollout.ErrDamaged) {
				t.Fatalf("a pass without the state: %v", err)
			}
			time.Sleep(time.Second)
		}
		pause := rollout.Request{ID: "1", Verb: rollout.VerbPause, By: "ann", At: time.Now()}
		if _, err := store.Request(t.Context(), "ads", pause); !errors.Is(err, rollout.ErrDamaged) {
			t.Errorf("a wish without the state: %v", err)
		}
		if look, err := store.Look(t.Context(), "ads"); err != nil || !strings.Contains(strings.Join(look.Errors, " "), "it is gone: restore an earlier version of the object") {
			t.Errorf("people are told %q (%v)", look.Errors, err)
		}
		good := release.Digest(testArtifact("good"))
		for id, task := range w.tasks {
			if task.Serving != good {
				t.Errorf("task %s serves %.12s, want good", id, task.Serving)
			}
		}
		w.put(key, kept.body)
		for pass := 0; pass < 600 && w.ended(t)["bad"].Phase == ""; pass++ {
			_, _ = r.Pass(t.Context()) // what it cannot do now, it does later
			time.Sleep(time.Second)
		}
		if bad := w.ended(t)["bad"]; bad.Phase != rollout.RolledBack || bad.Reason != rollout.CandidateWorse {
			t.Errorf("restored, and bad is %+v", bad)
		}
		checkServes(t, w, "good")
	})
}
