package local_test

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sluicehq/sluice/local"
)

// These tests hold the local S3 to what AWS documents and other people's
// clients rely on.

func (b bucket) versioned() bucket {
	b.t.Helper()
	if _, err := b.PutBucketVersioning(b.t.Context(), &s3.PutBucketVersioningInput{
		Bucket: b.name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		b.t.Fatal(err)
	}
	return b
}

func (b bucket) head(key string) *s3.HeadObjectOutput {
	b.t.Helper()
	out, err := b.HeadObject(b.t.Context(), &s3.HeadObjectInput{Bucket: b.name, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b bucket) copy(from, to string, set ...func(*s3.CopyObjectInput)) (*s3.CopyObjectOutput, error) {
	in := &s3.CopyObjectInput{Bucket: b.name, Key: &to, CopySource: aws.String(*b.name + "/" + from)}
	for _, f := range set {
		f(in)
	}
	return b.CopyObject(b.t.Context(), in)
}

// want fails unless err has the code and status.
func want(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	if statusOf(err) != status || codeOf(err) != code {
		t.Errorf("%s: want %d %s, have %d %v", what, status, code, statusOf(err), err)
	}
}

// A client that waits for "100 Continue" is refused before it sends its body,
// whatever the reason.
func TestRefusedBeforeTheBody(t *testing.T) {
	s := start(t, local.Config{})
	b := newBucket(t, connect(t, s.URL(), "testtest"))
	b.mustPut("there", "x")
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		path, header, value string
		clock               time.Time
		status              int
	}{
		"signature": {"/bucket/new", "", "", time.Now().Add(-time.Hour), 403},
		"bucket":    {"/nothing/new", "", "", time.Now(), 404},
		"condition": {"/bucket/there", "If-None-Match", "*", time.Now(), 412},
		"etag":      {"/bucket/there", "If-Match", `"else"`, time.Now(), 412},
		"upload":    {"/bucket/there?partNumber=1&uploadId=none", "", "", time.Now(), 404},
	} {
		body := strings.Repeat("x", 1<<20)
		r := signed(t, "PUT", s.URL()+tt.path, "", body, body, tt.clock)
		if tt.header != "" {
			r.Header.Set(tt.header, tt.value)
		}
		r.Header.Set("Expect", "100-continue")
		c, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", tt.path, u.Host, len(body))
		if err := r.Header.Write(c); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "\r\n")
		// The body is never sent: only an answer that does not wait for it comes.
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), r)
		if err != nil || resp.StatusCode != tt.status {
			t.Errorf("%s: %v %v, want %d", name, resp, err, tt.status)
		}
		c.Close()
	}
	if got, err := b.get("there"); err != nil || got != "x" {
		t.Errorf("%q %v", got, err)
	}
}

