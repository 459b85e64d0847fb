package controller

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/rollout"
)

// Evidence that is archived is never written over: not by a rollout of the
// same name, and not by archiving the same one again.
func TestArchiveKeepsTheFirst(t *testing.T) {
	w := newWorld()
	var said bytes.Buffer
	r := w.reconciler(1)
	r.Log = slog.New(slog.NewTextHandler(&said, nil))
	first := rollout.Rollout{ID: "good", Phase: rollout.Live, Sentence: "the first"}
	again := rollout.Rollout{ID: "good", Phase: rollout.RolledBack, Sentence: "the second"}
	for _, step := range []struct {
		of   rollout.Rollout
		says bool
	}{{first, false}, {first, false}, {again, true}} {
		said.Reset()
		if err := r.archive(t.Context(), rollout.State{Finished: []rollout.Rollout{step.of}}, "good"); err != nil {
			t.Fatal(err)
		}
		var kept rollout.Rollout
		body, _, err := w.Get(t.Context(), finishedKey("ads", "good"))
		if err != nil || json.Unmarshal(body, &kept) != nil || kept.Sentence != "the first" {
			t.Errorf("archived %s after %q, %v", body, step.of.Sentence, err)
		}
		if told := strings.Contains(said.String(), "the second"); told != step.says {
			t.Errorf("after %q the log says %q", step.of.Sentence, &said)
		}
		if !r.memo.archived["good"] {
			t.Errorf("%q would be archived again for ever", step.of.Sentence)
		}
	}
}
