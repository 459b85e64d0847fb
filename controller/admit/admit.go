// Package admit decides whether an artifact may be tried at all: whether it is
// whole, safe, what its manifest says, and within a fleet's bounds. It looks
// at bytes alone. It fetches nothing, stores nothing, runs nothing that an
// artifact holds, and does not compare models: that is the judge's part.
package admit

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

// Outcome is what became of an artifact.
type Outcome string

// The outcomes. Only Admit leads to a rollout.
const (
	Admit       Outcome = "admit"
	Wait        Outcome = "wait"   // torn: look again once its bytes have changed
	Refuse      Outcome = "refuse" // looking again would not help
	AlreadyLive Outcome = "already_live"
)

// Reasons besides those of release and model.
const (
	Proven     = model.Reason("admitted")
	Live       = model.Reason("already_live")
	FilterRate = model.Reason("filter_rate") // beyond the policy's bounds
)

// Report is the answer about one artifact.
type Report struct {
	Outcome  Outcome      `json:"outcome"`
	Reason   model.Reason `json:"reason"`   // one word
	Sentence string       `json:"sentence"` // for a person: names the thing and the way out
	Digest   string       `json:"digest"`   // of the bytes looked at, torn or not
	Archive  []byte       `json:"-"`        // those bytes: the artifact, with the fleet's manifest where it had none

	// Passport is complete for Admit; else it says where the artifact is from.
	Passport release.Passport `json:"passport"`
}

// Check opens and proves an artifact: an archive, or with a manifest in the
// policy also a model alone. stable is the digest of what the fleet trusts, or
// empty.
func Check(artifact []byte, source release.Source, p Policy, stable string, now time.Time) Report {
	archive, incomplete := p.complete(artifact)
	r := report(archive, source)
	if r.Digest == stable {
		return r.alreadyLive(source)
	}
	if incomplete != nil {
		return r.refused(source, incomplete)
	}
	opened, err := p.open(archive)
	if err != nil {
		return r.refused(source, err)
	}
	predicts, answers := opened.Predicts, len(opened.Manifest.Golden)
	if !bytes.Equal(archive, artifact) { // it was completed: zero may be what nobody wrote
		predicts = predicts && opened.Manifest.Predicted.FilterRate != (release.Interval{})
		answers = max(0, answers-release.CountGolden([]byte(p.ManifestBody)))
	}
	archive, err = p.believe(opened, archive, predicts, answers)
	if err != nil {
		return r.refused(source, err)
	}
	if r = report(archive, source); r.Digest == stable {
		return r.alreadyLive(source)
	}
	r.Passport = passport(opened, r.Passport, answers, now)
	r.Outcome, r.Reason, r.Sentence = Admit, Proven, proven(opened, predicts, r.Passport.Notes)
	return r
}

// believe refuses a proven release whose claims or reading nobody should
// believe, and returns the archive as tasks must have it.
func (p Policy) believe(opened *release.Release, archive []byte, predicts bool, answers int) ([]byte, error) {
	if err := believable(opened, predicts); err != nil {
		return nil, err
	}
	if err := p.confirmed(opened, answers); err != nil {
		return nil, err
	}
	return p.restate(opened, archive)
}

// proven is the sentence about a release that may be tried.
func proven(opened *release.Release, predicts bool, notes []string) string {
	sentence := fmt.Sprintf("%d golden vectors reproduced, %d of them from the auction on; ", len(opened.Manifest.Golden), opened.Auctions())
	if predicts {
		sentence += "predicted filter rate " + rate(opened.Manifest.Predicted.FilterRate)
	} else {
		sentence += "no filter rate is predicted"
	}
	if len(notes) > 0 {
		sentence += ". " + strings.Join(notes, " ")
	}
	return sentence
}

// report begins one about an archive.
func report(archive []byte, source release.Source) Report {
	digest := release.Digest(archive)
	return Report{
		Digest:   digest,
		Archive:  archive,
		Passport: release.Passport{Digest: digest, Bytes: int64(len(archive)), Source: source},
	}
}

// restate returns the archive as tasks must have it, proven as they prove it.
func (p Policy) restate(opened *release.Release, archive []byte) ([]byte, error) {
	restated, err := p.limits().Restate(opened, archive)
	if err != nil || bytes.Equal(restated, archive) {
		return archive, err
	}
	as, err := release.Open(restated)
	if err != nil {
		return archive, err
	}
	return restated, as.Prove()
}

// complete packs the policy's manifest beside a model that came without one.
func (p Policy) complete(artifact []byte) ([]byte, error) {
	if p.ManifestBody == "" {
		return artifact, nil
	}
	archive, err := p.limits().Complete(artifact, []byte(p.ManifestBody))
	if err != nil {
		return artifact, err
	}
	return archive, nil
}

// open returns the release if it is proven and within bounds.
func (p Policy) open(archive []byte) (*release.Release, error) {
	opened, err := p.limits().Open(archive)
	if err != nil {
		return nil, err
	}
	if err := p.within(opened); err != nil {
		return nil, err
	}
	return opened, opened.Prove()
}

func (r Report) alreadyLive(source release.Source) Report {
	r.Outcome, r.Reason = AlreadyLive, Live
	r.Sentence = place(source) + " holds the very bytes that serve already; nothing needs to be tried"
	return r
}

// refused turns an error into Wait where time may heal it, else into Refuse.
func (r Report) refused(source release.Source, err error) Report {
	r.Outcome, r.Reason = Refuse, release.Format
	detail := err.Error()
	var refusal release.Refusal
	if errors.As(err, &refusal) {
		r.Reason, detail = refusal.Reason, refusal.Detail
	}
	if r.Reason == release.Torn {
		r.Outcome = Wait
	}
	r.Sentence = place(source) + ": " + detail
	return r
}

// passport adds what was measured.
func passport(opened *release.Release, p release.Passport, answers int, now time.Time) release.Passport {
	p.Manifest = opened.Manifest
	p.Format, p.Version, p.Objective = opened.Model.Format(), opened.Model.Version(), opened.Model.Objective()
	p.Trees, p.Trained, p.Features = opened.Model.Trees(), opened.Model.Trained(), opened.Features.Len()
	p.Answers, p.Notes = &answers, append(release.Notes(opened.Model, answers), opened.Beside...)
	p.MemoryBytes, p.Evaluator = opened.MemoryBytes(), string(opened.Scorer.Allowed())
	p.Golden = len(opened.Manifest.Golden)
	p.Predicted, p.Intended = opened.Manifest.Predicted, opened.Manifest.IntendedChange
	p.AdmittedAt = now
	return p
}

// place is where an artifact is from; without a bucket, it is a file.
func place(s release.Source) string {
	if s.Job != "" {
		return "training job " + s.Job
	}
	where := s.Key
	if s.Bucket != "" {
		where = "s3://" + s.Bucket + "/" + s.Key
	}
	if strings.ContainsFunc(where, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(where)
	}
	return where
}

func rate(i release.Interval) string {
	return fmt.Sprintf("%.1f %% (%.1f to %.1f %%)", 100*i.Estimate, 100*i.Low, 100*i.High)
}
