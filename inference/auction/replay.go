package auction

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/sluicehq/sluice/inference/feature"
)

// Replay says which auctions to hold instead of a world's: lines of OpenRTB
// 2.5 or 2.6, bare or wrapped as world.WriteLog does, as sloppy as exchanges
// write them. Each line is taken or refused as a whole.
type Replay struct {
	// Input is read to its end, once. What begins as gzip does is unpacked.
	Input io.Reader

	// Once ends the load with the input, which is read while auctions run and
	// may be of any length. Otherwise it is read into memory before the first
	// auction, at most MaxReplayBytes, and held again and again; from the second
	// time on the ids of requests get a suffix.
	Once bool

	// Strict ends the load at the first line that cannot be taken.
	Strict bool

	// PartnerNames are asked about in every auction. Where there are none, it is
	// those that the wrapper names, else the seats of wseat.
	PartnerNames []string
}

// Bounds of a Replay.
const (
	MaxReplayBytes = 512 << 20 // kept in memory, as they are sent
	maxAhead       = 1024      // lines that are read ahead
	maxAheadBytes  = 64 << 20  // of lines that are read ahead
	maxNamed       = 10        // lines that could not be taken and are named
)

// Requests counts the lines of a Replay.
type Requests struct {
	Lines   int64     `json:"lines"`   // that were not empty
	Taken   int64     `json:"taken"`   // of those
	Skipped int64     `json:"skipped"` // of those: they could not be taken
	Named   []BadLine `json:"named"`   // the first of the skipped ones

	// Starved is for how long auctions waited for their line: the input was
	// slower than the rate. No latency holds it.
	Starved float64 `json:"starved_seconds"`
}

// BadLine is a line that could not be taken.
type BadLine struct {
	Line   int64  `json:"line"` // from 1 on
	Reason string `json:"reason"`
}

// replay reads a Replay.
type replay struct {
	config Replay
	reader *lineReader
	ahead  chan *line          // closed at the end of the input
	room   *semaphore.Weighted // bytes that lines ahead may have
	kept   []*line             // where the input is not read while auctions run

	mu   sync.Mutex
	seen Requests
	err  error // why the input ended before its end
}

func newReplay(c Config) *replay {
	return &replay{config: *c.Replay, reader: newLineReader(c), ahead: make(chan *line, maxAhead), room: semaphore.NewWeighted(maxAheadBytes), seen: Requests{Named: []BadLine{}}}
}

// keep reads all lines into memory.
func (r *replay) keep(ctx context.Context) error {
	size := 0
	err := r.lines(ctx, func(l *line) error {
		if size += l.size(); size > MaxReplayBytes {
			return fmt.Errorf("the requests take more than %d MB of memory; hold them once with --once, which needs none", MaxReplayBytes>>20)
		}
		r.kept = append(r.kept, l)
		return nil
	})
	if err != nil {
		return err
	}
	return r.none()
}

// none is an error where there is not one auction to hold.
func (r *replay) none() error {
	s := r.summary()
	switch {
	case s.Taken > 0:
		return nil
	case s.Skipped > 0:
		return fmt.Errorf("not one of %d requests can be taken; line %d: %s", s.Lines, s.Named[0].Line, s.Named[0].Reason)
	}
	return errors.New("there are no requests: the input is empty")
}

// feed reads lines while auctions run.
func (r *replay) feed(ctx context.Context) {
	defer close(r.ahead)
	err := r.lines(ctx, func(l *line) error {
		if err := r.room.Acquire(ctx, int64(l.size())); err != nil {
			return err
		}
		select {
		case r.ahead <- l:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err == nil {
		err = r.none()
	}
	if ctx.Err() == nil {
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
	}
}

// lines hands every line that can be taken to take, in order.
func (r *replay) lines(ctx context.Context, take func(*line) error) error {
	in, err := unpacked(r.config.Input)
	if err != nil {
		return fmt.Errorf("read requests: %w", err)
	}
	for number := int64(1); ctx.Err() == nil; number++ {
		doc, tooLong, err := readLine(in)
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return fmt.Errorf("read requests, line %d: %w", number, err)
		}
		var l *line
		var bad error
		if tooLong {
			bad = fmt.Errorf("it has more than %d bytes; put each request on a line of its own", feature.MaxLineBytes)
		} else {
			l, bad = r.reader.read(doc, number)
		}
		if err := r.count(number, l, bad); err != nil {
			return err
		}
		if l != nil {
			if err := take(l); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
	return ctx.Err()
}

// count notes what became of a line. The error is that of a strict replay.
func (r *replay) count(number int64, l *line, bad error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case bad != nil && r.config.Strict:
		return fmt.Errorf("requests, line %d: %w", number, bad)
	case bad != nil:
		r.seen.Lines++
		r.seen.Skipped++
		if len(r.seen.Named) < maxNamed {
			r.seen.Named = append(r.seen.Named, BadLine{number, bad.Error()})
		}
	case l != nil:
		r.seen.Lines++
		r.seen.Taken++
	}
	return nil
}

// next returns the line of auction n. The time that it had to be waited for is
// starved. It is nil at the input's end, and when ctx or the time is over.
func (r *replay) next(ctx context.Context, n uint64, until <-chan time.Time) (l *line, pass uint64, starved time.Duration) {
	if !r.config.Once {
		count := uint64(len(r.kept))
		return r.kept[n%count], n / count, 0
	}
	l, starved = r.await(ctx, until)
	if l != nil {
		r.room.Release(int64(l.size()))
	}
	return l, 0, starved
}

// await takes the next line that was read, or waits for it.
func (r *replay) await(ctx context.Context, until <-chan time.Time) (*line, time.Duration) {
	select {
	case l := <-r.ahead:
		return l, 0
	default:
	}
	start := time.Now()
	var l *line
	select {
	case l = <-r.ahead:
	case <-until:
	case <-ctx.Done():
	}
	starved := time.Since(start)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Starved += starved.Seconds()
	return l, starved
}

// failure is why the input ended before its end, or nil.
func (r *replay) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *replay) summary() *Requests {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seen
	s.Named = append([]BadLine{}, s.Named...)
	return &s
}

// size is what a line takes in memory, about.
func (l *line) size() int {
	const overhead, perName = 160, 16
	return overhead + len(l.id) + len(l.rest) + perName*(len(l.partners)+len(l.bidders)+len(l.prices))
}

const readAheadBytes = 256 << 10

// unpacked recognises gzip by its first bytes, whatever the file is called.
func unpacked(in io.Reader) (*bufio.Reader, error) {
	raw := bufio.NewReaderSize(in, readAheadBytes)
	magic, err := raw.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return raw, nil
	}
	z, err := gzip.NewReader(raw)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return bufio.NewReaderSize(z, readAheadBytes), nil
}

// readLine returns the next line, which is only valid until the next call. Of
// one that is too long it keeps nothing. io.EOF comes with the last line.
func readLine(in *bufio.Reader) (doc []byte, tooLong bool, err error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) && long == nil && !tooLong {
			return part, false, err
		}
		if tooLong = tooLong || len(long)+len(part) > feature.MaxLineBytes; tooLong {
			long = nil
		} else {
			long = append(long, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return long, tooLong, err
		}
	}
}
