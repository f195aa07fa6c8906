import { createMemo, createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import { t } from "../i18n";
import { route } from "../router";
import { ownEmoji } from "../state/ownEmoji";
import { emojiRequest, openDialog, pickEmoji } from "../state/ui";
import { allEmoji, type Emoji, findEmoji, loadEmoji, recentEmoji, usedEmoji } from "../text/emoji";
import { EmojiGlyph } from "./EmojiGlyph";

const FOUND_MAX = 160;
const MARGIN = 8;

export default function EmojiPicker(): JSX.Element {
  let panel!: HTMLDivElement;
  let search!: HTMLInputElement;
  const request = emojiRequest();
  const [query, setQuery] = createSignal("");
  const [hinted, setHinted] = createSignal<Emoji | null>(null);
  void loadEmoji();

  const own = (): Emoji[] =>
    ownEmoji(route().workspace).map((one) => ({
      emoji: `:${one.name}:`,
      names: [one.name],
      tags: [],
      category: "",
    }));
  const groups = createMemo(() => {
    const all = allEmoji();
    if (!all) return [];
    const word = query().trim().toLowerCase();
    if (word) {
      const mine = own().filter((one) => one.names[0]?.includes(word));
      return [{ name: t("Found"), emoji: [...mine, ...findEmoji(word, FOUND_MAX)] }];
    }
    const recent = new Set(recentEmoji());
    const byCategory = new Map<string, Emoji[]>();
    for (const one of all) {
      const list = byCategory.get(one.category) ?? [];
      byCategory.set(one.category, list);
      list.push(one);
    }
    return [
      {
        name: t("Often used"),
        emoji: [...recent]
          .map((e) => all.find((one) => one.emoji === e) ?? own().find((one) => one.emoji === e))
          .filter((e) => !!e),
      },
      ...(own().length > 0 ? [{ name: t("This workspace"), emoji: own() }] : []),
      ...[...byCategory].map(([name, emoji]) => ({ name, emoji })),
    ];
  });

  const place = () => {
    const anchor = request?.anchor.getBoundingClientRect();
    if (!anchor) return;
    const { width, height } = panel.getBoundingClientRect();
    const wide = request?.anchor.tagName === "ARTICLE";
    const left = wide ? anchor.right - width - 16 : anchor.left;
    const below = anchor.bottom + MARGIN + height < window.innerHeight;
    const top = wide
      ? anchor.top + 28
      : below && anchor.top < window.innerHeight / 2
        ? anchor.bottom + MARGIN
        : anchor.top - height - MARGIN;
    panel.style.left = `${clamp(left, MARGIN, window.innerWidth - width - MARGIN)}px`;
    panel.style.top = `${clamp(top, MARGIN, window.innerHeight - height - MARGIN)}px`;
  };

  const before = document.activeElement;
  const close = () => {
    pickEmoji(null);
    if (before instanceof HTMLElement && before.isConnected) before.focus();
    // The button that opened it may be gone with the pointer.
    if (document.activeElement === document.body) request?.anchor.focus();
  };
  const choose = (emoji: string) => {
    usedEmoji(emoji);
    close();
    request?.pick(emoji);
  };
  const outside = (event: PointerEvent) => {
    if (!panel.contains(event.target as Node)) pickEmoji(null);
  };
  onMount(() => {
    place();
    search.focus();
    document.addEventListener("pointerdown", outside, true);
    window.addEventListener("resize", close);
  });
  onCleanup(() => {
    document.removeEventListener("pointerdown", outside, true);
    window.removeEventListener("resize", close);
  });

  /** Arrow keys walk over the grid by where things are, whatever the number of columns. */
  const walk = (event: KeyboardEvent) => {
    const buttons = [...panel.querySelectorAll<HTMLButtonElement>(".emoji")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const first = buttons[0]?.getBoundingClientRect();
    const columns = first
      ? buttons.filter((b) => Math.abs(b.getBoundingClientRect().top - first.top) < 4).length
      : 1;
    const steps: Record<string, number> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: at < 0 ? 1 : columns,
      ArrowUp: -columns,
    };
    const by = steps[event.key];
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === "Enter" && document.activeElement === search) {
      event.preventDefault();
      const best = groups()[0]?.emoji[0];
      if (best) choose(best.emoji);
    } else if (by !== undefined && (document.activeElement !== search || event.key === "ArrowDown")) {
      event.preventDefault();
      const next = at + by;
      if (next < 0) search.focus();
      else buttons[Math.min(next, buttons.length - 1)]?.focus();
    }
  };

  return (
    <div
      ref={panel}
      class="emoji-picker"
      role="dialog"
      aria-label={t("Choose an emoji")}
      tabIndex={-1}
      data-testid="emoji-picker"
      onKeyDown={walk}
    >
      <input
        ref={search}
        class="input"
        type="search"
        placeholder={t("Search emoji")}
        aria-label={t("Search emoji")}
        onInput={(event) => setQuery(event.currentTarget.value)}
      />
      <div class="emoji-scroll">
        <Show when={allEmoji()} fallback={<p class="side-empty">{t("Loading…")}</p>}>
          <For each={groups()}>
            {(group) => (
              <section>
                <h3>{group.name}</h3>
                <div class="emoji-grid">
                  <For each={group.emoji} fallback={<p class="side-empty">{t("Nothing found.")}</p>}>
                    {(one) => (
                      <button
                        type="button"
                        class="emoji"
                        tabIndex={-1}
                        aria-label={one.names[0]?.replaceAll("_", " ")}
                        onClick={() => choose(one.emoji)}
                        onPointerEnter={() => setHinted(one)}
                        onFocus={() => setHinted(one)}
                      >
                        <EmojiGlyph emoji={one.emoji} />
                      </button>
                    )}
                  </For>
                </div>
              </section>
            )}
          </For>
        </Show>
      </div>
      <footer class="emoji-foot">
        <Show when={hinted()} fallback={<span class="muted">{t("Pick an emoji")}</span>}>
          {(one) => (
            <>
              <span class="emoji-hint">
                <EmojiGlyph emoji={one().emoji} />
              </span>{" "}
              :{one().names[0]}:
            </>
          )}
        </Show>
        <button
          type="button"
          class="btn btn-sm btn-ghost"
          data-testid="own-emoji"
          onClick={() => {
            pickEmoji(null);
            openDialog({ name: "own-emoji" });
          }}
        >
          {t("Add emoji")}
        </button>
      </footer>
    </div>
  );
}

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(value, high));
