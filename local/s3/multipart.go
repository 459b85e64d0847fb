package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxUploads bounds the multipart uploads in progress at one time.
	maxUploads = 10_000
	// maxParts and minPart are AWS's: all parts but the last have that size.
	maxParts = 10_000
	minPart  = 5 << 20
	// maxOpen is how many files an object may be made of: each of them is
	// opened to read it. One of more parts is joined when it is completed.
	maxOpen = 16
)

// upload is what the index keeps of a multipart upload in progress.
type upload struct {
	Meta      map[string]string `json:"meta,omitempty"`
	Created   time.Time         `json:"created"`
	Algorithm string            `json:"algorithm,omitempty"` // empty: the caller named none
	Composite bool              `json:"composite,omitempty"`
	// Encryption as the headers that began it asked for it.
	Encryption map[string]string `json:"encryption,omitempty"`
}

func uploadPlace(bucket, key, id string) []byte { return []byte(bucket + "\x00" + key + "\x00" + id) }

func partPlace(id string, number int) []byte {
	return binary.BigEndian.AppendUint32([]byte(id+"\x00"), uint32(number))
}

// upload is the one that a request names.
func (ix index) upload(q *request) (u upload, id string, err error) {
	id = q.query.Get("uploadId")
	if _, err := ix.bucket(q.bucket); err != nil {
		return u, id, err
	}
	raw := ix.uploads().Get(uploadPlace(q.bucket, q.key, id))
	if raw == nil {
		return u, id, noSuchUpload(id)
	}
	return u, id, decode(raw, &u)
}

func (s *Store) uploadOf(q *request) (u upload, err error) {
	err = s.view(func(ix index) error {
		u, _, err = ix.upload(q)
		return err
	})
	return u, err
}

