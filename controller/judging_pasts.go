package controller

import (
	"context"
	"errors"
	"fmt"
)

// recall makes sure that the pasts of the rollout's tasks are known. Damaged ones
// are told of once; without them the judge goes on, since harm to what is
// filtered is found all the same.
func (f *Reconciler) recall(ctx context.Context, j *judging) error {
	if j.pasts != nil {
		return nil
	}
	key := pastsKey(f.Fleet.Name, j.rollout)
	body, _, err := f.Documents.Get(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return f.keepPasts(ctx, j, key)
	case err != nil:
		return fmt.Errorf("recall what tasks' requests took before rollout %q: %w", j.rollout, err)
	}
	j.pasts = map[string][]int64{}
	if err := unpack(body, &j.pasts); err != nil {
		j.pasts = map[string][]int64{}
		return fmt.Errorf("%s is damaged: restore an earlier version of the object; until another controller leads, latency is compared as it stands: %w", key, err)
	}
	return nil
}

// keepPasts stores the pasts that this process knows before the first look;
// later on there are none but those that are stored.
func (f *Reconciler) keepPasts(ctx context.Context, j *judging, key string) error {
	pasts := map[string][]int64{}
	if j.etag == "" {
		pasts = f.memo.pasts.All()
	}
	if len(pasts) > 0 {
		body, err := pack(pasts)
		if err == nil {
			_, err = f.Documents.Put(ctx, key, body, "")
		}
		if err != nil {
			return fmt.Errorf("store what tasks' requests took before rollout %q: %w", j.rollout, err)
		}
	}
	j.pasts = pasts
	return nil
}
