package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/checks/cloud"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/local"
	"github.com/sluicehq/sluice/local/localtest"
)

// request is one that a command has made of AWS.
type request struct {
	by      string // role
	service string
	method  string
	path    string // of S3
	query   map[string]string
	header  http.Header
	target  string // of ECS and SageMaker: the operation
	body    map[string]any
}

// recorder keeps what controllers and tasks ask of AWS. Who they are they say
// in AWS_SDK_UA_APP_ID, which every SDK sends along.
type recorder struct {
	mu   sync.Mutex
	made []request
}

func (c *recorder) fault(r *http.Request) local.Fault {
	m := regexp.MustCompile(`app/(\w+Role)`).FindStringSubmatch(r.UserAgent())
	if m == nil {
		return local.Fault{}
	}
	q := request{by: m[1], service: "s3", method: r.Method, path: r.URL.Path, query: map[string]string{}, header: r.Header.Clone()}
	for key, values := range r.URL.Query() {
		q.query[key] = values[0]
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		q.service, q.target = "ecs", local.Operation(r)
		if strings.HasPrefix(target, "SageMaker") {
			q.service = "sagemaker"
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || json.Unmarshal(body, &q.body) != nil {
			return local.Fault{} // it was given up on its way, and is refused behind us
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, q)
	return local.Fault{}
}

// has reports whether ECS or SageMaker was asked for something.
func (c *recorder) has(operation string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.made, func(q request) bool { return q.target == operation })
}

func (c *recorder) all() []request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.made)
}

// call is the operation that a request is, with those fields that matter.
func (q request) call() cloud.Call {
	c := cloud.Call{Service: q.service, Operation: q.target, At: q.method + " " + q.path}
	for _, f := range []struct{ field, in string }{{"IfMatch", q.header.Get("If-Match")}, {"VersionId", q.query["versionId"]}, {"Tagging", q.header.Get("X-Amz-Tagging")}} {
		if f.in != "" && q.service == "s3" {
			c.Fields = append(c.Fields, f.field)
		}
	}
	if q.service != "s3" {
		return c
	}
	_, key := q.place()
	kinds := map[string]string{
		"GET object": "GetObject", "HEAD object": "HeadObject", "PUT object": "PutObject", "HEAD bucket": "HeadBucket",
		"GET bucket list-type": "ListObjectsV2", "DELETE object": "DeleteObject",
	}
	what := q.method + " bucket"
	if key != "" {
		what = q.method + " object"
	}
	for _, sub := range []string{"list-type", "uploads", "uploadId", "tagging", "acl", "versioning", "lifecycle"} {
		if _, is := q.query[sub]; is {
			what += " " + sub
		}
	}
	if q.header.Get("X-Amz-Copy-Source") != "" {
		what += " copied"
	}
	if c.Operation = kinds[what]; c.Operation == "" {
		c.Operation = what // no policy allows that: say here what it is
	}
	return c
}

func (q request) place() (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(q.path, "/"), "/")
	return bucket, key
}

const (
	ecsARN       = "arn:aws:ecs:us-east-1:000000000000:"
	sagemakerARN = "arn:aws:sagemaker:us-east-1:000000000000:"
)

// resources are those of a kind that a request is about.
func (q request) resources(kind cloud.Kind) (arns []string) {
	bucket, key := q.place()
	cluster := q.text("cluster")
	ids := func(kind string, keys ...string) {
		for _, key := range keys {
			list, _ := q.body[key].([]any)
			if one := q.text(key); one != "" {
				list = []any{one}
			}
			for _, v := range list {
				if id := fmt.Sprint(v); strings.HasPrefix(id, "arn:") {
					arns = append(arns, id)
				} else {
					arns = append(arns, ecsARN+kind+"/"+cluster+"/"+id)
				}
			}
		}
	}
	switch kind {
	case cloud.Nothing:
		return []string{"*"}
	case cloud.Bucket:
		return []string{"arn:aws:s3:::" + bucket}
	case cloud.Object:
		return []string{"arn:aws:s3:::" + bucket + "/" + key}
	case cloud.Service:
		ids("service", "services", "service")
	case cloud.Task:
		ids("task", "tasks", "task", "resourceArn")
	case cloud.Machine:
		ids("container-instance", "containerInstances")
	case cloud.Provider:
		ids("capacity-provider", "capacityProviders")
	case cloud.Deployment:
		ids("service-deployment", "serviceDeploymentArns")
	case cloud.Revision:
		ids("service-revision", "serviceRevisionArns")
	case cloud.Job:
		return []string{sagemakerARN + "training-job/" + strings.ToLower(q.text("TrainingJobName"))}
	case cloud.TuningJob:
		return []string{sagemakerARN + "hyper-parameter-tuning-job/" + strings.ToLower(q.text("HyperParameterTuningJobName"))}
	case cloud.AutoMLJob:
		return []string{sagemakerARN + "automl-job/" + strings.ToLower(q.text("AutoMLJobName"))}
	case cloud.Unknown:
	}
	return arns
}

