import { afterEach, describe, expect, test } from "vitest";
import { dayInput, endOfDay, localInput, morning, parseWhen, presets, readInput } from "../src/text/when";
import { instant, setZone } from "../src/text/zone";

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

describe("in a zone that was chosen", () => {
  afterEach(() => setZone(""));

  const utc = (text: string) => Date.parse(`${text}Z`);

  test.each([
    ["Europe/Berlin", [2026, 1, 15, 9, 0], "2026-01-15T08:00"],
    ["Europe/Berlin", [2026, 7, 15, 9, 0], "2026-07-15T07:00"],
    // 29 March 2026, 02:00 → 03:00: half past two is not shown, and means half past three.
    ["Europe/Berlin", [2026, 3, 29, 2, 30], "2026-03-29T01:30"],
    ["Europe/Berlin", [2026, 3, 29, 9, 0], "2026-03-29T07:00"],
    // 25 October 2026, 03:00 → 02:00: half past two is shown twice, and means the first.
    ["Europe/Berlin", [2026, 10, 25, 2, 30], "2026-10-25T00:30"],
    ["Europe/Berlin", [2026, 10, 25, 3, 0], "2026-10-25T02:00"],
    ["America/Los_Angeles", [2026, 12, 31, 25, 0], "2027-01-01T09:00"],
    ["Pacific/Apia", [2026, 1, 1, 0, 0], "2025-12-31T11:00"],
    ["Asia/Kathmandu", [2026, 1, 1, 9, 0], "2026-01-01T03:15"],
    // A day that began at one o'clock.
    ["America/Sao_Paulo", [2018, 11, 4, 0, 0], "2018-11-04T03:00"],
  ] as const)("%s %j", (zone, [year, month, day, hour, minute], wanted) => {
    setZone(zone);
    expect(new Date(instant(year, month, day, hour, minute)).toISOString()).toBe(
      new Date(utc(wanted)).toISOString(),
    );
  });

  test("nine tomorrow is nine there, also over a change of the clocks", () => {
    setZone("Europe/Berlin");
    expect(morning(1, utc("2026-03-28T12:00"))).toBe(utc("2026-03-29T07:00"));
    expect(morning(1, utc("2026-10-24T12:00"))).toBe(utc("2026-10-25T08:00"));
    expect(parseWhen("tea tomorrow at 14:00", utc("2026-10-24T22:30"))?.at).toBe(utc("2026-10-26T13:00"));
    expect(endOfDay(0, utc("2026-10-25T00:10"))).toBe(utc("2026-10-25T22:59:59"));
  });

  test("an input says what the wall shows, and is read so", () => {
    setZone("Asia/Tokyo");
    expect(localInput(utc("2026-05-06T22:05"))).toBe("2026-05-07T07:05");
    expect(dayInput(utc("2026-05-06T22:05"))).toBe("2026-05-07");
    expect(readInput("2026-05-07T07:05")).toBe(utc("2026-05-06T22:05"));
    expect(readInput("2026-05-07")).toBe(utc("2026-05-06T15:00"));
    expect(readInput("")).toBeNaN();
  });
});
