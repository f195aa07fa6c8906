import type { LinkCard, Message } from "@slackclone/client";
import { createEffect, createSignal, For, type JSX, on, onCleanup, Show } from "solid-js";
import { t } from "../i18n";
import { myId, state } from "../state/store";
import { toastError } from "../state/toasts";
import { rest } from "../state/wire";
import { Icon } from "./Icon";

const TRIES = 4;
const PAUSE_MS = 1500;
const KEPT = 300;
const kept = new Map<string, LinkCard[]>();

/** What the linked pages say of themselves: text only, nothing is loaded from elsewhere. */
export function LinkCards(props: { message: Message }): JSX.Element {
  const [cards, setCards] = createSignal<LinkCard[]>([]);
  const key = () => `${props.message.message_id}:${props.message.edited_at ?? 0}`;
  const channel = () => state.channels[props.message.channel_id];
  const canRemove = () => {
    const role = state.workspaces[channel()?.workspace_id ?? ""]?.role;
    return props.message.sender_id === myId() || role === "owner" || role === "admin";
  };

  createEffect(
    on(key, (now) => {
      const known = kept.get(now);
      setCards(known ?? []);
      if (known) return;
      let gone = false;
      let timer = 0;
      onCleanup(() => {
        gone = true;
        clearTimeout(timer);
      });
      const ask = async (left: number) => {
        const answer = await rest.messages.previews(props.message.message_id).catch(() => null);
        if (gone || !answer) return;
        setCards(answer.results);
        if (answer.pending && left > 0) {
          timer = window.setTimeout(() => void ask(left - 1), PAUSE_MS);
          return;
        }
        kept.set(now, answer.results);
        for (const oldest of kept.keys()) {
          if (kept.size <= KEPT) break;
          kept.delete(oldest);
        }
      };
      // Rows that only fly by while scrolling ask for nothing.
      timer = window.setTimeout(() => void ask(TRIES), 400);
    }),
  );

  const remove = async () => {
    try {
      await rest.messages.hidePreviews(props.message.message_id);
      kept.set(key(), []);
      setCards([]);
    } catch (error) {
      toastError(error);
    }
  };

  return (
    <For each={cards()}>
      {(card) => (
        <div class="link-card" data-testid="link-card">
          <span class="muted clip">{card.site}</span>
          <a href={card.url} target="_blank" rel="noopener noreferrer nofollow">
            {card.title}
          </a>
          <Show when={card.text}>
            <span class="link-card-text">{card.text}</span>
          </Show>
          <Show when={canRemove()}>
            <button
              type="button"
              class="tool tool-sm"
              aria-label={t("Remove the preview")}
              onClick={() => void remove()}
            >
              <Icon name="x" size={14} />
            </button>
          </Show>
        </div>
      )}
    </For>
  );
}
