import { Emitter } from "./emitter.js";
import { ApiError } from "./errors.js";
import { fullJitter, heartbeatDelay } from "./jitter.js";
import { Outbox, type OutboxEntry, type OutboxStorage } from "./outbox.js";
import {
  type AckFrame,
  CLOSE,
  type ClientFrame,
  type EventFrame,
  FINAL_CLOSES,
  FRAME_MAX_BYTES,
  type HelloFrame,
  type Id,
  type Mode,
  type Presence,
  type PresenceWords,
  type ServerFrame,
  type SignalFrame,
  type StreamName,
  type SubscribedFrame,
  type Typist,
  type WatchingFrame,
} from "./protocol.js";

/** The part of a browser's WebSocket that is used, so that Node's `ws` and tests fit too. */
export interface WebSocketLike {
  readonly readyState: number;
  binaryType?: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

export interface OnlineSource {
  addEventListener(type: "online" | "offline", listener: () => void): void;
  removeEventListener(type: "online" | "offline", listener: () => void): void;
}

export type Auth =
  | { kind: "cookie" }
  /** `fresh` is true when the server refused the last token. */
  | { kind: "token"; token: (fresh: boolean) => string | Promise<string> };

export interface SocketOptions {
  url: string;
  auth?: Auth;
  createSocket?: (url: string) => WebSocketLike;
  storage?: OutboxStorage;
  outboxLimit?: number;
  /** Whose outbox it is. A socket that turns out to be somebody else's is closed as unauthenticated before anything is sent. */
  userId?: Id;
  random?: () => number;
  now?: () => number;
  online?: OnlineSource | null;
  /**
   * Whether an event is for this user in particular and so acknowledged at once, before a push goes out. Mentions of the
   * user are anyway; direct messages only the caller can tell.
   */
  urgent?: (event: EventFrame) => boolean;
  /** Runs a function that emits many events of a hot channel, so that whoever shows them does it once. */
  batch?: (run: () => void) => void;
}

export type ConnectionState =
  | { name: "idle" }
  | { name: "connecting"; attempt: number }
  | { name: "open" }
  | { name: "waiting"; attempt: number; retryAt: number }
  | { name: "closed"; code: number };

export interface SocketEvents {
  state: ConnectionState;
  hello: HelloFrame;
  event: EventFrame;
  subscribed: { stream: StreamName; seq: number; count: number };
  /** Too much was missed: fetch a snapshot; events go on after `seq`. */
  resync: { stream: StreamName; seq: number };
  gone: { stream: StreamName };
  signal: SignalFrame;
  /** A hot channel that nobody watches here stands at this place; its events come when it is watched. */
  head: { stream: StreamName; seq: number; count: number };
  /** A message is durable. Its event follows. */
  sent: AckFrame & { entry: OutboxEntry };
  /** A message was refused for good: `retry` or `discard` it. */
  failed: OutboxEntry;
  /** A binary frame: canvases, see docs/protocol.md. */
  binary: Uint8Array<ArrayBuffer>;
  /** Of those whom `watchPeople` names: first of all of them, then what changes. */
  presence: Record<Id, Presence>;
  /** All who type in the channel now. */
  typing: { channel: Id; typing: readonly Typist[] };
  /** The outbox changed, also by what an earlier page left behind. */
  outbox: readonly OutboxEntry[];
}

export interface OutgoingMessage {
  channel_id: Id;
  text: string;
  type?: string;
  thread_id?: Id;
  also_in_channel?: boolean;
  /** Complete uploads that come along. */
  file_ids?: Id[];
  file_names?: string[];
  client_msg_id?: string;
}

type Change =
  | { t: "edit"; message_id: Id; text: string }
  | { t: "delete"; message_id: Id }
  | { t: "react"; message_id: Id; emoji: string; on: boolean };

interface Followed {
  /** Seq of the newest event handed on; null until the server said where "from now on" begins. */
  last: number | null;
  /** The newest seq that the server told of; more than `last` for long means that something was lost on the way. */
  head: number;
  confirmed: boolean;
  repair: ReturnType<typeof setTimeout> | null;
  /** Whether the missing events were asked for, or are only waited for. */
  asked: boolean;
  mode: Mode;
  /** The next pull, or the deadline of the one under way. */
  pull: ReturnType<typeof setTimeout> | null;
  pulling: boolean;
  /** Pulled events that are handed on together. */
  held: EventFrame[];
}

interface Waiting {
  resolve: () => void;
  reject: (error: ApiError) => void;
  timer: ReturnType<typeof setTimeout>;
}

const FRESH = { repair: null, asked: false, mode: "push", pull: null, pulling: false } as const;
const OFFLINE: Presence = { state: "offline", dnd: false, status: null };
const inFull = (words: Record<Id, PresenceWords>): Record<Id, Presence> =>
  Object.fromEntries(Object.entries(words).map(([id, one]) => [id, { ...OFFLINE, ...one }]));
const HELLO_DEADLINE_MS = 10_000;
const PONG_DEADLINE_MS = 10_000;
const PROBE_DEADLINE_MS = 4_000;
const ANSWER_DEADLINE_MS = 15_000;
const STABLE_MS = 5_000;
const ACK_EVERY_MS = 1_000;
const REPAIR_AFTER_MS = 5_000;
const PULL_EVERY_MS = 2_000;
const PULL_SOON_MS = 250;
/** So much more is waiting: not only what came since the answer. */
const PULL_AGAIN_EVENTS = 500;
const PULL_DEADLINE_MS = 10_000;
/** All windows that nobody looks at learn at the same moment that a channel is pushed again. */
const CATCH_UP_WITHIN_MS = 10_000;
const OFFLINE_RETRY_MS = 15_000;
const STREAMS_PER_FRAME = 500;
const STREAMS_PER_RESUME = 1500;
const RESUMED_DEADLINE_MS = 10_000;
const DEFAULT_HEARTBEAT_MS = 30_000;

/**
 * One connection that outlives its sockets. Events of a stream are handed on in seq order, each once; sends are repeated
 * with the same client_msg_id until they are acknowledged or refused for good.
 */
export class SocketClient extends Emitter<SocketEvents> {
  private readonly random: () => number;
  private readonly now: () => number;
  private readonly auth: Auth;
  private readonly createSocket: (url: string) => WebSocketLike;
  private readonly online: OnlineSource | null;
  private readonly box: Outbox;

