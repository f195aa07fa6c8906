import { type Channel, type Id, type Message, OutboxFullError } from "@slackclone/client";
import { produce } from "solid-js/store";
import { t } from "../i18n";
import { href, leaveTo, navigate, route } from "../router";
import { applyToMessage } from "./apply";
import { enterChannel, putChannel } from "./channels";
import { isDirect, myId, setState, state } from "./store";
import { toast, toastError } from "./toasts";
import { setDrawer } from "./ui";
import { rest, socket } from "./wire";

/* What a person does, each with its way back when the server says no. */

export function sendMessage(message: {
  channel_id: Id;
  text: string;
  thread_id?: Id;
  also_in_channel?: boolean;
  file_ids?: Id[];
  file_names?: string[];
}): boolean {
  try {
    socket.send(message);
    return true;
  } catch (error) {
    if (!(error instanceof OutboxFullError)) throw error;
    toast(t("Too many messages are waiting to be sent. Please wait for the connection."), { kind: "error" });
    return false;
  }
}

export async function toggleReaction(message: Message, picked: string, on?: boolean): Promise<void> {
  const emoji = picked.replace(/^:(.+):$/, "$1");
  const has = message.reactions.some((r) => r.emoji === emoji && r.user_ids.includes(myId()));
  const want = on ?? !has;
  if (want === has) return;
  const show = (shown: boolean) => {
    if (!state.messages[message.message_id]) return;
    const data = {
      message_id: message.message_id,
      channel_id: message.channel_id,
      thread_id: message.thread_id,
      emoji,
      user_id: myId(),
    };
    const event = { t: "event", stream: "", seq: 0, count: 0, actor_id: myId(), timestamp: 0 } as const;
    setState(
      "messages",
      message.message_id,
      produce((draft) =>
        applyToMessage(draft, { ...event, type: shown ? "reaction.added" : "reaction.removed", data }),
      ),
    );
  };
  show(want);
  try {
    await (want
      ? rest.messages.react(message.message_id, emoji)
      : rest.messages.unreact(message.message_id, emoji));
  } catch (error) {
    show(!want);
    toastError(error);
  }
}

export async function editMessage(message: Message, text: string): Promise<boolean> {
  try {
    const edited = await rest.messages.edit(message.message_id, text);
    if (state.messages[message.message_id]) {
      const { text: now, html, mentions, edited_at } = edited;
      setState("messages", message.message_id, { text: now, html, mentions, edited_at });
    }
    return true;
  } catch (error) {
    toastError(error);
    return false;
  }
}

export async function deleteMessage(messageId: Id): Promise<void> {
  await rest.messages.delete(messageId);
}

export async function setFollowing(messageId: Id, on: boolean): Promise<void> {
  setState("following", messageId, on);
  try {
    await (on ? rest.messages.follow(messageId) : rest.messages.unfollow(messageId));
  } catch (error) {
    setState("following", messageId, !on);
    toastError(error);
  }
}

export function goTo(channel: Channel, message?: Id, thread?: Id | null): void {
  setDrawer(false);
  navigate(href({ workspace: channel.workspace_id, channel: channel.id, message, thread }));
}

export async function joinChannel(channel: Channel): Promise<void> {
  const joined = await rest.channels.join(channel.id);
  putChannel(joined);
  socket.subscribe({ [joined.stream]: joined.seq });
}

export async function leaveChannel(channel: Channel): Promise<void> {
  await rest.channels.leave(channel.id);
  if (state.channels[channel.id]) setState("channels", channel.id, "is_member", false);
  if (route().channel === channel.id) navigate(href({ workspace: channel.workspace_id }));
}

export async function openDirect(workspaceId: Id, userIds: readonly Id[]): Promise<Channel> {
  const others = userIds.filter((id) => id !== myId());
  const channel = await rest.workspaces.createChannel(workspaceId, {
    kind: others.length > 1 ? "group_dm" : "dm",
    members: others.length > 0 ? others : [myId()],
  });
  putChannel(channel);
  socket.subscribe({ [channel.stream]: channel.seq });
  goTo(channel);
  return channel;
}

export async function visitChannel(id: Id): Promise<Channel | null> {
  try {
    return await enterChannel(id);
  } catch (error) {
    toastError(error);
    return null;
  }
}

export function threadLink(message: Message): string {
  const channel = state.channels[message.channel_id];
  const parent = message.thread_id ?? message.message_id;
  const current = route();
  return href({
    workspace: channel?.workspace_id ?? current.workspace ?? "",
    ...(current.view === "threads" ? { view: "threads" as const } : { channel: message.channel_id }),
    thread: parent,
  });
}

export function openThreadOf(message: Message): void {
  navigate(threadLink(message));
}

export function closeThread(): void {
  const { workspace, channel, view } = route();
  if (!workspace) return;
  leaveTo(href({ workspace, channel, ...(view === "threads" ? { view: "threads" as const } : {}) }));
}

export async function copyLink(message: Message): Promise<void> {
  const channel = state.channels[message.channel_id];
  if (!channel) return;
  const place =
    message.thread_id && !message.also_in_channel
      ? { message: message.message_id, thread: message.thread_id }
      : { message: message.message_id };
  await copyText(location.origin + href({ workspace: channel.workspace_id, channel: channel.id, ...place }));
  toast(t("Link copied."));
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context there is no clipboard API.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** Channels of a workspace as the sidebar lists them. */
export function myChannels(workspaceId: Id): { rooms: Channel[]; direct: Channel[] } {
  const mine = Object.values(state.channels).filter((c) => c.workspace_id === workspaceId && c.is_member);
  const rooms = mine.filter((c) => !isDirect(c) && !c.archived);
  const direct = mine.filter(isDirect);
  rooms.sort((a, b) => (a.name ?? "").localeCompare(b.name ?? ""));
  direct.sort((a, b) => (b.last_message_at ?? b.created_at) - (a.last_message_at ?? a.created_at));
  return { rooms, direct };
}
