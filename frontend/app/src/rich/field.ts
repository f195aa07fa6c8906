/** What can be done to the text of a composer, whichever way it is written. Its value is Markdown always. */
export interface Field {
  element: HTMLElement;
  value(): string;
  put(markdown: string): void;
  focus(): void;
  /** At the caret, or for what is selected. */
  insert(text: string): void;
  /** The text before the caret; null where nothing is completed: something is selected, or it is code. */
  before(): string | null;
  /** For the last `length` characters before the caret. */
  complete(length: number, text: string): void;
  format(what: Format): void;
  active(what: Format): boolean;
  /** Enter makes a line here. */
  inCode(): boolean;
  /** The address under the caret, "" for none; null where links are written out. */
  link(): string | null;
  setLink(href: string): void;
}

export const FORMATS = [
  "bold",
  "italic",
  "strike",
  "link",
  "list",
  "ordered",
  "quote",
  "code",
  "codeBlock",
] as const;
export type Format = (typeof FORMATS)[number];

/** The format that a key asks for. */
export function formatOf(event: KeyboardEvent): Format | null {
  if (!event.ctrlKey && !event.metaKey) return null;
  const key = event.key.toLowerCase();
  if (!event.shiftKey) return event.altKey ? null : key === "b" ? "bold" : key === "i" ? "italic" : null;
  // With Alt or Shift the key's letter is another one on many keyboards.
  if (event.altKey) return event.code === "KeyC" ? "codeBlock" : null;
  if (event.code === "Digit7") return "ordered";
  if (event.code === "Digit8") return "list";
  if (event.code === "Digit9") return "quote";
  return key === "x" ? "strike" : key === "c" ? "code" : key === "u" ? "link" : null;
}

const WRAPS: Partial<Record<Format, [string, string]>> = {
  bold: ["**", "**"],
  italic: ["_", "_"],
  strike: ["~~", "~~"],
  link: ["[", "](https://)"],
  code: ["`", "`"],
  codeBlock: ["```\n", "\n```"],
};
const PREFIXES: Partial<Record<Format, (line: number) => string>> = {
  list: () => "- ",
  ordered: (line) => `${line + 1}. `,
  quote: () => "> ",
};

export function plainField(area: HTMLTextAreaElement, changed: () => void): Field & { fit(): void } {
  const fit = () => {
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, Math.round(window.innerHeight * 0.45))}px`;
  };
  const put = (value: string, caret = value.length) => {
    area.value = value;
    area.setSelectionRange(caret, caret);
    fit();
  };
  const splice = (start: number, end: number, piece: string) => {
    put(area.value.slice(0, start) + piece + area.value.slice(end), start + piece.length);
    changed();
    area.focus();
  };
  area.addEventListener("input", () => {
    fit();
    changed();
  });
  return {
    fit,
    element: area,
    value: () => area.value,
    put: (value) => put(value),
    focus: () => area.focus(),
    insert: (text) => splice(area.selectionStart, area.selectionEnd, text),
    before: () =>
      area.selectionStart === area.selectionEnd ? area.value.slice(0, area.selectionStart) : null,
    complete: (length, text) => splice(area.selectionStart - length, area.selectionStart, text),
    format(what) {
      const { selectionStart: start, selectionEnd: end, value } = area;
      const [before, after] = WRAPS[what] ?? ["", ""];
      const prefix = PREFIXES[what];
      if (prefix) {
        const from = value.lastIndexOf("\n", start - 1) + 1;
        const lines = value.slice(from, end).split("\n");
        splice(from, end, lines.map((line, at) => prefix(at) + line).join("\n"));
        return;
      }
      splice(start, end, before + value.slice(start, end) + after);
      area.setSelectionRange(start + before.length, end + before.length);
    },
    active: () => false,
    inCode: () => area.value.slice(0, area.selectionStart).split("```").length % 2 === 0,
    link: () => null,
    setLink: () => undefined,
  };
}
