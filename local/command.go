package local

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"
)

// Command is `sluice local`: it serves until ctx ends. out gets the log.
func Command(ctx context.Context, args []string, out io.Writer) error {
	c, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	return Run(ctx, c)
}

func parse(args []string, out io.Writer) (Config, error) {
	c := Config{Log: slog.New(slog.NewTextHandler(out, nil))}
	flags := flag.NewFlagSet("sluice local", flag.ContinueOnError)
	flags.StringVar(&c.Dir, "dir", "", "`folder` that keeps all state; one server at a time uses it")
	flags.StringVar(&c.Listen, "listen", "127.0.0.1:4566", "loopback `address` to serve S3, ECS and SageMaker on")
	flags.StringVar(&c.AccessKey, "access-key", "test", "access key `id` that callers sign with")
	flags.StringVar(&c.SecretKey, "secret-key", "testtest", "secret `key` that callers sign with")
	flags.StringVar(&c.Region, "region", "us-east-1", "AWS `region` to be")
	network := flags.String("task-network", "127.77.0.0/16", "`network` in 127.0.0.0/8 for addresses of awsvpc tasks")
	flags.StringVar(&c.Python, "python", "python3", "`program` that runs training scripts; it needs xgboost")
	flags.DurationVar(&c.StopLimit, "stop-limit", 10*time.Second, "`time` that tasks get to end when the server does")
	flags.SetOutput(io.Discard) // what is wrong is in the error only
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		flags.Usage()
		return c, err
	} else if err != nil {
		return c, fmt.Errorf("%w: see %s --help", err, flags.Name())
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%q is not a flag: see %s --help", flags.Arg(0), flags.Name())
	}
	var err error
	if c.TaskNetwork, err = netip.ParsePrefix(*network); err != nil {
		return c, fmt.Errorf("--task-network is %q: want one such as 127.77.0.0/16", *network)
	}
	return c, nil
}
