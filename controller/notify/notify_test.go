package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/notify"
	"github.com/sluicehq/sluice/controller/rollout"
)

func held() controller.Notice {
	return controller.Notice{
		ID: "ads.41.tk5a3c", Kind: controller.KindHeld, At: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), Fleet: "ads",
		Headline: "No verdict after 2h <&> somebody should look", WayOut: "sluice resume", Sentence: "no verdict within 2h0m0s (phase_wait)",
		Link: "https://sluice.internal/#ads", Rollout: "greedy", Candidate: strings.Repeat("ab", 32),
		From: rollout.Canary, To: rollout.Held, Reason: rollout.Inconclusive, Revision: 41,
	}
}

// file writes a file of secrets.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func way(t *testing.T, n controller.Notify) controller.Way {
	t.Helper()
	n.Name = "oncall"
	receivers, err := notify.Open([]controller.Notify{n})
	if err != nil {
		t.Fatal(err)
	}
	return receivers[0].Way
}

func secret(of byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(of), 32)))
}

// received is what a receiver was sent.
type received struct {
	header http.Header
	body   []byte
}

// receiver answers what a test says, and hands over what it was sent.
func receiver(t *testing.T, answers http.HandlerFunc) (address string, sent chan received) {
	t.Helper()
	sent = make(chan received, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		sent <- received{r.Header, body}
		if answers != nil {
			answers(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, sent
}

// verified checks a message as a receiver would that knows one secret.
func verified(r received, secret string) bool {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", r.header.Get("webhook-id"), r.header.Get("webhook-timestamp"), r.body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, s := range strings.Fields(r.header.Get("webhook-signature")) {
		if s == want {
			return true
		}
	}
	return false
}

// TestWebhook sends a message that receivers with either of two secrets take,
// and nobody else; and goes by the file as it is for each message.
func TestWebhook(t *testing.T) {
	address, sent := receiver(t, nil)
	secrets := file(t, "# rotating\n"+secret('a')+"\n\n"+secret('b')+"\n")
	w := way(t, controller.Notify{Webhook: &controller.Webhook{URL: address + "/hook?to=me", SecretFile: secrets}})
	if err := w.Deliver(t.Context(), held()); err != nil {
		t.Fatal(err)
	}
	got := <-sent
	if !verified(got, secret('a')) || !verified(got, secret('b')) || verified(got, secret('c')) {
		t.Errorf("signatures are %q", got.header.Get("webhook-signature"))
	}
	var m map[string]any
	if err := json.Unmarshal(got.body, &m); err != nil {
		t.Fatal(err)
	}
	told, _ := m["data"].(map[string]any)
	if m["type"] != "rollout.held" || m["timestamp"] != "2026-11-29T12:00:00Z" || told["rollout"] != "greedy" || told["reason"] != "inconclusive" ||
		told["link"] != "https://sluice.internal/#ads" || told["revision"] != 41.0 || told["fleet"] != "ads" || told["headline"] != held().Headline || told["way_out"] != "sluice resume" {
		t.Errorf("sent %s", got.body)
	}
	if id := got.header.Get("webhook-id"); id != "ads.41.tk5a3c" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("the headers are %v", got.header)
	}
	if err := os.WriteFile(secrets, []byte(secret('c')), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Deliver(t.Context(), held()); err != nil {
		t.Fatal(err)
	}
	if again := <-sent; !verified(again, secret('c')) || verified(again, secret('a')) || again.header.Get("webhook-id") != "ads.41.tk5a3c" {
		t.Errorf("signed with %q once the file is another", again.header.Get("webhook-signature"))
	}
}

// TestAnswers takes what receivers may answer for what the controller knows.
func TestAnswers(t *testing.T) {
	in := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		code          int
		retry         string
		says          string
		is            error         // that the answer means
		busy, atLeast time.Duration // how long to wait; 0: not busy
	}{
		{200, "", "", nil, 0, 0},
		{204, "", "", nil, 0, 0},
		{410, "", "410 Gone", controller.ErrGone, 0, 0},
		{400, "", "400 Bad Request", controller.ErrUndeliverable, 0, 0},
		{413, "", "413", controller.ErrUndeliverable, 0, 0},
		{429, "120", "429", nil, 2 * time.Minute, 2 * time.Minute},
		{429, in, "429", nil, 91 * time.Second, 80 * time.Second},
		{429, "soon", "429", nil, time.Nanosecond, 0},
		{503, "7", "503", nil, 7 * time.Second, 7 * time.Second},
		{429, "99999999999999999999", "429", nil, time.Nanosecond, 0},
		{500, "", "500", nil, 0, 0},
		{404, "", "404", nil, 0, 0},
		{302, "", "redirects are not followed", nil, 0, 0},
	} {
		t.Run(fmt.Sprint(tt.code, tt.retry), func(t *testing.T) {
			address, sent := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.retry != "" {
					w.Header().Set("Retry-After", tt.retry)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.code)
				_, _ = io.WriteString(w, strings.Repeat("no ", 100_000))
			})
			hook := file(t, address+"/s3cr3t\n")
			err := way(t, controller.Notify{Slack: &controller.Slack{URLFile: hook}}).Deliver(t.Context(), held())
			if (err == nil) != (tt.code < 300) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("it means %v, want %q", err, tt.says)
			}
			if len(sent) != 1 {
				t.Errorf("sent %d times in one attempt", len(sent))
			}
			if err != nil && (strings.Contains(err.Error(), "s3cr3t") || len(err.Error()) > 500) {
				t.Errorf("it tells the secret, or too much: %v", err)
			}
			if final := errors.Is(err, controller.ErrGone) || errors.Is(err, controller.ErrUndeliverable); final != (tt.is != nil) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("it means %v, want %v", err, tt.is)
			}
			busy := (*controller.BusyError)(nil)
			if is := errors.As(err, &busy); is != (tt.busy > 0) || is && (busy.For > tt.busy || busy.For < tt.atLeast) {
				t.Errorf("it means %+v, want to wait %v", busy, tt.busy)
			}
		})
	}
}

