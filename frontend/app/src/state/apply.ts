import type { EventFrame, Id, Message } from "@slackclone/client";

/** Whether the message has its place in the channel's own timeline. */
export const isTopLevel = (message: { thread_id: Id | null; also_in_channel: boolean }): boolean =>
  message.thread_id === null || message.also_in_channel;

/**
 * What an event does to one message, in place. Repeating a run of events from any point before a snapshot to its end
 * changes nothing, except for reply counts: those go through `applyToParent`, once per event.
 */
export function applyToMessage(message: Message, event: EventFrame): void {
  switch (event.type) {
    case "message.edited":
      if (message.deleted) return;
      message.text = event.data.text;
      message.html = event.data.html;
      message.mentions = event.data.mentions;
      message.edited_at = event.data.edited_at;
      return;
    case "message.deleted":
      message.deleted = true;
      message.text = "";
      message.html = null;
      message.mentions = [];
      message.reactions = [];
      return;
    case "reaction.added": {
      if (message.deleted) return;
      const { emoji, user_id } = event.data;
      const reaction = message.reactions.find((r) => r.emoji === emoji);
      if (!reaction) message.reactions.push({ emoji, user_ids: [user_id] });
      else if (!reaction.user_ids.includes(user_id)) reaction.user_ids.push(user_id);
      return;
    }
    case "reaction.removed": {
      const { emoji, user_id } = event.data;
      const reaction = message.reactions.find((r) => r.emoji === emoji);
      if (!reaction) return;
      reaction.user_ids = reaction.user_ids.filter((id) => id !== user_id);
      if (reaction.user_ids.length === 0)
        message.reactions = message.reactions.filter((r) => r.emoji !== emoji);
      return;
    }
    default:
  }
}

/** What a reply's event does to the message that its thread hangs on. */
export function applyToParent(parent: Message, event: EventFrame): void {
  if (event.type === "message.posted") {
    parent.reply_count += 1;
    parent.last_reply_at = event.data.timestamp;
  } else if (event.type === "message.deleted") {
    parent.reply_count = Math.max(0, parent.reply_count - 1);
    if (parent.reply_count === 0) parent.last_reply_at = null;
  }
}

/** Puts an id where its seq belongs; nearly always at the end. */
export function insertBySeq(ids: Id[], id: Id, seq: number, seqOf: (id: Id) => number): Id[] {
  if (ids.includes(id)) return ids;
  let at = ids.length;
  while (at > 0 && seqOf(ids[at - 1] as Id) > seq) at -= 1;
  return [...ids.slice(0, at), id, ...ids.slice(at)];
}

export const messageIdOf = (event: EventFrame): Id | null =>
  "message_id" in event.data ? event.data.message_id : null;

const NOTICES: ReadonlySet<string> = new Set([
  "channel.member_joined",
  "channel.member_left",
  "channel.updated",
  "channel.archived",
  "channel.unarchived",
  "message.pinned",
]);

/** Whether the timeline of a channel tells of it, between the messages. */
export const isNotice = (event: EventFrame): boolean => NOTICES.has(event.type);

/** Both by seq, each once. */
export function mergeNotices(known: readonly EventFrame[], added: readonly EventFrame[]): EventFrame[] {
  if (added.length === 0) return known as EventFrame[];
  const bySeq = new Map([...known, ...added].map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
