import { href, leaveTo, route } from "../router";
import { state } from "./store";
import { dialog, drawer, emojiRequest, isPhone, openDialog, setDrawer } from "./ui";
import { closeThread, openThreadOf } from "./verbs";

/** The outermost strip belongs to the browser: its own way back begins there. */
const BROWSERS_EDGE_PX = 24;
const SWIPE_PX = 64;
const SWIPE_MS = 600;
const HOLD_MS = 450;
const HOLD_SLACK_PX = 10;

export type Swipe = "right" | "left" | null;

/** What a finger's way means: far enough, quick enough, and clearly sideways. */
export function swipeOf(dx: number, dy: number, ms: number): Swipe {
  if (ms > SWIPE_MS || Math.abs(dx) < SWIPE_PX || Math.abs(dx) < 2 * Math.abs(dy)) return null;
  return dx > 0 ? "right" : "left";
}

/**
 * On a phone: to the right opens the sidebar or closes what lies over the channel; a message pushed to the left is replied to;
 * held, it shows what can be done with it.
 */
export function watchGestures(root: HTMLElement): () => void {
  let start: { x: number; y: number; at: number; target: Element } | null = null;
  let hold: ReturnType<typeof setTimeout> | undefined;

  const stop = () => {
    clearTimeout(hold);
    start = null;
  };
  const begin = (event: TouchEvent) => {
    stop();
    const touch = event.touches[0];
    if (!touch || event.touches.length > 1 || !isPhone() || !(event.target instanceof Element)) return;
    if (dialog() || emojiRequest()) return;
    if (touch.clientX < BROWSERS_EDGE_PX || touch.clientX > innerWidth - BROWSERS_EDGE_PX) return;
    const { target } = event;
    if (target.closest("input, textarea, [contenteditable=true]") || slidesSideways(target)) return;
    start = { x: touch.clientX, y: touch.clientY, at: event.timeStamp, target };
    const message = messageAt(target);
    if (message && !target.closest("a, button"))
      hold = setTimeout(() => {
        start = null;
        navigator.vibrate?.(10);
        openDialog({ name: "message-sheet", messageId: message });
      }, HOLD_MS);
  };
  const move = (event: TouchEvent) => {
    const touch = event.touches[0];
    if (!start || !touch) return;
    if (Math.hypot(touch.clientX - start.x, touch.clientY - start.y) > HOLD_SLACK_PX) clearTimeout(hold);
  };
  const end = (event: TouchEvent) => {
    const from = start;
    stop();
    const touch = event.changedTouches[0];
    if (!from || !touch || !document.getSelection()?.isCollapsed) return;
    const way = swipeOf(touch.clientX - from.x, touch.clientY - from.y, event.timeStamp - from.at);
    if (way === "right") {
      if (route().thread) closeThread();
      else if (route().canvas)
        leaveTo(href({ workspace: route().workspace ?? "", channel: route().channel }));
      else if (!drawer()) setDrawer(true);
    } else if (way === "left") {
      if (drawer()) setDrawer(false);
      else {
        const id = route().thread ? null : messageAt(from.target);
        const message = id ? state.messages[id] : undefined;
        if (message && !message.deleted) openThreadOf(message);
      }
    }
  };
  root.addEventListener("touchstart", begin, { passive: true });
  root.addEventListener("touchmove", move, { passive: true });
  root.addEventListener("touchend", end, { passive: true });
  root.addEventListener("touchcancel", stop, { passive: true });
  return () => {
    stop();
    root.removeEventListener("touchstart", begin);
    root.removeEventListener("touchmove", move);
    root.removeEventListener("touchend", end);
    root.removeEventListener("touchcancel", stop);
  };
}

const messageAt = (target: Element): string | null =>
  target.closest<HTMLElement>("[data-testid=message]")?.dataset.messageId ?? null;

/** Code and tables are pushed aside by the finger themselves. */
function slidesSideways(target: Element): boolean {
  for (let at: Element | null = target; at && at !== document.body; at = at.parentElement)
    if (at.scrollWidth > at.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(at).overflowX))
      return true;
  return false;
}
