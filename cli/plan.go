package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// planFlags are those of `sluice plan`.
type planFlags struct {
	target
	output
	fleets, job, traffic  string
	tasks, partners, rows int
	requests              float64
}

func planCommand() *cobra.Command {
	var p planFlags
	c := &cobra.Command{
		Use:   "plan",
		Short: "Say what the judge could tell of a candidate, and how long it would take",
		Long: "It forecasts every canary step of a policy, for the traffic of a fleet: that of a controller,\n" +
			"of a file, or of the flags.",
		Example: "  sluice plan\n" +
			"  sluice plan --tasks 40 --requests 200 --partners 30",
		Args:    takes(0),
		PreRunE: func(*cobra.Command, []string) error { return p.check() },
		RunE:    func(c *cobra.Command, _ []string) error { return p.run(c.Context(), c.OutOrStdout()) },
	}
	p.flags(c) // current traffic is asked there
	f := c.Flags()
	f.StringVar(&p.fleets, "fleet-file", "", fleetPlaces+", whose policy to plan for; the default policy where it is left out")
	f.StringVar(&p.job, "job", "", "training `job` whose policy to take, where the fleet has several")
	f.StringVar(&p.traffic, "traffic", "", "`file` that describes the traffic (YAML, see docs/judge/reference.md), instead of asking a controller")
	f.IntVar(&p.tasks, "tasks", 0, "`number` of tasks of the fleet, instead of those it has")
	f.Float64Var(&p.requests, "requests", 0, "`number` of auctions a second that one task answers, instead of those it answers now")
	f.IntVar(&p.partners, "partners", 0, "`number` of demand partners, by Zipf's law, where their shares are not known")
	f.IntVar(&p.rows, "limit", 20, "`number` of gates and partners to show")
	p.formats(c)
	return c
}

func (p *planFlags) check() error {
	switch {
	case p.tasks < 0 || p.tasks > 1e6:
		return wrongUsage("--tasks is %d: want 2 to 1,000,000", p.tasks)
	case !(p.requests >= 0 && p.requests < 1e9):
		return wrongUsage("--requests is %v: want auctions a second", p.requests)
	case p.partners < 0 || p.partners > judge.MaxPartners:
		return wrongUsage("--partners is %d: want up to %d", p.partners, judge.MaxPartners)
	case p.rows < 1:
		return wrongUsage("--limit is %d: want 1 or more", p.rows)
	}
	return nil
}

// run says what the judge will be able to tell, and when.
func (p *planFlags) run(ctx context.Context, out io.Writer) error {
	policy, err := p.policy(ctx)
	if err != nil {
		return err
	}
	t, err := p.describe(ctx)
	if err != nil {
		return err
	}
	plan := planSteps(t, policy)
	if p.data() {
		return p.print(out, plan)
	}
	return plan.print(out, p.rows)
}

// policy is the one that the fleet file has for the job. The file also names
// the fleet, if nothing else does.
func (p *planFlags) policy(ctx context.Context) (rollout.Policy, error) {
	if p.fleets == "" {
		return rollout.Defaults(), nil
	}
	fleet, err := fleetIn(ctx, p.fleets, p.fleet)
	if err != nil {
		return rollout.Policy{}, err
	}
	p.fleet = fleet.Name
	return fleet.Policies.For(p.job), nil
}

// describe tells the traffic: from a file, or as a controller sees it, and by
// flags above all.
func (p *planFlags) describe(ctx context.Context) (t traffic, err error) {
	switch {
	case p.traffic != "":
		t, err = readTraffic(p.traffic)
	case p.tasks == 0 || p.requests == 0:
		t, err = p.ask(ctx)
	}
	if err != nil {
		return t, err
	}
	if p.tasks > 0 && p.tasks != t.Tasks {
		t.Tasks, t.Strata = p.tasks, nil // nobody knows where those would run
	}
	if p.requests > 0 {
		t.Requests = p.requests
	}
	if p.partners > 0 {
		t.Partners = zipf(p.partners)
	}
	if t.Tasks < 2 {
		return t, fmt.Errorf("the fleet has %s: comparing takes two at least; --tasks plans for more", judge.Some(t.Tasks, "task"))
	}
	if t.Requests <= 0 {
		return t, errors.New("nobody knows yet how many auctions a task answers: say it with --requests, or ask again in a minute")
	}
	return t, nil
}

// zipf are partners of which the second has half the traffic of the first, the
// third a third, and so on.
func zipf(n int) []judge.PartnerTraffic {
	partners, sum := make([]judge.PartnerTraffic, n), 0.0
	for i := range partners {
		partners[i] = judge.PartnerTraffic{Name: fmt.Sprintf("partner %d", i+1), Share: 1 / float64(i+1)}
		sum += partners[i].Share
	}
	for i := range partners {
		partners[i].Share /= sum
	}
	return partners
}

// ask describes the traffic as the controller sees it now, and what only the
// judge counts as it was in the newest rollout that it judged.
func (p *planFlags) ask(ctx context.Context) (t traffic, err error) {
	fleet, err := p.only(ctx)
	if err != nil {
		return t, err
	}
	return seenTraffic(ctx, p.client, fleet)
}

