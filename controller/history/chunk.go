package history

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"

	"github.com/sluicehq/sluice/controller/judge"
)

// Bounds of a chunk.
const (
	maxLooks  = 128      // five minutes at the usual pace are 60
	fullBytes = 2 << 20  // unpacked; a chunk that has so many takes no more looks
	maxBytes  = 64 << 20 // unpacked; what is read of one at most
	maxHeader = 1 << 20
)

// effort of packing: as small as at gzip's usual 6, in a quarter of the time.
const effort = 5

// front is the line of JSON that a chunk begins with.
type front struct {
	Header
	Schema *node `json:"schema"`
}

// Writer makes one chunk. It is not safe for concurrent use.
type Writer struct {
	header  Header
	schema  *node
	encoder encoder
	last    memory
	bytes   int
}

// New begins a chunk for a rollout; of the header, Format, First and Count are
// the writer's own. It fails for a policy that JSON cannot hold.
func New(h Header) (*Writer, error) {
	schema, err := schemaOf(reflect.TypeFor[Look]())
	if err != nil {
		return nil, fmt.Errorf("begin a chunk of looks: %w", err)
	}
	h.Format, h.First, h.Count = Format, 0, 0
	w := &Writer{header: h, schema: schema, encoder: encoder{columns: make([]column, schema.columns())}}
	if _, err := json.Marshal(h); err != nil {
		return nil, fmt.Errorf("begin a chunk of looks: %w", err)
	}
	return w, nil
}

