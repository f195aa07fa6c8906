import type { FileInfo } from "@slackclone/client";
import { createSignal, type JSX, onMount, Show } from "solid-js";
import { t } from "../i18n";
import { Icon } from "./Icon";

/** Images large, one at a time; arrows go on, Escape closes. */
export default function Lightbox(props: {
  files: readonly FileInfo[];
  start: number;
  onClose: () => void;
}): JSX.Element {
  let dialog!: HTMLDialogElement;
  const [at, setAt] = createSignal(props.start);
  const file = () => props.files[at()] as FileInfo;
  const step = (by: number) => setAt((n) => (n + by + props.files.length) % props.files.length);
  onMount(() => dialog.showModal());
  return (
    <dialog
      ref={dialog}
      class="lightbox"
      aria-label={file().name}
      data-testid="lightbox"
      onClose={() => props.onClose()}
      onClick={(event) => event.target === dialog && dialog.close()}
      onKeyDown={(event) => {
        if (event.key === "ArrowRight") step(1);
        else if (event.key === "ArrowLeft") step(-1);
        event.stopPropagation();
      }}
    >
      <header>
        <strong class="clip">{file().name}</strong>
        <Show when={props.files.length > 1}>
          <span>
            {at() + 1} / {props.files.length}
          </span>
        </Show>
        <span class="grow" />
        <a
          class="tool"
          href={file().url}
          download={file().name}
          aria-label={t("Download {name}", { name: file().name })}
        >
          <Icon name="download" size={20} />
        </a>
        <button type="button" class="tool" aria-label={t("Close")} onClick={() => dialog.close()}>
          <Icon name="x" size={20} />
        </button>
      </header>
      <Show when={props.files.length > 1}>
        <button
          type="button"
          class="tool lightbox-back"
          aria-label={t("Previous image")}
          onClick={() => step(-1)}
        >
          <Icon name="chevronLeft" size={28} />
        </button>
        <button type="button" class="tool lightbox-on" aria-label={t("Next image")} onClick={() => step(1)}>
          <Icon name="chevronLeft" size={28} />
        </button>
      </Show>
      <img src={file().preview_url ?? ""} alt={file().name} />
    </dialog>
  );
}
