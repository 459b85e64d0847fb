package release

import (
	"archive/tar"
	"fmt"
	"io"
)

// OwnManifest returns the manifest of an archive that was admitted, byte for
// byte as it lies there. The error is a Refusal where there is none.
func OwnManifest(packed []byte) (manifest []byte, err error) {
	l := DefaultLimits()
	if err := l.checkOutside(packed); err != nil {
		return nil, err
	}
	a := &archive{limits: l, packed: packed}
	_, err = a.walk(func(name string, entry *tar.Header, content io.Reader) error {
		if name != ManifestName {
			return nil
		}
		if entry.Size > l.ManifestBytes {
			return refuse(TooLarge, "%s has %d bytes, at most %d are read", name, entry.Size, l.ManifestBytes)
		}
		manifest = make([]byte, entry.Size)
		if _, err := io.ReadFull(content, manifest); err != nil {
			return unpackError(fmt.Errorf("read %s: %w", name, err))
		}
		return errEnough
	})
	if err == nil && manifest == nil {
		err = refuse(BadManifest, "the archive holds no %s", ManifestName)
	}
	return manifest, err
}
