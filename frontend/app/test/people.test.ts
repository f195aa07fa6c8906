import type { Member } from "@slackclone/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createPeople } from "../src/state/people";

const member = (user_id: string) => ({ user_id }) as Member;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("who is shown together is asked for together, each once", async () => {
  const fetch = vi.fn(async (_: string, ids: readonly string[]) =>
    ids.filter((id) => id !== "9").map(member),
  );
  const found = vi.fn();
  const want = createPeople(fetch, found);
  for (const id of ["7", "8", "9", "7"]) want("1", id);
  await vi.runAllTimersAsync();
  expect(fetch.mock.calls).toEqual([["1", ["7", "8", "9"]]]);
  expect(found.mock.calls).toEqual([["1", [member("7"), member("8")]]]);
  want("1", "9");
  await vi.runAllTimersAsync();
  expect(fetch).toHaveBeenCalledTimes(1);
});

test("many are asked for a hundred at a time, workspace by workspace", async () => {
  const fetch = vi.fn(async () => []);
  const want = createPeople(fetch, () => undefined);
  for (let id = 1; id <= 130; id++) want("1", String(id));
  want("2", "5");
  await vi.runAllTimersAsync();
  expect(fetch.mock.calls.map((call: unknown[]) => [call[0], (call[1] as string[]).length])).toEqual([
    ["1", 100],
    ["1", 30],
    ["2", 1],
  ]);
});

test("what failed is asked again", async () => {
  const fetch = vi.fn(async () => [member("7")]);
  fetch.mockRejectedValueOnce(new Error("offline"));
  const found = vi.fn();
  createPeople(fetch, found)("1", "7");
  await vi.runAllTimersAsync();
  expect(fetch).toHaveBeenCalledTimes(2);
  expect(found).toHaveBeenCalledOnce();
});
