package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/inference/feature"
)

func logCommand() *cobra.Command {
	var o logFlags
	c := &cobra.Command{
		Use:   "log",
		Short: "Put a log of auctions into one form, and count what stands in it",
		Long: "It reads auctions from standard input as sluice features does, and writes those that can be\n" +
			"taken, one JSON object a line, so that whatever else reads the log sees what training and\n" +
			"serving see. What became of the log is told on standard error.",
		Example: "  sluice world --auctions 1000 | sluice log --out log.jsonl --values imp.format,device.geo.country",
		Args:    readsInput,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.write(c.OutOrStdout(), c.ErrOrStderr(), c.InOrStdin())
		},
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "`file` to write the auctions to; standard output where it is left out")
	f.StringVar((*string)(&o.listing.Filter), "filter", "", "`dialect` of calls of filter: openrtb, which is also meant where it is left out, or kit")
	f.Func("values", "`sources` whose values to count, as in imp.format,partner", func(s string) error {
		o.listing.Values = strings.Split(s, ",")
		return nil
	})
	f.BoolVar(&o.listing.People, "keep-people", false, "write advertising ids, addresses, user ids, consent strings and exact places as they stand, where others are written that are everybody's")
	f.BoolVar(&o.listing.Zips, "keep-zips", false, "write postal codes as they stand, for a model of them; else their first part, or five characters, unless --values asks for them")
	o.formats(c)
	return c
}

// logFlags are those of `sluice log`.
type logFlags struct {
	output         // of what became of the log
	out     string // file; empty for standard output
	listing feature.Listing
}

func (o *logFlags) write(out, told io.Writer, in io.Reader) error {
	if o.out == "" {
		listed, err := feature.Auctions(out, in, o.listing)
		return errors.Join(err, o.tell(told, listed))
	}
	file, err := os.Create(o.out)
	if err != nil {
		return fmt.Errorf("create the file of auctions: %w", err)
	}
	listed, err := feature.Auctions(file, in, o.listing)
	return errors.Join(err, file.Close(), o.tell(told, listed))
}

// tell says what became of the log.
func (o *logFlags) tell(to io.Writer, listed feature.Listed) error {
	if o.data() {
		return o.print(to, listed)
	}
	var b strings.Builder
	tellSkipped(&b, listed.Seen)
	fmt.Fprintf(&b, "took %d lines; %d of them have no ts, %d are calls of filter\n", listed.Taken, listed.Timeless, listed.Calls)
	for _, source := range slices.Sorted(maps.Keys(listed.Values)) {
		tellValues(&b, source, listed.Values[source])
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// tellValues lists the commonest values of a source.
func tellValues(b *strings.Builder, source string, seen map[string]int64) {
	const most = 20
	common := slices.SortedFunc(maps.Keys(seen), func(one, other string) int {
		return cmp.Or(cmp.Compare(seen[other], seen[one]), strings.Compare(one, other))
	})
	fmt.Fprintf(b, "%s: %d values\n", source, len(common))
	for _, value := range common[:min(most, len(common))] {
		fmt.Fprintf(b, "  %8d  %q\n", seen[value], value)
	}
}
