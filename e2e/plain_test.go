package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// unpack returns the files of an archive.
func unpack(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for in := tar.NewReader(z); ; {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[head.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlainModels tries what SageMaker's own container leaves: a model file
// under a prefix, and the models of two folds, neither with a manifest. The
// contract is the fleet's.
func TestPlainModels(t *testing.T) {
	t.Parallel()
	const tasks = 3
	_, endpoint := startAWS(t)
	s := newStack(t, endpoint, tasks)
	archive, err := model("baseline")
	s.must(err)
	files := unpack(t, archive)
	var manifest release.Manifest
	s.must(json.Unmarshal(files[release.ManifestName], &manifest))
	var auctions []release.Golden // without answers: they were written before the model
	for _, g := range manifest.Golden {
		if len(g.Auction) > 0 {
			auctions = append(auctions, release.Golden{Auction: g.Auction, Partner: g.Partner, TS: g.TS})
		}
	}
	manifest.Golden = auctions
	contract, err := json.Marshal(manifest)
	s.must(err)
	s.must(os.WriteFile(filepath.Join(s.dir, "contract.json"), contract, 0o600))
	fleet := strings.Replace(fleetFile, "admission: {", "admission: {manifest: contract.json, ", 1)
	s.must(os.WriteFile(filepath.Join(s.dir, "fleet.yaml"), []byte(fleet), 0o600))
	booster := files[release.DefaultModel]
	for _, key := range []string{"plain/output/model/xgboost-model", "folds/output/model/xgboost-model-0", "folds/output/model/xgboost-model-1"} {
		s.must(s.cloud.Upload(t.Context(), "training", key, booster))
	}
	s.must(s.cloud.Train(t.Context(), "first", absolute(t, "better"), "training"))
	s.startController()
	s.serves("first/output/model", tasks)

	nlb := s.launch("nlb", "nlb", "--cluster", "ads", "--service", "inference", "--listen", "127.0.0.1:0")
	target, err := nlb.await(`listen=(\S+)`)
	s.must(err)
	s.launch("auction", "auction", "--target", target, "--rate", "800", "--connections", "100", "--tmax", "5s", "--connection-age", "5s")
	for _, prefix := range []string{"plain", "folds"} {
		q := s.ask(rollout.VerbTry, api.Ask{Source: "s3://training/" + prefix + "/output/model/"})
		s.fleet(prefix+" to be live", func(f api.Fleet) bool {
			return f.Last != nil && f.Last.ID == q.Rollout && f.Last.Phase == string(rollout.Live) && f.Tasks.OnStable == tasks
		})
	}
}
