package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

var recordings = flag.Bool("recordings", false, "invent the recorded counts of docs/judge anew")

// recording is traffic of two tasks an arm and three partners, first in shadow
// and then in a canary step.
func recording(shift func(partner int) float64, shadow, canary int) (looks []tally.Look) {
	w := tallytest.New(4)
	w.Buckets, w.Active, w.Partners, w.Asked, w.PerLook, w.Sample, w.Flip = 16, 16, 3, 3, 2_000, .03, .02
	w.Shift = shift
	w.Latency = func(_ judge.Arm, rng *rand.Rand) int { return 36 + int(3*rng.ExpFloat64()) }
	for i := range shadow + canary {
		if i == 0 || i == shadow {
			w.Served = i >= shadow
			w.Begin()
		}
		look := w.Next()
		look.At = time.Date(2026, 11, 22, 14, 0, 5*i, 0, time.UTC)
		for r := range look.Reports {
			tidy(&look.Reports[r])
		}
		looks = append(looks, look)
	}
	return looks
}

// tidy leaves out lists in which nothing was counted.
func tidy(r *tally.Report) {
	lists := []*[]int64{&r.Requests, &r.Errors, &r.Invalid, &r.ShadowRequests, &r.ShadowInvalid}
	for name, c := range r.Partners {
		for _, l := range []*[]int64{&c.Scored, &c.Filtered, &c.Pairs, &c.CandidateOnly, &c.StableOnly} {
			empty(l)
		}
		r.Partners[name] = c
	}
	for _, l := range lists {
		empty(l)
	}
}

func empty(l *[]int64) {
	for _, n := range *l {
		if n != 0 {
			return
		}
	}
	*l = nil
}

func write(t *testing.T, name string, looks []tally.Look) {
	t.Helper()
	var out bytes.Buffer
	for _, l := range looks {
		if err := json.NewEncoder(&out).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join("..", "docs", "judge", name+".jsonl"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRecordedCounts judges the recorded examples: one whose candidate filters
// one partner too much, and one that is as good as stable.
func TestRecordedCounts(t *testing.T) {
	if *recordings {
		write(t, "rollback", recording(func(k int) float64 { return []float64{0, .08, 0}[k] }, 3, 9))
		write(t, "promote", recording(func(int) float64 { return 0 }, 4, 14))
	}
	for name, want := range map[string]judge.Verdict{
		"rollback": {Outcome: judge.Worse, Partner: "dsp-01"},
		"promote":  {Outcome: judge.Acceptable},
	} {
		counts, err := os.ReadFile(filepath.Join("..", "docs", "judge", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		var out, again bytes.Buffer
		if err := judgeLines(bytes.NewReader(counts), &out, judge.Policy{}, output{format: "json"}); err != nil {
			t.Fatal(err)
		}
		if err := judgeLines(bytes.NewReader(counts), &again, judge.Policy{}, output{format: "json"}); err != nil || out.String() != again.String() {
			t.Errorf("%s: the same counts bring other verdicts: %v", name, err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if want := asController(t, counts); out.String() != want {
			t.Errorf("%s is judged otherwise than by a controller", name)
		}
		var last judge.Verdict
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatal(err)
		}
		if last.Outcome != want.Outcome || want.Partner != "" && last.Partner != want.Partner || len(lines) != bytes.Count(counts, []byte("\n")) {
			t.Errorf("%s ends after %d lines with %s %s %s", name, len(lines), last.Outcome, last.Partner, last.Sentence)
		}
		t.Logf("%s: %d bytes, %d looks: %s", name, len(counts), len(lines), last.Sentence)
	}
}

// asController judges counts as a controller does, who knows when arms are
// formed anew: at the first look of a canary step.
func asController(t *testing.T, counts []byte) string {
	t.Helper()
	var c tallytest.Case
	var out strings.Builder
	served := false
	for line := range bytes.Lines(counts) {
		look, err := readLook(line)
		if err != nil {
			t.Fatal(err)
		}
		if look.Served && !served {
			c.Step()
		}
		served = look.Served
		if err := json.NewEncoder(&out).Encode(c.Look(look, judge.Policy{})); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestJudgeRefuses(t *testing.T) {
	for counts, want := range map[string]string{
		"":                                    "there are no counts",
		"\n\n":                                "there are no counts",
		`{"at":"2026-11-22T14:00:00Z"} {}`:    "line 1 of the counts: there is more than one",
		"\n" + `{"at":1}`:                     "line 2 of the counts: ",
		`{"at":"2026-11-22T14:00:00Z","x":1}`: `unknown field "x"`,
		`{"served":true}`:                     "does not say when",
	} {
		if err := judgeLines(strings.NewReader(counts), &bytes.Buffer{}, judge.Policy{}, output{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", counts, err, want)
		}
	}
}

// TestDocumentedCounts judges the counts that docs/judge/reference.md shows, and sees
// what it says they give.
func TestDocumentedCounts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "judge", "reference.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```json\n(.*?)```.*?```text\n(.*?)…\n```").FindSubmatch(text)
	if shown == nil {
		t.Fatal("docs/judge/reference.md shows no counts and what they give")
	}
	var out bytes.Buffer
	if err := judgeLines(bytes.NewReader(bytes.ReplaceAll(shown[1], []byte("\n"), nil)), &out, judge.Policy{}, output{}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), string(shown[2])) {
		t.Errorf("docs/judge/reference.md says\n%s\nit is\n%s", shown[2], &out)
	}
}

// tableRows are the rows of all tables of a page, each behind its table's head.
func tableRows(page string) (rows []string) {
	head := ""
	for line := range strings.Lines(page) {
		switch {
		case !strings.HasPrefix(line, "| "):
			head = ""
		case head == "":
			head = line
		case !strings.HasPrefix(line, "| ---"):
			rows = append(rows, head+line)
		}
	}
	return rows
}

// TestSimulatedTables checks that the results which docs/judge.md shows are
// those of the simulation: rows of the tables in docs/judge.
func TestSimulatedTables(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "judge.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(text), "\n## What the simulation shows\n")
	if !found {
		return // nothing is claimed
	}
	simulated := map[string]bool{} // rows, under the head of their table
	for _, part := range []string{"rollouts", "worlds", "speed"} {
		page, err := os.ReadFile(filepath.Join("..", "docs", "judge", part+".md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range tableRows(string(page)) {
			simulated[row] = true
		}
	}
	for _, row := range tableRows(shown) {
		if !simulated[row] {
			t.Errorf("no simulation has shown %s", row)
		}
	}
	for _, m := range regexp.MustCompile(`\]\((judge/[^)]+)\)`).FindAllStringSubmatch(shown, -1) {
		if _, err := os.Stat(filepath.Join("..", "docs", m[1])); err != nil {
			t.Errorf("docs/judge.md refers to %s: %v", m[1], err)
		}
	}
}
