package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/inference/feature"
)

func featuresCommand() *cobra.Command {
	var o featuresFlags
	c := &cobra.Command{
		Use:   "features --contract FILE",
		Short: "Turn a log of auctions into training rows, by a feature contract",
		Long: "It reads auctions from standard input, one JSON object a line, plain or gzip, as sluice auction\n" +
			"does, and writes rows made by the code that serves, so that training and serving cannot differ.\n" +
			"Lines that cannot be taken are skipped, counted and named.",
		Example: "  echo '{\"features\": [{\"name\": \"imp.bidfloor\", \"kind\": \"number\", \"source\": [\"imp.bidfloor\"]}]}' > contract.json\n" +
			"  sluice world --auctions 1000 | sluice features --contract contract.json --out rows",
		Args: readsInput,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.contract == "" {
				return wrongUsage("no contract: name the file with the feature contract with --contract")
			}
			return o.write(c.OutOrStdout(), c.ErrOrStderr(), c.InOrStdin())
		},
	}
	f := c.Flags()
	f.StringVar(&o.contract, "contract", "", "`file` with the feature contract, JSON")
	f.StringVar(&o.rows, "out", "", "`file` to write the rows to; standard output where it is left out")
	f.BoolVar(&o.reading.Strict, "strict", false, "end at the first line that cannot be taken")
	f.Func("partner-names", "`names` of partners to make rows for, as in a,b,c, instead of those that the lines name", func(s string) error {
		o.reading.PartnerNames = strings.Split(s, ",")
		return nil
	})
	return c
}

// featuresFlags are those of `sluice features`.
type featuresFlags struct {
	contract string // file
	rows     string // file; empty for standard output
	reading  feature.Reading
}

// write writes what training reads, to a file if one is named.
func (o *featuresFlags) write(out, told io.Writer, in io.Reader) error {
	body, err := os.ReadFile(o.contract)
	if err != nil {
		return fmt.Errorf("read the contract: %w", err)
	}
	var contract feature.Contract
	if err := json.Unmarshal(body, &contract); err != nil {
		return fmt.Errorf("read the contract %s: %w", o.contract, err)
	}
	if o.rows == "" {
		read, err := feature.Rows(out, in, contract, o.reading)
		return errors.Join(err, tellRead(told, read))
	}
	file, err := os.Create(o.rows)
	if err != nil {
		return fmt.Errorf("create the file of rows: %w", err)
	}
	read, err := feature.Rows(file, in, contract, o.reading)
	return errors.Join(err, file.Close(), tellRead(told, read))
}

// tellRead says what of a log made no rows, or rows in which something is missing.
func tellRead(to io.Writer, read feature.Read) error {
	var b strings.Builder
	tellSkipped(&b, read.Seen)
	if read.Timeless > 0 {
		fmt.Fprintf(&b, "%d of %d lines have no ts: hour, day and minute are missing in their rows\n", read.Timeless, read.Taken)
	}
	if read.Strays > 0 {
		fmt.Fprintf(&b, "%d of %d lines are calls of filter with numbers out of their range, which are missing in their rows: is the contract's \"filter\" their dialect?\n", read.Strays, read.Taken)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// tellSkipped names the lines that could not be taken.
func tellSkipped(b *strings.Builder, seen feature.Seen) {
	if seen.Skipped == 0 {
		return
	}
	fmt.Fprintf(b, "skipped %d of %d lines\n", seen.Skipped, seen.Lines)
	for _, n := range seen.Named {
		fmt.Fprintf(b, "skipped line %d: %s\n", n.Line, n.Reason)
	}
}
