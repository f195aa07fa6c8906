import type { Channel, Id, Member } from "@slackclone/client";
import { batch } from "solid-js";
import { produce, unwrap } from "solid-js/store";
import { t } from "../i18n";
import { href, navigate, route } from "../router";
import { forgetChannel } from "./offline";
import { createPeople } from "./people";
import { merged } from "./reads";
import { onUnknownPerson, setState, state } from "./store";
import { toast } from "./toasts";
import { rest, socket } from "./wire";

// Whoever is shown beyond these is fetched by id, whoever is looked for by name.
const MEMBERS_LOADED_MAX = 400;

export async function loadMembers(workspaceId: Id): Promise<void> {
  const members = await rest
    .all((query) => rest.workspaces.members(workspaceId, query), MEMBERS_LOADED_MAX)
    .catch(() => []);
  putMembers(workspaceId, members);
}

onUnknownPerson(
  createPeople(
    async (workspaceId, ids) =>
      (await rest.workspaces.members(workspaceId, { ids, limit: ids.length })).results,
    putMembers,
  ),
);

/** Where not everybody is loaded: people whose name or handle has the word, put among those known. Whether any came. */
export async function findPeople(workspaceId: Id, word: string): Promise<boolean> {
  if (word === "" || Object.keys(state.members[workspaceId] ?? {}).length < MEMBERS_LOADED_MAX) return false;
  const { results } = await rest.workspaces.members(workspaceId, { q: word, limit: 20 });
  const fresh = results.filter((member) => !state.members[workspaceId]?.[member.user_id]);
  putMembers(workspaceId, fresh);
  return fresh.length > 0;
}

export function putMembers(workspaceId: Id, members: readonly Member[]): void {
  const added = Object.fromEntries(members.map((member) => [member.user_id, member]));
  setState("members", workspaceId, (known) => ({ ...known, ...added }));
}

/** An answer can be older than what the socket told meanwhile; counts only rise. */
export function putChannel(channel: Channel): void {
  const known = state.channels[channel.id];
  const newer = known !== undefined && known.seq > channel.seq;
  setState("channels", channel.id, {
    ...channel,
    ...merged(channel),
    ...(newer ? { seq: known.seq, count: known.count, last_message_at: known.last_message_at } : {}),
  });
}

export async function enterChannel(id: Id): Promise<Channel> {
  const channel = await rest.channels.get(id);
  putChannel(channel);
  socket.subscribe({ [channel.stream]: channel.seq });
  return channel;
}

export function lostChannel(channelId: Id): void {
  const channel = unwrap(state.channels)[channelId];
  if (!channel) return;
  forgetChannel(channelId);
  if (channel.kind === "public") {
    setState("channels", channelId, "is_member", false);
    return;
  }
  const shown = route().channel === channelId;
  // At once: a view that saw one without the other would fetch the channel, or lead back to it.
  batch(() => {
    setState(
      produce((draft) => {
        for (const id of draft.timelines[channelId]?.ids ?? []) delete draft.messages[id];
        delete draft.timelines[channelId];
        delete draft.channels[channelId];
      }),
    );
    if (shown) navigate(href({ workspace: channel.workspace_id }), { replace: true });
  });
  if (shown) toast(t("You are no longer in {name}.", { name: channel.name ?? "this conversation" }));
}

export async function joinedChannel(id: Id): Promise<void> {
  try {
    const channel = await rest.channels.get(id);
    putChannel(channel);
    socket.subscribe({ [channel.stream]: channel.seq });
  } catch {
    // Removed again before it could be seen.
  }
}

const RECOUNT_MS = 400;
const recounts = new Map<Id, ReturnType<typeof setTimeout>>();
const staleCounts = new Set<Id>();

/**
 * The number of members is the server's to know: its answers and its events are not of the same moment, so that counting along
 * would drift. Asked for where somebody looks, and not more often than this.
 */
export function recountMembers(channelId: Id): void {
  if (route().channel !== channelId) staleCounts.add(channelId);
  if (route().channel !== channelId || recounts.has(channelId)) return;
  const wait = RECOUNT_MS * (1 + Math.random()) * Math.sqrt(state.channels[channelId]?.member_count ?? 1);
  recounts.set(
    channelId,
    setTimeout(() => {
      recounts.delete(channelId);
      staleCounts.delete(channelId);
      if (!state.channels[channelId]) return;
      void rest.channels.get(channelId).then(putChannel, () => undefined);
    }, wait),
  );
}

/** The channel on the screen, of a window that can be seen. */
export function watchShown(): void {
  const shown = route().channel;
  socket.watch(shown && !document.hidden ? [`c:${shown}`] : []);
}

/** Somebody opened the channel. */
export function lookAt(channelId: Id): void {
  watchShown();
  if (staleCounts.has(channelId)) recountMembers(channelId);
}
