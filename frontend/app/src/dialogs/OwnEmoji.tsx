import type { Id } from "@slackclone/client";
import { createSignal, For, type JSX, Show } from "solid-js";
import { t } from "../i18n";
import { loadOwnEmoji, ownEmoji, putOwnEmoji } from "../state/ownEmoji";
import { myId, nameOf, state } from "../state/store";
import { toastError } from "../state/toasts";
import { rest } from "../state/wire";
import { createForm, FormError, Modal } from "./parts";

const SIDE = 128;
const SENT_MAX = 300 * 1024;

/** Base64. What is large and does not move is drawn smaller first. */
async function encoded(file: File): Promise<string> {
  let blob: Blob = file;
  if (file.size > SENT_MAX && file.type !== "image/gif") {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, (2 * SIDE) / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    blob = (await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"))) ?? file;
  }
  const url = await new Promise<string>((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result));
    reader.onerror = () => failed(new Error(t("The file can't be read.")));
    reader.readAsDataURL(blob);
  });
  return url.slice(url.indexOf(",") + 1);
}

export function OwnEmojiDialog(props: { workspaceId: Id }): JSX.Element {
  const [name, setName] = createSignal("");
  const [aliasOf, setAliasOf] = createSignal("");
  const [file, setFile] = createSignal<File | null>(null);
  let input: HTMLInputElement | undefined;
  void loadOwnEmoji(props.workspaceId).catch(toastError);
  const role = () => state.workspaces[props.workspaceId]?.role ?? "guest";
  const isAdmin = () => role() === "owner" || role() === "admin";
  const mayAdd = () =>
    isAdmin() || (role() === "member" && state.workspaces[props.workspaceId]?.emoji_by !== "admins");
  const form = createForm(async () => {
    const image = file();
    const made = await rest.emoji.add(props.workspaceId, {
      name: name().trim(),
      ...(image ? { image: await encoded(image) } : { alias_of: aliasOf() }),
    });
    putOwnEmoji(props.workspaceId, made);
    setName("");
    setFile(null);
    setAliasOf("");
    if (input) input.value = "";
  });
  const chosen = (next: File | null) => {
    setFile(next);
    if (next && !name()) {
      setName(
        next.name
          .replace(/\.\w+$/, "")
          .toLowerCase()
          .replace(/[^a-z0-9_+-]+/g, "_")
          .slice(0, 32),
      );
    }
  };
  const all = () => [...ownEmoji(props.workspaceId)].sort((a, b) => a.name.localeCompare(b.name));
  return (
    <Modal title={t("Emoji of this workspace")}>
      <Show when={mayAdd()} fallback={<p class="hint">{t("Here only admins add emoji.")}</p>}>
        <form class="form" onSubmit={form.onSubmit}>
          <div class="field">
            <label for="emoji-image">{t("Image")}</label>
            <input
              ref={input}
              id="emoji-image"
              type="file"
              accept="image/png,image/gif,image/webp,image/jpeg"
              data-testid="emoji-file"
              onChange={(event) => chosen(event.currentTarget.files?.[0] ?? null)}
            />
            <p class="hint">{t("PNG, GIF, WebP or JPEG. A square of 128 pixels is best.")}</p>
          </div>
          <Show when={!file() && all().length > 0}>
            <div class="field">
              <label for="emoji-alias">{t("Or another name for")}</label>
              <select
                id="emoji-alias"
                class="input"
                value={aliasOf()}
                onChange={(event) => setAliasOf(event.currentTarget.value)}
              >
                <option value="" />
                <For each={all()}>{(one) => <option value={one.name}>:{one.name}:</option>}</For>
              </select>
            </div>
          </Show>
          <div class="field">
            <label for="emoji-name">{t("Name")}</label>
            <input
              id="emoji-name"
              required
              minLength={2}
              maxLength={34}
              autocomplete="off"
              value={name()}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </div>
          <FormError text={form.error()} />
          <div class="form-actions">
            <button
              type="submit"
              class="btn btn-primary"
              disabled={form.busy() || !name().trim() || !(file() || aliasOf())}
            >
              {t("Add emoji")}
            </button>
          </div>
        </form>
      </Show>
      <ul class="own-emoji-list" aria-label={t("Emoji of this workspace")}>
        <For each={all()} fallback={<li class="side-empty">{t("None yet.")}</li>}>
          {(one) => (
            <li>
              <img class="own-emoji own-emoji-lg" src={one.url} alt="" />
              <div class="grow">
                <strong>:{one.name}:</strong>
                <div class="muted">
                  {one.alias_of
                    ? t("another name for :{name}:", { name: one.alias_of })
                    : t("by {name}", { name: nameOf(props.workspaceId, one.creator_id) })}
                </div>
              </div>
              <Show when={isAdmin() || one.creator_id === myId()}>
                <button
                  type="button"
                  class="btn btn-sm"
                  aria-label={t("Remove :{name}:", { name: one.name })}
                  onClick={() => void rest.emoji.remove(props.workspaceId, one.name).catch(toastError)}
                >
                  {t("Remove")}
                </button>
              </Show>
            </li>
          )}
        </For>
      </ul>
    </Modal>
  );
}
