import type { EventFrame, Id } from "@slackclone/client";
import { batch } from "solid-js";
import { produce } from "solid-js/store";
import {
  applyToMessage,
  applyToParent,
  insertBySeq,
  isNotice,
  isTopLevel,
  mergeNotices,
  messageIdOf,
} from "./apply";
import { joinedChannel, lostChannel, putMembers, recountMembers } from "./channels";
import { onDeskEvent } from "./desk";
import { onGroupEvent } from "./groups";
import { notifyOfPosted, onWish, takeBack } from "./notify";
import { keepChange, keepListsSoon, keepSoon } from "./offline";
import { dropPending } from "./outgoing";
import { onEmojiEvent } from "./ownEmoji";
import { onPinChanged, onPinnedMessageChanged } from "./pins";
import { countDeleted, countEdited, countPosted } from "./reads";
import { myId, setState, state, structureChanged } from "./store";
import { socket } from "./wire";
import { refreshWorkspaces } from "./workspaces";

/** Seq of the newest event that the socket handed on, per channel. */
const delivered = new Map<Id, number>();

export const deliveredSeq = (channelId: Id): number => delivered.get(channelId) ?? 0;

/** Events of channels with a fetch under way, to be applied to what it brings. */
const recent = new Map<Id, { fetches: number; events: EventFrame[] }>();

/**
 * Runs a fetch of a channel's messages and hands its answer on together with the events that came meanwhile: those later
 * than the answer's own seq have to be applied to what was not known before.
 */
export async function fetching<T>(
  channelId: Id,
  fetch: () => Promise<T>,
  use: (answer: T, events: EventFrame[]) => void,
) {
  const window = recent.get(channelId) ?? { fetches: 0, events: [] };
  recent.set(channelId, window);
  window.fetches += 1;
  const from = window.events.length;
  try {
    const answer = await fetch();
    batch(() => use(answer, window.events.slice(from)));
  } finally {
    window.fetches -= 1;
    if (window.fetches === 0) recent.delete(channelId);
  }
}

export function onEvent(event: EventFrame): void {
  const place = event.stream.indexOf(":");
  const kind = event.stream.slice(0, place);
  const id = event.stream.slice(place + 1);
  batch(() => {
    if (kind === "c") {
      delivered.set(id, event.seq);
      recent.get(id)?.events.push(event);
      onChannelEvent(id, event);
    } else if (kind === "w") onWorkspaceEvent(id, event);
    else {
      onOwnEvent(event);
      onDeskEvent(event);
    }
  });
  keepListsSoon();
}

function onChannelEvent(channelId: Id, event: EventFrame): void {
  const channel = state.channels[channelId];
  if (channel && event.seq > channel.seq)
    setState("channels", channelId, { seq: event.seq, count: event.count });
  const timeline = state.timelines[channelId];
  if (timeline?.status === "ready") keepSoon(`c:${channelId}`);
  else if (event.type === "message.edited" || event.type === "message.deleted") keepChange(channelId, event);
  const thread = "thread_id" in event.data ? event.data.thread_id : messageIdOf(event);
  if (thread && state.threads[thread]) keepSoon(`t:${thread}`);
  if (isNotice(event) && timeline?.status === "ready" && timeline.newer === null) {
    setState("timelines", channelId, "notices", (known) => mergeNotices(known, [event]));
  }
  switch (event.type) {
    case "message.pinned":
    case "message.unpinned":
      onPinChanged(channelId);
      return;
    case "message.posted":
      setState("channels", channelId, "last_message_at", event.data.timestamp);
      onPosted(event.data.channel_id, event);
      countPosted(event);
      notifyOfPosted(event);
      return;
    case "message.edited":
    case "message.deleted":
    case "reaction.added":
    case "reaction.removed":
      if (event.type === "message.deleted") {
        countDeleted(event);
        takeBack(event.data.message_id);
      } else if (event.type === "message.edited") countEdited(event);
      onMessageChanged(event);
      if (event.type === "message.deleted" || event.type === "message.edited")
        onPinnedMessageChanged(channelId, event.data.message_id);
      return;
    default:
      onChannelChanged(event);
  }
}

