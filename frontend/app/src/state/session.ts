import {
  ApiError,
  type Channel,
  CLOSE,
  type EventFrame,
  type Id,
  type Member,
  type OutboxEntry,
  RestClient,
  SocketClient,
  type Workspace,
} from "@slackclone/client";
import { batch } from "solid-js";
import { produce, reconcile, unwrap } from "solid-js/store";
import { forgetCanvases } from "../canvas/kept";
import { t } from "../i18n";
import { href, navigate, route } from "../router";
import {
  applyToMessage,
  applyToParent,
  insertBySeq,
  isNotice,
  isTopLevel,
  mergeNotices,
  messageIdOf,
} from "./apply";
import { loadDesk, loadDrafts, onDeskEvent } from "./desk";
import { loadGroups, onGroupEvent } from "./groups";
import { forgetAll } from "./local";
import { loadWishes, notifyOfPosted, onWish, renewPush, takeBack } from "./notify";
import {
  connectionIs,
  forgetChannel,
  forgetEverything,
  keepChange,
  keepFor,
  keepListsSoon,
  keepSoon,
  lastAccount,
  restoreLists,
} from "./offline";
import { outboxStorage } from "./outbox-storage";
import { loadOwnEmoji, onEmojiEvent } from "./ownEmoji";
import { createPacer } from "./pace";
import { createPeople } from "./people";
import { onPinChanged, onPinnedMessageChanged } from "./pins";
import {
  countDeleted,
  countEdited,
  countHead,
  countPosted,
  merged,
  onSignal,
  refreshUnreads,
  sendNow,
} from "./reads";
import { myId, onUnknownPerson, type Pending, setState, state, structureChanged } from "./store";
import { toast } from "./toasts";
import { lookForNewVersion } from "./worker";

// Whoever is shown beyond these is fetched by id, whoever is looked for by name.
const MEMBERS_LOADED_MAX = 400;
const SUBSCRIBED_DEADLINE_MS = 1000;
const UNSEEN_RESYNC_MS = 5000;

export const rest = new RestClient();
export let socket: SocketClient;

/* ---- start ---- */

/** Where something is kept to be shown at once, nobody looks at an empty page for longer than this. */
const PATIENCE_MS = 4000;
const AGAIN_MS = 5000;

export async function start(): Promise<void> {
  const account = lastAccount();
  const opening = account ? keepFor(account) : Promise.resolve();
  try {
    const me = await (account ? within(rest.me.get(), PATIENCE_MS) : rest.me.get());
    setState("me", me);
    connect(me.id);
    if (me.id !== account) void opening.then(() => keepFor(me.id));
    await arrive(me.id);
    setState("boot", "ready");
    await opening;
    onArrival();
  } catch (error) {
    if (error instanceof ApiError && error.code === "unauthenticated") await signedOut();
    else {
      await opening;
      if (!(await startFromKept(account))) setState("boot", "error");
    }
  }
}

/** Without a network: what this person read here before. The rest follows with the connection. */
async function startFromKept(account: Id | null): Promise<boolean> {
  if (!account || (state.me && state.me.id !== account)) return false;
  const me = await restoreLists();
  if (me?.id !== account) return false;
  comingBack = true;
  if (!socket) connect(account);
  setState("boot", "ready");
  void comeBack();
  return true;
}

/** Whether the page was opened without a connection and has not had one since. */
let comingBack = false;

async function comeBack(): Promise<void> {
  if (!comingBack || state.connection.name !== "open") return;
  comingBack = false;
  try {
    setState("me", await rest.me.get());
    await arrive(myId());
    onArrival();
  } catch (error) {
    if (error instanceof ApiError && error.code === "unauthenticated") return signedOut();
    comingBack = true;
    setTimeout(() => void comeBack(), AGAIN_MS);
  }
}

async function arrive(userId: Id): Promise<void> {
  await followOneself(userId);
  await refreshWorkspaces();
  void loadDrafts().catch(() => undefined);
  void renewPush().catch(() => undefined);
}

let onArrival: () => void = () => undefined;
let onReturn: () => void = () => undefined;
/** The timelines tell how what was shown without a connection is put right: with fresh lists, or after a mere interruption. */
export function whenBack(arrived: () => void, returned: () => void): void {
  onArrival = arrived;
  onReturn = returned;
}

