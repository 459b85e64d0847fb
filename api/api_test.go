package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(method, path, strings.NewReader(body))
	q.Host = "127.0.0.1:8080"
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		set := q.Header.Set
		if i > 0 && header[i] == header[i-2] {
			set = q.Header.Add
		}
		set(header[i], header[i+1])
		if header[i] == "Host" {
			q.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	if err := contract().Answer(method, path, w.Code, w.Header(), w.Body.Bytes()); err != nil && w.Header().Get("Content-Type") != "" {
		panic(fmt.Sprintf("%s %s: the answer is off the document: %v\n%.2000s", method, path, err, w.Body))
	}
	return w
}

// contract is what every answer of these tests is held against.
var contract = sync.OnceValue(func() api.Contract {
	c, err := api.NewContract()
	if err != nil {
		panic(err)
	}
	return c
})

func TestStatus(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for _, tt := range []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"GET", "/v1/fleets", "", 200, `["demo"]`},
		{"GET", "/v1/fleets/demo", "", 200, `"phase":"canary"`},
		{"GET", "/v1/fleets/nope", "", 404, `there is no fleet \"nope\"`},
		{"GET", "/v1/fleets/demo/tasks", "", 200, `"cohort":"canary"`},
		{"GET", "/v1/fleets/demo/tasks?limit=1", "", 200, `"total":8`},
		{"GET", "/v1/fleets/demo/tasks?limit=0", "", 400, "want 1 to"},
		{"GET", "/v1/fleets/demo/tasks?limit=99999999999999999999", "", 400, "want 1 to"},
		{"GET", "/v1/fleets/demo/rollouts", "", 200, `"reason":"golden"`},
		{"GET", "/v1/fleets/demo/rollouts/partner-blind", "", 200, `"gate":"partners_served"`},
		{"GET", "/v1/fleets/demo/rollouts/better", "", 200, `"findings"`},
		{"GET", "/v1/fleets/demo/rollouts/greedy", "", 200, `"phase":"queued"`},
		{"GET", "/v1/fleets/demo/rollouts/nope", "", 404, "knows no rollout"},
		{"GET", "/v1/fleets/demo/rollouts/..%2F..%2Flease", "", 404, "knows no rollout"},
		{"GET", "/v1/releases", "", 200, `"trees":100`},
		{"GET", "/v1/releases/" + apitest.Digest("better"), "", 200, `"job":"better"`},
		{"GET", "/v1/releases/" + apitest.Digest("never"), "", 404, "there is no release"},
		{"GET", "/v1/releases/abc", "", 400, "is no digest"},
		{"GET", "/v1/nothing", "", 404, "no such route"},
		{"GET", "/", "", 200, "hi"},
		{"POST", "/", "", 405, ""},
		{"GET", "/v1/fleets/demo/pause", "", 405, "not for this route"},
		{"DELETE", "/v1/fleets/demo", "", 405, "not for this route"},
		{"POST", "/v1/fleets/demo/pause", `{"by":"ada"}`, 202, `"verb":"pause"`},
		{"POST", "/v1/fleets/demo/abort", `{"by":"ada","rollout":"partner-blind"}`, 202, `"rollout":"partner-blind"`},
		{"POST", "/v1/fleets/demo/abort", `{"by":"ada","rollout":"another"}`, 409, "another"},
		{"POST", "/v1/fleets/demo/resume", `{"by":"ada"}`, 409, "nothing is paused"},
		{"POST", "/v1/fleets/demo/promote", `{"by":"ada"}`, 202, `"verb":"promote"`},
		{"POST", "/v1/fleets/demo/rollback", `{"by":"ada","release":"` + apitest.Digest("basel") + `"}`, 202, apitest.Digest("basel")},
		{"POST", "/v1/fleets/demo/rollback", `{"by":"ada","release":"` + apitest.Digest("never") + `"}`, 400, "no release"},
		{"POST", "/v1/fleets/demo/rollback", `{"by":"ada","release":"abc"}`, 400, "want a digest"},
		{"POST", "/v1/fleets/demo/try", `{"by":"ada","source":"s3://b/a/model.tar.gz"}`, 202, `"source":"s3://b/a/model.tar.gz"`},
		{"POST", "/v1/fleets/demo/try", `{"by":"ada","source":"https://b/a"}`, 400, "want s3://bucket/key"},
		{"POST", "/v1/fleets/demo/try", `{"by":"ada"}`, 400, "want s3://bucket/key"},
		{"POST", "/v1/fleets/demo/try", `{"by":"ada","why":"x","source":"s3://b/a","intended_change":{"filter_rate":0.05}}`, 202, `"intended_change":{"filter_rate":0.05,"why":"x"}`},
		{"POST", "/v1/fleets/demo/try", `{"by":"ada","source":"s3://b/a","intended_change":{"filter_rate":0.05}}`, 400, "say why the filter rate is meant to change"},
		{"POST", "/v1/fleets/demo/try", `{"by":"ada","why":"x","source":"s3://b/a","intended_change":{"filter_rate":5}}`, 400, "want a share between -1 and 1"},
		{"POST", "/v1/fleets/demo/abort", `{"by":"ada","intended_change":{"filter_rate":0.05}}`, 400, "goes with try only"},
		{"GET", "/v1/fleets/demo/rollouts/better/looks", "", 200, `{"rollout":"better","chunks":[0,1]}`},
		{"GET", "/v1/fleets/demo/rollouts/partner-x/looks", "", 404, "has no log of looks"},
		{"GET", "/v1/fleets/demo/rollouts/..%2fx/looks", "", 404, "knows no rollout"},
		{"GET", "/v1/fleets/demo/rollouts/better/looks/1", "", 200, `"chunk":1,"body":"AQ=="`},
		{"GET", "/v1/fleets/demo/rollouts/better/looks/2", "", 404, "has no chunk 2"},
		{"GET", "/v1/fleets/demo/rollouts/better/looks/-1", "", 400, "want 0 or more"},
		{"POST", "/v1/fleets/nope/pause", `{"by":"ada"}`, 404, "no fleet"},
		{"POST", "/v1/fleets/demo/pause", `{"by":" "}`, 400, "say who asks"},
		{"POST", "/v1/fleets/demo/pause", `{"by":"ada","why":"\u001b[2J"}`, 400, "cannot be printed"},
		{"POST", "/v1/fleets/demo/pause", `{"by":"ada","whY2":1}`, 400, `unknown field`},
		{"POST", "/v1/fleets/demo/pause", `{"by":7}`, 400, "not as it should be"},
		{"POST", "/v1/fleets/demo/pause", `{"by":"ada"}{}`, 400, "more than one"},
		{"POST", "/v1/fleets/demo/pause", ``, 400, "not as it should be"},
		{"POST", "/v1/fleets/demo/pause", `{"by":"ada","rollout":"x"}`, 400, "about the fleet"},
		{"POST", "/v1/fleets/demo/pause", `{"by":"ada","release":"x"}`, 400, "rollback only"},
		{"POST", "/v1/fleets/demo/abort", `{"by":"ada","rollout":"../x"}`, 400, "want up to 128"},
		{"POST", "/v1/fleets/demo/pause", `{"by":"` + long + `"}`, 413, "larger than"},
		{"POST", "/v1/fleets/demo/pause", `{"by":"ada","why":"` + long[:2000] + `"}`, 400, "want up to 1000"},
	} {
		f := apitest.Scene("canary", noon)
		f.Logs = map[string][][]byte{"better": {{0}, {1}}}
		w := ask(apitest.Handler(f, api.Options{}), tt.method, tt.path, tt.body)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s %.60s: got %d %.300s, want %d with %q", tt.method, tt.path, tt.body, w.Code, w.Body, tt.code, tt.says)
		}
		if !json.Valid(w.Body.Bytes()) && strings.HasPrefix(tt.path, "/v1") {
			t.Errorf("%s %s: the answer is no JSON: %.200s", tt.method, tt.path, w.Body)
		}
	}
}

