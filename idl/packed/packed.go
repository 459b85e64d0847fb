// Package packed writes counts as they travel over the control port: many
// small numbers and long runs of zeros in few bytes. It does not know what the
// numbers mean, nor how many there are: both sides do.
//
// Numbers stand one behind the other as unsigned varints (LEB128: seven bits
// per byte, lowest first, the highest bit set on all bytes but the last). An
// even one is twice a number; an odd one, 2n-1, stands for n zeros. Zeros at
// the end are left out, so that nothing at all takes no bytes:
//
//	3 0 0 0 1000 0 0  ->  06 05 d0 0f
package packed

import (
	"encoding/binary"
	"errors"
)

// Max is the largest number there is: beyond it, sums would lose digits in a
// float64.
const Max = 1 << 53

// Errors about bytes that are no counts.
var (
	ErrTruncated = errors.New("the last number has no end")
	ErrTooMany   = errors.New("there are more numbers than expected")
	ErrTooLarge  = errors.New("a number is too large to be a count")
)

// Writer packs numbers behind Bytes. The zero Writer is ready.
type Writer struct {
	Bytes []byte
	zeros uint64 // not written yet
}

// Write packs numbers behind those before. One below zero is written as zero,
// one above Max as Max.
func (w *Writer) Write(numbers ...int64) {
	for _, n := range numbers {
		if n <= 0 {
			w.zeros++
			continue
		}
		if w.zeros > 0 {
			w.Bytes = binary.AppendUvarint(w.Bytes, 2*w.zeros-1)
			w.zeros = 0
		}
		w.Bytes = binary.AppendUvarint(w.Bytes, 2*uint64(min(n, Max)))
	}
}

// Reset empties w and keeps its memory.
func (w *Writer) Reset() { w.Bytes, w.zeros = w.Bytes[:0], 0 }

// Read fills numbers with what is packed in b, and with zeros behind it. It
// gives ErrTruncated, ErrTooMany or ErrTooLarge for bytes that no Writer wrote;
// what numbers hold is then of no use.
func Read(b []byte, numbers []int64) error {
	at := 0
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return ErrTruncated
		}
		b = b[n:]
		count := uint64(1)
		if v%2 == 1 {
			count, v = v/2+1, 0
		}
		switch {
		case v/2 > Max:
			return ErrTooLarge
		case count > uint64(len(numbers)-at):
			return ErrTooMany
		case v > 0:
			numbers[at] = int64(v / 2)
		default:
			clear(numbers[at : at+int(count)])
		}
		at += int(count)
	}
	clear(numbers[at:])
	return nil
}
