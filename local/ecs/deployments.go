package ecs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	keepDeployments       = 50 // per service, the newest
	describeHistoryLimit  = 20
	listDeploymentsLength = 20 // of a page, where nobody says
)

// begins writes a deployment of a service into its history: from the revision
// that was the primary one, if there was any, to the one that is. mu is held.
func (s *Server) begins(v *service, now time.Time) {
	for _, d := range s.deployments {
		if *d.ServiceArn == *v.ServiceArn && d.FinishedAt == nil {
			s.finish(d, types.ServiceDeploymentStatusStopped, "A newer deployment has begun.", now)
		}
	}
	target := v.Deployments[0]
	r := &types.ServiceRevision{
		ServiceRevisionArn: aws.String(s.revisionArn(v, target)), ServiceArn: v.ServiceArn, ClusterArn: v.ClusterArn, CreatedAt: aws.Time(now),
		TaskDefinition: target.TaskDefinition, LaunchType: target.LaunchType, CapacityProviderStrategy: target.CapacityProviderStrategy,
		NetworkConfiguration: target.NetworkConfiguration, LoadBalancers: v.LoadBalancers,
	}
	s.revisions[*r.ServiceRevisionArn] = r
	d := &types.ServiceDeployment{
		ServiceDeploymentArn: aws.String(s.arn("service-deployment/" + serviceKey(v) + "/" + rand.Text())), ServiceArn: v.ServiceArn, ClusterArn: v.ClusterArn,
		CreatedAt: aws.Time(now), StartedAt: aws.Time(now), UpdatedAt: aws.Time(now), Status: types.ServiceDeploymentStatusInProgress,
		DeploymentConfiguration: v.DeploymentConfiguration, TargetServiceRevision: &types.ServiceRevisionSummary{Arn: r.ServiceRevisionArn},
	}
	if len(v.Deployments) > 1 {
		d.SourceServiceRevisions = []types.ServiceRevisionSummary{{Arn: aws.String(s.revisionArn(v, v.Deployments[1]))}}
		if shifts(v) {
			s.enter(d, types.ServiceDeploymentLifecycleStagePreScaleUp, now)
			weigh(d, 0)
		}
	}
	s.deployments[*d.ServiceDeploymentArn] = d
	v.CurrentServiceDeployment = d.ServiceDeploymentArn
}

// forgetDeployments keeps the newest deployments of a service.
func (s *Server) forgetDeployments(ctx context.Context, v *service, keep int) {
	all := s.historyOf(v)
	for _, d := range all[min(len(all), keep):] {
		arn, revision := *d.ServiceDeploymentArn, *d.TargetServiceRevision.Arn
		if err := errors.Join(s.store.forget(deploymentsName, arn), s.store.forget(revisionsName, revision)); err != nil {
			s.config.Log.ErrorContext(ctx, "old deployment not forgotten; it is tried again", "deployment", arn, "err", err)
			return
		}
		delete(s.deployments, arn)
		delete(s.revisions, revision)
	}
}

// goals are what a service should look like, and the deployments to start tasks
// of: one at a time, but two side by side while traffic is shifted.
func (s *Server) goals(v *service) (all []goal) {
	of := func(at int, alone bool) goal {
		return goal{
			desired: int(v.DesiredCount), deployment: *v.Deployments[at].Id, alone: alone,
			minHealthy: int(*v.DeploymentConfiguration.MinimumHealthyPercent), maxLive: int(*v.DeploymentConfiguration.MaximumPercent),
		}
	}
	d := s.current(v)
	if d == nil || d.LifecycleStage == "" || d.LifecycleStage == types.ServiceDeploymentLifecycleStageCleanUp || len(v.Deployments) < 2 {
		return []goal{of(0, false)}
	}
	if d.LifecycleStage == types.ServiceDeploymentLifecycleStagePreScaleUp {
		return []goal{of(1, true)}
	}
	return []goal{of(0, true), of(1, true)}
}

// historyOf are the deployments of a service, the newest first.
func (s *Server) historyOf(v *service) (all []*types.ServiceDeployment) {
	for _, d := range s.deployments {
		if *d.ServiceArn == *v.ServiceArn {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b *types.ServiceDeployment) int {
		return cmp.Or(b.CreatedAt.Compare(*a.CreatedAt), cmp.Compare(*a.ServiceDeploymentArn, *b.ServiceDeploymentArn))
	})
	return all
}

// revisionArn names what a deployment brings. Its number is the deployment's.
func (s *Server) revisionArn(v *service, d types.Deployment) string {
	return s.arn("service-revision/" + serviceKey(v) + "/" + shortName(*d.Id))
}

