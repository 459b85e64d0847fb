package rollout

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	update = flag.Bool("update", false, "rewrite the answers in the stories")
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func storyPolicies() Policies {
	p := Defaults()
	p.Steps = []Step{{Tasks: 1, Soak: time.Minute, Margin: 0.05}, {Percent: 50, Soak: 2 * time.Minute}}
	p.Shadow.Soak, p.PromoteBatch = time.Minute, 2
	careful, quick := p, p
	careful.Preempt = true
	careful.Name, careful.Jobs, careful.Steps = "careful", []string{"careful-*"}, []Step{{Tasks: 1, Approval: true}}
	quick.Name, quick.Jobs, quick.Shadow.Skip, quick.Preempt = "quick", []string{"quick-*"}, true, true
	strict, thrifty := p, p
	strict.Name, strict.Jobs = "strict", []string{"strict-*"}
	strict.Inconclusive = InconclusivePolicy{Floor: RollBack, Borderline: RollBack, Starved: Hold, PhaseWaits: 1.5}
	thrifty.Name, thrifty.Jobs, thrifty.Budget = "thrifty", []string{"thrifty-*"}, Budget{Auctions: 30_000, MissedBids: 600}
	holidays := Freeze{Name: "holidays", Why: "nobody is there", From: start.Add(1000 * time.Hour), Until: start.Add(1100 * time.Hour)}
	return Policies{Default: p, Special: []Policy{careful, quick, strict, thrifty}, Freezes: []Freeze{holidays}}
}

// TestStories replays whole rollouts. A line of a story is a moment and what
// happened before it; the indented lines under it are what was decided then,
// and again until the world was as wanted. A star marks a task that is counted
// and scores nothing beside what it serves.
func TestStories(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) < 12 {
		t.Fatalf("%d stories, want 12 at least", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("the story now goes:\n%s", got)
			}
		})
	}
}

func tell(t *testing.T, story string, watch ...func(State, time.Time)) string {
	w, s, p := newWorld("a", "b", "c", "d"), State{Fleet: "f"}, storyPolicies()
	w.watch = watch
	var out strings.Builder
	for line := range strings.Lines(story) {
		if strings.HasPrefix(line, "  ") {
			continue // an old answer
		}
		out.WriteString(line)
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		after, err := time.ParseDuration(words[0])
		if err != nil {
			t.Fatal(err)
		}
		now := start.Add(after)
		for _, word := range words[1:] {
			if how, is := strings.CutPrefix(word, "yield="); is {
				p.Deployments = Yield(how)
				continue
			}
			if word == "answers" {
				p.AnswerHooks = true
				continue
			}
			q, err := w.hear(word, s, now)
			if err != nil {
				t.Fatal(err)
			}
			if q != nil {
				next, answer, err := Accept(s, *q, w.kept(*q))
				switch {
				case err != nil:
					fmt.Fprintf(&out, "  turned away: %v\n", err)
				case len(next.Requests) == len(s.Requests):
					fmt.Fprintf(&out, "  answered as before: %s of %s\n", aim(answer), answer.Rollout)
				}
				s = next
			}
		}
		s = settle(&out, s, w, p, now)
	}
	return out.String()
}

// settle decides and acts until nothing is left to do at that moment.
func settle(out *strings.Builder, s State, w *world, p Policies, now time.Time) State {
	for range 8 {
		next, actions := Decide(s, w.observe(s, now), p, now)
		for _, see := range w.watch {
			see(next, now)
		}
		for _, e := range next.Events {
			if e.Seq > s.LastEvent {
				fmt.Fprintf(out, "  %s\n", telling(e))
			}
		}
		var lines []string
		for _, a := range actions {
			w.apply(a)
			switch a := a.(type) {
			case Tag, Archive: // noise in a story
			case Assign:
				star := "" // for a task that is counted and scores nothing else
				if a.Buckets > 1 && a.Shadow == "" {
					star = "*"
				}
				lines = append(lines, a.String()+star)
			default:
				lines = append(lines, a.String())
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(out, "    %s\n", strings.Join(lines, " "))
		}
		quiet := next.LastEvent == s.LastEvent && len(actions) == 0
		s = next
		if quiet {
			return s
		}
		now = now.Add(time.Millisecond)
	}
	fmt.Fprintf(out, "  (and again, every pass)\n")
	return s
}

func telling(e Event) string {
	who := e.Rollout
	if who == "" {
		who = "fleet"
	}
	step := ""
	if e.To == Canary {
		step = fmt.Sprintf(" %d", e.Step+1)
	}
	return fmt.Sprintf("%s: %s -> %s%s %s (%s)", who, e.From, e.To, step, e.Reason, e.Sentence)
}

// Since somebody has gone back by hand, and until a release goes live, nobody
// goes back without saying where to, but from a candidate.
func TestReturned(t *testing.T) {
	var seen []string
	tell(t, `0s job=one artifact=one:ok:v1
31s
2m job=two artifact=two:ok:v2 verdict=unsure
150s
160s ask=promote
4m ask=rollback
7m job=three artifact=three:ok:v3 verdict=unsure
450s
8m ask=rollback
9m job=four artifact=four:ok:v4 verdict=unsure
570s
10m ask=promote
`, func(s State, now time.Time) {
		at := now.Sub(start).Truncate(time.Second).String() + " " + s.Returned()
		if len(seen) == 0 || strings.Fields(seen[len(seen)-1] + " -")[1] != strings.Fields(at + " -")[1] {
			seen = append(seen, at)
		}
	})
	if got := strings.Join(seen, "; "); got != "0s ; 4m0s rollback-q9; 7m30s ; 8m0s three; 9m30s " {
		t.Errorf("it is %q", got)
	}
}
