package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// leaseKey is where the lease lies.
const leaseKey = "lease.json"

// lease is the document that elects the leader. Its epoch grows with every new
// leader; tasks refuse an older one. No clock of another machine is believed:
// who waits for a lease watches whether it changes.
type lease struct {
	Holder  string    `json:"holder"` // empty once given back
	Epoch   int64     `json:"epoch"`
	Renewal int64     `json:"renewal"` // counts up, so that every renewal changes the document
	At      time.Time `json:"at"`      // for people

	TTL time.Duration `json:"ttl,omitempty"` // the holder's, which acts by no other
}

// MaxTTL bounds how long a lease may last.
const MaxTTL = time.Hour

// Elector takes and keeps the lease.
type Elector struct {
	Documents Documents
	Name      string        // of this process, for people
	TTL       time.Duration // a lease unchanged for so long is free
	Traces    []string      // keys of documents by which one can tell that somebody has led

	held  lease
	tried [2]lease // written since the last reply, whether or not they arrived
	etag  string
	used  int64                     // epochs up to this one belong to others
	until atomic.Pointer[time.Time] // up to which this process may act

	silent   string        // whose abandoned lease became ours; empty where it was given back
	seenETag string        // of somebody else's lease
	seenAt   time.Time     // when it was first seen
	seenTTL  time.Duration // unchanged for so long, it is free
	blind    bool          // then or since, the store did not answer for a TTL: its holder may have been as unable to renew it
	asked    time.Time     // when the store answered last
}

// maxEpoch is beyond what leaders can come to: whoever wrote more was none.
const maxEpoch = 1 << 62

// Hold reports the epoch under which this process may act now, taking or
// renewing the lease as needed; zero while somebody else holds it. An error
// leaves a lease already held in force until it runs out.
func (e *Elector) Hold(ctx context.Context, now time.Time) (epoch int64, err error) {
	if e.etag != "" && e.held.Epoch > e.used && before(now, e.Until().Add(-e.TTL/2)) {
		return e.held.Epoch, nil
	}
	if err := e.renew(ctx, now); err != nil {
		if e.etag != "" && before(now, e.Until()) {
			return e.held.Epoch, fmt.Errorf("renew the lease: %w", err)
		}
		e.lose()
		return 0, fmt.Errorf("take the lease: %w", err)
	}
	if e.etag == "" {
		return 0, nil
	}
	return e.held.Epoch, nil
}

// Until is the moment after which this process must not act without holding
// the lease anew. Any goroutine may ask.
func (e *Elector) Until() time.Time {
	if until := e.until.Load(); until != nil {
		return *until
	}
	return time.Time{}
}

// Wait is how long after a Hold at now the next one is due: as soon as somebody
// else's lease would be free, and often enough to keep one's own.
func (e *Elector) Wait(now time.Time) time.Duration {
	wait := e.TTL / 4
	if free := e.seenAt.Add(e.seenTTL).Sub(now); e.etag == "" && free > 0 {
		wait = min(wait, free)
	}
	return wait
}

// Raise says that epochs up to used have been seen with others, though not in
// the lease: the next Hold takes it anew, above them. Whoever has lost the
// lease without knowing finds that out by it.
func (e *Elector) Raise(used int64) { e.used = max(e.used, used) }

// lose forgets the lease: nothing may be done by it any more.
func (e *Elector) lose() {
	e.etag = ""
	e.until.Store(nil)
}

// before reports whether now is before t by both clocks. The monotonic one
// goes on while a process is stopped, and stands still while its machine
// sleeps; the wall clock goes on then too, but may be set back.
func before(now, t time.Time) bool { return now.Before(t) && now.Round(0).Before(t.Round(0)) }

