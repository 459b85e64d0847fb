// Package checks holds what is checked of the repository itself: which way
// imports point, that documents are true, and that tests notice bugs.
package checks

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// atRoot makes the root of the repository the working directory. It is called
// by tests and not before them, so that go test knows which files they read.
var atRoot = sync.OnceFunc(func() {
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
})

// TestDependenciesAreExplained checks that ARCHITECTURE.md has a sentence for
// every module that this one asks for.
func TestDependenciesAreExplained(t *testing.T) {
	atRoot()
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "## Dependencies")
	if !found {
		t.Fatal("ARCHITECTURE.md has no section about dependencies")
	}
	aws := regexp.MustCompile(`^github.com/aws/aws-sdk-go-v2/?(service/)?`)
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		name := strings.TrimPrefix(aws.ReplaceAllString(m[1], ""), "github.com/")
		if name == "" {
			name = "aws-sdk-go-v2"
		}
		name = regexp.MustCompile(`^aws/|/v\d+$`).ReplaceAllString(name, "")
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("ARCHITECTURE.md does not say why %s is needed", m[1])
		}
	}
}

// TestFoldersAreMapped checks that every folder of the README's map exists,
// and that every folder at the top is in it.
func TestFoldersAreMapped(t *testing.T) {
	atRoot()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "## The map")
	if !found {
		t.Fatal("README.md has no map")
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		private := strings.HasPrefix(e.Name(), ".") || e.Name() == "bin"
		if e.IsDir() && !private && !strings.Contains(table, "`"+e.Name()+"`") {
			t.Errorf("README.md's map does not show %s", e.Name())
		}
	}
}

// TestPackagesAreMapped checks that ARCHITECTURE.md's table of folders has a
// row for every package, or names it in the row of the folder that it is in,
// and no row for what is not there.
func TestPackagesAreMapped(t *testing.T) {
	atRoot()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, house, _ := strings.Cut(string(text), "\n## The house\n")
	house, _, _ = strings.Cut(house, "\n## ")
	rows := map[string]string{".": ""}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \| (.*) \|$`).FindAllStringSubmatch(house, -1) {
		for _, name := range regexp.MustCompile("`(.+?)`").FindAllStringSubmatch(row[1], -1) {
			rows[name[1]] = row[2]
			if _, err := os.Stat(name[1]); err != nil {
				t.Errorf("ARCHITECTURE.md has a row for %s: %v", name[1], err)
			}
		}
	}
	err = filepath.WalkDir(".", func(file string, e fs.DirEntry, err error) error {
		name := e.Name()
		if err == nil && e.IsDir() && (name == "testdata" || name == "gen" || name == "node_modules" || strings.HasSuffix(name, "test") || strings.HasPrefix(name, ".") && name != ".") {
			return fs.SkipDir
		}
		if err != nil || filepath.Ext(file) != ".go" || e.IsDir() {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(file))
		above := folder
		for { // the nearest folder that has a row
			if _, has := rows[above]; has {
				break
			}
			above = path.Dir(above)
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(folder, above+"/"), "/")
		if folder != above && !strings.Contains(rows[above], "`"+first+"`") {
			t.Errorf("ARCHITECTURE.md's table of folders does not say what %s is", folder)
			rows[folder] = ""
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFilesThatAreNamedExist checks that ARCHITECTURE.md and CONTRIBUTING.md
// send nobody to a file that is not there, or has another name now.
func TestFilesThatAreNamedExist(t *testing.T) {
	atRoot()
	var files []string
	err := filepath.WalkDir(".", func(file string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && (e.Name() == "node_modules" || e.Name() == ".git" || e.Name() == ".tools") {
			return fs.SkipDir
		}
		files = append(files, "/"+filepath.ToSlash(file))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([A-Za-z0-9_./*-]+\\.(?:go|ts|py|sh|md|thrift|txt))`")
	for _, document := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		found := named.FindAllStringSubmatch(string(text), -1)
		if len(found) < 10 {
			t.Errorf("%s names %d files", document, len(found))
		}
		for _, name := range found {
			is := regexp.MustCompile("/" + strings.ReplaceAll(regexp.QuoteMeta(name[1]), `\*`, "[^/]*") + "$")
			if name[1] != "cli/NAME.go" && !slices.ContainsFunc(files, is.MatchString) {
				t.Errorf("%s names %s, which is not there", document, name[1])
			}
		}
	}
}

// TestTargetsAreListed checks that make alone explains every target.
func TestTargetsAreListed(t *testing.T) {
	atRoot()
	rules, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), "make", "--no-print-directory", "help").Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("there is no make")
	}
	if err != nil {
		t.Fatal(err)
	}
	targets := regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindStringSubmatch(string(rules))
	if targets == nil {
		t.Fatal("the Makefile has no .PHONY")
	}
	for _, name := range strings.Fields(targets[1]) {
		if !regexp.MustCompile(`(?m)^  make ` + name + ` +\S`).Match(said) {
			t.Errorf("make help does not say what make %s does", name)
		}
	}
}

// TestChangesAreToldOnce checks that CHANGELOG.md tells no change twice, as
// merges leave it behind when both sides have worded one anew.
func TestChangesAreToldOnce(t *testing.T) {
	atRoot()
	text, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range strings.Split(string(text), "\n## ") {
		told := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^- \*\*([^*]+)\*\*`).FindAllStringSubmatch(section, -1) {
			if told[m[1]] {
				t.Errorf("CHANGELOG.md tells %q twice", m[1])
			}
			told[m[1]] = true
		}
	}
}
