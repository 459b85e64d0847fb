package aws_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	deploymentARN = "arn:aws:ecs:eu-central-1:123456789012:service-deployment/main/filter/d"
	revisionARN   = "arn:aws:ecs:eu-central-1:123456789012:service-revision/main/filter/"
)

// deployed is a service with two deployments, the newest first.
func deployed(strategy, state string) object {
	s := service(4)
	s["deploymentConfiguration"] = object{"strategy": strategy}
	s["currentServiceDeployment"] = deploymentARN
	s["deployments"] = []object{
		{"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": state, "taskDefinition": "arn:aws:ecs:eu-central-1:1:task-definition/filter:8", "createdAt": seconds(epoch), "runningCount": 1},
		{"id": "ecs-svc/1", "status": "ACTIVE", "taskDefinition": "arn:aws:ecs:eu-central-1:1:task-definition/filter:7", "createdAt": seconds(epoch.Add(-time.Hour)), "runningCount": 4},
	}
	return s
}

// detail is how far a deployment is. Weights below 0 are not told.
func detail(stage, revision string, green, blue float64, hooks ...object) object {
	weighed := func(arn string, weight float64) object {
		if weight < 0 {
			return object{"arn": arn}
		}
		return object{"arn": arn, "requestedProductionTrafficWeight": weight}
	}
	return object{
		"serviceDeploymentArn": deploymentARN, "status": "IN_PROGRESS", "lifecycleStage": stage, "lifecycleHookDetails": hooks,
		"targetServiceRevision": weighed(revisionARN+revision, green), "sourceServiceRevisions": []object{weighed(revisionARN+"1", blue)},
	}
}

