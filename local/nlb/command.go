package nlb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/sync/errgroup"
)

// options are the flags of `sluice nlb`.
type options struct {
	listen, counts, cluster, service, endpoint, region string
	port, healthPort                                   int
	interval, drain                                    time.Duration
}

// Command is `sluice nlb`: it spreads connections over a service's tasks
// until ctx ends. Credentials are found as by every AWS tool.
func Command(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	config, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(logging.Nop{})) // what matters is in the errors
	if err != nil {
		return fmt.Errorf("configure AWS: %w", err)
	}
	if o.endpoint != "" {
		config.BaseEndpoint = &o.endpoint
	}
	if o.region != "" || config.Region == "" {
		config.Region = cmp.Or(o.region, "us-east-1")
	}
	finder := &Finder{
		Client: ecs.NewFromConfig(config), Cluster: o.cluster, Service: o.service, Port: o.port, HealthPort: o.healthPort,
	}
	log := slog.New(slog.NewTextHandler(out, nil))
	b := New(Config{Targets: finder.Targets, Healthy: Ready(&http.Client{}), Interval: o.interval, Drain: o.drain, Log: log})
	l, err := listen(ctx, o.listen, "--listen")
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "load balancer is up", "listen", l.Addr().String(), "service", o.service)
	return serve(ctx, o, b, l)
}

// serve runs the balancer and, if asked for, its counters.
func serve(ctx context.Context, o options, b *Balancer, l net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	if o.counts != "" {
		cl, err := listen(ctx, o.counts, "--counts")
		if err != nil {
			return errors.Join(err, l.Close())
		}
		server := &http.Server{Handler: b, ReadHeaderTimeout: 5 * time.Second}
		group.Go(func() error {
			if err := server.Serve(cl); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve counts: %w", err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			return server.Close()
		})
	}
	group.Go(func() error { return b.Run(ctx, l) })
	return group.Wait()
}

// ServeHTTP answers with the counters as JSON.
func (b *Balancer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	counts, refused := b.Counts()
	w.Header().Set("Content-Type", "application/json")
	// The caller has gone if this fails.
	_ = json.NewEncoder(w).Encode(map[string]any{"targets": counts, "refused": refused})
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("sluice nlb", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:9090", "`address` that takes connections")
	flags.StringVar(&o.counts, "counts", "", "`address` that shows flows per target as JSON over HTTP; empty for none")
	flags.StringVar(&o.cluster, "cluster", "default", "ECS `cluster` of the service")
	flags.StringVar(&o.service, "service", "", "ECS `service` whose tasks get the connections")
	flags.IntVar(&o.port, "port", 9090, "container `port` of the connections")
	flags.IntVar(&o.healthPort, "health-port", 9092, "container `port` that answers GET /readyz over HTTP")
	flags.DurationVar(&o.interval, "interval", time.Second, "`time` between looks at tasks and their health")
	flags.DurationVar(&o.drain, "drain", 30*time.Second, "`time` that flows go on after their task was taken away")
	flags.StringVar(&o.endpoint, "endpoint", "", "`URL` of the AWS endpoint; empty for the environment's")
	flags.StringVar(&o.region, "region", "", "AWS `region`; empty for the environment's, else us-east-1")
	flags.SetOutput(io.Discard) // what is wrong is in the error only
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		flags.Usage()
		return o, err
	} else if err != nil {
		return o, fmt.Errorf("%w: see %s --help", err, flags.Name())
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q is not a flag: see %s --help", flags.Arg(0), flags.Name())
	case o.service == "":
		return o, errors.New("no service to balance: name one with --service")
	case o.interval <= 0 || o.drain <= 0:
		return o, errors.New("--interval and --drain must be longer than 0")
	}
	return o, nil
}

func listen(ctx context.Context, address, flagName string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the port is in use; stop who uses it or choose another with %s", address, flagName)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; choose another with %s", address, err, flagName)
	}
	return l, nil
}

// Ready checks health as AWS would with an HTTP health check: 200 is healthy.
func Ready(client *http.Client) func(context.Context, Target) bool {
	return func(ctx context.Context, t Target) bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.Health+"/readyz", nil)
		if err != nil {
			return false
		}
		resp, err := client.Do(r)
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4096)) // so that the connection is used again
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}
}
