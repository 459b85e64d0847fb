package demo

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
)

// actor is a job of the story as it went.
type actor struct {
	job
	rollout rollout.Rollout
}

// watcher follows the fleet's state and tells what happens.
type watcher struct {
	stage *stage
	state rollout.State
	told  int64 // sequence number of the last event told

	tornHeld, killedTask, killedInCanary, killedInPromotion bool

	maintenance maintenance // of the service, while it is in a canary step

	firstCanary time.Duration // from partner-blind's completion to its canary cohort in place
	taskBytes   int64         // largest resident memory of a task seen

	matched   int             // looks at steps in place
	unmatched map[string]bool // of those, steps whose canaries and controls were not of the same zones
}

// proof is the file that the hostile pickle would create.
func (s *stage) proof() string { return filepath.Join(s.Dir, "the-pickle-was-opened") }

// play lets the jobs of the story complete, one scene after the other.
func (s *stage) play(ctx context.Context) ([]actor, error) {
	w := &watcher{stage: s, unmatched: map[string]bool{}}
	s.watcher = w
	var played []actor
	var serving []byte // artifact of the live release
	for i, sc := range chosen(s.Scenes) {
		begin := s.complete
		if sc.tuned {
			begin = s.tune
		}
		cast, artifacts, err := begin(ctx, sc, serving)
		if err != nil {
			return nil, err
		}
		if err := w.until(ctx, cast, artifacts); err != nil {
			return nil, err
		}
		if sc.name == maintained().name {
			if err := w.released(ctx); err != nil {
				return nil, err
			}
		}
		for _, a := range cast {
			if a.rollout.Phase == rollout.Live {
				serving = artifacts[a.name]
			}
		}
		played = append(played, cast...)
		if i == 0 {
			if err := s.openTap(ctx); err != nil {
				return nil, err
			}
		}
	}
	if err := w.foreign(ctx); err != nil {
		return nil, err
	}
	if wasRun(s.proof()) {
		return nil, fmt.Errorf("the pickle was opened: %s exists", s.proof())
	}
	return played, nil
}

// complete lets the jobs of a scene end, one after the other.
func (s *stage) complete(ctx context.Context, sc scene, serving []byte) (cast []actor, artifacts map[string][]byte, err error) {
	artifacts = map[string][]byte{}
	for _, j := range sc.jobs {
		artifact, err := s.artifact(sc, j.name, serving)
		if err != nil {
			return nil, nil, err
		}
		artifacts[j.name] = artifact
		s.say("Training job %s completes: %s", j.name, j.what)
		cast = append(cast, actor{job: j})
		if err := s.submit(ctx, sc, j.name, artifact); err != nil {
			return nil, nil, err
		}
		pause(ctx, 200*time.Millisecond)
	}
	return cast, artifacts, nil
}

func (s *stage) artifact(sc scene, name string, serving []byte) ([]byte, error) {
	switch {
	case sc.torn:
		return serving, nil
	case sc.again:
		return packedAnew(serving)
	case sc.make != nil:
		return sc.make(s, name)
	}
	return model(name)
}

func (s *stage) submit(ctx context.Context, sc scene, name string, artifact []byte) error {
	if !sc.torn {
		return s.cloud.complete(ctx, name, s.Dir, artifact)
	}
	if err := s.cloud.upload(ctx, name, artifact[:len(artifact)/2]); err != nil {
		return err
	}
	return s.cloud.complete(ctx, name, s.Dir, nil)
}

// openTap waits until every task is ready, then lets auctions flow.
func (s *stage) openTap(ctx context.Context) error {
	for {
		tasks, _ := s.cloud.tasks(ctx) // once more in a moment, if it fails
		ready := 0
		for _, t := range tasks {
			if t.Ready {
				ready++
			}
		}
		if ready >= s.Tasks {
			break
		}
		pause(ctx, 100*time.Millisecond)
		if ctx.Err() != nil {
			return fmt.Errorf("wait for %d tasks, %d are ready: %w", s.Tasks, ready, ctx.Err())
		}
	}
	s.say("%d tasks are ready; %.0f auctions a second over %d connections begin", s.Tasks, s.Rate, s.Connections)
	return s.startAuctions()
}

// until watches until every job of the cast has ended.
func (w *watcher) until(ctx context.Context, cast []actor, artifacts map[string][]byte) error {
	for left := len(cast); left > 0; {
		if ctx.Err() != nil {
			return fmt.Errorf("%s has not ended; it is in %s", cast[0].name, w.where())
		}
		if err := w.look(ctx); err != nil {
			pause(ctx, 200*time.Millisecond) // S3 may be busy; the documents will still be there
			continue
		}
		if err := w.meddle(ctx, artifacts); err != nil {
			return err
		}
		w.measure(ctx)
		left = 0
		for i := range cast {
			if cast[i].rollout.ID != "" {
				continue
			}
			r, found, err := w.stage.cloud.ended(ctx, w.state, cast[i].name)
			if err != nil || !found {
				left++
				continue
			}
			cast[i].rollout = r
		}
		pause(ctx, 50*time.Millisecond)
	}
	return nil
}

func (w *watcher) where() string {
	if w.state.Active == nil {
		return "no phase"
	}
	return fmt.Sprintf("%s (%s: %s)", w.state.Active.Phase, w.state.Active.Reason, w.state.Active.Sentence)
}

