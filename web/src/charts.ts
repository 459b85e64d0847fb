// The charts of a rollout, each from columns of its log.

import type { Column, Series, SeriesGate, SeriesPartner } from "./api.ts";
import type { Chart } from "./chart.ts";
import { count, evidence, gateName, percent, points, share, took } from "./format.ts";

const lastOf = (c: Column, place: number): number | null => c[place] ?? null;

// asPoints tells a difference in points, with as many digits as it is fine.
const asPoints = (fine: boolean) => (v: number) => `${points(v, fine ? 2 : 1)}\u00a0pt`;

// drawn are the gates that a difference can be drawn of.
export const drawn = (s: Series): SeriesGate[] => s.gates.filter((g) => g.difference.some((v) => v !== null));

// leading is the gate that is drawn where nobody chose one: the one that decided,
// else what canaries filter, else what both releases say of the same requests.
export function leading(s: Series, place: number): string {
  const known = drawn(s).map((g) => g.gate), decided = s.points[place]?.gate ?? "";
  return [decided, "filter_rate_served", "filter_rate_paired"].find((g) => known.includes(g)) ?? known[0] ?? "";
}

type Base = Pick<Chart, "at" | "steps" | "place" | "now">;

export function charts(s: Series, gate: string, place: number, now: number): Chart[] {
  const base: Base = { at: s.points.map((p) => p.at), steps: s.points.map((p) => p.step), place, now };
  const g = s.gates.find((one) => one.gate === gate);
  // Of each partner the log tells by its pairs, where there are any: that is no chart of any other gate.
  const told = s.gates.some((other) => other.gate === "partners_paired") ? "partners_paired" : "partners_served";
  const named = g?.partner?.[place < 0 ? s.points.length - 1 : place], one = gate === told ? s.partners.find((p) => p.name === named) : undefined;
  const alone = g?.partner ? { ...base, steps: turns(base.steps, g.partner) } : base;
  return [
    ...(g && one ? partner(s, one, base) : g ? [difference(g, alone), rates(s, g, alone)] : []),
    ...(g ? [proof(g, base)] : []),
    shared(s, base), ...percentiles(s, base), ...latency(s, base), ...money(s, base),
  ];
}

// turns count whenever arms are formed anew or another partner speaks loudest:
// what comes after is no line with what was before.
function turns(steps: number[], partners: string[]): number[] {
  let n = 0;
  return steps.map((step, i) => (i > 0 && (step !== steps[i - 1] || partners[i] !== partners[i - 1]) ? ++n : n));
}

const whom = (g: SeriesGate, place: number) => (g.partner?.[place] ? `, ${g.partner[place]} at this look` : "");

function difference(g: SeriesGate, base: Base): Chart {
  const at = base.place < 0 ? base.at.length - 1 : base.place, v = lastOf(g.difference, at), fine = Math.max(...g.band_high.map((b) => Math.abs(b ?? 0))) <= .005;
  const unit = g.gate === "prediction" ? (x: number) => percent(x) : asPoints(fine);
  const low = lastOf(g.low, at), high = lastOf(g.high, at), from = lastOf(g.band_low, at), to = lastOf(g.band_high, at);
  const open = from !== null && from <= -1;
  const says = v === null || low === null || high === null || to === null || from === null ? "Not known at this look."
    : `${unit(v)} at this look, 95 % interval ${unit(low)} to ${unit(high)}; allowed is ${open ? `up to ${unit(to)}` : `${unit(from)} to ${unit(to)}`}.`;
  const floor = open ? Math.min(...g.low.filter((x) => x !== null && x > -1) as number[], 0) : null;
  return {
    ...base, key: "difference", title: `Difference: ${gateName(g.gate)}${whom(g, at)}`, says, unit,
    lines: [{ name: g.since_past ? "more than before" : "difference", values: g.difference, low: g.low, high: g.high, tone: "try" }],
    band: { name: "allowed", low: floor === null ? g.band_low : g.band_low.map((b) => (b === null ? null : floor)), high: g.band_high },
    ...(g.gate === "prediction" ? {} : { floor: floor ?? Math.min(...(g.band_low.filter((x) => x !== null) as number[])), ceiling: Math.max(...(g.band_high.filter((x) => x !== null) as number[])) }),
  };
}

