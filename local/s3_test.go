package local_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sluicehq/sluice/local"
)

type bucket struct {
	t *testing.T
	*s3.Client
	name *string
}

func newBucket(t *testing.T, c clients) bucket {
	t.Helper()
	b := bucket{t, c.s3, aws.String("bucket")}
	if _, err := b.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: b.name}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b bucket) put(key, body string, set ...func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
	in := &s3.PutObjectInput{Bucket: b.name, Key: &key, Body: strings.NewReader(body)}
	for _, f := range set {
		f(in)
	}
	return b.PutObject(b.t.Context(), in)
}

func (b bucket) mustPut(key, body string) *s3.PutObjectOutput {
	b.t.Helper()
	out, err := b.put(key, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b bucket) get(key string, set ...func(*s3.GetObjectInput)) (string, error) {
	in := &s3.GetObjectInput{Bucket: b.name, Key: &key}
	for _, f := range set {
		f(in)
	}
	out, err := b.GetObject(b.t.Context(), in)
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	return string(body), err
}

// inFile makes a content too large for the index, so that it is a file.
var inFile = strings.Repeat(".", 20<<10)

func ifNew(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }

func ifMatch(etag *string) func(*s3.PutObjectInput) {
	return func(in *s3.PutObjectInput) { in.IfMatch = etag }
}

// Of 16 writers with the same condition exactly one wins, round after round,
// and what is stored is what the winner wrote.
func TestConditionalWritesHaveOneWinner(t *testing.T) {
	dir := t.TempDir()
	b := newBucket(t, connect(t, start(t, local.Config{Dir: dir}).URL(), "testtest"))
	condition := ifNew
	for round := range 12 {
		var winners atomic.Int32
		var won atomic.Value
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				body := fmt.Sprintf("round %d writer %d", round, w) + inFile
				_, err := b.put("lease", body, condition)
				switch {
				case err == nil:
					winners.Add(1)
					won.Store(body)
				case statusOf(err) != http.StatusPreconditionFailed:
					t.Errorf("loser: %v", err)
				}
			})
		}
		wg.Wait()
		if winners.Load() != 1 {
			t.Fatalf("round %d: %d winners", round, winners.Load())
		}
		if have, err := b.get("lease"); err != nil || have != won.Load() {
			t.Fatalf("stored %.20q, winner wrote %.20q (%v)", have, won.Load(), err)
		}
		head, err := b.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b.name, Key: aws.String("lease")})
		if err != nil {
			t.Fatal(err)
		}
		condition = ifMatch(head.ETag)
	}
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files for one object: losers leave theirs", n)
	}
}

func TestConditions(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	first := b.mustPut("k", "one")
	if _, err := b.put("k", "two", ifNew); statusOf(err) != http.StatusPreconditionFailed {
		t.Errorf("If-None-Match on an existing key: %v", err)
	}
	if _, err := b.put("other", "x", ifMatch(first.ETag)); statusOf(err) != http.StatusNotFound {
		t.Errorf("If-Match on a missing key: %v", err)
	}
	if _, err := b.get("k", func(in *s3.GetObjectInput) { in.IfNoneMatch = first.ETag }); statusOf(err) != http.StatusNotModified {
		t.Errorf("If-None-Match of what is there: %v", err)
	}
	if _, err := b.get("k", func(in *s3.GetObjectInput) { in.IfMatch = aws.String(`"else"`) }); statusOf(err) != http.StatusPreconditionFailed {
		t.Errorf("If-Match of something else: %v", err)
	}
	_, err := b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k"), IfMatch: aws.String(`"else"`)})
	if statusOf(err) != http.StatusPreconditionFailed {
		t.Errorf("delete If-Match of something else: %v", err)
	}
	if body, err := b.get("k", func(in *s3.GetObjectInput) { in.Range = aws.String("bytes=1-2") }); err != nil || body != "ne" {
		t.Errorf("range: %q %v", body, err)
	}
	if _, err := b.get("k", func(in *s3.GetObjectInput) { in.Range = aws.String("bytes=9-") }); statusOf(err) != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("range behind the end: %v", err)
	}
	var none *types.NoSuchKey
	if _, err := b.get("missing"); !errors.As(err, &none) {
		t.Errorf("missing key: %v", err)
	}
}

