package inference

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/scrape"
)

// httpServer answers what orchestrators and Prometheus ask.
func (t *Task) httpServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // whoever asked may have gone
	})
	mux.HandleFunc("GET /readyz", t.readyz)
	mux.Handle("GET /metrics", scrape.Handler(t.m.registry))
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
		WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
	}
}

// readyz is 200 only while a proven release that is warm takes auctions.
func (t *Task) readyz(w http.ResponseWriter, _ *http.Request) {
	answer := struct {
		Ready   bool   `json:"ready"`
		Reason  string `json:"reason,omitempty"` // one word
		Detail  string `json:"detail,omitempty"`
		Release string `json:"release,omitempty"`
		Warning string `json:"warning,omitempty"` // about certificates and tokens; the task is as ready as without
	}{Reason: t.unready(), Warning: t.credentialsTrouble()}
	answer.Ready = answer.Reason == ""
	if s := t.serving.Load(); s != nil {
		answer.Release = s.release
	}
	t.orders.mu.Lock()
	if f := t.orders.failure; f != nil && !answer.Ready {
		answer.Detail = f.detail
	}
	t.orders.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may have gone
}

// credentialsTrouble says what is wrong with the files of certificates and
// tokens; "" for nothing.
func (t *Task) credentialsTrouble() string {
	if err := errors.Join(t.control.known.Trouble(), t.data.known.Trouble()); err != nil {
		return err.Error()
	}
	return ""
}
