package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/rollout"
)

// putEntry stores an entry of the audit trail, once and for good.
func putEntry(ctx context.Context, d Documents, e rollout.Entry) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an entry of the audit trail: %w", err)
	}
	if _, err = d.Put(ctx, e.Key(), body, ""); err != nil && !errors.Is(err, ErrStale) { // it is there already
		return fmt.Errorf("store %s: %w", e.Key(), err)
	}
	return nil
}

// auditNow stores an entry that the state holds already. Where that does not
// work now, the leader does it: nobody waits for it.
func (s Store) auditNow(ctx context.Context, e rollout.Entry) {
	ctx, cancel := context.WithTimeout(ctx, dangerWaits)
	defer cancel()
	_ = putEntry(ctx, s.Documents, e)
}

// audit stores the entries that the state holds, some at the same time. They
// stay there until they are known to be stored.
func (f *Reconciler) audit(ctx context.Context, s rollout.State) error {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, e := range s.Unaudited {
		if f.memo.isAudited(e.Key()) {
			continue
		}
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, taskTimeout)
			defer cancel()
			err := putEntry(ctx, f.Documents, e)
			if err == nil {
				f.memo.setAudited(e.Key())
			}
			return err
		})
	}
	return g.Wait()
}

func (m *memory) setAudited(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.audited[key] = true
}

func (m *memory) isAudited(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.audited[key]
}

// auditedOf lists which of the entries are known to be stored, and forgets all
// others.
func (m *memory) auditedOf(waiting []rollout.Entry) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.audited, func(key string, _ bool) bool {
		return !slices.ContainsFunc(waiting, func(e rollout.Entry) bool { return e.Key() == key })
	})
	return slices.Sorted(maps.Keys(m.audited))
}

// Audit returns up to limit entries of the audit trail that come after a key,
// newest first, of the fleets that wanted says yes to ("" for what is about all
// of them), and the key to go on from; empty where that was all.
func (s Store) Audit(ctx context.Context, after string, limit int, wanted func(fleet string) bool) (entries []rollout.Entry, next string, err error) {
	var keys []string
	for next = max(after, rollout.AuditPrefix); len(keys) < limit && next != ""; {
		page, err := s.Documents.After(ctx, rollout.AuditPrefix, next, auditPage)
		if err != nil {
			return nil, "", unavailable("list the audit trail", err)
		}
		if next = ""; len(page) == auditPage {
			next = page[len(page)-1]
		}
		for i, key := range page {
			if fleet, ok := rollout.AuditFleet(key); !ok || !wanted(fleet) {
				continue
			}
			if keys = append(keys, key); len(keys) == limit {
				if i < len(page)-1 {
					next = key
				}
				break
			}
		}
	}
	entries = make([]rollout.Entry, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, key := range keys {
		g.Go(func() error {
			err := s.read(ctx, key, &entries[i])
			if errors.Is(err, rollout.ErrDamaged) || errors.Is(err, ErrNotFound) { // it is told, not passed over
				entries[i] = damagedEntry(key, err)
				return nil
			}
			return err
		})
	}
	return entries, next, g.Wait()
}

// auditPage is how many keys of the trail are listed at once.
const auditPage = 500

func damagedEntry(key string, err error) rollout.Entry {
	fleet, _ := rollout.AuditFleet(key)
	return rollout.Entry{What: "damaged", At: time.Time{}, Fleet: fleet, Sentence: key + ": " + err.Error()}
}
