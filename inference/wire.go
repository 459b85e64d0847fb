package inference

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
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
	FramedOld       Dialect = "framed_old"   // binary, its calls without a version as before 2009
	UnframedOld     Dialect = "unframed_old" // the same without frames
	Silent          Dialect = "silent"       // closed before it said anything, as health checks do
	NoTLS           Dialect = "no_tls"       // not encrypted, or not as it should be, where that is wanted
	NoProxy         Dialect = "no_proxy"     // no PROXY protocol header, or none that can be read, where one is wanted
	Proxied         Dialect = "proxied"      // such a header where none is taken: --proxy-protocol
	Garbage         Dialect = "garbage"      // none of ours: HTTP, TLS, noise
)

func (d Dialect) framed() bool { return d == FramedBinary || d == FramedCompact || d == FramedOld }

func (d Dialect) compact() bool { return d == FramedCompact || d == UnframedCompact }

func (d Dialect) old() bool { return d == FramedOld || d == UnframedOld }

var (
	errTooLong  = errors.New("message is longer than the limit")
	errNotOurs  = errors.New("first bytes are no Thrift that is spoken here")
	errTooMany  = errors.New("message holds more elements than the limit")
	errLeftOver = errors.New("frame is longer than its message")
	errCutShort = errors.New("frame is shorter than its message")
)

const (
	readBufferBytes  = 4 << 10
	keptBufferBytes  = 16 << 10 // larger buffers are not kept for the next message
	batchBytes       = 32 << 10 // of replies that wait for one another
	maxFrameLimit    = 1<<24 - 1
	frameHeaderBytes = 4
	emptyReads       = 100
	pipeGap          = 5 * time.Millisecond // between messages in a pipe, at most, where it cannot be seen
	pipeTime         = 2 * time.Second      // that an old connection may wait for its pipe to run empty
	farewell         = 2 * time.Second      // for a client to read its last answers and go
	longestOldName   = 64                   // bytes of a method's name, where only it tells a call from noise
)

// wireLimits bound what one connection may cost.
type wireLimits struct {
	message  int           // bytes
	elements int           // of containers of one message, all levels together
	idle     time.Duration // between messages
	read     time.Duration // for one message, once begun
	write    time.Duration // for one batch of replies
}

// wire cuts the byte stream of a connection into messages and gathers the
// replies: they leave in one write, at the latest before it waits for more.
// Beside that it is the thrift.TRichTransport under the generated code, to
// which it hands over no more than the message (or frame) may have.
//
// Only closeBy may be called from another goroutine.
type wire struct {
	conn    net.Conn
	limits  wireLimits
	dialect Dialect
	in      []byte // in[from:to] is read and not yet taken
	from    int
	to      int
	left    int       // bytes that the message may still have
	read    time.Time // when something last came; the clock of deadlines, which need no better one

	out     []byte // replies that have not left
	began   int    // where in out the frame of the reply being written begins
	writing bool   // a reply is being written by generated code
	broken  error  // of a write; nothing is written after it

	inMessage    bool
	messageArmed bool      // the deadline of this message is set
	messageBy    time.Time // that deadline
	readArmed    time.Time // when the idle deadline was last set; zero: it must be set anew
	writeArmed   time.Time

	lastCall atomic.Int64 // unix nanoseconds at which an idle connection ends; 0: not draining
}

func newWire(conn net.Conn, limits wireLimits) *wire {
	return &wire{conn: conn, limits: limits, in: make([]byte, readBufferBytes), read: time.Now()}
}

// buffered is how many bytes are there to be taken.
func (w *wire) buffered() int { return w.to - w.from }

// fill reads some more bytes. What was taken from in before is overwritten,
// except for a message that is not yet whole.
func (w *wire) fill() error {
	if err := w.send(); err != nil {
		return err
	}
	if err := w.armRead(); err != nil {
		return err
	}
	w.makeRoom()
	n, err := 0, error(nil)
	for try := 0; n == 0 && err == nil; try++ {
		if n, err = w.conn.Read(w.in[w.to:]); try == emptyReads {
			err = io.ErrNoProgress
		}
	}
	if n == 0 && isTimeout(err) && w.inMessage && time.Now().Before(w.messageBy) {
		// The deadline was closeBy's, which is not for a message that has begun.
		if err = w.conn.SetReadDeadline(w.messageBy); err == nil {
			n, err = w.conn.Read(w.in[w.to:])
		}
	}
	if w.to += n; n > 0 {
		w.read = time.Now()
		return nil // an error will come again
	}
	return err
}

