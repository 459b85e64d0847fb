package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// released is a clone of this repository whose commit is tagged as a version.
func released(t *testing.T, version string) (source string) {
	t.Helper()
	source = filepath.Join(t.TempDir(), "source")
	shell(t, ".", "git clone -q ../.. "+source)
	changes, err := os.ReadFile(filepath.Join(source, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(changes), "\n## ")
	_, text, _ := strings.Cut(rest, "\n")
	if !found {
		t.Fatal("CHANGELOG.md has no section")
	}
	text = before + "\n## " + version + ", 30 November 2026\n" + text + "\n## v0.0.1\nThe one before.\n"
	if err := os.WriteFile(filepath.Join(source, "CHANGELOG.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	shell(t, source, "git -c user.name=a -c user.email=a@b commit -qam 'Release it' && git tag "+version)
	return source
}

func shell(t *testing.T, folder, script string) string {
	t.Helper()
	said, err := verify(folder, script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, said)
	}
	return said
}

// verify runs a script that may fail.
func verify(folder, script string) (string, error) {
	c := exec.Command("sh", "-ec", script)
	c.Dir = folder
	said, err := c.CombinedOutput()
	return string(said), err
}

// asTold is what the README says that users do.
func asTold(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "**To verify a release**")
	_, after, _ = strings.Cut(after, "```sh\n")
	script, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("README.md does not say how to verify a release")
	}
	return script
}

// A release is made of a tag, twice the same, and verifies as users are told;
// whatever is tampered with does not.
func TestRelease(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("NOT CHECKED: there is no ssh-keygen")
	}
	const version = "v0.7.0"
	source, keys := released(t, version), t.TempDir()
	once, again := filepath.Join(t.TempDir(), "once"), filepath.Join(t.TempDir(), "again")
	shell(t, keys, "ssh-keygen -q -t ed25519 -N '' -f release && ssh-keygen -q -t ed25519 -N '' -f other")
	for _, folder := range []string{once, again} {
		if got, err := release(source, folder, filepath.Join(keys, "release")); err != nil || got != version {
			t.Fatalf("%q, %v", got, err)
		}
	}
	shell(t, ".", "cmp "+once+"/SHA256SUMS "+again+"/SHA256SUMS")
	listed := shell(t, once, "ls")
	want := "NOTES.md\nSHA256SUMS\nSHA256SUMS.sig\n"
	for _, p := range []string{"darwin_arm64", "image", "linux_amd64", "linux_arm64"} {
		if p == "image" {
			want += "sluice_v0.7.0_image.tar\n"
		} else {
			want += "sluice_v0.7.0_" + p + ".cdx.json\nsluice_v0.7.0_" + p + ".tar.gz\n"
		}
	}
	if listed != want {
		t.Errorf("in it are\n%s\nwant\n%s", listed, want)
	}
	notes, err := os.ReadFile(filepath.Join(once, "NOTES.md"))
	if err != nil || !strings.HasPrefix(string(notes), "# Sluice v0.7.0, 30 November 2026\n") || !bytes.Contains(notes, []byte("**`sluice doctor`**")) || bytes.Contains(notes, []byte("The one before")) {
		t.Errorf("the notes are no section of the changelog: %.200s, %v", notes, err)
	}
	t.Run("what is in it", func(t *testing.T) {
		for _, p := range platforms {
			inArchive(t, filepath.Join(once, "sluice_"+version+"_"+p.system+"_"+p.arch), version, p.system, p.arch)
		}
		layout := filepath.Join(t.TempDir(), "image")
		shell(t, ".", "mkdir "+layout+" && tar -xf "+once+"/sluice_v0.7.0_image.tar -C "+layout)
		for _, arch := range []string{"amd64", "arm64"} {
			config, err := opened(t, layout, arch).ConfigFile()
			if err != nil || config.Config.Labels["org.opencontainers.image.version"] != version {
				t.Errorf("the image for %s is %+v, %v", arch, config, err)
			}
		}
	})
	t.Run("verified", func(t *testing.T) { tampered(t, once, keys) })
	t.Run("refused", func(t *testing.T) { refused(t, source, filepath.Join(keys, "release")) })
}

