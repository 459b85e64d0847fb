package auction

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// script is a task that is told how to treat the frames of a connection.
type script struct {
	t     *testing.T
	mu    sync.Mutex
	conns int
	play  func(conn int, in *frames)
}

// frames is one connection of a script.
type frames struct {
	t    *testing.T
	conn net.Conn
	ids  []string // of the requests so far
	seqs []int32
}

func (s *script) pipe(context.Context, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	s.mu.Lock()
	n := s.conns
	s.conns++
	s.mu.Unlock()
	go func() {
		defer theirs.Close()
		s.play(n, &frames{t: s.t, conn: theirs})
	}()
	return ours, nil
}

// next reads a request and returns its position, or false when the client went.
func (f *frames) next() (int, bool) {
	var head [4]byte
	if _, err := io.ReadFull(f.conn, head[:]); err != nil {
		return 0, false
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(f.conn, body); err != nil {
		f.t.Error("a frame is cut short")
		return 0, false
	}
	p := generated(plain, memory(body))
	_, _, seq, err := p.ReadMessageBegin(context.Background())
	var args adfilter.AdFilterDecideArgs
	if err != nil || args.Read(context.Background(), p) != nil {
		f.t.Errorf("request %q: %v", body, err)
	}
	f.ids, f.seqs = append(f.ids, args.Request.GetID()), append(f.seqs, seq)
	return len(f.ids) - 1, true
}

// answer answers the i-th request of the connection, under its sequence id.
func (f *frames) answer(i int) { f.answerAs(f.seqs[i]) }

func (f *frames) answerAs(seq int32) {
	d := decided(0, "r1", []string{"east", "north", "south", "void"})
	body := reply(f.t, plain, seq, thrift.REPLY, &adfilter.AdFilterDecideResult{Success: d})
	_, _ = f.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
}

// scripted makes a load on one connection over pipes.
func scripted(t *testing.T, depth int, play func(conn int, in *frames)) *Load {
	t.Helper()
	c := small()
	c.Connections, c.Depth, c.Deadline, c.Duration = 1, depth, 100*time.Millisecond, 505*time.Millisecond // 50 auctions
	l := inBubble(t, c, &fleet{})
	l.dial = (&script{t: t, play: play}).pipe
	return l
}

// As many auctions are in hand on a connection as its depth says and no more.
func TestPipelines(t *testing.T) {
	for _, depth := range []int{1, 2, 5, 64} {
		synctest.Test(t, func(t *testing.T) {
			most := 0
			l := scripted(t, depth, func(_ int, in *frames) {
				came := make(chan int32, 50)
				go func() {
					defer close(came)
					for i, ok := in.next(); ok; i, ok = in.next() {
						came <- in.seqs[i]
					}
				}()
				for first := range came { // every 50 ms, answers all that is there
					time.Sleep(50 * time.Millisecond)
					batch := []int32{first}
					for len(came) > 0 {
						batch = append(batch, <-came)
					}
					most = max(most, len(batch))
					for _, seq := range batch {
						in.answerAs(seq)
					}
				}
			})
			l.config.Deadline = 30 * time.Second
			s := run(t, l)
			if want := min(depth, 5); s.Auctions.Answered != 50 || most < want || most > depth {
				t.Errorf("depth %d: %d answered, %d in hand at most, want %d", depth, s.Auctions.Answered, most, want)
			}
		})
	}
}

// An answer that is late costs its own auction, not the connection nor what is
// behind it.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := scripted(t, 20, func(_ int, in *frames) {
			for {
				i, ok := in.next()
				if !ok {
					return
				}
				if i == 10 {
					time.Sleep(105 * time.Millisecond)
				}
				in.answer(i)
			}
		})
		s := run(t, l)
		if s.Auctions.Answered != 49 || s.FailedBy.Timeout != 1 || s.Auctions.AnsweredLate != 1 || s.Connections.Broken != 0 || s.Auctions.Retried != 0 {
			t.Errorf("auctions %+v by %+v, connections %+v", s.Auctions, s.FailedBy, s.Connections)
		}
	})
}

// An auction that was tried elsewhere has less time left than those before it
// on its new connection, and goes on when that is over all the same.
func TestDeadlinesOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := scripted(t, 8, nil)
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		s := newSlot(l, 0)
		c := newConn(ours, s)
		start := time.Now()
		l.pending.Add(2)
		go func() {
			s.serve(t.Context(), c)
			theirs.Close()
		}()
		for _, after := range []time.Duration{100 * time.Millisecond, 30 * time.Millisecond} {
			synctest.Wait()
			l.offer(held{due: start, deadline: start.Add(after)})
		}
		time.Sleep(31 * time.Millisecond)
		if failed := l.Snapshot().Auctions.Failed; failed != 1 {
			t.Errorf("%d went on after 31 ms, want 1", failed)
		}
		l.pending.Wait()
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("the other went on after %v, want 100ms", took)
		}
	})
}

