package ecs

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What a service's status may be.
const (
	active   = "ACTIVE"
	draining = "DRAINING" // deleted, tasks are ending
	inactive = "INACTIVE" // deleted, kept for those who look it up
)

// What a deployment's status may be.
const (
	primary  = "PRIMARY"
	replaced = "ACTIVE" // AWS's word for a deployment whose tasks are being replaced
)

func (s *Server) createService(_ context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.ServiceName)
	if name == "" || aws.ToInt32(in.DesiredCount) < 0 {
		return nil, invalid("A service needs a name, and a desired count of at least 0.")
	}
	if in.DeploymentController != nil && in.DeploymentController.Type != types.DeploymentControllerTypeEcs {
		return nil, clientError("This machine offers the deployment controller ECS, not %s.", in.DeploymentController.Type)
	}
	if old, ok := s.services[cluster+"/"+name]; ok && *old.Status != inactive {
		return nil, invalid("Creation of service was not idempotent: %s exists in cluster %s.", name, cluster)
	}
	d, err := s.usable(aws.ToString(in.TaskDefinition))
	if err != nil {
		return nil, err
	}
	if err := s.checkStrategy(cluster, in.CapacityProviderStrategy, in.LaunchType); err != nil {
		return nil, err
	}
	if in.LaunchType == "" && len(in.CapacityProviderStrategy) == 0 {
		in.CapacityProviderStrategy = s.clusters[cluster].DefaultCapacityProviderStrategy
	}
	if in.LaunchType == "" && len(in.CapacityProviderStrategy) == 0 {
		in.LaunchType = types.LaunchTypeEc2
	}
	config, err := percentages(in.DeploymentConfiguration, &types.DeploymentConfiguration{
		MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200),
	})
	if err != nil {
		return nil, err
	}
	v := &service{Service: types.Service{
		ServiceName: in.ServiceName, ServiceArn: aws.String(s.arn("service/" + cluster + "/" + name)),
		ClusterArn: s.clusters[cluster].ClusterArn, Status: aws.String(active),
		DesiredCount: aws.ToInt32(in.DesiredCount), TaskDefinition: d.TaskDefinitionArn,
		LaunchType: in.LaunchType, CapacityProviderStrategy: in.CapacityProviderStrategy, NetworkConfiguration: in.NetworkConfiguration,
		DeploymentConfiguration: config, LoadBalancers: in.LoadBalancers, PropagateTags: in.PropagateTags,
		DeploymentController:        &types.DeploymentController{Type: types.DeploymentControllerTypeEcs},
		AvailabilityZoneRebalancing: cmp.Or(in.AvailabilityZoneRebalancing, types.AvailabilityZoneRebalancingEnabled),
		SchedulingStrategy:          types.SchedulingStrategyReplica, CreatedAt: aws.Time(time.Now()), Tags: in.Tags,
		EnableECSManagedTags: in.EnableECSManagedTags, HealthCheckGracePeriodSeconds: in.HealthCheckGracePeriodSeconds,
	}}
	now := time.Now()
	v.deploy(now)
	s.begins(v, now)
	if err := s.commitService(v); err != nil {
		return nil, err
	}
	s.poke()
	return &ecs.CreateServiceOutput{Service: s.seen(v)}, nil
}

// percentages takes what the caller set and the rest from before.
func percentages(asked, before *types.DeploymentConfiguration) (*types.DeploymentConfiguration, error) {
	c := *before
	if asked != nil {
		c = *asked
		if c.MinimumHealthyPercent == nil {
			c.MinimumHealthyPercent = before.MinimumHealthyPercent
		}
		if c.MaximumPercent == nil {
			c.MaximumPercent = before.MaximumPercent
		}
		if c.Strategy = cmp.Or(c.Strategy, before.Strategy); c.LifecycleHooks == nil {
			c.LifecycleHooks = before.LifecycleHooks
		}
	}
	if err := checkStrategyOf(&c); err != nil {
		return nil, err
	}
	if low, high := *c.MinimumHealthyPercent, *c.MaximumPercent; low < 0 || high < 100 || low > high || (low == 100 && high == 100) {
		return nil, invalid("minimumHealthyPercent %d and maximumPercent %d leave no room to replace tasks.", low, high)
	}
	return &c, nil
}

// deploy starts a deployment of the service as it is described now.
func (v *service) deploy(now time.Time) {
	deployments := slices.Clone(v.Deployments)
	for i := range deployments {
		deployments[i].Status = aws.String(replaced)
	}
	v.Deployments = append([]types.Deployment{{
		Id: aws.String("ecs-svc/" + digits()), Status: aws.String(primary), TaskDefinition: v.TaskDefinition,
		LaunchType: v.LaunchType, CapacityProviderStrategy: v.CapacityProviderStrategy, NetworkConfiguration: v.NetworkConfiguration,
		CreatedAt: aws.Time(now), UpdatedAt: aws.Time(now), RolloutState: types.DeploymentRolloutStateInProgress,
	}}, deployments...)
	v.failures, v.notBefore = 0, time.Time{}
}

func digits() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%019d", binary.BigEndian.Uint64(b[:])>>1)
}

// note adds an event, the newest first.
func (v *service) note(now time.Time, format string, args ...any) {
	e := types.ServiceEvent{
		Id: aws.String(rand.Text()), CreatedAt: aws.Time(now),
		Message: aws.String("(service " + *v.ServiceName + ") " + fmt.Sprintf(format, args...)),
	}
	v.Events = append([]types.ServiceEvent{e}, v.Events[:min(len(v.Events), keepEvents-1)]...)
}

func (s *Server) commitService(v *service) error {
	history := s.historyOf(v)
	if err := s.store.saveService(v, history[:min(len(history), 2)], s.revisions); err != nil {
		return err
	}
	s.services[serviceKey(v)] = v
	return nil
}

