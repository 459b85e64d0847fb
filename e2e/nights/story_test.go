package nights

import (
	"cmp"
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// fullLines is how many lines before the end a story tells in full.
const fullLines = 60

// line of a story.
type sentence struct {
	at             time.Duration
	who, what, end string
	step           int64
	matters        bool // told even if it lies long back
}

func (s sentence) String() string {
	text := fmt.Sprintf("%9.3fs %6d  %-10s %s", s.at.Seconds(), s.step, s.who, s.what)
	if s.end != "" {
		text += " → " + s.end
	}
	return text
}

// story is the history of a night: what happened in full for a while, and what
// mattered for ever. Its digest is of every call in its order, with its moment
// and what came of it, and of every state that was stored.
type story struct {
	began time.Time
	hash  hash.Hash64
	step  atomic.Int64 // of the night

	mu      sync.Mutex
	latest  []sentence
	before  []sentence     // those that matter
	counted map[string]int // of the others, by who and first word
}

func newStory() *story {
	return &story{began: time.Now(), hash: fnv.New64a(), counted: map[string]int{}}
}

func (s *story) add(e sentence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.at, e.step = time.Since(s.began), s.step.Load()
	s.latest = append(s.latest, e)
	if len(s.latest) <= 2*fullLines {
		return
	}
	for _, old := range s.latest[:fullLines] {
		if old.matters {
			s.before = append(s.before, old)
			continue
		}
		verb, _, _ := strings.Cut(old.what, " ")
		s.counted[old.who+" "+verb]++
	}
	s.latest = slices.Clone(s.latest[fullLines:])
}

// note makes something a part of the digest.
func (s *story) note(parts ...any) {
	fmt.Fprintln(s.hash, append(parts, time.Since(s.began).Nanoseconds())...)
}

func (s *story) digest() string { return fmt.Sprintf("%016x", s.hash.Sum64()) }

// tellTo writes the story for a person, who knows releases by their names.
func (s *story) tellTo(to io.Writer, releases map[string]truth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, digest := range sorted(releases) {
		for _, n := range []int{64, 12, 8} {
			names = append(names, digest[:n], releases[digest].name)
		}
	}
	out := &strings.Builder{}
	defer func() { _, _ = strings.NewReplacer(names...).WriteString(to, out.String()) }() // nobody may be there to read it
	full := s.latest[max(0, len(s.latest)-fullLines):]
	fmt.Fprintln(out, "      time   step  who        what → what came of it")
	for _, old := range append(slices.Clone(s.before), s.latest[:len(s.latest)-len(full)]...) {
		if old.matters {
			fmt.Fprintln(out, old)
		}
	}
	fmt.Fprintf(out, "  ... besides them until then: %s\n", s.sums())
	for _, e := range full {
		fmt.Fprintln(out, e)
	}
}

// sums says how often what happened that is not told.
func (s *story) sums() string {
	verbs := map[string]int{}
	for k, n := range s.counted {
		_, verb, _ := strings.Cut(k, " ")
		verbs[verb] += n
	}
	keys := slices.SortedFunc(maps.Keys(verbs), func(a, b string) int { return cmp.Or(verbs[b]-verbs[a], strings.Compare(a, b)) })
	var all []string
	for _, k := range keys {
		all = append(all, fmt.Sprintf("%d %s", verbs[k], k))
	}
	return strings.Join(all, ", ")
}

// say tells what happens to the world by itself.
func (w *world) say(who, what, end string) {
	w.story.note(who, what, end)
	w.story.add(sentence{who: who, what: what, end: end, matters: true})
}

// tell tells what became of a call.
func (w *world) tell(c *call, became string, err error) {
	if err != nil {
		became = strings.TrimPrefix(became+"; ", "; ") + brief(err)
	}
	w.story.note(c.who, c.what, became)
	w.story.add(sentence{who: c.who, what: shortKey(c.what), end: became})
}

func brief(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text[:min(len(text), 160)]
}

// diary takes what a process logs into the story. It is no part of the digest:
// two goroutines of a process may speak at the same moment.
type diary struct {
	w   *world
	who string
}

func (d diary) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (d diary) WithAttrs([]slog.Attr) slog.Handler           { return d }
func (d diary) WithGroup(string) slog.Handler                { return d }

func (d diary) Handle(_ context.Context, r slog.Record) error {
	var said []string
	r.Attrs(func(a slog.Attr) bool {
		if v := a.Value.String(); v != "" && v != "0" && a.Key != "fleet" {
			text, _, _ := strings.Cut(v, "\n")
			said = append(said, a.Key+"="+text[:min(len(text), 200)])
		}
		return true
	})
	d.w.story.add(sentence{
		who: d.who, what: "says: " + r.Message, end: strings.Join(said, " "),
		matters: r.Message == "decided" || r.Message == "leadership",
	})
	return nil
}
