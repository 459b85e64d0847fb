package controller

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// mute is a store that takes no entry of the audit trail while it is told so.
type mute struct {
	*world
	off bool
}

func (d *mute) Put(ctx context.Context, key string, body []byte, etag string) (string, error) {
	if d.off && strings.HasPrefix(key, rollout.AuditPrefix) {
		return "", errors.New("access denied")
	}
	return d.world.Put(ctx, key, body, etag)
}

// A wish that is stored is in the trail, whoever could write it and when, once;
// and nobody waits for that.
func TestNoWishIsMissingFromTheAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		d := &mute{world: w}
		leader := NewReconciler(testFleet(), Ports{d, w, w, fakeTasks{w}, fakeControl{w}, nil}, "leader", slog.New(slog.DiscardHandler))
		leader.epoch, leader.own, leader.until = 1, true, func() time.Time { return time.Now().Add(time.Hour) }
		pass := func() error { _, err := leader.Pass(t.Context()); time.Sleep(time.Second); return err }
		for _, name := range []string{"first", "good"} {
			playJob(t, w, name, func() error { _, err := leader.Pass(t.Context()); return err })
		}
		server := Store{Documents: d, Names: []string{"ads"}}
		trail := func() []rollout.Entry {
			entries, next, err := server.Audit(t.Context(), "", 100, func(string) bool { return true })
			if err != nil || next != "" {
				t.Fatalf("the trail: %v, next %q", err, next)
			}
			return entries
		}
		d.off = true
		q := rollout.Request{ID: "1", Verb: rollout.VerbRollback, By: "ann", Why: "to see", At: time.Now()}
		if _, err := server.Request(t.Context(), "ads", q); err != nil {
			t.Fatalf("a rollback while the trail cannot be written: %v", err)
		}
		if err := pass(); err == nil || !strings.Contains(err.Error(), "store audit/") {
			t.Errorf("the leader says %v", err)
		}
		for range 6 {
			_ = pass()
		}
		if got := w.state(t); got.Active != nil || len(trail()) != 0 || len(got.Unaudited) != 2 {
			t.Fatalf("%+v is active, %d are stored, %d wait", got.Active, len(trail()), len(got.Unaudited))
		}
		d.off = false
		for range 3 {
			if err := pass(); err != nil {
				t.Error(err)
			}
		}
		got := trail()
		if len(got) != 2 || got[0].What != rollout.AuditAnswer || got[1].What != rollout.AuditAsked || got[1].Why != "to see" || len(w.state(t).Unaudited) != 0 {
			t.Errorf("the trail is %+v; %d wait", got, len(w.state(t).Unaudited))
		}
	})
}

// The trail is read page by page, of the fleets that one may see; what is damaged
// is told.
func TestAuditPages(t *testing.T) {
	w := newWorld()
	s := Store{Documents: w, Names: []string{"ads"}}
	began := time.Now()
	for i := range 7 {
		e := rollout.Entry{What: rollout.AuditAsked, At: began.Add(time.Duration(i) * time.Second), Fleet: []string{"ads", "video"}[i%2], Wish: string(rune('a' + i))}
		if err := putEntry(t.Context(), w, e); err != nil {
			t.Fatal(err)
		}
	}
	told, after := "", ""
	for pages := 0; ; pages++ {
		entries, next, err := s.Audit(t.Context(), after, 2, func(fleet string) bool { return fleet == "ads" })
		if err != nil || pages > 3 || len(entries) > 2 {
			t.Fatalf("page %d: %d entries, %v", pages, len(entries), err)
		}
		for _, e := range entries {
			told += e.Wish
		}
		if after = next; next == "" {
			break
		}
	}
	if told != "geca" {
		t.Errorf("told of %q, want the newest first and those of ads alone", told)
	}
	if err := w.Replace(t.Context(), rollout.Entry{What: rollout.AuditAsked, At: began.Add(time.Hour), Fleet: "ads", Wish: "x"}.Key(), []byte("{")); err != nil {
		t.Fatal(err)
	}
	entries, _, err := s.Audit(t.Context(), "", 1, func(string) bool { return true })
	if err != nil || entries[0].What != "damaged" || !strings.Contains(entries[0].Sentence, "audit/") {
		t.Errorf("a damaged entry: %+v, %v", entries, err)
	}
}
