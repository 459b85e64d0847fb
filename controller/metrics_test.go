package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// gathered are all series of a controller, as Prometheus writes them; of
// histograms how much was counted.
func gathered(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "sluice_") {
			continue
		}
		for _, one := range f.GetMetric() {
			var labels []string
			for _, l := range one.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			series[name] = one.GetGauge().GetValue() + one.GetCounter().GetValue() + float64(one.GetHistogram().GetSampleCount())
		}
	}
	return series
}

// TestMetricsTellARollout plays a good and a bad candidate, and sees what the
// leader tells of them.
func TestMetricsTellARollout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.reconciler(3)
		r.Metrics = NewMetrics("v1")
		r.Metrics.held(3, nil, time.Now())
		var judged map[string]float64
		ended := play(t, w, func() error {
			_, err := r.Pass(t.Context())
			r.Metrics.ended("ads", 20*time.Millisecond, err, time.Now())
			if now := gathered(t, r.Metrics); now["sluice_gate_evidence{fleet=ads,gate=filter_rate_paired}"] > now["sluice_gate_threshold{fleet=ads,gate=filter_rate_paired}"] {
				judged = now
			}
			return err
		})
		stable := rollout.Short(w.wrote.Stable)
		wants(t, gathered(t, r.Metrics), map[string]float64{
			"sluice_leader{}": 1,
			"sluice_epoch{}":  3,
			"sluice_fleet_info{fleet=ads,stable=" + stable + "}":                                   1,
			"sluice_fleet_desired_tasks{fleet=ads}":                                                4,
			"sluice_fleet_tasks{fleet=ads,state=ready}":                                            4,
			"sluice_fleet_tasks{fleet=ads,state=unreachable}":                                      0,
			"sluice_fleet_serving_tasks{fleet=ads,serves=stable}":                                  4,
			"sluice_rollouts{fleet=ads,phase=canary}":                                              0,
			"sluice_rollouts_finished_total{fleet=ads,outcome=live,reason=first_release}":          1,
			"sluice_rollouts_finished_total{fleet=ads,outcome=live,reason=accepted}":               1,
			"sluice_rollouts_finished_total{fleet=ads,outcome=rolled_back,reason=candidate_worse}": 1,
			"sluice_rollouts_exposed_auctions_total{fleet=ads,outcome=live}":                       float64(ended["good"].Exposed),
		})
		if judged == nil {
			t.Fatal("no look told evidence beyond its threshold")
		}
		wants(t, judged, map[string]float64{
			"sluice_verdict_info{fleet=ads,outcome=worse}":            1,
			"sluice_rollout_steps{fleet=ads}":                         2,
			"sluice_gate_required{fleet=ads,gate=filter_rate_paired}": 20,
			"sluice_rollouts{fleet=ads,phase=rolling_back}":           1,
		})
		r.Metrics.held(0, nil, time.Now())
		for series := range gathered(t, r.Metrics) {
			if strings.Contains(series, "sluice_fleet") || strings.Contains(series, "sluice_epoch") || strings.Contains(series, "pass_ended") {
				t.Errorf("a controller that leads no more tells of %s", series)
			}
		}
	})
}

func wants(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for series, value := range want {
		if v, is := got[series]; !is || v != value {
			t.Errorf("%s is %v (told: %v), want %v", series, v, is, value)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(slices.Sorted(maps.Keys(got)), "\n"))
	}
}

// TestMetricsStaySmall counts the series of a look with a few partners and
// tasks, and of one with many.
func TestMetricsStaySmall(t *testing.T) {
	count := func(partners, tasks int) (n int) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.partners = nil
			for i := range partners {
				w.partners = append(w.partners, fmt.Sprint("partner-", i))
			}
			for i := range tasks - 4 {
				w.start(fmt.Sprint("more-", i))
			}
			r := w.reconciler(3)
			r.Metrics = NewMetrics("v1")
			r.Metrics.held(3, nil, time.Now())
			step := func() error {
				_, err := r.Pass(t.Context())
				n = max(n, len(gathered(t, r.Metrics)))
				return err
			}
			playJob(t, w, "first", step)
			playJob(t, w, "bad", step)
		})
		return n
	}
	few, many := count(2, 4), count(40, 12)
	if few != many || few < 60 || few > 150 {
		t.Errorf("%d series for a few partners and tasks, %d for many: want as many, some 100", few, many)
	}
}

