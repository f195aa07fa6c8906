/**
 * The second wall. The server has rendered and cleaned the HTML of a message; here it is built anew, element by element, from
 * what is listed below. A mistake of the server then shows text, never a script.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  a: ["href", "title"],
  b: [],
  blockquote: [],
  br: [],
  code: ["class"],
  del: [],
  em: [],
  h1: [],
  h2: [],
  h3: [],
  h4: [],
  h5: [],
  h6: [],
  hr: [],
  i: [],
  li: [],
  ol: ["start"],
  p: [],
  pre: [],
  s: [],
  span: ["class", "data-user-id", "data-kind", "data-group-id"],
  strong: [],
  ul: [],
};

/** Their content is not for reading: it goes with them. Of any other unknown element the text stays. */
const DROPPED = new Set([
  "script",
  "style",
  "template",
  "noscript",
  "iframe",
  "object",
  "embed",
  "svg",
  "math",
  "textarea",
  "title",
  "xmp",
  "noembed",
  "noframes",
  "plaintext",
  "select",
]);
const HTML = "http://www.w3.org/1999/xhtml";
const CLASS = /^(?:language-[\w+#.-]{1,30}|mention)$/;
const DEPTH_MAX = 40;

export function sanitize(html: string, document: Document = globalThis.document): DocumentFragment {
  // A document of its own without a browsing context: parsing runs nothing and loads nothing.
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const result = document.createDocumentFragment();
  copy(parsed.body, result, document, 0);
  return result;
}

function copy(from: Node, to: Node, document: Document, depth: number): void {
  for (const node of Array.from(from.childNodes)) {
    if (node.nodeType === 3) {
      to.appendChild(document.createTextNode(node.nodeValue ?? ""));
      continue;
    }
    if (node.nodeType !== 1) continue;
    const element = node as Element;
    const name = element.localName.toLowerCase();
    if (DROPPED.has(name) || element.namespaceURI !== HTML) continue;
    const allowed = Object.hasOwn(ALLOWED, name) ? ALLOWED[name] : undefined;
    if (!allowed || depth > DEPTH_MAX) {
      copy(element, to, document, depth);
      continue;
    }
    const made = document.createElement(name);
    for (const attribute of allowed) {
      const value = element.getAttribute(attribute);
      if (value !== null) setSafe(made, attribute, value);
    }
    if (name === "a" && made.hasAttribute("href")) {
      made.setAttribute("target", "_blank");
      made.setAttribute("rel", "noopener noreferrer nofollow");
    }
    copy(element, made, document, depth + 1);
    to.appendChild(made);
  }
}

function setSafe(element: Element, attribute: string, value: string): void {
  switch (attribute) {
    case "href": {
      const url = safeUrl(value);
      if (url) element.setAttribute("href", url);
      return;
    }
    case "class": {
      const kept = value.split(/\s+/).filter((one) => CLASS.test(one));
      if (kept.length > 0) element.setAttribute("class", kept.join(" "));
      return;
    }
    case "start":
    case "data-user-id":
    case "data-group-id":
      if (/^\d{1,20}$/.test(value)) element.setAttribute(attribute, value);
      return;
    case "data-kind":
      if (value === "channel" || value === "here" || value === "group")
        element.setAttribute(attribute, value);
      return;
    default:
      element.setAttribute(attribute, value.slice(0, 300));
  }
}

/** Absolute http, https and mailto only. Browsers drop control characters in URLs, so they are looked at without. */
export function safeUrl(value: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being taken out
  const bare = value.replace(/[\u0000-\u0020\u007f-\u009f\u200b-\u200f\u2028-\u202e\ufeff]/g, "");
  if (!/^(?:https?:\/\/|mailto:)/i.test(bare)) return null;
  try {
    const url = new URL(bare);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? bare : null;
  } catch {
    return null;
  }
}
