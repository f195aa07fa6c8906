/** Full jitter: uniform in [0, min(cap, base × 2^attempt)), so that a crowd thrown off at once does not return at once. */
export function fullJitter(attempt: number, random: () => number, base = 500, cap = 15_000): number {
  return random() * Math.min(cap, base * 2 ** Math.min(attempt, 30));
}

/** A heartbeat interval spread over 0.8–1.2 of the server's. */
export function heartbeatDelay(heartbeatMs: number, random: () => number): number {
  return heartbeatMs * (0.8 + 0.4 * random());
}
