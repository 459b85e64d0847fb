package s3

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
)

// mostListed is how much S3 tells at a time.
const mostListed = 1000

// afterAll sorts behind every UTF-8 string that starts with what precedes it.
const afterAll = "\xff"

// listing is what is to be listed: keys behind after that start with prefix,
// those that share what comes before a delimiter folded to one.
type listing struct {
	prefix, delimiter, after string
	most                     int // negative: all
}

// entry is one key, or one common prefix of many.
type entry struct {
	key    string
	folded bool
	version
}

// list calls f with what is listed, and returns the last of it where there is
// more.
func (ix index) list(bucket string, l listing, f func(entry)) (next string, err error) {
	if l.most == 0 {
		return "", nil
	}
	count, last := 0, ""
	c := ix.versions(bucket).Cursor()
	seek := []byte(l.firstPlace())
	at, raw := c.Seek(seek)
	for at != nil {
		key := entryKey(at)
		if !strings.HasPrefix(key, l.prefix) {
			break
		}
		e := entry{key: key}
		if err := decode(raw, &e.version); err != nil {
			return "", err
		}
		if folded, ok := l.fold(key); ok && !e.Marker {
			e = entry{key: folded, folded: true}
		}
		if !e.Marker {
			if count == l.most {
				return last, nil
			}
			f(e)
			count, last = count+1, e.key
		}
		if e.folded {
			at, raw = c.Seek([]byte(e.key + afterAll))
			continue
		}
		// The next entry is most often that of another key.
		if at, raw = c.Next(); at != nil && entryKey(at) == key {
			at, raw = c.Seek(behind(key))
		}
	}
	return "", nil
}

// fold is the common prefix that stands for key in a listing with a
// delimiter. key starts with the prefix.
func (l listing) fold(key string) (string, bool) {
	if l.delimiter == "" {
		return "", false
	}
	rest := key[len(l.prefix):]
	i := strings.Index(rest, l.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(l.prefix)+i+len(l.delimiter)], true
}

// behind sorts after every version of key and before the next key.
func behind(key string) []byte {
	return append(entryPrefix(key), strings.Repeat(afterAll, 9)...)
}

// firstPlace is where a listing begins: behind its marker. A marker that is
// itself a common prefix stands for all keys below it.
func (l listing) firstPlace() string {
	if l.after < l.prefix || l.after == "" || !strings.HasPrefix(l.after, l.prefix) {
		return max(l.prefix, l.after)
	}
	if folded, ok := l.fold(l.after); ok && folded == l.after {
		return l.after + afterAll
	}
	return l.after + "\x01"
}

// listed reads the parameters that all listings have. Keys are written by
// encode, as encoding-type asks for.
func (q *request) listed(marker string) (l listing, encode func(string) string, err error) {
	l = listing{prefix: q.query.Get("prefix"), delimiter: q.query.Get("delimiter"), after: q.query.Get(marker)}
	if l.most, err = q.number("max-keys", mostListed, 0, 1<<31-1); err != nil {
		return l, nil, err
	}
	l.most = min(l.most, mostListed)
	switch encoding := q.query.Get("encoding-type"); encoding {
	case "":
		return l, func(s string) string { return s }, nil
	case "url":
		return l, encodeKey, nil
	default:
		return l, nil, invalidArgument("encoding-type", encoding, "Invalid Encoding Method specified in Request")
	}
}

// encodeKey encodes as S3 does, which leaves slashes alone.
func encodeKey(key string) string {
	return strings.NewReplacer("%2F", "/").Replace(url.QueryEscape(key))
}

func (s *Store) listObjects(q *request) error {
	l, encode, err := q.listed("marker")
	if err != nil {
		return err
	}
	d := newDocument("ListBucketResult")
	d.text("Name", q.bucket)
	d.text("Prefix", encode(l.prefix))
	d.text("Marker", encode(l.after))
	d.optional("Delimiter", encode(l.delimiter))
	d.number("MaxKeys", int64(l.most))
	d.optional("EncodingType", q.query.Get("encoding-type"))
	next, _, err := s.writeListing(d, q, l, encode, true)
	if err != nil {
		return err
	}
	if l.delimiter != "" {
		d.optional("NextMarker", encode(next))
	}
	d.truth("IsTruncated", next != "")
	return d.send(q)
}

