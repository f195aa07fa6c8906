import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { OutboxEntry, OutboxStorage } from "../src/index.js";
import { ApiError, OutboxFullError, SocketClient, type SocketOptions } from "../src/index.js";
import { FakeSocket, posted } from "./fake-socket.js";

let sockets: FakeSocket[] = [];
let clients: SocketClient[] = [];

const latest = (): FakeSocket => {
  const socket = sockets.at(-1);
  if (!socket) throw new Error("no socket was opened");
  return socket;
};

function client(options: Partial<SocketOptions> = {}): SocketClient {
  const made = new SocketClient({
    url: "ws://test/v1/socket",
    createSocket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    random: () => 0.5,
    online: null,
    ...options,
  });
  clients.push(made);
  return made;
}

async function opened(options: Partial<SocketOptions> = {}): Promise<SocketClient> {
  const made = client(options);
  made.connect();
  await comeUp();
  return made;
}

async function comeUp(hello: Parameters<FakeSocket["hello"]>[0] = {}): Promise<void> {
  latest().accept();
  await vi.advanceTimersByTimeAsync(0);
  latest().hello(hello);
}

const seqs = (made: SocketClient): number[] => {
  const seen: number[] = [];
  made.on("event", (event) => seen.push(event.seq));
  return seen;
};

const ack = (socket: FakeSocket, index = -1): void => {
  const frame = socket.frames("send").at(index);
  if (!frame) throw new Error("nothing was sent");
  socket.say({ t: "ack", id: frame.id, client_msg_id: frame.client_msg_id, message_id: "99", timestamp: 5 });
};

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  clients = [];
});
afterEach(() => {
  for (const made of clients) made.close();
  vi.useRealTimers();
});

describe("greeting", () => {
  test("with a cookie the client waits for hello and then subscribes", async () => {
    const made = client();
    made.subscribe({ "c:1": 17, "w:2": null });
    made.connect();
    latest().accept();
    await vi.advanceTimersByTimeAsync(0);
    // Not a subscription yet; the ping says that no resume is coming.
    expect(latest().sent).toMatchObject([{ t: "ping" }]);
    latest().hello();
    expect(latest().frames("subscribe")[0]?.streams).toEqual({ "c:1": 17, "w:2": null });
    expect(made.state.name).toBe("open");
  });

  test("a token goes into the first frame", async () => {
    await opened({ auth: { kind: "token", token: () => "secret" } });
    expect(latest().sent[0]).toEqual({ t: "auth", token: "secret" });
  });

  test("a refused token is asked for afresh, once", async () => {
    const asked: boolean[] = [];
    const made = client({
      auth: {
        kind: "token",
        token: (fresh) => {
          asked.push(fresh);
          return "x";
        },
      },
    });
    made.connect();
    latest().accept();
    await vi.advanceTimersByTimeAsync(0);
    latest().drop(4401);
    await vi.advanceTimersByTimeAsync(500);
    latest().accept();
    await vi.advanceTimersByTimeAsync(0);
    latest().drop(4401);
    expect(asked).toEqual([false, true]);
    expect(made.state).toEqual({ name: "closed", code: 4401 });
  });

  test("a silent server is given up and tried again", async () => {
    const made = client();
    made.connect();
    latest().accept();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(made.state.name).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sockets).toHaveLength(2);
  });

  test("many streams are followed in frames of 500", async () => {
    const made = client();
    made.subscribe(Object.fromEntries(Array.from({ length: 1200 }, (_, n) => [`c:${n}`, n])));
    made.connect();
    await comeUp();
    expect(
      latest()
        .frames("subscribe")
        .map((f) => Object.keys(f.streams).length),
    ).toEqual([500, 500, 200]);
  });
});

