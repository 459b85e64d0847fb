// Command earlier plays the games that it reads, in an earlier tree that
// today's traffic was put into. Both sides of the pipe speak JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/sluicehq/sluice/controller/simulation"
)

func main() {
	var games []simulation.Game
	if err := json.NewDecoder(os.Stdin).Decode(&games); err != nil {
		fmt.Fprintln(os.Stderr, "read games:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(simulation.Play(games)); err != nil {
		fmt.Fprintln(os.Stderr, "write results:", err)
		os.Exit(1)
	}
}