  private current: ConnectionState = { name: "idle" };
  private socket: WebSocketLike | null = null;
  private session: { id: string; token: string } | null = null;
  private readonly streams = new Map<StreamName, Followed>();
  private readonly waiting = new Map<number, Waiting>();
  private readonly sendIds = new Map<number, string>();
  private readonly dirtyAcks = new Set<StreamName>();
  private people: readonly Id[] = [];
  private peopleSent = new Set<Id>();
  private readonly peopleAsked = new Map<number, readonly Id[]>();
  private userId: Id | null = null;
  private watched: ReadonlySet<StreamName> | null = null;
  private nextId = 1;
  private attempt = 0;
  private heartbeatMs = DEFAULT_HEARTBEAT_MS;
  private freshToken = false;
  private resuming = false;
  private wanted = false;

  private reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  private helloTimer: ReturnType<typeof setTimeout> | undefined;
  private stableTimer: ReturnType<typeof setTimeout> | undefined;
  private heartbeatTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  private resumeTimer: ReturnType<typeof setTimeout> | undefined;
  private ackTimer: ReturnType<typeof setTimeout> | undefined;
  private holdTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly answerTimers = new Map<number, ReturnType<typeof setTimeout>>();

  constructor(private readonly options: SocketOptions) {
    super();
    this.random = options.random ?? Math.random;
    this.now = options.now ?? Date.now;
    this.auth = options.auth ?? { kind: "cookie" };
    this.createSocket = options.createSocket ?? ((url) => new WebSocket(url));
    this.online = options.online === undefined ? globalOnline() : options.online;
    this.box = new Outbox(options.outboxLimit ?? 500, options.storage ?? null);
  }

  get state(): ConnectionState {
    return this.current;
  }

  get outbox(): readonly OutboxEntry[] {
    return this.box.list();
  }

  /** Seq of the newest event handed on for the stream. */
  lastSeq(stream: StreamName): number | null {
    return this.streams.get(stream)?.last ?? null;
  }

  connect(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.online?.addEventListener("online", this.wake);
    this.online?.addEventListener("offline", this.wentOffline);
    if (this.options.storage) {
      void this.box.load().then((entries) => {
        if (entries.length > 0) this.outboxChanged();
        this.flushOutbox();
      });
    }
    this.open();
  }

