/*
 * What auction servers ask of an inference task.
 *
 * Any Apache Thrift client speaks it in its default settings: framed or unframed, binary or compact; a task
 * recognises the protocol from a connection's first bytes. Replies on a connection come in the order of its
 * requests, with the sequence id echoed.
 */
include "openrtb.thrift"

namespace * sluice.adfilter
namespace go adfilter
namespace java com.aik.filterapi
namespace c_glib SluiceAdfilter
namespace st SluiceAdfilter
namespace lua sluice_adfilter

/* The published contract of existing auction clients. Fields are added, never changed. */
struct BidRequest {
  1: string bidId
  2: i32 dayOfWeek
  3: string hour
  4: string regionId
  5: string cityId
  6: string domainId
  7: string advertiserId
  8: i64 biddingPrice
  9: i64 payingPrice
  10: string userAgent
  11: i32 deviceTypeId
}

/* likelihoodToBid is in [0, 1]. A request that could not be scored is answered 1.0 ("call the partner") with
 * degraded set: never 0.0. */
struct BidResponse {
  1: double likelihoodToBid
  2: optional string release    // SHA-256 of the release that scored, lower-case hex
  3: optional bool filtered     // likelihoodToBid is below the threshold of this advertiser
  4: optional bool degraded     // not scored: the answer is "forward"
}

service BidRequestFilter {
  BidResponse filter(1: BidRequest request)
}

struct PartnerDecision {
  1: string partner
  2: double score     // likelihood to bid, [0, 1]; 1.0 where degraded
  3: bool filtered    // true: not worth calling
}

struct Decision {
  1: string release                      // SHA-256 of the release that decided, lower-case hex; empty where degraded
  2: list<PartnerDecision> partners      // one per partner asked about, in the order asked
  3: bool explored                       // scored but filtered for nobody, so that missed bids can be seen
  4: bool degraded                       // not scored: forward to every partner
  5: optional string reason              // one word, where degraded
  6: binary receipt                      // opaque; hand it back through report
}

/* What a bid, or a win, is worth: OpenRTB's price, a CPM, in cur (ISO 4217). Without cur it is in the fleet's
 * currency. Without a price nobody knows what it is worth, which is not zero. */
struct Price {
  1: optional double price
  2: optional string cur
}

/* Who won, and at which clearing price. */
struct Win {
  1: string partner
  2: optional Price cleared
}

/* What became of an auction: the receipt of its decision and the partners who bid; an outcome without bidders says
 * that nobody did. Who won may be known later: then it comes by the same receipt once more, in an outcome with a
 * win and without bidders, which counts no bid twice. */
struct Outcome {
  1: binary receipt
  2: list<string> bidders
  3: optional list<Price> prices   // of the bidders, in their order; as many as there are bidders
  4: optional Win win
}

service AdFilter extends BidRequestFilter {
  Decision decide(1: openrtb.AuctionRequest request, 2: list<string> partners)

  /* Any task of the fleet takes any receipt. Outcomes that no longer count (unknown release, too old,
   * damaged) are dropped and counted in sluice_outcomes_dropped_total. */
  oneway void report(1: list<Outcome> outcomes)
}
