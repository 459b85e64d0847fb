// How numbers, moments and names are told to people.

export const short = (digest: string) => digest.slice(0, 12);

export const percent = (share: number, digits = 1) => `${(100 * share).toFixed(digits)}\u00a0%`;

// share tells a share of something small or large in as few digits as it takes.
export const share = (s: number) => `${Number((100 * s).toPrecision(2))}\u00a0%`;

export function points(share: number, digits = 1): string {
  const p = (100 * share).toFixed(digits);
  return (Number(p) >= 0 ? "+" : "−") + p.replace("-", "");
}

export const count = (n: number) => n.toLocaleString("en-US");

export const mebibytes = (n: number) => `${(n / (1 << 20)).toFixed(0)}\u00a0MiB`;

// evidence tells an e-value: what is far beyond any threshold, roughly.
export function evidence(e: number): string {
  if (e >= 1e6) return `10^${Math.floor(Math.log10(e))}`;
  if (e >= 100) return count(Math.round(e));
  return String(Number(e.toPrecision(2)));
}

// took tells what an auction took.
export const took = (seconds: number) => `${Number((1000 * seconds).toPrecision(3))}\u00a0ms`;

// span tells milliseconds in their two largest units.
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 === 0 ? `${s / 60} min` : `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} days`;
}

// clock tells a moment in the reader's own time, with the day where it is not
// today.
export function clock(iso: string, now: number): string {
  const d = new Date(iso);
  const time = d.toLocaleTimeString("en-GB");
  if (new Date(now).toDateString() === d.toDateString()) return time;
  return `${d.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time.slice(0, 5)}`;
}

// local tells the times of a text of the server's, which are UTC and of the day
// of a moment where they name none, in the reader's own time.
export const local = (text: string, moment: string): string =>
  text.replace(/(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d) UTC/g, (_, day: string | undefined, time: string) => {
    const at = new Date(`${day ?? moment.slice(0, 10)}T${time}:00Z`);
    const told = at.toLocaleTimeString("en-GB").slice(0, 5);
    if (at.toDateString() === new Date(moment).toDateString()) return told;
    return `${told} on ${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}`;
  });

export const words = (name: string) => name.replaceAll("_", " ");

const gates: Record<string, string> = {
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
  breaker: "Breaker",
};

export const gateName = (gate: string) => gates[gate] ?? words(gate);

// units are what a gate counts.
export const units = (gate: string) =>
  /^missed/.test(gate) ? "bids" : /paired$|^partners|^invalid/.test(gate) ? "pairs" : "requests";
