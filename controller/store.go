package controller

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// Store is the truth about the fleets as it lies in S3. Any process may read
// it; requests of people are written into it by compare-and-swap, and the
// leader acts on them.
type Store struct {
	Documents Documents
	Names     []string // of the fleets, as declared

	Declared func() []string // the same where that changes; nil: Names
}

func (s Store) names() []string {
	if s.Declared != nil {
		return s.Declared()
	}
	return s.Names
}

// maxTries bounds how often a write is tried anew after somebody else wrote.
const maxTries = 20

func lookKey(fleet string) string         { return "fleets/" + fleet + "/look.json" }
func finishedPrefix(fleet string) string  { return "fleets/" + fleet + "/rollouts/" }
func finishedKey(fleet, id string) string { return finishedPrefix(fleet) + id + ".json" }
func pastsKey(fleet, id string) string    { return "fleets/" + fleet + "/judge/" + id + ".pasts.json.gz" }

func checkpointKey(fleet, id string) string { return "fleets/" + fleet + "/judge/" + id + ".json.gz" }

// Fleets returns the names of the fleets.
func (s Store) Fleets(context.Context) []string { return slices.Sorted(slices.Values(s.names())) }

// State returns a fleet's state; one of which nothing is known yet is empty.
func (s Store) State(ctx context.Context, fleet string) (rollout.State, error) {
	state, _, err := s.load(ctx, fleet)
	return state, err
}

func (s Store) load(ctx context.Context, fleet string) (state rollout.State, etag string, err error) {
	if !slices.Contains(s.names(), fleet) {
		return state, "", fmt.Errorf("fleet %q: %w", fleet, ErrNotFound)
	}
	body, etag, err := s.Documents.Get(ctx, release.FleetKey(fleet))
	if errors.Is(err, ErrNotFound) {
		trace, unseen := s.trace(ctx, fleet)
		if unseen != nil || trace == "" {
			return rollout.State{Fleet: fleet}, "", unseen
		}
		body, etag, err = s.Documents.Get(ctx, release.FleetKey(fleet)) // it may have begun just now
		if errors.Is(err, ErrNotFound) {
			return state, "", gone(fleet, trace)
		}
	}
	if err != nil {
		return state, "", fmt.Errorf("load the state of fleet %s: %w: %w", fleet, rollout.ErrUnavailable, err)
	}
	if err := json.Unmarshal(body, &state); err != nil {
		return state, "", damaged(release.FleetKey(fleet), err)
	}
	if state.Fleet != fleet {
		return state, "", damaged(release.FleetKey(fleet), fmt.Errorf("it is the state of fleet %q", state.Fleet))
	}
	if err := state.Check(); err != nil {
		return state, "", fmt.Errorf("%s %w: %w", release.FleetKey(fleet), rollout.ErrDamaged, err)
	}
	return state, etag, nil
}

// trace returns what there is of a fleet besides its state; empty where there is
// nothing. The state comes first, so that whatever there is tells that there
// was one.
func (s Store) trace(ctx context.Context, fleet string) (key string, err error) {
	_, _, err = s.Documents.Get(ctx, lookKey(fleet)) // nearly always, and cheaper than a list of all
	if err == nil {
		return lookKey(fleet), nil
	}
	found := []string(nil)
	if errors.Is(err, ErrNotFound) {
		found, err = s.Documents.List(ctx, "fleets/"+fleet+"/", 1)
	}
	if err != nil || len(found) == 0 {
		return "", unavailable("see whether fleet "+fleet+" has ever had a state", err)
	}
	return found[0], nil
}

// gone is the error of a state that is missing. To begin anew by oneself would
// be to trust the first model that comes, while tasks serve a better one.
func gone(fleet, trace string) error {
	return fmt.Errorf("%s %w: it is gone, though %s is there: restore an earlier version of the object; or put {\"fleet\":%q} in its place to begin anew, if the first model that comes may serve without proof",
		release.FleetKey(fleet), rollout.ErrDamaged, trace, fleet)
}

// unavailable is nil where err is.
func unavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", doing, rollout.ErrUnavailable, err)
}

// save replaces the state whose ETag is etag and returns the new one: ErrStale
// if somebody was faster.
func (s Store) save(ctx context.Context, state rollout.State, etag string) (newETag string, err error) {
	body, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("encode the state: %w", err)
	}
	return s.Documents.Put(ctx, release.FleetKey(state.Fleet), body, etag)
}

