package s3

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// The CRC of parts, put together, is that of the whole, wherever it is cut.
func TestCombinedCRCs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	whole := make([]byte, 20_000)
	for i := range whole {
		whole[i] = byte(rng.Uint32())
	}
	for _, algorithm := range []string{"CRC32", "CRC32C", "CRC64NVME"} {
		for range 20 {
			var parts []part
			for rest := whole; len(rest) > 0; {
				n := 1 + rng.IntN(len(rest))
				sum := newHash(algorithm)
				sum.Write(rest[:n])
				parts = append(parts, part{Size: int64(n), Checksum: checksum{Algorithm: algorithm, Value: encodeSum(sum.Sum(nil))}})
				rest = rest[n:]
			}
			all := newHash(algorithm)
			all.Write(whole)
			if have, err := combine(algorithm, parts); err != nil || have.Value != encodeSum(all.Sum(nil)) {
				t.Fatalf("%s of %d parts: %s (%v), want %s", algorithm, len(parts), have.Value, err, encodeSum(all.Sum(nil)))
			}
		}
	}
}

// signer signs chunks by their own digest, for a test.
type signer struct{}

func (signer) Chunk(sum []byte) string   { return hex.EncodeToString(sum[:4]) }
func (signer) Trailer(sum []byte) string { return hex.EncodeToString(sum[:4]) }

// chunked is a body of one chunk and its end, signed by signer.
func chunked(content, trailer string) string {
	sign := func(s string) string {
		h := newHash("SHA256")
		h.Write([]byte(s))
		return signer{}.Chunk(h.Sum(nil))
	}
	body := fmt.Sprintf("%x;chunk-signature=%s\r\n%s\r\n0;chunk-signature=%s\r\n", len(content), sign(content), content, sign(""))
	if trailer != "" {
		body += trailer + "\r\nx-amz-trailer-signature:" + sign(trailer+"\n") + "\r\n"
	}
	return body + "\r\n"
}

func decodeChunks(body string) (*chunks, []byte, error) {
	c := &chunks{in: bufio.NewReader(strings.NewReader(body)), hash: newHash("SHA256"), signatures: signer{}, trailer: http.Header{}}
	got, err := io.ReadAll(c)
	return c, got, err
}

func TestSignedChunks(t *testing.T) {
	trailer := "x-amz-checksum-crc32:AAAAAA=="
	good := chunked("hello", trailer)
	for name, body := range map[string]string{
		"content":              strings.Replace(good, "hello", "hullo", 1),
		"trailer":              strings.Replace(good, "AAAAAA==", "BAAAAA==", 1),
		"signature of a chunk": strings.Replace(good, "chunk-signature=", "chunk-signature=0", 1),
		"no signature":         "5\r\nhello\r\n0\r\n\r\n",
	} {
		if body == good {
			t.Fatalf("%s: this tests nothing", name)
		}
		if _, _, err := decodeChunks(body); !errors.Is(err, errChunkSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, got, err := decodeChunks(good); err != nil || string(got) != "hello" || c.trailer.Get("X-Amz-Checksum-Crc32") != "AAAAAA==" {
		t.Errorf("%q %v %v", got, err, c.trailer)
	}
}

// Whatever is sent as chunks, it is decoded in bounded memory or refused, and
// what is decoded was in it.
func FuzzChunks(f *testing.F) {
	for _, seed := range []string{chunked("hello", ""), "5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n", "ffffffffffffffff\r\n", "-1\r\n", strings.Repeat("a", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c := &chunks{in: bufio.NewReaderSize(strings.NewReader(body), 64), trailer: http.Header{}}
		got, err := io.ReadAll(c)
		if len(got) > len(body) || err == nil && !bytes.Contains([]byte(body), []byte("0")) {
			t.Fatalf("%q became %q (%v)", body, got, err)
		}
	})
}

func FuzzByteRange(f *testing.F) {
	f.Add("bytes=0-0", int64(1))
	f.Add("bytes=-5", int64(3))
	f.Add("bytes=5-", int64(3))
	f.Add("bytes=9223372036854775807-9223372036854775807", int64(10))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 || size > maxObject {
			t.Skip()
		}
		if offset, n, ok := byteRange(header, size); ok && n > 0 && (offset < 0 || offset+n > size) {
			t.Fatalf("%q of %d bytes: %d from %d on", header, size, n, offset)
		}
	})
}

// An entry as it was written before contents could lie in the index is read,
// without what is not to be told any more.
func TestFoldersOfBefore(t *testing.T) {
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blobs", "x"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Store{db: db, dir: dir}
	if err := s.prepareIndex(); err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		ix := index{tx}
		if err := ix.putBucket("bucket", bucketRecord{Versioning: enabled}); err != nil {
			return err
		}
		return ix.versions("bucket").Put(place("key", 1), []byte(`{"id":"0000000000000001","md5":"5d41402abc4b2a76b9719d911017c592","size":5,`+
			`"meta":{"Content-Type":"text/x","Last-Modified":"Thu, 01 Jan 2026 00:00:00 GMT","X-Amz-Checksum-Crc32":"NhCmhg==","X-Amz-Meta-A":"b","X-Amz-Tagging":"k=v"},`+
			`"modified":"2026-01-02T00:00:00Z","blob":"x","part_sizes":[3,2]}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Config{Dir: dir, DB: db, Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/bucket/key?versionId=0000000000000001", http.NoBody))
	h := w.Header()
	if w.Code != http.StatusOK || w.Body.String() != "hello" || h.Get("Content-Type") != "text/x" ||
		h.Get("Last-Modified") != "Fri, 02 Jan 2026 00:00:00 GMT" || h.Get("X-Amz-Tagging-Count") != "1" || h.Get("X-Amz-Checksum-Crc32") != "" {
		t.Errorf("%d %q %v", w.Code, w.Body, h)
	}
}
