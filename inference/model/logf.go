package model

import "math"

// logf is the logarithm of a positive number as the C libraries of Linux
// round it, of which one in 200 is not the nearest float32: the base margins of
// XGBoost come out of it. The method and its constants are those of Arm's
// Optimized Routines (Copyright 2017-2018 Arm Limited, MIT licence), which
// glibc since 2.27 and musl use.
//
// With x = 2^k z and c near z from a table, log x = k log 2 + log c + log(z/c),
// and the last is a polynomial of r = z/c - 1.
func logf(x float32) float32 {
	const (
		low = 0x3f330000 // bits of the lowest z, 0.699
		a   = -0x1.00ea348b88334p-2
		b   = 0x1.5575b0be00b6ap-2
		c   = -0x1.ffffef20a4123p-2
	)
	bits := math.Float32bits(x)
	if x == 1 || bits < 1<<23 || !finite(x) { // log 1 is 0; the others are no base scores
		return float32(math.Log(float64(x)))
	}
	from := bits - low
	k := float64(int32(from) >> 23)
	z := float64(math.Float32frombits(bits - from&0xff800000))
	near := logTable(from >> 19 & 15)
	r := float64(z*near.inverse) - 1 // the conversions keep each step from being fused with the next
	sum := near.log + float64(k*math.Ln2)
	square := float64(r * r)
	y := float64(b*r) + c
	y = float64(a*square) + y
	return float32(float64(y*square) + (sum + r))
}

// logPoint is a number c near the middle of one of 16 intervals.
type logPoint struct{ inverse, log float64 }

func logTable(i uint32) logPoint {
	return [16]logPoint{
		{0x1.661ec79f8f3bep+0, -0x1.57bf7808caadep-2},
		{0x1.571ed4aaf883dp+0, -0x1.2bef0a7c06ddbp-2},
		{0x1.49539f0f010bp+0, -0x1.01eae7f513a67p-2},
		{0x1.3c995b0b80385p+0, -0x1.b31d8a68224e9p-3},
		{0x1.30d190c8864a5p+0, -0x1.6574f0ac07758p-3},
		{0x1.25e227b0b8eap+0, -0x1.1aa2bc79c81p-3},
		{0x1.1bb4a4a1a343fp+0, -0x1.a4e76ce8c0e5ep-4},
		{0x1.12358f08ae5bap+0, -0x1.1973c5a611cccp-4},
		{0x1.0953f419900a7p+0, -0x1.252f438e10c1ep-5},
		{1, 0},
		{0x1.e608cfd9a47acp-1, 0x1.aa5aa5df25984p-5},
		{0x1.ca4b31f026aap-1, 0x1.c5e53aa362eb4p-4},
		{0x1.b2036576afce6p-1, 0x1.526e57720db08p-3},
		{0x1.9c2d163a1aa2dp-1, 0x1.bc2860d22477p-3},
		{0x1.886e6037841edp-1, 0x1.1058bc8a07ee1p-2},
		{0x1.767dcf5534862p-1, 0x1.4043057b6ee09p-2},
	}[i]
}
