package model

import (
	"math"
	"testing"
)

// What glibc's logf says, mostly of numbers whose logarithm it does not round
// to the nearest: some drawn, one in each interval of the table, and those where
// intervals and numbers end.
func TestLogf(t *testing.T) {
	for _, tt := range []struct{ x, want uint32 }{
		{0x3f632549, 0xbdf4e985}, {0x36e8bfa2, 0xc13e0f3d}, {0x3fbac727, 0x3ec17ad2}, {0x33209f6e, 0xc188d02e}, {0x3dcac6a5, 0xc0140048}, {0x3f8d8fa6, 0x3dce3c82}, {0x48caf900, 0x414f00c8}, {0x3f81e82c, 0x3c72491f}, {0x3f794d0c, 0xbcd9394f}, {0x4acb0284, 0x417b5e0d}, {0x3f9cfa2b, 0x3e50f7d6}, {0x3f217bf1, 0xbeebea1b}, {0x3a3cb77a, 0xc0e7909c}, {0x3f6b8c0d, 0xbdaa87b7}, {0x40bb34a5, 0x3fe21bbf}, {0x3e92d479, 0xbf9fe0da}, {0x3f800000, 0x00000000}, {0x3f000000, 0xbf317218}, {0x40000000, 0x3f317218}, {0x3f33727f, 0xbeb5e961}, {0x3f3b03d2, 0xbea0c32c}, {0x3f48c123, 0xbe78ede3}, {0x3f4b0001, 0xbe6d89e9}, {0x3f530001, 0xbe45f57b}, {0x3f5b0001, 0xbe1fda29}, {0x3f632dcd, 0xbdf49cbf}, {0x3f6b319e, 0xbdad9a98}, {0x3f731ab8, 0xbd53b551}, {0x3f7b1ab8, 0xbc9e2d70}, {0x3f8303d2, 0x3cbeb7bc}, {0x3f8b07a3, 0x3da948bc}, {0x3f935f6a, 0x3e105126}, {0x3f9b8965, 0x3e478722}, {0x3fa38965, 0x3e7ae327}, {0x3fab9c7a, 0x3e961e7e}, {0x3f32ffff, 0xbeb7307a}, {0x3f330000, 0xbeb73077}, {0x3f7fffff, 0xb3800000}, {0x3f800001, 0x33ffffff}, {0x00800000, 0xc2aeac50}, {0x7f7fffff, 0x42b17218},
	} {
		x := math.Float32frombits(tt.x)
		if got := math.Float32bits(logf(x)); got != tt.want {
			t.Errorf("log %v is %#08x, want %#08x", x, got, tt.want)
		}
	}
	for _, x := range []float32{1e-40, 1e-30, 0.3, 0.7, 1.5, 3e38} {
		if got, want := logf(x), float32(math.Log(float64(x))); ulps(got, want) > 1 {
			t.Errorf("log %v is %v, want about %v", x, got, want)
		}
	}
}
