package api

import (
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// Deployment is a deployment of a fleet's service that is under way, as ECS tells
// it.
type Deployment struct {
	ID       string    `json:"id"`
	Revision string    `json:"revision,omitempty"` // of the task definition that it starts
	Strategy string    `json:"strategy,omitempty"` // ROLLING, BLUE_GREEN, LINEAR or CANARY
	Stage    string    `json:"stage,omitempty"`    // of its lifecycle, where ECS tells one
	Since    time.Time `json:"since"`
	Hook     *Hook     `json:"hook,omitempty"` // at which it waits for an answer
	Sentence string    `json:"sentence"`

	// Builds is how auctions fare on its tasks, against those on the others that get
	// some, where its hooks are answered: worse, acceptable, unsure or no_data.
	Builds string `json:"builds,omitempty"`
}

// Hook is a PAUSE hook at which a deployment waits.
type Hook struct {
	ID      string     `json:"id"`
	Until   *time.Time `json:"until,omitempty"`
	Timeout string     `json:"timeout,omitempty"` // what ECS does then: CONTINUE or ROLLBACK
}

func shapeDeployment(s rollout.State, builds *judge.BuildsVerdict) *Deployment {
	d := s.Deployment
	if d == nil {
		return nil
	}
	out := &Deployment{ID: d.ID, Revision: d.Revision, Strategy: d.Strategy, Stage: d.Stage, Since: d.Since.UTC(), Sentence: d.Sentence()}
	if s.Stable != "" {
		out.Sentence += "; nothing starts or advances until that is over"
	}
	if d.Hook != nil {
		out.Hook = &Hook{ID: d.Hook.ID, Until: moment(d.Hook.Until), Timeout: d.Hook.Timeout}
		out.Sentence += "; it waits at the PAUSE hook " + d.Hook.ID + unanswered(*d.Hook)
	}
	if builds != nil {
		out.Builds = string(builds.Outcome)
		out.Sentence += "; " + builds.Sentence
	}
	return out
}

// unanswered says what becomes of a hook that nobody answers, and how to do it by
// hand.
func unanswered(h rollout.Hook) string {
	const by = ", to which aws ecs continue-service-deployment is the answer by hand"
	then := map[string]string{"CONTINUE": "goes on", "ROLLBACK": "goes back"}[h.Timeout]
	if h.Until.IsZero() || then == "" {
		return by
	}
	return " until " + h.Until.UTC().Format("15:04 UTC") + ", when it " + then + " without an answer" + by
}
