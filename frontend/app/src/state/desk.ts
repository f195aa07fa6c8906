import type { Channel, EventFrame, Id, Message, SidebarLayout } from "@slackclone/client";
import { reconcile } from "solid-js/store";
import { t } from "../i18n";
import { href, isShown, navigate } from "../router";
import { keep, kept, keptKeys } from "./local";
import { myId, setState, state } from "./store";
import { toast, toastError } from "./toasts";
import { myChannels } from "./verbs";
import { rest } from "./wire";

/* What is one's own, the same in every tab and on every device: events say what changed, then it is fetched. */

const ORIGIN = crypto.randomUUID();
const DRAFT_MS = 900;
const REFETCH_MS = 150;

export async function loadDesk(workspaceId: Id): Promise<void> {
  await Promise.all([
    loadSavedIds(workspaceId),
    loadReminders(workspaceId),
    loadScheduled(workspaceId),
    loadLayout(workspaceId),
  ]).catch(() => undefined);
}

async function loadSavedIds(workspaceId: Id): Promise<void> {
  const { ids = [] } = await rest.desk.saved(workspaceId, { limit: 1, ids: "true" });
  setState("saved", (known) => ({ ...known, ...Object.fromEntries(ids.map((id) => [id, true])) }));
}

export async function loadReminders(workspaceId: Id): Promise<void> {
  const { results } = await rest.desk.reminders(workspaceId);
  setState("reminders", workspaceId, reconcile(results, { key: "id" }));
}

export async function loadScheduled(workspaceId: Id): Promise<void> {
  const { results } = await rest.desk.scheduled(workspaceId);
  setState("scheduled", workspaceId, reconcile(results, { key: "id" }));
}

async function loadLayout(workspaceId: Id): Promise<void> {
  setState("layouts", workspaceId, reconcile(await rest.desk.sidebar(workspaceId)));
}

export const dueReminders = (workspaceId: Id): number =>
  (state.reminders[workspaceId] ?? []).filter((one) => one.due).length;

export function onDeskEvent(event: EventFrame): void {
  switch (event.type) {
    case "saved.changed":
      setState("saved", event.data.message_id, event.data.saved && !event.data.done);
      return;
    case "draft.changed":
      if (event.data.origin !== ORIGIN) later("drafts", loadDrafts);
      return;
    case "scheduled.changed": {
      const { workspace_id, state: became } = event.data;
      if (became === "failed") toast(t("A message that you scheduled could not be sent."), { kind: "error" });
      later(`scheduled:${workspace_id}`, () => loadScheduled(workspace_id));
      return;
    }
    case "reminder.changed": {
      const { workspace_id, id, state: became } = event.data;
      later(`reminders:${workspace_id}`, async () => {
        await loadReminders(workspace_id);
        if (became === "due") tellReminder(workspace_id, id);
      });
      return;
    }
    case "sidebar.changed": {
      const { workspace_id } = event.data;
      later(`sidebar:${workspace_id}`, () => loadLayout(workspace_id));
      return;
    }
    default:
  }
}

const timers = new Map<string, ReturnType<typeof setTimeout>>();

/** Many changes at once are one fetch. */
function later(what: string, run: () => Promise<void>): void {
  clearTimeout(timers.get(what));
  timers.set(
    what,
    setTimeout(() => void run().catch(() => undefined), REFETCH_MS),
  );
}

function tellReminder(workspaceId: Id, id: Id): void {
  const reminder = state.reminders[workspaceId]?.find((one) => one.id === id);
  if (!reminder) return;
  const { message_id, channel_id } = reminder;
  toast(
    reminder.text
      ? t("Reminder: {text}", { text: reminder.text })
      : t("Reminder: a message that you wanted to come back to"),
    {
      sticky: true,
      action: {
        label: message_id ? t("Open") : t("Done"),
        run: () => {
          if (message_id)
            navigate(href({ workspace: workspaceId, channel: channel_id, message: message_id }));
          void rest.desk.finish(id).catch(toastError);
        },
      },
    },
  );
}

