// Bench measures Sluice against what one would use instead: the naive walk,
// XGBoost's own library, compiled trees, generated Thrift code, Apache's stock
// server, a raw echo, and Sluice as it was. Every number is a ratio of two sides
// that ran in turn, so that what else the machine does happens to both; scores
// are timed by the processor time of their thread, servers by that of their
// process.
//
// It tests nothing but that margins are equal, and says nothing about absolute
// speed: a table of another machine has other nanoseconds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 5 && args[0] == "serve" {
		var n [3]int
		for i := range n {
			var err error
			if n[i], err = strconv.Atoi(args[2+i]); err != nil {
				return err
			}
		}
		return serve(ctx, kind(args[1]), n[0], n[1], n[2])
	}
	if len(args) == 2 && args[0] == scoreCommand {
		return answerTurns(os.Stdin, out, args[1])
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	check := flags.Bool("check", false, "fail where a goal is missed; what is missed is measured again, three times in all")
	versitygw := flags.String("s3", "", "`program` of versitygw: compare the local S3 with its, instead")
	scaling := flags.Bool("scale", false, "print what a request costs by connections, partners and trees instead")
	python := flags.String("others", "", "`python` that has xgboost, tl2cgen and treelite, to compare with them")
	root := flags.String("root", "..", "folder of the module that is measured")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *scaling {
		return scale(ctx, out)
	}
	if *versitygw != "" {
		return measure(out, *check, func() ([]row, error) { return objects(ctx, *versitygw) })
	}
	return table(ctx, out, *root, *python, *check)
}

// table measures and prints all rows.
func table(ctx context.Context, out io.Writer, root, python string, check bool) error {
	return measure(out, check,
		func() ([]row, error) { return scoring(ctx, python) },
		func() ([]row, error) { return beside(ctx, root) },
		func() ([]row, error) { return codec(ctx, root) },
		func() ([]row, error) { return servers(ctx) },
		func() ([]row, error) { return swaps(ctx) },
		func() ([]row, error) { return passes(ctx, root) },
	)
}

// measure prints the rows of all groups.
func measure(out io.Writer, check bool, groups ...func() ([]row, error)) error {
	lines := [][]string{{"what", "Sluice", "the other", "ratio", "attainable", "floor"}}
	missed := 0
	for _, measure := range groups {
		rows, err := measure()
		for tries := 1; err == nil && check && misses(rows) > 0 && tries < 3; tries++ {
			for _, r := range rows {
				if !r.passes() {
					fmt.Fprintf(os.Stderr, "bench: measured again: %s: %s\n", r.name, digits(r.value))
				}
			}
			var again []row
			again, err = measure()
			for i := range min(len(rows), len(again)) {
				if !rows[i].passes() {
					rows[i] = again[i]
				}
			}
		}
		if err != nil {
			return err
		}
		missed += misses(rows)
		for _, r := range rows {
			lines = append(lines, r.cells())
		}
	}
	write(out, lines)
	if check && missed > 0 {
		return errors.New(strconv.Itoa(missed) + " goals are missed; if this machine is busy, try again")
	}
	return nil
}

func misses(rows []row) (n int) {
	for _, r := range rows {
		if !r.passes() {
			n++
		}
	}
	return n
}
