package packed_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/idl/packed"
)

func pack(numbers ...int64) []byte {
	var w packed.Writer
	w.Write(numbers...)
	return w.Bytes
}

// The bytes are a promise to programs in other languages.
func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		numbers []int64
		bytes   []byte
	}{
		{nil, nil},
		{[]int64{0, 0, 0}, nil},
		{[]int64{1}, []byte{2}},
		{[]int64{63, 64}, []byte{126, 0x80, 1}},
		{[]int64{0, 1}, []byte{1, 2}},
		{[]int64{3, 0, 0, 0, 1000, 0, 0}, []byte{6, 5, 0xd0, 0x0f}},
		{append(make([]int64, 64), 1), []byte{127, 2}},
		{append(make([]int64, 65), 1), []byte{0x81, 1, 2}},
		{[]int64{packed.Max}, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20}},
	} {
		if got := pack(tt.numbers...); !bytes.Equal(got, tt.bytes) {
			t.Errorf("%v: % x, want % x", tt.numbers, got, tt.bytes)
		}
		got := slices.Repeat([]int64{-1}, len(tt.numbers))
		if err := packed.Read(tt.bytes, got); err != nil || !slices.Equal(got, tt.numbers) {
			t.Errorf("% x: %v, %v, want %v", tt.bytes, got, err, tt.numbers)
		}
	}
	if got := pack(-5, math.MaxInt64, math.MinInt64); !bytes.Equal(got, pack(0, packed.Max)) {
		t.Errorf("numbers that are no counts: % x", got)
	}
}

func TestBytesThatAreNoCounts(t *testing.T) {
	numbers := make([]int64, 4)
	for _, tt := range []struct {
		bytes []byte
		want  error
	}{
		{[]byte{0x80}, packed.ErrTruncated},
		{[]byte{2, 0xff, 0xff}, packed.ErrTruncated},
		{bytes.Repeat([]byte{0xff}, 11), packed.ErrTruncated},
		{[]byte{2, 2, 2, 2, 2}, packed.ErrTooMany},
		{[]byte{9}, packed.ErrTooMany},
		{[]byte{2, 7, 1}, packed.ErrTooMany},
		{binary.AppendUvarint(nil, math.MaxUint64), packed.ErrTooMany},
		{binary.AppendUvarint(nil, 2*packed.Max+2), packed.ErrTooLarge},
		{[]byte{7}, nil},
		{[]byte{0, 2}, nil}, // a zero may be written as a number
	} {
		if err := packed.Read(tt.bytes, numbers); !errors.Is(err, tt.want) {
			t.Errorf("% x: %v, want %v", tt.bytes, err, tt.want)
		}
	}
}

// FuzzRead reads whatever comes, and gets back what it wrote.
func FuzzRead(f *testing.F) {
	f.Add([]byte{6, 5, 0xd0, 0x0f}, uint16(7))
	f.Add(bytes.Repeat([]byte{0xff}, 20), uint16(64))
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		numbers := make([]int64, n)
		if packed.Read(b, numbers) != nil {
			return
		}
		again := make([]int64, n)
		written := pack(numbers...)
		if len(written) > len(b) {
			t.Errorf("%v take %d bytes, and %d do", numbers, len(written), len(b))
		}
		if err := packed.Read(written, again); err != nil || !slices.Equal(numbers, again) {
			t.Errorf("%v became %v, %v", numbers, again, err)
		}
		for _, v := range numbers {
			if v < 0 || v > packed.Max {
				t.Errorf("%d is no count", v)
			}
		}
	})
}