// makeRoom leaves room to read into. The buffer doubles while clients fill it,
// so that it costs no more than they sent, up to one message.
func (w *wire) makeRoom() {
	rest := w.in[w.from:w.to]
	switch {
	case len(rest) == 0 && len(w.in) > keptBufferBytes:
		w.in = make([]byte, readBufferBytes)
	case w.to < len(w.in):
		if len(rest) > 0 {
			return
		}
	case len(w.in) < keptBufferBytes, len(rest) == len(w.in): // batches come, or one large message
		w.in = make([]byte, min(2*len(w.in), max(w.limits.message, keptBufferBytes)+frameHeaderBytes))
	}
	w.from, w.to = 0, copy(w.in, rest)
}

// armRead sets the read deadline. Setting one costs a lock in the runtime, so
// the idle deadline is only moved once it is noticeably off, and a message
// that arrives in one piece needs none of its own.
func (w *wire) armRead() error {
	if w.inMessage && w.messageArmed {
		return nil
	}
	now := w.read
	if w.inMessage {
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

// beHeard gives somebody until then to say who it is, closeBy or not; settle
// ends that.
func (w *wire) beHeard(by time.Time) {
	w.inMessage, w.messageArmed, w.messageBy = true, true, by
	_ = w.conn.SetReadDeadline(by) // an error here means it is closed already
}

// settle makes the usual deadlines hold from the next message on.
func (w *wire) settle() { w.inMessage, w.messageArmed, w.readArmed = false, false, time.Time{} }

// peek waits for n bytes and shows them, without taking them away.
func (w *wire) peek(n int) ([]byte, error) {
	for w.buffered() < n {
		if err := w.fill(); err != nil {
			return nil, err
		}
	}
	return w.in[w.from : w.from+n], nil
}

// line waits for a line and takes it away, its end included.
func (w *wire) line(most int) ([]byte, error) {
	for {
		if end := bytes.IndexByte(w.in[w.from:w.to], '\n'); end >= 0 && end < most {
			line := w.in[w.from : w.from+end]
			w.from += end + 1
			return line, nil
		}
		if w.buffered() >= most {
			return nil, errNotOurs
		}
		if err := w.fill(); err != nil {
			return nil, err
		}
	}
}

// recognise waits for a client's first bytes and notes how it speaks.
func (w *wire) recognise() (Dialect, error) {
	first, err := w.peek(1)
	if err != nil {
		return Silent, err
	}
	w.inMessage = true
	need := 1
	switch first[0] {
	case 0x80:
		need = 4
	case thrift.COMPACT_PROTOCOL_ID:
		need = 2
	case 0: // a frame's length, since no frame may reach 16 MiB, or a name's
		need = 2 * frameHeaderBytes
	}
	head, err := w.peek(need)
	if err != nil {
		return Garbage, err
	}
	switch w.dialect = dialectOf(head); {
	case w.dialect == Garbage && w.proxied():
		return Proxied, errNotOurs
	case w.dialect == Garbage:
		return Garbage, errNotOurs
	case w.dialect == FramedOld && binary.BigEndian.Uint32(head) > uint32(w.limits.message):
		return Garbage, errTooLong // perhaps: noise may look like this, too
	}
	return w.dialect, nil
}

// dialectOf tells a dialect by a connection's first bytes: 4 where they begin
// with 0x80, 2 of the compact protocol, else 8.
func dialectOf(head []byte) Dialect {
	switch {
	case head[0] == 0x80 && binaryHead(head):
		return UnframedBinary
	case head[0] == thrift.COMPACT_PROTOCOL_ID && compactHead(head):
		return UnframedCompact
	case head[0] != 0:
		return Garbage
	}
	size, inside := binary.BigEndian.Uint32(head), head[frameHeaderBytes:]
	switch {
	case size == 0:
		return Garbage
	case binaryHead(inside):
		return FramedBinary
	case compactHead(inside):
		return FramedCompact
	case oldHead(inside):
		return FramedOld
	case size <= longestOldName && isName(inside[:min(len(inside), int(size))]):
		return UnframedOld
	}
	return Garbage
}

// binaryHead reports whether b starts a call of the strict binary protocol.
func binaryHead(b []byte) bool {
	return b[0] == 0x80 && b[1] == 0x01 && b[2] == 0 && isCall(thrift.TMessageType(b[3]))
}

func compactHead(b []byte) bool {
	return b[0] == thrift.COMPACT_PROTOCOL_ID && b[1]&thrift.COMPACT_VERSION_MASK == thrift.COMPACT_VERSION &&
		isCall(thrift.TMessageType(b[1]>>thrift.COMPACT_TYPE_SHIFT_AMOUNT&thrift.COMPACT_TYPE_BITS))
}

// oldHead reports whether b is the length of a method's name, with which a call
// without a version starts.
func oldHead(b []byte) bool {
	return b[0] == 0 && b[1] == 0 && b[2] == 0 && b[3] > 0 && b[3] <= longestOldName
}

// isName reports whether b could begin a method's name.
func isName(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != ':' && c != '.' {
			return false
		}
	}
	return true
}

func isCall(t thrift.TMessageType) bool { return t == thrift.CALL || t == thrift.ONEWAY }

// protocols returns the reading and the writing end for generated code. Replies
// always have a version, as those of other servers.
func (w *wire) protocols() (in, out thrift.TProtocol) {
	strictRead, strictWrite := !w.dialect.old(), true
	conf := &thrift.TConfiguration{
		MaxMessageSize: int32(w.limits.message), MaxFrameSize: int32(w.limits.message),
		MaxContainerSize: int32(w.limits.message), TBinaryStrictRead: &strictRead, TBinaryStrictWrite: &strictWrite,
	}
	if w.dialect.compact() {
		return &counted{TProtocol: thrift.NewTCompactProtocolConf(w, conf), limit: w.limits.elements}, thrift.NewTCompactProtocolConf(w, conf)
	}
	return &counted{TProtocol: thrift.NewTBinaryProtocolConf(w, conf), limit: w.limits.elements}, thrift.NewTBinaryProtocolConf(w, conf)
}

// counted bounds the container elements of a whole message: a megabyte of
// empty structs would become a hundred megabytes of pointers.
type counted struct {
	thrift.TProtocol
	elements, limit int

	depth    int      // of structs
	argument int16    // number of the one being read
	said     fieldSet // of the first, the request
}

// ReadStructBegin and the two below note what a request says.
func (c *counted) ReadStructBegin(ctx context.Context) (string, error) {
	c.depth++
	return c.TProtocol.ReadStructBegin(ctx)
}

// ReadStructEnd ends a struct.
func (c *counted) ReadStructEnd(ctx context.Context) error {
	c.depth--
	return c.TProtocol.ReadStructEnd(ctx)
}

// ReadFieldBegin begins a field.
func (c *counted) ReadFieldBegin(ctx context.Context) (string, thrift.TType, int16, error) {
	name, t, id, err := c.TProtocol.ReadFieldBegin(ctx)
	switch {
	case c.depth == 1:
		if c.argument = id; id == 1 && t == thrift.STRUCT {
			c.said = 0 // the last one counts
		}
	case c.depth == 2 && c.argument == 1 && id >= 0 && id < 64 && t == publishedType(id):
		c.said |= 1 << id
	}
	return name, t, id, err
}

// publishedType is the type of a number of the published request; STOP for the
// other fields.
func publishedType(id int16) thrift.TType {
	switch id {
	case 2, 11:
		return thrift.I32
	case 8:
		return thrift.I64
	}
	return thrift.STOP
}

func (c *counted) ReadMessageBegin(ctx context.Context) (string, thrift.TMessageType, int32, error) {
	c.elements, c.depth, c.said = 0, 0, 0
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
	if c.elements += n; c.elements > c.limit {
		return thrift.NewTProtocolExceptionWithType(thrift.SIZE_LIMIT, errTooMany)
	}
	return nil
}

// next waits for the next message, and for the whole of it where it has a
// frame. io.EOF means that the client went, or that the connection was told to
// end and nothing more came.
func (w *wire) next() error {
	if w.dialect.framed() && w.left > 0 {
		return errLeftOver
	}
	w.inMessage, w.messageArmed, w.left = false, false, 0
	if _, err := w.peek(1); err != nil {
		if w.lastCall.Load() != 0 && isTimeout(err) {
			return io.EOF
		}
		return err
	}
	w.inMessage = true
	if w.left = w.limits.message; !w.dialect.framed() {
		return nil
	}
	head, err := w.peek(frameHeaderBytes)
	if err != nil {
		return unexpected(err)
	}
	size := binary.BigEndian.Uint32(head)
	if size == 0 || size > uint32(w.limits.message) {
		return errTooLong
	}
	if _, err = w.peek(frameHeaderBytes + int(size)); err != nil {
		return unexpected(err)
	}
	w.from += frameHeaderBytes
	w.left = int(size)
	return nil
}

// frameHead reads how the call in a frame begins that is too long to be read.
func (w *wire) frameHead() (h head, ok bool) {
	if !w.dialect.framed() {
		return head{}, false
	}
	if size := binary.BigEndian.Uint32(w.in[w.from:]); size == 0 || size > maxFrameLimit {
		return head{}, false
	}
	for {
		p := parser{b: w.in[w.from:w.to], compact: w.dialect.compact(), limit: longestOldName}
		p.take(frameHeaderBytes)
		h = p.head(w.dialect.old())
		switch {
		case p.outcome == parsed:
			h.name = strings.Clone(h.name)
			return h, isName([]byte(h.name)) && isCall(h.kind)
		case p.outcome == odd, w.fill() != nil:
			return head{}, false
		}
	}
}

// linger reads for a while what a client still sends that nobody wants, so that
// it comes to read the answers before: closed over unread bytes, a connection
// is reset.
func (w *wire) linger(most time.Duration) {
	half, ok := w.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || w.conn.SetReadDeadline(time.Now().Add(most)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, w.conn, maxFrameLimit) // until the client goes, or the bound
}

// message shows as much of the message as has come: all of it where it has a
// frame, else perhaps the beginning of later ones, too.
func (w *wire) message() []byte { return w.in[w.from : w.from+min(w.left, w.buffered())] }

// more waits for more of a message that has no frame.
func (w *wire) more() error { return unexpected(w.fill()) }

// took notes that the first n bytes of message have been read.
func (w *wire) took(n int) { w.from, w.left = w.from+n, w.left-n }

// lastReply reports whether the connection is to end now: it was told to, and
// the client has nothing under way that has come.
func (w *wire) lastReply() bool { return w.lastCall.Load() != 0 && !w.pending() }

// pending reports whether the client has sent more, unless it is to end by now
// whatever it sent.
func (w *wire) pending() bool {
	if w.buffered() > 0 {
		return true
	}
	if at := w.lastCall.Load(); at != 0 && time.Now().UnixNano() >= at {
		return false
	}
	if _, secure := w.conn.(*tls.Conn); !secure {
		return hasSent(w.conn)
	}
	// Nobody shows what TLS holds back, so that only reading tells.
	w.readArmed = time.Time{}
	if w.send() != nil || w.conn.SetReadDeadline(time.Now().Add(pipeGap)) != nil {
		return false
	}
	w.makeRoom()
	n, _ := w.conn.Read(w.in[w.to:]) // an error will come again
	w.to += n
	return n > 0
}

// Read hands over bytes of the message and no others.
func (w *wire) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := w.some(); err != nil {
		return 0, err
	}
	n := copy(p, w.message())
	w.took(n)
	return n, nil
}