  /** Ends the connection for good. Pending messages stay in the storage. */
  close(): void {
    this.wanted = false;
    this.online?.removeEventListener("online", this.wake);
    this.online?.removeEventListener("offline", this.wentOffline);
    clearTimeout(this.reconnectTimer);
    clearTimeout(this.holdTimer);
    for (const followed of this.streams.values()) clearRepair(followed);
    this.drop(1000);
    this.enter({ name: "idle" });
  }

  /** The network or the page came back: connect now, or find out quickly whether the socket still lives. */
  readonly wake = (): void => {
    if (!this.wanted) return;
    if (this.current.name === "waiting") {
      this.attempt = 0;
      this.open();
    } else if (this.current.name === "open") {
      this.ping(PROBE_DEADLINE_MS);
    }
  };

  /** null follows from now on, a number everything after that seq. A stream followed already keeps its place. */
  subscribe(streams: Record<StreamName, number | null>): void {
    const added: StreamName[] = [];
    for (const [name, from] of Object.entries(streams)) {
      if (this.streams.has(name)) continue;
      this.streams.set(name, { last: from, head: from ?? 0, confirmed: false, ...FRESH, held: [] });
      added.push(name);
    }
    if (this.current.name === "open") this.sendSubscribe(added);
  }

  /**
   * Which streams somebody looks at just now; all of them until this is called. Only of a hot channel does it matter: of
   * one that is not watched only the place is known, until it is.
   */
  watch(streams: readonly StreamName[] | null): void {
    const before = this.watched;
    this.watched = streams && new Set(streams);
    for (const [name, followed] of this.streams) {
      if (followed.mode === "pull" && !followed.pulling && this.watches(name)) {
        if (before !== null && !before.has(name)) this.pullIn(name, followed, PULL_SOON_MS * this.random());
        else if (followed.pull === null) this.pullIn(name, followed, PULL_EVERY_MS * this.random());
      }
    }
  }

  unsubscribe(streams: readonly StreamName[]): void {
    const known = streams.filter((name) => this.forget(name));
    if (known.length > 0 && this.current.name === "open") {
      this.transmit({ t: "unsubscribe", id: this.nextId++, streams: known });
    }
  }

  /**
   * Queues a message and returns its client_msg_id. It goes out when the connection allows, in order within its channel.
   * @throws OutboxFullError
   */
  send(message: OutgoingMessage): string {
    const entry: OutboxEntry = {
      ...message,
      client_msg_id: message.client_msg_id ?? newClientMsgId(),
      created_at: this.now(),
      tried: false,
      failed: null,
    };
    this.box.add(entry);
    this.outboxChanged();
    this.flushOutbox();
    return entry.client_msg_id;
  }

  retry(clientMsgId: string): void {
    if (!this.box.retry(clientMsgId)) return;
    this.outboxChanged();
    this.flushOutbox();
  }

  discard(clientMsgId: string): void {
    if (!this.box.remove(clientMsgId)) return;
    this.outboxChanged();
    this.flushOutbox();
  }

  edit(messageId: Id, text: string): Promise<void> {
    return this.change({ t: "edit", message_id: messageId, text });
  }

  delete(messageId: Id): Promise<void> {
    return this.change({ t: "delete", message_id: messageId });
  }

  react(messageId: Id, emoji: string, on: boolean): Promise<void> {
    return this.change({ t: "react", message_id: messageId, emoji, on });
  }

  /** Read up to `n`, of a channel or of a thread. False without a connection: then say it again once there is one. */
  mark(marker: { channel_id: Id; thread_id: Id | null; n: number; version: number }): boolean {
    if (this.current.name !== "open") return false;
    const { channel_id, thread_id, n, version } = marker;
    this.transmit({ t: "mark", channel_id, n, version, ...(thread_id === null ? {} : { thread_id }) });
    return true;
  }

  /** Whose presence to hear of, instead of whom was named before; 500 at most. */
  watchPeople(users: readonly Id[]): void {
    const same = users.length === this.people.length && users.every((id) => this.peopleSent.has(id));
    this.people = users;
    if (this.current.name === "open" && !same) this.sendWatch();
  }

  /** Whether somebody is at this device. */
  active(on: boolean): void {
    if (this.current.name === "open") this.transmit({ t: "active", on });
  }

  typing(channelId: Id, threadId: Id | undefined, on: boolean): void {
    if (this.current.name !== "open") return;
    this.transmit({
      t: "typing",
      channel_id: channelId,
      ...(threadId === undefined ? {} : { thread_id: threadId }),
      ...(on ? {} : { on }),
    });
  }

