import { ApiError } from "./errors.js";
import type {
  CanvasVersion,
  Channel,
  ChannelKind,
  ChannelNotifications,
  CustomEmoji,
  Device,
  Dnd,
  DndSchedule,
  Draft,
  FollowedThread,
  Group,
  Happening,
  HistoryPage,
  Id,
  Invite,
  InvitePreview,
  LinkCard,
  Member,
  Message,
  MessageVersion,
  MovedMarker,
  MyPresence,
  NotificationPreference,
  Page,
  Pin,
  PostResult,
  Presence,
  Problem,
  Reminder,
  RepliesPage,
  Role,
  SavedItem,
  Scheduled,
  SearchAnswer,
  Session,
  SidebarLayout,
  Status,
  TokenPair,
  UnreadsPage,
  Upload,
  User,
  Workspace,
} from "./protocol.js";

export interface RestOptions {
  /** Without a trailing slash; "" is the page's own origin. */
  baseUrl?: string;
  fetch?: typeof fetch;
  /** A bearer token; without it the session cookie is used, and changes carry the CSRF token. */
  token?: () => string | Promise<string>;
  csrfToken?: () => string;
  timeoutMs?: number;
}

type Query = Record<string, string | number | undefined>;
export interface PageQuery {
  cursor?: string;
  limit?: number;
}

export class RestClient {
  private readonly fetch: typeof fetch;

