package controller

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
)

// Metrics are what /metrics shows of one controller. What is told of fleets is
// the leader's to tell, so that sums over all controllers are right. No label
// grows with partners or tasks. The nil value counts nothing.
type Metrics struct {
	registry *prometheus.Registry

	passes            *prometheus.CounterVec
	passSeconds       *prometheus.HistogramVec
	passed, succeeded *prometheus.GaugeVec
	finished, exposed *prometheus.CounterVec
	calls, attempts   *prometheus.CounterVec
	callSeconds       *prometheus.HistogramVec
	leader, known     prometheus.Gauge
	notices           *prometheus.CounterVec
	noticesDue        *prometheus.GaugeVec
	filesBad          prometheus.Gauge

	quotas func() []Quota // nil: nobody knows

	mu     sync.Mutex
	epoch  int64               // that this process leads under; 0: it does not
	fleets map[string]tellings // as they were seen last, while it leads
}

// NewMetrics returns the metrics of a controller of that version.
func NewMetrics(version string) *Metrics {
	f := factory{prometheus.NewRegistry()}
	f.r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := &Metrics{
		registry:    f.r,
		passes:      f.counters("sluice_passes_total", "Passes of the loop, by how they ended: ok, trouble, or stale where somebody else wrote first.", "fleet", "result"),
		passSeconds: f.histograms("sluice_pass_seconds", "What a pass of the loop takes.", prometheus.ExponentialBuckets(0.01, 2, 13), "fleet"),
		passed:      f.gauges("sluice_pass_ended_seconds", "Unix time at which the last pass of the loop ended; only from the leader.", "fleet"),
		succeeded:   f.gauges("sluice_pass_succeeded_seconds", "Unix time at which the last pass without trouble ended; only from the leader.", "fleet"),
		finished:    f.counters("sluice_rollouts_finished_total", "Rollouts that ended while this controller led, by their last phase and its reason.", "fleet", "outcome", "reason"),
		exposed:     f.counters("sluice_rollouts_exposed_auctions_total", "Auctions that the candidates of rollouts which ended had answered in canary steps.", "fleet", "outcome"),
		calls:       f.counters("sluice_aws_calls_total", "Calls of AWS, by result: ok, not_found, stale, throttled, held_back, denied, timeout, canceled or failed.", "service", "operation", "result"),
		attempts:    f.counters("sluice_aws_attempts_total", "Requests sent for calls of AWS: more than calls where some had to be repeated.", "service", "operation"),
		callSeconds: f.histograms("sluice_aws_call_seconds", "From a call of AWS to its answer, all attempts included.", prometheus.ExponentialBuckets(0.005, 2, 13), "service", "operation"),
		leader:      f.gauge("sluice_leader", "1 where this controller leads."),
		known:       f.gauge("sluice_lease_known_seconds", "Unix time at which this controller last knew who leads."),
		notices:     f.counters("sluice_notices_total", "Attempts to tell a receiver something, by what came of them: told, failed, busy, undeliverable or gone.", "fleet", "receiver", "result"),
		noticesDue:  f.gauges("sluice_notices_waiting", "Notices that a receiver has not been told yet; only from the leader.", "fleet", "receiver"),
		filesBad:    f.gauge("sluice_files_bad", "1 where the fleet files, as they are now, cannot be read or are refused, so that what they said before stays in force."),
		fleets:      map[string]tellings{},
	}
	f.gauges("sluice_controller_info", "The version of this controller.", "version").WithLabelValues(version).Set(1)
	f.r.MustRegister(m)
	return m
}

// Registry is where all of them are gathered.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// factory registers what it makes.
type factory struct{ r *prometheus.Registry }

func (f factory) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	f.r.MustRegister(v)
	return v
}

func (f factory) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	f.r.MustRegister(v)
	return v
}

func (f factory) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	f.r.MustRegister(v)
	return v
}

func (f factory) readOf(name, help, label, of string, value func() float64) {
	f.r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{label: of}}, value))
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	v := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	f.r.MustRegister(v)
	return v
}

// Watch shows how the certificates and tokens are by which tasks know this
// controller. Files are looked at by it, too, when nobody is spoken to.
func (m *Metrics) Watch(known *identity.Keeper) {
	f := factory{m.registry}
	if known != nil {
		f.readOf("sluice_credentials_bad", "1 where files of a port's certificates or tokens make no sense, so that what was read before serves on, or where its certificate is not good now.", "port", "control", func() float64 {
			return oneIf(known.Trouble() != nil)
		})
	}
	if known.WantsTLS() {
		f.readOf("sluice_certificate_expires_seconds", "Unix time at which the certificate in use expires.", "port", "control", func() float64 {
			return unix(known.Expires())
		})
	}
}

// Called counts a call of AWS.
func (m *Metrics) Called(service, operation, result string, attempts int, took time.Duration) {
	m.calls.WithLabelValues(service, operation, result).Inc()
	m.attempts.WithLabelValues(service, operation).Add(float64(attempts))
	m.callSeconds.WithLabelValues(service, operation).Observe(took.Seconds())
}

// Quota is how much of a quota of AWS this controller uses, which is the
// account's.
type Quota struct {
	Name       string
	Used       float64 // of what the account may ask for good, in the last minute
	Share      float64 // of it that this controller takes at most
	Throttled  int64   // requests that AWS turned away
	BackingOff bool    // nobody here asks now, since AWS asked for that
}

