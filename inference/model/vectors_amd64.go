package model

import "golang.org/x/sys/cpu"

// vectorsHere returns the vectors that this processor and its system have, the
// widest first.
func vectorsHere() []Vectors {
	var all []Vectors
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512CD && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VBMI2 && x.HasPOPCNT {
		all = append(all, AVX512)
	}
	if x.HasAVX2 {
		all = append(all, AVX2)
	}
	return all
}

// and leaves in words[from:to] what all rows have there. There is at least one
// row; from and to are multiples of eight.
func (v Vectors) and(words []uint64, rows [][]uint64, from, to int) {
	if v == AVX512 {
		and512(&words[0], &rows[0], len(rows), from, to)
	} else {
		and2(&words[0], &rows[0], len(rows), from, to)
	}
}

// live lists the quarters of words that are not zero, and returns how many
// those are. The number of words is a multiple of eight.
func (v Vectors) live(list []uint16, words []uint64) int {
	if v == AVX512 {
		return live512(&list[0], &words[0], len(words))
	}
	return liveWords(list, words)
}

// spread lays out what partners leave of the trees in from and up to to, which
// are multiples of eight, in lanes for so many quarters, of which the first is
// that of the tree origin.
func (v Vectors) spread(lanes []uint16, quarters, origin int, partners [][]uint64, from, to int) {
	if v != AVX512 {
		spreadWords(lanes, quarters, origin, partners, from, to)
		return
	}
	for at := 0; at < len(partners); at += groupLanes {
		rest := partners[at:]
		group := lanes[groupAt(len(partners), at, quarters, from-origin):]
		if groupWidth(len(partners), at) == groupLanes {
			spread16(&group[0], &rest[0], min(len(rest), groupLanes), from, to)
		} else {
			spread8(&group[0], &rest[0], len(rest), from, to)
		}
	}
}

// add adds, for each of n partners, the leaves of the listed quarters: those
// that both the request's words and the partner's lane leave. One word beyond
// the words is read. The lanes of the next group begin step numbers after those
// of one.
func (v Vectors) add(sums *[mostLanes]float32, n int, list []uint16, words []uint64, lanes []uint16, step int, leaves []float32) {
	if len(list) == 0 {
		return
	}
	s, l, w, h, q := &sums[0], &list[0], &words[0], &lanes[0], &leaves[0]
	step *= 2
	switch lanes := laneWidth(n); {
	case v == AVX512 && lanes == 8:
		add8x512(s, l, len(list), w, h, step, q)
	case v == AVX512 && lanes == 16:
		add16x512(s, l, len(list), w, h, step, q)
	case v == AVX512 && lanes == 24:
		add24x512(s, l, len(list), w, h, step, q)
	case v == AVX512 && lanes == 32:
		add32x512(s, l, len(list), w, h, step, q)
	case v == AVX512 && lanes == 48:
		add48x512(s, l, len(list), w, h, step, q)
	case v == AVX512:
		add64x512(s, l, len(list), w, h, step, q)
	case lanes == 8:
		add8x2(s, l, len(list), w, h, step, q)
	case lanes == 16:
		add16x2(s, l, len(list), w, h, step, q)
	case lanes == 24:
		add24x2(s, l, len(list), w, h, step, q)
	default:
		add32x2(s, l, len(list), w, h, step, q)
	}
}

//go:noescape
func and512(words *uint64, rows *[]uint64, n, from, to int)

//go:noescape
func and2(words *uint64, rows *[]uint64, n, from, to int)

//go:noescape
func live512(list *uint16, words *uint64, n int) int

//go:noescape
func spread8(lanes *uint16, partners *[]uint64, n, from, to int)

//go:noescape
func spread16(lanes *uint16, partners *[]uint64, n, from, to int)

//go:noescape
func add8x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add16x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add24x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add32x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add48x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add64x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add8x2(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add16x2(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add24x2(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)

//go:noescape
func add32x2(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
