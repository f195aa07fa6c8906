import type { EventFrame, HistoryPage, Id, Message } from "@slackclone/client";
import { batch } from "solid-js";
import { produce, unwrap } from "solid-js/store";
import {
  applyToMessage,
  applyToParent,
  insertBySeq,
  isNotice,
  isTopLevel,
  mergeNotices,
  messageIdOf,
} from "./apply";
import { deliveredSeq, fetching } from "./events";
import {
  type Fresh,
  isOffline,
  keepSoon,
  putRight,
  restoreChannel,
  restoreThread,
  takeRestored,
} from "./offline";
import { dropPending } from "./outgoing";
import { onResyncOfMessages, whenBack } from "./session";
import { type Known, setState, state, type Timeline } from "./store";
import { toastError } from "./toasts";
import { rest } from "./wire";

const PAGE = 50;
/** What a channel that nobody looks at keeps. */
const KEPT_UNSEEN = 120;
const KEPT_SEEN = 300;
const TIMELINES_KEPT = 12;

const visited: Id[] = [];

/** Opens a channel at its end, or around a message. What is loaded and reaches the wanted place stays. */
export async function openTimeline(channelId: Id, around: Id | null): Promise<void> {
  remember(channelId);
  const known = state.timelines[channelId];
  keepSoon(`c:${channelId}`);
  if (known?.status === "ready" && (around ? known.ids.includes(around) : known.newer === null)) return;
  if (isOffline() && (await restoreChannel(channelId))) return;
  await load(channelId, around);
}

/** `quietly`: what is there stays on the screen until the answer comes. */
async function load(channelId: Id, around: Id | null, quietly = false): Promise<void> {
  if (!quietly)
    setState("timelines", channelId, {
      ids: [],
      status: "loading",
      older: null,
      newer: null,
      busy: null,
      seq: 0,
      notices: [],
    });
  try {
    await fetching(
      channelId,
      () => rest.channels.history(channelId, { limit: PAGE, notices: "true", ...(around ? { around } : {}) }),
      (page, events) => {
        merge(channelId, page, events, () => ({
          ids: idsOf(page),
          status: "ready",
          older: page.cursors.older,
          newer: page.cursors.newer,
          busy: null,
          seq: page.seq,
          notices: page.notices ?? [],
        }));
      },
    );
  } catch (error) {
    if (state.connection.name !== "open" && (await restoreChannel(channelId))) return;
    setState("timelines", channelId, "status", "error");
    toastError(error);
  }
}

export const reloadTimeline = (channelId: Id): Promise<void> => load(channelId, null);

export async function loadOlder(channelId: Id): Promise<void> {
  const timeline = state.timelines[channelId];
  if (timeline?.status !== "ready" || !timeline.older || timeline.busy || isOffline()) return;
  await extend(channelId, "older", timeline.older);
}

export async function loadNewer(channelId: Id): Promise<void> {
  const timeline = state.timelines[channelId];
  if (timeline?.status !== "ready" || !timeline.newer || timeline.busy) return;
  await extend(channelId, "newer", timeline.newer);
}

async function extend(channelId: Id, side: "older" | "newer", cursor: string): Promise<void> {
  setState("timelines", channelId, "busy", side);
  try {
    await fetching(
      channelId,
      () =>
        rest.channels.history(channelId, {
          limit: PAGE,
          notices: "true",
          [side === "older" ? "before" : "after"]: cursor,
        }),
      (page, events) => {
        // The run may have been replaced while the answer was on its way.
        if (state.timelines[channelId]?.[side] !== cursor) return;
        merge(channelId, page, events, (run) => {
          const known = new Set(run.ids);
          const added = idsOf(page).filter((id) => !known.has(id));
          return {
            ids: side === "older" ? [...added, ...run.ids] : [...run.ids, ...added],
            [side]: page.cursors[side],
            seq: Math.max(run.seq, page.seq),
            notices: mergeNotices(run.notices, page.notices ?? []),
          };
        });
      },
    );
  } catch (error) {
    toastError(error);
  } finally {
    if (state.timelines[channelId]) setState("timelines", channelId, "busy", null);
  }
}

const idsOf = (page: HistoryPage): Id[] => page.results.map((message) => message.message_id).reverse();

