import { DropdownMenu } from "@kobalte/core/dropdown-menu";
import type { CanvasVersion, Channel, Id } from "@slackclone/client";
import type { Editor } from "@tiptap/core";
import { createResource, createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import { Avatar } from "../components/Avatar";
import { Icon, type IconName } from "../components/Icon";
import { t } from "../i18n";
import { href, navigate } from "../router";
import { labelOf, memberOf, myId, nameOf, state, titleOf } from "../state/store";
import { toast, toastError } from "../state/toasts";
import { copyText } from "../state/verbs";
import { rest, socket } from "../state/wire";
import { full } from "../text/time";
import { createEditor, hueOf } from "./editor";
import { CanvasProvider, type CanvasState } from "./provider";
import "../styles/canvas.css";

interface Tool {
  icon: IconName;
  label: string;
  active: (editor: Editor) => boolean;
  run: (editor: Editor) => void;
}

const TOOLS: Tool[] = [
  {
    icon: "heading",
    get label() {
      return t("Heading");
    },
    active: (editor) => editor.isActive("heading"),
    run: (editor) => editor.chain().focus().toggleHeading({ level: 2 }).run(),
  },
  {
    icon: "bold",
    get label() {
      return t("Bold");
    },
    active: (editor) => editor.isActive("bold"),
    run: (editor) => editor.chain().focus().toggleBold().run(),
  },
  {
    icon: "italic",
    get label() {
      return t("Italic");
    },
    active: (editor) => editor.isActive("italic"),
    run: (editor) => editor.chain().focus().toggleItalic().run(),
  },
  {
    icon: "list",
    get label() {
      return t("List");
    },
    active: (editor) => editor.isActive("bulletList"),
    run: (editor) => editor.chain().focus().toggleBulletList().run(),
  },
  {
    icon: "check",
    get label() {
      return t("To-do list");
    },
    active: (editor) => editor.isActive("taskList"),
    run: (editor) => editor.chain().focus().toggleTaskList().run(),
  },
  {
    icon: "quote",
    get label() {
      return t("Quote");
    },
    active: (editor) => editor.isActive("blockquote"),
    run: (editor) => editor.chain().focus().toggleBlockquote().run(),
  },
  {
    icon: "codeBlock",
    get label() {
      return t("Code block");
    },
    active: (editor) => editor.isActive("codeBlock"),
    run: (editor) => editor.chain().focus().toggleCodeBlock().run(),
  },
];

export default function CanvasPane(props: { channel: Channel }): JSX.Element {
  let element!: HTMLDivElement;
  let provider: CanvasProvider | undefined;
  let editor: Editor | undefined;
  const [shown, setShown] = createSignal<CanvasState>();
  const [people, setPeople] = createSignal<Id[]>([]);
  const [revision, setRevision] = createSignal(0);
  const [older, setOlder] = createSignal(false);
  const workspaceId = () => props.channel.workspace_id;

  const close = () => navigate(href({ workspace: workspaceId(), channel: props.channel.id }));
  const from = document.activeElement;

  onMount(() => {
    const channel = props.channel;
    const mine = new CanvasProvider(socket, channel.id, myId(), state.connection.name === "open", (next) => {
      setShown(next);
      editor?.setEditable(mayEdit(), false);
    });
    provider = mine;
    editor = createEditor({
      element,
      provider: mine,
      nameOf: (userId) => nameOf(channel.workspace_id, userId),
      label: t("Canvas of {channel}", { channel: labelOf(channel) }),
      onChange: () => setRevision((n) => n + 1),
    });
    void mine.loaded.then(() => editor?.setEditable(mayEdit(), false));
    mine.awareness.on("change", () => setPeople(mine.others()));
  });
  onCleanup(() => {
    editor?.destroy();
    provider?.destroy();
    if (from instanceof HTMLElement && from.isConnected) from.focus({ preventScroll: true });
  });

  /** Offline one goes on writing in what is kept here, where one could write before. */
  const mayEdit = () => {
    const now = shown();
    if (!props.channel.is_member || props.channel.archived || now?.refused) return false;
    return now?.synced ? now.canEdit : (provider?.doc.store.clients.size ?? 0) > 0;
  };
  const status = () => {
    const now = shown();
    if (now?.refused === "too_large") return t("This canvas is full");
    if (now?.refused) return t("You can't open this canvas");
    if (!now?.online) return mayEdit() ? t("Offline: kept in this browser") : t("Offline");
    if (!now.canEdit) return t("Only to read");
    return now.saved ? t("Saved") : t("Saving…");
  };
  const active = (tool: Tool) => {
    revision();
    return editor !== undefined && tool.active(editor);
  };
  const download = () => {
    const link = document.createElement("a");
    link.href = `/v1/channels/${props.channel.id}/canvas`;
    link.download = `${titleOf(props.channel)}.md`;
    link.click();
  };
  const copy = async () => {
    await copyText(await rest.canvas.markdown(props.channel.id));
    toast(t("Copied as Markdown."));
  };

  return (
    <aside
      class="thread canvas"
      aria-label={t("Canvas")}
      data-testid="canvas-pane"
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.defaultPrevented) {
          event.stopPropagation();
          close();
        }
      }}
    >
      <header class="pane-head">
        <div class="pane-title">
          <h2>{t("Canvas")}</h2>
          <span class="muted clip" role="status" data-testid="canvas-status">
            {status()}
          </span>
        </div>
        <div class="canvas-people" role="img" aria-label={present(people(), workspaceId())}>
          <For each={people().slice(0, 4)}>
            {(id) => (
              <span
                class="canvas-person"
                style={{ "--hue": String(hueOf(id)) }}
                title={nameOf(workspaceId(), id)}
              >
                <Avatar
                  id={id}
                  name={nameOf(workspaceId(), id)}
                  bot={memberOf(workspaceId(), id)?.is_bot ?? false}
                  size="xs"
                />
              </span>
            )}
          </For>
          <Show when={people().length > 4}>
            <span class="faint">+{people().length - 4}</span>
          </Show>
        </div>
        <DropdownMenu modal={false} placement="bottom-end" gutter={4}>
          <DropdownMenu.Trigger class="tool" aria-label={t("More about this canvas")}>
            <Icon name="dots" />
          </DropdownMenu.Trigger>
          <DropdownMenu.Portal>
            <DropdownMenu.Content class="menu">
              <DropdownMenu.Item class="menu-item" onSelect={() => setOlder(true)}>
                <Icon name="history" size={16} /> {t("Earlier versions")}
              </DropdownMenu.Item>
              <DropdownMenu.Item class="menu-item" onSelect={() => void copy().catch(toastError)}>
                <Icon name="copy" size={16} /> {t("Copy as Markdown")}
              </DropdownMenu.Item>
              <DropdownMenu.Item class="menu-item" onSelect={() => download()}>
                <Icon name="arrowDown" size={16} /> {t("Download as Markdown")}
              </DropdownMenu.Item>
            </DropdownMenu.Content>
          </DropdownMenu.Portal>
        </DropdownMenu>
        <button type="button" class="tool" aria-label={t("Close the canvas")} onClick={close}>
          <Icon name="x" />
        </button>
      </header>
      <Show when={older()}>
        <Versions channel={props.channel} canRestore={mayEdit()} onClose={() => setOlder(false)} />
      </Show>
      <div class="canvas-body" classList={{ "canvas-hidden": older() }}>
        <Show when={mayEdit()}>
          <div class="canvas-tools" role="toolbar" aria-label={t("Format")}>
            <For each={TOOLS}>
              {(tool) => (
                <button
                  type="button"
                  class="tool tool-sm"
                  aria-label={tool.label}
                  aria-pressed={active(tool)}
                  data-tip={tool.label}
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={() => editor && tool.run(editor)}
                >
                  <Icon name={tool.icon} size={18} />
                </button>
              )}
            </For>
          </div>
        </Show>
        <div class="canvas-scroll" ref={element} />
      </div>
    </aside>
  );
}

