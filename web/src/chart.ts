// One chart: a canvas for those who see it, and the same in words and as a table
// for everybody. uPlot draws; it gets no more than what is known, and a line
// ends where something is not.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import type { Column } from "./api.ts";
import { h } from "./dom.ts";
import { clock } from "./format.ts";
import { own } from "./own.ts";

export interface Line {
  name: string;
  values: Column;
  tone: string; // a colour of the sheet: --candidate is "candidate"
  dash?: boolean;
  thin?: boolean;
  low?: Column; // what surrounds it
  high?: Column;
}

export interface Chart {
  key: string; // names it among others of the page
  title: string;
  says: string; // what it shows, in a sentence
  at: string[]; // moments of the points
  steps: number[]; // a line ends where this changes
  lines: Line[];
  band?: { low: Column; high: Column; name: string }; // where all is fine
  limit?: { value: number; name: string };
  unit: (v: number) => string;
  floor?: number; // that the scale holds at least
  ceiling?: number;
  place: number; // of the point that is looked at; -1 for none
  now: number;
  missing?: string; // what is said where nothing of it is known
}

const height = 190;

// figure is the chart with its words. onPick gets the moment that is clicked.
export function figure(c: Chart, onPick: (at: string) => void): HTMLElement {
  const shown = c.lines.filter((l) => l.values.some((v) => v !== null));
  if (shown.length === 0) {
    return h("figure", { class: "chart", "data-key": c.key }, h("figcaption", {}, h("h3", {}, c.title), h("p", { class: "muted" }, c.missing ?? "The log holds nothing of it.")));
  }
  const version = [c.key, c.at.length, c.at.at(-1), c.at[0], c.title, c.place, matchMedia("(prefers-color-scheme: dark)").matches].join("|");
  const place = c.place < 0 ? c.at.length - 1 : c.place;
  return h("figure", { class: "chart", "data-key": c.key },
    h("figcaption", {}, h("h3", {}, c.title), h("p", {}, c.says)),
    h("ul", { class: "legend" },
      shown.map((l) => h("li", { class: "key" }, swatch(l), `${l.name} `, h("b", {}, told(l.values[place], c.unit)),
        l.low && l.high && l.low[place] != null && l.high[place] != null ? ` [${c.unit(l.low[place])}, ${c.unit(l.high[place])}]` : "")),
      c.band ? h("li", { class: "key" }, h("i", { class: "fine", "aria-hidden": "true" }), `${c.band.name} ${told(c.band.low[place], c.unit)} to ${told(c.band.high[place], c.unit)}`) : null,
      c.limit ? h("li", { class: "key" }, h("i", { class: "line bad dash", "aria-hidden": "true" }), c.limit.name) : null),
    own(`${c.key}/canvas`, version, (host) => draw(host, { ...c, lines: shown }, onPick), { class: "plot", role: "img", "aria-label": `${c.title}. ${c.says}` }),
    table({ ...c, lines: shown }));
}

const swatch = (l: Line) => h("i", { class: `line ${l.tone}${l.dash ? " dash" : ""}`, "aria-hidden": "true" });

const told = (v: number | null | undefined, unit: (v: number) => string) => (v === null || v === undefined ? "unknown" : unit(v));