// A deployment is told by what ECS lists anyway; of one that shifts traffic ECS
// is asked how far it is, and whose tasks get auctions.
func TestDeployment(t *testing.T) {
	want := func(strategy, stage string, idle ...string) *rollout.Deployment {
		return &rollout.Deployment{ID: "ecs-svc/2", Revision: "filter:8", Strategy: strategy, Stage: stage, Since: epoch, Idle: idle}
	}
	paused := object{"hookId": "h", "targetType": "PAUSE", "status": "AWAITING_ACTION", "expiresAt": seconds(epoch.Add(time.Hour)), "timeoutAction": "ROLLBACK"}
	waits := want("CANARY", "PRE_PRODUCTION_TRAFFIC_SHIFT", "ecs-svc/2")
	waits.Hook = &rollout.Hook{ID: "h", Of: deploymentARN, Until: epoch.Add(time.Hour), Timeout: "ROLLBACK"}
	for name, tt := range map[string]struct {
		service object
		detail  object
		want    *rollout.Deployment
		asks    int // for more
	}{
		"none":             {service: service(4)},
		"over":             {service: deployed("ROLLING", "COMPLETED")},
		"failed":           {service: deployed("ROLLING", "FAILED")},
		"rolling":          {service: deployed("ROLLING", "IN_PROGRESS"), want: want("ROLLING", "")},
		"says nothing":     {service: deployed("", ""), want: want("ROLLING", "")},
		"before the shift": {service: deployed("BLUE_GREEN", "IN_PROGRESS"), detail: detail("POST_SCALE_UP", "2", -1, -1), want: want("BLUE_GREEN", "POST_SCALE_UP", "ecs-svc/2"), asks: 1},
		"test traffic":     {service: deployed("BLUE_GREEN", "IN_PROGRESS"), detail: detail("TEST_TRAFFIC_SHIFT", "2", 0, 100), want: want("BLUE_GREEN", "TEST_TRAFFIC_SHIFT", "ecs-svc/2"), asks: 1},
		"in the shift":     {service: deployed("LINEAR", "IN_PROGRESS"), detail: detail("PRODUCTION_TRAFFIC_SHIFT", "2", 10, 90), want: want("LINEAR", "PRODUCTION_TRAFFIC_SHIFT"), asks: 1},
		"canary bakes":     {service: deployed("CANARY", "IN_PROGRESS"), detail: detail("BAKE_TIME", "2", 5, 95), want: want("CANARY", "BAKE_TIME"), asks: 1},
		"after the shift":  {service: deployed("BLUE_GREEN", "IN_PROGRESS"), detail: detail("BAKE_TIME", "2", 100, 0), want: want("BLUE_GREEN", "BAKE_TIME", "ecs-svc/1"), asks: 1},
		"by its stage":     {service: deployed("BLUE_GREEN", "IN_PROGRESS"), detail: detail("BAKE_TIME", "2", -1, -1), want: want("BLUE_GREEN", "BAKE_TIME", "ecs-svc/1"), asks: 1},
		"another number":   {service: deployed("BLUE_GREEN", "IN_PROGRESS"), detail: detail("SCALE_UP", "77", 0, 100), want: want("BLUE_GREEN", "SCALE_UP", "ecs-svc/2"), asks: 2},
		"waits at a hook":  {service: deployed("CANARY", "IN_PROGRESS"), detail: detail("PRE_PRODUCTION_TRAFFIC_SHIFT", "2", 0, 100, object{"hookId": "l", "targetType": "AWS_LAMBDA", "status": "AWAITING_ACTION"}, paused), want: waits, asks: 1},
	} {
		c := &cluster{services: []object{tt.service}, tasks: []object{awsvpc("a", "10.0.0.1")}}
		if tt.detail != nil {
			c.deployments = []object{tt.detail}
		}
		c.revisions = []object{{"serviceRevisionArn": revisionARN + "77", "taskDefinition": "arn:aws:ecs:eu-central-1:1:task-definition/filter:8"}}
		f, tasks := openTasks(t, c)
		for range 3 {
			list(t, tasks)
			got, err := tasks.Deployment(t.Context())
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: %+v, %v, want %+v", name, got, err, tt.want)
			}
		}
		asked := f.count("DescribeServiceDeployments") + f.count("DescribeServiceRevisions") + f.count("ListServiceDeployments")
		if asked != tt.asks {
			t.Errorf("%s: ECS is asked %d times for more, want %d", name, asked, tt.asks)
		}
	}
}

