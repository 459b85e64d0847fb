package history

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
)

// strict is a judge of one number, with a memory: worse for ever once the
// overall difference is beyond the margin.
func strict() func(judge.Statistics, judge.Policy) judge.Verdict {
	looks, worse := 0, false
	return func(s judge.Statistics, p judge.Policy) judge.Verdict {
		looks++
		d := s.Streams[judge.Overall].Served.D
		worse = worse || d > p.Margin
		v := judge.Verdict{Outcome: judge.Unsure, Looks: looks, At: s.At, Sentence: fmt.Sprint(d, " of ", p.Margin)}
		switch {
		case worse:
			v.Outcome, v.Gate = judge.Worse, judge.GateFilterRateServed
		case d < 0:
			v.Outcome = judge.Acceptable
		}
		return v
	}
}

// recorded judges looks and logs them, chunks of them at a time.
func recorded(t testing.TB, traffic *traffic, judged func(judge.Statistics, judge.Policy) judge.Verdict, chunk int, differences ...float64) (parts []Part) {
	t.Helper()
	var w *Writer
	flush := func() {
		if w != nil {
			parts = append(parts, Part{Chunk: len(parts), Name: Key("ads", "ads-7", len(parts)), Body: written(t, w)})
		}
	}
	for i, d := range differences {
		if i%chunk == 0 {
			flush()
			var err error
			if w, err = New(Header{Program: "v1", Rollout: "ads-7", Chunk: len(parts), Policy: judge.Policy{Margin: .02}}); err != nil {
				t.Fatal(err)
			}
		}
		s := traffic.look()
		s.Streams[judge.Overall].Served.D = d
		digest, err := DigestOf(judged(s, w.Header().Policy))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(Look{Number: i + 1, Digest: digest, Statistics: s}); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	return parts
}

func story(t *testing.T) []Part {
	return recorded(t, newTraffic(2, 1), strict(), 2, 0, .01, .015, .01, .03, 0, -.01)
}

func TestReplayIsTheSame(t *testing.T) {
	parts := story(t)
	parts[0], parts[2] = parts[2], parts[0] // however they come
	r := run(parts, nil, strict)
	if r.Unread != nil || r.Looks != 7 || r.Same != 7 || len(r.Broken) > 0 || len(r.Changed) > 0 || r.Rollout != "ads-7" || r.First.Number != 1 || r.Last.Number != 7 {
		t.Errorf("%+v", r)
	}
	if w := r.Then.First[judge.Worse]; w.Look != 5 || w.Gate != judge.GateFilterRateServed || r.Then.Last.Outcome != judge.Worse {
		t.Errorf("then: %+v", r.Then)
	}
}

// TestReplayBeginsAnywhere judges a log whose first looks nobody noted.
func TestReplayBeginsAnywhere(t *testing.T) {
	h := header()
	h.Chunk = 0
	w, err := New(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range looks(2) {
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	r := run([]Part{{Name: "chunk", Body: written(t, w)}}, nil, strict)
	if r.Unread != nil || r.Looks != 2 || r.First.Number != 5 || r.Last.Number != 6 {
		t.Errorf("%d looks from %d to %d: %v", r.Looks, r.First.Number, r.Last.Number, r.Unread)
	}
}

// TestReplayWithRealJudge looks at made-up traffic with the judge itself.
func TestReplayWithRealJudge(t *testing.T) {
	real := func() func(judge.Statistics, judge.Policy) judge.Verdict { return new(judge.State).Judge }
	parts := recorded(t, newTraffic(5, 1), real(), 3, 0, 10, 20, 30, 20, 10, 0, 1e4, 1e4)
	if r := Run(parts, nil); r.Unread != nil || r.Looks != 9 || r.Same != 9 {
		t.Errorf("%d of %d the same: %v, %+v", r.Same, r.Looks, r.Unread, r.Broken)
	}
}

func TestReplayWithAnotherPolicy(t *testing.T) {
	for _, tt := range []struct {
		margin float64
		want   string // spans: looks, then, now
	}{
		{.02, ""},
		{.012, "3-4 unsure worse"},
		{.05, "5-6 worse unsure; 7-7 worse acceptable"},
	} {
		r := run(story(t), func(p judge.Policy) judge.Policy {
			p.Margin = tt.margin
			return p
		}, strict)
		var got []string
		for _, s := range r.Changed {
			got = append(got, fmt.Sprintf("%d-%d %s %s", s.From, s.To, s.Then.Outcome, s.Now.Outcome))
		}
		if strings.Join(got, "; ") != tt.want || r.Same != 7 {
			t.Errorf("margin %v: %q, want %q; %d the same", tt.margin, got, tt.want, r.Same)
		}
	}
}

// TestReplayNotices sees a judge that judges otherwise than the one of then,
// even where the outcome is the same.
func TestReplayNotices(t *testing.T) {
	r := run(story(t), nil, func() func(judge.Statistics, judge.Policy) judge.Verdict {
		inner := strict()
		return func(s judge.Statistics, p judge.Policy) judge.Verdict {
			v := inner(s, p)
			if v.Looks == 2 || v.Looks == 3 {
				v.Progress = 1e-300
			}
			return v
		}
	})
	if r.Same != 5 || len(r.Broken) != 1 || r.Broken[0].From != 2 || r.Broken[0].To != 3 {
		t.Errorf("%+v", r.Broken)
	}
}

// renumbered is a part whose looks have other numbers, by so many.
func renumbered(t *testing.T, p Part, by, chunk int) Part {
	t.Helper()
	c, err := Open(p.Name, p.Body)
	if err != nil {
		t.Fatal(err)
	}
	c.Chunk = chunk
	w, err := New(c.Header)
	if err != nil {
		t.Fatal(err)
	}
	p.Chunk = chunk
	for look, err := range c.Looks() {
		if look.Number += by; err != nil || w.Append(look) != nil {
			t.Fatal(err)
		}
	}
	p.Body = written(t, w)
	return p
}

// A version that knew nothing of what the one before had counted began anew, with
// look 1: so does the replay.
func TestReplayBeginsAnewWithTheLog(t *testing.T) {
	log := newTraffic(2, 1)
	parts := append(recorded(t, log, strict(), 4, 0, .03, .01), recorded(t, log, strict(), 4, 0, .01, .015, -.01)...)
	parts[1] = renumbered(t, parts[1], 0, 1)
	r := run(parts, func(p judge.Policy) judge.Policy { return p }, strict)
	if r.Unread != nil || r.Looks != 7 || r.Same != 7 || len(r.Changed) > 0 || r.Last.Number != 4 || r.Now.Last.Outcome != judge.Acceptable {
		t.Errorf("%d looks, %d the same, the last is %d, %s: %v", r.Looks, r.Same, r.Last.Number, r.Now.Last.Outcome, r.Unread)
	}
}

func TestReplayEndsAtDamage(t *testing.T) {
	for _, tt := range []struct {
		what   string
		damage func(parts []Part) []Part
		looks  int
		want   string
	}{
		{"bytes", func(p []Part) []Part { p[1].Body = p[1].Body[:200]; return p }, 2, "read fleets/ads/looks/ads-7/000001"},
		{"missing", func(p []Part) []Part { return append(p[:1], p[2:]...) }, 2, "chunk 1 of the log is missing"},
		{"first", func(p []Part) []Part { return p[1:] }, 0, "chunk 0 of the log is missing"},
		{"mixed", func(p []Part) []Part { p[2].Body = p[1].Body; return p }, 4, "should hold chunk 2"},
		{"looks between", func(p []Part) []Part { p[1] = renumbered(t, p[1], 2, 1); return p }, 2, "look 5 follows look 2: those between are missing"},
		{"none", func([]Part) []Part { return nil }, 0, ""},
	} {
		r := run(tt.damage(story(t)), nil, strict)
		if r.Looks != tt.looks || r.Same != tt.looks || (r.Unread == nil) != (tt.want == "") || tt.want != "" && !strings.Contains(r.Unread.Error(), tt.want) {
			t.Errorf("%s: %d looks, %v; want %d, %q", tt.what, r.Looks, r.Unread, tt.looks, tt.want)
		}
		if tt.what == "bytes" && !errors.Is(r.Unread, ErrDamaged) {
			t.Errorf("%s: %v", tt.what, r.Unread)
		}
	}
}

func TestFixed(t *testing.T) {
	then := judge.Policy{Margin: .02, WindowRequests: 400, TierOneShare: .8}
	if p, back := Fixed(then, judge.Policy{Margin: .03}); len(back) > 0 || p.Margin != .03 || p.WindowRequests != 400 {
		t.Errorf("defaults are put back as if they were others: %q, %+v", back, p)
	}
	p, back := Fixed(then, judge.Policy{WindowRequests: 800, WindowBuckets: 30, TierOneShare: .5, MinTasks: 3, LatencySLO: 5})
	if got := strings.Join(back, " "); got != "window_requests window_buckets tier_one_share min_tasks latency_slo" || p.WindowRequests != 400 || p.TierOneShare != .8 || p.LatencySLO != 0 {
		t.Errorf("%s: %+v", got, p)
	}
}
