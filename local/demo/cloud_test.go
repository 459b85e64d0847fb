package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// What went back and into the archive between two states is told with the verdict
// that ended it, not as it stood in the state before.
func TestKnownFromTheArchive(t *testing.T) {
	back := rollout.Event{Seq: 2, Rollout: "blind", From: rollout.Canary, To: rollout.RolledBack, Reason: rollout.CandidateWorse}
	archived := rollout.Rollout{
		ID: "blind", Phase: rollout.RolledBack, Reason: rollout.CandidateWorse, History: []rollout.Event{back},
		Verdict: &judge.Verdict{Outcome: judge.Worse, Gate: judge.GatePartnersPaired, Partner: "solvane", Findings: []judge.Finding{
			{Gate: judge.GatePartnersPaired, Partner: "solvane", CandidateRate: .5, StableRate: .25, Difference: .25, BandHigh: .05},
		}},
	}
	body, err := json.Marshal(archived)
	if err != nil {
		t.Fatal(err)
	}
	s3 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			fmt.Fprint(w, `<ListAllMyBucketsResult/>`)
		case strings.HasSuffix(r.URL.Path, "/rollouts/blind.json"):
			_, _ = w.Write(body)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `<Error><Code>NoSuchKey</Code></Error>`)
		}
	}))
	t.Cleanup(s3.Close)
	c, err := openCloud(t.Context(), s3.URL)
	if err != nil {
		t.Fatal(err)
	}
	before := rollout.State{Active: &rollout.Rollout{ID: "blind", Phase: rollout.Canary}}
	if said := telling(back, c.known(t.Context(), rollout.State{}, before, "blind")); !strings.Contains(said, "solvane is filtered 25 points more than today") {
		t.Errorf("it says %q", said)
	}
	if r := c.known(t.Context(), rollout.State{}, rollout.State{Active: &rollout.Rollout{ID: "other"}}, "other"); r == nil || r.ID != "other" {
		t.Errorf("not in the archive, and it is %v", r)
	}
	if r := c.known(t.Context(), rollout.State{}, before, ""); r != nil {
		t.Errorf("an event of the fleet is of %v", r)
	}
}
