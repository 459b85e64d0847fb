package checks

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// idls are the files that clients generate code from.
var idls = []string{"openrtb", "adfilter", "control"}

// TestIDLNames checks that no two types of the IDL have one name: languages
// without namespaces, and those that open a class anew, would take them for
// one. Every file has a namespace for whatever language generates from it.
func TestIDLNames(t *testing.T) {
	atRoot()
	types := regexp.MustCompile(`(?m)^(?:struct|union|exception|enum|service|typedef \S+) (\w+)`)
	seen := map[string]string{}
	for _, idl := range idls {
		text, err := os.ReadFile("idl/" + idl + ".thrift")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\nnamespace * ") {
			t.Errorf("idl/%s.thrift has no namespace for languages that it does not name", idl)
		}
		found := types.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("idl/%s.thrift has no types", idl)
		}
		for _, m := range found {
			name := strings.ToLower(m[1])
			if other, ok := seen[name]; ok {
				t.Errorf("%s is a type of idl/%s.thrift and of idl/%s.thrift", m[1], other, idl)
			}
			seen[name] = idl
		}
	}
}

// documents are generators of something to read, which have an index.
var documents = []string{"html", "markdown"}

// TestIDLGenerators lets every generator of the thrift compiler at hand
// generate from every IDL into one folder, as clients do, and checks that none
// writes over what another wrote, not even where files' names have no case,
// and that what one file includes of ours is there.
func TestIDLGenerators(t *testing.T) {
	atRoot()
	if _, err := exec.LookPath("thrift"); err != nil {
		t.Skip("there is no thrift compiler: apt-get install thrift-compiler")
	}
	usage, _ := exec.CommandContext(t.Context(), "thrift", "--help").CombinedOutput() // it ends with 1
	generators := regexp.MustCompile(`(?m)^  (\w+) \(.*\):$`).FindAllStringSubmatch(string(usage), -1)
	if len(generators) < 20 {
		t.Fatalf("thrift --help names %d generators:\n%s", len(generators), usage)
	}
	for _, g := range generators {
		t.Run(g[1], func(t *testing.T) {
			t.Parallel()
			all := map[string][]byte{}
			for _, idl := range idls {
				made := generate(t, g[1], idl)
				for name, content := range made {
					name = strings.ToLower(name)
					other, twice := all[name]
					if twice && string(other) != string(content) && !slices.Contains(documents, g[1]) {
						t.Errorf("idl/%s.thrift writes %s, which another has written", idl, name)
					}
					all[name] = content
				}
			}
			for name, content := range all {
				for _, of := range included(content) {
					if !here(all, of) {
						t.Errorf("%s asks for %s, which is not generated", name, of)
					}
				}
			}
		})
	}
}

// generate returns the files that one generator makes of one IDL.
func generate(t *testing.T, generator, idl string) map[string][]byte {
	t.Helper()
	out := t.TempDir()
	said, err := exec.CommandContext(t.Context(), "thrift", "-strict", "--gen", generator, "-out", out, "idl/"+idl+".thrift").CombinedOutput()
	if err != nil {
		t.Fatalf("idl/%s.thrift: %v\n%s", idl, err, said)
	}
	made := map[string][]byte{}
	err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(out, path)
		if err == nil {
			made[filepath.ToSlash(name)], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(made) == 0 {
		t.Fatalf("nothing is made of idl/%s.thrift", idl)
	}
	return made
}

// included returns the files of ours that a generated file names: those of C
// in quotes, and what Ruby, Lua and JavaScript require.
func included(content []byte) []string {
	var of []string
	for _, m := range regexp.MustCompile(`(?m)^#include "([^"]+)"|\brequire ?\(?['"]([^'"]+)['"]`).FindAllStringSubmatch(string(content), -1) {
		of = append(of, m[1]+m[2])
	}
	return slices.DeleteFunc(of, func(name string) bool {
		return !regexp.MustCompile(`(?i)openrtb|adfilter|ad_filter|bid_?request_?filter|control`).MatchString(name)
	})
}

// here reports whether one of the generated files is the one that is named,
// by its place or, where languages look it up by that, without its suffix.
func here(all map[string][]byte, name string) bool {
	name = strings.ToLower(strings.TrimPrefix(name, "./"))
	for file := range all {
		if file == name || strings.TrimSuffix(file, filepath.Ext(file)) == strings.TrimSuffix(name, ".js") {
			return true
		}
	}
	return false
}
