/*
 * What the controller asks of a task, on the task's control port.
 * Framed transport, binary protocol.
 *
 * Where a token is shared, a connection begins with one line of text before the first frame:
 * "sluice ", the token, and a line feed. There is no answer to it: a task that does not know the token
 * closes the connection, and one that wants none ignores the line. Where there are certificates, all of
 * this is inside TLS, and both sides show one. The first call must begin within a second. Where a task has
 * no seat left for somebody it knows, it answers that call with a TApplicationException that says so.
 */
namespace * sluice.control
namespace go control
namespace java com.sluicehq.control
namespace c_glib SluiceControl
namespace st SluiceControl
namespace lua sluice_control

/* In which money the task counts what bids are worth. A price in another currency than these has no value. */
struct Prices {
  1: string currency             // the fleet's, ISO 4217
  2: double cap                  // a price above it counts as this; in that currency, as all that is told
  3: map<string, double> rates   // what one unit of another currency is worth in it
}

/* An end state: what the task is to serve. Sending it twice changes nothing. */
struct Assignment {
  1: string release              // SHA-256, lower-case hex: answers auctions
  2: string shadow               // SHA-256: scores a sample beside it, answers nobody; empty for none
  3: double sample               // share of requests scored by both, in [0, 1]
  4: i32 buckets                 // clusters counted per partner, 1 to 64
  5: i64 epoch                   // the controller's lease; a task refuses one older than the newest it knows, and one more
                                 // than 2^32 ahead of it; the same holds for how far ahead a generation may be
  6: i64 generation              // within an epoch-independent history of assignments, newer ones are greater;
                                 // a change of generation alone swaps the same release in afresh
  7: double explore              // share of requests that are filtered for nobody, in [0, 1]
  8: optional Prices prices      // in force at once, whatever becomes of the rest; not set: no bid has a value
}

/* A release that could not be made ready. The task goes on with what it serves. */
struct Failure {
  1: string release
  2: string reason               // one word: download, digest, golden, memory, format
  3: string detail               // a sentence for a person
  4: i64 generation
}

struct Status {
  1: string task                 // ECS task ARN, or the name given at start
  2: string boot                 // new for every process
  3: string release              // proven and serving; empty before the first
  4: string shadow
  5: double sample
  6: i64 epoch                   // newest known: seen, or read in the fleet's document at start
  7: i64 generation              // of the assignment that is in force
  8: string preparing            // release being made ready; empty when idle
  9: optional Failure failure    // of the newest assignment, until one succeeds
  10: bool ready
  11: i64 memory_bytes           // resident
  12: i64 started_ms             // unix milliseconds
  13: i32 connections            // open on the data port
  14: i32 buckets
  15: i64 serving_since_ms       // unix milliseconds of the swap to release under generation
  16: double explore
  17: i64 requests               // answered by release under this generation; the same three as in its counts
  18: i64 scored                 // (request, partner) pairs of those
  19: i64 filtered
  20: optional list<i64> latency // server microseconds of every request since boot, under whatever release; bins as in
                                 // CountedRelease.latency, each of which only grows; not set by older tasks
  21: optional list<i64> waits   // the same for how long a request waits for a processor before its time is taken,
                                 // as if one came every 5 ms, whether there are any or not
  22: optional string evaluator  // how release is scored, and in which registers: "lanes avx512", "memo"; not set by
                                 // older tasks
  23: optional i64 answered      // auctions since boot, under whatever release or none, degraded ones included; this
                                 // and what follows is not set by older tasks
  24: optional i64 degraded      // of those, answered without a score, for whatever reason
  25: optional i64 failed        // calls since boot that got no answer, since they could not be read, called for what
                                 // is not there, or lost their connection first; and connections that found no seat
  26: optional i64 deadline_us   // by which an auction is answered that has no shorter tmax
  27: optional string zone       // availability zone, as the container agent tells it; not set where nobody tells
}

/* What was counted travels packed, many numbers in one `binary`: one behind the other as unsigned varints
 * (LEB128: seven bits per byte, lowest first, the highest bit set on all bytes but the last). An even one is twice
 * a number; an odd one, 2n-1, stands for n zeros. Zeros at the end are left out, so 3 0 0 0 1000 0 0 is 06 05 d0 0f.
 * Where several columns are packed into one, each has one number per bucket, and they stand one behind the other. */

