import type { ChannelNotifications, EventOf, Id, NotificationPreference } from "@slackclone/client";
import { createSignal } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import { t } from "../i18n";
import { href, navigate } from "../router";
import { plainOf } from "../text/plain";
import { namesMe } from "./groups";
import { keep, kept } from "./local";
import { isDirect, myId, nameOf, state, titleOf } from "./store";
import { now, pageActive } from "./ui";
import { rest } from "./wire";

/** What one wants to hear of: of each workspace that was opened, and where channels differ. */
const [wishes, setWishes] = createStore<{
  workspaces: Record<Id, NotificationPreference>;
  channels: Record<Id, ChannelNotifications>;
}>({ workspaces: {}, channels: {} });

export { wishes };

const asked = new Set<Id>();
const OFFERED = "push-offered";
/** What notifications are offered after. */
const [offer, setOffer] = createSignal<"direct" | "mention" | null>(null);

export { offer, setOffer };

export function loadWishes(workspaceId: Id): void {
  if (asked.has(workspaceId)) return;
  asked.add(workspaceId);
  void rest.notifications
    .get(workspaceId)
    .then(keepWishes)
    .catch(() => asked.delete(workspaceId));
}

export function keepWishes(preference: NotificationPreference): void {
  setWishes("workspaces", preference.workspace_id, reconcile(preference));
  for (const channel of preference.channels) keepChannelWish(channel);
}

export function keepChannelWish(channel: ChannelNotifications): void {
  setWishes("channels", channel.channel_id, reconcile(channel));
}

/** Another tab or device changed something. */
export function onWish(
  event: EventOf<"notifications.preferences_changed"> | EventOf<"notifications.channel_changed">,
): void {
  if (event.type === "notifications.channel_changed") {
    const { channel_id, level, muted, muted_until } = event.data;
    keepChannelWish({ channel_id, level, muted, muted_until });
    return;
  }
  const known = wishes.workspaces[event.data.workspace_id];
  if (known) setWishes("workspaces", event.data.workspace_id, { ...known, ...event.data });
}

export function isMuted(channelId: Id): boolean {
  const wish = wishes.channels[channelId];
  return wish?.muted === true && (wish.muted_until === null || wish.muted_until > now());
}

// -- in the page ------------------------------------------------------------------------------------------------------

/** What this page shows, by message. */
const showing = new Map<Id, Notification>();

/** Its message was deleted. */
export function takeBack(messageId: Id): void {
  showing.get(messageId)?.close();
  showing.delete(messageId);
}

/** A message came while nobody looks at this page: a notification in the same place as a push of it would take. */
export function notifyOfPosted(event: EventOf<"message.posted">): void {
  void offerPush(event);
  if (pageActive() || !("Notification" in window) || Notification.permission !== "granted") return;
  const message = event.data;
  const channel = state.channels[message.channel_id];
  if (!channel?.is_member || message.sender_id === myId() || Date.now() - message.timestamp > 60_000) return;
  if (!concernsMe(event)) return;
  const workspace = wishes.workspaces[channel.workspace_id];
  const sender = nameOf(channel.workspace_id, message.sender_id);
  const title = workspace?.content_free
    ? t("New message")
    : isDirect(channel)
      ? sender
      : t("{name} in #{channel}", { name: sender, channel: titleOf(channel) });
  const shown = new Notification(title, {
    body: workspace?.content_free
      ? ""
      : plainOf(message, (id) => nameOf(channel.workspace_id, id)).slice(0, 200),
    tag: `n-${message.message_id}`,
    icon: "/static/img/logo.svg",
    silent: workspace?.sound !== true,
  });
  showing.set(message.message_id, shown);
  shown.onclose = () => showing.delete(message.message_id);
  shown.onclick = () => {
    window.focus();
    navigate(
      href({
        workspace: channel.workspace_id,
        channel: channel.id,
        ...(message.thread_id ? { thread: message.thread_id } : { message: message.message_id }),
      }),
    );
    shown.close();
  };
}

function concernsMe(event: EventOf<"message.posted">): boolean {
  const message = event.data;
  const channel = state.channels[message.channel_id];
  if (!channel || isMuted(channel.id)) return false;
  const workspace = wishes.workspaces[channel.workspace_id];
  const level = wishes.channels[channel.id]?.level ?? workspace?.level ?? "mentions";
  if (level === "nothing") return false;
  if (isDirect(channel)) return true;
  if (message.mentions.some(namesMe)) return true;
  if (level === "all" && (!message.thread_id || message.also_in_channel)) return true;
  if (message.thread_id && state.following[message.thread_id]) return true;
  const text = message.text.toLowerCase();
  return (workspace?.keywords ?? []).some((word) => wholeWord(text, word.toLowerCase()));
}

function wholeWord(text: string, word: string): boolean {
  const escaped = word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, "u").test(text);
}

/**
 * After the first message that names one, and only then: now it is clear what a notification is good for. Asked once in
 * a browser; the browser's own question comes after a click.
 */
async function offerPush(event: EventOf<"message.posted">): Promise<void> {
  const channel = state.channels[event.data.channel_id];
  if (!channel?.is_member || event.data.sender_id === myId() || kept(OFFERED)) return;
  const named = event.data.mentions.some((mention) => mention.user_id === myId());
  if (!(named || isDirect(channel)) || isMuted(channel.id)) return;
  if (!("Notification" in window) || Notification.permission !== "default") return;
  keep(OFFERED, "1");
  if ((await pushState()) !== "off") return;
  setOffer(isDirect(channel) ? "direct" : "mention");
}

// -- push -------------------------------------------------------------------------------------------------------------

export type PushState = "unsupported" | "blocked" | "off" | "on";

const WORKER = "/sw.js";

export async function pushState(): Promise<PushState> {
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window))
    return "unsupported";
  if (Notification.permission === "denied") return "blocked";
  const registration = await navigator.serviceWorker.getRegistration("/");
  const subscription = await registration?.pushManager.getSubscription();
  return subscription && Notification.permission === "granted" ? "on" : "off";
}

/** Only ever after a click: browsers punish whoever asks unasked. */
export async function turnOnPush(): Promise<PushState> {
  if ((await Notification.requestPermission()) !== "granted") return pushState();
  const { key } = await rest.devices.key();
  if (!key) throw new Error(t("This server sends no push notifications."));
  const registration = await navigator.serviceWorker.register(WORKER, { scope: "/" });
  await navigator.serviceWorker.ready;
  const subscription = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: key,
  });
  await announce(subscription);
  return "on";
}

export async function turnOffPush(): Promise<PushState> {
  const registration = await navigator.serviceWorker.getRegistration("/");
  const subscription = await registration?.pushManager.getSubscription();
  await subscription?.unsubscribe();
  const { results } = await rest.devices.list();
  const here = results.find((device) => device.current && device.kind === "webpush");
  if (here) await rest.devices.remove(here.id);
  return "off";
}

/** With every start: a browser may have made its subscription anew, or another person signed in here. */
export async function renewPush(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const registration = await navigator.serviceWorker.getRegistration("/");
  const subscription = await registration?.pushManager?.getSubscription();
  if (subscription) await announce(subscription);
}

async function announce(subscription: PushSubscription): Promise<void> {
  const { endpoint, keys } = subscription.toJSON();
  if (!endpoint || !keys?.p256dh || !keys.auth) throw new Error("The browser gave no usable subscription.");
  await rest.devices.register({
    kind: "webpush",
    token: endpoint,
    keys: { p256dh: keys.p256dh, auth: keys.auth },
    name: navigator.userAgent.slice(0, 80),
  });
}
