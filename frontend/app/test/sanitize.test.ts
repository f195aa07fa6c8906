// @vitest-environment happy-dom
import { describe, expect, test } from "vitest";
import { linkify } from "../src/text/linkify";
import { highlightMentions } from "../src/text/mentions";
import { safeUrl, sanitize } from "../src/text/sanitize";
import { HOSTILE } from "./hostile";

const clean = (html: string): HTMLElement => {
  const element = document.createElement("div");
  element.append(sanitize(html));
  return element;
};

const ELEMENTS = new Set(
  "A B BLOCKQUOTE BR CODE DEL EM H1 H2 H3 H4 H5 H6 HR I LI OL P PRE S SPAN STRONG UL".split(" "),
);
const ATTRIBUTES = new Set([
  "href",
  "title",
  "class",
  "start",
  "data-user-id",
  "data-group-id",
  "data-kind",
  "target",
  "rel",
]);

describe("hostile HTML", () => {
  test.each(HOSTILE.map((html) => [html.slice(0, 90), html]))("%s", (_, html) => {
    for (const element of clean(html).querySelectorAll<HTMLElement>("*")) {
      expect(ELEMENTS).toContain(element.tagName);
      for (const { name, value } of Array.from(element.attributes)) {
        expect(ATTRIBUTES).toContain(name);
        if (name === "href") expect(value).toMatch(/^(https?:\/\/|mailto:)/i);
        if (name === "class") expect(value).toMatch(/^(mention|language-[\w+#.-]+)$/);
        if (name === "target") expect(value).toBe("_blank");
        if (name === "rel") expect(value).toBe("noopener noreferrer nofollow");
        if (name === "start" || name === "data-user-id") expect(value).toMatch(/^\d+$/);
      }
    }
    expect((globalThis as { pwned?: unknown }).pwned).toBeUndefined();
  });

  test("what is deep is flattened, and its text stays", () => {
    const result = clean(`${"<blockquote>".repeat(500)}deep${"</blockquote>".repeat(500)}`);
    expect(result.querySelectorAll("blockquote").length).toBeLessThan(50);
    expect(result.textContent).toBe("deep");
  });
});

describe("what the server makes comes through", () => {
  test.each([
    "<p>a <strong>b</strong> <em>c</em> <s>d</s><br>e</p>",
    '<pre><code class="language-c++">x &lt; y\n</code></pre>',
    '<ol start="3"><li>x</li></ol><ul><li>y</li></ul><blockquote><p>z</p></blockquote><hr><h2>t</h2>',
    '<p><span class="mention" data-user-id="7">@ada</span> <span class="mention" data-kind="here">@here</span></p>',
    '<p><span class="mention" data-kind="group" data-group-id="9">@crew</span></p>',
  ])("%s", (html) => {
    expect(clean(html).innerHTML).toBe(html);
  });

  test("links open elsewhere and tell nothing", () => {
    const link = clean('<a href="https://a.example/x?y=1">t</a>').querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://a.example/x?y=1");
    expect(link?.target).toBe("_blank");
    expect(link?.rel).toBe("noopener noreferrer nofollow");
  });
});

describe("addresses", () => {
  test.each([
    ["https://a.example", "https://a.example"],
    ["HTTP://a.example/%20", "HTTP://a.example/%20"],
    ["mailto:a@b.example", "mailto:a@b.example"],
    ["javascript:alert(1)", null],
    [" java\u0000script:alert(1)", null],
    ["https:evil", null],
    ["//evil.example", null],
    ["ftp://a.example", null],
    ["https://", null],
  ])("%j", (value, expected) => {
    expect(safeUrl(value)).toBe(expected);
  });

  test.each([
    ["see https://a.example/x.", ["https://a.example/x"]],
    ["(https://a.example/x)", ["https://a.example/x"]],
    [
      "https://a.example/x_(y) and http://b.example?c=d&e=f#g!",
      ["https://a.example/x_(y)", "http://b.example?c=d&e=f#g"],
    ],
    ["javascript:alert(1) data:x //a.example", []],
    ['<a href="https://a.example">', ["https://a.example"]],
  ])("in %j", (text, links) => {
    const pieces = linkify(text);
    expect(pieces.flatMap((piece) => piece.href ?? [])).toEqual(links);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
  });
});

describe("mentions", () => {
  const ada = { kind: "user" as const, handle: "ada", user_id: "7" };
  const all = { kind: "channel" as const, handle: "channel", user_id: null };

  test("the server's spans are marked when they mean me", () => {
    const root = clean(
      '<p><span class="mention" data-user-id="7">@ada</span><span class="mention" data-user-id="8">@bob</span><span class="mention" data-kind="channel">@all</span></p>',
    );
    highlightMentions(root, [ada], "7");
    expect([...root.querySelectorAll(".mention-me")].map((one) => one.textContent)).toEqual(["@ada", "@all"]);
  });

  test("in plain text whole words are wrapped, the text stays the same", () => {
    const root = document.createElement("div");
    const text = "@ada. x@ada @adam (@ADA) @channel @nobody";
    root.append(text);
    highlightMentions(root, [ada, all], "8");
    expect([...root.querySelectorAll(".mention")].map((one) => one.textContent)).toEqual([
      "@ada",
      "@ADA",
      "@channel",
    ]);
    expect([...root.querySelectorAll(".mention-me")].map((one) => one.textContent)).toEqual(["@channel"]);
    expect(root.textContent).toBe(text);
  });

  test("code is left alone", () => {
    const root = clean("<p><code>@ada</code></p>");
    highlightMentions(root, [ada], "7");
    expect(root.querySelectorAll(".mention")).toHaveLength(0);
  });
});
