import type { Id } from "@slackclone/client";

/**
 * What one person has read, in this browser's IndexedDB, to be read again without a network. A database for each account.
 * Bounded: what was not looked at for long goes, then what was looked at longest ago.
 */
export const KEPT_DAYS = 30;
export const KEPT_BYTES = 50 * 1024 * 1024;
const DAY_MS = 86_400_000;
const PREFIX = "slackclone-offline:";

/** One view that was looked at: `c:ID` a channel, `t:ID` a thread. `seq`: up to which event of its channel it is right. */
export interface Seen {
  key: string;
  channel_id: Id;
  seen_at: number;
  seq: number;
  bytes: number;
}

/** Keys of what has to go. */
export function surplus(all: readonly Seen[], now: number, maxBytes = KEPT_BYTES): string[] {
  const newestFirst = [...all].sort((a, b) => b.seen_at - a.seen_at);
  let bytes = 0;
  return newestFirst
    .filter((one) => {
      bytes += one.bytes;
      return now - one.seen_at > KEPT_DAYS * DAY_MS || bytes > maxBytes;
    })
    .map((one) => one.key);
}

const answered = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const done = (change: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    change.oncomplete = () => resolve();
    change.onerror = change.onabort = () => reject(change.error);
  });

export class Kept {
  /** What there is, by key; the one tab that writes knows it, others find out when they open. */
  readonly seen = new Map<string, Seen>();

  private constructor(private readonly db: IDBDatabase) {
    // Signing out in another tab is not to wait for this one.
    db.onversionchange = () => db.close();
  }

  static async open(userId: Id): Promise<Kept> {
    const request = indexedDB.open(PREFIX + userId, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("notes");
      request.result.createObjectStore("seen", { keyPath: "key" });
      request.result.createObjectStore("views");
    };
    const kept = new Kept(await answered(request));
    const all = await answered(kept.db.transaction("seen").objectStore("seen").getAll());
    for (const one of all as Seen[]) kept.seen.set(one.key, one);
    return kept;
  }

  async note<T>(name: string): Promise<T | null> {
    const text = (await answered(this.db.transaction("notes").objectStore("notes").get(name))) as unknown;
    return typeof text === "string" ? (JSON.parse(text) as T) : null;
  }

  async setNote(name: string, value: unknown): Promise<void> {
    const change = this.db.transaction("notes", "readwrite");
    change.objectStore("notes").put(JSON.stringify(value), name);
    await done(change);
  }

  async view<T>(key: string): Promise<T | null> {
    const text = (await answered(this.db.transaction("views").objectStore("views").get(key))) as unknown;
    return typeof text === "string" ? (JSON.parse(text) as T) : null;
  }

  async put(key: string, channelId: Id, seenAt: number, seq: number, data: unknown): Promise<void> {
    const text = JSON.stringify(data);
    const one: Seen = { key, channel_id: channelId, seen_at: seenAt, seq, bytes: text.length };
    const before = new Map(this.seen).set(key, one);
    const goes = surplus([...before.values()], Date.now());
    const change = this.db.transaction(["seen", "views"], "readwrite");
    change.objectStore("views").put(text, key);
    change.objectStore("seen").put(one);
    this.seen.set(key, one);
    this.remove(change, goes);
    await done(change);
  }

  async forget(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const change = this.db.transaction(["seen", "views"], "readwrite");
    this.remove(change, keys);
    await done(change);
  }

  close(): void {
    this.db.close();
  }

  private remove(change: IDBTransaction, keys: readonly string[]): void {
    for (const key of keys) {
      change.objectStore("views").delete(key);
      change.objectStore("seen").delete(key);
      this.seen.delete(key);
    }
  }
}

/** All accounts' but one's. */
export async function dropKept(except: Id | null = null): Promise<void> {
  const stays = except === null ? null : PREFIX + except;
  for (const { name } of await indexedDB.databases()) {
    if (name?.startsWith(PREFIX) && name !== stays) indexedDB.deleteDatabase(name);
  }
}
