package release

import (
	"archive/tar"
	"bufio"
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
	MemoryBytes   int64 // of the trees once they are loaded; 0 for any

	// Admission is stricter than loading, since nobody vouches for the archive
	// yet: it believes in no more than archives of that size hold, and refuses
	// what could be taken in two ways. What was admitted once loads whatever is
	// admitted later.
	Admission bool
}

// DefaultLimits are those of loading. They fit models of up to a gigabyte.
func DefaultLimits() Limits {
	return Limits{ArchiveBytes: 1 << 30, UnpackedBytes: 2 << 30, Ratio: 200, Files: 64, ManifestBytes: 64 << 20}
}

// AdmissionLimits are those of archives that nobody vouches for. Files of trees
// pack to a quarter or half of their bytes, those of trees with one split each to
// a seventeenth, and those with nothing but leaves, of which ten thousand fit
// into what is free, to a hundredth.
func AdmissionLimits() Limits {
	l := DefaultLimits()
	l.Ratio, l.Admission = 100, true
	return l
}

// bounds are those of the models in an archive of so many bytes. What trees
// take in memory is about as much as they pack to, twice that where their leaves
// are few numbers.
func (l Limits) bounds(archive int) model.Bounds {
	b := model.Bounds{Trees: l.MemoryBytes, TreesOf: "max_memory_bytes"}
	if !l.Admission {
		return b
	}
	packed := int64(archive)
	b.Piece, b.Pickle = 8<<20+packed, 16<<20+8*packed
	if most := 4<<20 + 4*packed; b.Trees == 0 || b.Trees > most {
		b.Trees, b.TreesOf = most, fmt.Sprintf("an archive of %d bytes", archive)
	}
	return b
}

// manifestBytes is how long the manifest in an archive of so many bytes may be.
func (l Limits) manifestBytes(archive int) int64 {
	if !l.Admission {
		return l.ManifestBytes
	}
	return min(l.ManifestBytes, 8<<20+8*int64(archive))
}

