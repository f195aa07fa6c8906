// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { plainOf } from "../src/text/plain";

const names: Record<string, string> = { "7": "Bob Baker" };
const plain = (text: string, html: string | null) => plainOf({ text, html }, (id) => names[id] ?? "somebody");

test.each([
  ["as it is", null, "as it is"],
  ["two\nlines", null, "two lines"],
  ["1 < 2", null, "1 < 2"],
  ["", "<p><strong>Look</strong><br>here: <code>x &lt; y</code></p>", "Look here: x < y"],
  ["", '<p>hello <span class="mention" data-user-id="7">@bob</span>!</p>', "hello @Bob Baker!"],
  ["", '<p><span class="mention" data-kind="channel">@channel</span> lunch</p>', "@channel lunch"],
  ["", "<ul><li>one</li><li>two</li></ul>", "one two"],
])("%s %s", (text, html, wanted) => {
  expect(plain(text, html)).toBe(wanted);
});
