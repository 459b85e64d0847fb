package scrape_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/scrape"
)

const text = `# HELP fish_total Caught, by \\kind\n of fish.
# TYPE fish_total counter
fish_total{kind="a \"pike\""} 2
# HELP water_celsius Now.
# TYPE water_celsius gauge
water_celsius 4.5
# HELP weight Of each.
# TYPE weight histogram
weight_bucket{le="1"} 1
weight_bucket{le="2"} 1
weight_bucket{le="+Inf"} 2
weight_sum 3.5
weight_count 2
`

func pond() *prometheus.Registry {
	r := prometheus.NewRegistry()
	fish := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fish_total", Help: "Caught, by \\kind\n of fish."}, []string{"kind"})
	weight := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weight", Help: "Of each.", Buckets: []float64{1, 2}})
	r.MustRegister(fish, weight, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "water_celsius", Help: "Now."}, func() float64 { return 4.5 }))
	fish.WithLabelValues(`a "pike"`).Add(2)
	weight.Observe(0.5)
	weight.Observe(3)
	return r
}

// Metrics come as the format has them, packed to who takes that.
func TestHandler(t *testing.T) {
	h := scrape.Handler(pond())
	for accept, packed := range map[string]bool{"": false, "gzip": true, "deflate, gzip, br": true, "gzip;q=0": false, "identity": false} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept-Encoding", accept)
		r.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;version=0.0.4;q=0.5")
		h.ServeHTTP(w, r)
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" || (w.Header().Get("Content-Encoding") == "gzip") != packed {
			t.Errorf("%q: %d, %v", accept, w.Code, w.Header())
		}
		body := io.Reader(w.Body)
		if packed {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != text {
			t.Errorf("%q: %v\n%s", accept, err, got)
		}
	}
}

// What cannot be gathered whole is not told in part.
func TestTrouble(t *testing.T) {
	w, p := httptest.NewRecorder(), pond()
	p.MustRegister(torn{})
	scrape.Handler(p).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if body := w.Body.String(); w.Code != 500 || !strings.Contains(body, "the net is torn") || strings.Contains(body, "fish_total") {
		t.Errorf("%d: %s", w.Code, body)
	}
}

type torn struct{}

func (torn) Describe(chan<- *prometheus.Desc) {}

func (torn) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.NewInvalidMetric(prometheus.NewDesc("net", "Torn.", nil, nil), errors.New("the net is torn"))
}

// Four are answered at once, and a fifth is told to come again.
func TestCrowd(t *testing.T) {
	in, out := make(chan bool), make(chan bool)
	p := prometheus.NewRegistry()
	p.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slow"}, func() float64 {
		in <- true
		<-out
		return 1
	}))
	h := scrape.Handler(p)
	ask := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Code
	}
	codes := make(chan int)
	for range 4 {
		go func() { codes <- ask() }()
		<-in
	}
	if code := ask(); code != 503 {
		t.Errorf("the fifth: %d", code)
	}
	close(out)
	for range 4 {
		if code := <-codes; code != 200 {
			t.Errorf("one of four: %d", code)
		}
	}
	go func() { <-in }()
	if code := ask(); code != 200 {
		t.Errorf("afterwards: %d", code)
	}
}
