package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// MostListed is how many rollouts and releases a list holds at most, and
// MostTasks how many tasks.
const (
	MostListed = 500
	MostTasks  = 10_000
)

// How much a list shows where nothing else is asked for with limit=….
const (
	listDefault  = 50
	tasksDefault = 500
)

// fleets are those that who asks may see.
func (s *server) fleets(r *http.Request) (any, error) { return s.seen(r), nil }

// seen are the fleets that who asks may know of.
func (s *server) seen(r *http.Request) []string {
	all := append([]string{}, s.source.Fleets(r.Context())...)
	if p, signed := personOf(r); signed {
		all = slices.DeleteFunc(all, func(fleet string) bool { return p.Grants.On(fleet) == "" })
	}
	return all
}

func (s *server) fleet(r *http.Request) (any, error) {
	v, err := s.views.of(r.Context(), chi.URLParam(r, "fleet"))
	if err != nil {
		return nil, err
	}
	return v.summed()
}

func (s *server) tasks(r *http.Request) (any, error) {
	limit, err := limitOf(r, tasksDefault, MostTasks)
	if err != nil {
		return nil, err
	}
	v, err := s.views.of(r.Context(), chi.URLParam(r, "fleet"))
	if err != nil {
		return nil, err
	}
	return v.listed(limit)
}

// rollout tells one rollout with all its evidence, wherever it stands.
func (s *server) rollout(r *http.Request) (any, error) {
	fleet, id := chi.URLParam(r, "fleet"), chi.URLParam(r, "id")
	v, err := s.views.of(r.Context(), fleet)
	if err != nil {
		return nil, err
	}
	if a := v.fleet.Active; a != nil && a.ID == id {
		return *a, nil
	}
	for _, one := range slices.Concat(v.state.Queue, v.state.Finished) {
		if one.ID == id {
			return shapeWhole(one, s.views.governs(fleet, id), v.at), nil
		}
	}
	missing := noRollout(fleet, id)
	if !isName(id) {
		return nil, missing
	}
	one, err := s.source.Rollout(r.Context(), fleet, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, missing
	case err != nil:
		return nil, fmt.Errorf("read rollout %s of %s: %w", id, fleet, err)
	}
	return shapeWhole(one, s.views.governs(fleet, id), v.at), nil
}

// looks tells which chunks there are of the log of a rollout's looks.
func (s *server) looks(r *http.Request) (any, error) {
	fleet, id, err := s.logOf(r)
	if err != nil {
		return nil, err
	}
	chunks, err := s.chunksOf(r.Context(), fleet, id)
	if err != nil {
		return nil, err
	}
	return Looks{Rollout: id, Chunks: chunks}, nil
}

func (s *server) chunksOf(ctx context.Context, fleet, id string) ([]int, error) {
	chunks, err := s.source.Chunks(ctx, fleet, id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("list the looks of %s: %w", id, err)
	case len(chunks) == 0:
		return nil, sentence(ErrNotFound, "rollout %q of fleet %s has no log of looks: it was never judged, or before there were such logs: see its history and verdict instead", id, fleet)
	}
	return chunks, nil
}

func (s *server) chunk(r *http.Request) (any, error) {
	fleet, id, err := s.logOf(r)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(chi.URLParam(r, "chunk"))
	if err != nil || n < 0 {
		return nil, sentence(ErrBadRequest, "chunk is %q: want 0 or more", chi.URLParam(r, "chunk"))
	}
	body, err := s.source.Chunk(r.Context(), fleet, id, n)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, sentence(ErrNotFound, "the log of rollout %q has no chunk %d: see .../looks for those that there are", id, n)
	case err != nil:
		return nil, fmt.Errorf("read the looks of %s: %w", id, err)
	}
	return Chunk{Rollout: id, Chunk: n, Body: body}, nil
}

// logOf names the rollout whose log is asked for.
func (s *server) logOf(r *http.Request) (fleet, id string, err error) {
	fleet, id = chi.URLParam(r, "fleet"), chi.URLParam(r, "id")
	if err := knownFleet(r.Context(), s.source, fleet); err != nil {
		return "", "", err
	}
	if !isName(id) {
		return "", "", noRollout(fleet, id)
	}
	return fleet, id, nil
}

func (s *server) release(r *http.Request) (any, error) {
	digest, err := digestOf(r)
	if err != nil {
		return nil, err
	}
	p, err := s.source.Release(r.Context(), digest)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, sentence(ErrNotFound, "there is no release %s: see /v1/releases", rollout.Short(digest))
	case err != nil:
		return nil, fmt.Errorf("read the passport of %s: %w", rollout.Short(digest), err)
	}
	out := shapePassport(p)
	out.TakenBack = s.takenBack(r, func(one rollout.Rollout) bool { return one.Candidate == digest })
	return out, nil
}

func digestOf(r *http.Request) (string, error) {
	digest := chi.URLParam(r, "digest")
	if !release.IsDigest(digest) {
		return "", sentence(ErrBadRequest, "%q is no digest: want 64 characters of lower-case hex", digest)
	}
	return digest, nil
}

// manifest gives a release's manifest as it lies in its archive.
func (s *server) manifest(r *http.Request) (any, error) {
	digest, err := digestOf(r)
	if err != nil {
		return nil, err
	}
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-r.Context().Done():
		return nil, fmt.Errorf("wait for another archive to be read: %w", r.Context().Err())
	}
	short := rollout.Short(digest)
	body, err := s.source.Manifest(r.Context(), digest)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, sentence(ErrNotFound, "there is no release %s: see /v1/releases", short)
	case errors.Is(err, ErrConflict):
		return nil, sentence(ErrConflict, "the archive of %s is too large to be read for its manifest: copy %s out of the bucket", short, release.ArchiveKey(digest))
	case err != nil:
		return nil, fmt.Errorf("read the manifest of %s: %w", short, err)
	}
	return file{"manifest-" + short + ".json", body}, nil
}

// knownFleet is nil where there is such a fleet, and else says which there are.
func knownFleet(ctx context.Context, source Documents, fleet string) error {
	names := source.Fleets(ctx)
	if slices.Contains(names, fleet) {
		return nil
	}
	known := strings.Join(firstOf(names, mostNamed), ", ")
	if len(names) > mostNamed {
		known += ", … (/v1/fleets has all)"
	}
	return sentence(ErrNotFound, "there is no fleet %.100q: want one of %s", fleet, known)
}

// mostNamed is how many fleets an error names.
const mostNamed = 10

func noRollout(fleet, id string) error {
	return sentence(ErrNotFound, "fleet %s knows no rollout %.150q: see /v1/fleets/%s/rollouts for those that it knows", fleet, id, fleet)
}

func limitOf(r *http.Request, usual, most int) (int, error) {
	text, err := only(r, "limit")
	if err != nil {
		return 0, err
	}
	return limitIn(text, usual, most)
}

func limitIn(text string, usual, most int) (int, error) {
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, sentence(ErrBadRequest, "limit is %q: want 1 to %d", text, most)
	}
	return n, nil
}

// namePattern is what a name of a rollout looks like: it becomes part of a key.
const namePattern = `^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`

// isName reports whether text may name a rollout.
func isName(text string) bool {
	ok, err := regexp.MatchString(namePattern, text)
	return err == nil && ok
}
