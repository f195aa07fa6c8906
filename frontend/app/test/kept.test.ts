import { expect, test } from "vitest";
import { KEPT_DAYS, type Seen, surplus } from "../src/state/kept";

const DAY_MS = 86_400_000;
const seen = (key: string, daysAgo: number, bytes = 10): Seen => ({
  key,
  channel_id: "1",
  seen_at: 100 * DAY_MS - daysAgo * DAY_MS,
  seq: 1,
  bytes,
});

test("what was not looked at for a month goes", () => {
  const all = [seen("c:1", 0), seen("c:2", KEPT_DAYS - 1), seen("c:3", KEPT_DAYS + 1)];
  expect(surplus(all, 100 * DAY_MS)).toEqual(["c:3"]);
});

test("when there is no room, what was looked at longest ago goes", () => {
  const all = [seen("c:1", 3, 40), seen("t:2", 1, 40), seen("c:3", 2, 40)];
  expect(surplus(all, 100 * DAY_MS, 80)).toEqual(["c:1"]);
  expect(surplus(all, 100 * DAY_MS, 120)).toEqual([]);
});
