// Keys that do something by themselves. Who types by voice, or whose cat does,
// switches them off.

import { h } from "./dom.ts";

const kept = "sluice.keys";

export const keysOn = (): boolean => localStorage.getItem(kept) !== "off";

export const switchKeys = () => localStorage.setItem(kept, keysOn() ? "off" : "on");

export function keysHint(): HTMLElement {
  return h("p", { class: "hints muted" },
    keysOn() ? [h("kbd", {}, "R"), " roll back ", h("kbd", {}, "P"), " pause or resume ", h("kbd", {}, "F"), " fleets ", h("kbd", {}, "H"), " history "] : "Keys are off. ",
    h("button", { type: "button", class: "link", "data-page": "keys" }, keysOn() ? "Switch keys off" : "Switch keys on"));
}
