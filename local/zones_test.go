package local_test

import (
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/local"
	"github.com/sluicehq/sluice/local/nlb"
)

// spread serves tasks in subnets, with providers.
func (c cluster) spread(count int32, subnets []string, strategy ...types.CapacityProviderStrategyItem) error {
	_, err := c.CreateService(c.t.Context(), &ecs.CreateServiceInput{
		Cluster: c.name, ServiceName: aws.String("filter"), TaskDefinition: c.define(types.NetworkModeAwsvpc), DesiredCount: &count,
		CapacityProviderStrategy: strategy,
		NetworkConfiguration:     &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: subnets}},
	})
	return err
}

func zonesOf(tasks []types.Task) map[string]int {
	n := map[string]int{}
	for _, t := range tasks {
		n[*t.AvailabilityZone]++
	}
	return n
}

// A service's tasks are spread over the zones of its subnets, and stay so when
// one is replaced.
func TestTasksAreSpreadOverZones(t *testing.T) {
	c := newCluster(t, connect(t, start(t, local.Config{Zones: 3}).URL(), "testtest"))
	if err := c.spread(4, []string{"subnet-us-east-1a", "subnet-us-east-1c"}); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"us-east-1a": 2, "us-east-1c": 2}
	before := c.steady(4)
	if got := zonesOf(before); !maps.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	victim := before[slices.IndexFunc(before, func(t types.Task) bool { return *t.AvailabilityZone == "us-east-1c" })]
	if err := syscall.Kill(pid(t, victim), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the victim is replaced in its zone", func() bool {
		after := c.tasks(types.DesiredStatusRunning)
		return !slices.Contains(arns(after), *victim.TaskArn) && maps.Equal(zonesOf(after), want)
	})

	// Each node of the load balancer has the tasks of its own zone.
	for zone, n := range map[string]int{"us-east-1a": 2, "us-east-1b": 0, "us-east-1c": 2, "": 4} {
		f := &nlb.Finder{Client: c.Client, Cluster: *c.name, Service: "filter", Port: 9090, HealthPort: 9090, Zone: zone}
		if targets, err := f.Targets(t.Context()); err != nil || len(targets) != n {
			t.Errorf("zone %q: %d targets, %v, want %d", zone, len(targets), err, n)
		}
	}
}

// Providers get their shares, and a task says what it runs on, as on AWS.
func TestTasksSayWhatTheyRunOn(t *testing.T) {
	c := newCluster(t, connect(t, start(t, local.Config{Zones: 2}).URL(), "testtest"))
	strategy := []types.CapacityProviderStrategyItem{
		{CapacityProvider: aws.String("FARGATE"), Base: 1, Weight: 1}, {CapacityProvider: aws.String("FARGATE_SPOT"), Weight: 2},
	}
	if err := c.spread(4, []string{"subnet-us-east-1a"}, strategy...); codeOf(err) != "InvalidParameterException" || !strings.Contains(err.Error(), "'FARGATE' was not found") {
		t.Errorf("of a cluster without providers: %v", err)
	}
	c.name = aws.String("spot")
	if _, err := c.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: c.name, CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"}}); err != nil {
		t.Fatal(err)
	}
	if err := c.spread(4, []string{"subnet-us-east-1a"}, strategy...); err != nil {
		t.Fatal(err)
	}
	on := map[string]int{}
	for _, task := range c.steady(4) {
		on[*task.CapacityProviderName]++
		if task.LaunchType != types.LaunchTypeFargate || task.ContainerInstanceArn != nil || *task.PlatformVersion != "1.4.0" {
			t.Errorf("%+v", task)
		}
		if !strings.HasSuffix(*task.TaskDefinitionArn, ":task-definition/filter:2") {
			t.Errorf("of %s", *task.TaskDefinitionArn)
		}
	}
	if !maps.Equal(on, map[string]int{"FARGATE": 2, "FARGATE_SPOT": 2}) {
		t.Errorf("on %v, want the base and a third of the rest on FARGATE", on)
	}
}

// A container instance lies in its task's zone, and tells its type.
func TestContainerInstancesTellTheirType(t *testing.T) {
	c := newCluster(t, connect(t, start(t, local.Config{Zones: 2}).URL(), "testtest"))
	c.serve(c.define(types.NetworkModeAwsvpc), 2)
	for _, task := range c.steady(2) {
		out, err := c.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{Cluster: c.name, ContainerInstances: []string{*task.ContainerInstanceArn, "gone"}})
		if err != nil || len(out.ContainerInstances) != 1 || len(out.Failures) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		told := map[string]string{}
		for _, a := range out.ContainerInstances[0].Attributes {
			told[*a.Name] = *a.Value
		}
		if told["ecs.availability-zone"] != *task.AvailabilityZone || told["ecs.instance-type"] == "" || out.ContainerInstances[0].RunningTasksCount != 1 {
			t.Errorf("task in %s on %+v", *task.AvailabilityZone, out.ContainerInstances[0])
		}
	}
	_, err := c.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{Cluster: c.name, ContainerInstances: make([]string, 101)})
	if codeOf(err) != "InvalidParameterException" {
		t.Errorf("101 instances: %v", err)
	}
}
