import { OutboxFullError } from "./errors.js";
import type { Id } from "./protocol.js";

export interface OutboxEntry {
  client_msg_id: string;
  channel_id: Id;
  text: string;
  type?: string;
  thread_id?: Id;
  also_in_channel?: boolean;
  /** Complete uploads that come along. */
  file_ids?: Id[];
  /** What they are called, for who waits to see it; it stays here. */
  file_names?: string[];
  created_at: number;
  /** Whether it may have reached the server already: then it goes out marked as a repetition. */
  tried: boolean;
  failed: { code: string; detail: string } | null;
}

/** Where pending messages outlive the page. One entry is one record, so that two tabs can share a place. */
export interface OutboxStorage {
  load(): OutboxEntry[] | Promise<OutboxEntry[]>;
  put(entry: OutboxEntry): void | Promise<void>;
  remove(clientMsgId: string): void | Promise<void>;
}

/** What is to be sent: in order, bounded, one at a time for each channel. Knows nothing of sockets. */
export class Outbox {
  private readonly entries = new Map<string, OutboxEntry>();
  private readonly inFlight = new Map<Id, string>();
  private readonly heldUntil = new Map<Id, number>();

  constructor(
    readonly limit: number,
    private readonly storage: OutboxStorage | null,
  ) {}

  /** Restores what an earlier page left. Entries added meanwhile keep their place behind. */
  async load(): Promise<OutboxEntry[]> {
    const restored = (await this.storage?.load()) ?? [];
    const added = [...this.entries.values()];
    this.entries.clear();
    for (const entry of [...restored].sort((a, b) => a.created_at - b.created_at)) {
      this.entries.set(entry.client_msg_id, { ...entry, tried: true });
    }
    for (const entry of added) this.entries.set(entry.client_msg_id, entry);
    return this.list();
  }

  add(entry: OutboxEntry): void {
    if (this.entries.size >= this.limit && !this.entries.has(entry.client_msg_id)) {
      throw new OutboxFullError(this.limit);
    }
    this.entries.set(entry.client_msg_id, entry);
    this.keep(entry);
  }

  get(clientMsgId: string): OutboxEntry | undefined {
    return this.entries.get(clientMsgId);
  }

  list(): OutboxEntry[] {
    return [...this.entries.values()];
  }

  get size(): number {
    return this.entries.size;
  }

  /** The next entry of each idle channel; marks them as under way. */
  take(now: number): OutboxEntry[] {
    const taken: OutboxEntry[] = [];
    const seen = new Set<Id>();
    for (const entry of this.entries.values()) {
      if (entry.failed || seen.has(entry.channel_id)) continue;
      seen.add(entry.channel_id);
      if (this.inFlight.has(entry.channel_id) || (this.heldUntil.get(entry.channel_id) ?? 0) > now) continue;
      this.inFlight.set(entry.channel_id, entry.client_msg_id);
      taken.push(entry);
    }
    return taken;
  }

  /** Milliseconds until a held channel may be tried again, or null. */
  nextHold(now: number): number | null {
    let soonest: number | null = null;
    for (const entry of this.entries.values()) {
      const until = entry.failed ? 0 : (this.heldUntil.get(entry.channel_id) ?? 0);
      if (until > now && (soonest === null || until - now < soonest)) soonest = until - now;
    }
    return soonest;
  }

  markTried(entry: OutboxEntry): void {
    if (entry.tried) return;
    entry.tried = true;
    this.keep(entry);
  }

  /** Acknowledged, or given up by its author. */
  remove(clientMsgId: string): OutboxEntry | undefined {
    const entry = this.entries.get(clientMsgId);
    if (!entry) return undefined;
    this.release(entry);
    this.entries.delete(clientMsgId);
    void this.storage?.remove(clientMsgId);
    return entry;
  }

  fail(clientMsgId: string, code: string, detail: string): OutboxEntry | undefined {
    const entry = this.entries.get(clientMsgId);
    if (!entry) return undefined;
    entry.failed = { code, detail };
    this.release(entry);
    this.keep(entry);
    return entry;
  }

  /** Puts a failed entry back to the end of the queue. */
  retry(clientMsgId: string): OutboxEntry | undefined {
    const entry = this.entries.get(clientMsgId);
    if (!entry?.failed) return undefined;
    entry.failed = null;
    this.entries.delete(clientMsgId);
    this.entries.set(clientMsgId, entry);
    this.keep(entry);
    return entry;
  }

  hold(clientMsgId: string, until: number): void {
    const entry = this.entries.get(clientMsgId);
    if (!entry) return;
    this.release(entry);
    this.heldUntil.set(entry.channel_id, until);
  }

  /** The connection went: nothing is under way any more. */
  reset(): void {
    this.inFlight.clear();
  }

  private release(entry: OutboxEntry): void {
    if (this.inFlight.get(entry.channel_id) === entry.client_msg_id) this.inFlight.delete(entry.channel_id);
  }

  private keep(entry: OutboxEntry): void {
    void this.storage?.put({ ...entry });
  }
}
