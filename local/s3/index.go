package s3

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// bucketRecord is what the index keeps of a bucket.
type bucketRecord struct {
	Created    time.Time         `json:"created"`
	Versioning string            `json:"versioning,omitempty"` // "", Enabled or Suspended
	Tags       []tag             `json:"tags,omitempty"`
	Settings   map[string]string `json:"settings,omitempty"` // documents by the query that names them
}

const (
	enabled   = "Enabled"
	suspended = "Suspended"
)

// part is a content: the whole of an object, or one part of an upload.
type part struct {
	Number   int       `json:"number,omitempty"`
	MD5      string    `json:"md5,omitempty"` // hex
	Size     int64     `json:"size"`
	Checksum checksum  `json:"checksum,omitzero"`
	Modified time.Time `json:"modified,omitzero"`
	Blob     string    `json:"blob,omitempty"`   // name of its file, or within the index
	Inline   bool      `json:"inline,omitempty"` // it lies in the index

	raw []byte // of an inline one that is not in the index yet
}

// version is what the index keeps of one version of one object.
type version struct {
	ID         string            `json:"id,omitempty"` // empty: the "null" version
	MD5        string            `json:"md5"`          // of the content, or of the parts' MD5s; hex
	Size       int64             `json:"size"`
	Meta       map[string]string `json:"meta,omitempty"` // headers, and the tags as the header has them
	Modified   time.Time         `json:"modified"`
	Marker     bool              `json:"marker,omitempty"` // a delete marker has no content
	Blob       string            `json:"blob,omitempty"`
	Inline     bool              `json:"inline,omitempty"`
	Checksum   checksum          `json:"checksum,omitzero"`
	Parts      []part            `json:"parts,omitempty"` // of a multipart object, in order; without contents where Blob has all
	Encryption encryption        `json:"encryption,omitzero"`

	raw []byte
}

// whole is a version of one part.
func whole(p part) version {
	return version{MD5: p.MD5, Size: p.Size, Blob: p.Blob, Inline: p.Inline, Checksum: p.Checksum, raw: p.raw}
}

// contents are the parts whose bytes, one behind the other, are the object's.
func (v version) contents() []part {
	switch {
	case v.Marker:
		return nil
	case v.Blob == "":
		return v.Parts
	}
	return []part{{MD5: v.MD5, Size: v.Size, Blob: v.Blob, Inline: v.Inline, raw: v.raw}}
}

func (v version) etag() string {
	if len(v.Parts) > 0 {
		return fmt.Sprintf(`"%s-%d"`, v.MD5, len(v.Parts))
	}
	return `"` + v.MD5 + `"`
}

// The index is buckets of bbolt: bucketsName holds a bucketRecord per S3
// bucket, versionsName a nested bucket per S3 bucket. There, entries sort by
// key and within a key from newest to oldest: key, a zero byte, and the
// inverted sequence number. S3 keys hold no zero byte, so no key's entries
// fall among another's. contentsName holds small contents by name, uploadsName
// and partsName the uploads in progress.
const (
	bucketsName  = "s3.buckets"
	versionsName = "s3.versions"
	contentsName = "s3.contents"
	uploadsName  = "s3.uploads"
	partsName    = "s3.parts"
)

type index struct{ tx *bbolt.Tx }

func (s *Store) prepareIndex() error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketsName, versionsName, contentsName, uploadsName, partsName} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) view(f func(index) error) error {
	return s.db.View(func(tx *bbolt.Tx) error { return f(index{tx}) })
}

// update is durable when it returns nil and has changed nothing otherwise. f
// may be called again after it succeeded: those that come while another update
// is being written share one transaction, and one that fails has the others
// repeated.
func (s *Store) update(doing string, f func(index) error) error {
	w := &write{f: f, done: make(chan error, 1)}
	s.queue.Lock()
	s.waiting = append(s.waiting, w)
	s.queue.Unlock()

	s.commit.Lock()
	s.queue.Lock()
	batch := s.waiting
	s.waiting = nil
	s.queue.Unlock()
	for len(batch) > 0 {
		batch = s.write(batch)
	}
	s.commit.Unlock()
	if err := <-w.done; err != nil {
		return s.failure(doing, err)
	}
	return nil
}

