package aws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
)

// UpdateTaskProtection takes ten tasks at a time; the others are protected where
// ECS refuses one.
func TestProtectInBatches(t *testing.T) {
	c := &cluster{services: []object{service(25)}}
	var ids []string
	for i := range 25 {
		ids = append(ids, fmt.Sprintf("t%02d", i))
		c.tasks = append(c.tasks, awsvpc(ids[i], fmt.Sprintf("10.0.0.%d", i+1)))
	}
	c.failures = []object{{"arn": taskARN("t03"), "reason": "DEPLOYMENT_BLOCKED", "detail": "d"}}
	f, tasks := openTasks(t, c)
	list(t, tasks)
	if err := tasks.Protect(t.Context(), append(ids, "gone"), true); !errors.Is(err, controller.ErrNotFound) || !strings.Contains(err.Error(), "t03") {
		t.Errorf("one is gone, and one is refused: %v", err)
	}
	if n := f.count("UpdateTaskProtection"); n != 3 {
		t.Errorf("%d calls for 26 tasks, want 3", n)
	}
	for _, task := range list(t, tasks) {
		if task.Protected == (task.ID == "t03") {
			t.Errorf("%+v", task)
		}
	}
	if n := f.count("GetTaskProtection"); n != 1 {
		t.Errorf("asked %d times who is protected, want once: what we did was answered", n)
	}
	f.mu.Lock()
	c.failures = nil
	f.mu.Unlock()
	if err := tasks.Protect(t.Context(), ids, false); err != nil {
		t.Error(err)
	}
	if len(c.protected) != 0 {
		t.Errorf("still protected: %v", c.protected)
	}
}

// Each reason for which ECS does not protect a task has its sentence with a way
// out, which stays while ECS is not asked again.
func TestProtectionRefused(t *testing.T) {
	for reason, way := range map[string]string{
		"DEPLOYMENT_BLOCKED": "let the deployment end, raise the desired count, or end the protection of others (aws ecs get-task-protection names them); it is tried again (AWS says DEPLOYMENT_BLOCKED: because)",
		"TASK_NOT_VALID":     "ECS protects only tasks that a service keeps: let the service start them",
		"OF_NEXT_YEAR":       "ECS refuses; it is tried again (AWS says OF_NEXT_YEAR: because)",
	} {
		c := &cluster{services: []object{service(1)}, tasks: []object{awsvpc("a", "10.0.0.1")}}
		c.failures = []object{{"arn": taskARN("a"), "reason": reason, "detail": "because"}}
		f, tasks := openTasks(t, c)
		list(t, tasks)
		for range 3 {
			check(t, "protect", tasks.Protect(t.Context(), []string{"a"}, true), way)
		}
		if n := f.count("UpdateTaskProtection"); n != 1 {
			t.Errorf("%s: asked %d times at once, want once", reason, n)
		}
	}
}

// What somebody else has protected meanwhile stays, though the last listing did
// not know of it.
func TestProtectionOfOthersStays(t *testing.T) {
	c := &cluster{services: []object{service(2)}, tasks: []object{awsvpc("a", "10.0.0.1"), awsvpc("b", "10.0.0.2")}}
	f, tasks := openTasks(t, c)
	if err := tasks.Protect(t.Context(), []string{"a", "b"}, true); err != nil {
		t.Fatal(err)
	}
	list(t, tasks)
	f.mu.Lock()
	theirs := time.Now().Add(10 * time.Hour)
	c.protected[taskARN("b")] = theirs
	f.mu.Unlock()
	if err := tasks.Protect(t.Context(), []string{"a", "b"}, false); err != nil {
		t.Fatal(err)
	}
	got := list(t, tasks)
	if !got[0].ProtectedUntil.IsZero() || got[1].ProtectedUntil.Sub(theirs).Abs() > time.Second || len(c.protected) != 1 {
		t.Errorf("%+v, protected %v", got, c.protected)
	}
}
