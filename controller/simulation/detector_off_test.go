//go:build !race

package simulation

const detector = false
