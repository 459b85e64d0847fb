package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/control"
	"github.com/sluicehq/sluice/inference/auction"
)

const (
	swapTurns    = 9
	swapTurn     = 600 * time.Millisecond
	swapEvery    = 250 * time.Millisecond
	swapRate     = 1000 // auctions per second
	swapReleases = 6    // more than a task keeps, so that each is fetched, read and proven anew
)

// swaps measures the latency of auctions while releases change against that
// while none does.
func swaps(ctx context.Context) (rows []row, err error) {
	asked, err := calls(benchPartners)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, oursKind, benchTrees, swapReleases, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := ready(s, asked, benchPartners); err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", s.Control)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	w := &swapper{server: s, client: controller(conn)}
	var calm, swapping []float64
	failed := int64(0)
	for range swapTurns {
		for _, with := range []bool{false, true} {
			p99, bad, err := w.turn(ctx, with)
			if err != nil {
				return nil, err
			}
			failed += bad
			if with {
				swapping = append(swapping, p99)
			} else {
				calm = append(calm, p99)
			}
		}
	}
	if w.done == 0 {
		return nil, errors.New("no swap was made")
	}
	return []row{
		{
			name: fmt.Sprintf("p99 with a swap every %v, to p99 without", swapEvery), unit: "us", ours: median(swapping), other: median(calm),
			value: ratio(calm, swapping), times: true, attainable: "", floor: 1.5, atMost: true,
		},
		{
			name: fmt.Sprintf("failed or degraded auctions in %d swaps", w.done), ours: math.NaN(), other: math.NaN(),
			value: float64(failed), attainable: "0", atMost: true,
		},
	}, nil
}

func controller(conn net.Conn) *control.ControlClient {
	conf := &thrift.TConfiguration{}
	over := thrift.NewTFramedTransportConf(thrift.NewTSocketFromConnConf(conn, conf), conf)
	p := thrift.NewTBinaryProtocolConf(over, conf)
	return control.NewControlClient(thrift.NewTStandardClient(p, p))
}

// swapper asks a task for one release after the other.
type swapper struct {
	server     *server
	client     *control.ControlClient
	generation int64
	done       int
}

// turn holds auctions for a while and returns their p99 in microseconds and how
// many had no score.
func (w *swapper) turn(ctx context.Context, swapping bool) (p99 float64, bad int64, err error) {
	ended := make(chan error, 1)
	turn, end := context.WithTimeout(ctx, swapTurn)
	defer end()
	go func() {
		if !swapping {
			ended <- nil
			return
		}
		ended <- w.swap(turn)
	}()
	c := aimed(w.server.Data)
	c.World, c.Rate, c.Connections, c.ConnectionAge = market(requests()), swapRate, benchConnections, -1
	c.Duration, c.Deadline, c.Seed = swapTurn, 10*time.Second, 1
	sum, err := auction.Run(ctx, c)
	return float64(sum.Latency.P99), sum.Auctions.Failed + sum.Auctions.Degraded, errors.Join(err, <-ended)
}

// swap goes on until ctx ends.
func (w *swapper) swap(ctx context.Context) error {
	tick := time.NewTicker(swapEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		at, err := w.client.Status(context.WithoutCancel(ctx))
		if err != nil {
			return fmt.Errorf("ask for the status: %w", err)
		}
		if at.IsSetFailure() {
			return fmt.Errorf("a swap failed: %s: %s", at.Failure.Reason, at.Failure.Detail)
		}
		if at.Generation != w.generation {
			continue // the machine is busy
		}
		w.generation++
		next := w.server.Releases[w.generation%int64(len(w.server.Releases))]
		if _, err := w.client.Assign(context.WithoutCancel(ctx), &control.Assignment{Release: next, Buckets: 64, Epoch: 1, Generation: w.generation}); err != nil {
			return fmt.Errorf("assign: %w", err)
		}
		w.done++
	}
}
