// What the page knows, and how old it is.

import type { Event, Fleet, Rollout, Tasks } from "./api.ts";

export interface Store {
  fleets: string[];
  fleet: string;
  view: Fleet | null;
  tasks: Tasks | null;
  rollouts: Rollout[];
  events: Event[]; // oldest first
  missed: boolean; // events that nobody remembers any more
  details: Map<string, Rollout>; // evidence of the rollouts that are open
  link: "connecting" | "live" | "lost";
  heard: number; // performance.now() when the server was heard last
  skew: number; // server's clock minus ours, in milliseconds
  trouble: string; // why the server cannot read the fleet; empty when it can
}

export const maxEvents = 200;

export function newStore(): Store {
  return {
    fleets: [], fleet: "", view: null, tasks: null, rollouts: [], events: [], missed: false, details: new Map(),
    link: "connecting", heard: performance.now(), skew: 0, trouble: "",
  };
}

// now is the server's clock, in milliseconds.
export const now = (s: Store) => Date.now() + s.skew;

// warning says why what is shown may not be how things stand; null when it is.
export function warning(s: Store): { grave: boolean; text: string } | null {
  const silent = Math.round((performance.now() - s.heard) / 1000);
  if (s.link === "lost") {
    return { grave: true, text: `Connection lost. What you see was last seen ${silent} s ago; trying again. The fleet keeps serving.` };
  }
  if (s.trouble !== "") return { grave: true, text: s.trouble };
  const loop = s.view?.loop;
  if (s.view === null) return null;
  if (!loop) return { grave: true, text: "No controller has looked at this fleet yet. Is one running?" };
  const age = now(s) - Date.parse(loop.at);
  if (age > Math.max(5000 * loop.every_seconds, 15_000)) {
    return { grave: true, text: `The controller has not looked for ${Math.round(age / 1000)} s. Nothing is decided while it is away; the fleet keeps serving.` };
  }
  if (loop.errors.length > 0) return { grave: false, text: `The controller meets errors: ${loop.errors.slice(0, 2).join("; ")}` };
  return null;
}
