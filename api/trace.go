package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller/history"
)

// How logs are judged anew for drawing: one at a time, so that the controller
// in the same process keeps its core.
const (
	maxTraces = 8               // that are remembered, to go on with
	traceFor  = 2 * time.Second // what one question may take; the next one goes on
	traceLast = 2 * time.Second // that an answer is given again
)

// traces are logs as far as they were judged anew.
type traces struct {
	source Archive
	turn   chan struct{} // holds one token

	mu    sync.Mutex
	known []*traced // used last comes last
}

// traced is one of them. Whoever holds the turn may use it.
type traced struct {
	fleet, id string
	trace     history.Trace
	told      *text     // as it is sent
	whole     bool      // it is of the whole log
	at        time.Time // when it was
}

func newTraces(source Archive) *traces { return &traces{source: source, turn: make(chan struct{}, 1)} }

// of remembers a log, and forgets the one that nobody has asked for longest.
func (t *traces) of(fleet, id string) *traced {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := &traced{fleet: fleet, id: id}
	if at := slices.IndexFunc(t.known, func(k *traced) bool { return k.fleet == fleet && k.id == id }); at >= 0 {
		one = t.known[at]
		t.known = slices.Delete(t.known, at, at+1)
	}
	t.known = append(t.known, one)
	if len(t.known) > maxTraces {
		t.known = slices.Delete(t.known, 0, 1)
	}
	return one
}

// errEnough ends what one question may take.
var errEnough = errors.New("the time for this question is over")

// series tells a rollout's log, as far as it is judged.
func (s *server) series(r *http.Request) (any, error) {
	fleet, id, err := s.logOf(r)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	select {
	case s.traces.turn <- struct{}{}:
		defer func() { <-s.traces.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other logs to be judged: %w", ctx.Err())
	}
	one := s.traces.of(fleet, id)
	if one.whole && time.Since(one.at) < traceLast {
		return one.told, nil
	}
	chunks, err := s.chunksOf(ctx, fleet, id)
	if err != nil {
		return nil, err
	}
	one.whole = false
	told, err := s.traces.read(ctx, one, chunks)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(told)
	if err != nil {
		return nil, fmt.Errorf("encode the looks of %s: %w", id, err)
	}
	one.told, one.whole, one.at = newText("series", 0, body), told.Whole, time.Now()
	return one.told, nil
}

// read goes on with a log. What of it cannot be read is told; a store that is
// away is an error.
func (t *traces) read(ctx context.Context, one *traced, chunks []int) (Series, error) {
	began, whole := time.Now(), len(chunks)
	for i, n := range chunks {
		if n != i {
			whole = i
			break
		}
	}
	err := one.trace.Read(whole, func(n int) (history.Part, error) {
		if time.Since(began) > traceFor {
			return history.Part{}, errEnough
		}
		body, err := t.source.Chunk(ctx, one.fleet, one.id, n)
		return history.Part{Chunk: n, Name: history.Key(one.fleet, one.id, n), Body: body}, err
	})
	out := shapeSeries(one.id, &one.trace)
	out.Whole = true
	switch {
	case errors.Is(err, errEnough):
		out.Whole = false
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Series{}, fmt.Errorf("read the looks of %s: %w", one.id, err)
	case err != nil:
		out.Trouble = err.Error()
	case whole < len(chunks):
		out.Trouble = fmt.Sprintf("chunk %d of the log is missing: what comes after it cannot be judged anew", whole)
	}
	return out, nil
}
