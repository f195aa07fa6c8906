/** The wire, as docs/protocol.md says it. Ids are strings of digits, times milliseconds since the Unix epoch. */

export type Id = string;
export type StreamName = string;

export type Role = "owner" | "admin" | "member" | "guest";
export type ChannelKind = "public" | "private" | "dm" | "group_dm";

export interface Status {
  emoji: string;
  text: string;
  expires_at: number | null;
}

export interface User {
  id: Id;
  name: string;
  email?: string;
  is_bot: boolean;
  created_at: number;
  timezone: string;
  status: Status | null;
  /** What follows is told only of oneself. While automatic, the client reports what the browser has. */
  timezone_automatic?: boolean;
  language?: string;
  language_automatic?: boolean;
  toured?: boolean;
}

export type PresenceKind = "online" | "away" | "offline";

export interface Presence {
  state: PresenceKind;
  dnd: boolean;
  status: Status | null;
}

/** Times of day as "22:00", in the person's time zone; 0 is Monday. */
export interface DndSchedule {
  start: string;
  end: string;
  days: number[];
}

export interface Dnd {
  on: boolean;
  until: number | null;
  schedule: DndSchedule | null;
}

export interface MyPresence {
  away: boolean;
  state: PresenceKind;
}

export interface Typist {
  user_id: Id;
  thread_id: Id | null;
  for_ms: number;
}

export interface Workspace {
  id: Id;
  name: string;
  slug: string;
  role: Role;
  /** Who may add emoji, and make groups of people. */
  emoji_by: "members" | "admins";
  groups_by: "members" | "admins";
  created_at: number;
  stream: StreamName;
  seq: number;
}

/** People whom one handle names. */
export interface Group {
  id: Id;
  handle: string;
  name: string;
  description: string;
  archived: boolean;
  member_count: number;
  created_at: number;
  /** The asker is in it. */
  mine: boolean;
}

/** An emoji that a workspace made for itself. */
export interface CustomEmoji {
  id: Id;
  name: string;
  alias_of: string | null;
  url: string;
  creator_id: Id;
  created_at: number;
}

export interface Member {
  user_id: Id;
  name: string;
  handle: string;
  role: Role;
  is_bot: boolean;
  active: boolean;
  joined_at: number;
  timezone?: string;
  status?: Status | null;
}

export interface ChannelInfo {
  id: Id;
  workspace_id: Id;
  kind: ChannelKind;
  name: string | null;
  topic: string;
  purpose: string;
  archived: boolean;
  /** admins: an announcement channel. Left out in what another version told. */
  posting?: "everyone" | "admins";
  creator_id: Id;
  created_at: number;
  member_count: number;
  member_ids: Id[] | null;
  stream: StreamName;
  last_message_at: number | null;
}

export interface Marker {
  n: number;
  version: number;
}

/** What is left of a channel or thread; null while it can't be known. */
export interface Unread {
  unread: number | null;
  mentions: number | null;
  marker: Marker | null;
}

export interface Channel extends ChannelInfo, Unread {
  is_member: boolean;
  seq: number;
  count: number;
}

export interface Mention {
  kind: "user" | "group" | "channel" | "here";
  handle: string;
  user_id: Id | null;
  /** Of a group. */
  group_id?: Id;
}

export interface Reaction {
  emoji: string;
  user_ids: Id[];
}

/** A forwarded message as it was then. */
export interface Quote {
  message_id: Id;
  channel_id: Id;
  sender_id: Id;
  timestamp: number;
  text: string;
  html: string | null;
  files?: FileInfo[];
}

/** `thumb_url` and `preview_url` are of images that the server drew anew. */
export interface FileInfo {
  id: Id;
  name: string;
  type: string;
  size: number;
  width: number;
  height: number;
  url: string;
  preview_url: string | null;
  thumb_url: string | null;
}

/** What a linked page says of itself; all of it is plain text. */
export interface LinkCard {
  url: string;
  title: string;
  text: string;
  site: string;
}

/** A file as its owner and lists see it. `received` of `size` bytes are there. */
export interface Upload extends FileInfo {
  owner_id: Id;
  channel_id: Id | null;
  message_id: Id | null;
  created_at: number;
  received: number;
  complete: boolean;
}

