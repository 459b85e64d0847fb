package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// What S3 answers a listing with: so many keys a page, each in so much XML.
const (
	pageKeys   = 1000
	entryBytes = 250
)

// bucket is the documents of a world as S3 keeps them, and counts what is asked
// of it: who wants the newest keys lists them all, page by page.
type bucket struct {
	*world
	counting     sync.Mutex
	calls, bytes int
	sorted       []string // keys by name; nil since one has changed
	lists        error    // what a listing comes to
}

func (b *bucket) count(calls, bytes int) {
	b.counting.Lock()
	defer b.counting.Unlock()
	b.calls, b.bytes = b.calls+calls, b.bytes+bytes
}

func (b *bucket) changed(bytes int) {
	b.count(1, bytes)
	b.counting.Lock()
	defer b.counting.Unlock()
	b.sorted = nil
}

func (b *bucket) Get(ctx context.Context, key string) ([]byte, string, error) {
	body, etag, err := b.world.Get(ctx, key)
	b.count(1, len(body))
	return body, etag, err
}

func (b *bucket) Put(ctx context.Context, key string, body []byte, etag string) (string, error) {
	b.changed(len(body))
	return b.world.Put(ctx, key, body, etag)
}

func (b *bucket) Replace(ctx context.Context, key string, body []byte) error {
	b.changed(len(body))
	return b.world.Replace(ctx, key, body)
}

func (b *bucket) List(_ context.Context, prefix string, limit int) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := b.under(prefix)
	pages := max(1, (len(keys)+pageKeys-1)/pageKeys)
	b.count(pages, len(keys)*(entryBytes+len(prefix)))
	slices.SortFunc(keys, func(x, y string) int { return b.documents[y].seq - b.documents[x].seq })
	return keys[:min(limit, len(keys))], b.lists
}

func (b *bucket) under(prefix string) []string {
	b.counting.Lock()
	defer b.counting.Unlock()
	if b.sorted == nil {
		b.sorted = slices.Sorted(maps.Keys(b.documents))
	}
	first, _ := slices.BinarySearch(b.sorted, prefix)
	n := slices.IndexFunc(b.sorted[first:], func(key string) bool { return !strings.HasPrefix(key, prefix) })
	if n < 0 {
		n = len(b.sorted) - first
	}
	return slices.Clone(b.sorted[first : first+n])
}

func (b *bucket) put(t testing.TB, key string, v any) {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	b.store(key, body)
}

// store and remove are what others do.
func (b *bucket) store(key string, body []byte) { b.write(key, body); b.sorted = nil }
func (b *bucket) remove(key string)             { delete(b.documents, key); b.sorted = nil }

// aged is a fleet that looks back on so much.
type aged struct {
	*bucket
	store              Store
	rollouts, releases int
	epoch              int64
	leader             *Reconciler
}

// age leaves a bucket as an earlier version of this program filled it, and
// lets this one carry out a first rollout in it.
func age(t testing.TB, rollouts, releases int) *aged {
	t.Helper()
	b := &bucket{world: newWorld()}
	a := &aged{bucket: b, store: Store{Documents: b, Names: []string{"ads"}}, rollouts: rollouts, releases: releases}
	b.store(release.FleetKey("ads"), []byte(`{"fleet":"ads"}`))
	for i := range releases {
		b.admitted(t, i)
	}
	for i := range rollouts {
		b.ended(t, i)
	}
	a.lead()
	a.carryOut(t, "first")
	return a
}

func (b *bucket) admitted(t testing.TB, i int) {
	t.Helper()
	digest := oldDigest(i)
	b.store(release.ArchiveKey(digest), []byte("archive"))
	b.put(t, release.PassportKey(digest), release.Passport{Digest: digest, Format: strings.Repeat("what admission measured ", 80)})
}

