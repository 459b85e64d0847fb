package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// await follows the fleet until the wish q has come true, and tells what
// happens on the way. It fails when it turned out otherwise, or not in time.
func await(ctx context.Context, c api.Client, fleet string, q api.Request, limit time.Duration, out io.Writer) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	w := waiting{of: q, rollout: concerns(q), after: q.Revision, out: out}
	w.find = func(id string) (api.Rollout, error) { return c.Rollout(ctx, fleet, id) }
	for {
		err := c.Follow(ctx, fleet, w.after, w.hear)
		switch {
		case w.done:
			return w.end
		case outer.Err() != nil:
			return fmt.Errorf("%s goes on without this command: sluice status shows how it stands", q.Verb)
		case ctx.Err() != nil:
			return waitOverError{fmt.Errorf("%s is not done after %v (--timeout); it goes on without this command: sluice status shows how it stands", q.Verb, limit)}
		case errors.Is(err, api.ErrNotFound):
			return err
		}
		w.trouble(err.Error())
		select { // the server went away: come back, and go on where we were
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
}

// concerns is the rollout whose end a wish waits for; empty when it is about
// the fleet.
func concerns(q api.Request) string {
	switch rollout.Verb(q.Verb) {
	case rollout.VerbAbort, rollout.VerbPromote, rollout.VerbTry, rollout.VerbRollback:
		return q.Rollout
	case rollout.VerbPause, rollout.VerbResume:
	}
	return ""
}

// waiting is how far the wait for a wish is.
type waiting struct {
	of      api.Request
	rollout string
	after   int64
	out     io.Writer
	find    func(id string) (api.Rollout, error)

	missed   bool   // not all that happened was heard: see how things stand
	restored bool   // the state was put back to an earlier version
	again    bool   // what is told was heard before, up to the next look
	doubted  bool   // the wish was not found the last time
	troubled string // what keeps news away, as told last

	done bool
	end  error
}

// hear takes in one piece of news and reports whether to go on.
func (w *waiting) hear(n api.News) bool {
	switch {
	case n.Event != nil:
		w.event(*n.Event)
	case n.Gap:
		w.missed = true
	case n.Trouble != "":
		w.trouble(n.Trouble)
	case n.Look != nil:
		w.troubled, w.again = "", false
		if n.Look.LastEvent < w.after {
			w.after, w.missed, w.restored = n.Look.LastEvent, true, true
		}
		if w.missed {
			w.missed = false
			w.catchUp(*n.Look)
		}
		if !w.done {
			w.look(*n.Look)
		}
	}
	return !w.done
}

// event takes in what happened. A number that was heard already comes of a state
// that was put back, all of which is told again.
func (w *waiting) event(e api.Event) {
	w.again = w.again || e.Seq <= w.after
	w.after = e.Seq
	if w.again || e.Reason == string(rollout.Restored) {
		w.missed, w.restored = true, true
	}
	if w.again {
		return
	}
	fmt.Fprintln(w.out, eventLine(e))
	if e.Wish == w.of.ID {
		w.became(e)
	}
	if w.rollout != "" && e.Rollout == w.rollout && rollout.Phase(e.To).Final() {
		w.done, w.end = true, w.judge(rollout.Phase(e.To), e)
	}
}

// trouble tells once why there is no news.
func (w *waiting) trouble(why string) {
	if why != w.troubled {
		w.troubled = why
		fmt.Fprintf(w.out, "No news: %s. Still waiting.\n", why)
	}
}

// catchUp sees what became of the wish where that may not have been heard.
func (w *waiting) catchUp(f api.Fleet) {
	if w.asked(f) {
		w.found()
		return
	}
	if w.rollout == "" {
		if w.look(f); !w.done {
			w.lost("it is not " + w.of.Verb + "d")
		}
		return
	}
	r, err := w.find(w.rollout)
	switch {
	case errors.Is(err, api.ErrNotFound):
		w.restored = true // what there was once does not go otherwise
		w.lost(w.rollout + " is not in it")
	case err != nil:
		w.missed = true // the next look shows it
	case r.Final:
		w.done, w.end = true, w.judge(rollout.Phase(r.Phase), api.Event{Rollout: r.ID, To: r.Phase, Reason: r.Reason, Headline: r.Headline, WayOut: r.WayOut, Sentence: r.Sentence})
	case w.restored && w.of.Verb != string(rollout.VerbTry) && !slices.ContainsFunc(r.History, func(e api.Event) bool { return e.Wish == w.of.ID }):
		w.lost(fmt.Sprintf("%s is in %s there, and %s is not asked", r.ID, r.Phase, w.of.Verb))
	default:
		w.found()
	}
}

func (w *waiting) found() { w.doubted, w.restored = false, false }

// lost ends the wait for a wish that the state does not know any more. Another
// server may show how things stood just before it was taken, but not twice.
func (w *waiting) lost(how string) {
	if !w.doubted {
		w.doubted, w.missed = true, true
		return
	}
	why := "more has happened than is remembered"
	if w.restored {
		why = "the state was put back to an earlier version"
	}
	w.done, w.end = true, fmt.Errorf("%s, and %s: sluice status shows how it stands; ask again if it is still wanted", why, how)
}

func (w *waiting) asked(f api.Fleet) bool {
	return slices.ContainsFunc(f.Requests, func(q api.Request) bool { return q.ID == w.of.ID })
}

// became takes in the event in which the wish itself ends. What it set going
// may go on after that.
func (w *waiting) became(e api.Event) {
	switch rollout.Reason(e.Reason) { //nolint:exhaustive // the ends that are not for every verb the beginning of more
	case rollout.Overruled, rollout.TooLate:
		w.done, w.end = true, errors.New(said{e.Headline, e.WayOut, e.Sentence}.all())
	case rollout.Seconded:
		if w.rollout != "" {
			w.rollout = e.Rollout // of the one who asked first
		}
	case rollout.Paused, rollout.Resumed:
		w.done = true
	}
}

// judge says whether the end of the rollout is what was wished for.
func (w *waiting) judge(end rollout.Phase, e api.Event) error {
	wanted := map[rollout.Verb][]rollout.Phase{
		rollout.VerbAbort:    {rollout.RolledBack, rollout.Refused, rollout.Superseded},
		rollout.VerbRollback: {rollout.RolledBack, rollout.Refused, rollout.Superseded},
		rollout.VerbPromote:  {rollout.Live},
		rollout.VerbTry:      {rollout.Live},
	}
	if slices.Contains(wanted[rollout.Verb(w.of.Verb)], end) {
		return nil
	}
	return fmt.Errorf("%s ended %s (%s): %s", e.Rollout, e.To, e.Reason, said{e.Headline, e.WayOut, e.Sentence}.all())
}

// look ends the wait for wishes about the fleet, once they were acted on.
func (w *waiting) look(f api.Fleet) {
	if w.asked(f) {
		return
	}
	held := f.Active != nil && f.Active.Phase == string(rollout.Held)
	switch rollout.Verb(w.of.Verb) {
	case rollout.VerbPause:
		w.done = f.Pause != nil
	case rollout.VerbResume:
		w.done = f.Pause == nil && !held
	case rollout.VerbAbort, rollout.VerbPromote, rollout.VerbRollback, rollout.VerbTry:
	}
}
