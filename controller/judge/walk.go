package judge

import (
	"encoding/json"
	"slices"
)

// walk writes or reads the state, whichever the codec does.
func (s *State) walk(c *codec) {
	version := checkpointVersion
	integer(c, &version)
	if version != checkpointVersion {
		c.fail(damaged("it is of another version"))
		return
	}
	integer(c, &s.looks)
	c.time(&s.last)
	c.time(&s.since)
	elements(c, &s.partners, c.string)
	elements(c, &s.inTail, c.bool)
	c.bool(&s.tiered)
	elements(c, &s.traffic, func(v *int64) { integer(c, v) })
	elements(c, &s.gone, func(k *key) { c.string(&k.Task); c.string(&k.Boot) })
	elements(c, &s.streams, func(st *stream) { st.walk(c) })
	for m := range s.ratios {
		s.ratios[m].walk(c)
	}
	integer(c, &s.shadowed)
	integer(c, &s.pairsStep)
	integer(c, &s.fresh)
	c.bool(&s.stepped)
	c.time(&s.stepAt)
	c.float(&s.stepProgress)
	integer(c, &s.windowRequests)
	integer(c, &s.windowBuckets)
	for a := range arms {
		integer(c, &s.dry[a])
		integer(c, &s.answered[a])
	}
	c.floats(s.evidence[:])
	s.walkWorse(c)
	if c.err == nil && !s.consistent() {
		c.fail(damaged("its lists disagree"))
		return
	}
	elements(c, &s.rows, func(r *row) { r.walk(c, len(s.partners)) })
}

// consistent says whether every partner has its place in every list.
func (s *State) consistent() bool {
	n := len(s.partners)
	streams := len(s.streams) == n+firstPartner || n == 0 && len(s.streams) == 0
	return n <= MaxPartners && len(s.inTail) == n && len(s.traffic) == n && streams
}

func (s *State) walkWorse(c *codec) {
	if c.reading {
		if data := c.bytes(nil); len(data) > 0 {
			s.worse = new(Verdict)
			if err := json.Unmarshal(data, s.worse); err != nil {
				c.fail(err)
			}
		}
		return
	}
	var data []byte
	if s.worse != nil {
		var err error
		if data, err = json.Marshal(s.worse); err != nil {
			c.fail(err)
		}
	}
	c.bytes(data)
}

// reindex rebuilds what is derived.
func (s *State) reindex() {
	if len(s.partners) == 0 {
		return
	}
	s.index = make(map[string]int, len(s.partners))
	for i, name := range s.partners {
		s.index[name] = i
	}
	slices.SortFunc(s.rows, compareRows)
}

func (st *stream) walk(c *codec) {
	c.float(&st.D)
	c.float(&st.Q)
	c.float(&st.Binomial)
	integer(c, &st.Windows)
	for a := range arms {
		c.float(&st.N[a])
		c.float(&st.X[a])
		c.float(&st.FoldedU2[a])
		integer(c, &st.FoldedG[a])
		integer(c, &st.Open[a])
		integer(c, &st.Scored[a])
		integer(c, &st.Filtered[a])
	}
	st.folded.walk(c)
	st.Paired.walk(c)
	st.Solo.walk(c)
}

func (p *pairSums) walk(c *codec) {
	for _, v := range []*float64{&p.N, &p.Ten, &p.One, &p.SS, &p.SN, &p.NN, &p.FF, &p.FN, &p.G} {
		c.sparse(v)
	}
}

func (p *proof) walk(c *codec) {
	for _, v := range []*float64{&p.Up, &p.Down, &p.Low, &p.High} {
		c.float(v)
	}
}

func (r *ratio) walk(c *codec) {
	c.floats(r.Logs[:])
	c.floats(r.Proofs[:])
	c.floats(r.N[:])
	c.floats(r.X[:])
	c.float(&r.Requests)
	for a := range arms {
		r.Folded[a].walk(c)
	}
	r.Proof.walk(c)
}

func (r *row) walk(c *codec, partners int) {
	c.string(&r.Task)
	c.string(&r.Boot)
	integer(c, &r.arm)
	integer(c, &r.generation)
	integer(c, &r.buckets)
	integer(c, &r.seen)
	if r.arm < 0 || r.arm >= arms || r.buckets < 1 || r.buckets > MaxBuckets {
		c.fail(damaged("a task has no arm or no buckets"))
		return
	}
	b := r.buckets
	for i := range r.totals {
		cells(c, &r.totals[i], b)
	}
	for i := range r.last {
		cells(c, &r.last[i], partners*b)
	}
	for i := range r.pairs {
		cells(c, &r.pairs[i], partners*b)
	}
	cells(c, &r.n, (firstPartner+partners)*b)
	cells(c, &r.x, (firstPartner+partners)*b)
	for a := range arms {
		r.walkArm(c, a, firstPartner+partners)
	}
}

// walkArm walks what is known of the row as one arm; of most rows nothing is
// known as the other.
func (r *row) walkArm(c *codec, a, streams int) {
	for m := range r.ratio {
		cells(c, &r.ratio[m][a].n, r.buckets)
		cells(c, &r.ratio[m][a].x, r.buckets)
	}
	some := r.u[a] != nil
	c.bool(&some)
	if !some {
		return
	}
	cells(c, &r.active[a], streams)
	if c.reading && c.err == nil {
		if streams*r.buckets > len(c.buf) {
			c.fail(errTruncated)
			return
		}
		r.u[a] = make([]float64, streams*r.buckets)
	}
	for i := range r.u[a] {
		c.sparse(&r.u[a][i])
	}
}
