package aws_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/rollout"
)

const clusterARN = "arn:aws:ecs:eu-central-1:123456789012:cluster/main"

// cluster is an ECS with the limits of the real one.
type cluster struct {
	t         *testing.T
	services  []object
	tasks     []object
	instances []object
	missing   []object             // container instances that have gone, as failures
	ec2       string               // what EC2 answers
	protected map[string]time.Time // until, by ARN
	refuse    map[string]apiError  // by operation
	failures  []object             // of UpdateTaskProtection

	deployments, revisions []object
}

func taskARN(id string) string { return "arn:aws:ecs:eu-central-1:123456789012:task/main/" + id }

// awsvpc is a running task with an address of its own.
func awsvpc(id, ip string) object {
	return object{
		"taskArn": taskARN(id), "lastStatus": "RUNNING", "desiredStatus": "RUNNING", "startedAt": seconds(epoch),
		"attachments": []object{
			{"type": "elb", "status": "ATTACHED"},
			{"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": []object{
				{"name": "subnetId", "value": "subnet-1"}, {"name": "privateIPv4Address", "value": ip},
			}},
		},
	}
}

// bridge is a running task behind ports of its host.
func bridge(id, instance string, hostPort int) object {
	return object{
		"taskArn": taskARN(id), "lastStatus": "RUNNING", "desiredStatus": "RUNNING", "startedAt": seconds(epoch),
		"containerInstanceArn": instance,
		"containers": []object{
			{"name": "sidecar", "networkBindings": []object{{"containerPort": 9999, "hostPort": 1, "protocol": "tcp"}}},
			{"name": "main", "networkBindings": []object{
				{"containerPort": 9090, "hostPort": 2, "protocol": "tcp"},
				{"containerPort": 9091, "hostPort": 3, "protocol": "udp"},
				{"containerPort": 9091, "hostPort": hostPort, "protocol": "tcp"},
			}},
		},
	}
}

func service(desired int) object {
	return object{"serviceName": "filter", "status": "ACTIVE", "desiredCount": desired}
}

func (c *cluster) reply(op string, in object) any {
	if e, ok := c.refuse[op]; ok {
		return e
	}
	switch op {
	case "DescribeServices":
		return object{"services": c.counted()}
	case "ListTasks":
		return c.list(in)
	case "DescribeTasks":
		return c.describe(in)
	case "DescribeContainerInstances":
		return c.hosts(in)
	case "GetTaskProtection":
		return c.protection(in)
	case "UpdateTaskProtection":
		return c.protect(in)
	case "ListServiceDeployments":
		return object{"serviceDeployments": c.deployments}
	case "DescribeServiceDeployments":
		return object{"serviceDeployments": c.deployments}
	case "DescribeServiceRevisions":
		return object{"serviceRevisions": c.revisions}
	case "ContinueServiceDeployment":
		return object{"serviceDeploymentArn": in["serviceDeploymentArn"]}
	case "TagResource":
		return c.tag(in)
	case "DescribeInstances":
		return c.ec2
	case "DescribeTaskDefinition":
		return object{"taskDefinition": object{"containerDefinitions": []object{
			{"name": "logs"},
			{"name": "proxy", "portMappings": []object{{"containerPort": 9090}, {"containerPort": 9091, "protocol": "udp"}}},
			{"name": "filter", "portMappings": []object{{"containerPort": 9092}, {"containerPort": 9091, "protocol": "tcp"}}},
		}}}
	}
	return apiError{"UnknownOperationException", op}
}

// counted are the services with the number of their tasks that run.
func (c *cluster) counted() (services []object) {
	running := 0
	for _, task := range c.tasks {
		if task["lastStatus"] == "RUNNING" && task["gone"] == nil {
			running++
		}
	}
	for _, s := range c.services {
		s = maps.Clone(s)
		s["serviceName"], s["runningCount"] = "filter", running
		services = append(services, s)
	}
	return services
}

func (c *cluster) hosts(in object) any {
	names, _ := in["containerInstances"].([]any)
	if len(names) == 0 || len(names) > 100 {
		c.t.Errorf("DescribeContainerInstances with %d of them", len(names))
	}
	asked := func(all []object, key string) []object {
		return slices.DeleteFunc(slices.Clone(all), func(o object) bool { return !slices.Contains(names, o[key]) })
	}
	return object{"containerInstances": asked(c.instances, "containerInstanceArn"), "failures": asked(c.missing, "arn")}
}

