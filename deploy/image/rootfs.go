package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user runs the program: nobody that a host has.
const user = 65532

// A file of the root file system. A name that ends in / is a folder's.
type file struct {
	name string
	mode int64
	body []byte
}

// rootFS is all that is in the image.
func rootFS(program, source string, parts modules) ([]file, error) {
	body, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile(filepath.Join(source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	notices, err := parts.notices(source)
	if err != nil {
		return nil, err
	}
	bill, err := parts.bill()
	if err != nil {
		return nil, err
	}
	account := fmt.Sprintf("sluice:x:%d:%d:sluice:/:/sluice\n", user, user)
	group := fmt.Sprintf("sluice:x:%d:\n", user)
	return []file{
		{"etc/", 0o755, nil},
		{"etc/group", 0o644, []byte(group)},
		{"etc/passwd", 0o644, []byte(account)},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, roots()},
		{"sluice", 0o755, body},
		{"tmp/", 0o1777, nil},
		{"usr/", 0o755, nil},
		{"usr/share/", 0o755, nil},
		{"usr/share/sluice/", 0o755, nil},
		{"usr/share/sluice/LICENSE", 0o644, license},
		{"usr/share/sluice/NOTICES", 0o644, notices},
		{"usr/share/sluice/bom.cdx.json", 0o644, bill},
	}, nil
}

// roots are the certificates that Mozilla trusts for servers, without those that
// it trusts for some names or some time only.
func roots() []byte {
	var certificates bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&certificates, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // into memory
		}
	}
	return certificates.Bytes()
}

// layerOf packs files, all as old as at.
func layerOf(files []file, at time.Time) (v1.Layer, error) {
	if !slices.IsSortedFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) }) {
		return nil, fmt.Errorf("files are out of order")
	}
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.body)), ModTime: at, Format: tar.FormatPAX}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}
