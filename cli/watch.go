package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

const (
	watchTick   = time.Second     // ages grow with the clock
	watchAgain  = 2 * time.Second // after a stream that broke
	watchTasks  = time.Second     // between two looks at the tasks
	watchEvents = 6               // that are shown
)

// watch shows the status of a fleet as it changes, until ctx ends, which is the
// way to end it: in place on a terminal, line by line elsewhere.
func (s *statusFlags) watch(ctx context.Context, out io.Writer, fleet string) error {
	f, err := s.client.Fleet(ctx, fleet)
	if err != nil {
		return err
	}
	tasks, missed := s.client.Tasks(ctx, fleet, s.limit)
	w := &watching{of: s, out: out, now: time.Now, seen: sight{fleet: f, tasks: tasks, came: time.Now()}, after: f.LastEvent}
	if missed != nil {
		w.trouble = missed.Error()
	}
	if drawn, is := terminal(out); is && !s.data() {
		w.screen = drawn
	}
	return w.run(ctx, fleet)
}

// sight is how the fleet stood when it was heard of last.
type sight struct {
	fleet api.Fleet
	tasks api.Tasks
	came  time.Time
}

// heardOf is what comes of the stream: a sight, an event, or why nothing does.
type heardOf struct {
	sight   *sight
	event   *api.Event
	trouble string
}

// watching is what is shown.
type watching struct {
	of      *statusFlags
	out     io.Writer
	screen  *screen // nil where lines are appended
	now     func() time.Time
	seen    sight
	after   int64 // the last event that was heard
	events  []api.Event
	trouble string
	told    string // how it stood, as appended last
}

// run lets one goroutine listen and shows what it hears.
func (w *watching) run(ctx context.Context, fleet string) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	heard := make(chan heardOf)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.listen(ctx, fleet, heard) })
	if w.screen != nil {
		if err := w.screen.open(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.screen.close(w.page(0))) }()
	}
	err = w.loop(ctx, heard)
	cancel()
	return errors.Join(err, g.Wait())
}

func (w *watching) loop(ctx context.Context, heard <-chan heardOf) error {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	resized, stop := resizes()
	defer stop()
	for {
		if err := w.show(); err != nil {
			return err
		}
		select {
		case h := <-heard:
			if err := w.hear(h); err != nil {
				return err
			}
		case <-tick.C:
		case <-resized:
		case <-ctx.Done():
			return nil // Ctrl-C, or the listener has said why
		}
	}
}

// listen follows the stream, again and again, and fetches the tasks beside it.
func (w *watching) listen(ctx context.Context, fleet string, heard chan<- heardOf) error {
	tell := func(h heardOf) bool {
		select {
		case heard <- h:
			return true
		case <-ctx.Done():
			return false
		}
	}
	after, tasks, looked := w.after, w.seen.tasks, time.Time{}
	each := func(n api.News) bool {
		switch {
		case n.Event != nil:
			after = n.Event.Seq
			return tell(heardOf{event: n.Event})
		case n.Trouble != "":
			return tell(heardOf{trouble: n.Trouble})
		case n.Look == nil:
			return true
		}
		after = min(after, n.Look.LastEvent) // of a state that was put back
		came := time.Now()
		if came.Sub(looked) >= watchTasks {
			if t, err := w.of.client.Tasks(ctx, fleet, w.of.limit); err == nil {
				tasks, looked = t, came
			}
		}
		return tell(heardOf{sight: &sight{*n.Look, tasks, came}})
	}
	for {
		err := w.of.client.Follow(ctx, fleet, after, each)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, api.ErrNotFound):
			return err
		}
		tell(heardOf{trouble: err.Error()})
		select { // the server went away: come back, and go on where we were
		case <-time.After(watchAgain):
		case <-ctx.Done():
			return nil
		}
	}
}

