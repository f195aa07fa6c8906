export { ApiError, OutboxFullError } from "./errors.js";
export { fullJitter, heartbeatDelay } from "./jitter.js";
export { Outbox, type OutboxEntry, type OutboxStorage } from "./outbox.js";
export * from "./protocol.js";
export { type PageQuery, RestClient, type RestOptions } from "./rest.js";
export {
  type Auth,
  type ConnectionState,
  newClientMsgId,
  type OnlineSource,
  type OutgoingMessage,
  SocketClient,
  type SocketEvents,
  type SocketOptions,
  type WebSocketLike,
} from "./socket.js";
