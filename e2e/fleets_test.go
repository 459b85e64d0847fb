package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
)

// TestFleetFilesChange has its fleet files in S3 and its secrets in variables. A
// canary soaks while the fleet file is broken, which is told and changes nothing,
// and then says another soak, by which the same rollout goes live; another fleet
// comes and goes. The controller is one process all the while.
func TestFleetFilesChange(t *testing.T) {
	t.Parallel()
	const tasks = 2
	control, ada := strings.Repeat("t", 48), identity.NewToken()
	_, endpoint := startAWS(t)
	task := taskCommand()
	s := newStackOf(t, endpoint, tasks, append([]string{"/usr/bin/env", "CONTROL=" + control, "SLUICE_CONTROL_TOKEN_FILE=env:CONTROL"}, task...)...)
	s.env = []string{
		fmt.Sprintf(`SECRETS={"token": %q, "keys": %q}`, control, strings.Repeat("k", 64)),
		"PEOPLE=ada@example.com admin " + identity.HashToken(ada),
	}
	put := func(file, body string) {
		t.Helper()
		s.must(s.cloud.Upload(t.Context(), "sluice", "config/"+file, []byte(body)))
	}
	slow := strings.Replace(fleetFile, "percent: 50, soak: 200ms", "percent: 50, soak: 1h", 1)
	put("ads.yaml", slow)
	s.must(s.cloud.Train(t.Context(), "first", absolute(t, "baseline"), "training"))
	s.controller = s.launch("controller", "controller", "--fleets", "s3://sluice/config/", "--fleets-every", "1s", "--bucket", "sluice", "--listen", "127.0.0.1:0", "--lease", "5s",
		"--control-token-file", "env:SECRETS:token", "--session-key-file", "env:SECRETS:keys", "--people", "env:PEOPLE")
	s.Cleanup(func() { s.explain("controller") })
	at, err := s.controller.await(`dashboard=(http://\S+)`)
	s.must(err)
	s.api = api.Client{Base: at, Token: ada}
	s.serves("first/output/model", tasks)

	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	s.launch("auction", "auction", "--target", target, "--rate", "800", "--connections", "100", "--tmax", "5s", "--connection-age", "5s")
	q := s.ask(rollout.VerbTry, api.Ask{Source: "s3://training/better.tar.gz", Why: "it is better"})
	soaks := func(f api.Fleet) bool {
		return f.Active != nil && f.Active.ID == q.Rollout && f.Active.Phase == string(rollout.Canary)
	}
	s.fleet("it to soak", soaks)

	put("ads.yaml", strings.Replace(slow, "percent: 50", "percents: 50", 1))
	broken := s.fleet("the broken file to be told", func(f api.Fleet) bool {
		return slices.ContainsFunc(troubles(f), func(e string) bool {
			return strings.Contains(e, "stays in force: s3://sluice/config/ads.yaml: ") && strings.Contains(e, `unknown field "percents"`)
		})
	})
	if !soaks(broken) || s.metric("sluice_files_bad") != "1" {
		t.Errorf("with a broken file: active %+v, metric %s", broken.Active, s.metric("sluice_files_bad"))
	}

	put("ads.yaml", fleetFile)
	s.fleet("the same rollout to go live by another soak", func(f api.Fleet) bool {
		return f.Last != nil && f.Last.ID == q.Rollout && f.Last.Phase == string(rollout.Live) && len(troubles(f)) == 0
	})
	if got := s.metric("sluice_files_bad"); got != "0" {
		t.Errorf("with a good file the metric is %s", got)
	}

	put("native.yaml", strings.NewReplacer("fleet: ads", "fleet: native", "service: inference", "service: native").Replace(fleetFile))
	until(t, "another fleet to be looked at", func() (bool, string) {
		f, err := s.api.Fleet(t.Context(), "native")
		return err == nil && len(troubles(f)) > 0, fmt.Sprint(troubles(f), err) // there is no such service
	})
	newest, err := s.cloud.Newest(t.Context(), "sluice", "config/native.yaml")
	s.must(err)
	s.must(s.cloud.Remove(t.Context(), "sluice", "config/native.yaml", newest))
	until(t, "it to go", func() (bool, string) {
		names, err := s.api.Fleets(t.Context())
		return err == nil && slices.Equal(names, []string{"ads"}), fmt.Sprint(names, err)
	})
	if _, err := s.api.Fleet(t.Context(), "native"); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("a fleet that is gone: %v", err)
	}
	s.fleet("the other one to be looked at as before", func(f api.Fleet) bool { return f.Tasks.OnStable == tasks && len(troubles(f)) == 0 })
	for _, secret := range []string{control, ada, strings.Repeat("k", 64)} {
		if strings.Contains(s.controller.printed(), secret) {
			t.Error("the log holds a secret")
		}
	}
}

// metric is what the controller tells of one, without labels.
func (s *stack) metric(name string) string {
	s.Helper()
	r, err := http.Get(s.api.Base + "/metrics")
	s.must(err)
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	s.must(err)
	_, value, _ := strings.Cut(string(body), "\n"+name+" ")
	value, _, _ = strings.Cut(value, "\n")
	return value
}

// troubles are those of the last look.
func troubles(f api.Fleet) []string {
	if f.Loop == nil {
		return nil
	}
	return f.Loop.Errors
}