/** Takes a page in, and what happened after its seq while it was on its way. */
function merge(
  channelId: Id,
  page: HistoryPage,
  events: readonly EventFrame[],
  change: (run: Timeline) => Partial<Timeline>,
): void {
  const later = events.filter((event) => event.seq > page.seq);
  batch(() => {
    for (const message of page.results) {
      const known = state.messages[message.message_id];
      if (!known || known.as_of < page.seq) putMessage(channelId, message, page.seq, later);
      if (message.client_msg_id && state.pending[message.client_msg_id]) dropPending(message.client_msg_id);
    }
    const run = state.timelines[channelId];
    if (!run) return;
    keepSoon(`c:${channelId}`);
    setState("timelines", channelId, change(run));
    if (state.timelines[channelId]?.newer === null) {
      const told = later.filter(isNotice);
      setState("timelines", channelId, "notices", (known) => mergeNotices(known, told));
    }
    for (const event of later) {
      if (event.type !== "message.posted" || !isTopLevel(event.data)) continue;
      if (state.timelines[channelId]?.newer !== null) continue;
      const { message_id } = event.data;
      if (!state.messages[message_id]) putMessage(channelId, event.data, event.seq, later);
      setState("timelines", channelId, "ids", (ids) =>
        insertBySeq(ids, message_id, event.seq, (id) => state.messages[id]?.seq ?? 0),
      );
    }
  });
}

/** Keeps a message as it was at `seq`, brought up to now by the events that were handed on meanwhile. */
function putMessage(channelId: Id, message: Message, seq: number, events: readonly EventFrame[]): void {
  const copy: Known = { ...structuredClone(unwrap(message)), as_of: Math.max(seq, deliveredSeq(channelId)) };
  for (const event of events) {
    if (event.seq <= seq) continue;
    if (messageIdOf(event) === message.message_id) applyToMessage(copy, event);
    if ("thread_id" in event.data && event.data.thread_id === message.message_id) applyToParent(copy, event);
  }
  setState("messages", message.message_id, copy);
}

/** Keeps memory flat: channels not visited for long go, and the others keep their newest messages. */
function remember(channelId: Id): void {
  const at = visited.indexOf(channelId);
  if (at >= 0) visited.splice(at, 1);
  const previous = visited.at(-1);
  visited.push(channelId);
  if (previous) trim(previous, KEPT_UNSEEN);
  while (visited.length > TIMELINES_KEPT) {
    const dropped = visited.shift();
    if (dropped) trim(dropped, 0);
  }
}

/** For a channel that is looked at for long at its end. */
export function trimStart(channelId: Id): void {
  const timeline = state.timelines[channelId];
  if (timeline && timeline.newer === null && timeline.ids.length > KEPT_SEEN * 2) trim(channelId, KEPT_SEEN);
}

function trim(channelId: Id, keep: number): void {
  const timeline = state.timelines[channelId];
  if (timeline?.status !== "ready" || timeline.busy || timeline.ids.length <= keep) return;
  setState(
    produce((draft) => {
      const run = draft.timelines[channelId];
      if (!run) return;
      const kept = keep > 0 && run.newer === null ? run.ids.slice(-keep) : [];
      const inThreads = new Set(
        Object.entries(draft.threads).flatMap(([parent, thread]) => [parent, ...thread.ids]),
      );
      for (const id of run.ids.slice(0, run.ids.length - kept.length)) {
        if (!inThreads.has(id)) delete draft.messages[id];
      }
      const first = kept[0];
      // A message id is a cursor too.
      const from = first ? (draft.messages[first]?.seq ?? 0) : 0;
      const notices = run.notices.filter((event) => event.seq > from);
      if (first) Object.assign(run, { ids: kept, older: first, notices });
      else delete draft.timelines[channelId];
    }),
  );
}

onResyncOfMessages(async (channelId) => {
  const openThreads = Object.keys(state.threads).filter((id) => state.messages[id]?.channel_id === channelId);
  if (state.timelines[channelId]) await load(channelId, null);
  await Promise.all(openThreads.map((id) => loadThread(channelId, id)));
});

/* ---- threads ---- */

export async function openThread(channelId: Id, parentId: Id): Promise<void> {
  keepSoon(`t:${parentId}`);
  if (state.threads[parentId]?.status === "ready") return;
  if (isOffline() && (await restoreThread(parentId))) return;
  await loadThread(channelId, parentId);
}

export async function loadThread(channelId: Id, parentId: Id, anew = false): Promise<void> {
  setState("threads", parentId, { ids: state.threads[parentId]?.ids ?? [], status: "loading", next: null });
  await extendThread(channelId, parentId, undefined, anew);
}

export async function loadMoreReplies(channelId: Id, parentId: Id): Promise<void> {
  const thread = state.threads[parentId];
  if (thread?.status === "ready" && thread.next) await extendThread(channelId, parentId, thread.next);
}

