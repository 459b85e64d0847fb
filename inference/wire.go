package inference

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

// Dialect is how a client speaks Thrift.
type Dialect string

// The dialects that are understood, and what else a connection may be.
const (
	FramedBinary    Dialect = "framed_binary"
	FramedCompact   Dialect = "framed_compact"
	UnframedBinary  Dialect = "unframed_binary"
	UnframedCompact Dialect = "unframed_compact"
	Silent          Dialect = "silent"  // closed before it said anything, as health checks do
	Garbage         Dialect = "garbage" // none of ours: HTTP, TLS, noise
)

var (
	errTooLong  = errors.New("message is longer than the limit")
	errNotOurs  = errors.New("first bytes are no Thrift that is spoken here")
	errLeftOver = errors.New("frame is longer than its message")
)

const (
	readBufferBytes  = 4 << 10
	keptWriteBytes   = 64 << 10 // a larger reply buffer is not kept for the next reply
	maxNesting       = 16384    // container elements of one message, all levels together
	maxFrameLimit    = 1<<24 - 1
	frameHeaderBytes = 4
)

// wireLimits bound what one connection may cost.
type wireLimits struct {
	message int           // bytes
	idle    time.Duration // between messages
	read    time.Duration // for one message, once begun
	write   time.Duration // for one reply
}

// wire cuts the byte stream of a connection into messages. It is the
// thrift.TRichTransport under the generated code: it refuses to hand over more
// than the message (or frame) may have, and writes a reply in one piece.
//
// Only closeBy may be called from another goroutine.
type wire struct {
	conn   net.Conn
	limits wireLimits
	in     *bufio.Reader
	framed bool
	left   int // bytes that the message may still have
	out    []byte

	inMessage    bool
	messageArmed bool      // the deadline of this message is set
	messageBy    time.Time // that deadline
	readArmed    time.Time // when the idle deadline was last set; zero: it must be set anew
	writeArmed   time.Time

	lastCall atomic.Int64 // unix nanoseconds at which an idle connection ends; 0: not draining
}

func newWire(conn net.Conn, limits wireLimits) *wire {
	w := &wire{conn: conn, limits: limits}
	w.in = bufio.NewReaderSize(source{w}, readBufferBytes)
	return w
}

// source reads from the connection under the deadline that is due.
type source struct{ w *wire }

func (s source) Read(p []byte) (int, error) {
	if err := s.w.armRead(); err != nil {
		return 0, err
	}
	n, err := s.w.conn.Read(p)
	if n == 0 && isTimeout(err) && s.w.inMessage && time.Now().Before(s.w.messageBy) {
		// The deadline was closeBy's, which is not for a message that has begun.
		if err = s.w.conn.SetReadDeadline(s.w.messageBy); err == nil {
			n, err = s.w.conn.Read(p)
		}
	}
	return n, err
}

// armRead sets the read deadline. Setting one costs a lock in the runtime, so
// the idle deadline is only moved once it is noticeably off, and a message
// that arrives in one piece needs none of its own.
func (w *wire) armRead() error {
	now := time.Now()
	if w.inMessage {
		if w.messageArmed {
			return nil
		}
		w.messageArmed, w.readArmed, w.messageBy = true, time.Time{}, now.Add(w.limits.read)
		return w.conn.SetReadDeadline(w.messageBy)
	}
	if now.Sub(w.readArmed) > w.limits.idle/16 {
		w.readArmed = now
		if err := w.conn.SetReadDeadline(now.Add(w.limits.idle)); err != nil {
			return err
		}
	}
	if at := w.lastCall.Load(); at != 0 { // after the deadline above, so that closeBy is never lost
		return w.conn.SetReadDeadline(time.Unix(0, at))
	}
	return nil
}

// closeBy makes next end with io.EOF when no message has begun by then.
func (w *wire) closeBy(at time.Time) {
	w.lastCall.Store(at.UnixNano())
	_ = w.conn.SetReadDeadline(at) // an error here means it is closed already
}

