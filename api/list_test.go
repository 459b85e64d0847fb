package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// pageOf asks for one page of a list and returns the ids on it, and the target of
// the next one; empty after the last.
func pageOf(t *testing.T, h http.Handler, target string) (ids []string, next string) {
	t.Helper()
	w := ask(h, "GET", target, "")
	var list []struct{ ID, Digest string }
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	for _, one := range list {
		ids = append(ids, one.ID+one.Digest)
	}
	path, _, _ := strings.Cut(target, "?")
	if link := w.Header().Get("Link"); link != "" {
		query, rel, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if rel != `; rel="next"` {
			t.Fatalf("Link is %q", link)
		}
		next = path + query
	}
	return ids, next
}

// happen is something that may befall a fleet: a rollout comes, starts, ends,
// or leaves the state for the archive.
func happen(f *apitest.Fake, rng *rand.Rand, n int) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	s := &f.Saved
	end := func(r rollout.Rollout, p rollout.Phase) {
		r.Phase, r.Since = p, noon.Add(time.Duration(n)*time.Minute)
		s.Finished = append(slices.Clone(s.Finished), r)
	}
	switch rng.IntN(6) {
	case 0:
		s.Queue = append(slices.Clone(s.Queue), rollout.Rollout{ID: fmt.Sprintf("new-%d", n), Phase: rollout.Queued})
	case 1:
		if s.Active == nil && len(s.Queue) > 0 {
			a := s.Queue[0]
			a.Phase = rollout.Canary
			s.Active, s.Queue = &a, s.Queue[1:]
		}
	case 2:
		if s.Active != nil {
			end(*s.Active, rollout.Live)
			s.Active = nil
		}
	case 3:
		if len(s.Queue) > 1 {
			end(s.Queue[1], rollout.Superseded)
			s.Queue = slices.Delete(slices.Clone(s.Queue), 1, 2)
		}
	case 4:
		for _, r := range s.Finished {
			if !slices.ContainsFunc(f.Over, func(o rollout.Rollout) bool { return o.ID == r.ID }) {
				f.Over = append([]rollout.Rollout{r}, f.Over...)
				break
			}
		}
	case 5: // seen in the archive
		if len(s.Finished) > 0 && slices.ContainsFunc(f.Over, func(o rollout.Rollout) bool { return o.ID == s.Finished[0].ID }) {
			s.Finished = s.Finished[1:]
		}
	}
}

// restless is a fleet to which more happens between a look at its state and one at its archive.
type restless struct {
	*apitest.Fake
	rng *rand.Rand
}

func (r restless) Archived(ctx context.Context, fleet, from string, limit int) ([]string, error) {
	for range r.rng.IntN(6) {
		happen(r.Fake, r.rng, r.rng.Int())
	}
	return r.Fake.Archived(ctx, fleet, from, limit)
}

// Whatever comes, starts and ends while somebody walks through the pages, each
// rollout that was there at the beginning is on one of them, once, and no other.
func TestPagesStayRight(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(1, seed))
		f := &apitest.Fake{Saved: rollout.State{Fleet: "demo"}}
		for n := range 40 {
			happen(f, rng, n)
		}
		first, _ := pageOf(t, apitest.Handler(f, api.Options{}), "/v1/fleets/demo/rollouts?limit=500")
		h := apitest.Handler(restless{f, rng}, api.Options{Every: time.Nanosecond})
		limit, shown := 1+rng.IntN(7), []string{}
		for n, target := 40, fmt.Sprintf("/v1/fleets/demo/rollouts?limit=%d", limit); target != ""; n++ {
			var ids []string
			if ids, target = pageOf(t, h, target); len(ids) > limit || target != "" && len(ids) < limit {
				t.Fatalf("seed %d: a page of %d with %d, and more to come: %v", seed, limit, len(ids), target)
			}
			shown = append(shown, ids...)
			for range rng.IntN(4) {
				happen(f, rng, n)
			}
		}
		slices.Sort(first)
		if slices.Sort(shown); !slices.Equal(shown, first) {
			t.Fatalf("seed %d: shown are\n%v, there were\n%v", seed, shown, first)
		}
	}
}

// ended is an archive with a rollout an hour, the newest at noon.
func ended(n int) *apitest.Fake {
	f := &apitest.Fake{Saved: rollout.State{Fleet: "demo"}}
	for i := range n {
		r := rollout.Rollout{
			ID: fmt.Sprintf("r%04d", i), Phase: rollout.Live, Candidate: apitest.Digest(fmt.Sprint(i % 10)), Since: noon.Add(-time.Duration(i) * time.Hour),
			Verdict: &judge.Verdict{Outcome: judge.Acceptable},
		}
		if i%10 == 3 {
			r.Phase, r.Verdict = rollout.RolledBack, &judge.Verdict{Outcome: judge.Worse}
		}
		if i%100 == 7 {
			r.History = []rollout.Event{{By: "ada"}}
		}
		f.Over = append(f.Over, r)
		f.Passports = append(f.Passports, release.Passport{
			Digest: apitest.Digest(r.ID), AdmittedAt: r.Since, Source: release.Source{Job: fmt.Sprintf("job-%d", i%50)},
		})
	}
	return f
}

