package controller

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/controller/rollout"
)

// heardControl hears what tasks are asked for.
type heardControl struct {
	Control
	heard *rollout.Assign
}

func (c heardControl) Assign(_ context.Context, _ string, a rollout.Assign, _ int64) error {
	*c.heard = a
	return nil
}

// Whatever a task is asked for, it is told in which money to count; a new
// leader, who repeats all of it, brings new rates to every task.
func TestTasksAreToldThePrices(t *testing.T) {
	var heard rollout.Assign
	f := Fleet{Name: "ads", Prices: rollout.Prices{Currency: "EUR", Cap: 30, Rates: map[string]float64{"USD": .9}}}
	r := NewReconciler(f, Ports{}, "me", slog.New(slog.DiscardHandler))
	r.Control = heardControl{heard: &heard}
	for _, a := range []rollout.Action{rollout.Assign{Task: "a"}, rollout.Fence{Assign: rollout.Assign{Task: "a"}}} {
		if err := r.act(t.Context(), rollout.State{}, a); err != nil || heard.Prices == nil || !reflect.DeepEqual(*heard.Prices, f.Prices) {
			t.Errorf("%v: %+v", err, heard)
		}
	}
}

// assignedIn notes in which currency tasks are asked to count.
type assignedIn struct {
	Control

	mu         sync.Mutex
	currencies map[string]int
}

func (c *assignedIn) Assign(ctx context.Context, address string, a rollout.Assign, epoch int64) error {
	c.mu.Lock()
	c.currencies[a.Prices.Currency]++
	c.mu.Unlock()
	return c.Control.Assign(ctx, address, a, epoch)
}

// A rollout is counted in the money in which it began, whatever the fleet file of
// a later leader says; the next one is counted in that.
func TestRolloutKeepsItsMoney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var heard *assignedIn
		lead := func(epoch int64, currency string) *Reconciler {
			r := w.reconciler(epoch)
			r.Fleet.Prices = rollout.Prices{Currency: currency, Cap: 30}
			heard = &assignedIn{Control: r.Control, currencies: map[string]int{}}
			r.Control = heard
			return r
		}
		r := lead(1, "EUR")
		playJob(t, w, "first", func() error { _, err := r.Pass(t.Context()); return err })
		later, looks := false, 0
		playJob(t, w, "good", func() error {
			_, err := r.Pass(t.Context())
			s, _, loading := r.store.load(t.Context(), "ads")
			if loading != nil || s.Active == nil || s.Active.Comparing() != rollout.Canary {
				return err
			}
			if !later {
				later, r = true, lead(2, "JPY")
			} else if j := r.memo.judging; j != nil && len(j.Log.Pending) > 0 {
				looks++
				if p := j.Log.Pending[len(j.Log.Pending)-1].Policy; p.Currency != "EUR" || p.PriceCap != 30 {
					t.Errorf("it is judged in %s up to %v", p.Currency, p.PriceCap)
				}
				if len(heard.currencies) != 1 || heard.currencies["EUR"] == 0 {
					t.Errorf("tasks are asked to count in %v", heard.currencies)
				}
			}
			return err
		})
		if looks == 0 {
			t.Error("nothing was judged by the later leader")
		}
		clear(heard.currencies)
		playJob(t, w, "bad", func() error { _, err := r.Pass(t.Context()); return err })
		if heard.currencies["JPY"] == 0 || heard.currencies["EUR"] != 0 {
			t.Errorf("the next one is counted in %v", heard.currencies)
		}
	})
}
