// Made from api/openapi.json by go generate ./web. Do not edit.

/** Amount is a number with its 95 % interval, which is right for one look. */
export interface Amount {
  high: number;
  low: number;
  value: number;
}

/** Ask is the body of every wish. */
export interface Ask {
  /** BreakGlass lets promote, resume and try happen in spite of a freeze. It takes an admin, and a reason. */
  break_glass?: boolean;
  /** who asks, where there is no sign-in: else that is proven */
  by: string;
  /** ID may be chosen by the caller, here or as the header Idempotency-Key, so that asking again after a lost reply changes nothing and is answered as it was first, for a day; empty: the server chooses one. */
  id?: string;
  /** Intended is a change of the filter rate that is wanted (try): the judge allows differences around it. Its Why may be left to the wish's. */
  intended_change?: Change;
  /** rollback: digest; empty: where Fleet.Back points */
  release?: string;
  /** resume, abort, promote: the one meant; empty: the active one */
  rollout?: string;
  /** Seen is what the asker was looking at. What has changed since is a conflict, except that danger (rollback, abort, pause) goes on while its target is there. Without it a wish means things as they stand. */
  seen?: Seen;
  /** try: s3://bucket/key */
  source?: string;
  /** shown with all that follows from it */
  why?: string;
}

/** Ask is the body of every wish. */
export interface AskBack {
  /** who asks, where there is no sign-in: else that is proven */
  by?: string | null;
  /** ID may be chosen by the caller, here or as the header Idempotency-Key, so that asking again after a lost reply changes nothing and is answered as it was first, for a day; empty: the server chooses one. */
  id?: string | null;
  /** rollback: digest; empty: where Fleet.Back points */
  release?: string | null;
  /** Seen is what the asker was looking at. What has changed since is a conflict, except that danger (rollback, abort, pause) goes on while its target is there. Without it a wish means things as they stand. */
  seen?: AskSeen | null;
  /** shown with all that follows from it */
  why?: string | null;
}

/** Change is a difference in filter rate that is wanted, and why. */
export interface AskChange {
  filter_rate: number;
  partners?: Record<string, number> | null;
  why?: string | null;
}

/** Ask is the body of every wish. */
export interface AskFleet {
  /** who asks, where there is no sign-in: else that is proven */
  by?: string | null;
  /** ID may be chosen by the caller, here or as the header Idempotency-Key, so that asking again after a lost reply changes nothing and is answered as it was first, for a day; empty: the server chooses one. */
  id?: string | null;
  /** Seen is what the asker was looking at. What has changed since is a conflict, except that danger (rollback, abort, pause) goes on while its target is there. Without it a wish means things as they stand. */
  seen?: AskSeen | null;
  /** shown with all that follows from it */
  why?: string | null;
}

/** StopAsk is the body of a wish to freeze all fleets, or to end that. */
export interface AskGo {
  /** who asks, where there is no sign-in */
  by?: string | null;
  /** as of every wish: the caller's, here or as the header Idempotency-Key */
  id?: string | null;
  /** freeze: when it ends by itself */
  until?: string | null;
  why: string;
}

/** Ask is the body of every wish. */
export interface AskRollout {
  /** BreakGlass lets promote, resume and try happen in spite of a freeze. It takes an admin, and a reason. */
  break_glass?: boolean | null;
  /** who asks, where there is no sign-in: else that is proven */
  by?: string | null;
  /** ID may be chosen by the caller, here or as the header Idempotency-Key, so that asking again after a lost reply changes nothing and is answered as it was first, for a day; empty: the server chooses one. */
  id?: string | null;
  /** resume, abort, promote: the one meant; empty: the active one */
  rollout?: string | null;
  /** Seen is what the asker was looking at. What has changed since is a conflict, except that danger (rollback, abort, pause) goes on while its target is there. Without it a wish means things as they stand. */
  seen?: AskSeen | null;
  /** shown with all that follows from it */
  why?: string | null;
}

