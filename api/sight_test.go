package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// A look is as old as this server has seen it, whatever its moment says by a
// clock that is wrong.
func TestAgeOfALook(t *testing.T) {
	const day = 24 * time.Hour
	for _, off := range []time.Duration{-3 * day, 0, 3 * day} { // of the leader's clock
		synctest.Test(t, func(t *testing.T) {
			var s sight
			for range 3 { // while the leader looks
				time.Sleep(5 * time.Second)
				s.see(time.Now().Add(off-2*time.Second), time.Now())
			}
			last := time.Now().Add(off - 2*time.Second)
			for range 60 { // it is dead
				time.Sleep(time.Second)
				s.see(last, time.Now())
			}
			age, ahead := s.see(last, time.Now())
			if age < time.Minute || age > time.Minute+5*time.Second {
				t.Errorf("%v off: a minute after the last look it is %v old", off, age)
			}
			if said := doubtClocks(ahead); (said == "") != (off == 0) || off > 0 && !strings.Contains(said, "ahead of") || off < 0 && !strings.Contains(said, "behind") {
				t.Errorf("%v off: %v and %q", off, ahead, said)
			}
		})
	}
	var s sight // of a server that has just started
	now := time.Now()
	if age, ahead := s.see(now.Add(-day), now); age != day || doubtClocks(ahead) != "" {
		t.Errorf("the first look: %v old, %v ahead: want to believe it", age, ahead)
	}
	if age, ahead := new(sight).see(now.Add(day), now); age != 0 || doubtClocks(ahead) == "" {
		t.Errorf("a look of tomorrow: %v old, %v ahead", age, ahead)
	}
}

// A client that comes from another server may know more than the view that is
// kept here, which is no reason to tell it everything again.
func TestStreamOfWhoKnowsMore(t *testing.T) {
	began := time.Now()
	state := rollout.State{LastEvent: 3, Events: []rollout.Event{{Seq: 2}, {Seq: 3}}}
	for _, tt := range []struct {
		what  string
		after int64
		at    time.Time
		told  int
	}{
		{"a view of before", 4, began.Add(-time.Millisecond), 0},
		{"a view of now: the state was put back", 4, began, 2},
		{"a view of before that knows more", 2, began.Add(-time.Millisecond), 1},
	} {
		w := &patient{httptest.NewRecorder()}
		s := &stream{out: w, control: http.NewResponseController(w), policy: newViews(nil, Options{}).governs, after: tt.after, began: began, sent: began}
		if err := s.news(&wave{n: 1, view: view{sent: newEncoded(), at: tt.at, state: state}}); err != nil {
			t.Fatal(err)
		}
		if told := strings.Count(w.Body.String(), "event: event"); told != tt.told {
			t.Errorf("%s: told %d events, want %d:\n%s", tt.what, told, tt.told, w.Body)
		}
	}
}

// patient is a client without a deadline.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetWriteDeadline(time.Time) error { return nil }

// A stream of which nothing comes any more is given up, before its answer and in
// the middle of it; one that gives signs of life is not.
func TestSilentStreamIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name string
		body *frozen // nil: not even an answer
		want time.Duration
	}{
		{"no answer", nil, streamSilent},
		{"signs of life, and then none", &frozen{signs: 100}, 100*streamQuiet + streamSilent},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := Client{Base: "x", HTTP: &http.Client{Transport: away(func(q *http.Request) (*http.Response, error) {
				if tt.body == nil {
					<-q.Context().Done()
					return nil, q.Context().Err()
				}
				tt.body.ctx = q.Context()
				return &http.Response{StatusCode: http.StatusOK, Body: tt.body}, nil
			})}}
			began := time.Now()
			err := c.Follow(t.Context(), "demo", 0, func(News) bool { return true })
			if took := time.Since(began); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "nothing came for 30s") || took != tt.want {
				t.Errorf("%s: %v after %v, want %v", tt.name, err, took, tt.want)
			}
		})
	}
}

type away func(*http.Request) (*http.Response, error)

func (a away) RoundTrip(q *http.Request) (*http.Response, error) { return a(q) }

// frozen is an answer that gives signs of life and then nothing.
type frozen struct {
	ctx   context.Context
	signs int
}

func (f *frozen) Read(p []byte) (int, error) {
	if f.signs--; f.signs >= 0 {
		time.Sleep(streamQuiet)
		return copy(p, ": alive\n\n"), nil
	}
	<-f.ctx.Done()
	return 0, f.ctx.Err()
}

func (f *frozen) Close() error { return nil }
