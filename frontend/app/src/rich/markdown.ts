import type { JSONContent } from "@tiptap/core";
import MarkdownIt, { type Token } from "markdown-it";

/**
 * Markdown to the rich editor's document and back. The dialect is the server's (apps/messaging/markdown.py). Mentions, channels,
 * :emoji: and bare addresses are text in both, so that either composer sends the same.
 */
const parser = MarkdownIt("commonmark", { html: false, linkify: true, breaks: true });
parser.enable(["strikethrough", "linkify"]);
parser.disable(["html_block", "html_inline", "entity", "code", "lheading", "reference"]);
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
// What is written is kept as it is written: the server normalises it for both composers.
parser.normalizeLink = (url) => url;
parser.normalizeLinkText = (url) => url;

type Mark = NonNullable<JSONContent["marks"]>[number];

const BLOCKS: Readonly<Record<string, string>> = {
  paragraph: "paragraph",
  blockquote: "blockquote",
  bullet_list: "bulletList",
  ordered_list: "orderedList",
  list_item: "listItem",
  heading: "heading",
};
const MARKS: Readonly<Record<string, string>> = { strong: "bold", em: "italic", s: "strike", link: "link" };

const EMPTY: JSONContent = { type: "paragraph" };

export function toDoc(markdown: string): JSONContent {
  const doc: JSONContent = { type: "doc", content: [] };
  const open: JSONContent[] = [doc];
  const add = (node: JSONContent) => {
    const parent = open.at(-1);
    if (!parent) return;
    parent.content ??= [];
    // The editor's list items begin with a paragraph.
    if (parent.type === "listItem" && parent.content.length === 0 && node.type !== "paragraph")
      parent.content.push(EMPTY);
    parent.content.push(node);
  };
  for (const token of parser.parse(markdown, {})) {
    const name = token.type.replace(/_(?:open|close)$/, "");
    const block = BLOCKS[name];
    if (block && token.nesting === 1) {
      const node: JSONContent = { type: block };
      if (block === "heading") node.attrs = { level: Number(token.tag.slice(1)) };
      if (block === "orderedList") node.attrs = { start: Number(token.attrGet("start") ?? 1) };
      add(node);
      open.push(node);
    } else if (block && token.nesting === -1) {
      const done = open.pop();
      if (done && ["blockquote", "listItem"].includes(done.type ?? "") && !done.content?.length)
        done.content = [EMPTY];
    } else if (token.type === "inline") {
      const parent = open.at(-1);
      const content = inline(token.children ?? []);
      if (parent && content.length > 0) parent.content = content;
    } else if (token.type === "fence") {
      const text = token.content.replace(/\n$/, "");
      const language = token.info.trim().split(/\s+/)[0] || null;
      add({ type: "codeBlock", attrs: { language }, ...(text ? { content: [{ type: "text", text }] } : {}) });
    } else if (token.type === "hr") add({ type: "horizontalRule" });
  }
  if (doc.content?.length === 0) doc.content = [EMPTY];
  return doc;
}

function inline(tokens: readonly Token[]): JSONContent[] {
  const result: JSONContent[] = [];
  const marks: Mark[] = [];
  const say = (text: string, more: Mark[] = []) => {
    if (!text) return;
    const all = [...marks, ...more];
    const last = result.at(-1);
    if (last?.type === "text" && JSON.stringify(last.marks ?? []) === JSON.stringify(all)) last.text += text;
    else result.push({ type: "text", text, ...(all.length > 0 ? { marks: all } : {}) });
  };
  let address = false;
  for (const token of tokens) {
    const mark = MARKS[token.type.replace(/_(?:open|close)$/, "")];
    if (mark === "link" && token.nesting === 1) {
      const href = String(token.attrGet("href") ?? "");
      address = token.markup === "linkify" || (token.markup === "autolink" && !href.startsWith("mailto:"));
      if (!address) marks.push({ type: "link", attrs: { href } });
    } else if (mark && token.nesting === 1) marks.push({ type: mark });
    else if (mark === "link" && address) address = false;
    else if (mark)
      marks.splice(
        marks.findLastIndex((one) => one.type === mark),
        1,
      );
    else if (token.type === "code_inline") say(token.content, [{ type: "code" }]);
    else if (token.type === "softbreak" || token.type === "hardbreak") result.push({ type: "hardBreak" });
    else if (token.type === "image") {
      const href = String(token.attrGet("src") ?? "");
      say(token.content || href, [{ type: "link", attrs: { href } }]);
    } else say(token.content);
  }
  return result;
}

