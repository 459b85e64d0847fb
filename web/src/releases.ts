// The pages of releases: where each comes from, what was promised of it and what
// came of it, where it served, and two of them beside each other.

import type { Passport, Rollout } from "./api.ts";
import { manifestPath, past, releases, rollout } from "./api.ts";
import type { Asked } from "./asked.ts";
import { asked, missing } from "./asked.ts";
import { h } from "./dom.ts";
import { origin } from "./fleet.ts";
import { clock, count, gateName, mebibytes, percent, short } from "./format.ts";
import { badge, button, notesOf, tone } from "./parts.ts";
import type { Route } from "./route.ts";
import { to, toRelease, toRollout } from "./route.ts";
import type { Store } from "./store.ts";
import { now } from "./store.ts";
import { passport, takenBack } from "./takenback.ts";

const known = () => asked("releases", () => releases(), 60_000);

export function releasesPage(s: Store): HTMLElement {
  const list = known(), at = now(s), stable = s.view?.stable?.digest ?? "";
  return h("main", { class: "page" },
    h("section", { id: "trial", class: "card", tabindex: "-1", "aria-label": "Releases" },
      h("header", {}, h("h1", {}, "Releases"), h("span", { class: "muted" }, "newest first, of all fleets")),
      missing(list, "The releases"),
      list.value?.length === 0 ? h("p", { class: "muted" }, "None was admitted yet.") : null,
      (list.value ?? []).length === 0 ? null : h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "List of releases" }, h("table", { class: "rows" },
        h("thead", {}, h("tr", {}, ["Release", "From", "Admitted", "Trees", "Predicted filter rate", ""].map((t) => h("th", { scope: "col" }, t || h("span", { class: "unseen" }, "Compare"))))),
        h("tbody", {}, (list.value ?? []).map((p) => h("tr", { "data-key": p.digest },
          h("th", { scope: "row" }, h("a", { href: toRelease(s.fleet, p.digest), title: p.digest }, h("code", {}, short(p.digest))), p.digest === stable ? [" ", badge("serves", "good")] : null),
          h("td", { class: "wrap" }, origin(p)), h("td", {}, p.admitted_at ? clock(p.admitted_at, at) : "—"), h("td", { class: "number", "data-label": "trees" }, count(p.trees)),
          h("td", { class: "number", "data-label": "predicted" }, p.predicted ? interval(p.predicted) : "—"),
          h("td", {}, p.digest !== stable && stable !== "" ? h("a", { href: to(s.fleet, "compare", p.digest, stable) }, "compare with stable") : null))))))));
}

const interval = (i: { estimate: number; low: number; high: number }) => `${percent(i.estimate)} [${percent(i.low)}, ${percent(i.high)}]`;

export function releasePage(s: Store, r: Route): HTMLElement {
  const p = passport(r.id), one = p.value, stable = s.view?.stable?.digest ?? "";
  const served = servedBy(s, [r.id]);
  return h("main", { class: "page" },
    h("p", { class: "crumbs" }, h("a", { href: to(s.fleet, "releases") }, "Releases"), " / ", short(r.id)),
    h("section", { id: "trial", class: "card passport", tabindex: "-1", "aria-label": "Passport" },
      h("header", {}, h("h1", {}, one ? origin(one) : short(r.id)), h("code", { class: "wrap" }, r.id), r.id === stable ? badge("serves", "good") : null),
      missing(p, "The passport"),
      ...(one ? [...notesOf(one), ...takenBack(one.taken_back, now(s))] : []),
      one ? h("dl", { class: "facts" }, rows(one, now(s)).flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "wrap" }, value)])) : null,
      one ? h("p", { class: "verbs" },
        h("a", { class: "button", href: manifestPath(r.id), download: `manifest-${short(r.id)}.json` }, "Download its manifest"),
        stable !== "" && stable !== r.id ? h("a", { class: "button", href: to(s.fleet, "compare", r.id, stable) }, "Compare with stable") : null,
        wasLive(served.rollouts, s.fleet) && r.id !== stable ? button("rollback", "Roll back to it…", "", { "data-release": r.id }) : null) : null),
    one ? measuredPanel(one, served) : null,
    servedPanel(s, served, r.id));
}

