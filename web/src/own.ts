// Parts of the page that are drawn by themselves and not by morph: a chart's
// canvas, or many small pictures that would be costly to make at every frame.

import { h } from "./dom.ts";
import type { Attributes } from "./dom.ts";

type Painter = (host: HTMLElement) => (() => void) | void;

interface Owned { version: string; paint: Painter }

const wanted = new Map<string, Owned>();
const painted = new WeakMap<HTMLElement, { version: string; free: (() => void) | void }>();
const hosts = new Map<string, HTMLElement>();

// own makes a host that paint fills, once for each version. What paint returns
// frees what it took.
export function own(key: string, version: string, paint: Painter, attributes: Attributes = {}): HTMLElement {
  wanted.set(key, { version, paint });
  return h("div", { "data-key": key, "data-own": key, ...attributes });
}

// settle paints what is new on the page, and frees what is gone from it.
export function settle(): void {
  for (const host of document.querySelectorAll<HTMLElement>("[data-own]")) {
    const key = host.dataset["own"] ?? "", want = wanted.get(key), has = painted.get(host);
    if (!want || has?.version === want.version) continue;
    has?.free?.();
    hosts.set(key, host);
    painted.set(host, { version: want.version, free: want.paint(host) });
  }
  for (const [key, host] of hosts) {
    if (host.isConnected) continue;
    painted.get(host)?.free?.();
    hosts.delete(key);
    wanted.delete(key);
  }
}

// repaint forgets what was painted, as its colours are others now.
export function repaint(): void {
  for (const host of hosts.values()) {
    const has = painted.get(host);
    if (has) painted.set(host, { ...has, version: "" });
  }
  settle();
}