function rates(s: Series, g: SeriesGate, base: Base): Chart {
  const at = base.place < 0 ? base.at.length - 1 : base.place, served = !/paired$|^invalid|^missed/.test(g.gate);
  const paired = g.gate === "filter_rate_served" ? s.gates.find((one) => one.gate === "filter_rate_paired") : undefined;
  const c = lastOf(g.candidate, at), d = lastOf(g.stable, at);
  return {
    ...base, key: "rates", title: `${served ? "Canary, control and stable" : "Candidate and stable, same requests"}${whom(g, at)}`,
    says: c === null || d === null ? "Not known at this look." : `${served ? "Canaries" : "The candidate"} ${percent(c)}, ${served ? "controls" : "stable"} ${percent(d)}, since ${served ? "this step began" : "the rollout began"}.`,
    unit: (v) => percent(v),
    lines: [
      { name: served ? "canary" : "candidate", values: g.candidate, tone: "candidate" },
      { name: served ? "control" : "stable", values: g.stable, tone: served ? "control" : "stable" },
      ...(paired ? [{ name: "stable, on requests that both scored", values: paired.stable, tone: "stable", dash: true, thin: true }] : []),
    ],
  };
}

const beyond = 1.5; // times as far as where it decides; what lies farther is not told apart

// partner draws the one that speaks loudest at the look, from when it was first
// heard, and not whoever spoke loudest before.
function partner(s: Series, p: SeriesPartner, base: Base): Chart[] {
  const times = s.points.map((one) => Date.parse(one.at)), wanted = times[base.place < 0 ? times.length - 1 : base.place] ?? 0;
  const step = (moment: string) => s.points[Math.max(0, times.filter((t) => t <= Date.parse(moment)).length - 1)]?.step ?? 0;
  const before = s.moments.filter((m) => Date.parse(m) <= wanted).length - 1;
  const own: Base = { at: s.moments, steps: s.moments.map(step), place: base.place < 0 ? -1 : Math.max(0, before), now: base.now };
  const at = own.place < 0 ? s.moments.length - 1 : own.place, unit = asPoints(false);
  const d = lastOf(p.difference, at), low = lastOf(p.low, at), high = lastOf(p.high, at), c = lastOf(p.candidate, at), e = lastOf(p.stable, at);
  const flat = (v: number): Column => s.moments.map(() => v);
  return [{
    ...own, key: "difference", title: `Difference: ${p.name}`, unit, floor: p.band_low, ceiling: p.band_high,
    says: d === null || low === null || high === null ? "Not known at this look." : `${unit(d)} at this look, 95 % interval ${unit(low)} to ${unit(high)}; allowed is ${unit(p.band_low)} to ${unit(p.band_high)}.`,
    lines: [{ name: "difference", values: p.difference, low: p.low, high: p.high, tone: "try" }],
    band: { name: "allowed", low: flat(p.band_low), high: flat(p.band_high) },
  }, {
    ...own, key: "rates", title: `Candidate and stable: ${p.name}`, unit: (v) => percent(v),
    says: c === null || e === null ? "Not known at this look." : `The candidate filters ${percent(c)} of its requests, stable ${percent(e)}.`,
    lines: [{ name: "candidate", values: p.candidate, tone: "candidate" }, { name: "stable", values: p.stable, tone: "stable" }],
  }];
}

// way is how far evidence has come to where it decides, by its logarithm.
const way = (have: number | null, want: number | null) => (have === null || want === null || want <= 1 ? null : Math.min(beyond, Math.max(0, Math.log(Math.max(have, 1)) / Math.log(want))));

function proof(g: SeriesGate, base: Base): Chart {
  const at = base.place < 0 ? base.at.length - 1 : base.place;
  const against = g.evidence.map((e, i) => way(e, g.threshold[i] ?? null)), forIt = g.proof.map((e, i) => way(e, g.required[i] ?? null));
  const tell = (have: number | null, want: number | null) => (have === null || want === null ? "not asked" : `${evidence(have)} of ${evidence(want)}`);
  return {
    ...base, key: "proof", title: `Evidence: ${gateName(g.gate)}`,
    says: `Against it ${tell(lastOf(g.evidence, at), lastOf(g.threshold, at))}; for it ${tell(lastOf(g.proof, at), lastOf(g.required, at))}. At 100 % it decides.`,
    unit: (v) => (v >= beyond ? `${100 * beyond}\u00a0% or more` : `${Math.round(100 * v)}\u00a0%`), floor: 0, ceiling: 1,
    limit: { value: 1, name: "decides" },
    lines: [{ name: "against the candidate", values: against, tone: "bad" }, { name: "for it", values: forIt, tone: "good" }],
  };
}

