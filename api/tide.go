package api

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// tides look at fleets for their streams: one look for all who watch the same
// fleet, who are woken when there is news.
type tides struct {
	views *views
	every time.Duration

	mu sync.Mutex
	of map[string]*tide
}

// tide is what all who watch one fleet are sent, while somebody does.
type tide struct {
	watchers int            // guarded by tides.mu
	taken    map[string]int // how many of them take patches, by what they are of; guarded by tides.mu
	stop     context.CancelFunc
	ended    chan struct{}

	mu   sync.Mutex
	wave *wave
	at   time.Time     // of the wave
	due  bool          // somebody waits for the next view, whatever it tells
	news chan struct{} // closed when there is another wave
}

func newTides(v *views, every time.Duration) *tides {
	return &tides{views: v, every: every, of: map[string]*tide{}}
}

// join begins to watch a fleet, with patches of what is named. leave ends it, and
// with the last the looking.
func (t *tides) join(ctx context.Context, fleet string, patches []string) (one *tide, leave func()) {
	first, err := t.look(ctx, fleet)
	t.mu.Lock()
	defer t.mu.Unlock()
	one = t.of[fleet]
	if one == nil {
		run, stop := context.WithCancel(context.WithoutCancel(ctx))
		one = &tide{taken: map[string]int{}, stop: stop, ended: make(chan struct{}), at: time.Now(), wave: (&wave{}).next(first, err, nil), news: make(chan struct{})}
		t.of[fleet] = one
		go t.run(run, fleet, one)
	}
	one.watchers++
	for _, kind := range patches {
		one.taken[kind]++
	}
	return one, func() { t.leave(fleet, one, patches) }
}

func (t *tides) leave(fleet string, one *tide, patches []string) {
	t.mu.Lock()
	for _, kind := range patches {
		if one.taken[kind]--; one.taken[kind] == 0 {
			delete(one.taken, kind)
		}
	}
	one.watchers--
	last := one.watchers == 0
	if last {
		delete(t.of, fleet)
	}
	t.mu.Unlock()
	if last {
		one.stop()
		<-one.ended
	}
}

// taken are the kinds of which somebody takes patches.
func (t *tides) taken(one *tide) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(one.taken))
}

func (t *tides) look(ctx context.Context, fleet string) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return t.views.of(ctx, fleet)
}

func (t *tides) run(ctx context.Context, fleet string, one *tide) {
	defer close(one.ended)
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v, err := t.look(ctx, fleet)
		if ctx.Err() != nil {
			return
		}
		one.put(v, err, t.taken(one))
	}
}

// put makes a wave of what was seen, where that is news, or due.
func (t *tide) put(v view, err error, taken []string) {
	last, due := t.last()
	if (err == nil) == (last.err == nil) && (err != nil || !v.newsSince(last.view)) && !due {
		return
	}
	next := last.next(v, err, taken)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wave, t.at, t.due = next, time.Now(), false
	close(t.news)
	t.news = make(chan struct{})
}

// last is the newest wave, and whether another one is due.
func (t *tide) last() (w *wave, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wave, t.due || time.Since(t.at) >= streamRepeat
}

// now is the newest wave, and what tells of a newer one.
func (t *tide) now() (w *wave, news <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wave, t.news
}

// hurry makes the next view a wave, whatever it tells.
func (t *tide) hurry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due = true
}

// newsSince reports whether v tells anything that old does not.
func (v view) newsSince(old view) bool {
	return !v.look.At.Equal(old.look.At) || v.state.LastEvent != old.state.LastEvent || len(v.state.Requests) != len(old.state.Requests)
}
