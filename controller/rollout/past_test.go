package rollout

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/inference/release"
)

// gathering is a fleet at peace in which a candidate is found, and since when
// each task has counted what it serves as stable.
type gathering struct {
	t       *testing.T
	w       *world
	s       State
	p       Policies
	now     time.Time
	counted map[string]time.Time
	came    map[Phase]time.Time
	pasts   []time.Duration // of tasks that became canary or control, when they did
}

func newGathering(t *testing.T, n, zones int) *gathering {
	g := &gathering{t: t, w: newWorld(), p: Policies{Default: Defaults()}, now: start, counted: map[string]time.Time{}, came: map[Phase]time.Time{}}
	g.w.published["v1"], g.w.fresh, g.w.desired, g.w.verdict = true, "v1", n, judge.Acceptable
	for i := range n {
		g.start(fmt.Sprintf("t%03d", i), fmt.Sprint("z", i*7%zones))
	}
	g.s = State{Fleet: "f", Stable: "v1", Default: "v1", Generation: 1}
	g.w.jobs = []Job{{Source: release.Source{Job: "two", Bucket: "b", Key: "two"}, CompletedAt: start}}
	g.w.admission["two"] = &Admission{Rollout: "two", Outcome: AdmissionOK, Digest: "v2", Sentence: "fine"}
	return g
}

func (g *gathering) start(id, zone string) {
	g.w.start(id)
	g.w.tasks[id].Stratum.Zone = zone
}

// play lets looks follow one another until the candidate is live.
func (g *gathering) play(each func()) {
	for range 200 {
		each()
		was := Rollout{}
		if g.s.Active != nil {
			was = g.s.Active.clone()
		}
		for range 6 { // until the world is as wanted
			next, actions := Decide(g.s, g.w.observe(g.s, g.now), g.p, g.now)
			g.s = next
			for _, a := range actions {
				g.w.apply(a)
			}
			g.now = g.now.Add(time.Millisecond)
		}
		if g.s.Active == nil && len(g.s.Queue) == 0 && g.s.Stable == "v2" {
			return
		}
		g.look(was)
		g.now = g.now.Add(15 * time.Second).Truncate(15 * time.Second)
	}
	g.t.Fatalf("it never ends: %+v", g.s.Active)
}

// look notes who counts, and what past those have that are compared anew.
func (g *gathering) look(was Rollout) {
	if r := g.s.Active; r != nil {
		if _, known := g.came[r.Phase]; !known {
			g.came[r.Phase] = g.now
		}
		for id := range r.Arms() {
			since, counts := g.counted[id]
			if _, member := was.Arm(id); r.Phase != Canary || member && was.Phase == Canary {
				continue
			}
			if !counts {
				since = g.now
			}
			g.pasts = append(g.pasts, g.now.Sub(since))
		}
	}
	for id, t := range g.w.tasks {
		switch _, counts := g.counted[id]; {
		case t.Serving != "v1" || t.Buckets < 2:
			delete(g.counted, id)
		case !counts:
			g.counted[id] = g.now
		}
	}
}

// Whoever becomes canary or control has counted what it serves as stable for
// two minutes, however few shadow tasks there may be; and nobody waits for that.
func TestCohortsHaveAPast(t *testing.T) {
	for _, tt := range []struct{ tasks, zones, shadows, compared int }{
		{6, 1, 16, 2}, {20, 2, 16, 10}, {20, 3, 1, 10}, {120, 3, 16, 60}, {120, 2, 4, 60},
	} {
		g := newGathering(t, tt.tasks, tt.zones)
		g.p.Default.Shadow.Tasks = tt.shadows
		g.play(func() {
			shadow := func(id string) bool { return g.w.tasks[id].Shadow == "v2" }
			if r := g.s.Active; r != nil && slices.ContainsFunc(r.PastTasks, shadow) {
				t.Errorf("tasks that only gather their past score the candidate: %v", r.PastTasks)
			}
			if n := len(shadowing(g.w)); g.s.Active != nil && g.s.Active.Phase == Shadow && n > tt.shadows {
				t.Errorf("%d tasks score both, at most %d may", n, tt.shadows)
			}
		})
		if len(g.pasts) < tt.compared || slices.Min(g.pasts) < 2*time.Minute {
			t.Errorf("%+v: pasts %v", tt, g.pasts)
		}
		d := g.p.Default
		if took, want := g.came[Promoting].Sub(g.came[Shadow]), d.Shadow.Soak+d.Steps[0].Soak+d.Steps[1].Soak; took > want+3*15*time.Second {
			t.Errorf("%+v: promoted after %v, the soaks are %v", tt, took, want)
		}
	}
}

func shadowing(w *world) (ids []string) {
	for id, t := range w.tasks {
		if t.Shadow != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// Who has just started is not compared while others have a past, and who
// gathers one goes on.
func TestNewcomersAreNotCompared(t *testing.T) {
	g := newGathering(t, 40, 2)
	g.p.Default.Shadow.Tasks = 2
	came, was := 0, Rollout{}
	g.play(func() {
		if r := g.s.Active; r != nil {
			for _, id := range was.PastTasks {
				_, member := r.Arm(id)
				if r.Phase == was.Phase && r.Step == was.Step && !member && !slices.Contains(r.PastTasks, id) {
					t.Errorf("%s no longer gathers its past in %s %d: %v, then %v", id, r.Phase, r.Step, was.PastTasks, r.PastTasks)
				}
			}
			was = r.clone()
		}
		if g.s.Active == nil || came == 20 {
			return
		}
		came++
		g.start(fmt.Sprintf("a%03d", came), fmt.Sprint("z", came%2)) // sorts before all others
	})
	if len(g.pasts) < 20 || slices.Min(g.pasts) < 2*time.Minute {
		t.Errorf("%d came: pasts %v", came, g.pasts)
	}
}

// Tasks that come and go cost no more pasts than they take with them.
func TestPastsOutliveChurn(t *testing.T) {
	d := rand.New(rand.NewPCG(9, 9))
	for range 20 {
		g := newGathering(t, 40, 2)
		went := 0
		g.play(func() {
			if d.IntN(4) > 0 || g.s.Active == nil {
				return
			}
			ids := slices.Sorted(func(yield func(string) bool) {
				for id := range g.w.tasks {
					if !yield(id) {
						return
					}
				}
			})
			gone := ids[d.IntN(len(ids))]
			zone := g.w.tasks[gone].Stratum.Zone
			delete(g.w.tasks, gone)
			went++
			g.start(fmt.Sprintf("%c%03d", 'a'+d.IntN(26), went), zone) // may sort anywhere
		})
		short := 0
		for _, past := range g.pasts {
			if past < 2*time.Minute {
				short++
			}
		}
		if short > went {
			t.Errorf("%d of %d pasts are short after %d tasks went: %v", short, len(g.pasts), went, g.pasts)
		}
	}
}

// Where shadow.skip leaves shadow scoring out, nobody gathers a past.
func TestNoPastWithoutShadow(t *testing.T) {
	g := newGathering(t, 40, 2)
	g.p.Default.Shadow.Skip = true
	g.play(func() {
		if r := g.s.Active; r != nil && len(r.PastTasks) > 0 {
			t.Fatalf("%v", r.PastTasks)
		}
	})
}
