package s3

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// request is one request, taken apart.
type request struct {
	ctx         context.Context
	w           http.ResponseWriter
	r           *http.Request
	header      http.Header
	query       url.Values
	bucket, key string
}

// operation does what a request asks for and answers it, or returns why not.
type operation func(*Store, *request) error

// operations by method, by what the path names, and by the query that tells
// operations on it apart.
func operations() map[string]operation {
	return map[string]operation{
		"GET service": (*Store).listBuckets,

		"PUT bucket":              (*Store).createBucket,
		"HEAD bucket":             (*Store).headBucket,
		"DELETE bucket":           (*Store).deleteBucket,
		"GET bucket":              (*Store).listObjects,
		"GET bucket list-type":    (*Store).listObjectsV2,
		"GET bucket versions":     (*Store).listVersions,
		"GET bucket uploads":      (*Store).listUploads,
		"GET bucket location":     (*Store).getLocation,
		"POST bucket delete":      (*Store).deleteObjects,
		"GET bucket versioning":   (*Store).getVersioning,
		"PUT bucket versioning":   (*Store).putVersioning,
		"GET bucket tagging":      (*Store).getBucketTags,
		"PUT bucket tagging":      (*Store).putBucketTags,
		"DELETE bucket tagging":   (*Store).deleteBucketTags,
		"GET bucket policyStatus": (*Store).getPolicyStatus,
		"GET bucket acl":          (*Store).getACL,
		"PUT bucket acl":          (*Store).putACL,

		"PUT object":            (*Store).putObject,
		"GET object":            (*Store).getObject,
		"HEAD object":           (*Store).getObject,
		"DELETE object":         (*Store).deleteObject,
		"GET object attributes": (*Store).getAttributes,
		"GET object tagging":    (*Store).getObjectTags,
		"PUT object tagging":    (*Store).putObjectTags,
		"DELETE object tagging": (*Store).putObjectTags,
		"GET object acl":        (*Store).getACL,
		"PUT object acl":        (*Store).putACL,

		"POST object uploads":    (*Store).createUpload,
		"PUT object uploadId":    (*Store).uploadPart,
		"POST object uploadId":   (*Store).completeUpload,
		"DELETE object uploadId": (*Store).abortUpload,
		"GET object uploadId":    (*Store).listParts,
	}
}

// absent are parts of S3 that are not here, by their query.
func absent() []string {
	return []string{
		"abac", "analytics", "annotation", "append", "intelligent-tiering", "inventory", "legal-hold", "metadataAnnotationTable",
		"metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics",
		"renameObject", "restore", "retention", "select", "session", "torrent",
	}
}

// routes are all that can be asked for.
type routes struct {
	operations   map[string]operation
	settings     map[string]setting
	subresources map[string]bool // parts of queries that tell operations apart
	refused      map[string]string
}

func newRoutes() routes {
	r := routes{operations(), settings(), map[string]bool{}, refusedHeaders()}
	for name := range r.operations {
		if _, sub, ok := cutLast(name); ok {
			r.subresources[sub] = true
		}
	}
	for name := range r.settings {
		r.subresources[name] = true
	}
	for _, name := range absent() {
		r.subresources[name] = true
	}
	return r
}

// cutLast takes the query off "METHOD level query".
func cutLast(name string) (operation, sub string, ok bool) {
	words := strings.Fields(name)
	return words[0] + " " + words[1], words[len(words)-1], len(words) == 3
}

// subresource is the part of the query that tells operations apart.
func (r routes) subresource(q *request) string {
	for name := range q.query {
		if r.subresources[name] {
			return name
		}
	}
	return ""
}

// Handler speaks S3 for the store. It expects requests whose signature has
// been checked. Only path-style addresses and <bucket>.localhost are
// understood.
func (s *Store) Handler(log *slog.Logger) http.Handler {
	all := newRoutes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Request-Id", rand.Text()[:16])
		q, err := parse(w, r)
		if err == nil {
			err = all.serve(s, q)
		}
		if err == nil {
			return
		}
		refusal, ok := asError(err)
		if !ok {
			refusal = refuse(http.StatusInternalServerError, "InternalError", "%v", err)
		}
		if refusal.Status == http.StatusInternalServerError {
			log.ErrorContext(r.Context(), "object store", "request", r.Method+" "+r.URL.Path, "err", err)
		}
		WriteError(w, r, refusal)
	})
}

