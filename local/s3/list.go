package s3

import (
	"context"
	"strings"

	"github.com/rclone/gofakes3"
)

// afterAll sorts behind every UTF-8 string that starts with what precedes it.
const afterAll = "\xff"

// ListBucket implements gofakes3.Backend.
func (s *Store) ListBucket(_ context.Context, bucket string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	if prefix == nil {
		prefix = &gofakes3.Prefix{}
	}
	list := gofakes3.NewObjectList()
	err := s.view(func(ix index) error {
		if _, err := ix.bucket(bucket); err != nil {
			return err
		}
		return ix.list(bucket, *prefix, page, list)
	})
	return list, err
}

func (ix index) list(bucket string, prefix gofakes3.Prefix, page gofakes3.ListBucketPage, into *gofakes3.ObjectList) error {
	var count int64
	last := ""
	c := ix.versions(bucket).Cursor()
	next := []byte(firstPlace(prefix, page.Marker))
	for {
		at, raw := c.Seek(next)
		if at == nil || !strings.HasPrefix(entryKey(at), prefix.Prefix) {
			return nil
		}
		key := entryKey(at)
		next = behind(key)
		var v version
		if err := decode(raw, &v); err != nil {
			return err
		}
		if v.Marker {
			continue
		}
		if page.MaxKeys > 0 && count >= page.MaxKeys {
			into.IsTruncated, into.NextMarker = true, last
			return nil
		}
		count++
		if folded, ok := fold(prefix, key); ok {
			into.AddPrefix(folded)
			last, next = folded, []byte(folded+afterAll)
			continue
		}
		into.Add(&gofakes3.Content{Key: key, LastModified: gofakes3.NewContentTime(v.Modified), ETag: v.etag(), Size: v.Size})
		last = key
	}
}

// fold is the common prefix that stands for key in a listing with a
// delimiter. The library's own Match folds keys with leading or trailing
// delimiters otherwise than S3 does. key starts with the prefix.
func fold(prefix gofakes3.Prefix, key string) (string, bool) {
	if prefix.Delimiter == "" {
		return "", false
	}
	rest := key[len(prefix.Prefix):]
	i := strings.Index(rest, prefix.Delimiter)
	if i < 0 {
		return "", false
	}
	return prefix.Prefix + rest[:i+len(prefix.Delimiter)], true
}

// behind sorts after every version of key and before the next key.
func behind(key string) []byte {
	return append(entryPrefix(key), strings.Repeat(afterAll, 9)...)
}

// firstPlace is where a page begins: behind its marker. A marker that is
// itself a common prefix stands for all keys below it.
func firstPlace(prefix gofakes3.Prefix, marker string) string {
	if marker == "" || marker < prefix.Prefix || !strings.HasPrefix(marker, prefix.Prefix) {
		return max(prefix.Prefix, marker)
	}
	if folded, ok := fold(prefix, marker); ok && folded == marker {
		return marker + afterAll
	}
	return marker + "\x01"
}

// ListBucketVersions implements gofakes3.VersionedBackend.
func (s *Store) ListBucketVersions(bucket string, prefix *gofakes3.Prefix, page *gofakes3.ListBucketVersionsPage) (*gofakes3.ListBucketVersionsResult, error) {
	if prefix == nil {
		prefix = &gofakes3.Prefix{}
	}
	if page == nil {
		page = &gofakes3.ListBucketVersionsPage{}
	}
	result := gofakes3.NewListBucketVersionsResult(bucket, prefix, page)
	err := s.view(func(ix index) error {
		if _, err := ix.bucket(bucket); err != nil {
			return err
		}
		return ix.listVersions(bucket, *prefix, *page, result)
	})
	return result, err
}

func (ix index) listVersions(bucket string, prefix gofakes3.Prefix, page gofakes3.ListBucketVersionsPage, into *gofakes3.ListBucketVersionsResult) error {
	var lastKey string
	var lastID gofakes3.VersionID
	newest, skipping := "", page.HasVersionIDMarker
	c := ix.versions(bucket).Cursor()
	for at, raw := c.Seek([]byte(prefix.Prefix)); at != nil; at, raw = c.Next() {
		var v version
		if err := decode(raw, &v); err != nil {
			return err
		}
		key := entryKey(at)
		latest := key != newest
		newest = key
		if page.HasKeyMarker && (key < page.KeyMarker || key == page.KeyMarker && !page.HasVersionIDMarker) {
			continue
		}
		if skipping && key == page.KeyMarker {
			skipping = nameOf(v.ID) != nameOf(page.VersionIDMarker)
			continue
		}
		if !strings.HasPrefix(key, prefix.Prefix) {
			return nil
		}
		if page.MaxKeys > 0 && int64(len(into.Versions)) >= page.MaxKeys {
			into.IsTruncated, into.NextKeyMarker, into.NextVersionIDMarker = true, lastKey, nameOf(lastID)
			return nil
		}
		if folded, ok := fold(prefix, key); ok {
			into.AddPrefix(folded)
			continue
		}
		into.Versions = append(into.Versions, item(key, v, latest))
		lastKey, lastID = key, v.ID
	}
	return nil
}

func nameOf(id gofakes3.VersionID) gofakes3.VersionID {
	if id == "" {
		return "null"
	}
	return id
}

func item(key string, v version, latest bool) gofakes3.VersionItem {
	modified := gofakes3.NewContentTime(v.Modified)
	if v.Marker {
		return &gofakes3.DeleteMarker{Key: key, VersionID: v.ID, IsLatest: latest, LastModified: modified}
	}
	return &gofakes3.Version{
		Key: key, VersionID: v.ID, IsLatest: latest, LastModified: modified,
		Size: v.Size, ETag: v.etag(), StorageClass: gofakes3.StorageStandard,
	}
}
