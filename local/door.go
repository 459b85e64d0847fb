package local

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/local/ecs"
	"github.com/sluicehq/sluice/local/s3"
)

// HealthPath answers 200 to anyone once the server is up. No bucket can have
// this name.
const HealthPath = "/_sluice/healthz"

// maxDrained bounds what is read of a refused body.
const maxDrained = 64 << 20

// jsonService is one of the services that X-Amz-Target tells apart.
type jsonService interface {
	http.Handler
	Serves(target string) bool
	WriteError(w http.ResponseWriter, status int, code, message string)
}

// door checks signatures and hands requests to the service they are for:
// those with an X-Amz-Target to the one it names, those of the query protocol to
// STS or to what tells of load balancers and machines, all others to S3.
type door struct {
	auth     credentials
	s3       http.Handler // which checks signatures by itself
	json     []jsonService
	metadata http.HandlerFunc
	ec2      http.HandlerFunc // forms, signed for it
	query    func(service string, form url.Values) (answer ecs.QueryAnswer, known bool, err error)
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch target := r.Header.Get("X-Amz-Target"); {
	case r.URL.Path == HealthPath:
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, ecs.MetadataPath) && r.Header.Get("Authorization") == "":
		d.metadata(w, r)
	case target != "":
		d.serveJSON(w, r, target)
	case forEC2(r):
		d.serveEC2(w, r)
	case forQuery(r):
		d.serveQuery(w, r)
	default:
		d.s3.ServeHTTP(w, r)
	}
}

// forEC2 reports whether a request is signed for EC2.
func forEC2(r *http.Request) bool {
	a, ok := parseAuthorization(r.Header.Get("Authorization"))
	return ok && a.service == "ec2"
}

func (d *door) serveEC2(w http.ResponseWriter, r *http.Request) {
	if refusal := d.auth.checkJSON(r); refusal != nil {
		ecs.WriteEC2Error(w, http.StatusUnauthorized, "AuthFailure", refusal.message)
		return
	}
	d.ec2(w, r)
}

func (d *door) serveJSON(w http.ResponseWriter, r *http.Request, target string) {
	for _, s := range d.json {
		if !s.Serves(target) {
			continue
		}
		if refusal := d.auth.checkJSON(r); refusal != nil {
			s.WriteError(w, http.StatusForbidden, refusal.code, refusal.message)
			return
		}
		s.ServeHTTP(w, r)
		return
	}
	d.json[0].WriteError(w, http.StatusBadRequest, "UnknownOperationException",
		target+" is not served on this machine; it has S3, ECS and SageMaker, training logs and STS")
}

// signedS3 lets requests to S3 in that are signed for it.
type signedS3 struct {
	auth   credentials
	region string
	next   http.Handler
}

// ServeHTTP implements http.Handler.
func (s signedS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Expect") == "" {
		body := patient{r.Body}
		r.Body = body
		defer func() { _ = body.Close() }() // the connection is no worse for it
	}
	checked, refusal := s.auth.checkS3(r, s.region, time.Now())
	if refusal != nil {
		s3.WriteError(w, r, refusal)
		return
	}
	s.next.ServeHTTP(w, checked)
}

// patient is a body that is read to its end before it is closed: a caller that
// is still sending would lose the answer with the connection. One that waits
// for "100 Continue" is not sending yet, and would be waited for in vain.
type patient struct{ io.ReadCloser }

// Close implements io.Closer.
func (p patient) Close() error {
	_, _ = io.Copy(io.Discard, io.LimitReader(p.ReadCloser, maxDrained)) // it may be closed, or broken off
	return p.ReadCloser.Close()
}