// TestReceiversThatHang do not outlast the time that they are given.
func TestReceiversThatHang(t *testing.T) {
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drips := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "."); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}
	for name, answers := range map[string]http.HandlerFunc{"never answers": hangs, "never ends": drips} {
		t.Run(name, func(t *testing.T) {
			address, sent := receiver(t, answers)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- way(t, controller.Notify{Slack: &controller.Slack{URLFile: file(t, address)}}).Deliver(ctx, held())
			}()
			<-sent
			if name == "never ends" { // it has said yes
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			cancel()
			if name == "never answers" {
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("it ended with %v", err)
				}
			}
		})
	}
}

// TestSlack sends text in which names mean nothing to Slack.
func TestSlack(t *testing.T) {
	address, sent := receiver(t, nil)
	if err := way(t, controller.Notify{Slack: &controller.Slack{URLFile: file(t, address)}}).Deliver(t.Context(), held()); err != nil {
		t.Fatal(err)
	}
	var m struct{ Text string }
	if err := json.Unmarshal((<-sent).body, &m); err != nil {
		t.Fatal(err)
	}
	want := "*ads: greedy waits for a person*\nNo verdict after 2h &lt;&amp;&gt; somebody should look\nsluice resume\n<https://sluice.internal/#ads|Open the page>"
	if m.Text != want {
		t.Errorf("sent %q, want %q", m.Text, want)
	}
}

// TestOpenRefuses names what is wrong with settings and files, and no secret.
func TestOpenRefuses(t *testing.T) {
	good := file(t, secret('a'))
	email := controller.Email{Server: "smtp.example.com:587", From: "sluice@example.com", To: []string{"ads@example.com"}}
	for says, n := range map[string]controller.Notify{
		"want one that begins with https://":    {Webhook: &controller.Webhook{URL: "http://hooks.example.com", SecretFile: good}},
		"want an address that begins with":      {Slack: &controller.Slack{URLFile: file(t, "hunter2")}},
		"no such file":                          {Slack: &controller.Slack{URLFile: "/nowhere"}},
		"want a secret on each line":            {Webhook: &controller.Webhook{URL: "https://h", SecretFile: file(t, "whsec_hunter2")}},
		"has 0 secrets":                         {Webhook: &controller.Webhook{URL: "https://h", SecretFile: file(t, "# none\n")}},
		"more than 16384 bytes":                 {Webhook: &controller.Webhook{URL: "https://h", SecretFile: file(t, strings.Repeat("x", 20_000))}},
		"want one such as smtp.example.com:587": {Email: &controller.Email{Server: "smtp", From: email.From, To: email.To}},
		`"Ads <ads@example.com>" is no address`: {Email: &controller.Email{Server: email.Server, From: email.From, To: []string{"Ads <ads@example.com>"}}},
		`"a@b\r\nBcc: c@d" is no address`:       {Email: &controller.Email{Server: email.Server, From: "a@b\r\nBcc: c@d", To: email.To}},
		"notify, oncall: want one of webhook":   {},
	} {
		n.Name = "oncall"
		_, err := notify.Open([]controller.Notify{n})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("it says %v, want %q", err, says)
		}
	}
}

// TestClosedDoors tells who does not answer, and not the rest of the address.
func TestClosedDoors(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	host := strings.TrimPrefix(closed.URL, "http://")
	err := way(t, controller.Notify{Slack: &controller.Slack{URLFile: file(t, closed.URL+"/T0/s3cr3t")}}).Deliver(t.Context(), held())
	if err == nil || !strings.Contains(err.Error(), "post to "+host) || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("it says %v", err)
	}
}

// Settings are others where the address, a secret or what is wanted is another,
// wherever it stands; what cannot be read is not told apart.
func TestSettings(t *testing.T) {
	url, key := file(t, "https://a.example.com/s3cr3t\n"), file(t, secret('a'))
	n := controller.Notify{Name: "oncall", Webhook: &controller.Webhook{URLFile: url, SecretFile: key}}
	known := map[string]string{}
	of := func(what string) string {
		t.Helper()
		all, err := notify.Open([]controller.Notify{n})
		if err != nil {
			t.Fatal(err)
		}
		now, err := all[0].Settings()
		if err != nil || strings.Contains(now, "s3cr3t") {
			t.Fatalf("%s: %q, %v", what, now, err)
		}
		return now
	}
	change := func(what string) {
		t.Helper()
		now := of(what)
		if before, is := known[now]; is {
			t.Errorf("%s is as %s", what, before)
		}
		known[now] = what
	}
	change("as it was")
	if now := of("again"); known[now] != "as it was" {
		t.Error("settings that are the same are not")
	}
	for what, text := range map[string]string{url: "https://b.example.com/", key: secret('b')} {
		if err := os.WriteFile(what, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		change("another " + text)
	}
	n.Events = []controller.Kind{controller.KindHeld}
	change("other events")
	n.Webhook = &controller.Webhook{URL: "https://b.example.com/", SecretFile: key}
	change("not in a file")
	n = controller.Notify{Name: "oncall", Slack: &controller.Slack{URLFile: url}}
	change("Slack")
	all, err := notify.Open([]controller.Notify{n})
	if err != nil || os.Remove(url) != nil {
		t.Fatal(err)
	}
	if now, err := all[0].Settings(); err == nil {
		t.Errorf("without its file they are %q", now)
	}
}