// current is the deployment of a service that is under way; nil for none.
func (s *Server) current(v *service) *types.ServiceDeployment {
	if d := s.deployments[aws.ToString(v.CurrentServiceDeployment)]; d != nil && d.FinishedAt == nil {
		return d
	}
	return nil
}

// finish ends a deployment.
func (s *Server) finish(d *types.ServiceDeployment, status types.ServiceDeploymentStatus, why string, now time.Time) {
	d.Status, d.FinishedAt, d.UpdatedAt = status, aws.Time(now), aws.Time(now)
	if why != "" {
		d.StatusReason = aws.String(why)
	}
	if status == types.ServiceDeploymentStatusStopped {
		d.StoppedAt = d.FinishedAt
	}
}

// arrived ends the deployment of a service that is steady.
func (s *Server) arrived(v *service, now time.Time) {
	d := s.current(v)
	switch {
	case d == nil:
	case d.Status == types.ServiceDeploymentStatusRollbackInProgress:
		s.finish(d, types.ServiceDeploymentStatusRollbackSuccessful, "", now)
	default:
		s.finish(d, types.ServiceDeploymentStatusSuccessful, "", now)
	}
}

// shifts reports whether a service moves traffic from one revision to the next.
func shifts(v *service) bool {
	c := v.DeploymentConfiguration
	return c.Strategy != "" && c.Strategy != types.DeploymentStrategyRolling
}

// checkStrategyOf says what is wrong with how a service is to be deployed.
func checkStrategyOf(c *types.DeploymentConfiguration) error {
	for _, h := range c.LifecycleHooks {
		if h.TargetType != types.DeploymentLifecycleHookTargetTypePause {
			return clientError("This machine runs no functions: give lifecycle hooks of the target type PAUSE.")
		}
		for _, stage := range h.LifecycleStages {
			if stage == types.DeploymentLifecycleHookStageTestTrafficShift || stage == types.DeploymentLifecycleHookStageProductionTrafficShift {
				return invalid("PAUSE hooks cannot be configured at %s.", stage)
			}
		}
	}
	if len(c.LifecycleHooks) > 0 && (c.Strategy == "" || c.Strategy == types.DeploymentStrategyRolling) {
		return clientError("This machine offers lifecycle hooks with the strategies BLUE_GREEN, LINEAR and CANARY.")
	}
	return nil
}

// weigh says how much of the traffic the new revision gets.
func weigh(d *types.ServiceDeployment, percent float64) {
	d.TargetServiceRevision.RequestedProductionTrafficWeight = aws.Float64(percent)
	for i := range d.SourceServiceRevisions {
		d.SourceServiceRevisions[i].RequestedProductionTrafficWeight = aws.Float64(100 - percent)
	}
}

// enter begins a stage, and waits at its hook if it has one.
func (s *Server) enter(d *types.ServiceDeployment, stage types.ServiceDeploymentLifecycleStage, now time.Time) {
	d.LifecycleStage, d.UpdatedAt, d.LifecycleHookDetails = stage, aws.Time(now), nil
	for _, h := range d.DeploymentConfiguration.LifecycleHooks {
		if !slices.Contains(h.LifecycleStages, types.DeploymentLifecycleHookStage(stage)) {
			continue
		}
		wait, then := 24*time.Hour, types.DeploymentLifecycleHookActionRollback
		if c := h.TimeoutConfiguration; c != nil {
			if c.TimeoutInMinutes != nil {
				wait = time.Duration(*c.TimeoutInMinutes) * time.Minute
			}
			then = cmp.Or(c.Action, then)
		}
		d.LifecycleHookDetails = append(d.LifecycleHookDetails, types.DeploymentLifecycleHookDetail{
			HookId: aws.String(rand.Text()), Status: types.DeploymentLifecycleHookStatusAwaitingAction, TargetType: h.TargetType,
			ExpiresAt: aws.Time(now.Add(wait)), TimeoutAction: then,
		})
	}
}

// preProduction is the stage before each shift, for which the SDK has a word
// among those of hooks only.
const preProduction = types.ServiceDeploymentLifecycleStage(types.DeploymentLifecycleHookStagePreProductionTrafficShift)

