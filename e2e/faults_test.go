package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/local"
	"github.com/sluicehq/sluice/local/localtest"
)

// fleetFile is quick, and content with little evidence. On a machine that all
// processes share, a p99 says nothing about swaps.
const fleetFile = `
fleet: ads
jobs: ["*"]
ecs: {cluster: ads, service: inference}
look_every: 200ms
jobs_every: 500ms
admission: {min_golden: 8, min_auctions: 8}
policy:
  shadow: {tasks: 4, sample: 1, soak: 200ms}
  steps: [{percent: 50, soak: 200ms, margin: 0.1}]
  settle: 100ms
  swap_guard: {off: true}
  judge: {margin: 0.1, partner_margin: 0.4, tail_margin: 0.5, error_floor: 0.01, window_requests: 100, missed_bids: guard, breaker: {crashes: -1}} # tasks are killed
`

// stack is the whole program on this machine: AWS, a service of tasks, a
// controller.
type stack struct {
	testing.TB
	dir, endpoint string
	bucket        string   // of the controllers
	lease         string   // how long a silent leader stays one
	env           []string // of every process, besides where AWS is
	cloud         localtest.Cloud
	controller    *process
	controllers   int
	api           api.Client
}

// newStack sets up buckets, models and the service in AWS at the endpoint.
func newStack(t testing.TB, endpoint string, tasks int) *stack {
	t.Helper()
	return newStackOf(t, endpoint, tasks, taskCommand()...)
}

// newStackOf does so with tasks that run a command.
func newStackOf(t testing.TB, endpoint string, tasks int, command ...string) *stack {
	t.Helper()
	s := &stack{TB: t, dir: t.TempDir(), endpoint: endpoint, bucket: "sluice", lease: "1s", cloud: localtest.Open(endpoint)}
	s.must(s.cloud.Buckets(t.Context(), "sluice", "training"))
	for _, name := range []string{"baseline", "better", "burst-1", "burst-2", "burst-3"} {
		body, err := model(name)
		s.must(err)
		s.must(s.cloud.Upload(t.Context(), "training", name+".tar.gz", body))
	}
	s.must(s.cloud.Service(t.Context(), tasks, command...))
	s.must(os.WriteFile(filepath.Join(s.dir, "fleet.yaml"), []byte(fleetFile), 0o600))
	return s
}

func (s *stack) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// launch starts a command of this program.
func (s *stack) launch(name string, args ...string) *process {
	s.Helper()
	return s.launchOf("sluice", name, args...)
}

// launchOf starts a command of some program.
func (s *stack) launchOf(program, name string, args ...string) *process {
	s.Helper()
	p, err := launch(s.dir, name, append(append(credentials(), "AWS_ENDPOINT_URL="+s.endpoint), s.env...), append([]string{program}, args...)...)
	s.must(err)
	s.Cleanup(p.kill)
	return p
}

// startController starts a controller, the first or one that follows.
func (s *stack) startController() {
	s.Helper()
	s.startControllerOf("sluice")
}

func (s *stack) startControllerOf(program string) {
	s.Helper()
	s.controllers++
	name := fmt.Sprintf("controller-%d", s.controllers)
	s.controller = s.launchOf(program, name, "controller", "--fleets", "fleet.yaml", "--bucket", s.bucket,
		"--listen", "127.0.0.1:0", "--lease", s.lease)
	s.Cleanup(func() { s.explain(name) }) // before the controller is killed
	at, err := s.controller.await(`dashboard=(http://\S+)`)
	s.must(err)
	s.api = api.Client{Base: at}
}

// explain tells, once the test has failed, what the controller and the tasks
// had to say.
func (s *stack) explain(name string) {
	if !s.Failed() {
		return
	}
	b, _ := os.ReadFile(filepath.Join(s.dir, name+".log"))
	s.Logf("%s printed\n%s", name, b[max(0, len(b)-8000):])
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), 5*time.Second)
	defer cancel()
	tasks, err := s.api.Tasks(ctx, "ads", 10)
	s.Logf("tasks (%v): %+v", err, tasks.Tasks)
}

// ask asks for what people ask for; it is asked again while S3 is out of order.
func (s *stack) ask(verb rollout.Verb, a api.Ask) (stored api.Request) {
	s.Helper()
	a.By = "test"
	until(s, string(verb)+" to be taken", func() (bool, string) {
		q, err := s.api.Ask(s.Context(), "ads", verb, a)
		stored = q
		return err == nil, fmt.Sprint(err)
	})
	return stored
}

