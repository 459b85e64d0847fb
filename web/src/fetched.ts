// What is fetched beside the stream: not yet, in vain, or there.

import { Refused } from "./api.ts";

export interface Fetched<T> {
  value: T | null; // the last that came, however old; null before the first
  why: string; // the last try came to nothing; empty where it did not
}

export const waiting = <T>(): Fetched<T> => ({ value: null, why: "" });

// fetched is what one try leaves of what was there: its value, or what was before
// and why there is no newer one.
export async function fetched<T>(before: Fetched<T>, value: Promise<T>): Promise<Fetched<T>> {
  try {
    return { value: await value, why: "" };
  } catch (err) {
    return { value: before.value, why: err instanceof Refused ? err.message : "no answer came" };
  }
}

// missing says what there is instead of something fetched, and whether it is
// tried again; empty where it is there and of now.
export function missing<T>(what: string, f: Fetched<T>, again = true): string {
  if (f.why === "") return f.value === null ? `Fetching ${what}…` : "";
  const now = f.value === null ? "could not be fetched" : "could not be fetched anew, and may be old";
  return `${what.charAt(0).toUpperCase()}${what.slice(1)} ${now}: ${f.why}.${again ? " It is tried again." : ""}`;
}
