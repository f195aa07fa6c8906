import { safeUrl } from "./sanitize";

export type Piece = { text: string; href?: string };

const URL_IN_TEXT = /https?:\/\/[^\s<>"'`]+/gi;

/** Splits plain text at its http(s) addresses. Joined together, the pieces' texts are the text again. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(URL_IN_TEXT)) {
    const found = trimEnd(match[0]);
    const href = safeUrl(found);
    if (!href) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: found, href });
    end = match.index + found.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

/** A full stop or a closing bracket after an address belongs to the sentence, unless the bracket was opened inside. */
function trimEnd(url: string): string {
  let result = url;
  for (;;) {
    const last = result.at(-1) ?? "";
    if (/[.,;:!?*_~]/.test(last)) result = result.slice(0, -1);
    else if (last === ")" && count(result, ")") > count(result, "(")) result = result.slice(0, -1);
    else if (last === "]" && count(result, "]") > count(result, "[")) result = result.slice(0, -1);
    else return result;
  }
}

const count = (text: string, character: string): number => text.split(character).length - 1;