// A list has what is asked for and nothing else, however far back it lies.
func TestFilters(t *testing.T) {
	h := apitest.Handler(ended(1200), api.Options{})
	for _, tt := range []struct {
		target      string
		first, last string
		n           int
	}{
		{"rollouts?limit=50", "r0000", "r1199", 1200},
		{"rollouts?phase=rolled_back", "r0003", "r1193", 120},
		{"rollouts?phase=rolled_back,live&limit=500", "r0000", "r1199", 1200},
		{"rollouts?phase=held", "", "", 0},
		{"rollouts?outcome=worse", "r0003", "r1193", 120},
		{"rollouts?by=ada", "r0007", "r1107", 12},
		{"rollouts?by=ad", "", "", 0},
		{"rollouts?release=" + apitest.Digest("4")[:6], "r0004", "r1194", 120},
		{"rollouts?release=" + apitest.Digest("4"), "r0004", "r1194", 120},
		{"rollouts?since=2026-05-04T03:00:00Z", "r0000", "r0009", 10},
		{"rollouts?until=2026-05-04T03:00:00Z&since=2026-05-03T12:00:00%2B00:00", "r0010", "r0024", 15},
		{"rollouts?by=ada&phase=rolled_back", "", "", 0},
	} {
		checkWalk(t, h, "/v1/fleets/demo/"+tt.target, tt.first, tt.last, tt.n)
	}
	digest := func(i int) string { return apitest.Digest(fmt.Sprintf("r%04d", i)) }
	checkWalk(t, h, "/v1/releases?limit=100", digest(0), digest(1199), 1200)
	checkWalk(t, h, "/v1/releases?job=job-7", digest(7), digest(1157), 24)
	checkWalk(t, h, "/v1/releases?since=2026-05-04T03:00:00Z", digest(0), digest(9), 10)
	checkWalk(t, h, "/v1/releases?by=ada", "", "", 0)
}

func checkWalk(t *testing.T, h http.Handler, target, first, last string, n int) {
	t.Helper()
	var all []string
	pages := 0
	for next := target; next != ""; pages++ {
		var ids []string
		ids, next = pageOf(t, h, next)
		all = append(all, ids...)
	}
	if len(all) != n || pages > 30 || n > 0 && (all[0] != first || all[n-1] != last) {
		t.Errorf("%s: %d on %d pages, from %v to %v; want %d from %q to %q", target, len(all), pages, all[:min(1, len(all))], all[max(0, len(all)-1):], n, first, last)
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != n {
		t.Errorf("%s: some come twice", target)
	}
}

// What is over is read once, not for each who asks.
func TestListsAreRemembered(t *testing.T) {
	f := &counting{Fake: ended(600)}
	h := apitest.Handler(f, api.Options{})
	for range 20 {
		pageOf(t, h, "/v1/fleets/demo/rollouts?phase=live&limit=500")
		pageOf(t, h, "/v1/releases?limit=500")
	}
	if f.read > 2*500 {
		t.Errorf("%d documents were read, want each once", f.read)
	}
}

type counting struct {
	*apitest.Fake
	read int
}

func (c *counting) Ended(ctx context.Context, fleet string, ids []string) ([]rollout.Rollout, error) {
	c.read += len(ids)
	return c.Fake.Ended(ctx, fleet, ids)
}

func (c *counting) Admitted(ctx context.Context, digests []string) ([]release.Passport, error) {
	c.read += len(digests)
	return c.Fake.Admitted(ctx, digests)
}

func TestBadLists(t *testing.T) {
	h := apitest.Handler(ended(3), api.Options{})
	for target, says := range map[string]string{
		"fleets/demo/rollouts?cursor=x":                              "leave it out to begin anew",
		"fleets/demo/rollouts?cursor=e30":                            "leave it out to begin anew",
		"fleets/demo/rollouts?cursor=" + strings.Repeat("e", 9000):   "leave it out to begin anew",
		"fleets/demo/rollouts?cursor=eyJmcm9tIjoiLi4vLi4vc3RhdGUifQ": "leave it out to begin anew", // from ../../state
		"fleets/demo/rollouts?cursor=eyJmcm9tIjoiZ29uZSJ9":           "is gone: leave cursor out",  // from gone
		"releases?cursor=eyJmcm9tIjoiZ29uZSJ9":                       "leave it out to begin anew",
		"fleets/demo/rollouts?phase=canray":                          "want one or more of queued",
		"fleets/demo/rollouts?outcome=bad":                           "want one of worse",
		"fleets/demo/rollouts?release=abc":                           "want a digest, or its first six",
		"fleets/demo/rollouts?since=yesterday":                       "want a moment such as",
		"fleets/demo/rollouts?job=x":                                 "no parameter",
		"releases?phase=live":                                        "no parameter",
	} {
		if w := ask(h, "GET", "/v1/"+target, ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%.60s: %d %s, want 400 with %q", target, w.Code, w.Body, says)
		}
	}
}

// The client walks through all of them.
func TestClientWalks(t *testing.T) {
	c, n := apitest.Serve(t, ended(1200), api.Options{}), 0
	err := c.EachRollout(t.Context(), "demo", api.Which{Phases: []string{"live"}}, func(api.Rollout) bool { n++; return true })
	if err != nil || n != 1080 {
		t.Errorf("%d, %v; want 1080", n, err)
	}
}