/** Seen is what a person was looking at. What is left out does not matter. */
export interface AskSeen {
  /** digest of the stable one; empty: none */
  release?: string | null;
  /** Fleet.LastEvent: what concerns the fleet or the rollout in question has not changed */
  revision?: number | null;
  /** id of the active one; empty: none */
  rollout?: string | null;
}

/** StopAsk is the body of a wish to freeze all fleets, or to end that. */
export interface AskStop {
  /** who asks, where there is no sign-in */
  by?: string | null;
  /** as of every wish: the caller's, here or as the header Idempotency-Key */
  id?: string | null;
  /** freeze: when it ends by itself */
  until?: string | null;
  why: string;
}

/** Ask is the body of every wish. */
export interface AskTry {
  /** BreakGlass lets promote, resume and try happen in spite of a freeze. It takes an admin, and a reason. */
  break_glass?: boolean | null;
  /** who asks, where there is no sign-in: else that is proven */
  by?: string | null;
  /** ID may be chosen by the caller, here or as the header Idempotency-Key, so that asking again after a lost reply changes nothing and is answered as it was first, for a day; empty: the server chooses one. */
  id?: string | null;
  /** Intended is a change of the filter rate that is wanted (try): the judge allows differences around it. Its Why may be left to the wish's. */
  intended_change?: AskChange | null;
  /** resume, abort, promote: the one meant; empty: the active one */
  rollout?: string | null;
  /** Seen is what the asker was looking at. What has changed since is a conflict, except that danger (rollback, abort, pause) goes on while its target is there. Without it a wish means things as they stand. */
  seen?: AskSeen | null;
  /** try: s3://bucket/key */
  source: string;
  /** shown with all that follows from it */
  why?: string | null;
}

/** Auctions is how a fleet's auctions fare, by what its tasks count, up to the last look. */
export interface Auctions {
  /** null while no task has told twice */
  all: Traffic | null;
  /** of tasks that answer with the candidate; null where none does */
  canary: Traffic | null;
  /** of those that they are compared with */
  control: Traffic | null;
  /** by which an auction is answered; 0 unknown */
  deadline_seconds: number;
  /** that the arms are of, a minute at most */
  over_seconds: number;
  /** of all others */
  rest: Traffic | null;
  /** the last ten minutes */
  slots: Slots;
}

/** Audit is the answer to /v1/audit: entries of the trail, newest first. */
export interface Audit {
  entries: AuditEntry[];
  /** cursor of the page after; empty at the end */
  next?: string;
}

/** AuditEntry tells what a person asked, or what became of it. */
export interface AuditEntry {
  /** when it had ended */
  after?: Standing;
  at: string;
  /** when it was asked */
  before?: Standing;
  break_glass?: boolean;
  by?: string;
  /** what they called themselves besides */
  claim?: string;
  /** empty: all of them */
  fleet?: string;
  /** address */
  from?: string;
  /** By is proven: token, session or bearer; empty: it is what somebody said */
  how?: string;
  reason?: string;
  release?: string;
  rollout?: string;
  sentence?: string;
  source?: string;
  verb?: string;
  /** asked; answer, what became of it; damaged where it cannot be read */
  what: string;
  why?: string;
  wish?: string;
}

/** Budget is what a candidate may spoil before the last canary step is accepted; 0 is no bound. Exposed and Missed of the rollout count against it. */
export interface Budget {
  auctions?: number;
  missed_bids?: number;
  /** tasks that the step gets, so that the budget lasts */
  sized?: number;
}

/** Calendar is the answer to /v1/freezes: when fleets are frozen in the weeks to come, by the calendars of their fleet files. */
export interface Calendar {
  fleets: FleetCalendar[];
  from: string;
  until: string;
}

/** Change is a difference in filter rate that is wanted, and why. */
export interface Change {
  filter_rate: number;
  partners?: Record<string, number>;
  why: string;
}

