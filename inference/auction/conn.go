package auction

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// Protocol is how Thrift's messages look on the wire.
type Protocol string

// The protocols that a task recognises.
const (
	FramedBinary  Protocol = "framed-binary"
	FramedCompact Protocol = "framed-compact"
	Binary        Protocol = "binary"
	Compact       Protocol = "compact"
)

func (p Protocol) check() error {
	switch p {
	case FramedBinary, FramedCompact, Binary, Compact:
		return nil
	}
	return fmt.Errorf("--protocol is %q; it must be %s, %s, %s or %s",
		string(p), FramedBinary, FramedCompact, Binary, Compact)
}

func (p Protocol) framed() bool { return p == FramedBinary || p == FramedCompact }

func (p Protocol) dialect() dialect { return dialect(p == Compact || p == FramedCompact) }

const (
	maxAnswerBytes   = 1 << 20 // of one answer
	firstReadBytes   = 2 << 10 // the read buffer grows from here, up to maxAnswerBytes
	frameHeaderBytes = 4
)

// asked is an auction on a connection, until it is answered.
type asked struct {
	held
	truth
	seq    int32
	gaveUp bool // it went on without; only its answer is still owed
}

// conn is one connection. Its owner writes requests; a goroutine of its own
// reads the answers, which come in the same order, and notices the
// connection's end at once also while nothing is asked.
type conn struct {
	slot     *slot
	net      net.Conn
	protocol Protocol
	call     Call
	ended    chan struct{} // closed when the reader has returned
	err      error         // why it did
	seq      int32         // of the latest request

	mu       sync.Mutex
	flight   []asked   // asked and not answered, in order
	readBy   time.Time // when the read deadline that is set strikes; never after what it is for
	retiring bool
	quiet    chan struct{} // closed when retiring and nothing is in flight
	heard    bool          // an answer came

	// Of the reader alone.
	buffer   []byte
	start    int // of what is not yet read in buffer
	decision decision
	stalled  bool
}

// newConn starts to read. The slot hears of every answer.
func newConn(n net.Conn, s *slot) *conn {
	c := &conn{
		slot:     s,
		net:      n,
		protocol: s.load.config.Protocol,
		call:     s.load.config.Call,
		ended:    make(chan struct{}),
		quiet:    make(chan struct{}),
		buffer:   make([]byte, 0, firstReadBytes),
	}
	go c.read()
	return c
}

// lost says whether the server has closed, or sent what nobody asked for.
func (c *conn) lost() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// close ends the connection, waits for its reader and returns what was still
// owed an answer.
func (c *conn) close() []asked {
	_ = c.net.Close() // nothing is owed to the other side
	<-c.ended
	owed := c.flight
	c.flight = nil
	return owed
}

// ask puts a question's message behind out and takes note that its answer is
// owed. The message must be written after that, in this order.
func (c *conn) ask(out []byte, a held, q *question, tmax time.Duration) ([]byte, error) {
	c.seq++
	c.mu.Lock()
	c.flight = append(c.flight, asked{held: a, truth: q.truth, seq: c.seq})
	err := c.arm(a.deadline)
	c.mu.Unlock()
	if err != nil {
		return out, err
	}
	start := len(out)
	if c.protocol.framed() {
		out = append(out, 0, 0, 0, 0)
	}
	e := encoder{out: out, dialect: c.protocol.dialect()}
	e.head(q.call.method(), callMessage, c.seq)
	out = q.appendTo(e.out, e.dialect, int32(tmax.Milliseconds()))
	if c.protocol.framed() {
		binary.BigEndian.PutUint32(out[start:], uint32(len(out)-start-frameHeaderBytes))
	}
	return out, nil
}

// arm makes sure that the reader wakes at that moment at the latest. It may
// wake earlier: moving the deadline with every answer would cost more than
// waking once more per deadline.
func (c *conn) arm(at time.Time) error {
	if !c.readBy.IsZero() && !at.Before(c.readBy) {
		return nil
	}
	c.readBy = at
	if err := c.net.SetReadDeadline(at); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	return nil
}

// read tells the slot of answers until the connection ends.
func (c *conn) read() {
	defer close(c.ended)
	for {
		for {
			more, err := c.answer()
			if err != nil {
				c.err = err
				return
			}
			if !more {
				break
			}
		}
		if err := c.more(); err != nil {
			c.err = err
			return
		}
	}
}

// more reads what has come into the buffer.
func (c *conn) more() error {
	if c.start == len(c.buffer) {
		c.buffer, c.start = c.buffer[:0], 0
	}
	if len(c.buffer) == cap(c.buffer) {
		if err := c.makeRoom(); err != nil {
			return err
		}
	}
	n, err := c.net.Read(c.buffer[len(c.buffer):cap(c.buffer)])
	c.buffer = c.buffer[:len(c.buffer)+n]
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.overdue(time.Now())
	}
	return err
}

func (c *conn) makeRoom() error {
	rest := c.buffer[c.start:]
	switch {
	case c.start >= cap(c.buffer)/2: // moving is cheap against what was read since
		copy(c.buffer, rest)
		c.buffer = c.buffer[:len(rest)]
	case len(rest) >= maxAnswerBytes+frameHeaderBytes:
		return fmt.Errorf("answer has more than %d bytes", maxAnswerBytes)
	default:
		grown := make([]byte, len(rest), 2*cap(c.buffer))
		copy(grown, rest)
		c.buffer = grown
	}
	c.start = 0
	return nil
}

