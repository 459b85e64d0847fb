package cli

import (
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/local/nlb"
)

func nlbCommand() *cobra.Command {
	var o nlb.Options
	c := &cobra.Command{
		Use:   "nlb --service NAME",
		Short: "Spread connections over tasks as an NLB does, on this machine",
		Long: "Every connection goes to one healthy task of the ECS service, and stays there. Credentials are\n" +
			"found as by every AWS program.",
		Example: "  sluice nlb --cluster ads --service inference --listen 127.0.0.1:0",
		Args:    takes(0),
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case o.Service == "":
				return wrongUsage("no service to balance: name one with --service")
			case o.Interval <= 0 || o.Drain <= 0:
				return wrongUsage("--interval and --drain must be longer than 0")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			o.Log = slog.New(slog.NewTextHandler(c.OutOrStdout(), nil))
			return nlb.Run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:9090", "`address` that takes connections")
	f.StringToStringVar(&o.Nodes, "node", nil, "availability `zone` and, after =, the address that takes connections for its tasks only; may be repeated")
	f.StringVar(&o.Counts, "counts", "", "`address` that shows flows per target as JSON over HTTP; nowhere where it is left out")
	f.StringVar(&o.Cluster, "cluster", "default", "ECS `cluster` of the service")
	f.StringVar(&o.Service, "service", "", "ECS `service` whose tasks get the connections")
	f.IntVar(&o.Port, "port", 9090, "container `port` of the connections")
	f.IntVar(&o.HealthPort, "health-port", 9092, "container `port` that answers GET /readyz over HTTP")
	f.DurationVar(&o.Interval, "interval", time.Second, "`time` between looks at tasks and their health")
	f.DurationVar(&o.Drain, "drain", 30*time.Second, "`time` that flows go on after their task was taken away")
	f.StringVar(&o.Endpoint, "endpoint", "", "base `address` of AWS, before all that environment and profile say; as for every AWS program where it is left out")
	f.StringVar(&o.Region, "region", "", "AWS `region`; as for every AWS program where it is left out")
	return c
}
