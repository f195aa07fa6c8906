import type { Channel, EventOf, Id, Message, MovedMarker, SignalFrame, Unread } from "@slackclone/client";
import { batch, createMemo, createRoot } from "solid-js";
import { produce } from "solid-js/store";
import { namesMe as isOfMe } from "./groups";
import { isMuted } from "./notify";
import { isDirect, myId, setState, state } from "./store";
import { toastError } from "./toasts";
import { rest, socket } from "./wire";

/*
 * Read markers. The server's are the truth; here they move ahead of it (one's own reading shows at once), count along with the
 * events, and are asked for again where an event does not tell enough. A move that the server may have lost is said again.
 */

const SEND_MS = 250;
const REFRESH_MS = 1200;

/** Moves to be sent, or sent and perhaps lost on the way: by channel or thread. */
const unsent = new Map<Id, { channel_id: Id; thread_id: Id | null }>();
let sending: ReturnType<typeof setTimeout> | undefined;

/** Channels marked unread by hand: being looked at does not read them until one comes back. */
const held = new Set<Id>();

export const letGo = (channelId: Id): void => void held.delete(channelId);

export const unreadOf = (channel: Channel): number => (channel.is_member ? (channel.unread ?? 0) : 0);

/** What the red badge says: every message of a direct conversation, mentions elsewhere. */
export const badgeOf = (channel: Channel): number =>
  unreadOf(channel) === 0 ? 0 : isDirect(channel) ? unreadOf(channel) : (channel.mentions ?? 0);

export interface Waiting {
  /** What the badges add up to. */
  badges: number;
  unread: boolean;
  /** Unread where nothing is muted. */
  loud: boolean;
}

const NOTHING: Waiting = { badges: 0, unread: false, loud: false };

/** By workspace; counted once for everybody who asks, since that looks at every channel. */
const waiting = createRoot(() =>
  createMemo(() => {
    const found: Record<Id, Waiting> = {};
    for (const channel of Object.values(state.channels)) {
      if (unreadOf(channel) === 0) continue;
      found[channel.workspace_id] ??= { ...NOTHING };
      const one = found[channel.workspace_id] as Waiting;
      one.badges += badgeOf(channel);
      one.unread = true;
      one.loud ||= !channel.archived && !isMuted(channel.id);
    }
    return found;
  }),
);

export const waitingIn = (workspaceId: Id): Waiting => waiting()[workspaceId] ?? NOTHING;

export const readUpTo = (channelId: Id): number | null => state.channels[channelId]?.marker?.n ?? null;

/** Unread replies of followed threads, and mentions among them. */
export function threadsUnread(workspaceId: Id): { unread: number; mentions: number } {
  let unread = 0;
  let mentions = 0;
  for (const thread of Object.values(state.threadReads)) {
    if (state.channels[thread.channel_id]?.workspace_id !== workspaceId) continue;
    unread += thread.unread;
    mentions += thread.mentions;
  }
  return { unread, mentions };
}

/* ---- what the server says ---- */

/**
 * The unread fields for a channel of which an answer came. It can be older than what was read or delivered meanwhile: then what
 * is known here stands, and is asked for again.
 */
export function merged(channel: Channel): Unread {
  const known = state.channels[channel.id];
  const { unread, mentions, marker } = channel;
  if (!marker)
    return {
      unread: known?.unread ?? unread,
      mentions: known?.mentions ?? mentions,
      marker: known?.marker ?? null,
    };
  const mine = known?.marker;
  if (!known?.is_member || !mine || mine.version < marker.version) return { unread, mentions, marker };
  if (mine.version > marker.version || mine.n > marker.n) {
    if (mine.version === marker.version) sendLater(channel.id, null, channel.id);
    return { unread: known.unread, mentions: known.mentions, marker: mine };
  }
  if (known.count > channel.count) {
    refresh(channel.id);
    return { unread: known.unread, mentions: known.mentions, marker };
  }
  return { unread, mentions, marker };
}

const refreshing = new Map<Id, ReturnType<typeof setTimeout>>();

/** Asks for a channel's counts, a moment later and once. */
function refresh(channelId: Id, wait = REFRESH_MS): void {
  if (refreshing.has(channelId)) return;
  refreshing.set(
    channelId,
    setTimeout(
      () => {
        refreshing.delete(channelId);
        void rest.channels.get(channelId).then(takeChannel, () => undefined);
      },
      wait * (1 + Math.random()),
    ),
  );
}

function takeChannel(channel: Channel): void {
  if (state.channels[channel.id]) setState("channels", channel.id, merged(channel));
}

