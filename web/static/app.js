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
  const stop = new AbortController();
  const late2 = setTimeout(() => stop.abort(), patience);
  try {
    const answer = await fetch(eventsPath(fleet2, 0), { signal: stop.signal, cache: "no-store" });
    return answer.ok ? "" : (await problemOf(answer)).detail;
  } catch {
    return "";
  } finally {
    clearTimeout(late2);
    stop.abort();
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
var releases = () => call("v1/releases?limit=50");
var tries = 3;
var trouble = (err) => !(err instanceof Refused) || err.status >= 500;
var unanswered = (err, doubt) => trouble(err) && (doubt || !(err instanceof Refused) || err.stored !== false);
async function ask(fleet2, verb, key, body3) {
  let doubt = false;
  for (let n = 1; ; n++) {
    try {
      return await call(at(fleet2, verb), {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
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
var eventsPath = (fleet2, after) => at(fleet2, "events") + (after > 0 ? `?after=${after}` : "");

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
function morph(old, next) {
  syncAttributes(old, next);
  const byKey = /* @__PURE__ */ new Map();
  for (const c of old.children) {
    const key = c.getAttribute("data-key");
    if (key !== null) byKey.set(key, c);
  }
  let here = old.firstChild;
  for (const want of [...next.childNodes]) {
    const key = want instanceof Element ? want.getAttribute("data-key") : null;
    let match = key !== null ? byKey.get(key) ?? null : here;
    if (key === null && match instanceof Element && match.hasAttribute("data-key")) match = null;
    if (match === null || !alike(match, want)) {
      old.insertBefore(want, here);
      continue;
    }
    if (match !== here) old.insertBefore(match, here);
    else here = here.nextSibling;
    if (match instanceof Element && want instanceof Element) morph(match, want);
    else if (match.nodeValue !== want.nodeValue) match.nodeValue = want.nodeValue;
  }
  while (here !== null) {
    const gone = here;
    here = here.nextSibling;
    gone.remove();
  }
}
function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
}
function syncAttributes(old, next) {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

// src/fetched.ts
var waiting = () => ({ value: null, why: "" });
async function fetched(before, value) {
  try {
    return { value: await value, why: "" };
  } catch (err) {
    return { value: before.value, why: err instanceof Refused ? err.message : "no answer came" };
  }
}
function missing(what, f, again = true) {
  if (f.why === "") return f.value === null ? `Fetching ${what}…` : "";
  const now2 = f.value === null ? "could not be fetched" : "could not be fetched anew, and may be old";
  return `${what.charAt(0).toUpperCase()}${what.slice(1)} ${now2}: ${f.why}.${again ? " It is tried again." : ""}`;
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
var local = (text, moment2) => text.replace(/(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d) UTC/g, (_, day, time) => {
  const at2 = /* @__PURE__ */ new Date(`${day ?? moment2.slice(0, 10)}T${time}:00Z`);
  const told = at2.toLocaleTimeString("en-GB").slice(0, 5);
  if (at2.toDateString() === new Date(moment2).toDateString()) return told;
  return `${told} on ${at2.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}`;
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
var code = (digest) => h("code", { title: digest }, digest === "" ? "—" : short(digest));
var ago = (iso, now2) => h("time", { datetime: iso, title: `${clock(iso, 0)} (${iso})` }, `${span(now2 - Date.parse(iso))} ago`);
var until = (iso, now2) => {
  const left = Date.parse(iso) - now2;
  return h("time", { datetime: iso, title: iso }, left > 0 ? `${clock(iso, now2)}, in ${span(left)}` : "now");
};
var button = (act2, text, kind = "", more2 = {}) => h("button", { type: "button", class: kind, "data-do": act2, ...more2 }, text);
var notesOf = (r) => (r?.notes ?? []).map((note) => h("p", { class: "note" }, note));
function said(r, at2, proof = r.sentence) {
  if (!r.headline) return [h("p", { class: "sentence" }, proof)];
  return [
    h("p", { class: "sentence" }, local(r.headline, at2)),
    h("p", { class: "way" }, local(r.way_out ?? "", at2).split("`").map((part, i) => i % 2 === 1 ? h("code", {}, part) : part)),
    h("p", { class: "proof muted" }, proof)
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
      button("rollback", "Roll back…", "danger", f.back ? {} : { disabled: "" }),
      f.back ? h(
        "span",
        {},
        f.back.digest === s?.digest ? "all tasks to " : "to ",
        code(f.back.digest),
        " ",
        h("b", {}, origin(f.back)),
        f.back.digest === s?.digest && f.active ? [", giving up ", h("b", {}, f.active.id)] : null
      ) : h("span", { class: "muted" }, "no earlier release")
    ),
    share2(f.tasks, f.active?.candidate ?? ""),
    f.default && s && f.default.digest !== s.digest ? h("p", { class: "muted" }, "fresh tasks load ", code(f.default.digest), " ", origin(f.default)) : null
  );
}
var origin = (r) => r.job || r.source || "unknown origin";
function share2(c, candidate) {
  const parts = [["stable", c.on_stable, "stable"], ["candidate", c.on_candidate, "candidate"], ["other", c.on_other, "something else"]];
  const trouble2 = [[c.unreachable, "unreachable"], [c.failed, "failed"], [c.preparing, "loading"]];
  return h(
    "div",
    { class: "share" },
    stack(parts.map(([kind, n]) => [kind, n])),
    h(
      "p",
      {},
      h("b", { class: c.ready < c.desired ? "low" : null }, `${c.ready} of ${c.desired}`),
      " tasks ready",
      candidate !== "" ? `; ${c.on_stable} on stable, ${c.on_candidate} on the candidate` : "",
      c.on_other > 0 ? `; ${c.on_other} on something else` : "",
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
    list.length === 0 ? null : h("ul", { class: "grid" }, notable.map((t) => tile(t, false))),
    rest.length > 0 ? h("ul", { class: "grid dense" }, rest.map((t) => tile(t, true))) : null,
    tasks2 && tasks2.total > list.length ? h("p", { class: "muted" }, `and ${count(tasks2.total - list.length)} more`) : null
  );
}
function unlisted(f, fetch2, now2) {
  const runs2 = `${f.tasks.total} of ${f.tasks.desired} tasks were running at the last look.`;
  const text = missing("the list of tasks", fetch2);
  if (text !== "") {
    const since = fetch2.value === null || fetch2.why === "" ? "" : ` It is from ${clock(fetch2.value.at, now2)}.`;
    return h("p", { class: fetch2.why === "" ? "muted" : "note", "data-key": "unlisted" }, `${text}${since} ${runs2}`);
  }
  if (fetch2.value === null || fetch2.value.total > 0) return null;
  return h("p", { class: "muted", "data-key": "unlisted" }, f.tasks.total > 0 ? `The list is from before: ${runs2}` : "No task is running.");
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
  const has = [known.roles?.["*"], known.roles?.[fleet2]];
  if (known.open || has.includes("admin")) return "admin";
  return has.includes("operator") ? "operator" : "viewer";
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
async function open(f, wish, past, tell) {
  let conflict = { now: f, refused: "", why: "" };
  const older2 = wish.verb === "rollback" ? fetched(waiting(), releases()) : null;
  while (conflict !== null) {
    const { now: now2, ...typed } = conflict;
    conflict = await new Promise((resolve) => show(now2, wish, past, older2, typed, tell, resolve));
  }
}
function show(f, wish, past, older2, typed, tell, done) {
  const name = h("input", { id: "by", name: "by", required: true, maxlength: 100, autocomplete: "name", value: provenName() || (localStorage.getItem(nameKey) ?? ""), readonly: provenName() !== "" });
  const why = h("input", { id: "why", name: "why", required: wish.verb !== "pause" && wish.verb !== "resume", maxlength: 500, autocomplete: "off", placeholder: "shown with all that follows", value: typed.why });
  const failed2 = h("p", { class: "failed", role: "alert" }, typed.refused && `Not stored: ${typed.refused}. Above is how things stand now.`);
  const go = h("button", { type: "submit", id: "confirm", class: dangerous(wish.verb) ? "danger" : "primary" });
  let targets = [];
  const choice = chooser();
  const effect = h("p", { class: "effect", id: "effect" });
  const describe = () => {
    const to = targets.find((t) => t.digest === choice.value());
    go.textContent = label(wish.verb, to);
    effect.textContent = effectOf(f, wish, to);
  };
  const offer = (known2) => {
    targets = older2 === null ? [] : rollbackTargets(f, past, known2.value ?? [], wish.release);
    choice.offer(targets, missing("older releases", known2, false));
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
      h("h2", { id: "ask-title" }, title(f, wish)),
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
  const key = newKey();
  const what = () => go.textContent ?? wish.verb;
  let open2 = true, fate = "unsent";
  let conflict = null;
  box.addEventListener("close", () => {
    open2 = false;
    box.remove();
    if (fate === "sending") tell(`${what()} is still being asked; closing does not call it back.`);
    if (fate === "unknown") tell(`${what()} may be stored, or not: see what is asked.`);
    done(conflict);
  });
  box.querySelector("#cancel")?.addEventListener("click", () => box.close());
  const send = async () => {
    const body3 = { by: name.value.trim(), seen: see(f) };
    if (why.value.trim() !== "") body3.why = why.value.trim();
    if (wish.rollout) body3.rollout = wish.rollout;
    if (wish.verb === "rollback") body3.release = choice.value();
    if (provenName() === "") localStorage.setItem(nameKey, body3.by);
    const doubt = fate === "unknown";
    [fate, go.disabled, failed2.textContent] = ["sending", true, ""];
    fields.forEach((i) => {
      i.disabled = true;
    });
    try {
      await ask(f.fleet, wish.verb, key, body3);
      fate = "stored";
      tell(`Asked: ${what()}. The controller acts on its next look.`);
      box.close();
    } catch (err) {
      fate = unanswered(err, doubt) ? "unknown" : "unsent";
      const said2 = err instanceof Refused ? err.message : "no answer came";
      failed2.textContent = fate === "unknown" ? `Unknown whether it is stored: ${said2}. Asking again is safe: it is the same wish, and has one effect.` : `Not stored: ${said2}`;
      if (!open2) tell(`${what()}: ${failed2.textContent}`);
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
function rollbackTargets(f, past, known2, wanted) {
  const list = [];
  const tried = f.active && !["queued", "admitting"].includes(f.active.phase) ? f.active.candidate : "";
  const add = (r) => {
    if (!r || list.some((l) => l.digest === r.digest) || r.digest === tried) return;
    if (r.digest === f.stable?.digest && f.back?.digest !== r.digest) return;
    list.push(r);
  };
  add(wanted ? known2.find((r) => r.digest === wanted) ?? { digest: wanted } : null);
  add(f.back);
  add(f.previous);
  known2.forEach(add);
  const targets = list.map((r) => ({ ...r, ...recordOf(f, past, r.digest) }));
  const trusted = (t) => t.bad ? 1 : 0;
  return targets.sort((a, b) => trusted(a) - trusted(b)).slice(0, 8);
}
function recordOf(f, past, digest) {
  if (digest === f.stable?.digest) return { note: "stable", bad: false };
  if (digest === f.previous?.digest) return { note: "the one before", bad: false };
  const tried = past.filter((r) => r.final && r.candidate === digest);
  if (tried.some((r) => r.phase === "live")) return { note: "was live", bad: false };
  const last2 = tried[0];
  return last2 ? { note: `${words(last2.phase)}: ${last2.reason}`, bad: true } : { note: "never live here", bad: true };
}
function chooser() {
  const list = h("div", {}), note = h("p", { class: "muted lacking" });
  const node = h("fieldset", {}, h("legend", {}, "Go back to"), list, note);
  const value = () => node.querySelector("input:checked")?.value ?? "";
  const offer = (targets, lacking) => {
    const chosen = value();
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
function title(f, wish) {
  switch (wish.verb) {
    case "rollback":
      return `Roll ${f.fleet} back?`;
    case "abort":
      return `Abort ${wish.rollout ?? ""}?`;
    case "promote":
      return `Promote ${wish.rollout ?? ""} now?`;
    case "pause":
      return `Pause ${f.fleet}?`;
    case "resume":
      return `Resume ${f.fleet}?`;
    case "try":
      return "Try an artifact?";
  }
}
function label(verb, to) {
  switch (verb) {
    case "rollback":
      return to ? `Roll back to ${short(to.digest)}` : "Roll back";
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
function effectOf(f, wish, to) {
  const stable = f.stable ? `${short(f.stable.digest)} (${origin(f.stable)})` : "nothing";
  const r = f.active;
  switch (wish.verb) {
    case "rollback": {
      const where = to ? `${short(to.digest)} (${origin(to)})` : "the release before";
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
      return r?.phase === "held" && r.reason === "approval" ? `The step is approved and ${r.id} goes on.` : "Rollouts start and advance again.";
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
  const shown2 = s.view === null ? 0 : Date.parse(s.view.at);
  return Date.parse(f.at) < shown2 && shown2 <= now(s) + 2e3;
}
var lookedAt = (f, l) => Date.parse(f.at) - 1e3 * l.age_seconds;
function warning(s) {
  const f = s.view;
  const old = (text) => f === null ? { grave: true, text } : { grave: true, text: `${text} What you see is from`, moment: Date.parse(f.at) };
  if (s.trouble !== "") return old(s.trouble);
  if (s.link === "lost") {
    return old(f === null ? "The server does not answer; trying again. Is a controller running?" : "Connection lost; trying again. The fleet serves on without it.");
  }
  if (f === null) return null;
  if (late(s)) return old("The news comes late: something between here and the server holds it back.");
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
function auctionsPanel(f, now2) {
  return h(
    "section",
    { class: `card auctions${f.unwell.length > 0 ? " bad" : f.auctions?.all ? "" : " calm"}`, "aria-label": "Auctions" },
    h("header", {}, h("h2", {}, "Auctions"), when(f, now2)),
    body(f)
  );
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
  return [tiles(f, a, a.all), a.canary || a.control ? arms(a) : null];
}
var unknown = "?";
var rate = (perSecond) => perSecond < 10 ? String(Number(perSecond.toPrecision(2))) : count(Math.round(perSecond));
var shareOf = (s) => s === null ? `${unknown} %` : s >= 0.1 ? `${(100 * s).toFixed(0)} %` : share(s);
var took = (seconds) => seconds === null ? unknown : `${Number((1e3 * seconds).toPrecision(3))} ms`;
function tiles(f, a, all) {
  const bad = new Set(f.unwell.map((u) => u.reason));
  const minutes = Math.round((a.slots.all?.rate.length ?? 0) * a.slots.every_seconds / 60);
  const tile2 = (name, figure, low, of, more2 = null) => h(
    "div",
    { class: `figure${low ? " low" : ""}` },
    h("dt", {}, name),
    h("dd", {}, h("b", {}, figure), more2 === null ? null : h("small", {}, more2)),
    spark(a, of, `${name} over the last ${minutes} min`)
  );
  return h(
    "dl",
    { class: "figures" },
    tile2("Auctions a second", rate(all.rate), bad.has("silent"), "rate"),
    tile2("Filtered", shareOf(all.filtered), false, "filtered", "of all calls to partners"),
    tile2("Degraded", shareOf(all.degraded), bad.has("degraded"), "degraded", "forwarded unscored"),
    tile2("Failed", shareOf(all.failed), bad.has("failed"), "failed", "without an answer"),
    tile2(
      "p99",
      took(all.p99_seconds),
      bad.has("late"),
      "p99_seconds",
      `p50 ${took(all.p50_seconds)}${a.deadline_seconds > 0 ? `, deadline ${took(a.deadline_seconds)}` : ""}`
    )
  );
}
var scale = (a, of) => of === "degraded" ? 0.01 : of === "failed" ? 1e-3 : of === "p99_seconds" ? a.deadline_seconds : 0;
function spark(a, of, label2) {
  const all = a.slots.all?.[of] ?? [], canary = of === "rate" ? [] : a.slots.canary?.[of] ?? [];
  const told = [...all, ...canary].filter((v) => v !== null);
  if (told.length < 2) return null;
  const most = Math.max(scale(a, of), ...told), floor = of === "filtered" ? Math.min(...told) * 0.8 : 0;
  const width = 120, height = 26, slots = Math.max(all.length, canary.length);
  const y = (v) => height - 2 - (height - 4) * (most > floor ? (v - floor) / (most - floor) : 0);
  const line = (values, kind) => runs(values).map((run) => svg("polyline", {
    class: kind,
    points: run.map(([i, v]) => `${(width * i / Math.max(1, slots - 1)).toFixed(1)},${y(v).toFixed(1)}`).join(" ")
  }));
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label2 }, line(all, "all"), line(canary, "canary"));
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
function arms(a) {
  const rows = [
    ["canary", "candidate", a.canary],
    ["control", "control", a.control],
    ["rest", "stable", a.rest]
  ];
  const head = ["", "tasks", "auctions/s", "filtered", "degraded", "failed", "p50", "p99"];
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Auctions per arm" },
    h(
      "table",
      { class: "arms" },
      h("thead", {}, h("tr", {}, head.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, rows.map(([name, kind, t]) => t === null ? null : h(
        "tr",
        { "data-key": name },
        h("th", { scope: "row" }, h("span", { class: "key" }, h("i", { class: kind, "aria-hidden": "true" }), name)),
        [count(t.tasks), rate(t.rate), shareOf(t.filtered), shareOf(t.degraded), shareOf(t.failed), took(t.p50_seconds), took(t.p99_seconds)].map((text) => h("td", { class: "number" }, text))
      )))
    )
  );
}

// src/gates.ts
function gatesTable(findings) {
  const head = ["Gate", "Verdict", "Candidate", "Stable", "Difference, 95 % interval, allowed band", "Evidence", "Basis"];
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Evidence per gate" },
    h(
      "table",
      { class: "gates" },
      h("thead", {}, h("tr", {}, head.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, findings.map((f) => [gateRow(f), because(f)]).flat())
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
  const measured = f.requests > 0 && !unknown2 && (f.band_low !== 0 || f.band_high !== 0);
  const fine = Math.abs(f.band_high) <= 5e-3;
  const digits = fine ? 2 : 1;
  return h(
    "tr",
    { "data-key": `${f.gate}/${f.partner ?? ""}`, class: f.outcome },
    h("th", { scope: "row" }, gateName(f.gate), f.partner ? h("b", { class: "partner" }, f.partner) : null),
    h("td", {}, badge(f.outcome, outcomeTone(f.outcome))),
    measured ? [
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
  const width = 160, height = 30, top = Math.log(f.threshold);
  const high = Math.max(top, ...g), low = Math.min(0, ...g);
  const y = (v) => 2 + (height - 4) * (1 - (v - low) / (high - low));
  const points2 = g.map((v, i) => `${(width * i / (g.length - 1)).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
  const label2 = `evidence against it at the last ${g.length} looks, from ${evidence(Math.exp(g[0] ?? 0))} to ${evidence(Math.exp(g.at(-1) ?? 0))}; worse at ${evidence(f.threshold)}`;
  return h(
    "div",
    { class: "growth" },
    svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label2, preserveAspectRatio: "none" },
      svg("line", { x1: 0, x2: width, y1: y(top), y2: y(top), class: "limit" }),
      svg("polyline", { points: points2, class: "curve" })
    )
  );
}
function intervalBar(f, digits) {
  const width = 240, height = 26, middle = height / 2;
  const open2 = f.band_low <= -1;
  const centre = f.gate === "prediction" ? (f.band_low + f.band_high) / 2 : 0;
  const marks = open2 ? [3 * f.band_high, f.high, Math.abs(f.difference)] : [f.low, f.high, f.band_low, f.band_high].map((v) => Math.abs(v - centre));
  const reach = 1.12 * Math.max(...marks, 1e-6);
  const x = (v) => width / 2 * (1 + Math.max(-1, Math.min(1, (v - centre) / reach)));
  const label2 = `difference ${points(f.difference, digits)} points, 95 % interval ${points(f.low, digits)} to ${points(f.high, digits)}, allowed ${open2 ? "up" : points(f.band_low, digits)} to ${points(f.band_high, digits)}`;
  const cap = (v) => svg("line", { x1: x(v), x2: x(v), y1: middle - 5, y2: middle + 5, class: "ci" });
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "bar", role: "img", "aria-label": label2, preserveAspectRatio: "none" },
    svg("rect", { x: 0, y: 3, width, height: height - 6, rx: 3, class: "out" }),
    svg("rect", { x: x(f.band_low), y: 3, width: Math.max(1, x(f.band_high) - x(f.band_low)), height: height - 6, class: "band" }),
    svg("line", { x1: x(centre), x2: x(centre), y1: 1, y2: height - 1, class: "zero" }),
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
    h("span", { class: "figures" }, `${evidence(have)} of ${evidence(want)}`)
  );
}

// src/money.ts
function moneyTable(m) {
  const head = ["Money", `Bids let through, ${m.currency} per million requests`, "Calls saved per million requests", `Value lost, ${m.currency} per million calls saved`];
  return h(
    "div",
    { class: "scroll money", tabindex: "0", role: "region", "aria-label": "Money" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, head.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, row("candidate", m.candidate), row("stable", m.stable))
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
var row = (name, e) => h("tr", { "data-key": `money/${name}` }, h("th", { scope: "row" }, name), [amount(e.value), amount(e.saved), e.saved.high > 0 ? amount(e.lost) : "no calls saved"].map((a) => h("td", { class: "number" }, a)));
var amount = (a) => [h("b", {}, rounded(a.value)), ` [${rounded(a.low)}, ${rounded(a.high)}]`];
var rounded = (v) => Math.abs(v) >= 100 ? count(Math.round(v)) : String(Number(v.toPrecision(3)));

// src/past.ts
function historyPanel(s) {
  const all = s.rollouts.value ?? [], over = all.filter((r) => r.final), text = missing("past rollouts", s.rollouts);
  return h(
    "section",
    { class: "card history", "aria-label": "History" },
    h("header", {}, h("h2", {}, "History")),
    text !== "" ? h("p", { class: s.rollouts.why === "" ? "muted" : "note", "data-key": "missing" }, text) : over.length === 0 ? h("p", { class: "muted", "data-key": "missing" }, "No rollout has ended yet.") : null,
    over.map((r) => entry(s, r)),
    all.length >= pastLimit ? h("p", { class: "muted" }, `These are the newest ${over.length}; `, h("code", {}, `sluice rollouts --fleet ${s.fleet} --limit 500`), " lists older ones.") : null
  );
}
function entry(s, r) {
  const at2 = now(s);
  return h(
    "details",
    { "data-key": r.id, "data-rollout": r.id, class: tone(r.phase) },
    h(
      "summary",
      {},
      badge(r.phase, tone(r.phase)),
      h("b", { class: "name" }, r.id),
      h("span", { class: "reason" }, r.reason),
      h("span", { class: "spring" }),
      ago(r.since, at2),
      h("span", { class: "gist" }, r.headline || r.sentence)
    ),
    h("div", { class: "more" }, whole(s, r, at2))
  );
}
function whole(s, r, at2) {
  const fetch2 = s.details.get(r.id), d = fetch2?.value ?? r;
  const findings = d.verdict?.findings ?? [];
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
    fetch2?.why ? h("p", { class: "note", "data-key": "missing" }, missing("its evidence", fetch2)) : null,
    findings.length > 0 ? gatesTable(findings) : null,
    d.verdict?.money ? moneyTable(d.verdict.money) : null,
    (d.history ?? []).length > 0 ? log(d.history ?? [], at2, true) : null,
    r.phase === "live" && r.candidate !== "" && r.candidate !== s.view?.stable?.digest ? h("p", {}, button("rollback", "Roll back to this release…", "", { "data-release": r.candidate })) : null
  ];
}
function logPanel(s) {
  return h(
    "section",
    { class: "card log", "aria-label": "Log" },
    h("header", {}, h("h2", {}, "Log"), h("span", { class: "muted" }, "newest first")),
    s.events.length === 0 ? h("p", { class: "muted" }, s.view?.last_event === 0 ? "Nothing has happened yet." : "Waiting for the log…") : log([...s.events].reverse(), now(s), false),
    s.missed ? h("p", { class: "muted" }, "Older events are no longer remembered; rollouts keep their own in the history.") : null
  );
}
function log(events, at2, proofs) {
  return h("ol", { class: "events" }, events.map((e) => h(
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
      h("span", { class: "reason", title: "the reason, as in the log and the history" }, r.reason),
      r.verdict && !gathering && r.phase !== "promoting" ? verdictBadge(r.verdict, r.phase) : null,
      h("span", { class: "since" }, "for ", h("time", { datetime: r.since, title: clock(r.since, now2) }, span(now2 - Date.parse(r.since))))
    ),
    ...said(r, f.at, judged ? r.verdict?.sentence : gathering ? `It came to this step by: ${r.sentence}` : r.sentence),
    notesOf(f.candidate),
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
    r.phase === "held" && !f.pause ? button("resume", r.reason === "approval" ? "Approve the step…" : "Resume…", "primary", { "data-rollout": r.id }) : null,
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
  const eta = v.eta_seconds > 0 ? Date.parse(v.at) + 1e3 * v.eta_seconds - now2 : 0;
  return h(
    "div",
    { class: "progress" },
    h("progress", { max: 100, value: done, "aria-label": "Progress towards a verdict" }, `${done} %`),
    h("span", { class: "figures" }, h("b", {}, `${done} %`), " of the proof", seenOf(v), eta > 1e3 ? [", verdict in about ", h("b", {}, span(eta))] : null)
  );
}
var seenOf = (v) => v.needed ? [", ", h("b", {}, count(v.requests ?? 0)), ` of about ${count(v.needed)} ${units(v.gate ?? "")}`] : [];
function nextList(f, r, now2) {
  const n = f.next;
  const rows = [["Next", [n.sentence, ...n.at && Date.parse(n.at) > now2 ? [" About ", until(n.at, now2), "."] : []]]];
  if (n.deadline) rows.push(["Otherwise", [h("b", {}, words(n.otherwise ?? "")), " at ", until(n.deadline, now2), "."]]);
  const spent = budget(r);
  if (spent.length > 0) rows.push(["Budget", spent]);
  if (r.verdict?.class) rows.push(["Unclear", [classes[r.verdict.class]]]);
  if (r.verdict?.otherwise) rows.push(["What if", [r.verdict.otherwise]]);
  if (r.verdict?.detectable) rows.push(["Can tell", [`a shift of ${points(r.verdict.detectable, 2).slice(1)} points by now`]]);
  if (r.intended_change) {
    rows.push(["Meant", [`filter rate ${points(r.intended_change.filter_rate)} pt: ${r.intended_change.why}`]]);
  } else if (r.predicted) {
    const p = r.predicted;
    rows.push(["Predicted", [`filter rate ${percent(p.estimate)} [${percent(p.low)}, ${percent(p.high)}]`]]);
  }
  return terms([...rows, ...waiting2(f)]);
}
var waiting2 = (f) => [
  ...f.requests.map((q) => ["Asked", [h("b", {}, q.verb), ` by ${q.by}; the controller acts on its next look`]]),
  ...f.queue.map((w) => ["Waits", [h("span", { title: w.sentence }, w.headline || `${w.id}: ${w.sentence}`)]])
];
var terms = (rows) => rows.length === 0 ? null : h("dl", { class: "next" }, rows.map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]).flat());
function budget(r) {
  const bounds = [
    [r.exposed, r.budget?.auctions, "auctions"],
    [r.missed_bids, r.budget?.missed_bids, "missed bids"]
  ];
  return bounds.flatMap(([have, of, what]) => of ? [h(
    "span",
    { class: have > 0.8 * of ? "budget low" : "budget" },
    svg(
      "svg",
      { viewBox: "0 0 60 6", "aria-hidden": "true", preserveAspectRatio: "none" },
      svg("rect", { width: 60, height: 6, rx: 3, class: "rail" }),
      svg("rect", { width: 60 * Math.min(1, have / of), height: 6, rx: 3, class: "fill" })
    ),
    h("span", {}, h("b", {}, count(have)), ` of ${count(of)} ${what} spent; back when all is`)
  )] : []);
}
var road = ["queued", "admitting", "shadow", "canary", "promoting", "live"];
function stepper(r) {
  const visited = new Set((r.history ?? []).map((e) => e.to));
  const place = r.phase === "held" ? r.held_from ?? "canary" : r.phase;
  let here = road.indexOf(place);
  if (here < 0) here = Math.max(0, ...road.map((p, i) => visited.has(p) ? i : 0));
  return h("ol", { class: "stepper" }, road.map((p, i) => {
    const skipped = i < here && p === "shadow" && visited.size > 0 && !visited.has(p);
    const state = i < here ? skipped ? "skipped" : "done" : i === here ? `here ${tone(r.phase)}` : "ahead";
    return h(
      "li",
      { class: state, "aria-current": i === here ? "step" : null },
      h("span", { class: "pip", "aria-hidden": "true" }, i < here ? skipped ? "–" : "✓" : mark(r.phase, i === here)),
      h(
        "span",
        { class: "label" },
        p,
        p === "canary" && r.steps > 0 ? h("small", {}, i === here && r.step > 0 ? ` ${r.step}/${r.steps}` : ` ×${r.steps}`) : null,
        skipped ? h("small", {}, " skipped") : null
      )
    );
  }));
}
function mark(phase, here) {
  if (!here) return "";
  if (phase === "held") return "‖";
  if (phase === "rolling_back" || phase === "rolled_back") return "↩";
  return "●";
}
function evidencePanel(f) {
  const r = f.active;
  const findings = r?.verdict?.findings ?? [];
  if (r === null || findings.length === 0) return null;
  const v = r.verdict;
  return h(
    "section",
    { class: "card", "aria-label": "Evidence" },
    h(
      "header",
      {},
      h("h2", {}, "Evidence"),
      h("span", { class: "muted" }, "candidate against stable; verdict ", h("b", {}, r.gathering ? "gathering" : words(v?.outcome ?? "")), ` after ${count(v?.looks ?? 0)} looks`),
      alarms(v),
      (v?.culprits ?? []).length > 0 ? h("span", { class: "badge bad names" }, `named: ${(v?.culprits ?? []).join(", ")}`) : null
    ),
    gatesTable(findings),
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
var store = newStore();
var stream = null;
var opened = 0;
var last = 0;
var fetching = false;
var asking = false;
var archive = "";
var drawing = false;
function render() {
  if (document.hidden) draw();
  else if (!drawing) requestAnimationFrame(draw);
  drawing = !document.hidden;
}
function draw() {
  drawing = false;
  const app = document.getElementById("app");
  if (app === null) return;
  const next = h("div", { id: "app", class: blind(store) ? "stale" : "" }, topBar(), alarm(), locked() ? doorPart() : body2());
  morph(app, next);
  document.body.dataset["role"] = roleOn(store.fleet);
  const f = store.view;
  const state = f?.active ? stateText(f.active) : "idle";
  document.title = f ? `${blind(store) ? "? " : warning(store)?.grave || f.unwell.length > 0 ? "! " : ""}${state} · ${f.fleet} · Sluice` : "Sluice";
}
function topBar() {
  const f = store.view;
  const looked = f?.loop ? `controller looked ${span(now(store) - lookedAt(f, f.loop))} ago` : "";
  const tone2 = store.link === "live" && warning(store)?.grave ? "lost" : store.link;
  const name = store.fleets.length > 1 ? h("nav", { "aria-label": "Fleets" }, h("h1", { class: "unseen" }, store.fleet), store.fleets.map((n) => h("a", { href: `#${encodeURIComponent(n)}`, "aria-current": n === store.fleet ? "page" : null }, n))) : h("h1", {}, store.fleet);
  return h(
    "header",
    { class: "top" },
    h("img", { src: "favicon.svg", alt: "Sluice", width: 26, height: 26 }),
    name,
    h("span", { class: "spring" }),
    h(
      "span",
      { class: `link ${tone2}`, title: f?.loop ? `leader ${f.loop.leader}, epoch ${f.loop.epoch}, a look took ${Math.round(1e3 * f.loop.took_seconds)} ms` : "" },
      h("i", { "aria-hidden": "true" }),
      tone2 === "live" ? `live${looked ? ", " + looked : ""}` : store.link !== "live" ? store.link : late(store) ? `late, ${looked}` : looked || "no news"
    ),
    whoPart(),
    f === null || locked() ? null : f.pause ? button("resume", "Resume…", "primary") : button("pause", "Pause…")
  );
}
function alarm() {
  const w = warning(store);
  const p = store.view?.pause;
  const frozen = store.view?.freeze;
  return h(
    "div",
    { class: "alarms" },
    store.strange ? h("p", { class: "alarm warn", role: "alert", "data-key": "strange" }, "There is no fleet ", h("b", {}, store.strange), ` any more, or here; this is ${store.fleet}.`) : null,
    w ? h("p", { class: `alarm ${w.grave ? "bad" : "warn"}`, role: "alert", "data-key": "warning" }, w.text, moment(w.moment)) : null,
    (store.view?.unwell ?? []).map((u) => h("p", { class: "alarm bad unwell", "data-key": u.reason }, h("b", {}, "Unwell: "), u.sentence)),
    frozen ? h("p", { class: "alarm warn", "data-key": "freeze" }, `${frozen.sentence.charAt(0).toUpperCase()}${frozen.sentence.slice(1)}. Nothing starts or advances; a rollback still works.`) : null,
    p ? h("p", { class: "alarm warn", "data-key": "pause" }, "Paused by ", h("b", {}, p.by), ` ${span(now(store) - Date.parse(p.at))} ago`, p.why ? `: ${p.why}` : "", ". Nothing starts or advances.") : null
  );
}
function moment(at2) {
  if (at2 === void 0) return [];
  return [` ${clock(new Date(at2).toISOString(), now(store))}`, h("span", { "aria-hidden": "true" }, ` (${span(now(store) - at2)} ago)`), "."];
}
function body2() {
  const f = store.view;
  if (f === null) return h("main", {}, h("p", { class: "boot" }, blind(store) ? "Nothing to show yet." : "Looking…"));
  const at2 = now(store);
  return h(
    "main",
    {},
    auctionsPanel(f, at2),
    h("div", { class: "hero" }, servingPanel(f, at2), trialPanel(f, at2)),
    evidencePanel(f),
    tasksPanel(f, store.tasks, at2),
    h("div", { class: "past" }, historyPanel(store), logPanel(store)),
    h("p", { class: "hints muted" }, h("kbd", {}, "R"), " roll back ", h("kbd", {}, "P"), " pause or resume")
  );
}
function shown() {
  if (document.hidden) {
    stream?.close();
    stream = null;
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
  stream = null;
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
  es.addEventListener("event", (m) => {
    heard();
    take(JSON.parse(m.data));
  });
  es.addEventListener("look", (m) => {
    heard();
    look(JSON.parse(m.data));
  });
  es.addEventListener("gap", () => {
    store.missed = true;
  });
  es.addEventListener("trouble", (m) => {
    heard();
    store.trouble = unseen(JSON.parse(m.data).error);
    render();
  });
  es.addEventListener("error", () => {
    if (store.link === "live") store.link = "connecting";
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
}
async function more(f) {
  if (fetching) return;
  fetching = true;
  const ours = () => f.fleet === store.fleet;
  const [list, wanted] = [await fetched(store.tasks, tasks(f.fleet)), `${f.fleet}/${f.last_event}`];
  if (ours()) store.tasks = list;
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
function say(before, f) {
  const wrong = (v) => (v?.unwell ?? []).map((u) => u.reason).join();
  const told = (v) => v?.active ? `${v.active.id} ${v.active.phase} ${v.active.step} ${v.active.reason}` : v?.last?.id ?? "";
  const said2 = document.getElementById("said");
  if (said2 !== null && wrong(f) !== "" && wrong(before) !== wrong(f)) {
    said2.textContent = `The fleet is unwell. ${f.unwell.map((u) => u.sentence).join(" ")}`;
    return;
  }
  if (said2 === null || before !== null && told(before) === told(f)) return;
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
async function act(verb, from = {}) {
  if (store.view === null || asking) return;
  asking = true;
  try {
    await open(store.view, {
      verb,
      ...from["rollout"] ? { rollout: from["rollout"] } : {},
      ...from["release"] ? { release: from["release"] } : {}
    }, store.rollouts.value ?? [], toast);
  } finally {
    asking = false;
  }
}
function showEvidence(id) {
  const entry2 = [...document.querySelectorAll(".history details")].find((d) => d.dataset["rollout"] === id);
  if (!entry2) return;
  entry2.open = true;
  entry2.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
  entry2.querySelector("summary")?.focus({ preventScroll: true });
}
function listen() {
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
    if (e.repeat || e.ctrlKey || e.metaKey || e.altKey || e.target instanceof Element && e.target.closest("input, dialog, select, textarea")) return;
    const key = e.key.toLowerCase();
    if (key === "r" && store.view?.back) {
      e.preventDefault();
      void act("rollback");
    }
    if (key === "p") {
      e.preventDefault();
      void act(store.view?.pause ? "resume" : "pause");
    }
  });
  window.addEventListener("hashchange", choose);
  document.addEventListener("visibilitychange", shown);
  setInterval(watch, 1e3);
}
function named() {
  const hash = location.hash.slice(1);
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}
function choose() {
  const wanted = named(), known2 = store.fleets.includes(wanted);
  const next = known2 ? wanted : store.fleet || store.fleets[0];
  store.strange = known2 ? "" : wanted;
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
listen();
guard(() => {
  void start2();
});
void start2();