// eachPart calls f with the parts of an upload, in order.
func (ix index) eachPart(id string, f func(part) error) error {
	prefix := []byte(id + "\x00")
	c := ix.parts().Cursor()
	for at, raw := c.Seek(prefix); bytes.HasPrefix(at, prefix); at, raw = c.Next() {
		var p part
		if err := decode(raw, &p); err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

// end forgets an upload. Contents of parts that are not kept are dropped.
func (ix index) end(bucket, key, id string, kept map[string]bool) (gone []string, err error) {
	var parts []part
	err = ix.eachPart(id, func(p part) error {
		parts = append(parts, p)
		return nil
	})
	for _, p := range parts {
		if err == nil {
			err = ix.parts().Delete(partPlace(id, p.Number))
		}
	}
	if err != nil {
		return nil, err
	}
	parts = slices.DeleteFunc(parts, func(p part) bool { return kept[p.Blob] })
	if gone, err = ix.dropContents(parts); err != nil {
		return nil, err
	}
	return gone, ix.uploads().Delete(uploadPlace(bucket, key, id))
}

// endAll ends the uploads into a bucket that goes away.
func (ix index) endAll(bucket string) (gone []string, err error) {
	prefix := []byte(bucket + "\x00")
	var places []string
	c := ix.uploads().Cursor()
	for at, _ := c.Seek(prefix); bytes.HasPrefix(at, prefix); at, _ = c.Next() {
		places = append(places, string(at[len(prefix):]))
	}
	for _, at := range places {
		key, id, _ := strings.Cut(at, "\x00")
		files, err := ix.end(bucket, key, id, nil)
		if err != nil {
			return nil, err
		}
		gone = append(gone, files...)
	}
	return gone, nil
}

func (s *Store) createUpload(q *request) error {
	u := upload{Created: s.now(), Encryption: map[string]string{}}
	var err error
	if u.Meta, err = metadata(q.header); err != nil {
		return err
	}
	if err := u.choose(q.header); err != nil {
		return err
	}
	for _, name := range encryptionHeaders() {
		setOrDelete(u.Encryption, name, q.header.Get(name))
	}
	var id string
	var applied encryption
	err = s.update("begin upload", func(ix index) error {
		b, err := ix.bucket(q.bucket)
		if err != nil {
			return err
		}
		if applied, err = encryptionOf(q.header, b); err != nil {
			return err
		}
		if ix.uploads().Stats().KeyN >= maxUploads {
			return refuse(http.StatusServiceUnavailable, "SlowDown", "%d multipart uploads are in progress; complete or abort some", maxUploads)
		}
		n, err := ix.uploads().NextSequence()
		if err != nil {
			return err
		}
		id = fmt.Sprintf("%016x%s", n, rand.Text()) // ids of one key sort by their age
		return put(ix.uploads(), uploadPlace(q.bucket, q.key, id), u)
	})
	if err != nil {
		return err
	}
	if u.Algorithm != "" {
		q.w.Header().Set("X-Amz-Checksum-Algorithm", u.Algorithm)
		q.w.Header().Set("X-Amz-Checksum-Type", checksum{Composite: u.Composite}.kind())
	}
	applied.setHeader(q.w.Header())
	d := newDocument("InitiateMultipartUploadResult")
	d.text("Bucket", q.bucket)
	d.text("Key", q.key)
	d.text("UploadId", id)
	return d.send(q)
}

// choose takes the algorithm and type that an upload is begun with.
func (u *upload) choose(h http.Header) (err error) {
	if u.Algorithm, err = knownAlgorithm(h.Get("X-Amz-Checksum-Algorithm")); err != nil {
		return err
	}
	kind := h.Get("X-Amz-Checksum-Type")
	hashed := strings.HasPrefix(u.Algorithm, "SHA")
	switch {
	case kind != "" && kind != composite && kind != fullObject:
		return invalidRequest("Value for x-amz-checksum-type header is invalid.")
	case kind != "" && u.Algorithm == "":
		return invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case kind == fullObject && hashed, kind == composite && u.Algorithm == "CRC64NVME":
		return invalidRequest("The %s checksum type cannot be used with the %s checksum algorithm.", kind, strings.ToLower(u.Algorithm))
	}
	u.Composite = kind == composite || kind == "" && u.Algorithm != "" && u.Algorithm != "CRC64NVME"
	return nil
}

func (s *Store) uploadPart(q *request) error {
	number, err := q.number("partNumber", 0, 0, 1<<31-1)
	if err != nil || number < 1 || number > maxParts {
		return invalidArgument("partNumber", q.query.Get("partNumber"), "Part number must be an integer between 1 and 10000, inclusive")
	}
	if q.header.Get("X-Amz-Copy-Source") != "" {
		return s.uploadPartCopy(q, number)
	}
	b, err := bodyOf(q.r)
	if err != nil {
		return err
	}
	u, err := s.uploadOf(q)
	if err != nil {
		return err
	}
	if claimed := b.claimed.Algorithm; claimed != "" && u.Algorithm != "" && u.Algorithm != claimed {
		return invalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
			strings.ToLower(u.Algorithm), strings.ToLower(claimed))
	}
	p, err := s.receivePart(q, b, u.Algorithm, number)
	if err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("Etag", `"`+p.MD5+`"`)
	if b.claimed.Value != "" {
		h.Set(b.claimed.header(), b.claimed.Value)
	} else if u.Algorithm != "" {
		h.Set(p.Checksum.header(), p.Checksum.Value)
	}
	return q.empty(http.StatusOK)
}

// receivePart stores a part in place of one of its number.
func (s *Store) receivePart(q *request, b *body, algorithm string, number int) (part, error) {
	p, err := s.receive(q.ctx, b, algorithm)
	if err != nil {
		return p, s.failure("write part", err)
	}
	p.Number = number
	var gone []string
	err = s.update("keep part", func(ix index) error {
		_, id, err := ix.upload(q)
		if err != nil {
			return err
		}
		at := partPlace(id, number)
		gone = nil
		if raw := ix.parts().Get(at); raw != nil {
			var old part
			if err := decode(raw, &old); err != nil {
				return err
			}
			if gone, err = ix.dropContents([]part{old}); err != nil {
				return err
			}
		}
		if p.Inline {
			if err := ix.contents().Put([]byte(p.Blob), p.raw); err != nil {
				return err
			}
		}
		return put(ix.parts(), at, p)
	})
	if err != nil {
		s.remove(p)
		return p, err
	}
	s.removeFiles(gone)
	return p, nil
}

func (s *Store) uploadPartCopy(q *request, number int) error {
	u, err := s.uploadOf(q)
	if err != nil {
		return err
	}
	from, err := s.source(q)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // only read
	offset, size, err := copyRange(q.header.Get("X-Amz-Copy-Source-Range"), from.Size)
	if err != nil {
		return err
	}
	if size > maxObject {
		return invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(maxObject))
	}
	p, err := s.receivePart(q, &body{Reader: from.section(offset, size), size: size}, u.Algorithm, number)
	if err != nil {
		return err
	}
	from.tell(q)
	if u.Algorithm == "" {
		p.Checksum = checksum{}
	}
	return copied("CopyPartResult", p, false).send(q)
}

