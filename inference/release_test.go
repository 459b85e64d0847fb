package inference

import (
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// A real release, from its archive to an answer.
func TestRealRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newToyShop()
		archive := releasetest.Archive(0.25)
		digest := release.Digest(archive)
		shop.put(release.ArchiveKey(digest), archive)
		shop.setDefault(digest)
		task := newToyTask(t, shop)
		task.loader.open = openRelease
		task.o.Zone = "eu-central-1b"
		r := start(t, task)
		defer r.end()
		if s := r.status(); s.Release != digest || !s.Ready || s.GetEvaluator() != "memo" || s.GetZone() != "eu-central-1b" {
			t.Fatalf("status %v", s)
		}
		opened, err := release.Open(archive)
		if err != nil {
			t.Fatal(err)
		}
		c, conn := r.dial(FramedBinary)
		defer conn.Close()
		partners := append(releasetest.Partners(), "stranger")
		d, err := c.Decide(t.Context(), ask("x"), partners)
		if err != nil || d.Degraded || d.Release != digest {
			t.Fatalf("%v, %v", d, err)
		}
		row := make([]float32, opened.Features.Len())
		for i, p := range partners {
			var q feature.Request
			openRTB(ask("x"), &q)
			q.SetTime(time.Now()) // the bubble's clock stands still
			opened.Features.Extract(row, &q, p)
			want := opened.Model.Score(row)
			if got := d.Partners[i]; got.Score != float64(want) || got.Filtered != (want < opened.Threshold(p)) {
				t.Errorf("%s: %v, want %v below %v", p, got, want, opened.Threshold(p))
			}
		}
	})
}

func TestUnprovenReleasesAreRefused(t *testing.T) {
	good := releasetest.Manifest(0.25)
	wrong := releasetest.Manifest(0.25)
	wrong.Golden = slices.Clone(wrong.Golden)
	wrong.Golden[3].Margin += 1
	swapped := releasetest.Manifest(0.25)
	swapped.Contract.Features[0], swapped.Contract.Features[1] = swapped.Contract.Features[1], swapped.Contract.Features[0]
	tests := []struct {
		name, reason string
		archive      []byte
	}{
		{"another booster", "golden", releasetest.Pack(good, releasetest.Booster(0.5))},
		{"a wrong margin", "golden", releasetest.Pack(wrong, releasetest.Booster(0.25))},
		{"features swapped", "format", releasetest.Pack(swapped, releasetest.Booster(0.25))},
		{"no booster", "format", releasetest.Pack(good, nil)},
		{"no archive", "format", []byte("PK\x03\x04")},
		{"torn", "format", releasetest.Archive(0.25)[:100]},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			shop := newToyShop()
			digest := release.Digest(tt.archive)
			shop.put(release.ArchiveKey(digest), tt.archive)
			task := newToyTask(t, shop)
			task.loader.open = openRelease
			r := start(t, task)
			defer r.end()
			a := assigned(low, 1)
			a.Release = digest
			if s := r.assign(a); s.Ready || s.Failure == nil || s.Failure.Reason != tt.reason {
				t.Errorf("%s: %v", tt.name, s)
			}
		})
	}
}

// BenchmarkRelease is a decide of 20 partners by a trained release, without
// the wire.
func BenchmarkRelease(b *testing.B) {
	archive, err := os.ReadFile("../local/demo/models/better.tar.gz")
	if err != nil {
		b.Fatal(err)
	}
	shop := newToyShop()
	digest := release.Digest(archive)
	shop.put(release.ArchiveKey(digest), archive)
	task := newToyTask(b, shop)
	task.loader.open = openRelease
	force(b, task, assignment{release: digest, buckets: 64})
	w := world.New(1)
	auctions := make([]world.Auction, 256)
	for n := range auctions {
		auctions[n] = w.Auction(uint64(n), world.Moment(uint64(n)))
	}
	s := &session{t: task, id: 1}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		a := &auctions[n%len(auctions)]
		s.d.request, s.d.partners = a.Request, a.Partners
		s.decide(b.Context(), true, time.Now())
		s.decisionReply()
		s.afterReply(b.Context(), time.Now())
		n++
	}
}