// plan is what `sluice plan` answers, for each canary step by itself.
type plan struct {
	Policy  string        `json:"policy"`
	Traffic traffic       `json:"traffic"`
	Steps   []plannedStep `json:"steps"`
}

type plannedStep struct {
	Step     int            `json:"step"` // from 1
	Canary   int            `json:"canary_tasks"`
	Control  int            `json:"control_tasks"`
	Soak     time.Duration  `json:"soak"`
	Exposes  int64          `json:"exposes"` // auctions that the candidate answers while the step soaks
	Forecast judge.Forecast `json:"forecast"`

	// Unmatched says how canaries would differ from controls.
	Unmatched string `json:"unmatched,omitempty"`

	margin float64
}

func planSteps(t traffic, p rollout.Policy) plan {
	t.Wait = p.PhaseWait
	if !p.Shadow.Skip && t.Sample == 0 {
		t.Sample = p.Shadow.Sample
	}
	if t.Explore == 0 {
		t.Explore = p.Explore
	}
	if t.Buckets == 0 {
		t.Buckets = p.Buckets
	}
	out := plan{Policy: p.Name, Traffic: t}
	unmatched := rollout.Unmatched(p.Steps, t.fleet())
	for i, s := range p.Steps {
		canary, control := s.Cohorts(t.Tasks)
		j := p.JudgeOf(i)
		arms := t.Traffic
		arms.Tasks = [judge.Arms]int{judge.CandidateArm: canary, judge.ControlArm: control}
		out.Steps = append(out.Steps, plannedStep{
			Step: i + 1, Canary: canary, Control: control, Soak: s.Soak, margin: j.Sane().Margin,
			Unmatched: unmatched[i], Exposes: int64(t.Requests * float64(canary) * s.Soak.Seconds()), Forecast: judge.Plan(arms, j),
		})
	}
	return out
}

func (p plan) print(out io.Writer, rows int) error {
	var b bytes.Buffer
	t := p.Traffic
	fmt.Fprintf(&b, "%d tasks, %.0f auctions/s each", t.Tasks, t.Requests)
	if t.PerRequest > 0 {
		fmt.Fprintf(&b, ", %.1f partners each", t.PerRequest)
	}
	fmt.Fprintf(&b, ", %d partners known; policy %s\n", len(t.Partners), p.Policy)
	warned := map[string]bool{}
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "\nstep %d of %d: %d canary and %d control tasks, margin %.3g pt, soak %s (some %s auctions by the candidate)\n",
			s.Step, len(p.Steps), s.Canary, s.Control, 100*s.margin, coarse(s.Soak), roughly(float64(s.Exposes)))
		if f := s.Forecast; f.Mean > 0 {
			fmt.Fprintf(&b, "  about %s to a verdict, 9 of 10 within %s; %s takes longest\n", coarse(f.Mean), coarse(f.P90), nameOf(f.Gate, f.Partner))
		} else {
			fmt.Fprintf(&b, "  there will be no verdict: %s cannot be proven\n", nameOf(f.Gate, f.Partner))
		}
		if s.Unmatched != "" {
			fmt.Fprintf(&b, "  WARNING %s\n", s.Unmatched)
		}
		for _, w := range s.Forecast.Warnings {
			if !warned[w] {
				fmt.Fprintf(&b, "  WARNING %s\n", w)
			}
			warned[w] = true
		}
	}
	if len(p.Steps) > 0 {
		last := p.Steps[len(p.Steps)-1]
		fmt.Fprintf(&b, "\nStep %d by gate and partner: until it is proven, and the harm that is found within %s in 9 of 10 rollouts\n", last.Step, coarse(p.Traffic.Wait))
		gateTable(&b, last.Forecast.Gates, rows)
	}
	_, err := out.Write(b.Bytes())
	return err
}

func gateTable(b *bytes.Buffer, gates []judge.GateForecast, rows int) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GATE\tPROOF\tMARGIN\tPER HOUR\tMEAN\t8 OF 10\t9 OF 10\tHARM FROM")
	for _, g := range gates[:min(rows, len(gates))] {
		proof := "required"
		if !g.Required {
			proof = "-"
		}
		times := fmt.Sprintf("%s\t%s\t%s", coarse(g.Mean), coarse(g.P80), coarse(g.P90))
		harm := "never"
		if g.Detectable < 1 {
			harm = fmt.Sprintf("%.2g pt", 100*math.Min(1, g.Margin+g.Detectable))
		}
		if g.Never != "" {
			times = "never\t\t"
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s\t%s\t%.3g pt\t%s\t%s\t%s\t%s", nameOf(g.Gate, g.Partner), proof, 100*g.Margin, roughly(g.PerHour), times, harm, g.Never), "\t"))
	}
	_ = w.Flush() // a buffer takes all
	if more := len(gates) - rows; more > 0 {
		fmt.Fprintf(b, "and %d more: --limit shows them\n", more)
	}
}

func nameOf(gate judge.Gate, partner string) string {
	return strings.TrimSpace(string(gate) + " " + partner)
}

// coarse tells a forecast as roughly as it is.
func coarse(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// roughly tells a large number in two digits or three.
func roughly(n float64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%.0f", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f k", n/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f M", n/1e6)
	}
	return fmt.Sprintf("%.1f G", n/1e9)
}
