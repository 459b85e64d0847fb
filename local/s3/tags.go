package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/sorting"
)

type tag struct {
	Key   string `xml:"Key" json:"key"`
	Value string `xml:"Value" json:"value"`
}

// AWS's bounds.
const (
	maxObjectTags = 10
	maxBucketTags = 50
)

func invalidTag(message string) error {
	return refuse(http.StatusBadRequest, "InvalidTag", "%s", message)
}

func checkTags(tags []tag, most int) error {
	if len(tags) > most {
		if most == maxObjectTags {
			return refuse(http.StatusBadRequest, "BadRequest", "Object tags cannot be greater than 10")
		}
		return refuse(http.StatusBadRequest, "BadRequest", "Bucket tag count cannot be greater than 50")
	}
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case seen[t.Key]:
			return invalidTag("Cannot provide multiple Tags with the same key")
		case t.Key == "" || utf8.RuneCountInString(t.Key) > 128:
			return invalidTag("The TagKey you have provided is invalid")
		case utf8.RuneCountInString(t.Value) > 256:
			return invalidTag("The TagValue you have provided is invalid")
		case strings.HasPrefix(t.Key, "aws:"):
			return invalidTag("System tags cannot be added/updated by requester")
		}
		seen[t.Key] = true
	}
	return nil
}

// tagsOf reads tags as the header has them: a query.
func tagsOf(header string) ([]tag, error) {
	values, err := url.ParseQuery(header)
	if err != nil {
		return nil, invalidArgument("x-amz-tagging", header, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var tags []tag
	for key, all := range values {
		for _, value := range all {
			tags = append(tags, tag{key, value})
		}
	}
	sorting.By(tags, func(a, b *tag) int { return strings.Compare(a.Key, b.Key) })
	return tags, checkTags(tags, maxObjectTags)
}

func encodeTags(tags []tag) string {
	values := url.Values{}
	for _, t := range tags {
		values.Set(t.Key, t.Value)
	}
	return values.Encode()
}

func (q *request) readTags(most int) ([]tag, error) {
	var in struct {
		XMLName xml.Name `xml:"Tagging"`
		Tags    []tag    `xml:"TagSet>Tag"`
	}
	if err := q.read(&in, true); err != nil {
		return nil, err
	}
	return in.Tags, checkTags(in.Tags, most)
}

func (q *request) sendTags(tags []tag) error {
	d := newDocument("Tagging")
	d.open("TagSet")
	for _, t := range tags {
		d.open("Tag")
		d.text("Key", t.Key)
		d.text("Value", t.Value)
		d.close("Tag")
	}
	d.close("TagSet")
	return d.send(q)
}

// tagged finds the version whose tags a request is about.
func (q *request) tagged(ix index) (b bucketRecord, v version, err error) {
	id, err := q.versionID()
	if err != nil {
		return b, v, err
	}
	if b, err = ix.bucket(q.bucket); err != nil {
		return b, v, err
	}
	if v, err = ix.find(q.bucket, q.key, id); err == nil && v.Marker {
		err = errMethodNotAllowed.withHeader(v.markerHeader(b))
	}
	return b, v, err
}

func (s *Store) getObjectTags(q *request) error {
	var tags []tag
	err := s.view(func(ix index) error {
		b, v, err := q.tagged(ix)
		if err != nil {
			return err
		}
		v.versionHeader(q.w.Header(), b)
		tags, err = tagsOf(v.Meta[tagsHeader])
		return err
	})
	if err != nil {
		return err
	}
	return q.sendTags(tags)
}

// putObjectTags answers DELETE, too.
func (s *Store) putObjectTags(q *request) error {
	var tags []tag
	status := http.StatusNoContent
	if q.r.Method == http.MethodPut {
		var err error
		if tags, err = q.readTags(maxObjectTags); err != nil {
			return err
		}
		status = http.StatusOK
	}
	err := s.update("tag object", func(ix index) error {
		b, v, err := q.tagged(ix)
		if err != nil {
			return err
		}
		v.versionHeader(q.w.Header(), b)
		if v.Meta == nil {
			v.Meta = map[string]string{}
		}
		setOrDelete(v.Meta, tagsHeader, encodeTags(tags))
		return ix.replace(q.bucket, q.key, v)
	})
	if err != nil {
		return err
	}
	return q.empty(status)
}

func (s *Store) getBucketTags(q *request) error {
	b, err := s.bucketOf(q)
	if err != nil {
		return err
	}
	if len(b.Tags) == 0 {
		return refuse(http.StatusNotFound, "NoSuchTagSet", "The TagSet does not exist").with("BucketName", q.bucket)
	}
	return q.sendTags(b.Tags)
}

func (s *Store) putBucketTags(q *request) error {
	tags, err := q.readTags(maxBucketTags)
	if err != nil {
		return err
	}
	return s.change(q, func(b *bucketRecord) error {
		b.Tags = tags
		return nil
	})
}

func (s *Store) deleteBucketTags(q *request) error {
	return s.change(q, func(b *bucketRecord) error {
		b.Tags = nil
		return nil
	})
}