async function extendThread(
  channelId: Id,
  parentId: Id,
  cursor: string | undefined,
  anew = false,
): Promise<void> {
  try {
    await fetching(
      channelId,
      () => rest.messages.replies(parentId, { limit: 100, ...(cursor ? { cursor } : {}) }),
      (page, events) => {
        // This answer names no seq. It is at least as new as what was handed on before it was asked for.
        if (!state.messages[parentId] || anew)
          putMessage(channelId, page.parent, deliveredSeq(channelId), []);
        setState("following", parentId, page.following);
        for (const reply of page.results) putMessage(channelId, reply, 0, events);
        const listed = page.results.map((reply) => reply.message_id);
        setState("threads", parentId, (thread) => ({
          ids: cursor ? [...thread.ids, ...listed.filter((id) => !thread.ids.includes(id))] : listed,
          status: "ready" as const,
          next: page.next_cursor,
        }));
        keepSoon(`t:${parentId}`);
        if (page.next_cursor !== null) return;
        for (const event of events) {
          if (event.type !== "message.posted" || event.data.thread_id !== parentId) continue;
          const { message_id } = event.data;
          if (!state.messages[message_id]) putMessage(channelId, event.data, event.seq, events);
          setState("threads", parentId, "ids", (ids) =>
            insertBySeq(ids, message_id, event.seq, (id) => state.messages[id]?.seq ?? 0),
          );
        }
      },
    );
  } catch (error) {
    if (state.connection.name !== "open" && !cursor && (await restoreThread(parentId))) return;
    setState("threads", parentId, "status", "error");
    toastError(error);
  }
}

/* ---- after a time without a connection ---- */

function reloadRestored(): void {
  const { channels, threads } = takeRestored();
  const failed = Object.keys(state.timelines).filter((id) => state.timelines[id]?.status === "error");
  for (const id of [...channels, ...failed])
    if (state.channels[id]) void load(id, null, channels.includes(id));
  for (const id of threads) {
    const channelId = state.messages[id]?.channel_id;
    if (channelId) void loadThread(channelId, id, true);
  }
}

async function freshView(key: string, channelId: Id): Promise<Fresh> {
  const known = (seq: number) => (message: Message) => ({ ...message, as_of: seq });
  if (key.startsWith("t:")) {
    const seq = state.channels[channelId]?.seq ?? 0;
    const { parent, results } = await rest.messages.replies(key.slice(2), { limit: 100 });
    const ids = results.map((one) => one.message_id);
    return { seq, view: { ids, messages: results.map(known(0)), parent: known(0)(parent) } };
  }
  const page = await rest.channels.history(channelId, { limit: PAGE, notices: "true" });
  const { results, cursors, notices, seq } = page;
  const messages = results.map(known(seq)).reverse();
  return { seq, view: { ids: idsOf(page), messages, older: cursors.older, notices: notices ?? [] } };
}

whenBack(() => {
  reloadRestored();
  void putRight(freshView);
}, reloadRestored);

/* ---- followed threads ---- */

export async function loadFollowed(workspaceId: Id, more = false): Promise<void> {
  const cursor = more ? state.followed[workspaceId]?.next : null;
  if (more && !cursor) return;
  if (!more) setState("followed", workspaceId, { items: [], status: "loading", next: null });
  try {
    const page = await rest.workspaces.threads(workspaceId, cursor ? { cursor } : {});
    batch(() => {
      for (const { parent } of page.results) {
        setState("following", parent.message_id, true);
        if (!state.messages[parent.message_id]) putMessage(parent.channel_id, parent, 0, []);
      }
      setState("followed", workspaceId, (known) => ({
        items: more ? [...known.items, ...page.results] : page.results,
        status: "ready" as const,
        next: page.next_cursor,
      }));
    });
  } catch (error) {
    setState("followed", workspaceId, "status", "error");
    toastError(error);
  }
}

/* ---- messages beside a timeline ---- */

/** Keeps messages of an answer that names no seq, where they are not known better. */
export function showMessages(messages: readonly Message[]): void {
  batch(() => {
    for (const message of messages) {
      if (!state.messages[message.message_id]) putMessage(message.channel_id, message, 0, []);
    }
  });
}

/** Ids of the first unread messages of others after place `n`, oldest first, as far as they lie in the newest 200. */
export async function unreadMessages(channelId: Id, n: number, limit: number): Promise<Id[]> {
  let found: Id[] = [];
  await fetching(
    channelId,
    () => rest.channels.history(channelId, { limit: 200 }),
    (page, events) => {
      const unread = page.results.filter((message) => message.n > n).reverse();
      found = unread.slice(0, limit).map((message) => message.message_id);
      const later = events.filter((event) => event.seq > page.seq);
      for (const message of unread.slice(0, limit)) {
        if (!state.messages[message.message_id]) putMessage(channelId, message, page.seq, later);
      }
    },
  );
  return found;
}
