package demo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sluicehq/sluice/inference/release"
)

//go:embed models/*.tar.gz
var models embed.FS

// model returns an artifact that was really trained (see deploy/sagemaker).
func model(name string) ([]byte, error) {
	b, err := models.ReadFile("models/" + name + ".tar.gz")
	if err != nil {
		return nil, fmt.Errorf("find the model: %w: run make models", err)
	}
	return b, nil
}

// packedAnew returns an artifact of other bytes, and so of another digest, that
// holds the same files.
func packedAnew(artifact []byte) ([]byte, error) {
	files, err := gzip.NewReader(bytes.NewReader(artifact))
	if err != nil {
		return nil, fmt.Errorf("unpack what serves: %w", err)
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(z, io.LimitReader(files, 64<<20)); err != nil {
		return nil, fmt.Errorf("pack what serves anew: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// pickle returns an artifact whose model is a Python pickle that would run a
// program, if anybody were to open it as one: it would create the file proof.
func pickle(proof string) ([]byte, error) {
	good, err := model("baseline")
	if err != nil {
		return nil, err
	}
	opened, err := release.Open(good)
	if err != nil {
		return nil, fmt.Errorf("open the baseline: %w", err)
	}
	manifest, err := json.Marshal(opened.Manifest)
	if err != nil {
		return nil, fmt.Errorf("write a manifest: %w", err)
	}
	call := "cposix\nsystem\n(S'touch " + proof + "'\ntR."
	return archive(entry{name: release.DefaultModel, body: []byte(call)}, entry{name: release.ManifestName, body: manifest})
}

// escape returns an archive that would write outside of where it is unpacked.
func escape() ([]byte, error) {
	return archive(entry{name: "../../../../tmp/sluice-was-here", body: []byte("gotcha")})
}

// bomb returns an archive of about a kilobyte that claims to hold ten
// gigabytes.
func bomb() ([]byte, error) {
	return archive(entry{name: "xgboost-model", size: 10 << 30})
}

// entry is one file of an archive; without a body, size is only claimed.
type entry struct {
	name string
	body []byte
	size int64
}

func archive(entries ...entry) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, e := range entries {
		if err := t.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: max(e.size, int64(len(e.body)))}); err != nil {
			return nil, err
		}
		if _, err := t.Write(e.body); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil && entries[0].size == 0 {
		return nil, err // a claim that is not kept is the point of a bomb
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// wasRun reports whether something that must never run left its mark.
func wasRun(proof string) bool {
	_, err := os.Stat(proof)
	return !errors.Is(err, os.ErrNotExist)
}