// tampered verifies a release, and what was changed in it by somebody else.
func tampered(t *testing.T, folder, keys string) {
	allow := "echo \"sluice $(cat " + keys + "/KEY.pub)\" > allowed_signers\n"
	for name, tt := range map[string]struct{ key, plant, says string }{
		"a sound one":               {"release", "", ""},
		"another program":           {"release", "printf x >> sluice_v0.7.0_linux_arm64.tar.gz", "linux_arm64.tar.gz: FAILED"},
		"other notes":               {"release", "sed -i 1s/v0/v9/ NOTES.md", "NOTES.md: FAILED"},
		"a file that is gone":       {"release", "rm sluice_v0.7.0_image.tar", "sluice_v0.7.0_image.tar: FAILED open or read"},
		"a list to match":           {"release", "printf x >> NOTES.md; sha256sum [Ns]* > SHA256SUMS", "Could not verify signature"},
		"signed by somebody else":   {"release", "rm SHA256SUMS.sig; ssh-keygen -q -Y sign -n sluice-release -f " + keys + "/other SHA256SUMS", "Could not verify signature"},
		"signed for something else": {"release", "rm SHA256SUMS.sig; ssh-keygen -q -Y sign -n git -f " + keys + "/release SHA256SUMS", "Could not verify signature"},
		"another's key":             {"other", "", "Could not verify signature"},
	} {
		copied := filepath.Join(t.TempDir(), "copy")
		shell(t, ".", "cp -r "+folder+" "+copied+"; cd "+copied+"\n"+strings.ReplaceAll(allow, "KEY", tt.key)+tt.plant)
		said, err := verify(copied, asTold(t))
		if (err == nil) != (tt.says == "") || !strings.Contains(said, tt.says) {
			t.Errorf("%s: %v, %s; want %q", name, err, said, tt.says)
		}
	}
}

// refused tries what is no release.
func refused(t *testing.T, source, key string) {
	// In this order, as each goes on from the one before.
	for _, tt := range []struct{ name, plant, key, says string }{
		{"no key", "true", key + "2", "name the file of a private SSH key with -key"},
		{"no section", "git tag -d v0.7.0 && git tag v0.8.0", key, `no section "## v0.8.0"`},
		{"two tags", "git tag v0.7.0", key, "has 2 tags"},
		{"changes", "git tag -d v0.8.0 && echo >> README.md", key, "v0.7.0+dirty, and the tag is v0.7.0"},
		{"a later commit", "git -c user.name=a -c user.email=a@b commit -qam 'More of it'", key, "give it one, such as v1.4.0"},
	} {
		shell(t, source, tt.plant)
		if _, err := release(source, filepath.Join(t.TempDir(), "out"), tt.key); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.says)
		}
	}
}

// inArchive looks at a program for a platform, and at what goes with it.
func inArchive(t *testing.T, name, version, system, arch string) {
	t.Helper()
	packed, err := os.Open(name + ".tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	if listed := shell(t, ".", "tar -tzf "+name+".tar.gz"); listed != "LICENSE\nNOTICES\nbom.cdx.json\nsluice\n" {
		t.Errorf("%s: tar finds %q", name, listed)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil || h.Uid != 0 || h.Mode != map[bool]int64{true: 0o755, false: 0o644}[h.Name == "sluice"] {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	bill, err := os.ReadFile(name + ".cdx.json")
	var bom cdx.BOM
	if err = errors.Join(err, json.Unmarshal(bill, &bom)); err != nil || !bytes.Equal(bill, files["bom.cdx.json"]) || bom.Metadata.Component.Version != version || len(*bom.Components) < 20 {
		t.Errorf("%s: its bill of materials is %.300s, %v", name, bill, err)
	}
	info, err := buildinfo.Read(bytes.NewReader(files["sluice"]))
	if err != nil || info.Main.Version != version || len(files) != 4 || len(files["NOTICES"]) < 10_000 {
		t.Errorf("%s: %d files, %+v, %v", name, len(files), info, err)
	}
	for _, want := range []string{"GOOS=" + system, "GOARCH=" + arch, "vcs.modified=false"} {
		key, value, _ := strings.Cut(want, "=")
		if !slices.Contains(info.Settings, debug.BuildSetting{Key: key, Value: value}) {
			t.Errorf("%s is not built with %s", name, want)
		}
	}
	if system != runtime.GOOS || arch != runtime.GOARCH {
		return
	}
	program := filepath.Join(t.TempDir(), "sluice")
	if err := os.WriteFile(program, files["sluice"], 0o755); err != nil {
		t.Fatal(err)
	}
	if said := shell(t, ".", program+" --version"); !strings.Contains(said, version+" (commit ") {
		t.Errorf("it calls itself %q", said)
	}
}
