package s3

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxObject bounds one PUT or part, as on AWS.
const maxObject = 5 << 30

// maxDocument bounds a body that is a document, such as a list of keys.
const maxDocument = 4 << 20

// body is what a request brings, and what it says of it.
type body struct {
	io.Reader
	size    int64    // -1: not told
	md5     []byte   // as claimed; nil: not
	claimed checksum // Value is empty where it comes in the trailer, or is not claimed at all
	chunks  *chunks  // nil: the body is not in AWS's chunks
}

// bodyOf reads the headers only, so that a client that waits for "100
// Continue" can be refused before it sends anything.
func bodyOf(r *http.Request) (*body, error) {
	b := &body{Reader: r.Body, size: r.ContentLength}
	var err error
	if b.claimed, err = checksumOf(r.Header); err != nil {
		return nil, err
	}
	if sum := r.Header.Get("Content-Md5"); sum != "" {
		if b.md5, err = base64.StdEncoding.DecodeString(sum); err != nil || len(b.md5) != 16 {
			return nil, refuse(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified is not valid.")
		}
	}
	if err := b.unchunk(r); err != nil {
		return nil, err
	}
	if b.size > maxObject {
		return nil, refuse(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").
			with("ProposedSize", strconv.FormatInt(b.size, 10), "MaxSizeAllowed", strconv.FormatInt(maxObject, 10))
	}
	return b, b.named(r.Header)
}

func (b *body) unchunk(r *http.Request) error {
	sum := r.Header.Get("X-Amz-Content-Sha256")
	if !strings.HasPrefix(sum, "STREAMING-") {
		if b.size < 0 {
			return refuse(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
		}
		return nil
	}
	switch sum {
	case "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
	default:
		return notImplemented("bodies signed by %s are not read here; use STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", sum)
	}
	var err error
	if b.size, err = strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err != nil || b.size < 0 {
		return refuse(http.StatusLengthRequired, "MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.")
	}
	b.chunks = &chunks{in: bufio.NewReaderSize(r.Body, 64<<10), trailer: http.Header{}}
	if strings.HasPrefix(sum, "STREAMING-AWS4") {
		b.chunks.signatures, _ = r.Context().Value(signatures{}).(Signatures)
		b.chunks.hash = sha256.New()
	}
	b.Reader = b.chunks
	return nil
}

// named finds the algorithm where only the trailer, or another header, tells it.
func (b *body) named(h http.Header) error {
	name, err := knownAlgorithm(h.Get("X-Amz-Sdk-Checksum-Algorithm"))
	if err != nil {
		return err
	}
	if trailer, ok := strings.CutPrefix(strings.ToLower(h.Get("X-Amz-Trailer")), "x-amz-checksum-"); ok {
		if name, err = knownAlgorithm(trailer); err != nil {
			return refuse(http.StatusBadRequest, "InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
		}
	}
	switch {
	case name == "":
	case b.claimed.Algorithm == "" && b.chunks == nil:
		return invalidRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
	case b.claimed.Algorithm == "":
		b.claimed.Algorithm = name
	case name != b.claimed.Algorithm:
		return invalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	return nil
}

// document reads a whole body that is one, and checks what is claimed of it.
// S3 wants a claim where needed is true.
func (b *body) document(needed bool) ([]byte, error) {
	if needed && b.md5 == nil && b.claimed.Algorithm == "" {
		return nil, invalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	d := newDigest(b.claimed.Algorithm, b)
	raw, err := io.ReadAll(io.LimitReader(io.TeeReader(b, d), maxDocument+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errIncompleteBody
	case err != nil:
		return nil, err
	case len(raw) > maxDocument:
		return nil, refuse(http.StatusBadRequest, "MaxMessageLengthExceeded", "Your request was too big.")
	}
	_, err = d.check(b)
	return raw, err
}

// digest is what is computed of a content while it comes in.
type digest struct {
	md5, sum  hash.Hash
	algorithm string
	claimed   hash.Hash // where another algorithm is claimed than is kept
}

// newDigest computes the checksum that is kept; empty: S3's own choice.
func newDigest(algorithm string, b *body) *digest {
	d := &digest{md5: md5.New(), algorithm: cmp.Or(algorithm, defaultAlgorithm)}
	d.sum = newHash(d.algorithm)
	if b.claimed.Algorithm != "" && b.claimed.Algorithm != d.algorithm {
		d.claimed = newHash(b.claimed.Algorithm)
	}
	return d
}

// Write implements io.Writer.
func (d *digest) Write(p []byte) (int, error) {
	d.add(p)
	return len(p), nil
}

func (d *digest) add(p []byte) {
	d.md5.Write(p)
	d.sum.Write(p)
	if d.claimed != nil {
		d.claimed.Write(p)
	}
}

// check compares with what b claims, now that all of it was read.
func (d *digest) check(b *body) (checksum, error) {
	have := checksum{Algorithm: d.algorithm, Value: encodeSum(d.sum.Sum(nil))}
	if err := b.claimOfTrailer(); err != nil {
		return have, err
	}
	computed := have.Value
	if d.claimed != nil {
		computed = encodeSum(d.claimed.Sum(nil))
	}
	if b.claimed.Value != "" && b.claimed.Value != computed {
		return have, refuse(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", b.claimed.Algorithm)
	}
	if sum := d.md5.Sum(nil); b.md5 != nil && !bytes.Equal(b.md5, sum) {
		return have, refuse(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.").
			with("ExpectedDigest", encodeSum(b.md5), "CalculatedDigest", encodeSum(sum))
	}
	return have, nil
}

// claimOfTrailer takes the checksum that was announced for the body's end.
func (b *body) claimOfTrailer() error {
	if b.chunks == nil || b.claimed.Value != "" || b.claimed.Algorithm == "" {
		return nil
	}
	if b.claimed.Value = b.chunks.trailer.Get(b.claimed.header()); b.claimed.Value == "" {
		return refuse(http.StatusBadRequest, "MalformedTrailerError",
			"The request contained trailing data that was not well-formed or did not conform to our published schema.")
	}
	return b.claimed.check()
}

type signatures struct{}

// Signatures are those that a streamed body's chunks should have, each over
// the one before it.
type Signatures interface {
	Chunk(sha256 []byte) string
	Trailer(sha256 []byte) string
}

// WithSignatures has the chunks of a body under ctx checked.
func WithSignatures(ctx context.Context, s Signatures) context.Context {
	return context.WithValue(ctx, signatures{}, s)
}

var (
	errChunk          = refuse(http.StatusBadRequest, "InvalidChunkSizeError", "The body is not in the chunks that x-amz-content-sha256 tells of.")
	errChunkSignature = refuse(http.StatusForbidden, "SignatureDoesNotMatch",
		"The signature of a chunk is not the one that we calculated. Check the secret key and the signing method.")
)

// chunks decodes AWS's own chunked encoding: each chunk's length in hex, its
// signature if there is one, its content; then a trailer of headers.
type chunks struct {
	in         *bufio.Reader
	left       int64 // of the chunk in hand
	begun      bool
	done       bool
	signature  string // that the chunk in hand should have
	hash       hash.Hash
	signatures Signatures // nil: they are not checked
	trailer    http.Header
}

// Read implements io.Reader.
func (c *chunks) Read(p []byte) (int, error) {
	if c.left == 0 && !c.done {
		if err := c.next(); err != nil {
			return 0, unexpected(err)
		}
	}
	if c.done {
		return 0, io.EOF
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.hash != nil {
		c.hash.Write(p[:n])
	}
	return n, unexpected(err)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next ends the chunk in hand and begins another.
func (c *chunks) next() error {
	if c.begun {
		if line, err := c.line(); err != nil || line != "" {
			return errors.Join(err, errChunk)
		}
		if err := c.checkSignature(); err != nil {
			return err
		}
	}
	c.begun = true
	line, err := c.line()
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil || c.left < 0 {
		return errChunk
	}
	_, c.signature, _ = strings.Cut(extension, "chunk-signature=")
	if c.left > 0 {
		return nil
	}
	c.done = true
	return errors.Join(c.checkSignature(), c.readTrailer())
}

func (c *chunks) checkSignature() error {
	if c.hash == nil || c.signatures == nil {
		return nil
	}
	defer c.hash.Reset()
	if c.signatures.Chunk(c.hash.Sum(nil)) != c.signature {
		return errChunkSignature
	}
	return nil
}

// readTrailer ends at an empty line, or at the end of the body: clients differ.
func (c *chunks) readTrailer() error {
	const most = 20
	signed := sha256.New()
	for range most {
		line, err := c.line()
		if line == "" && (err == nil || errors.Is(err, io.EOF)) {
			return nil
		}
		if err != nil {
			return err
		}
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name != "x-amz-trailer-signature" {
			c.trailer.Set(name, value)
			signed.Write([]byte(name + ":" + value + "\n"))
		} else if c.signatures != nil && c.signatures.Trailer(signed.Sum(nil)) != value {
			return errChunkSignature
		}
	}
	return errChunk
}

func (c *chunks) line() (string, error) {
	raw, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errChunk
	}
	return strings.TrimRight(string(raw), "\r\n"), err
}

// digested is a body whose content must have the digest that was signed.
type digested struct {
	io.ReadCloser
	hash hash.Hash
	want string
}

// WithDigest lets r's body fail where its content is not what the signature
// covers.
func WithDigest(r *http.Request) {
	want := r.Header.Get("X-Amz-Content-Sha256")
	if _, err := hex.DecodeString(want); err == nil && len(want) == 2*sha256.Size {
		r.Body = &digested{r.Body, sha256.New(), want}
	}
}

// Read implements io.Reader.
func (d *digested) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.hash.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if have := hex.EncodeToString(d.hash.Sum(nil)); have != d.want {
			return 0, refuse(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.").
				with("ClientComputedContentSHA256", d.want, "S3ComputedContentSHA256", have)
		}
	}
	return n, err
}
