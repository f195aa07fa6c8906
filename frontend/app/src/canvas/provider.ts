import type { Id, SocketClient } from "@slackclone/client";
import { IndexeddbPersistence } from "y-indexeddb";
import {
  Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  modifyAwarenessUpdate,
  removeAwarenessStates,
} from "y-protocols/awareness";
import * as Y from "yjs";
import { keep, kept } from "../state/local";
import { keptName } from "./kept";

export const KIND = { sync: 1, update: 2, awareness: 3, ack: 4, refused: 5, close: 6 } as const;
const HEAD = 9;
const PIECE = 48 * 1024;
const SEND_AFTER_MS = 40;
const AWARE_AFTER_MS = 60;
const SYNC_EVERY_MS = 30_000;
const AGAIN_MS = 1500;
const NOTHING = 2;
const ALL_SENT = "sent";
const UNSENT = "unsent";

type Bytes = Uint8Array<ArrayBuffer>;
type Socket = Pick<SocketClient, "on" | "sendBinary">;

/** `refused` is the server's code: it lets nobody read, or not write, what this document would say. */
export interface CanvasState {
  synced: boolean;
  online: boolean;
  saved: boolean;
  canEdit: boolean;
  refused: string | null;
}

export interface Person {
  id: Id;
}

/**
 * One channel's document: kept in this browser, told to the server, told by it. What is not acknowledged is told again by the
 * next sync, which compares what both have, so that neither a drop nor a closed window loses anything.
 */
export class CanvasProvider {
  readonly doc = new Y.Doc();
  readonly awareness = new Awareness(this.doc);
  readonly loaded: Promise<unknown>;
  state: CanvasState = { synced: false, online: false, saved: true, canEdit: false, refused: null };

  private readonly kept: IndexeddbPersistence;
  private readonly name: string;
  private readonly off: (() => void)[];
  private queue: Uint8Array[] = [];
  private inFlight: number | null = null;
  private nextTag = 1;
  private sendTimer: ReturnType<typeof setTimeout> | undefined;
  private awareTimer: ReturnType<typeof setTimeout> | undefined;
  private againTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly syncTimer: ReturnType<typeof setInterval>;
  private aware = new Set<number>();

  constructor(
    private readonly socket: Socket,
    private readonly channelId: Id,
    private readonly me: Id,
    online: boolean,
    private readonly changed: (state: CanvasState) => void,
  ) {
    this.name = keptName(me, channelId);
    this.kept = new IndexeddbPersistence(this.name, this.doc);
    if (kept(this.name) === null) keep(this.name, ALL_SENT);
    this.loaded = this.kept.whenSynced;
    this.doc.on("update", this.onUpdate);
    this.awareness.on("update", this.onAware);
    this.off = [
      socket.on("binary", (frame) => this.onFrame(frame)),
      socket.on("subscribed", ({ stream }) => {
        if (stream === `c:${channelId}`) this.sync();
      }),
      socket.on("state", ({ name: state }) => {
        if (state !== "open" && this.state.online) {
          this.inFlight = null;
          this.enter({ online: false });
        }
      }),
    ];
    this.syncTimer = setInterval(() => this.sync(), SYNC_EVERY_MS);
    void this.loaded.then(() => {
      if (online) this.sync();
    });
  }

  destroy(): void {
    clearInterval(this.syncTimer);
    for (const timer of [this.sendTimer, this.awareTimer, this.againTimer]) clearTimeout(timer);
    this.send();
    removeAwarenessStates(this.awareness, [this.doc.clientID], "left");
    this.sendAware();
    this.transmit(KIND.close);
    for (const off of this.off) off();
    this.doc.off("update", this.onUpdate);
    this.awareness.destroy();
    void this.kept.destroy();
    this.doc.destroy();
  }

  /** Who else has the canvas open. */
  others(): Id[] {
    const ids = new Set<Id>();
    for (const [client, state] of this.awareness.getStates()) {
      const id = (state.user as Person | undefined)?.id;
      if (client !== this.doc.clientID && id && id !== this.me) ids.add(id);
    }
    return [...ids];
  }

  private enter(change: Partial<CanvasState>): void {
    this.state = { ...this.state, ...change };
    this.changed(this.state);
  }

  /* ---- out ---- */

  private sync(): void {
    if (!this.transmit(KIND.sync, Y.encodeStateVector(this.doc) as Bytes)) this.enter({ online: false });
  }

