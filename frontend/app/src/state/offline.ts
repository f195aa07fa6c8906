import type { Channel, EventFrame, Id, Member, SidebarLayout, User, Workspace } from "@slackclone/client";
import { batch, createSignal } from "solid-js";
import { unwrap } from "solid-js/store";
import { route } from "../router";
import { applyToMessage, messageIdOf } from "./apply";
import { dropKept, Kept } from "./kept";
import { keep, kept as noted } from "./local";
import { type Known, setState, state, type ThreadRead } from "./store";
import { dropShell } from "./worker";

/*
 * Reading without a network: what was looked at is kept (kept.ts), shown when the server can't be reached, and put right when
 * it can be again.
 */

const MESSAGES_KEPT = 100;
const WRITE_AFTER_MS = 3000;
const LISTS_AFTER_MS = 20_000;
/** On coming back so many views of those that fell behind are fetched anew, one after the other; the others go. */
const REFRESHED_MAX = 20;
const REFRESH_EVERY_MS = 1500;

interface Lists {
  me: User;
  at: number;
  workspaces: Workspace[];
  channels: Channel[];
  members: Record<Id, Record<Id, Member>>;
  layouts: Record<Id, SidebarLayout>;
  threadReads: Record<Id, ThreadRead>;
}

export interface ChannelView {
  ids: Id[];
  messages: Known[];
  older: string | null;
  notices: EventFrame[];
}

export interface ThreadView {
  ids: Id[];
  messages: Known[];
  parent: Known;
}

/** Since when there is no connection; null while there is one, or before the first. */
const [offlineSince, setOfflineSince] = createSignal<number | null>(null);

export { offlineSince };

let store: Kept | null = null;
/** Views on the screen, or behind it, that came from the store and may be behind. */
const restored = new Set<string>();
const dirty = new Set<string>();
let writing: ReturnType<typeof setTimeout> | undefined;
let listing: ReturnType<typeof setTimeout> | undefined;
let listed = false;

/** Whether to look here first: asking the server would only take time. */
export const isOffline = (): boolean => offlineSince() !== null;
export const isRestored = (key: string): boolean => restored.has(key);
export const lastAccount = (): Id | null => noted("account");

export async function keepFor(userId: Id): Promise<void> {
  keep("account", userId);
  try {
    store = await Kept.open(userId);
    await dropKept(userId);
    const old = [...store.seen.values()].filter((one) => Date.now() - one.seen_at > 30 * 86_400_000);
    await store.forget(old.map((one) => one.key));
  } catch {
    store = null; // forbidden, or no room: then there is nothing to read without a network
  }
}

/** The client as it was when this person last had a connection here. Whether there is anything. */
export async function restoreLists(): Promise<User | null> {
  const lists = await store?.note<Lists>("lists");
  if (!lists) return null;
  batch(() => {
    setState({
      me: lists.me,
      workspaces: Object.fromEntries(lists.workspaces.map((one) => [one.id, one])),
      workspaceIds: lists.workspaces.map((one) => one.id),
      loaded: Object.fromEntries(lists.workspaces.map((one) => [one.id, true])),
      channels: Object.fromEntries(lists.channels.map((one) => [one.id, one])),
      members: lists.members,
      layouts: lists.layouts,
      threadReads: lists.threadReads,
    });
    setOfflineSince(lists.at);
  });
  return lists.me;
}

export function connectionIs(open: boolean): void {
  if (open) setOfflineSince(null);
  else if (state.everOpen && offlineSince() === null) {
    setOfflineSince(Date.now());
    void writeLists();
  }
}

/* ---- writing ---- */

/** Something of the view changed, or it was looked at. */
export function keepSoon(key: string): void {
  if (!store) return;
  dirty.add(key);
  writing ??= setTimeout(() => whenIdle(() => void writeDirty()), WRITE_AFTER_MS);
}

export function keepListsSoon(): void {
  if (!store) return;
  listing ??= setTimeout(() => whenIdle(() => void writeLists()), listed ? LISTS_AFTER_MS : WRITE_AFTER_MS);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  void writeDirty();
  void writeLists();
});

function whenIdle(run: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 5000 });
  else run();
}

async function writeDirty(): Promise<void> {
  clearTimeout(writing);
  writing = undefined;
  const keys = [...dirty];
  dirty.clear();
  for (const key of keys) {
    try {
      await (key.startsWith("c:") ? writeChannel(key.slice(2)) : writeThread(key.slice(2)));
    } catch {
      return; // no room, or another tab signed out
    }
  }
}

async function writeChannel(id: Id): Promise<void> {
  const { timelines, messages, channels } = unwrap(state);
  const run = timelines[id];
  const channel = channels[id];
  const key = `c:${id}`;
  if (!store || !channel?.is_member || run?.status !== "ready" || run.newer !== null || restored.has(key))
    return;
  const ids = run.ids.slice(-MESSAGES_KEPT);
  const found = ids.map((one) => messages[one]).filter((one): one is Known => one !== undefined);
  const first = found[0];
  const view: ChannelView = {
    ids: found.map((one) => one.message_id),
    messages: found,
    older: ids.length < run.ids.length ? (first?.message_id ?? run.older) : run.older,
    notices: run.notices.filter((event) => event.seq > (ids.length < run.ids.length ? (first?.seq ?? 0) : 0)),
  };
  await store.put(key, id, seenAt(key, route().channel === id), Math.max(run.seq, channel.seq ?? 0), view);
}

