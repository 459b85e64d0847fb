package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// proclaim starts a herald for every receiver, and returns what waits for their
// end once ctx is over.
func (f *Reconciler) proclaim(ctx context.Context) (wait func()) {
	var running sync.WaitGroup
	f.heralds = nil
	for _, r := range f.Receivers {
		h := &herald{
			fleet: f.Fleet.Name, public: f.Public, policies: f.Fleet.Policies, receiver: r, store: f.Documents,
			log: f.Log.With("fleet", f.Fleet.Name, "receiver", r.Name), metrics: f.Metrics, began: time.Now(), wake: make(chan struct{}, 1),
		}
		if n := f.tookOver(h); n != nil && r.wants(n.Kind) {
			h.add(*n)
		}
		f.heralds = append(f.heralds, h)
		running.Go(func() { h.run(ctx) })
	}
	return running.Wait
}

// tookOver is the notice that the leader before this one fell silent, where it
// did.
func (f *Reconciler) tookOver(h *herald) *Notice {
	if f.silent == "" {
		return nil
	}
	say := fmt.Sprintf("Controller %s fell silent without giving the lease back; %s leads now and carries on.", f.silent, f.Name)
	return &Notice{
		ID: fmt.Sprintf("%s.lease.%d", f.Fleet.Name, f.epoch), Kind: KindControllerSilent, At: h.began, Fleet: f.Fleet.Name,
		Headline: say, Sentence: say, Link: h.page(),
	}
}

// announce hands what was decided and seen to the heralds.
func (f *Reconciler) announce(s rollout.State, seen rollout.Observation) {
	now := time.Now()
	wrong := unwell(s, seen, now)
	for _, h := range f.heralds {
		h.saw(s, wrong, now)
	}
}
