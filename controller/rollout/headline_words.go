package rollout

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/controller/judge"
)

// How long the names of models and partners, and those of people, may be in a
// headline. What is cut is the middle: training jobs differ at the end.
const (
	maxName   = 36
	maxPerson = 20
)

// name is what people call the rollout.
func (r Rollout) name() string { return middle(r.ID, maxName) }

// who asked.
func (r Rollout) who() string {
	if r.By == "" {
		return "somebody"
	}
	return middle(r.By, maxPerson)
}

// fit is the first of the lines that is short enough; the last one is cut
// where none is.
func fit(lines ...string) string {
	for _, l := range lines {
		if utf8.RuneCountInString(l) < longest {
			return l
		}
	}
	return cut(lines[len(lines)-1], longest-1)
}

// cut leaves up to so many characters.
func cut(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// middle leaves up to so many characters of a name, of its beginning and its end.
func middle(name string, most int) string {
	r := []rune(name)
	if len(r) <= most {
		return name
	}
	end := most / 2
	return string(r[:most-1-end]) + "…" + string(r[len(r)-end:])
}

// words are those of a name that programs give.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// rate is a share with as many digits as it takes to be told from zero.
func rate(share float64) string { return figure(100*share) + " %" }

// figure is a number of percent or points: whole where it is not small.
func figure(v float64) string {
	switch v = math.Abs(v); {
	case v >= 1.95 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case v >= .095:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	return fmt.Sprintf("%.2g", v)
}

// beyond tells a difference in points and the bound that it is beyond, with so
// many digits that one sees it.
func beyond(difference, bound float64) (much, allowed string) {
	much, allowed = figure(100*difference), figure(100*bound)
	for digits := 1; much == allowed && digits < 4; digits++ {
		much = fmt.Sprintf("%.*f", digits, math.Abs(100*difference))
	}
	return much, allowed
}

// are is the verb of a number of points.
func are(points string) string {
	if points == "1" {
		return points + " is"
	}
	return points + " are"
}

// about is a number of which two digits are told.
func about(n int64, noun string) string {
	for unit := int64(1); n >= 100*unit; unit *= 10 {
		if n < 1000*unit {
			n = (n + 5*unit) / (10 * unit) * 10 * unit
			break
		}
	}
	return judge.Some(int(n), noun)
}

// lasting is a duration as people say it, in one unit.
func lasting(d time.Duration) string {
	switch d = max(0, d); {
	case d < 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// minute is a moment, with its day where that is not the one of now.
func minute(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format("15:04 UTC")
	}
	return at.Format("2006-01-02 15:04 UTC")
}

// between is what a sentence says after one word and before another, to its end
// without one: what the state keeps nowhere else. Sentences are stored for ever,
// so that what was written before there were headlines has a whole one, too.
func between(sentence, before, after string) string {
	_, told, _ := strings.Cut(sentence, before)
	if after != "" {
		told, _, _ = strings.Cut(told, after)
	}
	return told
}

// heir is the newer model that a rollout has given way to.
func heir(sentence string) string {
	if name, newer := strings.CutSuffix(sentence, " is newer"); newer {
		return middle(name, maxName)
	}
	return middle(between(sentence, "gave way to ", " "), maxName)
}

// tuningOf is the tuning job that a sentence is about, as people call it, and
// bestOf the best of its training jobs; empty where none is tried.
func tuningOf(sentence string) string {
	for _, kind := range []string{"AutoML job ", "tuning job "} {
		if name, _, _ := strings.Cut(between(sentence, kind, " "), ":"); name != "" {
			return kind + middle(name, maxName)
		}
	}
	return "a tuning job"
}

func bestOf(sentence string) string {
	told := between(sentence, " completed: ", " is the best ") + between(sentence, " was stopped: ", " is the best ")
	best, _, _ := strings.Cut(told, " ")
	return middle(best, maxName)
}

// pauser is who paused the fleet.
func pauser(sentence string) string {
	if who := between(sentence, "paused by ", ":"); who != "" {
		return middle(who, maxPerson)
	}
	return "somebody"
}

// whyOf is why a person asked for what has happened.
func whyOf(sentence string) string {
	for _, did := range []string{" asked by ", "paused by ", "frozen "} {
		if _, told, found := strings.Cut(sentence, did); found {
			_, why, _ := strings.Cut(told, ": ")
			return why
		}
	}
	return ""
}
