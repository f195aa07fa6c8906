import type { CustomEmoji, EventFrame, Id } from "@slackclone/client";
import { createStore } from "solid-js/store";
import { rest } from "./wire";

const LOADED_MAX = 2000;

/** By workspace and name. */
const [own, setOwn] = createStore<Record<Id, Record<string, CustomEmoji | undefined>>>({});

export const ownEmoji = (workspaceId: Id | null): readonly CustomEmoji[] =>
  Object.values(own[workspaceId ?? ""] ?? {}).filter((one) => one !== undefined);

/** With or without colons. */
export const ownEmojiNamed = (workspaceId: Id | null, name: string): CustomEmoji | undefined =>
  own[workspaceId ?? ""]?.[name.replaceAll(":", "")];

export async function loadOwnEmoji(workspaceId: Id): Promise<void> {
  const all = await rest.all((query) => rest.emoji.list(workspaceId, query), LOADED_MAX);
  setOwn(workspaceId, Object.fromEntries(all.map((one) => [one.name, one])));
}

export function putOwnEmoji(workspaceId: Id, emoji: CustomEmoji): void {
  setOwn(workspaceId, (known) => ({ ...known, [emoji.name]: emoji }));
}

export function onEmojiEvent(event: EventFrame): void {
  if (event.type === "emoji.added") {
    const { workspace_id, ...emoji } = event.data;
    putOwnEmoji(workspace_id, emoji);
  } else if (event.type === "emoji.removed") {
    const { workspace_id, names } = event.data;
    setOwn(workspace_id, (known) => ({
      ...known,
      ...Object.fromEntries(names.map((name) => [name, undefined])),
    }));
  }
}