// fleet waits until the fleet is as wanted.
func (s *stack) fleet(what string, is func(f api.Fleet) bool) (seen api.Fleet) {
	s.Helper()
	until(s, what, func() (bool, string) {
		f, err := s.api.Fleet(s.Context(), "ads")
		if err != nil {
			return false, err.Error()
		}
		seen = f
		return is(f), describe(f)
	})
	return seen
}

// serves waits until all tasks serve what came from the object, and nothing
// is being tried.
func (s *stack) serves(name string, tasks int) api.Fleet {
	s.Helper()
	return s.fleet("all tasks to serve "+name, func(f api.Fleet) bool {
		return f.Active == nil && f.Stable != nil && strings.HasSuffix(source(f), "/"+name+".tar.gz") &&
			f.Default != nil && f.Default.Digest == f.Stable.Digest && f.Tasks.Ready == tasks && f.Tasks.OnStable == tasks
	})
}

// source is where stable came from. An API of before may have looked for the
// passport too early, and not again; then the last rollout tells.
func source(f api.Fleet) string {
	if f.Stable.Source == "" && f.Last != nil && f.Last.Candidate == f.Stable.Digest {
		return f.Last.Source
	}
	return f.Stable.Source
}

func describe(f api.Fleet) string {
	text := fmt.Sprintf("%+v", f.Tasks)
	if f.Stable != nil {
		text += " stable " + f.Stable.Source
	}
	if f.Active != nil {
		text += fmt.Sprintf(" active %s in %s (%s: %s)", f.Active.ID, f.Active.Phase, f.Active.Reason, f.Active.Sentence)
		if v := f.Active.Verdict; v != nil {
			text += " " + v.Outcome + ": " + v.Sentence
		}
	}
	if f.Last != nil {
		text += fmt.Sprintf(" last %s %s (%s: %s)", f.Last.ID, f.Last.Phase, f.Last.Reason, f.Last.Sentence)
	}
	if f.Loop != nil {
		text += fmt.Sprintf(" errors %q", f.Loop.Errors)
	}
	return text
}

// try takes up an artifact and returns its rollout once it is being tried.
func (s *stack) try(name string) string {
	s.Helper()
	q := s.ask(rollout.VerbTry, api.Ask{Source: "s3://training/" + name + ".tar.gz"})
	s.fleet(name+" to be tried", func(f api.Fleet) bool {
		phases := []string{string(rollout.Shadow), string(rollout.Canary)} // the first may be over before anybody looks
		return f.Active != nil && f.Active.ID == q.Rollout && slices.Contains(phases, f.Active.Phase) || f.Last != nil && f.Last.ID == q.Rollout
	})
	return q.Rollout
}

// weather decides what goes wrong with requests to AWS.
type weather struct{ now atomic.Pointer[local.Faults] }

func (w *weather) set(f local.Faults) { w.now.Store(&f) }

func (w *weather) fault(r *http.Request) local.Fault {
	if f := w.now.Load(); f != nil && *f != nil {
		return (*f)(r)
	}
	return local.Fault{}
}

// storm is what AWS does on a bad day: one request in seven fails in one way
// or another, and all are slow.
func storm(seed uint64) local.Faults {
	var mu sync.Mutex
	chance := rand.New(rand.NewPCG(seed, 0))
	return func(r *http.Request) local.Fault {
		mu.Lock()
		defer mu.Unlock()
		f := local.Fault{Delay: time.Duration(chance.IntN(20)) * time.Millisecond}
		isS3 := r.Header.Get("X-Amz-Target") == ""
		switch n := chance.IntN(100); {
		case n < 3 && isS3:
			f.Status, f.Code = http.StatusServiceUnavailable, "SlowDown"
		case n < 3:
			f.Status, f.Code = http.StatusBadRequest, "ThrottlingException"
		case n < 6 && isS3 && r.Method == http.MethodPut:
			f.Status, f.Code = http.StatusConflict, "ConditionalRequestConflict"
		case n < 9:
			f.Refuse = true
		case n < 12:
			f.LoseReply = true
		case n < 15:
			f.TearAfter = 1 + chance.Int64N(500)
		}
		return f
	}
}

// outage is one of a service, by the target of its requests.
func outage(service string, f local.Fault) local.Faults {
	return func(r *http.Request) local.Fault {
		if strings.Contains(r.Header.Get("X-Amz-Target"), service) {
			return f
		}
		return local.Fault{}
	}
}

// startAWS starts AWS in this process, with weather.
func startAWS(t testing.TB) (w *weather, endpoint string) {
	t.Helper()
	w = &weather{}
	aws, err := local.Start(t.Context(), local.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", StopLimit: 5 * time.Second, Faults: w.fault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.set(nil)
		if err := aws.Close(); err != nil {
			t.Error(err)
		}
	})
	return w, aws.URL()
}

