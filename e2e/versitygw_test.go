package e2e

import (
	"flag"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/local"
)

var versitygw = flag.String("versitygw", "", "`program` of versitygw, on whose S3 whole rollouts are played")

// TestRolloutsOnVersitygw has controller, tasks and training jobs keep all
// their objects in other people's S3: models are trained, tried, promoted and
// rolled back, and the controller is replaced in between. That server keeps
// objects as files, so that no key may begin with another and a slash, and now
// and then tells the ETag of before while an object is overwritten.
func TestRolloutsOnVersitygw(t *testing.T) {
	if *versitygw == "" {
		t.Skip("make versitygw plays this")
	}
	const tasks = 4
	endpoint := startOnVersitygw(t)
	s := newStack(t, endpoint, tasks)
	s.lease = "5s"
	s.must(s.cloud.Version(t.Context(), "training"))
	s.must(s.cloud.Train(t.Context(), "first", absolute(t, "baseline"), "training"))
	s.startController()
	s.serves("first/output/model", tasks)

	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	auctions := s.launch("auction", "auction", "--target", target, "--rate", "400", "--connections", "60", "--tmax", "5s", "--connection-age", "5s", "--json")
	s.must(s.cloud.Train(t.Context(), "second", absolute(t, "better"), "training"))
	s.fleet("second to be live", func(f api.Fleet) bool { return f.Last != nil && f.Last.ID == "second" && f.Last.Phase == "live" })
	s.serves("second/output/model", tasks)

	s.ask(rollout.VerbRollback, api.Ask{Why: "to see it go back"})
	s.serves("first/output/model", tasks)
	s.controller.kill()
	s.startController()
	again := s.ask(rollout.VerbTry, api.Ask{Source: "s3://training/better.tar.gz", Why: "once more"})
	s.fleet("it to be live again", func(f api.Fleet) bool {
		return f.Last != nil && f.Last.ID == again.Rollout && f.Last.Phase == "live" && f.Tasks.OnStable == tasks
	})
	s.must(auctions.stop())
	if printed := auctions.printed(); !strings.Contains(printed, `"failed":0,`) && !strings.Contains(printed, `"failed": 0,`) {
		t.Errorf("auctions failed:\n%s", printed)
	}
	if n := strings.Count(s.controller.printed(), "msg=trouble "); n > 0 {
		t.Errorf("the controller speaks of trouble:\n%s", s.controller.printed())
	}
}

// startOnVersitygw starts AWS in this process, whose S3 is versitygw's.
func startOnVersitygw(t *testing.T) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p, err := launch(dir, "versitygw", nil, absolutePath(t, *versitygw), "--port", address, "--access", "test", "--secret", "testtest",
		"--region", "us-east-1", "--quiet", "posix", "--versioning-dir", t.TempDir(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	until(t, "versitygw to listen", func() (bool, string) {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false, err.Error()
		}
		return c.Close() == nil, ""
	})
	aws, err := local.Start(t.Context(), local.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", StopLimit: 5 * time.Second, S3: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := aws.Close(); err != nil {
			t.Error(err)
		}
	})
	return aws.URL()
}

func absolutePath(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
