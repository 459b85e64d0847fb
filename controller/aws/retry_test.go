package aws

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

// Answers that are there before net/http has looked for the end of what was
// asked are read to their end, on the connection that is there already.
func TestConnectionIsKept(t *testing.T) {
	const calls = 500
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, `{"services": [{"serviceName": "s", "status": "ACTIVE", "desiredCount": 4, "roleArn": "`+strings.Repeat("r", 8<<10)+`"}]}`)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c, err := Open(t.Context(), Options{Endpoint: server.URL, AccessKey: "a", SecretKey: "s", Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range c.quotas {
		q.rate = 1e6
	}
	at := c.Tasks(TasksOptions{Cluster: "c", Service: "s"}).at()
	for range calls {
		if _, err := c.service(t.Context(), at, 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d calls, one after the other, took %d connections", calls, n)
	}
}

func TestBackoff(t *testing.T) {
	var (
		torn      = io.ErrUnexpectedEOF
		throttled = &smithy.GenericAPIError{Code: "ThrottlingException"}
	)
	for _, tt := range []struct {
		most   time.Duration // MaxBackoff
		failed int
		err    error
		want   time.Duration // the longest
	}{
		{time.Second, 1, torn, 100 * time.Millisecond},
		{time.Second, 2, torn, 200 * time.Millisecond},
		{time.Second, 4, torn, 800 * time.Millisecond},
		{time.Second, 5, torn, time.Second},
		{time.Second, 1 << 40, torn, time.Second},
		{time.Second, 0, torn, 100 * time.Millisecond}, // as AWS_NEW_RETRIES_2026 counts
		{time.Second, 1, throttled, time.Second},
		{3 * time.Second, 1, throttled, time.Second},
		{3 * time.Second, 2, throttled, 2 * time.Second},
		{3 * time.Second, 3, throttled, 3 * time.Second},
		{time.Millisecond, 1, throttled, time.Millisecond},
		{time.Nanosecond, 1, torn, time.Nanosecond},
	} {
		var longest time.Duration
		shortest := tt.want
		for range 200 {
			d, err := Options{MaxBackoff: tt.most}.backoff(tt.failed, tt.err)
			if err != nil || d < 0 || d > tt.want {
				t.Fatalf("at most %v, after %d failures (%v): %v, %v; want at most %v", tt.most, tt.failed, tt.err, d, err, tt.want)
			}
			longest, shortest = max(longest, d), min(shortest, d)
		}
		if longest < tt.want/2 || shortest > tt.want/2 {
			t.Errorf("at most %v, after %d failures (%v): %v to %v; want them spread from 0 to %v", tt.most, tt.failed, tt.err, shortest, longest, tt.want)
		}
	}
}

// What failed is asked again, and what was refused is not.
func TestRetries(t *testing.T) {
	r := Options{Attempts: 5, MaxBackoff: time.Second}.retryer()
	for _, tt := range []struct {
		err   error
		again bool
	}{
		{&smithy.GenericAPIError{Code: "ThrottlingException"}, true},
		{&smithy.GenericAPIError{Code: codeConflict}, true},
		{net.ErrClosed, true},
		{&smithy.GenericAPIError{Code: "AccessDenied"}, false},
		{errors.New("another"), false},
	} {
		if r.IsErrorRetryable(tt.err) != tt.again {
			t.Errorf("%v: want it asked again: %v", tt.err, tt.again)
		}
	}
}
