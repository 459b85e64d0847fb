package api

import (
	"cmp"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/sorting"
)

// TakenBack is a rollout that was taken back, of an artifact that somebody looks
// at or tries again.
type TakenBack struct {
	Fleet    string    `json:"fleet"`
	Rollout  string    `json:"rollout"`
	At       time.Time `json:"at"`
	Headline string    `json:"headline"` // what people read first of it
}

// takenBackTold is how many are told, the newest first.
const takenBackTold = 3

// takenBack looks through the newest rollouts of the fleets that who asks may
// see. It is good to know and nobody waits for it: fleets that cannot be read are
// passed over.
func (s *server) takenBack(r *http.Request, is func(rollout.Rollout) bool) (found []TakenBack) {
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(overviewReads)
	for _, fleet := range s.seen(r) {
		all.Go(func() error {
			v, err := s.views.of(r.Context(), fleet)
			if err != nil {
				return nil //nolint:nilerr // passed over
			}
			for _, one := range v.past {
				if one.Phase != rollout.RolledBack || !is(one) {
					continue
				}
				told := TakenBack{Fleet: fleet, Rollout: one.ID, At: one.Since.UTC(), Headline: one.Headline(s.views.governs(fleet, one.ID), v.at).Text}
				mu.Lock()
				found = append(found, told)
				mu.Unlock()
			}
			return nil
		})
	}
	_ = all.Wait() // none fails
	sorting.By(found, func(a, b *TakenBack) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Fleet, b.Fleet)) })
	return found[:min(len(found), takenBackTold)]
}
