package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Summary is a fleet among others: what there is to know of it at a glance.
type Summary struct {
	Fleet    string     `json:"fleet"`
	Trouble  string     `json:"trouble,omitempty"` // why it cannot be read; all below is unknown then
	At       time.Time  `json:"at"`
	Unwell   []Unwell   `json:"unwell"` // the worst first; empty where nothing is known to be wrong
	Unheard  []Unheard  `json:"unheard"`
	Stable   *Release   `json:"stable"`
	Active   *Rollout   `json:"active"` // as in lists
	Queue    int        `json:"queue"`  // rollouts that wait
	Last     *Rollout   `json:"last"`   // as in lists
	Pause    *Pause     `json:"pause"`
	Requests int        `json:"requests"` // wishes not yet acted on
	Tasks    TaskCounts `json:"tasks"`
	Next     Next       `json:"next"`
	Loop     *Loop      `json:"loop"`
}

// overviewReads is how many fleets are read at a time.
const overviewReads = 8

// overview tells of all fleets. One that cannot be read is told as such, and
// keeps nobody from the others.
func (s *server) overview(r *http.Request) (any, error) {
	names := s.seen(r)
	out := make([]Summary, len(names))
	var all errgroup.Group
	all.SetLimit(overviewReads)
	for i, name := range names {
		all.Go(func() error {
			out[i] = s.summary(r.Context(), name)
			return nil
		})
	}
	_ = all.Wait() // none fails
	return out, nil
}

func (s *server) summary(ctx context.Context, fleet string) Summary {
	v, err := s.views.of(ctx, fleet)
	switch {
	case errors.Is(err, ErrDamaged):
		return Summary{Fleet: fleet, At: time.Now().UTC(), Unwell: []Unwell{}, Unheard: []Unheard{}, Trouble: err.Error()}
	case err != nil:
		s.log.WarnContext(ctx, "overview cannot read a fleet", "fleet", fleet, "err", err)
		return Summary{Fleet: fleet, At: time.Now().UTC(), Unwell: []Unwell{}, Unheard: []Unheard{}, Trouble: "its documents cannot be read just now; the server's log says more"}
	}
	f := v.fleet
	out := Summary{
		Fleet: fleet, At: f.At, Unwell: f.Unwell, Unheard: f.Unheard, Stable: f.Stable, Last: f.Last, Queue: len(f.Queue), Pause: f.Pause,
		Requests: len(f.Requests), Tasks: f.Tasks, Next: f.Next, Loop: f.Loop,
	}
	if f.Active != nil {
		active := *f.Active
		active.CanaryTasks, active.ControlTasks, active.History = nil, nil, nil
		if active.Verdict != nil {
			verdict := *active.Verdict
			verdict.Findings, verdict.Spent = nil, nil
			active.Verdict = &verdict
		}
		out.Active = &active
	}
	return out
}