export interface Message {
  message_id: Id;
  channel_id: Id;
  seq: number;
  n: number;
  sender_id: Id;
  type: string;
  text: string;
  html: string | null;
  mentions: Mention[];
  timestamp: number;
  client_msg_id: string | null;
  thread_id: Id | null;
  thread_n: number;
  also_in_channel: boolean;
  edited_at: number | null;
  deleted: boolean;
  reactions: Reaction[];
  reply_count: number;
  last_reply_at: number | null;
  quote?: Quote;
  files?: FileInfo[];
}

export interface SavedItem {
  message_id: Id;
  channel_id: Id;
  message: Message | null;
  saved_at: number;
  done: boolean;
}

export interface Draft {
  workspace_id: Id;
  channel_id: Id;
  thread_id: Id | null;
  text: string;
  updated_at: number;
}

export interface Scheduled {
  id: Id;
  workspace_id: Id;
  channel_id: Id;
  thread_id: Id | null;
  also_in_channel: boolean;
  text: string;
  at: number;
  problem: string | null;
}

export interface Reminder {
  id: Id;
  workspace_id: Id;
  channel_id: Id | null;
  message_id: Id | null;
  text: string;
  at: number;
  due: boolean;
}

export interface SidebarLayout {
  starred: Id[];
  sections: { id: string; name: string; channel_ids: Id[] }[];
}

export interface Pin {
  message: Message;
  pinned_at: number;
  pinned_by: Id;
}

/* ---- REST ---- */

export type ErrorCode =
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "rate_limited"
  | "unavailable";

export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode | (string & {});
  detail: string;
  errors?: Record<string, string[]>;
}

export interface Page<T> {
  results: T[];
  next_cursor: string | null;
}

export interface HistoryPage {
  results: Message[];
  cursors: { older: string | null; newer: string | null };
  seq: number;
  count: number;
  /** The message store does not answer: what could be had is here. */
  partial?: true;
  /** What else happened to the channel between these messages, oldest first; where asked for. */
  notices?: EventFrame[];
}

/** `editors` wrote since the version before. */
export interface CanvasVersion {
  n: number;
  editors: Id[];
  created_at: number;
}

export interface RepliesPage extends Page<Message> {
  parent: Message;
  following: boolean;
}

export interface MessageVersion {
  text: string;
  html: string | null;
  edited_at: number;
  editor_id: Id;
}

export type NotificationLevel = "all" | "mentions" | "nothing";

/** Where a channel differs; `level` null: as in the workspace. Muted until then, or for good. */
export interface ChannelNotifications {
  channel_id: Id;
  level: NotificationLevel | null;
  muted: boolean;
  muted_until: number | null;
}

export interface NotificationPreference {
  workspace_id: Id;
  level: NotificationLevel;
  keywords: string[];
  email: boolean;
  /** When letters come: a while after what was missed, each morning, or on Mondays. */
  digest: "soon" | "daily" | "weekly";
  content_free: boolean;
  sound: boolean;
  channels: ChannelNotifications[];
}

export interface Device {
  id: Id;
  kind: "webpush" | "fcm" | "apns";
  name: string;
  created_at: number;
  last_seen_at: number;
  current: boolean;
}

export interface Session {
  id: Id;
  kind: "browser" | "api";
  user_agent: string;
  ip: string | null;
  created_at: number;
  last_seen_at: number;
  current: boolean;
}

export interface Invite {
  id: Id;
  code: string;
  url: string;
  email: string | null;
  role: Role;
  expires_at: number | null;
  uses: number;
  max_uses: number | null;
}

export interface InvitePreview {
  workspace: { id: Id; name: string };
  inviter: string;
  role: Role;
}

export interface FollowedThread {
  parent: Message;
  reply_count: number;
  last_reply_at: number | null;
}

export interface ChannelUnread extends Unread {
  channel_id: Id;
  count: number | null;
}

export interface UnreadsPage extends Page<ChannelUnread> {
  threads: (ChannelUnread & { thread_id: Id })[];
  partial: boolean;
}

export interface MovedMarker extends Marker {
  channel_id: Id;
  thread_id: Id | null;
  /** What a search found. `snippet` is text, cut into parts that match and parts that don't. */
}

