// The page of one rollout: how it went, look by look.

import type { Rollout, Series, SeriesPoint } from "./api.ts";
import { rollout } from "./api.ts";
import type { Asked } from "./asked.ts";
import { asked, missing } from "./asked.ts";
import { figure } from "./chart.ts";
import { charts, drawn, leading } from "./charts.ts";
import { course, findings } from "./course.ts";
import { h } from "./dom.ts";
import { clock, count, gateName, local, percent, short, words } from "./format.ts";
import { gatesTable } from "./gates.ts";
import { kept } from "./own.ts";
import { ago, badge, button, endBadge, outcomeTone, said, tone } from "./parts.ts";
import { partnersPanel } from "./partners.ts";
import { log } from "./past.ts";
import type { Route } from "./route.ts";
import { to, toRelease } from "./route.ts";
import type { Store } from "./store.ts";
import { now } from "./store.ts";

export function rolloutPage(s: Store, r: Route, pick: (at: string) => void): HTMLElement {
  const known = whole(s, r.id), one = known.value;
  return h("main", { class: "page" },
    h("p", { class: "crumbs" }, h("a", { href: to(s.fleet, "history") }, "History"), " / ", r.id),
    one === null ? h("section", { class: "card", id: "trial", tabindex: "-1" }, missing(known, `Rollout ${r.id}`)) : head(s, one),
    ...timeline(s, r, one?.sentence ?? "", pick),
    one && (one.history ?? []).length > 0
      ? h("section", { class: "card", "aria-label": "What happened" }, h("header", {}, h("h2", {}, "What happened")), log(one.history ?? [], now(s), true)) : null);
}

// whole is all that is known of a rollout; the active one comes with every look.
function whole(s: Store, id: string): Asked<Rollout> {
  const active = s.view?.active;
  if (active?.id === id) return { state: "there", value: active, why: "", at: 0, count: 0 };
  return asked(`rollout/${s.fleet}/${id}`, () => rollout(s.fleet, id), 600_000, s.view?.last_event);
}

