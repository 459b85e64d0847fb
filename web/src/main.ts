// The dashboard: one page that follows one fleet live.

import type { Event, Fleet, Rollout, Tasks, Verb } from "./api.ts";
import { eventsPath, fleet, fleets, onDate, refusal, Refused, rollout, rollouts, tasks } from "./api.ts";
import { onNews } from "./asked.ts";
import { open } from "./dialog.ts";
import { h, morph } from "./dom.ts";
import { draft, dropDraft } from "./draft.ts";
import { auctionsPanel } from "./auctions.ts";
import { fetched, waiting } from "./fetched.ts";
import { servingPanel, tasksPanel } from "./fleet.ts";
import type { StopVerb } from "./freezes.ts";
import { openStop } from "./freezes.ts";
import { clock, local, span, words } from "./format.ts";
import { keysHint, keysOn } from "./keys.ts";
import { repaint, settle } from "./own.ts";
import { listenPages, pageBody, pageTitle, ways } from "./pages.ts";
import { button, typed } from "./parts.ts";
import { followed } from "./patch.ts";
import { historyPanel, logPanel } from "./past.ts";
import { here, to, toFleets } from "./route.ts";
import { doorPart, guard, identify, locked, roleOn, whoPart } from "./signin.ts";
import { blind, late, lateAfter, lookedAt, maxEvents, newStore, now, older, warning } from "./store.ts";
import { evidencePanel, stateText, trialPanel } from "./trial.ts";

// Milliseconds without a word from the server, which says something every 5 s,
// until the connection is called lost. A stream that broke gets less: each ends
// once an hour, and with its controller, and the next one opens within 2 s.
const silence = lateAfter;
const blink = 5_000;
const glimpse = 10_000; // between looks of a page that nobody sees
const crowded = 4; // fleets that the top bar names; more are on a page of their own

const store = newStore();
let stream: EventSource | null = null;
let opened = 0; // performance.now() when stream was, or the last glance
let last = 0; // sequence number of the last event
let listed = false; // the stream tells of the tasks
let fetching = false;
let asking = false; // a dialog is open, or about to be
let archive = ""; // what the list of rollouts was fetched for
let drawing = false; // with the next frame

// render shows the store with the next frame, once, however much has come until
// then. A page that nobody sees has no frames.
function render(): void {
  if (document.hidden) draw();
  else if (!drawing) requestAnimationFrame(draw);
  drawing = !document.hidden;
}

function draw(): void {
  drawing = false;
  const app = document.getElementById("app");
  if (app === null) return;
  const next = h("div", { id: "app", class: blind(store) ? "stale" : "" }, topBar(), here().page === "fleets" && !blind(store) ? null : alarm(), locked() ? doorPart() : body());
  morph(app, next);
  settle();
  document.body.dataset["role"] = roleOn(store.fleet);
  const f = store.view, title = pageTitle(store);
  const state = f?.active ? stateText(f.active) : "idle";
  document.title = title !== "" ? `${title} · Sluice` : f ? `${blind(store) ? "? " : warning(store)?.grave || f.unwell.length > 0 ? "! " : ""}${state} · ${f.fleet} · Sluice` : "Sluice";
}

function topBar(): HTMLElement {
  const f = store.view;
  const looked = f?.loop ? `controller looked ${span(now(store) - lookedAt(f, f.loop))} ago` : "";
  const tone = store.link === "live" && warning(store)?.grave ? "lost" : store.link;
  const { page } = here(), first = page === "fleet" ? "h1" : "b"; // other pages have a heading of their own
  const name = page === "fleets" ? null : store.fleets.length > 1 && store.fleets.length <= crowded
    ? h("nav", { "aria-label": "Fleets" }, h(first, { class: "unseen" }, store.fleet), store.fleets.map((n) => h("a", { href: to(n), "aria-current": n === store.fleet ? "page" : null }, n)))
    : h(first, { class: "fleet" }, store.fleet);
  return h("header", { class: "top" },
    h("img", { src: "favicon.svg", alt: "Sluice", width: 26, height: 26 }), name, ways(store),
    h("span", { class: "spring" }),
    h("span", { class: `link ${tone}`, title: f?.loop ? `leader ${f.loop.leader}, epoch ${f.loop.epoch}, a look took ${Math.round(1000 * f.loop.took_seconds)} ms` : "" },
      h("i", { "aria-hidden": "true" }), tone === "live" ? `live${looked ? ", " + looked : ""}` : store.link !== "live" ? store.link : late(store) ? `late, ${looked}` : looked || "no news"),
    whoPart(),
    f === null || locked() || page === "fleets" ? null : f.pause ? button("resume", "Resume…", "primary") : button("pause", "Pause…"));
}

