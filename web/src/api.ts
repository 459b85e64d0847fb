// The types of the API, as the document says (schema.ts is made from it), and
// the calls.

import type { Ask, Audit, Calendar, Fleet, Me, Passport, Problem, Request, Rollout, Seen, Series, Stop, StopAsk, Summary, Tasks, Verb } from "./schema.ts";

export type * from "./schema.ts";

// Column has an entry per point; what a look does not tell is null.
export type Column = (number | null)[];

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

// problemOf is what an answer that is not a success says.
async function problemOf(answer: Response): Promise<Pick<Problem, "detail" | "stored">> {
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
// audit is a page of the trail, of a fleet or, without a name, of all.
export const audit = (fleet: string, after = "") => call<Audit>(`v1/audit?${new URLSearchParams({ limit: "100", ...(fleet ? { fleet } : {}), ...(after ? { after } : {}) })}`);
export const auditPath = (fleet: string) => "v1/audit/export" + (fleet ? `?fleet=${encodeURIComponent(fleet)}` : "");
export const stop = () => call<Stop>("v1/freeze");
export const freezes = () => call<Calendar>("v1/freezes");
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

// ask writes a wish down.
export const ask = (fleet: string, verb: Verb, key: string, body: Ask) => wish<Request>(at(fleet, verb), key, body);

// setStop stops all fleets, or ends that.
export const setStop = (verb: "freeze" | "unfreeze", key: string, body: StopAsk) => wish<Stop>(`v1/${verb}`, key, body);

// wish asks for what is done once. Where no answer comes it asks again, as the
// same wish by its key, so that it has one effect.
async function wish<T>(path: string, key: string, body: Ask | StopAsk): Promise<T> {
  let doubt = false;
  for (let n = 1; ; n++) {
    try {
      return await call<T>(path, {
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
  at(fleet, "events") + "?patch=look,tasks" + (after > 0 ? `&after=${after}` : "");
