package api

import (
	"encoding/json"
	"net/http"
)

// Ops are what orchestrators and Prometheus ask of the process, beside /v1 and
// without sign-in: nothing of it names a partner or an artifact.
type Ops struct {
	Metrics http.Handler               // answers /metrics
	Healthy func() error               // why the process has to be started anew
	Ready   func() (Leadership, error) // how it stands, and why it should not be asked
	Version Version
}

// Leadership is whether this server's controller leads.
type Leadership struct {
	Leading bool  `json:"leading"`
	Epoch   int64 `json:"epoch,omitempty"` // that it leads under
}

// Version is what the program was built from, as far as the build knows.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Changed bool   `json:"changed"` // with changes that are not in the commit
	Go      string `json:"go"`
	Detail  string `json:"detail,omitempty"` // why the commit is unknown
}

// readiness is the answer to /readyz.
type readiness struct {
	Ready  bool   `json:"ready"`
	Detail string `json:"detail,omitempty"` // why not

	Leadership
}

// routes adds those of o to a router.
func (o *Ops) routes(get func(path string, h http.HandlerFunc)) {
	get("/metrics", o.Metrics.ServeHTTP)
	get("/healthz", o.healthz)
	get("/readyz", o.readyz)
	get("/version", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil, o.Version) })
}

func (o *Ops) healthz(w http.ResponseWriter, _ *http.Request) {
	text, err := "ok", o.Healthy()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		text = err.Error()
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write([]byte(text + "\n")) // whoever asked may have gone
}

func (o *Ops) readyz(w http.ResponseWriter, _ *http.Request) {
	standing, err := o.Ready()
	say := readiness{Ready: err == nil, Leadership: standing}
	if err != nil {
		say.Detail = err.Error()
	}
	answer(w, err, say)
}

func answer(w http.ResponseWriter, err error, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body) // whoever asked may have gone
}
