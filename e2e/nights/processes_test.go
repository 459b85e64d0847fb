package nights

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/web"
)

const (
	fleetName = "ads"
	leaseTTL  = 4 * time.Second
)

// fleetFile is short of patience, so that a night holds many rollouts.
const fleetFile = `
fleet: ads
jobs: ["*"]
ecs: {cluster: c, service: s}
look_every: 2s
jobs_every: 2s
policy:
  shadow: {sample: 0.5, soak: 2s}
  steps: [{tasks: 1, soak: 2s, margin: 0.05}, {tasks: 2, soak: 2s}]
  settle: 1s
  promote_batch: 2
  promote_wait: 2m
  artifact_wait: 1m
  phase_wait: 1m
  hold_for: 1m
  buckets: 24
`

// process is one `sluice controller`: the loop, the lease and an API server.
type process struct {
	w       *world
	name    string // c1, c2, c3; a process that was started anew is c1'
	ctl     *controller.Controller
	server  http.Handler // nil for one that nobody can reach
	control *fleet.Control
	stop    context.CancelFunc
	gone    chan struct{} // closed when it is killed

	dead     bool
	frozen   time.Time // until then
	freezeIn int       // calls, after which it freezes; 0 for not
	freezeAt string    // only at a call that begins so
	freeze   time.Duration
	missed   bool      // somebody loses patience while it is frozen
	leased   time.Time // up to which its lease lasts, by what it has stored
}

// launch starts a controller as the command line puts it together.
func (w *world) launch(name string) *process {
	p := &process{w: w, name: name, gone: make(chan struct{})}
	declared, err := controller.ParseFleet([]byte(fleetFile))
	if err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(diary{w, name})
	p.control = fleet.New(fleet.Options{Dial: w.dial})
	stored := documents{w, p}
	ports := controller.Ports{Documents: stored, Artifacts: cloud{w, p}, Jobs: cloud{w, p}, Tasks: cloud{w, p}, Control: line{w, p, p.control}}
	loop := controller.NewReconciler(declared, ports, name, log)
	p.ctl = &controller.Controller{Elector: controller.Elector{Documents: stored, Name: name, TTL: leaseTTL}, Fleets: []*controller.Reconciler{loop}, Log: log}
	store := awake{controller.Store{Documents: stored, Names: []string{fleetName}}, loop}
	p.server = api.New(store, web.Files(), log, api.Options{Policy: func(_, id string) (rollout.Policy, bool) { return declared.Policies.For(id), true }})
	ctx, stop := context.WithCancel(w.life)
	p.stop = stop
	w.people.Go(func() { _ = p.ctl.Run(ctx) })
	return p
}

// awake is the store as the API sees it: a wish wakes the loop.
type awake struct {
	controller.Store
	loop *controller.Reconciler
}

func (a awake) Request(ctx context.Context, name string, q rollout.Request) (rollout.Request, error) {
	q, err := a.Store.Request(ctx, name, q)
	if err == nil {
		a.loop.Wake()
	}
	return q, err
}

// murder ends a process at once: what it was about to do may still happen, and
// it never learns of it.
func (w *world) murder(at int) {
	p := w.procs[at]
	w.say("operator", "kill -9 "+p.name, "")
	w.schedule.mu.Lock()
	p.dead = true
	w.schedule.mu.Unlock()
	close(p.gone)
	for _, c := range w.waiting(func(c *call) bool { return c.proc == p }) {
		if !c.arrived && w.maybe(.3) {
			_ = c.do()
			w.tell(c, "arrives all the same", nil)
		}
		w.finish(c, errDead)
	}
	p.stop()
	p.control.Close()
	w.again(at)
}

// quit ends a process as it should.
func (w *world) quit(at int) {
	p := w.procs[at]
	w.say("operator", "stop "+p.name, "")
	p.stop()
	w.again(at)
}

// again starts a process anew in the place of one that ends.
func (w *world) again(at int) {
	name := w.procs[at].name
	base, _, _ := strings.Cut(name, "#")
	w.restarts++
	w.in(w.between(time.Second, 3*leaseTTL), func() {
		w.procs[at] = w.launch(fmt.Sprintf("%s#%d", base, w.restarts))
		w.say("operator", "start "+w.procs[at].name, "")
	})
}

// iced reports whether a process is frozen now.
func (p *process) iced() bool { return p != nil && time.Now().Before(p.frozen) }

// ice freezes a process as SIGSTOP would.
func (w *world) ice(p *process) {
	p.frozen, p.freezeIn = time.Now().Add(p.freeze), 0
	w.say("operator", "SIGSTOP "+p.name, fmt.Sprintf("for %v", p.freeze.Round(time.Millisecond)))
	if p.missed {
		w.in(w.between(0, p.freeze), func() { w.ask(rollout.VerbRollback, api.Ask{}) })
	}
	w.in(p.freeze, func() {
		if p.dead {
			return
		}
		w.say("operator", "SIGCONT "+p.name, "")
		for _, c := range w.waiting(func(c *call) bool { return c.proc == p }) {
			c.thawed = true
		}
	})
}

// leader is the process that leads, or led last.
func (w *world) leader() (at int, known bool) {
	for i, p := range w.procs {
		if !p.dead && p.name == w.lessee {
			return i, true
		}
	}
	return 0, false
}