func (s *Server) updateService(_ context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.namedService(in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	if *old.Status != active {
		return nil, &types.ServiceNotActiveException{Message: aws.String("Service was not ACTIVE.")}
	}
	v := *old
	if in.DesiredCount != nil {
		if *in.DesiredCount < 0 {
			return nil, invalid("desiredCount must be at least 0.")
		}
		v.DesiredCount = *in.DesiredCount
	}
	if v.DeploymentConfiguration, err = percentages(in.DeploymentConfiguration, v.DeploymentConfiguration); err != nil {
		return nil, err
	}
	anew := in.ForceNewDeployment
	if in.TaskDefinition != nil {
		d, err := s.usable(*in.TaskDefinition)
		if err != nil {
			return nil, err
		}
		anew = anew || *d.TaskDefinitionArn != *v.TaskDefinition
		v.TaskDefinition = d.TaskDefinitionArn
	}
	if in.NetworkConfiguration != nil {
		v.NetworkConfiguration, anew = in.NetworkConfiguration, true
	}
	if in.CapacityProviderStrategy != nil {
		if err := s.checkStrategy(shortName(*v.ClusterArn), in.CapacityProviderStrategy, ""); err != nil {
			return nil, err
		}
		v.CapacityProviderStrategy, v.LaunchType, anew = in.CapacityProviderStrategy, "", true
	}
	if in.PropagateTags != "" {
		v.PropagateTags = in.PropagateTags
	}
	v.AvailabilityZoneRebalancing = cmp.Or(in.AvailabilityZoneRebalancing, v.AvailabilityZoneRebalancing)
	if d := s.current(old); anew && d != nil && d.LifecycleStage != "" {
		return nil, clientError("A deployment that shifts traffic is in progress: stop it, or wait for its end.")
	}
	if anew {
		now := time.Now()
		v.deploy(now)
		s.begins(&v, now)
	}
	if err := s.commitService(&v); err != nil {
		return nil, err
	}
	s.poke()
	return &ecs.UpdateServiceOutput{Service: s.seen(&v)}, nil
}

// seen is a service with its numbers of now.
func (s *Server) seen(v *service) *types.Service {
	seen := v.Service
	seen.Deployments = slices.Clone(v.Deployments)
	byID := map[string]*types.Deployment{}
	for i := range seen.Deployments {
		byID[*seen.Deployments[i].Id] = &seen.Deployments[i]
	}
	for i := range s.goals(v) {
		seen.Deployments[i].DesiredCount = seen.DesiredCount
	}
	for _, t := range s.tasksOf(v) {
		d := byID[aws.ToString(t.StartedBy)]
		if d == nil {
			d = &types.Deployment{}
		}
		switch status(t) {
		case running:
			seen.RunningCount++
			d.RunningCount++
		case pending:
			seen.PendingCount++
			d.PendingCount++
		case stopping, stopped:
		}
	}
	for _, d := range seen.Deployments {
		seen.CurrentServiceRevisions = append(seen.CurrentServiceRevisions, types.ServiceCurrentRevisionSummary{
			Arn: aws.String(s.revisionArn(v, d)), RequestedTaskCount: d.DesiredCount, RunningTaskCount: d.RunningCount, PendingTaskCount: d.PendingCount,
		})
	}
	return &seen
}

// tasksOf are a service's tasks that have not ended.
func (s *Server) tasksOf(v *service) []*task {
	var tasks []*task
	for _, t := range s.tasks {
		if status(t) != stopped && *t.ClusterArn == *v.ClusterArn && serviceOf(t) == *v.ServiceName {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

func (s *Server) describeServices(_ context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	if n := len(in.Services); n == 0 || n > describeServicesLimit {
		return nil, invalid("Services must have 1 to %d members, not %d.", describeServicesLimit, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeServicesOutput{Services: []types.Service{}, Failures: []types.Failure{}}
	for _, name := range in.Services {
		v, err := s.findService(cluster, name)
		if err != nil {
			out.Failures = append(out.Failures, missing(s.arn("service/"+cluster+"/"+shortName(name))))
			continue
		}
		seen := s.seen(v)
		if !slices.Contains(in.Include, types.ServiceFieldTags) {
			seen.Tags = nil
		}
		out.Services = append(out.Services, *seen)
	}
	return out, nil
}

func (s *Server) deleteService(_ context.Context, in *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.namedService(in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	if old.DesiredCount > 0 && !aws.ToBool(in.Force) && *old.Status == active {
		return nil, invalid("The service cannot be stopped while it is scaled above 0. Set its desired count to 0, or use force.")
	}
	v := *old
	v.DesiredCount, v.Status = 0, aws.String(draining)
	if len(s.tasksOf(&v)) == 0 {
		v.Status = aws.String(inactive)
		v.Deployments = slices.Clone(v.Deployments)
		v.Deployments[0].UpdatedAt = aws.Time(time.Now())
	}
	if err := s.commitService(&v); err != nil {
		return nil, err
	}
	s.poke()
	return &ecs.DeleteServiceOutput{Service: s.seen(&v)}, nil
}

func (s *Server) listServices(_ context.Context, in *ecs.ListServicesInput) (*ecs.ListServicesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, v := range s.services {
		if shortName(*v.ClusterArn) == cluster && *v.Status != inactive && (in.LaunchType == "" || v.LaunchType == in.LaunchType) {
			arns = append(arns, *v.ServiceArn)
		}
	}
	size := in.MaxResults
	if size == nil {
		size = aws.Int32(10) // as on AWS, other lists start with 100
	}
	arns, next, err := page(arns, in.NextToken, size)
	return &ecs.ListServicesOutput{ServiceArns: arns, NextToken: next}, err
}