// renew writes the lease if it is this process's to write.
func (e *Elector) renew(ctx context.Context, now time.Time) error {
	next, etag, anew, silent := e.held, e.etag, false, e.silent
	if e.etag == "" {
		found, foundETag, err := e.read(ctx, now)
		if err != nil {
			return err
		}
		own := found.Holder != "" && slices.ContainsFunc(e.tried[:], found.same) // its reply was lost
		if found.Holder != "" && !own && !e.abandoned(found, foundETag, now) {
			return nil
		}
		next, etag, anew = found, foundETag, !own
		if silent = found.Holder; own || e.blind || silent == e.Name || strings.HasPrefix(silent, nobody) {
			silent = ""
		}
	}
	if anew || next.Epoch <= e.used {
		next.Epoch = max(next.Epoch, e.held.Epoch, e.used) + 1
	}
	next.Holder, next.At, next.TTL = e.Name, now, e.TTL
	next.Renewal++
	e.tried = [2]lease{next, e.tried[0]}
	body, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	newETag, err := e.Documents.Put(ctx, leaseKey, body, etag)
	if errors.Is(err, ErrStale) {
		e.lose() // somebody else has it
		return nil
	}
	if err != nil {
		return err
	}
	until := now.Add(e.TTL * 2 / 3)
	e.held, e.etag, e.tried, e.silent, e.asked = next, newETag, [2]lease{}, silent, now
	e.until.Store(&until)
	return nil
}

// same reports whether two leases are one: nobody else writes the same moment
// to the nanosecond under the same name.
func (l lease) same(o lease) bool {
	return l.Holder == o.Holder && l.Epoch == o.Epoch && l.Renewal == o.Renewal && l.At.Equal(o.At)
}

// read returns the lease. Where it is damaged, or was removed though somebody
// has led, its holder is not known and may still act: one of nobody's is put in
// its place, which is waited for like any other, and the error says so.
func (e *Elector) read(ctx context.Context, now time.Time) (found lease, etag string, err error) {
	body, etag, err := e.Documents.Get(ctx, leaseKey)
	if errors.Is(err, ErrNotFound) {
		led, err := e.led(ctx)
		if err != nil || !led {
			return lease{}, "", err
		}
		return lease{}, "", e.mend(ctx, now, "", "gone")
	}
	if err != nil {
		return lease{}, "", err
	}
	if err := json.Unmarshal(body, &found); err != nil || found.Epoch < 0 || found.Epoch > maxEpoch || found.Renewal < 0 || found.TTL < 0 || found.TTL > MaxTTL {
		return lease{}, "", e.mend(ctx, now, etag, "damaged")
	}
	return found, etag, nil
}

// led reports whether anybody has ever led, so that there must be a lease.
func (e *Elector) led(ctx context.Context) (bool, error) {
	for _, key := range e.Traces {
		_, _, err := e.Documents.Get(ctx, key)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return false, fmt.Errorf("see whether anybody has led before: %w", err)
		}
	}
	return false, nil
}

// unseen is how many epochs may have been used that this process knows nothing
// of, where no lease tells: far more than there were elections, and far less
// than tasks take for one step.
const unseen = 1 << 20

// nobody begins the name of the holder of such a lease.
const nobody = "nobody"

// mend writes a lease that nobody holds in place of one that is gone or
// damaged, and returns what there is to say of it.
func (e *Elector) mend(ctx context.Context, now time.Time, etag, how string) error {
	body, err := json.Marshal(lease{Holder: nobody + ": written anew by " + e.Name, Epoch: max(e.held.Epoch, e.used) + unseen, At: now})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if _, err := e.Documents.Put(ctx, leaseKey, body, etag); err != nil {
		return fmt.Errorf("%s is %s; write it anew: %w", leaseKey, how, err)
	}
	return fmt.Errorf("%s was %s and is written anew: in %v somebody leads, once whoever held it has had to stop", leaseKey, how, e.TTL)
}

// abandoned reports whether a lease has not changed for a whole TTL, the longer
// of the holder's and one's own, by this process's own clock.
func (e *Elector) abandoned(found lease, etag string, now time.Time) bool {
	if etag != e.seenETag {
		e.seenETag, e.seenAt, e.seenTTL = etag, now, max(e.TTL, found.TTL)
		e.blind = false
	}
	if !e.asked.IsZero() && now.Sub(e.asked) >= e.TTL {
		e.blind = true
	}
	e.asked = now
	return now.Sub(e.seenAt) >= e.seenTTL
}

// Release gives the lease back, so that the next leader need not wait.
func (e *Elector) Release(ctx context.Context) error {
	if e.etag == "" {
		return nil
	}
	free := e.held
	free.Holder = ""
	free.Renewal++
	body, err := json.Marshal(free)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if _, err := e.Documents.Put(ctx, leaseKey, body, e.etag); err != nil && !errors.Is(err, ErrStale) {
		return fmt.Errorf("give the lease back: %w", err)
	}
	e.lose()
	return nil
}
