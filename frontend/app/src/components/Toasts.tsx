import { For, type JSX, Show } from "solid-js";
import { t } from "../i18n";
import { dismiss, toasts } from "../state/toasts";
import { Icon } from "./Icon";

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="region" aria-label={t("Notices")} aria-live="polite">
      <For each={toasts()}>
        {(toast) => (
          <div
            class={`toast toast-${toast.kind}`}
            role={toast.kind === "error" ? "alert" : "status"}
            data-testid="toast"
          >
            <Icon name={toast.kind === "error" ? "warning" : "check"} size={17} />
            <span>{toast.text}</span>
            <Show when={toast.action}>
              {(action) => (
                <button
                  type="button"
                  class="link-button"
                  onClick={() => {
                    action().run();
                    dismiss(toast.id);
                  }}
                >
                  {action().label}
                </button>
              )}
            </Show>
            <button
              type="button"
              class="tool tool-sm"
              aria-label={t("Dismiss")}
              onClick={() => dismiss(toast.id)}
            >
              <Icon name="x" size={15} />
            </button>
          </div>
        )}
      </For>
    </div>
  );
}
