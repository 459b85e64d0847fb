package inference

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/inference/feature"
)

// metrics are what /metrics shows. The hot path holds its counters ready.
type metrics struct {
	registry *prometheus.Registry
	health   health

	requests                *prometheus.CounterVec
	decide, filter, report  prometheus.Counter // of requests
	decisions               *prometheus.CounterVec
	degraded                map[Degraded]prometheus.Counter
	seconds                 prometheus.Histogram
	connections, closed     *prometheus.CounterVec
	acceptErrors, rejected  *prometheus.CounterVec
	limits, refused         *prometheus.CounterVec
	panics                  *prometheus.CounterVec
	swaps                   prometheus.Counter
	swapSeconds             prometheus.Histogram
	failures                *prometheus.CounterVec
	outcomes, outcomesLost  *prometheus.CounterVec
	strays                  map[feature.Stray]prometheus.Counter
	explored, unexplored    prometheus.Counter // of outcomes
	bids, missed            prometheus.Counter
	shadowRequests          prometheus.Counter
	shadowDropped           prometheus.Counter
	info, evaluator         *prometheus.GaugeVec
	generation, servedSince prometheus.Gauge
}

// factory registers what it makes.
type factory struct{ r *prometheus.Registry }

func (f factory) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	f.r.MustRegister(v)
	return v
}

func (f factory) counter(name, help string) prometheus.Counter {
	v := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	f.r.MustRegister(v)
	return v
}

// total shows a counter that is kept elsewhere.
func (f factory) total(name, help string, of *atomic.Int64) {
	f.r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(of.Load()) }))
}

func (f factory) histogram(name, help string, buckets []float64) prometheus.Histogram {
	v := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	f.r.MustRegister(v)
	return v
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	v := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	f.r.MustRegister(v)
	return v
}

func (f factory) read(name, help string, value func() float64) { f.readOf(name, help, nil, value) }

func (f factory) readOf(name, help string, of prometheus.Labels, value func() float64) {
	f.r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: of}, value))
}

func newMetrics() *metrics {
	f := factory{prometheus.NewRegistry()}
	f.r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := &metrics{
		registry:       f.r,
		requests:       f.counters("sluice_requests_total", "Calls on the data port.", "method"),
		decisions:      f.counters("sluice_decisions_total", "(request, partner) pairs decided; explored counts requests forwarded to be learnt from.", "release", "outcome"),
		seconds:        f.histogram("sluice_request_seconds", "From the decoded request to the written reply.", prometheus.ExponentialBuckets(25e-6, 2, 14)),
		connections:    f.counters("sluice_connections_total", "Connections to the data port, by what they spoke.", "protocol"),
		closed:         f.counters("sluice_connections_closed_total", "Connections to the data port that ended, by reason.", "reason"),
		acceptErrors:   f.counters("sluice_accept_errors_total", "Accepts that failed and were tried again.", "port"),
		rejected:       f.counters("sluice_connections_rejected_total", "Connections that found no seat, since the limit was reached.", "port"),
		limits:         f.counters("sluice_limit_hits_total", "Limits that a client or the load ran into, by the flag that sets them.", "limit"),
		refused:        f.counters("sluice_control_refused_total", "Connections to the control port that were not let in, by what was wrong: tls, token, protocol, late or crowded.", "reason"),
		panics:         f.counters("sluice_panics_total", "Panics survived.", "where"),
		swaps:          f.counter("sluice_swaps_total", "Assignments that came into force."),
		swapSeconds:    f.histogram("sluice_swap_seconds", "From an assignment to its coming into force.", prometheus.ExponentialBuckets(1e-3, 2, 16)),
		failures:       f.counters("sluice_load_failures_total", "Releases that could not be made ready, by reason.", "reason"),
		outcomes:       f.counters("sluice_outcomes_total", "Reported outcomes taken.", "kind"),
		outcomesLost:   f.counters("sluice_outcomes_dropped_total", "Reported outcomes (or bids and wins of them) that do not count, by reason.", "reason"),
		bids:           f.counter("sluice_explored_bids_total", "Reported bids on explored requests."),
		missed:         f.counter("sluice_missed_bids_total", "Of those, bids that the serving release would have filtered."),
		shadowRequests: f.counter("sluice_shadow_requests_total", "Requests scored by both releases."),
		shadowDropped:  f.counter("sluice_shadow_dropped_total", "Sampled requests not scored by the shadow release since the task was busy."),
		info:           f.gauges("sluice_release_info", "The releases in force.", "release", "shadow"),
		evaluator:      f.gauges("sluice_evaluator_info", "How the releases in force are scored.", "release", "evaluator"),
		generation:     f.gauge("sluice_generation", "Generation of the assignment in force."),
		servedSince:    f.gauge("sluice_serving_since_seconds", "Unix time of the last swap."),
		degraded:       map[Degraded]prometheus.Counter{},
	}
	m.decide, m.filter, m.report = m.requests.WithLabelValues("decide"), m.requests.WithLabelValues("filter"), m.requests.WithLabelValues("report")
	f.total("sluice_failed_total", "Calls on the data port that got no answer, and connections that found no seat.", &m.health.failed)
	strays := f.counters("sluice_filter_out_of_range_total", "Numbers of calls of filter that are out of the range of the contract's dialect, and were missing.", "field")
	m.strays = map[feature.Stray]prometheus.Counter{}
	for stray, name := range feature.Strays() {
		m.strays[stray] = strays.WithLabelValues(name)
	}
	m.explored, m.unexplored = m.outcomes.WithLabelValues("explored"), m.outcomes.WithLabelValues("unexplored")
	degraded := f.counters("sluice_degraded_total", "Requests forwarded without a score, by reason.", "reason")
	for _, why := range []Degraded{NotReady, Busy, Deadline, Panicked, Invalid, BadRequest} {
		m.degraded[why] = degraded.WithLabelValues(string(why))
	}
	return m
}