function onPosted(channelId: Id, event: Extract<EventFrame, { type: "message.posted" }>): void {
  const message = event.data;
  if (message.client_msg_id && state.pending[message.client_msg_id]) dropPending(message.client_msg_id);
  const timeline = state.timelines[channelId];
  const thread = message.thread_id ? state.threads[message.thread_id] : undefined;
  const shownInChannel = isTopLevel(message) && timeline?.status === "ready" && timeline.newer === null;
  const shownInThread = thread?.status === "ready" && thread.next === null;
  if ((shownInChannel || shownInThread) && !state.messages[message.message_id]) {
    setState("messages", message.message_id, { ...message, as_of: event.seq });
  }
  if (shownInChannel) addTo("timelines", channelId, message.message_id, event.seq);
  if (message.thread_id) {
    if (shownInThread) addTo("threads", message.thread_id, message.message_id, event.seq);
    changeParent(message.thread_id, event);
    if (message.sender_id === myId()) setState("following", message.thread_id, true);
  }
}

function addTo(where: "timelines" | "threads", key: Id, id: Id, seq: number): void {
  const seqOf = (one: Id) => state.messages[one]?.seq ?? 0;
  if (where === "timelines") setState("timelines", key, "ids", (ids) => insertBySeq(ids, id, seq, seqOf));
  else setState("threads", key, "ids", (ids) => insertBySeq(ids, id, seq, seqOf));
}

function onMessageChanged(event: EventFrame): void {
  const id = messageIdOf(event);
  const message = id ? state.messages[id] : undefined;
  if (id && message && event.seq > message.as_of) {
    setState(
      "messages",
      id,
      produce((draft) => {
        applyToMessage(draft, event);
        draft.as_of = event.seq;
      }),
    );
  }
  if (event.type !== "message.deleted") return;
  structureChanged();
  if (event.data.thread_id) changeParent(event.data.thread_id, event);
}

function changeParent(id: Id, event: EventFrame): void {
  const parent = state.messages[id];
  if (!parent || event.seq <= parent.as_of) return;
  setState(
    "messages",
    id,
    produce((draft) => {
      applyToParent(draft, event);
      draft.as_of = event.seq;
    }),
  );
  if (parent.deleted) structureChanged();
}

function onChannelChanged(event: EventFrame): void {
  switch (event.type) {
    case "channel.updated": {
      const { channel_id, name, topic, purpose, posting } = event.data;
      if (state.channels[channel_id]) {
        setState("channels", channel_id, { name, topic, purpose, ...(posting ? { posting } : {}) });
      }
      return;
    }
    case "channel.archived":
    case "channel.unarchived":
      if (state.channels[event.data.channel_id]) {
        setState("channels", event.data.channel_id, "archived", event.type === "channel.archived");
      }
      return;
    case "channel.member_joined":
    case "channel.member_left": {
      const { channel_id, user_id } = event.data;
      const joined = event.type === "channel.member_joined";
      if (!state.channels[channel_id]) return;
      recountMembers(channel_id);
      if (user_id === myId()) setState("channels", channel_id, "is_member", joined);
      return;
    }
    default:
  }
}

function onWorkspaceEvent(workspaceId: Id, event: EventFrame): void {
  switch (event.type) {
    case "workspace.updated":
      setState("workspaces", workspaceId, {
        name: event.data.name,
        ...(event.data.emoji_by ? { emoji_by: event.data.emoji_by } : {}),
        ...(event.data.groups_by ? { groups_by: event.data.groups_by } : {}),
      });
      return;
    case "group.changed":
      onGroupEvent(event);
      return;
    case "emoji.added":
    case "emoji.removed":
      onEmojiEvent(event);
      return;
    case "workspace.member_joined":
    case "workspace.member_updated": {
      const { workspace_id: _, ...member } = event.data;
      putMembers(workspaceId, [member]);
      if (member.user_id === myId()) setState("workspaces", workspaceId, "role", member.role);
      return;
    }
    default:
      onChannelChanged(event);
  }
}

function onOwnEvent(event: EventFrame): void {
  switch (event.type) {
    case "membership.added":
      void joinedChannel(event.data.channel_id);
      return;
    case "membership.removed": {
      const channel = state.channels[event.data.channel_id];
      if (!channel) return;
      socket.unsubscribe([channel.stream]);
      lostChannel(channel.id);
      return;
    }
    case "notifications.preferences_changed":
    case "notifications.channel_changed":
      onWish(event);
      return;
    case "workspace.joined":
    case "workspace.left":
      void refreshWorkspaces().catch(() => undefined);
      return;
    default:
  }
}
