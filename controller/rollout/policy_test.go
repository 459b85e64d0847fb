package rollout

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
)

// Every setting may be as small and as large as its bounds, and is named where
// it is beyond them.
func TestBoundsOfPolicies(t *testing.T) {
	step := func(change func(s *Step)) func(p *Policy) {
		return func(p *Policy) { p.Steps = slices.Clone(p.Steps); change(&p.Steps[1]) }
	}
	for _, tt := range []struct {
		what   string
		change func(p *Policy)
		wrong  string
	}{
		{"defaults", func(*Policy) {}, ""},
		{"all scored by both", func(p *Policy) { p.Shadow.Sample, p.Explore = 1, 0 }, ""},
		{"more than all", func(p *Policy) { p.Shadow.Sample = 1.01 }, "shadow.sample is 1.01"},
		{"less than none", func(p *Policy) { p.Explore = -.01 }, "explore is -0.01"},
		{"all explored", func(p *Policy) { p.Explore = 1 }, ""},
		{"no number", func(p *Policy) { p.Explore = math.NaN() }, "explore is NaN"},
		{"no sample", func(p *Policy) { p.Shadow.Sample = 0 }, "say shadow.skip: true"},
		{"no shadow", func(p *Policy) { p.Shadow = ShadowPolicy{Skip: true} }, ""},
		{"one shadow task", func(p *Policy) { p.Shadow.Tasks = 1 }, ""},
		{"none", func(p *Policy) { p.Shadow.Tasks = 0 }, "shadow.tasks is 0"},
		{"a pattern", func(p *Policy) { p.Jobs = []string{"a*", "["} }, `jobs: pattern "["`},
		{"as many buckets as a window takes", func(p *Policy) { p.Buckets = 20 }, ""},
		{"one less", func(p *Policy) { p.Buckets = 19 }, "buckets is 19: want 20 to 64"},
		{"sixteen", func(p *Policy) { p.Buckets, p.Judge.WindowBuckets = 16, 0 }, ""},
		{"fifteen", func(p *Policy) { p.Buckets, p.Judge.WindowBuckets = 15, 0 }, "buckets is 15: want 16 to 64"},
		{"too many buckets", func(p *Policy) { p.Buckets = 65 }, "buckets is 65"},
		{"no step", func(p *Policy) { p.Steps = nil }, "steps has 0 entries"},
		{"one step", func(p *Policy) { p.Steps = p.Steps[:1] }, ""},
		{"twenty steps", func(p *Policy) { p.Steps = slices.Repeat(p.Steps[:1], 20) }, ""},
		{"one more", func(p *Policy) { p.Steps = slices.Repeat(p.Steps[:1], 21) }, "steps has 21 entries"},
		{"half of the tasks", step(func(s *Step) { s.Percent = 50 }), ""},
		{"more than half", step(func(s *Step) { s.Percent = 50.1 }), "steps[1]: want tasks"},
		{"one task", step(func(s *Step) { s.Percent, s.Tasks = 0, 1 }), ""},
		{"neither", step(func(s *Step) { s.Percent = 0 }), "steps[1]: want tasks"},
		{"both", step(func(s *Step) { s.Tasks = 1 }), "steps[1]: want tasks"},
		{"tasks below none", step(func(s *Step) { s.Tasks = -1 }), "steps[1]: want tasks"},
		{"percent below none", step(func(s *Step) { s.Percent, s.Tasks = -1, 1 }), "steps[1]: want tasks"},
		{"a margin of half", step(func(s *Step) { s.Margin = .5 }), ""},
		{"more", step(func(s *Step) { s.Margin = .51 }), "steps[1].margin is 0.51"},
		{"less than none", step(func(s *Step) { s.Margin = -.01 }), "steps[1].margin is -0.01"},
		{"the shortest waits", func(p *Policy) { p.ArtifactWait, p.PhaseWait, p.HoldFor, p.PromoteWait = 1, 1, 1, 1 }, ""},
		{"no wait for the artifact", func(p *Policy) { p.ArtifactWait = 0 }, "artifact_wait is 0s"},
		{"nor for a verdict", func(p *Policy) { p.PhaseWait = 0 }, "phase_wait is 0s"},
		{"nor for a person", func(p *Policy) { p.HoldFor = 0 }, "hold_for is 0s"},
		{"nor for tasks", func(p *Policy) { p.PromoteWait = -1 }, "promote_wait is -1ns"},
		{"one at a time", func(p *Policy) { p.PromoteBatch = 1 }, ""},
		{"none at a time", func(p *Policy) { p.PromoteBatch = 0 }, "promote_batch is 0"},
		{"one loss", func(p *Policy) { p.Losses.Unhealthy = 1 }, ""},
		{"no loss", func(p *Policy) { p.Losses.Unhealthy = 0 }, "losses.unhealthy is 0"},
		{"many losses", func(p *Policy) { p.Losses.Unhealthy = maxUnhealthy }, ""},
		{"too many losses", func(p *Policy) { p.Losses.Unhealthy = maxUnhealthy + 1 }, "losses.unhealthy is 33"},
		{"swaps that cost nothing", func(p *Policy) { p.SwapGuard = SwapGuard{Ratio: 1, Requests: 1} }, ""},
		{"less than that", func(p *Policy) { p.SwapGuard.Ratio = .9 }, "swap_guard.ratio is 0.9"},
		{"a floor below none", func(p *Policy) { p.SwapGuard.Floor = -1 }, "swap_guard.floor is -1ns"},
		{"swaps by no request", func(p *Policy) { p.SwapGuard.Requests = 0 }, "swap_guard.requests is 0"},
		{"one phase_wait", func(p *Policy) { p.Inconclusive.PhaseWaits = 1 }, ""},
		{"less", func(p *Policy) { p.Inconclusive.PhaseWaits = .9 }, "inconclusive.phase_waits is 0.9"},
		{"a hundred", func(p *Policy) { p.Inconclusive.PhaseWaits = 100 }, ""},
		{"more than that", func(p *Policy) { p.Inconclusive.PhaseWaits = 101 }, "inconclusive.phase_waits is 101"},
		{"no way", func(p *Policy) { p.Inconclusive.Starved = "" }, "inconclusive.starved is"},
		{"the judge's", func(p *Policy) { p.Judge.Margin = 2 }, "judge.margin is 2"},
	} {
		p := Defaults()
		tt.change(&p)
		if err := p.Check(); (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.wrong)
		}
	}
}