type write struct {
	f    func(index) error
	done chan error
}

// write does all of batch, or tells one that it failed and returns the others.
func (s *Store) write(batch []*write) (again []*write) {
	failed := -1
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for i, w := range batch {
			if err := w.f(index{tx}); err != nil {
				failed = i
				return err
			}
		}
		return nil
	})
	if failed >= 0 {
		batch[failed].done <- err
		return append(batch[:failed:failed], batch[failed+1:]...)
	}
	for _, w := range batch {
		w.done <- err
	}
	return nil
}

func (ix index) buckets() *bbolt.Bucket  { return ix.tx.Bucket([]byte(bucketsName)) }
func (ix index) contents() *bbolt.Bucket { return dense(ix.tx.Bucket([]byte(contentsName))) }
func (ix index) uploads() *bbolt.Bucket  { return ix.tx.Bucket([]byte(uploadsName)) }
func (ix index) parts() *bbolt.Bucket    { return ix.tx.Bucket([]byte(partsName)) }

func (ix index) versions(bucket string) *bbolt.Bucket {
	return dense(ix.tx.Bucket([]byte(versionsName)).Bucket([]byte(bucket)))
}

// dense fills pages almost to the brim, since keys are mostly written in their
// order; half-empty ones would be twice the memory to list.
func dense(b *bbolt.Bucket) *bbolt.Bucket {
	if b != nil {
		b.FillPercent = 0.9
	}
	return b
}

func (ix index) bucket(name string) (bucketRecord, error) {
	var b bucketRecord
	raw := ix.buckets().Get([]byte(name))
	if raw == nil {
		return b, noSuchBucket(name)
	}
	return b, decode(raw, &b)
}

func (ix index) eachBucket(f func(name string, b bucketRecord) error) error {
	return ix.buckets().ForEach(func(name, raw []byte) error {
		var b bucketRecord
		if err := decode(raw, &b); err != nil {
			return err
		}
		return f(string(name), b)
	})
}

func (ix index) putBucket(name string, b bucketRecord) error {
	if _, err := ix.tx.Bucket([]byte(versionsName)).CreateBucketIfNotExists([]byte(name)); err != nil {
		return err
	}
	return put(ix.buckets(), []byte(name), b)
}

func (ix index) deleteBucket(name string) error {
	if err := ix.tx.Bucket([]byte(versionsName)).DeleteBucket([]byte(name)); err != nil {
		return err
	}
	return ix.buckets().Delete([]byte(name))
}

func (ix index) empty(bucket string) bool {
	k, _ := ix.versions(bucket).Cursor().First()
	return k == nil
}

func entryPrefix(key string) []byte { return append([]byte(key), 0) }

func entryKey(at []byte) string { return string(at[:len(at)-9]) }

// each calls f with every version of key, newest first, until f returns false.
func (ix index) each(bucket, key string, f func(at []byte, v version) (more bool)) error {
	if _, err := ix.bucket(bucket); err != nil {
		return err
	}
	prefix := entryPrefix(key)
	c := ix.versions(bucket).Cursor()
	for at, raw := c.Seek(prefix); bytes.HasPrefix(at, prefix); at, raw = c.Next() {
		var v version
		if err := decode(raw, &v); err != nil {
			return err
		}
		if !f(bytes.Clone(at), v) {
			return nil
		}
	}
	return nil
}

// current is the newest version, be it a delete marker; ok is whether there is
// any. The bucket must exist.
func (ix index) current(bucket, key string) (newest version, ok bool, err error) {
	err = ix.each(bucket, key, func(_ []byte, v version) bool {
		newest, ok = v, true
		return false
	})
	return newest, ok, err
}

