package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// Client asks a server of this package. The zero value of HTTP takes a client
// without tricks; every call but Follow is over within fifteen seconds, and Ask,
// which tries three times, within a minute.
type Client struct {
	Base  string // http://host:port; without a scheme it is http
	Token string // proves who asks; empty for none
	HTTP  *http.Client
}

// Me returns who asks, as far as the server knows.
func (c Client) Me(ctx context.Context) (m Me, err error) {
	return m, c.get(ctx, "/v1/me", &m)
}

// Fleets returns the names of all fleets.
func (c Client) Fleets(ctx context.Context) (names []string, err error) {
	return names, c.get(ctx, "/v1/fleets", &names)
}

// Overview returns what there is to know of all fleets at a glance.
func (c Client) Overview(ctx context.Context) (list []Summary, err error) {
	return list, c.get(ctx, "/v1/overview", &list)
}

// Fleet returns the summary of a fleet.
func (c Client) Fleet(ctx context.Context, fleet string) (f Fleet, err error) {
	return f, c.get(ctx, fleetPath(fleet), &f)
}

// Tasks returns up to limit tasks of a fleet.
func (c Client) Tasks(ctx context.Context, fleet string, limit int) (t Tasks, err error) {
	return t, c.get(ctx, fleetPath(fleet, "tasks")+"?limit="+strconv.Itoa(limit), &t)
}

// Rollouts returns up to limit rollouts of a fleet, those that are not over
// first, then newest first.
func (c Client) Rollouts(ctx context.Context, fleet string, limit int) (list []Rollout, err error) {
	return list, c.get(ctx, fleetPath(fleet, "rollouts")+"?limit="+strconv.Itoa(limit), &list)
}

// Rollout returns one rollout with all its evidence.
func (c Client) Rollout(ctx context.Context, fleet, id string) (r Rollout, err error) {
	return r, c.get(ctx, fleetPath(fleet, "rollouts", id), &r)
}

// Looks returns which chunks there are of the log of a rollout's looks, in
// order. ErrNotFound where there is no log.
func (c Client) Looks(ctx context.Context, fleet, id string) (l Looks, err error) {
	return l, c.get(ctx, fleetPath(fleet, "rollouts", id, "looks"), &l)
}

// Chunk returns one of them.
func (c Client) Chunk(ctx context.Context, fleet, id string, chunk int) (k Chunk, err error) {
	return k, c.get(ctx, fleetPath(fleet, "rollouts", id, "looks", strconv.Itoa(chunk)), &k)
}

// Which rollouts are asked for; zero values ask for all.
type Which struct {
	Phases       []string  // that they are in
	Outcome      string    // of their last verdict
	By           string    // who asked for them, or for anything that happened to them
	Release      string    // digest of the candidate, or its first six characters or more
	Since, Until time.Time // between which their phase began
}

func (w Which) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"phase": strings.Join(w.Phases, ","), "outcome": w.Outcome, "by": w.By, "release": w.Release} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": w.Since, "until": w.Until} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return q
}

// EachRollout hands over the rollouts of a fleet, as Rollouts lists them, until
// each returns false. What comes meanwhile is left out, and each comes once.
func (c Client) EachRollout(ctx context.Context, fleet string, w Which, each func(Rollout) bool) error {
	q := w.query()
	q.Set("limit", strconv.Itoa(MostListed))
	for path := fleetPath(fleet, "rollouts"); ; {
		var list []Rollout
		next, err := c.page(ctx, path+"?"+q.Encode(), &list)
		if err != nil {
			return err
		}
		for _, r := range list {
			if !each(r) {
				return nil
			}
		}
		if next == "" {
			return nil
		}
		q.Set("cursor", next)
	}
}

