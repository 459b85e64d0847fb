// Package cli is the command line: the table of commands, their flags, and
// what they print for people. It is the one place where adapters meet: what
// a command starts is put together here, from parts that do not know each
// other. It decides nothing and keeps nothing.
package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The groups of commands, in the order in which help shows them.
const (
	groupServe   = "serve"
	groupSteer   = "steer"
	groupJudge   = "judge"
	groupModel   = "model"
	groupMachine = "machine"
)

// commands is the table of all commands, in the order in which help shows them.
func commands() []*cobra.Command {
	return []*cobra.Command{
		in(groupServe, demoCommand()),
		in(groupServe, controllerCommand()),
		in(groupServe, taskCommand()),
		in(groupServe, tokenCommand()),
		in(groupServe, doctorCommand()),
		in(groupServe, notifyCommand()),

		in(groupSteer, statusCommand()),
		in(groupSteer, rolloutsCommand()),
		in(groupSteer, auditCommand()),
		in(groupSteer, tryCommand()),
		in(groupSteer, pauseCommand()),
		in(groupSteer, resumeCommand()),
		in(groupSteer, abortCommand()),
		in(groupSteer, promoteCommand()),
		in(groupSteer, rollbackCommand()),
		in(groupSteer, freezeCommand()),
		in(groupSteer, unfreezeCommand()),

		in(groupJudge, explainCommand()),
		in(groupJudge, lintCommand()),
		in(groupJudge, planCommand()),
		in(groupJudge, judgeCommand()),
		in(groupJudge, replayCommand()),
		in(groupJudge, backtestCommand()),

		in(groupModel, inspectCommand()),
		in(groupModel, manifestCommand()),
		in(groupModel, scoreCommand()),
		in(groupModel, goldenCommand()),
		in(groupModel, logCommand()),
		in(groupModel, featuresCommand()),

		in(groupMachine, auctionCommand()),
		in(groupMachine, worldCommand()),
		in(groupMachine, localCommand()),
		in(groupMachine, nlbCommand()),

		completionCommand(),
	}
}

func in(group string, c *cobra.Command) *cobra.Command {
	c.GroupID = group
	return c
}

// Run carries out one command line and returns the exit code of the process.
// What is wrong is told on errOut, in one line.
func Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	err := execute(ctx, args, in, out, errOut)
	if err != nil {
		fmt.Fprintln(errOut, "sluice:", err)
	}
	return exitCode(ctx, err)
}

// execute carries out one command line.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error {
	root := root()
	args, err := known(root, args, errOut)
	if err != nil {
		return err
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	return root.ExecuteContext(ctx)
}

// root is the program without a command: it tells what there is.
func root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sluice",
		Short: "Carry ad-filter models from training to auctions, and only the good ones all the way",
		Long: "Sluice finds the models that training jobs leave in S3, checks them, lets a few\n" +
			"tasks try them on live auctions, and promotes them or takes them back.",
		Example:                    "  sluice demo          # see it work on this machine\n  sluice status        # what serves, what is being tried",
		Version:                    version(),
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE:          saysSomething,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddGroup(
		&cobra.Group{ID: groupServe, Title: "Run it"},
		&cobra.Group{ID: groupSteer, Title: "See and steer rollouts"},
		&cobra.Group{ID: groupJudge, Title: "Understand the judge"},
		&cobra.Group{ID: groupModel, Title: "Look at models and features"},
		&cobra.Group{ID: groupMachine, Title: "Try it without AWS"},
	)
	table := append(commands(), helpCommand())
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { help(c, table) })
	root.SetHelpCommand(table[len(table)-1])
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(table[:len(table)-1]...)
	root.InitDefaultHelpCmd()
	return root
}

// known returns the arguments once it is sure that there is such a command,
// with two dashes before every long flag.
func known(root *cobra.Command, args []string, errOut io.Writer) ([]string, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return args, nil
	}
	if strings.HasPrefix(args[0], "__") { // cobra's own, for completion
		plainFlags(root)
		return args, nil
	}
	c, rest, err := root.Find(args)
	if err != nil || c == root {
		return nil, noCommand(root, args[0])
	}
	rest = doubleDashes(c, rest, errOut)
	return append([]string{c.Name()}, rest...), nil
}

// noCommand says that there is no such command, and which one may be meant.
func noCommand(root *cobra.Command, name string) error {
	if near := root.SuggestionsFor(name); len(near) > 0 {
		return wrongUsage("there is no command %q: did you mean %s? sluice help lists them", name, strings.Join(near, " or "))
	}
	return wrongUsage("there is no command %q: sluice help lists them", name)
}
