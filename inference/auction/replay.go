package auction

import (
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
)

// Requests counts the lines of a Replay.
type Requests struct {
	feature.Seen

	// Starved is for how long auctions waited for their line: the input was
	// slower than the rate. No latency holds it.
	Starved float64 `json:"starved_seconds"`
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
	return &replay{config: *c.Replay, reader: newLineReader(c), ahead: make(chan *line, maxAhead), room: semaphore.NewWeighted(maxAheadBytes), seen: Requests{Seen: feature.Seen{Named: []feature.BadLine{}}}}
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
	return s.None()
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
	in, err := feature.OpenLog(r.config.Input)
	if err != nil {
		return fmt.Errorf("read requests: %w", err)
	}
	for ctx.Err() == nil {
		doc, number, bad, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read requests, %w", err)
		}
		var l *line
		if bad == nil {
			l, bad = r.reader.read(doc, number)
		}
		if err := r.count(number, bad); err != nil {
			return err
		}
		if l != nil {
			if err := take(l); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// count notes what became of a line. The error is that of a strict replay.
func (r *replay) count(number int64, bad error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bad != nil && r.config.Strict {
		return fmt.Errorf("requests, line %d: %w", number, bad)
	}
	r.seen.Count(number, bad)
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
	s.Named = append([]feature.BadLine{}, s.Named...)
	return &s
}

// size is what a line takes in memory, about.
func (l *line) size() int {
	const overhead, perName = 160, 16
	return overhead + len(l.id) + len(l.rest) + perName*(len(l.partners)+len(l.bidders)+len(l.prices))
}
