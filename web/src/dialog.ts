// Asking: every wish is confirmed once, says who asks, and names what will
// happen before it does.

import type { Ask, Fleet, Passport, Release, Rollout, Verb } from "./api.ts";
import { ask, fleet, newKey, Refused, releases, see, unanswered } from "./api.ts";
import { h, morph } from "./dom.ts";
import { keepDraft } from "./draft.ts";
import type { Fetched } from "./fetched.ts";
import { fetched, missing, waiting } from "./fetched.ts";
import { short, words } from "./format.ts";
import { origin } from "./fleet.ts";
import { provenName } from "./signin.ts";

const nameKey = "sluice.name";

export interface Asked {
  verb: Verb;
  rollout?: string;
  release?: string;
}

// Target is a release to go back to, with how it has done so far.
interface Target extends Release {
  note: string;
  bad: boolean;
}

// Conflict is why a wish was turned away, since things changed under it: how they
// stand now, and what was typed.
interface Conflict {
  now: Fleet;
  refused: string;
  why: string;
}

// open shows the dialog for a wish, and again where things changed under it. It
// resolves when the last one closes; tell gets what becomes of the wish.
export async function open(f: Fleet, wish: Asked, past: Rollout[], tell: (what: string) => void, why = ""): Promise<void> {
  let conflict: Conflict | null = { now: f, refused: "", why };
  const older = wish.verb === "rollback" ? fetched(waiting<Passport[]>(), releases()) : null;
  while (conflict !== null) {
    const { now, ...typed }: Conflict = conflict;
    conflict = await new Promise((resolve) => show(now, wish, past, older, typed, tell, resolve));
  }
}

function show(f: Fleet, wish: Asked, past: Rollout[], older: Promise<Fetched<Passport[]>> | null, typed: Omit<Conflict, "now">, tell: (what: string) => void, done: (conflict: Conflict | null) => void): void {
  const name = h("input", { id: "by", name: "by", required: true, maxlength: 100, autocomplete: "name", value: provenName() || (localStorage.getItem(nameKey) ?? ""), readonly: provenName() !== "" }) as HTMLInputElement;
  const why = h("input", { id: "why", name: "why", required: wish.verb !== "pause" && wish.verb !== "resume", maxlength: 500, autocomplete: "off", placeholder: "shown with all that follows", value: typed.why }) as HTMLInputElement;
  const failed = h("p", { class: "failed", role: "alert" }, typed.refused && `Not stored: ${typed.refused}. Above is how things stand now.`);
  const go = h("button", { type: "submit", id: "confirm", class: dangerous(wish.verb) ? "danger" : "primary" }) as HTMLButtonElement;
  let targets: Target[] = [];
  const choice = chooser(wish.release ?? "");
  const effect = h("p", { class: "effect", id: "effect" });
  const describe = () => {
    const to = targets.find((t) => t.digest === choice.value());
    go.textContent = label(wish.verb, to);
    effect.textContent = effectOf(f, wish, to);
  };
  // offer lists where one may go back to: at once what the page knows, since who
  // goes back is in a hurry, and the others once they are there.
  const offer = (known: Fetched<Passport[]>) => {
    targets = older === null ? [] : rollbackTargets(f, past, known.value ?? [], wish.release);
    choice.offer(targets, missing("older releases", known, false));
    describe();
  };
  choice.node.addEventListener("change", describe);
  offer(waiting());
  void older?.then(offer);

  const box = h("dialog", { "aria-labelledby": "ask-title", "aria-describedby": "effect", class: "ask" },
    h("form", { method: "dialog" },
      h("h2", { id: "ask-title" }, title(f, wish)),
      older === null ? null : choice.node, effect,
      h("label", { for: "by" }, "Your name"), name,
      h("label", { for: "why" }, "Why"), why, failed,
      h("footer", {}, h("button", { type: "button", id: "cancel" }, "Cancel"), go))) as HTMLDialogElement;
  const fields = [...box.querySelectorAll("input")];

  const key = newKey(); // one dialog is one wish, however often it is sent
  const what = () => go.textContent ?? wish.verb;
  let open = true, fate: "unsent" | "sending" | "unknown" | "stored" = "unsent";
  let conflict: Conflict | null = null;
  box.addEventListener("close", () => { // Escape closes it too
    open = false;
    box.remove();
    if (fate === "sending") tell(`${what()} is still being asked; closing does not call it back.`);
    if (fate === "unknown") tell(`${what()} may be stored, or not: see what is asked.`);
    done(conflict);
  });
  box.querySelector("#cancel")?.addEventListener("click", () => box.close());
  const send = async () => {
    const body: Ask = { by: name.value.trim(), seen: see(f) };
    if (why.value.trim() !== "") body.why = why.value.trim();
    if (wish.rollout) body.rollout = wish.rollout;
    if (wish.verb === "rollback") body.release = choice.value();
    if (provenName() === "") localStorage.setItem(nameKey, body.by);
    const doubt = fate === "unknown";
    [fate, go.disabled, failed.textContent] = ["sending", true, ""];
    fields.forEach((i) => { i.disabled = true; }); // what may be stored is not changed any more
    try {
      await ask(f.fleet, wish.verb, key, body);
      fate = "stored";
      tell(`Asked: ${what()}. The controller acts on its next look.`);
      box.close();
    } catch (err) {
      if (open && err instanceof Refused && err.status === 401) { // nothing is stored, and who asks must sign in first
        fate = "unsent";
        keepDraft({ ...wish, fleet: f.fleet, why: why.value, ...(choice.value() ? { release: choice.value() } : {}) });
        box.close();
        return;
      }
      fate = unanswered(err, doubt) ? "unknown" : "unsent";
      const said = err instanceof Refused ? err.message : "no answer came";
      failed.textContent = fate === "unknown" ? `Unknown whether it is stored: ${said}. Asking again is safe: it is the same wish, and has one effect.` : `Not stored: ${said}`;
      if (!open) tell(`${what()}: ${failed.textContent}`);
      else if (err instanceof Refused && err.status === 409) {
        conflict = { now: await fleet(f.fleet).catch(() => f), refused: said, why: why.value };
        box.close();
      }
      fields.forEach((i) => { i.disabled = fate === "unknown"; });
      go.disabled = false;
    }
  };
  box.addEventListener("keydown", (e) => { if (e.key === "Enter" && e.repeat) e.preventDefault(); }); // held since before it opened
  box.querySelector("form")?.addEventListener("submit", (e) => { e.preventDefault(); void send(); });
  document.body.append(box);
  box.showModal();
  (name.value === "" ? name : why).focus();
}

