package controller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

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
