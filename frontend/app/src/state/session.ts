import { ApiError, CLOSE, type EventFrame, type Id } from "@slackclone/client";
import { batch } from "solid-js";
import { reconcile } from "solid-js/store";
import { forgetCanvases } from "../canvas/kept";
import { route } from "../router";
import { lostChannel, putChannel, watchShown } from "./channels";
import { loadDrafts } from "./desk";
import { onEvent } from "./events";
import { forgetAll } from "./local";
import { renewPush } from "./notify";
import { connectionIs, forgetEverything, keepFor, lastAccount, restoreLists } from "./offline";
import { outboxStorage } from "./outbox-storage";
import { syncPending } from "./outgoing";
import { createPacer } from "./pace";
import { countHead, onSignal, refreshUnreads, sendNow } from "./reads";
import { myId, setState, state } from "./store";
import { openSocket, rest, socket } from "./wire";
import { lookForNewVersion } from "./worker";
import { refreshWorkspace, refreshWorkspaces } from "./workspaces";

const SUBSCRIBED_DEADLINE_MS = 1000;
const UNSEEN_RESYNC_MS = 5000;
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
  openSocket({
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
  for (const prefix of [`outbox:${myId()}:`, `draft:${myId()}:`, `reads:${myId()}`, `visits:${myId()}:`])
    forgetAll(prefix);
  forgetCanvases(myId());
  socket.close();
  await forgetEverything();
  location.assign("/signin");
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