  /* ---- connection ---- */

  private open(): void {
    clearTimeout(this.reconnectTimer);
    this.drop(1000);
    this.enter({ name: "connecting", attempt: this.attempt });
    let socket: WebSocketLike;
    try {
      socket = this.createSocket(this.options.url);
    } catch {
      this.reconnectLater();
      return;
    }
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    this.helloTimer = setTimeout(() => this.lost(socket, 0), HELLO_DEADLINE_MS);
    socket.onopen = () => void this.greet(socket);
    socket.onmessage = ((event: { data: unknown }) => {
      this.receive(event.data);
    }) as (event: never) => void;
    socket.onclose = ((event: { code: number; reason: string }) =>
      this.lost(socket, event.code, event.reason)) as (event: never) => void;
    socket.onerror = () => {
      // A close event follows every error; it carries the code.
    };
  }

  private async greet(socket: WebSocketLike): Promise<void> {
    if (this.auth.kind === "token") {
      try {
        const token = await this.auth.token(this.freshToken);
        if (socket !== this.socket) return;
        this.transmit({ t: "auth", token });
      } catch {
        this.lost(socket, 0);
        return;
      }
    }
    this.resuming = false;
    if (!this.session || this.streams.size > STREAMS_PER_RESUME) {
      // The server waits a moment for a resume before it says hello; any other frame tells it that none will come.
      this.transmit({ t: "ping", id: this.nextId++ });
      return;
    }
    const streams: Record<StreamName, number> = {};
    for (const [name, followed] of this.streams) if (followed.last !== null) streams[name] = followed.last;
    const frame: ClientFrame = { t: "resume", session: this.session.id, token: this.session.token, streams };
    // A list too long for one frame is followed afresh, in several.
    if (byteLength(JSON.stringify(frame)) > FRAME_MAX_BYTES) {
      this.transmit({ t: "ping", id: this.nextId++ });
      return;
    }
    this.resuming = true;
    this.transmit(frame);
  }

  private lost(socket: WebSocketLike, code: number, reason = ""): void {
    if (socket !== this.socket) return;
    this.drop(1000);
    if (!this.wanted) return;
    if (code === CLOSE.unauthenticated && this.auth.kind === "token" && !this.freshToken) {
      this.freshToken = true;
      this.session = null;
      this.reconnectLater();
      return;
    }
    if (FINAL_CLOSES.has(code)) {
      this.session = null;
      this.enter({ name: "closed", code });
      return;
    }
    const wait = code === CLOSE.overloaded ? Number.parseFloat(reason.replace(/^\D+/, "")) * 1000 : 0;
    this.reconnectLater(Number.isFinite(wait) ? Math.min(wait, 60_000) : 0);
  }

  private reconnectLater(atLeastMs = 0): void {
    let delay = atLeastMs + fullJitter(this.attempt, this.random);
    // While the browser says that there is no network, it is its `online` event that counts.
    if (isOffline()) delay = Math.max(delay, OFFLINE_RETRY_MS * (0.5 + 0.5 * this.random()));
    this.attempt += 1;
    this.enter({ name: "waiting", attempt: this.attempt, retryAt: this.now() + delay });
    clearTimeout(this.reconnectTimer);
    this.reconnectTimer = setTimeout(() => this.open(), delay);
  }

  private readonly wentOffline = (): void => {
    if (!this.wanted || !this.socket) return;
    this.drop(1000);
    this.reconnectLater();
  };

  private drop(code: number): void {
    const socket = this.socket;
    this.socket = null;
    clearTimeout(this.helloTimer);
    clearTimeout(this.stableTimer);
    clearTimeout(this.heartbeatTimer);
    clearTimeout(this.silenceTimer);
    clearTimeout(this.resumeTimer);
    clearTimeout(this.ackTimer);
    this.ackTimer = undefined;
    for (const timer of this.answerTimers.values()) clearTimeout(timer);
    this.answerTimers.clear();
    this.sendIds.clear();
    this.box.reset();
    for (const followed of this.streams.values()) {
      followed.confirmed = false;
      clearRepair(followed);
      // The answer to the next subscription tells the mode.
      this.setMode(followed, "push");
    }
    for (const [id, waiting] of this.waiting) {
      clearTimeout(waiting.timer);
      this.waiting.delete(id);
      waiting.reject(new ApiError("offline", "The connection was lost."));
    }
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(code);
    } catch {
      // Closed already.
    }
  }

