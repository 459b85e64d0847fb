package judge

import (
	"math"
	"testing"
)

// tasks is an exceedance over so many tasks per arm, all with as many requests
// but shares of their own, in so many windows.
func tasksOf(requests float64, windows int, shares [Arms][]float64) Exceedance {
	var d Difference
	d.Windows = windows
	var rate, n [Arms]float64
	for a, each := range shares {
		for _, p := range each {
			d.N[a] += requests
			d.X[a] += p * requests
			d.NN[a] += requests * requests
			d.G[a]++
		}
		n[a] = d.N[a]
		rate[a] = d.X[a] / d.N[a]
	}
	d.Q = n[CandidateArm] * n[ControlArm] / (n[CandidateArm] + n[ControlArm])
	d.D = d.Q * (rate[CandidateArm] - rate[ControlArm])
	for a, each := range shares {
		for _, p := range each {
			u := d.Q / n[a] * requests * (p - rate[a])
			d.U2[a] += u * u
		}
		rare := 1 / (n[a] + 2)
		d.Binomial += d.Q * d.Q * math.Max(rate[a]*(1-rate[a]), rare*(1-rare)) / n[a]
	}
	return Exceedance{Edge: 50, Of: d}
}

func alike(n int, share, spread float64) (all []float64) {
	for i := range n {
		all = append(all, share+spread*(float64(i%2)-.5))
	}
	return all
}

func TestLatencyVector(t *testing.T) {
	x := Exceedance{Edge: 50, Of: Difference{
		D: 400, Q: 40000, Windows: 10, Binomial: 590, N: [Arms]float64{80000, 80000}, X: [Arms]float64{1600, 800},
		U2: [Arms]float64{90000, 40000}, NN: [Arms]float64{8e8, 8e8}, G: [Arms]int{8, 8},
	}}
	s := weighLatency(x, .005, [Arms]int{8, 8})
	near(t, "d", s.d, .01, 1e-12)
	near(t, "I", s.info, 10769.23076923077, 1e-9)
	near(t, "nu", s.nu, 12.195876288659795, 1e-9)
	near(t, "against", s.against, -.41644399160912543, 1e-9)
	near(t, "proof", s.proof, -.28682280801736104, 1e-9)

	x.Of.G = [Arms]int{7, 8} // the margin doubles
	x.Of.NN = [Arms]float64{8e8, 8e8}
	s = weighLatency(x, .005, [Arms]int{7, 8})
	near(t, "against with few tasks", s.against, -1.009394641444672, 1e-9)
	near(t, "proof with few tasks", s.proof, -.3392092097377501, 1e-9)
}

func TestLatency(t *testing.T) {
	for _, tt := range []struct {
		name              string
		candidate, stable []float64
		worse, proven     bool
		refused           bool
	}{
		{"no change", alike(8, .01, .001), alike(8, .01, .001), false, true, false},
		{"twice as many slow ones", alike(8, .02, .002), alike(8, .01, .001), true, false, false},
		{"on the margin", alike(8, .015, .002), alike(8, .01, .001), false, false, false},
		{"faster", alike(8, .001, 0), alike(8, .01, .001), false, true, false},
		{"a noisy neighbour", append(alike(7, .01, .001), .08), alike(8, .01, .001), false, false, false},
		{"few tasks, little change", alike(4, .01, .001), alike(4, .01, .001), false, true, false},
		{"few tasks, much slower", alike(4, .05, .002), alike(4, .01, .001), true, false, false},
		{"three tasks", alike(3, .5, .001), alike(8, .01, .001), false, false, true},
		{"hardly any slow ones", alike(8, .00001, 0), alike(8, 0, 0), false, true, false},
	} {
		s := weighLatency(tasksOf(100000, 10, [Arms][]float64{tt.candidate, tt.stable}), .005, [Arms]int{len(tt.candidate), len(tt.stable)})
		if worse := s.against >= math.Log(1/latencyAlpha); worse != tt.worse {
			t.Errorf("%s: worse %v at ln E = %v (d %v, nu %v)", tt.name, worse, s.against, s.d, s.nu)
		}
		if proven := s.proof >= requiredLog; proven != tt.proven || s.refused != tt.refused {
			t.Errorf("%s: proven %v at ln E = %v, refused %v", tt.name, proven, s.proof, s.refused)
		}
	}
	if s := weighLatency(Exceedance{}, .005, [Arms]int{8, 8}); s.known || s.against != 0 || s.proof != 0 {
		t.Errorf("nothing says %+v", s)
	}
}

// One task that carries most requests leaves few degrees of freedom.
func TestHeavyTask(t *testing.T) {
	x := tasksOf(1000, 3, [Arms][]float64{alike(8, .03, .001), alike(8, .01, .001)})
	even := x.Of.byTask()
	x.Of.NN[CandidateArm] = .9 * x.Of.N[CandidateArm] * x.Of.N[CandidateArm]
	if heavy := x.Of.byTask(); heavy.ready || !(heavy.nu < even.nu) {
		t.Errorf("heavy %+v, even %+v", heavy, even)
	}
}
