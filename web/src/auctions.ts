// How the auctions fare, before all else: what they are now, arm by arm, and
// over the last minutes.

import type { Auctions, Columns, Fleet, Traffic } from "./api.ts";
import { h, svg } from "./dom.ts";
import { clock, count, share, span, took } from "./format.ts";
import { badge } from "./parts.ts";
import { lookedAt } from "./store.ts";

export function auctionsPanel(f: Fleet, now: number, warned: boolean): HTMLElement {
  return h("section", { class: `card auctions${f.unwell.length > 0 ? " bad" : f.auctions?.all ? "" : " calm"}`, "aria-label": "Auctions" },
    h("header", {}, h("h2", {}, "Auctions"), when(f, now), h("span", { class: "spring" }), allWell(f, warned) ? badge("all well", "good") : null), body(f));
}

// allWell is whether everything that could be wrong is known to be right. What
// is not known is not well.
export function allWell(f: Fleet, warned: boolean): boolean {
  const t = f.tasks;
  return !warned && !!f.loop && !!f.auctions?.all && f.unwell.length === 0 && f.unheard.length === 0 &&
    t.ready > 0 && t.ready >= t.desired && t.failed === 0 && t.unreachable === 0 && f.active?.phase !== "held" && f.active?.phase !== "rolling_back";
}

function when(f: Fleet, now: number): HTMLElement | null {
  if (!f.loop || !f.auctions?.all) return null;
  const until = lookedAt(f, f.loop);
  return h("span", { class: "muted" }, `the ${span(1000 * f.auctions.over_seconds)} to `,
    h("time", { datetime: new Date(until).toISOString() }, clock(new Date(until).toISOString(), now)), ", by what tasks count");
}

function body(f: Fleet): (HTMLElement | null)[] {
  const a = f.auctions;
  if (!f.loop) return [h("p", { class: "muted" }, "Not known: no controller has looked yet.")];
  if (a === null) return [h("p", { class: "muted" }, "Not known: the controller that looked last does not measure them.")];
  if (a.all === null) return [h("p", { class: "muted" }, f.tasks.total === 0 ? "No task is running that could answer any." : "Not known yet: no task has told twice what it answered.")];
  return [tiles(f, a, a.all), a.canary || a.control ? arms(f, a) : null];
}

const unknown = "?"; // which is not zero

export const rate = (perSecond: number) => (perSecond < 10 ? String(Number(perSecond.toPrecision(2))) : count(Math.round(perSecond)));

const shareOf = (s: number | null) => (s === null ? `${unknown}\u00a0%` : s >= 0.1 ? `${(100 * s).toFixed(0)}\u00a0%` : share(s));

const tookOr = (seconds: number | null) => (seconds === null ? unknown : took(seconds));

// tiles are the figures of all tasks, each over its last minutes.
function tiles(f: Fleet, a: Auctions, all: Traffic): HTMLElement {
  const bad = new Set(f.unwell.map((u) => u.reason));
  const minutes = Math.round(((a.slots.all?.rate.length ?? 0) * a.slots.every_seconds) / 60);
  const tile = (name: string, figure: string, low: boolean, of: keyof Columns, more: string | null = null) => {
    const drawn = spark(a, of, `${name} over the last ${minutes} min`);
    return h("div", { class: `figure${low ? " low" : ""}` },
      h("dt", {}, name), h("dd", {}, h("b", {}, figure), more === null ? null : h("small", {}, more)), drawn ? h("dd", {}, drawn) : null);
  };
  return h("dl", { class: "figures" },
    tile("Auctions a second", rate(all.rate), bad.has("silent"), "rate"),
    tile("Filtered", shareOf(all.filtered), false, "filtered", "of all calls to partners"),
    tile("Degraded", shareOf(all.degraded), bad.has("degraded"), "degraded", "forwarded unscored"),
    tile("Failed", shareOf(all.failed), bad.has("failed"), "failed", "without an answer"),
    tile("p99", tookOr(all.p99_seconds), bad.has("late"), "p99_seconds",
      `p50 ${tookOr(all.p50_seconds)}${a.deadline_seconds > 0 ? `, deadline ${took(a.deadline_seconds)}` : ""}`));
}

// scale is what a spark reaches up to at least: what is a trace of what would be
// too much looks like one.
const scale = (a: Auctions, of: keyof Columns): number =>
  of === "degraded" ? 0.01 : of === "failed" ? 0.001 : of === "p99_seconds" ? a.deadline_seconds : 0;

// spark draws a column of all tasks, and of the canaries above it.
function spark(a: Auctions, of: keyof Columns, label: string): SVGElement | null {
  const all = a.slots.all?.[of] ?? [], canary = of === "rate" ? [] : a.slots.canary?.[of] ?? [];
  const told = [...all, ...canary].filter((v) => v !== null);
  if (told.length < 2) return null;
  const most = Math.max(scale(a, of), ...told), floor = of === "filtered" ? Math.min(...told) * 0.8 : 0;
  const width = 120, height = 26, slots = Math.max(all.length, canary.length);
  const y = (v: number) => height - 2 - (height - 4) * (most > floor ? (v - floor) / (most - floor) : 0);
  const line = (values: (number | null)[], kind: string) => runs(values).map((run) => svg("polyline", {
    class: kind, points: run.map(([i, v]) => `${((width * i) / Math.max(1, slots - 1)).toFixed(1)},${y(v).toFixed(1)}`).join(" "),
  }));
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, line(all, "all"), line(canary, "canary"));
}

// runs are the stretches in which something was counted.
function runs(values: (number | null)[]): [number, number][][] {
  const all: [number, number][][] = [];
  values.forEach((v, i) => {
    if (v === null) return;
    const last = all.at(-1);
    if (last && last.at(-1)?.[0] === i - 1) last.push([i, v]);
    else all.push([[i, v]]);
  });
  return all.filter((run) => run.length > 1);
}

// arms compares them, as far as there are any. What moves over to all tasks is no
// canary any more.
function arms(f: Fleet, a: Auctions): HTMLElement {
  const rows: [string, string, Traffic | null][] = [
    [f.active?.phase === "promoting" ? "candidate" : "canary", "candidate", a.canary], ["control", "control", a.control], ["rest", "stable", a.rest],
  ];
  const head = ["", "tasks", "auctions/s", "filtered", "degraded", "failed", "p50", "p99"];
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Auctions per arm" },
    h("table", { class: "arms" },
      h("thead", {}, h("tr", {}, head.map((t) => h("th", { scope: "col" }, t || h("span", { class: "unseen" }, "Arm"))))),
      h("tbody", {}, rows.map(([name, kind, t]) => (t === null ? null : h("tr", { "data-key": name },
        h("th", { scope: "row" }, h("span", { class: "key" }, h("i", { class: kind, "aria-hidden": "true" }), name)),
        [count(t.tasks), rate(t.rate), shareOf(t.filtered), shareOf(t.degraded), shareOf(t.failed), tookOr(t.p50_seconds), tookOr(t.p99_seconds)]
          .map((text, i) => h("td", { class: "number", "data-label": head[i + 1] ?? "" }, text))))))));
}
