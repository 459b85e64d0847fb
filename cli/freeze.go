package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
)

// freezeFlags are those of `sluice freeze` and `sluice unfreeze`.
type freezeFlags struct {
	target
	output
	ask   api.StopAsk
	last  time.Duration
	until string
}

func freezeCommand() *cobra.Command {
	var f freezeFlags
	c := &cobra.Command{
		Use:   "freeze",
		Short: "Let nothing start or advance in any fleet",
		Long: "What is being tried stays where it is, and is still taken back if it does harm; rollback and\n" +
			"abort still work. sluice unfreeze ends it. Freezes by the calendar are in the fleet file.",
		Example: "  sluice freeze --why 'outage of the exchange' --for 2h",
		Args:    takes(0),
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.OutOrStdout(), "freeze") },
	}
	c.Flags().DurationVar(&f.last, "for", 0, "`time` after which it ends by itself; until sluice unfreeze where it is left out")
	c.Flags().StringVar(&f.until, "until", "", "`time` at which it ends by itself, such as 2026-12-01T08:00:00Z")
	c.MarkFlagsMutuallyExclusive("for", "until")
	return f.command(c)
}

func unfreezeCommand() *cobra.Command {
	var f freezeFlags
	return f.command(&cobra.Command{
		Use:     "unfreeze",
		Short:   "End a stop of all fleets",
		Long:    "Rollouts go on from where they were. A freeze by the calendar is ended in the fleet file.",
		Example: "  sluice unfreeze --why 'the exchange is back'",
		Args:    takes(0),
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.OutOrStdout(), "unfreeze") },
	})
}

func (f *freezeFlags) command(c *cobra.Command) *cobra.Command {
	f.server(c)
	c.Flags().StringVar(&f.ask.Why, "why", "", "`reason`, shown on every fleet")
	c.Flags().StringVar(&f.ask.By, "by", "", "`name` of who asks (default USER@HOST); where there is sign-in, the proven name stands for it")
	c.Flags().StringVar(&f.ask.ID, "key", "", "`key` of the wish: asked again with the same one it is the same wish, and has one effect; a new one where it is left out")
	f.formats(c)
	return c
}

func (f *freezeFlags) run(ctx context.Context, out io.Writer, verb string) error {
	switch {
	case strings.TrimSpace(f.ask.Why) == "":
		return wrongUsage("say why: sluice %s --why '…'; the reason is shown on every fleet, and kept", verb)
	case f.last < 0:
		return wrongUsage("--for is %v: want more than nothing, or leave it out", f.last)
	case f.last > 0:
		until := time.Now().Add(f.last).UTC()
		f.ask.Until = &until
	case f.until != "":
		until, err := time.Parse(time.RFC3339, f.until)
		if err != nil {
			return wrongUsage("--until is %q: want a time such as 2026-12-01T08:00:00Z", f.until)
		}
		f.ask.Until = &until
	}
	if err := f.signIn(); err != nil {
		return err
	}
	if f.ask.By == "" {
		f.ask.By = whoami()
	}
	ask := f.client.Freeze
	if verb == "unfreeze" {
		ask = f.client.Unfreeze
	}
	stop, err := ask(ctx, f.ask)
	switch {
	case err != nil:
		return f.again(err)
	case f.data():
		return f.print(out, stop)
	case stop.Freeze == nil:
		_, err = fmt.Fprintln(out, "Asked to unfreeze all fleets: rollouts go on with the next look.")
	default:
		_, err = fmt.Fprintf(out, "Asked to freeze: with the next look %s. Danger is still acted on.\n", stop.Freeze.Sentence)
	}
	return err
}

// again adds to an error how to ask for the same, where nobody knows whether it
// is done.
func (f *freezeFlags) again(err error) error {
	unknown, ok := errors.AsType[*api.UnknownError](err)
	if !ok {
		return err
	}
	flags := "--key " + unknown.ID
	if f.last > 0 {
		flags += " and, instead of --for, --until " + f.ask.Until.Format(time.RFC3339Nano)
	}
	return fmt.Errorf("%w: ask again by the same command with %s, which is safe: it is the same wish, and has one effect", err, flags)
}