describe("reconnect", () => {
  test.each([4400, 4408, 4413, 4429, 4503, 4508, 1006, 1001])("%i is worth another try", async (code) => {
    const made = await opened();
    latest().drop(code);
    expect(made.state.name).toBe("waiting");
  });

  test.each([4401, 4403, 4409, 4410])("%i is final", async (code) => {
    const made = await opened();
    latest().drop(code);
    expect(made.state).toEqual({ name: "closed", code });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
  });

  test.each([0, 0.25, 0.999_999])(
    "the delay is full jitter (%d) under a growing ceiling of 15 s",
    async (random) => {
      const made = client({ random: () => random });
      made.connect();
      for (const ceiling of [500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
        const before = Date.now();
        latest().drop(1006);
        if (made.state.name !== "waiting") throw new Error(made.state.name);
        expect(made.state.retryAt - before).toBeCloseTo(random * ceiling, 3);
        await vi.advanceTimersByTimeAsync(random * ceiling + 1);
      }
    },
  );

  test("a connection that lasted starts the ladder anew, one that did not goes on", async () => {
    const made = await opened();
    latest().drop();
    await vi.advanceTimersByTimeAsync(1_000);
    await comeUp();
    latest().drop();
    expect(made.state).toMatchObject({ name: "waiting", attempt: 2 });
    await vi.advanceTimersByTimeAsync(1_000);
    await comeUp();
    await vi.advanceTimersByTimeAsync(5_000);
    latest().drop();
    expect(made.state).toMatchObject({ name: "waiting", attempt: 1 });
  });

  test("overload names how long to wait", async () => {
    const made = await opened();
    const before = Date.now();
    latest().drop(4503, "Retry-After: 7");
    if (made.state.name !== "waiting") throw new Error(made.state.name);
    expect(made.state.retryAt - before).toBeGreaterThanOrEqual(7000);
  });

  test("the network's return is used at once", async () => {
    const online = new EventTarget();
    const made = await opened({ online: online as never });
    online.dispatchEvent(new Event("offline"));
    expect(made.state.name).toBe("waiting");
    online.dispatchEvent(new Event("online"));
    expect(sockets).toHaveLength(2);
    expect(made.state.name).toBe("connecting");
  });

  test("`reconnect` moves to another socket after its delay", async () => {
    await opened();
    latest().say({ t: "reconnect", after_ms: 1200 });
    await vi.advanceTimersByTimeAsync(1199);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(2);
    expect(sockets[0]?.closedWith).toBe(1000);
  });

  test("nothing is opened after close", async () => {
    const made = await opened();
    made.close();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sockets).toHaveLength(1);
    expect(made.state.name).toBe("idle");
  });

  test("a frame of an earlier socket changes nothing", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 0 });
    const seen = seqs(made);
    const old = latest();
    old.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    await comeUp();
    old.say(posted("c:1", 1));
    expect(seen).toEqual([]);
  });
});

