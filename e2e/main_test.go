// Package e2e drives the program from outside, as its users run it: whole
// stacks of processes on this machine, and scripts of commands.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluicehq/sluice/cli"
	"github.com/sluicehq/sluice/local/child"
	"github.com/sluicehq/sluice/local/localtest"
)

// TestMain lets tests run this very program as sluice.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sluice": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}})
}

// patience bounds every wait of these tests. It is long, since a machine may
// be busy; what is waited for comes in a second or two.
const patience = 2 * time.Minute

// until asks again and again until it is told yes, and fails with what it was
// told last.
func until(t testing.TB, what string, ask func() (done bool, seen string)) {
	t.Helper()
	within(t, patience, what, ask)
}

// within is until with a patience of its own.
func within(t testing.TB, limit time.Duration, what string, ask func() (done bool, seen string)) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		done, seen := ask()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s; it is %s", limit, what, seen)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// process is this program, running as one of its commands.
type process struct {
	name, log string // log is the file of what it prints
	cmd       *exec.Cmd
	done      chan struct{} // closed when it has ended
	err       error         // how; read after done
}

// credentials are those of local AWS, and nothing of this machine's own.
func credentials() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/no-home", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest", "AWS_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// launch starts a command of this program, which dies with us.
func launch(dir, name string, env []string, command ...string) (*process, error) {
	program, err := exec.LookPath(command[0])
	if err != nil {
		return nil, err
	}
	p := &process{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(program, command[1:]...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = dir, env, log, log, child.Attributes()
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the child dies with the thread that started it
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// stop asks the process to end, which it must do well and in time.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s ended badly: %w\n%s", p.name, p.err, p.printed())
		}
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("%s does not end within %v\n%s", p.name, patience, p.printed())
	}
}

func (p *process) printed() string {
	b, _ := os.ReadFile(p.log) // nothing was printed yet
	return string(b)
}

// await waits until the process has printed what matches, and returns the
// first group of it.
func (p *process) await(pattern string) (string, error) {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ended := false
		select {
		case <-p.done:
			ended = true
		default:
		}
		if m := r.FindStringSubmatch(p.printed()); m != nil {
			return m[len(m)-1], nil
		}
		if ended || time.Now().After(deadline) {
			return "", fmt.Errorf("%s did not print %s but\n%s", p.name, pattern, p.printed())
		}
	}
}

// TestScripts runs the program as people do, in a shell of sorts. Besides the
// commands of testscript there are those of scriptCommands; $RECORDED is the
// folder of recorded counts, $DEPLOY what teams take along.
func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(append(e.Vars, credentials()[2:]...), "RECORDED="+filepath.Join(root, "docs", "judge"), "DEPLOY="+filepath.Join(root, "deploy"))
			e.Values[running{}] = map[string]*process{}
			return nil
		},
		Cmds: scriptCommands(),
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Getuid() == 0, nil
			case "ipv6":
				l, err := net.Listen("tcp", "[::1]:0")
				if err == nil {
					_ = l.Close()
				}
				return err == nil, nil
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
	})
}

// running is under which a script keeps its processes.
type running struct{}

// scriptCommands are
//
//	start NAME ARGS...         starts sluice ARGS...
//	await NAME REGEXP [VAR]    waits until it has printed that
//	stop NAME / crash NAME     ends it, well or not
//	poll REGEXP COMMAND...     runs the command until its output matches
//	grab VAR REGEXP            sets VAR to what matches in the last output
//	buckets NAME...            creates buckets
//	upload MODEL BUCKET/KEY    stores a trained model, or a file
//	service TASKS              creates the service of inference tasks
func scriptCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	cloud := func(ts *testscript.TestScript) localtest.Cloud { return localtest.Open(ts.Getenv("AWS_ENDPOINT_URL")) }
	find := func(ts *testscript.TestScript, name string) *process {
		p, ok := ts.Value(running{}).(map[string]*process)[name]
		if !ok {
			ts.Fatalf("%s was not started", name)
		}
		return p
	}
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"start": startInScript,
		"await": func(ts *testscript.TestScript, _ bool, args []string) {
			found, err := find(ts, args[0]).await(args[1])
			ts.Check(err)
			if len(args) > 2 {
				ts.Setenv(args[2], found)
			}
		},
		"stop":  func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(find(ts, args[0]).stop()) },
		"crash": func(ts *testscript.TestScript, _ bool, args []string) { find(ts, args[0]).kill() },
		"poll":  pollInScript,
		"grab": func(ts *testscript.TestScript, _ bool, args []string) {
			m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
			if m == nil {
				ts.Fatalf("the output has no %s", args[1])
			}
			ts.Setenv(args[0], m[len(m)-1])
		},
		"buckets": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(cloud(ts).Buckets(context.Background(), args...))
		},
		"upload": func(ts *testscript.TestScript, _ bool, args []string) {
			bucket, key, _ := strings.Cut(args[1], "/")
			body, err := model(args[0])
			if err != nil {
				body = []byte(ts.ReadFile(args[0]))
			}
			ts.Check(cloud(ts).Upload(context.Background(), bucket, key, body))
		},
		"tune": func(ts *testscript.TestScript, neg bool, args []string) { // tune NAME BUCKET COURSE..., ! tune NAME ends it
			if neg {
				ts.Check(cloud(ts).StopTuning(context.Background(), args[0]))
				return
			}
			ts.Check(cloud(ts).Tune(context.Background(), args[0], args[1], args[2:]...))
		},
		"service": func(ts *testscript.TestScript, _ bool, args []string) {
			var tasks int
			_, err := fmt.Sscan(args[0], &tasks)
			ts.Check(errors.Join(err, cloud(ts).Service(context.Background(), tasks, taskCommand()...)))
		},
	}
}

func startInScript(ts *testscript.TestScript, _ bool, args []string) {
	env := []string{"PATH=" + ts.Getenv("PATH")}
	for _, name := range []string{"HOME", "TMPDIR", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_EC2_METADATA_DISABLED", "SLUICE_API"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	p, err := launch(ts.MkAbs("."), args[0], env, append([]string{"sluice"}, args[1:]...)...)
	ts.Check(err)
	ts.Defer(p.kill)
	ts.Value(running{}).(map[string]*process)[args[0]] = p
}

func pollInScript(ts *testscript.TestScript, _ bool, args []string) {
	r := regexp.MustCompile(args[0])
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if r.MatchString(out) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("waited %v for %s; %v says (%v)\n%s", patience, args[0], args[1:], err, out)
		}
	}
}

// model is an artifact that was really trained.
func model(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join("..", "local", "demo", "models", name+".tar.gz"))
}

// taskCommand is how a task of these tests is run.
func taskCommand() []string {
	program, err := exec.LookPath("sluice")
	if err != nil {
		panic(err) // TestMain puts it there
	}
	return []string{program, "task", "--fleet", "ads", "--bucket", "sluice", "--drain-delay", "100ms", "--drain-timeout", "2s"}
}