func (s *Store) listObjectsV2(q *request) error {
	l, encode, err := q.listed("start-after")
	if err != nil {
		return err
	}
	if kind := q.query.Get("list-type"); kind != "2" {
		return invalidArgument("list-type", kind, "Invalid List Type specified in Request")
	}
	d := newDocument("ListBucketResult")
	d.text("Name", q.bucket)
	d.text("Prefix", encode(l.prefix))
	d.optional("Delimiter", encode(l.delimiter))
	d.optional("StartAfter", encode(l.after))
	d.number("MaxKeys", int64(l.most))
	d.optional("EncodingType", q.query.Get("encoding-type"))
	if q.query.Has("continuation-token") {
		token := q.query.Get("continuation-token")
		if l.after, err = readToken(token); err != nil {
			return err
		}
		d.text("ContinuationToken", token)
	}
	next, count, err := s.writeListing(d, q, l, encode, q.query.Get("fetch-owner") == "true")
	if err != nil {
		return err
	}
	d.number("KeyCount", int64(count))
	if next != "" {
		d.text("NextContinuationToken", token(next))
	}
	d.truth("IsTruncated", next != "")
	return d.send(q)
}

// token hides a key. What is not one of ours is refused.
func token(key string) string {
	return base64.StdEncoding.EncodeToString([]byte(tokenMark + key))
}

const tokenMark = "after:"

func readToken(token string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(token)
	key, ok := strings.CutPrefix(string(raw), tokenMark)
	if err != nil || !ok || key == "" {
		return "", invalidArgument("continuation-token", token, "The continuation token provided is incorrect")
	}
	return key, nil
}

func (s *Store) writeListing(d *document, q *request, l listing, encode func(string) string, owner bool) (next string, count int, err error) {
	var folded []string
	err = s.view(func(ix index) error {
		if _, err := ix.bucket(q.bucket); err != nil {
			return err
		}
		next, err = ix.list(q.bucket, l, func(e entry) {
			count++
			if e.folded {
				folded = append(folded, e.key)
				return
			}
			d.open("Contents")
			d.text("Key", encode(e.key))
			s.writeVersion(d, e.version, owner)
			d.close("Contents")
		})
		return err
	})
	d.prefixes(folded, encode)
	return next, count, err
}

func (d *document) prefixes(folded []string, encode func(string) string) {
	for _, prefix := range folded {
		d.open("CommonPrefixes")
		d.text("Prefix", encode(prefix))
		d.close("CommonPrefixes")
	}
}

// writeVersion is what every listing tells of an object.
func (s *Store) writeVersion(d *document, v version, owner bool) {
	d.time("LastModified", v.Modified)
	d.text("ETag", v.etag())
	if v.Checksum.Algorithm != "" {
		d.text("ChecksumAlgorithm", v.Checksum.Algorithm)
		d.text("ChecksumType", v.Checksum.kind())
	}
	d.number("Size", v.Size)
	if owner {
		d.owner("Owner", s.account)
	}
	d.text("StorageClass", v.class())
}

func (s *Store) listVersions(q *request) error {
	l, encode, err := q.listed("key-marker")
	if err != nil {
		return err
	}
	id := q.query.Get("version-id-marker")
	switch {
	case id != "" && l.after == "":
		return invalidArgument("version-id-marker", id, "A version-id marker cannot be specified without a key marker.")
	case id != "" && !validVersion(id):
		return invalidArgument("version-id-marker", id, "Invalid version id specified")
	}
	d := newDocument("ListVersionsResult")
	d.text("Name", q.bucket)
	d.text("Prefix", encode(l.prefix))
	d.text("KeyMarker", encode(l.after))
	d.text("VersionIdMarker", id)
	d.optional("Delimiter", encode(l.delimiter))
	d.number("MaxKeys", int64(l.most))
	d.optional("EncodingType", q.query.Get("encoding-type"))
	var folded []string
	err = s.view(func(ix index) error {
		if _, err := ix.bucket(q.bucket); err != nil {
			return err
		}
		next, nextID, err := ix.listVersions(q.bucket, l, id, func(e entry, latest bool) {
			if e.folded {
				folded = append(folded, e.key)
				return
			}
			s.writeListedVersion(d, e, encode, latest)
		})
		if next != "" {
			d.text("NextKeyMarker", encode(next))
			d.optional("NextVersionIdMarker", nextID)
		}
		d.truth("IsTruncated", next != "")
		return err
	})
	if err != nil {
		return err
	}
	d.prefixes(folded, encode)
	return d.send(q)
}

func (s *Store) writeListedVersion(d *document, e entry, encode func(string) string, latest bool) {
	element := "Version"
	if e.Marker {
		element = "DeleteMarker"
	}
	d.open(element)
	d.text("Key", encode(e.key))
	d.text("VersionId", nameOf(e.ID))
	d.truth("IsLatest", latest)
	if e.Marker {
		d.time("LastModified", e.Modified)
		d.owner("Owner", s.account)
	} else {
		s.writeVersion(d, e.version, true)
	}
	d.close(element)
}

