package nights

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/inference/release"
)

// object is one key of the bucket with all its versions, the newest last.
type object struct {
	versions []version
	gone     bool
	seq      int // of the last write, over all keys
}

type version struct {
	body []byte
	etag string
	mark string // by which a write knows itself again, as controller/aws does
}

// bucket is a versioned S3 bucket. It is used on the schedule's goroutine only.
type bucket struct {
	objects map[string]*object
	writes  int
	wrote   func(by *process, key string, old, body []byte) // after a write
}

func newBucket() *bucket {
	return &bucket{objects: map[string]*object{}, wrote: func(*process, string, []byte, []byte) {}}
}

func (b *bucket) get(key string) (version, bool) {
	o := b.objects[key]
	if o == nil || o.gone {
		return version{}, false
	}
	return o.versions[len(o.versions)-1], true
}

// keptVersions bounds what is remembered of a key.
const keptVersions = 64

func (b *bucket) write(by *process, key string, body []byte, mark string) string {
	old, _ := b.get(key)
	o := b.objects[key]
	if o == nil {
		o = &object{}
		b.objects[key] = o
	}
	b.writes++
	etag := fmt.Sprintf("%x", md5.Sum(body))
	o.versions = append(o.versions, version{slices.Clone(body), etag, mark})
	o.versions = o.versions[max(0, len(o.versions)-keptVersions):]
	o.gone, o.seq = false, b.writes
	b.wrote(by, key, old.body, body)
	return etag
}

// put is a conditional write. An empty etag creates.
func (b *bucket) put(by *process, key string, body []byte, etag, mark string) (string, error) {
	now, there := b.get(key)
	if there != (etag != "") || now.etag != etag {
		return "", controller.ErrStale
	}
	return b.write(by, key, body, mark), nil
}

func (b *bucket) list(prefix string, limit int) []string {
	var keys []string
	for key, o := range b.objects {
		if strings.HasPrefix(key, prefix) && !o.gone {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(x, y string) int { return b.objects[y].seq - b.objects[x].seq })
	return keys[:min(limit, len(keys))]
}

// documents is the bucket as one process has it: over a network that loses
// requests and replies, with the retries of the SDK and the second look of
// controller/aws after a refused condition.
type documents struct {
	w    *world
	proc *process
}

var _ controller.Documents = documents{}

const (
	attempts     = 3               // of the SDK
	attemptTakes = 5 * time.Second // at most
)

// onBehalf is the key of the context that says for whom a server asks.
type onBehalf struct{}

func (d documents) who(ctx context.Context) string {
	if person, ok := ctx.Value(onBehalf{}).(string); ok {
		return d.proc.name + " for " + person
	}
	return d.proc.name
}

// once makes one attempt.
func (d documents) once(ctx context.Context, what string, menu []fault, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTakes)
	defer cancel()
	return d.w.wait(call{proc: d.proc, who: d.who(ctx), what: what, ctx: ctx, menu: menu, do: do})
}

// again makes attempts until one is answered.
func (d documents) again(ctx context.Context, what string, menu []fault, do func() error) (err error) {
	for try := range attempts {
		if try > 0 && !pause(ctx, 100*time.Millisecond<<(2*try)) {
			break
		}
		err = d.once(ctx, what, menu, do)
		if err == nil || errors.Is(err, controller.ErrNotFound) || errors.Is(err, controller.ErrStale) || errors.Is(err, errConflict) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

var (
	reads  = []fault{lostRequest, lateReply, silent, busy}
	writes = []fault{lostRequest, lostReply, lostReply, lateReply, delayed, silent, busy, conflict}
)

func (d documents) Get(ctx context.Context, key string) (body []byte, etag string, err error) {
	var found version
	err = d.again(ctx, "get "+key, reads, func() error {
		v, there := d.w.bucket.get(key)
		if !there {
			return controller.ErrNotFound
		}
		found = v
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return slices.Clone(found.body), found.etag, nil
}

func (d documents) Put(ctx context.Context, key string, body []byte, etag string) (newEtag string, err error) {
	mark := d.w.mark()
	err = d.again(ctx, "put "+key, writes, func() error {
		stored, err := d.w.bucket.put(d.proc, key, body, etag, mark)
		newEtag = stored
		return err
	})
	if errors.Is(err, controller.ErrStale) || errors.Is(err, errConflict) {
		return d.own(ctx, key, mark)
	}
	if err != nil {
		return "", err
	}
	return newEtag, nil
}

// own looks whether a write that was refused has met itself: an earlier attempt
// whose reply was lost.
func (d documents) own(ctx context.Context, key, mark string) (etag string, err error) {
	err = d.again(ctx, "head "+key, reads, func() error {
		if v, there := d.w.bucket.get(key); there && v.mark == mark {
			etag = v.etag
		}
		return nil
	})
	if err != nil || etag == "" {
		return "", fmt.Errorf("put %s: %w", key, controller.ErrStale)
	}
	return etag, nil
}

func (d documents) Replace(ctx context.Context, key string, body []byte) error {
	mark := d.w.mark()
	return d.again(ctx, "replace "+key, writes, func() error {
		d.w.bucket.write(d.proc, key, body, mark)
		return nil
	})
}

func (d documents) List(ctx context.Context, prefix string, limit int) (keys []string, err error) {
	var found []string
	err = d.again(ctx, "list "+prefix, reads, func() error {
		found = d.w.bucket.list(prefix, limit)
		return nil
	})
	return found, err
}

// After implements controller.Documents; no night asks for it.
func (d documents) After(ctx context.Context, prefix, after string, limit int) (keys []string, err error) {
	keys, err = d.List(ctx, prefix, 1<<20)
	slices.Sort(keys)
	keys = slices.DeleteFunc(keys, func(key string) bool { return key <= after })
	return keys[:min(limit, len(keys))], err
}

// fetcher is the bucket as a task has it.
type fetcher struct {
	w    *world
	task *task
}

// fetchTakes is --fetch-timeout, shortened.
const fetchTakes = 6 * time.Second

// Fetch implements inference.Fetcher. What it hands out may be torn.
func (f fetcher) Fetch(ctx context.Context, key string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTakes)
	defer cancel()
	var body []byte
	err := f.w.wait(call{by: f.task, who: f.task.id, what: "fetch " + shortKey(key), ctx: ctx, menu: reads, do: func() error {
		v, there := f.w.bucket.get(key)
		if !there {
			return errNoSuchObject
		}
		body = v.body
		if strings.HasPrefix(key, "releases/") && f.w.sky.torn && f.w.maybe(.05) {
			body = body[:f.w.chance.IntN(len(body))]
		}
		f.w.touch(f.task.id)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return slices.Clone(body), nil
}

func stateKey() string { return release.FleetKey(fleetName) }

// shortKey names a key as a person would.
func shortKey(key string) string {
	parts := strings.Split(key, "/")
	for i, p := range parts {
		if len(p) == 64 {
			parts[i] = p[:8]
		}
	}
	return strings.Join(parts, "/")
}

// pause reports whether d passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
