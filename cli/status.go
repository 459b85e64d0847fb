package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// statusFlags are those of `sluice status`.
type statusFlags struct {
	target
	output
	limit int
	again bool // and again: watch
}

func statusCommand() *cobra.Command {
	var s statusFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Say what serves, what is being tried and how it compares",
		Long: "It begins with what is wrong, and how auctions fare. It also tells what happens next, how the\n" +
			"tasks are, and the way back. With --watch it goes on until Ctrl-C: on a terminal in place,\n" +
			"elsewhere a line whenever something happens.",
		Example: "  sluice status\n" +
			"  sluice status -o json",
		Args: takes(0),
		RunE: func(c *cobra.Command, _ []string) error { return s.run(c.Context(), c.OutOrStdout()) },
	}
	s.flags(c)
	s.formats(c)
	c.Flags().BoolVarP(&s.again, "watch", "w", false, "go on showing it as it changes")
	limitFlag(c, &s.limit)
	return c
}

func (s *statusFlags) run(ctx context.Context, out io.Writer) error {
	fleet, err := s.only(ctx)
	if err != nil {
		return err
	}
	if s.again {
		return s.watch(ctx, out, fleet)
	}
	f, err := s.client.Fleet(ctx, fleet)
	if err != nil {
		return err
	}
	tasks, missed := s.client.Tasks(ctx, fleet, s.limit)
	if missed != nil && s.data() {
		return missed
	}
	if s.data() {
		return s.print(out, statusData{f, tasks.Tasks})
	}
	return errors.Join(printStatus(out, f, tasks), missed) // what is known is told all the same
}

// statusData is the status for programs.
type statusData struct {
	api.Fleet
	List []api.Task `json:"task_list"`
}

func printStatus(out io.Writer, f api.Fleet, tasks api.Tasks) error {
	p := &page{out: out}
	p.line("%s%s", f.Fleet, seenAgo(f))
	p.line("")
	for _, w := range warnings(f) {
		p.field("WARNING", w)
	}
	for _, u := range f.Unwell {
		p.field("UNWELL", u.Sentence)
		if u.WayOut != "" { // an earlier server tells none
			p.field("way out", u.WayOut)
		}
	}
	p.auctions(f)
	p.field("serves", servesText(f))
	p.notes(f.Stable)
	if f.Previous != nil {
		p.field("before", releaseText(*f.Previous))
	}
	p.trying(f)
	for _, q := range f.Queue {
		p.field("queue", cmp.Or(q.Headline, q.ID+"  "+q.Sentence))
	}
	for _, t := range f.Tunings {
		p.field("tuning", t.Sentence)
	}
	for _, q := range f.Requests {
		p.field("asked", q.Verb+" by "+q.By+", not yet acted on")
	}
	p.field("next", nextText(f))
	if f.Loop == nil {
		p.field("tasks", "not known: no controller has looked yet")
	} else {
		p.field("tasks", tasksText(f.Tasks))
	}
	if f.Back != nil {
		to := ""
		if f.WentBack != "" {
			to = " --to " + rollout.Short(f.Back.Digest)
		}
		p.field("roll back", "sluice rollback --fleet "+f.Fleet+to+" --why '…'   goes to "+releaseText(*f.Back))
	}
	if len(tasks.Tasks) > 0 {
		p.line("")
		p.tasks(tasks)
	}
	return p.err
}

func seenAgo(f api.Fleet) string {
	if f.Loop == nil {
		return ": no controller has looked at it yet"
	}
	return fmt.Sprintf(", seen %s ago by %s (epoch %d)", span(lookAge(f)), f.Loop.Leader, f.Loop.Epoch)
}

// lookAge is how old the last look is. An earlier server leaves that to two
// clocks.
func lookAge(f api.Fleet) time.Duration {
	if age := f.Loop.AgeSeconds; age > 0 {
		return time.Duration(age * float64(time.Second))
	}
	return max(0, f.At.Sub(f.Loop.At))
}

// warnings are what makes the rest of the page doubtful.
func warnings(f api.Fleet) (out []string) {
	if l := f.Loop; l != nil {
		age, pace := lookAge(f), time.Duration(l.EverySeconds*float64(time.Second))
		if age > max(5*pace, 15*time.Second) {
			out = append(out, "the controller has not looked for "+span(age)+": what follows is how things stood then. Is it running?")
		}
		out = append(out, l.Errors[:min(3, len(l.Errors))]...)
	}
	for _, u := range f.Unheard {
		out = append(out, u.Sentence)
	}
	if f.Freeze != nil {
		out = append(out, f.Freeze.Sentence+"; nothing starts or advances")
	}
	if f.Deployment != nil {
		out = append(out, f.Deployment.Sentence)
	}
	if f.Pause != nil {
		w := "paused by " + f.Pause.By + " " + span(f.At.Sub(f.Pause.At)) + " ago"
		if f.Pause.Why != "" {
			w += ": " + f.Pause.Why
		}
		out = append(out, w)
	}
	return out
}