// find is the newest version, which is no delete marker, or the one with the
// id, which may be one.
func (ix index) find(bucket, key, id string) (version, error) {
	if id != "" {
		v, _, err := ix.byID(bucket, key, id)
		return v, err
	}
	v, ok, err := ix.current(bucket, key)
	if err == nil && (!ok || v.Marker) {
		b, _ := ix.bucket(bucket)
		return version{}, noSuchKey(key).withHeader(v.markerHeader(b))
	}
	return v, err
}

// byID is the version with the id and its place, or a NoSuchVersion error.
func (ix index) byID(bucket, key, id string) (found version, place []byte, err error) {
	want := id
	if id == nullID {
		want = ""
	}
	err = ix.each(bucket, key, func(at []byte, v version) bool {
		if v.ID == want {
			found, place = v, at
		}
		return place == nil
	})
	if err == nil && place == nil {
		err = noSuchVersion(key, id)
	}
	return found, place, err
}

// nullID is what S3 calls the version that was written without versioning.
const nullID = "null"

func nameOf(id string) string {
	if id == "" {
		return nullID
	}
	return id
}

// add makes v the newest version. Without versioning it replaces the "null"
// version, whose files are returned as gone.
func (ix index) add(b bucketRecord, bucket, key string, v version) (added version, gone []string, err error) {
	entries := ix.versions(bucket)
	sequence, err := entries.NextSequence()
	if err != nil {
		return v, nil, err
	}
	v.Modified = time.Now().UTC()
	if b.Versioning == enabled {
		v.ID = fmt.Sprintf("%016x", sequence)
	} else if gone, err = ix.deleteNull(bucket, key); err != nil {
		return v, nil, err
	}
	if v.raw != nil {
		if err := ix.contents().Put([]byte(v.Blob), v.raw); err != nil {
			return v, nil, err
		}
	}
	return v, gone, put(entries, place(key, sequence), v)
}

func place(key string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(entryPrefix(key), ^sequence)
}

// deleteNull removes the "null" version, if there is one.
func (ix index) deleteNull(bucket, key string) (gone []string, err error) {
	old, at, err := ix.byID(bucket, key, nullID)
	if isCode(err, "NoSuchVersion") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ix.deleteAt(bucket, at, old)
}

// deleteAt removes v, and its contents where they lie in the index; those in
// files are returned as gone.
func (ix index) deleteAt(bucket string, at []byte, v version) (gone []string, err error) {
	if gone, err = ix.dropContents(v.contents()); err != nil {
		return nil, err
	}
	return gone, ix.versions(bucket).Delete(at)
}

func (ix index) dropContents(parts []part) (gone []string, err error) {
	for _, p := range parts {
		if !p.Inline {
			gone = append(gone, p.Blob)
		} else if err := ix.contents().Delete([]byte(p.Blob)); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

// replace rewrites v in its place.
func (ix index) replace(bucket, key string, v version) error {
	_, at, err := ix.byID(bucket, key, nameOf(v.ID))
	if err != nil {
		return err
	}
	return put(ix.versions(bucket), at, v)
}

// blobsInUse are the files that some version or upload needs.
func (ix index) blobsInUse() (map[string]bool, error) {
	used := map[string]bool{}
	err := ix.eachBucket(func(name string, _ bucketRecord) error {
		return ix.versions(name).ForEach(func(_, raw []byte) error {
			var v version
			err := decode(raw, &v)
			for _, p := range v.contents() {
				used[p.Blob] = true
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return used, ix.parts().ForEach(func(_, raw []byte) error {
		var p part
		err := decode(raw, &p)
		used[p.Blob] = true
		return err
	})
}

func decode(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decode index entry: %w", err)
	}
	return nil
}

func put(b *bbolt.Bucket, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode index entry: %w", err)
	}
	return b.Put(key, raw)
}

// hasETag compares as S3 does: quotes are optional.
func (v version) hasETag(want string) bool {
	want = strings.TrimSpace(want)
	return want == "*" || strings.Trim(want, `"`) == strings.Trim(v.etag(), `"`)
}
