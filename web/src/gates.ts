// The gates: what was measured, within which band, and how strong the
// evidence is.

import type { Finding } from "./api.ts";
import { h, svg } from "./dom.ts";
import { count, evidence, gateName, percent, points, share } from "./format.ts";
import { badge, outcomeTone } from "./parts.ts";

export function gatesTable(findings: Finding[]): HTMLElement {
  const head = ["Gate", "Verdict", "Candidate", "Stable", "Difference, 95 % interval, allowed band", "Evidence", "Basis"];
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Evidence per gate" },
    h("table", { class: "gates" },
      h("thead", {}, h("tr", {}, head.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, findings.map((f) => [gateRow(f), because(f)]).flat())));
}

// because tells who brought a finding about, and what would have changed it.
function because(f: Finding): HTMLElement | null {
  const drivers = f.drivers ?? [];
  if (f.outcome === "acceptable" || (drivers.length === 0 && !f.otherwise)) return null;
  return h("tr", { "data-key": `${f.gate}/because`, class: `because ${f.outcome}` }, h("td", { colspan: 7 },
    drivers.length === 0 ? null : h("p", {}, "Driven by ", drivers.map((d, i) => [i > 0 ? ", " : "", h("b", {}, d.name), ` ${share(d.share)}`]).flat()),
    f.otherwise ? h("p", {}, h("b", {}, "What if: "), f.otherwise) : null));
}

function gateRow(f: Finding): HTMLElement {
  const unknown = f.low <= -1 && f.high >= 1;
  const measured = f.requests > 0 && !unknown && (f.band_low !== 0 || f.band_high !== 0);
  const fine = Math.abs(f.band_high) <= 0.005;
  const digits = fine ? 2 : 1;
  return h("tr", { "data-key": `${f.gate}/${f.partner ?? ""}`, class: f.outcome },
    h("th", { scope: "row" }, gateName(f.gate), f.partner ? h("b", { class: "partner" }, f.partner) : null),
    h("td", {}, badge(f.outcome, outcomeTone(f.outcome))),
    measured
      ? [
        h("td", { class: "number", "data-label": "candidate" }, percent(f.candidate_rate, digits)),
        h("td", { class: "number", "data-label": "stable" }, percent(f.stable_rate, digits)),
        h("td", { class: "interval" }, intervalBar(f, digits), h("span", { class: "figures" }, figures(f, digits))),
      ]
      : h("td", { colspan: 3, class: "said" }, f.sentence),
    h("td", { class: "meters" },
      f.threshold > 0 ? meter("against", f.evidence, f.threshold) : null,
      f.required > 0 ? meter("for", f.proof, f.required) : null,
      growth(f)),
    h("td", { class: "number basis", "data-label": "basis" }, f.requests > 0 ? count(f.requests) : null,
      (f.needed ?? 0) > f.requests ? h("small", {}, `of ${count(f.needed ?? 0)}`) : null,
      f.clusters > 0 ? h("small", {}, `${count(f.clusters)} clusters`) : null,
      f.alpha ? h("small", { title: "false alarms that this gate may give, of a rollout's 5 %" }, `alpha ${share(f.alpha)}`) : null));
}

// figures are the difference and its interval; of a prediction it is the rate
// itself that must lie in the band.
function figures(f: Finding, digits: number): (Node | string)[] {
  if (f.gate === "prediction") return [h("b", {}, percent(f.difference, digits)), ` [${percent(f.low, digits)}, ${percent(f.high, digits)}]`];
  return [
    h("b", {}, `${points(f.difference, digits)}\u00a0pt`), ` [${points(f.low, digits)}, ${points(f.high, digits)}]`,
    f.since_past ? h("span", { title: "each task is held against what it did before the rollout" }, " more than before") : null,
  ].filter((part) => part !== null);
}

// growth draws how the evidence against the candidate came about over the last
// looks, up to the line at which it is worse. Where there is none worth the
// name, there is nothing to draw.
function growth(f: Finding): HTMLElement | null {
  const g = f.growth ?? [];
  if (g.length < 2 || f.threshold <= 1 || Math.max(...g) < Math.log(2)) return null;
  const width = 160, height = 30, top = Math.log(f.threshold);
  const high = Math.max(top, ...g), low = Math.min(0, ...g);
  const y = (v: number) => 2 + (height - 4) * (1 - (v - low) / (high - low));
  const points = g.map((v, i) => `${((width * i) / (g.length - 1)).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
  const label = `evidence against it at the last ${g.length} looks, from ${evidence(Math.exp(g[0] ?? 0))} to ${evidence(Math.exp(g.at(-1) ?? 0))}; worse at ${evidence(f.threshold)}`;
  return h("div", { class: "growth" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" },
      svg("line", { x1: 0, x2: width, y1: y(top), y2: y(top), class: "limit" }),
      svg("polyline", { points, class: "curve" })));
}

// intervalBar draws the interval of the difference over the band in which
// differences are fine.
function intervalBar(f: Finding, digits: number): SVGElement {
  const width = 240, height = 26, middle = height / 2;
  const open = f.band_low <= -1; // less is always fine: only the upper side is to scale
  const centre = f.gate === "prediction" ? (f.band_low + f.band_high) / 2 : 0;
  const marks = open ? [3 * f.band_high, f.high, Math.abs(f.difference)] : [f.low, f.high, f.band_low, f.band_high].map((v) => Math.abs(v - centre));
  const reach = 1.12 * Math.max(...marks, 1e-6);
  const x = (v: number) => (width / 2) * (1 + Math.max(-1, Math.min(1, (v - centre) / reach)));
  const label = `difference ${points(f.difference, digits)} points, 95 % interval ${points(f.low, digits)} to ${points(f.high, digits)}, allowed ${open ? "up" : points(f.band_low, digits)} to ${points(f.band_high, digits)}`;
  const cap = (v: number) => svg("line", { x1: x(v), x2: x(v), y1: middle - 5, y2: middle + 5, class: "ci" });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "bar", role: "img", "aria-label": label, preserveAspectRatio: "none" },
    svg("rect", { x: 0, y: 3, width, height: height - 6, rx: 3, class: "out" }),
    svg("rect", { x: x(f.band_low), y: 3, width: Math.max(1, x(f.band_high) - x(f.band_low)), height: height - 6, class: "band" }),
    svg("line", { x1: x(centre), x2: x(centre), y1: 1, y2: height - 1, class: "zero" }),
    svg("line", { x1: x(f.low), x2: x(f.high), y1: middle, y2: middle, class: "ci" }),
    Math.abs(f.low - centre) < reach ? cap(f.low) : null, f.high - centre < reach ? cap(f.high) : null,
    svg("path", { d: `M${x(f.difference).toFixed(1)} ${middle}h.01`, class: "halo" }),
    svg("path", { d: `M${x(f.difference).toFixed(1)} ${middle}h.01`, class: `dot ${f.outcome}` }));
}

// meter shows how far evidence has come, on its own scale: that of its
// logarithm.
function meter(side: "against" | "for", have: number, want: number): HTMLElement {
  const share = have <= 1 ? 0 : Math.min(1, Math.log(have) / Math.log(want));
  return h("div", { class: `meter ${side}` },
    h("span", {}, side),
    svg("svg", { viewBox: "0 0 60 6", "aria-hidden": "true", preserveAspectRatio: "none" },
      svg("rect", { width: 60, height: 6, rx: 3, class: "rail" }),
      svg("rect", { width: 60 * share, height: 6, rx: 3, class: "fill" })),
    h("span", { class: "figures" }, have < want ? `${evidence(have)} of ${evidence(want)}` : `${evidence(have)}, enough`));
}
