package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/local/localtest"
)

// bare is tasks without a controller, over AWS on this machine.
type bare struct {
	testing.TB
	dir, endpoint string
	digests       []string // of the releases in the bucket; the first is the default
	control       *fleet.Control
	tasks         []bareTask
	launched      int // auction clients, so far
}

type bareTask struct {
	process             *process
	name                string
	data, control, http string // addresses
}

// newBare stores the models as releases and starts the tasks.
func newBare(t testing.TB, tasks int, models ...string) *bare {
	t.Helper()
	b := &bare{TB: t, dir: t.TempDir(), control: fleet.New(fleet.Options{})}
	t.Cleanup(b.control.Close)
	_, b.endpoint = awsProcess(t, b.dir, "127.0.0.1:0")
	cloud := localtest.Open(b.endpoint)
	b.must(cloud.Buckets(t.Context(), "sluice"))
	for _, name := range models {
		body, err := model(name)
		b.must(err)
		digest := release.Digest(body)
		b.must(cloud.Upload(t.Context(), "sluice", release.ArchiveKey(digest), body))
		b.digests = append(b.digests, digest)
	}
	b.must(cloud.Upload(t.Context(), "sluice", release.FleetKey("ads"), fmt.Appendf(nil, `{"fleet":"ads","default":%q}`, b.digests[0])))
	for i := range tasks {
		b.tasks = append(b.tasks, b.startTask(fmt.Sprintf("task-%d", i)))
	}
	return b
}

func (b *bare) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bare) launch(name string, args ...string) *process {
	b.Helper()
	p, err := launch(b.dir, name, append(credentials(), "AWS_ENDPOINT_URL="+b.endpoint), append([]string{"sluice"}, args...)...)
	b.must(err)
	b.Cleanup(p.kill)
	return p
}

// startTask starts a task and waits until it serves the default release. It
// lets requests wait rather than forward them, since the machine may be busy
// with other things. More flags may be given.
func (b *bare) startTask(name string, flags ...string) bareTask {
	b.Helper()
	p := b.launch(name, append([]string{
		"task", "--fleet", "ads", "--bucket", "sluice", "--task", name, "--deadline", "5s", "--max-wait", "2s",
		"--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--drain-delay", "100ms",
	}, flags...)...)
	t := bareTask{process: p, name: name}
	for what, address := range map[string]*string{"data": &t.data, "control": &t.control, "http": &t.http} {
		var err error
		*address, err = p.await(`"` + what + `":"([^"]+)"`)
		b.must(err)
	}
	until(b, name+" to serve", func() (bool, string) {
		is, err := b.status(t)
		return err == nil && is.Ready && is.Serving == b.digests[0], fmt.Sprintf("%+v (%v)", is, err)
	})
	return t
}

func (b *bare) status(t bareTask) (rollout.Task, error) {
	return b.control.Status(b.Context(), rollout.Task{ID: t.name, Address: t.control})
}

// metrics are the lines of a task's metrics that begin with a name.
func (b *bare) metrics(t bareTask, name string) (lines []string) {
	b.Helper()
	r, err := http.Get("http://" + t.http + "/metrics")
	b.must(err)
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	b.must(err)
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, name) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
