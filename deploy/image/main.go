// Command image builds Sluice's container image as an OCI layout, without
// Docker: a static program for amd64 and arm64, root certificates, licences and
// a bill of materials, and no shell. Two builds of one commit are the same bytes.
// With -release it makes a whole release, of which the image is a part.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func main() {
	source := flag.String("source", "../..", "`folder` of the repository")
	out := flag.String("out", "", "`folder` of the OCI layout, or of the release; what is there is replaced")
	whole := flag.Bool("release", false, "make a whole release of the tag at the commit")
	key := flag.String("key", "", "`file` of the SSH key to sign the release with")
	flag.Parse()
	if *whole {
		version, err := release(*source, *out, *key)
		if err != nil {
			fmt.Fprintln(os.Stderr, "release:", err)
			os.Exit(1)
		}
		fmt.Printf("%s in %s, signed\n", version, *out)
		return
	}
	digest, err := build(*source, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Printf("%s in %s\n", digest, *out)
}

// A commit is what the image is made of.
type commit struct {
	revision string
	at       time.Time // everything in the image is as old as that
}

// build writes the layout and returns the digest of its index.
func build(source, out string) (v1.Hash, error) {
	if out == "" {
		return v1.Hash{}, errors.New("nowhere to write: name a folder with -out")
	}
	of, err := commitOf(source)
	if err != nil {
		return v1.Hash{}, err
	}
	work, err := os.MkdirTemp("", "sluice-image-")
	if err != nil {
		return v1.Hash{}, err
	}
	defer os.RemoveAll(work)
	var index v1.ImageIndex = empty.Index
	index = mutate.IndexMediaType(index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		image, err := imageFor(arch, source, work, of)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("%s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return write(index, out)
}

// write replaces the layout in out, and reads it back.
func write(index v1.ImageIndex, out string) (v1.Hash, error) {
	if err := os.RemoveAll(out); err != nil {
		return v1.Hash{}, err
	}
	path, err := layout.Write(out, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := path.AppendIndex(index); err != nil {
		return v1.Hash{}, err
	}
	written, err := path.ImageIndex()
	if err != nil {
		return v1.Hash{}, err
	}
	if err := validate.Index(written); err != nil {
		return v1.Hash{}, fmt.Errorf("what is written is no image: %w", err)
	}
	return index.Digest()
}

// imageFor is the image of one architecture.
func imageFor(arch, source, work string, of commit) (v1.Image, error) {
	program := filepath.Join(work, "sluice-"+arch)
	if err := compile("linux", arch, source, program); err != nil {
		return nil, err
	}
	parts, err := modulesOf(program)
	if err != nil {
		return nil, err
	}
	if parts.commit != of.revision {
		return nil, fmt.Errorf("the program notes the commit %q, want %s: build from a clone, since Go notes none in a git worktree", parts.commit, of.revision)
	}
	files, err := rootFS(program, source, parts)
	if err != nil {
		return nil, err
	}
	layer, err := layerOf(files, of.at)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1), layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: of.at}
	config.Config = v1.Config{
		User:         strconv.Itoa(user) + ":" + strconv.Itoa(user),
		Entrypoint:   []string{"/sluice"},
		WorkingDir:   "/",
		ExposedPorts: map[string]struct{}{"9090/tcp": {}, "9091/tcp": {}, "9092/tcp": {}, "8080/tcp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "sluice",
			"org.opencontainers.image.description": "Rolls out ad filters over ECS tasks, and serves them",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.revision":    of.revision,
			"org.opencontainers.image.created":     of.at.Format(time.RFC3339),
			"org.opencontainers.image.version":     parts.version,
		},
	}
	for i := range config.History {
		config.History[i].Created = v1.Time{Time: of.at}
	}
	return mutate.ConfigFile(image, config)
}

// compile builds the program so that it needs nothing beside it.
func compile(system, arch, source, program string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", program, ".")
	c.Dir, c.Stderr = source, os.Stderr
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	if err := c.Run(); err != nil {
		return fmt.Errorf("build the program: %w", err)
	}
	return nil
}

func commitOf(source string) (of commit, err error) {
	c := exec.Command("git", "log", "-1", "--format=%H %ct")
	c.Dir, c.Stderr = source, os.Stderr
	said, err := c.Output()
	if err != nil {
		return of, fmt.Errorf("ask git for the commit: %w", err)
	}
	revision, seconds, _ := strings.Cut(strings.TrimSpace(string(said)), " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return of, fmt.Errorf("ask git for the commit: it says %q", said)
	}
	return commit{revision, time.Unix(n, 0).UTC()}, nil
}
