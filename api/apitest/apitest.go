// Package apitest has a control plane in memory for tests of what asks one, at
// moments of a fleet's life.
package apitest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// Fake is a control plane's memory with one fleet, "demo". Mu guards the rest.
type Fake struct {
	Mu        sync.Mutex
	Saved     rollout.State
	Seen      rollout.Look
	Over      []rollout.Rollout
	Passports []release.Passport
	Asked     []rollout.Request
	Stopped   *rollout.Stop
	Logs      map[string][][]byte // chunks of looks, by rollout
	Fail      error               // of every read of the state
	Doubt     error               // of every read of all else that the controller keeps
	Reads     int
}

func (f *Fake) Fleets(context.Context) []string { return []string{"demo"} }

func (f *Fake) State(context.Context, string) (rollout.State, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Reads++
	s := f.Saved
	s.Events, s.Requests = slices.Clone(s.Events), slices.Clone(s.Requests)
	return s, f.Fail
}

func (f *Fake) Look(context.Context, string) (rollout.Look, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if f.Seen.At.IsZero() {
		return rollout.Look{}, api.ErrNotFound
	}
	return f.Seen, f.Doubt
}

// NewLook implements api.Documents: every look may be a new one.
func (f *Fake) NewLook(ctx context.Context, fleet, _ string) (look rollout.Look, mark string, err error) {
	look, err = f.Look(ctx, fleet)
	return look, "", err
}

func (f *Fake) Finished(_ context.Context, _ string, limit int) ([]rollout.Rollout, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	return slices.Clone(f.Over[:min(limit, len(f.Over))]), f.Doubt
}

func (f *Fake) Rollout(_ context.Context, _, id string) (rollout.Rollout, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, r := range f.Over {
		if r.ID == id {
			return r, nil
		}
	}
	return rollout.Rollout{}, fmt.Errorf("rollout %s: %w", id, api.ErrNotFound)
}

func (f *Fake) Chunks(_ context.Context, _, id string) (found []int, err error) {
	for n := range f.Logs[id] {
		found = append(found, n)
	}
	return found, nil
}

func (f *Fake) Chunk(_ context.Context, _, id string, n int) ([]byte, error) {
	if n >= len(f.Logs[id]) {
		return nil, api.ErrNotFound
	}
	return f.Logs[id][n], nil
}

// Stop and SetStop keep the stop of all fleets.
func (f *Fake) Stop(context.Context) (*rollout.Stop, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	return f.Stopped, f.Doubt
}

func (f *Fake) SetStop(_ context.Context, stop *rollout.Stop, e rollout.Entry) (*rollout.Stop, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if i := slices.IndexFunc(f.Saved.Unaudited, func(o rollout.Entry) bool { return o.Wish == e.Wish }); i >= 0 { // asked again
		return f.Stopped, nil
	}
	f.Stopped, f.Saved.Frozen = stop, nil
	if stop != nil {
		f.Saved.Frozen = &rollout.Frozen{By: stop.By, Why: stop.Why, Since: stop.At, Until: stop.Until}
	}
	f.Saved.Unaudited = append(f.Saved.Unaudited, e)
	return stop, nil
}

// Audit tells of what was asked, on one page.
func (f *Fake) Audit(_ context.Context, after string, limit int, wanted func(string) bool) (entries []rollout.Entry, next string, err error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, e := range slices.Backward(f.Saved.Unaudited) {
		if wanted(e.Fleet) && (after == "" || e.Key() > after) {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b rollout.Entry) int { return strings.Compare(a.Key(), b.Key()) })
	if len(entries) > limit {
		entries = entries[:limit]
		next = entries[limit-1].Key()
	}
	return entries, next, f.Doubt
}

func (f *Fake) Archived(_ context.Context, _, from string, limit int) (ids []string, err error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, r := range f.Over {
		ids = append(ids, r.ID)
	}
	return since(ids, from, limit)
}

func (f *Fake) Ended(_ context.Context, _ string, ids []string) (list []rollout.Rollout, err error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, r := range f.Over {
		if slices.Contains(ids, r.ID) {
			list = append(list, r)
		}
	}
	return list, f.Doubt
}

func (f *Fake) Digests(_ context.Context, from string, limit int) (digests []string, err error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, p := range f.Passports {
		digests = append(digests, p.Digest)
	}
	return since(digests, from, limit)
}

