package api

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// checkFor bounds how long a person waits to hear whether an artifact is there.
const checkFor = 3 * time.Second

// readable refuses a try of an artifact that is not there, or cannot be read.
// One that is asked again has its answer, whatever has become of the artifact.
func (s *server) readable(ctx context.Context, fleet string, q rollout.Request) error {
	if q.Verb != rollout.VerbTry || s.options.Artifact == nil {
		return nil
	}
	switch state, err := s.source.State(ctx, fleet); {
	case err != nil:
		return fmt.Errorf("%w: see whether it has been asked before: %w", ErrNotStored, err)
	case state.Remembers(q.ID):
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	if err := s.options.Artifact(ctx, *q.Source); err != nil {
		return sentence(ErrBadRequest, "%v", err)
	}
	return nil
}
