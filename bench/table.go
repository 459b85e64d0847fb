package main

import (
	"fmt"
	"io"
	"math"
	"slices"
)

// row is one line of the table.
type row struct {
	name        string
	unit        string
	ours, other float64 // medians; other is NaN where nothing is compared
	value       float64 // what the goal is about: a ratio, or a number of its own
	times       bool    // value is a ratio
	attainable  string
	floor       float64
	atMost      bool   // the floor is a ceiling
	skipped     string // why there is no value
	unbound     bool   // shown only: no floor
}

// passes tells whether the row is as good as it must be.
func (r row) passes() bool {
	switch {
	case r.unbound, r.skipped != "":
		return true
	case math.IsNaN(r.value):
		return false
	case r.atMost:
		return r.value <= r.floor
	}
	return r.value >= r.floor
}

// cells are what the table shows of the row.
func (r row) cells() []string {
	if r.skipped != "" {
		return []string{r.name, "", "", r.skipped, r.attainable, ""}
	}
	quantity := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return digits(v) + " " + r.unit
	}
	value, floor := digits(r.value), digits(r.floor)
	if r.times {
		value, floor = value+"x", floor+"x"
	}
	switch {
	case r.unbound:
		floor = ""
	case r.atMost:
		floor = "at most " + floor
	}
	if !r.passes() {
		value += " (MISSED)"
	}
	return []string{r.name, quantity(r.ours), quantity(r.other), value, r.attainable, floor}
}

func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10, v == math.Trunc(v):
		return fmt.Sprintf("%.4g", math.Round(v*10)/10)
	}
	return fmt.Sprintf("%.2f", v)
}

// write prints Markdown whose columns are aligned.
func write(out io.Writer, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(out, "| %-*s ", widths[i], cell)
		}
		fmt.Fprintln(out, "|")
		if n > 0 {
			continue
		}
		for _, w := range widths {
			fmt.Fprintf(out, "|%s", dashes(w+2))
		}
		fmt.Fprintln(out, "|")
	}
}

func dashes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '-'
	}
	return string(b)
}

// median returns the middle of some turns.
func median(turns []float64) float64 {
	if len(turns) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(turns))
	return sorted[len(sorted)/2]
}

// ratio returns the median over turns of b to a: what happened to the machine
// in one turn happened to both.
func ratio(a, b []float64) float64 {
	turns := make([]float64, min(len(a), len(b)))
	for i := range turns {
		turns[i] = b[i] / a[i]
	}
	return median(turns)
}

// faster is the row of something that we do in less than others.
func faster(name, unit string, ours, other []float64, attainable string, floor float64) row {
	return row{name: name, unit: unit, ours: median(ours), other: median(other), value: ratio(ours, other), times: true, attainable: attainable, floor: floor}
}