// Restoring a version by copying it onto its key is AWS's own advice, and ours.
func TestCopyOfAVersion(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest")).versioned()
	good := b.mustPut("k", "good")
	b.mustPut("k", "damaged")
	out, err := b.copy("k?versionId="+*good.VersionId, "k")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.get("k"); err != nil || got != "good" {
		t.Errorf("the copy has %q (%v)", got, err)
	}
	if aws.ToString(out.CopySourceVersionId) != *good.VersionId || aws.ToString(out.VersionId) == *good.VersionId || *out.CopyObjectResult.ETag != *good.ETag {
		t.Errorf("%+v", out)
	}
	part := b.begin("parts", nil)
	copied, err := b.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{
		Bucket: b.name, Key: aws.String("parts"), UploadId: part, PartNumber: aws.Int32(1),
		CopySource: aws.String("bucket/k?versionId=" + *good.VersionId), CopySourceRange: aws.String("bytes=1-2"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.complete("parts", part, types.CompletedPart{PartNumber: aws.Int32(1), ETag: copied.CopyPartResult.ETag}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.get("parts"); err != nil || got != "oo" {
		t.Errorf("the copied part has %q (%v)", got, err)
	}
	_, err = b.copy("k?versionId=0000000000000fff", "k")
	want(t, "a version that is not there", err, 404, "NoSuchVersion")
	_, err = b.copy("k?versionId=nonsense", "k")
	want(t, "what is no version", err, 400, "InvalidArgument")
	gone, err := b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.copy("k?versionId="+*gone.VersionId, "k")
	want(t, "a delete marker", err, 400, "InvalidRequest")
	_, err = b.copy("k", "other")
	want(t, "a deleted object", err, 404, "NoSuchKey")
}

func TestConditionalCopies(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	from := b.mustPut("from", "x")
	to := b.mustPut("to", "old")
	earlier, later := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	set := func(f func(*s3.CopyObjectInput)) error {
		_, err := b.copy("from", "to", f)
		return err
	}
	for name, err := range map[string]error{
		"source if-match":            set(func(in *s3.CopyObjectInput) { in.CopySourceIfMatch = aws.String(`"else"`) }),
		"source if-none-match":       set(func(in *s3.CopyObjectInput) { in.CopySourceIfNoneMatch = from.ETag }),
		"source if-modified-since":   set(func(in *s3.CopyObjectInput) { in.CopySourceIfModifiedSince = &later }),
		"source if-unmodified-since": set(func(in *s3.CopyObjectInput) { in.CopySourceIfUnmodifiedSince = &earlier }),
		"if-none-match":              set(func(in *s3.CopyObjectInput) { in.IfNoneMatch = aws.String("*") }),
		"if-match":                   set(func(in *s3.CopyObjectInput) { in.IfMatch = from.ETag }),
	} {
		want(t, name, err, 412, "PreconditionFailed")
	}
	if got, err := b.get("to"); err != nil || got != "old" {
		t.Fatalf("refused copies wrote %q (%v)", got, err)
	}
	for name, err := range map[string]error{
		"if-match beats if-unmodified-since": set(func(in *s3.CopyObjectInput) {
			in.CopySourceIfMatch, in.CopySourceIfUnmodifiedSince = from.ETag, &earlier
		}),
		"if-match": set(func(in *s3.CopyObjectInput) { in.CopySourceIfMatch = from.ETag }),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.copy("from", "to", func(in *s3.CopyObjectInput) { in.IfMatch = to.ETag }); statusOf(err) != 412 {
		t.Errorf("the ETag of before: %v", err)
	}
	if _, err := b.copy("from", "new", func(in *s3.CopyObjectInput) { in.IfNoneMatch = aws.String("*") }); err != nil {
		t.Errorf("onto nothing: %v", err)
	}
	_, err := b.copy("from", "absent", func(in *s3.CopyObjectInput) { in.IfMatch = from.ETag })
	want(t, "if-match onto nothing", err, 404, "NoSuchKey")
	_, err = b.copy("from", "from")
	want(t, "onto itself", err, 400, "InvalidRequest")
	if _, err := b.copy("from", "from", func(in *s3.CopyObjectInput) {
		in.MetadataDirective, in.Metadata, in.ContentType = types.MetadataDirectiveReplace, map[string]string{"a": "b"}, aws.String("text/plain")
	}); err != nil {
		t.Errorf("onto itself with other metadata: %v", err)
	}
	if head := b.head("from"); head.Metadata["a"] != "b" || *head.ContentType != "text/plain" {
		t.Errorf("%+v", head)
	}
}

func TestETagConditions(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	etag := b.mustPut("k", "x").ETag
	_, err := b.put("k", "y", func(in *s3.PutObjectInput) { in.IfNoneMatch = etag })
	want(t, "PUT if-none-match of an ETag", err, 501, "NotImplemented")
	get := func(f func(*s3.GetObjectInput)) error {
		_, err := b.get("k", f)
		return err
	}
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		err    error
		status int
	}{
		"none of it":       {get(func(in *s3.GetObjectInput) { in.IfNoneMatch = etag }), 304},
		"none of any":      {get(func(in *s3.GetObjectInput) { in.IfNoneMatch = aws.String("*") }), 304},
		"none of another":  {get(func(in *s3.GetObjectInput) { in.IfNoneMatch = aws.String(`"else"`) }), 0},
		"not since":        {get(func(in *s3.GetObjectInput) { in.IfModifiedSince = &future }), 304},
		"since":            {get(func(in *s3.GetObjectInput) { in.IfModifiedSince = &past }), 0},
		"unmodified":       {get(func(in *s3.GetObjectInput) { in.IfUnmodifiedSince = &future }), 0},
		"modified":         {get(func(in *s3.GetObjectInput) { in.IfUnmodifiedSince = &past }), 412},
		"another":          {get(func(in *s3.GetObjectInput) { in.IfMatch = aws.String(`"else"`) }), 412},
		"it, and modified": {get(func(in *s3.GetObjectInput) { in.IfMatch, in.IfUnmodifiedSince = etag, &past }), 0},
		"another, and not since": {get(func(in *s3.GetObjectInput) {
			in.IfNoneMatch, in.IfModifiedSince = aws.String(`"else"`), &future
		}), 0},
	} {
		if statusOf(tt.err) != tt.status {
			t.Errorf("%s: %v, want %d", name, tt.err, tt.status)
		}
	}
	_, err = b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("absent"), IfMatch: aws.String("*")})
	want(t, "delete of nothing", err, 412, "PreconditionFailed")
}

func (b bucket) begin(key string, set func(*s3.CreateMultipartUploadInput)) *string {
	b.t.Helper()
	in := &s3.CreateMultipartUploadInput{Bucket: b.name, Key: &key}
	if set != nil {
		set(in)
	}
	out, err := b.CreateMultipartUpload(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out.UploadId
}

func (b bucket) part(id *string, n int32, body string, set ...func(*s3.UploadPartInput)) types.CompletedPart {
	b.t.Helper()
	in := &s3.UploadPartInput{Bucket: b.name, Key: aws.String("k"), UploadId: id, PartNumber: &n, Body: strings.NewReader(body)}
	for _, f := range set {
		f(in)
	}
	out, err := b.UploadPart(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	return types.CompletedPart{
		PartNumber: &n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
		ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
	}
}

func (b bucket) complete(key string, id *string, parts ...types.CompletedPart) (*s3.CompleteMultipartUploadOutput, error) {
	return b.CompleteMultipartUpload(b.t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: b.name, Key: &key, UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
}

const fiveMiB = 5 << 20

// The values are the published check values of each algorithm.
func TestChecksumsAsAWSReturnsThem(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	for _, tt := range []struct {
		algorithm types.ChecksumAlgorithm
		value     string // of "123456789"
	}{
		{types.ChecksumAlgorithmCrc32, "y/Q5Jg=="},
		{types.ChecksumAlgorithmCrc32c, "4waSgw=="},
		{types.ChecksumAlgorithmCrc64nvme, "rosUhgp5mIg="},
		{types.ChecksumAlgorithmSha1, "98O8HYCOBHMq32eZZczDTKeuNEE="},
		{types.ChecksumAlgorithmSha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
	} {
		put, err := b.put("k", "123456789", func(in *s3.PutObjectInput) { in.ChecksumAlgorithm = tt.algorithm })
		if err != nil {
			t.Fatal(err)
		}
		head := b.head("k")
		for where, have := range map[string]*string{
			"put":  sumOf(put.ChecksumCRC32, put.ChecksumCRC32C, put.ChecksumCRC64NVME, put.ChecksumSHA1, put.ChecksumSHA256),
			"head": sumOf(head.ChecksumCRC32, head.ChecksumCRC32C, head.ChecksumCRC64NVME, head.ChecksumSHA1, head.ChecksumSHA256),
		} {
			if aws.ToString(have) != tt.value {
				t.Errorf("%s, %s: %q, want %q", tt.algorithm, where, aws.ToString(have), tt.value)
			}
		}
		if put.ChecksumType != types.ChecksumTypeFullObject || head.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s: types %q and %q", tt.algorithm, put.ChecksumType, head.ChecksumType)
		}
		attributes, err := b.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{
			Bucket: b.name, Key: aws.String("k"), ObjectAttributes: types.ObjectAttributes("").Values(),
		})
		if err != nil {
			t.Fatal(err)
		}
		c := attributes.Checksum
		if have := sumOf(c.ChecksumCRC32, c.ChecksumCRC32C, c.ChecksumCRC64NVME, c.ChecksumSHA1, c.ChecksumSHA256); aws.ToString(have) != tt.value || *attributes.ObjectSize != 9 || attributes.ObjectParts != nil {
			t.Errorf("%s: attributes %+v", tt.algorithm, attributes)
		}
		list, err := b.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: b.name})
		if err != nil || !slices.Equal(list.Contents[0].ChecksumAlgorithm, []types.ChecksumAlgorithm{tt.algorithm}) || list.Contents[0].ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s: listed as %+v (%v)", tt.algorithm, list.Contents, err)
		}
	}
}