  private enter(state: ConnectionState): void {
    this.current = state;
    this.emit("state", state);
  }

  /* ---- frames in ---- */

  private receive(data: unknown): void {
    clearTimeout(this.silenceTimer);
    if (data instanceof ArrayBuffer) {
      this.emit("binary", new Uint8Array(data));
      return;
    }
    let frame: ServerFrame;
    try {
      frame = JSON.parse(String(data)) as ServerFrame;
    } catch {
      return;
    }
    switch (frame.t) {
      case "hello":
        this.onHello(frame);
        break;
      case "subscribed":
        this.onSubscribed(frame);
        break;
      case "event":
        this.onEvent(frame);
        break;
      case "resync":
        this.onResync(frame.stream, frame.seq);
        break;
      case "gone":
        if (this.forget(frame.stream)) this.emit("gone", { stream: frame.stream });
        break;
      case "ack":
        this.onAck(frame);
        break;
      case "mode":
        this.onMode(frame.stream, frame.mode, frame.seq, frame.count);
        break;
      case "pulled":
        this.onPulled(frame);
        break;
      case "ok":
        this.settle(frame.id, null);
        break;
      case "error":
        this.onError(frame);
        break;
      case "reconnect":
        clearTimeout(this.reconnectTimer);
        this.reconnectTimer = setTimeout(() => this.open(), frame.after_ms);
        break;
      case "signal":
        this.onSignal(frame);
        this.emit("signal", frame);
        break;
      case "watching":
        this.onWatching(frame);
        break;
      case "pong":
        break;
    }
  }

  private onHello(frame: HelloFrame): void {
    if (this.options.userId !== undefined && this.options.userId !== frame.user_id) {
      if (this.socket) this.lost(this.socket, CLOSE.unauthenticated);
      return;
    }
    clearTimeout(this.helloTimer);
    this.session = { id: frame.session, token: frame.token };
    this.userId = frame.user_id;
    this.heartbeatMs = frame.heartbeat_ms > 0 ? frame.heartbeat_ms : DEFAULT_HEARTBEAT_MS;
    this.freshToken = false;
    clearTimeout(this.stableTimer);
    this.stableTimer = setTimeout(() => {
      this.attempt = 0;
    }, STABLE_MS);
    this.enter({ name: "open" });
    this.scheduleHeartbeat();
    this.emit("hello", frame);
    const resumed = frame.resumed && this.resuming;
    const unconfirmed = [...this.streams].filter(([, f]) => !f.confirmed && !(resumed && f.last !== null));
    this.sendSubscribe(unconfirmed.map(([name]) => name));
    // A new socket watches nobody.
    this.peopleSent.clear();
    this.peopleAsked.clear();
    if (this.people.length > 0) this.sendWatch();
    if (resumed) {
      // The server may be unable to replay right now. Then the streams are followed one by one.
      this.resumeTimer = setTimeout(() => {
        this.sendSubscribe([...this.streams].filter(([, f]) => !f.confirmed).map(([name]) => name));
      }, RESUMED_DEADLINE_MS);
    }
    // What the last socket had no time to acknowledge.
    if (this.dirtyAcks.size > 0) this.ack();
    this.flushOutbox();
  }

  private onWatching(frame: WatchingFrame): void {
    const asked = this.peopleAsked.get(frame.id) ?? [];
    this.peopleAsked.delete(frame.id);
    const offline = Object.fromEntries(asked.map((id) => [id, OFFLINE]));
    this.emit("presence", { ...offline, ...inFull(frame.users) });
  }

  private onSignal(frame: SignalFrame): void {
    if (frame.type === "presence") this.emit("presence", inFull(frame.data));
    else if (frame.type === "typing") {
      this.emit("typing", { channel: frame.stream.slice(2), typing: frame.data.typing });
    } else if (frame.type === "head") this.onHead(frame.stream, frame.data);
  }

  private sendWatch(): void {
    const fresh = this.people.filter((id) => !this.peopleSent.has(id));
    this.peopleSent = new Set(this.people);
    const id = this.nextId++;
    this.peopleAsked.set(id, fresh);
    this.transmit({ t: "watch", id, users: [...this.people] });
  }

