package judge

import (
	"fmt"
	"math"
	"time"
)

// Latency is judged between tasks, since a task's requests share its machine.
// With fewer than latencyTasks in either arm a neighbour's noise is hard to
// tell from the candidate's, so the margin doubles; with fewer than fewTasks
// it cannot be told at all, and latency is shown but not judged.
const (
	latencyTasks = 8
	fewTasks     = 4
)

// A slowness is what an exceedance says: how much larger a share of the
// candidate's requests takes at least so long than of stable's.
type slowness struct {
	estimate
	edge, shift    int     // first latency bin that counted first, and by how much it has moved
	past           bool    // every task is held against its own past
	margin         float64 // of the share
	against, proof float64 // logarithms
	tasks          [Arms]int
	refused        bool   // tasks are too few to decide anything
	promised       bool   // the edge is what was promised
	driver         Driver // the task that differs most
	slowArm        Arm    // of that task, where it is the slower one and still there; else empty
}

// weighLatency holds an exceedance against its margin: evidence only that the
// candidate is slower, one-sided (JUDGE section 3), with tasks as clusters and
// Student's correction for their number. tasks is how many each arm has
// at present.
func weighLatency(x Exceedance, margin float64, tasks [Arms]int) slowness {
	s := slowness{edge: x.Edge, shift: x.Shift, margin: margin, tasks: tasks}
	of, past := x.change(margin)
	s.estimate, s.past = of.byTask(), past
	if all := of.U2[CandidateArm] + of.U2[ControlArm]; all > 0 && (past || x.Past.Variance == 0) {
		s.driver = Driver{x.Loudest.Task, min(1, x.Loudest.Influence*x.Loudest.Influence/all)}
		if x.Loudest.Influence > 0 {
			s.slowArm = x.Loudest.Arm
		}
	}
	for a := range s.tasks { // one that is silent for a look has been compared all the same
		s.tasks[a] = max(s.tasks[a], x.Of.G[a])
	}
	least := min(s.tasks[CandidateArm], s.tasks[ControlArm])
	if least < latencyTasks {
		s.margin = min(1, 2*margin)
	}
	s.refused = least < fewTasks
	if s.refused || !s.known {
		return s
	}
	if s.ready {
		y := score(s.d-s.margin, s.info, s.nu)
		s.against = logHarm(y, s.info, s.margin)
		s.proof = logProof(-y, s.info, s.margin)
	} else if s.windows >= minWindows && s.events < minEvents && s.least() > fewTasks-1 {
		// Hardly any request of either arm is slow: then the candidate's own
		// share lies below the margin, whatever stable's is.
		s.proof = logBelow(x.Of.X[CandidateArm], x.Of.N[CandidateArm], s.margin, s.phi) - math.Ln2
	}
	return s
}

// mostOfIt is the share of all that tasks differ by from which on one task is
// named for it.
const mostOfIt = .5

// wellKnown is how small a part of the margin the error of sampling the past
// must be, for the past to be used.
const wellKnown = 1. / 8

// change is by how much more the candidate's requests have become slow than
// stable's since before either was compared (differences in differences). Tasks
// differ for good, by their machines and their neighbours; held against what
// it did itself, a task that was always slow says nothing against what it
// serves now. Where the past is not known well, it is the difference between
// the arms as it stands, and past is false. Which of both depends on how much
// was counted only, not on what.
func (x Exceedance) change(margin float64) (of Difference, past bool) {
	of = x.Of
	if most := wellKnown * margin * of.Q; !(x.Past.Variance > 0) || x.Past.Variance > most*most {
		return of, false
	}
	of.D -= x.Past.D
	of.U2 = x.Past.U2
	of.Binomial += x.Past.Variance
	return of, true
}

// byTask estimates a difference whose clusters are tasks.
func (st Difference) byTask() estimate {
	e := st.estimate()
	e.ready = e.known && e.windows >= minWindows && e.events >= minEvents && e.least() > fewTasks-1
	return e
}

// binEdge is the least latency that a bin holds, in microseconds.
func binEdge(bin int) float64 { return math.Exp2(float64(bin) / 4) }

// ruleLatency rules on how slow requests are: beyond stable's own p99 of before
// the arms were compared, and beyond what was promised, where anything was.
func (s *State) ruleLatency(t *Statistics, p Policy) ruling {
	r := ruling{Finding: Finding{Gate: GateLatency, Outcome: NoData, Low: -1, High: 1}, over: true}
	if p.Latency == Off {
		r.text = "latency is not judged (judge.latency: off)"
		return r
	}
	r.Threshold = 1 / latencyAlpha
	tasks := [Arms]int{t.Load[CandidateArm].Tasks, t.Load[ControlArm].Tasks}
	own := weighLatency(t.Latency, p.LatencyMargin, tasks)
	loudest, proof := own, own.proof
	r.against = own.against
	cleared, blamed := sides(t.BothSides, own.margin)
	if t.Others.Edge > 0 {
		others := weighLatency(t.Others, p.LatencyMargin, tasks)
		r.against = logSumExp([]float64{own.against, others.against}, []float64{.5, .5})
		if len(cleared) > 0 && blamed == "" {
			proof = logSumExp([]float64{own.proof, others.proof}, []float64{.5, .5})
			loudest = others
		}
	}
	if p.LatencySLO > 0 && t.SLO.Edge > 0 {
		promised := weighLatency(t.SLO, p.LatencyMargin, tasks)
		promised.promised = true
		r.against = logSumExp([]float64{own.against, promised.against}, []float64{.5, .5})
		proof = min(proof, promised.proof)
		if promised.against > own.against || promised.against == own.against && promised.d > own.d {
			loudest = promised
		}
	}
	r.SincePast = loudest.past
	if loudest.driver.Share >= mostOfIt {
		r.Drivers = []Driver{loudest.driver}
	}
	r.suspect = s.slowest(t, loudest)
	r.band = band{-1, loudest.margin, loudest.margin}
	r.basis, r.setting, r.least = loudest.estimate, "latency_margin", fewTasks
	best := s.proven(GateLatency, r.band, proof)
	r.asked = t.Served && p.Latency == Require && own.edge > 0 && !own.refused
	r.show(best)
	if r.Outcome == Acceptable && (blamed != "" || s.past.Slowest.Task != "") {
		r.Outcome, r.late, r.progress = Unsure, true, .99 // proven, but the present speaks against it
	}
	r.text = t.latencyText(own, loudest, r)
	switch {
	case blamed != "":
		r.text += fmt.Sprintf("; task %s has left the candidate and is not as slow with stable, or not yet", blamed)
	case len(cleared) > 0 && !loudest.promised:
		r.text += fmt.Sprintf("; without %s, as slow with stable as with the candidate", list(cleared))
	}
	return r
}

