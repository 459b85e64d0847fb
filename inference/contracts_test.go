package inference

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/inference/auction"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
)

// listener is a release that notes its scores.
type listener struct {
	*release.Scorer
	mu     sync.Mutex
	scores map[string]float32
}

func (l *listener) Score(scratch *release.Scratch, r *feature.Request, partners []uint32, scores []float32) {
	l.Scorer.Score(scratch, r, partners, scores)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scores[strings.Clone(r.ID)] = scores[0]
}

// The models that were trained by the contracts in deploy are admitted, and
// answer over the wire what XGBoost answered, where the clock has no part in it.
func TestExampleContractsServe(t *testing.T) {
	for name, clocked := range map[string]bool{"traffic-shaping": false, "header-bidding": true} {
		archive, err := os.ReadFile("testdata/contracts/" + name + ".tar.gz")
		if err != nil {
			t.Fatal(err)
		}
		r, err := release.AdmissionLimits().Open(archive)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := r.Prove(); err != nil || r.Auctions() < 8 {
			t.Fatalf("%s: %d auctions, %v", name, r.Auctions(), err)
		}
		body, err := os.ReadFile("../deploy/contracts/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var c feature.Contract
		if err := json.Unmarshal(body, &c); err != nil || !reflect.DeepEqual(c, r.Manifest.Contract) {
			t.Errorf("%s was trained by another contract than deploy has, %v", name, err)
		}
		if clocked {
			continue
		}
		var log strings.Builder
		want := map[string]float32{}
		for _, g := range r.Manifest.Golden {
			if len(g.Auction) == 0 {
				continue
			}
			request, err := feature.ParseJSON(g.Auction)
			if err != nil {
				t.Fatal(err)
			}
			want[request.ID] = g.Score
			fmt.Fprintf(&log, `{"request":%s,"partners":[%q]}`+"\n", g.Auction, g.Partner)
		}
		said := &listener{Scorer: r.Scorer, scores: map[string]float32{}}
		askAbout(t, said, log.String(), auction.Compact)
		if len(want) < 8 {
			t.Errorf("%s: %d auctions only", name, len(want))
		}
		for id, score := range want {
			if got, ok := said.scores[id]; !ok || math.Float32bits(got) != math.Float32bits(score) {
				t.Errorf("%s, %s: scores %v, %v, in training %v", name, id, got, ok, score)
			}
		}
	}
}
