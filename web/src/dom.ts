// Elements without a framework: h and svg make them, morph turns what is on
// the page into what is wanted. Text only ever becomes text, never markup, so
// nothing that a training job is named can run here.

export type Child = Node | string | number | null | undefined | false;
export type Attributes = Record<string, string | number | boolean | null | undefined>;

export function h(tag: string, attributes: Attributes = {}, ...children: (Child | Child[])[]): HTMLElement {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag: string, attributes: Attributes = {}, ...children: (Child | Child[])[]): SVGElement {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill<E extends Element>(e: E, attributes: Attributes, children: (Child | Child[])[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) e.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) e.setAttribute(name, String(value));
  }
  for (const c of children.flat()) {
    if (c !== null && c !== undefined && c !== false && c !== "") e.append(c instanceof Node ? c : String(c));
  }
  return e;
}

// morph makes the children of old those of next, keeping nodes that are there
// already, and with them focus, scroll positions and open details. Children
// with data-key are matched by it, others by their place.
// What is owned (own.ts) has children that are nobody else's business, and what
// is kept (own.ts) is as it was.
export function morph(old: Element, next: Element): void {
  const kept = next.getAttribute("data-kept");
  if (kept !== null && kept === old.getAttribute("data-kept")) return;
  syncAttributes(old, next);
  if (next.hasAttribute("data-own")) return;
  const byKey = new Map<string, Element>();
  for (const c of old.children) {
    const key = c.getAttribute("data-key");
    if (key !== null) byKey.set(key, c);
  }
  let here: ChildNode | null = old.firstChild;
  for (const want of [...next.childNodes]) {
    const key = want instanceof Element ? want.getAttribute("data-key") : null;
    let match: ChildNode | null = key !== null ? byKey.get(key) ?? null : here;
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

function alike(a: Node, b: Node): boolean {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
}

function syncAttributes(old: Element, next: Element): void {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}
