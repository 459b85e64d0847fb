package s3

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rclone/gofakes3"
	"go.etcd.io/bbolt"
)

// bucketRecord is what the index keeps of a bucket.
type bucketRecord struct {
	Created    time.Time                 `json:"created"`
	Versioning gofakes3.VersioningStatus `json:"versioning,omitempty"`
}

// version is what the index keeps of one version of one object.
type version struct {
	ID        gofakes3.VersionID `json:"id,omitempty"` // empty: the "null" version
	MD5       string             `json:"md5"`          // of the content, or of the parts' MD5s; hex
	Size      int64              `json:"size"`
	Meta      map[string]string  `json:"meta,omitempty"`
	Modified  time.Time          `json:"modified"`
	Marker    bool               `json:"marker,omitempty"` // a delete marker has no content
	Blob      string             `json:"blob,omitempty"`   // file name of the content
	PartSizes []int64            `json:"part_sizes,omitempty"`
}

func (v version) etag() string { return `"` + v.MD5 + `"` }

func (v version) hasETag(want string) bool {
	want = strings.Trim(strings.TrimSpace(want), `"`)
	return want == "*" || want == v.MD5
}

// The index is two buckets of bbolt: bucketsName holds a bucketRecord per S3
// bucket, versionsName a nested bucket per S3 bucket. There, entries sort by
// key and within a key from newest to oldest: key, a zero byte, and the
// inverted sequence number. S3 keys hold no zero byte, so no key's entries
// fall among another's.
const (
	bucketsName  = "s3.buckets"
	versionsName = "s3.versions"
)

type index struct{ tx *bbolt.Tx }

func (s *Store) prepareIndex() error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketsName, versionsName} {
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

// update is durable when it returns nil and has changed nothing otherwise.
func (s *Store) update(doing string, f func(index) error) error {
	if err := s.db.Update(func(tx *bbolt.Tx) error { return f(index{tx}) }); err != nil {
		return s.failure(doing, err)
	}
	return nil
}

func (ix index) buckets() *bbolt.Bucket { return ix.tx.Bucket([]byte(bucketsName)) }

func (ix index) versions(bucket string) *bbolt.Bucket {
	return ix.tx.Bucket([]byte(versionsName)).Bucket([]byte(bucket))
}

func (ix index) bucket(name string) (bucketRecord, error) {
	var b bucketRecord
	raw := ix.buckets().Get([]byte(name))
	if raw == nil {
		return b, gofakes3.BucketNotFound(name)
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

// current is the newest version, be it a delete marker, or a NoSuchKey error.
func (ix index) current(bucket, key string) (version, error) {
	var newest *version
	err := ix.each(bucket, key, func(_ []byte, v version) bool {
		newest = &v
		return false
	})
	if err != nil {
		return version{}, err
	}
	if newest == nil {
		return version{}, gofakes3.KeyNotFound(key)
	}
	return *newest, nil
}

// byID is the version with the id and its place, or a NoSuchVersion error.
func (ix index) byID(bucket, key string, id gofakes3.VersionID) (version, []byte, error) {
	if id == "null" {
		id = ""
	}
	var found version
	var place []byte
	err := ix.each(bucket, key, func(at []byte, v version) bool {
		if v.ID == id {
			found, place = v, at
		}
		return place == nil
	})
	if err == nil && place == nil {
		err = gofakes3.ErrNoSuchVersion
	}
	return found, place, err
}

// add makes v the newest version. Without versioning it replaces the "null"
// version, whose file is returned as gone.
func (ix index) add(b bucketRecord, bucket, key string, v version) (added version, gone []string, err error) {
	entries := ix.versions(bucket)
	sequence, err := entries.NextSequence()
	if err != nil {
		return v, nil, err
	}
	v.Modified = time.Now().UTC()
	if b.Versioning == gofakes3.VersioningEnabled {
		v.ID = gofakes3.VersionID(fmt.Sprintf("%016x", sequence))
	} else if gone, err = ix.deleteWhere(bucket, key, func(old version) bool { return old.ID == "" }); err != nil {
		return v, nil, err
	}
	at := binary.BigEndian.AppendUint64(entryPrefix(key), ^sequence)
	return v, gone, put(entries, at, v)
}

// replace rewrites the newest version of key in its place.
func (ix index) replace(bucket, key string, v version) error {
	_, at, err := ix.byID(bucket, key, v.ID)
	if err != nil {
		return err
	}
	return put(ix.versions(bucket), at, v)
}

func (ix index) deleteKey(bucket, key string) (gone []string, err error) {
	return ix.deleteWhere(bucket, key, func(version) bool { return true })
}

func (ix index) deleteAt(bucket string, at []byte) error { return ix.versions(bucket).Delete(at) }

func (ix index) deleteWhere(bucket, key string, old func(version) bool) (gone []string, err error) {
	var places [][]byte
	err = ix.each(bucket, key, func(at []byte, v version) bool {
		if old(v) {
			places = append(places, at)
			gone = append(gone, v.Blob)
		}
		return true
	})
	for _, at := range places {
		if err == nil {
			err = ix.deleteAt(bucket, at)
		}
	}
	return gone, err
}

// blobsInUse are the files that some version needs.
func (ix index) blobsInUse() (map[string]bool, error) {
	used := map[string]bool{}
	err := ix.eachBucket(func(name string, _ bucketRecord) error {
		return ix.versions(name).ForEach(func(_, raw []byte) error {
			var v version
			err := decode(raw, &v)
			used[v.Blob] = true
			return err
		})
	})
	return used, err
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
