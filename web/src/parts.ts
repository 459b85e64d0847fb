// Small pieces that several panels share.

import type { Outcome, Phase, Release, Verdict } from "./api.ts";
import { h } from "./dom.ts";
import { clock, short, span, words } from "./format.ts";
import { headline } from "./headline.ts";

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

// said is what a verdict comes to, and then its proof; or what is said otherwise.
export function said(v: Verdict | null, otherwise: string): HTMLElement[] {
  const first = v ? headline(v) : "";
  const proof = v ? v.sentence : otherwise;
  if (first === "") return [h("p", { class: "sentence" }, proof)];
  return [h("p", { class: "sentence" }, first), h("p", { class: "proof muted" }, proof)];
}
