package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// What is packed is what lies in static, all of it and nothing else.
func TestPacked(t *testing.T) {
	stale, err := filepath.Glob("packed/*")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, file := range stale {
		left[file] = true
	}
	plain, err := filepath.Glob("static/*")
	if err != nil || len(plain) == 0 {
		t.Fatal(plain, err)
	}
	for _, file := range plain {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		packed := filepath.Join("packed", filepath.Base(file)+".gz")
		delete(left, packed)
		got, err := unpacked(packed)
		if err == nil && bytes.Equal(got, want) { // packed as it may be by another version of Go
			continue
		}
		if !*update {
			t.Errorf("web/%s is not what web/%s is: run go generate ./web", packed, file)
			continue
		}
		if err := pack(packed, want); err != nil {
			t.Fatal(err)
		}
	}
	for file := range left {
		if !*update {
			t.Errorf("web/%s is of no file in web/static: run go generate ./web", file)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

func unpacked(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func pack(file string, body []byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(body); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
