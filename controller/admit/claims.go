package admit

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/sluicehq/sluice/inference/release"
)

// What a manifest predicts is a claim. The golden auctions are a sample of the
// same traffic, small but at hand, and a prediction that they contradict is not
// believed.
//
// An honest one must not be refused by chance. So the test is exact: the tails
// of the binomial distribution, from which Clopper and Pearson made their
// confidence limits (Biometrika 26, 1934), at a level that one honest manifest
// in ten thousand would miss if its true rate were at the very edge; and the
// edge is not that of the interval but predictionMargin beyond it, since
// auctions of one hour are not those of another. Far fewer do in fact. What the
// test lets through is for the judge.
const (
	predictionMargin = 0.05 // as wide as the judge's widest
	predictionLevel  = 1e-4
)

// sample is how many of some golden auctions are filtered.
type sample struct{ filtered, drawn int }

func (s *sample) add(filtered bool) {
	if s.drawn++; filtered {
		s.filtered++
	}
}

// samples counts the golden auctions of a release, in all and by partner, each
// auction once: partners of one auction are no draws of their own.
func samples(r *release.Release) (all sample, partners map[string]sample) {
	partners = map[string]sample{}
	seen := map[string]bool{}
	for _, g := range r.Manifest.Golden {
		if len(g.Auction) == 0 {
			continue // made up, perhaps
		}
		filtered := g.Score < r.Threshold(g.Partner)
		if auction := string(g.Auction); !seen[auction] {
			seen[auction] = true
			all.add(filtered)
		}
		if auction := g.Partner + "\x00" + string(g.Auction); !seen[auction] {
			seen[auction] = true
			one := partners[g.Partner]
			one.add(filtered)
			partners[g.Partner] = one
		}
	}
	return all, partners
}

// believable refuses predictions that the golden auctions contradict. It must
// have been proven that the release scores as they say.
func believable(r *release.Release, predicts bool) error {
	all, partners := samples(r)
	predicted := r.Manifest.Predicted
	if predicts && !all.fits(predicted.FilterRate, predictionLevel/2) {
		return contradiction("", all, predicted.FilterRate)
	}
	for _, name := range slices.Sorted(maps.Keys(predicted.Partners)) {
		if s := partners[name]; !s.fits(predicted.Partners[name], predictionLevel/2/float64(len(predicted.Partners))) {
			return contradiction(fmt.Sprintf(" of partner %.60q", name), s, predicted.Partners[name])
		}
	}
	return nil
}

func contradiction(of string, s sample, predicted release.Interval) error {
	return refuse(FilterRate, "it filters %d of its own %d golden auctions%s and predicts a filter rate of %s, which do not go together; predict the rate by the thresholds of the manifest, and draw golden auctions from the traffic that it is predicted on",
		s.filtered, s.drawn, of, rate(predicted))
}

// fits tells whether a sample may come of a rate, at a level for both sides
// together.
func (s sample) fits(predicted release.Interval, level float64) bool {
	tooMany := atLeast(s.filtered, s.drawn, predicted.High+predictionMargin)
	tooFew := atLeast(s.drawn-s.filtered, s.drawn, 1-predicted.Low+predictionMargin)
	return min(tooMany, tooFew) >= level/2
}

// atLeast is the chance of k or more hits in n draws with chance p.
func atLeast(k, n int, p float64) float64 {
	switch {
	case k <= 0 || p >= 1:
		return 1
	case p <= 0:
		return 0
	}
	sum := 0.0
	for i := k; i <= n; i++ {
		sum += math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(1, sum)
}

func logChoose(n, k int) float64 {
	of := func(n int) float64 { v, _ := math.Lgamma(float64(n) + 1); return v }
	return of(n) - of(k) - of(n-k)
}
