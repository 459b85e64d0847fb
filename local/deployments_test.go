package local_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/local"
)

func (c cluster) update(in ecs.UpdateServiceInput) {
	c.t.Helper()
	in.Cluster, in.Service = c.name, aws.String("filter")
	if _, err := c.UpdateService(c.t.Context(), &in); err != nil {
		c.t.Fatal(err)
	}
}

// history are the service's deployments, the newest first.
func (c cluster) history(status ...types.ServiceDeploymentStatus) []types.ServiceDeploymentBrief {
	c.t.Helper()
	out, err := c.ListServiceDeployments(c.t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: c.name, Service: aws.String("filter"), Status: status})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.ServiceDeployments
}

func (c cluster) deployment(arn *string) types.ServiceDeployment {
	c.t.Helper()
	out, err := c.DescribeServiceDeployments(c.t.Context(), &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*arn, *arn + "x"}})
	if err != nil || len(out.ServiceDeployments) != 1 || len(out.Failures) != 1 || *out.Failures[0].Reason != "MISSING" {
		c.t.Fatalf("%+v %v", out, err)
	}
	return out.ServiceDeployments[0]
}

// A rolling deployment waits for a protected task, is in the service's history,
// and can be stopped; all of it survives a restart.
func TestRollingDeployments(t *testing.T) {
	dir := t.TempDir()
	s := start(t, local.Config{Dir: dir})
	c := newCluster(t, connect(t, s.URL(), "testtest"))
	first := c.define(types.NetworkModeAwsvpc)
	c.serve(first, 2)
	before := c.steady(2)
	protect := func(task types.Task, minutes int32) []types.Failure {
		t.Helper()
		out, err := c.UpdateTaskProtection(t.Context(), &ecs.UpdateTaskProtectionInput{
			Cluster: c.name, Tasks: []string{*task.TaskArn}, ProtectionEnabled: minutes > 0, ExpiresInMinutes: aws.Int32(max(minutes, 1)),
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.Failures
	}
	protect(before[0], 60)
	second := c.define(types.NetworkModeAwsvpc, "V=2")
	c.update(ecs.UpdateServiceInput{TaskDefinition: second})
	eventually(t, "all but the protected task are replaced", func() bool {
		v := c.service()
		return len(v.Deployments) == 2 && v.Deployments[0].RunningCount == 2 && v.Deployments[1].RunningCount == 1
	})
	if h := c.history(types.ServiceDeploymentStatusInProgress); len(h) != 1 || *h[0].ServiceDeploymentArn != *c.service().CurrentServiceDeployment {
		t.Errorf("in progress: %+v", h)
	}
	protect(before[0], 0)
	c.steady(2)
	h := c.history()
	if len(h) != 2 || h[0].Status != types.ServiceDeploymentStatusSuccessful || h[0].FinishedAt == nil || h[1].Status != types.ServiceDeploymentStatusSuccessful {
		t.Fatalf("history: %+v", h)
	}
	r, err := c.DescribeServiceRevisions(t.Context(), &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*h[0].TargetServiceRevisionArn}})
	if err != nil || len(r.ServiceRevisions) != 1 || *r.ServiceRevisions[0].TaskDefinition != *second {
		t.Errorf("revision: %+v %v", r, err)
	}

	// One that is stopped goes back to the revision before.
	protect(c.steady(2)[0], 60)
	c.update(ecs.UpdateServiceInput{TaskDefinition: first})
	current := c.service().CurrentServiceDeployment
	if _, err := c.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: current}); err != nil {
		t.Fatal(err)
	}
	for _, task := range c.steady(2) {
		if *task.TaskDefinitionArn != *second {
			t.Errorf("rolled back, and %s runs", *task.TaskDefinitionArn)
		}
	}
	if d := c.deployment(current); d.Status != types.ServiceDeploymentStatusRollbackSuccessful || d.Rollback == nil {
		t.Errorf("rolled back: %+v", d)
	}
	if _, err := c.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: current}); codeOf(err) != "ConflictException" {
		t.Errorf("stopped twice: %v", err)
	}
	if _, err := c.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: aws.String("none")}); codeOf(err) != "ServiceDeploymentNotFoundException" {
		t.Errorf("stopped what is none: %v", err)
	}

	// More protected tasks than the service keeps are refused.
	two := c.steady(2)
	protect(two[1], 60)
	c.update(ecs.UpdateServiceInput{DesiredCount: aws.Int32(1)})
	if f := protect(two[0], 60); len(f) != 1 || *f[0].Reason != "DEPLOYMENT_BLOCKED" {
		t.Errorf("two are protected of one: %+v", f)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := newCluster(t, connect(t, start(t, local.Config{Dir: dir}).URL(), "testtest"))
	if h := again.history(); len(h) != 3 || again.deployment(current).Status != types.ServiceDeploymentStatusRollbackSuccessful {
		t.Errorf("after a restart: %+v", h)
	}
}