// namedPart is a part as the request to complete an upload names it.
type namedPart struct {
	PartNumber        int    `xml:"PartNumber"`
	ETag              string `xml:"ETag"`
	ChecksumCRC32     string `xml:"ChecksumCRC32"`
	ChecksumCRC32C    string `xml:"ChecksumCRC32C"`
	ChecksumCRC64NVME string `xml:"ChecksumCRC64NVME"`
	ChecksumSHA1      string `xml:"ChecksumSHA1"`
	ChecksumSHA256    string `xml:"ChecksumSHA256"`
}

func (n namedPart) checksum(algorithm string) string {
	return map[string]string{
		"CRC32": n.ChecksumCRC32, "CRC32C": n.ChecksumCRC32C, "CRC64NVME": n.ChecksumCRC64NVME,
		"SHA1": n.ChecksumSHA1, "SHA256": n.ChecksumSHA256,
	}[algorithm]
}

func (s *Store) completeUpload(q *request) error {
	var in struct {
		Parts []namedPart `xml:"Part"`
	}
	raw, err := q.completion()
	if err != nil {
		return err
	}
	if err := decodeXML(raw, &in); err != nil {
		return err
	}
	if len(in.Parts) == 0 || len(in.Parts) > maxParts {
		return errMalformedXML
	}
	u, v, err := s.assemble(q, in.Parts)
	if err != nil {
		return err
	}
	joined, err := s.joined(q.ctx, v)
	if err != nil {
		return s.failure("join parts", err)
	}
	if v, err = s.publishUpload(q, u, joined); err != nil {
		if joined.Blob != "" {
			s.remove(part{Blob: joined.Blob, Inline: joined.Inline})
		}
		return err
	}
	d := newDocument("CompleteMultipartUploadResult")
	d.text("Location", "http://"+q.r.Host+q.r.URL.EscapedPath())
	d.text("Bucket", q.bucket)
	d.text("Key", q.key)
	d.text("ETag", v.etag())
	d.checksum(v.Checksum)
	if v.Checksum.Algorithm != "" {
		d.text("ChecksumType", v.Checksum.kind())
	}
	return d.send(q)
}

// assemble is the object that the named parts make.
func (s *Store) assemble(q *request, named []namedPart) (u upload, v version, err error) {
	var parts []part
	err = s.view(func(ix index) error {
		var id string
		if u, id, err = ix.upload(q); err != nil {
			return err
		}
		if err := ix.writeConditions(q); err != nil {
			return err
		}
		have := map[int]part{}
		if err := ix.eachPart(id, func(p part) error {
			have[p.Number] = p
			return nil
		}); err != nil {
			return err
		}
		parts, err = u.chosen(named, have)
		return err
	})
	if err != nil {
		return u, v, err
	}
	v = version{Meta: u.Meta, Parts: parts}
	sums := md5.New()
	for _, p := range parts {
		sum, err := hex.DecodeString(p.MD5)
		if err != nil {
			return u, v, fmt.Errorf("decode a part's MD5: %w", err)
		}
		sums.Write(sum)
		v.Size += p.Size
	}
	v.MD5 = hex.EncodeToString(sums.Sum(nil))
	if v.Checksum, err = u.checksum(parts); err != nil {
		return u, v, err
	}
	return u, v, u.checkWhole(q.header, v)
}

