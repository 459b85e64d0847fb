package tally

import "github.com/sluicehq/sluice/controller/judge"

// A table holds clusters: for every slot, which is a task or several, and
// every bucket a cell per stream. When there would be too many clusters,
// neighbouring buckets of a task are counted as one, and then neighbouring
// tasks. That only coarsens the clusters: sums of independent clusters are
// independent clusters.
type table struct {
	buckets int // most that a task has shown
	shift   int // 2^shift neighbouring buckets are one cluster
	blocks  []block
}

// A block is the clusters of one slot. A column holds width cells for each
// stream, or partner.
type block struct {
	task     string // whose they are, or the last of those
	stratum  int    // of that task
	columns  [blockColumns][]float64
	rare     [rares][]float64          // trials and events of ratios; width cells
	outcomes [outcomeColumns][]float64 // of pairs; nil where no outcome is known
	liveBids [liveBidColumns][]float64 // of pairs, of all partners; nil where no bid came to the candidate
	slow     [slows]exceeding
	scores   []float64 // of the candidate since the last drift window; nil where none
}

// The columns of the arms' tables: the open window, and over closed windows
// the units, the influence on the difference and what of that was foretold;
// in stable's, of tasks that served it beforehand, the past.
const (
	openN = iota
	openX
	closedN
	influence
	foretold
	armColumns
	pastN = iota - 1
	pastX
)

// The columns of the table of pairs, by partner, in threes: pairs that both
// releases scored, those that only the candidate and only stable filter. Pairs
// are counted as all of a rollout, as those on tasks that served the candidate
// (live) and on those beside them that served stable (beside), and as those of
// the present and of the stretch of time that is the present next; bids bear
// the weight of what share of traffic is explored. The value of bids has a
// column more: all of it, what the candidate only, stable only, and both lose.
const (
	pairs   = 0
	bids    = 3
	live    = 6
	beside  = 9
	present = 12
	coming  = 15

	value = iota + 12
	valueTen
	valueOne
	valueBoth
	blockColumns
)

// The rare events of the arms' tables, and of the table of pairs.
const (
	errorTrials = iota
	errorEvents
	invalidTrials
	invalidEvents
	rares

	shadowTrials = 0 // the candidate's; stable's come after both
	shadowEvents = 1
	stableTrials = 2
	stableEvents = 3
)

func (t *table) width() int { return (max(1, t.buckets)-1)>>t.shift + 1 }

func (t *table) shape() shape { return shape{t.width(), t.shift} }

// lines is how many cells of one bucket a column of the table has.
func (s *State) lines(t int) int {
	if t == pairsTable {
		return len(s.partners)
	}
	return judge.FirstPartner + len(s.partners)
}

// limit is how many clusters a table may hold.
func (s *State) limit() int {
	return min(maxClusters, maxCells/(judge.FirstPartner+len(s.partners)))
}

// fit makes room for every partner, and folds what is too much.
func (s *State) fit(t int) {
	for len(s.tables[t].blocks)*s.tables[t].width() > s.limit() {
		s.coarsen(t)
	}
	b := &s.tables[t]
	for i := range b.blocks {
		for c := range b.blocks[i].columns {
			if column := b.blocks[i].columns[c]; column != nil {
				b.blocks[i].columns[c] = extend(column, s.lines(t)*b.width())
			}
		}
	}
}

// newBlock returns an empty block of a table.
func (s *State) newBlock(t int, task string) block {
	b := block{task: task}
	width := s.tables[t].width()
	columns := armColumns
	if t == pairsTable {
		columns = bids // those of bids come with the first of them
	}
	for c := range columns {
		b.columns[c] = make([]float64, s.lines(t)*width)
	}
	for c := range b.rare {
		b.rare[c] = make([]float64, width)
	}
	return b
}

// place returns the slot of a row in a table, and finds it one if it has none:
// that of an earlier process of the task, a new one, that of a task long
// silent, or one that it shares.
func (s *State) place(i, t int) int {
	row := &s.rows[i]
	if row.slots[t] != noSlot {
		return row.slots[t]
	}
	row.slots[t] = s.slot(i, t)
	b := &s.tables[t].blocks[row.slots[t]]
	b.task, b.stratum = row.Task, row.stratum
	return row.slots[t]
}

