package demo

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
)

//go:embed fleet.yaml
var fleetFile string

// Command is `sluice demo`.
func Command(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("sluice demo", flag.ContinueOnError)
	flags.BoolVar(&o.once, "once", false, "play to the end, print what became of every job, and fail if anything is not as it must be")
	flags.BoolVar(&o.json, "json", false, "with --once: print that as JSON")
	flags.BoolVar(&o.chaos, "chaos", false, "kill a canary task once and the controller twice; always on with --once")
	flags.StringVar(&o.listen, "listen", "", "`address` of the page (default 127.0.0.1:8080, or another port if that is taken)")
	flags.StringVar(&o.dir, "dir", "", "`folder` to keep state and logs in (default: a temporary one)")
	flags.Float64Var(&o.rate, "rate", 2000, "auctions per second")
	flags.IntVar(&o.connections, "connections", 400, "connections of auction servers")
	flags.IntVar(&o.tasks, "tasks", 8, "inference tasks")
	flags.SetOutput(io.Discard) // what is wrong is in the error only
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		flags.Usage()
		return err
	} else if err != nil {
		return fmt.Errorf("%w: see %s --help", err, flags.Name())
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%q is not a flag: see %s --help", flags.Arg(0), flags.Name())
	case o.json && !o.once:
		return errors.New("--json tells how a demo ended: add --once")
	case o.tasks < 4 || o.tasks > 64:
		return fmt.Errorf("--tasks is %d: want 4 to 64, so that there is something to compare", o.tasks)
	}
	o.chaos = o.chaos || o.once
	return run(ctx, o, out)
}
