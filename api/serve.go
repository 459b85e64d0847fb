package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// stopping is the key of the context that ends when the server is to stop:
// requests are finished then, streams are ended.
type stopping struct{}

// unread bounds the bytes that the system keeps for a client that does not read.
// By itself it takes megabytes, with which a stream reads news of long ago, and
// keeps its seat.
const unread = 64 << 10

// Serve answers on l until ctx ends, then finishes what is in hand for up to
// five seconds. Open streams end with ctx.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second, // streams set their own, write by write
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stopping{}, ctx)
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if b, ok := c.(interface{ SetWriteBuffer(bytes int) error }); ok {
				_ = b.SetWriteBuffer(unread) // one that is gone fails at its first read
			}
			return ctx
		},
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve the dashboard: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(end)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	if served := <-stopped; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stop the dashboard: %w", err)
	}
	return nil
}
