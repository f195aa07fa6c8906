import type { JSONContent } from "@tiptap/core";
import { describe, expect, test } from "vitest";
import { toDoc, toMarkdown } from "../src/rich/markdown";

const through = (text: string) => toMarkdown(toDoc(text));

describe("what is written so comes back so", () => {
  test.each([
    "hello",
    "two\nlines",
    "two\n\nparagraphs",
    "**bold** _italic_ ~~gone~~ `code`",
    "**_~~all of it~~_**",
    "a **bold _and italic_ text** and on",
    "fat`**not this**`",
    "``a ` b``",
    "**`bold code`**",
    "un*frigging*believable",
    "[a link](https://a.example/x)",
    "[**bold** link](https://a.example/x_y_z)",
    "[spaces](<https://a.example/a b>)",
    "see https://a.example/a_b_c?x=*y*z and go",
    "@ada and @bob.lee_x, look at #general :tada: :custom_emoji_1: @channel 🎉",
    "snake_case and 2 * 3 * 4 and a~b and [x] and 1 < 2",
    "```\nplain\n\n  code\n```",
    "```python\ndef f(x):\n    return x ** 2\n```",
    "````\n```\nin\n```\n````",
    "```js\n```",
    "- one\n- two\n- three",
    "1. one\n2. two",
    "7. seven\n8. eight",
    "- one\n  - deeper\n    - deepest\n  - back\n- two",
    "1. one\n   - inner\n2. two",
    "- text\n\n  ```sh\n  ls\n  ```\n- next",
    "- a\n\n* b",
    "> quoted\n> lines",
    "> quoted\n>\n> - a\n> - b",
    "> > deep",
    "# Title\n\ntext\n\n---\n\n### Smaller",
    "a paragraph\n\n- a list\n\nanother",
    "1\\. no list",
    "\\- no list\n\\# no title\n\\> no quote",
    "\\*not bold\\*",
    "\\_not italic\\_ and \\`no code\\`",
    "a \\[link](https://no.example)",
    "C:\\dir and \\\\! there",
    "日本語の**太字**です",
  ])("%s", (text) => {
    expect(through(text)).toBe(text);
  });
});

describe("what is written otherwise means the same", () => {
  test.each([
    ["*italic* __bold__", "_italic_ **bold**"],
    ["* one\n* two", "- one\n- two"],
    ["text\n- one", "text\n\n- one"],
    ["~~~ts\nx\n~~~", "```ts\nx\n```"],
    ["<https://a.example/>", "https://a.example/"],
    ["![alt](https://a.example/p.png)", "[alt](https://a.example/p.png)"],
    ["a\\\nb  \nc", "a\nb\nc"],
    ["- \n  # title", "- # title"],
    ["", ""],
  ])("%j", (text, same) => {
    expect(through(text)).toBe(same);
    expect(toDoc(same)).toEqual(toDoc(text));
  });
});

const text = (value: string, ...marks: string[]): JSONContent => ({
  type: "text",
  text: value,
  ...(marks.length > 0 ? { marks: marks.map((type) => ({ type })) } : {}),
});
const paragraph = (...content: JSONContent[]): JSONContent => ({ type: "paragraph", content });

describe("what the editor makes", () => {
  test("spaces at the edges of a mark go outside it", () => {
    const doc = { type: "doc", content: [paragraph(text("a"), text(" b ", "bold"), text("c"))] };
    expect(toMarkdown(doc)).toBe("a **b** c");
  });

  test("marks that overlap are closed in order", () => {
    const doc = {
      type: "doc",
      content: [paragraph(text("a ", "bold"), text("b", "bold", "italic"), text(" c", "italic"))],
    };
    expect(toMarkdown(doc)).toBe("**a _b_** _c_");
  });

  test("empty paragraphs are not sent", () => {
    const doc = {
      type: "doc",
      content: [{ type: "paragraph" }, paragraph(text("a")), { type: "paragraph" }],
    };
    expect(toMarkdown(doc)).toBe("a");
  });

  test("any text that is typed is read again as that text", () => {
    const pieces = [
      "*",
      "_",
      "~~",
      "`",
      "[",
      "](",
      ")",
      "\\",
      "#",
      ">",
      "- ",
      "1. ",
      "a",
      "b c",
      "<x:",
      "!",
      "@ann",
      "\n",
      "---",
      " ",
    ];
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    for (let round = 0; round < 800; round += 1) {
      const typed = Array.from({ length: 1 + random(9) }, () => pieces[random(pieces.length)]).join("");
      const lines = typed.split("\n").map((one) => one.trim());
      const content = lines.flatMap((one, at) => [
        ...(at > 0 ? [{ type: "hardBreak" }] : []),
        ...(one ? [text(one)] : []),
      ]);
      const doc = toDoc(toMarkdown({ type: "doc", content: [paragraph(...content)] }));
      const read = (doc.content ?? [])
        .map((one) => {
          expect(one.type, typed).toBe("paragraph");
          return (one.content ?? []).map((node) => (node.type === "hardBreak" ? "\n" : node.text)).join("");
        })
        .join("\n");
      expect(read.replace(/\s+/g, " ").trim(), JSON.stringify(typed)).toBe(typed.replace(/\s+/g, " ").trim());
    }
  });
});
