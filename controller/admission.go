package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/rollout"
)

// admission is what looking at an artifact came to, with its bytes.
type admission struct {
	rollout string
	pin     string // version and ETag it was made of
	archive []byte
	report  admit.Report
}

// lookAtArtifact says whether the artifact of a rollout may be tried.
func (f *Reconciler) lookAtArtifact(ctx context.Context, r rollout.Rollout) (*rollout.Admission, error) {
	found, err := f.admission(ctx, r)
	a := &rollout.Admission{Rollout: r.ID, Outcome: rollout.AdmissionWait, Reason: rollout.AwaitArtifact}
	switch {
	case errors.Is(err, ErrNotFound):
		a.Sentence = fmt.Sprintf("s3://%s/%s is not there yet", r.Source.Bucket, r.Source.Key)
		return a, nil
	case errors.Is(err, ErrChanged):
		a.Sentence = fmt.Sprintf("s3://%s/%s is being overwritten", r.Source.Bucket, r.Source.Key)
		return a, nil
	case errors.Is(err, ErrTooLarge):
		a.Outcome, a.Reason, a.Sentence = rollout.AdmissionRefused, "too_large", fmt.Sprintf("s3://%s/%s: %v", r.Source.Bucket, r.Source.Key, err)
		return a, nil
	case err != nil:
		return nil, err
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

// admission pins, fetches and checks the artifact of a rollout, once per pin.
func (f *Reconciler) admission(ctx context.Context, r rollout.Rollout) (*admission, error) {
	source := r.Source
	if r.Candidate == "" { // not pinned yet
		var err error
		if source, _, err = f.Artifacts.Pin(ctx, source); err != nil {
			return nil, err
		}
	}
	pin := source.VersionID + " " + source.ETag
	if known := f.memo.admission; known != nil && known.rollout == r.ID && known.pin == pin {
		return known, nil
	}
	artifact, err := f.Artifacts.Fetch(ctx, source, f.Fleet.Admission.Limit())
	if err != nil {
		return nil, err
	}
	report := admit.Check(artifact, source, f.Fleet.Admission, "", time.Now())
	f.memo.admission = &admission{rollout: r.ID, pin: pin, archive: report.Archive, report: report}
	return f.memo.admission, nil
}

// lost says why the pinned artifact of a rollout is no longer to be had; empty
// while it is.
func (f *Reconciler) lost(ctx context.Context, r rollout.Rollout) (string, error) {
	_, err := f.admission(ctx, r)
	if errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound) {
		return fmt.Sprintf("s3://%s/%s was overwritten or removed before the release was stored; version the bucket, or let every job write to a place of its own",
			r.Source.Bucket, r.Source.Key), nil
	}
	return "", err
}
