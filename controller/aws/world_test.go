package aws_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	smtypes "github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/controllertest"
	"github.com/sluicehq/sluice/local"
)

// TestMain lets the test binary be the program of ECS tasks.
func TestMain(m *testing.M) {
	if os.Getenv("SLUICE_TEST_ROLE") != "task" {
		os.Exit(m.Run())
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}

func startLocal(t *testing.T) string { return startLocalAs(t, local.Config{}) }

func startLocalAs(t *testing.T, c local.Config) string {
	t.Helper()
	c.Dir, c.Listen, c.Region = t.TempDir(), "127.0.0.1:0", "eu-central-1"
	s, err := local.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.URL()
}

// moto is AWS by other people, which runs nothing but lists and tags.
func moto(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed (pip install 'moto[server]')")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	host, port, _ := net.SplitHostPort(address)
	endpoint := startServer(t, exec.CommandContext(t.Context(), program, "-H", host, "-p", port), address)
	// Tasks of moto age by being looked at, unless told otherwise.
	post(t, endpoint+"/moto-api/state-manager/set-transition", "application/json", "",
		`{"model_name": "ecs::task", "transition": {"progression": "time", "seconds": 10000}}`)
	return endpoint
}

func post(t *testing.T, url, kind, authorization, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Authorization", authorization)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("post %s: %s %v\n%s", url, answer.Status, err, text)
	}
	return string(text)
}

// train lets a job complete at once.
func train(t *testing.T, endpoint, artifact string) func(*testing.T, string) {
	c := sagemaker.NewFromConfig(sdkConfig(t, endpoint))
	return func(t *testing.T, name string) {
		t.Helper()
		_, err := c.CreateTrainingJob(t.Context(), &sagemaker.CreateTrainingJobInput{
			TrainingJobName: &name, RoleArn: sdk.String("arn:aws:iam::123456789012:role/training"),
			AlgorithmSpecification: &smtypes.AlgorithmSpecification{
				TrainingImage: sdk.String("xgboost:3.0-5"), TrainingInputMode: smtypes.TrainingInputModeFile,
			},
			HyperParameters:   map[string]string{"sluice_artifact": artifact},
			OutputDataConfig:  &smtypes.OutputDataConfig{S3OutputPath: sdk.String("s3://training/")},
			ResourceConfig:    &smtypes.ResourceConfig{InstanceType: smtypes.TrainingInstanceTypeMlM5Large, InstanceCount: sdk.Int32(1), VolumeSizeInGB: sdk.Int32(1)},
			StoppingCondition: &smtypes.StoppingCondition{MaxRuntimeInSeconds: sdk.Int32(60)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestJobsContract(t *testing.T) {
	endpoint := startLocal(t)
	b := bucket(t, endpoint, "training", true)
	b.Write(t, "given.tar.gz", []byte("a model"))
	client := open(t, endpoint)
	controllertest.Jobs(t, client.Jobs(), "training", train(t, endpoint, "s3://training/given.tar.gz"))
	pinned, bytes, err := client.Artifacts().Pin(t.Context(), source("training", "ads-a/output/model.tar.gz"))
	if err != nil || bytes != int64(len("a model")) || pinned.VersionID == "" {
		t.Errorf("pin what a job left: %+v, %d bytes, %v", pinned, bytes, err)
	}
}

// newService is one of this binary's processes as tasks.
func newService(t *testing.T, endpoint string, mode ecstypes.NetworkMode) controllertest.Service {
	t.Helper()
	c := ecs.NewFromConfig(sdkConfig(t, endpoint))
	main, filter := sdk.String("main"), sdk.String("filter")
	if _, err := c.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: main}); err != nil {
		t.Fatal(err)
	}
	_, err := c.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: filter, NetworkMode: mode,
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: filter, Image: sdk.String("ignored"), Command: []string{os.Args[0]}, Cpu: 1, Memory: sdk.Int32(64),
			Environment:  []ecstypes.KeyValuePair{{Name: sdk.String("SLUICE_TEST_ROLE"), Value: sdk.String("task")}},
			PortMappings: []ecstypes.PortMapping{{ContainerPort: sdk.Int32(9090)}, {ContainerPort: sdk.Int32(9091)}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: main, ServiceName: filter, TaskDefinition: filter, DesiredCount: sdk.Int32(0),
	}); err != nil {
		t.Fatal(err)
	}
	return controllertest.Service{
		Scale: func(t *testing.T, count int) {
			t.Helper()
			if _, err := c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: main, Service: filter, DesiredCount: sdk.Int32(int32(count))}); err != nil {
				t.Fatal(err)
			}
		},
		Stop: func(t *testing.T, task string) {
			t.Helper()
			if _, err := c.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: main, Task: &task}); err != nil {
				t.Fatal(err)
			}
		},
		Kill: func(t *testing.T, task string) { t.Helper(); signalTask(t, c, task, syscall.SIGKILL) },
		Quit: func(t *testing.T, task string) { t.Helper(); signalTask(t, c, task, syscall.SIGTERM) },
		Protect: func(t *testing.T, task string, minutes int) {
			t.Helper()
			in := &ecs.UpdateTaskProtectionInput{Cluster: main, Tasks: []string{task}, ProtectionEnabled: minutes > 0}
			if minutes > 0 {
				in.ExpiresInMinutes = sdk.Int32(int32(minutes))
			}
			if _, err := c.UpdateTaskProtection(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// signalTask finds a task's process as the local ECS tells it.
func signalTask(t *testing.T, c *ecs.Client, task string, signal syscall.Signal) {
	t.Helper()
	out, err := c.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: sdk.String("main"), Tasks: []string{task}})
	if err != nil || len(out.Tasks) != 1 {
		t.Fatalf("describe task %s: %v", task, err)
	}
	pid, err := strconv.Atoi(sdk.ToString(out.Tasks[0].Containers[0].RuntimeId))
	if err != nil || pid <= 1 {
		t.Fatalf("task %s has no process: %v", task, err)
	}
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

func TestTasksContract(t *testing.T) {
	for name, tt := range map[string]struct {
		mode   ecstypes.NetworkMode
		config local.Config
	}{
		"awsvpc":                    {ecstypes.NetworkModeAwsvpc, local.Config{}},
		"bridge":                    {ecstypes.NetworkModeBridge, local.Config{}},
		"bridge, hosts told by EC2": {ecstypes.NetworkModeBridge, local.Config{SilentHosts: true}},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := startLocalAs(t, tt.config)
			s := newService(t, endpoint, tt.mode)
			controllertest.Tasks(t, func() controller.Tasks {
				return open(t, endpoint).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
			}, s)
		})
	}
}

