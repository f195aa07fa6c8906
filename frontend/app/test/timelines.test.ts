// @vitest-environment happy-dom
import type { Channel, EventFrame, HistoryPage, Message } from "@slackclone/client";
import { unwrap } from "solid-js/store";
import { expect, test, vi } from "vitest";
import { applyToMessage, applyToParent, isTopLevel } from "../src/state/apply";
import { putChannel } from "../src/state/channels";
import { onEvent } from "../src/state/events";
import { setState, state } from "../src/state/store";
import { loadNewer, loadOlder, openTimeline } from "../src/state/timelines";
import { rest } from "../src/state/wire";

/** A channel as the server has it; pages are cut at the moment of asking and arrive when the test says. */
class Server {
  seq = 0;
  count = 0;
  readonly messages = new Map<string, Message>();
  readonly undelivered: EventFrame[] = [];
  private readonly answers: (() => void)[] = [];

  constructor(
    readonly id: string,
    readonly pick: (below: number) => number,
  ) {}

  channel(): Channel {
    return {
      id: this.id,
      workspace_id: "1",
      kind: "public",
      name: "x",
      topic: "",
      purpose: "",
      archived: false,
      creator_id: "8",
      created_at: 0,
      member_count: 1,
      member_ids: null,
      is_member: true,
      stream: `c:${this.id}`,
      last_message_at: null,
      seq: this.seq,
      count: this.count,
      unread: 0,
      mentions: 0,
      marker: { n: this.count, version: 0 },
    };
  }

  private emit(event: Pick<EventFrame, "type" | "data">): void {
    const envelope = {
      t: "event",
      stream: `c:${this.id}`,
      seq: this.seq,
      count: this.count,
      actor_id: "8",
      timestamp: this.seq,
    };
    this.undelivered.push(structuredClone({ ...envelope, ...event }) as EventFrame);
  }

  act(): void {
    const ids = [...this.messages.keys()];
    const target = this.messages.get(ids[this.pick(ids.length || 1)] ?? "");
    const kind = target ? this.pick(10) : 0;
    this.seq += 1;
    if (!target || kind < 4) {
      this.post(kind === 3 && target && !target.thread_id ? target.message_id : null);
      return;
    }
    const ref = {
      message_id: target.message_id,
      channel_id: this.id,
      thread_id: target.thread_id,
      also_in_channel: target.also_in_channel,
    };
    if (kind === 4 && !target.deleted) {
      this.change(target, { type: "message.deleted", data: ref });
    } else if (kind < 7 && !target.deleted) {
      const edit = { ...ref, text: `v${this.seq}`, html: null, mentions: [], edited_at: this.seq };
      this.change(target, { type: "message.edited", data: edit });
    } else {
      const type = this.pick(2) === 0 ? ("reaction.added" as const) : ("reaction.removed" as const);
      this.change(target, { type, data: { ...ref, emoji: "👍", user_id: String(this.pick(3)) } });
    }
  }

  private post(thread: string | null): void {
    const also = thread !== null && this.pick(2) === 0;
    if (!thread || also) this.count += 1;
    const message: Message = {
      message_id: String(10_000 + this.seq),
      channel_id: this.id,
      seq: this.seq,
      n: !thread || also ? this.count : 0,
      sender_id: "8",
      type: "text",
      text: `m${this.seq}`,
      html: null,
      mentions: [],
      timestamp: this.seq,
      client_msg_id: null,
      thread_id: thread,
      thread_n: 0,
      also_in_channel: also,
      edited_at: null,
      deleted: false,
      reactions: [],
      reply_count: 0,
      last_reply_at: null,
    };
    this.messages.set(message.message_id, message);
    this.emit({ type: "message.posted", data: message });
    const parent = thread ? this.messages.get(thread) : undefined;
    const event = this.undelivered.at(-1);
    if (parent && event) applyToParent(parent, event);
  }

