// The freeze page: what is frozen now, the stop of all fleets, and when each fleet
// will be frozen by its calendar.

import type { Calendar, FleetCalendar, Freeze, StopAsk } from "./api.ts";
import { freezes, newKey, Refused, setStop, stop, unanswered } from "./api.ts";
import { asked, missing, old } from "./asked.ts";
import { h, svg } from "./dom.ts";
import { keepDraft } from "./draft.ts";
import { kept } from "./own.ts";
import { badge, until } from "./parts.ts";
import { to } from "./route.ts";
import { provenName, roleOn } from "./signin.ts";
import type { Store } from "./store.ts";
import { now } from "./store.ts";

export type StopVerb = "freeze" | "unfreeze";

const day = 86_400_000;
const weeks = 4; // that the API tells

export function freezesPage(s: Store): HTMLElement {
  const all = asked("stop", stop, 5000), list = asked("freezes", freezes, 60_000), at = now(s);
  const f = all.value?.freeze ?? null;
  return h("main", { class: "page" },
    h("section", { id: "trial", class: `card ${f ? "wanting" : ""}`, tabindex: "-1", "aria-label": "All fleets" },
      h("header", {}, h("h1", {}, "Freezes"), f ? badge("all fleets are frozen", "warn") : null),
      missing(all, "Whether all fleets are frozen"),
      all.value === null ? null : f ? stopText(f, at) : h("p", {}, "No stop of all fleets is in force."),
      h("p", { class: "muted" }, "While frozen, nothing starts or advances. Harm is still taken back, and a rollback works."),
      all.value === null ? null : roleOn("*") === "viewer" ? h("p", { class: "muted" }, "To freeze all fleets, and to end that, takes an operator of every fleet.")
        : h("p", { class: "verbs" }, h("button", { type: "button", class: f ? "primary" : "", "data-page": f ? "unfreeze" : "freeze" }, f ? "End the freeze…" : "Freeze all fleets…"))),
    h("section", { class: "card", "aria-label": "Calendar" },
      h("header", {}, h("h2", {}, `The next ${weeks} weeks`), h("span", { class: "muted" }, "by the fleet files, in your own time")),
      missing(list, "The calendar"),
      list.value === null ? null : calendar(list.value, `${list.count}/${list.state}`, at)));
}

function stopText(f: Freeze, at: number): HTMLElement {
  return h("p", { class: "sentence" }, "Frozen by ", h("b", {}, f.by ?? "somebody"), " since ", moment(f.since), f.why ? `: ${f.why}. ` : ". ",
    f.until ? ["It ends ", until(f.until, at), "."] : "It lasts until somebody ends it.");
}

function calendar(c: Calendar, version: string, at: number): HTMLElement {
  return kept("ul", "calendar", version, () => h("ul", { class: "fleets calendar" }, c.fleets.map((f) => fleetRow(f, Date.parse(c.from), at))));
}

function fleetRow(f: FleetCalendar, from: number, at: number): HTMLElement {
  const list = f.freezes, running = list.filter((one) => Date.parse(one.since) <= at && at < end(one));
  return h("li", { "data-key": f.fleet, class: running.length > 0 ? "warn" : "" },
    h("div", { class: "line" }, h("a", { class: "name", href: to(f.fleet) }, f.fleet), running.length > 0 ? badge("frozen now", "warn") : null,
      !f.known ? h("span", { class: "muted" }, "This server has no fleet file of it.") : list.length === 0 ? h("span", { class: "muted" }, "No freeze is planned.") : null),
    list.length === 0 ? null : strip(list, from),
    list.length === 0 ? null : h("ul", { class: "planned" }, list.map((one) => h("li", {}, moment(one.since), " to ", one.until ? moment(one.until) : "whenever it is ended", " ", h("b", {}, one.name ?? ""), one.why ? h("span", { class: "muted" }, `: ${one.why}`) : null))),
    f.more ? h("p", { class: "muted" }, `and ${f.more} more`) : null);
}

const end = (f: Freeze) => (f.until === null ? Infinity : Date.parse(f.until));

// strip draws when a fleet is frozen, a week between two lines.
function strip(list: Freeze[], from: number): SVGElement {
  const x = (at: number) => Math.min(weeks * 7, Math.max(0, (at - from) / day));
  return svg("svg", { class: "strip", viewBox: `0 0 ${weeks * 7} 1`, preserveAspectRatio: "none", role: "img", "aria-label": `${list.length} freezes in ${weeks} weeks; they are listed below.` },
    svg("rect", { class: "rail", x: 0, y: 0, width: weeks * 7, height: 1 }),
    list.map((f) => svg("rect", { class: "frozen", x: x(Date.parse(f.since)), y: 0, width: Math.max(.05, x(end(f)) - x(Date.parse(f.since))), height: 1 })),
    Array.from({ length: weeks - 1 }, (_, i) => svg("line", { x1: 7 * (i + 1), x2: 7 * (i + 1), y1: 0, y2: 1 })));
}