  private onSubscribed(frame: SubscribedFrame): void {
    for (const [name, place] of Object.entries(frame.streams)) {
      const followed = this.streams.get(name);
      if (!followed) continue;
      followed.confirmed = true;
      followed.last ??= place.seq;
      this.setMode(followed, place.mode);
      if (place.mode === "pull") {
        if (followed.head < place.seq) followed.head = place.seq;
        if (this.watches(name)) this.pullIn(name, followed, PULL_EVERY_MS * this.random());
      } else this.sawHead(name, followed, place.seq);
      this.emit("subscribed", { stream: name, seq: place.seq, count: place.count });
    }
    for (const name of frame.denied) if (this.forget(name)) this.emit("gone", { stream: name });
  }

  private onEvent(frame: EventFrame): void {
    const followed = this.streams.get(frame.stream);
    if (!followed) return;
    // "From now on" has its first event before the answer that names the place.
    if (followed.last === null) followed.last = frame.seq - 1;
    if (frame.seq <= followed.last) {
      // Said again by the server: it missed our acknowledgement.
      this.ackLater(frame.stream);
      return;
    }
    if (frame.seq > followed.last + 1) {
      if (followed.head < frame.seq) followed.head = frame.seq;
      // Of a hot channel only what is for this user comes by itself.
      if (followed.mode === "pull") {
        if (!followed.pulling) this.pullNow(frame.stream, followed);
      } else this.repair(frame.stream, followed);
      return;
    }
    followed.last = frame.seq;
    if (followed.head <= frame.seq) {
      followed.head = frame.seq;
      clearRepair(followed);
    }
    this.ackLater(frame.stream);
    if (this.isUrgent(frame)) this.ack();
    if (followed.pulling) followed.held.push(frame);
    else this.emit("event", frame);
  }

  private isUrgent(frame: EventFrame): boolean {
    if (frame.type !== "message.posted" || frame.actor_id === this.userId) return false;
    return (
      frame.data.mentions.some((mention) => mention.user_id === this.userId) ||
      (this.options.urgent?.(frame) ?? false)
    );
  }

  private onResync(stream: StreamName, seq: number): void {
    const followed = this.streams.get(stream);
    if (!followed) return;
    clearRepair(followed);
    this.handOn(followed);
    followed.last = seq;
    followed.head = Math.max(followed.head, seq);
    this.ackLater(stream);
    this.emit("resync", { stream, seq });
  }

  private onAck(frame: AckFrame): void {
    this.answered(frame.id);
    const entry = this.box.remove(frame.client_msg_id);
    if (entry) {
      this.emit("sent", { ...frame, entry });
      this.outboxChanged();
    }
    this.flushOutbox();
  }

  private onError(frame: { id: number | null; code: string; detail: string; retry_after?: number }): void {
    if (frame.id === null) return;
    const error = new ApiError(frame.code, frame.detail, null, frame.retry_after ?? null);
    const clientMsgId = this.sendIds.get(frame.id);
    if (clientMsgId === undefined) {
      this.settle(frame.id, error);
      return;
    }
    this.answered(frame.id);
    if (error.temporary) {
      const wait = (frame.retry_after ?? 1) * 1000 * (1 + 0.2 * this.random());
      this.box.hold(clientMsgId, this.now() + wait);
    } else if (frame.code !== "unauthenticated") {
      const entry = this.box.fail(clientMsgId, frame.code, frame.detail);
      if (entry) this.emit("failed", entry);
      this.outboxChanged();
    }
    this.flushOutbox();
  }

  /* ---- hot channels ---- */

  private onHead(name: StreamName, { seq, count }: { seq: number; count: number }): void {
    const followed = this.streams.get(name);
    if (!followed) return;
    if (followed.mode === "push") this.sawHead(name, followed, seq);
    else if (followed.head < seq) followed.head = seq;
    this.emit("head", { stream: name, seq, count });
  }

  private watches(name: StreamName): boolean {
    return this.watched === null || this.watched.has(name);
  }

  private setMode(followed: Followed, mode: Mode): void {
    followed.mode = mode;
    if (followed.pull !== null) clearTimeout(followed.pull);
    followed.pull = null;
    followed.pulling = false;
    this.handOn(followed);
  }

  private handOn(followed: Followed): void {
    if (followed.held.length === 0) return;
    const events = followed.held;
    followed.held = [];
    const run = () => {
      for (const event of events) this.emit("event", event);
    };
    if (this.options.batch) this.options.batch(run);
    else run();
  }

