import { t } from "../i18n";
import { href, navigate, route } from "../router";
import { inOrder } from "./desk";
import { markAllRead, markReadByHand, unreadOf } from "./reads";
import { closeSearch, openSearch } from "./search";
import { setTourStep, tourStep } from "./tour";
import { dialog, drawer, editing, emojiRequest, openDialog, setDrawer, setEditing } from "./ui";
import { closeThread, goTo } from "./verbs";

const MOD = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";

/** What is listed on the help sheet. */
export const shortcuts = (): readonly { group: string; keys: { keys: string[]; what: string }[] }[] => [
  {
    group: t("Getting around"),
    keys: [
      { keys: [MOD, "K"], what: t("Jump to a channel or person") },
      { keys: ["↑ / ↓"], what: t("Previous or next message, in the list of messages") },
      { keys: ["Alt", "↑ / ↓"], what: t("Previous or next channel") },
      { keys: ["Alt", "Shift", "↑ / ↓"], what: t("Previous or next unread channel") },
      { keys: [MOD, "Shift", "L"], what: t("Browse channels") },
      { keys: [MOD, "Shift", "T"], what: t("All threads") },
      { keys: [MOD, "Shift", "S"], what: t("Later: saved, reminders, scheduled, drafts") },
      { keys: [MOD, "Shift", "J"], what: t("Jump to a date") },
      { keys: [MOD, "F"], what: t("Search in this channel") },
      { keys: ["/"], what: t("Search everywhere") },
      { keys: [MOD, "/"], what: t("This list") },
      { keys: ["Esc"], what: t("Close, cancel; mark the channel as read") },
      { keys: ["Shift", "Esc"], what: t("Mark everything as read") },
    ],
  },
  {
    group: t("Writing"),
    keys: [
      { keys: ["Enter"], what: t("Send the message") },
      { keys: ["Shift", "Enter"], what: t("New line") },
      { keys: ["↑"], what: t("Edit your last message (in an empty composer)") },
      { keys: [MOD, "B"], what: t("Bold") },
      { keys: [MOD, "I"], what: t("Italic") },
      { keys: [MOD, "Shift", "X"], what: t("Strikethrough") },
      { keys: [MOD, "Shift", "C"], what: t("Code") },
      { keys: [MOD, "Alt", "Shift", "C"], what: t("Code block") },
      { keys: [MOD, "Shift", "U"], what: t("Link") },
      { keys: [MOD, "Shift", "7 / 8"], what: t("Numbered list, list") },
      { keys: [MOD, "Shift", "9"], what: t("Quote") },
      { keys: ["@"], what: t("Mention somebody") },
      { keys: ["#"], what: t("Name a channel") },
      { keys: [":"], what: t("Emoji by name") },
      { keys: ["/"], what: t("Commands (in an empty composer)") },
    ],
  },
  {
    group: t("Commands"),
    keys: [
      { keys: ["/remind"], what: t("me to water the plants tomorrow at 9:00") },
      { keys: ["/topic"], what: t("Set the topic of the channel") },
      { keys: ["/invite"], what: t("@ann @bob") },
      { keys: ["/dm"], what: t("@ann Good morning") },
      { keys: ["/join", "/leave"], what: t("Join #channel, leave this one") },
      { keys: ["/status"], what: t(":palm_tree: On holiday; nothing clears it") },
      { keys: ["/dnd", "/away", "/active"], what: t("Don't be disturbed, be away, be back") },
      { keys: ["/mute", "/unmute", "/star"], what: t("This conversation") },
      { keys: ["/me", "/shrug"], what: t("Say what you do; shrug") },
    ],
  },
];

export function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const mod = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (mod && !event.shiftKey && !event.altKey && key === "k") {
    event.preventDefault();
    openDialog(dialog()?.name === "switcher" ? null : { name: "switcher" });
    return;
  }
  if (dialog() && event.key === "Escape" && document.activeElement === document.body) {
    // What had the focus is gone (a row that was removed), so the dialog does not hear the key itself.
    openDialog(null);
    return;
  }
  if (dialog() || emojiRequest()) return;
  if (mod && event.shiftKey && key === "l") {
    event.preventDefault();
    openDialog({ name: "browse-channels" });
  } else if (mod && !event.shiftKey && !event.altKey && key === "f") {
    event.preventDefault();
    openSearch(true);
  } else if (event.key === "/" && !mod && !event.altKey && !typing(event.target)) {
    event.preventDefault();
    openSearch();
  } else if (event.altKey && !mod && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    step(event.key === "ArrowUp" ? -1 : 1, event.shiftKey);
  } else if (mod && event.shiftKey && key === "t") {
    event.preventDefault();
    if (route().workspace) navigate(href({ workspace: route().workspace ?? "", view: "threads" }));
  } else if (mod && event.shiftKey && key === "s") {
    event.preventDefault();
    openDialog({ name: "later" });
  } else if (mod && event.shiftKey && key === "j") {
    event.preventDefault();
    const channelId = route().channel;
    if (channelId) openDialog({ name: "jump-date", channelId });
  } else if ((mod && event.key === "/") || (event.key === "?" && !typing(event.target))) {
    event.preventDefault();
    openDialog({ name: "shortcuts" });
  } else if (event.key === "Escape" && event.shiftKey) {
    const { workspace } = route();
    if (workspace) void markAllRead(workspace);
  } else if (event.key === "Escape") {
    if (editing()) setEditing(null);
    else if (tourStep() !== null) setTourStep(null);
    else if (drawer()) setDrawer(false);
    else if (route().view === "search") closeSearch();
    else if (route().thread) closeThread();
    else if (route().message) {
      navigate(href({ workspace: route().workspace ?? "", channel: route().channel }));
    } else if (route().channel) markReadByHand(route().channel ?? "");
  } else if (event.key.length === 1 && !mod && !event.altKey && !typing(event.target) && event.key !== " ") {
    // Typing anywhere is writing a message.
    document.querySelector<HTMLElement>("[data-testid=composer-channel]")?.focus();
  }
}

/** In a list of messages: from one to the next. Tab leads to what can be done with the one that has the focus. */
export function stepMessages(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const { currentTarget: list, target } = event;
  if (!(target instanceof HTMLElement) || (target !== list && !target.matches("[data-message-id]"))) return;
  const all = [...list.querySelectorAll<HTMLElement>("[data-message-id]")];
  const at = all.indexOf(target);
  const up = event.key === "ArrowUp";
  const next = at < 0 ? all[up ? all.length - 1 : 0] : all[at + (up ? -1 : 1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function step(by: 1 | -1, unreadOnly: boolean): void {
  const { workspace, channel } = route();
  if (!workspace) return;
  const all = inOrder(workspace);
  const at = all.findIndex((one) => one.id === channel);
  for (let index = 1; index <= all.length; index += 1) {
    const next = all[(at + by * index + all.length * (index + 1)) % all.length];
    if (next && (!unreadOnly || unreadOf(next) > 0)) {
      goTo(next);
      return;
    }
  }
}

function typing(target: EventTarget | null): boolean {
  const element = target instanceof HTMLElement ? target : null;
  if (!element) return false;
  if (element.closest("[role=menu], [role=listbox], [role=dialog]")) return true;
  return element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName);
}
