package controller

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/inference/release"
)

// world is a cloud in memory: documents, training jobs with their artifacts,
// and tasks that serve auctions at a steady pace. before and after are called
// around everything a controller changes in it.
type world struct {
	mu        sync.Mutex
	documents map[string]document
	writes    int
	artifacts map[string][]byte // by key
	jobs      []rollout.Job
	tasks     map[string]*fakeTask
	newest    int
	crashed   []rollout.Crash
	excess    map[string]float64 // filter rate that a release adds to 0.2, by digest

	partners []string

	wrote  rollout.State // of state.json, last
	lapses []string      // writes of it that lost an earlier one

	turn          sync.Mutex // held while a hook runs
	before, after func(what string) error
	twice         bool // every message arrives twice
	ecsDown       bool

	last *Reconciler // that played in it
}

type document struct {
	body []byte
	etag string
	seq  int
}

type fakeTask struct {
	rollout.Task
	epoch int64
	since time.Time
	past  []stint
}

// stint is a time in which a task served one release under one generation.
type stint struct {
	release, shadow string
	sample          float64
	buckets         int
	generation      int64
	seconds         float64
}

func (t *fakeTask) stints() []stint {
	now := stint{t.Serving, t.Shadow, t.Sample, t.Buckets, t.Generation, time.Since(t.since).Seconds()}
	return append(slices.Clone(t.past), now)
}

func newWorld() *world {
	w := &world{
		documents: map[string]document{}, artifacts: map[string][]byte{}, tasks: map[string]*fakeTask{}, excess: map[string]float64{},
		partners: []string{"acme", "globex", "initech"},
	}
	for _, id := range []string{"a", "b", "c", "d"} {
		w.start(id)
	}
	return w
}

func (w *world) start(id string) {
	w.tasks[id] = &fakeTask{Task: rollout.Task{ID: id, Address: id, Boot: id + fmt.Sprint(w.newest), Reachable: true}}
	w.newest++
}

// clone returns a world that goes its own way from here, without hooks.
func (w *world) clone() *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &world{
		documents: maps.Clone(w.documents), writes: w.writes, artifacts: maps.Clone(w.artifacts), jobs: slices.Clone(w.jobs),
		tasks: map[string]*fakeTask{}, newest: w.newest, crashed: slices.Clone(w.crashed), excess: maps.Clone(w.excess),
		partners: w.partners, wrote: w.wrote,
	}
	for id, t := range w.tasks {
		twin := *t
		c.tasks[id] = &twin
	}
	return c
}

// change runs one change of the world between the hooks, and again if messages
// arrive twice. The look is left for people and decides nothing: no hook sees
// it.
func (w *world) change(what string, do func() error) error {
	hooked := !strings.HasSuffix(what, "look.json")
	if hooked {
		if err := w.hook(&w.before, what); err != nil {
			return err
		}
	}
	w.mu.Lock()
	err := do()
	if w.twice {
		_ = do()
	}
	w.mu.Unlock()
	if hooked {
		if err := w.hook(&w.after, what); err != nil {
			return err
		}
	}
	return err
}

func (w *world) hook(hook *func(string) error, what string) error {
	w.turn.Lock()
	defer w.turn.Unlock()
	if *hook == nil {
		return nil
	}
	return (*hook)(what)
}

// unhooked runs f from within a hook, which ends by it.
func (w *world) unhooked(f func()) {
	w.before, w.after = nil, nil
	w.turn.Unlock()
	defer w.turn.Lock()
	f()
}

