package aws_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// earlierHour is what f4d4974 asks of ECS and SageMaker each minute of a quiet
// hour, whose quotas are the account's, by the number of tasks (TestHourBeside
// measures it).
func earlierHour(tasks int) float64 {
	return map[int]float64{1: 41, 100: 41, 1000: 266, 5000: 1266}[tasks]
}

// A quiet hour costs no more than it did where there are few tasks, and a
// quarter where there are many.
func TestQuietHour(t *testing.T) {
	for _, tt := range []struct {
		tasks, minutes int
		share          float64
	}{{1, 3, 1}, {1000, 3, 0.25}, {5000, 11, 0.25}} {
		if tt.tasks > 1000 && !*printHour {
			continue
		}
		rates := quiet(t, tt.tasks, tt.minutes)
		if asked, most := of(rates, "ECS")+of(rates, "SageMaker"), tt.share*earlierHour(tt.tasks); asked > most {
			t.Errorf("%d tasks: %.1f calls a minute, want %.1f at most: %s", tt.tasks, asked, most, line(rates))
		}
	}
}

// A second controller, which does not lead, asks ECS and SageMaker for nothing:
// it would be as much again.
func TestHourOfAFollower(t *testing.T) {
	rates := func(controllers int) (rates map[string]float64) {
		a := openAccount(t, 1)
		a.play(t, controllers, time.Minute, func(*testing.T) {
			rates = a.perMinute(3, func() { time.Sleep(3 * time.Minute) })
		})
		return rates
	}
	one, two := rates(1), rates(2)
	for _, service := range []string{"ECS", "SageMaker"} {
		if alone, both := of(one, service), of(two, service); both > 1.5*alone {
			t.Errorf("%s is asked %.1f times a minute by one controller, and %.1f times by two", service, alone, both)
		}
	}
}

// until is how long it takes for what the leader saw to be so.
func (a *hourAccount) until(t *testing.T, most time.Duration, what string, so func([]rollout.Task) bool) time.Duration {
	t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if so(a.look().Seen.Tasks) {
			return time.Since(began)
		}
		if time.Since(began) > most {
			t.Errorf("%s: not within %v", what, most)
			return most
		}
	}
}

func lists(id string) func([]rollout.Task) bool {
	return func(all []rollout.Task) bool {
		return slices.ContainsFunc(all, func(t rollout.Task) bool { return t.ID == id })
	}
}

func lacks(id string) func([]rollout.Task) bool {
	return func(all []rollout.Task) bool { return len(all) > 0 && !lists(id)(all) }
}

// Within ten seconds a task is missed that has ended, whatever its service
// tells and though its control port hangs; and one that has come is found in a
// minute, and in ten seconds where the service tells.
func TestTasksComeAndGo(t *testing.T) {
	a := openAccount(t, 250)
	a.play(t, 1, time.Minute, func(t *testing.T) {
		first, second, third := a.tasks[7], a.tasks[120], a.tasks[249]
		a.do(func() { a.end(first) })
		a.until(t, 10*time.Second, "a task that ended, as its service tells", lacks(first.id))

		a.rest()
		a.do(func() { a.unseen(func() { a.end(second) }) })
		a.until(t, 10*time.Second, "a task that ended, as its control port tells first", lacks(second.id))

		a.do(func() { third.hangs = true })
		time.Sleep(time.Minute)
		if !lists(third.id)(a.look().Seen.Tasks) {
			t.Error("a task that hangs is not shown though ECS runs it")
		}
		a.rest()
		a.do(func() { a.unseen(func() { a.end(third) }) })
		a.until(t, 10*time.Second, "a task that ECS ended while its control port hung", lacks(third.id))

		var fresh *hourTask
		a.do(func() { fresh = a.start("PENDING") })
		time.Sleep(40 * time.Second)
		if lists(fresh.id)(a.look().Seen.Tasks) {
			t.Error("a task that does not run yet is shown")
		}
		a.do(func() { fresh.status = "RUNNING" })
		a.until(t, 10*time.Second, "a task that has come, as its service tells", lists(fresh.id))

		a.rest()
		a.do(func() { a.unseen(func() { fresh = a.start("RUNNING") }) })
		a.until(t, 70*time.Second, "a task that has come, of which its service tells nothing", lists(fresh.id))
	})
}