func (c *cluster) list(in object) any {
	offset := 0
	if token, ok := in["nextToken"].(string); ok {
		offset, _ = strconv.Atoi(token)
	}
	listed := slices.DeleteFunc(slices.Clone(c.tasks), func(task object) bool { return task["desiredStatus"] != in["desiredStatus"] })
	end := min(offset+100, len(listed))
	arns := []any{}
	for _, task := range listed[offset:end] {
		arns = append(arns, task["taskArn"])
	}
	out := object{"taskArns": arns}
	if end < len(listed) {
		out["nextToken"] = strconv.Itoa(end)
	}
	return out
}

func (c *cluster) find(name any) (object, bool) {
	for _, task := range c.tasks {
		if arn, _ := task["taskArn"].(string); arn == name || strings.HasSuffix(arn, "/"+fmt.Sprint(name)) {
			return task, true
		}
	}
	return nil, false
}

func (c *cluster) describe(in object) any {
	names, _ := in["tasks"].([]any)
	if len(names) > 100 || !slices.Equal(in["include"].([]any), []any{"TAGS"}) {
		c.t.Errorf("DescribeTasks with %d tasks and %v", len(names), in["include"])
	}
	tasks, failures := []object{}, []object{}
	for _, name := range names {
		if task, ok := c.find(name); ok && task["gone"] == nil {
			tasks = append(tasks, task)
		} else {
			failures = append(failures, object{"arn": name, "reason": "MISSING"})
		}
	}
	return object{"tasks": tasks, "failures": failures}
}

func (c *cluster) protection(in object) any {
	names, _ := in["tasks"].([]any)
	if len(names) > 100 {
		c.t.Errorf("GetTaskProtection with %d tasks", len(names))
	}
	protected := []object{}
	for _, name := range names {
		task, _ := c.find(name)
		arn, _ := task["taskArn"].(string)
		p := object{"taskArn": arn, "protectionEnabled": false}
		if until, ok := c.protected[arn]; ok {
			p["protectionEnabled"], p["expirationDate"] = true, seconds(until)
		}
		protected = append(protected, p)
	}
	return object{"protectedTasks": protected}
}

func (c *cluster) protect(in object) any {
	names, _ := in["tasks"].([]any)
	if len(names) == 0 || len(names) > 10 {
		c.t.Errorf("UpdateTaskProtection with %d tasks", len(names))
	}
	done, failures := []object{}, []object{}
	for _, name := range names {
		task, ok := c.find(name)
		if !ok {
			failures = append(failures, object{"arn": name, "reason": "MISSING"})
			continue
		}
		arn, _ := task["taskArn"].(string)
		if at := slices.IndexFunc(c.failures, func(f object) bool { return f["arn"] == arn }); at >= 0 {
			failures = append(failures, c.failures[at])
			continue
		}
		p := object{"taskArn": arn, "protectionEnabled": in["protectionEnabled"]}
		if delete(c.protected, arn); in["protectionEnabled"] == true {
			minutes, _ := in["expiresInMinutes"].(float64)
			c.protected[arn] = time.Now().Add(time.Duration(minutes) * time.Minute)
			p["expirationDate"] = seconds(c.protected[arn])
		}
		done = append(done, p)
	}
	return object{"protectedTasks": done, "failures": failures}
}

func (c *cluster) tag(in object) any {
	task, ok := c.find(in["resourceArn"])
	if !ok {
		return apiError{"InvalidParameterException", "The specified task was not found."}
	}
	task["tags"] = in["tags"]
	return object{}
}

func openTasks(t *testing.T, c *cluster) (*fake, *aws.Tasks) {
	t.Helper()
	c.t = t
	if c.protected == nil {
		c.protected = map[string]time.Time{}
	}
	f, endpoint := serveFake(t, c.reply)
	return f, open(t, endpoint).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
}

