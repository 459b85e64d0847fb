package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// namespace is what a release's signature is for; one for another purpose does not
// count.
const namespace = "sluice-release"

// platforms are what a release has a program for: tasks and controllers run on
// the first two, and people's commands on all.
var platforms = []struct{ system, arch string }{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}}

// release writes all of a release of the tag at the source's commit into a folder:
// archives, bills of materials, the image, notes, checksums, and with a key their
// signature.
func release(source, out, key string) (version string, err error) {
	if out == "" {
		return "", errors.New("nowhere to write: name a folder with -out")
	}
	if _, err := os.Stat(key); err != nil {
		return "", fmt.Errorf("no key to sign with: name the file of a private SSH key with -key, or of a public one whose private one is in the agent: %w", err)
	}
	of, err := commitOf(source)
	if err != nil {
		return "", err
	}
	if version, err = tagOf(source); err != nil {
		return "", err
	}
	changes, err := os.ReadFile(filepath.Join(source, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	notes, err := section(string(changes), version)
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(out, "NOTES.md"), []byte(notes), 0o644); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "sluice-release-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	for _, p := range platforms {
		if err := archive(p.system, p.arch, source, work, out, version, of.at); err != nil {
			return "", fmt.Errorf("%s/%s: %w", p.system, p.arch, err)
		}
	}
	if err := packedImage(source, work, filepath.Join(out, "sluice_"+version+"_image.tar"), of.at); err != nil {
		return "", err
	}
	if err := checksums(out); err != nil {
		return "", err
	}
	return version, sign(filepath.Join(out, sums), key)
}

// tagOf is the version that the commit is tagged with.
func tagOf(source string) (string, error) {
	c := exec.Command("git", "tag", "--points-at", "HEAD", "--list", "v*")
	c.Dir, c.Stderr = source, os.Stderr
	said, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("ask git for the tag: %w", err)
	}
	tags := strings.Fields(string(said))
	if len(tags) != 1 {
		return "", fmt.Errorf("the commit has %d tags of a version: give it one, such as v1.4.0, with git tag -s", len(tags))
	}
	return tags[0], nil
}

// section is what the changelog says of a version.
func section(changes, version string) (string, error) {
	for part := range strings.SplitSeq(changes, "\n## ") {
		heading, text, _ := strings.Cut(part, "\n")
		if name, _, _ := strings.Cut(heading, ","); name == version {
			return "# Sluice " + heading + "\n" + strings.TrimRight(text, "\n") + "\n", nil
		}
	}
	return "", fmt.Errorf("CHANGELOG.md has no section %q: name the topmost so, with the day if you like (## %s, 30 November 2026), and commit that before you tag", "## "+version, version)
}

// archive writes the program for a platform, with its licences and its bill of
// materials, which is beside the archive, too.
func archive(system, arch, source, work, out, version string, at time.Time) error {
	program := filepath.Join(work, "sluice-"+system+"-"+arch)
	if err := compile(system, arch, source, program); err != nil {
		return err
	}
	parts, err := modulesOf(program)
	if err != nil {
		return err
	}
	if parts.version != version {
		return fmt.Errorf("the program calls itself %s, and the tag is %s: nothing may be changed since the commit (git status), and a version is three numbers, below v2", parts.version, version)
	}
	body, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	license, err := os.ReadFile(filepath.Join(source, "LICENSE"))
	if err != nil {
		return err
	}
	notices, err := parts.notices(source)
	if err != nil {
		return err
	}
	bill, err := parts.bill()
	if err != nil {
		return err
	}
	name := filepath.Join(out, fmt.Sprintf("sluice_%s_%s_%s", version, system, arch))
	packed, err := pack([]file{{"LICENSE", 0o644, license}, {"NOTICES", 0o644, notices}, {"bom.cdx.json", 0o644, bill}, {"sluice", 0o755, body}}, at)
	if err != nil {
		return err
	}
	var small bytes.Buffer
	z, err := gzip.NewWriterLevel(&small, gzip.BestCompression) // without a name and a time
	if err != nil {
		return err
	}
	if _, err := z.Write(packed); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(name+".tar.gz", small.Bytes(), 0o644), os.WriteFile(name+".cdx.json", bill, 0o644))
}

// packedImage writes the container image's layout as one file.
func packedImage(source, work, to string, at time.Time) error {
	folder := filepath.Join(work, "image")
	if _, err := build(source, folder); err != nil {
		return err
	}
	var files []file
	if err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		files = append(files, file{filepath.ToSlash(name), 0o644, body})
		return err
	}); err != nil {
		return err
	}
	packed, err := pack(files, at)
	if err != nil {
		return err
	}
	return os.WriteFile(to, packed, 0o644)
}

// pack makes a tar of files that are as old as at, and nobody's.
func pack(files []file, at time.Time) ([]byte, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.body)), ModTime: at, Format: tar.FormatPAX}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	err := w.Close() // which writes the end
	return packed.Bytes(), err
}

// sums is the file of all checksums.
const sums = "SHA256SUMS"

// checksums writes those of all files of a folder, as sha256sum reads them.
func checksums(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		body, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(body), e.Name()))
	}
	slices.Sort(lines)
	return os.WriteFile(filepath.Join(folder, sums), []byte(strings.Join(lines, "")), 0o644)
}

// sign writes a signature beside a file, by OpenSSH.
func sign(name, key string) error {
	c := exec.Command("ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", namespace, name)
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("sign %s with ssh-keygen and key %s: %w: %s", filepath.Base(name), key, err, bytes.TrimSpace(said))
	}
	return nil
}