// hear takes in a piece of news.
func (w *watching) hear(h heardOf) error {
	switch {
	case h.sight != nil:
		w.seen, w.trouble = *h.sight, ""
		if w.of.data() {
			return w.of.printOne(w.out, statusData{w.seen.fleet, w.seen.tasks.Tasks})
		}
	case h.event != nil:
		if w.events = append(w.events, *h.event); len(w.events) > watchEvents {
			w.events = w.events[1:]
		}
		if w.screen == nil && !w.of.data() {
			return w.line("%s", eventLine(*h.event))
		}
	case h.trouble != w.trouble:
		w.trouble = h.trouble
		if w.screen == nil && !w.of.data() {
			return w.line("%s  no news: %s", clock(w.now()), h.trouble)
		}
	}
	return nil
}

func (w *watching) line(format string, args ...any) error {
	_, err := fmt.Fprintln(w.out, printable(fmt.Sprintf(format, args...)))
	return err
}

// show draws the page, or appends a line where something has become otherwise.
func (w *watching) show() error {
	if w.screen != nil {
		return w.screen.draw(w.page(w.now().Sub(w.seen.came)))
	}
	if stands := standsText(w.seen.fleet); !w.of.data() && stands != w.told {
		w.told = stands
		return w.line("%s  %s", clock(w.seen.fleet.At), stands)
	}
	return nil
}

// standsText says in a line how a fleet stands, without the numbers that every
// look changes.
func standsText(f api.Fleet) string {
	r := f.Active
	if r == nil {
		return f.Fleet + " serves " + servesShort(f) + " and tries nothing"
	}
	text := fmt.Sprintf("%s serves %s and tries %s: %s (%s)", f.Fleet, servesShort(f), r.ID, phaseText(*r), r.Reason)
	if v := r.Verdict; v != nil && judged(r.Phase) {
		text += ", " + v.Outcome
	}
	return text
}

func servesShort(f api.Fleet) string {
	if f.Stable == nil {
		return "nothing yet"
	}
	return releaseText(*f.Stable)
}

// page is the status as it stands, so long after it came.
func (w *watching) page(since time.Duration) string {
	f := w.seen.fleet
	f.At = f.At.Add(since)
	if f.Loop != nil {
		loop := *f.Loop
		loop.AgeSeconds = lookAge(w.seen.fleet).Seconds() + since.Seconds()
		f.Loop = &loop
	}
	var b strings.Builder
	if w.trouble != "" {
		fmt.Fprintf(&b, "NO NEWS for %s: %s\n\n", span(since), w.trouble)
	}
	if path := pathText(f); path != "" {
		b.WriteString(path + "\n\n")
	}
	_ = printStatus(&b, f, w.seen.tasks) // a builder takes all
	if len(w.events) > 0 {
		b.WriteString("\n")
	}
	for _, e := range w.events {
		b.WriteString(eventLine(e) + "\n")
	}
	return b.String()
}

// pathText draws the way of the active rollout, and how far it has come.
func pathText(f api.Fleet) string {
	r := f.Active
	if r == nil {
		return ""
	}
	at, parts := -1, []string{"admitting", "shadow"}
	for i := range r.Steps {
		parts = append(parts, fmt.Sprintf("canary %d", i+1))
	}
	parts = append(parts, "promoting", "live")
	phase := r.Phase
	if r.HeldFrom != "" {
		phase = r.HeldFrom
	}
	for i, part := range parts {
		if part == phase || phase == string(rollout.Canary) && part == fmt.Sprintf("canary %d", r.Step) {
			at = i
		}
	}
	if r.Phase == string(rollout.RollingBack) {
		return "● rolling back to stable"
	}
	for i, part := range parts {
		mark := "○"
		switch {
		case i < at:
			mark = "✓"
		case i == at && r.HeldFrom != "":
			mark, part = "‖", part+" (held)"
		case i == at:
			mark = "●"
		}
		parts[i] = mark + " " + part
	}
	return r.ID + "  " + strings.Join(parts, " ─ ")
}
