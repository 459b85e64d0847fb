package inference

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/sluicehq/sluice/inference/release"
)

// Fetcher reads objects of the control plane's bucket.
type Fetcher interface {
	// Fetch returns the object under key, ErrNotFound where there is none, and
	// ErrTooLarge where it has more than limit bytes; it never holds more than
	// that. Any other error may pass when tried again.
	Fetch(ctx context.Context, key string, limit int64) ([]byte, error)
}

// What a Fetcher reports besides success.
var (
	ErrNotFound = errors.New("no such object")
	ErrTooLarge = errors.New("the object is larger than the limit")
)

const (
	maxStateBytes    = 16 << 20
	maxPassportBytes = 4 << 20
	passportWait     = 2 * time.Second
	keptReleases     = 4
	downloads        = 3 // tries of one preparation
	firstRetryPause  = 200 * time.Millisecond
	maxBootPause     = 5 * time.Second
	giveBackEvery    = 30 * time.Second // at most: it costs a collection
	defaultBuckets   = 16               // until an assignment says otherwise
)

// loader makes releases ready. Only the goroutine of Task.load uses it, so that
// a swap never takes more than one core from the auctions.
type loader struct {
	fetch        Fetcher
	open         func(digest string, archive []byte) (*arm, error)
	said         string // why there was no default release, as logged last
	archiveBytes int64  // limit of one archive
	memoryBytes  int64  // limit of the process; 0 for none
	shelf        []*shelved
	giveBack     func() // returns memory that nobody uses to the system
	dropped      bool   // a release was forgotten, and its memory not given back yet
}

// shelved is a proven release that was fetched, kept for instant return.
type shelved struct {
	archive []byte
	arm     *arm
	served  bool
}

// loadError is a release that could not be made ready.
type loadError struct {
	release, reason string
	lasting         bool
	err             error
}

func (e *loadError) Error() string { return e.reason + ": " + e.err.Error() }
func (e *loadError) Unwrap() error { return e.err }

// obtain returns a proven release. With fresh, one that serves for the first
// time under a new generation, it is opened again from its archive, so that
// its memory is as cold as that of a release opened just now elsewhere.
func (l *loader) obtain(ctx context.Context, digest string, fresh bool) (*arm, error) {
	at := slices.IndexFunc(l.shelf, func(s *shelved) bool { return s.arm.digest == digest })
	if at >= 0 && !fresh {
		return l.shelf[at].arm, nil
	}
	var archive []byte
	var known int64
	if at >= 0 {
		archive, known = l.shelf[at].archive, l.shelf[at].arm.bytes
	} else {
		var err error
		if archive, err = l.download(ctx, digest); err != nil {
			return nil, err
		}
	}
	a, err := l.prove(ctx, digest, archive, known)
	switch {
	case err == nil && at >= 0:
		l.shelf[at].arm = a
	case err == nil:
		l.shelf = append(l.shelf, &shelved{archive: archive, arm: a})
	case at >= 0: // proven before, and nothing says that it is not any more
		return l.shelf[at].arm, ctx.Err()
	}
	return a, err
}