function head(s: Store, r: Rollout): HTMLElement {
  const serves = r.phase === "live" && r.candidate !== "" && r.candidate === s.view?.stable?.digest;
  return h("section", { id: "trial", class: `card trial ${tone(r.phase)}`, tabindex: "-1", "aria-label": "Rollout" },
    h("header", {}, h("h1", { class: "name" }, r.id), r.final ? endBadge(r, s.view?.stable?.digest) : badge(r.step ? `${r.phase} ${r.step} of ${r.steps}` : r.phase, tone(r.phase)),
      h("span", { class: "reason" }, r.reason), h("span", { class: "spring" }), ago(r.since, now(s))),
    ...said(r, r.since),
    h("dl", { class: "facts" }, facts(s, r).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    r.final ? null : h("p", {}, h("a", { href: to(s.fleet) }, "Go to the fleet"), " to abort, promote or roll back."),
    r.phase === "live" && r.candidate !== "" && !serves
      ? h("p", {}, button("rollback", "Roll back to this release…", "", { "data-release": r.candidate })) : null);
}

function facts(s: Store, r: Rollout): [string, (Node | string)[]][] {
  const link = (digest: string) => (digest === "" ? "—" : h("a", { href: toRelease(s.fleet, digest), title: digest }, h("code", {}, short(digest))));
  const beside = r.candidate !== "" && r.against !== "" ? [" (", h("a", { href: to(s.fleet, "compare", r.candidate, r.against) }, "compare"), ")"] : [];
  return [
    ["Candidate", [link(r.candidate), " against ", link(r.against), ...beside]],
    ["Found", [clock(r.found_at, now(s)), r.source ? " at " : "", h("span", { class: "wrap" }, r.source)]],
    ["Policy", [r.policy || "—"]],
    ...(r.by ? [["Asked by", [r.by]] as [string, string[]]] : []),
    ["Exposed", [`${count(r.exposed)} auctions answered by it`, r.missed_bids > 0 ? `, ${count(r.missed_bids)} bids missed` : ""]],
    ...(r.predicted ? [["Predicted", [`filter rate ${percent(r.predicted.estimate)} [${percent(r.predicted.low)}, ${percent(r.predicted.high)}]`]] as [string, string[]]] : []),
  ];
}

// timeline are the charts, and the slider that moves over them. told is a
// sentence that stands above already.
function timeline(s: Store, r: Route, told: string, pick: (at: string) => void): (HTMLElement | null)[] {
  const log = course(s, r.id), c = log.value;
  const running = s.view?.active?.id === r.id;
  if (c === null || c.points.length === 0) {
    const why = log.state === "none" ? h("p", { class: "muted" }, running ? "Its looks are written down every half a minute; there is none yet." : "It was never judged, so there is nothing to draw.") : missing(log, "Its looks");
    return [h("section", { class: "card", "aria-label": "Over time" }, h("header", {}, h("h2", {}, "Over time")), why)];
  }
  const wanted = r.query.get("at"), found = wanted === null ? -1 : nearest(c.points, Date.parse(wanted));
  const place = found < 0 ? c.points.length - 1 : found, point = c.points[place];
  if (!point) return [];
  const gates = drawn(c), chosen = r.query.get("gate") ?? "", gate = gates.some((g) => g.gate === chosen) ? chosen : leading(c, place);
  const at = now(s), stamp = `${s.fleet}/${r.id}/${log.count}/${log.state}`;
  const version = [stamp, place, found, gate, running, told, matchMedia("(prefers-color-scheme: dark)").matches].join("|");
  return [
    kept("section", "timeline", version, () => h("section", { class: "card", "aria-label": "Over time" },
      h("header", {}, h("h2", {}, "Over time"),
        gates.length > 0 ? h("label", {}, "gate ", h("select", { "data-set": "gate", "aria-label": "Gate that is drawn" }, gates.map((g) => h("option", { value: g.gate, selected: g.gate === gate }, gateName(g.gate))))) : null,
        h("span", { class: "muted" }, coverage(c, running))),
      c.trouble ? h("p", { class: "note" }, `Not all of it can be shown: ${c.trouble}.`) : null,
      c.differ > 0 ? h("p", { class: "note" }, `At ${count(c.differ)} of ${count(c.looks)} looks this version judges otherwise than the one of then (${c.programs.join(", ")}); what you see is judged by this one.`) : null,
      slider(c, place, point, found < 0, at, told),
      h("div", { class: "charts" }, charts(c, gate, found < 0 ? -1 : place, at).map((one) => figure(one, pick))))),
    partnersPanel(c, stamp, r.query.get("partners") ?? "evidence"),
    kept("section", "evidence", version, () => h("section", { class: "card", "aria-label": "Evidence at this look" },
      h("header", {}, h("h2", {}, found < 0 ? "Evidence" : `Evidence at look ${point.look}`), h("span", { class: "muted" }, clock(point.at, at))),
      gatesTable(findings(c, place)))),
  ];
}

// nearest is the point that is nearest to a moment; -1 where it is none. Points
// come and go as a log grows and is thinned, moments do not.
function nearest(points: SeriesPoint[], at: number): number {
  if (Number.isNaN(at)) return -1;
  let best = 0;
  points.forEach((p, i) => {
    if (Math.abs(Date.parse(p.at) - at) < Math.abs(Date.parse(points[best]?.at ?? "") - at)) best = i;
  });
  return best === points.length - 1 ? -1 : best;
}

const coverage = (c: Series, running: boolean) =>
  `${count(c.looks)} looks${c.points.length < c.looks ? `, ${count(c.points.length)} of them drawn` : ""}${c.whole ? "" : "; more is being judged"}${running ? "; it goes on" : ""}`;

function slider(c: Series, place: number, p: SeriesPoint, latest: boolean, at: number, told: string): HTMLElement {
  const label = `look ${p.look}, ${clock(p.at, at)}: ${words(p.outcome)}`;
  return h("div", { class: "slider" },
    h("div", { class: "line" },
      h("input", { type: "range", id: "look", min: 0, max: c.points.length - 1, value: place, "data-set": "at", "data-values": c.points.map((one) => one.at).join(" "), "aria-label": "Look", "aria-valuetext": label }),
      h("button", { type: "button", "data-page": "latest", disabled: latest }, "Latest")),
    h("p", { class: "stand" }, h("b", {}, `Look ${p.look}`), " ", h("time", { datetime: p.at, title: p.at }, clock(p.at, at)), " ",
      badge(p.class ? `${p.outcome}: ${p.class}` : p.outcome, outcomeTone(p.outcome)),
      h("span", { class: "muted" }, p.served ? ` arms of step ${p.step}` : " in the shadow of stable")),
    p.headline ? h("p", { class: "sentence" }, local(p.headline, p.at)) : null,
    p.sentence === told ? null : h("p", { class: "proof muted" }, p.sentence));
}