// A fleet whose file says nothing else waits for so long.
func TestDefaultWaits(t *testing.T) {
	p := Defaults()
	for i, got := range []time.Duration{
		p.Shadow.Soak, p.Steps[0].Soak, p.Steps[1].Soak, p.Settle, p.ArtifactWait, p.PhaseWait, p.HoldFor, p.DataGrace, p.PromoteWait, p.SwapGuard.Floor,
	} {
		want := []string{"2m0s", "5m0s", "10m0s", "30s", "30m0s", "2h0m0s", "24h0m0s", "1m0s", "30m0s", "20ms"}[i]
		if got.String() != want {
			t.Errorf("wait %d is %v, want %s", i, got, want)
		}
	}
}

// A request may be as long as its bounds, and no longer.
func TestBoundsOfRequests(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	partners := func(n int) map[string]float64 {
		all := make(map[string]float64, n)
		for i := range n {
			all[long(i%90)+string(rune('a'+i/90))] = .1
		}
		return all
	}
	try := func(change func(q *Request, c *release.Change)) Request {
		q := wish("1", VerbTry)
		q.Intended = &release.Change{FilterRate: .05, Why: "why"}
		change(&q, q.Intended)
		return q
	}
	for _, tt := range []struct {
		what string
		q    Request
		says string
	}{
		{"why", try(func(q *Request, _ *release.Change) { q.Why = long(MaxWhy) }), ""},
		{"a longer one", try(func(q *Request, _ *release.Change) { q.Why = long(MaxWhy + 1) }), "why has 1001 bytes"},
		{"bucket and key", try(func(q *Request, _ *release.Change) { q.Source.Key = long(MaxKey - 1) }), ""},
		{"a longer one", try(func(q *Request, _ *release.Change) { q.Source.Key = long(MaxKey) }), "source has 1101 bytes"},
		{"by", try(func(q *Request, _ *release.Change) { q.By = long(MaxBy + 1) }), "by has 129 bytes"},
		{"a partner's name", try(func(_ *Request, c *release.Change) { c.Partners = map[string]float64{long(MaxName): .1} }), ""},
		{"a longer one", try(func(_ *Request, c *release.Change) { c.Partners = map[string]float64{long(MaxName + 1): .1} }), "a partner's name has 129 bytes"},
		{"as many as can be judged", try(func(_ *Request, c *release.Change) { c.Partners = partners(judge.MaxPartners) }), ""},
		{"one more", try(func(_ *Request, c *release.Change) { c.Partners = partners(judge.MaxPartners + 1) }), "names 4097 partners"},
		{"why the rate changes", try(func(_ *Request, c *release.Change) { c.Why = long(maxIntent) }), ""},
		{"a longer one", try(func(_ *Request, c *release.Change) { c.Why = long(maxIntent + 1) }), "up to 500 characters"},
		{"nothing said", try(func(_ *Request, c *release.Change) { c.Why = "" }), "say in up to"},
		{"of partners only", try(func(_ *Request, c *release.Change) { c.FilterRate, c.Partners = 0, partners(1) }), ""},
		{"of nobody", try(func(_ *Request, c *release.Change) { c.FilterRate = 0 }), "the filter rate is 0"},
		{"of all", try(func(_ *Request, c *release.Change) { c.FilterRate = 1 }), "is 1: want a share between"},
		{"of all the other way", try(func(_ *Request, c *release.Change) { c.FilterRate = -1 }), "is -1: want a share between"},
		{"nearly", try(func(_ *Request, c *release.Change) { c.FilterRate = -.999 }), ""},
		{"all of a partner", try(func(_ *Request, c *release.Change) { c.Partners = map[string]float64{"a": 1} }), `partner "a" is 1`},
		{"no artifact", try(func(q *Request, _ *release.Change) { q.Source = nil }), "say which artifact"},
		{"no bucket", try(func(q *Request, _ *release.Change) { q.Source.Bucket = "" }), "say which artifact"},
		{"no key", try(func(q *Request, _ *release.Change) { q.Source.Key = "" }), "say which artifact"},
		{"no name", try(func(q *Request, _ *release.Change) { q.Rollout = "" }), "say which artifact"},
		{"nobody asks", try(func(q *Request, _ *release.Change) { q.By = "" }), "say who asks"},
	} {
		if _, _, err := Accept(State{Stable: "v1"}, tt.q, Kept{}); (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.says)
		}
	}
	if say := meaning(&release.Change{FilterRate: -.05, Why: "less", Partners: partners(2)}); say != "; the filter rate is meant to change by -5.0 points, that of a by +10.0, that of xa by +10.0: less" {
		t.Errorf("%q", say)
	}
	if say := meaning(&release.Change{Why: "less", Partners: partners(5)}); !strings.HasSuffix(say, ", and of 2 more partners: less") {
		t.Errorf("%q", say)
	}
	if say := meaning(&release.Change{FilterRate: .05, Why: "more"}) + meaning(nil); say != "; the filter rate is meant to change by +5.0 points: more" {
		t.Errorf("%q", say)
	}
}