func (f *Fake) Admitted(_ context.Context, digests []string) (list []release.Passport, err error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, p := range f.Passports {
		if slices.Contains(digests, p.Digest) {
			list = append(list, p)
		}
	}
	return list, nil
}

// since are up to limit of these from that one on.
func since(ids []string, from string, limit int) ([]string, error) {
	at := max(0, slices.Index(ids, from))
	if from != "" && (at >= len(ids) || ids[at] != from) {
		return nil, api.ErrNotFound
	}
	return ids[at:min(at+limit, len(ids))], nil
}

func (f *Fake) Release(_ context.Context, digest string) (release.Passport, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, r := range f.Passports {
		if r.Digest == digest {
			return r, f.Doubt
		}
	}
	return release.Passport{}, api.ErrNotFound
}

// Manifest is one that tells its digest.
func (f *Fake) Manifest(ctx context.Context, digest string) ([]byte, error) {
	if _, err := f.Release(ctx, digest); err != nil {
		return nil, err
	}
	return []byte("{ \"of\": \"" + digest + "\" }\n"), nil
}

func (f *Fake) Request(_ context.Context, _ string, q rollout.Request) (rollout.Request, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	kept := rollout.Kept{Release: slices.ContainsFunc(f.Passports, func(p release.Passport) bool { return p.Digest == q.Release })}
	for i := range f.Over {
		if f.Over[i].ID == q.Rollout {
			kept.Rollout = &f.Over[i]
		}
	}
	next, noted, err := rollout.Accept(f.Saved, q, kept)
	if err == nil && len(next.Requests) > len(f.Saved.Requests) {
		f.Saved, f.Asked = next, append(f.Asked, noted)
	}
	return noted, err
}

// Tell adds an event.
func (f *Fake) Tell(e rollout.Event) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Saved.LastEvent++
	e.Seq = f.Saved.LastEvent
	f.Saved.Events = append(f.Saved.Events, e)
}

// Digest makes a digest that looks like one from a word.
func Digest(word string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(word)))
}

// Scene is a control plane at a moment of a fleet's life: fresh, idle, unwell, shadow, canary,
// held, promoting, rolled_back, paused, gathering: a canary step that has only
// just begun, or crowd: a canary among 300 tasks, or thousand, among as many.
func Scene(name string, now time.Time) *Fake {
	f := &Fake{}
	if name == "fresh" {
		f.Saved = rollout.State{Fleet: "demo"}
		return f
	}
	stable, older, tried := Digest("better"), Digest("basel"), Digest("blind")
	f.Passports = []release.Passport{
		passport(tried, "partner-blind", now.Add(-4*time.Minute)),
		passport(stable, "better", now.Add(-3*time.Hour)),
		passport(older, "baseline", now.Add(-26*time.Hour)),
	}
	f.Saved = rollout.State{Fleet: "demo", Epoch: 7, Generation: 12, Stable: stable, Previous: older, Default: stable}
	f.Over = past(now)
	f.Seen = rollout.Look{At: now.Add(-time.Second), Leader: "controller-a", Epoch: 7, Took: 38 * time.Millisecond, Every: time.Second}
	n := 8
	switch name {
	case "crowd":
		n = 300
	case "thousand":
		n = 1000
	}
	f.Seen.Seen.Tasks, f.Seen.Seen.Desired = tasks(n, stable, now), n
	f.answer(now)
	for _, r := range slices.Backward(f.Over) {
		f.Tell(rollout.Event{At: r.Since, Rollout: r.ID, Candidate: r.Candidate, From: rollout.Canary, To: r.Phase, Reason: r.Reason, Sentence: r.Sentence, By: r.By})
	}
	switch name {
	case "paused":
		f.Saved.Pause = &rollout.Pause{By: "ada@laptop", Why: "release freeze", At: now.Add(-7 * time.Minute)}
		return f
	case "idle":
		return f
	case "unwell":
		f.degrade(.206)
		return f
	}
	f.begin(name, tried, now)
	f.answer(now)
	return f
}

// canaryFor is how long the one canary has answered in the scenes.
const canaryFor = 80 * time.Second

// answered is how many auctions it answers in such a time.
func answered(in time.Duration) int64 { return int64(each * in.Seconds()) }

