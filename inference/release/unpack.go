package release

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/inference/model"
)

// Models come packed by themselves, too: model.json.gz, or what joblib.dump
// writes with compress. An archive is a tar, packed or not.

// packing returns what unpacks a file that begins so, or nil where nothing
// needs to.
func packing(head []byte) func(io.Reader) (io.Reader, error) {
	switch {
	case model.IsBinary(head): // which may begin with any bytes
		return nil
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		return func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case len(head) >= 2 && head[0] == 'x' && (int(head[0])<<8|int(head[1]))%31 == 0: // a window of 32 KiB, as everybody has it
		return func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }
	case bytes.HasPrefix(head, []byte("BZh")):
		return func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }
	}
	return nil
}

// isPickle tells whether a file that begins so is a pickle, packed or not.
func isPickle(head []byte) bool {
	if unpack := packing(head); unpack != nil {
		plain, err := unpack(bytes.NewReader(head))
		if err != nil {
			return false
		}
		first := make([]byte, model.Recognisable)
		n, _ := io.ReadFull(plain, first) // as far as the head goes
		head = first[:n]
	}
	return model.IsPickle(head) && !model.IsBinary(head)
}

// models reads the models of one artifact, which share what they may cost.
type models struct {
	limits   Limits
	artifact int          // bytes of it
	bounds   model.Bounds // of the next model
	unpacked int64        // bytes that models packed by themselves may still unpack to
}

func (l Limits) models(artifact int, by model.Reading) *models {
	m := &models{limits: l, artifact: artifact, bounds: l.bounds(artifact), unpacked: l.unpackedBytes(artifact)}
	m.bounds.Reading = by
	return m
}

// read reads a model of so many bytes, which may be packed.
func (m *models) read(from io.Reader, size int64) (*model.Model, error) {
	plain, size, err := m.plain(bufio.NewReader(from), size)
	if err != nil {
		return nil, err
	}
	return m.take(plain, size)
}

// take reads a model that is not packed.
func (m *models) take(plain io.Reader, size int64) (*model.Model, error) {
	booster, err := m.bounds.Read(plain, size)
	if err == nil {
		m.uses(booster.MemoryBytes())
	}
	return booster, err
}

// uses takes the bytes of a model off what the next ones may cost.
func (m *models) uses(bytes int64) {
	if m.bounds.Trees > 0 {
		m.bounds.Trees = max(1, m.bounds.Trees-bytes)
	}
}

// plain returns a model as it is when it is not packed, and its length. It is
// unpacked twice, so that its length is known before it is believed.
func (m *models) plain(in *bufio.Reader, size int64) (io.Reader, int64, error) {
	head, _ := in.Peek(model.Recognisable) // a file that ends before is told as torn below
	unpack := packing(head)
	if unpack == nil {
		return in, size, nil
	}
	if most := m.limits.keptBytes(m.artifact); size > most {
		return nil, 0, refuse(TooLarge, "the model is packed by itself and has %d bytes, at most %d are unpacked; save it without compression", size, most)
	}
	packed, err := io.ReadAll(in)
	if err != nil {
		return nil, 0, packedError(err)
	}
	plain, err := unpack(bytes.NewReader(packed))
	if err != nil {
		return nil, 0, packedError(err)
	}
	n, err := io.Copy(io.Discard, &bounded{from: plain, left: m.unpacked})
	if m.unpacked -= n; err != nil {
		return nil, 0, packedError(err)
	}
	if plain, err = unpack(bytes.NewReader(packed)); err != nil {
		return nil, 0, packedError(err)
	}
	return plain, n, nil
}

// packedError makes a Refusal of what unpacking a model alone says.
func packedError(err error) error {
	switch {
	case errors.Is(err, bomb{}):
		return refuse(TooLarge, "the model is packed by itself and unpacks to far more than it holds; save it without compression")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse(Torn, "the packed model ends in the middle; wait for the whole file, or upload it again")
	}
	return refuse(Format, "the model is packed and damaged; save it again")
}

const blockBytes = 512 // of a tar

// isArchive tells whether b is a tar, packed or not. Where too little has come
// to tell, it is taken for one.
func isArchive(b []byte) bool {
	if model.IsBinary(b) {
		return false
	}
	if !bytes.HasPrefix(b, []byte(gzipMagic)) {
		return len(b) >= blockBytes && isTar(b[:blockBytes]) && b[0] != 0
	}
	zip, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return true
	}
	block := make([]byte, blockBytes)
	for n := 0; n < blockBytes; {
		more, err := zip.Read(block[n:])
		if n += more; err != nil && n < blockBytes {
			return !errors.Is(err, io.EOF) // which is its end, unlike that of a torn file
		}
	}
	return isTar(block)
}

// isTar tells whether a block is the first of a tar: its sum is right, or it is
// the end of one that holds nothing.
func isTar(block []byte) bool {
	const from, to = 148, 156 // of the sum, which counts as spaces
	sum := 0
	for i, c := range block {
		if i >= from && i < to {
			c = ' '
		}
		sum += int(c)
	}
	said, err := strconv.ParseInt(strings.Trim(string(block[from:to]), " \x00"), 8, 32)
	return err == nil && int(said) == sum || len(bytes.Trim(block, "\x00")) == 0
}