  private readonly onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin === this || origin === this.kept) return;
    keep(this.name, UNSENT);
    this.queue.push(update);
    if (this.state.saved) this.enter({ saved: false });
    this.sendTimer ??= setTimeout(() => this.send(), SEND_AFTER_MS);
  };

  /** What was written since, as one update; the next one waits for its acknowledgement. */
  private send(): void {
    clearTimeout(this.sendTimer);
    this.sendTimer = undefined;
    if (this.inFlight !== null || this.queue.length === 0 || !this.state.online) return;
    const update = Y.mergeUpdates(this.queue);
    this.queue = [];
    this.tell(update);
  }

  private tell(update: Uint8Array): void {
    const tag = this.nextTag++;
    const parts = Math.max(1, Math.ceil(update.length / PIECE));
    this.inFlight = tag;
    for (let part = 0; part < parts; part++) {
      const piece = update.subarray(part * PIECE, (part + 1) * PIECE);
      const body = new Uint8Array(8 + piece.length);
      const view = new DataView(body.buffer);
      view.setUint32(0, tag);
      view.setUint16(4, part);
      view.setUint16(6, parts);
      body.set(piece, 8);
      this.transmit(KIND.update, body);
    }
  }

  private readonly onAware = (
    { added, updated, removed }: Record<"added" | "updated" | "removed", number[]>,
    origin: unknown,
  ): void => {
    if (origin === this) {
      // Who comes is told who is here.
      if (added.length > 0) this.aware.add(this.doc.clientID);
    } else for (const client of [...added, ...updated, ...removed]) this.aware.add(client);
    if (this.aware.size > 0) this.awareTimer ??= setTimeout(() => this.sendAware(), AWARE_AFTER_MS);
  };

  private sendAware(): void {
    clearTimeout(this.awareTimer);
    this.awareTimer = undefined;
    const clients = [...this.aware].filter((client) => client === this.doc.clientID);
    this.aware.clear();
    if (clients.length > 0 && this.state.synced) {
      this.transmit(KIND.awareness, encodeAwarenessUpdate(this.awareness, clients) as Bytes);
    }
  }

  private transmit(kind: number, body: Bytes = new Uint8Array()): boolean {
    const frame = new Uint8Array(HEAD + body.length);
    const view = new DataView(frame.buffer);
    view.setUint8(0, kind);
    view.setBigUint64(1, BigInt(this.channelId));
    frame.set(body, HEAD);
    return this.socket.sendBinary(frame);
  }

  /* ---- in ---- */

  private onFrame(frame: Bytes): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    if (frame.length < HEAD || view.getBigUint64(1) !== BigInt(this.channelId)) return;
    const body = frame.subarray(HEAD);
    switch (view.getUint8(0)) {
      case KIND.sync:
        this.onSync(body.subarray(0, -1), body.at(-1) === 1);
        break;
      case KIND.update:
        Y.applyUpdate(this.doc, body, this);
        break;
      case KIND.awareness:
        this.onOthers(view.getBigUint64(HEAD).toString(), body.subarray(8));
        break;
      case KIND.ack:
        if (view.getUint32(HEAD) === this.inFlight) this.onAck();
        break;
      case KIND.refused:
        this.onRefused(view.getUint32(HEAD), new TextDecoder().decode(body.subarray(4)));
        break;
    }
  }

  private onSync(theirs: Uint8Array, canEdit: boolean): void {
    const first = !this.state.online;
    const unsent = first && kept(this.name) === UNSENT;
    if (first) this.inFlight = null;
    this.enter({ synced: true, online: true, canEdit, refused: null });
    if (canEdit && this.inFlight === null && (unsent || lacks(theirs, Y.encodeStateVector(this.doc)))) {
      this.queue = [];
      const update = Y.encodeStateAsUpdate(this.doc, theirs);
      if (update.length > NOTHING) this.tell(update);
    } else this.send();
    if (first) {
      this.aware.add(this.doc.clientID);
      this.sendAware();
    }
  }

  private onAck(): void {
    this.inFlight = null;
    if (this.queue.length > 0) this.send();
    else {
      keep(this.name, ALL_SENT);
      this.enter({ saved: true });
    }
  }

  private onRefused(tag: number, code: string): void {
    if (tag !== 0 && tag !== this.inFlight) return;
    this.inFlight = null;
    if (code === "unavailable" || code === "rate_limited" || code === "internal") {
      clearTimeout(this.againTimer);
      this.againTimer = setTimeout(() => this.sync(), AGAIN_MS * (0.5 + Math.random()));
    } else this.enter({ refused: code, canEdit: false, synced: true });
  }

  private onOthers(userId: Id, update: Uint8Array): void {
    // Whose a cursor is, the server says; what the other end calls itself is not asked.
    const named = modifyAwarenessUpdate(
      update,
      (state: object | null) => state && { ...state, user: { id: userId } },
    );
    applyAwarenessUpdate(this.awareness, named, this);
  }
}

/** Whether the first state vector is behind the second for some client. */
export function lacks(theirs: Uint8Array, ours: Uint8Array): boolean {
  const known = Y.decodeStateVector(theirs);
  for (const [client, clock] of Y.decodeStateVector(ours)) if ((known.get(client) ?? 0) < clock) return true;
  return false;
}
