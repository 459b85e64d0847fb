package s3

import (
	"net/http"
	"strings"
	"time"
)

// readConditions are those of a GET or HEAD; a false one of the first pair is
// 412, of the second 304. ETags come before times, as RFC 9110 has it.
func readConditions(h http.Header, v version) error {
	failed := falseCondition(h, "", v)
	if failed == "If-None-Match" || failed == "If-Modified-Since" {
		return errNotModified.withHeader(http.Header{"Etag": {v.etag()}, "Last-Modified": {v.Modified.Format(http.TimeFormat)}})
	}
	if failed != "" {
		return preconditionFailed(failed)
	}
	return nil
}

// copyConditions are those on the source of a copy: all are 412.
func copyConditions(h http.Header, v version) error {
	if failed := falseCondition(h, "X-Amz-Copy-Source-", v); failed != "" {
		return preconditionFailed(strings.ToLower(failed))
	}
	return nil
}

// falseCondition is the name of the condition that does not hold, if one does
// not.
func falseCondition(h http.Header, prefix string, v version) string {
	modified := v.Modified.Truncate(time.Second)
	later := func(name string) (is, known bool) {
		t, err := http.ParseTime(h.Get(prefix + name))
		return modified.After(t), err == nil
	}
	if match := h.Get(prefix + "If-Match"); match != "" {
		if !v.hasAnyETag(match) {
			return prefix + "If-Match"
		}
	} else if is, known := later("If-Unmodified-Since"); known && is {
		return prefix + "If-Unmodified-Since"
	}
	if none := h.Get(prefix + "If-None-Match"); none != "" {
		if v.hasAnyETag(none) {
			return prefix + "If-None-Match"
		}
	} else if is, known := later("If-Modified-Since"); known && !is {
		return prefix + "If-Modified-Since"
	}
	return ""
}

// hasAnyETag takes a list, of which weak ones are compared as strong ones.
func (v version) hasAnyETag(list string) bool {
	for want := range strings.SplitSeq(list, ",") {
		if v.hasETag(strings.TrimPrefix(strings.TrimSpace(want), "W/")) {
			return true
		}
	}
	return false
}

// writeConditions are those of a PUT, a copy or a completed upload on the
// newest version of what is to be written.
func (ix index) writeConditions(q *request) error {
	match, none := q.header.Get("If-Match"), q.header.Get("If-None-Match")
	if none != "" && none != "*" {
		return refuse(http.StatusNotImplemented, "NotImplemented",
			"A header you provided implies functionality that is not implemented").with("Header", "If-None-Match")
	}
	now, ok, err := ix.current(q.bucket, q.key)
	exists := ok && !now.Marker
	switch {
	case err != nil:
		return err
	case match != "" && !exists:
		return noSuchKey(q.key)
	case match != "" && !now.hasETag(match):
		return preconditionFailed("If-Match")
	case none != "" && exists:
		return preconditionFailed("If-None-Match")
	}
	return nil
}

// refusedEarly is what can be refused before a body was read: a client that
// waits for "100 Continue" never sends it.
func (s *Store) refusedEarly(q *request) error {
	return s.view(func(ix index) error { return ix.writeConditions(q) })
}

// deleteCondition is that of a delete on the newest version.
func (ix index) deleteCondition(bucket, key, match string) error {
	if match == "" {
		return nil
	}
	now, ok, err := ix.current(bucket, key)
	switch exists := ok && !now.Marker; {
	case err != nil:
		return err
	case !exists && match != "*":
		return noSuchKey(key)
	case !exists, !now.hasETag(match):
		return preconditionFailed("If-Match")
	}
	return nil
}
