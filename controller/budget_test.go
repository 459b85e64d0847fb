package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// TestBudget lets a good candidate spend its budget in the whole loop, held and
// not, with controllers that die after every pass, and with a canary that falls
// silent: it goes back, at most one look late or early.
func TestBudget(t *testing.T) {
	good := scenes(t)[1]
	const perSecond = 1000
	for _, how := range []string{"seen", "silent", "killed"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := good.stage()
				epoch := int64(1)
				begin := func() *Reconciler {
					r := w.reconciler(epoch)
					p := &r.Fleet.Policies.Default
					p.Budget = rollout.Budget{Auctions: 30 * perSecond}
					p.Steps = []rollout.Step{{Tasks: 1, Soak: time.Hour}}
					p.PhaseWait = 20 * time.Second
					return r
				}
				r := begin()
				exposed := 0
				playJob(t, w, good.job, func() error {
					a := w.state(t).Active
					w.mu.Lock()
					for _, task := range w.tasks {
						task.Requests += perSecond
						if a != nil && a.Comparing() == rollout.Canary && task.Serving == a.Candidate {
							exposed += perSecond
							if how == "silent" && exposed > 5*perSecond {
								task.Reachable = false
							}
						}
						if a != nil && a.Phase == rollout.RollingBack {
							task.Reachable = true
						}
					}
					w.mu.Unlock()
					if how != "seen" {
						epoch++
						r = begin()
					}
					_, err := r.Pass(t.Context())
					return err
				})
				ended := w.ended(t)[good.job]
				if ended.Reason != rollout.BudgetSpent || ended.Phase != rollout.RolledBack {
					t.Fatalf("it ended %s for %s: %s", ended.Phase, ended.Reason, ended.Sentence)
				}
				held := false
				for _, e := range ended.History {
					held = held || e.To == rollout.Held
				}
				if !held {
					t.Error("it was never held, with a phase_wait of 20s")
				}
				if exposed < 25*perSecond || exposed > 33*perSecond {
					t.Errorf("%d auctions were answered by it, of %d allowed", exposed, 30*perSecond)
				}
			})
		})
	}
}
