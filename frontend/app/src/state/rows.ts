import type { EventFrame, EventOf, Id, Message } from "@slackclone/client";
import { dayOf } from "../text/time";
import type { Pending } from "./store";

export type Row =
  | { key: string; kind: "intro" }
  | { key: string; kind: "day"; day: number }
  | { key: string; kind: "new" }
  | { key: string; kind: "message"; id: Id; head: boolean }
  | { key: string; kind: "pending"; id: string; head: boolean }
  | { key: string; kind: "notice"; events: readonly EventFrame[] };

const GROUP_MS = 5 * 60_000;

export interface RowsInput {
  messages: readonly Message[];
  notices?: readonly EventFrame[];
  pending: readonly Pending[];
  /** Whether the run begins where the channel begins. */
  complete: boolean;
  /** The `n` up to which the reader had read on opening; the line stands before the first later one of somebody else. */
  readUpTo: number | null;
  me: Id;
}

/** The timeline as rows. A row that did not change is the same object as before, so that its element stays. */
export function buildRows(input: RowsInput, previous: ReadonlyMap<string, Row>): Row[] {
  const rows: Row[] = [];
  const push = (row: Row) => {
    const known = previous.get(row.key);
    rows.push(known && same(known, row) ? known : row);
  };
  if (input.complete) push({ key: "intro", kind: "intro" });
  let before: { sender: Id; at: number; day: number } | null = null;
  let marked = false;
  const step = (sender: Id, at: number, groups: boolean): boolean => {
    const day = dayOf(at);
    if (before?.day !== day) push({ key: `day:${day}`, kind: "day", day });
    const head = !groups || before?.day !== day || before.sender !== sender || at - before.at > GROUP_MS;
    before = { sender, at, day };
    return head;
  };
  const notices = input.notices ?? [];
  let told = 0;
  /** Those before `seq`: comings and goings side by side in one row. */
  const tell = (seq: number) => {
    while (told < notices.length && (notices[told] as EventFrame).seq < seq) {
      const run = [notices[told] as EventFrame];
      told += 1;
      while (
        told < notices.length &&
        joins(run[0], notices[told]) &&
        (notices[told] as EventFrame).seq < seq
      ) {
        run.push(notices[told] as EventFrame);
        told += 1;
      }
      const first = run[0] as EventFrame;
      const day = dayOf(first.timestamp);
      if (before?.day !== day) push({ key: `day:${day}`, kind: "day", day });
      push({ key: `n:${first.seq}:${run.length}`, kind: "notice", events: run });
      before = { sender: "", at: first.timestamp, day };
    }
  };
  for (const message of input.messages) {
    tell(message.seq);
    // A tombstone stays only where a thread hangs on it.
    if (message.deleted && message.reply_count === 0) continue;
    const unread =
      !marked && input.readUpTo !== null && message.n > input.readUpTo && message.sender_id !== input.me;
    let head = step(message.sender_id, message.timestamp, message.thread_id === null && !message.deleted);
    if (unread) {
      marked = true;
      head = true;
      push({ key: "new", kind: "new" });
    }
    push({ key: `m:${message.message_id}`, kind: "message", id: message.message_id, head });
    if (message.thread_id !== null || message.deleted) before = null;
    if (before === null) before = { sender: "", at: message.timestamp, day: dayOf(message.timestamp) };
  }
  tell(Number.MAX_SAFE_INTEGER);
  for (const { entry } of input.pending) {
    const head = step(input.me, Math.max(entry.created_at, before?.at ?? 0), true);
    push({ key: `p:${entry.client_msg_id}`, kind: "pending", id: entry.client_msg_id, head });
  }
  return rows;
}

function same(a: Row, b: Row): boolean {
  return a.kind === b.kind && ("head" in a ? a.head : null) === ("head" in b ? b.head : null);
}

/** Whether the two are told in one sentence: the same happened, and at about the same time. */
function joins(a: EventFrame | undefined, b: EventFrame | undefined): boolean {
  if (!a || !b || a.type !== b.type || dayOf(a.timestamp) !== dayOf(b.timestamp)) return false;
  if (a.type !== "channel.member_joined" && a.type !== "channel.member_left") return false;
  return a.type === b.type && otherWhoDid(a) === otherWhoDid(b);
}

/** Who added or removed somebody; null when they came or went by themselves. */
function otherWhoDid(event: EventOf<"channel.member_joined"> | EventOf<"channel.member_left">): Id | null {
  const { user_id, by } = event.data;
  return by === user_id ? null : by;
}
