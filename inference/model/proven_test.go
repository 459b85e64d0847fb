package model

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is proven to docs/models.md")

// proven is what the fixtures of one version of a library show.
type proven struct {
	formats, objectives, cases map[string]bool
	models                     int
}

// docs/models.md says of which versions it is proven that their models are read
// as they meant it: those of which there are fixtures.
func TestProven(t *testing.T) {
	const file, begin, end = "../../docs/models.md", "<!-- proven -->\n", "<!-- /proven -->"
	versions := provenVersions(t)
	doc := string(read(t, file))
	before, rest, found := strings.Cut(doc, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("docs/models.md has no place for the table")
	}
	want := before + begin + provenTable(versions) + end + after
	if *update && doc != want {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if doc != want {
		t.Error("docs/models.md does not say what is proven; write it with -update")
	}
	newest := ""
	for _, v := range slices.SortedFunc(maps.Keys(versions), byVersion) {
		if strings.HasPrefix(v, "XGBoost ") {
			newest = strings.TrimPrefix(v, "XGBoost ")
		}
	}
	if !strings.HasPrefix(newest, NewestProven()+".") {
		t.Errorf("the newest fixtures are of XGBoost %s, the newest proven is %s", newest, NewestProven())
	}
}

var fixture = regexp.MustCompile(`^v(lightgbm)?([0-9.]+)-([a-z0-9]+)\.([a-z0-9]+)$`)

func provenVersions(t *testing.T) map[string]*proven {
	t.Helper()
	files, err := filepath.Glob("testdata/v*")
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]*proven{}
	for _, file := range files {
		parts := fixture.FindStringSubmatch(filepath.Base(file))
		if parts == nil {
			t.Fatalf("%s is no name of a fixture", file)
		}
		if parts[4] == "rows" || parts[4] == "best" || parts[4] == "all" || parts[4] == "cells" {
			continue
		}
		m, err := Parse(read(t, file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := map[string]string{"": "XGBoost ", "lightgbm": "LightGBM "}[parts[1]] + parts[2]
		if versions[name] == nil {
			versions[name] = &proven{formats: map[string]bool{}, objectives: map[string]bool{}, cases: map[string]bool{}}
		}
		v := versions[name]
		_, format, _ := strings.Cut(m.Format(), "-")
		v.formats[format], v.objectives["`"+m.Objective()+"`"], v.cases[parts[3]] = true, true, true
		v.models++
	}
	return versions
}

func provenTable(versions map[string]*proven) string {
	var table strings.Builder
	table.WriteString("| library | models | formats | objectives | cases |\n|---|---|---|---|---|\n")
	for _, name := range slices.SortedFunc(maps.Keys(versions), byVersion) {
		v := versions[name]
		join := func(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), ", ") }
		fmt.Fprintf(&table, "| %s | %d | %s | %s | %s |\n", name, v.models, join(v.formats), join(v.objectives), join(v.cases))
	}
	return table.String()
}

// byVersion puts libraries in turn, each from its oldest version on.
func byVersion(a, b string) int {
	nameA, versionA, _ := strings.Cut(a, " ")
	nameB, versionB, _ := strings.Cut(b, " ")
	if nameA != nameB {
		return -strings.Compare(nameA, nameB)
	}
	return slices.Compare(numbersOf(versionA), numbersOf(versionB))
}

func numbersOf(version string) (list []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // zero is the least
		list = append(list, n)
	}
	return list
}
