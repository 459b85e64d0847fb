package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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
	after, err := lastSeen(r)
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
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not hold it back
	w.WriteHeader(http.StatusOK)

	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	if server, ok := r.Context().Value(stopping{}).(context.Context); ok {
		defer context.AfterFunc(server, cancel)()
	}
	out := &stream{still: func() bool { return s.still(r) }, out: w, control: http.NewResponseController(w), policy: s.views.governs, after: after, began: time.Now()}
	if err := s.follow(ctx, fleet, out); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		s.log.DebugContext(r.Context(), "stream ended", "fleet", fleet, "err", err)
	}
}

// follow sends news until the client goes, cannot keep up, or may see no more.
func (s *server) follow(ctx context.Context, fleet string, out *stream) error {
	if err := out.send([]byte("retry: 2000\n\n")); err != nil {
		return err
	}
	tide, leave := s.tides.join(ctx, fleet)
	defer leave()
	wait := time.NewTimer(streamRepeat)
	defer wait.Stop()
	for {
		v, news, err := tide.now()
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("follow %s: %w", fleet, ctx.Err())
		case err != nil:
			if !out.troubled {
				s.log.WarnContext(ctx, "stream cannot read the fleet", "fleet", fleet, "err", err)
			}
			say := "the fleet's documents cannot be read just now; the server's log says more"
			if errors.Is(err, ErrDamaged) {
				say = err.Error()
			}
			err = out.trouble(say)
		default:
			err = out.news(v)
		}
		if err != nil {
			return err
		}
		wait.Reset(streamRepeat)
		if out.waits || s.options.SignIn != nil { // who may see it no more sees no more
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

// lastSeen is the sequence number of the last event that the client knows; -1
// when it knows none and wants all that is remembered.
func lastSeen(r *http.Request) (int64, error) {
	after, err := only(r, "after")
	if err != nil {
		return 0, err
	}
	text := cmp.Or(r.Header.Get("Last-Event-ID"), after)
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
	after   int64     // last event sent
	looked  time.Time // moment of the last look sent
	lookOf  int64     // LastEvent it was sent at
	asked   int       // requests it showed
	sent    time.Time // when anything was sent last
	look    time.Time // when a look, or trouble, was sent last

	troubled bool // the fleet could not be read the last time
	waits    bool // for a view that was read since it began
}

// news sends what v holds that the client does not know.
func (s *stream) news(v view) error {
	if s.waits = s.after > v.state.LastEvent && v.at.Before(s.began); s.waits {
		return s.alive() // the client has heard more from another server; the next view tells
	}
	if err := s.sendEvents(v); err != nil {
		return err
	}
	changed := !v.look.At.Equal(s.looked) || v.state.LastEvent != s.lookOf || len(v.state.Requests) != s.asked
	if changed || s.troubled || time.Since(s.look) >= streamRepeat {
		s.looked, s.lookOf, s.asked, s.look = v.look.At, v.state.LastEvent, len(v.state.Requests), time.Now()
		s.troubled = false
		look, err := v.summed()
		if err != nil {
			return err
		}
		return s.send(look.message)
	}
	return s.alive()
}

func (s *stream) sendEvents(v view) error {
	state := v.state
	if s.after > state.LastEvent {
		s.after = -1 // the fleet's memory began anew
	}
	if len(state.Events) > 0 && s.after >= 0 {
		if first := state.Events[0].Seq; first > s.after+1 {
			if err := s.message("gap", 0, gap{s.after, first}); err != nil {
				return err
			}
		}
	}
	for _, e := range state.Events {
		if e.Seq <= s.after {
			continue
		}
		if err := s.message("event", e.Seq, shapeEvent(e, v.rollout(e.Rollout), s.policy(v.state.Fleet, e.Rollout))); err != nil {
			return err
		}
		s.after = e.Seq
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

// trouble says that there is no news, and why.
func (s *stream) trouble(why string) error {
	if s.troubled && time.Since(s.look) < streamRepeat {
		return nil
	}
	s.troubled, s.look = true, time.Now()
	return s.message("trouble", 0, trouble{why})
}

// alive sends a comment when nothing else was sent for a while, so that
// neither end nor anything between takes the silence for death.
func (s *stream) alive() error {
	if time.Since(s.sent) < streamQuiet {
		return nil
	}
	return s.send([]byte(": alive\n\n"))
}

func (s *stream) message(kind string, id int64, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	head := "event: " + kind + "\n"
	if id > 0 {
		head = "id: " + strconv.FormatInt(id, 10) + "\n" + head
	}
	return s.send(slices.Concat([]byte(head+"data: "), data, []byte("\n\n"))) // JSON has no line breaks
}

func (s *stream) send(text []byte) error {
	s.sent = time.Now()
	if err := s.control.SetWriteDeadline(s.sent.Add(streamWrite)); err != nil {
		return fmt.Errorf("bound the write: %w", err)
	}
	if _, err := s.out.Write(text); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}
