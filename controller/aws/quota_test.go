package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller"
)

// reads is the quota of cluster reads, half of which is ours.
func reads() *quota { return quotas(0.5)[0] }

// Half of a quota of 100 at once and 20 a second is 50 and 10: whoever asks for
// more waits, in the order in which they came.
func TestQuotaIsKeptTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, began := reads(), time.Now()
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 150 {
			all.Go(func() {
				if err := q.take(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
			if i == 49 && time.Since(began) != 0 {
				t.Errorf("fifty wait for %v", time.Since(began))
			}
		}
		all.Wait()
		if took := time.Since(began).Seconds(); math.Abs(took-10) > 0.01 {
			t.Errorf("150 requests took %vs, want 10", took)
		}
		for i, who := range order {
			if i != who {
				t.Fatalf("number %d came as number %d", who, i)
			}
		}
		time.Sleep(time.Hour)
		if wait, err := q.reserve(t.Context(), time.Now()); wait != 0 || err != nil || q.tokens != 49 {
			t.Errorf("after an hour: %v, %v, and %v left", wait, err, q.tokens)
		}
	})
}

// What would find no room before its deadline is not waited for, and takes no
// room either; tags are never waited for.
func TestQuotaWaitsForNothingInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := reads()
		q.tokens, q.at = -9, time.Now() // nine wait
		soon, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		err := q.take(soon)
		if !errors.Is(err, controller.ErrLater) || !strings.Contains(err.Error(), "raise --ecs-share or look_every") || q.tokens != -9 {
			t.Errorf("%v, and %v left", err, q.tokens)
		}
		late, cancel := context.WithTimeout(t.Context(), 1100*time.Millisecond)
		defer cancel()
		if err := q.take(late); err != nil {
			t.Error(err)
		}
		all := quotas(0.5)
		tags := all[slices.IndexFunc(all, func(q *quota) bool { return q.name == "tags" })]
		for range 10 {
			if err := tags.take(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := tags.take(t.Context()); !errors.Is(err, controller.ErrLater) {
			t.Errorf("the eleventh tag: %v", err)
		}
	})
}

// When AWS turns one away, nobody asks for a while, those who wait included;
// each time that goes on longer, and the rate comes back by halves in calm
// minutes.
func TestQuotaBacksOffTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := reads()
		q.tokens, q.at = 0, time.Now()
		var all sync.WaitGroup
		began := time.Now()
		for range 5 { // due after 0.1 to 0.5 seconds
			all.Go(func() {
				if err := q.take(t.Context()); err != nil || time.Since(began) < backOff/2 {
					t.Errorf("one asks after %v: %v", time.Since(began), err)
				}
			})
		}
		synctest.Wait()
		q.back(time.Now())
		q.back(time.Now()) // another one that had asked before
		if rate := q.perSecond(); rate != 5 || q.throttled != 2 {
			t.Errorf("%v a second after a refusal, and %d counted, want 5 and 2", rate, q.throttled)
		}
		all.Wait()
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		q.back(time.Now())
		if err := q.take(short); errors.Is(err, controller.ErrLater) || err == nil || !strings.Contains(err.Error(), "AWS asks to slow down (cluster_reads)") {
			t.Errorf("while nobody asks: %v", err)
		}
		longest := time.Duration(0)
		for range 20 {
			time.Sleep(time.Until(q.until))
			q.back(time.Now())
			longest = max(longest, time.Until(q.until))
		}
		if longest < 16*time.Second || longest > 48*time.Second || q.perSecond() < 10.0/32-1e-9 {
			t.Errorf("it is backed off for %v, to %v a second", longest, q.perSecond())
		}
		for range 6 {
			time.Sleep(calmAfter)
			q.refill(time.Now())
		}
		if rate := q.perSecond(); rate != 10 {
			t.Errorf("%v a second after calm minutes, want 10", rate)
		}
	})
}

