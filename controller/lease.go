package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
}

// Elector takes and keeps the lease.
type Elector struct {
	Documents Documents
	Name      string        // of this process, for people
	TTL       time.Duration // a lease unchanged for so long is free

	held  lease
	tried [2]lease // written last, whether or not they arrived and the reply came
	etag  string
	until time.Time // up to which this process may act; monotonic

	seenETag string    // of somebody else's lease
	seenAt   time.Time // when it was first seen
}

// Hold reports the epoch under which this process may act now, taking or
// renewing the lease as needed; zero while somebody else holds it. An error
// leaves a lease already held in force until it runs out.
func (e *Elector) Hold(ctx context.Context, now time.Time) (epoch int64, err error) {
	if e.etag != "" && now.Before(e.until.Add(-e.TTL/2)) {
		return e.held.Epoch, nil
	}
	if err := e.renew(ctx, now); err != nil {
		if e.etag != "" && now.Before(e.until) {
			return e.held.Epoch, fmt.Errorf("renew the lease: %w", err)
		}
		e.etag = ""
		return 0, fmt.Errorf("take the lease: %w", err)
	}
	if e.etag == "" {
		return 0, nil
	}
	return e.held.Epoch, nil
}

// Until is the moment after which this process must not act without holding
// the lease anew.
func (e *Elector) Until() time.Time { return e.until }

// renew writes the lease if it is this process's to write.
func (e *Elector) renew(ctx context.Context, now time.Time) error {
	next, etag := e.held, e.etag
	if e.etag == "" {
		found, foundETag, err := e.read(ctx)
		if err != nil {
			return err
		}
		own := found.Holder != "" && slices.ContainsFunc(e.tried[:], found.same) // its reply was lost
		if found.Holder != "" && !own && !e.abandoned(foundETag, now) {
			return nil
		}
		next, etag = found, foundETag
		if !own {
			next.Epoch++
		}
	}
	next.Holder, next.At = e.Name, now
	next.Renewal++
	e.tried = [2]lease{next, e.tried[0]}
	body, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	newETag, err := e.Documents.Put(ctx, leaseKey, body, etag)
	if errors.Is(err, ErrStale) {
		e.etag = "" // somebody else has it
		return nil
	}
	if err != nil {
		return err
	}
	e.held, e.etag, e.until = next, newETag, now.Add(e.TTL*2/3)
	return nil
}

// same reports whether two leases are one: nobody else writes the same moment
// to the nanosecond under the same name.
func (l lease) same(o lease) bool {
	return l.Holder == o.Holder && l.Epoch == o.Epoch && l.Renewal == o.Renewal && l.At.Equal(o.At)
}

func (e *Elector) read(ctx context.Context) (found lease, etag string, err error) {
	body, etag, err := e.Documents.Get(ctx, leaseKey)
	if errors.Is(err, ErrNotFound) {
		return lease{}, "", nil
	}
	if err != nil {
		return lease{}, "", err
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return lease{}, "", fmt.Errorf("%s is no lease; remove it if no controller runs: %w", leaseKey, err)
	}
	return found, etag, nil
}

// abandoned reports whether a lease has not changed for a whole TTL of this
// process's own clock.
func (e *Elector) abandoned(etag string, now time.Time) bool {
	if etag != e.seenETag {
		e.seenETag, e.seenAt = etag, now
	}
	return now.Sub(e.seenAt) >= e.TTL
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
	e.etag = ""
	return nil
}