func sumOf(sums ...*string) (found *string) {
	for _, s := range sums {
		if s != nil && found != nil {
			return aws.String("two checksums")
		}
		if s != nil {
			found = s
		}
	}
	return found
}

func TestMultipartETagAndChecksums(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	bodies := []string{strings.Repeat("a", fiveMiB), strings.Repeat("b", fiveMiB+1), "tail"}
	all := strings.Join(bodies, "")
	var sums []byte
	for _, body := range bodies {
		sum := md5.Sum([]byte(body))
		sums = append(sums, sum[:]...)
	}
	sum := md5.Sum(sums)
	etag := fmt.Sprintf(`"%s-3"`, hex.EncodeToString(sum[:]))
	for name, tt := range map[string]struct {
		algorithm types.ChecksumAlgorithm
		kind      types.ChecksumType
		wantKind  types.ChecksumType
	}{
		"none":              {"", "", types.ChecksumTypeFullObject},
		"CRC64NVME":         {types.ChecksumAlgorithmCrc64nvme, "", types.ChecksumTypeFullObject},
		"CRC32 by default":  {types.ChecksumAlgorithmCrc32, "", types.ChecksumTypeComposite},
		"CRC32 of all":      {types.ChecksumAlgorithmCrc32, types.ChecksumTypeFullObject, types.ChecksumTypeFullObject},
		"CRC32C of all":     {types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject, types.ChecksumTypeFullObject},
		"SHA256 by default": {types.ChecksumAlgorithmSha256, "", types.ChecksumTypeComposite},
	} {
		t.Run(name, func(t *testing.T) {
			b := b
			b.t = t
			id := b.begin("k", func(in *s3.CreateMultipartUploadInput) { in.ChecksumAlgorithm, in.ChecksumType = tt.algorithm, tt.kind })
			var done []types.CompletedPart
			for i, body := range bodies {
				done = append(done, b.part(id, int32(i+1), body, func(in *s3.UploadPartInput) { in.ChecksumAlgorithm = tt.algorithm }))
			}
			out, err := b.complete("k", id, done...)
			if err != nil {
				t.Fatal(err)
			}
			head := b.head("k")
			if *out.ETag != etag || *head.ETag != etag {
				t.Errorf("ETags %s and %s, want %s", *out.ETag, *head.ETag, etag)
			}
			have := aws.ToString(sumOf(head.ChecksumCRC32, head.ChecksumCRC32C, head.ChecksumCRC64NVME, head.ChecksumSHA1, head.ChecksumSHA256))
			if head.ChecksumType != tt.wantKind || out.ChecksumType != tt.wantKind || strings.HasSuffix(have, "-3") != (tt.wantKind == types.ChecksumTypeComposite) {
				t.Errorf("%s of type %s and %s, want %s", have, out.ChecksumType, head.ChecksumType, tt.wantKind)
			}
			if tt.wantKind == types.ChecksumTypeFullObject && have != b.fullSum(t, all, tt.algorithm) {
				t.Errorf("%s is not the checksum of all", have)
			}
			if got, err := b.get("k"); err != nil || got != all {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			attributes, err := b.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{
				Bucket: b.name, Key: aws.String("k"), ObjectAttributes: types.ObjectAttributes("").Values(),
			})
			if err != nil || *attributes.ObjectParts.TotalPartsCount != 3 || *attributes.ObjectParts.Parts[1].Size != fiveMiB+1 || strings.Contains(*attributes.ETag, `"`) {
				t.Errorf("%+v %v", attributes, err)
			}
			second, err := b.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b.name, Key: aws.String("k"), PartNumber: aws.Int32(2)})
			if err != nil || *second.ContentLength != fiveMiB+1 || *second.PartsCount != 3 {
				t.Fatalf("%+v %v", second, err)
			}
			second.Body.Close()
		})
	}
}

