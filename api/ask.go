package api

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/inference/release"
)

// What a wish may hold at most.
const maxBody = 16 << 10 // bytes

var (
	errMediaType = errors.New("media type")
	errTooLong   = errors.New("too long")
)

// Ask is the body of every wish.
type Ask struct {
	// ID may be chosen by the caller, here or as the header Idempotency-Key, so
	// that asking again after a lost reply changes nothing and is answered as it
	// was first, for a day; empty: the server chooses one.
	ID string `json:"id,omitempty"`

	By      string `json:"by"`                // who asks, where there is no sign-in: else that is proven
	Why     string `json:"why,omitempty"`     // shown with all that follows from it
	Rollout string `json:"rollout,omitempty"` // resume, abort, promote: the one meant; empty: the active one
	Release string `json:"release,omitempty"` // rollback: digest; empty: where Fleet.Back points
	Source  string `json:"source,omitempty"`  // try: s3://bucket/key

	// Intended is a change of the filter rate that is wanted (try): the judge
	// allows differences around it. Its Why may be left to the wish's.
	Intended *Change `json:"intended_change,omitempty"`

	// BreakGlass lets promote, resume and try happen in spite of a freeze. It takes
	// an admin, and a reason.
	BreakGlass bool `json:"break_glass,omitempty"`

	// Seen is what the asker was looking at. What has changed since is a conflict,
	// except that danger (rollback, abort, pause) goes on while its target is
	// there. Without it a wish means things as they stand.
	Seen *Seen `json:"seen,omitempty"`
}

// Seen is what a person was looking at. What is left out does not matter.
type Seen struct {
	Revision *int64  `json:"revision,omitempty"` // Fleet.LastEvent: what concerns the fleet or the rollout in question has not changed
	Rollout  *string `json:"rollout,omitempty"`  // id of the active one; empty: none
	Release  *string `json:"release,omitempty"`  // digest of the stable one; empty: none
}

// See is what somebody saw who looked at f.
func See(f Fleet) *Seen {
	var active, stable string
	if f.Active != nil {
		active = f.Active.ID
	}
	if f.Stable != nil {
		stable = f.Stable.Digest
	}
	return &Seen{Revision: &f.LastEvent, Rollout: &active, Release: &stable}
}

// ask writes a wish down. What is possible and what is not is for the
// rollout's own rules to say, where it is written.
func (s *server) ask(verb rollout.Verb) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		fleet := chi.URLParam(r, "fleet")
		if err := knownFleet(r.Context(), s.source, fleet); err != nil { // more is not asked: a wish needs the state alone
			return nil, err
		}
		a, err := readAsk(r)
		if err != nil {
			return nil, err
		}
		p, signed := personOf(r)
		claim := strings.TrimSpace(a.By)
		if signed { // what the body says of that is no proof
			a.By = p.Name
		}
		q, err := a.request(verb, time.Now())
		if err != nil {
			return nil, err
		}
		if q.How, q.From = p.How, s.clientOf(r); signed && claim != p.Name {
			if q.Claim = claim; printable("by", claim, rollout.MaxBy) != nil {
				q.Claim = ""
			}
		}
		if signed && q.BreakGlass && !p.Grants.On(fleet).Covers(identity.Admin) {
			return nil, sentence(ErrForbidden, "%s is no admin of fleet %s, which it takes to break the glass of a freeze: ask one, or wait for its end", p.Name, fleet)
		}
		if signed && verb.Override() && q.Why == "" {
			return nil, sentence(ErrBadRequest, "say why (why): %s goes over what was decided, and the reason is shown with all that follows", verb)
		}
		if err := s.readable(r.Context(), fleet, q); err != nil {
			return nil, err
		}
		stored, err := s.source.Request(r.Context(), fleet, q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", verb, err)
		}
		s.views.forget(r.Context(), fleet)
		s.log.InfoContext(r.Context(), "request stored", "fleet", fleet, "verb", string(verb), "by", stored.By,
			"rollout", stored.Rollout, "release", stored.Release, "request", stored.ID)
		out := shapeRequest(stored)
		if verb == rollout.VerbTry && stored.Source != nil {
			out.TakenBack = s.takenBack(r, func(one rollout.Rollout) bool {
				return one.Source.Bucket == stored.Source.Bucket && one.Source.Key == stored.Source.Key
			})
		}
		return accepted{out}, nil
	}
}

// readBody reads the JSON that a wish is sent as.
func readBody(r *http.Request) ([]byte, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, sentence(errMediaType, "send the body as Content-Type: application/json")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, sentence(errMediaType, "the body is in Content-Encoding %.40q: send it as it is", coding)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, sentence(ErrBadRequest, "the body broke off: send it again")
	}
	if len(body) > maxBody {
		return nil, sentence(errTooLong, "the body is larger than %d bytes: want at most that", maxBody)
	}
	return body, nil
}

func readAsk(r *http.Request) (Ask, error) {
	var a Ask
	body, err := readBody(r)
	if err != nil {
		return a, err
	}
	if err := decodeStrictly(body, &a); err != nil {
		return a, err
	}
	a.ID, err = chosenID(r, a.ID)
	return a, err
}

