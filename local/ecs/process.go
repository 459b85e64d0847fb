package ecs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/local/child"
)

// maxLogBytes bounds each of a task's two logs; one older part is kept.
const maxLogBytes = 8 << 20

// launcher starts processes from one thread that lives as long as the server:
// the kernel ends a child when the thread that started it ends.
type launcher struct {
	work chan func()
	done chan struct{}
}

func newLauncher() *launcher {
	l := &launcher{work: make(chan func()), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *launcher) run() {
	defer close(l.done)
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for f := range l.work {
		f()
	}
}

func (l *launcher) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	l.work <- func() { result <- cmd.Start() }
	return <-result
}

func (l *launcher) close() {
	close(l.work)
	<-l.done
}

// process is a running task.
type process struct {
	task string
	pid  int
	proc *os.Process
	done chan struct{} // closed when it has ended
	once sync.Once
}

// command is what a task runs.
type command struct {
	argv []string
	env  []string
	dir  string // working directory
	logs string // folder of stdout.log and stderr.log
}

// launch starts a task. ended is called once, with the exit code; a signal
// gives 128 and its number.
func (l *launcher) launch(id string, c command, ended func(exitCode int)) (*process, error) {
	if err := os.MkdirAll(c.logs, 0o700); err != nil {
		return nil, err
	}
	stdout := &rotating{path: filepath.Join(c.logs, "stdout.log")}
	stderr := &rotating{path: filepath.Join(c.logs, "stderr.log")}
	cmd := exec.Command(c.argv[0], c.argv[1:]...) //nolint:noctx // a task outlives the request that starts it
	cmd.Env, cmd.Dir = c.env, c.dir
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = child.Attributes()
	cmd.WaitDelay = time.Second // a grandchild may hold the output open
	if err := l.start(cmd); err != nil {
		return nil, errors.Join(err, stdout.Close(), stderr.Close())
	}
	p := &process{task: id, pid: cmd.Process.Pid, proc: cmd.Process, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the state below says it all
		_ = errors.Join(stdout.Close(), stderr.Close())
		ended(exitCode(cmd.ProcessState))
		close(p.done)
	}()
	return p, nil
}

func exitCode(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

// stop sends SIGTERM, and SIGKILL to the whole group after the limit. Only
// the first call counts.
func (p *process) stop(limit time.Duration) {
	p.once.Do(func() {
		_ = p.proc.Signal(syscall.SIGTERM) // it may have ended
		go func() {
			timer := time.NewTimer(limit)
			defer timer.Stop()
			select {
			case <-p.done:
			case <-timer.C:
				_ = syscall.Kill(-p.pid, syscall.SIGKILL)
			}
		}()
	})
}

// rotating is a log file that starts anew when it is full.
type rotating struct {
	path string
	file *os.File
	size int64
}

// Write implements io.Writer. A log that cannot be written does not stop the
// task that writes it.
func (r *rotating) Write(p []byte) (int, error) {
	if r.file != nil && r.size+int64(len(p)) > maxLogBytes {
		_ = r.file.Close()
		_ = os.Rename(r.path, r.path+".1")
		r.file = nil
	}
	if r.file == nil {
		f, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return len(p), nil //nolint:nilerr // see above
		}
		r.file, r.size = f, 0
	}
	n, _ := r.file.Write(p)
	r.size += int64(n)
	return len(p), nil
}

// Close implements io.Closer.
func (r *rotating) Close() error {
	if r.file == nil {
		return nil
	}
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}
