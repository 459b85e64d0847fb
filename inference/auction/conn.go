package auction

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/inference/auction/world"
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

// maxAnswerBytes bounds what a server can make us allocate.
const maxAnswerBytes = 1 << 20

func (p Protocol) client(s *thrift.StreamTransport) *adfilter.AdFilterClient {
	strict := true
	conf := &thrift.TConfiguration{
		MaxMessageSize:    maxAnswerBytes,
		MaxFrameSize:      maxAnswerBytes,
		TBinaryStrictRead: &strict,
	}
	var t thrift.TTransport = s
	if p == FramedBinary || p == FramedCompact {
		t = thrift.NewTFramedTransportConf(s, conf)
	}
	if p == FramedCompact || p == Compact {
		return adfilter.NewAdFilterClientFactory(t, thrift.NewTCompactProtocolFactoryConf(conf))
	}
	return adfilter.NewAdFilterClientFactory(t, thrift.NewTBinaryProtocolFactoryConf(conf))
}

// conn is one connection. A goroutine watches it, so that its end is known at
// once also while nothing is asked.
type conn struct {
	net    net.Conn
	in     *bufio.Reader
	ready  chan bool     // true: bytes wait and the watcher does not read; closed: the connection has ended
	resume chan struct{} // lets the watcher read again; closed by close
	client *adfilter.AdFilterClient
	mine   bool          // the watcher does not read
	ended  error         // why; written before ready says so
	done   chan struct{} // closed when the watcher has returned
}

func newConn(n net.Conn, p Protocol) *conn {
	c := &conn{
		net:    n,
		in:     bufio.NewReader(n),
		ready:  make(chan bool, 1),
		resume: make(chan struct{}, 1),
		done:   make(chan struct{}),
	}
	c.client = p.client(thrift.NewStreamTransport(c, n))
	go c.watch()
	return c
}

// watch waits for the first byte of each answer.
func (c *conn) watch() {
	defer close(c.done)
	for {
		if _, err := c.in.Peek(1); err != nil {
			c.ended = err
			close(c.ready)
			return
		}
		c.ready <- true
		if _, more := <-c.resume; !more {
			return
		}
	}
}

// Read is how the generated client reads an answer.
func (c *conn) Read(p []byte) (int, error) {
	if !c.mine {
		if !<-c.ready {
			return 0, c.ended
		}
		c.mine = true
	}
	return c.in.Read(p)
}

// lost says whether the server has closed, or sent what nobody asked for.
func (c *conn) lost() bool {
	select {
	case <-c.ready:
		return true
	default:
		return false
	}
}

// close ends the connection and waits for its watcher.
func (c *conn) close() {
	_ = c.net.Close() // nothing is owed to the other side
	close(c.resume)
	<-c.done
}

// decide asks what to do with an auction. After an error that is not usable,
// the connection is only fit to be closed.
func (c *conn) decide(ctx context.Context, w world.Auction, tmax time.Duration, deadline time.Time) (*adfilter.Decision, error) {
	if err := c.net.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	d, err := c.client.Decide(ctx, BidRequest(w.Request, tmax), w.Partners)
	if err != nil && !usable(err) {
		return nil, fmt.Errorf("decide: %w", err)
	}
	// Without a deadline first, or the watcher could run into it.
	if err := c.net.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("clear deadline: %w", err)
	}
	if c.mine {
		c.mine = false
		c.resume <- struct{}{}
	}
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	return d, fits(d, w.Partners)
}

// report hands outcomes back. There is no answer.
func (c *conn) report(ctx context.Context, outcomes []*adfilter.Outcome, limit time.Duration) error {
	if err := c.net.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if err := c.client.Report(ctx, outcomes); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
