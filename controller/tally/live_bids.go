package tally

import "github.com/sluicehq/sluice/controller/judge"

// The columns of a block of pairs that hold bids on requests that the candidate
// answered, weighted, of all partners together: how many, those that only the
// candidate and only stable filter, and the same by their value. By partner they
// would be six columns more of as many cells as there are pairs.
const (
	liveBidsN = iota
	liveBidsTen
	liveBidsOne
	liveValueN
	liveValueTen
	liveValueOne
	liveBidColumns
)

// countLiveBids adds a partner's bids where the candidate serves.
func (s *State) countLiveBids(t *taking, p *partnerReading) {
	if !t.served || t.row.arm != judge.CandidateArm || p.bids[0].sum == 0 || !(t.weight > 0) {
		return
	}
	s.liveBids += p.bids[0].sum
	s.liveFlips += p.bids[1].sum + p.bids[2].sum
	for i := range p.bids {
		t.addLive(liveBidsN+i, p.bids[i].cells)
	}
	for i := range liveBidColumns - liveValueN {
		cells := p.value[i].cells
		if !t.valued {
			cells = nil
		}
		t.addLive(liveValueN+i, cells)
	}
}

func (t *taking) addLive(column int, cells []float64) {
	if t.both.liveBids[column] == nil {
		t.both.liveBids[column] = make([]float64, t.pair.width)
	}
	for g, v := range cells {
		t.both.liveBids[column][g] += t.weight * v
	}
}

// sumLiveBids adds up the clusters.
func (s *State) sumLiveBids() judge.LiveBids {
	sums := judge.LiveBids{Told: true, Seen: s.liveBids, Flips: s.liveFlips}
	for i := range s.tables[pairsTable].blocks {
		cells := &s.tables[pairsTable].blocks[i].liveBids
		before := sums.Bids.G
		for g, n := range cells[liveBidsN] {
			if n > 0 {
				addPairs(&sums.Bids, n, cells[liveBidsTen][g], cells[liveBidsOne][g])
			}
			sums.Value.Add(cells[liveValueN][g], cells[liveValueTen][g], cells[liveValueOne][g])
		}
		if sums.Bids.G > before {
			sums.Bids.M += float64(len(cells[liveBidsN]))
		}
	}
	return sums
}
