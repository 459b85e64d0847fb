package controllertest

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/controller"
)

// FleetFiles tests a place of fleet files. put and remove change what lies
// there, by its name within the place.
func FleetFiles(t *testing.T, open func() controller.FleetFiles, put func(name, body string), remove func(name string)) {
	place := open()
	if names, err := place.List(t.Context()); err == nil || !strings.Contains(err.Error(), "*.yaml") {
		t.Fatalf("an empty place: %v, %v", names, err)
	}
	put("b.yaml", "two")
	put("a.yaml", "one")
	put("manifest.json", "beside")
	list := func(want ...string) []string {
		t.Helper()
		names, err := place.List(t.Context())
		var found []string
		for _, name := range names {
			found = append(found, path.Base(name))
		}
		if err != nil || !slices.Equal(found, want) {
			t.Fatalf("listed %v (%v), want %v", names, err, want)
		}
		return names
	}
	read := func(name, want string) {
		t.Helper()
		for range 2 { // the second time it is known
			if body, err := place.Read(t.Context(), name, 10); err != nil || string(body) != want {
				t.Fatalf("%s: %q, %v: want %q", name, body, err, want)
			}
		}
	}
	names := list("a.yaml", "b.yaml")
	read(names[0], "one")
	read(names[1], "two")
	read(strings.TrimSuffix(names[0], "a.yaml")+"manifest.json", "beside")

	put("b.yaml", "three")
	remove("a.yaml")
	put("c.yaml", "too long a text")
	gone := names[0]
	names = list("b.yaml", "c.yaml")
	read(names[0], "three")
	if body, err := place.Read(t.Context(), names[1], 10); err == nil {
		t.Errorf("more than ten bytes: %q", body)
	}
	if body, err := place.Read(t.Context(), gone, 10); err == nil || !strings.Contains(err.Error(), "a.yaml") {
		t.Errorf("what was removed: %q, %v", body, err)
	}
	t.Setenv("SLUICE_TEST_MANIFEST", "variable")
	read("env:SLUICE_TEST_MANIFEST", "variable")
}