// listVersions calls f with versions behind the one with the id, newest first
// within a key, and returns the last of them where there are more.
func (ix index) listVersions(bucket string, l listing, id string, f func(e entry, latest bool)) (next, nextID string, err error) {
	if l.most == 0 {
		return "", "", nil
	}
	start, err := ix.firstVersion(bucket, l, id)
	if err != nil {
		return "", "", err
	}
	count, latestOf := 0, ""
	if id != "" {
		latestOf = l.after // its newest is before the marker
	}
	c := ix.versions(bucket).Cursor()
	at, raw := c.Seek(start)
	for at != nil {
		e := entry{key: entryKey(at)}
		if !strings.HasPrefix(e.key, l.prefix) {
			break
		}
		if err := decode(raw, &e.version); err != nil {
			return "", "", err
		}
		if folded, ok := l.fold(e.key); ok {
			e = entry{key: folded, folded: true}
		}
		if count == l.most {
			return next, nextID, nil
		}
		f(e, e.key != latestOf)
		count, latestOf, next, nextID = count+1, e.key, e.key, nameOf(e.ID)
		if e.folded {
			nextID = ""
			at, raw = c.Seek([]byte(e.key + afterAll))
		} else {
			at, raw = c.Next()
		}
	}
	return "", "", nil
}

// firstVersion is the place behind a version that may be gone by now: its id
// tells where it was.
func (ix index) firstVersion(bucket string, l listing, id string) ([]byte, error) {
	if id == "" || l.after < l.prefix {
		return []byte(l.firstPlace()), nil
	}
	if id == nullID {
		_, at, err := ix.byID(bucket, l.after, id)
		if isCode(err, "NoSuchVersion") {
			return entryPrefix(l.after), nil
		}
		return append(at, 0), err
	}
	sequence, err := strconv.ParseUint(id, 16, 64)
	return append(place(l.after, sequence), 0), err
}

func (s *Store) listUploads(q *request) error {
	most, err := q.number("max-uploads", mostListed, 0, 1<<31-1)
	if err != nil {
		return err
	}
	l, encode, err := q.listed("key-marker")
	if err != nil {
		return err
	}
	l.most = min(most, mostListed)
	after := q.query.Get("upload-id-marker")
	d := newDocument("ListMultipartUploadsResult")
	d.text("Bucket", q.bucket)
	d.text("KeyMarker", encode(l.after))
	d.text("UploadIdMarker", after)
	d.optional("Prefix", encode(l.prefix))
	d.optional("Delimiter", encode(l.delimiter))
	d.number("MaxUploads", int64(l.most))
	d.optional("EncodingType", q.query.Get("encoding-type"))
	err = s.view(func(ix index) error { return ix.listUploads(s, d, q.bucket, l, after, encode) })
	if err != nil {
		return err
	}
	return d.send(q)
}

func (ix index) listUploads(s *Store, d *document, bucket string, l listing, after string, encode func(string) string) error {
	if _, err := ix.bucket(bucket); err != nil {
		return err
	}
	count, lastKey, lastID := 0, "", ""
	truncated := false
	var folded []string
	c := ix.uploads().Cursor()
	start := bucket + "\x00" + l.prefix
	for at, raw := c.Seek([]byte(start)); at != nil && strings.HasPrefix(string(at), start) && !truncated; at, raw = c.Next() {
		key, id, _ := strings.Cut(string(at[len(bucket)+1:]), "\x00")
		name, isFolded := l.fold(key)
		if key < l.after || key == l.after && id <= after || l.after != "" && key == l.after && after == "" || isFolded && (name == lastKey || name <= l.after) {
			continue
		}
		if truncated = count == l.most; truncated {
			break
		}
		count++
		if isFolded {
			folded = append(folded, name)
			lastKey, lastID = name, ""
			continue
		}
		lastKey, lastID = key, id
		var u upload
		if err := decode(raw, &u); err != nil {
			return err
		}
		s.writeUpload(d, u, encode(key), id)
	}
	d.prefixes(folded, encode)
	if truncated = truncated && l.most > 0; truncated {
		d.text("NextKeyMarker", encode(lastKey))
		d.optional("NextUploadIdMarker", lastID)
	}
	d.truth("IsTruncated", truncated)
	return nil
}

func (s *Store) writeUpload(d *document, u upload, key, id string) {
	d.open("Upload")
	d.text("Key", key)
	d.text("UploadId", id)
	d.owner("Initiator", s.account)
	d.owner("Owner", s.account)
	d.text("StorageClass", version{Meta: u.Meta}.class())
	d.time("Initiated", u.Created)
	if u.Algorithm != "" {
		d.text("ChecksumAlgorithm", u.Algorithm)
		d.text("ChecksumType", checksum{Composite: u.Composite}.kind())
	}
	d.close("Upload")
}