function alarm(): HTMLElement {
  const w = warning(store);
  const p = store.view?.pause;
  const frozen = store.view?.freeze, deployment = store.view?.deployment;
  return h("div", { class: "alarms" },
    store.strange ? h("p", { class: "alarm warn", role: "alert", "data-key": "strange" }, "There is no fleet ", h("b", {}, store.strange), ` any more, or here; this is ${store.fleet}.`) : null,
    w ? h("p", { class: `alarm ${w.grave ? "bad" : "warn"}`, role: "alert", "data-key": "warning" }, w.text, moment(w.moment)) : null,
    (store.view?.unwell ?? []).map((u) => h("p", { class: "alarm bad unwell", "data-key": u.reason }, h("b", {}, "Unwell: "), u.sentence, u.way_out ? h("span", { class: "way" }, typed(u.way_out)) : null)),
    (store.view?.unheard ?? []).map((u) => h("p", { class: "alarm warn", "data-key": `unheard/${u.receiver}` }, local(u.sentence, u.since), ".")),
    frozen ? h("p", { class: "alarm warn", "data-key": "freeze" }, `${frozen.sentence.charAt(0).toUpperCase()}${frozen.sentence.slice(1)}. Nothing starts or advances; a rollback still works.`) : null,
    deployment ? h("p", { class: "alarm warn", "data-key": "deployment" }, `${deployment.sentence}. A rollback still works.`) : null,
    p ? h("p", { class: "alarm warn", "data-key": "pause" }, "Paused by ", h("b", {}, p.by), ` ${span(now(store) - Date.parse(p.at))} ago`, p.why ? `: ${p.why}` : "", ". Nothing starts or advances; a rollback still works.") : null);
}

// moment tells when, and to those who see the page how long ago that is.
function moment(at?: number): (string | Node)[] {
  if (at === undefined) return [];
  return [` ${clock(new Date(at).toISOString(), now(store))}`, h("span", { "aria-hidden": "true" }, ` (${span(now(store) - at)} ago)`), "."];
}

function body(): HTMLElement {
  const f = store.view, page = store.fleet === "" ? null : pageBody(store, render);
  if (page !== null) return page;
  if (f === null) return h("main", {}, h("p", { class: "boot" }, blind(store) ? "Nothing to show yet." : "Looking…"));
  const at = now(store);
  return h("main", {},
    auctionsPanel(f, at, warning(store) !== null),
    h("div", { class: "hero" }, servingPanel(f, at), trialPanel(f, at)),
    evidencePanel(f), tasksPanel(f, store.tasks, at),
    h("div", { class: "past" }, historyPanel(store), logPanel(store)),
    keysHint());
}

// shown opens the stream of a page that is seen, and closes it when it is not: a
// browser has six connections for all its pages, and each stream holds one.
function shown(): void {
  if (document.hidden) {
    stream?.close();
    [stream, listed] = [null, false];
  } else if (store.fleet !== "") {
    store.heard = performance.now();
    if (store.link === "live") store.link = "connecting";
    follow();
  }
}

// glance looks once, for the title of a page that nobody sees.
async function glance(): Promise<void> {
  const name = store.fleet;
  opened = performance.now();
  try {
    const f = await fleet(name);
    if (stream !== null || name !== store.fleet) return;
    [store.heard, store.link] = [performance.now(), "live"];
    look(f);
  } catch {
    if (stream === null) store.link = "lost";
    render();
  }
}

// follow opens the stream of the fleet, and opens it again when it breaks.
function follow(): void {
  stream?.close();
  [stream, listed] = [null, false];
  if (document.hidden) {
    void glance();
    return;
  }
  const es = new EventSource(eventsPath(store.fleet, last));
  [stream, opened] = [es, performance.now()];
  const heard = () => {
    store.heard = performance.now();
    store.link = "live";
  };
  es.addEventListener("event", (m: MessageEvent<string>) => { heard(); take(JSON.parse(m.data) as Event); });
  followed<Tasks>(es, "tasks", (list) => { [store.tasks, listed] = [{ value: list, why: "" }, true]; }, follow);
  followed<Fleet>(es, "look", (f) => { heard(); look({ ...f }); }, follow);
  es.addEventListener("gap", () => { store.missed = true; });
  es.addEventListener("trouble", (m: MessageEvent<string>) => {
    heard();
    store.trouble = unseen((JSON.parse(m.data) as { error: string }).error);
    render();
  });
  es.addEventListener("error", () => {
    if (store.link === "live") store.link = "connecting";
    listed = false;
    render();
    if (es.readyState === EventSource.CLOSED) void refused(es);
  });
}

