package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// modules are what the program is linked from, as it says itself.
type modules struct {
	version string // of Sluice
	commit  string // that it notes; empty for none
	tool    string // Go's version
	linked  []*debug.Module
}

func modulesOf(program string) (modules, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return modules{}, fmt.Errorf("read what the program is made of: %w", err)
	}
	m := modules{version: info.Main.Version, tool: strings.TrimPrefix(info.GoVersion, "go")}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			m.commit = s.Value
		}
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		m.linked = append(m.linked, d)
	}
	return m, nil
}

// bill is the bill of materials: CycloneDX, without a time or a number of its
// own, so that one commit has one.
func (m modules) bill() ([]byte, error) {
	b := cdx.NewBOM()
	b.Metadata = &cdx.Metadata{Component: &cdx.Component{
		Type: cdx.ComponentTypeApplication, Name: "sluice", Version: m.version, BOMRef: "sluice",
		PackageURL: "pkg:golang/github.com/sluicehq/sluice@" + m.version,
	}}
	parts := []cdx.Component{part("std", m.tool)}
	for _, d := range m.linked {
		parts = append(parts, part(d.Path, d.Version))
	}
	b.Components = &parts
	refs := make([]string, len(parts))
	for i, p := range parts {
		refs[i] = p.BOMRef
	}
	b.Dependencies = &[]cdx.Dependency{{Ref: "sluice", Dependencies: &refs}}
	var body bytes.Buffer
	if err := cdx.NewBOMEncoder(&body, cdx.BOMFileFormatJSON).SetPretty(true).Encode(b); err != nil {
		return nil, fmt.Errorf("write the bill of materials: %w", err)
	}
	return body.Bytes(), nil
}

func part(path, version string) cdx.Component {
	url := "pkg:golang/" + path + "@" + version
	return cdx.Component{Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: url, BOMRef: url}
}

// licence is what modules call the files that must go with them.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)(\.(txt|md))?$`)

// notices are the licences of all modules, in full.
func (m modules) notices(source string) ([]byte, error) {
	folders, err := m.folders(source)
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	fmt.Fprintf(&all, "Sluice is linked from these parts.\n")
	for _, d := range m.linked {
		if err := quote(&all, d.Path+" "+d.Version, folders[d.Path]); err != nil {
			return nil, err
		}
	}
	if err := quote(&all, "Go "+m.tool, folders[goRoot]); err != nil {
		return nil, err
	}
	vendored := filepath.Join(source, "web", "vendor") // on the page
	parts, err := os.ReadDir(vendored)
	if err != nil {
		return nil, err
	}
	for _, e := range parts {
		if err := quote(&all, e.Name(), filepath.Join(vendored, e.Name())); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

// quote writes down the licences in a part's folder; there is at least one.
func quote(to *bytes.Buffer, part, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("licence of %s: %w", part, err)
	}
	found := 0
	for _, e := range entries {
		if e.IsDir() || !licence.MatchString(e.Name()) {
			continue
		}
		body, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return fmt.Errorf("licence of %s: %w", part, err)
		}
		fmt.Fprintf(to, "\n== %s: %s\n\n%s\n", part, e.Name(), bytes.TrimSpace(body))
		found++
	}
	if found == 0 {
		return fmt.Errorf("%s has no licence in %s that could go with it: look where it keeps one", part, folder)
	}
	return nil
}

// goRoot is where folders has Go's own sources.
const goRoot = "std"

// folders tells where the sources of modules, and of Go, lie.
func (m modules) folders(source string) (map[string]string, error) {
	c := exec.Command("go", "list", "-m", "-json", "all")
	c.Dir, c.Stderr = source, os.Stderr
	said, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("ask go for modules: %w", err)
	}
	c = exec.Command("go", "env", "GOROOT")
	c.Dir, c.Stderr = source, os.Stderr
	root, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("ask go where it is: %w", err)
	}
	folders := map[string]string{goRoot: strings.TrimSpace(string(root))}
	for d := json.NewDecoder(bytes.NewReader(said)); d.More(); {
		var one struct{ Path, Dir string }
		if err := d.Decode(&one); err != nil {
			return nil, fmt.Errorf("ask go for modules: %w", err)
		}
		folders[one.Path] = one.Dir
	}
	return folders, nil
}
