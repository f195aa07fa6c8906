import type { CustomEmoji } from "@slackclone/client";

/** In texts: the workspace's own emoji for `:name:`, and a link for the `#name` of a channel. Code and links stay as they are. */
export function showNamed(
  root: ParentNode,
  emojiNamed: (name: string) => CustomEmoji | undefined,
  channelLink: (name: string) => string | null,
): void {
  const document = root.ownerDocument ?? globalThis.document;
  for (const node of texts(root)) {
    const text = node.nodeValue ?? "";
    if (!/:[a-z0-9_+-]{2,32}:|#[\p{L}\p{N}]/u.test(text)) continue;
    const pieces: Node[] = [];
    let end = 0;
    for (const match of text.matchAll(
      /:([a-z0-9_+-]{2,32}):|(?<![\p{L}\p{N}_&/#])#([\p{L}\p{N}][\p{L}\p{N}_-]{0,79})/gu,
    )) {
      const made = match[1]
        ? image(document, emojiNamed(match[1]))
        : link(document, match[0], channelLink((match[2] ?? "").toLowerCase()));
      if (!made) continue;
      pieces.push(document.createTextNode(text.slice(end, match.index)), made);
      end = match.index + match[0].length;
    }
    if (pieces.length === 0) continue;
    pieces.push(document.createTextNode(text.slice(end)));
    for (const piece of pieces) node.parentNode?.insertBefore(piece, node);
    node.parentNode?.removeChild(node);
  }
}

function image(document: Document, emoji: CustomEmoji | undefined): Node | null {
  if (!emoji || !/^\/v1\/emoji\/\d+$/.test(emoji.url)) return null;
  const made = document.createElement("img");
  made.className = "own-emoji";
  made.src = emoji.url;
  made.alt = `:${emoji.name}:`;
  made.title = made.alt;
  made.draggable = false;
  return made;
}

function link(document: Document, text: string, href: string | null): Node | null {
  if (!href) return null;
  const made = document.createElement("a");
  made.href = href;
  made.textContent = text;
  return made;
}

function texts(root: Node, found: Text[] = []): Text[] {
  for (const child of Array.from(root.childNodes)) {
    if (child.nodeType === 3) found.push(child as Text);
    else if (child.nodeType === 1 && !["code", "pre", "a"].includes((child as Element).localName))
      texts(child, found);
  }
  return found;
}