// TestBadDay takes a trained model from its job to live while AWS throttles,
// conflicts, stalls, tears connections and loses replies; then ECS and
// SageMaker fail altogether.
func TestBadDay(t *testing.T) {
	t.Parallel()
	const tasks = 4
	w, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	s.must(s.cloud.Train(t.Context(), "first", absolute(t, "baseline"), "training"))
	s.lease = "10s" // there are no others, and many renewals fail
	w.set(storm(1))
	s.startController()
	s.fleet("first to be live", func(f api.Fleet) bool { return f.Last != nil && f.Last.Phase == "live" && f.Tasks.OnStable == tasks })

	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	auctions := s.launch("auction", "auction", "--target", target, "--rate", "800", "--connections", "100", "--tmax", "5s", "--connection-age", "5s", "--json")
	w.set(nil)
	s.must(s.cloud.Train(t.Context(), "second", absolute(t, "better"), "training"))
	w.set(storm(2))
	s.fleet("second to be live", func(f api.Fleet) bool { return f.Last != nil && f.Last.ID == "second" && f.Last.Phase == "live" })
	w.set(nil)
	s.serves("second/output/model", tasks)
	if err := auctions.stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(auctions.printed(), `"failed":0,`) && !strings.Contains(auctions.printed(), `"failed": 0,`) {
		t.Errorf("auctions failed:\n%s", auctions.printed())
	}
	s.outages(w, tasks)
}

// outages checks that the loop goes on without ECS and SageMaker, that people
// see why it cannot do all it should, and that it goes back all the same.
func (s *stack) outages(w *weather, tasks int) {
	s.Helper()
	before := strings.Count(s.controller.printed(), "msg=trouble ")
	w.set(outage("AmazonEC2ContainerService", local.Fault{Status: http.StatusBadRequest, Code: "ServerException"}))
	s.fleet("status to speak of ECS", func(f api.Fleet) bool {
		return f.Loop != nil && strings.Contains(strings.Join(f.Loop.Errors, " "), "look for tasks: describe the service: ServerException")
	})
	s.ask(rollout.VerbRollback, api.Ask{Why: "during an outage"})
	s.serves("first/output/model", tasks)
	w.set(outage("SageMaker", local.Fault{Status: http.StatusBadRequest, Code: "ThrottlingException"}))
	s.fleet("status to speak of SageMaker", func(f api.Fleet) bool {
		return f.Loop != nil && strings.Contains(strings.Join(f.Loop.Errors, " "), "(AWS says ThrottlingException")
	})
	w.set(nil)
	s.fleet("status to be well", func(f api.Fleet) bool { return f.Loop != nil && len(f.Loop.Errors) == 0 })
	if _, err := s.controller.await(`trouble is over`); err != nil {
		s.Error(err)
	}
	printed := s.controller.printed()
	if n := strings.Count(printed, "msg=trouble ") - before; n < 1 || n > 12 {
		s.Errorf("the log speaks %d times of trouble:\n%s", n, printed)
	}
	readable(s, printed)
}

// readable checks that a log is for people.
func readable(t testing.TB, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		for _, noise := range []string{"SDK ", "panic", "goroutine ", "%!", "0x"} {
			if strings.Contains(line, noise) {
				t.Errorf("the log has %q: %s", noise, line)
			}
		}
		if _, err, ok := strings.Cut(line, " err="); ok && len(err) > 800 {
			t.Errorf("an error has %d characters: %s", len(err), line)
		}
	}
}

