package history

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/sorting"
)

// Part is one chunk of a log, as it was fetched.
type Part struct {
	Chunk int    // its place in the log, from 0
	Name  string // for errors
	Body  []byte
}

// Policy makes a policy of the one that was in force. It is asked once per
// chunk.
type Policy func(recorded judge.Policy) judge.Policy

// Replay is what judging a log anew came to.
type Replay struct {
	Rollout  string
	Programs []string // versions that judged then, in order
	Looks    int      // judged anew
	First    Look     // of those; zero without any
	Last     Look

	// Same counts the looks at which today's program comes, by the policy of
	// then, to the verdict of then, bit for bit. Broken holds the others.
	Same   int
	Broken []Span

	// Changed holds the looks at which another policy comes to another outcome
	// than the policy of then. What follows the first of them is a tale of what
	// the judge would have said of counts that would have been others.
	Changed []Span

	Then, Now Course

	// Strange are fields of the statistics that this program does not have.
	Strange []string
	// Unread says why looks are missing; the evidence of later ones stands on
	// them, so that the replay ends before.
	Unread error
}

// Course is how verdicts went: the first look at which each outcome was, and
// the one that the last look had.
type Course struct {
	First map[judge.Outcome]Ruling
	Last  Ruling
}

// Ruling is a verdict at its look.
type Ruling struct {
	Look int       `json:"look"`
	At   time.Time `json:"at"`
	Digest
	Class    judge.Class `json:"class,omitempty"`    // of a verdict reached anew
	Sentence string      `json:"sentence,omitempty"` // of a verdict reached anew
}

// Span is a row of looks at which two verdicts differ in the same way.
type Span struct {
	From, To  int // numbers of looks
	At, Until time.Time
	Then, Now Ruling // at the first of them
}

// Run judges a log anew: by the policy of then and, if other is not nil, by
// another one as well. A log of which something cannot be read is judged up to
// there, and the result says so.
func Run(parts []Part, other Policy) Replay {
	return run(parts, other, func() func(judge.Statistics, judge.Policy) judge.Verdict { return new(judge.State).Judge })
}

// replaying is a replay under way.
type replaying struct {
	Replay
	begin     func() func(judge.Statistics, judge.Policy) judge.Verdict
	then, now func(judge.Statistics, judge.Policy) judge.Verdict
	other     Policy
}

func run(parts []Part, other Policy, begin func() func(judge.Statistics, judge.Policy) judge.Verdict) Replay {
	r := replaying{begin: begin, then: begin(), now: begin(), other: other}
	r.Then.First, r.Now.First = map[judge.Outcome]Ruling{}, map[judge.Outcome]Ruling{}
	parts = slices.Clone(parts)
	sorting.By(parts, func(a, b *Part) int { return a.Chunk - b.Chunk })
	for i, p := range parts {
		if r.Unread = r.part(i, p); r.Unread != nil {
			break
		}
	}
	return r.Replay
}

func (r *replaying) part(place int, p Part) error {
	if p.Chunk != place {
		return fmt.Errorf("chunk %d of the log is missing: its looks, and what follows from them, cannot be judged anew", place)
	}
	c, err := Open(p.Name, p.Body)
	if err != nil {
		return err
	}
	if r.Rollout == "" {
		r.Rollout = c.Rollout
	}
	if c.Rollout != r.Rollout || c.Chunk != place {
		return fmt.Errorf("%s holds chunk %d of %s, and should hold chunk %d of %s", p.Name, c.Chunk, c.Rollout, place, r.Rollout)
	}
	if !slices.Contains(r.Programs, c.Program) {
		r.Programs = append(r.Programs, c.Program)
	}
	for _, s := range c.Strange {
		if !slices.Contains(r.Strange, s) {
			r.Strange = append(r.Strange, s)
		}
	}
	other := c.Policy
	if r.other != nil {
		other = r.other(c.Policy)
	}
	for look, err := range c.Looks() {
		if err != nil {
			return err
		}
		switch {
		case r.Looks == 0:
		case look.Number == 1: // a program that did not know what had been counted began anew
			r.then, r.now = r.begin(), r.begin()
		case look.Number != r.Last.Number+1:
			return fmt.Errorf("%s: look %d follows look %d: those between are missing", p.Name, look.Number, r.Last.Number)
		}
		if err := r.look(look, c.Policy, other); err != nil {
			return fmt.Errorf("judge look %d of %s anew: %w", look.Number, p.Name, err)
		}
	}
	return nil
}

// look judges one look anew.
func (r *replaying) look(l Look, recorded, other judge.Policy) error {
	at := l.Statistics.At
	was := Ruling{Look: l.Number, At: at, Digest: l.Digest}
	again, err := ruling(l, r.then(l.Statistics, recorded))
	if err != nil {
		return err
	}
	if again.SHA256 == was.SHA256 {
		r.Same++
		was.Class, was.Sentence = again.Class, again.Sentence
	} else {
		r.Broken = extend(r.Broken, was, again, func(s Span) bool { return s.Then.Outcome == was.Outcome && s.Now.Outcome == again.Outcome })
	}
	r.Then.note(was)
	if r.other != nil {
		now, err := ruling(l, r.now(l.Statistics, other))
		if err != nil {
			return err
		}
		r.Now.note(now)
		if now.Outcome != again.Outcome {
			r.Changed = extend(r.Changed, again, now, func(s Span) bool { return s.Then.Outcome == again.Outcome && s.Now.Outcome == now.Outcome })
		}
	}
	if r.Looks == 0 {
		r.First = l
	}
	r.Last = l
	r.Looks++
	return nil
}

func ruling(l Look, v judge.Verdict) (Ruling, error) {
	d, err := DigestOf(v)
	return Ruling{Look: l.Number, At: l.Statistics.At, Digest: d, Class: v.Class, Sentence: v.Sentence}, err
}

// note keeps the first look of every outcome, and the last.
func (c *Course) note(r Ruling) {
	if _, known := c.First[r.Outcome]; !known {
		c.First[r.Outcome] = r
	}
	c.Last = r
}

// extend adds a look to the last span, if it follows and is like it, or begins
// a new one.
func extend(spans []Span, then, now Ruling, like func(Span) bool) []Span {
	if n := len(spans); n > 0 && spans[n-1].To == then.Look-1 && like(spans[n-1]) {
		spans[n-1].To, spans[n-1].Until = then.Look, then.At
		return spans
	}
	return append(spans, Span{From: then.Look, To: then.Look, At: then.At, Until: then.At, Then: then, Now: now})
}

// Fixed puts back into a policy what statistics were made by and replaying
// cannot change: windows, tiers and the edges of latency. It returns the
// names of the settings that it put back.
func Fixed(recorded, other judge.Policy) (judge.Policy, []string) {
	a, b := other.Sane(), recorded.Sane()
	var back []string
	restore := func(name string, changed bool) {
		if changed {
			back = append(back, name)
		}
	}
	restore("window_requests", a.WindowRequests != b.WindowRequests)
	restore("window_buckets", a.WindowBuckets != b.WindowBuckets)
	restore("tier_one_share", a.TierOneShare != b.TierOneShare)
	restore("min_tasks", a.MinTasks != b.MinTasks)
	restore("present", a.Present != b.Present)
	restore("latency_slo", a.LatencySLO != b.LatencySLO)
	other.WindowRequests, other.WindowBuckets, other.TierOneShare = recorded.WindowRequests, recorded.WindowBuckets, recorded.TierOneShare
	other.MinTasks, other.LatencySLO, other.Present = recorded.MinTasks, recorded.LatencySLO, recorded.Present
	return other, back
}
