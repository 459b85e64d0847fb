// Where on the page one is. The address names it, so that it can be sent to
// somebody, and the back button leads back:
//
//	#/                          all fleets
//	#FLEET                      one fleet
//	#FLEET/history?phase=…      its finished rollouts
//	#FLEET/rollouts/ID?at=…     one rollout
//	#FLEET/releases             all releases
//	#FLEET/releases/DIGEST      one of them
//	#FLEET/compare/A/B          two of them beside each other
//	#FLEET/audit?of=…&after=…   who asked for what
//	#FLEET/freezes              what is frozen, and will be

export type Page = "fleets" | "fleet" | "history" | "rollout" | "releases" | "release" | "compare" | "audit" | "freezes";

export interface Route {
  page: Page;
  fleet: string; // empty where the address names none
  id: string; // of a rollout or a release
  other: string; // the release it is compared with
  query: URLSearchParams;
}

export function here(hash = location.hash): Route {
  const [path = "", query = ""] = split(hash.replace(/^#/, ""), "?");
  const [fleet = "", room = "", id = "", other = ""] = path.split("/").map(decoded);
  const at = (page: Page): Route => ({ page, fleet, id, other, query: new URLSearchParams(query) });
  if (path === "/") return at("fleets");
  switch (room) {
    case "history": return at("history");
    case "rollouts": return at(id === "" ? "history" : "rollout");
    case "releases": return at(id === "" ? "releases" : "release");
    case "compare": return at("compare");
    case "audit": return at("audit");
    case "freezes": return at("freezes");
  }
  return at("fleet");
}

function split(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // names nothing, as it is no name
  }
}

// to is the address of a page.
export function to(fleet: string, ...rest: string[]): string {
  return "#" + [fleet, ...rest].map(encodeURIComponent).join("/");
}

export const toFleets = "#/";
export const toRollout = (fleet: string, id: string) => to(fleet, "rollouts", id);
export const toRelease = (fleet: string, digest: string) => to(fleet, "releases", digest);

// set changes parameters of the address, and adds no step to go back to.
export function set(changes: Record<string, string>): void {
  const [path = "", query = ""] = split(location.hash.replace(/^#/, ""), "?");
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  history.replaceState(null, "", "#" + path + (text === "" ? "" : "?" + text));
}