/** Chunk is one of them, as package history wrote it. */
export interface Chunk {
  body: string;
  chunk: number;
  rollout: string;
}

export type Class = "floor" | "borderline" | "starved";

export type Cohort = "canary" | "control" | "rest";

/** Columns are an arm's, as in Traffic. */
export interface Columns {
  degraded: (number | null)[];
  failed: (number | null)[];
  filtered: (number | null)[];
  p50_seconds: (number | null)[];
  p99_seconds: (number | null)[];
  rate: (number | null)[];
}

/** Deployment is a deployment of a fleet's service that is under way, as ECS tells it. */
export interface Deployment {
  /** Builds is how auctions fare on its tasks, against those on the others that get some, where its hooks are answered: worse, acceptable, unsure or no_data. */
  builds?: string;
  /** at which it waits for an answer */
  hook?: Hook;
  id: string;
  /** of the task definition that it starts */
  revision?: string;
  sentence: string;
  since: string;
  /** of its lifecycle, where ECS tells one */
  stage?: string;
  /** ROLLING, BLUE_GREEN, LINEAR or CANARY */
  strategy?: string;
}

/** Driver is a partner or a cluster of connections that brought a finding about. */
export interface Driver {
  name: string;
  /** of what all of them brought */
  share: number;
}

/** Earnings are what a release would bring, were all requests filtered by it. */
export interface Earnings {
  /** value of the bids that it filters, per million calls saved */
  lost: Amount;
  /** calls, per million requests */
  saved: Amount;
  /** of the bids that it lets through, per million requests */
  value: Amount;
}

/** Event is something that happened to a fleet. */
export interface Event {
  at: string;
  by?: string;
  candidate?: string;
  from?: Phase;
  /** as of Rollout, when it happened */
  headline: string;
  reason: string;
  rollout?: string;
  sentence: string;
  seq: number;
  /** canary step that was entered, from 1 */
  step?: number;
  to?: Phase;
  verdict?: Verdict;
  way_out: string;
  /** id of the wish that ends with it */
  wish?: string;
}

/** Finding is the state of one gate, with its evidence. */
export interface Finding {
  /** false alarms that it may give, of the rollout's 0.05 */
  alpha?: number;
  band_high: number;
  /** differences that are fine */
  band_low: number;
  candidate_rate: number;
  clusters: number;
  /** smallest difference that could be told at present */
  detectable?: number;
  difference: number;
  drivers?: Driver[];
  /** against the candidate */
  evidence: number;
  gate: string;
  /** natural logarithm of the evidence at the last few looks */
  growth?: number[];
  high: number;
  /** 95 % interval of the difference, right at every moment */
  low: number;
  /** requests or pairs at which the proof should stand */
  needed?: number;
  /** what would have changed the outcome */
  otherwise?: string;
  outcome: Outcome;
  partner?: string;
  /** for the candidate */
  proof: number;
  requests: number;
  /** at which it is acceptable; 0: no proof is asked */
  required: number;
  sentence: string;
  /** the difference is that of what has changed since before the rollout */
  since_past?: boolean;
  stable_rate: number;
  /** at which it is worse */
  threshold: number;
  windows: number;
}

/** Fleet is what a person wants to know of a fleet first. */
export interface Fleet {
  /** being carried out */
  active: Rollout | null;
  /** when the server put this together */
  at: string;
  /** null where the controller does not measure them */
  auctions: Auctions | null;
  /** where a rollback without a name leads */
  back: Release | null;
  /** of the active rollout; null before it is admitted */
  candidate: Release | null;
  /** what a fresh task loads */
  default: Release | null;
  /** of its service, under way as of the last decision */
  deployment?: Deployment;
  fleet: string;
  /** in force, as of the last decision */
  freeze: Freeze | null;
  /** the one that finished last */
  last: Rollout | null;
  /** the fleet's revision */
  last_event: number;
  /** null before the controller's first look */
  loop: Loop | null;
  next: Next;
  pause: Pause | null;
  /** what it trusted before */
  previous: Release | null;
  /** waiting, oldest first */
  queue: Rollout[];
  /** wishes not yet acted on */
  requests: Request[];
  /** what the fleet trusts; null before the first release */
  stable: Release | null;
  tasks: TaskCounts;
  /** tuning jobs of whose training jobs the best waits for their end */
  tunings: Tuning[];
  /** receivers of notices that are told nothing any more */
  unheard: Unheard[];
  /** the worst first; empty where nothing is known to be wrong */
  unwell: Unwell[];
  /** WentBack is the rollback by hand that has been since a release went live last, while nothing is being tried: Back may be what somebody has just fled from, so that commands want to be told where to go. */
  went_back?: string;
}

