package judge

// effective is how many clusters of equal size would tell as much as these
// (Kish): n units in g clusters, nn the sum of their squares. One connection
// that carries half the traffic counts for what it is.
func effective(n, nn float64, g int) float64 {
	if !(n > 0) || g < 1 {
		return 0
	}
	if !(nn > 0) {
		return float64(g)
	}
	return min(float64(g), n*n/nn)
}

// units is how many independent sources n pairs come from, told from how
// unevenly they fall into m clusters: u equal sources that are dealt to m
// clusters at random leave a squared coefficient of variation of (m-1)/u
// between them, as u balls in m urns do. nn is the sum of the clusters' squares.
// A connection that asks the same again and again is one source, and pairs that
// have nothing in common are one each.
func units(n, nn, m float64) float64 {
	if !(n > 0) || !(m > 1) {
		return max(0, n)
	}
	uneven := m*nn/(n*n) - 1
	if !(uneven*n > m-1) {
		return n
	}
	return max(1, (m-1)/uneven)
}

// logHarm is [logAgainst] for one-sided gates, whose margins are small beside
// what can go wrong: it also tries harm of 16 and 64 margins.
func logHarm(y, info, margin float64) float64 {
	const each = 1. / 7
	return logGrid(y, info, margin, []float64{.25, .5, 1, 2, 4, 16, 64}, []float64{each, each, each, each, each, each, each})
}

// inverse is the information of a variance, bounded so that absurd counts stay
// numbers.
func inverse(variance float64) float64 {
	const most = 1e18
	if !(variance > 1/most) {
		return most
	}
	return 1 / variance
}
