package model

// team is an ensemble of scorers.
type team struct {
	members []*Scorer
	link    link
}

// team prepares every member on its own. Partners are known to the team whom
// every member knows.
func (s *Scorer) team(m *Model, v Vectors, a Auctions) {
	t := &team{link: m.link}
	for i, member := range m.members {
		one := member.PrepareFor(v, a)
		t.members = append(t.members, one)
		if i == 0 {
			s.known, s.evaluator, s.allowed, s.vectors = one.known, one.evaluator, one.allowed, one.vectors
		}
		s.known, s.evaluator, s.allowed = min(s.known, one.known), slower(s.evaluator, one.evaluator), slower(s.allowed, one.allowed)
		if one.vectors == NoVectors {
			s.vectors = NoVectors
		}
	}
	s.tables = t
}

func (t *team) begin(s *Scratch, row []float32) {
	if len(s.team) < len(t.members) {
		s.team = make([]Scratch, len(t.members))
	}
	for i, member := range t.members {
		member.Begin(&s.team[i], row)
	}
}

// fill adds the members' answers in float32, as Model.mean does.
func (t *team) fill(s *Scratch, b Batch, scores bool) {
	if cap(s.sums) < len(b.Out) {
		s.sums = make([]float32, len(b.Out))
	}
	sums := s.sums[:len(b.Out)]
	clear(sums)
	for i, member := range t.members {
		member.fill(&s.team[i], b, scores)
		for j, v := range b.Out {
			sums[j] += v
		}
	}
	for j, sum := range sums {
		b.Out[j] = sum / float32(len(t.members))
		if scores {
			b.Out[j] = vote(t.link, b.Out[j])
		}
	}
}

func (t *team) bytes() int64 {
	n := int64(0)
	for _, member := range t.members {
		n += member.MemoryBytes()
	}
	return n
}