function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new ApiError("timeout", "The server did not answer in time.")), ms);
  });
  return Promise.race([answer, late]);
}

function connect(userId: Id): void {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new SocketClient({
    url: `${scheme}//${location.host}/v1/socket`,
    userId,
    storage: outboxStorage(userId),
    batch,
    urgent: ({ stream }) => {
      const kind = state.channels[stream.slice(2)]?.kind;
      return kind === "dm" || kind === "group_dm";
    },
  });
  const events = createPacer<EventFrame>((frames) => batch(() => frames.forEach(onEvent)));
  /** Whatever else the socket tells comes after the events before it. */
  const inOrder =
    <T>(take: (told: T) => void) =>
    (told: T) => {
      events.flush();
      take(told);
    };
  socket.on("state", (connection) => {
    setState("connection", reconcile(connection));
    connectionIs(connection.name === "open");
    if (connection.name === "open") {
      if (comingBack) void comeBack();
      else if (state.everOpen) {
        onReturn();
        lookForNewVersion();
      }
      // What other tabs read meanwhile was told by signals, and those are lost.
      if (state.everOpen) for (const id of state.workspaceIds) void refreshUnreads(id).catch(() => undefined);
      setState("everOpen", true);
      sendNow();
    }
    if (connection.name !== "closed") return;
    if (connection.code === CLOSE.unauthenticated || connection.code === CLOSE.revoked) void signedOut();
  });
  socket.on("event", events.add);
  socket.on("signal", inOrder(onSignal));
  socket.on(
    "resync",
    inOrder(({ stream }) => void resync(stream)),
  );
  socket.on(
    "head",
    inOrder(({ stream, seq, count }) => {
      const id = stream.slice(2);
      const channel = stream.startsWith("c:") ? state.channels[id] : undefined;
      if (!channel || seq <= channel.seq) return;
      countHead(channel, count);
      setState("channels", id, { seq, count });
    }),
  );
  socket.on(
    "gone",
    inOrder(({ stream }) => {
      if (stream.startsWith("c:")) lostChannel(stream.slice(2));
    }),
  );
  socket.on("sent", ({ client_msg_id, entry }) => {
    if (state.pending[client_msg_id])
      setState("pending", client_msg_id, { entry, state: "sent", error: null });
  });
  socket.on("outbox", syncPending);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) sendNow();
    else socket.wake();
    watchShown();
  });
  watchShown();
  socket.connect();
}

/** Subscribe first, then fetch. Without a connection the page still opens; the lists are fetched anew once there is one. */
function followOneself(userId: Id): Promise<void> {
  return new Promise((resolve) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      resolve();
    }, SUBSCRIBED_DEADLINE_MS);
    const stop = socket.on("subscribed", ({ stream }) => {
      if (stream !== `u:${userId}`) return;
      stop();
      clearTimeout(timer);
      if (late) void refreshWorkspaces();
      resolve();
    });
    socket.subscribe({ [`u:${userId}`]: null });
  });
}

export async function signedOut(): Promise<void> {
  socket?.close();
  await forgetEverything();
  location.assign(`/signin?next=${encodeURIComponent(location.pathname)}`);
}

export async function signOut(): Promise<void> {
  await rest.auth.signout();
  // The next person at this browser is not to find what this one wrote.
  for (const prefix of [`outbox:${myId()}:`, `draft:${myId()}:`, `reads:${myId()}`]) forgetAll(prefix);
  forgetCanvases(myId());
  socket.close();
  await forgetEverything();
  location.assign("/signin");
}

/* ---- workspaces, channels, people ---- */

export async function refreshWorkspaces(): Promise<void> {
  const list = await rest.all((query) => rest.workspaces.list(query));
  batch(() => {
    for (const workspace of list) setState("workspaces", workspace.id, workspace);
    setState(
      "workspaceIds",
      list.map((workspace) => workspace.id),
    );
  });
  const first = route().workspace ?? list[0]?.id;
  const order = [...list].sort((a, b) => Number(b.id === first) - Number(a.id === first));
  const [shown, ...others] = order;
  if (shown) await refreshWorkspace(shown);
  // The others matter for their unread marks only, so they may come later.
  for (const workspace of others) void refreshWorkspace(workspace).catch(() => undefined);
}