func (w *world) Get(_ context.Context, key string) ([]byte, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, ok := w.documents[key]
	if !ok {
		return nil, "", fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	return d.body, d.etag, nil
}

func (w *world) Put(_ context.Context, key string, body []byte, etag string) (newETag string, err error) {
	err = w.change("put "+key, func() error {
		if d := w.documents[key]; d.etag != etag {
			if newETag != "" && d.etag == newETag {
				return nil // its own repetition
			}
			return ErrStale
		}
		newETag = w.write(key, body)
		return nil
	})
	return newETag, err
}

func (w *world) Replace(_ context.Context, key string, body []byte) error {
	return w.change("replace "+key, func() error {
		w.write(key, body)
		return nil
	})
}

func (w *world) write(key string, body []byte) string {
	w.writes++
	if key == release.FleetKey("ads") {
		w.remember(body)
	}
	w.documents[key] = document{slices.Clone(body), fmt.Sprintf("%x-%d", md5.Sum(body), w.writes), w.writes}
	return w.documents[key].etag
}

// remember notes when a write of the state takes back what an earlier one said.
func (w *world) remember(body []byte) {
	var s rollout.State
	if err := json.Unmarshal(body, &s); err != nil {
		w.lapses = append(w.lapses, err.Error())
	}
	if was := w.wrote; s.Epoch < was.Epoch || s.LastEvent < was.LastEvent || s.Generation < was.Generation {
		w.lapses = append(w.lapses, fmt.Sprintf("epoch %d, event %d, generation %d were written over by %d, %d, %d",
			was.Epoch, was.LastEvent, was.Generation, s.Epoch, s.LastEvent, s.Generation))
	}
	w.wrote = s
}

func (w *world) List(_ context.Context, prefix string, limit int) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := slices.Collect(maps.Keys(w.documents))
	keys = slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) })
	slices.SortFunc(keys, func(a, b string) int { return w.documents[b].seq - w.documents[a].seq })
	return keys[:min(limit, len(keys))], nil
}

func (w *world) After(_ context.Context, prefix, after string, limit int) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := slices.Sorted(maps.Keys(w.documents))
	keys = slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) || k <= after })
	return keys[:min(limit, len(keys))], nil
}

func (w *world) Pin(_ context.Context, s release.Source) (release.Source, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.artifacts[s.Key]
	if !ok {
		return s, 0, ErrNotFound
	}
	s.ETag = fmt.Sprintf("%x", md5.Sum(b))
	return s, int64(len(b)), nil
}

func (w *world) Fetch(_ context.Context, s release.Source, limit int64) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.artifacts[s.Key]
	switch {
	case int64(len(b)) > limit:
		return nil, ErrTooLarge
	case s.ETag != fmt.Sprintf("%x", md5.Sum(b)):
		return nil, ErrChanged
	}
	return b, nil
}

func (w *world) Completed(_ context.Context, _ []string, since time.Time) ([]rollout.Job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.jobs), func(j rollout.Job) bool { return j.CompletedAt.Before(since) }), nil
}

// complete lets a training job end.
func (w *world) complete(name string, artifact []byte, excess float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.artifacts[name] = artifact
	w.excess[release.Digest(artifact)] = excess
	w.jobs = append(w.jobs, rollout.Job{Source: release.Source{Job: name, Bucket: "training", Key: name}, CompletedAt: time.Now()})
}

// fakeTasks and fakeControl are what ECS and the tasks themselves show.
type (
	fakeTasks   struct{ *world }
	fakeControl struct{ *world }
)

func (w fakeTasks) List(context.Context) (listed []rollout.Task, desired int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ecsDown {
		return nil, 0, errors.New("throttled")
	}
	for _, id := range slices.Sorted(maps.Keys(w.tasks)) {
		t := w.tasks[id]
		listed = append(listed, rollout.Task{ID: t.ID, Address: t.Address, Tag: t.Tag, Protected: t.Protected, Stratum: t.Stratum})
	}
	return listed, len(w.tasks), nil
}

func (w fakeTasks) Gone(_ context.Context, silent []string) (gone []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ecsDown {
		return nil, errors.New("throttled")
	}
	return slices.DeleteFunc(slices.Clone(silent), func(id string) bool { return w.tasks[id] != nil }), nil
}

func (w fakeTasks) Crashed(context.Context) ([]rollout.Crash, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ecsDown {
		return nil, errors.New("throttled")
	}
	return slices.Clone(w.crashed), nil
}

func (w fakeTasks) Tag(_ context.Context, task, digest string) error {
	return w.change("tag", func() error {
		if t := w.tasks[task]; t != nil {
			t.Tag = digest
		}
		return nil
	})
}

