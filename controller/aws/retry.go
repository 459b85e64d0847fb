package aws

import (
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// The longest wait before a second attempt; it doubles before each further one.
const (
	retrySoon      = 100 * time.Millisecond
	retryThrottled = time.Second // as the SDK's own, where AWS asks for fewer calls
)

// retryer repeats what throttling, lost connections and S3's 409 (two
// conditional writes met) may have stopped.
func (o Options) retryer() aws.Retryer {
	standard := retry.NewStandard(func(so *retry.StandardOptions) {
		so.MaxAttempts = o.Attempts
		so.Backoff = retry.BackoffDelayerFunc(o.backoff)
	})
	return retry.AddWithErrorCodes(standard, codeConflict)
}

// backoff is how long an attempt waits after so many that failed, the last with
// this error: at random, so that those who were thrown out together do not come
// back together. The SDK's own delay begins with two seconds, and has no random
// part once it is bounded by one.
func (o Options) backoff(failed int, err error) (time.Duration, error) {
	most := retrySoon
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary {
		most = retryThrottled
	}
	for ; failed > 1 && most < o.MaxBackoff; failed-- {
		most *= 2
	}
	return rand.N(min(most, o.MaxBackoff) + 1), nil
}

// plainBodies sends request bodies that can be read and closed, and nothing
// else. The SDK closes a body once the head of the answer is there; one that can
// also write itself reports an error from then on, and net/http, which has just
// come to look for the body's end, would tear the connection and the rest of the
// answer with it.
type plainBodies struct{ aws.HTTPClient }

func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}
