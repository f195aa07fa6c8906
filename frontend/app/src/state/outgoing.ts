import type { OutboxEntry } from "@slackclone/client";
import { produce } from "solid-js/store";
import { type Pending, setState } from "./store";
import { socket } from "./wire";

/** Echoed before the outbox let go of them: not to be shown as pending again. */
const echoed = new Set<string>();

export function syncPending(entries: readonly OutboxEntry[]): void {
  const listed = new Set(entries.map((entry) => entry.client_msg_id));
  setState(
    "pending",
    produce((pending: Record<string, Pending>) => {
      for (const [id, one] of Object.entries(pending)) {
        if (!listed.has(id) && one.state !== "sent") delete pending[id];
      }
      for (const entry of entries) {
        if (echoed.has(entry.client_msg_id)) continue;
        pending[entry.client_msg_id] = {
          entry: { ...entry },
          state: entry.failed ? "failed" : "queued",
          error: entry.failed?.detail ?? null,
        };
      }
    }),
  );
  for (const id of echoed) if (!listed.has(id)) echoed.delete(id);
}

export function dropPending(clientMsgId: string): void {
  if (socket.outbox.some((entry) => entry.client_msg_id === clientMsgId)) echoed.add(clientMsgId);
  setState(
    "pending",
    produce((pending: Record<string, Pending>) => {
      delete pending[clientMsgId];
    }),
  );
}