// begin makes partner-blind the rollout that is being carried out.
func (f *Fake) begin(name, tried string, now time.Time) {
	r := rollout.Rollout{
		ID: "partner-blind", Source: f.Passports[0].Source, FoundAt: now.Add(-5 * time.Minute), Candidate: tried, Against: f.Saved.Stable,
		Policy: "default", Phase: rollout.Shadow, Reason: rollout.Admitted, Sentence: "admitted: 32 golden vectors reproduced; predicted filter rate 18.2 % (17.9 to 18.5 %)",
		Since: now.Add(-canaryFor), StepSince: now.Add(-canaryFor), Steps: 2, Generation: 12,
		Predicted: f.Passports[0].Predicted,
	}
	verdict := verdictUnsure(now.Add(-time.Second))
	late := map[string]time.Duration{"held": 5 * time.Minute, "doubtful": 2 * time.Minute, "unclear": 11 * time.Minute}[name] // for a while
	r.Since, r.StepSince = r.Since.Add(-late), r.StepSince.Add(-late)
	note := func(from, to rollout.Phase, why rollout.Reason, say string, ago time.Duration) {
		e := rollout.Event{At: now.Add(-ago - late), Rollout: r.ID, Candidate: r.Candidate, From: from, To: to, Reason: why, Sentence: say}
		f.Tell(e)
		e.Seq = f.Saved.LastEvent
		r.History = append(r.History, e)
	}
	note("", rollout.Queued, rollout.Found, "training job partner-blind completed", 5*time.Minute)
	note(rollout.Queued, rollout.Admitting, rollout.Turn, "looking at s3://models/partner-blind/output/model.tar.gz", 4*time.Minute+30*time.Second)
	note(rollout.Admitting, rollout.Shadow, rollout.Admitted, r.Sentence, 4*time.Minute)
	if name == "shadow" { // the tasks that report are the controls then
		for i := range 4 {
			r.ControlTasks = append(r.ControlTasks, taskID(i))
			f.Seen.Seen.Tasks[i].Shadow = tried
		}
	} else {
		r.Phase, r.Reason, r.Sentence = rollout.Canary, rollout.Accepted, "every proof is there: filter rate +0.1 pt, 95 % [-0.4, +0.6]"
		r.CanaryTasks, r.ControlTasks = []string{taskID(0)}, []string{taskID(1)}
		note(rollout.Shadow, rollout.Canary, rollout.Accepted, r.Sentence, canaryFor)
		f.Seen.Seen.Tasks[0].Serving, f.Seen.Seen.Tasks[0].Shadow, f.Seen.Seen.Tasks[0].Protected = tried, f.Saved.Stable, true
		f.Seen.Seen.Exposed = answered(canaryFor + late)
		verdict = verdictServed(now.Add(-time.Second), answered(canaryFor-time.Second))
	}
	switch name {
	case "gathering":
		old := *proven(verdict)
		old.At, old.Sentence = now.Add(-4*time.Second), "ACCEPTABLE: filter_rate_paired +0.1 pt; each proven at E >= 20 (= 1/0.05)"
		r.Step, r.Sentence, r.Verdict = 1, old.Sentence, &old
		r.Since, r.StepSince = now.Add(-3*time.Second), time.Time{}
		note(rollout.Canary, rollout.Canary, rollout.Accepted, r.Sentence, 3*time.Second)
		verdict = nil
	case "crowd":
		f.Seen.Seen.Tasks[100].Reachable, f.Seen.Seen.Tasks[100].Error = false, "connection refused"
	case "held":
		r.Phase, r.Reason, r.HeldFrom, r.HeldUntil = rollout.Held, rollout.DataInvalid, rollout.Canary, now.Add(23*time.Hour+56*time.Minute)
		r.Sentence = "the data cannot be trusted: task " + taskID(1)[:12] + " has not reported for 5m4s; 1 of 2 compared tasks report"
		verdict.Outcome, verdict.Gate, verdict.Sentence = judge.Invalid, judge.GateData, r.Sentence
		note(rollout.Canary, rollout.Held, r.Reason, r.Sentence, -time.Minute)
		r.Since = now.Add(time.Minute - late)
		f.Seen.Seen.Tasks[1].Reachable, f.Seen.Seen.Tasks[1].Error = false, "dial tcp 127.0.0.12:9091: connection refused"
	case "doubtful":
		r.Phase, r.Reason, r.HeldFrom, r.HeldUntil = rollout.Held, rollout.Doubtful, rollout.Canary, now.Add(23*time.Hour+59*time.Minute)
		r.Sentence = "HOLD score_drift: 41.2 % of the candidate's scores lie below its reference's 25 % quantile; a person should look, and promote or abort it"
		verdict.Gate, verdict.Sentence, verdict.Holds = judge.GateDrift, r.Sentence, true
		verdict.Requests, verdict.Needed, verdict.ETA = 0, 0, 0
		note(rollout.Canary, rollout.Held, r.Reason, r.Sentence, -time.Minute)
		r.Since = now.Add(time.Minute - late)
	case "unclear":
		r.Reason, r.Sentence = rollout.Extended, "starved: goes on until 19:02:11 UTC, then back (inconclusive.starved: extend; 3 phase_waits of 2h0m0s)"
		verdict.Outcome, verdict.Class, verdict.ETA = judge.Inconclusive, judge.Starved, 0
		verdict.Sentence = "partner dsp-07 has too little traffic to tell a shift of 3 pt"
	case "promoting":
		r.Phase, r.Reason, r.Sentence, r.Since = rollout.Promoting, rollout.Accepted, "every proof is there", now.Add(-4*time.Second)
		r.CanaryTasks, r.ControlTasks = nil, nil
		r.Verdict, verdict = proven(verdict), nil // nothing is compared any more
		for i := range 5 {
			f.Seen.Seen.Tasks[i].Serving, f.Seen.Seen.Tasks[i].Shadow = tried, ""
		}
		f.Seen.Seen.Tasks[5].Preparing = tried
		f.Seen.Seen.Tasks[6].Failure = "not enough memory: 61 MiB wanted, 40 MiB free"
		f.Saved.Default = tried
		note(rollout.Canary, rollout.Promoting, r.Reason, r.Sentence, 4*time.Second)
	case "rolled_back":
		bad := verdictWorse(now.Add(-25*time.Second), answered(canaryFor-25*time.Second))
		r.Exposed = answered(canaryFor - 25*time.Second)
		r.Phase, r.Reason, r.Sentence, r.Since, r.Verdict = rollout.RolledBack, rollout.CandidateWorse, bad.Sentence, now.Add(-24*time.Second), bad
		note(rollout.Canary, rollout.RollingBack, r.Reason, r.Sentence, 25*time.Second)
		note(rollout.RollingBack, rollout.RolledBack, r.Reason, r.Sentence, 24*time.Second)
		f.Seen.Seen.Tasks[0].Serving, f.Seen.Seen.Tasks[0].Shadow = f.Saved.Stable, ""
		f.Saved.Finished = []rollout.Rollout{r}
		return
	}
	f.Saved.Active, f.Seen.Seen.Verdict = &r, verdict
	f.Saved.Tunings = []rollout.AwaitedTuning{{Name: "depths", Since: now.Add(-time.Hour), Heard: now, Sentence: "4 training jobs wait for tuning job depths: 4 of 10 done"}}
	f.Saved.Queue = []rollout.Rollout{{
		ID: "greedy", Source: source("greedy"), Phase: rollout.Queued, Reason: rollout.Found,
		Sentence: "training job greedy completed", FoundAt: now.Add(-20 * time.Second), Since: now.Add(-20 * time.Second),
	}}
}

