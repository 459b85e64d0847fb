package local

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/local/ecs"
	"github.com/sluicehq/sluice/local/s3"
)

// Fault is what goes wrong with one request. The zero Fault is nothing.
type Fault struct {
	Delay time.Duration // before anything else
	// Status and Code answer instead of the service, such as 503 SlowDown,
	// 409 ConditionalRequestConflict or 400 ThrottlingException.
	Status  int
	Code    string
	Message string // empty: that it was asked for
	// Refuse tears the connection without serving the request.
	Refuse bool
	// LoseReply serves the request and tears the connection before the reply:
	// the caller cannot know that it was served.
	LoseReply bool
	// TearAfter serves the request and tears the connection after so many
	// bytes of the reply's body, if positive.
	TearAfter int64
	// DiskFull lets the disk under S3 take DiskLeft more bytes and no more.
	DiskFull bool
	DiskLeft int64
}

// Faults says what goes wrong with a request; Operation tells what it is for.
// It may be called by many requests at once.
type Faults func(r *http.Request) Fault

// Operation names what a request asks for, such as "ListTasks" or, for S3,
// "PUT /bucket/key".
func Operation(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndexByte(target, '.')+1:]
	}
	return r.Method + " " + r.URL.Path
}

func (f Faults) wrap(next http.Handler) http.Handler {
	if f == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(r).play(next, w, r) })
}

func (f Fault) play(next http.Handler, w http.ResponseWriter, r *http.Request) {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	if f.DiskFull {
		r = r.WithContext(s3.WithDiskLeft(r.Context(), f.DiskLeft))
	}
	switch {
	case f.Refuse:
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		f.answer(w, r)
	case f.LoseReply:
		next.ServeHTTP(&deaf{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case f.TearAfter > 0:
		next.ServeHTTP(&torn{ResponseWriter: w, left: f.TearAfter}, r)
	default:
		next.ServeHTTP(w, r)
	}
}

func (f Fault) answer(w http.ResponseWriter, r *http.Request) {
	message := cmp.Or(f.Message, "This fault was asked for.")
	switch {
	case r.Header.Get("X-Amz-Target") != "":
	case forEC2(r):
		ecs.WriteEC2Error(w, f.Status, f.Code, message)
		return
	case forQuery(r):
		writeXML(w, f.Status, queryError{Type: "Sender", Code: f.Code, Message: message, RequestID: "local"})
		return
	default:
		s3.WriteError(w, r, &s3.Error{Status: f.Status, Code: f.Code, Message: message})
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-ErrorType", f.Code)
	w.WriteHeader(f.Status)
	// The caller has gone if this fails.
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.Code, "message": message})
}

// deaf swallows a reply.
type deaf struct{ header http.Header }

// Header implements http.ResponseWriter.
func (d *deaf) Header() http.Header { return d.header }

// Write implements http.ResponseWriter.
func (*deaf) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (*deaf) WriteHeader(int) {}

// torn cuts the connection in the middle of a reply.
type torn struct {
	http.ResponseWriter
	left int64
}

// Write implements http.ResponseWriter.
func (t *torn) Write(p []byte) (int, error) {
	if int64(len(p)) < t.left {
		t.left -= int64(len(p))
		return t.ResponseWriter.Write(p)
	}
	_, _ = t.ResponseWriter.Write(p[:t.left])
	_ = http.NewResponseController(t.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}
