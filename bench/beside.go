package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const besideTurnsOfServers = 15

// beside measures the data plane beside that of an earlier commit: this very
// program, compiled with what is measured as it was then.
func beside(ctx context.Context, root string) ([]row, error) {
	folder, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	earlier, err := buildEarlier(ctx, root, folder)
	if errors.Is(err, errShallow) {
		return []row{{name: "the data plane, to that of " + before, skipped: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	rows, err := besideTurns(ctx, self, earlier)
	if err != nil {
		return nil, err
	}
	whole, err := besideServers(ctx, self, earlier)
	return append(rows, whole...), err
}

// buildEarlier returns the earlier program.
func buildEarlier(ctx context.Context, root, folder string) (string, error) {
	if err := checkOut(ctx, root, folder); err != nil {
		return "", err
	}
	bench, err := filepath.Abs(filepath.Join(root, "bench"))
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "earlier")
	for _, command := range []string{
		"rm -rf bench && mkdir bench && cp -r " + bench + "/. bench",
		"cp bench/testdata/earlier/*.go bench",
		"cd bench && go build -trimpath -o " + program + " .",
	} {
		run := exec.CommandContext(ctx, "sh", "-c", command)
		run.Dir = folder
		if said, err := run.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", command, err, said)
		}
	}
	return program, nil
}

// besideServers measures whole requests.
func besideServers(ctx context.Context, self, earlier string) (rows []row, err error) {
	asked, err := calls(benchPartners)
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		name         string
		trees, depth int
		aim          string
		floor        float64
	}{
		{"whole request, 200 trained trees", benchTrees, 1, "1.3x", 1.1},
		{"the same, 1,000 trees", 1000, 1, "1.6x", 1.3},
		{"16 requests in a pipe, 200 trees", benchTrees, 16, "1.7x", 1.4},
		{"the same, 1,000 trees", 1000, 16, "1.9x", 1.5},
	} {
		r, err := besideServer(ctx, self, earlier, asked, c.trees, c.depth)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		r.name, r.attainable, r.floor, r.unbound = c.name+", to "+before, c.aim, c.floor, widest() != "avx512"
		rows = append(rows, r)
	}
	return rows, nil
}

func besideServer(ctx context.Context, self, earlier string, asked [][]byte, trees, depth int) (r row, err error) {
	var loads [2]*load
	var costs [2][]float64
	for i, program := range []string{self, earlier} {
		s, err := startProgram(ctx, program, trainedKind, trees, 1, 0)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		if err := ready(s, asked, benchPartners); err != nil {
			return r, err
		}
		if loads[i], err = connect(s, benchConnections, depth, asked); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, loads[i].close()) }()
		if _, _, err := loads[i].turn(serverTurn); err != nil {
			return r, err
		}
		loads[i].wanted = int(loads[i].reply.Load())
	}
	for range besideTurnsOfServers {
		for i, l := range loads {
			cpu, _, err := l.turn(serverTurn)
			if err != nil {
				return r, err
			}
			costs[i] = append(costs[i], cpu)
		}
	}
	return faster("", "us CPU", costs[0], costs[1], "", 0), nil
}
