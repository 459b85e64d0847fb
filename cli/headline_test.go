package cli

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
)

// An earlier server tells no headline: its sentence comes first then, once, and
// no line is empty.
func TestSaidByAnEarlierServer(t *testing.T) {
	r := api.Rollout{ID: "two", Phase: "rolled_back", Reason: "candidate_worse", Sentence: "ROLLBACK partner=acme", History: []api.Event{{Rollout: "two", To: "rolled_back", Reason: "candidate_worse", Sentence: "ROLLBACK partner=acme"}}}
	f := api.Fleet{Fleet: "demo", Last: &r, Queue: []api.Rollout{{ID: "three", Sentence: "try asked by ann"}}}
	var whole, list, status strings.Builder
	for _, err := range []error{printRollout(&whole, r), printRollouts(&list, []api.Rollout{r}), printStatus(&status, f, api.Tasks{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for page, times := range map[string]int{whole.String(): 2, list.String(): 1, status.String(): 1} {
		if n := strings.Count(page, "ROLLBACK partner=acme"); n != times || strings.Contains(page, "way out") || strings.Contains(page, "proof") {
			t.Errorf("the sentence stands %d times, want %d, and nothing of what is not told:\n%s", n, times, page)
		}
	}
	if !strings.Contains(status.String(), "three  try asked by ann") {
		t.Errorf("it is not told who waits:\n%s", &status)
	}
	if s := (said{"", "", "it is over"}).all(); s != "it is over" {
		t.Errorf("an end reads %q", s)
	}
}
