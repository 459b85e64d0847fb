package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/local"
)

// What is promised of 99 rollbacks in a hundred: on a calm day, and with a lost
// reply, whose retry is put off by so much at most.
const (
	backWithin = time.Second
	retryAfter = 100 * time.Millisecond
)

// BenchmarkRollback asks a promotion back at any moment of it, or soon after,
// and measures how long it is until the last task answers with stable: on a
// calm day, with one reply of S3 lost on the way, and in a storm. Half of the
// time another controller than the leader is asked.
func BenchmarkRollback(b *testing.B) {
	for _, day := range []struct {
		name    string
		promise time.Duration // zero for none
		weather func(seed uint64) local.Faults
	}{
		{"calm", backWithin, func(uint64) local.Faults { return nil }},
		{"lost-reply", backWithin + retryAfter, func(seed uint64) local.Faults { return loseReply(seed % wayBack) }},
		{"storm", 0, storm},
	} {
		b.Run(day.name, func(b *testing.B) {
			var r *rollbacks
			var took []float64
			for i := range b.N {
				if i%ofOneStack == 0 {
					if r != nil {
						r.end()
					}
					r = newRollbacks(b)
				}
				took = append(took, r.one(day.weather(uint64(i)), i/wayBack%2 == 1).Seconds())
			}
			slices.Sort(took)
			p99 := took[len(took)*99/100]
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(took[len(took)/2], "s/p50")
			b.ReportMetric(p99, "s/p99")
			b.ReportMetric(took[len(took)-1], "s/max")
			if b.N >= 100 && day.promise > 0 && p99 > day.promise.Seconds() {
				b.Errorf("p99 is %.2f s, and %v is promised", p99, day.promise)
			}
		})
	}
}

// ofOneStack is how many rollbacks, of three wishes each, a fleet takes in a day.
const ofOneStack = 50

// rollbacks is a stack with two controllers, whose tasks are asked directly.
type rollbacks struct {
	*stack
	weather *weather
	control *fleet.Control
	tasks   []rollout.Task
	stable  string
	clients [2]api.Client // of the leader, and of the other
	end     func()        // of both
}

func newRollbacks(b *testing.B) *rollbacks {
	b.Helper()
	const tasks = 4
	w, endpoint := startAWS(b)
	r := &rollbacks{stack: newStack(b, endpoint, tasks), weather: w, control: fleet.New(fleet.Options{})}
	b.Cleanup(r.control.Close)
	usual := strings.Replace(fleetFile, "look_every: 200ms", "look_every: 5s", 1)
	r.must(os.WriteFile(filepath.Join(r.dir, "fleet.yaml"), []byte(usual), 0o600))
	r.lease = "10s"
	r.startController()
	leader := r.controller
	r.clients[0] = r.api
	r.try("baseline")
	r.stable = r.serves("baseline", tasks).Stable.Digest
	r.startController()
	other := r.controller
	r.clients[1], r.api = r.api, r.clients[0]
	r.end = func() { leader.kill(); other.kill() }
	all, err := r.api.Tasks(b.Context(), "ads", tasks)
	r.must(err)
	for _, t := range all.Tasks {
		r.tasks = append(r.tasks, rollout.Task{ID: t.ID, Address: t.Address})
	}
	return r
}

// one promotes a candidate, asks it back, and returns how long that took.
func (r *rollbacks) one(weather local.Faults, elsewhere bool) time.Duration {
	r.Helper()
	r.ask(rollout.VerbPromote, api.Ask{Rollout: r.try("better")})
	until(r, "a task to answer with the candidate", func() (bool, string) {
		err := r.answer(r.stable)
		return err != nil, "none does"
	})
	time.Sleep(time.Duration(rand.Int64N(int64(500 * time.Millisecond)))) // not to wait for anything: any moment will do
	r.weather.set(weather)
	asked := time.Now()
	if elsewhere {
		r.api = r.clients[1]
	}
	r.ask(rollout.VerbRollback, api.Ask{Why: "to see how long it takes"})
	until(r, "all tasks to answer with stable", func() (bool, string) {
		err := r.answer(r.stable)
		return err == nil, fmt.Sprint(err)
	})
	took := time.Since(asked)
	r.weather.set(nil)
	r.api = r.clients[0]
	r.fleet("the rollback to end", func(f api.Fleet) bool { return f.Active == nil && f.Stable != nil && f.Stable.Digest == r.stable })
	return took
}

var errElsewhere = errors.New("a task answers with something else")

// answer fails unless all tasks answer with the release.
func (r *rollbacks) answer(digest string) error {
	var g errgroup.Group
	for _, t := range r.tasks {
		g.Go(func() error {
			t, err := r.control.Status(r.Context(), t)
			if err == nil && t.Serving != digest {
				err = errElsewhere
			}
			return err
		})
	}
	return g.Wait()
}

// wayBack is how many requests for the state a rollback waits for: to read and
// to write it, as whoever is asked and as the leader.
const wayBack = 4

// loseReply loses the reply to one of them, after so many others.
func loseReply(after uint64) local.Faults {
	var left atomic.Int64
	left.Store(int64(after))
	return func(r *http.Request) local.Fault {
		return local.Fault{LoseReply: strings.HasSuffix(r.URL.Path, "/state.json") && left.Add(-1) == -1}
	}
}
