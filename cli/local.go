package cli

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/local"
)

func localCommand() *cobra.Command {
	var o local.Config
	var network string
	var denied []string
	c := &cobra.Command{
		Use:   "local --dir FOLDER",
		Short: "Serve S3, ECS and SageMaker on this machine",
		Long: "For the real SDKs and the AWS CLI. Tasks and training jobs are processes of this machine, and\n" +
			"all state lies in one folder. Tuning jobs try hyperparameters by grid or at random, also where\n" +
			"Bayesian is asked for. What training jobs print is read by CloudWatch Logs, and STS tells who asks.",
		Example: "  sluice local --dir state --listen 127.0.0.1:0",
		Args:    takes(0),
		PreRunE: func(*cobra.Command, []string) (err error) {
			if o.TaskNetwork, err = netip.ParsePrefix(network); err != nil {
				return wrongUsage("--task-network is %q: want one such as 127.77.0.0/16", network)
			}
			if o.Zones < 1 || o.Zones > 6 {
				return wrongUsage("--zones is %d: want 1 to 6", o.Zones)
			}
			if o.Dir == "" {
				return wrongUsage("no folder for the state: name one with --dir")
			}
			if err := local.CheckActions(denied); err != nil {
				return wrongUsage("--deny: %w", err)
			}
			o.Faults = local.Deny(denied...)
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			o.Log = slog.New(slog.NewTextHandler(c.OutOrStdout(), nil))
			return local.Run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "dir", "", "`folder` that keeps all state; one server at a time uses it")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:4566", "loopback `address` to serve S3, ECS and SageMaker on")
	f.StringVar(&o.AccessKey, "access-key", "test", "access key `id` that callers sign with")
	f.StringVar(&o.SecretKey, "secret-key", "testtest", "secret `key` that callers sign with")
	f.StringVar(&o.Region, "region", "us-east-1", "AWS `region` to be")
	f.IntVar(&o.Zones, "zones", 1, "`number` of availability zones, each with a subnet named subnet-<zone>")
	f.StringVar(&network, "task-network", "127.77.0.0/16", "`network` in 127.0.0.0/8 for addresses of awsvpc tasks; ::1/128 for one task, by IPv6")
	f.BoolVar(&o.SilentHosts, "silent-hosts", false, "leave it to EC2 to tell where the container instances of tasks in bridge mode are, as on AWS")
	f.StringArrayVar(&denied, "deny", nil, "`action` to deny to everybody, such as s3:PutObject; may be repeated")
	f.StringVar(&o.Python, "python", "python3", "`program` that runs training scripts; it needs xgboost")
	f.DurationVar(&o.StopLimit, "stop-limit", 10*time.Second, "`time` that tasks get to end when the server does")
	return c
}
