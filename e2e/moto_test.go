package e2e

import (
	"flag"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/local/localtest"
)

var motoPython = flag.String("moto", "", "watch the training jobs of a moto server, by a Python that has it")

// TestMoto takes models from SageMaker as moto plays it to live, the first at
// once, the second through shadow and canary steps under load. S3 and ECS are
// this machine's: moto's ECS starts nothing.
func TestMoto(t *testing.T) {
	if *motoPython == "" {
		t.Skip("make moto plays this")
	}
	python, err := exec.LookPath(*motoPython)
	if err != nil {
		t.Fatal(err)
	}
	const tasks = 4
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	moto := s.startMoto(python)
	s.env = []string{"AWS_ENDPOINT_URL_SAGEMAKER=" + moto}
	trainer := localtest.Open(moto)
	train := func(name, artifact string) {
		t.Helper()
		body, err := model(artifact)
		s.must(err)
		s.must(s.cloud.Upload(t.Context(), "training", "models/"+name+"/output/model.tar.gz", body))
		s.must(trainer.Train(t.Context(), name, "none", "training"))
	}
	train("first", "baseline")
	s.startController()
	s.fleet("first to be live", func(f api.Fleet) bool {
		return f.Last != nil && f.Last.ID == "first" && f.Last.Phase == "live" && f.Tasks.OnStable == tasks
	})

	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	s.launch("auction", "auction", "--target", target, "--rate", "800", "--connections", "100", "--tmax", "5s", "--connection-age", "5s")
	for i := range 120 { // behind whom a listing has empty pages
		s.must(trainer.Train(t.Context(), "others-"+string(rune('a'+i/26))+string(rune('a'+i%26)), "none", "elsewhere"))
	}
	train("second", "better")
	s.fleet("second to be live", func(f api.Fleet) bool { return f.Last != nil && f.Last.ID == "second" && f.Last.Phase == "live" })
	s.serves("second/output/model", tasks)
	second, err := s.api.Rollout(t.Context(), "ads", "second")
	s.must(err)
	for _, phase := range []string{"shadow", "canary", "promoting"} {
		if !slices.ContainsFunc(second.History, func(e api.Event) bool { return e.To == phase }) {
			t.Errorf("second was never in phase %s: %+v", phase, second.History)
		}
	}
	s.must(s.controller.stop())
}

// startMoto starts a moto server and returns its address.
func (s *stack) startMoto(python string) string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free now
	s.must(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	s.must(err)
	s.must(l.Close())
	server := s.launchOf(python, "moto", "-m", "moto.server", "-H", "127.0.0.1", "-p", port)
	url := "http://127.0.0.1:" + port
	until(s, "moto to answer", func() (bool, string) {
		answer, err := http.Get(url + "/moto-api/")
		if err != nil {
			return false, err.Error() + server.printed()
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK, answer.Status
	})
	return url
}
