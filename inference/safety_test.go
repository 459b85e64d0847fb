package inference

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/inference/release"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

// bench is a task whose bucket lies: objects are torn, exchanged and lost, and
// some releases carry golden vectors of another booster.
type bench struct {
	t        *testing.T
	task     *Task
	shop     *toyShop
	archives [][]byte
	sound    map[string]bool // digests of releases that can be proven
	opened   map[*arm][]byte // what each was made of
	newest   int64           // generation
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, shop: newToyShop(), sound: map[string]bool{}, opened: map[*arm][]byte{}}
	for _, golden := range []float32{0, 0.25, 0.5} {
		for _, booster := range []float32{0, 0.25} {
			b.put(releasetest.Manifest(golden), booster, golden == booster)
		}
	}
	skewed := releasetest.Manifest(0) // its rows fit the booster, but nothing makes them any more
	hour, floor := &skewed.Contract.Features[0], &skewed.Contract.Features[1]
	hour.Source, floor.Source = floor.Source, hour.Source
	b.put(skewed, 0, false)
	b.task = newToyTask(t, b.shop)
	b.task.loader.open = func(digest string, archive []byte) (*arm, error) {
		if release.Digest(archive) != digest {
			t.Fatalf("opens as %s what has the digest %s", digest, release.Digest(archive))
		}
		a, err := openRelease(digest, archive)
		if err == nil {
			b.opened[a] = archive
		}
		return a, err
	}
	return b
}

func (b *bench) put(m release.Manifest, booster float32, sound bool) {
	archive := releasetest.Pack(m, releasetest.Booster(booster))
	b.archives = append(b.archives, archive)
	b.sound[release.Digest(archive)] = sound
	b.shop.put(release.ArchiveKey(release.Digest(archive)), archive)
}

// happen damages the bucket, or asks the task for something.
func (b *bench) happen(what, which, how byte) {
	archive := b.archives[int(which)%len(b.archives)]
	digest, key := release.Digest(archive), release.ArchiveKey(release.Digest(archive))
	other := b.archives[int(how)%len(b.archives)]
	switch what % 10 {
	case 0:
		b.shop.put(key, archive[:int(how)*len(archive)/256])
	case 1:
		b.shop.put(key, other)
	case 2:
		flipped := append([]byte(nil), archive...)
		flipped[int(how)*len(archive)/256] ^= 1 << (which % 8)
		b.shop.put(key, flipped)
	case 3:
		b.shop.put(key, archive)
	case 4:
		b.shop.setDefault(digest)
		if b.task.serving.Load() == nil {
			b.task.loadDefault(b.t.Context())
		}
	default:
		b.newest += int64(how % 2)
		a := assignment{release: digest, buckets: 1, generation: b.newest}
		if how%3 == 0 {
			a.shadow, a.sample = release.Digest(other), 0.5
		}
		if err := b.task.orders.take(a, 1, time.Now()); err != nil {
			b.t.Fatal(err)
		}
		b.task.prepare(b.t.Context(), a, time.Now(), false)
	}
}

// check looks at what serves: it must have been made of the very bytes of its
// name, and be one that can be proven.
func (b *bench) check() {
	now := b.task.serving.Load()
	if now == nil {
		return
	}
	b.checkArm(now.active, now.release)
	if now.shadow != "" || now.beside != nil {
		b.checkArm(now.beside, now.shadow)
	}
}

func (b *bench) checkArm(a *arm, digest string) {
	b.t.Helper()
	if a == nil || a.digest != digest || release.Digest(b.opened[a]) != digest {
		b.t.Fatalf("serves something else than %s", digest)
	}
	if !b.sound[digest] {
		b.t.Fatalf("serves %s, which cannot be proven", digest)
	}
}

func servesOnlyProven(t *testing.T, history []byte) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for len(history) >= 3 && len(history) < 300 {
			b.happen(history[0], history[1], history[2])
			b.check()
			history = history[3:]
		}
	})
}

// FuzzServesOnlyProven lives through any history of assignments from a bucket
// that lies: whatever serves is what its digest says, and proven.
func FuzzServesOnlyProven(f *testing.F) {
	f.Add([]byte{5, 0, 1, 0, 3, 9, 5, 3, 1, 3, 3, 0, 5, 3, 1, 5, 1, 1})
	f.Add([]byte{4, 1, 0, 4, 0, 0, 1, 3, 0, 6, 3, 3, 6, 0, 3})
	f.Fuzz(servesOnlyProven)
}

// TestServesOnlyProven does so for histories from fixed seeds.
func TestServesOnlyProven(t *testing.T) {
	for seed := range uint64(60) {
		servesOnlyProven(t, randomBytes(seed, 120))
	}
}

func randomBytes(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	bytes := make([]byte, n)
	for i := range bytes {
		bytes[i] = byte(rng.Uint32())
	}
	return bytes
}

// obeysNewest gives a task's orders to controllers of any epoch, in any order:
// the newest epoch seen never falls, and nothing of a deposed controller is
// taken. What the newest is, the test knows by itself.
func obeysNewest(t *testing.T, asks []byte) {
	o := newOrders()
	newest, under := int64(0), int64(0)
	for len(asks) >= 3 {
		epoch, generation := int64(asks[0]%4), int64(asks[1]%4)
		a := assignment{release: strings.Repeat(string("0123456789abcdef"[asks[2]%16]), 64), buckets: 1 + int(asks[2]>>4), generation: generation}
		asks = asks[3:]
		before, given := o.wanted, o.given
		err := o.take(a, epoch, time.Time{})
		deposed := epoch < newest
		newest = max(newest, epoch)
		switch {
		case o.epoch != newest:
			t.Fatalf("the newest epoch seen is %d, the task knows %d", newest, o.epoch)
		case deposed && err == nil:
			t.Fatalf("obeyed epoch %d after %d", epoch, newest)
		case err != nil && o.wanted != before:
			t.Fatal("refused, and taken")
		case err == nil && o.wanted != a:
			t.Fatal("neither refused nor taken")
		case err == nil && given && epoch == under && generation < before.generation:
			t.Fatal("went back within an epoch")
		}
		if err == nil {
			under = epoch
		}
	}
}

// FuzzOrders fuzzes what obeysNewest checks.
func FuzzOrders(f *testing.F) {
	f.Add([]byte{1, 1, 0, 2, 1, 1, 1, 9, 0, 2, 0, 1})
	f.Fuzz(obeysNewest)
}

// TestRandomOrders does so from fixed seeds.
func TestRandomOrders(t *testing.T) {
	for seed := range uint64(300) {
		obeysNewest(t, randomBytes(seed, 60))
	}
}
