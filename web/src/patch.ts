// A document that a stream tells whole once, and then by patches (RFC 6902).

import type { Patch } from "./api.ts";

type Node = Record<string, unknown>; // or a list, by the numbers of its elements

// patched is the document after ops. What they leave alone is shared with the
// one before, which stays as it is. It throws where they are of another one.
export function patched<T>(doc: T, ops: Patch[]): T {
  const top: Node = { "": doc }, made = new Set<unknown>([top]);
  for (const { op, path, value } of ops) {
    const steps = path.split("/").map((s) => s.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = steps.pop() ?? "";
    let at = top;
    for (const s of steps) {
      const next = at[s];
      if (typeof next !== "object" || next === null) throw new Error(`a patch of ${path}, which is not there`);
      if (!made.has(next)) made.add(at[s] = Array.isArray(next) ? [...next] as unknown[] : { ...next });
      at = at[s] as Node;
    }
    const there = Object.hasOwn(at, last);
    if (op === "add" && Array.isArray(at)) at.push(value); // lists grow at their end
    else if (op === "add") at[last] = value;
    else if (!there || (op === "test" && at[last] !== value)) throw new Error(`a patch of another ${path}`);
    else if (op === "replace") at[last] = value;
    else if (op === "remove" && Array.isArray(at)) at.splice(Number(last), 1);
    else if (op === "remove") delete at[last];
  }
  return top[""] as T;
}

// followed hands on the documents of a type that a stream tells of; lost is
// called when it tells of one that nobody knows.
export function followed<T>(stream: EventSource, type: string, take: (doc: T) => void, lost: () => void): void {
  let doc: T;
  stream.addEventListener(type, (m: MessageEvent<string>) => take(doc = JSON.parse(m.data) as T));
  stream.addEventListener(`${type}-patch`, (m: MessageEvent<string>) => {
    try {
      doc = patched(doc, JSON.parse(m.data) as Patch[]);
    } catch {
      lost();
      return;
    }
    take(doc);
  });
}
