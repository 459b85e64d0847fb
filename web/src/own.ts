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

const shown = new Map<string, string>(); // versions of what is kept on the page

// kept builds a part of the page only where its version is another than that on
// the page: most of what a large fleet shows is the same from look to look.
export function kept(tag: string, key: string, version: string, build: () => HTMLElement): HTMLElement {
  const same = shown.get(key) === version, made = same ? h(tag) : build();
  made.setAttribute("data-key", key);
  made.setAttribute("data-kept", version);
  return made;
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
  shown.clear();
  for (const part of document.querySelectorAll<HTMLElement>("[data-kept]")) {
    if (part.hasChildNodes() || part.title !== "") shown.set(part.dataset["key"] ?? "", part.dataset["kept"] ?? "");
    else delete part.dataset["kept"]; // what it should have been was removed with its parent: the next frame builds it
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