// Each attempt of a call counts, and a refusal holds up all callers of its quota
// and of no other.
func TestQuotaOfAClient(t *testing.T) {
	var asked, refused atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListTasks") && refused.Add(1) > 0 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"ThrottlingException","message":"Rate exceeded"}`))
			return
		}
		_, _ = w.Write([]byte(`{"services":[{"serviceName":"s","status":"ACTIVE"}]}`))
	}))
	t.Cleanup(server.Close)
	var told []Call
	c, err := Open(t.Context(), Options{
		Endpoint: server.URL, AccessKey: "a", SecretKey: "s", MaxBackoff: time.Millisecond, Timeout: 200 * time.Millisecond,
		Called: func(call Call) { told = append(told, call) },
	})
	if err != nil {
		t.Fatal(err)
	}
	tasks := c.Tasks(TasksOptions{Cluster: "c", Service: "s"})
	_, _, err = tasks.List(t.Context())
	if err == nil || !strings.Contains(err.Error(), "list tasks: AWS asks to slow down (cluster_reads)") {
		t.Errorf("the first: %v", err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("%d requests, want one for the service, and one for its tasks", n)
	}
	if last := told[len(told)-1]; last.Result != HeldBack || last.Attempts != 1 {
		t.Errorf("told of %+v", last)
	}
	_, _, err = tasks.List(t.Context())
	if n := asked.Load(); err == nil || n != 3 {
		t.Errorf("%d requests after another look, want one more, for the service: %v", n, err)
	}
	for _, use := range c.Quotas() {
		want := QuotaUse{Name: use.Name, Share: 0.5}
		switch use.Name {
		case "cluster_reads":
			want.Used, want.Throttled, want.BackingOff = 1.0/1200, 1, true
		case "service_reads":
			want.Used = 2.0 / 1200
		}
		if use != want {
			t.Errorf("used %+v, want %+v", use, want)
		}
	}
}

// Instance types for which there was no room are asked for in the next look:
// nobody has denied them.
func TestHostsWaitForRoom(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if op == "DescribeContainerInstances" {
			asked++
		}
		_, _ = w.Write([]byte(map[string]string{
			"DescribeServices":           `{"services":[{"serviceName":"s","status":"ACTIVE","runningCount":1}]}`,
			"ListTasks":                  `{"taskArns":["arn/t"]}`,
			"DescribeTasks":              `{"tasks":[{"taskArn":"arn/t","lastStatus":"RUNNING","containerInstanceArn":"arn/i"}]}`,
			"DescribeContainerInstances": `{"containerInstances":[{"containerInstanceArn":"arn/i","attributes":[{"name":"ecs.instance-type","value":"c7g.large"}]}]}`,
			"GetTaskProtection":          `{}`,
		}[op]))
	}))
	t.Cleanup(server.Close)
	c, err := Open(t.Context(), Options{Endpoint: server.URL, AccessKey: "a", SecretKey: "s", Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	q := c.quotas[0]
	q.impatient, q.tokens, q.at, q.rate = true, 2, time.Now(), 1e-3
	tasks := c.Tasks(TasksOptions{Cluster: "c", Service: "s", Unknown: func(why error) { t.Errorf("told %v", why) }})
	for look, want := range []string{"", "c7g.large"} {
		got, _, err := tasks.List(t.Context())
		if err != nil || len(got) != 1 || got[0].Stratum.InstanceType != want || asked != look {
			t.Errorf("look %d: %+v, asked %d times, %v", look, got, asked, err)
		}
		q.tokens = 50
	}
}

// Fleets of a cluster ask for their services in one call, by turns.
func TestServicesAreAskedForTogether(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		var in struct{ Services []string }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		asked = append(asked, strings.Join(in.Services, " "))
		_, _ = w.Write([]byte(`{"services":[{"serviceName":"one","status":"ACTIVE","desiredCount":1},{"serviceName":"two","serviceArn":"arn:two","status":"ACTIVE","desiredCount":2},{"serviceName":"old","status":"INACTIVE"}]}`))
	}))
	t.Cleanup(server.Close)
	c, err := Open(t.Context(), Options{Endpoint: server.URL, AccessKey: "a", SecretKey: "s"})
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"one", "arn:two", "old"} {
		c.Tasks(TasksOptions{Cluster: "c", Service: service})
	}
	for i := range 12 {
		c.Tasks(TasksOptions{Cluster: "d", Service: fmt.Sprint("s", i)})
	}
	for service, desired := range map[string]int32{"one": 1, "arn:two": 2} {
		if s, err := c.service(t.Context(), place{Cluster: "c", Service: service}, time.Minute); err != nil || s.DesiredCount != desired {
			t.Errorf("%s: %d desired, %v", service, s.DesiredCount, err)
		}
	}
	if _, err := c.service(t.Context(), place{Cluster: "c", Service: "old"}, time.Minute); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a service that is no more: %v", err)
	}
	_, _ = c.service(t.Context(), place{Cluster: "d", Service: "s11"}, time.Minute)
	want := []string{"one arn:two old", "one arn:two old", "s10 s11"} // one that is not there is asked for again
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

// Every call of ECS that this package makes has a quota.
func TestEveryCallHasAQuota(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\.ecs\.([A-Z]\w+)\(|ecs\.New(\w+)Paginator\(`).FindAllStringSubmatch(string(source), -1) {
			operation := m[1] + m[2]
			if operation == "Options" {
				continue
			}
			if made++; quotaOf(quotas(1), operation) == nil {
				t.Errorf("%s: %s has none", file, operation)
			}
		}
	}
	if made < 10 {
		t.Errorf("%d calls were found", made)
	}
}
