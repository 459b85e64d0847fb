package controller

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// TestFleetDocument checks that the fleet file shown in the documentation is
// one, and that it shows the defaults.
func TestFleetDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	if shown == nil {
		t.Fatal("docs/fleet.md shows no fleet file")
	}
	f, err := ParseFleet(shown[1])
	if err != nil {
		t.Fatal(err)
	}
	got, want := f.Policies.Default, rollout.Defaults()
	got.Judge, want.Judge = judge.Policy{}, judge.Policy{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("docs/fleet.md shows\n%+v\nthe defaults are\n%+v", got, want)
	}
}