// keptBytes is how much of an archive of so many bytes may be kept unpacked.
func (l Limits) keptBytes(archive int) int64 {
	if !l.Admission {
		return l.UnpackedBytes
	}
	return 16<<20 + 16*int64(archive)
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

// archive is what a tar holds, gzipped or not. It has been looked through to its end;
// nothing of it but the manifest is kept, and models are unpacked once more when
// they are read. Nothing is written anywhere, so that a bad name could do no
// harm; it is refused all the same, since whoever packed it meant harm or made a
// mistake.
type archive struct {
	limits   Limits
	packed   []byte
	sizes    map[string]int64 // of files by name
	pickles  []string         // files that look like one
	manifest []byte           // nil where there is none
	reading  model.Reading    // how its models are taken
	strict   bool             // another model beside the one that answers is refused, as admission does
	unnamed  bool             // and so it is whatever it is called, since nothing names the model
}

// lookThrough checks an archive from its first byte to its last.
func (l Limits) lookThrough(packed []byte) (*archive, error) {
	if err := l.checkOutside(packed); err != nil {
		return nil, err
	}
	a := &archive{limits: l, packed: packed, sizes: map[string]int64{}}
	// What comes out is bounded twice, in all and by file: a sparse entry
	// unpacks to more than the tar holds.
	left := l.unpackedBytes(len(packed))
	rest, err := a.walk(func(name string, entry *tar.Header, content io.Reader) error {
		if err := a.check(name, entry); err != nil {
			return err
		}
		var kept bytes.Buffer
		to := io.Discard
		if name == ManifestName {
			to = &kept
		}
		in := bufio.NewReader(content)
		if head, _ := in.Peek(model.Recognisable); isPickle(head) && !isNoModel(name) { // an error comes again below
			a.pickles = append(a.pickles, name)
		}
		n, err := io.Copy(to, io.LimitReader(in, left+1))
		if err != nil {
			return unpackError(err)
		}
		if left -= n; left < 0 {
			return unpackError(bomb{})
		}
		if a.sizes[name] = n; name == ManifestName {
			a.manifest = kept.Bytes()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	plain := rest
	if l.Admission {
		plain = zeros{rest}
	}
	// Only the end of the gzip stream says that all of it has arrived.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return nil, unpackError(err)
	}
	return a, nil
}

func (l Limits) unpackedBytes(archive int) int64 {
	return min(l.UnpackedBytes, l.Ratio*int64(archive)+freeBytes)
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")

// walk unpacks the archive and calls do for every file. It returns what comes
// behind the last one.
func (a *archive) walk(do func(name string, entry *tar.Header, content io.Reader) error) (rest io.Reader, err error) {
	unpacked, err := a.unpacked()
	if err != nil {
		return nil, unpackError(err)
	}
	plain := &bounded{from: unpacked, left: a.limits.unpackedBytes(len(a.packed))}
	in := tar.NewReader(plain)
	for entries := 1; ; entries++ {
		entry, err := in.Next()
		if errors.Is(err, io.EOF) {
			return plain, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names are checked below
			return nil, unpackError(err)
		}
		if entries > a.limits.Files {
			return nil, refuse(TooLarge, "the archive has more than %d entries; pack only %s and %s", a.limits.Files, DefaultModel, ManifestName)
		}
		name, err := safeName(entry)
		if err == nil && entry.Typeflag == tar.TypeReg {
			err = do(name, entry, in)
		}
		if errors.Is(err, errEnough) {
			return plain, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (a *archive) unpacked() (io.Reader, error) {
	if bytes.HasPrefix(a.packed, []byte(gzipMagic)) {
		return gzip.NewReader(bytes.NewReader(a.packed))
	}
	return bytes.NewReader(a.packed), nil
}

// check refuses a file by what is said of it.
func (a *archive) check(name string, entry *tar.Header) error {
	most := a.limits.UnpackedBytes
	if name == ManifestName {
		most = a.limits.manifestBytes(len(a.packed))
	}
	if entry.Size > most {
		return refuse(TooLarge, "%.100q claims %d bytes, at most %d are unpacked; train a smaller model", entry.Name, entry.Size, most)
	}
	if _, twice := a.sizes[name]; twice {
		return refuse(Format, "the archive holds %.100q twice; pack it once", name)
	}
	return nil
}

// files unpacks all files to be kept.
func (a *archive) files() (map[string][]byte, error) {
	kept, most := int64(0), a.limits.keptBytes(len(a.packed))
	for _, size := range a.sizes {
		kept += size
	}
	if kept > most {
		return nil, refuse(TooLarge, "the archive unpacks to %d bytes, of which at most %d are packed anew with the %s that it needs; pack only the model", kept, most, ManifestName)
	}
	files := map[string][]byte{}
	_, err := a.walk(func(name string, _ *tar.Header, content io.Reader) error {
		files[name] = make([]byte, a.sizes[name])
		_, err := io.ReadFull(content, files[name])
		return err
	})
	return files, err
}

// checkOutside looks at an archive without opening it.
func (l Limits) checkOutside(archive []byte) error {
	magic := []byte(gzipMagic)
	switch n := len(archive); {
	case int64(n) > l.ArchiveBytes:
		return refuse(TooLarge, "the archive has %d bytes, at most %d are taken; train a smaller model", n, l.ArchiveBytes)
	case n < len(magic) && bytes.HasPrefix(magic, archive):
		return refuse(Torn, "the archive has %d bytes; wait for the whole file, or upload it again", n)
	case isArchive(archive):
		return nil
	}
	return l.notArchive(archive)
}

// notArchive is the refusal of a file that is no archive.
func (l Limits) notArchive(file []byte) error {
	_, err := l.models(len(file), model.Reading{}).read(bytes.NewReader(file), int64(len(file)))
	var refusal Refusal
	switch {
	case err == nil:
		return refuse(BadManifest, "the artifact is a model without a manifest; upload model.tar.gz with %s and %s, or name a manifest for such models in the fleet's file, as admission.manifest", DefaultModel, ManifestName)
	case errors.As(err, &refusal) && refusal.Reason != Format && refusal.Reason != Torn:
		return refusal
	}
	return refuse(Format, "the artifact is not a gzipped tar; upload model.tar.gz with %s and %s. It is no model alone either: %s", DefaultModel, ManifestName, refusal.Detail)
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

// zeros passes on nothing but zeros, with which a tar is filled up.
type zeros struct{ from io.Reader }

// Read fails at anything else.
func (z zeros) Read(p []byte) (int, error) {
	n, err := z.from.Read(p)
	if len(bytes.Trim(p[:n], "\x00")) > 0 {
		return 0, refuse(Format, "something follows the end of the archive, perhaps another one, and nobody would read it; pack one archive")
	}
	return n, err
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
	var refusal Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, bomb{}):
		return refuse(TooLarge, "the archive unpacks to far more than it holds; pack only %s and %s", DefaultModel, ManifestName)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse(Torn, "the archive ends in the middle; wait for the whole file, or upload it again")
	}
	return refuse(Format, "the archive is damaged (%v); upload it again", err)
}
