package aws

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// rosterOf knows so many tasks, listed and described now.
func rosterOf(tasks int, now time.Time) *roster {
	r := &roster{known: map[string]member{}, doubts: map[string]time.Time{}}
	var arns []string
	for i := range tasks {
		arn := fmt.Sprint("arn/", i)
		arns = append(arns, arn)
		r.known[arn] = member{types.Task{TaskArn: &arn, LastStatus: aws.String("RUNNING")}, now}
	}
	r.list(arns, "as it was", now)
	return r
}

// All tasks are listed when the service tells of a change, once more after that,
// and now and then: the more there are, the longer listings are apart.
func TestListingsRest(t *testing.T) {
	const every = 5 * time.Second
	for _, tt := range []struct {
		tasks      int
		mark       string
		counted    int
		after      time.Duration
		again, due bool
	}{
		{50, "as it was", 50, 59 * time.Second, false, false},
		{50, "as it was", 50, time.Minute, false, true},
		{50, "another", 50, 4 * time.Second, false, false},
		{50, "another", 50, 5 * time.Second, false, true},
		{50, "as it was", 50, 5 * time.Second, true, true},
		{1000, "another", 1000, 5 * time.Second, false, true},
		{5000, "another", 5000, 24 * time.Second, false, false},
		{5000, "another", 5000, 25 * time.Second, false, true},
		{5000, "as it was", 5000, 25 * time.Second, true, true},
		{50, "as it was", 49, 5 * time.Second, false, false}, // another word than ours for what runs, and no change
		{50, "another", 49, 5 * time.Second, false, true},
	} {
		now := time.Now()
		r := rosterOf(tt.tasks, now)
		r.again = tt.again
		if got := r.due(tt.mark, tt.counted, every, now.Add(tt.after)); got != tt.due {
			t.Errorf("%+v: due %v", tt, got)
		}
	}
	now := time.Now()
	r := rosterOf(50, now)
	r.due("another", 49, every, now)
	r.list(r.listed, "another", now)
	if !r.again {
		t.Error("after a change it is not listed again")
	}
	if r.list(r.listed, "another", now); r.again {
		t.Error("it is listed again for ever")
	}
	if !r.due("another", 49, every, now.Add(every)) {
		t.Error("the service counts others than were listed after a change, and it is not listed again")
	}
	r.list(r.listed, "another", now.Add(30*time.Second))
	if !r.due("another", 49, every, now.Add(unsettled-time.Second)) || r.due("another", 49, every, now.Add(unsettled)) {
		t.Error("where the service counts in another way, it is listed in every look for ever")
	}
}

// With a listing a few of those are described again that were so long ago, the
// oldest first; new ones at once, and those that do not run yet in every look.
func TestTasksAreDescribedAgain(t *testing.T) {
	now := time.Now()
	r := rosterOf(2000, now.Add(-describeAgain))
	if asked := r.unknown(now); len(asked) != 0 {
		t.Errorf("between listings %d are described again", len(asked))
	}
	r.known["arn/7"] = member{r.known["arn/7"].Task, now.Add(-2 * describeAgain)}
	r.listedAt = now
	if asked := r.unknown(now); len(asked) != 200 || asked[0] != "arn/7" {
		t.Errorf("with a listing %d are described again, want 200 and the oldest first", len(asked))
	}
	r = rosterOf(3, now)
	r.listed = append(r.listed, "arn/new")
	r.known["arn/1"] = member{types.Task{LastStatus: aws.String("PENDING")}, now}
	if asked := r.unknown(now.Add(time.Second)); len(asked) != 2 || asked[0] != "arn/1" || asked[1] != "arn/new" {
		t.Errorf("asked for %v, want the one that does not run yet and the new one", asked)
	}
}

// Of tasks that do not answer ECS is asked at once, then as often as one looks,
// and of thousands less often.
func TestDoubts(t *testing.T) {
	const every = 5 * time.Second
	now := time.Now()
	for tasks, again := range map[int]time.Duration{1: 4 * time.Second, 5000: 25 * time.Second} {
		r := rosterOf(5000, now)
		var silent []string
		for i := range tasks {
			silent = append(silent, fmt.Sprint(i))
		}
		for after, want := range map[time.Duration]int{0: tasks, again - time.Millisecond: 0} {
			r.doubts = map[string]time.Time{}
			if after > 0 {
				r.doubted(silent, every, now)
			}
			if got := len(r.doubted(silent, every, now.Add(after))); got != want {
				t.Errorf("of %d silent tasks %d are asked for after %v, want %d", tasks, got, after, want)
			}
		}
		if got := len(r.doubted(silent, every, now.Add(again))); got != tasks {
			t.Errorf("of %d silent tasks %d are asked for after %v", tasks, got, again)
		}
		r.doubted(nil, every, now)
		if got := len(r.doubted(silent, every, now)); got != tasks {
			t.Errorf("of %d tasks that answered between two silences %d are asked for", tasks, got)
		}
	}
}
