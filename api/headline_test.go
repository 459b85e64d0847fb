package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// TestHeadlines holds that a rollout reads the same wherever it is asked for,
// and an event in the stream as in the history, also of what was stored before
// there were headlines: nothing of them is.
func TestHeadlines(t *testing.T) {
	for _, scene := range []string{"idle", "shadow", "canary", "held", "doubtful", "unclear", "promoting", "rolled_back", "paused"} {
		f := apitest.Scene(scene, time.Now())
		policy := func(string, string) (rollout.Policy, bool) { return rollout.Defaults(), true }
		c := apitest.Serve(t, f, api.Options{Policy: policy, Every: time.Hour}) // one view for all
		view, err := c.Fleet(t.Context(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		list, err := c.Rollouts(t.Context(), "demo", 10)
		if err != nil {
			t.Fatal(err)
		}
		streamed := streamed(t, c, len(f.Saved.Events))
		for _, listed := range list {
			whole, err := c.Rollout(t.Context(), "demo", listed.ID)
			if err != nil {
				t.Fatal(err)
			}
			if listed.Headline == "" || listed.WayOut == "" || listed.Headline != whole.Headline || listed.WayOut != whole.WayOut {
				t.Errorf("%s: %s reads %q in a list and %q by itself", scene, listed.ID, listed.Headline, whole.Headline)
			}
			for _, shown := range []*api.Rollout{view.Active, view.Last} {
				if shown != nil && shown.ID == listed.ID && (shown.Headline != listed.Headline || shown.WayOut != listed.WayOut) {
					t.Errorf("%s: %s reads %q in the fleet's summary, and %q in a list", scene, listed.ID, shown.Headline, listed.Headline)
				}
			}
			for i, e := range whole.History {
				if ends := i == len(whole.History)-1 && whole.Final && e.To == whole.Phase; ends && e.Headline != whole.Headline {
					t.Errorf("%s: %s reads %q, its end %q", scene, whole.ID, whole.Headline, e.Headline)
				}
				if s, is := streamed[e.Seq]; is && s.Rollout == whole.ID && (s.Headline != e.Headline || s.WayOut != e.WayOut) {
					t.Errorf("%s: %s -> %s reads %q in the stream, and %q in the history", scene, e.From, e.To, s.Headline, e.Headline)
				}
			}
		}
		for _, e := range streamed {
			if e.Headline == "" || e.WayOut == "" {
				t.Errorf("%s: nothing is told of %s -> %s %s", scene, e.From, e.To, e.Reason)
			}
		}
		if stored, err := json.Marshal(f.Saved); err != nil || bytes.Contains(stored, []byte("headline")) || bytes.Contains(stored, []byte("way_out")) {
			t.Errorf("%s: a headline is stored (%v)", scene, err)
		}
	}
}

func streamed(t *testing.T, c api.Client, n int) map[int64]api.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	all := map[int64]api.Event{}
	if err := c.Follow(ctx, "demo", -1, func(news api.News) bool {
		if news.Event != nil {
			all[news.Event.Seq] = *news.Event
		}
		return len(all) < n
	}); err != nil {
		t.Fatal(fmt.Errorf("after %d events: %w", len(all), err))
	}
	return all
}
