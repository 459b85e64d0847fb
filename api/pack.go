package api

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
)

// takesZip reports whether a caller takes gzip: it says so, and not with q=0.
func takesZip(r *http.Request) bool {
	for one := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return strings.Trim(weight, "q=0.") != "" || weight == ""
		}
	}
	return false
}

// pack returns a body packed by gzip.
func pack(body []byte, level int) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if _, err := z.Write(body); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return b.Bytes(), nil
}

// unpack returns what was packed.
func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return body, nil
}

// A stream that is packed is one gzip file (RFC 1952) that has no end: whoever
// reads it connects again. Each message is some blocks of it (RFC 1951) that are
// whole bytes and look back at no other message, and so are the same for all who
// watch. A file for each message would not do: browsers read the first, and pass
// over the others.

// fileHead begins a gzip file that says nothing of where it comes from.
const fileHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// blocksEnd is an empty block, at which a reader hands on all that came before.
const blocksEnd = "\x00\x00\x00\xff\xff"

// deflated are blocks that hold a message, packed.
func deflated(message []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if _, err := z.Write(message); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := z.Flush(); err != nil { // ends as blocksEnd does
		return nil, fmt.Errorf("pack: %w", err)
	}
	return b.Bytes(), nil
}

// stored are blocks that hold a message as it is.
func stored(message []byte) (blocks []byte) {
	for len(message) > 0 {
		n := min(len(message), math.MaxUint16)
		blocks = append(blocks, 0)
		blocks = binary.LittleEndian.AppendUint16(blocks, uint16(n))
		blocks = binary.LittleEndian.AppendUint16(blocks, ^uint16(n))
		blocks, message = append(blocks, message[:n]...), message[n:]
	}
	return append(blocks, blocksEnd...)
}
