package model

import (
	"slices"
	"sync/atomic"
)

// kept are lists of partners that are laid out in lanes, as requests ask about
// the same ones again and again, over whatever connection. Their number is
// bounded. Each list has two spots where it may be, by its hash. It is laid out
// when it is asked for twice and hardly any other list was missed between, and
// takes a spot only from one that was not asked for lately: where every request
// brings another list, none is laid out.
type kept struct {
	spots  []spot
	missed []atomic.Uint64 // hashes of lists that were, each in its place
}

type spot struct {
	list atomic.Pointer[list] // replaced, never changed; nil for none
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
	spotSize     = 8
	listsMissed  = 256
)

// newKept has spots for lists of so many bytes each.
func newKept(bytes int) kept {
	n := min(max(maxKeptBytes/max(bytes, 1), fewestKept), mostKept)
	return kept{spots: make([]spot, n), missed: make([]atomic.Uint64, listsMissed)}
}

// find returns the list of some partners, or nil. Where one should be kept from
// now on, free is where.
func (k *kept) find(keys []uint32) (found *list, free *spot) {
	hash := hashKeys(keys)
	n := uint64(len(k.spots)) // at least two
	at := hash % n
	first, second := &k.spots[at], &k.spots[(at+1+hash>>32%(n-1))%n]
	for _, p := range [...]*spot{first, second} {
		if l := p.list.Load(); l != nil && slices.Equal(l.keys, keys) {
			if !l.asked.Load() { // a line that all processors read is not written each time
				l.asked.Store(true)
			}
			return l, nil
		}
	}
	if k.missed[hash>>56].Swap(hash) != hash {
		return nil, nil
	}
	for _, p := range [...]*spot{first, second} {
		if l := p.list.Load(); l == nil || !l.asked.Swap(false) {
			return nil, p
		}
	}
	return nil, nil
}

// hashKeys takes two keys at a time.
func hashKeys(keys []uint32) uint64 {
	h := uint64(len(keys)) + 1
	for ; len(keys) > 1; keys = keys[2:] {
		h = (h ^ uint64(keys[0])<<32 ^ uint64(keys[1])) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	if len(keys) > 0 {
		h = (h ^ uint64(keys[0])) * 0x9e3779b97f4a7c15
	}
	return h ^ h>>32
}

// bytes is what the spots hold now.
func (k *kept) bytes() int {
	n := len(k.spots)*spotSize + len(k.missed)*8
	for i := range k.spots {
		if l := k.spots[i].list.Load(); l != nil {
			n += len(l.keys)*4 + len(l.lanes)*2 + listSize
		}
	}
	return n
}

const listSize = 64
