// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { showNamed } from "../src/text/named";

const shown = (html: string): string => {
  const root = document.createElement("div");
  root.innerHTML = html;
  const bird = { id: "1", name: "bird", alias_of: null, url: "/v1/emoji/1", creator_id: "2", created_at: 0 };
  showNamed(
    root,
    (name) =>
      name === "bird" ? bird : name === "evil" ? { ...bird, url: "https://evil.example/" } : undefined,
    (name) => (name === "general" ? "/w/1/c/2" : null),
  );
  return root.innerHTML.replaceAll(/ (?:title|draggable)="[^"]*"/g, "");
};
const IMG = '<img class="own-emoji" src="/v1/emoji/1" alt=":bird:">';

test.each([
  ["a :bird: b", `a ${IMG} b`],
  [":bird::bird:", IMG + IMG],
  [":gone: and :evil:", ":gone: and :evil:"],
  ["<code>:bird: #general</code>", "<code>:bird: #general</code>"],
  ["see #general.", 'see <a href="/w/1/c/2">#general</a>.'],
  ["#nowhere a#general", "#nowhere a#general"],
])("%s", (html, expected) => {
  expect(shown(html)).toBe(expected);
});
