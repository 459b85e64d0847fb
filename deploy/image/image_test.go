package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// One commit is one image, byte for byte: for both architectures a program that
// needs nothing else, for nobody in particular, and nothing to break in with.
func TestImage(t *testing.T) {
	once, again := filepath.Join(t.TempDir(), "once"), filepath.Join(t.TempDir(), "again")
	source := filepath.Join(t.TempDir(), "source") // which nobody works on meanwhile
	if said, err := exec.Command("git", "clone", "-q", "../..", source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	first, err := build(source, once)
	if err != nil {
		t.Fatal(err)
	}
	second, err := build(source, again)
	if err != nil || first != second {
		t.Fatalf("%v and then %v, %v", first, second, err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) { look(t, opened(t, once, arch), arch) })
	}
	t.Run("runs", func(t *testing.T) { runs(t, opened(t, again, runtime.GOARCH)) })
}

// opened reads one architecture's image from a layout.
func opened(t *testing.T, folder, arch string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	all, err := index.IndexManifest()
	if err != nil || len(all.Manifests) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	if index, err = index.ImageIndex(all.Manifests[0].Digest); err != nil {
		t.Fatal(err)
	}
	if all, err = index.IndexManifest(); err != nil {
		t.Fatal(err)
	}
	for _, m := range all.Manifests {
		if m.Platform != nil && m.Platform.Architecture == arch && m.Platform.OS == "linux" {
			image, err := index.Image(m.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return image
		}
	}
	t.Fatalf("there is no image for %s", arch)
	return nil
}

func look(t *testing.T, image v1.Image, arch string) {
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := config.Config
	if config.Architecture != arch || c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/sluice"}) || len(c.Env) > 0 {
		t.Errorf("%+v", config)
	}
	if commit := regexp.MustCompile(`^[0-9a-f]{40}$`); !commit.MatchString(c.Labels["org.opencontainers.image.revision"]) || c.Labels["org.opencontainers.image.version"] == "" {
		t.Errorf("labels: %v", c.Labels)
	}
	files := map[string][]byte{}
	for h, body := range contents(t, image) {
		files[h.Name] = body
		if h.Uid != 0 || h.Mode&0o6000 != 0 || h.Mode&0o022 != 0 && h.Name != "tmp" {
			t.Errorf("%s: owner %d, mode %o", h.Name, h.Uid, h.Mode)
		}
	}
	want := []string{"etc", "etc/group", "etc/passwd", "etc/ssl", "etc/ssl/certs", "etc/ssl/certs/ca-certificates.crt", "sluice", "tmp", "usr", "usr/share", "usr/share/sluice", "usr/share/sluice/LICENSE", "usr/share/sluice/NOTICES", "usr/share/sluice/bom.cdx.json"}
	for _, name := range want {
		if _, ok := files[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if len(files) != len(want) {
		t.Errorf("%d files, want %d", len(files), len(want))
	}
	if !x509.NewCertPool().AppendCertsFromPEM(files["etc/ssl/certs/ca-certificates.crt"]) {
		t.Error("there are no root certificates")
	}
	program, err := elf.NewFile(bytes.NewReader(files["sluice"]))
	if err != nil {
		t.Fatal(err)
	}
	if needs, err := program.ImportedLibraries(); err == nil && len(needs) > 0 || slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("the program needs %v", needs)
	}
	bill := new(cdx.BOM)
	if err := json.Unmarshal(files["usr/share/sluice/bom.cdx.json"], bill); err != nil || bill.Components == nil {
		t.Fatalf("bill of materials: %v", err)
	}
	for _, part := range []string{"std", "github.com/apache/thrift", "github.com/go-chi/chi/v5", "github.com/aws/aws-sdk-go-v2/service/ecs"} {
		if !slices.ContainsFunc(*bill.Components, func(c cdx.Component) bool { return c.Name == part && c.Version != "" }) {
			t.Errorf("the bill of materials has no %s", part)
		}
	}
	for _, c := range *bill.Components {
		if c.Name != "std" && !bytes.Contains(files["usr/share/sluice/NOTICES"], []byte("\n== "+c.Name+" "+c.Version+": ")) {
			t.Errorf("the notices have no licence of %s", c.Name)
		}
	}
}

// contents goes through all files of an image.
func contents(t *testing.T, image v1.Image) map[*tar.Header][]byte {
	t.Helper()
	packed := mutate.Extract(image)
	defer packed.Close()
	all := map[*tar.Header][]byte{}
	for r := tar.NewReader(packed); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[h] = body
	}
}

// runs unpacks the image and runs it as its user, with nothing else to see: a
// task of it joins a demo, takes auctions, and answers for its health.
func runs(t *testing.T, image v1.Image) {
	if os.Getuid() != 0 {
		t.Skip("only root may change the root folder")
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil { // its user has to get in
		t.Fatal(err)
	}
	for h, body := range contents(t, image) {
		at := filepath.Join(root, h.Name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(at, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(at, body, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at, h.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	env := demo(t, ctx, filepath.Join(root, "sluice"))
	inside := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, "/sluice", args...)
		c.Path, c.Dir, c.Env = "/sluice", "/", env
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}}
		c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
		return c
	}
	auctions, control, health := port(t), port(t), port(t)
	task := inside("task", "--fleet", "demo", "--bucket", "sluice", "--task", "image", "--listen", auctions, "--control-listen", control, "--http-listen", health, "--drain-delay", "0s", "--deadline", "10s", "--max-wait", "10s")
	var log bytes.Buffer
	task.Stdout, task.Stderr = &log, &log
	if err := task.Start(); err != nil {
		t.Fatal(err)
	}
	for !ready(ctx, health) && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
	}
	if said, err := inside("task", "--health", "--http-listen", health).CombinedOutput(); err != nil {
		t.Errorf("health: %v\n%s", err, said)
	}
	said, err := inside("auction", "--target", auctions, "--rate", "50", "--duration", "3s", "--tmax", "20s", "--max-failed", "0").CombinedOutput()
	if err != nil {
		t.Errorf("auctions: %v\n%s\n%s", err, said, log.Bytes())
	}
	if err := errors.Join(task.Process.Signal(syscall.SIGTERM), task.Wait()); err != nil {
		t.Errorf("it ends with %v\n%s", err, log.Bytes())
	}
	if err := inside("task", "--health", "--http-listen", health).Run(); err == nil {
		t.Error("a task that is gone is well")
	}
}

// ready reports whether a task serves a release.
func ready(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// demo runs one and returns the environment that it tells others to have.
func demo(t *testing.T, ctx context.Context, program string) []string {
	t.Helper()
	c := exec.CommandContext(ctx, program, "demo")
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) }
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan []string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, exports, ok := strings.Cut(lines.Text(), "export SLUICE_API="); ok && strings.Contains(exports, "AWS_ENDPOINT_URL=") {
				found <- strings.Fields("SLUICE_API=" + exports)
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGINT)
		<-read
		_ = c.Wait()
	})
	select {
	case env := <-found:
		return env
	case <-read:
		t.Fatal("the demo has ended")
	case <-ctx.Done():
		t.Fatal("the demo does not begin")
	}
	return nil
}

// port is an address that is free.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