// chosen are the parts that the caller named, which must be in order and be
// the ones we have.
func (u upload) chosen(named []namedPart, have map[int]part) (parts []part, err error) {
	for i := 1; i < len(named); i++ {
		if named[i].PartNumber <= named[i-1].PartNumber {
			return nil, refuse(http.StatusBadRequest, "InvalidPartOrder",
				"The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
	}
	for i, n := range named {
		p, ok := have[n.PartNumber]
		claimed := n.checksum(u.Algorithm)
		switch {
		case !ok || strings.Trim(n.ETag, `"`) != p.MD5 || claimed != "" && claimed != p.Checksum.Value:
			return nil, refuse(http.StatusBadRequest, "InvalidPart",
				"One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.").
				with("PartNumber", strconv.Itoa(n.PartNumber), "ETag", n.ETag)
		case u.Composite && claimed == "":
			return nil, invalidRequest("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
				strings.ToLower(u.Algorithm), n.PartNumber)
		case p.Size < minPart && i+1 < len(named):
			return nil, refuse(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").
				with("ProposedSize", strconv.FormatInt(p.Size, 10), "MinSizeAllowed", strconv.Itoa(minPart), "PartNumber", strconv.Itoa(n.PartNumber), "ETag", p.MD5)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// checksum is that of the object, from those of its parts.
func (u upload) checksum(parts []part) (checksum, error) {
	algorithm := cmp.Or(u.Algorithm, defaultAlgorithm)
	if u.Composite {
		return compose(algorithm, parts)
	}
	return combine(algorithm, parts)
}

// completion reads the request to complete an upload, whose checksums are
// those of the object, not of the request's own body.
func (q *request) completion() ([]byte, error) {
	r := *q.r
	r.Header = maps.Clone(q.header)
	r.Header.Del("X-Amz-Sdk-Checksum-Algorithm")
	for _, name := range algorithms() {
		r.Header.Del(checksum{Algorithm: name}.header())
	}
	b, err := bodyOf(&r)
	if err != nil {
		return nil, err
	}
	return b.document(false)
}

// checkWhole compares with what the caller claims of the object.
func (u upload) checkWhole(h http.Header, v version) error {
	if kind := h.Get("X-Amz-Checksum-Type"); kind != "" && v.Checksum.Algorithm != "" && kind != v.Checksum.kind() {
		return invalidRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", v.Checksum.kind())
	}
	if raw := h.Get("X-Amz-Mp-Object-Size"); raw != "" {
		if n, err := strconv.ParseInt(raw, 10, 64); err != nil || n != v.Size {
			return invalidRequest("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", raw, v.Size)
		}
	}
	plain, _, _ := strings.Cut(v.Checksum.Value, "-") // clients leave the number of parts out
	if claimed := h.Get(v.Checksum.header()); claimed != "" && claimed != plain && claimed != v.Checksum.Value {
		return refuse(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", v.Checksum.Algorithm)
	}
	return nil
}

// joined is v with its contents in one file, where they are too many.
func (s *Store) joined(ctx context.Context, v version) (version, error) {
	if len(v.Parts) <= maxOpen {
		return v, nil
	}
	b := &body{Reader: &parts{s: s, left: v.Parts}, size: v.Size}
	p, err := s.receive(ctx, b, v.Checksum.Algorithm)
	if err != nil {
		return v, err
	}
	v.Blob, v.Inline, v.raw = p.Blob, p.Inline, p.raw
	v.Parts = slices.Clone(v.Parts)
	for i := range v.Parts {
		v.Parts[i].Blob = ""
	}
	return v, nil
}

// publishUpload makes the object and ends the upload in one transaction: of
// two that complete it, one finds it gone.
func (s *Store) publishUpload(q *request, u upload, v version) (version, error) {
	var gone []string
	var b bucketRecord
	made := v
	err := s.update("complete upload", func(ix index) (err error) {
		_, id, err := ix.upload(q)
		if err != nil {
			return err
		}
		if err := ix.unchanged(id, v.Parts); err != nil {
			return err
		}
		if err := ix.writeConditions(q); err != nil {
			return err
		}
		if b, err = ix.bucket(q.bucket); err != nil {
			return err
		}
		if made.Encryption, err = encryptionOf(u.header(), b); err != nil {
			return err
		}
		kept := map[string]bool{}
		for _, p := range v.contents() {
			kept[p.Blob] = true
		}
		left, err := ix.end(q.bucket, q.key, id, kept)
		if err != nil {
			return err
		}
		made, gone, err = ix.add(b, q.bucket, q.key, made)
		gone = append(gone, left...)
		return err
	})
	if err != nil {
		return v, err
	}
	s.removeFiles(gone)
	made.versionHeader(q.w.Header(), b)
	made.Encryption.setHeader(q.w.Header())
	return made, nil
}

func (u upload) header() http.Header {
	h := http.Header{}
	for name, value := range u.Encryption {
		h.Set(name, value)
	}
	return h
}

func (s *Store) abortUpload(q *request) error {
	var gone []string
	err := s.update("abort upload", func(ix index) error {
		_, id, err := ix.upload(q)
		if err != nil {
			return err
		}
		gone, err = ix.end(q.bucket, q.key, id, nil)
		return err
	})
	if err != nil {
		return err
	}
	s.removeFiles(gone)
	return q.empty(http.StatusNoContent)
}

func (s *Store) listParts(q *request) error {
	most, err := q.number("max-parts", mostListed, 0, 1<<31-1)
	if err != nil {
		return err
	}
	most = min(most, mostListed)
	marker, err := q.number("part-number-marker", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	d := newDocument("ListPartsResult")
	err = s.view(func(ix index) error {
		u, id, err := ix.upload(q)
		if err != nil {
			return err
		}
		var listed []part
		truncated := false
		if err := ix.eachPart(id, func(p part) error {
			if p.Number > marker && !truncated {
				if truncated = len(listed) == most; !truncated {
					listed = append(listed, p)
				}
			}
			return nil
		}); err != nil {
			return err
		}
		s.writeParts(d, q, u, id, listed)
		d.number("PartNumberMarker", int64(marker))
		if truncated && most > 0 {
			d.number("NextPartNumberMarker", int64(listed[most-1].Number))
		}
		d.number("MaxParts", int64(most))
		d.truth("IsTruncated", truncated && most > 0)
		return nil
	})
	if err != nil {
		return err
	}
	return d.send(q)
}

func (s *Store) writeParts(d *document, q *request, u upload, id string, listed []part) {
	d.text("Bucket", q.bucket)
	d.text("Key", q.key)
	d.text("UploadId", id)
	d.owner("Initiator", s.account)
	d.owner("Owner", s.account)
	d.text("StorageClass", version{Meta: u.Meta}.class())
	if u.Algorithm != "" {
		d.text("ChecksumAlgorithm", u.Algorithm)
		d.text("ChecksumType", checksum{Composite: u.Composite}.kind())
	}
	for _, p := range listed {
		d.open("Part")
		d.number("PartNumber", int64(p.Number))
		d.time("LastModified", p.Modified)
		d.text("ETag", `"`+p.MD5+`"`)
		d.number("Size", p.Size)
		if u.Algorithm != "" {
			d.checksum(p.Checksum)
		}
		d.close("Part")
	}
}

// unchanged is whether the parts that the object was made of are still those
// of the upload.
func (ix index) unchanged(id string, parts []part) error {
	for _, want := range parts {
		var have part
		raw := ix.parts().Get(partPlace(id, want.Number))
		if raw == nil {
			return noSuchUpload(id)
		}
		if err := decode(raw, &have); err != nil {
			return err
		}
		if want.Blob != "" && have.Blob != want.Blob || have.MD5 != want.MD5 {
			return refuse(http.StatusBadRequest, "InvalidPart", "Part %d was uploaded again while the upload was completed.", want.Number)
		}
	}
	return nil
}

// parts reads one part behind the other, with one file open at a time.
type parts struct {
	s    *Store
	left []part
	now  *content
	in   io.Reader
}

// Read implements io.Reader.
func (p *parts) Read(buf []byte) (int, error) {
	for {
		if p.in == nil {
			if len(p.left) == 0 {
				return 0, io.EOF
			}
			err := p.s.view(func(ix index) (err error) {
				p.now, err = p.s.openParts(ix, p.left[:1])
				return err
			})
			if err != nil {
				return 0, err
			}
			p.in, p.left = p.now.section(0, p.left[0].Size), p.left[1:]
		}
		n, err := p.in.Read(buf)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		p.in = nil
		if err := p.now.Close(); err != nil || n > 0 {
			return n, err
		}
	}
}