// download fetches an archive and checks that it is the one that was asked for.
func (l *loader) download(ctx context.Context, digest string) ([]byte, error) {
	var archive []byte
	var err error
	for try := range downloads {
		if try > 0 && !pause(ctx, firstRetryPause<<try) {
			break
		}
		if archive, err = l.fetch.Fetch(ctx, release.ArchiveKey(digest), l.archiveBytes); err == nil || errors.Is(err, ErrTooLarge) {
			break
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, &loadError{digest, "download", errors.Is(err, ErrTooLarge), fmt.Errorf("fetch %s: %w", release.ArchiveKey(digest), err)}
	}
	if sum := sha256.Sum256(archive); hex.EncodeToString(sum[:]) != digest {
		return nil, &loadError{digest, "digest", false, fmt.Errorf("what lies under %s has the digest %x", release.ArchiveKey(digest), sum)}
	}
	return archive, nil
}

// prove opens an archive that is known to have that digest, within memory;
// known is what the release took when it was opened before, or 0.
func (l *loader) prove(ctx context.Context, digest string, archive []byte, known int64) (*arm, error) {
	if err := ctx.Err(); err != nil {
		return nil, &loadError{digest, "download", false, err}
	}
	if err := l.room(ctx, digest, int64(len(archive)), known); err != nil {
		return nil, &loadError{digest, "memory", false, err}
	}
	var a *arm
	var err error
	if broken := gently(func() { a, err = l.open(digest, archive) }); broken != nil {
		err = broken
	}
	if err != nil {
		var typed *loadError
		if errors.As(err, &typed) {
			return nil, typed
		}
		return nil, &loadError{digest, "format", true, err}
	}
	return a, nil
}

// room reports whether a release will fit.
func (l *loader) room(ctx context.Context, digest string, archiveBytes, known int64) error {
	if l.memoryBytes == 0 {
		return nil
	}
	need := l.needs(ctx, digest, archiveBytes, known)
	if residentBytes()+need > l.memoryBytes {
		debug.FreeOSMemory()
	}
	if have := residentBytes(); have+need > l.memoryBytes {
		return fmt.Errorf("%d bytes are resident and it needs about %d, which is more than the limit of %d; raise --memory or shrink the model", have, need, l.memoryBytes)
	}
	return nil
}

// needs is about what opening a release takes for a moment: by what it took
// before, else by its passport, else by what its archive may hold.
func (l *loader) needs(ctx context.Context, digest string, archiveBytes, known int64) int64 {
	if known == 0 {
		ctx, cancel := context.WithTimeout(ctx, passportWait)
		defer cancel()
		var p release.Passport
		if b, err := l.fetch.Fetch(ctx, release.PassportKey(digest), maxPassportBytes); err == nil && json.Unmarshal(b, &p) == nil {
			known = p.MemoryBytes
		}
	}
	if known > 0 {
		return 2*known + archiveBytes
	}
	return 16 * archiveBytes
}

// tidy forgets the oldest releases that are neither in force nor the newest
// few, and returns the digests of those that are kept.
func (l *loader) tidy(now *serving) (kept []string) {
	inForce := func(s *shelved) bool { return s.arm == now.active || s.arm == now.beside }
	slices.SortStableFunc(l.shelf, func(a, b *shelved) int { return rank(inForce(a)) - rank(inForce(b)) })
	if extra := len(l.shelf) - keptReleases; extra > 0 {
		l.shelf = slices.Delete(l.shelf, 0, extra)
		l.dropped = true
	}
	for _, s := range l.shelf {
		if s.arm == now.active {
			s.served = true
		}
		kept = append(kept, s.arm.digest)
	}
	return kept
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fresh tells whether a release must be opened again to serve under a new
// generation. One that has served before and is not in force comes back as it
// is: the way back must be instant, and must not be able to fail.
func (l *loader) fresh(a assignment, now *serving) bool {
	if now == nil || a.generation == now.generation && a.release == now.release {
		return false
	}
	if a.release == now.release {
		return true
	}
	for _, s := range l.shelf {
		if s.arm.digest == a.release {
			return !s.served
		}
	}
	return false
}

// load makes ready what is assigned; until something serves, the fleet's
// default. It returns when ctx ends.
func (t *Task) load(ctx context.Context) {
	wait := firstRetryPause
	chance := rand.New(rand.NewPCG(t.salt, 0)) // of this process's own
	boot := time.NewTimer(0)
	defer boot.Stop()
	var gaveBack time.Time
	giveBack := time.NewTimer(giveBackEvery)
	defer giveBack.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.orders.wake:
			a, since, _ := t.orders.current()
			t.prepare(ctx, a, since, false)
			if t.loader.dropped {
				giveBack.Reset(max(0, time.Until(gaveBack.Add(giveBackEvery))))
			}
		case <-giveBack.C:
			if t.loader.dropped {
				t.loader.dropped, gaveBack = false, time.Now()
				t.loader.giveBack()
			}
		case <-boot.C:
			if t.serving.Load() != nil {
				continue
			}
			t.loadDefault(ctx)
			boot.Reset(wait + time.Duration(chance.Int64N(int64(wait)/2)))
			wait = min(2*wait, maxBootPause)
		}
	}
}