// CodeDeploy and external controllers keep task sets, of which ECS tells less: a
// second one with tasks is a deployment, whichever of the two is primary by now.
func TestDeploymentOfTaskSets(t *testing.T) {
	set := func(id, status string, created time.Time, running, pending int) object {
		return object{
			"id": "ecs-svc/" + id, "status": status, "createdAt": seconds(created), "runningCount": running, "pendingCount": pending,
			"taskDefinition": "arn:aws:ecs:eu-central-1:1:task-definition/filter:" + id,
		}
	}
	old, young := epoch.Add(-time.Hour), epoch
	of := func(controller string, sets ...object) object {
		s := service(4)
		s["deploymentController"], s["taskSets"], s["deployments"] = object{"type": controller}, sets, []object{}
		return s
	}
	want := func(strategy string, idle ...string) *rollout.Deployment {
		return &rollout.Deployment{ID: "ecs-svc/8", Revision: "filter:8", Strategy: strategy, Since: epoch, Idle: idle}
	}
	for name, tt := range map[string]struct {
		service object
		want    *rollout.Deployment
	}{
		"one set":          {of("CODE_DEPLOY", set("7", "PRIMARY", old, 4, 0)), nil},
		"one that starts":  {of("CODE_DEPLOY", set("7", "PRIMARY", old, 0, 4)), nil},
		"one that is gone": {of("CODE_DEPLOY", set("7", "DRAINING", old, 0, 0), set("8", "PRIMARY", young, 4, 0)), nil},
		"green starts":     {of("CODE_DEPLOY", set("7", "PRIMARY", old, 4, 0), set("8", "ACTIVE", young, 0, 1)), want("CODE_DEPLOY", "ecs-svc/8")},
		"green runs":       {of("CODE_DEPLOY", set("8", "ACTIVE", young, 4, 0), set("7", "PRIMARY", old, 4, 0)), want("CODE_DEPLOY", "ecs-svc/8")},
		"blue waits":       {of("CODE_DEPLOY", set("7", "ACTIVE", old, 4, 0), set("8", "PRIMARY", young, 4, 0)), want("CODE_DEPLOY", "ecs-svc/7")},
		"blue goes":        {of("CODE_DEPLOY", set("7", "DRAINING", old, 1, 0), set("8", "PRIMARY", young, 4, 0)), want("CODE_DEPLOY", "ecs-svc/7")},
		"no primary":       {of("CODE_DEPLOY", set("7", "ACTIVE", old, 4, 0), set("8", "ACTIVE", young, 4, 0)), want("CODE_DEPLOY")},
		"external":         {of("EXTERNAL", set("7", "PRIMARY", old, 4, 0), set("8", "ACTIVE", young, 4, 0)), want("EXTERNAL")},
		"external, alone":  {of("EXTERNAL", set("8", "PRIMARY", young, 4, 0)), nil},
	} {
		f, tasks := openTasks(t, &cluster{services: []object{tt.service}, tasks: []object{awsvpc("a", "10.0.0.1")}})
		list(t, tasks)
		got, err := tasks.Deployment(t.Context())
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tt.want)
		}
		if n := f.count("DescribeServiceDeployments") + f.count("ListServiceDeployments"); n > 0 {
			t.Errorf("%s: ECS is asked %d times for a deployment that it does not know", name, n)
		}
	}
}

