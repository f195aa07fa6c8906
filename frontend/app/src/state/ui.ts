import type { Id } from "@slackclone/client";
import { createRoot, createSignal } from "solid-js";
import { keep, kept } from "./local";

export type DialogName =
  | { name: "create-workspace" }
  | { name: "create-channel" }
  | { name: "browse-channels" }
  | { name: "new-dm" }
  | { name: "invite" }
  | { name: "channel"; channelId: Id; tab?: "about" | "members" | "files" | "settings" }
  | { name: "add-people"; channelId: Id }
  | { name: "versions"; messageId: Id }
  | { name: "delete-message"; messageId: Id }
  | { name: "settings"; tab?: "profile" | "notifications" | "appearance" | "sessions" }
  | { name: "channel-notifications"; channelId: Id }
  | { name: "jump-date"; channelId: Id }
  | { name: "forward"; messageId: Id }
  | { name: "schedule"; channelId: Id; threadId: Id | null; text: string; sent: () => void }
  | { name: "reschedule"; id: Id; workspaceId: Id }
  | { name: "remind"; messageId: Id }
  | { name: "later"; tab?: LaterTab }
  | { name: "arrange"; channelId?: Id }
  | { name: "message-sheet"; messageId: Id }
  | { name: "pins"; channelId: Id }
  | { name: "reactions"; messageId: Id }
  | { name: "status" }
  | { name: "dnd" }
  | { name: "own-emoji" }
  | { name: "groups"; groupId?: Id }
  | { name: "shortcuts" }
  | { name: "switcher" };

export type LaterTab = "saved" | "reminders" | "scheduled" | "drafts";

export type Theme = "system" | "light" | "dark" | "contrast";

const media = (query: string) =>
  createRoot(() => {
    const list = matchMedia(query);
    const [matches, setMatches] = createSignal(list.matches);
    list.addEventListener("change", () => setMatches(list.matches));
    return matches;
  });

export const isPhone = media("(max-width: 640px)");
export const isNarrow = media("(max-width: 1020px)");
export const calmMotion = media("(prefers-reduced-motion: reduce)");

export const [dialog, openDialog] = createSignal<DialogName | null>(null);
export const [drawer, setDrawer] = createSignal(false);
export const [editing, setEditing] = createSignal<Id | null>(null);

/** Where the emoji picker hangs, and what it does with the choice. */
export interface EmojiRequest {
  anchor: HTMLElement;
  pick: (emoji: string) => void;
}
export const [emojiRequest, pickEmoji] = createSignal<EmojiRequest | null>(null);

/** Whose card is shown, and what it hangs on. */
export interface ProfileRequest {
  anchor: HTMLElement;
  userId: Id;
  workspaceId: Id;
}
export const [profileRequest, showProfile] = createSignal<ProfileRequest | null>(null);

const stored = kept("theme");
const [theme, writeTheme] = createSignal<Theme>(
  stored === "light" || stored === "dark" || stored === "contrast" ? stored : "system",
);

export { theme };

export function setTheme(value: Theme): void {
  writeTheme(value);
  keep("theme", value === "system" ? null : value);
  // static/js/theme.js shows it, as it did before the first paint.
  window.dispatchEvent(new Event("slackclone:theme"));
}

const [now, setNow] = createSignal(Date.now());
setInterval(() => setNow(Date.now()), 30_000);

/** The clock for words like "Today"; moves every half minute. */
export { now };

const [pageActive, setPageActive] = createSignal(!document.hidden && document.hasFocus());
const look = () => setPageActive(!document.hidden && document.hasFocus());
for (const event of ["focus", "blur"]) window.addEventListener(event, look);
document.addEventListener("visibilitychange", look);

export { pageActive };

const [keepMetadata, writeKeepMetadata] = createSignal(kept("keep-metadata") === "1");

/** Whether pictures are uploaded with what the camera wrote: where, when, with what. */
export { keepMetadata };

export function setKeepMetadata(wanted: boolean): void {
  writeKeepMetadata(wanted);
  keep("keep-metadata", wanted ? "1" : null);
}

const [undoSeconds, writeUndoSeconds] = createSignal(Number(kept("undo-send") ?? 0) || 0);

/** How long a message is held back before it goes, so that it can be taken back; 0: not at all. */
export { undoSeconds };

export function setUndoSeconds(seconds: number): void {
  writeUndoSeconds(seconds);
  keep("undo-send", seconds || null);
}

const [composeRich, writeComposeRich] = createSignal(kept("composer") === "rich");

/** Whether messages are written as rich text; what is sent is Markdown either way. */
export { composeRich };

export function setComposeRich(rich: boolean): void {
  writeComposeRich(rich);
  keep("composer", rich ? "rich" : null);
}
