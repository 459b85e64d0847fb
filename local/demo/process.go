package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/local/child"
)

// process is this program run once more, as one of its commands.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how; read after done
}

// stopTimeout bounds how long a process may take to end by itself.
const stopTimeout = 15 * time.Second

// start runs a command of this program. What it prints goes to <name>.out and
// <name>.err in the demo's folder.
func (s *stage) start(name string, args ...string) (*process, error) {
	p := &process{name: name, done: make(chan struct{})}
	p.cmd = exec.Command(s.program, args...)                                                               //nolint:noctx // stop ends it in order, and its death follows ours
	others := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") }) // of whoever runs the demo
	p.cmd.Env = append(others, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest", "AWS_REGION=us-east-1",
		"AWS_ENDPOINT_URL="+s.endpoint, "AWS_CONFIG_FILE="+os.DevNull)
	p.cmd.SysProcAttr = child.Attributes()
	var files [2]*os.File
	for i, suffix := range []string{".out", ".err"} {
		f, err := os.Create(filepath.Join(s.Dir, name+suffix))
		if err != nil {
			return nil, fmt.Errorf("create a log: %w", err)
		}
		defer func() { _ = f.Close() }() // the child has its own
		files[i] = f
	}
	p.cmd.Stdout, p.cmd.Stderr = files[0], files[1]
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
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// mostPatience bounds the wait for a process that has been started.
const mostPatience = time.Minute

// answers waits until the process takes connections there.
func (p *process) answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, mostPatience, fmt.Errorf("%s does not answer at %s within %v", p.name, address, mostPatience))
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it answered at %s: its log says why", p.name, address)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends the process as a crash would.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// stop asks the process to end and waits until it has; one that takes too long
// is killed, which is an error.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return nil //nolint:nilerr // it has ended already, as after a kill
	}
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s ended badly: %w", p.name, p.err)
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not end within %v", p.name, stopTimeout), p.kill())
	}
}

// peakBytes is the largest resident memory that a running process has had; 0
// where the system does not tell.
func (p *process) peakBytes() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var kib int64
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}