func (q request) text(key string) string {
	text, _ := q.body[key].(string)
	return text
}

// known are the condition keys that AWS has for a request.
func (q request) known() map[string]string {
	known := map[string]string{"aws:SecureTransport": "true"}
	if cluster := q.text("cluster"); q.service == "ecs" && cluster != "" {
		known["ecs:cluster"] = ecsARN + "cluster/" + cluster
	}
	if is := q.header.Get("If-None-Match"); is != "" {
		known["s3:if-none-match"] = is
	}
	return known
}

// container is what a template starts.
type container struct {
	Name, Role string
	Command    []string
	Health     []string // command of the health check
	Secrets    []string // variables that ECS fills
}

// containers are those of a task definition of a stack, by name.
func containers(t *testing.T, stack map[string]cloud.Resource, definition string) map[string]container {
	t.Helper()
	role, _, _ := strings.Cut(fmt.Sprint(stack[definition].Properties["TaskRoleArn"]), ".")
	list, _ := stack[definition].Properties["ContainerDefinitions"].([]any)
	all := map[string]container{}
	for _, one := range list {
		m, _ := one.(map[string]any)
		c := container{Name: fmt.Sprint(m["Name"]), Role: role}
		health, _ := m["HealthCheck"].(map[string]any)
		c.Command, c.Health = words(m["Command"]), words(health["Command"])
		secrets, _ := m["Secrets"].([]any)
		for _, one := range secrets {
			named, _ := one.(map[string]any)
			c.Secrets = append(c.Secrets, fmt.Sprint(named["Name"]))
		}
		all[c.Name] = c
	}
	if len(all) == 0 {
		t.Fatalf("the template has no %s", definition)
	}
	return all
}

func words(list any) (all []string) {
	some, _ := list.([]any)
	for _, w := range some {
		all = append(all, fmt.Sprint(w))
	}
	return all
}