// look reads the state and tells what is new.
func (w *watcher) look(ctx context.Context) error {
	state, err := w.stage.cloud.state(ctx)
	if err != nil {
		return err
	}
	before := w.state
	w.state = state
	passed := 0
	for _, e := range state.Events {
		switch {
		case e.Seq <= w.told:
			continue
		case e.Reason == rollout.NotBest: // all but one of a tuning job's
			passed++
		default:
			w.stage.say("%s", telling(e, w.stage.cloud.known(ctx, state, before, e.Rollout)))
		}
		w.told = e.Seq
	}
	if passed > 0 {
		w.stage.say("%-19s %-14s %s: %d others of the tuning job are not tried.", "fleet", rollout.Superseded, rollout.NotBest, passed)
	}
	return nil
}

// measure keeps what the summary tells of how quick and how large things were.
func (w *watcher) measure(ctx context.Context) {
	if r := w.state.Active; r != nil && r.Policy == canaryOnly && w.firstCanary == 0 && !r.StepSince.IsZero() {
		w.firstCanary = r.StepSince.Sub(r.CompletedAt)
	}
	tasks, _ := w.stage.cloud.tasks(ctx) // the next look will do
	for _, t := range tasks {
		w.taskBytes = max(w.taskBytes, t.MemoryBytes)
	}
	w.match(tasks)
}

// match notes whether the canaries of a step in place are from other zones than
// its controls.
func (w *watcher) match(tasks []rollout.Task) {
	r := w.state.Active
	if r == nil || r.Phase != rollout.Canary || r.StepSince.IsZero() {
		return
	}
	seen, balance := 0, map[string]int{}
	for _, t := range tasks {
		switch arm, _ := r.Arm(t.ID); arm {
		case judge.Candidate:
			balance[t.Stratum.Zone]++
			seen++
		case judge.Control:
			balance[t.Stratum.Zone]--
			seen++
		}
	}
	if seen < len(r.CanaryTasks)+len(r.ControlTasks) {
		return // one has just gone
	}
	for zone, n := range balance {
		if n != 0 || zone == "" {
			w.unmatched[fmt.Sprintf("%s, step %d", r.ID, r.Step+1)] = true
		}
	}
	w.matched++
}

// telling is an event of a rollout as a line for people.
func telling(e rollout.Event, of *rollout.Rollout) string {
	who, to := e.Rollout, string(e.To)
	if who == "" {
		who = "fleet"
	}
	if e.To == rollout.Canary {
		to = fmt.Sprintf("canary step %d", e.Step+1)
	}
	return fmt.Sprintf("%-19s %-14s %s: %s", who, to, e.Reason, e.Headline(of, rollout.Policy{}).Text)
}

// meddle completes a torn upload once somebody waits for it, and with --chaos
// kills what chaos kills.
func (w *watcher) meddle(ctx context.Context, artifacts map[string][]byte) error {
	r, s := w.state.Active, w.stage
	if r == nil {
		return nil
	}
	if r.ID == "torn" && !w.tornHeld && r.Phase == rollout.Admitting && r.Reason != rollout.Turn {
		w.tornHeld = true
		s.say("The upload of torn is completed")
		return s.cloud.upload(ctx, r.ID, artifacts[r.ID])
	}
	if r.ID == patient {
		return w.maintain(ctx)
	}
	if !s.Chaos || r.ID != "better" {
		return nil
	}
	inPlace := r.Phase == rollout.Canary && !r.StepSince.IsZero() && len(r.CanaryTasks) > 0
	switch {
	case inPlace && !w.killedTask:
		w.killedTask = true
		s.say("CHAOS: canary task %s is killed", r.CanaryTasks[0])
		return s.cloud.killTask(ctx, r.CanaryTasks[0])
	case inPlace && r.Step == 1 && !w.killedInCanary:
		w.killedInCanary = true
		return s.killController("mid-canary")
	case r.Phase == rollout.Promoting && !w.killedInPromotion && w.someMoved(ctx):
		w.killedInPromotion = true
		return s.killController("mid-promotion")
	}
	return nil
}

// apart says which steps compared one zone with another.
func (w *watcher) apart() (wrong []string) {
	for _, step := range slices.Sorted(maps.Keys(w.unmatched)) {
		wrong = append(wrong, step+": canaries and controls are from different zones")
	}
	if w.matched == 0 && slices.ContainsFunc([]string{"better", "partner-blind", "burst", "deployment", "tuning"}, w.stage.plays) {
		wrong = append(wrong, "no step was seen in place")
	}
	return wrong
}

// spared says what chaos should have killed and did not.
func (w *watcher) spared() (wrong []string) {
	if !w.stage.Chaos || !w.stage.plays("better") {
		return nil
	}
	for what, killed := range map[string]bool{
		"a canary task": w.killedTask, "the controller in mid-canary": w.killedInCanary, "the controller in mid-promotion": w.killedInPromotion,
	} {
		if !killed {
			wrong = append(wrong, "chaos never killed "+what)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// someMoved reports whether the promotion has begun to move tasks.
func (w *watcher) someMoved(ctx context.Context) bool {
	tasks, err := w.stage.cloud.tasks(ctx)
	moved := slices.ContainsFunc(tasks, func(t rollout.Task) bool { return t.Serving == w.state.Active.Candidate && t.Shadow == "" })
	return err == nil && moved
}

func (s *stage) killController(when string) error {
	s.say("CHAOS: the controller is killed (kill -9) in %s; another one starts", when)
	if err := s.controller.kill(); err != nil {
		return err
	}
	return s.startController()
}

// logTail is the end of a process's log, to say why something went wrong.
func (s *stage) logTail(name string) string {
	b, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(slices.Clone(lines[max(0, len(lines)-5):]), "\n")
}