// As many wishes wait as may, twice as many where danger is told.
func TestRoomForWishes(t *testing.T) {
	q, danger := wish("1", VerbResume), wish("1", VerbRollback)
	waiting := func(n int) State { return State{Requests: slices.Repeat([]Request{{Verb: VerbPause}}, n)} }
	told := func(n, hours int) State {
		return State{Wishes: slices.Repeat([]Wish{{Became: Aborted, Hours: hours}}, n)}
	}
	for _, tt := range []struct {
		what         string
		s            State
		room, danger bool
	}{
		{"nearly full", waiting(maxRequests - 1), true, true},
		{"full", waiting(maxRequests), false, true},
		{"nearly twice", waiting(2*maxRequests - 1), false, true},
		{"twice", waiting(2 * maxRequests), false, false},
		{"remembered", told(maxOthers-1, 0), true, true},
		{"all remembered", told(maxOthers, 0), false, true},
		{"nearly a day old", told(maxOthers, wishHours-1), false, true},
	} {
		if got := tt.s.room(q) == nil; got != tt.room {
			t.Errorf("%s: room %v", tt.what, got)
		}
		if got := tt.s.room(danger) == nil; got != tt.danger {
			t.Errorf("%s: room for danger %v", tt.what, got)
		}
	}
	for hours, want := range map[int]time.Duration{1: 24 * time.Hour, wishHours - 1: time.Hour} {
		var full Full
		if !errors.As(told(maxOthers, hours).room(q), &full) || full.After != want {
			t.Errorf("in hour %d of the first: ask again in %v, want %v", hours, full.After, want)
		}
	}
}

// A cost hurts when it is beyond the ratio and the floor, by enough requests on
// both sides.
func TestSwapsHurt(t *testing.T) {
	g := SwapGuard{Ratio: 3, Floor: 20 * time.Millisecond, Requests: 1000}
	cost := func(before, during time.Duration, n, m int64) SwapCost {
		return SwapCost{Before: before, During: during, RequestsBefore: n, RequestsDuring: m}
	}
	const ms = time.Millisecond
	for i, tt := range []struct {
		c    SwapCost
		want bool
	}{
		{cost(10*ms, 31*ms, 1000, 1000), true},
		{cost(10*ms, 30*ms, 1000, 1000), false},
		{cost(ms, 20*ms, 1000, 1000), false},
		{cost(ms, 21*ms, 1000, 1000), true},
		{cost(10*ms, 31*ms, 999, 1000), false},
		{cost(10*ms, 31*ms, 1000, 999), false},
	} {
		if got := tt.c.hurts(g); got != tt.want {
			t.Errorf("row %d: %v", i, got)
		}
	}
	for d, want := range map[time.Duration]time.Duration{999_400: 999 * time.Microsecond, 1_049_999: ms, 1_050_000: 1_100_000, 12_345_678: 12_300_000} {
		if got := shown(d); got != want {
			t.Errorf("%v is shown as %v", d, got)
		}
	}
}