/** FleetCalendar is that of one fleet. */
export interface FleetCalendar {
  fleet: string;
  /** in order */
  freezes: Freeze[];
  /** this server has a fleet file of it */
  known: boolean;
  /** that are not listed */
  more?: number;
}

/** Freeze is a time in which nothing of a fleet starts or advances, while danger is still acted on. */
export interface Freeze {
  /** who called for that */
  by?: string;
  /** of the fleet's calendar; empty: a stop of all fleets */
  name?: string;
  sentence: string;
  since: string;
  /** null: until somebody ends it */
  until: string | null;
  why?: string;
}

/** gap is the body of a message that says that events were missed. */
export interface Gap {
  /** the last that the client knows */
  after: number;
  /** the first that is remembered */
  first: number;
}

/** Hook is a PAUSE hook at which a deployment waits. */
export interface Hook {
  id: string;
  /** what ECS does then: CONTINUE or ROLLBACK */
  timeout?: string;
  until?: string;
}

export type Ill = "missing" | "silent" | "failed" | "degraded" | "late";

/** Interval is an estimate with its 95 % interval. */
export interface Interval {
  estimate: number;
  high: number;
  low: number;
}

/** Looks is the answer to /v1/fleets/{fleet}/rollouts/{id}/looks: which chunks there are of the log of what the judge was shown. */
export interface Looks {
  chunks: number[];
  rollout: string;
}

/** Loop is the controller's last look at the fleet. */
export interface Loop {
  /** at Fleet.At, by this server's clock and by when it saw the look come */
  age_seconds: number;
  /** by the leader's clock */
  at: string;
  epoch: number;
  errors: string[];
  every_seconds: number;
  leader: string;
  /** auctions a second that one task answers, on average; 0 unknown */
  pace: number;
  took_seconds: number;
  /** changes still to be made */
  wanted: string[];
}

/** Me is who asks, as far as the server knows, and how one signs in. */
export interface Me {
  /** it is proven: token, session or bearer */
  how?: string;
  /** empty: not signed in */
  name?: string;
  /** there is no sign-in: whoever reaches the server may do everything */
  open: boolean;
  /** whose accounts sign in, as people call it */
  provider?: string;
  /** by fleet; "*" is every one */
  roles?: Record<string, Role>;
  /** a token signs in */
  tokens?: boolean;
  /** when that ends by itself */
  until?: string;
}

/** Money is what bids on explored requests say of both releases. */
export interface Money {
  candidate: Earnings;
  /** share of all value that lay above the cap */
  capped?: number;
  currency: string;
  /** bids with a price */
  priced: number;
  stable: Earnings;
  /** bids without one that could be taken */
  unpriced?: number;
}

/** Next is what happens next, as far as it can be foreseen. */
export interface Next {
  /** about when; null when nobody can say */
  at?: string;
  /** when something else happens instead */
  deadline?: string;
  /** the phase that is then */
  otherwise?: Phase;
  /** the next one, when all goes well */
  phase?: Phase;
  sentence: string;
  /** canary step, from 1 */
  step?: number;
}

export type Outcome = "worse" | "invalid" | "no_data" | "unsure" | "acceptable" | "inconclusive";