// Where we may not ask how far a deployment is, all tasks count as ever, and that
// is told once.
func TestDeploymentWithoutTheRight(t *testing.T) {
	c := &cluster{t: t, services: []object{deployed("BLUE_GREEN", "IN_PROGRESS")}, refuse: map[string]apiError{"DescribeServiceDeployments": {"AccessDeniedException", "no"}}}
	_, url := serveFake(t, c.reply)
	told := 0
	tasks := open(t, url).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091, Unstaged: func(err error) {
		told++
		check(t, "describe", err, "ecs:DescribeServiceDeployments")
	}})
	for range 3 {
		list(t, tasks)
		if d, err := tasks.Deployment(t.Context()); err != nil || d == nil || d.ID != "ecs-svc/2" || len(d.Idle) != 0 {
			t.Errorf("%+v, %v", d, err)
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// While ECS turns away whoever asks how far a deployment is, it is told without
// that: room is to be made for it all the same.
func TestDeploymentWhileThrottled(t *testing.T) {
	c := &cluster{services: []object{deployed("BLUE_GREEN", "IN_PROGRESS")}, refuse: map[string]apiError{"DescribeServiceDeployments": {"ThrottlingException", "Rate exceeded"}}}
	_, tasks := openTasks(t, c)
	list(t, tasks)
	for range 2 { // asked, and held back
		d, err := tasks.Deployment(t.Context())
		if err == nil || d == nil || d.ID != "ecs-svc/2" || len(d.Idle) != 0 {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

// A hook is answered, and one that waits no more is no trouble.
func TestAnswer(t *testing.T) {
	c := &cluster{services: []object{deployed("CANARY", "IN_PROGRESS")}, refuse: map[string]apiError{}}
	f, tasks := openTasks(t, c)
	hook := rollout.Hook{ID: "h", Of: deploymentARN}
	for on, action := range map[bool]string{true: "CONTINUE", false: "ROLLBACK"} {
		if err := tasks.Answer(t.Context(), hook, on); err != nil {
			t.Fatal(err)
		}
		if in := f.last("ContinueServiceDeployment"); in["action"] != action || in["hookId"] != "h" || in["serviceDeploymentArn"] != deploymentARN {
			t.Errorf("answered %v with %v", on, in)
		}
	}
	f.mu.Lock()
	c.refuse["ContinueServiceDeployment"] = apiError{"ServiceDeploymentNotFoundException", "it is over"}
	f.mu.Unlock()
	if err := tasks.Answer(t.Context(), hook, true); err != nil {
		t.Error(err)
	}
	f.mu.Lock()
	c.refuse["ContinueServiceDeployment"] = apiError{"AccessDeniedException", "no"}
	f.mu.Unlock()
	check(t, "answer", tasks.Answer(t.Context(), hook, true), "ecs:ContinueServiceDeployment")
}

// The local ECS shifts traffic by CANARY, with a PAUSE hook before each step: its
// deployment is seen, green tasks get no auctions before the first, and answers
// lead on and back.
func TestDeploymentsContract(t *testing.T) {
	endpoint := startLocal(t)
	newService(t, endpoint, ecstypes.NetworkModeAwsvpc)
	c := ecs.NewFromConfig(sdkConfig(t, endpoint))
	tasks := open(t, endpoint).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
	until := func(what string, is func(d *rollout.Deployment) bool) (d *rollout.Deployment) {
		t.Helper()
		for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			list(t, tasks)
			d, err := tasks.Deployment(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if is(d) {
				return d
			}
			if time.Now().After(deadline) {
				t.Fatalf("it is never so that %s: %+v", what, d)
			}
		}
	}
	update := func(in ecs.UpdateServiceInput) {
		t.Helper()
		in.Cluster, in.Service = sdk.String("main"), sdk.String("filter")
		if _, err := c.UpdateService(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
	}
	update(ecs.UpdateServiceInput{DesiredCount: sdk.Int32(2)})
	until("nothing is deployed", func(d *rollout.Deployment) bool { return d == nil && len(list(t, tasks)) == 2 })
	update(ecs.UpdateServiceInput{ForceNewDeployment: true, DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
		Strategy: ecstypes.DeploymentStrategyCanary, CanaryConfiguration: &ecstypes.CanaryConfiguration{CanaryPercent: sdk.Float64(10), CanaryBakeTimeInMinutes: sdk.Int32(0)},
		LifecycleHooks: []ecstypes.DeploymentLifecycleHook{{
			TargetType: ecstypes.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []ecstypes.DeploymentLifecycleHookStage{ecstypes.DeploymentLifecycleHookStagePreProductionTrafficShift},
		}},
	}})
	first := until("it waits, and green gets no auctions", func(d *rollout.Deployment) bool {
		return d != nil && d.Hook != nil && slices.Equal(d.Idle, []string{d.ID})
	})
	if first.Strategy != "CANARY" || first.Hook.Timeout != "ROLLBACK" || first.Hook.Until.IsZero() || first.Revision != "filter:1" {
		t.Errorf("%+v, %+v", first, first.Hook)
	}
	green := 0
	for _, task := range list(t, tasks) {
		if task.Stratum.Deployment == first.ID {
			green++
		}
	}
	if green != 2 {
		t.Errorf("%d green tasks, want 2", green)
	}
	if err := tasks.Answer(t.Context(), *first.Hook, true); err != nil {
		t.Fatal(err)
	}
	second := until("it waits again, and all get auctions", func(d *rollout.Deployment) bool {
		return d != nil && d.Hook != nil && d.Hook.ID != first.Hook.ID && len(d.Idle) == 0
	})
	for range 2 { // the second time it waits no more
		if err := tasks.Answer(t.Context(), *second.Hook, false); err != nil {
			t.Fatal(err)
		}
	}
	until("it went back", func(d *rollout.Deployment) bool { return d == nil })
	for _, task := range list(t, tasks) {
		if task.Stratum.Deployment == first.ID {
			t.Errorf("it went back, and %+v runs", task)
		}
	}
}