// rollbackTargets are the releases one may go back to, the likeliest first.
function rollbackTargets(f: Fleet, past: Rollout[], known: Passport[], wanted?: string): Target[] {
  const list: Release[] = [];
  const tried = f.active && !["queued", "admitting"].includes(f.active.phase) ? f.active.candidate : "";
  const add = (r: Release | null | undefined) => {
    if (!r || list.some((l) => l.digest === r.digest) || r.digest === tried) return;
    if (r.digest === f.stable?.digest && f.back?.digest !== r.digest) return; // that is what serves
    list.push(r);
  };
  add(wanted ? known.find((r) => r.digest === wanted) ?? { digest: wanted } : null);
  add(f.back);
  add(f.previous);
  known.forEach(add);
  const targets = list.map((r): Target => ({ ...r, ...recordOf(f, past, r.digest) }));
  const trusted = (t: Target) => (t.bad ? 1 : 0);
  return targets.sort((a, b) => trusted(a) - trusted(b)).slice(0, 8);
}

// recordOf says how a release has done so far.
function recordOf(f: Fleet, past: Rollout[], digest: string): { note: string; bad: boolean } {
  if (digest === f.stable?.digest) return { note: "stable", bad: false };
  if (digest === f.previous?.digest) return { note: "the one before", bad: false };
  const tried = past.filter((r) => r.final && r.candidate === digest);
  if (tried.some((r) => r.phase === "live")) return { note: "was live", bad: false };
  const last = tried[0];
  return last ? { note: `${words(last.phase)}: ${last.reason}`, bad: true } : { note: "never live here", bad: true };
}

interface Chooser {
  node: HTMLElement;
  value: () => string;
  offer: (targets: Target[], lacking: string) => void;
}

// chooser keeps what is chosen while more is offered: first what is wanted, where
// that is offered.
function chooser(wanted: string): Chooser {
  const list = h("div", {}), note = h("p", { class: "muted lacking" });
  const node = h("fieldset", {}, h("legend", {}, "Go back to"), list, note);
  const value = () => node.querySelector<HTMLInputElement>("input:checked")?.value ?? "";
  const offer = (targets: Target[], lacking: string) => {
    const chosen = value() || (targets.some((t) => t.digest === wanted) ? wanted : "");
    morph(list, h("div", {}, targets.map((t, i) => h("label", { class: "target", "data-key": t.digest },
      h("input", { type: "radio", name: "release", value: t.digest, checked: chosen === "" ? i === 0 : t.digest === chosen }),
      h("code", {}, short(t.digest)), h("b", {}, origin(t)), h("span", { class: t.bad ? "low" : "muted" }, t.note)))));
    note.textContent = lacking;
  };
  return { node, value, offer };
}

const dangerous = (verb: Verb) => verb === "rollback" || verb === "abort" || verb === "promote";

function title(f: Fleet, wish: Asked): string {
  switch (wish.verb) {
    case "rollback": return `Roll ${f.fleet} back?`;
    case "abort": return `Abort ${wish.rollout ?? ""}?`;
    case "promote": return `Promote ${wish.rollout ?? ""} now?`;
    case "pause": return `Pause ${f.fleet}?`;
    case "resume": return `Resume ${f.fleet}?`;
    case "try": return "Try an artifact?";
  }
}

function label(verb: Verb, to?: Release): string {
  switch (verb) {
    case "rollback": return to ? `Roll back to ${short(to.digest)}` : "Roll back";
    case "abort": return "Abort";
    case "promote": return "Promote without proof";
    case "pause": return "Pause";
    case "resume": return "Resume";
    case "try": return "Try";
  }
}

function resumed(r: Rollout): string {
  switch (r.reason) {
    case "approval": return `The step is approved and ${r.id} goes on.`;
    case "data": return `${r.id} goes on at once, instead of by itself once its counts can be trusted; it is held again if they cannot.`;
    default: return `${r.id} goes on being compared.`;
  }
}

function effectOf(f: Fleet, wish: Asked, to?: Release): string {
  const stable = f.stable ? `${short(f.stable.digest)} (${origin(f.stable)})` : "nothing";
  const r: Rollout | null = f.active;
  switch (wish.verb) {
    case "rollback": {
      const where = to ? `${short(to.digest)} (${origin(to)})` : "the release before";
      const given = r ? ` ${r.id} is given up.` : "";
      return `All ${f.tasks.total} tasks go to ${where} at once, without steps and without the judge.${given}`;
    }
    case "abort": return `It is given up; stable ${stable} stays, on all tasks.`;
    case "promote": return `It becomes stable on all ${f.tasks.total} tasks without further proof. The judge no longer watches it.`;
    case "pause": return "Nothing starts or advances until somebody resumes. A rollback still works.";
    case "resume": return r?.phase === "held" && !f.pause ? resumed(r) : "Rollouts start and advance again.";
    case "try": return "";
  }
}
