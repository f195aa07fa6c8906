// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { swipeOf } from "../src/state/gestures";

test.each([
  [80, 10, 200, "right"],
  [-80, 10, 200, "left"],
  [80, 60, 200, null],
  [40, 0, 200, null],
  [200, 0, 900, null],
] as const)("%i px aside, %i px down in %i ms", (dx, dy, ms, way) => {
  expect(swipeOf(dx, dy, ms)).toBe(way);
});