// table tells a dozen of the points, evenly spread, the last among them.
function table(c: Chart): HTMLElement {
  const most = 12, n = c.at.length, rows: number[] = [];
  for (let i = 0; i < Math.min(most, n); i++) rows.push(Math.round((i * (n - 1)) / Math.max(1, Math.min(most, n) - 1)));
  return h("details", { class: "figures", "data-key": `${c.key}/table` },
    h("summary", {}, "As a table"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${c.title}, as a table` },
      h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "At"), c.lines.map((l) => h("th", { scope: "col" }, l.name)), c.band ? h("th", { scope: "col" }, c.band.name) : null)),
        h("tbody", {}, rows.map((i) => h("tr", {}, h("th", { scope: "row" }, clock(c.at[i] ?? "", c.now)),
          c.lines.map((l) => h("td", {}, told(l.values[i], c.unit), l.low?.[i] != null && l.high?.[i] != null ? ` [${c.unit(l.low[i])}, ${c.unit(l.high[i])}]` : "")),
          c.band ? h("td", {}, `${told(c.band.low[i], c.unit)} to ${told(c.band.high[i], c.unit)}`) : null))))));
}

// spread puts a hole wherever time passed without looks, or arms were formed
// anew: there a line ends. places are the points, -1 for a hole.
export function spread(at: string[], steps: number[]): { x: number[]; places: number[] } {
  const t = at.map((m) => Date.parse(m) / 1000);
  const gaps = t.slice(1).map((v, i) => v - (t[i] ?? v)).sort((a, b) => a - b);
  const usual = Math.max(1, gaps[Math.floor(gaps.length * .75)] ?? 1);
  const x: number[] = [], places: number[] = [];
  t.forEach((v, i) => {
    const before = t[i - 1];
    if (before !== undefined && (v - before > 3 * usual || steps[i] !== steps[i - 1])) {
      x.push((before + v) / 2);
      places.push(-1);
    }
    x.push(v);
    places.push(i);
  });
  return { x, places };
}

// lonely are the places of values between holes, of which a line shows nothing.
const lonely = (values: Column): number[] =>
  values.flatMap((v, i) => (v !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? [i] : []));

const colour = (tone: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${tone}`).trim();

function draw(host: HTMLElement, c: Chart, onPick: (at: string) => void): () => void {
  const { x, places } = spread(c.at, c.steps);
  const column = (values: Column) => places.map((p) => (p < 0 ? null : values[p] ?? null));
  const data: (number | null)[][] = [], series: uPlot.Series[] = [{}], bands: uPlot.Band[] = [];
  const add = (values: Column, s: uPlot.Series) => {
    data.push(column(values));
    return series.push({ points: { show: false }, ...s, spanGaps: false }) - 1;
  };
  const around = (low: Column, high: Column, fill: string) => {
    const top = add(high, { stroke: "transparent", width: 0 }), bottom = add(low, { stroke: "transparent", width: 0 });
    bands.push({ series: [top, bottom], fill });
  };
  if (c.band) around(c.band.low, c.band.high, faint("good", .16));
  for (const l of c.lines) if (l.low && l.high) around(l.low, l.high, faint(l.tone, .2));
  for (const l of c.lines) {
    const stroke = colour(l.tone), alone = lonely(column(l.values));
    add(l.values, { stroke, width: l.thin ? 1.2 : 2, ...(l.dash ? { dash: [5, 4] } : {}), points: { show: alone.length > 0, size: 6, fill: stroke, filter: () => alone } });
  }
  const axis: uPlot.Axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const plot = new uPlot({
    width: Math.max(160, host.clientWidth), height, pxAlign: true, legend: { show: false },
    cursor: { points: { show: false }, drag: { x: false, y: false }, y: false, sync: { key: "rollout" } },
    scales: { x: { time: true }, y: { range: (_, low, high) => range(c, data, low, high) } },
    axes: [
      { ...axis, values: (_, splits) => splits.map((s) => clock(new Date(1000 * s).toISOString(), c.now).slice(-8)), space: 90, size: 30 },
      { ...axis, size: 74, values: (_, splits) => splits.map((v) => c.unit(v).replace(" or more", "")) },
    ],
    series, bands,
    hooks: {
      draw: [(u) => {
        if (c.limit) rule(u, [u.bbox.left, u.valToPos(c.limit.value, "y", true)], [u.bbox.left + u.bbox.width, u.valToPos(c.limit.value, "y", true)], colour("bad"), true);
        const at = c.at[c.place];
        if (at !== undefined) {
          const left = u.valToPos(Date.parse(at) / 1000, "x", true);
          rule(u, [left, u.bbox.top], [left, u.bbox.top + u.bbox.height], colour("ink"), false);
        }
      }],
    },
  }, [x, ...data] as uPlot.AlignedData, host);
  const pick = () => {
    const place = places[plot.cursor.idx ?? -1];
    if (place !== undefined && place >= 0) onPick(c.at[place] ?? "");
  };
  plot.over.addEventListener("click", pick);
  const wide = new ResizeObserver(() => { if (host.clientWidth > 0 && host.clientWidth !== plot.width) plot.setSize({ width: host.clientWidth, height }); });
  wide.observe(host);
  return () => {
    wide.disconnect();
    plot.destroy();
  };
}

function faint(tone: string, alpha: number): string {
  const hex = colour(tone).replace("#", "");
  const long = hex.length === 3 ? [...hex].map((d) => d + d).join("") : hex;
  const [r, g, b] = [0, 2, 4].map((i) => parseInt(long.slice(i, i + 2), 16));
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}

function rule(u: uPlot, from: [number, number], to: [number, number], stroke: string, dash: boolean): void {
  const c = u.ctx;
  c.save();
  c.strokeStyle = stroke;
  c.lineWidth = devicePixelRatio * 1.5;
  c.setLineDash(dash ? [6 * devicePixelRatio, 4 * devicePixelRatio] : []);
  c.beginPath();
  c.moveTo(...from);
  c.lineTo(...to);
  c.stroke();
  c.restore();
}

// range holds the lines and, as far as they are not too far off, what surrounds
// them: an interval that is as wide as the world says nothing about a scale.
function range(c: Chart, data: (number | null)[][], low: number | null, high: number | null): [number, number] {
  const lines = data.slice(-c.lines.length).flat().filter((v) => v !== null);
  const around = data.slice(0, -c.lines.length).flat().filter((v) => v !== null);
  let from = Math.min(...lines, c.floor ?? Infinity), to = Math.max(...lines, c.ceiling ?? -Infinity, c.limit?.value ?? -Infinity);
  const reach = Math.max(to - from, ...lines.map(Math.abs), 1e-6);
  from = Math.min(from, Math.max(from - 2 * reach, Math.min(...around, from)));
  to = Math.max(to, Math.min(to + 2 * reach, Math.max(...around, to)));
  if (!Number.isFinite(from) || !Number.isFinite(to)) return [low ?? 0, high ?? 1];
  const air = .06 * Math.max(to - from, 1e-9);
  return [c.floor !== undefined && from >= c.floor ? c.floor : from - air, to + air];
}
