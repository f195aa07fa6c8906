/** The contract of docs/protocol.md in memory, for work on the UI without a server. Development only; one person, no rights. */
import { createReadStream, existsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { type WebSocket, WebSocketServer } from "ws";
import type {
  Channel,
  ClientFrame,
  EventFrame,
  EventOf,
  EventType,
  HistoryPage,
  Member,
  Message,
  Workspace,
} from "../client/src/protocol";

const ME = "1001";
const WS = "500";
const DAY = 86_400_000;
let lastId = 10_000;
const newId = () => String(++lastId);

interface Stream {
  seq: number;
  count: number;
  events: EventFrame[];
}
const streams = new Map<string, Stream>();
const sockets = new Map<WebSocket, Set<string>>();
const channels = new Map<string, Channel>();
const messages = new Map<string, Message>();
const versions = new Map<string, { text: string; html: null; edited_at: number; editor_id: string }[]>();
const members: Member[] = [];
const workspaces: Workspace[] = [];
const byClientId = new Map<string, Message>();
const me = {
  id: ME,
  name: "Ada Lovelace",
  email: "ada@example.org",
  is_bot: false,
  created_at: Date.now() - 90 * DAY,
  toured: true,
};

function streamOf(name: string): Stream {
  const stream = streams.get(name) ?? { seq: 0, count: 0, events: [] };
  streams.set(name, stream);
  return stream;
}

function append<K extends EventType>(
  name: string,
  type: K,
  actor: string,
  data: EventOf<K>["data"],
  at = Date.now(),
) {
  const stream = streamOf(name);
  stream.seq += 1;
  const event = {
    t: "event",
    stream: name,
    seq: stream.seq,
    count: stream.count,
    type,
    actor_id: actor,
    timestamp: at,
    data,
  };
  stream.events.push(event as unknown as EventFrame);
  for (const [socket, following] of sockets) if (following.has(name)) socket.send(JSON.stringify(event));
}

interface Post {
  channel_id: string;
  text: string;
  sender?: string;
  thread_id?: string | undefined;
  also_in_channel?: boolean | undefined;
  client_msg_id?: string | undefined;
  at?: number;
  html?: string | null;
}

function post(body: Post): Message {
  const known = body.client_msg_id ? byClientId.get(body.client_msg_id) : undefined;
  if (known) return known;
  const stream = streamOf(`c:${body.channel_id}`);
  const top = !body.thread_id || body.also_in_channel === true;
  if (top) stream.count += 1;
  const parent = body.thread_id ? messages.get(body.thread_id) : undefined;
  const at = body.at ?? Date.now();
  const handles = [...body.text.matchAll(/@([\w.-]+)/g)].map((m) => m[1] ?? "");
  const message: Message = {
    message_id: newId(),
    channel_id: body.channel_id,
    seq: stream.seq + 1,
    n: top ? stream.count : 0,
    sender_id: body.sender ?? ME,
    type: "text",
    text: body.text,
    html: body.html ?? null,
    mentions: handles.flatMap((handle) => {
      const user = members.find((m) => m.handle === handle);
      if (user) return [{ kind: "user" as const, handle, user_id: user.user_id }];
      return handle === "channel" || handle === "here"
        ? [{ kind: handle, handle, user_id: null } as const]
        : [];
    }),
    timestamp: at,
    client_msg_id: body.client_msg_id ?? null,
    thread_id: body.thread_id ?? null,
    thread_n: parent ? parent.reply_count + 1 : 0,
    also_in_channel: body.also_in_channel === true,
    edited_at: null,
    deleted: false,
    reactions: [],
    reply_count: 0,
    last_reply_at: null,
  };
  messages.set(message.message_id, message);
  if (message.client_msg_id) byClientId.set(message.client_msg_id, message);
  if (parent) {
    parent.reply_count += 1;
    parent.last_reply_at = at;
  }
  append(`c:${body.channel_id}`, "message.posted", message.sender_id, structuredClone(message), at);
  const channel = channels.get(body.channel_id);
  if (channel) Object.assign(channel, { seq: stream.seq, count: stream.count, last_message_at: at });
  return message;
}

const refOf = (message: Message) => ({
  message_id: message.message_id,
  channel_id: message.channel_id,
  thread_id: message.thread_id,
  also_in_channel: message.also_in_channel,
});

function edit(message: Message, text: string) {
  const list = versions.get(message.message_id) ?? [
    { text: message.text, html: null, edited_at: message.timestamp, editor_id: message.sender_id },
  ];
  versions.set(message.message_id, [...list, { text, html: null, edited_at: Date.now(), editor_id: ME }]);
  Object.assign(message, { text, html: null, edited_at: Date.now() });
  append(`c:${message.channel_id}`, "message.edited", ME, {
    ...refOf(message),
    text,
    html: null,
    mentions: message.mentions,
    edited_at: Date.now(),
  });
}

function remove(message: Message) {
  Object.assign(message, { deleted: true, text: "", html: null, reactions: [], mentions: [] });
  const parent = message.thread_id ? messages.get(message.thread_id) : undefined;
  if (parent) parent.reply_count -= 1;
  append(`c:${message.channel_id}`, "message.deleted", ME, refOf(message));
}

function react(message: Message, emoji: string, on: boolean, user = ME) {
  let reaction = message.reactions.find((r) => r.emoji === emoji);
  if (on) {
    if (!reaction) {
      reaction = { emoji, user_ids: [] };
      message.reactions.push(reaction);
    }
    if (!reaction.user_ids.includes(user)) reaction.user_ids.push(user);
  } else if (reaction) {
    reaction.user_ids = reaction.user_ids.filter((id) => id !== user);
    message.reactions = message.reactions.filter((r) => r.user_ids.length > 0);
  }
  const { also_in_channel: _, ...ref } = refOf(message);
  append(`c:${message.channel_id}`, on ? "reaction.added" : "reaction.removed", user, {
    ...ref,
    emoji,
    user_id: user,
  });
}

function addChannel(fields: Partial<Channel>): Channel {
  const id = newId();
  const channel: Channel = {
    id,
    workspace_id: WS,
    kind: "public",
    name: null,
    topic: "",
    purpose: "",
    archived: false,
    creator_id: ME,
    created_at: Date.now() - 40 * DAY,
    member_count: members.length,
    member_ids: null,
    is_member: true,
    stream: `c:${id}`,
    seq: 0,
    count: 0,
    last_message_at: null,
    ...fields,
  };
  channels.set(id, channel);
  return channel;
}

function seed() {
  const names = [
    "Ada Lovelace",
    "Grace Hopper",
    "Alan Turing",
    "Barbara Liskov",
    "Dennis Ritchie",
    "Katherine Johnson",
    "Deploy Bot",
  ];
  names.forEach((name, index) => {
    members.push({
      user_id: String(1001 + index * 7),
      name,
      handle: (name.split(" ")[0] ?? "").toLowerCase(),
      role: index === 0 ? "owner" : index === 1 ? "admin" : "member",
      is_bot: name === "Deploy Bot",
      active: true,
      joined_at: Date.now() - 60 * DAY,
    });
  });
  const who = (n: number) => members[n % members.length]?.user_id ?? ME;
  workspaces.push(
    {
      id: WS,
      name: "Analytical Engines",
      slug: "engines",
      role: "owner",
      created_at: Date.now() - 60 * DAY,
      stream: `w:${WS}`,
      seq: 0,
    },
    {
      id: "501",
      name: "Book Club",
      slug: "books",
      role: "member",
      created_at: Date.now() - 9 * DAY,
      stream: "w:501",
      seq: 0,
    },
  );
  const general = addChannel({
    name: "general",
    topic: "Company-wide news and small talk",
    purpose: "For everybody.",
  });
  const launch = addChannel({ name: "launch-week", topic: "Ship on Thursday 🚀", creator_id: who(1) });
  addChannel({ name: "design", topic: "Tokens, type and taste" });
  addChannel({ name: "incidents", creator_id: who(3) });
  addChannel({ name: "board", kind: "private", member_count: 3 });
  addChannel({ name: "random", is_member: false, purpose: "Everything that does not matter." });
  addChannel({ name: "running", is_member: false, member_count: 2 });
  const grace = addChannel({ kind: "dm", member_ids: [ME, who(1)], member_count: 2 });
  addChannel({ kind: "group_dm", member_ids: [ME, who(2), who(3)], member_count: 3 });
  const start = Date.now() - 3 * DAY;
  for (let n = 0; n < 900; n += 1) {
    post({
      channel_id: general.id,
      sender: who(Math.floor(n / 3)),
      text: `Message ${n}: ${"the engine weaves algebraic patterns ".repeat(1 + (n % 4)).trim()}.`,
      at: start + n * 180_000,
    });
  }
  const at = Date.now() - 3_600_000;
  const first = post({
    channel_id: launch.id,
    sender: who(1),
    text: "Morning! Release candidate is built. Checklist for today:",
    html: "<p>Morning! <strong>Release candidate</strong> is built. Checklist for today:</p><ul><li>smoke tests on the cluster</li><li>docs read by somebody who did not write them</li><li><code>make bench</code> against last week</li></ul>",
    at: at - DAY,
  });
  react(first, "🎉", true, who(2));
  react(first, "🎉", true);
  react(first, "👀", true, who(3));
  for (const [n, text] of [
    "Smoke tests pass here.",
    "Docs: two typos, otherwise clear.",
    "Bench is within noise.",
  ].entries()) {
    post({
      channel_id: launch.id,
      sender: who(n + 1),
      text,
      thread_id: first.message_id,
      at: at - DAY + (n + 1) * 60_000,
    });
  }
  post({
    channel_id: launch.id,
    sender: who(2),
    text: "@ada can you look at https://example.org/runs/42 before noon?",
    at,
  });
  post({
    channel_id: launch.id,
    sender: who(2),
    text: "It fails only with a cold cache.",
    html: '<p>It fails only with a cold cache:</p><pre><code class="language-python">def warm(cache: Cache) -&gt; None:\n    for key in cache.keys():\n        cache.get(key)\n</code></pre><blockquote><p>Premature optimisation and so on</p></blockquote>',
    at: at + 60_000,
  });
  const edited = post({ channel_id: launch.id, sender: ME, text: "On it.", at: at + 120_000 });
  edit(edited, "On it. Give me ten minutes.");
  post({ channel_id: launch.id, sender: who(6), text: "Deployed rc3 to staging in 42 s.", at: at + 240_000 });
  post({ channel_id: launch.id, sender: who(4), text: "🚀🎉", at: at + 300_000 });
  post({ channel_id: grace.id, sender: who(1), text: "Lunch?", at: at + 200_000 });
  post({ channel_id: grace.id, sender: ME, text: "Always. @grace pick the place", at: at + 260_000 });
}

/* ---- doors ---- */

type Body = Record<string, never>;
type Handler = (match: string[], query: URLSearchParams, body: Body) => unknown;

const page = <T>(results: T[], query?: URLSearchParams) => {
  const from = Number(query?.get("cursor") ?? 0);
  const limit = Number(query?.get("limit") ?? 50);
  return {
    results: results.slice(from, from + limit),
    next_cursor: from + limit < results.length ? String(from + limit) : null,
  };
};
const missing = () => ({
  status: 404,
  problem: { code: "not_found", title: "Not found", detail: "There is no such thing." },
});
const withMessage = (id: string | undefined, use: (message: Message) => unknown) => {
  const message = messages.get(id ?? "");
  return message ? use(message) : missing();
};
const withChannel = (id: string | undefined, use: (channel: Channel) => unknown) => {
  const channel = channels.get(id ?? "");
  return channel ? use(channel) : missing();
};
const matches = (q: string | null) => (text: string) => !q || text.toLowerCase().includes(q.toLowerCase());

function history(channel: Channel, query: URLSearchParams): HistoryPage {
  const all = [...messages.values()]
    .filter((m) => m.channel_id === channel.id && (m.thread_id === null || m.also_in_channel))
    .sort((a, b) => a.seq - b.seq);
  const limit = Number(query.get("limit") ?? 50);
  const at = (id: string) => all.findIndex((m) => m.message_id === id);
  let from = Math.max(0, all.length - limit);
  let to = all.length;
  const [before, after, around] = [query.get("before"), query.get("after"), query.get("around")];
  if (before) [from, to] = [Math.max(0, at(before) - limit), at(before)];
  else if (after) [from, to] = [at(after) + 1, at(after) + 1 + limit];
  else if (around) [from, to] = [Math.max(0, at(around) - limit / 2), at(around) + limit / 2];
  const results = all.slice(from, to);
  return {
    results: structuredClone(results).reverse(),
    cursors: {
      older: from > 0 ? (results[0]?.message_id ?? null) : null,
      newer: to < all.length ? (results.at(-1)?.message_id ?? null) : null,
    },
    seq: channel.seq,
    count: channel.count,
  };
}

const routes: [string, RegExp, Handler][] = [
  ["GET", /^\/v1\/me$/, () => me],
  ["PATCH", /^\/v1\/me$/, (_, __, body) => Object.assign(me, body)],
  [
    "GET",
    /^\/v1\/me\/sessions$/,
    () =>
      page([
        {
          id: "1",
          kind: "browser",
          user_agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0",
          ip: "127.0.0.1",
          created_at: Date.now() - DAY,
          last_seen_at: Date.now(),
          current: true,
        },
        {
          id: "2",
          kind: "browser",
          user_agent: "Mozilla/5.0 (iPhone) Safari/605",
          ip: "192.0.2.7",
          created_at: Date.now() - 9 * DAY,
          last_seen_at: Date.now() - DAY,
          current: false,
        },
      ]),
  ],
  ["GET", /^\/v1\/workspaces$/, () => page(workspaces)],
  [
    "POST",
    /^\/v1\/workspaces$/,
    (_, __, body) => {
      const id = newId();
      workspaces.push({
        id,
        name: body.name ?? "",
        slug: id,
        role: "owner",
        created_at: Date.now(),
        stream: `w:${id}`,
        seq: 0,
      });
      return workspaces.at(-1);
    },
  ],
  ["GET", /^\/v1\/workspaces\/(\d+)$/, ([id]) => workspaces.find((w) => w.id === id) ?? missing()],
  [
    "GET",
    /^\/v1\/workspaces\/(\d+)\/members$/,
    (_, query) =>
      page(
        members
          .filter((m) => matches(query.get("q"))(`${m.name} ${m.handle}`))
          .filter((m) => query.get("ids")?.split(",").includes(m.user_id) ?? true),
        query,
      ),
  ],
  [
    "POST",
    /^\/v1\/workspaces\/(\d+)\/invites$/,
    (_, __, body) => ({
      id: newId(),
      code: "c0de",
      url: "/invite/c0de",
      role: "member",
      uses: 0,
      max_uses: null,
      expires_at: null,
      email: null,
      ...(body as object),
    }),
  ],
  [
    "GET",
    /^\/v1\/workspaces\/(\d+)\/threads$/,
    () =>
      page(
        [...messages.values()]
          .filter((m) => m.reply_count > 0)
          .map((parent) => ({
            parent,
            reply_count: parent.reply_count,
            last_reply_at: parent.last_reply_at,
          })),
      ),
  ],
  [
    "GET",
    /^\/v1\/workspaces\/(\d+)\/channels$/,
    ([ws], query) =>
      page(
        [...channels.values()].filter(
          (c) =>
            c.workspace_id === ws &&
            matches(query.get("q"))(c.name ?? "") &&
            (query.get("filter") === "browse" ? c.kind === "public" : c.is_member),
        ),
        query,
      ),
  ],
  [
    "POST",
    /^\/v1\/workspaces\/(\d+)\/channels$/,
    ([ws], __, body) => {
      const wanted = body as unknown as {
        kind: Channel["kind"];
        name?: string;
        members?: string[];
        purpose?: string;
      };
      const ids = wanted.members ? [...new Set([ME, ...wanted.members])].sort() : null;
      const same = [...channels.values()].find(
        (c) => ids && c.member_ids && c.member_ids.slice().sort().join() === ids.join(),
      );
      if (same) return same;
      if (wanted.name && [...channels.values()].some((c) => c.name === wanted.name)) {
        return {
          status: 409,
          problem: {
            code: "conflict",
            title: "Conflict",
            detail: "There is a channel of that name already.",
          },
        };
      }
      return addChannel({
        workspace_id: ws ?? WS,
        kind: wanted.kind,
        name: wanted.name ?? null,
        purpose: wanted.purpose ?? "",
        member_ids: ids,
        member_count: ids?.length ?? 1,
        created_at: Date.now(),
      });
    },
  ],
  ["GET", /^\/v1\/channels\/(\d+)$/, ([id]) => withChannel(id, (c) => c)],
  [
    "PATCH",
    /^\/v1\/channels\/(\d+)$/,
    ([id], _, body) =>
      withChannel(id, (c) => {
        Object.assign(c, body);
        append(c.stream, "channel.updated", ME, {
          channel_id: c.id,
          name: c.name,
          topic: c.topic,
          purpose: c.purpose,
        });
        c.seq = streamOf(c.stream).seq;
        return c;
      }),
  ],
  [
    "POST",
    /^\/v1\/channels\/(\d+)\/(join|leave|archive|unarchive)$/,
    ([id, verb]) =>
      withChannel(id, (c) => {
        if (verb === "join" || verb === "leave") c.is_member = verb === "join";
        else c.archived = verb === "archive";
        return verb === "leave" ? undefined : c;
      }),
  ],
  [
    "GET",
    /^\/v1\/channels\/(\d+)\/members$/,
    ([id], query) =>
      withChannel(id, (c) =>
        page(
          members.filter((m) => !c.member_ids || c.member_ids.includes(m.user_id)),
          query,
        ),
      ),
  ],
  [
    "POST",
    /^\/v1\/channels\/(\d+)\/members$/,
    ([id]) => withChannel(id, (c) => Object.assign(c, { member_count: c.member_count + 1 })),
  ],
  ["GET", /^\/v1\/channels\/(\d+)\/messages$/, ([id], query) => withChannel(id, (c) => history(c, query))],
  ["GET", /^\/v1\/messages\/(\d+)$/, ([id]) => withMessage(id, (m) => m)],
  [
    "PATCH",
    /^\/v1\/messages\/(\d+)$/,
    ([id], _, body) =>
      withMessage(id, (m) => {
        edit(m, body.text ?? "");
        return m;
      }),
  ],
  ["DELETE", /^\/v1\/messages\/(\d+)$/, ([id]) => withMessage(id, (m) => remove(m))],
  ["GET", /^\/v1\/messages\/(\d+)\/history$/, ([id]) => ({ results: versions.get(id ?? "") ?? [] })],
  [
    "PUT",
    /^\/v1\/messages\/(\d+)\/reactions\/(.+)$/,
    ([id, emoji]) => withMessage(id, (m) => react(m, emoji ?? "", true)),
  ],
  [
    "DELETE",
    /^\/v1\/messages\/(\d+)\/reactions\/(.+)$/,
    ([id, emoji]) => withMessage(id, (m) => react(m, emoji ?? "", false)),
  ],
  [
    "GET",
    /^\/v1\/messages\/(\d+)\/replies$/,
    ([id], query) =>
      withMessage(id, (parent) => ({
        ...page(
          [...messages.values()].filter((m) => m.thread_id === id),
          query,
        ),
        parent,
      })),
  ],
  ["PUT", /^\/v1\/messages\/(\d+)\/follow$/, () => undefined],
  ["DELETE", /^\/v1\/messages\/(\d+)\/follow$/, () => undefined],
];

async function serve(request: IncomingMessage, response: ServerResponse, next: () => void) {
  const url = new URL(request.url ?? "/", "http://mock");
  if (url.pathname.startsWith("/static/")) {
    const file = fileURLToPath(new URL(`../..${url.pathname}`, import.meta.url));
    if (!existsSync(file)) return next();
    const types: Record<string, string> = { css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
    response.setHeader("Content-Type", types[file.split(".").at(-1) ?? ""] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
    return;
  }
  if (!url.pathname.startsWith("/v1/")) return next();
  let text = "";
  for await (const chunk of request) text += chunk;
  for (const [method, pattern, handle] of routes) {
    const match = pattern.exec(decodeURIComponent(url.pathname));
    if (!match || request.method !== method) continue;
    const answer = handle(match.slice(1), url.searchParams, (text ? JSON.parse(text) : {}) as Body);
    const refused = answer as { status?: number; problem?: unknown } | undefined;
    response.statusCode = answer === undefined ? 204 : refused?.problem ? (refused.status ?? 400) : 200;
    response.setHeader("Content-Type", "application/json");
    response.end(answer === undefined ? "" : JSON.stringify(refused?.problem ?? answer));
    return;
  }
  response.statusCode = 404;
  response.end("{}");
}

function accept(socket: WebSocket) {
  const following = new Set<string>();
  sockets.set(socket, following);
  const say = (frame: object) => socket.send(JSON.stringify(frame));
  say({
    t: "hello",
    session: newId(),
    token: newId(),
    user_id: ME,
    heartbeat_ms: 30_000,
    gateway: "mock",
    resumed: false,
  });
  socket.on("close", () => sockets.delete(socket));
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as ClientFrame;
    if (frame.t === "ping") say({ t: "pong", id: frame.id });
    else if (frame.t === "subscribe") {
      const answer: Record<string, object> = {};
      for (const [name, from] of Object.entries(frame.streams)) {
        const stream = streamOf(name);
        following.add(name);
        answer[name] = { seq: stream.seq, count: stream.count, mode: "push" };
        if (from !== null) for (const event of stream.events) if (event.seq > from) say(event);
      }
      say({ t: "subscribed", id: frame.id, streams: answer, denied: [] });
    } else if (frame.t === "unsubscribe") for (const name of frame.streams) following.delete(name);
    else if (frame.t === "send") {
      if (frame.text.includes("FAIL"))
        say({ t: "error", id: frame.id, code: "forbidden", detail: "You can't post here." });
      else {
        const message = post(frame);
        say({
          t: "ack",
          id: frame.id,
          client_msg_id: frame.client_msg_id,
          message_id: message.message_id,
          timestamp: message.timestamp,
        });
      }
    }
  });
}

export function mock(): Plugin {
  return {
    name: "slackclone-mock",
    configureServer(server) {
      seed();
      const sockets = new WebSocketServer({ noServer: true });
      sockets.on("connection", accept);
      server.httpServer?.on("upgrade", (request, socket, head) => {
        if (request.url === "/v1/socket")
          sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit("connection", ws));
      });
      server.middlewares.use((request, response, next) => void serve(request, response, next));
    },
  };
}
