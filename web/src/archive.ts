// The page of all that was tried: finished rollouts, narrowed down by what one
// looks for. The address keeps it, so that it can be sent to somebody.

import type { Phase, Rollout } from "./api.ts";
import { past } from "./api.ts";
import { asked, missing } from "./asked.ts";
import { h } from "./dom.ts";
import { clock, count, local, short, words } from "./format.ts";
import { own } from "./own.ts";
import { endBadge } from "./parts.ts";
import type { Route } from "./route.ts";
import { toRelease, toRollout } from "./route.ts";
import type { Store } from "./store.ts";
import { now } from "./store.ts";

const most = 500; // that the API lists
const ends: Phase[] = ["live", "rolled_back", "refused", "superseded"];
const spans: Record<string, string> = { "1": "a day", "7": "a week", "30": "a month" };

export function historyPage(s: Store, r: Route): HTMLElement {
  const list = asked(`past/${s.fleet}`, () => past(s.fleet, most), 60_000, s.view?.last_event);
  const all = (list.value ?? []).filter((one) => one.final), at = now(s);
  const phase = r.query.get("phase") ?? "", days = r.query.get("days") ?? "", text = r.query.get("q") ?? "";
  const found = all.filter((one) => (phase === "" || one.phase === phase) && since(one, days, at) && has(one, text));
  return h("main", { class: "page" },
    h("section", { id: "trial", class: "card archive", tabindex: "-1", "aria-label": "History" },
      h("header", {}, h("h1", {}, "History"), h("span", { class: "muted" }, list.value === null ? "" : `${count(found.length)} of ${count(all.length)} rollouts`)),
      h("div", { class: "filters" },
        h("label", {}, "Ended ", h("select", { "data-set": "phase" }, h("option", { value: "" }, "anyhow"), ends.map((p) => h("option", { value: p, selected: p === phase }, words(p))))),
        h("label", {}, "Within ", h("select", { "data-set": "days" }, h("option", { value: "" }, "all time"), Object.entries(spans).map(([d, name]) => h("option", { value: d, selected: d === days }, name)))),
        h("label", { class: "wide" }, "Holding ", h("input", { type: "search", "data-set": "q", value: text, maxlength: 100, placeholder: "name, release, person, reason, words", autocomplete: "off" }))),
      missing(list, "The history"),
      list.value !== null && found.length === 0 ? h("p", { class: "muted" }, all.length === 0 ? "No rollout has ended yet." : "None is like that.") : null,
      found.length === 0 ? null : own("history/list", [list.count, s.fleet, s.view?.last_event, phase, days, text, found.length].join("|"), (host) => host.replaceChildren(table(s, found, at)), { class: "scroll" }),
      all.length >= most - 1 ? h("p", { class: "muted" }, `These are the newest ${count(all.length)}; older ones are in the bucket for ever.`) : null));
}

const since = (r: Rollout, days: string, at: number) => days === "" || at - Date.parse(r.since) <= Number(days) * 86_400_000;

function has(r: Rollout, text: string): boolean {
  const in_ = [r.id, r.job, r.candidate, r.against, r.by, r.policy, r.reason, r.headline, r.sentence, r.source].join("\n").toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => in_.includes(word));
}

function table(s: Store, list: Rollout[], at: number): HTMLElement {
  return h("table", { class: "rows" },
    h("thead", {}, h("tr", {}, ["Ended", "Rollout", "How", "Release", "Exposed", "Why"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, list.map((r) => h("tr", {},
      h("td", {}, h("time", { datetime: r.since, title: r.since }, clock(r.since, at))),
      h("th", { scope: "row" }, h("a", { href: toRollout(s.fleet, r.id) }, r.id), r.by ? h("small", {}, ` by ${r.by}`) : null),
      h("td", {}, endBadge(r, s.view?.stable?.digest), " ", h("span", { class: "reason" }, r.reason)),
      h("td", { class: r.candidate === "" ? "none" : null }, r.candidate === "" ? "—" : h("a", { href: toRelease(s.fleet, r.candidate), title: r.candidate }, h("code", {}, short(r.candidate)))),
      h("td", { class: r.exposed > 0 ? "number" : "number none", "data-label": "auctions" }, r.exposed > 0 ? count(r.exposed) : "—"),
      h("td", {}, h("p", { class: "gist", title: r.sentence }, r.headline ? local(r.headline, r.since) : r.sentence))))));
}
