package inference

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"time"
)

// A receipt is what an auction server hands back with the bidders of an
// auction, to any task of the fleet. Version 1, integers in big endian:
//
//	version 1  flags 1  unix milliseconds 8
//	explored ones only:
//	  bucket 1  generation 8  release 32  [shadow 32, by flag]
//	  pairs 2  then per pair: FNV-1a of the partner's name 4, bits 1
//	CRC-32C of fleet name and all of the above 4
//
// Only explored auctions tell which bids were missed, so the receipts of all
// others are a stub of 14 bytes. The digests are whole, not prefixes: a task
// accounts for releases that it has never served.
type receipt struct {
	at              time.Time
	explored        bool
	bucket          int
	generation      int64
	release, shadow [32]byte
	hasShadow       bool
	pairs           []receiptPair
}

type receiptPair struct {
	partner uint32
	bits    uint8
}

// The bits of a pair.
const (
	pairServing uint8 = 1 << iota // the serving release would filter it
	pairShadow                    // the shadow release would filter it
	pairBoth                      // both releases scored it
	pairTaken                     // its bid was counted; never written
)

const (
	receiptVersion  = 1
	flagExplored    = 1
	flagShadow      = 2
	stubBytes       = 1 + 1 + 8 + crc32.Size
	maxReceiptBytes = stubBytes + 1 + 8 + 64 + 2 + 5*MaxPartnersPerRequest
)

var (
	errDamaged = errors.New("receipt is damaged or of another fleet")
	errOld     = errors.New("receipt is too old")
)

// receipts writes and reads the receipts of one fleet.
type receipts struct {
	seed   uint32 // CRC of the fleet's name
	table  *crc32.Table
	maxAge time.Duration
}

func newReceipts(fleet string, maxAge time.Duration) receipts {
	table := crc32.MakeTable(crc32.Castagnoli)
	return receipts{seed: crc32.Checksum([]byte(fleet), table), table: table, maxAge: maxAge}
}

func partnerHash(name string) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h
}

// append writes r behind b.
func (f receipts) append(b []byte, r *receipt) []byte {
	start := len(b)
	flags := byte(0)
	if r.explored {
		flags |= flagExplored
	}
	if r.hasShadow {
		flags |= flagShadow
	}
	b = append(b, receiptVersion, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(r.at.UnixMilli()))
	if r.explored {
		b = append(b, byte(r.bucket))
		b = binary.BigEndian.AppendUint64(b, uint64(r.generation))
		b = append(b, r.release[:]...)
		if r.hasShadow {
			b = append(b, r.shadow[:]...)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(r.pairs)))
		for _, p := range r.pairs {
			b = binary.BigEndian.AppendUint32(b, p.partner)
			b = append(b, p.bits)
		}
	}
	return append(b[:start], f.seal(b[start:])...)
}

// seal writes the checksum behind a receipt's body.
func (f receipts) seal(body []byte) []byte {
	return binary.BigEndian.AppendUint32(body, crc32.Update(f.seed, f.table, body))
}

// read checks a receipt and reads it into r, whose pairs it reuses.
func (f receipts) read(b []byte, r *receipt, now time.Time) error {
	if len(b) < stubBytes || len(b) > maxReceiptBytes {
		return errDamaged
	}
	body := b[:len(b)-crc32.Size]
	if crc32.Update(f.seed, f.table, body) != binary.BigEndian.Uint32(b[len(body):]) {
		return errDamaged
	}
	if body[0] != receiptVersion || body[1] > flagExplored|flagShadow {
		return errDamaged
	}
	*r = receipt{explored: body[1]&flagExplored != 0, hasShadow: body[1]&flagShadow != 0, pairs: r.pairs[:0]}
	r.at = time.UnixMilli(int64(binary.BigEndian.Uint64(body[2:])))
	if age := now.Sub(r.at); age > f.maxAge || age < -f.maxAge { // a clock may be off, but not by that much
		return errOld
	}
	body = body[10:]
	if !r.explored {
		if len(body) != 0 || r.hasShadow {
			return errDamaged
		}
		return nil
	}
	return r.readExplored(body)
}

func (r *receipt) readExplored(b []byte) error {
	head := 1 + 8 + 32 + 2
	if r.hasShadow {
		head += 32
	}
	if len(b) < head {
		return errDamaged
	}
	r.bucket = int(b[0])
	r.generation = int64(binary.BigEndian.Uint64(b[1:]))
	copy(r.release[:], b[9:])
	if r.hasShadow {
		copy(r.shadow[:], b[41:])
	}
	pairs := b[head:]
	count := int(binary.BigEndian.Uint16(b[head-2:]))
	if len(pairs) != 5*count || r.bucket >= MaxBuckets {
		return errDamaged
	}
	for ; len(pairs) > 0; pairs = pairs[5:] {
		r.pairs = append(r.pairs, receiptPair{binary.BigEndian.Uint32(pairs), pairs[4] &^ pairTaken})
	}
	return nil
}

func (r *receipt) key() countsKey {
	key := countsKey{release: hex.EncodeToString(r.release[:]), generation: r.generation}
	if r.hasShadow {
		key.shadow = hex.EncodeToString(r.shadow[:])
	}
	return key
}

// pair returns what was noted about a partner, nil for one not asked about.
func (r *receipt) pair(partner string) *receiptPair {
	h := partnerHash(partner)
	for i := range r.pairs {
		if r.pairs[i].partner == h {
			return &r.pairs[i]
		}
	}
	return nil
}
