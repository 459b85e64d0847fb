package simulation

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// markdown writes a table; the first column holds names, the others numbers.
func markdown(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	rule := make([]string, len(head))
	for i := range rule {
		if rule[i] = "---:"; i == 0 {
			rule[i] = "---"
		}
	}
	line(rule)
	for _, r := range rows {
		line(r)
	}
	return b.String()
}

// atMost writes x of n in percent, with the upper end of the one-sided 95 %
// confidence interval.
func atMost(x, n int) string {
	if n == 0 {
		return "—"
	}
	_, high := Binomial(x, n, .10)
	return fmt.Sprintf("%.1f %% (≤ %.1f)", 100*float64(x)/float64(n), 100*high)
}

// percent writes x of n.
func percent(x, n int) string {
	if n == 0 {
		return "—"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(x)/float64(n))
}

// thousands writes a count of requests.
func thousands(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "—"
	case v < 10e3:
		return strconv.FormatFloat(v/1e3, 'f', 1, 64) + "k"
	}
	return strconv.FormatFloat(v/1e3, 'f', 0, 64) + "k"
}

// times writes a ratio.
func times(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "—"
	}
	return fmt.Sprintf("%.2f×", v)
}
