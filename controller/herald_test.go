package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// inbox is a receiver that remembers what arrived, and answers what a test says.
type inbox struct {
	mu      sync.Mutex
	got     []Notice
	at      []time.Time
	answers func(n Notice, attempt int) error // nil: all is well
	asked   map[string]int
}

func (b *inbox) Deliver(ctx context.Context, n Notice) error {
	b.mu.Lock()
	if b.asked == nil {
		b.asked = map[string]int{}
	}
	b.asked[n.ID]++
	attempt, answers := b.asked[n.ID], b.answers
	b.at = append(b.at, time.Now())
	b.mu.Unlock()
	if answers != nil {
		if err := answers(n, attempt); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, n)
	return nil
}

// told are the notices that arrived: what they are about, in order.
func (b *inbox) told() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.got {
		what := string(n.Kind)
		if n.Over {
			what += " over"
		}
		all = append(all, strings.TrimSpace(n.Rollout+" "+what))
	}
	return all
}

func (b *inbox) ids() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.got {
		all = append(all, n.ID)
	}
	return all
}

// leads runs the loop of a leader until the returned function is called.
func (w *world) leads(t *testing.T, epoch int64, b *inbox) (stop func()) {
	t.Helper()
	return w.leadsWith(t, epoch, []Receiver{{Name: "oncall", Way: b}})
}

func (w *world) leadsWith(t *testing.T, epoch int64, told []Receiver) (stop func()) {
	t.Helper()
	r := w.reconciler(epoch)
	r.Receivers, r.Public = told, "https://sluice.internal"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		r.run(ctx)
		close(ended)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// storyOf is what anybody is told of the three rollouts of a play.
func storyOf() []string {
	return []string{"first live", "good live", "bad rolling_back", "bad rolled_back"}
}

// runs is a step of a play in which a leader runs by itself.
func runs() error { return nil }

// TestHerald tells what becomes of rollouts, in order, each once, with a link.
func TestHerald(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		stop := w.leads(t, 1, b)
		defer stop()
		play(t, w, runs)
		if got := b.told(); !slices.Equal(got, storyOf()) {
			t.Fatalf("told %q, want %q", got, storyOf())
		}
		for i, n := range b.got {
			if n.Link != "https://sluice.internal/#ads/rollouts/"+n.Rollout || n.Headline == "" || n.Headline == n.Sentence || n.WayOut == "" || n.Sentence == "" || n.Fleet != "ads" {
				t.Errorf("told %+v", n)
			}
			if i > 0 && n.Revision <= b.got[i-1].Revision {
				t.Errorf("revision %d comes after %d", n.Revision, b.got[i-1].Revision)
			}
		}
		if ids := slices.Compact(slices.Sorted(slices.Values(b.ids()))); len(ids) != len(storyOf()) {
			t.Errorf("notices share their IDs: %q", b.ids())
		}
	})
}

// TestHeraldNeverHoldsUpTheLoop plays with a receiver that hangs, whatever the
// caller waits for, and sees everything happen when it would without.
func TestHeraldNeverHoldsUpTheLoop(t *testing.T) {
	ended := func(hangs bool) (at []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			w, b, let := newWorld(), &inbox{}, make(chan struct{})
			b.answers = func(Notice, int) error {
				if hangs {
					<-let
				}
				return nil
			}
			began := time.Now()
			stop := w.leads(t, 1, b)
			time.Sleep(500 * time.Millisecond) // the job completes between two looks
			for name, r := range play(t, w, runs) {
				at = append(at, r.Since.Sub(began)+time.Duration(len(name))) // with a mark of its own
			}
			slices.Sort(at)
			close(let)
			stop()
		})
		return at
	}
	if free, held := ended(false), ended(true); !slices.Equal(free, held) || len(free) != 3 {
		t.Errorf("rollouts end at %v, with a receiver that hangs at %v", free, held)
	}
}

// TestHeraldTriesAgain meets a receiver that fails in all the ways there are.
func TestHeraldTriesAgain(t *testing.T) {
	failure := errors.New("connection refused")
	for _, tt := range []struct {
		name    string
		answers func(n Notice, attempt int) error
		want    []string
		waits   time.Duration // between the first attempt and the last
	}{
		{"fails six times", func(n Notice, attempt int) error {
			if n.Rollout == "first" && attempt <= 6 {
				return failure
			}
			return nil
		}, storyOf(), 40 * time.Second},
		{"is busy for a minute", func(n Notice, attempt int) error {
			if n.Rollout == "first" && attempt == 1 {
				return &BusyError{time.Minute, failure}
			}
			return nil
		}, storyOf(), time.Minute},
		{"is busy for a year", func(n Notice, attempt int) error {
			if n.Rollout == "first" && attempt == 1 {
				return &BusyError{365 * 24 * time.Hour, failure}
			}
			return nil
		}, storyOf(), maxBusy},
		{"does not take one", func(n Notice, _ int) error {
			if n.Rollout == "good" {
				return fmt.Errorf("%w: too long", ErrUndeliverable)
			}
			return nil
		}, []string{"first live", "bad rolling_back", "bad rolled_back"}, 0},
		{"is gone after the first", func(n Notice, _ int) error {
			if n.Rollout != "first" {
				return ErrGone
			}
			return nil
		}, []string{"first live"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, b := newWorld(), &inbox{answers: tt.answers}
				stop := w.leads(t, 1, b)
				defer stop()
				play(t, w, runs)
				time.Sleep(2 * time.Hour)
				if got := b.told(); !slices.Equal(got, tt.want) {
					t.Errorf("told %q, want %q", got, tt.want)
				}
				if first := b.asked[b.got[0].ID]; first > 1 {
					if waited := b.at[first-1].Sub(b.at[0]); waited < tt.waits || waited > 2*tt.waits {
						t.Errorf("%d attempts take %v, want %v or a little more", first, waited, tt.waits)
					}
				}
				for id, n := range b.asked {
					if n > 7 {
						t.Errorf("%d attempts for %s", n, id)
					}
				}
			})
		})
	}
}

