package release

import (
	"bytes"
	"errors"
	"testing"
)

// The manifest comes out as it went in, blanks and all, wherever it lies.
func TestOwnManifest(t *testing.T) {
	own := []byte("{ \"format\": 1,\n\n  \"model\": \"a\" }\n")
	for name, files := range map[string]map[string][]byte{
		"last":  {"a": bytes.Repeat([]byte("x"), 1<<20), ManifestName: own},
		"first": {ManifestName: own, "z": []byte("x")},
	} {
		packed, err := Pack(files)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := OwnManifest(packed); err != nil || !bytes.Equal(got, own) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := OwnManifest(packed[:len(packed)/3]); err == nil {
			t.Errorf("%s: a torn archive is taken", name)
		}
	}
	bare, err := Pack(map[string][]byte{"a": []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	for _, packed := range [][]byte{bare, []byte("no archive"), nil} {
		var refusal Refusal
		if _, err := OwnManifest(packed); !errors.As(err, &refusal) {
			t.Errorf("%.10q: %v", packed, err)
		}
	}
}
