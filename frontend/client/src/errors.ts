import type { ErrorCode, Problem } from "./protocol.js";

/** An answer that said no, from either door. `retryAfter` is in seconds. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly code: ErrorCode | "offline" | "timeout" | (string & {}),
    readonly detail: string,
    readonly status: number | null = null,
    readonly retryAfter: number | null = null,
    readonly fields: Record<string, string[]> = {},
  ) {
    super(detail || code);
  }

  static fromProblem(status: number, body: Partial<Problem> | null, retryAfter: number | null): ApiError {
    return new ApiError(
      body?.code ?? codeOf(status),
      body?.detail ?? body?.title ?? `The server answered ${status}.`,
      status,
      retryAfter,
      body?.errors ?? {},
    );
  }

  /** Worth the same request again later. */
  get temporary(): boolean {
    return ["rate_limited", "unavailable", "offline", "timeout"].includes(this.code);
  }
}

export class OutboxFullError extends Error {
  override readonly name = "OutboxFullError";

  constructor(readonly limit: number) {
    super(`${limit} messages are waiting to be sent already.`);
  }
}

function codeOf(status: number): string {
  const known: Record<number, ErrorCode> = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    429: "rate_limited",
  };
  return known[status] ?? (status >= 500 ? "unavailable" : "invalid");
}
