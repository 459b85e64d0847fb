package cli

import (
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/inference/auction/world"
)

func worldCommand() *cobra.Command {
	var seed, from, auctions uint64
	c := &cobra.Command{
		Use:     "world",
		Short:   "Write a log of auctions from a seeded world whose truth is known",
		Long:    "The same seed gives the same auctions on every machine: something to train and try models on.",
		Example: "  sluice world --auctions 2",
		Args:    takes(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return world.New(seed).WriteLog(c.OutOrStdout(), from, auctions)
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 1, "`number` that makes the world; the demo serves in world 1")
	c.Flags().Uint64Var(&from, "from", 0, "`number` of the first auction")
	c.Flags().Uint64Var(&auctions, "auctions", 1000, "`number` of auctions")
	return c
}