function present(people: readonly Id[], workspaceId: Id): string {
  if (people.length === 0) return t("Nobody else is here");
  return t("Here too: {names}", { names: people.map((id) => nameOf(workspaceId, id)).join(", ") });
}

function Versions(props: { channel: Channel; canRestore: boolean; onClose: () => void }): JSX.Element {
  const [versions, { refetch }] = createResource(
    () => props.channel.id,
    async (id) => (await rest.canvas.versions(id, { limit: 100 })).results,
  );
  const [chosen, setChosen] = createSignal<CanvasVersion>();
  const [text] = createResource(chosen, (version) => rest.canvas.markdown(props.channel.id, version.n));
  const [busy, setBusy] = createSignal(false);
  const restore = async (version: CanvasVersion) => {
    setBusy(true);
    try {
      await rest.canvas.restore(props.channel.id, version.n);
      toast(t("The canvas is as it was then. What it was before is among the versions."));
      props.onClose();
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  const editors = (version: CanvasVersion) =>
    version.editors.map((id) => nameOf(props.channel.workspace_id, id)).join(", ");
  return (
    <section class="canvas-versions" aria-label={t("Earlier versions")}>
      <button type="button" class="btn btn-sm" onClick={props.onClose}>
        <Icon name="chevronLeft" size={16} /> {t("Back to the canvas")}
      </button>
      <Show when={!versions.loading} fallback={<p class="muted">{t("Loading…")}</p>}>
        <Show
          when={!versions.error}
          fallback={
            <p class="muted">
              {t("The versions did not load.")}{" "}
              <button type="button" class="btn btn-sm" onClick={() => void refetch()}>
                {t("Try again")}
              </button>
            </p>
          }
        >
          <Show
            when={(versions() ?? []).length > 0}
            fallback={
              <p class="muted">
                {t("None yet. One is kept after a while of writing, and before a pause ends.")}
              </p>
            }
          >
            <ul>
              <For each={versions()}>
                {(version) => (
                  <li>
                    <button
                      type="button"
                      class="canvas-version"
                      aria-expanded={chosen()?.n === version.n}
                      onClick={() => setChosen(chosen()?.n === version.n ? undefined : version)}
                    >
                      <strong>{full(version.created_at)}</strong>
                      <span class="muted clip">{editors(version)}</span>
                    </button>
                    <Show when={chosen()?.n === version.n}>
                      <pre class="canvas-preview">
                        {text.error ? t("It did not load.") : (text() ?? t("Loading…"))}
                      </pre>
                      <Show when={props.canRestore}>
                        <button
                          type="button"
                          class="btn btn-sm btn-primary"
                          disabled={busy()}
                          onClick={() => void restore(version)}
                        >
                          {t("Go back to this version")}
                        </button>
                      </Show>
                    </Show>
                  </li>
                )}
              </For>
            </ul>
          </Show>
        </Show>
      </Show>
    </section>
  );
}
