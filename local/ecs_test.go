package local_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/local"
	"github.com/sluicehq/sluice/local/nlb"
)

type cluster struct {
	t *testing.T
	*ecs.Client
	name *string
}

func newCluster(t *testing.T, c clients) cluster {
	t.Helper()
	_, err := c.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("auctions")})
	if err != nil {
		t.Fatal(err)
	}
	return cluster{t, c.ecs, aws.String("auctions")}
}

// define registers a task definition whose program is this test binary.
func (c cluster) define(mode types.NetworkMode, env ...string) *string {
	c.t.Helper()
	vars := []types.KeyValuePair{{Name: aws.String("SLUICE_TEST_ROLE"), Value: aws.String("task")}}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		vars = append(vars, types.KeyValuePair{Name: &k, Value: &v})
	}
	out, err := c.RegisterTaskDefinition(c.t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("filter"), NetworkMode: mode,
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("filter"), Image: aws.String("ignored"), Command: []string{os.Args[0]}, Environment: vars,
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(9090)}},
			// A union member, to see that it survives.
			ResourceRequirements: []types.ResourceRequirement{{
				Type: types.ResourceTypeGpu, Value: aws.String("1"),
				SharingStrategy: &types.SharingStrategyMemberNvidiaMps{Value: types.NvidiaMpsAllocation{Memory: aws.Int32(10)}},
			}},
		}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.TaskDefinition.TaskDefinitionArn
}

