// What somebody had typed when their session was over. It outlives the sign-in,
// which may lead through another site.

export interface Draft {
  hash: string; // where on the page
  fleet: string;
  verb: string;
  rollout?: string;
  release?: string;
  why: string;
  hours?: string; // of a freeze
}

const key = "sluice.draft";

export const keepDraft = (d: Omit<Draft, "hash">) => sessionStorage.setItem(key, JSON.stringify({ ...d, hash: location.hash }));

// draft is what is kept; null where nothing is.
export function draft(): Draft | null {
  const text = sessionStorage.getItem(key);
  return text === null ? null : JSON.parse(text) as Draft;
}

export const dropDraft = () => sessionStorage.removeItem(key);