// TestHeraldSurvivesTheLeader ends the leader after every attempt to tell
// something, before that is on record or after. The next one goes on there:
// nothing is left out, the order is kept, and only what was not on record comes
// twice, with the same ID.
func TestHeraldSurvivesTheLeader(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		for dies := 1; dies <= len(storyOf()); dies++ {
			t.Run(fmt.Sprint(dies, recorded), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { survives(t, dies, recorded) })
			})
		}
	}
}

func survives(t *testing.T, dies int, recorded bool) {
	w, b := newWorld(), &inbox{}
	ending, delivered := make(chan struct{}), 0
	b.answers = func(Notice, int) error {
		if delivered++; delivered == dies {
			close(ending)
			if !recorded { // it has arrived; its leader is gone before it knows
				w.before = func(what string) error {
					if strings.Contains(what, "/told/") {
						return errors.New("the leader is dead")
					}
					return nil
				}
			}
		}
		return nil
	}
	stop := w.leads(t, 1, b)
	next := make(chan func(), 1)
	go func() {
		<-ending
		time.Sleep(100 * time.Millisecond)
		stop()
		w.turn.Lock()
		w.before = nil
		w.turn.Unlock()
		stop := w.leads(t, 2, b)
		next <- stop
	}()
	play(t, w, runs)
	time.Sleep(time.Minute)
	(<-next)()
	var first []Notice
	for _, n := range b.got {
		if !slices.ContainsFunc(first, func(o Notice) bool { return o.ID == n.ID }) {
			first = append(first, n)
		}
	}
	if repeated := len(b.got) - len(first); recorded && repeated != 0 || !recorded && (repeated < 1 || repeated > 2) {
		t.Errorf("%d notices come twice: %q", repeated, b.told())
	}
	if len(first) != len(storyOf()) || !slices.IsSortedFunc(first, func(a, b Notice) int { return cmp.Compare(a.Revision, b.Revision) }) {
		t.Errorf("told %q", b.told())
	}
}

// TestHeraldOfAFleetWithAPast has nothing to say of what was before there was
// a receiver, and says what it has lost where nobody could be told for too long.
func TestHeraldOfAFleetWithAPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		playJob(t, w, "first", func() error {
			_, err := w.reconciler(1).Pass(t.Context())
			return err
		})
		stop := w.leads(t, 2, b)
		time.Sleep(time.Minute)
		if got := b.told(); len(got) != 0 {
			t.Errorf("told of what was before: %q", got)
		}
		stop()
		h := &herald{fleet: "ads", receiver: Receiver{Name: "r"}, record: record{Revision: 3}}
		h.saw(rollout.State{LastEvent: 9, Events: []rollout.Event{{Seq: 8, To: rollout.Held, At: time.Now()}, {Seq: 9, To: rollout.Live, At: time.Now()}}}, rollout.Headline{}, time.Now())
		var told []string
		for range 3 {
			n, after, _ := h.next(time.Now())
			told, h.record = append(told, n.ID[:6]+string(n.Kind)+" "+n.Headline), after
		}
		if !strings.Contains(told[0], "missed 4 events") || !strings.Contains(told[1], string(KindHeld)) || !strings.Contains(told[2], string(KindLive)) {
			t.Errorf("told %q", told)
		}
	})
}

// TestHeraldOfAnUnwellFleet calls when most tasks take no auctions for a while,
// once, whoever leads, and when they do again.
func TestHeraldOfAnUnwellFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		stop := w.leads(t, 1, b)
		playJob(t, w, "first", runs)
		broken := func(is bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.tasks["a"].Reachable = !is
		}
		broken(true)
		time.Sleep(rollout.ShortFor + unwellAfter - 10*time.Second)
		if got := b.told(); len(got) != 1 {
			t.Errorf("told at once: %q", got)
		}
		broken(false)
		time.Sleep(2 * unwellAfter)
		broken(true)
		time.Sleep(rollout.ShortFor + 2*unwellAfter)
		stop()
		stop = w.leads(t, 2, b)
		time.Sleep(2 * wellAfter)
		broken(false)
		time.Sleep(2 * wellAfter)
		stop()
		want := []string{"first live", "fleet_unwell", "fleet_unwell over"}
		if got := b.told(); !slices.Equal(got, want) || !strings.Contains(b.got[1].Headline, "3 of 4 tasks are ready") || !strings.Contains(b.got[1].WayOut, "those that cannot be reached") || b.got[2].WayOut != "" || b.got[2].ID != b.got[1].ID+".over" {
			t.Errorf("told %q, want %q: %+v", got, want, b.got)
		}
	})
}