func (c cluster) serve(definition *string, count int32) {
	c.t.Helper()
	_, err := c.CreateService(c.t.Context(), &ecs.CreateServiceInput{
		Cluster: c.name, ServiceName: aws.String("filter"), TaskDefinition: definition, DesiredCount: &count,
		PropagateTags: types.PropagateTagsService, Tags: []types.Tag{{Key: aws.String("fleet"), Value: aws.String("x")}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// tasks are the service's tasks with this desired status, by ARN.
func (c cluster) tasks(desired types.DesiredStatus) []types.Task {
	c.t.Helper()
	list, err := c.ListTasks(c.t.Context(), &ecs.ListTasksInput{Cluster: c.name, ServiceName: aws.String("filter"), DesiredStatus: desired})
	if err != nil {
		c.t.Fatal(err)
	}
	if len(list.TaskArns) == 0 {
		return nil
	}
	out, err := c.DescribeTasks(c.t.Context(), &ecs.DescribeTasksInput{Cluster: c.name, Tasks: list.TaskArns, Include: []types.TaskField{types.TaskFieldTags}})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.Tasks
}

func (c cluster) service() types.Service {
	c.t.Helper()
	out, err := c.DescribeServices(c.t.Context(), &ecs.DescribeServicesInput{Cluster: c.name, Services: []string{"filter"}})
	if err != nil || len(out.Services) != 1 {
		c.t.Fatalf("%v %v", out, err)
	}
	return out.Services[0]
}

func (c cluster) steady(count int) []types.Task {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d tasks run steadily", count), func() bool {
		s := c.service()
		return int(s.RunningCount) == count && len(s.Deployments) == 1 && s.Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted
	})
	return c.tasks(types.DesiredStatusRunning)
}

func pid(t *testing.T, task types.Task) int {
	t.Helper()
	n, err := strconv.Atoi(aws.ToString(task.Containers[0].RuntimeId))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func addressOf(task types.Task) string {
	for _, a := range task.Attachments {
		for _, d := range a.Details {
			if *a.Type == "ElasticNetworkInterface" && *d.Name == "privateIPv4Address" {
				return *d.Value
			}
		}
	}
	return ""
}

func arns(tasks []types.Task) (names []string) {
	for _, t := range tasks {
		names = append(names, *t.TaskArn)
	}
	return names
}

// A service keeps its count, replaces what dies, rolls to a new definition
// and scales in around protected tasks.
func TestServiceStory(t *testing.T) {
	dir := t.TempDir()
	s := start(t, local.Config{Dir: dir})
	c := newCluster(t, connect(t, s.URL(), "testtest"))
	c.serve(c.define(types.NetworkModeAwsvpc), 3)
	before := c.steady(3)

	seen := map[string]bool{}
	for _, task := range before {
		addr, err := netip.ParseAddr(addressOf(task))
		if err != nil || !addr.IsLoopback() || seen[addr.String()] {
			t.Errorf("address %v: %v", addr, err)
		}
		seen[addr.String()] = true
		if *task.StartedBy != *c.service().Deployments[0].Id || *task.Group != "service:filter" || len(task.Tags) != 1 {
			t.Errorf("startedBy %s group %s tags %v", *task.StartedBy, *task.Group, task.Tags)
		}
	}

	// A killed task is replaced under another name and address.
	victim := before[0]
	if err := syscall.Kill(pid(t, victim), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var after []types.Task
	eventually(t, "the victim is replaced", func() bool {
		after = c.tasks(types.DesiredStatusRunning)
		return len(after) == 3 && !slices.Contains(arns(after), *victim.TaskArn) && c.service().RunningCount == 3
	})
	ended := c.tasks(types.DesiredStatusStopped)
	if len(ended) != 1 || *ended[0].Containers[0].ExitCode != 137 || ended[0].StopCode != types.TaskStopCodeEssentialContainerExited {
		t.Errorf("stopped tasks: %+v", ended)
	}

	// Logs are there, and the task has found its metadata.
	log := filepath.Join(dir, "tasks", filepath.Base(*after[0].TaskArn), "stdout.log")
	eventually(t, "the task writes its log", func() bool {
		raw, _ := os.ReadFile(log)
		return strings.Contains(string(raw), "address "+addressOf(after[0])) && strings.Contains(string(raw), *after[0].TaskArn)
	})

	// Scale-in spares the protected one.
	spared := after[2]
	_, err := c.UpdateTaskProtection(t.Context(), &ecs.UpdateTaskProtectionInput{Cluster: c.name, Tasks: []string{*spared.TaskArn}, ProtectionEnabled: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: c.name, Service: aws.String("filter"), DesiredCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	if left := c.steady(1); *left[0].TaskArn != *spared.TaskArn {
		t.Errorf("%s is left, %s was protected", *left[0].TaskArn, *spared.TaskArn)
	}
	if _, err := c.UpdateTaskProtection(t.Context(), &ecs.UpdateTaskProtectionInput{Cluster: c.name, Tasks: []string{*spared.TaskArn}}); err != nil {
		t.Fatal(err)
	}

	// A new definition replaces every task, and never goes below one.
	second := c.define(types.NetworkModeAwsvpc, "V=2")
	_, err = c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: c.name, Service: aws.String("filter"), TaskDefinition: second, DesiredCount: aws.Int32(2)})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range c.steady(2) {
		if *task.TaskDefinitionArn != *second {
			t.Errorf("task of %s", *task.TaskDefinitionArn)
		}
	}

	if _, err := c.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: c.name, Service: aws.String("filter"), Force: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service is gone", func() bool { return *c.service().Status == "INACTIVE" })
}

func TestBridgeTasksHavePorts(t *testing.T) {
	c := newCluster(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	c.serve(c.define(types.NetworkModeBridge), 2)
	tasks := c.steady(2)
	ports := map[int32]bool{}
	for _, task := range tasks {
		b := task.Containers[0].NetworkBindings[0]
		ports[*b.HostPort] = *b.ContainerPort == 9090
		out, err := c.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{Cluster: c.name, ContainerInstances: []string{*task.ContainerInstanceArn}})
		tells := func(a types.Attribute) bool { return *a.Name == "sluice.private-ipv4" && *a.Value == "127.0.0.1" }
		if err != nil || len(out.ContainerInstances) != 1 || !slices.ContainsFunc(out.ContainerInstances[0].Attributes, tells) {
			t.Errorf("%+v %v", out, err)
		}
	}
	if len(ports) != 2 {
		t.Errorf("ports %v", ports)
	}
}

// A program that is not there, or ends at once, is a stopped task that says
// so; the service goes on.
func TestFailingTasksSayWhy(t *testing.T) {
	c := newCluster(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	_, err := c.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("absent"), NetworkMode: types.NetworkModeHost,
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("x"), Image: aws.String("x"), Command: []string{"/nowhere/program"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: c.name, TaskDefinition: aws.String("absent")})
	if err != nil || *out.Tasks[0].LastStatus != "STOPPED" || !strings.Contains(*out.Tasks[0].StoppedReason, "/nowhere/program") {
		t.Errorf("%+v %v", out, err)
	}
	c.serve(c.define(types.NetworkModeAwsvpc, "EXIT_AT_ONCE=1"), 1)
	eventually(t, "two attempts have failed", func() bool { return len(c.tasks(types.DesiredStatusStopped)) >= 2 })
	if code := *c.tasks(types.DesiredStatusStopped)[0].Containers[0].ExitCode; code != 3 {
		t.Errorf("exit code %d", code)
	}
}

// The health check decides: a task that passes is HEALTHY, one that fails is
// replaced.
func TestHealthChecks(t *testing.T) {
	c := newCluster(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	define := func(check ...string) *string {
		out, err := c.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: aws.String("checked"), NetworkMode: types.NetworkModeAwsvpc,
			ContainerDefinitions: []types.ContainerDefinition{{
				Name: aws.String("x"), Image: aws.String("x"), Command: []string{os.Args[0]},
				Environment: []types.KeyValuePair{{Name: aws.String("SLUICE_TEST_ROLE"), Value: aws.String("task")}},
				HealthCheck: &types.HealthCheck{Command: check, Retries: aws.Int32(1)},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.TaskDefinition.TaskDefinitionArn
	}
	c.serve(define("CMD-SHELL", `test -n "$SLUICE_TASK_ADDRESS"`), 1)
	eventually(t, "the task is healthy", func() bool {
		tasks := c.tasks(types.DesiredStatusRunning)
		return len(tasks) == 1 && tasks[0].HealthStatus == types.HealthStatusHealthy
	})
	good := c.steady(1)[0]
	_, err := c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: c.name, Service: aws.String("filter"), TaskDefinition: define("CMD", "/bin/false")})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a failing task is stopped, and it is said why", func() bool {
		stopped := c.tasks(types.DesiredStatusStopped)
		return len(stopped) > 0 && stopped[0].StopCode == types.TaskStopCodeServiceSchedulerInitiated &&
			strings.Contains(aws.ToString(stopped[0].StoppedReason), "health checks")
	})
	if !slices.Contains(arns(c.tasks(types.DesiredStatusRunning)), *good.TaskArn) {
		t.Error("the healthy task of before was stopped for one that never was healthy")
	}
}

// The load balancer finds tasks in both network modes.
func TestLoadBalancerFindsTasks(t *testing.T) {
	for _, mode := range []types.NetworkMode{types.NetworkModeAwsvpc, types.NetworkModeBridge} {
		c := newCluster(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
		c.serve(c.define(mode), 2)
		want := map[string]bool{}
		for _, task := range c.steady(2) {
			if mode == types.NetworkModeAwsvpc {
				want[addressOf(task)+":9090"] = true
			} else {
				want[fmt.Sprint("127.0.0.1:", *task.Containers[0].NetworkBindings[0].HostPort)] = true
			}
		}
		f := &nlb.Finder{Client: c.Client, Cluster: *c.name, Service: "filter", Port: 9090, HealthPort: 9090}
		targets, err := f.Targets(t.Context())
		if err != nil || len(targets) != 2 || !want[targets[0].Address] || !want[targets[1].Address] {
			t.Errorf("%s: %+v %v, want %v", mode, targets, err, want)
		}
	}
}

func TestTagsAndPages(t *testing.T) {
	c := newCluster(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	definition := c.define(types.NetworkModeAwsvpc)
	out, err := c.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: c.name, TaskDefinition: definition, Count: aws.Int32(5), StartedBy: aws.String("me")})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	pages := ecs.NewListTasksPaginator(c.Client, &ecs.ListTasksInput{Cluster: c.name, StartedBy: aws.String("me"), MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.TaskArns...)
	}
	want := arns(out.Tasks)
	slices.Sort(want)
	if !slices.Equal(all, want) {
		t.Errorf("listed %v, started %v", all, want)
	}
	_, err = c.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: c.name, Tasks: make([]string, 101)})
	if codeOf(err) != "InvalidParameterException" {
		t.Errorf("101 tasks: %v", err)
	}
	tag := func(k, v string) []types.Tag { return []types.Tag{{Key: &k, Value: &v}} }
	for _, v := range []string{"v1", "v2"} {
		if _, err := c.TagResource(t.Context(), &ecs.TagResourceInput{ResourceArn: &all[0], Tags: tag("serving", v)}); err != nil {
			t.Fatal(err)
		}
	}
	tags, err := c.ListTagsForResource(t.Context(), &ecs.ListTagsForResourceInput{ResourceArn: &all[0]})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "v2" {
		t.Errorf("%+v %v", tags, err)
	}
	if _, err := c.UntagResource(t.Context(), &ecs.UntagResourceInput{ResourceArn: &all[0], TagKeys: []string{"serving"}}); err != nil {
		t.Fatal(err)
	}
	seen, err := c.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: c.name, Tasks: []string{all[0], "gone"}, Include: []types.TaskField{types.TaskFieldTags}})
	if err != nil || len(seen.Tasks) != 1 || len(seen.Tasks[0].Tags) != 0 || *seen.Failures[0].Reason != "MISSING" {
		t.Errorf("%+v %v", seen, err)
	}
	if _, err := c.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("none")}); codeOf(err) != "ClusterNotFoundException" {
		t.Errorf("%v", err)
	}
	stop, err := c.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: c.name, Task: &all[1], Reason: aws.String("because")})
	if err != nil || *stop.Task.DesiredStatus != "STOPPED" || *stop.Task.StoppedReason != "because" {
		t.Errorf("%+v %v", stop, err)
	}
}
