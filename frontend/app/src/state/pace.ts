const GAP_MS = 100;
const LATEST_MS = 300;
const HELD_MAX = 1000;

/**
 * Takes what comes in one go, in a frame. Under a steady stream ten times a second is as often as anybody reads, and a frame that
 * has a keystroke to show is the keystroke's alone. What can't be seen is taken at once.
 */
export function createPacer<T>(take: (items: readonly T[]) => void): {
  add: (item: T) => void;
  flush: () => void;
} {
  let held: T[] = [];
  let last = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let frame: number | undefined;
  let typed = false;

  const flush = () => {
    clearTimeout(timer);
    if (frame !== undefined) cancelAnimationFrame(frame);
    timer = frame = undefined;
    if (held.length === 0) return;
    const items = held;
    held = [];
    last = performance.now();
    take(items);
  };
  const onFrame = () => {
    if (!typed) {
      flush();
      return;
    }
    typed = false;
    frame = requestAnimationFrame(onFrame);
  };
  const wait = () => {
    timer = setTimeout(
      () => {
        // Frames stop coming to a window that is covered.
        timer = setTimeout(flush, LATEST_MS);
        frame = requestAnimationFrame(onFrame);
      },
      Math.max(0, last + GAP_MS - performance.now()),
    );
  };
  window.addEventListener(
    "keydown",
    () => {
      typed = true;
    },
    true,
  );
  document.addEventListener("visibilitychange", flush);

  return {
    flush,
    add: (item) => {
      if (held.length === 0) typed = false;
      held.push(item);
      if (document.hidden || held.length >= HELD_MAX) flush();
      else if (timer === undefined) wait();
    },
  };
}
