package simulation

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var (
	size = flag.String("simulate", "short", "how much TestSimulate plays: short, middle or full")
	part = flag.String("part", "", "what TestSimulate plays: rollouts, worlds, speed, with commas; all of it where nothing is said")
	out  = flag.String("out", "", "folder that TestSimulate writes its tables and pictures to")
	book = flag.String("notebook", "", "file that keeps what TestSimulate has played, so that it goes on where it was broken off")
)

// TestSimulate holds the whole controller against its goals, in virtual time.
func TestSimulate(t *testing.T) {
	i := slices.IndexFunc(Sizes(), func(s Size) bool { return s.Name == *size })
	if i < 0 {
		t.Fatalf("-simulate %s: want short, middle or full", *size)
	}
	parts, err := PartsOf(*part)
	if err != nil {
		t.Fatalf("-part: %v", err)
	}
	plays := Sizes()[i]
	switch {
	case testing.Short():
		t.Skip("half a minute of two processors")
	case detector:
		plays = Size{Name: "watched", Fine: 1, Races: 1}
	}
	var by Earlier
	if *size != "short" {
		by = earlier(t)
	}
	var n Notebook
	if *book != "" {
		file, err := openNotebook(*book, parts)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := file.close(); err != nil {
				t.Error(err)
			}
		}()
		n = file
	}
	r, err := Run(n, plays, parts, by, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for of, page := range r.Tables() {
		t.Logf("\n%s", page)
		files[string(of)+".md"] = []byte(page)
		for _, g := range r.Goals(of) {
			switch {
			case g.Awaited != "" && g.Met:
				t.Logf("%s: %s, which was not met yet: %s", g.Name, g.Measured, g.Awaited)
			case g.Refuted && g.Awaited == "":
				t.Errorf("%s: %s, want %s", g.Name, g.Measured, g.Limit)
			}
		}
	}
	if *out == "" {
		return
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, p := range r.Pictures() {
		files[name] = p.SVG()
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(*out, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