  private change(target: Message, event: Pick<EventFrame, "type" | "data">): void {
    this.emit(event);
    const sent = this.undelivered.at(-1);
    if (!sent) return;
    applyToMessage(target, sent);
    const parent = target.thread_id ? this.messages.get(target.thread_id) : undefined;
    if (parent) applyToParent(parent, sent);
  }

  timeline(): Message[] {
    return [...this.messages.values()].filter(isTopLevel);
  }

  page(query: { limit?: number; before?: string; after?: string; around?: string }): Promise<HistoryPage> {
    const all = this.timeline();
    const at = (id: string) => all.findIndex((message) => message.message_id === id);
    const limit = 5;
    let [from, to] = [Math.max(0, all.length - limit), all.length];
    if (query.before) [from, to] = [Math.max(0, at(query.before) - limit), at(query.before)];
    if (query.after) [from, to] = [at(query.after) + 1, Math.min(all.length, at(query.after) + 1 + limit)];
    if (query.around)
      [from, to] = [Math.max(0, at(query.around) - 2), Math.min(all.length, at(query.around) + 3)];
    const results = structuredClone(all.slice(from, to)).reverse();
    const page: HistoryPage = {
      results,
      cursors: {
        older: from > 0 ? (results.at(-1)?.message_id ?? null) : null,
        newer: to < all.length ? (results[0]?.message_id ?? null) : null,
      },
      seq: this.seq,
      count: this.count,
    };
    return new Promise((resolve) => this.answers.push(() => resolve(page)));
  }

  deliver(): void {
    const event = this.undelivered.shift();
    if (event) onEvent(event);
  }

  async answer(): Promise<void> {
    this.answers.shift()?.();
    for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
  }
}

function generator(seed: number): (below: number) => number {
  let value = seed + 1;
  return (below) => {
    value = (value * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((value / 2_147_483_648) * below);
  };
}

/** A deletion can't tell whose reply was the last before it. */
const comparable = ({ last_reply_at: _, as_of: __, ...message }: Message & { as_of?: number }) => ({
  ...message,
  reactions: message.reactions
    .map((r) => ({ ...r, user_ids: [...r.user_ids].sort() }))
    .sort((a, b) => (a.emoji < b.emoji ? -1 : 1)),
});

test("whatever the order in which pages and events arrive, what is shown is what the server has", async () => {
  for (let seed = 0; seed < 250; seed += 1) {
    const pick = generator(seed);
    const server = new Server(String(seed + 1), pick);
    vi.spyOn(rest.channels, "history").mockImplementation((_, query = {}) => server.page(query));
    setState({ messages: {}, timelines: {} });
    for (let n = pick(30); n > 0; n -= 1) server.act();
    server.undelivered.length = 0;
    putChannel(server.channel());

    const top = server.timeline();
    const around = pick(3) === 0 ? (top[pick(top.length || 1)]?.message_id ?? null) : null;
    void openTimeline(server.id, around);
    for (let step = 0; step < 60; step += 1) {
      const dice = pick(10);
      if (dice < 3) server.act();
      else if (dice < 6) server.deliver();
      else if (dice < 8) await server.answer();
      else if (dice < 9) void loadOlder(server.id);
      else void loadNewer(server.id);
    }
    while (server.undelivered.length > 0) server.deliver();
    for (let n = 0; n < 3; n += 1) await server.answer();
    for (let n = 0; n < 80 && state.timelines[server.id]?.newer; n += 1) {
      void loadNewer(server.id);
      await server.answer();
    }
    for (let n = 0; n < 80 && state.timelines[server.id]?.older; n += 1) {
      void loadOlder(server.id);
      await server.answer();
    }
    const shown = (state.timelines[server.id]?.ids ?? []).map((id) => unwrap(state.messages)[id]);
    const expected = server.timeline();
    expect(
      shown.map((message) => message?.message_id),
      `order, seed ${seed}`,
    ).toEqual(expected.map((message) => message.message_id));
    expect(
      shown.map((message) => message && comparable(message)),
      `contents, seed ${seed}`,
    ).toEqual(expected.map(comparable));
  }
});
