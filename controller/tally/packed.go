package tally

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math/bits"
	"slices"
)

// packed is what partners count in little memory. Of each partner there are two
// bytes with a bit for each list that has numbers, in the order of columns. Such
// a list is the bytes that a number takes, a bit for each bucket whose number
// is not zero, and those numbers, lowest byte first.
type packed struct {
	names   []string
	buckets int // numbers in every list
	valued  bool
	data    []byte
}

// Pack returns the report with what partners count packed, which takes a tenth
// of the memory: for reports that wait until those of all tasks are there.
// Partners is nil then, and [Report.Unpack] has it again; a look comes to the
// same either way. A report with lists that make no sense stays as it is.
func (r Report) Pack() Report {
	var p packed
	if len(r.packed.names) > 0 || len(r.Partners) == 0 || !p.lengths(&r) {
		return r
	}
	p.names = make([]string, 0, len(r.Partners))
	p.data = make([]byte, 0, 256*len(r.Partners)) // most often enough
	for name, c := range r.Partners {
		p.names = append(p.names, name)
		at := len(p.data)
		p.data = append(p.data, 0, 0)
		for i, list := range columns(&c) {
			most := uint64(maxCount)
			if i >= firstValue {
				most = maxValue
			}
			some, ok := p.add(list, most)
			if !ok {
				return r
			}
			if some != 0 {
				p.data[at+i/8] |= 1 << (i % 8)
				p.valued = p.valued || i >= firstValue
			}
		}
	}
	p.data = append(make([]byte, 0, len(p.data)), p.data...)
	r.Partners, r.packed = nil, p
	return r
}

// lengths finds out how many numbers the lists have; it reports whether all
// have as many.
func (p *packed) lengths(r *Report) bool {
	for _, list := range totals(r) {
		p.buckets = max(p.buckets, len(list))
	}
	for _, c := range r.Partners {
		for _, list := range columns(&c) {
			if p.buckets == 0 {
				p.buckets = len(list)
			}
			if len(list) != 0 && len(list) != p.buckets {
				return false
			}
		}
	}
	return p.buckets <= MaxBuckets
}

// add packs a list, if its numbers are below most, and returns the buckets
// that are not zero.
func (p *packed) add(list []int64, most uint64) (some uint64, ok bool) {
	all := int64(0)
	for g, v := range list {
		all |= v
		some |= uint64(v|-v) >> 63 << (g % MaxBuckets)
	}
	if some == 0 || uint64(all) >= most {
		return some, some == 0
	}
	size := (bits.Len64(uint64(all)) + 7) / 8
	p.data = binary.LittleEndian.AppendUint64(append(p.data, byte(size)), some)
	begin, end := len(p.data), len(p.data)+size*bits.OnesCount64(some)
	p.data = slices.Grow(p.data, end-begin)[:end]
	to := p.data[begin:]
	for left := some; left != 0; left &= left - 1 {
		v := list[bits.TrailingZeros64(left)]
		to[0] = byte(v)
		for i := 1; i < size; i++ {
			to[i] = byte(v >> (8 * i))
		}
		to = to[size:]
	}
	return some, true
}

// Unpack returns the report with everything in Partners.
func (r Report) Unpack() Report {
	if len(r.packed.names) == 0 {
		return r
	}
	all := maps.Clone(r.Partners)
	if all == nil {
		all = make(map[string]Columns, len(r.packed.names))
	}
	u := unpacking{data: r.packed.data}
	for _, name := range r.packed.names {
		u.next()
		var c Columns
		for _, to := range [...]*[]int64{
			&c.Scored, &c.Filtered, &c.Pairs, &c.CandidateOnly, &c.StableOnly, &c.Bids, &c.BidsCandidateOnly, &c.BidsStableOnly,
			&c.Value, &c.ValueCandidateOnly, &c.ValueStableOnly, &c.ValueBoth,
		} {
			*to = u.list(r.packed.buckets)
		}
		all[name] = c
	}
	r.Partners, r.packed = all, packed{}
	return r
}