// fleetTemplate is deploy/aws/fleet.yaml as a stack for the AWS on this machine.
func fleetTemplate(t *testing.T) map[string]cloud.Resource {
	t.Helper()
	template, err := cloud.Read(filepath.Join("..", "deploy", "aws", "fleet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Resolve(cloud.World{
		"Fleet": "ads", "Bucket": "sluice", "TrainingBucket": "training", "TrainingJobs": "adfilter-*", "Image": "registry/sluice:1",
		"People": "arn:aws:secretsmanager:us-east-1:000000000000:secret:people", "Vpc": "vpc-1", "Subnets": []any{"subnet-a"},
		"AuctionNetwork": "10.0.0.0/8", "PeopleNetwork": "10.0.0.0/8", "HostName": "sluice.example.com", "Notices": "arn:aws:secretsmanager:us-east-1:000000000000:secret:notices",
	})
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// deployed is a stack whose controllers and tasks run as the template starts
// them, each with its secrets and under its role's name.
type deployed struct {
	*stack
	template     map[string]cloud.Resource
	bucketPolicy []cloud.Statement
	recorder     recorder
	token        string // of an admin
}

func deploy(t *testing.T, tasks int) *deployed {
	t.Helper()
	w, endpoint := startAWS(t)
	d := &deployed{stack: &stack{TB: t, dir: t.TempDir(), endpoint: endpoint, lease: "1s", cloud: localtest.Open(endpoint)}, template: fleetTemplate(t), token: identity.NewToken()}
	bucket, err := cloud.Read(filepath.Join("..", "deploy", "aws", "bucket.yaml"))
	d.must(err)
	store, err := bucket.Resolve(cloud.World{"Bucket": "sluice"})
	d.must(err)
	d.bucketPolicy, err = cloud.BucketPolicy(store, "StorePolicy", "sluice")
	d.must(err)
	w.set(d.recorder.fault)
	d.must(d.cloud.Buckets(t.Context(), "sluice", "training"))
	for _, bucket := range []string{"sluice", "training"} {
		d.must(d.cloud.Version(t.Context(), bucket))
	}
	for _, name := range []string{"baseline", "better"} {
		body, err := model(name)
		d.must(err)
		d.must(d.cloud.Upload(t.Context(), "training", name+".tar.gz", body))
	}
	task := containers(t, d.template, "TaskDefinition")["sluice"]
	command := []string{"/usr/bin/env", "AWS_SDK_UA_APP_ID=" + task.Role, "SLUICE_DRAIN_DELAY=100ms", "SLUICE_DRAIN_TIMEOUT=2s"}
	command = append(append(command, d.secrets(task)...), taskCommand()[0])
	d.must(d.cloud.ServiceIn(t.Context(), "sluice-ads", tasks, append(command, task.Command...)...))
	return d
}

// controlToken is by what tasks know the controllers.
func controlToken() string { return strings.Repeat("t", 48) }

// secrets are the variables that ECS fills for a container.
func (d *deployed) secrets(c container) (env []string) {
	d.Helper()
	known := map[string]string{
		"CONTROL_TOKEN": controlToken(), "SESSION_KEYS": strings.Repeat("k", 64),
		"PEOPLE":  "ada@example.com admin " + identity.HashToken(d.token),
		"NOTICES": fmt.Sprintf(`{"oncall": "whsec_%s"}`, strings.Repeat("QUFB", 11)),
	}
	for _, name := range c.Secrets {
		if known[name] == "" {
			d.Fatalf("nobody said what %s holds", name)
		}
		env = append(env, name+"="+known[name])
	}
	return env
}

// control starts a controller as the template does, but for its port.
func (d *deployed) control(t *testing.T, fleetFile string) {
	t.Helper()
	c := containers(t, d.template, "ControllerDefinition")["sluice"]
	d.must(d.cloud.Upload(t.Context(), "sluice", "config/ads.yaml", []byte(fleetFile)))
	command := slices.Clone(c.Command)
	for i, word := range command {
		if word == "0.0.0.0:8080" {
			command[i] = "127.0.0.1:0"
		}
	}
	env := append(credentials(), "AWS_ENDPOINT_URL="+d.endpoint, "AWS_SDK_UA_APP_ID="+c.Role)
	env = append(env, d.secrets(c)...)
	p, err := launch(d.dir, "controller", env, append([]string{"sluice"}, command...)...)
	d.must(err)
	d.Cleanup(p.kill)
	d.Cleanup(func() { d.explain("controller") })
	at, err := p.await(`dashboard=(http://\S+)`)
	d.must(err)
	d.controller, d.api = p, api.Client{Base: at, Token: d.token}
}

// TestRights runs controllers and tasks as the template of deploy/aws starts
// them, lets them do all there is to do, and holds every request that they make
// of AWS against the policies of their roles, as IAM would. What a role may do
// and nobody did is named below.
func TestRights(t *testing.T) {
	t.Parallel()
	const tasks = 3
	d := deploy(t, tasks)
	told := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer told.Close()
	file := strings.NewReplacer("cluster: ads", "cluster: sluice-ads", `jobs: ["*"]`, `jobs: ["adfilter-*"]`,
		"shadow: {tasks: 4, sample: 1, soak: 200ms}", "shadow: {skip: true}").Replace(fleetFile) // at once to canaries, which are protected
	d.control(t, file+"replace_poisoned: true\n"+fmt.Sprintf("notify:\n- {name: oncall, webhook: {url: %q, secret_file: env:NOTICES:oncall}}\n", told.URL))
	d.work(t, tasks)
	d.named()
	d.keys()
	used := map[string]map[string]bool{}
	for role := range cloud.Planes() {
		used[role] = map[string]bool{}
	}
	for _, q := range d.recorder.all() {
		d.hold(q, used[q.by])
	}
	d.unused(used)
}

// work lets controllers and tasks do what they do.
func (d *deployed) work(t *testing.T, tasks int) {
	t.Helper()
	d.must(d.cloud.Train(t.Context(), "adfilter-1", absolute(t, "baseline"), "training"))
	d.must(d.cloud.Train(t.Context(), "others-1", absolute(t, "better"), "training"))
	first := d.fleet("the first model to be live", func(f api.Fleet) bool { return f.Active == nil && f.Stable != nil && f.Tasks.OnStable == tasks })
	if _, err := d.api.Ask(t.Context(), "ads", rollout.VerbTry, api.Ask{Source: "s3://training/nothing.tar.gz", Why: "nothing is there"}); err == nil {
		t.Error("a model that is not there is tried")
	}
	q := d.ask(rollout.VerbTry, api.Ask{Source: "s3://training/better.tar.gz", Why: "it is better"})
	d.fleet("it to be tried", func(f api.Fleet) bool {
		return f.Active != nil && f.Active.ID == q.Rollout && f.Active.Phase == string(rollout.Canary) && f.Active.Verdict != nil && d.recorder.has("UpdateTaskProtection")
	})
	d.ask(rollout.VerbPromote, api.Ask{Rollout: q.Rollout, Why: "it is known"})
	d.fleet("it to be live", func(f api.Fleet) bool {
		return f.Active == nil && f.Stable.Digest != first.Stable.Digest && f.Tasks.OnStable == tasks
	})
	_, err := d.api.Freeze(t.Context(), api.StopAsk{Why: "all is well"})
	d.must(err)
	_, err = d.api.Unfreeze(t.Context(), api.StopAsk{Why: "it was"})
	d.must(err)
	d.healthy(t)
	d.poison(t, first.Stable.Digest)
}

// healthy asks a controller and a task as ECS does, but for their addresses.
func (d *deployed) healthy(t *testing.T) {
	t.Helper()
	all, err := d.api.Tasks(t.Context(), "ads", 10)
	d.must(err)
	i := slices.IndexFunc(all.Tasks, func(k api.Task) bool { return k.Ready })
	if i < 0 {
		t.Fatalf("no task is ready: %+v", all.Tasks)
	}
	host, _, err := net.SplitHostPort(all.Tasks[i].Address)
	d.must(err)
	for definition, at := range map[string][]string{
		"ControllerDefinition": {"--listen", strings.TrimPrefix(d.api.Base, "http://")},
		"TaskDefinition":       {"--http-listen", net.JoinHostPort(host, "9092")},
	} {
		c := containers(t, d.template, definition)["sluice"]
		if len(c.Health) < 2 || c.Health[0] != "CMD" || c.Health[1] != "/sluice" {
			t.Fatalf("%s: its health check is %q, and the image has neither a shell nor another program", definition, c.Health)
		}
		ask := exec.CommandContext(t.Context(), taskCommand()[0], append(c.Health[2:], at...)...)
		if said, err := ask.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", ask, err, said)
		}
	}
}

