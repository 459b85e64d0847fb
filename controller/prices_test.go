package controller

import (
	"context"
	"log/slog"
	"reflect"
	"testing"

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
