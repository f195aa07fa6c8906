import { t } from "../i18n";
import { dismiss, toast } from "./toasts";

/* A message that is held back for some seconds, so that it can be taken back. One at a time: the next one lets it go. */

let held: { send: () => void; timer: ReturnType<typeof setTimeout>; note: number } | null = null;

export function holdSend(seconds: number, send: () => void, back: () => void): void {
  flushHeld();
  const timer = setTimeout(flushHeld, seconds * 1000);
  const note = toast(t("Sending…"), {
    sticky: true,
    action: {
      label: t("Undo"),
      run: () => {
        if (held?.timer !== timer) return;
        clearTimeout(timer);
        held = null;
        back();
      },
    },
  });
  held = { send, timer, note };
}

/** Send what is held, now. */
export function flushHeld(): void {
  if (!held) return;
  const { send, timer, note } = held;
  held = null;
  clearTimeout(timer);
  dismiss(note);
  send();
}

window.addEventListener("pagehide", flushHeld);