// ReadByte hands over one byte of the message.
func (w *wire) ReadByte() (byte, error) {
	if err := w.some(); err != nil {
		return 0, err
	}
	b := w.in[w.from]
	w.took(1)
	return b, nil
}

// some waits for a byte of the message.
func (w *wire) some() error {
	if w.left == 0 {
		if w.dialect.framed() {
			return errCutShort
		}
		return errTooLong
	}
	if w.buffered() > 0 {
		return nil
	}
	return w.more()
}

// RemainingBytes is how many bytes the message may still have.
func (w *wire) RemainingBytes() uint64 { return uint64(w.left) }

// begin opens a reply in out, with room for the length of its frame.
func (w *wire) begin() {
	if w.writing {
		return
	}
	w.writing, w.began = true, len(w.out)
	if w.dialect.framed() {
		w.out = append(w.out, 0, 0, 0, 0)
	}
}

// end closes the reply that begin opened.
func (w *wire) end() error {
	if w.writing && w.dialect.framed() {
		binary.BigEndian.PutUint32(w.out[w.began:], uint32(len(w.out)-w.began-frameHeaderBytes))
	}
	w.writing = false
	if len(w.out) >= batchBytes {
		return w.send()
	}
	return nil
}

// Write keeps p for the reply.
func (w *wire) Write(p []byte) (int, error) {
	w.begin()
	w.out = append(w.out, p...)
	return len(p), nil
}

