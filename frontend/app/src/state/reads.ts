import type { Channel, EventOf, Id } from "@slackclone/client";
import { keep, keptJson } from "./local";
import { isDirect, myId, setState, state } from "./store";

/** Unread marks kept in this browser. The server's markers (row F6) will take this module's place. */
interface Kept {
  read: Record<Id, number>;
  mentions: Record<Id, number>;
}

let timer: ReturnType<typeof setTimeout> | undefined;

export function loadReads(): void {
  const saved = keptJson<Kept>(`reads:${myId()}`);
  setState({ read: saved?.read ?? {}, mentions: saved?.mentions ?? {} });
}

function save(): void {
  clearTimeout(timer);
  timer = setTimeout(() => keep(`reads:${myId()}`, { read: state.read, mentions: state.mentions }), 300);
}

/** A channel seen for the first time in this browser begins as read. */
export function startReading(channel: Channel, unread = false): void {
  if (state.read[channel.id] !== undefined) return;
  setState("read", channel.id, unread ? Math.max(0, channel.count - 1) : channel.count);
  save();
}

export function markRead(channelId: Id): void {
  const channel = state.channels[channelId];
  if (!channel || (state.read[channelId] === channel.count && !state.mentions[channelId])) return;
  setState("read", channelId, channel.count);
  setState("mentions", channelId, 0);
  save();
}

export function countPosted(event: EventOf<"message.posted">): void {
  const message = event.data;
  const channel = state.channels[message.channel_id];
  if (!channel || (message.thread_id && !message.also_in_channel)) return;
  if (message.sender_id === myId()) {
    markRead(channel.id);
    return;
  }
  const toMe = message.mentions.some((m) => m.kind !== "user" || m.user_id === myId());
  if (toMe && !isDirect(channel)) {
    setState("mentions", channel.id, (n) => (n ?? 0) + 1);
    save();
  }
}

export function unreadOf(channel: Channel): number {
  return Math.max(0, channel.count - (state.read[channel.id] ?? channel.count));
}

/** What the red badge says: every message of a direct conversation, mentions elsewhere. */
export function badgeOf(channel: Channel): number {
  return isDirect(channel)
    ? unreadOf(channel)
    : unreadOf(channel) > 0
      ? (state.mentions[channel.id] ?? 0)
      : 0;
}
