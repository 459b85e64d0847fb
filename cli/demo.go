package cli

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/local/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	var as output
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play a day of training jobs on this machine, and watch",
		Long: "It starts AWS, a fleet of tasks, a load balancer, auctions and a controller, each a process of\n" +
			"its own, and lets training jobs complete: good ones, bad ones and hostile ones. The dashboard's\n" +
			"address is printed; Ctrl-C ends all of it.",
		Example: "  sluice demo\n" +
			"  sluice demo --once --json    # to the end, which takes a minute or two",
		Args: takes(0),
		PreRunE: func(*cobra.Command, []string) error {
			o.JSON = as.data()
			switch {
			case o.JSON && !o.Once:
				return wrongUsage("-o tells how a demo ended: add --once")
			case o.Tasks < 4 || o.Tasks > 64:
				return wrongUsage("--tasks is %d: want 4 to 64, so that there is something to compare", o.Tasks)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if as.format != "yaml" {
				return demo.Run(c.Context(), o, c.OutOrStdout())
			}
			var summary bytes.Buffer
			err := demo.Run(c.Context(), o, &summary)
			if summary.Len() > 0 { // it is told how it went wrong, too
				err = errors.Join(err, printYAML(c.OutOrStdout(), json.RawMessage(summary.Bytes())))
			}
			return err
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Once, "once", false, "play to the end, print what became of every job, and fail if anything is not as it must be")
	as.formats(c)
	f.BoolVar(&o.Chaos, "chaos", false, "kill a canary task once and the controller twice; always on with --once")
	f.StringVar(&o.Listen, "listen", "", "`address` of the dashboard; 127.0.0.1:8080, or another port if that is taken, where it is left out")
	f.StringVar(&o.Dir, "dir", "", "`folder` to keep state and logs in; a temporary one where it is left out")
	f.Float64Var(&o.Rate, "rate", 2000, "`number` of auctions a second")
	f.IntVar(&o.Connections, "connections", 400, "`number` of connections of auction servers")
	f.IntVar(&o.Tasks, "tasks", 8, "`number` of inference tasks")
	return c
}