const wasLive = (list: Served[], fleet: string) => list.some((v) => v.fleet === fleet && v.rollout.phase === "live");

// rows are the passport's lines.
function rows(p: Passport, at: number): [string, string][] {
  const list: [string, string | undefined][] = [
    ["Job", p.job], ["Source", p.source], ["Version of it", p.version_id], ["Asked by", p.by], ["Admitted", p.admitted_at ? clock(p.admitted_at, at) : undefined],
    ["Training job", p.job_arn], ["Image", p.image], ["Format", p.version ? `${p.format} (${p.version})` : p.format], ["Objective", p.objective], ["Evaluator", p.evaluator],
    ["Trees", p.trained && p.trained !== p.trees ? `${count(p.trees)} of ${count(p.trained)}` : count(p.trees)], ["Features", count(p.features)],
    ["Archive", `${count(p.bytes)} bytes`], ["In memory", mebibytes(p.memory_bytes)],
    ["Golden vectors", p.answers === undefined ? `${count(p.golden)} reproduced` : `${count(p.golden)} reproduced, ${count(p.answers)} with an answer of its library`],
    ["Predicted", p.predicted ? `filter rate ${interval(p.predicted)}` : undefined],
    ["Meant", p.intended_change ? `filter rate ${percent(p.intended_change.filter_rate)} more than stable: ${p.intended_change.why}` : undefined],
    ...Object.entries(p.metrics ?? {}).map(([name, v]): [string, string] => [`Metric ${name}`, String(Number(v.toPrecision(6)))]),
  ];
  return list.filter((row): row is [string, string] => row[1] !== undefined && row[1] !== "");
}

interface Served { fleet: string; rollout: Rollout }
interface Sightings { rollouts: Served[]; asking: boolean; failed: string; skipped: number }

const fleetsSearched = 12; // fleets that a release is looked for in

// servedBy looks for rollouts of releases in the fleets' histories.
function servedBy(s: Store, digests: string[]): Sightings {
  const names = [s.fleet, ...s.fleets.filter((n) => n !== s.fleet)], out: Sightings = { rollouts: [], asking: false, failed: "", skipped: Math.max(0, names.length - fleetsSearched) };
  for (const fleet of names.slice(0, fleetsSearched)) {
    const list: Asked<Rollout[]> = asked(`served/${fleet}`, () => past(fleet, 200), 60_000);
    if (list.state === "asking") out.asking = true;
    if (list.state === "failed") out.failed = `${fleet}: ${list.why}`;
    for (const r of list.value ?? []) if (digests.includes(r.candidate)) out.rollouts.push({ fleet, rollout: r });
  }
  return out;
}

function servedPanel(s: Store, served: Sightings, digest: string): HTMLElement {
  const stable = s.view?.stable?.digest === digest;
  return h("section", { class: "card", "aria-label": "Where it served" },
    h("header", {}, h("h2", {}, "Where it served")),
    served.failed ? h("p", { class: "note" }, `Not all fleets can be asked: ${served.failed}.`) : null,
    served.rollouts.length === 0 ? h("p", { class: "muted" }, served.asking ? "Looking…" : stable ? "It serves, and its rollout is older than what is listed." : "No rollout of it is listed.") : h("ul", { class: "fleets" }, served.rollouts.map((v) =>
      h("li", { "data-key": `${v.fleet}/${v.rollout.id}` }, h("div", { class: "line" },
        h("a", { href: to(v.fleet) }, v.fleet), h("a", { class: "name", href: toRollout(v.fleet, v.rollout.id) }, v.rollout.id), badge(v.rollout.phase, tone(v.rollout.phase)),
        h("span", { class: "reason" }, v.rollout.reason), h("span", { class: "spring" }),
        h("span", { class: "muted" }, `${count(v.rollout.exposed)} auctions, ${clock(v.rollout.since, now(s))}`))))),
    served.skipped > 0 ? h("p", { class: "muted" }, `${served.skipped} more fleets are not looked through.`) : null);
}

interface Measured { fleet: string; id: string; gate: string; rate: number; requests: number }

