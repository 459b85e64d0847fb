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
//	wire (bytes, limits, deadlines) -> fast.go (decide, filter and report, read in
//	  place; all else by generated code in handler.go) -> session.decide
//	  (feature.Request and partners; one load of the assignment in force)
//	  -> reply -> shadow scoring of the sample
//
// A napkin sum: a decide of 20 partners with a model of 200 trees costs a core
// some 15 us, of which the two system calls are 7, reading, counting and
// writing 2, and scoring the rest; so a core answers 60,000 a second. A task
// with three such releases in hand holds 30 MiB. Counts take 4 KiB per partner
// and assignment.
package inference
