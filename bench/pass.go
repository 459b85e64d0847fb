package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// before is the commit whose pass of the loop ours is measured beside.
const before = "f4d4974"

const (
	passTurns  = 3
	passTimes  = "30x" // in each turn
	passFolder = "controller"
)

// errShallow means that there is nothing to compare with.
var errShallow = errors.New("this checkout does not know " + before)

// passes measures the decision path of a pass over 10,000 tasks, now and then:
// our own benchmark is run in both programs, less what its world costs by
// itself.
func passes(ctx context.Context, root string) ([]row, error) {
	folder, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	var ours, theirs []map[string]float64
	missing := ""
	switch err := checkOut(ctx, root, folder); {
	case errors.Is(err, errShallow):
		missing = err.Error()
	case err != nil:
		return nil, err
	default:
		for range passTurns {
			for _, side := range []struct {
				root  string
				turns *[]map[string]float64
			}{{root, &ours}, {folder, &theirs}} {
				cost, err := passCost(ctx, side.root)
				if err != nil {
					return nil, err
				}
				*side.turns = append(*side.turns, cost)
			}
		}
	}
	var rows []row
	for _, m := range []struct {
		name, unit, shown string
		per               float64
	}{
		{"a pass over 10,000 tasks, to that of " + before, "cpu-ns/op", "ms CPU", 1e6},
		{"what it allocates", "B/op", "MB", 1e6},
		{"in how many pieces", "allocs/op", "thousand", 1e3},
	} {
		r := faster(m.name, m.shown, each(ours, m.unit, m.per), each(theirs, m.unit, m.per), "", 2)
		r.skipped = missing
		rows = append(rows, r)
	}
	return rows, nil
}

// checkOut leaves the earlier program in a folder, with our benchmark in it.
func checkOut(ctx context.Context, root, folder string) error {
	if exec.CommandContext(ctx, "git", "-C", root, "cat-file", "-e", before+"^{commit}").Run() != nil {
		return errShallow
	}
	for _, command := range []string{
		"git -C " + root + " archive --format=tar " + before + " | tar -x -C " + folder,
		"cp " + filepath.Join(root, passFolder, "bench_test.go") + " " + filepath.Join(folder, passFolder),
	} {
		if said, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", command, err, said)
		}
	}
	return nil
}

// passCost is what a pass costs in one turn, by unit, less what its world does.
func passCost(ctx context.Context, root string) (map[string]float64, error) {
	run := exec.CommandContext(ctx, "go", "test", "./"+passFolder, "-run", "^$", "-bench", "^BenchmarkPass$/^10000-tasks$", "-benchtime", passTimes, "-timeout", "5m", "-trimpath") // so that what was built once is built
	run.Dir = root
	said, err := run.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("run the benchmark of a pass: %w\n%s", err, said)
	}
	whole, world := metrics(string(said), "pass"), metrics(string(said), "world")
	if len(whole) == 0 || len(world) == 0 {
		return nil, fmt.Errorf("the benchmark of a pass says something else now:\n%s", said)
	}
	for unit := range whole {
		whole[unit] -= world[unit]
	}
	return whole, nil
}

// metrics are the numbers of one line that package testing prints, by unit.
func metrics(said, name string) map[string]float64 {
	line := regexp.MustCompile(`(?m)^Benchmark\S*/` + name + `(?:-\d+)?\s+\d+\s+(.*)$`).FindStringSubmatch(said)
	if line == nil {
		return nil
	}
	found := map[string]float64{}
	words := strings.Fields(line[1])
	for i := 0; i+1 < len(words); i += 2 {
		if v, err := strconv.ParseFloat(words[i], 64); err == nil {
			found[words[i+1]] = v
		}
	}
	return found
}

// each is one number of every turn.
func each(turns []map[string]float64, unit string, per float64) (of []float64) {
	for _, t := range turns {
		of = append(of, t[unit]/per)
	}
	return of
}