// Nobody but the pages of this server may steer it from a browser, and nobody
// may reach it by bending a name.
func TestForeignPagesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name, method, path string
		code               int
		header             []string
	}{
		{"no browser", "POST", "/v1/fleets/demo/pause", 202, nil},
		{"own page", "POST", "/v1/fleets/demo/pause", 202, []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:8080"}},
		{"foreign page", "POST", "/v1/fleets/demo/pause", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"sibling", "POST", "/v1/fleets/demo/pause", 403, []string{"Sec-Fetch-Site", "same-site"}},
		{"old browser, foreign", "POST", "/v1/fleets/demo/pause", 403, []string{"Origin", "https://evil.example"}},
		{"opaque origin", "POST", "/v1/fleets/demo/pause", 403, []string{"Origin", "null"}},
		{"form", "POST", "/v1/fleets/demo/pause", 415, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"text", "POST", "/v1/fleets/demo/pause", 415, []string{"Content-Type", "text/plain"}},
		{"foreign stream", "GET", "/v1/fleets/demo/events", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"link from elsewhere", "GET", "/", 200, []string{"Sec-Fetch-Site", "cross-site"}},
		{"bent name", "GET", "/v1/fleets", 421, []string{"Host", "evil.example:8080"}},
		{"bent name, page", "GET", "/", 421, []string{"Host", "evil.example"}},
		{"localhost", "GET", "/v1/fleets", 200, []string{"Host", "localhost:8080"}},
		{"IPv6", "GET", "/v1/fleets", 200, []string{"Host", "[::1]:8080"}},
		{"IPv6 with a zone", "GET", "/v1/fleets", 400, []string{"Host", "[fe80::1%eth0]:8080"}},
		{"IPv6 with a zone, no port", "POST", "/v1/fleets/demo/pause", 400, []string{"Host", "[::1%25lo]"}},
		{"allowed name", "GET", "/v1/fleets", 200, []string{"Host", "Sluice.internal:8080"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := apitest.Scene("canary", noon)
			w := ask(apitest.Handler(f, api.Options{Hosts: []string{"sluice.internal"}}), tt.method, tt.path, `{"by":"ada"}`, tt.header...)
			if w.Code != tt.code {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.code)
			}
			if w.Code >= 400 && len(f.Asked) > 0 {
				t.Errorf("refused, and stored all the same: %+v", f.Asked)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	w := ask(apitest.Handler(apitest.Scene("idle", noon), api.Options{}), "GET", "/", "")
	for k, want := range map[string]string{
		"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
	} {
		if got := w.Header().Get(k); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", k, got, want)
		}
	}
}

// What was asked is stored with who, why and when.
func TestRequestIsStored(t *testing.T) {
	f := apitest.Scene("idle", noon)
	w := ask(apitest.Handler(f, api.Options{}), "POST", "/v1/fleets/demo/try", `{"by":"ada","why":"a hunch","source":"s3://lab/m/model.tar.gz"}`)
	if w.Code != http.StatusAccepted || len(f.Asked) != 1 {
		t.Fatalf("got %d %s and %d requests", w.Code, w.Body, len(f.Asked))
	}
	q := f.Asked[0]
	if q.Verb != rollout.VerbTry || q.By != "ada" || q.Why != "a hunch" || q.At.IsZero() || q.Rollout != "try-"+q.ID ||
		q.Source == nil || q.Source.Bucket != "lab" || q.Source.Key != "m/model.tar.gz" || q.Source.By != "ada" {
		t.Errorf("stored %+v", q)
	}
	if w := ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo", ""); !strings.Contains(w.Body.String(), `"verb":"try"`) {
		t.Errorf("the request that waits is not shown: %s", w.Body)
	}
}

// A message that was not written for the caller does not reach the caller.
func TestInternalErrorsStayInside(t *testing.T) {
	f := apitest.Scene("idle", noon)
	f.Fail = errors.New("dial tcp 10.1.2.3:443: secret")
	w := ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo", "")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	f.Fail = context.DeadlineExceeded
	if w := ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo", ""); w.Code != http.StatusGatewayTimeout {
		t.Errorf("got %d %s, want 504", w.Code, w.Body)
	}
	f.Fail = fmt.Errorf("%w: bucket \"b\" throttles", api.ErrUnavailable)
	if w := ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "throttles: ask again in some seconds") || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %s, want 503 and why", w.Code, w.Body)
	}
	f.Fail = fmt.Errorf("state.json %w: restore an earlier version", api.ErrDamaged)
	if w := ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo", ""); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "restore an earlier version") {
		t.Errorf("got %d %s, want 500 and the way out", w.Code, w.Body)
	}
}

