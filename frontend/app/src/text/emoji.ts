import { createSignal } from "solid-js";
import { keep, keptJson } from "../state/local";

export interface Emoji {
  emoji: string;
  names: string[];
  tags: string[];
  category: string;
}

const [all, setAll] = createSignal<readonly Emoji[] | null>(null);
let loading: Promise<void> | null = null;

/** The table is large, so it comes when the first `:` or the picker asks for it. */
export function loadEmoji(): Promise<void> {
  loading ??= import("gemoji").then(
    ({ gemoji }) => void setAll(gemoji),
    () => {
      loading = null;
    },
  );
  return loading;
}

export { all as allEmoji };

export function findEmoji(query: string, limit: number): Emoji[] {
  const wanted = query.toLowerCase();
  const ranked: { emoji: Emoji; rank: number }[] = [];
  for (const emoji of all() ?? []) {
    const rank = rankOf(emoji, wanted);
    if (rank < 4) ranked.push({ emoji, rank });
  }
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.slice(0, limit).map((one) => one.emoji);
}

function rankOf(emoji: Emoji, wanted: string): number {
  if (emoji.names.includes(wanted)) return 0;
  if (emoji.names.some((name) => name.startsWith(wanted))) return 1;
  if (emoji.tags.some((tag) => tag.startsWith(wanted))) return 2;
  return emoji.names.some((name) => name.includes(wanted)) ? 3 : 4;
}

const USUAL = ["👍", "❤️", "😂", "🎉", "👀", "✅", "🙏", "🔥"];

export function recentEmoji(): string[] {
  const used = keptJson<string[]>("emoji") ?? [];
  return [...new Set([...used.filter((one) => typeof one === "string"), ...USUAL])].slice(0, 16);
}

export function usedEmoji(emoji: string): void {
  keep("emoji", [emoji, ...recentEmoji().filter((one) => one !== emoji)].slice(0, 16));
}
