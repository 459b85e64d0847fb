package controller

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	// chronicleEvery is how long looks wait to be stored together, while
	// nothing is decided by them.
	chronicleEvery = 30 * time.Second
	// maxPending bounds the looks that wait because they cannot be stored.
	maxPending = 512
)

// chronicle keeps the looks of a rollout, for ever. Those that are not stored
// yet lie in the checkpoint, so that none is lost with the process.
type chronicle struct {
	Chunk   int     `json:"chunk"` // into which the oldest of Pending goes, if it fits
	Pending []noted `json:"pending,omitempty"`

	writer *history.Writer // of Chunk; nil until it is looked up
	etag   string          // of what is stored of Chunk
	stored time.Time       // the last time
}

// noted is a look with the policy that it was judged by.
type noted struct {
	Policy judge.Policy `json:"policy"`
	Look   history.Look `json:"look"`
}

// note adds a look. What it forgets for want of room it reports.
func (c *chronicle) note(n noted) error {
	c.Pending = append(c.Pending, n)
	if len(c.Pending) <= maxPending {
		return nil
	}
	c.Pending = c.Pending[1:]
	return errors.New("forget the oldest look: so many could not be stored")
}

// due reports whether looks have waited for long enough.
func (c *chronicle) due(now time.Time) bool {
	since := now.Sub(c.stored)
	return len(c.Pending) > 0 && (since < 0 || since >= chronicleEvery)
}

// keepLooks appends the looks that wait to what is stored. Storing them again,
// after a reply was lost or by another process, changes nothing.
func (f *Reconciler) keepLooks(ctx context.Context) error {
	j := f.memo.judging
	if j == nil || len(j.Log.Pending) == 0 {
		return nil
	}
	ctx, cancel := f.memo.keeping.bound(ctx)
	defer cancel()
	chunk := j.Log.Chunk
	err := f.writeLooks(ctx, j)
	if f.memo.keeping.failed = err != nil; err != nil {
		j.Log.writer, j.Log.Chunk = nil, chunk // what is stored is the truth
		return fmt.Errorf("keep the looks of rollout %s: %w", j.rollout, err)
	}
	j.Log.Pending, j.Log.stored = nil, time.Now()
	return nil
}

// settle stores looks after everything else is done: those that have waited
// for long, those of a decision that did not wait for them, and all when
// nothing of a rollout will be judged any more. They may be another process's.
func (f *Reconciler) settle(ctx context.Context, s rollout.State, decided bool) error {
	r := s.Active
	j, over := f.memo.judging, !judged(r)
	if j == nil && over && r != nil && r.Phase == rollout.RollingBack && r.Candidate != "" && f.memo.settled != r.ID {
		var err error
		if j, err = f.judging(ctx, r.ID); err != nil {
			return err
		}
	}
	if j == nil {
		return nil
	}
	if over || decided || j.Log.due(time.Now()) {
		if err := f.keepLooks(ctx); err != nil {
			return err // again in the next pass
		}
	}
	if over {
		f.memo.judging, f.memo.settled = nil, j.rollout
	}
	return nil
}

// writeLooks appends all that wait, chunk by chunk.
func (f *Reconciler) writeLooks(ctx context.Context, j *judging) error {
	c := &j.Log
	if c.writer == nil {
		if err := f.openChunk(ctx, j, c.Chunk, c.Pending[0]); err != nil {
			return err
		}
	}
	for _, n := range c.Pending {
		if err := f.makeRoom(ctx, j, n); err != nil {
			return err
		}
		if err := c.writer.Append(n.Look); err != nil {
			return err
		}
	}
	return f.putChunk(ctx, j)
}

// makeRoom goes on to the next chunk where the look does not fit into this one.
func (f *Reconciler) makeRoom(ctx context.Context, j *judging, n noted) error {
	c := &j.Log
	header := c.writer.Header()
	if c.writer.Takes(f.program, n.Policy) && (header.Count == 0 || n.Look.Number == header.First+header.Count) {
		return nil
	}
	if header.Count == 0 { // of another program or policy: nothing of it is wanted
		return f.beginChunk(j, n)
	}
	if err := f.putChunk(ctx, j); err != nil {
		return err
	}
	c.Chunk++
	if err := f.openChunk(ctx, j, c.Chunk, n); err != nil {
		return err
	}
	return f.makeRoom(ctx, j, n)
}

// openChunk continues a chunk before the look, or begins it. What cannot be
// continued stays as it is, and another is begun.
func (f *Reconciler) openChunk(ctx context.Context, j *judging, chunk int, next noted) error {
	c := &j.Log
	key := history.Key(f.Fleet.Name, j.rollout, chunk)
	c.Chunk, c.etag = chunk, ""
	body, etag, err := f.Documents.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return f.beginChunk(j, next)
	}
	if err != nil {
		return err
	}
	c.etag = etag
	stored, err := history.Open(key, body)
	if err == nil && stored.First <= next.Look.Number {
		c.writer, err = history.Resume(key, body, next.Look.Number-1)
	}
	if err != nil || stored.First > next.Look.Number { // damaged, of another program, or numbered otherwise
		return f.openChunk(ctx, j, chunk+1, next)
	}
	return nil
}

// beginChunk begins the chunk for a look, without storing it yet.
func (f *Reconciler) beginChunk(j *judging, next noted) (err error) {
	j.Log.writer, err = history.New(history.Header{Program: f.program, Rollout: j.rollout, Chunk: j.Log.Chunk, Policy: next.Policy})
	return err
}

// putChunk stores the chunk, if nobody else has since it was opened.
func (f *Reconciler) putChunk(ctx context.Context, j *judging) error {
	c := &j.Log
	body, err := c.writer.Bytes()
	if err != nil {
		return err
	}
	c.etag, err = f.Documents.Put(ctx, history.Key(f.Fleet.Name, j.rollout, c.Chunk), body, c.etag)
	return err
}

// program is the version that judges, as the Go toolchain stamped it.
func program() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version = s.Value
		}
	}
	return version
}
