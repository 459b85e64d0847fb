// Small pieces that several panels share.

import type { Outcome, Phase, Release, Rollout } from "./api.ts";
import { h } from "./dom.ts";
import { clock, local, short, span, words } from "./format.ts";

export type Tone = "good" | "bad" | "warn" | "try" | "calm";

export function tone(phase: Phase): Tone {
  switch (phase) {
    case "live": return "good";
    case "rolling_back":
    case "rolled_back":
    case "refused": return "bad";
    case "held": return "warn";
    case "shadow":
    case "canary":
    case "promoting":
    case "admitting": return "try";
    case "queued":
    case "superseded": return "calm";
  }
}

export function outcomeTone(outcome: Outcome): Tone {
  switch (outcome) {
    case "acceptable": return "good";
    case "worse": return "bad";
    case "inconclusive":
    case "invalid": return "warn";
    case "unsure":
    case "no_data": return "calm";
  }
}

export const badge = (text: string, t: Tone) => h("span", { class: `badge ${t}` }, words(text));

// endBadge says how a rollout ended; of what went live, whether it still serves.
export function endBadge(r: Rollout, stable: string | undefined): HTMLElement {
  if (r.phase !== "live") return badge(r.phase, tone(r.phase));
  return r.candidate !== "" && r.candidate === stable ? badge("serves", "good") : badge("was live", "calm");
}

// needsPerson is whether a held rollout waits for one; the others go on by
// themselves.
export const needsPerson = (r: Rollout): boolean => r.phase === "held" && ["approval", "doubtful", "inconclusive", "paused"].includes(r.reason);

export const code = (digest: string) => h("code", { title: digest }, digest === "" ? "—" : short(digest));

export const ago = (iso: string, now: number) =>
  h("time", { datetime: iso, title: `${clock(iso, 0)} (${iso})` }, `${span(now - Date.parse(iso))} ago`);

// until tells a moment to come; one that is overdue is due now.
export const until = (iso: string, now: number) => {
  const left = Date.parse(iso) - now;
  return h("time", { datetime: iso, title: iso }, left > 0 ? `${clock(iso, now)}, in ${span(left)}` : "now");
};

export const button = (act: string, text: string, kind = "", more: Record<string, string> = {}) =>
  h("button", { type: "button", class: kind, "data-do": act, ...more }, text);

// notesOf are what whoever sees a release should know of it.
export const notesOf = (r: Release | null): HTMLElement[] => (r?.notes ?? []).map((note) => h("p", { class: "note" }, note));

// typed sets off what stands between backticks: it is for a terminal.
export const typed = (text: string) => text.split("`").map((part, i) => (i % 2 === 1 ? h("code", {}, part) : part));

// said is the headline of a rollout as it was at a moment, the way out, and the
// proof. An earlier server tells the sentence alone.
export function said(r: { headline?: string; way_out?: string; sentence: string }, at: string, proof = r.sentence): HTMLElement[] {
  if (!r.headline) return [h("p", { class: "sentence" }, proof)];
  return [
    h("p", { class: "sentence" }, local(r.headline, at)),
    h("p", { class: "way" }, typed(local(r.way_out ?? "", at))),
    h("p", { class: "proof muted" }, proof),
  ];
}
