package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// summary is how a demo ended, as JSON.
type summary struct {
	OK       bool     `json:"ok"`
	Wrong    []string `json:"wrong"` // what is not as it must be
	Seconds  float64  `json:"seconds"`
	Jobs     []ending `json:"jobs"`
	Auctions auctions `json:"auctions"`
	Measured measured `json:"measured"`
}

// measured is how quick and how large things were on this machine, this time. What
// no scene of those that were played shows is left out.
type measured struct {
	FirstCanary     float64 `json:"first_canary_seconds,omitzero"`   // training job completed to canary cohort in place, without a shadow phase
	BackOnStable    float64 `json:"back_on_stable_seconds,omitzero"` // verdict to last task back on stable, the longest
	Deployment      float64 `json:"deployment_seconds,omitzero"`     // of the service in mid-canary, by ECS
	ControllerBytes int64   `json:"controller_bytes"`                // largest resident memory
	TaskBytes       int64   `json:"task_bytes"`                      // of a task, the largest seen
}

// ending is what became of one job.
type ending struct {
	Job      string             `json:"job"`
	Phase    rollout.Phase      `json:"phase"`
	Reason   rollout.Reason     `json:"reason"`
	Headline string             `json:"headline"`
	Sentence string             `json:"sentence"`
	Seconds  map[string]float64 `json:"seconds"` // by phase
	Exposed  int64              `json:"exposed"` // auctions answered by the candidate before it was promoted or gone
	Partner  string             `json:"partner,omitempty"`
}

// auctions is what the auction servers saw.
type auctions struct {
	Sent     int64 `json:"sent"`
	Answered int64 `json:"answered"`
	Failed   int64 `json:"failed"`
	Degraded int64 `json:"degraded"`
	P50      int64 `json:"p50_us"`
	P99      int64 `json:"p99_us"`
}

// sumUp ends the auctions, prints how everything ended, and fails unless it is
// as the story says.
func (s *stage) sumUp(played []actor) error {
	sum := summary{Seconds: time.Since(s.began).Seconds(), Wrong: []string{}}
	for _, a := range played {
		sum.Jobs = append(sum.Jobs, endingOf(a.rollout))
		sum.Wrong = append(sum.Wrong, a.wrong()...)
	}
	sum.Wrong = append(sum.Wrong, s.watcher.spared()...)
	sum.Wrong = append(sum.Wrong, s.watcher.apart()...)
	if s.plays(maintained().name) {
		sum.Wrong = append(sum.Wrong, s.watcher.maintenance.wrong()...)
	}
	sum.Measured = s.measured(played)
	found, err := s.closeTap()
	if err != nil {
		return err
	}
	sum.Auctions = found
	if found.Failed > 0 {
		sum.Wrong = append(sum.Wrong, fmt.Sprintf("%d auctions failed", found.Failed))
	}
	if found.Answered == 0 {
		sum.Wrong = append(sum.Wrong, "no auction was answered")
	}
	sum.OK = len(sum.Wrong) == 0
	if s.JSON {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		err = e.Encode(sum)
	} else {
		err = sum.print(s)
	}
	if err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	if !sum.OK {
		return errors.New("the demo did not end as it must: " + strings.Join(sum.Wrong, "; "))
	}
	return nil
}

func (s *stage) measured(played []actor) measured {
	m := measured{FirstCanary: s.watcher.firstCanary.Seconds(), TaskBytes: s.watcher.taskBytes, ControllerBytes: s.controller.peakBytes(), Deployment: s.watcher.maintenance.seconds()}
	for _, a := range played {
		var verdict time.Time
		for _, e := range a.rollout.History {
			switch e.To { //nolint:exhaustive // the two ends of a rollback
			case rollout.RollingBack:
				verdict = e.At
			case rollout.RolledBack:
				m.BackOnStable = max(m.BackOnStable, e.At.Sub(verdict).Seconds())
			}
		}
	}
	return m
}