// TestReceiversChoose tells them what they want only.
func TestReceiversChoose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(), &inbox{}
		r := w.reconciler(1)
		r.Receivers = []Receiver{{Name: "history", Kinds: []Kind{KindLive}, Way: b}}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			play(t, w, runs)
			cancel()
		}()
		r.run(ctx)
		if got, want := b.told(), []string{"first live", "good live"}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

// process is a controller with stores of its own: one for the lease, one for
// the loop.
type process struct {
	lease, loop *stuckDocuments
	stop        func()
}

// starts a controller, as a process of its own would be.
func (w *world) starts(t *testing.T, name string, b *inbox) process {
	t.Helper()
	p := process{lease: openDocuments(w), loop: openDocuments(w)}
	r := NewReconciler(testFleet(), Ports{p.loop, w, w, fakeTasks{w}, fakeControl{w}, nil}, name, slog.New(slog.DiscardHandler))
	r.Receivers = []Receiver{{Name: "oncall", Way: b}}
	c := &Controller{Elector: Elector{Documents: p.lease, Name: name, TTL: 15 * time.Second}, Fleets: []*Reconciler{r}, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		_ = c.Run(ctx)
		close(ended)
	}()
	p.stop = func() {
		cancel()
		<-ended
	}
	time.Sleep(time.Second) // it comes before the next one
	return p
}

// TestSilence stops a leader in the middle of everything, so that it cannot
// give way: the other controller takes the lease and says so. Then the loop of
// that one stands still while its lease goes on, and again somebody says so,
// once, and that somebody looks again. While the store is down nobody knows.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, inbox := newWorld(), &inbox{}
		a, b := w.starts(t, "a", inbox), w.starts(t, "b", inbox)
		wants := func(want ...string) {
			t.Helper()
			if got := inbox.told(); !slices.Equal(got, want) {
				t.Fatalf("told %q, want %q: %+v", got, want, inbox.got)
			}
		}
		time.Sleep(time.Minute)
		leaseOpens, loopOpens := a.lease.shut(), a.loop.shut()
		time.Sleep(time.Minute)
		wants("controller_silent")
		if says := inbox.got[0].Headline; !strings.Contains(says, "Controller a fell silent") || !strings.Contains(says, "b leads now") {
			t.Errorf("it says %s", says)
		}
		leaseOpens()
		loopOpens()
		for _, down := range []*stuckDocuments{a.lease, a.loop, b.lease, b.loop} {
			down.down.Store(true)
		}
		time.Sleep(10 * time.Minute)
		for _, down := range []*stuckDocuments{a.lease, a.loop, b.lease, b.loop} {
			down.down.Store(false)
		}
		time.Sleep(time.Minute)
		wants("controller_silent")

		aOpens, bOpens := a.loop.shut(), b.loop.shut()
		time.Sleep(silentFor)
		wants("controller_silent")
		time.Sleep(10 * time.Minute)
		wants("controller_silent", "controller_silent")
		if says := inbox.got[1].Headline; !strings.Contains(says, "No controller has looked at fleet ads for 2m") {
			t.Errorf("it says %s", says)
		}
		aOpens()
		bOpens()
		time.Sleep(5 * time.Minute)
		wants("controller_silent", "controller_silent", "controller_silent over")
		if inbox.got[2].ID != inbox.got[1].ID+".over" {
			t.Errorf("what is over has the ID %s, what began %s", inbox.got[2].ID, inbox.got[1].ID)
		}
		a.stop()
		b.stop()
		wants("controller_silent", "controller_silent", "controller_silent over")
	})
}

// TestSilenceIsNoOutage takes no look for missing while nobody could have shown
// one, and begins to count when the store answers again.
func TestSilenceIsNoOutage(t *testing.T) {
	w, now := newWorld(), time.Now()
	store := openDocuments(w)
	if err := w.Replace(t.Context(), lookKey("ads"), []byte(`{"leader":"a"}`)); err != nil {
		t.Fatal(err)
	}
	m := &watchman{fleet: "ads", after: silentFor, store: store, receivers: []Receiver{{Name: "oncall"}}}
	watches := func(d time.Duration, want int) {
		t.Helper()
		for end := now.Add(d); now.Before(end); now = now.Add(silentEvery) {
			m.watch(t.Context(), now)
		}
		if len(m.due) != want {
			t.Errorf("%d notices, want %d: %+v", len(m.due), want, m.due)
		}
	}
	watches(silentFor, 0)
	store.down.Store(true)
	watches(10*silentFor, 0)
	store.down.Store(false)
	watches(silentFor-silentEvery, 0)
	watches(2*silentEvery, 1)
	watches(10*silentFor, 1)
}