/** Passport says where a release came from and what admission measured. */
export interface Passport {
  admitted_at?: string;
  /** of them, that hold an answer of its library */
  answers?: number;
  /** who tried it, where a person did */
  by?: string;
  bytes: number;
  digest: string;
  etag?: string;
  /** that its trees allow: walk, flat, masks, memo or lanes */
  evaluator: string;
  features: number;
  format: string;
  /** vectors that it reproduced */
  golden: number;
  image?: string;
  intended_change: Change | null;
  /** training job; empty for one that was tried by hand */
  job?: string;
  job_arn?: string;
  memory_bytes: number;
  /** of the training job */
  metrics?: Record<string, number>;
  /** what whoever sees it should know, a sentence each */
  notes?: string[];
  objective: string;
  /** filter rate */
  predicted: Interval | null;
  /** it has served as stable; on stable only */
  since?: string;
  /** s3://bucket/key it came from */
  source?: string;
  /** Of one release that is asked for: the newest rollouts, on any fleet, by which it was taken back. */
  taken_back?: TakenBack[];
  /** in the file */
  trained?: number;
  /** that answer */
  trees: number;
  /** of the library that wrote the model */
  version?: string;
  version_id?: string;
}

/** Patch is an operation of a JSON Patch (RFC 6902). */
export interface Patch {
  /** test, add, remove or replace */
  op: string;
  /** JSON Pointer (RFC 6901) to what it is done to */
  path: string;
  /** what is tested for, or put there */
  value?: unknown;
}

/** Pause is a person's wish that nothing starts or advances. */
export interface Pause {
  at: string;
  by: string;
  why?: string;
}

export type Phase = "queued" | "admitting" | "shadow" | "canary" | "held" | "promoting" | "rolling_back" | "live" | "rolled_back" | "refused" | "superseded";

/** problem is the body of every answer that is not a success (RFC 9457). Error is its detail again, for clients that know no more. */
export interface Problem {
  detail: string;
  error: string;
  status: number;
  /** Stored is false where a wish is surely not stored, though the trouble is the server's. Without it a status from 500 on leaves that open. */
  stored?: boolean;
  title: string;
  type: string;
}

/** Release is a release by its name, and what is known of its origin. */
export interface Release {
  admitted_at?: string;
  /** who tried it, where a person did */
  by?: string;
  digest: string;
  /** training job; empty for one that was tried by hand */
  job?: string;
  /** what whoever sees it should know, a sentence each */
  notes?: string[];
  /** it has served as stable; on stable only */
  since?: string;
  /** s3://bucket/key it came from */
  source?: string;
}

/** Request is a person's wish as it was written down: with the rollout and the release that it is about. */
export interface Request {
  at: string;
  by: string;
  /** By is proven: token, session or bearer; empty: it is what somebody said */
  how?: string;
  id: string;
  intended_change?: Change;
  release?: string;
  /** Fleet.LastEvent when it was taken: what becomes of it comes after */
  revision: number;
  rollout?: string;
  source?: string;
  /** Of a try, in its answer: the newest rollouts, on any fleet, by which the same artifact was taken back. */
  taken_back?: TakenBack[];
  verb: Verb;
  why?: string;
}

export type Role = "viewer" | "operator" | "admin";

