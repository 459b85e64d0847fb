package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// server is a child that serves.
type server struct {
	hello
	process *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
}

// start runs a child; stop it.
func start(ctx context.Context, k kind, trees, releases, reply int) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startProgram(ctx, self, k, trees, releases, reply)
}

// startProgram runs a child of another program.
func startProgram(ctx context.Context, program string, k kind, trees, releases, reply int) (*server, error) {
	s := &server{process: exec.CommandContext(ctx, program, "serve", string(k), strconv.Itoa(trees), strconv.Itoa(releases), strconv.Itoa(reply))}
	s.process.Stderr = os.Stderr
	var err error
	if s.in, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = json.NewDecoder(out)
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	if err := s.out.Decode(&s.hello); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", k, err), s.stop())
	}
	return s, nil
}

func (s *server) stop() error {
	s.in.Close()
	return s.process.Wait()
}

func (s *server) used() (u usage, err error) {
	if _, err := io.WriteString(s.in, "\n"); err != nil {
		return u, err
	}
	return u, s.out.Decode(&u)
}

// load is some connections that ask again as soon as they are answered.
type load struct {
	of     *server
	conns  []net.Conn
	calls  [][]byte
	depth  int          // calls at once per connection
	reply  atomic.Int64 // bytes of the last answer
	wanted int          // bytes that a real answer has at least
	idle   float64      // allocations per second of a server that nobody asks
}

// rest measures what the server allocates for itself.
func (l *load) rest(d time.Duration) error {
	before, err := l.of.used()
	if err != nil {
		return err
	}
	time.Sleep(d)
	after, err := l.of.used()
	l.idle = float64(after.Mallocs-before.Mallocs) / d.Seconds()
	return err
}

// connect opens connections; close them.
func connect(s *server, connections, depth int, calls [][]byte) (*load, error) {
	l := &load{of: s, depth: depth}
	for i := range calls {
		var batch []byte
		for d := range depth {
			batch = append(batch, calls[(i+d)%len(calls)]...)
		}
		l.calls = append(l.calls, batch)
	}
	for range connections {
		conn, err := net.Dial("tcp", s.Data)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.conns = append(l.conns, conn)
	}
	return l, nil
}

func (l *load) close() error {
	var errs []error
	for _, conn := range l.conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// run asks for d and returns how often it was answered.
func (l *load) run(d time.Duration) (int64, error) {
	end := time.Now().Add(d)
	var answered, short atomic.Int64
	var all sync.WaitGroup
	failures := make([]error, len(l.conns))
	for i, conn := range l.conns {
		all.Go(func() {
			in := bufio.NewReaderSize(conn, 2048)
			for n := i; time.Now().Before(end); n++ {
				if _, failures[i] = conn.Write(l.calls[n%len(l.calls)]); failures[i] != nil {
					return
				}
				for range l.depth {
					size, err := discardFrame(in)
					if err != nil {
						failures[i] = err
						return
					}
					l.reply.Store(int64(size))
					if size < l.wanted {
						short.Add(1)
					}
				}
				answered.Add(int64(l.depth))
			}
		})
	}
	all.Wait()
	if n := short.Load(); n > 0 {
		failures = append(failures, fmt.Errorf("%d of %d auctions were forwarded without a score", n, answered.Load()))
	}
	return answered.Load(), errors.Join(failures...)
}

// turn is run, and what one request cost the server.
func (l *load) turn(d time.Duration) (cpu, allocations float64, err error) {
	before, err := l.of.used()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	n, err := l.run(d)
	if err != nil {
		return 0, 0, err
	}
	own := l.idle * time.Since(began).Seconds()
	after, err := l.of.used()
	if err != nil || n == 0 {
		return 0, 0, errors.Join(err, errors.New("no request was answered"))
	}
	return (after.CPU - before.CPU) / float64(n), max(0, float64(after.Mallocs-before.Mallocs)-own) / float64(n), nil
}

// discardFrame returns how long the frame was, its length included.
func discardFrame(in *bufio.Reader) (int, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	_, err := in.Discard(n)
	return n + 4, err
}

// ready waits until the server answers with scores: until then its answers lack
// the digest of a release.
func ready(s *server, calls [][]byte, partners int) error {
	digest := []byte(nil)
	if len(s.Releases) > 0 {
		digest = []byte(s.Releases[0])
	}
	for range 600 {
		conn, err := net.Dial("tcp", s.Data)
		if err != nil {
			return err
		}
		got, err := ask(conn, calls[0])
		conn.Close()
		if err != nil {
			return err
		}
		if bytes.Contains(got, digest) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the server of %d partners has no release after half a minute", partners)
}

func ask(conn net.Conn, call []byte) ([]byte, error) {
	if _, err := conn.Write(call); err != nil {
		return nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	got := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(conn, got)
	return got, err
}
