package model

// maxMemoBytes bounds what is kept of partners known beforehand: 10,000 of
// them for 200 trees.
const maxMemoBytes = 16 << 20

// remember makes the words of partners known beforehand, as many as fit, and
// returns how many that are. A model that splits no feature of the partner
// alone has nothing to keep.
func (m *masks) remember(partners [][]float32) int {
	if len(m.parts.partner) == 0 || m.trees == 0 {
		return 0
	}
	n := min(len(partners), maxMemoBytes/(8*m.trees))
	m.known = ones(n * m.trees)
	for i, row := range partners[:n] {
		m.narrow(m.known[i*m.trees:(i+1)*m.trees], m.parts.partner, row[:m.features:m.features])
	}
	return n
}
