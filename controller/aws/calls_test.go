package aws_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/aws"
)

// TestCallsAreTold plays what a service may answer, and sees each call told
// once, with all its attempts.
func TestCallsAreTold(t *testing.T) {
	refusal := func(status int, code string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { answer(w, status, "<Error><Code>"+code+"</Code></Error>") }
	}
	for _, tt := range []struct {
		name     string
		plays    []func(http.ResponseWriter) // one an attempt, the last one again
		result   aws.Result
		attempts int
	}{
		{"a document", []func(http.ResponseWriter){func(w http.ResponseWriter) { w.Header().Set("ETag", `"1"`) }}, aws.OK, 1},
		{"none there", []func(http.ResponseWriter){refusal(404, "NoSuchKey")}, aws.NotFound, 1},
		{"denied", []func(http.ResponseWriter){refusal(403, "AccessDenied")}, aws.Denied, 1},
		{"unknown credentials", []func(http.ResponseWriter){refusal(403, "InvalidAccessKeyId")}, aws.Denied, 1},
		{"somebody was faster", []func(http.ResponseWriter){refusal(412, "PreconditionFailed")}, aws.Stale, 1},
		{"too many calls", []func(http.ResponseWriter){refusal(503, "SlowDown")}, aws.Throttled, 3},
		{"in trouble", []func(http.ResponseWriter){refusal(500, "InternalError")}, aws.Failed, 3},
		{"in trouble once", []func(http.ResponseWriter){
			refusal(500, "InternalError"), func(w http.ResponseWriter) { w.Header().Set("ETag", `"1"`) },
		}, aws.OK, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				tt.plays[min(asked, len(tt.plays)-1)](w)
				asked++
			}))
			defer server.Close()
			told := callsOf(t, t.Context(), server.URL)
			want := []aws.Call{{Service: "S3", Operation: "GetObject", Result: tt.result, Attempts: tt.attempts}}
			if !slices.Equal(told, want) {
				t.Errorf("told of %+v, want %+v", told, want)
			}
		})
	}
}

// TestCallsThatNobodyAnswers gives calls up.
func TestCallsThatNobodyAnswers(t *testing.T) {
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	canceled, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if told := callsOf(t, canceled, server.URL); len(told) != 1 || told[0].Result != aws.Canceled {
		t.Errorf("told of %+v, want one that was canceled", told)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if told := callsOf(t, late, server.URL); len(told) != 1 || told[0].Result != aws.Timeout {
		t.Errorf("told of %+v, want one that took too long", told)
	}
}

// callsOf gets a document and returns the calls that were told, less the time
// that they took.
func callsOf(t *testing.T, ctx context.Context, endpoint string) []aws.Call {
	t.Helper()
	var mu sync.Mutex
	var told []aws.Call
	c, err := aws.Open(t.Context(), aws.Options{
		Endpoint: endpoint, AccessKey: "a", SecretKey: "s", Attempts: 3, MaxBackoff: time.Millisecond,
		Called: func(call aws.Call) {
			mu.Lock()
			defer mu.Unlock()
			if call.Took <= 0 {
				t.Errorf("it took %v", call.Took)
			}
			call.Took = 0
			told = append(told, call)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = c.Documents("documents").Get(ctx, "a")
	mu.Lock()
	defer mu.Unlock()
	return told
}
