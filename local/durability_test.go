package local_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"

	"github.com/sluicehq/sluice/local"
)

// victim is a server in a process of its own.
type victim struct {
	cmd  *exec.Cmd
	url  string
	done chan struct{}
}

func startVictim(t *testing.T, dir string) *victim {
	t.Helper()
	v := &victim{done: make(chan struct{})}
	v.cmd = exec.Command(os.Args[0], dir)
	v.cmd.Env = append(os.Environ(), "SLUICE_TEST_ROLE=server")
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	v.cmd.Stderr = t.Output()
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := make(chan string, 1)
	go func() {
		defer close(v.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := regexp.MustCompile(`url=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
				url <- m[1]
			}
		}
		_ = v.cmd.Wait()
	}()
	select {
	case v.url = <-url:
	case <-v.done:
		t.Fatal("the server has not started")
	}
	t.Cleanup(v.kill)
	return v
}

func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	<-v.done
}

// A server is killed while eight writers write. Everything that was
// acknowledged is there after the restart, nothing is half there, and no file
// is left over.
func TestKilledServerLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	v := startVictim(t, dir)
	b := newBucket(t, connect(t, v.url, "testtest"))
	acknowledged := make([]int, 8) // per writer, its highest
	var wg sync.WaitGroup
	enough := make(chan struct{}, len(acknowledged))
	for w := range acknowledged {
		wg.Go(func() {
			for n := 1; ; n++ {
				_, err := b.PutObject(t.Context(), &s3.PutObjectInput{
					Bucket: b.name, Key: aws.String(fmt.Sprintf("w%d", w)), Body: strings.NewReader(content(w, n)),
				}, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
				if err != nil {
					return // killed
				}
				acknowledged[w] = n
				if n == 5 {
					enough <- struct{}{}
				}
			}
		})
	}
	for range acknowledged {
		<-enough
	}
	v.kill()
	wg.Wait()

	b.Client = connect(t, startVictim(t, dir).url, "testtest").s3
	for w, n := range acknowledged {
		body, err := b.get(fmt.Sprintf("w%d", w))
		// The write in hand when it was killed may or may not be there.
		if err != nil || body != content(w, n) && body != content(w, n+1) {
			t.Errorf("writer %d was acknowledged %d, has %.20q… (%v)", w, n, body, err)
		}
	}
	if n := files(t, dir); n != len(acknowledged) {
		t.Errorf("%d files for %d objects", n, len(acknowledged))
	}
}

func content(w, n int) string {
	return fmt.Sprintf("writer %d number %d ", w, n) + strings.Repeat("x", 20000+n)
}

// Services and jobs survive a killed server; its tasks die with it and are
// replaced under other names.
func TestKilledServerTakesItsTasksAlongAndReplacesThem(t *testing.T) {
	dir := t.TempDir()
	v := startVictim(t, dir)
	all := connect(t, v.url, "testtest")
	newBucket(t, all)
	trainer{t, all.sagemaker}.create("sleeping", map[string]string{"sluice_seconds": "3600"})
	c := newCluster(t, all)
	c.serve(c.define(types.NetworkModeAwsvpc), 2)
	before := c.steady(2)
	tag := []types.Tag{{Key: aws.String("serving"), Value: aws.String("v1")}}
	if _, err := c.TagResource(t.Context(), &ecs.TagResourceInput{ResourceArn: before[0].TaskArn, Tags: tag}); err != nil {
		t.Fatal(err)
	}
	v.kill()
	for _, task := range before {
		eventually(t, "tasks die with the server", func() bool { return syscall.Kill(pid(t, task), 0) != nil })
	}

	all = connect(t, startVictim(t, dir).url, "testtest")
	c.Client = all.ecs
	eventually(t, "two others run", func() bool { return len(c.tasks(types.DesiredStatusRunning)) == 2 && c.service().RunningCount == 2 })
	for _, task := range c.tasks(types.DesiredStatusRunning) {
		if slices.Contains(arns(before), *task.TaskArn) || addressOf(task) == addressOf(before[0]) {
			t.Errorf("%s at %s is one of before", *task.TaskArn, addressOf(task))
		}
	}
	old, err := c.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: c.name, Tasks: []string{*before[0].TaskArn}, Include: []types.TaskField{types.TaskFieldTags}})
	if err != nil || *old.Tasks[0].LastStatus != "STOPPED" || !strings.Contains(*old.Tasks[0].StoppedReason, "restarted") || len(old.Tasks[0].Tags) != 2 {
		t.Errorf("%+v %v", old, err)
	}
	job, err := all.sagemaker.DescribeTrainingJob(t.Context(), &sagemaker.DescribeTrainingJobInput{TrainingJobName: aws.String("sleeping")})
	if err != nil || job.TrainingJobStatus != "InProgress" {
		t.Errorf("%+v %v", job, err)
	}
}

// A server that is asked to end stops its tasks in order.
func TestCloseStopsTasks(t *testing.T) {
	s, err := local.Start(t.Context(), local.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, connect(t, s.URL(), "testtest"))
	c.serve(c.define(types.NetworkModeAwsvpc), 2)
	tasks := c.steady(2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if syscall.Kill(pid(t, task), 0) == nil {
			t.Errorf("process %d still runs", pid(t, task))
		}
	}
}

// boto3 and awscli are clients that share no code with ours. awscli takes
// seconds to start, each of a dozen times, so it is run on request.
func TestPythonDrivesTheServer(t *testing.T) {
	for name, tt := range map[string]struct{ probe, script []string }{
		"boto3":  {[]string{"python3", "-c", "import boto3"}, []string{"python3", "testdata/boto3_story.py"}},
		"awscli": {[]string{"aws", "--version"}, []string{"sh", "testdata/awscli_story.sh"}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "awscli" && os.Getenv("SLUICE_AWSCLI") == "" {
				t.Skip("set SLUICE_AWSCLI=1 to drive the server with awscli, too")
			}
			if err := exec.Command(tt.probe[0], tt.probe[1:]...).Run(); err != nil {
				t.Skipf("%s is not here: pip install boto3 awscli (%v)", name, err)
			}
			drive(t, tt.script...)
		})
	}
}

// drive lets a client play a story with a server of its own.
func drive(t *testing.T, command ...string) {
	t.Helper()
	s := start(t, local.Config{})
	script, err := filepath.Abs(command[1])
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command[0], script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.URL(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest", "HOME="+cmd.Dir,
		"AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "TASK_PROGRAM="+os.Args[0])
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// sageMakerSDKs are asked for by make sagemaker-sdk: they are large.
var sageMakerSDKs = flag.String("sagemaker-sdk", "", "folder with the virtual environments v2 and v3 of SageMaker's Python SDKs, whose stories are then played")

// SageMaker's own SDKs train, tune and read logs here as at AWS.
func TestSageMakerSDKs(t *testing.T) {
	if *sageMakerSDKs == "" {
		t.Skip("make sagemaker-sdk plays this")
	}
	for _, version := range []string{"v2", "v3"} {
		t.Run(version, func(t *testing.T) {
			drive(t, filepath.Join(*sageMakerSDKs, version, "bin", "python"), "testdata/sagemaker_"+version+"_story.py")
		})
	}
}
