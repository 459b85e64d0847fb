package aws_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
)

// This file and the account are compiled a second time in the tree of an
// earlier commit (hour_earlier_test.go), so it uses nothing that was not there.

// hourAccount is AWS for one fleet: an ECS service with as many tasks as one likes,
// S3 and SageMaker, and it counts what is asked of it. It stands outside of the
// bubble in which controllers live, whose time stands still while it answers.
type hourAccount struct {
	url string

	mu     sync.Mutex
	calls  map[string]int // by operation
	tasks  []*hourTask
	newest int
	events int

	phantoms int // tasks that the service counts as running beyond those that do
	desired  int
	deploys  bool // by BLUE_GREEN
	objects  map[string][]byte
}

// hourTask is a task of ECS with its control port.
type hourTask struct {
	id, raw        string
	status, wanted string
	silent, hangs  bool
	told           rollout.Task
}

func (k *hourTask) arn() string { return "arn:aws:ecs:eu-central-1:123456789012:task/main/" + k.id }

// printHour wants the table, which takes a minute or two.
var printHour = flag.Bool("hour", false, "print what is asked of AWS in a quiet hour")

const hourRelease = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func openAccount(t *testing.T, tasks int) *hourAccount {
	a := &hourAccount{calls: map[string]int{}, desired: tasks, objects: map[string][]byte{}}
	a.objects["sluice/fleets/ads/state.json"] = []byte(`{"fleet":"ads","stable":"` + hourRelease + `","indexed":true}`)
	a.objects["sluice/lease.json"] = []byte(`{"holder":"","epoch":1,"renewal":1}`)
	for range tasks {
		a.start("RUNNING")
	}
	server := httptest.NewUnstartedServer(a)
	server.Config.ReadHeaderTimeout = time.Second // of a connection that was opened for a call which found another
	server.Start()
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// start starts a task, which answers auctions with stable by itself.
func (a *hourAccount) start(status string) *hourTask {
	a.newest++
	a.events++
	k := &hourTask{id: fmt.Sprintf("%032x", a.newest), status: status, wanted: "RUNNING"}
	ip := fmt.Sprintf("10.%d.%d.%d", a.newest>>16, a.newest>>8&255, a.newest&255)
	k.raw = `"attachments":[{"type":"ElasticNetworkInterface","status":"ATTACHED","details":[{"name":"subnetId","value":"subnet-1"},{"name":"privateIPv4Address","value":"` + ip + `"}]}],` +
		`"availabilityZone":"eu-central-1a","containerInstanceArn":"arn:aws:ecs:eu-central-1:123456789012:container-instance/main/` + fmt.Sprintf("%032x", a.newest/10) + `",` +
		`"launchType":"EC2","taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/filter:1","startedBy":"ecs-svc/1","startedAt":1760000000,` +
		`"tags":[{"key":"sluice:release","value":"` + hourRelease + `"}]`
	k.told = rollout.Task{
		ID: k.id, Address: ip + ":9091", Boot: k.id, Reachable: true, Ready: true, Serving: hourRelease, Explore: 0.01, Buckets: 64,
	}
	a.tasks = append(a.tasks, k)
	return k
}

// end lets a task end, as ECS tells it from now on.
func (a *hourAccount) end(k *hourTask) {
	a.events++
	k.status, k.wanted, k.silent = "STOPPED", "STOPPED", true
}

func (a *hourAccount) do(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *hourAccount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close") // a connection that is kept would be waited for in the bubble
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // a controller that stops hangs up
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	target := r.Header.Get("X-Amz-Target")
	if target == "" {
		a.s3(w, r, body)
		return
	}
	service, op, _ := strings.Cut(target, ".")
	if service == "AmazonEC2ContainerServiceV20141113" {
		service = "ECS"
	}
	a.calls[service+" "+op]++
	var in struct {
		Tasks              []string
		ContainerInstances []string
		DesiredStatus      string
		NextToken          string
	}
	_ = json.Unmarshal(body, &in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = io.WriteString(w, a.ecs(op, in.Tasks, in.ContainerInstances, in.DesiredStatus, in.NextToken))
}

func (a *hourAccount) ecs(op string, tasks, instances []string, status, token string) string {
	switch op {
	case "DescribeServices":
		return a.service()
	case "DescribeServiceDeployments":
		return `{"serviceDeployments":[{"serviceDeploymentArn":"d","status":"IN_PROGRESS","lifecycleStage":"SCALE_UP","targetServiceRevision":{"arn":"service-revision/main/filter/77"}}]}`
	case "DescribeServiceRevisions":
		return `{"serviceRevisions":[{"serviceRevisionArn":"service-revision/main/filter/77","taskDefinition":"task-definition/filter:2"}]}`
	case "ListTasks":
		return a.list(status, token)
	case "DescribeTasks":
		return a.describe(tasks)
	case "DescribeContainerInstances":
		var all []string
		for _, arn := range instances {
			all = append(all, `{"containerInstanceArn":"`+arn+`","attributes":[{"name":"ecs.instance-type","value":"c7g.large"}]}`)
		}
		return `{"containerInstances":[` + strings.Join(all, ",") + `]}`
	case "GetTaskProtection":
		return `{"protectedTasks":[],"failures":[]}`
	case "ListTrainingJobs":
		return `{"TrainingJobSummaries":[]}`
	}
	return `{}`
}

func (a *hourAccount) service() string {
	running, pending := a.phantoms, 0
	for _, k := range a.tasks {
		switch k.status {
		case "RUNNING":
			running++
		case "PENDING":
			pending++
		}
	}
	state := map[bool]string{true: "IN_PROGRESS", false: "COMPLETED"}[a.deploys]
	return fmt.Sprintf(`{"services":[{"serviceName":"filter","status":"ACTIVE","desiredCount":%d,"runningCount":%d,"pendingCount":%d,"events":[{"id":"%d"}],`+
		`"deploymentConfiguration":{"strategy":"BLUE_GREEN"},"currentServiceDeployment":"d","deployments":[{"id":"ecs-svc/2","status":"PRIMARY","rolloutState":"%s","taskDefinition":"task-definition/filter:2"}]}]}`,
		a.desired, running, pending, a.events, state)
}

func (a *hourAccount) list(status, token string) string {
	from, _ := strconv.Atoi(token)
	var arns []string
	next := ""
	for i := from; i < len(a.tasks); i++ {
		if a.tasks[i].wanted != status {
			continue
		}
		if len(arns) == 100 {
			next = `,"nextToken":"` + strconv.Itoa(i) + `"`
			break
		}
		arns = append(arns, `"`+a.tasks[i].arn()+`"`)
	}
	return `{"taskArns":[` + strings.Join(arns, ",") + `]` + next + `}`
}

func (a *hourAccount) find(name string) *hourTask {
	n, _ := strconv.ParseInt(name[strings.LastIndexByte(name, '/')+1:], 16, 64)
	if n < 1 || int(n) > len(a.tasks) {
		return nil
	}
	return a.tasks[n-1]
}

func (a *hourAccount) describe(names []string) string {
	var all []string
	for _, name := range names {
		if k := a.find(name); k != nil {
			all = append(all, `{"taskArn":"`+k.arn()+`","lastStatus":"`+k.status+`","desiredStatus":"`+k.wanted+`",`+k.raw+`}`)
		}
	}
	return `{"tasks":[` + strings.Join(all, ",") + `]}`
}

// s3 is what documents need of it.
func (a *hourAccount) s3(w http.ResponseWriter, r *http.Request, body []byte) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	etag := func() string {
		sum := md5.Sum(a.objects[key])
		return `"` + hex.EncodeToString(sum[:]) + `"`
	}
	stored, is := a.objects[key]
	switch {
	case r.Method == http.MethodPut:
		a.calls["S3 PutObject"]++
		match := r.Header.Get("If-Match")
		if r.Header.Get("If-None-Match") == "*" && is || match != "" && (!is || match != etag()) {
			w.WriteHeader(http.StatusPreconditionFailed)
			_, _ = io.WriteString(w, `<Error><Code>PreconditionFailed</Code></Error>`)
			return
		}
		a.objects[key] = bytes.Clone(unchunked(body, r))
		w.Header().Set("ETag", etag())
	case r.URL.Query().Has("list-type"):
		a.calls["S3 ListObjectsV2"]++
		_, _ = io.WriteString(w, `<ListBucketResult></ListBucketResult>`)
	case !is:
		a.calls["S3 GetObject"]++
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `<Error><Code>NoSuchKey</Code></Error>`)
	default:
		a.calls["S3 GetObject"]++
		w.Header().Set("ETag", etag())
		_, _ = w.Write(stored)
	}
}

