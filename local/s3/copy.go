package s3

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// source is what a copy is made of: an object that is open.
type source struct {
	bucket, key, id string
	bucketRecord
	version
	*content
}

// source opens what x-amz-copy-source names, if the conditions on it hold.
func (s *Store) source(q *request) (*source, error) {
	from, err := parseSource(q.header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return nil, err
	}
	if from.bucketRecord, err = s.bucketOf(&request{bucket: from.bucket}); err != nil {
		return nil, err
	}
	if from.version, from.content, err = s.open(from.bucket, from.key, from.id); err != nil {
		return nil, err
	}
	err = copyConditions(q.header, from.version)
	if from.Marker {
		err = invalidRequest("The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	if err != nil {
		_ = from.Close() // only read
		return nil, err
	}
	return from, nil
}

// parseSource reads [/]bucket/key[?versionId=id], of which the path is encoded
// as in a URL.
func parseSource(header string) (*source, error) {
	bad := invalidArgument("x-amz-copy-source", header, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	if strings.HasPrefix(header, "arn:") {
		return nil, notImplemented("copying from an access point (%s) is not served on this machine; name the bucket", header)
	}
	path, query, versioned := strings.Cut(header, "?versionId=")
	path, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, bad
	}
	from := &source{}
	from.bucket, from.key, _ = strings.Cut(path, "/")
	if from.bucket == "" || from.key == "" {
		return nil, bad
	}
	if versioned {
		if from.id, err = url.QueryUnescape(query); err != nil || !validVersion(from.id) {
			return nil, invalidArgument("x-amz-copy-source", header, "Invalid version id specified")
		}
	}
	return from, nil
}

func (s *Store) copyObject(q *request) error {
	if err := s.refusedEarly(q); err != nil {
		return err
	}
	algorithm, err := knownAlgorithm(q.header.Get("X-Amz-Checksum-Algorithm"))
	if err != nil {
		return err
	}
	from, err := s.source(q)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // only read
	if from.Size > maxObject {
		return invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(maxObject))
	}
	meta, err := from.copiedMeta(q)
	if err != nil {
		return err
	}
	if algorithm == "" {
		algorithm = from.Checksum.Algorithm
	}
	p, err := s.receive(q.ctx, &body{Reader: from.section(0, from.Size), size: from.Size}, algorithm)
	if err != nil {
		return s.failure("copy object", err)
	}
	v := whole(p)
	v.Meta = meta
	if v, err = s.publish(q, v); err != nil {
		return err
	}
	from.tell(q)
	return copied("CopyObjectResult", part{MD5: v.MD5, Modified: v.Modified, Checksum: v.Checksum}, true).send(q)
}

func (from *source) tell(q *request) {
	if from.Versioning != "" {
		q.w.Header().Set("X-Amz-Copy-Source-Version-Id", nameOf(from.ID))
	}
}

func copied(root string, p part, kind bool) *document {
	d := newDocument(root)
	d.time("LastModified", p.Modified)
	d.text("ETag", `"`+p.MD5+`"`)
	if p.Checksum.Algorithm != "" {
		d.checksum(p.Checksum)
		if kind {
			d.text("ChecksumType", p.Checksum.kind())
		}
	}
	return d
}

// copiedMeta is what the copy will be told of, by the two directives. A copy
// of an object onto itself must change something.
func (from *source) copiedMeta(q *request) (map[string]string, error) {
	replace, err := directive(q.header, "X-Amz-Metadata-Directive")
	if err != nil {
		return nil, err
	}
	replaceTags, err := directive(q.header, "X-Amz-Tagging-Directive")
	if err != nil {
		return nil, err
	}
	own, err := metadata(q.header)
	if err != nil {
		return nil, err
	}
	meta := maps.Clone(from.Meta)
	if meta == nil {
		meta = map[string]string{}
	}
	tags, class, redirect := meta[tagsHeader], own[classHeader], own[redirectHeader]
	changed := replace || class != "" || redirect != "" || q.header.Get("X-Amz-Server-Side-Encryption") != "" || q.header.Get("X-Amz-Checksum-Algorithm") != ""
	if from.bucket == q.bucket && from.key == q.key && from.id == "" && !changed {
		return nil, invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if replace {
		meta = own
	}
	if replaceTags {
		tags = own[tagsHeader]
	}
	setOrDelete(meta, tagsHeader, tags)
	setOrDelete(meta, classHeader, class)
	setOrDelete(meta, redirectHeader, redirect)
	return meta, nil
}

func directive(h http.Header, name string) (replace bool, err error) {
	switch value := h.Get(name); value {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, invalidArgument(strings.ToLower(name), value, "Unknown "+strings.ToLower(strings.TrimPrefix(name, "X-Amz-"))+".")
	}
}

// copyRange is the range of a source that becomes a part: all of it, or one
// that it has.
func copyRange(header string, size int64) (offset, length int64, err error) {
	if header == "" {
		return 0, size, nil
	}
	bad := invalidArgument("x-amz-copy-source-range", header,
		"The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	first, firstErr := strconv.ParseInt(from, 10, 64)
	last, lastErr := strconv.ParseInt(to, 10, 64)
	if !ok || !dash || firstErr != nil || lastErr != nil || first < 0 || last < first {
		return 0, 0, bad
	}
	if last >= size {
		return 0, 0, invalidArgument("x-amz-copy-source-range", header, "Range specified is not valid for source object of size: "+strconv.FormatInt(size, 10))
	}
	return first, last - first + 1, nil
}
