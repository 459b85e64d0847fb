package controller

import (
	"context"
	"errors"
	"fmt"
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
		leader := NewReconciler(testFleet(), Ports{d, w, w, fakeTasks{w}, fakeControl{w}, nil}, "leader", slog.New(slog.DiscardHandler))
		leader.epoch, leader.own, leader.until = 1, true, func() time.Time { return time.Now().Add(time.Hour) }
		pass := func() error { _, err := leader.Pass(t.Context()); time.Sleep(time.Second); return err }
		playJob(t, w, "first", pass)
		server := Store{Documents: d, Names: []string{"ads"}}
		wishes := 0
		set := func(stop *rollout.Stop, verb rollout.Verb) error {
			time.Sleep(time.Second)
			wishes++
			_, err := server.SetStop(t.Context(), stop, rollout.Entry{What: rollout.AuditAsked, At: time.Now(), Wish: fmt.Sprint("w", wishes), Verb: verb, By: "eve", Why: "outage"})
			return err
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

// losing does what is asked of it and loses the reply, or loses what is asked,
// once.
type losing struct {
	*world
	at   int  // the write, from 1
	done bool // it is done, and the reply is lost
}

func (d *losing) Put(ctx context.Context, key string, body []byte, etag string) (string, error) {
	if d.at--; d.at != 0 {
		return d.world.Put(ctx, key, body, etag)
	}
	if d.done {
		_, _ = d.world.Put(ctx, key, body, etag)
	}
	return "", errors.New("the connection broke")
}

// Wherever a reply to a stop of all fleets is lost, asking again freezes them
// once, as it was asked first, and the trail has one entry of it; by then
// somebody else may have ended it.
func TestStopIsAskedOnce(t *testing.T) {
	for at := 1; at <= 4; at++ { // noted, told, in place, answered
		for _, done := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { stopAskedTwice(t, at, done) })
		}
	}
}

func stopAskedTwice(t *testing.T, at int, done bool) {
	w := newWorld()
	d := &losing{world: w, at: at, done: done}
	server := Store{Documents: d, Names: []string{"ads"}}
	first := time.Now().UTC()
	ask := func(why string) (*rollout.Stop, error) {
		now := time.Now().UTC()
		return server.SetStop(t.Context(), &rollout.Stop{By: "eve", Why: why, At: now},
			rollout.Entry{What: rollout.AuditAsked, At: now, Wish: "w", Verb: rollout.VerbFreeze, By: "eve", Why: why})
	}
	if _, err := ask("outage"); (err == nil) != (at == 4) { // the answer is only told
		t.Fatalf("write %d lost: %v", at, err)
	}
	for range 3 {
		time.Sleep(time.Minute)
		if set, err := ask("outage"); err != nil || set == nil || at > 1 && !set.At.Equal(first) {
			t.Fatalf("write %d lost, done %v; asked again: %+v, %v", at, done, set, err)
		}
	}
	if _, err := ask("another reason"); !errors.Is(err, rollout.ErrConflict) {
		t.Errorf("another wish by the same id: %v", err)
	}
	entries, _, err := server.Audit(t.Context(), "", 10, func(string) bool { return true })
	told := map[string]int{}
	for _, e := range entries {
		told[e.What+" "+string(e.Reason)]++
	}
	if err != nil || told["asked "] != 1 || told["answer done"] != 1 || told["answer unknown"] > 1 {
		t.Errorf("write %d lost, done %v: the trail has %v, %v", at, done, told, err)
	}
	end := rollout.Entry{What: rollout.AuditAsked, At: time.Now(), Wish: "x", Verb: rollout.VerbUnfreeze, By: "eve", Why: "over"}
	if _, err := server.SetStop(t.Context(), nil, end); err != nil {
		t.Fatal(err)
	}
	if set, err := ask("outage"); err != nil || set == nil {
		t.Errorf("asked again after its end: %+v, %v", set, err)
	}
	if stop, err := server.Stop(t.Context()); err != nil || stop != nil {
		t.Errorf("asking again froze them anew: %+v, %v", stop, err)
	}
}

// What is remembered of stops has a bound: those of more than a day go, and who
// asks for hundreds in one is turned away.
func TestStopsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := Store{Documents: newWorld(), Names: []string{"ads"}}
		ask := func(id int) error {
			now := time.Now()
			_, err := server.SetStop(t.Context(), &rollout.Stop{By: "eve", At: now}, rollout.Entry{What: rollout.AuditAsked, At: now, Wish: fmt.Sprint(id), Verb: rollout.VerbFreeze, By: "eve"})
			return err
		}
		for i := range maxStops {
			if err := ask(i); err != nil {
				t.Fatal(i, err)
			}
		}
		if err := ask(maxStops); !errors.Is(err, rollout.ErrConflict) {
			t.Errorf("one more within a day: %v", err)
		}
		time.Sleep(rollout.WishKept + time.Second)
		if err := ask(maxStops); err != nil {
			t.Error(err)
		}
		if found, _, err := server.stop(t.Context()); err != nil || len(found.Asked) != stopsKept {
			t.Errorf("%d are remembered, %v", len(found.Asked), err)
		}
	})
}

// While nothing is there that a freeze would hold, it is not asked for in every
// look; whoever freezes all fleets on the leader itself is heard at once, and
// elsewhere in stopAgain.
func TestStopIsAskedForSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := &counted{world: w}
		r := w.reconciler(1)
		r.Documents, r.store.Documents = d, d
		pass := func() error { _, err := r.Pass(t.Context()); time.Sleep(time.Second); return err }
		playJob(t, w, "first", pass)
		d.stops = 0
		for range 60 {
			if err := pass(); err != nil {
				t.Fatal(err)
			}
		}
		if d.stops > 4 {
			t.Errorf("in an idle minute it was asked for %d times, want 4 at most", d.stops)
		}
		server := Store{Documents: w, Names: []string{"ads"}}
		set := func(stop *rollout.Stop, verb rollout.Verb) {
			t.Helper()
			if _, err := server.SetStop(t.Context(), stop, rollout.Entry{What: rollout.AuditAsked, At: time.Now(), Wish: string(verb), Verb: verb, By: "eve"}); err != nil {
				t.Fatal(err)
			}
		}
		set(&rollout.Stop{By: "eve", At: time.Now()}, rollout.VerbFreeze)
		r.Wake()
		if err := pass(); err != nil || w.state(t).Frozen == nil {
			t.Errorf("a look later it is not frozen: %v", err)
		}
		set(nil, rollout.VerbUnfreeze)
		for range int(stopAgain/time.Second) + 1 {
			if err := pass(); err != nil {
				t.Fatal(err)
			}
		}
		if w.state(t).Frozen != nil {
			t.Errorf("it is still frozen %v after another controller ended that", stopAgain)
		}
	})
}

// counted counts how often the stop of all fleets is asked for.
type counted struct {
	*world
	stops int
}

func (c *counted) Get(ctx context.Context, key string) ([]byte, string, error) {
	if key == stopKey {
		c.stops++
	}
	return c.world.Get(ctx, key)
}
