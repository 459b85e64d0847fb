package cli

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// A wait ends when the wish is not in the state any more, and where that cannot
// be told from what was heard it is looked for. It is not taken for lost because
// one server shows how things stood just before.
func TestWaitSeesWhatItMissed(t *testing.T) {
	const id, key = "greedy", "k-1"
	known := api.Event{Seq: 3, Rollout: id, To: "rolling_back", Wish: key}
	end := func(phase string) api.Rollout {
		return api.Rollout{ID: id, Phase: phase, Final: true, Reason: "x", Sentence: "it is over"}
	}
	canary := func(history ...api.Event) api.Rollout { return api.Rollout{ID: id, Phase: "canary", History: history} }
	event := func(seq int64, reason string) api.News {
		return api.News{Event: &api.Event{Seq: seq, Reason: reason, Sentence: "s"}}
	}
	look := func(last int64, asked ...api.Request) api.News {
		return api.News{Look: &api.Fleet{LastEvent: last, Requests: asked}}
	}
	mine, gap := api.Request{ID: key}, api.News{Gap: true}
	unknown, away := api.ErrNotFound, errors.New("away")
	for _, tt := range []struct {
		name string
		verb rollout.Verb
		news []api.News
		find api.Rollout
		err  error
		done bool
		says string // empty: it came true
	}{
		{"nothing missed", "abort", []api.News{event(11, "x"), look(11), look(11)}, api.Rollout{}, unknown, false, ""},
		{"a gap, over", "abort", []api.News{gap, look(300)}, end("rolled_back"), nil, true, ""},
		{"a gap, over otherwise", "abort", []api.News{gap, look(300)}, end("live"), nil, true, "greedy ended live (x): it is over"},
		{"a gap, going on", "abort", []api.News{gap, look(300), look(300)}, canary(), nil, false, ""},
		{"a gap, not found now", "abort", []api.News{gap, look(300), look(300)}, api.Rollout{}, away, false, ""},
		{"a gap, paused", "pause", []api.News{gap, {Look: &api.Fleet{LastEvent: 300, Pause: &api.Pause{}}}}, api.Rollout{}, nil, true, ""},
		{"a gap, paused and resumed", "pause", []api.News{gap, look(300), look(300)}, api.Rollout{}, nil, true, "more has happened than is remembered, and it is not paused"},
		{"restored before it", "try", []api.News{event(12, "restored"), look(12), look(12)}, api.Rollout{}, unknown, true, "the state was put back to an earlier version, and greedy is not in it"},
		{"restored, told anew", "try", []api.News{event(1, "x"), event(2, "y"), look(2), look(2)}, api.Rollout{}, unknown, true, "the state was put back to an earlier version, and greedy is not in it"},
		{"restored, empty", "try", []api.News{look(0), look(0)}, api.Rollout{}, unknown, true, "greedy is not in it"},
		{"restored, the wish is gone", "rollback", []api.News{event(12, "restored"), look(12), look(12)}, canary(), nil, true, "the state was put back to an earlier version, and greedy is in canary there, and rollback is not asked"},
		{"restored, the wish is known", "rollback", []api.News{event(12, "restored"), look(12), look(12)}, canary(known), nil, false, ""},
		{"restored, the wish waits", "rollback", []api.News{event(12, "restored"), look(12, mine), look(12, mine)}, canary(), nil, false, ""},
		{"restored, tried still", "try", []api.News{event(12, "restored"), look(12), look(12)}, canary(), nil, false, ""},
		{"restored, pause gone", "pause", []api.News{event(12, "restored"), look(12), look(12)}, api.Rollout{}, nil, true, "put back to an earlier version, and it is not paused"},
		{"another server is behind", "rollback", []api.News{event(9, "x"), look(9), look(10, mine), look(10, mine)}, canary(), nil, false, ""},
		{"the end of another life", "try", []api.News{
			{Event: &api.Event{Seq: 4, Rollout: id, To: "live"}}, look(4, mine), look(5),
		}, canary(), nil, false, ""},
	} {
		w := waiting{of: api.Request{ID: key, Verb: string(tt.verb)}, after: 10, out: io.Discard, find: func(string) (api.Rollout, error) { return tt.find, tt.err }}
		if tt.verb != rollout.VerbPause {
			w.rollout = id
		}
		for _, n := range tt.news {
			if !w.hear(n) {
				break
			}
		}
		if w.done != tt.done || (tt.says == "") != (w.end == nil) || w.end != nil && !strings.Contains(w.end.Error(), tt.says) {
			t.Errorf("%s: done %v with %v, want %v and %q", tt.name, w.done, w.end, tt.done, tt.says)
		}
	}
}

// What was asked and is not in a state that was put back is not waited for, and
// the exit code says that it did not come true.
func TestWaitEndsWhereTheStateWasPutBack(t *testing.T) {
	earlier := apitest.Scene("canary", noon).Saved
	c := apitest.Serve(t, acting{apitest.Scene("canary", noon), func(f *apitest.Fake) {
		f.Mu.Lock()
		f.Saved = earlier
		f.Mu.Unlock()
		f.Tell(rollout.Event{At: noon, Reason: rollout.Restored, Sentence: "it goes on from there"})
	}}, api.Options{})
	said, err := run(t, "try", "--why", "w", "s3://lab/model.tar.gz", "--wait", "--timeout", "5m", "--api", c.Base)
	if exitCode(t.Context(), err) != exitFailed || !strings.Contains(err.Error(), "the state was put back to an earlier version, and try-") {
		t.Errorf("%v\n%s", err, said)
	}
}

// Whoever waits is told once that there is no news, and why.
func TestWaitTellsOfTrouble(t *testing.T) {
	var said strings.Builder
	w := waiting{of: api.Request{ID: "k", Verb: "abort"}, rollout: "greedy", out: &said}
	for _, why := range []string{"S3 is away", "S3 is away", "", "S3 is away"} {
		if why == "" {
			w.hear(api.News{Look: &api.Fleet{}})
			continue
		}
		w.hear(api.News{Trouble: why})
	}
	if n := strings.Count(said.String(), "No news: S3 is away. Still waiting."); n != 2 {
		t.Errorf("told %d times, want 2:\n%s", n, said.String())
	}
}