// fullSum is what the server says of the same content in one piece, which
// TestChecksumsAsAWSReturnsThem holds to other programs.
func (b bucket) fullSum(t *testing.T, all string, algorithm types.ChecksumAlgorithm) string {
	if algorithm == "" {
		algorithm = types.ChecksumAlgorithmCrc64nvme
	}
	put, err := b.put("whole", all, func(in *s3.PutObjectInput) { in.ChecksumAlgorithm = algorithm })
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(sumOf(put.ChecksumCRC32, put.ChecksumCRC32C, put.ChecksumCRC64NVME))
}

func TestMultipartRefusals(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	id := b.begin("k", nil)
	small, last := b.part(id, 1, "small"), b.part(id, 2, "last")
	_, err := b.complete("k", id, small, last)
	want(t, "a part below 5 MiB", err, 400, "EntityTooSmall")
	_, err = b.complete("k", id, last, small)
	want(t, "out of order", err, 400, "InvalidPartOrder")
	_, err = b.complete("k", id, types.CompletedPart{PartNumber: aws.Int32(3), ETag: last.ETag})
	want(t, "a part that was not sent", err, 400, "InvalidPart")
	_, err = b.complete("k", id, types.CompletedPart{PartNumber: aws.Int32(2), ETag: small.ETag})
	want(t, "another part's ETag", err, 400, "InvalidPart")
	_, err = b.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: b.name, Key: aws.String("k"), UploadId: id, PartNumber: aws.Int32(10_001), Body: strings.NewReader("x")})
	want(t, "a number too high", err, 400, "InvalidArgument")
	if _, err := b.complete("k", id, last); err != nil {
		t.Fatal(err)
	}
	if got, err := b.get("k"); err != nil || got != "last" {
		t.Errorf("%q %v", got, err)
	}
	_, err = b.complete("k", id, last)
	want(t, "twice", err, 404, "NoSuchUpload")
	for name, in := range map[string]*s3.CreateMultipartUploadInput{
		"SHA of all":       {ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeFullObject},
		"CRC64 of parts":   {ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeComposite},
		"unknown checksum": {ChecksumAlgorithm: "CRC128"},
	} {
		in.Bucket, in.Key = b.name, aws.String("k")
		_, err := b.CreateMultipartUpload(t.Context(), in)
		want(t, name, err, 400, "InvalidRequest")
	}
	sums := b.begin("k", func(in *s3.CreateMultipartUploadInput) { in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32 })
	_, err = b.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: b.name, Key: aws.String("k"), UploadId: sums, PartNumber: aws.Int32(1), Body: strings.NewReader("x"), ChecksumAlgorithm: types.ChecksumAlgorithmSha1,
	})
	want(t, "another algorithm", err, 400, "InvalidRequest")
	one := b.part(sums, 1, "x", func(in *s3.UploadPartInput) { in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32 })
	one.ChecksumCRC32 = nil
	_, err = b.complete("k", sums, one)
	want(t, "a composite without the parts' checksums", err, 400, "InvalidRequest")
	one.ChecksumCRC32 = aws.String("AAAAAA==")
	_, err = b.complete("k", sums, one)
	want(t, "another checksum", err, 400, "InvalidPart")
}

// A part or an upload is there after a restart, and parts of many are joined.
func TestUploadsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s, err := local.Start(t.Context(), local.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	b := newBucket(t, connect(t, s.URL(), "testtest"))
	id := b.begin("k", func(in *s3.CreateMultipartUploadInput) { in.Metadata = map[string]string{"a": "b"} })
	first := b.part(id, 1, strings.Repeat("a", fiveMiB))
	b.part(id, 2, "replaced"+inFile)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.Client = connect(t, start(t, local.Config{Dir: dir}).URL(), "testtest").s3
	last := b.part(id, 2, "last")
	parts, err := b.ListParts(t.Context(), &s3.ListPartsInput{Bucket: b.name, Key: aws.String("k"), UploadId: id, MaxParts: aws.Int32(1)})
	if err != nil || len(parts.Parts) != 1 || !*parts.IsTruncated || *parts.NextPartNumberMarker != "1" {
		t.Errorf("%+v %v", parts, err)
	}
	uploads, err := b.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: b.name, Prefix: aws.String("k")})
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *id {
		t.Errorf("%+v %v", uploads, err)
	}
	if _, err := b.complete("k", id, first, last); err != nil {
		t.Fatal(err)
	}
	if got, err := b.get("k"); err != nil || got != strings.Repeat("a", fiveMiB)+"last" || b.head("k").Metadata["a"] != "b" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files, want the first part's", n)
	}
	b.begin("k", nil)
	if _, err := b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: b.name}); err != nil {
		t.Errorf("a bucket with an upload in progress: %v", err)
	}
	if n := files(t, dir); n != 0 {
		t.Errorf("%d files of a bucket that is gone", n)
	}
}

