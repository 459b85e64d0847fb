// Which page is shown, the ways between pages, and what their controls do.

import { historyPage } from "./archive.ts";
import { auditPage } from "./audit.ts";
import { h } from "./dom.ts";
import { fleetsPage } from "./fleets.ts";
import type { StopVerb } from "./freezes.ts";
import { freezesPage } from "./freezes.ts";
import { switchKeys } from "./keys.ts";
import { comparePage, releasePage, releasesPage } from "./releases.ts";
import { rolloutPage } from "./rolled.ts";
import type { Page } from "./route.ts";
import { here, set, to, toFleets } from "./route.ts";
import type { Store } from "./store.ts";

// pageBody is what the address names, unless that is the fleet itself.
export function pageBody(s: Store, render: () => void): HTMLElement | null {
  const r = here();
  switch (r.page) {
    case "fleets": return fleetsPage(s);
    case "history": return historyPage(s, r);
    case "rollout": return rolloutPage(s, r, (at) => { set({ at }); render(); });
    case "releases": return releasesPage(s);
    case "release": return releasePage(s, r);
    case "compare": return comparePage(s, r);
    case "audit": return auditPage(s, r);
    case "freezes": return freezesPage(s);
    case "fleet": return null;
  }
}

const rooms: [Page[], string, (fleet: string) => string][] = [
  [["fleet"], "Now", (fleet) => to(fleet)],
  [["history", "rollout"], "History", (fleet) => to(fleet, "history")],
  [["releases", "release", "compare"], "Releases", (fleet) => to(fleet, "releases")],
  [["freezes"], "Freezes", (fleet) => to(fleet, "freezes")],
  [["audit"], "Audit", (fleet) => to(fleet, "audit")],
];

// ways are the links to a fleet's pages, and to all fleets.
export function ways(s: Store): HTMLElement | null {
  if (s.fleet === "") return null;
  const { page } = here();
  return h("nav", { class: "rooms", "aria-label": "Pages" },
    h("a", { href: toFleets, "aria-current": page === "fleets" ? "page" : null }, "Fleets"),
    rooms.map(([pages, name, address]) => h("a", { href: address(s.fleet), "aria-current": pages.includes(page) ? "page" : null }, name)));
}

// pageTitle is what the page is called; empty for the fleet itself.
export function pageTitle(s: Store): string {
  const r = here();
  switch (r.page) {
    case "fleets": return "Fleets";
    case "fleet": return "";
    case "rollout": return `${r.id} · ${s.fleet}`;
    case "release": return `Release ${r.id.slice(0, 12)}`;
    case "history": return `History · ${s.fleet}`;
    case "releases": return "Releases";
    case "compare": return "Two releases";
    case "audit": return `Audit · ${s.fleet}`;
    case "freezes": return "Freezes";
  }
}

// listenPages lets controls with data-set change the address, and those with
// data-go lead elsewhere. halt asks for a stop of all fleets, or for its end.
export function listenPages(render: () => void, halt: (verb: StopVerb) => void): void {
  const change = (e: Event) => {
    const c = e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement ? e.target : null;
    const name = c?.dataset["set"], going = c?.dataset["go"], r = here();
    if (c && going) location.hash = going === "a" ? to(r.fleet, "compare", c.value, r.other) : to(r.fleet, "compare", r.id, c.value);
    if (!c || !name) return;
    const values = c.dataset["values"]?.split(" ");
    const last = values !== undefined && Number(c.value) === values.length - 1;
    const anew = c.dataset["anew"]; // what was chosen of another list means nothing in this one
    set({ ...(anew ? { [anew]: "" } : {}), [name]: last ? "" : values?.[Number(c.value)] ?? c.value });
    render();
  };
  document.addEventListener("input", change);
  document.addEventListener("click", (e) => {
    const what = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-page]")?.dataset["page"] : undefined;
    if (what === "latest") set({ at: "" });
    if (what === "keys") switchKeys();
    if (what === "freeze" || what === "unfreeze") halt(what);
    if (what === "latest" || what === "keys") render();
  });
}