func parse(w http.ResponseWriter, r *http.Request) (*request, error) {
	q := &request{ctx: r.Context(), w: w, r: r, header: r.Header, query: r.URL.Query()}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket, ok := BucketOfHost(r.Host); ok {
		q.bucket, q.key = bucket, path
	} else {
		q.bucket, q.key, _ = strings.Cut(path, "/")
	}
	switch {
	case len(q.key) > 1024:
		return nil, refuse(http.StatusBadRequest, "KeyTooLongError", "Your key is too long").
			with("Size", strconv.Itoa(len(q.key)), "MaxSizeAllowed", "1024")
	case !utf8.ValidString(q.key) || strings.Contains(q.key, "\x00"):
		return nil, refuse(http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI.")
	}
	return q, nil
}

// BucketOfHost is the bucket that a host stands for, if it stands for one.
func BucketOfHost(host string) (string, bool) {
	name, _, _ := strings.Cut(host, ":")
	bucket, ok := strings.CutSuffix(name, ".localhost")
	return bucket, ok && bucket != ""
}

func (r routes) serve(s *Store, q *request) error {
	if err := r.checkHeaders(s, q); err != nil {
		return err
	}
	level := "object"
	switch {
	case q.bucket == "":
		level = "service"
	case q.key == "":
		level = "bucket"
	}
	sub := r.subresource(q)
	if set, ok := r.settings[sub]; ok && level == "bucket" {
		return s.serveSetting(q, sub, set)
	}
	if op := r.operations[strings.TrimSpace(q.r.Method+" "+level+" "+sub)]; op != nil {
		return op(s, q)
	}
	if sub != "" {
		return notImplemented("%s of ?%s on a %s is not served on this machine", q.r.Method, sub, level)
	}
	return errMethodNotAllowed
}

// refusedHeaders ask for what is not done here; an answer of success would be
// a lie.
func refusedHeaders() map[string]string {
	return map[string]string{
		"X-Amz-Server-Side-Encryption-Customer-Algorithm":             "encryption with a customer's key",
		"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm": "encryption with a customer's key",
		"X-Amz-Object-Lock-Mode":                                      "object lock",
		"X-Amz-Object-Lock-Retain-Until-Date":                         "object lock",
		"X-Amz-Object-Lock-Legal-Hold":                                "object lock",
		"X-Amz-Write-Offset-Bytes":                                    "appending to an object",
		"X-Amz-Mfa":                                                   "deleting by MFA",
	}
}

func (r routes) checkHeaders(s *Store, q *request) error {
	for _, name := range []string{"X-Amz-Expected-Bucket-Owner", "X-Amz-Source-Expected-Bucket-Owner"} {
		if owner := q.header.Get(name); owner != "" && owner != s.account {
			return refuse(http.StatusForbidden, "AccessDenied", "The bucket belongs to account %s, not to %s, which %s names.", s.account, owner, strings.ToLower(name))
		}
	}
	for name, what := range r.refused {
		if q.header.Get(name) != "" {
			return notImplemented("%s (%s) is not served on this machine", what, strings.ToLower(name))
		}
	}
	if q.header.Get("X-Amz-Bucket-Object-Lock-Enabled") == "true" {
		return notImplemented("object lock is not served on this machine")
	}
	return checkACLHeaders(q.header)
}

// number is a parameter of the query between least and most, or otherwise
// where it is not there.
func (q *request) number(name string, otherwise, least, most int) (int, error) {
	raw := q.query.Get(name)
	if raw == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(raw, 10, 32)
	if err != nil || int(n) < least || int(n) > most {
		return 0, invalidArgument(name, raw, "Provided "+name+" not an integer or within integer range")
	}
	return int(n), nil
}