export interface Hit {
  message: Message;
  snippet: { text: string; match: boolean }[];
}

/** `notes` say who or what does not exist; the index is complete up to `indexed_until`. */
export interface SearchAnswer extends Page<Hit> {
  notes: string[];
  indexed_until: number | null;
}

export interface Happening {
  kind: "mention" | "thread" | "reaction";
  at: number;
  actor_id: Id;
  message: Message;
  emoji: string | null;
  unread: number | null;
}

export interface TokenPair {
  access: string;
  refresh: string;
  expires_in: number;
}

export type PostResult =
  | { message_id: Id; timestamp: number; seq: number; message: Message }
  | { message_id: Id; timestamp?: never; seq?: never; message?: never };

/* ---- events ---- */

interface MessageRef {
  message_id: Id;
  channel_id: Id;
  thread_id: Id | null;
}

interface EventData {
  "message.posted": Message;
  "message.edited": MessageRef & {
    also_in_channel: boolean;
    text: string;
    html: string | null;
    mentions: Mention[];
    edited_at: number;
  };
  "message.deleted": MessageRef & {
    also_in_channel: boolean;
    /** The message's places and sender; absent or 0 in events of an older server. */
    n?: number;
    thread_n?: number;
    sender_id?: Id | null;
  };
  "reaction.added": MessageRef & { emoji: string; user_id: Id };
  "reaction.removed": MessageRef & { emoji: string; user_id: Id };
  "saved.changed": { workspace_id: Id; message_id: Id; saved: boolean; done: boolean };
  "draft.changed": {
    workspace_id: Id;
    channel_id: Id;
    thread_id: Id | null;
    kept: boolean;
    origin: string | null;
  };
  "scheduled.changed": {
    workspace_id: Id;
    channel_id: Id;
    id: Id;
    state: "waiting" | "failed" | "sent" | "cancelled";
  };
  "reminder.changed": { workspace_id: Id; id: Id; state: "waiting" | "due" | "done" };
  "sidebar.changed": { workspace_id: Id };
  "message.pinned": MessageRef;
  "message.unpinned": MessageRef;
  "channel.updated": {
    channel_id: Id;
    name: string | null;
    topic: string;
    purpose: string;
    posting?: "everyone" | "admins";
    changed?: string[];
    old_name?: string | null;
  };
  "channel.archived": { channel_id: Id };
  "channel.unarchived": { channel_id: Id };
  "channel.member_joined": { channel_id: Id; user_id: Id; by: Id | null };
  "channel.member_left": { channel_id: Id; user_id: Id; by: Id | null };
  "channel.created": ChannelInfo;
  "membership.added": { channel_id: Id; workspace_id: Id };
  "membership.removed": { channel_id: Id; workspace_id: Id };
  "workspace.updated": {
    workspace_id: Id;
    name: string;
    emoji_by: "members" | "admins";
    groups_by: "members" | "admins";
  };
  "group.changed": Omit<Group, "mine"> & { workspace_id: Id; added: Id[]; removed: Id[] };
  "emoji.added": CustomEmoji & { workspace_id: Id };
  "emoji.removed": { workspace_id: Id; names: string[] };
  "workspace.member_joined": Member & { workspace_id: Id };
  "workspace.member_updated": Member & { workspace_id: Id };
  "notifications.preferences_changed": Omit<NotificationPreference, "channels">;
  "notifications.channel_changed": ChannelNotifications & { workspace_id: Id };
  "workspace.joined": { workspace_id: Id };
  "workspace.left": { workspace_id: Id };
  "status.changed": { status: Status | null };
  "dnd.changed": { until: number | null; schedule: DndSchedule | null };
  "away.changed": { away: boolean };
}

export type EventType = keyof EventData;

interface EventEnvelope {
  t: "event";
  stream: StreamName;
  seq: number;
  count: number;
  actor_id: Id | null;
  timestamp: number;
}

/** A closed union on `type`; a type that this client does not know yet must be passed over, never fail. */
export type EventFrame = { [K in EventType]: EventEnvelope & { type: K; data: EventData[K] } }[EventType];
export type EventOf<K extends EventType> = Extract<EventFrame, { type: K }>;