/** All counts of a workspace: at the start, and after a connection was lost, since signals of the meantime were too. */
export async function refreshUnreads(workspaceId: Id): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await rest.workspaces.unreads(workspaceId, cursor === undefined ? {} : { cursor });
    batch(() => {
      for (const row of page.results) {
        const known = state.channels[row.channel_id];
        if (known && row.count !== null)
          takeChannel({ ...known, ...row, count: row.count, id: row.channel_id });
      }
      if (cursor !== undefined || page.partial) return;
      setState(
        "threadReads",
        produce((reads) => {
          for (const [id, one] of Object.entries(reads)) {
            if (state.channels[one.channel_id]?.workspace_id === workspaceId) delete reads[id];
          }
          for (const row of page.threads) {
            const mine = reads[row.thread_id];
            const n = row.marker?.n ?? 0;
            const version = row.marker?.version ?? 0;
            if (mine && mine.version === version && mine.n > n) continue;
            const { channel_id, unread, mentions } = row;
            reads[row.thread_id] = { channel_id, n, version, unread: unread ?? 0, mentions: mentions ?? 0 };
          }
        }),
      );
    });
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
}

let threadsDue: ReturnType<typeof setTimeout> | undefined;

function refreshThreads(channelId: Id): void {
  const workspaceId = state.channels[channelId]?.workspace_id;
  if (!workspaceId || threadsDue) return;
  threadsDue = setTimeout(
    () => {
      threadsDue = undefined;
      void refreshUnreads(workspaceId).catch(() => undefined);
    },
    REFRESH_MS * (1 + Math.random()),
  );
}

export function onSignal(signal: SignalFrame): void {
  if (signal.type === "marker.moved") takeMarker(signal.data);
}

function takeMarker(moved: MovedMarker): void {
  const { channel_id, thread_id, n, version } = moved;
  if (thread_id !== null) {
    const mine = state.threadReads[thread_id];
    if (mine && (mine.version > version || (mine.version === version && mine.n >= n))) return;
    refreshThreads(channel_id);
    return;
  }
  const channel = state.channels[channel_id];
  if (!channel) return;
  const mine = channel.marker ?? { n: -1, version: -1 };
  if (mine.version > version || (mine.version === version && mine.n >= n)) return;
  const marker = { n, version };
  if (n >= channel.count) setState("channels", channel_id, { marker, unread: 0, mentions: 0 });
  else {
    if (version > mine.version) held.add(channel_id);
    setState("channels", channel_id, { marker });
    refresh(channel_id, 100);
  }
}

/* ---- what events do ---- */

const namesMe = (message: Pick<Message, "mentions">): boolean => message.mentions.some(isOfMe);

/** Up to which place a channel's messages are counted: events may follow of what a head told already. */
const counted = new Map<Id, number>();

/** Messages came of which only the number is told. */
export function countHead(channel: Channel, count: number): void {
  if (!channel.is_member || !channel.marker) return;
  const more = count - Math.max(counted.get(channel.id) ?? 0, channel.count);
  counted.set(channel.id, count);
  if (more <= 0) return;
  const unread = (channel.unread ?? 0) + more;
  setState("channels", channel.id, { unread, mentions: isDirect(channel) ? unread : channel.mentions });
}

export function countPosted(event: EventOf<"message.posted">): void {
  const message = event.data;
  const channel = state.channels[message.channel_id];
  if (!channel?.is_member) return;
  if (message.thread_id !== null) {
    countReply(message.thread_id, message);
    return;
  }
  const marker = channel.marker ?? { n: message.n - 1, version: 0 };
  if (message.n <= marker.n) return;
  if (message.sender_id === myId()) {
    held.delete(channel.id);
    setState("channels", channel.id, { marker: { ...marker, n: message.n }, unread: 0, mentions: 0 });
    return;
  }
  const fresh = message.n > (counted.get(channel.id) ?? 0);
  if (fresh) counted.set(channel.id, message.n);
  const unread = (channel.unread ?? 0) + Number(fresh);
  const mentions = isDirect(channel) ? unread : (channel.mentions ?? 0) + Number(namesMe(message));
  setState("channels", channel.id, { marker, unread, mentions });
}

function countReply(threadId: Id, reply: Message): void {
  const thread = state.threadReads[threadId];
  const parent = state.messages[threadId];
  if (!thread) {
    // Who is named in a thread, replies to it or began it follows it from now on.
    const mine = reply.sender_id === myId() || namesMe(reply);
    if (mine || parent?.sender_id === myId() || state.following[threadId]) refreshThreads(reply.channel_id);
    return;
  }
  if (reply.thread_n <= thread.n) return;
  if (reply.sender_id === myId())
    setState("threadReads", threadId, { n: reply.thread_n, unread: 0, mentions: 0 });
  else {
    setState("threadReads", threadId, {
      unread: thread.unread + 1,
      mentions: thread.mentions + Number(namesMe(reply)),
    });
  }
}

