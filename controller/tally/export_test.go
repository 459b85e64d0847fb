package tally

import "github.com/sluicehq/sluice/controller/judge"

// Bounds that tests hold the state to.
const (
	MaxClusters = maxClusters
	MaxCells    = maxCells
	MaxRows     = maxRows
)

// Size returns how many clusters the fullest table has, how many cells a
// column of it has at most, and how many processes are known.
func (s *State) Size() (clusters, cells, rows int) {
	for t := range s.tables {
		n := 0
		for i := range s.tables[t].blocks {
			clusters = max(clusters, len(s.tables[t].blocks)*s.tables[t].width())
			for _, column := range s.tables[t].blocks[i].columns {
				if len(column) > 0 && len(column) != s.lines(t)*s.tables[t].width() {
					panic("a column has not as many cells as it should")
				}
			}
			n += s.lines(t) * s.tables[t].width()
		}
		cells = max(cells, n)
	}
	return clusters, cells, len(s.rows)
}

// Coarsen folds every table once.
func (s *State) Coarsen() {
	for t := range s.tables {
		if len(s.tables[t].blocks) > 0 {
			s.coarsen(t)
		}
	}
}

// Width is how many clusters a task has at most.
func (s *State) Width() int { return s.tables[judge.ControlArm].width() }

// Lose drops a column of the first block of a table: of the candidate's, of
// stable's, or of pairs.
func (s *State) Lose(table, column int) bool {
	b := &s.tables[table].blocks[0]
	if b.columns[column] == nil {
		return false
	}
	b.columns[column] = nil
	return true
}

// LoseLive drops a column of the first block of pairs that holds live bids.
func (s *State) LoseLive(column int) bool {
	b := &s.tables[pairsTable].blocks[0]
	if column >= len(b.liveBids) || b.liveBids[column] == nil {
		return false
	}
	b.liveBids[column] = nil
	return true
}

// Misplace puts the first block of pairs into a stratum that there is not.
func (s *State) Misplace() { s.tables[pairsTable].blocks[0].stratum = maxStrata }
