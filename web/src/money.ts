// Money: what both releases would bring, where bids come with prices.

import type { Amount, Earnings, Money } from "./api.ts";
import { h } from "./dom.ts";
import { count, share } from "./format.ts";

export function moneyTable(m: Money): HTMLElement {
  const head = ["Money", `Bids let through, ${m.currency} per million requests`, "Calls saved per million requests", `Value lost, ${m.currency} per million calls saved`];
  return h("div", { class: "scroll money", tabindex: "0", role: "region", "aria-label": "Money" },
    h("table", {},
      h("thead", {}, h("tr", {}, head.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, row("candidate", m.candidate), row("stable", m.stable))),
    h("p", { class: "muted" }, `by ${count(m.priced)} priced bids on explored requests, with 95 % intervals for this look`,
      m.unpriced ? `; ${count(m.unpriced)} more bids have no price that counts` : "",
      m.capped ? `; ${share(m.capped)} of the value lay above the cap` : ""));
}

const row = (name: string, e: Earnings): HTMLElement =>
  h("tr", { "data-key": `money/${name}` }, h("th", { scope: "row" }, name), [amount(e.value), amount(e.saved), e.saved.high > 0 ? amount(e.lost) : "no calls saved"].map((a) => h("td", { class: "number" }, a)));

const amount = (a: Amount): (Node | string)[] => [h("b", {}, rounded(a.value)), ` [${rounded(a.low)}, ${rounded(a.high)}]`];

const rounded = (v: number) => (Math.abs(v) >= 100 ? count(Math.round(v)) : String(Number(v.toPrecision(3))));