// refused says why the server does not give a stream, and asks again.
async function refused(es: EventSource): Promise<void> {
  const why = await refusal(store.fleet);
  if (why !== "" && !await identify().catch(() => true)) void start(); // the session is over
  if (stream !== es) return;
  if (why !== "") [store.trouble, store.heard] = [unseen(why), performance.now()];
  render();
  setTimeout(() => { if (stream === es) follow(); }, 3000);
}

const unseen = (why: string) => `The server cannot show this fleet: ${why}.`;

// watch says when nothing was heard for too long, and opens a new stream in
// place of one that hangs.
function watch(): void {
  const at = performance.now();
  if (document.hidden) {
    if (store.fleet !== "" && at - opened > glimpse) void glance();
    return;
  }
  if (store.link !== "lost" && at - store.heard > (store.link === "live" ? silence : blink)) [store.link, store.trouble] = ["lost", ""];
  if (store.link === "lost" && stream !== null && at - opened > silence) follow();
  render();
}

function take(e: Event): void {
  if (e.seq <= last) return;
  last = e.seq;
  store.events = [...store.events, e].slice(-maxEvents);
}

function look(f: Fleet): void {
  store.clock.told(Date.parse(f.at));
  store.trouble = "";
  if (older(store, f)) {
    render();
    return;
  }
  f.auctions ??= null; // an earlier server tells neither
  f.unwell ??= [];
  say(store.view, f);
  store.view = f;
  if (f.last_event < last) { // the fleet's memory began anew
    last = f.last_event;
    store.events = [];
  }
  render();
  void more(f);
  again();
}

// more fetches what a look does not hold, one fetch at a time. What does not
// come leaves what was there, and why.
async function more(f: Fleet): Promise<void> {
  if (fetching) return;
  fetching = true;
  const ours = () => f.fleet === store.fleet;
  const wanted = `${f.fleet}/${f.last_event}`;
  if (!listed) {
    const list = await fetched(store.tasks, tasks(f.fleet));
    if (ours() && !listed) store.tasks = list;
  }
  if (ours() && archive !== wanted) {
    const done = await fetched(store.rollouts, rollouts(f.fleet));
    if (ours()) store.rollouts = done;
    if (ours() && done.why === "") archive = wanted;
  }
  render();
  const lacking = [...store.details].find(([, d]) => d.why !== "");
  if (ours() && lacking) await details(lacking[0]);
  fetching = false;
}

// say speaks to those who do not see the page: changes of phase, not numbers.
function say(before: Fleet | null, f: Fleet): void {
  const wrong = (v: Fleet | null) => (v?.unwell ?? []).map((u) => u.reason).join();
  const told = (v: Fleet | null) => (v?.active ? `${v.active.id} ${v.active.phase} ${v.active.step} ${v.active.reason}` : v?.last?.id ?? "");
  const said = document.getElementById("said");
  if (said !== null && wrong(f) !== "" && wrong(before) !== wrong(f)) {
    said.textContent = `The fleet is unwell. ${f.unwell.map((u) => [u.sentence, u.way_out].join(" ")).join(" ")}`;
    return;
  }
  if (said === null || (before !== null && told(before) === told(f))) return;
  const r = f.active ?? f.last;
  said.textContent = r ? `${r.id}: ${words(r.phase)}, ${words(r.reason)}. ${r.headline || r.sentence}` : f.next.sentence;
}

async function details(id: string): Promise<void> {
  const had = store.details.get(id) ?? waiting<Rollout>();
  if (had.value !== null) return;
  const all = store.details;
  const r = await fetched(had, rollout(store.fleet, id));
  if (all.size > 100) all.clear();
  if (r.value === null || r.value.final) all.set(id, r);
  render();
}

function toast(text: string): void {
  const t = document.getElementById("toast");
  if (t === null) return;
  t.textContent = text;
  setTimeout(() => { if (t.textContent === text) t.textContent = ""; }, 6000);
}