// answer takes one answer from the buffer. It is false when none is complete.
func (c *conn) answer() (bool, error) {
	in := c.buffer[c.start:]
	if len(in) == 0 {
		return false, nil
	}
	head, err := c.head()
	if err != nil {
		return false, err
	}
	if c.protocol.framed() {
		whole, err := frame(in)
		if whole == nil || err != nil {
			return false, err
		}
		in = whole
	}
	r := decoder{in: in, dialect: c.protocol.dialect()}
	n, err := r.answer(c.call, head.seq, &c.decision)
	switch {
	case errors.Is(err, errShort) && !c.protocol.framed():
		return false, nil // until the rest comes
	case err != nil && !usable(err):
		return false, fmt.Errorf("read answer: %w", err)
	}
	if c.protocol.framed() {
		n = frameHeaderBytes + len(in)
	}
	c.start += n
	if err == nil && c.call == Decide {
		err = c.decision.fits(head.partners)
	}
	c.settle(err)
	return true, nil
}

// frame returns the frame that in starts with, or nil when it is not complete.
func frame(in []byte) ([]byte, error) {
	if len(in) < frameHeaderBytes {
		return nil, nil
	}
	size := binary.BigEndian.Uint32(in)
	if size == 0 || size > maxAnswerBytes {
		return nil, fmt.Errorf("answer of %d bytes, at most %d are read", size, maxAnswerBytes)
	}
	if uint32(len(in)-frameHeaderBytes) < size {
		return nil, nil
	}
	return in[frameHeaderBytes : frameHeaderBytes+size], nil
}

// head returns the auction whose answer comes next.
func (c *conn) head() (asked, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.flight) == 0 {
		return asked{}, errors.New("server sent what nobody asked for")
	}
	return c.flight[0], nil
}

// settle takes the first auction from the flight and tells the slot what
// became of it.
func (c *conn) settle(err error) {
	c.mu.Lock()
	a := c.flight[0]
	n := copy(c.flight, c.flight[1:])
	c.flight[n] = asked{}
	c.flight = c.flight[:n]
	c.heard = true
	if n == 0 && c.retiring {
		c.retiring = false
		close(c.quiet)
	}
	owesLate := n > 0 && c.flight[0].gaveUp
	c.mu.Unlock()
	if c.stalled && !owesLate {
		c.stalled = false
		c.slot.load.queue.stall(c.slot, false)
	}
	c.slot.answered(a, &c.decision, err)
}

// overdue lets auctions whose deadline has passed go on without an answer. The
// connection stays for as long again, so that one slow answer does not cost
// everything behind it; then it is lost.
func (c *conn) overdue(now time.Time) error {
	c.mu.Lock()
	var late []held
	var next time.Time
	for i := range c.flight {
		a := &c.flight[i]
		if !a.gaveUp && !now.Before(a.deadline) {
			a.gaveUp = true
			late = append(late, a.held)
		}
		wake := a.deadline
		if a.gaveUp {
			wake = a.deadline.Add(c.slot.load.config.Deadline)
		}
		if next.IsZero() || wake.Before(next) {
			next = wake
		}
	}
	lost := !next.IsZero() && !now.Before(next)
	c.readBy = next
	err := c.net.SetReadDeadline(next)
	c.mu.Unlock()
	for _, a := range late {
		c.slot.load.fail(a, timedOut)
	}
	if len(late) > 0 && !c.stalled {
		c.stalled = true
		c.slot.load.queue.stall(c.slot, true)
	}
	if lost {
		return fmt.Errorf("no answer for twice the deadline: %w", os.ErrDeadlineExceeded)
	}
	return err
}

// retire returns a channel that is closed once nothing is in flight. Nothing
// may be asked any more.
func (c *conn) retire() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.flight) == 0 {
		close(c.quiet)
	} else {
		c.retiring = true
	}
	return c.quiet
}

// answeredAny says whether the server has ever answered.
func (c *conn) answeredAny() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

// report hands outcomes back. There is no answer.
func (c *conn) report(ctx context.Context, outcomes []*adfilter.Outcome, limit time.Duration) error {
	body := thrift.NewTMemoryBuffer()
	var p thrift.TProtocol = thrift.NewTBinaryProtocolConf(body, nil)
	if c.protocol.dialect() == packed {
		p = thrift.NewTCompactProtocolConf(body, nil)
	}
	args := adfilter.AdFilterReportArgs{Outcomes: outcomes}
	if err := args.Write(ctx, p); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := p.Flush(ctx); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	c.seq++
	e := encoder{dialect: c.protocol.dialect()}
	if c.protocol.framed() {
		e.out = append(e.out, 0, 0, 0, 0)
	}
	e.head("report", onewayMessage, c.seq)
	e.out = append(e.out, body.Bytes()...)
	if c.protocol.framed() {
		binary.BigEndian.PutUint32(e.out, uint32(len(e.out)-frameHeaderBytes))
	}
	if err := c.net.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if _, err := c.net.Write(e.out); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := c.net.SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("clear deadline: %w", err)
	}
	return nil
}
