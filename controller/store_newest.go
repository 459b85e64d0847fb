package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/controller/rollout"
)

// maxNewest bounds how many keys an index names, and with it what a list reads.
const maxNewest = 500

// index is a document that names the newest keys of a kind, newest first: S3
// lists by name, so that the newest are known only when all have been listed.
// It can be lost: it is made anew by such a listing.
type index struct {
	key            string
	prefix, suffix string // of the keys that it names
	objects        int    // under prefix, for each of them
}

func finishedIndex(fleet string) index {
	return index{"fleets/" + fleet + "/newest.json", finishedPrefix(fleet), ".json", 1}
}

func releasesIndex() index {
	return index{"releases/newest.json", "releases/", "/passport.json", 2} // an archive beside the passport
}

// newest returns up to limit keys, newest first: by the index if it is whole,
// and else by listing all.
func (s Store) newest(ctx context.Context, x index, limit int, whole bool) ([]string, error) {
	if whole && limit <= maxNewest {
		keys, _, err := s.indexed(ctx, x)
		if !errors.Is(err, ErrNotFound) {
			return keys[:min(limit, len(keys))], err
		}
	}
	return s.listed(ctx, x, limit)
}

// keysFrom returns up to limit keys, newest first, from that one on or, where it is
// empty, from the newest: by the index if it is whole and reaches as far, and
// else by listing all. ErrNotFound where there is no such key.
func (s Store) keysFrom(ctx context.Context, x index, from string, limit int, whole bool) ([]string, error) {
	if from == "" {
		return s.newest(ctx, x, limit, whole)
	}
	if whole {
		keys, _, err := s.indexed(ctx, x)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if at := slices.Index(keys, from); at >= 0 && (len(keys) < maxNewest || at+limit <= len(keys)) {
			return keys[at:min(at+limit, len(keys))], nil
		}
	}
	keys, err := s.listed(ctx, x, mostListed)
	if err != nil {
		return nil, err
	}
	at := slices.Index(keys, from)
	if at < 0 {
		return nil, fmt.Errorf("%s: %w", from, ErrNotFound)
	}
	return keys[at:min(at+limit, len(keys))], nil
}

// mostListed bounds how many keys are looked through for one that is older than
// an index.
const mostListed = 1 << 20

// indexed reads an index. ErrNotFound also where it cannot be read: then its
// ETag lets it be replaced.
func (s Store) indexed(ctx context.Context, x index) (keys []string, etag string, err error) {
	body, etag, err := s.Documents.Get(ctx, x.key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, "", err
	case err != nil:
		return nil, "", fmt.Errorf("read %s: %w: %w", x.key, rollout.ErrUnavailable, err)
	}
	if err := json.Unmarshal(body, &keys); err != nil {
		return nil, etag, fmt.Errorf("%s is damaged: %w: %w", x.key, ErrNotFound, err)
	}
	return keys, etag, nil
}

func (s Store) listed(ctx context.Context, x index, limit int) ([]string, error) {
	keys, err := s.Documents.List(ctx, x.prefix, x.objects*limit)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w: %w", x.prefix, rollout.ErrUnavailable, err)
	}
	return slices.DeleteFunc(keys, func(key string) bool { return !strings.HasSuffix(key, x.suffix) }), nil
}

// name puts a key before those that the index names, unless it is among them.
func (s Store) name(ctx context.Context, x index, key string) error {
	return s.reindex(ctx, x, func(keys []string, err error) ([]string, error) {
		if errors.Is(err, ErrNotFound) {
			keys, err = s.listed(ctx, x, maxNewest)
		}
		if !slices.Contains(keys, key) {
			keys = slices.Insert(keys, 0, key)
		}
		return keys, err
	})
}

// rebuild makes the index anew by a listing. What it names before anything
// that is listed is about to be stored, and stays.
func (s Store) rebuild(ctx context.Context, x index) error {
	return s.reindex(ctx, x, func(named []string, err error) ([]string, error) {
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		listed, err := s.listed(ctx, x, maxNewest)
		if err != nil || len(listed) == 0 {
			return named, err
		}
		coming := slices.IndexFunc(named, func(key string) bool { return slices.Contains(listed, key) })
		return slices.Concat(named[:max(0, coming)], listed), nil
	})
}

// reindex replaces an index by what change makes of it, by compare-and-swap.
func (s Store) reindex(ctx context.Context, x index, change func([]string, error) ([]string, error)) error {
	for range maxTries {
		was, etag, err := s.indexed(ctx, x)
		keys, err := change(slices.Clone(was), err)
		if err != nil {
			return err
		}
		keys = keys[:min(len(keys), maxNewest)]
		if etag != "" && slices.Equal(keys, was) {
			return nil
		}
		body, err := json.Marshal(append([]string{}, keys...))
		if err != nil {
			return fmt.Errorf("encode %s: %w", x.key, err)
		}
		if _, err = s.Documents.Put(ctx, x.key, body, etag); !errors.Is(err, ErrStale) {
			return err
		}
	}
	return fmt.Errorf("write %s: somebody else wrote first %d times: %w: %w", x.key, maxTries, rollout.ErrUnavailable, ErrStale)
}
