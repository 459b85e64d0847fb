package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// rolloutsFlags are those of `sluice rollouts`.
type rolloutsFlags struct {
	target
	output
	limit int
}

func rolloutsCommand() *cobra.Command {
	var r rolloutsFlags
	c := &cobra.Command{
		Use:   "rollouts [ROLLOUT]",
		Short: "List rollouts, or tell one with its evidence",
		Long:  "The one that is being tried comes first, then those that wait, then the newest that are over.",
		Example: "  sluice rollouts\n" +
			"  sluice rollouts partner-blind",
		Args:              takes(1),
		ValidArgsFunction: completeRollouts(&r.target),
		RunE: func(c *cobra.Command, args []string) error {
			fleet, err := r.only(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return r.one(c.Context(), c.OutOrStdout(), fleet, args[0])
			}
			return r.list(c.Context(), c.OutOrStdout(), fleet)
		},
	}
	r.flags(c)
	r.formats(c)
	limitFlag(c, &r.limit)
	return c
}

func (r *rolloutsFlags) one(ctx context.Context, out io.Writer, fleet, id string) error {
	found, err := r.client.Rollout(ctx, fleet, id)
	switch {
	case err != nil:
		return err
	case r.data():
		return r.print(out, found)
	}
	return printRollout(out, found)
}

func (r *rolloutsFlags) list(ctx context.Context, out io.Writer, fleet string) error {
	list, err := r.client.Rollouts(ctx, fleet, r.limit)
	switch {
	case err != nil:
		return err
	case r.data():
		return r.print(out, list)
	}
	return printRollouts(out, list)
}

func printRollouts(out io.Writer, list []api.Rollout) error {
	p := &page{out: out}
	if len(list) == 0 {
		p.line("There has been no rollout yet.")
		return p.err
	}
	rows := [][]string{{"ROLLOUT", "CANDIDATE", "PHASE", "REASON", "SINCE", "EXPOSED", "HEADLINE"}}
	for _, r := range list {
		candidate := rollout.Short(r.Candidate)
		if candidate == "" {
			candidate = "-"
		}
		rows = append(rows, []string{r.ID, candidate, r.Phase, r.Reason, clock(r.Since), thousands(r.Exposed), shorten(saidOf(r).first(), 110)})
	}
	p.table(rows)
	return p.err
}

func printRollout(out io.Writer, r api.Rollout) error {
	p := &page{out: out}
	p.line("%s", r.ID)
	p.line("")
	p.said("", saidOf(r))
	p.field("phase", fmt.Sprintf("%s (%s), since %s", phaseText(r), r.Reason, clock(r.Since)))
	if r.Gathering {
		p.field("entered", r.Sentence) // by what proof, which is none of this step
	} else {
		p.proof(saidOf(r))
	}
	p.field("candidate", orDash(r.Candidate))
	p.field("against", orDash(r.Against))
	p.field("from", r.Source)
	if r.By != "" {
		p.field("asked by", r.By)
	}
	p.field("policy", r.Policy)
	p.field("exposed", thousands(r.Exposed)+" auctions answered by the candidate")
	if text := budgetText(r); text != "" {
		p.field("budget", text)
	}
	if r.Predicted != nil {
		p.field("predicted", fmt.Sprintf("filter rate %s [%s, %s]", percent(r.Predicted.Estimate), percent(r.Predicted.Low), percent(r.Predicted.High)))
	}
	if r.Intended != nil {
		say := "filter rate " + points(r.Intended.FilterRate)
		for _, name := range slices.Sorted(maps.Keys(r.Intended.Partners)) {
			say += ", of " + name + " " + points(r.Intended.Partners[name])
		}
		p.field("intended", say+": "+r.Intended.Why)
	}
	if v := r.Verdict; v != nil {
		p.field("verdict", fmt.Sprintf("after %s, %s", judge.Some(v.Looks, "look"), verdictText(*v)))
		if len(v.Culprits) > 0 {
			p.field("culprits", strings.Join(v.Culprits, ", "))
		}
		if text := neededText(*v); text != "" {
			p.field("seen", text)
		}
		if v.Otherwise != "" {
			p.field("otherwise", v.Otherwise)
		}
		p.line("")
		p.findings(v.Findings)
		p.drivers(v.Findings)
		p.money(v.Money)
	}
	p.line("")
	for _, e := range r.History {
		p.line("%s", eventLine(e))
		if e.Headline != "" {
			p.line("%22s%s", "", e.Sentence)
		}
	}
	return p.err
}

func saidOf(r api.Rollout) said { return said{r.Headline, r.WayOut, r.Sentence} }

func phaseText(r api.Rollout) string {
	switch {
	case r.Phase == string(rollout.Canary):
		return fmt.Sprintf("canary, step %d of %d", r.Step, r.Steps)
	case r.HeldFrom != "":
		return "held, from " + r.HeldFrom
	}
	return strings.ReplaceAll(r.Phase, "_", " ")
}

// eventLine tells an event in one line, without its proof.
func eventLine(e api.Event) string {
	what := e.Reason
	if e.To != "" {
		what = e.To
		if e.Step > 0 {
			what += " step " + strconv.Itoa(e.Step)
		}
		what += " (" + e.Reason + ")"
	}
	text := clock(e.At) + "  "
	if e.Rollout != "" {
		text += e.Rollout + "  "
	}
	return text + what + ": " + said{e.Headline, e.WayOut, e.Sentence}.first()
}
