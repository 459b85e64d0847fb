package auction

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
)

// An auction that is given to a slot in the moment its connection ends goes to
// another, without a try being counted, whichever the slot sees first.
func TestLostConnectionHandsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inBubble(t, small(), &fleet{})
		for range 50 {
			ours, theirs := net.Pipe()
			theirs.Close()
			s := newSlot(l, 0)
			c := newConn(ours, s)
			synctest.Wait() // for the reader to see it
			l.queue.push(held{n: 7, deadline: time.Now().Add(time.Hour)})
			end := s.serve(t.Context(), c)
			if end != closed || len(l.queue.waiting) != 1 || l.queue.waiting[0].n != 7 || l.queue.waiting[0].tries != 0 {
				t.Fatalf("connection %s, waiting %+v: want it closed and auction 7 back, untried", end, l.queue.waiting)
			}
			l.queue.waiting = nil
		}
	})
}

// cannotWrite is a connection that looks well and takes nothing.
type cannotWrite struct{ net.Conn }

func (cannotWrite) Write([]byte) (int, error) { return 0, errors.New("no route to host") }

// A batch that cannot be sent gets one more connection, and is then dropped and
// counted.
func TestReportTries(t *testing.T) {
	l, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	l.enqueue([]*adfilter.Outcome{{Receipt: []byte("1")}, {Receipt: []byte("2")}})
	for try := 1; try <= 2; try++ {
		ours, theirs := net.Pipe()
		s := newSlot(l, 0)
		c := newConn(cannotWrite{ours}, s)
		if s.hand(t.Context(), c, <-l.batches) {
			t.Fatal("a batch was handed over a connection that takes nothing")
		}
		c.close()
		theirs.Close()
		if waiting := len(l.batches); waiting != 2-try {
			t.Fatalf("after try %d, %d batches wait", try, waiting)
		}
	}
	l.handing.Wait()
	if r := l.Snapshot().Reports; r.Dropped != 2 || r.Outcomes != 0 {
		t.Errorf("reports %+v, want 2 dropped", r)
	}
}

// A connection that is idle for longer than an auction may take stays open.
func TestIdleConnectionsStayOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small()
		c.Rate, c.Duration, c.Deadline = 2, 10*time.Second, 100*time.Millisecond
		l := inBubble(t, c, &fleet{decide: forwardAll})
		snapshot := make(chan Summary, 1)
		go func() {
			time.Sleep(5100 * time.Millisecond)
			snapshot <- l.Snapshot()
		}()
		s, during := run(t, l), <-snapshot
		if s.Auctions.Answered != 19 || s.Connections != (Connections{Wanted: 4, Open: 4}) {
			t.Errorf("auctions %+v, connections %+v: want 19 answered over the 4 of the start", s.Auctions, s.Connections)
		}
		if during.Auctions.Answered != 10 || during.Seconds != 5.1 || s.Seconds < 9.5 || s.Seconds > 10 {
			t.Errorf("after 5.1 s %+v at %v s, at the end %v s", during.Auctions, during.Seconds, s.Seconds)
		}
	})
}