func TestUploadOfManyParts(t *testing.T) {
	dir := t.TempDir()
	b := newBucket(t, connect(t, start(t, local.Config{Dir: dir, NoSync: true}).URL(), "testtest"))
	id := b.begin("k", nil)
	part := strings.Repeat("0123456789abcdef", fiveMiB/16)
	var parts []types.CompletedPart
	for n := range int32(17) {
		parts = append(parts, b.part(id, n+1, part))
	}
	if _, err := b.complete("k", id, parts...); err != nil {
		t.Fatal(err)
	}
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files: reading the object would open them all", n)
	}
	got, err := b.get("k", func(in *s3.GetObjectInput) {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", 16*fiveMiB-2, 16*fiveMiB+1))
	})
	if err != nil || got != "ef01" {
		t.Errorf("%q %v", got, err)
	}
	if head := b.head("k"); !strings.HasSuffix(*head.ETag, `-17"`) {
		t.Errorf("ETag %s", *head.ETag)
	}
}

func TestRefusedAsAWSRefuses(t *testing.T) {
	s := start(t, local.Config{Region: "eu-central-1"})
	c := connect(t, s.URL(), "testtest")
	options := c.s3.Options()
	options.Region = "eu-central-1"
	b := bucket{t, s3.New(options), aws.String("bucket")}
	create := func(constraint types.BucketLocationConstraint) error {
		in := &s3.CreateBucketInput{Bucket: b.name}
		if constraint != "" {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: constraint}
		}
		_, err := b.CreateBucket(t.Context(), in)
		return err
	}
	_, err := c.s3.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	want(t, "another region's signature", err, 400, "AuthorizationHeaderMalformed")
	want(t, "no location", create(""), 400, "IllegalLocationConstraintException")
	want(t, "another location", create(types.BucketLocationConstraintEuWest1), 400, "IllegalLocationConstraintException")
	if err := create(types.BucketLocationConstraintEuCentral1); err != nil {
		t.Fatal(err)
	}
	want(t, "again", create(types.BucketLocationConstraintEuCentral1), 409, "BucketAlreadyOwnedByYou")
	for name, f := range map[string]func(*s3.ListObjectsV2Input){
		"token":    func(in *s3.ListObjectsV2Input) { in.ContinuationToken = aws.String("nonsense") },
		"max-keys": func(in *s3.ListObjectsV2Input) { in.MaxKeys = aws.Int32(-1) },
		"encoding": func(in *s3.ListObjectsV2Input) { in.EncodingType = "base64" },
	} {
		in := &s3.ListObjectsV2Input{Bucket: b.name}
		f(in)
		_, err := b.ListObjectsV2(t.Context(), in)
		want(t, name, err, 400, "InvalidArgument")
	}
	_, err = b.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: b.name, VersionIdMarker: aws.String("null")})
	want(t, "a version marker alone", err, 400, "InvalidArgument")
	for _, name := range []string{"ab", "Upper", "under_score", "127.0.0.1"} {
		_, err = b.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
		want(t, name, err, 400, "InvalidBucketName")
	}
	_, err = b.put(strings.Repeat("k", 1025), "x")
	want(t, "a long key", err, 400, "KeyTooLongError")
	_, err = b.put("k", "x", func(in *s3.PutObjectInput) { in.Metadata = map[string]string{"a": strings.Repeat("x", 2048)} })
	want(t, "much metadata", err, 400, "MetadataTooLarge")
	_, err = b.put("k", "x", func(in *s3.PutObjectInput) { in.StorageClass = "CARDBOARD" })
	want(t, "storage class", err, 400, "InvalidStorageClass")
	_, err = b.put("k", "x", func(in *s3.PutObjectInput) { in.ExpectedBucketOwner = aws.String("111111111111") })
	want(t, "another owner", err, 403, "AccessDenied")
	_, err = b.put("k", "x", func(in *s3.PutObjectInput) { in.ACL = types.ObjectCannedACLPublicRead })
	want(t, "an ACL", err, 400, "AccessControlListNotSupported")
	b.mustPut("k", "x")
	_, err = b.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: b.name})
	want(t, "a bucket with objects", err, 409, "BucketNotEmpty")
	location, err := b.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: b.name})
	if err != nil || location.LocationConstraint != "eu-central-1" {
		t.Errorf("%+v %v", location, err)
	}
}