/** Rollout is one attempt to make a candidate stable. History, cohorts and the verdict's findings are there when one rollout is asked for, and on the active one; lists leave them out. */
export interface Rollout {
  /** digest it is compared with */
  against: string;
  /** of the active one, where its policy has one */
  budget?: Budget;
  by?: string;
  canary_tasks?: string[];
  /** digest; empty until admitted */
  candidate: string;
  /** older candidates it has replaced */
  coalesced: number;
  /** of the training job */
  completed_at?: string;
  control_tasks?: string[];
  /** auctions that the candidate answered */
  exposed: number;
  final: boolean;
  found_at: string;
  /** the step is so new that no figure of it means anything yet */
  gathering?: boolean;
  /** what has come of it so far, in plain words: shorter than 110 characters */
  headline: string;
  held_from?: Phase;
  held_until?: string;
  history?: Event[];
  id: string;
  intended_change?: Change;
  job?: string;
  /** that it alone filtered, as far as explored requests tell */
  missed_bids: number;
  phase: Phase;
  policy: string;
  predicted?: Interval;
  reason: string;
  /** SecondPerson: approval and promotion take somebody signed in who is not Tried. */
  second_person?: boolean;
  /** the proof of it */
  sentence: string;
  since: string;
  /** s3://bucket/key */
  source: string;
  /** canary step it is in, or came to, from 1; 0 before */
  step: number;
  steps: number;
  /** who asked for the try */
  tried?: string;
  /** of the step it is in; null before that has one */
  verdict: Verdict | null;
  /** what to do, or that nothing needs doing; times are UTC */
  way_out: string;
}

/** Seen is what a person was looking at. What is left out does not matter. */
export interface Seen {
  /** digest of the stable one; empty: none */
  release?: string;
  /** Fleet.LastEvent: what concerns the fleet or the rollout in question has not changed */
  revision?: number;
  /** id of the active one; empty: none */
  rollout?: string;
}

/** Series is the answer to /v1/fleets/{fleet}/rollouts/{id}/series: the log of what the judge was shown, judged anew and thinned for drawing. Columns have an entry per point; what a look does not tell is null. */
export interface Series {
  /** looks at which this version's verdict is not that of then */
  differ: number;
  gates: SeriesGate[];
  /** How long auctions took; null where the log was written before that was kept. */
  latency: SeriesLatency | null;
  /** that were judged for it */
  looks: number;
  /** Every partner, at fewer moments than there are points: those with most traffic, and how many there are beside. */
  moments: string[];
  /** null where no bid had a price */
  money: SeriesMoney | null;
  more_partners: number;
  partners: SeriesPartner[];
  points: SeriesPoint[];
  /** versions that judged then */
  programs: string[];
  rollout: string;
  /** why the rest of the log cannot be read */
  trouble?: string;
  /** false: more of the log waits to be judged; ask again */
  whole: boolean;
}

/** SeriesEarnings are those of one release: value of the bids that it lets through and calls saved, each per million requests, with 95 % intervals. */
export interface SeriesEarnings {
  saved: (number | null)[];
  saved_high: (number | null)[];
  saved_low: (number | null)[];
  value: (number | null)[];
  value_high: (number | null)[];
  value_low: (number | null)[];
}

/** SeriesGate is one gate over time. */
export interface SeriesGate {
  band_high: (number | null)[];
  band_low: (number | null)[];
  candidate: (number | null)[];
  difference: (number | null)[];
  evidence: (number | null)[];
  gate: string;
  high: (number | null)[];
  low: (number | null)[];
  outcome: string[];
  /** the one that speaks loudest, of gates about partners */
  partner?: string[];
  proof: (number | null)[];
  requests: (number | null)[];
  required: (number | null)[];
  since_past?: boolean;
  stable: (number | null)[];
  threshold: (number | null)[];
}

/** SeriesLatency is how long auctions took over the minute up to each look, arm by arm. */
export interface SeriesLatency {
  /** of tasks that answer with the candidate */
  canary: SeriesPercentiles;
  control: SeriesPercentiles;
  /** of all others */
  stable: SeriesPercentiles;
}

/** SeriesMoney is what both releases would bring over time. */
export interface SeriesMoney {
  candidate: SeriesEarnings;
  currency: string;
  stable: SeriesEarnings;
}

/** SeriesPartner is one partner over time; its columns have an entry per moment. */
export interface SeriesPartner {
  band_high: number;
  band_low: number;
  candidate: (number | null)[];
  difference: (number | null)[];
  /** against the candidate, by then */
  evidence: number;
  high: (number | null)[];
  low: (number | null)[];
  name: string;
  /** at the last moment */
  outcome: Outcome;
  /** by then */
  requests: number;
  stable: (number | null)[];
}

