import type { Id } from "@slackclone/client";
import { createEffect, createSignal, type JSX, onCleanup, Show } from "solid-js";
import { list, t, tn } from "../i18n";
import { typistsIn } from "../state/presence";
import { nameOf } from "../state/store";

const QUIET_MS = 10_000;

/** Who types here. Seen at once; said aloud only when it begins, and no more often than every ten seconds. */
export function TypingLine(props: { workspaceId: Id; channelId: Id; threadId?: Id }): JSX.Element {
  const text = () => {
    const names = typistsIn(props.channelId, props.threadId ?? null).map((id) =>
      nameOf(props.workspaceId, id),
    );
    if (names.length === 0) return "";
    if (names.length <= 3)
      return tn("{names} is typing…", "{names} are typing…", names.length, { names: list(names) });
    return t("Several people are typing…");
  };
  const [spoken, setSpoken] = createSignal("");
  let quietUntil = 0;
  let hush: ReturnType<typeof setTimeout> | undefined;
  createEffect(() => {
    const line = text();
    if (line === "" || Date.now() < quietUntil) return;
    quietUntil = Date.now() + QUIET_MS;
    setSpoken(line);
    clearTimeout(hush);
    hush = setTimeout(() => setSpoken(""), 3000);
  });
  onCleanup(() => clearTimeout(hush));
  return (
    <div class="typing-line">
      <Show when={text()}>
        <span class="typing-dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
        <span class="clip" aria-hidden="true" data-testid="typing">
          {text()}
        </span>
      </Show>
      <span class="visually-hidden" role="status">
        {spoken()}
      </span>
    </div>
  );
}