func (b *bucket) ended(t testing.TB, i int) {
	t.Helper()
	id := oldID(i)
	b.put(t, finishedKey("ads", id), rollout.Rollout{
		ID: id, Phase: rollout.Superseded, Since: time.Unix(0, 0).Add(time.Duration(i) * time.Hour),
		Sentence: strings.Repeat("what the judge said of it ", 200),
	})
	b.store(history.Key("ads", id, 0), []byte("looks"))
	b.store(history.Key("ads", id, 1), []byte("looks"))
}

// Their names are in no order of time.
func oldDigest(i int) string { return release.Digest(fmt.Append(nil, "release ", i)) }
func oldID(i int) string     { return "job-" + release.Digest(fmt.Append(nil, "rollout ", i))[:12] }

// lead lets another process lead.
func (a *aged) lead() {
	a.epoch++
	f := testFleet()
	f.JobsEvery = 0
	f.Policies.Default.Settle = 0
	r := NewReconciler(f, Ports{a.bucket, a.world, a.world, fakeTasks{a.world}, fakeControl{a.world}, nil}, "leader", slog.New(slog.DiscardHandler))
	r.epoch, r.own, r.until = a.epoch, true, func() time.Time { return time.Now().Add(time.Hour) }
	a.leader = r
}

// carryOut plays a rollout of what serves already, or of the first release, to
// its end in the archive.
func (a *aged) carryOut(t testing.TB, job string) {
	t.Helper()
	a.complete(job, testArtifact("first"), 0)
	for began := time.Now(); time.Since(began) < time.Minute; { // admission runs beside the passes
		_, _ = a.leader.Pass(t.Context()) // what went wrong shows in the end
		s, err := a.store.State(t.Context(), "ads")
		if err != nil {
			t.Fatal(err)
		}
		if _, taken := s.Seen[job]; taken && s.Active == nil && len(s.Queue)+len(s.Finished) == 0 {
			return
		}
	}
	t.Fatalf("%s does not end", job)
}

// cost is what one doing asks of S3.
type cost struct{ calls, bytes int }

func (a *aged) cost(t testing.TB, do func(*aged) error) cost {
	t.Helper()
	calls, bytes := a.calls, a.bytes
	if err := do(a); err != nil {
		t.Fatal(err)
	}
	return cost{a.calls - calls, a.bytes - bytes}
}

// doing is what is done every day, and what it may ask of S3 at most. Listed is
// for what shows as many as there are.
type doing struct {
	name   string
	listed bool
	most   cost
	do     func(*aged) error
}

func doings(ctx context.Context) []doing {
	return []doing{
		{"pass", false, cost{3, 10 << 10}, func(a *aged) error { _, err := a.leader.Pass(ctx); return err }},
		{"start", false, cost{4, 15 << 10}, func(a *aged) error {
			a.lead()
			_, err := a.leader.Pass(ctx)
			return err
		}},
		{"finished-50", true, cost{52, 350 << 10}, func(a *aged) error {
			return fifty(a.store.Finished(ctx, "ads", 50))
		}},
		{"releases-50", true, cost{52, 200 << 10}, func(a *aged) error {
			return fifty(a.store.releases(ctx, 50))
		}},
		{"rollout", true, cost{2, 10 << 10}, func(a *aged) error {
			_, err := a.store.Rollout(ctx, "ads", oldID(3))
			return err
		}},
		{"chunks", true, cost{1, 1 << 10}, func(a *aged) error {
			chunks, err := a.store.Chunks(ctx, "ads", oldID(3))
			if err == nil && len(chunks) != 2 {
				err = fmt.Errorf("%d chunks, want 2", len(chunks))
			}
			return err
		}},
	}
}

// releases are the newest passports, as a list shows them.
func (s Store) releases(ctx context.Context, limit int) ([]release.Passport, error) {
	digests, err := s.Digests(ctx, "", limit)
	if err != nil {
		return nil, err
	}
	return s.Admitted(ctx, digests)
}

