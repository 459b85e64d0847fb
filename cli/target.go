package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/content"
)

// target is the controller that a command asks, and the fleet that it is about.
type target struct {
	client api.Client
	fleet  string // empty: the only one
	token  string // file; empty: SLUICE_TOKEN
}

// server adds the flags that name a controller, and who asks it.
func (t *target) server(c *cobra.Command) {
	base := os.Getenv("SLUICE_API")
	if base == "" {
		base = "http://127.0.0.1:8080"
	}
	c.Flags().StringVar(&t.client.Base, "api", base, "`address` of the controller's API (SLUICE_API)")
	c.Flags().StringVar(&t.token, "token-file", os.Getenv("SLUICE_TOKEN_FILE"), "`file` of the token that proves who asks; SLUICE_TOKEN where it is left out (SLUICE_TOKEN_FILE)")
}

// flags adds the flags that name a target.
func (t *target) flags(c *cobra.Command) {
	t.server(c)
	c.Flags().StringVar(&t.fleet, "fleet", "", "`name` of the fleet; the only one where it is left out")
	if err := c.RegisterFlagCompletionFunc("fleet", completeFleets(t)); err != nil {
		panic(err) // the flag has just been added
	}
}

// signIn reads the token that proves who asks, if there is one.
func (t *target) signIn() error {
	t.client.Token = strings.TrimSpace(os.Getenv("SLUICE_TOKEN"))
	if t.token == "" {
		return nil
	}
	body, err := content.Read(t.token, 64<<10)
	if err != nil {
		return fmt.Errorf("read the token (--token-file): %w", err)
	}
	t.client.Token = strings.TrimSpace(string(body))
	return nil
}

// only is the fleet that was named, or the only one there is.
func (t *target) only(ctx context.Context) (string, error) {
	if err := t.signIn(); err != nil {
		return "", err
	}
	if t.fleet != "" {
		return t.fleet, nil
	}
	names, err := t.client.Fleets(ctx)
	switch {
	case err != nil:
		return "", err
	case len(names) == 0:
		return "", errors.New("the controller knows no fleet: start it with a fleet file")
	case len(names) > 1:
		slices.Sort(names)
		return "", wrongUsage("say which fleet with --fleet: %s", strings.Join(names, ", "))
	}
	return names[0], nil
}

// listed is how many tasks and rollouts are shown, where nothing else is said.
const listed = 50

// limitFlag adds --limit.
func limitFlag(c *cobra.Command, to *int) {
	c.Flags().IntVar(to, "limit", listed, "`number` of tasks or rollouts to show")
}
