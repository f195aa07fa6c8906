import type { Channel, Id } from "@slackclone/client";
import { keep, keptJson } from "./local";
import { myId } from "./store";

/** Of a workspace's list; what is older is found by its name. */
export const RECENT = 6;
const KEPT = 30;

const key = (workspaceId: Id): string => `visits:${myId()}:${workspaceId}`;

/** The channels that were looked at in this browser, the last one first. */
export function visitsOf(workspaceId: Id): Id[] {
  const found = keptJson<unknown>(key(workspaceId));
  return Array.isArray(found) ? found.filter((id): id is Id => typeof id === "string") : [];
}

export function noteVisit(workspaceId: Id, channelId: Id): void {
  const others = visitsOf(workspaceId).filter((id) => id !== channelId);
  keep(key(workspaceId), [channelId, ...others].slice(0, KEPT));
}

/** Where one may want to go next: back to what was looked at last (where one is comes after that), then to what is unread. */
export function nextPlaces(
  channels: Channel[],
  at: { visits: Id[]; current: Id | null; unread: (channel: Channel) => boolean },
): Channel[] {
  const known = new Map(channels.map((channel) => [channel.id, channel]));
  const back = at.visits.filter((id) => known.has(id) && id !== at.current).slice(0, RECENT);
  const first = at.current !== null && known.has(at.current) ? [...back, at.current] : back;
  const taken = new Set(first);
  const rest = channels
    .filter((channel) => !taken.has(channel.id))
    .sort(
      (a, b) =>
        Number(at.unread(b)) - Number(at.unread(a)) || (b.last_message_at ?? 0) - (a.last_message_at ?? 0),
    );
  return [...first.flatMap((id) => known.get(id) ?? []), ...rest];
}