async function act(verb: Verb, from: DOMStringMap = {}, why = ""): Promise<void> {
  const f = store.view;
  if (f === null) return;
  await alone(() => open(f, {
    verb, ...(from["rollout"] ? { rollout: from["rollout"] } : {}), ...(from["release"] ? { release: from["release"] } : {}),
  }, store.rollouts.value ?? [], toast, why));
}

const halt = (verb: StopVerb, why = "", hours = "") => alone(() => openStop(store, verb, toast, { why, hours }));

// alone opens a dialog where there is none. One that ends since the session is
// over has kept what was typed.
async function alone(dialog: () => Promise<void>): Promise<void> {
  if (asking) return;
  asking = true;
  dropDraft();
  try {
    await dialog();
  } finally {
    asking = false;
  }
  if (draft() !== null) void start();
}

// again opens the dialog that the end of a session has closed, as it was.
function again(): void {
  const d = draft();
  if (d === null || asking || d.fleet !== store.fleet) return;
  if (d.verb === "freeze" || d.verb === "unfreeze") void halt(d.verb, d.why, d.hours);
  else void act(d.verb as Verb, { rollout: d.rollout, release: d.release }, d.why);
}

function showEvidence(id: string): void {
  const entry = [...document.querySelectorAll<HTMLDetailsElement>(".history details")].find((d) => d.dataset["rollout"] === id);
  if (!entry) return;
  entry.open = true;
  entry.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
  entry.querySelector("summary")?.focus({ preventScroll: true });
}

function listen(): void {
  document.addEventListener("click", (e) => {
    if (e.target instanceof Element && e.target.closest(".skip")) {
      e.preventDefault(); // the address names the fleet, and no place on the page
      document.getElementById("trial")?.focus();
    }
    const b = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-do]") : null;
    const verb = b?.dataset["do"];
    if (!b || !verb) return;
    if (verb === "evidence") showEvidence(b.dataset["rollout"] ?? "");
    else void act(verb as Verb, b.dataset);
  });
  document.addEventListener("toggle", (e) => {
    if (e.target instanceof HTMLDetailsElement && e.target.open && e.target.dataset["rollout"]) void details(e.target.dataset["rollout"]);
  }, true);
  document.addEventListener("keydown", (e) => {
    if (!keysOn() || e.repeat || e.ctrlKey || e.metaKey || e.altKey || (e.target instanceof Element && e.target.closest("input, dialog, select, textarea"))) return;
    const key = e.key.toLowerCase(), may = roleOn(store.fleet) !== "viewer"; // Caps Lock may be on
    if (key === "r" && may && store.view?.back) { e.preventDefault(); void act("rollback"); }
    if (key === "f") location.hash = toFleets;
    if (key === "h") location.hash = to(store.fleet, "history");
    if (key === "p" && may) { e.preventDefault(); void act(store.view?.pause ? "resume" : "pause"); }
  });
  window.addEventListener("hashchange", choose);
  listenPages(render, (verb) => void halt(verb));
  onNews(render);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  document.addEventListener("visibilitychange", shown);
  setInterval(watch, 1000);
}

// choose turns to the fleet that the address names. Where it names none, the page
// stays with the one it shows, or takes the first, and says so.
function choose(): void {
  if (location.hash === "" && store.fleets.length > 1) history.replaceState(null, "", toFleets);
  const wanted = here().fleet, known = store.fleets.includes(wanted);
  const next = known ? wanted : store.fleet || store.fleets[0];
  store.strange = known ? "" : wanted;
  if (next === undefined || next === store.fleet) {
    render();
    return;
  }
  Object.assign(store, { ...newStore(store.clock), fleets: store.fleets, strange: store.strange, fleet: next });
  last = 0;
  archive = "";
  render();
  follow();
}

async function start(): Promise<void> {
  try {
    if (!await identify()) {
      stream?.close();
      [stream, store.fleet, store.view, store.trouble, store.link] = [null, "", null, "", "live"];
      render();
      return; // until somebody signs in
    }
    const d = draft();
    if (d !== null && location.hash === "") history.replaceState(null, "", d.hash); // a provider leads back to the front
    store.fleets = await fleets();
    if (store.fleets.length > 0) {
      choose();
      return;
    }
    store.trouble = "The controller knows no fleet: start it with a fleet file.";
  } catch (err) {
    store.trouble = err instanceof Refused ? `The server refuses this page: ${err.message}.` : "";
    store.link = "lost";
  }
  render();
  setTimeout(() => void start(), 3000);
}

onDate((date, sent) => store.clock.dated(date, sent));
listen();
guard(() => { void start(); });
void start();