// Look returns what the leader saw in its last pass.
func (s Store) Look(ctx context.Context, fleet string) (look rollout.Look, err error) {
	return look, s.read(ctx, lookKey(fleet), &look)
}

// NewLook returns what the leader saw in its last pass, and a mark of it; where
// that is the known one, nothing else.
func (s Store) NewLook(ctx context.Context, fleet, known string) (look rollout.Look, mark string, err error) {
	body, etag, err := s.Documents.Get(ctx, lookKey(fleet))
	switch {
	case errors.Is(err, ErrNotFound):
		return look, "", err
	case err != nil:
		return look, "", fmt.Errorf("%w: %w", rollout.ErrUnavailable, err)
	case etag == known:
		return look, etag, nil
	}
	if look, err = decodeLook(body); err != nil {
		return rollout.Look{}, "", damaged(lookKey(fleet), err)
	}
	return look, etag, nil
}

func (s Store) read(ctx context.Context, key string, into any) error {
	body, _, err := s.Documents.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", rollout.ErrUnavailable, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return damaged(key, err)
	}
	return nil
}

// damaged is the error of a document that is no JSON of its kind.
func damaged(key string, why error) error {
	return fmt.Errorf("%s %w: it is damaged: restore an earlier version of the object: %w", key, rollout.ErrDamaged, why)
}

// Finished returns up to limit rollouts that have ended, newest first.
func (s Store) Finished(ctx context.Context, fleet string, limit int) ([]rollout.Rollout, error) {
	state, err := s.State(ctx, fleet)
	if err != nil {
		return nil, err
	}
	found := slices.Clone(state.Finished)
	slices.Reverse(found)
	keys, err := s.newest(ctx, finishedIndex(fleet), limit, state.Indexed)
	if err != nil {
		return nil, fmt.Errorf("list finished rollouts: %w", err)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { // those are in the state still
		id := strings.TrimSuffix(path.Base(key), ".json")
		return slices.ContainsFunc(found, func(r rollout.Rollout) bool { return r.ID == id })
	})
	archived, err := readAll[rollout.Rollout](ctx, s, keys)
	found = append(found, archived...)
	return found[:min(len(found), limit)], err
}

