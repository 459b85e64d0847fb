package aws

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What ECS refuses is asked for again with growing waits, and one that is no
// task of a service never.
func TestRefusalsWaitLonger(t *testing.T) {
	now := time.Now()
	tasks := (&Client{services: newServices()}).Tasks(TasksOptions{})
	blocked := types.Failure{Arn: aws.String("arn/a"), Reason: aws.String(reasonBlocked)}
	for i, want := range []time.Duration{10, 20, 40, 80, 160, 300, 300} {
		tasks.refuse(blocked, now)
		if got := tasks.protection.refused["a"].again.Sub(now); got != want*time.Second {
			t.Errorf("refusal %d waits %v, want %v", i, got, want*time.Second)
		}
	}
	tasks.refuse(types.Failure{Arn: aws.String("arn/b"), Reason: aws.String(reasonNotValid)}, now)
	if got := tasks.protection.refused["b"].again.Sub(now); got < 24*time.Hour {
		t.Errorf("asked again after %v", got)
	}
	if due, waiting := tasks.due([]string{"a", "b", "c"}, false); len(due) != 3 || len(waiting) != 0 {
		t.Errorf("kept waiting to be let go: %v", waiting)
	}
}
