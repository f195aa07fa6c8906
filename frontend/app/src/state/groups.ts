import type { EventFrame, Group, Id, Mention } from "@slackclone/client";
import { createStore } from "solid-js/store";
import { myId } from "./store";
import { rest } from "./wire";

const LOADED_MAX = 500;

/** By workspace and id. */
const [groups, setGroups] = createStore<Record<Id, Record<Id, Group>>>({});

export const groupsOf = (workspaceId: Id | null): readonly Group[] =>
  Object.values(groups[workspaceId ?? ""] ?? {});

export const groupOf = (workspaceId: Id | null, id: Id): Group | undefined => groups[workspaceId ?? ""]?.[id];

export async function loadGroups(workspaceId: Id): Promise<void> {
  const all = await rest.all((query) => rest.groups.list(workspaceId, query), LOADED_MAX);
  setGroups(workspaceId, Object.fromEntries(all.map((one) => [one.id, one])));
}

export function putGroup(workspaceId: Id, group: Group): void {
  setGroups(workspaceId, (known) => ({ ...known, [group.id]: group }));
}

export function onGroupEvent(event: EventFrame): void {
  if (event.type !== "group.changed") return;
  const { workspace_id, added, removed, ...group } = event.data;
  const before = groups[workspace_id]?.[group.id]?.mine ?? false;
  const me = myId();
  putGroup(workspace_id, { ...group, mine: added.includes(me) || (before && !removed.includes(me)) });
}

/** Whether a mention is of the person here: by name, as one of a group, or as one of all. */
export function namesMe(mention: Mention): boolean {
  if (mention.kind === "user") return mention.user_id === myId();
  if (mention.kind !== "group") return true;
  const id = mention.group_id ?? "";
  return Object.values(groups).some((of) => of[id]?.mine);
}
