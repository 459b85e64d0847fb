package aws_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/controller/aws"
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
		ended("unhealthy", "ServiceSchedulerInitiated", "Task failed ELB health checks", exit(137)),
		ended("user", "UserInitiated", "Task stopped by user", exit(137)),
		ended("spot", "SpotInterruption", "Your Spot Task was interrupted.", exit(1)),
		ended("host", "TerminationNotice", "Host EC2 (instance i-1) terminated.", exit(1)),
		ended("old host", "EssentialContainerExited", "Host EC2 (instance i-1) terminated.", exit(1)),
		ended("never began", "TaskFailedToStart", "CannotPullContainerError", object{"name": "main"}),
	}}
	f, url := serveFake(t, c.reply)
	tasks := open(t, url).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
	want := []string{"deprovisioning", "memory", "panic", "sidecar"}
	for look := range 3 {
		if look == 1 { // its container has been heard of, and memory's record is gone
			c.tasks[5] = ended("stopping", "EssentialContainerExited", own, exit(3))
			c.tasks = slices.Delete(c.tasks, 2, 3)
			want = []string{"deprovisioning", "panic", "sidecar", "stopping"}
		}
		crashed, err := tasks.Crashed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, crash := range crashed {
			got = append(got, crash.Task)
		}
		if !slices.Equal(got, want) {
			t.Errorf("look %d: crashed %v, want %v", look, got, want)
		}
	}
	if n := f.count("DescribeTasks"); n > 2+retries {
		t.Errorf("tasks that ended are described %d times in three looks", n)
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
