// The headline of a verdict: what the judge's sentence, which is complete, comes to.

import type { Finding, Verdict } from "./api.ts";
import { gateName, percent, points } from "./format.ts";

// headline is in plain English; empty where the judge's own sentence is plain.
export function headline(v: Verdict): string {
  if (v.breaker || v.holds) return "";
  switch (v.outcome) {
    case "acceptable": return "Same as stable, within what is allowed, on every count.";
    case "no_data": return "Nothing to compare yet.";
    case "unsure": return `No harm is shown so far${v.gate ? `; not proven yet: ${gateName(v.gate)}${v.partner ? ` (${v.partner})` : ""}` : ""}.`;
    case "worse": return harm(v);
    case "invalid":
    case "inconclusive": return "";
  }
}

// harm tells of rates that differ more than they may.
function harm(v: Verdict): string {
  const f = (v.findings ?? []).find((one) => one.outcome === "worse" && one.gate === v.gate && (one.partner ?? "") === (v.partner ?? ""));
  if (!f || f.since_past || !/^(filter_rate|partners)_/.test(f.gate)) return "";
  const of = f.partner ? `${f.partner}'s requests` : "the requests";
  return `It filters ${rate(f.candidate_rate, f)} of ${of}, stable ${rate(f.stable_rate, f)}; allowed is ${bound(f.band_low)} to ${bound(f.band_high)} points.`;
}

// rate tells no more digits than the difference needs.
const rate = (share: number, f: Finding) => percent(share, Math.abs(f.difference) < 0.02 ? 1 : 0);

const bound = (share: number) => points(share).replace(/\.0$/, "");
