package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// unable shows why nothing can be decided, unless it is that the store, which
// would show it, cannot be asked.
func (f *Reconciler) unable(ctx context.Context, why error, began time.Time) error {
	if errors.Is(why, rollout.ErrUnavailable) {
		return why
	}
	return errors.Join(why, f.show(ctx, rollout.Observation{}, nil, why, began))
}

// show keeps for people what was seen; nothing is decided by it.
func (f *Reconciler) show(ctx context.Context, seen rollout.Observation, actions []rollout.Action, troubles error, began time.Time) error {
	look := rollout.Look{At: began, Leader: f.Name, Epoch: f.epoch, Seen: seen, Took: time.Since(began), Every: f.Fleet.LookEvery}
	for _, a := range actions {
		look.Wanted = append(look.Wanted, a.String())
	}
	if f.Refused != nil {
		troubles = errors.Join(troubles, f.Refused())
	}
	if troubles != nil {
		look.Errors = strings.Split(troubles.Error(), "\n") // one line each
	}
	body, err := encode(look)
	if err == nil {
		err = f.Documents.Replace(ctx, lookKey(f.Fleet.Name), body)
	}
	if err != nil {
		return fmt.Errorf("show what was seen: %w", err)
	}
	return nil
}
