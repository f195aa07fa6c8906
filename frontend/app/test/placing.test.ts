import type { SidebarLayout } from "@slackclone/client";
import { expect, test } from "vitest";
import { fits, moveSection, placeChannel } from "../src/state/placing";

const layout = (): SidebarLayout => ({
  starred: ["1"],
  sections: [
    { id: "a", name: "A", channel_ids: ["2", "3"] },
    { id: "b", name: "B", channel_ids: [] },
    { id: "c", name: "C", channel_ids: ["4"] },
  ],
});
const inside = (of: SidebarLayout) => of.sections.map((section) => section.channel_ids.join());
const order = (of: SidebarLayout) => of.sections.map((section) => section.id).join("");

test("a channel goes from one section to another, once", () => {
  const after = placeChannel(layout(), "2", { section: "b" });
  expect(inside(after)).toEqual(["3", "2", "4"]);
  expect(inside(placeChannel(after, "2", { section: "b" }))).toEqual(["3", "2", "4"]);
});

test("a starred channel that is put into a section is starred no longer", () => {
  const after = placeChannel(layout(), "1", { section: "c" });
  expect(after.starred).toEqual([]);
  expect(inside(after)).toEqual(["2,3", "", "4,1"]);
});

test("a star keeps the section that the channel goes back to", () => {
  const after = placeChannel(layout(), "3", "starred");
  expect(after.starred).toEqual(["1", "3"]);
  expect(inside(after)).toEqual(["2,3", "", "4"]);
});

test("back to where it would be by itself", () => {
  const after = placeChannel(placeChannel(layout(), "3", "starred"), "3", "rest");
  expect(after.starred).toEqual(["1"]);
  expect(inside(after)).toEqual(["2", "", "4"]);
});

test.each([
  ["a", "c", "bca"],
  ["c", "a", "cab"],
  ["a", "b", "bac"],
  ["b", "b", "abc"],
  ["gone", "a", "abc"],
  ["a", "gone", "abc"],
])("section %s let go on %s: %s", (id, at, expected) => {
  expect(order(moveSection(layout(), id, at))).toBe(expected);
});

test("a section is let go on another section only", () => {
  expect(fits({ section: "a" }, { section: "b" })).toBe(true);
  expect(fits({ section: "a" }, { section: "a" })).toBe(false);
  expect(fits({ section: "a" }, "starred")).toBe(false);
  expect(fits({ channel: "1" }, "rest")).toBe(true);
  expect(fits(null, "rest")).toBe(false);
});
