package release

import "testing"

// Nobody vouches for an archive yet that is to be admitted: what it may cost
// grows with what it holds.
func TestAdmissionLimits(t *testing.T) {
	const mib = 1 << 20
	strict, loading, own := AdmissionLimits(), DefaultLimits(), AdmissionLimits()
	own.MemoryBytes = 5 * mib
	for _, tt := range []struct {
		what      string
		got, want int64 // MiB
	}{
		{"a piece of a model", strict.bounds(mib).Piece, 9},
		{"a pickle", strict.bounds(mib).Pickle, 24},
		{"trees", strict.bounds(mib).Trees, 8},
		{"trees of an own bound", own.bounds(mib).Trees, 5},
		{"trees of a small archive and an own bound", own.bounds(0).Trees, 4},
		{"a manifest", strict.manifestBytes(mib), 16},
		{"the manifest of a large archive", strict.manifestBytes(100 * mib), 64},
		{"what is kept unpacked", strict.keptBytes(mib), 32},
		{"all that is unpacked", strict.unpackedBytes(mib), 116},
		{"all that is unpacked in loading", loading.unpackedBytes(mib), 216},
		{"all that is unpacked of a large archive", loading.unpackedBytes(100 * mib), 2048},
		{"a manifest in loading", loading.manifestBytes(0), 64},
		{"trees in loading, which have none", loading.bounds(mib).Trees, 0},
	} {
		if tt.got != tt.want*mib {
			t.Errorf("%s: %d bytes, want %d MiB", tt.what, tt.got, tt.want)
		}
	}
}