// recognise waits for a client's first bytes and tells how it speaks, without
// taking them away.
func (w *wire) recognise() (Dialect, error) {
	first, err := w.in.Peek(1)
	if err != nil {
		return Silent, err
	}
	w.inMessage = true
	switch first[0] {
	case 0x80:
		head, err := w.in.Peek(4)
		return orGarbage(UnframedBinary, err == nil && binaryHead(head), err)
	case thrift.COMPACT_PROTOCOL_ID:
		head, err := w.in.Peek(2)
		return orGarbage(UnframedCompact, err == nil && compactHead(head), err)
	case 0: // a frame's length, since no frame may reach 16 MiB
		head, err := w.in.Peek(8)
		if err != nil {
			return Garbage, err
		}
		w.framed = true
		if size := binary.BigEndian.Uint32(head); size == 0 || int(size) > w.limits.message {
			return Garbage, errNotOurs
		}
		if binaryHead(head[frameHeaderBytes:]) {
			return FramedBinary, nil
		}
		return orGarbage(FramedCompact, compactHead(head[frameHeaderBytes:]), nil)
	}
	return Garbage, errNotOurs
}

func orGarbage(d Dialect, ok bool, err error) (Dialect, error) {
	switch {
	case err != nil:
		return Garbage, err
	case !ok:
		return Garbage, errNotOurs
	}
	return d, nil
}

// binaryHead reports whether b starts a call of the strict binary protocol.
// The old form without a version is refused: it cannot be told from a frame.
func binaryHead(b []byte) bool {
	return b[0] == 0x80 && b[1] == 0x01 && b[2] == 0 && isCall(thrift.TMessageType(b[3]))
}

func compactHead(b []byte) bool {
	return b[0] == thrift.COMPACT_PROTOCOL_ID && b[1]&thrift.COMPACT_VERSION_MASK == thrift.COMPACT_VERSION &&
		isCall(thrift.TMessageType(b[1]>>thrift.COMPACT_TYPE_SHIFT_AMOUNT&thrift.COMPACT_TYPE_BITS))
}

func isCall(t thrift.TMessageType) bool { return t == thrift.CALL || t == thrift.ONEWAY }

// protocols returns the reading and the writing end for generated code.
func (w *wire) protocols(d Dialect) (in, out thrift.TProtocol) {
	strict := true
	conf := &thrift.TConfiguration{
		MaxMessageSize: int32(w.limits.message), MaxFrameSize: int32(w.limits.message),
		MaxContainerSize: maxNesting, TBinaryStrictRead: &strict, TBinaryStrictWrite: &strict,
	}
	if d == FramedCompact || d == UnframedCompact {
		return &counted{TProtocol: thrift.NewTCompactProtocolConf(w, conf)}, thrift.NewTCompactProtocolConf(w, conf)
	}
	return &counted{TProtocol: thrift.NewTBinaryProtocolConf(w, conf)}, thrift.NewTBinaryProtocolConf(w, conf)
}

// counted bounds the container elements of a whole message: a megabyte of
// empty structs would become a hundred megabytes of pointers.
type counted struct {
	thrift.TProtocol
	elements int
}

func (c *counted) ReadMessageBegin(ctx context.Context) (string, thrift.TMessageType, int32, error) {
	c.elements = 0
	return c.TProtocol.ReadMessageBegin(ctx)
}

func (c *counted) ReadListBegin(ctx context.Context) (thrift.TType, int, error) {
	t, n, err := c.TProtocol.ReadListBegin(ctx)
	return t, n, c.add(n, err)
}

func (c *counted) ReadSetBegin(ctx context.Context) (thrift.TType, int, error) {
	t, n, err := c.TProtocol.ReadSetBegin(ctx)
	return t, n, c.add(n, err)
}

func (c *counted) ReadMapBegin(ctx context.Context) (k, v thrift.TType, n int, err error) {
	k, v, n, err = c.TProtocol.ReadMapBegin(ctx)
	return k, v, n, c.add(2*n, err)
}