describe("resume", () => {
  test("the first frame of the next socket names session and places", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 3, "u:7": null });
    latest().say({
      t: "subscribed",
      id: 1,
      streams: { "u:7": { seq: 9, count: 0, mode: "push" } },
      denied: [],
    });
    latest().say(posted("c:1", 4));
    latest().drop();
    await vi.advanceTimersByTimeAsync(1_000);
    latest().accept();
    await vi.advanceTimersByTimeAsync(0);
    expect(latest().sent[0]).toEqual({
      t: "resume",
      session: "s1",
      token: "t1",
      streams: { "c:1": 4, "u:7": 9 },
    });
    latest().hello({ resumed: true });
    expect(latest().frames("subscribe")).toEqual([]);
  });

  test("a stream without a place yet is subscribed to after the resume", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 3 });
    latest().drop();
    made.subscribe({ "c:2": null });
    await vi.advanceTimersByTimeAsync(1_000);
    await comeUp({ resumed: true });
    expect(
      latest()
        .frames("subscribe")
        .map((f) => f.streams),
    ).toEqual([{ "c:2": null }]);
  });

  test("a session that is gone is followed by subscriptions from the last places", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 3 });
    latest().say(posted("c:1", 4));
    latest().drop();
    await vi.advanceTimersByTimeAsync(1_000);
    await comeUp({ resumed: false, session: "s2" });
    expect(latest().frames("subscribe")[0]?.streams).toEqual({ "c:1": 4 });
  });

  test("what comes twice over a resume is handed on once, in order", async () => {
    const made = await opened();
    const seen = seqs(made);
    made.subscribe({ "c:1": 0 });
    for (const seq of [1, 2, 3]) latest().say(posted("c:1", seq));
    latest().drop();
    await vi.advanceTimersByTimeAsync(1_000);
    await comeUp({ resumed: true });
    for (const seq of [2, 3, 4, 4, 5]) latest().say(posted("c:1", seq));
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  test("resync is told and moves the place", async () => {
    const made = await opened();
    const seen = seqs(made);
    const told: unknown[] = [];
    made.on("resync", (one) => told.push(one));
    made.subscribe({ "c:1": 3 });
    latest().say({ t: "resync", stream: "c:1", seq: 2000 });
    for (const seq of [2000, 2001]) latest().say(posted("c:1", seq));
    expect(told).toEqual([{ stream: "c:1", seq: 2000 }]);
    expect(seen).toEqual([2001]);
    expect(made.lastSeq("c:1")).toBe(2001);
  });
});

test("a resume that is not completed is followed up by subscriptions", async () => {
  const made = await opened();
  made.subscribe({ "c:1": 3, "c:2": 4 });
  latest().drop();
  await vi.advanceTimersByTimeAsync(1_000);
  await comeUp({ resumed: true });
  latest().say({
    t: "subscribed",
    id: null,
    streams: { "c:1": { seq: 3, count: 3, mode: "push" } },
    denied: [],
  });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(
    latest()
      .frames("subscribe")
      .map((f) => f.streams),
  ).toEqual([{ "c:2": 4 }]);
});