func (f factory) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	f.r.MustRegister(v)
	return v
}

// hit counts a limit that was hit, unless it is "".
func (m *metrics) hit(limit string) {
	if limit != "" {
		m.limits.WithLabelValues(limit).Inc()
	}
}

func (m *metrics) dropped(reason string) prometheus.Counter {
	return m.outcomesLost.WithLabelValues(reason)
}

// watch shows what is read from the task when somebody looks.
func (m *metrics) watch(t *Task) {
	f := factory{m.registry}
	f.read("sluice_connections", "Open connections on the data port.", func() float64 { return float64(t.data.count()) })
	f.read("sluice_memory_bytes", "Resident memory.", func() float64 { return float64(residentBytes()) })
	f.read("sluice_requests_in_hand", "Requests being scored.", func() float64 { return float64(len(t.slots.free)) })
	f.read("sluice_lag_seconds", "How long a request that has arrived waits for a processor.", func() float64 { return t.lag.now().Seconds() })
	f.read("sluice_ready", "1 where the task takes auctions.", func() float64 { return oneIf(t.unready() == "") })
	for _, d := range []*door{t.data, t.control} {
		f.watchCredentials(d.name, d.known)
	}
}

// watchCredentials shows how a port's certificates and tokens are, where it has
// any. Files are looked at by it, too, when nobody connects.
func (f factory) watchCredentials(port string, known *identity.Keeper) {
	of := prometheus.Labels{"port": port}
	if known != nil {
		f.readOf("sluice_credentials_bad", "1 where files of a port's certificates or tokens make no sense, so that what was read before serves on, or where its certificate is not good now.", of, func() float64 {
			return oneIf(known.Trouble() != nil)
		})
	}
	if known.WantsTLS() {
		f.readOf("sluice_certificate_expires_seconds", "Unix time at which the certificate in use expires.", of, func() float64 {
			return float64(known.Expires().Unix())
		})
	}
}

func oneIf(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

// serving returns the counters of a release.
func (m *metrics) serving(release string) *servingMetrics {
	r := short(release)
	return &servingMetrics{
		filtered:  m.decisions.WithLabelValues(r, "filtered"),
		forwarded: m.decisions.WithLabelValues(r, "forwarded"),
		explored:  m.decisions.WithLabelValues(r, "explored"),
	}
}

// swapped shows what came into force. The series of releases that are gone
// disappear, so that their number stays small for ever.
func (m *metrics) swapped(s *serving, gone []string) {
	m.swaps.Inc()
	m.info.Reset()
	m.info.WithLabelValues(short(s.release), short(s.shadow)).Set(1)
	m.evaluator.Reset()
	for _, a := range s.arms() {
		if a != nil {
			m.evaluator.WithLabelValues(short(a.digest), a.evaluator).Set(1)
		}
	}
	m.generation.Set(float64(s.generation))
	m.servedSince.Set(float64(s.since.Unix()))
	for _, digest := range gone {
		m.decisions.DeletePartialMatch(prometheus.Labels{"release": short(digest)})
	}
}

// short is how a digest is shown to people: its first 12 characters.
func short(digest string) string { return digest[:min(12, len(digest))] }
