//go:build race

package simulation

// detector says that the race detector watches, which takes ten times as long
// and has seen enough after a few rollouts.
const detector = true
