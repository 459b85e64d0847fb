package demo

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	patient = "patient" // the job that is in a canary step while the service is deployed

	deploymentLimit = 2 * time.Minute // a security patch must not wait for a canary
	protectedFor    = 600             // minutes, by somebody else
	toldWithin      = 20 * time.Second
)

// maintained is the scene in which others work on the service.
func maintained() scene {
	return scene{
		name:  "deployment",
		jobs:  []job{{patient, "what serves, trained again on the same data", rollout.Live, rollout.Accepted, madeWay}},
		again: true,
	}
}

// madeWay checks that a rollout waited for the deployment, and went on.
func madeWay(r rollout.Rollout) error {
	if !slices.ContainsFunc(r.History, func(e rollout.Event) bool { return e.To == rollout.Held && e.Reason == rollout.Deploying }) {
		return fmt.Errorf("it never waited for the deployment")
	}
	return allTheWay(r)
}

// maintenance is what others do to the service in the middle of a rollout, and
// what ECS tells of it.
type maintenance struct {
	deployment ecstypes.ServiceDeploymentBrief // zero before it began
	task       string                          // a canary that somebody else protects as well
	until      time.Time                       // when that is over
	found      time.Time                       // the same, as ECS told last
}

// seconds is how long ECS took for the deployment; 0 before it was over.
func (m maintenance) seconds() float64 {
	if m.deployment.FinishedAt == nil {
		return 0
	}
	return m.deployment.FinishedAt.Sub(aws.ToTime(m.deployment.StartedAt)).Seconds()
}

// maintain updates the service while a canary is protected, and protects a canary
// of those that are chosen after that.
func (w *watcher) maintain(ctx context.Context) error {
	m, r, s := &w.maintenance, w.state.Active, w.stage
	inPlace := r.Phase == rollout.Canary && !r.StepSince.IsZero() && len(r.CanaryTasks) > 0
	switch {
	case m.deployment.StartedAt == nil:
		if !inPlace {
			return nil
		}
		if until, err := s.cloud.protection(ctx, r.CanaryTasks[0]); err != nil || until.IsZero() {
			return err
		}
		s.say("Somebody updates the service in mid-canary (UpdateService): ECS replaces all tasks, and stops none that is protected")
		deployment, err := s.cloud.update(ctx, s.program)
		m.deployment = deployment
		return err
	case m.deployment.FinishedAt == nil:
		deployment, err := s.cloud.deployment(ctx)
		if m.deployment = deployment; err == nil && deployment.FinishedAt != nil {
			s.say("ECS has finished the deployment after %.1f s: %s", m.seconds(), deployment.Status)
		}
		return err
	case m.task == "" && inPlace:
		s.say("Somebody else protects canary task %s from scale-in, for %d minutes", r.CanaryTasks[0], protectedFor)
		until, err := s.cloud.protect(ctx, r.CanaryTasks[0])
		m.task, m.until = r.CanaryTasks[0], until
		return err
	}
	return nil
}

// released waits until the controller has let its canaries go, and told which of
// them somebody else keeps.
func (w *watcher) released(ctx context.Context) error {
	m := &w.maintenance
	if m.task == "" {
		return nil
	}
	told := func(e rollout.Event) bool { return e.Reason == rollout.ProtectedElse }
	for end := time.Now().Add(toldWithin); !slices.ContainsFunc(w.state.Events, told); pause(ctx, 100*time.Millisecond) {
		if err := w.look(ctx); err == nil && (ctx.Err() != nil || time.Now().After(end)) {
			break
		}
	}
	return w.foreign(ctx)
}

// foreign asks how long the task is still protected.
func (w *watcher) foreign(ctx context.Context) (err error) {
	if m := &w.maintenance; m.task != "" {
		m.found, err = w.stage.cloud.protection(ctx, m.task)
	}
	return err
}

// wrong says what of the maintenance did not end as it must.
func (m maintenance) wrong() (wrong []string) {
	took, limit := m.seconds(), deploymentLimit.Seconds()
	switch d := m.deployment; {
	case d.StartedAt == nil:
		return []string{"nobody updated the service in mid-canary"}
	case d.Status != ecstypes.ServiceDeploymentStatusSuccessful:
		wrong = append(wrong, fmt.Sprintf("the deployment of the service is %s", d.Status))
	case took > limit:
		wrong = append(wrong, fmt.Sprintf("the deployment of the service took %.0f s, and %.0f are allowed", took, limit))
	}
	switch {
	case m.task == "":
		wrong = append(wrong, "nobody else protected a canary task")
	case !m.found.Equal(m.until):
		wrong = append(wrong, fmt.Sprintf("task %s was protected by somebody else until %v, and is now until %v", m.task, m.until, m.found))
	}
	return wrong
}

// update gives the service another revision of its task definition, as with a
// security patch.
func (c *cloud) update(ctx context.Context, program string) (d ecstypes.ServiceDeploymentBrief, err error) {
	if err := c.define(ctx, program, "sluice:patched"); err != nil {
		return d, err
	}
	if _, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String(cluster), Service: aws.String(service), TaskDefinition: aws.String(family)}); err != nil {
		return d, fmt.Errorf("update the service: %w", err)
	}
	return c.deployment(ctx)
}

// deployment is the newest deployment of the service.
func (c *cloud) deployment(ctx context.Context) (newest ecstypes.ServiceDeploymentBrief, err error) {
	listed, err := c.ecs.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: aws.String(cluster), Service: aws.String(service)})
	if err != nil {
		return newest, fmt.Errorf("list the deployments of the service: %w", err)
	}
	return listed.ServiceDeployments[0], nil // the service's creation is one
}

// protect protects a task from scale-in, and says until when.
func (c *cloud) protect(ctx context.Context, task string) (until time.Time, err error) {
	out, err := c.ecs.UpdateTaskProtection(ctx, &ecs.UpdateTaskProtectionInput{
		Cluster: aws.String(cluster), Tasks: []string{task}, ProtectionEnabled: true, ExpiresInMinutes: aws.Int32(protectedFor),
	})
	if err != nil || len(out.ProtectedTasks) != 1 {
		return until, cmp.Or(err, fmt.Errorf("protect task %s: ECS refuses", task))
	}
	return c.protection(ctx, task)
}

// protection is until when a task is protected from scale-in; zero where it is not.
func (c *cloud) protection(ctx context.Context, task string) (until time.Time, err error) {
	out, err := c.ecs.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: aws.String(cluster), Tasks: []string{task}})
	if err != nil {
		return until, fmt.Errorf("ask how task %s is protected: %w", task, err)
	}
	for _, p := range out.ProtectedTasks {
		if p.ProtectionEnabled && path.Base(aws.ToString(p.TaskArn)) == task {
			until = aws.ToTime(p.ExpirationDate)
		}
	}
	return until, nil
}
