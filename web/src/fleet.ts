// What serves, and the tasks that serve it.

import type { Fleet, Release, Task, TaskCounts, Tasks } from "./api.ts";
import { h, svg } from "./dom.ts";
import type { Fetched } from "./fetched.ts";
import { missing } from "./fetched.ts";
import { clock, count, mebibytes, percent, short, span } from "./format.ts";
import { kept } from "./own.ts";
import { button, code, notesOf } from "./parts.ts";

export function servingPanel(f: Fleet, now: number): HTMLElement {
  const s = f.stable;
  return h("section", { class: "card serving", "aria-label": "Serving" },
    h("header", {}, h("h2", {}, "Serves (stable)")),
    s === null
      ? h("p", { class: "digest none" }, "nothing yet")
      : [
        h("p", { class: "digest", title: s.digest }, short(s.digest)),
        h("p", {}, "from ", h("b", {}, origin(s))),
        s.since ? h("p", { class: "muted" }, "since ", h("time", { datetime: s.since }, clock(s.since, now)), ` (${span(now - Date.parse(s.since))})`) : null,
        ...notesOf(s),
      ],
    h("div", { class: "back" },
      button("rollback", f.back ? `Roll back to ${nameOf(f.back)}…` : "Roll back…", urgent(f) ? "danger" : "", f.back ? {} : { disabled: "" }),
      f.back
        ? h("span", {}, "all tasks to ", code(f.back.digest), givenUp(f).map((name) => [", giving up ", h("b", {}, name)]).flat())
        : h("span", { class: "muted" }, "no earlier release")),
    f.loop ? share(f.tasks, f.active?.candidate ?? "") : null,
    f.default && s && f.default.digest !== s.digest
      ? h("p", { class: "muted" }, "fresh tasks load ", code(f.default.digest), " ", origin(f.default)) : null);
}

// givenUp is what a rollback ends: what is tried, or else what serves.
const givenUp = (f: Fleet): string[] => (f.back?.digest === f.stable?.digest ? (f.active ? [f.active.id] : []) : f.stable ? [nameOf(f.stable)] : []);

// urgent is whether somebody may be in a hurry to go back: auctions fare badly, or
// a candidate answers some.
const urgent = (f: Fleet): boolean => f.unwell.length > 0 || (f.active !== null && f.active.phase !== "queued" && f.active.phase !== "admitting");

const nameOf = (r: Release): string => r.job || short(r.digest);

export const origin = (r: Release): string => r.job || r.source || "unknown origin";

// share draws which part of the tasks serves what.
function share(c: TaskCounts, candidate: string): HTMLElement {
  const parts: [string, number, string][] = [["stable", c.on_stable, "stable"], ["candidate", c.on_candidate, "candidate"], ["other", c.on_other, "something else"]];
  const trouble: [number, string][] = [[c.unreachable, "unreachable"], [c.failed, "failed to load"]];
  return h("div", { class: "share" },
    stack([...parts.map(([kind, n]): [string, number] => [kind, n]), ["rail", c.unreachable]]),
    h("p", {}, h("b", { class: c.ready < c.desired ? "low" : null }, `${c.ready} of ${c.desired}`), " tasks ready",
      candidate !== "" ? `; ${c.on_stable} on stable, ${c.on_candidate} on the candidate` : "",
      c.on_other > 0 ? `; ${c.on_other} on something else` : "",
      c.preparing > 0 ? `; ${c.preparing} loading` : "", trouble.filter(([n]) => n > 0).map(([n, t]) => h("b", { class: "low" }, `; ${n} ${t}`))));
}

// stack draws shares beside each other, in SVG since the page allows no styles
// but those of its sheet.
function stack(parts: [string, number][]): SVGElement {
  const all = Math.max(1, parts.reduce((sum, [, n]) => sum + n, 0));
  let x = 0;
  return svg("svg", { class: "stack", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { width: 100, height: 10, class: "rail" }),
    parts.map(([kind, n]) => {
      const r = svg("rect", { x, width: (100 * n) / all, height: 10, class: kind });
      x += (100 * n) / all;
      return r;
    }));
}

const crowd = 60;

