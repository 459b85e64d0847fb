// How a rollout went: its log as the server judged it anew, and behind it, while
// it runs, the verdicts that the page has heard since.

import type { Auctions, Column, Finding, Outcome, Series, SeriesGate, Verdict } from "./api.ts";
import { series } from "./api.ts";
import type { Asked } from "./asked.ts";
import { asked } from "./asked.ts";
import type { Store } from "./store.ts";

// Heard is a verdict with the headline that the rollout had then, and how the
// auctions fared.
interface Heard extends Verdict { headline: string; auctions: Auctions | null }

const heard = { id: "", verdicts: [] as Heard[] };
const mostHeard = 300;
let joined = { of: "", series: null as Series | null };

// course is what is known of a rollout's looks by now.
export function course(s: Store, id: string): Asked<Series> {
  const running = s.view?.active?.id === id;
  const log = asked(`series/${s.fleet}/${id}`, () => series(s.fleet, id), recent(s.fleet, id, running));
  listen(s, id);
  if (log.value === null) return log;
  whole.set(`${s.fleet}/${id}`, log.value.whole);
  const last = Date.parse(log.value.points.at(-1)?.at ?? "");
  const fresh = running ? heard.verdicts.filter((v) => !(Date.parse(v.at) <= last)) : [];
  if (fresh.length === 0 || !log.value.whole) return log;
  const of = `${s.fleet}/${id}/${log.count}/${fresh.length}/${fresh.at(-1)?.at}`;
  if (joined.of !== of) joined = { of, series: join(log.value, fresh) };
  return { ...log, value: joined.series, count: log.count + fresh.length };
}

const whole = new Map<string, boolean>();

// recent is how old a log may be: it is judged in parts, and grows while the
// rollout runs.
function recent(fleet: string, id: string, running: boolean): number {
  if (whole.get(`${fleet}/${id}`) === false) return 500;
  return running ? 15_000 : 600_000;
}

function listen(s: Store, id: string): void {
  const v = s.view?.active?.id === id ? s.view.active.verdict : null;
  const key = `${s.fleet}/${id}`;
  if (heard.id !== key) Object.assign(heard, { id: key, verdicts: [] });
  if (v && v.at !== heard.verdicts.at(-1)?.at) heard.verdicts = [...heard.verdicts, { ...v, headline: s.view?.active?.headline ?? "", auctions: s.view?.auctions ?? null }].slice(-mostHeard);
}

// join adds verdicts that were heard. How requests were shared out is in the log
// only, and so is what partners do.
function join(s: Series, verdicts: Heard[]): Series {
  const last = s.points.at(-1);
  const points = [...s.points, ...verdicts.map((v) => ({
    look: v.looks, at: v.at, step: last?.step ?? 0, served: (v.findings ?? []).some((f) => f.gate === "filter_rate_served" && f.requests > 0),
    outcome: v.outcome, headline: v.headline, sentence: v.sentence, progress: v.progress, requests: 0, share: null, tasks: null,
    ...(v.class ? { class: v.class } : {}), ...(v.gate ? { gate: v.gate } : {}), ...(v.partner ? { partner: v.partner } : {}),
  }))];
  const gates = s.gates.map((g) => {
    const found = verdicts.map((v) => (v.findings ?? []).find((f) => f.gate === g.gate));
    const more = (of: (f: Finding) => number | null) => found.map((f) => (f ? of(f) : null));
    const rates = (of: (f: Finding) => number) => more((f) => (measured(f) ? of(f) : null));
    return {
      ...g, outcome: [...g.outcome, ...found.map((f) => f?.outcome ?? "")],
      ...(g.partner ? { partner: [...g.partner, ...found.map((f) => f?.partner ?? "")] } : {}),
      candidate: [...g.candidate, ...rates((f) => f.candidate_rate)], stable: [...g.stable, ...rates((f) => f.stable_rate)],
      difference: [...g.difference, ...rates((f) => f.difference)], low: [...g.low, ...rates((f) => f.low)], high: [...g.high, ...rates((f) => f.high)],
      band_low: [...g.band_low, ...rates((f) => f.band_low)], band_high: [...g.band_high, ...rates((f) => f.band_high)],
      evidence: [...g.evidence, ...more((f) => (f.threshold > 0 ? f.evidence : null))], threshold: [...g.threshold, ...more((f) => (f.threshold > 0 ? f.threshold : null))],
      proof: [...g.proof, ...more((f) => (f.required > 0 ? f.proof : null))], required: [...g.required, ...more((f) => (f.required > 0 ? f.required : null))],
      requests: [...g.requests, ...more((f) => f.requests)],
    };
  });
  return { ...s, points, gates, money: s.money ? money(s.money, verdicts) : null, latency: s.latency ? latency(s.latency, verdicts) : null };
}

function latency(l: NonNullable<Series["latency"]>, verdicts: Heard[]): NonNullable<Series["latency"]> {
  const arm = (to: "canary" | "control" | "stable", of: "canary" | "control" | "rest") => ({
    p50_seconds: [...l[to].p50_seconds, ...verdicts.map((v) => v.auctions?.[of]?.p50_seconds ?? null)],
    p99_seconds: [...l[to].p99_seconds, ...verdicts.map((v) => v.auctions?.[of]?.p99_seconds ?? null)],
  });
  return { canary: arm("canary", "canary"), control: arm("control", "control"), stable: arm("stable", "rest") };
}

function money(m: NonNullable<Series["money"]>, verdicts: Verdict[]): NonNullable<Series["money"]> {
  const side = (name: "candidate" | "stable") => {
    const more = (what: "value" | "saved", end: "value" | "low" | "high"): Column => verdicts.map((v) => v.money?.[name][what][end] ?? null);
    const e = m[name];
    return {
      value: [...e.value, ...more("value", "value")], value_low: [...e.value_low, ...more("value", "low")], value_high: [...e.value_high, ...more("value", "high")],
      saved: [...e.saved, ...more("saved", "value")], saved_low: [...e.saved_low, ...more("saved", "low")], saved_high: [...e.saved_high, ...more("saved", "high")],
    };
  };
  return { currency: m.currency, candidate: side("candidate"), stable: side("stable") };
}

const measured = (f: Finding) => f.requests > 0 && (f.band_low !== 0 || f.band_high !== 0) && !(f.low <= -1 && f.high >= 1);

// findings are those of one point, as a verdict has them.
export function findings(s: Series, place: number): Finding[] {
  return s.gates.flatMap((g) => {
    const outcome = g.outcome[place];
    const told = [g.low, g.threshold, g.required].some((c) => c[place] != null); // else there is nothing to show but the outcome
    return outcome && told ? [finding(g, place, outcome as Outcome)] : [];
  });
}

function finding(g: SeriesGate, place: number, outcome: Outcome): Finding {
  const at = (c: Column) => c[place] ?? 0;
  const known = g.low[place] !== null && g.low[place] !== undefined;
  return {
    gate: g.gate, outcome, candidate_rate: at(g.candidate), stable_rate: at(g.stable), difference: at(g.difference),
    low: known ? at(g.low) : -1, high: known ? at(g.high) : 1, band_low: at(g.band_low), band_high: at(g.band_high),
    evidence: at(g.evidence), threshold: at(g.threshold), proof: at(g.proof), required: at(g.required),
    requests: at(g.requests), clusters: 0, windows: 0, sentence: at(g.requests) > 0 ? "not known yet" : "nothing was counted",
    ...(g.partner?.[place] ? { partner: g.partner[place] } : {}), ...(g.since_past ? { since_past: true } : {}),
  };
}
