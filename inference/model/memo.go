package model

// maxMemoBytes bounds what is kept of partners known beforehand: 10,000 of
// them for 200 trees.
const maxMemoBytes = 16 << 20

// remember makes the words of partners known beforehand, as many as fit, and
// returns how many that are. A model that splits no feature of the partner
// alone has nothing to keep.
func (m *masks) remember(a Auctions) int {
	if len(m.parts.partner) == 0 || m.trees == 0 {
		return 0
	}
	n := min(a.Partners, maxMemoBytes/(8*m.trees))
	m.known = ones(n * m.trees)
	row := make([]float32, m.features)
	for key := range n {
		a.Partner(row, uint32(key))
		m.narrow(m.known[key*m.trees:(key+1)*m.trees], m.parts.partner, row)
	}
	return n
}