// poison makes a task one that obeys nobody, which the controller stops.
func (d *deployed) poison(t *testing.T, digest string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	d.must(os.WriteFile(file, []byte(controlToken()), 0o600))
	known, err := identity.Open(identity.Files{Token: file}, nil)
	d.must(err)
	stranger := fleet.New(fleet.Options{Credentials: known})
	defer stranger.Close()
	all, err := d.api.Tasks(t.Context(), "ads", 10)
	d.must(err)
	poisoned, epoch := all.Tasks[0], int64(0)
	until(t, "the task to be stopped", func() (bool, string) {
		for range 8 {
			epoch += 1 << 32
			_ = stranger.Assign(t.Context(), poisoned.Address, rollout.Assign{Task: poisoned.ID, Release: digest, Buckets: 64, Generation: 1 << 30}, epoch) // it may have been stopped
		}
		return d.recorder.has("StopTask"), "running"
	})
}

// hold holds a request against the policy of whose it is, and notes the rights
// that it took.
func (d *deployed) hold(q request, used map[string]bool) {
	d.Helper()
	may, err := cloud.Role(d.template, q.by)
	d.must(err)
	may = append(may, d.bucketPolicy...)
	call := q.call()
	for _, right := range cloud.Rights(call) {
		used[right.Action] = true
		arns := q.resources(right.Kind)
		if len(arns) == 0 {
			d.Errorf("%s asked %s for %s, and nobody knows of which resource: %v", q.by, call.Service, call.Operation, q.body)
		}
		for _, arn := range arns {
			if !cloud.Allows(may, right.Action, arn, q.known()) {
				d.Errorf("%s calls %s:%s (%s), and has no right %s on %s: see deploy/aws/fleet.yaml", q.by, call.Service, call.Operation, call.At, right.Action, arn)
			}
		}
	}
}