// rest lets time pass until nothing has moved for long, and all tasks have just
// been listed.
func (a *hourAccount) rest() {
	time.Sleep(time.Minute)
	listed := func() (n int) {
		a.do(func() { n = a.calls["ECS ListTasks"] })
		return n
	}
	for before, began := listed(), time.Now(); listed() == before && time.Since(began) < 2*time.Minute; {
		time.Sleep(time.Second)
	}
	time.Sleep(time.Second)
}

// unseen is a change of which the service tells nothing.
func (a *hourAccount) unseen(change func()) {
	running := func() (n int) {
		for _, k := range a.tasks {
			if k.status == "RUNNING" {
				n++
			}
		}
		return n
	}
	events, before := a.events, running()
	change()
	a.events, a.phantoms = events, a.phantoms+before-running()
}

// A controller that reaches no task any more goes on asking ECS, and for little.
func TestNobodyAnswers(t *testing.T) {
	a := openAccount(t, 1000)
	a.play(t, 1, time.Minute, func(t *testing.T) {
		rates := a.perMinute(2, func() {
			a.do(func() {
				for _, k := range a.tasks {
					k.silent = true
				}
			})
			time.Sleep(2 * time.Minute)
		})
		if asked := of(rates, "ECS"); asked > 200 {
			t.Errorf("%.0f calls a minute, want 200 at most: %s", asked, line(rates))
		}
		if seen := a.look().Seen.Tasks; len(seen) != 1000 {
			t.Errorf("%d tasks are seen, want all that ECS runs", len(seen))
		}
	})
}

// While a whole fleet is replaced, new tasks are found in half a minute however
// many there are, for less than our share of the quota: f4d4974 listed 1,000
// tasks every 200 ms.
func TestFleetIsReplaced(t *testing.T) {
	for _, tt := range []struct {
		tasks int
		found time.Duration
		most  float64 // calls of ECS a minute
	}{{1000, 15 * time.Second, 200}, {5000, 45 * time.Second, 300}} {
		if tt.tasks > 1000 && !*printHour {
			continue
		}
		a := openAccount(t, tt.tasks)
		a.play(t, 1, time.Minute, func(t *testing.T) {
			rates := a.perMinute(5, func() { a.deploy(t, 5*time.Minute) })
			if asked := rates["ECS DescribeServiceDeployments"] + rates["ECS DescribeServiceRevisions"]; asked < 1 || asked > 7 {
				t.Errorf("it is asked %.1f times a minute how far the deployment is, want 7 at most: %s", asked, line(rates))
			}
			if asked := of(rates, "ECS") - rates["ECS TagResource"]; asked > tt.most {
				t.Errorf("%d tasks are replaced for %.0f calls a minute, want %.0f at most: %s", tt.tasks, asked, tt.most, line(rates))
			}
			a.until(t, tt.found, fmt.Sprintf("%d tasks replaced", tt.tasks), func(seen []rollout.Task) bool {
				return len(seen) == tt.tasks && !slices.ContainsFunc(seen, func(s rollout.Task) bool { return !s.Reachable })
			})
			t.Logf("%d tasks are replaced: %s", tt.tasks, line(rates))
		})
	}
}

// deploy replaces all tasks one after the other, each new one pending for
// fifteen seconds, in a deployment that shifts traffic.
func (a *hourAccount) deploy(t *testing.T, within time.Duration) {
	a.do(func() { a.deploys = true })
	defer a.do(func() { a.deploys = false })
	const steps = 20
	n := len(a.tasks)
	for step := range steps {
		var fresh []*hourTask
		from, to := n*step/steps, n*(step+1)/steps
		a.do(func() {
			for range to - from {
				fresh = append(fresh, a.start("PENDING"))
			}
		})
		time.Sleep(within / steps * 3 / 4)
		a.do(func() {
			for i, k := range fresh {
				k.status = "RUNNING"
				a.end(a.tasks[from+i])
			}
		})
		time.Sleep(within / steps / 4)
	}
	t.Helper()
}

// A new leader knows all tasks within seconds, though it may use half of the
// quota alone.
func TestTakeoverOfMany(t *testing.T) {
	for _, tt := range []struct {
		tasks int
		most  time.Duration
	}{{1000, 2 * time.Second}, {5000, 10 * time.Second}} {
		if tt.tasks > 1000 && !*printHour {
			continue
		}
		a := openAccount(t, tt.tasks)
		a.lead(t, func(t *testing.T) {
			took := a.until(t, tt.most, fmt.Sprintf("%d tasks known", tt.tasks), func(seen []rollout.Task) bool { return len(seen) == tt.tasks })
			t.Logf("%d tasks are known after %v", tt.tasks, took)
		})
	}
}
