package controller

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// A stop that is not in the audit trail does not happen; one that is holds every
// fleet with its leader's next look, and ends when it is ended.
func TestStopOfAllFleets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := &mute{world: w}
		leader := NewReconciler(testFleet(), Ports{d, w, w, fakeTasks{w}, fakeControl{w}}, "leader", slog.New(slog.DiscardHandler))
		leader.epoch, leader.own, leader.until = 1, true, func() time.Time { return time.Now().Add(time.Hour) }
		pass := func() error { _, err := leader.Pass(t.Context()); time.Sleep(time.Second); return err }
		playJob(t, w, "first", pass)
		server := Store{Documents: d, Names: []string{"ads"}}
		set := func(stop *rollout.Stop, verb rollout.Verb) error {
			time.Sleep(time.Second)
			return server.SetStop(t.Context(), stop, rollout.Entry{What: rollout.AuditAsked, At: time.Now(), Wish: "w", Verb: verb, By: "eve", Why: "outage"})
		}
		stop := &rollout.Stop{By: "eve", Why: "outage", At: time.Now()}
		d.off = true
		if err := set(stop, rollout.VerbFreeze); !errors.Is(err, rollout.ErrNotStored) {
			t.Errorf("while the trail cannot be written: %v", err)
		}
		if found, err := server.Stop(t.Context()); err != nil || found != nil {
			t.Fatalf("there is a stop that nobody can find out about: %+v, %v", found, err)
		}
		d.off = false
		if err := set(nil, rollout.VerbUnfreeze); !errors.Is(err, rollout.ErrConflict) {
			t.Errorf("ending what is not: %v", err)
		}
		if err := set(stop, rollout.VerbFreeze); err != nil {
			t.Fatal(err)
		}
		w.complete("good", testArtifact("good"), 0)
		for range 60 {
			if err := pass(); err != nil {
				t.Fatal(err)
			}
		}
		if s := w.state(t); s.Frozen == nil || s.Frozen.By != "eve" || s.Active != nil || len(s.Queue) != 1 {
			t.Fatalf("frozen %+v, active %+v, %d wait", s.Frozen, s.Active, len(s.Queue))
		}
		if err := set(nil, rollout.VerbUnfreeze); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := pass(); err != nil {
				t.Fatal(err)
			}
		}
		if s := w.state(t); s.Frozen != nil || s.Active == nil {
			t.Errorf("frozen %+v, active %+v", s.Frozen, s.Active)
		}
		entries, _, err := server.Audit(t.Context(), "", 10, func(fleet string) bool { return fleet == "" })
		if err != nil || len(entries) != 4 || entries[1].Verb != rollout.VerbUnfreeze || entries[3].Why != "outage" {
			t.Errorf("the trail: %+v, %v", entries, err)
		}
	})
}
