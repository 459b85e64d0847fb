package api

import (
	"strconv"
	"sync"

	"github.com/sluicehq/sluice/controller/rollout"
)

// wave is what all who watch a fleet are sent at one moment: computed once,
// encoded once and packed once, however many they are.
type wave struct {
	view view
	err  error // why there is no newer view
	n    int   // views that there were until then, with this one

	patches map[string]*text // from view n-1 to this one, by what they are of

	once   sync.Once
	events []eventText
}

// eventText is an event as it is sent.
type eventText struct {
	seq  int64
	text *text
}

// What of a view is streamed, by the types of its messages. A patch has another.
const (
	streamLook  = "look"
	streamTasks = "tasks"
	patched     = "-patch"
)

// tasksStreamed is how many tasks a stream has at most.
const tasksStreamed = 1000

// next is the wave after w: a view with patches of what somebody takes so, or why
// there is none.
func (w *wave) next(v view, err error, taken []string) *wave {
	if err != nil {
		return &wave{view: w.view, err: err, n: w.n}
	}
	out := &wave{view: v, n: w.n + 1, patches: map[string]*text{}}
	if w.n == 0 {
		return out
	}
	for _, kind := range taken {
		before, err := w.view.text(kind)
		if err != nil {
			continue
		}
		if after, err := v.text(kind); err == nil { // else nobody can be sent it
			out.patches[kind] = newText(kind+patched, 0, patchOf(before.json(), after.json()))
		}
	}
	return out
}

// told are the events that are remembered, as they are sent.
func (w *wave) told(govern func(fleet, rollout string) rollout.Policy) []eventText {
	w.once.Do(func() {
		s := w.view.state
		for _, e := range s.Events {
			if t, err := encode("event", e.Seq, shapeEvent(e, w.view.rollout(e.Rollout), govern(s.Fleet, e.Rollout))); err == nil {
				w.events = append(w.events, eventText{e.Seq, t})
			}
		}
	})
	return w.events
}

// text is what of a view is streamed, whole.
func (v view) text(kind string) (*text, error) {
	if kind == streamTasks {
		return v.listed(tasksStreamed)
	}
	return v.summed()
}

// listed are up to that many tasks, as they are sent.
func (v view) listed(limit int) (*text, error) {
	limit = min(limit, len(v.tasks))
	return v.sent.get(streamTasks, strconv.Itoa(limit), func() any {
		return Tasks{At: v.look.At.UTC(), Total: len(v.tasks), Tasks: v.tasks[:limit]}
	})
}

// summed is the fleet's summary as it is sent.
func (v view) summed() (*text, error) {
	return v.sent.get(streamLook, "", func() any { return v.fleet })
}