// chosenID is the id of a wish that the caller chose, in the body or as a header;
// empty for none.
func chosenID(r *http.Request, body string) (string, error) {
	key, err := keyOf(r)
	if err == nil && body != "" && key != "" && key != body {
		err = sentence(ErrBadRequest, "the body's id is %.100q and %s is %.100q: send one of them", body, keyHeader, key)
	}
	return cmp.Or(key, body), err
}

func badName(what, value string) error {
	return sentence(ErrBadRequest, "%s is %.100q: want up to 128 letters, digits, dots, dashes and underscores", what, value)
}

// keyHeader names a wish, so that asking again is known as such.
const keyHeader = "Idempotency-Key"

// keyOf returns the key that a caller chose; empty where there is none. Whoever
// sends one that says nothing counts on it all the same.
func keyOf(r *http.Request) (string, error) {
	values := r.Header.Values(keyHeader)
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", sentence(ErrBadRequest, "%s stands twice: send one", keyHeader)
	}
	key := strings.Trim(values[0], `"`)
	if key == "" {
		return "", sentence(ErrBadRequest, "%s is empty: choose a new one for each wish, or leave it out", keyHeader)
	}
	return key, nil
}

// request checks a at the door and makes it a wish.
func (a Ask) request(verb rollout.Verb, now time.Time) (rollout.Request, error) {
	a.By, a.Why = strings.TrimSpace(a.By), strings.TrimSpace(a.Why)
	for _, f := range []struct {
		name, value string
		most        int
	}{{"by", a.By, rollout.MaxBy}, {"why", a.Why, rollout.MaxWhy}, {"source", a.Source, rollout.MaxKey}} {
		if err := printable(f.name, f.value, f.most); err != nil {
			return rollout.Request{}, err
		}
	}
	for _, f := range []struct{ name, value string }{{"id", a.ID}, {"rollout", a.Rollout}} {
		if f.value != "" && !isName(f.value) {
			return rollout.Request{}, badName(f.name, f.value)
		}
	}
	switch {
	case a.By == "":
		return rollout.Request{}, sentence(ErrBadRequest, "say who asks (by)")
	case a.Release != "" && verb != rollout.VerbRollback:
		return rollout.Request{}, sentence(ErrBadRequest, "release is for rollback only: leave it out")
	case a.Source != "" && verb != rollout.VerbTry:
		return rollout.Request{}, sentence(ErrBadRequest, "source is for try only: leave it out")
	case a.Rollout != "" && (verb == rollout.VerbPause || verb == rollout.VerbRollback):
		return rollout.Request{}, sentence(ErrBadRequest, "%s is about the fleet, not about a rollout: leave rollout out", verb)
	case a.Release != "" && !release.IsDigest(a.Release):
		return rollout.Request{}, sentence(ErrBadRequest, "release is %.100q: want a digest, 64 characters of lower-case hex", a.Release)
	}
	if a.ID == "" {
		a.ID = newID(now)
	}
	q := rollout.Request{ID: a.ID, Verb: verb, By: a.By, Why: a.Why, At: now.UTC(), Rollout: a.Rollout, Release: a.Release, BreakGlass: a.BreakGlass}
	if a.Seen != nil {
		seen := rollout.Seen(*a.Seen)
		q.Seen = &seen
	}
	if verb == rollout.VerbTry {
		source, err := parsePlace(a.Source)
		if err != nil {
			return q, err
		}
		source.By = a.By
		q.Source = &source
		if q.Rollout == "" {
			q.Rollout = "try-" + a.ID
		}
		q.Intended, err = a.intended()
		return q, err
	}
	if a.Intended != nil {
		return q, sentence(ErrBadRequest, "an intended change goes with try only: leave it out")
	}
	return q, nil
}

// intended is the change that is wanted; whether it is sensible is for the
// rollout's own rules to say.
func (a Ask) intended() (*release.Change, error) {
	if a.Intended == nil {
		return nil, nil //nolint:nilnil // none is wanted, and nothing is wrong
	}
	c := release.Change{FilterRate: a.Intended.FilterRate, Partners: a.Intended.Partners, Why: strings.TrimSpace(a.Intended.Why)}
	if c.Why == "" {
		c.Why = a.Why
	}
	if c.Why == "" {
		return nil, sentence(ErrBadRequest, "say why the filter rate is meant to change (why)")
	}
	if err := printable("intended_change.why", c.Why, rollout.MaxWhy); err != nil {
		return nil, err
	}
	for name := range c.Partners {
		if err := printable("intended_change.partners", name, rollout.MaxName); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// printable refuses text that could garble a terminal, a log line or a table.
func printable(name, text string, most int) error {
	if len(text) > most {
		return sentence(ErrBadRequest, "%s has %d bytes: want up to %d", name, len(text), most)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return sentence(ErrBadRequest, "%s holds characters that cannot be printed: leave them out", name)
	}
	return nil
}

// parsePlace reads s3://bucket/key.
func parsePlace(text string) (release.Source, error) {
	bucket, key, ok := amazon.SplitURL(text)
	if !ok || bucket == "" || key == "" || len(key) > 1024 {
		return release.Source{}, sentence(ErrBadRequest, "source is %.200q: want s3://bucket/key", text)
	}
	return release.Source{Bucket: bucket, Key: key}, nil
}

// newID names a wish: sorted by time, and unlike any other.
func newID(now time.Time) string {
	return now.UTC().Format("20060102-150405") + "-" + strings.ToLower(rand.Text()[:6])
}
