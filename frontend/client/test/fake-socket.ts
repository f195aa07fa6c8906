import type { ClientFrame, EventFrame, Message, ServerFrame } from "../src/protocol.js";
import type { WebSocketLike } from "../src/socket.js";

/** A socket whose other end is the test. */
export class FakeSocket implements WebSocketLike {
  readyState = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: ClientFrame[] = [];
  closedWith: number | null = null;

  send(data: string): void {
    this.sent.push(JSON.parse(data) as ClientFrame);
  }

  close(code = 1000): void {
    this.readyState = 3;
    this.closedWith = code;
  }

  /* ---- the server's side ---- */

  accept(): void {
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  say(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }

  hello(fields: Partial<Extract<ServerFrame, { t: "hello" }>> = {}): void {
    this.say({
      t: "hello",
      session: "s1",
      token: "t1",
      user_id: "7",
      heartbeat_ms: 30_000,
      gateway: "g1",
      resumed: false,
      ...fields,
    });
  }

  drop(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason } as never);
  }

  frames<T extends ClientFrame["t"]>(t: T): Extract<ClientFrame, { t: T }>[] {
    return this.sent.filter((frame): frame is Extract<ClientFrame, { t: T }> => frame.t === t);
  }
}

export function posted(stream: string, seq: number, text = `m${seq}`): EventFrame {
  const channel_id = stream.slice(2);
  const data: Message = {
    message_id: String(1000 + seq),
    channel_id,
    seq,
    n: seq,
    sender_id: "8",
    type: "text",
    text,
    html: null,
    mentions: [],
    timestamp: seq,
    client_msg_id: null,
    thread_id: null,
    thread_n: 0,
    also_in_channel: false,
    edited_at: null,
    deleted: false,
    reactions: [],
    reply_count: 0,
    last_reply_at: null,
  };
  return { t: "event", stream, seq, count: seq, type: "message.posted", actor_id: "8", timestamp: seq, data };
}