// A connection that owes an answer for twice the deadline is given up. It gets
// nothing more from the first deadline on, and what is behind goes elsewhere
// while it has time.
func TestGivesUpDeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make([]int, 10)
		l := scripted(t, 64, func(conn int, in *frames) {
			for {
				i, ok := in.next()
				if !ok {
					asked[conn] = len(in.ids)
					return
				}
				if conn > 0 || i < 10 { // the first connection answers 10
					in.answer(i)
				}
			}
		})
		s := run(t, l)
		synctest.Wait() // for the script to see the end
		// Auctions 10 to 20 go on the dead connection until the first of them is
		// 100 ms old. Those after wait another 100 ms for a connection, some in vain.
		if s.Connections.Broken != 1 || asked[0] < 20 || asked[0] > 21 || s.FailedBy.Timeout != 50-s.Auctions.Answered || s.FailedBy.Timeout < 11 || s.FailedBy.Timeout > 22 {
			t.Errorf("auctions %+v by %+v, connections %+v, asked %v", s.Auctions, s.FailedBy, s.Connections, asked)
		}
	})
}

// A connection that breaks with many in hand loses none of them, and one on
// which answers come in another order is not to be trusted.
func TestBreaksWithManyInHand(t *testing.T) {
	for name, end := range map[string]func(in *frames){
		"closed":      func(in *frames) { in.conn.Close() },
		"out of turn": func(in *frames) { in.answer(6) },
		"of nobody":   func(in *frames) { in.answerAs(999) },
		"garbage":     func(in *frames) { _, _ = io.WriteString(in.conn, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"too long":    func(in *frames) { _, _ = in.conn.Write([]byte{0x7f, 0, 0, 0}) },
		"half":        func(in *frames) { _, _ = in.conn.Write([]byte{0, 0, 1, 0, 0x80}); in.conn.Close() },
		"twice":       func(in *frames) { in.answer(5); in.answer(5) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				seen := map[string]int{}
				l := scripted(t, 8, func(conn int, in *frames) {
					for {
						i, ok := in.next()
						if !ok {
							return
						}
						mu.Lock()
						seen[in.ids[i]]++
						mu.Unlock()
						switch {
						case conn > 0 || i < 5:
							in.answer(i)
						case i == 9:
							end(in)
						}
					}
				})
				s := run(t, l)
				if s.Auctions.Answered != 50 || s.Auctions.Retried < 4 || s.Auctions.Retried > 5 || s.Connections.Broken != 1 || len(seen) != 50 {
					t.Errorf("auctions %+v by %+v, connections %+v, %d seen", s.Auctions, s.FailedBy, s.Connections, len(seen))
				}
			})
		})
	}
}

// An aged connection takes nothing more and loses nothing.
func TestRetiresWithManyInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{decide: func(n uint64, partners []string) (*adfilter.Decision, error) {
			time.Sleep(9 * time.Millisecond)
			return forwardAll(n, partners)
		}}
		c := small()
		c.Connections, c.Depth, c.ConnectionAge, c.Rate, c.Duration = 5, 8, 100*time.Millisecond, 500, 5*time.Second
		s := run(t, inBubble(t, c, f))
		if s.Auctions.Answered != 2499 || s.Auctions.Retried != 0 || s.Connections.Rotated < 150 || s.Connections.Broken != 0 {
			t.Errorf("auctions %+v by %+v, connections %+v", s.Auctions, s.FailedBy, s.Connections)
		}
	})
}

// Auctions go to the connection with the fewest in hand, of those to the one
// that has waited longest; a stalled one gets none.
func TestQueuePrefersIdle(t *testing.T) {
	q := newQueue(3, 2)
	slots := make([]*slot, 3)
	for i := range slots {
		slots[i] = &slot{work: make(chan held, 2)}
		q.join(slots[i])
	}
	holder := func() string {
		var b []byte
		for _, s := range slots {
			b = fmt.Append(b, len(s.work))
		}
		return string(b)
	}
	step := func(what string, do func(), want string) {
		t.Helper()
		do()
		if got := holder(); got != want {
			t.Fatalf("%s: in hand %s, want %s", what, got, want)
		}
	}
	push := func() { q.push(held{}) }
	take := func(i int) func() { return func() { <-slots[i].work; q.done(slots[i]) } }
	step("first", push, "100")
	step("second", push, "110")
	step("done", take(0), "010")
	step("the longest idle one", push, "011")
	step("then the next", push, "111")
	step("stalled", func() { q.stall(slots[0], true); push() }, "121")
	step("not the stalled one", push, "122")
	step("waits", push, "122")
	step("fills what is free", take(1), "122")
	step("until it is well", func() { push(); push(); q.stall(slots[0], false) }, "222")
	step("left", func() { q.stall(slots[0], false); <-slots[2].work; q.leave(slots[2]); q.done(slots[2]) }, "220")
	if len(q.waiting) != 1 {
		t.Errorf("%d wait, want 1", len(q.waiting))
	}
	step("back", func() { q.join(slots[2]) }, "221")
}
