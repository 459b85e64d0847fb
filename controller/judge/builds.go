package judge

import (
	"fmt"
	"math"
	"time"
)

// Builds weighs how auctions fare on tasks of a new build, as a deployment
// brings it, against those of the build before, which answer with the same model
// at the same time: by the gate of errors, look by look. A zero Builds has seen
// nothing; it can be lost, and begins anew.
type Builds struct {
	evidence State
	counted  Ratio
	tasks    map[string]*fareOfTask
}

// A Fare is what one task's auctions came to since the last look.
type Fare struct {
	Task     string
	Arm      Arm   // Candidate: of the new build
	Auctions int64 // those without an answer included
	Bad      int64 // of them, answered without a score, or not at all
}

// fareOfTask is what a task has counted so far, and in its present moment.
type fareOfTask struct {
	n, x  float64
	began time.Time
	now   Moment
}

// A BuildsVerdict is what builds come to at a look.
type BuildsVerdict struct {
	Outcome  Outcome `json:"outcome"`  // Worse, Acceptable, Unsure, or NoData
	Sentence string  `json:"sentence"` // with the numbers
}

// MomentLength is how long a task's rare events are counted as one cluster, at
// least. Errors come in bursts: what a task suffers within half a minute says
// no more than one such time.
const MomentLength = 30 * time.Second

// Look adds what was counted until now, and weighs all of it. Harm must be beyond
// [Policy.ErrorRatio] times the other build's and above [Policy.ErrorFloor], with
// the evidence that takes a candidate back, in two moments at least; a proof is
// what promotes one.
func (b *Builds) Look(fares []Fare, p Policy, now time.Time) BuildsVerdict {
	p = p.Sane()
	if b.tasks == nil {
		b.tasks = map[string]*fareOfTask{}
	}
	b.counted.N, b.counted.X = [Arms]float64{}, [Arms]float64{}
	for _, f := range fares {
		if f.Auctions <= 0 || f.Bad < 0 || f.Bad > f.Auctions || len(b.tasks) >= maxFares && b.tasks[f.Task] == nil {
			continue
		}
		b.take(f, now)
	}
	b.evidence.past.Ratios[ServedErrors].add(b.counted.N, b.counted.X, p.ErrorRatio)
	stats := Statistics{}
	stats.Ratios[ServedErrors] = b.counted
	const threshold = 1 / errorsAlpha
	f, against := b.evidence.findRatio(&stats, ServedErrors, GateErrors, threshold, true, p)
	if b.counted.ByCluster[ControlArm].N == 0 {
		f.Outcome = NoData
	}
	if against >= math.Log(threshold) {
		f.Outcome = Worse
	}
	c, k := b.counted.ByCluster[CandidateArm], b.counted.ByCluster[ControlArm]
	return BuildsVerdict{f.Outcome, fmt.Sprintf("of the auctions on its tasks %s went wrong (%s of %s), on the others %s (%s of %s)",
		percent(f.CandidateRate), commas(int64(c.X)), commas(int64(c.N)), percent(f.StableRate), commas(int64(k.X)), commas(int64(k.N)))}
}

// maxFares is how many tasks are told apart.
const maxFares = 10_000

func (b *Builds) take(f Fare, now time.Time) {
	a, n, x := ControlArm, float64(f.Auctions), float64(f.Bad)
	if f.Arm == Candidate {
		a = CandidateArm
	}
	b.counted.N[a] += n
	b.counted.X[a] += x
	b.counted.ByCluster[a].grow(0, 0, n, x)
	t := b.tasks[f.Task]
	if t == nil {
		t = &fareOfTask{began: now}
		b.tasks[f.Task] = t
	}
	if now.Sub(t.began) >= MomentLength {
		t.began, t.now = now, Moment{}
	}
	b.counted.ByMoment[a].grow(t.now.N, t.now.X, n, x)
	b.counted.ByTask[a].grow(t.n, t.x, n, x)
	t.now.N, t.now.X = t.now.N+n, t.now.X+x
	t.n, t.x = t.n+n, t.x+x
}

// grow adds n trials with x events to the cluster that has wasN and wasX so far.
func (c *ClusterSums) grow(wasN, wasX, n, x float64) {
	if wasN == 0 {
		c.G++
	} else {
		c.FF -= wasX * wasX / wasN
	}
	isN, isX := wasN+n, wasX+x
	c.N, c.X = c.N+n, c.X+x
	c.XX += isX*isX - wasX*wasX
	c.XN += isX*isN - wasX*wasN
	c.NN += isN*isN - wasN*wasN
	c.FF += isX * isX / isN
}
