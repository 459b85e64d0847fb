package s3

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	metaPrefix     = "X-Amz-Meta-"
	tagsHeader     = "X-Amz-Tagging"
	classHeader    = "X-Amz-Storage-Class"
	redirectHeader = "X-Amz-Website-Redirect-Location"
)

// describing are the headers by which a write describes its content. A read
// returns them, and its query can ask for others.
func describing() []string {
	return []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Expires"}
}

// keptHeaders are those of a write that are kept besides x-amz-meta-*.
func keptHeaders() []string {
	return append(describing(), classHeader, tagsHeader, redirectHeader)
}

// metadata is what a write tells of its object.
func metadata(h http.Header) (map[string]string, error) {
	meta, kept := map[string]string{}, keptHeaders()
	size := 0
	for name, values := range h {
		value := strings.Join(values, ",")
		if strings.HasPrefix(name, metaPrefix) {
			size += len(name) - len(metaPrefix) + len(value)
		} else if !slices.Contains(kept, name) || value == "" {
			continue
		}
		meta[name] = value
	}
	if size > 2048 {
		return nil, refuse(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").
			with("Size", strconv.Itoa(size), "MaxSizeAllowed", "2048")
	}
	setOrDelete(meta, "Content-Encoding", withoutChunked(meta["Content-Encoding"]))
	if err := checkClass(meta[classHeader]); err != nil {
		return nil, err
	}
	tags, err := tagsOf(meta[tagsHeader])
	setOrDelete(meta, tagsHeader, encodeTags(tags))
	return meta, err
}

func setOrDelete(meta map[string]string, name, value string) {
	if value == "" {
		delete(meta, name)
	} else {
		meta[name] = value
	}
}

// withoutChunked leaves out the encoding of the request itself.
func withoutChunked(encoding string) string {
	kept := slices.DeleteFunc(strings.Split(encoding, ","), func(e string) bool {
		return strings.EqualFold(strings.TrimSpace(e), "aws-chunked")
	})
	return strings.TrimSpace(strings.Join(kept, ","))
}

func checkClass(class string) error {
	switch class {
	case "", "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR":
		return nil
	case "GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "SNOW", "EXPRESS_ONEZONE", "FSX_OPENZFS", "FSX_ONTAP":
		return notImplemented("the storage class %s is not served on this machine: nothing can be restored from it", class)
	}
	return refuse(http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid").with("StorageClassRequested", class)
}

func (v version) class() string {
	if class := v.Meta[classHeader]; class != "" {
		return class
	}
	return "STANDARD"
}

func (s *Store) putObject(q *request) error {
	if q.header.Get("X-Amz-Copy-Source") != "" {
		return s.copyObject(q)
	}
	b, err := bodyOf(q.r)
	if err != nil {
		return err
	}
	meta, err := metadata(q.header)
	if err != nil {
		return err
	}
	if err := s.refusedEarly(q); err != nil {
		return err
	}
	p, err := s.receive(q.ctx, b, b.claimed.Algorithm)
	if err != nil {
		return s.failure("write object", err)
	}
	v := whole(p)
	v.Meta = meta
	if v, err = s.publish(q, v); err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("Etag", v.etag())
	v.Checksum.setHeader(h)
	return q.empty(http.StatusOK)
}

// publish makes v the newest version of the request's key, if its conditions
// hold at that moment, and tells its version and encryption in the answer.
// Otherwise v's contents are removed.
func (s *Store) publish(q *request, v version) (version, error) {
	var gone []string
	var b bucketRecord
	made := v
	err := s.update("publish object", func(ix index) (err error) {
		if b, err = ix.bucket(q.bucket); err != nil {
			return err
		}
		if err := ix.writeConditions(q); err != nil {
			return err
		}
		if made.Encryption, err = encryptionOf(q.header, b); err != nil {
			return err
		}
		made, gone, err = ix.add(b, q.bucket, q.key, made)
		return err
	})
	if err != nil {
		for _, p := range v.contents() {
			s.remove(p)
		}
		return v, err
	}
	s.removeFiles(gone)
	if q.w != nil {
		made.versionHeader(q.w.Header(), b)
		made.Encryption.setHeader(q.w.Header())
	}
	return made, nil
}

// versionHeader tells the version where the bucket has versions.
func (v version) versionHeader(h http.Header, b bucketRecord) {
	if b.Versioning != "" {
		h.Set("X-Amz-Version-Id", nameOf(v.ID))
	}
}

// markerHeader tells that v is a delete marker, if it is.
func (v version) markerHeader(b bucketRecord) http.Header {
	h := http.Header{}
	if v.Marker {
		h.Set("X-Amz-Delete-Marker", "true")
		v.versionHeader(h, b)
	}
	return h
}

// getObject answers HEAD, too.
func (s *Store) getObject(q *request) error {
	id, err := q.versionID()
	if err != nil {
		return err
	}
	b, err := s.bucketOf(q)
	if err != nil {
		return err
	}
	v, content, err := s.open(q.bucket, q.key, id)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read
	if v.Marker {
		h := v.markerHeader(b)
		h.Set("Allow", "DELETE")
		return errMethodNotAllowed.withHeader(h)
	}
	if err := readConditions(q.header, v); err != nil {
		return err
	}
	w, err := q.wanted(v)
	if err != nil {
		return err
	}
	q.tell(v, b, w)
	if q.r.Method == http.MethodHead {
		return q.empty(w.status)
	}
	q.w.WriteHeader(w.status)
	if err := content.sendTo(q.w, w.offset, w.size); err != nil {
		panic(http.ErrAbortHandler) // the caller must see that it has not all
	}
	return nil
}

func (s *Store) bucketOf(q *request) (b bucketRecord, err error) {
	err = s.view(func(ix index) error {
		b, err = ix.bucket(q.bucket)
		return err
	})
	return b, err
}

// versionID is the version that the query names, if any.
func (q *request) versionID() (string, error) {
	id := q.query.Get("versionId")
	if q.query.Has("versionId") && !validVersion(id) {
		return "", invalidArgument("versionId", id, "Invalid version id specified")
	}
	return id, nil
}

func validVersion(id string) bool {
	_, err := strconv.ParseUint(id, 16, 64)
	return id == nullID || err == nil && len(id) == 16
}

// tell writes the headers of an object, or of a part of it.
func (q *request) tell(v version, b bucketRecord, w wanted) {
	h := q.w.Header()
	h.Set("Content-Type", "binary/octet-stream")
	for name, value := range v.Meta {
		if strings.HasPrefix(name, metaPrefix) {
			h[strings.ToLower(name)] = []string{value} // clients tell their names as they come
		}
	}
	for _, name := range append(describing(), redirectHeader) { // folders of before hold others
		if value := v.Meta[name]; value != "" {
			h.Set(name, value)
		}
	}
	if class := v.class(); class != "STANDARD" {
		h.Set(classHeader, class)
	}
	for _, name := range describing() {
		if value := q.query.Get("response-" + strings.ToLower(name)); value != "" {
			h.Set(name, value)
		}
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Etag", v.etag())
	h.Set("Last-Modified", v.Modified.UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.FormatInt(w.size, 10))
	if w.status == http.StatusPartialContent {
		h.Set("Content-Range", "bytes "+strconv.FormatInt(w.offset, 10)+"-"+strconv.FormatInt(w.offset+w.size-1, 10)+"/"+strconv.FormatInt(v.Size, 10))
	}
	if w.parts > 0 {
		h.Set("X-Amz-Mp-Parts-Count", strconv.Itoa(w.parts))
	}
	if tags, err := tagsOf(v.Meta[tagsHeader]); err == nil && len(tags) > 0 {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(len(tags)))
	}
	v.versionHeader(h, b)
	v.Encryption.setHeader(h)
	if strings.EqualFold(q.header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		w.checksum.setHeader(h)
	}
}

// wanted is the part of an object that a read asks for.
type wanted struct {
	status       int
	offset, size int64
	parts        int // how many the object has, where one was asked for
	checksum     checksum
}

func (q *request) wanted(v version) (wanted, error) {
	all := wanted{status: http.StatusOK, size: v.Size, checksum: v.Checksum}
	ranged := q.header.Get("Range")
	if q.query.Has("partNumber") {
		if ranged != "" {
			return wanted{}, invalidRequest("Cannot specify both Range header and partNumber query parameter")
		}
		return q.wantedPart(v, all)
	}
	offset, size, ok := byteRange(ranged, v.Size)
	if !ok {
		return all, nil
	}
	if size <= 0 {
		return wanted{}, refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable").
			with("RangeRequested", ranged, "ActualObjectSize", strconv.FormatInt(v.Size, 10)).
			withHeader(http.Header{"Content-Range": {"bytes */" + strconv.FormatInt(v.Size, 10)}})
	}
	return wanted{status: http.StatusPartialContent, offset: offset, size: size}, nil
}

func (q *request) wantedPart(v version, all wanted) (wanted, error) {
	n, err := q.number("partNumber", 1, 1, maxParts)
	if err != nil {
		return wanted{}, err
	}
	if len(v.Parts) == 0 && n == 1 {
		return all, nil
	}
	w := wanted{status: http.StatusPartialContent, parts: len(v.Parts)}
	for i, p := range v.Parts {
		if w.size = p.Size; i+1 == n {
			w.checksum = p.Checksum
			return w, nil
		}
		w.offset += p.Size
	}
	return wanted{}, refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber", "The requested partnumber is not satisfiable").
		with("PartNumberRequested", strconv.Itoa(n), "ActualPartCount", strconv.Itoa(max(1, len(v.Parts))))
}

// byteRange reads a Range header as S3 does: what is not one range of bytes is
// ignored, and a range that the object does not have has no size.
func byteRange(header string, size int64) (offset, length int64, ok bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	first, firstErr := strconv.ParseInt(from, 10, 64)
	last, lastErr := strconv.ParseInt(to, 10, 64)
	switch {
	case from == "" && lastErr == nil && last >= 0:
		offset = max(0, size-last)
		return offset, size - offset, true
	case firstErr != nil || first < 0, to != "" && (lastErr != nil || last < first):
		return 0, 0, false
	case to == "":
		last = size - 1
	}
	return first, min(last, size-1) - first + 1, true
}

func (s *Store) deleteObject(q *request) error {
	id, err := q.versionID()
	if err != nil {
		return err
	}
	var d deleted
	var gone []string
	err = s.update("delete object", func(ix index) (err error) {
		b, err := ix.bucket(q.bucket)
		if err != nil {
			return err
		}
		d, gone, err = ix.deleteOne(b, q.bucket, toDelete{Key: q.key, VersionID: id, ETag: q.header.Get("If-Match")})
		return err
	})
	if err != nil {
		return err
	}
	s.removeFiles(gone)
	if d.marker {
		q.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	if d.id != "" {
		q.w.Header().Set("X-Amz-Version-Id", d.id)
	}
	return q.empty(http.StatusNoContent)
}

// toDelete is a key, or one version of it.
type toDelete struct {
	Key              string `xml:"Key"`
	VersionID        string `xml:"VersionId"`
	ETag             string `xml:"ETag"`
	LastModifiedTime string `xml:"LastModifiedTime"`
	Size             string `xml:"Size"`
}

// deleted is the version that came of a delete or that was deleted.
type deleted struct {
	id     string
	marker bool
}

func (ix index) deleteOne(b bucketRecord, bucket string, what toDelete) (d deleted, gone []string, err error) {
	if err := ix.deleteCondition(bucket, what.Key, what.ETag); err != nil {
		return d, nil, err
	}
	if what.VersionID != "" {
		return ix.deleteVersion(bucket, what)
	}
	if b.Versioning == "" {
		gone, err = ix.deleteNull(bucket, what.Key)
		return d, gone, err
	}
	marker, gone, err := ix.add(b, bucket, what.Key, version{Marker: true})
	return deleted{nameOf(marker.ID), true}, gone, err
}

// deleteVersion succeeds where there is no such version, as S3 does.
func (ix index) deleteVersion(bucket string, what toDelete) (d deleted, gone []string, err error) {
	d.id = what.VersionID
	v, at, err := ix.byID(bucket, what.Key, what.VersionID)
	if isCode(err, "NoSuchVersion") {
		return d, nil, nil
	}
	if err != nil {
		return d, nil, err
	}
	d.marker = v.Marker
	gone, err = ix.deleteAt(bucket, at, v)
	return d, gone, err
}

func (s *Store) deleteObjects(q *request) error {
	var in struct {
		Quiet   bool       `xml:"Quiet"`
		Objects []toDelete `xml:"Object"`
	}
	if err := q.read(&in, true); err != nil {
		return err
	}
	if len(in.Objects) == 0 || len(in.Objects) > mostListed {
		return errMalformedXML
	}
	var answer *document
	var gone []string
	err := s.update("delete objects", func(ix index) error {
		b, err := ix.bucket(q.bucket)
		if err != nil {
			return err
		}
		answer, gone = newDocument("DeleteResult"), nil
		for _, o := range in.Objects {
			d, files, err := ix.deleteListed(b, q.bucket, o)
			if gone = append(gone, files...); err != nil {
				if err = answer.refused(o, err); err != nil {
					return err
				}
			} else if !in.Quiet {
				answer.deleted(o, d)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.removeFiles(gone)
	return answer.send(q)
}

func (ix index) deleteListed(b bucketRecord, bucket string, o toDelete) (deleted, []string, error) {
	switch {
	case o.Key == "":
		return deleted{}, nil, errMalformedXML
	case o.VersionID != "" && !validVersion(o.VersionID):
		return deleted{}, nil, refuse(http.StatusBadRequest, "NoSuchVersion", "Invalid version id specified")
	case o.LastModifiedTime != "" || o.Size != "":
		return deleted{}, nil, notImplemented("deleting by time or size is for directory buckets, which are not served on this machine")
	}
	return ix.deleteOne(b, bucket, o)
}

func (d *document) deleted(o toDelete, was deleted) {
	d.open("Deleted")
	d.text("Key", o.Key)
	d.optional("VersionId", o.VersionID)
	if was.marker {
		d.truth("DeleteMarker", true)
		d.text("DeleteMarkerVersionId", was.id)
	}
	d.close("Deleted")
}

// refused writes why one object stays; what is no refusal ends them all.
func (d *document) refused(o toDelete, err error) error {
	refusal, ok := asError(err)
	if !ok {
		return err
	}
	d.open("Error")
	d.text("Key", o.Key)
	d.optional("VersionId", o.VersionID)
	d.text("Code", refusal.Code)
	d.text("Message", refusal.Message)
	d.close("Error")
	return nil
}

func (s *Store) getAttributes(q *request) error {
	id, err := q.versionID()
	if err != nil {
		return err
	}
	asked := map[string]bool{}
	for _, value := range q.header.Values("X-Amz-Object-Attributes") {
		for name := range strings.SplitSeq(value, ",") {
			asked[strings.TrimSpace(name)] = true
		}
	}
	for name := range asked {
		if !slices.Contains([]string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}, name) {
			return invalidArgument("x-amz-object-attributes", name, "Invalid attribute name specified.")
		}
	}
	if len(asked) == 0 {
		return invalidRequest("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	var v version
	var b bucketRecord
	err = s.view(func(ix index) (err error) {
		if b, err = ix.bucket(q.bucket); err == nil {
			v, err = ix.find(q.bucket, q.key, id)
		}
		return err
	})
	if err != nil {
		return err
	}
	if v.Marker {
		return errMethodNotAllowed.withHeader(v.markerHeader(b))
	}
	v.versionHeader(q.w.Header(), b)
	q.w.Header().Set("Last-Modified", v.Modified.UTC().Format(http.TimeFormat))
	return q.attributes(v, asked)
}

func (q *request) attributes(v version, asked map[string]bool) error {
	d := newDocument("GetObjectAttributesResponse")
	if asked["ETag"] {
		d.text("ETag", strings.Trim(v.etag(), `"`))
	}
	if asked["Checksum"] && v.Checksum.Algorithm != "" {
		d.open("Checksum")
		plain := v.Checksum
		plain.Value, _, _ = strings.Cut(plain.Value, "-") // the number of parts has its own place here
		d.checksum(plain)
		d.text("ChecksumType", v.Checksum.kind())
		d.close("Checksum")
	}
	if asked["ObjectParts"] && len(v.Parts) > 0 {
		if err := q.objectParts(d, v); err != nil {
			return err
		}
	}
	if asked["StorageClass"] {
		d.text("StorageClass", v.class())
	}
	if asked["ObjectSize"] {
		d.number("ObjectSize", v.Size)
	}
	return d.send(q)
}

func (q *request) objectParts(d *document, v version) error {
	marker, most := 0, mostListed
	for name, into := range map[string]*int{"X-Amz-Part-Number-Marker": &marker, "X-Amz-Max-Parts": &most} {
		if raw := q.header.Get(name); raw != "" {
			n, err := strconv.Atoi(raw)
			if err != nil || n < 0 {
				return invalidArgument(strings.ToLower(name), raw, "Argument must be an integer between 0 and 2147483647")
			}
			*into = n
		}
	}
	from := min(marker, len(v.Parts))
	to := min(from+min(most, mostListed), len(v.Parts))
	d.open("ObjectParts")
	d.number("PartsCount", int64(len(v.Parts)))
	d.number("PartNumberMarker", int64(marker))
	d.number("NextPartNumberMarker", int64(to))
	d.number("MaxParts", int64(most))
	d.truth("IsTruncated", to < len(v.Parts))
	for i, p := range v.Parts[from:to] {
		d.open("Part")
		d.number("PartNumber", int64(from+i+1))
		d.number("Size", p.Size)
		d.checksum(p.Checksum)
		d.close("Part")
	}
	d.close("ObjectParts")
	return nil
}