func TestListingPagesAndFolds(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	keys := []string{"a", "a/b", "a/c/d", "ab", "b/1", "b/2", "b/3", "z", "ä"}
	for _, k := range keys {
		b.mustPut(k, k)
	}
	list := func(prefix, delimiter string, size int32) (got []string) {
		in := &s3.ListObjectsV2Input{Bucket: b.name, Prefix: &prefix, MaxKeys: &size}
		if delimiter != "" {
			in.Delimiter = &delimiter
		}
		pages := s3.NewListObjectsV2Paginator(b.Client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Contents {
				got = append(got, *o.Key)
			}
			for _, p := range page.CommonPrefixes {
				got = append(got, *p.Prefix+"…")
			}
		}
		return got
	}
	for _, size := range []int32{1, 2, 3, 1000} {
		for _, tt := range []struct{ prefix, delimiter, want string }{
			{"", "", "a a/b a/c/d ab b/1 b/2 b/3 z ä"},
			{"a", "", "a a/b a/c/d ab"},
			{"a/", "", "a/b a/c/d"},
			{"a/", "/", "a/b a/c/…"},
			{"b/2", "/", "b/2"},
			{"nothing", "/", ""},
		} {
			if got := strings.Join(list(tt.prefix, tt.delimiter, size), " "); got != tt.want {
				t.Errorf("prefix %q delimiter %q size %d: %q, want %q", tt.prefix, tt.delimiter, size, got, tt.want)
			}
		}
		// Folds and keys come interleaved over pages, each once.
		if got := list("", "/", size); len(got) != 6 {
			t.Errorf("folded, size %d: %q", size, got)
		}
	}
}

func TestVersions(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	b.mustPut("k", "null")
	_, err := b.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: b.name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	one, two := b.mustPut("k", "one"), b.mustPut("k", "two")
	if one.VersionId == nil || *one.VersionId == *two.VersionId {
		t.Fatalf("versions %v and %v", one.VersionId, two.VersionId)
	}
	for id, want := range map[string]string{*one.VersionId: "one", *two.VersionId: "two"} {
		if got, err := b.get("k", func(in *s3.GetObjectInput) { in.VersionId = &id }); err != nil || got != want {
			t.Errorf("version %s: %q %v", id, got, err)
		}
	}
	if _, err := b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.get("k"); statusOf(err) != http.StatusNotFound {
		t.Errorf("behind a delete marker: %v", err)
	}
	if _, err := b.put("k", "three", ifNew); err != nil {
		t.Errorf("If-None-Match over a delete marker: %v", err)
	}
	out, err := b.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: b.name})
	if err != nil || len(out.Versions) != 4 || len(out.DeleteMarkers) != 1 || !*out.Versions[0].IsLatest {
		t.Errorf("list: %d versions, %d markers, %v", len(out.Versions), len(out.DeleteMarkers), err)
	}
	if _, err := b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k"), VersionId: one.VersionId}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.get("k", func(in *s3.GetObjectInput) { in.VersionId = one.VersionId }); statusOf(err) != http.StatusNotFound {
		t.Errorf("deleted version: %v", err)
	}
}

func TestMultipart(t *testing.T) {
	dir := t.TempDir()
	b := newBucket(t, connect(t, start(t, local.Config{Dir: dir}).URL(), "testtest"))
	key := aws.String("big")
	up, err := b.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: b.name, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	parts := []string{strings.Repeat("x", 5<<20), "tail" + inFile}
	var done []types.CompletedPart
	for i, body := range parts {
		n := aws.Int32(int32(i + 1))
		p, err := b.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: b.name, Key: key, UploadId: up.UploadId, PartNumber: n, Body: strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{PartNumber: n, ETag: p.ETag})
	}
	complete := &s3.CompleteMultipartUploadInput{
		Bucket: b.name, Key: key, UploadId: up.UploadId, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	}
	out, err := b.CompleteMultipartUpload(t.Context(), complete)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.get("big"); err != nil || got != parts[0]+parts[1] {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := b.put("big", "new"+inFile, ifMatch(out.ETag)); err != nil {
		t.Errorf("the ETag of a multipart object is good for If-Match: %v", err)
	}
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files remain for one object that was overwritten", n)
	}
}

func files(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, sub := range []string{"blobs", "incoming"} {
		entries, err := os.ReadDir(filepath.Join(dir, "s3", sub))
		if err != nil {
			t.Fatal(err)
		}
		n += len(entries)
	}
	return n
}