describe("streams", () => {
  test("a gap is asked for, and nothing behind it is handed on before it is filled", async () => {
    const made = await opened();
    const seen = seqs(made);
    made.subscribe({ "c:1": 0 });
    latest().say(posted("c:1", 1));
    latest().say(posted("c:1", 3));
    latest().say(posted("c:1", 4));
    expect(
      latest()
        .frames("subscribe")
        .map((f) => f.streams),
    ).toEqual([{ "c:1": 0 }, { "c:1": 1 }]);
    for (const seq of [2, 3, 4]) latest().say(posted("c:1", seq));
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  test("an unanswered repair is asked for again", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 0 });
    latest().say(posted("c:1", 2));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(
      latest()
        .frames("subscribe")
        .map((f) => f.streams),
    ).toEqual([{ "c:1": 0 }, { "c:1": 0 }, { "c:1": 0 }]);
    for (const seq of [1, 2]) latest().say(posted("c:1", seq));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(latest().frames("subscribe")).toHaveLength(3);
  });

  test("a head that the events never reach is repaired", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 4 });
    latest().say({
      t: "subscribed",
      id: 1,
      streams: { "c:1": { seq: 6, count: 6, mode: "push" } },
      denied: [],
    });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(latest().frames("subscribe").at(-1)?.streams).toEqual({ "c:1": 4 });
  });

  test("from now on begins where the answer says", async () => {
    const made = await opened();
    const seen = seqs(made);
    made.subscribe({ "c:1": null });
    latest().say({
      t: "subscribed",
      id: 1,
      streams: { "c:1": { seq: 20, count: 19, mode: "push" } },
      denied: [],
    });
    for (const seq of [20, 21]) latest().say(posted("c:1", seq));
    expect(seen).toEqual([21]);
  });

  test("streams do not disturb one another, and unknown ones are passed over", async () => {
    const made = await opened();
    const seen: string[] = [];
    made.on("event", (event) => seen.push(`${event.stream}/${event.seq}`));
    made.subscribe({ "c:1": 0, "c:2": 5 });
    latest().say(posted("c:2", 6));
    latest().say(posted("c:9", 1));
    latest().say(posted("c:1", 1));
    expect(seen).toEqual(["c:2/6", "c:1/1"]);
  });

  test("denied and gone streams are told and forgotten", async () => {
    const made = await opened();
    const gone: string[] = [];
    made.on("gone", ({ stream }) => gone.push(stream));
    made.subscribe({ "c:1": 0, "c:2": 0 });
    latest().say({ t: "subscribed", id: 1, streams: {}, denied: ["c:2"] });
    latest().say({ t: "gone", stream: "c:1" });
    latest().say({ t: "gone", stream: "c:1" });
    expect(gone).toEqual(["c:2", "c:1"]);
    expect(made.lastSeq("c:1")).toBeNull();
  });

  test("an unfollowed stream is told to the server once and hands nothing on", async () => {
    const made = await opened();
    const seen = seqs(made);
    made.subscribe({ "c:1": 0 });
    made.unsubscribe(["c:1", "c:2"]);
    made.unsubscribe(["c:1"]);
    latest().say(posted("c:1", 1));
    expect(
      latest()
        .frames("unsubscribe")
        .map((f) => f.streams),
    ).toEqual([["c:1"]]);
    expect(seen).toEqual([]);
  });

  test("what is for the user is acknowledged at once, with all that waits", async () => {
    const made = await opened({ urgent: (event) => event.stream === "c:2" });
    made.subscribe({ "c:1": 0, "c:2": 0 });
    latest().say(posted("c:1", 1));
    expect(latest().frames("ack")).toEqual([]);
    const mention = posted("c:1", 2);
    if (mention.type === "message.posted")
      mention.data.mentions = [{ kind: "user", handle: "me", user_id: "7" }];
    latest().say(mention);
    expect(latest().frames("ack")).toEqual([{ t: "ack", streams: { "c:1": 2 } }]);
    latest().say(posted("c:2", 1));
    expect(latest().frames("ack").at(-1)).toEqual({ t: "ack", streams: { "c:2": 1 } });
    await vi.advanceTimersByTimeAsync(2000);
    expect(latest().frames("ack")).toHaveLength(2);
  });

  test("what is said again is dropped and acknowledged again", async () => {
    const made = await opened();
    const seen = seqs(made);
    made.subscribe({ "c:1": 0 });
    latest().say(posted("c:1", 1));
    await vi.advanceTimersByTimeAsync(1000);
    latest().say(posted("c:1", 1));
    await vi.advanceTimersByTimeAsync(1000);
    expect(seen).toEqual([1]);
    expect(latest().frames("ack")).toEqual([
      { t: "ack", streams: { "c:1": 1 } },
      { t: "ack", streams: { "c:1": 1 } },
    ]);
  });

  test("an acknowledgement that a drop cut off comes with the next socket", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 0 });
    latest().say(posted("c:1", 1));
    latest().drop();
    await vi.advanceTimersByTimeAsync(2000);
    await comeUp({ resumed: true });
    expect(latest().frames("ack")).toEqual([{ t: "ack", streams: { "c:1": 1 } }]);
  });

  test("acknowledgements are cumulative and at most one a second", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 0, "c:2": 0 });
    for (const seq of [1, 2, 3]) latest().say(posted("c:1", seq));
    latest().say(posted("c:2", 1));
    await vi.advanceTimersByTimeAsync(999);
    expect(latest().frames("ack")).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(latest().frames("ack")).toEqual([{ t: "ack", streams: { "c:1": 3, "c:2": 1 } }]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(latest().frames("ack")).toHaveLength(1);
  });
});

