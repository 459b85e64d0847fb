package aws

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/rollout"
)

var _ controller.Deployments = (*Tasks)(nil)

// detailFresh is how long ECS is not asked anew how far a deployment is that
// shifts traffic: it takes its time.
const detailFresh = 10 * time.Second

// service is what ECS told of the service last.
type service struct {
	types.Service
	known bool

	detail     *types.ServiceDeployment // of the one under way; nil where nobody was asked
	detailOf   string                   // deployment that it is of
	detailedAt time.Time
	told       bool // that we may not ask for it
}

// takeService keeps what ECS tells of the service.
func (t *Tasks) takeService(s types.Service) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.service.Service, t.service.known = s, true
}

// Deployment implements controller.Deployments. One that starts and stops tasks
// is told by what was listed; of one that shifts traffic, or may pause, ECS is
// asked for more.
func (t *Tasks) Deployment(ctx context.Context) (*rollout.Deployment, error) {
	t.mu.Lock()
	s := t.service
	t.mu.Unlock()
	if len(s.TaskSets) > 0 {
		return setsUnderWay(s.Service), nil
	}
	p := underWay(s.Service)
	if p == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	d := &rollout.Deployment{
		ID: aws.ToString(p.Id), Revision: id(aws.ToString(p.TaskDefinition)), Since: aws.ToTime(p.CreatedAt).UTC(), Strategy: string(strategy(s.Service)),
	}
	if !detailed(s.Service) {
		return d, nil
	}
	detail, err := t.detail(ctx, s, d.ID)
	if detail == nil || err != nil {
		return d, err
	}
	d.Stage, d.Hook = string(detail.LifecycleStage), hookOf(*detail)
	green, err := t.green(ctx, s.Service, *detail)
	d.Idle = idle(s.Service, green, *detail)
	return d, err
}

// underWay is the primary deployment while ECS is about it; nil otherwise. Where
// it does not say so, tasks of another one do.
func underWay(s types.Service) *types.Deployment {
	at := slices.IndexFunc(s.Deployments, func(d types.Deployment) bool { return aws.ToString(d.Status) == "PRIMARY" })
	if at < 0 {
		return nil
	}
	p := &s.Deployments[at]
	others := slices.ContainsFunc(s.Deployments, func(d types.Deployment) bool {
		return aws.ToString(d.Status) != "PRIMARY" && d.RunningCount+d.PendingCount > 0
	})
	if p.RolloutState == types.DeploymentRolloutStateInProgress || p.RolloutState == "" && others {
		return p
	}
	return nil
}

func strategy(s types.Service) types.DeploymentStrategy {
	if c := s.DeploymentConfiguration; c != nil && c.Strategy != "" {
		return c.Strategy
	}
	return types.DeploymentStrategyRolling
}

// detailed reports whether there is more to know of a deployment than which
// tasks it starts.
func detailed(s types.Service) bool {
	pauses := s.DeploymentConfiguration != nil && slices.ContainsFunc(s.DeploymentConfiguration.LifecycleHooks, func(h types.DeploymentLifecycleHook) bool {
		return h.TargetType == types.DeploymentLifecycleHookTargetTypePause
	})
	return pauses || strategy(s) != types.DeploymentStrategyRolling
}