// What a bucket was told is there after a restart, word for word.
func TestSettingsAreKept(t *testing.T) {
	dir := t.TempDir()
	s, err := local.Start(t.Context(), local.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	b := newBucket(t, connect(t, s.URL(), "testtest")).versioned()
	name, ctx := b.name, t.Context()
	_, err = b.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: name})
	want(t, "lifecycle", err, 404, "NoSuchLifecycleConfiguration")
	_, err = b.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: name})
	want(t, "policy", err, 404, "NoSuchBucketPolicy")
	_, err = b.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: name})
	want(t, "tags", err, 404, "NoSuchTagSet")

	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
	put := func(what string, err error) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	_, err = b.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: name, LifecycleConfiguration: &types.BucketLifecycleConfiguration{
		Rules: []types.LifecycleRule{{
			ID: aws.String("old"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("looks/")},
			NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(30)},
		}},
	}})
	put("lifecycle", err)
	_, err = b.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: &policy})
	put("policy", err)
	_, err = b.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: name, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("ads & co")}}}})
	put("tags", err)
	_, err = b.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String("key-1")}}},
	}})
	put("encryption", err)
	_, err = b.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: name, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)}})
	put("public access", err)
	_, err = b.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: name, OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}},
	}})
	put("ownership", err)
	b.mustPut("k", "x")
	_, err = b.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: name, Key: aws.String("k"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1 + 1")}}}})
	put("object tags", err)

	put("restart", s.Close())
	b.Client = connect(t, start(t, local.Config{Dir: dir}).URL(), "testtest").s3
	lifecycle, err := b.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: name})
	if err != nil || *lifecycle.Rules[0].ID != "old" || *lifecycle.Rules[0].NoncurrentVersionExpiration.NoncurrentDays != 30 || *lifecycle.Rules[0].Filter.Prefix != "looks/" {
		t.Errorf("%+v %v", lifecycle, err)
	}
	if have, err := b.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: name}); err != nil || *have.Policy != policy {
		t.Errorf("%+v %v", have, err)
	}
	if have, err := b.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: name}); err != nil || *have.PolicyStatus.IsPublic {
		t.Errorf("%+v %v", have, err)
	}
	if have, err := b.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: name}); err != nil || *have.TagSet[0].Value != "ads & co" {
		t.Errorf("%+v %v", have, err)
	}
	if have, err := b.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: name}); err != nil || *have.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID != "key-1" {
		t.Errorf("%+v %v", have, err)
	}
	if have, err := b.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: name}); err != nil || !*have.PublicAccessBlockConfiguration.BlockPublicAcls || have.PublicAccessBlockConfiguration.BlockPublicPolicy != nil {
		t.Errorf("%+v %v", have, err)
	}
	if have, err := b.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: name}); err != nil || have.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipObjectWriter {
		t.Errorf("%+v %v", have, err)
	}
	if have, err := b.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: name}); err != nil || have.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("%+v %v", have, err)
	}
	if have, err := b.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: name, Key: aws.String("k")}); err != nil || *have.TagSet[0].Value != "1 + 1" || have.VersionId == nil {
		t.Errorf("%+v %v", have, err)
	}
	if head := b.head("k"); head.ServerSideEncryption != types.ServerSideEncryptionAwsKms || *head.SSEKMSKeyId != "key-1" || aws.ToInt32(head.TagCount) != 1 {
		t.Errorf("%+v", head)
	}
	_, err = b.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: name})
	put("delete the lifecycle", err)
	_, err = b.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: name})
	want(t, "deleted lifecycle", err, 404, "NoSuchLifecycleConfiguration")
	_, err = b.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: name})
	put("delete the block", err)
	_, err = b.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: name})
	want(t, "deleted block", err, 404, "NoSuchPublicAccessBlockConfiguration")
	_, err = b.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: aws.String("{}")})
	want(t, "an empty policy", err, 400, "MalformedPolicy")
}

