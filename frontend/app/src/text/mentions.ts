import type { Mention } from "@slackclone/client";

const WORD = /[\p{L}\p{N}_.-]/u;

/**
 * Marks the mentions that the server found, in place: those that it wrapped, and in text without HTML the others. Code is left
 * as it is. Names are compared without case, and a handle counts only as a whole word.
 */
export function highlightMentions(
  root: ParentNode,
  mentions: readonly Mention[],
  me: string,
  inGroup: (id: string) => boolean = () => false,
): void {
  for (const span of root.querySelectorAll<HTMLElement>("span.mention")) {
    const { kind, userId, groupId } = span.dataset;
    const mine = kind === "group" ? inGroup(groupId ?? "") : Boolean(kind) || userId === me;
    if (mine) span.classList.add("mention-me");
  }
  if (mentions.length === 0) return;
  const byHandle = new Map(mentions.map((mention) => [mention.handle.toLowerCase(), mention]));
  const document = root.ownerDocument ?? globalThis.document;
  for (const node of textNodes(root)) {
    const text = node.nodeValue ?? "";
    if (!text.includes("@")) continue;
    const pieces: Node[] = [];
    let end = 0;
    for (const match of text.matchAll(/@([\p{L}\p{N}_.-]+)/gu)) {
      if (match.index > 0 && WORD.test(text[match.index - 1] ?? "")) continue;
      const [handle, mention] = longest(match[1] ?? "", byHandle);
      if (!mention) continue;
      pieces.push(document.createTextNode(text.slice(end, match.index)));
      const span = document.createElement("span");
      const mine =
        mention.kind === "group"
          ? inGroup(mention.group_id ?? "")
          : mention.kind !== "user" || mention.user_id === me;
      span.className = mine ? "mention mention-me" : "mention";
      if (mention.user_id) span.dataset.userId = mention.user_id;
      span.textContent = `@${handle}`;
      pieces.push(span);
      end = match.index + 1 + handle.length;
    }
    if (pieces.length === 0) continue;
    pieces.push(document.createTextNode(text.slice(end)));
    const parent = node.parentNode;
    for (const piece of pieces) parent?.insertBefore(piece, node);
    parent?.removeChild(node);
  }
}

/** "@ada." at the end of a sentence is ada. */
function longest(word: string, known: Map<string, Mention>): [string, Mention | undefined] {
  for (let handle = word; handle; handle = handle.slice(0, -1)) {
    const mention = known.get(handle.toLowerCase());
    if (mention) return [handle, mention];
    if (!/[.-]$/.test(handle)) break;
  }
  return [word, undefined];
}

function textNodes(root: Node, found: Text[] = []): Text[] {
  for (const child of Array.from(root.childNodes)) {
    if (child.nodeType === 3) found.push(child as Text);
    else if (child.nodeType === 1) {
      const element = child as Element;
      if (!["code", "pre", "a"].includes(element.localName) && !element.classList.contains("mention")) {
        textNodes(child, found);
      }
    }
  }
  return found;
}
