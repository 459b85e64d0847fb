package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
)

// maxLookBytes bounds one line of counts.
const maxLookBytes = 64 << 20

func judgeCommand() *cobra.Command {
	var policyFile string
	var o output
	c := &cobra.Command{
		Use:   "judge",
		Short: "Judge recorded counts, without a controller",
		Long: "It reads one look a line from standard input and prints one verdict for each.\n" +
			"docs/judge/reference.md tells the format.",
		Example: "  sluice judge < docs/judge/rollback.jsonl",
		Args:    readsInput,
		RunE: func(c *cobra.Command, _ []string) error {
			policy, err := readJudgePolicy(policyFile)
			if err != nil {
				return err
			}
			return judgeLines(c.InOrStdin(), c.OutOrStdout(), policy, o)
		},
	}
	c.Flags().StringVar(&policyFile, "policy", "", "`file` with settings of the judge (YAML, as under judge: in a fleet file)")
	o.formats(c)
	return c
}

// judgeLines tallies and judges one look per line of JSON, and prints one
// verdict for each.
func judgeLines(in io.Reader, out io.Writer, policy judge.Policy, o output) error {
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
		if o.data() {
			err = o.printOne(out, v)
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