/* ---- socket frames ---- */

export interface SendFrame {
  t: "send";
  id: number;
  channel_id: Id;
  text: string;
  client_msg_id: string;
  type?: string;
  thread_id?: Id;
  also_in_channel?: boolean;
  file_ids?: Id[];
  retry?: true;
}

export type ClientFrame =
  | { t: "auth"; token: string }
  | { t: "resume"; session: string; token: string; streams: Record<StreamName, number> }
  | { t: "subscribe"; id: number; streams: Record<StreamName, number | null> }
  | { t: "unsubscribe"; id: number; streams: StreamName[] }
  | SendFrame
  | { t: "edit"; id: number; message_id: Id; text: string }
  | { t: "delete"; id: number; message_id: Id }
  | { t: "react"; id: number; message_id: Id; emoji: string; on: boolean }
  | { t: "mark"; channel_id: Id; thread_id?: Id; n: number; version?: number }
  | { t: "watch"; id: number; users: Id[] }
  | { t: "active"; on: boolean }
  | { t: "typing"; channel_id: Id; thread_id?: Id; on?: boolean }
  | { t: "ack"; streams: Record<StreamName, number> }
  | { t: "pull"; id: number; stream: StreamName; after: number }
  | { t: "ping"; id: number };

/** Whether events come by themselves or have to be asked for (hot channels). */
export type Mode = "push" | "pull";

export interface HelloFrame {
  t: "hello";
  session: string;
  token: string;
  user_id: Id;
  heartbeat_ms: number;
  gateway: string;
  resumed: boolean;
}

export interface SubscribedFrame {
  t: "subscribed";
  id: number | null;
  streams: Record<StreamName, { seq: number; count: number; mode: Mode }>;
  denied: StreamName[];
}

export interface ErrorFrame {
  t: "error";
  id: number | null;
  code: ErrorCode | (string & {});
  detail: string;
  retry_after?: number;
}

export interface AckFrame {
  t: "ack";
  id: number;
  client_msg_id: string;
  message_id: Id;
  timestamp: number;
}

/** On the socket `dnd` false and `status` null are left out. */
export type PresenceWords = Pick<Presence, "state"> & Partial<Presence>;

export interface WatchingFrame {
  t: "watching";
  id: number;
  users: Record<Id, PresenceWords>;
}

/** Worth nothing a moment later. A type that this client does not know yet must be passed over. */
export type SignalFrame =
  | { t: "signal"; stream: StreamName; type: "presence"; data: Record<Id, PresenceWords> }
  | { t: "signal"; stream: StreamName; type: "head"; data: { seq: number; count: number } }
  | { t: "signal"; stream: StreamName; type: "marker.moved"; data: MovedMarker }
  | { t: "signal"; stream: StreamName; type: "typing"; data: { typing: Typist[] } };

export type ServerFrame =
  | HelloFrame
  | SubscribedFrame
  | { t: "resync"; stream: StreamName; seq: number }
  | { t: "mode"; stream: StreamName; mode: Mode; seq: number; count: number }
  | {
      t: "pulled";
      id: number | null;
      stream: StreamName;
      seq: number;
      head: number;
      count: number;
      mode: Mode;
    }
  | AckFrame
  | { t: "ok"; id: number }
  | EventFrame
  | WatchingFrame
  | SignalFrame
  | { t: "gone"; stream: StreamName }
  | { t: "pong"; id: number }
  | ErrorFrame
  | { t: "reconnect"; after_ms: number };

export const CLOSE = {
  malformed: 4400,
  unauthenticated: 4401,
  origin: 4403,
  silent: 4408,
  replaced: 4409,
  revoked: 4410,
  tooLarge: 4413,
  tooManyErrors: 4429,
  overloaded: 4503,
  tooSlow: 4508,
} as const;

/** After these a reconnect would meet the same answer. */
export const FINAL_CLOSES: ReadonlySet<number> = new Set([
  CLOSE.unauthenticated,
  CLOSE.origin,
  CLOSE.replaced,
  CLOSE.revoked,
]);

export const FRAME_MAX_BYTES = 64 * 1024;
