package simulation

import "math"

// Binomial returns the exact two-sided bounds of a share of which x of n were
// seen, at confidence 1-alpha (Clopper & Pearson 1934); n = 0 says nothing.
func Binomial(x, n int, alpha float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	low, high = 0, 1
	if x > 0 {
		low = root(func(p float64) float64 { return alpha/2 - (1 - binomialBelow(x-1, n, p)) })
	}
	if x < n {
		high = root(func(p float64) float64 { return binomialBelow(x, n, p) - alpha/2 })
	}
	return low, high
}

// binomialBelow is the probability of at most x events in n.
func binomialBelow(x, n int, p float64) float64 {
	if p <= 0 || x >= n {
		return 1
	}
	if p >= 1 {
		return 0
	}
	sum := 0.0
	whole, _ := math.Lgamma(float64(n + 1))
	for k := range x + 1 {
		a, _ := math.Lgamma(float64(k + 1))
		b, _ := math.Lgamma(float64(n - k + 1))
		sum += math.Exp(whole - a - b + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
	return math.Min(1, sum)
}

// Unlikely reports whether x or more events in n would be seen with
// probability below alpha if the share were limit: what a test may complain of
// without crying wolf.
func Unlikely(x, n int, limit, alpha float64) bool {
	return x > 0 && 1-binomialBelow(x-1, n, limit) < alpha
}

// root finds where a falling function of [0, 1] crosses zero.
func root(f func(float64) float64) float64 {
	low, high := 0.0, 1.0
	for range 100 {
		if middle := (low + high) / 2; f(middle) > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// normalQuantile is the inverse of the standard normal distribution function.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// normalBelow is the standard normal distribution function.
func normalBelow(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// quantile of sorted values; NaN of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
