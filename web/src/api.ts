// The types of the API, field for field as package api sends them (a test
// compares the two), and the calls.

export type Phase =
  | "queued" | "admitting" | "shadow" | "canary" | "held" | "promoting" | "rolling_back"
  | "live" | "rolled_back" | "refused" | "superseded";

export type Outcome = "worse" | "invalid" | "no_data" | "unsure" | "inconclusive" | "acceptable";

export interface Fleet {
  fleet: string;
  at: string;
  stable: Release | null;
  previous: Release | null;
  default: Release | null;
  back: Release | null;
  candidate: Release | null;
  active: Rollout | null;
  queue: Rollout[];
  last: Rollout | null;
  freeze: Freeze | null;
  pause: Pause | null;
  requests: Request[];
  auctions: Auctions | null;
  unwell: Unwell[];
  tasks: TaskCounts;
  next: Next;
  loop: Loop | null;
  last_event: number;
}

export interface Release {
  digest: string;
  job?: string;
  source?: string;
  by?: string;
  since?: string;
  admitted_at?: string;
  notes?: string[];
}

export interface Passport extends Release {
  job_arn?: string;
  image?: string;
  version_id?: string;
  etag?: string;
  metrics?: Record<string, number>;
  bytes: number;
  format: string;
  version?: string;
  objective: string;
  evaluator: string;
  trees: number;
  trained?: number;
  features: number;
  memory_bytes: number;
  golden: number;
  answers?: number;
  predicted: Interval | null;
  intended_change: Change | null;
}

export interface Interval {
  estimate: number;
  low: number;
  high: number;
}

export interface Change {
  filter_rate: number;
  partners?: Record<string, number>;
  why: string;
}

export interface Rollout {
  id: string;
  job?: string;
  source: string;
  candidate: string;
  against: string;
  policy: string;
  by?: string;
  second_person?: boolean;
  tried?: string;
  phase: Phase;
  reason: string;
  headline: string;
  way_out: string;
  sentence: string;
  since: string;
  final: boolean;
  step: number;
  steps: number;
  found_at: string;
  completed_at?: string;
  held_from?: Phase;
  held_until?: string;
  coalesced: number;
  exposed: number;
  missed_bids: number;
  budget?: Budget;
  predicted?: Interval;
  intended_change?: Change;
  verdict: Verdict | null;
  gathering?: boolean;
  canary_tasks?: string[];
  control_tasks?: string[];
  history?: Event[];
}

export interface Budget {
  auctions?: number;
  missed_bids?: number;
  sized?: number;
}

export interface Verdict {
  outcome: Outcome;
  class?: "floor" | "borderline" | "starved";
  breaker?: boolean;
  holds?: boolean;
  gate?: string;
  partner?: string;
  culprits?: string[];
  sentence: string;
  otherwise?: string;
  looks: number;
  at: string;
  progress: number;
  eta_seconds: number;
  requests?: number;
  needed?: number;
  detectable?: number;
  money?: Money;
  spent?: Spent[];
  findings?: Finding[];
}

export interface Amount {
  value: number;
  low: number;
  high: number;
}

export interface Earnings {
  value: Amount;
  saved: Amount;
  lost: Amount;
}

export interface Money {
  currency: string;
  priced: number;
  unpriced?: number;
  capped?: number;
  candidate: Earnings;
  stable: Earnings;
}

export interface Spent {
  gate: string;
  alpha: number;
  evidence: number;
  threshold: number;
}

export interface Finding {
  gate: string;
  partner?: string;
  outcome: Outcome;
  candidate_rate: number;
  stable_rate: number;
  difference: number;
  since_past?: boolean;
  low: number;
  high: number;
  band_low: number;
  band_high: number;
  evidence: number;
  threshold: number;
  proof: number;
  required: number;
  requests: number;
  clusters: number;
  windows: number;
  sentence: string;
  alpha?: number;
  needed?: number;
  detectable?: number;
  growth?: number[];
  drivers?: Driver[];
  otherwise?: string;
}

export interface Driver {
  name: string;
  share: number;
}

export interface Event {
  seq: number;
  at: string;
  rollout?: string;
  candidate?: string;
  from?: Phase;
  to?: Phase;
  step?: number;
  reason: string;
  headline: string;
  way_out: string;
  sentence: string;
  by?: string;
  wish?: string;
  verdict?: Verdict;
}

export interface Pause {
  by: string;
  why?: string;
  at: string;
}

export interface Request {
  id: string;
  verb: string;
  by: string;
  how?: string;
  why?: string;
  at: string;
  rollout?: string;
  release?: string;
  source?: string;
  intended_change?: Change;
  revision: number;
}

export interface TaskCounts {
  total: number;
  desired: number;
  ready: number;
  unreachable: number;
  preparing: number;
  failed: number;
  canary: number;
  control: number;
  on_stable: number;
  on_candidate: number;
  on_other: number;
}

export interface Auctions {
  over_seconds: number;
  deadline_seconds: number;
  all: Traffic | null;
  canary: Traffic | null;
  control: Traffic | null;
  rest: Traffic | null;
  slots: Slots;
}

