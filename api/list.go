package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/sorting"
)

// mostScanned is how many entries a list with a filter looks through for one
// answer.
const mostScanned = 500

// row is a rollout as in lists, with what a filter may ask for besides.
type row struct {
	Rollout

	people []string // who asked for it, or for anything that happened to it
}

func (w *walk) rowOf(r rollout.Rollout) row {
	out := row{Rollout: shapeRollout(r, w.views.governs(w.fleet, r.ID), w.view.at), people: []string{r.By}}
	for _, e := range r.History {
		if !slices.Contains(out.people, e.By) {
			out.people = append(out.people, e.By)
		}
	}
	return out
}

// rollouts lists those that wait, the active one, and those that are over,
// newest first.
func (s *server) rollouts(r *http.Request) (any, error) {
	w, err := wantedOf(r, isName, "phase", "outcome", "by", "release", "since", "until")
	if err != nil {
		return nil, err
	}
	fleet := chi.URLParam(r, "fleet")
	v, err := s.views.of(r.Context(), fleet)
	if err != nil {
		return nil, err
	}
	walk := walk{server: s, fleet: fleet, view: v, wanted: w, out: []Rollout{}}
	next, err := walk.page(r.Context())
	if err != nil {
		return nil, err
	}
	return pageAfter(r, walk.out, next), nil
}

// walk goes through the rollouts of a fleet for one page.
type walk struct {
	*server
	wanted

	fleet string
	view  view
	out   []Rollout
}

func (w *walk) page(ctx context.Context) (next *cursor, err error) {
	at := cursor{Left: w.waiting()}
	if w.from != nil {
		at = *w.from
	}
	rows, err := w.rows(ctx, at.Left)
	if err != nil {
		return nil, err
	}
	for i, id := range at.Left {
		if len(w.out) == w.limit {
			return w.turn(ctx, at, at.Left[i:])
		}
		if one, is := rows[id]; is && w.wants(one) {
			w.out = append(w.out, one.Rollout)
		}
	}
	if w.from != nil && at.From == "" {
		return nil, nil //nolint:nilnil // the list ends here, and nothing went wrong
	}
	return w.over(ctx, at.From)
}

// waiting are those that are not over, as they are listed.
func (w *walk) waiting() (ids []string) {
	for _, r := range slices.Backward(w.view.state.Queue) {
		ids = append(ids, r.ID)
	}
	if a := w.view.state.Active; a != nil {
		ids = append(ids, a.ID)
	}
	return ids
}

// turn is the cursor of a page that ends among those that were not over. Where
// those that are begin is settled with the first page.
func (w *walk) turn(ctx context.Context, at cursor, left []string) (*cursor, error) {
	if w.from == nil {
		first, err := w.ended(ctx, "", 1)
		if err != nil {
			return nil, err
		}
		if len(first) > 0 {
			at.From = first[0]
		}
	}
	at.Left = left
	return &at, nil
}

// over goes on among those that are over, from that one on.
func (w *walk) over(ctx context.Context, from string) (next *cursor, err error) {
	most := w.limit - len(w.out)
	if !w.any {
		most = mostScanned
	}
	ids, err := w.ended(ctx, from, most+1)
	if err != nil {
		return nil, err
	}
	rows, err := w.rows(ctx, ids[:min(most, len(ids))])
	if err != nil {
		return nil, err
	}
	began := len(w.out)
	for i, id := range ids {
		if i == most || len(w.out) == w.limit {
			next = &cursor{From: id}
			break
		}
		one, is := rows[id]
		if is && w.beyond(one.Since) {
			break
		}
		if is && w.wants(one) {
			w.out = append(w.out, one.Rollout)
		}
	}
	newestFirst(w.out[began:])
	return next, nil
}

func newestFirst(list []Rollout) {
	sorting.StableBy(list, func(a, b *Rollout) int { return b.Since.Compare(a.Since) })
}

