package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sluicehq/sluice/controller/rollout"
)

// How a stream of events behaves.
const (
	streamWrite  = 10 * time.Second // a client that takes longer to read is dropped
	streamQuiet  = 10 * time.Second // a sign of life is sent after so long without news
	streamLife   = time.Hour        // then the client connects again, and goes on where it was
	streamRepeat = 5 * time.Second  // a look is sent again after so long, changed or not
)

// events streams what happens to a fleet (server-sent events). Each thing that
// happened has type "event" and its sequence number as id, so that a client
// that comes back with Last-Event-ID (or after=…) goes on where it was; what
// it missed beyond memory is announced by one "gap". A "look" holds the
// fleet's summary, at the pace of the loop; "trouble" says that it cannot be
// read just now. All is read from the saved state, so it makes no difference
// which server answers, nor whether it was there when something happened.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	fleet := chi.URLParam(r, "fleet")
	out, err := s.newStream(w, r)
	if err == nil {
		_, err = s.views.of(r.Context(), fleet)
	}
	if err != nil {
		s.handle(func(*http.Request) (any, error) { return nil, err })(w, r)
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	client := s.clientOf(r)
	switch ok, own := s.streams.take(client); {
	case own:
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusTooManyRequests, fmt.Sprintf("%s has %d streams of events open, as many as one client may have: close some, or share one", client, s.streams.each))
		return
	case !ok:
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%d streams of events are open, as many as there may be: ask another controller, or wait for one to end", s.streams.most))
		return
	}
	defer s.streams.leave(client)
	out.head()
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	if server, ok := r.Context().Value(stopping{}).(context.Context); ok {
		defer context.AfterFunc(server, cancel)()
	}
	if err := s.follow(ctx, fleet, out); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		s.log.DebugContext(r.Context(), "stream ended", "fleet", fleet, "err", err)
	}
}

// follow sends news until the client goes, cannot keep up, or may see no more.
func (s *server) follow(ctx context.Context, fleet string, out *stream) error {
	if err := out.send([]byte("retry: 2000\n\n")); err != nil {
		return err
	}
	tide, leave := s.tides.join(ctx, fleet, out.patches)
	defer leave()
	wait := time.NewTimer(streamQuiet)
	defer wait.Stop()
	var last *wave
	for {
		w, news := tide.now()
		var err error
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("follow %s: %w", fleet, ctx.Err())
		case errors.Is(w.err, ErrNotFound): // it is declared no more: who asks again is told
			return fmt.Errorf("follow %s: %w", fleet, w.err)
		case w == last:
			err = out.alive()
		case w.err != nil:
			err = s.trouble(ctx, fleet, out, w.err)
		default:
			if err = out.news(w); out.waits {
				tide.hurry()
			}
		}
		if err != nil {
			return err
		}
		last = w
		wait.Reset(streamQuiet)
		if s.options.SignIn != nil { // who may see it no more sees no more
			wait.Reset(s.options.Every)
		}
		select {
		case <-news:
		case <-wait.C:
		case <-ctx.Done():
			return fmt.Errorf("follow %s: %w", fleet, ctx.Err())
		}
		if !out.still() {
			return fmt.Errorf("follow %s: %w", fleet, ErrUnauthorized)
		}
	}
}

// trouble says that there is no news, and why.
func (s *server) trouble(ctx context.Context, fleet string, out *stream, err error) error {
	if !out.troubled {
		s.log.WarnContext(ctx, "stream cannot read the fleet", "fleet", fleet, "err", err)
	}
	out.troubled = true
	say := "the fleet's documents cannot be read just now; the server's log says more"
	if errors.Is(err, ErrDamaged) {
		say = err.Error()
	}
	return out.message("trouble", trouble{say})
}

// newStream is a stream as a client asks for it.
func (s *server) newStream(w http.ResponseWriter, r *http.Request) (*stream, error) {
	query, err := params(r, "after", "patch")
	if err != nil {
		return nil, err
	}
	after, err := lastSeen(cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("after")))
	if err != nil {
		return nil, err
	}
	out := &stream{
		out: w, control: http.NewResponseController(w), still: func() bool { return s.still(r) }, policy: s.views.governs,
		after: after, began: time.Now(), packed: takesZip(r), kinds: []string{streamLook},
	}
	for kind := range strings.SplitSeq(query.Get("patch"), ",") {
		switch {
		case kind == "":
			continue
		case kind != streamLook && kind != streamTasks || slices.Contains(out.patches, kind):
			return nil, sentence(ErrBadRequest, "patch names %.40q: want look, tasks, or both, joined by a comma", kind)
		case kind == streamTasks:
			out.kinds = []string{streamTasks, streamLook} // who sees a look has its tasks
		}
		out.patches = append(out.patches, kind)
	}
	return out, nil
}

