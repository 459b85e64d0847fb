package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/idl/gen/control"
)

// pool keeps one connection per task from call to call.
type pool struct {
	o Options

	mu     sync.Mutex
	idle   map[string]*link
	silent map[string]silence // addresses whose dial got no answer
	swept  time.Time
	closed bool
}

// silentDials is how many silent addresses are waited for at the same time, on
// average.
const silentDials = 16

type silence struct {
	until time.Time
	err   error
}

func newPool(o Options) *pool {
	return &pool{o: o, idle: map[string]*link{}, silent: map[string]silence{}}
}

// call speaks once with the task at an address. A kept connection that turns
// out broken is replaced once: every call may be repeated.
func (p *pool) call(ctx context.Context, address string, f func(context.Context, *control.ControlClient) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	l, used, err := p.take(ctx, address)
	if err != nil {
		return err
	}
	broken, err := p.speak(ctx, address, l, f)
	if broken && used && ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		if l, err = p.connect(ctx, address); err != nil {
			return err
		}
		_, err = p.speak(ctx, address, l, f)
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case hungUp(err):
		return hangsUp(address, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer from %s in time: %w", address, err)
	default:
		return err
	}
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) // it had not read all
}

// hangsUp says what a task may mean that says nothing.
func hangsUp(address string, err error) error {
	return fmt.Errorf("%s hangs up: either it does not know us (do both sides have the same --control-token-file and --control-ca?), "+
		"or too many others crowd its control port (is it closed to all but controllers?): %w", address, err)
}

// speak makes one call on a connection and keeps it or closes it.
func (p *pool) speak(ctx context.Context, address string, l *link, f func(context.Context, *control.ControlClient) error) (broken bool, err error) {
	err = f(ctx, control.NewControlClient(l))
	broken = l.broken
	p.put(address, l)
	return broken, err
}

// take returns the kept connection, or a new one.
func (p *pool) take(ctx context.Context, address string) (l *link, used bool, err error) {
	p.mu.Lock()
	l, used = p.idle[address]
	delete(p.idle, address)
	mute, isMute := p.silent[address]
	p.mu.Unlock()
	if used {
		return l, true, nil
	}
	if isMute && time.Now().Before(mute.until) {
		return nil, false, mute.err
	}
	l, err = p.connect(ctx, address)
	return l, false, err
}

// connect opens a connection. An address that lets us wait is left alone for a
// while, the longer the more there are: a thousand of them cost a few waits at
// any time, not a thousand in every pass.
func (p *pool) connect(outer context.Context, address string) (*link, error) {
	ctx, cancel := context.WithTimeout(outer, p.o.DialTimeout)
	defer cancel()
	c, err := p.introduced(ctx, address)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		if _, was := p.silent[address]; was {
			clear(p.silent) // the way to the others may be open again, too
		}
		return &link{Conn: c, limit: p.o.MaxReplyBytes}, nil
	}
	if late(ctx, err) && outer.Err() == nil {
		err = fmt.Errorf("nothing answers at %s: is the task up, and does its security group let the controller in? %w", address, err)
		rest := p.o.Silence + p.o.DialTimeout*time.Duration(len(p.silent))/silentDials
		p.silent[address] = silence{until: time.Now().Add(rest), err: err}
	}
	return nil, err
}

// introduced dials and proves who calls.
func (p *pool) introduced(ctx context.Context, address string) (net.Conn, error) {
	c, err := p.o.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if p.o.Credentials.WantsTLS() {
		secure := tls.Client(c, p.o.Credentials.Client())
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = c.Close() // nothing was said
			if hungUp(err) {
				return nil, hangsUp(address, err)
			}
			return nil, fmt.Errorf("agree on TLS with %s: do the certificates of both sides fit? %w", address, err)
		}
		c = secure
	}
	greeting := p.o.Credentials.Greeting()
	if len(greeting) == 0 {
		return c, nil
	}
	by, _ := ctx.Deadline() // connect sets one
	err = c.SetWriteDeadline(by)
	if err == nil {
		_, err = c.Write(greeting)
	}
	if err != nil {
		_ = c.Close() // it is broken
		return nil, fmt.Errorf("greet %s: %w", address, err)
	}
	return c, nil
}

// late reports whether a dial ended because its time was up.
func late(ctx context.Context, err error) bool {
	var timeout net.Error
	return ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout()
}

// put keeps a connection that is fit for another call.
func (p *pool) put(address string, l *link) {
	now := time.Now()
	l.used = now
	var old []*link
	p.mu.Lock()
	if _, taken := p.idle[address]; l.broken || taken || p.closed {
		old = append(old, l)
	} else {
		p.idle[address] = l
	}
	old = append(old, p.sweep(now)...)
	p.mu.Unlock()
	closeAll(old)
}

// sweep takes out connections that nobody needs, now and then, and the longest
// unused one whenever there are too many.
func (p *pool) sweep(now time.Time) []*link {
	var old []*link
	if len(p.idle) > p.o.MaxIdle {
		oldest := ""
		for address, l := range p.idle {
			if oldest == "" || l.used.Before(p.idle[oldest].used) {
				oldest = address
			}
		}
		old = append(old, p.idle[oldest])
		delete(p.idle, oldest)
	}
	if now.Sub(p.swept) < p.o.Idle/2 {
		return old
	}
	p.swept = now
	for address, l := range p.idle {
		if now.Sub(l.used) >= p.o.Idle {
			old = append(old, l)
			delete(p.idle, address)
		}
	}
	for address, s := range p.silent {
		if now.After(s.until) {
			delete(p.silent, address)
		}
	}
	return old
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	var old []*link
	for address, l := range p.idle {
		old = append(old, l)
		delete(p.idle, address)
	}
	p.mu.Unlock()
	closeAll(old)
}

func closeAll(links []*link) {
	for _, l := range links {
		_ = l.Close() // nothing of ours is on its way
	}
}
