import { ApiError } from "@slackclone/client";
import { createSignal } from "solid-js";
import { t } from "../i18n";

export interface Toast {
  id: number;
  kind: "error" | "info";
  text: string;
  /** Stays until it is dismissed. */
  sticky?: boolean;
  action?: { label: string; run: () => void };
}

const [toasts, setToasts] = createSignal<readonly Toast[]>([]);
let nextId = 1;

export { toasts };

export function toast(text: string, options: Partial<Omit<Toast, "id" | "text">> = {}): number {
  const id = nextId++;
  setToasts((all) => [
    ...all.filter((one) => one.text !== text).slice(-3),
    { id, kind: "info", text, ...options },
  ]);
  if (!options.sticky) setTimeout(() => dismiss(id), options.kind === "error" ? 8000 : 4000);
  return id;
}

export function dismiss(id: number): void {
  setToasts((all) => all.filter((one) => one.id !== id));
}

export function explain(error: unknown): string {
  if (error instanceof ApiError) {
    const fields = Object.values(error.fields).flat();
    if (fields[0]) return fields[0];
    // Said by the client itself, thus in English.
    if (error.code === "offline") return t("The server can't be reached. Please try again.");
    if (error.code === "timeout") return t("The server did not answer in time. Please try again.");
    return error.detail || error.code;
  }
  return t("Something went wrong. Please try again.");
}

export function toastError(error: unknown): void {
  if (!(error instanceof ApiError)) console.error(error);
  toast(explain(error), { kind: "error" });
}