func list(t *testing.T, tasks *aws.Tasks) []rollout.Task {
	t.Helper()
	got, _, err := tasks.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTasksThatRun(t *testing.T) {
	pending, stopped, vanished := awsvpc("pending", "10.0.0.2"), awsvpc("stopped", "10.0.0.3"), awsvpc("vanished", "10.0.0.4")
	pending["lastStatus"], stopped["lastStatus"], vanished["gone"] = "PENDING", "STOPPED", true
	tagged := awsvpc("a", "10.0.0.1")
	tagged["tags"] = []object{{"key": "team", "value": "x"}, {"key": "sluice:release", "value": "d1"}}
	_, tasks := openTasks(t, &cluster{
		services: []object{service(3)},
		tasks:    []object{awsvpc("z", "10.0.0.9"), pending, stopped, vanished, tagged},
	})
	got, desired, err := tasks.List(t.Context())
	want := []rollout.Task{
		{ID: "a", Address: "10.0.0.1:9091", Tag: "d1", StartedAt: epoch},
		{ID: "z", Address: "10.0.0.9:9091", StartedAt: epoch},
	}
	if err != nil || desired != 3 || !slices.Equal(got, want) {
		t.Errorf("%+v, %d desired, %v", got, desired, err)
	}
}

func TestTasksByTheHundred(t *testing.T) {
	c := &cluster{services: []object{service(1234)}}
	for i := range 1234 {
		c.tasks = append(c.tasks, awsvpc(fmt.Sprintf("t%04d", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250)))
	}
	f, tasks := openTasks(t, c)
	if got := list(t, tasks); len(got) != 1234 || got[1233].Address != "10.0.4.233:9091" {
		t.Errorf("%d tasks", len(got))
	}
	list(t, tasks)
	for op, want := range map[string]int{"DescribeServices": 2, "ListTasks": 13, "DescribeTasks": 13, "GetTaskProtection": 13} {
		if n := f.count(op); n != want {
			t.Errorf("%d times %s, want %d", n, op, want)
		}
	}
}

// What was asked a moment ago is not asked again, however often the loop looks;
// what we change ourselves is known at once.
func TestTasksAreRemembered(t *testing.T) {
	pending := awsvpc("c", "10.0.0.3")
	pending["lastStatus"] = "PENDING"
	c := &cluster{t: t, services: []object{service(3)}, tasks: []object{awsvpc("a", "10.0.0.1"), awsvpc("b", "10.0.0.2"), pending}, protected: map[string]time.Time{}}
	f, endpoint := serveFake(t, c.reply)
	tasks := open(t, endpoint).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091, Every: time.Hour})
	list(t, tasks)
	for _, release := range []string{"first", "second"} {
		if err := tasks.Tag(t.Context(), "b", release); err != nil {
			t.Fatal(err)
		}
		if got := list(t, tasks); len(got) != 2 || got[0].Tag != "" || got[1].Tag != release {
			t.Errorf("tagged %s: %+v", release, got)
		}
	}
	c.tasks[0]["lastStatus"], c.tasks[0]["desiredStatus"] = "STOPPED", "STOPPED"
	for _, want := range []int{1, 0} { // of one that is known to be gone, and of one that ECS was asked of just now
		gone, err := tasks.Gone(t.Context(), []string{"a", "b"})
		if err != nil || len(gone) != want || want == 1 && gone[0] != "a" {
			t.Errorf("gone: %v, %v", gone, err)
		}
	}
	if got := list(t, tasks); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("without the one that is gone: %+v", got)
	}
	for op, want := range map[string]int{"DescribeServices": 1, "ListTasks": 1, "DescribeTasks": 2, "GetTaskProtection": 1} {
		if n := f.count(op); n != want {
			t.Errorf("%d times %s, want %d", n, op, want)
		}
	}
}

func TestTasksBehindHostPorts(t *testing.T) {
	told := object{
		"containerInstanceArn": clusterARN + "/told", "ec2InstanceId": "i-1",
		"attributes": []object{{"name": "ecs.ami-id", "value": "ami-1"}, {"name": aws.PrivateAddressAttribute, "value": "10.1.2.3"}},
	}
	f, tasks := openTasks(t, &cluster{
		services: []object{service(3)}, instances: []object{told, {"containerInstanceArn": clusterARN + "/mute"}},
		tasks: []object{
			bridge("a", clusterARN+"/told", 32768), bridge("b", clusterARN+"/mute", 32768),
			bridge("c", clusterARN+"/told", 32769), bridge("d", clusterARN+"/told", 0),
		},
	})
	got := list(t, tasks)
	if got[0].Address != "10.1.2.3:32768" || got[2].Address != "10.1.2.3:32769" || got[0].Error+got[2].Error != "" {
		t.Errorf("%+v", got)
	}
	if got[1].Address != "" || !strings.Contains(got[1].Error, `container instance mute does not tell its own: allow ec2:DescribeInstances, or set ECS_INSTANCE_ATTRIBUTES={"sluice.private-ipv4"`) {
		t.Errorf("%+v", got[1])
	}
	if got[3].Address != "" || !strings.Contains(got[3].Error, "port 0") {
		t.Errorf("%+v", got[3])
	}
	list(t, tasks)
	if n := len(f.last("DescribeContainerInstances")["containerInstances"].([]any)); n != 1 {
		t.Errorf("%d container instances were asked again, want the mute one", n)
	}
}

