package judge

import (
	"math"
	"math/rand/v2"
	"testing"
)

// about draws from a Poisson distribution, or near enough.
func about(rng *rand.Rand, mean float64) float64 {
	if mean > 30 {
		return max(0, math.Round(mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	n, left := 0.0, rng.ExpFloat64()
	for left < mean {
		n++
		left += rng.ExpFloat64()
	}
	return n
}

// slowly plays looks of latency: tasks have lasting shares of slow requests of
// their own, spread around the arm's rate. It says whether the gate ever fired,
// and whether its proof ever stood.
func slowly(rng *rand.Rand, tasks int, rates [Arms]float64, spread float64) (worse, proven bool) {
	const requests = 500 // per task and look
	var lasting, u, n [Arms][]float64
	for a := range Arms {
		u[a], n[a] = make([]float64, tasks), make([]float64, tasks)
		for range tasks {
			lasting[a] = append(lasting[a], rates[a]*math.Exp(spread*rng.NormFloat64()-spread*spread/2))
		}
	}
	var d Difference
	for range 100 {
		var x [Arms][]float64
		var rate [Arms]float64
		q := requests * float64(tasks) / 2
		for a := range Arms {
			for i := range tasks {
				x[a] = append(x[a], about(rng, requests*lasting[a][i]))
				rate[a] += x[a][i] / requests / float64(tasks)
			}
			d.N[a] += 2 * q
			d.X[a] += rate[a] * 2 * q
			d.Binomial += q * q * rate[a] * (1 - rate[a]) / (2 * q)
		}
		d.U2, d.NN, d.G = [Arms]float64{}, [Arms]float64{}, [Arms]int{tasks, tasks}
		for a := range Arms {
			for i := range tasks {
				u[a][i] += .5 * (x[a][i] - rate[a]*requests)
				n[a][i] += requests
				d.U2[a] += u[a][i] * u[a][i]
				d.NN[a] += n[a][i] * n[a][i]
			}
		}
		d.Q += q
		d.D += q * (rate[CandidateArm] - rate[ControlArm])
		d.Windows++
		s := weighLatency(Exceedance{Edge: 50, Of: d}, .005, [Arms]int{tasks, tasks})
		worse = worse || s.against >= math.Log(1/latencyAlpha)
		proven = proven || s.proof >= requiredLog
	}
	return worse, proven
}

// missed plays looks of explored bids, in 200 clusters that each lean a little
// one way for ever.
func missed(rng *rand.Rand, ten, one, spread float64) (worse, proven bool) {
	var st Stream
	var n, up, down, lean [200]float64
	for i := range lean {
		lean[i] = math.Exp(spread*rng.NormFloat64() - spread*spread/2)
	}
	for range 100 {
		st = Stream{}
		for i := range n {
			n[i] += about(rng, 5)
			up[i] += about(rng, 5*ten*lean[i])
			down[i] += about(rng, 5*one*lean[len(lean)-1-i])
			s, f := 50*(up[i]-down[i]), 50*(up[i]+down[i])
			w := 50 * max(n[i], up[i]+down[i])
			if w == 0 {
				continue
			}
			b := &st.Bids
			b.N, b.Ten, b.One, b.G = b.N+w, b.Ten+50*up[i], b.One+50*down[i], b.G+1
			b.SS, b.SN, b.NN, b.FF = b.SS+s*s, b.SN+s*w, b.NN+w*w, b.FF+f*f/w
			st.BidsSeen += int64(w / 50)
			st.BidsFlips += int64(f / 50)
		}
		m := weighBids(st, .005)
		worse = worse || m.against >= math.Log(1/missedBidsAlpha)
		proven = proven || m.proof >= requiredLog
	}
	return worse, proven
}

// The one-sided gates hold their error rates on the margin, find what is well
// beyond it, and prove what is fine. Tolerances leave room for chance in so few
// runs; -runs makes them sharper.
func TestGuards(t *testing.T) {
	const times = 200
	for _, tt := range []struct {
		name                    string
		play                    func(*rand.Rand) (worse, proven bool)
		mostWorse, mostProven   float64
		leastWorse, leastProven float64
	}{
		{"latency, no change", func(r *rand.Rand) (bool, bool) { return slowly(r, 8, [Arms]float64{.01, .01}, .1) }, .01, 1, 0, .9},
		{"latency on the margin", func(r *rand.Rand) (bool, bool) { return slowly(r, 8, [Arms]float64{.015, .01}, .1) }, .02, .08, 0, 0},
		{"latency on the margin, tasks unlike", func(r *rand.Rand) (bool, bool) { return slowly(r, 8, [Arms]float64{.015, .01}, .5) }, .02, .08, 0, 0},
		{"latency on the wider margin of few tasks", func(r *rand.Rand) (bool, bool) { return slowly(r, 4, [Arms]float64{.02, .01}, .3) }, .02, .08, 0, 0},
		{"three times as many slow ones", func(r *rand.Rand) (bool, bool) { return slowly(r, 8, [Arms]float64{.03, .01}, .1) }, 1, 0, .95, 0},
		{"bids, no change", func(r *rand.Rand) (bool, bool) { return missed(r, .01, .01, .5) }, .01, 1, 0, .9},
		{"bids on the margin", func(r *rand.Rand) (bool, bool) { return missed(r, .015, .01, .5) }, .03, .08, 0, 0},
		{"hardly any bid differs, on the margin", func(r *rand.Rand) (bool, bool) { return missed(r, .005, 0, .2) }, .03, .08, 0, 0},
		{"three points more bids missed", func(r *rand.Rand) (bool, bool) { return missed(r, .04, .01, .5) }, 1, 0, .95, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(11, 12))
			worse, proven := 0.0, 0.0
			for range times {
				w, p := tt.play(rng)
				if w {
					worse++
				}
				if p {
					proven++
				}
			}
			t.Logf("worse in %.1f %%, proven in %.1f %%", 100*worse/times, 100*proven/times)
			if worse > tt.mostWorse*times || worse < tt.leastWorse*times || proven > tt.mostProven*times || proven < tt.leastProven*times {
				t.Errorf("worse in %v, proven in %v of %v", worse, proven, times)
			}
		})
	}
}
