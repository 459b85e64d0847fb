package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// Manifest returns the manifest of a release, byte for byte as its archive holds
// it: [ErrNotFound] where there is no such release, ErrDamaged where the archive
// is not the one that was admitted, ErrConflict where it is too large to be read
// for this.
func (s Store) Manifest(ctx context.Context, digest string) ([]byte, error) {
	packed, _, err := s.Documents.Get(ctx, release.ArchiveKey(digest))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, fmt.Errorf("release %q: %w", rollout.Short(digest), ErrNotFound)
	case errors.Is(err, ErrTooLarge):
		return nil, fmt.Errorf("release %q: %w: %w", rollout.Short(digest), rollout.ErrConflict, err)
	case err != nil:
		return nil, fmt.Errorf("read release %q: %w: %w", rollout.Short(digest), rollout.ErrUnavailable, err)
	}
	if got := release.Digest(packed); got != digest {
		return nil, damaged(release.ArchiveKey(digest), fmt.Errorf("its digest is %s", rollout.Short(got)))
	}
	manifest, err := release.OwnManifest(packed)
	if err != nil {
		return nil, fmt.Errorf("release %q: %w", rollout.Short(digest), err)
	}
	return manifest, nil
}
