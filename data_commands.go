package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
)

// runFeatures is `sluice features`: what training reads is made by the code
// that serves.
func runFeatures(_ context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sluice features", flag.ContinueOnError)
	contractFile := flags.String("contract", "", "`file` with the feature contract, JSON")
	outFile := flags.String("out", "", "`file` to write the rows to; empty: standard output")
	if err := parseFlags(flags, args, out); err != nil {
		return err
	}
	if *contractFile == "" {
		return errors.New("no contract: name the file with the feature contract with --contract")
	}
	body, err := os.ReadFile(*contractFile)
	if err != nil {
		return fmt.Errorf("read the contract: %w", err)
	}
	var contract feature.Contract
	if err := json.Unmarshal(body, &contract); err != nil {
		return fmt.Errorf("read the contract %s: %w", *contractFile, err)
	}
	if *outFile == "" {
		_, err := feature.Rows(out, os.Stdin, contract)
		return err
	}
	file, err := os.Create(*outFile)
	if err != nil {
		return fmt.Errorf("create the file of rows: %w", err)
	}
	_, err = feature.Rows(file, os.Stdin, contract)
	return errors.Join(err, file.Close())
}

// runWorld is `sluice world`.
func runWorld(_ context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sluice world", flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "`number` that makes the world; the demo serves in world 1")
	from := flags.Uint64("from", 0, "`number` of the first auction")
	auctions := flags.Uint64("auctions", 1000, "`number` of auctions")
	if err := parseFlags(flags, args, out); err != nil {
		return err
	}
	return world.New(*seed).WriteLog(out, *from, *auctions)
}