/* ---- and back ---- */

export function toMarkdown(doc: JSONContent): string {
  return blocks(doc.content ?? []).replace(/^\n+|\s+$/g, "");
}

function blocks(nodes: readonly JSONContent[], within = ""): string {
  const written: { text: string; type: string }[] = [];
  let marker = 0;
  nodes.forEach((node, index) => {
    const type = node.type ?? "";
    // Two lists one after the other stay two: the other mark begins another list.
    marker = index > 0 && nodes[index - 1]?.type === type ? 1 - marker : 0;
    const text = block(node, marker);
    if (text !== "" || type !== "paragraph") written.push({ text, type });
  });
  return written
    .map((one, index) => {
      if (index === 0) return one.text;
      // A list inside a list item is tight.
      const tight =
        within === "listItem" && /List$/.test(one.type) && written[index - 1]?.type === "paragraph";
      return (tight && !/^(?!1[.)])\d/.test(one.text) ? "\n" : "\n\n") + one.text;
    })
    .join("");
}

function block(node: JSONContent, marker: number): string {
  const content = node.content ?? [];
  switch (node.type) {
    case "heading":
      return `${"#".repeat(node.attrs?.level ?? 1)} ${line(content).replaceAll("\n", " ")}`.trimEnd();
    case "codeBlock": {
      const text = content.map((one) => one.text ?? "").join("");
      const fence = "`".repeat(Math.max(3, longestRun(text, /`+/g) + 1));
      return `${fence}${node.attrs?.language ?? ""}\n${text}${text ? "\n" : ""}${fence}`;
    }
    case "blockquote":
      return indent(blocks(content), "> ", "> ");
    case "bulletList":
      return content.map((item) => listItem(item, marker ? "* " : "- ")).join("\n");
    case "orderedList": {
      const start = Number(node.attrs?.start ?? 1);
      return content.map((item, at) => listItem(item, `${start + at}${marker ? ")" : "."} `)).join("\n");
    }
    case "horizontalRule":
      return "---";
    default:
      return line(content);
  }
}

function listItem(item: JSONContent, mark: string): string {
  return indent(blocks(item.content ?? [], "listItem"), mark, " ".repeat(mark.length));
}

function indent(text: string, first: string, others: string): string {
  return text
    .split("\n")
    .map((one, index) => ((index === 0 ? first : one || others.trim() ? others : "") + one).trimEnd())
    .join("\n");
}

const LINE_START = /^(?=(?:[-+*]|#{1,6})(?:[ \t]|$)|>|~~~|([-_*])(?:[ \t]*\1){2,}[ \t]*$)/;
const NUMBERED = /^(\d{1,9})([.)])(?=[ \t]|$)/;

/** What stands in a paragraph. At the beginning of its lines nothing may look like a block. */
function line(nodes: readonly JSONContent[]): string {
  return marked(nodes)
    .split("\n")
    .map((one) => one.trim().replace(LINE_START, "\\").replace(NUMBERED, "$1\\$2"))
    .join("\n");
}

const same = (a: Mark, b: Mark) => a.type === b.type && a.attrs?.href === b.attrs?.href;
const bears = (node: JSONContent | undefined, mark: Mark) =>
  node?.marks?.some((one) => same(one, mark)) ?? false;

/** Text with marks: of those that begin at a place, the one that holds longest goes outside. */
function marked(nodes: readonly JSONContent[], before = "", after = ""): string {
  let result = "";
  for (let at = 0; at < nodes.length; ) {
    const node = nodes[at] as JSONContent;
    let end = at + 1;
    let widest: Mark | undefined;
    for (const mark of node.marks ?? []) {
      if (mark.type === "code") continue;
      let to = at + 1;
      while (bears(nodes[to], mark)) to += 1;
      if (!widest || to > end) {
        widest = mark;
        end = to;
      }
    }
    const left = result.at(-1) ?? before;
    if (!widest) {
      result += node.type === "hardBreak" ? "\n" : leaf(node, left);
      at = end;
      continue;
    }
    const mark = widest;
    const inner = nodes.slice(at, end).map((one) => ({
      ...one,
      marks: (one.marks ?? []).filter((other) => !same(other, mark)),
    }));
    result += wrapped(mark, inner, left, firstChar(nodes[end]) ?? after);
    at = end;
  }
  return result;
}

const firstChar = (node: JSONContent | undefined) => (node?.type === "hardBreak" ? "\n" : node?.text?.[0]);
const WORD = /[\p{L}\p{N}_]/u;

function wrapped(mark: Mark, nodes: readonly JSONContent[], left: string, right: string): string {
  const whole = marked(nodes);
  // Marks can't begin or end with a space: it goes outside.
  const [, lead = "", text = "", trail = ""] = /^(\s*)([\s\S]*?)(\s*)$/.exec(whole) ?? [];
  if (text === "") return whole;
  if (mark.type === "link") {
    const href = String(mark.attrs?.href ?? "");
    if (text === href && /^https?:\/\/[^\s<>]+$/.test(href)) return lead + href + trail;
    const target = /[\s()<>]/.test(href) ? `<${href.replace(/[<>\n]/g, encodeURIComponent)}>` : href;
    return `${lead}[${text}](${target})${trail}`;
  }
  const touches = (!lead && WORD.test(left)) || (!trail && WORD.test(right));
  const sign =
    { bold: "**", italic: touches || (!lead && /[*_]/.test(left)) ? "*" : "_", strike: "~~" }[mark.type] ??
    "";
  return lead + sign + text + sign + trail;
}

function leaf(node: JSONContent, left: string): string {
  const text = (node.text ?? "").replace(/\r\n?/g, "\n");
  if (!node.marks?.some((mark) => mark.type === "code")) return escaped(text, left);
  if (text.trim() === "") return text;
  const fence = "`".repeat(longestRun(text, /`+/g, 1) ? missingRun(text) : 1);
  const pad = /^`|`$|^ .* $/.test(text) ? " " : "";
  return fence + pad + text.replaceAll("\n", " ") + pad + fence;
}

/** The shortest run of backticks that is not in the text. */
function missingRun(text: string): number {
  const runs = new Set((text.match(/`+/g) ?? []).map((one) => one.length));
  let length = 1;
  while (runs.has(length)) length += 1;
  return length;
}

function longestRun(text: string, what: RegExp, least = 0): number {
  return Math.max(least - 1, ...(text.match(what) ?? []).map((one) => one.length), 0);
}

const PUNCTUATION = /[!-/:-@[-`{-~]/;
const ADDRESS = /https?:\/\/[^\s<>]*[^\s<>*_~`[\]\\]/gi;

/** Only what would be read as markup is escaped, so that a text without any stays as it was typed. */
function escaped(text: string, left: string): string {
  let result = "";
  let from = 0;
  for (const found of text.matchAll(ADDRESS)) {
    result += escapedPiece(text, from, found.index, left) + found[0];
    from = found.index + found[0].length;
  }
  return result + escapedPiece(text, from, text.length, left);
}

function escapedPiece(text: string, from: number, to: number, left: string): string {
  let result = "";
  for (let at = from; at < to; at += 1) {
    const char = text[at] ?? "";
    const before = at > 0 ? (text[at - 1] ?? "") : left;
    const after = text[at + 1] ?? "";
    const loose = (before === "" || /\s/.test(before)) && (after === "" || /\s/.test(after));
    const special =
      char === "`" ||
      (char === "\\" && (after === "" || after === "\n" || PUNCTUATION.test(after))) ||
      (char === "*" && !loose) ||
      (char === "_" && !loose && !(WORD.test(before) && WORD.test(after))) ||
      (char === "~" && (before === "~" || after === "~")) ||
      (char === "[" && text.indexOf("](", at) > 0) ||
      (char === "<" && /^<[a-z][\w+.-]*[:@]/i.test(text.slice(at, at + 80)));
    result += special ? `\\${char}` : char;
  }
  return result;
}
