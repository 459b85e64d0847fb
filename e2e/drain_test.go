package e2e

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals tells a task to end, again and again: it answers who is connected
// while it lets auctions in, says on its HTTP port that it drains, and ends well
// in time, though its client never hangs up.
func TestSignals(t *testing.T) {
	t.Parallel()
	b := newBare(t, 0, "baseline")
	task := b.startTask("signalled", "--drain-delay", "1500ms", "--drain-timeout", "20s")
	conn, err := net.Dial("tcp", task.data)
	b.must(err)
	defer conn.Close()
	ask := func() error {
		const call = "\x80\x01\x00\x01\x00\x00\x00\x06filter\x00\x00\x00\x01\x0c\x00\x01\x00\x00" // with an empty request
		if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(call))), call...)); err != nil {
			return err
		}
		answer := make([]byte, 1024)
		n, err := conn.Read(answer)
		if err == nil && !strings.Contains(string(answer[:n]), b.digests[0]) {
			t.Errorf("answered %q", answer[:n])
		}
		return err
	}
	b.must(ask())
	signal := func() {
		t.Helper()
		b.must(task.process.cmd.Process.Signal(syscall.SIGTERM))
	}
	began := time.Now()
	signal()
	until(t, "the task to drain", func() (bool, string) {
		r, err := http.Get("http://" + task.http + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		b.must(err)
		return r.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), "draining"), string(body)
	})
	signal()
	if time.Since(began) < time.Second { // else the machine is too slow to tell
		b.must(ask())
	}
	select {
	case <-task.process.done:
	case <-time.After(patience):
		t.Fatalf("the task does not end\n%s", task.process.printed())
	}
	if task.process.err != nil || !strings.Contains(task.process.printed(), `"msg":"drained"`) || !strings.Contains(task.process.printed(), `"clean":true`) {
		t.Errorf("ended by %v\n%s", task.process.err, task.process.printed())
	}
}
