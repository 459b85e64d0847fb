package controller

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/rollout"
)

// maxChunks bounds the log of one rollout.
const maxChunks = 100_000

// Chunks returns which chunks there are of the log of a rollout's looks, in
// order; none where there is no such log.
func (s Store) Chunks(ctx context.Context, fleet, id string) ([]int, error) {
	keys, err := s.Documents.List(ctx, history.Prefix(fleet, id), maxChunks)
	if err != nil {
		return nil, fmt.Errorf("list the looks of rollout %q: %w: %w", id, rollout.ErrUnavailable, err)
	}
	var chunks []int
	for _, key := range keys {
		if n, err := strconv.Atoi(path.Base(key)); err == nil && key == history.Key(fleet, id, n) {
			chunks = append(chunks, n)
		}
	}
	slices.Sort(chunks)
	return chunks, nil
}

// Chunk returns one of them, or [ErrNotFound].
func (s Store) Chunk(ctx context.Context, fleet, id string, chunk int) ([]byte, error) {
	body, _, err := s.Documents.Get(ctx, history.Key(fleet, id, chunk))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, fmt.Errorf("chunk %d of the looks of rollout %q: %w", chunk, id, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("read chunk %d of the looks of rollout %q: %w: %w", chunk, id, rollout.ErrUnavailable, err)
	}
	return body, nil
}
