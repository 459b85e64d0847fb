package tally_test

import (
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/tally"
	"github.com/sluicehq/sluice/controller/tally/tallytest"
)

// Damaged checkpoints are errors, neither panics nor states that panic later.
func FuzzRestore(f *testing.F) {
	w := tallytest.New(1)
	w.Buckets, w.Active, w.Partners, w.PerLook = 3, 3, 2, 20
	var s tally.State
	for range 3 {
		s.Look(w.Next(), judge.Policy{WindowRequests: 10, WindowBuckets: 2})
	}
	data, err := s.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{})
	next := w.Next()
	f.Fuzz(func(t *testing.T, data []byte) {
		var s tally.State
		if s.UnmarshalBinary(data) != nil {
			return
		}
		s.Look(next, judge.Policy{})
		s.Step()
		if _, err := s.MarshalBinary(); err != nil {
			t.Fatal(err)
		}
	})
}
