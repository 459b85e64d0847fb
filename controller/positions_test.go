package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/inference/release"
)

// notary knows how many pairs each process had scored at every position that
// it told of.
type notary struct {
	Control
	mu     sync.Mutex
	scored map[string]int64
}

func page(task, boot string, generation, upto int64) string {
	return fmt.Sprint(task, " ", boot, " ", generation, " ", upto)
}

func (n *notary) Counts(ctx context.Context, address string, c Comparison) ([]tally.Report, error) {
	told, err := n.Control.Counts(ctx, address, c)
	c.After = 0
	all, _ := n.Control.Counts(ctx, address, c)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range all {
		scored := int64(0)
		for _, p := range r.Partners {
			for _, count := range p.Scored {
				scored += count
			}
		}
		n.scored[page(r.Task, r.Boot, r.Generation, r.Upto)] = scored
	}
	return told, err
}

// TestNothingIsCountedTwiceOrLost kills the controller at every other checkpoint,
// before it is written or after, when the tasks have told what they counted.
// What each checkpoint holds is exactly what the tasks had counted at the
// positions that it names.
func TestNothingIsCountedTwiceOrLost(t *testing.T) {
	good := scenes(t)[1]
	synctest.Test(t, func(t *testing.T) {
		w := good.stage()
		n := &notary{scored: map[string]int64{}}
		epoch, checkpoints, dead, checked := int64(0), 0, false, 0
		begin := func() *Reconciler {
			epoch, dead = epoch+1, false
			r := w.reconciler(epoch)
			n.Control = r.Control
			r.Control = n
			return r
		}
		r := begin()
		last := map[string]int64{} // pairs, by process and generation
		key := checkpointKey("ads", good.job)
		audit := func() {
			w.mu.Lock()
			body, state := w.documents[key].body, w.documents[release.FleetKey("ads")].body
			w.mu.Unlock()
			var j judging
			var s rollout.State
			if err := errors.Join(unpack(body, &j), json.Unmarshal(state, &s)); err != nil {
				t.Fatal(err)
			}
			for _, task := range []string{"a", "b", "c", "d"} {
				if s.Active != nil && s.Active.Gathers()[task] {
					continue // what it counts is its past, and of neither arm
				}
				if boot, generation, upto, found := j.Tally.Last(task); found {
					last[fmt.Sprint(task, boot, generation)] = n.scored[page(task, boot, generation, upto)]
				}
			}
			var want, got int64
			for _, scored := range last {
				want += scored
			}
			statistics := j.Tally.Look(tally.Look{At: j.Verdict.At}, judge.Policy{})
			for _, scored := range statistics.Streams[judge.Overall].Scored {
				got += scored
			}
			if checked++; got != want {
				t.Errorf("checkpoint %d holds %d pairs, the tasks have counted %d", checkpoints, got, want)
			}
		}
		die := func(what string, when int) error {
			if dead || strings.HasSuffix(what, key) && checkpoints%4 == when {
				dead = true
				return errKilled
			}
			return nil
		}
		w.before = func(what string) error {
			if !dead && strings.HasSuffix(what, key) {
				checkpoints++
			}
			return die(what, 1)
		}
		w.after = func(what string) error {
			if !dead && strings.HasSuffix(what, key) {
				audit()
			}
			return die(what, 3)
		}
		playJob(t, w, good.job, func() error {
			if dead {
				r = begin()
			}
			_, err := r.Pass(t.Context())
			return err
		})
		checkEnd(t, w, w.ended(t), "killed at every other checkpoint")
		if epoch < 4 || checked < 4 {
			t.Errorf("the test tests little: %d leaders, %d checkpoints", epoch, checked)
		}
	})
}
