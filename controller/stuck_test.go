package controller

import (
	"context"
	"errors"
	"sync/atomic"
)

// stuckDocuments let nobody read or write while their gate is shut, whatever
// the caller waits for, and fail while they are down.
type stuckDocuments struct {
	Documents
	gate atomic.Pointer[chan struct{}]
	down atomic.Bool
}

func openDocuments(d Documents) *stuckDocuments {
	s := &stuckDocuments{Documents: d}
	s.shut()()
	return s
}

// shut shuts the gate, and returns what opens it.
func (d *stuckDocuments) shut() (opens func()) {
	gate := make(chan struct{})
	d.gate.Store(&gate)
	return func() { close(gate) }
}

func (d *stuckDocuments) wait() error {
	<-*d.gate.Load()
	if d.down.Load() {
		return errors.New("503 Service Unavailable")
	}
	return nil
}

func (d *stuckDocuments) Get(ctx context.Context, key string) ([]byte, string, error) {
	if err := d.wait(); err != nil {
		return nil, "", err
	}
	return d.Documents.Get(ctx, key)
}

func (d *stuckDocuments) Put(ctx context.Context, key string, body []byte, etag string) (string, error) {
	if err := d.wait(); err != nil {
		return "", err
	}
	return d.Documents.Put(ctx, key, body, etag)
}
