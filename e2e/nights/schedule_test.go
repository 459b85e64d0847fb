package nights

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// What a call comes back with when the schedule is unkind.
var (
	errLost     = errors.New("the connection broke")
	errConflict = errors.New("a conflicting write is under way") // S3's 409
	errBusy     = errors.New("please slow down")                 // S3's 503
	errDead     = errors.New("this process is no more")
	errOver     = errors.New("the night is over")
)

// fault is what the schedule does to one call.
type fault string

const (
	fine        fault = ""
	lostRequest fault = "request lost"
	lostReply   fault = "reply lost"
	lateReply   fault = "reply late"
	delayed     fault = "delayed" // the caller has given up when it arrives
	silent      fault = "no answer"
	conflict    fault = "409"
	busy        fault = "503"
)

// call is one call of a port. It waits until the schedule lets it go on: to
// where it is answered, and back.
type call struct {
	proc *process // whose call it is; nil for tasks and people
	by   *task    // whose call it is, if a task's
	who  string
	what string
	task string // that is to answer, if any
	ctx  context.Context
	menu []fault      // that can happen to it
	do   func() error // its effect, on the schedule's goroutine

	order   int       // of arrival, where nothing else tells two calls apart
	born    time.Time // when the caller made it
	after   time.Time // not before
	arrived bool      // the effect has happened, and held is what it came to
	held    error
	mute    bool // nobody answers
	thawed  bool // its process was frozen in the middle of it
	late    bool // nobody waits for it any more
	answer  chan error
}

// schedule is where every call waits for its turn. Whoever makes one blocks, so
// that between two turns nothing in the world moves: which call is next, when,
// and what becomes of it is the seed's choice alone.
type schedule struct {
	chance *rand.Rand
	bell   chan struct{} // of capacity 1: something is new

	mu       sync.Mutex
	pending  []*call
	arrivals int
	over     bool
}

func newSchedule(seed uint64) *schedule {
	return &schedule{chance: rand.New(rand.NewPCG(seed, 0)), bell: make(chan struct{}, 1)}
}

func (s *schedule) ring() {
	select {
	case s.bell <- struct{}{}:
	default: // it rings already
	}
}

// wait takes a call's turn, and returns what it came to.
func (s *schedule) wait(c call) error {
	c.answer, c.born = make(chan error, 1), time.Now()
	s.mu.Lock()
	switch {
	case s.over:
		s.mu.Unlock()
		return errOver
	case c.proc != nil && c.proc.dead, c.by != nil && c.by.dead:
		s.mu.Unlock()
		return errDead
	}
	c.order = s.arrivals
	s.arrivals++
	s.pending = append(s.pending, &c)
	s.mu.Unlock()
	s.ring()
	stop := context.AfterFunc(c.ctx, s.ring)
	defer stop()
	return <-c.answer
}

// waiting are the pending calls in an order that no scheduler of Go's has a
// say in.
func (s *schedule) waiting(which func(*call) bool) []*call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*call
	for _, c := range s.pending {
		if which(c) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b *call) int {
		return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.what, b.what), a.born.Compare(b.born), cmp.Compare(a.order, b.order))
	})
	return found
}

// finish answers a call and forgets it.
func (s *schedule) finish(c *call, err error) {
	s.mu.Lock()
	s.pending = slices.DeleteFunc(s.pending, func(o *call) bool { return o == c })
	s.mu.Unlock()
	c.answer <- err
}

// add lets something happen later that nobody waits for.
func (s *schedule) add(c call) {
	c.answer, c.born, c.ctx = make(chan error, 1), time.Now(), context.Background()
	s.mu.Lock()
	c.order = s.arrivals
	s.arrivals++
	s.pending = append(s.pending, &c)
	s.mu.Unlock()
}

// end lets everybody go who waits, and everybody who comes.
func (s *schedule) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for _, c := range s.pending {
		c.answer <- errOver
	}
	s.pending = nil
}

// after draws a moment about d from now.
func (s *schedule) about(d time.Duration) time.Duration {
	return time.Duration(s.chance.ExpFloat64()*float64(d)) + time.Duration(1+s.chance.IntN(1000))
}

// between draws a duration.
func (s *schedule) between(low, high time.Duration) time.Duration {
	return low + time.Duration(s.chance.Int64N(int64(high-low))) + 1
}

func (s *schedule) maybe(p float64) bool { return s.chance.Float64() < p }

func pick[T any](s *schedule, of []T) T { return of[s.chance.IntN(len(of))] }
