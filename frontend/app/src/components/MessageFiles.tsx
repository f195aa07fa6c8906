import type { FileInfo } from "@slackclone/client";
import { createSignal, For, type JSX, lazy, Show, Suspense } from "solid-js";
import { t } from "../i18n";
import { sizeOf } from "../text/size";
import { Icon } from "./Icon";

const Lightbox = lazy(() => import("./Lightbox"));

/** A message's files: images side by side, the rest as cards that download. Nothing of a file is ever markup here. */
export function MessageFiles(props: { files: readonly FileInfo[] }): JSX.Element {
  const [open, setOpen] = createSignal<number | null>(null);
  const images = () => props.files.filter((file) => file.thumb_url !== null);
  const others = () => props.files.filter((file) => file.thumb_url === null);
  return (
    <div class="files" data-testid="message-files">
      <Show when={images().length > 0}>
        <div class="files-images" classList={{ "files-many": images().length > 1 }}>
          <For each={images()}>
            {(file, index) => (
              <button
                type="button"
                class="files-image"
                aria-label={t("Show {name}", { name: file.name })}
                style={{ "aspect-ratio": `${file.width} / ${file.height}` }}
                onClick={() => setOpen(index())}
              >
                <img
                  src={file.thumb_url ?? ""}
                  alt={file.name}
                  width={file.width}
                  height={file.height}
                  loading="lazy"
                  decoding="async"
                />
              </button>
            )}
          </For>
        </div>
      </Show>
      <For each={others()}>{(file) => <FileCard file={file} />}</For>
      <Show when={open() !== null}>
        <Suspense>
          <Lightbox files={images()} start={open() ?? 0} onClose={() => setOpen(null)} />
        </Suspense>
      </Show>
    </div>
  );
}

export function FileCard(props: { file: FileInfo }): JSX.Element {
  return (
    <a class="file-card" href={props.file.url} download={props.file.name} data-testid="file-card">
      <Icon name="paperclip" size={20} />
      <span class="attachment-text">
        <strong class="clip">{props.file.name}</strong>
        <span class="muted clip">
          {sizeOf(props.file.size)} · {props.file.type}
        </span>
      </span>
      <Icon name="download" size={18} />
    </a>
  );
}