/* ---- saved ---- */

export async function toggleSaved(message: Message): Promise<void> {
  const was = state.saved[message.message_id] ?? false;
  setState("saved", message.message_id, !was);
  try {
    await (was ? rest.desk.unsave(message.message_id) : rest.desk.save(message.message_id));
  } catch (error) {
    setState("saved", message.message_id, was);
    toastError(error);
  }
}

/* ---- stars and sections ---- */

const EMPTY: SidebarLayout = { starred: [], sections: [] };
export const layoutOf = (workspaceId: Id): SidebarLayout => state.layouts[workspaceId] ?? EMPTY;

export async function arrange(
  workspaceId: Id,
  change: (layout: SidebarLayout) => SidebarLayout,
): Promise<void> {
  const before = structuredCloneOf(layoutOf(workspaceId));
  const after = change(structuredCloneOf(before));
  setState("layouts", workspaceId, reconcile(after));
  try {
    await rest.desk.arrange(workspaceId, after);
  } catch (error) {
    setState("layouts", workspaceId, reconcile(before));
    toastError(error);
  }
}

const structuredCloneOf = (layout: SidebarLayout): SidebarLayout => JSON.parse(JSON.stringify(layout));

export const isStarred = (workspaceId: Id, channelId: Id): boolean =>
  layoutOf(workspaceId).starred.includes(channelId);

export function toggleStar(workspaceId: Id, channelId: Id): Promise<void> {
  return arrange(workspaceId, (layout) => ({
    ...layout,
    starred: layout.starred.includes(channelId)
      ? layout.starred.filter((id) => id !== channelId)
      : [...layout.starred, channelId],
  }));
}

/* ---- drafts ---- */

export const draftKey = (channelId: Id, threadId: Id | null): string => `${channelId}:${threadId ?? ""}`;
const localKey = (key: string): string => `draft:${myId()}:${key}`;
/** Drafts that the server does not know yet. */
const unsentKey = (key: string): string => `draft-unsent:${myId()}:${key}`;
/** One request after the other for each draft, so that an old text never comes after a newer one. */
const chains = new Map<string, Promise<unknown>>();
const waiting = new Map<string, ReturnType<typeof setTimeout>>();

function chain(key: string, run: () => Promise<unknown>): void {
  const next = (chains.get(key) ?? Promise.resolve()).then(run, run).catch(() => undefined);
  chains.set(key, next);
  void next.then(() => chains.get(key) === next && chains.delete(key));
}

export const draftText = (channelId: Id, threadId: Id | null): string =>
  state.drafts[draftKey(channelId, threadId)]?.text ?? kept(localKey(draftKey(channelId, threadId))) ?? "";

export function writeDraft(channelId: Id, threadId: Id | null, text: string): void {
  const key = draftKey(channelId, threadId);
  if (!text.trim()) {
    dropDraft(channelId, threadId);
    return;
  }
  if (state.drafts[key]?.text === text) return;
  setState("drafts", key, { channel_id: channelId, thread_id: threadId, text, updated_at: Date.now() });
  keep(localKey(key), text);
  keep(unsentKey(key), "1");
  clearTimeout(waiting.get(key));
  waiting.set(
    key,
    setTimeout(() => push(key), DRAFT_MS),
  );
}

function push(key: string): void {
  waiting.delete(key);
  const draft = state.drafts[key];
  if (!draft) return;
  const { channel_id, thread_id, text } = draft;
  chain(key, async () => {
    const thread = thread_id ? { thread_id } : {};
    await rest.desk.keepDraft(channel_id, { text, origin: ORIGIN, ...thread });
    if (state.drafts[key]?.text === text) keep(unsentKey(key), null);
  });
}