// MarshalJSON is the report as if it had never been packed.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report
	return json.Marshal(plain(r.Unpack()))
}

// MissedBids returns how many reported bids only the candidate would have
// filtered, of all partners.
func (r Report) MissedBids() (n int64) {
	for _, c := range r.Partners {
		n += sum(c.BidsCandidateOnly)
	}
	u := unpacking{data: r.packed.data}
	for range r.packed.names {
		u.next()
		for i := range columns(&Columns{}) {
			if _, size, numbers := u.take(); i == missed {
				n += total(numbers, size)
			}
		}
	}
	return n
}

// missed is where columns has the bids that only the candidate filters.
const missed = 6

// An unpacking goes through what is packed, partner by partner and list by
// list.
type unpacking struct {
	data  []byte
	lists uint16 // of the partner that are still to come
}

// next goes on to the next partner, all lists of the one before having been
// read.
func (u *unpacking) next() { u.lists, u.data = binary.LittleEndian.Uint16(u.data), u.data[2:] }

// take returns the next list: which buckets are not zero, and their numbers of
// so many bytes.
func (u *unpacking) take() (some uint64, size int, numbers []byte) {
	there := u.lists&1 != 0
	u.lists >>= 1
	if !there {
		return 0, 0, nil
	}
	size, some = int(u.data[0]), binary.LittleEndian.Uint64(u.data[1:])
	end := 9 + bits.OnesCount64(some)*size
	numbers, u.data = u.data[9:end], u.data[end:]
	return some, size, numbers
}

func (u *unpacking) list(buckets int) []int64 {
	some, size, numbers := u.take()
	if some == 0 {
		return nil
	}
	list := make([]int64, buckets)
	for ; some != 0; some &= some - 1 {
		list[bits.TrailingZeros64(some)] = total(numbers[:size], size)
		numbers = numbers[size:]
	}
	return list
}

// fold adds up the neighbours that are one cluster in the next list.
func (u *unpacking) fold(l *line, shift int) {
	l.sum = 0
	some, size, numbers := u.take()
	if some == 0 {
		clear(l.cells)
		return
	}
	if shift < 2 {
		l.scatter(some, size, numbers, shift)
		return
	}
	neighbours := uint64(1)<<(1<<shift) - 1
	for at := range l.cells {
		n := bits.OnesCount64(some&neighbours) * size
		some >>= 1 << shift
		sum := int64(0)
		if size == 1 {
			sum = totalBytes(numbers[:n])
		} else {
			sum = total(numbers[:n], size)
		}
		numbers = numbers[n:]
		l.cells[at] = float64(sum)
		l.sum += sum
	}
}

// scatter is fold where clusters are so many that most have a number or two.
func (l *line) scatter(some uint64, size int, numbers []byte, shift int) {
	clear(l.cells)
	for ; some != 0; some &= some - 1 {
		v := int64(numbers[0])
		if size > 1 {
			v = total(numbers[:size], size)
		}
		numbers = numbers[size:]
		l.cells[bits.TrailingZeros64(some)>>shift] += float64(v)
		l.sum += v
	}
}

// total adds up numbers of so many bytes.
func total(numbers []byte, size int) (sum int64) {
	for i, v := range numbers {
		sum += int64(v) << (8 * (i % size))
	}
	return sum
}

// totalBytes adds up numbers of one byte, eight at a time.
func totalBytes(numbers []byte) (sum int64) {
	const even = 0x00ff00ff00ff00ff
	for ; len(numbers) >= 8; numbers = numbers[8:] {
		eight := binary.LittleEndian.Uint64(numbers)
		four := eight&even + eight>>8&even
		sum += int64(four * 0x0001000100010001 >> 48)
	}
	for _, v := range numbers {
		sum += int64(v)
	}
	return sum
}
