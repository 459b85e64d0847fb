package history

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/controller/judge"
)

// traffic is a rollout's: 8 canary and 8 control tasks that answer some 2,000
// auctions a second, 20 partners each, of which every fiftieth is scored by
// both releases. Partners follow Zipf's law.
type traffic struct {
	rng      *rand.Rand
	at       time.Time
	partners []market
	answered [judge.Arms]int64
}

const (
	clusters      = 16 // per arm
	auctionsALook = 10_000
	pairsALook    = 20 * auctionsALook
)

// market is one partner, with what its clusters have counted.
type market struct {
	share, rate float64
	open        [judge.Arms][clusters][2]float64 // units and events of the open window
	u           [judge.Arms][clusters]float64
	pairs       [2 * clusters][3]float64 // pairs, candidate only, stable only
	stream      judge.Stream
}

func newTraffic(partners int, seed uint64) *traffic {
	t := &traffic{rng: rand.New(rand.NewPCG(seed, 1)), at: time.Date(2026, 11, 22, 14, 0, 0, 123456789, time.UTC), partners: make([]market, partners)}
	var all float64
	for i := range t.partners {
		t.partners[i].share = 1 / math.Pow(float64(i+1), .8)
		t.partners[i].rate = .2 + .6*t.rng.Float64()
		all += t.partners[i].share
	}
	for i := range t.partners {
		t.partners[i].share /= all
	}
	return t
}

// poisson is near enough to one.
func (t *traffic) poisson(mean float64) float64 {
	if mean > 30 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*t.rng.NormFloat64()))
	}
	limit, n := math.Exp(-mean), 0.
	for p := t.rng.Float64(); p > limit; n++ {
		p *= t.rng.Float64()
	}
	return n
}

// look lets one look's time pass.
func (t *traffic) look() judge.Statistics {
	t.at = t.at.Add(5*time.Second + time.Duration(t.rng.IntN(3e6)))
	s := judge.Statistics{At: t.at, Served: true, Step: 1, Streams: make([]judge.Stream, judge.FirstPartner)}
	for i := range t.partners {
		p := &t.partners[i]
		t.serve(p)
		p.close()
		s.Streams = append(s.Streams, p.stream)
		s.Partners = append(s.Partners, judge.Partner{Name: "partner-" + strconv.Itoa(i), Tail: i > 60, Traffic: p.stream.Scored[0] + p.stream.Scored[1]})
	}
	s.Streams[judge.Overall] = t.partners[0].stream
	s.Streams[judge.Tail] = t.partners[len(t.partners)-1].stream
	s.Fresh = s.Streams[0].Served.Windows
	for a := range t.answered {
		t.answered[a] += int64(t.poisson(auctionsALook / 2))
		s.Load[a] = judge.Load{Tasks: 8, Connections: 400 + t.poisson(30), Squares: 2e4 + t.poisson(500), Requests: t.answered[a]}
		s.Recent[a].Requests = int64(t.poisson(auctionsALook))
		for b := range s.Scores[a] {
			s.Scores[a][b] = t.answered[a]*int64(b)/2016 + int64(t.poisson(9))
		}
	}
	for i := range 8 {
		s.Loudest = append(s.Loudest, judge.Cluster{Task: "task-" + strconv.Itoa(t.rng.IntN(16)), Bucket: t.rng.IntN(64), Arm: judge.Candidate, Influence: t.rng.NormFloat64() * float64(i)})
	}
	s.Answered, s.Shadowed = t.answered, t.answered[0]/50
	return s
}

func (t *traffic) serve(p *market) {
	mean := p.share * pairsALook / (2 * clusters)
	for a := range p.open {
		for g := range p.open[a] {
			n := t.poisson(mean)
			x := math.Min(n, t.poisson(n*p.rate))
			p.open[a][g][0] += n
			p.open[a][g][1] += x
			p.stream.Scored[a] += int64(n)
			p.stream.Filtered[a] += int64(x)
			both := &p.pairs[a*clusters+g]
			both[0] += t.poisson(n / 50)
			both[1] += t.poisson(n / 2500)
			both[2] += t.poisson(n / 2500)
		}
	}
	var q judge.PairSums
	for _, c := range p.pairs {
		if n, ten, one := c[0], c[1], c[2]; n > 0 {
			s, f := ten-one, ten+one
			q.N, q.Ten, q.One, q.G = q.N+n, q.Ten+ten, q.One+one, q.G+1
			q.SS, q.SN, q.NN, q.FF = q.SS+s*s, q.SN+s*n, q.NN+n*n, q.FF+f*f/n
		}
	}
	p.stream.Pairs = q
}

// close closes the window if there is enough in it.
func (p *market) close() {
	var n, x [judge.Arms]float64
	for a := range p.open {
		for _, c := range p.open[a] {
			n[a], x[a] = n[a]+c[0], x[a]+c[1]
		}
	}
	if math.Min(n[0], n[1]) < 400 {
		return
	}
	d := &p.stream.Served
	q := n[0] * n[1] / (n[0] + n[1])
	d.Q += q
	d.D += q * (x[0]/n[0] - x[1]/n[1])
	rate := (x[0] + x[1]) / (n[0] + n[1])
	d.Binomial += q * rate * (1 - rate)
	d.Windows++
	d.U2, d.NN, d.G = [judge.Arms]float64{}, [judge.Arms]float64{}, [judge.Arms]int{clusters, clusters}
	for a := range p.open {
		d.N[a], d.X[a] = d.N[a]+n[a], d.X[a]+x[a]
		for g := range p.open[a] {
			c := &p.open[a][g]
			p.u[a][g] += q / n[a] * (c[1] - x[a]/n[a]*c[0])
			d.U2[a] += p.u[a][g] * p.u[a][g]
			d.NN[a] += c[0] * c[0]
			*c = [2]float64{}
		}
	}
}