// readAll reads documents, some of them at the same time, in order. Those that
// are not there are left out, and damaged ones too: who asks for one of them is
// told, and nobody else has to do without the others.
func readAll[T any](ctx context.Context, s Store, keys []string) ([]T, error) {
	found := make([]*T, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, key := range keys {
		g.Go(func() error {
			var one T
			err := s.read(ctx, key, &one)
			if errors.Is(err, ErrNotFound) || errors.Is(err, rollout.ErrDamaged) {
				return nil
			}
			found[i] = &one
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	all := make([]T, 0, len(found))
	for _, one := range found {
		if one != nil {
			all = append(all, *one)
		}
	}
	return all, nil
}

// Rollout returns one rollout, whether it waits, runs or has ended.
func (s Store) Rollout(ctx context.Context, fleet, id string) (r rollout.Rollout, err error) {
	state, err := s.State(ctx, fleet)
	if err != nil {
		return r, err
	}
	if state.Active != nil && state.Active.ID == id {
		return *state.Active, nil
	}
	for _, r := range slices.Concat(state.Queue, state.Finished) {
		if r.ID == id {
			return r, nil
		}
	}
	if err := s.read(ctx, finishedKey(fleet, id), &r); err != nil {
		return r, fmt.Errorf("rollout %q: %w", id, err)
	}
	return r, nil
}

// Archived returns the ids of up to limit rollouts that have left the state,
// newest first, from that one on or, where it is empty, from the newest.
func (s Store) Archived(ctx context.Context, fleet, from string, limit int) ([]string, error) {
	state, err := s.State(ctx, fleet)
	if err != nil {
		return nil, err
	}
	if from != "" {
		from = finishedKey(fleet, from)
	}
	keys, err := s.keysFrom(ctx, finishedIndex(fleet), from, limit, state.Indexed)
	if err != nil {
		return nil, fmt.Errorf("list finished rollouts: %w", err)
	}
	for i, key := range keys {
		keys[i] = strings.TrimSuffix(path.Base(key), ".json")
	}
	return keys, nil
}

// Ended returns those of these rollouts that have left the state and can be
// read.
func (s Store) Ended(ctx context.Context, fleet string, ids []string) ([]rollout.Rollout, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = finishedKey(fleet, id)
	}
	return readAll[rollout.Rollout](ctx, s, keys)
}

// Digests returns those of up to limit releases, newest first, from that one on
// or, where it is empty, from the newest.
func (s Store) Digests(ctx context.Context, from string, limit int) ([]string, error) {
	if from != "" {
		from = release.PassportKey(from)
	}
	keys, err := s.keysFrom(ctx, releasesIndex(), from, limit, s.allIndexed(ctx))
	if err != nil {
		return nil, fmt.Errorf("list releases: %w", err)
	}
	for i, key := range keys {
		keys[i] = path.Base(path.Dir(key))
	}
	return keys, nil
}

// Admitted returns the passports of those of these releases that can be read.
func (s Store) Admitted(ctx context.Context, digests []string) ([]release.Passport, error) {
	keys := make([]string, len(digests))
	for i, d := range digests {
		keys[i] = release.PassportKey(d)
	}
	return readAll[release.Passport](ctx, s, keys)
}

// allIndexed reports whether the leaders of all fleets name the releases that
// they store.
func (s Store) allIndexed(ctx context.Context) bool {
	for _, fleet := range s.names() {
		state, err := s.State(ctx, fleet)
		if err != nil || !state.Indexed && state.LastEvent > 0 {
			return false
		}
	}
	return true
}

// Release returns the passport of a release.
func (s Store) Release(ctx context.Context, digest string) (p release.Passport, err error) {
	if err := s.read(ctx, release.PassportKey(digest), &p); err != nil {
		return p, fmt.Errorf("release %q: %w", rollout.Short(digest), err)
	}
	return p, nil
}

// Request notes what a person asks, and returns it with what it is about named;
// the leader acts on it. What is remembered is answered as it was first.
// rollout.ErrConflict, ErrBadRequest and ErrTooMany say why it is turned away;
// of other errors those before the first write are rollout.ErrNotStored.
func (s Store) Request(ctx context.Context, fleet string, q rollout.Request) (rollout.Request, error) {
	for tries := range maxTries {
		state, etag, err := s.load(ctx, fleet)
		if err != nil {
			return q, unwritten(err, tries)
		}
		kept, err := s.kept(ctx, state, q) // after the state: what has left it is in the archive
		if err != nil {
			return q, unwritten(err, tries)
		}
		next, noted, err := rollout.Accept(state, q, kept)
		if err != nil || len(next.Requests) == len(state.Requests) {
			return noted, err
		}
		if _, err = s.save(ctx, next, etag); err == nil {
			s.auditNow(ctx, next.Unaudited[len(next.Unaudited)-1])
			return noted, nil
		} else if !errors.Is(err, ErrStale) {
			return q, fmt.Errorf("note the request: %w: %w", rollout.ErrUnavailable, err)
		}
	}
	return q, fmt.Errorf("note the request: somebody else wrote first %d times: %w: %w", maxTries, rollout.ErrUnavailable, ErrStale)
}

// unwritten marks an error that came before anything was written. A write that
// was turned away may have been its own repetition, whose reply was lost.
func unwritten(err error, writes int) error {
	if writes > 0 {
		return err
	}
	return fmt.Errorf("%w: %w", rollout.ErrNotStored, err)
}

// dangerWaits bounds how long a wish that makes things safer waits for what is
// only good to know.
const dangerWaits = time.Second

// kept looks up what is stored under the names of a request. Danger does not
// wait for an archive that cannot be read, and the way back needs no passport.
func (s Store) kept(ctx context.Context, state rollout.State, q rollout.Request) (k rollout.Kept, err error) {
	if q.Release != "" && q.Release != state.Back() {
		_, err := s.Release(ctx, q.Release)
		k.Release = err == nil || errors.Is(err, rollout.ErrDamaged) // the archive beside it has its digest
		if !k.Release && !errors.Is(err, ErrNotFound) {
			return k, err
		}
	}
	id := q.Rollout
	if q.Verb == rollout.VerbRollback && state.Active == nil {
		id = "rollback-" + q.ID
	}
	if id == "" {
		return k, nil
	}
	if q.Verb.Danger() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dangerWaits)
		defer cancel()
	}
	var over rollout.Rollout
	switch err := s.read(ctx, finishedKey(state.Fleet, id), &over); {
	case err == nil:
		k.Rollout = &over
	case !errors.Is(err, ErrNotFound) && !q.Verb.Danger():
		return k, fmt.Errorf("look for rollout %s in the archive: %w", id, err)
	}
	return k, nil
}

func pack(v any) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// maxCheckpoint bounds what a checkpoint may unpack to.
const maxCheckpoint = 256 << 20

func unpack(b []byte, into any) error {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(z, maxCheckpoint)).Decode(into)
}