/** To be called before the message itself changes. */
export function countDeleted(event: EventOf<"message.deleted">): void {
  const { channel_id, message_id, thread_id, n, thread_n, sender_id } = event.data;
  const channel = state.channels[channel_id];
  if (!channel?.is_member || sender_id === myId()) return;
  const message = state.messages[message_id];
  if (message?.deleted) return;
  if (thread_id !== null) {
    const thread = state.threadReads[thread_id];
    if (thread && (thread_n ?? 0) > thread.n) refreshThreads(channel_id);
    return;
  }
  if (!channel.marker || (n && n <= channel.marker.n) || !channel.unread) return;
  if (!n || (channel.mentions && !isDirect(channel) && !message)) {
    refresh(channel_id);
    return;
  }
  const unread = channel.unread - 1;
  const named = message && namesMe(message) ? 1 : 0;
  const mentions = isDirect(channel) ? unread : Math.max(0, (channel.mentions ?? 0) - named);
  setState("channels", channel_id, { unread, mentions });
}

/** An edit may name somebody, or no longer. */
export function countEdited(event: EventOf<"message.edited">): void {
  const channel = state.channels[event.data.channel_id];
  if (!channel?.is_member || event.actor_id === myId()) return;
  const before = state.messages[event.data.message_id];
  if (before && namesMe(before) === namesMe(event.data)) return;
  if (event.data.thread_id !== null) {
    if (namesMe(event.data) || state.threadReads[event.data.thread_id]?.mentions) refreshThreads(channel.id);
  } else if (channel.unread && !isDirect(channel) && (namesMe(event.data) || channel.mentions))
    refresh(channel.id);
}

/* ---- what the reader does ---- */

/** The first message after place `n`, which the marker may have left behind since. */
export async function firstUnread(channelId: Id, n: number): Promise<Id | null> {
  try {
    return (await rest.channels.messageAt(channelId, n + 1)).message_id;
  } catch (error) {
    toastError(error);
    return null;
  }
}

export function markRead(channelId: Id): void {
  const channel = state.channels[channelId];
  if (!channel?.is_member || held.has(channelId)) return;
  const { marker } = channel;
  if (marker && marker.n >= channel.count) {
    if (channel.unread || channel.mentions) setState("channels", channelId, { unread: 0, mentions: 0 });
    return;
  }
  setState("channels", channelId, {
    marker: { n: channel.count, version: marker?.version ?? 0 },
    unread: 0,
    mentions: 0,
  });
  sendLater(channelId, null, channelId);
}

export function markThreadRead(channelId: Id, threadId: Id, n: number): void {
  if (n <= 0 || !state.channels[channelId]?.is_member) return;
  const thread = state.threadReads[threadId];
  if (thread && thread.n >= n) return;
  if (thread) setState("threadReads", threadId, { n, unread: 0, mentions: 0 });
  else setState("threadReads", threadId, { channel_id: channelId, n, version: 0, unread: 0, mentions: 0 });
  sendLater(threadId, threadId, channelId);
}

/** Esc: also what was marked unread by hand. */
export function markReadByHand(channelId: Id): void {
  held.delete(channelId);
  markRead(channelId);
}

export async function markAllRead(workspaceId: Id): Promise<void> {
  const mine = Object.values(state.channels).filter((one) => one.workspace_id === workspaceId);
  batch(() => {
    for (const channel of mine) {
      held.delete(channel.id);
      if (unreadOf(channel) > 0) {
        const marker = { n: channel.count, version: channel.marker?.version ?? 0 };
        setState("channels", channel.id, { marker, unread: 0, mentions: 0 });
      }
    }
    for (const [id, thread] of Object.entries(state.threadReads)) {
      if (state.channels[thread.channel_id]?.workspace_id === workspaceId)
        setState("threadReads", id, { unread: 0, mentions: 0 });
    }
  });
  try {
    await rest.workspaces.markAllRead(workspaceId);
  } catch (error) {
    toastError(error);
    await refreshUnreads(workspaceId).catch(() => undefined);
  }
}

export async function markUnread(message: Message): Promise<void> {
  try {
    held.add(message.channel_id);
    const moved = await rest.messages.markUnread(message.message_id);
    if (moved.thread_id !== null) {
      held.delete(message.channel_id);
      await refreshUnreads(state.channels[message.channel_id]?.workspace_id ?? "");
      return;
    }
    setState("channels", moved.channel_id, { marker: { n: moved.n, version: moved.version } });
    takeChannel(await rest.channels.get(moved.channel_id));
  } catch (error) {
    held.delete(message.channel_id);
    toastError(error);
  }
}

/* ---- to the server ---- */

function sendLater(scope: Id, thread_id: Id | null, channel_id: Id): void {
  unsent.set(scope, { channel_id, thread_id });
  sending ??= setTimeout(sendNow, SEND_MS);
}

/** Also when the page is left, and when there is a connection again. */
export function sendNow(): void {
  clearTimeout(sending);
  sending = undefined;
  for (const [scope, { channel_id, thread_id }] of unsent) {
    const marker = thread_id === null ? state.channels[channel_id]?.marker : state.threadReads[scope];
    if (!marker || socket.mark({ channel_id, thread_id, n: marker.n, version: marker.version }))
      unsent.delete(scope);
  }
}
