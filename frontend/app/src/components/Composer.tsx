import { ApiError, type Id, type Member } from "@slackclone/client";
import { createEffect, createMemo, createSignal, For, type JSX, onCleanup, Show, untrack } from "solid-js";
import { t, tn } from "../i18n";
import { type Field, type Format, formatOf, plainField } from "../rich/field";
import { findPeople } from "../state/channels";
import { draftText, dropDraft, writeDraft } from "../state/desk";
import { groupsOf } from "../state/groups";
import { ownEmoji } from "../state/ownEmoji";
import { typed, typedAndSent } from "../state/presence";
import { myId, state } from "../state/store";
import { explain, toast } from "../state/toasts";
import { composeRich, pickEmoji, setComposeRich, undoSeconds } from "../state/ui";
import { flushHeld, holdSend } from "../state/undo";
import { type CarriedFiles, createUploads } from "../state/uploads";
import { allEmoji, findEmoji, loadEmoji, usedEmoji } from "../text/emoji";
import { Attachments } from "./Attachments";
import { Avatar } from "./Avatar";
import { EmojiGlyph } from "./EmojiGlyph";
import { Icon, type IconName } from "./Icon";

interface Choice {
  key: string;
  insert: string;
  label: string;
  hint: string;
  emoji?: string;
  member?: Member;
  /** Already written out: Enter is for the composer. */
  exact?: boolean;
}

export interface ComposerProps {
  channelId: Id;
  mode: "channel" | "thread" | "edit";
  label: string;
  placeholder?: string;
  /** The thread whose reply is written here. */
  threadId?: Id;
  /** What else the send button offers. */
  onSchedule?: (text: string, sent: () => void) => void;
  initial?: string;
  autofocus?: boolean;
  footer?: JSX.Element;
  onSubmit: (text: string, files?: CarriedFiles) => undefined | boolean | void | Promise<void>;
  onCancel?: () => void;
  onEditLast?: () => void;
}

const MAX_CHARS = 12_000;
const CHOICES = 8;
let nextId = 1;

/** The rich editor, once somebody who wants it has loaded it. */
const [richEditor, setRichEditor] = createSignal<typeof import("../rich/editor") | null>(null);

function loadRich(): void {
  import("../rich/editor").then(
    (module) => setRichEditor(() => module),
    () => {
      setComposeRich(false);
      toast(t("The rich-text composer did not load. Markdown works as ever."));
    },
  );
}