function moment(iso: string): HTMLElement {
  const d = new Date(iso);
  return h("time", { datetime: iso, title: iso }, `${d.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" })} ${d.toLocaleTimeString("en-GB").slice(0, 5)}`);
}

const spans: Record<string, string> = { "": "until somebody ends it", "1": "for an hour", "4": "for 4 hours", "24": "for a day", "72": "for 3 days" };
const nameKey = "sluice.name";

export interface Typed { why: string; hours: string }

// openStop asks for a stop of all fleets, or for its end, and resolves when the
// dialog closes. tell gets what becomes of it.
export function openStop(s: Store, verb: StopVerb, tell: (what: string) => void, typed: Typed = { why: "", hours: "" }): Promise<void> {
  const fleet = s.fleet; // none is shown any more once the session is over
  const name = h("input", { id: "by", name: "by", required: true, maxlength: 100, autocomplete: "name", value: provenName() || (localStorage.getItem(nameKey) ?? ""), readonly: provenName() !== "" }) as HTMLInputElement;
  const why = h("input", { id: "why", name: "why", required: true, maxlength: 500, autocomplete: "off", placeholder: "shown on every fleet", value: typed.why }) as HTMLInputElement;
  const hours = h("select", { id: "hours" }, Object.entries(spans).map(([n, text]) => h("option", { value: n, selected: n === typed.hours }, text))) as HTMLSelectElement;
  const failed = h("p", { class: "failed", role: "alert" });
  const go = h("button", { type: "submit", id: "confirm", class: verb === "freeze" ? "danger" : "primary" }, verb === "freeze" ? "Freeze all fleets" : "End the freeze") as HTMLButtonElement;
  const box = h("dialog", { "aria-labelledby": "ask-title", "aria-describedby": "effect", class: "ask" },
    h("form", { method: "dialog" },
      h("h2", { id: "ask-title" }, verb === "freeze" ? "Freeze all fleets?" : "End the freeze of all fleets?"),
      h("p", { class: "effect", id: "effect" }, verb === "freeze" ? "Nothing starts or advances on any fleet. Harm is still taken back, and a rollback works." : "Rollouts go on from where they were, on all fleets that no calendar freezes."),
      h("label", { for: "by" }, "Your name"), name,
      h("label", { for: "why" }, "Why"), why,
      verb === "freeze" ? [h("label", { for: "hours" }, "How long"), hours] : null, failed,
      h("footer", {}, h("button", { type: "button", id: "cancel" }, "Cancel"), go))) as HTMLDialogElement;
  let key = newKey(), body: StopAsk | null = null; // kept until it is answered: asking again is the same wish
  const ask = (): StopAsk => ({
    by: name.value.trim(), why: why.value.trim(),
    ...(verb === "freeze" && hours.value !== "" ? { until: new Date(now(s) + Number(hours.value) * 3_600_000).toISOString() } : {}),
  });
  const fields = [name, why, hours];
  const send = async () => {
    const doubt = body !== null;
    body ??= ask();
    if (provenName() === "") localStorage.setItem(nameKey, name.value.trim());
    [go.disabled, failed.textContent] = [true, ""];
    fields.forEach((f) => { f.disabled = true; }); // what may be done is not changed any more
    try {
      await setStop(verb, key, body);
      tell(verb === "freeze" ? "All fleets are frozen." : "The freeze of all fleets is over.");
      box.close();
    } catch (err) {
      if (err instanceof Refused && err.status === 401) {
        keepDraft({ fleet, verb, why: why.value, hours: hours.value });
        box.close();
        return;
      }
      const said = err instanceof Refused ? err.message : "no answer came";
      const unknown = unanswered(err, doubt);
      failed.textContent = unknown ? `Unknown whether it is done: ${said}. Asking again is safe: it is the same wish, and has one effect.` : `Not done: ${said}`;
      if (!unknown) [key, body] = [newKey(), null];
      fields.forEach((f) => { f.disabled = unknown; });
      if (!box.open) tell(failed.textContent);
      go.disabled = false;
    } finally {
      old("stop");
    }
  };
  box.querySelector("#cancel")?.addEventListener("click", () => box.close());
  box.querySelector("form")?.addEventListener("submit", (e) => { e.preventDefault(); void send(); });
  document.body.append(box);
  box.showModal();
  (name.value === "" ? name : why).focus();
  return new Promise((resolve) => box.addEventListener("close", () => { box.remove(); resolve(); }));
}
