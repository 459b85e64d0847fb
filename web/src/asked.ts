// What pages ask the server for, each thing once for all who show it, and again
// when it is old. Not asked yet, failed and empty are told apart.

import { Refused } from "./api.ts";
import { h } from "./dom.ts";

export interface Asked<T> {
  state: "asking" | "there" | "none" | "failed"; // none: the server says that there is no such thing
  value: T | null; // the newest there was, whatever the state
  why: string; // it failed, or there is none
  at: number; // performance.now() of the last answer
  count: number; // of answers
}

interface Entry extends Asked<unknown> { busy: boolean; as: number }

const most = 64; // things that are remembered
const again = 5000; // milliseconds after a failure
const entries = new Map<string, Entry>();
let news: () => void = () => undefined;

// onNews is told what to do when an answer has come.
export const onNews = (then: () => void) => { news = then; };

// asked is what is known of the thing called key. It is asked for with get where
// it is older than so many milliseconds, or was asked for as of another event;
// until that is answered it stays what it was.
export function asked<T>(key: string, get: () => Promise<T>, fresh: number, as = 0): Asked<T> {
  let e = entries.get(key);
  if (!e) {
    e = { state: "asking", value: null, why: "", at: 0, count: 0, busy: false, as };
    if (entries.size >= most) entries.delete(entries.keys().next().value ?? "");
    entries.set(key, e);
  }
  const age = performance.now() - e.at;
  if (!e.busy && (e.count === 0 || as !== e.as || age > (e.state === "failed" ? again : fresh)) && !document.hidden) {
    e.as = as;
    void fill(e, get);
  }
  return e as Asked<T>;
}

// old lets the thing called key be asked for anew.
export function old(key: string): void {
  const e = entries.get(key);
  if (e) e.at = -Infinity;
  news();
}

async function fill(e: Entry, get: () => Promise<unknown>): Promise<void> {
  e.busy = true;
  try {
    [e.value, e.state, e.why] = [await get(), "there", ""];
  } catch (err) {
    e.why = err instanceof Refused ? err.message : "no answer came";
    e.state = err instanceof Refused && err.status === 404 ? "none" : "failed";
  } finally {
    [e.busy, e.at] = [false, performance.now()];
    e.count++;
    news();
  }
}

// missing says why there is nothing to show; null where there is something.
export function missing(a: Asked<unknown>, what: string): HTMLElement | null {
  if (a.value !== null && a.state !== "none") {
    return a.state === "failed" ? h("p", { class: "note", role: "status" }, `${what} may be old: ${a.why}. Trying again.`) : null;
  }
  switch (a.state) {
    case "asking":
    case "there": return h("p", { class: "muted", role: "status" }, "Looking…");
    case "none": return h("p", { class: "muted" }, `${a.why}.`);
    case "failed": return h("p", { class: "note", role: "status" }, `${what} cannot be shown: ${a.why}. Trying again.`);
  }
}
