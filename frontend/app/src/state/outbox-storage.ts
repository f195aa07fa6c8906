import type { OutboxEntry, OutboxStorage } from "@slackclone/client";
import { keep, keptJson, keptKeys } from "./local";

/** One record for each pending message: a reload, a crash or a second tab loses and doubles none. */
export function outboxStorage(userId: string): OutboxStorage {
  const prefix = `outbox:${userId}:`;
  return {
    load: () =>
      keptKeys(prefix)
        .map((key) => keptJson<OutboxEntry>(key))
        .filter((entry): entry is OutboxEntry => typeof entry?.client_msg_id === "string"),
    put: (entry) => keep(prefix + entry.client_msg_id, entry),
    remove: (clientMsgId) => keep(prefix + clientMsgId, null),
  };
}