func TestTaskWithoutControlPort(t *testing.T) {
	lost := bridge("a", clusterARN+"/x", 1)
	delete(lost, "containers")
	_, tasks := openTasks(t, &cluster{services: []object{service(1)}, tasks: []object{lost}})
	if got := list(t, tasks); got[0].Address != "" || !strings.Contains(got[0].Error, "map the control port in the task definition") {
		t.Errorf("%+v", got)
	}
}

func TestTagAndProtect(t *testing.T) {
	c := &cluster{services: []object{service(1)}, tasks: []object{awsvpc("a", "10.0.0.1"), awsvpc("b", "10.0.0.2")}}
	f, tasks := openTasks(t, c)
	for _, at := range []string{"before a listing", "after"} { // a new leader may know a task from its predecessor
		if err := tasks.Tag(t.Context(), "a", at); err != nil {
			t.Fatal(err)
		}
		if err := tasks.Protect(t.Context(), []string{"b"}, true); err != nil {
			t.Fatal(err)
		}
		if got := list(t, tasks); got[0].Tag != at || got[0].Protected || got[1].Tag != "" || !got[1].Protected {
			t.Errorf("%s: %+v", at, got)
		}
	}
	if in := f.last("UpdateTaskProtection"); in["expiresInMinutes"] != 60.0 {
		t.Errorf("protected with %v", in)
	}
	if err := tasks.Protect(t.Context(), []string{"b"}, false); err != nil {
		t.Fatal(err)
	}
	if got := list(t, tasks); got[1].Protected {
		t.Error("still protected")
	}
	for name, err := range map[string]error{
		"tag":     tasks.Tag(t.Context(), "gone", "d"),
		"protect": tasks.Protect(t.Context(), []string{"gone"}, true),
	} {
		if !errors.Is(err, controller.ErrNotFound) {
			t.Errorf("%s a task that is gone: %v", name, err)
		}
	}
}

// Protection that will soon end is asked for again.
func TestProtectionIsRenewedAtHalfTime(t *testing.T) {
	c := &cluster{
		services: []object{service(2)}, tasks: []object{awsvpc("fresh", "10.0.0.1"), awsvpc("stale", "10.0.0.2")},
		protected: map[string]time.Time{
			taskARN("fresh"): time.Now().Add(40 * time.Minute), taskARN("stale"): time.Now().Add(20 * time.Minute),
		},
	}
	_, tasks := openTasks(t, c)
	if got := list(t, tasks); !got[0].Protected || got[1].Protected {
		t.Errorf("%+v", got)
	}
}

// What ECS says of protection must not stand in the way of a rollback.
func TestTasksWithoutProtection(t *testing.T) {
	_, tasks := openTasks(t, &cluster{
		services: []object{service(1)}, tasks: []object{awsvpc("a", "10.0.0.1")},
		refuse: map[string]apiError{
			"GetTaskProtection":    {"AccessDeniedException", "no"},
			"UpdateTaskProtection": {"AccessDeniedException", "no"},
		},
	})
	if got := list(t, tasks); len(got) != 1 || got[0].Protected {
		t.Errorf("%+v", got)
	}
	check(t, "protect", tasks.Protect(t.Context(), []string{"a"}, true), "see that the role may ecs:UpdateTaskProtection")
}

func TestTasksThroughFaults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		c      cluster
		says   string
		cancel bool
	}{
		{"no service", cluster{}, `ECS service "filter" of cluster "main" does not exist: create it or set service in the fleet file`, false},
		{"deleted service", cluster{services: []object{{"serviceName": "filter", "status": "INACTIVE"}}}, "does not exist", false},
		{
			"no cluster",
			cluster{refuse: map[string]apiError{"DescribeServices": {"ClusterNotFoundException", "no"}}},
			`ECS cluster "main" does not exist: create it or set cluster in the fleet file`, false,
		},
		{
			"throttled",
			cluster{services: []object{service(1)}, refuse: map[string]apiError{"ListTasks": {"ThrottlingException", "Rate exceeded"}}},
			"list tasks: AWS asks to slow down", false,
		},
		{
			"denied",
			cluster{services: []object{service(1)}, tasks: []object{awsvpc("a", "10.0.0.1")}, refuse: map[string]apiError{"DescribeTasks": {"AccessDeniedException", "no"}}},
			`access to ECS service "filter" of cluster "main" is denied, and AWS does not say why: see that the role may ecs:DescribeTasks`, false,
		},
		{"cancelled", cluster{services: []object{service(1)}}, "context canceled", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, tasks := openTasks(t, &tt.c)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.cancel {
				cancel()
			}
			_, _, err := tasks.List(ctx)
			check(t, "list", err, tt.says)
		})
	}
}