// A task that has no IPv4 address is found by the one that it has.
func TestTaskByIPv6(t *testing.T) {
	endpoint := startLocalAs(t, local.Config{TaskNetwork: netip.MustParsePrefix("::1/128")})
	newService(t, endpoint, ecstypes.NetworkModeAwsvpc).Scale(t, 1)
	tasks := open(t, endpoint).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
	for deadline := time.Now().Add(time.Minute); ; {
		if got := list(t, tasks); len(got) == 1 {
			if got[0].Address != "[::1]:9091" || got[0].Error != "" {
				t.Errorf("%+v", got[0])
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the task does not run")
		}
		<-time.After(20 * time.Millisecond)
	}
}

// mended shows containers' cpu and memory as the strings that they are on AWS;
// moto 5 shows numbers, which the SDK does not take.
func mended(t *testing.T, endpoint string) string {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	numbers := regexp.MustCompile(`"(cpu|memory)": *(\d+)`)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if strings.HasSuffix(r.Request.Header.Get("X-Amz-Target"), "Tasks") || strings.HasSuffix(r.Request.Header.Get("X-Amz-Target"), ".RunTask") {
				body = numbers.ReplaceAll(body, []byte(`"$1": "$2"`))
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return err
		},
	})
	t.Cleanup(server.Close)
	return server.URL
}

// ec2 asks moto for the name of something that every account has.
func ec2(t *testing.T, endpoint, action, name string) string {
	t.Helper()
	answer := post(t, endpoint, "application/x-www-form-urlencoded",
		"AWS4-HMAC-SHA256 Credential=test/20261101/eu-central-1/ec2/aws4_request, SignedHeaders=host, Signature=0",
		"Version=2016-11-15&Action="+action)
	return regexp.MustCompile(name).FindString(answer)
}

func TestAgainstMoto(t *testing.T) {
	endpoint := moto(t)
	t.Run("jobs", func(t *testing.T) {
		controllertest.Jobs(t, open(t, endpoint).Jobs(), "training", train(t, endpoint, "none"))
	})
	t.Run("tasks", func(t *testing.T) { motoTasks(t, mended(t, endpoint)) })
	t.Run("hosts", func(t *testing.T) {
		host := ec2(t, endpoint, "RunInstances&ImageId=ami-12c6146b&MinCount=1&MaxCount=1", `\bi-[0-9a-f]{17}`)
		got, err := aws.PrivateAddresses(t.Context(), open(t, endpoint), []string{host, "i-00000000000000000"})
		if _, parsed := netip.ParseAddr(got[host]); err != nil || parsed != nil || len(got) != 1 {
			t.Errorf("instance %q is at %v, %v", host, got, err)
		}
	})
}

// moto knows no protection and starts no tasks of services, so that only what
// it can do is compared.
func motoTasks(t *testing.T, endpoint string) {
	t.Helper()
	newService(t, endpoint, ecstypes.NetworkModeAwsvpc)
	subnet, group := ec2(t, endpoint, "DescribeSubnets", `subnet-[0-9a-f]+`), ec2(t, endpoint, "DescribeSecurityGroups", `sg-[0-9a-f]+`)
	c := ecs.NewFromConfig(sdkConfig(t, endpoint))
	started, err := c.RunTask(t.Context(), &ecs.RunTaskInput{
		Cluster: sdk.String("main"), TaskDefinition: sdk.String("filter"), Count: sdk.Int32(3),
		LaunchType: ecstypes.LaunchTypeFargate, StartedBy: sdk.String("filter"), // by which moto knows a service's tasks
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{
			Subnets: []string{subnet}, SecurityGroups: []string{group},
		}},
	})
	if err != nil || len(started.Tasks) != 3 {
		t.Fatalf("%+v, %v", started, err)
	}
	tasks := open(t, endpoint).Tasks(aws.TasksOptions{Cluster: "main", Service: "filter", ControlPort: 9091})
	got := list(t, tasks)
	if len(got) != 3 || !strings.HasSuffix(got[0].Address, ":9091") || got[0].Error != "" {
		t.Fatalf("%+v", got)
	}
	if err := tasks.Tag(t.Context(), got[1].ID, "d1"); err != nil {
		t.Fatal(err)
	}
	if got := list(t, tasks); got[0].Tag != "" || got[1].Tag != "d1" {
		t.Errorf("%+v", got)
	}
	_, _, err = open(t, endpoint).Tasks(aws.TasksOptions{Cluster: "none", Service: "filter", ControlPort: 1}).List(t.Context())
	check(t, "list", err, `ECS cluster "none" does not exist`)
	_, _, err = open(t, endpoint).Tasks(aws.TasksOptions{Cluster: "main", Service: "none", ControlPort: 1}).List(t.Context())
	check(t, "list", err, `ECS service "none" of cluster "main" does not exist`)
}
