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
// A napkin sum, measured on one busy core: a decide of 20 partners costs about
// 130 us with a model of 200 trees, of which decoding and encoding by generated
// code are some 20 us and drawing, counting and the receipt 5 us; so 2,000
// requests/s are a quarter of a core. A task with three such releases in hand
// holds 30 MiB. Counts take 4 KiB per partner and assignment.
package inference
