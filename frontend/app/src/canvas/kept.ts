import { forgetAll, keptKeys } from "../state/local";

/** Where a canvas is kept in this browser: the name of its database, and of the note whether all of it was sent. */
export const keptName = (me: string, channelId: string): string => `canvas:${me}:${channelId}`;

/** The next person at this browser is not to find what this one read and wrote. */
export function forgetCanvases(me: string): void {
  const prefix = keptName(me, "");
  for (const name of keptKeys(prefix)) indexedDB.deleteDatabase(name);
  forgetAll(prefix);
}
