package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/notify"
)

// notifyFlags are those of `sluice notify`.
type notifyFlags struct{ fleets, to, url string }

func notifyCommand() *cobra.Command {
	var n notifyFlags
	c := &cobra.Command{
		Use:   "notify",
		Short: "Send a test notice to everybody whom a fleet file names",
		Long: "It asks no controller: it goes the way that a controller would go, from this machine, once,\n" +
			"and tells what came of it. docs/operating.md says what receivers get.",
		Example: "  sluice notify --fleets local/demo/fleet.yaml    # nobody is told of the demo's",
		Args:    takes(0),
		RunE:    func(c *cobra.Command, _ []string) error { return n.run(c.Context(), c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringVar(&n.fleets, "fleets", "fleets", fleetPlaces)
	f.StringVar(&n.to, "to", "", "`name` of the one receiver to try; all where it is left out")
	f.StringVar(&n.url, "url", "", "`address` of the dashboard, for the link")
	return c
}

// testWithin is how long one receiver may take.
const testWithin = 15 * time.Second

func (n *notifyFlags) run(ctx context.Context, out io.Writer) error {
	fleets, err := readFleets(ctx, n.fleets)
	if err != nil {
		return err
	}
	tried, failed := 0, 0
	for _, f := range fleets {
		receivers, err := notify.Open(f.Notify)
		if err != nil {
			return fmt.Errorf("fleet %s: %w", f.Name, err)
		}
		if len(receivers) == 0 {
			fmt.Fprintf(out, "%s  nobody is told anything: name somebody under notify in its fleet file\n", f.Name)
		}
		for _, r := range receivers {
			if n.to != "" && n.to != r.Name {
				continue
			}
			tried++
			if err := n.try(ctx, f.Name, r); err != nil {
				failed++
				fmt.Fprintf(out, "%s  %s  %v\n", f.Name, r.Name, err)
				continue
			}
			fmt.Fprintf(out, "%s  %s  told\n", f.Name, r.Name)
		}
	}
	switch {
	case n.to != "" && tried == 0:
		return wrongUsage("no fleet file names a receiver %q under notify", n.to)
	case failed > 0:
		return fmt.Errorf("%d of %d receivers were not told", failed, tried)
	}
	return nil
}

func (n *notifyFlags) try(ctx context.Context, fleet string, r controller.Receiver) error {
	ctx, cancel := context.WithTimeout(ctx, testWithin)
	defer cancel()
	return r.Way.Deliver(ctx, controller.TestNotice(fleet, strings.TrimSuffix(n.url, "/"), os.Getenv("USER"), time.Now()))
}
