// Command sluice carries ad-filter models from a SageMaker training job to the
// tasks that serve auctions, and only the good ones all the way.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/local"
	"github.com/sluicehq/sluice/local/demo"
	"github.com/sluicehq/sluice/local/nlb"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference"
	"github.com/sluicehq/sluice/inference/auction"
)

type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"demo", "play a day of training jobs on this machine, and watch", demo.Command},
		{"controller", "watch for models and roll them out; serve the API and the dashboard", runController},
		{"task", "serve auctions over Thrift: one inference task", inference.Command},

		{"status", "say what serves, what is being tried and how it compares", api.Status},
		{"rollouts", "list rollouts, or tell one with its evidence", api.Rollouts},
		{"try", "take up an artifact that no training job announced", api.Command(rollout.VerbTry)},
		{"pause", "let nothing start or advance", api.Command(rollout.VerbPause)},
		{"resume", "let things go on; approve a step that waits for it", api.Command(rollout.VerbResume)},
		{"abort", "give a rollout up; stable stays", api.Command(rollout.VerbAbort)},
		{"promote", "make the candidate stable now, without further proof", api.Command(rollout.VerbPromote)},
		{"rollback", "back to a release at once, without steps or judge", api.Command(rollout.VerbRollback)},

		{"plan", "say what the judge could tell of a candidate, and how long it would take", runPlan},
		{"judge", "judge recorded counts, one look a line, without a controller", runJudge},
		{"replay", "judge a rollout's looks anew: the same verdicts, or another policy's", api.Replay},
		{"backtest", "try another policy of the judge on the rollouts there have been", api.Backtest},

		{"auction", "send auctions to tasks as an exchange does, and measure", auction.Command},
		{"features", "turn a log of auctions into training rows, by a feature contract", runFeatures},
		{"score", "score rows with any model file, one prediction a line", runScore},
		{"inspect", "say what a model file is, or why it would be refused", runInspect},
		{"world", "write a log of auctions from a seeded world whose truth is known", runWorld},
		{"local", "serve S3, ECS and SageMaker on this machine", local.Command},
		{"nlb", "spread connections over tasks as an NLB does, on this machine", nlb.Command},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "sluice:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], out)
			}
		}
	}
	if len(args) > 0 && args[0] != "help" && args[0] != "-h" && args[0] != "--help" {
		return fmt.Errorf("there is no command %q: sluice help lists them", args[0])
	}
	fmt.Fprintf(out, "sluice carries ad-filter models from training to auctions, and only the good ones all the way.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-12s %s\n", c.name, c.summary)
	}
	_, err := fmt.Fprintf(out, "\nsluice COMMAND --help tells a command's flags.\n")
	return err
}

// parseFlags reads a command line of nothing but flags. What is wrong is in
// the error only; help goes to out.
func parseFlags(flags *flag.FlagSet, args []string, out io.Writer) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(out)
		flags.Usage()
		return err
	case err != nil:
		return fmt.Errorf("%w: see %s --help", err, flags.Name())
	case flags.NArg() > 0:
		return fmt.Errorf("%q is not a flag: see %s --help", flags.Arg(0), flags.Name())
	}
	return nil
}