// Many who look at once cost as many reads as one.
func TestViewsAreShared(t *testing.T) {
	f := apitest.Scene("canary", noon)
	h := apitest.Handler(f, api.Options{Every: time.Hour})
	for range 100 {
		ask(h, "GET", "/v1/fleets/demo", "")
		ask(h, "GET", "/v1/fleets/demo/tasks", "")
	}
	if f.Reads != 1 {
		t.Errorf("the state was read %d times, want once", f.Reads)
	}
	ask(h, "POST", "/v1/fleets/demo/pause", `{"by":"ada"}`)
	if w := ask(h, "GET", "/v1/fleets/demo", ""); !strings.Contains(w.Body.String(), `"verb":"pause"`) {
		t.Errorf("a wish just stored is not shown: %s", w.Body)
	}
}

// A rollout that moves from the state to the archive is shown all the time.
func TestLastSurvivesTheArchive(t *testing.T) {
	f := apitest.Scene("rolled_back", noon)
	h := apitest.Handler(f, api.Options{Every: time.Nanosecond})
	for range 2 {
		var got api.Fleet
		if err := json.Unmarshal(ask(h, "GET", "/v1/fleets/demo", "").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Last == nil || got.Last.ID != "partner-blind" {
			t.Fatalf("last is %+v", got.Last)
		}
		f.Over = append(f.Saved.Finished, f.Over...)
		f.Saved.Finished = nil
	}
}

func TestMiddlewareGuardsTheRoutes(t *testing.T) {
	h := apitest.Handler(apitest.Scene("idle", noon), api.Options{Middleware: []func(http.Handler) http.Handler{
		func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
		},
	}})
	if w := ask(h, "GET", "/v1/fleets", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", w.Code)
	}
	if w := ask(h, "GET", "/", ""); w.Code != http.StatusOK {
		t.Errorf("the page: got %d", w.Code)
	}
}

