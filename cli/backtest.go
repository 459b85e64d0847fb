package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
)

// backtestFlags are those of `sluice backtest`.
type backtestFlags struct {
	target
	output
	policy string
	last   int
}

func backtestCommand() *cobra.Command {
	var b backtestFlags
	c := &cobra.Command{
		Use:   "backtest --policy FILE",
		Short: "Try another policy of the judge on the rollouts there have been",
		Long:  "It judges the newest finished rollouts anew, and says for each what would have changed.",
		Example: "  echo 'margin: 0.05' > other.yaml\n" +
			"  sluice backtest --policy other.yaml",
		Args: takes(0),
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case b.policy == "":
				return wrongUsage("say which policy to try: sluice backtest --policy FILE")
			case b.last < 1 || b.last > api.MostListed:
				return wrongUsage("--last is %d: want 1 to %d", b.last, api.MostListed)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c.Context(), c.OutOrStdout()) },
	}
	b.flags(c)
	policyFlag(c, &b.policy)
	c.Flags().IntVar(&b.last, "last", 30, "`number` of finished rollouts to judge anew")
	b.formats(c)
	return c
}

func (b *backtestFlags) run(ctx context.Context, out io.Writer) error {
	other, err := readPolicy(b.policy)
	if err != nil {
		return err
	}
	tested, err := b.backtest(ctx, other)
	if err != nil {
		return err
	}
	if b.data() {
		return b.print(out, tested)
	}
	return printBacktest(out, tested, other)
}

// backtested is one rollout judged anew by another policy.
type backtested struct {
	Rollout string    `json:"rollout"`
	Ended   time.Time `json:"ended"`
	Phase   string    `json:"phase"`
	Reason  string    `json:"reason"`
	Trouble string    `json:"trouble,omitempty"` // why it was not judged anew, or not to its end
	Change  string    `json:"change,omitempty"`  // what would have been otherwise; empty: nothing
	Replay  *replayed `json:"replay,omitempty"`
}

// backtest judges up to --last finished rollouts anew.
func (b *backtestFlags) backtest(ctx context.Context, other *otherPolicy) ([]backtested, error) {
	fleet, err := b.only(ctx)
	if err != nil {
		return nil, err
	}
	b.fleet = fleet
	list, err := b.client.Rollouts(ctx, fleet, api.MostListed)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(r api.Rollout) bool { return !r.Final || r.Verdict == nil })
	tested := make([]backtested, 0, b.last)
	for _, r := range list[:min(b.last, len(list))] {
		one := backtested{Rollout: r.ID, Ended: r.Since, Phase: r.Phase, Reason: r.Reason}
		parts, err := b.log(ctx, r.ID)
		switch {
		case errors.Is(err, api.ErrNotFound):
			one.Trouble = "it has no log of looks"
		case err != nil:
			return nil, err
		default:
			anew := history.Run(parts, other.policy())
			shaped := shapeReplay(anew, other)
			one.Replay, one.Change = &shaped, changeText(anew)
			if anew.Unread != nil {
				one.Trouble = anew.Unread.Error()
			} else if anew.Same < anew.Looks {
				one.Trouble = brokenError(anew).Error() + ": this program judges otherwise than the one that did"
			}
		}
		tested = append(tested, one)
	}
	return tested, nil
}

// changeText is what would have been otherwise; empty for nothing that
// matters to how a rollout goes on.
func changeText(r history.Replay) string {
	if len(r.Changed) == 0 {
		return ""
	}
	worseThen, wasWorse := r.Then.First[judge.Worse]
	worseNow, isWorse := r.Now.First[judge.Worse]
	fineThen, wasFine := r.Then.First[judge.Acceptable]
	fineNow, isFine := r.Now.First[judge.Acceptable]
	switch {
	case isWorse && !wasWorse:
		return fmt.Sprintf("back at look %d by %s", worseNow.Look, strings.TrimSpace(string(worseNow.Gate)+" "+worseNow.Partner))
	case wasWorse && !isWorse:
		return "not back; at the last look " + rulingText(r.Now.Last)
	case isWorse && worseNow.Look != worseThen.Look:
		return "back " + apart(worseThen, worseNow)
	case isFine && !wasFine:
		return fmt.Sprintf("acceptable at look %d, %s", fineNow.Look, clock(fineNow.At))
	case wasFine && !isFine:
		return "never acceptable; at the last look " + rulingText(r.Now.Last)
	case isFine && fineNow.Look != fineThen.Look:
		return "acceptable " + apart(fineThen, fineNow)
	}
	return "other outcomes on the way, the same in the end"
}

// apart tells how much sooner or later something would have been.
func apart(then, now history.Ruling) string {
	if now.Look < then.Look {
		return fmt.Sprintf("%s (%s) earlier", judge.Some(then.Look-now.Look, "look"), span(then.At.Sub(now.At)))
	}
	return fmt.Sprintf("%s (%s) later", judge.Some(now.Look-then.Look, "look"), span(now.At.Sub(then.At)))
}

func printBacktest(out io.Writer, tested []backtested, other *otherPolicy) error {
	p := &page{out: out}
	if len(tested) == 0 {
		p.line("No rollout that was judged has ended yet.")
		return p.err
	}
	rows := [][]string{{"ROLLOUT", "ENDED", "THEN", "LOOKS", "OTHERWISE", "WHAT WOULD HAVE CHANGED"}}
	otherwise, judged := 0, 0
	for _, one := range tested {
		row := []string{one.Rollout, clock(one.Ended), one.Phase + " (" + one.Reason + ")", "-", "-", one.Trouble}
		if r := one.Replay; r != nil {
			judged++
			row[3], row[4] = thousands(int64(r.Looks)), thousands(int64(r.Otherwise))
			row[5] = strings.TrimSuffix(orDash(one.Change)+"; "+one.Trouble, "; ")
			if one.Change != "" {
				otherwise++
			}
		}
		rows = append(rows, row)
	}
	p.table(rows)
	p.line("")
	p.line("With %s %d of %d rollouts would have gone otherwise.", other.file, otherwise, judged)
	for _, name := range other.kept {
		p.field("NOTE", name+" stays as it was: what the logs hold was made by it")
	}
	return p.err
}