func (w fakeTasks) Protect(_ context.Context, tasks []string, on bool) error {
	return w.change("protect", func() error {
		for _, task := range tasks {
			if t := w.tasks[task]; t != nil {
				t.Protected = on
			}
		}
		return nil
	})
}

func (w fakeTasks) Stop(_ context.Context, task, _ string) error {
	return w.change("stop", func() error {
		delete(w.tasks, task)
		return nil
	})
}

func (w fakeControl) Status(_ context.Context, t rollout.Task) (rollout.Task, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.tasks[t.ID]
	if f == nil || !f.Reachable {
		return t, errors.New("connection refused")
	}
	told := f.Task
	told.Tag, told.Protected, told.Epoch = t.Tag, t.Protected, f.epoch
	return told, nil
}

func (w fakeControl) Assign(_ context.Context, address string, a rollout.Assign, epoch int64) error {
	return w.change("assign", func() error {
		t := w.tasks[address]
		switch {
		case t == nil || !t.Reachable:
			return errors.New("connection refused")
		case epoch < t.epoch:
			return ErrStaleEpoch
		case epoch == t.epoch && a.Generation < t.Generation:
			return errors.New("stale generation")
		}
		t.epoch = epoch
		if _, stored := w.documents[release.ArchiveKey(a.Release)]; !stored {
			t.FailedRelease, t.FailureReason, t.Failure = a.Release, "download", "there is no such release"
			return nil
		}
		if t.Generation != a.Generation || t.Serving != a.Release {
			t.past = t.stints()
			t.since = time.Now()
		}
		t.Serving, t.Shadow, t.Sample, t.Explore, t.Buckets, t.Generation, t.Ready = a.Release, a.Shadow, a.Sample, a.Explore, a.Buckets, a.Generation, true
		return nil
	})
}

// Counts makes up what a task counts at 1,000 requests a second. A position is
// one more than the requests so far.
func (w fakeControl) Counts(_ context.Context, address string, c Comparison) ([]tally.Report, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tasks[address]
	if t == nil || !t.Reachable {
		return nil, errors.New("connection refused")
	}
	serves := c.Stable
	if c.Arm == judge.Candidate {
		serves = c.Candidate
	}
	stints := slices.DeleteFunc(t.stints(), func(st stint) bool { return st.generation != c.Generation || st.release != serves })
	if len(stints) == 0 {
		return nil, nil
	}
	r := tally.Report{Task: t.ID, Boot: t.Boot, Generation: c.Generation, Arm: c.Arm, Upto: 1, Partners: map[string]tally.Columns{}}
	if c.Boot == t.Boot {
		r.After = c.After
	}
	for _, st := range stints {
		r.Upto += int64(1000 * st.seconds)
	}
	w.add(&r, stints, c, r.Upto-1, 1)
	w.add(&r, stints, c, max(0, r.After-1), -1)
	return []tally.Report{r}, nil
}

// add adds the first n requests of stints to a report, so many times.
func (w fakeControl) add(r *tally.Report, stints []stint, c Comparison, n, times int64) {
	buckets := stints[len(stints)-1].buckets
	for _, st := range stints {
		here := min(n, int64(1000*st.seconds))
		n -= here
		split := func(to *[]int64, share float64, salt int) {
			if *to == nil {
				*to = make([]int64, buckets)
			}
			for g := range *to {
				wobble := 1 + 0.05*float64((g*7+salt*3)%11-5)/5
				(*to)[g] += times * int64(float64(here)*share*wobble/float64(buckets))
			}
		}
		split(&r.Requests, 1, 0)
		split(&r.ShadowRequests, st.sample, 0)
		for i, name := range w.partners {
			cols := r.Partners[name]
			split(&cols.Scored, 1, 0)
			split(&cols.Filtered, 0.2+w.excess[st.release], i) // as the test artifacts predict
			if st.shadow != "" {
				split(&cols.Pairs, st.sample, 0)
				split(&cols.CandidateOnly, st.sample*(0.02+w.excess[c.Candidate]), i)
				split(&cols.StableOnly, st.sample*0.02, i)
			}
			r.Partners[name] = cols
		}
	}
}
