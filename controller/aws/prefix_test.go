package aws_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// What a job with uncompressed output leaves is packed into a release.
func TestPrefix(t *testing.T) {
	endpoint := localS3(t, nil)
	for _, versioned := range []bool{false, true} {
		b := bucket(t, endpoint, fmt.Sprintf("uncompressed-%v", versioned), versioned)
		a := open(t, endpoint).Artifacts()
		files := map[string][]byte{"xgboost-model": releasetest.Booster(0), "manifest.json": manifest(t), "notes/today.txt": []byte("hot")}
		for name, body := range files {
			b.Write(t, "job/output/model/"+name, body)
		}
		b.Write(t, "job/output/model/notes/", nil)
		b.Write(t, "job/output/model.log", []byte("not of the model"))
		want, err := release.Pack(files)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"job/output/model/", "job/output/model"} {
			pinned, n, err := a.Pin(t.Context(), release.Source{Job: "job", Bucket: b.Name, Key: key})
			if err != nil || pinned.Job != "job" || pinned.Key != key || n == 0 {
				t.Fatalf("pin %s: %+v, %d bytes, %v", key, pinned, n, err)
			}
			if again, _, err := a.Pin(t.Context(), pinned); err != nil || again.ETag != pinned.ETag {
				t.Errorf("pinned to %s, then to %s, %v", pinned.ETag, again.ETag, err)
			}
			got, err := a.Fetch(t.Context(), pinned, 1<<20)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("fetch %s: %d bytes, want %d, %v", key, len(got), len(want), err)
			}
			if _, err := release.Open(got); err != nil {
				t.Error(err)
			}
			if _, err := a.Fetch(t.Context(), pinned, n-1); !errors.Is(err, controller.ErrTooLarge) {
				t.Errorf("fetch with too small a limit: %v, want ErrTooLarge", err)
			}
		}
	}
}

// Whatever changes under a pinned prefix is noticed.
func TestPrefixChanges(t *testing.T) {
	endpoint := localS3(t, nil)
	b := bucket(t, endpoint, "changes", false)
	a := open(t, endpoint).Artifacts()
	pinned := func() release.Source {
		t.Helper()
		p, _, err := a.Pin(t.Context(), release.Source{Bucket: b.Name, Key: "m/"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if _, _, err := a.Pin(t.Context(), release.Source{Bucket: b.Name, Key: "m/"}); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("pin nothing: %v, want ErrNotFound", err)
	}
	b.Write(t, "m/a", []byte("one"))
	b.Write(t, "m/b", []byte("two"))
	for name, change := range map[string]func(){
		"overwritten": func() { b.Write(t, "m/a", []byte("eno")) },
		"more":        func() { b.Write(t, "m/c", []byte("three")) },
		"renamed":     func() { b.Delete(t, "m/b"); b.Write(t, "m/bb", []byte("two")) },
	} {
		p := pinned()
		change()
		if _, err := a.Fetch(t.Context(), p, 100); !errors.Is(err, controller.ErrChanged) {
			t.Errorf("%s: %v, want ErrChanged", name, err)
		}
	}
	p := pinned()
	for _, key := range []string{"m/a", "m/bb", "m/c"} {
		b.Delete(t, key)
	}
	if _, err := a.Fetch(t.Context(), p, 100); !errors.Is(err, controller.ErrChanged) {
		t.Errorf("all gone: %v, want ErrChanged", err)
	}
	for i := range 70 {
		b.Write(t, fmt.Sprintf("many/%d", i), nil)
	}
	if _, _, err := a.Pin(t.Context(), release.Source{Bucket: b.Name, Key: "many"}); !errors.Is(err, controller.ErrTooLarge) || !strings.Contains(err.Error(), "64 objects") {
		t.Errorf("many: %v, want ErrTooLarge", err)
	}
}

func manifest(t *testing.T) []byte {
	t.Helper()
	written, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	return written
}
