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
	partners     int
	load         *load
	cpu, allocs  []float64 // per request and turn
}

// servers measures what a request costs servers, each a process of its own.
func servers(ctx context.Context) (rows []row, err error) {
	all := []*contestant{
		{kind: oursKind, depth: 1, partners: benchPartners},
		{kind: stockKind, depth: 1, partners: benchPartners},
		{kind: echoKind, depth: 1, partners: benchPartners},
		{kind: oursKind, trees: benchTrees, depth: 1, partners: benchPartners},
		{kind: stockKind, trees: benchTrees, depth: 1, partners: benchPartners},
		{kind: oursKind, trees: benchTrees, depth: 16, partners: benchPartners},
		{kind: stockKind, trees: benchTrees, depth: 16, partners: benchPartners},
		{kind: oursKind, depth: 1, partners: 1},
		{kind: echoKind, depth: 1, partners: 1},
	}
	reply := 1024
	for _, c := range all {
		asked, err := calls(c.partners)
		if err != nil {
			return nil, err
		}
		s, err := start(ctx, c.kind, c.trees, 1, reply)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		if err := ready(s, asked, c.partners); err != nil {
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
	ours, stock, echo, full, fullStock, piped, pipedStock, one, oneEcho := all[0], all[1], all[2], all[3], all[4], all[5], all[6], all[7], all[8]
	const unit = "us CPU"
	against := func(name string, ours, echo *contestant) row {
		limit := faster(name, unit, echo.cpu, ours.cpu, "1.01-1.2x", 1.3)
		limit.ours, limit.other, limit.atMost = limit.other, limit.ours, true
		return limit
	}
	limit := against("server without a model, one partner, to a raw echo of as many bytes", one, oneEcho)
	working := against("same, 20 partners, which an echo neither scores nor counts", ours, echo)
	working.attainable, working.unbound = "", true
	pipelined := faster("whole request, 200 trees, 16 in a pipe, to the stock server + naive walk", unit, piped.cpu, pipedStock.cpu, "", 0)
	pipelined.unbound = true
	return []row{
		faster("server without a model, to the stock server", unit, ours.cpu, stock.cpu, "2.7-3.3x", 2),
		limit,
		working,
		faster("whole request, 200 trees, to the stock server + naive walk", unit, full.cpu, fullStock.cpu, "9x", 5),
		pipelined,
		{
			name: "allocations per request, steady state", unit: "allocations", ours: median(full.allocs), other: median(fullStock.allocs),
			value: median(full.allocs), attainable: "0", floor: 0.01, atMost: true, // where what it allocates for itself is not quite even
		},
	}, nil
}
