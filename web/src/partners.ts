// Every partner's difference as a small picture, in an order that one chooses.

import type { Series, SeriesPartner } from "./api.ts";
import { h, svg } from "./dom.ts";
import { count, evidence, percent, points } from "./format.ts";
import { kept, own } from "./own.ts";

export const orders: Record<string, string> = { evidence: "evidence against it", difference: "difference", traffic: "traffic", name: "name" };

const latest = (p: SeriesPartner) => p.difference.reduce<number>((last, v, i) => (v === null ? last : i), -1);
const size = (p: SeriesPartner) => Math.abs(p.difference[latest(p)] ?? 0);

const sorts: Record<string, (a: SeriesPartner, b: SeriesPartner) => number> = {
  evidence: (a, b) => b.evidence - a.evidence || size(b) - size(a),
  difference: (a, b) => size(b) - size(a),
  traffic: (a, b) => b.requests - a.requests,
  name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
};

export function partnersPanel(s: Series, stamp: string, order: string): HTMLElement {
  const by = order in sorts ? order : "evidence";
  const list = [...s.partners].sort(sorts[by]);
  return kept("section", "partners-panel", `${stamp}|${by}`, () => h("section", { class: "card partners", "aria-label": "Partners" },
    h("header", {}, h("h2", {}, "Partners"),
      h("label", {}, "by ", h("select", { "data-set": "partners", "aria-label": "Order of the partners" },
        Object.entries(orders).map(([name, words]) => h("option", { value: name, selected: name === by }, words)))),
      h("span", { class: "muted" }, "what the candidate filters less what stable does, with the 95 % interval, over what is allowed")),
    list.length === 0 ? h("p", { class: "muted" }, "The log knows no partner.") : own("partners", `${stamp}|${by}|${list.length}`, (host) => {
      host.replaceChildren(h("ul", { class: "multiples" }, list.map((p) => multiple(p))));
    }),
    s.more_partners > 0 ? h("p", { class: "muted" }, `and ${count(s.more_partners)} more with less traffic; `, h("code", {}, `sluice replay ${s.rollout}`), " judges them all.") : null));
}

function multiple(p: SeriesPartner): HTMLElement {
  const i = latest(p), d = p.difference[i], low = p.low[i], high = p.high[i];
  const known = d !== undefined && d !== null && low !== undefined && low !== null && high !== undefined && high !== null;
  return h("li", { class: p.outcome },
    h("div", { class: "line" }, h("b", {}, p.name), known ? h("span", { class: "figures" }, `${points(d)}\u00a0pt`) : h("span", { class: "muted" }, "not known yet")),
    known ? spark(p, `${p.name}: ${points(d)} points, 95 % interval ${points(low)} to ${points(high)}, allowed ${points(p.band_low)} to ${points(p.band_high)}`) : null,
    h("div", { class: "line small muted" },
      h("span", {}, known ? `${percent(p.candidate[i] ?? 0, 0)} of ${count(p.requests)}, stable ${percent(p.stable[i] ?? 0, 0)}` : `${count(p.requests)} requests`),
      p.evidence > 1 ? h("span", {}, `E ${evidence(p.evidence)}`) : null));
}

const width = 120, height = 36;

function spark(p: SeriesPartner, label: string): SVGElement {
  const known = p.difference.map((v, i) => (v === null ? -1 : i)).filter((i) => i >= 0);
  const reach = Math.max(1e-6, 1.5 * Math.max(Math.abs(p.band_low), Math.abs(p.band_high)), 1.1 * Math.max(...known.map((i) => Math.abs(p.difference[i] ?? 0))));
  const x = (i: number) => (p.difference.length < 2 ? width / 2 : (width * i) / (p.difference.length - 1));
  const y = (v: number) => (height / 2) * (1 - Math.max(-1, Math.min(1, v / reach)));
  const at = (i: number, v: number | null | undefined) => `${x(i).toFixed(1)},${y(v ?? 0).toFixed(1)}`;
  const around = [...known.map((i) => at(i, p.high[i])), ...[...known].reverse().map((i) => at(i, p.low[i]))].join(" ");
  const line = known.map((i, n) => `${n === 0 || i !== (known[n - 1] ?? 0) + 1 ? "M" : "L"}${at(i, p.difference[i])}`).join("");
  const end = known.at(-1) ?? 0;
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" },
    svg("rect", { x: 0, y: y(p.band_high), width, height: Math.max(1, y(p.band_low) - y(p.band_high)), class: "band" }),
    svg("polygon", { points: around, class: "around" }),
    svg("line", { x1: 0, x2: width, y1: y(0), y2: y(0), class: "zero" }),
    svg("path", { d: line, class: "curve" }),
    svg("path", { d: `M${at(end, p.difference[end])}h.01`, class: "dot" }));
}
