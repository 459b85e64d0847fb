package rollout

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestArrowsAreDrawn compares the code's arrows with the drawing in
// ARCHITECTURE.md.
func TestArrowsAreDrawn(t *testing.T) {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	var drawn []Arrow
	for _, m := range regexp.MustCompile(`(?m)^    (\w+) --> (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		drawn = append(drawn, Arrow{Phase(m[1]), Phase(m[2])})
	}
	for _, a := range Arrows() {
		if !slices.Contains(drawn, a) {
			t.Errorf("ARCHITECTURE.md does not draw %s --> %s", a.From, a.To)
		}
	}
	for _, a := range drawn {
		if !slices.Contains(Arrows(), a) {
			t.Errorf("ARCHITECTURE.md draws %s --> %s, which cannot happen", a.From, a.To)
		}
	}
}