// follows is the stage after one, and how long that lasts at least. Some have
// conditions of their own.
func follows(d *types.ServiceDeployment) (next types.ServiceDeploymentLifecycleStage, lasts time.Duration) {
	minutes := func(n *int32, otherwise int32) time.Duration {
		if n != nil {
			otherwise = *n
		}
		return time.Duration(otherwise) * time.Minute
	}
	c := d.DeploymentConfiguration
	switch d.LifecycleStage {
	case types.ServiceDeploymentLifecycleStagePreScaleUp:
		return types.ServiceDeploymentLifecycleStageScaleUp, 0
	case types.ServiceDeploymentLifecycleStageScaleUp:
		return types.ServiceDeploymentLifecycleStagePostScaleUp, 0
	case types.ServiceDeploymentLifecycleStagePostScaleUp:
		return types.ServiceDeploymentLifecycleStageTestTrafficShift, 0
	case types.ServiceDeploymentLifecycleStageTestTrafficShift:
		return types.ServiceDeploymentLifecycleStagePostTestTrafficShift, 0
	case types.ServiceDeploymentLifecycleStagePostTestTrafficShift:
		return preProduction, 0
	case preProduction:
		return types.ServiceDeploymentLifecycleStageProductionTrafficShift, 0
	case types.ServiceDeploymentLifecycleStageProductionTrafficShift:
		if *d.TargetServiceRevision.RequestedProductionTrafficWeight >= 100 {
			return types.ServiceDeploymentLifecycleStagePostProductionTrafficShift, 0
		}
		if c.Strategy == types.DeploymentStrategyLinear {
			return preProduction, minutes(linear(c).StepBakeTimeInMinutes, 6)
		}
		return preProduction, minutes(canary(c).CanaryBakeTimeInMinutes, 10)
	case types.ServiceDeploymentLifecycleStagePostProductionTrafficShift:
		return types.ServiceDeploymentLifecycleStageBakeTime, 0
	case types.ServiceDeploymentLifecycleStageBakeTime:
		return types.ServiceDeploymentLifecycleStageCleanUp, minutes(c.BakeTimeInMinutes, 0)
	case types.ServiceDeploymentLifecycleStageReconcileService, types.ServiceDeploymentLifecycleStageCleanUp:
	}
	return types.ServiceDeploymentLifecycleStageCleanUp, 0
}

func linear(c *types.DeploymentConfiguration) types.LinearConfiguration {
	if c.LinearConfiguration == nil {
		return types.LinearConfiguration{}
	}
	return *c.LinearConfiguration
}

func canary(c *types.DeploymentConfiguration) types.CanaryConfiguration {
	if c.CanaryConfiguration == nil {
		return types.CanaryConfiguration{}
	}
	return *c.CanaryConfiguration
}

// shifted is the new revision's weight after another step.
func shifted(d *types.ServiceDeployment) float64 {
	c, has := d.DeploymentConfiguration, *d.TargetServiceRevision.RequestedProductionTrafficWeight
	percent := func(p *float64, otherwise float64) float64 {
		if p != nil {
			return *p
		}
		return otherwise
	}
	switch {
	case c.Strategy == types.DeploymentStrategyLinear:
		return min(100, has+percent(linear(c).StepPercent, 10))
	case c.Strategy == types.DeploymentStrategyCanary && has == 0:
		return percent(canary(c).CanaryPercent, 5)
	}
	return 100
}

// advance moves a deployment that shifts traffic one stage on, if it may: hooks
// have been answered, tasks run, time has passed. It reports whether it did.
func (s *Server) advance(v *service, d *types.ServiceDeployment, now time.Time) bool {
	for i := range d.LifecycleHookDetails {
		h := &d.LifecycleHookDetails[i]
		if h.Status == types.DeploymentLifecycleHookStatusAwaitingAction && !now.Before(*h.ExpiresAt) {
			h.Status = types.DeploymentLifecycleHookStatusTimedOut
			if h.TimeoutAction == types.DeploymentLifecycleHookActionRollback {
				s.rollBack(v, d, "A lifecycle hook has timed out.", now)
				return true
			}
		}
		if h.Status == types.DeploymentLifecycleHookStatusAwaitingAction {
			return false
		}
	}
	next, lasts := follows(d)
	switch {
	case d.LifecycleStage == types.ServiceDeploymentLifecycleStageCleanUp, now.Sub(*d.UpdatedAt) < lasts:
		return false
	case d.LifecycleStage == types.ServiceDeploymentLifecycleStageScaleUp && s.healthyOf(v, now) < int(v.DesiredCount):
		return false
	}
	if next == types.ServiceDeploymentLifecycleStageProductionTrafficShift {
		weigh(d, shifted(d))
	}
	s.enter(d, next, now)
	return true
}

// healthyOf counts the healthy tasks of a service's primary deployment.
func (s *Server) healthyOf(v *service, now time.Time) (n int) {
	for _, m := range s.members(v, now) {
		if m.deployment == *v.Deployments[0].Id && m.healthy {
			n++
		}
	}
	return n
}