func TestDeleteMarkersAndVersions(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	b.mustPut("k", "null")
	b.versioned()
	first := b.mustPut("k", "one")
	marker, err := b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k")})
	if err != nil || !*marker.DeleteMarker || marker.VersionId == nil {
		t.Fatalf("%+v %v", marker, err)
	}
	_, err = b.get("k", func(in *s3.GetObjectInput) { in.VersionId = marker.VersionId })
	want(t, "GET of a marker", err, 405, "MethodNotAllowed")
	if got, err := b.get("k", func(in *s3.GetObjectInput) { in.VersionId = aws.String("null") }); err != nil || got != "null" {
		t.Errorf(`version "null": %q %v`, got, err)
	}
	b.mustPut("a/1", "x")
	b.mustPut("a/2", "x")
	var seen []string
	in := &s3.ListObjectVersionsInput{Bucket: b.name, MaxKeys: aws.Int32(1), Delimiter: aws.String("/")}
	for {
		page, err := b.ListObjectVersions(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.CommonPrefixes {
			seen = append(seen, *p.Prefix)
		}
		for _, v := range page.Versions {
			seen = append(seen, fmt.Sprint(*v.Key, " ", *v.VersionId == "null", " ", *v.IsLatest))
		}
		for _, m := range page.DeleteMarkers {
			seen = append(seen, fmt.Sprint(*m.Key, " marker ", *m.IsLatest))
		}
		if !*page.IsTruncated {
			break
		}
		in.KeyMarker, in.VersionIdMarker = page.NextKeyMarker, page.NextVersionIdMarker
	}
	if want := []string{"a/", "k marker true", "k false false", "k true false"}; !slices.Equal(seen, want) {
		t.Errorf("listed %q, want %q", seen, want)
	}
	out, err := b.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: b.name, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: aws.String("k"), VersionId: marker.VersionId},
		{Key: aws.String("k"), VersionId: aws.String("null")},
		{Key: aws.String("a/1")},
		{Key: aws.String("never there")},
		{Key: aws.String("a/2"), ETag: aws.String(`"else"`)},
	}}})
	if err != nil || len(out.Deleted) != 4 || len(out.Errors) != 1 || *out.Errors[0].Code != "PreconditionFailed" {
		t.Fatalf("%+v %v", out, err)
	}
	if d := out.Deleted[0]; !aws.ToBool(d.DeleteMarker) || *d.DeleteMarkerVersionId != *marker.VersionId {
		t.Errorf("a deleted marker: %+v", d)
	}
	if d := out.Deleted[2]; !aws.ToBool(d.DeleteMarker) || d.DeleteMarkerVersionId == nil || d.VersionId != nil {
		t.Errorf("a new marker: %+v", d)
	}
	if got, err := b.get("k"); err != nil || got != "one" || *b.head("k").VersionId != *first.VersionId {
		t.Errorf("without its marker: %q %v", got, err)
	}
	_, err = b.get("k", func(in *s3.GetObjectInput) { in.VersionId = aws.String("null") })
	want(t, "a deleted version", err, 404, "NoSuchVersion")
}

func TestPresignedURLs(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	key := aws.String("ä key/+ &")
	p := s3.NewPresignClient(b.Client)
	put, err := p.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: b.name, Key: key, ContentType: aws.String("text/plain")})
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, url string, header http.Header, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(r.Header, header)
		return send(t, r)
	}
	if status, body := do(http.MethodPut, put.URL, put.SignedHeader, "presigned"); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	get, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: b.name, Key: key, ResponseContentType: aws.String("text/html")})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := do(http.MethodGet, get.URL, nil, ""); status != 200 || body != "presigned" {
		t.Errorf("%d %q", status, body)
	}
	if status, body := do(http.MethodGet, strings.Replace(get.URL, "html", "xml", 1), nil, ""); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("another URL: %d %q", status, body)
	}
	if status, body := do(http.MethodDelete, get.URL, nil, ""); status != 403 {
		t.Errorf("another method: %d %q", status, body)
	}
	late := strings.Replace(get.URL, "X-Amz-Expires=900", "X-Amz-Expires=604801", 1)
	if status, body := do(http.MethodGet, late, nil, ""); status != 400 || !strings.Contains(body, "X-Amz-Expires") {
		t.Errorf("for longer than a week: %d %q", status, body)
	}
}

// Bodies in AWS's chunks come without a Content-Length, as of pyarrow. What is
// wrong with them is refused, and nothing of it is stored.
func TestChunkedBodies(t *testing.T) {
	s := start(t, local.Config{})
	b := newBucket(t, connect(t, s.URL(), "testtest"))
	sum := func(body string) string {
		return base64.StdEncoding.EncodeToString(binaryCRC(body))
	}
	send := func(body, decoded string, trailer http.Header) (int, string) {
		r := signed(t, "PUT", s.URL()+"/bucket/k", "", "", body, time.Now())
		r.Header = http.Header{"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "X-Amz-Decoded-Content-Length": {decoded}, "Content-Encoding": {"aws-chunked"}}
		maps.Copy(r.Header, trailer)
		r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(body)) // no Content-Length
		resign(t, r, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(raw)
	}
	announced := http.Header{"X-Amz-Trailer": {"x-amz-checksum-crc32"}}
	for name, tt := range map[string]struct {
		body, decoded string
		trailer       http.Header
		status        int
		code          string
	}{
		"right":             {"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + sum("hello") + "\r\n\r\n", "5", announced, 200, ""},
		"two chunks":        {"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "5", nil, 200, ""},
		"wrong checksum":    {"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "5", announced, 400, "BadDigest"},
		"no checksum":       {"5\r\nhello\r\n0\r\n\r\n", "5", announced, 400, "MalformedTrailerError"},
		"too short":         {"5\r\nhello\r\n0\r\n\r\n", "6", nil, 400, "IncompleteBody"},
		"torn":              {"5\r\nhel", "5", nil, 400, "IncompleteBody"},
		"no chunks":         {"hello\r\n", "5", nil, 400, "InvalidChunkSizeError"},
		"no decoded length": {"5\r\nhello\r\n0\r\n\r\n", "", nil, 411, "MissingContentLength"},
	} {
		before, _ := b.get("k")
		status, body := send(tt.body, tt.decoded, tt.trailer)
		if status != tt.status || !strings.Contains(body, tt.code) {
			t.Errorf("%s: %d %s, want %d %s", name, status, body, tt.status, tt.code)
		}
		after, err := b.get("k")
		if tt.status == 200 && (err != nil || after != "hello" || b.head("k").ContentEncoding != nil) {
			t.Errorf("%s: stored %q (%v)", name, after, err)
		}
		if tt.status != 200 && after != before {
			t.Errorf("%s: stored %q", name, after)
		}
		if _, err := b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String("k")}); err != nil {
			t.Fatal(err)
		}
	}
}

func binaryCRC(body string) []byte {
	sum := crc32.ChecksumIEEE([]byte(body))
	return []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}
}

// resign signs a request whose headers were set anew.
func resign(t *testing.T, r *http.Request, payload string) {
	t.Helper()
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "test", SecretAccessKey: "testtest"}, r, payload, "s3", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
}

