package controller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestLease shows that one controller leads, that a silent one is replaced
// after the lease's time by a higher epoch, whatever the wall clocks say, and
// that one that ends gives the lease back at once.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx := t.Context()
		a := &Elector{Documents: w, Name: "a", TTL: 15 * time.Second}
		b := &Elector{Documents: w, Name: "b", TTL: 15 * time.Second}
		hold := func(e *Elector, want int64) {
			t.Helper()
			if epoch, err := e.Hold(ctx, time.Now()); err != nil || epoch != want {
				t.Fatalf("%s holds epoch %d (%v), want %d", e.Name, epoch, err, want)
			}
		}
		hold(a, 1)
		for range 20 {
			hold(b, 0)
			hold(a, 1)
			time.Sleep(4 * time.Second)
		}
		for range 4 { // a falls silent
			hold(b, 0)
			time.Sleep(4 * time.Second)
		}
		hold(b, 2)
		hold(a, 0)
		if err := b.Release(ctx); err != nil {
			t.Fatal(err)
		}
		hold(a, 3)
	})
}

// TestLeaseLostReply shows that a controller knows its own lease again when
// the reply to writing it was lost, and waits for nobody.
func TestLeaseLostReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		deaf := &deafDocuments{Documents: w}
		a := &Elector{Documents: deaf, Name: "a", TTL: 15 * time.Second}
		b := &Elector{Documents: w, Name: "b", TTL: 15 * time.Second}
		hold := func(e *Elector, want int64) {
			t.Helper()
			if epoch, _ := e.Hold(t.Context(), time.Now()); epoch != want {
				t.Fatalf("%s holds epoch %d, want %d", e.Name, epoch, want)
			}
			time.Sleep(time.Millisecond)
		}
		deaf.lost = true
		hold(a, 0) // it was written, and a cannot know
		hold(b, 0)
		deaf.lost = false
		hold(a, 1)
		hold(b, 0)
		time.Sleep(8 * time.Second)
		deaf.lost = true
		hold(a, 1) // renewed, and a cannot know; it may act for a while yet
		deaf.lost = false
		hold(a, 0) // somebody wrote
		hold(a, 1) // it was a itself
		hold(b, 0)
		time.Sleep(16 * time.Second)
		hold(b, 2)
		hold(a, 0)
	})
}

// deafDocuments write, and lose the reply.
type deafDocuments struct {
	Documents
	lost bool
}

func (d *deafDocuments) Put(ctx context.Context, key string, body []byte, etag string) (string, error) {
	newETag, err := d.Documents.Put(ctx, key, body, etag)
	if err == nil && d.lost {
		return "", errors.New("the reply is lost")
	}
	return newETag, err
}

// While --lease is being changed, controllers differ in it: whoever waits does
// so for as long as the holder may act.
func TestLeaseOfAnotherLength(t *testing.T) {
	w := newWorld()
	start := time.Now()
	long := &Elector{Documents: w, Name: "long", TTL: time.Minute}
	short := &Elector{Documents: w, Name: "short", TTL: time.Second}
	if epoch, err := long.Hold(t.Context(), start); epoch != 1 || err != nil {
		t.Fatalf("got epoch %d, %v", epoch, err)
	}
	for at := time.Duration(0); at < time.Minute; at += 250 * time.Millisecond { // the holder is frozen
		if epoch, err := short.Hold(t.Context(), start.Add(at)); epoch != 0 || err != nil {
			t.Fatalf("after %v another leads under epoch %d (%v), while the first may act for %v", at, epoch, err, long.Until().Sub(start))
		}
	}
	if epoch, err := short.Hold(t.Context(), start.Add(time.Minute)); epoch != 2 || err != nil {
		t.Errorf("after the holder's lease: epoch %d, %v", epoch, err)
	}
}