func TestSummary(t *testing.T) {
	policy := func(_, _ string) (rollout.Policy, bool) { return rollout.Defaults(), true }
	for _, tt := range []struct {
		scene, back, next, phase, otherwise string
		deadline                            time.Duration
	}{
		{"idle", "basel", "Waits for the next training job.", "", "", 0},
		{"shadow", "better", "Canary step 1 of 2, once every proof is there.", "canary", "held", 2*time.Hour - 80*time.Second},
		{"canary", "better", "Canary step 2 of 2, once every proof is there and it has run for long enough.", "canary", "held", 2*time.Hour - 80*time.Second},
		{"held", "better", "Goes on by itself when the data can be trusted again; nobody has to resume it.", "canary", "rolling_back", 23*time.Hour + 56*time.Minute},
		{"promoting", "better", "5 of 8 tasks serve it alone; live when all do. Task b21df1de172f could not load it: not enough memory: 61 MiB wanted, 40 MiB free.", "live", "rolling_back", 30*time.Minute - 4*time.Second},
		{"rolled_back", "basel", "Waits for the next training job.", "", "", 0},
	} {
		t.Run(tt.scene, func(t *testing.T) {
			w := ask(apitest.Handler(apitest.Scene(tt.scene, noon), api.Options{Policy: policy}), "GET", "/v1/fleets/demo", "")
			var f api.Fleet
			if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
				t.Fatal(err)
			}
			if f.Stable.Digest != apitest.Digest("better") || f.Stable.Job != "better" || f.Stable.Since == nil || !f.Stable.Since.Equal(noon.Add(-3*time.Hour-12*time.Minute)) {
				t.Errorf("stable is %+v", f.Stable)
			}
			if f.Back == nil || f.Back.Digest != apitest.Digest(tt.back) {
				t.Errorf("back leads to %+v, want %s", f.Back, tt.back)
			}
			if c := f.Tasks; c.OnStable+c.OnCandidate+c.OnOther+c.Unreachable != c.Total {
				t.Errorf("the parts are not all of them: %+v", c)
			}
			n := f.Next
			if n.Sentence != tt.next || n.Phase != tt.phase || n.Otherwise != tt.otherwise {
				t.Errorf("next is %+v", n)
			}
			if tt.deadline > 0 && (n.Deadline == nil || n.Deadline.Sub(noon) != tt.deadline) {
				t.Errorf("deadline is %v, want noon + %v", n.Deadline, tt.deadline)
			}
		})
	}
}