/** It was sent or emptied: gone here at once, and everywhere else as soon as the server hears of it. */
export function dropDraft(channelId: Id, threadId: Id | null): void {
  const key = draftKey(channelId, threadId);
  clearTimeout(waiting.get(key));
  waiting.delete(key);
  const known = state.drafts[key] !== undefined || kept(localKey(key)) !== null;
  forget(key);
  if (!known) return;
  keep(unsentKey(key), "gone");
  chain(key, async () => {
    await rest.desk.dropDraft(channelId, { origin: ORIGIN, ...(threadId ? { thread_id: threadId } : {}) });
    if (state.drafts[key] === undefined) keep(unsentKey(key), null);
  });
}

/** In this order: who reads the state reads what is kept here next. */
function forget(key: string): void {
  keep(localKey(key), null);
  setState("drafts", key, undefined as never);
}

/** What the server keeps counts, but for what it has not heard of yet. */
export async function loadDrafts(): Promise<void> {
  const { results } = await rest.desk.drafts();
  const found = new Map(results.map((draft) => [draftKey(draft.channel_id, draft.thread_id), draft]));
  const prefix = localKey("");
  const unsent = new Map(
    keptKeys(unsentKey("")).map((name) => [name.slice(unsentKey("").length), kept(name)] as const),
  );
  const local = keptKeys(prefix).map((name) => name.slice(prefix.length));
  for (const key of new Set([...found.keys(), ...local, ...Object.keys(state.drafts), ...unsent.keys()])) {
    if (waiting.has(key) || chains.has(key)) continue;
    const [channelId = "", threadId = ""] = key.split(":");
    if (!/^\d+$/.test(channelId)) {
      keep(prefix + key, null);
      continue;
    }
    const mine = kept(localKey(key));
    const theirs = found.get(key);
    if (unsent.get(key) === "gone") {
      keep(unsentKey(key), null);
      if (theirs) chain(key, () => rest.desk.dropDraft(channelId, threadId ? { thread_id: threadId } : {}));
    } else if (unsent.has(key) && mine !== null) {
      setState("drafts", key, {
        channel_id: channelId,
        thread_id: threadId || null,
        text: mine,
        updated_at: Date.now(),
      });
      push(key);
    } else if (theirs) {
      setState("drafts", key, { ...theirs });
      keep(localKey(key), theirs.text);
    } else {
      forget(key);
    }
  }
}

/** Those to be listed, newest first; not the one that is being written. */
export const listedDrafts = (workspaceId: Id) =>
  Object.values(state.drafts)
    .filter((draft) => draft && state.channels[draft.channel_id]?.workspace_id === workspaceId)
    .sort((a, b) => b.updated_at - a.updated_at);

export const hasDraft = (channelId: Id): boolean =>
  state.drafts[draftKey(channelId, null)] !== undefined && !isShown(channelId);

/** Channels of a workspace as the sidebar lists them: the starred ones, those of one's own sections, and the rest. */
export function arranged(workspaceId: Id) {
  const { rooms, direct } = myChannels(workspaceId);
  const { starred, sections } = layoutOf(workspaceId);
  const stars = new Set(starred);
  const placed = new Map(
    sections.flatMap((section) => section.channel_ids.map((id) => [id, section.id] as const)),
  );
  const free = (channel: Channel) => !stars.has(channel.id) && !placed.has(channel.id);
  const all = [...rooms, ...direct];
  const inSections = new Map<string, Channel[]>();
  for (const channel of all) {
    const section = placed.get(channel.id);
    if (section === undefined || stars.has(channel.id)) continue;
    inSections.set(section, [...(inSections.get(section) ?? []), channel]);
  }
  const at = (channel: Channel) => starred.indexOf(channel.id);
  return {
    starred: all.filter((channel) => stars.has(channel.id)).sort((a, b) => at(a) - at(b)),
    sections: inSections,
    rooms: rooms.filter(free),
    direct: direct.filter(free),
  };
}

/** The same as one list, from top to bottom. */
export function inOrder(workspaceId: Id): Channel[] {
  const { starred, sections, rooms, direct } = arranged(workspaceId);
  const placed = layoutOf(workspaceId).sections.flatMap((section) => sections.get(section.id) ?? []);
  return [...starred, ...placed, ...rooms, ...direct];
}
