package main

import (
	"context"
	"errors"
	"time"
)

const (
	benchConnections = 16
	serverTurns      = 7
	serverTurn       = 200 * time.Millisecond
)

// contestant is one server and how it is asked.
type contestant struct {
	kind         kind
	trees, depth int // without trees: a model of one split
	load         *load
	cpu, allocs  []float64 // per request and turn
}

// servers measures what a request costs servers, each a process of its own.
func servers(ctx context.Context) (rows []row, err error) {
	asked, err := calls(benchPartners)
	if err != nil {
		return nil, err
	}
	all := []*contestant{
		{kind: oursKind, depth: 1},
		{kind: stockKind, depth: 1},
		{kind: echoKind, depth: 1},
		{kind: oursKind, trees: benchTrees, depth: 1},
		{kind: stockKind, trees: benchTrees, depth: 1},
		{kind: oursKind, trees: benchTrees, depth: 16},
		{kind: stockKind, trees: benchTrees, depth: 16},
	}
	reply := 1024
	for _, c := range all {
		s, err := start(ctx, c.kind, c.trees, 1, reply)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		if err := ready(s, asked, benchPartners); err != nil {
			return nil, err
		}
		if c.load, err = connect(s, benchConnections, c.depth, asked); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, c.load.close()) }()
		if _, _, err := c.load.turn(serverTurn); err != nil { // buffers grow to their size
			return nil, err
		}
		if err := c.load.rest(serverTurn); err != nil {
			return nil, err
		}
		if c.kind == oursKind {
			reply = int(c.load.reply.Load())
			c.load.wanted = reply
		}
	}
	for range serverTurns {
		for _, c := range all {
			cpu, allocations, err := c.load.turn(serverTurn)
			if err != nil {
				return nil, err
			}
			c.cpu, c.allocs = append(c.cpu, cpu), append(c.allocs, allocations)
		}
	}
	ours, stock, echo, full, fullStock, piped, pipedStock := all[0], all[1], all[2], all[3], all[4], all[5], all[6]
	const unit = "us CPU"
	limit := faster("server without a model, to a raw echo of as many bytes", unit, echo.cpu, ours.cpu, "1.01-1.2x", 1.3)
	limit.ours, limit.other, limit.atMost = limit.other, limit.ours, true
	pipelined := faster("whole request, 200 trees, 16 in a pipe, to the stock server + naive walk", unit, piped.cpu, pipedStock.cpu, "", 0)
	pipelined.unbound = true
	return []row{
		faster("server without a model, to the stock server", unit, ours.cpu, stock.cpu, "2.7-3.3x", 2),
		limit,
		faster("whole request, 200 trees, to the stock server + naive walk", unit, full.cpu, fullStock.cpu, "9x", 5),
		pipelined,
		{
			name: "allocations per request, steady state", unit: "allocations", ours: median(full.allocs), other: median(fullStock.allocs),
			value: median(full.allocs), attainable: "0", floor: 0.01, atMost: true, // where what it allocates for itself is not quite even
		},
	}, nil
}
