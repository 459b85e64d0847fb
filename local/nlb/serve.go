package nlb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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

// Options say which service to balance, and where.
type Options struct {
	Listen           string // takes the connections
	Counts           string // address that shows flows per target as JSON over HTTP; empty for none
	Cluster, Service string // of ECS
	Endpoint, Region string // of AWS; empty for the environment's
	Port, HealthPort int    // of the container
	Interval         time.Duration
	Drain            time.Duration // that flows go on after their task was taken away
	Log              *slog.Logger
}

// Run spreads connections over a service's tasks until ctx ends. Credentials
// are found as by every AWS tool.
func Run(ctx context.Context, o Options) error {
	config, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(logging.Nop{})) // what matters is in the errors
	if err != nil {
		return fmt.Errorf("configure AWS: %w", err)
	}
	if o.Endpoint != "" {
		config.BaseEndpoint = &o.Endpoint
	}
	if o.Region != "" || config.Region == "" {
		config.Region = cmp.Or(o.Region, "us-east-1")
	}
	finder := &Finder{
		Client: ecs.NewFromConfig(config), Cluster: o.Cluster, Service: o.Service, Port: o.Port, HealthPort: o.HealthPort,
	}
	b := New(Config{Targets: finder.Targets, Healthy: Ready(&http.Client{}), Interval: o.Interval, Drain: o.Drain, Log: o.Log})
	l, err := listen(ctx, o.Listen, "--listen")
	if err != nil {
		return err
	}
	o.Log.InfoContext(ctx, "load balancer is up", "listen", l.Addr().String(), "service", o.Service)
	return serve(ctx, o.Counts, b, l)
}

// serve runs the balancer and, if asked for, its counters.
func serve(ctx context.Context, counts string, b *Balancer, l net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	if counts != "" {
		cl, err := listen(ctx, counts, "--counts")
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