  private onMode(name: StreamName, mode: Mode, seq: number, count: number): void {
    const followed = this.streams.get(name);
    if (!followed) return;
    this.setMode(followed, mode);
    if (followed.head < seq) followed.head = seq;
    if (mode === "pull") {
      if (this.watches(name)) this.pullIn(name, followed, PULL_EVERY_MS * this.random());
    } else if (followed.last !== null && followed.last < seq) {
      // Later events are passed over until then.
      followed.asked = true;
      this.pullIn(name, followed, (this.watches(name) ? PULL_SOON_MS : CATCH_UP_WITHIN_MS) * this.random());
    }
    this.emit("head", { stream: name, seq, count });
  }

  private pullIn(name: StreamName, followed: Followed, ms: number): void {
    if (followed.pull !== null) clearTimeout(followed.pull);
    followed.pulling = false;
    followed.pull = setTimeout(() => this.pullNow(name, followed), ms);
  }

  private pullNow(name: StreamName, followed: Followed): void {
    if (followed.pull !== null) clearTimeout(followed.pull);
    followed.pull = null;
    if (followed.last === null || this.streams.get(name) !== followed || this.current.name !== "open") return;
    followed.pulling = true;
    followed.pull = setTimeout(() => {
      this.handOn(followed);
      this.pullNow(name, followed);
    }, PULL_DEADLINE_MS);
    this.transmit({ t: "pull", id: this.nextId++, stream: name, after: followed.last });
  }

  private onPulled(frame: Extract<ServerFrame, { t: "pulled" }>): void {
    const { stream, head } = frame;
    const followed = this.streams.get(stream);
    if (!followed?.pulling) return;
    if (followed.head < head) followed.head = head;
    if (followed.pull !== null) clearTimeout(followed.pull);
    followed.pull = null;
    followed.pulling = false;
    this.handOn(followed);
    if (followed.mode === "push") {
      if (followed.last !== null && followed.last < followed.head)
        this.pullIn(stream, followed, PULL_SOON_MS * this.random());
      else clearRepair(followed);
    } else if (head - frame.seq >= PULL_AGAIN_EVENTS) {
      this.pullIn(stream, followed, PULL_SOON_MS);
    } else if (this.watches(stream)) {
      this.pullIn(stream, followed, heartbeatDelay(PULL_EVERY_MS, this.random));
    }
    this.emit("head", { stream, seq: head, count: frame.count });
  }

  /* ---- streams ---- */

  private sendSubscribe(names: readonly StreamName[]): void {
    for (let start = 0; start < names.length; start += STREAMS_PER_FRAME) {
      const streams: Record<StreamName, number | null> = {};
      for (const name of names.slice(start, start + STREAMS_PER_FRAME)) {
        streams[name] = this.streams.get(name)?.last ?? null;
      }
      this.transmit({ t: "subscribe", id: this.nextId++, streams });
    }
  }

  /** Asks again for what follows `last`; until it comes, later events of the stream are passed over. */
  private repair(name: StreamName, followed: Followed): void {
    if (followed.asked || this.current.name !== "open") return;
    clearRepair(followed);
    followed.asked = true;
    this.sendSubscribe([name]);
    this.repairLater(name, followed);
  }

  private repairLater(name: StreamName, followed: Followed): void {
    followed.repair = setTimeout(() => {
      clearRepair(followed);
      if (followed.mode === "push" && followed.last !== null && followed.last < followed.head)
        this.repair(name, followed);
    }, REPAIR_AFTER_MS);
  }

  private sawHead(name: StreamName, followed: Followed, head: number): void {
    if (head > followed.head) followed.head = head;
    if (followed.last === null || followed.last >= followed.head || followed.repair !== null) return;
    this.repairLater(name, followed);
  }

  private forget(name: StreamName): boolean {
    const followed = this.streams.get(name);
    if (!followed) return false;
    clearRepair(followed);
    this.setMode(followed, "push");
    this.dirtyAcks.delete(name);
    return this.streams.delete(name);
  }

  private ackLater(stream: StreamName): void {
    this.dirtyAcks.add(stream);
    this.ackTimer ??= setTimeout(() => this.ack(), ACK_EVERY_MS);
  }

