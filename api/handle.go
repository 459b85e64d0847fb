package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// readTimeout bounds what one request may wait for the controller's documents.
const readTimeout = 10 * time.Second

// maxReaders bounds the questions in hand, as each holds what it has read until
// its client has taken it. Wishes are not among them: danger finds room.
const maxReaders = 256

// accepted is the answer to a wish that was written down and not yet acted on.
type accepted struct{ body any }

// file is the body of an answer that is not JSON of ours: bytes to be kept under
// a name, as they are.
type file struct {
	name string
	body []byte
}

// sender is an answer that is not plain JSON, always of 200.
type sender interface {
	send(w http.ResponseWriter, r *http.Request) error
}

// problem is the body of every answer that is not a success (RFC 9457). Error
// is its detail again, for clients that know no more.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Error  string `json:"error"`

	// Stored is false where a wish is surely not stored, though the trouble is the
	// server's. Without it a status from 500 on leaves that open.
	Stored *bool `json:"stored,omitempty"`
}

func problemOf(code int, why string) problem {
	return problem{Type: "about:blank", Title: http.StatusText(code), Status: code, Detail: why, Error: why}
}

// about says of a server's trouble with a wish what is known of the wish.
func (p problem) about(err error) problem {
	if p.Status >= http.StatusInternalServerError && errors.Is(err, ErrNotStored) {
		p.Stored = new(bool)
	}
	return p
}

// spoken is an error whose text was written for the person who asked.
type spoken struct {
	kind error
	text string
}

func (e spoken) Error() string { return e.text }
func (e spoken) Unwrap() error { return e.kind }

// sentence returns an error of that kind that says just the sentence.
func sentence(kind error, format string, args ...any) error {
	return spoken{kind, fmt.Sprintf(format, args...)}
}

// handle is the one place where results become JSON and errors become status
// codes. A message reaches the caller only if it was written for them.
func (s *server) handle(h func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		body, err := h(r.WithContext(ctx))
		code := status(err)
		switch {
		case err != nil && r.Context().Err() != nil:
			s.log.DebugContext(r.Context(), "caller went away", "path", r.URL.Path, "err", err)
			return
		case code == http.StatusInternalServerError || code == http.StatusGatewayTimeout:
			s.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "err", err)
			body = problemOf(code, told(code, err)).about(err)
		case code == http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", "5")
			body = problemOf(code, err.Error()+": ask again in some seconds").about(err)
		case err != nil:
			body = problemOf(code, err.Error()).about(err)
		}
		if full := (rollout.Full{}); errors.As(err, &full) {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(full.After.Seconds()))))
		}
		if a, ok := body.(accepted); ok {
			code, body = http.StatusAccepted, a.body
		}
		if l, ok := body.(listed); ok {
			if body = l.body; l.next != "" {
				w.Header().Set("Link", "<"+l.next+`>; rel="next"`)
			}
		}
		send := func(w http.ResponseWriter, _ *http.Request) error { return write(w, code, body) }
		if own, ok := body.(sender); ok {
			send = own.send
		}
		if err := send(w, r); err != nil {
			s.log.DebugContext(r.Context(), "caller went away", "path", r.URL.Path, "err", err)
		}
	}
}

// reads is handle for what only reads, of which so many may be in hand.
func (s *server) reads(h func(*http.Request) (any, error)) http.HandlerFunc {
	serve := s.handle(h)
	return func(w http.ResponseWriter, r *http.Request) {
		client := s.clientOf(r)
		switch ok, own := s.readers.take(client); {
		case own:
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusTooManyRequests, fmt.Sprintf("%d questions of %s are in hand, as many as one client may have: wait for their answers", s.readers.each, client))
		case !ok:
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%d questions are in hand, as many as there may be: ask again in a second", s.readers.most))
		default:
			defer s.readers.leave(client)
			serve(w, r)
		}
	}
}

func write(w http.ResponseWriter, code int, body any) error {
	kind := "application/json"
	if _, is := body.(problem); is {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	return json.NewEncoder(w).Encode(body)
}

func (f file) send(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	h.Set("Cache-Control", "no-store")
	_, err := w.Write(f.body)
	return err
}

func status(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrConflict):
		return http.StatusConflict
	case errors.Is(err, ErrUnauthorized):
		return http.StatusUnauthorized
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, ErrTooMany):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrBadRequest):
		return http.StatusBadRequest
	case errors.Is(err, errMediaType):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, errTooLong):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, ErrUnavailable):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// told is what a caller is told of our own trouble: the reason is for the log
// only, unless a person has to do something about it.
func told(code int, err error) string {
	switch {
	case errors.Is(err, ErrDamaged):
		return err.Error()
	case code == http.StatusGatewayTimeout:
		return fmt.Sprintf("the fleet's documents could not be read or written within %v; the server's log says more", readTimeout)
	}
	return "internal error; the server's log says more"
}