func source(job string) release.Source {
	return release.Source{Job: job, Bucket: "models", Key: job + "/output/model.tar.gz", ETag: "\"9f\""}
}

func passport(digest, job string, at time.Time) release.Passport {
	return release.Passport{
		Digest: digest, Bytes: 412_312, Source: source(job), Format: "xgboost-json", Objective: "binary:logistic",
		Trees: 100, Features: 14, MemoryBytes: 1 << 20, Golden: 32, AdmittedAt: at,
		Predicted: release.Predicted{FilterRate: release.Interval{Estimate: 0.182, Low: 0.179, High: 0.185}},
	}
}

func taskID(i int) string { return Digest(fmt.Sprint("task ", i))[:32] }

func tasks(n int, serving string, now time.Time) (out []rollout.Task) {
	for i := range n {
		out = append(out, rollout.Task{
			ID: taskID(i), Address: fmt.Sprintf("127.0.%d.%d:9091", i/200, 11+i%200), Reachable: true, Ready: true, Serving: serving, Tag: serving,
			MemoryBytes: 38<<20 + int64(i)*812_345, Connections: 50 + i, StartedAt: now.Add(-5 * time.Hour),
			Requests: 1_284_113 + int64(i)*10_007, Scored: 9_201_113, Filtered: 1_681_044 + int64(i)*811, Epoch: 7, Generation: 12,
			Stratum: rollout.Stratum{
				Zone: "eu-central-1" + string("ab"[i/2%2]), CapacityProvider: "FARGATE", InstanceType: "fargate", Revision: "inference:12", Deployment: "ecs-svc/4",
			},
		})
	}
	return out
}

