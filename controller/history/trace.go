package history

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// Bounds of what a trace keeps.
const (
	maxPoints  = 400     // looks
	maxMoments = 60      // looks at which every partner is told
	maxCells   = 1 << 16 // partners times such looks
)

// Trace is a log judged anew and thinned, for drawing it: what the judge said
// at looks that are spread evenly, at those where its answer changed, as far as
// there is room, and at the last. It goes on with the log: [Trace.Read] judges
// only what has come since. It is not safe for concurrent use.
type Trace struct {
	Programs []string // versions that judged then, in order
	Looks    int      // judged anew
	Differ   int      // of those, at which today's program does not come to the verdict of then, bit for bit
	Points   []Point
	Timed    bool     // the log keeps how long auctions took; programs of before did not
	Moments  []Moment // in which every partner is told
	Names    []string // of the partners, by their place in a moment

	judge   judge.State
	stride  int // of the points that are kept for their place
	sparse  int // of the moments
	chunk   int // that is read next, or read on
	in      int // looks of it that are judged
	last    Digest
	number  int
	rollout string
}

// Point is one look.
type Point struct {
	Place    int // in the log, from 0
	Look     int // its number; a program that began anew counted from 1 again
	At       time.Time
	Step     int               // grows whenever arms are formed anew
	Served   bool              // arms are compared
	Turn     bool              // the answer is another than before
	Verdict  judge.Verdict     // without what only the last one's reader wants
	Answered [judge.Arms]int64 // requests since the arms were formed
	Tasks    [judge.Arms]int
	Latency  Latency
}

// Moment is what a look says of every partner that was known by then.
type Moment struct {
	Place    int
	At       time.Time
	Partners []Voice
}

// Voice is what is known of one partner.
type Voice struct {
	Outcome           judge.Outcome
	Candidate, Stable float32 // filter rates
	Difference        float32
	Low, High         float32 // 95 % interval of it
	BandLow, BandHigh float32
	Evidence          float64 // against the candidate
	Requests          int64
}

// Read judges what has come since to a log of so many chunks, which fetch
// returns. What was judged and is no longer what the log holds, since a leader
// noted it that had been deposed, is judged anew from the beginning. An error,
// which fetch may return to stop here, leaves what was judged before it, and the
// next call goes on.
func (t *Trace) Read(chunks int, fetch func(chunk int) (Part, error)) error {
	if t.chunk >= chunks {
		*t = Trace{}
	}
	for t.chunk < chunks {
		part, err := fetch(t.chunk)
		if err != nil {
			return err
		}
		switch goesOn, err := t.part(part); {
		case err != nil:
			return err
		case !goesOn:
			*t = Trace{}
		case t.chunk == chunks-1:
			return nil
		default:
			t.chunk, t.in = t.chunk+1, 0
		}
	}
	return nil
}

// part judges the looks of a chunk that are new. It is false where the chunk
// does not go on with what was judged.
func (t *Trace) part(p Part) (goesOn bool, err error) {
	c, err := Open(p.Name, p.Body)
	if err != nil {
		return true, err
	}
	if t.rollout == "" {
		t.rollout = c.Rollout
	}
	if c.Rollout != t.rollout || c.Chunk != t.chunk {
		return true, fmt.Errorf("%s holds chunk %d of %s, and should hold chunk %d of %s", p.Name, c.Chunk, c.Rollout, t.chunk, t.rollout)
	}
	if c.Count < t.in {
		return false, nil
	}
	if !slices.Contains(t.Programs, c.Program) {
		t.Programs = append(t.Programs, c.Program)
	}
	t.Timed = t.Timed || c.keepsLatency()
	at := 0
	for look, err := range c.Looks() {
		if err != nil {
			return true, err
		}
		if at++; at < t.in {
			continue
		}
		if at == t.in {
			if look.Digest != t.last {
				return false, nil
			}
			continue
		}
		if err := t.look(look, c.Policy); err != nil {
			return true, fmt.Errorf("judge look %d of %s anew: %w", look.Number, p.Name, err)
		}
		t.in = at
	}
	return true, nil
}

