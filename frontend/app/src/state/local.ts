/** What stays in this browser. Storage may be full or forbidden: then it is as if nothing had been kept. */
const PREFIX = "slackclone:";

export function keep(key: string, value: unknown): void {
  try {
    if (value === null || value === undefined || value === "") localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, typeof value === "string" ? value : JSON.stringify(value));
  } catch {
    // Nothing to do: the page works without.
  }
}

export function kept(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function keptJson<T>(key: string): T | null {
  const text = kept(key);
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}

export function keptKeys(prefix: string): string[] {
  try {
    const all = Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index) ?? "");
    return all.filter((key) => key.startsWith(PREFIX + prefix)).map((key) => key.slice(PREFIX.length));
  } catch {
    return [];
  }
}

export function forgetAll(prefix: string): void {
  for (const key of keptKeys(prefix)) keep(key, null);
}