export interface Traffic {
  tasks: number;
  rate: number;
  answered: number;
  filtered: number | null;
  degraded: number | null;
  failed: number | null;
  p50_seconds: number | null;
  p99_seconds: number | null;
}

export interface Slots {
  begin: string;
  every_seconds: number;
  all?: Columns;
  canary?: Columns;
  control?: Columns;
  rest?: Columns;
}

export interface Columns {
  rate: (number | null)[];
  filtered: (number | null)[];
  degraded: (number | null)[];
  failed: (number | null)[];
  p50_seconds: (number | null)[];
  p99_seconds: (number | null)[];
}

export interface Unwell {
  reason: "missing" | "silent" | "failed" | "degraded" | "late";
  sentence: string;
}

export interface Task {
  id: string;
  address: string;
  state: "ready" | "not_ready" | "preparing" | "failed" | "unreachable";
  ready: boolean;
  cohort: "canary" | "control" | "rest";
  serving: string;
  serves: "stable" | "candidate" | "other" | "nothing";
  evaluator: string;
  shadow: string;
  preparing: string;
  failure?: string;
  error?: string;
  tag: string;
  protected: boolean;
  stratum: Stratum;
  requests: number;
  filter_rate: number | null;
  memory_bytes: number;
  connections: number;
  started_at: string;
}

export interface Stratum {
  zone: string;
  capacity_provider: string;
  instance_type: string;
  revision: string;
  deployment: string;
}

export interface Next {
  sentence: string;
  phase?: Phase;
  step?: number;
  at?: string;
  deadline?: string;
  otherwise?: Phase;
}

export interface Loop {
  at: string;
  age_seconds: number;
  leader: string;
  epoch: number;
  took_seconds: number;
  every_seconds: number;
  pace: number;
  wanted: string[];
  errors: string[];
}

export interface Tasks {
  at: string;
  total: number;
  tasks: Task[];
}

export interface Freeze {
  name?: string;
  by?: string;
  why?: string;
  since: string;
  until: string | null;
  sentence: string;
}

export interface Audit {
  entries: AuditEntry[];
  next?: string;
}

export interface AuditEntry {
  what: string;
  at: string;
  fleet?: string;
  wish?: string;
  verb?: string;
  by?: string;
  how?: string;
  claim?: string;
  from?: string;
  why?: string;
  rollout?: string;
  release?: string;
  source?: string;
  break_glass?: boolean;
  reason?: string;
  sentence?: string;
  before?: Standing;
  after?: Standing;
}

export interface Standing {
  revision: number;
  stable?: string;
  default?: string;
  rollout?: string;
  phase?: Phase;
  step?: number;
  paused?: boolean;
  frozen?: boolean;
}

export type Role = "viewer" | "operator" | "admin";

export interface Me {
  open: boolean;
  name?: string;
  how?: string;
  roles?: Record<string, Role>;
  until?: string;
  tokens?: boolean;
  provider?: string;
}

export interface Summary {
  fleet: string;
  trouble?: string;
  at: string;
  unwell: Unwell[];
  stable: Release | null;
  active: Rollout | null;
  queue: number;
  last: Rollout | null;
  pause: Pause | null;
  requests: number;
  tasks: TaskCounts;
  next: Next;
  loop: Loop | null;
}

// Column has an entry per point; what a look does not tell is null.
export type Column = (number | null)[];

export interface Series {
  rollout: string;
  looks: number;
  whole: boolean;
  differ: number;
  programs: string[];
  trouble?: string;
  points: SeriesPoint[];
  gates: SeriesGate[];
  money: SeriesMoney | null;
  moments: string[];
  partners: SeriesPartner[];
  more_partners: number;
}

export interface SeriesPoint {
  look: number;
  at: string;
  step: number;
  served: boolean;
  turn?: boolean;
  outcome: Outcome;
  class?: string;
  gate?: string;
  partner?: string;
  headline: string;
  sentence: string;
  progress: number;
  requests: number;
  share: number | null;
  tasks: number | null;
}

export interface SeriesGate {
  gate: string;
  partner?: string[];
  since_past?: boolean;
  outcome: string[];
  candidate: Column;
  stable: Column;
  difference: Column;
  low: Column;
  high: Column;
  band_low: Column;
  band_high: Column;
  evidence: Column;
  threshold: Column;
  proof: Column;
  required: Column;
  requests: Column;
}

export interface SeriesMoney {
  currency: string;
  candidate: SeriesEarnings;
  stable: SeriesEarnings;
}

export interface SeriesEarnings {
  value: Column;
  value_low: Column;
  value_high: Column;
  saved: Column;
  saved_low: Column;
  saved_high: Column;
}

export interface SeriesPartner {
  name: string;
  outcome: Outcome;
  requests: number;
  evidence: number;
  band_low: number;
  band_high: number;
  candidate: Column;
  stable: Column;
  difference: Column;
  low: Column;
  high: Column;
}

export type Verb = "pause" | "resume" | "abort" | "promote" | "rollback" | "try";