// wrong says in which ways a job did not end as the story wants.
func (a actor) wrong() (wrong []string) {
	r := a.rollout
	if r.Phase != a.want || r.Reason != a.reason {
		wrong = append(wrong, fmt.Sprintf("%s ended %s (%s), want %s (%s)", a.name, r.Phase, r.Reason, a.want, a.reason))
	}
	if a.check != nil {
		if err := a.check(r); err != nil {
			wrong = append(wrong, a.name+": "+err.Error())
		}
	}
	return wrong
}

func endingOf(r rollout.Rollout) ending {
	e := ending{Job: r.ID, Phase: r.Phase, Reason: r.Reason, Headline: r.Headline(rollout.Policy{}, r.Since).Text, Sentence: r.Sentence, Exposed: r.Exposed, Seconds: map[string]float64{}}
	if r.Verdict != nil {
		e.Partner = r.Verdict.Partner
	}
	for i, event := range r.History[:max(0, len(r.History)-1)] {
		e.Seconds[string(event.To)] += r.History[i+1].At.Sub(event.At).Seconds()
	}
	return e
}

// closeTap ends the auctions and adds up what they came to. Of the latencies it
// tells those of the zone that had the longer ones.
func (s *stage) closeTap() (sum auctions, err error) {
	for _, p := range s.auctions {
		if err := p.stop(); err != nil {
			return sum, fmt.Errorf("%w: %s", err, s.logTail(p.name+".err"))
		}
		one, err := s.held(p.name)
		if err != nil {
			return sum, fmt.Errorf("read what became of the auctions: %w", err)
		}
		sum = auctions{
			Sent: sum.Sent + one.Sent, Answered: sum.Answered + one.Answered, Failed: sum.Failed + one.Failed,
			Degraded: sum.Degraded + one.Degraded, P50: max(sum.P50, one.P50), P99: max(sum.P99, one.P99),
		}
	}
	s.auctions = nil
	return sum, nil
}

// held reads what a client's auctions came to.
func (s *stage) held(client string) (auctions, error) {
	body, err := os.ReadFile(filepath.Join(s.Dir, client+".out"))
	if err != nil {
		return auctions{}, err
	}
	var found struct {
		Auctions auctions `json:"auctions"`
		Latency  struct {
			P50 int64 `json:"p50_us"`
			P99 int64 `json:"p99_us"`
		} `json:"latency"`
	}
	err = json.Unmarshal(body, &found)
	found.Auctions.P50, found.Auctions.P99 = found.Latency.P50, found.Latency.P99
	return found.Auctions, err
}

// print shows the summary as tables.
func (sum summary) print(s *stage) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\njob\tphase\treason\texposed\tseconds\theadline\n")
	for _, e := range sum.Jobs {
		total := 0.0
		for _, seconds := range e.Seconds {
			total += seconds
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%.1f\t%s\n", e.Job, e.Phase, e.Reason, e.Exposed, total, e.Headline)
	}
	a := sum.Auctions
	fmt.Fprintf(w, "\nauctions\tsent\tanswered\tfailed\tdegraded\tp50\tp99\n\t%d\t%d\t%d\t%d\t%d us\t%d us\n", a.Sent, a.Answered, a.Failed, a.Degraded, a.P50, a.P99)
	m := sum.Measured
	fmt.Fprintf(w, "\nmeasured\tjob to first canary\tverdict to stable\tdeployment in mid-canary\tcontroller\ta task\n\t%s\t%s\t%s\t%d MiB\t%d MiB\n",
		took(m.FirstCanary), took(m.BackOnStable), took(m.Deployment), m.ControllerBytes>>20, m.TaskBytes>>20)
	fmt.Fprintf(w, "\n%.0f seconds in all\n", sum.Seconds)
	return w.Flush()
}

// took is how long something took, where that was seen.
func took(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f s", seconds)
}
