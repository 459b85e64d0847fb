package aws_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/rollout"
)

// ended is a task as ECS shows it after its end.
func ended(id, code, why string, containers ...object) object {
	return object{
		"taskArn": taskARN(id), "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": code, "stoppedReason": why,
		"stoppedAt": seconds(epoch), "containers": containers,
	}
}

func exit(code int) object { return object{"name": "main", "exitCode": code} }

// TestCrashed goes through the ways in which tasks end.
func TestCrashed(t *testing.T) {
	const own = "Essential container in task exited"
	deprovisioning := ended("deprovisioning", "EssentialContainerExited", own, exit(1))
	deprovisioning["lastStatus"] = "DEPROVISIONING"
	stopping := ended("stopping", "EssentialContainerExited", own, object{"name": "main"})
	stopping["lastStatus"] = "STOPPING"
	c := &cluster{t: t, services: []object{service(1)}, tasks: []object{
		awsvpc("running", "10.0.0.1"),
		ended("panic", "EssentialContainerExited", own, exit(2)),
		ended("memory", "EssentialContainerExited", own, object{"name": "main", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}),
		ended("sidecar", "EssentialContainerExited", own, object{"name": "main", "exitCode": 0}, object{"name": "proxy", "exitCode": 1}),
		deprovisioning,
		stopping,
		ended("well", "EssentialContainerExited", own, exit(0)),
		ended("host shuts down", "EssentialContainerExited", own, exit(143)),
		ended("scaled", "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", exit(1)),
		ended("unhealthy", "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:1)", exit(137)),
		ended("unhealthy too", "ServiceSchedulerInitiated", "Task failed container health checks", exit(0)),
		ended("user", "UserInitiated", "Task stopped by user", exit(137)),
		ended("spot", "SpotInterruption", "Your Spot Task was interrupted.", exit(1)),
		ended("host", "TerminationNotice", "Host EC2 (instance i-1) terminated.", exit(1)),
		ended("old host", "EssentialContainerExited", "Host EC2 (instance i-1) terminated.", exit(1)),
		ended("never began", "TaskFailedToStart", "CannotPullContainerError", object{"name": "main"}),
	}}
	f, url := serveFake(t, c.reply)
	tasks := open(t, url).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
	want := []string{"deprovisioning", "memory", "panic", "sidecar", "unhealthy", "unhealthy too"}
	for look := range 3 {
		if look == 1 { // its container has been heard of, and memory's record is gone
			c.tasks[5] = ended("stopping", "EssentialContainerExited", own, exit(3))
			c.tasks = slices.Delete(c.tasks, 2, 3)
			want = []string{"deprovisioning", "panic", "sidecar", "stopping", "unhealthy", "unhealthy too"}
		}
		crashed, err := tasks.Crashed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, crash := range crashed {
			if crash.Ended != "" {
				continue // of which TestEndedByTheService tells
			}
			got = append(got, crash.Task)
			if crash.Unhealthy != strings.HasPrefix(crash.Task, "unhealthy") {
				t.Errorf("look %d: %+v", look, crash)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("look %d: crashed %v, want %v", look, got, want)
		}
	}
	if n := f.count("DescribeTasks"); n > 2 {
		t.Errorf("tasks that ended are described %d times in three looks", n)
	}
}

// What the service ends for a reason of its own is told as that: a task of the
// deployment that it names was scaled in, one of another made room for it, and
// where zones were balanced only an event of the service says so.
func TestEndedByTheService(t *testing.T) {
	const balanced, scaling = "0123456789abcdef0123456789abcdef", "Scaling activity initiated by (deployment ecs-svc/2)"
	by := func(deployment string, o object) object { o["startedBy"] = deployment; return o }
	s := service(1)
	s["events"] = []object{
		{"id": "1", "message": "(service filter) has stopped 1 running tasks in Availability Zone eu-central-1a due to AZ Rebalancing: (task " + balanced + ")."},
		{"id": "2", "message": "(service filter) has started 1 tasks in Availability Zone eu-central-1b to AZ Rebalance: (task 1123456789abcdef0123456789abcdef)."},
	}
	c := &cluster{t: t, services: []object{s}, tasks: []object{
		by("ecs-svc/2", ended("scaled", "ServiceSchedulerInitiated", scaling, exit(143))),
		by("ecs-svc/1", ended("replaced", "ServiceSchedulerInitiated", scaling, exit(143))),
		by("ecs-svc/2", ended(balanced, "ServiceSchedulerInitiated", scaling, exit(143))),
		by("ecs-svc/2", ended("1123456789abcdef0123456789abcdef", "ServiceSchedulerInitiated", "Task failed container health checks", exit(143))),
		by("ecs-svc/2", ended("user", "UserInitiated", "Scaling activity, by hand", exit(143))),
		by("ecs-svc/2", ended("unheard of", "ServiceSchedulerInitiated", "a reason of next year", exit(143))),
	}}
	_, tasks := openTasks(t, c)
	list(t, tasks)
	crashed, err := tasks.Crashed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]rollout.Reason{}
	for _, crash := range crashed {
		if got[crash.Task] = crash.Ended; crash.Unhealthy == (crash.Ended != "") {
			t.Errorf("%+v", crash)
		}
	}
	want := map[string]rollout.Reason{"scaled": rollout.ScaledIn, "replaced": rollout.Deploying, balanced: rollout.Rebalanced, "1123456789abcdef0123456789abcdef": ""}
	if !maps.Equal(got, want) {
		t.Errorf("ended: %v, want %v", got, want)
	}
}