// Skip must walk through c too, or skipped containers would go uncounted.
func (c *counted) Skip(ctx context.Context, t thrift.TType) error {
	return thrift.SkipDefaultDepth(ctx, c, t)
}

func (c *counted) add(n int, err error) error {
	if err != nil {
		return err
	}
	if c.elements += n; c.elements > maxNesting {
		return thrift.NewTProtocolExceptionWithType(thrift.SIZE_LIMIT, errTooLong)
	}
	return nil
}

// next waits for the next message. io.EOF means that the client went, or that
// the connection was told to end and nothing more came.
func (w *wire) next() error {
	if err := w.endMessage(); err != nil {
		return err
	}
	if _, err := w.in.Peek(1); err != nil {
		if w.lastCall.Load() != 0 && isTimeout(err) {
			return io.EOF
		}
		return err
	}
	w.inMessage = true
	w.left = w.limits.message
	if !w.framed {
		return nil
	}
	head, err := w.in.Peek(frameHeaderBytes)
	if err != nil {
		return unexpected(err)
	}
	size := binary.BigEndian.Uint32(head)
	if size == 0 || size > uint32(w.limits.message) {
		return errTooLong
	}
	w.left = int(size)
	_, err = w.in.Discard(frameHeaderBytes)
	return err
}

func (w *wire) endMessage() error {
	if w.framed && w.left > 0 {
		return errLeftOver
	}
	w.inMessage, w.messageArmed, w.left = false, false, 0
	return nil
}

// lastReply reports whether the connection is to end now: it was told to, and
// the client has nothing under way that we know of.
func (w *wire) lastReply() bool { return w.lastCall.Load() != 0 && w.in.Buffered() == 0 }

// Read hands over bytes of the message and no others.
func (w *wire) Read(p []byte) (int, error) {
	if w.left == 0 && len(p) > 0 {
		return 0, errTooLong
	}
	n, err := w.in.Read(p[:min(len(p), w.left)])
	w.left -= n
	if err != nil {
		err = unexpected(err)
	}
	return n, err
}

// ReadByte hands over one byte of the message.
func (w *wire) ReadByte() (byte, error) {
	if w.left == 0 {
		return 0, errTooLong
	}
	b, err := w.in.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	w.left--
	return b, nil
}

// RemainingBytes is how many bytes the message may still have.
func (w *wire) RemainingBytes() uint64 { return uint64(w.left) }

func (w *wire) begin() {
	if len(w.out) == 0 && w.framed {
		w.out = append(w.out, 0, 0, 0, 0)
	}
}

// Write keeps p for Flush.
func (w *wire) Write(p []byte) (int, error) {
	w.begin()
	w.out = append(w.out, p...)
	return len(p), nil
}

// WriteByte keeps b for Flush.
func (w *wire) WriteByte(b byte) error {
	w.begin()
	w.out = append(w.out, b)
	return nil
}

// WriteString keeps s for Flush.
func (w *wire) WriteString(s string) (int, error) {
	w.begin()
	w.out = append(w.out, s...)
	return len(s), nil
}

// Flush sends everything written since the last time in one write.
func (w *wire) Flush(context.Context) error {
	if len(w.out) == 0 {
		return nil
	}
	if w.framed {
		binary.BigEndian.PutUint32(w.out, uint32(len(w.out)-frameHeaderBytes))
	}
	if now := time.Now(); now.Sub(w.writeArmed) > w.limits.write/4 {
		w.writeArmed = now
		if err := w.conn.SetWriteDeadline(now.Add(w.limits.write)); err != nil {
			return err
		}
	}
	_, err := w.conn.Write(w.out)
	if w.out = w.out[:0]; cap(w.out) > keptWriteBytes {
		w.out = nil
	}
	return err
}

// Open, IsOpen and Close complete thrift.TTransport; the connection belongs to
// the door it came through.
func (w *wire) Open() error { return nil }

// IsOpen is asked by generated code from another goroutine.
func (w *wire) IsOpen() bool { return true }

// Close closes the connection.
func (w *wire) Close() error { return w.conn.Close() }

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// unexpected tells an end in mid-message from one between messages.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
