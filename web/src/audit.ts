// The audit page: who asked for what, when, from where and why, how things stood
// then, and what became of it.

import type { AuditEntry, Standing } from "./api.ts";
import { audit, auditPath } from "./api.ts";
import { asked, missing } from "./asked.ts";
import { h } from "./dom.ts";
import { clock, short, words } from "./format.ts";
import { own } from "./own.ts";
import type { Route } from "./route.ts";
import { to, toRelease, toRollout } from "./route.ts";
import type { Store } from "./store.ts";
import { now } from "./store.ts";

const everyFleet = "*";

export function auditPage(s: Store, r: Route): HTMLElement {
  const of = r.query.get("of") ?? s.fleet, after = r.query.get("after") ?? "", fleet = of === everyFleet ? "" : of;
  const page = asked(`audit/${of}/${after}`, () => audit(fleet, after), after === "" ? 5000 : 60_000);
  const entries = page.value?.entries ?? [], next = page.value?.next ?? "";
  const address = (query: Record<string, string>) => `${to(s.fleet, "audit")}?${new URLSearchParams(query)}`;
  return h("main", { class: "page" },
    h("section", { id: "trial", class: "card archive", tabindex: "-1", "aria-label": "Audit" },
      h("header", {}, h("h1", {}, "Audit"), h("span", { class: "muted" }, "who asked for what, newest first"), h("span", { class: "spring" }),
        h("a", { class: "button", href: auditPath(fleet), download: true }, "Export as JSON lines")),
      h("div", { class: "filters" },
        h("label", {}, "Fleet ", h("select", { "data-set": "of", "data-anew": "after" },
          s.fleets.map((name) => h("option", { value: name, selected: name === of }, name)), h("option", { value: everyFleet, selected: fleet === "" }, "all, with what is about all")))),
      missing(page, "The trail"),
      page.value !== null && entries.length === 0 ? h("p", { class: "muted" }, after === "" ? "Nobody has asked for anything yet." : "There is nothing older.") : null,
      entries.length === 0 ? null : own("audit/list", `${of}/${after}/${page.count}`, (host) => host.replaceChildren(table(s, entries, now(s))), { class: "scroll" }),
      after === "" && next === "" ? null : h("nav", { class: "pager", "aria-label": "Pages of the trail" },
        after === "" ? null : h("a", { href: address({ of }) }, "Newest"),
        next === "" ? h("span", { class: "muted" }, "This is the oldest page.") : h("a", { href: address({ of, after: next }), rel: "next" }, "Next page, older"))));
}

function table(s: Store, list: AuditEntry[], at: number): HTMLElement {
  return h("table", { class: "rows audit" },
    h("thead", {}, h("tr", {}, ["When", "Who", "From", "What", "Why, or what became of it", "How the fleet stood"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, list.map((e) => h("tr", { class: e.what },
      h("td", {}, Date.parse(e.at) > 0 ? h("time", { datetime: e.at, title: e.at }, clock(e.at, at)) : "—"),
      h("th", { scope: "row" }, e.by || "—", " ", e.by ? proof(e) : null, e.claim ? h("small", {}, ` as “${e.claim}”`) : null),
      h("td", { class: e.from ? "muted" : "none", "data-label": "from" }, e.from || "—"),
      h("td", {}, what(s, e)),
      h("td", { class: "wrap told" }, e.what === "asked" ? e.why || h("span", { class: "muted" }, "no reason given") : e.sentence ?? ""),
      h("td", { class: e.before || e.after ? "stood" : "none" }, e.before ? ["before: ", ...stood(s, e, e.before)] : e.after ? ["after: ", ...stood(s, e, e.after)] : "—")))));
}

// proof tells a name that is proven from one that somebody said.
const proof = (e: AuditEntry) => (e.how
  ? h("span", { class: "badge good", title: "This name is proven by sign-in." }, `proven, ${e.how}`)
  : h("span", { class: "badge warn", title: "Nobody was asked for proof: it is what they called themselves." }, "claimed"));

function what(s: Store, e: AuditEntry): (Node | string | null)[] {
  const fleet = e.fleet ?? "", known = s.fleets.includes(fleet);
  const about = e.release ? [" to ", known ? h("a", { href: toRelease(fleet, e.release), title: e.release }, h("code", {}, short(e.release))) : h("code", {}, short(e.release))]
    : e.rollout ? [" ", known ? h("a", { href: toRollout(fleet, e.rollout) }, e.rollout) : e.rollout] : e.source ? [" ", h("code", {}, e.source)] : [];
  return [h("b", {}, words(e.verb ?? e.what)), ...about, h("small", {}, fleet === "" ? " on all fleets" : ` on ${fleet}`),
    e.break_glass ? h("span", { class: "badge bad" }, "glass broken") : null,
    e.what !== "asked" && e.reason ? h("span", { class: "reason" }, e.reason) : null];
}

// stood tells how a fleet stood, in short.
function stood(s: Store, e: AuditEntry, st: Standing): (Node | string)[] {
  const digest = st.stable ?? "", fleet = e.fleet ?? "";
  const told: (Node | string)[] = digest === "" ? ["nothing serves"] : [h("a", { href: toRelease(s.fleets.includes(fleet) ? fleet : s.fleet, digest), title: digest }, h("code", {}, short(digest))), " serves"];
  if (st.rollout) told.push(`, ${st.rollout} ${words(st.phase ?? "")}${st.step ? ` step ${st.step}` : ""}`);
  if (st.paused) told.push(", paused");
  if (st.frozen) told.push(", frozen");
  return told;
}
