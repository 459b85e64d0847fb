package aws_test

import (
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
)

const earlierCommit = "f4d4974"

// TestHourBeside prints what is asked of AWS in a quiet hour beside an earlier
// commit, which is built out of this repository's history with today's account
// in it, and holds the numbers that TestQuietHour compares with.
func TestHourBeside(t *testing.T) {
	if !*printHour {
		t.Skip("builds another tree, and takes some minutes: -hour")
	}
	dir := t.TempDir()
	out := func(command string) string {
		t.Helper()
		said, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, said)
		}
		return string(said)
	}
	out("git -C ../.. archive --format=tar " + earlierCommit + " go.mod go.sum controller inference idl identity | tar -x -C " + dir)
	out("rm " + dir + "/controller/aws/*_test.go && cp hour_test.go testdata/earlier/hour_open_test.go " + dir + "/controller/aws")
	then := rows(out("cd " + dir + " && go test ./controller/aws -count=1 -timeout 30m -v -run 'TestHour$' -hour"))
	now := rows(out("go test . -count=1 -timeout 30m -v -run 'TestHour$' -hour"))
	fmt.Println("| tasks | ECS and SageMaker | " + earlierCommit + " | of it | S3 | " + earlierCommit + " |")
	fmt.Println("|---|---|---|---|---|---|")
	if len(now) != 4 || len(then) != 4 {
		t.Fatalf("%d rows, and %d of %s", len(now), len(then), earlierCommit)
	}
	for i, n := range now {
		t0 := then[i]
		fmt.Printf("| %d | %.1f | %.1f | %.0f %% | %.1f | %.1f |\n", n.tasks, n.ecs+n.jobs, t0.ecs+t0.jobs, 100*(n.ecs+n.jobs)/(t0.ecs+t0.jobs), n.s3, t0.s3)
		if share := (n.ecs + n.jobs) / (t0.ecs + t0.jobs); share > 1 || n.tasks >= 1000 && share > 0.25 {
			t.Errorf("%d tasks take %.0f %% of the calls of %s", n.tasks, 100*share, earlierCommit)
		}
		if known := earlierHour(n.tasks); math.Abs(t0.ecs+t0.jobs-known) > 0.03*known {
			t.Errorf("%d tasks: %s asks %.1f times a minute, and is said to ask %.1f times", n.tasks, earlierCommit, t0.ecs+t0.jobs, known)
		}
	}
}

// row is a line that TestHour prints.
type row struct {
	tasks         int
	ecs, jobs, s3 float64
}

func rows(said string) (all []row) {
	for line := range strings.Lines(said) {
		var r row
		if n, _ := fmt.Sscanf(line, "hour %d %f %f %f", &r.tasks, &r.ecs, &r.jobs, &r.s3); n == 4 {
			all = append(all, r)
			fmt.Print(line)
		}
	}
	return all
}
