package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	callTimeout = 15 * time.Second // the server itself gives up after ten, and says why
	maxAnswer   = 32 << 20         // bytes
)

// ErrUnreachable means that nobody answered.
var ErrUnreachable = errors.New("nobody answered")

// unreached is an error of a call that was not answered.
type unreached struct{ error }

func (u unreached) Unwrap() []error { return []error{ErrUnreachable, u.error} }

// unsent is an error of a call that nobody was sent.
type unsent struct{ error }

func (u unsent) Unwrap() []error { return []error{ErrNotStored, u.error} }

// Refusal is an answer that is not a success. It is ErrNotFound, ErrConflict,
// ErrBadRequest, ErrTooMany, ErrUnauthorized, ErrForbidden or ErrNotStored (by
// errors.Is) where the server meant that.
type Refusal struct {
	Status  int
	Message string

	notStored bool
}

func (r *Refusal) Error() string { return r.Message }

// Unwrap returns what the answer stands for.
func (r *Refusal) Unwrap() error {
	switch r.Status {
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusBadRequest:
		return ErrBadRequest
	case http.StatusTooManyRequests:
		return ErrTooMany
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	}
	if r.notStored {
		return ErrNotStored
	}
	return nil
}

func (c Client) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, nil, into)
}

func (c Client) call(ctx context.Context, method, path string, body []byte, header http.Header, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.send(ctx, method, path, body, header)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return c.decode(answer, into)
}

func (c Client) decode(answer *http.Response, into any) error {
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.base(), err)
	}
	return nil
}

// base is where the API is, with its scheme.
func (c Client) base() string {
	if strings.Contains(c.Base, "://") {
		return strings.TrimSuffix(c.Base, "/")
	}
	return "http://" + strings.TrimSuffix(c.Base, "/")
}

// send returns a success; everything else is an error.
func (c Client) send(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response, error) {
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	q, err := http.NewRequestWithContext(traced, method, c.base()+path, bytes.NewReader(body))
	if err != nil {
		return nil, unsent{fmt.Errorf("ask %s: %w", c.base(), err)}
	}
	for k, v := range header {
		q.Header[k] = v
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		q.Header.Set("Authorization", "Bearer "+c.Token)
	}
	h := c.HTTP
	if h == nil {
		h = &http.Client{}
	}
	answer, err := h.Do(q)
	switch {
	case err != nil && connected.Load():
		return nil, unreached{fmt.Errorf("hear from the controller's API at %s: %w: is it stopped, or overloaded? every controller answers, see --api", c.base(), cause(err))}
	case err != nil:
		return nil, unsent{unreached{fmt.Errorf("reach the controller's API at %s: %w: is it running there? --api or SLUICE_API says where it is", c.base(), cause(err))}}
	case answer.StatusCode < 300:
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, c.refusal(answer)
}

// refusal is what an answer that is not a success says.
func (c Client) refusal(answer *http.Response) error {
	var p problem
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil || json.Unmarshal(text, &p) != nil || cmp.Or(p.Detail, p.Error) == "" {
		p = problem{Detail: fmt.Sprintf("%s answered %s: is it a sluice controller?", c.base(), answer.Status)}
	}
	return &Refusal{Status: answer.StatusCode, Message: cmp.Or(p.Detail, p.Error), notStored: p.Stored != nil && !*p.Stored}
}

// errSlow means that the time for a call was over.
var errSlow = errors.New("no answer came in time")

// cause is an error of HTTP without the address that was asked.
func cause(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errSlow
	}
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		return asked.Err
	}
	return err
}
