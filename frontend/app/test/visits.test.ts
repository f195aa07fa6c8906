// @vitest-environment happy-dom
import type { Channel } from "@slackclone/client";
import { beforeEach, expect, test } from "vitest";
import { nextPlaces, noteVisit, RECENT, visitsOf } from "../src/state/visits";

beforeEach(() => localStorage.clear());

const channel = (id: string, at = 0) => ({ id, last_message_at: at }) as Channel;
const ids = (channels: Channel[]) => channels.map((one) => one.id);
const nothing = () => false;

test("the last one that was looked at comes first, where one is after the others", () => {
  const all = ["a", "b", "c", "d"].map((id) => channel(id));
  const at = { visits: ["c", "b", "a"], current: "c", unread: nothing };
  expect(ids(nextPlaces(all, at))).toEqual(["b", "a", "c", "d"]);
});

test("then what is unread, then the busiest", () => {
  const all = [channel("a", 1), channel("old", 2), channel("new", 3), channel("unread", 1)];
  const at = { visits: ["a"], current: null, unread: (one: Channel) => one.id === "unread" };
  expect(ids(nextPlaces(all, at))).toEqual(["a", "unread", "new", "old"]);
});

test("what was left is not in the way, and much that was looked at leaves room for what is unread", () => {
  const many = Array.from({ length: RECENT + 3 }, (_, index) => channel(`v${index}`));
  const at = {
    visits: ["gone", ...ids(many)],
    current: null,
    unread: (one: Channel) => one.id === "unread",
  };
  const order = ids(nextPlaces([...many, channel("unread")], at));
  expect(order.slice(0, RECENT + 1)).toEqual([...ids(many).slice(0, RECENT), "unread"]);
  expect(order).toHaveLength(RECENT + 4);
});

test("visits are kept for each workspace, each channel once", () => {
  for (const id of ["1", "2", "1"]) noteVisit("7", id);
  noteVisit("8", "3");
  expect([visitsOf("7"), visitsOf("8")]).toEqual([["1", "2"], ["3"]]);
  localStorage.setItem("slackclone:visits::7", '{"not": "a list"}');
  expect(visitsOf("7")).toEqual([]);
});
