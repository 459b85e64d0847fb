package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/inference/release"
)

// TestTryAtTheDoor names artifacts that are there or not. Nobody waits long for
// an answer, and nothing else that people ask is held up by it.
func TestTryAtTheDoor(t *testing.T) {
	o := api.Options{Artifact: func(ctx context.Context, s release.Source) error {
		if at, ok := ctx.Deadline(); !ok || time.Until(at) > 5*time.Second {
			t.Error("the look has no bound")
		}
		if s.Key != "there" {
			return errors.New("there is nothing at s3://" + s.Bucket + "/" + s.Key + ": check the address")
		}
		return nil
	}}
	for _, tt := range []struct {
		verb, body string
		code       int
		says       string
	}{
		{"try", `{"by":"ada","source":"s3://b/gone"}`, 400, "there is nothing at s3://b/gone: check the address"},
		{"try", `{"by":"ada","source":"s3://b/there"}`, 202, `"source":"s3://b/there"`},
		{"pause", `{"by":"ada"}`, 202, `"verb":"pause"`},
	} {
		f := apitest.Scene("canary", noon)
		w := ask(apitest.Handler(f, o), "POST", "/v1/fleets/demo/"+tt.verb, tt.body)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s: got %d %s, want %d with %q", tt.verb, tt.body, w.Code, w.Body, tt.code, tt.says)
		}
	}
}

// TestTryAgainAtTheDoor asks twice with one key, the second time after the
// artifact is gone: it is the same wish, and has the same answer.
func TestTryAgainAtTheDoor(t *testing.T) {
	gone := false
	h := apitest.Handler(apitest.Scene("canary", noon), api.Options{Artifact: func(context.Context, release.Source) error {
		if gone {
			return errors.New("there is nothing")
		}
		return nil
	}})
	try := func(key string) (code int, body string) {
		w := ask(h, "POST", "/v1/fleets/demo/try", `{"by":"ada","source":"s3://b/k"}`, "Idempotency-Key", key)
		return w.Code, w.Body.String()
	}
	_, first := try("k-1")
	gone = true
	if code, again := try("k-1"); code != 202 || again != first {
		t.Errorf("asked again: %d %s, want %s", code, again, first)
	}
	if code, body := try("k-2"); code != 400 || !strings.Contains(body, "there is nothing") {
		t.Errorf("another wish: %d %s", code, body)
	}
}
