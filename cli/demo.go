package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

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
			"its own, and lets training jobs complete: good ones, bad ones, hostile ones, one while\n" +
			"the service is deployed, and ten of a tuning job. The dashboard's address is printed; Ctrl-C ends\n" +
			"all of it.",
		Example: "  sluice demo\n" +
			"  sluice demo --scene deployment,tuning    # these two, and no other\n" +
			"  sluice demo --once --json    # to the end, which takes some two minutes",
		Args: takes(0),
		PreRunE: func(*cobra.Command, []string) error {
			o.JSON = as.data()
			switch {
			case o.JSON && !o.Once:
				return wrongUsage("-o tells how a demo ended: add --once")
			case o.Tasks < 4 || o.Tasks > 64:
				return wrongUsage("--tasks is %d: want 4 to 64, so that there is something to compare", o.Tasks)
			}
			if o.Chaos && len(o.Scenes) > 0 && !slices.Contains(o.Scenes, "better") {
				return wrongUsage("--chaos kills in scene better: add it to --scene, or leave --chaos out")
			}
			for _, name := range o.Scenes {
				if !slices.Contains(demo.Scenes(), name) {
					return wrongUsage("there is no scene %q: --scene takes %s", name, strings.Join(demo.Scenes(), ", "))
				}
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
	f.BoolVar(&o.Chaos, "chaos", false, "kill a canary task once and the controller twice, in scene better; always on with --once")
	f.StringSliceVar(&o.Scenes, "scene", nil, "`scenes` of the day to play after the first model, with commas ("+strings.Join(demo.Scenes(), ", ")+"); all where it is left out")
	scenes := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return demo.Scenes(), cobra.ShellCompDirectiveNoFileComp
	}
	if err := c.RegisterFlagCompletionFunc("scene", scenes); err != nil {
		panic(err) // the flag has just been added
	}
	f.StringVar(&o.Listen, "listen", "", "`address` of the dashboard; 127.0.0.1:8080, or another port if that is taken, where it is left out")
	f.StringVar(&o.Dir, "dir", "", "`folder` to keep state and logs in; a temporary one where it is left out")
	f.Float64Var(&o.Rate, "rate", 2000, "`number` of auctions a second")
	f.IntVar(&o.Connections, "connections", 400, "`number` of connections of auction servers")
	f.IntVar(&o.Tasks, "tasks", 8, "`number` of inference tasks")
	return c
}
