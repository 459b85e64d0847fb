package controller

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/watch"
)

// TestHarmIsToldWithoutMemory shows that a candidate that is worse goes back
// though its checkpoint cannot be stored.
func TestHarmIsToldWithoutMemory(t *testing.T) {
	bad := scenes(t)[2]
	synctest.Test(t, func(t *testing.T) {
		f := faults{world: bad.stage()}
		f.ask = func(what string) error {
			if strings.HasPrefix(what, "put fleets/ads/judge/") {
				return errDown
			}
			return nil
		}
		r := f.reconciler()
		playJob(t, f.world, bad.job, func() error { _, err := r.Pass(t.Context()); return err })
		checkEnd(t, f.world, f.ended(t), "without the judge's memory")
	})
}

// TestUnknownCheckpoint begins to judge anew where a judge of another version
// has left its checkpoint, and forgets nothing of what the candidate has done.
func TestUnknownCheckpoint(t *testing.T) {
	j := &judging{Generation: 7, Verdict: &judge.Verdict{Looks: 9}, Arms: map[string]judge.Arm{"a": judge.Candidate}, Crashed: []string{"b"}}
	j.Exposure = watch.Exposure{Generation: 7, Tasks: map[string]watch.Exposed{"a": {Boot: "1", Auctions: 500}}, Auctions: 300}
	j.Log.Chunk = 4
	body, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	restored := &judging{}
	if err := json.Unmarshal(body, restored); err != nil || restored.Generation != 7 || restored.Log.Chunk != 4 || restored.Verdict.Looks != 9 {
		t.Fatalf("as it was: %+v, %v", restored, err)
	}
	for _, how := range []string{`{"version":999,"past":{}}`, `null`, `"?"`} {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Fatal(err)
		}
		fields["judge"] = json.RawMessage(how)
		other, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		restored := &judging{}
		if err := json.Unmarshal(other, restored); err != nil {
			t.Fatal(err)
		}
		auctions, _ := restored.Exposure.Total()
		if anew := restored.Generation == 0 && restored.Verdict == nil && restored.Log.Chunk == 5; !anew || auctions != 800 || len(restored.Crashed) != 1 {
			t.Errorf("judge %s: %+v, %d auctions", how, restored, auctions)
		}
	}
}

// A canary that cannot be asked exposes auctions, and one that has left and was
// not seen with stable since; a control does not.
func TestExposing(t *testing.T) {
	r := &rollout.Rollout{CanaryTasks: []string{"a", "b"}, ControlTasks: []string{"c", "d"}, Leaving: []string{"c", "e", "f"}}
	tasks := []rollout.Task{{ID: "a"}, {ID: "b", Reachable: true}, {ID: "c"}, {ID: "d"}, {ID: "e"}, {ID: "f", Reachable: true}}
	if got := fmt.Sprint(exposing(r, []string{"a", "c", "d"}, tasks)); got != "[a c e]" {
		t.Errorf("%s", got)
	}
}
