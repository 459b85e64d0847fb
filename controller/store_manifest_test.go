package controller

import (
	"context"
	"errors"
	"testing"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// A manifest comes out of the archive as it went in; an archive that is not what
// was admitted is damage, and one that is missing or too large is told as such.
func TestManifest(t *testing.T) {
	w := newWorld()
	store := Store{Documents: w, Names: []string{"ads"}}
	own := "{ \"format\": 1 }\n"
	packed, err := release.Pack(map[string][]byte{release.ManifestName: []byte(own), release.DefaultModel: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	digest, other := release.Digest(packed), release.Digest([]byte("other"))
	for key, body := range map[string][]byte{release.ArchiveKey(digest): packed, release.ArchiveKey(other): packed} {
		if err := w.Replace(t.Context(), key, body); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := store.Manifest(t.Context(), digest); err != nil || string(got) != own {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := store.Manifest(t.Context(), other); !errors.Is(err, rollout.ErrDamaged) {
		t.Errorf("another's archive: %v", err)
	}
	if _, err := store.Manifest(t.Context(), release.Digest([]byte("never"))); !errors.Is(err, ErrNotFound) {
		t.Errorf("never stored: %v", err)
	}
	for want, err := range map[error]error{rollout.ErrConflict: ErrTooLarge, rollout.ErrUnavailable: errors.New("away")} {
		store.Documents = failing{w, err}
		if _, got := store.Manifest(t.Context(), digest); !errors.Is(got, want) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

type failing struct {
	Documents
	err error
}

func (f failing) Get(context.Context, string) ([]byte, string, error) { return nil, "", f.err }
