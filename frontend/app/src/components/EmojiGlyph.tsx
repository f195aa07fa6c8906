import type { JSX } from "solid-js";
import { Show } from "solid-js";
import { route } from "../router";
import { ownEmojiNamed } from "../state/ownEmoji";

/** A character; the workspace's own as its image; the name of one that is gone. */
export function EmojiGlyph(props: { emoji: string }): JSX.Element {
  const named = () => /^:?[a-z0-9_+-]{2,}:?$/.test(props.emoji);
  const own = () => (named() ? ownEmojiNamed(route().workspace, props.emoji) : undefined);
  return (
    <Show when={own()} fallback={named() ? `:${props.emoji.replaceAll(":", "")}:` : props.emoji}>
      {(one) => <img class="own-emoji" src={one().url} alt={`:${one().name}:`} draggable={false} />}
    </Show>
  );
}
