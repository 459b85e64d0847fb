package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const scaleTurn = 400 * time.Millisecond

// scale prints what a request costs one task, by connections, partners and
// trees, and how much memory the task holds.
func scale(ctx context.Context, out io.Writer) error {
	connections, partners := []int{1, 100, 1_000, 10_000}, []int{1, 20, 100}
	lines := [][]string{{"trees", "partners", "us CPU at 1 connection", "100", "1,000", "10,000", "MiB at 1 connection", "10,000"}}
	for _, trees := range []int{200, 500, 1_000, 2_000} {
		for _, asked := range partners {
			line := []string{fmt.Sprint(trees), fmt.Sprint(asked)}
			var memory []string
			s, err := start(ctx, oursKind, trees, 1, 0)
			if err != nil {
				return err
			}
			for i, n := range connections {
				cost, resident, err := at(s, n, asked)
				if err != nil {
					return errors.Join(fmt.Errorf("%d trees, %d partners, %d connections: %w", trees, asked, n, err), s.stop())
				}
				line = append(line, digits(cost))
				if i == 0 || i == len(connections)-1 {
					memory = append(memory, digits(float64(resident)/(1<<20)))
				}
			}
			lines = append(lines, append(line, memory...))
			if err := s.stop(); err != nil {
				return err
			}
		}
	}
	write(out, lines)
	return nil
}

// at is what a request costs over so many connections, and the memory.
func at(s *server, connections, partners int) (cpu float64, resident int64, err error) {
	asked, err := calls(partners)
	if err != nil {
		return 0, 0, err
	}
	if err := ready(s, asked, partners); err != nil {
		return 0, 0, err
	}
	l, err := connect(s, connections, 1, asked)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if _, err := l.run(scaleTurn); err != nil {
		return 0, 0, err
	}
	if cpu, _, err = l.turn(scaleTurn); err != nil {
		return 0, 0, err
	}
	u, err := s.used()
	return cpu, u.Resident, err
}
