#!/usr/bin/env bash
# One counter's name makes client_golang send a page that a strict OpenMetrics parser refuses.
#
# One would expect: a name that the registry accepts is fit for every format
# that the handler offers.
# What happens: a counter whose name does not end in _total is sent as type
# "unknown" to whoever asks for OpenMetrics, but its exemplar is sent along,
# which only counters and buckets may have. Python's parser of the format
# refuses the page, all other metrics included. In the text format the same
# registry is fine, so it depends on the Accept header.
# Versions: github.com/prometheus/client_golang 1.25.0, PyPI prometheus-client
# 0.26.0.
# Why it matters: whoever adds the first exemplar takes down the scrape, not the
# metric. Python's client adds _total by itself, so the rule is easily forgotten.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding writes what a scraper gets for one counter, with or without
// an exemplar, in the format that it asks for.
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	name, exemplar, accept := os.Args[1], os.Args[2] == "exemplar", os.Args[3]
	registry := prometheus.NewPedanticRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: "auctions held"})
	registry.MustRegister(counter)
	counter.Inc()
	if exemplar {
		counter.(prometheus.ExemplarAdder).AddWithExemplar(1, prometheus.Labels{"trace": "t1"})
	}
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
	fmt.Print(w.Body)
}
GO
go mod init finding 2>log
go get github.com/prometheus/client_golang/prometheus/promhttp@v1.25.0 2>log || { cat log; exit 1; }
go list -m github.com/prometheus/client_golang
go build -o finding .
python3 -m venv venv
venv/bin/pip install --quiet --no-compile prometheus-client==0.26.0
timeout 60 venv/bin/python - <<'PY'
import subprocess
from importlib.metadata import version

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

print("prometheus-client", version("prometheus-client"))
OPEN, TEXT = "application/openmetrics-text; version=1.0.0", "text/plain"


def scrape(name, exemplar, accept):
    page = subprocess.run(["./finding", name, exemplar, accept], check=True, capture_output=True, text=True).stdout
    parse = parse_open if accept == OPEN else parse_text
    try:
        result = ", ".join(f"{m.name} is a {m.type}" for m in parse(page))
    except ValueError as e:
        result = "refused: " + str(e)
    print(f"  {name}, {exemplar}, {accept.split(';')[0]}: {result}")
    return result


assert scrape("auctions", "exemplar", OPEN).startswith("refused"), "the page is valid now"
assert scrape("auctions", "none", OPEN) == "auctions is a unknown"
print("controls:")
assert scrape("auctions", "exemplar", TEXT) == "auctions is a counter"
assert scrape("auctions_total", "exemplar", OPEN) == "auctions is a counter"
PY
