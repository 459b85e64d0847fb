package judge

import (
	"fmt"
	"math"
	"time"
)

// A mark is how much was known for one proof at one look.
type mark struct {
	At   time.Time `json:"at"`
	Info float64   `json:"info"`
}

// A trail is a few marks over the whole step, evenly spread: when it is full,
// every other one goes, and from then on half as many come.
type trail struct {
	Marks []mark `json:"marks"`
	Every int    `json:"every"` // looks between marks
	Skip  int    `json:"skip"`  // looks until the next one
}

// maxMarks bounds a trail.
const maxMarks = 32

func (t trail) add(m mark) trail {
	if t.Skip > 0 {
		t.Skip--
		return t
	}
	t.Every = max(1, t.Every)
	if len(t.Marks) >= maxMarks {
		kept := make([]mark, 0, maxMarks)
		for i := 0; i < len(t.Marks); i += 2 {
			kept = append(kept, t.Marks[i])
		}
		t.Marks, t.Every = kept, min(1<<20, 2*t.Every)
	}
	t.Marks = append(t.Marks[:len(t.Marks):len(t.Marks)], m)
	t.Skip = t.Every - 1
	return t
}

// A proof is given up for want of information only when it has been watched for
// so many looks and so long; longer where little is known of what it takes.
const (
	patience     = 16
	patienceTime = 10 * time.Minute
	longPatience = time.Hour
)

// wait is how long so much information would take at the pace of the later half
// of the trail; known is false before that can be told.
func (t trail) wait(now time.Time, info, needed float64, after time.Duration) (wait time.Duration, known bool) {
	n := len(t.Marks)
	if n == 0 || n*max(1, t.Every) < patience || now.Sub(t.Marks[0].At) < after {
		return 0, false
	}
	half := t.Marks[n/2]
	elapsed, gained := now.Sub(half.At), info-half.Info
	if elapsed <= 0 {
		return 0, false
	}
	if !(gained > 0) {
		return math.MaxInt64, true
	}
	wait = time.Duration(min(float64(math.MaxInt64)/2, max(0, needed-info)/gained*float64(elapsed)))
	return wait, true
}

// A required proof is settled as inconclusive when so many times as much is
// known as would suffice in nearly all cases.
const plenty = 4

// classify says why more of the same will not bring a ruling's required proof;
// no class where it may still come.
func (r ruling) classify(t trail, now time.Time, p Policy) (Class, string) {
	e, m2 := r.basis, r.band.margin*r.band.margin
	switch {
	case !r.asked || r.Outcome == Acceptable || r.Outcome == Worse:
		return "", ""
	case !(m2 > 0):
		return r.classifyRare(t, now, p)
	case e.known && e.ready && e.info*m2 >= r.enough(p) && (r.near() || e.info*m2 >= plenty*p.MaxInformation):
		return Borderline, fmt.Sprintf("the difference of %s pt lies too near the edge of %s to be told from it (standard error %s pt)",
			points2(e.d), r.edges(), points2(1/math.Sqrt(e.info)))
	case e.known && !e.ready && e.least() < minClusters && e.info*e.phi*m2 >= p.MaxInformation:
		return Floor, fmt.Sprintf("traffic comes over too few connections (%.1f effective clusters, %d are needed): "+
			"open more connections, compare more tasks, or score more by both releases (shadow.sample)", e.least(), minClusters)
	}
	after := patienceTime
	if !e.known {
		after = longPatience
	}
	switch wait, known := t.wait(now, r.informed(), r.sufficient(), after); {
	case !known || wait <= p.MaxWait:
		return "", ""
	case e.known && e.info*e.phi*m2 >= p.MaxInformation:
		return Floor, "information grows no more though traffic does: connections last, and say the same over and over; " +
			"open more of them, or score more by both releases (shadow.sample)"
	}
	return Starved, r.starved()
}

// classifyRare does so for rates of rare events, whose proof itself is what is
// known.
func (r ruling) classifyRare(t trail, now time.Time, p Policy) (Class, string) {
	wait, known := t.wait(now, r.informed(), 1, longPatience)
	switch {
	case !known || wait <= p.MaxWait:
		return "", ""
	case r.CandidateRate*float64(r.Requests) >= minEvents:
		return Borderline, "the candidate's rate lies too near what is tolerated to be told from it"
	}
	return Starved, r.starved()
}

func (r ruling) starved() string {
	text := "traffic is too little"
	if r.waits != "" {
		text += " for " + r.waits
	}
	if r.Detectable > 0 {
		text += fmt.Sprintf(": at present a difference of %s pt could be told", points2(r.Detectable))
	}
	return text + "; widen the margin, or send it more"
}

// enough is the information, times the squared margin, at which a difference
// near an edge is settled as that. Where many partners must be proven, chance
// brings one of them near an edge for a while, so it takes twice as much.
func (r ruling) enough(p Policy) float64 {
	if r.waits != "" {
		return 2 * p.MaxInformation
	}
	return p.MaxInformation
}

// near says that the difference lies within two standard errors of an edge.
func (r ruling) near() bool {
	e := r.basis
	distance := math.Abs(r.band.high - e.d)
	if !r.over {
		distance = min(distance, math.Abs(e.d-r.band.low))
	}
	return distance*math.Sqrt(e.info) < 2
}

func (r ruling) edges() string {
	if r.over {
		return points2(r.band.high) + " pt"
	}
	return fmt.Sprintf("%s..%s pt", points2(r.band.low), points2(r.band.high))
}

// informed is what is known for a proof: information, or how far it is where
// that is not to be had.
func (r ruling) informed() float64 {
	switch {
	case !(r.band.margin > 0):
		return r.progress
	case !r.basis.known:
		return 0
	}
	return r.basis.info
}

// sufficient is the information at which the required proof should stand.
func (r ruling) sufficient() float64 {
	needed := 15 / (r.band.margin * r.band.margin)
	if r.basis.known && r.basis.ready && r.basis.info >= needed {
		needed = max(needed, r.basis.needed(r.band))
	}
	return needed
}
