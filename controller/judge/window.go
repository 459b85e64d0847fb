package judge

import "math"

// closeReady closes every open window that is large enough.
func (s *State) closeReady(p Policy) {
	s.windowRequests, s.windowBuckets = p.WindowRequests, p.WindowBuckets
	for i := range s.streams {
		if s.closeWindow(i, int64(p.WindowRequests), p.WindowBuckets) && i == overall {
			s.fresh++
		}
	}
}

// closeAtStep closes the open windows that hold at least a quarter of what a
// window should, and drops the rest.
func (s *State) closeAtStep() {
	for i := range s.streams {
		least, buckets := max(1, int64(s.windowRequests/4)), max(4, s.windowBuckets/4)
		if !s.closeWindow(i, least, buckets) {
			s.emptyWindow(i)
		}
	}
}

// closeWindow adds a stream's open window to its closed ones, if it has at
// least so many units and active buckets in either arm. Within a window both
// arms see the same traffic, so differences are taken there, and a drift of
// traffic or of the arms' shares between windows cannot feign a difference.
func (s *State) closeWindow(i int, least int64, buckets int) bool {
	st := &s.streams[i]
	if st.Open[candidate] < least || st.Open[control] < least {
		return false
	}
	var n, x, g [arms]float64
	for r := range s.rows {
		row := &s.rows[r]
		for c := i * row.buckets; c < (i+1)*row.buckets; c++ {
			if row.n[c] > 0 {
				n[row.arm] += float64(row.n[c])
				x[row.arm] += float64(row.x[c])
				g[row.arm]++
			}
		}
	}
	if min(g[candidate], g[control]) < float64(max(2, buckets)) {
		return false
	}
	q := n[candidate] * n[control] / (n[candidate] + n[control])
	st.D += q * (x[candidate]/n[candidate] - x[control]/n[control])
	st.Q += q
	for a := range n {
		p := x[a] / n[a]
		rare := 1 / (n[a] + 2) // a rate of zero is known no better than this
		st.Binomial += q * q * math.Max(p*(1-p), rare*(1-rare)) / n[a]
		st.N[a] += n[a]
		st.X[a] += x[a]
	}
	st.Windows++
	for r := range s.rows {
		a := s.rows[r].arm
		s.rows[r].influence(i, x[a]/n[a], math.Sqrt(g[a]/(g[a]-1))*q/n[a])
	}
	s.emptyWindow(i)
	return true
}

// influence adds what each cluster of the row moved a closed window's D by,
// against the arm's rate.
func (r *row) influence(i int, rate, weight float64) {
	if r.u[r.arm] == nil {
		r.u[r.arm] = make([]float64, len(r.n))
		r.active[r.arm] = make([]uint64, len(r.n)/r.buckets)
	}
	u := r.u[r.arm][i*r.buckets : (i+1)*r.buckets]
	for g := range u {
		c := i*r.buckets + g
		if r.n[c] > 0 {
			u[g] += weight * (float64(r.x[c]) - rate*float64(r.n[c]))
			r.active[r.arm][i] |= 1 << g
		}
	}
}

// emptyWindow begins a stream's next window.
func (s *State) emptyWindow(i int) {
	s.streams[i].Open = [arms]int64{}
	for r := range s.rows {
		row := &s.rows[r]
		clear(row.n[i*row.buckets : (i+1)*row.buckets])
		clear(row.x[i*row.buckets : (i+1)*row.buckets])
	}
}
