import type { Id } from "@slackclone/client";
import { createMemo, createRoot, createSelector, createSignal } from "solid-js";

export interface Route {
  workspace: Id | null;
  view: "channel" | "threads" | "search" | "unreads" | "activity" | "none";
  channel: Id | null;
  message: Id | null;
  thread: Id | null;
  /** The channel's canvas is open beside it. */
  canvas: boolean;
}

const PATTERN =
  /^\/w\/(\d+)(?:\/(?:c\/(\d+)(?:\/m\/(\d+))?(?:\/t\/(\d+)|\/(canvas))?|(threads)(?:\/t\/(\d+))?|(search|unreads|activity)))?\/?$/;
/** Of shortcuts to the installed client: in whichever workspace one was last. */
const ANYWHERE = /^\/w\/(threads|search|unreads|activity)$/;

export function parse(path: string): Route {
  const match = PATTERN.exec(path);
  const [, workspace, channel, message, channelThread, canvas, threads, followedThread, other] = match ?? [];
  return {
    workspace: workspace ?? null,
    view: channel
      ? "channel"
      : threads
        ? "threads"
        : (((other ?? ANYWHERE.exec(path)?.[1]) as Route["view"] | undefined) ?? "none"),
    channel: channel ?? null,
    message: message ?? null,
    thread: channelThread ?? followedThread ?? null,
    canvas: canvas !== undefined,
  };
}

export function href(to: {
  workspace: Id;
  channel?: Id | null | undefined;
  message?: Id | null | undefined;
  thread?: Id | null | undefined;
  canvas?: boolean;
  view?: "threads" | "search" | "unreads" | "activity";
}): string {
  let path = `/w/${to.workspace}`;
  if (to.channel) {
    path += `/c/${to.channel}`;
    if (to.message) path += `/m/${to.message}`;
  } else if (to.view) path += `/${to.view}`;
  if (to.channel && to.canvas) return `${path}/canvas`;
  if (to.thread && path.split("/").length > 3) path += `/t/${to.thread}`;
  return path;
}

const [path, setPath] = createSignal(location.pathname);

/** Rises with every navigation, so that going to where one is already still counts (a permalink clicked twice). */
const [visit, setVisit] = createSignal(0);

/** What lies over the page on a phone and is closed by the way back: one entry of the history for it. */
let layer: (() => void) | null = null;
const onLayer = (): boolean => (history.state as { layer?: boolean } | null)?.layer === true;

export function pushLayer(close: () => void): void {
  layer = close;
  history.pushState({ layer: true }, "", location.pathname);
}

/** It was closed by other means. A navigation that comes with it takes its place in the history. */
export function dropLayer(): void {
  layer = null;
  setTimeout(() => onLayer() && history.back());
}

/** Back, where one came from there; else forward to it. So panes close in the order in which they were opened. */
export function leaveTo(to: string): void {
  if ((history.state as { from?: string } | null)?.from === to) history.back();
  else navigate(to);
}

window.addEventListener("popstate", () => {
  const close = layer;
  layer = null;
  close?.();
  setPath(location.pathname);
  setVisit((n) => n + 1);
});

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to !== location.pathname) {
    const replace = options.replace === true || onLayer();
    const state = replace ? null : { from: location.pathname };
    history[replace ? "replaceState" : "pushState"](state, "", to);
  }
  setPath(to);
  setVisit((n) => n + 1);
}

export const route = createRoot(() => createMemo(() => parse(path())));

/** Whether a channel is the one on screen: a change is told to the two that it is about, however many ask. */
export const isShown = createRoot(() => createSelector(() => route().channel));
export { visit };

/** For links that stay in the app but open a new tab with Ctrl, Cmd, Shift or the middle button. */
export function follow(event: MouseEvent, to: string): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  navigate(to);
}
