package controller

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// A receiver that says that it is gone is told nothing more under whatever
// leader, which everybody sees who looks at the fleet; once its settings are
// others it is told again, and first what it did not take.
func TestHeraldOfAReceiverThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		var settings atomic.Value
		settings.Store("the old address")
		asked := 0
		b.answers = func(n Notice, _ int) error {
			if asked++; settings.Load() == "the old address" && n.Rollout != "first" {
				return ErrGone
			}
			return nil
		}
		receivers := []Receiver{{Name: "oncall", Way: b, Settings: func() (string, error) {
			if settings.Load() == "" {
				return "", errors.New("no such file")
			}
			return settings.Load().(string), nil
		}}}
		stop := w.leadsWith(t, 1, receivers)
		playJob(t, w, "first", runs)
		playJob(t, w, "good", runs)
		unheard := func() []rollout.Unheard {
			time.Sleep(2 * testFleet().LookEvery)
			look, err := Store{Documents: w, Names: []string{"ads"}}.Look(t.Context(), "ads")
			if err != nil {
				t.Fatal(err)
			}
			return look.Seen.Unheard
		}
		if got := unheard(); len(got) != 1 || got[0].Receiver != "oncall" || !strings.Contains(got[0].Sentence(), "under notify in the fleet file") {
			t.Fatalf("whoever looks is told %+v", got)
		}
		stop()
		playJob(t, w, "bad", func() error { _, err := w.reconciler(2).Pass(t.Context()); return err })
		stop = w.leadsWith(t, 3, receivers)
		since := unheard()
		settings.Store("") // cannot be read, so that nobody knows of another one
		time.Sleep(3 * time.Hour)
		if got := b.told(); !slices.Equal(got, []string{"first live"}) || asked != 2 || !slices.Equal(unheard(), since) {
			t.Errorf("asked %d times, told %q, whoever looks is told %+v", asked, got, unheard())
		}
		settings.Store("another address")
		time.Sleep(2 * goneEvery)
		if got := b.told(); !slices.Equal(got, storyOf()) || len(unheard()) != 0 {
			t.Errorf("at the other address it is told %q; whoever looks is told %+v", got, unheard())
		}
		stop()
		settings.Store("the old address")
		stop = w.leadsWith(t, 4, receivers)
		defer stop()
		if got := unheard(); len(got) != 0 {
			t.Errorf("what is over is on record: %+v", got)
		}
	})
}

// The watchman, who works without a leader, leaves alone whom a leader knows to
// be gone, and puts on record who tells him so.
func TestSilenceOfAReceiverThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{answers: func(Notice, int) error { return ErrGone }}
		of := func(settings string) Receiver {
			return Receiver{Name: "oncall", Way: b, Settings: func() (string, error) { return settings, nil }}
		}
		w.put(recordKey("ads", "oncall"), []byte(`{"revision":7,"unwell":true}`))
		watch := func(r Receiver, id string) {
			m := &watchman{fleet: "ads", store: w, receivers: []Receiver{r}, log: w.reconciler(1).Log}
			m.add(Notice{ID: id, At: time.Now()}, "nobody looks")
			m.deliver(t.Context(), time.Now())
			if len(m.due) != 0 {
				t.Errorf("%s waits still", id)
			}
		}
		watch(of("old"), "a")
		watch(of("old"), "b")
		watch(of("new"), "c")
		if b.asked["a"] != 1 || b.asked["b"] != 0 || b.asked["c"] != 1 {
			t.Errorf("asked %v", b.asked)
		}
		if known, _, err := (&watchman{fleet: "ads", store: w}).recordOf(t.Context(), of("")); err != nil || known.Revision != 7 || !known.Unwell || known.Settings != "new" {
			t.Errorf("on record is %+v, %v", known, err)
		}
	})
}
