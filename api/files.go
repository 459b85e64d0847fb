package api

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// asset is a file of the dashboard, packed once for all who take it so.
type asset struct {
	name          string
	plain, packed []byte
	tag           string // by which a browser that has it knows it again
}

// files serves the dashboard's. They are few, and held in memory.
func files(dashboard fs.FS) (http.HandlerFunc, error) {
	assets := map[string]asset{}
	err := fs.WalkDir(dashboard, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(dashboard, name)
		if err != nil {
			return err
		}
		a, err := newAsset(name, body)
		assets["/"+a.name] = a
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the dashboard's files: %w", err)
	}
	assets["/"] = assets["/index.html"]
	return func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets[path.Clean("/"+r.URL.Path)]
		if !ok || a.name == "" {
			http.NotFound(w, r)
			return
		}
		a.serve(w, r)
	}, nil
}

// newAsset makes one of a file. What is packed already, and says so by its name,
// is sent as it is.
func newAsset(file string, body []byte) (a asset, err error) {
	name, is := strings.CutSuffix(file, ".gz")
	if a.name = name; is {
		a.packed = body
		a.plain, err = unpack(body)
	} else {
		a.plain = body
		a.packed, err = pack(body, gzip.BestCompression)
	}
	sum := sha256.Sum256(a.plain)
	a.tag = hex.EncodeToString(sum[:8])
	return a, err
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h, body := w.Header(), a.plain
	h.Add("Vary", "Accept-Encoding")
	h.Set("ETag", strconv.Quote(a.tag))
	if takesZip(r) {
		h.Set("Content-Encoding", "gzip")
		h.Set("ETag", strconv.Quote(a.tag+"-gzip"))
		h.Set("Content-Length", strconv.Itoa(len(a.packed)))
		body = a.packed
		r = r.Clone(r.Context())
		r.Header.Del("Range") // of what is packed nobody wants a part
	}
	http.ServeContent(w, r, cmp.Or(a.name, "index.html"), time.Time{}, bytes.NewReader(body))
}
