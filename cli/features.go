package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/inference/feature"
)

func featuresCommand() *cobra.Command {
	var contract, rows string
	c := &cobra.Command{
		Use:   "features --contract FILE",
		Short: "Turn a log of auctions into training rows, by a feature contract",
		Long: "It reads auctions from standard input, one JSON object a line, and writes rows made by the\n" +
			"code that serves, so that training and serving cannot differ.",
		Example: "  echo '{\"features\": [{\"name\": \"imp.bidfloor\", \"kind\": \"number\", \"source\": [\"imp.bidfloor\"]}]}' > contract.json\n" +
			"  sluice world --auctions 1000 | sluice features --contract contract.json --out rows",
		Args: takes(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if contract == "" {
				return wrongUsage("no contract: name the file with the feature contract with --contract")
			}
			return writeRows(c.OutOrStdout(), rows, c.InOrStdin(), contract)
		},
	}
	c.Flags().StringVar(&contract, "contract", "", "`file` with the feature contract, JSON")
	c.Flags().StringVar(&rows, "out", "", "`file` to write the rows to; standard output where it is left out")
	return c
}

// writeRows writes what training reads, to a file if one is named.
func writeRows(out io.Writer, outFile string, in io.Reader, contractFile string) error {
	body, err := os.ReadFile(contractFile)
	if err != nil {
		return fmt.Errorf("read the contract: %w", err)
	}
	var contract feature.Contract
	if err := json.Unmarshal(body, &contract); err != nil {
		return fmt.Errorf("read the contract %s: %w", contractFile, err)
	}
	if outFile == "" {
		_, err := feature.Rows(out, in, contract)
		return err
	}
	file, err := os.Create(outFile)
	if err != nil {
		return fmt.Errorf("create the file of rows: %w", err)
	}
	_, err = feature.Rows(file, in, contract)
	return errors.Join(err, file.Close())
}