// unused holds what roles may do against what was done.
func (d *deployed) unused(used map[string]map[string]bool) {
	d.Helper()
	// Why nothing here needs them; a test of the code does.
	not := map[string]string{
		"ecs:DescribeTaskDefinition":                "tasks of this machine have one container, so that nobody asks which answers",
		"sagemaker:DescribeHyperParameterTuningJob": "no tuning job runs here",
		"sagemaker:DescribeAutoMLJobV2":             "no AutoML job runs here",
	}
	for role := range cloud.Planes() {
		may, err := cloud.Role(d.template, role)
		d.must(err)
		for _, s := range may {
			for _, action := range s.Actions {
				if used[role][action] == (not[action] != "") {
					d.Errorf("%s, %s: used %v, and the list of the test says otherwise (%q)", role, action, used[role][action], not[action])
				}
			}
		}
	}
}

// named compares the operations with what the SDK itself calls them, as the
// controller counts them when they have ended.
func (d *deployed) named() {
	d.Helper()
	until(d, "the controller to count what it called", func() (bool, string) {
		r, err := http.Get(d.api.Base + "/metrics")
		d.must(err)
		defer r.Body.Close()
		body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		d.must(err)
		counted, recorded := map[string]bool{}, map[string]bool{}
		for _, m := range regexp.MustCompile(`sluice_aws_calls_total\{operation="(\w+)"`).FindAllStringSubmatch(string(body), -1) {
			counted[m[1]] = true
		}
		for _, q := range d.recorder.all() {
			if q.by == "ControllerRole" {
				recorded[q.call().Operation] = true
			}
		}
		return maps.Equal(counted, recorded), fmt.Sprintf("%v, and it made %v", slices.Sorted(maps.Keys(counted)), slices.Sorted(maps.Keys(recorded)))
	})
}

// keys holds what is written against the list by which earlier versions go.
func (d *deployed) keys() {
	d.Helper()
	not := map[string]bool{"fleets/ads/silence.json": true, "fleets/ads/doctor/*": true} // nobody is silent, and no doctor comes
	until(d, "all to be written that there is", func() (bool, string) {
		written := map[string]bool{}
		for _, q := range d.recorder.all() {
			if _, key := q.place(); q.method == http.MethodPut {
				written[d.kindOf(q.by, key)] = true
			}
		}
		var missing []string
		for _, k := range cloud.Keys("ads") {
			if !written[k.Pattern] && !not[k.Pattern] {
				missing = append(missing, k.Pattern)
			}
		}
		return len(missing) == 0, fmt.Sprintf("without %v", missing)
	})
}

// kindOf is the pattern of a key that somebody has written.
func (d *deployed) kindOf(role, key string) string {
	d.Helper()
	i := slices.IndexFunc(cloud.Keys("ads"), func(k cloud.Key) bool { ok, _ := path.Match(k.Pattern, key); return ok })
	if role != "ControllerRole" || i < 0 {
		d.Fatalf("%s writes %s, and nobody said how long its earlier versions stay: see checks/cloud/keys.go and deploy/aws/bucket.yaml", role, key)
	}
	return cloud.Keys("ads")[i].Pattern
}