  private ack(): void {
    clearTimeout(this.ackTimer);
    this.ackTimer = undefined;
    const streams: Record<StreamName, number> = {};
    for (const name of this.dirtyAcks) {
      const last = this.streams.get(name)?.last;
      if (last !== undefined && last !== null) streams[name] = last;
    }
    this.dirtyAcks.clear();
    if (Object.keys(streams).length > 0) this.transmit({ t: "ack", streams });
  }

  /* ---- sends and changes ---- */

  private flushOutbox(): void {
    if (this.current.name !== "open") return;
    const now = this.now();
    for (const entry of this.box.take(now)) {
      const id = this.nextId++;
      const frame: ClientFrame = {
        t: "send",
        id,
        channel_id: entry.channel_id,
        text: entry.text,
        client_msg_id: entry.client_msg_id,
        ...(entry.type === undefined ? {} : { type: entry.type }),
        ...(entry.thread_id === undefined ? {} : { thread_id: entry.thread_id }),
        ...(entry.also_in_channel ? { also_in_channel: true } : {}),
        ...(entry.file_ids?.length ? { file_ids: entry.file_ids } : {}),
        ...(entry.tried ? { retry: true as const } : {}),
      };
      if (byteLength(JSON.stringify(frame)) > FRAME_MAX_BYTES) {
        const failed = this.box.fail(entry.client_msg_id, "too_large", "The message is too long.");
        if (failed) this.emit("failed", failed);
        this.outboxChanged();
        queueMicrotask(() => this.flushOutbox());
        continue;
      }
      this.sendIds.set(id, entry.client_msg_id);
      this.box.markTried(entry);
      this.answerTimers.set(
        id,
        setTimeout(() => {
          // Neither yes nor no: say it again; the server knows it by its client_msg_id.
          this.answered(id);
          this.box.hold(entry.client_msg_id, 0);
          this.flushOutbox();
        }, ANSWER_DEADLINE_MS),
      );
      this.transmit(frame);
    }
    clearTimeout(this.holdTimer);
    const hold = this.box.nextHold(now);
    if (hold !== null) this.holdTimer = setTimeout(() => this.flushOutbox(), hold + 1);
  }

  private answered(id: number): void {
    clearTimeout(this.answerTimers.get(id));
    this.answerTimers.delete(id);
    this.sendIds.delete(id);
  }

  private change(change: Change): Promise<void> {
    if (this.current.name !== "open") {
      return Promise.reject(new ApiError("offline", "There is no connection right now."));
    }
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.settle(id, new ApiError("timeout", "The server did not answer in time.")),
        ANSWER_DEADLINE_MS,
      );
      this.waiting.set(id, { resolve, reject, timer });
      this.transmit({ ...change, id });
    });
  }

  private settle(id: number, error: ApiError | null): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(error);
    else waiting.resolve();
  }

  private outboxChanged(): void {
    this.emit("outbox", this.box.list());
  }

  /* ---- frames out ---- */

  private transmit(frame: ClientFrame): void {
    if (this.socket?.readyState !== 1) return;
    this.socket.send(JSON.stringify(frame));
    if (this.current.name === "open") this.scheduleHeartbeat();
  }

  /** Whether it went out: nothing is kept for later. */
  sendBinary(frame: Uint8Array<ArrayBuffer>): boolean {
    if (this.current.name !== "open" || this.socket?.readyState !== 1) return false;
    this.socket.send(frame);
    this.scheduleHeartbeat();
    return true;
  }

  private scheduleHeartbeat(): void {
    clearTimeout(this.heartbeatTimer);
    this.heartbeatTimer = setTimeout(
      () => this.ping(PONG_DEADLINE_MS),
      heartbeatDelay(this.heartbeatMs, this.random),
    );
  }

  private ping(deadlineMs: number): void {
    const socket = this.socket;
    if (!socket) return;
    this.transmit({ t: "ping", id: this.nextId++ });
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => this.lost(socket, CLOSE.silent), deadlineMs);
  }
}

export function newClientMsgId(): string {
  // randomUUID exists in secure contexts only, and a first try-out is often plain http on a local network.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function clearRepair(followed: Followed): void {
  if (followed.repair !== null) clearTimeout(followed.repair);
  followed.repair = null;
  followed.asked = false;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function isOffline(): boolean {
  return typeof navigator !== "undefined" && navigator.onLine === false;
}

function globalOnline(): OnlineSource | null {
  return typeof globalThis.addEventListener === "function" ? (globalThis as unknown as OnlineSource) : null;
}
