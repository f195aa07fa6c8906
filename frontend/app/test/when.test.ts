import { expect, test } from "vitest";
import { localInput, morning, parseWhen, presets } from "../src/text/when";

/** A Wednesday. */
const NOW = new Date(2026, 4, 6, 14, 30).getTime();
const at = (day: number, hour = 9, minute = 0) => new Date(2026, 4, day, hour, minute).getTime();

test.each([
  ["to call Ann in 20 minutes", NOW + 20 * 60_000, "to call Ann"],
  ["in an hour to eat", NOW + 3_600_000, "to eat"],
  ["tea in 2h", NOW + 2 * 3_600_000, "tea"],
  ["tomorrow to write", at(7), "to write"],
  ["to write tomorrow at 8am", at(7, 8), "to write"],
  ["standup on friday at 10:15", at(8, 10, 15), "standup"],
  ["wednesday", at(13), ""],
  ["on 2026-05-20 at 17 the deadline", at(20, 17), "the deadline"],
  ["lunch at 12:00", at(7, 12), "lunch"],
  ["lunch at 3pm", at(6, 15), "lunch"],
])("%s", (text, when, rest) => {
  expect(parseWhen(text, NOW)).toEqual({ at: when, rest });
});

test.each(["to call Ann", "at 25:00 x", "tomorrow at 13pm"])("no time: %s", (text) => {
  expect(parseWhen(text, NOW)).toBeNull();
});

test("what is offered lies ahead", () => {
  expect(presets(NOW).every((preset) => preset.at > NOW)).toBe(true);
  expect(morning(1, NOW)).toBe(at(7));
  expect(localInput(at(6, 7, 5))).toBe("2026-05-06T07:05");
});