// page gets one page of a list, and the cursor of the next one.
func (c Client) page(ctx context.Context, path string, into any) (next string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.send(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if err := c.decode(answer, into); err != nil {
		return "", err
	}
	target, _, _ := strings.Cut(strings.TrimPrefix(answer.Header.Get("Link"), "<"), ">")
	u, err := url.Parse(target)
	if err != nil {
		return "", fmt.Errorf("read where the list of %s goes on: %w", c.base(), err)
	}
	return u.Query().Get("cursor"), nil
}

// Stop returns the stop of all fleets, if there is one.
func (c Client) Stop(ctx context.Context) (s Stop, err error) {
	return s, c.get(ctx, "/v1/freeze", &s)
}

// Freezes returns when fleets are frozen in the weeks to come, by their calendars.
func (c Client) Freezes(ctx context.Context) (k Calendar, err error) {
	return k, c.get(ctx, "/v1/freezes", &k)
}

// Freeze stops all fleets, and Unfreeze ends that: nothing starts or advances,
// and danger is still acted on. Where no answer comes it asks again, as Ask does.
func (c Client) Freeze(ctx context.Context, a StopAsk) (Stop, error) {
	return c.setStop(ctx, "freeze", a)
}

// Unfreeze ends a stop of all fleets.
func (c Client) Unfreeze(ctx context.Context, a StopAsk) (Stop, error) {
	return c.setStop(ctx, "unfreeze", a)
}

func (c Client) setStop(ctx context.Context, verb string, a StopAsk) (s Stop, err error) {
	a.ID = cmp.Or(a.ID, newID(time.Now()))
	return s, c.wish(ctx, "/v1/"+verb, a.ID, a, func() any { s = Stop{}; return &s }, func() error { return nil })
}

// Audit returns up to limit entries of the audit trail, newest first, after a
// cursor (empty: from the newest); of one fleet, or with an empty name of all.
func (c Client) Audit(ctx context.Context, fleet, after string, limit int) (a Audit, err error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, value := range map[string]string{"fleet": fleet, "after": after} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return a, c.get(ctx, "/v1/audit?"+query.Encode(), &a)
}

// Series returns the log of a rollout's looks judged anew, for drawing.
// ErrNotFound where there is no log.
func (c Client) Series(ctx context.Context, fleet, id string) (s Series, err error) {
	return s, c.get(ctx, fleetPath(fleet, "rollouts", id, "series"), &s)
}

// Releases returns up to limit passports, newest first.
func (c Client) Releases(ctx context.Context, limit int) (list []Passport, err error) {
	return list, c.get(ctx, "/v1/releases?limit="+strconv.Itoa(limit), &list)
}

// Release returns the passport of a release by its digest.
func (c Client) Release(ctx context.Context, digest string) (p Passport, err error) {
	return p, c.get(ctx, "/v1/releases/"+url.PathEscape(digest), &p)
}

// Manifest returns the manifest of a release, as it lies in its archive.
func (c Client) Manifest(ctx context.Context, digest string) (manifest json.RawMessage, err error) {
	return manifest, c.get(ctx, "/v1/releases/"+url.PathEscape(digest)+"/manifest", &manifest)
}

// Ask writes a wish down and returns it as stored, with what it is about named.
// Nothing has happened then: Follow shows what becomes of it. Where no answer
// comes it asks again, as the same wish, so that it has one effect; an
// UnknownError says that it may be stored none the less.
func (c Client) Ask(ctx context.Context, fleet string, verb rollout.Verb, a Ask) (stored Request, err error) {
	a.ID = cmp.Or(a.ID, newID(time.Now()))
	return stored, c.wish(ctx, fleetPath(fleet, string(verb)), a.ID, a, func() any { stored = Request{}; return &stored }, func() error {
		if stored.ID != a.ID {
			return fmt.Errorf("%s answered with another wish: is it a sluice controller?", c.base())
		}
		return nil
	})
}

// wish asks for what has one effect, however often it is asked. into makes room
// for an answer, and check looks at it.
func (c Client) wish(ctx context.Context, path, id string, what any, into func() any, check func() error) error {
	body, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	header := http.Header{keyHeader: {id}}
	doubt := false // a try may have stored it
	for tries := 1; ; tries++ {
		err := c.call(ctx, http.MethodPost, path, body, header, into())
		if err == nil {
			err = check()
		}
		if err == nil || answered(err) {
			return err
		}
		doubt = doubt || !errors.Is(err, ErrNotStored)
		if tries == askTries || !pause(ctx, askPause<<tries) {
			if doubt {
				err = &UnknownError{id, err}
			}
			return err
		}
	}
}

// UnknownError means that nobody knows whether a wish is stored. To ask again
// with the same ID is safe: it is the same wish, and has one effect.
type UnknownError struct {
	ID  string // of the wish
	Err error  // of the last try
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("unknown whether it is stored: %v", e.Err)
}

// Unwrap returns the error of the last try.
func (e *UnknownError) Unwrap() error { return e.Err }

// How Ask goes on without an answer.
const (
	askTries = 3
	askPause = 100 * time.Millisecond // before the second, and twice that for each more
)

// answered reports whether a refusal is about the wish, and not trouble on the
// way or of the server.
func answered(err error) bool {
	var refused *Refusal
	return errors.As(err, &refused) && refused.Status < http.StatusInternalServerError
}

// pause waits and reports whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func fleetPath(fleet string, rest ...string) string {
	p := "/v1/fleets/" + url.PathEscape(fleet)
	for _, r := range rest {
		p += "/" + url.PathEscape(r)
	}
	return p
}
