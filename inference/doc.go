// Package inference is one inference task: the Thrift server that answers
// auctions with a proven release, and the control port on which it is told
// which one.
//
// It decides nothing about rollouts, judges no release and knows no
// controller: it serves what it was last assigned, counts what it did under
// the digest it did it with, and goes on for ever if nobody ever asks again.
// It never answers that an auction is not worth calling unless a release that
// reproduced its golden vectors said so; everything that goes wrong forwards
// the auction.
//
// The way of a request, all on the goroutine of its connection:
//
//	wire (bytes, limits, deadlines) -> handler.go (generated types)
//	  -> session.decide (feature.Request and partners; one load of the
//	     assignment in force) -> reply -> shadow scoring of the sample
//
// A napkin sum: 20 partners of a 200-tree model cost about 100 us on one core,
// decoding and encoding by generated code some 15 us, counting less than 2 us.
package inference
