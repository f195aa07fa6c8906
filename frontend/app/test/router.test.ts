// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { href, parse } from "../src/router";

test.each([
  ["/w/1", { workspace: "1", view: "none" }],
  ["/w/1/c/2", { workspace: "1", view: "channel", channel: "2" }],
  ["/w/1/c/2/m/3", { view: "channel", channel: "2", message: "3" }],
  ["/w/1/c/2/t/4", { channel: "2", thread: "4", message: null }],
  ["/w/1/c/2/m/3/t/4", { channel: "2", message: "3", thread: "4" }],
  ["/w/1/threads/t/4", { view: "threads", channel: null, thread: "4" }],
  ["/w/1/search", { view: "search", channel: null }],
  ["/", { workspace: null, view: "none" }],
  ["/w/unreads", { workspace: null, view: "unreads" }],
  ["/w/nonsense", { workspace: null, view: "none" }],
  ["/w/x/c/2", { workspace: null, view: "none" }],
])("%s", (path, expected) => {
  expect(parse(path)).toMatchObject(expected);
});

test.each([
  [{ workspace: "1" }, "/w/1"],
  [{ workspace: "1", channel: "2", message: "3" }, "/w/1/c/2/m/3"],
  [{ workspace: "1", channel: "2", thread: "4" }, "/w/1/c/2/t/4"],
  [{ workspace: "1", view: "threads" as const, thread: "4" }, "/w/1/threads/t/4"],
])("%j", (to, expected) => {
  expect(href(to)).toBe(expected);
});