// TestManyEnded lets a deployment end more tasks than one look takes up.
func TestManyEnded(t *testing.T) {
	c := &cluster{t: t, services: []object{service(1)}}
	for i := range 1200 {
		c.tasks = append(c.tasks, ended(fmt.Sprintf("t%04d", i), "EssentialContainerExited", "", exit(i%2)))
	}
	_, url := serveFake(t, c.reply)
	tasks := open(t, url).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
	for _, want := range []int{250, 500, 600, 600} {
		if crashed, err := tasks.Crashed(t.Context()); err != nil || len(crashed) != want {
			t.Errorf("%d crashes, %v, want %d", len(crashed), err, want)
		}
	}
}

// beside is a task of three containers as ECS shows it after its end, by their
// exit codes: filter answers auctions.
func beside(filter, proxy, logs int, more object) object {
	t := ended("t", "EssentialContainerExited", "Essential container in task exited",
		object{"name": "proxy", "exitCode": proxy}, object{"name": "filter", "exitCode": filter}, object{"name": "logs", "exitCode": logs})
	maps.Copy(t, more)
	return t
}

// TestSidecars lets one container after the other of a task end it. Which of
// them answers auctions is told by the fleet file, by the ports of its host, or
// by its task definition.
func TestSidecars(t *testing.T) {
	bound := []object{
		{"name": "proxy", "exitCode": 1, "networkBindings": []object{{"containerPort": 9091, "hostPort": 1, "protocol": "udp"}}},
		{"name": "filter", "exitCode": 143, "networkBindings": []object{{"containerPort": 9091, "hostPort": 2, "protocol": "tcp"}}},
	}
	defined := object{"taskDefinitionArn": "filter:7"}
	for name, tt := range map[string]struct {
		task      object
		container string // in the fleet file
		refused   string // what ECS says when it is asked for the definition
		by        string
		sidecar   bool
		code      int
	}{
		"proxy exits":                      {task: beside(143, 1, 143, defined), by: "proxy", sidecar: true, code: 1},
		"proxy is killed":                  {task: beside(0, 137, 0, defined), by: "proxy", sidecar: true, code: 137},
		"logs exit, filter does not drain": {task: beside(137, 143, 3, defined), by: "logs", sidecar: true, code: 3},
		"filter panics":                    {task: beside(2, 143, 0, defined), by: "filter", code: 2},
		"filter panics, others hang":       {task: beside(2, 137, 137, defined), by: "filter", code: 2},
		"filter is killed":                 {task: beside(137, 143, 0, defined), by: "filter", code: 137},
		"all are killed":                   {task: beside(137, 137, 137, defined), by: "filter", code: 137},
		"both fail":                        {task: beside(1, 1, 143, defined), by: "filter", code: 1},
		"named":                            {task: beside(143, 1, 0, nil), container: "proxy", by: "proxy", code: 1},
		"named, another ends":              {task: beside(1, 0, 0, nil), container: "proxy", by: "filter", sidecar: true, code: 1},
		"no such name":                     {task: beside(143, 1, 143, defined), container: "fliter", by: "proxy", code: 1},
		"bound":                            {task: ended("t", "EssentialContainerExited", "", bound...), by: "proxy", sidecar: true, code: 1},
		"nobody tells":                     {task: beside(143, 1, 143, nil), by: "proxy", code: 1},
		"nobody may ask":                   {task: beside(143, 1, 143, defined), refused: "AccessDeniedException", by: "proxy", code: 1},
		"nobody can ask":                   {task: beside(143, 1, 143, defined), refused: "ThrottlingException"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cluster{t: t, services: []object{service(1)}, tasks: []object{tt.task}, refuse: map[string]apiError{}}
			if tt.refused != "" {
				c.refuse["DescribeTaskDefinition"] = apiError{tt.refused, ""}
			}
			f, url := serveFake(t, c.reply)
			tasks := open(t, url).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091, Container: tt.container})
			for range 2 {
				crashed, err := tasks.Crashed(t.Context())
				if tt.by == "" { // it is asked again, and counted against nobody until then
					if err == nil || len(crashed) > 0 {
						t.Errorf("%+v, %v", crashed, err)
					}
					continue
				}
				if err != nil || len(crashed) != 1 {
					t.Fatalf("%+v, %v", crashed, err)
				}
				if got := crashed[0]; got.Container != tt.by || got.Beside != tt.sidecar || got.ExitCode != tt.code {
					t.Errorf("%+v, want the end of %s with code %d, beside %v", got, tt.by, tt.code, tt.sidecar)
				}
			}
			if n := f.count("DescribeTaskDefinition"); tt.by != "" && n > 1 {
				t.Errorf("its definition is asked for %d times", n)
			}
		})
	}
}