// TestHealth tells a controller that is well from one whose loop stands still,
// and one that knows who leads from one that does not.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		store := openDocuments(w)
		r := NewReconciler(testFleet(), Ports{store, w, w, fakeTasks{w}, fakeControl{w}, nil}, "a", slog.New(slog.DiscardHandler))
		c := &Controller{
			Elector: Elector{Documents: store, Name: "a", TTL: 15 * time.Second},
			Fleets:  []*Reconciler{r}, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics("v1"),
		}
		r.Metrics = c.Metrics
		if err := c.Ready(time.Now()); err == nil {
			t.Error("it is ready before it knows who leads")
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		time.Sleep(time.Minute)
		if err := errors.Join(c.Ready(time.Now()), c.Healthy(time.Now())); err != nil || c.Standing().Epoch == 0 {
			t.Errorf("it leads under %d and is not well: %v", c.Standing().Epoch, err)
		}
		opens := store.shut()
		time.Sleep(10 * time.Minute)
		if err := c.Healthy(time.Now()); err == nil || !strings.Contains(err.Error(), "a pass over fleet ads has taken 10m0s") && !strings.Contains(err.Error(), "seen to the lease") {
			t.Errorf("its loop stands still, and it says %v", err)
		}
		if err := c.Ready(time.Now()); err == nil || !strings.Contains(err.Error(), "for 10m") {
			t.Errorf("the store does not answer, and it says %v", err)
		}
		opens()
		time.Sleep(time.Minute)
		if err := errors.Join(c.Ready(time.Now()), c.Healthy(time.Now())); err != nil {
			t.Errorf("the store answers again, and it says %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if s := gathered(t, c.Metrics); s["sluice_leader{}"] != 0 {
			t.Error("it has ended and says that it leads")
		}
	})
}

// A fleet that is unwell says why, and of the other reasons that they do not
// hold; before auctions are known nothing is said of them.
func TestMetricsTellUnwell(t *testing.T) {
	of := func(seen rollout.Observation) map[string]float64 {
		m := NewMetrics("v1")
		m.held(3, nil, time.Now())
		m.saw(3, rollout.State{Fleet: "ads"}, seen)
		found := map[string]float64{}
		for name, value := range gathered(t, m) {
			if strings.HasPrefix(name, "sluice_fleet_unwell") {
				found[name] = value
			}
		}
		return found
	}
	if got := of(rollout.Observation{}); len(got) != 0 {
		t.Errorf("without auctions it says %v", got)
	}
	seen := rollout.Observation{Unwell: []rollout.Unwell{{Reason: rollout.UnwellMissing}}}
	if got := of(seen); len(got) != 1 || got["sluice_fleet_unwell{fleet=ads,reason=missing}"] != 1 {
		t.Errorf("of missing tasks without auctions it says %v", got)
	}
	seen.Auctions = &rollout.Auctions{All: &rollout.Traffic{}}
	seen.Unwell = append(seen.Unwell, rollout.Unwell{Reason: rollout.UnwellDegraded})
	want := map[string]float64{
		"sluice_fleet_unwell{fleet=ads,reason=missing}": 1, "sluice_fleet_unwell{fleet=ads,reason=silent}": 0, "sluice_fleet_unwell{fleet=ads,reason=failed}": 0,
		"sluice_fleet_unwell{fleet=ads,reason=degraded}": 1, "sluice_fleet_unwell{fleet=ads,reason=late}": 0,
	}
	if got := of(seen); !maps.Equal(got, want) {
		t.Errorf("it says %v", got)
	}
}

// Every controller tells how much it uses of each quota, whether it leads or not.
func TestMetricsTellQuotas(t *testing.T) {
	m := NewMetrics("v1")
	m.WatchQuotas(func() []Quota {
		return []Quota{{Name: "cluster_reads", Used: 0.3, Share: 0.5, Throttled: 7, BackingOff: true}, {Name: "tags", Share: 0.5}}
	})
	told := gathered(t, m)
	for series, want := range map[string]float64{
		"sluice_aws_quota_used{quota=cluster_reads}": 0.3, "sluice_aws_quota_share{quota=cluster_reads}": 0.5,
		"sluice_aws_throttled_total{quota=cluster_reads}": 7, "sluice_aws_backing_off{quota=cluster_reads}": 1,
		"sluice_aws_quota_used{quota=tags}": 0, "sluice_aws_throttled_total{quota=tags}": 0, "sluice_aws_backing_off{quota=tags}": 0,
	} {
		if got, is := told[series]; !is || got != want {
			t.Errorf("%s is %v, told: %v; want %v", series, got, is, want)
		}
	}
}
