import type { Id } from "@slackclone/client";
import { type JSX, Show } from "solid-js";
import { t } from "../i18n";
import { presenceOf, presenceWords } from "../state/presence";

/** Filled: online; a ring: away; grey: offline; with a z: does not want to be disturbed. */
export function PresenceDot(props: { id: Id; onAvatar?: boolean }): JSX.Element {
  const seen = () => presenceOf(props.id);
  return (
    <span
      // One string: a classList beside a class that changes would lose what it has added.
      class={`dot dot-${seen().state}${props.onAvatar ? " dot-on-avatar" : ""}${seen().dnd ? " dot-dnd" : ""}`}
      role="img"
      aria-label={presenceWords(props.id)}
      data-testid="presence"
      data-state={seen().state}
    />
  );
}

export function StatusEmoji(props: { id: Id }): JSX.Element {
  const status = () => presenceOf(props.id).status;
  return (
    <Show when={status()}>
      {(found) => (
        <span
          class="status-emoji"
          role="img"
          aria-label={t("Status: {text}", { text: found().text || found().emoji })}
          title={found().text || undefined}
          data-testid="status-emoji"
        >
          {found().emoji || "💬"}
        </span>
      )}
    </Show>
  );
}