/** SeriesPercentiles are those of one arm. */
export interface SeriesPercentiles {
  p50_seconds: (number | null)[];
  p99_seconds: (number | null)[];
}

/** SeriesPoint is one look. */
export interface SeriesPoint {
  at: string;
  class?: string;
  gate?: string;
  /** what people read first, as it was then */
  headline: string;
  /** its number, from 1 */
  look: number;
  outcome: Outcome;
  partner?: string;
  progress: number;
  /** Of the requests that compared tasks answered since the arms were formed, the candidate's share, and the share of its tasks among them. */
  requests: number;
  sentence: string;
  /** arms are compared; false in the shadow phase */
  served: boolean;
  share: number | null;
  /** grows whenever arms are formed anew */
  step: number;
  tasks: number | null;
  /** the answer is another than before */
  turn?: boolean;
}

export type Serves = "stable" | "candidate" | "other" | "nothing";

/** Slots are columns with one number for each slot of time, oldest first; null where nothing was counted. An arm that counted nothing is left out. */
export interface Slots {
  all?: Columns;
  begin: string;
  canary?: Columns;
  control?: Columns;
  every_seconds: number;
  rest?: Columns;
}

/** Spent is a gate's share of the false alarms that a rollout may give, and how near it is to giving one. */
export interface Spent {
  alpha: number;
  evidence: number;
  gate: string;
  threshold: number;
}

/** Standing is how a fleet stood, in short. */
export interface Standing {
  default?: string;
  frozen?: boolean;
  paused?: boolean;
  phase?: Phase;
  revision: number;
  /** the active one */
  rollout?: string;
  stable?: string;
  /** canary step, from 1 */
  step?: number;
}

/** Stop is the answer to /v1/freeze: the stop of all fleets, if there is one. */
export interface Stop {
  freeze: Freeze | null;
}

/** StopAsk is the body of a wish to freeze all fleets, or to end that. */
export interface StopAsk {
  /** who asks, where there is no sign-in */
  by?: string;
  /** as of every wish: the caller's, here or as the header Idempotency-Key */
  id?: string;
  /** freeze: when it ends by itself */
  until?: string;
  why: string;
}

/** Stratum is where and as what a task runs, as ECS tells it; canaries and controls come from the same. What is not known is empty. */
export interface Stratum {
  /** else the launch type */
  capacity_provider: string;
  /** of the service */
  deployment: string;
  /** "fargate" for Fargate */
  instance_type: string;
  /** of the task definition */
  revision: string;
  /** availability zone */
  zone: string;
}

/** Summary is a fleet among others: what there is to know of it at a glance. */
export interface Summary {
  /** as in lists */
  active: Rollout | null;
  at: string;
  fleet: string;
  /** as in lists */
  last: Rollout | null;
  loop: Loop | null;
  next: Next;
  pause: Pause | null;
  /** rollouts that wait */
  queue: number;
  /** wishes not yet acted on */
  requests: number;
  stable: Release | null;
  tasks: TaskCounts;
  /** why it cannot be read; all below is unknown then */
  trouble?: string;
  unheard: Unheard[];
  /** the worst first; empty where nothing is known to be wrong */
  unwell: Unwell[];
}

/** TakenBack is a rollout that was taken back, of an artifact that somebody looks at or tries again. */
export interface TakenBack {
  at: string;
  fleet: string;
  /** what people read first of it */
  headline: string;
  rollout: string;
}

