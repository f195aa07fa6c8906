import type { Dnd, DndSchedule, Id, Presence, Typist } from "@slackclone/client";
import { createEffect, createRoot, createSignal } from "solid-js";
import { createStore, produce } from "solid-js/store";
import { browserLanguage, t } from "../i18n";
import { browserZone } from "../text/zone";
import { myId, partnersOf, setState, state } from "./store";
import { toast, toastError } from "./toasts";
import { now } from "./ui";
import { rest, socket } from "./wire";

/* Who is here. Only those who are shown are asked about: whom one writes with, and who is looked at just now. */

const WATCHED_MAX = 500;
const WATCH_AFTER_MS = 150;
const OFFLINE: Presence = { state: "offline", dnd: false, status: null };

const [presences, setPresences] = createStore<Record<Id, Presence>>({});
const [mine, setMine] = createStore<{ away: boolean; dnd: Dnd }>({
  away: false,
  dnd: { on: false, until: null, schedule: null },
});

export { mine };

/** What is shown of somebody; a status whose time is over is none. */
export function presenceOf(userId: Id): Presence {
  if (userId === myId()) {
    return { state: mine.away ? "away" : "online", dnd: mine.dnd.on, status: current(state.me?.status) };
  }
  const known = presences[userId] ?? OFFLINE;
  return { ...known, status: current(known.status) };
}

function current(status: Presence["status"] | undefined): Presence["status"] {
  return status && (status.expires_at === null || status.expires_at > now()) ? status : null;
}

const WORDS = { online: () => t("online"), away: () => t("away"), offline: () => t("offline") };
export function presenceWords(userId: Id): string {
  const { state: kind, dnd } = presenceOf(userId);
  return dnd ? t("{presence}, notifications paused", { presence: WORDS[kind]() }) : WORDS[kind]();
}

/* ---- whom one does not write with ---- */

/** Asked once for a window of a long list: nothing more is heard of them. */
export async function pullPresence(workspaceId: Id, ids: readonly Id[]): Promise<void> {
  if (ids.length === 0) return;
  const { results } = await rest.workspaces.presence(workspaceId, ids.slice(0, 200));
  put(Object.fromEntries(results.map(({ user_id, ...presence }) => [user_id, presence])));
}

function put(seen: Record<Id, Presence>): void {
  for (const [id, presence] of Object.entries(seen)) setPresences(id, presence);
}

/* ---- typing ---- */

interface Typing extends Typist {
  until: number;
}
const [typing, setTyping] = createStore<Record<Id, Typing[]>>({});
const [tick, setTick] = createSignal(0);

/** Who types in the channel, or in a thread of it, besides oneself. */
export function typistsIn(channelId: Id, threadId: Id | null): Id[] {
  tick();
  return (typing[channelId] ?? [])
    .filter((one) => one.thread_id === threadId && one.user_id !== myId() && one.until > Date.now())
    .map((one) => one.user_id);
}

export function stoppedTyping(channelId: Id, userId: Id | null, threadId: Id | null): void {
  if (!typing[channelId]?.length) return;
  setTyping(channelId, (list) => list.filter((one) => one.user_id !== userId || one.thread_id !== threadId));
}

let pruning: ReturnType<typeof setInterval> | undefined;

function onTyping(channelId: Id, list: readonly Typist[]): void {
  setTyping(
    channelId,
    list.map((one) => ({ ...one, until: Date.now() + one.for_ms })),
  );
  pruning ??= setInterval(() => {
    setTick((n) => n + 1);
    setTyping(
      produce((all) => {
        for (const [id, some] of Object.entries(all)) {
          if (some.every((one) => one.until <= Date.now())) delete all[id];
        }
      }),
    );
    if (Object.keys(typing).length > 0) return;
    clearInterval(pruning);
    pruning = undefined;
  }, 1000);
}

const SAY_EVERY_MS = 3000;
const said = new Map<string, number>();

/** Tells that one types, or that the text was given up. */
export function typed(channelId: Id, threadId: Id | undefined, empty: boolean): void {
  const key = `${channelId} ${threadId ?? ""}`;
  const last = said.get(key) ?? 0;
  if (empty) {
    if (last) socket.typing(channelId, threadId, false);
    said.delete(key);
  } else if (Date.now() - last >= SAY_EVERY_MS) {
    said.set(key, Date.now());
    socket.typing(channelId, threadId, true);
  }
}

