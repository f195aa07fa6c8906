import { type JSX, type ParentProps, Show } from "solid-js";
import { t } from "../i18n";
import { drawer, isPhone, setDrawer } from "../state/ui";
import { Icon } from "./Icon";

/** The bar above whatever the main column shows; on a phone with the way to the sidebar. */
export function ViewHead(props: ParentProps<{ class?: string }>): JSX.Element {
  return (
    <header class="channel-head" classList={{ [props.class ?? ""]: props.class !== undefined }}>
      <Show when={isPhone()}>
        <button
          type="button"
          class="tool"
          aria-label={t("Open the sidebar")}
          aria-expanded={drawer()}
          onClick={() => setDrawer(true)}
        >
          <Icon name="chevronLeft" size={20} />
        </button>
      </Show>
      {props.children}
    </header>
  );
}

export function ViewTitle(props: { title: string }): JSX.Element {
  return (
    <div class="channel-head-text">
      <h1 class="plain-title">{props.title}</h1>
    </div>
  );
}