async function writeThread(id: Id): Promise<void> {
  const { threads, messages, channels } = unwrap(state);
  const thread = threads[id];
  const parent = messages[id];
  const key = `t:${id}`;
  if (!store || !parent || thread?.status !== "ready" || restored.has(key)) return;
  const found = thread.ids
    .slice(-MESSAGES_KEPT)
    .map((one) => messages[one])
    .filter((one): one is Known => one !== undefined);
  const view: ThreadView = { ids: found.map((one) => one.message_id), messages: found, parent };
  const seq = channels[parent.channel_id]?.seq ?? 0;
  await store.put(key, parent.channel_id, seenAt(key, route().thread === id), seq, view);
}

const seenAt = (key: string, shown: boolean): number =>
  shown ? Date.now() : (store?.seen.get(key)?.seen_at ?? Date.now());

async function writeLists(): Promise<void> {
  clearTimeout(listing);
  listing = undefined;
  const { me, workspaces, workspaceIds, channels, members, layouts, threadReads, boot } = unwrap(state);
  if (!store || !me || boot !== "ready" || offlineSince() !== null) return;
  const lists: Lists = {
    me,
    at: Date.now(),
    workspaces: workspaceIds.map((id) => workspaces[id]).filter((one): one is Workspace => one !== undefined),
    channels: Object.values(channels).filter((one) => one.is_member),
    members,
    layouts,
    threadReads,
  };
  listed = true;
  await store.setNote("lists", lists).catch(() => undefined);
}

/** A message was changed in a channel that is kept but not in memory. */
export function keepChange(channelId: Id, event: EventFrame): void {
  const key = `c:${channelId}`;
  if (!store?.seen.has(key) || state.timelines[channelId]?.status === "ready") return;
  changes = changes.then(() => change(key, event)).catch(() => undefined);
}

let changes = Promise.resolve();

async function change(key: string, event: EventFrame): Promise<void> {
  const view = await store?.view<ChannelView>(key);
  const seen = store?.seen.get(key);
  const message = view?.messages.find((one) => one.message_id === messageIdOf(event));
  if (!store || !view || !seen || !message) return;
  applyToMessage(message, event);
  await store.put(key, seen.channel_id, seen.seen_at, seen.seq, view);
}

/* ---- reading ---- */

/** Shows what is kept of the channel. Whether there was anything. */
export async function restoreChannel(channelId: Id): Promise<boolean> {
  const key = `c:${channelId}`;
  const view = await store?.view<ChannelView>(key).catch(() => null);
  if (!view || !state.channels[channelId]) return false;
  restored.add(key);
  batch(() => {
    for (const message of view.messages) putUnknown(message);
    setState("timelines", channelId, {
      ids: view.ids,
      status: "ready",
      older: view.older,
      newer: null,
      busy: null,
      seq: store?.seen.get(key)?.seq ?? 0,
      notices: view.notices,
    });
  });
  return true;
}

export async function restoreThread(parentId: Id): Promise<boolean> {
  const key = `t:${parentId}`;
  const view = await store?.view<ThreadView>(key).catch(() => null);
  if (!view) return false;
  restored.add(key);
  batch(() => {
    for (const message of [view.parent, ...view.messages]) putUnknown(message);
    setState("threads", parentId, { ids: view.ids, status: "ready", next: null });
  });
  return true;
}

function putUnknown(message: Known): void {
  if (!state.messages[message.message_id]) setState("messages", message.message_id, message);
}

/* ---- putting right ---- */

/** What is shown from the store, to be fetched anew now. */
export function takeRestored(): { channels: Id[]; threads: Id[] } {
  const all = [...restored];
  restored.clear();
  const of = (kind: string) => all.filter((key) => key.startsWith(kind)).map((key) => key.slice(2));
  return { channels: of("c:"), threads: of("t:") };
}

/** A view as the server has it now. */
export type Fresh = { seq: number; view: ChannelView | ThreadView };

/**
 * There is a connection, and the lists are right: what is kept of channels that are lost goes; of what fell behind, the views
 * looked at last are fetched anew and the others go. So nobody reads here tomorrow what was deleted today.
 */
export async function putRight(fetchView: (key: string, channelId: Id) => Promise<Fresh>): Promise<void> {
  if (!store) return;
  const all = [...store.seen.values()];
  const lost = all.filter((one) => !mayRead(one.channel_id));
  const behind = all
    .filter((one) => mayRead(one.channel_id) && (state.channels[one.channel_id]?.seq ?? 0) > one.seq)
    .filter((one) => !isLoaded(one.key))
    .sort((a, b) => b.seen_at - a.seen_at);
  await store.forget([...lost, ...behind.slice(REFRESHED_MAX)].map((one) => one.key));
  for (const one of behind.slice(0, REFRESHED_MAX)) {
    await new Promise((resolve) => setTimeout(resolve, REFRESH_EVERY_MS * (0.5 + Math.random())));
    if (isOffline() || !store) return;
    if (isLoaded(one.key) || !store.seen.has(one.key)) continue;
    try {
      const { seq, view } = await fetchView(one.key, one.channel_id);
      await store.put(one.key, one.channel_id, one.seen_at, seq, view);
    } catch {
      await store.forget([one.key]);
    }
  }
}

const isLoaded = (key: string): boolean =>
  (key.startsWith("c:") ? state.timelines : state.threads)[key.slice(2)]?.status === "ready";

const mayRead = (channelId: Id): boolean => state.channels[channelId]?.is_member === true;

/** The right to read the channel was lost. */
export function forgetChannel(channelId: Id): void {
  if (!store) return;
  const keys = [...store.seen.values()].filter((one) => one.channel_id === channelId).map((one) => one.key);
  void store
    .forget(keys)
    .then(writeLists)
    .catch(() => undefined);
}

/** Signed out, here or by the server. */
export async function forgetEverything(): Promise<void> {
  store?.close();
  store = null;
  keep("account", null);
  await dropKept().catch(() => undefined);
  await dropShell().catch(() => undefined);
}
