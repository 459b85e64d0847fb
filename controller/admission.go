package controller

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// admission is what looking at an artifact came to, with its bytes.
type admission struct {
	rollout string
	pin     string // version and ETag it was made of
	archive []byte
	report  admit.Report
}

// examination is one look at an artifact: it may take far longer than a pass,
// so it runs beside the passes, and a later one picks up what it came to. A
// reconciler has one at a time.
type examination struct {
	rollout string
	cancel  context.CancelFunc
	late    atomic.Bool   // nobody waits: its end is to wake the loop
	done    chan struct{} // closed at its end, after which the rest may be read
	found   *admission
	err     error
}

const (
	// examineFor is how long a look may take.
	examineFor = 10 * time.Minute
	// examineNow is how long the pass that begins one waits for it: most
	// artifacts are small.
	examineNow = 500 * time.Millisecond
)

// errLooking means that the look at an artifact is under way.
var errLooking = errors.New("still looking at it")

// lookAtArtifact says whether the artifact of a rollout may be tried. Whatever
// keeps it from being read is a reason to wait, and no trouble of ours.
func (f *Reconciler) lookAtArtifact(ctx context.Context, r rollout.Rollout) (*rollout.Admission, error) {
	found, err := f.admission(ctx, r)
	place := fmt.Sprintf("s3://%s/%s", r.Source.Bucket, r.Source.Key)
	a := &rollout.Admission{Rollout: r.ID, Outcome: rollout.AdmissionWait, Reason: rollout.AwaitArtifact}
	switch {
	case errors.Is(err, errLooking):
		a.Outcome, a.Sentence = rollout.AdmissionLooking, "still looking at "+place
		return a, nil
	case ctx.Err() != nil:
		return nil, err
	case errors.Is(err, ErrNotFound):
		a.Sentence = place + " is not there yet"
		return a, nil
	case errors.Is(err, ErrChanged):
		a.Sentence = place + " is being overwritten"
		return a, nil
	case errors.Is(err, ErrTooLarge):
		a.Outcome, a.Reason, a.Sentence = rollout.AdmissionRefused, "too_large", fmt.Sprintf("%s: %v", place, err)
		return a, nil
	case err != nil:
		a.Sentence = fmt.Sprintf("%s cannot be read: %v", place, err)
		return a, nil
	}
	report := found.report
	a.Reason, a.Sentence, a.Digest, a.Source = rollout.Reason(report.Reason), report.Sentence, report.Digest, report.Passport.Source
	a.Predicted, a.Intended, a.Reference = report.Passport.Predicted, report.Passport.Intended, report.Passport.Manifest.ReferenceScores
	switch report.Outcome {
	case admit.Wait:
	case admit.Refuse:
		a.Outcome = rollout.AdmissionRefused
	case admit.Admit, admit.AlreadyLive:
		a.Outcome = rollout.AdmissionOK
	}
	return a, nil
}

// await waits for the end of the look, for so long at most.
func (e *examination) await(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	select {
	case <-e.done:
	case <-ctx.Done():
	}
}

// ended reports whether the look has come to something.
func (e *examination) ended() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// admission is what the artifact of a rollout is like, from a look that has
// ended, or errLooking.
func (f *Reconciler) admission(ctx context.Context, r rollout.Rollout) (*admission, error) {
	if known := f.memo.admission; r.Candidate != "" && known != nil && known.rollout == r.ID && known.pin == pinOf(r.Source) {
		return known, nil
	}
	if f.memo.examination == nil {
		f.memo.examination = f.examine(ctx, r)
		f.memo.examination.await(ctx, examineNow)
	}
	e := f.memo.examination
	switch {
	case e.ended():
	case ctx.Err() != nil:
		return nil, fmt.Errorf("wait for the look at the artifact: %w", ctx.Err())
	default:
		e.late.Store(true)
		return nil, errLooking
	}
	f.memo.examination = nil
	if e.rollout != r.ID { // of a rollout that nobody asks about any more
		return f.admission(ctx, r)
	}
	if e.err == nil {
		f.memo.admission = e.found
	}
	return e.found, e.err
}

// examine begins a look, which outlives the pass: until it ends, forgetArtifact
// or stopLooking.
func (f *Reconciler) examine(ctx context.Context, r rollout.Rollout) *examination {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), examineFor)
	e := &examination{rollout: r.ID, cancel: cancel, done: make(chan struct{})}
	known := f.memo.admission
	go func() {
		defer cancel()
		e.found, e.err = f.read(ctx, r, known)
		close(e.done)
		if e.late.Load() {
			f.Wake()
		}
	}()
	return e
}

// read pins, fetches and checks the artifact of a rollout, once per pin.
func (f *Reconciler) read(ctx context.Context, r rollout.Rollout, known *admission) (_ *admission, err error) {
	source := r.Source
	if r.Candidate == "" { // not pinned yet
		if source, _, err = f.Artifacts.Pin(ctx, source); err != nil {
			return nil, err
		}
	}
	pin := pinOf(source)
	if known != nil && known.rollout == r.ID && known.pin == pin {
		return known, nil
	}
	artifact, err := f.Artifacts.Fetch(ctx, source, f.Fleet.Admission.Limit())
	if err != nil {
		return nil, err
	}
	report := admit.Check(artifact, source, f.Fleet.Admission, "", time.Now())
	return &admission{rollout: r.ID, pin: pin, archive: report.Archive, report: report}, nil
}

func pinOf(s release.Source) string { return s.VersionID + " " + s.ETag }

// forgetArtifact lets go of what is known of artifacts, but of those that the
// active rollout needs. A look that is in vain is called off; its end is not
// waited for, but no other one begins before.
func (f *Reconciler) forgetArtifact(active *rollout.Rollout) {
	if e := f.memo.examination; e != nil && (active == nil || active.ID != e.rollout) {
		e.cancel()
		if e.ended() {
			f.memo.examination = nil
		}
	}
	if active == nil { // nobody will ask for its bytes again
		f.memo.admission = nil
	}
}

// stopLooking calls off the look that is under way, and waits for its end.
func (f *Reconciler) stopLooking() {
	if e := f.memo.examination; e != nil {
		e.cancel()
		<-e.done
		f.memo.examination = nil
	}
}

// lost says why the pinned artifact of a rollout is no longer to be had; empty
// while it is.
func (f *Reconciler) lost(ctx context.Context, r rollout.Rollout, now time.Time) (string, error) {
	_, err := f.admission(ctx, r)
	wait := f.Fleet.Policies.For(r.ID).ArtifactWait
	switch {
	case errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound):
		return fmt.Sprintf("s3://%s/%s was overwritten or removed before the release was stored; version the bucket, or let every job write to a place of its own",
			r.Source.Bucket, r.Source.Key), nil
	case errors.Is(err, errLooking):
		return "", nil
	case err != nil && ctx.Err() == nil && now.Sub(r.Since) >= wait:
		return fmt.Sprintf("s3://%s/%s could not be stored as a release within %v (artifact_wait): %v", r.Source.Bucket, r.Source.Key, wait, err), nil
	}
	return "", err
}