// Resume continues a chunk after its first looks: those up to the one with the
// number upto. Later ones are forgotten, as they were noted and never acted
// on. It fails where the chunk cannot be read whole.
func Resume(name string, chunk []byte, upto int) (*Writer, error) {
	c, err := Open(name, chunk)
	if err != nil {
		return nil, err
	}
	if len(c.Strange) > 0 {
		return nil, fmt.Errorf("continue %s: another version of the program wrote it; begin the next chunk", name)
	}
	w, err := New(c.Header)
	if err != nil {
		return nil, err
	}
	for look, err := range c.Looks() {
		if err != nil {
			return nil, err
		}
		if look.Number > upto {
			break
		}
		if err := w.Append(look); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Header is the chunk's as it stands.
func (w *Writer) Header() Header { return w.header }

// Takes reports whether the next look belongs into this chunk: it is not full,
// and was begun by this version of the program under this policy.
func (w *Writer) Takes(program string, p judge.Policy) bool {
	own, err := json.Marshal(w.header.Policy)
	other, otherErr := json.Marshal(p) // as JSON, since a header that was read is what JSON left of it
	return w.header.Count < maxLooks && w.bytes < fullBytes && w.header.Program == program && err == nil && otherErr == nil && bytes.Equal(own, other)
}

// Append notes a look. Its number must be the one after the last. [ErrFull]
// when the chunk holds enough; after any other error the chunk is as before.
func (w *Writer) Append(look Look) error {
	h := &w.header
	switch {
	case h.Count >= maxLooks || w.bytes >= fullBytes:
		return ErrFull
	case h.Count > 0 && look.Number != h.First+h.Count:
		return fmt.Errorf("note look %d: the last one noted is %d", look.Number, h.First+h.Count-1)
	}
	trial := encoder{columns: slices.Clone(w.encoder.columns)}
	last := w.last.clone()
	trial.encode(w.schema, reflect.ValueOf(look), &last)
	if trial.err != nil {
		return fmt.Errorf("note look %d: %w", look.Number, trial.err)
	}
	w.encoder, w.last, w.bytes = trial, last, 0
	for _, c := range trial.columns {
		w.bytes += len(c.tokens) + 8*len(c.planes[0])
	}
	if h.Count == 0 {
		h.First = look.Number
	}
	h.Count++
	return nil
}

// clone is a copy that shares nothing that is written.
func (m memory) clone() memory {
	m.kids = slices.Clone(m.kids)
	for i := range m.kids {
		m.kids[i] = m.kids[i].clone()
	}
	return m
}

// Bytes is the chunk with all looks so far. The same looks give the same
// bytes.
func (w *Writer) Bytes() ([]byte, error) {
	head, err := json.Marshal(front{Header: w.header, Schema: w.schema})
	if err != nil {
		return nil, fmt.Errorf("encode a chunk of looks: %w", err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, effort)
	if err != nil {
		return nil, fmt.Errorf("encode a chunk of looks: %w", err)
	}
	out := bufio.NewWriter(z)
	put := func(b []byte) { _, _ = out.Write(b) } // Flush tells the first error
	put(append(head, '\n'))
	for _, c := range w.encoder.columns {
		put(binary.AppendUvarint(nil, uint64(len(c.tokens))))
		put(c.tokens)
		put(binary.AppendUvarint(nil, uint64(len(c.planes[0]))))
		for _, p := range c.planes {
			put(p)
		}
	}
	if err := errors.Join(out.Flush(), z.Close()); err != nil {
		return nil, fmt.Errorf("encode a chunk of looks: %w", err)
	}
	return packed.Bytes(), nil
}

// Chunk is one that was read.
type Chunk struct {
	Header
	// Strange are fields of the statistics that this program does not have:
	// what they held is lost on it, and verdicts may differ.
	Strange []string

	name    string
	schema  *node
	columns []column
}

// Open reads a chunk; name says in errors which one it is. [ErrDamaged] when
// it is none, and still as much of the header as can be read.
func Open(name string, chunk []byte) (*Chunk, error) {
	c := &Chunk{name: name}
	z, err := gzip.NewReader(bytes.NewReader(chunk))
	if err != nil {
		return c, c.damaged(err)
	}
	in := bufio.NewReader(io.LimitReader(z, maxBytes))
	line, err := readLine(in)
	if err != nil {
		return c, c.damaged(err)
	}
	var f front
	if err := json.Unmarshal(line, &f); err != nil {
		return c, c.damaged(err)
	}
	if f.Format > Format {
		return c, fmt.Errorf("%s has format %d, and this program knows %d: read it with the program that wrote it, %s", name, f.Format, Format, f.Program)
	}
	c.Header, c.schema = f.Header, f.Schema
	if f.Count < 0 || f.Count > maxLooks {
		return c, c.damaged(fmt.Errorf("it cannot hold %d looks", f.Count))
	}
	count, err := f.Schema.number(0, 0)
	if err != nil {
		return c, c.damaged(err)
	}
	if f.Schema.Kind != record {
		return c, c.damaged(errors.New("its schema is no record"))
	}
	c.Strange = c.schema.bind(reflect.TypeFor[Look](), "")
	if c.columns, err = readColumns(in, count); err != nil {
		return c, c.damaged(err)
	}
	return c, nil
}

func readLine(in *bufio.Reader) (line []byte, err error) {
	for len(line) <= maxHeader {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
	return nil, errors.New("its header does not end")
}

// readColumns reads all of them, to the end and so to the checksum.
func readColumns(in *bufio.Reader, count int) ([]column, error) {
	rest, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	if len(rest) >= maxBytes-maxHeader {
		return nil, fmt.Errorf("it unpacks to more than %d bytes", maxBytes-maxHeader)
	}
	take := func(times int) []byte {
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n)/uint64(times) {
			rest, err = nil, errShort
			return nil
		}
		found := rest[n : n+times*int(length)]
		rest = rest[n+times*int(length):]
		return found
	}
	columns := make([]column, count)
	for i := range columns {
		columns[i].tokens = take(1)
		planes := take(8)
		for p := range columns[i].planes {
			columns[i].planes[p] = planes[p*len(planes)/8 : (p+1)*len(planes)/8]
		}
	}
	if err == nil && len(rest) > 0 {
		err = errors.New("there is more in it than its schema says")
	}
	return columns, err
}

// keepsLatency is false of a chunk that was written before looks had it.
func (c *Chunk) keepsLatency() bool {
	return slices.ContainsFunc(c.schema.Parts, func(n *node) bool { return n.Name == "latency" && n.field >= 0 })
}

func (c *Chunk) damaged(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	holds := ""
	if c.Count > 0 {
		holds = fmt.Sprintf(", with looks %d to %d of %s,", c.First, c.First+c.Count-1, c.Rollout)
	}
	return fmt.Errorf("read %s%s: %w: %w", c.name, holds, ErrDamaged, err)
}

// Looks are those that the chunk holds, in order. After an error there are no
// more.
func (c *Chunk) Looks() iter.Seq2[Look, error] {
	return func(yield func(Look, error) bool) {
		d := decoder{columns: slices.Clone(c.columns)}
		var last memory
		for i := range c.Count {
			var look Look
			d.leaves = 0
			d.decode(c.schema, reflect.ValueOf(&look).Elem(), &last)
			if d.err == nil && look.Number != c.First+i {
				d.fail(fmt.Errorf("look %d has the number %d", c.First+i, look.Number))
			}
			if d.err != nil {
				yield(Look{}, c.damaged(d.err))
				return
			}
			if !yield(look, nil) {
				return
			}
		}
	}
}
