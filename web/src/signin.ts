// Who looks at the page, and the way in.

import type { Me, Role } from "./api.ts";
import { enter, leave, me, Refused } from "./api.ts";
import { h } from "./dom.ts";
import { draft } from "./draft.ts";

let known: Me = { open: true };
let failed = "";
let sending = false;

// provenName is who is signed in; empty where nobody is asked who they are.
export const provenName = () => known.name ?? "";

// locked is whether nothing is shown before somebody has signed in.
export const locked = () => !known.open && provenName() === "";

// identify asks the server who looks, and reports whether anything may be shown.
export async function identify(): Promise<boolean> {
  known = await me();
  return !locked();
}

// roleOn is what who looks may do to a fleet; everything where nobody is asked.
export function roleOn(fleet: string): Role {
  const has = [known.roles?.["*"], known.roles?.[fleet]];
  if (known.open || has.includes("admin")) return "admin";
  return has.includes("operator") ? "operator" : "viewer";
}

// whoPart tells in the top bar who looks.
export function whoPart(): HTMLElement | null {
  if (known.open) return h("span", { class: "who", title: "There is no sign-in: whoever reaches this server may do everything, under any name." }, "open to all");
  if (locked()) return null;
  return h("span", { class: "who" }, provenName(), " ", h("button", { type: "button", "data-sign": "out" }, "Sign out"));
}

// doorPart is the way in.
export function doorPart(): HTMLElement {
  return h("main", { class: "door" },
    h("form", { id: "signin" },
      h("h2", {}, "Sign in"),
      draft() ? h("p", { class: "kept" }, "Your session is over. What you typed is kept: sign in, and it is there again.") : null,
      known.provider ? h("a", { class: "button primary", id: "provider", href: "signin/start" }, `Sign in with ${known.provider}`) : null,
      h("label", { for: "token" }, known.provider ? "or with a token" : "Token"),
      h("input", { id: "token", name: "token", type: "password", required: true, autocomplete: "current-password" }),
      h("p", { class: "failed", role: "alert" }, failed),
      h("button", { type: "submit", class: "primary" }, "Sign in")));
}

// guard listens for who comes and goes; changed is called when somebody did.
export function guard(changed: () => void): void {
  document.addEventListener("submit", (e) => {
    if (!(e.target instanceof HTMLFormElement) || e.target.id !== "signin") return;
    e.preventDefault();
    const token = e.target.querySelector<HTMLInputElement>("#token");
    if (token !== null && !sending) void signIn(token.value).then(changed);
  });
  document.addEventListener("click", (e) => {
    if (e.target instanceof Element && e.target.closest("[data-sign]")) void leave().then(() => { location.reload(); });
  });
}

async function signIn(token: string): Promise<void> {
  [sending, failed] = [true, ""];
  try {
    await enter(token);
    if (!await identify()) failed = "The browser kept no session: open this page by https.";
  } catch (err) {
    failed = err instanceof Refused ? err.message : "The server does not answer; try again.";
  } finally {
    sending = false;
  }
}
