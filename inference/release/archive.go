package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/inference/model"
)

// Names of files in an archive.
const (
	ManifestName = "manifest.json"
	DefaultModel = "xgboost-model" // what SageMaker's container writes

	lightgbmModel = "model.txt" // what LightGBM's users call theirs
)

const gzipMagic = "\x1f\x8b"

// Digest returns the name of an archive: its SHA-256, lower-case hex.
func Digest(archive []byte) string {
	sum := sha256.Sum256(archive)
	return hex.EncodeToString(sum[:])
}

// Limits bound what opening an archive may cost.
type Limits struct {
	ArchiveBytes  int64
	UnpackedBytes int64
	Ratio         int64 // unpacked to packed bytes; the first 16 MiB are free
	Files         int   // folders included
	ManifestBytes int64
}

// DefaultLimits fit models of up to a gigabyte.
func DefaultLimits() Limits {
	return Limits{ArchiveBytes: 1 << 30, UnpackedBytes: 2 << 30, Ratio: 200, Files: 64, ManifestBytes: 64 << 20}
}

const freeBytes = 16 << 20

// Pack writes files as an archive. The same files give the same bytes.
func Pack(files map[string][]byte) ([]byte, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	out := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entry := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Format: tar.FormatUSTAR}
		if err := out.WriteHeader(entry); err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
		if _, err := out.Write(files[name]); err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := errors.Join(out.Close(), zip.Close()); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return packed.Bytes(), nil
}

// unpack returns the files of a gzipped tar by name. Nothing is written
// anywhere, so that a bad name could do no harm; it is refused all the same,
// since whoever packed it meant harm or made a mistake.
func (l Limits) unpack(archive []byte) (map[string][]byte, error) {
	if err := l.checkOutside(archive); err != nil {
		return nil, err
	}
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, unpackError(err)
	}
	// What comes out is bounded twice, in all and by file: a sparse entry
	// unpacks to more than the tar holds.
	budget := min(l.UnpackedBytes, l.Ratio*int64(len(archive))+freeBytes)
	plain := &bounded{from: zip, left: budget}
	u := unpacker{limits: l, budget: budget, likely: 4 * int64(len(archive)), files: map[string][]byte{}}
	in := tar.NewReader(plain)
	for {
		entry, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names are checked below
			return nil, unpackError(err)
		}
		if err := u.add(entry, in); err != nil {
			return nil, err
		}
	}
	// Only the end of the gzip stream says that all of it has arrived.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return nil, unpackError(err)
	}
	return u.files, nil
}

// checkOutside looks at an archive without opening it.
func (l Limits) checkOutside(archive []byte) error {
	magic := []byte(gzipMagic)
	switch n := len(archive); {
	case int64(n) > l.ArchiveBytes:
		return refuse(TooLarge, "the archive has %d bytes, at most %d are taken; train a smaller model", n, l.ArchiveBytes)
	case n < len(magic) && bytes.HasPrefix(magic, archive):
		return refuse(Torn, "the archive has %d bytes; wait for the whole file, or upload it again", n)
	case bytes.HasPrefix(archive, magic):
		return nil
	case model.IsPickle(archive):
		return refuse(Pickle, "the artifact is a Python pickle, and to read one is to run the program inside; it was not opened. Upload model.tar.gz with %s and %s instead", DefaultModel, ManifestName)
	}
	return refuse(Format, "the artifact is not a gzipped tar; upload model.tar.gz with %s and %s", DefaultModel, ManifestName)
}

// unpacker gathers the files of one archive.
type unpacker struct {
	limits  Limits
	budget  int64 // bytes that files may still take
	likely  int64 // how much of what an entry claims is believed in advance
	entries int
	files   map[string][]byte
}

func (u *unpacker) add(entry *tar.Header, content io.Reader) error {
	if u.entries++; u.entries > u.limits.Files {
		return refuse(TooLarge, "the archive has more than %d entries; pack only %s and %s", u.limits.Files, DefaultModel, ManifestName)
	}
	name, err := safeName(entry)
	if err != nil || entry.Typeflag != tar.TypeReg {
		return err
	}
	most := u.limits.UnpackedBytes
	if name == ManifestName {
		most = u.limits.ManifestBytes
	}
	if entry.Size > most {
		return refuse(TooLarge, "%.100q claims %d bytes, at most %d are unpacked; train a smaller model", entry.Name, entry.Size, most)
	}
	if _, twice := u.files[name]; twice {
		return refuse(Format, "the archive holds %.100q twice; pack it once", name)
	}
	var b bytes.Buffer
	b.Grow(int(min(entry.Size, u.likely)))
	if _, err := b.ReadFrom(io.LimitReader(content, u.budget+1)); err != nil {
		return unpackError(err)
	}
	if u.budget -= int64(b.Len()); u.budget < 0 {
		return unpackError(bomb{})
	}
	u.files[name] = b.Bytes()
	return nil
}

// safeName returns the cleaned name of an entry that stays inside the archive
// and is a file or a folder.
func safeName(entry *tar.Header) (string, error) {
	name := entry.Name
	switch entry.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeXGlobalHeader:
		return "", nil
	default:
		return "", refuse(UnsafePath, "%.100q is a link, a device or something else that is no file; pack files only", name)
	}
	if name == "" || path.IsAbs(name) || strings.ContainsAny(name, "\\\x00") || slices.Contains(strings.Split(name, "/"), "..") {
		return "", refuse(UnsafePath, "%.100q points outside of the archive; pack files by their plain names", name)
	}
	return path.Clean(name), nil
}

// bounded reads at most left bytes, and fails where there are more.
type bounded struct {
	from io.Reader
	left int64
}

// bomb is the error of an archive that unpacks to too much.
type bomb struct{}

// Error says so.
func (bomb) Error() string { return "more unpacked bytes than allowed" }

// Read passes on what from gives.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, bomb{}
	}
	return n, err
}

// unpackError makes a Refusal of what gzip and tar say.
func unpackError(err error) error {
	switch {
	case errors.Is(err, bomb{}):
		return refuse(TooLarge, "the archive unpacks to far more than it holds; pack only %s and %s", DefaultModel, ManifestName)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse(Torn, "the archive ends in the middle; wait for the whole file, or upload it again")
	}
	return refuse(Format, "the archive is damaged (%v); upload it again", err)
}
