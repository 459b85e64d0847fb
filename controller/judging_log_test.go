package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// chunks is the log of a rollout as it is stored.
func (w *world) chunks(id string) (parts []history.Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := 0; ; n++ {
		key := history.Key("ads", id, n)
		d, ok := w.documents[key]
		if !ok {
			return parts
		}
		parts = append(parts, history.Part{Chunk: n, Name: key, Body: d.body})
	}
}

// looks reads the log of a rollout, and checks that judging it anew comes to
// the same verdicts.
func (w *world) looks(t *testing.T, id, how string) (looks []history.Look) {
	t.Helper()
	parts := w.chunks(id)
	if replay := history.Run(parts, nil); replay.Unread != nil || len(replay.Broken) > 0 || replay.Same != replay.Looks {
		t.Errorf("%s: of %d looks, %d are judged anew as then: %v, %+v", how, replay.Looks, replay.Same, replay.Unread, replay.Broken)
	}
	for _, p := range parts {
		c, err := history.Open(p.Name, p.Body)
		if err != nil {
			t.Fatal(err)
		}
		for look, err := range c.Looks() {
			if err != nil {
				t.Fatal(err)
			}
			looks = append(looks, look)
		}
	}
	return looks
}

// course is by what two logs are compared: every verdict, to the bit, at its
// moment.
func course(looks []history.Look) (told []string) {
	for _, l := range looks {
		told = append(told, fmt.Sprintf("%d %s %s %s", l.Number, l.Statistics.At.Format(time.RFC3339Nano), l.Digest.Outcome, l.Digest.SHA256))
	}
	return told
}

// writes counts what is stored from the first look on.
type writes int

func (j *writes) count(doing string) bool {
	if strings.HasPrefix(doing, "put fleets/ads/judge/") || *j > 0 && strings.HasPrefix(doing, "put ") {
		*j++
		return true
	}
	return false
}

// TestSameVerdicts kills the controller before and after everything that it
// stores while it judges; the next one begins at the same moment. All looks are
// in the log, and every verdict is, bit for bit, that of a controller which
// nobody disturbed.
func TestSameVerdicts(t *testing.T) {
	good := scenes(t)[1]
	var want []string
	var stored writes
	synctest.Test(t, func(t *testing.T) {
		w := good.stage()
		w.before = func(what string) error {
			stored.count(what)
			return nil
		}
		r := w.reconciler(1)
		playJob(t, w, good.job, func() error { _, err := r.Pass(t.Context()); return err })
		want = course(w.looks(t, good.job, "undisturbed"))
	})
	if len(want) < 8 {
		t.Fatalf("%d looks are in the log", len(want))
	}
	for at := range stored {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			for _, lost := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) { good.sameAfter(t, at+1, lost, want) })
			}
		})
	}
}

func (s scene) sameAfter(t *testing.T, at writes, lost bool, want []string) {
	w := s.stage()
	epoch, seen, dead := int64(1), writes(0), false
	what := ""
	die := func(here bool, doing string) error {
		if here && !dead && seen.count(doing) && seen == at {
			dead, what = true, doing
		}
		if dead {
			return errKilled
		}
		return nil
	}
	w.before = func(doing string) error { return die(!lost, doing) }
	w.after = func(doing string) error { return die(lost, doing) }
	r := w.reconciler(epoch)
	playJob(t, w, s.job, func() error {
		_, err := r.Pass(t.Context())
		for dead {
			epoch++
			r, dead = w.reconciler(epoch), false
			_, err = r.Pass(t.Context())
		}
		return err
	})
	how := fmt.Sprintf("killed at %s (%d), reply lost %v", what, at, lost)
	if got := course(w.looks(t, s.job, how)); !slices.Equal(got, want) {
		t.Errorf("%s: the log holds\n%s\nwant\n%s", how, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestWayBackWaitsForNoLog lets the log of looks fail or hang when a candidate
// turns out worse: it goes back in the same pass, and its looks are stored as
// soon as they can be.
func TestWayBackWaitsForNoLog(t *testing.T) {
	bad := scenes(t)[2]
	for _, how := range []string{"fails", "hangs"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { bad.backWithoutLog(t, how == "hangs") })
		})
	}
}

func (s scene) backWithoutLog(t *testing.T, hangs bool) {
	f := faults{world: s.stage()}
	out := true
	f.ask = func(what string) error {
		if !out || !strings.HasPrefix(what, "put fleets/ads/looks/") {
			return nil
		}
		if hangs {
			time.Sleep(time.Minute) // longer than a pass may take
			return context.DeadlineExceeded
		}
		return errDown
	}
	r := f.reconciler()
	f.complete(s.job, testArtifact(s.job), 0.3)
	var worse, back time.Time
	for pass := 0; back.IsZero(); pass++ {
		if pass > 100 {
			t.Fatal("it does not go back")
		}
		before := time.Now()
		_, _ = r.Pass(t.Context())
		if j := r.memo.judging; worse.IsZero() && j != nil && j.Verdict != nil && j.Verdict.Outcome == judge.Worse {
			worse = before
		}
		if a := f.state(t).Active; a != nil && a.Phase == rollout.RollingBack {
			back = a.Since
		}
		time.Sleep(time.Second)
	}
	if worse.IsZero() || back.Sub(worse) > time.Second {
		t.Errorf("found worse at %v, and went back at %v", worse, back)
	}
	out = false
	for range 5 {
		_, _ = r.Pass(t.Context())
		time.Sleep(time.Second)
	}
	looks := f.looks(t, s.job, "after an outage")
	if len(looks) == 0 || looks[0].Number != 1 || looks[len(looks)-1].Digest.Outcome != judge.Worse {
		t.Errorf("%d looks are stored after the outage: %v", len(looks), course(looks))
	}
}

