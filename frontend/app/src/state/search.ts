import type { Id } from "@slackclone/client";
import { createSignal } from "solid-js";
import { t } from "../i18n";
import { href, navigate, route } from "../router";
import { isDirect, state } from "./store";
import { setDrawer } from "./ui";

/** What is in the search box; kept while one looks at a hit and comes back. */
export const [query, setQuery] = createSignal("");

/** The words and filters that somebody can begin with, and what they are for. */
export const FILTERS: readonly { text: string; what: string }[] = [
  {
    text: "from:",
    get what() {
      return t("written by somebody");
    },
  },
  {
    text: "in:",
    get what() {
      return t("in a channel or conversation");
    },
  },
  {
    text: "has:link",
    get what() {
      return t("with a link");
    },
  },
  {
    text: "has:file",
    get what() {
      return t("with a file");
    },
  },
  {
    text: "has:reaction",
    get what() {
      return t("with a reaction");
    },
  },
  {
    text: "is:thread",
    get what() {
      return t("in a thread");
    },
  },
  {
    text: "before:",
    get what() {
      return t("before a day: 2026-05-31");
    },
  },
  {
    text: "after:",
    get what() {
      return t("after a day");
    },
  },
  {
    text: "on:today",
    get what() {
      return t("on a day");
    },
  },
];

let cameFrom: Id | null = null;

/** `here`: only in the channel that is open. */
export function openSearch(here = false): void {
  const { workspace, channel, view } = route();
  if (!workspace) return;
  cameFrom = view === "search" ? cameFrom : channel;
  const name = here && channel ? placeOf(channel) : null;
  if (name && !query().includes(`in:${name}`)) setQuery(`in:${name} `);
  setDrawer(false);
  if (view !== "search") navigate(href({ workspace, view: "search" }));
  document.querySelector<HTMLInputElement>("[data-testid=search-input]")?.focus();
}

export function closeSearch(): void {
  const { workspace } = route();
  if (workspace) navigate(href({ workspace, channel: cameFrom }));
}

/** How the box names a channel: #general, or @ann for the conversation with her. */
export function placeOf(channelId: Id): string | null {
  const channel = state.channels[channelId];
  if (!channel) return null;
  if (!isDirect(channel)) return `#${channel.name}`;
  const other = (channel.member_ids ?? []).find((id) => id !== state.me?.id);
  const handle = other ? state.members[channel.workspace_id]?.[other]?.handle : undefined;
  return channel.kind === "dm" && handle ? `@${handle}` : null;
}