// How many requests a task that changed sides must have answered with stable
// before it is known what was slow, and how many standard errors it must be slow
// beyond what it was used to.
const (
	enoughWithStable = 200
	surelySlow       = 4
)

// sides tells of the tasks that were slow with the candidate and changed sides
// which are as slow with stable, at least a third as much beyond what they were
// used to, and the first that is not, or of which it is not known yet. Of one
// that changed sides for another harm, or was slower by no more than the margin
// allows all of them, there is nothing to say.
func sides(all []BothSides, margin float64) (cleared []string, blamed string) {
	for _, b := range all {
		switch {
		case !b.slow(CandidateArm, 1) || b.excess(CandidateArm) <= margin:
		case b.slow(ControlArm, enoughWithStable) && b.excess(ControlArm) >= b.excess(CandidateArm)/3:
			cleared = append(cleared, b.Task)
		case blamed == "":
			blamed = b.Task
		}
	}
	return cleared, blamed
}

// slow reports whether the task was slow on a side beyond chance, as far as at
// least so many requests tell.
func (b BothSides) slow(side int, least float64) bool {
	n := b.Requests[side]
	return n >= least && b.excess(side) >= surelySlow*math.Sqrt(max(b.Usual, 1/n)*(1-b.Usual)/n)
}

// excess is by how much more of its requests were slow on a side than before.
func (b BothSides) excess(side int) float64 { return b.Slow[side]/max(1, b.Requests[side]) - b.Usual }

// slowFor is how long one task must be slow beside all others before it is
// suspect.
const slowFor = 2 * time.Minute

// slowest returns the task that serves the candidate and alone brings most of
// what tasks differ by, once it has done so for a while: it may have a neighbour
// who keeps its machine busy.
func (s *State) slowest(t *Statistics, x slowness) string {
	task := x.driver.Name
	if !(x.driver.Share >= mostOfIt) || x.slowArm != Candidate || !x.ready || x.d <= 0 {
		s.past.Slowest = suspect{}
		return ""
	}
	if s.past.Slowest.Task != task {
		s.past.Slowest = suspect{task, t.At}
	}
	if t.At.Sub(s.past.Slowest.At) < slowFor {
		return ""
	}
	return task
}

func (t *Statistics) latencyText(own, loudest slowness, r ruling) string {
	switch {
	case own.edge == 0:
		return "stable's latency is not known yet, so latency is not judged"
	case own.refused:
		return fmt.Sprintf("latency is shown but not judged: %d and %d tasks are compared, and with fewer than %d of each "+
			"a slow neighbour cannot be told from a slow candidate", own.tasks[CandidateArm], own.tasks[ControlArm], fewTasks)
	case !loudest.known && t.Served && min(t.Answered[CandidateArm], t.Answered[ControlArm]) > deadAfter:
		return fmt.Sprintf("dead metric: %s and %s requests are answered, but their latency is not counted by both arms",
			commas(t.Answered[CandidateArm]), commas(t.Answered[ControlArm]))
	case !loudest.known:
		return "nothing to compare yet"
	}
	than := ""
	if loudest.past {
		than = " more than before"
	}
	text := fmt.Sprintf("%s of the candidate's requests take %s, %s of stable's (%s pt%s, anytime 95 %% CS [%s, %s]), allowed up to %s pt",
		percent(r.CandidateRate), loudest.long(), percent(r.StableRate), points2(r.Difference), than,
		points2(r.Low), points2(r.High), points2(loudest.margin))
	return text + "; " + evidenceText(expCapped(r.against), r.Threshold, "1/0.004")
}

// long says how long the requests take that count.
func (s slowness) long() string {
	switch {
	case !s.past || s.promised:
		return microseconds(binEdge(s.edge+s.shift)) + " or more"
	case s.shift == 0:
		return "longer than the p99 that their task had"
	}
	return fmt.Sprintf("longer than %.2g times the p99 that their task had, as stable's requests changed by as much", binEdge(s.shift))
}

// deadAfter is how many requests of either arm must have been answered before
// a metric of which nothing is counted is called dead.
const deadAfter = 5000

func microseconds(us float64) string {
	if us >= 1e6 {
		return fmt.Sprintf("%.3g s", us/1e6)
	}
	if us >= 1e3 {
		return fmt.Sprintf("%.3g ms", us/1e3)
	}
	return fmt.Sprintf("%.3g us", us)
}