func fifty[T any](list []T, err error) error {
	if err == nil && len(list) != 50 {
		return fmt.Errorf("%d listed, want 50", len(list))
	}
	return err
}

// TestGrowth holds that what a fleet looks back on costs nothing: 10,000
// rollouts and 1,000 releases ask no more of S3 than none, and where as many
// are shown, no more than 600 of each.
func TestGrowth(t *testing.T) {
	empty, some, grown := age(t, 0, 0), age(t, 600, 600), age(t, 10_000, 1000)
	for _, d := range doings(t.Context()) {
		least := empty
		if d.listed {
			least = some
		}
		want, got := least.cost(t, d.do), grown.cost(t, d.do)
		if got.calls > want.calls || float64(got.bytes) > 1.02*float64(want.bytes) {
			t.Errorf("%s costs %+v after a long time, %+v after a short one", d.name, got, want)
		}
		if got.calls > d.most.calls || got.bytes > d.most.bytes {
			t.Errorf("%s costs %+v, more than %+v", d.name, got, d.most)
		}
	}
	least, most := len(empty.documents[release.FleetKey("ads")].body), len(grown.documents[release.FleetKey("ads")].body)
	if float64(most) > 1.02*float64(least) {
		t.Errorf("state.json has %d bytes after a long time, %d after a short one", most, least)
	}
}

