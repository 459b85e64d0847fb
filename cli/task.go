package cli

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluicehq/sluice/inference"
)

// healthPort is where a task answers /readyz unless it is told otherwise.
const healthPort = 9092

func taskCommand() *cobra.Command { return taskIn(os.Getenv) }

// taskIn is `sluice task` in an environment.
func taskIn(env func(string) string) *cobra.Command {
	s := inference.Settings{Options: inference.DefaultOptions(), Host: env("SLUICE_TASK_ADDRESS"), Agent: env("ECS_CONTAINER_METADATA_URI_V4")}
	level, health := slog.LevelInfo, false
	c := &cobra.Command{
		Use:   "task --fleet NAME --bucket BUCKET",
		Short: "Serve auctions over Thrift: one inference task",
		Long: "Every flag may be given as a variable too: --fleet as SLUICE_FLEET, and so on.\n" +
			"SLUICE_TASK_ADDRESS is the address for ports whose flag names none.\n" +
			"Wherever a flag names a file of tokens, certificates or keys, env:NAME is what that variable holds\n" +
			"instead, and env:NAME:KEY one key of the JSON object in it.",
		Example: "  sluice task --fleet demo --bucket sluice --task mine --listen 127.0.0.1:0 \\\n" +
			"    --control-listen 127.0.0.1:0 --http-listen 127.0.0.1:0",
		Args: takes(0),
		PreRunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnv(c.Flags(), env); err != nil {
				return err
			}
			if health {
				return nil
			}
			if err := s.Check(); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if health {
				return askHealth(c.Context(), s.HealthAddress())
			}
			s.Log = slog.New(slog.NewJSONHandler(c.OutOrStdout(), &slog.HandlerOptions{Level: level}))
			return inference.Run(c.Context(), s)
		},
	}
	f := c.Flags()
	f.StringVar(&s.Fleet, "fleet", "", "`name` of the fleet this task belongs to")
	f.StringVar(&s.Bucket, "bucket", "", "S3 `bucket` of the control plane")
	f.StringVar(&s.Region, "region", "", "AWS `region`; as for every AWS program where it is left out")
	f.StringVar(&s.Endpoint, "endpoint", "", "base `address` of AWS, before all that environment and profile say; as for every AWS program where it is left out")
	f.StringVar(&s.Name, "task", "", "`name` of this task; its ARN, from the container agent, where it is left out")
	f.StringVar(&s.DataAddress, "listen", ":9090", "`address` for auctions")
	f.StringVar(&s.ControlAddress, "control-listen", ":9091", "`address` for the controller")
	f.StringVar(&s.HTTPAddress, "http-listen", fmt.Sprintf(":%d", healthPort), "`address` for /healthz, /readyz and /metrics")
	f.StringVar(&s.ControlFiles.Token, "control-token-file", "", "`file` of the tokens that controllers may send, one per line; read again when it changes")
	f.StringVar(&s.ControlFiles.Cert, "control-cert", "", "`file` of the control port's certificate, in PEM; read again when it changes")
	f.StringVar(&s.ControlFiles.Key, "control-key", "", "`file` of its key")
	f.StringVar(&s.ControlFiles.CA, "control-ca", "", "`file` of the CA whose certificates controllers must show")
	f.BoolVar(&s.ControlOpen, "control-open", false, "let everybody who reaches the control port beyond this machine choose the model of this task, and read its counts")
	f.StringVar(&s.DataFiles.Cert, "cert", "", "`file` of the data port's certificate, in PEM; read again when it changes ; no TLS where it is left out")
	f.StringVar(&s.DataFiles.Key, "key", "", "`file` of its key")
	f.BoolVar(&s.ProxyProtocol, "proxy-protocol", false, "take auctions only from connections that begin with a PROXY protocol header, v1 or v2, as a load balancer's may")
	f.TextVar(&level, "log-level", slog.LevelInfo, "`level` of what is logged: debug, info, warn or error")
	f.IntVar(&s.MaxConnections, "max-connections", s.MaxConnections, "`number` of connections for auctions at once")
	f.IntVar(&s.MaxInHand, "max-in-hand", s.MaxInHand, "`number` of requests scored at once")
	f.DurationVar(&s.MaxWait, "max-wait", s.MaxWait, "`time` that a request waits for its turn before it is forwarded")
	f.DurationVar(&s.Deadline, "deadline", s.Deadline, "`time` after its arrival until which a request is scored; less where its tmax is less")
	f.IntVar(&s.MaxMessageBytes, "max-message", s.MaxMessageBytes, "`bytes` of one Thrift message at most")
	f.IntVar(&s.MaxElements, "max-elements", s.MaxElements, "`number` of elements in the lists of one Thrift message, all levels together")
	f.IntVar(&s.MaxPartners, "max-partners", s.MaxPartners, "`number` of partners that one request may ask about; with more it is forwarded")
	f.Int64Var(&s.MaxArchiveBytes, "max-archive", s.MaxArchiveBytes, "`bytes` of one release's archive")
	f.Int64Var(&s.MemoryBytes, "memory", 0, "`bytes` that loading a release must not exceed ; the container's limit where it is left out")
	f.DurationVar(&s.FetchTimeout, "fetch-timeout", 30*time.Second, "`time` that one download may take")
	f.DurationVar(&s.ConnectionAge, "connection-age", s.ConnectionAge, "`time` that a connection may last, to spread them anew; 0 for ever")
	f.DurationVar(&s.IdleTimeout, "idle-timeout", s.IdleTimeout, "`time` that a connection may stay silent")
	f.DurationVar(&s.ReadTimeout, "read-timeout", s.ReadTimeout, "`time` that one message may take to arrive")
	f.DurationVar(&s.WriteTimeout, "write-timeout", s.WriteTimeout, "`time` that one reply may take to leave")
	f.DurationVar(&s.ReceiptAge, "receipt-age", s.ReceiptAge, "`age` that a reported outcome may have")
	f.DurationVar(&s.DrainDelay, "drain-delay", s.DrainDelay, "`time` to go on accepting after SIGTERM, while not ready")
	f.BoolVar(&health, "health", false, "only ask the task that runs here on --http-listen whether it is well; status 1 where it is not")
	f.DurationVar(&s.DrainTimeout, "drain-timeout", s.DrainTimeout, "`time` to finish after that")
	return c
}

// fromEnv sets the flags that were not given from SLUICE_ and their name.
func fromEnv(f *pflag.FlagSet, env func(string) string) error {
	var failed error
	f.VisitAll(func(one *pflag.Flag) {
		name := variable(one.Name)
		if v := env(name); v != "" && !one.Changed && one.Name != "health" && failed == nil {
			if err := f.Set(one.Name, v); err != nil {
				failed = wrongUsage("%s is %q: %w: see sluice task --help", name, v, err)
			}
		}
	})
	return failed
}

// variable is the environment's name for a flag.
func variable(flag string) string {
	b := []byte("SLUICE_" + flag)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			b[i] = c - 'a' + 'A'
		case c == '-':
			b[i] = '_'
		}
	}
	return string(b)
}
