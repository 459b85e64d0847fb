package release_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// A row that was made of its auction as once auctions were read is proven by the
// first rules, so as long as nobody has to decide on the release any more.
func TestGoldenOfAnEarlierReading(t *testing.T) {
	m := releasetest.Manifest(0)
	m.Golden[0].TS = 0 // which once was midnight of a Thursday, and is no time at all
	archive := releasetest.Pack(m, releasetest.Booster(0))
	prove := func(l release.Limits) error {
		r, err := l.Open(archive)
		if err != nil {
			t.Fatal(err)
		}
		return r.Prove()
	}
	if err := prove(release.DefaultLimits()); err != nil {
		t.Errorf("loaded by a task: %v", err)
	}
	if err := prove(release.AdmissionLimits()); !errors.As(err, &release.Refusal{}) || !strings.Contains(err.Error(), "train again with the one of this version") {
		t.Errorf("admitted: %v", err)
	}
	m.Reading = model.SecondRules
	archive = releasetest.Pack(m, releasetest.Booster(0))
	if err := prove(release.DefaultLimits()); err == nil || !strings.Contains(err.Error(), "train again") {
		t.Errorf("loaded by a task, by the second rules: %v", err)
	}
	m.Reading = 0
	if m.Golden[0].Features[0] == nil || *m.Golden[0].Features[0] != 0 {
		t.Errorf("the row says %v, and proves nothing", m.Golden[0].Features[0])
	}
	*m.Golden[0].Features[0] = 1
	archive = releasetest.Pack(m, releasetest.Booster(0))
	if err := prove(release.DefaultLimits()); err == nil || !strings.Contains(err.Error(), `feature "hour" of its auction is missing here and was 1 in training`) {
		t.Errorf("a wrong row: %v", err)
	}
}

// Auctions that say more than the wire can are filled in as a task would be
// asked.
func TestCompleteReadsAsServed(t *testing.T) {
	m := releasetest.Manifest(0)
	for i := range m.Golden {
		m.Golden[i].Features = nil
	}
	m.Golden[0].TS, m.Golden[1].Auction = 0, []byte(`{"imp":[{"bidfloor":1.000000059604644776}]}`)
	archive, err := release.DefaultLimits().Complete(releasetest.Booster(0), encoded(t, m))
	if err != nil {
		t.Fatal(err)
	}
	r, err := release.AdmissionLimits().Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Prove(); err != nil {
		t.Error(err)
	}
	// The double nearest to that floor lies between two floats, and goes to the even one.
	if g := r.Manifest.Golden; g[0].Features[0] != nil || *g[1].Features[1] != 1 {
		t.Errorf("hour %v, floor %v", g[0].Features[0], *g[1].Features[1])
	}
}