// names are the newest rollouts and releases as they are listed.
func (a *aged) names(t *testing.T, limit int) (rollouts, digests []string) {
	t.Helper()
	finished, err := a.store.Finished(t.Context(), "ads", limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range finished {
		rollouts = append(rollouts, r.ID)
	}
	releases, err := a.store.releases(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range releases {
		digests = append(digests, p.Digest)
	}
	return rollouts, digests
}

func (a *aged) wantNames(t *testing.T, when string, rollouts, digests []string) {
	t.Helper()
	gotRollouts, gotDigests := a.names(t, len(rollouts))
	if !slices.Equal(gotRollouts, rollouts) {
		t.Errorf("%s, the newest rollouts are %v, want %v", when, gotRollouts, rollouts)
	}
	if gotDigests = gotDigests[:min(len(gotDigests), len(digests))]; !slices.Equal(gotDigests, digests) {
		t.Errorf("%s, the newest releases are %v, want %v", when, gotDigests, digests)
	}
}

// TestIndexKnowsAll lets everything happen to an index that may, and what it
// leaves out is listed all the same.
func TestIndexKnowsAll(t *testing.T) {
	a := age(t, 700, 700)
	first := release.Digest(testArtifact("first"))
	a.wantNames(t, "after the first rollout", []string{"first", oldID(699), oldID(698)}, []string{first, oldDigest(699)})
	if all, _ := a.names(t, 700); len(all) != 700 || all[699] != oldID(1) {
		t.Errorf("700 are wanted, and %d are listed", len(all))
	}

	a.forgetIndexed(t) // an earlier version leads
	a.ended(t, 700)
	a.admitted(t, 700)
	a.wantNames(t, "after an earlier version", []string{oldID(700), "first"}, []string{oldDigest(700), first})
	a.lead()
	a.lists = errors.New("slow down")
	a.carryOut(t, "second") // nothing waits for an index
	a.lists = nil
	a.wantNames(t, "while S3 lists nothing", []string{"second", oldID(700)}, []string{oldDigest(700), first})
	a.carryOut(t, "third")
	if s, _ := a.store.State(t.Context(), "ads"); !s.Indexed {
		t.Error("no index is kept any more")
	}
	a.wantNames(t, "with an index again", []string{"third", "second", oldID(700), "first"}, []string{oldDigest(700), first})

	for _, key := range []string{finishedIndex("ads").key, releasesIndex().key} {
		a.bucket.store(key, []byte("{torn"))
	}
	a.wantNames(t, "with damaged indexes", []string{"third", "second"}, []string{oldDigest(700), first})
	a.carryOut(t, "fourth")
	a.wantNames(t, "with an index mended", []string{"fourth", "third", "second"}, []string{oldDigest(700), first})
	a.remove(finishedIndex("ads").key)
	a.wantNames(t, "without an index", []string{"fourth", "third", "second"}, []string{oldDigest(700), first})
	a.carryOut(t, "fifth")
	a.carryOut(t, "sixth")
	if keys, _, err := a.store.indexed(t.Context(), finishedIndex("ads")); err != nil || len(keys) != maxNewest || keys[0] != finishedKey("ads", "sixth") {
		t.Errorf("%d keys are named, want %d and the newest first: %v", len(keys), maxNewest, err)
	}
	a.remove(finishedKey("ads", "sixth"))
	got, err := a.store.Finished(t.Context(), "ads", 2)
	if err != nil || len(got) != 1 || got[0].ID != "fifth" {
		t.Errorf("with the newest moved elsewhere: %d rollouts, %v", len(got), err)
	}
}

// TestArchiveIsWalked goes from page to page, past what an index names, while
// more is archived.
func TestArchiveIsWalked(t *testing.T) {
	a := age(t, 700, 700)
	a.lead()
	walked := func(list func(from string, limit int) ([]string, error)) (all []string) {
		for from := ""; ; {
			ids, err := list(from, 101)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ids[:min(100, len(ids))]...)
			if len(ids) <= 100 {
				return all
			}
			from = ids[100]
			a.carryOut(t, fmt.Sprintf("meanwhile-%d", len(all)))
		}
	}
	rollouts := walked(func(from string, limit int) ([]string, error) {
		return a.store.Archived(t.Context(), "ads", from, limit)
	})
	digests := walked(func(from string, limit int) ([]string, error) { return a.store.Digests(t.Context(), from, limit) })
	for i := range 700 {
		if id := oldID(699 - i); !slices.Contains(rollouts, id) || slices.Index(rollouts, id) != len(rollouts)-700+i {
			t.Fatalf("%s is not where it should be among %d", id, len(rollouts))
		}
		if d := oldDigest(699 - i); !slices.Contains(digests, d) {
			t.Fatalf("release %d is left out", 699-i)
		}
	}
	if over, err := a.store.Ended(t.Context(), "ads", rollouts[:3]); err != nil || len(over) != 3 || over[0].ID != rollouts[0] {
		t.Errorf("read %d of the newest, %v", len(over), err)
	}
	if _, err := a.store.Archived(t.Context(), "ads", "nobody", 3); !errors.Is(err, ErrNotFound) {
		t.Errorf("from one that is not there: %v", err)
	}
}

// forgetIndexed writes the state as a version without indexes does.
func (a *aged) forgetIndexed(t *testing.T) {
	t.Helper()
	s, err := a.store.State(t.Context(), "ads")
	if err != nil || !s.Indexed {
		t.Fatalf("indexed: %v, %v", s.Indexed, err)
	}
	s.Indexed = false
	a.put(t, release.FleetKey("ads"), s)
}

// TestIndexKilledAnywhere ends the leader before and after each write of a
// rollout: whatever is stored in the end is named.
func TestIndexKilledAnywhere(t *testing.T) {
	kill := 0
	for again := true; again; kill++ {
		synctest.Test(t, func(t *testing.T) { again = indexKilledAt(t, kill) })
	}
	if kill < 20 {
		t.Errorf("there were only %d moments to be killed at", kill)
	}
}

// indexKilledAt ends the leader at one moment, and reports whether there was
// such a moment.
func indexKilledAt(t *testing.T, kill int) (killed bool) {
	b := &bucket{world: newWorld()}
	a := &aged{bucket: b, store: Store{Documents: b, Names: []string{"ads"}}}
	b.put(t, release.FleetKey("ads"), rollout.State{Fleet: "ads", Indexed: true})
	a.lead()
	moment := 0
	die := func(what string) error {
		if moment++; !killed && moment > kill {
			killed = true
			a.epoch++ // of who leads next
		}
		if a.leader.epoch != a.epoch {
			return fmt.Errorf("killed before %s", what)
		}
		return nil
	}
	b.before, b.after = die, die
	a.complete("first", testArtifact("first"), 0)
	for range 20 {
		if a.leader.epoch != a.epoch {
			a.lead()
		}
		_, _ = a.leader.Pass(t.Context())
		synctest.Wait() // for what is looked at beside the passes
	}
	for x, want := range map[index]string{
		finishedIndex("ads"): finishedKey("ads", "first"),
		releasesIndex():      release.PassportKey(release.Digest(testArtifact("first"))),
	} {
		if keys, _, err := a.store.indexed(t.Context(), x); err != nil || !slices.Equal(keys, []string{want}) {
			t.Errorf("killed at moment %d, %s names %v: %v", kill, x.key, keys, err)
		}
	}
	return killed
}

// TestNameAtOnce lets another leader name a release between look and write.
func TestNameAtOnce(t *testing.T) {
	a := age(t, 0, 0)
	name := func(i int) {
		if err := a.store.name(t.Context(), releasesIndex(), release.PassportKey(oldDigest(i))); err != nil {
			t.Error(err)
		}
	}
	a.before = func(string) error {
		a.unhooked(func() { name(1) })
		return nil
	}
	name(2)
	want := []string{release.PassportKey(oldDigest(2)), release.PassportKey(oldDigest(1)), release.PassportKey(release.Digest(testArtifact("first")))}
	if keys, _, err := a.store.indexed(t.Context(), releasesIndex()); err != nil || !slices.Equal(keys, want) {
		t.Errorf("%v are named, want %v: %v", keys, want, err)
	}
}

// BenchmarkGrowth measures every doing on a fleet that looks back on a year,
// and in turn on one that does not, so that a busy machine slows both.
func BenchmarkGrowth(b *testing.B) {
	empty, some, grown := age(b, 0, 0), age(b, 600, 600), age(b, 10_000, 1000)
	for _, d := range doings(b.Context()) {
		b.Run(d.name, func(b *testing.B) {
			least := empty
			if d.listed {
				least = some
			}
			var short, long measured
			b.ResetTimer()
			for b.Loop() {
				short.add(b, least, d)
				long.add(b, grown, d)
			}
			s, l := short.medians(), long.medians()
			b.ReportMetric(l.took/s.took, "time-ratio")
			b.ReportMetric(l.allocated/s.allocated, "memory-ratio")
			b.ReportMetric(l.took/1e3, "us")
			b.ReportMetric(l.allocated/1024, "KiB-allocated")
			b.ReportMetric(float64(l.s3.calls), "calls")
			b.ReportMetric(float64(s.s3.calls), "calls-before")
			b.ReportMetric(float64(l.s3.bytes)/1024, "KiB-sent")
			b.ReportMetric(float64(s.s3.bytes)/1024, "KiB-sent-before")
			b.ReportMetric(float64(len(grown.documents[release.FleetKey("ads")].body)), "state-bytes")
			b.ReportMetric(float64(len(least.documents[release.FleetKey("ads")].body)), "state-bytes-before")
		})
	}
}

// measured is what a doing took, each time, and asked of S3, the last time.
type measured struct {
	took, allocated []float64
	s3              cost
}

func (m *measured) add(b *testing.B, a *aged, d doing) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	m.s3 = a.cost(b, d.do)
	m.took = append(m.took, float64(time.Since(began)))
	runtime.ReadMemStats(&after)
	m.allocated = append(m.allocated, float64(after.TotalAlloc-before.TotalAlloc))
}

type medians struct {
	took, allocated float64
	s3              cost
}

func (m *measured) medians() medians {
	slices.Sort(m.took)
	slices.Sort(m.allocated)
	return medians{m.took[len(m.took)/2], m.allocated[len(m.allocated)/2], m.s3}
}