func absolute(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "local", "demo", "models", name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKilled kills the controller, a task and AWS itself at random moments of
// promotions: each ends as if nothing had happened.
func TestKilled(t *testing.T) {
	t.Parallel()
	const tasks = 2
	dir := t.TempDir()
	aws, endpoint := awsProcess(t, dir, "127.0.0.1:0")
	s := newStack(t, endpoint, tasks)
	s.startController()
	s.try("baseline")
	s.serves("baseline", tasks)
	for i, victim := range []struct {
		name string
		kill func()
	}{
		{"controller", func() {
			s.controller.kill()
			s.startController()
		}},
		{"task", func() {
			ids, err := s.cloud.Processes(t.Context())
			if err != nil || len(ids) == 0 {
				t.Fatalf("no task runs: %v", err)
			}
			_ = syscall.Kill(ids[0], syscall.SIGKILL) // it may have ended
		}},
		{"AWS", func() {
			aws.kill()
			aws, _ = awsProcess(t, dir, strings.TrimPrefix(endpoint, "http://"))
		}},
	} {
		name := []string{"better", "burst-1", "burst-2"}[i]
		s.ask(rollout.VerbPromote, api.Ask{Rollout: s.try(name)})
		after := time.Duration(rand.Int64N(int64(300 * time.Millisecond)))
		time.Sleep(after) // not to wait for anything: any moment will do
		t.Logf("%s is killed %v after %s was promoted", victim.name, after, name)
		victim.kill()
		f := s.serves(name, tasks)
		if f.Last == nil || f.Last.Phase != "live" {
			t.Errorf("the rollout of %s is lost: %s", name, describe(f))
		}
	}
	list, err := s.api.Rollouts(t.Context(), "ads", 10)
	if err != nil || len(list) != 4 {
		t.Errorf("four rollouts have ended, %d are known: %v", len(list), err)
	}
	for i := 1; i <= s.controllers; i++ {
		b, _ := os.ReadFile(filepath.Join(s.dir, fmt.Sprintf("controller-%d.log", i)))
		readable(t, string(b))
	}
}

// awsProcess starts AWS as a process of its own.
func awsProcess(t testing.TB, dir, listen string) (p *process, endpoint string) {
	t.Helper()
	p, err := launch(t.TempDir(), "aws", credentials(), "sluice", "local", "--dir", dir, "--listen", listen, "--stop-limit", "5s")
	if err == nil {
		t.Cleanup(p.kill)
		endpoint, err = p.await(`url=(http://\S+)`)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p, endpoint
}

// TestFullDisk fills the disk under local AWS, a small one of its own, while a
// controller runs: nothing is lost, people are told, and it goes on once there
// is space again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, err := exec.LookPath("sluice")
	if err != nil {
		t.Fatal(err)
	}
	const mount = `mount -t tmpfs -o size=4m none "$0" && shift 0 && exec "$@"`
	if exec.Command("unshare", "-Urm", "sh", "-c", mount, dir, "true").Run() != nil {
		t.Skip("this machine lets nobody mount a disk of their own")
	}
	aws, err := launch(t.TempDir(), "aws", credentials(), "unshare", "-Urm", "sh", "-c", mount, dir,
		program, "local", "--dir", filepath.Join(dir, "aws"), "--listen", "127.0.0.1:0", "--stop-limit", "5s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(aws.kill)
	endpoint, err := aws.await(`url=(http://\S+)`)
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(t, endpoint, 1)
	s.startController()
	s.try("baseline")
	s.serves("baseline", 1)

	ballast := filepath.Join(fmt.Sprintf("/proc/%d/root", aws.cmd.Process.Pid), dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	// Small objects lie in the index, whose file has room for some more: by that
	// a controller takes a wish, and cannot store the release that it needs.
	better := s.ask(rollout.VerbTry, api.Ask{Source: "s3://training/better.tar.gz"})
	if _, err := s.controller.await(`msg=trouble .*`); err != nil {
		t.Error(err)
	}
	err = nil
	for i := 0; err == nil && i < 10_000; i++ {
		err = s.cloud.Upload(t.Context(), "training", fmt.Sprint("small-", i), make([]byte, 8<<10))
	}
	if err == nil || !strings.Contains(err.Error(), "is full; free space there") {
		t.Errorf("small uploads to a full disk give %v, want it to say why", err)
	}
	err = s.cloud.Upload(t.Context(), "training", "more.tar.gz", make([]byte, 1<<20))
	if err == nil || !strings.Contains(err.Error(), "is full; free space there") {
		t.Errorf("an upload to a full disk gives %v, want it to say why", err)
	}
	if f := s.fleet("the fleet to be seen", func(api.Fleet) bool { return true }); f.Stable == nil {
		t.Errorf("what serves is forgotten: %s", describe(f))
	}
	s.must(os.Remove(ballast))
	s.fleet("better to be tried", func(f api.Fleet) bool {
		return f.Active != nil && f.Active.ID == better.Rollout && f.Active.Phase == string(rollout.Shadow)
	})
	s.ask(rollout.VerbPromote, api.Ask{Rollout: better.Rollout})
	s.serves("better", 1)
	readable(t, s.controller.printed())
}

// TestClock says what to do about a clock that is wrong.
func TestClock(t *testing.T) {
	t.Parallel()
	w, endpoint := startAWS(t)
	w.set(func(*http.Request) local.Fault {
		return local.Fault{Status: http.StatusForbidden, Code: "RequestTimeTooSkewed"}
	})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fleet.yaml"), []byte(fleetFile), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := launch(dir, "controller", append(credentials(), "AWS_ENDPOINT_URL="+endpoint), "sluice", "controller", "--bucket", "sluice", "--fleets", "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	const says = `sluice: look at the bucket: the clock of this machine is not AWS's: set it \(NTP\) \(AWS says RequestTimeTooSkewed.*\)\n`
	if _, err := p.await(says); err != nil {
		t.Error(err)
	}
}