/* Counts of one partner under one release. */
struct CountedPartner {
  1: string partner
  2: binary columns              // packed, eight columns:
                                 //   scored           served (request, partner) pairs
                                 //   filtered         of those, filtered; explored ones are counted as they would have been
                                 //   pairs            scored by both releases
                                 //   served_only      of pairs: filtered by the serving release only
                                 //   shadow_only      of pairs: filtered by the shadow release only
                                 //   bids             reported bids on explored pairs that both releases scored
                                 //   bids_served_only of those: the serving release alone would have filtered them
                                 //   bids_shadow_only
  3: optional binary value       // packed, four columns, in millionths of the fleet's currency per mille:
                                 //   value            of those bids that came with a price
                                 //   value_served_only  of the part of it that the serving release alone would have lost
                                 //   value_shadow_only
                                 //   value_both       and that both would have
}

/* What was counted while `release` answered and `shadow` scored beside it. A part is never more than its whole:
 * where a request is under way, the part that is ahead is told of later. Bids may come minutes after what they are
 * bids on, and to any task, under the bucket of the connection that asked; the task that counts bids on what others
 * answered counts nothing else of it. */
struct CountedRelease {
  1: string release
  2: string shadow
  3: binary columns              // packed, five columns:
                                 //   requests         answered
                                 //   errors           answered degraded because scoring failed
                                 //   invalid          (request, partner) pairs whose score was no number in [0, 1]
                                 //   shadow_invalid   the same for the shadow release
                                 //   shadow_requests  requests scored by both
  4: list<CountedPartner> partners // that counted something
  5: binary scores               // packed; 64 equal bins of [0, 1]
  6: binary latency              // packed; server microseconds, bin i counts [2^(i/4), 2^((i+1)/4)); 96 bins
  7: optional binary outcomes    // packed, five columns, of explored requests that both releases scored:
                                 //   outcomes         reported
                                 //   calls            (request, partner) pairs of those
                                 //   calls_served_only  of those: the serving release alone would have saved the call
                                 //   calls_shadow_only
                                 //   calls_both       both would have
  8: optional binary prices      // packed; of priced bids, before the cap: bin i counts those of [2^(i/4), 2^((i+1)/4))
                                 // thousandths of the fleet's currency per mille; 96 bins
  9: optional binary money       // packed; of the bids and wins on those requests, money as in value:
                                 //   unpriced         bids without a price
                                 //   foreign          bids in a currency that has no rate
                                 //   bad              bids whose price is no number, below zero, or beyond 1,000,000
                                 //   capped           what the prices above the cap are above it
                                 //   wins             that came with a clearing price
                                 //   cleared          what they were
                                 //   cleared_served_only  of which the serving release alone would have lost
                                 //   cleared_shadow_only
}

/* Since when an asker wants to know. */
struct Position {
  1: i64 generation              // counts under this one only
  2: string boot                 // that the position is of; of another one, the task tells everything
  3: i64 after                   // upto of the last answer that the asker has stored for good; 0 for everything
}

/* What was counted under a generation after one position and up to another. It stays below 256 KiB: partners that
 * find no room wait for the next answer, where it is their turn first, and nothing of theirs is lost.
 *
 * Asking for what came after `upto` lets the task forget what came before. Asking once more for what came after
 * the same position gives the same and more, as after a lost answer. A task knows the last few positions; after
 * one that it does not know it tells what came after the newest that it does, and so nobody is told anything twice:
 * an asker adds up answers whose `after` is at least the `upto` of the last one it took, and where it is greater,
 * something in between was told to another asker, or is lost. */
struct Counted {
  1: string task
  2: string boot
  3: i64 generation
  4: i64 after                   // 0: since the generation began
  5: i64 upto                    // greater than after, or the same where there is nothing under this
                                 // generation; it means something to the boot that gave it only
  6: i64 at_ms                   // unix milliseconds by the task's clock
  7: i32 connections             // open on the data port now
  8: double explore              // share of requests explored now; 0 when another generation is in force
  9: i32 buckets
  10: list<CountedRelease> releases
  11: i32 waiting                // partners that found no room
}

/* epoch is older than one the task knows, or too far ahead, or the assignment makes no sense. */
exception Refused {
  1: string reason               // stale_epoch, stale_generation, far_epoch, far_generation, bad_assignment
  2: string detail
  3: i64 epoch                   // newest known
}

service Control {
  Status status()

  /* Answers at once; the release is made ready in the background. Watch status. */
  Status assign(1: Assignment assignment) throws (1: Refused refused)

  /* Changes nothing but what the task remembers of its own answers: asking again does no harm. */
  Counted counted(1: Position since)
}
