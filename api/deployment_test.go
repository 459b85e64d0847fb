package api

import (
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Who waits for a deployment at a PAUSE hook learns what becomes of it without an
// answer, as far as that is known, and how to give one.
func TestDeploymentAtAHook(t *testing.T) {
	at := time.Date(2026, 11, 29, 3, 4, 0, 0, time.UTC)
	const byHand = ", to which aws ecs continue-service-deployment is the answer by hand"
	for _, c := range []struct {
		hook rollout.Hook
		want string
	}{
		{rollout.Hook{ID: "h1", Until: at, Timeout: "ROLLBACK"}, "h1 until 03:04 UTC, when it goes back without an answer" + byHand},
		{rollout.Hook{ID: "h1", Until: at, Timeout: "CONTINUE"}, "h1 until 03:04 UTC, when it goes on without an answer" + byHand},
		{rollout.Hook{ID: "h1", Until: at, Timeout: "ANOTHER"}, "h1" + byHand},
		{rollout.Hook{ID: "h1"}, "h1" + byHand},
	} {
		s := rollout.State{Stable: "s", Deployment: &rollout.Deployment{ID: "d1", Since: at, Hook: &c.hook}}
		got := shapeDeployment(s, &judge.BuildsVerdict{Outcome: judge.NoData, Sentence: "no auctions yet"}).Sentence
		if want := "; it waits at the PAUSE hook " + c.want + "; no auctions yet"; !strings.HasSuffix(got, want) {
			t.Errorf("%+v: it says %q, want %q at its end", c.hook, got, want)
		}
	}
}