// What AWS has and this S3 has not is refused in words, never with success.
func TestWhatIsNotHereSaysSo(t *testing.T) {
	s := start(t, local.Config{})
	b := newBucket(t, connect(t, s.URL(), "testtest"))
	b.mustPut("k", "x")
	bucketURL, objectURL := s.URL()+"/bucket", s.URL()+"/bucket/k"
	for _, tt := range []struct{ method, url, body string }{
		{"PUT", bucketURL + "?cors", "<CORSConfiguration><CORSRule/></CORSConfiguration>"},
		{"PUT", bucketURL + "?website", "<WebsiteConfiguration/>"},
		{"PUT", bucketURL + "?replication", "<ReplicationConfiguration/>"},
		{"PUT", bucketURL + "?notification", "<NotificationConfiguration><QueueConfiguration/></NotificationConfiguration>"},
		{"PUT", bucketURL + "?logging", "<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>"},
		{"PUT", bucketURL + "?accelerate", "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>"},
		{"PUT", bucketURL + "?object-lock", "<ObjectLockConfiguration/>"},
		{"PUT", bucketURL + "?inventory&id=1", "x"},
		{"GET", bucketURL + "?analytics", ""},
		{"GET", bucketURL + "?metrics", ""},
		{"GET", bucketURL + "?intelligent-tiering", ""},
		{"GET", bucketURL + "?session", ""},
		{"PUT", bucketURL + "?abac", "x"},
		{"POST", bucketURL + "?metadataConfiguration", "x"},
		{"PUT", objectURL + "?retention", "x"},
		{"GET", objectURL + "?legal-hold", ""},
		{"GET", objectURL + "?torrent", ""},
		{"POST", objectURL + "?restore", "x"},
		{"POST", objectURL + "?select&select-type=2", "x"},
		{"PUT", objectURL + "?renameObject", ""},
		{"PUT", objectURL + "?annotation", "x"},
		{"PUT", objectURL + "?encryption", "x"},
	} {
		status, body := send(t, signed(t, tt.method, tt.url, "", tt.body, tt.body, time.Now()))
		if status != http.StatusNotImplemented || !strings.Contains(body, "not served on this machine") {
			t.Errorf("%s %s: %d %s", tt.method, tt.url, status, body)
		}
	}
	for name, value := range map[string]string{
		"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256", "X-Amz-Object-Lock-Mode": "GOVERNANCE", "X-Amz-Write-Offset-Bytes": "1",
	} {
		r := signed(t, "PUT", objectURL, "", "y", "y", time.Now())
		r.Header.Set(name, value)
		resign(t, r, r.Header.Get("X-Amz-Content-Sha256"))
		if status, body := send(t, r); status != http.StatusNotImplemented {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if got, err := b.get("k"); err != nil || got != "x" {
		t.Errorf("%q %v", got, err)
	}
}

// Keys and values come back as they were sent, whatever XML makes of them.
func TestOddNames(t *testing.T) {
	b := newBucket(t, connect(t, start(t, local.Config{}).URL(), "testtest"))
	keys := []string{"a&b<c>", "plus+and space", "ünï", "tab\there", "'quotes\"", "%25", "dots/../up", "double//slash", "end/"}
	for _, k := range keys {
		b.mustPut(k, k)
		if got, err := b.get(k); err != nil || got != k {
			t.Errorf("%q: %q %v", k, got, err)
		}
	}
	slices.Sort(keys)
	for _, encoding := range []types.EncodingType{"", types.EncodingTypeUrl} {
		list, err := b.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: b.name, EncodingType: encoding})
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range list.Contents {
			have := *o.Key
			if encoding != "" {
				if have, err = url.QueryUnescape(have); err != nil {
					t.Fatal(err)
				}
			}
			if have != keys[i] {
				t.Errorf("encoding %q: %q, want %q", encoding, have, keys[i])
			}
		}
	}
	if _, err := b.put("meta", "x", func(in *s3.PutObjectInput) {
		in.CacheControl, in.ContentDisposition, in.ContentLanguage = aws.String("no-cache"), aws.String(`attachment; filename="a"`), aws.String("de")
		in.Metadata, in.Tagging = map[string]string{"author": "me, myself"}, aws.String("a=1&b=2")
	}); err != nil {
		t.Fatal(err)
	}
	head := b.head("meta")
	if *head.CacheControl != "no-cache" || *head.ContentDisposition != `attachment; filename="a"` || *head.ContentLanguage != "de" || head.Metadata["author"] != "me, myself" || *head.TagCount != 2 {
		t.Errorf("%+v", head)
	}
}
