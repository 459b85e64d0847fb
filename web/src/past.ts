// What has been: finished rollouts with their evidence, and the log.

import type { Event, Rollout } from "./api.ts";
import { pastLimit } from "./api.ts";
import { h } from "./dom.ts";
import { missing } from "./fetched.ts";
import { clock, count, local, span, words } from "./format.ts";
import { gatesTable } from "./gates.ts";
import { moneyTable } from "./money.ts";
import { kept } from "./own.ts";
import { ago, badge, button, code, endBadge, said, tone } from "./parts.ts";
import type { Store } from "./store.ts";
import { now } from "./store.ts";

export function historyPanel(s: Store): HTMLElement {
  const all = s.rollouts.value ?? [], over = all.filter((r) => r.final), text = missing("past rollouts", s.rollouts);
  return h("section", { class: "card history", "aria-label": "History" },
    h("header", {}, h("h2", {}, "History")),
    text !== "" ? h("p", { class: s.rollouts.why === "" ? "muted" : "note", "data-key": "missing" }, text)
      : over.length === 0 ? h("p", { class: "muted", "data-key": "missing" }, "No rollout has ended yet.") : null,
    over.map((r) => entry(s, r, replaced(over, r))),
    all.length >= pastLimit ? h("p", { class: "muted" }, `These are the newest ${over.length}; `, h("code", {}, `sluice rollouts --fleet ${s.fleet} --limit 500`), " lists older ones.") : null);
}

// replaced is when something else came to serve in place of what r made live;
// empty where that is still to come, or not known.
export function replaced(newestFirst: Rollout[], r: Rollout): string {
  if (r.phase !== "live") return "";
  const later = newestFirst.slice(0, newestFirst.indexOf(r));
  return later.reverse().find((o) => (o.phase === "live" ? o.candidate !== r.candidate : o.id.startsWith("rollback-") && o.against !== r.candidate))?.since ?? "";
}

function entry(s: Store, r: Rollout, until: string): HTMLElement {
  const at = now(s), version = [r.phase, r.sentence, span(at - Date.parse(r.since)), s.details.get(r.id)?.why, s.details.get(r.id)?.value !== null, s.view?.stable?.digest, until].join("|");
  return kept("details", `past/${s.fleet}/${r.id}`, version, () => h("details", { "data-rollout": r.id, class: tone(r.phase) },
    h("summary", {},
      endBadge(r, s.view?.stable?.digest), until === "" || r.candidate === s.view?.stable?.digest ? null : h("span", { class: "muted" }, "until ", clock(until, at)), h("b", { class: "name" }, r.id),
      h("span", { class: "reason" }, r.reason), h("span", { class: "spring" }), ago(r.since, at),
      h("span", { class: "gist" }, r.headline || r.sentence)),
    h("div", { class: "more" }, whole(s, r, at))));
}

function whole(s: Store, r: Rollout, at: number): (HTMLElement | null)[] {
  const fetch = s.details.get(r.id), d = fetch?.value ?? r;
  const findings = d.verdict?.findings ?? [];
  return [
    ...said(d, d.since),
    h("p", { class: "muted" }, "candidate ", code(d.candidate), " against ", code(d.against), `, policy ${d.policy || "—"}`,
      d.by ? `, asked by ${d.by}` : "", `; ${count(d.exposed)} auctions answered by it; from ${d.source || "—"}`),
    d.verdict && d.verdict.sentence !== d.sentence ? h("p", {}, "Verdict ", h("b", {}, words(d.verdict.outcome)), `: ${d.verdict.sentence}`) : null,
    fetch?.why ? h("p", { class: "note", "data-key": "missing" }, missing("its evidence", fetch)) : null,
    findings.length > 0 ? gatesTable(findings) : null,
    d.verdict?.money ? moneyTable(d.verdict.money) : null,
    (d.history ?? []).length > 0 ? log(d.history ?? [], at, true) : null,
    r.phase === "live" && r.candidate !== "" && r.candidate !== s.view?.stable?.digest
      ? h("p", {}, button("rollback", "Roll back to this release…", "", { "data-release": r.candidate })) : null,
  ];
}

export function logPanel(s: Store): HTMLElement {
  return h("section", { class: "card log", "aria-label": "Log" },
    h("header", {}, h("h2", {}, "Log"), h("span", { class: "muted" }, "newest first; older ones by scrolling")),
    s.events.length === 0 ? h("p", { class: "muted" }, s.view?.last_event === 0 ? "Nothing has happened yet." : "Waiting for the log…") : log([...s.events].reverse(), now(s), false),
    s.missed ? h("p", { class: "muted" }, "Older events are no longer remembered; rollouts keep their own in the history.") : null);
}

// log tells events, with their proofs where those are asked for. The one without
// scrolls by itself, for keys too.
export function log(events: Event[], at: number, proofs: boolean): HTMLElement {
  return h("ol", { class: "events", tabindex: proofs ? null : "0" }, events.map((e) =>
    h("li", { "data-key": e.seq },
      h("time", { datetime: e.at, title: e.at }, clock(e.at, at)),
      h("span", {},
        e.to ? badge(e.step ? `${e.to} ${e.step}` : e.to, tone(e.to)) : badge(e.reason, "calm"),
        e.rollout ? h("b", {}, ` ${e.rollout} `) : " ",
        e.to ? h("span", { class: "reason" }, e.reason) : null,
        h("span", { class: "gist", title: e.sentence }, local(e.headline || e.sentence, e.at)),
        proofs && e.headline ? h("span", { class: "gist proof muted" }, e.sentence) : null))));
}
