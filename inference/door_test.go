package inference

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/identity/identitytest"
	"github.com/sluicehq/sluice/idl/gen/control"
)

// silent opens connections to the control port that say no more than so much.
func silent(t *testing.T, r *running, n int, said string) []net.Conn {
	t.Helper()
	var all []net.Conn
	for range n {
		conn, err := r.control.dial()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	synctest.Wait()
	return all
}

// greet opens a connection as a controller does.
func (r *running) greet(token string) (*control.ControlClient, net.Conn) {
	r.t.Helper()
	conn, err := r.control.dial()
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		if _, err := io.WriteString(conn, "sluice "+token+"\n"); err != nil {
			r.t.Fatal(err)
		}
	}
	return control.NewControlClient(thriftClient(conn, FramedBinary)), conn
}

// However many connect and say nothing, or not enough, a controller gets in at
// once, and they are gone after a second.
func TestSilenceTakesNoSeat(t *testing.T) {
	for _, tt := range []struct{ name, token, said string }{
		{"a token is wanted", token, ""},
		{"half a greeting", token, "sluice a tok"},
		{"a greeting and no call", token, "sluice " + token + "\n"},
		{"nothing is wanted", "", ""},
		{"half a frame's length", "", "\x00\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				task := newToyTask(t, newToyShop())
				if tt.token != "" {
					task.o.Control = keeper(t, tokenFile(t, tt.token))
				}
				r := start(t, task)
				defer r.end()
				began := time.Now()
				many := silent(t, r, maxControlConnections+3*maxStrangers, tt.said)
				c, conn := r.greet(tt.token)
				defer conn.Close()
				if s, err := c.Status(t.Context()); err != nil || s.Task != "task-1" {
					t.Fatalf("%v, %v", s, err)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("the controller waited %v", took)
				}
				if n := counterOf(t, task, "sluice_control_refused_total", "crowded"); n != float64(len(many)-maxStrangers+1) {
					t.Errorf("%v went for others", n)
				}
				for _, one := range many {
					if _, err := one.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
						t.Fatal(err)
					}
				}
				if took := time.Since(began); took != introduction {
					t.Errorf("the last is gone after %v, want %v", took, introduction)
				}
				if n := counterOf(t, task, "sluice_control_refused_total", "late"); n != maxStrangers-1 {
					t.Errorf("%v were late", n)
				}
				time.Sleep(time.Minute) // who has introduced himself may be silent
				if _, err := c.Status(t.Context()); err != nil {
					t.Errorf("a minute later: %v", err)
				}
			})
		})
	}
}

// The same where certificates tell who it is.
func TestSilenceTakesNoSeatUnderTLS(t *testing.T) {
	pki := identitytest.New(t)
	task := newToyTask(t, newToyShop())
	task.control.known, task.control.porch.time = keeper(t, pki.Server), time.Minute
	for range maxControlConnections + maxStrangers {
		dialDoor(t, task.control)
	}
	c := control.NewControlClient(thriftClient(tls.Client(dialDoor(t, task.control), keeper(t, pki.Client).Client()), FramedBinary))
	if s, err := c.Status(t.Context()); err != nil || s.Task != "task-1" {
		t.Errorf("%v, %v", s, err)
	}
}

// Where all seats are taken by those who are known, who comes next is told so,
// and gets the first seat that is free.
func TestFullPortSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop())
		task.o.Control = keeper(t, tokenFile(t, token))
		r := start(t, task)
		defer r.end()
		var seated []net.Conn
		for range maxControlConnections {
			c, conn := r.greet(token)
			defer conn.Close()
			if _, err := c.Status(t.Context()); err != nil {
				t.Fatal(err)
			}
			seated = append(seated, conn)
		}
		for range 2 * maxStrangers {
			c, conn := r.greet(token)
			_, err := c.Assign(t.Context(), assigned(low, 1))
			var said thrift.TApplicationException
			if !errors.As(err, &said) || !strings.Contains(said.Error(), fmt.Sprintf("all %d seats", maxControlConnections)) {
				t.Fatal(err)
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("after the answer: %v", err)
			}
		}
		if n := counterOf(t, task, "sluice_connections_rejected_total", "control"); n != 2*maxStrangers {
			t.Errorf("%v were turned away", n)
		}
		if task.orders.given {
			t.Error("somebody without a seat was obeyed")
		}
		seated[7].Close()
		synctest.Wait()
		c, conn := r.greet(token)
		defer conn.Close()
		if _, err := c.Status(t.Context()); err != nil {
			t.Errorf("once a seat is free: %v", err)
		}
	})
}

// Draining does not wait longer for strangers than they have.
func TestDrainWithStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newToyTask(t, newToyShop())
		task.o.DrainDelay, task.o.DrainLinger = 0, 0
		r := start(t, task)
		silent(t, r, 5, "\x00")
		began := time.Now()
		r.end()
		if took := time.Since(began); took > introduction {
			t.Errorf("draining took %v", took)
		}
	})
}