// A CANARY deployment keeps both revisions, shifts traffic in two steps, waits at
// its PAUSE hooks, and goes back where one is answered so.
func TestShiftingDeployments(t *testing.T) {
	c := newCluster(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	c.serve(c.define(types.NetworkModeAwsvpc), 2)
	c.steady(2)
	hooks := []types.DeploymentLifecycleHook{{
		TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePreProductionTrafficShift},
	}}
	shift := &types.DeploymentConfiguration{
		Strategy: types.DeploymentStrategyCanary, BakeTimeInMinutes: aws.Int32(0), LifecycleHooks: hooks,
		CanaryConfiguration: &types.CanaryConfiguration{CanaryPercent: aws.Float64(10), CanaryBakeTimeInMinutes: aws.Int32(0)},
	}
	waiting := func(weight float64) (d types.ServiceDeployment) {
		t.Helper()
		eventually(t, "it waits at its hook", func() bool {
			d = c.deployment(c.service().CurrentServiceDeployment)
			return len(d.LifecycleHookDetails) == 1 && d.LifecycleHookDetails[0].Status == types.DeploymentLifecycleHookStatusAwaitingAction &&
				*d.TargetServiceRevision.RequestedProductionTrafficWeight == weight
		})
		if d.TargetServiceRevision.RunningTaskCount != 2 || d.SourceServiceRevisions[0].RunningTaskCount != 2 || *d.SourceServiceRevisions[0].RequestedProductionTrafficWeight != 100-weight {
			t.Errorf("at %v: %+v", weight, d)
		}
		return d
	}
	answer := func(d types.ServiceDeployment, action types.DeploymentLifecycleHookAction) {
		t.Helper()
		in := &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: d.ServiceDeploymentArn, HookId: d.LifecycleHookDetails[0].HookId, Action: action}
		if _, err := c.ContinueServiceDeployment(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ContinueServiceDeployment(t.Context(), in); err == nil {
			t.Error("answered twice")
		}
	}
	second := c.define(types.NetworkModeAwsvpc, "V=2")
	c.update(ecs.UpdateServiceInput{TaskDefinition: second, DeploymentConfiguration: shift})
	answer(waiting(0), "")
	answer(waiting(10), types.DeploymentLifecycleHookActionContinue)
	for _, task := range c.steady(2) {
		if *task.TaskDefinitionArn != *second {
			t.Errorf("it has shifted, and %s runs", *task.TaskDefinitionArn)
		}
	}
	c.update(ecs.UpdateServiceInput{TaskDefinition: c.define(types.NetworkModeAwsvpc, "V=3")})
	answer(waiting(0), types.DeploymentLifecycleHookActionRollback)
	for _, task := range c.steady(2) {
		if *task.TaskDefinitionArn != *second {
			t.Errorf("it went back, and %s runs", *task.TaskDefinitionArn)
		}
	}
	if h := c.history(); h[0].Status != types.ServiceDeploymentStatusRollbackSuccessful || h[1].Status != types.ServiceDeploymentStatusSuccessful {
		t.Errorf("history: %+v", h)
	}
	lambda := &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, LifecycleHooks: []types.DeploymentLifecycleHook{{TargetType: types.DeploymentLifecycleHookTargetTypeAwsLambda}}}
	if _, err := c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: c.name, Service: aws.String("filter"), DeploymentConfiguration: lambda}); err == nil {
		t.Error("a function is called as a hook")
	}
}

// A service whose zones are uneven moves a task, and says so in an event.
func TestZonesAreBalanced(t *testing.T) {
	zones := []string{"us-east-1a", "us-east-1b"}
	c := newCluster(t, connect(t, start(t, local.Config{Zones: 2}).URL(), "testtest"))
	c.serve(c.define(types.NetworkModeAwsvpc), 4)
	for _, task := range c.steady(4) {
		if *task.AvailabilityZone == zones[0] {
			if _, err := c.UpdateTaskProtection(t.Context(), &ecs.UpdateTaskProtectionInput{Cluster: c.name, Tasks: []string{*task.TaskArn}, ProtectionEnabled: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.update(ecs.UpdateServiceInput{DesiredCount: aws.Int32(2)})
	uneven := c.steady(2) // both of one zone
	for _, task := range uneven {
		if _, err := c.UpdateTaskProtection(t.Context(), &ecs.UpdateTaskProtectionInput{Cluster: c.name, Tasks: []string{*task.TaskArn}}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "each zone has one", func() bool {
		tasks := c.tasks(types.DesiredStatusRunning)
		return len(tasks) == 2 && *tasks[0].AvailabilityZone != *tasks[1].AvailabilityZone
	})
	if !slices.ContainsFunc(c.service().Events, func(e types.ServiceEvent) bool {
		return slices.ContainsFunc(uneven, func(task types.Task) bool {
			return strings.Contains(*e.Message, "has stopped 1 running tasks in Availability Zone "+zones[0]+" due to AZ Rebalancing: (task ") && strings.Contains(*e.Message, path.Base(*task.TaskArn))
		})
	}) {
		t.Errorf("events: %+v", c.service().Events)
	}
}