function shared(s: Series, base: Base): Chart {
  const at = base.place < 0 ? base.at.length - 1 : base.place, p = s.points[at];
  return {
    ...base, key: "share", title: "Share of the compared requests that canaries answer",
    says: p?.share == null || p.tasks === null ? (p?.served ? "Not written down yet at this look." : "In the shadow of stable nothing is shared out.") : `${percent(p.share)} of ${count(p.requests)} requests, with ${percent(p.tasks, 0)} of the compared tasks.`,
    unit: (v) => percent(v, 0), floor: 0, ceiling: Math.min(1, 1.4 * Math.max(...s.points.map((one) => one.tasks ?? 0))),
    lines: [
      { name: "of the requests", values: s.points.map((one) => one.share), tone: "candidate" },
      { name: "of the tasks", values: s.points.map((one) => one.tasks), tone: "muted", dash: true, thin: true },
    ],
  };
}

// percentiles are what auctions took, whatever the judge asks of it.
function percentiles(s: Series, base: Base): Chart[] {
  const at = base.place < 0 ? base.at.length - 1 : base.place, l = s.latency;
  const chart = (of: "p99_seconds" | "p50_seconds", what: string): Chart => {
    const arms = [["canaries", l?.canary[of] ?? []], ["controls", l?.control[of] ?? []], ["other tasks", l?.stable[of] ?? []]] as const;
    const told = arms.flatMap(([who, c]) => (c[at] == null ? [] : [`${took(c[at])} on ${who}`]));
    return {
      ...base, key: of, title: `Latency: ${what}`, missing: l ? "Not known: no task told how long its auctions took." : "Not kept in this log: it is of a version before latency was.",
      says: told.length === 0 ? "Not known at this look." : `${told.join(", ")}, over the minute up to this look.`,
      unit: took, floor: 0,
      lines: [
        { name: "canary", values: l?.canary[of] ?? [], tone: "candidate" }, { name: "control", values: l?.control[of] ?? [], tone: "control" },
        { name: "stable", values: l?.stable[of] ?? [], tone: "stable" },
      ],
    };
  };
  return [chart("p99_seconds", "what 99 of 100 auctions took at most"), ...(l ? [chart("p50_seconds", "what half of the auctions took at most")] : [])];
}

function latency(s: Series, base: Base): Chart[] {
  const g = s.gates.find((one) => one.gate === "latency");
  if (!g) return [];
  const at = base.place < 0 ? base.at.length - 1 : base.place, c = lastOf(g.candidate, at), d = lastOf(g.stable, at);
  return [{
    ...base, key: "latency", title: "Latency: requests slower than stable's p99",
    says: c === null || d === null ? "Not known at this look." : `${percent(c, 2)} of the canaries' requests took longer than 99 % of stable's did, ${percent(d, 2)} of the controls'.`,
    unit: (v) => percent(v, 2), floor: 0,
    lines: [{ name: "canary", values: g.candidate, tone: "candidate" }, { name: "control", values: g.stable, tone: "control" }],
  }];
}

function money(s: Series, base: Base): Chart[] {
  const m = s.money;
  if (!m) return [];
  const at = base.place < 0 ? base.at.length - 1 : base.place;
  const round = (v: number) => (Math.abs(v) >= 100 ? count(Math.round(v)) : String(Number(v.toPrecision(3))));
  const says = (c: number | null, d: number | null, what: string) =>
    c === null || d === null ? "Not known at this look." : `Candidate ${round(c)}, stable ${round(d)} ${what}${d > 0 ? `: ${c >= d ? "+" : "−"}${share(Math.abs(c - d) / d)}` : ""}.`;
  return [{
    ...base, key: "value", title: `Value of the bids let through, ${m.currency} per million requests`, unit: round,
    says: says(lastOf(m.candidate.value, at), lastOf(m.stable.value, at), m.currency),
    lines: [
      { name: "candidate", values: m.candidate.value, low: m.candidate.value_low, high: m.candidate.value_high, tone: "candidate" },
      { name: "stable", values: m.stable.value, low: m.stable.value_low, high: m.stable.value_high, tone: "stable" },
    ],
  }, {
    ...base, key: "saved", title: "Calls saved per million requests", unit: round,
    says: says(lastOf(m.candidate.saved, at), lastOf(m.stable.saved, at), "calls"),
    lines: [
      { name: "candidate", values: m.candidate.saved, low: m.candidate.saved_low, high: m.candidate.saved_high, tone: "candidate" },
      { name: "stable", values: m.stable.saved, low: m.stable.saved_low, high: m.stable.saved_high, tone: "stable" },
    ],
  }];
}
