package nights

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// impatience is how a person asks: where first and where next, how long for an
// answer, and whether once more after it came.
type impatience struct {
	servers []int
	waits   []time.Duration
	pauses  []time.Duration
	again   bool
	after   time.Duration
}

const triesOfPerson = 4

func (w *world) impatience() impatience {
	var i impatience
	for range triesOfPerson {
		i.servers = append(i.servers, w.chance.IntN(2)) // two of the three can be reached
		wait := w.between(50*time.Millisecond, 2*time.Second)
		if w.maybe(.6) {
			wait = 15 * time.Second
		}
		i.waits = append(i.waits, wait)
		i.pauses = append(i.pauses, w.between(50*time.Millisecond, 4*time.Second))
	}
	i.again, i.after = w.maybe(.25), w.between(500*time.Millisecond, 20*time.Second)
	return i
}

// ask lets a person ask for something until there is an answer.
func (w *world) ask(verb rollout.Verb, a api.Ask) {
	w.wished++
	name := pick(w.schedule, []string{"ann", "bob", "cleo", "dan"})
	a.ID, a.By = fmt.Sprintf("w%d", w.wished), fmt.Sprintf("%s-%d", name, w.wished)
	x := &wish{id: a.ID, by: a.By, verb: verb, ask: a}
	w.mu.Lock()
	w.wishes[x.id] = x
	w.mu.Unlock()
	how := w.impatience()
	w.say(a.By, fmt.Sprintf("wants %s", verb), x.about(w))
	w.people.Go(func() { w.insist(x, how) })
}

// insist asks again and again with the same id, as a client may whose answer
// was lost.
func (w *world) insist(x *wish, how impatience) {
	for try := range triesOfPerson {
		err := w.askOnce(x, how.servers[try], how.waits[try])
		answered := err == nil || refused(err)
		switch {
		case answered && !how.again || errors.Is(err, errOver) || w.life.Err() != nil:
			return
		case answered:
			how.again = false
			if !pause(w.life, how.after) {
				return
			}
		case !pause(w.life, how.pauses[try]):
			return
		}
	}
}

func refused(err error) bool {
	var r *api.Refusal
	return errors.As(err, &r) && r.Status < 500
}

func (w *world) askOnce(x *wish, server int, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(w.life, wait)
	defer cancel()
	x.tries.Add(1)
	client := api.Client{Base: "http://localhost", HTTP: &http.Client{Transport: wire{w, x.by, server}}}
	stored, err := client.Ask(ctx, fleetName, x.verb, x.ask)
	return w.answered(x, stored, err)
}

// wire carries HTTP between a person and a server, in memory.
type wire struct {
	w      *world
	person string
	server int
}

// RoundTrip implements http.RoundTripper. Request and answer each wait for
// their turn.
func (x wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var p *process
	what := fmt.Sprintf("%s %s at c%d", r.Method, r.URL.Path, x.server+1)
	err = x.w.wait(call{who: x.person, what: what, ctx: r.Context(), menu: []fault{lostRequest, silent}, do: func() error {
		if p = x.w.procs[x.server]; p.dead {
			return errors.New("connection refused")
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(r.Context()), onBehalf{}, x.person))
	defer context.AfterFunc(r.Context(), cancel)() // the server sees who hangs up
	defer cancel()
	asked := r.Clone(ctx)
	asked.Body, asked.Host = io.NopCloser(bytes.NewReader(body)), r.URL.Host
	answer, done := httptest.NewRecorder(), make(chan struct{})
	x.w.people.Go(func() {
		defer close(done)
		p.server.ServeHTTP(answer, asked)
	})
	select {
	case <-done:
	case <-p.gone:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	select {
	case <-p.gone:
		return nil, errLost
	default:
	}
	err = x.w.wait(call{who: x.person, what: fmt.Sprintf("read the answer: %d", answer.Code), ctx: r.Context(), menu: []fault{lostReply, lostReply, lateReply}, do: func() error { return nil }})
	if err != nil {
		return nil, err
	}
	return answer.Result(), nil
}

// wishOne is what somebody may well want as things stand.
func wishOne(w *world) {
	s := w.state()
	verbs := []rollout.Verb{rollout.VerbRollback, rollout.VerbRollback, rollout.VerbPause, rollout.VerbResume}
	if s.Active != nil {
		verbs = append(verbs, rollout.VerbPromote, rollout.VerbPromote, rollout.VerbAbort, rollout.VerbRollback)
	}
	a := api.Ask{}
	verb := pick(w.schedule, verbs)
	if verb == rollout.VerbRollback && w.maybe(.2) {
		a.Release = pick(w.schedule, []string{s.Previous, s.Stable})
	}
	w.ask(verb, a)
}

// contradict lets two people want opposite things at the same time, once there
// is something to be of two minds about.
func contradict(w *world) {
	both := func() {
		first, second := rollout.VerbRollback, rollout.VerbPromote
		if w.maybe(.3) {
			first = rollout.VerbAbort
		}
		if w.maybe(.5) {
			first, second = second, first
		}
		w.ask(first, api.Ask{})
		w.in(w.between(0, 1500*time.Millisecond), func() { w.ask(second, api.Ask{}) })
	}
	w.onPhase = append(w.onPhase, hook{pick(w.schedule, []rollout.Phase{rollout.Shadow, rollout.Canary}), func() {
		w.in(w.between(0, 2*time.Second), both)
	}})
}

// tryOne is a model that a person names, which may not be there yet; training
// jobs do not wait for it.
func tryOne(w *world) {
	key, late := fmt.Sprintf("hand/%d", w.trained+1), pick(w.schedule, []time.Duration{0, 5 * time.Second, 40 * time.Second})
	w.train(pick(w.schedule, kinds()), key, late)
	w.ask(rollout.VerbTry, api.Ask{Source: "s3://training/" + key, Rollout: fmt.Sprintf("try-%d", w.wished+1)})
	if late > 0 && w.maybe(.5) {
		w.in(w.between(0, late), func() { trainOne(w) })
	}
}

// tryAgain tries what was tried before under the same name, with a wish of its
// own.
func tryAgain(w *world) {
	if len(w.ended) == 0 {
		return
	}
	id := pick(w.schedule, w.ended)
	key := fmt.Sprintf("hand/%d", w.trained+1)
	w.train(pick(w.schedule, kinds()), key, 0)
	w.ask(rollout.VerbTry, api.Ask{Source: "s3://training/" + key, Rollout: id})
}