// rollBack makes the revision before the primary one again.
func (s *Server) rollBack(v *service, d *types.ServiceDeployment, why string, now time.Time) {
	source := *d.SourceServiceRevisions[0].Arn
	at := slices.IndexFunc(v.Deployments, func(o types.Deployment) bool { return s.revisionArn(v, o) == source })
	v.Deployments = slices.Clone(v.Deployments)
	if at < 0 { // its tasks are gone
		r := s.revisions[source]
		v.Deployments = append(v.Deployments, types.Deployment{
			Id: aws.String("ecs-svc/" + shortName(source)), TaskDefinition: r.TaskDefinition, LaunchType: r.LaunchType,
			CapacityProviderStrategy: r.CapacityProviderStrategy, NetworkConfiguration: r.NetworkConfiguration, CreatedAt: aws.Time(now),
		})
		at = len(v.Deployments) - 1
	}
	back := v.Deployments[at]
	v.Deployments = slices.Insert(slices.Delete(v.Deployments, at, at+1), 0, back)
	for i := range v.Deployments {
		v.Deployments[i].Status = aws.String(replaced)
	}
	p := &v.Deployments[0]
	p.Status, p.RolloutState, p.UpdatedAt = aws.String(primary), types.DeploymentRolloutStateInProgress, aws.Time(now)
	v.TaskDefinition, v.LaunchType, v.CapacityProviderStrategy, v.NetworkConfiguration = p.TaskDefinition, p.LaunchType, p.CapacityProviderStrategy, p.NetworkConfiguration
	if d.LifecycleStage != "" {
		weigh(d, 0)
		d.LifecycleStage, d.LifecycleHookDetails = types.ServiceDeploymentLifecycleStageCleanUp, nil
	}
	d.Status, d.UpdatedAt = types.ServiceDeploymentStatusRollbackInProgress, aws.Time(now)
	d.Rollback = &types.Rollback{Reason: &why, StartedAt: aws.Time(now), ServiceRevisionArn: &source}
	d.StatusReason = &why
}

// described is a deployment with its numbers of now.
func (s *Server) described(d *types.ServiceDeployment) types.ServiceDeployment {
	seen := *d
	counted := func(r types.ServiceRevisionSummary) types.ServiceRevisionSummary {
		for _, t := range s.tasks {
			if shortName(aws.ToString(t.StartedBy)) != shortName(*r.Arn) {
				continue
			}
			switch status(t) {
			case running:
				r.RunningTaskCount++
			case pending:
				r.PendingTaskCount++
			case stopping, stopped:
			}
		}
		if d.FinishedAt == nil {
			r.RequestedTaskCount = r.RunningTaskCount + r.PendingTaskCount
		}
		return r
	}
	target := counted(*d.TargetServiceRevision)
	seen.TargetServiceRevision = &target
	seen.LifecycleHookDetails, seen.SourceServiceRevisions = slices.Clone(d.LifecycleHookDetails), nil
	for _, r := range d.SourceServiceRevisions {
		seen.SourceServiceRevisions = append(seen.SourceServiceRevisions, counted(r))
	}
	return seen
}

func (s *Server) listServiceDeployments(_ context.Context, in *ecs.ListServiceDeploymentsInput) (*ecs.ListServiceDeploymentsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.namedService(in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(s.historyOf(v), func(d *types.ServiceDeployment) bool {
		c := in.CreatedAt
		return len(in.Status) > 0 && !slices.Contains(in.Status, d.Status) ||
			c != nil && (c.After != nil && !d.CreatedAt.After(*c.After) || c.Before != nil && !d.CreatedAt.Before(*c.Before))
	})
	at := 0
	if token := aws.ToString(in.NextToken); token != "" {
		if at = slices.IndexFunc(all, func(d *types.ServiceDeployment) bool { return *d.ServiceDeploymentArn == token }); at < 0 {
			return nil, invalid("Invalid token.")
		}
	}
	size := int(cmp.Or(aws.ToInt32(in.MaxResults), listDeploymentsLength))
	if size < 1 || size > listLimit {
		return nil, invalid("maxResults must be between 1 and %d, not %d.", listLimit, size)
	}
	out := &ecs.ListServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeploymentBrief{}}
	for _, d := range all[at:min(len(all), at+size)] {
		out.ServiceDeployments = append(out.ServiceDeployments, types.ServiceDeploymentBrief{
			ServiceDeploymentArn: d.ServiceDeploymentArn, ServiceArn: d.ServiceArn, ClusterArn: d.ClusterArn, CreatedAt: d.CreatedAt, StartedAt: d.StartedAt,
			FinishedAt: d.FinishedAt, Status: d.Status, StatusReason: d.StatusReason, TargetServiceRevisionArn: d.TargetServiceRevision.Arn,
		})
	}
	if at+size < len(all) {
		out.NextToken = all[at+size].ServiceDeploymentArn
	}
	return out, nil
}

