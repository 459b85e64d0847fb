package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/doctor"
	"github.com/sluicehq/sluice/local"
	"github.com/sluicehq/sluice/local/localtest"
)

// patient is a set-up on this machine's AWS, as sound as it can be: a bucket, two
// tasks, a completed training job.
type patient struct {
	folder, endpoint string
	cloud            localtest.Cloud
	denied           atomic.Value // the action that is, a string
}

const patientFile = "fleet: ads\njobs: [\"adfilter-*\"]\necs: {cluster: ads, service: inference}\n"

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{folder: t.TempDir()}
	p.denied.Store("")
	server, err := local.Start(t.Context(), local.Config{
		Dir: filepath.Join(p.folder, "aws"), Listen: "127.0.0.1:0",
		Faults: func(r *http.Request) local.Fault { return local.Deny(p.denied.Load().(string))(r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p.endpoint, p.cloud = server.URL(), localtest.Open(server.URL())
	keep(t, p.folder, "ads.yaml", []byte(patientFile))
	keep(t, p.folder, "token", []byte("one-token-of-thirty-two-letters-or-more\n"))
	keep(t, p.folder, "other-token", []byte("another-token-of-thirty-two-letters-or-more\n"))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.must(t, p.cloud.Buckets(t.Context(), "sluice", "other", "forgetful", "growing", "losing"))
	for _, bucket := range []string{"sluice", "other", "growing", "losing"} {
		p.must(t, p.cloud.Version(t.Context(), bucket))
	}
	for _, bucket := range []string{"sluice", "other"} {
		p.must(t, p.cloud.Expire(t.Context(), bucket, false, "lease.json", "fleets/ads/look.json"))
	}
	p.must(t, p.cloud.Expire(t.Context(), "losing", true, ""))
	p.must(t, p.cloud.SoundService(t.Context(), 2, map[string]string{asProgram: "1"},
		program, "task", "--fleet", "ads", "--bucket", "sluice", "--control-token-file", filepath.Join(p.folder, "token"), "--drain-delay", "5s"))
	p.must(t, p.cloud.Train(t.Context(), "adfilter-1", "../local/demo/models/better.tar.gz", "other"))
	return p
}

func (p *patient) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mistake is one thing that is planted, alone.
type mistake struct {
	flags   []string                        // besides the usual, or in place of them
	file    [2]string                       // what of the fleet file is replaced, and by what
	env     [2]string                       // a variable
	deny    string                          // the action for which there is no right
	answers map[string]func(*http.Response) // of operations, changed on the way
	finds   []string                        // severity and subject of all that is wrong or doubtful
	says    string                          // in one of them, or in its way out or evidence
}

// replace changes text of an answer, which must be there.
func replace(t *testing.T, pattern, by string) func(*http.Response) {
	return func(r *http.Response) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		changed := regexp.MustCompile(pattern).ReplaceAll(body, []byte(by))
		if bytes.Equal(changed, body) {
			t.Errorf("nothing to plant: no %s in %s", pattern, body)
		}
		answer(r, r.StatusCode, string(changed))
	}
}

func answer(r *http.Response, status int, body string) {
	r.StatusCode, r.Body, r.ContentLength = status, io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// through is AWS behind a proxy that plants the mistake.
func (p *patient) through(t *testing.T, m mistake) string {
	t.Helper()
	at, err := url.Parse(p.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(at)
			r.Out.Host = r.In.Host
			if r.In.Header.Get("X-Amz-Target") == "" && r.In.Method == http.MethodPost { // what a form asks for is in its body
				_, action, _ := strings.Cut(local.Action(r.Out), ":")
				r.Out.Header.Set(actionHeader, action)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if change := m.answers[operation(r.Request)]; change != nil {
				change(r)
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// actionHeader tells the way back what a form asked for.
const actionHeader = "X-Planted-Action"

// operation names what a request asks for; of S3 by method, and what of a bucket
// is meant.
func operation(r *http.Request) string {
	if action := r.Header.Get(actionHeader); action != "" {
		return action
	}
	if r.Header.Get("X-Amz-Target") != "" {
		return local.Operation(r)
	}
	for _, of := range []string{"versioning", "lifecycle", "object-lock", "list-type"} {
		if r.URL.Query().Has(of) {
			return r.Method + " " + of
		}
	}
	return r.Method
}

// examine runs the command, and returns what it found.
func (p *patient) examine(t *testing.T, m mistake) (findings []doctor.Finding, err error) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testtest")
	t.Setenv("AWS_REGION", "us-east-1")
	p.denied.Store(m.deny)
	defer p.denied.Store("")
	if m.env[0] != "" {
		t.Setenv(m.env[0], m.env[1])
	}
	file := filepath.Join(p.folder, "ads.yaml")
	if m.file[0] != "" {
		file = keep(t, t.TempDir(), "planted.yaml", []byte(strings.Replace(patientFile, m.file[0], m.file[1], 1)))
	}
	args := []string{"doctor", "--fleet-file", file, "--bucket", "sluice", "--control-token-file", filepath.Join(p.folder, "token"), "--endpoint", p.through(t, m), "-o", "json"}
	said, err := run(t, append(args, m.flags...)...)
	if bad := json.Unmarshal([]byte(said), &findings); bad != nil {
		t.Fatalf("%v: %v\n%s", err, bad, said)
	}
	return findings, err
}

// ails are the findings that matter.
func ails(findings []doctor.Finding) (all []string) {
	for _, f := range findings {
		if f.Severity == doctor.Wrong || f.Severity == doctor.Doubtful {
			all = append(all, string(f.Severity)+" "+f.About)
		}
	}
	return all
}

// TestDoctor plants mistakes, each alone, and sees it found, and nothing else. On
// a sound set-up nothing is told but what was not tried.
func TestDoctor(t *testing.T) {
	p := newPatient(t)
	deadline := time.Now().Add(time.Minute)
	for {
		findings, err := p.examine(t, mistake{})
		if len(ails(findings)) == 0 && err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a sound set-up: %v\n%+v", err, findings)
		}
	}
	bucket := func(name string) (flags []string, there map[string]func(*http.Response)) {
		return []string{"--bucket", name}, map[string]func(*http.Response){"DescribeTaskDefinition": replace(t, `"sluice","--control`, `"`+name+`","--control`)}
	}
	mistakes := map[string]mistake{}
	for name, m := range p.mistakes(t) {
		mistakes[name] = m
	}
	for name, finds := range map[string]string{"forgetful": "wrong versioning", "growing": "wrong lifecycle", "losing": "wrong expiry", "nobodys": "wrong call"} {
		flags, answers := bucket(name)
		mistakes["a bucket that is "+name] = mistake{flags: flags, answers: answers, finds: []string{finds}}
	}
	if left, err := p.cloud.Versions(t.Context(), "sluice", "fleets/ads/doctor/"); left != 0 || err != nil {
		t.Errorf("it left %d versions of its probe: %v", left, err)
	}
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			findings, err := p.examine(t, m)
			got := ails(findings)
			if !slices.Equal(got, m.finds) {
				t.Fatalf("found %q, want %q: %v\n%+v", got, m.finds, err, findings)
			}
			if wrong := strings.HasPrefix(m.finds[0], "wrong"); wrong != (err != nil) {
				t.Errorf("ends with %v", err)
			}
			if f := findings[0]; !strings.Contains(f.Says+f.Do+f.Evidence, m.says) {
				t.Errorf("says %+v, want %q", f, m.says)
			}
		})
	}
}

// mistakes are those that need nothing but what is there.
func (p *patient) mistakes(t *testing.T) map[string]mistake {
	type answers = map[string]func(*http.Response)
	service := func(pattern, by string) answers {
		return answers{"DescribeServices": replace(t, pattern, by)}
	}
	defined := func(pattern, by string) answers {
		return answers{"DescribeTaskDefinition": replace(t, pattern, by)}
	}
	targets := func(pattern, by string) answers {
		return answers{"DescribeTargetGroups": replace(t, pattern, by)}
	}
	setting := func(pattern, by string) answers {
		return answers{"DescribeTargetGroupAttributes": replace(t, pattern, by)}
	}
	scaling := func(pattern, by string) answers {
		return answers{"DescribeAutoScalingGroups": replace(t, pattern, by)}
	}
	return map[string]mistake{
		"the bucket elsewhere":   {flags: []string{"--region", "eu-west-1"}, finds: []string{"wrong call"}, says: "set --region us-east-1"},
		"wrong credentials":      {env: [2]string{"AWS_SECRET_ACCESS_KEY", "wrong"}, finds: []string{"wrong call"}, says: "AWS_SECRET_ACCESS_KEY"},
		"no such cluster":        {file: [2]string{"cluster: ads", "cluster: bds"}, finds: []string{"wrong call"}, says: `ECS cluster "bds" does not exist`},
		"no such service":        {file: [2]string{"service: inference", "service: training"}, finds: []string{"wrong call"}, says: "set service in the fleet file"},
		"the service elsewhere":  {file: [2]string{"cluster: ads", `cluster: "arn:aws:ecs:eu-west-1:000000000000:cluster/ads"`}, finds: []string{"wrong region"}, says: "eu-west-1"},
		"another control port":   {file: [2]string{"service: inference", "service: inference, control_port: 9191"}, finds: []string{"wrong control_port"}, says: "9191"},
		"a port of HTTP":         {file: [2]string{"service: inference", "service: inference, control_port: 9092"}, finds: []string{"wrong token"}},
		"no such container":      {file: [2]string{"service: inference", "service: inference, container: main"}, finds: []string{"wrong container"}, says: `"main"`},
		"no job of that name":    {file: [2]string{"adfilter-*", "ad-filter-*"}, finds: []string{"doubtful jobs"}, says: `"ad-filter-*"`},
		"another token":          {flags: []string{"--control-token-file", filepath.Join(p.folder, "other-token")}, finds: []string{"wrong token"}, says: "2 of 2 tasks"},
		"tasks of another one's": {flags: []string{"--bucket", "other"}, finds: []string{"wrong bucket"}, says: "no task would find a release"},

		"no right to write":   {deny: "s3:PutObject", finds: []string{"wrong right"}, says: "s3:PutObject"},
		"no right to list":    {deny: "s3:ListBucket", finds: []string{"wrong right"}, says: "s3:ListBucket"},
		"no right to tasks":   {deny: "ecs:ListTasks", finds: []string{"wrong right"}, says: "ecs:ListTasks"},
		"no right to protect": {deny: "ecs:UpdateTaskProtection", finds: []string{"wrong right"}, says: "ecs:UpdateTaskProtection"},
		"no right to jobs":    {deny: "sagemaker:ListTrainingJobs", finds: []string{"wrong right"}, says: "sagemaker:ListTrainingJobs"},

		"a store without conditions": {answers: answers{"PUT": func(r *http.Response) {
			r.Header.Set("ETag", `"0"`)
			answer(r, http.StatusOK, "")
		}}, finds: []string{"wrong conditions"}, says: "If-None-Match"},
		"object lock": {answers: answers{"GET object-lock": func(r *http.Response) {
			answer(r, http.StatusOK, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>`)
		}}, finds: []string{"doubtful lock"}, says: "30 days in mode GOVERNANCE"},
		"a clock that is wrong": {answers: answers{"GET list-type": func(r *http.Response) {
			r.Header.Set("Date", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))
		}}, finds: []string{"wrong clock"}, says: "NTP"},

		"an early end":          {answers: defined(`"stopTimeout":40`, `"stopTimeout":20`), finds: []string{"wrong stop_timeout"}, says: "20s after it asks"},
		"no health check":       {answers: defined(`"healthCheck":\{[^}]*\}`, `"healthCheck":null`), finds: []string{"doubtful health_check"}},
		"tasks of another kind": {answers: defined(`"--fleet","ads"`, `"--fleet","bids"`), finds: []string{"wrong fleet"}, says: `"bids"`},
		"another listener":      {answers: defined(`"--drain-delay","5s"`, `"--control-listen",":9191"`), finds: []string{"wrong control_port"}, says: ":9191"},

		"zones that are balanced": {answers: service(`"availabilityZoneRebalancing":"DISABLED"`, `"availabilityZoneRebalancing":"ENABLED"`), finds: []string{"doubtful rebalancing"}},
		"another deployer":        {answers: service(`"deploymentController":\{"type":"ECS"\}`, `"deploymentController":{"type":"CODE_DEPLOY"}`), finds: []string{"doubtful deployments"}, says: "CODE_DEPLOY"},
		"spot":                    {answers: service(`"capacityProvider":"machines"`, `"capacityProvider":"FARGATE_SPOT"`), finds: []string{"doubtful spot"}},
		"one task":                {answers: service(`"desiredCount":2`, `"desiredCount":1`), finds: []string{"wrong tasks"}, says: "1 task:"},
		"tasks that do not start": {answers: service(`"runningCount":2`, `"runningCount":1`), finds: []string{"doubtful tasks"}, says: "1 of 2"},
		"no load balancer":        {answers: service(`"loadBalancers":\[[^\]]*\]`, `"loadBalancers":[]`), finds: []string{"doubtful balancer"}},
		"auctions to controllers": {answers: service(`"containerPort":9090`, `"containerPort":9091`), finds: []string{"wrong balancer"}, says: "9091"},
		"all tasks at once":       {answers: service(`"minimumHealthyPercent":100`, `"minimumHealthyPercent":0`), finds: []string{"doubtful deployments"}, says: "0 %"},
		"too many for the quota":  {answers: service(`"(desired|running)Count":2`, `"${1}Count":4000`), finds: []string{"doubtful quota"}, says: "Set look_every to 8.1s"},

		"no health check of models":  {answers: targets("/readyz", "/"), finds: []string{"wrong balancer_health"}, says: "HTTP /readyz on port 9092"},
		"a health check of TCP":      {answers: targets("<HealthCheckProtocol>HTTP<", "<HealthCheckProtocol>TCP<"), finds: []string{"wrong balancer_health"}, says: "asks TCP"},
		"a health check of auctions": {answers: targets("<HealthCheckPort>9092<", "<HealthCheckPort>traffic-port<"), finds: []string{"wrong balancer_health"}, says: "port traffic-port"},
		"a balancer of HTTP":         {answers: targets("<Protocol>TCP<", "<Protocol>HTTP<"), finds: []string{"wrong balancer"}, says: "by Thrift on TCP"},
		"targets of no balancer":     {answers: targets("<LoadBalancerArns>.*</LoadBalancerArns>", ""), finds: []string{"wrong balancer"}, says: "Let a listener forward to it"},
		"targets of no listener":     {answers: answers{"DescribeListeners": replace(t, "targetgroup/ads/1", "targetgroup/other/1")}, finds: []string{"wrong balancer"}, says: "No listener"},
		"zones that are kept apart":  {answers: answers{"DescribeLoadBalancerAttributes": replace(t, "true", "false")}, finds: []string{"doubtful cross_zone"}, says: "load_balancing.cross_zone.enabled"},
		"a group that keeps zones":   {answers: setting("use_load_balancer_configuration", "false"), finds: []string{"doubtful cross_zone"}},
		"a hasty balancer":           {answers: setting("<Value>30<", "<Value>5<"), finds: []string{"doubtful deregistration"}, says: "after 5s, and the task takes up to 25s"},
		"AWS's own patience":         {answers: setting("<Value>30<", "<Value>300<"), finds: []string{"doubtful deregistration"}, says: "stays for 5m0s"},
		"a balancer that cuts":       {answers: setting("(target_health_state.unhealthy.connection_termination.enabled</Key><Value>)false", "${1}true"), finds: []string{"doubtful cut"}, says: "Set target_health_state."},
		"a header that nobody reads": {answers: setting("(proxy_protocol_v2.enabled</Key><Value>)false", "${1}true"), finds: []string{"wrong proxy_protocol"}, says: "Start tasks with --proxy-protocol"},
		"a header that nobody sends": {answers: defined(`"--drain-delay","5s"`, `"--proxy-protocol"`), finds: []string{"wrong proxy_protocol"}, says: "start tasks without"},
		"AWS's own idle time-out":    {answers: answers{"DescribeListenerAttributes": replace(t, "<Attributes>.*</Attributes>", "")}, finds: []string{"wrong idle"}, says: "after 350s, and a task ends it after 10m0s"},
		"tasks of more patience":     {answers: defined(`"--drain-delay","5s"`, `"--idle-timeout","15m"`), finds: []string{"wrong idle"}, says: "to more than 900"},

		"machines that may go":      {answers: answers{"DescribeCapacityProviders": replace(t, `"managedTerminationProtection":"ENABLED"`, `"managedTerminationProtection":"DISABLED"`)}, finds: []string{"doubtful scaling"}, says: "capacity provider machines"},
		"new machines that may go":  {answers: scaling("(<NewInstancesProtectedFromScaleIn>)true", "${1}false"), finds: []string{"doubtful scaling"}, says: "--new-instances-protected-from-scale-in"},
		"an old machine that may":   {answers: scaling("(<ProtectedFromScaleIn>)true", "${1}false"), finds: []string{"doubtful scaling"}, says: "--instance-ids i-us-east-1a"},
		"a scaling group that went": {answers: scaling("<AutoScalingGroups>.*</AutoScalingGroups>", ""), finds: []string{"wrong call"}, says: "machines not found"},

		"a closed port":           {answers: answers{"DescribeTasks": replace(t, `127\.77\.\d+\.\d+`, "127.78.0.1")}, finds: []string{"wrong reach"}, says: "security group"},
		"tasks that nobody keeps": {answers: answers{"GetTaskProtection": replace(t, `(?s)^.*?"taskArn":"([^"]+)".*$`, `{"protectedTasks":[],"failures":[{"arn":"$1","reason":"TASK_NOT_VALID"}]}`)}, finds: []string{"wrong protection"}},
	}
}