// lastSeen is the sequence number of the last event that the client knows; -1
// when it knows none and wants all that is remembered.
func lastSeen(text string) (int64, error) {
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, sentence(ErrBadRequest, "last event is %.40q: want the id of an event", text)
	}
	return n, nil
}

// stream writes server-sent events to one client.
type stream struct {
	out     http.ResponseWriter
	control *http.ResponseController
	still   func() bool // may the client go on to see
	began   time.Time
	policy  func(fleet, rollout string) rollout.Policy

	kinds   []string // of what is sent of each view
	patches []string // those of them that are sent whole once, and then as patches
	packed  bool     // by gzip
	opened  bool     // and begun

	after int64     // last event sent
	had   int       // number of the view sent last, 0 before the first
	sent  time.Time // when anything was sent last

	troubled bool // the fleet could not be read the last time
	waits    bool // for a view that was read since it began
}

// head answers that there is a stream.
func (s *stream) head() {
	h := s.out.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not hold it back
	h.Set("Vary", "Accept-Encoding")
	if s.packed {
		h.Set("Content-Encoding", "gzip")
	}
	s.out.WriteHeader(http.StatusOK)
}

// news sends what a wave tells that the client does not know.
func (s *stream) news(w *wave) error {
	s.troubled = false
	if s.waits = s.after > w.view.state.LastEvent && w.view.at.Before(s.began); s.waits {
		return s.alive() // the client has heard more from another server; the next view tells
	}
	if err := s.sendEvents(w); err != nil {
		return err
	}
	for _, kind := range s.kinds {
		t := w.patches[kind]
		if t == nil || s.had != w.n-1 || !slices.Contains(s.patches, kind) {
			var err error
			if t, err = w.view.text(kind); err != nil {
				return err
			}
		}
		if err := s.share(t); err != nil {
			return err
		}
	}
	s.had = w.n
	return nil
}

func (s *stream) sendEvents(w *wave) error {
	state := w.view.state
	if s.after > state.LastEvent {
		s.after = -1 // the fleet's memory began anew
	}
	if len(state.Events) > 0 && s.after >= 0 {
		if first := state.Events[0].Seq; first > s.after+1 {
			if err := s.message("gap", gap{s.after, first}); err != nil {
				return err
			}
		}
	}
	if s.after < state.LastEvent {
		for _, e := range w.told(s.policy) {
			if e.seq <= s.after {
				continue
			}
			if err := s.share(e.text); err != nil {
				return err
			}
			s.after = e.seq
		}
	}
	s.after = max(s.after, 0)
	return nil
}

// gap is the body of a message that says that events were missed.
type gap struct {
	After int64 `json:"after"` // the last that the client knows
	First int64 `json:"first"` // the first that is remembered
}

// trouble is the body of a message that says that the fleet cannot be read.
type trouble struct {
	Error string `json:"error"`
}

// alive sends a comment when nothing else was sent for a while, so that
// neither end nor anything between takes the silence for death.
func (s *stream) alive() error {
	if time.Since(s.sent) < streamQuiet {
		return nil
	}
	return s.send([]byte(": alive\n\n"))
}

// message sends what is for this client alone.
func (s *stream) message(kind string, body any) error {
	t, err := encode(kind, 0, body)
	if err != nil {
		return err
	}
	return s.send(t.message)
}

// share sends what all are sent.
func (s *stream) share(t *text) error {
	if s.packed {
		return s.write(t.blocks())
	}
	return s.write(t.message)
}

func (s *stream) send(text []byte) error {
	if s.packed {
		text = stored(text)
	}
	return s.write(text)
}

func (s *stream) write(text []byte) error {
	s.sent = time.Now()
	if err := s.control.SetWriteDeadline(s.sent.Add(streamWrite)); err != nil {
		return fmt.Errorf("bound the write: %w", err)
	}
	if s.packed && !s.opened {
		s.opened, text = true, append([]byte(fileHead), text...)
	}
	if _, err := s.out.Write(text); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}
