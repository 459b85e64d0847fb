package model

import (
	"slices"
	"sync/atomic"
)

// kept are lists of partners that are laid out in lanes, as requests ask about
// the same ones again and again, over whatever connection. Their number is
// bounded. Each list has one spot, by its hash. It is laid out when it is
// asked for twice while no other list of that spot is, and gives way to
// another only when it was not asked for lately: where every request brings
// another list, none is laid out.
type kept struct {
	spots []spot
}

type spot struct {
	list   atomic.Pointer[list] // replaced, never changed; nil for none
	wanted atomic.Uint64        // hash of the list that was missed last
}

// list is some partners, by their keys, and what they leave of all trees.
type list struct {
	keys  []uint32
	lanes []uint16
	asked atomic.Bool // since another list wanted its spot
}

const (
	maxKeptBytes = 1 << 20 // more where few lists fit
	fewestKept   = 4
	mostKept     = 64
	spotSize     = 16
)

// newKept has spots for lists of so many bytes each.
func newKept(bytes int) kept {
	return kept{spots: make([]spot, min(max(maxKeptBytes/max(bytes, 1), fewestKept), mostKept))}
}

// find returns the list of some partners, or nil. wanted tells whether it
// should be kept from now on.
func (k *kept) find(keys []uint32) (found *list, wanted bool) {
	hash := hashKeys(keys)
	p := &k.spots[hash>>32%uint64(len(k.spots))]
	now := p.list.Load()
	if now != nil && slices.Equal(now.keys, keys) {
		if !now.asked.Load() { // a line that all processors read is not written each time
			now.asked.Store(true)
		}
		return now, false
	}
	if p.wanted.Swap(hash) != hash {
		return nil, false
	}
	return nil, now == nil || !now.asked.Swap(false)
}

// keep puts a list into its spot.
func (k *kept) keep(l *list) {
	k.spots[hashKeys(l.keys)>>32%uint64(len(k.spots))].list.Store(l)
}

func hashKeys(keys []uint32) uint64 {
	h := uint64(len(keys)) + 1
	for _, key := range keys {
		h = (h ^ uint64(key)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}

// bytes is what the spots hold now.
func (k *kept) bytes() int {
	n := len(k.spots) * spotSize
	for i := range k.spots {
		if l := k.spots[i].list.Load(); l != nil {
			n += len(l.keys)*4 + len(l.lanes)*2 + listSize
		}
	}
	return n
}

const listSize = 64