// unchunked is a body without the frames in which the SDK may send it.
func unchunked(body []byte, r *http.Request) []byte {
	if !strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		return body
	}
	var plain []byte
	for {
		head, rest, _ := bytes.Cut(body, []byte("\r\n"))
		size, err := strconv.ParseInt(strings.Split(string(head), ";")[0], 16, 64)
		if err != nil || size == 0 || int(size) > len(rest) {
			return plain
		}
		plain, body = append(plain, rest[:size]...), bytes.TrimPrefix(rest[size:], []byte("\r\n"))
	}
}

// ports are the control ports of the account's tasks.
type hourPorts struct{ *hourAccount }

func (p hourPorts) Status(ctx context.Context, t rollout.Task) (rollout.Task, error) {
	p.mu.Lock()
	k := p.find(t.ID)
	silent, hangs, told := k == nil || k.silent, k != nil && k.hangs, rollout.Task{}
	if k != nil {
		told = k.told
	}
	p.mu.Unlock()
	if hangs {
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
	if silent || hangs {
		t.Reachable = false
		return t, errors.New("connection refused")
	}
	t.Boot, t.Reachable, t.Ready, t.Serving, t.Shadow, t.Error = told.Boot, true, true, told.Serving, told.Shadow, ""
	t.Sample, t.Explore, t.Buckets, t.Epoch, t.Generation = told.Sample, told.Explore, told.Buckets, told.Epoch, told.Generation
	return t, nil
}

func (p hourPorts) Assign(_ context.Context, address string, a rollout.Assign, epoch int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.find(a.Task)
	if k == nil || k.silent {
		return errors.New("connection refused: " + address)
	}
	k.told.Serving, k.told.Generation, k.told.Epoch = a.Release, a.Generation, epoch
	k.told.Shadow, k.told.Sample, k.told.Explore, k.told.Buckets = a.Shadow, a.Sample, a.Explore, a.Buckets
	return nil
}

func (hourPorts) Counts(context.Context, string, controller.Comparison) ([]tally.Report, error) {
	return nil, nil
}

// control is one controller of the fleet.
func (a *hourAccount) control(t *testing.T, ctx context.Context, name string) {
	fleet, err := controller.ParseFleet([]byte("fleet: ads\njobs: [\"ads-*\"]\necs: {cluster: main, service: filter}\n"))
	if err != nil {
		t.Error(err)
		return
	}
	client, err := aws.Open(ctx, aws.Options{Region: "eu-central-1", Endpoint: a.url, AccessKey: "a", SecretKey: "s", MaxBackoff: time.Second})
	if err != nil {
		t.Error(err)
		return
	}
	log := slog.New(slog.DiscardHandler)
	documents := client.Documents("sluice")
	tasks := client.Tasks(hourTasks(fleet))
	ports := withDeployments(controller.Ports{
		Documents: documents, Artifacts: client.Artifacts(), Jobs: client.Jobs(), Tasks: tasks, Control: hourPorts{a},
	}, tasks)
	c := controller.Controller{
		Elector: controller.Elector{Documents: documents, Name: name, TTL: 15 * time.Second}, Log: log,
		Fleets: []*controller.Reconciler{controller.NewReconciler(fleet, ports, name, log)},
	}
	if err := c.Run(ctx); err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

// lead lets a controller lead the fleet by a clock of its own while during runs.
func (a *hourAccount) lead(t *testing.T, during func(t *testing.T)) { a.play(t, 1, 0, during) }

// play lets controllers lead the fleet, the first of them, by a clock of their
// own while during runs, which begins so long after them.
func (a *hourAccount) play(t *testing.T, controllers int, after time.Duration, during func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range controllers {
			if i > 0 {
				time.Sleep(time.Second) // the first one leads
			}
			all.Go(func() { a.control(t, ctx, fmt.Sprint("controller-", i)) })
		}
		time.Sleep(after)
		during(t)
		stop()
		all.Wait()
	})
}

