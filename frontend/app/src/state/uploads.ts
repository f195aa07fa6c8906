import { ApiError, type Id, type Upload } from "@slackclone/client";
import { createStore, produce } from "solid-js/store";
import { t } from "../i18n";
import { keepMetadata } from "./ui";
import { rest } from "./wire";

const PIECE = 4 * 1024 * 1024;
const TRIES = 4;
const PAUSE_MS = 800;
export const FILES_MAX = 10;

/** A file on its way. `preview` is an object URL of an image, of this page's own making. */
export interface Item {
  key: number;
  file: File;
  name: string;
  preview: string | null;
  sent: number;
  state: "sending" | "ready" | "failed";
  error: string | null;
  id: Id | null;
}

let nextKey = 1;

/** The files that a composer will send. They are uploaded at once, piece by piece, and go on after a failure where they stood. */
export interface CarriedFiles {
  file_ids: Id[];
  file_names: string[];
}

export function createUploads(workspaceId: () => Id) {
  const [items, setItems] = createStore<Item[]>([]);
  const running = new Map<number, AbortController>();

  const change = (key: number, values: Partial<Item>) => setItems((item) => item.key === key, values);

  const run = async (key: number) => {
    const item = items.find((one) => one.key === key);
    if (!item) return;
    const stop = new AbortController();
    running.set(key, stop);
    change(key, { state: "sending", error: null });
    try {
      const made: Upload = item.id
        ? await rest.files.get(item.id)
        : await rest.files.begin(workspaceId(), item.name, item.file.size, keepMetadata());
      change(key, { id: made.id, sent: made.received });
      let at = made.received;
      // Once it is complete it may be smaller than what was sent.
      for (let failures = 0, done = made.complete; !done; ) {
        try {
          const answer = await rest.files.put(made.id, at, item.file.slice(at, at + PIECE), {
            signal: stop.signal,
            progress: (sent) => change(key, { sent: at + sent }),
          });
          at = answer.received;
          done = answer.complete;
          failures = 0;
        } catch (error) {
          failures += 1;
          if (stop.signal.aborted || failures >= TRIES || !(error instanceof ApiError) || !goesOn(error))
            throw error;
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * 2 ** failures));
          const stands = await rest.files.get(made.id);
          at = stands.received;
          done = stands.complete;
        }
        change(key, { sent: done ? item.file.size : at });
      }
      change(key, { state: "ready" });
    } catch (error) {
      if (!stop.signal.aborted) {
        const fields = error instanceof ApiError ? Object.values(error.fields)[0]?.[0] : undefined;
        change(key, {
          state: "failed",
          error: fields ?? (error instanceof Error ? error.message : t("The upload failed.")),
        });
      }
    }
    running.delete(key);
  };

  const forget = (key: number) => {
    const item = items.find((one) => one.key === key);
    if (item?.preview) URL.revokeObjectURL(item.preview);
    setItems(
      produce((draft) => {
        const at = draft.findIndex((one) => one.key === key);
        if (at >= 0) draft.splice(at, 1);
      }),
    );
  };

  return {
    items,
    add(files: Iterable<File>): void {
      for (const file of files) {
        if (items.length >= FILES_MAX || file.size === 0) continue;
        const key = nextKey++;
        const image = /^image\/(png|jpeg|gif|webp)$/.test(file.type);
        setItems(items.length, {
          key,
          file,
          name: file.name || `pasted-${key}.png`,
          preview: image ? URL.createObjectURL(file) : null,
          sent: 0,
          state: "sending",
          error: null,
          id: null,
        });
        void run(key);
      }
    },
    retry: (key: number) => void run(key),
    cancel(key: number): void {
      const item = items.find((one) => one.key === key);
      running.get(key)?.abort();
      if (item?.id) void rest.files.discard(item.id).catch(() => undefined);
      forget(key);
    },
    busy: () => items.some((item) => item.state === "sending"),
    ready: () => items.length > 0 && items.every((item) => item.state === "ready"),
    /** What a message says of them. */
    carried: (): CarriedFiles => ({
      file_ids: items.map((item) => item.id).filter((id): id is Id => id !== null),
      file_names: items.map((item) => item.name),
    }),
    /** They are a message's now. */
    clear(): void {
      for (const { key } of [...items]) forget(key);
    },
  };
}

const goesOn = (error: ApiError) => error.temporary || error.code === "conflict";
