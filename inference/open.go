package inference

import (
	"errors"

	"github.com/sluicehq/sluice/inference/release"
)

// openRelease opens and proves a release, and warms it up. Every error is a
// *loadError that time does not heal.
func openRelease(digest string, archive []byte) (*arm, error) {
	r, err := release.Open(archive)
	if err == nil && r.Digest != digest {
		err = errors.New("the archive is that of release " + r.Digest)
	}
	if err == nil {
		err = r.Prove()
	}
	if err != nil {
		return nil, &loadError{release: digest, reason: reasonOf(err), lasting: true, err: err}
	}
	r.Warm()
	// The rest is not needed any more, and may be large.
	thresholds, other := r.Manifest.Thresholds, r.Manifest.DefaultThreshold
	threshold := func(partner string) float32 {
		if v, ok := thresholds[partner]; ok {
			return v
		}
		return other
	}
	a := newArm(digest, r.Scorer, threshold)
	a.bytes = r.MemoryBytes()
	a.evaluator = r.Scorer.Way()
	return a, nil
}

// reasonOf is the word of control.thrift for a refusal, which is coarser than
// the refusal's own: the detail starts with that one.
func reasonOf(err error) string {
	var refusal release.Refusal
	if errors.As(err, &refusal) && refusal.Reason == release.BadGolden {
		return "golden"
	}
	return "format"
}