func (s *State) slot(i, t int) int {
	task := s.rows[i].Task
	first, _ := s.find(key{task, ""})
	for j := first; j < len(s.rows) && s.rows[j].Task == task; j++ {
		if s.rows[j].slots[t] != noSlot {
			return s.rows[j].slots[t]
		}
	}
	for {
		table := &s.tables[t]
		n := len(table.blocks)
		if (n+1)*table.width() <= s.limit() {
			table.blocks = append(table.blocks, s.newBlock(t, task))
			return n
		}
		if silent := s.silentSlot(t); silent != noSlot {
			if t == judge.ControlArm { // what another task did is no past of this one
				table.blocks[silent].columns[pastN], table.blocks[silent].columns[pastX] = nil, nil
			}
			return silent
		}
		if table.width() == 1 {
			return int(hash(task) % uint32(n))
		}
		s.coarsen(t)
	}
}

// silentSlot returns a slot whose tasks have not reported for two looks.
func (s *State) silentSlot(t int) int {
	seen := make([]int, len(s.tables[t].blocks))
	for i := range s.rows {
		if at := s.rows[i].slots[t]; at != noSlot {
			seen[at] = max(seen[at], s.rows[i].seen)
		}
	}
	best := noSlot
	for at, look := range seen {
		if look < s.looks-1 && (best == noSlot || look < seen[best]) {
			best = at
		}
	}
	return best
}

// hash is FNV-1a.
func hash(text string) uint32 {
	h := uint32(2166136261)
	for i := range len(text) {
		h = (h ^ uint32(text[i])) * 16777619
	}
	return h
}

// coarsen halves a table's clusters: those of each task, or where they are one
// already, those of neighbouring tasks become one.
func (s *State) coarsen(t int) {
	table := &s.tables[t]
	for i := range s.streams {
		s.streams[i].stale = true
	}
	if old := table.width(); old > 1 {
		table.shift++
		for i := range table.blocks {
			table.blocks[i].reshape(old, table.width(), 1)
		}
		return
	}
	half := (len(table.blocks) + 1) / 2
	for i := range table.blocks {
		if i%2 == 0 {
			table.blocks[i/2] = table.blocks[i]
		} else {
			table.blocks[i/2].merge(&table.blocks[i])
		}
	}
	clear(table.blocks[half:])
	table.blocks = table.blocks[:half]
	for i := range s.rows {
		if s.rows[i].slots[t] != noSlot {
			s.rows[i].slots[t] /= 2
		}
	}
}

// widen makes room for a task with more buckets than any before it.
func (s *State) widen(buckets int) {
	for t := range s.tables {
		table := &s.tables[t]
		if buckets <= table.buckets {
			continue
		}
		old := table.width()
		table.buckets = buckets
		for i := range table.blocks {
			table.blocks[i].reshape(old, table.width(), 0)
		}
		s.fit(t)
	}
}

// reshape gives every list another width; shift neighbours become one.
func (b *block) reshape(old, width, shift int) {
	for c := range b.columns {
		b.columns[c] = reshaped(b.columns[c], old, width, shift)
	}
	for c := range b.rare {
		b.rare[c] = reshaped(b.rare[c], old, width, shift)
	}
	for c := range b.outcomes {
		b.outcomes[c] = reshaped(b.outcomes[c], old, width, shift)
	}
	for c := range b.liveBids {
		b.liveBids[c] = reshaped(b.liveBids[c], old, width, shift)
	}
}

func reshaped(from []float64, old, width, shift int) []float64 {
	if from == nil || old == width && shift == 0 {
		return from
	}
	to := make([]float64, len(from)/old*width)
	for i, v := range from {
		to[i/old*width+i%old>>shift] += v
	}
	return to
}

// merge adds another block's cells to its own.
func (b *block) merge(other *block) {
	for c, column := range other.columns {
		b.columns[c] = addAll(b.columns[c], column)
	}
	for c, column := range other.rare {
		b.rare[c] = addAll(b.rare[c], column)
	}
	for c, column := range other.outcomes {
		b.outcomes[c] = addAll(b.outcomes[c], column)
	}
	for c, column := range other.liveBids {
		b.liveBids[c] = addAll(b.liveBids[c], column)
	}
	b.scores = addAll(b.scores, other.scores)
	for k := range b.slow {
		b.slow[k].add(other.slow[k])
	}
}

func addAll(to, from []float64) []float64 {
	if to == nil {
		return from
	}
	for i, v := range from {
		to[i] += v
	}
	return to
}
