// What the page knows, and how old it is.

import type { Event, Fleet, Loop, Rollout, Tasks } from "./api.ts";
import { Clock } from "./clock.ts";
import type { Fetched } from "./fetched.ts";
import { waiting } from "./fetched.ts";

export interface Store {
  fleets: string[];
  fleet: string;
  strange: string; // what the address names, where that is no fleet
  view: Fleet | null;
  tasks: Fetched<Tasks>;
  rollouts: Fetched<Rollout[]>;
  events: Event[]; // oldest first
  missed: boolean; // events that nobody remembers any more
  details: Map<string, Fetched<Rollout>>; // the rollouts that are open, with their evidence
  link: "connecting" | "live" | "lost";
  heard: number; // performance.now() when the server was heard last
  clock: Clock; // the server's
  trouble: string; // why the server cannot read the fleet; empty when it can
}

export const maxEvents = 200;

// Milliseconds after which a look is late: the server sends one every 5 s, also
// where nothing is new.
export const lateAfter = 12_000;

export function newStore(clock = new Clock()): Store {
  return {
    fleets: [], fleet: "", strange: "", view: null, tasks: waiting(), rollouts: waiting(), events: [], missed: false, details: new Map(),
    link: "connecting", heard: performance.now(), clock, trouble: "",
  };
}

// now is the server's clock, in milliseconds.
export const now = (s: Store) => s.clock.now();

// late is whether the newest look is old, though the server is heard.
export const late = (s: Store) => s.view !== null && now(s) - Date.parse(s.view.at) > lateAfter;

// older is whether f is from before what is shown. A moment to come is none that
// anything must be newer than: it is another server's.
export function older(s: Store, f: Fleet): boolean {
  const shown = s.view === null ? 0 : Date.parse(s.view.at);
  return Date.parse(f.at) < shown && shown <= now(s) + 2000;
}

// lookedAt is the moment of the last look by the clock of the server.
export const lookedAt = (f: Fleet, l: Loop) => Date.parse(f.at) - 1000 * l.age_seconds;

// Warning says why what is shown may not be how things stand, and what to do.
// The moment it ends with stands apart: how long ago that is changes all the
// time, and nobody wants it read out each time.
export interface Warning {
  grave: boolean;
  text: string;
  moment?: number; // on the server's clock, in milliseconds
}

// warning is null when all is well.
export function warning(s: Store): Warning | null {
  const f = s.view;
  const old = (text: string): Warning =>
    f === null ? { grave: true, text } : { grave: true, text: `${text} What you see is from`, moment: Date.parse(f.at) };
  if (s.trouble !== "") return old(s.trouble);
  if (s.link === "lost") {
    return old(f === null ? "The server does not answer; trying again. Is a controller running?" : "Connection lost; trying again. The fleet serves on without it.");
  }
  if (f === null) return null;
  if (late(s)) return old("The news comes late: something between here and the server holds it back.");
  if (!f.loop) return { grave: true, text: "No controller has looked at this fleet yet. Is one running?" };
  const looked = lookedAt(f, f.loop);
  if (Date.parse(f.at) - looked > Math.max(5000 * f.loop.every_seconds, 15_000)) {
    return { grave: true, text: "No controller looks: start one, or see its log. Until then nothing is decided; the fleet keeps serving. The last look was at", moment: looked };
  }
  const errors = f.loop.errors, more = errors.length > 2 ? `; and ${errors.length - 2} more` : "";
  return errors.length > 0 ? { grave: false, text: `The controller meets errors: ${errors.slice(0, 2).join("; ")}${more}` } : null;
}

// blind is whether nothing new can be seen.
export const blind = (s: Store) => s.link === "lost" || s.trouble !== "" || late(s);