  constructor(private readonly options: RestOptions = {}) {
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  readonly auth = {
    signup: (body: { email: string; password: string; name: string }) =>
      this.post<TokenPair & { user: User }>("/v1/auth/signup", body),
    token: (body: { email: string; password: string }) => this.post<TokenPair>("/v1/auth/token", body),
    refresh: (refresh: string) => this.post<TokenPair>("/v1/auth/token/refresh", { refresh }),
    signout: () => this.post<void>("/v1/auth/signout"),
  };

  readonly me = {
    get: () => this.get<User>("/v1/me"),
    update: (body: {
      name?: string;
      language?: string;
      language_automatic?: boolean;
      timezone?: string;
      timezone_automatic?: boolean;
      toured?: boolean;
    }) => this.patch<User>("/v1/me", body),
    setStatus: (body: Partial<Status>) => this.write<{ status: Status | null }>("/v1/me/status", body),
    clearStatus: () => this.remove("/v1/me/status"),
    dnd: () => this.get<Dnd>("/v1/me/dnd"),
    setDnd: (body: { until?: number | null; schedule?: DndSchedule | null }) =>
      this.write<Dnd>("/v1/me/dnd", body),
    presence: () => this.get<MyPresence>("/v1/me/presence"),
    setAway: (away: boolean) => this.write<MyPresence>("/v1/me/presence", { away }),
    password: (body: { current: string; password: string }) => this.post<void>("/v1/me/password", body),
    sessions: () => this.get<Page<Session>>("/v1/me/sessions"),
    endSession: (id: Id) => this.remove(path`/v1/me/sessions/${id}`),
  };

  readonly workspaces = {
    list: (query: PageQuery = {}) => this.get<Page<Workspace>>("/v1/workspaces", { ...query }),
    create: (name: string) => this.post<Workspace>("/v1/workspaces", { name }),
    get: (id: Id) => this.get<Workspace>(path`/v1/workspaces/${id}`),
    rename: (id: Id, name: string) => this.patch<Workspace>(path`/v1/workspaces/${id}`, { name }),
    members: (id: Id, { ids, ...query }: PageQuery & { q?: string; ids?: readonly Id[] } = {}) =>
      this.get<Page<Member>>(path`/v1/workspaces/${id}/members`, {
        ...query,
        ...(ids ? { ids: ids.join(",") } : {}),
      }),
    presence: (id: Id, ids: readonly Id[]) =>
      this.get<{ results: (Presence & { user_id: Id })[] }>(path`/v1/workspaces/${id}/presence`, {
        ids: ids.join(","),
      }),
    updateMember: (id: Id, userId: Id, body: { role?: Role; active?: boolean; handle?: string }) =>
      this.patch<Member>(path`/v1/workspaces/${id}/members/${userId}`, body),
    invite: (id: Id, body: { email?: string; role?: Role; max_uses?: number; expires_in?: number } = {}) =>
      this.post<Invite>(path`/v1/workspaces/${id}/invites`, body),
    unreads: (id: Id, query: PageQuery = {}) =>
      this.get<UnreadsPage>(path`/v1/workspaces/${id}/unreads`, { ...query }),
    markAllRead: (id: Id) => this.post<{ moved: number }>(path`/v1/workspaces/${id}/read`),
    activity: (id: Id, query: PageQuery & { filter: "mentions" | "threads" | "reactions" }) =>
      this.get<Page<Happening>>(path`/v1/workspaces/${id}/activity`, { ...query }),
    threads: (id: Id, query: PageQuery = {}) =>
      this.get<Page<FollowedThread>>(path`/v1/workspaces/${id}/threads`, { ...query }),
    channels: (id: Id, query: PageQuery & { filter?: "mine" | "browse"; q?: string } = {}) =>
      this.get<Page<Channel>>(path`/v1/workspaces/${id}/channels`, { ...query }),
    search: (
      id: Id,
      query: {
        q: string;
        sort?: "newest" | "best";
        tz?: string;
        cursor?: string | undefined;
        limit?: number;
      },
    ) => this.get<SearchAnswer>(path`/v1/workspaces/${id}/search`, { ...query }),
    createChannel: (
      id: Id,
      body: { kind: ChannelKind; name?: string; members?: Id[]; topic?: string; purpose?: string },
    ) => this.post<Channel>(path`/v1/workspaces/${id}/channels`, body),
  };

  readonly groups = {
    list: (workspaceId: Id, query: PageQuery = {}) =>
      this.get<Page<Group>>(path`/v1/workspaces/${workspaceId}/groups`, { ...query }),
    create: (
      workspaceId: Id,
      body: { handle: string; name: string; description?: string; user_ids?: Id[] },
    ) => this.post<Group>(path`/v1/workspaces/${workspaceId}/groups`, body),
    update: (
      workspaceId: Id,
      id: Id,
      body: { handle?: string; name?: string; description?: string; archived?: boolean },
    ) => this.patch<Group>(path`/v1/workspaces/${workspaceId}/groups/${id}`, body),
    members: (workspaceId: Id, id: Id, query: PageQuery = {}) =>
      this.get<Page<Member>>(path`/v1/workspaces/${workspaceId}/groups/${id}/members`, { ...query }),
    add: (workspaceId: Id, id: Id, userIds: readonly Id[]) =>
      this.post<Group>(path`/v1/workspaces/${workspaceId}/groups/${id}/members`, { user_ids: userIds }),
    remove: (workspaceId: Id, id: Id, userId: Id) =>
      this.remove(path`/v1/workspaces/${workspaceId}/groups/${id}/members/${userId}`),
  };

  readonly emoji = {
    list: (workspaceId: Id, query: PageQuery = {}) =>
      this.get<Page<CustomEmoji>>(path`/v1/workspaces/${workspaceId}/emoji`, { ...query }),
    add: (workspaceId: Id, body: { name: string; image?: string; alias_of?: string }) =>
      this.post<CustomEmoji>(path`/v1/workspaces/${workspaceId}/emoji`, body),
    remove: (workspaceId: Id, name: string) => this.remove(path`/v1/workspaces/${workspaceId}/emoji/${name}`),
  };

  readonly notifications = {
    get: (workspaceId: Id) =>
      this.get<NotificationPreference>(path`/v1/workspaces/${workspaceId}/notifications`),
    update: (workspaceId: Id, body: Partial<Omit<NotificationPreference, "workspace_id" | "channels">>) =>
      this.patch<NotificationPreference>(path`/v1/workspaces/${workspaceId}/notifications`, body),
    updateChannel: (channelId: Id, body: Partial<Omit<ChannelNotifications, "channel_id">>) =>
      this.patch<ChannelNotifications>(path`/v1/channels/${channelId}/notifications`, body),
  };

  readonly devices = {
    key: () => this.get<{ key: string | null }>("/v1/push/key"),
    list: () => this.get<Page<Device>>("/v1/me/devices"),
    register: (body: {
      kind: Device["kind"];
      token: string;
      keys?: { p256dh: string; auth: string };
      name?: string;
      replaces?: string;
    }) => this.post<Device>("/v1/me/devices", body),
    remove: (id: Id) => this.remove(path`/v1/me/devices/${id}`),
    test: () => this.post<void>("/v1/me/devices/test"),
  };

  readonly invites = {
    get: (code: string) => this.get<InvitePreview>(path`/v1/invites/${code}`),
    accept: (code: string) => this.post<Workspace>(path`/v1/invites/${code}/accept`),
  };

  readonly channels = {
    get: (id: Id) => this.get<Channel>(path`/v1/channels/${id}`),
    update: (
      id: Id,
      body: { name?: string; topic?: string; purpose?: string; posting?: "everyone" | "admins" },
    ) => this.patch<Channel>(path`/v1/channels/${id}`, body),
    /** The message at the place `n`, by default the first after one's marker. */
    messageAt: (id: Id, n?: number) =>
      this.get<{ message_id: Id | null }>(path`/v1/channels/${id}/first-unread`, { n }),
    join: (id: Id) => this.post<Channel>(path`/v1/channels/${id}/join`),
    leave: (id: Id) => this.post<void>(path`/v1/channels/${id}/leave`),
    archive: (id: Id) => this.post<Channel>(path`/v1/channels/${id}/archive`),
    unarchive: (id: Id) => this.post<Channel>(path`/v1/channels/${id}/unarchive`),
    members: (id: Id, query: PageQuery & { q?: string } = {}) =>
      this.get<Page<Member>>(path`/v1/channels/${id}/members`, { ...query }),
    addMembers: (id: Id, userIds: Id[]) =>
      this.post<Channel>(path`/v1/channels/${id}/members`, { user_ids: userIds }),
    removeMember: (id: Id, userId: Id) => this.remove(path`/v1/channels/${id}/members/${userId}`),
    history: (
      id: Id,
      query: { limit?: number; before?: string; after?: string; around?: string; notices?: "true" } = {},
    ) => this.get<HistoryPage>(path`/v1/channels/${id}/messages`, query),
    mute: (id: Id, muted: boolean) => this.patch<unknown>(path`/v1/channels/${id}/notifications`, { muted }),
    pins: (id: Id) => this.get<{ results: Pin[] }>(path`/v1/channels/${id}/pins`),
  };

  readonly files = {
    /** `keepMetadata`: what a camera wrote stays in the picture. */
    begin: (workspaceId: Id, name: string, size: number, keepMetadata = false) =>
      this.post<Upload>("/v1/files", {
        workspace_id: workspaceId,
        name,
        size,
        ...(keepMetadata ? { keep_metadata: true } : {}),
      }),
    get: (id: Id) => this.get<Upload>(path`/v1/files/${id}`),
    discard: (id: Id) => this.remove(path`/v1/files/${id}`),
    ofChannel: (id: Id, query: PageQuery = {}) =>
      this.get<Page<Upload>>(path`/v1/channels/${id}/files`, { ...query }),
    /** One piece at its offset; XMLHttpRequest, since fetch does not tell how much has gone out. */
    put: (
      id: Id,
      offset: number,
      piece: Blob,
      options: { signal?: AbortSignal; progress?: (sent: number) => void } = {},
    ) => this.putBytes(path`/v1/files/${id}/content`, offset, piece, options),
  };

  readonly messages = {
    previews: (id: Id) =>
      this.get<{ results: LinkCard[]; pending: boolean }>(path`/v1/messages/${id}/previews`),
    hidePreviews: (id: Id) => this.remove(path`/v1/messages/${id}/previews`),
    post: (body: {
      channel_id: Id;
      text: string;
      type?: string;
      client_msg_id?: string;
      thread_id?: Id;
      also_in_channel?: boolean;
      file_ids?: Id[];
      forward_id?: Id;
    }) => this.post<PostResult>("/v1/messages", body),
    get: (id: Id) => this.get<Message>(path`/v1/messages/${id}`),
    edit: (id: Id, text: string) => this.patch<Message>(path`/v1/messages/${id}`, { text }),
    delete: (id: Id) => this.remove(path`/v1/messages/${id}`),
    versions: (id: Id) => this.get<{ results: MessageVersion[] }>(path`/v1/messages/${id}/history`),
    react: (id: Id, emoji: string) => this.put(path`/v1/messages/${id}/reactions/${emoji}`),
    unreact: (id: Id, emoji: string) => this.remove(path`/v1/messages/${id}/reactions/${emoji}`),
    pin: (id: Id) => this.put(path`/v1/messages/${id}/pin`),
    unpin: (id: Id) => this.remove(path`/v1/messages/${id}/pin`),
    replies: (id: Id, query: PageQuery = {}) =>
      this.get<RepliesPage>(path`/v1/messages/${id}/replies`, { ...query }),
    markUnread: (id: Id) => this.post<MovedMarker>(path`/v1/messages/${id}/unread`),
    follow: (id: Id) => this.put(path`/v1/messages/${id}/follow`),
    unfollow: (id: Id) => this.remove(path`/v1/messages/${id}/follow`),
  };

  readonly canvas = {
    /** As Markdown: what it is now, or at version `n`. */
    markdown: (channelId: Id, n?: number) =>
      this.get<string>(
        n === undefined
          ? path`/v1/channels/${channelId}/canvas`
          : path`/v1/channels/${channelId}/canvas/versions/${String(n)}`,
      ),
    versions: (channelId: Id, query: PageQuery = {}) =>
      this.get<Page<CanvasVersion>>(path`/v1/channels/${channelId}/canvas/versions`, { ...query }),
    restore: (channelId: Id, n: number) =>
      this.post<void>(path`/v1/channels/${channelId}/canvas/restore`, { n }),
  };

  /** What is one's own: drafts, saved messages, messages for later, reminders, the order of the sidebar. */
  readonly desk = {
    drafts: () => this.get<{ results: Draft[] }>("/v1/me/drafts"),
    keepDraft: (channelId: Id, body: { text: string; thread_id?: Id; origin?: string }) =>
      this.put(path`/v1/channels/${channelId}/draft`, body),
    dropDraft: (channelId: Id, query: { thread_id?: Id; origin?: string } = {}) =>
      this.remove(path`/v1/channels/${channelId}/draft` + queryOf(query)),
    save: (messageId: Id, done = false) => this.put(path`/v1/messages/${messageId}/saved`, { done }),
    unsave: (messageId: Id) => this.remove(path`/v1/messages/${messageId}/saved`),
    saved: (workspaceId: Id, query: PageQuery & { done?: "true"; ids?: "true" } = {}) =>
      this.get<Page<SavedItem> & { ids?: Id[] }>(path`/v1/workspaces/${workspaceId}/saved`, { ...query }),
    scheduled: (workspaceId: Id) =>
      this.get<{ results: Scheduled[] }>(path`/v1/workspaces/${workspaceId}/scheduled`),
    schedule: (
      workspaceId: Id,
      body: { channel_id: Id; text: string; at: number; thread_id?: Id; also_in_channel?: boolean },
    ) => this.post<Scheduled>(path`/v1/workspaces/${workspaceId}/scheduled`, body),
    reschedule: (id: Id, body: { text?: string; at?: number }) =>
      this.patch<Scheduled>(path`/v1/scheduled/${id}`, body),
    unschedule: (id: Id) => this.remove(path`/v1/scheduled/${id}`),
    sendNow: (id: Id) => this.post<void>(path`/v1/scheduled/${id}/send`),
    reminders: (workspaceId: Id) =>
      this.get<{ results: Reminder[] }>(path`/v1/workspaces/${workspaceId}/reminders`),
    remind: (workspaceId: Id, body: { at: number; text?: string; message_id?: Id }) =>
      this.post<Reminder>(path`/v1/workspaces/${workspaceId}/reminders`, body),
    putOff: (id: Id, at: number) => this.patch<Reminder>(path`/v1/reminders/${id}`, { at }),
    finish: (id: Id) => this.remove(path`/v1/reminders/${id}`),
    sidebar: (workspaceId: Id) => this.get<SidebarLayout>(path`/v1/workspaces/${workspaceId}/sidebar`),
    arrange: (workspaceId: Id, layout: SidebarLayout) =>
      this.call<SidebarLayout>("PUT", path`/v1/workspaces/${workspaceId}/sidebar`, layout),
  };

  /** Every result of a paged list, at most `limit` of them. */
  async all<T>(page: (query: PageQuery) => Promise<Page<T>>, limit = 10_000): Promise<T[]> {
    const results: T[] = [];
    let cursor: string | undefined;
    do {
      const answer = await page({ limit: 200, ...(cursor === undefined ? {} : { cursor }) });
      results.push(...answer.results);
      cursor = answer.next_cursor ?? undefined;
    } while (cursor !== undefined && results.length < limit);
    return results;
  }

  private async putBytes(
    url: string,
    offset: number,
    piece: Blob,
    options: { signal?: AbortSignal; progress?: (sent: number) => void },
  ): Promise<Upload> {
    const token = this.options.token ? await this.options.token() : null;
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("PATCH", (this.options.baseUrl ?? "") + url);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("Upload-Offset", String(offset));
      if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
      else request.setRequestHeader("X-CSRFToken", (this.options.csrfToken ?? cookieCsrfToken)());
      request.upload.onprogress = (event) => options.progress?.(event.loaded);
      request.onerror = () => reject(new ApiError("offline", "The server can't be reached."));
      request.onabort = () => reject(new ApiError("offline", "Stopped."));
      request.onload = () => {
        let json: unknown = null;
        try {
          json = JSON.parse(request.responseText);
        } catch {
          // the status says enough
        }
        if (request.status < 400 && json) resolve(json as Upload);
        else reject(ApiError.fromProblem(request.status, json as Problem | null, null));
      };
      options.signal?.addEventListener("abort", () => request.abort(), { once: true });
      request.send(piece);
    });
  }

  private get<T>(url: string, query: Query = {}): Promise<T> {
    return this.call<T>("GET", url + queryOf(query));
  }

  private post<T>(url: string, body: unknown = {}): Promise<T> {
    return this.call<T>("POST", url, body);
  }

  private patch<T>(url: string, body: unknown): Promise<T> {
    return this.call<T>("PATCH", url, body);
  }

  private write<T>(url: string, body: unknown): Promise<T> {
    return this.call<T>("PUT", url, body);
  }

  private put(url: string, body?: unknown): Promise<void> {
    return this.call<void>("PUT", url, body);
  }

  private remove(url: string): Promise<void> {
    return this.call<void>("DELETE", url);
  }

  private async call<T>(method: string, url: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.options.token) headers.Authorization = `Bearer ${await this.options.token()}`;
    else if (method !== "GET") headers["X-CSRFToken"] = (this.options.csrfToken ?? cookieCsrfToken)();
    let response: Response;
    try {
      response = await this.fetch((this.options.baseUrl ?? "") + url, {
        method,
        headers,
        credentials: this.options.token ? "omit" : "same-origin",
        signal: AbortSignal.timeout(this.options.timeoutMs ?? 20_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      throw late
        ? new ApiError("timeout", "The server did not answer in time.")
        : new ApiError("offline", "The server can't be reached.");
    }
    if (response.status === 204 || response.status === 205) return undefined as T;
    if (response.ok && response.headers.get("Content-Type")?.startsWith("text/"))
      return (await response.text()) as T;
    const json = (await response.json().catch(() => null)) as unknown;
    if (!response.ok) {
      const after = Number.parseFloat(response.headers.get("Retry-After") ?? "");
      throw ApiError.fromProblem(response.status, json as Problem | null, Number.isNaN(after) ? null : after);
    }
    return json as T;
  }
}

/** Escapes what is filled in, so that an id or an emoji can't change the path. */
function queryOf(query: Query): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) params.set(key, String(value));
  return params.size > 0 ? `?${params}` : "";
}

function path(parts: TemplateStringsArray, ...values: string[]): string {
  return parts.reduce((url, part, index) => url + encodeURIComponent(values[index - 1] ?? "") + part);
}

function cookieCsrfToken(): string {
  const pair = (globalThis.document?.cookie ?? "").split("; ").find((part) => part.startsWith("csrftoken="));
  return pair ? decodeURIComponent(pair.slice("csrftoken=".length)) : "";
}
