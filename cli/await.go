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

	done bool
	end  error
}

// hear takes in one piece of news and reports whether to go on.
func (w *waiting) hear(n api.News) bool {
	switch {
	case n.Event != nil:
		e := *n.Event
		w.after = e.Seq
		fmt.Fprintln(w.out, eventLine(e))
		if e.Wish == w.of.ID {
			w.became(e)
		}
		if w.rollout != "" && e.Rollout == w.rollout && rollout.Phase(e.To).Final() {
			w.done, w.end = true, w.judge(rollout.Phase(e.To), e)
		}
	case n.Look != nil:
		w.look(*n.Look)
	}
	return !w.done
}

// became takes in the event in which the wish itself ends. What it set going
// may go on after that.
func (w *waiting) became(e api.Event) {
	switch rollout.Reason(e.Reason) { //nolint:exhaustive // the ends that are not for every verb the beginning of more
	case rollout.Overruled, rollout.TooLate:
		w.done, w.end = true, errors.New(e.Sentence)
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
	return fmt.Errorf("%s ended %s (%s): %s", e.Rollout, e.To, e.Reason, e.Sentence)
}

// look ends the wait for wishes about the fleet, once they were acted on.
func (w *waiting) look(f api.Fleet) {
	if slices.ContainsFunc(f.Requests, func(q api.Request) bool { return q.ID == w.of.ID }) {
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