func TestFullDiskLeavesNothingHalfWritten(t *testing.T) {
	dir := t.TempDir()
	var full atomic.Bool
	s := start(t, local.Config{Dir: dir, Faults: func(r *http.Request) local.Fault {
		return local.Fault{DiskFull: full.Load() && r.Method == http.MethodPut, DiskLeft: 1000}
	}})
	b := newBucket(t, connect(t, s.URL(), "testtest"))
	b.mustPut("k", "old"+inFile)
	full.Store(true)
	for _, size := range []int{5000, 50_000} { // in the index, and in a file
		_, err := b.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b.name, Key: aws.String("k"), Body: strings.NewReader(strings.Repeat("x", size))},
			func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
		if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "full") {
			t.Errorf("want an error that names the folder, have %v", err)
		}
	}
	full.Store(false)
	if got, err := b.get("k"); err != nil || got != "old"+inFile {
		t.Errorf("%.10q %v", got, err)
	}
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files for one object", n)
	}
}

func TestFaults(t *testing.T) {
	var next atomic.Pointer[local.Fault]
	s := start(t, local.Config{Faults: func(r *http.Request) local.Fault {
		if f := next.Swap(nil); f != nil {
			return *f
		}
		return local.Fault{}
	}})
	b := newBucket(t, connect(t, s.URL(), "testtest"))
	once := func(o *s3.Options) { o.Retryer = aws.NopRetryer{} }
	put := func(f local.Fault, body string, set func(*s3.PutObjectInput)) error {
		in := &s3.PutObjectInput{Bucket: b.name, Key: aws.String("k"), Body: bytes.NewReader([]byte(body))}
		set(in)
		next.Store(&f)
		_, err := b.PutObject(t.Context(), in, once)
		return err
	}
	none := func(*s3.PutObjectInput) {}
	if err := put(local.Fault{Status: 503, Code: "SlowDown"}, "x", none); codeOf(err) != "SlowDown" {
		t.Errorf("slow down: %v", err)
	}
	if err := put(local.Fault{Status: 409, Code: "ConditionalRequestConflict"}, "x", ifNew); codeOf(err) != "ConditionalRequestConflict" {
		t.Errorf("conflict: %v", err)
	}
	if err := put(local.Fault{Refuse: true}, "x", none); err == nil {
		t.Error("a torn connection is an error")
	}
	if _, err := b.get("k"); statusOf(err) != http.StatusNotFound {
		t.Errorf("nothing should be stored yet: %v", err)
	}
	if err := put(local.Fault{LoseReply: true}, "stored", ifNew); err == nil {
		t.Error("a lost reply is an error")
	}
	if got, err := b.get("k"); err != nil || got != "stored" {
		t.Errorf("a lost reply has been served: %q %v", got, err)
	}
	next.Store(&local.Fault{TearAfter: 3})
	out, err := b.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b.name, Key: aws.String("k")}, once)
	if err == nil {
		_, err = io.ReadAll(out.Body)
	}
	if err == nil {
		t.Error("a reply torn in its body is an error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	next.Store(&local.Fault{Delay: 1 << 62})
	cancel()
	if _, err := b.GetObject(ctx, &s3.GetObjectInput{Bucket: b.name, Key: aws.String("k")}, once); err == nil {
		t.Error("a delayed request can be given up")
	}
}

// Over HTTPS the SDK sends another wire format than over HTTP: chunks with
// the checksum in a trailer. Both are checked against the content.
func TestChecksumsOverHTTPAndHTTPS(t *testing.T) {
	server := start(t, local.Config{})
	target, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the signature covers it
	}}
	var trailers atomic.Int32
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
			trailers.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer secure.Close()
	plain := newBucket(t, connect(t, server.URL(), "testtest"))
	options := plain.Options()
	options.BaseEndpoint, options.HTTPClient = aws.String(secure.URL), secure.Client()
	for name, b := range map[string]bucket{"http": plain, "https": {t, s3.New(options), plain.name}} {
		body := strings.Repeat(name, 50000)
		b.mustPut(name, body)
		if got, err := b.get(name, func(in *s3.GetObjectInput) { in.ChecksumMode = types.ChecksumModeEnabled }); err != nil || got != body {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		_, err := b.put(name, "other", func(in *s3.PutObjectInput) { in.ChecksumCRC32 = aws.String("AAAAAA==") })
		if statusOf(err) != http.StatusBadRequest {
			t.Errorf("%s, wrong checksum: %v", name, err)
		}
		if got, err := b.get(name); err != nil || got != body {
			t.Errorf("%s after a refused write: %d bytes, %v", name, len(got), err)
		}
	}
	if trailers.Load() == 0 {
		t.Error("no request had a trailer: this test tests nothing")
	}
}
