package model

// Vectors names the wide registers of a processor that score many partners at
// once. They are chosen when a scorer is prepared: the widest that the
// processor and its system have. GODEBUG=cpu.avx512f=off, and cpu.avx2=off,
// leave them out.
type Vectors string

// The vectors that are known.
const (
	AVX512    Vectors = "avx512" // with BW, CD, DQ, VL and VBMI2: Intel's Ice Lake, AMD's Zen 4, and what came later
	AVX2      Vectors = "avx2"
	NoVectors Vectors = "none"
)

// HasVectors returns the widest vectors of this processor.
func HasVectors() Vectors {
	if all := vectorsHere(); len(all) > 0 {
		return all[0]
	}
	return NoVectors
}

// lanes returns how many partners are scored at once.
func (v Vectors) lanes() int {
	if v == AVX512 {
		return mostLanes
	}
	return mostLanes / 2
}

// alone returns up to how many partners are scored faster without lanes.
func (v Vectors) alone() int {
	if v == AVX512 {
		return 2
	}
	return 4
}

// spreads tells whether it is worth while to lay out lanes for one request.
func (v Vectors) spreads() bool { return v == AVX512 }

// place returns where lanes look up the leaf of a bit of a quarter. AVX-512
// counts the zeros before the bit. AVX2 has no such instruction: there the bit
// becomes a float, whose exponent is 127 more than its number.
func (v Vectors) place(bit int) int {
	if v == AVX512 {
		return quarterBits - 1 - bit
	}
	return (127 + bit) % quarterBits
}
