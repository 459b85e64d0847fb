// Made from web/src by go generate ./web. Do not edit.

// src/api.ts
var Refused = class extends Error {
  constructor(message, status, stored) {
    super(message);
    this.status = status;
    this.stored = stored;
  }
  status;
  stored;
};
var patience = 1e4;
var dated = () => void 0;
var onDate = (hear) => {
  dated = hear;
};
async function call(path, init = {}) {
  const sent = Date.now();
  const answer = await fetch(path, { ...init, signal: AbortSignal.timeout(patience), cache: "no-store" });
  dated(Date.parse(answer.headers.get("Date") ?? ""), sent);
  if (!answer.ok) {
    const said2 = await problemOf(answer);
    throw new Refused(said2.detail, answer.status, said2.stored);
  }
  return answer.status === 204 ? void 0 : await answer.json();
}
async function problemOf(answer) {
  const body3 = await answer.json().catch(() => null);
  const said2 = body3;
  return { ...said2, detail: said2?.detail ?? `the server answered ${answer.status}` };
}
async function refusal(fleet2) {
  const stop2 = new AbortController();
  const late2 = setTimeout(() => stop2.abort(), patience);
  try {
    const answer = await fetch(eventsPath(fleet2, 0), { signal: stop2.signal, cache: "no-store" });
    return answer.ok ? "" : (await problemOf(answer)).detail;
  } catch {
    return "";
  } finally {
    clearTimeout(late2);
    stop2.abort();
  }
}
var at = (fleet2, ...rest) => ["v1/fleets", fleet2, ...rest].map((s, i) => i === 0 ? s : encodeURIComponent(s)).join("/");
var me = () => call("v1/me");
var enter = (token) => call("signin/token", { method: "POST", body: token });
var leave = () => call("signin/out", { method: "POST" });
var fleets = () => call("v1/fleets");
var fleet = (name) => call(at(name));
var tasks = (fleet2) => call(at(fleet2, "tasks") + "?limit=1000");
var pastLimit = 50;
var rollouts = (fleet2) => call(at(fleet2, "rollouts") + `?limit=${pastLimit}`);
var rollout = (fleet2, id) => call(at(fleet2, "rollouts", id));
var audit = (fleet2, after = "") => call(`v1/audit?${new URLSearchParams({ limit: "100", ...fleet2 ? { fleet: fleet2 } : {}, ...after ? { after } : {} })}`);
var auditPath = (fleet2) => "v1/audit/export" + (fleet2 ? `?fleet=${encodeURIComponent(fleet2)}` : "");
var stop = () => call("v1/freeze");
var freezes = () => call("v1/freezes");
var releases = () => call("v1/releases?limit=50");
var overview = () => call("v1/overview");
var series = (fleet2, id) => call(at(fleet2, "rollouts", id, "series"));
var past = (fleet2, limit) => call(at(fleet2, "rollouts") + `?limit=${limit}`);
var release = (digest) => call(`v1/releases/${digest}`);
var manifestPath = (digest) => `v1/releases/${digest}/manifest`;
var tries = 3;
var trouble = (err) => !(err instanceof Refused) || err.status >= 500;
var unanswered = (err, doubt) => trouble(err) && (doubt || !(err instanceof Refused) || err.stored !== false);
var ask = (fleet2, verb, key2, body3) => wish(at(fleet2, verb), key2, body3);
var setStop = (verb, key2, body3) => wish(`v1/${verb}`, key2, body3);
async function wish(path, key2, body3) {
  let doubt = false;
  for (let n = 1; ; n++) {
    try {
      return await call(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key2 },
        body: JSON.stringify(body3)
      });
    } catch (err) {
      doubt = unanswered(err, doubt);
      if (trouble(err) && n < tries) {
        await new Promise((resolve) => setTimeout(resolve, 200 * n));
        continue;
      }
      throw doubt && err instanceof Refused ? new Refused(err.message, err.status) : err;
    }
  }
}
var newKey = () => "page-" + Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
var see = (f) => ({ revision: f.last_event, rollout: f.active?.id ?? "", release: f.stable?.digest ?? "" });
var eventsPath = (fleet2, after) => at(fleet2, "events") + "?patch=look,tasks" + (after > 0 ? `&after=${after}` : "");

// src/dom.ts
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}
function fill(e, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) e.setAttribute(name, "");
    else if (value !== false && value !== null && value !== void 0) e.setAttribute(name, String(value));
  }
  for (const c of children.flat()) {
    if (c !== null && c !== void 0 && c !== false && c !== "") e.append(c instanceof Node ? c : String(c));
  }
  return e;
}
function morph(old2, next) {
  const kept3 = next.getAttribute("data-kept");
  if (kept3 !== null && kept3 === old2.getAttribute("data-kept")) return;
  syncAttributes(old2, next);
  if (next.hasAttribute("data-own")) return;
  const byKey = /* @__PURE__ */ new Map();
  for (const c of old2.children) {
    const key2 = c.getAttribute("data-key");
    if (key2 !== null) byKey.set(key2, c);
  }
  let here2 = old2.firstChild;
  for (const want of [...next.childNodes]) {
    const key2 = want instanceof Element ? want.getAttribute("data-key") : null;
    let match = key2 !== null ? byKey.get(key2) ?? null : here2;
    if (key2 === null && match instanceof Element && match.hasAttribute("data-key")) match = null;
    if (match === null || !alike(match, want)) {
      old2.insertBefore(want, here2);
      continue;
    }
    if (match !== here2) old2.insertBefore(match, here2);
    else here2 = here2.nextSibling;
    if (match instanceof Element && want instanceof Element) morph(match, want);
    else if (match.nodeValue !== want.nodeValue) match.nodeValue = want.nodeValue;
  }
  while (here2 !== null) {
    const gone = here2;
    here2 = here2.nextSibling;
    gone.remove();
  }
}
function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
}
function syncAttributes(old2, next) {
  for (const { name } of [...old2.attributes]) {
    if (!next.hasAttribute(name) && name !== "open") old2.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old2.getAttribute(name) !== value) old2.setAttribute(name, value);
  }
}

// src/asked.ts
var most = 64;
var again = 5e3;
var entries = /* @__PURE__ */ new Map();
var news = () => void 0;
var onNews = (then) => {
  news = then;
};
function asked(key2, get, fresh, as = 0) {
  let e = entries.get(key2);
  if (!e) {
    e = { state: "asking", value: null, why: "", at: 0, count: 0, busy: false, as };
    if (entries.size >= most) entries.delete(entries.keys().next().value ?? "");
    entries.set(key2, e);
  }
  const age = performance.now() - e.at;
  if (!e.busy && (e.count === 0 || as !== e.as || age > (e.state === "failed" ? again : fresh)) && !document.hidden) {
    e.as = as;
    void fill2(e, get);
  }
  return e;
}
function old(key2) {
  const e = entries.get(key2);
  if (e) e.at = -Infinity;
  news();
}
async function fill2(e, get) {
  e.busy = true;
  try {
    [e.value, e.state, e.why] = [await get(), "there", ""];
  } catch (err) {
    e.why = err instanceof Refused ? err.message : "no answer came";
    e.state = err instanceof Refused && err.status === 404 ? "none" : "failed";
  } finally {
    [e.busy, e.at] = [false, performance.now()];
    e.count++;
    news();
  }
}
function missing(a, what2) {
  if (a.value !== null && a.state !== "none") {
    return a.state === "failed" ? h("p", { class: "note", role: "status" }, `${what2} may be old: ${a.why}. Trying again.`) : null;
  }
  switch (a.state) {
    case "asking":
    case "there":
      return h("p", { class: "muted", role: "status" }, "Looking…");
    case "none":
      return h("p", { class: "muted" }, `${a.why}.`);
    case "failed":
      return h("p", { class: "note", role: "status" }, `${what2} cannot be shown: ${a.why}. Trying again.`);
  }
}

// src/draft.ts
var key = "sluice.draft";
var keepDraft = (d) => sessionStorage.setItem(key, JSON.stringify({ ...d, hash: location.hash }));
function draft() {
  const text = sessionStorage.getItem(key);
  return text === null ? null : JSON.parse(text);
}
var dropDraft = () => sessionStorage.removeItem(key);

// src/fetched.ts
var waiting = () => ({ value: null, why: "" });
async function fetched(before, value) {
  try {
    return { value: await value, why: "" };
  } catch (err) {
    return { value: before.value, why: err instanceof Refused ? err.message : "no answer came" };
  }
}
function missing2(what2, f, again3 = true) {
  if (f.why === "") return f.value === null ? `Fetching ${what2}…` : "";
  const now2 = f.value === null ? "could not be fetched" : "could not be fetched anew, and may be old";
  return `${what2.charAt(0).toUpperCase()}${what2.slice(1)} ${now2}: ${f.why}.${again3 ? " It is tried again." : ""}`;
}

// src/format.ts
var short = (digest) => digest.slice(0, 12);
var percent = (share3, digits = 1) => `${(100 * share3).toFixed(digits)} %`;
var share = (s) => `${Number((100 * s).toPrecision(2))} %`;
function points(share3, digits = 1) {
  const p = (100 * share3).toFixed(digits);
  return (Number(p) >= 0 ? "+" : "−") + p.replace("-", "");
}
var count = (n) => n.toLocaleString("en-US");
var mebibytes = (n) => `${(n / (1 << 20)).toFixed(0)} MiB`;
function evidence(e) {
  if (e >= 1e6) return `10^${Math.floor(Math.log10(e))}`;
  if (e >= 100) return count(Math.round(e));
  return String(Number(e.toPrecision(2)));
}
var took = (seconds) => `${Number((1e3 * seconds).toPrecision(3))} ms`;
function span(ms) {
  const s = Math.max(0, Math.round(ms / 1e3));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 === 0 ? `${s / 60} min` : `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} days`;
}
function clock(iso, now2) {
  const d = new Date(iso);
  const time = d.toLocaleTimeString("en-GB");
  if (new Date(now2).toDateString() === d.toDateString()) return time;
  return `${d.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time.slice(0, 5)}`;
}
var local = (text, moment3) => text.replace(/(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d) UTC/g, (_2, day2, time) => {
  const at2 = /* @__PURE__ */ new Date(`${day2 ?? moment3.slice(0, 10)}T${time}:00Z`);
  const told2 = at2.toLocaleTimeString("en-GB").slice(0, 5);
  if (at2.toDateString() === new Date(moment3).toDateString()) return told2;
  return `${told2} on ${at2.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}`;
});
var words = (name) => name.replaceAll("_", " ");
var gates = {
  data: "Data",
  filter_rate_paired: "Filter rate, same requests",
  filter_rate_served: "Filter rate, as served",
  partners_paired: "Partners, same requests",
  partners_served: "Partners, as served",
  errors: "Errors",
  invalid_scores: "Invalid scores",
  latency: "Latency",
  score_drift: "Score drift",
  missed_bids: "Missed bids",
  missed_value: "Missed value",
  sample_ratio: "Traffic shared out",
  prediction: "As predicted",
  live: "Live as in shadow",
  breaker: "Breaker"
};
var gateName = (gate) => gates[gate] ?? words(gate);
var units = (gate) => /^missed/.test(gate) ? "bids" : /paired$|^partners|^invalid/.test(gate) ? "pairs" : "requests";

// src/own.ts
var wanted = /* @__PURE__ */ new Map();
var painted = /* @__PURE__ */ new WeakMap();
var hosts = /* @__PURE__ */ new Map();
function own(key2, version, paint, attributes = {}) {
  wanted.set(key2, { version, paint });
  return h("div", { "data-key": key2, "data-own": key2, ...attributes });
}
var shown = /* @__PURE__ */ new Map();
function kept(tag, key2, version, build) {
  const same = shown.get(key2) === version, made = same ? h(tag) : build();
  made.setAttribute("data-key", key2);
  made.setAttribute("data-kept", version);
  return made;
}
function settle() {
  for (const host of document.querySelectorAll("[data-own]")) {
    const key2 = host.dataset["own"] ?? "", want = wanted.get(key2), has2 = painted.get(host);
    if (!want || has2?.version === want.version) continue;
    has2?.free?.();
    hosts.set(key2, host);
    painted.set(host, { version: want.version, free: want.paint(host) });
  }
  shown.clear();
  for (const part of document.querySelectorAll("[data-kept]")) {
    if (part.hasChildNodes() || part.title !== "") shown.set(part.dataset["key"] ?? "", part.dataset["kept"] ?? "");
    else delete part.dataset["kept"];
  }
  for (const [key2, host] of hosts) {
    if (host.isConnected) continue;
    painted.get(host)?.free?.();
    hosts.delete(key2);
    wanted.delete(key2);
  }
}
function repaint() {
  for (const host of hosts.values()) {
    const has2 = painted.get(host);
    if (has2) painted.set(host, { ...has2, version: "" });
  }
  settle();
}

// src/parts.ts
function tone(phase) {
  switch (phase) {
    case "live":
      return "good";
    case "rolling_back":
    case "rolled_back":
    case "refused":
      return "bad";
    case "held":
      return "warn";
    case "shadow":
    case "canary":
    case "promoting":
    case "admitting":
      return "try";
    case "queued":
    case "superseded":
      return "calm";
  }
}
function outcomeTone(outcome) {
  switch (outcome) {
    case "acceptable":
      return "good";
    case "worse":
      return "bad";
    case "inconclusive":
    case "invalid":
      return "warn";
    case "unsure":
    case "no_data":
      return "calm";
  }
}
var badge = (text, t) => h("span", { class: `badge ${t}` }, words(text));
function endBadge(r, stable) {
  if (r.phase !== "live") return badge(r.phase, tone(r.phase));
  return r.candidate !== "" && r.candidate === stable ? badge("serves", "good") : badge("was live", "calm");
}
var needsPerson = (r) => r.phase === "held" && ["approval", "doubtful", "inconclusive", "paused"].includes(r.reason);
var code = (digest) => h("code", { title: digest }, digest === "" ? "—" : short(digest));
var ago = (iso, now2) => h("time", { datetime: iso, title: `${clock(iso, 0)} (${iso})` }, `${span(now2 - Date.parse(iso))} ago`);
var until = (iso, now2) => {
  const left = Date.parse(iso) - now2;
  return h("time", { datetime: iso, title: iso }, left > 0 ? `${clock(iso, now2)}, in ${span(left)}` : "now");
};
var button = (act2, text, kind = "", more2 = {}) => h("button", { type: "button", class: kind, "data-do": act2, ...more2 }, text);
var notesOf = (r) => (r?.notes ?? []).map((note) => h("p", { class: "note" }, note));
var typed = (text) => text.split("`").map((part, i) => i % 2 === 1 ? h("code", {}, part) : part);
function said(r, at2, proof3 = r.sentence) {
  if (!r.headline) return [h("p", { class: "sentence" }, proof3)];
  return [
    h("p", { class: "sentence" }, local(r.headline, at2)),
    h("p", { class: "way" }, typed(local(r.way_out ?? "", at2))),
    h("p", { class: "proof muted" }, proof3)
  ];
}

// src/fleet.ts
function servingPanel(f, now2) {
  const s = f.stable;
  return h(
    "section",
    { class: "card serving", "aria-label": "Serving" },
    h("header", {}, h("h2", {}, "Serves (stable)")),
    s === null ? h("p", { class: "digest none" }, "nothing yet") : [
      h("p", { class: "digest", title: s.digest }, short(s.digest)),
      h("p", {}, "from ", h("b", {}, origin(s))),
      s.since ? h("p", { class: "muted" }, "since ", h("time", { datetime: s.since }, clock(s.since, now2)), ` (${span(now2 - Date.parse(s.since))})`) : null,
      ...notesOf(s)
    ],
    h(
      "div",
      { class: "back" },
      button("rollback", f.back ? `Roll back to ${nameOf(f.back)}…` : "Roll back…", urgent(f) ? "danger" : "", f.back ? {} : { disabled: "" }),
      f.back ? h("span", {}, "all tasks to ", code(f.back.digest), givenUp(f).map((name) => [", giving up ", h("b", {}, name)]).flat()) : h("span", { class: "muted" }, "no earlier release")
    ),
    f.loop ? share2(f.tasks, f.active?.candidate ?? "") : null,
    f.default && s && f.default.digest !== s.digest ? h("p", { class: "muted" }, "fresh tasks load ", code(f.default.digest), " ", origin(f.default)) : null
  );
}
var givenUp = (f) => f.back?.digest === f.stable?.digest ? f.active ? [f.active.id] : [] : f.stable ? [nameOf(f.stable)] : [];
var urgent = (f) => f.unwell.length > 0 || f.active !== null && f.active.phase !== "queued" && f.active.phase !== "admitting";
var nameOf = (r) => r.job || short(r.digest);
var origin = (r) => r.job || r.source || "unknown origin";
function share2(c, candidate) {
  const parts = [["stable", c.on_stable, "stable"], ["candidate", c.on_candidate, "candidate"], ["other", c.on_other, "something else"]];
  const trouble2 = [[c.unreachable, "unreachable"], [c.failed, "failed to load"]];
  return h(
    "div",
    { class: "share" },
    stack([...parts.map(([kind, n]) => [kind, n]), ["rail", c.unreachable]]),
    h(
      "p",
      {},
      h("b", { class: c.ready < c.desired ? "low" : null }, `${c.ready} of ${c.desired}`),
      " tasks ready",
      candidate !== "" ? `; ${c.on_stable} on stable, ${c.on_candidate} on the candidate` : "",
      c.on_other > 0 ? `; ${c.on_other} on something else` : "",
      c.preparing > 0 ? `; ${c.preparing} loading` : "",
      trouble2.filter(([n]) => n > 0).map(([n, t]) => h("b", { class: "low" }, `; ${n} ${t}`))
    )
  );
}
function stack(parts) {
  const all = Math.max(1, parts.reduce((sum, [, n]) => sum + n, 0));
  let x = 0;
  return svg(
    "svg",
    { class: "stack", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { width: 100, height: 10, class: "rail" }),
    parts.map(([kind, n]) => {
      const r = svg("rect", { x, width: 100 * n / all, height: 10, class: kind });
      x += 100 * n / all;
      return r;
    })
  );
}
var crowd = 60;
function tasksPanel(f, fetch2, now2) {
  const tasks2 = fetch2.value, list = tasks2?.tasks ?? [];
  const many = list.length > crowd;
  const notable = many ? list.filter((t) => t.cohort !== "rest" || t.state !== "ready" || troubleOf(t) !== "").slice(0, crowd) : list;
  const rest = many ? list.filter((t) => !notable.includes(t)) : [];
  return h(
    "section",
    { class: "card tasks", "aria-label": "Tasks" },
    h("header", {}, h("h2", {}, "Tasks"), legend(f)),
    unlisted(f, fetch2, now2),
    list.length === 0 ? null : h("ul", { class: "grid" }, notable.map((t) => kept("li", t.id, JSON.stringify(t), () => tile(t, false)))),
    rest.length > 0 ? kept("ul", "dense", rest.map(dotOf).join(), () => h("ul", { class: "grid dense" }, rest.map((t) => tile(t, true)))) : null,
    tasks2 && tasks2.total > list.length ? h("p", { class: "muted" }, `and ${count(tasks2.total - list.length)} more`) : null
  );
}
function unlisted(f, fetch2, now2) {
  const runs2 = `${f.tasks.total} of ${f.tasks.desired} tasks were running at the last look.`;
  const text = missing2("the list of tasks", fetch2);
  if (text !== "") {
    const since2 = fetch2.value === null || fetch2.why === "" ? "" : ` It is from ${clock(fetch2.value.at, now2)}.`;
    return h("p", { class: fetch2.why === "" ? "muted" : "note", "data-key": "unlisted" }, `${text}${since2} ${runs2}`);
  }
  if (fetch2.value === null || fetch2.value.total > 0) return null;
  return h("p", { class: "muted", "data-key": "unlisted" }, !f.loop ? "Not known: no controller has looked yet." : f.tasks.total > 0 ? `The list is from before: ${runs2}` : "No task is running.");
}
function legend(f) {
  const item = (kind, text) => h("span", { class: "key" }, h("i", { class: kind, "aria-hidden": "true" }), text);
  return h(
    "span",
    { class: "legend" },
    item("stable", "stable"),
    f.active ? item("candidate", "candidate") : null,
    f.tasks.on_other > 0 ? item("other", "other") : null
  );
}
var troubleOf = (t) => t.error || t.failure || "";
var dotOf = (t) => [t.id, t.address, t.state, t.cohort, t.serving, t.shadow, t.preparing].join();
function tile(t, dense) {
  const trouble2 = troubleOf(t);
  const runs2 = Object.values(t.stratum).filter((v) => v !== "").join(" ");
  const about = `task ${t.id} at ${t.address}${runs2 && ` (${runs2})`}: ${t.state.replace("_", " ")}, ${t.cohort}, serves ${t.serves} ${short(t.serving)}` + (t.shadow ? `, scores ${short(t.shadow)} in its shadow` : "") + (t.preparing ? `, loads ${short(t.preparing)}` : "") + (trouble2 ? `: ${trouble2}` : "");
  const classes2 = ["task", `on-${t.serves}`, `is-${t.state}`, t.cohort === "rest" && t.shadow !== "" ? "shadows" : t.cohort].join(" ");
  if (dense) return h("li", { class: classes2, "data-key": t.id, title: about, "aria-label": about });
  return h(
    "li",
    { class: classes2, "data-key": t.id, title: about },
    h(
      "div",
      { class: "line" },
      h("code", {}, t.id.slice(0, 8)),
      t.stratum.zone ? h("span", { class: "muted" }, t.stratum.zone) : null,
      t.cohort !== "rest" ? h("span", { class: "cohort" }, t.cohort) : t.shadow !== "" ? h("span", { class: "cohort" }, "shadow") : null
    ),
    t.state === "ready" ? h(
      "div",
      { class: "line small" },
      h("span", {}, t.filter_rate === null ? "–" : `${percent(t.filter_rate)} filtered`),
      h("span", {}, mebibytes(t.memory_bytes))
    ) : null,
    t.state !== "ready" || trouble2 !== "" ? h("div", { class: "line small state" }, t.state === "ready" ? "" : t.state.replace("_", " ") + (trouble2 ? ": " : ""), trouble2) : null
  );
}

// src/signin.ts
var known = { open: true };
var failed = "";
var sending = false;
var provenName = () => known.name ?? "";
var locked = () => !known.open && provenName() === "";
async function identify() {
  known = await me();
  return !locked();
}
function roleOn(fleet2) {
  const has2 = [known.roles?.["*"], known.roles?.[fleet2]];
  if (known.open || has2.includes("admin")) return "admin";
  return has2.includes("operator") ? "operator" : "viewer";
}
function whoPart() {
  if (known.open) return h("span", { class: "who", title: "There is no sign-in: whoever reaches this server may do everything, under any name." }, "open to all");
  if (locked()) return null;
  return h("span", { class: "who" }, provenName(), " ", h("button", { type: "button", "data-sign": "out" }, "Sign out"));
}
function doorPart() {
  return h(
    "main",
    { class: "door" },
    h(
      "form",
      { id: "signin" },
      h("h2", {}, "Sign in"),
      draft() ? h("p", { class: "kept" }, "Your session is over. What you typed is kept: sign in, and it is there again.") : null,
      known.provider ? h("a", { class: "button primary", id: "provider", href: "signin/start" }, `Sign in with ${known.provider}`) : null,
      h("label", { for: "token" }, known.provider ? "or with a token" : "Token"),
      h("input", { id: "token", name: "token", type: "password", required: true, autocomplete: "current-password" }),
      h("p", { class: "failed", role: "alert" }, failed),
      h("button", { type: "submit", class: "primary" }, "Sign in")
    )
  );
}
function guard(changed) {
  document.addEventListener("submit", (e) => {
    if (!(e.target instanceof HTMLFormElement) || e.target.id !== "signin") return;
    e.preventDefault();
    const token = e.target.querySelector("#token");
    if (token !== null && !sending) void signIn(token.value).then(changed);
  });
  document.addEventListener("click", (e) => {
    if (e.target instanceof Element && e.target.closest("[data-sign]")) void leave().then(() => {
      location.reload();
    });
  });
}
async function signIn(token) {
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

// src/dialog.ts
var nameKey = "sluice.name";
async function open(f, wish2, past2, tell, why = "") {
  let conflict = { now: f, refused: "", why };
  const older2 = wish2.verb === "rollback" ? fetched(waiting(), releases()) : null;
  while (conflict !== null) {
    const { now: now2, ...typed2 } = conflict;
    conflict = await new Promise((resolve) => show(now2, wish2, past2, older2, typed2, tell, resolve));
  }
}
function show(f, wish2, past2, older2, typed2, tell, done) {
  const name = h("input", { id: "by", name: "by", required: true, maxlength: 100, autocomplete: "name", value: provenName() || (localStorage.getItem(nameKey) ?? ""), readonly: provenName() !== "" });
  const why = h("input", { id: "why", name: "why", required: wish2.verb !== "pause" && wish2.verb !== "resume", maxlength: 500, autocomplete: "off", placeholder: "shown with all that follows", value: typed2.why });
  const failed2 = h("p", { class: "failed", role: "alert" }, typed2.refused && `Not stored: ${typed2.refused}. Above is how things stand now.`);
  const go = h("button", { type: "submit", id: "confirm", class: dangerous(wish2.verb) ? "danger" : "primary" });
  let targets = [];
  const choice = chooser(wish2.release ?? "");
  const effect = h("p", { class: "effect", id: "effect" });
  const describe = () => {
    const to2 = targets.find((t) => t.digest === choice.value());
    go.textContent = label(wish2.verb, to2);
    effect.textContent = effectOf(f, wish2, to2);
  };
  const offer = (known3) => {
    targets = older2 === null ? [] : rollbackTargets(f, past2, known3.value ?? [], wish2.release);
    choice.offer(targets, missing2("older releases", known3, false));
    describe();
  };
  choice.node.addEventListener("change", describe);
  offer(waiting());
  void older2?.then(offer);
  const box = h(
    "dialog",
    { "aria-labelledby": "ask-title", "aria-describedby": "effect", class: "ask" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "ask-title" }, title(f, wish2)),
      older2 === null ? null : choice.node,
      effect,
      h("label", { for: "by" }, "Your name"),
      name,
      h("label", { for: "why" }, "Why"),
      why,
      failed2,
      h("footer", {}, h("button", { type: "button", id: "cancel" }, "Cancel"), go)
    )
  );
  const fields = [...box.querySelectorAll("input")];
  const key2 = newKey();
  const what2 = () => go.textContent ?? wish2.verb;
  let open2 = true, fate = "unsent";
  let conflict = null;
  box.addEventListener("close", () => {
    open2 = false;
    box.remove();
    if (fate === "sending") tell(`${what2()} is still being asked; closing does not call it back.`);
    if (fate === "unknown") tell(`${what2()} may be stored, or not: see what is asked.`);
    done(conflict);
  });
  box.querySelector("#cancel")?.addEventListener("click", () => box.close());
  const send = async () => {
    const body3 = { by: name.value.trim(), seen: see(f) };
    if (why.value.trim() !== "") body3.why = why.value.trim();
    if (wish2.rollout) body3.rollout = wish2.rollout;
    if (wish2.verb === "rollback") body3.release = choice.value();
    if (provenName() === "") localStorage.setItem(nameKey, body3.by);
    const doubt = fate === "unknown";
    [fate, go.disabled, failed2.textContent] = ["sending", true, ""];
    fields.forEach((i) => {
      i.disabled = true;
    });
    try {
      await ask(f.fleet, wish2.verb, key2, body3);
      fate = "stored";
      tell(`Asked: ${what2()}. The controller acts on its next look.`);
      box.close();
    } catch (err) {
      if (open2 && err instanceof Refused && err.status === 401) {
        fate = "unsent";
        keepDraft({ ...wish2, fleet: f.fleet, why: why.value, ...choice.value() ? { release: choice.value() } : {} });
        box.close();
        return;
      }
      fate = unanswered(err, doubt) ? "unknown" : "unsent";
      const said2 = err instanceof Refused ? err.message : "no answer came";
      failed2.textContent = fate === "unknown" ? `Unknown whether it is stored: ${said2}. Asking again is safe: it is the same wish, and has one effect.` : `Not stored: ${said2}`;
      if (!open2) tell(`${what2()}: ${failed2.textContent}`);
      else if (err instanceof Refused && err.status === 409) {
        conflict = { now: await fleet(f.fleet).catch(() => f), refused: said2, why: why.value };
        box.close();
      }
      fields.forEach((i) => {
        i.disabled = fate === "unknown";
      });
      go.disabled = false;
    }
  };
  box.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && e.repeat) e.preventDefault();
  });
  box.querySelector("form")?.addEventListener("submit", (e) => {
    e.preventDefault();
    void send();
  });
  document.body.append(box);
  box.showModal();
  (name.value === "" ? name : why).focus();
}
function rollbackTargets(f, past2, known3, wanted2) {
  const list = [];
  const tried = f.active && !["queued", "admitting"].includes(f.active.phase) ? f.active.candidate : "";
  const add = (r) => {
    if (!r || list.some((l) => l.digest === r.digest) || r.digest === tried) return;
    if (r.digest === f.stable?.digest && f.back?.digest !== r.digest) return;
    list.push(r);
  };
  add(wanted2 ? known3.find((r) => r.digest === wanted2) ?? { digest: wanted2 } : null);
  add(f.back);
  add(f.previous);
  known3.forEach(add);
  const targets = list.map((r) => ({ ...r, ...recordOf(f, past2, r.digest) }));
  const trusted = (t) => t.bad ? 1 : 0;
  return targets.sort((a, b) => trusted(a) - trusted(b)).slice(0, 8);
}
function recordOf(f, past2, digest) {
  if (digest === f.stable?.digest) return { note: "stable", bad: false };
  if (digest === f.previous?.digest) return { note: "the one before", bad: false };
  const tried = past2.filter((r) => r.final && r.candidate === digest);
  if (tried.some((r) => r.phase === "live")) return { note: "was live", bad: false };
  const last2 = tried[0];
  return last2 ? { note: `${words(last2.phase)}: ${last2.reason}`, bad: true } : { note: "never live here", bad: true };
}
function chooser(wanted2) {
  const list = h("div", {}), note = h("p", { class: "muted lacking" });
  const node = h("fieldset", {}, h("legend", {}, "Go back to"), list, note);
  const value = () => node.querySelector("input:checked")?.value ?? "";
  const offer = (targets, lacking) => {
    const chosen = value() || (targets.some((t) => t.digest === wanted2) ? wanted2 : "");
    morph(list, h("div", {}, targets.map((t, i) => h(
      "label",
      { class: "target", "data-key": t.digest },
      h("input", { type: "radio", name: "release", value: t.digest, checked: chosen === "" ? i === 0 : t.digest === chosen }),
      h("code", {}, short(t.digest)),
      h("b", {}, origin(t)),
      h("span", { class: t.bad ? "low" : "muted" }, t.note)
    ))));
    note.textContent = lacking;
  };
  return { node, value, offer };
}
var dangerous = (verb) => verb === "rollback" || verb === "abort" || verb === "promote";
function title(f, wish2) {
  switch (wish2.verb) {
    case "rollback":
      return `Roll ${f.fleet} back?`;
    case "abort":
      return `Abort ${wish2.rollout ?? ""}?`;
    case "promote":
      return `Promote ${wish2.rollout ?? ""} now?`;
    case "pause":
      return `Pause ${f.fleet}?`;
    case "resume":
      return `Resume ${f.fleet}?`;
    case "try":
      return "Try an artifact?";
  }
}
function label(verb, to2) {
  switch (verb) {
    case "rollback":
      return to2 ? `Roll back to ${short(to2.digest)}` : "Roll back";
    case "abort":
      return "Abort";
    case "promote":
      return "Promote without proof";
    case "pause":
      return "Pause";
    case "resume":
      return "Resume";
    case "try":
      return "Try";
  }
}
function resumed(r) {
  switch (r.reason) {
    case "approval":
      return `The step is approved and ${r.id} goes on.`;
    case "data":
      return `${r.id} goes on at once, instead of by itself once its counts can be trusted; it is held again if they cannot.`;
    default:
      return `${r.id} goes on being compared.`;
  }
}
function effectOf(f, wish2, to2) {
  const stable = f.stable ? `${short(f.stable.digest)} (${origin(f.stable)})` : "nothing";
  const r = f.active;
  switch (wish2.verb) {
    case "rollback": {
      const where = to2 ? `${short(to2.digest)} (${origin(to2)})` : "the release before";
      const given = r ? ` ${r.id} is given up.` : "";
      return `All ${f.tasks.total} tasks go to ${where} at once, without steps and without the judge.${given}`;
    }
    case "abort":
      return `It is given up; stable ${stable} stays, on all tasks.`;
    case "promote":
      return `It becomes stable on all ${f.tasks.total} tasks without further proof. The judge no longer watches it.`;
    case "pause":
      return "Nothing starts or advances until somebody resumes. A rollback still works.";
    case "resume":
      return r?.phase === "held" && !f.pause ? resumed(r) : "Rollouts start and advance again.";
    case "try":
      return "";
  }
}

// src/clock.ts
var step = 1e3;
var start = () => Date.now() - performance.now();
var Clock = class {
  ahead = -Infinity;
  // the server's clock minus ours, in milliseconds, at least
  ours = start();
  // now is the server's time, in milliseconds.
  now() {
    return Date.now() + (this.ahead === -Infinity ? 0 : this.ahead);
  }
  // told takes in a moment that the server's clock has shown.
  told(at2) {
    this.check();
    this.ahead = Math.max(this.ahead, at2 - Date.now());
  }
  // dated takes in the Date, in whole seconds, of the answer to a question that
  // was sent at that time of ours.
  dated(date, sent) {
    if (Number.isNaN(date)) return;
    this.check();
    if (this.ahead > date + 1e3 - sent) this.ahead = -Infinity;
    this.told(date);
  }
  // check forgets what was known where our own clock was moved.
  check() {
    const now2 = start();
    if (Math.abs(now2 - this.ours) > step) this.ahead = -Infinity;
    this.ours = now2;
  }
};

// src/store.ts
var maxEvents = 200;
var lateAfter = 12e3;
function newStore(clock2 = new Clock()) {
  return {
    fleets: [],
    fleet: "",
    strange: "",
    view: null,
    tasks: waiting(),
    rollouts: waiting(),
    events: [],
    missed: false,
    details: /* @__PURE__ */ new Map(),
    link: "connecting",
    heard: performance.now(),
    clock: clock2,
    trouble: ""
  };
}
var now = (s) => s.clock.now();
var late = (s) => s.view !== null && now(s) - Date.parse(s.view.at) > lateAfter;
function older(s, f) {
  const shown3 = s.view === null ? 0 : Date.parse(s.view.at);
  return Date.parse(f.at) < shown3 && shown3 <= now(s) + 2e3;
}
var lookedAt = (f, l) => Date.parse(f.at) - 1e3 * l.age_seconds;
function warning(s) {
  const f = s.view;
  const old2 = (text) => f === null ? { grave: true, text } : { grave: true, text: `${text} What you see is from`, moment: Date.parse(f.at) };
  if (s.trouble !== "") return old2(s.trouble);
  if (s.link === "lost") {
    return old2(f === null ? "The server does not answer; trying again. Is a controller running?" : "Connection lost; trying again. The fleet serves on without it.");
  }
  if (f === null) return null;
  if (late(s)) return old2("The news comes late: something between here and the server holds it back.");
  if (!f.loop) return { grave: true, text: "No controller has looked at this fleet yet. Is one running?" };
  const looked = lookedAt(f, f.loop);
  if (Date.parse(f.at) - looked > Math.max(5e3 * f.loop.every_seconds, 15e3)) {
    return { grave: true, text: "No controller looks: start one, or see its log. Until then nothing is decided; the fleet keeps serving. The last look was at", moment: looked };
  }
  const errors = f.loop.errors, more2 = errors.length > 2 ? `; and ${errors.length - 2} more` : "";
  return errors.length > 0 ? { grave: false, text: `The controller meets errors: ${errors.slice(0, 2).join("; ")}${more2}` } : null;
}
var blind = (s) => s.link === "lost" || s.trouble !== "" || late(s);

// src/auctions.ts
function auctionsPanel(f, now2, warned) {
  return h(
    "section",
    { class: `card auctions${f.unwell.length > 0 ? " bad" : f.auctions?.all ? "" : " calm"}`, "aria-label": "Auctions" },
    h("header", {}, h("h2", {}, "Auctions"), when(f, now2), h("span", { class: "spring" }), allWell(f, warned) ? badge("all well", "good") : null),
    body(f)
  );
}
function allWell(f, warned) {
  const t = f.tasks;
  return !warned && !!f.loop && !!f.auctions?.all && f.unwell.length === 0 && f.unheard.length === 0 && t.ready > 0 && t.ready >= t.desired && t.failed === 0 && t.unreachable === 0 && f.active?.phase !== "held" && f.active?.phase !== "rolling_back";
}
function when(f, now2) {
  if (!f.loop || !f.auctions?.all) return null;
  const until2 = lookedAt(f, f.loop);
  return h(
    "span",
    { class: "muted" },
    `the ${span(1e3 * f.auctions.over_seconds)} to `,
    h("time", { datetime: new Date(until2).toISOString() }, clock(new Date(until2).toISOString(), now2)),
    ", by what tasks count"
  );
}
function body(f) {
  const a = f.auctions;
  if (!f.loop) return [h("p", { class: "muted" }, "Not known: no controller has looked yet.")];
  if (a === null) return [h("p", { class: "muted" }, "Not known: the controller that looked last does not measure them.")];
  if (a.all === null) return [h("p", { class: "muted" }, f.tasks.total === 0 ? "No task is running that could answer any." : "Not known yet: no task has told twice what it answered.")];
  return [tiles(f, a, a.all), a.canary || a.control ? arms(f, a) : null];
}
var unknown = "?";
var rate = (perSecond) => perSecond < 10 ? String(Number(perSecond.toPrecision(2))) : count(Math.round(perSecond));
var shareOf = (s) => s === null ? `${unknown} %` : s >= 0.1 ? `${(100 * s).toFixed(0)} %` : share(s);
var tookOr = (seconds) => seconds === null ? unknown : took(seconds);
function tiles(f, a, all) {
  const bad = new Set(f.unwell.map((u) => u.reason));
  const minutes = Math.round((a.slots.all?.rate.length ?? 0) * a.slots.every_seconds / 60);
  const tile2 = (name, figure2, low, of, more2 = null) => {
    const drawn2 = spark(a, of, `${name} over the last ${minutes} min`);
    return h(
      "div",
      { class: `figure${low ? " low" : ""}` },
      h("dt", {}, name),
      h("dd", {}, h("b", {}, figure2), more2 === null ? null : h("small", {}, more2)),
      drawn2 ? h("dd", {}, drawn2) : null
    );
  };
  return h(
    "dl",
    { class: "figures" },
    tile2("Auctions a second", rate(all.rate), bad.has("silent"), "rate"),
    tile2("Filtered", shareOf(all.filtered), false, "filtered", "of all calls to partners"),
    tile2("Degraded", shareOf(all.degraded), bad.has("degraded"), "degraded", "forwarded unscored"),
    tile2("Failed", shareOf(all.failed), bad.has("failed"), "failed", "without an answer"),
    tile2(
      "p99",
      tookOr(all.p99_seconds),
      bad.has("late"),
      "p99_seconds",
      `p50 ${tookOr(all.p50_seconds)}${a.deadline_seconds > 0 ? `, deadline ${took(a.deadline_seconds)}` : ""}`
    )
  );
}
var scale = (a, of) => of === "degraded" ? 0.01 : of === "failed" ? 1e-3 : of === "p99_seconds" ? a.deadline_seconds : 0;
function spark(a, of, label2) {
  const all = a.slots.all?.[of] ?? [], canary = of === "rate" ? [] : a.slots.canary?.[of] ?? [];
  const told2 = [...all, ...canary].filter((v) => v !== null);
  if (told2.length < 2) return null;
  const most3 = Math.max(scale(a, of), ...told2), floor2 = of === "filtered" ? Math.min(...told2) * 0.8 : 0;
  const width2 = 120, height3 = 26, slots = Math.max(all.length, canary.length);
  const y = (v) => height3 - 2 - (height3 - 4) * (most3 > floor2 ? (v - floor2) / (most3 - floor2) : 0);
  const line = (values, kind) => runs(values).map((run) => svg("polyline", {
    class: kind,
    points: run.map(([i, v]) => `${(width2 * i / Math.max(1, slots - 1)).toFixed(1)},${y(v).toFixed(1)}`).join(" ")
  }));
  return svg("svg", { class: "spark", viewBox: `0 0 ${width2} ${height3}`, preserveAspectRatio: "none", role: "img", "aria-label": label2 }, line(all, "all"), line(canary, "canary"));
}
function runs(values) {
  const all = [];
  values.forEach((v, i) => {
    if (v === null) return;
    const last2 = all.at(-1);
    if (last2 && last2.at(-1)?.[0] === i - 1) last2.push([i, v]);
    else all.push([[i, v]]);
  });
  return all.filter((run) => run.length > 1);
}
function arms(f, a) {
  const rows2 = [
    [f.active?.phase === "promoting" ? "candidate" : "canary", "candidate", a.canary],
    ["control", "control", a.control],
    ["rest", "stable", a.rest]
  ];
  const head2 = ["", "tasks", "auctions/s", "filtered", "degraded", "failed", "p50", "p99"];
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Auctions per arm" },
    h(
      "table",
      { class: "arms" },
      h("thead", {}, h("tr", {}, head2.map((t) => h("th", { scope: "col" }, t || h("span", { class: "unseen" }, "Arm"))))),
      h("tbody", {}, rows2.map(([name, kind, t]) => t === null ? null : h(
        "tr",
        { "data-key": name },
        h("th", { scope: "row" }, h("span", { class: "key" }, h("i", { class: kind, "aria-hidden": "true" }), name)),
        [count(t.tasks), rate(t.rate), shareOf(t.filtered), shareOf(t.degraded), shareOf(t.failed), tookOr(t.p50_seconds), tookOr(t.p99_seconds)].map((text, i) => h("td", { class: "number", "data-label": head2[i + 1] ?? "" }, text))
      )))
    )
  );
}

// src/route.ts
function here(hash = location.hash) {
  const [path = "", query2 = ""] = split(hash.replace(/^#/, ""), "?");
  const [fleet2 = "", room = "", id = "", other = ""] = path.split("/").map(decoded);
  const at2 = (page) => ({ page, fleet: fleet2, id, other, query: new URLSearchParams(query2) });
  if (path === "/") return at2("fleets");
  switch (room) {
    case "history":
      return at2("history");
    case "rollouts":
      return at2(id === "" ? "history" : "rollout");
    case "releases":
      return at2(id === "" ? "releases" : "release");
    case "compare":
      return at2("compare");
    case "audit":
      return at2("audit");
    case "freezes":
      return at2("freezes");
  }
  return at2("fleet");
}
function split(text, by) {
  const at2 = text.indexOf(by);
  return at2 < 0 ? [text, ""] : [text.slice(0, at2), text.slice(at2 + 1)];
}
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
function to(fleet2, ...rest) {
  return "#" + [fleet2, ...rest].map(encodeURIComponent).join("/");
}
var toFleets = "#/";
var toRollout = (fleet2, id) => to(fleet2, "rollouts", id);
var toRelease = (fleet2, digest) => to(fleet2, "releases", digest);
function set(changes) {
  const [path = "", query2 = ""] = split(location.hash.replace(/^#/, ""), "?");
  const next = new URLSearchParams(query2);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  history.replaceState(null, "", "#" + path + (text === "" ? "" : "?" + text));
}

// src/freezes.ts
var day = 864e5;
var weeks = 4;
function freezesPage(s) {
  const all = asked("stop", stop, 5e3), list = asked("freezes", freezes, 6e4), at2 = now(s);
  const f = all.value?.freeze ?? null;
  return h(
    "main",
    { class: "page" },
    h(
      "section",
      { id: "trial", class: `card ${f ? "wanting" : ""}`, tabindex: "-1", "aria-label": "All fleets" },
      h("header", {}, h("h1", {}, "Freezes"), f ? badge("all fleets are frozen", "warn") : null),
      missing(all, "Whether all fleets are frozen"),
      all.value === null ? null : f ? stopText(f, at2) : h("p", {}, "No stop of all fleets is in force."),
      h("p", { class: "muted" }, "While frozen, nothing starts or advances. Harm is still taken back, and a rollback works."),
      all.value === null ? null : roleOn("*") === "viewer" ? h("p", { class: "muted" }, "To freeze all fleets, and to end that, takes an operator of every fleet.") : h("p", { class: "verbs" }, h("button", { type: "button", class: f ? "primary" : "", "data-page": f ? "unfreeze" : "freeze" }, f ? "End the freeze…" : "Freeze all fleets…"))
    ),
    h(
      "section",
      { class: "card", "aria-label": "Calendar" },
      h("header", {}, h("h2", {}, `The next ${weeks} weeks`), h("span", { class: "muted" }, "by the fleet files, in your own time")),
      missing(list, "The calendar"),
      list.value === null ? null : calendar(list.value, `${list.count}/${list.state}`, at2)
    )
  );
}
function stopText(f, at2) {
  return h(
    "p",
    { class: "sentence" },
    "Frozen by ",
    h("b", {}, f.by ?? "somebody"),
    " since ",
    moment(f.since),
    f.why ? `: ${f.why}. ` : ". ",
    f.until ? ["It ends ", until(f.until, at2), "."] : "It lasts until somebody ends it."
  );
}
function calendar(c, version, at2) {
  return kept("ul", "calendar", version, () => h("ul", { class: "fleets calendar" }, c.fleets.map((f) => fleetRow(f, Date.parse(c.from), at2))));
}
function fleetRow(f, from, at2) {
  const list = f.freezes, running = list.filter((one) => Date.parse(one.since) <= at2 && at2 < end(one));
  return h(
    "li",
    { "data-key": f.fleet, class: running.length > 0 ? "warn" : "" },
    h(
      "div",
      { class: "line" },
      h("a", { class: "name", href: to(f.fleet) }, f.fleet),
      running.length > 0 ? badge("frozen now", "warn") : null,
      !f.known ? h("span", { class: "muted" }, "This server has no fleet file of it.") : list.length === 0 ? h("span", { class: "muted" }, "No freeze is planned.") : null
    ),
    list.length === 0 ? null : strip(list, from),
    list.length === 0 ? null : h("ul", { class: "planned" }, list.map((one) => h("li", {}, moment(one.since), " to ", one.until ? moment(one.until) : "whenever it is ended", " ", h("b", {}, one.name ?? ""), one.why ? h("span", { class: "muted" }, `: ${one.why}`) : null))),
    f.more ? h("p", { class: "muted" }, `and ${f.more} more`) : null
  );
}
var end = (f) => f.until === null ? Infinity : Date.parse(f.until);
function strip(list, from) {
  const x = (at2) => Math.min(weeks * 7, Math.max(0, (at2 - from) / day));
  return svg(
    "svg",
    { class: "strip", viewBox: `0 0 ${weeks * 7} 1`, preserveAspectRatio: "none", role: "img", "aria-label": `${list.length} freezes in ${weeks} weeks; they are listed below.` },
    svg("rect", { class: "rail", x: 0, y: 0, width: weeks * 7, height: 1 }),
    list.map((f) => svg("rect", { class: "frozen", x: x(Date.parse(f.since)), y: 0, width: Math.max(0.05, x(end(f)) - x(Date.parse(f.since))), height: 1 })),
    Array.from({ length: weeks - 1 }, (_2, i) => svg("line", { x1: 7 * (i + 1), x2: 7 * (i + 1), y1: 0, y2: 1 }))
  );
}
function moment(iso) {
  const d = new Date(iso);
  return h("time", { datetime: iso, title: iso }, `${d.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" })} ${d.toLocaleTimeString("en-GB").slice(0, 5)}`);
}
var spans = { "": "until somebody ends it", "1": "for an hour", "4": "for 4 hours", "24": "for a day", "72": "for 3 days" };
var nameKey2 = "sluice.name";
function openStop(s, verb, tell, typed2 = { why: "", hours: "" }) {
  const fleet2 = s.fleet;
  const name = h("input", { id: "by", name: "by", required: true, maxlength: 100, autocomplete: "name", value: provenName() || (localStorage.getItem(nameKey2) ?? ""), readonly: provenName() !== "" });
  const why = h("input", { id: "why", name: "why", required: true, maxlength: 500, autocomplete: "off", placeholder: "shown on every fleet", value: typed2.why });
  const hours = h("select", { id: "hours" }, Object.entries(spans).map(([n, text]) => h("option", { value: n, selected: n === typed2.hours }, text)));
  const failed2 = h("p", { class: "failed", role: "alert" });
  const go = h("button", { type: "submit", id: "confirm", class: verb === "freeze" ? "danger" : "primary" }, verb === "freeze" ? "Freeze all fleets" : "End the freeze");
  const box = h(
    "dialog",
    { "aria-labelledby": "ask-title", "aria-describedby": "effect", class: "ask" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "ask-title" }, verb === "freeze" ? "Freeze all fleets?" : "End the freeze of all fleets?"),
      h("p", { class: "effect", id: "effect" }, verb === "freeze" ? "Nothing starts or advances on any fleet. Harm is still taken back, and a rollback works." : "Rollouts go on from where they were, on all fleets that no calendar freezes."),
      h("label", { for: "by" }, "Your name"),
      name,
      h("label", { for: "why" }, "Why"),
      why,
      verb === "freeze" ? [h("label", { for: "hours" }, "How long"), hours] : null,
      failed2,
      h("footer", {}, h("button", { type: "button", id: "cancel" }, "Cancel"), go)
    )
  );
  let key2 = newKey(), body3 = null;
  const ask2 = () => ({
    by: name.value.trim(),
    why: why.value.trim(),
    ...verb === "freeze" && hours.value !== "" ? { until: new Date(now(s) + Number(hours.value) * 36e5).toISOString() } : {}
  });
  const fields = [name, why, hours];
  const send = async () => {
    const doubt = body3 !== null;
    body3 ??= ask2();
    if (provenName() === "") localStorage.setItem(nameKey2, name.value.trim());
    [go.disabled, failed2.textContent] = [true, ""];
    fields.forEach((f) => {
      f.disabled = true;
    });
    try {
      await setStop(verb, key2, body3);
      tell(verb === "freeze" ? "All fleets are frozen." : "The freeze of all fleets is over.");
      box.close();
    } catch (err) {
      if (err instanceof Refused && err.status === 401) {
        keepDraft({ fleet: fleet2, verb, why: why.value, hours: hours.value });
        box.close();
        return;
      }
      const said2 = err instanceof Refused ? err.message : "no answer came";
      const unknown2 = unanswered(err, doubt);
      failed2.textContent = unknown2 ? `Unknown whether it is done: ${said2}. Asking again is safe: it is the same wish, and has one effect.` : `Not done: ${said2}`;
      if (!unknown2) [key2, body3] = [newKey(), null];
      fields.forEach((f) => {
        f.disabled = unknown2;
      });
      if (!box.open) tell(failed2.textContent);
      go.disabled = false;
    } finally {
      old("stop");
    }
  };
  box.querySelector("#cancel")?.addEventListener("click", () => box.close());
  box.querySelector("form")?.addEventListener("submit", (e) => {
    e.preventDefault();
    void send();
  });
  document.body.append(box);
  box.showModal();
  (name.value === "" ? name : why).focus();
  return new Promise((resolve) => box.addEventListener("close", () => {
    box.remove();
    resolve();
  }));
}

// src/keys.ts
var kept2 = "sluice.keys";
var keysOn = () => localStorage.getItem(kept2) !== "off";
var switchKeys = () => localStorage.setItem(kept2, keysOn() ? "off" : "on");
function keysHint() {
  return h(
    "p",
    { class: "hints muted" },
    keysOn() ? [h("kbd", {}, "R"), " roll back ", h("kbd", {}, "P"), " pause or resume ", h("kbd", {}, "F"), " fleets ", h("kbd", {}, "H"), " history "] : "Keys are off. ",
    h("button", { type: "button", class: "link", "data-page": "keys" }, keysOn() ? "Switch keys off" : "Switch keys on")
  );
}

// src/archive.ts
var most2 = 500;
var ends = ["live", "rolled_back", "refused", "superseded"];
var spans2 = { "1": "a day", "7": "a week", "30": "a month" };
function historyPage(s, r) {
  const list = asked(`past/${s.fleet}`, () => past(s.fleet, most2), 6e4, s.view?.last_event);
  const all = (list.value ?? []).filter((one) => one.final), at2 = now(s);
  const phase = r.query.get("phase") ?? "", days2 = r.query.get("days") ?? "", text = r.query.get("q") ?? "";
  const found = all.filter((one) => (phase === "" || one.phase === phase) && since(one, days2, at2) && has(one, text));
  return h(
    "main",
    { class: "page" },
    h(
      "section",
      { id: "trial", class: "card archive", tabindex: "-1", "aria-label": "History" },
      h("header", {}, h("h1", {}, "History"), h("span", { class: "muted" }, list.value === null ? "" : `${count(found.length)} of ${count(all.length)} rollouts`)),
      h(
        "div",
        { class: "filters" },
        h("label", {}, "Ended ", h("select", { "data-set": "phase" }, h("option", { value: "" }, "anyhow"), ends.map((p) => h("option", { value: p, selected: p === phase }, words(p))))),
        h("label", {}, "Within ", h("select", { "data-set": "days" }, h("option", { value: "" }, "all time"), Object.entries(spans2).map(([d, name]) => h("option", { value: d, selected: d === days2 }, name)))),
        h("label", { class: "wide" }, "Holding ", h("input", { type: "search", "data-set": "q", value: text, maxlength: 100, placeholder: "name, release, person, reason, words", autocomplete: "off" }))
      ),
      missing(list, "The history"),
      list.value !== null && found.length === 0 ? h("p", { class: "muted" }, all.length === 0 ? "No rollout has ended yet." : "None is like that.") : null,
      found.length === 0 ? null : own("history/list", [list.count, s.fleet, s.view?.last_event, phase, days2, text, found.length].join("|"), (host) => host.replaceChildren(table(s, found, at2)), { class: "scroll" }),
      all.length >= most2 - 1 ? h("p", { class: "muted" }, `These are the newest ${count(all.length)}; older ones are in the bucket for ever.`) : null
    )
  );
}
var since = (r, days2, at2) => days2 === "" || at2 - Date.parse(r.since) <= Number(days2) * 864e5;
function has(r, text) {
  const in_ = [r.id, r.job, r.candidate, r.against, r.by, r.policy, r.reason, r.headline, r.sentence, r.source].join("\n").toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => in_.includes(word));
}
function table(s, list, at2) {
  return h(
    "table",
    { class: "rows" },
    h("thead", {}, h("tr", {}, ["Ended", "Rollout", "How", "Release", "Exposed", "Why"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, list.map((r) => h(
      "tr",
      {},
      h("td", {}, h("time", { datetime: r.since, title: r.since }, clock(r.since, at2))),
      h("th", { scope: "row" }, h("a", { href: toRollout(s.fleet, r.id) }, r.id), r.by ? h("small", {}, ` by ${r.by}`) : null),
      h("td", {}, endBadge(r, s.view?.stable?.digest), " ", h("span", { class: "reason" }, r.reason)),
      h("td", { class: r.candidate === "" ? "none" : null }, r.candidate === "" ? "—" : h("a", { href: toRelease(s.fleet, r.candidate), title: r.candidate }, h("code", {}, short(r.candidate)))),
      h("td", { class: r.exposed > 0 ? "number" : "number none", "data-label": "auctions" }, r.exposed > 0 ? count(r.exposed) : "—"),
      h("td", {}, h("p", { class: "gist", title: r.sentence }, r.headline ? local(r.headline, r.since) : r.sentence))
    )))
  );
}

// src/audit.ts
var everyFleet = "*";
function auditPage(s, r) {
  const of = r.query.get("of") ?? s.fleet, after = r.query.get("after") ?? "", fleet2 = of === everyFleet ? "" : of;
  const page = asked(`audit/${of}/${after}`, () => audit(fleet2, after), after === "" ? 5e3 : 6e4);
  const entries2 = page.value?.entries ?? [], next = page.value?.next ?? "";
  const address = (query2) => `${to(s.fleet, "audit")}?${new URLSearchParams(query2)}`;
  return h(
    "main",
    { class: "page" },
    h(
      "section",
      { id: "trial", class: "card archive", tabindex: "-1", "aria-label": "Audit" },
      h(
        "header",
        {},
        h("h1", {}, "Audit"),
        h("span", { class: "muted" }, "who asked for what, newest first"),
        h("span", { class: "spring" }),
        h("a", { class: "button", href: auditPath(fleet2), download: true }, "Export as JSON lines")
      ),
      h(
        "div",
        { class: "filters" },
        h("label", {}, "Fleet ", h(
          "select",
          { "data-set": "of", "data-anew": "after" },
          s.fleets.map((name) => h("option", { value: name, selected: name === of }, name)),
          h("option", { value: everyFleet, selected: fleet2 === "" }, "all, with what is about all")
        ))
      ),
      missing(page, "The trail"),
      page.value !== null && entries2.length === 0 ? h("p", { class: "muted" }, after === "" ? "Nobody has asked for anything yet." : "There is nothing older.") : null,
      entries2.length === 0 ? null : own("audit/list", `${of}/${after}/${page.count}`, (host) => host.replaceChildren(table2(s, entries2, now(s))), { class: "scroll" }),
      after === "" && next === "" ? null : h(
        "nav",
        { class: "pager", "aria-label": "Pages of the trail" },
        after === "" ? null : h("a", { href: address({ of }) }, "Newest"),
        next === "" ? h("span", { class: "muted" }, "This is the oldest page.") : h("a", { href: address({ of, after: next }), rel: "next" }, "Next page, older")
      )
    )
  );
}
function table2(s, list, at2) {
  return h(
    "table",
    { class: "rows audit" },
    h("thead", {}, h("tr", {}, ["When", "Who", "From", "What", "Why, or what became of it", "How the fleet stood"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, list.map((e) => h(
      "tr",
      { class: e.what },
      h("td", {}, Date.parse(e.at) > 0 ? h("time", { datetime: e.at, title: e.at }, clock(e.at, at2)) : "—"),
      h("th", { scope: "row" }, e.by || "—", " ", e.by ? proof(e) : null, e.claim ? h("small", {}, ` as “${e.claim}”`) : null),
      h("td", { class: e.from ? "muted" : "none", "data-label": "from" }, e.from || "—"),
      h("td", {}, what(s, e)),
      h("td", { class: "wrap told" }, e.what === "asked" ? e.why || h("span", { class: "muted" }, "no reason given") : e.sentence ?? ""),
      h("td", { class: e.before || e.after ? "stood" : "none" }, e.before ? ["before: ", ...stood(s, e, e.before)] : e.after ? ["after: ", ...stood(s, e, e.after)] : "—")
    )))
  );
}
var proof = (e) => e.how ? h("span", { class: "badge good", title: "This name is proven by sign-in." }, `proven, ${e.how}`) : h("span", { class: "badge warn", title: "Nobody was asked for proof: it is what they called themselves." }, "claimed");
function what(s, e) {
  const fleet2 = e.fleet ?? "", known3 = s.fleets.includes(fleet2);
  const about = e.release ? [" to ", known3 ? h("a", { href: toRelease(fleet2, e.release), title: e.release }, h("code", {}, short(e.release))) : h("code", {}, short(e.release))] : e.rollout ? [" ", known3 ? h("a", { href: toRollout(fleet2, e.rollout) }, e.rollout) : e.rollout] : e.source ? [" ", h("code", {}, e.source)] : [];
  return [
    h("b", {}, words(e.verb ?? e.what)),
    ...about,
    h("small", {}, fleet2 === "" ? " on all fleets" : ` on ${fleet2}`),
    e.break_glass ? h("span", { class: "badge bad" }, "glass broken") : null,
    e.what !== "asked" && e.reason ? h("span", { class: "reason" }, e.reason) : null
  ];
}
function stood(s, e, st) {
  const digest = st.stable ?? "", fleet2 = e.fleet ?? "";
  const told2 = digest === "" ? ["nothing serves"] : [h("a", { href: toRelease(s.fleets.includes(fleet2) ? fleet2 : s.fleet, digest), title: digest }, h("code", {}, short(digest))), " serves"];
  if (st.rollout) told2.push(`, ${st.rollout} ${words(st.phase ?? "")}${st.step ? ` step ${st.step}` : ""}`);
  if (st.paused) told2.push(", paused");
  if (st.frozen) told2.push(", frozen");
  return told2;
}

// src/fleets.ts
function fleetsPage(s) {
  const all = asked("overview", overview, 5e3), list = all.value ?? [], at2 = now(s);
  const rows2 = list.map((f) => ({ f, needs: needsOf(f, at2) })).sort((a, b) => weight(b.needs) - weight(a.needs));
  const wanting = rows2.filter((r) => r.needs.length > 0), fine = rows2.filter((r) => r.needs.length === 0);
  return kept("main", "fleets", `${all.count}/${all.state}`, () => h(
    "main",
    { class: "page" },
    h(
      "section",
      { id: "trial", class: `card ${wanting.length > 0 ? "wanting" : ""}`, tabindex: "-1", "aria-label": "Fleets that need a look" },
      h(
        "header",
        {},
        h("h1", {}, wanting.length === 0 ? all.value !== null && all.state === "there" ? "No fleet needs a look" : "Fleets" : wanting.length === 1 ? "1 fleet needs a look" : `${wanting.length} fleets need a look`),
        h("span", { class: "muted" }, list.length > 0 ? `of ${list.length}` : "")
      ),
      missing(all, "The fleets"),
      rows2.length === 0 || wanting.length === 0 ? null : h("ul", { class: "fleets" }, wanting.map((r) => row(r.f, r.needs, at2)))
    ),
    fine.length === 0 ? null : h(
      "section",
      { class: "card", "aria-label": "Other fleets" },
      h("header", {}, h("h2", {}, wanting.length > 0 ? "All others" : "Fleets")),
      h("ul", { class: "fleets" }, fine.map((r) => row(r.f, r.needs, at2)))
    )
  ));
}
var weight = (needs) => needs.reduce((sum, n) => Math.max(sum, n.weight), 0);
function needsOf(f, at2) {
  const needs = [];
  const add = (weight2, tone2, ...text) => needs.push({ weight: weight2, tone: tone2, text });
  if (f.trouble) {
    add(100, "bad", `It cannot be read: ${f.trouble}.`);
    return needs;
  }
  if (!f.loop) add(40, "warn", "No controller has looked at it yet. Is one running?");
  else if (f.loop.age_seconds > Math.max(5 * f.loop.every_seconds, 15)) add(95, "bad", `No controller looks: the last look is ${span(1e3 * f.loop.age_seconds)} old. The fleet keeps serving; nothing is decided.`);
  f.unwell.forEach((u, i) => add(85 - i, "bad", h("b", {}, "Unwell: "), u.sentence));
  const t = f.tasks, lost = t.desired - t.ready;
  if (t.failed > 0) add(70, "bad", `${count(t.failed)} of ${count(t.total)} tasks could not take their release.`);
  if (t.unreachable > 0) add(65, "bad", `${count(t.unreachable)} of ${count(t.total)} tasks cannot be reached.`);
  if (lost > 0 && t.failed === 0 && t.unreachable === 0) add(20, "warn", `${count(t.ready)} of ${count(t.desired)} tasks are ready.`);
  if (f.active?.phase === "held") add(needsPerson(f.active) ? 90 : 68, "warn", h("b", {}, f.active.id), ` is held for ${span(at2 - Date.parse(f.active.since))}. ${plain(f.active)} ${f.next.sentence}`, ...f.active.held_until ? [" Until ", until(f.active.held_until, at2), "; then it goes back."] : []);
  if (f.active?.phase === "rolling_back") add(60, "bad", h("b", {}, f.active.id), ` is being taken back. ${plain(f.active)}`);
  if (f.pause) add(50, "warn", "Paused by ", h("b", {}, f.pause.by), ` ${span(at2 - Date.parse(f.pause.at))} ago${f.pause.why ? `: ${f.pause.why}` : ""}. Nothing starts or advances.`);
  const last2 = f.last;
  if (!f.active && last2 && ["rolled_back", "refused"].includes(last2.phase) && at2 - Date.parse(last2.since) < lately) add(25, last2.phase === "refused" ? "warn" : "bad", h("b", {}, last2.id), ` was ${last2.phase === "refused" ? "refused" : "taken back"} ${span(at2 - Date.parse(last2.since))} ago. ${plain(last2)}`);
  f.unheard.forEach((u) => add(35, "warn", local(u.sentence, u.since), "."));
  if (f.loop && f.loop.errors.length > 0) add(30, "warn", `The controller meets errors: ${f.loop.errors[0]}${f.loop.errors.length > 1 ? `; and ${f.loop.errors.length - 1} more` : ""}`);
  return needs.sort((a, b) => b.weight - a.weight);
}
var lately = 36e5;
var plain = (r) => r.headline ? local(r.headline, r.since) : `${r.sentence}.`;
function row(f, needs, at2) {
  const a = f.active, last2 = f.last;
  return h(
    "li",
    { "data-key": f.fleet, class: needs[0]?.tone ?? "" },
    h(
      "div",
      { class: "line" },
      h("a", { class: "name", href: to(f.fleet) }, f.fleet),
      a ? [
        badge(a.phase === "canary" ? `canary ${a.step} of ${a.steps}` : a.phase, tone(a.phase)),
        h("a", { href: toRollout(f.fleet, a.id) }, a.id),
        a.verdict && (a.phase === "shadow" || a.phase === "canary") ? h("span", { class: "muted" }, `${percent(a.verdict.progress, 0)} of the proof`) : null
      ] : f.trouble ? null : badge("nothing tried", "calm"),
      f.queue > 0 ? h("span", { class: "muted" }, `${f.queue} more in the queue`) : null,
      h("span", { class: "spring" }),
      f.trouble ? null : h("span", { class: "muted" }, `${count(f.tasks.ready)} of ${count(f.tasks.desired)} tasks ready`)
    ),
    needs.map((n) => h("p", { class: `need ${n.tone}` }, n.text)),
    f.stable ? h(
      "p",
      { class: "muted" },
      "serves ",
      h("code", { title: f.stable.digest }, short(f.stable.digest)),
      " ",
      origin(f.stable),
      last2 && !a ? ["; last ", h("a", { href: toRollout(f.fleet, last2.id) }, last2.id), " ", badge(last2.phase, tone(last2.phase)), " ", ago(last2.since, at2)] : null
    ) : f.trouble ? null : h("p", { class: "muted" }, "serves nothing yet")
  );
}

// src/takenback.ts
var passport = (digest) => asked(`release/${digest}`, () => release(digest), 6e4);
var takenBack = (list, now2) => (list ?? []).map((t) => h("p", { class: "note", "data-key": `taken-back/${t.fleet}/${t.rollout}` }, "Taken back in ", h("a", { href: toRollout(t.fleet, t.rollout) }, t.fleet), ` ${span(now2 - Date.parse(t.at))} ago: ${local(t.headline, t.at)}`));

// src/releases.ts
var known2 = () => asked("releases", () => releases(), 6e4);
function releasesPage(s) {
  const list = known2(), at2 = now(s), stable = s.view?.stable?.digest ?? "";
  return h(
    "main",
    { class: "page" },
    h(
      "section",
      { id: "trial", class: "card", tabindex: "-1", "aria-label": "Releases" },
      h("header", {}, h("h1", {}, "Releases"), h("span", { class: "muted" }, "newest first, of all fleets")),
      missing(list, "The releases"),
      list.value?.length === 0 ? h("p", { class: "muted" }, "None was admitted yet.") : null,
      (list.value ?? []).length === 0 ? null : h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "List of releases" }, h(
        "table",
        { class: "rows" },
        h("thead", {}, h("tr", {}, ["Release", "From", "Admitted", "Trees", "Predicted filter rate", ""].map((t) => h("th", { scope: "col" }, t || h("span", { class: "unseen" }, "Compare"))))),
        h("tbody", {}, (list.value ?? []).map((p) => h(
          "tr",
          { "data-key": p.digest },
          h("th", { scope: "row" }, h("a", { href: toRelease(s.fleet, p.digest), title: p.digest }, h("code", {}, short(p.digest))), p.digest === stable ? [" ", badge("serves", "good")] : null),
          h("td", { class: "wrap" }, origin(p)),
          h("td", {}, p.admitted_at ? clock(p.admitted_at, at2) : "—"),
          h("td", { class: "number", "data-label": "trees" }, count(p.trees)),
          h("td", { class: "number", "data-label": "predicted" }, p.predicted ? interval(p.predicted) : "—"),
          h("td", {}, p.digest !== stable && stable !== "" ? h("a", { href: to(s.fleet, "compare", p.digest, stable) }, "compare with stable") : null)
        )))
      ))
    )
  );
}
var interval = (i) => `${percent(i.estimate)} [${percent(i.low)}, ${percent(i.high)}]`;
function releasePage(s, r) {
  const p = passport(r.id), one = p.value, stable = s.view?.stable?.digest ?? "";
  const served = servedBy(s, [r.id]);
  return h(
    "main",
    { class: "page" },
    h("p", { class: "crumbs" }, h("a", { href: to(s.fleet, "releases") }, "Releases"), " / ", short(r.id)),
    h(
      "section",
      { id: "trial", class: "card passport", tabindex: "-1", "aria-label": "Passport" },
      h("header", {}, h("h1", {}, one ? origin(one) : short(r.id)), h("code", { class: "wrap" }, r.id), r.id === stable ? badge("serves", "good") : null),
      missing(p, "The passport"),
      ...one ? [...notesOf(one), ...takenBack(one.taken_back, now(s))] : [],
      one ? h("dl", { class: "facts" }, rows(one, now(s)).flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "wrap" }, value)])) : null,
      one ? h(
        "p",
        { class: "verbs" },
        h("a", { class: "button", href: manifestPath(r.id), download: `manifest-${short(r.id)}.json` }, "Download its manifest"),
        stable !== "" && stable !== r.id ? h("a", { class: "button", href: to(s.fleet, "compare", r.id, stable) }, "Compare with stable") : null,
        wasLive(served.rollouts, s.fleet) && r.id !== stable ? button("rollback", "Roll back to it…", "", { "data-release": r.id }) : null
      ) : null
    ),
    one ? measuredPanel(one, served) : null,
    servedPanel(s, served, r.id)
  );
}
var wasLive = (list, fleet2) => list.some((v) => v.fleet === fleet2 && v.rollout.phase === "live");
function rows(p, at2) {
  const list = [
    ["Job", p.job],
    ["Source", p.source],
    ["Version of it", p.version_id],
    ["Asked by", p.by],
    ["Admitted", p.admitted_at ? clock(p.admitted_at, at2) : void 0],
    ["Training job", p.job_arn],
    ["Image", p.image],
    ["Format", p.version ? `${p.format} (${p.version})` : p.format],
    ["Objective", p.objective],
    ["Evaluator", p.evaluator],
    ["Trees", p.trained && p.trained !== p.trees ? `${count(p.trees)} of ${count(p.trained)}` : count(p.trees)],
    ["Features", count(p.features)],
    ["Archive", `${count(p.bytes)} bytes`],
    ["In memory", mebibytes(p.memory_bytes)],
    ["Golden vectors", p.answers === void 0 ? `${count(p.golden)} reproduced` : `${count(p.golden)} reproduced, ${count(p.answers)} with an answer of its library`],
    ["Predicted", p.predicted ? `filter rate ${interval(p.predicted)}` : void 0],
    ["Meant", p.intended_change ? `filter rate ${percent(p.intended_change.filter_rate)} more than stable: ${p.intended_change.why}` : void 0],
    ...Object.entries(p.metrics ?? {}).map(([name, v]) => [`Metric ${name}`, String(Number(v.toPrecision(6)))])
  ];
  return list.filter((row3) => row3[1] !== void 0 && row3[1] !== "");
}
var fleetsSearched = 12;
function servedBy(s, digests) {
  const names = [s.fleet, ...s.fleets.filter((n) => n !== s.fleet)], out = { rollouts: [], asking: false, failed: "", skipped: Math.max(0, names.length - fleetsSearched) };
  for (const fleet2 of names.slice(0, fleetsSearched)) {
    const list = asked(`served/${fleet2}`, () => past(fleet2, 200), 6e4);
    if (list.state === "asking") out.asking = true;
    if (list.state === "failed") out.failed = `${fleet2}: ${list.why}`;
    for (const r of list.value ?? []) if (digests.includes(r.candidate)) out.rollouts.push({ fleet: fleet2, rollout: r });
  }
  return out;
}
function servedPanel(s, served, digest) {
  const stable = s.view?.stable?.digest === digest;
  return h(
    "section",
    { class: "card", "aria-label": "Where it served" },
    h("header", {}, h("h2", {}, "Where it served")),
    served.failed ? h("p", { class: "note" }, `Not all fleets can be asked: ${served.failed}.`) : null,
    served.rollouts.length === 0 ? h("p", { class: "muted" }, served.asking ? "Looking…" : stable ? "It serves, and its rollout is older than what is listed." : "No rollout of it is listed.") : h("ul", { class: "fleets" }, served.rollouts.map((v) => h("li", { "data-key": `${v.fleet}/${v.rollout.id}` }, h(
      "div",
      { class: "line" },
      h("a", { href: to(v.fleet) }, v.fleet),
      h("a", { class: "name", href: toRollout(v.fleet, v.rollout.id) }, v.rollout.id),
      badge(v.rollout.phase, tone(v.rollout.phase)),
      h("span", { class: "reason" }, v.rollout.reason),
      h("span", { class: "spring" }),
      h("span", { class: "muted" }, `${count(v.rollout.exposed)} auctions, ${clock(v.rollout.since, now(s))}`)
    )))),
    served.skipped > 0 ? h("p", { class: "muted" }, `${served.skipped} more fleets are not looked through.`) : null
  );
}
function measuredOf(served, digest) {
  const newest = served.rollouts.filter((v) => v.rollout.candidate === digest && v.rollout.verdict).sort((a, b) => Date.parse(b.rollout.since) - Date.parse(a.rollout.since))[0];
  if (!newest) return null;
  const whole4 = asked(`judged/${newest.fleet}/${newest.rollout.id}/${newest.rollout.since}`, () => rollout(newest.fleet, newest.rollout.id), 6e5).value;
  for (const gate of ["filter_rate_served", "filter_rate_paired"]) {
    const f = (whole4?.verdict?.findings ?? []).find((one) => one.gate === gate && one.requests > 0);
    if (f) return { fleet: newest.fleet, id: newest.rollout.id, gate, rate: f.candidate_rate, requests: f.requests };
  }
  return null;
}
function measuredPanel(p, served) {
  const m = measuredOf(served, p.digest);
  const off2 = m && p.predicted ? m.rate < p.predicted.low || m.rate > p.predicted.high ? "outside what was predicted" : "as predicted" : "";
  return h(
    "section",
    { class: "card", "aria-label": "Predicted and measured" },
    h("header", {}, h("h2", {}, "Predicted and measured"), off2 ? badge(off2, off2 === "as predicted" ? "good" : "warn") : null),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "Predicted"),
      h("dd", {}, p.predicted ? `filter rate ${interval(p.predicted)}, as its manifest says` : "Its manifest predicts nothing."),
      h("dt", {}, "Measured"),
      h("dd", {}, m ? [`filter rate ${percent(m.rate)} of ${count(m.requests)} (${gateName(m.gate)}), in `, h("a", { href: toRollout(m.fleet, m.id) }, m.id)] : served.asking ? "Looking…" : "No rollout that measured it is listed."),
      p.intended_change ? [h("dt", {}, "Meant"), h("dd", {}, `${percent(p.intended_change.filter_rate)} more than stable: ${p.intended_change.why}`)] : null
    )
  );
}
function comparePage(s, r) {
  const list = known2(), at2 = now(s), a = passport(r.id), b = passport(r.other);
  const served = servedBy(s, [r.id, r.other]);
  const chooser2 = (name, chosen) => h(
    "select",
    { "data-go": name, "aria-label": name === "a" ? "First release" : "Second release" },
    [
      ...(list.value ?? []).some((p) => p.digest === chosen) ? [] : [h("option", { value: chosen, selected: true }, short(chosen))],
      ...(list.value ?? []).map((p) => h("option", { value: p.digest, selected: p.digest === chosen }, `${short(p.digest)} ${origin(p)}`))
    ]
  );
  return h(
    "main",
    { class: "page" },
    h("p", { class: "crumbs" }, h("a", { href: to(s.fleet, "releases") }, "Releases"), " / compare"),
    h(
      "section",
      { id: "trial", class: "card", tabindex: "-1", "aria-label": "Two releases beside each other" },
      h("header", {}, h("h1", {}, "Two releases")),
      missing(a, short(r.id)),
      missing(b, short(r.other)),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Comparison" }, h(
        "table",
        { class: "rows beside" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "unseen" }, "What")), h("th", { scope: "col" }, chooser2("a", r.id)), h("th", { scope: "col" }, chooser2("b", r.other)))),
        h("tbody", {}, beside(a.value, b.value, measuredOf(served, r.id), measuredOf(served, r.other), at2).map(([name, one, two]) => h("tr", { class: one === two ? "same" : "differs" }, h("th", { scope: "row" }, name), h("td", { class: "wrap" }, one || "—"), h("td", { class: "wrap" }, two || "—"))))
      ))
    )
  );
}
function beside(a, b, ma, mb, at2) {
  const one = new Map(a ? rows(a, at2) : []), two = new Map(b ? rows(b, at2) : []);
  const told2 = (m) => m ? `filter rate ${percent(m.rate)} of ${count(m.requests)}` : "";
  const names = [.../* @__PURE__ */ new Set([...one.keys(), ...two.keys()])];
  const first = [["Digest", a ? short(a.digest) : "", b ? short(b.digest) : ""]];
  return [...first, ...names.map((n) => [n, one.get(n) ?? "", two.get(n) ?? ""]), ["Measured", told2(ma), told2(mb)]];
}

// vendor/uplot/uPlot.esm.js
var FEAT_TIME = true;
var pre = "u-";
var UPLOT = "uplot";
var ORI_HZ = pre + "hz";
var ORI_VT = pre + "vt";
var TITLE = pre + "title";
var WRAP = pre + "wrap";
var UNDER = pre + "under";
var OVER = pre + "over";
var AXIS = pre + "axis";
var OFF = pre + "off";
var SELECT = pre + "select";
var CURSOR_X = pre + "cursor-x";
var CURSOR_Y = pre + "cursor-y";
var CURSOR_PT = pre + "cursor-pt";
var LEGEND = pre + "legend";
var LEGEND_LIVE = pre + "live";
var LEGEND_INLINE = pre + "inline";
var LEGEND_SERIES = pre + "series";
var LEGEND_MARKER = pre + "marker";
var LEGEND_LABEL = pre + "label";
var LEGEND_VALUE = pre + "value";
var WIDTH = "width";
var HEIGHT = "height";
var TOP = "top";
var BOTTOM = "bottom";
var LEFT = "left";
var RIGHT = "right";
var hexBlack = "#000";
var transparent = hexBlack + "0";
var mousemove = "mousemove";
var mousedown = "mousedown";
var mouseup = "mouseup";
var mouseenter = "mouseenter";
var mouseleave = "mouseleave";
var dblclick = "dblclick";
var resize = "resize";
var scroll = "scroll";
var change = "change";
var dppxchange = "dppxchange";
var LEGEND_DISP = "--";
var domEnv = typeof window != "undefined";
var doc = domEnv ? document : null;
var win = domEnv ? window : null;
var nav = domEnv ? navigator : null;
var pxRatio;
var query;
function setPxRatio() {
  let _pxRatio = devicePixelRatio;
  if (pxRatio != _pxRatio) {
    pxRatio = _pxRatio;
    query && off(change, query, setPxRatio);
    query = matchMedia(`(min-resolution: ${pxRatio - 1e-3}dppx) and (max-resolution: ${pxRatio + 1e-3}dppx)`);
    on(change, query, setPxRatio);
    win.dispatchEvent(new CustomEvent(dppxchange));
  }
}
function addClass(el, c) {
  if (c != null) {
    let cl = el.classList;
    !cl.contains(c) && cl.add(c);
  }
}
function remClass(el, c) {
  let cl = el.classList;
  cl.contains(c) && cl.remove(c);
}
function setStylePx(el, name, value) {
  el.style[name] = value + "px";
}
function placeTag(tag, cls, targ, refEl) {
  let el = doc.createElement(tag);
  if (cls != null)
    addClass(el, cls);
  if (targ != null)
    targ.insertBefore(el, refEl);
  return el;
}
function placeDiv(cls, targ) {
  return placeTag("div", cls, targ);
}
var xformCache = /* @__PURE__ */ new WeakMap();
function elTrans(el, xPos, yPos, xMax, yMax) {
  let xform = "translate(" + xPos + "px," + yPos + "px)";
  let xformOld = xformCache.get(el);
  if (xform != xformOld) {
    el.style.transform = xform;
    xformCache.set(el, xform);
    if (xPos < 0 || yPos < 0 || xPos > xMax || yPos > yMax)
      addClass(el, OFF);
    else
      remClass(el, OFF);
  }
}
var colorCache = /* @__PURE__ */ new WeakMap();
function elColor(el, background, borderColor) {
  let newColor = background + borderColor;
  let oldColor = colorCache.get(el);
  if (newColor != oldColor) {
    colorCache.set(el, newColor);
    el.style.background = background;
    el.style.borderColor = borderColor;
  }
}
var sizeCache = /* @__PURE__ */ new WeakMap();
function elSize(el, newWid, newHgt, centered) {
  let newSize = newWid + "" + newHgt;
  let oldSize = sizeCache.get(el);
  if (newSize != oldSize) {
    sizeCache.set(el, newSize);
    el.style.height = newHgt + "px";
    el.style.width = newWid + "px";
    el.style.marginLeft = centered ? -newWid / 2 + "px" : 0;
    el.style.marginTop = centered ? -newHgt / 2 + "px" : 0;
  }
}
var evOpts = { passive: true };
var evOpts2 = { ...evOpts, capture: true };
function on(ev, el, cb, capt) {
  el.addEventListener(ev, cb, capt ? evOpts2 : evOpts);
}
function off(ev, el, cb, capt) {
  el.removeEventListener(ev, cb, evOpts);
}
domEnv && setPxRatio();
function closestIdx(num, arr, lo, hi) {
  let mid;
  lo = lo || 0;
  hi = hi || arr.length - 1;
  let bitwise = hi <= 2147483647;
  while (hi - lo > 1) {
    mid = bitwise ? lo + hi >> 1 : floor((lo + hi) / 2);
    if (arr[mid] < num)
      lo = mid;
    else
      hi = mid;
  }
  if (num - arr[lo] <= arr[hi] - num)
    return lo;
  return hi;
}
function makeIndexOfs(predicate) {
  let indexOfs = (data, _i0, _i1) => {
    let i0 = -1;
    let i1 = -1;
    for (let i = _i0; i <= _i1; i++) {
      if (predicate(data[i])) {
        i0 = i;
        break;
      }
    }
    for (let i = _i1; i >= _i0; i--) {
      if (predicate(data[i])) {
        i1 = i;
        break;
      }
    }
    return [i0, i1];
  };
  return indexOfs;
}
var notNullish = (v) => v != null;
var isPositive = (v) => v != null && v > 0;
var nonNullIdxs = makeIndexOfs(notNullish);
var positiveIdxs = makeIndexOfs(isPositive);
function getMinMax(data, _i0, _i1, sorted = 0, log3 = false) {
  let getEdgeIdxs = log3 ? positiveIdxs : nonNullIdxs;
  let predicate = log3 ? isPositive : notNullish;
  [_i0, _i1] = getEdgeIdxs(data, _i0, _i1);
  let _min = data[_i0];
  let _max = data[_i0];
  if (_i0 > -1) {
    if (sorted == 1) {
      _min = data[_i0];
      _max = data[_i1];
    } else if (sorted == -1) {
      _min = data[_i1];
      _max = data[_i0];
    } else {
      for (let i = _i0; i <= _i1; i++) {
        let v = data[i];
        if (predicate(v)) {
          if (v < _min)
            _min = v;
          else if (v > _max)
            _max = v;
        }
      }
    }
  }
  return [_min ?? inf, _max ?? -inf];
}
function rangeLog(min2, max2, base, fullMags) {
  let minSign = sign(min2);
  let maxSign = sign(max2);
  if (min2 == max2) {
    if (minSign == -1) {
      min2 *= base;
      max2 /= base;
    } else {
      min2 /= base;
      max2 *= base;
    }
  }
  let logFn = base == 10 ? log10 : log2;
  let growMinAbs = minSign == 1 ? floor : ceil;
  let growMaxAbs = maxSign == 1 ? ceil : floor;
  let minExp = growMinAbs(logFn(abs(min2)));
  let maxExp = growMaxAbs(logFn(abs(max2)));
  let minIncr = pow(base, minExp);
  let maxIncr = pow(base, maxExp);
  if (base == 10) {
    if (minExp < 0)
      minIncr = roundDec(minIncr, -minExp);
    if (maxExp < 0)
      maxIncr = roundDec(maxIncr, -maxExp);
  }
  if (fullMags || base == 2) {
    min2 = minIncr * minSign;
    max2 = maxIncr * maxSign;
  } else {
    min2 = incrRoundDn(min2, minIncr);
    max2 = incrRoundUp(max2, maxIncr);
  }
  return [min2, max2];
}
function rangeAsinh(min2, max2, base, fullMags) {
  let minMax = rangeLog(min2, max2, base, fullMags);
  if (min2 == 0)
    minMax[0] = 0;
  if (max2 == 0)
    minMax[1] = 0;
  return minMax;
}
var rangePad = 0.1;
var autoRangePart = {
  mode: 3,
  pad: rangePad
};
var _eqRangePart = {
  pad: 0,
  soft: null,
  mode: 0
};
var _eqRange = {
  min: _eqRangePart,
  max: _eqRangePart
};
function rangeNum(_min, _max, mult, extra) {
  if (isObj(mult))
    return _rangeNum(_min, _max, mult);
  _eqRangePart.pad = mult;
  _eqRangePart.soft = extra ? 0 : null;
  _eqRangePart.mode = extra ? 3 : 0;
  return _rangeNum(_min, _max, _eqRange);
}
function ifNull(lh, rh) {
  return lh == null ? rh : lh;
}
function hasData(data, idx0, idx1) {
  idx0 = ifNull(idx0, 0);
  idx1 = ifNull(idx1, data.length - 1);
  while (idx0 <= idx1) {
    if (data[idx0] != null)
      return true;
    idx0++;
  }
  return false;
}
function _rangeNum(_min, _max, cfg) {
  let cmin = cfg.min;
  let cmax = cfg.max;
  let padMin = ifNull(cmin.pad, 0);
  let padMax = ifNull(cmax.pad, 0);
  let hardMin = ifNull(cmin.hard, -inf);
  let hardMax = ifNull(cmax.hard, inf);
  let softMin = ifNull(cmin.soft, inf);
  let softMax = ifNull(cmax.soft, -inf);
  let softMinMode = ifNull(cmin.mode, 0);
  let softMaxMode = ifNull(cmax.mode, 0);
  let delta = _max - _min;
  let deltaMag = log10(delta);
  let scalarMax = max(abs(_min), abs(_max));
  let scalarMag = log10(scalarMax);
  let scalarMagDelta = abs(scalarMag - deltaMag);
  if (delta < 1e-24 || scalarMagDelta > 10) {
    delta = 0;
    if (_min == 0 || _max == 0) {
      delta = 1e-24;
      if (softMinMode == 2 && softMin != inf)
        padMin = 0;
      if (softMaxMode == 2 && softMax != -inf)
        padMax = 0;
    }
  }
  let nonZeroDelta = delta || scalarMax || 1e3;
  let mag = log10(nonZeroDelta);
  let base = pow(10, floor(mag));
  let _padMin = nonZeroDelta * (delta == 0 ? _min == 0 ? 0.1 : 1 : padMin);
  let _newMin = roundDec(incrRoundDn(_min - _padMin, base / 10), 24);
  let _softMin = _min >= softMin && (softMinMode == 1 || softMinMode == 3 && _newMin <= softMin || softMinMode == 2 && _newMin >= softMin) ? softMin : inf;
  let minLim = max(hardMin, _newMin < _softMin && _min >= _softMin ? _softMin : min(_softMin, _newMin));
  let _padMax = nonZeroDelta * (delta == 0 ? _max == 0 ? 0.1 : 1 : padMax);
  let _newMax = roundDec(incrRoundUp(_max + _padMax, base / 10), 24);
  let _softMax = _max <= softMax && (softMaxMode == 1 || softMaxMode == 3 && _newMax >= softMax || softMaxMode == 2 && _newMax <= softMax) ? softMax : -inf;
  let maxLim = min(hardMax, _newMax > _softMax && _max <= _softMax ? _softMax : max(_softMax, _newMax));
  if (minLim == maxLim && minLim == 0)
    maxLim = 100;
  return [minLim, maxLim];
}
var numFormatter = new Intl.NumberFormat(domEnv ? nav.language : "en-US");
var fmtNum = (val) => numFormatter.format(val);
var M = Math;
var PI = M.PI;
var abs = M.abs;
var floor = M.floor;
var round = M.round;
var ceil = M.ceil;
var min = M.min;
var max = M.max;
var pow = M.pow;
var sign = M.sign;
var log10 = M.log10;
var log2 = M.log2;
var sinh = (v, linthresh = 1) => M.sinh(v) * linthresh;
var asinh = (v, linthresh = 1) => M.asinh(v / linthresh);
var inf = Infinity;
function numIntDigits(x) {
  return (log10((x ^ x >> 31) - (x >> 31)) | 0) + 1;
}
function clamp(num, _min, _max) {
  return min(max(num, _min), _max);
}
function isFn(v) {
  return typeof v == "function";
}
function fnOrSelf(v) {
  return isFn(v) ? v : () => v;
}
var noop = () => {
};
var retArg0 = (_0) => _0;
var retArg1 = (_0, _1) => _1;
var retNull = (_2) => null;
var retTrue = (_2) => true;
var retEq = (a, b) => a == b;
var regex6 = /\.\d*?(?=9{6,}|0{6,})/gm;
var fixFloat = (val) => {
  if (isInt(val) || fixedDec.has(val))
    return val;
  const str = `${val}`;
  const match = str.match(regex6);
  if (match == null)
    return val;
  let len = match[0].length - 1;
  if (str.indexOf("e-") != -1) {
    let [num, exp] = str.split("e");
    return +`${fixFloat(num)}e${exp}`;
  }
  return roundDec(val, len);
};
function incrRound(num, incr) {
  return fixFloat(roundDec(fixFloat(num / incr)) * incr);
}
function incrRoundUp(num, incr) {
  return fixFloat(ceil(fixFloat(num / incr)) * incr);
}
function incrRoundDn(num, incr) {
  return fixFloat(floor(fixFloat(num / incr)) * incr);
}
function roundDec(val, dec = 0) {
  if (isInt(val))
    return val;
  let p = 10 ** dec;
  let n = val * p * (1 + Number.EPSILON);
  return round(n) / p;
}
var fixedDec = /* @__PURE__ */ new Map();
function guessDec(num) {
  return (("" + num).split(".")[1] || "").length;
}
function genIncrs(base, minExp, maxExp, mults) {
  let incrs = [];
  let multDec = mults.map(guessDec);
  for (let exp = minExp; exp < maxExp; exp++) {
    let expa = abs(exp);
    let mag = roundDec(pow(base, exp), expa);
    for (let i = 0; i < mults.length; i++) {
      let _incr = base == 10 ? +`${mults[i]}e${exp}` : mults[i] * mag;
      let dec = (exp >= 0 ? 0 : expa) + (exp >= multDec[i] ? 0 : multDec[i]);
      let incr = base == 10 ? _incr : roundDec(_incr, dec);
      incrs.push(incr);
      fixedDec.set(incr, dec);
    }
  }
  return incrs;
}
var EMPTY_OBJ = {};
var EMPTY_ARR = [];
var nullNullTuple = [null, null];
var isArr = Array.isArray;
var isInt = Number.isInteger;
var isUndef = (v) => v === void 0;
function isStr(v) {
  return typeof v == "string";
}
function isObj(v) {
  let is = false;
  if (v != null) {
    let c = v.constructor;
    is = c == null || c == Object;
  }
  return is;
}
function fastIsObj(v) {
  return v != null && typeof v == "object";
}
var TypedArray = Object.getPrototypeOf(Uint8Array);
var __proto__ = "__proto__";
function copy(o, _isObj = isObj) {
  let out;
  if (isArr(o)) {
    let val = o.find((v) => v != null);
    if (isArr(val) || _isObj(val)) {
      out = Array(o.length);
      for (let i = 0; i < o.length; i++)
        out[i] = copy(o[i], _isObj);
    } else
      out = o.slice();
  } else if (o instanceof TypedArray)
    out = o.slice();
  else if (_isObj(o)) {
    out = {};
    for (let k in o) {
      if (k != __proto__)
        out[k] = copy(o[k], _isObj);
    }
  } else
    out = o;
  return out;
}
function assign(targ) {
  let args = arguments;
  for (let i = 1; i < args.length; i++) {
    let src = args[i];
    for (let key2 in src) {
      if (key2 != __proto__) {
        if (isObj(targ[key2]))
          assign(targ[key2], copy(src[key2]));
        else
          targ[key2] = copy(src[key2]);
      }
    }
  }
  return targ;
}
var NULL_REMOVE = 0;
var NULL_RETAIN = 1;
var NULL_EXPAND = 2;
function nullExpand(yVals, nullIdxs, alignedLen) {
  for (let i = 0, xi, lastNullIdx = -1; i < nullIdxs.length; i++) {
    let nullIdx = nullIdxs[i];
    if (nullIdx > lastNullIdx) {
      xi = nullIdx - 1;
      while (xi >= 0 && yVals[xi] == null)
        yVals[xi--] = null;
      xi = nullIdx + 1;
      while (xi < alignedLen && yVals[xi] == null)
        yVals[lastNullIdx = xi++] = null;
    }
  }
}
function join(tables, nullModes) {
  if (allHeadersSame(tables)) {
    let table4 = tables[0].slice();
    for (let i = 1; i < tables.length; i++)
      table4.push(...tables[i].slice(1));
    if (!isAsc(table4[0]))
      table4 = sortCols(table4);
    return table4;
  }
  let xVals = /* @__PURE__ */ new Set();
  for (let ti = 0; ti < tables.length; ti++) {
    let t = tables[ti];
    let xs = t[0];
    let len = xs.length;
    for (let i = 0; i < len; i++)
      xVals.add(xs[i]);
  }
  let data = [Array.from(xVals).sort((a, b) => a - b)];
  let alignedLen = data[0].length;
  let xIdxs = /* @__PURE__ */ new Map();
  for (let i = 0; i < alignedLen; i++)
    xIdxs.set(data[0][i], i);
  for (let ti = 0; ti < tables.length; ti++) {
    let t = tables[ti];
    let xs = t[0];
    for (let si = 1; si < t.length; si++) {
      let ys = t[si];
      let yVals = Array(alignedLen).fill(void 0);
      let nullMode = nullModes ? nullModes[ti][si] : NULL_RETAIN;
      let nullIdxs = [];
      for (let i = 0; i < ys.length; i++) {
        let yVal = ys[i];
        let alignedIdx = xIdxs.get(xs[i]);
        if (yVal === null) {
          if (nullMode != NULL_REMOVE) {
            yVals[alignedIdx] = yVal;
            if (nullMode == NULL_EXPAND)
              nullIdxs.push(alignedIdx);
          }
        } else
          yVals[alignedIdx] = yVal;
      }
      nullExpand(yVals, nullIdxs, alignedLen);
      data.push(yVals);
    }
  }
  return data;
}
var microTask = typeof queueMicrotask == "undefined" ? (fn) => Promise.resolve().then(fn) : queueMicrotask;
function sortCols(table4) {
  let head2 = table4[0];
  let rlen = head2.length;
  let idxs = Array(rlen);
  for (let i = 0; i < idxs.length; i++)
    idxs[i] = i;
  idxs.sort((i0, i1) => head2[i0] - head2[i1]);
  let table22 = [];
  for (let i = 0; i < table4.length; i++) {
    let row3 = table4[i];
    let row22 = Array(rlen);
    for (let j = 0; j < rlen; j++)
      row22[j] = row3[idxs[j]];
    table22.push(row22);
  }
  return table22;
}
function allHeadersSame(tables) {
  let vals0 = tables[0][0];
  let len0 = vals0.length;
  for (let i = 1; i < tables.length; i++) {
    let vals1 = tables[i][0];
    if (vals1.length != len0)
      return false;
    if (vals1 != vals0) {
      for (let j = 0; j < len0; j++) {
        if (vals1[j] != vals0[j])
          return false;
      }
    }
  }
  return true;
}
function isAsc(vals, samples = 100) {
  const len = vals.length;
  if (len <= 1)
    return true;
  let firstIdx = 0;
  let lastIdx = len - 1;
  while (firstIdx <= lastIdx && vals[firstIdx] == null)
    firstIdx++;
  while (lastIdx >= firstIdx && vals[lastIdx] == null)
    lastIdx--;
  if (lastIdx <= firstIdx)
    return true;
  const stride = max(1, floor((lastIdx - firstIdx + 1) / samples));
  for (let prevVal = vals[firstIdx], i = firstIdx + stride; i <= lastIdx; i += stride) {
    const v = vals[i];
    if (v != null) {
      if (v <= prevVal)
        return false;
      prevVal = v;
    }
  }
  return true;
}
var months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December"
];
var days = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday"
];
function slice3(str) {
  return str.slice(0, 3);
}
var days3 = days.map(slice3);
var months3 = months.map(slice3);
var engNames = {
  MMMM: months,
  MMM: months3,
  WWWW: days,
  WWW: days3
};
function zeroPad2(int) {
  return (int < 10 ? "0" : "") + int;
}
function zeroPad3(int) {
  return (int < 10 ? "00" : int < 100 ? "0" : "") + int;
}
var subs = {
  // 2019
  YYYY: (d) => d.getFullYear(),
  // 19
  YY: (d) => (d.getFullYear() + "").slice(2),
  // July
  MMMM: (d, names) => names.MMMM[d.getMonth()],
  // Jul
  MMM: (d, names) => names.MMM[d.getMonth()],
  // 07
  MM: (d) => zeroPad2(d.getMonth() + 1),
  // 7
  M: (d) => d.getMonth() + 1,
  // 09
  DD: (d) => zeroPad2(d.getDate()),
  // 9
  D: (d) => d.getDate(),
  // Monday
  WWWW: (d, names) => names.WWWW[d.getDay()],
  // Mon
  WWW: (d, names) => names.WWW[d.getDay()],
  // 03
  HH: (d) => zeroPad2(d.getHours()),
  // 3
  H: (d) => d.getHours(),
  // 9 (12hr, unpadded)
  h: (d) => {
    let h2 = d.getHours();
    return h2 == 0 ? 12 : h2 > 12 ? h2 - 12 : h2;
  },
  // AM
  AA: (d) => d.getHours() >= 12 ? "PM" : "AM",
  // am
  aa: (d) => d.getHours() >= 12 ? "pm" : "am",
  // a
  a: (d) => d.getHours() >= 12 ? "p" : "a",
  // 09
  mm: (d) => zeroPad2(d.getMinutes()),
  // 9
  m: (d) => d.getMinutes(),
  // 09
  ss: (d) => zeroPad2(d.getSeconds()),
  // 9
  s: (d) => d.getSeconds(),
  // 374
  fff: (d) => zeroPad3(d.getMilliseconds())
};
function fmtDate(tpl, names) {
  names = names || engNames;
  let parts = [];
  let R = /\{([a-z]+)\}|[^{]+/gi, m;
  while (m = R.exec(tpl))
    parts.push(m[0][0] == "{" ? subs[m[1]] : m[0]);
  return (d) => {
    let out = "";
    for (let i = 0; i < parts.length; i++)
      out += typeof parts[i] == "string" ? parts[i] : parts[i](d, names);
    return out;
  };
}
var localTz = new Intl.DateTimeFormat().resolvedOptions().timeZone;
function tzDate(date, tz) {
  let date2;
  if (tz == "UTC" || tz == "Etc/UTC")
    date2 = new Date(+date + date.getTimezoneOffset() * 6e4);
  else if (tz == localTz)
    date2 = date;
  else {
    date2 = new Date(date.toLocaleString("en-US", { timeZone: tz }));
    date2.setMilliseconds(date.getMilliseconds());
  }
  return date2;
}
var onlyWhole = (v) => v % 1 == 0;
var allMults = [1, 2, 2.5, 5];
var decIncrs = genIncrs(10, -32, 0, allMults);
var oneIncrs = genIncrs(10, 0, 32, allMults);
var wholeIncrs = oneIncrs.filter(onlyWhole);
var numIncrs = decIncrs.concat(oneIncrs);
var NL = "\n";
var yyyy = "{YYYY}";
var NLyyyy = NL + yyyy;
var md = "{M}/{D}";
var NLmd = NL + md;
var NLmdyy = NLmd + "/{YY}";
var aa = "{aa}";
var hmm = "{h}:{mm}";
var hmmaa = hmm + aa;
var NLhmmaa = NL + hmmaa;
var ss = ":{ss}";
var _ = null;
function genTimeStuffs(ms) {
  let s = ms * 1e3, m = s * 60, h2 = m * 60, d = h2 * 24, mo = d * 30, y = d * 365;
  let subSecIncrs = ms == 1 ? genIncrs(10, 0, 3, allMults).filter(onlyWhole) : genIncrs(10, -3, 0, allMults);
  let timeIncrs = subSecIncrs.concat([
    // minute divisors (# of secs)
    s,
    s * 5,
    s * 10,
    s * 15,
    s * 30,
    // hour divisors (# of mins)
    m,
    m * 5,
    m * 10,
    m * 15,
    m * 30,
    // day divisors (# of hrs)
    h2,
    h2 * 2,
    h2 * 3,
    h2 * 4,
    h2 * 6,
    h2 * 8,
    h2 * 12,
    // month divisors TODO: need more?
    d,
    d * 2,
    d * 3,
    d * 4,
    d * 5,
    d * 6,
    d * 7,
    d * 8,
    d * 9,
    d * 10,
    d * 15,
    // year divisors (# months, approx)
    mo,
    mo * 2,
    mo * 3,
    mo * 4,
    mo * 6,
    // century divisors
    y,
    y * 2,
    y * 5,
    y * 10,
    y * 25,
    y * 50,
    y * 100
  ]);
  const _timeAxisStamps = [
    //   tick incr    default          year                    month   day                   hour    min       sec   mode
    [y, yyyy, _, _, _, _, _, _, 1],
    [d * 28, "{MMM}", NLyyyy, _, _, _, _, _, 1],
    [d, md, NLyyyy, _, _, _, _, _, 1],
    [h2, "{h}" + aa, NLmdyy, _, NLmd, _, _, _, 1],
    [m, hmmaa, NLmdyy, _, NLmd, _, _, _, 1],
    [s, ss, NLmdyy + " " + hmmaa, _, NLmd + " " + hmmaa, _, NLhmmaa, _, 1],
    [ms, ss + ".{fff}", NLmdyy + " " + hmmaa, _, NLmd + " " + hmmaa, _, NLhmmaa, _, 1]
  ];
  function timeAxisSplits(tzDate2) {
    return (self, axisIdx, scaleMin, scaleMax, foundIncr, foundSpace) => {
      let splits = [];
      let isYr = foundIncr >= y;
      let isMo = foundIncr >= mo && foundIncr < y;
      let minDate = tzDate2(scaleMin);
      let minDateTs = roundDec(minDate * ms, 3);
      let minMin = mkDate(minDate.getFullYear(), isYr ? 0 : minDate.getMonth(), isMo || isYr ? 1 : minDate.getDate());
      let minMinTs = roundDec(minMin * ms, 3);
      if (isMo || isYr) {
        let moIncr = isMo ? foundIncr / mo : 0;
        let yrIncr = isYr ? foundIncr / y : 0;
        let split2 = minDateTs == minMinTs ? minDateTs : roundDec(mkDate(minMin.getFullYear() + yrIncr, minMin.getMonth() + moIncr, 1) * ms, 3);
        let splitDate = new Date(round(split2 / ms));
        let baseYear = splitDate.getFullYear();
        let baseMonth = splitDate.getMonth();
        for (let i = 0; split2 <= scaleMax; i++) {
          let next = mkDate(baseYear + yrIncr * i, baseMonth + moIncr * i, 1);
          let offs = next - tzDate2(roundDec(next * ms, 3));
          split2 = roundDec((+next + offs) * ms, 3);
          if (split2 <= scaleMax)
            splits.push(split2);
        }
      } else {
        let incr0 = foundIncr >= d ? d : foundIncr;
        let tzOffset = floor(scaleMin) - floor(minDateTs);
        let split2 = minMinTs + tzOffset + incrRoundUp(minDateTs - minMinTs, incr0);
        splits.push(split2);
        let date0 = tzDate2(split2);
        let prevHour = date0.getHours() + date0.getMinutes() / m + date0.getSeconds() / h2;
        let incrHours = foundIncr / h2;
        let minSpace = self.axes[axisIdx]._space;
        let pctSpace = foundSpace / minSpace;
        while (1) {
          split2 = roundDec(split2 + foundIncr, ms == 1 ? 0 : 3);
          if (split2 > scaleMax)
            break;
          if (incrHours > 1) {
            let expectedHour = floor(roundDec(prevHour + incrHours, 6)) % 24;
            let splitDate = tzDate2(split2);
            let actualHour = splitDate.getHours();
            let dstShift = actualHour - expectedHour;
            if (dstShift > 1)
              dstShift = -1;
            split2 -= dstShift * h2;
            prevHour = (prevHour + incrHours) % 24;
            let prevSplit = splits[splits.length - 1];
            let pctIncr = roundDec((split2 - prevSplit) / foundIncr, 3);
            if (pctIncr * pctSpace >= 0.7)
              splits.push(split2);
          } else
            splits.push(split2);
        }
      }
      return splits;
    };
  }
  return [
    timeIncrs,
    _timeAxisStamps,
    timeAxisSplits
  ];
}
var [timeIncrsMs, _timeAxisStampsMs, timeAxisSplitsMs] = genTimeStuffs(1);
var [timeIncrsS, _timeAxisStampsS, timeAxisSplitsS] = genTimeStuffs(1e-3);
genIncrs(2, -53, 53, [1]);
function timeAxisStamps(stampCfg, fmtDate2) {
  return stampCfg.map((s) => s.map(
    (v, i) => i == 0 || i == 8 || v == null ? v : fmtDate2(i == 1 || s[8] == 0 ? v : s[1] + v)
  ));
}
function timeAxisVals(tzDate2, stamps) {
  return (self, splits, axisIdx, foundSpace, foundIncr) => {
    let s = stamps.find((s2) => foundIncr >= s2[0]) || stamps[stamps.length - 1];
    let prevYear;
    let prevMnth;
    let prevDate;
    let prevHour;
    let prevMins;
    let prevSecs;
    return splits.map((split2) => {
      let date = tzDate2(split2);
      let newYear = date.getFullYear();
      let newMnth = date.getMonth();
      let newDate = date.getDate();
      let newHour = date.getHours();
      let newMins = date.getMinutes();
      let newSecs = date.getSeconds();
      let stamp = newYear != prevYear && s[2] || newMnth != prevMnth && s[3] || newDate != prevDate && s[4] || newHour != prevHour && s[5] || newMins != prevMins && s[6] || newSecs != prevSecs && s[7] || s[1];
      prevYear = newYear;
      prevMnth = newMnth;
      prevDate = newDate;
      prevHour = newHour;
      prevMins = newMins;
      prevSecs = newSecs;
      return stamp(date);
    });
  };
}
function timeAxisVal(tzDate2, dateTpl) {
  let stamp = fmtDate(dateTpl);
  return (self, splits, axisIdx, foundSpace, foundIncr) => splits.map((split2) => stamp(tzDate2(split2)));
}
function mkDate(y, m, d) {
  return new Date(y, m, d);
}
function timeSeriesStamp(stampCfg, fmtDate2) {
  return fmtDate2(stampCfg);
}
var _timeSeriesStamp = "{YYYY}-{MM}-{DD} {h}:{mm}{aa}";
function timeSeriesVal(tzDate2, stamp) {
  return (self, val, seriesIdx, dataIdx) => dataIdx == null ? LEGEND_DISP : stamp(tzDate2(val));
}
function legendStroke(self, seriesIdx) {
  let s = self.series[seriesIdx];
  return s.width ? s.stroke(self, seriesIdx) : s.points.width ? s.points.stroke(self, seriesIdx) : null;
}
function legendFill(self, seriesIdx) {
  return self.series[seriesIdx].fill(self, seriesIdx);
}
var legendOpts = {
  show: true,
  live: true,
  isolate: false,
  mount: noop,
  markers: {
    show: true,
    width: 2,
    stroke: legendStroke,
    fill: legendFill,
    dash: "solid"
  },
  idx: null,
  idxs: null,
  values: []
};
function cursorPointShow(self, si) {
  let o = self.cursor.points;
  let pt = placeDiv();
  let size2 = o.size(self, si);
  setStylePx(pt, WIDTH, size2);
  setStylePx(pt, HEIGHT, size2);
  let mar = size2 / -2;
  setStylePx(pt, "marginLeft", mar);
  setStylePx(pt, "marginTop", mar);
  let width2 = o.width(self, si, size2);
  width2 && setStylePx(pt, "borderWidth", width2);
  return pt;
}
function cursorPointFill(self, si) {
  let sp = self.series[si].points;
  return sp._fill || sp._stroke;
}
function cursorPointStroke(self, si) {
  let sp = self.series[si].points;
  return sp._stroke || sp._fill;
}
function cursorPointSize(self, si) {
  let sp = self.series[si].points;
  return sp.size;
}
var moveTuple = [0, 0];
function cursorMove(self, mouseLeft1, mouseTop1) {
  moveTuple[0] = mouseLeft1;
  moveTuple[1] = mouseTop1;
  return moveTuple;
}
function filtBtn0(self, targ, handle, onlyTarg = true) {
  return (e) => {
    e.button == 0 && (!onlyTarg || e.target == targ) && handle(e);
  };
}
function filtTarg(self, targ, handle, onlyTarg = true) {
  return (e) => {
    (!onlyTarg || e.target == targ) && handle(e);
  };
}
var cursorOpts = {
  show: true,
  x: true,
  y: true,
  lock: false,
  move: cursorMove,
  points: {
    one: false,
    show: cursorPointShow,
    size: cursorPointSize,
    width: 0,
    stroke: cursorPointStroke,
    fill: cursorPointFill
  },
  bind: {
    mousedown: filtBtn0,
    mouseup: filtBtn0,
    click: filtBtn0,
    // legend clicks, not .u-over clicks
    dblclick: filtBtn0,
    mousemove: filtTarg,
    mouseleave: filtTarg,
    mouseenter: filtTarg
  },
  drag: {
    setScale: true,
    x: true,
    y: false,
    dist: 0,
    uni: null,
    click: (self, e) => {
      e.stopPropagation();
      e.stopImmediatePropagation();
    },
    _x: false,
    _y: false
  },
  focus: {
    dist: (self, seriesIdx, dataIdx, valPos, curPos) => valPos - curPos,
    prox: -1,
    bias: 0
  },
  hover: {
    skip: [void 0],
    prox: null,
    bias: 0
  },
  left: -10,
  top: -10,
  idx: null,
  dataIdx: null,
  idxs: null,
  event: null
};
var axisLines = {
  show: true,
  stroke: "rgba(0,0,0,0.07)",
  width: 2
  //	dash: [],
};
var grid = assign({}, axisLines, {
  filter: retArg1
});
var ticks = assign({}, grid, {
  size: 10
});
var border = assign({}, axisLines, {
  show: false
});
var font = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"';
var labelFont = "bold " + font;
var lineGap = 1.5;
var xAxisOpts = {
  show: true,
  scale: "x",
  stroke: hexBlack,
  space: 50,
  gap: 5,
  alignTo: 1,
  size: 50,
  labelGap: 0,
  labelSize: 30,
  labelFont,
  side: 2,
  //	class: "x-vals",
  //	incrs: timeIncrs,
  //	values: timeVals,
  //	filter: retArg1,
  grid,
  ticks,
  border,
  font,
  lineGap,
  rotate: 0
};
var numSeriesLabel = "Value";
var timeSeriesLabel = "Time";
var xSeriesOpts = {
  show: true,
  scale: "x",
  auto: false,
  sorted: 1,
  //	label: "Time",
  //	value: v => stamp(new Date(v * 1e3)),
  // internal caches
  min: inf,
  max: -inf,
  idxs: []
};
function numAxisVals(self, splits, axisIdx, foundSpace, foundIncr) {
  return splits.map((v) => v == null ? "" : fmtNum(v));
}
function numAxisSplits(self, axisIdx, scaleMin, scaleMax, foundIncr, foundSpace, forceMin) {
  let splits = [];
  let numDec = fixedDec.get(foundIncr) || 0;
  scaleMin = forceMin ? scaleMin : roundDec(incrRoundUp(scaleMin, foundIncr), numDec);
  for (let val = scaleMin; val <= scaleMax; val = roundDec(val + foundIncr, numDec))
    splits.push(Object.is(val, -0) ? 0 : val);
  return splits;
}
function logAxisSplits(self, axisIdx, scaleMin, scaleMax, foundIncr, foundSpace, forceMin) {
  const splits = [];
  const logBase = self.scales[self.axes[axisIdx].scale].log;
  const logFn = logBase == 10 ? log10 : log2;
  const exp = floor(logFn(scaleMin));
  foundIncr = pow(logBase, exp);
  if (logBase == 10)
    foundIncr = numIncrs[closestIdx(foundIncr, numIncrs)];
  let split2 = scaleMin;
  let nextMagIncr = foundIncr * logBase;
  if (logBase == 10)
    nextMagIncr = numIncrs[closestIdx(nextMagIncr, numIncrs)];
  do {
    splits.push(split2);
    split2 = split2 + foundIncr;
    if (logBase == 10 && !fixedDec.has(split2))
      split2 = roundDec(split2, fixedDec.get(foundIncr));
    if (split2 >= nextMagIncr) {
      foundIncr = split2;
      nextMagIncr = foundIncr * logBase;
      if (logBase == 10)
        nextMagIncr = numIncrs[closestIdx(nextMagIncr, numIncrs)];
    }
  } while (split2 <= scaleMax);
  return splits;
}
function asinhAxisSplits(self, axisIdx, scaleMin, scaleMax, foundIncr, foundSpace, forceMin) {
  let sc = self.scales[self.axes[axisIdx].scale];
  let linthresh = sc.asinh;
  let posSplits = scaleMax > linthresh ? logAxisSplits(self, axisIdx, max(linthresh, scaleMin), scaleMax, foundIncr) : [linthresh];
  let zero = scaleMax >= 0 && scaleMin <= 0 ? [0] : [];
  let negSplits = scaleMin < -linthresh ? logAxisSplits(self, axisIdx, max(linthresh, -scaleMax), -scaleMin, foundIncr) : [linthresh];
  return negSplits.reverse().map((v) => -v).concat(zero, posSplits);
}
var RE_ALL = /./;
var RE_12357 = /[12357]/;
var RE_125 = /[125]/;
var RE_1 = /1/;
var _filt = (splits, distr, re, keepMod) => splits.map((v, i) => distr == 4 && v == 0 || i % keepMod == 0 && re.test(v.toExponential()[v < 0 ? 1 : 0]) ? v : null);
function log10AxisValsFilt(self, splits, axisIdx, foundSpace, foundIncr) {
  let axis = self.axes[axisIdx];
  let scaleKey = axis.scale;
  let sc = self.scales[scaleKey];
  let valToPos = self.valToPos;
  let minSpace = axis._space;
  let _10 = valToPos(10, scaleKey);
  let re = valToPos(9, scaleKey) - _10 >= minSpace ? RE_ALL : valToPos(7, scaleKey) - _10 >= minSpace ? RE_12357 : valToPos(5, scaleKey) - _10 >= minSpace ? RE_125 : RE_1;
  if (re == RE_1) {
    let magSpace = abs(valToPos(1, scaleKey) - _10);
    if (magSpace < minSpace)
      return _filt(splits.slice().reverse(), sc.distr, re, ceil(minSpace / magSpace)).reverse();
  }
  return _filt(splits, sc.distr, re, 1);
}
function log2AxisValsFilt(self, splits, axisIdx, foundSpace, foundIncr) {
  let axis = self.axes[axisIdx];
  let scaleKey = axis.scale;
  let minSpace = axis._space;
  let valToPos = self.valToPos;
  let magSpace = abs(valToPos(1, scaleKey) - valToPos(2, scaleKey));
  if (magSpace < minSpace)
    return _filt(splits.slice().reverse(), 3, RE_ALL, ceil(minSpace / magSpace)).reverse();
  return splits;
}
function numSeriesVal(self, val, seriesIdx, dataIdx) {
  return dataIdx == null ? LEGEND_DISP : val == null ? "" : fmtNum(val);
}
var yAxisOpts = {
  show: true,
  scale: "y",
  stroke: hexBlack,
  space: 30,
  gap: 5,
  alignTo: 1,
  size: 50,
  labelGap: 0,
  labelSize: 30,
  labelFont,
  side: 3,
  //	class: "y-vals",
  //	incrs: numIncrs,
  //	values: (vals, space) => vals,
  //	filter: retArg1,
  grid,
  ticks,
  border,
  font,
  lineGap,
  rotate: 0
};
function ptDia(width2, mult) {
  let dia = 3 + (width2 || 1) * 2;
  return roundDec(dia * mult, 3);
}
function seriesPointsShow(self, si) {
  let { scale: scale2, idxs } = self.series[0];
  let xData = self._data[0];
  let p0 = self.valToPos(xData[idxs[0]], scale2, true);
  let p1 = self.valToPos(xData[idxs[1]], scale2, true);
  let dim = abs(p1 - p0);
  let s = self.series[si];
  let maxPts = dim / (s.points.space * pxRatio);
  return idxs[1] - idxs[0] <= maxPts;
}
var facet = {
  scale: null,
  auto: true,
  sorted: 0,
  // internal caches
  min: inf,
  max: -inf
};
var gaps = (self, seriesIdx, idx0, idx1, nullGaps) => nullGaps;
var xySeriesOpts = {
  show: true,
  auto: true,
  sorted: 0,
  gaps,
  alpha: 1,
  facets: [
    assign({}, facet, { scale: "x" }),
    assign({}, facet, { scale: "y" })
  ]
};
var ySeriesOpts = {
  scale: "y",
  auto: true,
  sorted: 0,
  show: true,
  spanGaps: false,
  gaps,
  alpha: 1,
  points: {
    show: seriesPointsShow,
    filter: null
    //  paths:
    //	stroke: "#000",
    //	fill: "#fff",
    //	width: 1,
    //	size: 10,
  },
  //	label: "Value",
  //	value: v => v,
  values: null,
  // internal caches
  min: inf,
  max: -inf,
  idxs: [],
  path: null,
  clip: null
};
function clampScale(self, val, scaleMin, scaleMax, scaleKey) {
  return scaleMin / 10;
}
var xScaleOpts = {
  time: FEAT_TIME,
  auto: true,
  distr: 1,
  log: 10,
  asinh: 1,
  min: null,
  max: null,
  dir: 1,
  ori: 0
};
var yScaleOpts = assign({}, xScaleOpts, {
  time: false,
  ori: 1
});
var syncs = {};
function _sync(key2, opts) {
  let s = syncs[key2];
  if (!s) {
    s = {
      key: key2,
      plots: [],
      sub(plot) {
        s.plots.push(plot);
      },
      unsub(plot) {
        s.plots = s.plots.filter((c) => c != plot);
      },
      pub(type, self, x, y, w, h2, i) {
        for (let j = 0; j < s.plots.length; j++)
          s.plots[j] != self && s.plots[j].pub(type, self, x, y, w, h2, i);
      }
    };
    if (key2 != null)
      syncs[key2] = s;
  }
  return s;
}
var BAND_CLIP_FILL = 1 << 0;
var BAND_CLIP_STROKE = 1 << 1;
function orient(u, seriesIdx, cb) {
  const mode = u.mode;
  const series2 = u.series[seriesIdx];
  const data = mode == 2 ? u._data[seriesIdx] : u._data;
  const scales = u.scales;
  const bbox = u.bbox;
  let dx = data[0], dy = mode == 2 ? data[1] : data[seriesIdx], sx = mode == 2 ? scales[series2.facets[0].scale] : scales[u.series[0].scale], sy = mode == 2 ? scales[series2.facets[1].scale] : scales[series2.scale], l = bbox.left, t = bbox.top, w = bbox.width, h2 = bbox.height, H = u.valToPosH, V = u.valToPosV;
  return sx.ori == 0 ? cb(
    series2,
    dx,
    dy,
    sx,
    sy,
    H,
    V,
    l,
    t,
    w,
    h2,
    moveToH,
    lineToH,
    rectH,
    arcH,
    bezierCurveToH
  ) : cb(
    series2,
    dx,
    dy,
    sx,
    sy,
    V,
    H,
    t,
    l,
    h2,
    w,
    moveToV,
    lineToV,
    rectV,
    arcV,
    bezierCurveToV
  );
}
function bandFillClipDirs(self, seriesIdx) {
  let fillDir = 0;
  let clipDirs = 0;
  let bands = ifNull(self.bands, EMPTY_ARR);
  for (let i = 0; i < bands.length; i++) {
    let b = bands[i];
    if (b.series[0] == seriesIdx)
      fillDir = b.dir;
    else if (b.series[1] == seriesIdx) {
      if (b.dir == 1)
        clipDirs |= 1;
      else
        clipDirs |= 2;
    }
  }
  return [
    fillDir,
    clipDirs == 1 ? -1 : (
      // neg only
      clipDirs == 2 ? 1 : (
        // pos only
        clipDirs == 3 ? 2 : (
          // both
          0
        )
      )
    )
  ];
}
function seriesFillTo(self, seriesIdx, dataMin, dataMax, bandFillDir) {
  let mode = self.mode;
  let series2 = self.series[seriesIdx];
  let scaleKey = mode == 2 ? series2.facets[1].scale : series2.scale;
  let scale2 = self.scales[scaleKey];
  return bandFillDir == -1 ? scale2.min : bandFillDir == 1 ? scale2.max : scale2.distr == 3 ? scale2.dir == 1 ? scale2.min : scale2.max : 0;
}
function clipBandLine(self, seriesIdx, idx0, idx1, strokePath, clipDir) {
  return orient(self, seriesIdx, (series2, dataX, dataY, scaleX, scaleY, valToPosX, valToPosY, xOff, yOff, xDim, yDim) => {
    let pxRound = series2.pxRound;
    const dir = scaleX.dir * (scaleX.ori == 0 ? 1 : -1);
    const lineTo = scaleX.ori == 0 ? lineToH : lineToV;
    let frIdx, toIdx;
    if (dir == 1) {
      frIdx = idx0;
      toIdx = idx1;
    } else {
      frIdx = idx1;
      toIdx = idx0;
    }
    let x0 = pxRound(valToPosX(dataX[frIdx], scaleX, xDim, xOff));
    let y0 = pxRound(valToPosY(dataY[frIdx], scaleY, yDim, yOff));
    let x1 = pxRound(valToPosX(dataX[toIdx], scaleX, xDim, xOff));
    let yLimit = pxRound(valToPosY(clipDir == 1 ? scaleY.max : scaleY.min, scaleY, yDim, yOff));
    let clip = new Path2D(strokePath);
    lineTo(clip, x1, yLimit);
    lineTo(clip, x0, yLimit);
    lineTo(clip, x0, y0);
    return clip;
  });
}
function clipGaps(gaps2, ori, plotLft, plotTop, plotWid, plotHgt) {
  let clip = null;
  if (gaps2.length > 0) {
    clip = new Path2D();
    const rect2 = ori == 0 ? rectH : rectV;
    let prevGapEnd = plotLft;
    for (let i = 0; i < gaps2.length; i++) {
      let g = gaps2[i];
      if (g[1] > g[0]) {
        let w2 = g[0] - prevGapEnd;
        w2 > 0 && rect2(clip, prevGapEnd, plotTop, w2, plotTop + plotHgt);
        prevGapEnd = g[1];
      }
    }
    let w = plotLft + plotWid - prevGapEnd;
    let maxStrokeWidth = 10;
    w > 0 && rect2(clip, prevGapEnd, plotTop - maxStrokeWidth / 2, w, plotTop + plotHgt + maxStrokeWidth);
  }
  return clip;
}
function addGap(gaps2, fromX, toX) {
  let prevGap = gaps2[gaps2.length - 1];
  if (prevGap && prevGap[0] == fromX)
    prevGap[1] = toX;
  else
    gaps2.push([fromX, toX]);
}
function findGaps(xs, ys, idx0, idx1, dir, pixelForX, align) {
  let gaps2 = [];
  let len = xs.length;
  for (let i = dir == 1 ? idx0 : idx1; i >= idx0 && i <= idx1; i += dir) {
    let yVal = ys[i];
    if (yVal === null) {
      let fr = i, to2 = i;
      if (dir == 1) {
        while (++i <= idx1 && ys[i] === null)
          to2 = i;
      } else {
        while (--i >= idx0 && ys[i] === null)
          to2 = i;
      }
      let frPx = pixelForX(xs[fr]);
      let toPx = to2 == fr ? frPx : pixelForX(xs[to2]);
      let fri2 = fr - dir;
      let frPx2 = align <= 0 && fri2 >= 0 && fri2 < len ? pixelForX(xs[fri2]) : frPx;
      frPx = frPx2;
      let toi2 = to2 + dir;
      let toPx2 = align >= 0 && toi2 >= 0 && toi2 < len ? pixelForX(xs[toi2]) : toPx;
      toPx = toPx2;
      if (toPx >= frPx)
        gaps2.push([frPx, toPx]);
    }
  }
  return gaps2;
}
function pxRoundGen(pxAlign) {
  return pxAlign == 0 ? retArg0 : pxAlign == 1 ? round : (v) => incrRound(v, pxAlign);
}
function rect(ori) {
  let moveTo = ori == 0 ? moveToH : moveToV;
  let arcTo = ori == 0 ? (p, x1, y1, x2, y2, r) => {
    p.arcTo(x1, y1, x2, y2, r);
  } : (p, y1, x1, y2, x2, r) => {
    p.arcTo(x1, y1, x2, y2, r);
  };
  let rect2 = ori == 0 ? (p, x, y, w, h2) => {
    p.rect(x, y, w, h2);
  } : (p, y, x, h2, w) => {
    p.rect(x, y, w, h2);
  };
  return (p, x, y, w, h2, endRad = 0, baseRad = 0) => {
    if (endRad == 0 && baseRad == 0)
      rect2(p, x, y, w, h2);
    else {
      endRad = min(endRad, w / 2, h2 / 2);
      baseRad = min(baseRad, w / 2, h2 / 2);
      moveTo(p, x + endRad, y);
      arcTo(p, x + w, y, x + w, y + h2, endRad);
      arcTo(p, x + w, y + h2, x, y + h2, baseRad);
      arcTo(p, x, y + h2, x, y, baseRad);
      arcTo(p, x, y, x + w, y, endRad);
      p.closePath();
    }
  };
}
var moveToH = (p, x, y) => {
  p.moveTo(x, y);
};
var moveToV = (p, y, x) => {
  p.moveTo(x, y);
};
var lineToH = (p, x, y) => {
  p.lineTo(x, y);
};
var lineToV = (p, y, x) => {
  p.lineTo(x, y);
};
var rectH = rect(0);
var rectV = rect(1);
var arcH = (p, x, y, r, startAngle, endAngle) => {
  p.arc(x, y, r, startAngle, endAngle);
};
var arcV = (p, y, x, r, startAngle, endAngle) => {
  p.arc(x, y, r, startAngle, endAngle);
};
var bezierCurveToH = (p, bp1x, bp1y, bp2x, bp2y, p2x, p2y) => {
  p.bezierCurveTo(bp1x, bp1y, bp2x, bp2y, p2x, p2y);
};
var bezierCurveToV = (p, bp1y, bp1x, bp2y, bp2x, p2y, p2x) => {
  p.bezierCurveTo(bp1x, bp1y, bp2x, bp2y, p2x, p2y);
};
function points2(opts) {
  return (u, seriesIdx, idx0, idx1, filtIdxs) => {
    return orient(u, seriesIdx, (series2, dataX, dataY, scaleX, scaleY, valToPosX, valToPosY, xOff, yOff, xDim, yDim) => {
      let { pxRound, points: points3 } = series2;
      let moveTo, arc;
      if (scaleX.ori == 0) {
        moveTo = moveToH;
        arc = arcH;
      } else {
        moveTo = moveToV;
        arc = arcV;
      }
      const width2 = roundDec(points3.width * pxRatio, 3);
      let rad = (points3.size - points3.width) / 2 * pxRatio;
      let dia = roundDec(rad * 2, 3);
      let fill3 = new Path2D();
      let clip = new Path2D();
      let { left: lft, top, width: wid, height: hgt } = u.bbox;
      rectH(
        clip,
        lft - dia,
        top - dia,
        wid + dia * 2,
        hgt + dia * 2
      );
      const drawPoint = (pi) => {
        if (dataY[pi] != null) {
          let x = pxRound(valToPosX(dataX[pi], scaleX, xDim, xOff));
          let y = pxRound(valToPosY(dataY[pi], scaleY, yDim, yOff));
          moveTo(fill3, x + rad, y);
          arc(fill3, x, y, rad, 0, PI * 2);
        }
      };
      if (filtIdxs)
        filtIdxs.forEach(drawPoint);
      else {
        for (let pi = idx0; pi <= idx1; pi++)
          drawPoint(pi);
      }
      return {
        stroke: width2 > 0 ? fill3 : null,
        fill: fill3,
        clip,
        flags: BAND_CLIP_FILL | BAND_CLIP_STROKE
      };
    });
  };
}
function _drawAcc(lineTo) {
  return (stroke, accX, minY, maxY, inY, outY) => {
    if (minY != maxY) {
      if (inY != minY && outY != minY)
        lineTo(stroke, accX, minY);
      if (inY != maxY && outY != maxY)
        lineTo(stroke, accX, maxY);
      lineTo(stroke, accX, outY);
    }
  };
}
var drawAccH = _drawAcc(lineToH);
var drawAccV = _drawAcc(lineToV);
function linear(opts) {
  const alignGaps = ifNull(opts?.alignGaps, 0);
  return (u, seriesIdx, idx0, idx1) => {
    return orient(u, seriesIdx, (series2, dataX, dataY, scaleX, scaleY, valToPosX, valToPosY, xOff, yOff, xDim, yDim) => {
      [idx0, idx1] = nonNullIdxs(dataY, idx0, idx1);
      let pxRound = series2.pxRound;
      let pixelForX = (val) => pxRound(valToPosX(val, scaleX, xDim, xOff));
      let pixelForY = (val) => pxRound(valToPosY(val, scaleY, yDim, yOff));
      let lineTo, drawAcc;
      if (scaleX.ori == 0) {
        lineTo = lineToH;
        drawAcc = drawAccH;
      } else {
        lineTo = lineToV;
        drawAcc = drawAccV;
      }
      const dir = scaleX.dir * (scaleX.ori == 0 ? 1 : -1);
      const _paths = { stroke: new Path2D(), fill: null, clip: null, band: null, gaps: null, flags: BAND_CLIP_FILL };
      const stroke = _paths.stroke;
      let hasGap = false;
      const decimate = idx1 - idx0 >= xDim * 4;
      if (decimate) {
        let xForPixel = (pos) => u.posToVal(pos, scaleX.key, true);
        let minY = null, maxY = null, inY, outY, drawnAtX;
        let accX = pixelForX(dataX[dir == 1 ? idx0 : idx1]);
        let idx0px = pixelForX(dataX[idx0]);
        let idx1px = pixelForX(dataX[idx1]);
        let nextAccXVal = xForPixel(dir == 1 ? idx0px + 1 : idx1px - 1);
        for (let i = dir == 1 ? idx0 : idx1; i >= idx0 && i <= idx1; i += dir) {
          let xVal = dataX[i];
          let reuseAccX = dir == 1 ? xVal < nextAccXVal : xVal > nextAccXVal;
          let x = reuseAccX ? accX : pixelForX(xVal);
          let yVal = dataY[i];
          if (x == accX) {
            if (yVal != null) {
              outY = yVal;
              if (minY == null) {
                lineTo(stroke, x, pixelForY(outY));
                inY = minY = maxY = outY;
              } else {
                if (outY < minY)
                  minY = outY;
                else if (outY > maxY)
                  maxY = outY;
              }
            } else {
              if (yVal === null)
                hasGap = true;
            }
          } else {
            if (minY != null)
              drawAcc(stroke, accX, pixelForY(minY), pixelForY(maxY), pixelForY(inY), pixelForY(outY));
            if (yVal != null) {
              outY = yVal;
              lineTo(stroke, x, pixelForY(outY));
              minY = maxY = inY = outY;
            } else {
              minY = maxY = null;
              if (yVal === null)
                hasGap = true;
            }
            accX = x;
            nextAccXVal = xForPixel(accX + dir);
          }
        }
        if (minY != null && minY != maxY && drawnAtX != accX)
          drawAcc(stroke, accX, pixelForY(minY), pixelForY(maxY), pixelForY(inY), pixelForY(outY));
      } else {
        for (let i = dir == 1 ? idx0 : idx1; i >= idx0 && i <= idx1; i += dir) {
          let yVal = dataY[i];
          if (yVal === null)
            hasGap = true;
          else if (yVal != null)
            lineTo(stroke, pixelForX(dataX[i]), pixelForY(yVal));
        }
      }
      let [bandFillDir, bandClipDir] = bandFillClipDirs(u, seriesIdx);
      if (series2.fill != null || bandFillDir != 0) {
        let fill3 = _paths.fill = new Path2D(stroke);
        let fillToVal = series2.fillTo(u, seriesIdx, series2.min, series2.max, bandFillDir);
        let fillToY = pixelForY(fillToVal);
        let frX = pixelForX(dataX[idx0]);
        let toX = pixelForX(dataX[idx1]);
        if (dir == -1)
          [toX, frX] = [frX, toX];
        lineTo(fill3, toX, fillToY);
        lineTo(fill3, frX, fillToY);
      }
      if (!series2.spanGaps) {
        let gaps2 = [];
        hasGap && gaps2.push(...findGaps(dataX, dataY, idx0, idx1, dir, pixelForX, alignGaps));
        _paths.gaps = gaps2 = series2.gaps(u, seriesIdx, idx0, idx1, gaps2);
        _paths.clip = clipGaps(gaps2, scaleX.ori, xOff, yOff, xDim, yDim);
      }
      if (bandClipDir != 0) {
        _paths.band = bandClipDir == 2 ? [
          clipBandLine(u, seriesIdx, idx0, idx1, stroke, -1),
          clipBandLine(u, seriesIdx, idx0, idx1, stroke, 1)
        ] : clipBandLine(u, seriesIdx, idx0, idx1, stroke, bandClipDir);
      }
      return _paths;
    });
  };
}
function stepped(opts) {
  const align = ifNull(opts.align, 1);
  const ascDesc = ifNull(opts.ascDesc, false);
  const alignGaps = ifNull(opts.alignGaps, 0);
  const extend = ifNull(opts.extend, false);
  return (u, seriesIdx, idx0, idx1) => {
    return orient(u, seriesIdx, (series2, dataX, dataY, scaleX, scaleY, valToPosX, valToPosY, xOff, yOff, xDim, yDim) => {
      [idx0, idx1] = nonNullIdxs(dataY, idx0, idx1);
      let pxRound = series2.pxRound;
      let { left, width: width2 } = u.bbox;
      let pixelForX = (val) => pxRound(valToPosX(val, scaleX, xDim, xOff));
      let pixelForY = (val) => pxRound(valToPosY(val, scaleY, yDim, yOff));
      let lineTo = scaleX.ori == 0 ? lineToH : lineToV;
      const _paths = { stroke: new Path2D(), fill: null, clip: null, band: null, gaps: null, flags: BAND_CLIP_FILL };
      const stroke = _paths.stroke;
      const dir = scaleX.dir * (scaleX.ori == 0 ? 1 : -1);
      let prevYPos = pixelForY(dataY[dir == 1 ? idx0 : idx1]);
      let firstXPos = pixelForX(dataX[dir == 1 ? idx0 : idx1]);
      let prevXPos = firstXPos;
      let firstXPosExt = firstXPos;
      if (extend && align == -1) {
        firstXPosExt = left;
        lineTo(stroke, firstXPosExt, prevYPos);
      }
      lineTo(stroke, firstXPos, prevYPos);
      for (let i = dir == 1 ? idx0 : idx1; i >= idx0 && i <= idx1; i += dir) {
        let yVal1 = dataY[i];
        if (yVal1 == null)
          continue;
        let x1 = pixelForX(dataX[i]);
        let y1 = pixelForY(yVal1);
        if (align == 1)
          lineTo(stroke, x1, prevYPos);
        else
          lineTo(stroke, prevXPos, y1);
        lineTo(stroke, x1, y1);
        prevYPos = y1;
        prevXPos = x1;
      }
      let prevXPosExt = prevXPos;
      if (extend && align == 1) {
        prevXPosExt = left + width2;
        lineTo(stroke, prevXPosExt, prevYPos);
      }
      let [bandFillDir, bandClipDir] = bandFillClipDirs(u, seriesIdx);
      if (series2.fill != null || bandFillDir != 0) {
        let fill3 = _paths.fill = new Path2D(stroke);
        let fillTo = series2.fillTo(u, seriesIdx, series2.min, series2.max, bandFillDir);
        let fillToY = pixelForY(fillTo);
        lineTo(fill3, prevXPosExt, fillToY);
        lineTo(fill3, firstXPosExt, fillToY);
      }
      if (!series2.spanGaps) {
        let gaps2 = [];
        gaps2.push(...findGaps(dataX, dataY, idx0, idx1, dir, pixelForX, alignGaps));
        let halfStroke = series2.width * pxRatio / 2;
        let startsOffset = ascDesc || align == 1 ? halfStroke : -halfStroke;
        let endsOffset = ascDesc || align == -1 ? -halfStroke : halfStroke;
        gaps2.forEach((g) => {
          g[0] += startsOffset;
          g[1] += endsOffset;
        });
        _paths.gaps = gaps2 = series2.gaps(u, seriesIdx, idx0, idx1, gaps2);
        _paths.clip = clipGaps(gaps2, scaleX.ori, xOff, yOff, xDim, yDim);
      }
      if (bandClipDir != 0) {
        _paths.band = bandClipDir == 2 ? [
          clipBandLine(u, seriesIdx, idx0, idx1, stroke, -1),
          clipBandLine(u, seriesIdx, idx0, idx1, stroke, 1)
        ] : clipBandLine(u, seriesIdx, idx0, idx1, stroke, bandClipDir);
      }
      return _paths;
    });
  };
}
function findColWidth(dataX, dataY, valToPosX, scaleX, xDim, xOff, colWid = inf) {
  if (dataX.length > 1) {
    let prevIdx = null;
    for (let i = 0, minDelta = Infinity; i < dataX.length; i++) {
      if (dataY[i] !== void 0) {
        if (prevIdx != null) {
          let delta = abs(dataX[i] - dataX[prevIdx]);
          if (delta < minDelta) {
            minDelta = delta;
            colWid = abs(valToPosX(dataX[i], scaleX, xDim, xOff) - valToPosX(dataX[prevIdx], scaleX, xDim, xOff));
          }
        }
        prevIdx = i;
      }
    }
  }
  return colWid;
}
function bars(opts) {
  opts = opts || EMPTY_OBJ;
  const size2 = ifNull(opts.size, [0.6, inf, 1]);
  const align = opts.align || 0;
  const _extraGap = opts.gap || 0;
  let ro = opts.radius;
  ro = // [valueRadius, baselineRadius]
  ro == null ? [0, 0] : typeof ro == "number" ? [ro, 0] : ro;
  const radiusFn = fnOrSelf(ro);
  const gapFactor = 1 - size2[0];
  const _maxWidth = ifNull(size2[1], inf);
  const _minWidth = ifNull(size2[2], 1);
  const disp = ifNull(opts.disp, EMPTY_OBJ);
  const _each = ifNull(opts.each, (_2) => {
  });
  const { fill: dispFills, stroke: dispStrokes } = disp;
  return (u, seriesIdx, idx0, idx1) => {
    return orient(u, seriesIdx, (series2, dataX, dataY, scaleX, scaleY, valToPosX, valToPosY, xOff, yOff, xDim, yDim) => {
      let pxRound = series2.pxRound;
      let _align = align;
      let extraGap = _extraGap * pxRatio;
      let maxWidth = _maxWidth * pxRatio;
      let minWidth = _minWidth * pxRatio;
      let valRadius, baseRadius;
      if (scaleX.ori == 0)
        [valRadius, baseRadius] = radiusFn(u, seriesIdx);
      else
        [baseRadius, valRadius] = radiusFn(u, seriesIdx);
      const _dirX = scaleX.dir * (scaleX.ori == 0 ? 1 : -1);
      let rect2 = scaleX.ori == 0 ? rectH : rectV;
      let each = scaleX.ori == 0 ? _each : (u2, seriesIdx2, i, top, lft, hgt, wid) => {
        _each(u2, seriesIdx2, i, lft, top, wid, hgt);
      };
      let band = ifNull(u.bands, EMPTY_ARR).find((b) => b.series[0] == seriesIdx);
      let fillDir = band != null ? band.dir : 0;
      let fillTo = series2.fillTo(u, seriesIdx, series2.min, series2.max, fillDir);
      let fillToY = pxRound(valToPosY(fillTo, scaleY, yDim, yOff));
      let xShift, barWid, fullGap, colWid = xDim;
      let strokeWidth = pxRound(series2.width * pxRatio);
      let multiPath = false;
      let fillColors = null;
      let fillPaths = null;
      let strokeColors = null;
      let strokePaths = null;
      if (dispFills != null && (strokeWidth == 0 || dispStrokes != null)) {
        multiPath = true;
        fillColors = dispFills.values(u, seriesIdx, idx0, idx1);
        fillPaths = /* @__PURE__ */ new Map();
        new Set(fillColors).forEach((color) => {
          if (color != null)
            fillPaths.set(color, new Path2D());
        });
        if (strokeWidth > 0) {
          strokeColors = dispStrokes.values(u, seriesIdx, idx0, idx1);
          strokePaths = /* @__PURE__ */ new Map();
          new Set(strokeColors).forEach((color) => {
            if (color != null)
              strokePaths.set(color, new Path2D());
          });
        }
      }
      let { x0, size: size3 } = disp;
      if (x0 != null && size3 != null) {
        _align = 1;
        dataX = x0.values(u, seriesIdx, idx0, idx1);
        if (x0.unit == 2)
          dataX = dataX.map((pct) => u.posToVal(xOff + pct * xDim, scaleX.key, true));
        let sizes = size3.values(u, seriesIdx, idx0, idx1);
        if (size3.unit == 2)
          barWid = sizes[0] * xDim;
        else
          barWid = valToPosX(sizes[0], scaleX, xDim, xOff) - valToPosX(0, scaleX, xDim, xOff);
        colWid = findColWidth(dataX, dataY, valToPosX, scaleX, xDim, xOff, colWid);
        let gapWid = colWid - barWid;
        fullGap = gapWid + extraGap;
      } else {
        colWid = findColWidth(dataX, dataY, valToPosX, scaleX, xDim, xOff, colWid);
        let gapWid = colWid * gapFactor;
        fullGap = gapWid + extraGap;
        barWid = colWid - fullGap;
      }
      if (fullGap < 1)
        fullGap = 0;
      if (strokeWidth >= barWid / 2)
        strokeWidth = 0;
      if (fullGap < 5)
        pxRound = retArg0;
      let insetStroke = fullGap > 0;
      let rawBarWid = colWid - fullGap - (insetStroke ? strokeWidth : 0);
      barWid = pxRound(clamp(rawBarWid, minWidth, maxWidth));
      xShift = (_align == 0 ? barWid / 2 : _align == _dirX ? 0 : barWid) - _align * _dirX * ((_align == 0 ? extraGap / 2 : 0) + (insetStroke ? strokeWidth / 2 : 0));
      const _paths = { stroke: null, fill: null, clip: null, band: null, gaps: null, flags: 0 };
      const stroke = multiPath ? null : new Path2D();
      let dataY0 = null;
      if (band != null)
        dataY0 = u.data[band.series[1]];
      else {
        let { y0, y1 } = disp;
        if (y0 != null && y1 != null) {
          dataY = y1.values(u, seriesIdx, idx0, idx1);
          dataY0 = y0.values(u, seriesIdx, idx0, idx1);
        }
      }
      let radVal = valRadius * barWid;
      let radBase = baseRadius * barWid;
      for (let i = _dirX == 1 ? idx0 : idx1; i >= idx0 && i <= idx1; i += _dirX) {
        let yVal = dataY[i];
        if (yVal == null)
          continue;
        if (dataY0 != null) {
          let yVal0 = dataY0[i] ?? 0;
          if (yVal - yVal0 == 0)
            continue;
          fillToY = valToPosY(yVal0, scaleY, yDim, yOff);
        }
        let xVal = scaleX.distr != 2 || disp != null ? dataX[i] : i;
        let xPos = valToPosX(xVal, scaleX, xDim, xOff);
        let yPos = valToPosY(ifNull(yVal, fillTo), scaleY, yDim, yOff);
        let lft = pxRound(xPos - xShift);
        let btm = pxRound(max(yPos, fillToY));
        let top = pxRound(min(yPos, fillToY));
        let barHgt = btm - top;
        if (yVal != null) {
          let rv = yVal < 0 ? radBase : radVal;
          let rb = yVal < 0 ? radVal : radBase;
          if (multiPath) {
            if (strokeWidth > 0 && strokeColors[i] != null)
              rect2(strokePaths.get(strokeColors[i]), lft, top + floor(strokeWidth / 2), barWid, max(0, barHgt - strokeWidth), rv, rb);
            if (fillColors[i] != null)
              rect2(fillPaths.get(fillColors[i]), lft, top + floor(strokeWidth / 2), barWid, max(0, barHgt - strokeWidth), rv, rb);
          } else
            rect2(stroke, lft, top + floor(strokeWidth / 2), barWid, max(0, barHgt - strokeWidth), rv, rb);
          each(
            u,
            seriesIdx,
            i,
            lft - strokeWidth / 2,
            top,
            barWid + strokeWidth,
            barHgt
          );
        }
      }
      if (strokeWidth > 0)
        _paths.stroke = multiPath ? strokePaths : stroke;
      else if (!multiPath) {
        _paths._fill = series2.width == 0 ? series2._fill : series2._stroke ?? series2._fill;
        _paths.width = 0;
      }
      _paths.fill = multiPath ? fillPaths : stroke;
      return _paths;
    });
  };
}
function splineInterp(interp, opts) {
  const alignGaps = ifNull(opts?.alignGaps, 0);
  return (u, seriesIdx, idx0, idx1) => {
    return orient(u, seriesIdx, (series2, dataX, dataY, scaleX, scaleY, valToPosX, valToPosY, xOff, yOff, xDim, yDim) => {
      [idx0, idx1] = nonNullIdxs(dataY, idx0, idx1);
      let pxRound = series2.pxRound;
      let pixelForX = (val) => pxRound(valToPosX(val, scaleX, xDim, xOff));
      let pixelForY = (val) => pxRound(valToPosY(val, scaleY, yDim, yOff));
      let moveTo, bezierCurveTo, lineTo;
      if (scaleX.ori == 0) {
        moveTo = moveToH;
        lineTo = lineToH;
        bezierCurveTo = bezierCurveToH;
      } else {
        moveTo = moveToV;
        lineTo = lineToV;
        bezierCurveTo = bezierCurveToV;
      }
      const dir = scaleX.dir * (scaleX.ori == 0 ? 1 : -1);
      let firstXPos = pixelForX(dataX[dir == 1 ? idx0 : idx1]);
      let prevXPos = firstXPos;
      let xCoords = [];
      let yCoords = [];
      for (let i = dir == 1 ? idx0 : idx1; i >= idx0 && i <= idx1; i += dir) {
        let yVal = dataY[i];
        if (yVal != null) {
          let xVal = dataX[i];
          let xPos = pixelForX(xVal);
          xCoords.push(prevXPos = xPos);
          yCoords.push(pixelForY(dataY[i]));
        }
      }
      const _paths = { stroke: interp(xCoords, yCoords, moveTo, lineTo, bezierCurveTo, pxRound), fill: null, clip: null, band: null, gaps: null, flags: BAND_CLIP_FILL };
      const stroke = _paths.stroke;
      let [bandFillDir, bandClipDir] = bandFillClipDirs(u, seriesIdx);
      if (series2.fill != null || bandFillDir != 0) {
        let fill3 = _paths.fill = new Path2D(stroke);
        let fillTo = series2.fillTo(u, seriesIdx, series2.min, series2.max, bandFillDir);
        let fillToY = pixelForY(fillTo);
        lineTo(fill3, prevXPos, fillToY);
        lineTo(fill3, firstXPos, fillToY);
      }
      if (!series2.spanGaps) {
        let gaps2 = [];
        gaps2.push(...findGaps(dataX, dataY, idx0, idx1, dir, pixelForX, alignGaps));
        _paths.gaps = gaps2 = series2.gaps(u, seriesIdx, idx0, idx1, gaps2);
        _paths.clip = clipGaps(gaps2, scaleX.ori, xOff, yOff, xDim, yDim);
      }
      if (bandClipDir != 0) {
        _paths.band = bandClipDir == 2 ? [
          clipBandLine(u, seriesIdx, idx0, idx1, stroke, -1),
          clipBandLine(u, seriesIdx, idx0, idx1, stroke, 1)
        ] : clipBandLine(u, seriesIdx, idx0, idx1, stroke, bandClipDir);
      }
      return _paths;
    });
  };
}
function monotoneCubic(opts) {
  return splineInterp(_monotoneCubic, opts);
}
function _monotoneCubic(xs, ys, moveTo, lineTo, bezierCurveTo, pxRound) {
  const n = xs.length;
  if (n < 2)
    return null;
  const path = new Path2D();
  moveTo(path, xs[0], ys[0]);
  if (n == 2)
    lineTo(path, xs[1], ys[1]);
  else {
    let ms = Array(n), ds = Array(n - 1), dys = Array(n - 1), dxs = Array(n - 1);
    for (let i = 0; i < n - 1; i++) {
      dys[i] = ys[i + 1] - ys[i];
      dxs[i] = xs[i + 1] - xs[i];
      ds[i] = dys[i] / dxs[i];
    }
    ms[0] = ds[0];
    for (let i = 1; i < n - 1; i++) {
      if (ds[i] === 0 || ds[i - 1] === 0 || ds[i - 1] > 0 !== ds[i] > 0)
        ms[i] = 0;
      else {
        ms[i] = 3 * (dxs[i - 1] + dxs[i]) / ((2 * dxs[i] + dxs[i - 1]) / ds[i - 1] + (dxs[i] + 2 * dxs[i - 1]) / ds[i]);
        if (!isFinite(ms[i]))
          ms[i] = 0;
      }
    }
    ms[n - 1] = ds[n - 2];
    for (let i = 0; i < n - 1; i++) {
      bezierCurveTo(
        path,
        xs[i] + dxs[i] / 3,
        ys[i] + ms[i] * dxs[i] / 3,
        xs[i + 1] - dxs[i] / 3,
        ys[i + 1] - ms[i + 1] * dxs[i] / 3,
        xs[i + 1],
        ys[i + 1]
      );
    }
  }
  return path;
}
var cursorPlots = /* @__PURE__ */ new Set();
function invalidateRects() {
  for (let u of cursorPlots)
    u.syncRect(true);
}
if (domEnv) {
  on(resize, win, invalidateRects);
  on(scroll, win, invalidateRects, true);
  on(dppxchange, win, () => {
    uPlot.pxRatio = pxRatio;
  });
}
var linearPath = linear();
var pointsPath = points2();
function setDefaults(d, xo, yo, initY) {
  let d2 = initY ? [d[0], d[1]].concat(d.slice(2)) : [d[0]].concat(d.slice(1));
  return d2.map((o, i) => setDefault(o, i, xo, yo));
}
function setDefaults2(d, xyo) {
  return d.map((o, i) => i == 0 ? {} : assign({}, xyo, o));
}
function setDefault(o, i, xo, yo) {
  return assign({}, i == 0 ? xo : yo, o);
}
function snapNumX(self, dataMin, dataMax) {
  return dataMin == null ? nullNullTuple : [dataMin, dataMax];
}
var snapTimeX = snapNumX;
function snapNumY(self, dataMin, dataMax) {
  return dataMin == null ? nullNullTuple : rangeNum(dataMin, dataMax, rangePad, true);
}
function snapLogY(self, dataMin, dataMax, scale2) {
  return dataMin == null ? nullNullTuple : rangeLog(dataMin, dataMax, self.scales[scale2].log, false);
}
var snapLogX = snapLogY;
function snapAsinhY(self, dataMin, dataMax, scale2) {
  return dataMin == null ? nullNullTuple : rangeAsinh(dataMin, dataMax, self.scales[scale2].log, false);
}
var snapAsinhX = snapAsinhY;
function findIncr(minVal, maxVal, incrs, dim, minSpace) {
  let intDigits = max(numIntDigits(minVal), numIntDigits(maxVal));
  let delta = maxVal - minVal;
  let incrIdx = closestIdx(minSpace / dim * delta, incrs);
  do {
    let foundIncr = incrs[incrIdx];
    let foundSpace = dim * foundIncr / delta;
    if (foundSpace >= minSpace && intDigits + (foundIncr < 5 ? fixedDec.get(foundIncr) : 0) <= 17)
      return [foundIncr, foundSpace];
  } while (++incrIdx < incrs.length);
  return [0, 0];
}
function pxRatioFont(font2) {
  let fontSize, fontSizeCss;
  font2 = font2.replace(/(\d+)px/, (m, p1) => (fontSize = round((fontSizeCss = +p1) * pxRatio)) + "px");
  return [font2, fontSize, fontSizeCss];
}
function syncFontSize(axis) {
  if (axis.show) {
    [axis.font, axis.labelFont].forEach((f) => {
      let size2 = roundDec(f[2] * pxRatio, 1);
      f[0] = f[0].replace(/[0-9.]+px/, size2 + "px");
      f[1] = size2;
    });
  }
}
function uPlot(opts, data, then) {
  const self = {
    mode: ifNull(opts.mode, 1)
  };
  const mode = self.mode;
  function getHPos(val, scale2, dim, off2) {
    let pct = scale2.valToPct(val);
    return off2 + dim * (scale2.dir == -1 ? 1 - pct : pct);
  }
  function getVPos(val, scale2, dim, off2) {
    let pct = scale2.valToPct(val);
    return off2 + dim * (scale2.dir == -1 ? pct : 1 - pct);
  }
  function getPos(val, scale2, dim, off2) {
    return scale2.ori == 0 ? getHPos(val, scale2, dim, off2) : getVPos(val, scale2, dim, off2);
  }
  self.valToPosH = getHPos;
  self.valToPosV = getVPos;
  let ready = false;
  self.status = 0;
  const root = self.root = placeDiv(UPLOT);
  if (opts.id != null)
    root.id = opts.id;
  addClass(root, opts.class);
  if (opts.title) {
    let title2 = placeDiv(TITLE, root);
    title2.textContent = opts.title;
  }
  const can = placeTag("canvas");
  const ctx = self.ctx = can.getContext("2d");
  const wrap = placeDiv(WRAP, root);
  on("click", wrap, (e) => {
    if (e.target === over) {
      let didDrag = mouseLeft1 != mouseLeft0 || mouseTop1 != mouseTop0;
      didDrag && drag.click(self, e);
    }
  }, true);
  const under = self.under = placeDiv(UNDER, wrap);
  wrap.appendChild(can);
  const over = self.over = placeDiv(OVER, wrap);
  opts = copy(opts);
  const pxAlign = +ifNull(opts.pxAlign, 1);
  const pxRound = pxRoundGen(pxAlign);
  (opts.plugins || []).forEach((p) => {
    if (p.opts)
      opts = p.opts(self, opts) || opts;
  });
  const ms = opts.ms || 1e-3;
  const series2 = self.series = mode == 1 ? setDefaults(opts.series || [], xSeriesOpts, ySeriesOpts, false) : setDefaults2(opts.series || [null], xySeriesOpts);
  const axes = self.axes = setDefaults(opts.axes || [], xAxisOpts, yAxisOpts, true);
  const scales = self.scales = {};
  const bands = self.bands = opts.bands || [];
  bands.forEach((b) => {
    b.fill = fnOrSelf(b.fill || null);
    b.dir = ifNull(b.dir, -1);
  });
  const xScaleKey = mode == 2 ? series2[1].facets[0].scale : series2[0].scale;
  const drawOrderMap = {
    axes: drawAxesGrid,
    series: drawSeries
  };
  const drawOrder = (opts.drawOrder || ["axes", "series"]).map((key3) => drawOrderMap[key3]);
  function initValToPct(sc) {
    const getVal = sc.distr == 3 ? (val) => log10(val > 0 ? val : sc.clamp(self, val, sc.min, sc.max, sc.key)) : sc.distr == 4 ? (val) => asinh(val, sc.asinh) : sc.distr == 100 ? (val) => sc.fwd(val) : (val) => val;
    return (val) => {
      let _val = getVal(val);
      let { _min, _max } = sc;
      let delta = _max - _min;
      return (_val - _min) / delta;
    };
  }
  function initScale(scaleKey) {
    let sc = scales[scaleKey];
    if (sc == null) {
      let scaleOpts = (opts.scales || EMPTY_OBJ)[scaleKey] || EMPTY_OBJ;
      if (scaleOpts.from != null) {
        initScale(scaleOpts.from);
        let sc2 = assign({}, scales[scaleOpts.from], scaleOpts, { key: scaleKey });
        sc2.valToPct = initValToPct(sc2);
        scales[scaleKey] = sc2;
      } else {
        sc = scales[scaleKey] = assign({}, scaleKey == xScaleKey ? xScaleOpts : yScaleOpts, scaleOpts);
        sc.key = scaleKey;
        let isTime = sc.time;
        let rn = sc.range;
        let rangeIsArr = isArr(rn);
        if (scaleKey != xScaleKey || mode == 2 && !isTime) {
          if (rangeIsArr && (rn[0] == null || rn[1] == null)) {
            rn = {
              min: rn[0] == null ? autoRangePart : {
                mode: 1,
                hard: rn[0],
                soft: rn[0]
              },
              max: rn[1] == null ? autoRangePart : {
                mode: 1,
                hard: rn[1],
                soft: rn[1]
              }
            };
            rangeIsArr = false;
          }
          if (!rangeIsArr && isObj(rn)) {
            let cfg = rn;
            rn = (self2, dataMin, dataMax) => dataMin == null ? nullNullTuple : rangeNum(dataMin, dataMax, cfg);
          }
        }
        sc.range = fnOrSelf(rn || (isTime ? snapTimeX : scaleKey == xScaleKey ? sc.distr == 3 ? snapLogX : sc.distr == 4 ? snapAsinhX : snapNumX : sc.distr == 3 ? snapLogY : sc.distr == 4 ? snapAsinhY : snapNumY));
        sc.auto = fnOrSelf(rangeIsArr ? false : sc.auto);
        sc.clamp = fnOrSelf(sc.clamp || clampScale);
        sc._min = sc._max = null;
        sc.valToPct = initValToPct(sc);
      }
    }
  }
  initScale("x");
  initScale("y");
  if (mode == 1) {
    series2.forEach((s) => {
      initScale(s.scale);
    });
  }
  axes.forEach((a) => {
    initScale(a.scale);
  });
  for (let k in opts.scales)
    initScale(k);
  const scaleX = scales[xScaleKey];
  const xScaleDistr = scaleX.distr;
  let valToPosX, valToPosY;
  if (scaleX.ori == 0) {
    addClass(root, ORI_HZ);
    valToPosX = getHPos;
    valToPosY = getVPos;
  } else {
    addClass(root, ORI_VT);
    valToPosX = getVPos;
    valToPosY = getHPos;
  }
  const pendScales = {};
  for (let k in scales) {
    let sc = scales[k];
    if (sc.min != null || sc.max != null) {
      pendScales[k] = { min: sc.min, max: sc.max };
      sc.min = sc.max = null;
    }
  }
  const _tzDate = opts.tzDate || ((ts) => new Date(round(ts / ms)));
  const _fmtDate = opts.fmtDate || fmtDate;
  const _timeAxisSplits = ms == 1 ? timeAxisSplitsMs(_tzDate) : timeAxisSplitsS(_tzDate);
  const _timeAxisVals = timeAxisVals(_tzDate, timeAxisStamps(ms == 1 ? _timeAxisStampsMs : _timeAxisStampsS, _fmtDate));
  const _timeSeriesVal = timeSeriesVal(_tzDate, timeSeriesStamp(_timeSeriesStamp, _fmtDate));
  const activeIdxs = [];
  const legend2 = self.legend = assign({}, legendOpts, opts.legend);
  const cursor = self.cursor = assign({}, cursorOpts, { drag: { y: mode == 2 } }, opts.cursor);
  const showLegend = legend2.show;
  const showCursor = cursor.show;
  const markers = legend2.markers;
  {
    legend2.idxs = activeIdxs;
    markers.width = fnOrSelf(markers.width);
    markers.dash = fnOrSelf(markers.dash);
    markers.stroke = fnOrSelf(markers.stroke);
    markers.fill = fnOrSelf(markers.fill);
  }
  let legendTable;
  let legendHead;
  let legendBody;
  let legendRows = [];
  let legendCells = [];
  let legendCols;
  let multiValLegend = false;
  let NULL_LEGEND_VALUES = {};
  if (legend2.live) {
    const getMultiVals = series2[1] ? series2[1].values : null;
    multiValLegend = getMultiVals != null;
    legendCols = multiValLegend ? getMultiVals(self, 1, 0) : { _: 0 };
    for (let k in legendCols)
      NULL_LEGEND_VALUES[k] = LEGEND_DISP;
  }
  if (showLegend) {
    legendTable = placeTag("table", LEGEND, root);
    legendBody = placeTag("tbody", null, legendTable);
    legend2.mount(self, legendTable);
    if (multiValLegend) {
      legendHead = placeTag("thead", null, legendTable, legendBody);
      let head2 = placeTag("tr", null, legendHead);
      placeTag("th", null, head2);
      for (var key2 in legendCols)
        placeTag("th", LEGEND_LABEL, head2).textContent = key2;
    } else {
      addClass(legendTable, LEGEND_INLINE);
      legend2.live && addClass(legendTable, LEGEND_LIVE);
    }
  }
  const son = { show: true };
  const soff = { show: false };
  function initLegendRow(s, i) {
    if (i == 0 && (multiValLegend || !legend2.live || mode == 2))
      return nullNullTuple;
    let cells = [];
    let row3 = placeTag("tr", LEGEND_SERIES, legendBody, legendBody.childNodes[i]);
    addClass(row3, s.class);
    if (!s.show)
      addClass(row3, OFF);
    let label2 = placeTag("th", null, row3);
    if (markers.show) {
      let indic = placeDiv(LEGEND_MARKER, label2);
      if (i > 0) {
        let width2 = markers.width(self, i);
        if (width2)
          indic.style.border = width2 + "px " + markers.dash(self, i) + " " + markers.stroke(self, i);
        indic.style.background = markers.fill(self, i);
      }
    }
    let text = placeDiv(LEGEND_LABEL, label2);
    if (s.label instanceof HTMLElement)
      text.appendChild(s.label);
    else
      text.textContent = s.label;
    if (i > 0) {
      if (!markers.show)
        text.style.color = s.width > 0 ? markers.stroke(self, i) : markers.fill(self, i);
      onMouse("click", label2, (e) => {
        if (cursor._lock)
          return;
        setCursorEvent(e);
        let seriesIdx = series2.indexOf(s);
        if ((e.ctrlKey || e.metaKey) != legend2.isolate) {
          let isolate = series2.some((s2, i2) => i2 > 0 && i2 != seriesIdx && s2.show);
          series2.forEach((s2, i2) => {
            i2 > 0 && setSeries(i2, isolate ? i2 == seriesIdx ? son : soff : son, true, syncOpts.setSeries);
          });
        } else
          setSeries(seriesIdx, { show: !s.show }, true, syncOpts.setSeries);
      }, false);
      if (cursorFocus) {
        onMouse(mouseenter, label2, (e) => {
          if (cursor._lock)
            return;
          setCursorEvent(e);
          setSeries(series2.indexOf(s), FOCUS_TRUE, true, syncOpts.setSeries);
        }, false);
      }
    }
    for (var key3 in legendCols) {
      let v = placeTag("td", LEGEND_VALUE, row3);
      v.textContent = "--";
      cells.push(v);
    }
    return [row3, cells];
  }
  const mouseListeners = /* @__PURE__ */ new Map();
  function onMouse(ev, targ, fn, onlyTarg = true) {
    const targListeners = mouseListeners.get(targ) || {};
    const listener = cursor.bind[ev](self, targ, fn, onlyTarg);
    if (listener) {
      on(ev, targ, targListeners[ev] = listener);
      mouseListeners.set(targ, targListeners);
    }
  }
  function offMouse(ev, targ, fn) {
    const targListeners = mouseListeners.get(targ) || {};
    for (let k in targListeners) {
      if (ev == null || k == ev) {
        off(k, targ, targListeners[k]);
        delete targListeners[k];
      }
    }
    if (ev == null)
      mouseListeners.delete(targ);
  }
  let fullWidCss = 0;
  let fullHgtCss = 0;
  let plotWidCss = 0;
  let plotHgtCss = 0;
  let plotLftCss = 0;
  let plotTopCss = 0;
  let _plotLftCss = plotLftCss;
  let _plotTopCss = plotTopCss;
  let _plotWidCss = plotWidCss;
  let _plotHgtCss = plotHgtCss;
  let plotLft = 0;
  let plotTop = 0;
  let plotWid = 0;
  let plotHgt = 0;
  self.bbox = {};
  let shouldSetScales = false;
  let shouldSetSize = false;
  let shouldConvergeSize = false;
  let shouldSetCursor = false;
  let shouldSetSelect = false;
  let shouldSetLegend = false;
  function _setSize(width2, height3, force) {
    if (force || (width2 != self.width || height3 != self.height))
      calcSize(width2, height3);
    resetYSeries(false);
    shouldConvergeSize = true;
    shouldSetSize = true;
    commit();
  }
  function calcSize(width2, height3) {
    self.width = fullWidCss = plotWidCss = width2;
    self.height = fullHgtCss = plotHgtCss = height3;
    plotLftCss = plotTopCss = 0;
    calcPlotRect();
    calcAxesRects();
    let bb = self.bbox;
    plotLft = bb.left = incrRound(plotLftCss * pxRatio, 0.5);
    plotTop = bb.top = incrRound(plotTopCss * pxRatio, 0.5);
    plotWid = bb.width = incrRound(plotWidCss * pxRatio, 0.5);
    plotHgt = bb.height = incrRound(plotHgtCss * pxRatio, 0.5);
  }
  const CYCLE_LIMIT = 3;
  function convergeSize() {
    let converged = false;
    let cycleNum = 0;
    while (!converged) {
      cycleNum++;
      let axesConverged = axesCalc(cycleNum);
      let paddingConverged = paddingCalc(cycleNum);
      converged = cycleNum == CYCLE_LIMIT || axesConverged && paddingConverged;
      if (!converged) {
        calcSize(self.width, self.height);
        shouldSetSize = true;
      }
    }
  }
  function setSize({ width: width2, height: height3 }) {
    _setSize(width2, height3);
  }
  self.setSize = setSize;
  function calcPlotRect() {
    let hasTopAxis = false;
    let hasBtmAxis = false;
    let hasRgtAxis = false;
    let hasLftAxis = false;
    axes.forEach((axis, i) => {
      if (axis.show && axis._show) {
        let { side, _size } = axis;
        let isVt = side % 2;
        let labelSize = axis.label != null ? axis.labelSize : 0;
        let fullSize = _size + labelSize;
        if (fullSize > 0) {
          if (isVt) {
            plotWidCss -= fullSize;
            if (side == 3) {
              plotLftCss += fullSize;
              hasLftAxis = true;
            } else
              hasRgtAxis = true;
          } else {
            plotHgtCss -= fullSize;
            if (side == 0) {
              plotTopCss += fullSize;
              hasTopAxis = true;
            } else
              hasBtmAxis = true;
          }
        }
      }
    });
    sidesWithAxes[0] = hasTopAxis;
    sidesWithAxes[1] = hasRgtAxis;
    sidesWithAxes[2] = hasBtmAxis;
    sidesWithAxes[3] = hasLftAxis;
    plotWidCss -= _padding[1] + _padding[3];
    plotLftCss += _padding[3];
    plotHgtCss -= _padding[2] + _padding[0];
    plotTopCss += _padding[0];
  }
  function calcAxesRects() {
    let off1 = plotLftCss + plotWidCss;
    let off2 = plotTopCss + plotHgtCss;
    let off3 = plotLftCss;
    let off0 = plotTopCss;
    function incrOffset(side, size2) {
      switch (side) {
        case 1:
          off1 += size2;
          return off1 - size2;
        case 2:
          off2 += size2;
          return off2 - size2;
        case 3:
          off3 -= size2;
          return off3 + size2;
        case 0:
          off0 -= size2;
          return off0 + size2;
      }
    }
    axes.forEach((axis, i) => {
      if (axis.show && axis._show) {
        let side = axis.side;
        axis._pos = incrOffset(side, axis._size);
        if (axis.label != null)
          axis._lpos = incrOffset(side, axis.labelSize);
      }
    });
  }
  if (cursor.dataIdx == null) {
    let hov = cursor.hover;
    let skip = hov.skip = new Set(hov.skip ?? []);
    skip.add(void 0);
    let prox = hov.prox = fnOrSelf(hov.prox);
    let bias = hov.bias ??= 0;
    cursor.dataIdx = (self2, seriesIdx, cursorIdx, valAtPosX) => {
      if (seriesIdx == 0)
        return cursorIdx;
      let idx2 = cursorIdx;
      let _prox = prox(self2, seriesIdx, cursorIdx, valAtPosX) ?? inf;
      let withProx = _prox >= 0 && _prox < inf;
      let xDim = scaleX.ori == 0 ? plotWidCss : plotHgtCss;
      let cursorLft = cursor.left;
      let xValues = data[0];
      let yValues = data[seriesIdx];
      if (skip.has(yValues[cursorIdx])) {
        idx2 = null;
        let nonNullLft = null, nonNullRgt = null, j;
        if (bias == 0 || bias == -1) {
          j = cursorIdx;
          while (nonNullLft == null && j-- > 0) {
            if (!skip.has(yValues[j]))
              nonNullLft = j;
          }
        }
        if (bias == 0 || bias == 1) {
          j = cursorIdx;
          while (nonNullRgt == null && j++ < yValues.length) {
            if (!skip.has(yValues[j]))
              nonNullRgt = j;
          }
        }
        if (nonNullLft != null || nonNullRgt != null) {
          if (withProx) {
            let lftPos = nonNullLft == null ? -Infinity : valToPosX(xValues[nonNullLft], scaleX, xDim, 0);
            let rgtPos = nonNullRgt == null ? Infinity : valToPosX(xValues[nonNullRgt], scaleX, xDim, 0);
            let lftDelta = cursorLft - lftPos;
            let rgtDelta = rgtPos - cursorLft;
            if (lftDelta <= rgtDelta) {
              if (lftDelta <= _prox)
                idx2 = nonNullLft;
            } else {
              if (rgtDelta <= _prox)
                idx2 = nonNullRgt;
            }
          } else {
            idx2 = nonNullRgt == null ? nonNullLft : nonNullLft == null ? nonNullRgt : cursorIdx - nonNullLft <= nonNullRgt - cursorIdx ? nonNullLft : nonNullRgt;
          }
        }
      } else if (withProx) {
        let dist = abs(cursorLft - valToPosX(xValues[cursorIdx], scaleX, xDim, 0));
        if (dist > _prox)
          idx2 = null;
      }
      return idx2;
    };
  }
  const setCursorEvent = (e) => {
    cursor.event = e;
  };
  cursor.idxs = activeIdxs;
  cursor._lock = false;
  let points3 = cursor.points;
  points3.show = fnOrSelf(points3.show);
  points3.size = fnOrSelf(points3.size);
  points3.stroke = fnOrSelf(points3.stroke);
  points3.width = fnOrSelf(points3.width);
  points3.fill = fnOrSelf(points3.fill);
  const focus = self.focus = assign({}, opts.focus || { alpha: 0.3 }, cursor.focus);
  const cursorFocus = focus.prox >= 0;
  const cursorOnePt = cursorFocus && points3.one;
  let cursorPts = [];
  let cursorPtsLft = [];
  let cursorPtsTop = [];
  function initCursorPt(s, si) {
    let pt = points3.show(self, si);
    if (pt instanceof HTMLElement) {
      addClass(pt, CURSOR_PT);
      addClass(pt, s.class);
      elTrans(pt, -10, -10, plotWidCss, plotHgtCss);
      over.insertBefore(pt, cursorPts[si]);
      return pt;
    }
  }
  function initSeries(s, i) {
    if (mode == 1 || i > 0) {
      let isTime = mode == 1 && scales[s.scale].time;
      let sv = s.value;
      s.value = isTime ? isStr(sv) ? timeSeriesVal(_tzDate, timeSeriesStamp(sv, _fmtDate)) : sv || _timeSeriesVal : sv || numSeriesVal;
      s.label = s.label || (isTime ? timeSeriesLabel : numSeriesLabel);
    }
    if (cursorOnePt || i > 0) {
      s.width = s.width == null ? 1 : s.width;
      s.paths = s.paths || linearPath || retNull;
      s.fillTo = fnOrSelf(s.fillTo || seriesFillTo);
      s.pxAlign = +ifNull(s.pxAlign, pxAlign);
      s.pxRound = pxRoundGen(s.pxAlign);
      s.stroke = fnOrSelf(s.stroke || null);
      s.fill = fnOrSelf(s.fill || null);
      s._stroke = s._fill = s._paths = s._focus = null;
      let _ptDia = ptDia(max(1, s.width), 1);
      let points4 = s.points = assign({}, {
        size: _ptDia,
        width: max(1, _ptDia * 0.2),
        stroke: s.stroke,
        space: _ptDia * 2,
        paths: pointsPath,
        _stroke: null,
        _fill: null
      }, s.points);
      points4.show = fnOrSelf(points4.show);
      points4.filter = fnOrSelf(points4.filter);
      points4.fill = fnOrSelf(points4.fill);
      points4.stroke = fnOrSelf(points4.stroke);
      points4.paths = fnOrSelf(points4.paths);
      points4.pxAlign = s.pxAlign;
    }
    if (showLegend) {
      let rowCells = initLegendRow(s, i);
      legendRows.splice(i, 0, rowCells[0]);
      legendCells.splice(i, 0, rowCells[1]);
      legend2.values.push(null);
    }
    if (showCursor) {
      activeIdxs.splice(i, 0, null);
      let pt = null;
      if (cursorOnePt) {
        if (i == 0)
          pt = initCursorPt(s, i);
      } else if (i > 0)
        pt = initCursorPt(s, i);
      cursorPts.splice(i, 0, pt);
      cursorPtsLft.splice(i, 0, 0);
      cursorPtsTop.splice(i, 0, 0);
    }
    fire("addSeries", i);
  }
  function addSeries(opts2, si) {
    si = si == null ? series2.length : si;
    opts2 = mode == 1 ? setDefault(opts2, si, xSeriesOpts, ySeriesOpts) : setDefault(opts2, si, {}, xySeriesOpts);
    series2.splice(si, 0, opts2);
    initSeries(series2[si], si);
  }
  self.addSeries = addSeries;
  function delSeries(i) {
    series2.splice(i, 1);
    if (showLegend) {
      legend2.values.splice(i, 1);
      legendCells.splice(i, 1);
      let tr = legendRows.splice(i, 1)[0];
      offMouse(null, tr.firstChild);
      tr.remove();
    }
    if (showCursor) {
      activeIdxs.splice(i, 1);
      cursorPts.splice(i, 1)[0].remove();
      cursorPtsLft.splice(i, 1);
      cursorPtsTop.splice(i, 1);
    }
    fire("delSeries", i);
  }
  self.delSeries = delSeries;
  const sidesWithAxes = [false, false, false, false];
  function initAxis(axis, i) {
    axis._show = axis.show;
    if (axis.show) {
      let isVt = axis.side % 2;
      let sc = scales[axis.scale];
      if (sc == null) {
        axis.scale = isVt ? series2[1].scale : xScaleKey;
        sc = scales[axis.scale];
      }
      let isTime = sc.time;
      axis.size = fnOrSelf(axis.size);
      axis.space = fnOrSelf(axis.space);
      axis.rotate = fnOrSelf(axis.rotate);
      if (isArr(axis.incrs)) {
        axis.incrs.forEach((incr) => {
          !fixedDec.has(incr) && fixedDec.set(incr, guessDec(incr));
        });
      }
      axis.incrs = fnOrSelf(axis.incrs || (sc.distr == 2 ? wholeIncrs : isTime ? ms == 1 ? timeIncrsMs : timeIncrsS : numIncrs));
      axis.splits = fnOrSelf(axis.splits || (isTime && sc.distr == 1 ? _timeAxisSplits : sc.distr == 3 ? logAxisSplits : sc.distr == 4 ? asinhAxisSplits : numAxisSplits));
      axis.stroke = fnOrSelf(axis.stroke);
      axis.grid.stroke = fnOrSelf(axis.grid.stroke);
      axis.ticks.stroke = fnOrSelf(axis.ticks.stroke);
      axis.border.stroke = fnOrSelf(axis.border.stroke);
      let av = axis.values;
      axis.values = // static array of tick values
      isArr(av) && !isArr(av[0]) ? fnOrSelf(av) : (
        // temporal
        isTime ? (
          // config array of fmtDate string tpls
          isArr(av) ? timeAxisVals(_tzDate, timeAxisStamps(av, _fmtDate)) : (
            // fmtDate string tpl
            isStr(av) ? timeAxisVal(_tzDate, av) : av || _timeAxisVals
          )
        ) : av || numAxisVals
      );
      axis.filter = fnOrSelf(axis.filter || (sc.distr >= 3 && sc.log == 10 ? log10AxisValsFilt : sc.distr == 3 && sc.log == 2 ? log2AxisValsFilt : retArg1));
      axis.font = pxRatioFont(axis.font);
      axis.labelFont = pxRatioFont(axis.labelFont);
      axis._size = axis.size(self, null, i, 0);
      axis._space = axis._rotate = axis._incrs = axis._found = // foundIncrSpace
      axis._splits = axis._values = null;
      if (axis._size > 0) {
        sidesWithAxes[i] = true;
        axis._el = placeDiv(AXIS, wrap);
      }
    }
  }
  function autoPadSide(self2, side, sidesWithAxes2, cycleNum) {
    let [hasTopAxis, hasRgtAxis, hasBtmAxis, hasLftAxis] = sidesWithAxes2;
    let ori = side % 2;
    let size2 = 0;
    if (ori == 0 && (hasLftAxis || hasRgtAxis))
      size2 = side == 0 && !hasTopAxis || side == 2 && !hasBtmAxis ? round(xAxisOpts.size / 3) : 0;
    if (ori == 1 && (hasTopAxis || hasBtmAxis))
      size2 = side == 1 && !hasRgtAxis || side == 3 && !hasLftAxis ? round(yAxisOpts.size / 2) : 0;
    return size2;
  }
  const padding = self.padding = (opts.padding || [autoPadSide, autoPadSide, autoPadSide, autoPadSide]).map((p) => fnOrSelf(ifNull(p, autoPadSide)));
  const _padding = self._padding = padding.map((p, i) => p(self, i, sidesWithAxes, 0));
  let dataLen;
  let i0 = null;
  let i1 = null;
  const idxs = mode == 1 ? series2[0].idxs : null;
  let data0 = null;
  let viaAutoScaleX = false;
  function setData(_data, _resetScales) {
    data = _data == null ? [] : _data;
    self.data = self._data = data;
    if (mode == 2) {
      dataLen = 0;
      for (let i = 1; i < series2.length; i++)
        dataLen += data[i][0].length;
    } else {
      if (data.length == 0)
        self.data = self._data = data = [[]];
      data0 = data[0];
      dataLen = data0.length;
      let scaleData = data;
      if (xScaleDistr == 2) {
        scaleData = data.slice();
        let _data0 = scaleData[0] = Array(dataLen);
        for (let i = 0; i < dataLen; i++)
          _data0[i] = i;
      }
      self._data = data = scaleData;
    }
    resetYSeries(true);
    fire("setData");
    if (xScaleDistr == 2) {
      shouldConvergeSize = true;
    }
    if (_resetScales !== false) {
      let xsc = scaleX;
      if (xsc.auto(self, viaAutoScaleX))
        autoScaleX();
      else
        _setScale(xScaleKey, xsc.min, xsc.max);
      shouldSetCursor = shouldSetCursor || cursor.left >= 0;
      shouldSetLegend = true;
      commit();
    }
  }
  self.setData = setData;
  function autoScaleX() {
    viaAutoScaleX = true;
    let _min, _max;
    if (mode == 1) {
      if (dataLen > 0) {
        i0 = idxs[0] = 0;
        i1 = idxs[1] = dataLen - 1;
        _min = data[0][i0];
        _max = data[0][i1];
        if (xScaleDistr == 2) {
          _min = i0;
          _max = i1;
        } else if (_min == _max) {
          if (xScaleDistr == 3)
            [_min, _max] = rangeLog(_min, _min, scaleX.log, false);
          else if (xScaleDistr == 4)
            [_min, _max] = rangeAsinh(_min, _min, scaleX.log, false);
          else if (scaleX.time)
            _max = _min + round(86400 / ms);
          else
            [_min, _max] = rangeNum(_min, _max, rangePad, true);
        }
      } else {
        i0 = idxs[0] = _min = null;
        i1 = idxs[1] = _max = null;
      }
    }
    _setScale(xScaleKey, _min, _max);
  }
  let ctxStroke, ctxFill, ctxWidth, ctxDash, ctxJoin, ctxCap, ctxFont, ctxAlign, ctxBaseline;
  let ctxAlpha;
  function setCtxStyle(stroke, width2, dash, cap, fill3, join3) {
    stroke ??= transparent;
    dash ??= EMPTY_ARR;
    cap ??= "butt";
    fill3 ??= transparent;
    join3 ??= "round";
    if (stroke != ctxStroke)
      ctx.strokeStyle = ctxStroke = stroke;
    if (fill3 != ctxFill)
      ctx.fillStyle = ctxFill = fill3;
    if (width2 != ctxWidth)
      ctx.lineWidth = ctxWidth = width2;
    if (join3 != ctxJoin)
      ctx.lineJoin = ctxJoin = join3;
    if (cap != ctxCap)
      ctx.lineCap = ctxCap = cap;
    if (dash != ctxDash)
      ctx.setLineDash(ctxDash = dash);
  }
  function setFontStyle(font2, fill3, align, baseline) {
    if (fill3 != ctxFill)
      ctx.fillStyle = ctxFill = fill3;
    if (font2 != ctxFont)
      ctx.font = ctxFont = font2;
    if (align != ctxAlign)
      ctx.textAlign = ctxAlign = align;
    if (baseline != ctxBaseline)
      ctx.textBaseline = ctxBaseline = baseline;
  }
  function accScale(wsc, psc, facet2, data2, sorted = 0) {
    if (data2.length > 0 && wsc.auto(self, viaAutoScaleX) && (psc == null || psc.min == null)) {
      let _i0 = ifNull(i0, 0);
      let _i1 = ifNull(i1, data2.length - 1);
      let minMax = facet2.min == null ? getMinMax(data2, _i0, _i1, sorted, wsc.distr == 3) : [facet2.min, facet2.max];
      wsc.min = min(wsc.min, facet2.min = minMax[0]);
      wsc.max = max(wsc.max, facet2.max = minMax[1]);
    }
  }
  const AUTOSCALE = { min: null, max: null };
  function setScales() {
    for (let k in scales) {
      let sc = scales[k];
      if (pendScales[k] == null && // scales that have never been set (on init)
      (sc.min == null || // or auto scales when the x scale was explicitly set
      pendScales[xScaleKey] != null && sc.auto(self, viaAutoScaleX))) {
        pendScales[k] = AUTOSCALE;
      }
    }
    for (let k in scales) {
      let sc = scales[k];
      if (pendScales[k] == null && sc.from != null && pendScales[sc.from] != null)
        pendScales[k] = AUTOSCALE;
    }
    if (pendScales[xScaleKey] != null)
      resetYSeries(true);
    let wipScales = {};
    for (let k in pendScales) {
      let psc = pendScales[k];
      if (psc != null) {
        let wsc = wipScales[k] = copy(scales[k], fastIsObj);
        if (psc.min != null)
          assign(wsc, psc);
        else if (k != xScaleKey || mode == 2) {
          if (dataLen == 0 && wsc.from == null) {
            let minMax = wsc.range(self, null, null, k);
            wsc.min = minMax[0];
            wsc.max = minMax[1];
          } else {
            wsc.min = inf;
            wsc.max = -inf;
          }
        }
      }
    }
    if (dataLen > 0) {
      series2.forEach((s, i) => {
        if (mode == 1) {
          let k = s.scale;
          let psc = pendScales[k];
          if (psc == null)
            return;
          let wsc = wipScales[k];
          if (i == 0) {
            let minMax = wsc.range(self, wsc.min, wsc.max, k);
            wsc.min = minMax[0];
            wsc.max = minMax[1];
            i0 = closestIdx(wsc.min, data[0]);
            i1 = closestIdx(wsc.max, data[0]);
            if (i1 - i0 > 1) {
              if (data[0][i0] < wsc.min)
                i0++;
              if (data[0][i1] > wsc.max)
                i1--;
            }
            s.min = data0[i0];
            s.max = data0[i1];
          } else if (s.show && s.auto)
            accScale(wsc, psc, s, data[i], s.sorted);
          s.idxs[0] = i0;
          s.idxs[1] = i1;
        } else {
          if (i > 0) {
            if (s.show && s.auto) {
              let [xFacet, yFacet] = s.facets;
              let xScaleKey2 = xFacet.scale;
              let yScaleKey = yFacet.scale;
              let [xData, yData] = data[i];
              let wscx = wipScales[xScaleKey2];
              let wscy = wipScales[yScaleKey];
              wscx != null && accScale(wscx, pendScales[xScaleKey2], xFacet, xData, xFacet.sorted);
              wscy != null && accScale(wscy, pendScales[yScaleKey], yFacet, yData, yFacet.sorted);
              s.min = yFacet.min;
              s.max = yFacet.max;
            }
          }
        }
      });
      for (let k in wipScales) {
        let wsc = wipScales[k];
        let psc = pendScales[k];
        if (wsc.from == null && (psc == null || psc.min == null)) {
          let minMax = wsc.range(
            self,
            wsc.min == inf ? null : wsc.min,
            wsc.max == -inf ? null : wsc.max,
            k
          );
          wsc.min = minMax[0];
          wsc.max = minMax[1];
        }
      }
    }
    for (let k in wipScales) {
      let wsc = wipScales[k];
      if (wsc.from != null) {
        let base = wipScales[wsc.from];
        if (base.min == null)
          wsc.min = wsc.max = null;
        else {
          let minMax = wsc.range(self, base.min, base.max, k);
          wsc.min = minMax[0];
          wsc.max = minMax[1];
        }
      }
    }
    let changed = {};
    let anyChanged = false;
    for (let k in wipScales) {
      let wsc = wipScales[k];
      let sc = scales[k];
      if (sc.min != wsc.min || sc.max != wsc.max) {
        sc.min = wsc.min;
        sc.max = wsc.max;
        let distr = sc.distr;
        sc._min = distr == 3 ? log10(sc.min) : distr == 4 ? asinh(sc.min, sc.asinh) : distr == 100 ? sc.fwd(sc.min) : sc.min;
        sc._max = distr == 3 ? log10(sc.max) : distr == 4 ? asinh(sc.max, sc.asinh) : distr == 100 ? sc.fwd(sc.max) : sc.max;
        changed[k] = anyChanged = true;
      }
    }
    if (anyChanged) {
      series2.forEach((s, i) => {
        if (mode == 2) {
          if (i > 0 && changed.y)
            s._paths = null;
        } else {
          if (changed[s.scale])
            s._paths = null;
        }
      });
      for (let k in changed) {
        shouldConvergeSize = true;
        fire("setScale", k);
      }
      if (showCursor && cursor.left >= 0)
        shouldSetCursor = shouldSetLegend = true;
    }
    for (let k in pendScales)
      pendScales[k] = null;
  }
  function getOuterIdxs(ydata) {
    let _i0 = clamp(i0 - 1, 0, dataLen - 1);
    let _i1 = clamp(i1 + 1, 0, dataLen - 1);
    while (ydata[_i0] == null && _i0 > 0)
      _i0--;
    while (ydata[_i1] == null && _i1 < dataLen - 1)
      _i1++;
    return [_i0, _i1];
  }
  function drawSeries() {
    if (dataLen > 0) {
      let shouldAlpha = series2.some((s) => s._focus) && ctxAlpha != focus.alpha;
      if (shouldAlpha)
        ctx.globalAlpha = ctxAlpha = focus.alpha;
      series2.forEach((s, i) => {
        if (i > 0 && s.show) {
          cacheStrokeFill(i, false);
          cacheStrokeFill(i, true);
          if (s._paths == null) {
            let _ctxAlpha = ctxAlpha;
            if (ctxAlpha != s.alpha)
              ctx.globalAlpha = ctxAlpha = s.alpha;
            let _idxs = mode == 2 ? [0, data[i][0].length - 1] : getOuterIdxs(data[i]);
            s._paths = s.paths(self, i, _idxs[0], _idxs[1]);
            if (ctxAlpha != _ctxAlpha)
              ctx.globalAlpha = ctxAlpha = _ctxAlpha;
          }
        }
      });
      series2.forEach((s, i) => {
        if (i > 0 && s.show) {
          let _ctxAlpha = ctxAlpha;
          if (ctxAlpha != s.alpha)
            ctx.globalAlpha = ctxAlpha = s.alpha;
          s._paths != null && drawPath(i, false);
          {
            let _gaps = s._paths != null ? s._paths.gaps : null;
            let show2 = s.points.show(self, i, i0, i1, _gaps);
            let idxs2 = s.points.filter(self, i, show2, _gaps);
            if (show2 || idxs2) {
              s.points._paths = s.points.paths(self, i, i0, i1, idxs2);
              drawPath(i, true);
            }
          }
          if (ctxAlpha != _ctxAlpha)
            ctx.globalAlpha = ctxAlpha = _ctxAlpha;
          fire("drawSeries", i);
        }
      });
      if (shouldAlpha)
        ctx.globalAlpha = ctxAlpha = 1;
    }
  }
  function cacheStrokeFill(si, _points) {
    let s = _points ? series2[si].points : series2[si];
    s._stroke = s.stroke(self, si);
    s._fill = s.fill(self, si);
  }
  function drawPath(si, _points) {
    let s = _points ? series2[si].points : series2[si];
    let {
      stroke,
      fill: fill3,
      clip: gapsClip,
      flags,
      _stroke: strokeStyle = s._stroke,
      _fill: fillStyle = s._fill,
      _width: width2 = s.width
    } = s._paths;
    width2 = roundDec(width2 * pxRatio, 3);
    let boundsClip = null;
    let offset = width2 % 2 / 2;
    if (_points && fillStyle == null)
      fillStyle = width2 > 0 ? "#fff" : strokeStyle;
    let _pxAlign = s.pxAlign == 1 && offset > 0;
    _pxAlign && ctx.translate(offset, offset);
    if (!_points) {
      let lft = plotLft - width2 / 2, top = plotTop - width2 / 2, wid = plotWid + width2, hgt = plotHgt + width2;
      boundsClip = new Path2D();
      boundsClip.rect(lft, top, wid, hgt);
    }
    if (_points)
      strokeFill(strokeStyle, width2, s.dash, s.cap, fillStyle, stroke, fill3, flags, gapsClip);
    else
      fillStroke(si, strokeStyle, width2, s.dash, s.cap, fillStyle, stroke, fill3, flags, boundsClip, gapsClip);
    _pxAlign && ctx.translate(-offset, -offset);
  }
  function fillStroke(si, strokeStyle, lineWidth, lineDash, lineCap, fillStyle, strokePath, fillPath, flags, boundsClip, gapsClip) {
    let didStrokeFill = false;
    flags != 0 && bands.forEach((b, bi) => {
      if (b.series[0] == si) {
        let lowerEdge = series2[b.series[1]];
        let lowerData = data[b.series[1]];
        let bandClip = (lowerEdge._paths || EMPTY_OBJ).band;
        if (isArr(bandClip))
          bandClip = b.dir == 1 ? bandClip[0] : bandClip[1];
        let gapsClip2;
        let _fillStyle = null;
        if (lowerEdge.show && bandClip && hasData(lowerData, i0, i1)) {
          _fillStyle = b.fill(self, bi) || fillStyle;
          gapsClip2 = lowerEdge._paths.clip;
        } else
          bandClip = null;
        strokeFill(strokeStyle, lineWidth, lineDash, lineCap, _fillStyle, strokePath, fillPath, flags, boundsClip, gapsClip, gapsClip2, bandClip);
        didStrokeFill = true;
      }
    });
    if (!didStrokeFill)
      strokeFill(strokeStyle, lineWidth, lineDash, lineCap, fillStyle, strokePath, fillPath, flags, boundsClip, gapsClip);
  }
  const CLIP_FILL_STROKE = BAND_CLIP_FILL | BAND_CLIP_STROKE;
  function strokeFill(strokeStyle, lineWidth, lineDash, lineCap, fillStyle, strokePath, fillPath, flags, boundsClip, gapsClip, gapsClip2, bandClip) {
    setCtxStyle(strokeStyle, lineWidth, lineDash, lineCap, fillStyle);
    if (boundsClip || gapsClip || bandClip) {
      ctx.save();
      boundsClip && ctx.clip(boundsClip);
      gapsClip && ctx.clip(gapsClip);
    }
    if (bandClip) {
      if ((flags & CLIP_FILL_STROKE) == CLIP_FILL_STROKE) {
        ctx.clip(bandClip);
        gapsClip2 && ctx.clip(gapsClip2);
        doFill(fillStyle, fillPath);
        doStroke(strokeStyle, strokePath, lineWidth);
      } else if (flags & BAND_CLIP_STROKE) {
        doFill(fillStyle, fillPath);
        ctx.clip(bandClip);
        doStroke(strokeStyle, strokePath, lineWidth);
      } else if (flags & BAND_CLIP_FILL) {
        ctx.save();
        ctx.clip(bandClip);
        gapsClip2 && ctx.clip(gapsClip2);
        doFill(fillStyle, fillPath);
        ctx.restore();
        doStroke(strokeStyle, strokePath, lineWidth);
      }
    } else {
      doFill(fillStyle, fillPath);
      doStroke(strokeStyle, strokePath, lineWidth);
    }
    if (boundsClip || gapsClip || bandClip)
      ctx.restore();
  }
  function doStroke(strokeStyle, strokePath, lineWidth) {
    if (lineWidth > 0) {
      if (strokePath instanceof Map) {
        strokePath.forEach((strokePath2, strokeStyle2) => {
          ctx.strokeStyle = ctxStroke = strokeStyle2;
          ctx.stroke(strokePath2);
        });
      } else
        strokePath != null && strokeStyle && ctx.stroke(strokePath);
    }
  }
  function doFill(fillStyle, fillPath) {
    if (fillPath instanceof Map) {
      fillPath.forEach((fillPath2, fillStyle2) => {
        ctx.fillStyle = ctxFill = fillStyle2;
        ctx.fill(fillPath2);
      });
    } else
      fillPath != null && fillStyle && ctx.fill(fillPath);
  }
  function getIncrSpace(axisIdx, min2, max2, fullDim) {
    let axis = axes[axisIdx];
    let incrSpace;
    if (fullDim <= 0)
      incrSpace = [0, 0];
    else {
      let minSpace = axis._space = axis.space(self, axisIdx, min2, max2, fullDim);
      let incrs = axis._incrs = axis.incrs(self, axisIdx, min2, max2, fullDim, minSpace);
      incrSpace = findIncr(min2, max2, incrs, fullDim, minSpace);
    }
    return axis._found = incrSpace;
  }
  function drawOrthoLines(offs, filts, ori, side, pos0, len, width2, stroke, dash, cap) {
    let offset = width2 % 2 / 2;
    pxAlign == 1 && ctx.translate(offset, offset);
    setCtxStyle(stroke, width2, dash, cap, stroke);
    ctx.beginPath();
    let x0, y0, x1, y1, pos1 = pos0 + (side == 0 || side == 3 ? -len : len);
    if (ori == 0) {
      y0 = pos0;
      y1 = pos1;
    } else {
      x0 = pos0;
      x1 = pos1;
    }
    for (let i = 0; i < offs.length; i++) {
      if (filts[i] != null) {
        if (ori == 0)
          x0 = x1 = offs[i];
        else
          y0 = y1 = offs[i];
        ctx.moveTo(x0, y0);
        ctx.lineTo(x1, y1);
      }
    }
    ctx.stroke();
    pxAlign == 1 && ctx.translate(-offset, -offset);
  }
  function axesCalc(cycleNum) {
    let converged = true;
    axes.forEach((axis, i) => {
      if (!axis.show)
        return;
      let scale2 = scales[axis.scale];
      if (scale2.min == null) {
        if (axis._show) {
          converged = false;
          axis._show = false;
          resetYSeries(false);
        }
        return;
      } else {
        if (!axis._show) {
          converged = false;
          axis._show = true;
          resetYSeries(false);
        }
      }
      let side = axis.side;
      let ori = side % 2;
      let { min: min2, max: max2 } = scale2;
      let [_incr, _space] = getIncrSpace(i, min2, max2, ori == 0 ? plotWidCss : plotHgtCss);
      if (_space == 0)
        return;
      let forceMin = scale2.distr == 2;
      let _splits = axis._splits = axis.splits(self, i, min2, max2, _incr, _space, forceMin);
      let splits = scale2.distr == 2 ? _splits.map((i2) => data0[i2]) : _splits;
      let incr = scale2.distr == 2 ? data0[_splits[1]] - data0[_splits[0]] : _incr;
      let values = axis._values = axis.values(self, axis.filter(self, splits, i, _space, incr), i, _space, incr);
      axis._rotate = side == 2 ? axis.rotate(self, values, i, _space) : 0;
      let oldSize = axis._size;
      axis._size = ceil(axis.size(self, values, i, cycleNum));
      if (oldSize != null && axis._size != oldSize)
        converged = false;
    });
    return converged;
  }
  function paddingCalc(cycleNum) {
    let converged = true;
    padding.forEach((p, i) => {
      let _p = p(self, i, sidesWithAxes, cycleNum);
      if (_p != _padding[i])
        converged = false;
      _padding[i] = _p;
    });
    return converged;
  }
  function drawAxesGrid() {
    for (let i = 0; i < axes.length; i++) {
      let axis = axes[i];
      if (!axis.show || !axis._show)
        continue;
      let side = axis.side;
      let ori = side % 2;
      let x, y;
      let fillStyle = axis.stroke(self, i);
      let shiftDir = side == 0 || side == 3 ? -1 : 1;
      let [_incr, _space] = axis._found;
      if (axis.label != null) {
        let shiftAmt2 = axis.labelGap * shiftDir;
        let baseLpos = round((axis._lpos + shiftAmt2) * pxRatio);
        setFontStyle(axis.labelFont[0], fillStyle, "center", side == 2 ? TOP : BOTTOM);
        ctx.save();
        if (ori == 1) {
          x = y = 0;
          ctx.translate(
            baseLpos,
            round(plotTop + plotHgt / 2)
          );
          ctx.rotate((side == 3 ? -PI : PI) / 2);
        } else {
          x = round(plotLft + plotWid / 2);
          y = baseLpos;
        }
        let _label = isFn(axis.label) ? axis.label(self, i, _incr, _space) : axis.label;
        ctx.fillText(_label, x, y);
        ctx.restore();
      }
      if (_space == 0)
        continue;
      let scale2 = scales[axis.scale];
      let plotDim = ori == 0 ? plotWid : plotHgt;
      let plotOff = ori == 0 ? plotLft : plotTop;
      let _splits = axis._splits;
      let splits = scale2.distr == 2 ? _splits.map((i2) => data0[i2]) : _splits;
      let incr = scale2.distr == 2 ? data0[_splits[1]] - data0[_splits[0]] : _incr;
      let ticks2 = axis.ticks;
      let border2 = axis.border;
      let _tickSize = ticks2.show ? ticks2.size : 0;
      let tickSize = round(_tickSize * pxRatio);
      let axisGap = round((axis.alignTo == 2 ? axis._size - _tickSize - axis.gap : axis.gap) * pxRatio);
      let angle = axis._rotate * -PI / 180;
      let basePos = pxRound(axis._pos * pxRatio);
      let shiftAmt = (tickSize + axisGap) * shiftDir;
      let finalPos = basePos + shiftAmt;
      y = ori == 0 ? finalPos : 0;
      x = ori == 1 ? finalPos : 0;
      let font2 = axis.font[0];
      let textAlign = axis.align == 1 ? LEFT : axis.align == 2 ? RIGHT : angle > 0 ? LEFT : angle < 0 ? RIGHT : ori == 0 ? "center" : side == 3 ? RIGHT : LEFT;
      let textBaseline = angle || ori == 1 ? "middle" : side == 2 ? TOP : BOTTOM;
      setFontStyle(font2, fillStyle, textAlign, textBaseline);
      let lineHeight = axis.font[1] * axis.lineGap;
      let canOffs = _splits.map((val) => pxRound(getPos(val, scale2, plotDim, plotOff)));
      let _values = axis._values;
      for (let i2 = 0; i2 < _values.length; i2++) {
        let val = _values[i2];
        if (val != null) {
          if (ori == 0)
            x = canOffs[i2];
          else
            y = canOffs[i2];
          val = "" + val;
          let _parts = val.indexOf("\n") == -1 ? [val] : val.split(/\n/gm);
          for (let j = 0; j < _parts.length; j++) {
            let text = _parts[j];
            if (angle) {
              ctx.save();
              ctx.translate(x, y + j * lineHeight);
              ctx.rotate(angle);
              ctx.fillText(text, 0, 0);
              ctx.restore();
            } else
              ctx.fillText(text, x, y + j * lineHeight);
          }
        }
      }
      if (ticks2.show) {
        drawOrthoLines(
          canOffs,
          ticks2.filter(self, splits, i, _space, incr),
          ori,
          side,
          basePos,
          tickSize,
          roundDec(ticks2.width * pxRatio, 3),
          ticks2.stroke(self, i),
          ticks2.dash,
          ticks2.cap
        );
      }
      let grid2 = axis.grid;
      if (grid2.show) {
        drawOrthoLines(
          canOffs,
          grid2.filter(self, splits, i, _space, incr),
          ori,
          ori == 0 ? 2 : 1,
          ori == 0 ? plotTop : plotLft,
          ori == 0 ? plotHgt : plotWid,
          roundDec(grid2.width * pxRatio, 3),
          grid2.stroke(self, i),
          grid2.dash,
          grid2.cap
        );
      }
      if (border2.show) {
        drawOrthoLines(
          [basePos],
          [1],
          ori == 0 ? 1 : 0,
          ori == 0 ? 1 : 2,
          ori == 1 ? plotTop : plotLft,
          ori == 1 ? plotHgt : plotWid,
          roundDec(border2.width * pxRatio, 3),
          border2.stroke(self, i),
          border2.dash,
          border2.cap
        );
      }
    }
    fire("drawAxes");
  }
  function resetYSeries(minMax) {
    series2.forEach((s, i) => {
      if (i > 0) {
        s._paths = null;
        if (minMax) {
          if (mode == 1) {
            s.min = null;
            s.max = null;
          } else {
            s.facets.forEach((f) => {
              f.min = null;
              f.max = null;
            });
          }
        }
      }
    });
  }
  let queuedCommit = false;
  let deferHooks = false;
  let hooksQueue = [];
  function flushHooks() {
    deferHooks = false;
    for (let i = 0; i < hooksQueue.length; i++)
      fire(...hooksQueue[i]);
    hooksQueue.length = 0;
  }
  function commit() {
    if (!queuedCommit) {
      microTask(_commit);
      queuedCommit = true;
    }
  }
  function batch(fn, _deferHooks = false) {
    queuedCommit = true;
    deferHooks = _deferHooks;
    fn(self);
    _commit();
    if (_deferHooks && hooksQueue.length > 0)
      queueMicrotask(flushHooks);
  }
  self.batch = batch;
  function _commit() {
    if (shouldSetScales) {
      setScales();
      shouldSetScales = false;
    }
    if (shouldConvergeSize) {
      convergeSize();
      shouldConvergeSize = false;
    }
    if (shouldSetSize) {
      setStylePx(under, LEFT, plotLftCss);
      setStylePx(under, TOP, plotTopCss);
      setStylePx(under, WIDTH, plotWidCss);
      setStylePx(under, HEIGHT, plotHgtCss);
      setStylePx(over, LEFT, plotLftCss);
      setStylePx(over, TOP, plotTopCss);
      setStylePx(over, WIDTH, plotWidCss);
      setStylePx(over, HEIGHT, plotHgtCss);
      setStylePx(wrap, WIDTH, fullWidCss);
      setStylePx(wrap, HEIGHT, fullHgtCss);
      can.width = round(fullWidCss * pxRatio);
      can.height = round(fullHgtCss * pxRatio);
      axes.forEach(({ _el, _show, _size, _pos, side }) => {
        if (_el != null) {
          if (_show) {
            let posOffset = side === 3 || side === 0 ? _size : 0;
            let isVt = side % 2 == 1;
            setStylePx(_el, isVt ? "left" : "top", _pos - posOffset);
            setStylePx(_el, isVt ? "width" : "height", _size);
            setStylePx(_el, isVt ? "top" : "left", isVt ? plotTopCss : plotLftCss);
            setStylePx(_el, isVt ? "height" : "width", isVt ? plotHgtCss : plotWidCss);
            remClass(_el, OFF);
          } else
            addClass(_el, OFF);
        }
      });
      ctxStroke = ctxFill = ctxWidth = ctxJoin = ctxCap = ctxFont = ctxAlign = ctxBaseline = ctxDash = null;
      ctxAlpha = 1;
      syncRect(true);
      if (plotLftCss != _plotLftCss || plotTopCss != _plotTopCss || plotWidCss != _plotWidCss || plotHgtCss != _plotHgtCss) {
        resetYSeries(false);
        let pctWid = plotWidCss / _plotWidCss;
        let pctHgt = plotHgtCss / _plotHgtCss;
        if (showCursor && !shouldSetCursor && cursor.left >= 0) {
          cursor.left *= pctWid;
          cursor.top *= pctHgt;
          vCursor && elTrans(vCursor, round(cursor.left), 0, plotWidCss, plotHgtCss);
          hCursor && elTrans(hCursor, 0, round(cursor.top), plotWidCss, plotHgtCss);
          for (let i = 0; i < cursorPts.length; i++) {
            let pt = cursorPts[i];
            if (pt != null) {
              cursorPtsLft[i] *= pctWid;
              cursorPtsTop[i] *= pctHgt;
              elTrans(pt, ceil(cursorPtsLft[i]), ceil(cursorPtsTop[i]), plotWidCss, plotHgtCss);
            }
          }
        }
        if (select.show && !shouldSetSelect && select.left >= 0 && select.width > 0) {
          select.left *= pctWid;
          select.width *= pctWid;
          select.top *= pctHgt;
          select.height *= pctHgt;
          for (let prop in _hideProps)
            setStylePx(selectDiv, prop, select[prop]);
        }
        _plotLftCss = plotLftCss;
        _plotTopCss = plotTopCss;
        _plotWidCss = plotWidCss;
        _plotHgtCss = plotHgtCss;
      }
      fire("setSize");
      shouldSetSize = false;
    }
    if (fullWidCss > 0 && fullHgtCss > 0) {
      ctx.clearRect(0, 0, can.width, can.height);
      fire("drawClear");
      drawOrder.forEach((fn) => fn());
      fire("draw");
    }
    if (select.show && shouldSetSelect) {
      setSelect(select);
      shouldSetSelect = false;
    }
    if (showCursor && shouldSetCursor) {
      updateCursor(null, true, false);
      shouldSetCursor = false;
    }
    if (legend2.show && legend2.live && shouldSetLegend) {
      setLegend();
      shouldSetLegend = false;
    }
    if (!ready) {
      ready = true;
      self.status = 1;
      fire("ready");
    }
    viaAutoScaleX = false;
    queuedCommit = false;
  }
  self.redraw = (rebuildPaths, recalcAxes) => {
    shouldConvergeSize = recalcAxes || false;
    if (rebuildPaths !== false)
      _setScale(xScaleKey, scaleX.min, scaleX.max);
    else
      commit();
  };
  function setScale(key3, opts2) {
    let sc = scales[key3];
    if (sc.from == null) {
      if (dataLen == 0) {
        let minMax = sc.range(self, opts2.min, opts2.max, key3);
        opts2.min = minMax[0];
        opts2.max = minMax[1];
      }
      if (opts2.min > opts2.max) {
        let _min = opts2.min;
        opts2.min = opts2.max;
        opts2.max = _min;
      }
      if (dataLen > 1 && opts2.min != null && opts2.max != null && opts2.max - opts2.min < 1e-16)
        return;
      if (key3 == xScaleKey) {
        if (sc.distr == 2 && dataLen > 0) {
          opts2.min = closestIdx(opts2.min, data[0]);
          opts2.max = closestIdx(opts2.max, data[0]);
          if (opts2.min == opts2.max)
            opts2.max++;
        }
      }
      pendScales[key3] = opts2;
      shouldSetScales = true;
      commit();
    }
  }
  self.setScale = setScale;
  let xCursor;
  let yCursor;
  let vCursor;
  let hCursor;
  let rawMouseLeft0;
  let rawMouseTop0;
  let mouseLeft0;
  let mouseTop0;
  let rawMouseLeft1;
  let rawMouseTop1;
  let mouseLeft1;
  let mouseTop1;
  let dragging = false;
  const drag = cursor.drag;
  let dragX = drag.x;
  let dragY = drag.y;
  if (showCursor) {
    if (cursor.x)
      xCursor = placeDiv(CURSOR_X, over);
    if (cursor.y)
      yCursor = placeDiv(CURSOR_Y, over);
    if (scaleX.ori == 0) {
      vCursor = xCursor;
      hCursor = yCursor;
    } else {
      vCursor = yCursor;
      hCursor = xCursor;
    }
    mouseLeft1 = cursor.left;
    mouseTop1 = cursor.top;
  }
  const select = self.select = assign({
    show: true,
    over: true,
    left: 0,
    width: 0,
    top: 0,
    height: 0
  }, opts.select);
  const selectDiv = select.show ? placeDiv(SELECT, select.over ? over : under) : null;
  function setSelect(opts2, _fire) {
    if (select.show) {
      for (let prop in opts2) {
        select[prop] = opts2[prop];
        if (prop in _hideProps)
          setStylePx(selectDiv, prop, opts2[prop]);
      }
      _fire !== false && fire("setSelect");
    }
  }
  self.setSelect = setSelect;
  function toggleDOM(i) {
    let s = series2[i];
    if (s.show)
      showLegend && remClass(legendRows[i], OFF);
    else {
      showLegend && addClass(legendRows[i], OFF);
      if (showCursor) {
        let pt = cursorOnePt ? cursorPts[0] : cursorPts[i];
        pt != null && elTrans(pt, -10, -10, plotWidCss, plotHgtCss);
      }
    }
  }
  function _setScale(key3, min2, max2) {
    setScale(key3, { min: min2, max: max2 });
  }
  function setSeries(i, opts2, _fire, _pub) {
    if (opts2.focus != null)
      setFocus(i);
    if (opts2.show != null) {
      series2.forEach((s, si) => {
        if (si > 0 && (i == si || i == null)) {
          s.show = opts2.show;
          toggleDOM(si);
          if (mode == 2) {
            _setScale(s.facets[0].scale, null, null);
            _setScale(s.facets[1].scale, null, null);
          } else
            _setScale(s.scale, null, null);
          commit();
        }
      });
    }
    _fire !== false && fire("setSeries", i, opts2);
    _pub && pubSync("setSeries", self, i, opts2);
  }
  self.setSeries = setSeries;
  function setBand(bi, opts2) {
    assign(bands[bi], opts2);
  }
  function addBand(opts2, bi) {
    opts2.fill = fnOrSelf(opts2.fill || null);
    opts2.dir = ifNull(opts2.dir, -1);
    bi = bi == null ? bands.length : bi;
    bands.splice(bi, 0, opts2);
  }
  function delBand(bi) {
    if (bi == null)
      bands.length = 0;
    else
      bands.splice(bi, 1);
  }
  self.addBand = addBand;
  self.setBand = setBand;
  self.delBand = delBand;
  function setAlpha(i, value) {
    series2[i].alpha = value;
    if (showCursor && cursorPts[i] != null)
      cursorPts[i].style.opacity = value;
    if (showLegend && legendRows[i])
      legendRows[i].style.opacity = value;
  }
  let closestDist;
  let closestSeries;
  let focusedSeries;
  const FOCUS_TRUE = { focus: true };
  function setFocus(i) {
    if (i != focusedSeries) {
      let allFocused = i == null;
      let _setAlpha = focus.alpha != 1;
      series2.forEach((s, i2) => {
        if (mode == 1 || i2 > 0) {
          let isFocused = allFocused || i2 == 0 || i2 == i;
          s._focus = allFocused ? null : isFocused;
          _setAlpha && setAlpha(i2, isFocused ? 1 : focus.alpha);
        }
      });
      focusedSeries = i;
      _setAlpha && commit();
    }
  }
  if (showLegend && cursorFocus) {
    onMouse(mouseleave, legendTable, (e) => {
      if (cursor._lock)
        return;
      setCursorEvent(e);
      if (focusedSeries != null)
        setSeries(null, FOCUS_TRUE, true, syncOpts.setSeries);
    });
  }
  function posToVal(pos, scale2, can2) {
    let sc = scales[scale2];
    if (can2)
      pos = pos / pxRatio - (sc.ori == 1 ? plotTopCss : plotLftCss);
    let dim = plotWidCss;
    if (sc.ori == 1) {
      dim = plotHgtCss;
      pos = dim - pos;
    }
    if (sc.dir == -1)
      pos = dim - pos;
    let _min = sc._min, _max = sc._max, pct = pos / dim;
    let sv = _min + (_max - _min) * pct;
    let distr = sc.distr;
    return distr == 3 ? pow(10, sv) : distr == 4 ? sinh(sv, sc.asinh) : distr == 100 ? sc.bwd(sv) : sv;
  }
  function closestIdxFromXpos(pos, can2) {
    let v = posToVal(pos, xScaleKey, can2);
    return closestIdx(v, data[0], i0, i1);
  }
  self.valToIdx = (val) => closestIdx(val, data[0]);
  self.posToIdx = closestIdxFromXpos;
  self.posToVal = posToVal;
  self.valToPos = (val, scale2, can2) => scales[scale2].ori == 0 ? getHPos(
    val,
    scales[scale2],
    can2 ? plotWid : plotWidCss,
    can2 ? plotLft : 0
  ) : getVPos(
    val,
    scales[scale2],
    can2 ? plotHgt : plotHgtCss,
    can2 ? plotTop : 0
  );
  self.setCursor = (opts2, _fire, _pub) => {
    mouseLeft1 = opts2.left;
    mouseTop1 = opts2.top;
    updateCursor(null, _fire, _pub);
  };
  function setSelH(off2, dim) {
    setStylePx(selectDiv, LEFT, select.left = off2);
    setStylePx(selectDiv, WIDTH, select.width = dim);
  }
  function setSelV(off2, dim) {
    setStylePx(selectDiv, TOP, select.top = off2);
    setStylePx(selectDiv, HEIGHT, select.height = dim);
  }
  let setSelX = scaleX.ori == 0 ? setSelH : setSelV;
  let setSelY = scaleX.ori == 1 ? setSelH : setSelV;
  function syncLegend() {
    if (showLegend && legend2.live) {
      for (let i = mode == 2 ? 1 : 0; i < series2.length; i++) {
        if (i == 0 && multiValLegend)
          continue;
        let vals = legend2.values[i];
        let j = 0;
        for (let k in vals)
          legendCells[i][j++].firstChild.nodeValue = vals[k];
      }
    }
  }
  function setLegend(opts2, _fire) {
    if (opts2 != null) {
      if (opts2.idxs) {
        opts2.idxs.forEach((didx, sidx) => {
          activeIdxs[sidx] = didx;
        });
      } else if (!isUndef(opts2.idx))
        activeIdxs.fill(opts2.idx);
      legend2.idx = activeIdxs[0];
    }
    if (showLegend && legend2.live) {
      for (let sidx = 0; sidx < series2.length; sidx++) {
        if (sidx > 0 || mode == 1 && !multiValLegend)
          setLegendValues(sidx, activeIdxs[sidx]);
      }
      syncLegend();
    }
    shouldSetLegend = false;
    _fire !== false && fire("setLegend");
  }
  self.setLegend = setLegend;
  function setLegendValues(sidx, idx) {
    let s = series2[sidx];
    let src = sidx == 0 && xScaleDistr == 2 ? data0 : data[sidx];
    let val;
    if (multiValLegend)
      val = s.values(self, sidx, idx) ?? NULL_LEGEND_VALUES;
    else {
      val = s.value(self, idx == null ? null : src[idx], sidx, idx);
      val = val == null ? NULL_LEGEND_VALUES : { _: val };
    }
    legend2.values[sidx] = val;
  }
  function updateCursor(src, _fire, _pub) {
    rawMouseLeft1 = mouseLeft1;
    rawMouseTop1 = mouseTop1;
    [mouseLeft1, mouseTop1] = cursor.move(self, mouseLeft1, mouseTop1);
    cursor.left = mouseLeft1;
    cursor.top = mouseTop1;
    if (showCursor) {
      vCursor && elTrans(vCursor, round(mouseLeft1), 0, plotWidCss, plotHgtCss);
      hCursor && elTrans(hCursor, 0, round(mouseTop1), plotWidCss, plotHgtCss);
    }
    let idx;
    let noDataInRange = i0 > i1;
    closestDist = inf;
    closestSeries = null;
    let xDim = scaleX.ori == 0 ? plotWidCss : plotHgtCss;
    let yDim = scaleX.ori == 1 ? plotWidCss : plotHgtCss;
    if (mouseLeft1 < 0 || dataLen == 0 || noDataInRange) {
      idx = cursor.idx = null;
      for (let i = 0; i < series2.length; i++) {
        let pt = cursorPts[i];
        pt != null && elTrans(pt, -10, -10, plotWidCss, plotHgtCss);
      }
      if (cursorFocus)
        setSeries(null, FOCUS_TRUE, true, src == null && syncOpts.setSeries);
      if (legend2.live) {
        activeIdxs.fill(idx);
        shouldSetLegend = true;
      }
    } else {
      let mouseXPos, valAtPosX, xPos;
      if (mode == 1) {
        mouseXPos = scaleX.ori == 0 ? mouseLeft1 : mouseTop1;
        valAtPosX = posToVal(mouseXPos, xScaleKey);
        idx = cursor.idx = closestIdx(valAtPosX, data[0], i0, i1);
        xPos = valToPosX(data[0][idx], scaleX, xDim, 0);
      }
      let _ptLft = -10;
      let _ptTop = -10;
      let _ptWid = 0;
      let _ptHgt = 0;
      let _centered = true;
      let _ptFill = "";
      let _ptStroke = "";
      for (let i = mode == 2 ? 1 : 0; i < series2.length; i++) {
        let s = series2[i];
        let idx1 = activeIdxs[i];
        let yVal1 = idx1 == null ? null : mode == 1 ? data[i][idx1] : data[i][1][idx1];
        let idx2 = cursor.dataIdx(self, i, idx, valAtPosX);
        let yVal2 = idx2 == null ? null : mode == 1 ? data[i][idx2] : data[i][1][idx2];
        shouldSetLegend = shouldSetLegend || yVal2 != yVal1 || idx2 != idx1;
        activeIdxs[i] = idx2;
        if (i > 0 && s.show) {
          let xPos2 = idx2 == null ? -10 : idx2 == idx ? xPos : valToPosX(mode == 1 ? data[0][idx2] : data[i][0][idx2], scaleX, xDim, 0);
          let yPos = yVal2 == null ? -10 : valToPosY(yVal2, mode == 1 ? scales[s.scale] : scales[s.facets[1].scale], yDim, 0);
          if (cursorFocus && yVal2 != null) {
            let mouseYPos = scaleX.ori == 1 ? mouseLeft1 : mouseTop1;
            let dist = abs(focus.dist(self, i, idx2, yPos, mouseYPos));
            if (dist < closestDist) {
              let bias = focus.bias;
              if (bias != 0) {
                let mouseYVal = posToVal(mouseYPos, s.scale);
                let seriesYValSign = yVal2 >= 0 ? 1 : -1;
                let mouseYValSign = mouseYVal >= 0 ? 1 : -1;
                if (mouseYValSign == seriesYValSign && (mouseYValSign == 1 ? bias == 1 ? yVal2 >= mouseYVal : yVal2 <= mouseYVal : (
                  // >= 0
                  bias == 1 ? yVal2 <= mouseYVal : yVal2 >= mouseYVal
                ))) {
                  closestDist = dist;
                  closestSeries = i;
                }
              } else {
                closestDist = dist;
                closestSeries = i;
              }
            }
          }
          if (shouldSetLegend || cursorOnePt) {
            let hPos, vPos;
            if (scaleX.ori == 0) {
              hPos = xPos2;
              vPos = yPos;
            } else {
              hPos = yPos;
              vPos = xPos2;
            }
            let ptWid, ptHgt, ptLft, ptTop, ptStroke, ptFill, centered = true, getBBox = points3.bbox;
            if (getBBox != null) {
              centered = false;
              let bbox = getBBox(self, i);
              ptLft = bbox.left;
              ptTop = bbox.top;
              ptWid = bbox.width;
              ptHgt = bbox.height;
            } else {
              ptLft = hPos;
              ptTop = vPos;
              ptWid = ptHgt = points3.size(self, i);
            }
            ptFill = points3.fill(self, i);
            ptStroke = points3.stroke(self, i);
            if (cursorOnePt) {
              if (i == closestSeries && closestDist <= focus.prox) {
                _ptLft = ptLft;
                _ptTop = ptTop;
                _ptWid = ptWid;
                _ptHgt = ptHgt;
                _centered = centered;
                _ptFill = ptFill;
                _ptStroke = ptStroke;
              }
            } else {
              let pt = cursorPts[i];
              if (pt != null) {
                cursorPtsLft[i] = ptLft;
                cursorPtsTop[i] = ptTop;
                elSize(pt, ptWid, ptHgt, centered);
                elColor(pt, ptFill, ptStroke);
                elTrans(pt, ceil(ptLft), ceil(ptTop), plotWidCss, plotHgtCss);
              }
            }
          }
        }
      }
      if (cursorOnePt) {
        let p = focus.prox;
        let focusChanged = focusedSeries == null ? closestDist <= p : closestDist > p || closestSeries != focusedSeries;
        if (shouldSetLegend || focusChanged) {
          let pt = cursorPts[0];
          if (pt != null) {
            cursorPtsLft[0] = _ptLft;
            cursorPtsTop[0] = _ptTop;
            elSize(pt, _ptWid, _ptHgt, _centered);
            elColor(pt, _ptFill, _ptStroke);
            elTrans(pt, ceil(_ptLft), ceil(_ptTop), plotWidCss, plotHgtCss);
          }
        }
      }
    }
    if (select.show && dragging) {
      if (src != null) {
        let [xKey, yKey] = syncOpts.scales;
        let [matchXKeys, matchYKeys] = syncOpts.match;
        let [xKeySrc, yKeySrc] = src.cursor.sync.scales;
        let sdrag = src.cursor.drag;
        dragX = sdrag._x;
        dragY = sdrag._y;
        if (dragX || dragY) {
          let { left, top, width: width2, height: height3 } = src.select;
          let sori = src.scales[xKeySrc].ori;
          let sPosToVal = src.posToVal;
          let sOff, sDim, sc, a, b;
          let matchingX = xKey != null && matchXKeys(xKey, xKeySrc);
          let matchingY = yKey != null && matchYKeys(yKey, yKeySrc);
          if (matchingX && dragX) {
            if (sori == 0) {
              sOff = left;
              sDim = width2;
            } else {
              sOff = top;
              sDim = height3;
            }
            sc = scales[xKey];
            a = valToPosX(sPosToVal(sOff, xKeySrc), sc, xDim, 0);
            b = valToPosX(sPosToVal(sOff + sDim, xKeySrc), sc, xDim, 0);
            setSelX(min(a, b), abs(b - a));
          } else
            setSelX(0, xDim);
          if (matchingY && dragY) {
            if (sori == 1) {
              sOff = left;
              sDim = width2;
            } else {
              sOff = top;
              sDim = height3;
            }
            sc = scales[yKey];
            a = valToPosY(sPosToVal(sOff, yKeySrc), sc, yDim, 0);
            b = valToPosY(sPosToVal(sOff + sDim, yKeySrc), sc, yDim, 0);
            setSelY(min(a, b), abs(b - a));
          } else
            setSelY(0, yDim);
        } else
          hideSelect();
      } else {
        let rawDX = abs(rawMouseLeft1 - rawMouseLeft0);
        let rawDY = abs(rawMouseTop1 - rawMouseTop0);
        if (scaleX.ori == 1) {
          let _rawDX = rawDX;
          rawDX = rawDY;
          rawDY = _rawDX;
        }
        dragX = drag.x && rawDX >= drag.dist;
        dragY = drag.y && rawDY >= drag.dist;
        let uni = drag.uni;
        if (uni != null) {
          if (dragX && dragY) {
            dragX = rawDX >= uni;
            dragY = rawDY >= uni;
            if (!dragX && !dragY) {
              if (rawDY > rawDX)
                dragY = true;
              else
                dragX = true;
            }
          }
        } else if (drag.x && drag.y && (dragX || dragY))
          dragX = dragY = true;
        let p0, p1;
        if (dragX) {
          if (scaleX.ori == 0) {
            p0 = mouseLeft0;
            p1 = mouseLeft1;
          } else {
            p0 = mouseTop0;
            p1 = mouseTop1;
          }
          setSelX(min(p0, p1), abs(p1 - p0));
          if (!dragY)
            setSelY(0, yDim);
        }
        if (dragY) {
          if (scaleX.ori == 1) {
            p0 = mouseLeft0;
            p1 = mouseLeft1;
          } else {
            p0 = mouseTop0;
            p1 = mouseTop1;
          }
          setSelY(min(p0, p1), abs(p1 - p0));
          if (!dragX)
            setSelX(0, xDim);
        }
        if (!dragX && !dragY) {
          setSelX(0, 0);
          setSelY(0, 0);
        }
      }
    }
    drag._x = dragX;
    drag._y = dragY;
    if (src == null) {
      if (_pub) {
        if (syncKey != null) {
          let [xSyncKey, ySyncKey] = syncOpts.scales;
          syncOpts.values[0] = xSyncKey != null ? posToVal(scaleX.ori == 0 ? mouseLeft1 : mouseTop1, xSyncKey) : null;
          syncOpts.values[1] = ySyncKey != null ? posToVal(scaleX.ori == 1 ? mouseLeft1 : mouseTop1, ySyncKey) : null;
        }
        pubSync(mousemove, self, mouseLeft1, mouseTop1, plotWidCss, plotHgtCss, idx);
      }
      if (cursorFocus) {
        let shouldPub = _pub && syncOpts.setSeries;
        let p = focus.prox;
        if (focusedSeries == null) {
          if (closestDist <= p)
            setSeries(closestSeries, FOCUS_TRUE, true, shouldPub);
        } else {
          if (closestDist > p)
            setSeries(null, FOCUS_TRUE, true, shouldPub);
          else if (closestSeries != focusedSeries)
            setSeries(closestSeries, FOCUS_TRUE, true, shouldPub);
        }
      }
    }
    if (shouldSetLegend) {
      legend2.idx = idx;
      setLegend();
    }
    _fire !== false && fire("setCursor");
  }
  let rect2 = null;
  Object.defineProperty(self, "rect", {
    get() {
      if (rect2 == null)
        syncRect(false);
      return rect2;
    }
  });
  function syncRect(defer = false) {
    if (defer)
      rect2 = null;
    else {
      rect2 = over.getBoundingClientRect();
      fire("syncRect", rect2);
    }
  }
  function mouseMove(e, src, _l, _t, _w, _h, _i) {
    if (cursor._lock)
      return;
    if (dragging && e != null && e.movementX == 0 && e.movementY == 0)
      return;
    cacheMouse(e, src, _l, _t, _w, _h, _i, false, e != null);
    if (e != null)
      updateCursor(null, true, true);
    else
      updateCursor(src, true, false);
  }
  function cacheMouse(e, src, _l, _t, _w, _h, _i, initial, snap) {
    if (rect2 == null)
      syncRect(false);
    setCursorEvent(e);
    if (e != null) {
      _l = e.clientX - rect2.left;
      _t = e.clientY - rect2.top;
    } else {
      if (_l < 0 || _t < 0) {
        mouseLeft1 = -10;
        mouseTop1 = -10;
        return;
      }
      let [xKey, yKey] = syncOpts.scales;
      let syncOptsSrc = src.cursor.sync;
      let [xValSrc, yValSrc] = syncOptsSrc.values;
      let [xKeySrc, yKeySrc] = syncOptsSrc.scales;
      let [matchXKeys, matchYKeys] = syncOpts.match;
      let rotSrc = src.axes[0].side % 2 == 1;
      let xDim = scaleX.ori == 0 ? plotWidCss : plotHgtCss, yDim = scaleX.ori == 1 ? plotWidCss : plotHgtCss, _xDim = rotSrc ? _h : _w, _yDim = rotSrc ? _w : _h, _xPos = rotSrc ? _t : _l, _yPos = rotSrc ? _l : _t;
      if (xKeySrc != null)
        _l = matchXKeys(xKey, xKeySrc) ? getPos(xValSrc, scales[xKey], xDim, 0) : -10;
      else
        _l = xDim * (_xPos / _xDim);
      if (yKeySrc != null)
        _t = matchYKeys(yKey, yKeySrc) ? getPos(yValSrc, scales[yKey], yDim, 0) : -10;
      else
        _t = yDim * (_yPos / _yDim);
      if (scaleX.ori == 1) {
        let __l = _l;
        _l = _t;
        _t = __l;
      }
    }
    if (snap && (src == null || src.cursor.event.type == mousemove)) {
      if (_l <= 1 || _l >= plotWidCss - 1)
        _l = incrRound(_l, plotWidCss);
      if (_t <= 1 || _t >= plotHgtCss - 1)
        _t = incrRound(_t, plotHgtCss);
    }
    if (initial) {
      rawMouseLeft0 = _l;
      rawMouseTop0 = _t;
      [mouseLeft0, mouseTop0] = cursor.move(self, _l, _t);
    } else {
      mouseLeft1 = _l;
      mouseTop1 = _t;
    }
  }
  const _hideProps = {
    width: 0,
    height: 0,
    left: 0,
    top: 0
  };
  function hideSelect() {
    setSelect(_hideProps, false);
  }
  let downSelectLeft;
  let downSelectTop;
  let downSelectWidth;
  let downSelectHeight;
  function mouseDown(e, src, _l, _t, _w, _h, _i) {
    dragging = true;
    dragX = dragY = drag._x = drag._y = false;
    cacheMouse(e, src, _l, _t, _w, _h, _i, true, false);
    if (e != null) {
      onMouse(mouseup, doc, mouseUp, false);
      pubSync(mousedown, self, mouseLeft0, mouseTop0, plotWidCss, plotHgtCss, null);
    }
    let { left, top, width: width2, height: height3 } = select;
    downSelectLeft = left;
    downSelectTop = top;
    downSelectWidth = width2;
    downSelectHeight = height3;
  }
  function mouseUp(e, src, _l, _t, _w, _h, _i) {
    dragging = drag._x = drag._y = false;
    cacheMouse(e, src, _l, _t, _w, _h, _i, false, true);
    let { left, top, width: width2, height: height3 } = select;
    let hasSelect = width2 > 0 || height3 > 0;
    let chgSelect = downSelectLeft != left || downSelectTop != top || downSelectWidth != width2 || downSelectHeight != height3;
    hasSelect && chgSelect && setSelect(select);
    if (drag.setScale && hasSelect && chgSelect) {
      let xOff = left, xDim = width2, yOff = top, yDim = height3;
      if (scaleX.ori == 1) {
        xOff = top, xDim = height3, yOff = left, yDim = width2;
      }
      if (dragX) {
        _setScale(
          xScaleKey,
          posToVal(xOff, xScaleKey),
          posToVal(xOff + xDim, xScaleKey)
        );
      }
      if (dragY) {
        for (let k in scales) {
          let sc = scales[k];
          if (k != xScaleKey && sc.from == null && sc.min != inf) {
            _setScale(
              k,
              posToVal(yOff + yDim, k),
              posToVal(yOff, k)
            );
          }
        }
      }
      hideSelect();
    } else if (cursor.lock) {
      cursor._lock = !cursor._lock;
      updateCursor(src, true, e != null);
    }
    if (e != null) {
      offMouse(mouseup, doc);
      pubSync(mouseup, self, mouseLeft1, mouseTop1, plotWidCss, plotHgtCss, null);
    }
  }
  function mouseLeave(e, src, _l, _t, _w, _h, _i) {
    if (cursor._lock)
      return;
    setCursorEvent(e);
    let _dragging = dragging;
    if (dragging) {
      let snapH = true;
      let snapV = true;
      let snapProx = 10;
      let dragH, dragV;
      if (scaleX.ori == 0) {
        dragH = dragX;
        dragV = dragY;
      } else {
        dragH = dragY;
        dragV = dragX;
      }
      if (dragH && dragV) {
        snapH = mouseLeft1 <= snapProx || mouseLeft1 >= plotWidCss - snapProx;
        snapV = mouseTop1 <= snapProx || mouseTop1 >= plotHgtCss - snapProx;
      }
      if (dragH && snapH)
        mouseLeft1 = mouseLeft1 < mouseLeft0 ? 0 : plotWidCss;
      if (dragV && snapV)
        mouseTop1 = mouseTop1 < mouseTop0 ? 0 : plotHgtCss;
      updateCursor(null, true, true);
      dragging = false;
    }
    mouseLeft1 = -10;
    mouseTop1 = -10;
    activeIdxs.fill(null);
    updateCursor(null, true, true);
    if (_dragging)
      dragging = _dragging;
  }
  function dblClick(e, src, _l, _t, _w, _h, _i) {
    if (cursor._lock)
      return;
    setCursorEvent(e);
    autoScaleX();
    hideSelect();
    if (e != null)
      pubSync(dblclick, self, mouseLeft1, mouseTop1, plotWidCss, plotHgtCss, null);
  }
  function syncPxRatio() {
    axes.forEach(syncFontSize);
    _setSize(self.width, self.height, true);
  }
  on(dppxchange, win, syncPxRatio);
  const events = {};
  events.mousedown = mouseDown;
  events.mousemove = mouseMove;
  events.mouseup = mouseUp;
  events.dblclick = dblClick;
  events["setSeries"] = (e, src, idx, opts2) => {
    let seriesIdxMatcher2 = syncOpts.match[2];
    idx = seriesIdxMatcher2(self, src, idx);
    idx != -1 && setSeries(idx, opts2, true, false);
  };
  if (showCursor) {
    onMouse(mousedown, over, mouseDown);
    onMouse(mousemove, over, mouseMove);
    onMouse(mouseenter, over, (e) => {
      setCursorEvent(e);
      syncRect(false);
    });
    onMouse(mouseleave, over, mouseLeave);
    onMouse(dblclick, over, dblClick);
    cursorPlots.add(self);
    self.syncRect = syncRect;
  }
  const hooks = self.hooks = opts.hooks || {};
  function fire(evName, a1, a2) {
    if (deferHooks)
      hooksQueue.push([evName, a1, a2]);
    else {
      if (evName in hooks) {
        hooks[evName].forEach((fn) => {
          fn.call(null, self, a1, a2);
        });
      }
    }
  }
  (opts.plugins || []).forEach((p) => {
    for (let evName in p.hooks)
      hooks[evName] = (hooks[evName] || []).concat(p.hooks[evName]);
  });
  const seriesIdxMatcher = (self2, src, srcSeriesIdx) => srcSeriesIdx;
  const syncOpts = assign({
    key: null,
    setSeries: false,
    filters: {
      pub: retTrue,
      sub: retTrue
    },
    scales: [xScaleKey, series2[1] ? series2[1].scale : null],
    match: [retEq, retEq, seriesIdxMatcher],
    values: [null, null]
  }, cursor.sync);
  if (syncOpts.match.length == 2)
    syncOpts.match.push(seriesIdxMatcher);
  cursor.sync = syncOpts;
  const syncKey = syncOpts.key;
  const sync = _sync(syncKey);
  function pubSync(type, src, x, y, w, h2, i) {
    if (syncOpts.filters.pub(type, src, x, y, w, h2, i))
      sync.pub(type, src, x, y, w, h2, i);
  }
  sync.sub(self);
  function pub(type, src, x, y, w, h2, i) {
    if (syncOpts.filters.sub(type, src, x, y, w, h2, i))
      events[type](null, src, x, y, w, h2, i);
  }
  self.pub = pub;
  function destroy() {
    sync.unsub(self);
    cursorPlots.delete(self);
    mouseListeners.clear();
    off(dppxchange, win, syncPxRatio);
    root.remove();
    legendTable?.remove();
    fire("destroy");
  }
  self.destroy = destroy;
  function _init() {
    fire("init", opts, data);
    setData(data || opts.data, false);
    if (pendScales[xScaleKey])
      setScale(xScaleKey, pendScales[xScaleKey]);
    else
      autoScaleX();
    shouldSetSelect = select.show && (select.width > 0 || select.height > 0);
    shouldSetCursor = shouldSetLegend = true;
    _setSize(opts.width, opts.height);
  }
  series2.forEach(initSeries);
  axes.forEach(initAxis);
  if (then) {
    if (then instanceof HTMLElement) {
      then.appendChild(root);
      _init();
    } else
      then(self, _init);
  } else
    _init();
  return self;
}
uPlot.assign = assign;
uPlot.fmtNum = fmtNum;
uPlot.rangeNum = rangeNum;
uPlot.rangeLog = rangeLog;
uPlot.rangeAsinh = rangeAsinh;
uPlot.orient = orient;
uPlot.pxRatio = pxRatio;
{
  uPlot.join = join;
}
{
  uPlot.fmtDate = fmtDate;
  uPlot.tzDate = tzDate;
}
uPlot.sync = _sync;
{
  uPlot.addGap = addGap;
  uPlot.clipGaps = clipGaps;
  let paths = uPlot.paths = {
    points: points2
  };
  paths.linear = linear;
  paths.stepped = stepped;
  paths.bars = bars;
  paths.spline = monotoneCubic;
}

// src/chart.ts
var height = 190;
function figure(c, onPick) {
  const shown3 = c.lines.filter((l) => l.values.some((v) => v !== null));
  if (shown3.length === 0) {
    return h("figure", { class: "chart", "data-key": c.key }, h("figcaption", {}, h("h3", {}, c.title), h("p", { class: "muted" }, c.missing ?? "The log holds nothing of it.")));
  }
  const version = [c.key, c.at.length, c.at.at(-1), c.at[0], c.title, c.place, matchMedia("(prefers-color-scheme: dark)").matches].join("|");
  const place = c.place < 0 ? c.at.length - 1 : c.place;
  return h(
    "figure",
    { class: "chart", "data-key": c.key },
    h("figcaption", {}, h("h3", {}, c.title), h("p", {}, c.says)),
    h(
      "ul",
      { class: "legend" },
      shown3.map((l) => h(
        "li",
        { class: "key" },
        swatch(l),
        `${l.name} `,
        h("b", {}, told(l.values[place], c.unit)),
        l.low && l.high && l.low[place] != null && l.high[place] != null ? ` [${c.unit(l.low[place])}, ${c.unit(l.high[place])}]` : ""
      )),
      c.band ? h("li", { class: "key" }, h("i", { class: "fine", "aria-hidden": "true" }), `${c.band.name} ${told(c.band.low[place], c.unit)} to ${told(c.band.high[place], c.unit)}`) : null,
      c.limit ? h("li", { class: "key" }, h("i", { class: "line bad dash", "aria-hidden": "true" }), c.limit.name) : null
    ),
    own(`${c.key}/canvas`, version, (host) => draw(host, { ...c, lines: shown3 }, onPick), { class: "plot", role: "img", "aria-label": `${c.title}. ${c.says}` }),
    table3({ ...c, lines: shown3 })
  );
}
var swatch = (l) => h("i", { class: `line ${l.tone}${l.dash ? " dash" : ""}`, "aria-hidden": "true" });
var told = (v, unit) => v === null || v === void 0 ? "unknown" : unit(v);
function table3(c) {
  const most3 = 12, n = c.at.length, rows2 = [];
  for (let i = 0; i < Math.min(most3, n); i++) rows2.push(Math.round(i * (n - 1) / Math.max(1, Math.min(most3, n) - 1)));
  return h(
    "details",
    { class: "figures", "data-key": `${c.key}/table` },
    h("summary", {}, "As a table"),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": `${c.title}, as a table` },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "At"), c.lines.map((l) => h("th", { scope: "col" }, l.name)), c.band ? h("th", { scope: "col" }, c.band.name) : null)),
        h("tbody", {}, rows2.map((i) => h(
          "tr",
          {},
          h("th", { scope: "row" }, clock(c.at[i] ?? "", c.now)),
          c.lines.map((l) => h("td", {}, told(l.values[i], c.unit), l.low?.[i] != null && l.high?.[i] != null ? ` [${c.unit(l.low[i])}, ${c.unit(l.high[i])}]` : "")),
          c.band ? h("td", {}, `${told(c.band.low[i], c.unit)} to ${told(c.band.high[i], c.unit)}`) : null
        )))
      )
    )
  );
}
function spread(at2, steps) {
  const t = at2.map((m) => Date.parse(m) / 1e3);
  const gaps2 = t.slice(1).map((v, i) => v - (t[i] ?? v)).sort((a, b) => a - b);
  const usual = Math.max(1, gaps2[Math.floor(gaps2.length * 0.75)] ?? 1);
  const x = [], places = [];
  t.forEach((v, i) => {
    const before = t[i - 1];
    if (before !== void 0 && (v - before > 3 * usual || steps[i] !== steps[i - 1])) {
      x.push((before + v) / 2);
      places.push(-1);
    }
    x.push(v);
    places.push(i);
  });
  return { x, places };
}
var lonely = (values) => values.flatMap((v, i) => v !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? [i] : []);
var colour = (tone2) => getComputedStyle(document.documentElement).getPropertyValue(`--${tone2}`).trim();
function draw(host, c, onPick) {
  const { x, places } = spread(c.at, c.steps);
  const column = (values) => places.map((p) => p < 0 ? null : values[p] ?? null);
  const data = [], series2 = [{}], bands = [];
  const add = (values, s) => {
    data.push(column(values));
    return series2.push({ points: { show: false }, ...s, spanGaps: false }) - 1;
  };
  const around = (low, high, fill3) => {
    const top = add(high, { stroke: "transparent", width: 0 }), bottom = add(low, { stroke: "transparent", width: 0 });
    bands.push({ series: [top, bottom], fill: fill3 });
  };
  if (c.band) around(c.band.low, c.band.high, faint("good", 0.16));
  for (const l of c.lines) if (l.low && l.high) around(l.low, l.high, faint(l.tone, 0.2));
  for (const l of c.lines) {
    const stroke = colour(l.tone), alone2 = lonely(column(l.values));
    add(l.values, { stroke, width: l.thin ? 1.2 : 2, ...l.dash ? { dash: [5, 4] } : {}, points: { show: alone2.length > 0, size: 6, fill: stroke, filter: () => alone2 } });
  }
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const plot = new uPlot({
    width: Math.max(160, host.clientWidth),
    height,
    pxAlign: true,
    legend: { show: false },
    cursor: { points: { show: false }, drag: { x: false, y: false }, y: false, sync: { key: "rollout" } },
    scales: { x: { time: true }, y: { range: (_2, low, high) => range(c, data, low, high) } },
    axes: [
      { ...axis, values: (_2, splits) => splits.map((s) => clock(new Date(1e3 * s).toISOString(), c.now).slice(-8)), space: 90, size: 30 },
      { ...axis, size: 74, values: (_2, splits) => splits.map((v) => c.unit(v).replace(" or more", "")) }
    ],
    series: series2,
    bands,
    hooks: {
      draw: [(u) => {
        if (c.limit) rule(u, [u.bbox.left, u.valToPos(c.limit.value, "y", true)], [u.bbox.left + u.bbox.width, u.valToPos(c.limit.value, "y", true)], colour("bad"), true);
        const at2 = c.at[c.place];
        if (at2 !== void 0) {
          const left = u.valToPos(Date.parse(at2) / 1e3, "x", true);
          rule(u, [left, u.bbox.top], [left, u.bbox.top + u.bbox.height], colour("ink"), false);
        }
      }]
    }
  }, [x, ...data], host);
  const pick = () => {
    const place = places[plot.cursor.idx ?? -1];
    if (place !== void 0 && place >= 0) onPick(c.at[place] ?? "");
  };
  plot.over.addEventListener("click", pick);
  const wide = new ResizeObserver(() => {
    if (host.clientWidth > 0 && host.clientWidth !== plot.width) plot.setSize({ width: host.clientWidth, height });
  });
  wide.observe(host);
  return () => {
    wide.disconnect();
    plot.destroy();
  };
}
function faint(tone2, alpha) {
  const hex = colour(tone2).replace("#", "");
  const long = hex.length === 3 ? [...hex].map((d) => d + d).join("") : hex;
  const [r, g, b] = [0, 2, 4].map((i) => parseInt(long.slice(i, i + 2), 16));
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}
function rule(u, from, to2, stroke, dash) {
  const c = u.ctx;
  c.save();
  c.strokeStyle = stroke;
  c.lineWidth = devicePixelRatio * 1.5;
  c.setLineDash(dash ? [6 * devicePixelRatio, 4 * devicePixelRatio] : []);
  c.beginPath();
  c.moveTo(...from);
  c.lineTo(...to2);
  c.stroke();
  c.restore();
}
function range(c, data, low, high) {
  const lines = data.slice(-c.lines.length).flat().filter((v) => v !== null);
  const around = data.slice(0, -c.lines.length).flat().filter((v) => v !== null);
  let from = Math.min(...lines, c.floor ?? Infinity), to2 = Math.max(...lines, c.ceiling ?? -Infinity, c.limit?.value ?? -Infinity);
  const reach = Math.max(to2 - from, ...lines.map(Math.abs), 1e-6);
  from = Math.min(from, Math.max(from - 2 * reach, Math.min(...around, from)));
  to2 = Math.max(to2, Math.min(to2 + 2 * reach, Math.max(...around, to2)));
  if (!Number.isFinite(from) || !Number.isFinite(to2)) return [low ?? 0, high ?? 1];
  const air = 0.06 * Math.max(to2 - from, 1e-9);
  return [c.floor !== void 0 && from >= c.floor ? c.floor : from - air, to2 + air];
}

// src/charts.ts
var lastOf = (c, place) => c[place] ?? null;
var asPoints = (fine) => (v) => `${points(v, fine ? 2 : 1)} pt`;
var drawn = (s) => s.gates.filter((g) => g.difference.some((v) => v !== null));
function leading(s, place) {
  const known3 = drawn(s).map((g) => g.gate), decided = s.points[place]?.gate ?? "";
  return [decided, "filter_rate_served", "filter_rate_paired"].find((g) => known3.includes(g)) ?? known3[0] ?? "";
}
function charts(s, gate, place, now2) {
  const base = { at: s.points.map((p) => p.at), steps: s.points.map((p) => p.step), place, now: now2 };
  const g = s.gates.find((one2) => one2.gate === gate);
  const told2 = s.gates.some((other) => other.gate === "partners_paired") ? "partners_paired" : "partners_served";
  const named = g?.partner?.[place < 0 ? s.points.length - 1 : place], one = gate === told2 ? s.partners.find((p) => p.name === named) : void 0;
  const alone2 = g?.partner ? { ...base, steps: turns(base.steps, g.partner) } : base;
  return [
    ...g && one ? partner(s, one, base) : g ? [difference(g, alone2), rates(s, g, alone2)] : [],
    ...g ? [proof2(g, base)] : [],
    shared(s, base),
    ...percentiles(s, base),
    ...latency(s, base),
    ...money(s, base)
  ];
}
function turns(steps, partners) {
  let n = 0;
  return steps.map((step2, i) => i > 0 && (step2 !== steps[i - 1] || partners[i] !== partners[i - 1]) ? ++n : n);
}
var whom = (g, place) => g.partner?.[place] ? `, ${g.partner[place]} at this look` : "";
function difference(g, base) {
  const at2 = base.place < 0 ? base.at.length - 1 : base.place, v = lastOf(g.difference, at2), fine = Math.max(...g.band_high.map((b) => Math.abs(b ?? 0))) <= 5e-3;
  const unit = g.gate === "prediction" ? (x) => percent(x) : asPoints(fine);
  const low = lastOf(g.low, at2), high = lastOf(g.high, at2), from = lastOf(g.band_low, at2), to2 = lastOf(g.band_high, at2);
  const open2 = from !== null && from <= -1;
  const says = v === null || low === null || high === null || to2 === null || from === null ? "Not known at this look." : `${unit(v)} at this look, 95 % interval ${unit(low)} to ${unit(high)}; allowed is ${open2 ? `up to ${unit(to2)}` : `${unit(from)} to ${unit(to2)}`}.`;
  const floor2 = open2 ? Math.min(...g.low.filter((x) => x !== null && x > -1), 0) : null;
  return {
    ...base,
    key: "difference",
    title: `Difference: ${gateName(g.gate)}${whom(g, at2)}`,
    says,
    unit,
    lines: [{ name: g.since_past ? "more than before" : "difference", values: g.difference, low: g.low, high: g.high, tone: "try" }],
    band: { name: "allowed", low: floor2 === null ? g.band_low : g.band_low.map((b) => b === null ? null : floor2), high: g.band_high },
    ...g.gate === "prediction" ? {} : { floor: floor2 ?? Math.min(...g.band_low.filter((x) => x !== null)), ceiling: Math.max(...g.band_high.filter((x) => x !== null)) }
  };
}
function rates(s, g, base) {
  const at2 = base.place < 0 ? base.at.length - 1 : base.place, served = !/paired$|^invalid|^missed/.test(g.gate);
  const paired = g.gate === "filter_rate_served" ? s.gates.find((one) => one.gate === "filter_rate_paired") : void 0;
  const c = lastOf(g.candidate, at2), d = lastOf(g.stable, at2);
  return {
    ...base,
    key: "rates",
    title: `${served ? "Canary, control and stable" : "Candidate and stable, same requests"}${whom(g, at2)}`,
    says: c === null || d === null ? "Not known at this look." : `${served ? "Canaries" : "The candidate"} ${percent(c)}, ${served ? "controls" : "stable"} ${percent(d)}, since ${served ? "this step began" : "the rollout began"}.`,
    unit: (v) => percent(v),
    lines: [
      { name: served ? "canary" : "candidate", values: g.candidate, tone: "candidate" },
      { name: served ? "control" : "stable", values: g.stable, tone: served ? "control" : "stable" },
      ...paired ? [{ name: "stable, on requests that both scored", values: paired.stable, tone: "stable", dash: true, thin: true }] : []
    ]
  };
}
var beyond = 1.5;
function partner(s, p, base) {
  const times = s.points.map((one) => Date.parse(one.at)), wanted2 = times[base.place < 0 ? times.length - 1 : base.place] ?? 0;
  const step2 = (moment3) => s.points[Math.max(0, times.filter((t) => t <= Date.parse(moment3)).length - 1)]?.step ?? 0;
  const before = s.moments.filter((m) => Date.parse(m) <= wanted2).length - 1;
  const own2 = { at: s.moments, steps: s.moments.map(step2), place: base.place < 0 ? -1 : Math.max(0, before), now: base.now };
  const at2 = own2.place < 0 ? s.moments.length - 1 : own2.place, unit = asPoints(false);
  const d = lastOf(p.difference, at2), low = lastOf(p.low, at2), high = lastOf(p.high, at2), c = lastOf(p.candidate, at2), e = lastOf(p.stable, at2);
  const flat = (v) => s.moments.map(() => v);
  return [{
    ...own2,
    key: "difference",
    title: `Difference: ${p.name}`,
    unit,
    floor: p.band_low,
    ceiling: p.band_high,
    says: d === null || low === null || high === null ? "Not known at this look." : `${unit(d)} at this look, 95 % interval ${unit(low)} to ${unit(high)}; allowed is ${unit(p.band_low)} to ${unit(p.band_high)}.`,
    lines: [{ name: "difference", values: p.difference, low: p.low, high: p.high, tone: "try" }],
    band: { name: "allowed", low: flat(p.band_low), high: flat(p.band_high) }
  }, {
    ...own2,
    key: "rates",
    title: `Candidate and stable: ${p.name}`,
    unit: (v) => percent(v),
    says: c === null || e === null ? "Not known at this look." : `The candidate filters ${percent(c)} of its requests, stable ${percent(e)}.`,
    lines: [{ name: "candidate", values: p.candidate, tone: "candidate" }, { name: "stable", values: p.stable, tone: "stable" }]
  }];
}
var way = (have, want) => have === null || want === null || want <= 1 ? null : Math.min(beyond, Math.max(0, Math.log(Math.max(have, 1)) / Math.log(want)));
function proof2(g, base) {
  const at2 = base.place < 0 ? base.at.length - 1 : base.place;
  const against = g.evidence.map((e, i) => way(e, g.threshold[i] ?? null)), forIt = g.proof.map((e, i) => way(e, g.required[i] ?? null));
  const tell = (have, want) => have === null || want === null ? "not asked" : `${evidence(have)} of ${evidence(want)}`;
  return {
    ...base,
    key: "proof",
    title: `Evidence: ${gateName(g.gate)}`,
    says: `Against it ${tell(lastOf(g.evidence, at2), lastOf(g.threshold, at2))}; for it ${tell(lastOf(g.proof, at2), lastOf(g.required, at2))}. At 100 % it decides.`,
    unit: (v) => v >= beyond ? `${100 * beyond} % or more` : `${Math.round(100 * v)} %`,
    floor: 0,
    ceiling: 1,
    limit: { value: 1, name: "decides" },
    lines: [{ name: "against the candidate", values: against, tone: "bad" }, { name: "for it", values: forIt, tone: "good" }]
  };
}
function shared(s, base) {
  const at2 = base.place < 0 ? base.at.length - 1 : base.place, p = s.points[at2];
  return {
    ...base,
    key: "share",
    title: "Share of the compared requests that canaries answer",
    says: p?.share == null || p.tasks === null ? p?.served ? "Not written down yet at this look." : "In the shadow of stable nothing is shared out." : `${percent(p.share)} of ${count(p.requests)} requests, with ${percent(p.tasks, 0)} of the compared tasks.`,
    unit: (v) => percent(v, 0),
    floor: 0,
    ceiling: Math.min(1, 1.4 * Math.max(...s.points.map((one) => one.tasks ?? 0))),
    lines: [
      { name: "of the requests", values: s.points.map((one) => one.share), tone: "candidate" },
      { name: "of the tasks", values: s.points.map((one) => one.tasks), tone: "muted", dash: true, thin: true }
    ]
  };
}
function percentiles(s, base) {
  const at2 = base.place < 0 ? base.at.length - 1 : base.place, l = s.latency;
  const chart = (of, what2) => {
    const arms2 = [["canaries", l?.canary[of] ?? []], ["controls", l?.control[of] ?? []], ["other tasks", l?.stable[of] ?? []]];
    const told2 = arms2.flatMap(([who, c]) => c[at2] == null ? [] : [`${took(c[at2])} on ${who}`]);
    return {
      ...base,
      key: of,
      title: `Latency: ${what2}`,
      missing: l ? "Not known: no task told how long its auctions took." : "Not kept in this log: it is of a version before latency was.",
      says: told2.length === 0 ? "Not known at this look." : `${told2.join(", ")}, over the minute up to this look.`,
      unit: took,
      floor: 0,
      lines: [
        { name: "canary", values: l?.canary[of] ?? [], tone: "candidate" },
        { name: "control", values: l?.control[of] ?? [], tone: "control" },
        { name: "stable", values: l?.stable[of] ?? [], tone: "stable" }
      ]
    };
  };
  return [chart("p99_seconds", "what 99 of 100 auctions took at most"), ...l ? [chart("p50_seconds", "what half of the auctions took at most")] : []];
}
function latency(s, base) {
  const g = s.gates.find((one) => one.gate === "latency");
  if (!g) return [];
  const at2 = base.place < 0 ? base.at.length - 1 : base.place, c = lastOf(g.candidate, at2), d = lastOf(g.stable, at2);
  return [{
    ...base,
    key: "latency",
    title: "Latency: requests slower than stable's p99",
    says: c === null || d === null ? "Not known at this look." : `${percent(c, 2)} of the canaries' requests took longer than 99 % of stable's did, ${percent(d, 2)} of the controls'.`,
    unit: (v) => percent(v, 2),
    floor: 0,
    lines: [{ name: "canary", values: g.candidate, tone: "candidate" }, { name: "control", values: g.stable, tone: "control" }]
  }];
}
function money(s, base) {
  const m = s.money;
  if (!m) return [];
  const at2 = base.place < 0 ? base.at.length - 1 : base.place;
  const round2 = (v) => Math.abs(v) >= 100 ? count(Math.round(v)) : String(Number(v.toPrecision(3)));
  const says = (c, d, what2) => c === null || d === null ? "Not known at this look." : `Candidate ${round2(c)}, stable ${round2(d)} ${what2}${d > 0 ? `: ${c >= d ? "+" : "−"}${share(Math.abs(c - d) / d)}` : ""}.`;
  return [{
    ...base,
    key: "value",
    title: `Value of the bids let through, ${m.currency} per million requests`,
    unit: round2,
    says: says(lastOf(m.candidate.value, at2), lastOf(m.stable.value, at2), m.currency),
    lines: [
      { name: "candidate", values: m.candidate.value, low: m.candidate.value_low, high: m.candidate.value_high, tone: "candidate" },
      { name: "stable", values: m.stable.value, low: m.stable.value_low, high: m.stable.value_high, tone: "stable" }
    ]
  }, {
    ...base,
    key: "saved",
    title: "Calls saved per million requests",
    unit: round2,
    says: says(lastOf(m.candidate.saved, at2), lastOf(m.stable.saved, at2), "calls"),
    lines: [
      { name: "candidate", values: m.candidate.saved, low: m.candidate.saved_low, high: m.candidate.saved_high, tone: "candidate" },
      { name: "stable", values: m.stable.saved, low: m.stable.saved_low, high: m.stable.saved_high, tone: "stable" }
    ]
  }];
}

// src/course.ts
var heard = { id: "", verdicts: [] };
var mostHeard = 300;
var joined = { of: "", series: null };
function course(s, id) {
  const running = s.view?.active?.id === id;
  const log3 = asked(`series/${s.fleet}/${id}`, () => series(s.fleet, id), recent(s.fleet, id, running));
  listen(s, id);
  if (log3.value === null) return log3;
  whole.set(`${s.fleet}/${id}`, log3.value.whole);
  const last2 = Date.parse(log3.value.points.at(-1)?.at ?? "");
  const fresh = running ? heard.verdicts.filter((v) => !(Date.parse(v.at) <= last2)) : [];
  if (fresh.length === 0 || !log3.value.whole) return log3;
  const of = `${s.fleet}/${id}/${log3.count}/${fresh.length}/${fresh.at(-1)?.at}`;
  if (joined.of !== of) joined = { of, series: join2(log3.value, fresh) };
  return { ...log3, value: joined.series, count: log3.count + fresh.length };
}
var whole = /* @__PURE__ */ new Map();
function recent(fleet2, id, running) {
  if (whole.get(`${fleet2}/${id}`) === false) return 500;
  return running ? 15e3 : 6e5;
}
function listen(s, id) {
  const v = s.view?.active?.id === id ? s.view.active.verdict : null;
  const key2 = `${s.fleet}/${id}`;
  if (heard.id !== key2) Object.assign(heard, { id: key2, verdicts: [] });
  if (v && v.at !== heard.verdicts.at(-1)?.at) heard.verdicts = [...heard.verdicts, { ...v, headline: s.view?.active?.headline ?? "", auctions: s.view?.auctions ?? null }].slice(-mostHeard);
}
function join2(s, verdicts) {
  const last2 = s.points.at(-1);
  const points3 = [...s.points, ...verdicts.map((v) => ({
    look: v.looks,
    at: v.at,
    step: last2?.step ?? 0,
    served: (v.findings ?? []).some((f) => f.gate === "filter_rate_served" && f.requests > 0),
    outcome: v.outcome,
    headline: v.headline,
    sentence: v.sentence,
    progress: v.progress,
    requests: 0,
    share: null,
    tasks: null,
    ...v.class ? { class: v.class } : {},
    ...v.gate ? { gate: v.gate } : {},
    ...v.partner ? { partner: v.partner } : {}
  }))];
  const gates2 = s.gates.map((g) => {
    const found = verdicts.map((v) => (v.findings ?? []).find((f) => f.gate === g.gate));
    const more2 = (of) => found.map((f) => f ? of(f) : null);
    const rates2 = (of) => more2((f) => measured(f) ? of(f) : null);
    return {
      ...g,
      outcome: [...g.outcome, ...found.map((f) => f?.outcome ?? "")],
      ...g.partner ? { partner: [...g.partner, ...found.map((f) => f?.partner ?? "")] } : {},
      candidate: [...g.candidate, ...rates2((f) => f.candidate_rate)],
      stable: [...g.stable, ...rates2((f) => f.stable_rate)],
      difference: [...g.difference, ...rates2((f) => f.difference)],
      low: [...g.low, ...rates2((f) => f.low)],
      high: [...g.high, ...rates2((f) => f.high)],
      band_low: [...g.band_low, ...rates2((f) => f.band_low)],
      band_high: [...g.band_high, ...rates2((f) => f.band_high)],
      evidence: [...g.evidence, ...more2((f) => f.threshold > 0 ? f.evidence : null)],
      threshold: [...g.threshold, ...more2((f) => f.threshold > 0 ? f.threshold : null)],
      proof: [...g.proof, ...more2((f) => f.required > 0 ? f.proof : null)],
      required: [...g.required, ...more2((f) => f.required > 0 ? f.required : null)],
      requests: [...g.requests, ...more2((f) => f.requests)]
    };
  });
  return { ...s, points: points3, gates: gates2, money: s.money ? money2(s.money, verdicts) : null, latency: s.latency ? latency2(s.latency, verdicts) : null };
}
function latency2(l, verdicts) {
  const arm = (to2, of) => ({
    p50_seconds: [...l[to2].p50_seconds, ...verdicts.map((v) => v.auctions?.[of]?.p50_seconds ?? null)],
    p99_seconds: [...l[to2].p99_seconds, ...verdicts.map((v) => v.auctions?.[of]?.p99_seconds ?? null)]
  });
  return { canary: arm("canary", "canary"), control: arm("control", "control"), stable: arm("stable", "rest") };
}
function money2(m, verdicts) {
  const side = (name) => {
    const more2 = (what2, end2) => verdicts.map((v) => v.money?.[name][what2][end2] ?? null);
    const e = m[name];
    return {
      value: [...e.value, ...more2("value", "value")],
      value_low: [...e.value_low, ...more2("value", "low")],
      value_high: [...e.value_high, ...more2("value", "high")],
      saved: [...e.saved, ...more2("saved", "value")],
      saved_low: [...e.saved_low, ...more2("saved", "low")],
      saved_high: [...e.saved_high, ...more2("saved", "high")]
    };
  };
  return { currency: m.currency, candidate: side("candidate"), stable: side("stable") };
}
var measured = (f) => f.requests > 0 && (f.band_low !== 0 || f.band_high !== 0) && !(f.low <= -1 && f.high >= 1);
function findings(s, place) {
  return s.gates.flatMap((g) => {
    const outcome = g.outcome[place];
    const told2 = [g.low, g.threshold, g.required].some((c) => c[place] != null);
    return outcome && told2 ? [finding(g, place, outcome)] : [];
  });
}
function finding(g, place, outcome) {
  const at2 = (c) => c[place] ?? 0;
  const known3 = g.low[place] !== null && g.low[place] !== void 0;
  return {
    gate: g.gate,
    outcome,
    candidate_rate: at2(g.candidate),
    stable_rate: at2(g.stable),
    difference: at2(g.difference),
    low: known3 ? at2(g.low) : -1,
    high: known3 ? at2(g.high) : 1,
    band_low: at2(g.band_low),
    band_high: at2(g.band_high),
    evidence: at2(g.evidence),
    threshold: at2(g.threshold),
    proof: at2(g.proof),
    required: at2(g.required),
    requests: at2(g.requests),
    clusters: 0,
    windows: 0,
    sentence: at2(g.requests) > 0 ? "not known yet" : "nothing was counted",
    ...g.partner?.[place] ? { partner: g.partner[place] } : {},
    ...g.since_past ? { since_past: true } : {}
  };
}

// src/gates.ts
function gatesTable(findings2) {
  const head2 = ["Gate", "Verdict", "Candidate", "Stable", "Difference, 95 % interval, allowed band", "Evidence", "Basis"];
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Evidence per gate" },
    h(
      "table",
      { class: "gates" },
      h("thead", {}, h("tr", {}, head2.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, findings2.map((f) => [gateRow(f), because(f)]).flat())
    )
  );
}
function because(f) {
  const drivers = f.drivers ?? [];
  if (f.outcome === "acceptable" || drivers.length === 0 && !f.otherwise) return null;
  return h("tr", { "data-key": `${f.gate}/because`, class: `because ${f.outcome}` }, h(
    "td",
    { colspan: 7 },
    drivers.length === 0 ? null : h("p", {}, "Driven by ", drivers.map((d, i) => [i > 0 ? ", " : "", h("b", {}, d.name), ` ${share(d.share)}`]).flat()),
    f.otherwise ? h("p", {}, h("b", {}, "What if: "), f.otherwise) : null
  ));
}
function gateRow(f) {
  const unknown2 = f.low <= -1 && f.high >= 1;
  const measured2 = f.requests > 0 && !unknown2 && (f.band_low !== 0 || f.band_high !== 0);
  const fine = Math.abs(f.band_high) <= 5e-3;
  const digits = fine ? 2 : 1;
  return h(
    "tr",
    { "data-key": `${f.gate}/${f.partner ?? ""}`, class: f.outcome },
    h("th", { scope: "row" }, gateName(f.gate), f.partner ? h("b", { class: "partner" }, f.partner) : null),
    h("td", {}, badge(f.outcome, outcomeTone(f.outcome))),
    measured2 ? [
      h("td", { class: "number", "data-label": "candidate" }, percent(f.candidate_rate, digits)),
      h("td", { class: "number", "data-label": "stable" }, percent(f.stable_rate, digits)),
      h("td", { class: "interval" }, intervalBar(f, digits), h("span", { class: "figures" }, figures(f, digits)))
    ] : h("td", { colspan: 3, class: "said" }, f.sentence),
    h(
      "td",
      { class: "meters" },
      f.threshold > 0 ? meter("against", f.evidence, f.threshold) : null,
      f.required > 0 ? meter("for", f.proof, f.required) : null,
      growth(f)
    ),
    h(
      "td",
      { class: "number basis", "data-label": "basis" },
      f.requests > 0 ? count(f.requests) : null,
      (f.needed ?? 0) > f.requests ? h("small", {}, `of ${count(f.needed ?? 0)}`) : null,
      f.clusters > 0 ? h("small", {}, `${count(f.clusters)} clusters`) : null,
      f.alpha ? h("small", { title: "false alarms that this gate may give, of a rollout's 5 %" }, `alpha ${share(f.alpha)}`) : null
    )
  );
}
function figures(f, digits) {
  if (f.gate === "prediction") return [h("b", {}, percent(f.difference, digits)), ` [${percent(f.low, digits)}, ${percent(f.high, digits)}]`];
  return [
    h("b", {}, `${points(f.difference, digits)} pt`),
    ` [${points(f.low, digits)}, ${points(f.high, digits)}]`,
    f.since_past ? h("span", { title: "each task is held against what it did before the rollout" }, " more than before") : null
  ].filter((part) => part !== null);
}
function growth(f) {
  const g = f.growth ?? [];
  if (g.length < 2 || f.threshold <= 1 || Math.max(...g) < Math.log(2)) return null;
  const width2 = 160, height3 = 30, top = Math.log(f.threshold);
  const high = Math.max(top, ...g), low = Math.min(0, ...g);
  const y = (v) => 2 + (height3 - 4) * (1 - (v - low) / (high - low));
  const points3 = g.map((v, i) => `${(width2 * i / (g.length - 1)).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
  const label2 = `evidence against it at the last ${g.length} looks, from ${evidence(Math.exp(g[0] ?? 0))} to ${evidence(Math.exp(g.at(-1) ?? 0))}; worse at ${evidence(f.threshold)}`;
  return h(
    "div",
    { class: "growth" },
    svg(
      "svg",
      { viewBox: `0 0 ${width2} ${height3}`, role: "img", "aria-label": label2, preserveAspectRatio: "none" },
      svg("line", { x1: 0, x2: width2, y1: y(top), y2: y(top), class: "limit" }),
      svg("polyline", { points: points3, class: "curve" })
    )
  );
}
function intervalBar(f, digits) {
  const width2 = 240, height3 = 26, middle = height3 / 2;
  const open2 = f.band_low <= -1;
  const centre = f.gate === "prediction" ? (f.band_low + f.band_high) / 2 : 0;
  const marks = open2 ? [3 * f.band_high, f.high, Math.abs(f.difference)] : [f.low, f.high, f.band_low, f.band_high].map((v) => Math.abs(v - centre));
  const reach = 1.12 * Math.max(...marks, 1e-6);
  const x = (v) => width2 / 2 * (1 + Math.max(-1, Math.min(1, (v - centre) / reach)));
  const label2 = `difference ${points(f.difference, digits)} points, 95 % interval ${points(f.low, digits)} to ${points(f.high, digits)}, allowed ${open2 ? "up" : points(f.band_low, digits)} to ${points(f.band_high, digits)}`;
  const cap = (v) => svg("line", { x1: x(v), x2: x(v), y1: middle - 5, y2: middle + 5, class: "ci" });
  return svg(
    "svg",
    { viewBox: `0 0 ${width2} ${height3}`, class: "bar", role: "img", "aria-label": label2, preserveAspectRatio: "none" },
    svg("rect", { x: 0, y: 3, width: width2, height: height3 - 6, rx: 3, class: "out" }),
    svg("rect", { x: x(f.band_low), y: 3, width: Math.max(1, x(f.band_high) - x(f.band_low)), height: height3 - 6, class: "band" }),
    svg("line", { x1: x(centre), x2: x(centre), y1: 1, y2: height3 - 1, class: "zero" }),
    svg("line", { x1: x(f.low), x2: x(f.high), y1: middle, y2: middle, class: "ci" }),
    Math.abs(f.low - centre) < reach ? cap(f.low) : null,
    f.high - centre < reach ? cap(f.high) : null,
    svg("path", { d: `M${x(f.difference).toFixed(1)} ${middle}h.01`, class: "halo" }),
    svg("path", { d: `M${x(f.difference).toFixed(1)} ${middle}h.01`, class: `dot ${f.outcome}` })
  );
}
function meter(side, have, want) {
  const share3 = have <= 1 ? 0 : Math.min(1, Math.log(have) / Math.log(want));
  return h(
    "div",
    { class: `meter ${side}` },
    h("span", {}, side),
    svg(
      "svg",
      { viewBox: "0 0 60 6", "aria-hidden": "true", preserveAspectRatio: "none" },
      svg("rect", { width: 60, height: 6, rx: 3, class: "rail" }),
      svg("rect", { width: 60 * share3, height: 6, rx: 3, class: "fill" })
    ),
    h("span", { class: "figures" }, have < want ? `${evidence(have)} of ${evidence(want)}` : `${evidence(have)}, enough`)
  );
}

// src/partners.ts
var orders = { evidence: "evidence against it", difference: "difference", traffic: "traffic", name: "name" };
var latest = (p) => p.difference.reduce((last2, v, i) => v === null ? last2 : i, -1);
var size = (p) => Math.abs(p.difference[latest(p)] ?? 0);
var sorts = {
  evidence: (a, b) => b.evidence - a.evidence || size(b) - size(a),
  difference: (a, b) => size(b) - size(a),
  traffic: (a, b) => b.requests - a.requests,
  name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true })
};
function partnersPanel(s, stamp, order) {
  const by = order in sorts ? order : "evidence";
  const list = [...s.partners].sort(sorts[by]);
  return kept("section", "partners-panel", `${stamp}|${by}`, () => h(
    "section",
    { class: "card partners", "aria-label": "Partners" },
    h(
      "header",
      {},
      h("h2", {}, "Partners"),
      h("label", {}, "by ", h(
        "select",
        { "data-set": "partners", "aria-label": "Order of the partners" },
        Object.entries(orders).map(([name, words2]) => h("option", { value: name, selected: name === by }, words2))
      )),
      h("span", { class: "muted" }, "what the candidate filters less what stable does, with the 95 % interval, over what is allowed")
    ),
    list.length === 0 ? h("p", { class: "muted" }, "The log knows no partner.") : own("partners", `${stamp}|${by}|${list.length}`, (host) => {
      host.replaceChildren(h("ul", { class: "multiples" }, list.map((p) => multiple(p))));
    }),
    s.more_partners > 0 ? h("p", { class: "muted" }, `and ${count(s.more_partners)} more with less traffic; `, h("code", {}, `sluice replay ${s.rollout}`), " judges them all.") : null
  ));
}
function multiple(p) {
  const i = latest(p), d = p.difference[i], low = p.low[i], high = p.high[i];
  const known3 = d !== void 0 && d !== null && low !== void 0 && low !== null && high !== void 0 && high !== null;
  return h(
    "li",
    { class: p.outcome },
    h("div", { class: "line" }, h("b", {}, p.name), known3 ? h("span", { class: "figures" }, `${points(d)} pt`) : h("span", { class: "muted" }, "not known yet")),
    known3 ? spark2(p, `${p.name}: ${points(d)} points, 95 % interval ${points(low)} to ${points(high)}, allowed ${points(p.band_low)} to ${points(p.band_high)}`) : null,
    h(
      "div",
      { class: "line small muted" },
      h("span", {}, known3 ? `${percent(p.candidate[i] ?? 0, 0)} of ${count(p.requests)}, stable ${percent(p.stable[i] ?? 0, 0)}` : `${count(p.requests)} requests`),
      p.evidence > 1 ? h("span", {}, `E ${evidence(p.evidence)}`) : null
    )
  );
}
var width = 120;
var height2 = 36;
function spark2(p, label2) {
  const known3 = p.difference.map((v, i) => v === null ? -1 : i).filter((i) => i >= 0);
  const reach = Math.max(1e-6, 1.5 * Math.max(Math.abs(p.band_low), Math.abs(p.band_high)), 1.1 * Math.max(...known3.map((i) => Math.abs(p.difference[i] ?? 0))));
  const x = (i) => p.difference.length < 2 ? width / 2 : width * i / (p.difference.length - 1);
  const y = (v) => height2 / 2 * (1 - Math.max(-1, Math.min(1, v / reach)));
  const at2 = (i, v) => `${x(i).toFixed(1)},${y(v ?? 0).toFixed(1)}`;
  const around = [...known3.map((i) => at2(i, p.high[i])), ...[...known3].reverse().map((i) => at2(i, p.low[i]))].join(" ");
  const line = known3.map((i, n) => `${n === 0 || i !== (known3[n - 1] ?? 0) + 1 ? "M" : "L"}${at2(i, p.difference[i])}`).join("");
  const end2 = known3.at(-1) ?? 0;
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height2}`, role: "img", "aria-label": label2, preserveAspectRatio: "none" },
    svg("rect", { x: 0, y: y(p.band_high), width, height: Math.max(1, y(p.band_low) - y(p.band_high)), class: "band" }),
    svg("polygon", { points: around, class: "around" }),
    svg("line", { x1: 0, x2: width, y1: y(0), y2: y(0), class: "zero" }),
    svg("path", { d: line, class: "curve" }),
    svg("path", { d: `M${at2(end2, p.difference[end2])}h.01`, class: "dot" })
  );
}

// src/money.ts
function moneyTable(m) {
  const head2 = ["Money", `Bids let through, ${m.currency} per million requests`, "Calls saved per million requests", `Value lost, ${m.currency} per million calls saved`];
  return h(
    "div",
    { class: "scroll money", tabindex: "0", role: "region", "aria-label": "Money" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, head2.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, row2("candidate", m.candidate), row2("stable", m.stable))
    ),
    h(
      "p",
      { class: "muted" },
      `by ${count(m.priced)} priced bids on explored requests, with 95 % intervals for this look`,
      m.unpriced ? `; ${count(m.unpriced)} more bids have no price that counts` : "",
      m.capped ? `; ${share(m.capped)} of the value lay above the cap` : ""
    )
  );
}
var row2 = (name, e) => h("tr", { "data-key": `money/${name}` }, h("th", { scope: "row" }, name), [amount(e.value), amount(e.saved), e.saved.high > 0 ? amount(e.lost) : "no calls saved"].map((a) => h("td", { class: "number" }, a)));
var amount = (a) => [h("b", {}, rounded(a.value)), ` [${rounded(a.low)}, ${rounded(a.high)}]`];
var rounded = (v) => Math.abs(v) >= 100 ? count(Math.round(v)) : String(Number(v.toPrecision(3)));

// src/past.ts
function historyPanel(s) {
  const all = s.rollouts.value ?? [], over = all.filter((r) => r.final), text = missing2("past rollouts", s.rollouts);
  return h(
    "section",
    { class: "card history", "aria-label": "History" },
    h("header", {}, h("h2", {}, "History")),
    text !== "" ? h("p", { class: s.rollouts.why === "" ? "muted" : "note", "data-key": "missing" }, text) : over.length === 0 ? h("p", { class: "muted", "data-key": "missing" }, "No rollout has ended yet.") : null,
    over.map((r) => entry(s, r, replaced(over, r))),
    all.length >= pastLimit ? h("p", { class: "muted" }, `These are the newest ${over.length}; `, h("code", {}, `sluice rollouts --fleet ${s.fleet} --limit 500`), " lists older ones.") : null
  );
}
function replaced(newestFirst, r) {
  if (r.phase !== "live") return "";
  const later = newestFirst.slice(0, newestFirst.indexOf(r));
  return later.reverse().find((o) => o.phase === "live" ? o.candidate !== r.candidate : o.id.startsWith("rollback-") && o.against !== r.candidate)?.since ?? "";
}
function entry(s, r, until2) {
  const at2 = now(s), version = [r.phase, r.sentence, span(at2 - Date.parse(r.since)), s.details.get(r.id)?.why, s.details.get(r.id)?.value !== null, s.view?.stable?.digest, until2].join("|");
  return kept("details", `past/${s.fleet}/${r.id}`, version, () => h(
    "details",
    { "data-rollout": r.id, class: tone(r.phase) },
    h(
      "summary",
      {},
      endBadge(r, s.view?.stable?.digest),
      until2 === "" || r.candidate === s.view?.stable?.digest ? null : h("span", { class: "muted" }, "until ", clock(until2, at2)),
      h("b", { class: "name" }, r.id),
      h("span", { class: "reason" }, r.reason),
      h("span", { class: "spring" }),
      ago(r.since, at2),
      h("span", { class: "gist" }, r.headline || r.sentence)
    ),
    h("div", { class: "more" }, whole2(s, r, at2))
  ));
}
function whole2(s, r, at2) {
  const fetch2 = s.details.get(r.id), d = fetch2?.value ?? r;
  const findings2 = d.verdict?.findings ?? [];
  return [
    ...said(d, d.since),
    h(
      "p",
      { class: "muted" },
      "candidate ",
      code(d.candidate),
      " against ",
      code(d.against),
      `, policy ${d.policy || "—"}`,
      d.by ? `, asked by ${d.by}` : "",
      `; ${count(d.exposed)} auctions answered by it; from ${d.source || "—"}`
    ),
    d.verdict && d.verdict.sentence !== d.sentence ? h("p", {}, "Verdict ", h("b", {}, words(d.verdict.outcome)), `: ${d.verdict.sentence}`) : null,
    fetch2?.why ? h("p", { class: "note", "data-key": "missing" }, missing2("its evidence", fetch2)) : null,
    findings2.length > 0 ? gatesTable(findings2) : null,
    d.verdict?.money ? moneyTable(d.verdict.money) : null,
    (d.history ?? []).length > 0 ? log(d.history ?? [], at2, true) : null,
    r.phase === "live" && r.candidate !== "" && r.candidate !== s.view?.stable?.digest ? h("p", {}, button("rollback", "Roll back to this release…", "", { "data-release": r.candidate })) : null
  ];
}
function logPanel(s) {
  return h(
    "section",
    { class: "card log", "aria-label": "Log" },
    h("header", {}, h("h2", {}, "Log"), h("span", { class: "muted" }, "newest first; older ones by scrolling")),
    s.events.length === 0 ? h("p", { class: "muted" }, s.view?.last_event === 0 ? "Nothing has happened yet." : "Waiting for the log…") : log([...s.events].reverse(), now(s), false),
    s.missed ? h("p", { class: "muted" }, "Older events are no longer remembered; rollouts keep their own in the history.") : null
  );
}
function log(events, at2, proofs) {
  return h("ol", { class: "events", tabindex: proofs ? null : "0" }, events.map((e) => h(
    "li",
    { "data-key": e.seq },
    h("time", { datetime: e.at, title: e.at }, clock(e.at, at2)),
    h(
      "span",
      {},
      e.to ? badge(e.step ? `${e.to} ${e.step}` : e.to, tone(e.to)) : badge(e.reason, "calm"),
      e.rollout ? h("b", {}, ` ${e.rollout} `) : " ",
      e.to ? h("span", { class: "reason" }, e.reason) : null,
      h("span", { class: "gist", title: e.sentence }, local(e.headline || e.sentence, e.at)),
      proofs && e.headline ? h("span", { class: "gist proof muted" }, e.sentence) : null
    )
  )));
}

// src/rolled.ts
function rolloutPage(s, r, pick) {
  const known3 = whole3(s, r.id), one = known3.value;
  return h(
    "main",
    { class: "page" },
    h("p", { class: "crumbs" }, h("a", { href: to(s.fleet, "history") }, "History"), " / ", r.id),
    one === null ? h("section", { class: "card", id: "trial", tabindex: "-1" }, missing(known3, `Rollout ${r.id}`)) : head(s, one),
    ...timeline(s, r, one?.sentence ?? "", pick),
    one && (one.history ?? []).length > 0 ? h("section", { class: "card", "aria-label": "What happened" }, h("header", {}, h("h2", {}, "What happened")), log(one.history ?? [], now(s), true)) : null
  );
}
function whole3(s, id) {
  const active = s.view?.active;
  if (active?.id === id) return { state: "there", value: active, why: "", at: 0, count: 0 };
  return asked(`rollout/${s.fleet}/${id}`, () => rollout(s.fleet, id), 6e5, s.view?.last_event);
}
function head(s, r) {
  const serves = r.phase === "live" && r.candidate !== "" && r.candidate === s.view?.stable?.digest;
  return h(
    "section",
    { id: "trial", class: `card trial ${tone(r.phase)}`, tabindex: "-1", "aria-label": "Rollout" },
    h(
      "header",
      {},
      h("h1", { class: "name" }, r.id),
      r.final ? endBadge(r, s.view?.stable?.digest) : badge(r.step ? `${r.phase} ${r.step} of ${r.steps}` : r.phase, tone(r.phase)),
      h("span", { class: "reason" }, r.reason),
      h("span", { class: "spring" }),
      ago(r.since, now(s))
    ),
    ...said(r, r.since),
    h("dl", { class: "facts" }, facts(s, r).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    r.final ? null : h("p", {}, h("a", { href: to(s.fleet) }, "Go to the fleet"), " to abort, promote or roll back."),
    r.phase === "live" && r.candidate !== "" && !serves ? h("p", {}, button("rollback", "Roll back to this release…", "", { "data-release": r.candidate })) : null
  );
}
function facts(s, r) {
  const link = (digest) => digest === "" ? "—" : h("a", { href: toRelease(s.fleet, digest), title: digest }, h("code", {}, short(digest)));
  const beside2 = r.candidate !== "" && r.against !== "" ? [" (", h("a", { href: to(s.fleet, "compare", r.candidate, r.against) }, "compare"), ")"] : [];
  return [
    ["Candidate", [link(r.candidate), " against ", link(r.against), ...beside2]],
    ["Found", [clock(r.found_at, now(s)), r.source ? " at " : "", h("span", { class: "wrap" }, r.source)]],
    ["Policy", [r.policy || "—"]],
    ...r.by ? [["Asked by", [r.by]]] : [],
    ["Exposed", [`${count(r.exposed)} auctions answered by it`, r.missed_bids > 0 ? `, ${count(r.missed_bids)} bids missed` : ""]],
    ...r.predicted ? [["Predicted", [`filter rate ${percent(r.predicted.estimate)} [${percent(r.predicted.low)}, ${percent(r.predicted.high)}]`]]] : []
  ];
}
function timeline(s, r, told2, pick) {
  const log3 = course(s, r.id), c = log3.value;
  const running = s.view?.active?.id === r.id;
  if (c === null || c.points.length === 0) {
    const why = log3.state === "none" ? h("p", { class: "muted" }, running ? "Its looks are written down every half a minute; there is none yet." : "It was never judged, so there is nothing to draw.") : missing(log3, "Its looks");
    return [h("section", { class: "card", "aria-label": "Over time" }, h("header", {}, h("h2", {}, "Over time")), why)];
  }
  const wanted2 = r.query.get("at"), found = wanted2 === null ? -1 : nearest(c.points, Date.parse(wanted2));
  const place = found < 0 ? c.points.length - 1 : found, point = c.points[place];
  if (!point) return [];
  const gates2 = drawn(c), chosen = r.query.get("gate") ?? "", gate = gates2.some((g) => g.gate === chosen) ? chosen : leading(c, place);
  const at2 = now(s), stamp = `${s.fleet}/${r.id}/${log3.count}/${log3.state}`;
  const version = [stamp, place, found, gate, running, told2, matchMedia("(prefers-color-scheme: dark)").matches].join("|");
  return [
    kept("section", "timeline", version, () => h(
      "section",
      { class: "card", "aria-label": "Over time" },
      h(
        "header",
        {},
        h("h2", {}, "Over time"),
        gates2.length > 0 ? h("label", {}, "gate ", h("select", { "data-set": "gate", "aria-label": "Gate that is drawn" }, gates2.map((g) => h("option", { value: g.gate, selected: g.gate === gate }, gateName(g.gate))))) : null,
        h("span", { class: "muted" }, coverage(c, running))
      ),
      c.trouble ? h("p", { class: "note" }, `Not all of it can be shown: ${c.trouble}.`) : null,
      c.differ > 0 ? h("p", { class: "note" }, `At ${count(c.differ)} of ${count(c.looks)} looks this version judges otherwise than the one of then (${c.programs.join(", ")}); what you see is judged by this one.`) : null,
      slider(c, place, point, found < 0, at2, told2),
      h("div", { class: "charts" }, charts(c, gate, found < 0 ? -1 : place, at2).map((one) => figure(one, pick)))
    )),
    partnersPanel(c, stamp, r.query.get("partners") ?? "evidence"),
    kept("section", "evidence", version, () => h(
      "section",
      { class: "card", "aria-label": "Evidence at this look" },
      h("header", {}, h("h2", {}, found < 0 ? "Evidence" : `Evidence at look ${point.look}`), h("span", { class: "muted" }, clock(point.at, at2))),
      gatesTable(findings(c, place))
    ))
  ];
}
function nearest(points3, at2) {
  if (Number.isNaN(at2)) return -1;
  let best = 0;
  points3.forEach((p, i) => {
    if (Math.abs(Date.parse(p.at) - at2) < Math.abs(Date.parse(points3[best]?.at ?? "") - at2)) best = i;
  });
  return best === points3.length - 1 ? -1 : best;
}
var coverage = (c, running) => `${count(c.looks)} looks${c.points.length < c.looks ? `, ${count(c.points.length)} of them drawn` : ""}${c.whole ? "" : "; more is being judged"}${running ? "; it goes on" : ""}`;
function slider(c, place, p, latest2, at2, told2) {
  const label2 = `look ${p.look}, ${clock(p.at, at2)}: ${words(p.outcome)}`;
  return h(
    "div",
    { class: "slider" },
    h(
      "div",
      { class: "line" },
      h("input", { type: "range", id: "look", min: 0, max: c.points.length - 1, value: place, "data-set": "at", "data-values": c.points.map((one) => one.at).join(" "), "aria-label": "Look", "aria-valuetext": label2 }),
      h("button", { type: "button", "data-page": "latest", disabled: latest2 }, "Latest")
    ),
    h(
      "p",
      { class: "stand" },
      h("b", {}, `Look ${p.look}`),
      " ",
      h("time", { datetime: p.at, title: p.at }, clock(p.at, at2)),
      " ",
      badge(p.class ? `${p.outcome}: ${p.class}` : p.outcome, outcomeTone(p.outcome)),
      h("span", { class: "muted" }, p.served ? ` arms of step ${p.step}` : " in the shadow of stable")
    ),
    p.headline ? h("p", { class: "sentence" }, local(p.headline, p.at)) : null,
    p.sentence === told2 ? null : h("p", { class: "proof muted" }, p.sentence)
  );
}

// src/pages.ts
function pageBody(s, render2) {
  const r = here();
  switch (r.page) {
    case "fleets":
      return fleetsPage(s);
    case "history":
      return historyPage(s, r);
    case "rollout":
      return rolloutPage(s, r, (at2) => {
        set({ at: at2 });
        render2();
      });
    case "releases":
      return releasesPage(s);
    case "release":
      return releasePage(s, r);
    case "compare":
      return comparePage(s, r);
    case "audit":
      return auditPage(s, r);
    case "freezes":
      return freezesPage(s);
    case "fleet":
      return null;
  }
}
var rooms = [
  [["fleet"], "Now", (fleet2) => to(fleet2)],
  [["history", "rollout"], "History", (fleet2) => to(fleet2, "history")],
  [["releases", "release", "compare"], "Releases", (fleet2) => to(fleet2, "releases")],
  [["freezes"], "Freezes", (fleet2) => to(fleet2, "freezes")],
  [["audit"], "Audit", (fleet2) => to(fleet2, "audit")]
];
function ways(s) {
  if (s.fleet === "") return null;
  const { page } = here();
  return h(
    "nav",
    { class: "rooms", "aria-label": "Pages" },
    h("a", { href: toFleets, "aria-current": page === "fleets" ? "page" : null }, "Fleets"),
    rooms.map(([pages, name, address]) => h("a", { href: address(s.fleet), "aria-current": pages.includes(page) ? "page" : null }, name))
  );
}
function pageTitle(s) {
  const r = here();
  switch (r.page) {
    case "fleets":
      return "Fleets";
    case "fleet":
      return "";
    case "rollout":
      return `${r.id} · ${s.fleet}`;
    case "release":
      return `Release ${r.id.slice(0, 12)}`;
    case "history":
      return `History · ${s.fleet}`;
    case "releases":
      return "Releases";
    case "compare":
      return "Two releases";
    case "audit":
      return `Audit · ${s.fleet}`;
    case "freezes":
      return "Freezes";
  }
}
function listenPages(render2, halt2) {
  const change2 = (e) => {
    const c = e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement ? e.target : null;
    const name = c?.dataset["set"], going = c?.dataset["go"], r = here();
    if (c && going) location.hash = going === "a" ? to(r.fleet, "compare", c.value, r.other) : to(r.fleet, "compare", r.id, c.value);
    if (!c || !name) return;
    const values = c.dataset["values"]?.split(" ");
    const last2 = values !== void 0 && Number(c.value) === values.length - 1;
    const anew = c.dataset["anew"];
    set({ ...anew ? { [anew]: "" } : {}, [name]: last2 ? "" : values?.[Number(c.value)] ?? c.value });
    render2();
  };
  document.addEventListener("input", change2);
  document.addEventListener("click", (e) => {
    const what2 = e.target instanceof Element ? e.target.closest("[data-page]")?.dataset["page"] : void 0;
    if (what2 === "latest") set({ at: "" });
    if (what2 === "keys") switchKeys();
    if (what2 === "freeze" || what2 === "unfreeze") halt2(what2);
    if (what2 === "latest" || what2 === "keys") render2();
  });
}

// src/patch.ts
function patched(doc2, ops) {
  const top = { "": doc2 }, made = /* @__PURE__ */ new Set([top]);
  for (const { op, path, value } of ops) {
    const steps = path.split("/").map((s) => s.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last2 = steps.pop() ?? "";
    let at2 = top;
    for (const s of steps) {
      const next = at2[s];
      if (typeof next !== "object" || next === null) throw new Error(`a patch of ${path}, which is not there`);
      if (!made.has(next)) made.add(at2[s] = Array.isArray(next) ? [...next] : { ...next });
      at2 = at2[s];
    }
    const there = Object.hasOwn(at2, last2);
    if (op === "add" && Array.isArray(at2)) at2.push(value);
    else if (op === "add") at2[last2] = value;
    else if (!there || op === "test" && at2[last2] !== value) throw new Error(`a patch of another ${path}`);
    else if (op === "replace") at2[last2] = value;
    else if (op === "remove" && Array.isArray(at2)) at2.splice(Number(last2), 1);
    else if (op === "remove") delete at2[last2];
  }
  return top[""];
}
function followed(stream2, type, take2, lost) {
  let doc2;
  stream2.addEventListener(type, (m) => take2(doc2 = JSON.parse(m.data)));
  stream2.addEventListener(`${type}-patch`, (m) => {
    try {
      doc2 = patched(doc2, JSON.parse(m.data));
    } catch {
      lost();
      return;
    }
    take2(doc2);
  });
}

// src/trial.ts
function trialPanel(f, now2) {
  const r = f.active;
  if (r === null) return idlePanel(f, now2);
  const gathering = r.gathering === true;
  const judged = r.verdict !== null && (r.phase === "shadow" || r.phase === "canary") && !gathering;
  return h(
    "section",
    { id: "trial", class: `card trial ${tone(r.phase)}`, tabindex: "-1", "aria-label": "Being tried" },
    h(
      "header",
      {},
      h("h2", {}, "Being tried"),
      h("span", { class: "name" }, r.id),
      r.candidate === "" ? null : code(r.candidate),
      h("span", { class: "spring" }),
      h("span", { class: "by" }, "policy ", h("b", {}, r.policy || "—"), r.by ? [", asked by ", h("b", {}, r.by)] : null)
    ),
    stepper(r),
    h("div", { class: "verbs" }, verbs(f, r)),
    h(
      "div",
      { class: "stand" },
      h("strong", { class: "state" }, stateText(r)),
      h(
        "span",
        { class: "muted" },
        r.phase === "canary" && r.reason === "accepted" ? "the step before: " : null,
        h("span", { class: "reason", title: "the reason, as in the log and the history" }, r.reason)
      ),
      r.verdict && !gathering && r.phase !== "promoting" ? verdictBadge(r.verdict, r.phase) : null,
      h("span", { class: "since" }, "for ", h("time", { datetime: r.since, title: clock(r.since, now2) }, span(now2 - Date.parse(r.since))))
    ),
    ...said(r, f.at, judged ? r.verdict?.sentence : gathering ? `It came to this step by: ${r.sentence}` : r.sentence),
    notesOf(f.candidate),
    r.candidate === "" ? null : takenBack(passport(r.candidate).value?.taken_back, now2),
    judged || r.held_from === "shadow" || r.held_from === "canary" ? progress(r, now2) : null,
    nextList(f, r, now2)
  );
}
function verdictBadge(v, phase) {
  if (v.breaker) return h("span", { class: "badge bad", title: "gross harm: told at once, without statistics" }, "breaker");
  if (v.holds) return h("span", { class: "badge warn", title: "no harm is shown, but a person should look: promote or abort it" }, "needs a look");
  if (v.outcome === "inconclusive") return h("span", { class: "badge warn", title: classes[v.class ?? "floor"] }, `inconclusive: ${v.class ?? ""}`);
  if (v.outcome === "invalid" && phase === "held") return badge("invalid data", "warn");
  return null;
}
var classes = {
  floor: "more traffic brings no information, as connections persist",
  borderline: "the difference lies on the edge of what is allowed: a matter for a person",
  starved: "too little traffic to tell a shift that matters"
};
var stateText = (r) => r.phase === "canary" ? `canary ${r.step} of ${r.steps}` : words(r.phase);
function verbs(f, r) {
  const tried = r.phase === "shadow" || r.phase === "canary" || r.phase === "held" && r.held_from !== "promoting";
  return [
    r.phase === "rolling_back" ? null : button("abort", "Abort…", "warn", { "data-rollout": r.id }),
    tried ? button("promote", "Promote now…", "", { "data-rollout": r.id }) : null,
    r.phase === "held" && !f.pause ? button("resume", r.reason === "approval" ? "Approve the step…" : "Resume…", needsPerson(r) ? "primary" : "", { "data-rollout": r.id }) : null,
    h("span", { class: "spring" }),
    h("span", { class: "by" }, r.exposed > 0 ? [h("b", {}, count(r.exposed)), " auctions answered by it"] : "no auction answered by it yet")
  ];
}
function idlePanel(f, now2) {
  const last2 = f.last;
  return h(
    "section",
    { id: "trial", class: `card trial calm`, tabindex: "-1", "aria-label": "Being tried" },
    h("header", {}, h("h2", {}, "Being tried")),
    h("div", { class: "stand" }, h("strong", { class: "state" }, f.stable ? "nothing" : "no release yet")),
    h("p", { class: "sentence" }, f.next.sentence),
    f.next.at ? h("p", { class: "muted" }, "about ", until(f.next.at, now2)) : null,
    terms(waiting2(f)),
    last2 === null ? null : h(
      "div",
      { class: `last ${tone(last2.phase)}` },
      h("p", {}, "Last: ", h("b", {}, last2.id), " ", badge(last2.phase, tone(last2.phase)), " ", h("span", { class: "reason" }, last2.reason), " ", ago(last2.since, now2)),
      ...said(last2, f.at),
      last2.verdict ? button("evidence", "Show its evidence", "link", { "data-rollout": last2.id }) : null
    )
  );
}
function progress(r, now2) {
  const v = r.verdict;
  if (v === null) return null;
  const done = Math.round(100 * Math.max(0, Math.min(1, v.progress)));
  const eta = v.eta_seconds > 0 && r.phase !== "held" ? Date.parse(v.at) + 1e3 * v.eta_seconds - now2 : 0;
  return h(
    "div",
    { class: "progress" },
    h("progress", { max: 100, value: done, "aria-label": "Progress towards a verdict" }, `${done} %`),
    h("span", { class: "figures" }, h("b", {}, `${done} %`), " of the proof", seenOf(v), eta > 1e3 ? [", the rest in about ", h("b", {}, span(eta))] : null)
  );
}
var seenOf = (v) => v.needed ? [", ", h("b", {}, count(v.requests ?? 0)), ` of about ${count(v.needed)} ${units(v.gate ?? "")}`] : [];
function nextList(f, r, now2) {
  const n = f.next;
  const rows2 = [["Next", [n.sentence, ...n.at && Date.parse(n.at) > now2 ? [" About ", until(n.at, now2), "."] : []]]];
  if (n.deadline) rows2.push(["Otherwise", [h("b", {}, words(n.otherwise ?? "")), " at ", until(n.deadline, now2), "."]]);
  const spent = budget(r);
  if (spent.length > 0) rows2.push(["Budget", spent]);
  if (r.verdict?.class) rows2.push(["Unclear", [classes[r.verdict.class]]]);
  if (r.verdict?.otherwise) rows2.push(["What if", [r.verdict.otherwise]]);
  if (r.verdict?.detectable) rows2.push(["Can tell", [`a shift of ${points(r.verdict.detectable, 2).slice(1)} points by now`]]);
  if (r.intended_change) {
    rows2.push(["Meant", [`filter rate ${points(r.intended_change.filter_rate)} pt: ${r.intended_change.why}`]]);
  } else if (r.predicted) {
    const p = r.predicted;
    rows2.push(["Predicted", [`filter rate ${percent(p.estimate)} [${percent(p.low)}, ${percent(p.high)}]`]]);
  }
  return terms([...rows2, ...waiting2(f)]);
}
var waiting2 = (f) => [
  ...f.requests.map((q) => ["Asked", [h("b", {}, q.verb), ` by ${q.by}; the controller acts on its next look`]]),
  ...f.queue.map((w) => ["Queue", [h("span", { title: w.sentence }, w.headline || `${w.id}: ${w.sentence}`)]]),
  ...(f.tunings ?? []).map((t) => ["Tuning", [t.sentence]])
];
var terms = (rows2) => rows2.length === 0 ? null : h("dl", { class: "next" }, rows2.map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]).flat());
function budget(r) {
  const bounds = [
    [r.exposed, r.budget?.auctions, "auctions"],
    [r.missed_bids, r.budget?.missed_bids, "missed bids"]
  ];
  return bounds.flatMap(([have, of, what2]) => of ? [h(
    "span",
    { class: have > 0.8 * of ? "budget low" : "budget" },
    svg(
      "svg",
      { viewBox: "0 0 60 6", "aria-hidden": "true", preserveAspectRatio: "none" },
      svg("rect", { width: 60, height: 6, rx: 3, class: "rail" }),
      svg("rect", { width: 60 * Math.min(1, have / of), height: 6, rx: 3, class: "fill" })
    ),
    h("span", {}, h("b", {}, count(have)), ` of ${count(of)} ${what2} spent; taken back once all are`)
  )] : []);
}
var road = ["queued", "admitting", "shadow", "canary", "promoting", "live"];
function stepper(r) {
  const visited = new Set((r.history ?? []).map((e) => e.to));
  const place = r.phase === "held" ? r.held_from ?? "canary" : r.phase;
  let here2 = road.indexOf(place);
  if (here2 < 0) here2 = Math.max(0, ...road.map((p, i) => visited.has(p) ? i : 0));
  return h("ol", { class: "stepper" }, road.map((p, i) => {
    const skipped = i < here2 && p === "shadow" && visited.size > 0 && !visited.has(p);
    const state = i < here2 ? skipped ? "skipped" : "done" : i === here2 ? `here ${tone(r.phase)}` : "ahead";
    return h(
      "li",
      { class: state, "aria-current": i === here2 ? "step" : null },
      h("span", { class: "pip", "aria-hidden": "true" }, i < here2 ? skipped ? "–" : "✓" : mark(r.phase, i === here2)),
      h(
        "span",
        { class: "label" },
        p,
        p === "canary" && r.steps > 0 ? h("small", {}, i === here2 && r.step > 0 ? ` ${r.step}/${r.steps}` : ` ×${r.steps}`) : null,
        skipped ? h("small", {}, " skipped") : null
      )
    );
  }));
}
function mark(phase, here2) {
  if (!here2) return "";
  if (phase === "held") return "‖";
  if (phase === "rolling_back" || phase === "rolled_back") return "↩";
  return "●";
}
function evidencePanel(f) {
  const r = f.active;
  const findings2 = r?.verdict?.findings ?? [];
  if (r === null || findings2.length === 0) return null;
  const v = r.verdict;
  return h(
    "section",
    { class: "card", "aria-label": "Evidence" },
    h(
      "header",
      {},
      h("h2", {}, "Evidence"),
      h("span", { class: "muted" }, "candidate against stable; verdict ", h("b", {}, r.gathering ? "gathering" : words(v?.outcome ?? "")), ` after ${count(v?.looks ?? 0)} looks`, r.phase === "promoting" ? ", as it was when the tasks began to move over" : ""),
      alarms(v),
      (v?.culprits ?? []).length > 0 ? h("span", { class: "badge bad names" }, `named: ${(v?.culprits ?? []).join(", ")}`) : null
    ),
    gatesTable(findings2),
    v?.money ? moneyTable(v.money) : null
  );
}
function alarms(v) {
  const spent = (v?.spent ?? []).reduce((sum, s) => sum + s.alpha, 0);
  return spent > 0 ? h("span", { class: "muted" }, "false alarms at most ", h("b", {}, share(spent)), " per rollout, all gates and looks together") : null;
}

// src/main.ts
var silence = lateAfter;
var blink = 5e3;
var glimpse = 1e4;
var crowded = 4;
var store = newStore();
var stream = null;
var opened = 0;
var last = 0;
var listed = false;
var fetching = false;
var asking = false;
var archive = "";
var drawing = false;
function render() {
  if (document.hidden) draw2();
  else if (!drawing) requestAnimationFrame(draw2);
  drawing = !document.hidden;
}
function draw2() {
  drawing = false;
  const app = document.getElementById("app");
  if (app === null) return;
  const next = h("div", { id: "app", class: blind(store) ? "stale" : "" }, topBar(), here().page === "fleets" && !blind(store) ? null : alarm(), locked() ? doorPart() : body2());
  morph(app, next);
  settle();
  document.body.dataset["role"] = roleOn(store.fleet);
  const f = store.view, title2 = pageTitle(store);
  const state = f?.active ? stateText(f.active) : "idle";
  document.title = title2 !== "" ? `${title2} · Sluice` : f ? `${blind(store) ? "? " : warning(store)?.grave || f.unwell.length > 0 ? "! " : ""}${state} · ${f.fleet} · Sluice` : "Sluice";
}
function topBar() {
  const f = store.view;
  const looked = f?.loop ? `controller looked ${span(now(store) - lookedAt(f, f.loop))} ago` : "";
  const tone2 = store.link === "live" && warning(store)?.grave ? "lost" : store.link;
  const { page } = here(), first = page === "fleet" ? "h1" : "b";
  const name = page === "fleets" ? null : store.fleets.length > 1 && store.fleets.length <= crowded ? h("nav", { "aria-label": "Fleets" }, h(first, { class: "unseen" }, store.fleet), store.fleets.map((n) => h("a", { href: to(n), "aria-current": n === store.fleet ? "page" : null }, n))) : h(first, { class: "fleet" }, store.fleet);
  return h(
    "header",
    { class: "top" },
    h("img", { src: "favicon.svg", alt: "Sluice", width: 26, height: 26 }),
    name,
    ways(store),
    h("span", { class: "spring" }),
    h(
      "span",
      { class: `link ${tone2}`, title: f?.loop ? `leader ${f.loop.leader}, epoch ${f.loop.epoch}, a look took ${Math.round(1e3 * f.loop.took_seconds)} ms` : "" },
      h("i", { "aria-hidden": "true" }),
      tone2 === "live" ? `live${looked ? ", " + looked : ""}` : store.link !== "live" ? store.link : late(store) ? `late, ${looked}` : looked || "no news"
    ),
    whoPart(),
    f === null || locked() || page === "fleets" ? null : f.pause ? button("resume", "Resume…", "primary") : button("pause", "Pause…")
  );
}
function alarm() {
  const w = warning(store);
  const p = store.view?.pause;
  const frozen = store.view?.freeze, deployment = store.view?.deployment;
  return h(
    "div",
    { class: "alarms" },
    store.strange ? h("p", { class: "alarm warn", role: "alert", "data-key": "strange" }, "There is no fleet ", h("b", {}, store.strange), ` any more, or here; this is ${store.fleet}.`) : null,
    w ? h("p", { class: `alarm ${w.grave ? "bad" : "warn"}`, role: "alert", "data-key": "warning" }, w.text, moment2(w.moment)) : null,
    (store.view?.unwell ?? []).map((u) => h("p", { class: "alarm bad unwell", "data-key": u.reason }, h("b", {}, "Unwell: "), u.sentence, u.way_out ? h("span", { class: "way" }, typed(u.way_out)) : null)),
    (store.view?.unheard ?? []).map((u) => h("p", { class: "alarm warn", "data-key": `unheard/${u.receiver}` }, local(u.sentence, u.since), ".")),
    frozen ? h("p", { class: "alarm warn", "data-key": "freeze" }, `${frozen.sentence.charAt(0).toUpperCase()}${frozen.sentence.slice(1)}. Nothing starts or advances; a rollback still works.`) : null,
    deployment ? h("p", { class: "alarm warn", "data-key": "deployment" }, `${deployment.sentence}. A rollback still works.`) : null,
    p ? h("p", { class: "alarm warn", "data-key": "pause" }, "Paused by ", h("b", {}, p.by), ` ${span(now(store) - Date.parse(p.at))} ago`, p.why ? `: ${p.why}` : "", ". Nothing starts or advances; a rollback still works.") : null
  );
}
function moment2(at2) {
  if (at2 === void 0) return [];
  return [` ${clock(new Date(at2).toISOString(), now(store))}`, h("span", { "aria-hidden": "true" }, ` (${span(now(store) - at2)} ago)`), "."];
}
function body2() {
  const f = store.view, page = store.fleet === "" ? null : pageBody(store, render);
  if (page !== null) return page;
  if (f === null) return h("main", {}, h("p", { class: "boot" }, blind(store) ? "Nothing to show yet." : "Looking…"));
  const at2 = now(store);
  return h(
    "main",
    {},
    auctionsPanel(f, at2, warning(store) !== null),
    h("div", { class: "hero" }, servingPanel(f, at2), trialPanel(f, at2)),
    evidencePanel(f),
    tasksPanel(f, store.tasks, at2),
    h("div", { class: "past" }, historyPanel(store), logPanel(store)),
    keysHint()
  );
}
function shown2() {
  if (document.hidden) {
    stream?.close();
    [stream, listed] = [null, false];
  } else if (store.fleet !== "") {
    store.heard = performance.now();
    if (store.link === "live") store.link = "connecting";
    follow();
  }
}
async function glance() {
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
function follow() {
  stream?.close();
  [stream, listed] = [null, false];
  if (document.hidden) {
    void glance();
    return;
  }
  const es = new EventSource(eventsPath(store.fleet, last));
  [stream, opened] = [es, performance.now()];
  const heard2 = () => {
    store.heard = performance.now();
    store.link = "live";
  };
  es.addEventListener("event", (m) => {
    heard2();
    take(JSON.parse(m.data));
  });
  followed(es, "tasks", (list) => {
    [store.tasks, listed] = [{ value: list, why: "" }, true];
  }, follow);
  followed(es, "look", (f) => {
    heard2();
    look({ ...f });
  }, follow);
  es.addEventListener("gap", () => {
    store.missed = true;
  });
  es.addEventListener("trouble", (m) => {
    heard2();
    store.trouble = unseen(JSON.parse(m.data).error);
    render();
  });
  es.addEventListener("error", () => {
    if (store.link === "live") store.link = "connecting";
    listed = false;
    render();
    if (es.readyState === EventSource.CLOSED) void refused(es);
  });
}
async function refused(es) {
  const why = await refusal(store.fleet);
  if (why !== "" && !await identify().catch(() => true)) void start2();
  if (stream !== es) return;
  if (why !== "") [store.trouble, store.heard] = [unseen(why), performance.now()];
  render();
  setTimeout(() => {
    if (stream === es) follow();
  }, 3e3);
}
var unseen = (why) => `The server cannot show this fleet: ${why}.`;
function watch() {
  const at2 = performance.now();
  if (document.hidden) {
    if (store.fleet !== "" && at2 - opened > glimpse) void glance();
    return;
  }
  if (store.link !== "lost" && at2 - store.heard > (store.link === "live" ? silence : blink)) [store.link, store.trouble] = ["lost", ""];
  if (store.link === "lost" && stream !== null && at2 - opened > silence) follow();
  render();
}
function take(e) {
  if (e.seq <= last) return;
  last = e.seq;
  store.events = [...store.events, e].slice(-maxEvents);
}
function look(f) {
  store.clock.told(Date.parse(f.at));
  store.trouble = "";
  if (older(store, f)) {
    render();
    return;
  }
  f.auctions ??= null;
  f.unwell ??= [];
  say(store.view, f);
  store.view = f;
  if (f.last_event < last) {
    last = f.last_event;
    store.events = [];
  }
  render();
  void more(f);
  again2();
}
async function more(f) {
  if (fetching) return;
  fetching = true;
  const ours = () => f.fleet === store.fleet;
  const wanted2 = `${f.fleet}/${f.last_event}`;
  if (!listed) {
    const list = await fetched(store.tasks, tasks(f.fleet));
    if (ours() && !listed) store.tasks = list;
  }
  if (ours() && archive !== wanted2) {
    const done = await fetched(store.rollouts, rollouts(f.fleet));
    if (ours()) store.rollouts = done;
    if (ours() && done.why === "") archive = wanted2;
  }
  render();
  const lacking = [...store.details].find(([, d]) => d.why !== "");
  if (ours() && lacking) await details(lacking[0]);
  fetching = false;
}
function say(before, f) {
  const wrong = (v) => (v?.unwell ?? []).map((u) => u.reason).join();
  const told2 = (v) => v?.active ? `${v.active.id} ${v.active.phase} ${v.active.step} ${v.active.reason}` : v?.last?.id ?? "";
  const said2 = document.getElementById("said");
  if (said2 !== null && wrong(f) !== "" && wrong(before) !== wrong(f)) {
    said2.textContent = `The fleet is unwell. ${f.unwell.map((u) => [u.sentence, u.way_out].join(" ")).join(" ")}`;
    return;
  }
  if (said2 === null || before !== null && told2(before) === told2(f)) return;
  const r = f.active ?? f.last;
  said2.textContent = r ? `${r.id}: ${words(r.phase)}, ${words(r.reason)}. ${r.headline || r.sentence}` : f.next.sentence;
}
async function details(id) {
  const had = store.details.get(id) ?? waiting();
  if (had.value !== null) return;
  const all = store.details;
  const r = await fetched(had, rollout(store.fleet, id));
  if (all.size > 100) all.clear();
  if (r.value === null || r.value.final) all.set(id, r);
  render();
}
function toast(text) {
  const t = document.getElementById("toast");
  if (t === null) return;
  t.textContent = text;
  setTimeout(() => {
    if (t.textContent === text) t.textContent = "";
  }, 6e3);
}
async function act(verb, from = {}, why = "") {
  const f = store.view;
  if (f === null) return;
  await alone(() => open(f, {
    verb,
    ...from["rollout"] ? { rollout: from["rollout"] } : {},
    ...from["release"] ? { release: from["release"] } : {}
  }, store.rollouts.value ?? [], toast, why));
}
var halt = (verb, why = "", hours = "") => alone(() => openStop(store, verb, toast, { why, hours }));
async function alone(dialog) {
  if (asking) return;
  asking = true;
  dropDraft();
  try {
    await dialog();
  } finally {
    asking = false;
  }
  if (draft() !== null) void start2();
}
function again2() {
  const d = draft();
  if (d === null || asking || d.fleet !== store.fleet) return;
  if (d.verb === "freeze" || d.verb === "unfreeze") void halt(d.verb, d.why, d.hours);
  else void act(d.verb, { rollout: d.rollout, release: d.release }, d.why);
}
function showEvidence(id) {
  const entry2 = [...document.querySelectorAll(".history details")].find((d) => d.dataset["rollout"] === id);
  if (!entry2) return;
  entry2.open = true;
  entry2.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
  entry2.querySelector("summary")?.focus({ preventScroll: true });
}
function listen2() {
  document.addEventListener("click", (e) => {
    if (e.target instanceof Element && e.target.closest(".skip")) {
      e.preventDefault();
      document.getElementById("trial")?.focus();
    }
    const b = e.target instanceof Element ? e.target.closest("[data-do]") : null;
    const verb = b?.dataset["do"];
    if (!b || !verb) return;
    if (verb === "evidence") showEvidence(b.dataset["rollout"] ?? "");
    else void act(verb, b.dataset);
  });
  document.addEventListener("toggle", (e) => {
    if (e.target instanceof HTMLDetailsElement && e.target.open && e.target.dataset["rollout"]) void details(e.target.dataset["rollout"]);
  }, true);
  document.addEventListener("keydown", (e) => {
    if (!keysOn() || e.repeat || e.ctrlKey || e.metaKey || e.altKey || e.target instanceof Element && e.target.closest("input, dialog, select, textarea")) return;
    const key2 = e.key.toLowerCase(), may = roleOn(store.fleet) !== "viewer";
    if (key2 === "r" && may && store.view?.back) {
      e.preventDefault();
      void act("rollback");
    }
    if (key2 === "f") location.hash = toFleets;
    if (key2 === "h") location.hash = to(store.fleet, "history");
    if (key2 === "p" && may) {
      e.preventDefault();
      void act(store.view?.pause ? "resume" : "pause");
    }
  });
  window.addEventListener("hashchange", choose);
  listenPages(render, (verb) => void halt(verb));
  onNews(render);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  document.addEventListener("visibilitychange", shown2);
  setInterval(watch, 1e3);
}
function choose() {
  if (location.hash === "" && store.fleets.length > 1) history.replaceState(null, "", toFleets);
  const wanted2 = here().fleet, known3 = store.fleets.includes(wanted2);
  const next = known3 ? wanted2 : store.fleet || store.fleets[0];
  store.strange = known3 ? "" : wanted2;
  if (next === void 0 || next === store.fleet) {
    render();
    return;
  }
  Object.assign(store, { ...newStore(store.clock), fleets: store.fleets, strange: store.strange, fleet: next });
  last = 0;
  archive = "";
  render();
  follow();
}
async function start2() {
  try {
    if (!await identify()) {
      stream?.close();
      [stream, store.fleet, store.view, store.trouble, store.link] = [null, "", null, "", "live"];
      render();
      return;
    }
    const d = draft();
    if (d !== null && location.hash === "") history.replaceState(null, "", d.hash);
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
  setTimeout(() => void start2(), 3e3);
}
onDate((date, sent) => store.clock.dated(date, sent));
listen2();
guard(() => {
  void start2();
});
void start2();