export interface Ask {
  id?: string;
  by: string;
  why?: string;
  rollout?: string;
  release?: string;
  source?: string;
  intended_change?: Change;
  break_glass?: boolean;
  seen?: Seen;
}

export interface Seen {
  revision?: number;
  rollout?: string;
  release?: string;
}

// Refused is an answer that is not a success.
export class Refused extends Error {
  constructor(message: string, readonly status: number, readonly stored?: boolean) { super(message); }
}

const patience = 10_000; // milliseconds for one call

let dated: (date: number, sent: number) => void = () => undefined;

// onDate hears the server's clock, in milliseconds, from every answer to a
// question that was sent at that time of ours.
export const onDate = (hear: typeof dated) => { dated = hear; };

async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  const sent = Date.now();
  const answer = await fetch(path, { ...init, signal: AbortSignal.timeout(patience), cache: "no-store" });
  dated(Date.parse(answer.headers.get("Date") ?? ""), sent);
  if (!answer.ok) {
    const said = await problemOf(answer);
    throw new Refused(said.detail, answer.status, said.stored);
  }
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

interface Problem { detail: string; stored?: boolean }

// problemOf is what an answer that is not a success says.
async function problemOf(answer: Response): Promise<Problem> {
  const body: unknown = await answer.json().catch(() => null);
  const said = body as Partial<Problem> | null;
  return { ...said, detail: said?.detail ?? `the server answered ${answer.status}` };
}

// refusal is why a stream of events is not to be had, which a browser keeps from
// the page; empty when it is, or when nobody answers.
export async function refusal(fleet: string): Promise<string> {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), patience);
  try {
    const answer = await fetch(eventsPath(fleet, 0), { signal: stop.signal, cache: "no-store" });
    return answer.ok ? "" : (await problemOf(answer)).detail;
  } catch {
    return "";
  } finally {
    clearTimeout(late);
    stop.abort();
  }
}

const at = (fleet: string, ...rest: string[]) =>
  ["v1/fleets", fleet, ...rest].map((s, i) => (i === 0 ? s : encodeURIComponent(s))).join("/");

export const me = () => call<Me>("v1/me");
export const enter = (token: string) => call<undefined>("signin/token", { method: "POST", body: token });
export const leave = () => call<undefined>("signin/out", { method: "POST" });
export const fleets = () => call<string[]>("v1/fleets");
export const fleet = (name: string) => call<Fleet>(at(name));
export const tasks = (fleet: string) => call<Tasks>(at(fleet, "tasks") + "?limit=1000");
export const pastLimit = 50; // rollouts that the page lists
export const rollouts = (fleet: string) => call<Rollout[]>(at(fleet, "rollouts") + `?limit=${pastLimit}`);
export const rollout = (fleet: string, id: string) => call<Rollout>(at(fleet, "rollouts", id));
export const audit = (fleet: string, after = "") =>
  call<Audit>(`v1/audit?limit=100&fleet=${encodeURIComponent(fleet)}` + (after === "" ? "" : `&after=${after}`));
export const releases = () => call<Passport[]>("v1/releases?limit=50");

export const overview = () => call<Summary[]>("v1/overview");
export const series = (fleet: string, id: string) => call<Series>(at(fleet, "rollouts", id, "series"));
export const past = (fleet: string, limit: number) => call<Rollout[]>(at(fleet, "rollouts") + `?limit=${limit}`);
export const release = (digest: string) => call<Passport>(`v1/releases/${digest}`);
export const manifestPath = (digest: string) => `v1/releases/${digest}/manifest`;

const tries = 3; // of a wish that is not answered

// trouble is whether an answer, or that there is none, says nothing of the wish.
const trouble = (err: unknown) => !(err instanceof Refused) || err.status >= 500;

// unanswered is whether nobody knows what became of a wish. doubt is whether an
// earlier try may have stored it.
export const unanswered = (err: unknown, doubt: boolean) =>
  trouble(err) && (doubt || !(err instanceof Refused) || err.stored !== false);

// ask writes a wish down. Where no answer comes it asks again, as the same wish
// by its key, so that it has one effect.
export async function ask(fleet: string, verb: Verb, key: string, body: Ask): Promise<Request> {
  let doubt = false;
  for (let n = 1; ; n++) {
    try {
      return await call<Request>(at(fleet, verb), {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
        body: JSON.stringify(body),
      });
    } catch (err) {
      doubt = unanswered(err, doubt);
      if (trouble(err) && n < tries) {
        await new Promise((resolve) => setTimeout(resolve, 200 * n));
        continue;
      }
      throw doubt && err instanceof Refused ? new Refused(err.message, err.status) : err;
    }
  }
}

// newKey names a wish, unlike any other.
export const newKey = () =>
  "page-" + Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

// see is what somebody sees who looks at f.
export const see = (f: Fleet): Seen =>
  ({ revision: f.last_event, rollout: f.active?.id ?? "", release: f.stable?.digest ?? "" });

export const eventsPath = (fleet: string, after: number) =>
  at(fleet, "events") + (after > 0 ? `?after=${after}` : "");