// detail asks how far the deployment is; nil where we may not.
func (t *Tasks) detail(ctx context.Context, s service, deployment string) (*types.ServiceDeployment, error) {
	if s.detailOf == deployment && time.Since(s.detailedAt) < detailFresh {
		return s.detail, nil
	}
	detail, err := t.describeDeployment(ctx, s.Service)
	if err != nil && unavailable(err) {
		return s.detail, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.service.detail, t.service.detailOf, t.service.detailedAt = detail, deployment, time.Now()
	if err != nil && !t.service.told && t.o.Unstaged != nil {
		t.service.told = true
		t.o.Unstaged(err)
	}
	return detail, nil
}

// describeDeployment describes the service deployment that is under way.
func (t *Tasks) describeDeployment(ctx context.Context, s types.Service) (*types.ServiceDeployment, error) {
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	arn := aws.ToString(s.CurrentServiceDeployment)
	if arn == "" {
		listed, err := t.client.ecs.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
			Cluster: &t.o.Cluster, Service: &t.o.Service, Status: []types.ServiceDeploymentStatus{
				types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusStopRequested,
				types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress,
			},
		})
		if err != nil {
			return nil, explain("list service deployments", t.at(), err)
		}
		if len(listed.ServiceDeployments) == 0 {
			return nil, nil //nolint:nilnil // it has just ended
		}
		arn = aws.ToString(listed.ServiceDeployments[0].ServiceDeploymentArn)
	}
	out, err := t.client.ecs.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
	if err != nil {
		return nil, explain("describe the service deployment", t.at(), err)
	}
	if len(out.ServiceDeployments) == 0 {
		return nil, nil //nolint:nilnil // it has just ended
	}
	return &out.ServiceDeployments[0], nil
}

// hookOf is the PAUSE hook at which a deployment waits; nil for none.
func hookOf(d types.ServiceDeployment) *rollout.Hook {
	for _, h := range d.LifecycleHookDetails {
		if h.TargetType == types.DeploymentLifecycleHookTargetTypePause && h.Status == types.DeploymentLifecycleHookStatusAwaitingAction {
			return &rollout.Hook{
				ID: aws.ToString(h.HookId), Of: aws.ToString(d.ServiceDeploymentArn), Until: aws.ToTime(h.ExpiresAt).UTC(), Timeout: string(h.TimeoutAction),
			}
		}
	}
	return nil
}

// green is the deployment, by which tasks say that they were started, of the
// revision that a service deployment brings: the numbers of both are the same,
// or else their task definitions; empty where nobody can tell.
func (t *Tasks) green(ctx context.Context, s types.Service, detail types.ServiceDeployment) (string, error) {
	if detail.TargetServiceRevision == nil {
		return "", nil
	}
	arn := aws.ToString(detail.TargetServiceRevision.Arn)
	for _, d := range s.Deployments {
		if id(aws.ToString(d.Id)) == id(arn) {
			return aws.ToString(d.Id), nil
		}
	}
	definition, err := t.definitionOf(ctx, arn)
	for _, d := range s.Deployments { // the newest first
		if definition != "" && aws.ToString(d.TaskDefinition) == definition {
			return aws.ToString(d.Id), nil
		}
	}
	return "", err
}

// definitionOf is the task definition of a service revision, which never
// changes; empty where we may not ask.
func (t *Tasks) definitionOf(ctx context.Context, revision string) (string, error) {
	return t.settled(ctx, t.revisions, revision, "describe the service revision", func(ctx context.Context) (string, error) {
		out, err := t.client.ecs.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{revision}})
		if err != nil || len(out.ServiceRevisions) == 0 {
			return "", err
		}
		return aws.ToString(out.ServiceRevisions[0].TaskDefinition), nil
	})
}

// idle are the deployments whose tasks get no auctions: those of a weight of
// nothing, or where ECS tells no weights, those before or behind the shift.
func idle(s types.Service, green string, detail types.ServiceDeployment) (deployments []string) {
	if green == "" || strategy(s) == types.DeploymentStrategyRolling {
		return nil
	}
	stage := detail.LifecycleStage
	greenIdle := without(beforeShift(stage), []types.ServiceRevisionSummary{*detail.TargetServiceRevision})
	blueIdle := without(afterShift(stage), detail.SourceServiceRevisions)
	if greenIdle && blueIdle {
		return nil // auctions must go somewhere
	}
	for _, d := range s.Deployments {
		if isGreen := aws.ToString(d.Id) == green; isGreen && greenIdle || !isGreen && blueIdle {
			deployments = append(deployments, aws.ToString(d.Id))
		}
	}
	return deployments
}

