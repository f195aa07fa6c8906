import type { FollowedThread } from "@slackclone/client";
import { expect, test } from "vitest";
import { unreadFirst } from "../src/state/threads";

test("unread threads come first, otherwise as they came", () => {
  const items = ["1", "2", "3", "4"].map((id) => ({ parent: { message_id: id } }) as FollowedThread);
  const order = (unread: string[]) =>
    unreadFirst(items, new Set(unread)).map((item) => item.parent.message_id);
  expect(order(["4", "2"])).toEqual(["2", "4", "1", "3"]);
  expect(order([])).toEqual(["1", "2", "3", "4"]);
});
