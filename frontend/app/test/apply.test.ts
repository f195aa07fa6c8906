import type { EventFrame, Message } from "@slackclone/client";
import { describe, expect, test } from "vitest";
import { applyToMessage, applyToParent, insertBySeq } from "../src/state/apply";

const base: Message = {
  message_id: "1",
  channel_id: "1",
  seq: 1,
  n: 1,
  sender_id: "8",
  type: "text",
  text: "m",
  html: null,
  mentions: [],
  timestamp: 1,
  client_msg_id: null,
  thread_id: null,
  thread_n: 0,
  also_in_channel: false,
  edited_at: null,
  deleted: false,
  reactions: [],
  reply_count: 0,
  last_reply_at: null,
};
const ref = { message_id: "1", channel_id: "1", thread_id: null, also_in_channel: false };
const envelope = { t: "event" as const, stream: "c:1", count: 1, actor_id: "8", timestamp: 1 };

/** A small generator, so that a failing run can be repeated from its seed. */
function generator(seed: number): (below: number) => number {
  let state = seed + 1;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

function randomEvents(seed: number, count: number): EventFrame[] {
  const pick = generator(seed);
  return Array.from({ length: count }, (_, index): EventFrame => {
    const seq = index + 2;
    const emoji = ["👍", "🎉", "👀"][pick(3)] ?? "👍";
    const user_id = String(pick(3));
    switch (pick(12)) {
      case 0:
        return { ...envelope, seq, type: "message.deleted", data: ref };
      case 1:
      case 2:
      case 3:
        return {
          ...envelope,
          seq,
          type: "message.edited",
          data: { ...ref, text: `v${seq}`, html: null, mentions: [], edited_at: seq },
        };
      case 4:
      case 5:
      case 6:
        return { ...envelope, seq, type: "reaction.removed", data: { ...ref, emoji, user_id } };
      default:
        return { ...envelope, seq, type: "reaction.added", data: { ...ref, emoji, user_id } };
    }
  });
}

function applied(message: Message, events: readonly EventFrame[]): Message {
  const copy = structuredClone(message);
  for (const event of events) applyToMessage(copy, event);
  return copy;
}

const comparable = (message: Message) => ({
  ...message,
  reactions: message.reactions
    .map((r) => ({ ...r, user_ids: [...r.user_ids].sort() }))
    .sort((a, b) => (a.emoji < b.emoji ? -1 : 1)),
});

describe("snapshot and events", () => {
  test("repeating events from any point before a snapshot changes nothing", () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const events = randomEvents(seed, 14);
      const whole = comparable(applied(base, events));
      const cut = seed % 15;
      const snapshot = applied(base, events.slice(0, cut));
      const overlap = seed % (cut + 1);
      expect(comparable(applied(snapshot, events.slice(overlap))), `seed ${seed}`).toEqual(whole);
    }
  });

  test("nothing comes back to a deleted message", () => {
    const late: EventFrame[] = [
      { ...envelope, seq: 2, type: "message.deleted", data: ref },
      {
        ...envelope,
        seq: 3,
        type: "message.edited",
        data: { ...ref, text: "v3", html: null, mentions: [], edited_at: 3 },
      },
      { ...envelope, seq: 4, type: "reaction.added", data: { ...ref, emoji: "👍", user_id: "1" } },
    ];
    expect(applied(base, late)).toMatchObject({ deleted: true, text: "", reactions: [] });
  });
});

test("replies count on their parent", () => {
  const parent = structuredClone(base);
  const reply = { ...base, message_id: "2", thread_id: "1", timestamp: 5 };
  applyToParent(parent, { ...envelope, seq: 2, type: "message.posted", data: reply });
  expect(parent).toMatchObject({ reply_count: 1, last_reply_at: 5 });
  applyToParent(parent, {
    ...envelope,
    seq: 3,
    type: "message.deleted",
    data: { ...ref, message_id: "2", thread_id: "1" },
  });
  expect(parent).toMatchObject({ reply_count: 0, last_reply_at: null });
});

test("an id goes where its seq belongs, once", () => {
  const seq: Record<string, number> = { a: 1, b: 3, c: 5 };
  const seqOf = (id: string) => seq[id] ?? 0;
  expect(insertBySeq(["a", "b"], "c", 5, seqOf)).toEqual(["a", "b", "c"]);
  expect(insertBySeq(["a", "c"], "b", 3, seqOf)).toEqual(["a", "b", "c"]);
  expect(insertBySeq(["a", "b"], "b", 3, seqOf)).toEqual(["a", "b"]);
});