// measuredOf is what a release filtered in its newest judged rollout.
function measuredOf(served: Sightings, digest: string): Measured | null {
  const newest = served.rollouts.filter((v) => v.rollout.candidate === digest && v.rollout.verdict).sort((a, b) => Date.parse(b.rollout.since) - Date.parse(a.rollout.since))[0];
  if (!newest) return null;
  const whole = asked(`judged/${newest.fleet}/${newest.rollout.id}/${newest.rollout.since}`, () => rollout(newest.fleet, newest.rollout.id), 600_000).value;
  for (const gate of ["filter_rate_served", "filter_rate_paired"]) {
    const f = (whole?.verdict?.findings ?? []).find((one) => one.gate === gate && one.requests > 0);
    if (f) return { fleet: newest.fleet, id: newest.rollout.id, gate, rate: f.candidate_rate, requests: f.requests };
  }
  return null;
}

function measuredPanel(p: Passport, served: Sightings): HTMLElement {
  const m = measuredOf(served, p.digest);
  const off = m && p.predicted ? (m.rate < p.predicted.low || m.rate > p.predicted.high ? "outside what was predicted" : "as predicted") : "";
  return h("section", { class: "card", "aria-label": "Predicted and measured" },
    h("header", {}, h("h2", {}, "Predicted and measured"), off ? badge(off, off === "as predicted" ? "good" : "warn") : null),
    h("dl", { class: "facts" },
      h("dt", {}, "Predicted"), h("dd", {}, p.predicted ? `filter rate ${interval(p.predicted)}, as its manifest says` : "Its manifest predicts nothing."),
      h("dt", {}, "Measured"), h("dd", {}, m ? [`filter rate ${percent(m.rate)} of ${count(m.requests)} (${gateName(m.gate)}), in `, h("a", { href: toRollout(m.fleet, m.id) }, m.id)] : served.asking ? "Looking…" : "No rollout that measured it is listed."),
      p.intended_change ? [h("dt", {}, "Meant"), h("dd", {}, `${percent(p.intended_change.filter_rate)} more than stable: ${p.intended_change.why}`)] : null));
}

export function comparePage(s: Store, r: Route): HTMLElement {
  const list = known(), at = now(s), a = passport(r.id), b = passport(r.other);
  const served = servedBy(s, [r.id, r.other]);
  const chooser = (name: string, chosen: string) => h("select", { "data-go": name, "aria-label": name === "a" ? "First release" : "Second release" },
    [...(list.value ?? []).some((p) => p.digest === chosen) ? [] : [h("option", { value: chosen, selected: true }, short(chosen))],
      ...(list.value ?? []).map((p) => h("option", { value: p.digest, selected: p.digest === chosen }, `${short(p.digest)} ${origin(p)}`))]);
  return h("main", { class: "page" },
    h("p", { class: "crumbs" }, h("a", { href: to(s.fleet, "releases") }, "Releases"), " / compare"),
    h("section", { id: "trial", class: "card", tabindex: "-1", "aria-label": "Two releases beside each other" },
      h("header", {}, h("h1", {}, "Two releases")),
      missing(a, short(r.id)), missing(b, short(r.other)),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Comparison" }, h("table", { class: "rows beside" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "unseen" }, "What")), h("th", { scope: "col" }, chooser("a", r.id)), h("th", { scope: "col" }, chooser("b", r.other)))),
        h("tbody", {}, beside(a.value, b.value, measuredOf(served, r.id), measuredOf(served, r.other), at).map(([name, one, two]) =>
          h("tr", { class: one === two ? "same" : "differs" }, h("th", { scope: "row" }, name), h("td", { class: "wrap" }, one || "—"), h("td", { class: "wrap" }, two || "—"))))))));
}

function beside(a: Passport | null, b: Passport | null, ma: Measured | null, mb: Measured | null, at: number): [string, string, string][] {
  const one = new Map(a ? rows(a, at) : []), two = new Map(b ? rows(b, at) : []);
  const told = (m: Measured | null) => (m ? `filter rate ${percent(m.rate)} of ${count(m.requests)}` : "");
  const names = [...new Set([...one.keys(), ...two.keys()])];
  const first: [string, string, string][] = [["Digest", a ? short(a.digest) : "", b ? short(b.digest) : ""]];
  return [...first, ...names.map((n): [string, string, string] => [n, one.get(n) ?? "", two.get(n) ?? ""]), ["Measured", told(ma), told(mb)]];
}