describe("heartbeat", () => {
  test.each([
    [0, 24_000],
    [0.5, 30_000],
    [0.999_999, 35_999.97],
  ])("with random %d the ping comes after %d ms", async (random, ms) => {
    await opened({ random: () => random });
    await vi.advanceTimersByTimeAsync(Math.floor(ms) - 1);
    expect(latest().frames("ping")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(latest().frames("ping")).toHaveLength(2);
  });

  test("anything sent puts it off", async () => {
    const made = await opened();
    await vi.advanceTimersByTimeAsync(29_000);
    made.subscribe({ "c:1": null });
    await vi.advanceTimersByTimeAsync(29_000);
    expect(latest().frames("ping")).toHaveLength(1);
  });

  test("a ping without an answer ends the socket", async () => {
    const made = await opened();
    await vi.advanceTimersByTimeAsync(30_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(made.state.name).toBe("waiting");
  });

  test("a pong keeps it", async () => {
    const made = await opened();
    await vi.advanceTimersByTimeAsync(30_000);
    latest().say({ t: "pong", id: 1 });
    await vi.advanceTimersByTimeAsync(11_000);
    expect(made.state.name).toBe("open");
  });

  test("waking an open socket finds a dead one within seconds", async () => {
    const made = await opened();
    made.wake();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(made.state.name).toBe("waiting");
  });
});

describe("outbox", () => {
  test("a message waits for the connection and is acknowledged", async () => {
    const made = client();
    const sent: string[] = [];
    made.on("sent", (one) => sent.push(one.message_id));
    const id = made.send({ channel_id: "1", text: "hi" });
    made.connect();
    await comeUp();
    expect(latest().frames("send")).toMatchObject([{ channel_id: "1", text: "hi", client_msg_id: id }]);
    expect(latest().frames("send")[0]?.retry).toBeUndefined();
    ack(latest());
    expect(sent).toEqual(["99"]);
    expect(made.outbox).toEqual([]);
  });

  test("one channel sends in order, one at a time; others do not wait for it", async () => {
    const made = await opened();
    made.send({ channel_id: "1", text: "a" });
    made.send({ channel_id: "1", text: "b" });
    made.send({ channel_id: "2", text: "c" });
    expect(
      latest()
        .frames("send")
        .map((f) => f.text),
    ).toEqual(["a", "c"]);
    ack(latest(), 0);
    expect(
      latest()
        .frames("send")
        .map((f) => f.text),
    ).toEqual(["a", "c", "b"]);
  });

  test("a drop repeats what was not acknowledged, the same and marked, and keeps the order", async () => {
    const made = await opened();
    const first = made.send({ channel_id: "1", text: "a" });
    made.send({ channel_id: "1", text: "b" });
    latest().drop();
    made.send({ channel_id: "1", text: "c" });
    await vi.advanceTimersByTimeAsync(1_000);
    await comeUp();
    const [again] = latest().frames("send");
    expect(again).toMatchObject({ text: "a", client_msg_id: first, retry: true });
    for (const _ of [1, 2, 3]) ack(latest());
    const frames = latest().frames("send");
    expect(frames.map((f) => f.text)).toEqual(["a", "b", "c"]);
    expect(frames.map((f) => f.retry)).toEqual([true, undefined, undefined]);
    expect(made.outbox).toEqual([]);
  });

  test("a repeated acknowledgement is told once", async () => {
    const made = await opened();
    let sent = 0;
    made.on("sent", () => {
      sent += 1;
    });
    made.send({ channel_id: "1", text: "a" });
    ack(latest());
    ack(latest());
    expect(sent).toBe(1);
  });

  test("without an answer it is said again", async () => {
    const made = await opened();
    const id = made.send({ channel_id: "1", text: "a" });
    await vi.advanceTimersByTimeAsync(15_000);
    latest().say({ t: "pong", id: 0 });
    expect(latest().frames("send")).toMatchObject([
      { client_msg_id: id },
      { client_msg_id: id, retry: true },
    ]);
  });

  test.each(["rate_limited", "unavailable"])("%s is tried again after its time, in order", async (code) => {
    const made = await opened();
    made.send({ channel_id: "1", text: "a" });
    made.send({ channel_id: "1", text: "b" });
    const id = latest().frames("send")[0]?.id ?? 0;
    latest().say({ t: "error", id, code, detail: "", retry_after: 2 });
    await vi.advanceTimersByTimeAsync(1_999);
    expect(latest().frames("send")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(
      latest()
        .frames("send")
        .map((f) => f.text),
    ).toEqual(["a", "a"]);
    ack(latest());
    expect(
      latest()
        .frames("send")
        .map((f) => f.text),
    ).toEqual(["a", "a", "b"]);
  });

  test.each(["invalid", "forbidden", "not_found", "too_large"])(
    "%s fails for good and lets the next pass",
    async (code) => {
      const made = await opened();
      const failed: OutboxEntry[] = [];
      made.on("failed", (entry) => failed.push(entry));
      const id = made.send({ channel_id: "1", text: "a" });
      made.send({ channel_id: "1", text: "b" });
      latest().say({ t: "error", id: latest().frames("send")[0]?.id ?? 0, code, detail: "no" });
      expect(failed).toMatchObject([{ client_msg_id: id, failed: { code, detail: "no" } }]);
      expect(
        latest()
          .frames("send")
          .map((f) => f.text),
      ).toEqual(["a", "b"]);
      ack(latest());
      made.retry(id);
      expect(latest().frames("send").at(-1)).toMatchObject({ text: "a", client_msg_id: id, retry: true });
      made.discard(id);
      expect(made.outbox).toEqual([]);
    },
  );

  test("files without words: their names wait here, fail, are tried again and go without them", async () => {
    const made = await opened();
    const files = { file_ids: ["7"], file_names: ["note.txt"] };
    const id = made.send({ channel_id: "1", text: "", ...files });
    expect(made.outbox).toMatchObject([files]);
    latest().say({ t: "error", id: latest().frames("send")[0]?.id ?? 0, code: "invalid", detail: "no" });
    expect(made.outbox).toMatchObject([{ ...files, failed: { detail: "no" } }]);
    made.retry(id);
    expect(latest().frames("send")).toHaveLength(2);
    for (const frame of latest().frames("send")) {
      expect(frame).toMatchObject({ text: "", file_ids: ["7"] });
      expect(frame).not.toHaveProperty("file_names");
    }
    made.discard(id);
    expect(made.outbox).toEqual([]);
  });

  test("a message longer than a frame never leaves", async () => {
    const made = await opened();
    const failed: OutboxEntry[] = [];
    made.on("failed", (entry) => failed.push(entry));
    made.send({ channel_id: "1", text: "é".repeat(33_000) });
    expect(latest().frames("send")).toEqual([]);
    expect(failed[0]?.failed?.code).toBe("too_large");
  });

  test("a full outbox says so and keeps what it has", async () => {
    const made = client({ outboxLimit: 2 });
    made.send({ channel_id: "1", text: "a" });
    made.send({ channel_id: "1", text: "b" });
    expect(() => made.send({ channel_id: "1", text: "c" })).toThrow(OutboxFullError);
    expect(made.outbox.map((entry) => entry.text)).toEqual(["a", "b"]);
  });

  test("a reload loses nothing: what was stored goes out first, marked as a repetition", async () => {
    const kept = new Map<string, OutboxEntry>();
    const storage: OutboxStorage = {
      load: () => [...kept.values()],
      put: (entry) => void kept.set(entry.client_msg_id, entry),
      remove: (id) => void kept.delete(id),
    };
    const before = client({ storage });
    before.send({ channel_id: "1", text: "a" });
    before.send({ channel_id: "1", text: "b" });
    before.close();

    const after = client({ storage });
    after.connect();
    after.send({ channel_id: "1", text: "c" });
    await comeUp();
    for (const _ of [1, 2, 3]) ack(latest());
    expect(
      latest()
        .frames("send")
        .map((f) => [f.text, f.retry ?? false]),
    ).toEqual([
      ["a", true],
      ["b", true],
      ["c", false],
    ]);
    expect(kept.size).toBe(0);
  });

  test("client_msg_ids are never the same", () => {
    const made = client();
    const ids = Array.from({ length: 500 }, () => made.send({ channel_id: "1", text: "x" }));
    expect(new Set(ids).size).toBe(500);
  });
});

describe("changes", () => {
  test("an edit is settled by its own answer", async () => {
    const made = await opened();
    const edit = made.edit("5", "new");
    const refused = made.delete("6");
    const [first] = latest().frames("edit");
    const [second] = latest().frames("delete");
    latest().say({ t: "error", id: second?.id ?? 0, code: "forbidden", detail: "not yours" });
    latest().say({ t: "ok", id: first?.id ?? 0 });
    await expect(edit).resolves.toBeUndefined();
    await expect(refused).rejects.toMatchObject({ code: "forbidden", detail: "not yours" });
  });

  test("it is refused at once without a connection, and when the connection goes", async () => {
    const made = client();
    await expect(made.react("5", "👍", true)).rejects.toBeInstanceOf(ApiError);
    made.connect();
    await comeUp();
    const waiting = made.react("5", "👍", true);
    const check = expect(waiting).rejects.toMatchObject({ code: "offline" });
    latest().drop();
    await check;
  });

  test("it times out", async () => {
    const made = await opened();
    const check = expect(made.edit("5", "x")).rejects.toMatchObject({ code: "timeout" });
    await vi.advanceTimersByTimeAsync(15_000);
    await check;
  });
});

test("what can't be read changes nothing", async () => {
  const made = await opened();
  latest().onmessage?.({ data: "{not json" } as never);
  latest().say({ t: "surprise" } as never);
  expect(made.state.name).toBe("open");
});

describe("hot channels", () => {
  const mode = (mode: "push" | "pull", seq: number): void =>
    latest().say({ t: "mode", stream: "c:1", mode, seq, count: seq });
  const pulls = () => latest().frames("pull");
  const pulled = (upto: number, head = upto, mode: "push" | "pull" = "pull"): void => {
    const frame = pulls().at(-1);
    if (!frame) throw new Error("nothing was asked for");
    for (let seq = frame.after + 1; seq <= upto; seq += 1) latest().say(posted("c:1", seq));
    latest().say({ t: "pulled", id: frame.id, stream: "c:1", seq: upto, head, count: head, mode });
  };

  test("events are asked for every two seconds, about, and handed on together", async () => {
    let batches = 0;
    const made = await opened({
      batch: (run) => {
        batches += 1;
        run();
      },
    });
    const seen = seqs(made);
    made.subscribe({ "c:1": 0 });
    latest().say(posted("c:1", 1));
    mode("pull", 1);
    expect(pulls()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(pulls()).toMatchObject([{ stream: "c:1", after: 1 }]);
    latest().say(posted("c:1", 2));
    expect(seen).toEqual([1]);
    pulled(5);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(batches).toBe(1);
    await vi.advanceTimersByTimeAsync(1999);
    expect(pulls()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(pulls().at(-1)?.after).toBe(5);
    pulled(5);
    await vi.advanceTimersByTimeAsync(2000);
    expect(pulls()).toHaveLength(3);
  });

  test("a subscription may find it hot already", async () => {
    const made = await opened();
    made.subscribe({ "c:1": null });
    latest().say({
      t: "subscribed",
      id: 1,
      streams: { "c:1": { seq: 7, count: 7, mode: "pull" } },
      denied: [],
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(pulls()).toMatchObject([{ after: 7 }]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pulls()).toHaveLength(2);
  });

  test("one that nobody watches is not asked for, only its place is known", async () => {
    const made = await opened();
    const heads: number[] = [];
    made.on("head", ({ seq }) => heads.push(seq));
    made.watch(["c:2"]);
    made.subscribe({ "c:1": 1 });
    mode("pull", 1);
    latest().say({ t: "signal", stream: "c:1", type: "head", data: { seq: 900, count: 900 } });
    await vi.advanceTimersByTimeAsync(12_000);
    expect(pulls()).toEqual([]);
    expect(latest().frames("subscribe")).toHaveLength(1);
    expect(heads).toEqual([1, 900]);
    made.watch(["c:1"]);
    await vi.advanceTimersByTimeAsync(250);
    expect(pulls()).toMatchObject([{ after: 1 }]);
    made.watch([]);
    pulled(900);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(pulls()).toHaveLength(1);
  });

  test("what comes by itself shows that the rest is wanted now", async () => {
    const made = await opened();
    const seen = seqs(made);
    made.watch([]);
    made.subscribe({ "c:1": 1 });
    mode("pull", 1);
    latest().say(posted("c:1", 4));
    expect(pulls()).toMatchObject([{ after: 1 }]);
    pulled(4);
    expect(seen).toEqual([2, 3, 4]);
    expect(latest().frames("subscribe")).toHaveLength(1);
  });

  test("a long way behind is asked for without a pause", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 1 });
    mode("pull", 1);
    await vi.advanceTimersByTimeAsync(1000);
    pulled(10, 2000);
    await vi.advanceTimersByTimeAsync(250);
    expect(pulls().at(-1)?.after).toBe(10);
  });

  test("pushed again: who is up to date goes on, who is not catches up", async () => {
    const made = await opened();
    const seen = seqs(made);
    made.subscribe({ "c:1": 1 });
    mode("pull", 1);
    await vi.advanceTimersByTimeAsync(1000);
    pulled(3);
    latest().say(posted("c:1", 4));
    mode("push", 4);
    latest().say(posted("c:1", 5));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pulls()).toHaveLength(1);

    made.watch([]);
    mode("pull", 5);
    mode("push", 8);
    latest().say(posted("c:1", 9));
    expect(latest().frames("subscribe")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(pulls().at(-1)?.after).toBe(5);
    pulled(9, 9, "push");
    latest().say(posted("c:1", 10));
    await vi.advanceTimersByTimeAsync(12_000);
    expect(seen).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(pulls()).toHaveLength(2);
    expect(latest().frames("subscribe")).toHaveLength(1);
  });

  test("a drop in the middle of an answer hands on what came, once", async () => {
    const made = await opened();
    const seen = seqs(made);
    made.subscribe({ "c:1": 1 });
    mode("pull", 1);
    await vi.advanceTimersByTimeAsync(1000);
    latest().say(posted("c:1", 2));
    latest().drop();
    expect(seen).toEqual([2]);
    await vi.advanceTimersByTimeAsync(2000);
    await comeUp({ resumed: true });
    expect(latest().frames("resume")[0]?.streams).toEqual({ "c:1": 2 });
    await vi.advanceTimersByTimeAsync(9000);
    expect(pulls()).toEqual([]);
  });

  test("a resync in place of an answer", async () => {
    const made = await opened();
    made.subscribe({ "c:1": 1 });
    mode("pull", 1);
    await vi.advanceTimersByTimeAsync(1000);
    latest().say({ t: "resync", stream: "c:1", seq: 9000 });
    const frame = pulls()[0];
    if (!frame) throw new Error("nothing was asked for");
    latest().say({
      t: "pulled",
      id: frame.id,
      stream: "c:1",
      seq: 9000,
      head: 9000,
      count: 9000,
      mode: "pull",
    });
    await vi.advanceTimersByTimeAsync(2000);
    expect(pulls().at(-1)?.after).toBe(9000);
  });
});
