package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/inference/release"
)

const (
	maxBuckets   = 64
	maxTextBytes = 500 // of a task's words that people get to read
	maxNameBytes = 256
)

// withStatus returns t with what the task says of itself, if that makes sense.
func withStatus(t rollout.Task, s *control.Status) (rollout.Task, error) {
	if s == nil {
		return t, errors.New("it says nothing")
	}
	if err := checkStatus(t, s); err != nil {
		return t, err
	}
	t.Boot, t.Reachable, t.Ready = s.Boot, true, s.Ready
	t.Serving, t.Shadow, t.Preparing = s.Release, s.Shadow, s.Preparing
	t.Sample, t.Explore, t.Buckets = s.Sample, s.Explore, int(s.Buckets)
	t.Epoch, t.Generation = s.Epoch, s.Generation
	t.FailedRelease, t.FailureReason, t.Failure = "", "", ""
	if f := s.Failure; f != nil {
		reason := plain(f.Reason)
		detail := strings.TrimPrefix(plain(f.Detail), reason+": ") // tasks may begin with it
		t.FailedRelease, t.FailureReason, t.Failure = f.Release, reason, strings.TrimSuffix(reason+": "+detail, ": ")
	}
	t.MemoryBytes, t.Connections = s.MemoryBytes, int(s.Connections)
	t.Requests, t.Scored, t.Filtered = s.Requests, s.Scored, s.Filtered
	t.Evaluator = plain(s.GetEvaluator())
	if t.Stratum.Zone == "" {
		t.Stratum.Zone = plain(s.GetZone())
	}
	t.Times, t.Health = times(s), health(s)
	if t.StartedAt.IsZero() && s.StartedMs > 0 {
		t.StartedAt = time.UnixMilli(s.StartedMs).UTC()
	}
	t.Error = ""
	return t, nil
}

// times is what the task says its requests took, or nil: one that does not
// tell, or counts in bins that are not ours, is not judged by it.
func times(s *control.Status) *rollout.Times {
	known := func(bins []int64) bool { return len(bins) == judge.LatencyBins && slices.Min(bins) >= 0 }
	told := rollout.Times{Took: s.Latency, Waited: s.Waits}
	if !known(told.Took) {
		return nil
	}
	if !known(told.Waited) {
		told.Waited = nil
	}
	return &told
}

// health is what the task says has become of its auctions, or nil: one that does
// not tell all of it, or what cannot be, is not believed.
func health(s *control.Status) *rollout.Health {
	h := rollout.Health{
		Answered: s.GetAnswered(), Degraded: s.GetDegraded(), Failed: s.GetFailed(), Deadline: time.Duration(s.GetDeadlineUs()) * time.Microsecond,
	}
	told := s.IsSetAnswered() && s.IsSetDegraded() && s.IsSetFailed() && s.IsSetDeadlineUs()
	if !told || min(h.Degraded, h.Failed) < 0 || h.Degraded > h.Answered || h.Deadline <= 0 || h.Deadline > time.Hour {
		return nil
	}
	return &h
}

func checkStatus(t rollout.Task, s *control.Status) error {
	if strings.HasPrefix(s.Task, "arn:") && t.ID != "" && lastPart(s.Task) != t.ID {
		return fmt.Errorf("%s is another task now, %s", t.Address, plain(lastPart(s.Task)))
	}
	if len(s.Boot) == 0 || len(s.Boot) > maxNameBytes {
		return fmt.Errorf("its boot has %d bytes: want 1 to %d", len(s.Boot), maxNameBytes)
	}
	digests := []string{s.Release, s.Shadow, s.Preparing}
	if s.Failure != nil {
		digests = append(digests, s.Failure.Release)
	}
	for _, d := range digests {
		if d != "" && !release.IsDigest(d) {
			return fmt.Errorf("it names a release %q, which is no SHA-256", plain(d))
		}
	}
	for _, share := range []float64{s.Sample, s.Explore} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("it scores or explores a share of %v", share)
		}
	}
	for _, n := range []int64{
		s.Epoch, s.Generation, s.MemoryBytes, s.StartedMs, int64(s.Connections), int64(s.Buckets), s.Requests, s.Scored, s.Filtered,
	} {
		if n < 0 {
			return fmt.Errorf("it counts %d of something", n)
		}
	}
	return nil
}

// lastPart of a task's ARN is its id; a name without slashes is one already.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// plain is text of a task, fit to be shown.
func plain(s string) string {
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s[:min(len(s), maxTextBytes)]), "?")
}