func (s *Server) describeServiceDeployments(_ context.Context, in *ecs.DescribeServiceDeploymentsInput) (*ecs.DescribeServiceDeploymentsOutput, error) {
	if n := len(in.ServiceDeploymentArns); n == 0 || n > describeHistoryLimit {
		return nil, invalid("serviceDeploymentArns must have 1 to %d members, not %d.", describeHistoryLimit, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ecs.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{}, Failures: []types.Failure{}}
	for _, arn := range in.ServiceDeploymentArns {
		if d := s.deployments[arn]; d != nil {
			out.ServiceDeployments = append(out.ServiceDeployments, s.described(d))
		} else {
			out.Failures = append(out.Failures, missing(arn))
		}
	}
	return out, nil
}

func (s *Server) describeServiceRevisions(_ context.Context, in *ecs.DescribeServiceRevisionsInput) (*ecs.DescribeServiceRevisionsOutput, error) {
	if n := len(in.ServiceRevisionArns); n == 0 || n > describeHistoryLimit {
		return nil, invalid("serviceRevisionArns must have 1 to %d members, not %d.", describeHistoryLimit, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ecs.DescribeServiceRevisionsOutput{ServiceRevisions: []types.ServiceRevision{}, Failures: []types.Failure{}}
	for _, arn := range in.ServiceRevisionArns {
		if r := s.revisions[arn]; r != nil {
			out.ServiceRevisions = append(out.ServiceRevisions, *r)
		} else {
			out.Failures = append(out.Failures, missing(arn))
		}
	}
	return out, nil
}

// underWay finds a deployment that can still be changed, and its service. mu is
// held.
func (s *Server) underWay(arn *string) (*service, *types.ServiceDeployment, error) {
	d := s.deployments[aws.ToString(arn)]
	if d == nil {
		return nil, nil, &types.ServiceDeploymentNotFoundException{Message: aws.String("The service deployment was not found: " + aws.ToString(arn) + ".")}
	}
	for _, v := range s.services {
		if *v.ServiceArn == *d.ServiceArn && s.current(v) == d && d.Status == types.ServiceDeploymentStatusInProgress {
			changed := *v
			return &changed, d, nil
		}
	}
	return nil, nil, &types.ConflictException{Message: aws.String("The service deployment is not in progress: " + *arn + ".")}
}

func (s *Server) stopServiceDeployment(_ context.Context, in *ecs.StopServiceDeploymentInput) (*ecs.StopServiceDeploymentOutput, error) {
	if in.StopType != "" && in.StopType != types.StopServiceDeploymentStopTypeRollback {
		return nil, invalid("stopType must be ROLLBACK, not %s.", in.StopType)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, d, err := s.underWay(in.ServiceDeploymentArn)
	if err != nil {
		return nil, err
	}
	if len(d.SourceServiceRevisions) == 0 {
		return nil, clientError("The service has no revision to roll back to.")
	}
	s.rollBack(v, d, "The deployment was stopped by a user.", time.Now())
	if err := s.commitService(v); err != nil {
		return nil, err
	}
	s.poke()
	return &ecs.StopServiceDeploymentOutput{ServiceDeploymentArn: in.ServiceDeploymentArn}, nil
}

func (s *Server) continueServiceDeployment(_ context.Context, in *ecs.ContinueServiceDeploymentInput) (*ecs.ContinueServiceDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, d, err := s.underWay(in.ServiceDeploymentArn)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(d.LifecycleHookDetails, func(h types.DeploymentLifecycleHookDetail) bool {
		return *h.HookId == aws.ToString(in.HookId) && h.Status == types.DeploymentLifecycleHookStatusAwaitingAction
	})
	switch {
	case at < 0:
		return nil, invalid("The deployment does not wait at the lifecycle hook %s.", aws.ToString(in.HookId))
	case in.Action == types.DeploymentLifecycleHookActionRollback:
		s.rollBack(v, d, "A lifecycle hook was answered with ROLLBACK.", time.Now())
	default:
		d.LifecycleHookDetails[at].Status = types.DeploymentLifecycleHookStatusSucceeded
	}
	if err := s.commitService(v); err != nil {
		return nil, err
	}
	s.poke()
	return &ecs.ContinueServiceDeploymentOutput{ServiceDeploymentArn: in.ServiceDeploymentArn}, nil
}