// finding is one gate's state; rates and bounds in points of a percent.
func finding(g judge.Gate, partner string, o judge.Outcome, c, s, low, high, band, evidence, threshold, proof, required float64, n int64) judge.Finding {
	return judge.Finding{
		Gate: g, Partner: partner, Outcome: o, CandidateRate: c / 100, StableRate: s / 100, Difference: (c - s) / 100,
		Low: low / 100, High: high / 100, BandLow: -band / 100, BandHigh: band / 100,
		Evidence: evidence, Threshold: threshold, Proof: proof, Required: required, Requests: n, Clusters: 124, Windows: 31,
		Sentence: fmt.Sprintf("candidate %.1f %%, stable %.1f %%", c, s),
	}
}

// upTo makes a gate one-sided, as for errors: fewer are always fine.
func upTo(band float64, f judge.Finding) judge.Finding {
	f.BandLow, f.BandHigh = -1, band/100
	return f
}

// changed holds a gate against the past, in points.
func changed(by float64, f judge.Finding) judge.Finding {
	f.SincePast, f.Difference = true, by/100
	return f
}

func verdictUnsure(at time.Time) *judge.Verdict {
	return &judge.Verdict{
		Outcome: judge.Unsure, Sentence: "filter rate +0.1 pt (candidate 18.3 %, stable 18.2 %), 95 % [-0.9, +1.1] within -2 to +2 pt; 5 of 7 proofs are there, partner dsp-17 is furthest away",
		Looks: 74, At: at, Progress: 0.62, ETA: 48 * time.Second,
		Findings: []judge.Finding{
			finding(judge.GateData, "", judge.Acceptable, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9_412),
			finding(judge.GateFilterRatePaired, "", judge.Acceptable, 18.3, 18.2, -0.9, 1.1, 2, 0.02, 400, 51, 20, 9_412),
			finding(judge.GatePartnersPaired, "dsp-17", judge.Unsure, 22.9, 21.8, -1.4, 3.6, 3, 1.8, 100, 4.2, 20, 1_204),
			upTo(0.2, finding(judge.GateInvalidScores, "", judge.Acceptable, 0, 0, -8.8, 0.02, 0, 0.4, 800, 33, 20, 9_412)),
		},
	}
}

func verdictServed(at time.Time, answered int64) *judge.Verdict {
	v := verdictUnsure(at)
	v.Progress, v.ETA = 0.41, 95*time.Second
	v.Sentence = "partner dsp-07 +2.6 pt (candidate 24.4 %, stable 21.8 %), 95 % [-0.2, +5.4] reaches beyond -3 to +3 pt; not enough yet to tell"
	v.Requests, v.Needed, v.Detectable = 2_811, 6_900, .0171
	v.Findings = append(v.Findings,
		finding(judge.GateFilterRateServed, "", judge.Acceptable, 18.4, 18.2, -1.6, 1.9, 5, 0.3, 400, 27, 20, answered),
		changed(0.08, upTo(0.5, finding(judge.GateLatency, "", judge.Acceptable, 5.29, 2.76, -0.11, 0.27, 0, 0.2, 250, 88, 20, answered))),
		finding(judge.GatePartnersServed, "dsp-07", judge.Unsure, 24.4, 21.8, -0.2, 5.4, 3, 11.2, 100, 0.6, 20, 2_811),
		upTo(0.2, finding(judge.GateErrors, "", judge.Acceptable, 0.01, 0.01, -0.02, 0.03, 0, 0.9, 400, 61, 20, answered)),
	)
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Threshold > 0 {
			f.Alpha = 1 / f.Threshold
			v.Spent = append(v.Spent, judge.Spent{Gate: f.Gate, Alpha: f.Alpha, Evidence: f.Evidence, Threshold: f.Threshold})
		}
	}
	f := &v.Findings[len(v.Findings)-2]
	f.Needed, f.Growth = 6_900, []float64{-.2, .1, .4, .3, .9, 1.4, 1.2, 1.7, 2.1, 2.4}
	f.Drivers = []judge.Driver{{Name: "dsp-07", Share: .83}, {Name: "dsp-21", Share: .09}}
	f.Otherwise = "acceptable, were dsp-07 within +2.1 pt"
	v.Gate, v.Partner = f.Gate, f.Partner
	return v
}

