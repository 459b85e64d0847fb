package controllertest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/inference/release"
)

// Bucket is where artifacts lie, as training jobs see it.
type Bucket struct {
	Name      string
	Versioned bool
	Write     func(t *testing.T, key string, body []byte)
	Delete    func(t *testing.T, key string)
}

// Artifacts checks the promises of controller.Artifacts.
func Artifacts(t *testing.T, a controller.Artifacts, b Bucket) {
	t.Run("missing", func(t *testing.T) { artifactMissing(t, a, b) })
	t.Run("pin and fetch", func(t *testing.T) { artifactFetch(t, a, b) })
	t.Run("overwritten", func(t *testing.T) { artifactOverwritten(t, a, b) })
	t.Run("deleted", func(t *testing.T) { artifactDeleted(t, a, b) })
}

func artifactMissing(t *testing.T, a controller.Artifacts, b Bucket) {
	if _, _, err := a.Pin(t.Context(), release.Source{Bucket: b.Name, Key: "none/model.tar.gz"}); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("pin: %v, want ErrNotFound", err)
	}
}

func artifactFetch(t *testing.T, a controller.Artifacts, b Bucket) {
	body := bytes.Repeat([]byte{0, 1, 2, 255}, 50_000)
	b.Write(t, "fetch/model.tar.gz", body)
	source := release.Source{
		Job: "j", JobARN: "arn", Image: "i", By: "me", Metrics: map[string]float64{"auc": 0.9},
		Bucket: b.Name, Key: "fetch/model.tar.gz",
	}
	pinned := pin(t, a, source, len(body))
	if pinned.Job != "j" || pinned.JobARN != "arn" || pinned.Image != "i" || pinned.By != "me" || pinned.Metrics["auc"] != 0.9 {
		t.Errorf("pin forgot part of the source: %+v", pinned)
	}
	if pinned.ETag == "" || (pinned.VersionID != "") != b.Versioned {
		t.Errorf("pinned to ETag %q, version %q", pinned.ETag, pinned.VersionID)
	}
	for _, limit := range []int64{int64(len(body)), 1 << 40} {
		if got, err := a.Fetch(t.Context(), pinned, limit); err != nil || !bytes.Equal(got, body) {
			t.Errorf("fetch at most %d: %d bytes, %v", limit, len(got), err)
		}
	}
	if _, err := a.Fetch(t.Context(), pinned, int64(len(body))-1); !errors.Is(err, controller.ErrTooLarge) {
		t.Errorf("fetch with too small a limit: %v, want ErrTooLarge", err)
	}
	if _, err := a.Fetch(t.Context(), source, 1<<40); !errors.Is(err, controller.ErrChanged) {
		t.Errorf("fetch what is not pinned: %v, want ErrChanged", err)
	}
}

// artifactOverwritten allows the old bytes where versions are kept, and
// nothing else.
func artifactOverwritten(t *testing.T, a controller.Artifacts, b Bucket) {
	b.Write(t, "over/model.tar.gz", []byte("old"))
	pinned := pin(t, a, release.Source{Bucket: b.Name, Key: "over/model.tar.gz"}, 3)
	b.Write(t, "over/model.tar.gz", []byte("newer"))
	got, err := a.Fetch(t.Context(), pinned, 100)
	if b.Versioned && (err != nil || string(got) != "old") {
		t.Errorf("fetch: %q, %v, want the pinned version", got, err)
	}
	if !b.Versioned && !errors.Is(err, controller.ErrChanged) {
		t.Errorf("fetch: %q, %v, want ErrChanged", got, err)
	}
	again := pin(t, a, pinned, 5)
	if got, err := a.Fetch(t.Context(), again, 100); err != nil || string(got) != "newer" {
		t.Errorf("fetch after pinning again: %q, %v", got, err)
	}
}

func artifactDeleted(t *testing.T, a controller.Artifacts, b Bucket) {
	b.Write(t, "gone/model.tar.gz", []byte("old"))
	pinned := pin(t, a, release.Source{Bucket: b.Name, Key: "gone/model.tar.gz"}, 3)
	b.Delete(t, "gone/model.tar.gz")
	if _, _, err := a.Pin(t.Context(), pinned); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("pin: %v, want ErrNotFound", err)
	}
	if got, err := a.Fetch(t.Context(), pinned, 100); !b.Versioned && !errors.Is(err, controller.ErrChanged) {
		t.Errorf("fetch: %q, %v, want ErrChanged", got, err)
	}
}

func pin(t *testing.T, a controller.Artifacts, source release.Source, bytes int) release.Source {
	t.Helper()
	pinned, n, err := a.Pin(t.Context(), source)
	if err != nil || n != int64(bytes) {
		t.Fatalf("pin: %d bytes, %v, want %d", n, err, bytes)
	}
	return pinned
}