// A phase that was extended ends then, also when a task has changed sides since.
func TestExtendedPhaseKeepsItsEnd(t *testing.T) {
	policy := func(_, _ string) (rollout.Policy, bool) { return rollout.Defaults(), true }
	f := apitest.Scene("unclear", noon)
	r := f.Saved.Active
	r.History = append(r.History, rollout.Event{At: noon, From: rollout.Canary, To: rollout.Canary, Reason: rollout.Extended})
	r.Reason, r.Sentence = rollout.ChangeSides, "task a alone fails or is slow"
	var got api.Fleet
	if err := json.Unmarshal(ask(apitest.Handler(f, api.Options{Policy: policy}), "GET", "/v1/fleets/demo", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if n := got.Next; n.Deadline == nil || !n.Deadline.Equal(r.Since.Add(6*time.Hour)) || n.Otherwise != "rolling_back" {
		t.Errorf("next is %+v", got.Next)
	}
}

// The freshest verdict is shown, but never one of an earlier phase: a step that
// has none of its own gathers, and so does one whose data are only coming.
func TestVerdictOfAnEarlierPhase(t *testing.T) {
	share := judge.Finding{Gate: judge.GateSampleRatio, Outcome: judge.Invalid, CandidateRate: .087, StableRate: .5}
	for _, tt := range []struct {
		why       string
		at        time.Duration // of the look's verdict, after the step's tasks had taken it up
		outcome   judge.Outcome
		taken     bool
		want      string // the sentence of the verdict that is shown
		gathering bool
	}{
		{"of this step", time.Second, judge.Unsure, true, "fresh", false},
		{"of the step before", -time.Minute, judge.Unsure, true, "", true},
		{"before all have taken it up", time.Second, judge.Unsure, false, "", true},
		{"nobody has answered", time.Second, judge.NoData, true, "fresh", true},
		{"nobody has answered for long", time.Minute, judge.NoData, true, "fresh", false},
		{"few connections at first", 3 * time.Second, judge.Invalid, true, "fresh", true},
		{"few connections for long", time.Minute, judge.Invalid, true, "fresh", false},
	} {
		f := apitest.Scene("canary", noon)
		r := f.Saved.Active
		if !tt.taken {
			r.StepSince = time.Time{}
		}
		saved := *f.Seen.Seen.Verdict
		saved.At, saved.Sentence = r.Since.Add(-time.Second), "saved"
		r.Verdict = &saved
		v := f.Seen.Seen.Verdict
		v.At, v.Sentence, v.Outcome = noon.Add(-75*time.Second+tt.at), "fresh", tt.outcome
		if tt.outcome == judge.Invalid {
			v.Gate, v.Findings = share.Gate, []judge.Finding{share}
		}
		for _, path := range []string{"/v1/fleets/demo/rollouts/partner-blind", "/v1/fleets/demo", "/v1/fleets/demo/rollouts"} {
			got := activeAt(t, f, path)
			sentence := ""
			if got.Verdict != nil {
				sentence = got.Verdict.Sentence
			}
			if sentence != tt.want || got.Gathering != tt.gathering {
				t.Errorf("%s, %s: the verdict %q is shown, gathering %v; want %q and %v", tt.why, path, sentence, got.Gathering, tt.want, tt.gathering)
			}
		}
	}
}

// activeAt is the rollout that is being carried out as an answer tells it.
func activeAt(t *testing.T, f *apitest.Fake, path string) (got api.Rollout) {
	t.Helper()
	body := ask(apitest.Handler(f, api.Options{}), "GET", path, "").Body.Bytes()
	var fleet api.Fleet
	var list []api.Rollout
	var err error
	switch {
	case strings.HasSuffix(path, "rollouts"):
		err = json.Unmarshal(body, &list)
		got = list[slices.IndexFunc(list, func(r api.Rollout) bool { return r.ID == "partner-blind" })]
	case strings.HasSuffix(path, "demo"):
		err = json.Unmarshal(body, &fleet)
		got = *fleet.Active
	default:
		err = json.Unmarshal(body, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// A task that still scores with the candidate beside stable is not back yet: what
// is left to do is never told as done.
func TestNextCountsWhoHasArrived(t *testing.T) {
	f := apitest.Scene("shadow", noon)
	f.Saved.Active.Phase, f.Saved.Active.Reason = rollout.RollingBack, rollout.CandidateWorse
	f.Seen.Seen.Tasks[7].Reachable = false
	says := func() string {
		t.Helper()
		var got api.Fleet
		if err := json.Unmarshal(ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo", "").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		return got.Next.Sentence
	}
	if got := says(); got != "3 of 8 tasks serve stable alone; ends when all do." {
		t.Errorf("rolling back: %q", got)
	}
	f.Saved.Active.Phase = rollout.Promoting
	f.Seen.Seen.Tasks[0].Serving, f.Seen.Seen.Tasks[0].Shadow = f.Saved.Active.Candidate, f.Saved.Stable
	f.Seen.Seen.Tasks[1].Serving, f.Seen.Seen.Tasks[1].Shadow = f.Saved.Active.Candidate, ""
	if got := says(); got != "1 of 8 tasks serve it alone; live when all do." {
		t.Errorf("promoting: %q", got)
	}
	f.Seen.Seen.Tasks[1].Failure = "of an earlier one" // which it got over
	f.Seen.Seen.Tasks[2].Failure, f.Seen.Seen.Tasks[3].Failure = "not enough memory", "it is torn"
	if got, want := says(), "1 of 8 tasks serve it alone; live when all do. 2 tasks could not load it; task "+f.Seen.Seen.Tasks[2].ID[:12]+" says: not enough memory."; got != want {
		t.Errorf("promoting: %q, want %q", got, want)
	}
}

// Whoever was held by a verdict keeps it, and so does who goes on afterwards in
// the same step.
func TestVerdictOfTheSameStep(t *testing.T) {
	f := apitest.Scene("held", noon)
	r := f.Saved.Active
	r.Verdict, f.Seen.Seen.Verdict = f.Seen.Seen.Verdict, nil
	r.Verdict.At = r.Since.Add(-time.Second)
	r.StepSince = r.Since.Add(-time.Hour)
	if got := activeAt(t, f, "/v1/fleets/demo"); got.Verdict == nil || got.Gathering {
		t.Errorf("held by %+v, %v", got.Verdict, got.Gathering)
	}
	r.Phase, r.Reason, r.Since = rollout.Canary, rollout.Resumed, noon
	r.Verdict.Outcome = judge.Unsure
	if got := activeAt(t, f, "/v1/fleets/demo"); got.Verdict == nil || got.Gathering {
		t.Errorf("resumed with %+v, %v", got.Verdict, got.Gathering)
	}
	r.Phase, r.StepSince = rollout.RollingBack, time.Time{}
	if got := activeAt(t, f, "/v1/fleets/demo"); got.Verdict == nil || got.Gathering {
		t.Errorf("taken back by %+v, %v", got.Verdict, got.Gathering)
	}
}

// What a proof has come to and the requests behind it tell one story, or only
// one of them is told.
func TestFiguresAgree(t *testing.T) {
	for _, tt := range []struct {
		outcome          judge.Outcome
		progress         float64
		requests, needed int64
		told             bool
	}{
		{judge.Unsure, .41, 2811, 6900, true},
		{judge.Unsure, 0, 8220, 16_440, false},
		{judge.NoData, 0, 0, 16_440, false},
		{judge.Unsure, .99, 8220, 16_440, false},
		{judge.Unsure, .47, 8220, 16_440, true},
		{judge.Unsure, 0, 8220, 0, true},
	} {
		f := apitest.Scene("canary", noon)
		v := f.Seen.Seen.Verdict
		v.Outcome, v.Progress, v.Requests, v.Needed = tt.outcome, tt.progress, tt.requests, tt.needed
		got := activeAt(t, f, "/v1/fleets/demo").Verdict
		if want := map[bool][2]int64{true: {tt.requests, tt.needed}}[tt.told]; want != [2]int64{got.Requests, got.Needed} {
			t.Errorf("%v and %.2f of the proof: told are %d of %d, want %v", tt.outcome, tt.progress, got.Requests, got.Needed, want)
		}
	}
}

// A shift is told that could be found where the interval is as narrow as that: of
// pairs without any difference the variance promises more than is known.
func TestShiftThatCouldBeTold(t *testing.T) {
	for _, tt := range []struct{ half, shift, want float64 }{{.018, .02, .02}, {.03, .02, .02}, {.05, .02, 0}, {.015, 1e-4, 0}, {1, 1e-4, 0}, {1, 0, 0}} {
		f := apitest.Scene("canary", noon)
		v := f.Seen.Seen.Verdict
		v.Gate, v.Partner, v.Detectable = v.Findings[0].Gate, v.Findings[0].Partner, tt.shift
		v.Findings[0].Low, v.Findings[0].High, v.Findings[0].Detectable = -tt.half, tt.half, tt.shift
		got := activeAt(t, f, "/v1/fleets/demo").Verdict
		if got.Detectable != tt.want || got.Findings[0].Detectable != tt.want {
			t.Errorf("within %v: a shift of %v is told, of the gate's %v; want %v", tt.half, got.Detectable, got.Findings[0].Detectable, tt.want)
		}
	}
}

// A task that does not obey the leader is shown with what helps.
func TestTasksThatDoNotObey(t *testing.T) {
	f := apitest.Scene("idle", noon)
	f.Seen.Seen.Tasks[0].Epoch, f.Seen.Seen.Tasks[1].Epoch = 8, 1<<63-1
	var got api.Tasks
	if err := json.Unmarshal(ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo/tasks", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, k := range got.Tasks {
		state, want := "ready", ""
		switch k.ID {
		case f.Seen.Seen.Tasks[0].ID:
			want = "it has seen epoch 8, the leader's is 7"
		case f.Seen.Seen.Tasks[1].ID:
			state, want = "failed", "Stop it in ECS, which starts another"
		}
		if k.State != state || !strings.Contains(k.Error, want) || (k.Error == "") != (want == "") {
			t.Errorf("task %s is shown as %s: %q, want %s: %q", k.ID, k.State, k.Error, state, want)
		}
	}
}

// Before the controller's first look there is nothing to see, and it is said.
func TestFleetThatNobodyLookedAt(t *testing.T) {
	f := &apitest.Fake{Saved: rollout.State{Fleet: "demo"}}
	w := ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo", "")
	var got api.Fleet
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatal(w.Code, err)
	}
	if got.Loop != nil || got.Stable != nil || got.Back != nil || got.Queue == nil || got.Requests == nil {
		t.Errorf("got %+v", got)
	}
}

// Evidence beyond all bounds is still JSON.
func TestInfiniteEvidence(t *testing.T) {
	f := apitest.Scene("canary", noon)
	for i := range f.Seen.Seen.Verdict.Findings {
		f.Seen.Seen.Verdict.Findings[i].Evidence = inf()
	}
	w := ask(apitest.Handler(f, api.Options{}), "GET", "/v1/fleets/demo/rollouts/partner-blind", "")
	if w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) || !strings.Contains(w.Body.String(), "1e+300") {
		t.Errorf("got %d %.200s", w.Code, w.Body)
	}
}

func inf() float64 {
	big := 1e308
	return big * 10
}

func FuzzAsk(f *testing.F) {
	f.Add("pause", `{"by":"ada"}`)
	f.Add("rollback", `{"by":"ada","release":"`+apitest.Digest("basel")+`"}`)
	f.Add("try", `{"by":"ada","source":"s3://b/k","id":"x"}`)
	f.Fuzz(func(t *testing.T, verb, body string) {
		if strings.ContainsFunc(verb, func(r rune) bool { return r < 'a' || r > 'z' }) || verb == "" {
			t.Skip()
		}
		fleet := apitest.Scene("canary", noon)
		w := ask(apitest.Handler(fleet, api.Options{}), "POST", "/v1/fleets/demo/"+verb, body)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %q: %d %s", verb, body, w.Code, w.Body)
		}
		for _, q := range fleet.Asked {
			if q.By == "" || q.ID == "" || len(q.By) > 128 || len(q.Why) > 1000 || strings.ContainsAny(q.By+q.Why+q.Rollout, "\n\r\x1b") {
				t.Fatalf("stored %+v", q)
			}
		}
		if (w.Code == http.StatusAccepted) != (len(fleet.Asked) == 1) {
			t.Fatalf("%d with %d stored", w.Code, len(fleet.Asked))
		}
	})
}

func TestServeStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := apitest.Scene("canary", noon)
	s := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- api.Serve(ctx, s, apitest.Handler(f, api.Options{Every: time.Millisecond})) }()
	c := api.Client{Base: "http://" + s.Addr().String()}
	err := c.Follow(t.Context(), "demo", 0, func(api.News) bool {
		cancel() // the server ends the stream, not we
		return true
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the stream ended with %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
