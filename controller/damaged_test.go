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
		if list, err := store.releases(t.Context(), 10); err != nil || len(list) != 1 || list[0].Source.Job != "good" {
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
		if look, err := store.Look(t.Context(), "ads"); err != nil || !strings.Contains(strings.Join(look.Errors, " "), "it is gone, though fleets/ads/look.json is there: restore an earlier version of the object") {
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

// Whatever there is of a fleet tells that it had a state, also where nothing has
// been archived and the index of what was is lost.
func TestStateGoneBeforeTheFirstArchive(t *testing.T) {
	for _, trace := range []string{lookKey("ads"), finishedKey("ads", "first"), finishedIndex("ads").key, pastsKey("ads", "first"), "fleets/ads/looks/first/0000.gz"} {
		w := newWorld()
		w.put(leaseKey, []byte(`{"holder":"","epoch":6,"renewal":9}`))
		w.put(trace, []byte(`{}`))
		w.complete("bad", testArtifact("bad"), 0.3)
		r := w.reconciler(7)
		for range 60 {
			if _, err := r.Pass(t.Context()); !errors.Is(err, rollout.ErrDamaged) || !strings.Contains(err.Error(), "is there") {
				t.Fatalf("%s alone: %v", trace, err)
			}
		}
		if _, begun := w.documents[release.FleetKey("ads")]; begun {
			t.Errorf("%s alone: the fleet began anew", trace)
		}
	}
}

// A new fleet begins whatever else lies in the bucket, whatever cannot be asked
// at first, and whoever looks at it meanwhile: before each write, after it, and
// between any two reads.
func TestNewFleetBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.put(leaseKey, []byte(`{"holder":"","epoch":6,"renewal":9}`))
		w.put(release.PassportKey(release.Digest(nil)), []byte(`{}`))
		w.put("fleets/ads-2/state.json", []byte(`{"fleet":"ads-2"}`))
		w.ecsDown = true
		store := Store{Documents: w, Names: []string{"ads"}}
		look := func(string) error {
			if _, err := store.State(t.Context(), "ads"); err != nil {
				t.Errorf("somebody looks at it: %v", err)
			}
			return nil
		}
		w.before, w.after = look, look
		between := faults{world: w}
		between.ask = func(what string) error {
			if what == "get "+lookKey("ads") { // of one who found no state: it is begun just then
				_, _ = w.reconciler(7).Pass(t.Context())
			}
			return nil
		}
		if _, err := (Store{Documents: between, Names: []string{"ads"}}).State(t.Context(), "ads"); err != nil {
			t.Errorf("begun between two reads: %v", err)
		}
		r := w.reconciler(7)
		for range 3 {
			if _, err := r.Pass(t.Context()); errors.Is(err, rollout.ErrDamaged) {
				t.Errorf("ECS cannot be asked: %v", err)
			}
		}
		w.ecsDown = false
		playJob(t, w, "first", func() error { _, err := r.Pass(t.Context()); return err })
		checkServes(t, w, "first")
	})
}

// What keeps the state of a new fleet from being written leaves nothing of it.
func TestNewFleetThatCannotBegin(t *testing.T) {
	w := newWorld()
	f := faults{world: w, ask: func(what string) error {
		return map[bool]error{true: errDown}[what == "put "+release.FleetKey("ads")]
	}}
	r := w.reconciler(7)
	r.Documents, r.store.Documents = f, f
	if _, err := r.Pass(t.Context()); !errors.Is(err, rollout.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if len(w.documents) > 0 {
		t.Errorf("there is %v", w.documents)
	}
	if _, err := w.reconciler(8).Pass(t.Context()); err != nil {
		t.Errorf("a pass later: %v", err)
	}
}
