import { For, type JSX, Show } from "solid-js";
import { t } from "../i18n";
import type { createUploads } from "../state/uploads";
import { sizeOf } from "../text/size";
import { Icon } from "./Icon";

/** What the composer will send along: previews, progress, and the way out of each. */
export function Attachments(props: { uploads: ReturnType<typeof createUploads> }): JSX.Element {
  return (
    <Show when={props.uploads.items.length > 0}>
      <ul class="attachments" aria-label={t("Files to send")}>
        <For each={props.uploads.items}>
          {(item) => (
            <li
              class="attachment"
              classList={{ "attachment-failed": item.state === "failed" }}
              data-testid="attachment"
            >
              <Show when={item.preview} fallback={<Icon name="paperclip" size={20} />}>
                {(url) => <img src={url()} alt="" />}
              </Show>
              <span class="attachment-text">
                <strong class="clip">{item.name}</strong>
                <Show
                  when={item.state === "failed"}
                  fallback={
                    <span class="muted">
                      {item.state === "ready"
                        ? sizeOf(item.file.size)
                        : `${Math.floor((100 * item.sent) / item.file.size)} % of ${sizeOf(item.file.size)}`}
                    </span>
                  }
                >
                  <span class="attachment-error" role="alert">
                    {item.error}
                  </span>
                </Show>
                <Show when={item.state === "sending"}>
                  <progress
                    max={item.file.size}
                    value={item.sent}
                    aria-label={t("Uploading {name}", { name: item.name })}
                  />
                </Show>
              </span>
              <Show when={item.state === "failed"}>
                <button
                  type="button"
                  class="tool tool-sm"
                  aria-label={t("Try {name} again", { name: item.name })}
                  onClick={() => props.uploads.retry(item.key)}
                >
                  <Icon name="refresh" size={16} />
                </button>
              </Show>
              <button
                type="button"
                class="tool tool-sm"
                aria-label={t("Remove {name}", { name: item.name })}
                onClick={() => props.uploads.cancel(item.key)}
              >
                <Icon name="x" size={16} />
              </button>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}