// look judges one look anew.
func (t *Trace) look(l Look, p judge.Policy) error {
	switch {
	case t.Looks == 0:
	case l.Number == 1: // a program that did not know what had been counted began anew
		t.judge = judge.State{}
	case l.Number != t.number+1:
		return fmt.Errorf("it follows look %d: those between are missing", t.number)
	}
	v := t.judge.Judge(l.Statistics, p)
	again, err := DigestOf(v)
	if err != nil {
		return err
	}
	if again.SHA256 != l.Digest.SHA256 {
		t.Differ++
	}
	t.tell(l, v)
	if t.Looks%max(1, t.sparse) == 0 {
		t.hear(l, t.judge.Partners(l.Statistics, p))
	}
	t.number, t.last = l.Number, l.Digest
	t.Looks++
	return nil
}

// tell adds a point. The last one always is one; the one before it stays where
// it has a place of its own.
func (t *Trace) tell(l Look, v judge.Verdict) {
	s := &l.Statistics
	p := Point{Place: t.Looks, Look: l.Number, At: s.At, Step: s.Step, Served: s.Served, Answered: s.Answered, Verdict: bare(v), Latency: l.Latency}
	for arm := range p.Tasks {
		p.Tasks[arm] = s.Load[arm].Tasks
	}
	t.stride = max(1, t.stride)
	if n := len(t.Points); n > 0 {
		before := t.Points[n-1]
		p.Turn = before.Verdict.Outcome != v.Outcome || before.Verdict.Gate != v.Gate || before.Step != p.Step || before.Served != p.Served
		if !before.Turn && before.Place%t.stride != 0 {
			t.Points = t.Points[:n-1]
		}
	}
	t.Points = append(t.Points, p)
	for len(t.Points) > maxPoints {
		t.thin()
	}
}

// thin leaves out every other point that has a place of its own, but for turns
// and the last; or every other turn, where there are too many.
func (t *Trace) thin() {
	turns := 0
	extra := func(p Point) bool { return p.Turn && p.Place%t.stride != 0 && p.Place != t.Looks }
	for _, p := range t.Points {
		if extra(p) {
			turns++
		}
	}
	if turns > maxPoints/4 {
		t.Points = slices.DeleteFunc(t.Points, func(p Point) bool {
			if !extra(p) {
				return false
			}
			turns++
			return turns%2 == 0
		})
		return
	}
	t.stride *= 2
	t.Points = slices.DeleteFunc(t.Points, func(p Point) bool { return p.Place%t.stride != 0 && p.Place != t.Looks && !p.Turn })
}

// bare leaves out what is about the present only.
func bare(v judge.Verdict) judge.Verdict {
	findings := make([]judge.Finding, len(v.Findings))
	for i, f := range v.Findings {
		f.Growth, f.Drivers, f.Otherwise = nil, nil, ""
		findings[i] = f
	}
	v.Findings, v.Spent = findings, nil
	return v
}

// hear adds a moment.
func (t *Trace) hear(l Look, partners []judge.Finding) {
	m := Moment{Place: t.Looks, At: l.Statistics.At, Partners: make([]Voice, len(partners))}
	for i, f := range partners {
		m.Partners[i] = Voice{
			Outcome: f.Outcome, Candidate: float32(f.CandidateRate), Stable: float32(f.StableRate), Difference: float32(f.Difference),
			Low: float32(f.Low), High: float32(f.High), BandLow: float32(f.BandLow), BandHigh: float32(f.BandHigh), Evidence: f.Evidence, Requests: f.Requests,
		}
	}
	for i := len(t.Names); i < len(l.Statistics.Partners); i++ {
		t.Names = append(t.Names, l.Statistics.Partners[i].Name)
	}
	t.Moments = append(t.Moments, m)
	most := min(maxMoments, max(2, maxCells/max(1, len(partners))))
	for t.sparse = max(1, t.sparse); len(t.Moments) > most; {
		t.sparse *= 2
		t.Moments = slices.DeleteFunc(t.Moments, func(m Moment) bool { return m.Place%t.sparse != 0 })
	}
}