// perMinute is what is asked while during runs, by operation.
func (a *hourAccount) perMinute(minutes int, during func()) map[string]float64 {
	a.mu.Lock()
	before := maps.Clone(a.calls)
	a.mu.Unlock()
	during()
	a.mu.Lock()
	defer a.mu.Unlock()
	rates := map[string]float64{}
	for op, n := range a.calls {
		if n -= before[op]; n > 0 {
			rates[op] = float64(n) / float64(minutes)
		}
	}
	return rates
}

// of is the sum over the operations of a service.
func of(rates map[string]float64, service string) (sum float64) {
	for op, n := range rates {
		if strings.HasPrefix(op, service+" ") {
			sum += n
		}
	}
	return sum
}

// look is what the leader saw last.
func (a *hourAccount) look() (look rollout.Look) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = json.Unmarshal(a.objects["sluice/fleets/ads/look.json"], &look)
	return look
}

// line tells the rates of each operation.
func line(rates map[string]float64) string {
	var all []string
	for _, op := range slices.Sorted(maps.Keys(rates)) {
		all = append(all, fmt.Sprintf("%s %.1f", op, rates[op]))
	}
	return strings.Join(all, ", ")
}

// quiet is a quiet hour of a fleet, or minutes of it.
func quiet(t *testing.T, tasks, minutes int) (rates map[string]float64) {
	a := openAccount(t, tasks)
	a.play(t, 1, time.Minute, func(*testing.T) {
		rates = a.perMinute(minutes, func() { time.Sleep(time.Duration(minutes) * time.Minute) })
	})
	if look := a.look(); len(look.Seen.Tasks) != tasks || len(look.Errors) > 0 {
		t.Errorf("%d tasks are seen, want %d: %v", len(look.Seen.Tasks), tasks, look.Errors)
	}
	return rates
}

// TestHour prints what is asked of AWS in minutes of a quiet hour.
func TestHour(t *testing.T) {
	if !*printHour {
		t.Skip("prints a table: -hour")
	}
	for _, tasks := range []int{1, 100, 1000, 5000} {
		rates := quiet(t, tasks, 10)
		fmt.Printf("hour %d %.1f %.1f %.1f: %s\n", tasks, of(rates, "ECS"), of(rates, "SageMaker"), of(rates, "S3"), line(rates))
	}
}
