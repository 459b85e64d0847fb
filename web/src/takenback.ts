// What whoever tries or looks at a release should know of it: where it was taken
// back.

import type { Passport, TakenBack } from "./api.ts";
import { release } from "./api.ts";
import type { Asked } from "./asked.ts";
import { asked } from "./asked.ts";
import { h } from "./dom.ts";
import { local, span } from "./format.ts";
import { toRollout } from "./route.ts";

// passport never changes, but for where its release was taken back.
export const passport = (digest: string): Asked<Passport> => asked(`release/${digest}`, () => release(digest), 60_000);

export const takenBack = (list: TakenBack[] | undefined, now: number): HTMLElement[] => (list ?? []).map((t) =>
  h("p", { class: "note", "data-key": `taken-back/${t.fleet}/${t.rollout}` }, "Taken back in ", h("a", { href: toRollout(t.fleet, t.rollout) }, t.fleet), ` ${span(now - Date.parse(t.at))} ago: ${local(t.headline, t.at)}`));
