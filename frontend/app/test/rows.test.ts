// @vitest-environment happy-dom
import type { Message } from "@slackclone/client";
import { describe, expect, test } from "vitest";
import { buildRows, type Row, type RowsInput } from "../src/state/rows";

const NOON = new Date(2026, 4, 5, 12).getTime();
const MINUTE = 60_000;

function message(n: number, fields: Partial<Message> = {}): Message {
  return {
    message_id: String(n),
    channel_id: "1",
    seq: n,
    n,
    sender_id: "8",
    type: "text",
    text: `m${n}`,
    html: null,
    mentions: [],
    timestamp: NOON + n * MINUTE,
    client_msg_id: null,
    thread_id: null,
    thread_n: 0,
    also_in_channel: false,
    edited_at: null,
    deleted: false,
    reactions: [],
    reply_count: 0,
    last_reply_at: null,
    ...fields,
  };
}

const rowsOf = (
  messages: Message[],
  fields: Partial<RowsInput> = {},
  previous = new Map<string, Row>(),
): Row[] =>
  buildRows({ messages, pending: [], complete: false, readUpTo: null, me: "7", ...fields }, previous);
const heads = (rows: Row[]) => rows.flatMap((row) => (row.kind === "message" ? [row.head] : []));
const kinds = (rows: Row[]) => rows.map((row) => row.kind);

describe("grouping", () => {
  test("one sender within five minutes is one group", () => {
    expect(heads(rowsOf([message(1), message(2), message(3)]))).toEqual([true, false, false]);
  });

  test("another sender, or a pause, begins a group", () => {
    const rows = rowsOf([message(1), message(2, { sender_id: "9" }), message(8, { sender_id: "9" })]);
    expect(heads(rows)).toEqual([true, true, true]);
  });

  test("a reply shown in the channel stands alone", () => {
    const reply = message(2, { thread_id: "1", also_in_channel: true });
    expect(heads(rowsOf([message(1), reply, message(3)]))).toEqual([true, true, true]);
  });
});

describe("what is shown", () => {
  test("each day has its line", () => {
    const rows = rowsOf([message(1), message(2, { timestamp: NOON + 24 * 60 * MINUTE })]);
    expect(kinds(rows)).toEqual(["day", "message", "day", "message"]);
  });

  test("a tombstone stays only while replies hang on it", () => {
    const rows = rowsOf([message(1, { deleted: true }), message(2, { deleted: true, reply_count: 1 })]);
    expect(rows.flatMap((row) => (row.kind === "message" ? [row.id] : []))).toEqual(["2"]);
  });

  test("the introduction comes where the channel begins", () => {
    expect(kinds(rowsOf([message(1)], { complete: true }))[0]).toBe("intro");
    expect(kinds(rowsOf([message(1)]))[0]).toBe("day");
  });

  test("the line of what is new stands once, before somebody else's message", () => {
    const rows = rowsOf([message(1), message(2, { sender_id: "7" }), message(3), message(4)], {
      readUpTo: 1,
    });
    expect(kinds(rows)).toEqual(["day", "message", "message", "new", "message", "message"]);
  });

  test("one's own pending messages come last and join one's group", () => {
    const entry = {
      client_msg_id: "c",
      channel_id: "1",
      text: "x",
      created_at: NOON + 2 * MINUTE,
      tried: false,
      failed: null,
    };
    const rows = rowsOf([message(1, { sender_id: "7" })], {
      pending: [{ entry, state: "queued", error: null }],
    });
    expect(rows.at(-1)).toEqual({ key: "p:c", kind: "pending", id: "c", head: false });
  });
});

test("rows that did not change are the same objects, so that their elements stay", () => {
  const before = rowsOf([message(3), message(4)]);
  const known = new Map(before.map((row) => [row.key, row]));
  const after = rowsOf([message(1), message(2), message(3), message(4), message(5)], {}, known);
  const kept = after.filter((row) => before.includes(row));
  // Message 3 is no head any more and so is new; the day and message 4 are the same.
  expect(kept.map((row) => row.key)).toEqual([before[0]?.key, "m:4"]);
});
