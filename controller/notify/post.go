package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller"
)

// What an answer may take.
const (
	maxHeader = 16 << 10
	maxWords  = 200 // of its body, for the error
)

// newClient follows no redirects: what is signed for one address is not
// carried to another.
func newClient() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: maxHeader, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
			ForceAttemptHTTP2: true,
		},
	}
}

// post makes one attempt, and is the one place where answers are taken for
// what the controller knows.
func post(ctx context.Context, client *http.Client, to *url.URL, body []byte, header http.Header) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post to %s: %w", to.Host, plain(err))
	}
	r.Header = header
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "sluice")
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("post to %s: %w", to.Host, plain(err))
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, maxWords)) // for people
	return judged(to.Host, answer, said, time.Now())
}

// judged is the error that an answer means; nil for success.
func judged(host string, answer *http.Response, said []byte, now time.Time) error {
	code := answer.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	err := fmt.Errorf("%s answers %s", host, answer.Status)
	if words := strings.TrimSpace(strings.ToValidUTF8(string(said), "?")); words != "" {
		err = fmt.Errorf("%w: %q", err, words)
	}
	wait := retryAfter(answer.Header.Get("Retry-After"), now)
	switch {
	case code == http.StatusGone:
		return fmt.Errorf("%w: %w", controller.ErrGone, err)
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %w", controller.ErrUndeliverable, err)
	case wait > 0 || code == http.StatusTooManyRequests:
		return &controller.BusyError{For: wait, Err: err}
	case code >= 300 && code < 400:
		return fmt.Errorf("%w: redirects are not followed: write the address that it leads to", err)
	}
	return err
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// plain is an error without the address, which may hold a secret.
func plain(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
