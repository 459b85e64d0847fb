package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// maxLookBytes bounds one line of counts.
const maxLookBytes = 64 << 20

// runJudge is `sluice judge`: the judge alone, on recorded counts.
func runJudge(_ context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sluice judge", flag.ContinueOnError)
	policyFile := flags.String("policy", "", "`file` with settings of the judge (YAML, as under judge: in a fleet file)")
	asJSON := flags.Bool("json", false, "print whole verdicts, one JSON object per line")
	if err := parseFlags(flags, args, out); err != nil {
		return err
	}
	policy, err := api.ReadJudgePolicy(*policyFile)
	if err != nil {
		return err
	}
	return judgeLines(os.Stdin, out, policy, *asJSON)
}

// judgeLines tallies and judges one look per line of JSON, and prints one
// verdict for each.
func judgeLines(in io.Reader, out io.Writer, policy judge.Policy, asJSON bool) error {
	var bench bench
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLookBytes)
	n := 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		look, err := readLook(lines.Bytes())
		if err != nil {
			return fmt.Errorf("read line %d of the counts: %w", n, err)
		}
		v := bench.judge(look, policy)
		if asJSON {
			err = json.NewEncoder(out).Encode(v)
		} else {
			err = printVerdict(out, v)
		}
		if err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read line %d of the counts: %w", n+1, err)
	}
	if bench.looks == 0 {
		return errors.New("there are no counts: give them on standard input, one look per line; docs/judge/reference.md tells the format")
	}
	return nil
}

func readLook(line []byte) (look tally.Look, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&look); err != nil {
		return look, err
	}
	if d.More() {
		return look, errors.New("there is more than one JSON value")
	}
	if look.At.IsZero() {
		return look, errors.New(`it does not say when ("at")`)
	}
	return look, nil
}

// bench is where counts are tallied and judged as by the controller, without
// one. Arms are formed anew when a report comes from a greater generation.
type bench struct {
	tally      tally.State
	verdicts   judge.State
	generation int64
	looks      int
}

func (b *bench) judge(look tally.Look, policy judge.Policy) judge.Verdict {
	newest := b.generation
	for _, r := range look.Reports {
		newest = max(newest, r.Generation)
	}
	if b.looks > 0 && newest > b.generation {
		b.tally.Step()
	}
	b.generation = newest
	b.looks++
	return b.verdicts.Judge(b.tally.Look(look, policy), policy)
}

// printVerdict tells a verdict in one line.
func printVerdict(out io.Writer, v judge.Verdict) error {
	outcome := string(v.Outcome)
	if v.Class != "" {
		outcome += " (" + string(v.Class) + ")"
	}
	_, err := fmt.Fprintf(out, "%s  look %d  %s  %.0f %%  %s\n", v.At.UTC().Format("15:04:05Z"), v.Looks, outcome, 100*v.Progress, v.Sentence)
	return err
}