export function Composer(props: ComposerProps): JSX.Element {
  let host!: HTMLDivElement;
  /** What is written in now: plain, or rich. */
  const [field, setField] = createSignal<Field | null>(null);
  const value = () => field()?.value() ?? text();
  const listId = `completion-${nextId++}`;
  const [text, setText] = createSignal(props.initial ?? "");
  const [choices, setChoices] = createSignal<readonly Choice[]>([]);
  const [chosen, setChosen] = createSignal(0);
  const [focused, setFocused] = createSignal(false);
  const [moves, setMoves] = createSignal(0);
  const [linking, setLinking] = createSignal<string | null>(null);
  /** How many characters before the caret the choice takes the place of. */
  let completing: number | null = null;

  const workspaceId = () => state.channels[props.channelId]?.workspace_id ?? "";

  const uploads = createUploads(workspaceId);
  const [dropping, setDropping] = createSignal(false);
  let picker!: HTMLInputElement;
  /** It was sent while its files were still on their way. */
  const [due, setDue] = createSignal(false);
  createEffect(() => {
    if (!due() || uploads.busy()) return;
    setDue(false);
    if (uploads.ready()) queueMicrotask(submit);
  });

  const postFiles = (value: string) => {
    if (!uploads.ready()) {
      setDue(uploads.busy());
      return;
    }
    // Over the outbox, as every message: without a connection it goes when there is one.
    if (props.onSubmit(value, uploads.carried()) === false) return;
    uploads.clear();
    typedAndSent(props.channelId, props.threadId);
    cleared();
  };
  const takeFiles = (event: Event, data: DataTransfer | null) => {
    setDropping(false);
    if (props.mode === "edit" || !data || data.files.length === 0) return;
    // A table or a page that is copied brings a picture of itself along: it is the text that is meant.
    if (event.type === "paste" && data.getData("text/plain").trim()) return;
    event.preventDefault();
    uploads.add(data.files);
    field()?.focus();
  };
  const dragging = (event: DragEvent) => {
    if (props.mode === "edit" || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    setDropping(true);
  };

  const put = (value: string) => {
    setText(value);
    field()?.put(value);
  };

  /** The draft as it was last taken in or handed on: only a text that is still this one gives way to another device's. */
  let settled = "";
  if (props.mode !== "edit") {
    createEffect(() => {
      const text = draftText(props.channelId, props.threadId ?? null);
      const here = value();
      if (!field() || text === here) settled = text;
      else if (here === settled || here.trim() === "") {
        put(text);
        settled = value();
      }
    });
  }

  createEffect(() => {
    if (composeRich() && !richEditor()) loadRich();
  });
  const rich = createMemo(() => (composeRich() ? richEditor() : null));

  /** Puts up the one field or the other, with what was written in the one before. */
  createEffect(() => {
    const editor = rich();
    untrack(() => putUp(editor));
  });
  let refocus = props.autofocus ?? false;
  const putUp = (editor: ReturnType<typeof rich>) => {
    const testId = `composer-${props.mode}`;
    const events = {
      onFocus: () => setFocused(true),
      onBlur: () => {
        setFocused(false);
        closeChoices();
      },
    };
    const written = text();
    if (editor) {
      const made = editor.richField({
        element: host,
        label: props.label,
        placeholder: () => props.placeholder ?? "",
        testId,
        markdown: written,
        changed: onInput,
        moved: () => {
          setMoves((n) => n + 1);
          if (focused()) complete();
        },
        onKeyDown,
        onFiles: takeFiles,
        ...events,
      });
      setField(made);
      onCleanup(() => made.destroy());
    } else {
      const area = document.createElement("textarea");
      area.className = "composer-text";
      area.rows = 1;
      area.spellcheck = true;
      area.enterKeyHint = "send";
      area.dataset.testid = testId;
      area.setAttribute("aria-autocomplete", "list");
      area.setAttribute("aria-haspopup", "listbox");
      area.addEventListener("keydown", (event) => !event.isComposing && onKeyDown(event));
      area.addEventListener("paste", (event) => takeFiles(event, event.clipboardData));
      area.addEventListener("click", () => complete());
      area.addEventListener("focus", events.onFocus);
      area.addEventListener("blur", events.onBlur);
      host.append(area);
      const made = plainField(area, onInput);
      made.put(written);
      const fit = () => made.fit();
      window.addEventListener("resize", fit);
      setField(made);
      onCleanup(() => {
        window.removeEventListener("resize", fit);
        area.remove();
      });
    }
    if (refocus) field()?.focus();
    refocus = false;
  };
  createEffect(() => {
    const element = field()?.element;
    element?.setAttribute("aria-label", props.label);
    if (element instanceof HTMLTextAreaElement) element.placeholder = props.placeholder ?? "";
  });

  /** What is written has the list of choices beside it. */
  createEffect(() => {
    const element = field()?.element;
    const open = choices().length > 0;
    if (!element) return;
    if (open) {
      element.setAttribute("aria-controls", listId);
      element.setAttribute("aria-activedescendant", `${listId}-${chosen()}`);
    } else {
      element.removeAttribute("aria-controls");
      element.removeAttribute("aria-activedescendant");
    }
  });

  const saveDraft = (value: string) => {
    if (props.mode === "edit") return;
    settled = value;
    writeDraft(props.channelId, props.threadId ?? null, value);
  };

  const onInput = () => {
    const written = value();
    setText(written);
    setProblem(null);
    setMoves((n) => n + 1);
    saveDraft(written);
    if (props.mode !== "edit") typed(props.channelId, props.threadId, written.trim() === "");
    complete();
  };

  const cleared = () => {
    settled = "";
    put("");
    dropDraft(props.channelId, props.threadId ?? null);
  };

  const submit = () => {
    const value = (field()?.value() ?? "").replace(/^\s*\n|\s+$/g, "");
    if (value.length > MAX_CHARS) return;
    if (uploads.items.length > 0) {
      closeChoices();
      postFiles(value);
      return;
    }
    if (!value.trim()) return;
    closeChoices();
    if (props.mode === "edit") {
      void props.onSubmit(value);
      return;
    }
    if (/^\/[a-z]/i.test(value)) {
      void command(value);
      return;
    }
    const hold = undoSeconds();
    if (hold > 0) {
      cleared();
      holdSend(
        hold,
        () => props.onSubmit(value),
        () => put(text() ? `${value}\n${text()}` : value),
      );
      return;
    }
    flushHeld();
    if (props.onSubmit(value) === false) return;
    typedAndSent(props.channelId, props.threadId);
    cleared();
  };

  const [problem, setProblem] = createSignal<string | null>(null);
  const command = async (written: string) => {
    setProblem(null);
    try {
      const { runCommand } = await import("../state/slash");
      const running = runCommand(written, { channelId: props.channelId, threadId: props.threadId ?? null });
      if (running === null) return;
      await running;
      if (value().trim() === written.trim()) cleared();
    } catch (error) {
      setProblem(error instanceof ApiError || !(error instanceof Error) ? explain(error) : error.message);
    }
  };

  /* ---- completion of @names, #channels and :emoji: ---- */

  const closeChoices = () => {
    completing = null;
    setChoices([]);
  };

  const complete = () => {
    const before = field()?.before() ?? null;
    if (before === null) {
      closeChoices();
      return;
    }
    const slash = props.mode === "edit" ? null : /^\/([a-z]*)$/i.exec(before);
    if (slash) {
      const word = (slash[1] ?? "").toLowerCase();
      completing = before.length;
      void import("../state/slash").then(({ COMMANDS }) => {
        if (field()?.before() !== before || completing === null) return;
        setChoices(
          COMMANDS.filter((one) => one.name.startsWith(word))
            .slice(0, word ? CHOICES : COMMANDS.length)
            .map((one) => ({
              key: one.name,
              insert: `/${one.name} `,
              label: `/${one.name} ${one.takes}`,
              hint: one.what,
              exact: one.name === word,
            })),
        );
        setChosen(0);
      });
      return;
    }
    const match = /(?:^|[\s(])([@:#])([\p{L}\p{N}_.+-]*)$/u.exec(before);
    if (!match) {
      closeChoices();
      return;
    }
    const word = (match[2] ?? "").toLowerCase();
    completing = (match[2] ?? "").length + 1;
    if (match[1] === "@") {
      setChoices(people(word));
      lookFor(word);
    } else if (match[1] === "#") setChoices(channels(word));
    else if (word.length < 2) closeChoices();
    else if (allEmoji()) setChoices(emoji(word));
    else void loadEmoji().then(() => completing !== null && complete());
    setChosen(0);
  };

  let looking: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(looking));
  const lookFor = (word: string) => {
    clearTimeout(looking);
    looking = setTimeout(() => {
      findPeople(workspaceId(), word).then(
        (found) => found && completing !== null && complete(),
        () => undefined,
      );
    }, 150);
  };

  const people = (word: string): Choice[] => {
    const members = Object.values(state.members[workspaceId()] ?? {}).filter((member) => member.active);
    const rank = (member: Member) => {
      if (member.handle.toLowerCase().startsWith(word)) return 0;
      return member.name
        .toLowerCase()
        .split(/\s+/)
        .some((part) => part.startsWith(word))
        ? 1
        : 2;
    };
    const found = members
      .map((member) => ({ member, rank: rank(member) }))
      .filter((one) => one.rank < 2)
      .sort((a, b) => a.rank - b.rank || a.member.name.localeCompare(b.member.name))
      .slice(0, CHOICES)
      .map(({ member }) => ({
        key: member.user_id,
        insert: `@${member.handle} `,
        label: member.user_id === myId() ? `${member.name} (you)` : member.name,
        hint: `@${member.handle}`,
        member,
      }));
    const teams = groupsOf(workspaceId())
      .filter(
        (one) => !one.archived && (one.handle.startsWith(word) || one.name.toLowerCase().startsWith(word)),
      )
      .map((one) => ({
        key: one.id,
        insert: `@${one.handle} `,
        label: `@${one.handle}`,
        hint: tn("{name}: one person", "{name}: {count} people", one.member_count, { name: one.name }),
      }));
    const groups = [
      { handle: "channel", hint: t("Everybody in this channel") },
      { handle: "here", hint: t("Everybody here who is online") },
    ]
      .filter((group) => word && group.handle.startsWith(word))
      .map((group) => ({
        key: group.handle,
        insert: `@${group.handle} `,
        label: `@${group.handle}`,
        hint: group.hint,
      }));
    return [...found.slice(0, teams.length ? CHOICES - 2 : CHOICES), ...teams, ...groups].slice(0, CHOICES);
  };

  const channels = (word: string): Choice[] =>
    Object.values(state.channels)
      .filter((one) => one.workspace_id === workspaceId() && one.name && !one.archived)
      .filter(
        (one) =>
          (one.name ?? "").split(/[-_]/).some((part) => part.startsWith(word)) || one.name?.startsWith(word),
      )
      .sort((a, b) => Number(b.is_member) - Number(a.is_member) || (a.name ?? "").localeCompare(b.name ?? ""))
      .slice(0, CHOICES)
      .map((one) => ({ key: one.id, insert: `#${one.name} `, label: `#${one.name}`, hint: one.topic }));

  const emoji = (word: string): Choice[] => [...ownChoices(word), ...standardChoices(word)].slice(0, CHOICES);

  const ownChoices = (word: string): Choice[] =>
    ownEmoji(workspaceId())
      .filter((one) => one.name.includes(word))
      .map((one) => ({
        key: `:${one.name}:`,
        insert: `:${one.name}: `,
        label: `:${one.name}:`,
        hint: "",
        emoji: `:${one.name}:`,
      }));

  const standardChoices = (word: string): Choice[] =>
    findEmoji(word, CHOICES).map((one) => ({
      key: one.emoji,
      insert: one.emoji,
      label: `:${one.names[0]}:`,
      hint: "",
      emoji: one.emoji,
    }));

  const choose = (choice: Choice) => {
    if (completing === null) return;
    if (choice.emoji) usedEmoji(choice.emoji);
    field()?.complete(completing, choice.insert);
    closeChoices();
  };

  /* ---- formats ---- */

  const format = (what: Format) => {
    const link = what === "link" ? (field()?.link() ?? null) : null;
    if (link === null) field()?.format(what);
    else setLinking(link);
  };

  const insert = (piece: string) => field()?.insert(piece);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && choices()[chosen()]?.exact) closeChoices();
    if (choices().length > 0) {
      const count = choices().length;
      if (event.key === "ArrowDown") setChosen((n) => (n + 1) % count);
      else if (event.key === "ArrowUp") setChosen((n) => (n + count - 1) % count);
      else if (event.key === "Enter" || event.key === "Tab") {
        const choice = choices()[chosen()];
        if (choice) choose(choice);
      } else if (event.key === "Escape") {
        event.stopPropagation();
        closeChoices();
      } else return;
      event.preventDefault();
      return;
    }
    const mod = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      // Enter inside an open code block makes a line, as everywhere else.
      if (field()?.inCode() && !mod) return;
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && props.onCancel) {
      event.preventDefault();
      event.stopPropagation();
      props.onCancel();
    } else if (event.key === "ArrowUp" && value() === "" && props.onEditLast) {
      event.preventDefault();
      props.onEditLast();
    } else {
      const what = formatOf(event);
      if (!what) return;
      event.preventDefault();
      format(what);
    }
  };

  const formats: { icon: IconName; label: string; what: Format; keys: string }[] = [
    { icon: "bold", label: t("Bold"), what: "bold", keys: "Control+B" },
    { icon: "italic", label: t("Italic"), what: "italic", keys: "Control+I" },
    { icon: "strike", label: t("Strikethrough"), what: "strike", keys: "Control+Shift+X" },
    { icon: "link", label: t("Link"), what: "link", keys: "Control+Shift+U" },
    { icon: "list", label: t("List"), what: "list", keys: "Control+Shift+8" },
    { icon: "listOrdered", label: t("Numbered list"), what: "ordered", keys: "Control+Shift+7" },
    { icon: "quote", label: t("Quote"), what: "quote", keys: "Control+Shift+9" },
    { icon: "code", label: t("Code"), what: "code", keys: "Control+Shift+C" },
    { icon: "codeBlock", label: t("Code block"), what: "codeBlock", keys: "Control+Alt+Shift+C" },
  ];
  const active = (what: Format) => {
    moves();
    return field()?.active(what) ?? false;
  };
  const closeLinking = () => {
    setLinking(null);
    field()?.focus();
  };

  const tooLong = () => text().length - MAX_CHARS;
  const canSend = () =>
    tooLong() <= 0 && (uploads.items.length > 0 ? uploads.ready() || uploads.busy() : text().trim() !== "");

  return (
    <div
      role="group"
      aria-label={t("Composer")}
      class="composer"
      classList={{
        "composer-edit": props.mode === "edit",
        "composer-focused": focused(),
        "composer-dropping": dropping(),
      }}
      onDragOver={dragging}
      onDragLeave={() => setDropping(false)}
      onDrop={(event) => takeFiles(event, event.dataTransfer)}
    >
      <Show when={choices().length > 0}>
        <div class="completion" id={listId} role="listbox" aria-label={t("Suggestions")}>
          <For each={choices()}>
            {(choice, index) => (
              <div
                class="completion-item"
                classList={{ "completion-chosen": index() === chosen() }}
                id={`${listId}-${index()}`}
                role="option"
                tabIndex={-1}
                aria-selected={index() === chosen()}
                onPointerMove={() => setChosen(index())}
                onPointerDown={(event) => {
                  event.preventDefault();
                  choose(choice);
                }}
              >
                <Show when={choice.member}>
                  {(member) => (
                    <Avatar id={member().user_id} name={member().name} size="xs" bot={member().is_bot} />
                  )}
                </Show>
                <Show when={choice.emoji}>
                  <span class="completion-emoji">
                    <EmojiGlyph emoji={choice.emoji ?? ""} />
                  </span>
                </Show>
                <strong>{choice.label}</strong>
                <span class="muted">{choice.hint}</span>
              </div>
            )}
          </For>
        </div>
      </Show>
      <div class="composer-box">
        <Attachments uploads={uploads} />
        <Show when={due()}>
          <p class="composer-due muted" role="status">
            {t("This goes when its files are there.")}{" "}
            <button type="button" class="link-button" onClick={() => setDue(false)}>
              {t("Don't send yet")}
            </button>
          </p>
        </Show>
        <div ref={host} class="composer-host" />
        <Show when={linking() !== null}>
          <form
            class="composer-link"
            onSubmit={(event) => {
              event.preventDefault();
              event.stopPropagation();
              field()?.setLink(linking() ?? "");
              closeLinking();
            }}
            onKeyDown={(event) => {
              if (event.key !== "Escape") return;
              event.preventDefault();
              event.stopPropagation();
              closeLinking();
            }}
          >
            <input
              ref={(element) => queueMicrotask(() => element.focus())}
              class="input"
              inputmode="url"
              aria-label={t("Address of the link")}
              placeholder="https://"
              value={linking() ?? ""}
              onInput={(event) => setLinking(event.currentTarget.value)}
            />
            <button type="submit" class="btn btn-sm btn-primary">
              {linking()?.trim() ? t("Link") : t("Remove link")}
            </button>
            <button type="button" class="btn btn-sm btn-ghost" onClick={closeLinking}>
              {t("Cancel")}
            </button>
          </form>
        </Show>
        <div class="composer-bar">
          <div class="composer-marks" role="toolbar" aria-label={t("Formatting")}>
            <For each={formats}>
              {(one) => (
                <button
                  type="button"
                  class="tool tool-sm"
                  classList={{ "tool-on": active(one.what) }}
                  aria-label={one.label}
                  aria-pressed={rich() ? active(one.what) : undefined}
                  aria-keyshortcuts={one.keys}
                  data-tip={one.label}
                  tabIndex={-1}
                  onPointerDown={(event) => event.preventDefault()}
                  onClick={() => format(one.what)}
                >
                  <Icon name={one.icon} size={16} />
                </button>
              )}
            </For>
            <span class="composer-sep" />
            <Show when={props.mode !== "edit"}>
              <input
                ref={picker}
                type="file"
                multiple
                hidden
                data-testid={`file-input-${props.mode}`}
                onChange={() => {
                  uploads.add(picker.files ?? []);
                  picker.value = "";
                }}
              />
              <button
                type="button"
                class="tool tool-sm"
                aria-label={t("Attach files")}
                data-tip={t("Attach files")}
                onClick={() => picker.click()}
              >
                <Icon name="paperclip" size={17} />
              </button>
            </Show>
            <button
              type="button"
              class="tool tool-sm"
              aria-label={t("Mention somebody")}
              data-tip={t("Mention")}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => {
                field()?.focus();
                insert(/\S$/.test(field()?.before() ?? "") ? " @" : "@");
                complete();
              }}
            >
              <Icon name="at" size={17} />
            </button>
            <button
              type="button"
              class="tool tool-sm"
              aria-label={t("Emoji")}
              data-tip={t("Emoji")}
              onClick={(event) => pickEmoji({ anchor: event.currentTarget, pick: insert })}
            >
              <Icon name="smile" size={17} />
            </button>
            <button
              type="button"
              class="tool tool-sm"
              classList={{ "tool-on": composeRich() }}
              aria-label={t("Rich text")}
              aria-pressed={composeRich()}
              data-tip={composeRich() ? t("Write Markdown") : t("Write rich text")}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => {
                refocus = true;
                setComposeRich(!composeRich());
              }}
            >
              <Icon name="richText" size={17} />
            </button>
          </div>
          <Show when={tooLong() > -500}>
            <span class="composer-count" classList={{ "composer-over": tooLong() > 0 }} role="status">
              {tooLong() > 0
                ? t("{count} too many", { count: tooLong() })
                : t("{count} left", { count: -tooLong() })}
            </span>
          </Show>
          <Show
            when={props.mode === "edit"}
            fallback={
              <>
                <Show when={props.onSchedule}>
                  <button
                    type="button"
                    class="tool tool-sm"
                    aria-label={t("Send later")}
                    data-tip={t("Send later")}
                    disabled={!canSend() || uploads.busy()}
                    onPointerDown={(event) => event.preventDefault()}
                    onClick={() => props.onSchedule?.(value().trim(), cleared)}
                  >
                    <Icon name="clock" size={17} />
                  </button>
                </Show>
                <button
                  type="button"
                  class="send"
                  classList={{ "send-ready": canSend() }}
                  aria-label={t("Send message")}
                  data-tip={t("Send")}
                  disabled={!canSend()}
                  onPointerDown={(event) => event.preventDefault()}
                  onClick={submit}
                >
                  <Icon name="send" size={17} />
                </button>
              </>
            }
          >
            <button type="button" class="btn btn-sm btn-ghost" onClick={() => props.onCancel?.()}>
              {t("Cancel")}
            </button>
            <button type="button" class="btn btn-sm btn-primary" disabled={!canSend()} onClick={submit}>
              {t("Save")}
            </button>
          </Show>
        </div>
      </div>
      <Show when={problem()}>
        <p class="composer-problem" role="alert" data-testid="command-problem">
          {problem()}
        </p>
      </Show>
      {props.footer}
    </div>
  );
}