// TestForwardWaitsForLog shows that nothing is accepted on looks that could not
// be stored.
func TestForwardWaitsForLog(t *testing.T) {
	good := scenes(t)[1]
	synctest.Test(t, func(t *testing.T) {
		f := faults{world: good.stage()}
		out := true
		f.ask = func(what string) error {
			if out && strings.HasPrefix(what, "put fleets/ads/looks/") {
				return errDown
			}
			return nil
		}
		r := f.reconciler()
		f.complete(good.job, testArtifact(good.job), 0)
		var last error
		for range 60 {
			_, last = r.Pass(t.Context())
			time.Sleep(time.Second)
		}
		if a := f.state(t).Active; a == nil || a.Phase != rollout.Shadow || !errors.Is(last, errDown) {
			t.Errorf("without a log it went to %+v: %v", a, last)
		}
		out = false
		playJob(t, f.world, "better", func() error { _, err := r.Pass(t.Context()); return err })
		looks := f.looks(t, good.job, "later")
		if len(looks) < 60 {
			t.Errorf("%d looks are stored", len(looks))
		}
	})
}

// TestChunks fills more chunks than one, changes the program and the policy on
// the way, damages what is stored, and numbers looks anew: what can be kept is.
func TestChunks(t *testing.T) {
	w := newWorld()
	r := w.reconciler(1)
	r.program = "v1"
	j := &judging{rollout: "one"}
	r.memo.judging = j
	number := 0
	look := func(margin float64) {
		number++
		v := judge.Verdict{Looks: number, Outcome: judge.Unsure}
		d, err := history.DigestOf(v)
		if err != nil {
			t.Fatal(err)
		}
		s := judge.Statistics{At: time.Unix(int64(number), 0).UTC()}
		if err := j.Log.note(noted{judge.Policy{Margin: margin}, history.Look{Number: number, Digest: d, Statistics: s}}); err != nil {
			t.Fatal(err)
		}
	}
	keep := func() {
		t.Helper()
		if err := r.keepLooks(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	numbers := func() (got []int) {
		for _, key := range slices.Sorted(maps.Keys(w.documents)) {
			c, err := history.Open(key, w.documents[key].body)
			if err != nil {
				got = append(got, -1)
				continue
			}
			for l := range c.Looks() {
				got = append(got, l.Number)
			}
		}
		return got
	}
	var want []int
	check := func(why string) {
		t.Helper()
		if got := numbers(); !slices.Equal(got, want) {
			t.Fatalf("%s: stored are %v, want %v", why, got, want)
		}
	}
	for range 300 {
		look(0.02)
		want = append(want, number)
		if number%7 == 0 {
			keep()
		}
	}
	keep()
	check("three chunks")
	look(0.03)
	look(0.02)
	want = append(want, 301, 302)
	keep()
	check("another policy")

	again := j.Log.Pending
	j.Log.writer = nil
	j.Log.Pending = append(again, noted{judge.Policy{Margin: 0.02}, history.Look{Number: 302}})
	keep()
	check("a look that was stored by a process that died")

	puts := 0
	w.before = func(string) error {
		if puts++; puts == 2 {
			return errDown
		}
		return nil
	}
	look(0.02)
	look(0.04)
	want = append(want, 303, 304)
	if err := r.keepLooks(t.Context()); !errors.Is(err, errDown) {
		t.Fatalf("the second chunk was stored: %v", err)
	}
	keep()
	check("a failure between two chunks")

	r.program, j.Log.writer = "v2", nil
	look(0.02)
	want = append(want, 305)
	keep()
	check("another program")

	last := history.Key("ads", "one", j.Log.Chunk)
	w.documents[last] = document{body: []byte("damaged"), etag: "x"}
	j.Log.writer = nil
	look(0.02)
	want[len(want)-1] = -1
	want = append(want, 306)
	keep()
	check("a damaged chunk")

	number, j.Log.writer = 0, nil
	look(0.02)
	want = append(want, 1)
	keep()
	check("numbered anew")
}

// TestPendingIsBounded lets looks wait for ever.
func TestPendingIsBounded(t *testing.T) {
	var c chronicle
	forgot := 0
	for i := range maxPending + 10 {
		if err := c.note(noted{Look: history.Look{Number: i + 1}}); err != nil {
			forgot++
		}
	}
	if len(c.Pending) != maxPending || forgot != 10 || c.Pending[0].Look.Number != 11 {
		t.Errorf("%d wait, %d were forgotten, the oldest is %d", len(c.Pending), forgot, c.Pending[0].Look.Number)
	}
}
