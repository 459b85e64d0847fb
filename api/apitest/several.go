package apitest

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// Several is the memory of a control plane with several fleets, in the order of
// Names. Their releases are those of the first.
type Several struct {
	Names []string
	Of    map[string]*Fake
}

func (s Several) fleet(name string) (*Fake, error) {
	if f, ok := s.Of[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("fleet %s: %w", name, api.ErrNotFound)
}

// Fleets implements api.Fleets, and so does all below.
func (s Several) Fleets(context.Context) []string { return s.Names }

func (s Several) State(ctx context.Context, fleet string) (rollout.State, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return rollout.State{}, err
	}
	return f.State(ctx, fleet)
}

func (s Several) Look(ctx context.Context, fleet string) (rollout.Look, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return rollout.Look{}, err
	}
	return f.Look(ctx, fleet)
}

func (s Several) Request(ctx context.Context, fleet string, q rollout.Request) (rollout.Request, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return q, err
	}
	return f.Request(ctx, fleet, q)
}

func (s Several) Finished(ctx context.Context, fleet string, limit int) ([]rollout.Rollout, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return nil, err
	}
	return f.Finished(ctx, fleet, limit)
}

func (s Several) Rollout(ctx context.Context, fleet, id string) (rollout.Rollout, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return rollout.Rollout{}, err
	}
	return f.Rollout(ctx, fleet, id)
}

func (s Several) Chunks(ctx context.Context, fleet, id string) ([]int, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return nil, err
	}
	return f.Chunks(ctx, fleet, id)
}

func (s Several) Chunk(ctx context.Context, fleet, id string, n int) ([]byte, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return nil, err
	}
	return f.Chunk(ctx, fleet, id, n)
}

func (s Several) NewLook(ctx context.Context, fleet, known string) (look rollout.Look, mark string, err error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return look, "", err
	}
	return f.NewLook(ctx, fleet, known)
}

func (s Several) Archived(ctx context.Context, fleet, from string, limit int) ([]string, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return nil, err
	}
	return f.Archived(ctx, fleet, from, limit)
}

func (s Several) Ended(ctx context.Context, fleet string, ids []string) ([]rollout.Rollout, error) {
	f, err := s.fleet(fleet)
	if err != nil {
		return nil, err
	}
	return f.Ended(ctx, fleet, ids)
}

func (s Several) Digests(ctx context.Context, from string, limit int) ([]string, error) {
	return s.Of[s.Names[0]].Digests(ctx, from, limit)
}

func (s Several) Admitted(ctx context.Context, digests []string) ([]release.Passport, error) {
	return s.Of[s.Names[0]].Admitted(ctx, digests)
}

func (s Several) Release(ctx context.Context, digest string) (release.Passport, error) {
	return s.Of[s.Names[0]].Release(ctx, digest)
}

func (s Several) Manifest(ctx context.Context, digest string) ([]byte, error) {
	return s.Of[s.Names[0]].Manifest(ctx, digest)
}

// Stop and SetStop keep the stop of all fleets where the first keeps its own.
func (s Several) Stop(ctx context.Context) (*rollout.Stop, error) {
	return s.Of[s.Names[0]].Stop(ctx)
}

// SetStop implements api.Fleets.
func (s Several) SetStop(ctx context.Context, stop *rollout.Stop, e rollout.Entry) (*rollout.Stop, error) {
	return s.Of[s.Names[0]].SetStop(ctx, stop, e)
}

// Audit tells of what was asked of the first.
func (s Several) Audit(ctx context.Context, after string, limit int, wanted func(string) bool) ([]rollout.Entry, string, error) {
	return s.Of[s.Names[0]].Audit(ctx, after, limit, wanted)
}
