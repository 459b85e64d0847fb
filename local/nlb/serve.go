package nlb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/sorting"
)

// Options say which service to balance, and where.
type Options struct {
	Listen           string // takes the connections
	Counts           string // address that shows flows per target as JSON over HTTP; empty for none
	Cluster, Service string // of ECS
	Endpoint, Region string // of AWS; empty for the environment's
	Port, HealthPort int    // of the container

	// Nodes are addresses that take connections for the tasks of one zone only,
	// as a load balancer's nodes do where none balances across zones. By zone.
	Nodes map[string]string

	Interval time.Duration
	Drain    time.Duration // that flows go on after their task was taken away
	Log      *slog.Logger
}

// Run spreads connections over a service's tasks until ctx ends. Credentials
// are found as by every AWS tool.
func Run(ctx context.Context, o Options) error {
	account, err := amazon.Open(ctx, amazon.Settings{Region: o.Region, Endpoint: o.Endpoint, Services: []string{amazon.ECS}})
	if err != nil {
		return err
	}
	finder := Finder{
		Client:  ecs.NewFromConfig(account.Config, func(eo *ecs.Options) { eo.BaseEndpoint = account.Base(amazon.ECS) }),
		Cluster: o.Cluster, Service: o.Service, Port: o.Port, HealthPort: o.HealthPort,
	}
	all, err := o.node(ctx, finder, o.Listen, "--listen")
	if err != nil {
		return err
	}
	nodes := []node{all}
	for _, zone := range slices.Sorted(maps.Keys(o.Nodes)) {
		finder.Zone = zone
		n, err := o.node(ctx, finder, o.Nodes[zone], "--node")
		if err != nil {
			return errors.Join(err, closeAll(nodes))
		}
		nodes = append(nodes, n)
		o.Log.InfoContext(ctx, "node is up", "zone", zone, "address", n.listener.Addr().String())
	}
	o.Log.InfoContext(ctx, "load balancer is up", "listen", all.listener.Addr().String(), "service", o.Service)
	return serve(ctx, o.Counts, nodes)
}

// node is one address that takes connections, and spreads them.
type node struct {
	*Balancer
	listener net.Listener
}

func (o Options) node(ctx context.Context, f Finder, address, flagName string) (node, error) {
	b := New(Config{Targets: f.Targets, Healthy: Ready(&http.Client{}), Interval: o.Interval, Drain: o.Drain, Log: o.Log})
	l, err := listen(ctx, address, flagName)
	return node{b, l}, err
}

func closeAll(nodes []node) (err error) {
	for _, n := range nodes {
		err = errors.Join(err, n.listener.Close())
	}
	return err
}

// serve runs the nodes and, if asked for, their counters.
func serve(ctx context.Context, counts string, nodes []node) error {
	group, ctx := errgroup.WithContext(ctx)
	if counts != "" {
		cl, err := listen(ctx, counts, "--counts")
		if err != nil {
			return errors.Join(err, closeAll(nodes))
		}
		server := &http.Server{Handler: counters(nodes), ReadHeaderTimeout: 5 * time.Second}
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
	for _, n := range nodes {
		group.Go(func() error { return n.Run(ctx, n.listener) })
	}
	return group.Wait()
}

// counters answers with what all nodes count, added up by task, as JSON.
func counters(nodes []node) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var counts []Count
		var refused int64
		for _, n := range nodes {
			more, without := n.Counts()
			counts, refused = merge(counts, more), refused+without
		}
		w.Header().Set("Content-Type", "application/json")
		// The caller has gone if this fails.
		_ = json.NewEncoder(w).Encode(map[string]any{"targets": counts, "refused": refused})
	}
}

// merge adds the counts of another node, which may know the same tasks.
func merge(counts, more []Count) []Count {
	for _, c := range more {
		i := slices.IndexFunc(counts, func(o Count) bool { return o.Task == c.Task })
		if i < 0 {
			counts = append(counts, c)
			continue
		}
		counts[i].Flows += c.Flows
		counts[i].TotalFlows += c.TotalFlows
		counts[i].DialFailures += c.DialFailures
	}
	sorting.By(counts, func(a, b *Count) int { return compare(a.Task, b.Task) })
	return counts
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