// WatchQuotas shows how much of each quota is used.
func (m *Metrics) WatchQuotas(quotas func() []Quota) { m.quotas = quotas }

// tellQuotas sends what is known of quotas, by every controller, as each asks.
func (m *Metrics) tellQuotas(to chan<- prometheus.Metric) {
	if m.quotas == nil {
		return
	}
	var told tellings
	for _, q := range m.quotas() {
		told.gauge("sluice_aws_quota_used", "Requests of this controller in the last minute, as a share of what the account may send for good, by quota.", q.Used, "quota", q.Name)
		told.gauge("sluice_aws_quota_share", "The share of a quota that this controller takes at most (--ecs-share).", q.Share, "quota", q.Name)
		told.counter("sluice_aws_throttled_total", "Requests that AWS turned away as there were too many, by quota.", float64(q.Throttled), "quota", q.Name)
		told.gauge("sluice_aws_backing_off", "1 while this controller asks for nothing of a quota, since AWS turned it away.", oneIf(q.BackingOff), "quota", q.Name)
	}
	told.send(to)
}

// held takes note of what came of asking for the lease. Who leads no more has
// nothing to tell of fleets.
func (m *Metrics) held(epoch int64, err error, now time.Time) {
	if m == nil {
		return
	}
	if err == nil {
		m.known.Set(unix(now))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leader.Set(oneIf(epoch != 0))
	if epoch != m.epoch {
		m.passed.Reset()
		m.succeeded.Reset()
		m.noticesDue.Reset()
		clear(m.fleets)
	}
	m.epoch = epoch
}

// forget leaves out a fleet that is looked after no more.
func (m *Metrics) forget(fleet string) {
	if m == nil {
		return
	}
	of := prometheus.Labels{"fleet": fleet}
	for _, v := range []*prometheus.MetricVec{
		m.passes.MetricVec, m.passSeconds.MetricVec, m.passed.MetricVec, m.succeeded.MetricVec,
		m.finished.MetricVec, m.exposed.MetricVec, m.notices.MetricVec, m.noticesDue.MetricVec,
	} {
		v.DeletePartialMatch(of)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.fleets, fleet)
}

// refused takes note of whether the fleet files, as they are now, are in force.
func (m *Metrics) refused(err error) {
	if m != nil {
		m.filesBad.Set(oneIf(err != nil))
	}
}

// ended takes note of a pass.
func (m *Metrics) ended(fleet string, took time.Duration, err error, now time.Time) {
	if m == nil {
		return
	}
	for _, result := range []string{"ok", "trouble", "stale"} {
		m.passes.WithLabelValues(fleet, result) // none yet is zero, by which an alert sees that none was ok
	}
	result := "ok"
	switch {
	case errors.Is(err, ErrStale):
		result = "stale"
	case err != nil:
		result = "trouble"
	default:
		m.succeeded.WithLabelValues(fleet).Set(unix(now))
	}
	m.passes.WithLabelValues(fleet, result).Inc()
	m.passSeconds.WithLabelValues(fleet).Observe(took.Seconds())
	m.passed.WithLabelValues(fleet).Set(unix(now))
}

// told counts an attempt to tell a receiver something.
func (m *Metrics) told(fleet, receiver string, err error) {
	if m == nil {
		return
	}
	result := "failed"
	busy := (*BusyError)(nil)
	switch {
	case err == nil:
		result = "told"
	case errors.Is(err, ErrUndeliverable):
		result = "undeliverable"
	case errors.Is(err, ErrGone):
		result = "gone"
	case errors.As(err, &busy):
		result = "busy"
	}
	m.notices.WithLabelValues(fleet, receiver, result).Inc()
}

// noticesWait takes note of how many notices a receiver has yet to be told.
func (m *Metrics) noticesWait(fleet, receiver string, n int) {
	if m != nil {
		m.noticesDue.WithLabelValues(fleet, receiver).Set(float64(n))
	}
}

// decided counts a rollout that ended with an event.
func (m *Metrics) decided(e rollout.Event, s rollout.State) {
	if m == nil || !e.To.Final() {
		return
	}
	m.finished.WithLabelValues(s.Fleet, string(e.To), string(e.Reason)).Inc()
	for _, r := range s.Finished {
		if r.ID == e.Rollout && r.Since.Equal(e.At) {
			m.exposed.WithLabelValues(s.Fleet, string(e.To)).Add(float64(r.Exposed))
		}
	}
}

// saw takes note of what a pass saw and decided.
func (m *Metrics) saw(epoch int64, s rollout.State, seen rollout.Observation) {
	if m == nil {
		return
	}
	told := fleetMetrics(s, seen)
	m.mu.Lock()
	defer m.mu.Unlock()
	if epoch == m.epoch { // else it leads no more
		m.fleets[s.Fleet] = told
	}
}

// Describe implements prometheus.Collector. What there is changes with the
// phase, so nothing is promised.
func (m *Metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.tellQuotas(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch != 0 {
		var told tellings
		told.gauge("sluice_epoch", "Epoch under which this controller leads; only from the leader.", float64(m.epoch))
		told.send(to)
	}
	for _, told := range m.fleets {
		told.send(to)
	}
}

func unix(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func oneIf(so bool) float64 {
	if so {
		return 1
	}
	return 0
}