// WriteByte keeps b for the reply.
func (w *wire) WriteByte(b byte) error {
	w.begin()
	w.out = append(w.out, b)
	return nil
}

// WriteString keeps s for the reply.
func (w *wire) WriteString(s string) (int, error) {
	w.begin()
	w.out = append(w.out, s...)
	return len(s), nil
}

// Flush ends the reply. It leaves with those of its batch.
func (w *wire) Flush(context.Context) error { return w.end() }

// send writes all replies that are complete, in one piece. Once it has failed
// it fails for ever.
func (w *wire) send() error {
	if len(w.out) == 0 || w.writing || w.broken != nil {
		return w.broken
	}
	if now := w.read; now.Sub(w.writeArmed) > w.limits.write/4 {
		w.writeArmed = now
		if w.broken = w.conn.SetWriteDeadline(now.Add(w.limits.write)); w.broken != nil {
			return w.broken
		}
	}
	_, w.broken = w.conn.Write(w.out)
	if w.out = w.out[:0]; cap(w.out) > 2*batchBytes {
		w.out = nil
	}
	return w.broken
}

// Open, IsOpen and Close complete thrift.TTransport; the connection belongs to
// the door it came through.
func (w *wire) Open() error { return nil }

// IsOpen is asked by generated code from another goroutine.
func (w *wire) IsOpen() bool { return true }

// Close closes the connection.
func (w *wire) Close() error { return w.conn.Close() }

// finish sends what is complete, at the end of a connection.
func (w *wire) finish() {
	if w.writing {
		w.out, w.writing = w.out[:w.began], false
	}
	_ = w.send() // it ends either way
}

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