/** The message says it. */
export const typedAndSent = (channelId: Id, threadId: Id | undefined): void =>
  void said.delete(`${channelId} ${threadId ?? ""}`);

/* ---- being here oneself ---- */

const IDLE_MS = 10 * 60_000;
const LOOK_EVERY_MS = 30_000;

function reportActivity(): void {
  let lastInput = Date.now();
  let active = true;
  const tell = (on: boolean) => {
    if (on === active) return;
    active = on;
    socket.active(on);
  };
  const moved = () => {
    lastInput = Date.now();
    tell(true);
  };
  for (const event of ["pointerdown", "pointermove", "keydown", "wheel", "focus"]) {
    window.addEventListener(event, moved, { passive: true });
  }
  setInterval(() => tell(Date.now() - lastInput < IDLE_MS), LOOK_EVERY_MS);
  socket.on("hello", () => {
    // A new socket is taken for an active one.
    if (!active) socket.active(false);
  });
}

/* ---- what one sets ---- */

export async function setAway(away: boolean): Promise<void> {
  setMine("away", (await rest.me.setAway(away)).away);
}

export async function setDnd(change: {
  until?: number | null;
  schedule?: DndSchedule | null;
}): Promise<void> {
  setMine("dnd", await rest.me.setDnd(change));
}

export async function setStatus(emoji: string, text: string, expiresAt: number | null): Promise<void> {
  const { status } = await rest.me.setStatus({ emoji, text, expires_at: expiresAt });
  setState("me", (me) => (me ? { ...me, status } : me));
}

export async function clearStatus(): Promise<void> {
  await rest.me.clearStatus();
  setState("me", (me) => (me ? { ...me, status: null } : me));
}

async function refreshMine(): Promise<void> {
  const [dnd, presence] = await Promise.all([rest.me.dnd(), rest.me.presence()]);
  setMine({ dnd, away: presence.away });
}

/** The browser knows where one is, and what one reads; the server wants it for schedules and letters. */
function reportLocale(): void {
  const { me } = state;
  if (!me) return;
  const timezone = browserZone();
  const language = browserLanguage();
  const changes = {
    ...(me.timezone_automatic !== false && timezone && timezone !== me.timezone ? { timezone } : {}),
    ...(me.language_automatic !== false && language !== me.language ? { language } : {}),
  };
  if (Object.keys(changes).length === 0) return;
  void rest.me.update(changes).then(
    (me) => setState("me", me),
    () => undefined,
  );
}

export function startPresence(): void {
  socket.on("presence", put);
  socket.on("typing", ({ channel, typing: list }) => onTyping(channel, list));
  socket.on("event", (event) => {
    if (event.type === "message.posted") {
      stoppedTyping(event.data.channel_id, event.data.sender_id, event.data.thread_id);
    } else if (event.type === "status.changed") {
      const { status } = event.data;
      setState("me", (me) => (me ? { ...me, status } : me));
    } else if (event.type === "dnd.changed" || event.type === "away.changed") {
      void refreshMine().catch(() => undefined);
    }
  });
  reportActivity();
  reportLocale();
  void refreshMine().catch(() => undefined);
  createRoot(() => {
    let soon: ReturnType<typeof setTimeout> | undefined;
    createEffect(() => {
      const list = new Set<Id>();
      for (const channel of Object.values(state.channels)) {
        if (!channel.is_member || (channel.kind !== "dm" && channel.kind !== "group_dm")) continue;
        for (const id of partnersOf(channel)) list.add(id);
      }
      list.delete(myId());
      clearTimeout(soon);
      soon = setTimeout(() => socket.watchPeople([...list].slice(0, WATCHED_MAX)), WATCH_AFTER_MS);
    });
    // A pause that ends by itself.
    let end: ReturnType<typeof setTimeout> | undefined;
    createEffect(() => {
      const until = mine.dnd.until;
      clearTimeout(end);
      if (until) {
        end = setTimeout(
          () => void refreshMine().catch(() => undefined),
          Math.min(until - Date.now() + 500, 2 ** 31 - 1),
        );
      }
    });
  });
}

export function attempt(what: Promise<unknown>, done?: string): void {
  void what.then(() => done && toast(done), toastError);
}
