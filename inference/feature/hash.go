package feature

import "math"

// hashing is how a feature of kind hash falls into a bucket.
type hashing struct {
	buckets  uint64
	parts    []int    // readers of the request
	partners []uint64 // by key; none where the partner is not read
	slot     int      // in an Auction, of what the request says, where the partner is read too
}

// FNV-1a, 64 bits.
const (
	hashBasis = 0xcbf29ce484222325
	hashPrime = 0x100000001b3
	hashEnd   = 0xff // behind each part: no byte of UTF-8
)

func hashText(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * hashPrime
	}
	return (h ^ hashEnd) * hashPrime
}

// hashNumber hashes a number's bits, of the lowest byte first, and nothing for
// what is missing.
func hashNumber(h uint64, v float32) uint64 {
	if !absent(v) {
		bits := math.Float32bits(v + 0) // -0 is 0
		for range 4 {
			h = (h ^ uint64(bits&0xff)) * hashPrime
			bits >>= 8
		}
	}
	return (h ^ hashEnd) * hashPrime
}

// mixHash spreads h over all its bits (the finaliser of splitmix64).
func mixHash(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (h *hashing) bucket(hash uint64) float32 { return float32(mixHash(hash) % h.buckets) }

// partner is the hash of a partner's key; partners that came later are unknown.
func (h *hashing) partner(key uint32) uint64 {
	if int(key) < len(h.partners) {
		return h.partners[key]
	}
	return h.partners[unknownID]
}

// hashOf hashes what a request says.
func (e *Extractor) hashOf(h *hashing, r *Request) uint64 {
	hash := uint64(hashBasis)
	for _, at := range h.parts {
		if from := &e.readers[at]; from.text != nil {
			hash = hashText(hash, from.text(r))
		} else {
			hash = hashNumber(hash, from.number(r))
		}
	}
	return hash
}

func (e *Extractor) beginHashes(a *Auction, r *Request) {
	for i := range e.ofBoth {
		if h := e.ofBoth[i].hash; h != nil {
			a.hashes[h.slot] = e.hashOf(h, r)
		}
	}
}
