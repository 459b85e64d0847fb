package aws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/rollout"
)

// onInstance is a running task of EC2 with an address of its own.
func onInstance(id, instance string) object {
	task := awsvpc(id, "10.0.0.1")
	task["containerInstanceArn"], task["launchType"] = clusterARN+"/"+instance, "EC2"
	return task
}

func instance(name, kind string) object {
	attributes := []object{{"name": "ecs.ami-id", "value": "ami-1"}, {"name": "ecs.availability-zone", "value": "eu-central-1c"}}
	if kind != "" {
		attributes = append(attributes, object{"name": "ecs.instance-type", "value": kind})
	}
	return object{"containerInstanceArn": clusterARN + "/" + name, "attributes": attributes}
}

// A task's stratum is what ECS tells of it, whichever way it runs.
func TestStrata(t *testing.T) {
	spot, plain, provided, alone := awsvpc("a", "10.0.0.1"), awsvpc("b", "10.0.0.2"), onInstance("c", "large"), onInstance("d", "mute")
	for _, task := range []object{spot, plain, provided} {
		task["availabilityZone"], task["startedBy"], task["group"] = "eu-central-1b", "ecs-svc/7", "service:filter"
		task["taskDefinitionArn"] = "arn:aws:ecs:eu-central-1:123456789012:task-definition/inference:12"
	}
	spot["launchType"], spot["capacityProviderName"] = "FARGATE", "FARGATE_SPOT"
	plain["launchType"] = "FARGATE"
	provided["capacityProviderName"] = "c7g-group"
	alone["group"] = "family:inference"
	_, tasks := openTasks(t, &cluster{
		services: []object{service(4)}, tasks: []object{spot, plain, provided, alone},
		instances: []object{instance("large", "c7g.large"), instance("mute", "")},
	})
	want := []rollout.Stratum{
		{Zone: "eu-central-1b", CapacityProvider: "FARGATE_SPOT", InstanceType: "fargate", Revision: "inference:12", Deployment: "ecs-svc/7"},
		{Zone: "eu-central-1b", CapacityProvider: "FARGATE", InstanceType: "fargate", Revision: "inference:12", Deployment: "ecs-svc/7"},
		{Zone: "eu-central-1b", CapacityProvider: "c7g-group", InstanceType: "c7g.large", Revision: "inference:12", Deployment: "ecs-svc/7"},
		{CapacityProvider: "EC2", Deployment: "family:inference"},
	}
	for i, task := range list(t, tasks) {
		if task.Stratum != want[i] {
			t.Errorf("task %s runs as %+v, want %+v", task.ID, task.Stratum, want[i])
		}
	}
	if got, want := want[0].String(), "eu-central-1b FARGATE_SPOT fargate inference:12 ecs-svc/7"; got != want {
		t.Errorf("it is called %q, want %q", got, want)
	}
}

// Instance types are asked for once: by the hundred, and not again what is
// known, tells nothing, or has gone.
func TestInstanceTypesAreAskedForOnce(t *testing.T) {
	c := &cluster{services: []object{service(150)}}
	for i := range 150 {
		name := fmt.Sprintf("i%03d", i)
		c.tasks = append(c.tasks, onInstance(fmt.Sprintf("t%03d", i), name))
		if i > 0 {
			c.instances = append(c.instances, instance(name, []string{"", "c7g.large"}[i%2]))
		} else {
			c.missing = append(c.missing, object{"arn": clusterARN + "/" + name, "reason": "MISSING"})
		}
	}
	f, tasks := openTasks(t, c)
	for range 3 {
		for i, task := range list(t, tasks) {
			if want := []string{"", "c7g.large"}[i%2]; task.Stratum.InstanceType != want {
				t.Fatalf("%s runs on %q, want %q", task.ID, task.Stratum.InstanceType, want)
			}
		}
	}
	if n := f.count("DescribeContainerInstances"); n != 2 {
		t.Errorf("container instances were asked for %d times, want 2", n)
	}
}

// An instance that is new is asked for, and no other with it.
func TestInstanceTypeOfANewTask(t *testing.T) {
	c := &cluster{services: []object{service(1)}, tasks: []object{onInstance("a", "old")}, instances: []object{instance("old", "c7g.large")}}
	f, tasks := openTasks(t, c)
	list(t, tasks)
	c.tasks = append(c.tasks, onInstance("z", "new"))
	c.instances = append(c.instances, instance("new", "c8g.large"))
	got := list(t, tasks)
	if asked := f.last("DescribeContainerInstances")["containerInstances"].([]any); !slices.Equal(asked, []any{clusterARN + "/new"}) || got[1].Stratum.InstanceType != "c8g.large" {
		t.Errorf("asked for %v; the new task: %+v", asked, got[1].Stratum)
	}
}

// Who may not ask for instance types is told so once; all else is known.
func TestInstanceTypesDenied(t *testing.T) {
	c := &cluster{
		services: []object{service(1)}, tasks: []object{onInstance("a", "x")},
		refuse: map[string]apiError{"DescribeContainerInstances": {"AccessDeniedException", "no"}},
	}
	c.t = t
	c.tasks[0]["availabilityZone"] = "eu-central-1a"
	var told []string
	f, endpoint := serveFake(t, c.reply)
	tasks := open(t, endpoint).Tasks(aws.TasksOptions{
		Cluster: "main", Service: "filter", ControlPort: 9091, Unknown: func(why error) { told = append(told, why.Error()) },
	})
	for range 3 {
		if got := list(t, tasks)[0]; got.Stratum != (rollout.Stratum{Zone: "eu-central-1a", CapacityProvider: "EC2"}) || got.Error != "" {
			t.Errorf("%+v", got)
		}
	}
	if len(told) != 1 || !strings.Contains(told[0], "see that the role may ecs:DescribeContainerInstances") {
		t.Errorf("told %q", told)
	}
	if n := f.count("DescribeContainerInstances"); n > 1 {
		t.Errorf("it was asked %d times after a denial", n)
	}
}
