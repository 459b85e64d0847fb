// What is being tried: where it stands, what the judge says, what comes next.

import type { Fleet, Phase, Rollout, Verdict } from "./api.ts";
import { h, svg } from "./dom.ts";
import { clock, count, percent, points, share, span, units, words } from "./format.ts";
import { gatesTable } from "./gates.ts";
import { moneyTable } from "./money.ts";
import { passport, takenBack } from "./takenback.ts";
import { ago, badge, button, code, needsPerson, notesOf, said, tone, until } from "./parts.ts";

export function trialPanel(f: Fleet, now: number): HTMLElement {
  const r = f.active;
  if (r === null) return idlePanel(f, now);
  const gathering = r.gathering === true;
  const judged = r.verdict !== null && (r.phase === "shadow" || r.phase === "canary") && !gathering;
  return h("section", { id: "trial", class: `card trial ${tone(r.phase)}`, tabindex: "-1", "aria-label": "Being tried" },
    h("header", {},
      h("h2", {}, "Being tried"),
      h("span", { class: "name" }, r.id), r.candidate === "" ? null : code(r.candidate),
      h("span", { class: "spring" }),
      h("span", { class: "by" }, "policy ", h("b", {}, r.policy || "—"), r.by ? [", asked by ", h("b", {}, r.by)] : null)),
    stepper(r),
    h("div", { class: "verbs" }, verbs(f, r)),
    h("div", { class: "stand" },
      h("strong", { class: "state" }, stateText(r)),
      h("span", { class: "muted" }, r.phase === "canary" && r.reason === "accepted" ? "the step before: " : null,
        h("span", { class: "reason", title: "the reason, as in the log and the history" }, r.reason)),
      r.verdict && !gathering && r.phase !== "promoting" ? verdictBadge(r.verdict, r.phase) : null,
      h("span", { class: "since" }, "for ", h("time", { datetime: r.since, title: clock(r.since, now) }, span(now - Date.parse(r.since))))),
    ...said(r, f.at, judged ? r.verdict?.sentence : gathering ? `It came to this step by: ${r.sentence}` : r.sentence),
    notesOf(f.candidate), r.candidate === "" ? null : takenBack(passport(r.candidate).value?.taken_back, now),
    judged || r.held_from === "shadow" || r.held_from === "canary" ? progress(r, now) : null,
    nextList(f, r, now));
}

// verdictBadge says what is not simply on its way to a verdict. Data that are
// invalid hold a rollout unless that is soon over, as when a step begins.
function verdictBadge(v: Verdict, phase: Phase): HTMLElement | null {
  if (v.breaker) return h("span", { class: "badge bad", title: "gross harm: told at once, without statistics" }, "breaker");
  if (v.holds) return h("span", { class: "badge warn", title: "no harm is shown, but a person should look: promote or abort it" }, "needs a look");
  if (v.outcome === "inconclusive") return h("span", { class: "badge warn", title: classes[v.class ?? "floor"] }, `inconclusive: ${v.class ?? ""}`);
  if (v.outcome === "invalid" && phase === "held") return badge("invalid data", "warn");
  return null;
}

const classes = {
  floor: "more traffic brings no information, as connections persist",
  borderline: "the difference lies on the edge of what is allowed: a matter for a person",
  starved: "too little traffic to tell a shift that matters",
};

export const stateText = (r: Rollout): string =>
  r.phase === "canary" ? `canary ${r.step} of ${r.steps}` : words(r.phase);

// verbs are the buttons for what a person may do with r now. They stand above
// all that grows and shrinks, and what comes and goes stands last, so that no
// news moves a button away from under the pointer.
function verbs(f: Fleet, r: Rollout): (HTMLElement | null)[] {
  const tried = r.phase === "shadow" || r.phase === "canary" || (r.phase === "held" && r.held_from !== "promoting");
  return [
    r.phase === "rolling_back" ? null : button("abort", "Abort…", "warn", { "data-rollout": r.id }),
    tried ? button("promote", "Promote now…", "", { "data-rollout": r.id }) : null,
    r.phase === "held" && !f.pause ? button("resume", r.reason === "approval" ? "Approve the step…" : "Resume…", needsPerson(r) ? "primary" : "", { "data-rollout": r.id }) : null,
    h("span", { class: "spring" }),
    h("span", { class: "by" }, r.exposed > 0 ? [h("b", {}, count(r.exposed)), " auctions answered by it"] : "no auction answered by it yet"),
  ];
}

function idlePanel(f: Fleet, now: number): HTMLElement {
  const last = f.last;
  return h("section", { id: "trial", class: `card trial calm`, tabindex: "-1", "aria-label": "Being tried" },
    h("header", {}, h("h2", {}, "Being tried")),
    h("div", { class: "stand" }, h("strong", { class: "state" }, f.stable ? "nothing" : "no release yet")),
    h("p", { class: "sentence" }, f.next.sentence),
    f.next.at ? h("p", { class: "muted" }, "about ", until(f.next.at, now)) : null,
    terms(waiting(f)),
    last === null ? null : h("div", { class: `last ${tone(last.phase)}` },
      h("p", {}, "Last: ", h("b", {}, last.id), " ", badge(last.phase, tone(last.phase)), " ", h("span", { class: "reason" }, last.reason), " ", ago(last.since, now)),
      ...said(last, f.at),
      last.verdict ? button("evidence", "Show its evidence", "link", { "data-rollout": last.id }) : null));
}

