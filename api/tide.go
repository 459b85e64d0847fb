package api

import (
	"context"
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

// tide is the newest view of one fleet while somebody watches it.
type tide struct {
	watchers int // guarded by tides.mu
	stop     context.CancelFunc
	ended    chan struct{}

	mu   sync.Mutex
	view view
	err  error
	news chan struct{} // closed when there is some
}

func newTides(v *views, every time.Duration) *tides {
	return &tides{views: v, every: every, of: map[string]*tide{}}
}

// join begins to watch a fleet. leave ends it, and with the last the looking.
func (t *tides) join(ctx context.Context, fleet string) (one *tide, leave func()) {
	first, err := t.look(ctx, fleet)
	t.mu.Lock()
	defer t.mu.Unlock()
	one = t.of[fleet]
	if one == nil {
		run, stop := context.WithCancel(context.WithoutCancel(ctx))
		one = &tide{stop: stop, ended: make(chan struct{}), view: first, err: err, news: make(chan struct{})}
		t.of[fleet] = one
		go t.run(run, fleet, one)
	}
	one.watchers++
	return one, func() { t.leave(fleet, one) }
}

func (t *tides) leave(fleet string, one *tide) {
	t.mu.Lock()
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
		one.put(v, err)
	}
}

func (t *tide) put(v view, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := (err == nil) != (t.err == nil) || err == nil && v.newsSince(t.view)
	if t.err = err; err == nil {
		t.view = v
	}
	if changed {
		close(t.news)
		t.news = make(chan struct{})
	}
}

// now is the newest view, and what tells of a newer one with news.
func (t *tide) now() (v view, news <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.view, t.news, t.err
}

// newsSince reports whether v tells anything that old does not.
func (v view) newsSince(old view) bool {
	return !v.look.At.Equal(old.look.At) || v.state.LastEvent != old.state.LastEvent || len(v.state.Requests) != len(old.state.Requests)
}
