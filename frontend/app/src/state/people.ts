import type { Id, Member } from "@slackclone/client";

const TOGETHER_MS = 30;
const AGAIN_MS = 5_000;
const AT_ONCE = 100;

/** Answers those of the people whom the server knows and lets us see. */
export type Fetch = (workspaceId: Id, ids: readonly Id[]) => Promise<readonly Member[]>;

/**
 * People who are shown and not known: a large workspace is not loaded whole. They are asked for together, each once;
 * whom the server does not name is not asked for again.
 */
export function createPeople(fetch: Fetch, found: (workspaceId: Id, members: readonly Member[]) => void) {
  const asked = new Map<Id, Set<Id>>();
  const waiting = new Map<Id, Set<Id>>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const later = (ms: number) => {
    if (timer === undefined) timer = setTimeout(() => void ask(), ms);
  };

  const ask = async () => {
    timer = undefined;
    const next = waiting.entries().next().value;
    if (!next) return;
    const [workspaceId, people] = next;
    const ids = [...people].slice(0, AT_ONCE);
    try {
      const members = await fetch(workspaceId, ids);
      for (const id of ids) people.delete(id);
      if (people.size === 0) waiting.delete(workspaceId);
      found(workspaceId, members);
      if (waiting.size > 0) later(0);
    } catch {
      later(AGAIN_MS);
    }
  };

  return (workspaceId: Id, userId: Id): void => {
    const before = asked.get(workspaceId) ?? new Set();
    if (before.has(userId)) return;
    asked.set(workspaceId, before.add(userId));
    waiting.set(workspaceId, (waiting.get(workspaceId) ?? new Set()).add(userId));
    later(TOGETHER_MS);
  };
}
