/* Languages that nobody speaks, to see whether the page bears them: kept("pseudo") in state/local.ts chooses one. */

const ACCENTS: Record<string, string> = {
  a: "áá",
  e: "éé",
  i: "í",
  o: "óó",
  u: "úú",
  c: "ç",
  n: "ñ",
  s: "š",
  y: "ý",
  A: "Á",
  E: "É",
  O: "Ö",
  U: "Ü",
};
const outside = (text: string, change: (part: string) => string) =>
  text
    .split(/(\{\w+\})/)
    .map((part) => (part.startsWith("{") ? part : change(part)))
    .join("");

export const twist = {
  /** About half as long again, with what stands above letters. */
  "en-XA": (text: string): string =>
    `[${outside(text, (part) => part.replace(/[a-zA-Z]/g, (letter) => ACCENTS[letter] ?? letter))}]`,
  /** From right to left: the marks make English read so. */
  "ar-XB": (text: string): string => outside(text, (part) => part.replace(/\S+/g, "\u202e$&\u202c")),
};