func servesText(f api.Fleet) string {
	if f.Stable == nil {
		return "nothing yet: the first release that is admitted goes live"
	}
	text := releaseText(*f.Stable)
	if f.Stable.Since != nil {
		text += ", since " + clock(*f.Stable.Since) + " (" + span(f.At.Sub(*f.Stable.Since)) + ")"
	}
	return text
}

func releaseText(r api.Release) string {
	from := r.Job
	if from == "" {
		from = r.Source
	}
	return strings.TrimSpace(rollout.Short(r.Digest) + "  " + from)
}

// notes are what whoever sees a release should know of it.
func (p *page) notes(r *api.Release) {
	if r == nil {
		return
	}
	for _, note := range r.Notes {
		p.field("", note)
	}
}

func (p *page) trying(f api.Fleet) {
	r := f.Active
	if r == nil {
		p.field("tries", "nothing")
		if f.Last != nil {
			p.field("last", fmt.Sprintf("%s: %s (%s), %s ago", f.Last.ID, f.Last.Phase, f.Last.Reason, span(f.At.Sub(f.Last.Since))))
			p.said("", saidOf(*f.Last))
			p.proof(saidOf(*f.Last))
		}
		return
	}
	p.field("tries", strings.TrimSpace(rollout.Short(r.Candidate)+"  "+r.ID))
	p.said("", saidOf(*r))
	p.notes(f.Candidate)
	p.field("stands", fmt.Sprintf("%s (%s), for %s", phaseText(*r), r.Reason, span(f.At.Sub(r.Since))))
	v := r.Verdict
	switch {
	case r.Gathering:
		p.field("entered", r.Sentence) // by what proof, which is none of this step
	case v == nil || !judged(r.Phase):
		p.proof(saidOf(*r))
	}
	if v != nil && !r.Gathering && (judged(r.Phase) || judged(r.HeldFrom)) { // a held one is judged all the same
		p.standing(*v, judged(r.Phase))
	}
	if text := budgetText(*r); text != "" {
		p.field("budget", text)
	}
}

func nextText(f api.Fleet) string {
	n := f.Next
	text := n.Sentence
	if n.At != nil {
		if d := n.At.Sub(f.At); d > 0 {
			text += " About " + clock(*n.At) + " (in " + span(d) + ")."
		}
	}
	if n.Deadline != nil {
		text += " Else " + strings.ReplaceAll(n.Otherwise, "_", " ") + " at " + clock(*n.Deadline) + " (in " + span(n.Deadline.Sub(f.At)) + ")."
	}
	return text
}

func tasksText(c api.TaskCounts) string {
	text := fmt.Sprintf("%d of %d ready; %d on stable, %d on the candidate", c.Ready, c.Desired, c.OnStable, c.OnCandidate)
	for _, x := range []struct {
		n    int
		name string
	}{{c.OnOther, "on something else"}, {c.Unreachable, "unreachable"}, {c.Failed, "failed to load"}, {c.Preparing, "preparing"}} {
		if x.n > 0 {
			text += fmt.Sprintf(", %d %s", x.n, x.name)
		}
	}
	return text
}

func (p *page) tasks(t api.Tasks) {
	rows := [][]string{{"TASK", "STATE", "COHORT", "ZONE", "SERVING", "REQUESTS", "FILTERED", "MEMORY"}}
	for _, k := range t.Tasks {
		filtered := "-"
		if k.FilterRate != nil {
			filtered = percent(*k.FilterRate)
		}
		row := []string{rollout.Short(k.ID), k.State, k.Cohort, cmp.Or(k.Stratum.Zone, "-"), servingText(k), thousands(k.Requests), filtered, mebibytes(k.MemoryBytes)}
		if trouble := strings.TrimSpace(k.Failure + " " + k.Error); trouble != "" {
			row = append(row, trouble)
		}
		rows = append(rows, row)
	}
	p.table(rows)
	if more := t.Total - len(t.Tasks); more > 0 {
		p.line("and %d more: --limit shows them", more)
	}
}

func servingText(k api.Task) string {
	if k.Serving == "" {
		return "-"
	}
	return rollout.Short(k.Serving) + " " + k.Serves
}