// ended are up to n of those that are over, from that one on or from the newest:
// first those that the state holds, then those of the archive.
func (w *walk) ended(ctx context.Context, from string, n int) (ids []string, err error) {
	for _, r := range slices.Backward(w.view.state.Finished) {
		ids = append(ids, r.ID)
	}
	known := append(w.waiting(), ids...) // one may be archived since the state was read
	switch i := slices.Index(ids, from); {
	case i >= 0:
		ids, from = ids[i:], ""
	case from != "":
		ids = nil
	}
	if len(ids) < n {
		archived, err := w.source.Archived(ctx, w.fleet, from, n+len(known))
		if err != nil {
			return nil, lost("rollout", from, err)
		}
		for _, id := range archived {
			if !slices.Contains(known, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids[:min(n, len(ids))], nil
}

// lost says that a list cannot go on, where that is so.
func lost(kind, from string, err error) error {
	if from != "" && errors.Is(err, ErrNotFound) {
		return sentence(ErrBadRequest, "the %s with which the cursor goes on (%.100s) is gone: leave cursor out to begin anew", kind, from)
	}
	return fmt.Errorf("list from %s %q on: %w", kind, from, err)
}

// rows are those of these rollouts that can be read, wherever they stand.
func (w *walk) rows(ctx context.Context, ids []string) (map[string]row, error) {
	found := map[string]row{}
	for _, r := range slices.Concat(w.view.state.Queue, w.view.state.Finished) {
		if slices.Contains(ids, r.ID) {
			found[r.ID] = w.rowOf(r)
		}
	}
	if a := w.view.state.Active; a != nil && slices.Contains(ids, a.ID) {
		found[a.ID] = w.rowOf(freshest(*a, w.view.look))
	}
	var missing []string
	for _, id := range ids {
		if _, is := found[id]; is {
			continue
		}
		if one, is := w.past.get(w.fleet + "/" + id); is {
			found[id] = one
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	read, err := w.source.Ended(ctx, w.fleet, missing)
	if err != nil {
		return nil, fmt.Errorf("read the finished rollouts of %s: %w", w.fleet, err)
	}
	for _, r := range read {
		found[r.ID] = w.rowOf(r)
		w.past.put(w.fleet+"/"+r.ID, found[r.ID])
	}
	return found, nil
}

// releases lists passports, newest first.
func (s *server) releases(r *http.Request) (any, error) {
	w, err := wantedOf(r, release.IsDigest, "job", "by", "since", "until")
	if err != nil {
		return nil, err
	}
	from := ""
	if w.from != nil {
		from = w.from.From
	}
	most := w.limit
	if !w.any {
		most = mostScanned
	}
	digests, err := s.source.Digests(r.Context(), from, most+1)
	if err != nil {
		return nil, lost("release", from, err)
	}
	passports, err := s.passports(r.Context(), digests[:min(most, len(digests))])
	if err != nil {
		return nil, err
	}
	out := []Passport{}
	for i, digest := range digests {
		if i == most || len(out) == w.limit {
			return pageAfter(r, out, &cursor{From: digest}), nil
		}
		p, is := passports[digest]
		if is && p.Admitted != nil && w.beyond(*p.Admitted) {
			break
		}
		if is && w.wantsRelease(p) {
			out = append(out, p)
		}
	}
	return pageAfter(r, out, nil), nil
}

// passports are those of these releases that can be read.
func (s *server) passports(ctx context.Context, digests []string) (map[string]Passport, error) {
	found := map[string]Passport{}
	var missing []string
	for _, d := range digests {
		if p, is := s.admitted.get(d); is {
			found[d] = p
		} else {
			missing = append(missing, d)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	read, err := s.source.Admitted(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("read the passports of releases: %w", err)
	}
	for _, p := range read {
		found[p.Digest] = shapePassport(p)
		s.admitted.put(p.Digest, found[p.Digest])
	}
	return found, nil
}