// progress says when the proof is due, but of a rollout that stands still. The
// step may last longer.
function progress(r: Rollout, now: number): HTMLElement | null {
  const v = r.verdict;
  if (v === null) return null;
  const done = Math.round(100 * Math.max(0, Math.min(1, v.progress)));
  const eta = v.eta_seconds > 0 && r.phase !== "held" ? Date.parse(v.at) + 1000 * v.eta_seconds - now : 0;
  return h("div", { class: "progress" },
    h("progress", { max: 100, value: done, "aria-label": "Progress towards a verdict" }, `${done} %`),
    h("span", { class: "figures" }, h("b", {}, `${done}\u00a0%`), " of the proof", seenOf(v), eta > 1000 ? [", the rest in about ", h("b", {}, span(eta))] : null));
}

const seenOf = (v: Verdict): (Node | string)[] =>
  v.needed ? [", ", h("b", {}, count(v.requests ?? 0)), ` of about ${count(v.needed)} ${units(v.gate ?? "")}`] : [];

function nextList(f: Fleet, r: Rollout, now: number): HTMLElement | null {
  const n = f.next;
  const rows: Row[] = [["Next", [n.sentence, ...(n.at && Date.parse(n.at) > now ? [" About ", until(n.at, now), "."] : [])]]];
  if (n.deadline) rows.push(["Otherwise", [h("b", {}, words(n.otherwise ?? "")), " at ", until(n.deadline, now), "."]]);
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
  return terms([...rows, ...waiting(f)]);
}

type Row = [string, (Node | string)[]];

// waiting are the wishes that are not acted on yet, and the models that come after this one.
const waiting = (f: Fleet): Row[] => [
  ...f.requests.map((q): Row => ["Asked", [h("b", {}, q.verb), ` by ${q.by}; the controller acts on its next look`]]),
  ...f.queue.map((w): Row => ["Queue", [h("span", { title: w.sentence }, w.headline || `${w.id}: ${w.sentence}`)]]),
  ...(f.tunings ?? []).map((t): Row => ["Tuning", [t.sentence]]),
];

const terms = (rows: Row[]) => rows.length === 0 ? null : h("dl", { class: "next" }, rows.map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]).flat());

// budget tells how much of what the candidate may spoil is spent.
function budget(r: Rollout): (Node | string)[] {
  const bounds: [number, number | undefined, string][] = [
    [r.exposed, r.budget?.auctions, "auctions"],
    [r.missed_bids, r.budget?.missed_bids, "missed bids"],
  ];
  return bounds.flatMap(([have, of, what]) => (of ? [h("span", { class: have > 0.8 * of ? "budget low" : "budget" },
    svg("svg", { viewBox: "0 0 60 6", "aria-hidden": "true", preserveAspectRatio: "none" },
      svg("rect", { width: 60, height: 6, rx: 3, class: "rail" }),
      svg("rect", { width: 60 * Math.min(1, have / of), height: 6, rx: 3, class: "fill" })),
    h("span", {}, h("b", {}, count(have)), ` of ${count(of)} ${what} spent; taken back once all are`))] : []));
}

const road: Phase[] = ["queued", "admitting", "shadow", "canary", "promoting", "live"];

// stepper draws the road to live and where r stands on it.
function stepper(r: Rollout): HTMLElement {
  const visited = new Set((r.history ?? []).map((e) => e.to));
  const place: Phase = r.phase === "held" ? r.held_from ?? "canary" : r.phase;
  let here = road.indexOf(place);
  if (here < 0) here = Math.max(0, ...road.map((p, i) => (visited.has(p) ? i : 0)));
  return h("ol", { class: "stepper" }, road.map((p, i) => {
    const skipped = i < here && p === "shadow" && visited.size > 0 && !visited.has(p);
    const state = i < here ? (skipped ? "skipped" : "done") : i === here ? `here ${tone(r.phase)}` : "ahead";
    return h("li", { class: state, "aria-current": i === here ? "step" : null },
      h("span", { class: "pip", "aria-hidden": "true" }, i < here ? (skipped ? "–" : "✓") : mark(r.phase, i === here)),
      h("span", { class: "label" }, p,
        p === "canary" && r.steps > 0 ? h("small", {}, i === here && r.step > 0 ? ` ${r.step}/${r.steps}` : ` ×${r.steps}`) : null,
        skipped ? h("small", {}, " skipped") : null));
  }));
}

function mark(phase: Phase, here: boolean): string {
  if (!here) return "";
  if (phase === "held") return "‖";
  if (phase === "rolling_back" || phase === "rolled_back") return "↩";
  return "●";
}

export function evidencePanel(f: Fleet): HTMLElement | null {
  const r = f.active;
  const findings = r?.verdict?.findings ?? [];
  if (r === null || findings.length === 0) return null;
  const v = r.verdict;
  return h("section", { class: "card", "aria-label": "Evidence" },
    h("header", {}, h("h2", {}, "Evidence"),
      h("span", { class: "muted" }, "candidate against stable; verdict ", h("b", {}, r.gathering ? "gathering" : words(v?.outcome ?? "")), ` after ${count(v?.looks ?? 0)} looks`, r.phase === "promoting" ? ", as it was when the tasks began to move over" : ""),
      alarms(v),
      (v?.culprits ?? []).length > 0 ? h("span", { class: "badge bad names" }, `named: ${(v?.culprits ?? []).join(", ")}`) : null),
    gatesTable(findings), v?.money ? moneyTable(v.money) : null);
}

// alarms says how often a rollout of a good candidate may end in a false one,
// all gates together.
function alarms(v: Verdict | null): HTMLElement | null {
  const spent = (v?.spent ?? []).reduce((sum, s) => sum + s.alpha, 0);
  return spent > 0 ? h("span", { class: "muted" }, "false alarms at most ", h("b", {}, share(spent)), " per rollout, all gates and looks together") : null;
}
