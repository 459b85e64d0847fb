// All fleets, those that need a look on top.

import type { Rollout, Summary } from "./api.ts";
import { overview } from "./api.ts";
import { asked, missing } from "./asked.ts";
import { h } from "./dom.ts";
import { origin } from "./fleet.ts";
import { count, local, percent, short, span } from "./format.ts";
import { kept } from "./own.ts";
import { ago, badge, needsPerson, tone, until } from "./parts.ts";
import type { Tone } from "./parts.ts";
import { to, toRollout } from "./route.ts";
import type { Store } from "./store.ts";
import { now } from "./store.ts";

// Need is why a person should look at a fleet; weight says how soon.
interface Need { weight: number; tone: Tone; text: (Node | string)[] }

export function fleetsPage(s: Store): HTMLElement {
  const all = asked("overview", overview, 5000), list = all.value ?? [], at = now(s);
  const rows = list.map((f) => ({ f, needs: needsOf(f, at) })).sort((a, b) => weight(b.needs) - weight(a.needs));
  const wanting = rows.filter((r) => r.needs.length > 0), fine = rows.filter((r) => r.needs.length === 0);
  return kept("main", "fleets", `${all.count}/${all.state}`, () => h("main", { class: "page" },
    h("section", { id: "trial", class: `card ${wanting.length > 0 ? "wanting" : ""}`, tabindex: "-1", "aria-label": "Fleets that need a look" },
      h("header", {}, h("h1", {}, wanting.length === 0 ? (all.value !== null && all.state === "there" ? "No fleet needs a look" : "Fleets") : wanting.length === 1 ? "1 fleet needs a look" : `${wanting.length} fleets need a look`),
        h("span", { class: "muted" }, list.length > 0 ? `of ${list.length}` : "")),
      missing(all, "The fleets"), rows.length === 0 || wanting.length === 0 ? null : h("ul", { class: "fleets" }, wanting.map((r) => row(r.f, r.needs, at)))),
    fine.length === 0 ? null : h("section", { class: "card", "aria-label": "Other fleets" },
      h("header", {}, h("h2", {}, wanting.length > 0 ? "All others" : "Fleets")), h("ul", { class: "fleets" }, fine.map((r) => row(r.f, r.needs, at))))));
}

const weight = (needs: Need[]) => needs.reduce((sum, n) => Math.max(sum, n.weight), 0);

export function needsOf(f: Summary, at: number): Need[] {
  const needs: Need[] = [];
  const add = (weight: number, tone: Tone, ...text: (Node | string)[]) => needs.push({ weight, tone, text });
  if (f.trouble) {
    add(100, "bad", `It cannot be read: ${f.trouble}.`);
    return needs;
  }
  if (!f.loop) add(40, "warn", "No controller has looked at it yet. Is one running?");
  else if (f.loop.age_seconds > Math.max(5 * f.loop.every_seconds, 15)) add(95, "bad", `No controller looks: the last look is ${span(1000 * f.loop.age_seconds)} old. The fleet keeps serving; nothing is decided.`);
  f.unwell.forEach((u, i) => add(85 - i, "bad", h("b", {}, "Unwell: "), u.sentence));
  const t = f.tasks, lost = t.desired - t.ready;
  if (t.failed > 0) add(70, "bad", `${count(t.failed)} of ${count(t.total)} tasks could not take their release.`);
  if (t.unreachable > 0) add(65, "bad", `${count(t.unreachable)} of ${count(t.total)} tasks cannot be reached.`);
  if (lost > 0 && t.failed === 0 && t.unreachable === 0) add(20, "warn", `${count(t.ready)} of ${count(t.desired)} tasks are ready.`);
  if (f.active?.phase === "held") add(needsPerson(f.active) ? 90 : 68, "warn", h("b", {}, f.active.id), ` is held for ${span(at - Date.parse(f.active.since))}. ${plain(f.active)} ${f.next.sentence}`, ...(f.active.held_until ? [" Until ", until(f.active.held_until, at), "; then it goes back."] : []));
  if (f.active?.phase === "rolling_back") add(60, "bad", h("b", {}, f.active.id), ` is being taken back. ${plain(f.active)}`);
  if (f.pause) add(50, "warn", "Paused by ", h("b", {}, f.pause.by), ` ${span(at - Date.parse(f.pause.at))} ago${f.pause.why ? `: ${f.pause.why}` : ""}. Nothing starts or advances.`);
  const last = f.last;
  if (!f.active && last && ["rolled_back", "refused"].includes(last.phase) && at - Date.parse(last.since) < lately) add(25, last.phase === "refused" ? "warn" : "bad", h("b", {}, last.id), ` was ${last.phase === "refused" ? "refused" : "taken back"} ${span(at - Date.parse(last.since))} ago. ${plain(last)}`);
  f.unheard.forEach((u) => add(35, "warn", local(u.sentence, u.since), "."));
  if (f.loop && f.loop.errors.length > 0) add(30, "warn", `The controller meets errors: ${f.loop.errors[0]}${f.loop.errors.length > 1 ? `; and ${f.loop.errors.length - 1} more` : ""}`);
  return needs.sort((a, b) => b.weight - a.weight);
}

const lately = 3_600_000; // for which what was taken back is news

const plain = (r: Rollout) => (r.headline ? local(r.headline, r.since) : `${r.sentence}.`);

function row(f: Summary, needs: Need[], at: number): HTMLElement {
  const a = f.active, last = f.last;
  return h("li", { "data-key": f.fleet, class: needs[0]?.tone ?? "" },
    h("div", { class: "line" }, h("a", { class: "name", href: to(f.fleet) }, f.fleet),
      a ? [badge(a.phase === "canary" ? `canary ${a.step} of ${a.steps}` : a.phase, tone(a.phase)), h("a", { href: toRollout(f.fleet, a.id) }, a.id),
        a.verdict && (a.phase === "shadow" || a.phase === "canary") ? h("span", { class: "muted" }, `${percent(a.verdict.progress, 0)} of the proof`) : null] : f.trouble ? null : badge("nothing tried", "calm"),
      f.queue > 0 ? h("span", { class: "muted" }, `${f.queue} more in the queue`) : null,
      h("span", { class: "spring" }),
      f.trouble ? null : h("span", { class: "muted" }, `${count(f.tasks.ready)} of ${count(f.tasks.desired)} tasks ready`)),
    needs.map((n) => h("p", { class: `need ${n.tone}` }, n.text)),
    f.stable ? h("p", { class: "muted" }, "serves ", h("code", { title: f.stable.digest }, short(f.stable.digest)), " ", origin(f.stable),
      last && !a ? ["; last ", h("a", { href: toRollout(f.fleet, last.id) }, last.id), " ", badge(last.phase, tone(last.phase)), " ", ago(last.since, at)] : null)
      : f.trouble ? null : h("p", { class: "muted" }, "serves nothing yet"));
}
