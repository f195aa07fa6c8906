import type {
  Channel,
  ConnectionState,
  EventFrame,
  FollowedThread,
  Id,
  Member,
  Message,
  OutboxEntry,
  Pin,
  Reminder,
  Scheduled,
  SidebarLayout,
  User,
  Workspace,
} from "@slackclone/client";
import { createSignal } from "solid-js";
import { createStore } from "solid-js/store";
import { t } from "../i18n";

/** A contiguous run of a channel's messages, oldest first. `newer` is null when it reaches the present. */
export interface Timeline {
  ids: Id[];
  status: "loading" | "ready" | "error";
  older: string | null;
  newer: string | null;
  busy: "older" | "newer" | null;
  /** Seq up to which the run is complete. */
  seq: number;
  /** What else happened to the channel within the run, by seq. */
  notices: EventFrame[];
}

/** `as_of`: the seq of the newest event of the channel that this copy contains. Older ones must not be applied again. */
export interface Known extends Message {
  as_of: number;
}

export interface Thread {
  ids: Id[];
  status: "loading" | "ready" | "error";
  next: string | null;
}

/** A message of one's own that the channel does not show yet. */
export interface Pending {
  entry: OutboxEntry;
  state: "queued" | "sent" | "failed";
  error: string | null;
}

export interface DraftText {
  channel_id: Id;
  thread_id: Id | null;
  text: string;
  updated_at: number;
}

export interface ThreadRead {
  channel_id: Id;
  n: number;
  version: number;
  unread: number;
  mentions: number;
}

export interface FollowedThreads {
  items: FollowedThread[];
  status: "loading" | "ready" | "error";
  next: string | null;
}

export interface AppState {
  me: User | null;
  boot: "loading" | "ready" | "error";
  connection: ConnectionState;
  /** Whether there was a working connection since the page opened. */
  everOpen: boolean;
  workspaces: Record<Id, Workspace>;
  workspaceIds: Id[];
  loaded: Record<Id, boolean>;
  members: Record<Id, Record<Id, Member>>;
  channels: Record<Id, Channel>;
  messages: Record<Id, Known>;
  timelines: Record<Id, Timeline>;
  threads: Record<Id, Thread>;
  followed: Record<Id, FollowedThreads>;
  /** By channel, the newest pin first; those of channels that were looked at. */
  pins: Record<Id, Pin[]>;
  /** Saved and not done, by message. */
  saved: Record<Id, boolean>;
  /** By `draftKey`; what this person began to write, here or elsewhere. */
  drafts: Record<string, DraftText>;
  /** By workspace. */
  reminders: Record<Id, Reminder[]>;
  scheduled: Record<Id, Scheduled[]>;
  layouts: Record<Id, SidebarLayout>;
  following: Record<Id, boolean>;
  pending: Record<string, Pending>;
  /** How far threads are read that one follows or has opened. */
  threadReads: Record<Id, ThreadRead>;
}

export const [state, setState] = createStore<AppState>({
  me: null,
  boot: "loading",
  connection: { name: "idle" },
  everOpen: false,
  workspaces: {},
  workspaceIds: [],
  loaded: {},
  members: {},
  channels: {},
  messages: {},
  timelines: {},
  threads: {},
  followed: {},
  pins: {},
  saved: {},
  drafts: {},
  reminders: {},
  scheduled: {},
  layouts: {},
  following: {},
  pending: {},
  threadReads: {},
});

/**
 * Rises when the rows of a timeline may change without its list of ids: a deletion, or a reply under a tombstone. Rows are built
 * from plain objects: following five fields of each of hundreds of messages would cost more than showing them.
 */
export const [structure, setStructure] = createSignal(0);
export const structureChanged = (): void => void setStructure((n) => n + 1);

export const myId = (): Id => state.me?.id ?? "";

export function memberOf(workspaceId: Id, userId: Id): Member | undefined {
  return state.members[workspaceId]?.[userId];
}

let unknownPerson: (workspaceId: Id, userId: Id) => void = () => undefined;

/** `handler` is told of everybody who is shown and not known. */
export function onUnknownPerson(handler: typeof unknownPerson): void {
  unknownPerson = handler;
}

export function nameOf(workspaceId: Id, userId: Id): string {
  const known = memberOf(workspaceId, userId)?.name;
  if (known) return known;
  if (userId === myId()) return state.me?.name ?? "";
  if (userId) unknownPerson(workspaceId, userId);
  return t("Somebody");
}

/** The people of a direct conversation other than oneself; a conversation with oneself is just that. */
export function partnersOf(channel: Channel): Id[] {
  const others = (channel.member_ids ?? []).filter((id) => id !== myId());
  return others.length > 0 ? others : [myId()];
}

export const isDirect = (channel: Channel): boolean => channel.kind === "dm" || channel.kind === "group_dm";

export function titleOf(channel: Channel): string {
  if (!isDirect(channel)) return channel.name ?? "";
  const partners = partnersOf(channel);
  if (partners[0] === myId()) return t("{name} (you)", { name: state.me?.name ?? "" });
  return partners.map((id) => nameOf(channel.workspace_id, id)).join(", ");
}

export function labelOf(channel: Channel): string {
  return isDirect(channel) ? titleOf(channel) : `#${channel.name}`;
}

/** Whether one may begin something in the channel, beyond replying. */
export function canPost(channel: Channel): boolean {
  if (!channel.is_member || channel.archived) return false;
  const role = state.workspaces[channel.workspace_id]?.role;
  return (
    channel.posting !== "admins" || role === "owner" || role === "admin" || channel.creator_id === myId()
  );
}
