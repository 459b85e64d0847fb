package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// Turns are as short as lets generated code pay for its garbage, and as long on
// either side, so that interruptions happen to both.
const (
	codecTurns = 3
	codecCount = 9 // each
)

// codec measures our reading and writing of messages against generated code.
// Both are private to package inference, so it is that package's own benchmarks
// that are run, in turn.
func codec(ctx context.Context, root string) ([]row, error) {
	folder, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	binary := filepath.Join(folder, "inference.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./inference")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the benchmarks of package inference: %w\n%s", err, said)
	}
	decode := faster("decode a decide of 20 partners, to generated code", "ns", nil, nil, "19x", 8)
	encode := faster("encode its answer, to generated code", "ns", nil, nil, "34x", 10)
	for _, r := range []struct {
		row       *row
		benchmark string
	}{{&decode, "BenchmarkParse"}, {&encode, "BenchmarkPrint"}} {
		var ours, generated []float64
		for range codecTurns {
			for _, side := range []struct {
				name  string
				times string
				turns *[]float64
			}{{"ours", "16000x", &ours}, {"generated", "2000x", &generated}} {
				ns, err := nanoseconds(ctx, binary, filepath.Join(root, "inference"), r.benchmark+"/"+side.name+"/unframed_binary", side.times)
				if err != nil {
					return nil, err
				}
				*side.turns = append(*side.turns, ns...)
			}
		}
		*r.row = faster(r.row.name, r.row.unit, ours, generated, r.row.attainable, r.row.floor)
	}
	return []row{decode, encode}, nil
}

func nanoseconds(ctx context.Context, binary, folder, benchmark, times string) (turns []float64, err error) {
	run := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench=^"+benchmark+"$", "-test.benchtime="+times, fmt.Sprint("-test.count=", codecCount))
	run.Dir = folder
	said, err := run.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w\n%s", benchmark, err, said)
	}
	for _, found := range regexp.MustCompile(`\s([0-9.]+) ns/op`).FindAllSubmatch(said, -1) {
		ns, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			return nil, err
		}
		turns = append(turns, ns)
	}
	if len(turns) == 0 {
		return nil, fmt.Errorf("package inference has no benchmark %s any more", benchmark)
	}
	return turns, nil
}
