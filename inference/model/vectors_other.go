//go:build !amd64

package model

// Where no vectors are known, no scorer has lanes.

func vectorsHere() []Vectors { return nil }

const noVectors = "model: lanes without vectors"

func (Vectors) and([]uint64, [][]uint64, int, int) { panic(noVectors) }

func (Vectors) live([]uint16, []uint64) int { panic(noVectors) }

func (Vectors) spread([]uint16, int, int, [][]uint64, int, int) { panic(noVectors) }

func (Vectors) add(*[mostLanes]float32, int, []uint16, []uint64, []uint16, int, []float32) {
	panic(noVectors)
}