// loadDefault serves what a fresh task of this fleet is to serve, and learns
// where the fleet stands.
func (t *Task) loadDefault(ctx context.Context) {
	key := release.FleetKey(t.o.Fleet)
	b, err := t.loader.fetch.Fetch(ctx, key, maxStateBytes)
	var state struct {
		Default    string `json:"default"`
		Epoch      int64  `json:"epoch"`
		Generation int64  `json:"generation"`
	}
	if err == nil {
		err = json.Unmarshal(b, &state)
	}
	if err == nil {
		t.orders.learn(state.Epoch, state.Generation)
	}
	if err == nil && state.Default == "" {
		err = errors.New("the fleet has no default release yet")
	}
	if err == nil && !release.IsDigest(state.Default) {
		err = fmt.Errorf("field default of the fleet's document is %.80q, no SHA-256", state.Default)
	}
	a := assignment{release: state.Default, buckets: defaultBuckets}
	if err != nil {
		t.orders.fail(a, true, failure{reason: "download", detail: "look for the fleet's default release: " + err.Error()})
		if said := err.Error(); said != t.loader.said && ctx.Err() == nil { // it is tried again every few seconds
			t.loader.said = said
			t.log.WarnContext(ctx, "no default release yet", "err", err)
		}
		return
	}
	t.prepare(ctx, a, time.Now(), true)
}

// prepare brings an assignment into force, or notes why that could not be.
func (t *Task) prepare(ctx context.Context, a assignment, since time.Time, isDefault bool) {
	if now := t.serving.Load(); now != nil && now.assignment == a {
		if t.orders.commit(a, isDefault, func() {}) == nil {
			return
		}
	}
	working, done := t.orders.begin(ctx, a, isDefault)
	defer done()
	err := t.swap(working, a, since, isDefault)
	switch {
	case err == nil:
		return
	case errors.Is(err, errOvertaken), working.Err() != nil:
		reason := "overtaken"
		if ctx.Err() != nil {
			reason = "draining"
		}
		t.log.InfoContext(ctx, "preparation given up", "release", a.release, "generation", a.generation, "reason", reason)
		return
	}
	f := failure{release: a.release, reason: "format", detail: err.Error()}
	var typed *loadError
	if errors.As(err, &typed) {
		f = failure{release: typed.release, reason: typed.reason, detail: typed.err.Error(), lasting: typed.lasting}
	}
	t.orders.fail(a, isDefault, f)
	t.m.failures.WithLabelValues(f.reason).Inc()
	t.log.WarnContext(ctx, "release not made ready", "release", f.release, "generation", a.generation, "reason", f.reason, "err", err)
}

// swap makes both releases ready beside what serves, and exchanges one pointer.
func (t *Task) swap(ctx context.Context, a assignment, since time.Time, isDefault bool) error {
	now := t.serving.Load()
	active, err := t.loader.obtain(ctx, a.release, t.loader.fresh(a, now))
	if err != nil {
		return err
	}
	var beside *arm
	if a.shadow != "" {
		if beside, err = t.loader.obtain(ctx, a.shadow, false); err != nil {
			return err
		}
	}
	next := &serving{
		assignment: a, since: time.Now(), active: active, beside: beside,
		sampleBelow: newLimit(a.sample), exploreBelow: newLimit(a.explore), m: t.m.serving(a.release), seats: new(seats),
	}
	if now != nil && now.active == active && now.generation == a.generation {
		next.since = now.since
	}
	if err := t.orders.commit(a, isDefault, func() { t.putInForce(next) }); err != nil {
		return err
	}
	t.m.swapSeconds.Observe(time.Since(since).Seconds())
	t.log.InfoContext(ctx, "assignment in force", "release", a.release, "shadow", a.shadow, "generation", a.generation, "evaluator", active.evaluator)
	return nil
}

func (t *Task) putInForce(next *serving) {
	key := countsKey{next.release, next.shadow, next.generation}
	next.counts = t.ledger.open(key)
	var before []string
	for _, s := range t.loader.shelf {
		before = append(before, s.arm.digest)
	}
	t.serving.Store(next)
	kept := t.loader.tidy(next)
	t.m.swapped(next, slices.DeleteFunc(before, func(d string) bool { return slices.Contains(kept, d) }))
}

// pause reports whether d passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}