// proven makes a verdict that of a moment at which every proof is there.
func proven(v *judge.Verdict) *judge.Verdict {
	v.Outcome, v.Progress, v.ETA, v.Needed, v.Gate, v.Partner = judge.Acceptable, 1, 0, 0, "", ""
	v.Sentence = "ACCEPTABLE: filter_rate_paired +0.1 pt; each proven at E >= 20 (= 1/0.05)"
	for i, f := range v.Findings {
		if f.Outcome != judge.Acceptable {
			alpha := f.Alpha
			v.Findings[i] = finding(f.Gate, f.Partner, judge.Acceptable, 22.4, 21.8, -1.1, 2.3, 3, 1.2, f.Threshold, 24, f.Required, f.Requests)
			v.Findings[i].Alpha = alpha
		}
	}
	return v
}

func verdictWorse(at time.Time, answered int64) *judge.Verdict {
	v := verdictServed(at, answered)
	v.Outcome, v.Gate, v.Partner, v.Culprits = judge.Worse, judge.GatePartnersServed, "dsp-07", []string{"dsp-07"}
	v.Progress, v.ETA = 0.41, 0
	v.Sentence = "partner dsp-07 is filtered more: candidate 47.1 %, stable 21.8 % (+25.3 pt, 95 % [+17.9, +32.7]), allowed -3 to +3 pt; evidence: E = 5,200 >= 100 (= 1/0.01); 4,120 requests, 124 clusters"
	f := finding(judge.GatePartnersServed, "dsp-07", judge.Worse, 47.1, 21.8, 17.9, 32.7, 3, 5200, 100, 0, 20, 4_120)
	f.Alpha, f.Growth = .01, []float64{-.2, .1, .6, 1.3, 1.9, 2.6, 3.8, 5.1, 7, 8.6}
	f.Drivers = []judge.Driver{{Name: "dsp-07", Share: .97}}
	f.Otherwise = "at this look not worse, had partner_margin been 17 pt or more"
	v.Findings[len(v.Findings)-2] = f
	return v
}

// past is what is over, newest first.
func past(now time.Time) []rollout.Rollout {
	done := func(id string, phase rollout.Phase, why rollout.Reason, say, candidate string, ago time.Duration) rollout.Rollout {
		r := rollout.Rollout{
			ID: id, Source: source(id), Candidate: candidate, Against: Digest("basel"), Policy: "default", Phase: phase,
			Reason: why, Sentence: say, FoundAt: now.Add(-ago - 4*time.Minute), Since: now.Add(-ago), Steps: 2,
		}
		if phase == rollout.Live && why == "" {
			r.Reason, r.Verdict, r.Step, r.Exposed = rollout.Accepted, proven(verdictUnsure(r.Since)), 1, 45_000
			r.History = []rollout.Event{{Seq: 1, At: r.FoundAt, To: rollout.Canary, Reason: rollout.Accepted, Sentence: "every proof is there"}}
		}
		return r
	}
	return []rollout.Rollout{
		done("nightly-0412", rollout.Refused, "golden", "golden vector 3 scores 0.412, its training library said 0.388; the features may be in another order", "", 61*time.Minute),
		done("nightly-0411", rollout.Superseded, rollout.Newer, "nightly-0412 is newer", "", 62*time.Minute),
		done("better", rollout.Live, "", "all 8 tasks serve it", Digest("better"), 3*time.Hour+12*time.Minute),
		done("baseline", rollout.Live, rollout.FirstRelease, "nothing serves yet, so there is nothing to compare it with: live without a rollout", Digest("basel"), 26*time.Hour),
	}
}

// Handler serves what f remembers, and a page that says hi.
func Handler(f api.Fleets, o api.Options) http.Handler {
	page := fstest.MapFS{"index.html": {Data: []byte("<p>hi</p>")}}
	return api.New(f, page, slog.New(slog.DiscardHandler), o)
}

// Serve does so on a port of its own until the test is over. Streams look for
// news all the time, unless o says otherwise.
func Serve(t testing.TB, f api.Fleets, o api.Options) api.Client {
	t.Helper()
	if o.Every == 0 {
		o.Every = time.Millisecond
	}
	s := httptest.NewServer(Handler(f, o))
	t.Cleanup(s.Close)
	return api.Client{Base: s.URL, HTTP: s.Client()}
}
