// Made from api/openapi.json by go generate ./web. Do not edit.

/** Amount is a number with its 95 % interval, which is right for one look. */
export interface Amount {
  high: number;
  low: number;
  value: number;
}

/** Ask is the body of every wish. */
export interface Ask {
  /** who asks */
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
  /** who asks */
  by: string;
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
  /** who asks */
  by: string;
  /** ID may be chosen by the caller, here or as the header Idempotency-Key, so that asking again after a lost reply changes nothing and is answered as it was first, for a day; empty: the server chooses one. */
  id?: string | null;
  /** Seen is what the asker was looking at. What has changed since is a conflict, except that danger (rollback, abort, pause) goes on while its target is there. Without it a wish means things as they stand. */
  seen?: AskSeen | null;
  /** shown with all that follows from it */
  why?: string | null;
}

/** Ask is the body of every wish. */
export interface AskRollout {
  /** who asks */
  by: string;
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

/** Ask is the body of every wish. */
export interface AskTry {
  /** who asks */
  by: string;
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

/** Budget is what a candidate may spoil before the last canary step is accepted; 0 is no bound. Exposed and Missed of the rollout count against it. */
export interface Budget {
  auctions?: number;
  missed_bids?: number;
  /** tasks that the step gets, so that the budget lasts */
  sized?: number;
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
  reason: string;
  rollout?: string;
  sentence: string;
  seq: number;
  /** canary step that was entered, from 1 */
  step?: number;
  to?: Phase;
  verdict?: Verdict;
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
  /** where a rollback without a name leads */
  back: Release | null;
  /** of the active rollout; null before it is admitted */
  candidate: Release | null;
  /** what a fresh task loads */
  default: Release | null;
  fleet: string;
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
}

/** gap is the body of a message that says that events were missed. */
export interface Gap {
  /** the last that the client knows */
  after: number;
  /** the first that is remembered */
  first: number;
}

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
  /** in the file */
  trained?: number;
  /** that answer */
  trees: number;
  /** of the library that wrote the model */
  version?: string;
  version_id?: string;
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
  id: string;
  intended_change?: Change;
  release?: string;
  /** Fleet.LastEvent when it was taken: what becomes of it comes after */
  revision: number;
  rollout?: string;
  source?: string;
  verb: Verb;
  why?: string;
}

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
  sentence: string;
  since: string;
  /** s3://bucket/key */
  source: string;
  /** canary step it is in, or came to, from 1; 0 before */
  step: number;
  steps: number;
  verdict: Verdict | null;
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

export type Serves = "stable" | "candidate" | "other" | "nothing";

/** Spent is a gate's share of the false alarms that a rollout may give, and how near it is to giving one. */
export interface Spent {
  alpha: number;
  evidence: number;
  gate: string;
  threshold: number;
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
  memory_bytes: number;
  /** digest being loaded */
  preparing: string;
  protected: boolean;
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

/** trouble is the body of a message that says that the fleet cannot be read. */
export interface Trouble {
  error: string;
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
  /** Of the proof that is furthest away: requests or pairs behind it, how many it needs, and the smallest difference that could be told at present. */
  requests?: number;
  sentence: string;
  spent?: Spent[];
}