/** Task is one running inference task. */
export interface Task {
  address: string;
  /** canary, control or rest */
  cohort: Cohort;
  connections: number;
  /** why it cannot be reached, or does not obey */
  error?: string;
  /** how Serving is scored: "lanes avx512", "memo", …; empty where the task does not tell */
  evaluator: string;
  /** of the newest assignment */
  failure?: string;
  /** under what it serves; null before anything was scored */
  filter_rate: number | null;
  id: string;
  /** a deployment keeps auctions from it */
  idle?: boolean;
  memory_bytes: number;
  /** digest being loaded */
  preparing: string;
  /** from scale-in */
  protected: boolean;
  /** by somebody else */
  protected_elsewhere?: boolean;
  protected_until?: string;
  /** it answers, perhaps with what it had before a failure */
  ready: boolean;
  /** answered since it started */
  requests: number;
  /** stable, candidate, other or nothing */
  serves: Serves;
  /** digest */
  serving: string;
  /** digest scored beside it */
  shadow: string;
  started_at: string;
  /** ready, not_ready, preparing, failed or unreachable */
  state: TaskState;
  stratum: Stratum;
  /** release it is tagged with in ECS */
  tag: string;
}

/** TaskCounts sums up the tasks of a fleet. */
export interface TaskCounts {
  canary: number;
  control: number;
  /** that ECS is to keep running */
  desired: number;
  /** could not take what they were asked to */
  failed: number;
  on_candidate: number;
  /** another release, or none */
  on_other: number;
  /** of those that can be reached */
  on_stable: number;
  preparing: number;
  ready: number;
  total: number;
  unreachable: number;
}

export type TaskState = "ready" | "not_ready" | "preparing" | "failed" | "unreachable";

/** Tasks is the answer to /v1/fleets/{fleet}/tasks. */
export interface Tasks {
  /** of the look that saw them */
  at: string;
  /** up to the limit: canary, control, then those in trouble */
  tasks: Task[];
  total: number;
}

/** Traffic is what some tasks answered. What nothing was counted of is null. */
export interface Traffic {
  /** auctions that the shares are of */
  answered: number;
  /** share of auctions that were forwarded without a score */
  degraded: number | null;
  /** share of auctions that got no answer */
  failed: number | null;
  /** share of (auction, partner) pairs */
  filtered: number | null;
  /** of an answer, with the wait for a processor */
  p50_seconds: number | null;
  p99_seconds: number | null;
  /** auctions a second, all of these tasks together */
  rate: number;
  tasks: number;
}

/** trouble is the body of a message that says that the fleet cannot be read. */
export interface Trouble {
  error: string;
}

/** Tuning is a tuning job, or AutoML job, that is not over. */
export interface Tuning {
  automl?: boolean;
  name: string;
  /** how far it is, or why it cannot be asked */
  sentence: string;
  /** when the first of its training jobs completed */
  since: string;
}

/** Unheard is a receiver of notices that has said that it wants none any more. */
export interface Unheard {
  receiver: string;
  sentence: string;
  since: string;
}

/** Unwell is something that is wrong with a fleet, whatever is being tried. */
export interface Unwell {
  /** missing, silent, failed, degraded or late */
  reason: Ill;
  sentence: string;
  /** what to do first */
  way_out: string;
}

export type Verb = "pause" | "resume" | "abort" | "promote" | "rollback" | "try";

/** Verdict is the judge's answer. */
export interface Verdict {
  at: string;
  /** worse by gross harm, told without statistics */
  breaker?: boolean;
  /** of an inconclusive one: floor, borderline or starved */
  class?: Class;
  culprits?: string[];
  detectable?: number;
  /** 0 when unknown */
  eta_seconds: number;
  findings?: Finding[];
  gate?: string;
  /** a person should look before the candidate goes on */
  holds?: boolean;
  looks: number;
  /** where bids come with prices */
  money?: Money;
  needed?: number;
  /** what would have changed the outcome */
  otherwise?: string;
  outcome: Outcome;
  partner?: string;
  /** in [0, 1] towards the proof that is furthest away */
  progress: number;
  /** Of the proof that is furthest away: requests or pairs behind it, how many it needs, and the smallest difference that could be told at present. The first two are left out where they tell another story than Progress, as of a difference that more of the same will not prove. */
  requests?: number;
  sentence: string;
  spent?: Spent[];
}