export function tasksPanel(f: Fleet, fetch: Fetched<Tasks>, now: number): HTMLElement {
  const tasks = fetch.value, list = tasks?.tasks ?? [];
  // Among many, those that are compared or in trouble stand out, the rest are dots.
  const many = list.length > crowd;
  const notable = many ? list.filter((t) => t.cohort !== "rest" || t.state !== "ready" || troubleOf(t) !== "").slice(0, crowd) : list;
  const rest = many ? list.filter((t) => !notable.includes(t)) : [];
  return h("section", { class: "card tasks", "aria-label": "Tasks" },
    h("header", {}, h("h2", {}, "Tasks"), legend(f)),
    unlisted(f, fetch, now),
    list.length === 0 ? null : h("ul", { class: "grid" }, notable.map((t) => kept("li", t.id, JSON.stringify(t), () => tile(t, false)))),
    rest.length > 0 ? kept("ul", "dense", rest.map(dotOf).join(), () => h("ul", { class: "grid dense" }, rest.map((t) => tile(t, true)))) : null,
    tasks && tasks.total > list.length ? h("p", { class: "muted" }, `and ${count(tasks.total - list.length)} more`) : null);
}

// unlisted says why tasks are not listed, or that the list is not of now. That
// none is running takes both the list and the counts.
function unlisted(f: Fleet, fetch: Fetched<Tasks>, now: number): HTMLElement | null {
  const runs = `${f.tasks.total} of ${f.tasks.desired} tasks were running at the last look.`;
  const text = missing("the list of tasks", fetch);
  if (text !== "") {
    const since = fetch.value === null || fetch.why === "" ? "" : ` It is from ${clock(fetch.value.at, now)}.`;
    return h("p", { class: fetch.why === "" ? "muted" : "note", "data-key": "unlisted" }, `${text}${since} ${runs}`);
  }
  if (fetch.value === null || fetch.value.total > 0) return null;
  return h("p", { class: "muted", "data-key": "unlisted" }, !f.loop ? "Not known: no controller has looked yet." : f.tasks.total > 0 ? `The list is from before: ${runs}` : "No task is running.");
}

function legend(f: Fleet): HTMLElement {
  const item = (kind: string, text: string) => h("span", { class: "key" }, h("i", { class: kind, "aria-hidden": "true" }), text);
  return h("span", { class: "legend" },
    item("stable", "stable"), f.active ? item("candidate", "candidate") : null, f.tasks.on_other > 0 ? item("other", "other") : null);
}

const troubleOf = (t: Task) => t.error || t.failure || "";

// dotOf is all of a task that its dot shows.
const dotOf = (t: Task) => [t.id, t.address, t.state, t.cohort, t.serving, t.shadow, t.preparing].join();

function tile(t: Task, dense: boolean): HTMLElement {
  const trouble = troubleOf(t);
  const runs = Object.values(t.stratum).filter((v) => v !== "").join(" ");
  const about = `task ${t.id} at ${t.address}${runs && ` (${runs})`}: ${t.state.replace("_", " ")}, ${t.cohort}, serves ${t.serves} ${short(t.serving)}` +
    (t.shadow ? `, scores ${short(t.shadow)} in its shadow` : "") + (t.preparing ? `, loads ${short(t.preparing)}` : "") + (trouble ? `: ${trouble}` : "");
  const classes = ["task", `on-${t.serves}`, `is-${t.state}`, t.cohort === "rest" && t.shadow !== "" ? "shadows" : t.cohort].join(" ");
  if (dense) return h("li", { class: classes, "data-key": t.id, title: about, "aria-label": about });
  return h("li", { class: classes, "data-key": t.id, title: about },
    h("div", { class: "line" }, h("code", {}, t.id.slice(0, 8)),
      t.stratum.zone ? h("span", { class: "muted" }, t.stratum.zone) : null,
      t.cohort !== "rest" ? h("span", { class: "cohort" }, t.cohort) : t.shadow !== "" ? h("span", { class: "cohort" }, "shadow") : null),
    t.state === "ready"
      ? h("div", { class: "line small" },
        h("span", {}, t.filter_rate === null ? "–" : `${percent(t.filter_rate)} filtered`), h("span", {}, mebibytes(t.memory_bytes)))
      : null,
    t.state !== "ready" || trouble !== ""
      ? h("div", { class: "line small state" }, t.state === "ready" ? "" : t.state.replace("_", " ") + (trouble ? ": " : ""), trouble) : null);
}
