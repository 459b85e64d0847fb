// Command sluice-mcp lets an assistant ask Sluice's API what serves, what is
// being tried and why something was taken back, over the Model Context Protocol
// on standard input and output. It only reads, unless it is told otherwise.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	steer := flag.Bool("steer", false, "also try, pause, resume, abort, promote and roll back what the assistant asks for")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Answers an assistant's questions about rollouts, over MCP on standard input and output.\n"+
			"SLUICE_API, SLUICE_TOKEN and SLUICE_TOKEN_FILE say whom it asks, and as whom.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newServer(*steer).Run(ctx, &mcp.StdioTransport{}); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "sluice-mcp:", err)
		os.Exit(1) //nolint:gocritic // signals are the process's own
	}
}