export async function refreshWorkspace(workspace: Workspace): Promise<void> {
  if (workspace.role !== "guest") socket.subscribe({ [workspace.stream]: workspace.seq });
  const channels = await rest.all((query) =>
    rest.workspaces.channels(workspace.id, { ...query, filter: "mine" }),
  );
  const mine = new Set(channels.map((channel) => channel.id));
  batch(() => {
    for (const known of Object.values(unwrap(state.channels))) {
      if (known.workspace_id === workspace.id && known.is_member && !mine.has(known.id))
        lostChannel(known.id);
    }
    for (const channel of channels) putChannel(channel);
    setState("loaded", workspace.id, true);
  });
  socket.subscribe(Object.fromEntries(channels.map((channel) => [channel.stream, channel.seq])));
  void refreshUnreads(workspace.id).catch(() => undefined);
  void loadMembers(workspace.id);
  void loadDesk(workspace.id);
  if (workspace.role !== "guest") void loadGroups(workspace.id).catch(() => undefined);
  void loadOwnEmoji(workspace.id).catch(() => undefined);
  loadWishes(workspace.id);
  keepListsSoon();
}

async function loadMembers(workspaceId: Id): Promise<void> {
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

function lostChannel(channelId: Id): void {
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

/* ---- events ---- */

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

const RECOUNT_MS = 400;
const recounts = new Map<Id, ReturnType<typeof setTimeout>>();
const staleCounts = new Set<Id>();

/**
 * The number of members is the server's to know: its answers and its events are not of the same moment, so that counting along
 * would drift. Asked for where somebody looks, and not more often than this.
 */
function recountMembers(channelId: Id): void {
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
function watchShown(): void {
  const shown = route().channel;
  socket.watch(shown && !document.hidden ? [`c:${shown}`] : []);
}

/** Somebody opened the channel. */
export function lookAt(channelId: Id): void {
  watchShown();
  if (staleCounts.has(channelId)) recountMembers(channelId);
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

async function joinedChannel(id: Id): Promise<void> {
  try {
    const channel = await rest.channels.get(id);
    putChannel(channel);
    socket.subscribe({ [channel.stream]: channel.seq });
  } catch {
    // Removed again before it could be seen.
  }
}

type Reload = (channelId: Id) => Promise<void>;
let reloadMessages: Reload = async () => undefined;
/** The timelines tell how a channel whose events were missed is fetched anew. */
export function onResyncOfMessages(reload: Reload): void {
  reloadMessages = reload;
}

async function resync(stream: string): Promise<void> {
  const id = stream.slice(2);
  try {
    if (stream.startsWith("c:")) {
      // Windows that nobody looks at are told all at once, and have time.
      if (route().channel !== id)
        await new Promise((done) => setTimeout(done, UNSEEN_RESYNC_MS * Math.random()));
      putChannel(await rest.channels.get(id));
      await reloadMessages(id);
    } else if (stream.startsWith("w:")) {
      const workspace = await rest.workspaces.get(id);
      setState("workspaces", id, workspace);
      await refreshWorkspace(workspace);
    } else await refreshWorkspaces();
  } catch (error) {
    console.error("resync", stream, error);
  }
}

/* ---- one's own messages on their way ---- */

/** Echoed before the outbox let go of them: not to be shown as pending again. */
const echoed = new Set<string>();

function syncPending(entries: readonly OutboxEntry[]): void {
  const listed = new Set(entries.map((entry) => entry.client_msg_id));
  setState(
    "pending",
    produce((pending: Record<string, Pending>) => {
      for (const [id, one] of Object.entries(pending)) {
        if (!listed.has(id) && one.state !== "sent") delete pending[id];
      }
      for (const entry of entries) {
        if (echoed.has(entry.client_msg_id)) continue;
        pending[entry.client_msg_id] = {
          entry: { ...entry },
          state: entry.failed ? "failed" : "queued",
          error: entry.failed?.detail ?? null,
        };
      }
    }),
  );
  for (const id of echoed) if (!listed.has(id)) echoed.delete(id);
}

export function dropPending(clientMsgId: string): void {
  if (socket.outbox.some((entry) => entry.client_msg_id === clientMsgId)) echoed.add(clientMsgId);
  setState(
    "pending",
    produce((pending: Record<string, Pending>) => {
      delete pending[clientMsgId];
    }),
  );
}
