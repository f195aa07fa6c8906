import { createSignal } from "solid-js";
import { setState, state } from "./store";
import { rest } from "./wire";

export const TOUR_STEPS = 3;
/** Which step is shown; null: none. */
export const [tourStep, setTourStep] = createSignal<number | null>(null);

/**
 * Shown once on all devices together: only after the server has kept that it was. One who closes the page in the
 * middle has seen it.
 */
export async function beginTour(): Promise<void> {
  if (state.me?.toured !== false) return;
  setState("me", "toured", true);
  try {
    await rest.me.update({ toured: true });
  } catch {
    return; // the next visit tries again
  }
  setTourStep(0);
}

/** The step after a key that has the focus in the tour; null ends it, undefined: not a key of the tour. */
export function afterKey(step: number, key: string, rightToLeft: boolean): number | null | undefined {
  if (key === "Escape") return null;
  const onward = rightToLeft ? "ArrowLeft" : "ArrowRight";
  const back = rightToLeft ? "ArrowRight" : "ArrowLeft";
  if (key === onward) return Math.min(step + 1, TOUR_STEPS - 1);
  if (key === back) return Math.max(step - 1, 0);
  return undefined;
}
