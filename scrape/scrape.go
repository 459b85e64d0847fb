// Package scrape answers who asks for metrics, in the text format of Prometheus.
// The client's own handler speaks its other formats, too, and is 0.3 MB.
package scrape

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

const (
	contentType = "text/plain; version=0.0.4; charset=utf-8"
	maxAtOnce   = 4
)

// Handler answers with all that is gathered, or with nothing but what went wrong.
func Handler(from prometheus.Gatherer) http.Handler {
	seats := make(chan struct{}, maxAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case seats <- struct{}{}:
			defer func() { <-seats }()
		default:
			http.Error(w, fmt.Sprintf("%d others are being answered: try again later", maxAtOnce), http.StatusServiceUnavailable)
			return
		}
		packed := takesZip(r)
		body, err := gathered(from, packed)
		if err != nil {
			http.Error(w, "metrics cannot be told: "+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Vary", "Accept-Encoding")
		if packed {
			w.Header().Set("Content-Encoding", "gzip")
		}
		_, _ = w.Write(body) // the caller has gone if this fails
	})
}

func gathered(from prometheus.Gatherer, packed bool) ([]byte, error) {
	families, err := from.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather: %w", err)
	}
	var body bytes.Buffer
	to, end := io.Writer(&body), func() error { return nil }
	if packed {
		z := gzip.NewWriter(&body)
		to, end = z, z.Close
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(to, family); err != nil {
			return nil, fmt.Errorf("write %s: %w", family.GetName(), err)
		}
	}
	err = end()
	return body.Bytes(), err
}

// takesZip reports whether a caller names gzip and no weight.
func takesZip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.TrimSpace(coding) == "gzip" {
			return true
		}
	}
	return false
}
