package fleet

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

// link is a connection to one task, for one call at a time. It does its own
// framing, so that a deadline holds for a whole call and not for each read,
// and so that a reply costs no more memory than has really arrived.
type link struct {
	net.Conn
	limit  int // of a reply, bytes
	seq    int32
	used   time.Time
	broken bool // not fit for another call
}

var _ thrift.TClient = (*link)(nil)

// Call implements thrift.TClient. It ends when ctx does, which must have a
// deadline.
func (l *link) Call(ctx context.Context, method string, args, result thrift.TStruct) (thrift.ResponseMeta, error) {
	l.broken = true // until proven otherwise
	deadline, _ := ctx.Deadline()
	if err := l.SetDeadline(deadline); err != nil {
		return thrift.ResponseMeta{}, err
	}
	interrupt := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })
	defer interrupt()
	l.seq++
	if err := l.send(ctx, method, args); err != nil {
		return thrift.ResponseMeta{}, fmt.Errorf("send %s: %w", method, err)
	}
	reply, err := l.receive()
	if err != nil {
		return thrift.ResponseMeta{}, fmt.Errorf("receive the answer to %s: %w", method, err)
	}
	err = l.decode(ctx, method, reply, result)
	l.broken = err != nil || !interrupt()
	return thrift.ResponseMeta{}, err
}

func (l *link) protocol(b *thrift.TMemoryBuffer) thrift.TProtocol {
	return thrift.NewTBinaryProtocolConf(b, &thrift.TConfiguration{MaxMessageSize: int32(l.limit), MaxFrameSize: int32(l.limit)})
}

func (l *link) send(ctx context.Context, method string, args thrift.TStruct) error {
	b := thrift.NewTMemoryBuffer()
	if _, err := b.Write(make([]byte, 4)); err != nil { // for the length
		return err
	}
	if err := thrift.NewTStandardClient(nil, nil).Send(ctx, l.protocol(b), l.seq, method, args); err != nil {
		return err
	}
	frame := b.Bytes()
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if deadline, _ := ctx.Deadline(); !time.Now().Before(deadline) { // whose timer may be late, after a stop of the process
		return context.DeadlineExceeded
	}
	_, err := l.Write(frame)
	return err
}

// receive reads one frame.
func (l *link) receive() (*bytes.Buffer, error) {
	var head [4]byte
	if _, err := io.ReadFull(l, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > uint32(l.limit) {
		return nil, fmt.Errorf("it would have %d bytes, more than %d: is this the control port?", size, l.limit)
	}
	frame := &bytes.Buffer{} // grows with what arrives
	if _, err := io.CopyN(frame, l, int64(size)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%d of %d bytes: %w", frame.Len(), size, err)
	}
	return frame, nil
}

func (l *link) decode(ctx context.Context, method string, frame *bytes.Buffer, result thrift.TStruct) error {
	err := thrift.NewTStandardClient(nil, nil).Recv(ctx, l.protocol(&thrift.TMemoryBuffer{Buffer: frame}), l.seq, method, result)
	var said thrift.TApplicationException
	if errors.As(err, &said) && said.TypeId() == thrift.INTERNAL_ERROR { // those of any other type are made here
		return fmt.Errorf("the task says: %s", plain(said.Error()))
	}
	if err != nil {
		return fmt.Errorf("understand the answer to %s: %w", method, err)
	}
	return nil
}
