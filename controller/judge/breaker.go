package judge

import (
	"fmt"
	"slices"
	"time"
)

// When every score lies in one bin. Stable's must not do nearly the same.
const (
	equalScores = 1000
	equalShare  = .9
)

// broken says what gross harm there is that needs no statistics, for a person;
// nothing where there is none.
func broken(s Statistics, p Breaker) string {
	if n := s.Crashes[CandidateArm]; p.Crashes > 0 && n >= p.Crashes && n > s.Crashes[ControlArm] {
		text := "a task crashed while it served the candidate"
		if n > 1 {
			text = fmt.Sprintf("%d tasks crashed while they served the candidate", n)
		}
		if len(s.Crashed) > 0 {
			text += ": " + list(s.Crashed)
		}
		return text + fmt.Sprintf("; %d of stable's did", s.Crashes[ControlArm])
	}
	if text := p.failing(&s); text != "" {
		return text
	}
	return equal(s.Scores)
}

// failing says by how much the candidate fails of late, where that is gross.
func (p Breaker) failing(t *Statistics) string {
	now, then := t.Recent[CandidateArm], t.Recent[ControlArm]
	if now.Requests < int64(p.Requests) {
		return ""
	}
	if text := p.gross("requests are answered degraded", now.Errors, now.Requests, then.Errors, then.Requests); text != "" {
		return text
	}
	return p.gross("pairs have no score", now.Invalid, now.Pairs, then.Invalid, then.Pairs)
}

// gross compares shares of the last ten seconds or so. Stable counts as without
// fault where it has answered nothing of late.
func (p Breaker) gross(what string, x, n, stableX, stableN int64) string {
	rate, stable := portion(x, n), portion(stableX, stableN)
	if rate < p.ErrorShare || rate < p.ErrorRatio*stable {
		return ""
	}
	return fmt.Sprintf("%s of the candidate's latest %s (%s of %s), %s of stable's (%s of %s)",
		percent(rate), what, commas(x), commas(n), percent(stable), commas(stableX), commas(stableN))
}

func portion(x, n int64) float64 {
	if n <= 0 || x <= 0 {
		return 0
	}
	return min(1, float64(x)/float64(n))
}

// equal says that the candidate gives the same score to everything while
// stable does not: it sees no features, or is no model.
func equal(scores [Arms][ScoreBins]int64) string {
	n, top, bin := most(scores[CandidateArm])
	if n < equalScores || top < n {
		return ""
	}
	stable, stableTop, _ := most(scores[ControlArm])
	if stable < equalScores || float64(stableTop) > equalShare*float64(stable) {
		return ""
	}
	return fmt.Sprintf("all %s scores of the candidate lie from %s to %s, stable's do not",
		commas(n), decimal(bin), decimal(bin+1))
}

func decimal(bin int) string { return fmt.Sprintf("%.4g", float64(bin)/ScoreBins) }

// most returns how many scores there are, how many of them lie in the fullest
// bin, and which that is.
func most(scores [ScoreBins]int64) (n, top int64, bin int) {
	for i, v := range scores {
		n += max(0, v)
		if v > top {
			top, bin = v, i
		}
	}
	return n, top, bin
}

// A suspect is a task that failed grossly while it served the candidate.
type suspect struct {
	Task string    `json:"task"`
	At   time.Time `json:"at"`
}

// How long a suspect is remembered, and when a second moment of the same is one
// of its own; from lost on, no statistics and no second task are waited for.
const (
	suspectFor   = 2 * time.Minute
	secondMoment = 10 * time.Second
	lost         = .5
)

// suspects returns the one task whose own fault may be what looks like the
// candidate's: it alone fails, and most of the arm's requests are answered as
// they should. It is none when another one failed a moment ago, since harm that
// follows the candidate to another task is its own; nor when the arm has no
// other task and the harm has lasted.
func (s *State) suspects(t *Statistics) (task string) {
	now := t.Recent[CandidateArm]
	if t.Stretch == 0 || max(portion(now.Errors, now.Requests), portion(now.Invalid, now.Pairs)) >= lost || len(now.Failing) != 1 {
		return ""
	}
	task = now.Failing[0]
	s.past.Suspects = slices.DeleteFunc(s.past.Suspects, func(w suspect) bool { return t.At.Sub(w.At) >= suspectFor })
	for _, was := range s.past.Suspects {
		if was.Task != task || now.Tasks == 1 && t.At.Sub(was.At) >= secondMoment {
			return ""
		}
	}
	if len(s.past.Suspects) == 0 {
		s.past.Suspects = []suspect{{task, t.At}}
	}
	return task
}

// suspected is the last task that failed alone, as long as harm that follows the
// candidate to another one would show.
func (s *State) suspected(now time.Time) (last suspect) {
	for _, was := range s.past.Suspects {
		if gone := now.Sub(was.At); gone >= 0 && gone < suspectFor {
			last = was
		}
	}
	return last
}

// ruleBreaker rules on gross harm.
func (s *State) ruleBreaker(t *Statistics, p Policy) ruling {
	r := ruling{Finding: Finding{Gate: GateBreaker, Outcome: NoData, Low: -1, High: 1}}
	now, then := t.Recent[CandidateArm], t.Recent[ControlArm]
	r.CandidateRate, r.StableRate = portion(now.Errors, now.Requests), portion(then.Errors, then.Requests)
	r.Difference = r.CandidateRate - r.StableRate
	r.Requests = max(0, now.Requests)
	r.text = "nothing was answered of late"
	if now.Requests > 0 {
		r.Outcome, r.text = Acceptable, "no gross harm"
	}
	if text := p.Breaker.failing(t); text != "" {
		if r.suspect = s.suspects(t); r.suspect != "" {
			r.Outcome, r.late, r.text = Unsure, true, fmt.Sprintf("%s; task %s alone fails, so it may be its own fault", text, r.suspect)
			return r
		}
	}
	if was := s.suspected(t.At); was.Task != "" {
		r.Outcome, r.late = Unsure, true
		r.text += fmt.Sprintf("; task %s alone failed at %s, and until %s UTC it is seen whether another does",
			was.Task, was.At.UTC().Format("15:04:05"), was.At.Add(suspectFor).UTC().Format("15:04:05"))
	}
	if text := broken(*t, p.Breaker); text != "" {
		r.Outcome, r.broken, r.text = Worse, true, text
		for _, task := range t.Crashed {
			if t.Crashes[CandidateArm] > 0 && len(r.Drivers) < maxNamed {
				r.Drivers = append(r.Drivers, Driver{Name: task, Share: 1 / float64(len(t.Crashed))})
			}
		}
	}
	return r
}