// without reports whether revisions get no auctions; unless their weights say so,
// by the stage.
func without(byStage bool, revisions []types.ServiceRevisionSummary) bool {
	known, weight := false, 0.
	for _, r := range revisions {
		if r.RequestedProductionTrafficWeight != nil {
			known, weight = true, weight+*r.RequestedProductionTrafficWeight
		}
	}
	if known {
		return weight == 0
	}
	return byStage
}

// beforeShift reports whether green tasks get no auctions yet. A hook before
// the shift has a stage of its own.
func beforeShift(stage types.ServiceDeploymentLifecycleStage) bool {
	return slices.Contains([]types.ServiceDeploymentLifecycleStage{
		types.ServiceDeploymentLifecycleStageReconcileService, types.ServiceDeploymentLifecycleStagePreScaleUp, types.ServiceDeploymentLifecycleStageScaleUp,
		types.ServiceDeploymentLifecycleStagePostScaleUp, types.ServiceDeploymentLifecycleStageTestTrafficShift, types.ServiceDeploymentLifecycleStagePostTestTrafficShift,
		types.ServiceDeploymentLifecycleStage(types.DeploymentLifecycleHookStagePreProductionTrafficShift),
	}, stage)
}

// afterShift reports whether blue tasks get no auctions any more.
func afterShift(stage types.ServiceDeploymentLifecycleStage) bool {
	return slices.Contains([]types.ServiceDeploymentLifecycleStage{
		types.ServiceDeploymentLifecycleStagePostProductionTrafficShift, types.ServiceDeploymentLifecycleStageBakeTime, types.ServiceDeploymentLifecycleStageCleanUp,
	}, stage)
}

// Answer implements controller.Deployments.
func (t *Tasks) Answer(ctx context.Context, hook rollout.Hook, on bool) error {
	action := types.DeploymentLifecycleHookActionRollback
	if on {
		action = types.DeploymentLifecycleHookActionContinue
	}
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	_, err := t.client.ecs.ContinueServiceDeployment(ctx, &ecs.ContinueServiceDeploymentInput{
		ServiceDeploymentArn: &hook.Of, HookId: &hook.ID, Action: action,
	})
	t.mu.Lock()
	t.service.detailedAt = time.Time{} // whatever came of it: look
	t.mu.Unlock()
	switch code(err) {
	case "ServiceDeploymentNotFoundException", "InvalidParameterException", "ConflictException":
		return nil // it waits there no more
	}
	return explain("answer hook "+hook.ID+" of the deployment", t.at(), err)
}

// taskID is how ECS names a task in the events of a service.
var taskID = regexp.MustCompile(`[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}`)

// rebalanced are the tasks of which the service says that it stopped them to
// balance zones.
func (t *Tasks) rebalanced() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	ended := map[string]bool{}
	for _, e := range t.service.Events {
		for _, task := range rebalancedBy(e) {
			ended[task] = true
		}
	}
	return ended
}

// rebalancedBy are the tasks that an event says were stopped to balance zones.
func rebalancedBy(e types.ServiceEvent) []string {
	said := strings.ToLower(aws.ToString(e.Message))
	if !strings.Contains(said, "rebalanc") || !strings.Contains(said, "stopped") {
		return nil
	}
	return taskID.FindAllString(said, -1)
}

// scheduled is why the service ended a task that nothing was wrong with; empty
// where it does not tell.
func scheduled(d types.Task, rebalanced map[string]bool) rollout.Reason {
	said := strings.ToLower(aws.ToString(d.StoppedReason))
	by := strings.ToLower(aws.ToString(d.StartedBy))
	switch {
	case d.StopCode != types.TaskStopCodeServiceSchedulerInitiated:
		return ""
	case strings.Contains(said, "rebalanc"), rebalanced[id(aws.ToString(d.TaskArn))]:
		return rollout.Rebalanced
	case !strings.Contains(said, "scaling activity"):
		return ""
	case by != "" && !strings.Contains(said, by):
		return rollout.Deploying
	}
	return rollout.ScaledIn
}
